"""How the rules of scipy.special are written down.

A line of a table names a function and gives one entry for each argument: a partial derivative,
`None` where the function is piecewise constant in it, `UNKNOWN` where it has a derivative that is
not known in closed form. A traced value there raises; it never counts as constant.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from sciad.core.apply import apply, bind
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import BY_CALLABLE, Elementwise, Substitute, register
from sciad.core.tracer import any_traced, as_array, is_wrapped, primal_of, shape_of

__all__ = [
    "UNKNOWN",
    "Outputs",
    "define",
    "define_outputs",
    "holds_traced",
    "is_below",
    "is_real",
    "left_without",
    "series",
    "where",
]

#: Stands for a partial derivative that is not known in closed form.
UNKNOWN = "unknown"


def define(name: str, *partials: Any) -> None:
    """Give a ufunc of scipy.special its partial derivatives, if this SciPy has it."""
    function = _found(name)
    if not isinstance(function, np.ufunc) or function in BY_CALLABLE:
        return
    known = tuple(None if p is UNKNOWN else p for p in partials)
    rule = Elementwise(function, known)
    unknown = frozenset(k for k, p in enumerate(partials) if p is UNKNOWN)
    if unknown:
        register(function, Substitute(function, _checked(rule, function, unknown)))
    else:
        register(function, rule)


def _found(name: str) -> Any:
    """Find a ufunc of scipy.special, also of those that SciPy's Python functions call."""
    return getattr(scipy.special, name, None) or getattr(scipy.special._ufuncs, name, None)


def _checked(rule: Any, function: Any, unknown: frozenset[int]) -> Callable[..., Any]:
    """Apply a rule, unless an argument without known derivative is traced."""

    def target(*args: Any, **kwargs: Any) -> Any:
        traced = [k for k in sorted(unknown) if k < len(args) and holds_traced(args[k])]
        if traced:
            name, numbers = function.__name__, " and ".join(str(k + 1) for k in traced)
            raise NotDifferentiableError(
                f"the derivative of scipy.special.{name} with respect to its argument {numbers} of"
                f" {function.nin} is not known in closed form",
                where=user_location(),
                hint="use sciad.stop_gradient on it if it is a constant, or give the function a"
                " rule with sciad.rule",
            )
        return apply(rule, function, args, kwargs)

    return target


def holds_traced(value: Any) -> bool:
    """Whether a value, or one in a list, is traced."""
    if isinstance(value, list | tuple) and not is_wrapped(value):
        return any(holds_traced(v) for v in value)
    return any_traced((value,))


class Outputs:
    """A ufunc with several outputs, each with its partial derivatives.

    Parameters
    ----------
    function : ufunc
    partials : tuple of tuples
        For each output one entry for each argument.
    active : frozenset of int
        The traced arguments; the others' partials are not evaluated.
    """

    def __init__(self, function: Any, partials: tuple, active: frozenset[int]) -> None:
        self.name = f"scipy.special.{function.__name__}"
        self.function = function
        self.partials = partials
        self.active = active

    def value(self, *args: Any) -> Any:
        """Evaluate the function."""
        if any(is_wrapped(a) for a in args):
            return bind(self, *args)
        return tuple(self.function(*args))

    def vjp(self, g: tuple, out: tuple, *args: Any) -> tuple:
        """Cotangents of the arguments."""
        found: list[Any] = [None] * len(args)
        for cotangent, row in zip(g, self.partials, strict=True):
            if not is_wrapped(cotangent) and not np.any(cotangent):
                continue  # an output that is not used; its partials may be infinite
            for k, partial in enumerate(row):
                if k in self.active and partial is not None:
                    part = cotangent * np.conjugate(partial(*args, out))
                    found[k] = part if found[k] is None else found[k] + part
        return tuple(found)

    def jvp(self, tangents: tuple, out: tuple, *args: Any) -> tuple:
        """Tangents of the outputs."""
        rows = []
        for row in self.partials:
            total: Any = None
            for partial, tangent in zip(row, tangents, strict=True):
                if tangent is not None and partial is not None:
                    with np.errstate(all="ignore"):
                        part = partial(*args, out) * tangent
                    total = part if total is None else total + part
            rows.append(total)
        return tuple(rows)


def define_outputs(name: str, *rows: tuple) -> None:
    """Give a ufunc with several outputs one row of partial derivatives for each output."""
    function = _found(name)
    if function is None or function in BY_CALLABLE:
        return
    unknown = frozenset(k for row in rows for k, p in enumerate(row) if p is UNKNOWN)
    checked = _checked(None, function, unknown)

    def target(*args: Any, **kwargs: Any) -> Any:
        if unknown and any(holds_traced(args[k]) for k in unknown):
            checked(*args)
        if kwargs or len(args) != function.nin:
            raise NotDifferentiableError(
                f"scipy.special.{name}: options are not supported on traced values",
                where=user_location(),
            )
        args = tuple(as_array(a) if isinstance(a, list | tuple) else a for a in args)
        shape = np.broadcast_shapes(*(shape_of(a) for a in args))
        active = frozenset(k for k, a in enumerate(args) if any_traced((a,)))
        args = tuple(
            np.broadcast_to(a, shape) if k in active and shape_of(a) != shape else a
            for k, a in enumerate(args)
        )
        return bind(Outputs(function, rows, active), *args)

    register(function, Substitute(function, target))


def left_without() -> None:
    """Have every other function of scipy.special raise an error that names it."""
    for function in {**vars(scipy.special._ufuncs), **vars(scipy.special)}.values():
        ours = isinstance(function, np.ufunc) and getattr(np, function.__name__, None) != function
        if ours and function not in BY_CALLABLE:
            unknown = frozenset(range(function.nin))
            register(function, Substitute(function, _refusing(function, unknown)))


def _refusing(function: Any, unknown: frozenset[int]) -> Callable[..., Any]:
    rule = Elementwise(function, (None,) * len(unknown))
    return _checked(rule, function, unknown)


# Helpers of the tables ---------------------------------------------------------------------------


def is_below(x: Any, bound: float) -> Any:
    """Whether the real part is below a bound, as plain truth values."""
    return np.less(np.real(primal_of(x)), bound)


def where(condition: Any, yes: Any, no: Any) -> Any:
    """``np.where`` that gives numbers for numbers."""
    found = np.where(condition, yes, no)
    return found[()] if type(found) is np.ndarray else found


def is_real(x: Any) -> bool:
    """Whether a value is real."""
    return not np.iscomplexobj(primal_of(x))


def series(x: Any, coefficients: Any) -> Any:
    """Polynomial in x, the constant term first (Horner's scheme)."""
    total: Any = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total

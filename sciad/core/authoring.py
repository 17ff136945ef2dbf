"""Rules that users write: one function for all kinds, checked, and undone again."""

import functools
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sciad.core.checked import Checked, Transposed, function_name
from sciad.core.classes import RUNNING
from sciad.core.entries import run as run_followed
from sciad.core.errors import InputError
from sciad.core.implicit import ImplicitFunction
from sciad.core.rules import (
    Elementwise,
    Key,
    Linear,
    Nondifferentiable,
    Rule,
    Substitute,
    Vjp,
    registered,
    restore,
)

__all__ = ["Registration", "rule"]

Part = Callable[..., Any]
Parts = Part | Sequence[Part | None]


#: Registrations that have not been undone, by function, from the first to the one that counts.
_layers: dict[Any, list["Registration"]] = {}


class Registration:
    """A rule that has been registered; ends with `undo`, or with the ``with`` block it heads.

    Parameters
    ----------
    key : callable
        The function.
    rule : Rule
        Its rule.
    """

    def __init__(self, key: Any, rule: Rule) -> None:
        self.key, self.rule = key, rule
        self._before = registered(key)
        self._active = True
        self._owner: Any = _owner_of_operator(key)
        if self._owner is not None:
            # Python itself calls operators: no call in the source that could be intercepted
            setattr(self._owner, key.__name__, _operator(key, rule))
        restore(key, rule)
        _layers.setdefault(key, []).append(self)

    def undo(self) -> None:
        """Give the function back the rule it had before, or none; one given later stays."""
        if not self._active:
            return
        self._active = False
        layers = _layers[self.key]
        place = layers.index(self)
        del layers[place]
        if place < len(layers):
            layers[place]._before = self._before
            return
        if not layers:
            del _layers[self.key]
        before = self._before
        restore(self.key, before)
        if self._owner is not None:
            method = self.key if before is None else _operator(self.key, before)
            setattr(self._owner, self.key.__name__, method)

    def __enter__(self) -> "Registration":
        return self

    def __exit__(self, *error: object) -> None:
        self.undo()

    def __repr__(self) -> str:
        return f"<{type(self.rule).__name__} rule of {function_name(self.key)}>"


def rule(
    function: Key | None = None,
    *,
    partials: Parts | None = None,
    transpose: Parts | None = None,
    argnums: int | Sequence[int] | None = None,
    vjp: Parts | None = None,
    jvp: Parts | None = None,
    residual: Part | None = None,
    solve: Part | None = None,
    tol: float | None = None,
    substitute: Part | None = None,
    nondifferentiable: bool = False,
) -> Any:
    """Teach sciad the derivative of a function, which need not be your own, at run time.

    A rule has one kind. Where several functions are asked for, there is one for each positional
    argument (``None`` for those without derivative); a single one stands for the first argument.
    They are called with the values one transformation down and written in NumPy: applied to traced
    values they are differentiated themselves, which gives all higher derivatives.

    Parameters
    ----------
    function : callable or str, optional
        A function, method, class (its constructor), or a name ``"module.qualname"``, which is
        imported. If it is left out, `rule` is a decorator of the function.
    partials : callables
        *Elementwise*: acts on each element, with broadcasting. ``partial(*args, out)`` is the
        derivative of the output to that argument.
    transpose : callables
        *Linear* in the arguments `argnums` (default: the first ones, as many as given), each while
        the others are held: ``transpose(cotangent, *args, **kwargs)`` applies the adjoint map
        (conjugate transpose). Of the argument itself only shape and type may be used.
    argnums : int or sequence of int
        With `transpose`: the arguments the function is linear in.
    vjp : callables
        *General*: ``vjp(cotangent, out, *args, **kwargs)`` is the cotangent of that argument.
    jvp : callables
        With or instead of `vjp`: ``jvp(tangent, out, *args, **kwargs)`` is that argument's part of
        the output's tangent. If one of the two is missing, the other, which is linear, is
        transposed.
    residual : callable
        *Implicit*: ``residual(out, *args, **kwargs)`` is zero at the result. The derivative is
        found by one linear solve; the function itself is called with plain numbers only.
    solve : callable
        With `residual`: ``solve(matvec, b)`` solves a linear system of real vectors, for instance
        by an iterative method; by default the Jacobian is a dense matrix.
    tol : float
        With `residual`: accepted distance from the root, relative to its size (default 1e-6).
    substitute : callable
        Is called instead, under differentiation.
    nondifferentiable : bool
        The derivative is zero wherever it exists.

    Returns
    -------
    Registration or decorator
        The registration has ``undo()`` and is a context manager: in ``with sciad.rule(...):`` the
        rule ends with the block. With a function and no kind, a decorator of what is substituted
        for it; with a kind and no function, a decorator of the function; both return what they
        decorate.

    Raises
    ------
    InputError
        If the options do not make one rule. When a rule is used: if what one of its functions
        returns does not fit the argument (shape, complex for real).

    Examples
    --------
    >>> import numpy as np
    >>> import sciad
    >>> @sciad.rule(partials=lambda x, out: 3.0 * x**2)
    ... def cube(x):
    ...     return x**3
    >>> sciad.grad(cube)(2.0)
    12.0
    >>> with sciad.rule(cube, partials=lambda x, out: 0.0 * x):
    ...     sciad.grad(cube)(2.0)
    0.0
    """
    kinds = {
        "partials": partials,
        "transpose": transpose,
        "vjp and jvp": vjp if vjp is not None else jvp,
        "residual": residual,
        "substitute": substitute,
        "nondifferentiable": nondifferentiable or None,
    }
    given = [name for name, value in kinds.items() if value is not None]
    for name, part in (("residual", residual), ("solve", solve), ("substitute", substitute)):
        if part is not None:
            _callable(part, name)
    if len(given) > 1:
        raise InputError(f"rule: {' and '.join(given)} were given, but a rule has one kind")
    _check_options(given, transpose=argnums, residual=solve if tol is None else tol)
    if not given:
        if function is None:
            raise InputError("rule: give a function, a kind of rule, or both")
        return _decorator_of_substitute(_resolved(function))

    def make(key: Any) -> Rule:
        if partials is not None:
            return Elementwise(key, _checked_partials(key, partials), trusted=False)
        if transpose is not None:
            return _linear(key, transpose, argnums)
        if residual is not None:
            root = ImplicitFunction(key, residual, solve, 1e-6 if tol is None else tol)
            return Substitute(key, root)
        if substitute is not None:
            return Substitute(key, substitute)
        return Nondifferentiable(key) if nondifferentiable else _general(key, vjp, jvp)

    if function is not None:
        key = _resolved(function)
        return Registration(key, make(key))

    def decorate(own: Part) -> Part:
        Registration(_resolved(own), make(own))
        return own

    return decorate


def _check_options(given: list[str], **options: Any) -> None:
    for kind, value in options.items():
        if value is not None and kind not in given:
            names = {"transpose": "argnums", "residual": "solve and tol"}
            raise InputError(f"rule: {names[kind]} can only be given with {kind}")


def _decorator_of_substitute(key: Any) -> Callable[[Part], Part]:
    def decorate(target: Part) -> Part:
        Registration(key, Substitute(key, _callable(target, "the decorated function")))
        return target

    return decorate


def _resolved(function: Any) -> Any:
    """Give the callable itself, also if its name is given."""
    if not isinstance(function, str):
        _callable(function, "the function")
        try:
            hash(function)
        except TypeError:
            raise InputError(f"rule: {function!r} cannot be hashed, give its type") from None
        return function
    module, _, rest = function.partition(".")
    if not rest:
        raise InputError(f"rule: a function's name must be 'module.qualname', not {function!r}")
    found, parts = _import(module), rest.split(".")
    for k, part in enumerate(parts):
        module = f"{module}.{part}"
        try:
            found = getattr(found, part)
        except AttributeError:
            found = _import(module) if k < len(parts) - 1 else None
            if found is None:
                raise InputError(f"rule: there is no {function!r}") from None
    return _callable(found, function)


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"rule: cannot import {module!r}: {error}") from None


def _callable(part: Any, what: str) -> Any:
    if not callable(part):
        raise InputError(f"rule: {what} must be callable, not {type(part).__name__}")
    return part


def _tuple(parts: Parts, what: str) -> tuple[Part | None, ...]:
    if not callable(parts) and not isinstance(parts, list | tuple):
        raise InputError(f"rule: {what} must be a function or a tuple of them, not {parts!r}")
    found = (parts,) if callable(parts) else tuple(parts)
    for part in found:
        if part is not None:
            _callable(part, what)
    if not any(part is not None for part in found):
        raise InputError(f"rule: {what} has no function", hint="use nondifferentiable=True")
    return found


# The kinds ---------------------------------------------------------------------------------------


def _checked_partials(key: Any, partials: Parts) -> tuple[Part | None, ...]:
    found = _tuple(partials, "partials")
    for part in found:
        if part is not None and not _takes(part, len(found) + 1):
            raise InputError(
                f"rule of {function_name(key)}: a partial must take the {len(found)} arguments and"
                " the output",
                hint="lambda x, out: ... for a function of one argument",
            )
    return tuple(part and _followed(part) for part in found)


def _followed(partial: Part) -> Part:
    """Follow a partial that calls more than NumPy (``math.cos``), for higher derivatives."""
    code = getattr(partial, "__code__", None)
    if code is not None and not code.co_freevars:
        scope = partial.__globals__
        if all(scope.get(name, np) is np for name in code.co_names):
            return partial

    @functools.wraps(partial)
    def followed(*args: Any) -> Any:
        return run_followed(partial, *args)

    return followed


def _takes(function: Part, count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # a C function does not tell
        return True
    return True


def _linear(key: Any, transpose: Parts, argnums: int | Sequence[int] | None) -> Linear:
    found = _tuple(transpose, "transpose")
    given: Any = range(len(found)) if argnums is None else argnums
    numbers = tuple(given) if isinstance(given, Sequence) else (given,)
    if not all(type(k) is int and k >= 0 for k in numbers):
        raise InputError(
            f"rule of {function_name(key)}: argnums must be numbers of arguments (0, 1, ...), not"
            f" {argnums!r}"
        )
    if len(numbers) != len(found) or None in found:
        raise InputError(
            f"rule of {function_name(key)}: {len(found)} transposes for the argnums {numbers}",
            hint="one function for each argument it is linear in",
        )
    parts = zip(numbers, found, strict=True)
    checked = tuple(Checked(key, "transpose", k, f, -1) for k, f in parts if f is not None)
    # forward mode calls the function on tangents, which outer transformations may follow
    return Linear(functools.partial(run_followed, key), numbers, checked, trusted=False)


def _general(key: Any, vjp: Parts | None, jvp: Parts | None) -> Vjp:
    ahead = None if jvp is None else _tuple(jvp, "jvp")
    pushed = None
    if ahead is not None:
        pushed = tuple(f and Checked(key, "jvp", k, f, None) for k, f in enumerate(ahead))
    if vjp is not None:
        back = _tuple(vjp, "vjp")
        pulled = tuple(f and Checked(key, "vjp", k, f, k) for k, f in enumerate(back))
        if ahead is not None and [f is None for f in ahead] != [f is None for f in back]:
            raise InputError(
                f"rule of {function_name(key)}: vjp and jvp are about different arguments"
            )
        return Vjp(key, pulled, pushed, trusted=False)
    assert pushed is not None
    transposed = tuple(f and Transposed(k, f) for k, f in enumerate(pushed))
    return Vjp(key, transposed, pushed, trusted=False)


# Operators of classes -----------------------------------------------------------------------------

_CALLED = frozenset({"__call__", "__init__", "__new__", "__post_init__"})


def _owner_of_operator(key: Any) -> type | None:
    """Find the class of which a function is an operator method."""
    parts = getattr(key, "__qualname__", "").split(".")
    if not isinstance(key, types.FunctionType) or len(parts) < 2:
        return None
    owner = _class_of(key)
    if owner is None:
        return None
    member = vars(owner).get(key.__name__)
    if isinstance(member, property):
        raise InputError(
            f"rule: {function_name(key)} is a property, which is read without a call",
            hint="give the rule to a function or method that the property calls",
        )
    name = key.__name__
    special = name.startswith("__") and name.endswith("__")
    return owner if member is key and special and name not in _CALLED else None


def _class_of(function: types.FunctionType) -> type | None:
    """Find the class in whose body a function was defined."""
    *path, _ = function.__qualname__.split(".")
    found: Any = sys.modules.get(function.__module__)
    for part in path:
        found = vars(found).get(part) if isinstance(found, type | types.ModuleType) else None
    if isinstance(found, type):
        return found
    for kind in _all_classes():  # a class defined in a function
        if kind.__qualname__ == ".".join(path) and function in vars(kind).values():
            return kind
    return None


def _all_classes() -> Iterator[type]:
    front = [object]
    while front:
        kind = front.pop()
        yield kind
        front.extend(type.__subclasses__(kind))


def _operator(original: Any, rule: Rule) -> Callable[..., Any]:
    """Make the method that stands in the class while an operator has a rule."""
    if not isinstance(rule, Substitute):
        raise InputError(
            f"rule: {function_name(original)} is an operator of a class, its rule must be a"
            " substitute",
            hint="a substitute may call a function that has a rule of another kind",
        )

    @functools.wraps(original)
    def operator(*args: Any) -> Any:
        return run_followed(rule.resolved, *args) if RUNNING.depth else original(*args)

    return operator

"""Partial derivatives at the speed of Python floats.

The partials of a rule are written for arrays, in calls of ``np``. For real scalars the same lambda
is given a namespace in which ``np.cos`` is ``math.cos``: four times faster on a float. Where
``math`` raises (overflow, division by zero) the NumPy version answers as IEEE 754 says.
"""

import dis
import inspect
import math
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sciad.core.rules import Elementwise

__all__ = [
    "ARRAY_CONSTANTS",
    "array_constant",
    "array_partial",
    "needed_arguments",
    "partial_value",
    "scalar_partial_value",
    "scalar_partials",
    "single_partial",
]


class _ScalarNumpy:
    """``np`` for floats; what is not listed comes from NumPy itself."""

    abs = absolute = fabs = staticmethod(math.fabs)
    cos = staticmethod(math.cos)
    sin = staticmethod(math.sin)
    tan = staticmethod(math.tan)
    exp = staticmethod(math.exp)
    expm1 = staticmethod(math.expm1)
    log = staticmethod(math.log)
    log1p = staticmethod(math.log1p)
    cosh = staticmethod(math.cosh)
    sinh = staticmethod(math.sinh)
    tanh = staticmethod(math.tanh)
    sqrt = staticmethod(math.sqrt)
    cbrt = staticmethod(math.cbrt)
    floor = staticmethod(math.floor)
    hypot = staticmethod(math.hypot)
    square = staticmethod(lambda x: x * x)

    @staticmethod
    def where(condition: Any, yes: Any, no: Any) -> Any:
        return yes if condition else no

    @staticmethod
    def sign(x: float) -> float:
        return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x * 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


SCALAR_NUMPY = _ScalarNumpy()


def scalar_partials(rule: Elementwise) -> tuple[Callable[..., Any] | None, ...]:
    """Give the partials of a rule as functions of plain floats; they may raise."""
    made = rule.scalar_partials
    if made is None:
        made = tuple(p if p is None else _for_floats(p) for p in rule.partials)
        object.__setattr__(rule, "scalar_partials", made)
    return made


def single_partial(rule: Elementwise) -> Any:
    """Give the partial of a function of one float; False for other functions."""
    partials = scalar_partials(rule)
    found: Any = len(partials) == 1 and (partials[0] or _zero)
    object.__setattr__(rule, "of_float", found)
    return found


def _zero(x: float, out: float) -> float:
    return 0.0


def _for_floats(partial: Callable[..., Any]) -> Callable[..., Any]:
    if not isinstance(partial, types.FunctionType):
        return partial
    scope = partial.__globals__
    namespace = {
        **{n: scope[n] for n in partial.__code__.co_names if n in scope},
        **{n: SCALAR_NUMPY for n in partial.__code__.co_names if scope.get(n) is np},
        "__builtins__": scope["__builtins__"],
    }
    return types.FunctionType(
        partial.__code__, namespace, partial.__name__, partial.__defaults__, partial.__closure__
    )


def scalar_partial_value(rule: Elementwise, k: int, values: tuple) -> Any:
    """Value of a partial at plain floats, by NumPy where ``math`` raises."""
    partial = scalar_partials(rule)[k]
    if partial is None:
        return 0.0
    try:
        p = partial(*(float(v) if type(v) is np.float64 else v for v in values))
    except (ArithmeticError, ValueError):
        return float(_by_numpy(rule.partials[k], values))
    # a power of a negative float is complex in Python; NumPy, which made the result, says nan
    return _by_numpy(rule.partials[k], values) if type(p) is complex else p


def partial_value(partial: Callable[..., Any], values: Sequence) -> Any:
    """Value of a partial, where floats of Python are divided and overflow as IEEE 754 says."""
    try:
        return partial(*values)
    except ArithmeticError:
        return partial(*(v if isinstance(v, np.ndarray) else v * np.float64(1.0) for v in values))


def _by_numpy(partial: Any, values: tuple) -> Any:
    with np.errstate(all="ignore"):
        return partial(*(np.float64(v) for v in values))


# What partials read ------------------------------------------------------------------------------


def needed_arguments(rule: Elementwise) -> frozenset[int]:
    """Positions of the arguments (the output last) whose values the partials read."""
    reads = tuple(frozenset(() if p is None else _read_arguments(p)) for p in rule.partials)
    found: frozenset[int] = frozenset().union(*reads)
    object.__setattr__(rule, "reads", reads)
    object.__setattr__(rule, "needed", found)
    return found


def _read_arguments(partial: Any) -> Iterator[int]:
    code = getattr(partial, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS or code.co_cellvars:
        yield from range(16)
        return
    read: set[Any] = set()
    for instruction in dis.get_instructions(code):
        if "FAST" in instruction.opname:  # from Python 3.13 on one may load two names
            found = instruction.argval
            read.update(found if type(found) is tuple else (found,))
    for k, name in enumerate(code.co_varnames[: code.co_argcount]):
        if name in read:
            yield k


def array_partial(rule: Elementwise) -> Any:
    """(partial, reads the argument, reads the result) of a function of one argument, else False.

    The partial is None if it is the result itself.
    """
    needed = rule.needed if rule.needed is not None else needed_arguments(rule)
    partial = rule.partials[0]
    found = (
        len(rule.partials) == 1
        and partial is not None
        and (_array_partial(partial), 0 in needed, 1 in needed)
    )
    object.__setattr__(rule, "of_array", found)
    return found


def _array_partial(partial: Callable[..., Any]) -> Callable[..., Any] | None:
    """Make ``1.0 - out * out`` compute with an array without axes instead of ``1.0``.

    NumPy takes half the time for it. Powers stay: NumPy knows squares by the number.
    """
    code = getattr(partial, "__code__", None)
    if code is None or partial.__closure__:
        return partial
    instructions = [i for i in dis.get_instructions(code) if i.opname != "RESUME"]
    if len(instructions) == 2 and instructions[0].argval == code.co_varnames[1]:
        return None
    operators = [i.argrepr for i in instructions if i.opname == "BINARY_OP"]
    if not operators or "**" in operators:
        return partial
    constants = tuple(array_constant(c) if type(c) is float else c for c in code.co_consts)
    made = types.FunctionType(
        code.replace(co_consts=constants), partial.__globals__, partial.__name__
    )
    made.__defaults__, made.__kwdefaults__ = partial.__defaults__, partial.__kwdefaults__
    return made


#: Numbers as arrays without axes.
ARRAY_CONSTANTS: dict[float, np.ndarray] = {}
_MOST_CONSTANTS = 256
_ZERO, _MINUS_ZERO = np.array(0.0), np.array(-0.0)
_ZERO.flags.writeable = _MINUS_ZERO.flags.writeable = False


def array_constant(value: float) -> Any:
    """Give a number as an array without axes, for operations with float64 arrays."""
    if not value:  # the table cannot tell 0.0 from -0.0
        return _ZERO if math.copysign(1.0, value) > 0.0 else _MINUS_ZERO
    made = np.array(value)
    made.flags.writeable = False
    if len(ARRAY_CONSTANTS) < _MOST_CONSTANTS:
        ARRAY_CONSTANTS[value] = made
    return made

"""Objects of the user's classes among the arguments of functions that compute with numbers.

``operator.mul(x, matrix)`` asks the methods of both, as ``x * matrix`` does. A rule would call the
function with the plain number, and take what a method of the user's made of it for a constant.
"""

import datetime
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sciad.core.errors import LostDerivativeError, user_location
from sciad.core.tracer import Array, Scalar, as_array, dtype_of, primal_of

__all__ = ["array_of", "by_methods", "has_outsider", "refuse_dtype", "standing_for_arrays"]

_HEAP_TYPE = 1 << 9  # flag of classes made by a class statement
_OF_NUMBERS = -1e6  # ``__array_priority__`` of NumPy's numbers, and of what has none
_USUAL = frozenset({Scalar, Array, float, int, np.float64, np.ndarray, list, tuple})
_NUMBERS = (numbers.Number, np.generic, np.ndarray)


def has_outsider(args: Sequence) -> bool:
    """Whether an object of a user's class is among some arguments."""
    for arg in args:
        kind = type(arg)
        if kind not in _USUAL and kind.__flags__ & _HEAP_TYPE and not isinstance(arg, _NUMBERS):
            return True
    return False


def standing_for_arrays(args: Sequence) -> list[Any]:
    """Give arrays in the place of objects of which NumPy makes arrays."""
    made = [_array(arg) if has_outsider((arg,)) else arg for arg in args]
    return [arg if new is None else new for arg, new in zip(args, made, strict=True)]


def array_of(box: Any, other: Any, product: bool = False) -> Any:
    """Array that NumPy makes of the other operand instead of asking its class; None if it asks.

    A ``product`` with a list repeats the list, or raises.
    """
    kind, own = type(other), type(primal_of(box))
    if isinstance(other, datetime.timedelta):
        raise LostDerivativeError(
            "a traced value is combined with a timedelta, which holds plain numbers",
            where=user_location(),
            hint="compute with delta.total_seconds()",
        )
    if not issubclass(own, np.ndarray | np.generic):
        return None
    if isinstance(other, list | tuple):
        repeated = product and kind.__mul__ in (list.__mul__, tuple.__mul__)
        return None if repeated else as_array(list(other))
    if not kind.__flags__ & _HEAP_TYPE:
        return None
    if hasattr(kind, "__array_ufunc__"):
        return None
    mine = 0.0 if own is np.ndarray else _OF_NUMBERS
    if getattr(other, "__array_priority__", _OF_NUMBERS) > mine:
        return None
    return _array(other)


def _array(other: Any) -> Any:
    """Array that NumPy makes of an object; None if it cannot be one of numbers."""
    kind = type(other)
    if hasattr(kind, "__array__"):
        return as_array(other)
    if isinstance(other, str | bytes | Mapping):
        return None
    if not hasattr(kind, "__len__") or not hasattr(kind, "__getitem__"):
        return None
    made = as_array(list(other))
    return made if dtype_of(made).kind in "biufc" else None


def refuse_dtype(function: Callable[..., Any], dtype: np.dtype) -> None:
    """Raise because the result of a function has elements that are no numbers."""
    raise LostDerivativeError(
        f"{getattr(function, '__name__', function)} of a traced value gives elements of type"
        f" {dtype}, which have no derivative",
        where=user_location(),
        hint="compute with floats: objects.astype(float), delta / np.timedelta64(1, 's')",
    )


def by_methods(function: Callable[..., Any], args: Sequence) -> Any:
    """Call a function that asks the methods of its arguments."""
    if getattr(function, "__module__", None) == "_operator":
        return function(*args)
    kinds = ", ".join(type(arg).__qualname__ for arg in args if has_outsider((arg,)))
    raise LostDerivativeError(
        f"{getattr(function, '__name__', function)} gets a traced value and an object of the class"
        f" {kinds}, whose methods would see plain numbers",
        where=user_location(),
        hint="use the operators and methods of the class, or give the function arrays",
    )

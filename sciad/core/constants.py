"""Arrays of traced code that nothing traced has reached yet: computed as plain NumPy does.

They are boxed only because traced values may be written into them later. A function that gets no
traced value works on their present content, and what it makes is such an array again.
"""

import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from sciad.core.buffer import constant
from sciad.core.tracer import Array, current

__all__ = ["OPERANDS", "computed", "present"]

#: Types of plain operands.
OPERANDS = frozenset({np.ndarray, float, int, bool, complex, np.float64, np.int64, np.complex128})
_CONTAINERS = frozenset({list, tuple})
_PLAIN = OPERANDS | {
    *(str, type(None), slice, type(Ellipsis), type, np.bool_, np.float32, np.int32, np.complex64),
    *(range, type(np.dtype("f8")), type(np._NoValue)),
}
_DISPATCHED = type(np.sum)
#: Functions that make something new of so many arguments, and write into none.
_READING = {
    **dict.fromkeys((np.sum, np.prod, np.mean, np.max, np.min, np.std, np.var, np.cumsum), 2),
    **dict.fromkeys((np.all, np.any, np.argmax, np.argmin, np.argsort, np.dot, np.outer), 2),
    np.where: 3,
}


def present(a: Any) -> Any:
    """Plain operand: as it is, or the content of an array without trace now, not to be kept.

    None for everything else.
    """
    if type(a) is Array:
        root = a.owner
        if root is None:
            value = a.value if a._trace is None else None
        elif root._trace is None:
            live = a.live
            value = live[1] if live is not None and live[0] is root.value else current(a)
        else:
            return None
        return value if type(value) is np.ndarray else None
    return a if type(a) in OPERANDS else None


def computed(function: Any, args: tuple, kwargs: dict) -> Any:
    """Call a NumPy function that gets no traced value; NotImplemented in all other cases.

    Its arguments are read-only: a function that writes into them has to be looked at more closely,
    and so has one that gives a view of them.
    """
    kind = type(function)
    if not kwargs and kind is _DISPATCHED and len(args) <= _READING.get(function, 0):
        values = [present(a) for a in args]
        if not any(value is None for value in values):
            return constant(function(*values))
    if kind is not _DISPATCHED and not (
        kind is types.BuiltinFunctionType and function.__module__ == "numpy"
    ):
        return NotImplemented
    lent: list[tuple[np.ndarray, Array]] = []
    plain = _opened(args, lent)
    options = _opened(kwargs.values(), lent) if kwargs else []
    if plain is None or options is None:
        return NotImplemented
    try:
        result = function(*plain, **dict(zip(kwargs, options, strict=True)))
    except ValueError as error:
        if "read-only" in str(error):
            return NotImplemented
        raise
    if type(result) is np.ndarray:
        return _boxed(result, lent)
    if type(result) in _CONTAINERS:
        parts = [_boxed(r, lent) if type(r) is np.ndarray else r for r in result]
        if any(part is NotImplemented for part in parts):
            return NotImplemented
        return type(result)(parts)
    return result if type(result) in _PLAIN else NotImplemented


def _boxed(result: np.ndarray, lent: list) -> Any:
    if result.base is not None or not result.flags.writeable:
        for array, box in lent:
            if result is array:
                return box
            if not result.size:
                return constant(result.copy())  # no memory to share
            if np.may_share_memory(result, array):
                return NotImplemented
    return constant(result)


def _opened(values: Iterable, lent: list) -> list | None:
    """Plain values for a function that does not write; None if that cannot be told."""
    opened: list[Any] = []
    for value in values:
        kind = type(value)
        if kind is Array:
            content = present(value)
            if content is None:
                return None
            array = content.view()
            array.flags.writeable = False
            lent.append((array, value))
            opened.append(array)
        elif kind in _CONTAINERS:
            inner = _opened(value, lent)
            if inner is None:
                return None
            opened.append(inner if kind is list else tuple(inner))
        elif kind in _PLAIN:
            opened.append(value)
        else:
            return None
    return opened

"""Plain arrays of followed code that only one name holds, and their boxes, made when needed.

`sciad.core.lone` finds names whose arrays nobody else can see. Such an array stays plain as long as
it meets plain values. Before it meets something else, or is handed on, it is boxed, and the name
stands for the box from there on: nobody is left who looks at the plain array. CPython's count of
references proves that; where others hold the array, it stays plain, as arrays from outside do.
"""

import sys
import weakref
from typing import Any

import numpy as np

from sciad.core.adoption import adopt_parts, is_whole
from sciad.core.buffer import constant
from sciad.core.reach import BOXES
from sciad.core.tracer import Array, trace_of

__all__ = ["LATE", "PLAIN_KINDS"]

#: Types of values that lead to no traced value, and run no code of the user.
PLAIN_KINDS = frozenset(
    {
        *(np.ndarray, float, int, bool, complex, type(None)),
        *(np.float64, np.float32, np.complex128, np.complex64, np.int64, np.int32, np.bool_),
    }
)


def lone_box(array: Any) -> Any:
    """Box of an array that only the name in the statement holds; other values as they are.

    Parameters
    ----------
    array : object
        What a local name holds.
    """
    if (
        type(array) is np.ndarray
        and sys.getrefcount(array) == _ALONE
        and is_whole(array)
        and not weakref.getweakrefcount(array)
    ):
        return constant(array)
    return array


def ready_box(array: Any, others: tuple) -> Any:
    """`lone_box`, if others that the array is computed with may keep it: traced or unknown ones."""
    for other in others:
        if type(other) not in PLAIN_KINDS and (type(other) is not Array or trace_of(other)):
            break
    else:
        return array
    if (
        type(array) is np.ndarray
        and sys.getrefcount(array) == _ALONE
        and is_whole(array)
        and not weakref.getweakrefcount(array)
    ):
        return constant(array)
    return array


def new_box(array: Any) -> Any:
    """Box of an array that an expression has just made; other values as they are."""
    if type(array) is np.ndarray and sys.getrefcount(array) == 2 and is_whole(array):
        return constant(array)
    return array


def content(made: Any) -> Any:
    """Array without its box, if nothing traced has reached it and nobody else has either.

    Parameters
    ----------
    made : object
        What an expression has just given.
    """
    if type(made) is not Array or made._trace is not None:
        return made
    value = made.value
    if (
        type(value) is np.ndarray
        and made.owned
        and made.owner is None
        and not (made.saved or made.readonly or made.shared or made.windows)
        and sys.getrefcount(made) == 2
        and sys.getrefcount(value) == 3
        and not weakref.getweakrefcount(made)
        and not weakref.getweakrefcount(value)
        and is_whole(value)
    ):
        return value
    return made


def given(result: Any) -> Any:
    """Take what a function of the user's has given, which could reach no traced value.

    Arrays in a container that only the caller holds are boxed, so that they can be written.
    """
    if type(result) in PLAIN_KINDS or type(result) in BOXES or sys.getrefcount(result) != 2:
        return result
    return adopt_parts(result)


def _count(array: Any) -> int:
    return sys.getrefcount(array)


def _count_alone() -> int:
    """Count the references of an array that a name holds, in a function that gets it."""
    array = np.zeros(1)
    return _count(array)


_ALONE = _count_alone()

#: By their names among the built-in ones.
LATE: dict[str, Any] = {
    "__sciad_lone__": lone_box,
    "__sciad_ready__": ready_box,
    "__sciad_new__": new_box,
    "__sciad_content__": content,
    "__sciad_given__": given,
    "__sciad_plain__": PLAIN_KINDS,
    "__sciad_ndarray__": np.ndarray,
}

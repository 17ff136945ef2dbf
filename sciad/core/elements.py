"""Arrays that are filled number by number: what was written is kept by place until it is needed.

A store of a traced number into an array of floats records nothing: the number is noted beside the
array, and a read of that place gives its derivative back directly. When the array is used as a
whole, one entry (or one update of the tangents) catches up with all of them. So a program that
computes with the elements of its buffers costs about as much as one on plain numbers.

While numbers are noted the array is its own `owner`: whatever looks for an array that is no view
takes the long way, where the notes are settled first.
"""

from typing import Any

import numpy as np

from sciad.core.tracer import FLOAT64, Array, Scalar, dtype_of, shape_of

__all__ = ["CONSTANT", "begin", "is_place", "place_in", "read", "settle", "write"]

#: Noted for a number without derivative.
CONSTANT = Scalar(0.0, None, None, 0.0)
_NUMBERS = frozenset({float, int, np.float64})


def is_place(index: Any) -> bool:
    """Whether an index is an int or a tuple of ints."""
    if type(index) is int:
        return True
    if type(index) is tuple:
        return all(type(i) is int for i in index)
    return False


def place_in(x: Array, index: Any) -> Any:
    """Key of an element in the notes, or None where an index does not name one element."""
    if type(index) is int:
        if x.rank != 1:
            return None
        return index if index >= 0 else index + shape_of(x.value)[0]
    if type(index) is not tuple or len(index) != x.rank or not is_place(index):
        return None
    if min(index) < 0:
        shape = shape_of(x.value)
        index = tuple(i if i >= 0 else i + n for i, n in zip(index, shape, strict=True))
    return index[0] if len(index) == 1 else index


def begin(root: Array, index: Any) -> bool:
    """Start to note what is written; whether `index` names one element of an array of floats."""
    rank = len(shape_of(root.value))
    if (
        rank == 0
        or (1 if type(index) is int else len(index)) != rank
        or dtype_of(root.value) is not FLOAT64
    ):
        return False
    root.elements, root.rank, root.owner, root.tape = {}, rank, root, None
    return True


def write(x: Array, index: Any, v: Any) -> bool:
    """Write and note a number; False where the long way is needed."""
    place, kind = place_in(x, index), type(v)
    if place is None:
        return False
    if kind is Scalar:
        if v._trace is not x._trace:
            return False
        new = v.value
        if type(new) is Scalar and type(x.value) is np.ndarray:
            return False
    elif kind in _NUMBERS:
        new, v = v, CONSTANT
    else:
        return False
    x.value[index] = new
    x.elements[place] = v
    x.version += 1
    return True


def read(x: Array, index: Any) -> Any:
    """Element that was noted, or one that was there before and is a constant, or None."""
    place = place_in(x, index)
    found = x.elements.get(place)
    if found is None:
        return x.value[index] if x.blank and place is not None else None
    value = x.value[index]
    return value if found is CONSTANT else Scalar(value, found._trace, found.slot, found.factor)


def settle(root: Array) -> None:
    """Bring the node of an array up to date with what was noted."""
    elements = root.elements
    root.elements = root.owner = None
    root.blank = False
    if elements:
        root._trace.store_elements(root, elements)

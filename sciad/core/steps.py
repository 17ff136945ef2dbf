"""Steps from an array to its views, and the parts of other arrays that they lead to.

A view is an owner and the steps from there to it: indices, and linear functions that return views.
The same steps lead to the part of an adjoint or of tangents that belongs to the view.
"""

from typing import Any

import numpy as np

from sciad.core.tracer import Array, primal_of, shape_of

__all__ = [
    "Call",
    "Index",
    "has_repeats",
    "is_basic",
    "last_writes",
    "locate",
    "plain_index",
    "scatter",
    "shares",
]


class Index:
    """The step ``a[index]``, on a value, on tangents, on an adjoint buffer."""

    split = False
    repeats = False

    def __init__(self, index: Any) -> None:
        self.index = index
        if type(index) is not int and type(index) is not slice:
            self.split = _advanced_parts_are_split(index)
            self.repeats = has_repeats(index)

    def apply(self, array: Any) -> Any:
        """Take the step on a value."""
        return array[self.index]

    def batched(self, tangents: Any) -> Any:
        """Take the step along a leading axis of directions."""
        if self.split:
            return np.stack([tangents[k][self.index] for k in range(len(tangents))])
        return tangents[self.batched_index()]

    def batched_index(self) -> tuple:
        """Index with a leading axis of directions."""
        index = self.index if type(self.index) is tuple else (self.index,)
        return (slice(None), *index)


class _Steps:
    """Default of `Array.ops`: the steps of a slice are made when somebody asks for them."""

    def __get__(self, array: Array | None, kind: type) -> tuple:
        if array is None or array.index is None:
            return ()
        array.ops = (Index(array.index),)
        return array.ops


Array.ops = _Steps()  # type: ignore[assignment]


class Call:
    """The step ``function(a, *args, **kwargs)`` of a linear function that returns a view."""

    __slots__ = ("args", "function", "kwargs", "together")

    def __init__(self, function: Any, args: tuple, kwargs: dict, together: Any) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.together = together

    def apply(self, array: Any) -> Any:
        """Take the step on a value."""
        return self.function(array, *self.args, **self.kwargs)

    def batched(self, tangents: Any) -> Any:
        """Take the step along a leading axis of directions."""
        if self.together is not None:
            return self.together(tangents, *self.args, **self.kwargs)
        return np.stack([self.apply(tangents[k]) for k in range(len(tangents))])


def _advanced_parts_are_split(index: Any) -> bool:
    """Whether NumPy would move the axis of the advanced indices to the front."""
    if type(index) is not tuple or not any(_is_array_index(i) for i in index):
        return False
    places = [
        k for k, i in enumerate(index) if _is_array_index(i) or isinstance(i, int | np.integer)
    ]
    return places[-1] - places[0] + 1 != len(places)


def _is_array_index(index: Any) -> bool:
    return isinstance(index, list | np.ndarray)


def is_basic(index: Any) -> bool:
    """Whether ``a[index]`` is a view in NumPy."""
    parts = index if type(index) is tuple else (index,)
    return all(
        i is None or i is Ellipsis or isinstance(i, slice | int | np.integer) for i in parts
    ) and not any(isinstance(i, bool) for i in parts)


def plain_index(index: Any) -> Any:
    """Copy the arrays of an index, so that nothing in it can change later."""
    if type(index) is tuple:
        return tuple(plain_index(i) for i in index)
    if type(index) is Array:
        index = np.asarray(index)
    if isinstance(index, list):
        return np.array(index) if index else np.array([], dtype=np.intp)
    if isinstance(index, np.ndarray):
        return index.copy()
    return index


# The same part of another array ------------------------------------------------------------------


def last_writes(buffer: Any, ops: tuple) -> np.ndarray | None:
    """Which elements of a written value stay, where an index names places twice; None for all.

    The last one stays: found by writing numbers through the same steps.
    """
    if not any(type(op) is Index and op.repeats for op in ops):
        return None
    places = _places(buffer, ops)
    numbers = np.arange(places.size).reshape(places.shape)
    marks = np.zeros(int(np.prod(shape_of(buffer))), dtype=np.intp)
    marks[places] = numbers
    stays = marks[places] == numbers
    return None if stays.all() else stays


def has_repeats(index: Any) -> bool:
    """Whether an index may name an element twice."""
    parts = index if type(index) is tuple else (index,)
    return any(isinstance(i, np.ndarray) and i.dtype.kind != "b" and i.size > 1 for i in parts)


def locate(buffer: Any, ops: tuple) -> tuple[Any, Any]:
    """(part, index): what the steps `ops` read is ``part[index]``."""
    index: Any = Ellipsis
    for k, op in enumerate(ops):
        if type(op) is Index and k == len(ops) - 1:
            index = op.index
        else:
            buffer = op.apply(buffer)
    return buffer, index


def shares(part: Any, buffer: Any) -> bool:
    """Whether a write to `part` goes to the memory of `buffer`."""
    if part is buffer:
        return True
    if type(part) is Array:
        root = buffer.owner if buffer.owner is not None else buffer
        return part.owner is root and primal_of(part).flags.writeable
    if type(part) is not np.ndarray:
        return False
    return part.flags.writeable and (part.size == 0 or np.may_share_memory(part, buffer))


def scatter(buffer: Any, ops: tuple, values: Any, add: bool) -> None:
    """Write through positions, where the steps do not give a view of the buffer."""
    part = _part_read(buffer, ops)
    if not part.shape:  # NumPy cannot name the place of a single number
        part = part.reshape(1)
    spots = np.unravel_index(_places(buffer, ops), part.shape)
    if add:
        np.add.at(part, spots, values)
    else:
        part[spots] = values


def _is_part(op: Any) -> bool:
    """Whether a step takes the real or the imaginary part, which has positions like the whole."""
    return type(op) is Call and op.function in (np.real, np.imag)


def _part_read(buffer: Any, ops: tuple) -> Any:
    """Real or imaginary part of a complex buffer if the steps read one, else the buffer."""
    for op in ops:
        if _is_part(op) and buffer.dtype.kind == "c":
            return op.apply(buffer)
    return buffer


def _places(buffer: Any, ops: tuple) -> Any:
    """Positions in a buffer, counted flat, of what the steps read."""
    places = np.arange(int(np.prod(shape_of(buffer)))).reshape(shape_of(buffer))
    for op in ops:
        if not _is_part(op):
            places = op.apply(places)
    return places

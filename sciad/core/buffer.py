"""Mutation of traced arrays: owners, views and writes in place.

An array that owns its memory is an *owner*; ``b[1:]``, ``b.T``, ``b.reshape(...)`` that share its
memory are *views*: an owner and the steps from it. All versions of an owner share one node, so that
a write costs what it writes: in reverse, a write takes the cotangent of what was written out of the
adjoint buffer, a read adds to it.

A value that somebody keeps (a rule for its backward pass, an older read) must not change. Reading
a whole owner marks it as *saved*: the next write first gives the owner a copy and a new node. Reads
of a view of an array that is being written take a copy of the view, so that time loops which fill
an array row by row stay linear in time and memory.
"""

from typing import Any

import numpy as np

from sciad.core.errors import LostDerivativeError, TracingError, user_location
from sciad.core.tracer import (
    Array,
    Scalar,
    current,
    is_wrapped,
    primal_of,
    shape_of,
    top_trace,
    trace_of,
    wrap,
)

__all__ = [
    "Call",
    "Index",
    "accumulate",
    "constant",
    "detach",
    "getitem",
    "locate",
    "operand",
    "scatter",
    "shares",
    "store",
    "view",
]


class Index:
    """The step ``a[index]``, on a value, on tangents, on an adjoint buffer."""

    __slots__ = ("index", "repeats", "split")

    def __init__(self, index: Any) -> None:
        self.index = index
        if type(index) is int or type(index) is slice:
            self.split = self.repeats = False
        else:
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


def _is_place(index: Any) -> bool:
    """Whether an index is an int or a tuple of ints."""
    if type(index) is int:
        return True
    if type(index) is tuple:
        return all(type(i) is int for i in index)
    return False


# Reading -----------------------------------------------------------------------------------------


def constant(value: Any) -> Any:
    """Box a fresh plain array, so that traced values can be written into it later."""
    if type(value) is np.ndarray and value.dtype.kind in "fc":
        made = Array(value)
        made.owned = value.flags.writeable
        made.hot = True
        return made
    return value


def refresh(view: Array) -> None:
    """Let a view stand for the present content of its owner."""
    root = view.owner
    assert root is not None
    value = current(view)
    if root.hot:
        value = value.copy("K")
    else:
        root.saved = True
    view.value = value
    view._trace = root._trace
    view.node = None if root._trace is None else root._trace.load(root, view.ops, value)
    view.version = root.version


def operand(x: Any, trace: Any) -> tuple[Any, Any]:
    """(value below `trace`, node in it or None) of an argument; what is returned stays as it is."""
    kind = type(x)
    if kind is Scalar:
        return (x.value, x.node) if x._trace is trace else (x, None)
    if kind is not Array:
        return x, None
    root = x.owner
    if root is None:
        x.saved = True
    elif x.version != root.version:
        refresh(x)
    if x._trace is trace:
        return x.value, x.node
    if x._trace is None:
        return operand(x.value, trace) if is_wrapped(x.value) else (x.value, None)
    return detach(x), None


def detach(x: Any) -> Any:
    """Give a boxed value that later writes to `x` do not change."""
    if type(x) is not Array:
        return x
    value, node = operand(x, trace_of(x))
    return value if trace_of(x) is None else Array(value, x._trace, node)


def view(x: Array, op: Any, value: Any) -> Array:
    """Make the view ``op(x)``, whose value now is `value`."""
    root = x.owner if x.owner is not None else x
    made = Array(value, root._trace)
    made.owner = root
    made.ops = (*x.ops, op)
    made.live = (root.value, value)
    made.version = -1  # no node yet: it is recorded when the view is used
    return made


def getitem(x: Array, index: Any) -> Any:
    """``x[index]``: a view, or a copy for a number and for advanced indices."""
    if x.owner is None and _is_place(index):
        value = x.value[index]
        if type(value) is np.float64:
            trace = x._trace
            return value if trace is None else Scalar(value, trace, trace.load_element(x, index))
        if type(value) is np.ndarray and type(index) is int:
            return view(x, Index(index), value)
    live = current(x)
    if type(index) is not int:
        index = plain_index(index)
    value = live[index]
    root = x.owner if x.owner is not None else x
    if is_basic(index):
        if type(value) is np.ndarray or (type(value) is Array and value.owner is not None):
            return view(x, Index(index), value)
    elif root._trace is None:
        return constant(value) if not is_wrapped(value) else value
    trace = root._trace
    if trace is None:
        return value
    return wrap(value, trace, trace.load(root, (*x.ops, Index(index)), value))


# Writing -----------------------------------------------------------------------------------------


def promote(root: Array, trace: Any) -> None:
    """Make an owner a traced array of a (higher) level."""
    if root._trace is not None:
        inner = Array(root.value, root._trace, root.node)
        inner.owned, inner.saved, inner.hot = root.owned, root.saved, root.hot
        root.value = inner
        root.saved = False
        root.owned = True
    root.node = trace.zero_node(root.value)
    root._trace = trace


def prepare_write(root: Array) -> None:
    """Give the owner memory and a node that nobody else looks at."""
    if root.shared:
        raise TracingError(
            "an argument is written in place whose memory is also that of another argument",
            where=user_location(),
            hint="pass a copy: x.copy()",
        )
    if root.saved or not root.owned:
        if type(root.value) is Array and root.value.owner is None and root.value._trace is None:
            root.value = constant(np.copy(root.value.value))
        else:
            root.value = np.copy(root.value)
        if root._trace is not None:
            root.node = root._trace.copy_node(root)
        root.saved = False
        root.owned = True
    root.hot = True


def _open_for(x: Array, v: Any) -> Array:
    """Owner of x, ready to take v."""
    root = x.owner if x.owner is not None else x
    trace = top_trace((v,))
    if trace is not None and (root._trace is None or trace.level > root._trace.level):
        promote(root, trace)
    prepare_write(root)
    return root


def _live_target(x: Array, root: Array, value: Any) -> Any:
    if is_wrapped(value) and type(root.value) is np.ndarray:
        root.value = constant(root.value)
    live = current(x)
    if live is not root.value and type(live) is np.ndarray:
        if live.size and not np.may_share_memory(live, root.value):
            raise TracingError("this view cannot be written through", where=user_location())
        if not live.flags.writeable and root.value.flags.writeable:
            raise ValueError("assignment destination is read-only")
    return live


def store(x: Array, index: Any, v: Any) -> None:
    """``x[index] = v``."""
    if type(v) is Scalar and x.owned and not x.saved and v._trace is x._trace and _is_place(index):
        value = x.value  # only owners of memory are owned
        if type(value) is np.ndarray and type(v.value) is not Scalar:
            before = value[index]
            if type(before) is np.float64:
                value[index] = v.value
                x._trace.store_element(x, index, v.node)
                x.version += 1
                return
    if type(v) in (list, tuple):
        v = np.stack([np.asarray(e) if not is_wrapped(e) else e for e in v]) if v else np.array(v)
    if type(v) is Array and _same_place(x, index, v):
        return  # x[i] += y has written already
    if type(index) is not int:
        index = plain_index(index)
    root = _open_for(x, v)
    value, node = operand(v, root._trace)  # before the write; a view of the same owner is copied
    _live_target(x, root, value)[index] = value
    if root._trace is not None:
        root._trace.store(root, (*x.ops, Index(index)), value, node)
    root.version += 1


def _same_place(x: Array, index: Any, v: Array) -> bool:
    root = x.owner if x.owner is not None else x
    if v.owner is not root or not is_basic(index):
        return False
    here, there = current(x)[index], current(v)
    while type(here) is Array and type(there) is Array:
        here, there = current(here), current(there)
    if type(here) is not np.ndarray or type(there) is not np.ndarray:
        return False
    return (
        here.ctypes.data == there.ctypes.data
        and here.strides == there.strides
        and here.shape == there.shape
    )


def accumulate(x: Array, v: Any) -> Array:
    """``x += v``."""
    root = _open_for(x, v)
    value, node = operand(v, root._trace)
    live = _live_target(x, root, value)
    live += value
    if root._trace is not None and node is not None:
        root._trace.store(root, x.ops, value, node, add=True)
    root.version += 1
    return x


# Parts of an array beside the owner (its adjoint, its tangents in one direction) ------------------


def last_writes(buffer: Any, ops: tuple) -> np.ndarray | None:
    """Which elements of a written value stay, where an index names places twice; None for all.

    The last one stays: found by writing numbers through the same steps.
    """
    if not any(type(op) is Index and op.repeats for op in ops):
        return None
    size = int(np.prod(shape_of(buffer)))
    places = np.arange(size).reshape(shape_of(buffer))
    for op in ops:
        places = op.apply(places)
    numbers = np.arange(places.size).reshape(places.shape)
    marks = np.zeros(size, dtype=np.intp)
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
    places = np.arange(buffer.size).reshape(buffer.shape)
    for op in ops:
        places = op.apply(places)
    spots = np.unravel_index(places, buffer.shape)
    if add:
        np.add.at(buffer, spots, values)
    else:
        buffer[spots] = values


def refuse_plain(target: Any) -> None:
    """Raise because a traced value would be written into an array sciad does not follow."""
    raise LostDerivativeError(
        "a traced value is written into a plain array that was not created in the differentiated"
        f" code (shape {shape_of(target)}, dtype {getattr(target, 'dtype', type(target))})",
        where=user_location(),
        hint="create the array inside the function (np.zeros, np.empty, np.copy, ...) or pass it as"
        " a differentiated argument",
    )

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

from sciad.core.elements import CONSTANT, begin, is_place, read, settle, write
from sciad.core.errors import LostDerivativeError, TracingError, user_location
from sciad.core.steps import Index, is_basic, plain_index
from sciad.core.tracer import (
    FLOAT64,
    Array,
    Scalar,
    as_array,
    boxed,
    current,
    is_wrapped,
    primal_of,
    shape_of,
    top_trace,
    trace_of,
    wrap,
)

__all__ = [
    "accumulate",
    "accumulate_at",
    "constant",
    "detach",
    "getitem",
    "opened",
    "operand",
    "prepare_write",
    "read_only",
    "refresh",
    "refuse_plain",
    "store",
    "view",
]


# Reading -----------------------------------------------------------------------------------------


def constant(value: Any) -> Any:
    """Box a fresh plain array, so that traced values can be written into it later."""
    if type(value) is np.ndarray and (value.dtype is FLOAT64 or value.dtype.kind in "fc"):
        made = Array()
        made.value, made.hot = value, True
        if value.base is None or value.flags.writeable:
            made.owned = True
        return made
    return value


def opened(view: Array) -> list | None:
    """Let a slice of an array with its tape at hand stand for what that is now; give the tape.

    None for anything else, where nothing happens.
    """
    root = view.owner
    if root is None or view.index is None:
        return None
    entries = root.tape
    if entries is not None and view.version != root.version:
        value = root.value
        if view.live[0] is not value:
            return None
        root.saved = True
        view.value = view.live[1]
        entries.append((root.node, view.index, value.shape))
        view.node = len(entries) - 1
        view.version = root.version
    return entries


def refresh(view: Array) -> None:
    """Let a view stand for the present content of its owner."""
    if opened(view) is not None:
        return
    root = view.owner
    assert root is not None
    if root.elements is not None:
        settle(root)
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
    if root is None or root is x:
        if x.elements is not None:
            settle(x)
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
    return value if trace_of(x) is None else boxed(value, x._trace, node)


def view(x: Array, op: Any, value: Any) -> Array:
    """Make the view ``op(x)``, whose value now is `value`."""
    root = x.owner if x.owner is not None else x
    made = boxed(value, root._trace)
    made.owner = root
    made.ops = (*x.ops, op)
    made.live = (root.value, value)
    made.version = -1  # no node yet: it is recorded when the view is used
    if x.readonly:
        made.readonly = True
    return made


def getitem(x: Array, index: Any) -> Any:
    """``x[index]``: a view, or a copy for a number and for advanced indices."""
    if type(index) is slice and (
        x.tape is not None or (x._trace is None and x.owner is None and type(x.value) is np.ndarray)
    ):
        value = x.value
        part = value[index]
        made = Array()
        made.value, made._trace = part, x._trace
        made.owner, made.index, made.live = x, index, (value, part)
        entries = x.tape
        if entries is None:
            made.version = -1  # no node yet, as in `view`
        else:
            x.saved = True  # the first write copies in any case
            entries.append((x.node, index, value.shape))
            made.node, made.version = len(entries) - 1, x.version
        if x.readonly:
            made.readonly = True
        return made
    elements = x.elements
    if elements is not None:
        if type(index) is int and index >= 0 and x.rank == 1:
            found = elements.get(index)
            if found is None and x.blank:
                return x.value[index]
        else:
            found = read(x, index)
            if found is not None:
                return found
        if found is not None:
            value = x.value[index]
            if found is CONSTANT:
                return value
            return Scalar(value, found._trace, found.slot, found.factor)
    if (x.owner is None or elements is not None) and (type(index) is int or is_place(index)):
        value = x.value[index]
        if type(value) is np.float64:
            trace = x._trace
            return value if trace is None else Scalar(value, trace, trace.load_element(x, index))
        if type(value) is np.ndarray and type(index) is int:
            return view(x, Index(index), value)
    live = current(x)
    if type(index) is slice and type(live) is np.ndarray:
        return view(x, Index(index), live[index])
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
    if root.elements is not None:
        settle(root)
    return wrap(value, trace, trace.load(root, (*x.ops, Index(index)), value))


# Writing -----------------------------------------------------------------------------------------

_NUMBERS = frozenset({float, int, np.float64})
_READ_ONLY = "assignment destination is read-only"


def promote(root: Array, trace: Any) -> None:
    """Make an owner a traced array of a (higher) level."""
    if root.elements is not None:
        settle(root)
    if root._trace is not None:
        inner = boxed(root.value, root._trace, root.node)
        inner.owned, inner.saved, inner.hot = root.owned, root.saved, root.hot
        root.value = inner
        root.saved = False
        root.owned = True
    root.node = trace.zero_node(root.value)
    root._trace = trace
    root.blank = True
    root.version += 1  # views look again, even if the write fails


def prepare_write(root: Array) -> None:
    """Give the owner memory and a node that nobody else looks at."""
    root.tape = None
    if root.elements is not None:
        settle(root)
    if root.shared:
        raise TracingError(
            "an array is written in place whose memory is also that of another argument, or of"
            " another result of a function",
            where=user_location(),
            hint="pass a copy: x.copy()",
        )
    if root.windows and any(w() is not None for w in root.windows):
        raise TracingError(
            "an array is written in place that code which sciad does not follow still holds: it"
            " would not see the write",
            where=user_location(),
            hint="give that code a copy: x.copy()",
        )
    if root.saved or not root.owned:
        plain = primal_of(root.value)
        if not isinstance(plain, np.ndarray):
            raise TypeError(f"'{type(plain).__name__}' object does not support item assignment")
        if not plain.flags.writeable:
            raise ValueError(_READ_ONLY)
        if type(root.value) is Array and root.value.owner is None and root.value._trace is None:
            root.value = constant(np.copy(root.value.value))
        else:
            root.value = np.copy(root.value)
        if root._trace is not None:
            root.node = root._trace.copy_node(root)
        root.saved = False
        root.owned = not root.readonly
    root.hot = True


def read_only(x: Array) -> None:
    """Raise where the program has made an array read-only."""
    if x.readonly:
        raise ValueError(_READ_ONLY)


def _open_for(x: Array, v: Any) -> Array:
    """Owner of x, ready to take v."""
    read_only(x)
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
            raise ValueError(_READ_ONLY)
    return live


def store(x: Array, index: Any, v: Any) -> None:
    """``x[index] = v``."""
    elements = x.elements
    if elements is not None:
        if type(index) is int and index >= 0 and x.rank == 1 and type(v) is Scalar:
            new = v.value
            if v._trace is x._trace and (type(new) is not Scalar or type(x.value) is Array):
                x.value[index] = new
                elements[index] = v
                x.version += 1
                return
        if write(x, index, v):
            return
    elif type(v) is Array and v._trace is x._trace and x.owned and not x.saved:
        kind = type(index)
        if (kind is slice or kind is int or (kind is tuple and x._trace is None)) and _store_part(
            x, index, v
        ):
            return
    elif type(v) in _NUMBERS and x._trace is None and x.owned and not x.saved:
        x.value[index] = v
        x.version += 1
        return
    if _store_constant(x, index, v):
        return
    if type(v) in (list, tuple):
        v = as_array(v)
    if type(v) is Array and _same_place(x, index, v):
        return  # x[i] += y has written already
    if type(index) is not int:
        index = plain_index(index)
    root = _open_for(x, v)
    if root is x and root._trace is not None and is_place(index) and begin(root, index):
        if write(root, index, v):
            return
        settle(root)
    value, node = operand(v, root._trace)  # before the write; a view of the same owner is copied
    _live_target(x, root, value)[index] = value
    if root._trace is not None:
        root.blank = False
        root._trace.store(root, (*x.ops, Index(index)), value, node)
    root.version += 1


def _store_constant(x: Array, index: Any, v: Any) -> bool:
    """Write plain numbers into an array without trace; or do nothing."""
    root = x if x.owner is None else x.owner
    if root._trace is not None or root.saved or not root.owned or root.shared or root.windows:
        return False
    if type(v) is Array:
        source = v if v.owner is None else v.owner
        if source._trace is not None:
            return False
        v = current(v)
    elif type(v) is Scalar or type(v) in (list, tuple):
        return False
    if type(root.value) is not np.ndarray or is_wrapped(v) or x.readonly:
        return False
    if type(index) is not int and type(index) is not slice:
        index = plain_index(index)
    _live_target(x, root, v)[index] = v
    root.tape, root.hot = None, True
    root.version += 1
    return True


def _store_part(x: Array, index: Any, v: Array) -> bool:
    """Write a plain array into a row or slice of an array of the same trace; or do nothing."""
    trace, value, new = x._trace, x.value, v.value
    if v.owner is not None or x.readonly or type(value) is not np.ndarray:
        return False
    if type(new) is not np.ndarray or new.dtype is not value.dtype:
        return False
    value[index] = new
    if trace is not None:
        x.blank = False
        trace.store(x, (Index(index),), new, v.node)
    x.version += 1
    return True


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
        and here.dtype == there.dtype  # the real part of a complex array starts where it does
        and here.strides == there.strides
        and here.shape == there.shape
    )


def accumulate(x: Array, v: Any, sign: float = 1.0) -> Array:
    """``x += v``, or ``x -= v`` for a negative sign."""
    root = _open_for(x, v)
    value, node = operand(v, root._trace)
    live = _live_target(x, root, value)
    if sign > 0.0:
        live += value
    else:
        live -= value
    if root._trace is not None and node is not None:
        root.blank = False
        root._trace.store(root, x.ops, value, node, add=sign)
    root.version += 1
    return x


def accumulate_at(x: Array, index: Any, v: Any, sign: float = 1.0) -> None:
    """``np.add.at(x, index, v)``, or ``np.subtract.at`` for a negative sign."""
    index = plain_index(index)
    root = _open_for(x, v)
    value, node = operand(v, root._trace)
    live = _live_target(x, root, value)
    (np.add if sign > 0.0 else np.subtract).at(live, index, value)
    if root._trace is not None and node is not None:
        root.blank = False
        root._trace.store(root, (*x.ops, Index(index)), value, node, add=sign)
    root.version += 1


def refuse_plain(target: Any) -> None:
    """Raise because a traced value would be written into an array sciad does not follow."""
    raise LostDerivativeError(
        "a traced value is written into a plain array that was not created in the differentiated"
        f" code, or that others hold too (shape {shape_of(target)}, dtype"
        f" {getattr(target, 'dtype', type(target))})",
        where=user_location(),
        hint="create the array inside the function (np.zeros, np.empty, np.copy, ...) or pass it as"
        " a differentiated argument",
    ) from None

"""Arrays in another arrangement: reshaped, transposed, joined, repeated, flipped, rolled.

What NumPy gives as a view is one here too (of memory: other strides; of a small array: other
numbers of the same cells); the rest are recipes, which `settled` writes to new memory.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.kinds import element_type
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    Elements,
    ListOf,
    Memory,
    Object,
    StaticArray,
    TupleOf,
)
from sciad.compiler.ir import Const, Operand, const
from sciad.compiler.vocabulary import arrays, indexing, whole
from sciad.compiler.vocabulary.reductions import size_of
from sciad.compiler.vocabulary.signature import axes_of, axis_of, bound, known_int

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["FUNCTIONS", "METHODS"]

_ZERO, _ONE = const(0), const(1)
Indices = tuple[Operand, ...]


def _array(low: Lowering, value: Abstract, node: ast.AST) -> StaticArray | Memory:
    """Take a value as an array that lies somewhere; a number as one element."""
    if is_scalar(value):
        return arrays.listed(low, [value], (), node, value.type)
    return arrays.settled(low, whole.from_items(low, value, node), node)


# -- views ---------------------------------------------------------------------------------------
def _transposed(low: Lowering, value: Any, order: tuple[int, ...]) -> Abstract:
    if isinstance(value, StaticArray):
        return StaticArray(value.cells, value.index.transpose(order))
    shape = tuple(value.shape[d] for d in order)
    strides = tuple(value.strides[d] for d in order)
    return Memory(value.buffer, value.offset, shape, strides, value.writable)


def _transpose(low, args, named, node) -> Abstract:
    value = _array(low, args[0], node)
    ndim = len(value.shape)
    given = list(args[1:]) or [v for v in (named.get("axes"),) if v is not None]
    if not given:
        return _transposed(low, value, tuple(reversed(range(ndim))))
    axes = given if len(given) > 1 else indexing.sequence(low, given[0], node)
    order = tuple(axis_of(low, a, ndim, node) for a in axes)
    if sorted(order) != list(range(ndim)):
        low.refuse("the axes of a transposition are not a permutation", node)
    return _transposed(low, value, order)


def _swapaxes(low, args, named, node) -> Abstract:
    given = bound(low, "a axis1 axis2", args, named, node)
    value = _array(low, given["a"], node)
    order = list(range(len(value.shape)))
    i, j = (axis_of(low, given[k], len(order), node) for k in ("axis1", "axis2"))
    order[i], order[j] = j, i
    return _transposed(low, value, tuple(order))


def _step(low: Lowering, value: Memory) -> Operand | None:
    """Distance in memory of consecutive elements in C order, None if it varies."""
    found: Operand | None = None
    expected: Operand = _ONE
    for n, stride in zip(reversed(value.shape), reversed(value.strides), strict=True):
        if n == _ONE:
            continue
        if found is None:
            found = stride
        elif stride is not expected and stride != expected:
            return None
        expected = arrays.times(low, n, stride)
    return _ONE if found is None else found


def _reshape(low, args, named, node) -> Abstract:
    value = _array(low, args[0], node)
    sizes = [*args[1:], *([named["shape"]] if "shape" in named else [])]
    if set(named) - {"shape"} or not sizes:
        low.refuse(f"{ast.unparse(node.func)} with these arguments", node, "give the shape only")
    if len(sizes) == 1 and not is_scalar(sizes[0]):
        sizes = indexing.sequence(low, sizes[0], node)
    return _reshaped(low, value, [low.as_scalar(n, node) for n in sizes], node)


def _reshaped(low: Lowering, value: Any, sizes: list[Operand], node: ast.AST) -> Abstract:
    total = size_of(low, arrays.shape_of(low, value, node))
    shape = _filled_in(low, total, sizes, node)
    if isinstance(value, StaticArray):
        if all(isinstance(n, Const) for n in shape):
            return _reshaped_cells(low, value, tuple(int(n.value) for n in shape), node)
        value = arrays.as_memory(low, value, node)
    step = _step(low, value)
    strides = arrays._strides(low, shape)
    if step is not None:
        strides = tuple(arrays.times(low, s, step) for s in strides)
        return Memory(value.buffer, value.offset, shape, strides, value.writable)
    if len(shape) > 1:  # NumPy makes a view of it or a copy, as the lengths happen to be
        low.refuse("a view with gaps is reshaped", node, "reshape a copy: x.copy().reshape(...)")
    copy: Any = indexing.copied(low, value, node)
    if isinstance(copy, StaticArray):
        return _reshaped(low, copy, sizes, node)
    return Memory(copy.buffer, copy.offset, shape, strides, False)


def _reshaped_cells(
    low: Lowering, value: StaticArray, shape: tuple[int, ...], node: ast.AST
) -> StaticArray | Memory:
    """Reshape a small array: a view where NumPy makes one, else a copy."""
    index = value.index.reshape(shape)
    if np.shares_memory(index, value.index) or not index.size:
        return StaticArray(value.cells, index)
    items = [low.cell(value.cells, int(k)) for k in index.ravel()]
    return arrays.listed(low, items, shape, node, value.cells.element)


def _filled_in(low: Lowering, total: Operand, sizes: list[Operand], node: ast.AST) -> Indices:
    """Work out the one length that may be given as -1, and check the others."""
    unknown = [k for k, n in enumerate(sizes) if n == const(-1)]
    if len(unknown) > 1:
        low.refuse("a shape with more than one -1", node)
    given = size_of(low, tuple(n for k, n in enumerate(sizes) if k not in unknown))
    shape = list(sizes)
    if unknown:
        if given == _ZERO:
            low.refuse("a shape with -1 beside a 0", node)
        shape[unknown[0]] = low.b.pure("floordiv", total, given)
        given = arrays.times(low, given, shape[unknown[0]])
    if given is not total and given != total:
        if isinstance(given, Const) and isinstance(total, Const):
            low.refuse(f"{total.value} elements do not fit into this shape", node)
        message = "an array cannot be reshaped: the number of elements differs"
        low.check(low.b.compare("eq", given, total), "ValueError", message, node)
    return tuple(shape)


def _ravel(low, args, named, node) -> Abstract:
    given = bound(low, "a", args, named, node)
    return _reshaped(low, _array(low, given["a"], node), [const(-1)], node)


def _flatten(low, args, named, node) -> Abstract:
    given = bound(low, "a", args, named, node)
    return _reshaped(low, indexing.copied(low, given["a"], node), [const(-1)], node)


def _expand_dims(low, args, named, node) -> Abstract:
    given = bound(low, "a axis", args, named, node)
    value = _array(low, given["a"], node)
    axis = axis_of(low, given["axis"], len(value.shape) + 1, node)
    every = indexing.Slice(None, None, None)
    index: list[Any] = [every] * len(value.shape)
    index.insert(axis, Object(None))
    return indexing.item(low, value, tuple(index), node)


def _squeeze(low, args, named, node) -> Abstract:
    given = bound(low, "a axis", args, named, node)
    value = _array(low, given["a"], node)
    shape = arrays.shape_of(low, value, node)
    axes = axes_of(low, given["axis"], len(shape), node) if "axis" in given else None
    if axes is None:
        if not all(isinstance(n, Const) for n in shape):
            low.refuse("np.squeeze of an array whose shape is not known", node, "give axis=")
        axes = tuple(d for d, n in enumerate(shape) if n == _ONE)
    for d in axes:
        if shape[d] != _ONE:
            one = low.b.compare("eq", shape[d], _ONE)
            low.check(one, "ValueError", "np.squeeze of an axis whose length is not 1", node)
    every = indexing.Slice(None, None, None)
    index = tuple(_ZERO if d in axes else every for d in range(len(shape)))
    return indexing.item(low, value, index, node)


def _flip(axis: int | None) -> Callable:
    def flip(low, args, named, node) -> Abstract:
        given = bound(low, "m axis" if axis is None else "m", args, named, node)
        value = _array(low, given["m"], node)
        ndim = len(value.shape)
        axes = axes_of(low, given.get("axis"), ndim, node) if axis is None else (axis,)
        turned = indexing.Slice(None, None, const(-1))
        every = indexing.Slice(None, None, None)
        index = tuple(turned if d in axes else every for d in range(ndim))
        return indexing.item(low, value, index, node)

    return flip


# -- joining -------------------------------------------------------------------------------------
def _joined(low: Lowering, parts: list[Elements], axis: int, node: ast.AST) -> Abstract:
    """Write arrays one behind the other along an axis."""
    first = parts[0].shape
    if any(len(p.shape) != len(first) for p in parts):
        low.refuse("arrays of different dimensions are joined", node)
    for p in parts[1:]:
        for d, n in enumerate(p.shape):
            if d != axis:
                _equal(low, n, first[d], node)
    total: Operand = _ZERO
    starts = []
    for p in parts:
        starts.append(total)
        total = low.b.add(total, p.shape[axis])
    shape = (*first[:axis], total, *first[axis + 1 :])
    kind = max((element_type(low, p) for p in parts), key=lambda k: k.rank)
    made: Any = arrays.allocate(low, shape, "empty", node, element=kind)
    if isinstance(made, StaticArray):
        _fill_cells(low, made, parts, starts, axis, kind)
        return made
    for p, start in zip(parts, starts, strict=True):
        _fill_memory(low, made, p, start, axis)
    return made


def _fill_cells(low, made: StaticArray, parts, starts, axis: int, kind) -> None:
    for p, start in zip(parts, starts, strict=True):
        for at in np.ndindex(tuple(int(n.value) for n in p.shape)):
            place = (*at[:axis], at[axis] + int(start.value), *at[axis + 1 :])
            x = p.at(tuple(const(int(i)) for i in at))
            low.env[(made.cells, int(made.index[place]))] = low.b.cast(x, kind)


def _fill_memory(low, made: Memory, part: Elements, start: Operand, axis: int) -> None:
    def put(at: Indices) -> None:
        place = (*at[:axis], low.b.add(at[axis], start), *at[axis + 1 :])
        arrays.put(low, made, place, part.at(at))

    arrays.over(low, part.shape, put)


def _equal(low: Lowering, n: Operand, m: Operand, node: ast.AST) -> None:
    if n is m or n == m:
        return
    if isinstance(n, Const) and isinstance(m, Const):
        low.refuse(f"arrays of lengths {n.value} and {m.value} are joined", node)
    same = low.b.compare("eq", n, m)
    low.check(same, "ValueError", "arrays of different lengths are joined", node)


def _parts(low: Lowering, value: Abstract, node: ast.AST) -> list[Elements]:
    if not isinstance(value, TupleOf | ListOf):
        low.refuse("a sequence of arrays whose number is not known", node, "write [a, b, ...]")
    return [whole.elements(low, x, node) for x in indexing.sequence(low, value, node)]


def _with_axis(low: Lowering, part: Elements, axis: int) -> Elements:
    shape = (*part.shape[:axis], _ONE, *part.shape[axis:])
    return Elements(shape, lambda at: part.at((*at[:axis], *at[axis + 1 :])))


def _concatenate(low, args, named, node) -> Abstract:
    given = bound(low, "arrays axis", args, named, node)
    parts = _parts(low, given["arrays"], node)
    axis = axis_of(low, given.get("axis", _ZERO), len(parts[0].shape), node)
    return _joined(low, parts, axis, node)


def _stack(low, args, named, node) -> Abstract:
    given = bound(low, "arrays axis", args, named, node)
    parts = _parts(low, given["arrays"], node)
    axis = axis_of(low, given.get("axis", _ZERO), len(parts[0].shape) + 1, node)
    return _joined(low, [_with_axis(low, p, axis) for p in parts], axis, node)


def _raised(low: Lowering, part: Elements, ndim: int) -> Elements:
    """Put axes of length 1 before those of an array with fewer."""
    while len(part.shape) < ndim:
        part = _with_axis(low, part, 0)
    return part


def _hstack(low, args, named, node) -> Abstract:
    given = bound(low, "tup", args, named, node)
    parts = [_raised(low, p, 1) for p in _parts(low, given["tup"], node)]
    return _joined(low, parts, 0 if len(parts[0].shape) == 1 else 1, node)


def _vstack(low, args, named, node) -> Abstract:
    given = bound(low, "tup", args, named, node)
    return _joined(low, [_raised(low, p, 2) for p in _parts(low, given["tup"], node)], 0, node)


def _column_stack(low, args, named, node) -> Abstract:
    given = bound(low, "tup", args, named, node)
    parts = _parts(low, given["tup"], node)
    columns = [_with_axis(low, p, 1) if len(p.shape) == 1 else p for p in parts]
    return _joined(low, columns, 1, node)


# -- the same elements elsewhere -----------------------------------------------------------------
def _roll(low, args, named, node) -> Abstract:
    given = bound(low, "a shift axis", args, named, node)
    value = _array(low, given["a"], node)
    shift = low.as_scalar(given["shift"], node)
    if "axis" not in given and len(value.shape) > 1:
        shape = list(arrays.shape_of(low, value, node))
        flat = _rolled(low, _reshaped(low, value, [const(-1)], node), shift, 0, node)
        return _reshaped(low, flat, shape, node)
    axis = axis_of(low, given.get("axis", _ZERO), len(value.shape), node)
    return _rolled(low, value, shift, axis, node)


def _rolled(low: Lowering, value: Any, shift: Operand, axis: int, node: ast.AST) -> Abstract:
    known = whole.elements(low, value, node)
    n = known.shape[axis]

    def at(place: Indices) -> Operand:
        source = low.b.pure("mod", low.b.sub(place[axis], shift), n)
        return known.at((*place[:axis], source, *place[axis + 1 :]))

    return arrays.settled(low, Elements(known.shape, at), node)


def _repeat(low, args, named, node) -> Abstract:
    given = bound(low, "a repeats axis", args, named, node)
    value = _array(low, given["a"], node)
    if not is_scalar(given["repeats"]):
        low.refuse("np.repeat with a number for each element", node, "give one number")
    if "axis" not in given:
        value = _reshaped(low, value, [const(-1)], node)
    known = whole.elements(low, value, node)
    axis = axis_of(low, given.get("axis", _ZERO), len(known.shape), node)
    times = low.as_scalar(given["repeats"], node)
    shape = (*known.shape[:axis], low.b.mul(known.shape[axis], times), *known.shape[axis + 1 :])

    def at(place: Indices) -> Operand:
        source = low.b.pure("floordiv", place[axis], times)
        return known.at((*place[:axis], source, *place[axis + 1 :]))

    return arrays.settled(low, Elements(shape, at), node)


def _tile(low, args, named, node) -> Abstract:
    given = bound(low, "A reps", args, named, node)
    known = whole.elements(low, _array(low, given["A"], node), node)
    reps = given["reps"]
    times = [reps] if is_scalar(reps) else indexing.sequence(low, reps, node)
    ndim = max(len(times), len(known.shape))
    known = _raised(low, known, ndim)
    counts = [_ONE] * (ndim - len(times)) + [low.as_scalar(t, node) for t in times]
    shape = tuple(low.b.mul(n, t) for n, t in zip(known.shape, counts, strict=True))

    def at(place: Indices) -> Operand:
        pairs = zip(place, known.shape, strict=True)
        return known.at(tuple(_ZERO if n == _ONE else low.b.pure("mod", i, n) for i, n in pairs))

    return arrays.settled(low, Elements(shape, at), node)


# -- diagonals -----------------------------------------------------------------------------------
def _diag(low, args, named, node) -> Abstract:
    given = bound(low, "v k", args, named, node)
    value = _array(low, given["v"], node)
    k = known_int(low, given.get("k", _ZERO), "the number of a diagonal", node)
    if len(value.shape) == 2:
        return _diagonal_of(low, value, k, node)
    if len(value.shape) != 1:
        low.refuse("np.diag of an array of more than two dimensions", node)
    (n,) = arrays.shape_of(low, value, node)
    side = low.b.add(n, const(abs(k)))
    kind = element_type(low, value)
    made: Any = arrays.allocate(low, (side, side), "zeros", node, element=kind)
    target = _diagonal_of(low, made, k, node)
    indexing.store_all(low, target, value, node)
    return made


def _diagonal_of(low: Lowering, value: Any, k: int, node: ast.AST) -> Any:
    """View of a diagonal."""
    if isinstance(value, StaticArray):
        return StaticArray(value.cells, np.diagonal(value.index, k))
    rows, columns = value.shape
    down, right = value.strides
    first = arrays.times(low, const(abs(k)), right if k >= 0 else down)
    offset = low.b.add(value.offset, first)
    if k >= 0:
        length = low.b.minimum(rows, low.b.add(columns, const(-k)))
    else:
        length = low.b.minimum(low.b.add(rows, const(k)), columns)
    length = low.b.maximum(length, _ZERO)
    strides = (low.b.add(down, right),)
    return Memory(value.buffer, offset, (length,), strides, value.writable)


def _diagonal(low, args, named, node) -> Abstract:
    given = bound(low, "a offset", args, named, node)
    value = _array(low, given["a"], node)
    k = known_int(low, given.get("offset", _ZERO), "the number of a diagonal", node)
    if len(value.shape) != 2:
        low.refuse("the diagonal of an array that is not a matrix", node)
    return _diagonal_of(low, value, k, node)


def _trace(low, args, named, node) -> Abstract:
    from sciad.compiler.vocabulary.reductions import FUNCTIONS as reductions

    return reductions[np.sum](low, [_diagonal(low, args, named, node)], {}, node)


def _triangle(upper: bool) -> Callable:
    def triangle(low, args, named, node) -> Abstract:
        given = bound(low, "m k", args, named, node)
        known = whole.elements(low, given["m"], node)
        if len(known.shape) != 2:
            low.refuse("a triangle of an array that is not a matrix", node)
        k = low.as_scalar(given.get("k", _ZERO), node)
        code = "ge" if upper else "le"

        def at(place: Indices) -> Operand:
            x = known.at(place)
            kept = low.b.compare(code, low.b.sub(place[1], place[0]), k)
            return low.b.pure("select", kept, x, low.b.cast(const(False), x.type))

        return arrays.settled(low, Elements(known.shape, at), node)

    return triangle


FUNCTIONS: dict[Any, Callable] = {
    np.transpose: _transpose,
    np.swapaxes: _swapaxes,
    np.reshape: _reshape,
    np.ravel: _ravel,
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.flip: _flip(None),
    np.flipud: _flip(0),
    np.fliplr: _flip(1),
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.hstack: _hstack,
    np.vstack: _vstack,
    np.column_stack: _column_stack,
    np.roll: _roll,
    np.repeat: _repeat,
    np.tile: _tile,
    np.diag: _diag,
    np.diagonal: _diagonal,
    np.trace: _trace,
    np.triu: _triangle(True),
    np.tril: _triangle(False),
}
METHODS: dict[str, Callable] = {
    "transpose": _transpose,
    "swapaxes": _swapaxes,
    "reshape": _reshape,
    "ravel": _ravel,
    "flatten": _flatten,
    "squeeze": _squeeze,
    "repeat": _repeat,
    "diagonal": _diagonal,
    "trace": _trace,
}

"""Indexing with arrays: gathers, scatters, masks.

A mask is turned into the positions where it holds, one array of ints for each of its axes: what it
selects is then a gather, whose length is a count known at run time. A gather is an elementwise
recipe, so that `np.sum(x[mask])` is one loop; positions are ints, which no derivative passes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.integers import LENGTH_BITS
from sciad.compiler.front.kinds import element_type, fitted
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import Abstract, Elements, Memory, Object, StaticArray
from sciad.compiler.ir import BOOL, FLOAT, FLOAT32, INT, Const, Operand, const
from sciad.compiler.vocabulary import arrays, indexing

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "ArrayIndex",
    "MaskIndex",
    "add_at",
    "array_part",
    "is_fancy",
    "item",
    "nonzero",
    "store",
]

_ZERO = const(0)
_LARGE = const((1 << 62) - 1)
Indices = tuple[Operand, ...]


@dataclass(frozen=True, eq=False)
class ArrayIndex:
    """An array of ints as a part of a subscript."""

    array: StaticArray | Memory


@dataclass(eq=False)
class MaskIndex:
    """An array of bools as a part of a subscript; `mask` is kept if it is small."""

    shape: Indices
    mask: StaticArray | None
    positions: list[Memory] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Known:
    """Positions along one axis that need no check."""

    array: Memory


def is_fancy(index: tuple) -> bool:
    """Whether a subscript has arrays in it."""
    return any(isinstance(part, ArrayIndex | MaskIndex) for part in index)


def array_part(low: Lowering, value: Abstract, node: ast.AST) -> ArrayIndex | MaskIndex:
    """Take an array as a part of a subscript."""
    from sciad.compiler.vocabulary import whole

    value = whole.from_items(low, value, node)
    kind = element_type(low, value)
    if kind is BOOL:
        if isinstance(value, StaticArray):
            return MaskIndex(arrays.shape_of(low, value, node), value)
        return MaskIndex(value.shape, None, nonzero(low, value, node))
    empty = isinstance(value, StaticArray) and not value.index.size
    if kind in (FLOAT, FLOAT32) and not empty:
        low.refuse("an array is indexed by an array of floats", node, "use .astype(int)")
    value = arrays.settled(low, value, node)
    if empty:
        value = arrays.listed(low, [], value.shape, node, INT)
    return ArrayIndex(value)


def nonzero(low: Lowering, value: Abstract, node: ast.AST) -> list[Memory]:
    """Positions of the elements that are not zero, one array for each axis."""
    from sciad.compiler.vocabulary import whole

    known = whole.elements(low, value, node)
    if not known.shape:
        low.refuse("positions in a single number", node)
    size: Operand = const(1)
    for n in known.shape:
        size = arrays.times(low, size, n)
    buffers = [low.b.alloc(size, "empty", "positions", INT) for _ in known.shape]

    def visit(done: Indices, found: Operand) -> Operand:
        if len(done) < len(known.shape):
            step = lambda i, k: visit((*done, i), k)
            return whole.accumulated(low, known.shape[len(done)], found, step)
        here = low.b.truth(known.at(done))  # not kept: the next one takes the same place
        for buffer, place in zip(buffers, done, strict=True):
            low.b.effect("store", buffer, found, place)
        return low.b.add(found, low.b.cast(here, INT))

    count = visit((), _ZERO)
    low.bounds[count] = (_ZERO, _LARGE)
    low.bits[count] = LENGTH_BITS
    return [Memory(buffer, _ZERO, (count,), (const(1),), True) for buffer in buffers]


# -- places --------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class _Places:
    """What a subscript selects: element `at` of it is `view[spot(at)]`."""

    view: Memory
    shape: Indices
    spot: Callable[[Indices], Indices]


def _places(low: Lowering, owner: Memory, index: tuple, node: ast.AST) -> _Places:
    """Resolve a subscript that has arrays in it."""
    from sciad.compiler.vocabulary import whole

    index = indexing.expanded(low, _unmasked(low, owner, index, node), len(owner.shape), node)
    spread = [isinstance(p, ArrayIndex | _Known) or is_scalar(p) for p in index]
    all_of_it = indexing.Slice(None, None, None)
    basic = tuple(all_of_it if s else p for s, p in zip(spread, index, strict=True))
    view = indexing._view(low, owner, basic, node)
    axes = [k for k, s in enumerate(spread) if s]
    parts = [_recipe(low, index[k], node) for k in axes]
    joint = whole._broadcast(low, [p.shape for p in parts], node)
    recipes = [whole.element_of(low, p, joint, node) for p in parts]
    rest = tuple(n for k, n in enumerate(view.shape) if k not in axes)
    first = axes[0] if axes == list(range(axes[0], axes[0] + len(axes))) else 0
    shape = (*rest[:first], *joint, *rest[first:])
    trusted = [isinstance(index[k], _Known) for k in axes]

    def spot(at: Indices) -> Indices:
        mine, others = at[first : first + len(joint)], [*at[:first], *at[first + len(joint) :]]
        found: list[Operand] = []
        for k in range(len(view.shape)):
            if k not in axes:
                found.append(others.pop(0))
                continue
            number = axes.index(k)
            place = low.b.cast(recipes[number](mine), INT)
            inside = trusted[number]
            found.append(place if inside else indexing._checked(low, place, view.shape[k], node))
        return tuple(found)

    return _Places(view, shape, spot)


def _recipe(low: Lowering, part: Any, node: ast.AST) -> Elements:
    from sciad.compiler.vocabulary import whole

    return whole.elements(low, part if is_scalar(part) else part.array, node)


def _unmasked(low: Lowering, owner: Memory, index: tuple, node: ast.AST) -> tuple:
    """Put positions in the place of masks."""
    parts: list[Any] = []
    axis = 0
    for k, part in enumerate(index):
        if isinstance(part, MaskIndex):
            if not part.positions:
                part.positions = nonzero(low, part.mask, node)
            for n, m in zip(part.shape, owner.shape[axis : axis + len(part.shape)], strict=False):
                _same_length(low, n, m, node)
            parts += map(_Known, part.positions)
            axis += len(part.shape)
        elif isinstance(part, Object) and part.value is Ellipsis:
            axis = len(owner.shape) - sum(map(_consumed, index[k + 1 :]))
            parts.append(part)
        else:
            parts.append(part)
            axis += _consumed(part)
    return tuple(parts)


def _consumed(part: Any) -> int:
    if isinstance(part, Object):
        return 0
    return len(part.shape) if isinstance(part, MaskIndex) else 1


def _same_length(low: Lowering, n: Operand, m: Operand, node: ast.AST) -> None:
    if n == m:
        return
    if isinstance(n, Const) and isinstance(m, Const):
        low.refuse(f"a mask of length {n.value} on an axis of length {m.value}", node)
    message = "a mask has another length than the axis it selects from"
    low.check(low.b.compare("eq", n, m), "IndexError", message, node)


# -- reading and writing -------------------------------------------------------------------------
def item(low: Lowering, owner: StaticArray | Memory, index: tuple, node: ast.AST) -> Abstract:
    """owner[index], a new array (as a recipe) or a number."""
    if isinstance(owner, StaticArray):
        known = _constant(low, index)
        if known is not None:
            return _static_gather(low, owner, known, node)
        owner = spilled(low, owner)
    places = _places(low, owner, index, node)
    if not places.shape:
        return arrays.load(low, places.view, places.spot(()))
    return Elements(places.shape, lambda at: arrays.load(low, places.view, places.spot(at)))


def spilled(low: Lowering, value: StaticArray) -> Memory:
    """Copy a small array to memory, where computed indices reach its elements."""
    if value.cells.buffer is not None:
        return arrays.as_memory(low, value, ast.Constant(None))
    buffer = low.b.alloc(const(value.index.size), "empty", "a", value.cells.element)
    for k, cell in enumerate(value.index.ravel()):
        x = low.b.cast(low.cell(value.cells, int(cell)), value.cells.element)
        low.b.effect("store", buffer, const(k), x)
    shape = tuple(const(n) for n in value.shape)
    return Memory(buffer, _ZERO, shape, arrays._strides(low, shape), True)


def _constant(low: Lowering, index: tuple) -> tuple | None:
    """Give a subscript as NumPy takes it, if all of it is known."""
    parts: list[Any] = []
    for part in index:
        if not isinstance(part, ArrayIndex | MaskIndex):
            known = indexing._known((part,))
            if known is None:
                return None
            parts += known
            continue
        array = part.mask if isinstance(part, MaskIndex) else part.array
        if not isinstance(array, StaticArray):
            return None
        items = [low.cell(array.cells, int(k)) for k in array.index.ravel()]
        if not all(isinstance(x, Const) for x in items):
            return None
        dtype = bool if isinstance(part, MaskIndex) else int
        parts.append(np.array([x.value for x in items], dtype).reshape(array.shape))
    return tuple(parts)


def _static_gather(low: Lowering, owner: StaticArray, known: tuple, node: ast.AST) -> Abstract:
    try:
        chosen = np.asarray(owner.index[known])
    except IndexError as error:
        low.refuse(str(error), node)
    items = [low.cell(owner.cells, int(k)) for k in chosen.ravel()]
    if chosen.shape == ():
        return items[0]
    return arrays.listed(low, items, chosen.shape, node, owner.cells.element)


def store(
    low: Lowering, owner: StaticArray | Memory, index: tuple, value: Abstract, node: ast.AST
) -> None:
    """owner[index] = value; where an index is repeated, the last one stays."""
    if isinstance(owner, StaticArray):
        known = _constant(low, index)
        if known is not None:
            indexing._store_static(low, owner, known, value, node)
            return
        if _masked_store(low, owner, index, value, node):
            return
        owner = arrays.as_memory(low, owner, node)
    indexing.refuse_caller(low, owner, node)
    index = _apart(low, owner, index, node)
    _each(low, _places(low, owner, index, node), value, node, arrays.put)


def _apart(low: Lowering, owner: Memory, index: tuple, node: ast.AST) -> tuple:
    """Copy indices that lie in the array that is written to."""
    parts = []
    for part in index:
        mine = isinstance(part, ArrayIndex) and getattr(part.array, "buffer", None) is owner.buffer
        copy: Any = indexing.copied(low, part.array, node) if mine else None
        parts.append(ArrayIndex(copy) if mine else part)
    return tuple(parts)


def add_at(
    low: Lowering, owner: StaticArray | Memory, index: tuple, value: Abstract, node: ast.AST
) -> None:
    """np.add.at(owner, index, value): repeated indices add up."""
    if isinstance(owner, StaticArray):
        owner = arrays.as_memory(low, owner, node)
    indexing.refuse_caller(low, owner, node)
    element = owner.buffer.type.element
    if element is BOOL:
        low.refuse("np.add.at on an array of bools", node)

    def add(low: Lowering, view: Memory, at: Indices, x: Operand) -> None:
        spot = arrays._position(low, view, at)
        low.b.effect("accum", view.buffer, spot, fitted(low, x, element))

    if not is_fancy(index):
        view = indexing._view(low, owner, index, node)
        _each(low, _Places(view, view.shape, lambda at: at), value, node, add)
        return
    index = _apart(low, owner, index, node)
    _each(low, _places(low, owner, index, node), value, node, add)


def _each(low: Lowering, places: _Places, value: Abstract, node: ast.AST, write: Callable) -> None:
    from sciad.compiler.vocabulary import whole

    if not is_scalar(value):
        value = indexing.copied(low, value, node)
    source = whole.element_of(low, value, places.shape, node)
    body = lambda at: write(low, places.view, places.spot(at), source(at))
    arrays.over(low, places.shape, body)


def _masked_store(
    low: Lowering, owner: StaticArray, index: tuple, value: Abstract, node: ast.AST
) -> bool:
    """owner[mask] = number for a small array: a selection for each element."""
    mask = index[0].mask if len(index) == 1 and isinstance(index[0], MaskIndex) else None
    if mask is None or mask.shape != owner.shape or not is_scalar(value):
        return False
    low.writable(owner.cells, node)
    new = fitted(low, value, owner.cells.element)
    tests = [low.cell(mask.cells, int(k)) for k in mask.index.ravel()]
    for cell, test in zip(owner.index.ravel(), tests, strict=True):
        old = low.cell(owner.cells, int(cell))
        low.set_cell(owner.cells, int(cell), low.b.pure("select", test, new, old), node)
    return True

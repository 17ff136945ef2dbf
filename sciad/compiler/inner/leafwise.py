"""Structures of numbers and arrays, leaf by leaf: what derivatives are laid over.

A leaf is a float or an array in memory; an array of known shape counts as its elements.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front import precision, singles
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    Cells,
    ListOf,
    Memory,
    Missing,
    StaticArray,
    Structure,
    TupleOf,
)
from sciad.compiler.ir import FLOAT, FLOAT32, BufferType, Const, Operand, ScalarType, Value, const
from sciad.compiler.vocabulary import arrays

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "Leaf",
    "alike",
    "array_of",
    "contiguous",
    "copy_array",
    "each_operand",
    "floats",
    "held",
    "is_narrow",
    "narrowed",
    "raw",
    "replaced",
    "size_of",
    "zero_like",
]

_ZERO, _ONE = const(0), const(1)
#: Types that carry derivatives.
FLOATS = (FLOAT, FLOAT32)
#: A number, or an array in memory.
Leaf = Any


def raw(low: Lowering, cells: Cells, k: int) -> Abstract:
    """Element of a storage, as it was put in: to read it is no operation."""
    value = low.env.get((cells, k))
    return low.cell(cells, k) if value is None or isinstance(value, Missing) else value


def is_narrow(value: Value) -> bool:
    """Whether a number or buffer is one of float32."""
    kind = value.type.element if isinstance(value.type, BufferType) else value.type
    return kind is FLOAT32


def floats(low: Lowering, value: Abstract) -> list[Leaf]:
    """List the floats of a value, and its arrays in memory, in a fixed order."""
    if is_scalar(value):
        return [value] if value.type in FLOATS else []
    if isinstance(value, StaticArray):
        found = [raw(low, value.cells, int(k)) for k in value.index.ravel()]
        return found if value.cells.element in FLOATS else []
    if isinstance(value, Memory):
        return [value] if value.buffer.type.element in FLOATS else []
    return [leaf for item in _items(low, value) for leaf in floats(low, item)]


def _items(low: Lowering, value: Abstract) -> list[Abstract]:
    if isinstance(value, TupleOf):
        return list(value.items)
    if isinstance(value, Structure):
        return list(value.items.values())
    if isinstance(value, ListOf):
        return [raw(low, value.cells, k) for k in range(value.cells.size)]
    return []


def replaced(
    low: Lowering,
    value: Abstract,
    leaves: Iterator[Leaf],
    node: ast.AST,
    other: Callable[[Abstract], Abstract],
) -> Abstract:
    """Make a value of the same structure with other leaves; `other` gives what is no leaf."""
    again = lambda item: replaced(low, item, leaves, node, other)
    if isinstance(value, TupleOf):
        return dataclasses.replace(value, items=tuple(map(again, value.items)))
    if isinstance(value, Structure):
        return dataclasses.replace(value, items={k: again(v) for k, v in value.items.items()})
    if isinstance(value, ListOf):
        from sciad.compiler.front.expressions import make_list

        return make_list(low, [again(item) for item in _items(low, value)], node)
    if not floats(low, value):
        return value if isinstance(value, StaticArray) and not value.index.size else other(value)
    if isinstance(value, StaticArray):
        items = [next(leaves) for _ in range(value.index.size)]
        return array_of(low, items, value.shape, node, value.cells.element)
    return alike(low, next(leaves), value)


def alike(low: Lowering, leaf: Leaf, like: Leaf) -> Leaf:
    """Give a number or array in memory the type of another one."""
    if isinstance(leaf, Memory):
        return narrowed(low, leaf) if is_narrow(like.buffer) else leaf
    if is_narrow(like):
        return narrowed(low, leaf)
    if low.single and isinstance(like, Const | Value):
        return singles.mark(low, leaf, precision.origin_of(low.b, like))
    return leaf


def narrowed(low: Lowering, value: Leaf) -> Leaf:
    """Round a number, or a copy of an array in memory, to float32."""
    if not isinstance(value, Memory):
        return low.b.cast(value, FLOAT32)
    if is_narrow(value.buffer):
        return value
    buffer = low.b.alloc(size_of(low, value), "empty", value.buffer.name, FLOAT32)
    made = contiguous(low, buffer, value)
    copy_array(low, value, made)
    return made


def array_of(
    low: Lowering,
    items: list[Operand],
    shape: tuple[int, ...],
    node: ast.AST,
    kind: ScalarType = FLOAT,
) -> StaticArray | Memory:
    """Make a new array of some numbers."""
    made = arrays.allocate(low, tuple(const(n) for n in shape), "empty", node, element=kind)
    if isinstance(made, StaticArray):
        arrays.fill_cells(low, made.cells, [low.b.cast(x, kind) for x in items])
    else:
        for k, x in enumerate(items):
            low.b.effect("store", made.buffer, const(k), low.b.cast(x, kind))
    return made


def size_of(low: Lowering, view: Memory) -> Operand:
    """Count the elements of an array in memory."""
    size: Operand = _ONE
    for n in view.shape:
        size = arrays.times(low, size, n)
    return size


def contiguous(low: Lowering, buffer: Value, like: Memory) -> Memory:
    """View all of a buffer in the shape of another array."""
    strides: list[Operand] = []
    step: Operand = _ONE
    for n in reversed(like.shape):
        strides.insert(0, step)
        step = arrays.times(low, step, n)
    return Memory(buffer, _ZERO, like.shape, tuple(strides), True, like.is_list)


def each_operand(low: Lowering, value: Abstract, change: Callable[[Operand], Operand]) -> Abstract:
    """Exchange all operands of a value; arrays in variables become new ones."""
    again = lambda item: each_operand(low, item, change)
    if is_scalar(value):
        return change(value)
    if isinstance(value, TupleOf):
        return dataclasses.replace(value, items=tuple(map(again, value.items)))
    if isinstance(value, Structure):
        return dataclasses.replace(value, items={k: again(v) for k, v in value.items.items()})
    if isinstance(value, Memory):
        shape, strides = tuple(map(change, value.shape)), tuple(map(change, value.strides))
        place = change(value.offset)
        return Memory(change(value.buffer), place, shape, strides, value.writable, value.is_list)
    if isinstance(value, StaticArray):
        places = [int(k) for k in value.index.ravel()]
    elif isinstance(value, ListOf):
        places = list(range(value.cells.size))
    else:
        return value
    cells = Cells(len(places), value.cells.site)
    cells.frozen = "was made inside a differentiated function"
    cells.element = value.cells.element
    for k, place in enumerate(places):
        low.env[(cells, k)] = again(raw(low, value.cells, place))
    if isinstance(value, ListOf):
        return ListOf(cells)
    return StaticArray(cells, np.arange(len(places)).reshape(value.shape))


def held(value: Abstract) -> Abstract:
    """Let nobody write to the arrays in memory that a value consists of."""
    if isinstance(value, TupleOf):
        return dataclasses.replace(value, items=tuple(map(held, value.items)))
    if isinstance(value, Structure):
        return dataclasses.replace(value, items={k: held(v) for k, v in value.items.items()})
    if isinstance(value, Memory):
        return dataclasses.replace(value, writable=False)
    return value


def zero_like(low: Lowering, leaf: Leaf) -> Leaf:
    """Make zeros in the shape of a number or an array in memory."""
    if not isinstance(leaf, Memory):
        return const(0.0)
    return contiguous(low, low.b.alloc(size_of(low, leaf), "zeros", "zero"), leaf)


def copy_array(low: Lowering, source: Memory, target: Memory) -> None:
    """Write the elements of one array into another of its shape."""
    put = lambda at: arrays.put(low, target, at, arrays.load(low, source, at))
    arrays.over(low, source.shape, put)

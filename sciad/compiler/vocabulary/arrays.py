"""Arrays as storage: shapes, allocation, element access, loops over elements."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import numpy as np

from sciad.compiler.front.precision import NUMPY
from sciad.compiler.front.types import STATIC_LIMIT, widest
from sciad.compiler.front.values import (
    Abstract,
    Cells,
    ComplexOf,
    Elements,
    ListOf,
    Memory,
    Object,
    StaticArray,
    Structure,
    TupleOf,
    complex_of,
)
from sciad.compiler.ir import (
    FLOAT,
    INT,
    BufferType,
    Const,
    Loop,
    Op,
    Operand,
    Region,
    ScalarType,
    Value,
    const,
)

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "allocate",
    "as_memory",
    "counted",
    "fill_cells",
    "length",
    "listed",
    "load",
    "over",
    "owns_buffer",
    "plus",
    "put",
    "settled",
    "shape_of",
    "times",
]

_ZERO, _ONE = const(0), const(1)


# -- integer arithmetic that remembers ----------------------------------------------------------
def plus(low: Lowering, a: Operand, b: Operand) -> Operand:
    """Add; if one is a constant, the sum is known as an offset from the other."""
    total = low.b.add(a, b)
    for x, y in ((a, b), (b, a)):
        if isinstance(y, Const) and isinstance(x, Value) and isinstance(total, Value):
            base, shift = low.offsets.get(x, (x, 0))
            low.offsets[total] = (base, shift + int(y.value))
    return total


def times(low: Lowering, a: Operand, b: Operand) -> Operand:
    """Multiply, leaving zeros out."""
    if _ZERO in (a, b):
        return _ZERO
    return low.b.mul(a, b)


# -- shapes and memory --------------------------------------------------------------------------
def shape_of(low: Lowering, value: Abstract, node: ast.AST) -> tuple[Operand, ...]:
    """Shape of an array."""
    if isinstance(value, StaticArray):
        return tuple(const(n) for n in value.shape)
    if isinstance(value, Memory | Elements):
        return value.shape
    if isinstance(value, ComplexOf):
        return shape_of(low, value.re, node)
    return low.refuse("the shape of something that is not an array", node)


def length(low: Lowering, value: Abstract, node: ast.AST) -> Operand:
    """len(value)."""
    if isinstance(value, ComplexOf):
        return length(low, value.re, node)
    if isinstance(value, TupleOf) or (isinstance(value, Structure) and value.is_dict):
        return const(len(value.items))
    if isinstance(value, ListOf):
        return const(value.cells.size)
    if isinstance(value, Object) and isinstance(value.value, str):
        return const(len(value.value))
    shape = shape_of(low, value, node)
    if not shape:
        low.refuse("len() of a 0-dimensional array", node)
    return shape[0]


def allocate(
    low: Lowering,
    shape: tuple[Operand, ...],
    fill: str,
    node: ast.AST,
    is_list: bool = False,
    element: ScalarType = FLOAT,
) -> StaticArray | Memory:
    """Make a new array: variables if it is small and its shape known, memory otherwise."""
    if _is_static(shape) and low.site(node) not in low.in_memory:
        known = tuple(int(n.value) for n in shape)
        if min(known, default=0) < 0:
            low.refuse("an array with a negative length", node)
        zero = low.b.cast(const(False), element)
        return low.static_array([zero] * int(np.prod(known)), known, node, element)
    size: Operand = _ONE
    for n in shape:
        if not isinstance(n, Const):
            low.check(low.b.compare("ge", n, _ZERO), "ValueError", "negative length", node)
        size = times(low, size, n)
    buffer = low.b.alloc(size, fill, "a", element)
    made = Memory(buffer, _ZERO, shape, _strides(low, shape), True, is_list)
    low.whole[buffer] = made
    return made


def listed(
    low: Lowering, items: list[Operand], shape: tuple[int, ...], node: ast.AST, kind: ScalarType
) -> StaticArray | Memory:
    """Make an array of known small shape from its elements, in C order."""
    made = allocate(low, tuple(map(const, shape)), "empty", node, element=kind)
    if isinstance(made, StaticArray):
        for k, x in enumerate(items):
            low.env[(made.cells, k)] = low.b.cast(x, kind)
        return made
    for k, x in enumerate(items):
        low.b.effect("store", made.buffer, const(k), low.b.cast(x, kind))
    return made


def _is_static(shape: tuple[Operand, ...]) -> bool:
    if not all(isinstance(n, Const) for n in shape):
        return False
    return int(np.prod([n.value for n in shape], dtype=np.int64)) <= STATIC_LIMIT


def _strides(low: Lowering, shape: tuple[Operand, ...]) -> tuple[Operand, ...]:
    """Strides of a contiguous array."""
    strides: list[Operand] = []
    step: Operand = _ONE
    for n in reversed(shape):
        strides.insert(0, step)
        step = times(low, step, n)
    return tuple(strides)


def as_memory(low: Lowering, value: StaticArray, node: ast.AST) -> Memory:
    """Give an argument's array as a view into its buffer; local storage moves to memory."""
    cells, index = value.cells, value.index
    if cells.buffer is None:
        from sciad.compiler.front.lower import Restart

        if cells.frozen is not None:
            low.refuse(
                "an array that differs between paths is indexed by a computed index",
                node,
                "keep one array and overwrite its elements",
            )
        raise Restart(cells.site)
    first = int(index.flat[0]) if index.size else 0
    steps = [
        int(np.take(index, 1, axis=d).flat[0]) - first if index.shape[d] > 1 and index.size else 0
        for d in range(index.ndim)
    ]
    shape = tuple(const(n) for n in index.shape)
    strides = tuple(const(s) for s in steps)
    return Memory(cells.buffer, const(cells.offset + first), shape, strides, False)


def owns_buffer(low: Lowering, view: Memory) -> bool:
    """Whether a view is all of a buffer made at the outermost level, in its order."""
    made = {n.out: n.args[0] for n in low.b.region.nodes if isinstance(n, Op) and n.code == "alloc"}
    if view.buffer not in made or view.offset != _ZERO:
        return False
    whole = low.whole.get(view.buffer)
    if whole is not None and (view.shape, view.strides) == (whole.shape, whole.strides):
        return True
    return view.strides == (_ONE,) and made[view.buffer] == view.shape[0]


def load(low: Lowering, view: Memory, indices: tuple[Operand, ...]) -> Value:
    """Read an element at indices that are known to be inside."""
    found = low.b.load(view.buffer, _position(low, view, indices))
    if low.single and not view.is_list:
        low.b.origin[found] = NUMPY
    return found


def _position(low: Lowering, view: Memory, indices: tuple[Operand, ...]) -> Operand:
    """Place of an element in the buffer."""
    place = view.offset
    for index, stride in zip(indices, view.strides, strict=True):
        place = low.b.add(place, times(low, index, stride))
    return place


def counted(low: Lowering, n: Operand, body, name: str = "i") -> None:
    """Write a loop of n iterations; `body(index)` emits one. Nothing is carried."""
    index = Value(name, INT)
    low.bounds[index] = (_ZERO, n)
    with low.b.inside(Region()) as region:
        low.running.append(index)
        body(index)
        low.running.pop()
    where = low.b.location
    loop = Loop("range", index, _ZERO, n, _ONE, (), (), region, (), location=where)
    low.b.region.nodes.append(loop)


def over(low: Lowering, shape: tuple[Operand, ...], body, done: tuple[Operand, ...] = ()) -> None:
    """Nested loops over a shape; `body(indices)` emits one element."""
    if len(done) == len(shape):
        body(done)
        return
    name = "ijk"[len(done)]
    counted(low, shape[len(done)], lambda i: over(low, shape, body, (*done, i)), name)


def settled(low: Lowering, value: Abstract, node: ast.AST) -> Abstract:
    """Write an elementwise expression into a new array; anything else is what it is."""
    if isinstance(value, ComplexOf):
        return complex_of(settled(low, value.re, node), settled(low, value.im, node))
    if not isinstance(value, Elements):
        return value
    made = allocate(low, value.shape, "empty", node)
    if isinstance(made, StaticArray):
        places = (tuple(const(int(i)) for i in place) for place in np.ndindex(made.shape))
        fill_cells(low, made.cells, [value.at(at) for at in places])
        return made
    over(low, value.shape, lambda at: put(low, made, at, _typed(made, value.at(at))))
    return made


def _typed(made: Memory, x: Operand) -> Operand:
    """Let a new array have the type of what is written to it first."""
    made.buffer.type = BufferType(x.type)
    return x


def fill_cells(low: Lowering, cells: Cells, items: list[Operand]) -> None:
    """Set the elements of a new array; an array of ints or bools stays one."""
    kinds = [x.type for x in items]
    cells.element = widest(kinds)
    for k, x in enumerate(items):
        low.env[(cells, k)] = low.b.cast(x, cells.element)


def put(low: Lowering, view: Memory, at: tuple[Operand, ...], value: Operand) -> None:
    """Write an element at indices that are known to be inside."""
    from sciad.compiler.front.kinds import fitted

    if value.type is FLOAT and view.buffer in low.int_lists:  # a list holds what is put in
        from sciad.compiler.front.lower import Restart

        raise Restart(low.int_lists[view.buffer])
    x = fitted(low, value, view.buffer.type.element)
    low.b.effect("store", view.buffer, _position(low, view, at), x)

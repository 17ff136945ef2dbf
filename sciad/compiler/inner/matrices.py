"""Jacobians and Hessians inside compiled functions.

Few numbers are written out along all directions at once; otherwise a loop over the directions
(or, for a Jacobian with fewer outputs, over the outputs) fills a matrix in memory.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    ListOf,
    Memory,
    Object,
    StaticArray,
    Structure,
    TupleOf,
)
from sciad.compiler.inner.leafwise import array_of, contiguous, floats, narrowed, size_of, zero_like
from sciad.compiler.inner.regions import Inner
from sciad.compiler.ir import FLOAT, FLOAT32, Const, Operand, const
from sciad.compiler.vocabulary import arrays
from sciad.core.errors import CompileError

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["hessian", "jacobian", "laid_array", "typed"]

_MOST_DIRECTIONS = 8
_MOST_CURVED = 5
Shape = tuple[Operand, ...]


def jacobian(inner: Inner, mode: str) -> Abstract:
    """Differentiate all outputs with respect to the one argument."""
    _argument(inner)
    if mode not in ("auto", "forward", "reverse"):
        inner.low.refuse(f"sciad.jacobian: mode {mode!r}", inner.node, "forward or reverse")
    if inner.low.forwards:
        mode = "forward"
    n, m = len(inner.params), len(inner.outputs)
    if inner.scalars and m == 1 and n > 1 and mode != "forward":
        columns = [[x] for x in inner.pulled([const(1.0)])]
        return _assembled(inner, lambda k, j: columns[j][k])
    if inner.scalars and n <= _MOST_DIRECTIONS:
        columns = inner.pushed(_units(n))
        return _assembled(inner, lambda k, j: columns[j][k])
    return _by_loops(inner, mode)


def hessian(inner: Inner) -> Abstract:
    """Second derivatives of a function of one argument."""
    _argument(inner)
    low, n = inner.low, len(inner.params)
    shape = _shape(inner.moving[0])
    if inner.scalars and n <= _MOST_CURVED:
        rows = inner.curved(_units(n), given=True)
        return _array(low, [x for row in rows for x in row], (*shape, *shape), inner.node)
    inner.written_once()
    size = _count(low, inner)
    made = _matrix(low, size, size)

    def row(k: Operand) -> None:
        (leaves,) = inner.curved([_unit(low, inner.actual, k)], given=True)
        _write_row(low, made, leaves, inner.actual, low.b.mul(k, size), const(1))

    arrays.counted(low, size, row, "k")
    return _seen(low, made, (*shape, *shape))


def typed(inner: Inner, found: Abstract) -> Abstract:
    """Give a matrix the type of float32 if argument and results have it."""
    kinds = inner.kinds
    if len(kinds) > 1:
        inner.low.refuse(
            f"sciad.{inner.what} where float32 and float64 meet",
            inner.node,
            "convert the argument or the result, so that both have one type",
        )
    if kinds != {FLOAT32}:
        return found
    return _regrouped(inner.low, found, lambda value: _narrow(inner, value))


def _narrow(inner: Inner, value: Abstract) -> Abstract:
    if isinstance(value, StaticArray):
        return array_of(inner.low, floats(inner.low, value), value.shape, inner.node, FLOAT32)
    return narrowed(inner.low, value) if is_scalar(value) or isinstance(value, Memory) else value


# -- the argument --------------------------------------------------------------------------------
def _argument(inner: Inner) -> None:
    """Refuse arguments other than one number or one array."""
    value = inner.moving[0]
    if not is_scalar(value) and not isinstance(value, StaticArray | Memory):
        inner.low.refuse(
            f"sciad.{inner.what} with respect to a structure cannot be compiled",
            inner.node,
            "put what is differentiated into one array",
        )


def _shape(value: Abstract) -> Shape:
    if isinstance(value, StaticArray):
        return tuple(const(n) for n in value.shape)
    return value.shape if isinstance(value, Memory) else ()


def _units(n: int) -> list[list[Operand]]:
    return [[const(float(k == j)) for j in range(n)] for k in range(n)]


def _count(low: Lowering, inner: Inner) -> Operand:
    if isinstance(inner.moving[0], Memory):
        return size_of(low, inner.moving[0])
    return const(len(inner.params))


def _unit(low: Lowering, leaves: list[Any], k: Operand) -> list[Any]:
    """Make direction number k, k being known at run time only."""
    found: list[Any] = []
    start: Operand = const(0)
    for leaf in leaves:
        if isinstance(leaf, Memory):
            made, size = zero_like(low, leaf), size_of(low, leaf)
            place = low.b.sub(k, start)
            _store_inside(low, made, place, size)
            start = low.b.add(start, size)
        else:
            made = low.b.cast(low.b.compare("eq", k, start), FLOAT)
            start = low.b.add(start, const(1))
        found.append(made)
    return found


def _store_inside(low: Lowering, made: Memory, place: Operand, size: Operand) -> None:
    from sciad.compiler.front.statements import branch

    inside = low.b.pure(
        "and", low.b.compare("ge", place, const(0)), low.b.compare("lt", place, size)
    )
    put = lambda: low.b.effect("store", made.buffer, place, const(1.0))
    branch(low, inside, put, lambda: None, ast.Constant(None, lineno=_line(low)))


def _line(low: Lowering) -> int:
    return 0 if low.b.location is None else low.b.location.line


# -- results -------------------------------------------------------------------------------------
def _array(low: Lowering, items: list[Operand], shape: Shape, node: ast.AST) -> Abstract:
    if not shape:
        return items[0]
    return array_of(low, items, tuple(int(n.value) for n in shape), node)


def _matrix(low: Lowering, rows: Operand, columns: Operand) -> Any:
    return low.b.alloc(arrays.times(low, rows, columns), "zeros", "jac")


def _seen(low: Lowering, buffer: Any, shape: Shape) -> Abstract:
    if not shape:
        return low.b.load(buffer, const(0))
    return contiguous(low, buffer, Memory(buffer, const(0), shape, shape, True))


def _regrouped(low: Lowering, value: Abstract, make: Callable[[Abstract], Abstract]) -> Abstract:
    """Exchange the numbers and arrays of a structure."""
    again = lambda item: _regrouped(low, item, make)
    if isinstance(value, TupleOf):
        return replace(value, items=tuple(map(again, value.items)))
    if isinstance(value, ListOf):
        items = [again(low.cell(value.cells, k)) for k in range(value.cells.size)]
        return TupleOf(tuple(items), (), list)
    if isinstance(value, Structure):
        return replace(value, items={k: again(v) for k, v in value.items.items()})
    return make(value)


def _assembled(inner: Inner, entry: Callable[[int, int], Operand]) -> Abstract:
    """Blocks of a Jacobian from its entries (output, input)."""
    low, n = inner.low, len(inner.params)
    columns = _shape(inner.moving[0])
    numbers: Iterator[int] = iter(range(len(inner.outputs)))

    def block(value: Abstract) -> Abstract:
        rows = [next(numbers) for _ in floats(low, value)]
        if not rows and not (isinstance(value, StaticArray) and not value.index.size):
            return Object(None)
        items = [entry(k, j) for k in rows for j in range(n)]
        return _array(low, items, (*_shape(value), *columns), inner.node)

    return _regrouped(low, inner.value, block)


def _by_loops(inner: Inner, mode: str) -> Abstract:
    """Blocks of a Jacobian in memory, filled column by column or row by row."""
    low = inner.low
    inner.written_once()
    shapes = [inner.place(x) for x in inner.shapes]
    n, starts, m = _count(low, inner), [], const(0)
    for leaf in shapes:
        starts.append(m)
        m = low.b.add(m, size_of(low, leaf) if isinstance(leaf, Memory) else const(1))
    made = _matrix(low, m, n)
    if mode == "auto":
        known = isinstance(n, Const) and isinstance(m, Const)
        mode = "reverse" if known and m.value < n.value else "forward"
        if not isinstance(n, Const) and isinstance(m, Const):
            mode = "reverse"

    def column(k: Operand) -> None:
        (leaves,) = inner.pushed([_unit(low, inner.actual, k)])
        _write_row(low, made, leaves, shapes, k, n)

    def row(k: Operand) -> None:
        leaves = inner.pulled(_unit(low, shapes, k))
        _write_row(low, made, leaves, inner.actual, low.b.mul(k, n), const(1))

    if mode == "forward":
        arrays.counted(low, n, column, "k")
    else:
        arrays.counted(low, m, row, "k")
    columns, places = _shape(inner.moving[0]), iter(starts)

    def block(value: Abstract) -> Abstract:
        mine = floats(low, value)
        if not mine:
            return Object(None)
        start, *_ = [next(places) for _ in mine]
        shape = (*(inner.place(x) for x in _shape(value)), *columns)
        place = low.b.mul(start, n)
        if not shape:
            return low.b.load(made, place)
        view = contiguous(low, made, Memory(made, place, shape, shape, True))
        return Memory(made, place, shape, view.strides, True)

    return _regrouped(low, inner.value, block)


def _write_row(low, made, leaves: list, shapes: list, start: Operand, step: Operand) -> None:
    """Write leaves one after the other into a matrix: element i to start + i * step."""
    done: Operand = const(0)
    for leaf, like in zip(leaves, shapes, strict=True):
        at = low.b.add(start, low.b.mul(done, step))
        if not isinstance(like, Memory):
            low.b.effect("store", made, at, low.b.cast(leaf, FLOAT))
            done = low.b.add(done, const(1))
            continue
        size = size_of(low, like)

        def put(i: Operand, leaf=leaf, at=at) -> None:
            place = low.b.add(at, low.b.mul(i, step))
            low.b.effect("store", made, place, low.b.load(leaf, i))

        arrays.counted(low, size, put)
        done = low.b.add(done, size)


# -- tangents and cotangents ---------------------------------------------------------------------
def laid_array(low: Lowering, like: Any, given: Abstract, what: str, node: ast.AST) -> list[Any]:
    """Leaves of a tangent or cotangent of an array, which may be any array of that shape."""
    from sciad.compiler.vocabulary import whole

    try:
        known = whole.elements(low, given, node)
    except CompileError:
        known = None
    if known is None or len(known.shape) != len(like.shape):
        low.refuse(f"a {what} does not have the shape of what it belongs to", node)
    for n, m in zip(known.shape, _shape(like), strict=True):
        if isinstance(n, Const) and isinstance(m, Const):
            if n != m:
                low.refuse(f"a {what} does not have the shape of what it belongs to", node)
        elif n is not m:
            low.check(low.b.compare("eq", n, m), "ValueError", f"the shape of a {what}", node)
    if isinstance(like, StaticArray):
        places = np.ndindex(like.shape)
        return [known.at(tuple(const(int(i)) for i in at)) for at in places]
    made = contiguous(low, low.b.alloc(size_of(low, like), "empty", what), like)
    arrays.over(low, like.shape, lambda at: arrays.put(low, made, at, known.at(at)))
    return [made]

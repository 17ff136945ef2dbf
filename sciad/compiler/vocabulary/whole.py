"""Whole-array expressions: elementwise functions with broadcasting, reductions, products.

Everything becomes loops over scalars (or straight code, for arrays of known small shape), so that
the derivative passes never see an array operation. An elementwise expression is one loop, however
many operations it has: it is kept as a recipe for one element until it is needed as an array.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sciad.compiler.front.kinds import element_type
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.types import STATIC_LIMIT, widest
from sciad.compiler.front.values import (
    Abstract,
    ComplexOf,
    Elements,
    ListOf,
    Memory,
    Object,
    StaticArray,
    TupleOf,
)
from sciad.compiler.ir import ANY_ORDER, FLOAT, INT, Const, Loop, Operand, Region, Value, const
from sciad.compiler.vocabulary import arrays, indexing

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "accumulated",
    "element_of",
    "elements",
    "elementwise",
    "from_items",
    "product",
    "reduced",
]

_ONE = const(1)
Indices = tuple[Operand, ...]


def elements(low: Lowering, value: Abstract, node: ast.AST) -> Elements:
    """Any array (or nested sequence) as a recipe for its elements."""
    if isinstance(value, Elements):
        return value
    if is_scalar(value):
        return Elements((), lambda at: value)
    if isinstance(value, ComplexOf):
        low.refuse(
            "complex values stand where an array of floats is needed",
            node,
            "take .real, .imag or np.abs(...)",
        )
    if isinstance(value, TupleOf | ListOf):
        value = from_items(low, value, node)
    if isinstance(value, StaticArray):
        shape = tuple(const(n) for n in value.shape)
        kind = value.cells.element
        return Elements(shape, lambda at: _static_element(low, value, at, node), kind)
    if isinstance(value, Memory):
        kind = value.buffer.type.element
        return Elements(value.shape, lambda at: arrays.load(low, value, at), kind)
    from sciad.compiler.front.lower import describe

    hint = "use int64, bool or float64" if isinstance(value, Object) else None
    return low.refuse(f"{describe(value)} stands where an array is needed", node, hint)


def _static_element(low: Lowering, value: StaticArray, at: Indices, node: ast.AST) -> Operand:
    if all(isinstance(i, Const) for i in at):
        place = tuple(int(i.value) for i in at)
        return low.cell(value.cells, int(value.index[place]))
    return arrays.load(low, arrays.as_memory(low, value, node), at)


def element_of(
    low: Lowering, value: Abstract, shape: Indices, node: ast.AST
) -> Callable[[Indices], Operand]:
    """Recipe for the elements of a value broadcast to a shape."""
    known = elements(low, value, node)
    if len(known.shape) > len(shape):
        low.refuse("an array has too many dimensions for its place", node)
    drop = len(shape) - len(known.shape)
    ones = [_fits(low, n, m, node) for n, m in zip(known.shape, shape[drop:], strict=True)]
    zero = const(0)
    return lambda at: known.at(
        tuple(zero if one else i for one, i in zip(ones, at[drop:], strict=True))
    )


def _fits(low: Lowering, n: Operand, m: Operand, node: ast.AST) -> bool:
    """Check that an axis of length n fits one of length m; True if it is stretched from 1."""
    if n == m:
        return False
    if n == _ONE:
        return True
    if isinstance(n, Const) and isinstance(m, Const):
        low.refuse(f"arrays of lengths {n.value} and {m.value} do not fit together", node)
    message = "arrays of different lengths are combined (length 1 is not stretched: write x[0])"
    low.check(low.b.compare("eq", n, m), "ValueError", message, node)
    return False


def _broadcast(low: Lowering, shapes: list[Indices], node: ast.AST) -> Indices:
    """Shape that arrays of some shapes have together."""
    rank = max(map(len, shapes))
    out: list[Operand] = []
    for d in range(rank):
        axis = [s[d - rank + len(s)] for s in shapes if d - rank + len(s) >= 0]
        longer = [n for n in axis if n != _ONE]
        known = [n for n in longer if isinstance(n, Const)]
        out.append((known or longer or [_ONE])[0])
    return tuple(out)


def elementwise(
    low: Lowering, function: Callable[..., Operand], values: list[Abstract], node: ast.AST
) -> Abstract:
    """Apply a function of scalars to scalars or to each element."""
    if all(is_scalar(v) for v in values):
        return function(*values)
    parts = [elements(low, v, node) for v in values]
    shape = _broadcast(low, [p.shape for p in parts], node)
    recipes = [element_of(low, p, shape, node) for p in parts]
    made = Elements(shape, lambda at: function(*(recipe(at) for recipe in recipes)))
    small = all(isinstance(n, Const) for n in shape) and _size(shape) <= STATIC_LIMIT
    return arrays.settled(low, made, node) if small else made


def _size(shape: Indices) -> int:
    return int(np.prod([n.value for n in shape], dtype=np.int64))


def from_items(low: Lowering, value: Abstract, node: ast.AST) -> Abstract:
    """np.array of a (nested) sequence of scalars or arrays of equal shape."""
    if isinstance(value, StaticArray | Memory | Elements) or is_scalar(value):
        return value
    items = [from_items(low, item, node) for item in indexing.sequence(low, value, node)]
    inner = [elements(low, item, node) for item in items]
    if not items:
        return low.static_array([], (0,), node)
    shape = _broadcast(low, [p.shape for p in inner], node)
    if any(len(p.shape) != len(shape) for p in inner):
        low.refuse("np.array of items with different shapes", node)
    whole = (const(len(items)), *shape)
    recipes = [element_of(low, p, shape, node) for p in inner]
    kind = widest(element_type(low, p) for p in inner)
    made = arrays.allocate(low, whole, "empty", node, element=kind)
    if isinstance(made, StaticArray):
        places = [tuple(const(int(i)) for i in at) for at in np.ndindex(made.shape[1:])]
        arrays.fill_cells(low, made.cells, [recipe(at) for recipe in recipes for at in places])
        return made
    for k, recipe in enumerate(recipes):
        row = indexing.item(low, made, (const(k),), node) if shape else made
        _fill(low, row, recipe, shape, const(k), node)
    return made


def _fill(low, row: Memory, recipe, shape: Indices, k: Operand, node: ast.AST) -> None:
    if shape:
        indexing.store_all(low, row, Elements(shape, recipe), node)
    else:
        x = low.b.cast(recipe(()), row.buffer.type.element)
        low.b.effect("store", row.buffer, k, x)


# -- reductions ---------------------------------------------------------------------------------
def reduced(
    low: Lowering,
    value: Abstract,
    combine: Callable[[Operand, Operand], Operand],
    first: Operand | None,
    node: ast.AST,
) -> Operand:
    """Fold all elements of an array; without `first`, the first element starts."""
    known = elements(low, value, node)
    if all(isinstance(n, Const) for n in known.shape) and _size(known.shape) <= STATIC_LIMIT:
        total = first
        for place in np.ndindex(tuple(int(n.value) for n in known.shape)):
            x = known.at(tuple(const(int(i)) for i in place))
            total = x if total is None else combine(total, x)
        if total is None:
            low.refuse("a reduction of an empty array", node)
        return total
    if first is None:
        low.check(_nonempty(low, known.shape), "ValueError", "reduction of an empty array", node)
        first = known.at(tuple(const(0) for _ in known.shape))
    kind = element_type(low, known)
    start = first if kind.rank <= first.type.rank else low.b.cast(first, kind)
    return _folded(low, known, (), start, combine)


def _nonempty(low: Lowering, shape: Indices) -> Operand:
    total: Operand = const(True)
    for n in shape:
        total = low.b.pure("and", total, low.b.compare("gt", n, const(0)))
    return total


def _folded(low: Lowering, known: Elements, done: Indices, start: Operand, combine) -> Operand:
    if len(done) == len(known.shape):
        return combine(start, known.at(done))
    step = lambda i, total: _folded(low, known, (*done, i), total, combine)
    return accumulated(low, known.shape[len(done)], start, step)


def accumulated(
    low: Lowering, n: Operand, start: Operand, step: Callable, ordered: bool = False
) -> Value:
    """Write a loop that carries one number; `step(index, total)` gives the next.

    Sums may be formed in any order (NumPy does not say in which it does that) or in the `ordered`.
    """
    kind = start.type
    index, total, out = Value("i", INT), Value("total", kind), Value("total", kind)
    low.bounds[index] = (const(0), n)
    with low.b.inside(Region()) as region:
        region.results = (low.b.cast(step(index, total), kind),)
    made = low.b.made.get(region.results[0])
    if made is not None and made.code == "add" and kind is FLOAT and not ordered:
        made.attr = ANY_ORDER
    where = low.b.location
    loop = Loop(
        "range", index, const(0), n, _ONE, (total,), (start,), region, (out,), location=where
    )
    low.b.region.nodes.append(loop)
    return out


# -- products -----------------------------------------------------------------------------------
def product(low: Lowering, a: Abstract, b: Abstract, node: ast.AST) -> Abstract:
    """Multiply arrays of up to three dimensions, as @ does."""
    x = elements(low, arrays.settled(low, a, node), node)
    y = elements(low, arrays.settled(low, b, node), node)
    ranks = len(x.shape), len(y.shape)
    if min(ranks) == 0:
        low.refuse("@ of a number", node, "use *")
    if max(ranks) > 2:
        return _batched(low, x, y, node)
    inner = x.shape[-1]
    n, m = (inner, _ONE) if y.shape[0] == _ONE else (y.shape[0], inner)
    _fits(low, n, m, node)  # a product does not stretch a length of 1
    outer = (*x.shape[:-1], *y.shape[1:])
    add, mul = (_operator(low, code, node) for code in ("add", "mul"))
    kind = max(element_type(low, x), element_type(low, y), INT, key=lambda t: t.rank)

    def element(at: Indices) -> Operand:
        left, right = at[: ranks[0] - 1], at[ranks[0] - 1 :]
        term = lambda k: mul(x.at((*left, k)), y.at((k, *right)))
        if isinstance(inner, Const) and inner.value <= STATIC_LIMIT:
            total: Operand = low.b.cast(const(0), kind)
            for k in range(int(inner.value)):
                total = term(const(k)) if k == 0 else add(total, term(const(k)))
            return total
        zero = low.b.cast(const(0), kind)
        return accumulated(low, inner, zero, lambda k, t: add(t, term(k)))

    if not outer:
        return element(())
    return arrays.settled(low, Elements(outer, element), node)


def _batched(low: Lowering, x: Elements, y: Elements, node: ast.AST) -> Abstract:
    """Matrix products for each place along the leading axes."""
    lone = len(x.shape) == 1, len(y.shape) == 1
    lead = _broadcast(low, [x.shape[:-2], y.shape[:-2]], node) if not any(lone) else ()
    lead = lead or (y.shape[:-2] if lone[0] else x.shape[:-2])
    x = x if lone[0] else _stretched(low, x, lead, node)
    y = y if lone[1] else _stretched(low, y, lead, node)
    depth = y.shape[-1] if lone[1] else y.shape[-2]
    _fits(low, depth, x.shape[-1], node)
    shape = (*lead, *(() if lone[0] else x.shape[-2:-1]), *(() if lone[1] else y.shape[-1:]))

    def at(place: Indices) -> Operand:
        batch, rest = place[: len(lead)], list(place[len(lead) :])
        left = lambda k: x.at((k,) if lone[0] else (*batch, rest[0], k))
        right = lambda k: y.at((k,) if lone[1] else (*batch, k, rest[-1]))
        add, mul = (_operator(low, code, node) for code in ("add", "mul"))
        zero = low.b.cast(const(0), max(kinds, key=lambda t: t.rank))
        step = lambda k, total: add(total, mul(left(k), right(k)))
        return accumulated(low, x.shape[-1], zero, step)

    kinds = [element_type(low, x), element_type(low, y), INT]
    return arrays.settled(low, Elements(shape, at), node)


def _stretched(low: Lowering, x: Elements, lead: Indices, node: ast.AST) -> Elements:
    """Give an array of matrices the leading axes `lead`."""
    shape = (*lead, *x.shape[-2:])
    return Elements(shape, element_of(low, x, shape, node))


def _operator(low: Lowering, code: str, node: ast.AST) -> Callable[[Operand, Operand], Operand]:
    """Arithmetic on numbers; that of integers is checked for overflow."""
    from sciad.compiler.front.arithmetic import arithmetic

    return lambda a, b: arithmetic(low, code, a, b, node)

"""Indexing: subscripts, views, stores, unpacking.

An index known at lowering time is checked then; a computed one is checked at run time unless it is
a loop index (plus a constant) that provably stays inside.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from sciad.compiler.front import overloads, writes
from sciad.compiler.front.intervals import affine, below, limit_of, nonnegative
from sciad.compiler.front.kinds import fitted
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.types import scalar_type
from sciad.compiler.front.values import (
    Abstract,
    ComplexOf,
    Elements,
    ListOf,
    Memory,
    Object,
    Rows,
    StaticArray,
    Structure,
    TupleOf,
    complex_of,
)
from sciad.compiler.ir import BOOL, FLOAT, FLOAT32, INT, Const, Operand, Value, const
from sciad.compiler.vocabulary import fancy
from sciad.compiler.vocabulary.arrays import as_memory, load, over, plus, put, settled, times

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "Slice",
    "accumulate",
    "copied",
    "expanded",
    "index_part",
    "item",
    "refuse_caller",
    "sequence",
    "store",
    "store_all",
    "subscript",
    "unpacked",
]

_ZERO, _ONE = const(0), const(1)


@dataclass(frozen=True, eq=False)
class Slice:
    """start:stop:step, each part possibly missing."""

    start: Operand | None
    stop: Operand | None
    step: Operand | None


def _checked(low: Lowering, index: Operand, n: Operand, node: ast.AST) -> Operand:
    """Give an index into an axis of length n, counted from the end if negative, inside the axis."""
    if index.type in (FLOAT, FLOAT32):
        low.refuse("an array is indexed by a float", node, "convert it with int(...)")
    if isinstance(index, Const) and isinstance(n, Const):
        k = int(index.value)
        if not -n.value <= k < n.value:
            low.refuse(f"index {k} is out of range for an axis of length {n.value}", node)
        return const(k % n.value)
    place, raw = affine(low, index), index
    lower = nonnegative(low, place)
    if not lower:
        if isinstance(index, Const):
            index = plus(low, n, index)
        else:
            negative = low.b.compare("lt", index, _ZERO)
            index = low.b.pure("select", negative, low.b.add(index, n), index)
    upper = below(low, place, affine(low, n))
    if not (lower and upper):
        inside = [low.b.compare("ge", index, _ZERO)] * (not lower)
        inside += [_less(low, index, n, lower)] * (not upper)
        test = inside[0] if len(inside) == 1 else low.b.pure("and", *inside)
        low.check(test, "IndexError", "index is out of range", node)
    if isinstance(raw, Value):
        low.checked[raw] = low.b.region
    return index


def _less(low: Lowering, index: Operand, n: Operand, lower: bool) -> Operand:
    """Compare an index with a length; what does not change from index to index comes first."""
    test = low.b.compare("lt", index, n)
    limit = limit_of(low, index) if lower else None
    return test if limit is None else low.b.pure("or", low.b.compare("le", limit, n), test)


def subscript(low: Lowering, node: ast.expr) -> tuple[Any, ...]:
    """Parts of a subscript: scalars, slices, keys."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return tuple(_part(low, part) for part in parts)


def _part(low: Lowering, node: ast.expr) -> Any:
    if isinstance(node, ast.Slice):
        ends = (node.lower, node.upper, node.step)
        return Slice(*(None if e is None else low.scalar(e) for e in ends))
    return index_part(low, low.evaluate(node), node)


def index_part(low: Lowering, value: Abstract, node: ast.AST) -> Any:
    """Take a value as a part of a subscript."""
    if is_scalar(value):
        return low.b.cast(value, INT) if value.type not in (FLOAT, FLOAT32) else value
    if isinstance(value, Object) and (value.value in (None, ...) or isinstance(value.value, str)):
        return value
    if isinstance(value, StaticArray | Memory | Elements | TupleOf | ListOf):
        return fancy.array_part(low, value, node)
    return low.refuse(
        f"the index {ast.unparse(node)} cannot be compiled",
        node,
        "use numbers, slices, or constant keys",
    )


def item(
    low: Lowering, owner: Abstract, index: tuple, node: ast.AST, inside: bool = False
) -> Abstract:
    """owner[index]; `inside` says that the index is known to be valid."""
    owner = settled(low, owner, node)
    if isinstance(owner, ComplexOf):
        if is_scalar(owner.re):
            low.refuse("a complex number is indexed", node)
        found = [item(low, part, index, node, inside) for part in (owner.re, owner.im)]
        return complex_of(*found)
    if fancy.is_fancy(index):
        _expect_array(low, owner, node)
        return fancy.item(low, owner, index, node)
    if isinstance(owner, TupleOf):
        return _of_tuple(low, owner, index, node)
    if isinstance(owner, Structure) and owner.is_dict:
        key = index[0].value if len(index) == 1 and isinstance(index[0], Const | Object) else None
        if key not in owner.items:
            low.refuse(f"the key {key!r} is not in the dict, or not a constant", node)
        return owner.items[key]
    if isinstance(owner, ListOf):
        return low.cell(owner.cells, _list_place(low, owner, index, node))
    if isinstance(owner, StaticArray):
        known = _known(index)
        if known is None:
            owner = as_memory(low, owner, node)
        else:
            return _static_item(low, owner, known, node)
    if isinstance(owner, Memory):
        view = _view(low, owner, index, node, inside)
        if view.shape == ():
            return low.b.load(view.buffer, view.offset) if owner.is_list else load(low, view, ())
        return view
    from sciad.compiler.front.lower import describe

    return low.refuse(
        f"{describe(owner)} is indexed, which is neither an array nor a structure",
        node,
        "use an array of float64, int64 or bool",
    )


def _of_tuple(low: Lowering, owner: TupleOf, index: tuple, node: ast.AST) -> Abstract:
    known = _known(index)
    if known is None or len(known) != 1:
        low.refuse(
            "a tuple or list of parameters is indexed by a computed index",
            node,
            "make it an array, or use constant indices",
        )
    if isinstance(known[0], slice):
        return TupleOf(owner.items[known[0]], (), owner.kind)
    if not -len(owner.items) <= known[0] < len(owner.items):
        low.refuse(f"index {known[0]} is out of range for length {len(owner.items)}", node)
    return owner.items[known[0]]


def _list_place(low: Lowering, owner: ListOf, index: tuple, node: ast.AST) -> int:
    known = _known(index)
    if known is None:
        from sciad.compiler.front.lower import Restart

        if owner.cells.frozen is not None:
            low.refuse(
                "a list that differs between paths is indexed by a computed index",
                node,
                "use an array and overwrite its elements",
            )
        raise Restart(owner.cells.site)
    if len(known) != 1 or isinstance(known[0], slice):
        low.refuse("a slice of a list cannot be compiled", node, "use an array")
    size = owner.cells.size
    if not -size <= known[0] < size:
        low.refuse(f"index {known[0]} is out of range for length {size}", node)
    return known[0] % size


def _expect_array(low: Lowering, owner: Abstract, node: ast.AST) -> None:
    is_list = isinstance(owner, Memory) and owner.is_list
    if is_list or not isinstance(owner, StaticArray | Memory):
        low.refuse("something that is not an array is indexed by an array", node)


def _known(index: tuple) -> tuple | None:
    """Give the index as NumPy takes it, if all of it is known."""
    parts: list[Any] = []
    for part in index:
        if fancy.is_fancy((part,)):
            return None
        if isinstance(part, Object) and not isinstance(part.value, str):
            parts.append(part.value)
            continue
        ends = (part.start, part.stop, part.step) if isinstance(part, Slice) else (part,)
        if not all(e is None or isinstance(e, Const) for e in ends):
            return None
        if any(e is not None and e.type in (FLOAT, FLOAT32) for e in ends):
            return None
        values = [None if e is None else int(e.value) for e in ends]
        parts.append(slice(*values) if isinstance(part, Slice) else values[0])
    return tuple(parts)


def _static_item(low: Lowering, owner: StaticArray, known: tuple, node: ast.AST) -> Abstract:
    try:
        found = owner.index[known]
    except (IndexError, ValueError) as error:
        low.refuse(str(error), node)
    if isinstance(found, np.ndarray):
        return StaticArray(owner.cells, found)
    return low.cell(owner.cells, int(found))


def _view(
    low: Lowering, owner: Memory, index: tuple, node: ast.AST, inside: bool = False
) -> Memory:
    """Find the part of an array in memory that an index without arrays selects."""
    full = expanded(low, index, len(owner.shape), node)
    if owner.is_list and any(isinstance(part, Slice) for part in index):
        low.refuse("a slice of a list cannot be compiled", node, "use an array")
    offset, shape, strides = owner.offset, [], []
    axes = zip(owner.shape, owner.strides, strict=True)
    for part in full:
        if isinstance(part, Object) and part.value is None:
            shape.append(_ONE)
            strides.append(_ZERO)
            continue
        n, stride = next(axes)
        if isinstance(part, Slice):
            start, count, step = _slice(low, part, n, node)
            offset = low.b.add(offset, times(low, start, stride))
            shape.append(count)
            strides.append(times(low, stride, step))
        elif isinstance(part, Object):
            low.refuse("an array is indexed by a string", node)
        else:
            place = part if inside else _checked(low, part, n, node)
            offset = low.b.add(offset, times(low, place, stride))
    return Memory(owner.buffer, offset, tuple(shape), tuple(strides), owner.writable)


def expanded(low: Lowering, index: tuple, ndim: int, node: ast.AST) -> tuple:
    """Write out `...` and the axes that a subscript leaves away."""
    dots = [k for k, p in enumerate(index) if isinstance(p, Object) and p.value is ...]
    given = sum(not (isinstance(p, Object) and p.value in (None, ...)) for p in index)
    if given > ndim or len(dots) > 1:
        low.refuse(f"{given} indices for an array of {ndim} dimensions", node)
    more = (Slice(None, None, None),) * (ndim - given)
    if not dots:
        return (*index, *more)
    return (*index[: dots[0]], *more, *index[dots[0] + 1 :])


def _slice(low, part: Slice, n: Operand, node) -> tuple[Operand, Operand, Operand]:
    """(first index, number of elements, step) of a slice of an axis of length n."""
    if (part.start, part.stop, part.step) == (None, None, None):
        return _ZERO, n, _ONE
    step = 1 if part.step is None else part.step
    if not isinstance(step, int):
        if not isinstance(step, Const) or step.value == 0:
            low.refuse("the step of a slice has to be a constant other than 0", node)
        step = int(step.value)
    ends = (part.start, part.stop)
    if isinstance(n, Const) and all(e is None or isinstance(e, Const) for e in ends):
        lower, upper = (None if e is None else int(e.value) for e in ends)
        known = slice(lower, upper, step)
        span = range(*known.indices(int(n.value)))
        return const(span.start), const(len(span)), const(step)
    if step < 0:
        return _backwards(low, part, n, step)
    start = _ZERO if part.start is None else _end(low, part.start, n)
    stop = n if part.stop is None else _end(low, part.stop, n)
    span = (
        plus(low, stop, const(-start.value)) if isinstance(start, Const) else low.b.sub(stop, start)
    )
    count = low.b.pure("floordiv", low.b.add(span, const(step - 1)), const(step))
    return start, low.b.maximum(count, _ZERO), const(step)


def _backwards(low, part: Slice, n: Operand, step: int) -> tuple[Operand, Operand, Operand]:
    """Slice with a negative step; -1 stands for the place before the first element."""
    last, before = plus(low, n, const(-1)), const(-1)
    ends = []
    for end, default in ((part.start, last), (part.stop, before)):
        if end is None:
            ends.append(default)
            continue
        negative = low.b.compare("lt", end, _ZERO)
        end = low.b.pure("select", negative, low.b.add(end, n), end)
        ends.append(low.b.minimum(low.b.maximum(end, before), last))
    if (part.start, part.stop, step) == (None, None, -1):
        return last, n, before
    span = low.b.add(low.b.sub(*ends), const(-step - 1))
    count = low.b.pure("floordiv", span, const(-step))
    return ends[0], low.b.maximum(count, _ZERO), const(step)


def _end(low: Lowering, end: Operand, n: Operand) -> Operand:
    if isinstance(end, Const):
        if end.value < 0:
            return low.b.maximum(plus(low, n, end), _ZERO)
        return low.b.minimum(end, n)
    negative = low.b.compare("lt", end, _ZERO)
    end = low.b.pure("select", negative, low.b.add(end, n), end)
    return low.b.minimum(low.b.maximum(end, _ZERO), n)


def store(low: Lowering, owner: Abstract, index: tuple, value: Abstract, node: ast.AST) -> None:
    """owner[index] = value."""
    if isinstance(owner, ComplexOf):
        for part, x in zip((owner.re, owner.im), both_parts(low, value, node), strict=True):
            store(low, part, index, x, node)
        return
    if isinstance(value, ComplexOf) and not isinstance(owner, ListOf):
        _refuse_complex(low, node)
    if fancy.is_fancy(index):
        _expect_array(low, owner, node)
        fancy.store(low, owner, index, value, node)
        return
    if isinstance(owner, ListOf):
        place = _list_place(low, owner, index, node)
        low.set_cell(owner.cells, place, settled(low, value, node), node)
        return
    if isinstance(owner, StaticArray):
        low.writable(owner.cells, node)
        known = _known(index)
        if known is not None:
            _store_static(low, owner, known, value, node)
            return
        owner = as_memory(low, owner, node)
    if not isinstance(owner, Memory):
        low.refuse(
            "a store into something that is not an array", node, "build a new tuple or dict instead"
        )
    kinds = {value.type, owner.buffer.type.element} if is_scalar(value) else set()
    if owner.is_list and FLOAT32 in kinds and len(kinds) > 1:
        hint = "make it an array, or convert what is put in: np.float32(...)"
        low.refuse("a list holds float32 and other numbers", node, hint)
    store_all(low, _view(low, owner, index, node), value, node)


def _store_static(low, owner: StaticArray, known: tuple, value: Abstract, node) -> None:
    """owner[known] = value, for an index known at lowering time."""
    try:
        target = np.asarray(owner.index[known])
    except (IndexError, ValueError) as error:
        low.refuse(str(error), node)
    store_all(low, StaticArray(owner.cells, target), value, node)


def store_all(low: Lowering, target: Any, value: Abstract, node: ast.AST) -> None:
    """target[...] = value, with broadcasting; the value is read before anything is written."""
    from sciad.compiler.vocabulary.whole import element_of

    if isinstance(target, ComplexOf):
        for part, x in zip((target.re, target.im), both_parts(low, value, node), strict=True):
            store_all(low, part, x, node)
        return
    if isinstance(value, ComplexOf):
        _refuse_complex(low, node)
    if isinstance(target, StaticArray):
        places = list(np.ndindex(target.shape))
        at = element_of(low, value, tuple(const(n) for n in target.shape), node)
        items = [at(tuple(const(int(i)) for i in place)) for place in places]
        for place, x in zip(places, items, strict=True):
            cell = int(target.index[place])
            low.set_cell(target.cells, cell, fitted(low, x, target.cells.element), node)
        return
    refuse_caller(low, target, node)
    if not is_scalar(value) and target.shape != ():
        value = copied(low, value, node)
    at = element_of(low, value, target.shape, node)
    over(low, target.shape, lambda place: put(low, target, place, at(place)))


def refuse_caller(low: Lowering, target: Memory, node: ast.AST) -> None:
    """Refuse a write into an argument, or begin with a copy of it."""
    if not target.writable:
        writes.written(low, target.buffer)
    if not target.writable and target.buffer in low.b.sizes:
        low.b.refuse_write("may be known under another name where paths meet")
    if not target.writable:
        low.refuse(
            "an array that belongs to the caller is written to",
            node,
            "work on a copy: x = x.copy()",
        )


def both_parts(low: Lowering, value: Abstract, node: ast.AST) -> list[Abstract]:
    """Both parts of what is stored into a complex array, read before anything is written."""
    if isinstance(value, TupleOf | ListOf) and not isinstance(value, ComplexOf):
        from sciad.compiler.vocabulary.complex_calls import call

        place: Any = node
        value = call(low, np.array, [value], {}, place) or value
    parts = (value.re, value.im) if isinstance(value, ComplexOf) else (value, const(0.0))
    return [x if is_scalar(x) else copied(low, x, node) for x in parts]


def _refuse_complex(low: Lowering, node: ast.AST) -> NoReturn:
    low.refuse(
        "a complex value is written into an array of floats",
        node,
        "make the array with dtype=complex, or write value.real",
    )


def copied(low: Lowering, value: Abstract, node: ast.AST) -> Abstract:
    """Make a new array with the same elements."""
    from sciad.compiler.vocabulary.whole import elements

    return settled(low, elements(low, value, node), node)


def accumulate(
    low: Lowering, owner: Abstract, index: tuple, change: Abstract, minus: bool, node: ast.AST
) -> bool:
    """owner[index] += change as one operation, for an element in memory; whether that applied."""
    if fancy.is_fancy(index):
        return False
    if isinstance(owner, StaticArray) and owner.cells.buffer is None and _known(index) is None:
        owner = as_memory(low, owner, node)
    if isinstance(owner, Memory) and not owner.writable:
        writes.written(low, owner.buffer)
    if not isinstance(owner, Memory) or not is_scalar(change) or not owner.writable:
        return False
    view = _view(low, owner, index, node)
    if view.shape != () or view.buffer.type.element in (BOOL, FLOAT32):
        return False  # bools have no sums, float32 are rounded
    if view.buffer in low.int_lists:
        return False
    term = fitted(low, change, view.buffer.type.element)
    term = low.b.neg(term) if minus else term
    low.b.effect("accum", view.buffer, view.offset, term)
    return True


def sequence(low: Lowering, value: Abstract, node: ast.AST) -> list[Abstract]:
    """Items of something of known length."""
    if isinstance(value, ComplexOf):
        if is_scalar(value.re):
            low.refuse("a complex number stands where a sequence is needed", node)
        columns = [sequence(low, part, node) for part in (value.re, value.im)]
        return [complex_of(re, im) for re, im in zip(*columns, strict=True)]
    if isinstance(value, TupleOf):
        if value.made_by is not None:
            overloads.expect_plain(low, value, "__iter__", node)
        return list(value.items)
    if isinstance(value, Structure) and value.is_dict:
        return [Object(k) if scalar_type(k) is None else const(k) for k in value.items]
    if isinstance(value, ListOf):
        return [low.cell(value.cells, k) for k in range(value.cells.size)]
    if isinstance(value, StaticArray) and value.shape:
        return [_static_item(low, value, (k,), node) for k in range(value.shape[0])]
    if isinstance(value, Memory) and value.shape and isinstance(value.shape[0], Const):
        rows = range(int(value.shape[0].value))
        return [item(low, value, (const(k),), node) for k in rows]
    if isinstance(value, Elements):
        return sequence(low, settled(low, value, node), node)
    if isinstance(value, Rows):
        from sciad.compiler.front.calls import iterated

        return iterated(low, value, node)
    return low.refuse(
        "a loop over, or unpacking of, something whose length is not known",
        node,
        "use range(len(...)) and indices",
    )


def unpacked(low: Lowering, value: Abstract, n: int, node: ast.AST) -> list[Abstract]:
    """Items of a value that is unpacked into n targets."""
    value = settled(low, value, node)
    if isinstance(value, Memory) and value.shape and not isinstance(value.shape[0], Const):
        fits = low.b.compare("eq", value.shape[0], const(n))
        low.check(fits, "ValueError", f"an array is unpacked that has not length {n}", node)
        return [item(low, value, (const(k),), node, inside=True) for k in range(n)]
    items = sequence(low, value, node)
    if len(items) != n:
        low.refuse(f"{len(items)} values are unpacked into {n} names", node)
    return items

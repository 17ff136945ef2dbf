"""Arrays that functions which call themselves return: the caller makes room, the callee fills it.

A callee returns scalars; for each array among its results it gets one more buffer. The caller has
to know how long that is before the call, so each length is a literal or one of the scalars that
the callee is given (such as the length of an argument), as the first path that returns shows. On
other paths the lengths are compared at run time.

What may be an array of the caller's (`return v`) is copied, and from then on neither the array nor
the copy may be written to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.moving import SHARED, copy_elements, standard
from sciad.compiler.front.values import Abstract, Memory, Missing, Structure, TupleOf
from sciad.compiler.invoke import free_values
from sciad.compiler.ir import (
    FLOAT,
    FLOAT32,
    BufferType,
    Const,
    Failure,
    Function,
    If,
    Location,
    Operand,
    Region,
    ScalarType,
    Value,
    const,
    walk,
)

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["Destination", "is_mark", "placed", "received", "returned"]

Length = Const | Value | int
#: One for each array of a result; the same objects in every round, so that layouts agree.
_MARKS = [Missing(f"array {k} of a result") for k in range(16)]
_LENGTHS = (
    "a function that calls itself returns arrays whose lengths do not follow from its arguments: "
    "write into an array that is given as an argument"
)


@dataclass(frozen=True)
class Destination:
    """An array that a callee returns.

    Attributes
    ----------
    element : ScalarType
        Type of its elements.
    lengths : tuple
        For each dimension a literal, the number of a scalar of the call, or a value of a function
        around the callee.
    fresh : bool
        Nobody else can reach it.
    """

    element: ScalarType
    lengths: tuple[Length, ...]
    fresh: bool


def is_mark(value: Abstract) -> bool:
    """Whether a value stands for an array in the result of a callee."""
    return any(value is mark for mark in _MARKS)


def _exchanged(value: Abstract, change: Any) -> Abstract:
    """Exchange arrays in memory and what stands for them."""
    if isinstance(value, Memory) or is_mark(value):
        return change(value)
    if isinstance(value, TupleOf):
        return replace(value, items=tuple(_exchanged(x, change) for x in value.items))
    if isinstance(value, Structure):
        return replace(value, items={k: _exchanged(x, change) for k, x in value.items.items()})
    return value


def _found(value: Abstract) -> list[Memory]:
    found: list[Memory] = []

    def note(view: Memory) -> Memory:
        if isinstance(view, Memory):
            found.append(view)
        return view

    _exchanged(value, note)
    return found


# -- in the callee -------------------------------------------------------------------------------
def returned(
    low: Lowering,
    value: Abstract,
    scalars: list[Operand],
    known: list[Destination] | None,
    mark: int,
    where: Location,
) -> tuple[Abstract, list[Destination], list[Value]] | None:
    """Write the arrays of a result where the caller has made room.

    `scalars` are those of the call, as the callee sees them; `known` is what was assumed; buffers
    made since `mark` are the callee's own. Returns the result with marks in their place, the
    destinations and their buffers; None if that cannot be done.
    """
    views = _found(value)
    if len(views) > len(_MARKS) or any(v.is_list or not v.shape for v in views):
        return None
    if known is not None and len(known) != len(views):
        return None
    found: list[Destination] = []
    for k, view in enumerate(views):
        before = None if known is None else known[k]
        made = _destination(low, view, scalars, before, mark, views)
        if made is None:
            return None
        found.append(made)
    buffers = [Value("result", BufferType(d.element)) for d in found]
    for view, made, buffer in zip(views, found, buffers, strict=True):
        _fill(low, view, made, scalars, buffer, where)
    marks = iter(_MARKS)
    return _exchanged(value, lambda view: next(marks)), found, buffers


def _destination(
    low: Lowering,
    view: Memory,
    scalars: list[Operand],
    before: Destination | None,
    mark: int,
    views: list[Memory],
) -> Destination | None:
    element = view.buffer.type.element
    own = view.buffer.serial > mark and view.buffer in low.b.sizes
    alone = sum(other.buffer is view.buffer for other in views) == 1
    fresh = own and alone and view.writable and view.buffer not in low.b.frozen
    if before is not None:
        alike = before.element is element and len(before.lengths) == len(view.shape)
        return replace(before, fresh=before.fresh and fresh) if alike else None
    if element not in (FLOAT, FLOAT32):
        return None
    lengths: list[Length] = []
    for n in view.shape:
        known = _resolved(low.b.region, n, scalars, mark)
        if known is None:
            return None
        lengths.append(known)
    return Destination(element, tuple(lengths), fresh)


def _resolved(region: Region, n: Operand, scalars: list[Operand], mark: int) -> Length | None:
    """Find what a length is on a path that returns; paths that do not return yet give fillers."""
    if isinstance(n, Const):
        return n
    for k, x in enumerate(scalars):
        if x is n:
            return k
    if n.serial < mark:
        return n
    joins = (node for node in walk(region) if isinstance(node, If) and n in node.outs)
    for join in joins:
        place = join.outs.index(n)
        sides = (join.then.results[place], join.orelse.results[place])
        found = [_resolved(region, side, scalars, mark) for side in sides]
        numbers = [k for k in found if isinstance(k, int | Value)]
        literals = [k for k in found if isinstance(k, Const) and k.value]
        return next(iter([*numbers, *literals]), None)
    return None


def _shape(made: Destination, scalars: list[Operand]) -> tuple[Operand, ...]:
    return tuple(scalars[n] if isinstance(n, int) else n for n in made.lengths)


def _fill(
    low: Lowering,
    view: Memory,
    made: Destination,
    scalars: list[Operand],
    buffer: Value,
    where: Location,
) -> None:
    shape = _shape(made, scalars)
    for n, expected in zip(view.shape, shape, strict=True):
        if n is not expected and n != expected:
            same = low.b.compare("eq", n, expected)
            low.b.check(same, Failure("ValueError", _LENGTHS, where))
    target = Memory(buffer, const(0), shape, standard(low, shape), True)
    copy_elements(low, replace(view, shape=shape), target)


# -- in the caller -------------------------------------------------------------------------------
def received(
    low: Lowering,
    destinations: list[Destination],
    scalars: list[Operand],
    given: list[Value],
    function: Function | None,
) -> list[Memory]:
    """Make room for the arrays that a call returns."""
    made: list[Memory] = []
    for each in destinations:
        shape = _shape(each, scalars)
        size: Operand = const(1)
        for n in shape:
            size = low.b.mul(size, n)
        buffer = low.b.alloc(size, "empty", "result", each.element)
        made.append(Memory(buffer, const(0), shape, standard(low, shape), each.fresh))
    if not all(each.fresh for each in destinations):
        free = [] if function is None else free_values(function)
        for buffer in (*given, *(v for v in free if isinstance(v.type, BufferType))):
            low.b.frozen[buffer] = SHARED
    return made


def placed(value: Abstract, arrays: list[Memory]) -> Abstract:
    """Put arrays in the place of what stands for them."""
    known = dict(zip(map(id, _MARKS), arrays, strict=False))
    return _exchanged(value, lambda mark: known[id(mark)])

"""Arrays in memory that change their place: what `pools` (loops) and `joins` (branches) share.

A name that stands for one of several arrays needs one buffer for all of them, since buffers have a
static identity. Moving an array there is exact if every reference to it is moved along; otherwise
its elements are copied, and neither the copy nor the original may be written to any more.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.merge import is_scalar, layout
from sciad.compiler.front.precision import refuse
from sciad.compiler.front.values import (
    Abstract,
    Closure,
    ListOf,
    Memory,
    Method,
    Missing,
    Partial,
    Rows,
    StaticArray,
    Structure,
    TupleOf,
    Unsure,
)
from sciad.compiler.ir import FLOAT, FLOAT32, INT, Const, Op, Operand, Region, Value, const
from sciad.compiler.vocabulary import arrays

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "SHARED",
    "Environment",
    "aliases",
    "alike",
    "copy_elements",
    "count_of",
    "demand_of",
    "dense",
    "erased",
    "held_lists",
    "hoisted",
    "mapped",
    "memories",
    "now",
    "read_only",
    "redirect",
    "room_for",
    "spilled",
    "standard",
    "view_integers",
]

Environment = dict[Any, Abstract]
SHARED = "may be known under another name where paths meet"
_ZERO, _ONE = const(0), const(1)
_PLAIN = frozenset(["add", "sub", "mul", "select", "lt", "le", "gt", "ge", "eq", "ne", "not"])


def demand_of(low: Lowering, node: ast.AST, key: Any) -> tuple:
    """Name of the wish that a place where paths meet keeps the value of `key`."""
    name = key[1].rstrip("0123456789") if isinstance(key[1], str) else (key[0].site, key[1])
    frame = key[0] if isinstance(key[1], str) else 0
    depth = next((k for k, f in enumerate(low.frames) if f.serial == frame), -1)
    return ("keep", low.site(node), type(node).__name__, depth, name)


def now() -> int:
    """Make a mark: values made later have larger serial numbers."""
    return Value("mark", INT).serial


# -- values that hold arrays ---------------------------------------------------------------------
def mapped(value: Abstract, change: Callable[[Memory], Memory]) -> Abstract:
    """Replace the arrays in memory that a value holds; those of lists are in the environment."""
    if isinstance(value, Memory):
        return change(value)
    if isinstance(value, TupleOf):
        items = tuple(mapped(item, change) for item in value.items)
        moved = any(a is not b for a, b in zip(items, value.items, strict=True))
        return replace(value, items=items) if moved else value
    if isinstance(value, Structure):
        parts = {k: mapped(v, change) for k, v in value.items.items()}
        moved = any(parts[k] is not v for k, v in value.items.items())
        return replace(value, items=parts) if moved else value
    if isinstance(value, Closure):
        if not memories(value, {}):
            return value
        named = {k: mapped(d, change) for k, d in value.keywords.items()}
        inner = tuple(mapped(d, change) for d in value.defaults)
        return replace(value, defaults=inner, keywords=named)
    if isinstance(value, Partial):
        if not memories(value, {}):
            return value
        named = {k: mapped(d, change) for k, d in value.named.items()}
        inner = tuple(mapped(d, change) for d in value.args)
        return replace(value, target=mapped(value.target, change), args=inner, named=named)
    if isinstance(value, Unsure):
        return replace(value, value=mapped(value.value, change))
    if isinstance(value, Rows):
        return replace(value, sources=tuple(mapped(s, change) for s in value.sources))
    if isinstance(value, Method):
        return replace(value, owner=mapped(value.owner, change))
    return value


def redirect(env: Environment, change: Callable[[Memory], Memory], keys: Iterable) -> None:
    """Replace arrays under some keys (and in the lists these hold), in place."""
    for key in list(keys):
        value = env[key]
        env[key] = mapped(value, change)
        for cells in _lists(value):
            inner = [(cells, k) for k in range(cells.size)]
            redirect(env, change, [k for k in inner if k in env])


def _lists(value: Abstract) -> Iterator[Any]:
    if isinstance(value, Unsure):
        yield from _lists(value.value)
    elif isinstance(value, ListOf):
        yield value.cells
    elif isinstance(value, TupleOf | Structure):
        items = value.items if isinstance(value, TupleOf) else value.items.values()
        for item in items:
            yield from _lists(item)


def held_lists(env: Environment) -> set[Any]:
    """Collect the storage of the lists that names stand for, and of the lists in these."""
    found: set[Any] = set()
    front = [value for key, value in env.items() if isinstance(key[1], str)]
    while front:
        for cells in _lists(front.pop()):
            if cells not in found:
                found.add(cells)
                front += [env[(cells, k)] for k in range(cells.size) if (cells, k) in env]
    return found


def memories(value: Abstract, env: Environment) -> list[Memory]:
    """List the arrays in memory that a value holds, in the order of its leaves."""
    if isinstance(value, Memory):
        return [value]
    if isinstance(value, TupleOf | Structure):
        items = value.items if isinstance(value, TupleOf) else value.items.values()
        return [m for item in items for m in memories(item, env)]
    if isinstance(value, ListOf):
        held = (env.get((value.cells, k)) for k in range(value.cells.size))
        return [m for item in held for m in memories(item, env)]
    if isinstance(value, Closure):
        parts = [*value.defaults, *value.keywords.values()]
        return [m for item in parts for m in memories(item, env)]
    if isinstance(value, Unsure):
        return memories(value.value, env)
    if isinstance(value, Rows):
        return [m for item in value.sources for m in memories(item, env)]
    if isinstance(value, Partial):
        parts = [value.target, *value.args, *value.named.values()]
        return [m for item in parts for m in memories(item, env)]
    return memories(value.owner, env) if isinstance(value, Method) else []


def read_only(env: Environment, key: Any) -> None:
    """Forbid writes through what a key stands for."""
    redirect(env, lambda m: replace(m, writable=False), [key])


def aliases(env: Environment, buffer: Value) -> list[tuple[Any, Memory]]:
    """List the references to a buffer with their keys."""
    return [
        (key, m)
        for key, value in env.items()
        if not isinstance(value, ListOf | Missing)
        for m in memories(value, env)
        if m.buffer is buffer
    ]


def view_integers(value: Abstract, env: Environment) -> set[int]:
    """Which leaves of a value are integers of a view: its offset, lengths and strides."""
    return {k for k, inside in enumerate(_view_leaves(value, env)) if inside}


def _view_leaves(value: Abstract, env: Environment) -> Iterator[bool]:
    if isinstance(value, Unsure):
        yield False
        yield from _view_leaves(value.value, env)
    elif isinstance(value, Memory):
        yield from [True] * (1 + 2 * len(value.shape))
    elif isinstance(value, TupleOf | Structure):
        items = value.items if isinstance(value, TupleOf) else value.items.values()
        for item in items:
            yield from _view_leaves(item, env)
    elif isinstance(value, ListOf):
        for k in range(value.cells.size):
            yield from _view_leaves(env[(value.cells, k)], env)
    elif isinstance(value, StaticArray):
        yield from [False] * value.index.size
    elif is_scalar(value):
        yield False


def erased(value: Abstract, env: Environment) -> object:
    """Layout of a value in which it does not matter where its arrays are."""

    def plain(part: Any) -> Any:
        if not isinstance(part, tuple):
            return part
        if part[:1] == ("memory",):
            return ("memory", *part[2:])
        if part[:1] == ("array",):
            return ("memory", len(part[1]), False)
        return tuple(map(plain, part))

    return plain(layout(value, env))


def spilled(low: Lowering, value: Abstract, env: Environment, node: ast.AST) -> Abstract:
    """Copy the arrays of variables that a value holds to memory; they may not be written to."""
    if isinstance(value, StaticArray):
        return _spilled(low, value, env, node)
    if isinstance(value, TupleOf):
        return replace(value, items=tuple(spilled(low, v, env, node) for v in value.items))
    if isinstance(value, Structure):
        parts = {k: spilled(low, v, env, node) for k, v in value.items.items()}
        return replace(value, items=parts)
    if isinstance(value, ListOf):
        for k in range(value.cells.size):
            env[(value.cells, k)] = spilled(low, env[(value.cells, k)], env, node)
    return value


def _spilled(low: Lowering, value: StaticArray, env: Environment, node: ast.AST) -> Abstract:
    cells = value.cells
    if cells.buffer is not None:
        return arrays.as_memory(low, value, node)
    if cells.element not in (FLOAT, FLOAT32):
        return value
    low.relocate(cells, env)
    shape = tuple(const(n) for n in value.shape)
    buffer = low.b.alloc(const(value.index.size), "empty", "a", cells.element)
    for k, cell in enumerate(value.index.ravel()):
        low.b.effect("store", buffer, const(k), low.cell(cells, int(cell), env))
    cells.frozen = cells.frozen or SHARED
    return Memory(buffer, _ZERO, shape, standard(low, shape), False)


# -- numbers -------------------------------------------------------------------------------------
def alike(low: Lowering, a: Operand, b: Operand) -> bool:
    """Whether two integers are the same by the way they are computed."""
    if a is b or (isinstance(a, Const) and a == b):
        return True
    x, y = (low.b.made.get(o) if isinstance(o, Value) else None for o in (a, b))
    if x is None or y is None or (x.code, x.attr) != (y.code, y.attr):
        return False
    return all(alike(low, p, q) for p, q in zip(x.args, y.args, strict=True))


def hoisted(low: Lowering, operand: Operand, mark: int) -> Operand | None:
    """Compute an integer again from what was known at a mark; None if that cannot be done."""
    if isinstance(operand, Const) or operand.serial < mark:
        return operand
    op = low.b.made.get(operand)
    if op is None or operand.type in (FLOAT, FLOAT32):
        return None
    divides = op.code == "floordiv" and isinstance(op.args[1], Const) and op.args[1].value
    if op.code not in _PLAIN and not divides:
        return None
    args = [hoisted(low, a, mark) for a in op.args]
    return None if None in args else low.b.pure(op.code, *args, attr=op.attr)


def standard(low: Lowering, shape: tuple[Operand, ...]) -> tuple[Operand, ...]:
    """Strides of an array without gaps."""
    return arrays._strides(low, shape)


def dense(low: Lowering, view: Memory) -> bool:
    """Whether a view has no gaps."""
    steps = standard(low, view.shape)
    return all(alike(low, s, t) for s, t in zip(view.strides, steps, strict=True))


def count_of(low: Lowering, view: Memory) -> Operand:
    """Multiply the lengths of a view."""
    total: Operand = _ONE
    for n in view.shape:
        total = arrays.times(low, total, n)
    return total


def room_for(low: Lowering, view: Memory, mark: int) -> Operand | None:
    """Compute, from what was known at a mark, how many elements a view has at most."""
    with low.b.inside(Region()):
        count = count_of(low, view)
    found = hoisted(low, count, mark)
    if found is None and view.buffer in low.pools:
        found = hoisted(low, low.pools[view.buffer][0], mark)
    if found is None and view.buffer in low.b.sizes:
        found = hoisted(low, low.b.sizes[view.buffer], mark)
    return found


# -- copies --------------------------------------------------------------------------------------
def copy_elements(low: Lowering, source: Memory, target: Memory) -> None:
    """Write the copy of an array; no program says so, hence frozen targets are no matter."""
    kinds = {m.buffer.type.element for m in (source, target)}
    if FLOAT32 in kinds and len(kinds) > 1:
        what = "a name stands for arrays of float32 and of another type where paths meet"
        refuse(low.b, what, "convert one of them: x.astype(np.float32)")

    def one(at: tuple[Operand, ...]) -> None:
        x = arrays.load(low, source, at)
        place = arrays._position(low, target, at)
        low.b.region.nodes.append(Op("store", (target.buffer, place, x), (), None, low.b.location))

    arrays.over(low, source.shape, one)

"""Loops: over what is known they are unrolled, otherwise they become one `Loop`.

Which names a loop carries, and with which types, is found by lowering its body until nothing new
shows: a name (or element of a local array) that differs at the end of the body from its beginning
is carried from then on. A name that is first assigned inside the body has a value afterwards only
if the loop is known to run; the same holds for the loop variable.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sciad.compiler import arrays, indexing, statements
from sciad.compiler.integers import INDEX_BITS, bits_of
from sciad.compiler.ir import BOOL, INT, Const, Loop, Operand, Region, ScalarType, Value, const
from sciad.compiler.merge import (
    DIFFERENT,
    FROZEN,
    UNSET,
    filler,
    layout,
    leaves,
    rebuild,
    same,
    storages,
)
from sciad.compiler.types import UNROLL_LIMIT, join
from sciad.compiler.values import Abstract, Cells, Memory, Missing, RangeOf

if TYPE_CHECKING:
    from sciad.compiler.lower import Lowering

__all__ = ["for_loop", "while_loop"]

_PASSES = 20
_MOST_UNROLLED = 32
_INSIDE = Missing("it is assigned inside a loop that may not run at all")


def for_loop(low: Lowering, node: Any) -> None:
    """Lower `for target in iterable`."""
    iterable = low.evaluate(node.iter)
    if isinstance(iterable, Memory):
        iterable = _elements(low, iterable, node)
    if isinstance(iterable, RangeOf):
        items = _known_range(iterable)
        size = sum(1 for s in node.body for _ in ast.walk(s))
        if items is None or len(items) > _MOST_UNROLLED or len(items) * size > UNROLL_LIMIT:
            name = node.target.id if isinstance(node.target, ast.Name) else None
            if name is None:
                low.refuse("the target of a loop over range has to be a name", node)
            _dynamic(low, node, iterable, lambda index: low.bind(name, index), node.until)
            return
        values: list[Abstract] = [const(k) for k in items]
    elif isinstance(iterable, _Rows):
        bind = lambda index: statements.assign(low, node.target, iterable.at(index))
        _dynamic(low, node, RangeOf(const(0), iterable.length, const(1)), bind, node.until)
        return
    else:
        values = indexing.sequence(low, iterable, node)
    _unroll(low, node, values, 0)


@dataclass
class _Rows:
    """Iteration over the first axis of an array in memory."""

    length: Operand
    at: Callable[[Operand], Abstract]


def _elements(low: Lowering, value: Memory, node: ast.For) -> _Rows:
    return _Rows(value.shape[0], lambda i: indexing.item(low, value, (i,), node, inside=True))


def _known_range(iterable: RangeOf) -> range | None:
    parts = (iterable.start, iterable.stop, iterable.step)
    if all(isinstance(p, Const) for p in parts):
        return range(*(int(p.value) for p in parts))
    return None


def _unroll(low: Lowering, node: Any, values: list[Abstract], k: int) -> None:
    if k == len(values) or low.dead:
        return
    prefix = low.site_prefix
    low.site_prefix = (*prefix, k)
    statements.assign(low, node.target, values[k])
    statements.execute(low, node.body)
    low.site_prefix = prefix
    if low.dead:
        return
    left = _flags(low, node.until)
    rest = lambda: _unroll(low, node, values, k + 1)
    statements.branch(low, left, lambda: None, rest, node)


def _flags(low: Lowering, names: list[str]) -> Operand:
    left: Operand = const(False)
    for name in names:
        flag = low.env[(low.frame.serial, name)]
        left = low.b.pure("or", left, flag)
    return left


def while_loop(low: Lowering, node: Any) -> None:
    """Lower `while`; the condition lives in the variable `node.go`."""
    go = low.env[(low.frame.serial, node.go)]
    if isinstance(go, Const) and not go.value:
        return
    _dynamic(low, node, None, lambda index: None, node.until)


# -- loops that stay loops -----------------------------------------------------------------------
@dataclass
class _Plan:
    """What is known about a loop before its body is lowered once more."""

    carried: dict[Any, list[ScalarType]] = field(default_factory=dict)
    handed: dict[Any, list[ScalarType]] = field(default_factory=dict)  # out only, never in
    lost: set[Any] = field(default_factory=set)


@dataclass
class _Attempt:
    """One lowering of the body."""

    region: Region
    index: Value
    params: list[Value]
    before: dict[Any, Abstract]
    after: dict[Any, Abstract]
    until: Operand | None


def _dynamic(
    low: Lowering,
    node: Any,
    bounds: RangeOf | None,
    bind: Callable[[Operand], None],
    until: list[str],
) -> None:
    location, base = low.at(node), low.env
    if bounds is not None and not isinstance(bounds.step, Const):
        nonzero = low.b.compare("ne", bounds.step, const(0))
        low.check(nonzero, "ValueError", "range() arg 3 must not be zero", node)
    runs = bounds is not None and bool(_known_range(bounds) or ())
    plan = _Plan()
    if bounds is None:
        plan.carried[(low.frame.serial, node.go)] = [BOOL]
    stored = len(low.stores)
    born = Cells(0, None).serial
    for _ in range(_PASSES):
        del low.stores[stored:]
        attempt = _attempt(low, plan, node, bounds, bind, until, base)
        if not _revise(low, plan, attempt, base, runs, until):
            break
    else:
        low.refuse("the types of the values this loop carries do not settle", node)
    _guard_sharing(low, plan, attempt, base, stored, born, node)
    _finish(low, plan, attempt, bounds, base, location)


def _attempt(low, plan, node, bounds, bind, until, base) -> _Attempt:
    env = dict(base)
    params: list[Value] = []
    for key, kinds in plan.carried.items():
        made = [Value(_label(key), kind) for kind in kinds]
        params += made
        env[key] = rebuild(base[key], base, iter(made), env)
    for key in plan.lost:
        env[key] = DIFFERENT
    for name in until:
        env[(low.frame.serial, name)] = const(False)
    before, low.env = dict(env), env
    index = Value(node.target.id if _named(node) else "k", INT)
    if bounds is not None:
        _remember_bounds(low, index, bounds)
    with low.b.inside(Region()) as region:
        bind(index)
        statements.execute(low, node.body)
        left: Operand = const(False) if low.dead else _flags(low, until)
    after = before if low.dead else low.env
    low.env, low.dead = base, False
    stop = None if isinstance(left, Const) and not left.value else left
    return _Attempt(region, index, params, before, after, stop)


def _named(node: ast.For | ast.While) -> bool:
    return isinstance(node, ast.For) and isinstance(node.target, ast.Name)


def _label(key: Any) -> str:
    return key[1].strip(".") if isinstance(key[1], str) else f"x{key[1]}"


def _remember_bounds(low: Lowering, index: Value, bounds: RangeOf) -> None:
    """Record that start <= index < stop, for the checks of computed indices."""
    if not isinstance(bounds.step, Const):
        return
    if bounds.step.value > 0:
        low.bounds[index] = (bounds.start, bounds.stop)
        ends = [bits_of(low, end) for end in (bounds.start, bounds.stop)]
        low.bits[index] = min(max(ends), INDEX_BITS if ends[0] < INDEX_BITS else 64)
    else:
        one = const(1)
        low.bounds[index] = (
            arrays.plus(low, bounds.stop, one),
            arrays.plus(low, bounds.start, one),
        )
        ends = [bits_of(low, end) for end in (bounds.start, bounds.stop)]
        low.bits[index] = max(ends) if max(ends) <= INDEX_BITS else 64


def _revise(low, plan, attempt, base, runs, until) -> bool:
    """Bring the plan up to date with what the body did; whether anything changed."""
    changed = False
    flags = {(low.frame.serial, name) for name in until}
    for key, value in attempt.after.items():
        old = base.get(key)
        if key in plan.lost or (
            old is not None
            and key not in plan.carried
            and key not in flags
            and same(attempt.before[key], value)
        ):
            continue
        if isinstance(old, Missing) and old is not UNSET:
            old = None
        if old is None or old is UNSET or key in flags:
            changed |= _hand_out(low, plan, key, old, value, attempt, runs or old is not None)
        elif layout(old, base) != layout(value, attempt.after) or isinstance(value, Missing):
            plan.carried.pop(key, None)
            plan.lost.add(key)
            changed = True
        else:
            changed |= _carry(low, plan, key, old, value, attempt, base)
    return changed


def _carry(low, plan, key, old, value, attempt, base) -> bool:
    known = plan.carried.get(key)
    with low.b.inside(Region()):
        here = [x.type for x in leaves(low, value, attempt.after)]
        there = known or [x.type for x in leaves(low, old, base)]
    kinds = [a if a.rank >= b.rank else b for a, b in zip(here, there, strict=True)]
    plan.carried[key] = kinds
    return kinds != known


def _hand_out(low, plan, key, old, value, attempt, runs) -> bool:
    """Plan a value that only leaves the loop: a flag, a result, a name first assigned inside."""
    if not runs or key[0] != low.frame.serial or isinstance(value, Missing):
        return plan.handed.pop(key, None) is not None  # it had a value as long as less was carried
    with low.b.inside(Region()):
        kinds = [x.type for x in leaves(low, value, attempt.after)]
    if old is not None and old is not UNSET:
        kinds = [join(old, v) for v in leaves(low, value, attempt.after)]
    known = plan.handed.get(key)
    plan.handed[key] = kinds
    return kinds != known


def _guard_sharing(low, plan, attempt, base, stored, born, node) -> None:
    """Arrays that a loop rebinds lose their identity: none of them may be written to."""
    written = set(map(id, low.stores[stored:]))
    for key in plan.carried:
        ours = storages(base[key], base)
        theirs = storages(attempt.after[key], attempt.after)
        for cells in (*ours, *theirs):
            if id(cells) in written and cells.serial < born:
                low.refuse(
                    f"the loop rebinds {_label(key)!r} and also writes to the array it stood for",
                    node,
                    "overwrite the elements of one array, or make a new one each time",
                )
            cells.frozen = cells.frozen or FROZEN


def _finish(low, plan, attempt, bounds, base, location) -> None:
    low.b.location = location
    inits, results, outs = [], [], []
    env = dict(base)
    columns = {**plan.carried, **plan.handed}
    params = list(attempt.params)
    for key, kinds in columns.items():
        value = attempt.after[key]
        with low.b.inside(attempt.region):
            ends = leaves(low, value, attempt.after)
            results += [low.b.cast(x, kind) for x, kind in zip(ends, kinds, strict=True)]
        starts = _starts(low, key, plan, base, ends)
        inits += [low.b.cast(x, kind) for x, kind in zip(starts, kinds, strict=True)]
        made = [Value(_label(key), kind) for kind in kinds]
        if key not in plan.carried:
            params += [Value(_label(key), kind) for kind in kinds]
        outs += made
        env[key] = rebuild(value, attempt.after, iter(made), env)
    attempt.region.results = tuple(results)
    for key in plan.lost:
        env[key] = DIFFERENT
    for key, value in attempt.after.items():
        new = key not in columns and key not in plan.lost and isinstance(key[1], str)
        if new and not same(base.get(key), value):
            env[key] = _INSIDE
    low.env = env
    start, stop, step = (const(0),) * 3
    if bounds is not None:
        start, stop, step = bounds.start, bounds.stop, bounds.step
    kind = "while" if bounds is None else "range"
    loop = Loop(
        kind,
        attempt.index,
        start,
        stop,
        step,
        tuple(params),
        tuple(inits),
        attempt.region,
        tuple(outs),
        attempt.until,
        None,
        location,
    )
    low.b.region.nodes.append(loop)


def _starts(low, key, plan, base, ends) -> list[Operand]:
    old = base.get(key)
    if key in plan.carried or isinstance(old, Const | Value):
        return leaves(low, old, base)
    return [filler(x) for x in ends]

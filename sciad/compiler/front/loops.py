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
from itertools import count
from typing import TYPE_CHECKING, Any

from sciad.compiler import decisions
from sciad.compiler.front import language, precision, ranges, singles, statements
from sciad.compiler.front.integers import INDEX_BITS, bits_of
from sciad.compiler.front.intervals import learn
from sciad.compiler.front.merge import (
    DIFFERENT,
    FROZEN,
    UNSET,
    as_complex,
    filler,
    is_scalar,
    layout,
    leaves,
    rebuild,
    same,
    storages,
)
from sciad.compiler.front.moving import alike, memories, now, read_only, view_integers
from sciad.compiler.front.pools import Pools, check_frozen
from sciad.compiler.front.types import UNROLL_LIMIT, join
from sciad.compiler.front.values import (
    Abstract,
    Cells,
    CheckpointedRange,
    ComplexOf,
    Elements,
    Memory,
    Missing,
    RangeOf,
    Rows,
    TupleOf,
    Unsure,
)
from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    FLOAT32,
    INT,
    Const,
    Loop,
    Operand,
    Region,
    ScalarType,
    Value,
    const,
)
from sciad.compiler.vocabulary import arrays, indexing

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["for_loop", "while_loop"]

_PASSES = 20
_serial = count(1)
_MOST_UNROLLED = 32
_INSIDE = Missing("it is assigned inside a loop that may not run at all")


def for_loop(low: Lowering, node: Any) -> None:
    """Lower `for target in iterable`."""
    iterable = low.evaluate(node.iter)
    if isinstance(iterable, Elements):
        iterable = arrays.settled(low, iterable, node)
    if isinstance(iterable, Memory) or (
        isinstance(iterable, ComplexOf) and isinstance(iterable.re, Memory)
    ):
        iterable = _elements(low, iterable, node)
    if isinstance(iterable, RangeOf):
        items = _known_range(iterable)
        size = sum(1 for s in node.body for _ in ast.walk(s))
        items = None if isinstance(iterable, CheckpointedRange) else items
        if items is None or len(items) > _MOST_UNROLLED or len(items) * size > UNROLL_LIMIT:
            name = node.target.id if isinstance(node.target, ast.Name) else None
            if name is None:
                low.refuse("the target of a loop over range has to be a name", node)
            ranges.check_jumps(low, iterable, node)
            _dynamic(low, node, iterable, lambda index: low.bind(name, index), node.until)
            return
        values: list[Abstract] = [const(k) for k in items]
    elif isinstance(iterable, Rows) and language.is_long(iterable):
        _together(low, node, iterable)
        return
    elif isinstance(iterable, _Rows):
        bind = lambda index: statements.assign(low, node.target, iterable.at(index))
        _dynamic(low, node, RangeOf(const(0), iterable.length, const(1)), bind, node.until)
        low.env.pop(iterable.key)
        return
    elif language.is_mutable(iterable):
        key = _iterated(low, iterable)
        length = language.iteration(low, iterable, node)
        assert isinstance(length, Const)
        _unroll(low, node, key, int(length.value), 0)
        low.env.pop(key, None)
        return
    else:
        values = indexing.sequence(low, iterable, node)
    decisions.lowered("unrolled", low, node, f"{len(values)} times")
    key = _iterated(low, TupleOf(tuple(values)))
    _unroll(low, node, key, len(values), 0)
    low.env.pop(key, None)


def _iterated(low: Lowering, value: Abstract) -> tuple[int, str]:
    """Name what a loop runs over: the arrays in it may move while the loop runs."""
    key = (low.frame.serial, f".iterable{next(_serial)}")
    low.env[key] = value
    return key


def _running(low: Lowering, key: tuple[int, str], node: ast.AST) -> Any:
    value = low.env[key]
    if isinstance(value, Missing):
        low.demand(value)
        low.refuse(f"what the loop runs over changes: {value.reason}", node)
    return value


@dataclass
class _Rows:
    """Iteration over the first axis of an array in memory."""

    length: Operand
    at: Callable[[Operand], Abstract]
    key: tuple[int, str]


def _elements(low: Lowering, value: Memory | ComplexOf, node: ast.For) -> _Rows:
    key = _iterated(low, value)
    row = lambda i: indexing.item(low, _running(low, key, node), (i,), node, inside=True)
    return _Rows(arrays.length(low, value, node), row, key)


def _together(low: Lowering, node: Any, rows: Rows) -> None:
    key, n = _iterated(low, rows), language.iteration(low, rows, node)
    row = lambda i: language.element(low, _running(low, key, node), i, node)
    bind = lambda index: statements.assign(low, node.target, row(index))
    _dynamic(low, node, RangeOf(const(0), n, const(1)), bind, node.until)
    low.env.pop(key)


def _known_range(iterable: RangeOf) -> range | None:
    parts = (iterable.start, iterable.stop, iterable.step)
    if all(isinstance(p, Const) for p in parts):
        return range(*(int(p.value) for p in parts))
    return None


def _unroll(low: Lowering, node: Any, key: tuple[int, str], n: int, k: int) -> None:
    if k == n or low.dead:
        return
    prefix = low.site_prefix
    low.site_prefix = (*prefix, k)
    item = language.element(low, _running(low, key, node), const(k), node)
    statements.assign(low, node.target, item)
    statements.execute(low, node.body)
    low.site_prefix = prefix
    if low.dead:
        return
    left = _flags(low, node.until)
    rest = lambda: _unroll(low, node, key, n, k + 1)
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
    lost: dict[Any, Abstract] = field(default_factory=dict)
    seeds: dict[Any, Abstract] = field(default_factory=dict)  # names without a value so far
    steady: dict[Any, set[int]] = field(default_factory=dict)  # which integers of views stay
    origins: dict[Any, list[str]] = field(default_factory=dict)  # of numbers, beside float32


@dataclass
class _Attempt:
    """One lowering of the body."""

    region: Region
    index: Value
    params: list[Value]
    before: dict[Any, Abstract]
    after: dict[Any, Abstract]
    until: Operand | None
    settled: bool


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
        plan.steady[(low.frame.serial, node.go)] = set()
    stored, written, ahead = len(low.stores), len(low.b.written), len(low.b.region.nodes)
    born = Cells(0, None).serial
    pools, outside, frozen = Pools(low, node), base, dict(low.b.frozen)
    for _ in range(_PASSES):
        del low.stores[stored:], low.b.written[written:], low.b.region.nodes[ahead:]
        low.env, low.b.frozen = outside, dict(frozen)
        base = {**pools.prepare(outside), **plan.seeds}
        attempt = _attempt(low, plan, pools, node, bounds, bind, until, base)
        if attempt.settled and not _revise(low, plan, pools, attempt, base, runs, until):
            break
    else:
        low.refuse("the types of the values this loop carries do not settle", node)
    _guard_sharing(low, plan, attempt, base, stored, born, node)
    pools.finished()
    check_frozen(low, written, pools.mark, set(frozen), node)
    _finish(low, plan, pools, attempt, bounds, base, location, runs)


def _attempt(low, plan, pools, node, bounds, bind, until, base) -> _Attempt:
    env = dict(base)
    params: list[Value] = []
    pools.mark = now()
    for key, kinds in plan.carried.items():
        made = _params(low, plan, key, kinds, base)
        params += [p for k, p in enumerate(made) if k not in plan.steady[key]]
        env[key] = rebuild(base[key], base, iter(made), env)
    env.update(plan.lost)
    for name in until:
        env[(low.frame.serial, name)] = const(False)
    before, low.env = dict(env), env
    index = Value(node.target.id if _named(node) else "k", INT)
    low.b.origin[index] = precision.PYTHON
    if bounds is not None:
        _remember_bounds(low, index, bounds)
    with low.b.inside(Region()) as region:
        low.running.append(index)
        bind(index)
        if bounds is None:
            learn(low, node.condition, params)
        statements.execute(low, node.body)
        low.running.pop()
        left: Operand = const(False) if low.dead else _flags(low, until)
        after = before if low.dead else low.env
        settled = not pools.settle(base, before, after, plan.lost)
    low.env, low.dead = base, False
    stop = None if isinstance(left, Const) and not left.value else left
    return _Attempt(region, index, params, before, after, stop, settled)


def _params(low, plan, key, kinds, base) -> list[Operand]:
    """Values a name has in the body: parameters, but integers of views that stay what they are."""
    with low.b.inside(Region()):
        known = leaves(low, base[key], base)
    steady = plan.steady[key]
    made = [known[k] if k in steady else Value(_label(key), t) for k, t in enumerate(kinds)]
    return _marked(low, plan, key, made)


def _marked(low, plan, key, made: list[Operand]) -> list[Operand]:
    """Note where the numbers of a name come from."""
    for x, origin in zip(made, plan.origins.get(key, ()), strict=False):
        if isinstance(x, Value):
            low.b.origin.setdefault(x, origin)
    return made


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


def _revise(low, plan, pools, attempt, base, runs, until) -> bool:
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
        if isinstance(old, Unsure) and not isinstance(value, Unsure | Missing):
            value = attempt.after[key] = Unsure(value, const(True))
        if isinstance(value, ComplexOf) and is_scalar(value.re) and _becomes_complex(old):
            plan.seeds[key] = as_complex(low, old)  # complex from its first value on
            plan.carried.pop(key, None)
            changed = True
        elif old is None and _seeded(low, plan, pools, key, value, attempt, runs):
            changed = True
        elif old is None or old is UNSET or key in flags:
            changed |= _hand_out(low, plan, key, old, value, attempt, runs or old is not None)
        elif isinstance(value, Missing) or not _alike(old, base, value, attempt.after):
            plan.carried.pop(key, None)
            wish = isinstance(value, Missing) and value.demand is not None
            plan.lost[key] = value if wish else DIFFERENT
            changed = True
        else:
            changed |= _carry(low, plan, key, old, value, attempt, base)
    return changed


def _alike(old: Abstract, base, value: Abstract, after) -> bool:
    """Whether two values can be promoted to a common one: a mask and an array of ints cannot."""
    masks = [[c.element is BOOL for c in storages(v, e)] for v, e in ((old, base), (value, after))]
    return layout(old, base) == layout(value, after) and masks[0] == masks[1]


def _becomes_complex(old: Abstract) -> bool:
    """Whether a real number may start as a complex one, without an operation."""
    return is_scalar(old) and (isinstance(old, Const) or old.type is FLOAT)


def _seeded(low, plan, pools, key, value, attempt, runs) -> bool:
    """Carry a name that has no value before the loop, if its value after the loop is read."""
    if key[0] != low.frame.serial or isinstance(value, Missing) or not pools.wanted(key):
        return False
    if (runs and not isinstance(value, Unsure)) or memories(value, attempt.after):
        return False
    model = value.value if isinstance(value, Unsure) else value
    with low.b.inside(Region()):
        blank = iter([filler(x) for x in leaves(low, model, attempt.after)])
    plan.seeds[key] = Unsure(rebuild(model, attempt.after, blank, plan.seeds), const(False))
    return True


def _carry(low, plan, key, old, value, attempt, base) -> bool:
    known, steady = plan.carried.get(key), plan.steady.get(key)
    with low.b.inside(Region()):
        ends, starts = leaves(low, value, attempt.after), leaves(low, old, base)
    if low.single and not _carries_single(known, starts, ends):
        plan.carried.pop(key, None)
        plan.lost[key] = singles.MIXED
        return True
    here, there = [x.type for x in ends], known or [x.type for x in starts]
    kinds = [a if a.rank >= b.rank else b for a, b in zip(here, there, strict=True)]
    for k, pair in enumerate(zip(here, there, strict=True)):
        if FLOAT32 in pair:
            kinds[k] = FLOAT32
    origins = plan.origins.get(key)
    if low.single:
        plan.origins[key] = _origins(low, starts, ends, origins)
    plan.carried[key] = kinds
    stays = view_integers(old, base) if steady is None else steady
    plan.steady[key] = {k for k in stays if alike(low, starts[k], ends[k])}
    return kinds != known or plan.steady[key] != steady or plan.origins.get(key) != origins


def _carries_single(known: list[ScalarType] | None, starts, ends) -> bool:
    """Whether numbers that are float32 at one end of the body have a type at all."""
    kinds = known or [x.type for x in starts]
    begins = [Const(0.0, t) if t is FLOAT32 else x for t, x in zip(kinds, starts, strict=True)]
    pairs = [*zip(begins, ends, strict=True), *zip(begins, starts, strict=True)]
    return all(precision.joinable(x, y) for x, y in pairs)


def _origins(low, starts, ends, known: list[str] | None) -> list[str]:
    """Where carried numbers come from: both ends of the body have to agree."""
    before = known or [precision.origin_of(low.b, x) for x in starts]
    after = [precision.origin_of(low.b, x) for x in ends]
    return [a if a == b else precision.UNKNOWN for a, b in zip(before, after, strict=True)]


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
                low.relocate(cells)
                low.refuse(
                    f"the loop rebinds {_label(key)!r} and also writes to the array it stood for",
                    node,
                    "overwrite the elements of one array, or make a new one each time",
                )
            cells.frozen = cells.frozen or FROZEN


def _finish(low, plan, pools, attempt, bounds, base, location, runs) -> None:
    low.b.location = location
    inits, results, outs = [], [], []
    env = dict(base)
    columns = {**plan.carried, **plan.handed}
    params = list(attempt.params)
    for key, kinds in columns.items():
        value = attempt.after[key]
        moving = [k for k in range(len(kinds)) if k not in plan.steady.get(key, ())]
        with low.b.inside(attempt.region):
            ends = leaves(low, value, attempt.after)
            results += [low.b.cast(ends[k], kinds[k]) for k in moving]
        starts = _starts(low, key, plan, base, ends)
        inits += [low.b.cast(starts[k], kinds[k]) for k in moving]
        made = _marked(low, plan, key, [Value(_label(key), kind) for kind in kinds])
        if key not in plan.carried:
            params += [Value(_label(key), kind) for kind in kinds]
        outs += [made[k] for k in moving]
        left = [x if k in moving else starts[k] for k, x in enumerate(made)]
        env[key] = rebuild(value, attempt.after, iter(left), env)
        known = memories(base[key], base) if key in plan.carried else []
        if not runs and not all(m.writable for m in known):
            read_only(env, key)
    attempt.region.results = tuple(results)
    for key, value in attempt.after.items():
        if isinstance(value, Missing) and value.demand is not None:
            env[key] = value
    for key in plan.lost:
        env[key] = plan.lost[key]
    for key, value in attempt.after.items():
        new = key not in columns and key not in plan.lost and isinstance(key[1], str)
        if new and value is not env.get(key) and not same(base.get(key), value):
            arrays_inside = bool(memories(value, attempt.after))
            env[key] = _INSIDE if arrays_inside else pools.missing(key, _INSIDE.reason)
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
        getattr(bounds, "snapshots", None),
    )
    low.b.region.nodes.append(loop)


def _starts(low, key, plan, base, ends) -> list[Operand]:
    old = base.get(key)
    if key in plan.carried or isinstance(old, Const | Value):
        return leaves(low, old, base)
    return [filler(x) for x in ends]

"""Elementary functions in counted loops, taken out in blocks: the last pass before the code.

    for i in range(n):                      for first in range(0, n, 256):
        total += exp(x[i] - m)                  last = min(first + 256, n)
                                                for i in range(first, last):
                                                    a[i - first] = x[i] - m
                                                vec_exp(b, a, last - first)
                                                for i in range(first, last):
                                                    total += b[i - first]

A function is taken out if its arguments depend on the loop's index and on memory that the loop does
not write, and if the loop cannot be left early. Everything else (sums, stores, the tape) stays in
the order it had, so that a result differs from that of the plain loop by the rounding of the
elementary functions alone. Functions of functions are taken out in stages. `a` and `b` are blocks
on the stack; a block serves every loop that is not inside the loop that uses it.

What this costs before the first element is small, but a loop inside another one pays it each time:
it is written twice, and goes the plain way if it has few iterations.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sciad.compiler.builder import Builder
from sciad.compiler.fold import COMPARISONS
from sciad.compiler.ir import (
    FLOAT,
    INT,
    BufferType,
    Const,
    Function,
    If,
    Loop,
    Node,
    Op,
    Operand,
    Region,
    Value,
    const,
    defined,
    operands,
    walk,
)
from sciad.compiler.passes.replay import copied
from sciad.compiler.vecmath.catalogue import BLOCK, CATALOGUE, Entry

__all__ = ["blocked"]

_ARITHMETIC = ("add", "sub", "mul", "div", "floordiv", "mod", "pow", "neg")
_OTHER = ("and", "or", "not", "float", "int", "single", "select", "stop", "call", "load")
_FREE = frozenset([*COMPARISONS, *_ARITHMETIC, *_OTHER])
# calls that may be made twice: for an argument in a block and again where the loop goes on
_CHEAP = frozenset(["abs", "sqrt", "copysign", "floor", "ceil", "trunc", "sign"])
_CHEAP |= {"maximum", "minimum"}
_ORDERED = frozenset(["store", "accum", "alloc", "table", "push", "pop"])
_SHORTEST = 16  # trips below which a loop stays as it is, if they are known
_FEW = 8  # the same, asked at run time
_LARGEST = 60  # nodes of a loop's body beyond which it is not written twice


def blocked(function: Function) -> Function:
    """Return the program with its elementary functions in blocks, or the same if it has none."""
    if not any(_entry(n) for n in walk(function.body) if isinstance(n, Op)):
        return function
    blocking = _Blocking()
    body = blocking.region(function.body)
    body.nodes[:0] = [Op("alloc", (const(BLOCK),), (w,), "block") for w in blocking.blocks]
    return Function(function.name, function.params, body)


def _entry(node: Op) -> Entry | None:
    """Vectorised form of an operation."""
    if node.code == "call":
        if node.attr == ("np", "logaddexp") and const(0.0) in node.args:
            return CATALOGUE[("np", "softplus")]
        return CATALOGUE.get(node.attr)
    if node.code == "pow" and all(a.type is FLOAT for a in node.args):
        return CATALOGUE["pow"]
    return None


@dataclass
class _Plan:
    """What is taken out of a loop: calls by stage, and which operations have no obstacle."""

    stages: list[list[Op]] = field(default_factory=list)
    free: dict[Value, Op] = field(default_factory=dict)


def _plan(loop: Loop) -> _Plan | None:
    """Find the calls that can be taken out of a loop."""
    if not _regular(loop):
        return None
    written = {n.args[0] for n in walk(loop.body) if isinstance(n, Op) and _writes(n)}
    inside = {*loop.params, *(v for n in walk(loop.body) for v in _made(n))}
    plan, level = _Plan(), {loop.index: 0}
    for node in loop.body.nodes:
        if not isinstance(node, Op) or not _may_move(node) or node.args[0] in written:
            continue
        if any(a in inside and a not in level and a not in plan.free for a in node.args):
            continue
        plan.free[node.out] = node
        stages = [level[a] for a in node.args if a in level]
        if stages:  # else it is the same in each iteration
            level[node.out] = max(stages)
            if _entry(node):
                _put(plan.stages, level[node.out], node)
                level[node.out] += 1
    return plan if plan.stages else None


def _may_move(node: Op) -> bool:
    if node.code == "call":
        return _entry(node) is not None or node.attr[1] in _CHEAP
    return node.code in _FREE


def _regular(loop: Loop) -> bool:
    if loop.kind != "range" or loop.until is not None or loop.trips is not None:
        return False
    if loop.step not in (const(1), const(-1)):
        return False
    if _known(loop) and abs(loop.stop.value - loop.start.value) < _SHORTEST:
        return False
    codes = {n.code for n in walk(loop.body) if isinstance(n, Op)}
    return codes <= _FREE | _ORDERED  # no check, which may leave the loop, and no call of code


def _known(loop: Loop) -> bool:
    """Whether the number of iterations is known."""
    return isinstance(loop.start, Const) and isinstance(loop.stop, Const)


def _size(loop: Loop) -> int:
    return sum(1 for _ in walk(loop.body))


def _writes(node: Op) -> bool:
    return node.code in ("store", "accum")


def _made(node: Node) -> tuple[Value, ...]:
    return (node.index, *node.params, *defined(node)) if isinstance(node, Loop) else defined(node)


def _put(stages: list[list[Op]], level: int, node: Op) -> None:
    while len(stages) <= level:
        stages.append([])
    stages[level].append(node)


class _Blocking:
    """Rebuilds regions; of all `blocks` those in `busy` belong to the loops around."""

    def __init__(self) -> None:
        self.b = Builder()
        self.blocks: list[Value] = []
        self.busy: list[Value] = []
        self.depth = 0

    def region(self, source: Region) -> Region:
        with self.b.inside(Region(results=source.results)) as target:
            for node in source.nodes:
                self.b.location = node.location
                self.node(node)
        return target

    def node(self, node: Node) -> None:
        if isinstance(node, If):
            sides = self.region(node.then), self.region(node.orelse)
            node = If(node.condition, *sides, node.outs, node.location)
        elif isinstance(node, Loop):
            plan = _plan(node)
            if plan is not None:
                twice = self.depth and not _known(node) and _size(node) <= _LARGEST
                (self.either if twice else self.split)(node, plan)
                return
            self.depth += 1
            node = _changed(node, body=self.region(node.body))
            self.depth -= 1
        self.b.region.nodes.append(node)

    def block(self) -> Value:
        """Take a block that no loop around uses, or a new one."""
        for value in self.blocks:
            if value not in self.busy:
                break
        else:
            value = Value("w", BufferType(FLOAT))
            self.blocks.append(value)
        self.busy.append(value)
        return value

    # -- one loop ------------------------------------------------------------------------------
    def either(self, loop: Loop, plan: _Plan) -> None:
        """Write a loop in both forms."""
        down = loop.step.value < 0
        count = self.b.sub(*((loop.start, loop.stop) if down else (loop.stop, loop.start)))
        few = self.b.compare("lt", count, const(_FEW))
        plain = copied(Region([loop], loop.outs), {})
        outs = tuple(Value(o.name, o.type) for o in loop.outs)
        with self.b.inside(Region(results=outs)) as split:
            self.split(_changed(loop, outs=outs), plan)
        self.b.region.nodes.append(If(few, plain, split, loop.outs, loop.location))

    def split(self, loop: Loop, plan: _Plan) -> None:
        """Write a loop over blocks in place of a loop."""
        calls = [call for stage in plan.stages for call in stage]
        in_use = len(self.busy)
        held = {call.out: self.block() for call in calls}
        for call in calls:
            for arg in _entry_args(call):
                if arg not in held:
                    held[arg] = self.block()
        params = tuple(Value(p.name, p.type) for p in loop.params)
        first = Value("first", INT)
        with self.b.inside(Region()) as body:
            last, count = self.bounds(loop, first)
            parts = _Parts(self.b, loop, plan, held, first, last)
            for stage in plan.stages:
                parts.arguments(stage)
                for call in stage:
                    self.b.location = call.location
                    self.b.effect("map", *parts.blocks_of(call), count, attr=_entry(call))
            self.b.location = loop.location
            self.depth += 1
            rest = parts.rest(self.region(loop.body), params)
            self.depth -= 1
            body.nodes.append(rest)
            body.results = rest.outs
        del self.busy[in_use:]
        step = const(BLOCK * loop.step.value)
        self.b.region.nodes.append(_changed(loop, index=first, step=step, params=params, body=body))

    def bounds(self, loop: Loop, first: Value) -> tuple[Operand, Operand]:
        """Where a block ends, and how many iterations it has."""
        b, down = self.b, loop.step.value < 0
        end = b.add(first, const(BLOCK * loop.step.value))
        inside = b.compare("gt" if down else "lt", end, loop.stop)
        last = b.pure("select", inside, end, loop.stop, name="last")
        return last, b.sub(first, last) if down else b.sub(last, first)


def _changed(loop: Loop, **fields: object) -> Loop:
    return Loop(**{**vars(loop), **fields})


def _entry_args(call: Op) -> tuple[Operand, ...]:
    """Arguments of the vectorised form."""
    entry = _entry(call)
    assert entry is not None
    if entry.arity == len(call.args):
        return call.args
    return tuple(a for a in call.args if a != const(0.0))  # logaddexp(0, x) is softplus(x)


class _Parts:
    """The loops inside the loop over blocks; `held` says which values are in which block."""

    def __init__(self, b: Builder, loop: Loop, plan: _Plan, held: dict, first: Value, last):
        self.b = b
        self.loop = loop
        self.plan = plan
        self.held = held
        self.first = first
        self.last = last

    def blocks_of(self, call: Op) -> list[Value]:
        return [self.held[call.out], *(self.held[a] for a in _entry_args(call))]

    def place(self, index: Value) -> Operand:
        """Index in a block."""
        pair = (index, self.first) if self.loop.step.value > 0 else (self.first, index)
        return self.b.sub(*pair)

    def arguments(self, stage: list[Op]) -> None:
        """Write the loop that computes what the functions of a stage are applied to."""
        wanted = {a: call for call in stage[::-1] for a in _entry_args(call)}
        wanted = {a: call for a, call in wanted.items() if not self.taken_out(a)}
        if not wanted:
            return
        index = Value(self.loop.index.name, INT)
        with self.b.inside(Region()) as body:
            place = self.place(index)
            copies: dict[Operand, Operand] = {self.loop.index: index}
            for arg, call in wanted.items():
                self.b.location = call.location
                self.b.effect("store", self.held[arg], place, self.copy(arg, copies, place))
        loop = _changed(
            self.loop,
            **{"index": index, "start": self.first, "stop": self.last, "body": body},
            **{"params": (), "inits": (), "outs": ()},
        )
        self.b.region.nodes.append(loop)

    def taken_out(self, value: Operand) -> bool:
        return value in self.plan.free and any(
            value is call.out for stage in self.plan.stages for call in stage
        )

    def copy(self, value: Operand, copies: dict[Operand, Operand], place: Operand) -> Operand:
        """Compute a value of the loop's body once more."""
        if value not in copies:
            node = self.plan.free.get(value)
            if node is None:
                return value
            if self.taken_out(value):
                copies[value] = self.b.load(self.held[value], place)
            else:
                args = tuple(self.copy(a, copies, place) for a in node.args)
                out = Value(node.out.name, node.out.type)
                self.b.region.nodes.append(Op(node.code, args, (out,), node.attr, node.location))
                copies[value] = out
        return copies[value]

    def rest(self, body: Region, params: tuple[Value, ...]) -> Loop:
        """Write the loop with the functions' values read from the blocks."""
        with self.b.inside(Region(results=body.results)) as target:
            place = self.place(self.loop.index)
            for node in body.nodes:
                if isinstance(node, Op) and node.outs and self.taken_out(node.outs[0]):
                    node = Op("load", (self.held[node.out], place), node.outs, None, node.location)
                target.nodes.append(node)
        _sweep(target)
        outs = tuple(Value(o.name, o.type) for o in self.loop.outs)
        bounds = {"start": self.first, "stop": self.last}
        return _changed(self.loop, **bounds, inits=params, body=target, outs=outs)


def _sweep(region: Region) -> None:
    """Remove, in place, free operations whose values nobody reads any more."""
    read: set[Operand] = set(region.results)
    kept: list[Node] = []
    for node in reversed(region.nodes):
        if isinstance(node, Op) and node.code in _FREE and not read.intersection(node.outs):
            continue
        kept.append(node)
        inner = [node] if isinstance(node, Op) else walk(Region([node]))
        for part in inner:
            read.update(operands(part))
    region.nodes[:] = kept[::-1]

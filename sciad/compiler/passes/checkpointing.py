"""Binomial checkpointing in compiled code: loops that are reversed with few stored states.

`sciad.checkpointed(range(n))` marks a loop. Its forward run stores states at the places that
Revolve prescribes; the mirror of iteration e begins by restoring the last stored state before e,
runs the loop forward from there to e (storing states on the way where there is room again), and
then runs and reverses iteration e. The state is what an iteration reads of its predecessors:
carried numbers, and buffers that the loop reads and writes.

Two buffers hold the states, one for floats and one for integers; the latter begins with the number
of stored states and the iteration at which the next one is to be stored. All this is ordinary code
of the intermediate representation, so that its tangent is right as well.

References
----------
A. Griewank, A. Walther, Algorithm 799: Revolve, ACM TOMS 26 (2000) 19-45.
"""

from __future__ import annotations

from dataclasses import dataclass

from sciad.compiler.builder import Builder
from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    INT,
    BufferType,
    If,
    Loop,
    Node,
    Operand,
    Region,
    Value,
    const,
)
from sciad.compiler.passes.replay import copied, without_blind_stores

__all__ = ["Checkpoints", "checkpoints"]

_ZERO, _ONE, _NONE = const(0), const(1), const(-1)
_USED, _NEXT, _FIRST = const(0), const(1), const(2)
_REPEATS = const(2)  # of a step at most, if the number of states is not given


@dataclass
class Checkpoints:
    """Code that makes a loop reversible with few stored states.

    Attributes
    ----------
    before : list of Node
        Stands before the loop.
    prefix : list of Node
        Stands at the beginning of the loop's body.
    begin : list of Node
        Stands at the beginning of its mirror.
    params : tuple of Value
        What the loop's parameters are in the mirror, after `begin`.
    """

    before: list[Node]
    prefix: list[Node]
    begin: list[Node]
    params: tuple[Value, ...]


def checkpoints(loop: Loop, buffers: list[tuple[Value, Operand]]) -> Checkpoints:
    """Write the code for a counted loop whose state has some buffers of given sizes."""
    return _Writer(loop, buffers).write()


class _States:
    """Stored states of one type: `count` of them, each a header, numbers and buffers."""

    def __init__(self, b: Builder, kind, header: int, numbers: list[int], buffers, count: Operand):
        self.b = b
        self.header, self.numbers, self.buffers = header, numbers, buffers
        width: Operand = const(header + len(numbers))
        for _, size in buffers:
            width = b.add(width, size)
        self.width = width
        start = _FIRST if kind is INT else _ZERO
        self.start = start
        size = b.add(start, b.mul(count, width))
        self.memory = b.alloc(size, "empty", "states", kind)

    def place(self, slot: Operand, k: int) -> Operand:
        b = self.b
        return b.add(b.add(self.start, b.mul(slot, self.width)), const(k))

    def spread(self, slot: Operand):
        """Yield each buffer with its size and the place of its first element."""
        place = self.place(slot, self.header + len(self.numbers))
        for buffer, size in self.buffers:
            yield buffer, size, place
            place = self.b.add(place, size)


class _Writer:
    def __init__(self, loop: Loop, buffers: list[tuple[Value, Operand]]):
        self.loop = loop
        self.b = Builder()
        self.b.location = loop.location
        self.given = buffers

    def write(self) -> Checkpoints:
        loop, b = self.loop, self.b
        with b.inside(Region()) as before:
            self.prepare()
        with b.inside(Region()) as prefix:
            self.save_at(self.step_number(), self.trips, loop.params)
        with b.inside(Region()) as begin:
            params = self.advance()
        return Checkpoints(before.nodes, prefix.nodes, begin.nodes, params)

    # -- before the loop -----------------------------------------------------------------------
    def prepare(self) -> None:
        b, loop = self.b, self.loop
        self.trips = b.maximum(self.iterations(), _ZERO)
        wanted = loop.snapshots
        self.count = self.fewest() if wanted == _ZERO else b.minimum(wanted, self.trips)
        self.count = b.maximum(self.count, _ONE)
        kinds = [p.type for p in loop.params]
        floats = [k for k, kind in enumerate(kinds) if kind is FLOAT]
        whole = [k for k, kind in enumerate(kinds) if kind is not FLOAT]
        of = lambda kind: [(x, n) for x, n in self.given if x.type == BufferType(kind)]
        self.floats = _States(b, FLOAT, 0, floats, of(FLOAT), self.count)
        self.integers = _States(b, INT, 1, whole, of(INT), self.count)
        for place in (_USED, _NEXT):
            b.effect("store", self.integers.memory, place, _ZERO)

    def iterations(self) -> Operand:
        b, (start, stop, step) = self.b, (self.loop.start, self.loop.stop, self.loop.step)
        if step == _ONE:
            return b.sub(stop, start)
        sign = b.pure("select", b.compare("gt", step, _ZERO), _ONE, _NONE)
        return b.pure("floordiv", b.add(b.sub(stop, start), b.sub(step, sign)), step)

    def step_number(self) -> Operand:
        """Compute the number of the iteration from the loop's index."""
        loop, b = self.loop, self.b
        shift = b.sub(loop.index, loop.start)
        return shift if loop.step == _ONE else b.pure("floordiv", shift, loop.step)

    def fewest(self) -> Operand:
        """Find the fewest states with which no step is repeated more than twice.

        That is the first s with beta(s, 2) = (s + 1) (s + 2) / 2 >= trips.
        """
        b = self.b

        def short(s: Operand) -> Operand:
            product = b.mul(b.add(s, _ONE), b.add(s, _REPEATS))
            return b.compare("lt", b.pure("floordiv", product, const(2)), self.trips)

        (found,) = self.repeat(short, (_ONE,), lambda s: (b.add(s, _ONE),))
        return found

    def repeat(self, condition, inits: tuple, step) -> tuple[Value, ...]:
        """Write a while loop over integers."""
        b = self.b
        names = [Value("m", INT) for _ in inits]
        go, left = Value("go", BOOL), Value("go", BOOL)
        with b.inside(Region()) as body:
            after = step(*names)
            body.results = (condition(*after), *after)
        first = condition(*inits)
        outs = tuple(Value("m", INT) for _ in inits)
        params, results = (go, *names), (left, *outs)
        zeros = (_ZERO,) * 3
        where = b.location
        index = Value("k", INT)
        made = Loop("while", index, *zeros, params, (first, *inits), body, results)
        made.location = where
        b.region.nodes.append(made)
        return outs

    # -- storing -------------------------------------------------------------------------------
    def save_at(self, step: Operand, end: Operand, values: tuple[Operand, ...]) -> None:
        """Store the state if it is this step's turn."""
        b = self.b
        turn = b.compare("eq", step, b.load(self.integers.memory, _NEXT))
        with b.inside(Region()) as then:
            self.save(step, end, values)
        b.region.nodes.append(If(turn, then, Region(), (), b.location))

    def save(self, step: Operand, end: Operand, values: tuple[Operand, ...]) -> None:
        b = self.b
        slot = b.load(self.integers.memory, _USED)
        b.effect("store", self.integers.memory, self.integers.place(slot, 0), step)
        for states in (self.integers, self.floats):
            for i, k in enumerate(states.numbers):
                value = values[k] if values[k].type is not BOOL else b.cast(values[k], INT)
                place = states.place(slot, states.header + i)
                b.effect("store", states.memory, place, value)
            for buffer, size, first in states.spread(slot):
                self.copy(buffer, _ZERO, states.memory, first, size)
        b.effect("store", self.integers.memory, _USED, b.add(slot, _ONE))
        self.plan(step, end, slot)

    def copy(self, source: Value, i: Operand, target: Value, j: Operand, size: Operand) -> None:
        b, index = self.b, Value("i", INT)
        with b.inside(Region()) as body:
            element = b.load(source, b.add(i, index))
            b.effect("store", target, b.add(j, index), element)
        where = b.location
        loop = Loop("range", index, _ZERO, size, _ONE, (), (), body, (), location=where)
        b.region.nodes.append(loop)

    def plan(self, step: Operand, end: Operand, slot: Operand) -> None:
        """Note where the next state is stored on the way from `step`, kept in `slot`, to `end`."""
        b = self.b
        room, left = b.sub(self.count, slot), b.sub(end, step)
        two = const(2)
        more = b.pure("and", b.compare("ge", room, two), b.compare("ge", left, two))
        with b.inside(Region()) as then:
            then.results = (b.add(step, self.split(left, room)),)
        out = Value("next", INT)
        b.region.nodes.append(If(more, then, Region([], (_NONE,)), (out,), b.location))
        b.effect("store", self.integers.memory, _NEXT, out)

    def split(self, steps: Operand, room: Operand) -> Operand:
        """Revolve's choice, as `sciad.core.revolve.split`.

        With beta(s, r) = (s + r)! / (s! r!) and the first r for which beta(s, r) >= steps, the
        state is stored after min(beta(s, r - 1), steps - beta(s - 1, r - 1)) steps.
        """
        b = self.b
        s = b.minimum(room, steps)
        short = lambda r, now, before: b.compare("lt", now, steps)

        def next_one(r: Operand, now: Operand, before: Operand) -> tuple[Operand, ...]:
            r = b.add(r, _ONE)
            return r, b.pure("floordiv", b.mul(now, b.add(s, r)), r), now

        r, _, before = self.repeat(short, (_ZERO, _ONE, _ONE), next_one)
        fewer = b.pure("floordiv", b.mul(before, s), b.sub(b.add(s, r), _ONE))
        return b.maximum(b.minimum(before, b.sub(steps, fewer)), _ONE)

    # -- the mirror ----------------------------------------------------------------------------
    def advance(self) -> tuple[Value, ...]:
        """Restore the last state before the iteration and run the loop up to it."""
        b, loop = self.b, self.loop
        memory = self.integers.memory
        step = self.step_number()
        used = b.load(memory, _USED)
        last = b.load(memory, self.integers.place(b.sub(used, _ONE), 0))
        used = b.pure("select", b.compare("gt", last, step), b.sub(used, _ONE), used)
        b.effect("store", memory, _USED, used)
        slot = b.sub(used, _ONE)
        first = b.load(memory, self.integers.place(slot, 0))
        values = self.restore(slot)
        end = b.add(step, _ONE)
        self.plan(first, end, slot)
        index = Value("k", INT)
        params = tuple(Value(p.name, p.type) for p in loop.params)
        outs = tuple(Value(p.name, p.type) for p in loop.params)
        with b.inside(Region()) as body:
            self.save_at(index, end, params)
            number = b.add(loop.start, b.mul(index, loop.step))
            known = dict(zip(loop.params, params, strict=True))
            inner = copied(loop.body, {**known, loop.index: number})
        body.nodes += without_blind_stores(inner).nodes
        body.results = inner.results
        where = loop.location
        again = Loop("range", index, first, step, _ONE, params, values, body, outs, location=where)
        b.region.nodes.append(again)
        return outs

    def restore(self, slot: Operand) -> tuple[Operand, ...]:
        b = self.b
        values: dict[int, Operand] = {}
        for states in (self.integers, self.floats):
            for i, k in enumerate(states.numbers):
                found: Operand = b.load(states.memory, states.place(slot, states.header + i))
                if self.loop.params[k].type is BOOL:
                    found = b.compare("ne", found, _ZERO)
                values[k] = found
            for buffer, size, first in states.spread(slot):
                self.copy(states.memory, first, buffer, _ZERO, size)
        return tuple(values[k] for k in range(len(self.loop.params)))

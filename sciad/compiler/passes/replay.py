"""Joint reversal of a loop's iterations: run the body again, then backwards.

A loop may keep on the tape what its reversed iterations need, or only the state in which each
iteration begins; then the mirror of the body starts with a copy of the body, and it is this copy
that is reversed. The copy is code of its own, with values of its own: what its inner loops keep is
pushed and popped within one iteration. It has no checks (where the first run did not fail, the
second does not), and none of the stores that only later code would read.

State is what the copy reads of its surroundings: carried numbers, which `recall` stores like any
other value, and buffers that the loop writes to. Those are stored as a whole when an iteration
begins, unless it overwrites them before it reads them. Afterwards a replayed buffer holds what it
held in some earlier iteration; nothing that runs later backwards reads it again without restoring
it, because elements that are written after they were read are on the tape (see
`Places.written_after`).

References
----------
A. Griewank, A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, section 12.2 (joint reversals).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sciad.compiler.ir import (
    INT,
    BufferType,
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
from sciad.compiler.passes.analysis import Places
from sciad.compiler.passes.costs import estimate
from sciad.compiler.passes.simplify import simplify
from sciad.compiler.tapes import Slot, unused_tape
from sciad.core.errors import CompileError

if TYPE_CHECKING:
    from sciad.compiler.passes.checkpointing import Checkpoints

__all__ = [
    "Replay",
    "Replays",
    "around_checkpoints",
    "best",
    "copied",
    "overwritten_first",
    "regions",
    "regions_of",
    "without_blind_stores",
]

#: A replayed loop has to be estimated at no more than this part of the time without.
_GAIN = 0.85
_MOST_TRIED = 6
_LARGEST = 5000
_WRITES = ("store", "accum")
#: Frames lie on the tape in the order of the first run; `linalg` writes to several buffers.
_ONCE = ("push", "pop", "invoke", "linalg")


@dataclass(eq=False)
class Replay:
    """One loop whose iterations are run again.

    Attributes
    ----------
    loop : Loop
        Of the forward part.
    body : Region
        The copy of its body.
    own : set
        Values of the copy.
    unseen : set
        Stores of the copy (by `id`) that are reversed but not executed.
    state : list of Value
        Buffers that a run needs as earlier iterations left them.
    params : tuple of Value
        What stands for the parameters of the loop in the copy.
    stored : Checkpoints or None
        Where the state comes from; None if each iteration stores its own.
    restoring : int
        Number of nodes that restore them.
    """

    loop: Loop
    body: Region
    own: set[Value]
    unseen: frozenset[int]
    state: list[Value]
    params: tuple[Value, ...]
    stored: Checkpoints | None = None
    restoring: int = 0

    def free(self) -> set[Value]:
        """Values of its surroundings that the copy reads."""
        nodes = list(walk(self.body))
        read = {o for n in nodes for o in operands(n) if isinstance(o, Value)}
        later = {p for n in nodes if isinstance(n, Loop) for p in n.params}  # what reversal added
        return read - self.own - later.union(*map(defined, nodes))


class Replays:
    """All replays of one adjoint.

    Parameters
    ----------
    places : Places
        Of the forward part; copies are entered as roots of their own.
    varied : set
        Values with a derivative; those of copies are added.
    chosen : set
        Indices of the loops that are to be replayed.
    """

    def __init__(self, places: Places, varied: set[Value], chosen: frozenset[Value]):
        self.places = places
        self.varied = varied
        self.chosen = set(chosen)
        self.mirrors: dict[int, Replay] = {}
        self.kept: list[Region] = []
        self.number = unused_tape(places.top)

    def of(self, loop: Loop) -> Replay | None:
        """Copy the body of a loop that is to be replayed and can be."""
        if loop.snapshots is not None:
            return self.copy(loop, self.checkpoints(loop))
        if loop.index not in self.chosen or not self.possible(loop):
            return None
        return self.copy(loop, None)

    def replayed(self, mirror: Region, replay: Replay) -> None:
        """Note that a mirror begins with a copy; it is kept, so that its id stays its own."""
        self.mirrors[id(mirror)] = replay
        self.kept.append(mirror)

    def checkpoints(self, loop: Loop) -> Checkpoints:
        """Write what a loop with stored states needs, or refuse."""
        from sciad.compiler.passes.checkpointing import checkpoints

        place = self.places.owner[id(loop.body)][1]
        where = None if loop.location is None else str(loop.location)
        if not self.places.is_root(place):
            raise CompileError(
                "a checkpointed loop stands in a branch, or in a loop that cannot be run again",
                where=where,
                hint="let the loop stand at the outermost level (a loop of 0 steps does nothing)",
            )
        if _runs_once(loop):
            raise CompileError(
                "a checkpointed loop takes a derivative, or calls a function that calls itself",
                where=where,
                hint="write the derivative by hand, or leave sciad.checkpointed out",
            )
        if not self.possible(loop):
            raise CompileError(
                "a checkpointed loop reads an array that is written to later, outside the loop",
                where=where,
                hint="give the loop a copy of that array",
            )
        return checkpoints(loop, [(b, self.size(b)) for b in self.state(loop)])

    def size(self, buffer: Value) -> Operand:
        """Length of a buffer that the program made."""
        return self.places.producer[buffer].args[0]

    def state(self, loop: Loop) -> list[Value]:
        """Buffers that the body of a loop reads as earlier iterations left them.

        Asked while the body is complete: a copy loses what the reversed code does not need.
        """
        inside = {v for n in walk(loop.body) for v in defined(n)}
        read, written = accessed(loop.body)
        needed = (read & written) - inside
        kept = [b for b in needed if not overwritten_first(self.places, loop.body, b)]
        return sorted(kept, key=lambda b: b.serial)

    def copy(self, loop: Loop, stored: Checkpoints | None) -> Replay:
        """Copy the body of a loop."""
        origin: dict[Value, Value] = {}
        params = loop.params
        if stored is not None:
            params = stored.params
            origin.update(zip(loop.params, params, strict=True))
        body = copied(loop.body, origin)
        unseen = unseen_stores(body, set(origin.values()))
        self.places.enter_root(body, unseen)
        self.varied.update(new for old, new in origin.items() if old in self.varied)
        self.chosen.update(new for old, new in origin.items() if old in self.chosen)
        state = self.state(loop)
        return Replay(loop, body, set(origin.values()), unseen, state, params, stored)

    def possible(self, loop: Loop) -> bool:
        """Tell whether memory can be put back to what it was when an iteration began."""
        places = self.places
        if not all(_repeatable(n) for n in walk(loop.body)):
            return False
        inside = {v for n in walk(loop.body) for v in defined(n)}
        read, written = accessed(loop.body)
        for buffer in read - inside:
            changed = places.written_beside(loop, buffer)
            if not places.is_root(places.home[buffer]) or (changed and buffer not in written):
                return False
            if buffer in written and buffer not in places.producer:
                return False  # an argument: its last state has to stay
        return True

    def reduce(self, mirror: Region, dead: Callable[[], None]) -> None:
        """Leave out of the copies what the reversed code does not need; `dead` removes dead code.

        The sizes of arrays stay: the shadows have them too.
        """
        self.store_states(mirror)
        results = mirror.results
        sizes = tuple(
            n.args[0]
            for _, replay in self.within(mirror)
            for n in walk(replay.body)
            if isinstance(n, Op) and n.code == "alloc" and n.args[0] in replay.own
        )
        for _ in range(2):
            within = self.within(mirror)
            for region, replay in within:
                region.nodes[:0] = replay.body.nodes
            mirror.results = (*results, *sizes)
            dead()
            mirror.results = results
            for region, replay in within:
                mine = set(map(id, replay.body.nodes))
                replay.body.nodes = [n for n in region.nodes if id(n) in mine]
                region.nodes = [n for n in region.nodes if id(n) not in mine]
            for region, replay in within:
                self.drop_stores(region, replay)

    def drop_stores(self, region: Region, replay: Replay) -> None:
        """Leave out stores that neither the copy reads nor copies of its inner loops do."""
        made = {v for n in walk(replay.body) for v in defined(n)}
        unseen = replay.unseen | unseen_stores(replay.body, made | self.read_later(region))
        for inner in regions(replay.body):
            inner.nodes = [n for n in inner.nodes if id(n) not in unseen]

    def read_later(self, mirror: Region) -> set[Value]:
        """Find the buffers that the reversed code of a body reads, copies of inner loops included.

        An inner copy may be the only one to read them: the outer copy has to provide them all the
        same.
        """
        inner = [accessed(replay.body)[0] for _, replay in self.within(mirror)]
        return accessed(mirror)[0].union(*inner)

    def within(self, mirror: Region) -> list[tuple[Region, Replay]]:
        """Mirrors with a replay, outermost first."""
        bodies = [n.body for n in walk(mirror) if isinstance(n, Loop)]
        return [(b, self.mirrors[id(b)]) for b in bodies if id(b) in self.mirrors]

    def save_states(self, mirror: Region) -> None:
        """Store buffers where iterations begin, and restore them where mirrors do."""
        for region, replay in reversed(self.within(mirror)):
            self.drop_stores(region, replay)
            loop = replay.loop
            if replay.stored is not None:
                begin = set(map(id, replay.stored.begin))
                replay.restoring = sum(id(n) in begin for n in region.nodes)
                continue
            saves: list[Node] = []
            loads: list[Node] = []
            read = accessed(replay.body)[0] | self.read_later(region)
            for buffer in [b for b in replay.state if b in read]:
                slot = Slot.fresh(self.number)
                saves += _saving(buffer, self.size(buffer), loop, slot)
                loads[:0] = _restoring(buffer, self.size(buffer), loop, slot)
            loop.body.nodes[:0] = saves
            region.nodes[:0] = loads
            replay.restoring = len(loads)

    def store_states(self, mirror: Region) -> None:
        """Insert the code of loops with few stored states."""
        for region, replay in self.within(mirror):
            if replay.stored is not None:
                outer = self.places.owner[id(replay.loop.body)][1].nodes
                place = outer.index(replay.loop)
                outer[place:place] = replay.stored.before
                replay.loop.body.nodes[:0] = replay.stored.prefix
                region.nodes[:0] = replay.stored.begin


def best(function: Function, made: Function, reverse: Callable[..., Function]) -> Function:
    """Try for each loop whether replaying it is cheaper than what was `made` without.

    ``reverse(chosen)`` makes the adjoint with some loops replayed, named by their indices. Only
    loops with a tape inside are tried: what a body itself keeps has been chosen at its best.
    """
    taping = [n for n in walk(made.body) if isinstance(n, Loop) and _tapes_inside(n)]
    indices = {n.index for n in walk(function.body) if isinstance(n, Loop)}
    candidates = [n.index for n in taping if n.index in indices][:_MOST_TRIED]
    if not candidates or sum(1 for _ in walk(made.body)) > _LARGEST:
        return made
    cost, chosen = estimate(simplify(made)), frozenset[Value]()
    for index in candidates:
        other = reverse(chosen | {index})
        price = estimate(simplify(other))
        if price < _GAIN * cost:
            made, cost, chosen = other, price, chosen | {index}
    return made


def around_checkpoints(region: Region) -> frozenset[Value]:
    """Loops around a loop with stored states: such a loop has to be met in one piece."""
    return frozenset(
        outer.index
        for outer in walk(region)
        if isinstance(outer, Loop)
        and any(isinstance(n, Loop) and n.snapshots is not None for n in walk(outer.body))
    )


def _tapes_inside(loop: Loop) -> bool:
    inner = [r for r in regions(loop.body) if r is not loop.body]
    return any(isinstance(n, Op) and n.code == "push" for r in inner for n in r.nodes)


def _runs_once(loop: Loop) -> bool:
    """Whether a loop leaves frames on the tape, which a copy of it must not do again."""
    return any(isinstance(n, Op) and n.code in _ONCE for n in walk(loop.body))


def copied(region: Region, known: dict[Value, Value]) -> Region:
    """Copy a region with new values (`known` collects them) and without checks."""
    nodes = [
        _copied_node(n, known)
        for n in region.nodes
        if not (isinstance(n, Op) and n.code == "check")
    ]
    return Region(nodes, _all(region.results, known))


def _all(items: tuple[Operand, ...], known: dict[Value, Value]) -> tuple[Operand, ...]:
    return tuple(known.get(x, x) if isinstance(x, Value) else x for x in items)


def _renewed(values: tuple[Value, ...], known: dict[Value, Value]) -> tuple[Value, ...]:
    for value in values:
        known[value] = Value(value.name, value.type)
    return _all(values, known)


def _copied_node(node: Node, known: dict[Value, Value]) -> Node:
    if isinstance(node, Op):
        args = _all(node.args, known)
        return Op(node.code, args, _renewed(node.outs, known), node.attr, node.location)
    if isinstance(node, If):
        (condition,) = _all((node.condition,), known)
        then, orelse = copied(node.then, known), copied(node.orelse, known)
        return If(condition, then, orelse, _renewed(node.outs, known), node.location)
    start, stop, step = _all((node.start, node.stop, node.step), known)
    inits = _all(node.inits, known)
    (index,) = _renewed((node.index,), known)
    params = _renewed(node.params, known)
    body = copied(node.body, known)
    until = None if node.until is None else _all((node.until,), known)[0]
    outs = _renewed(node.outs, known)
    trips = None if node.trips is None else _renewed((node.trips,), known)[0]
    made = Loop(node.kind, index, start, stop, step, params, inits, body, outs, until, trips)
    made.location, made.snapshots = node.location, node.snapshots
    return made


def _repeatable(node: Node) -> bool:
    """Whether what a node does to memory is known to this module."""
    if not isinstance(node, Op) or node.code in ("load", "alloc", "check", *_WRITES):
        return True
    single = len(node.outs) == 1 and node.code not in ("push", "pop")
    return single and not any(isinstance(a.type, BufferType) for a in (*node.args, *node.outs))


def accessed(region: Region) -> tuple[set[Value], set[Value]]:
    """Buffers a region reads and buffers it writes to."""
    ops = [n for n in walk(region) if isinstance(n, Op)]
    read = {n.args[0] for n in ops if n.code == "load"}
    return read, {n.args[0] for n in ops if n.code in _WRITES}


def without_blind_stores(region: Region) -> Region:
    """Leave out, in place, stores to buffers that the region never reads."""
    read, _ = accessed(region)
    for inner in regions(region):
        inner.nodes = [
            n
            for n in inner.nodes
            if not (isinstance(n, Op) and n.code in _WRITES and n.args[0] not in read)
        ]
    return region


def regions(region: Region) -> list[Region]:
    """List a region and the regions inside."""
    found = [region]
    for node in walk(region):
        if isinstance(node, If):
            found += (node.then, node.orelse)
        elif isinstance(node, Loop):
            found.append(node.body)
    return found


def unseen_stores(body: Region, kept: set[Value]) -> frozenset[int]:
    """Find stores which no load of the same run can see; those to some buffers are left alone."""
    last: dict[Value, int] = {}
    spans: dict[int, tuple[int, int]] = {}
    _number(body, 0, last, spans)
    found: set[int] = set()
    _unseen(body, kept, last, spans, None, found)
    return frozenset(found)


def _number(region: Region, count: int, last: dict[Value, int], spans: dict) -> int:
    """Count operations; note the last load of each buffer, the first and last inside a loop."""
    for node in region.nodes:
        first = count
        if isinstance(node, Op):
            if node.code == "load":
                last[node.args[0]] = count
            count += 1
        elif isinstance(node, If):
            count = _number(node.then, count, last, spans)
            count = _number(node.orelse, count, last, spans)
        else:
            count = _number(node.body, count, last, spans)
        spans[id(node)] = (first, count)
    return count


def _unseen(region: Region, kept, last, spans, since: int | None, found: set[int]) -> None:
    """`since` is where the outermost loop around begins: its loads may come again."""
    for node in region.nodes:
        first = spans[id(node)][0] if since is None else since
        if isinstance(node, Op):
            outer = node.code in _WRITES and node.args[0] not in kept
            if outer and last.get(node.args[0], -1) < first:
                found.add(id(node))
        elif isinstance(node, If):
            _unseen(node.then, kept, last, spans, since, found)
            _unseen(node.orelse, kept, last, spans, since, found)
        else:
            _unseen(node.body, kept, last, spans, first, found)


def overwritten_first(places: Places, body: Region, buffer: Value) -> bool:
    """Tell whether a run reads no element of a buffer before it has written all of them."""
    size = places.producer[buffer].args[0]
    for node in body.nodes:
        if isinstance(node, Loop) and _fills(node, buffer, size):
            return True
        inside = Region([node])
        read, _ = accessed(inside)
        if buffer in read or _adds_to(inside, buffer):
            sides = regions_of(node)
            if not sides or not all(overwritten_first(places, side, buffer) for side in sides):
                return False
    return True


def regions_of(node: Node) -> tuple[Region, ...]:
    """List the regions directly inside a node."""
    if isinstance(node, If):
        return (node.then, node.orelse)
    return (node.body,) if isinstance(node, Loop) else ()


def _fills(loop: Loop, buffer: Value, size: Operand) -> bool:
    """Tell whether a loop stores to buffer[0], buffer[1], ... up to its size and reads none."""
    counts = (loop.kind, loop.start, loop.stop, loop.step) == ("range", const(0), size, const(1))
    if not counts or loop.until is not None or buffer in accessed(loop.body)[0]:
        return False
    if _adds_to(loop.body, buffer):
        return False
    return any(
        isinstance(n, Op) and n.code == "store" and n.args[:2] == (buffer, loop.index)
        for n in loop.body.nodes
    )


def _adds_to(region: Region, buffer: Value) -> bool:
    ops = [n for n in walk(region) if isinstance(n, Op)]
    return any(n.code == "accum" and n.args[0] is buffer for n in ops)


def _saving(buffer: Value, size: Operand, loop: Loop, slot: Slot) -> list[Node]:
    index, body = Value("i", INT), Region()
    element = Value(buffer.name, buffer.type.element)
    body.nodes = [
        Op("load", (buffer, index), (element,), None, loop.location),
        Op("push", (element,), (), slot, loop.location),
    ]
    return [_counted(index, const(0), size, const(1), body, loop)]


def _restoring(buffer: Value, size: Operand, loop: Loop, slot: Slot) -> list[Node]:
    index, body = Value("i", INT), Region()
    element = Value(buffer.name, buffer.type.element)
    body.nodes = [
        Op("pop", (), (element,), slot, loop.location),
        Op("store", (buffer, index, element), (), None, loop.location),
    ]
    last = Value("last", INT)
    before = Op("sub", (size, const(1)), (last,), None, loop.location)
    return [before, _counted(index, last, const(-1), const(-1), body, loop)]


def _counted(index: Value, first: Operand, last: Operand, step: Operand, body, loop) -> Loop:
    return Loop("range", index, first, last, step, (), (), body, (), location=loop.location)

"""Loops whose iterations are reversed at once, where they have run.

A loop over data, `for i in range(n): total += f(x[i])`, is reversed by a second loop, which has to
find again what the first one computed. If the cotangents of what the loop yields are known before
it runs, as that of a sum's term is, and if the iterations do not depend on each other's cotangents,
each of them can be reversed as soon as it has run: nothing outlives its iteration, and the second
loop is gone. (A hand-written gradient of a log-likelihood looks like this.)

`Fusion.find` finds such loops at the outermost level of a program, and directly inside each other,
when their mirrors have been written; `Fusion.join` moves the mirrors' bodies. Between the two, the
body of such a loop counts as code that runs by itself (`Places.detach`): to its mirror all its
values are there.

The order in which iterations are reversed changes from last to first to first to last. That is
right if

- cotangents that the mirror carries are the same in each iteration (those of sums are), or are sums
  of terms themselves;
- shadows that the mirror only adds to, or only reads, are not touched in another way by reversed
  code that would have run before and cannot move along;
- shadows that it reads and clears are those of buffers of which each iteration uses elements of its
  own (`out[i, j] = ...`), or which each iteration fills before it reads them and nobody reads
  afterwards (scratch memory).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from sciad.compiler.decisions import noted
from sciad.compiler.ir import (
    ANY_ORDER,
    BufferType,
    Const,
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
from sciad.compiler.passes.recall import substitute
from sciad.compiler.passes.replay import overwritten_first, regions_of
from sciad.compiler.passes.slabs import separate

__all__ = ["Fused", "Fusion"]

_NONE: frozenset[Value] = frozenset()
_ZERO = const(0.0)
_ELEMENTS = frozenset(["load", "store", "accum"])
#: Operations on frames of the tape and calls are reversed in the order in which they ran.
_ORDERED = frozenset(["push", "pop", "invoke", "linalg"])
Uses = dict[Value, set[str]]


@dataclass(eq=False)
class Fused:
    """A loop of the program and its mirror; `inner` are loops directly inside it."""

    loop: Loop
    mirror: Loop
    inner: list[Fused]

    def needs(self) -> set[Value]:
        """Values from outside that reversing one iteration takes."""
        return _free(self.mirror.body.nodes) - {self.mirror.index, *self.mirror.params}


class Fusion:
    """Finds loops that can be reversed iteration by iteration, and joins them with their mirrors.

    Parameters
    ----------
    places : Places
        Of the program.
    shadows : dict
        Buffer of the program -> its shadow.
    indices : dict
        Index of a loop -> index of its mirror.
    separated : container of int
        Mirrored bodies (by `id`) that begin with a copy of their own.
    """

    def __init__(
        self,
        places: Places,
        shadows: dict[Value, Value],
        indices: dict[Value, Value],
        separated: Container[int],
    ):
        self.places = places
        self.shadows = shadows
        self.indices = indices
        self.separated = separated

    def find(self, source: Region, reverse: Region, used: frozenset[Value] = _NONE) -> list[Fused]:
        """Find the loops of a region whose mirrors are in another one, in the program's order.

        Shadows that are `used` may hold cotangents when the reversed code begins.
        """
        settle(reverse)
        mirrors = {n.index: n for n in reverse.nodes if isinstance(n, Loop)}
        judge = _Judge(self, source, reverse, used)
        found = []
        moving: set[Node] = set()  # mirrors that earlier loops need as a whole
        for loop in [n for n in source.nodes if isinstance(n, Loop)]:
            mirror = mirrors.get(self.indices.get(loop.index, loop.index))
            if mirror is None or mirror in moving:
                continue
            if judge.agrees(Fused(loop, mirror, [])):
                noted("reversed", loop.location, "each iteration as soon as it has run")
                moving.update(judge.required(Fused(loop, mirror, [])))
                del self.indices[loop.index]
                self.places.detach(loop)
                inner = self.find(loop.body, mirror.body, judge.touched_before(mirror))
                found.append(Fused(loop, mirror, inner))
        return found

    def join(self, source: Region, reverse: Region, found: list[Fused]) -> None:
        """Move the bodies of mirrors to their loops, and what they need before these."""
        for fused in found:
            loop, mirror = fused.loop, fused.mirror
            before = _Judge(self, source, reverse, _NONE).required(fused)
            self.join(loop.body, mirror.body, fused.inner)
            place = source.nodes.index(loop)
            source.nodes[place:place] = before
            after = _merge(loop, mirror)
            place = reverse.nodes.index(mirror)
            reverse.nodes[place : place + 1] = after
            moved = set(map(id, before))
            reverse.nodes[:] = [n for n in reverse.nodes if id(n) not in moved]


def _merge(loop: Loop, mirror: Loop) -> list[Node]:
    """Let a loop do what its mirror does; gives what takes the mirror's place."""
    loop.body.nodes += mirror.body.nodes
    substitute(loop.body, {mirror.index: loop.index})
    after: list[Node] = []
    totals = []
    for init, out in zip(mirror.inits, mirror.outs, strict=True):
        total = out if init == _ZERO else Value(out.name, out.type)
        totals.append(total)
        if total is not out:
            after.append(Op("add", (init, total), (out,), ANY_ORDER, loop.location))
    loop.params += mirror.params
    loop.inits += (_ZERO,) * len(totals)
    loop.body.results += mirror.body.results
    loop.outs += tuple(totals)
    return after


def settle(reverse: Region) -> None:
    """Take what loops carry unchanged out of them, in place."""
    for node in reverse.nodes:
        for inner in regions_of(node):
            settle(inner)
        if not isinstance(node, Loop):
            continue
        same = [k for k, p in enumerate(node.params) if node.body.results[k] is p]
        known: dict[Value, Operand] = {}
        for k in same:
            known[node.params[k]] = known[node.outs[k]] = node.inits[k]
        keep = [k for k in range(len(node.params)) if k not in same]
        for name in ("params", "inits", "outs"):
            setattr(node, name, tuple(getattr(node, name)[k] for k in keep))
        node.body.results = tuple(node.body.results[k] for k in keep)
        if known:
            substitute(reverse, known)


class _Judge:
    """Decides which mirrors may move."""

    def __init__(self, fusion: Fusion, source: Region, reverse: Region, used: frozenset[Value]):
        self.places = fusion.places
        self.separated = fusion.separated
        self.source = source
        self.nodes = reverse.nodes
        self.used = used
        self.primal = {shadow: buffer for buffer, shadow in fusion.shadows.items()}
        self.order = {v: k for k, node in enumerate(source.nodes) for v in _made(node)}
        self.made = {v for node in self.nodes for v in defined(node)}

    def agrees(self, fused: Fused) -> bool:
        """Whether a mirror, with what it needs, may run iteration by iteration with its loop."""
        loop, mirror = fused.loop, fused.mirror
        if loop.kind != "range" or loop.until is not None or id(mirror.body) in self.separated:
            return False
        inside = list(walk(loop.body))
        if any(isinstance(n, Op) and n.code in _ORDERED for n in inside):
            return False
        if any(isinstance(n, Loop) and n.snapshots is not None for n in (loop, *inside)):
            return False
        if not all(_summed(mirror, k) for k in range(len(mirror.params))):
            return False
        place = self.source.nodes.index(loop)
        own = _made(loop) - set(defined(loop))
        if not all(v in own or v in self.made or self.before(v, place) for v in fused.needs()):
            return False
        return self.commutes(fused) and all(self.moves(n, place) for n in self.required(fused))

    # -- order ---------------------------------------------------------------------------------
    def before(self, value: Value, place: int) -> bool:
        """Whether a value of the program, or of its surroundings, is there in time."""
        value = self.primal.get(value, value)  # a shadow is made as soon as its size is known
        return self.order.get(value, -1) < place

    def required(self, fused: Fused) -> list[Node]:
        """Find the reversed code that has to run before a mirror, in its order."""
        wanted = fused.needs()
        touched = [self.uses(fused.mirror)]
        found: list[Node] = []
        for node in reversed(self.nodes[: self.nodes.index(fused.mirror)]):
            mine = self.uses(node)
            if wanted & set(defined(node)) or any(_conflict(mine, t) for t in touched):
                found.append(node)
                wanted = wanted | _free([node])
                touched.append(mine)
        return found[::-1]

    def moves(self, node: Node, place: int) -> bool:
        """Whether a node of the reversed code needs nothing but cotangents and earlier values."""
        for op in walk(Region([node])):
            if isinstance(op, Loop) and id(op.body) in self.separated:
                return False
            if isinstance(op, Op) and op.code in _ORDERED:
                return False
            buffers = [a for a in operands(op) if isinstance(a.type, BufferType)]
            if any(b in self.places.home for b in buffers):
                return False
            if buffers and isinstance(op, Op) and op.code not in _ELEMENTS:
                return False
        return all(v in self.made or self.before(v, place) for v in _free([node]))

    # -- shadows -------------------------------------------------------------------------------
    def uses(self, node: Node) -> Uses:
        """Buffers of cotangents that a node uses, and how."""
        found: Uses = {}
        for op in walk(Region([node])):
            if not isinstance(op, Op):
                continue
            for value in (*op.args, *op.outs):
                if isinstance(value.type, BufferType) and value not in self.places.home:
                    found.setdefault(value, set()).add(op.code)
        return found

    def touched_before(self, mirror: Loop) -> frozenset[Value]:
        """Shadows that may hold cotangents when a mirror begins."""
        return self.used.union(*map(self.uses, self.nodes[: self.nodes.index(mirror)]))

    def commutes(self, fused: Fused) -> bool:
        """Whether a mirror does the same to shadows if its iterations run in another order."""
        touched = self.touched_before(fused.mirror)
        for shadow, codes in self.uses(fused.mirror).items():
            if codes in ({"accum"}, {"load"}):
                continue
            buffer = self.primal.get(shadow)
            if buffer is None or not codes <= _ELEMENTS:
                return False
            if not self.apart(fused.loop, buffer, shadow in touched):
                return False
        return True

    def apart(self, loop: Loop, buffer: Value, used: bool) -> bool:
        """Whether iterations leave each other's elements of a buffer alone.

        It is their own, or they use different elements, or it is scratch memory: each of them fills
        it before it reads it, and nobody has `used` its shadow for anything that ran later.
        """
        node = self.places.producer.get(buffer)
        inside = list(walk(loop.body))
        if any(node is n for n in inside):
            return True
        ops = [op for op in inside if isinstance(op, Op) and buffer in op.args]
        if any(op.code not in _ELEMENTS for op in ops):
            return False
        if separate(self.places, loop, [op.args[1] for op in ops]):
            return True
        return node is not None and not used and overwritten_first(self.places, loop.body, buffer)


def _summed(mirror: Loop, k: int) -> bool:
    """Whether the mirror only adds to a value that it carries."""
    param, result = mirror.params[k], mirror.body.results[k]
    readers = [n for n in walk(mirror.body) if param in operands(n)]
    later = [n for n in walk(mirror.body) if result in operands(n)]
    if len(readers) != 1 or later or mirror.body.results.count(result) != 1:
        return False
    node = readers[0]
    adds = isinstance(node, Op) and node.code == "add" and node.args.count(param) == 1
    return adds and result in node.outs and param not in mirror.body.results


def _made(node: Node) -> set[Value]:
    """Values that a node and the nodes inside define."""
    found: set[Value] = set()
    for inner in walk(Region([node])):
        found.update(defined(inner))
        if isinstance(inner, Loop):
            found.update((inner.index, *inner.params))
    return found


def _free(nodes: Sequence[Node]) -> set[Value]:
    """Values that some nodes read and do not define."""
    inside = set[Value]().union(*map(_made, nodes))
    return {
        v for n in walk(Region(list(nodes))) for v in operands(n) if not isinstance(v, Const)
    } - inside


def _conflict(x: Uses, y: Uses) -> bool:
    """Whether the order of two nodes matters to memory."""
    shared = x.keys() & y.keys()
    return any(x[buffer] | y[buffer] not in ({"accum"}, {"load"}) for buffer in shared)

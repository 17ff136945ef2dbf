"""Tests for the first or the last iteration of a loop leave it.

    for j in range(n):                              x[n - 1], x[1] ...  (j = 0, if 0 < n)
        left = j - 1 if j > 0 else n - 1            for j in range(1, n - 1):
        right = j + 1 if j < n - 1 else 0               x[j - 1], x[j + 1] ...
        x[left], x[right] ...                       x[n - 2], x[0] ...  (j = n - 1, if 1 < n)

A test is told apart by what it compares: the index and a number that does not change. If their
difference is a known number in the first (the last) iteration, and one step away from there the
test has the answer that it keeps, that iteration is run by itself. The loop that remains has no
such branches: each of its memory accesses moves by one element in each iteration, and machines
take several of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sciad.compiler.builder import Builder
from sciad.compiler.fold import COMPARISONS
from sciad.compiler.ir import (
    INT,
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
    walk,
)
from sciad.compiler.loops.affine import Affine, Moving, producers
from sciad.compiler.passes.analysis import copy_region
from sciad.compiler.passes.hoist import hoist
from sciad.compiler.passes.renaming import renamed_nodes
from sciad.compiler.passes.simplify import simplified

__all__ = ["apart"]

_LARGEST = 400  # nodes of a body beyond which it is not written three times
_FEWEST = 8  # trips, if they are known, below which a loop stays as it is
_ORDERED = frozenset(["push", "pop", "invoke", "alloc", "table", "linalg"])
_UNIT = (const(1), const(-1))
_FAR = 1 << 62

#: Comparison -> its answer in one iteration, and in all others.
Answers = dict[Value, tuple[bool, bool]]


def apart(function: Function) -> Function:
    """Return the program with such iterations apart, or the same if it has none."""
    body = copy_region(function.body)
    splitter = _Splitter(body)
    splitter.region(body)
    if not splitter.changed:
        return function
    made = simplified(Function(function.name, function.params, body))
    return simplified(hoist(made, {}))


@dataclass
class _Ends:
    """What is known in the first and in the last iteration."""

    first: Answers
    last: Answers


class _Splitter:
    def __init__(self, top: Region):
        self.producer = producers(top)
        self.changed = False

    def region(self, region: Region) -> None:
        nodes: list[Node] = []
        for node in region.nodes:
            if isinstance(node, If):
                self.region(node.then)
                self.region(node.orelse)
            elif isinstance(node, Loop):
                self.region(node.body)
                ends = self.ends(node)
                if ends.first or ends.last:
                    self.changed = True
                    nodes += _Parts(node, ends).run()
                    continue
            nodes.append(node)
        region.nodes[:] = nodes

    def ends(self, loop: Loop) -> _Ends:
        """Find the tests of a loop that one of its ends decides."""
        found = _Ends({}, {})
        if not _regular(loop):
            return found
        moving = Moving(loop, self.producer)
        start, stop = moving.affine(loop.start), moving.affine(loop.stop)
        if start is None or stop is None:
            return found
        step = int(loop.step.value)
        final = Affine(0, stop.number - step, stop.terms)
        for test, code, difference in _tests(loop, moving):
            slope = difference.slope * step
            known = difference.at(start)
            if known is not None:
                _note(found.first, test, _truth(code, known, slope))
            known = difference.at(final)
            if known is not None:
                _note(found.last, test, _truth(code, known, -slope))
        return found


def _regular(loop: Loop) -> bool:
    if loop.kind != "range" or loop.until is not None or loop.trips is not None:
        return False
    if loop.step not in _UNIT or loop.snapshots is not None:
        return False
    fixed = loop.start if loop.step == _UNIT[0] else loop.stop
    if not isinstance(fixed, Const) or abs(fixed.value) > 1 << 31:
        return False
    known = isinstance(loop.start, Const) and isinstance(loop.stop, Const)
    if known and abs(loop.stop.value - loop.start.value) < _FEWEST:
        return False
    inside = list(walk(loop.body))
    ops = [n for n in inside if isinstance(n, Op)]
    plain = not any(isinstance(n, Loop) for n in inside) and len(inside) <= _LARGEST
    return plain and not any(n.code in _ORDERED for n in ops) and any(n.code == "load" for n in ops)


def _tests(loop: Loop, moving: Moving) -> Iterator[tuple[Value, str, Affine]]:
    """Comparisons of integers that choose, and the difference of what they compare."""
    inside = list(walk(loop.body))
    choosing = {n.condition for n in inside if isinstance(n, If)}
    choosing |= {n.args[0] for n in inside if isinstance(n, Op) and n.code == "select"}
    for node in inside:
        if not isinstance(node, Op) or node.code not in COMPARISONS or node.out not in choosing:
            continue
        if node.args[0].type is not INT:
            continue
        x, y = map(moving.affine, node.args)
        if x is not None and y is not None and x.slope != y.slope:
            yield node.out, node.code, x.minus(y)


def _truth(code: str, difference: int, slope: int) -> tuple[bool, bool] | None:
    """Answer of ``difference + k * slope < 0`` for k = 0, and for all others if it is the same.

    What holds one step away and very far away holds between, for equality as for order.
    """
    compare: Callable[[int, int], bool] = COMPARISONS[code]
    here, next_, far = (compare(difference + k * slope, 0) for k in (0, 1, _FAR))
    return (here, next_) if next_ == far != here else None


def _note(answers: Answers, test: Value, truth: tuple[bool, bool] | None) -> None:
    if truth is not None:
        answers[test] = truth


class _Parts:
    """Writes a loop as its first iteration, the ones between, and the last."""

    def __init__(self, loop: Loop, ends: _Ends):
        self.loop = loop
        self.ends = ends
        self.b = Builder()
        self.b.location = loop.location
        self.up = loop.step == _UNIT[0]

    def run(self) -> list[Node]:
        """Give what takes the loop's place."""
        b, loop, up = self.b, self.loop, self.up
        # an empty loop is one whose ends are equal: no sum below can exceed 64 bits
        begin = loop.start if up else b.maximum(loop.start, loop.stop)
        end = b.maximum(loop.stop, loop.start) if up else loop.stop
        known: dict[Value, bool] = {}
        carried = loop.inits
        if self.ends.first:
            here = {test: truth[0] for test, truth in self.ends.first.items()}
            carried = self.single(begin, end, carried, here, self.fresh())
            known.update((test, truth[1]) for test, truth in self.ends.first.items())
            begin = self.earlier(b.add(begin, loop.step), end)
        if not self.ends.last:
            self.part(begin, end, carried, known, loop.outs)
            return b.region.nodes
        final = self.later(b.sub(end, loop.step), begin)
        between = {test: truth[1] for test, truth in self.ends.last.items()}
        outs = self.fresh()
        self.part(begin, final, carried, {**known, **between}, outs)
        known.update((test, truth[0]) for test, truth in self.ends.last.items())
        self.single(final, end, outs, known, loop.outs)
        return b.region.nodes

    def fresh(self) -> tuple[Value, ...]:
        """Make values for what a part carries on."""
        return tuple(Value(o.name, o.type) for o in self.loop.outs)

    def earlier(self, x: Operand, y: Operand) -> Operand:
        """Choose the one of two indices that comes first."""
        return self.b.minimum(x, y) if self.up else self.b.maximum(x, y)

    def later(self, x: Operand, y: Operand) -> Operand:
        """Choose the one of two indices that comes last."""
        return self.b.maximum(x, y) if self.up else self.b.minimum(x, y)

    def copied(self, known: dict[Value, bool], given: dict[Operand, Operand]) -> Region:
        """Copy the body, with the answers of some tests."""
        decided = {test: const(answer) for test, answer in known.items()}
        return renamed_nodes(self.loop.body, given, decided)

    def part(
        self,
        begin: Operand,
        end: Operand,
        carried: tuple[Operand, ...],
        known: dict[Value, bool],
        outs: tuple[Value, ...],
    ) -> None:
        """Write a loop over some of the iterations."""
        loop = self.loop
        fields = {"start": begin, "stop": end, "inits": carried, "outs": outs}
        part = Loop(**{**vars(loop), **fields})
        part.index = Value(loop.index.name, INT)
        part.params = tuple(Value(p.name, p.type) for p in loop.params)
        old, new = (loop.index, *loop.params), (part.index, *part.params)
        part.body = self.copied(known, dict(zip(old, new, strict=True)))
        self.b.region.nodes.append(part)

    def single(
        self,
        index: Operand,
        end: Operand,
        carried: tuple[Operand, ...],
        known: dict[Value, bool],
        outs: tuple[Value, ...],
    ) -> tuple[Value, ...]:
        """Write one iteration, if it comes before the end; gives what it carries on."""
        loop = self.loop
        runs = self.b.compare("lt" if self.up else "gt", index, end)
        old, new = (loop.index, *loop.params), (index, *carried)
        body = self.copied(known, dict(zip(old, new, strict=True)))
        self.b.region.nodes.append(If(runs, body, Region([], carried), outs, loop.location))
        return outs

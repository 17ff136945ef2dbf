"""Sums into neighbouring elements leave their loop, row by row.

    for i in range(1, n - 1):            for first in range(1, n - 1, 256):
        t = k * y_bar[i]                     last = min(first + 256, n - 1)
        x_bar[i - 1] += t                    for i in range(first, last):
        x_bar[i] += -2.0 * t                     t[i - first] = k * y_bar[i]
        x_bar[i + 1] += t                        x_bar[i] += -2.0 * t[i - first]
                                             for i in range(first, last):
                                                 x_bar[i - 1] += t[i - first]
                                             for i in range(first, last):
                                                 x_bar[i + 1] += t[i - first]

The cotangents of a stencil are sums into elements that the next iterations add to as well, so that
a machine must finish one iteration before the next. Each of the loops on the right takes several
elements at once. That pays only if nothing else keeps the first of them from it, and if there are
many iterations. `t` is a block on the stack.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sciad.compiler.builder import Builder
from sciad.compiler.fold import COMPARISONS
from sciad.compiler.ir import (
    ANY_ORDER,
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
)
from sciad.compiler.loops.affine import Affine, Moving, recomputed
from sciad.compiler.passes.renaming import renamed_nodes
from sciad.compiler.vecmath.catalogue import BLOCK

__all__ = ["scattered"]

_UNIT = (const(1), const(-1))
_PURE = frozenset([*COMPARISONS, "add", "sub", "mul", "div", "neg", "and", "or", "not"])
_PURE |= {"select", "float", "stop"}
_ELEMENTS = frozenset(["load", "store", "accum"])
_CHEAP = frozenset(["abs", "fabs", "absolute", "sqrt"])
_FEWEST = 8  # trips, if they are known, below which a loop stays as it is
_FEW = 24  # the same, asked at run time where the loop is inside another one
_MOST = 16  # rows
_Sums = list[Op]


def scattered(function: Function) -> Function:
    """Rewrite such loops of a program, in place; gives the program."""
    rows: list[Value] = []
    _region(function.body, rows, outermost=True)
    function.body.nodes[:0] = [Op("alloc", (const(BLOCK),), (row,), "block") for row in rows]
    return function


def _region(region: Region, rows: list[Value], outermost: bool) -> None:
    nodes: list[Node] = []
    for node in region.nodes:
        if isinstance(node, If):
            _region(node.then, rows, outermost)
            _region(node.orelse, rows, outermost)
        elif isinstance(node, Loop):
            _region(node.body, rows, outermost=False)
            plan = _plan(node)
            if plan is not None:
                writer = _Writer(node, plan, rows)
                nodes += [writer.run()] if outermost else writer.either()
                continue
        nodes.append(node)
    region.nodes[:] = nodes


@dataclass
class _Plan:
    """Sums that leave a loop, by buffer."""

    leaving: dict[Value, _Sums]

    def terms(self) -> list[Operand]:
        """List what is added, each once."""
        return list(dict.fromkeys(op.args[2] for sums in self.leaving.values() for op in sums))


def _plan(loop: Loop) -> _Plan | None:
    """Find the sums that keep the iterations of a loop from running side by side."""
    ops = [n for n in loop.body.nodes if isinstance(n, Op)]
    if not _regular(loop) or len(ops) != len(loop.body.nodes) or not _plain(loop, ops):
        return None
    uses: dict[Value, list[tuple[Op, Affine]]] = {}
    moving = Moving(loop)
    for op in ops:
        if op.code in _ELEMENTS:
            place = moving.affine(op.args[1])
            if place is None or abs(place.slope) > 1:
                return None
            uses.setdefault(op.args[0], []).append((op, place))
    plan = _Plan({})
    for buffer, found in uses.items():
        places = {place for _, place in found}
        codes = {op.code for op, _ in found}
        if codes == {"load"} or (len(places) == 1 and not (codes == {"store"} and _still(places))):
            continue
        if codes != {"accum"} or buffer.type.element is not FLOAT:
            return None
        if any(place.slope == 0 for place in places):
            return None
        plan.leaving[buffer] = _leaving([op for op, _ in found])
    return plan if plan.leaving and len(plan.terms()) <= _MOST else None


def _still(places: set[Affine]) -> bool:
    return any(place.slope == 0 for place in places)


def _leaving(sums: _Sums) -> _Sums:
    """All but one, for which a row would be needed that nobody else needs."""
    count = Counter(op.args[2] for op in sums)
    staying = next((op for op in sums if count[op.args[2]] == 1), None)
    return [op for op in sums if op is not staying]


def _regular(loop: Loop) -> bool:
    if loop.kind != "range" or loop.until is not None or loop.trips is not None:
        return False
    if loop.step not in _UNIT or loop.snapshots is not None:
        return False
    known = isinstance(loop.start, Const) and isinstance(loop.stop, Const)
    return not known or abs(loop.stop.value - loop.start.value) >= _FEWEST


def _plain(loop: Loop, ops: list[Op]) -> bool:
    """Whether iterations need nothing of each other but sums."""
    for op in ops:
        simple = op.code in _PURE or op.code in _ELEMENTS
        if not simple and not (op.code == "call" and op.attr[1] in _CHEAP):
            return False
    readers = Counter(a for op in ops for a in op.args if isinstance(a, Value))
    for param, result in zip(loop.params, loop.body.results, strict=True):
        node = next((op for op in ops if result in op.outs), None)
        if node is None or node.code != "add" or node.attr != ANY_ORDER:
            return False
        if param not in node.args or readers[param] != 1 or readers[result]:
            return False
    return True


class _Writer:
    """Writes the loops that take the place of one."""

    def __init__(self, loop: Loop, plan: _Plan, rows: list[Value]):
        self.loop = loop
        self.plan = plan
        terms = plan.terms()
        while len(rows) < len(terms):  # all loops share them: none of them is inside another
            rows.append(Value("row", BufferType(FLOAT)))
        self.rows = dict(zip(terms, rows, strict=False))
        self.b = Builder()
        self.b.location = loop.location
        self.first = Value("first", INT)

    def either(self) -> list[Node]:
        """Give a choice: a loop with few iterations stays as it is."""
        loop, b = self.loop, self.b
        up = loop.step == _UNIT[0]
        count = b.sub(*((loop.stop, loop.start) if up else (loop.start, loop.stop)))
        few = b.compare("lt", count, const(_FEW))
        plain = renamed_nodes(Region([loop], loop.outs), {}, {})
        outs = tuple(Value(o.name, o.type) for o in loop.outs)
        blocks = Region([self.run(outs)], outs)
        return [*b.region.nodes, If(few, plain, blocks, loop.outs, loop.location)]

    def run(self, outs: tuple[Value, ...] | None = None) -> Loop:
        """Give the loop over blocks."""
        loop, b = self.loop, self.b
        params = tuple(Value(p.name, p.type) for p in loop.params)
        with b.inside(Region()) as body:
            self.last = self.end()
            main = self.main(params)
            body.nodes.append(main)
            for k in range(max(map(len, self.plan.leaving.values()))):
                self.sums([sums[k] for sums in self.plan.leaving.values() if k < len(sums)])
            body.results = main.outs
        step = const(BLOCK * loop.step.value)
        fields = {"index": self.first, "step": step, "params": params, "body": body}
        return Loop(**{**vars(loop), **fields, "outs": loop.outs if outs is None else outs})

    def end(self) -> Operand:
        """Where a block ends."""
        loop, b = self.loop, self.b
        end = b.add(self.first, const(BLOCK * loop.step.value))
        inside = b.compare("lt" if loop.step == _UNIT[0] else "gt", end, loop.stop)
        return b.pure("select", inside, end, loop.stop, name="last")

    def place(self, index: Value) -> Operand:
        """Place of an iteration in the rows."""
        pair = (index, self.first) if self.loop.step == _UNIT[0] else (self.first, index)
        return self.b.sub(*pair)

    def main(self, inits: tuple[Value, ...]) -> Loop:
        """Write the loop itself, which leaves terms in rows."""
        loop, b = self.loop, self.b
        leaving = [op for sums in self.plan.leaving.values() for op in sums]
        with b.inside(Region(results=loop.body.results)) as body:
            body.nodes += [n for n in loop.body.nodes if n not in leaving]
            place = self.place(loop.index)
            for term, row in self.rows.items():
                b.effect("store", row, place, term)
        outs = tuple(Value(o.name, o.type) for o in loop.outs)
        fields = {"start": self.first, "stop": self.last, "inits": inits, "outs": outs}
        return Loop(**{**vars(loop), **fields, "body": body})

    def sums(self, ops: _Sums) -> None:
        """Write a loop that adds up one term for each buffer."""
        loop, b = self.loop, self.b
        index = Value(loop.index.name, INT)
        with b.inside(Region()) as body:
            place = self.place(index)
            for op in ops:
                b.location = op.location
                element = recomputed(b, loop, op.args[1], index)
                b.effect("accum", op.args[0], element, b.load(self.rows[op.args[2]], place))
        b.location = loop.location
        fields = {"index": index, "start": self.first, "stop": self.last, "body": body}
        fields |= {"params": (), "inits": (), "outs": ()}
        b.region.nodes.append(Loop(**{**vars(loop), **fields}))

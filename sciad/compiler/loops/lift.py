"""Memory of a fixed size leaves its loops: it is allocated once, before the first iteration.

A buffer belongs to the iteration that allocates it (nothing refers to it in the next one), so that
all iterations can use the same memory; zeros are written anew. This pass comes last, as to the
derivative passes a buffer of an iteration's own is simpler than one that is shared.
"""

from __future__ import annotations

from sciad.compiler.builder import Builder
from sciad.compiler.ir import (
    FLOAT,
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
    defined,
    walk,
)
from sciad.compiler.passes.analysis import copy_region

__all__ = ["lifted"]

_SIZES = frozenset(["add", "sub", "mul", "neg", "select", "lt", "le", "gt", "ge", "eq", "ne"])
_NONE = const(0)


def lifted(function: Function) -> Function:
    """Return a copy of a function (not of those it calls) with allocations before its loops."""
    body = copy_region(function.body)
    _region(body)
    return Function(function.name, function.params, body)


def _region(region: Region) -> None:
    nodes: list[Node] = []
    for node in region.nodes:
        if isinstance(node, If):
            _region(node.then)
            _region(node.orelse)
        elif isinstance(node, Loop):
            _region(node.body)
            nodes += _Lifter(node).run()
        nodes.append(node)
    region.nodes[:] = nodes


class _Lifter:
    """Takes the allocations out of one loop; `b` writes what goes before it."""

    def __init__(self, loop: Loop):
        self.loop = loop
        inner = (n for n in walk(loop.body))
        self.inside: set[Value] = {loop.index, *loop.params}.union(*map(defined, inner))
        ops = [n for n in loop.body.nodes if isinstance(n, Op) and len(n.outs) == 1]
        self.producer = {n.out: n for n in ops}
        self.b = Builder()

    def run(self) -> list[Node]:
        """Give the nodes that go before the loop."""
        kept: list[Node] = []
        for node in self.loop.body.nodes:
            if not isinstance(node, Op) or node.code != "alloc":
                kept.append(node)
                continue
            size = self.size(node)
            if size is None:
                kept.append(node)
                continue
            self.b.region.nodes.append(Op("alloc", (size,), node.outs, "empty", node.location))
            if node.attr == "zeros":
                kept.append(_cleared(node.out, size, node))
        self.loop.body.nodes[:] = kept
        return self.b.region.nodes

    def size(self, node: Op) -> Operand | None:
        """Size of a buffer if it is always the same; none if the loop does not run."""
        before = len(self.b.region.nodes)
        self.b.location = node.location
        found = self.invariant(node.args[0])
        if found is None:
            del self.b.region.nodes[before:]
            return None
        possible = self.b.compare("gt", found, _NONE)
        runs = self.b.pure("and", self.runs(), possible)
        return self.b.pure("select", runs, found, _NONE)

    def runs(self) -> Operand:
        """Whether there is an iteration at all."""
        loop = self.loop
        if loop.kind == "while":
            return loop.inits[0]
        up = self.b.compare("gt", loop.step, _NONE)
        forward = self.b.compare("lt", loop.start, loop.stop)
        return self.b.pure("select", up, forward, self.b.compare("gt", loop.start, loop.stop))

    def invariant(self, operand: Operand) -> Operand | None:
        """Give a size in terms of values from before the loop."""
        if isinstance(operand, Const) or operand not in self.inside:
            return operand
        node = self.producer.get(operand)
        if node is None or node.code not in _SIZES:
            return None
        args = [self.invariant(a) for a in node.args]
        return None if None in args else self.b.pure(node.code, *args, name=operand.name)


def _cleared(buffer: Value, size: Operand, node: Op) -> Loop:
    """Write the loop that fills a buffer with zeros."""
    index, body = Value("i", INT), Region()
    kind = buffer.type.element
    zero = const(0.0) if kind is FLOAT else const(0) if kind is INT else const(False)
    body.nodes.append(Op("store", (buffer, index, zero), (), None, node.location))
    start, step = const(0), const(1)
    return Loop("range", index, start, size, step, (), (), body, (), location=node.location)

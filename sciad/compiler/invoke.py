"""Calls that stay calls: functions of a program that are compiled on their own.

Most calls are inlined; a function that calls itself is a `Callee`, and the operation
``invoke(args...) attr=callee`` runs it. A callee's parameters are scalars and buffers (different
ones never overlap), its results are scalars. It may write to its buffers, fail, and use the tape of
its caller. Nothing about a callee depends on who calls it: passes keep one version of it for a
whole program, with whatever holds at any of the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sciad.compiler.ir import Function, If, Location, Loop, Op, Operand, Region, Value, walk

__all__ = [
    "Callee",
    "free_values",
    "groups",
    "invokes",
    "reachable",
    "sites",
    "unchanged",
    "uses_tape",
    "with_callees",
    "writes",
]


class Callee:
    """A function that is called; `function` is filled in when its body is known."""

    def __init__(self, name: str, location: Location | None = None):
        self.name = name
        self.location = location
        self.function: Any = None
        self.written: frozenset[int] | None = None

    def __repr__(self) -> str:
        return self.name

    def version(self, suffix: str) -> Callee:
        """Make an empty callee that is derived from this one."""
        return Callee(f"{self.name}_{suffix}", self.location)


def invokes(region: Region) -> Iterator[Op]:
    """All calls in a region."""
    for node in walk(region):
        if isinstance(node, Op) and node.code == "invoke":
            yield node


def reachable(function: Function) -> list[Callee]:
    """All callees of a program, in the order in which they are met."""
    found: dict[Callee, None] = {}
    front = [function]
    while front:
        for op in invokes(front.pop().body):
            if op.attr not in found:
                found[op.attr] = None
                front.append(op.attr.function)
    return list(found)


def sites(function: Function) -> list[tuple[Function, Op]]:
    """All calls of a program, each with the function it stands in."""
    bodies = [function, *(c.function for c in reachable(function))]
    return [(f, op) for f in bodies for op in invokes(f.body)]


def groups(function: Function) -> list[list[Callee]]:
    """Callees that call each other, together; a group comes after those it calls.

    R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1, 1972.
    """
    number: dict[Callee, int] = {}
    low: dict[Callee, int] = {}
    stack: list[Callee] = []
    found: list[list[Callee]] = []

    def visit(callee: Callee) -> None:
        number[callee] = low[callee] = len(number)
        stack.append(callee)
        for op in invokes(callee.function.body):
            other = op.attr
            if other not in number:
                visit(other)
                low[callee] = min(low[callee], low[other])
            elif other in stack:
                low[callee] = min(low[callee], number[other])
        if low[callee] == number[callee]:
            cut = stack.index(callee)
            found.append(stack[cut:])
            del stack[cut:]

    for callee in reachable(function):
        if callee not in number:
            visit(callee)
    return found


def _stored(function: Function) -> set[Operand]:
    """List the buffers that a function writes to itself."""
    ops = (n for n in walk(function.body) if isinstance(n, Op))
    return {op.args[0] for op in ops if op.code in ("store", "accum")}


def writes(callee: Callee) -> frozenset[int]:
    """Positions of the buffers that a call may write to."""
    if callee.written is None:
        callees = [callee, *reachable(callee.function)]
        found = {c: _stored(c.function) for c in callees}
        size = -1
        while size != sum(map(len, found.values())):
            size = sum(map(len, found.values()))
            for c in callees:
                for op in invokes(c.function.body):
                    inner = zip(op.args, op.attr.function.params, strict=True)
                    found[c] |= {a for a, p in inner if p in found[op.attr]}
        for c in callees:
            marked = (k for k, p in enumerate(c.function.params) if p in found[c])
            c.written = frozenset(marked)
    return callee.written  # type: ignore[return-value]


def unchanged(function: Function) -> set[Value]:
    """Buffer parameters of callees that are parameters of the program which nobody writes to."""
    calls = sites(function)
    written: set[Operand] = set()
    for f in {id(f): f for f, _ in calls}.values():
        written |= _stored(f)
    for _, op in calls:
        written |= _stored(op.attr.function)
        written |= {op.args[k] for k in writes(op.attr)}
    fixed = {p for p in function.params if p not in written}
    pairs = [pair for _, op in calls for pair in zip(op.attr.function.params, op.args, strict=True)]
    found = {p for p, _ in pairs if hasattr(p.type, "element") and p not in written}
    while True:
        lost = {p for p, a in pairs if p in found and a not in fixed and a not in found}
        if not lost:
            return found
        found -= lost


def uses_tape(function: Function) -> bool:
    """Whether a program, callees included, pushes or pops frames."""
    bodies = [function, *(c.function for c in reachable(function))]
    ops = (n for f in bodies for n in walk(f.body) if isinstance(n, Op))
    return any(op.code in ("push", "pop") for op in ops)


def with_callees(function: Function, transform: Callable[[Function], Function]) -> Function:
    """Apply a pass to a program and to all its callees; the pass has to copy the calls."""
    new = {c: Callee(c.name, c.location) for c in reachable(function)}
    made = transform(function)
    for old, callee in new.items():
        callee.function = transform(old.function)
    for f in (made, *(c.function for c in new.values())):
        for op in invokes(f.body):
            op.attr = new[op.attr]
    return made


def free_values(function: Function) -> list[Value]:
    """Values that a function reads and does not define, in the order of their making."""
    used: set[Operand] = set(function.results)
    own: set[Value] = set(function.params)
    for node in walk(function.body):
        own.update(_made(node))
        used.update(_read(node))
    return sorted(
        (v for v in used if isinstance(v, Value) and v not in own), key=lambda v: v.serial
    )


def _made(node: Any) -> Iterable[Value]:
    if isinstance(node, Loop):
        trips = () if node.trips is None else (node.trips,)
        return (node.index, *node.params, *node.outs, *trips)
    return node.outs


def _read(node: Any) -> Iterable[Operand]:
    if isinstance(node, Op):
        return node.args
    if isinstance(node, If):
        return (node.condition, *node.then.results, *node.orelse.results)
    until = () if node.until is None else (node.until,)
    ends = (node.start, node.stop, node.step)
    return (*ends, *node.inits, *node.body.results, *until)

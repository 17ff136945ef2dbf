"""What the derivative passes need to know about a program: places, writes and activity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sciad.compiler.invoke import reachable, writes
from sciad.compiler.ir import (
    FLOAT,
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
    defined,
    walk,
)

__all__ = ["Places", "copy_region", "is_float", "reads_of", "varied"]

_NO_DERIVATIVE = frozenset(
    [
        "floordiv",
        "stop",
        "lt",
        "le",
        "gt",
        "ge",
        "eq",
        "ne",
        "and",
        "or",
        "not",
        "float",
        "int",
        "alloc",
        "table",
        "check",
        "push",
        "pop",
    ]
)


def is_float(operand: Operand) -> bool:
    """Whether a value can carry a derivative: a float or a buffer of floats."""
    kind = operand.type
    return kind is FLOAT or (isinstance(kind, BufferType) and kind.element is FLOAT)


def copy_region(region: Region) -> Region:
    """Copy the nodes (not the values) so that a pass may add to them."""
    return Region([_copy_node(n) for n in region.nodes], region.results)


def _copy_node(node: Node) -> Node:
    if isinstance(node, Op):
        return Op(node.code, node.args, node.outs, node.attr, node.location)
    if isinstance(node, If):
        then, orelse = copy_region(node.then), copy_region(node.orelse)
        return If(node.condition, then, orelse, node.outs, node.location)
    fields = {**vars(node), "body": copy_region(node.body)}
    return Loop(**fields)


class Places:
    """Where values are defined and where buffers are written, for one function.

    `home[value]` is the region a value belongs to (of a loop's index and parameters: its body),
    `producer[value]` the node that defines it (absent for the function's parameters),
    `owner[region]` the pair (node, region around it); the outermost region has none.
    """

    def __init__(self, function: Function):
        self.top = function.body
        self.home: dict[Value, Region] = dict.fromkeys(function.params, function.body)
        self.producer: dict[Value, Any] = {}
        self.owner: dict[int, tuple[Node, Region]] = {}
        self._order: dict[int, float] = {}
        self._writes: dict[Value, list[tuple[float, tuple[Loop, ...], Region]]] = {}
        self._roots: set[int] = set()
        self._entered: list[Region | Node] = []  # kept, so that an id stays that of one thing
        self.enter_root(function.body)

    def enter_root(self, region: Region, without: frozenset[int] = frozenset()) -> None:
        """Enter code that runs by itself: the program, or a copy of a part that is run again.

        Some stores (by `id`) are not executed in the copy and do not count as writes.
        """
        self._roots.add(id(region))
        self._without = without
        self._enter(region)

    def detach(self, loop: Loop) -> None:
        """Let the body of a loop be code that runs by itself: what it computes is there."""
        body = loop.body
        del self.owner[id(body)]
        self._roots.add(id(body))
        for known in self._writes.values():
            inside = [(order, around) for order, around, _ in known if loop in around]
            known += [(order, around[: around.index(loop)], body) for order, around in inside]

    def is_root(self, region: Region) -> bool:
        """Whether the values of a region are in scope wherever its mirror is."""
        return id(region) in self._roots

    def root(self, region: Region) -> Region:
        """Find the outermost region around a region."""
        for _, outer in self.around(region):
            region = outer
        return region

    def _enter(self, region: Region) -> None:
        self._entered += (region, *region.nodes)
        for node in region.nodes:
            self._order[id(node)] = len(self._order)
            for value in defined(node):
                self.home[value], self.producer[value] = region, node
            if isinstance(node, Op):
                if node.code in ("store", "accum", "linalg") and id(node) not in self._without:
                    place = self._order[id(node)], self.loops(region), self.root(region)
                    self._writes.setdefault(node.args[0], []).append(place)
                elif node.code == "invoke":
                    place = self._order[id(node)], self.loops(region), self.root(region)
                    for k in writes(node.attr):
                        self._writes.setdefault(node.args[k], []).append(place)
                continue
            inner = (node.then, node.orelse) if isinstance(node, If) else (node.body,)
            if isinstance(node, Loop):
                for value in (node.index, *node.params):
                    self.home[value], self.producer[value] = node.body, node
            for child in inner:
                self.owner[id(child)] = (node, region)
                self._enter(child)

    def define(self, value: Value, node: Node, region: Region) -> None:
        """Record a value that a pass adds to a node, or one of a node added to a region's end."""
        self.home[value], self.producer[value] = region, node
        if id(node) not in self._order:
            known = [self._order[id(n)] for n in walk(region) if id(n) in self._order]
            self._order[id(node)] = max(known, default=-1) + 0.5

    def position(self, value: Value) -> tuple[float, int]:
        """Where a value is made, for sorting in the order of the program."""
        node = self.producer.get(value)  # parameters have none
        return -1 if node is None else self._order[id(node)], value.serial

    def around(self, region: Region) -> Iterator[tuple[Node, Region]]:
        """Nodes that contain a region, innermost first, each with the region it stands in."""
        while id(region) in self.owner:
            node, region = self.owner[id(region)]
            yield node, region

    def loops(self, region: Region) -> tuple[Loop, ...]:
        """Loops around a region, innermost first."""
        return tuple(node for node, _ in self.around(region) if isinstance(node, Loop))

    def written_after(self, load: Op) -> bool:
        """Whether the element that `load` reads may be overwritten once the load has run."""
        return self.overwritten_after(load, load.args[0])

    def overwritten_after(self, node: Op, buffer: Value) -> bool:
        """Whether a buffer may be written to once a node has run."""
        position = self._order[id(node)]
        home = self.home[node.out]
        loops, root = self.loops(home), self.root(home)
        return any(
            mine is root and (order > position or any(loop in loops for loop in around))
            for order, around, mine in self._writes.get(buffer, ())
        )

    def written_beside(self, loop: Loop, buffer: Value) -> bool:
        """Whether code outside a loop may write to a buffer once the loop has run."""
        loops, root = self.loops(loop.body), self.root(loop.body)
        return any(
            mine is root
            and loop not in around
            and (order > self._order[id(loop)] or any(outer in loops for outer in around))
            for order, around, mine in self._writes.get(buffer, ())
        )


def reads_of(node: Op, tainted: set[Value]) -> bool:
    """Whether the derivative of an operation with respect to a tainted operand can be nonzero."""
    if node.code in _NO_DERIVATIVE:
        return False
    args = node.args[:1] if node.code == "load" else node.args
    return any(a in tainted for a in args if isinstance(a, Value))


def varied(function: Function, active: Iterable[Value]) -> set[Value]:
    """Values and buffers that depend differentiably on the active parameters.

    Buffers are judged as a whole and without regard to order, loops until nothing changes; the
    values of a callee by all its calls together.
    """
    found = {v for v in active if is_float(v)}
    slots: dict[object, list[bool]] = {}
    bodies = [function.body, *(c.function.body for c in reachable(function))]
    while True:
        before = len(found), sum(map(sum, slots.values()))
        for node in (n for body in bodies for n in walk(body)):
            _spread(node, found, slots)
        if before == (len(found), sum(map(sum, slots.values()))):
            return found


def _spread(node: Node, found: set[Value], slots: dict[object, list[bool]]) -> None:
    if isinstance(node, Op):
        if node.code in ("store", "accum"):
            if node.args[2] in found:
                found.add(node.args[0])
        elif node.code == "linalg":
            if node.args[1] in found:
                found.add(node.args[0])
        elif node.code == "push":
            flags = slots.setdefault(node.attr, [False] * len(node.args))
            slots[node.attr] = [f or a in found for f, a in zip(flags, node.args, strict=True)]
        elif node.code == "pop":
            flags = slots.get(node.attr, [False] * len(node.outs))
            found.update(o for o, f in zip(node.outs, flags, strict=True) if f)
        elif node.code == "invoke":
            _spread_call(node, found)
        elif reads_of(node, found):
            found.update(o for o in node.outs if is_float(o))
        return
    if isinstance(node, If):
        joins = zip(node.outs, node.then.results, node.orelse.results, strict=True)
        found.update(out for out, *sources in joins if _any(found, sources))
        return
    for param, init, after, out in zip(
        node.params, node.inits, node.body.results, node.outs, strict=True
    ):
        if _any(found, (param, init, after)):
            found.update((param, out))


def _spread_call(node: Op, found: set[Value]) -> None:
    callee = node.attr.function
    for arg, param in zip(node.args, callee.params, strict=True):
        if arg in found and is_float(param):
            found.add(param)
        elif param in found and isinstance(param.type, BufferType):
            found.add(arg)
    joins = zip(node.outs, callee.results, strict=True)
    found.update(out for out, result in joins if result in found and is_float(out))


def _any(found: set[Value], operands: Iterable[Operand]) -> bool:
    return any(o in found for o in operands if not isinstance(o, Const))

"""Index checks leave their loops.

A check in a counted loop that every iteration reaches fails in some iteration exactly if it fails
at the largest (or smallest) index, provided that what it compares is a loop index plus something
that does not change. Such a check is made once, before the loop, for the extreme index: the loop
itself is left without exits and is as fast as one that checks nothing.

No sum is made that could exceed 64 bits, as a wrapped one would let a wrong index pass.

Only `IndexError` checks move, and only past checks that stand for nothing else (an
`OverflowError` would not have happened in Python), so that the exception stays the same. Loops that
may be left early keep their checks.
"""

from __future__ import annotations

from collections.abc import Mapping

from sciad.compiler.builder import Builder
from sciad.compiler.ir import (
    INT,
    Const,
    Function,
    If,
    Loop,
    Op,
    Operand,
    Region,
    Value,
    const,
    walk,
)

__all__ = ["hoist"]

_MOVING = ("IndexError",)
_PASSED = ("IndexError", "OverflowError")
_INVARIANT = frozenset(
    ["add", "sub", "mul", "neg", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "select"]
)
_STEP_BITS = 20
_FLIPPED = {"gt": "lt", "ge": "le"}


def hoist(function: Function, bits: Mapping[Value, int]) -> Function:
    """Move index checks out of loops, in place; `bits` bounds the magnitude of some integers."""
    _region(function.body, _Sizes(function, bits))
    return function


class _Sizes:
    """Numbers of bits in which integers fit: sums that might exceed 63 are not made here."""

    def __init__(self, function: Function, bits: Mapping[Value, int]):
        self.known = dict(bits)
        self.producer: dict[Value, Op | Loop] = {}
        for node in walk(function.body):
            if isinstance(node, Loop):
                self.producer[node.index] = node
            elif isinstance(node, Op) and len(node.outs) == 1:
                self.producer[node.outs[0]] = node

    def of(self, x: Operand) -> int:
        """Bits of an integer, 64 if nothing is known."""
        if isinstance(x, Const):
            return int(x.value).bit_length()
        if x not in self.known:
            self.known[x] = 64
            self.known[x] = min(64, self.made(self.producer.get(x)))
        return self.known[x]

    def made(self, node: Op | Loop | None) -> int:
        if isinstance(node, Loop):
            return max(self.of(node.start), self.of(node.stop)) if node.kind == "range" else 64
        if node is None or node.code not in ("add", "sub", "mul", "neg", "select"):
            return 64
        sizes = [self.of(a) for a in node.args[node.code == "select" :]]
        return {"mul": sum(sizes), "select": max(sizes)}.get(node.code, max(sizes) + 1)

    def safe(self, node: Op) -> bool:
        """Whether a sum fits into 63 bits, or adds a small constant to an integer."""
        small = min(map(self.of, node.args)) <= _STEP_BITS
        return self.of(node.outs[0]) < 63 or (
            small and any(isinstance(a, Const) for a in node.args)
        )


def _region(region: Region, sizes: _Sizes) -> None:
    nodes: list = []
    for node in region.nodes:
        if isinstance(node, If):
            _region(node.then, sizes)
            _region(node.orelse, sizes)
        elif isinstance(node, Loop):
            _region(node.body, sizes)
            if node.kind == "range" and node.until is None and isinstance(node.step, Const):
                nodes += _Hoister(node, sizes).run()
        nodes.append(node)
    region.nodes[:] = nodes


class _Hoister:
    """Finds what can leave one loop; `b` writes what goes before it."""

    def __init__(self, loop: Loop, sizes: _Sizes):
        self.loop = loop
        self.sizes = sizes
        self.b = Builder()
        inner = [v for node in loop.body.nodes for v in node.outs]
        trips = [n.trips for n in loop.body.nodes if isinstance(n, Loop) and n.trips is not None]
        self.inside: set[Value] = {loop.index, *loop.params, *inner, *trips}
        ops = (n for n in loop.body.nodes if isinstance(n, Op) and len(n.outs) == 1)
        self.producer = {n.outs[0]: n for n in ops}
        self.lifted: dict[Value, Operand | None] = {}

    def run(self) -> list:
        """Take checks out of the loop's body; give the nodes that go before the loop."""
        ops = [n for n in walk(self.loop.body) if isinstance(n, Op)]
        checks = [n for n in ops if n.code == "check"]
        if any(n.code == "invoke" for n in ops):  # which may fail with another exception
            return []
        if not checks or not all(n.attr.exception in _PASSED for n in checks):
            return []
        kept = []
        for node in self.loop.body.nodes:
            if not (isinstance(node, Op) and node.code == "check" and self.moved(node)):
                kept.append(node)
        self.loop.body.nodes[:] = kept
        return self.b.region.nodes

    def moved(self, node: Op) -> bool:
        """Check before the loop, if that is possible."""
        if node.attr.exception not in _MOVING:
            return False
        before = len(self.b.region.nodes)
        self.b.location = node.location
        condition = self.always(node.args[0])
        if condition is None:
            del self.b.region.nodes[before:]
            self.lifted.clear()
            return False
        code = "ge" if self.loop.step.value > 0 else "le"
        empty = self.b.compare(code, self.loop.start, self.loop.stop)
        self.b.check(self.b.pure("or", empty, condition), node.attr)
        return True

    # -- conditions ----------------------------------------------------------------------------
    def always(self, condition: Operand) -> Operand | None:
        """Condition, in terms of values before the loop, that another one holds in every turn."""
        outside = self.invariant(condition)
        if outside is not None:
            return outside
        node = self.producer.get(condition)
        if node is None:
            return None
        if node.code == "and":
            pair = [self.always(a) for a in node.args]
            return None if None in pair else self.b.pure("and", *pair)
        if node.code == "or":
            return self.either(*node.args)
        counted = self.from_the_end(node)
        if counted is not None:
            index, n = counted
            if node.code == "lt":
                return self.ordered("lt", index, n)
            length = self.invariant(n)
            return None if length is None else self.ordered("le", self.b.neg(length), index)
        if node.code in ("lt", "le"):
            return self.ordered(node.code, *node.args)
        if node.code in _FLIPPED:
            return self.ordered(_FLIPPED[node.code], *node.args[::-1])
        return None

    def either(self, x: Operand, y: Operand) -> Operand | None:
        """Condition that one of two holds in every turn, where one of them does not change."""
        fixed = self.invariant(x)
        other = self.always(x if fixed is None else y)
        fixed = self.invariant(y) if fixed is None else fixed
        return None if fixed is None or other is None else self.b.pure("or", fixed, other)

    def from_the_end(self, node: Op) -> tuple[Operand, Operand] | None:
        """Give (index, n) of a comparison `(index + n if index < 0 else index) < n` or `>= 0`."""
        choice = self.producer.get(node.args[0]) if node.code in ("lt", "ge") else None
        if choice is None or choice.code != "select":
            return None
        test, moved, index = choice.args
        sign, total = self.producer.get(test), self.producer.get(moved)
        if sign is None or total is None or index not in total.args or total.code != "add":
            return None
        n = total.args[total.args[0] is index]
        bound = n if node.code == "lt" else const(0)
        if sign.code != "lt" or sign.args != (index, const(0)) or node.args[1] != bound:
            return None
        return index, n

    def ordered(self, code: str, small: Operand, large: Operand) -> Operand | None:
        """Condition that small < large (or <=) in every turn, where one of them changes."""
        if small.type is not INT or large.type is not INT:
            return None
        fixed = self.invariant(small), self.invariant(large)
        most = self.extreme(small, True) if fixed[0] is None else fixed[0]
        least = self.extreme(large, False) if fixed[1] is None else fixed[1]
        if most is None or least is None or fixed == (None, None):
            return None
        return self.b.compare(code, most, least)

    def extreme(self, operand: Operand, largest: bool) -> Operand | None:
        """Largest or smallest value of an index plus something fixed."""
        if operand is self.loop.index:
            return self.last() if largest == (self.loop.step.value > 0) else self.loop.start
        node = self.producer.get(operand)
        if node is not None and node.code == "neg":
            moving = self.extreme(node.args[0], not largest)
            return None if moving is None else self.b.neg(moving)
        if node is None or node.code not in ("add", "sub") or not self.sizes.safe(node):
            return None
        x, y = node.args
        fixed = self.invariant(y)
        if fixed is not None:
            moving = self.extreme(x, largest)
            return None if moving is None else self.b.pure(node.code, moving, fixed)
        fixed = self.invariant(x)
        if fixed is None:
            return None
        moving = self.extreme(y, largest == (node.code == "add"))
        return None if moving is None else self.b.pure(node.code, fixed, moving)

    def last(self) -> Operand:
        """Index of the last turn of a loop that runs."""
        b, start, stop, step = self.b, self.loop.start, self.loop.stop, int(self.loop.step.value)
        sign = 1 if step > 0 else -1
        end = b.sub(stop, const(sign))
        if abs(step) == 1:
            return end
        turns = b.pure("floordiv", b.sub(end, start), const(step))
        return b.add(start, b.mul(turns, const(step)))

    def invariant(self, operand: Operand) -> Operand | None:
        """Give a value that does not change in the loop, computed before it if necessary."""
        if isinstance(operand, Const) or operand not in self.inside:
            return operand
        if operand not in self.lifted:
            self.lifted[operand] = self.computed(operand)
        return self.lifted[operand]

    def computed(self, operand: Value) -> Operand | None:
        node = self.producer.get(operand)
        if node is None or node.code not in _INVARIANT:
            return None
        args = [self.invariant(a) for a in node.args]
        if any(a is None for a in args):
            return None
        return self.b.pure(node.code, *args, name=operand.name)

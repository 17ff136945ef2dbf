"""How an index depends on the index of the loop around it.

``base + i + 1`` moves by one element in each iteration. What does not change in the loop is the
same if it is the same value, or the same operation on the same values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from sciad.compiler.builder import Builder
from sciad.compiler.ir import Const, Loop, Op, Operand, Region, Value, defined, walk

__all__ = ["Affine", "Moving", "producers", "recomputed"]

_PURE = frozenset(["add", "sub", "mul", "neg", "select", "floordiv", "mod"])
_PURE |= {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"}


@dataclass(frozen=True)
class Affine:
    """A sum: `slope` times a loop's index, a number, and terms that do not change."""

    slope: int
    number: int
    terms: frozenset[tuple[Hashable, int]]

    def shifted(self, steps: int) -> Affine:
        """Give the same sum at an index that is larger by `steps`."""
        return Affine(self.slope, self.number + steps * self.slope, self.terms)

    def minus(self, other: Affine, times: int = 1) -> Affine:
        """Give the difference to another sum, or to so many times it."""
        terms = Counter(dict(self.terms))
        for key, n in other.terms:
            terms[key] -= times * n
        slope, number = self.slope - times * other.slope, self.number - times * other.number
        return Affine(slope, number, frozenset((key, n) for key, n in terms.items() if n))

    def at(self, index: Affine) -> int | None:
        """Give the sum at an index, if it is a known number."""
        found = Affine(0, self.number, self.terms).minus(index, -self.slope)
        return None if found.terms or found.slope else found.number


def producers(region: Region) -> dict[Value, Op]:
    """Operations that make one value each."""
    ops = (n for n in walk(region) if isinstance(n, Op) and len(n.outs) == 1)
    return {n.out: n for n in ops}


class Moving:
    """Integers of a loop's body in terms of its index.

    Parameters
    ----------
    loop : Loop
        The loop.
    producer : dict, optional
        Operations that make values from outside, to see through them.
    """

    def __init__(self, loop: Loop, producer: Mapping[Value, Op] | None = None):
        self.index = loop.index
        inside = list(walk(loop.body))
        self.producer = producers(loop.body) if producer is None else producer
        self.changing: set[Value] = {loop.index, *loop.params}.union(*map(defined, inside))
        for node in inside:
            if isinstance(node, Loop):
                self.changing.update((node.index, *node.params))

    def key(self, operand: Operand) -> Hashable | None:
        """Name what does not change in the loop; None for what may change."""
        if isinstance(operand, Const) or operand not in self.changing:
            return operand
        node = self.producer.get(operand)
        if node is None or node.code not in _PURE:
            return None
        keys = tuple(map(self.key, node.args))
        return None if None in keys else (node.code, keys)

    def affine(self, operand: Operand) -> Affine | None:
        """Write an integer as a sum; None if it is none."""
        terms: Counter[Hashable] = Counter()
        found = self._collect(operand, 1, terms)
        if found is None:
            return None
        return Affine(*found, frozenset((key, n) for key, n in terms.items() if n))

    def _collect(
        self, operand: Operand, factor: int, terms: Counter[Hashable]
    ) -> tuple[int, int] | None:
        """Give slope and number, and add what else there is to the terms."""
        if isinstance(operand, Const):
            return 0, factor * int(operand.value)
        if operand is self.index:
            return factor, 0
        node = self.producer.get(operand)
        if node is not None and node.code in ("add", "sub"):
            x = self._collect(node.args[0], factor, terms)
            y = self._collect(node.args[1], -factor if node.code == "sub" else factor, terms)
            return None if x is None or y is None else (x[0] + y[0], x[1] + y[1])
        if node is not None and node.code == "neg":
            return self._collect(node.args[0], -factor, terms)
        if node is not None and node.code == "mul" and isinstance(node.args[1], Const):
            return self._collect(node.args[0], factor * int(node.args[1].value), terms)
        key = self.key(operand)
        if key is None:
            return None
        terms[key] += factor
        return 0, 0


def recomputed(b: Builder, loop: Loop, operand: Operand, index: Operand) -> Operand:
    """Compute an integer of a loop's body for another index, where it is a sum (see `Moving`)."""
    if operand is loop.index:
        return index
    if isinstance(operand, Const):
        return operand
    node = next((n for n in loop.body.nodes if isinstance(n, Op) and operand in n.outs), None)
    if node is None:
        return operand
    args = [recomputed(b, loop, a, index) for a in node.args]
    return b.pure(node.code, *args, attr=node.attr, name=operand.name)

"""What is known of integers while a program is lowered: their signs, and which is below which.

An integer is a value plus a constant (`low.offsets`); of a value it is known between which others
it lies (`low.bounds`: the index of a loop, a length), or that it is one of two, with the condition
that decides (`low.choices`: `i - 1 if i > 0 else n - 1`). Each of the two is judged in the light of
the condition. What a `while` loop carries satisfies its condition whenever the body begins
(`low.facts`), and in a branch the branch's condition holds (`low.assumed`). An index of which
enough is known needs no check.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sciad.compiler.front.values import Object
from sciad.compiler.ir import INT, Const, Operand, Value

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "Facts",
    "affine",
    "below",
    "is_inside",
    "learn",
    "limit_of",
    "nonnegative",
    "starts_at_zero",
]

#: A value (None: zero) and what is added to it.
Place = tuple[Value | None, int]
_DEPTH = 5
_ORDER = {"lt": (0, 1, -1), "le": (0, 1, 0), "gt": (1, 0, -1), "ge": (1, 0, 0)}
_COMPARED = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
_OPPOSITE = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}


@dataclass
class Facts:
    """Integers that some values are at least, or at most, because a condition holds."""

    least: dict[Value, list[Place]] = field(default_factory=dict)
    most: dict[Value, list[Place]] = field(default_factory=dict)

    def ordered(self, x: Place, y: Place, more: int) -> None:
        """Note that x <= y + more."""
        if x[0] is not None:
            self.most.setdefault(x[0], []).append((y[0], y[1] + more - x[1]))
        if y[0] is not None:
            self.least.setdefault(y[0], []).append((x[0], x[1] - more - y[1]))

    def copy(self) -> Facts:
        """Make facts that others can be added to."""
        least = {v: list(known) for v, known in self.least.items()}
        return Facts(least, {v: list(known) for v, known in self.most.items()})


def learn(low: Lowering, test: ast.expr, carried: Collection[Value]) -> None:
    """Take in the condition of a `while` loop, for the integers that the loop carries.

    A condition that calls something, or assigns, may change them after it has compared them.
    """
    if not all(_harmless(low, node) for node in ast.walk(test)):
        return
    parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    found = Facts()
    for part in parts:
        if isinstance(part, ast.Compare) and len(part.ops) == 1:
            p, q = (_place(low, x) for x in (part.left, part.comparators[0]))
            order = _COMPARED.get(type(part.ops[0]))
            if p is not None and q is not None and order is not None:
                x, y, more = _ORDER[order]
                found.ordered((p, q)[x], (p, q)[y], more)
    for value in carried:
        low.facts.least.setdefault(value, []).extend(found.least.get(value, ()))
        low.facts.most.setdefault(value, []).extend(found.most.get(value, ()))


def _harmless(low: Lowering, node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else None
        known = None if name is None else low.known(name)
        return isinstance(known, Object) and known.value is len
    return not isinstance(node, ast.NamedExpr)


def _place(low: Lowering, node: ast.expr) -> Place | None:
    """Take a name or a literal, or a sum of the two, as an integer that is known."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return None, node.value
    if isinstance(node, ast.Name):
        value = low.env.get((low.frame.serial, node.id))
        known = isinstance(value, Const | Value) and value.type is INT
        return affine(low, value) if known else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        x, y = _place(low, node.left), _place(low, node.right)
        if x is not None and y is not None and y[0] is None:
            return x[0], x[1] + (y[1] if isinstance(node.op, ast.Add) else -y[1])
    return None


def affine(low: Lowering, x: Operand) -> Place:
    """Take an integer as a value plus a constant."""
    if isinstance(x, Const):
        return None, int(x.value)
    return low.offsets.get(x, (x, 0))


def starts_at_zero(low: Lowering, start: Operand) -> bool:
    """Whether an integer is known to be at least 0."""
    return nonnegative(low, affine(low, start))


def is_inside(low: Lowering, index: Operand, n: Operand) -> bool:
    """Whether 0 <= index < n is known."""
    place = affine(low, index)
    return nonnegative(low, place) and below(low, place, affine(low, n))


def nonnegative(low: Lowering, x: Place, facts: Facts | None = None, depth: int = _DEPTH) -> bool:
    """Whether x >= 0 is known."""
    base, shift = x
    facts = _assumed(low) if facts is None else facts
    if base is None:
        return shift >= 0
    if not depth:
        return False
    known = [*facts.least.get(base, ()), *low.facts.least.get(base, ())]
    if base in low.bounds:
        known.append(affine(low, low.bounds[base][0]))
    if any(nonnegative(low, (v, shift + more), facts, depth - 1) for v, more in known):
        return True
    arms = _arms(low, base, facts)
    return bool(arms) and all(
        nonnegative(low, (v, shift + more), there, depth - 1) for (v, more), there in arms
    )


def below(
    low: Lowering, x: Place, n: Place, facts: Facts | None = None, depth: int = _DEPTH
) -> bool:
    """Whether x < n is known."""
    base, shift = x
    facts = _assumed(low) if facts is None else facts
    if base is n[0]:
        return shift < n[1]
    if base is None:
        return nonnegative(low, (n[0], n[1] - shift - 1), facts, depth)
    if not depth:
        return False
    known = [*facts.most.get(base, ()), *low.facts.most.get(base, ())]
    if base in low.bounds:
        stop, more = affine(low, low.bounds[base][1])
        known.append((stop, more - 1))
    if any(below(low, (v, shift + more), n, facts, depth - 1) for v, more in known):
        return True
    arms = _arms(low, base, facts)
    return bool(arms) and all(
        below(low, (v, shift + more), n, there, depth - 1) for (v, more), there in arms
    )


def _assumed(low: Lowering) -> Facts:
    """Collect what the conditions of the branches around say."""
    facts = Facts()
    for test, holds in low.assumed:
        _learn(low, test, holds, facts)
    return facts


def limit_of(low: Lowering, index: Operand) -> Value | None:
    """Find a length that an index which is one of two is certainly below."""
    base, _ = affine(low, index)
    if base is None or base not in low.choices:
        return None
    arms = [affine(low, arm)[0] for arm in low.choices[base][1:]]
    stops = [affine(low, low.bounds[v][1])[0] for v in arms if v in low.bounds]
    ends = [v for v in (*arms, *stops) if v is not None]
    return next((v for v in ends if below(low, affine(low, index), (v, 0))), None)


def _arms(low: Lowering, value: Value, facts: Facts) -> list[tuple[Place, Facts]]:
    """Give the two integers that a value may be, with what is known if it is."""
    if value not in low.choices:
        return []
    test, *arms = low.choices[value]
    found = []
    for arm, holds in zip(arms, (True, False), strict=True):
        there = facts.copy()
        _learn(low, test, holds, there)
        found.append((affine(low, arm), there))
    return found


def _learn(low: Lowering, test: Operand, holds: bool, facts: Facts) -> None:
    """Add what a condition says about integers."""
    node = None if isinstance(test, Const) else low.b.made.get(test)
    if node is None:
        return
    if node.code == ("and" if holds else "or"):
        for part in node.args:
            _learn(low, part, holds, facts)
    if node.code == "not":
        _learn(low, node.args[0], not holds, facts)
    if node.code not in _OPPOSITE or any(a.type is not INT for a in node.args):
        return
    p, q = (affine(low, a) for a in node.args)
    for base, _ in (p, q):
        if base is not None and base in low.bounds:  # it exists, so there is room for it
            start, stop = (affine(low, end) for end in low.bounds[base])
            facts.ordered(start, stop, -1)
    code = node.code if holds else _OPPOSITE[node.code]
    if code in _ORDER:
        x, y, more = _ORDER[code]
        facts.ordered((p, q)[x], (p, q)[y], more)
    elif code == "eq":
        facts.ordered(p, q, 0)
        facts.ordered(q, p, 0)
    else:
        _different(low, p, q, facts)


def _different(low: Lowering, x: Place, y: Place, facts: Facts) -> None:
    """Learn from x != y: the end of an interval is not in it."""
    for one, other in ((x, y), (y, x)):
        beyond = other[0], other[1] + 1
        if below(low, one, beyond, facts):
            facts.ordered(one, other, -1)

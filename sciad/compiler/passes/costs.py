"""What operations cost, roughly: for decisions between storing and computing again.

The unit is a float addition. An elementary function is dearer than a slot of the tape (a store and
a load), a slot is dearer than arithmetic. A slot that is taken and given back within one iteration
of an outer loop stays in the fast caches, unless loops inside each other take slots meanwhile; one
that waits for the end of the loop does not. Loops
count as if they ran `TRIPS` times, branches as if each side were taken half the time.
"""

from __future__ import annotations

from collections.abc import Iterator

from sciad.compiler.ir import FLOAT, INT, Const, Function, If, Loop, Op, Region

__all__ = ["SLOT", "TRIPS", "cost_of", "estimate"]

SLOT = 12
TRIPS = 8
_COLD = 2.0
_FEW = 1
_DIVISION = 8
_INTEGER_DIVISION = 25
_CALL = 60
_SMALL_POWER = 3
_CODES = {"load": 3, "store": 3, "accum": 6, "alloc": 100, "div": _DIVISION, "check": 1}
_CALLS = {
    "fabs": 1,
    "abs": 1,
    "sqrt": 12,
    "copysign": 2,
    "isnan": 1,
    "isfinite": 1,
    "isinf": 1,
    "floor": 3,
    "ceil": 3,
    "trunc": 3,
    "sign": 3,
    "minimum": 2,
    "maximum": 2,
}


def cost_of(node: Op) -> int:
    """Time an operation takes."""
    if node.code in ("mod", "floordiv"):
        constant = isinstance(node.args[1], Const)
        return _DIVISION if node.outs[0].type is INT and constant else _INTEGER_DIVISION
    if node.code == "call":
        return _CALLS.get(node.attr[1], _CALL)
    if node.code == "pow":
        exponent = node.args[1]
        small = isinstance(exponent, Const) and exponent.value in (2, 3)
        return _SMALL_POWER if small and node.outs[0].type in (FLOAT, INT) else _CALL
    return _CODES.get(node.code, 1)


def estimate(function: Function) -> float:
    """Time a program takes."""
    ops = list(_weighted(function.body, 1.0, ()))
    popped = {op.attr: loops for op, _, loops in ops if op.code == "pop"}
    total = 0.0
    for op, weight, loops in ops:
        if op.code == "push":
            shared = [loop for loop in loops if loop in popped.get(op.attr, ())]
            warm = shared and len(loops) - len(shared) <= _FEW
            total += weight * SLOT * len(op.args) * (1.0 if warm else _COLD)
        elif op.code != "pop":
            total += weight * cost_of(op)
    return total


def _weighted(
    region: Region, weight: float, loops: tuple[Loop, ...]
) -> Iterator[tuple[Op, float, tuple[Loop, ...]]]:
    """Operations, how often they run, and the loops around them."""
    for node in region.nodes:
        if isinstance(node, Op):
            yield node, weight, loops
        elif isinstance(node, If):
            yield from _weighted(node.then, 0.5 * weight, loops)
            yield from _weighted(node.orelse, 0.5 * weight, loops)
        else:
            yield from _weighted(node.body, TRIPS * weight, (*loops, node))

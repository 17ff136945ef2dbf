"""Loops that search: `if f(k) < best: best = f(k)`, for the nearest point or the largest term.

Of all iterations, only the one that set the carried value last has a cotangent: that of the value.
If nothing else is differentiated in the loop, its reversal is that one iteration. The loop notes
which one it was (`carry`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sciad.compiler.ir import (
    INT,
    Const,
    Loop,
    Op,
    Operand,
    Region,
    Value,
    defined,
    operands,
    walk,
)
from sciad.compiler.passes.analysis import Places

__all__ = ["Search", "carry", "search"]

_MEMORY = frozenset(["push", "pop", "invoke", "linalg", "alloc", "table"])


@dataclass(frozen=True)
class Search:
    """What the parameter `k` of a loop is: `picked` in iterations that satisfy `test`.

    With `otherwise`, it is the other way round: picked unless the test holds.
    """

    k: int
    test: Operand
    picked: Operand
    otherwise: bool

    def note(self, places: Places, loop: Loop) -> Value:
        """Let the loop hand out the index of the iteration that counts, its `stop` if none does."""
        at = Value("at", INT)
        pair = (at, loop.index) if self.otherwise else (loop.index, at)
        after = Value("at", INT)
        loop.body.nodes.append(Op("select", (self.test, *pair), (after,), None, loop.location))
        places.define(after, loop.body.nodes[-1], loop.body)
        return carry(places, loop, at, after, loop.stop)


def search(places: Places, loop: Loop, body: Region, k: int, varied: set[Value]) -> Search | None:
    """Recognise a loop (or a copy of its body) that finds its parameter k.

    What is picked must not depend on what earlier iterations found, or left in memory, and nothing
    else in the loop may have a derivative.
    """
    node = places.producer.get(body.results[k])
    param = loop.params[k]
    known = loop.kind == "range" and isinstance(loop.step, Const) and loop.until is None
    if not known or not isinstance(node, Op) or node.code != "select" or param not in node.args[1:]:
        return None
    otherwise = node.args[1] is param
    found = Search(k, node.args[0], node.args[2 if otherwise else 1], otherwise)
    ops = [n for n in walk(body) if isinstance(n, Op)]
    stored = {n.args[0] for n in ops if n.code in ("store", "accum")}
    if stored & varied or not isinstance(found.picked, Value) or found.picked is param:
        return None
    read = _read_for(places, body, found.picked)
    return None if read is None or read & {*loop.params, *stored} else found


def _read_for(places: Places, body: Region, value: Value) -> set[Value] | None:
    """Values and buffers that a value of a loop's body depends on; None if that is not simple."""
    inside = {v: n for n in body.nodes for v in defined(n)}
    found: set[Value] = set()
    front: list[Operand] = [value]
    while front:
        operand = front.pop()
        if isinstance(operand, Const) or operand in found:
            continue
        found.add(operand)
        if operand not in inside:
            continue
        for node in walk(Region([inside[operand]])):
            if isinstance(node, Op) and node.code in _MEMORY:
                return None
            front += operands(node)
    return found


def carry(places: Places, loop: Loop, param: Value, value: Value, init: Operand) -> Value:
    """Let a loop carry one more value; gives what it is in the end."""
    region = next(r for n, r in places.around(loop.body) if n is loop)
    out = Value(param.name, param.type)
    loop.params += (param,)
    loop.inits += (init,)
    loop.body.results += (value,)
    loop.outs += (out,)
    places.define(param, loop, loop.body)
    places.define(out, loop, region)
    return out

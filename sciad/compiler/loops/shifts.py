"""Shadows that move along: one store for each element instead of a store and a sum.

An array whose elements move up, ``x[j + 1] = x[j]`` from the last to the first, is reversed by

    for j in range(first, last):            c = x_bar[first]
        t = x_bar[j + 1]                    for j in range(first, last):
        x_bar[j + 1] = 0.0                      x_bar[j] = x_bar[j + 1]
        x_bar[j] += t                       x_bar[first] += c
                                            x_bar[last] = 0.0

What an iteration clears the next one adds to. So there is nothing to add to but in the first
iteration, and nothing remains cleared but by the last one, and the loop on the right does the same
without waiting for its own stores. (`t` may be multiplied by anything on its way.)
"""

from __future__ import annotations

from sciad.compiler.builder import Builder
from sciad.compiler.ir import (
    FLOAT,
    Function,
    If,
    Loop,
    Node,
    Op,
    Region,
    Value,
    const,
    walk,
)
from sciad.compiler.loops.affine import Moving, recomputed

__all__ = ["shifted"]

_ZERO = const(0.0)
_UNIT = (const(1), const(-1))
#: A load, a store of zero and a sum, of one buffer.
_Chain = tuple[Op, Op, Op]


def shifted(function: Function) -> Function:
    """Rewrite such loops of a program, in place; gives the program."""
    _region(function.body)
    return function


def _region(region: Region) -> None:
    nodes: list[Node] = []
    for node in region.nodes:
        if isinstance(node, If):
            _region(node.then)
            _region(node.orelse)
        elif isinstance(node, Loop):
            _region(node.body)
            chains = _chains(node)
            if chains:
                nodes += _rewritten(node, chains)
                continue
        nodes.append(node)
    region.nodes[:] = nodes


def _chains(loop: Loop) -> list[_Chain]:
    """Find the buffers whose elements a loop moves."""
    regular = loop.kind == "range" and loop.until is None and loop.step in _UNIT
    ops = [n for n in loop.body.nodes if isinstance(n, Op)]
    if not regular or not any(n.code == "accum" for n in ops):
        return []
    moving = Moving(loop)
    found = []
    for last in [n for n in ops if n.code == "accum"]:
        uses = [n for n in walk(loop.body) if isinstance(n, Op) and last.args[0] in n.args]
        if [n.code for n in uses] != ["load", "store", "accum"] or any(n not in ops for n in uses):
            continue
        load, store, _ = uses
        if load.args[1] != store.args[1] or store.args[2] != _ZERO:
            continue
        source, target = moving.affine(load.args[1]), moving.affine(last.args[1])
        if source is None or target is None or target.slope == 0:
            continue
        if target.shifted(int(loop.step.value)) == source:
            found.append((load, store, last))
    return found


def _rewritten(loop: Loop, chains: list[_Chain]) -> list[Node]:
    """Give what takes the place of a loop."""
    b = Builder()
    b.location = loop.location
    up = loop.step == _UNIT[0]
    runs = b.compare("lt", *((loop.start, loop.stop) if up else (loop.stop, loop.start)))
    final = b.sub(loop.stop, loop.step)
    before, after = Region(), Region()
    kept = []
    for load, store, last in chains:
        buffer = last.args[0]
        with b.inside(before):
            place = recomputed(b, loop, last.args[1], loop.start)
            first = b.load(buffer, place, "first_bar")
        before.results += (first,)
        kept.append(Value("first_bar", FLOAT))
        with b.inside(after):
            b.effect("accum", buffer, recomputed(b, loop, last.args[1], loop.start), kept[-1])
            b.effect("store", buffer, recomputed(b, loop, load.args[1], final), _ZERO)
        last.code = "store"
        loop.body.nodes.remove(store)
    otherwise = Region([], (_ZERO,) * len(kept))
    enter = If(runs, before, otherwise, tuple(kept), loop.location)
    leave = If(runs, after, Region(), (), loop.location)
    return [*b.region.nodes, enter, loop, leave]

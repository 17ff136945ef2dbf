"""How many tape slots a loop takes, when every iteration takes the same."""

from __future__ import annotations

from sciad.compiler.invoke import invokes, uses_tape
from sciad.compiler.ir import If, Loop, Op, Region, walk
from sciad.compiler.tapes import tape_of

__all__ = ["frames_per_iteration"]


def frames_per_iteration(loop: Loop, tape: int = 0) -> int:
    """Slots of a tape that one iteration takes at most; 0 if none or if it cannot be known.

    Only counted loops without taping loops inside: their room is reserved before the first
    iteration, so that the pushes need no test of their own.
    """
    if loop.kind != "range":
        return 0
    if any(uses_tape(op.attr.function) for op in invokes(loop.body)):
        return 0
    ops = [n for n in walk(loop.body) if isinstance(n, Op)]
    if any(n.code == "pop" and tape_of(n.attr) == tape for n in ops):  # it gives back what it takes
        return 0
    inner = [n for n in walk(loop.body) if isinstance(n, Loop)]
    if any(_slots(n.body, tape) for n in inner):
        return 0
    return _slots(loop.body, tape)


def _slots(region: Region, tape: int) -> int:
    total = 0
    for node in region.nodes:
        if isinstance(node, Op):
            here = node.code == "push" and tape_of(node.attr) == tape
            total += len(node.args) if here else 0
        elif isinstance(node, If):
            total += max(_slots(node.then, tape), _slots(node.orelse, tape))
        else:
            total += _slots(node.body, tape)
    return total

"""How many tape slots a loop takes, when every iteration takes the same."""

from __future__ import annotations

from sciad.compiler.ir import If, Loop, Op, Region, walk

__all__ = ["frames_per_iteration"]


def frames_per_iteration(loop: Loop) -> int:
    """Slots that one iteration takes at most; 0 if there are none or it cannot be known.

    Only counted loops without taping loops inside: their room is reserved before the first
    iteration, so that the pushes need no test of their own.
    """
    if loop.kind != "range":
        return 0
    if any(isinstance(n, Op) and n.code == "pop" for n in walk(loop.body)):
        return 0  # what an iteration takes it gives back
    inner = [n for n in walk(loop.body) if isinstance(n, Loop)]
    if any(_slots(n.body) for n in inner):
        return 0
    return _slots(loop.body)


def _slots(region: Region) -> int:
    total = 0
    for node in region.nodes:
        if isinstance(node, Op):
            total += len(node.args) if node.code == "push" else 0
        elif isinstance(node, If):
            total += max(_slots(node.then), _slots(node.orelse))
        else:
            total += _slots(node.body)
    return total

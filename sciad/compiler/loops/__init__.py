"""The last passes: loops in the form in which machines run them best.

Each of them maps a program to one that computes the same; what they know about memory is that two
buffers never overlap. `shaped` applies them in their order.
"""

from __future__ import annotations

from sciad.compiler.ir import Function
from sciad.compiler.loops.blocks import blocked
from sciad.compiler.loops.boundaries import apart
from sciad.compiler.loops.lift import lifted
from sciad.compiler.loops.rows import scattered
from sciad.compiler.loops.shifts import shifted

__all__ = ["shaped"]


def shaped(function: Function, callee: bool = False) -> Function:
    """Return a program, or a `callee` of one, with its loops in their last form."""
    if callee:  # it may call itself: its frame on the stack stays small
        return shifted(lifted(function))
    return shifted(scattered(lifted(blocked(apart(function)))))

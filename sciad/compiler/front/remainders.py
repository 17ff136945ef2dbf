"""Remainders of indices: `(i - 1) % n` in a loop over range(n) needs no division.

Inside a loop that runs from 0 to n there is a first iteration, so n is positive. For an index
shifted by one the remainder is one comparison away, and known to be inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sciad.compiler.front.intervals import is_inside, starts_at_zero
from sciad.compiler.ir import Const, Operand, Value, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["is_positive", "wrapped"]

_ZERO = const(0)


def is_positive(low: Lowering, n: Operand) -> bool:
    """Whether an integer is known to be greater than 0."""
    if isinstance(n, Const):
        return int(n.value) > 0
    base, shift = low.offsets.get(n, (n, 0))
    for index in low.running:
        start, stop = low.bounds.get(index, (None, None))
        if stop is None or isinstance(stop, Const):
            continue
        last, more = low.offsets.get(stop, (stop, 0))
        if last is base and shift >= more and starts_at_zero(low, start):
            return True
    return False


def wrapped(low: Lowering, a: Operand, n: Operand) -> Operand | None:
    """Give a % n without a division, for a = i - 1, i, i + 1 with 0 <= i < n; None for others."""
    if not isinstance(a, Value):
        return None
    base, shift = low.offsets.get(a, (a, 0))
    if base is None or abs(shift) > 1 or not is_inside(low, base, n):
        return None
    b = low.b
    if shift < 0:
        return b.pure("select", b.compare("lt", a, _ZERO), b.add(a, n), a)
    if shift > 0:
        return b.pure("select", b.compare("ge", a, n), b.sub(a, n), a)
    return a

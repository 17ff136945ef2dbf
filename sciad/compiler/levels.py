"""Which transformations some values take part in."""

from __future__ import annotations

from typing import Any

from sciad.core.tracer import Scalar, current, level_of

__all__ = ["levels"]


def levels(leaves: list[Any]) -> set[int]:
    """Collect the transformations that some values take part in."""
    found: set[int] = set()
    for leaf in leaves:
        while level_of(leaf):
            found.add(level_of(leaf))
            leaf = leaf.value if type(leaf) is Scalar else current(leaf)
    return found

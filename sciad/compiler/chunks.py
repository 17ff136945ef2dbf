"""How many directions go through compiled code in one pass."""

from __future__ import annotations

from typing import Any

__all__ = ["FEWEST", "WIDTH", "WIDTH_CURVED", "chunks"]

#: From this many directions on they go together; for fewer, no wider program is compiled.
FEWEST = 4
#: Directions of a pass of the tangent, and of the tangent of the adjoint.
WIDTH, WIDTH_CURVED = 8, 4


def chunks(rows: list[list[Any]], width: int) -> list[list[list[Any]]]:
    """Cut directions into parts of one width; the last is filled up with zeros (None)."""
    parts = [rows[k : k + width] for k in range(0, len(rows), width)]
    blank: list[Any] = [None] * len(rows[0])
    parts[-1] = parts[-1] + [blank] * (width - len(parts[-1]))
    return parts

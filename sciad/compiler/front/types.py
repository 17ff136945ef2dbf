"""Types of the compiled language and of what a user hands over at the border.

The inference is our own, done while the tree is lowered: there are three scalar types, one kind of
memory and otherwise only structures known at compile time, so that a promotion rule (bool -> int ->
float, as in Python) and one fixed point a loop suffice. Numba's inference would type more, but is
private, needs a complete and compilable function (ours is not, before parameters are flattened and
rules applied), gives no user lines, and costs a second or so in every process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciad.compiler.ir import BOOL, FLOAT, FLOAT32, INT, Operand, ScalarType

__all__ = ["STATIC_LIMIT", "UNROLL_LIMIT", "LeafType", "join", "leaf_type", "scalar_type", "widest"]

#: Arrays of at most that many elements and of known shape live in variables, not in memory.
STATIC_LIMIT = 32
#: A loop with a known number of trips is unrolled if trips x syntax nodes stay below.
UNROLL_LIMIT = 600


@dataclass(frozen=True)
class LeafType:
    """A differentiable argument leaf: a float (`ndim` 0) or a float array.

    `shape` is the shape if compiled code may rely on it, else None. `part` is "real" or "imag" for
    the two leaves that a complex one is split into. `kind` is "float32" for single precision;
    beside such a leaf, "python" or "numpy" says what a number is: their promotions differ.
    `boxed` numbers are arrays of no dimensions, whose class is another one.
    """

    ndim: int
    shape: tuple[int, ...] | None
    part: str = ""
    kind: str = ""
    boxed: bool = False

    @property
    def size(self) -> int:
        """Number of elements of a leaf of known shape."""
        assert self.shape is not None
        return int(np.prod(self.shape, dtype=np.int64))


def leaf_type(value: Any, *, static: bool) -> LeafType | None:
    """Type of a leaf, or None if it cannot be compiled (complex, more than 3 dimensions)."""
    array = np.asarray(value)
    if array.dtype.kind != "f" or array.ndim > 3:
        return None
    return LeafType(array.ndim, array.shape if static or array.ndim == 0 else None)


def scalar_type(value: Any) -> ScalarType | None:
    """Type of a Python or NumPy scalar, None for anything else (float32 is never a literal)."""
    if isinstance(value, bool | np.bool_):
        return BOOL
    if isinstance(value, int | np.integer):
        return INT
    if isinstance(value, float | np.floating) and not isinstance(value, np.float32):
        return FLOAT
    return None


def join(a: Operand, b: Operand) -> ScalarType:
    """Promote the types of two scalars that meet."""
    if FLOAT32 in (a.type, b.type):  # the other one is a literal (see `precision.joinable`)
        return FLOAT32
    return a.type if a.type.rank >= b.type.rank else b.type


def widest(kinds: Iterable[ScalarType]) -> ScalarType:
    """Type of an array that is made of numbers of some types."""
    known = set(kinds)
    if known >= {FLOAT32, INT}:
        return FLOAT
    return max(known, key=lambda kind: kind.rank, default=FLOAT)

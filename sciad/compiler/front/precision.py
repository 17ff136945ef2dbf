"""Single precision: what a float32 becomes when it meets another number.

NumPy's promotions (NEP 50) ask whether a number is Python's or NumPy's: `x * 0.5` of a float32 `x`
is a float32, `x * np.float64(0.5)` a float64. The type of a number does not say that, so the
builder keeps it aside (`Builder.origin`, and `Marked` for literals). A plain literal is Python's;
where the origin of another number is not known, it may not meet a float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    FLOAT32,
    Const,
    Operand,
    ScalarType,
    const,
)
from sciad.core.errors import CompileError, user_location

if TYPE_CHECKING:
    from sciad.compiler.builder import Builder

__all__ = [
    "NUMPY",
    "PYTHON",
    "UNKNOWN",
    "Marked",
    "common",
    "exact",
    "joinable",
    "literal",
    "native_origin",
    "origin_of",
    "refuse",
    "single",
    "together",
]

PYTHON, NUMPY, UNKNOWN = "python", "numpy", "unknown"
_WIDE = 4  # bytes


@dataclass(frozen=True, eq=False)
class Marked(Const):
    """A literal that is not a number of Python's."""

    origin: str = UNKNOWN


def literal(value: Any) -> Const:
    """Wrap a number of the user's as a literal."""
    known, origin = const(value), native_origin(value)
    return known if origin == PYTHON else Marked(known.value, known.type, origin)


def native_origin(value: Any) -> str:
    """Origin of a number of the user's; integers of 8 and 16 bits are promoted in their own way."""
    if not isinstance(value, np.generic):
        return PYTHON
    return UNKNOWN if isinstance(value, np.integer) and value.itemsize < _WIDE else NUMPY


def origin_of(b: Builder, operand: Operand) -> str:
    """Whether a number is Python's or NumPy's, as far as that is known."""
    if operand.type is FLOAT32:
        return NUMPY
    if isinstance(operand, Const):
        return operand.origin if isinstance(operand, Marked) else PYTHON
    return b.origin.get(operand, UNKNOWN)


def together(b: Builder, operands: Sequence[Operand]) -> str:
    """Origin of what arithmetic makes of some numbers."""
    found = {origin_of(b, x) for x in operands}
    if NUMPY in found:
        return NUMPY
    return PYTHON if found == {PYTHON} else UNKNOWN


def common(b: Builder, operands: Sequence[Operand]) -> ScalarType:
    """Promote numbers of which one at least is a float32."""
    kind = FLOAT32
    for x in operands:
        if x.type in (FLOAT32, BOOL):
            continue
        origin = origin_of(b, x)
        if origin == UNKNOWN:
            refuse(
                b,
                "a float32 meets a number that may be Python's or NumPy's, which decides the type",
                "say which it is: float(...) or np.float64(...)",
            )
        if origin == NUMPY:
            kind = FLOAT
    return kind


def single(b: Builder, operand: Operand) -> Operand:
    """Round a number to a float32."""
    if isinstance(operand, Const):
        with np.errstate(all="ignore"):
            return Const(float(np.float32(operand.value)), FLOAT32)
    x = operand if operand.type is FLOAT else b.pure("float", operand)
    return b.pure("float32", x)


def exact(operand: Operand) -> bool:
    """Whether a number is a literal that a float32 holds exactly."""
    if not isinstance(operand, Const) or isinstance(operand, Marked) or operand.type is BOOL:
        return False
    with np.errstate(all="ignore"):
        rounded = float(np.float32(operand.value))
    return rounded == operand.value or operand.value != operand.value


def joinable(a: Operand, b: Operand) -> bool:
    """Whether two numbers have a common value where paths meet.

    `s = 0.0` in front of a loop that adds float32 to it is taken as one from the beginning; other
    mixtures have no type that could be known.
    """
    if (a.type is FLOAT32) == (b.type is FLOAT32):
        return True
    return exact(b if a.type is FLOAT32 else a)


def refuse(b: Builder, what: str, hint: str) -> NoReturn:
    """Raise an error at the current line."""
    raise CompileError(what, where=str(b.location or user_location()), hint=hint)

"""Integer arithmetic: 64 bits in compiled code, as many as it takes in Python.

Constants are folded exactly, whatever their size. A sum or product of run-time integers is checked
unless both are known to be small: a loop index that starts near zero, the length of an array and
what comes of few operations on those. Exceeding 64 bits is an error, never a wrong number.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sciad.compiler.ir import FLOAT, Const, Operand, Value, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["INDEX_BITS", "LENGTH_BITS", "LIMIT", "bits_of", "checked_power", "combined"]

#: Integers beyond are refused; the rest up to 2**63 is room for rounding and for small steps.
LIMIT = 9.2e18
#: An array has fewer elements than 2 to that; so many iterations take a year.
LENGTH_BITS, INDEX_BITS = 48, 51
_SAFE_BITS = 62
_STEP_BITS = 20
_MESSAGE = "an integer does not fit into 64 bits (use floats)"


def bits_of(low: Lowering, x: Operand) -> int:
    """Give a number of bits in which the magnitude of an integer fits."""
    if isinstance(x, Const):
        return int(x.value).bit_length()
    known = low.bits.get(x, 64)
    return min(known, LENGTH_BITS) if low.checked.get(x) is low.b.region else known


def combined(low: Lowering, code: str, a: Operand, b: Operand, node: ast.AST) -> Operand:
    """Sum, difference or product of two integers."""
    from sciad.compiler.vocabulary import arrays

    sizes = bits_of(low, a), bits_of(low, b)
    need = sum(sizes) if code == "mul" else max(sizes) + 1
    constant = isinstance(a, Const) or isinstance(b, Const)
    step = code != "mul" and constant and min(sizes) <= _STEP_BITS
    if need > _SAFE_BITS and not step and not (isinstance(a, Const) and isinstance(b, Const)):
        exact = low.b.pure(code, low.b.cast(a, FLOAT), low.b.cast(b, FLOAT))
        _bounded(low, exact, node)
    if code == "add":
        result = arrays.plus(low, a, b)
    elif code == "sub" and isinstance(b, Const):
        result = arrays.plus(low, a, const(-b.value))
    else:
        result = low.b.pure(code, a, b)
    if isinstance(result, Value) and need <= _SAFE_BITS:
        low.bits[result] = need
    return result


def checked_power(low: Lowering, a: Operand, b: Operand, node: ast.AST) -> Operand:
    """Raise an integer to a power that is not negative."""
    if isinstance(a, Value) and isinstance(b, Const) and bits_of(low, a) * b.value <= _SAFE_BITS:
        return low.b.pure("pow", a, b)
    if isinstance(a, Value) or isinstance(b, Value):
        exact = low.b.pure("pow", low.b.cast(a, FLOAT), low.b.cast(b, FLOAT))
        _bounded(low, exact, node)
    return low.b.pure("pow", a, b)


def _bounded(low: Lowering, x: Operand, node: ast.AST) -> None:
    b = low.b
    inside = b.pure("and", b.compare("gt", x, const(-LIMIT)), b.compare("lt", x, const(LIMIT)))
    low.check(inside, "OverflowError", _MESSAGE, node)

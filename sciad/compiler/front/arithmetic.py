"""Arithmetic on scalars with Python's promotions: bool to int to float, int / int a float."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sciad.compiler.front import integers, precision, remainders
from sciad.compiler.ir import FLOAT, FLOAT32, INT, Const, Operand, Value, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["arithmetic", "power"]

_MOST_EXACT = 1 << 24


def arithmetic(low: Lowering, code: str, a: Operand, b: Operand, node: ast.AST) -> Operand:
    """Apply an arithmetic operator to scalars, with Python's promotions."""
    builder = low.b
    if code == "pow":
        return power(low, a, b, node)
    if code == "div":
        return builder.div(a, b)
    a, b = builder.together(a, b)
    if a.type is INT and code in ("add", "sub", "mul"):
        return integers.combined(low, code, a, b, node)
    known = code in ("floordiv", "mod") and a.type is INT and remainders.is_positive(low, b)
    if code in ("floordiv", "mod") and a.type is INT and not (known or isinstance(b, Const)):
        nonzero = builder.compare("ne", b, const(0))
        low.check(nonzero, "ZeroDivisionError", "integer division by zero", node)
    if code in ("floordiv", "mod") and b == const(0):
        low.refuse("integer division by zero", node)
    result = (remainders.wrapped(low, a, b) if known and code == "mod" else None) or builder.pure(
        code, a, b
    )
    if code == "mod" and known and isinstance(result, Value) and result is not a:
        low.bounds[result] = (const(0), b)
    if a.type is INT and isinstance(result, Value) and result is not a:
        low.bits[result] = integers.bits_of(low, b if code == "mod" else a)
    negative = isinstance(b, Const) and b.type is INT and b.value < 0
    if code == "mod" and negative and isinstance(result, Value):
        low.bounds[result] = (b, const(1))
    return result


def power(low: Lowering, a: Operand, b: Operand, node: ast.AST) -> Operand:
    """Raise a to b. An int to a known negative int is a float, as in Python; others are refused."""
    builder = low.b
    if FLOAT32 in (a.type, b.type):
        if precision.common(builder, (a, b)) is FLOAT32:
            return _single_power(low, a, b, node)
        a, b = builder.cast(a, FLOAT), b if b.type is INT else builder.cast(b, FLOAT)
    a = builder.together(a)[0]
    b = builder.together(b)[0]
    if isinstance(b, Const) and b.type is FLOAT and b.value in (1.0, 2.0, 3.0, 4.0):
        a, b = builder.cast(a, FLOAT), const(int(b.value))
    if isinstance(b, Const) and b.type is INT:
        if b.value < 0 and a.type is INT:
            a = builder.cast(a, FLOAT)
        if b.value == 2:
            return arithmetic(low, "mul", a, a, node)
        if b.value == 0:
            return const(1.0 if a.type is FLOAT else 1)
        if a.type is INT:
            return integers.checked_power(low, a, b, node)
        return builder.pure("pow", a, b)
    if a.type is INT and b.type is INT:
        message = "an integer is raised to a negative integer"
        low.check(builder.compare("ge", b, const(0)), "ValueError", message, node)
        return integers.checked_power(low, a, b, node)
    return builder.pure("pow", builder.cast(a, FLOAT), builder.cast(b, FLOAT))


def _single_power(low: Lowering, a: Operand, b: Operand, node: ast.AST) -> Operand:
    """Raise a to b where the result is a float32."""
    builder = low.b
    a = builder.cast(a, FLOAT32)
    if isinstance(b, Const) and float(b.value).is_integer() and abs(b.value) <= _MOST_EXACT:
        b = const(int(b.value))
    if b == const(2):
        return arithmetic(low, "mul", a, a, node)
    if b == const(0):
        return Const(1.0, FLOAT32)
    return builder.pure("pow", a, b if b.type is INT else builder.cast(b, FLOAT32))

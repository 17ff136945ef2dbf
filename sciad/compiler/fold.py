"""Constant folding and exact algebraic identities, one operation at a time.

Only identities that hold for every float are used: `x * 1`, `x / 1`, `x - 0.0`, `-(-x)`, never
`x * 0` (x may be inf) or `x + 0.0` (x may be -0.0).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.compiler.ir import BOOL, FLOAT, FLOAT32, INT, Const, Operand, ScalarType, const, type_of
from sciad.compiler.vocabulary import special

__all__ = ["COMPARISONS", "fold", "result_type"]

COMPARISONS: dict[str, Callable] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}
_ARITHMETIC: dict[str, Callable] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "neg": operator.neg,
}
_LOGIC: dict[str, Callable] = {
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": operator.not_,
}


def _single(x: float) -> float:
    """Round to the nearest float32."""
    with np.errstate(all="ignore"):
        return float(np.float32(x))


_CONVERSIONS: dict[str, Callable] = {"float": float, "int": int, "single": _single}
_EVALUATE = {**COMPARISONS, **_ARITHMETIC, **_LOGIC, **_CONVERSIONS}
_LARGEST_EXPONENT = 4096


def result_type(code: str, args: tuple[Operand, ...]) -> ScalarType:
    """Type of a pure scalar operation whose operands have already been brought together."""
    if code in COMPARISONS or code in _LOGIC:
        return BOOL
    if code in ("call", "div") and all(type_of(a) is FLOAT32 for a in args):
        return FLOAT32
    if code in ("float", "single", "call", "div"):
        return FLOAT
    if code == "float32":
        return FLOAT32
    if code == "int":
        return INT
    if code == "select":
        return type_of(args[1])
    return type_of(args[0])


def _evaluated(code: str, args: tuple[Operand, ...], attr: Any) -> Const | None:
    values = [a.value for a in args]
    if code == "pow" and type_of(args[0]) is INT and abs(values[1]) > _LARGEST_EXPONENT:
        return None
    try:
        if code == "call" and attr[0] == special.MODULE:
            value = float(special.callables_of(attr)[0](*values))
        elif code == "call":
            module, name = attr
            function = getattr(math if module == "math" else np, name)
            with np.errstate(all="ignore"):
                value = float(function(*values))
        else:
            value = _EVALUATE[code](*values)
    except (ArithmeticError, ValueError):
        return None
    if isinstance(value, complex):
        return None
    literal = const(value)
    return literal if literal.type is result_type(code, args) else None


def _is(operand: Operand, value: float) -> bool:
    return isinstance(operand, Const) and operand.type is not BOOL and operand.value == value


def _identity(code: str, args: tuple[Operand, ...]) -> Operand | None:
    x = args[0]
    y: Any = args[1] if len(args) > 1 else None
    if code == "mul":
        return x if _is(y, 1) else y if _is(x, 1) else None
    if code in ("div", "pow") and _is(y, 1):
        return x if type_of(x) is result_type(code, args) else None
    integer = type_of(x) is INT
    if code == "floordiv" and integer and _is(y, 1):
        return x
    if code == "add" and integer:
        return x if _is(y, 0) else y if _is(x, 0) else None
    if code == "sub" and _is(y, 0) and (integer or math.copysign(1.0, y.value) > 0):
        return x
    if code in ("and", "or"):
        return _logic_identity(code, x, y)
    if code == "select":
        return _select_identity(x, y, args[2])
    return None


def _logic_identity(code: str, x: Operand, y: Operand) -> Operand | None:
    for known, other in ((x, y), (y, x)):
        if isinstance(known, Const):
            return other if known.value == (code == "and") else known
    return None


def _select_identity(c: Operand, x: Operand, y: Operand) -> Operand | None:
    if isinstance(c, Const):
        return x if c.value else y
    return x if x == y else None


def fold(code: str, args: tuple[Operand, ...], attr: Any = None) -> Operand | None:
    """Return the operand an operation reduces to, or None if it has to be executed."""
    if code in ("float", "int") and type_of(args[0]) is (FLOAT if code == "float" else INT):
        return args[0]
    if code == "float32":
        return None
    if code == "stop":
        return args[0] if isinstance(args[0], Const) else None
    if code != "select" and all(isinstance(a, Const) for a in args):
        value = _evaluated(code, args, attr)
        if value is not None:
            return value
    return _identity(code, args)

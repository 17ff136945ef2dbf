"""Elementwise functions of scalars: how each is written in compiled code.

A function whose partials are known to the rule registry is differentiated by them; the names here
say only what Numba calls it.
"""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.integers import LIMIT
from sciad.compiler.ir import FLOAT, FLOAT32, Operand, const
from sciad.compiler.vocabulary import special

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["SCALAR", "callables_of", "scalar_call", "to_int"]

#: name in compiled code -> the callables it stands for
_NAMES: dict[tuple[str, str], tuple[Any, ...]] = {
    ("math", "sin"): (np.sin, math.sin),
    ("math", "cos"): (np.cos, math.cos),
    ("math", "tan"): (np.tan, math.tan),
    ("math", "asin"): (np.arcsin, math.asin),
    ("math", "acos"): (np.arccos, math.acos),
    ("math", "atan"): (np.arctan, math.atan),
    ("math", "atan2"): (np.arctan2, math.atan2),
    ("math", "sinh"): (np.sinh, math.sinh),
    ("math", "cosh"): (np.cosh, math.cosh),
    ("math", "tanh"): (np.tanh, math.tanh),
    ("math", "asinh"): (np.arcsinh, math.asinh),
    ("math", "acosh"): (np.arccosh, math.acosh),
    ("math", "atanh"): (np.arctanh, math.atanh),
    ("math", "exp"): (np.exp, math.exp),
    ("math", "expm1"): (np.expm1, math.expm1),
    ("math", "log"): (np.log, math.log),
    ("math", "log1p"): (np.log1p, math.log1p),
    ("math", "log10"): (np.log10, math.log10),
    ("np", "log2"): (np.log2, math.log2),
    ("np", "exp2"): (np.exp2,),
    ("math", "sqrt"): (np.sqrt, math.sqrt),
    ("math", "hypot"): (np.hypot, math.hypot),
    ("math", "copysign"): (np.copysign, math.copysign),
    ("math", "erf"): (math.erf,),
    ("math", "erfc"): (math.erfc,),
    ("math", "gamma"): (math.gamma,),
    ("math", "lgamma"): (math.lgamma,),
    ("np", "logaddexp"): (np.logaddexp,),
    ("np", "floor"): (np.floor,),
    ("np", "ceil"): (np.ceil,),
    ("np", "trunc"): (np.trunc, np.fix),
    ("np", "rint"): (np.rint,),
    ("np", "sign"): (np.sign,),
    ("np", "cbrt"): (np.cbrt,),
    ("np", "fmax"): (np.fmax,),
    ("np", "fmin"): (np.fmin,),
    ("np", "maximum"): (np.maximum,),
    ("np", "minimum"): (np.minimum,),
    ("", "abs"): (np.absolute, np.fabs, math.fabs, builtins.abs),
}
_EMITTED = {f: name for name, functions in _NAMES.items() for f in functions}
_TO_INT = {math.floor: "floor", math.ceil: "ceil", math.trunc: "trunc"}
_OPERATORS = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.divide: "div",
    np.true_divide: "div",
    np.floor_divide: "floordiv",
    np.remainder: "mod",
    np.mod: "mod",
}
_COMPARISONS = {
    np.less: "lt",
    np.less_equal: "le",
    np.greater: "gt",
    np.greater_equal: "ge",
    np.equal: "eq",
    np.not_equal: "ne",
}


def callables_of(name: tuple[str, str]) -> tuple[Any, ...]:
    """List the functions that a name in compiled code stands for."""
    return special.callables_of(name) if name[0] == special.MODULE else _NAMES[name]


def scalar_call(low: Lowering, function: Any, args: tuple[Operand, ...], node: ast.AST) -> Operand:
    """Apply an elementwise function to scalars."""
    b = low.b
    if function in _SPECIAL:
        return _SPECIAL[function](b, *args)
    if function in _OPERATORS:
        from sciad.compiler.front.arithmetic import arithmetic

        left, right = args
        return arithmetic(low, _OPERATORS[function], left, right, node)
    if function in _COMPARISONS:
        return b.compare(_COMPARISONS[function], *args)
    if function in _TO_INT:
        x = b.cast(args[0], FLOAT)
        return to_int(low, b.pure("call", x, attr=("np", _TO_INT[function])), node)
    if function is builtins.abs and args[0].type not in (FLOAT, FLOAT32):
        x = b.together(args[0])[0]
        return b.pure("select", b.compare("lt", x, const(0)), b.neg(x), x)
    if function is math.log and len(args) == 2:
        first, second = (b.pure("call", b.cast(x, FLOAT), attr=("math", "log")) for x in args)
        return b.div(first, second)
    if any(x.type is FLOAT32 for x in args):
        return b.pure("call", *b.together(*args), attr=_EMITTED[function])
    floats = tuple(b.cast(x, FLOAT) for x in args)
    return b.pure("call", *floats, attr=_EMITTED[function])


def to_int(low: Lowering, x: Operand, node: ast.AST) -> Operand:
    """Convert a float with the check that Python makes (and the one that 64 bits need)."""
    b = low.b
    inside = [b.compare("gt", x, const(-LIMIT)), b.compare("lt", x, const(LIMIT))]
    low.check(b.pure("and", *inside), "ValueError", "a float does not fit into an integer", node)
    return b.pure("int", x)


def _finite(b: Any, x: Operand) -> Operand:
    if x.type not in (FLOAT, FLOAT32):
        return const(True)
    return b.compare("eq", b.sub(x, x), const(0.0))


def _nan(b: Any, x: Operand) -> Operand:
    return b.compare("ne", x, x) if x.type in (FLOAT, FLOAT32) else const(False)


def _infinite(b: Any, x: Operand) -> Operand:
    return b.pure("not", b.pure("or", _finite(b, x), _nan(b, x)))


def _logical(code: str) -> Callable[..., Operand]:
    return lambda b, x, y: b.pure(code, b.truth(x), b.truth(y))


_SPECIAL: dict[Any, Callable[..., Operand]] = {
    np.negative: lambda b, x: b.neg(x),
    np.positive: lambda b, x: b.together(x)[0],
    np.square: lambda b, x: b.mul(x, x),
    np.reciprocal: lambda b, x: b.div(const(1.0), x),
    np.radians: lambda b, x: b.mul(x, const(math.pi / 180.0)),
    np.deg2rad: lambda b, x: b.mul(x, const(math.pi / 180.0)),
    math.radians: lambda b, x: b.mul(x, const(math.pi / 180.0)),
    np.degrees: lambda b, x: b.mul(x, const(180.0 / math.pi)),
    np.rad2deg: lambda b, x: b.mul(x, const(180.0 / math.pi)),
    math.degrees: lambda b, x: b.mul(x, const(180.0 / math.pi)),
    np.isnan: _nan,
    math.isnan: _nan,
    np.isfinite: _finite,
    math.isfinite: _finite,
    np.isinf: _infinite,
    math.isinf: _infinite,
    np.logical_and: _logical("and"),
    np.logical_or: _logical("or"),
    np.logical_not: lambda b, x: b.pure("not", b.truth(x)),
}
#: Every callable that acts on scalars, and element by element on arrays.
SCALAR = frozenset(_EMITTED) | set(_TO_INT) | set(_OPERATORS) | set(_COMPARISONS) | set(_SPECIAL)

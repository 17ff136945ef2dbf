"""Functions, attributes and methods of complex numbers and arrays."""

from __future__ import annotations

import ast
import builtins
import cmath
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    ComplexOf,
    Elements,
    ListOf,
    Memory,
    Object,
    StaticArray,
    TupleOf,
    complex_of,
)
from sciad.compiler.ir import FLOAT, const
from sciad.compiler.vocabulary.complexes import (
    RealArithmetic,
    binary,
    exponential,
    logarithm,
    pair,
    parts,
    principal_root,
    product,
    quotient,
)

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["attribute", "call", "method"]

_ARRAYS = StaticArray | Memory | Elements
_ZERO, _ONE = const(0.0), const(1.0)


def _holds_complex(low: Lowering, values: Any) -> bool:
    """Whether there is a complex number or array among some values, or in sequences of them."""
    for value in values:
        if isinstance(value, ComplexOf):
            return True
        if isinstance(value, TupleOf) and _holds_complex(low, value.items):
            return True
        if isinstance(value, ListOf):
            items = [low.cell(value.cells, k) for k in range(value.cells.size)]
            if _holds_complex(low, items):
                return True
    return False


def _abs(r: RealArithmetic, x, y) -> Abstract:
    return r.of(np.hypot, x, y)


def _scaled_log(base: float) -> Callable[..., Abstract]:
    def log(r: RealArithmetic, x, y) -> Abstract:
        found = logarithm(r, x, y)
        factor = const(1.0 / math.log(base))
        return complex_of(r.mul(found.re, factor), r.mul(found.im, factor))

    return log


def _sin(r: RealArithmetic, x, y) -> Abstract:
    return complex_of(
        r.mul(r.of(np.sin, x), r.of(np.cosh, y)), r.mul(r.of(np.cos, x), r.of(np.sinh, y))
    )


def _cos(r: RealArithmetic, x, y) -> Abstract:
    return complex_of(
        r.mul(r.of(np.cos, x), r.of(np.cosh, y)), r.neg(r.mul(r.of(np.sin, x), r.of(np.sinh, y)))
    )


def _sinh(r: RealArithmetic, x, y) -> Abstract:
    return complex_of(
        r.mul(r.of(np.sinh, x), r.of(np.cos, y)), r.mul(r.of(np.cosh, x), r.of(np.sin, y))
    )


def _cosh(r: RealArithmetic, x, y) -> Abstract:
    return complex_of(
        r.mul(r.of(np.cosh, x), r.of(np.cos, y)), r.mul(r.of(np.sinh, x), r.of(np.sin, y))
    )


def _tanh(r: RealArithmetic, x, y) -> Abstract:
    """Tanh from tanh(x) and tan(y): (t + i u) / (1 + i t u)."""
    t, u = r.of(np.tanh, x), r.of(np.tan, y)
    return complex_of(*quotient(r, t, u, r.add(r.mul(t, _ZERO), _ONE), r.mul(t, u)))


def _tan(r: RealArithmetic, x, y) -> Abstract:
    """-i tanh(i z)."""
    turned = _tanh(r, r.neg(y), x)
    return complex_of(turned.im, r.neg(turned.re))


def _square(r: RealArithmetic, x, y) -> Abstract:
    return complex_of(*product(r, x, y, x, y))


def _reciprocal(r: RealArithmetic, x, y) -> Abstract:
    return complex_of(*quotient(r, _ONE, _ZERO, x, y))


_UNARY: dict[Any, Callable[..., Abstract]] = {
    builtins.abs: _abs,
    np.absolute: _abs,
    np.angle: lambda r, x, y: r.of(np.arctan2, y, x),
    cmath.phase: lambda r, x, y: r.of(np.arctan2, y, x),
    np.real: lambda r, x, y: x,
    np.imag: lambda r, x, y: y,
    np.conjugate: lambda r, x, y: complex_of(x, r.neg(y)),
    np.negative: lambda r, x, y: complex_of(r.neg(x), r.neg(y)),
    np.positive: lambda r, x, y: complex_of(x, y),
    np.square: _square,
    np.reciprocal: _reciprocal,
    np.isfinite: lambda r, x, y: r.of(np.logical_and, r.of(np.isfinite, x), r.of(np.isfinite, y)),
    np.isnan: lambda r, x, y: r.of(np.logical_or, r.of(np.isnan, x), r.of(np.isnan, y)),
    **dict.fromkeys((np.exp, cmath.exp), exponential),
    **dict.fromkeys((np.log, cmath.log), logarithm),
    **dict.fromkeys((np.log10, cmath.log10), _scaled_log(10.0)),
    np.log2: _scaled_log(2.0),
    **dict.fromkeys((np.sqrt, cmath.sqrt), principal_root),
    **dict.fromkeys((np.sin, cmath.sin), _sin),
    **dict.fromkeys((np.cos, cmath.cos), _cos),
    **dict.fromkeys((np.tan, cmath.tan), _tan),
    **dict.fromkeys((np.sinh, cmath.sinh), _sinh),
    **dict.fromkeys((np.cosh, cmath.cosh), _cosh),
    **dict.fromkeys((np.tanh, cmath.tanh), _tanh),
}
_OPERATORS: dict[Any, type[ast.operator]] = {
    np.add: ast.Add,
    np.subtract: ast.Sub,
    np.multiply: ast.Mult,
    np.divide: ast.Div,
    np.power: ast.Pow,
    builtins.pow: ast.Pow,
    np.matmul: ast.MatMult,
}
#: Functions that treat the two parts alike.
_LINEAR = frozenset(
    [
        np.sum,
        np.mean,
        np.copy,
        np.asarray,
        np.array,
        np.zeros_like,
        np.empty_like,
        builtins.sum,
        np.concatenate,
        np.stack,
        np.hstack,
        np.vstack,
        np.column_stack,
        np.reshape,
        np.ravel,
        np.transpose,
        np.swapaxes,
        np.roll,
        np.flip,
        np.diff,
        np.cumsum,
        np.trace,
        np.diag,
        np.repeat,
        np.tile,
        np.squeeze,
        np.expand_dims,
    ]
)
#: Arguments of these that say what is done, and are the same for both parts.
_OPTIONS = frozenset(
    [
        "axis",
        "axes",
        "keepdims",
        "k",
        "n",
        "newshape",
        "offset",
        "reps",
        "repeats",
        "shape",
        "shift",
    ]
)
_DTYPE_SECOND = frozenset([np.copy, np.asarray, np.array, np.zeros_like, np.empty_like])
#: Functions of sequences, which do not look at what is in them.
_STRUCTURAL = frozenset(
    [
        builtins.len,
        builtins.enumerate,
        builtins.zip,
        builtins.reversed,
        builtins.tuple,
        builtins.list,
        np.shape,
        np.size,
        np.ndim,
    ]
)
_PARTS = frozenset([np.real, np.imag, np.conjugate])
_MAKERS = frozenset([np.zeros, np.empty, np.ones])
_FROM_REAL = frozenset(
    f for f in _UNARY if getattr(f, "__module__", None) == "cmath"
)  # they give complex numbers for real ones


def call(
    low: Lowering, function: Any, args: list[Abstract], named: dict[str, Abstract], node: ast.Call
) -> Abstract | None:
    """Call a function that gets or gives complex values; None if it does neither."""
    if function is builtins.complex:
        return pair(low, *_numbers(low, args, node), node)
    if function in _MAKERS | _DTYPE_SECOND and len(args) == 2:
        args, named = args[:1], {**named, "dtype": args[1]}
    dtype = named.get("dtype")
    if isinstance(dtype, Object) and _is_complex(dtype.value):
        rest = {k: v for k, v in named.items() if k != "dtype"}
        return _made(low, function, args, rest, node)
    if function in _STRUCTURAL:
        return None
    r = RealArithmetic(low, node)
    if not (_holds_complex(low, args) or function in _FROM_REAL):
        return _of_real(r, function, args[0]) if function in _PARTS and len(args) == 1 else None
    if function in _UNARY and len(args) == 1 and not named:
        return _applied(r, _UNARY[function], args[0])
    if function in _OPERATORS and len(args) == 2 and not named:
        return binary(low, _OPERATORS[function], args[0], args[1], node)
    if function is np.where and len(args) == 3:
        pairs = zip(parts(args[1]), parts(args[2]), strict=True)
        re, im = (r.where(args[0], x, y) for x, y in pairs)
        return pair(low, re, im, node)
    if function in (np.dot, np.vdot) and len(args) == 2:
        return _dot(r, function, *args)
    if function is np.outer and len(args) == 2 and not named:
        return _outer(r, *args)
    if function is np.ones_like:
        re, im = parts(args[0])
        return pair(low, r.of(np.ones_like, re), r.of(np.zeros_like, im), node)
    if function in _LINEAR:
        return _by_parts(low, function, args, named, node)
    return low.refuse(
        f"{ast.unparse(node.func)} of complex numbers cannot be compiled",
        node,
        "write it with arithmetic, exp, log, sqrt, or with .real and .imag",
    )


def _of_real(r: RealArithmetic, function: Any, value: Abstract) -> Abstract:
    """Give a part of something real, or its conjugate."""
    if function is not np.imag:
        return value
    return r.of(np.zeros_like, value) if isinstance(value, _ARRAYS) else _ZERO


def _applied(r: RealArithmetic, function: Callable[..., Abstract], value: Abstract) -> Abstract:
    if isinstance(value, TupleOf | ListOf) and not isinstance(value, ComplexOf):
        value = _by_parts(r.low, np.array, [value], {}, r.node)
    re, im = parts(value)
    if not isinstance(value, ComplexOf) and is_scalar(re):
        re = r.low.b.cast(re, FLOAT)
    found = function(r, re, im)
    return pair(r.low, found.re, found.im, r.node) if isinstance(found, ComplexOf) else found


def _dot(r: RealArithmetic, function: Any, a: Abstract, b: Abstract) -> Abstract:
    if function is np.vdot:
        re, im = parts(a)
        a = complex_of(re, r.neg(im)) if isinstance(a, ComplexOf) else a
    scalars = any(is_scalar(parts(x)[0]) for x in (a, b))
    return binary(r.low, ast.Mult if scalars else ast.MatMult, a, b, r.node)


def _outer(r: RealArithmetic, a: Abstract, b: Abstract) -> Abstract:
    (re, im), (x, y) = parts(a), parts(b)
    if not isinstance(a, ComplexOf):
        return complex_of(r.of(np.outer, re, x), r.of(np.outer, re, y))
    if not isinstance(b, ComplexOf):
        return complex_of(r.of(np.outer, re, x), r.of(np.outer, im, x))
    return complex_of(
        r.sub(r.of(np.outer, re, x), r.of(np.outer, im, y)),
        r.add(r.of(np.outer, re, y), r.of(np.outer, im, x)),
    )


def _numbers(low: Lowering, args: list[Abstract], node: ast.AST) -> tuple[Abstract, Abstract]:
    """complex(), complex(x), complex(x, y)."""
    if len(args) == 1 and isinstance(args[0], ComplexOf):
        return parts(args[0])
    found = [low.as_scalar(a, node, FLOAT) for a in args]
    re, im = [*found, _ZERO, _ZERO][:2]
    return re, im


def _is_complex(dtype: Any) -> bool:
    try:
        return np.dtype(dtype) == np.complex128
    except TypeError:
        return False


def _made(low: Lowering, function: Any, args: list, named: dict, node: ast.Call) -> Abstract:
    """Call a function that makes an array, with ``dtype=complex``."""
    r = RealArithmetic(low, node)
    if function in _MAKERS and not named:
        return complex_of(r.of(function, *args), r.of(np.zeros, *args))
    if function is np.full and not named:
        re, im = parts(args[1])
        filled = [low.as_scalar(x, node, FLOAT) for x in (re, im)]
        return complex_of(*(r.of(np.full, args[0], x) for x in filled))
    if function in (np.zeros_like, np.empty_like, np.ones_like) and not named:
        model = parts(args[0])[0]
        return complex_of(r.of(function, model), r.of(np.zeros_like, model))
    if function in (np.array, np.asarray) and not named:
        return _by_parts(low, function, args, {}, node)
    return low.refuse(f"{ast.unparse(node.func)} with dtype=complex cannot be compiled", node)


def _by_parts(low: Lowering, function: Any, args: list, named: dict, node: ast.Call) -> Abstract:
    """Call a function on the real and on the imaginary parts."""
    from sciad.compiler.front import calls

    data = args if function is builtins.sum else args[:1]
    options = args[len(data) :]
    unknown = sorted(named.keys() - _OPTIONS)
    if unknown or _holds_complex(low, options) or (options and function in _DTYPE_SECOND):
        what = unknown[0] if unknown else "more than one argument"
        low.refuse(
            f"{ast.unparse(node)} of complex numbers, with {what}, cannot be compiled",
            node,
            "write it with arithmetic, or with .real and .imag",
        )
    found = []
    for which in (0, 1):
        own = [*(_part(low, a, which, node) for a in data), *options]
        found.append(calls.call(low, Object(function), own, dict(named), node))
    return pair(low, found[0], found[1], node)


def _part(low: Lowering, value: Abstract, which: int, node: ast.AST) -> Abstract:
    """Real (0) or imaginary (1) part of a number, an array or a nested sequence."""
    if isinstance(value, ComplexOf):
        return parts(value)[which]
    if isinstance(value, TupleOf | ListOf):
        from sciad.compiler.vocabulary import indexing

        items = indexing.sequence(low, value, node)
        return TupleOf(tuple(_part(low, item, which, node) for item in items))
    if is_scalar(value):
        x = low.b.cast(value, FLOAT)
        return x if which == 0 else _ZERO
    if which == 0 or not isinstance(value, _ARRAYS):
        return value
    return RealArithmetic(low, node).of(np.zeros_like, value)


# -- attributes and methods -----------------------------------------------------------------------
def attribute(low: Lowering, owner: ComplexOf, name: str, node: ast.AST) -> Abstract | None:
    """Attribute of a complex number or array; None if it is a method."""
    if name == "real":
        return owner.re
    if name == "imag":
        return owner.im
    if name == "dtype":
        return Object(np.dtype(complex))
    if is_scalar(owner.re):
        return None
    from sciad.compiler.front import expressions

    if name in ("shape", "ndim", "size"):
        return expressions._array_attribute(low, owner.re, name, node)
    if name == "T":
        return complex_of(*(expressions._array_attribute(low, x, "T", node) for x in parts(owner)))
    return None


_METHODS: dict[str, Any] = {
    "conj": np.conjugate,
    "conjugate": np.conjugate,
    "copy": np.copy,
    "sum": np.sum,
    "mean": np.mean,
    "dot": np.dot,
    "cumsum": np.cumsum,
    "reshape": np.reshape,
    "ravel": np.ravel,
    "transpose": np.transpose,
}


def method(
    low: Lowering, owner: ComplexOf, name: str, args: list, named: dict, node: ast.Call
) -> Abstract:
    """Call a method of a complex number or array."""
    function = _METHODS.get(name)
    if function is None:
        low.refuse(f"the method {name!r} of complex values has no compiled form", node)
    found = call(low, function, [owner, *args], named, node)
    assert found is not None
    return found

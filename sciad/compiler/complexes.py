"""Complex numbers and arrays: pairs of real ones.

A complex value is a `ComplexOf` of two real abstract values of one shape, and everything here is
written in real arithmetic on them, so that the passes after lowering never see a complex number and
derivatives come for free. Complex arrays are two real arrays; a view of one is a pair of views.
"""

from __future__ import annotations

import ast
import builtins
import cmath
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.ir import FLOAT, Const, const
from sciad.compiler.merge import is_scalar
from sciad.compiler.values import (
    Abstract,
    ComplexOf,
    Elements,
    ListOf,
    Memory,
    Object,
    StaticArray,
    TupleOf,
)

if TYPE_CHECKING:
    from sciad.compiler.lower import Lowering

__all__ = ["attribute", "binary", "call", "compared", "holds_complex", "method", "negative", "pair"]

_ARRAYS = StaticArray | Memory | Elements
_ZERO, _ONE, _HALF = const(0.0), const(1.0), const(0.5)
#: Integer powers up to this one are products.
_MOST_PRODUCTS = 16


class _Real:
    """Real arithmetic on abstract values, at one place of the user's code."""

    def __init__(self, low: Lowering, node: ast.AST):
        self.low = low
        self.node: Any = node

    def _binary(self, kind: type[ast.operator], a: Abstract, b: Abstract) -> Abstract:
        from sciad.compiler import expressions

        return expressions.binary(self.low, kind, a, b, self.node)

    def add(self, a: Abstract, b: Abstract) -> Abstract:
        return self._binary(ast.Add, a, b)

    def sub(self, a: Abstract, b: Abstract) -> Abstract:
        return self._binary(ast.Sub, a, b)

    def mul(self, a: Abstract, b: Abstract) -> Abstract:
        return self._binary(ast.Mult, a, b)

    def div(self, a: Abstract, b: Abstract) -> Abstract:
        return self._binary(ast.Div, a, b)

    def neg(self, a: Abstract) -> Abstract:
        return self.of(np.negative, a)

    def of(self, function: Any, *args: Abstract) -> Abstract:
        """Value of a real function."""
        from sciad.compiler import calls

        return calls.call(self.low, Object(function), list(args), {}, self.node)

    def where(self, test: Abstract, yes: Abstract, no: Abstract) -> Abstract:
        return self.of(np.where, test, yes, no)


# -- what is complex ------------------------------------------------------------------------------
def holds_complex(low: Lowering, values: Any) -> bool:
    """Whether there is a complex number or array among some values, or in sequences of them."""
    for value in values:
        if isinstance(value, ComplexOf):
            return True
        if isinstance(value, TupleOf) and holds_complex(low, value.items):
            return True
        if isinstance(value, ListOf):
            items = [low.cell(value.cells, k) for k in range(value.cells.size)]
            if holds_complex(low, items):
                return True
    return False


def parts(value: Abstract) -> tuple[Abstract, Abstract]:
    """Real and imaginary part of a number or array."""
    return (value.re, value.im) if isinstance(value, ComplexOf) else (value, _ZERO)


def pair(low: Lowering, re: Abstract, im: Abstract, node: ast.AST) -> ComplexOf:
    """Make a complex value of two parts, of which one may be a number and the other an array."""
    if is_scalar(re) and is_scalar(im):
        return ComplexOf(low.b.cast(re, FLOAT), low.b.cast(im, FLOAT))
    if isinstance(re, _ARRAYS) and isinstance(im, _ARRAYS):
        return ComplexOf(re, im)
    from sciad.compiler import whole

    first = whole.elementwise(low, lambda x, y: low.b.cast(x, FLOAT), [re, im], node)
    second = whole.elementwise(low, lambda x, y: low.b.cast(y, FLOAT), [re, im], node)
    return ComplexOf(first, second)


# -- arithmetic -----------------------------------------------------------------------------------
def binary(
    low: Lowering, kind: type[ast.operator], a: Abstract, b: Abstract, node: ast.AST
) -> Abstract:
    """Apply an operator to two values of which one at least is complex."""
    real = _Real(low, node)
    if kind is ast.Pow:
        return _power(real, a, b)
    handler = _BINARY.get(kind)
    if handler is None:
        low.refuse(f"{ast.unparse(node)} with complex numbers cannot be compiled", node)
    return pair(low, *handler(real, *parts(a), *parts(b)), node)


def _sum(r: _Real, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
    return r.add(ar, br), r.add(ai, bi)


def _difference(r: _Real, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
    return r.sub(ar, br), r.sub(ai, bi)


def _product(r: _Real, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
    if ai == _ZERO:
        return r.mul(ar, br), r.mul(ar, bi)
    if bi == _ZERO:
        return r.mul(ar, br), r.mul(ai, br)
    return r.sub(r.mul(ar, br), r.mul(ai, bi)), r.add(r.mul(ar, bi), r.mul(ai, br))


def _quotient(r: _Real, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
    """Divide; the larger part of the divisor is divided by (Smith, Comm. ACM 5, 1962)."""
    if bi == _ZERO:
        return r.div(ar, br), r.div(ai, br)
    wide = r.of(np.greater_equal, r.of(np.abs, br), r.of(np.abs, bi))
    large, small = r.where(wide, br, bi), r.where(wide, bi, br)
    ratio = r.div(small, large)
    whole = r.add(large, r.mul(small, ratio))
    first = r.where(wide, r.add(ar, r.mul(ai, ratio)), r.add(r.mul(ar, ratio), ai))
    second = r.where(wide, r.sub(ai, r.mul(ar, ratio)), r.sub(r.mul(ai, ratio), ar))
    return r.div(first, whole), r.div(second, whole)


def _matrix_product(r: _Real, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
    times = lambda x, y: r._binary(ast.MatMult, x, y)
    if ai == _ZERO:
        return times(ar, br), times(ar, bi)
    if bi == _ZERO:
        return times(ar, br), times(ai, br)
    return r.sub(times(ar, br), times(ai, bi)), r.add(times(ar, bi), times(ai, br))


_BINARY: dict[type[ast.operator], Callable[..., tuple[Abstract, Abstract]]] = {
    ast.Add: _sum,
    ast.Sub: _difference,
    ast.Mult: _product,
    ast.Div: _quotient,
    ast.MatMult: _matrix_product,
}


def _power(r: _Real, a: Abstract, b: Abstract) -> Abstract:
    """Raise to a power: by products for a small integer b, else as exp(b log(a))."""
    if isinstance(b, Const) and abs(b.value) <= _MOST_PRODUCTS and b.value == int(b.value):
        found = _integer_power(r, a, abs(int(b.value)))
        return binary(r.low, ast.Div, _ONE, found, r.node) if b.value < 0 else found
    if isinstance(b, Const) and b.value == 0.5:
        return _sqrt(r, *parts(a))
    logarithm = _log(r, *parts(a))
    product = binary(r.low, ast.Mult, b, logarithm, r.node)
    found = _exp(r, *parts(product))
    zero = r.of(np.equal, r.of(np.hypot, *parts(a)), _ZERO)  # 0 ** b is 0
    re, im = (r.where(zero, _ZERO, part) for part in parts(found))
    return pair(r.low, re, im, r.node)


def _integer_power(r: _Real, a: Abstract, n: int) -> Abstract:
    if n == 0:
        nothing = r.mul(parts(a)[0], _ZERO)
        return pair(r.low, r.add(nothing, _ONE), nothing, r.node)
    found = None
    square = a
    while n:
        if n & 1:
            found = square if found is None else binary(r.low, ast.Mult, found, square, r.node)
        n >>= 1
        if n:
            square = binary(r.low, ast.Mult, square, square, r.node)
    return found


def negative(low: Lowering, value: ComplexOf, node: ast.AST) -> ComplexOf:
    """-value."""
    r = _Real(low, node)
    return ComplexOf(r.neg(value.re), r.neg(value.im))


def compared(low: Lowering, code: str, a: Abstract, b: Abstract, node: ast.AST) -> Abstract:
    """Compare with == or !=; nothing else is defined for complex numbers."""
    r = _Real(low, node)
    if code not in ("eq", "ne"):
        low.refuse("complex numbers are compared", node, "compare abs(z), z.real or z.imag")
    pairs = zip(parts(a), parts(b), strict=True)
    if code == "eq":
        return r.of(np.logical_and, *(r.of(np.equal, x, y) for x, y in pairs))
    return r.of(np.logical_or, *(r.of(np.not_equal, x, y) for x, y in pairs))


# -- functions ------------------------------------------------------------------------------------
def _abs(r: _Real, x, y) -> Abstract:
    return r.of(np.hypot, x, y)


def _exp(r: _Real, x, y) -> Abstract:
    size = r.of(np.exp, x)
    return ComplexOf(r.mul(size, r.of(np.cos, y)), r.mul(size, r.of(np.sin, y)))


def _log(r: _Real, x, y) -> Abstract:
    return ComplexOf(r.of(np.log, r.of(np.hypot, x, y)), r.of(np.arctan2, y, x))


def _scaled_log(base: float) -> Callable[..., Abstract]:
    def log(r: _Real, x, y) -> Abstract:
        found = _log(r, x, y)
        factor = const(1.0 / math.log(base))
        return ComplexOf(r.mul(found.re, factor), r.mul(found.im, factor))

    return log


def _sqrt(r: _Real, x, y) -> Abstract:
    """Principal root, without cancellation."""
    size = r.of(np.hypot, x, y)
    nought = r.of(np.equal, size, _ZERO)
    safe = r.where(nought, _ONE, r.mul(_HALF, r.add(size, r.of(np.abs, x))))
    long = r.of(np.sqrt, safe)
    short = r.div(r.mul(_HALF, r.of(np.abs, y)), long)
    right = r.of(np.greater_equal, x, _ZERO)
    re, im = r.where(right, long, short), r.where(right, short, long)
    re, im = (r.where(nought, _ZERO, part) for part in (re, im))
    return ComplexOf(re, r.of(np.copysign, im, y))


def _sin(r: _Real, x, y) -> Abstract:
    return ComplexOf(
        r.mul(r.of(np.sin, x), r.of(np.cosh, y)), r.mul(r.of(np.cos, x), r.of(np.sinh, y))
    )


def _cos(r: _Real, x, y) -> Abstract:
    return ComplexOf(
        r.mul(r.of(np.cos, x), r.of(np.cosh, y)), r.neg(r.mul(r.of(np.sin, x), r.of(np.sinh, y)))
    )


def _sinh(r: _Real, x, y) -> Abstract:
    return ComplexOf(
        r.mul(r.of(np.sinh, x), r.of(np.cos, y)), r.mul(r.of(np.cosh, x), r.of(np.sin, y))
    )


def _cosh(r: _Real, x, y) -> Abstract:
    return ComplexOf(
        r.mul(r.of(np.cosh, x), r.of(np.cos, y)), r.mul(r.of(np.sinh, x), r.of(np.sin, y))
    )


def _tanh(r: _Real, x, y) -> Abstract:
    """Tanh from tanh(x) and tan(y): (t + i u) / (1 + i t u)."""
    t, u = r.of(np.tanh, x), r.of(np.tan, y)
    return ComplexOf(*_quotient(r, t, u, r.add(r.mul(t, _ZERO), _ONE), r.mul(t, u)))


def _tan(r: _Real, x, y) -> Abstract:
    """-i tanh(i z)."""
    turned = _tanh(r, r.neg(y), x)
    return ComplexOf(turned.im, r.neg(turned.re))


def _square(r: _Real, x, y) -> Abstract:
    return ComplexOf(*_product(r, x, y, x, y))


def _reciprocal(r: _Real, x, y) -> Abstract:
    return ComplexOf(*_quotient(r, _ONE, _ZERO, x, y))


_UNARY: dict[Any, Callable[..., Abstract]] = {
    builtins.abs: _abs,
    np.absolute: _abs,
    np.angle: lambda r, x, y: r.of(np.arctan2, y, x),
    cmath.phase: lambda r, x, y: r.of(np.arctan2, y, x),
    np.real: lambda r, x, y: x,
    np.imag: lambda r, x, y: y,
    np.conjugate: lambda r, x, y: ComplexOf(x, r.neg(y)),
    np.negative: lambda r, x, y: ComplexOf(r.neg(x), r.neg(y)),
    np.positive: lambda r, x, y: ComplexOf(x, y),
    np.square: _square,
    np.reciprocal: _reciprocal,
    np.isfinite: lambda r, x, y: r.of(np.logical_and, r.of(np.isfinite, x), r.of(np.isfinite, y)),
    np.isnan: lambda r, x, y: r.of(np.logical_or, r.of(np.isnan, x), r.of(np.isnan, y)),
    **dict.fromkeys((np.exp, cmath.exp), _exp),
    **dict.fromkeys((np.log, cmath.log), _log),
    **dict.fromkeys((np.log10, cmath.log10), _scaled_log(10.0)),
    np.log2: _scaled_log(2.0),
    **dict.fromkeys((np.sqrt, cmath.sqrt), _sqrt),
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
    if function in _MAKERS and len(args) == 2:
        args, named = args[:1], {**named, "dtype": args[1]}
    dtype = named.get("dtype")
    if isinstance(dtype, Object) and _is_complex(dtype.value):
        rest = {k: v for k, v in named.items() if k != "dtype"}
        return _made(low, function, args, rest, node)
    if function in _STRUCTURAL:
        return None
    r = _Real(low, node)
    if not (holds_complex(low, args) or function in _FROM_REAL):
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


def _of_real(r: _Real, function: Any, value: Abstract) -> Abstract:
    """Give a part of something real, or its conjugate."""
    if function is not np.imag:
        return value
    return r.of(np.zeros_like, value) if isinstance(value, _ARRAYS) else _ZERO


def _applied(r: _Real, function: Callable[..., Abstract], value: Abstract) -> Abstract:
    if isinstance(value, TupleOf | ListOf):
        value = _by_parts(r.low, np.array, [value], {}, r.node)
    re, im = parts(value)
    if not isinstance(value, ComplexOf) and is_scalar(re):
        re = r.low.b.cast(re, FLOAT)
    found = function(r, re, im)
    return pair(r.low, found.re, found.im, r.node) if isinstance(found, ComplexOf) else found


def _dot(r: _Real, function: Any, a: Abstract, b: Abstract) -> Abstract:
    if function is np.vdot:
        re, im = parts(a)
        a = ComplexOf(re, r.neg(im)) if isinstance(a, ComplexOf) else a
    scalars = any(is_scalar(parts(x)[0]) for x in (a, b))
    return binary(r.low, ast.Mult if scalars else ast.MatMult, a, b, r.node)


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
    r = _Real(low, node)
    if function in _MAKERS and not named:
        return ComplexOf(r.of(function, *args), r.of(np.zeros, *args))
    if function is np.full and not named:
        re, im = parts(args[1])
        filled = [low.as_scalar(x, node, FLOAT) for x in (re, im)]
        return ComplexOf(*(r.of(np.full, args[0], x) for x in filled))
    if function in (np.zeros_like, np.empty_like, np.ones_like) and not named:
        model = parts(args[0])[0]
        return ComplexOf(r.of(function, model), r.of(np.zeros_like, model))
    if function in (np.array, np.asarray) and not named:
        return _by_parts(low, function, args, {}, node)
    return low.refuse(f"{ast.unparse(node.func)} with dtype=complex cannot be compiled", node)


def _by_parts(low: Lowering, function: Any, args: list, named: dict, node: ast.Call) -> Abstract:
    """Call a function on the real and on the imaginary parts."""
    from sciad.compiler import calls

    found = []
    for which in (0, 1):
        own = [_part(low, a, which, node) for a in args]
        found.append(calls.call(low, Object(function), own, dict(named), node))
    return pair(low, found[0], found[1], node)


def _part(low: Lowering, value: Abstract, which: int, node: ast.AST) -> Abstract:
    """Real (0) or imaginary (1) part of a number, an array or a nested sequence."""
    if isinstance(value, ComplexOf):
        return parts(value)[which]
    if isinstance(value, TupleOf | ListOf):
        from sciad.compiler import indexing

        items = indexing.sequence(low, value, node)
        return TupleOf(tuple(_part(low, item, which, node) for item in items))
    if is_scalar(value):
        x = low.b.cast(value, FLOAT)
        return x if which == 0 else _ZERO
    if which == 0 or not isinstance(value, _ARRAYS):
        return value
    return _Real(low, node).of(np.zeros_like, value)


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
    from sciad.compiler import expressions

    if name in ("shape", "ndim", "size"):
        return expressions._array_attribute(low, owner.re, name, node)
    if name == "T":
        return ComplexOf(*(expressions._array_attribute(low, x, "T", node) for x in parts(owner)))
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

"""Complex numbers and arrays: pairs of real ones.

A complex value is a `ComplexOf` of two real abstract values of one shape, and everything here is
written in real arithmetic on them, so that the passes after lowering never see a complex number and
derivatives come for free. Complex arrays are two real arrays; a view of one is a pair of views.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    ComplexOf,
    Elements,
    Memory,
    Object,
    StaticArray,
    complex_of,
)
from sciad.compiler.ir import FLOAT, Const, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "RealArithmetic",
    "binary",
    "compared",
    "exponential",
    "logarithm",
    "negative",
    "pair",
    "parts",
    "principal_root",
    "product",
    "quotient",
]

_ARRAYS = StaticArray | Memory | Elements
_ZERO, _ONE, _HALF = const(0.0), const(1.0), const(0.5)
#: Integer powers up to this one are products.
_MOST_PRODUCTS = 16


class RealArithmetic:
    """Real arithmetic on abstract values, at one place of the user's code."""

    def __init__(self, low: Lowering, node: ast.AST):
        self.low = low
        self.node: Any = node

    def _binary(self, kind: type[ast.operator], a: Abstract, b: Abstract) -> Abstract:
        from sciad.compiler.front import expressions

        return expressions.binary(self.low, kind, a, b, self.node)

    def add(self, a: Abstract, b: Abstract) -> Abstract:
        """Sum."""
        return self._binary(ast.Add, a, b)

    def sub(self, a: Abstract, b: Abstract) -> Abstract:
        """Difference."""
        return self._binary(ast.Sub, a, b)

    def mul(self, a: Abstract, b: Abstract) -> Abstract:
        """Product."""
        return self._binary(ast.Mult, a, b)

    def div(self, a: Abstract, b: Abstract) -> Abstract:
        """Quotient."""
        return self._binary(ast.Div, a, b)

    def neg(self, a: Abstract) -> Abstract:
        """Negative."""
        return self.of(np.negative, a)

    def of(self, function: Any, *args: Abstract) -> Abstract:
        """Value of a real function."""
        from sciad.compiler.front import calls

        return calls.call(self.low, Object(function), list(args), {}, self.node)

    def where(self, test: Abstract, yes: Abstract, no: Abstract) -> Abstract:
        """Take one of two values, element by element."""
        return self.of(np.where, test, yes, no)


# -- what is complex ------------------------------------------------------------------------------
def parts(value: Abstract) -> tuple[Abstract, Abstract]:
    """Real and imaginary part of a number or array."""
    return (value.re, value.im) if isinstance(value, ComplexOf) else (value, _ZERO)


def pair(low: Lowering, re: Abstract, im: Abstract, node: ast.AST) -> ComplexOf:
    """Make a complex value of two parts, of which one may be a number and the other an array."""
    if is_scalar(re) and is_scalar(im):
        return complex_of(low.b.cast(re, FLOAT), low.b.cast(im, FLOAT))
    if isinstance(re, _ARRAYS) and isinstance(im, _ARRAYS):
        return complex_of(re, im)
    from sciad.compiler.vocabulary import whole

    first = whole.elementwise(low, lambda x, y: low.b.cast(x, FLOAT), [re, im], node)
    second = whole.elementwise(low, lambda x, y: low.b.cast(y, FLOAT), [re, im], node)
    return complex_of(first, second)


# -- arithmetic -----------------------------------------------------------------------------------
def binary(
    low: Lowering, kind: type[ast.operator], a: Abstract, b: Abstract, node: ast.AST
) -> Abstract:
    """Apply an operator to two values of which one at least is complex."""
    real = RealArithmetic(low, node)
    if kind is ast.Pow:
        return _power(real, a, b)
    handler = _BINARY.get(kind)
    if handler is None:
        low.refuse(f"{ast.unparse(node)} with complex numbers cannot be compiled", node)
    return pair(low, *handler(real, *parts(a), *parts(b)), node)


def _sum(r: RealArithmetic, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
    return r.add(ar, br), r.add(ai, bi)


def _difference(r: RealArithmetic, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
    return r.sub(ar, br), r.sub(ai, bi)


def product(r: RealArithmetic, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
    """Multiply; a real factor takes two products."""
    if ai == _ZERO:
        return r.mul(ar, br), r.mul(ar, bi)
    if bi == _ZERO:
        return r.mul(ar, br), r.mul(ai, br)
    return r.sub(r.mul(ar, br), r.mul(ai, bi)), r.add(r.mul(ar, bi), r.mul(ai, br))


def quotient(r: RealArithmetic, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
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


def _matrix_product(r: RealArithmetic, ar, ai, br, bi) -> tuple[Abstract, Abstract]:
    times = lambda x, y: r._binary(ast.MatMult, x, y)
    if ai == _ZERO:
        return times(ar, br), times(ar, bi)
    if bi == _ZERO:
        return times(ar, br), times(ai, br)
    return r.sub(times(ar, br), times(ai, bi)), r.add(times(ar, bi), times(ai, br))


_BINARY: dict[type[ast.operator], Callable[..., tuple[Abstract, Abstract]]] = {
    ast.Add: _sum,
    ast.Sub: _difference,
    ast.Mult: product,
    ast.Div: quotient,
    ast.MatMult: _matrix_product,
}


def _power(r: RealArithmetic, a: Abstract, b: Abstract) -> Abstract:
    """Raise to a power: by products for a small integer b, else as exp(b log(a))."""
    if isinstance(b, Const) and abs(b.value) <= _MOST_PRODUCTS and b.value == int(b.value):
        found = _integer_power(r, a, abs(int(b.value)))
        return binary(r.low, ast.Div, _ONE, found, r.node) if b.value < 0 else found
    if isinstance(b, Const) and b.value == 0.5:
        return principal_root(r, *parts(a))
    exponent = binary(r.low, ast.Mult, b, logarithm(r, *parts(a)), r.node)
    found = exponential(r, *parts(exponent))
    zero = r.of(np.equal, r.of(np.hypot, *parts(a)), _ZERO)  # 0 ** b is 0
    re, im = (r.where(zero, _ZERO, part) for part in parts(found))
    return pair(r.low, re, im, r.node)


def _integer_power(r: RealArithmetic, a: Abstract, n: int) -> Abstract:
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
    r = RealArithmetic(low, node)
    return complex_of(r.neg(value.re), r.neg(value.im))


def compared(low: Lowering, code: str, a: Abstract, b: Abstract, node: ast.AST) -> Abstract:
    """Compare with == or !=; nothing else is defined for complex numbers."""
    r = RealArithmetic(low, node)
    if code not in ("eq", "ne"):
        low.refuse("complex numbers are compared", node, "compare abs(z), z.real or z.imag")
    pairs = zip(parts(a), parts(b), strict=True)
    if code == "eq":
        return r.of(np.logical_and, *(r.of(np.equal, x, y) for x, y in pairs))
    return r.of(np.logical_or, *(r.of(np.not_equal, x, y) for x, y in pairs))


# -- the functions that powers need
def exponential(r: RealArithmetic, x, y) -> Abstract:
    """Exponential function of x + i y."""
    size = r.of(np.exp, x)
    return complex_of(r.mul(size, r.of(np.cos, y)), r.mul(size, r.of(np.sin, y)))


def logarithm(r: RealArithmetic, x, y) -> Abstract:
    """Principal logarithm of x + i y."""
    return complex_of(r.of(np.log, r.of(np.hypot, x, y)), r.of(np.arctan2, y, x))


def principal_root(r: RealArithmetic, x, y) -> Abstract:
    """Principal root, without cancellation."""
    size = r.of(np.hypot, x, y)
    nought = r.of(np.equal, size, _ZERO)
    safe = r.where(nought, _ONE, r.mul(_HALF, r.add(size, r.of(np.abs, x))))
    long = r.of(np.sqrt, safe)
    short = r.div(r.mul(_HALF, r.of(np.abs, y)), long)
    right = r.of(np.greater_equal, x, _ZERO)
    re, im = r.where(right, long, short), r.where(right, short, long)
    re, im = (r.where(nought, _ZERO, part) for part in (re, im))
    return complex_of(re, r.of(np.copysign, im, y))

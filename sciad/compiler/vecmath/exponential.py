"""exp, exp2, expm1, logistic function and hyperbolic functions.

The argument is reduced to r = x - k log(2), |r| <= log(2) / 2 (Cody and Waite 1980: log(2) in two
parts, the first so short that its product with k is exact); exp(r) is a polynomial. 2**k is
multiplied in two steps, so that results below the normal range are rounded once.
"""

from __future__ import annotations

from sciad.compiler.vecmath.coefficients import EXP, SINH
from sciad.compiler.vecmath.exact import (
    copysign,
    fast_two_sum,
    inlined,
    madd,
    polynomial,
    power_of_two,
    residual,
    rounded,
    two_sum,
)

__all__ = ["cosh", "exp", "exp2", "exp_scaled", "exp_sum", "expit", "expm1", "sinh", "tanh"]

LOG2E = 1.4426950408889634
LN2 = 0.6931471805599453
LN2_HIGH = 0.6931471805601177  # 40 bits
LN2_LOW = -1.7239444525614835e-13
_exp = polynomial(EXP)
_sinh = polynomial(SINH)


@inlined
def _reduced(x):
    """K, r and c with x = k log(2) + r + c."""
    k = rounded(x * LOG2E)
    high = x - k * LN2_HIGH
    low = k * LN2_LOW
    r = high - low
    return k, r, (high - r) - low


@inlined
def _scaled(p, k):
    half = rounded(0.5 * k)
    return p * power_of_two(half) * power_of_two(k - half)


@inlined
def _clamped(x, lowest, highest):
    x = x if x < highest else highest
    return x if x > lowest else lowest


@inlined
def exp_sum(x, low):
    """exp(x + low) for a small low; not for nan."""
    k, r, c = _reduced(_clamped(x, -746.0, 711.0))
    r, c = fast_two_sum(r, c + low)
    return _scaled(1.0 + (r + madd(r * r, _exp(r), c)), k)


@inlined
def exp_scaled(x, shift):
    """2**shift exp(x); not for nan."""
    k, r, c = _reduced(_clamped(x, -746.0, 711.0))
    return _scaled(1.0 + (r + madd(r * r, _exp(r), c)), k + shift)


@inlined
def exp(x):
    """Exponential function."""
    result = exp_scaled(x, 0.0)
    return result if x == x else x


@inlined
def exp2(x):
    """2**x."""
    y = _clamped(x, -1076.0, 1025.0)
    k = rounded(y)
    r = (y - k) * LN2
    result = _scaled(1.0 + (r + r * r * _exp(r)), k)
    return result if x == x else x


@inlined
def expm1_parts(x):
    """exp(x) - 1 as a sum of two floats, for |x| < 60."""
    k, r, c = _reduced(x)
    rest = madd(r * r, _exp(r), madd(c, r, c))
    scale = power_of_two(k)
    head, error = two_sum(scale - 1.0, scale * r)
    return fast_two_sum(head, madd(scale, rest, error))


@inlined
def expm1(x):
    """exp(x) - 1."""
    head, _ = expm1_parts(_clamped(x, -50.0, 50.0))
    result = head if x < 40.0 else exp_scaled(x, 0.0)
    # tiny numbers (and -0.0) are their own results; nan
    return result if abs(x) > 1e-17 else x


@inlined
def expit(x):
    """1 / (1 + exp(-x)), the logistic function."""
    k, r, c = _reduced(_clamped(-abs(x), -746.0, 0.0))
    p, p_low = fast_two_sum(1.0, r + madd(r * r, _exp(r), c))
    e, e_low = _scaled(p, k), _scaled(p_low, k)
    d, d_low = fast_two_sum(1.0, e)
    d_low += e_low
    n, n_low = (1.0 if x > 0.0 else e), (0.0 if x > 0.0 else e_low)
    inverse = 1.0 / d
    q = n * inverse
    result = q + (residual(n, q, d) + (n_low - q * d_low)) * inverse
    return result if x == x else x


@inlined
def tanh(x):
    """Hyperbolic tangent: t / (t + 2) with t = exp(2 |x|) - 1."""
    t, low = expm1_parts(_clamped(2.0 * abs(x), 0.0, 44.0))
    d, d_low = two_sum(2.0, t)
    inverse = 1.0 / d
    q = t * inverse
    result = q + (residual(t, q, d) + (low - q * (d_low + low))) * inverse
    return copysign(result, x) if abs(x) > 1e-9 else x


@inlined
def sinh(x):
    """Hyperbolic sine: an odd polynomial up to 1, exp(|x|) / 2 - exp(-|x|) / 2 above."""
    a = abs(x)
    z = x * x
    inner = madd(x * z, _sinh(z), x)
    e = exp_scaled(a, -1.0)
    outer = copysign(e - 0.25 / e, x)
    result = inner if a < 1.0 else outer
    return result if a > 1e-9 else x


@inlined
def cosh(x):
    """Hyperbolic cosine."""
    e = exp_scaled(abs(x), -1.0)
    result = e + 0.25 / e
    return result if x == x else x

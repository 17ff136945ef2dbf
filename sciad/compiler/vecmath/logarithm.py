"""log, log1p, softplus, logaddexp and the inverse hyperbolic functions.

With m the mantissa in [sqrt(1/2), sqrt(2)], f = m - 1 and s = f / (2 + f), the logarithm of m is
f - f**2 / 2 + s (f**2 / 2 + R(s**2)), a form whose large terms are exact (Ng, in fdlibm's
description of its method, 1993); R is a polynomial.
"""

from __future__ import annotations

import math

from sciad.compiler.vecmath.coefficients import LOG
from sciad.compiler.vecmath.exact import (
    bits,
    copysign,
    floats,
    inlined,
    integer_as_float,
    madd,
    polynomial,
    power_of_two,
    residual,
    two_sum,
)
from sciad.compiler.vecmath.exponential import LN2_HIGH, LN2_LOW, exp_scaled

__all__ = ["acosh", "asinh", "atanh", "log", "log1p", "log_expit", "logaddexp", "softplus"]

_SMALLEST = 2.2250738585072014e-308
_2_54 = 18014398509481984.0
_ROOT_BITS = 0x3FE6A09E667F3BCD  # of sqrt(1/2)
_INFINITY = math.inf
_NAN = math.nan
_log = polynomial(LOG)


@inlined
def mantissa(x):
    """M in [sqrt(1/2), sqrt(2)] and a float k with x = 2**k m, for a positive normal x."""
    i = bits(x)
    e = (i - _ROOT_BITS) >> 52
    return floats(i - (e << 52)), integer_as_float(e)


@inlined
def _log_near_one(f, low, k):
    """Logarithm k log(2) + log(1 + f) + low."""
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    rest = madd(s, madd(z, _log(z), half), madd(k, LN2_LOW, low))
    return k * LN2_HIGH - ((half - rest) - f)


@inlined
def log(x):
    """Natural logarithm."""
    tiny = x < _SMALLEST
    m, k = mantissa(x * _2_54 if tiny else x)
    result = _log_near_one(m - 1.0, 0.0, k - (54.0 if tiny else 0.0))
    result = result if x > 0.0 else (-_INFINITY if x == 0.0 else _NAN)
    return result if x < _INFINITY else (x if x == x else _NAN)


@inlined
def log_sum(u, low, shift):
    """log((u + low) 2**shift) for a positive normal u and a small low."""
    m, k = mantissa(u)
    low = low * power_of_two(-k) if k < 1000.0 else 0.0
    head = m - 1.0
    f = head + low
    return _log_near_one(f, (head - f) + low, k + shift)


@inlined
def log1p_sum(x, low):
    """log(1 + x + low) for x > -1 and a small low."""
    u, error = two_sum(1.0, x)
    return log_sum(u, error + low, 0.0)


@inlined
def log1p(x):
    """log(1 + x)."""
    result = log1p_sum(x, 0.0)
    result = result if x > -1.0 else (-_INFINITY if x == -1.0 else _NAN)
    result = result if x < _INFINITY else x
    return result if abs(x) > 1e-17 else x


@inlined
def logaddexp(x, y):
    """log(exp(x) + exp(y))."""
    larger = x if x > y else y
    e = exp_scaled(-abs(x - y), 0.0)
    result = larger + log1p_sum(1.0 if x == y else e, 0.0)
    return result if x == x and y == y else x + y


@inlined
def softplus(x):
    """log(1 + exp(x))."""
    e = exp_scaled(-abs(x), 0.0)
    small = log1p_sum(e, 0.0)
    small = small if e > 1e-17 else e
    result = small + (x if x > 0.0 else 0.0)
    return result if x == x else x


@inlined
def log_expit(x):
    """Logarithm of 1 / (1 + exp(-x))."""
    return -softplus(-x)


@inlined
def asinh(x):
    """Inverse hyperbolic sine: log1p(a + a**2 / (1 + sqrt(1 + a**2))), a = |x|; far off log(2a)."""
    a = abs(x)
    far = a > 1e10
    b = 1.0 if far else a
    z = b * b
    h, low = two_sum(b, z / (1.0 + math.sqrt(1.0 + z)))
    u, error = two_sum(1.0, h)
    result = log_sum(a if far else u, 0.0 if far else error + low, 1.0 if far else 0.0)
    return copysign(result, x) if a > 1e-9 and a < _INFINITY else x


@inlined
def acosh(x):
    """Inverse hyperbolic cosine: log1p(t + sqrt(2 t + t**2)), t = x - 1; far out log(2 x)."""
    far = x > 1e10
    t = 1.0 if far else x - 1.0
    t = t if t >= 0.0 else 0.0
    square, error = two_sum(2.0 * t, t * t)
    root = math.sqrt(square)
    correction = (residual(square, root, root) + error) * (0.5 / (root if root > 0.0 else 1.0))
    h, low = two_sum(root, t)
    u, error = two_sum(1.0, h)
    result = log_sum(x if far else u, 0.0 if far else error + low + correction, 1.0 if far else 0.0)
    result = result if x < _INFINITY else x
    return result if x >= 1.0 else _NAN


@inlined
def atanh(x):
    """Inverse hyperbolic tangent: log1p(2 a / (1 - a)) / 2, a = |x|."""
    a = abs(x)
    b = a if a < 1.0 else 0.5
    d, d_low = two_sum(1.0, -b)
    q = 2.0 * b / d
    low = (residual(2.0 * b, q, d) - q * d_low) / d
    result = 0.5 * log1p_sum(q, low)
    result = result if a < 1.0 else (_INFINITY if a == 1.0 else _NAN)
    return copysign(result, x) if a > 1e-9 else x

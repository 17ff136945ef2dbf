"""x**y for positive x, and hypot.

The logarithm of x is a sum of two floats with an error below 2**-64, its product with y too. What
is outside the plain range (x not positive and normal, y or the result extreme) is nan here, and the
loops over arrays (see `kernels`) ask the C library for those elements.
"""

from __future__ import annotations

import math

from sciad.compiler.vecmath.coefficients import LOG_REST
from sciad.compiler.vecmath.exact import (
    fast_two_sum,
    inlined,
    madd,
    polynomial,
    residual,
    two_product,
    two_sum,
)
from sciad.compiler.vecmath.exponential import LN2_HIGH, LN2_LOW, exp_sum
from sciad.compiler.vecmath.logarithm import mantissa

__all__ = ["hypot", "power"]

_NAN = math.nan
_INFINITY = math.inf
_TWO_THIRDS = 0.6666666666666666
_TWO_THIRDS_LOW = 3.700743415417188e-17
_log_rest = polynomial(LOG_REST)


@inlined
def _product(a, a_low, b, b_low):
    """Product (a + a_low) (b + b_low) as a sum of two floats."""
    p, e = two_product(a, b)
    return fast_two_sum(p, e + madd(a, b_low, a_low * b))


@inlined
def _logarithm(x):
    """log(x) as a sum of two floats: 2 s + s z (2/3 + z P(z)) with z = s**2."""
    m, k = mantissa(x)
    f = m - 1.0
    d, d_low = two_sum(1.0, m)
    s = f / d
    s_low = (residual(f, s, d) - s * d_low) / d
    z, z_low = _product(s, s_low, s, s_low)
    c, c_low = fast_two_sum(_TWO_THIRDS, madd(z, _log_rest(z), _TWO_THIRDS_LOW))
    c, c_low = _product(c, c_low, z, z_low)
    c, c_low = _product(c, c_low, s, s_low)
    head, low = fast_two_sum(2.0 * s, c)
    low += c_low + 2.0 * s_low
    first, error = two_sum(k * LN2_HIGH, head)
    second, error2 = two_sum(first, k * LN2_LOW)
    return fast_two_sum(second, error + error2 + low)


@inlined
def power(x, y):
    """x**y where all is in the plain range, else nan."""
    plain = x >= 2.2250738585072014e-308 and x < _INFINITY
    log_x, log_low = _logarithm(x if plain else 1.0)
    p, e = two_product(y, log_x)
    e = madd(y, log_low, e)
    plain = plain and abs(p) < 708.0
    result = exp_sum(p if plain else 0.0, e if plain else 0.0)
    return result if plain else _NAN


@inlined
def hypot(x, y):
    """sqrt(x**2 + y**2) without overflow."""
    a, b = abs(x), abs(y)
    larger = a if a > b else b
    scale = 2.0**-600 if larger > 1e150 else (2.0**600 if larger < 1e-140 else 1.0)
    back = 2.0**600 if larger > 1e150 else (2.0**-600 if larger < 1e-140 else 1.0)
    a *= scale
    b *= scale
    result = math.sqrt(madd(a, a, b * b)) * back
    infinite = x == _INFINITY or x == -_INFINITY or y == _INFINITY or y == -_INFINITY
    return _INFINITY if infinite else result

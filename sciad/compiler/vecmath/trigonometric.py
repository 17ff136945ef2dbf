"""sin, cos and tan.

The argument is reduced by multiples of pi/2 in three parts, without rounding errors where it
matters, as a sum of two floats. That holds up to `FARTHEST`; beyond it the results here are nan,
and the loops over arrays (see `kernels`) ask the C library for those elements.
"""

from __future__ import annotations

import math

from sciad.compiler.vecmath.coefficients import COS, SIN
from sciad.compiler.vecmath.exact import (
    MAGIC,
    bits,
    fast_two_sum,
    floats,
    inlined,
    madd,
    polynomial,
    residual,
    two_product,
    two_sum,
)

__all__ = ["FARTHEST", "cos", "sin", "tan"]

FARTHEST = 1e9
_TWO_OVER_PI = 0.6366197723675814
_PI_2 = 1.5707963267948966
_PI_2_LOW = 6.123233995736766e-17
_PI_2_LOWER = -1.4973849048591698e-33
_NAN = math.nan
_sin = polynomial(SIN)
_cos = polynomial(COS)


@inlined
def _reduced(x):
    """Quadrant k of x (the last two bits count), and r + low = x - k pi/2."""
    t = madd(x, _TWO_OVER_PI, MAGIC)
    k = t - MAGIC
    p, e = two_product(k, _PI_2)
    first = (x - p) - e  # exact: a multiple of 2**-53 below 1
    p, e = two_product(k, _PI_2_LOW)
    second, error = two_sum(first, -p)
    low = (error - e) - k * _PI_2_LOWER
    r, low = fast_two_sum(second, low)
    return bits(t), r, low


@inlined
def _sine(r, low, z):
    """sin(r + low) as a sum of two floats."""
    return fast_two_sum(r, madd(r * z, _sin(z), low * (1.0 - 0.5 * z)))


@inlined
def _cosine(r, low, z):
    """cos(r + low) as a sum of two floats."""
    half = 0.5 * z
    head = 1.0 - half
    return fast_two_sum(head, ((1.0 - head) - half) + madd(z * z, _cos(z), -r * low))


@inlined
def _wave(x, shift):
    q, r, low = _reduced(x)
    q += shift
    z = r * r
    s, _ = _sine(r, low, z)
    c, _ = _cosine(r, low, z)
    value = floats(bits(s if (q & 1) == 0 else c) ^ ((q & 2) << 62))
    return value if abs(x) <= FARTHEST else _NAN


@inlined
def sin(x):
    """Sine."""
    result = _wave(x, 0)
    return x if abs(x) < 1e-9 else result


@inlined
def cos(x):
    """Cosine."""
    return _wave(x, 1)


@inlined
def tan(x):
    """Tangent."""
    q, r, low = _reduced(x)
    z = r * r
    s, s_low = _sine(r, low, z)
    c, c_low = _cosine(r, low, z)
    even = (q & 1) == 0
    n, n_low = (s if even else -c), (s_low if even else -c_low)
    d, d_low = (c if even else s), (c_low if even else s_low)
    inverse = 1.0 / d
    quotient = n * inverse
    result = quotient + (residual(n, quotient, d) + (n_low - quotient * d_low)) * inverse
    result = result if abs(x) <= FARTHEST else _NAN
    return x if abs(x) < 1e-9 else result

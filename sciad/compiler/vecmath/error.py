"""The error function.

Up to 1 an odd polynomial, above 1 - exp(-x**2) Q(x), where Q, a polynomial in (x - 2) / (x + 2), is
the scaled complementary error function (the variable is that of Shepherd and Laframboise 1981).
"""

from __future__ import annotations

from sciad.compiler.vecmath.coefficients import ERF, ERFC_SCALED
from sciad.compiler.vecmath.exact import copysign, inlined, madd, polynomial, two_product
from sciad.compiler.vecmath.exponential import exp_scaled

__all__ = ["erf"]

_SLOPE = 1.1283791670955126  # 2 / sqrt(pi) in two parts
_SLOPE_LOW = 1.533545961316588e-17
_erf = polynomial(ERF)
_erfc_scaled = polynomial(ERFC_SCALED)


@inlined
def erf(x):
    """Error function."""
    a = abs(x)
    z = x * x
    head, low = two_product(x, _SLOPE)
    inner = head + madd(x, madd(z, _erf(z), _SLOPE_LOW), low)
    b = a if a < 6.0 else 6.0
    q = _erfc_scaled((b - 2.0) / (b + 2.0))
    result = inner if a < 1.0 else 1.0 - exp_scaled(-b * b, 0.0) * q
    return copysign(result, x) if x == x else x

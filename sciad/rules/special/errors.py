"""Error functions and the normal distribution.

What cancels at large arguments is summed as an asymptotic series there.
"""

import math

import numpy as np
from scipy import special

from sciad.core.tracer import primal_of
from sciad.rules.special.table import define, is_below, series, where

__all__ = ["mills"]

SQRT_PI = math.sqrt(math.pi)
SQRT_2_PI = math.sqrt(2.0 * math.pi)
TWO_OVER_SQRT_PI = 2.0 / SQRT_PI
#: (2n + 1)!!: coefficients of the asymptotic expansions in powers of 1 / (2 x^2).
_ODD = [float(math.prod(range(1, 2 * n + 2, 2))) for n in range(14)]
_ODD_ALTERNATING = [(-1.0) ** n * c for n, c in enumerate(_ODD)]
#: From here on the expansions are exact to rounding.
FAR = 12.0


def erfcx_slope(x, out):
    """Compute 2 x erfcx(x) - 2 / sqrt(pi) without cancellation."""
    far = ~is_below(x, FAR)
    y = where(far, x, FAR)
    expansion = -series(0.5 / (y * y), _ODD_ALTERNATING) / (SQRT_PI * y * y)
    near = where(far, 0.0, x)
    return where(far, expansion, 2.0 * near * special.erfcx(near) - TWO_OVER_SQRT_PI)


def dawson_slope(x, out):
    """Compute 1 - 2 x D(x) without cancellation."""
    far = np.abs(np.real(primal_of(x))) > FAR
    y = where(far, x, FAR)
    near = where(far, 0.0, x)
    expansion = -series(0.5 / (y * y), _ODD) / (2.0 * y * y)
    return where(far, expansion, 1.0 - 2.0 * near * special.dawsn(near))


def faddeeva_slope(z, out):
    """Compute -2 z w(z) + 2i / sqrt(pi) without cancellation."""
    plain = primal_of(z)
    far, lower = np.abs(plain) > FAR, np.imag(plain) < 0
    y = where(far, z, FAR)
    expansion = -1j * series(0.5 / (y * y), _ODD) / (SQRT_PI * y * y)
    below = where(far & lower, z, 0.0)
    expansion = expansion - 4.0 * below * np.exp(-below * below)
    near = where(far, 0.0, z)
    return where(far, expansion, 1j * TWO_OVER_SQRT_PI - 2.0 * near * special.wofz(near))


def density(x):
    """Density of the standard normal distribution."""
    return np.exp(-0.5 * x * x) / SQRT_2_PI


def mills(x):
    """Density over distribution function of the normal distribution, at any x."""
    low = is_below(x, 0.0)
    a, b = where(low, x, 0.0), where(low, 0.0, x)
    left = math.sqrt(2.0 / math.pi) / special.erfcx(-a / math.sqrt(2.0))
    return where(low, left, density(b) / special.ndtr(b))


define("erf", lambda x, out: TWO_OVER_SQRT_PI * np.exp(-x * x))
define("erfc", lambda x, out: -TWO_OVER_SQRT_PI * np.exp(-x * x))
define("erfi", lambda x, out: TWO_OVER_SQRT_PI * np.exp(x * x))
define("erfcx", erfcx_slope)
define("dawsn", dawson_slope)
define("wofz", faddeeva_slope)
define("erfinv", lambda y, out: 0.5 * SQRT_PI * np.exp(out * out))
define("erfcinv", lambda y, out: -0.5 * SQRT_PI * np.exp(out * out))
define("ndtr", lambda x, out: density(x))
define("log_ndtr", lambda x, out: mills(x))
define("ndtri", lambda p, out: SQRT_2_PI * np.exp(0.5 * out * out))
define("ndtri_exp", lambda y, out: 1.0 / mills(out))


# The Voigt profile is Re w(z) / (sigma sqrt(2 pi)) at z = (x + i gamma) / (sigma sqrt(2)).


def _profile_point(x, sigma, gamma):
    return (x + 1j * gamma) / (sigma * math.sqrt(2.0))


def _profile_slope(x, sigma, gamma):
    return faddeeva_slope(_profile_point(x, sigma, gamma), None) / (2.0 * SQRT_PI * sigma * sigma)


def _profile_slope_of_sigma(x, sigma, gamma, out):
    z = _profile_point(x, sigma, gamma)
    return -(out + np.real(faddeeva_slope(z, None) * z) / (sigma * SQRT_2_PI)) / sigma


define(
    "voigt_profile",
    lambda x, sigma, gamma, out: np.real(_profile_slope(x, sigma, gamma)),
    _profile_slope_of_sigma,
    lambda x, sigma, gamma, out: -np.imag(_profile_slope(x, sigma, gamma)),
)

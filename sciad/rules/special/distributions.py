"""Distribution functions of scipy.special: their densities, and the inverses' reciprocals.

Counts (the k of the binomial, Poisson and negative binomial distributions) are rounded down by
SciPy, so the functions are piecewise constant in them.
"""

import math

import numpy as np
from scipy import special

from sciad.rules.special.errors import SQRT_2_PI, density
from sciad.rules.special.gammas import beta_density, digamma_step, gamma_density
from sciad.rules.special.table import UNKNOWN, define

__all__: list[str] = []


def _count(k):
    return np.floor(k) + 1.0


def student_density(df, t):
    """Density of Student's t distribution."""
    shape = np.exp(-0.5 * (df + 1.0) * np.log1p(t * t / df))
    return shape / (np.sqrt(df) * np.exp(special.betaln(0.5, 0.5 * df)))


def _ratio_density(n, d, x):
    """Density of the F distribution."""
    whole = n * x + d
    return beta_density(0.5 * n, 0.5 * d, n * x / whole) * n * d / (whole * whole)


# Gamma, chi-square, Poisson
define(
    "gdtr",
    lambda a, b, x, out: x * gamma_density(b, a * x),
    UNKNOWN,
    lambda a, b, x, out: a * gamma_density(b, a * x),
)
define(
    "gdtrc",
    lambda a, b, x, out: -x * gamma_density(b, a * x),
    UNKNOWN,
    lambda a, b, x, out: -a * gamma_density(b, a * x),
)
define(
    "gdtrix",
    lambda a, b, p, out: -out / a,
    UNKNOWN,
    lambda a, b, p, out: 1.0 / (a * gamma_density(b, a * out)),
)
define(
    "gdtria",
    lambda p, b, x, out: 1.0 / (x * gamma_density(b, out * x)),
    UNKNOWN,
    lambda p, b, x, out: -out / x,
)
define("chdtr", UNKNOWN, lambda v, x, out: 0.5 * gamma_density(0.5 * v, 0.5 * x))
define("chdtrc", UNKNOWN, lambda v, x, out: -0.5 * gamma_density(0.5 * v, 0.5 * x))
define("chdtri", UNKNOWN, lambda v, p, out: -2.0 / gamma_density(0.5 * v, 0.5 * out))
define("pdtr", None, lambda k, m, out: -gamma_density(_count(k), m))
define("pdtrc", None, lambda k, m, out: gamma_density(_count(k), m))
define("pdtri", None, lambda k, y, out: -1.0 / gamma_density(_count(k), out))

# Beta, binomial, F, Student
define("btdtr", UNKNOWN, UNKNOWN, lambda a, b, x, out: beta_density(a, b, x))
define("btdtri", UNKNOWN, UNKNOWN, lambda a, b, p, out: 1.0 / beta_density(a, b, out))
define(
    "bdtr", None, None, lambda k, n, p, out: -beta_density(n - _count(k) + 1.0, _count(k), 1.0 - p)
)
define(
    "bdtrc", None, None, lambda k, n, p, out: beta_density(n - _count(k) + 1.0, _count(k), 1.0 - p)
)
define(
    "bdtri",
    None,
    None,
    lambda k, n, y, out: -1.0 / beta_density(n - _count(k) + 1.0, _count(k), 1.0 - out),
)
define("nbdtr", None, UNKNOWN, lambda k, n, p, out: beta_density(n, _count(k), p))
define("nbdtrc", None, UNKNOWN, lambda k, n, p, out: -beta_density(n, _count(k), p))
define("nbdtri", None, UNKNOWN, lambda k, n, y, out: 1.0 / beta_density(n, _count(k), out))
define("fdtr", UNKNOWN, UNKNOWN, lambda n, d, x, out: _ratio_density(n, d, x))
define("fdtrc", UNKNOWN, UNKNOWN, lambda n, d, x, out: -_ratio_density(n, d, x))
define("fdtri", UNKNOWN, UNKNOWN, lambda n, d, p, out: 1.0 / _ratio_density(n, d, out))
define("stdtr", UNKNOWN, lambda df, t, out: student_density(df, t))
define("stdtrit", UNKNOWN, lambda df, p, out: 1.0 / student_density(df, out))

# Normal: the mean and the deviation for which x has probability p
define(
    "nrdtrimn",
    lambda p, s, x, out: -s * SQRT_2_PI * np.exp(0.5 * special.ndtri(p) ** 2),
    lambda p, s, x, out: -special.ndtri(p),
    lambda p, s, x, out: 1.0,
)
define(
    "nrdtrisd",
    lambda mn, p, x, out: -1.0 / special.ndtri(p),
    lambda mn, p, x, out: -out / special.ndtri(p) / density(special.ndtri(p)),
    lambda mn, p, x, out: 1.0 / special.ndtri(p),
)
define(
    "owens_t",
    lambda h, a, out: -0.5 * density(h) * special.erf(a * h / math.sqrt(2.0)),
    lambda h, a, out: np.exp(-0.5 * h * h * (1.0 + a * a)) / (2.0 * math.pi * (1.0 + a * a)),
)

# What scipy.stats calls --------------------------------------------------------------------------


def _skewed(x, loc, scale, a):
    """Standardised x and density of the skew normal distribution there."""
    z = (x - loc) / scale
    return z, 2.0 * density(z) * special.ndtr(a * z) / scale


def _skew_slope(x, loc, scale, a, out):
    z = (x - loc) / scale
    return -np.exp(-0.5 * z * z * (1.0 + a * a)) / (math.pi * (1.0 + a * a))


define(
    "_skewnorm_cdf",
    lambda x, loc, scale, a, out: _skewed(x, loc, scale, a)[1],
    lambda x, loc, scale, a, out: -_skewed(x, loc, scale, a)[1],
    lambda x, loc, scale, a, out: -np.multiply(*_skewed(x, loc, scale, a)),
    _skew_slope,
)
define(
    "_beta_pdf",
    lambda x, a, b, out: beta_density(a, b, x) * ((a - 1.0) / x - (b - 1.0) / (1.0 - x)),
    lambda x, a, b, out: beta_density(a, b, x) * (np.log(x) + digamma_step(a, b)),
    lambda x, a, b, out: beta_density(a, b, x) * (np.log1p(-x) + digamma_step(b, a)),
)
define("_beta_ppf", lambda q, a, b, out: 1.0 / beta_density(a, b, out), UNKNOWN, UNKNOWN)
define(
    "_binom_pmf",
    UNKNOWN,
    UNKNOWN,
    lambda k, n, p, out: (
        special.binom(n, k) * p ** (k - 1.0) * (1.0 - p) ** (n - k - 1.0) * (k - n * p)
    ),
)
define("_cosine_cdf", lambda x, out: (1.0 + np.cos(np.clip(x, -math.pi, math.pi))) / (2 * math.pi))
define("_cosine_invcdf", lambda p, out: 2.0 * math.pi / (1.0 + np.cos(out)))

"""Gamma, beta and zeta functions, binomial coefficients, incomplete gamma and beta functions.

The densities under the incomplete functions are written with Stirling's formula and the deviance,
which keep their digits for large parameters (C. Loader, "Fast and accurate computation of binomial
probabilities", 2000).
"""

import math

import numpy as np
from scipy import special

from sciad.core.tracer import primal_of
from sciad.rules.special.table import UNKNOWN, define, is_real, series, where

__all__ = ["beta_density", "digamma_step", "gamma_density", "trigamma"]

LOG_2_PI = math.log(2.0 * math.pi)
#: B_2k / 2k: coefficients of the expansion of digamma in powers of 1 / x^2.
_BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510]
_BERNOULLI += [43867 / 798, -174611 / 330]
_DIGAMMA = [b / (2.0 * k) for k, b in enumerate(_BERNOULLI, 1)]
_STIRLING = [b / (2.0 * k * (2.0 * k - 1.0)) for k, b in enumerate(_BERNOULLI, 1)]

# Gamma -------------------------------------------------------------------------------------------


def _sine_of_pi(x):
    """Compute sin(pi x) and cos(pi x), exact at the zeros."""
    whole = np.round(np.real(primal_of(x)))
    sign = 1.0 - 2.0 * np.mod(whole, 2.0)
    rest = math.pi * (x - whole)
    return sign * np.sin(rest), sign * np.cos(rest)


def trigamma(x):
    """Compute the derivative of digamma: a zeta function, reflected to the positive half-axis."""
    left = np.real(primal_of(x)) < 0.5
    right = where(left, 1.0 - x, x)
    value = special._ufuncs._zeta(2.0, right) if is_real(x) else _complex_trigamma(right)
    sine = _sine_of_pi(where(left, x, 0.5))[0]
    return where(left, (math.pi / sine) ** 2 - value, value)


def _complex_trigamma(z):
    """Sum of 1 / (z + k)^2: the first terms, then Euler's and Maclaurin's formula."""
    total = 0.0
    for k in range(16):
        total = total + 1.0 / ((z + k) * (z + k))
    w = 1.0 / (z + 16)
    return total + w + 0.5 * w * w + w**3 * series(w * w, _BERNOULLI)


def reciprocal_gamma_slope(x, out):
    """Compute the derivative of 1 / gamma(x), finite at the poles of gamma."""
    left = np.real(primal_of(x)) < 0.5
    a, b = where(left, 1.0 - x, 0.5), where(left, 0.5, x)
    sine, cosine = _sine_of_pi(where(left, x, 0.5))
    reflected = special.gamma(a) * (cosine - special.psi(a) * sine / math.pi)
    return where(left, reflected, -special.psi(b) * special.rgamma(b))


define("gamma", lambda x, out: special.gamma(x) * special.psi(x))
define("gammaln", lambda x, out: special.psi(x))
define("loggamma", lambda x, out: special.psi(x))
define("psi", lambda x, out: trigamma(x))
define("_zeta", UNKNOWN, lambda s, q, out: -s * special._ufuncs._zeta(s + 1.0, q))
define("rgamma", reciprocal_gamma_slope)
define("gammasgn", None)

# Beta, binomials ---------------------------------------------------------------------------------


def digamma_step(a, b):
    """Compute digamma(a + b) - digamma(a), without cancellation for large a."""
    far = (primal_of(a) > 15.0) & (primal_of(a) + primal_of(b) > 15.0)
    x, h = where(far, a, 20.0), where(far, b, 0.0)
    y = x + h
    step = np.log1p(h / x) + 0.5 * h / (x * y)
    power = -2.0 * np.log1p(h / x)
    for k, c in enumerate(_DIGAMMA, 1):
        step = step - c * x ** (-2.0 * k) * np.expm1(k * power)
    near, more = where(far, 1.0, a), where(far, 1.0, b)
    return where(far, step, special.psi(near + more) - special.psi(near))


define(
    "beta",
    lambda a, b, out: -special.beta(a, b) * digamma_step(a, b),
    lambda a, b, out: -special.beta(a, b) * digamma_step(b, a),
)
define(
    "betaln",
    lambda a, b, out: -digamma_step(a, b),
    lambda a, b, out: -digamma_step(b, a),
)
define(
    "poch",
    lambda z, m, out: special.poch(z, m) * digamma_step(z, m),
    lambda z, m, out: special.poch(z, m) * special.psi(z + m),
)
define(
    "binom",
    lambda n, k, out: special.binom(n, k) * digamma_step(n - k + 1.0, k),
    lambda n, k, out: special.binom(n, k) * (special.psi(n - k + 1.0) - special.psi(k + 1.0)),
)

# Incomplete functions ----------------------------------------------------------------------------


def _deviance(u):
    """Compute u - log(1 + u) without cancellation."""
    small = np.abs(primal_of(u)) < 0.3
    near, far = where(small, u, 0.0), where(small, 1.0, u)
    v = near / (2.0 + near)
    tail = series(v * v, [0.0] + [2.0 / (2.0 * j + 1.0) for j in range(1, 14)])
    return where(small, near * v - v * tail, far - np.log1p(far))


def _stirling(a):
    """Compute what Stirling's formula for log gamma(a) leaves, for a > 10."""
    return series(1.0 / (a * a), _STIRLING) / a


def gamma_density(a, x):
    """Compute x^(a-1) exp(-x) / gamma(a)."""
    large = primal_of(a) > 10.0
    b, y = where(large, a, 20.0), where(large & (primal_of(x) >= 0.0), x, 20.0)
    exponent = _stirling(b) + b * _deviance((y - b) / b)
    zero = primal_of(y) == 0
    shaped = np.sqrt(b / (2.0 * math.pi)) * np.exp(-exponent) / where(zero, 1.0, y)
    outside = primal_of(x) < 0.0
    c, z = where(large, 1.0, a), where(large | outside, 1.0, x)
    direct = np.exp(special.xlogy(c - 1.0, z) - z) * special.rgamma(c)
    return where(large, where(zero | outside, 0.0, shaped), where(outside, 0.0, direct))


def beta_density(a, b, x):
    """Compute x^(a-1) (1-x)^(b-1) / beta(a, b)."""
    large = (primal_of(a) > 10.0) & (primal_of(b) > 10.0)
    inside = (primal_of(x) > 0.0) & (primal_of(x) < 1.0)
    use = large & inside
    p, q, y = where(use, a, 20.0), where(use, b, 20.0), where(use, x, 0.5)
    n = p + q
    gap = y * q - p * (1.0 - y)  # n (y - p / n)
    exponent = p * _deviance(gap / p) + q * _deviance(-gap / q)
    exponent = exponent + _stirling(p) + _stirling(q) - _stirling(n)
    shaped = np.sqrt(p * q / (2.0 * math.pi * n)) * np.exp(-exponent) / (y * (1.0 - y))
    outside = (primal_of(x) < 0.0) | (primal_of(x) > 1.0)
    c, d, z = where(large, 1.0, a), where(large, 1.0, b), where(large | outside, 0.5, x)
    logs = special.xlogy(c - 1.0, z) + special.xlog1py(d - 1.0, -z) - special.betaln(c, d)
    direct = where(outside, 0.0, np.exp(logs))
    return where(large, where(inside, shaped, 0.0), direct)


define("gammainc", UNKNOWN, lambda a, x, out: gamma_density(a, x))
define("gammaincc", UNKNOWN, lambda a, x, out: -gamma_density(a, x))
define("gammaincinv", UNKNOWN, lambda a, y, out: 1.0 / gamma_density(a, out))
define("gammainccinv", UNKNOWN, lambda a, y, out: -1.0 / gamma_density(a, out))
define("betainc", UNKNOWN, UNKNOWN, lambda a, b, x, out: beta_density(a, b, x))
define("betaincc", UNKNOWN, UNKNOWN, lambda a, b, x, out: -beta_density(a, b, x))
define("betaincinv", UNKNOWN, UNKNOWN, lambda a, b, y, out: 1.0 / beta_density(a, b, out))
define("betainccinv", UNKNOWN, UNKNOWN, lambda a, b, y, out: -1.0 / beta_density(a, b, out))

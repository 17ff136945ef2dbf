"""Orthogonal polynomials with respect to x: multiples of polynomials one degree lower."""

import numpy as np
from scipy import special

from sciad.core.tracer import primal_of
from sciad.rules.special.table import UNKNOWN, define

__all__: list[str] = []


def _below(n):
    """Degree one lower, and 1 (0 where there is none: the constant)."""
    n = primal_of(n)
    return np.where(n == 0, 0, n - 1), np.where(n == 0, 0.0, 1.0)


def _jacobi(n, a, b, x):
    less, some = _below(n)
    return some * special.eval_jacobi(less, a, b, x)


def _gegenbauer(n, a, x):
    less, some = _below(n)
    return some * special.eval_gegenbauer(less, a, x)


def _laguerre(n, a, x):
    less, some = _below(n)
    return some * special.eval_genlaguerre(less, a, x)


def _shifted_jacobi_slope(n, p, q, x, out):
    scale = special.binom(2.0 * n + p - 1.0, n)
    return (n + p) * _jacobi(n, p - q + 1.0, q, 2.0 * x - 1.0) / scale


define("eval_legendre", UNKNOWN, lambda n, x, out: 0.5 * (n + 1.0) * _jacobi(n, 1.0, 1.0, x))
define(
    "eval_sh_legendre",
    UNKNOWN,
    lambda n, x, out: (n + 1.0) * _jacobi(n, 1.0, 1.0, 2.0 * x - 1.0),
)
define(
    "eval_jacobi",
    UNKNOWN,
    UNKNOWN,
    UNKNOWN,
    lambda n, a, b, x, out: 0.5 * (n + a + b + 1.0) * _jacobi(n, a + 1.0, b + 1.0, x),
)
define("eval_sh_jacobi", UNKNOWN, UNKNOWN, UNKNOWN, _shifted_jacobi_slope)
define(
    "eval_gegenbauer", UNKNOWN, UNKNOWN, lambda n, a, x, out: 2.0 * a * _gegenbauer(n, a + 1.0, x)
)
define("eval_chebyt", UNKNOWN, lambda n, x, out: n * special.eval_chebyu(_below(n)[0], x))
define("eval_chebyu", UNKNOWN, lambda n, x, out: 2.0 * _gegenbauer(n, 2.0, x))
define("eval_chebyc", UNKNOWN, lambda n, x, out: n * special.eval_chebys(_below(n)[0], x))
define("eval_chebys", UNKNOWN, lambda n, x, out: _gegenbauer(n, 2.0, 0.5 * x))
define(
    "eval_sh_chebyt",
    UNKNOWN,
    lambda n, x, out: 2.0 * n * special.eval_chebyu(_below(n)[0], 2.0 * x - 1.0),
)
define("eval_sh_chebyu", UNKNOWN, lambda n, x, out: 4.0 * _gegenbauer(n, 2.0, 2.0 * x - 1.0))
define("eval_hermite", UNKNOWN, lambda n, x, out: 2.0 * n * special.eval_hermite(_below(n)[0], x))
define("eval_hermitenorm", UNKNOWN, lambda n, x, out: n * special.eval_hermitenorm(_below(n)[0], x))
define("eval_laguerre", UNKNOWN, lambda n, x, out: -_laguerre(n, 1.0, x))
define("eval_genlaguerre", UNKNOWN, UNKNOWN, lambda n, a, x, out: -_laguerre(n, a + 1.0, x))


def _legendre_slope(m, v, x, out):
    """Compute the derivative of the associated Legendre function (DLMF 14.10)."""
    lower, upper = special.lpmv(m - 1, v, x), special.lpmv(m + 1, v, x)
    return 0.5 * (upper - (v + m) * (v - m + 1.0) * lower) / np.sqrt(1.0 - x * x) * -1.0


define("lpmv", UNKNOWN, UNKNOWN, _legendre_slope)

"""Exponential, trigonometric and Fresnel integrals, integrals of Bessel and Struve functions."""

import math

import numpy as np
from scipy import special

from sciad.core.tracer import primal_of
from sciad.rules.special.table import UNKNOWN, define, define_outputs, series, where

__all__: list[str] = []

_SINC = [(-1.0) ** k / math.factorial(2 * k + 1) for k in range(10)]
_SINHC = [1.0 / math.factorial(2 * k + 1) for k in range(10)]
_LOG1P = [(-1.0) ** k / (k + 1.0) for k in range(24)]


def _quotient(function, coefficients, x):
    """Compute function(x) / x for an odd function, by its series near 0."""
    small = np.abs(primal_of(x)) < 1.0
    near, far = where(small, x, 0.0), where(small, 1.0, x)
    return where(small, series(near * near, coefficients), function(far) / far)


def _log1p_over(u):
    """Compute log(1 + u) / u, by its series near 0."""
    small = np.abs(primal_of(u)) < 0.2
    near, far = where(small, u, 0.0), where(small, 1.0, u)
    return where(small, series(near, _LOG1P), np.log1p(far) / far)


def _exponential_slope(n, x, out):
    first = primal_of(n) == 0
    lower = special.expn(np.maximum(n, 1) - 1, x)
    return where(first, -np.exp(-x) * (1.0 + x) / (x * x), -lower)


define("exp1", lambda z, out: -np.exp(-z) / z)
define("expi", lambda z, out: np.exp(z) / z)
define("expn", UNKNOWN, _exponential_slope)
define("spence", lambda z, out: -_log1p_over(z - 1.0))
define_outputs(
    "sici",
    (lambda x, out: _quotient(np.sin, _SINC, x),),
    (lambda x, out: np.cos(x) / x,),
)
define_outputs(
    "shichi",
    (lambda x, out: _quotient(np.sinh, _SINHC, x),),
    (lambda x, out: np.cosh(x) / x,),
)
define_outputs(
    "fresnel",
    (lambda z, out: np.sin(0.5 * math.pi * z * z),),
    (lambda z, out: np.cos(0.5 * math.pi * z * z),),
)
define_outputs("itj0y0", (lambda x, out: special.j0(x),), (lambda x, out: special.y0(x),))
define_outputs("iti0k0", (lambda x, out: special.i0(x),), (lambda x, out: special.k0(x),))
define("itstruve0", lambda x, out: special.struve(0, x))
define("itmodstruve0", lambda x, out: special.modstruve(0, x))
define("it2struve0", lambda x, out: -special.struve(0, x) / x)

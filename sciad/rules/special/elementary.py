"""Logistic functions, logarithmic products, entropies, losses, powers, angles in degrees."""

import math

import numpy as np
from scipy import special

from sciad.core.tracer import primal_of
from sciad.rules.special.table import define, series, where

__all__ = ["exprel_slope"]

DEGREE = math.pi / 180.0
LOG2, LOG10 = math.log(2.0), math.log(10.0)

# Logistic functions ------------------------------------------------------------------------------

define("expit", lambda x, out: special.expit(x) * special.expit(-x))
define("logit", lambda p, out: 1.0 / (p * (1.0 - p)))
define("log_expit", lambda x, out: special.expit(-x))

# Products with logarithms: 0 log 0 is 0, its derivative with respect to the argument of the
# logarithm too


def _guarded_ratio(x, y):
    zero = primal_of(x) == 0
    return where(zero, 0.0, x / where(zero, 1.0, y))


define("xlogy", lambda x, y, out: np.log(y), lambda x, y, out: _guarded_ratio(x, y))
define("xlog1py", lambda x, y, out: np.log1p(y), lambda x, y, out: _guarded_ratio(x, 1.0 + y))
define("entr", lambda x, out: -np.log(x) - 1.0)


def log_ratio(x, y):
    """Compute log(x / y): without cancellation near 1, without overflow; 0 at (0, 0)."""
    plain_x, plain_y = primal_of(x), primal_of(y)
    none = (plain_x == 0) & (plain_y == 0)
    close = np.abs(plain_x - plain_y) < 0.5 * np.abs(plain_y)
    near_x, near_y = where(close, x, 1.0), where(close, y, 1.0)
    far_x, far_y = where(none | close, 1.0, x), where(none | close, 1.0, y)
    return where(close, np.log1p((near_x - near_y) / near_y), np.log(far_x) - np.log(far_y))


define(
    "rel_entr",
    lambda x, y, out: log_ratio(x, y) + 1.0,
    lambda x, y, out: -_guarded_ratio(x, y),
)
define(
    "kl_div",
    lambda x, y, out: log_ratio(x, y),
    lambda x, y, out: _guarded_ratio(y - x, y),
)

# Losses ------------------------------------------------------------------------------------------


def _pseudo_huber_root(delta, r):
    u = _guarded_ratio(r, where(primal_of(delta) == 0, 1.0, delta))
    return u, np.sqrt(1.0 + u * u)


def _pseudo_huber_slope(delta, r, out):
    u, q = _pseudo_huber_root(delta, r)
    return where(primal_of(delta) == 0, 0.0, delta * u / q)


def _pseudo_huber_slope_of_delta(delta, r, out):
    u, q = _pseudo_huber_root(delta, r)
    return delta * u**4 / ((1.0 + q) ** 2 * q)


def _huber_slope_of_delta(delta, r, out):
    inside = np.abs(primal_of(r)) <= primal_of(delta)
    return where(inside, 0.0, np.abs(r) - delta)


def _huber_slope(delta, r, out):
    inside = np.abs(primal_of(r)) <= primal_of(delta)
    return where(inside, r, delta * np.sign(primal_of(r)))


define("huber", _huber_slope_of_delta, _huber_slope)
define("pseudo_huber", _pseudo_huber_slope_of_delta, _pseudo_huber_slope)

# Exponentials, logarithms, powers ----------------------------------------------------------------

_EXPREL = [(m + 1.0) / math.factorial(m + 2) for m in range(20)]


def exprel_slope(t):
    """Compute (exp(t) (t - 1) + 1) / t^2, the derivative of (exp(t) - 1) / t."""
    small = np.abs(primal_of(t)) < 1.0
    far = where(small, 1.0, t)
    direct = (np.exp(far) * (far - 1.0) + 1.0) / (far * far)
    # for large t the exponential overflows before its quotient does
    return where(small, series(where(small, t, 0.0), _EXPREL), direct)


define("exprel", lambda x, out: exprel_slope(x))
define("expm1", lambda x, out: np.exp(x))
define("log1p", lambda x, out: 1.0 / (1.0 + x))
define("exp2", lambda x, out: LOG2 * special.exp2(x))
define("exp10", lambda x, out: LOG10 * special.exp10(x))
define("cbrt", lambda x, out: 1.0 / (3.0 * special.cbrt(x) ** 2))
define("cosm1", lambda x, out: -np.sin(x))


def _power_slope(x, y, out):
    return np.multiply(y, x ** (y - 1.0))


def _power_slope_of_exponent(x, y, out):
    zero = primal_of(x) == 0
    base = where(zero, 1.0, x)
    return where(zero, 0.0, base**y * np.log(base))


define("powm1", _power_slope, _power_slope_of_exponent)

# Box and Cox's transform: (x^lambda - 1) / lambda, with t = lambda log x

_INVERSE_BOX = [(-1.0) ** (m + 1) * (m + 1.0) / (m + 2.0) for m in range(20)]


def _inverse_box(t):
    """Compute (t / (1 + t) - log(1 + t)) / t^2."""
    small = np.abs(primal_of(t)) < 0.1
    far = where(small, 1.0, t)
    direct = (far / (1.0 + far) - np.log1p(far)) / (far * far)
    return where(small, series(where(small, t, 0.0), _INVERSE_BOX), direct)


define(
    "boxcox",
    lambda x, lam, out: x ** (lam - 1.0),
    lambda x, lam, out: np.log(x) ** 2 * exprel_slope(lam * np.log(x)),
)
define(
    "boxcox1p",
    lambda x, lam, out: np.exp((lam - 1.0) * np.log1p(x)),
    lambda x, lam, out: np.log1p(x) ** 2 * exprel_slope(lam * np.log1p(x)),
)
define(
    "inv_boxcox",
    lambda y, lam, out: out / (1.0 + lam * y),
    lambda y, lam, out: out * y * y * _inverse_box(lam * y),
)
define(
    "inv_boxcox1p",
    lambda y, lam, out: (1.0 + out) / (1.0 + lam * y),
    lambda y, lam, out: (1.0 + out) * y * y * _inverse_box(lam * y),
)

# Angles in degrees -------------------------------------------------------------------------------

define("sindg", lambda x, out: DEGREE * special.cosdg(x))
define("cosdg", lambda x, out: -DEGREE * special.sindg(x))
define("tandg", lambda x, out: DEGREE * (1.0 + special.tandg(x) ** 2))
define("cotdg", lambda x, out: -DEGREE * (1.0 + special.cotdg(x) ** 2))
define(
    "radian",
    lambda d, m, s, out: DEGREE,
    lambda d, m, s, out: DEGREE / 60.0,
    lambda d, m, s, out: DEGREE / 3600.0,
)
define("round", None)

"""Bessel functions and their kin with respect to the argument, Airy, Kelvin and Struve functions.

Derivatives come from the neighbours in the order (DLMF 10.6.1, 10.29.1, 10.51, 11.4). Scaled
functions are slowly varying where the unscaled ones grow or decay exponentially; there the
derivative is summed from the asymptotic expansion, in which nothing cancels (DLMF 10.17, 10.40).
"""

import math

import numpy as np
from scipy import special

from sciad.core.apply import apply
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import Elementwise
from sciad.core.tracer import dtype_of, primal_of
from sciad.rules.special.table import UNKNOWN, define, define_outputs, holds_traced, where

__all__ = ["spherical"]


def _difference(function):
    """Half the difference of the neighbours in the order."""
    return lambda v, z, out: 0.5 * (function(v - 1, z) - function(v + 1, z))


def _sum(function, sign=1.0):
    return lambda v, z, out: 0.5 * sign * (function(v - 1, z) + function(v + 1, z))


for _name in ("jv", "jn", "yv", "hankel1", "hankel2"):
    define(_name, UNKNOWN, _difference(getattr(special, _name)))
define("yn", UNKNOWN, _difference(special.yv))
define("iv", UNKNOWN, _sum(special.iv))
define("kv", UNKNOWN, _sum(special.kv, -1.0))
define("kn", UNKNOWN, _sum(special.kv, -1.0))

define("j0", lambda z, out: -special.j1(z))
define("j1", lambda z, out: 0.5 * (special.j0(z) - special.jv(2, z)))
define("y0", lambda z, out: -special.y1(z))
define("y1", lambda z, out: 0.5 * (special.y0(z) - special.yv(2, z)))
define("i0", lambda z, out: special.i1(z))
define("i1", lambda z, out: 0.5 * (special.i0(z) + special.iv(2, z)))
define("k0", lambda z, out: -special.k1(z))
define("k1", lambda z, out: -0.5 * (special.k0(z) + special.kv(2, z)))

# Scaled functions --------------------------------------------------------------------------------

_TERMS = 12


def _expansion_slope(v, z, unit):
    """Sum the derivative of z^(-1/2) sum_k a_k(v) (unit / z)^k for large z."""
    u = unit / z
    total, term = 0.0, 1.0
    for k in range(_TERMS):
        total = total - (k + 0.5) * term
        term = term * (4.0 * v * v - (2.0 * k + 1.0) ** 2) / (8.0 * (k + 1.0)) * u
    return total / (z * np.sqrt(z))


def _is_far(v, z):
    """Whether the expansion is exact to rounding."""
    return np.real(primal_of(z)) > 100.0 * (1.0 + primal_of(v) ** 2)


def _scaled(unit, factor, near_slope):
    """Slope of a scaled function: the expansion for large arguments, else a recurrence."""

    def slope(v, z, out):
        far = _is_far(v, z)
        large, near = where(far, z, 1e4), where(far, 1.0, z)
        expansion = factor(v) * _expansion_slope(where(far, v, 0.0), large, unit)
        return where(far, expansion, near_slope(v, near))

    return slope


def _real_only(name, slope):
    """Refuse complex arguments: the scaling by |Re z| or |Im z| is not holomorphic."""

    def checked(*args):
        if dtype_of(args[-2]).kind == "c":
            raise NotDifferentiableError(
                f"scipy.special.{name} of complex numbers is not holomorphic: it has no complex"
                " derivative",
                where=user_location(),
                hint="use the function without scaling",
            )
        return slope(*args)

    return checked


def _ive_near(v, z):
    sign = np.sign(primal_of(z))
    return 0.5 * (special.ive(v - 1, z) + special.ive(v + 1, z)) - sign * special.ive(v, z)


def _kve_near(v, z):
    return special.kve(v, z) - 0.5 * (special.kve(v - 1, z) + special.kve(v + 1, z))


def _hankel_near(function, unit):
    return lambda v, z: 0.5 * (function(v - 1, z) - function(v + 1, z)) - unit * function(v, z)


def _hankel_factor(unit):
    phase = lambda v: np.exp(-unit * math.pi * (0.5 * v + 0.25))
    return lambda v: math.sqrt(2.0 / math.pi) * phase(v)


_i_slope = _scaled(-1.0, lambda v: 1.0 / math.sqrt(2.0 * math.pi), _ive_near)
_k_slope = _scaled(1.0, lambda v: math.sqrt(0.5 * math.pi), _kve_near)


def _i_slope_of_any_sign(v, z, out):
    """Extend the slope to negative z: i0e is even, i1e odd."""
    negative = np.real(primal_of(z)) < 0
    slope = _i_slope(v, where(negative, -z, z), out)
    return where(negative, slope if v == 1 else -slope, slope)


define("ive", UNKNOWN, _real_only("ive", _i_slope))
define("kve", UNKNOWN, _k_slope)
define("i0e", lambda z, out: _i_slope_of_any_sign(0, z, out))
define("i1e", lambda z, out: _i_slope_of_any_sign(1, z, out))
define("k0e", lambda z, out: _k_slope(0, z, out))
define("k1e", lambda z, out: _k_slope(1, z, out))
define("jve", UNKNOWN, _real_only("jve", _difference(special.jv)))
define("yve", UNKNOWN, _real_only("yve", _difference(special.yv)))
define(
    "hankel1e",
    UNKNOWN,
    _scaled(1j, _hankel_factor(1j), _hankel_near(special.hankel1e, 1j)),
)
define(
    "hankel2e",
    UNKNOWN,
    _scaled(-1j, _hankel_factor(-1j), _hankel_near(special.hankel2e, -1j)),
)

# Spherical Bessel functions: Python functions of (n, z, derivative) -------------------------------

#: Signs of the neighbours: (2n + 1) f_n' = below n f_(n-1) + above (n + 1) f_(n+1).
_NEIGHBOURS = {
    "spherical_jn": (1.0, -1.0),
    "spherical_yn": (1.0, -1.0),
    "spherical_in": (1.0, 1.0),
    "spherical_kn": (-1.0, -1.0),
}


def spherical(name, n, z, derivative=False):
    """Apply ``scipy.special.spherical_jn`` and its kin, with respect to z."""
    if holds_traced(n):
        raise NotDifferentiableError(
            f"the derivative of scipy.special.{name} with respect to the order n is not known in"
            " closed form",
            where=user_location(),
            hint="use sciad.stop_gradient on it if it is a constant",
        )
    function, (below, above) = getattr(special, name), _NEIGHBOURS[name]
    n = np.asarray(n) if isinstance(n, list) else primal_of(n)

    def neighbours(z, out):
        lower = max(n, 1) - 1 if isinstance(n, int) else np.maximum(n, 1) - 1
        less = spherical(name, lower, z, derivative)
        more = spherical(name, n + 1, z, derivative)
        return (below * n * less + above * (n + 1.0) * more) / (2.0 * n + 1.0)

    rule = Elementwise(lambda z: function(n, z, derivative), (neighbours,))
    return apply(rule, rule.function, (z,), {})


# Airy, Kelvin, parabolic cylinder and Struve functions --------------------------------------------

define_outputs(
    "airy",
    (lambda z, out: out[1],),
    (lambda z, out: z * out[0],),
    (lambda z, out: out[3],),
    (lambda z, out: z * out[2],),
)
define_outputs(
    "itairy",
    (lambda x, out: special.airy(x)[0],),
    (lambda x, out: special.airy(x)[2],),
    (lambda x, out: special.airy(-x)[0],),
    (lambda x, out: special.airy(-x)[2],),
)


def _over(value, x, at_zero):
    """Quotient whose limit at x = 0 is known."""
    zero = primal_of(x) == 0
    return where(zero, at_zero, value / where(zero, 1.0, x))


define("ber", lambda x, out: special.berp(x))
define("bei", lambda x, out: special.beip(x))
define("ker", lambda x, out: special.kerp(x))
define("kei", lambda x, out: special.keip(x))
define("berp", lambda x, out: -_over(special.berp(x), x, 0.0) - special.bei(x))
define("beip", lambda x, out: -_over(special.beip(x), x, 0.5) + special.ber(x))
define("kerp", lambda x, out: -special.kerp(x) / x - special.kei(x))
define("keip", lambda x, out: -special.keip(x) / x + special.ker(x))

define_outputs(
    "pbdv",
    (UNKNOWN, lambda v, x, out: out[1]),
    (UNKNOWN, lambda v, x, out: (0.25 * x * x - v - 0.5) * out[0]),
)
define_outputs(
    "pbwa",
    (UNKNOWN, lambda a, x, out: out[1]),
    (UNKNOWN, lambda a, x, out: (a - 0.25 * x * x) * out[0]),
)


def _struve_term(v, x):
    return (0.5 * x) ** v * special.rgamma(v + 1.5) / math.sqrt(math.pi)


define(
    "struve",
    UNKNOWN,
    lambda v, x, out: (
        0.5 * (special.struve(v - 1, x) - special.struve(v + 1, x) + _struve_term(v, x))
    ),
)
define(
    "modstruve",
    UNKNOWN,
    lambda v, x, out: (
        0.5 * (special.modstruve(v - 1, x) + special.modstruve(v + 1, x) + _struve_term(v, x))
    ),
)

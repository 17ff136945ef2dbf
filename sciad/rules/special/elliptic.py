"""Elliptic integrals and functions, with respect to the amplitude and to the parameter m = k^2.

Legendre's forms of the derivatives cancel for small m; the power series is taken there.
"""

import math

import numpy as np
from scipy import special

from sciad.core.tracer import primal_of
from sciad.rules.special.table import define, define_outputs, series, where

__all__: list[str] = []

_SMALL = 0.05
_RATIOS = [math.comb(2 * n, n) ** 2 / 16.0**n for n in range(16)]
#: Derivatives of (2 / pi) K and (2 / pi) E as power series in m.
_FIRST = [n * c for n, c in enumerate(_RATIOS)][1:]
_SECOND = [n * c / (1.0 - 2.0 * n) for n, c in enumerate(_RATIOS)][1:]


def _first_slope(m, p, k, e):
    """Compute dK/dm = (E - p K) / (2 m p) with p = 1 - m."""
    small = np.abs(primal_of(m)) < _SMALL
    far, rest = where(small, 0.5, m), where(small, 0.5, p)
    direct = (e - p * k) / (2.0 * far * rest)
    return where(small, 0.5 * math.pi * series(where(small, m, 0.0), _FIRST), direct)


def _second_slope(m, out):
    """Compute dE/dm = (E - K) / (2 m)."""
    small = np.abs(primal_of(m)) < _SMALL
    far = where(small, 0.5, m)
    direct = (special.ellipe(m) - special.ellipk(m)) / (2.0 * far)
    return where(small, 0.5 * math.pi * series(where(small, m, 0.0), _SECOND), direct)


def _slope_of_k(m, out):
    return _first_slope(m, 1.0 - m, special.ellipk(m), special.ellipe(m))


define("ellipk", _slope_of_k)
define(
    "ellipkm1",
    lambda p, out: -_first_slope(1.0 - p, p, special.ellipkm1(p), special.ellipe(1.0 - p)),
)
define("ellipe", _second_slope)


# Incomplete integrals: Carlson's form for |phi| <= pi / 2, whole half-turns beside it (DLMF 19.25)


def _carlson_part(phi, m):
    """Half-turns and sin(phi)^3 R_D(cos^2, 1, 1 - m sin^2) / 6 of the rest."""
    turns = np.round(primal_of(phi) / math.pi)
    s, c = np.sin(phi - turns * math.pi), np.cos(phi - turns * math.pi)
    return turns, s, c, 1.0 - m * s * s


def _slope_of_f(phi, m, out):
    turns, s, c, y = _carlson_part(phi, m)
    rest = s**3 * special.elliprd(c * c, 1.0, y) / 6.0
    whole = _slope_of_k(where(turns == 0, 0.5, m), None)
    return rest + where(turns == 0, 0.0, 2.0 * turns * whole)


def _slope_of_e(phi, m, out):
    turns, s, c, y = _carlson_part(phi, m)
    rest = -(s**3) * special.elliprd(c * c, y, 1.0) / 6.0
    whole = _second_slope(where(turns == 0, 0.5, m), None)
    return rest + where(turns == 0, 0.0, 2.0 * turns * whole)


define("ellipkinc", lambda phi, m, out: 1.0 / np.sqrt(1.0 - m * np.sin(phi) ** 2), _slope_of_f)
define("ellipeinc", lambda phi, m, out: np.sqrt(1.0 - m * np.sin(phi) ** 2), _slope_of_e)


def _amplitude_slope(m, out):
    """Compute the derivative of the amplitude to m at constant u."""
    return -out[2] * _slope_of_f(out[3], m, None)


def _slope_of_dn(u, m, out):
    s, c, d, _ = out
    return -(s * s + 2.0 * m * s * c * _amplitude_slope(m, out)) / (2.0 * d)


define_outputs(
    "ellipj",
    (
        lambda u, m, out: out[1] * out[2],
        lambda u, m, out: out[1] * _amplitude_slope(m, out),
    ),
    (
        lambda u, m, out: -out[0] * out[2],
        lambda u, m, out: -out[0] * _amplitude_slope(m, out),
    ),
    (lambda u, m, out: -m * out[0] * out[1], _slope_of_dn),
    (lambda u, m, out: out[2], lambda u, m, out: _amplitude_slope(m, out)),
)

# Carlson's symmetric integrals -------------------------------------------------------------------

define(
    "elliprf",
    lambda x, y, z, out: -special.elliprd(y, z, x) / 6.0,
    lambda x, y, z, out: -special.elliprd(x, z, y) / 6.0,
    lambda x, y, z, out: -special.elliprd(x, y, z) / 6.0,
)
define(
    "elliprc",
    lambda x, y, out: -special.elliprd(y, y, x) / 6.0,
    lambda x, y, out: -special.elliprd(x, y, y) / 3.0,
)

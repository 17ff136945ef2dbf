"""Elementwise functions: arithmetic, powers, exponentials, trigonometric and hyperbolic functions.

A partial is called as ``partial(*arguments, out)``. The compiler reads these lambdas too: calls of
``np`` on scalars, arithmetic, comparisons and ``np.where`` only. All are holomorphic where the
function is; ``abs``, ``real`` and their kin are at the end (or in `sciad.rules.shape`).
"""

import cmath
import math
import operator

import numpy as np

from sciad.core.apply import bind
from sciad.core.dispatch import call
from sciad.core.rules import elementwise, substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of

__all__ = ["LOG2", "LOG10"]

LOG2 = 0.6931471805599453
LOG10 = 2.302585092994046
TWO_OVER_SQRT_PI = 1.1283791670955126

# Arithmetic --------------------------------------------------------------------------------------

elementwise(
    np.add,
    operator.add,
    partials=(lambda x, y, out: 1.0, lambda x, y, out: 1.0),
)
elementwise(
    np.subtract,
    operator.sub,
    partials=(lambda x, y, out: 1.0, lambda x, y, out: -1.0),
)
elementwise(
    np.multiply,
    operator.mul,
    partials=(lambda x, y, out: y, lambda x, y, out: x),
)
elementwise(
    np.divide,
    operator.truediv,
    # not over y * y, which underflows for numbers that the quotient is finite for
    partials=(lambda x, y, out: 1.0 / y, lambda x, y, out: -x / y / y),
)
elementwise(np.negative, operator.neg, partials=(lambda x, out: -1.0,))
elementwise(np.positive, operator.pos, partials=(lambda x, out: 1.0,))
elementwise(
    np.power,
    np.float_power,
    operator.pow,
    math.pow,
    partials=(
        lambda x, y, out: y * np.where(y == 0, np.where(x == 0, 1.0, x), x) ** (y - 1.0),
        # the inner choice is never `out`, whose type makes the logarithm complex where it is
        lambda x, y, out: np.where(
            x == 0, 0.0, out * np.log(np.where(x == 0, np.where(x == 0, 1.0, out), x))
        ),
    ),
)
elementwise(
    np.remainder,
    operator.mod,
    partials=(lambda x, y, out: 1.0, lambda x, y, out: -(x // y)),
)
elementwise(
    np.fmod,
    math.fmod,
    partials=(lambda x, y, out: 1.0, lambda x, y, out: -np.rint((x - out) / y)),
)
elementwise(
    math.remainder,
    partials=(lambda x, y, out: 1.0, lambda x, y, out: -np.rint((x - out) / y)),
)
elementwise(
    np.floor_divide,
    operator.floordiv,
    partials=(None, None),
)
elementwise(np.reciprocal, partials=(lambda x, out: -(out * out),))
elementwise(np.square, partials=(lambda x, out: 2.0 * x,))
elementwise(np.sqrt, math.sqrt, cmath.sqrt, partials=(lambda x, out: 0.5 / out,))
elementwise(np.cbrt, partials=(lambda x, out: 1.0 / (3.0 * np.cbrt(x) ** 2),))
if hasattr(math, "cbrt"):
    elementwise(math.cbrt, partials=(lambda x, out: 1.0 / (3.0 * np.cbrt(x) ** 2),))

# Exponentials and logarithms ---------------------------------------------------------------------

elementwise(np.exp, math.exp, cmath.exp, partials=(lambda x, out: out,))
elementwise(np.exp2, partials=(lambda x, out: LOG2 * out,))
if hasattr(math, "exp2"):
    elementwise(math.exp2, partials=(lambda x, out: LOG2 * np.exp2(x),))
elementwise(np.expm1, math.expm1, partials=(lambda x, out: np.exp(x),))
elementwise(np.log, partials=(lambda x, out: 1.0 / x,))
elementwise(np.log2, math.log2, partials=(lambda x, out: 1.0 / (LOG2 * x),))
elementwise(np.log10, math.log10, cmath.log10, partials=(lambda x, out: 1.0 / (LOG10 * x),))
elementwise(np.log1p, math.log1p, partials=(lambda x, out: 1.0 / (1.0 + x),))
elementwise(
    np.logaddexp,
    partials=(
        lambda x, y, out: np.where(y - x == y - x, 1.0 / (1.0 + np.exp(y - x)), 0.5),
        lambda x, y, out: np.where(x - y == x - y, 1.0 / (1.0 + np.exp(x - y)), 0.5),
    ),
)
elementwise(
    np.logaddexp2,
    partials=(
        lambda x, y, out: np.where(y - x == y - x, 1.0 / (1.0 + np.exp2(y - x)), 0.5),
        lambda x, y, out: np.where(x - y == x - y, 1.0 / (1.0 + np.exp2(x - y)), 0.5),
    ),
)


def log_to_base(x, base):
    """Logarithm to a base, the second form of ``math.log``."""
    return call(math.log, x) / call(math.log, base)


def complex_log_to_base(x, base):
    """Logarithm to a base, the second form of ``cmath.log``."""
    return call(cmath.log, x) / call(cmath.log, base)


elementwise(math.log, partials=(lambda x, out: 1.0 / x,), otherwise=log_to_base)
elementwise(cmath.log, partials=(lambda x, out: 1.0 / x,), otherwise=complex_log_to_base)

# Trigonometric and hyperbolic --------------------------------------------------------------------

elementwise(np.sin, math.sin, cmath.sin, partials=(lambda x, out: np.cos(x),))
elementwise(np.cos, math.cos, cmath.cos, partials=(lambda x, out: -np.sin(x),))
elementwise(np.tan, math.tan, cmath.tan, partials=(lambda x, out: 1.0 + out * out,))
# -(x - 1) instead of 1 - x keeps the sign of a zero imaginary part: it says on which side of the
# cut x lies
elementwise(
    np.arcsin,
    math.asin,
    cmath.asin,
    partials=(lambda x, out: 1.0 / (np.sqrt(-(x - 1.0)) * np.sqrt(x + 1.0)),),
)
elementwise(
    np.arccos,
    math.acos,
    cmath.acos,
    partials=(lambda x, out: -1.0 / (np.sqrt(-(x - 1.0)) * np.sqrt(x + 1.0)),),
)
elementwise(np.arctan, math.atan, cmath.atan, partials=(lambda x, out: 1.0 / (1.0 + x * x),))
elementwise(
    np.arctan2,
    math.atan2,
    partials=(
        lambda y, x, out: x / (x * x + y * y),
        lambda y, x, out: -y / (x * x + y * y),
    ),
)
elementwise(np.sinh, math.sinh, cmath.sinh, partials=(lambda x, out: np.cosh(x),))
elementwise(np.cosh, math.cosh, cmath.cosh, partials=(lambda x, out: np.sinh(x),))
elementwise(np.tanh, math.tanh, cmath.tanh, partials=(lambda x, out: 1.0 - out * out,))
elementwise(
    np.arcsinh, math.asinh, cmath.asinh, partials=(lambda x, out: 1.0 / np.sqrt(1.0 + x * x),)
)
elementwise(
    np.arccosh,
    math.acosh,
    cmath.acosh,
    partials=(lambda x, out: 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)),),
)
elementwise(np.arctanh, math.atanh, cmath.atanh, partials=(lambda x, out: 1.0 / (1.0 - x * x),))
elementwise(
    np.hypot,
    partials=(
        lambda x, y, out: x / np.where(out == 0, 1.0, np.hypot(x, y)),
        lambda x, y, out: y / np.where(out == 0, 1.0, np.hypot(x, y)),
    ),
)
elementwise(np.deg2rad, np.radians, math.radians, partials=(lambda x, out: math.pi / 180.0,))
elementwise(np.rad2deg, np.degrees, math.degrees, partials=(lambda x, out: 180.0 / math.pi,))


def sinc_slope(x):
    """Slope of ``sin(pi x) / (pi x)``; near 0 by its series, which has derivatives there."""
    q = (math.pi * x) * (math.pi * x)
    tail = 1.0 / 93405312000.0 + q * (-1.0 / 22230464256000.0 + q / 6758061133824000.0)
    middle = 1.0 / 45360.0 + q * (-1.0 / 3991680.0 + q * (1.0 / 518918400.0 - q * tail))
    series = -1.0 / 3.0 + q * (1.0 / 30.0 + q * (-1.0 / 840.0 + q * middle))
    near = np.abs(x) < 0.3
    away = np.where(near, 1.0, x)
    outer = (np.cos(math.pi * away) - np.sin(math.pi * away) / (math.pi * away)) / away
    return np.where(near, math.pi * math.pi * x * series, outer)


elementwise(np.sinc, partials=(lambda x, out: sinc_slope(x),))


def bessel_i1(x):
    """Evaluate the modified Bessel function of order 1, the slope of ``np.i0``."""
    from scipy import special

    return special.i1(x)


elementwise(np.i0, partials=(lambda x, out: bessel_i1(x),))


# Selection ---------------------------------------------------------------------------------------

elementwise(
    np.maximum,
    partials=(
        lambda x, y, out: np.where(x > y, 1.0, np.where(x == y, 0.5, 0.0)),
        lambda x, y, out: np.where(y > x, 1.0, np.where(x == y, 0.5, 0.0)),
    ),
    selects=True,
)
elementwise(
    np.minimum,
    partials=(
        lambda x, y, out: np.where(x < y, 1.0, np.where(x == y, 0.5, 0.0)),
        lambda x, y, out: np.where(y < x, 1.0, np.where(x == y, 0.5, 0.0)),
    ),
    selects=True,
)
elementwise(
    np.fmax,
    partials=(
        lambda x, y, out: np.where(x > y, 1.0, np.where(x == y, 0.5, np.where(y != y, 1.0, 0.0))),
        lambda x, y, out: np.where(y > x, 1.0, np.where(x == y, 0.5, np.where(x != x, 1.0, 0.0))),
    ),
    selects=True,
)
elementwise(
    np.fmin,
    partials=(
        lambda x, y, out: np.where(x < y, 1.0, np.where(x == y, 0.5, np.where(y != y, 1.0, 0.0))),
        lambda x, y, out: np.where(y < x, 1.0, np.where(x == y, 0.5, np.where(x != x, 1.0, 0.0))),
    ),
    selects=True,
)
elementwise(
    np.copysign,
    math.copysign,
    partials=(lambda x, y, out: np.where(x == 0, 0.0, np.sign(x) * np.copysign(1.0, y)), None),
)
elementwise(
    np.heaviside,
    partials=(None, lambda x, y, out: np.where(x == 0, 1.0, 0.0)),
)
elementwise(math.erf, partials=(lambda x, out: TWO_OVER_SQRT_PI * np.exp(-x * x),))
elementwise(math.erfc, partials=(lambda x, out: -TWO_OVER_SQRT_PI * np.exp(-x * x),))

# Absolute value and sign: not holomorphic ---------------------------------------------------------


class Modulus:
    """Modulus of complex numbers; its derivative at 0 is 0."""

    name = "absolute"

    def value(self, z):
        return bind(self, z) if is_wrapped(z) else abs(z)  # Python's own for its own numbers

    def vjp(self, g, out, z):
        return (g * np.sign(z),)

    def jvp(self, tangents, out, z):
        return np.real(np.conjugate(np.sign(z)) * tangents[0])


def modulus(z):
    """Modulus of complex numbers."""
    return bind(Modulus(), z)


class Sign:
    """``z / |z|`` of complex numbers, and 0 at 0."""

    name = "sign"

    def value(self, z):
        return bind(self, z) if is_wrapped(z) else np.sign(z)

    def vjp(self, g, out, z):
        return (self._turn(g, out, z),)

    def jvp(self, tangents, out, z):
        return self._turn(tangents[0], out, z)

    @staticmethod
    def _turn(t, out, z):
        """Part of `t` across the direction of z, over the modulus; it is its own adjoint."""
        size = np.abs(z)
        across = np.imag(np.conjugate(out) * t) / np.where(size == 0, 1.0, size)
        return 1j * out * across


def phase_factor(z):
    """``z / |z|``, and 0 at 0: the sign of a complex number."""
    return bind(Sign(), z)


elementwise(
    np.absolute,
    abs,
    operator.abs,
    partials=(lambda x, out: np.sign(x),),
    on_complex=modulus,
)
elementwise(np.fabs, math.fabs, partials=(lambda x, out: np.sign(x),))
elementwise(np.sign, partials=(None,), on_complex=phase_factor)


@substitute(np.angle)
def angle(z, deg=False):
    """``np.angle``; of real numbers it is 0 or pi, whatever their size."""
    z = as_array(z)
    if dtype_of(z).kind != "c":
        return np.angle(primal_of(z), deg)
    found = np.arctan2(np.imag(z), np.real(z))
    return found * (180 / np.pi) if deg else found

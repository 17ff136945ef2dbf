"""Elementwise functions: arithmetic, powers, exponentials, trigonometric and hyperbolic functions.

A partial is called as ``partial(*arguments, out)``. The compiler reads these lambdas too: calls of
``np`` on scalars, arithmetic, comparisons and ``np.where`` only. All are holomorphic where the
function is; ``abs``, ``real`` and their kin are at the end (or in `sciad.rules.shape`).
"""

import cmath
import math
import operator

import numpy as np

from sciad.core.rules import elementwise

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
    partials=(lambda x, y, out: 1.0 / y, lambda x, y, out: -x / (y * y)),
)
elementwise(np.negative, operator.neg, partials=(lambda x, out: -1.0,))
elementwise(np.positive, operator.pos, partials=(lambda x, out: 1.0,))
elementwise(
    np.power,
    np.float_power,
    operator.pow,
    math.pow,
    partials=(
        lambda x, y, out: np.where(y == 0, 0.0, y * x ** np.where(y == 0, 1.0, y - 1.0)),
        lambda x, y, out: np.where(x == 0, 0.0, out * np.log(np.where(x == 0, 1.0, x))),
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
elementwise(np.reciprocal, partials=(lambda x, out: -1.0 / (x * x),))
elementwise(np.square, partials=(lambda x, out: 2.0 * x,))
elementwise(np.sqrt, math.sqrt, cmath.sqrt, partials=(lambda x, out: 0.5 / np.sqrt(x),))
elementwise(np.cbrt, partials=(lambda x, out: 1.0 / (3.0 * np.cbrt(x) ** 2),))
if hasattr(math, "cbrt"):
    elementwise(math.cbrt, partials=(lambda x, out: 1.0 / (3.0 * np.cbrt(x) ** 2),))

# Exponentials and logarithms ---------------------------------------------------------------------

elementwise(np.exp, math.exp, cmath.exp, partials=(lambda x, out: np.exp(x),))
elementwise(np.exp2, partials=(lambda x, out: LOG2 * np.exp2(x),))
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
        lambda x, y, out: 1.0 / (1.0 + np.exp(y - x)),
        lambda x, y, out: 1.0 / (1.0 + np.exp(x - y)),
    ),
)
elementwise(
    np.logaddexp2,
    partials=(
        lambda x, y, out: 1.0 / (1.0 + np.exp2(y - x)),
        lambda x, y, out: 1.0 / (1.0 + np.exp2(x - y)),
    ),
)


def log_to_base(x, base):
    """Logarithm to a base, the second form of ``math.log``."""
    return np.log(x) / np.log(base)


elementwise(math.log, cmath.log, partials=(lambda x, out: 1.0 / x,), otherwise=log_to_base)

# Trigonometric and hyperbolic --------------------------------------------------------------------

elementwise(np.sin, math.sin, cmath.sin, partials=(lambda x, out: np.cos(x),))
elementwise(np.cos, math.cos, cmath.cos, partials=(lambda x, out: -np.sin(x),))
elementwise(np.tan, math.tan, cmath.tan, partials=(lambda x, out: 1.0 + np.tan(x) ** 2,))
elementwise(np.arcsin, math.asin, cmath.asin, partials=(lambda x, out: 1.0 / np.sqrt(1.0 - x * x),))
elementwise(
    np.arccos, math.acos, cmath.acos, partials=(lambda x, out: -1.0 / np.sqrt(1.0 - x * x),)
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
elementwise(np.tanh, math.tanh, cmath.tanh, partials=(lambda x, out: 1.0 - np.tanh(x) ** 2,))
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
elementwise(
    np.sinc,
    partials=(
        lambda x, out: np.where(
            x == 0,
            0.0,
            (np.cos(math.pi * x) - np.sinc(x)) / np.where(x == 0, 1.0, x),
        ),
    ),
)

# Selection ---------------------------------------------------------------------------------------

elementwise(
    np.maximum,
    partials=(
        lambda x, y, out: np.where(x > y, 1.0, np.where(x == y, 0.5, 0.0)),
        lambda x, y, out: np.where(y > x, 1.0, np.where(x == y, 0.5, 0.0)),
    ),
)
elementwise(
    np.minimum,
    partials=(
        lambda x, y, out: np.where(x < y, 1.0, np.where(x == y, 0.5, 0.0)),
        lambda x, y, out: np.where(y < x, 1.0, np.where(x == y, 0.5, 0.0)),
    ),
)
elementwise(
    np.fmax,
    partials=(
        lambda x, y, out: np.where(x > y, 1.0, np.where(x == y, 0.5, np.where(y != y, 1.0, 0.0))),
        lambda x, y, out: np.where(y > x, 1.0, np.where(x == y, 0.5, np.where(x != x, 1.0, 0.0))),
    ),
)
elementwise(
    np.fmin,
    partials=(
        lambda x, y, out: np.where(x < y, 1.0, np.where(x == y, 0.5, np.where(y != y, 1.0, 0.0))),
        lambda x, y, out: np.where(y < x, 1.0, np.where(x == y, 0.5, np.where(x != x, 1.0, 0.0))),
    ),
)
elementwise(
    np.copysign,
    math.copysign,
    partials=(lambda x, y, out: np.where(x == 0, 0.0, np.sign(x) * np.copysign(1.0, y)), None),
)
elementwise(
    np.where,
    partials=(
        None,
        lambda c, x, y, out: np.where(c, 1.0, 0.0),
        lambda c, x, y, out: np.where(c, 0.0, 1.0),
    ),
    otherwise=np.nonzero,
)
elementwise(
    np.heaviside,
    partials=(None, lambda x, y, out: np.where(x == 0, 1.0, 0.0)),
)
elementwise(np.nan_to_num, partials=(lambda x, out: np.where(np.isfinite(x), 1.0, 0.0),))
elementwise(math.erf, partials=(lambda x, out: TWO_OVER_SQRT_PI * np.exp(-x * x),))
elementwise(math.erfc, partials=(lambda x, out: -TWO_OVER_SQRT_PI * np.exp(-x * x),))

# Absolute value and sign: not holomorphic ---------------------------------------------------------


def modulus(z):
    """Modulus of complex numbers; its derivative at 0 is 0."""
    return np.hypot(np.real(z), np.imag(z))


def phase_factor(z):
    """``z / |z|``, and 0 at 0: the sign of a complex number."""
    size = modulus(z)
    return np.where(size == 0, 0.0, z / np.where(size == 0, 1.0, size))


elementwise(
    np.absolute,
    np.fabs,
    abs,
    operator.abs,
    math.fabs,
    partials=(lambda x, out: np.sign(x),),
    on_complex=modulus,
)
elementwise(np.sign, partials=(None,), on_complex=phase_factor)

"""``math`` and ``cmath``: what has no counterpart among NumPy's functions (`elementwise`)."""

import cmath
import math
import operator

import numpy as np

from sciad.core.dispatch import call
from sciad.core.rules import elementwise, nondifferentiable, substitute
from sciad.core.tracer import primal_of

__all__: list[str] = []


def _digamma(x):
    from scipy import special  # imported where it is needed

    return special.psi(x)


elementwise(math.gamma, partials=(lambda x, out: out * _digamma(x),))
elementwise(math.lgamma, partials=(lambda x, out: _digamma(x),))

# Bits and integers: what they give of a traced number, and what has a derivative ------------------


@substitute(math.ldexp)
def ldexp(x, i):
    """``math.ldexp``: x times a power of two."""
    return call(float, x) * math.ldexp(1.0, primal_of(i))


@substitute(math.frexp)
def frexp(x):
    """``math.frexp``: the mantissa is x over a power of two."""
    _, exponent = math.frexp(primal_of(x))
    return call(float, x) * math.ldexp(1.0, -exponent), exponent


elementwise(math.nextafter, partials=(lambda x, y, out: 1.0, None))
nondifferentiable(math.ulp, math.isqrt, math.comb, math.perm, math.factorial, math.gcd, math.lcm)
nondifferentiable(operator.index, bin, chr, hex, oct)  # they raise, as they do for plain floats

if hasattr(math, "fma"):  # since Python 3.13
    elementwise(
        math.fma,
        partials=(lambda x, y, z, out: y, lambda x, y, z, out: x, lambda x, y, z, out: 1.0),
    )

# Complex numbers ---------------------------------------------------------------------------------

elementwise(cmath.tan, partials=(lambda x, out: 1.0 + np.tan(x) ** 2,))


@substitute(cmath.phase)
def phase(z):
    """``cmath.phase``."""
    return call(math.atan2, np.imag(z), np.real(z))


@substitute(cmath.polar)
def polar(z):
    """``cmath.polar``."""
    return abs(z), phase(z)


@substitute(cmath.rect)
def rect(r, phi):
    """``cmath.rect``."""
    r = call(float, r)
    return call(complex, r * call(math.cos, phi), r * call(math.sin, phi))

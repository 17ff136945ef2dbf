"""Hypergeometric functions with respect to the argument, Lambert's and Wright's functions."""

import numpy as np
from scipy import special

from sciad.rules.special.table import UNKNOWN, define

__all__: list[str] = []

define(
    "hyp2f1",
    UNKNOWN,
    UNKNOWN,
    UNKNOWN,
    lambda a, b, c, z, out: a * b / c * special.hyp2f1(a + 1, b + 1, c + 1, z),
)
define(
    "hyp1f1",
    UNKNOWN,
    UNKNOWN,
    lambda a, b, z, out: a / b * special.hyp1f1(a + 1, b + 1, z),
)
define("hyp0f1", UNKNOWN, lambda v, z, out: special.hyp0f1(v + 1, z) / v)
define(
    "hyperu",
    UNKNOWN,
    UNKNOWN,
    lambda a, b, z, out: -a * special.hyperu(a + 1, b + 1, z),
)
define("wrightomega", lambda z, out: out / (1.0 + out))
define(
    "wright_bessel",
    UNKNOWN,
    UNKNOWN,
    lambda a, b, x, out: special.wright_bessel(a, a + b, x),
)


def lambert_slope(z, out):
    """Compute the derivative of Lambert's function from its value."""
    return np.exp(-out) / (1.0 + out)

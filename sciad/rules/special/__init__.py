"""Rules of scipy.special, one family a file; imported once scipy.special is in use.

The derivative with respect to the order of a Bessel function, the parameter of an incomplete gamma
function and the like has no closed form: a traced value there raises an error that names it.
"""

from sciad.rules.special import (
    bessel,
    distributions,
    elementary,
    elliptic,
    errors,
    gammas,
    hypergeometric,
    integrals,
    polynomials,
)
from sciad.rules.special.table import left_without

__all__ = [
    "bessel",
    "distributions",
    "elementary",
    "elliptic",
    "errors",
    "gammas",
    "hypergeometric",
    "integrals",
    "polynomials",
]

left_without()

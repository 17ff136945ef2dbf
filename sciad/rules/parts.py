"""Numbers taken apart and put together: whole part, quotient, mantissa and exponent, neighbours.

Whole numbers among the results are constants.
"""

import math

import numpy as np

from sciad.core.apply import elementwise as apply_elementwise
from sciad.core.options import Options
from sciad.core.rules import Elementwise, elementwise, substitute
from sciad.core.tracer import as_array, primal_of

__all__: list[str] = []

elementwise(
    np.ldexp,
    math.ldexp,
    partials=(lambda x, n, out: np.ldexp(1.0, n), None),
)
elementwise(
    np.nextafter,
    math.nextafter,
    partials=(lambda x, y, out: 1.0, None),
)

FRACTION = Elementwise(lambda x: np.modf(x)[0], (lambda x, out: 1.0,))
MANTISSA = Elementwise(
    lambda x: np.frexp(x)[0], (lambda x, out: np.ldexp(1.0, -np.frexp(primal_of(x))[1]),)
)
REMAINDER = Elementwise(
    lambda x, y: np.divmod(x, y)[1],
    (lambda x, y, out: 1.0, lambda x, y, out: -np.floor_divide(x, y)),
)


def _apart(ufunc, rule, first):
    """Ufunc of two results, of which the one that is differentiated comes first or second."""

    def function(*args, **kwargs):
        options = Options(ufunc, args, kwargs)
        inputs = [as_array(a) for a in options.args]
        plain = ufunc(*[primal_of(a) for a in inputs])
        part = apply_elementwise(rule, rule.function, inputs)
        return options.finish((part, plain[1]) if first else (plain[0], part))

    return function


substitute(np.modf)(_apart(np.modf, FRACTION, first=True))
substitute(np.frexp)(_apart(np.frexp, MANTISSA, first=True))
substitute(np.divmod)(_apart(np.divmod, REMAINDER, first=False))


@substitute(math.modf)
def modf(x):
    """``math.modf``: the whole part has no derivative."""
    part = apply_elementwise(FRACTION, lambda x: math.modf(x)[0], (x,))
    return part, math.modf(primal_of(x))[1]


@substitute(math.frexp)
def frexp(x):
    """``math.frexp``: the exponent has no derivative."""
    part = apply_elementwise(MANTISSA, lambda x: math.frexp(x)[0], (x,))
    return part, math.frexp(primal_of(x))[1]

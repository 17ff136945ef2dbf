"""Built-in functions of Python and parts of the standard library that would drop a derivative."""

import math

import numpy as np

from sciad.core.apply import elementwise
from sciad.core.rules import Elementwise, substitute
from sciad.core.tracer import dtype_of, is_wrapped, primal_of

__all__: list[str] = []


NUMBER = Elementwise(float, (lambda x, out: 1.0,))


@substitute(float)
def to_float(x=0.0):
    """``float(x)`` of a traced number is the number itself."""
    if not is_wrapped(x):
        return float(x)
    if dtype_of(x).kind == "c":
        raise TypeError("float() argument must be a real number, not complex")
    if isinstance(primal_of(x), np.ndarray):
        x = x.item()
    return elementwise(NUMBER, float, (x,)) if is_wrapped(x) else float(x)


@substitute(complex)
def to_complex(real=0.0, imag=0.0):
    """``complex(x)`` and ``complex(re, im)``."""
    return real + 1j * imag


@substitute(math.hypot)
def hypot(*coordinates):
    """``math.hypot`` of any number of coordinates."""
    total = 0.0
    for x in coordinates:
        total = np.hypot(total, x)
    return total


@substitute(math.dist)
def dist(p, q):
    """``math.dist``."""
    return hypot(*(a - b for a, b in zip(p, q, strict=True)))


@substitute(math.fsum)
def fsum(seq):
    """``math.fsum``."""
    return sum(seq, 0.0)


@substitute(math.prod)
def prod(iterable, *, start=1):
    """``math.prod``."""
    for x in iterable:
        start = start * x
    return start


@substitute(math.modf)
def modf(x):
    """``math.modf``: the whole part has no derivative."""
    whole = float(math.trunc(primal_of(x)))
    return x - whole, whole


@substitute(np.modf)
def array_modf(x):
    """``np.modf``."""
    whole = np.trunc(primal_of(x))
    return x - whole, whole


if hasattr(math, "sumprod"):

    @substitute(math.sumprod)
    def sumprod(p, q):
        """``math.sumprod``."""
        return sum(a * b for a, b in zip(p, q, strict=True))


@substitute("statistics.mean", "statistics.fmean")
def mean(data):
    """``statistics.mean``."""
    values = list(data)
    return sum(values) / len(values)

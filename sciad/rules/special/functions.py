"""Functions of scipy.special that are written in Python around a ufunc."""

import functools

import numpy as np
from scipy import special

from sciad.core.apply import apply, write_out
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import Elementwise
from sciad.core.tracer import as_array, primal_of
from sciad.rules.special.bessel import spherical
from sciad.rules.special.hypergeometric import lambert_slope
from sciad.rules.special.table import holds_traced
from sciad.rules.valued import with_value

__all__ = [
    "factorial",
    "lambertw",
    "polygamma",
    "spherical_in",
    "spherical_jn",
    "spherical_kn",
    "spherical_yn",
    "zeta",
]

spherical_jn = functools.partial(spherical, "spherical_jn")
spherical_yn = functools.partial(spherical, "spherical_yn")
spherical_in = functools.partial(spherical, "spherical_in")
spherical_kn = functools.partial(spherical, "spherical_kn")


def _refuse(name, argument):
    raise NotDifferentiableError(
        f"the derivative of scipy.special.{name} with respect to {argument} is not known in closed"
        " form",
        where=user_location(),
        hint="use sciad.stop_gradient on it if it is a constant",
    )


def polygamma(n, x):
    """``scipy.special.polygamma``: its derivative is that of the next order."""
    if holds_traced(n):
        _refuse("polygamma", "the order n")
    n = np.asarray(primal_of(n))
    rule = Elementwise(lambda x: special.polygamma(n, x), (lambda x, out: polygamma(n + 1, x),))
    return apply(rule, rule.function, (as_array(x),), {})


def zeta(x, q=None, out=None):
    """``scipy.special.zeta`` with respect to q."""
    if holds_traced(x):
        _refuse("zeta", "x")
    if q is None:
        return special.zeta(primal_of(x), out=out)
    found = special._ufuncs._zeta(primal_of(x), q)
    return found if out is None else write_out(out, found)


def lambertw(z, k=0, tol=1e-8):
    """``scipy.special.lambertw`` with respect to z."""
    k, tol = primal_of(k), primal_of(tol)
    rule = Elementwise(lambda z: special.lambertw(z, k, tol), (lambert_slope,))
    return apply(rule, rule.function, (z,), {})


def factorial(n, exact=False, **extend):
    """``scipy.special.factorial`` of floating-point numbers: gamma(n + 1), and 0 below 0."""
    plain = special.factorial(primal_of(n), exact=exact, **extend)
    found = special.gamma(n + 1.0)
    if extend.get("extend", "zero") == "zero":
        found = np.where(primal_of(n) < 0, 0.0, found)
    return with_value(found, plain, "scipy.special.factorial")

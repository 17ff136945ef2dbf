"""scipy.special against mpmath, at the edges of the ranges, and what it refuses."""

import math
import re
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from scipy import special

import sciad
from sciad.core.errors import LostDerivativeError, NotDifferentiableError

from .references import FIRST, SECOND

mpmath.mp.dps = 40


def reference(function, point, k, order):
    """Derivative by mpmath, at 40 digits."""
    at = [mpmath.mpf(v) for v in point]

    def along(t):
        return function(*at[:k], t, *at[k + 1 :])

    found = mpmath.diff(along, at[k], order, relative=bool(at[k]))
    return float(mpmath.re(found))


def derivative(name, point, k, order):
    """Derivative by reverse mode."""
    function = getattr(special, name)

    def along(t):
        return function(*point[:k], t, *point[k + 1 :])

    for _ in range(order):
        along = sciad.grad(along)
    return along(float(point[k]))


def lines(table):
    return [
        pytest.param(name, function, point, k, id=f"{name}{point}-{k}")
        for name, (function, argnums, *points) in table.items()
        for point in points
        for k in argnums
    ]


@pytest.mark.parametrize(("name", "function", "point", "k"), lines(FIRST))
def test_first_derivative(name, function, point, k):
    expected = reference(function, point, k, 1)
    np.testing.assert_allclose(derivative(name, point, k, 1), expected, rtol=1e-12)


@pytest.mark.parametrize(("name", "function", "point", "k"), lines(SECOND))
def test_second_derivative(name, function, point, k):
    expected = reference(function, point, k, 2)
    np.testing.assert_allclose(derivative(name, point, k, 2), expected, rtol=1e-10, atol=1e-14)


#: Derivatives where a naive formula overflows, divides by zero or cancels.
EDGES = {
    "expit(800)": (special.expit, 800.0, 0.0),
    "expit(-700)": (special.expit, -700.0, math.exp(-700.0)),
    "log_expit(-800)": (special.log_expit, -800.0, 1.0),
    "log_ndtr(-40)": (special.log_ndtr, -40.0, 40.024968847207264),
    "log_ndtr(-1e5)": (special.log_ndtr, -1e5, 100000.000009999999998),
    "log_ndtr(50)": (special.log_ndtr, 50.0, 0.0),
    "gammaln(1e10)": (special.gammaln, 1e10, 23.025850929890456),
    "erfcx(1e5)": (special.erfcx, 1e5, -5.641895834631321e-11),
    "dawsn(1e6)": (special.dawsn, 1e6, -5.0000000000075e-13),
    "xlogy(x, 2) at 0": (lambda x: special.xlogy(x, 2.0), 0.0, math.log(2.0)),
    "xlogy(0, y) at 0": (lambda y: special.xlogy(0.0, y), 0.0, 0.0),
    "xlog1py(0, y) at -1": (lambda y: special.xlog1py(0.0, y), -1.0, 0.0),
    "rel_entr(0, y)": (lambda y: special.rel_entr(0.0, y), 2.0, 0.0),
    "kl_div(0, y)": (lambda y: special.kl_div(0.0, y), 2.0, 1.0),
    "logit(1e-300)": (special.logit, 1e-300, 1e300),
    "exprel(0)": (special.exprel, 0.0, 0.5),
    "exprel(-1e3)": (special.exprel, -1e3, 1e-6),
    "boxcox(3, 0)": (lambda lam: special.boxcox(3.0, lam), 0.0, 0.5 * math.log(3.0) ** 2),
    "inv_boxcox(3, 0)": (lambda lam: special.inv_boxcox(0.5, lam), 0.0, -0.125 * math.exp(0.5)),
    "rgamma(-2)": (special.rgamma, -2.0, 2.0),
    "j1(0)": (special.j1, 0.0, 0.5),
    "i1(0)": (special.i1, 0.0, 0.5),
    "spherical_jn(1, 0)": (lambda x: special.spherical_jn(1, x), 0.0, 1.0 / 3.0),
    "ellipk(0)": (special.ellipk, 0.0, math.pi / 8.0),
    "ellipe(0)": (special.ellipe, 0.0, -math.pi / 8.0),
    "ellipkinc(1, 0)": (lambda m: special.ellipkinc(1.0, m), 0.0, 0.25 - math.sin(2.0) / 8.0),
    "sici(0)": (lambda x: special.sici(x)[0], 0.0, 1.0),
    "spence(1)": (special.spence, 1.0, -1.0),
    "pseudo_huber(0, r)": (lambda d: special.pseudo_huber(d, 2.0), 0.0, 0.0),
    "legendre at 1": (lambda x: special.eval_legendre(5, x), 1.0, 15.0),
    "constant polynomial": (lambda x: special.eval_jacobi(0, 1.0, 1.0, x), 0.3, 0.0),
    "gammainc(1e4, 1e4)": (lambda x: special.gammainc(1e4, x), 1e4, 0.0039893895589628256),
    "logsumexp([800, x])": (lambda x: special.logsumexp([800.0, x]), 800.0, 0.5),
    "logsumexp([-inf, x])": (lambda x: special.logsumexp([-np.inf, x]), 3.0, 1.0),
    "math.lgamma(1e10)": (math.lgamma, 1e10, 23.025850929890456),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    function, point, expected = EDGES[name]
    for found in (sciad.grad(function)(point), sciad.jvp(function, (point,), (1.0,))[1]):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_logsumexp_of_nothing_but_zeros_has_no_nan():
    gradient = sciad.grad(special.logsumexp)(np.full(3, -np.inf))
    np.testing.assert_array_equal(gradient, np.zeros(3))


REFUSED = {
    "jv": (lambda v: special.jv(v, 2.0), "jv with respect to its argument 1 of 2"),
    "kve": (lambda v: special.kve(v, 2.0), "kve with respect to its argument 1 of 2"),
    "order array": (lambda v: special.jv(v * np.ones(2), 2.0)[0], "jv with respect to"),
    "gammainc": (lambda a: special.gammainc(a, 2.0), "gammainc with respect to its argument 1"),
    "betainc": (lambda a: special.betainc(1.0, a, 0.2), "betainc with respect to its argument 2"),
    "stdtr": (lambda v: special.stdtr(v, 2.0), "stdtr with respect to its argument 1"),
    "hyp2f1": (lambda c: special.hyp2f1(1.0, 2.0, c, 0.2), "hyp2f1 with respect to its argument 3"),
    "ellipj m, twice": (lambda m: sciad.grad(lambda k: special.ellipj(1.0, k)[0])(m), "elliprd"),
    "pbdv": (lambda v: special.pbdv(v, 2.0)[0], "pbdv with respect to its argument 1 of 2"),
    "spherical_jn": (lambda n: special.spherical_jn(n, 2.0), "spherical_jn .* order n"),
    "polygamma": (lambda n: special.polygamma(n, 2.0), "polygamma .* order n"),
    "zeta": (lambda s: special.zeta(s), "zeta with respect to x"),
    "zeta q": (lambda s: special.zeta(s, 2.0), "zeta with respect to x"),
    "eval_legendre": (lambda n: special.eval_legendre(n, 0.2), "eval_legendre with respect to"),
    "agm": (lambda a: special.agm(a, 2.0), "scipy.special.agm with respect to its argument 1"),
    "airye": (lambda a: special.airye(a)[0], "scipy.special.airye"),
    "mathieu": (lambda q: special.mathieu_a(1, q), "scipy.special.mathieu_a"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unknown_derivatives_raise_here(name):
    function, message = REFUSED[name]
    line = function.__code__.co_firstlineno
    with pytest.raises((NotDifferentiableError, LostDerivativeError), match=message) as raised:
        sciad.grad(function)(1.5)
    assert f"{__file__}:{line}" in str(raised.value)


@pytest.mark.parametrize("name", ["ive", "jve"])
def test_scaling_that_is_not_holomorphic_raises(name):
    with pytest.raises(NotDifferentiableError, match=re.escape(f"{name} of complex numbers")):
        sciad.grad(lambda z: abs(getattr(special, name)(1, z)))(1.0 + 2.0j)


def test_constants_pass_through_functions_without_a_rule():
    found = sciad.grad(lambda x: x * special.agm(np.ones(2) * 3.0, 2.0)[0])(1.5)
    assert found == special.agm(3.0, 2.0)


def test_a_rule_of_the_user_takes_the_place_of_ours():
    code = """
import scipy.special
import sciad
from sciad.core.rules import Elementwise, temporary
made = Elementwise(scipy.special.erf, (lambda x, out: 7.0,))
with temporary(scipy.special.erf, made):
    assert sciad.grad(scipy.special.erf)(0.5) == 7.0
assert 0.8 < sciad.grad(scipy.special.erf)(0.5) < 0.9
"""
    subprocess.run([sys.executable, "-c", code], check=True)

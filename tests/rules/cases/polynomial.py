"""Polynomials: the functions and ``poly1d`` of NumPy, and the package ``numpy.polynomial``."""

import numpy as np
from numpy import polynomial as series

from .inputs import A, M, P, Z, draw, x

__all__ = ["CASES"]

C = np.array([0.7, -1.3, 0.4, 1.1])
D = np.array([1.0, 0.5, -0.3])
T = np.linspace(-1, 1, 6)
Y = draw(6, low=-1, high=1)

FUNCTIONS = {
    "polyval": (np.polyval, C, 0.7),
    "polyval of arrays": (np.polyval, C, M),
    "polyval complex": (np.polyval, C, Z),
    "polyval of a polynomial": (lambda c: np.polyval(c, np.poly1d(D))(0.3), C),
    "polyadd": (np.polyadd, C, D),
    "polysub": (np.polysub, D, C),
    "polymul": (np.polymul, C, D),
    "polydiv": (lambda c, d: np.polydiv(c, d)[0] ** 2, C, D),
    "polydiv remainder": (lambda c, d: np.polydiv(c, d)[1] ** 2, C, D),
    "polyder": (lambda c: np.polyder(c) ** 2, C),
    "polyder twice": (lambda c: np.polyder(c, 2) ** 2, C),
    "polyint": (lambda c: np.polyint(c) ** 2, C),
    "polyint constants": (lambda c, k: np.polyint(c, 2, k=[k, 2.0]) ** 2, C, x),
    "poly": (np.poly, P),
    "poly of a matrix": (lambda m: np.poly(m @ m.T), draw(3, 2)),
    "roots": (lambda c: np.sort(np.roots(c).real), np.array([2.0, -7.0, 3.0])),
    "roots complex": (lambda c: np.roots(c)[0], np.array([1.0, 0.4, 2.0])),
    "roots with zeros": (
        lambda a, b: np.roots(np.array([0.0, a, b, 0.0])) ** 2,
        1.3,
        -0.8,
    ),
    "polyfit": (lambda y: np.polyfit(T, y, 2), Y),
    "polyfit places": (lambda t, y: np.polyfit(t, y, 2), T, Y),
    "polyfit weights": (lambda y, w: np.polyfit(T, y, 2, w=w), Y, draw(6)),
    "polyfit columns": (lambda y: np.polyfit(T, y, 1), draw(6, 2)),
    "poly1d": (lambda c: np.poly1d(c)(0.3) ** 2, C),
    "poly1d arithmetic": (
        lambda c, d: (np.poly1d(c) * np.poly1d(d) + np.poly1d(d) ** 2 - 3.0).coeffs,
        C,
        D,
    ),
    "poly1d calculus": (lambda c: np.poly1d(c).deriv()(0.4) * np.poly1d(c).integ(k=1.0)(2.0), C),
    "poly1d quotient": (lambda c: (np.poly1d(c) / np.poly1d([1.0, c[1]]))[0](3.0), C),
    "poly1d item": (lambda c: np.poly1d(c)[2] * np.poly1d(c).c[0], C),
    "poly1d roots": (lambda c: np.poly1d(c).r[0], np.array([2.0, -7.0, 3.0])),
}

FAMILIES = {
    "polynomial": (series.polynomial, "poly", series.Polynomial),
    "chebyshev": (series.chebyshev, "cheb", series.Chebyshev),
    "legendre": (series.legendre, "leg", series.Legendre),
    "laguerre": (series.laguerre, "lag", series.Laguerre),
    "hermite": (series.hermite, "herm", series.Hermite),
    "hermite_e": (series.hermite_e, "herme", series.HermiteE),
}


def _cases(family, module, prefix, kind):
    def of(name):
        return getattr(module, prefix + name)

    return {
        f"{family} val of columns": (lambda t, c: of("val")(t, c), A, draw(3, 2)),
        f"{family} der scaled": (lambda c, s: of("der")(c, 2, scl=s), C, x),
        f"{family} int constants": (lambda c, k: of("int")(c, 2, [k, 1.0], lbnd=0.3), C, x),
        f"{family} fit weights": (lambda y, w: of("fit")(T, y, 2, w=w), Y, draw(6)),
        f"{family} object": (lambda c: kind(c)(0.3) * 2.0, C),
        f"{family} object of an array": (lambda t, c: kind(c, domain=[-2, 2])(t), A, C),
        f"{family} object arithmetic": (
            lambda c, d: (kind(c) * kind(d) + 2.0 * kind(d) - kind(c) ** 2).coef,
            C,
            D,
        ),
        f"{family} object calculus": (
            lambda c: kind(c).deriv()(0.4) * kind(c).integ(lbnd=0.1)(2.0),
            C,
        ),
        f"{family} object fit": (lambda y: kind.fit(T, y, 2)(0.3), Y),
        f"{family} object convert": (
            lambda c: kind(c).convert(kind=series.Polynomial).coef,
            C,
        ),
    }


CASES = {
    **FUNCTIONS,
    **{k: v for name, row in FAMILIES.items() for k, v in _cases(name, *row).items()},
}

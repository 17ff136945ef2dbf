"""Functions of functions: vectorize, apply_along_axis, piecewise, select, fromfunction, ..."""

import math

import numpy as np

from .inputs import T3, A, M, P, Z, draw, x

__all__ = ["CASES"]

YES = np.array([True, False, True])

VECTORIZE = {
    "vectorize": (lambda m: np.vectorize(lambda t: math.sin(t) * t)(m), M),
    "vectorize two": (lambda a, s: np.vectorize(lambda t, u: t * u * u)(a, s), A, 0.7),
    "vectorize branches": (lambda a: np.vectorize(lambda t: t**2 if t > 0 else -t)(a), A),
    "vectorize named arguments": (lambda a, b: np.vectorize(_power_of)(a, exponent=b), P, P + 1),
    "vectorize defaults": (lambda a: np.vectorize(_power_of)(a), P),
    "vectorize excluded": (
        lambda a, c: np.vectorize(_horner, excluded=["coefficients"])(a, coefficients=c),
        A,
        P,
    ),
    "vectorize excluded by number": (
        lambda a, c: np.vectorize(_horner, excluded={1})(a, c),
        A,
        P,
    ),
    "vectorize otypes": (lambda a: np.vectorize(lambda t: t * t, otypes=[float])(a), A),
    "vectorize complex": (lambda a: np.vectorize(lambda t: t * 1j, otypes=["D"])(a), A),
    "vectorize cache": (lambda a: np.vectorize(lambda t: t**3, cache=True)(a), A),
    "vectorize two results": (lambda a: np.vectorize(lambda t: (t * t, t**3))(a), A),
    "vectorize two types": (
        lambda a: np.vectorize(lambda t: (t * t, t > 0), otypes=[float, bool])(a)[0],
        A,
    ),
    "vectorize a number": (lambda s: np.vectorize(lambda t: t * t)(s), x),
    "vectorize a list": (lambda s: np.vectorize(lambda t: t * t)([s, 2.0, s * s]), x),
    "vectorize signature": (
        lambda m, a: np.vectorize(lambda u, v: np.sum(u * v), signature="(n),(n)->()")(m, a),
        M,
        A,
    ),
    "vectorize signature of matrices": (
        lambda t: np.vectorize(lambda u: u.T @ u, signature="(n,m)->(m,m)")(t),
        T3,
    ),
    "vectorize signature of two results": (
        lambda m: np.vectorize(lambda u: (u * u, u.sum()), signature="(n)->(n),()")(m),
        M,
    ),
    "vectorize signature excluded": (
        lambda m, s: np.vectorize(lambda u, t: u * t, signature="(n)->(n)", excluded={1})(m, s),
        M,
        x,
    ),
    "vectorize of nothing": (
        lambda m: np.vectorize(lambda t: t * t, otypes=[float])(m[:, :0]),
        M,
    ),
    "vectorize decorator": (lambda a: decorated(a, 2.0), A),
}


@np.vectorize
def decorated(t, factor):
    return t * factor if t > 0 else t * t


def _power_of(base, exponent=2.0):
    return base**exponent


def _horner(t, coefficients):
    total = 0.0
    for c in coefficients:
        total = total * t + c
    return total


def _local(a, b):
    return np.apply_along_axis(lambda row: row * b, 0, a)


AXES = {
    "apply_along_axis": (lambda m: np.apply_along_axis(lambda r: np.sum(r**2), 1, m), M),
    "apply_along_axis vectors": (lambda m: np.apply_along_axis(np.cumsum, 0, m**2), M),
    "apply_along_axis matrices": (lambda m: np.apply_along_axis(np.diag, -1, m), M),
    "apply_along_axis outer": (
        lambda t: np.apply_along_axis(lambda r: np.outer(r, r), 1, t),
        T3,
    ),
    "apply_along_axis closure": (_local, M, x),
    "apply_along_axis options": (
        lambda m: np.apply_along_axis(np.diff, 1, m, n=2, append=0.5),
        M,
    ),
    "apply_along_axis lists": (
        lambda m: np.apply_along_axis(lambda r: [r[0] * r[1], 1.0], 1, m),
        M,
    ),
    "apply_along_axis vector": (lambda a: np.apply_along_axis(lambda r: r.sum() ** 2, 0, a), A),
    "apply_over_axes": (lambda t: np.apply_over_axes(np.sum, t**2, [0, 2]), T3),
    "apply_over_axes one": (lambda t: np.apply_over_axes(np.mean, t**2, 1), T3),
}

SELECTION = {
    "piecewise": (
        lambda a: np.piecewise(a, [A < 0, A >= 0], [lambda t: -t, lambda t: t**3]),
        A,
    ),
    "piecewise otherwise": (
        lambda a: np.piecewise(a, [a > 0.2], [lambda t: t**2, lambda t: np.exp(t)]),
        A,
    ),
    "piecewise constants": (lambda a: np.piecewise(a, [a > 0.2, a < -0.2], [1.5, np.sin]), A),
    "piecewise traced constants": (
        lambda a, b: np.piecewise(a, [A > 0], [b, lambda t: t * b]),
        A,
        x,
    ),
    "piecewise arguments": (
        lambda a, b: np.piecewise(a, [A > 0], [lambda t, k: t**k, lambda t, k: t * k], b),
        P,
        2.5,
    ),
    "piecewise one condition": (lambda a: np.piecewise(a, YES, [lambda t: t**2]), A),
    "piecewise of a number": (lambda s: np.piecewise(s, [s < 1], [np.sin, np.cos]), x),
    "piecewise matrix": (
        lambda m: np.piecewise(m, [m > 0], [lambda t: t**2, lambda t: t**3]),
        M,
    ),
    "select": (lambda a: np.select([A > 0.5, A > 0], [a**2, a**3], 0.0), A),
    "select default": (lambda a, d: np.select([A > 0.5, A > 0], [a**2, a**3], d), A, P),
    "select broadcast": (lambda a, s: np.select([M > 0.5, M > 0], [a**2, s], a), A, x),
    "where": (lambda a, b: np.where(YES, a**2, b), A, P),
    "where broadcast": (lambda a, s: np.where(M > 0, a, s), A, x),
    "where masked": (lambda a: np.where(a > 0, np.log(np.where(a > 0, a, 1.0)), a), A),
    "choose by where": (lambda z, a: np.where(YES, z, a) ** 2, Z, A),
}

CONSTRUCTION = {
    "fromfunction": (
        lambda a: np.fromfunction(lambda i, j: i * a[0] + j * a[1], (2, 2)) ** 2,
        A,
    ),
    "fromfunction dtype": (
        lambda a: np.fromfunction(lambda i: (i + 1) * a, (3,), dtype=int),
        A,
    ),
    "fromiter": (lambda a: np.fromiter((t * t for t in a), float), A),
    "fromiter count": (lambda a: np.fromiter([t * t for t in a], dtype=float, count=2), A),
    "vectorized over an axis": (
        lambda m: np.stack([np.vectorize(math.exp)(row) for row in m]),
        draw(2, 2),
    ),
}

CASES = {**VECTORIZE, **AXES, **SELECTION, **CONSTRUCTION}

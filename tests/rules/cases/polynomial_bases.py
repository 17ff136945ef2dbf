"""The functions that `numpy.polynomial` has for every basis: one line makes six cases."""

import importlib

import numpy as np

from .inputs import T3, A, M, P, Q, draw, x, y

PREFIXES = {
    "polynomial": "poly",
    "chebyshev": "cheb",
    "hermite": "herm",
    "hermite_e": "herme",
    "laguerre": "lag",
    "legendre": "leg",
}
C4 = draw(2, 2, 2, 2, low=-1, high=1)

#: What follows the prefix -> (function of it and the arguments, *arguments).
FAMILY = {
    "val": (lambda f, t, c: f(t, c), A, Q),
    "val2d": (lambda f, t, u, c: f(t, u, c), A, P, M),
    "val3d": (lambda f, t, u, v, c: f(t, u, v, c), x, y, 0.4, T3),
    "grid2d": (lambda f, t, u, c: f(t, u, c), A, P, M),
    "grid3d": (lambda f, t, u, v, c: f(t, u, v, c), P[:2], A, np.array([0.4]), T3),
    "vander": (lambda f, t: f(t, 3), A),
    "vander2d": (lambda f, t, u: f(t, u, [1, 2]), A, P),
    "vander3d": (lambda f, t, u, v: f(t, u, v, [1, 0, 2]), A, P, Q),
    "add": (lambda f, a, b: f(a, b[:2]) ** 2, A, P),
    "sub": (lambda f, a, b: f(a[:2], b) ** 2, A, P),
    "mul": (lambda f, a, b: f(a, b), A, P),
    "mulx": (lambda f, a: f(a) ** 2, A),
    "div": (lambda f, a, b: f(a, b[:2]), A, P),
    "pow": (lambda f, a: f(a, 3), P),
    "der": (lambda f, a: f(a, 2) ** 2, draw(4)),
    "der axis": (lambda f, m: f(m, 1, 2.0, axis=1) ** 2, M),
    "int": (lambda f, a: f(a, 2) ** 2, A),
    "int options": (lambda f, a, k: f(a, 1, k=[k], lbnd=0.5, scl=2.0) ** 2, A, x),
    "fromroots": (lambda f, a: f(a), A),
    "line": (lambda f, a, b: f(a, b) ** 2, x, y),
    "trim": (lambda f, a: f(a, 0.1) ** 2, np.array([0.5, -0.7, 0.05])),
    "companion": (lambda f, a: f(a) ** 2, P),
    "fit": (lambda f, a: f([0.0, 0.5, 1.0], a, 1) ** 2, A),
    "fit x": (lambda f, t, a: f(t, a, 1), P, A),
    "roots": (lambda f, a: np.sort(np.real(f(a))), np.array([-0.5, 0.3, 1.0])),
    "weight": (lambda f, t: f(t), 0.5 * A),
    "valfromroots": (lambda f, t, r: f(t, r), 2.0, A),
}


def _with(function, use):
    return lambda *args: use(function, *args)


CASES = {}
for _module, _prefix in PREFIXES.items():
    _basis = importlib.import_module(f"numpy.polynomial.{_module}")
    for _name, (_use, *_args) in FAMILY.items():
        _function = getattr(_basis, _prefix + _name.split()[0], None)
        if _function is not None:
            CASES[_prefix + _name] = (_with(_function, _use), *_args)
    if _prefix != "poly":
        for _name in (f"{_prefix}2poly", f"poly2{_prefix}"):
            CASES[_name] = (_with(getattr(_basis, _name), lambda f, a: f(a) ** 2), A)

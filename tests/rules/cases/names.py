"""The same mathematics under other names: aliases, types that convert, methods."""

import cmath
import math
import warnings

import numpy as np

from .inputs import A, M, P, Q, S, x, y

STACK = "row_stack"  # deprecated since NumPy 2.0


def _row_stack(*arrays):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(np, STACK)(arrays)


CASES = {
    "linalg.vecdot": (lambda a, b: np.linalg.vecdot(a, b), A, P),
    "linalg.cross": (lambda a, b: np.linalg.cross(a, b), A, P),
    "linalg.matmul": (lambda a, b: np.linalg.matmul(a, b), S, A),
    "linalg.outer": (lambda a, b: np.linalg.outer(a, b), A, P),
    "linalg.tensordot": (lambda a, b: np.linalg.tensordot(a, b, axes=1), M, S),
    "linalg.diagonal": (lambda a: np.linalg.diagonal(a, offset=1) ** 2, S),
    "linalg.trace": (lambda a: np.linalg.trace(a, offset=1) ** 2, S),
    "linalg.matrix_transpose": (lambda a: np.linalg.matrix_transpose(a) ** 2, M),
    "fromfunction": (lambda a: np.fromfunction(lambda i, j: i * a[0] + j * a[1], (2, 2)), A),
    "cmath.phase": (lambda a, b: cmath.phase(complex(a, b)), x, y),
    "cmath.polar": (lambda a, b: cmath.polar(complex(a, b)), x, y),
    "cmath.rect": (cmath.rect, x, y),
    "math.frexp": (lambda v: math.frexp(5 * v)[0], x),
    "math.ldexp": (lambda v: math.ldexp(v * v, 3), x),
    "math.nextafter": (lambda v: math.nextafter(v, 2.0), x),
    "longdouble": (lambda v: np.longdouble(v) * 2, x),
    "clongdouble": (lambda v: np.clongdouble(v) * 2, x),
    "float16": (lambda v: np.float16(v) * 2, 0.75),
    "method view": (lambda a: a.view() ** 2, A),
    "method conjugate": (lambda a: a.conjugate() ** 2, A),
    "method to_device": (lambda a: a.to_device("cpu") ** 2, A),
    "histogram2d": (lambda a: np.histogram2d(A, P, 2, weights=a)[0] ** 2, Q),
    "histogramdd": (lambda a: np.histogramdd(np.stack([A, P], 1), 2, weights=a)[0] ** 2, Q),
    "histogram_bin_edges": (lambda a: np.histogram_bin_edges(a, 3) ** 2, A),
    "chebinterpolate": (
        lambda a: np.polynomial.chebyshev.chebinterpolate(lambda t: np.exp(a * t), 3),
        x,
    ),
    "broadcast": (lambda a, m: [v * w for v, w in np.broadcast(a, m)], A, M),
    "method flat": (lambda m: m.flat[4] * m.flat[1], M),
}
if hasattr(np, STACK):
    CASES["row_stack"] = (lambda a, b: _row_stack(a, b) ** 2, A, P)

SINGLE_INSIDE = {"float16": "a conversion to half precision"}

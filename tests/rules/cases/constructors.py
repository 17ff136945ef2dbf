"""Arrays made from numbers: array, full, linspace, arange, grids, matrices of some form."""

import numpy as np

from .inputs import T3, A, M, P, S, Z, draw, x, y

__all__ = ["CASES"]


class Stand:
    """Something that NumPy can make an array of."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


def _written(made, a):
    made[:2] = a[:2]
    return made * 2.0


CASES = {
    "array of numbers": (lambda a, b: np.array([a, b, 1.0, 2]) ** 2, x, y),
    "array nested": (lambda a, b: np.array([[a, 1.0], [b * a, b]]) ** 2, x, y),
    "array of tuples": (lambda a, b: np.array(((a, 1), (2, b))) ** 2, x, y),
    "array of rows": (lambda a, b: np.array([a, b, [1.0, 2.0, 3.0]]) ** 2, A, P),
    "array of rows of numbers": (lambda a: np.array([[t, t * t] for t in a]), A),
    "array three deep": (lambda a, b: np.array([[[a], [b]], [[1.0], [a]]]), x, y),
    "array dtype": (lambda a: np.array([a, 1], dtype=complex) ** 2, x),
    "array float dtype": (lambda a: np.array([a, 1], float) ** 2, x),
    "array ndmin": (lambda a: np.array(a, ndmin=3) ** 2, A),
    "array of a number": (lambda a: np.array(a) ** 2, x),
    "array copy": (lambda a: np.array(a, copy=True) * np.asarray(a), A),
    "array order": (lambda m: np.ravel(np.array(m, order="F"), order="K") * np.arange(6.0), M),
    "array of constants": (lambda a: _written(np.array([1.0, 2.0, 3.0]), a), A),
    "array of mixed": (lambda a, z: np.array([a, z, 1]) ** 2, x, 0.3 + 0.4j),
    "array of integers and traced": (lambda a: np.array([1, a, True]), x),
    "array of 0-d arrays": (lambda a: np.array([np.sum(a), np.prod(a)]), A),
    "array of ranges": (lambda a: np.array([range(3), a]), A),
    "array of an iterator's list": (lambda a: np.array(list(map(np.sin, a))), A),
    "asarray": (lambda a: np.asarray(a) ** 2 + np.asanyarray(a), A),
    "asarray of a list": (lambda a: np.asarray([a, a * a]) ** 2, x),
    "asarray dtype": (lambda a: np.asarray(a, dtype=complex) * 1j, A),
    "ascontiguousarray": (lambda m: np.ascontiguousarray(m.T) ** 2, M),
    "ascontiguousarray of a number": (lambda a: np.ascontiguousarray(a) ** 2, x),
    "asfortranarray": (lambda m: np.asfortranarray(m) ** 2, M),
    "asarray_chkfinite": (lambda a: np.asarray_chkfinite(a) ** 2, A),
    "require": (lambda m: np.require(m, float, ["C", "O", "W"]) ** 2, M),
    "require of a list": (lambda a: np.require([a, 1.0], requirements="F") ** 2, x),
    "copy": (lambda m: np.copy(m) ** 2 + m.copy(order="F"), M),
    "full": (lambda a: np.full((2, 2), a**2), x),
    "full of a row": (lambda a: np.full((2, 3), a**2), A),
    "full int shape": (lambda a: np.full(3, a), x),
    "full dtype": (lambda a: np.full(3, a, dtype=complex) ** 2, x),
    "full of whole numbers": (lambda a: np.full(3, a, dtype=int) * a, 2.7),
    "full_like of whole numbers": (lambda a: np.full_like([1, 2], a) * a, 2.7),
    "full of a list": (lambda a: np.full((2, 2), [a, 1.0]), x),
    "array of whole numbers": (lambda a: np.array([a, 2.5], dtype=int) * a, 2.7),
    "array of an object": (lambda a: np.array(Stand(a)) * np.asarray(Stand(a)), A),
    "full order": (lambda a: np.full((2, 2), a, order="F") ** 2, x),
    "full_like": (lambda a, m: np.full_like(m, a) * m, x, M),
    "full_like of integers": (lambda a: np.full_like([1, 2], a, dtype=float), x),
    "full_like shape": (lambda a, m: np.full_like(m, a, shape=(4,)), x, M),
    "full_like constant": (lambda m: _written(np.full_like(m, 3.0), m), M),
    "zeros": (lambda a: _written(np.zeros(3), a), A),
    "ones": (lambda a: _written(np.ones(3), a), A),
    "empty": (lambda a: _written(np.empty(2), a), A),
    "zeros_like": (lambda a: _written(np.zeros_like(a), a), A),
    "ones_like": (lambda a: _written(np.ones_like(a), a), A),
    "empty_like": (lambda a: _written(np.empty_like(a)[:2], a), A),
    "zeros of a dtype": (lambda z: _written(np.zeros(3, dtype=complex), z), Z),
    "eye": (lambda a: np.eye(3) * a + np.identity(3) * a**2, A),
    "eye written": (lambda a: _written(np.eye(3), np.stack([a, a])), A),
    "diag": (lambda a: np.diag(a**2) + np.diag(a[1:], 1), A),
    "diag negative": (lambda a: np.diag(a**2, -2), A),
    "diag of a list": (lambda a: np.diag([a, 2.0]), x),
    "diag read": (lambda s: np.diag(s, -1) ** 2, S),
    "diagflat": (lambda m: np.diagflat(m, 1), M),
    "tri": (lambda s: np.tri(3, k=-1) * s + np.tri(3, 3, 1) * s**2, S),
    "tril of a stack": (lambda t: np.tril(t) ** 2, T3),
    "vander": (lambda a: np.vander(a), P),
    "vander increasing": (lambda a: np.vander(a, 4, increasing=True), A),
    "vander of a list": (lambda a: np.vander([a, 2.0, 3.0]), x),
    "linspace": (lambda a, b: np.linspace(a, b, 4) ** 2, x, y),
    "linspace step": (lambda a, b: np.linspace(a, b, 4, retstep=True)[1] ** 2, x, y),
    "linspace without end": (lambda a, b: np.linspace(a, b, 5, endpoint=False) ** 2, x, y),
    "linspace arrays": (lambda a, b: np.linspace(a, b, 4) ** 2, A, P),
    "linspace axis": (lambda a, b: np.linspace(a, b, 4, axis=1) ** 2, A, P),
    "linspace axis -1": (lambda a, b: np.linspace(a, b, 4, axis=-1) ** 2, M, A),
    "linspace one": (lambda a, b: np.linspace(a, b, 1) * b, x, y),
    "linspace none": (lambda a, b: np.linspace(a, b, 0), x, y),
    "linspace dtype": (lambda a: np.linspace(a, 2, 3, dtype=complex) ** 2, x),
    "linspace of integers": (lambda a: np.linspace(a, 5, num=6), x),
    "linspace complex": (lambda z: np.linspace(z, 1.0, 4) ** 2, 0.3 + 0.4j),
    "arange": (lambda a: np.arange(a, 4.0, 0.7) ** 2, x),
    "arange step": (lambda s: np.arange(0, 4.0, s) ** 2, x),
    "arange stop": (lambda s: np.arange(s) * s, 3.3),
    "arange all": (lambda a, b, s: np.arange(a, b, s), x, 5.1, y),
    "logspace": (lambda a, b: np.logspace(a, b, 3), x, y),
    "logspace base": (lambda a, b: np.logspace(0, a, 4, base=b), x, y),
    "logspace without end": (lambda a: np.logspace(a, 2, 4, endpoint=False), x),
    "logspace axis": (lambda a: np.logspace(a, 2, 4, axis=1), A),
    "geomspace": (lambda a, b: np.geomspace(a, b, 4), x, y),
    "geomspace without end": (lambda a: np.geomspace(a, 2.0, 4, endpoint=False), x),
    "geomspace arrays": (lambda a, b: np.geomspace(a, b, 4, axis=1), P, P + 1),
    "geomspace negative": (lambda a, b: np.geomspace(a, b, 4), -x, -y),
    "meshgrid": (lambda a, b: np.meshgrid(a, b)[0] * np.meshgrid(a, b)[1], A, P[:2]),
    "meshgrid ij": (lambda a, b: np.meshgrid(a, b, indexing="ij"), A, P[:2]),
    "meshgrid sparse": (lambda a, b: np.meshgrid(a, b, sparse=True), A, P[:2]),
    "meshgrid three": (lambda a, b: np.meshgrid(a, b, a[:2]), A, P[:2]),
    "meshgrid of numbers": (lambda a, b: np.meshgrid(a, [b, 2.0]), x, y),
    "mgrid": (lambda a: np.mgrid[0:3, 0:2][0] * a[:, None], A),
    "ogrid": (lambda a: np.ogrid[0:3, 0:2][0] * a[:2], A),
    "mgrid of a traced end": (lambda a: np.mgrid[0:a:4j] ** 2, x),
    "indices": (lambda m: np.indices((2, 3))[1] * m, M),
    "block": (lambda m: np.block([[m, m * m], [m * 2, m]]), M),
    "block of mixed": (lambda a, s: np.block([a, s, 1.0]), A, x),
    "block rows": (lambda a, m: np.block([[m], [a]]), A, M),
    "frombuffer": (lambda a: a * np.frombuffer(bytes(24)) + a, A),
    "fromstring numbers": (lambda a: a * np.fromstring("1 2 3", sep=" "), A),
    "bmat by block": (lambda a: np.block([[np.eye(2) * a, np.zeros((2, 1))]]), x),
    "astype": (lambda a: a.astype(np.float64) ** 2, A),
    "astype complex": (lambda a: a.astype(complex) * 1j, A),
    "astype function": (lambda a: np.astype(a, np.complex128) * 1j, A),
    "float64 of a number": (lambda a: np.float64(a) ** 2, x),
    "complex128 of a number": (lambda a: np.complex128(a) ** 2, x),
    "float64 of a list": (lambda a: np.float64([a, 1.0]) ** 2, x),
    "from dlpack by asarray": (lambda a: np.asarray(a)[None] ** 2, draw(2)),
}

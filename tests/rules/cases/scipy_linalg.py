"""Matrix functions of scipy.linalg."""

import numpy as np
import scipy.linalg as linalg

from .inputs import A, N, P, Q, S, Z, draw

R = S + 2 * np.eye(3)
C = R + 0.3j * S.T
B = draw(3, 3, low=-1, high=1, seed=11)


def _gram(a):
    return np.conj(a.T) @ a + np.diag([0.5, 1.0, 2.0])


CASES = {
    "inv": (linalg.inv, R),
    "inv complex": (linalg.inv, C),
    "det": (linalg.det, R),
    "det complex": (linalg.det, C),
    "solve": (linalg.solve, R, N),
    "solve vector": (linalg.solve, R, A),
    "solve complex": (linalg.solve, C, Z),
    "solve transposed": (lambda a, b: linalg.solve(a, b, transposed=True), R, A),
    "solve positive": (lambda s, b: linalg.solve(_gram(s), b, assume_a="pos"), S, A),
    "solve symmetric": (lambda s, b: linalg.solve(s, b, assume_a="sym", lower=True), R, A),
    "solve_triangular": (linalg.solve_triangular, R, N),
    "solve_triangular lower": (lambda a, b: linalg.solve_triangular(a, b, "C", True), C, Z),
    "solve_triangular unit": (
        lambda a, b: linalg.solve_triangular(a, b, trans=1, unit_diagonal=True),
        R,
        A,
    ),
    "solve_banded": (lambda ab, b: linalg.solve_banded((1, 1), ab, b), R[[1, 0, 2]] + 1.0, A),
    "solve_banded two below": (
        lambda ab, b: linalg.solve_banded((2, 0), ab, b),
        R + np.array([[3.0], [0.0], [0.0]]),
        N,
    ),
    "solve_sylvester": (linalg.solve_sylvester, R, R.T + 1.0, B),
    "solve_sylvester complex": (linalg.solve_sylvester, C, C.T + 1.0, B),
    "cholesky": (lambda s: linalg.cholesky(_gram(s)), S),
    "cholesky lower": (lambda s: linalg.cholesky(_gram(s), lower=True), C),
    "cho_factor": (lambda s: linalg.cho_factor(_gram(s))[0], S),
    "cho_solve": (lambda s, b: linalg.cho_solve(linalg.cho_factor(_gram(s)), b), S, A),
    "cho_solve lower": (lambda s, b: linalg.cho_solve(linalg.cho_factor(_gram(s), True), b), C, Z),
    "eigvalsh": (lambda s: linalg.eigvalsh(s), R),
    "eigvalsh upper": (lambda s: linalg.eigvalsh(s, lower=False), C),
    "svdvals": (linalg.svdvals, N),
    "expm": (linalg.expm, S),
    "expm complex": (linalg.expm, C),
    "expm stack": (linalg.expm, np.stack([S, 0.5 * R])),
    "sqrtm": (lambda s: linalg.sqrtm(_gram(s)), S),
    "sqrtm complex": (linalg.sqrtm, C),
    "sqrtm of a real matrix, complex": (linalg.sqrtm, np.diag([2.0, -1.0, 3.0]) + 0.1 * S),
    "toeplitz": (lambda a: linalg.toeplitz(a**2), A),
    "toeplitz row": (linalg.toeplitz, A, draw(4)),
    "toeplitz complex": (linalg.toeplitz, Z),
    "hankel": (linalg.hankel, P),
    "hankel row": (linalg.hankel, P, draw(4)),
    "circulant": (lambda a: linalg.circulant(a) ** 2, Q),
}

"""Linear algebra: systems, determinants, norms, decompositions; real and complex, stacks."""

import numpy as np
import scipy.sparse

from .inputs import T3, A, M, N, P, S, Z, draw, x

SPARSE = scipy.sparse.csr_array(np.triu(S))
R = S + 2 * np.eye(3)
C = R + 0.3j * S.T
TURNED = np.array([[3.3, 0.2, -0.4], [-0.3, -0.7, -1.1], [-0.4, 0.5, -0.2]])
STACK = np.stack([R, R.T + 0.3, 2 * R])
TALL = draw(4, 3, low=-1, high=1, seed=8)
WIDE = TALL.T
TALL_C = TALL + 1j * draw(4, 3, low=-1, high=1, seed=9)
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, 1.0, -1.0]])
CM = M + 1j * draw(2, 3, low=-1, high=1, seed=10)
norm = np.linalg.norm
NORMS = {"inf": np.inf, "-inf": -np.inf, "1": 1, "2": 2, "3": 3, "-1.5": -1.5, "None": None}
MATRIX_NORMS = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


def _gram(a):
    """A positive matrix with distinct eigenvalues."""
    return np.conj(a.T) @ a + np.diag([0.5, 1.0, 2.0])


CASES = {
    "inv": (np.linalg.inv, R),
    "inv complex": (np.linalg.inv, C),
    "inv stack": (np.linalg.inv, STACK),
    "inv of lists": (lambda a: np.linalg.inv([[a, 1.0], [2.0, a * a]]), x),
    "solve": (np.linalg.solve, R, N),
    "solve vector": (np.linalg.solve, R, A),
    "solve complex": (np.linalg.solve, C, Z),
    "solve real and complex": (np.linalg.solve, R, Z),
    "solve stack": (np.linalg.solve, STACK, draw(3, 3, 2)),
    "solve stack, one vector": (np.linalg.solve, STACK, A),
    "solve one matrix, stack": (np.linalg.solve, R, draw(2, 3, 2)),
    "solve lists": (lambda a, b: np.linalg.solve([[a, b], [1.0, 3.0]], [b, a]), x, 1.3),
    "det": (np.linalg.det, S),
    "det complex": (np.linalg.det, S + 0.3j * S.T),
    "det stack": (np.linalg.det, STACK),
    "det singular": (np.linalg.det, SINGULAR),
    "det rank one": (np.linalg.det, np.outer(A, P)),
    "det one": (np.linalg.det, np.zeros((1, 1))),
    "slogdet": (lambda s: np.linalg.slogdet(s)[1], S),
    "slogdet stack": (lambda s: np.linalg.slogdet(s).logabsdet, STACK),
    "slogdet complex": (lambda s: np.linalg.slogdet(s).sign * np.linalg.slogdet(s)[1], C),
    "slogdet complex stack": (lambda s: np.linalg.slogdet(s)[0], np.stack([C, 2 * C.T])),
    "matrix_power": (lambda s: np.linalg.matrix_power(s, 3), S),
    "matrix_power inverse": (lambda s: np.linalg.matrix_power(s, -2), R),
    "multi_dot": (lambda m, n, a: np.linalg.multi_dot([m, n, m, a]), M, N, A),
    "tensorinv": (np.linalg.tensorinv, draw(2, 3, 6) + np.eye(6).reshape(2, 3, 6)),
    "tensorsolve": (np.linalg.tensorsolve, draw(2, 3, 6) + np.eye(6).reshape(2, 3, 6), M),
    "cond": (np.linalg.cond, TALL),
    "cond 1": (lambda s: np.linalg.cond(s, 1), R),
    "linalg namespace": (
        lambda m, n, s: (
            np.linalg.trace(np.linalg.matmul(m, n) + np.linalg.outer(m[0], n[:, 0])[:2, :2])
            + np.linalg.diagonal(s)
            + np.linalg.cross(m[0], n[:, 0])
            + np.linalg.matrix_norm(m) * np.linalg.vector_norm(n, axis=None)
            + np.linalg.tensordot(m, n, axes=([1], [0]))[0, 0]
            + np.linalg.matrix_transpose(m)[:, 0]
            + np.linalg.svdvals(m)[0]
        ),
        M,
        N,
        S,
    ),
    "sparse matmul": (lambda a: SPARSE @ a, A),
    "matmul sparse": (lambda m: m @ SPARSE, M),
    "vector matmul sparse": (lambda a: a @ SPARSE, A),
    # norms
    "norm": (norm, T3),
    "norm of complex": (norm, Z),
    "norm keepdims": (lambda m: norm(m, keepdims=True), M),
    "norm axis": (lambda m: norm(m, axis=1, keepdims=True), M),
    "norm frobenius axes": (lambda t: norm(t, axis=(2, 0), keepdims=True), T3),
    **{f"norm vector {k}": (lambda a, p=p: norm(a, p), A) for k, p in NORMS.items()},
    **{f"norm vector {k} complex": (lambda a, p=p: norm(a, p), Z) for k, p in NORMS.items()},
    **{
        f"norm vectors {k}": (lambda m, p=p: norm(m, p, axis=0, keepdims=True), M)
        for k, p in NORMS.items()
    },
    **{f"norm matrix {p}": (lambda m, p=p: norm(m, p), M) for p in MATRIX_NORMS},
    **{f"norm matrix {p} complex": (lambda m, p=p: norm(m, p), CM) for p in MATRIX_NORMS},
    **{
        f"norm stack {p}": (lambda t, p=p: norm(t, p, axis=(2, 1), keepdims=True), T3)
        for p in MATRIX_NORMS
    },
    # decompositions
    "cholesky": (lambda a: np.linalg.cholesky(_gram(a)), TALL),
    "cholesky complex": (lambda a: np.linalg.cholesky(_gram(a)), TALL_C),
    "cholesky triangle": (np.linalg.cholesky, R @ R.T),
    "cholesky stack": (np.linalg.cholesky, np.stack([R @ R.T, R.T @ R])),
    "qr": (np.linalg.qr, TALL),
    "qr complex": (np.linalg.qr, TALL_C),
    "qr wide": (np.linalg.qr, WIDE),
    "qr stack": (np.linalg.qr, STACK),
    "qr r": (lambda a: np.linalg.qr(a, mode="r"), TALL),
    "qr complete": (lambda a: np.linalg.qr(a, "complete")[0][:, :3], TALL),
    "eigh": (np.linalg.eigh, S),
    "eigh upper": (lambda s: np.linalg.eigh(s, "U"), S),
    "eigh complex": (np.linalg.eigh, C),
    "eigh complex upper": (lambda s: np.linalg.eigh(s, "U"), C),
    "eigh stack": (np.linalg.eigh, STACK),
    "eigvalsh": (np.linalg.eigvalsh, C),
    "eig": (np.linalg.eig, S @ np.diag([1.0, 2.0, 3.0]) @ np.linalg.inv(S)),
    "eig rotating": (np.linalg.eig, np.array([[0.2, -1.0, 0.3], [1.1, 0.1, 0.2], [0.3, 0.5, 2.0]])),
    "eig turned": (np.linalg.eig, TURNED),
    "eig complex": (np.linalg.eig, C),
    "eigvals": (np.linalg.eigvals, STACK),
    "svd": (lambda a: np.linalg.svd(a, full_matrices=False), TALL),
    "svd wide": (lambda a: np.linalg.svd(a, full_matrices=False), WIDE),
    "svd square": (np.linalg.svd, STACK),
    "svd complex": (lambda a: np.linalg.svd(a, full_matrices=False), TALL_C),
    "svd complex wide": (lambda a: np.linalg.svd(a, full_matrices=False), TALL_C.T),
    "svd values": (lambda a: np.linalg.svd(a, compute_uv=False), TALL_C),
    "svd full": (lambda a: np.linalg.svd(a)[1], TALL),
    "pinv": (np.linalg.pinv, TALL),
    "pinv wide complex": (np.linalg.pinv, TALL_C.T),
    "pinv stack": (np.linalg.pinv, STACK),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b, rcond=None)[:2], TALL, draw(4)),
    "lstsq wide": (lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0], WIDE, draw(3, 2)),
}

"""Products of vectors, matrices and tensors."""

import numpy as np

from .inputs import T3, A, M, N, P, S, draw, x

CASES = {
    "matmul": (np.matmul, M, N),
    "matmul vectors": (lambda a, b: a @ b, A, P),
    "matmul mv": (lambda m, a: m @ a, M, A),
    "matmul vm": (lambda a, n: a @ n, A, N),
    "matmul stacks": (lambda t, n: t @ n, T3, draw(2, 2)),
    "matmul broadcast": (lambda m, t: m @ t, S, T3),
    "matmul vector stack": (lambda a, t: a @ t, A, T3),
    "matmul constant": (lambda a: S @ a, A),
    "dot": (np.dot, M, N),
    "dot vectors": (np.dot, A, P),
    "dot scalar": (lambda s, a: np.dot(s, a), x, A),
    "dot nd": (lambda m, t: np.dot(m, t), M, T3),
    "dot method": (lambda m, n: m.dot(n), M, N),
    "vdot": (np.vdot, A, P),
    "inner": (np.inner, M, S),
    "inner vectors": (np.inner, A, P),
    "outer": (np.outer, A, P),
    "tensordot": (lambda t, m: np.tensordot(t, m, ([1, 0], [1, 0])), T3, M),
    "tensordot one": (lambda t, s: np.tensordot(t, s, ([1], [0])), T3, S),
    "kron": (np.kron, M, N),
    "cross": (np.cross, A, P),
    "einsum": (lambda m, n: np.einsum("ij,jk->ik", m, n), M, N),
    "einsum implicit": (lambda m, n: np.einsum("ij,jk", m, n), M, N),
    "einsum trace": (lambda s: np.einsum("ii", s), S),
    "einsum diagonal": (lambda s: np.einsum("ii->i", s) ** 2, S),
    "einsum sum": (lambda m: np.einsum("ij->j", m) ** 2, M),
    "einsum all": (lambda m: np.einsum("ij->", m) ** 2, M),
    "einsum ellipsis": (lambda t, s: np.einsum("...ij,jk->...ik", np.swapaxes(t, 1, 2), s), T3, S),
    "einsum three": (lambda a, s, b: np.einsum("i,ij,j->", a, s, b), A, S, P),
    "einsum lists": (lambda m, n: np.einsum(m, [0, 1], n, [1, 2], [0, 2]), M, N),
    "einsum outer": (lambda a, b: np.einsum("i,j->ji", a, b), A, P),
}

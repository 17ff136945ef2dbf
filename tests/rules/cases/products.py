"""Products of arrays with their options: of any rank, complex, into given arrays, all of einsum."""

import numpy as np

from .inputs import T3, A, M, N, P, S, W, Z, draw, x, y

NUMBERS = np.arange(6.0).reshape(2, 3)

CASES = {
    "matmul out": (lambda m, n: np.matmul(m, n, out=np.empty((2, 2))) ** 2, M, N),
    "matmul dtype": (lambda m, n: np.matmul(m, n, dtype=complex) ** 2, M, N),
    "matmul axes": (lambda m, n: np.matmul(m, n, axes=[(1, 0), (1, 0), (0, 1)]) ** 2, N, M),
    "matmul order": (lambda m, n: np.matmul(m, n, order="F") ** 2, M, N),
    "matmul of a plain array and a list": (
        lambda m: NUMBERS @ [m[0, 0], m[1, 1], 2.0] * ([m[0, 1], 1.5] @ NUMBERS)[:2],
        M,
    ),
    "matmul empty": (lambda m, n: m[:, :0] @ n[:0], M, N),
    "imatmul": (lambda s: _imatmul(s), S),
    "dot out": (lambda m, n: np.dot(m, n, out=np.empty((2, 2))) ** 2, M, N),
    "dot lists": (lambda a: np.dot([a[0], 2.0], [[1.0, a[1]], [a[2], 2.0]]), A),
    "dot 1d nd": (lambda a, t: np.dot(a, t), A, T3),
    "dot nd 1d": (lambda t, a: np.dot(np.swapaxes(t, 1, 2), a), T3, A),
    "dot complex": (np.dot, Z, W),
    "dot scalars": (np.dot, x, y),
    "vdot matrices": (np.vdot, M, M * 2),
    "vdot real complex": (np.vdot, A, W),
    "vdot scalars": (np.vdot, x, y),
    "inner nd": (lambda t, a: np.inner(np.swapaxes(t, 1, 2), a), T3, A),
    "inner scalar": (np.inner, x, A),
    "inner nd nd": (lambda t, m: np.inner(np.swapaxes(t, 1, 2), m), T3, M),
    "inner complex": (np.inner, Z, W),
    "outer matrices": (np.outer, M, N),
    "outer out": (lambda a, b: np.outer(a, b, out=np.empty((3, 3))) ** 2, A, P),
    "outer complex": (np.outer, Z, W),
    "linalg outer": (np.linalg.outer, A, P),
    "tensordot two": (lambda a, b: np.tensordot(a, b), S, S.T),
    "tensordot zero": (lambda a, b: np.tensordot(a, b, 0), A, P),
    "tensordot all": (lambda a, b: np.tensordot(a, b, ((0, 1), (0, 1))), M, M),
    "tensordot pair of ints": (lambda a, b: np.tensordot(a, b, (0, 1)), M, N),
    "tensordot negative": (lambda a, b: np.tensordot(a, b, ([-1], [0])), T3, M),
    "tensordot complex": (lambda a, b: np.tensordot(a, b, 1), Z, W),
    "kron ranks": (np.kron, A, M),
    "kron numbers": (np.kron, x, A),
    "kron 3d": (np.kron, T3, M),
    "kron complex": (np.kron, Z, P),
    "trace": (lambda m, n: np.trace(m @ n), M, N),
    "einsum repeated": (lambda s: np.einsum("ii->i", s), S),
    "einsum iij": (lambda s: np.einsum("iij->j", s), draw(3, 3, 2)),
    "einsum iii": (lambda s: np.einsum("iii->i", s), draw(2, 2, 2)),
    "einsum diag product": (lambda s, a: np.einsum("ii,i->i", s, a), S, A),
    "einsum ellipsis implicit": (lambda t: np.einsum("i...", t), T3),
    "einsum ellipsis two": (lambda t, m: np.einsum("ij...,ij->...", t, m), T3, M),
    "einsum ellipsis broadcast": (lambda t, a: np.einsum("...j,...j->...", t, a), T3, draw(2)),
    "einsum ellipsis of no axes": (lambda a: np.einsum("...j->j...", a) ** 2, A),
    "einsum ellipsis in middle": (lambda t: np.einsum("i...j->j...i", t), T3),
    "einsum spaces": (lambda m, n: np.einsum(" i j , j k -> i k ", m, n), M, N),
    "einsum upper": (lambda m, n: np.einsum("iJ,Jk->ik", m, n), M, N),
    "einsum implicit order": (
        lambda m, n: np.einsum("ba,cb", m, n),
        M,
        N[:, :2][:3].T.T if False else draw(4, 2),
    ),
    "einsum four": (lambda a, s, m, b: np.einsum("i,ij,kj,k->", a, s, m, b), A, S, M, P[:2]),
    "einsum optimize": (lambda a, s, b: np.einsum("i,ij,j->", a, s, b, optimize=True), A, S, P),
    "einsum greedy": (
        lambda m, n, s: np.einsum("ij,jk,kl->il", m, n, s, optimize="greedy"),
        M,
        N,
        M,
    ),
    "einsum path": (
        lambda m, n, s: np.einsum(
            "ij,jk,kl->il", m, n, s, optimize=np.einsum_path("ij,jk,kl->il", m, n, s)[0]
        ),
        M,
        N,
        M,
    ),
    "einsum out": (lambda m, n: np.einsum("ij,jk->ik", m, n, out=np.empty((2, 2))) ** 2, M, N),
    "einsum dtype": (lambda m, n: np.einsum("ij,jk->ik", m, n, dtype=complex), M, N),
    "einsum lists implicit": (lambda m, n: np.einsum(m, [0, 1], n, [1, 2]), M, N),
    "einsum lists ellipsis": (lambda t, s: np.einsum(t, [0, Ellipsis], [Ellipsis, 0]), T3, S),
    "einsum lists large": (lambda m: np.einsum(m, [30, 4], [4, 30]), M),
    "einsum lists repeated": (lambda s: np.einsum(s, [0, 0]), S),
    "einsum view": (lambda m: np.einsum("ij->ji", m) ** 2, M),
    "einsum constant": (lambda a: np.einsum("ij,j->i", S, a), A),
    "einsum of ints": (lambda a: np.einsum("i,i->", [1, 2, 3], a), A),
    "einsum scalar": (lambda s, a: np.einsum(",i->i", s, a), x, A),
    "einsum broadcast dim": (lambda a, b: np.einsum("ij,ij->ij", a, b), M[:, :1], M),
    "einsum complex": (lambda z, m: np.einsum("i,ij->j", z[:2], m), Z, M),
    "einsum complex diag": (lambda m: np.einsum("ii,ij->j", m, m), S + 1j * S.T),
    "einsum same operand": (lambda m: np.einsum("ij,ij", m, m), M),
    "multi_dot": (lambda m, n, a: np.linalg.multi_dot([m, n, m, a]), M, N, A),
    "matrix_power": (lambda s: np.linalg.matrix_power(s, 3), S),
}


def _imatmul(s):
    s = s * 1.0
    s @= s
    return s


DOUBLE_ONLY = {"dot out": "the output array must have the type of the product"}

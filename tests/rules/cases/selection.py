"""Indices, selection and replacement of elements, in place and not."""

import operator

import numpy as np

__all__ = ["CASES"]


def draw(*shape, low=-1.0, high=1.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape)


A = draw(3)
B = draw(6, seed=8)
P = draw(3, low=0.3, high=1.2)
Q = draw(3, low=0.3, high=1.2, seed=1)
M = draw(2, 3)
S = draw(3, 3, seed=3)
T = draw(2, 3, 2, seed=4)
Z = draw(3) + 1j * draw(3, seed=5)
MASK = np.array([[True, False, True], [False, True, True]])
INFINITE = np.array([1.0, np.inf, -np.inf])
x, y = 0.7, 1.3


def written(change):
    """Change a copy of the first argument in place."""

    def run(m, *rest):
        copy = m * 1.0
        change(copy, *rest)
        return copy**2

    return run


READS = {
    "int": (lambda m: m[1, 2] ** 2 * m[-1, 0], M),
    "row": (lambda m: m[1] ** 2, M),
    "slice": (lambda m: m[:, ::2] ** 2, M),
    "negative step": (lambda a: a[::-1] * a, A),
    "newaxis": (lambda a: a[:, None] * a[None, :], A),
    "ellipsis": (lambda t: t[..., 0] ** 2, T),
    "fancy": (lambda a: a[[0, 2, 0]] ** 2, A),
    "fancy array": (lambda m: m[np.array([0, 1, 0]), np.array([2, 2, 1])] ** 2, M),
    "fancy and slice": (lambda t: t[:, [0, 0, 2]] ** 2, T),
    "split fancy": (lambda t: t[[0, 1], :, [0, 1]] ** 2, T),
    "int and fancy": (lambda t: t[0, :, [0, 1, 1]] ** 2, T),
    "mask": (lambda a: a[A > 0] ** 2, A),
    "mask 2d": (lambda m: m[M > 0] ** 2, M),
    "mask of traced": (lambda m: m[m > 0] ** 2, M),
    "view of view": (lambda m: m[1:][:, 1:].T ** 2, M),
    "ix_ reading": (lambda m: m[np.ix_([0, 1], [True, False, True])] ** 2, M),
    "getitem": (lambda a: operator.getitem(a, 1) ** 2, A),
    "flat": (lambda m: m.flat[2] * m.flat[1:4], M),
    "flat fancy": (lambda m: m.flat[[0, 5, 0]] ** 2, M),
    "flat iterated": (lambda m: [v * k for k, v in enumerate(m.flat)], M),
    "flat of a transpose": (lambda m: m.T.flat[1] * m.T.flat[2:5], M),
    "ndenumerate": (lambda m: [v * (i + 2 * j) for (i, j), v in np.ndenumerate(m)], M),
    "ndindex": (lambda m: sum(m[i] ** k for k, i in enumerate(np.ndindex(2, 3))), M),
    "take": (lambda m: np.take(m, [0, 2, 2], axis=1) ** 2, M),
    "take flat": (lambda m: np.take(m, [[0, 5], [1, 1]]) ** 2, M),
    "take one": (lambda m: np.take(m, 1, axis=0) * np.take(m, -1), M),
    "take wrap": (lambda a: np.take(a, [4, -5, 1], mode="wrap") ** 2, A),
    "take clip": (lambda m: np.take(m, [4, -5, 1], axis=-1, mode="clip") ** 2, M),
    "take out": (lambda m: np.take(m, [0, 1], axis=1, out=np.empty((2, 2), m.dtype)) ** 2, M),
    "take matrix of indices": (lambda t: t.take([[0, 1], [2, 2]], axis=1) ** 2, T),
    "compress": (lambda m: np.compress([True, False, True], m, axis=1) ** 2, M),
    "compress flat": (lambda m: np.compress([True, False, True, True], m) ** 2, M),
    "compress short": (lambda m: np.compress([False, True], m, axis=-1) ** 2, M),
    "compress method": (lambda m: m.compress([True, False, True], axis=1) ** 2, M),
    "compress traced": (lambda a: a.compress(a > 0) ** 2, A),
    "compress out": (lambda m: np.compress([True, False], m, 0, np.empty((1, 3), m.dtype)) ** 2, M),
    "extract": (lambda m: np.extract(MASK, m) ** 2, M),
    "extract traced": (lambda m: np.extract(m > 0, m) ** 2, M),
    "choose": (lambda a, b: np.choose([0, 1, 0], [a, b]) ** 2, A, P),
    "choose matrix": (lambda m: np.choose([1, 0, 1], m) ** 2, M),
    "choose broadcast": (lambda a, s: np.choose([[0], [1]], (a, s)) ** 2, A, x),
    "choose wrap": (lambda a, b: np.choose([5, -1, 0], [a, b], mode="wrap") ** 2, A, P),
    "choose clip": (lambda a, b: np.choose([5, -1, 0], [a, b], mode="clip") ** 2, A, P),
    "choose out": (lambda a, b: np.choose([0, 1, 0], [a, b], out=np.empty(3)) ** 2, A, P),
    "choose method": (lambda a, b: np.array([0, 1, 0]).choose([a, b]) ** 2, A, P),
    "select": (lambda a: np.select([A > 0.5, A > 0], [a**2, a**3], 0.0), A),
    "select default": (lambda a, s: np.select([A > 0.5, A > 0], [a**2, s], s**2), A, x),
    "select broadcast": (lambda m, a: np.select([M > 0.5, A > 0], [m**2, a], 1), M, A),
    "where": (lambda a, b: np.where(A > 0, a, b) ** 2, A, P),
    "where complex": (lambda a, z: np.where(A > 0, a, z) ** 2, A, Z),
    "where list": (lambda a: np.where([True, False, True], [a[0], 1.0, 2.0], a) ** 2, A),
    "where wide condition": (lambda a: np.where([[True], [False]], a, a**2), A),
    "where nested": (lambda a: np.where(a > 0, np.where(a > 0.2, a**2, a), -(a**3)), A),
    "where scalar": (lambda s: np.where(s > 0, s, 0.0) * s, x),
    "where broadcast": (lambda m, s: np.where(A > 0, m, s) ** 2, M, x),
    "tril_indices": (lambda s: s[np.tril_indices(3)] ** 2, S),
    "triu_indices_from": (lambda s: s[np.triu_indices_from(s, 1)] ** 2, S),
    "diag_indices": (lambda s: s[np.diag_indices(3)] ** 2, S),
    "diag_indices_from": (lambda s: s[np.diag_indices_from(s)] ** 2, S),
    "mask_indices": (lambda s: s[np.mask_indices(3, np.triu)] ** 2, S),
    "unravel_index": (lambda m: m[np.unravel_index([1, 5], (2, 3))] ** 2, M),
    "ravel_multi_index": (
        lambda m: m.ravel()[np.ravel_multi_index(([0, 1], [1, 2]), (2, 3))] ** 2,
        M,
    ),
    "nonzero": (lambda m: m[np.nonzero(m > 0)] ** 2, M),
    "argwhere": (lambda a: a[np.argwhere(a > 0)] ** 2, A),
    "flatnonzero": (lambda m: np.ravel(m)[np.flatnonzero(m > 0)] ** 2, M),
}

BUILDERS = {
    "r_": (lambda a, s: np.r_[a, s, 1.0, a[::-1]] ** 2, A, x),
    "r_ of lists": (lambda a: np.r_[[a[0], a[1]], a] ** 2, A),
    "r_ by another name": (lambda a: (lambda rows: rows[a, 1.0])(np.r_) ** 2, A),
    "r_ slices": (lambda a: np.r_[0:3, a, -1:1:4j] ** 2, A),
    "r_ traced slice": (lambda s: np.r_[s:2:3j] ** 2, x),
    "r_ axis": (lambda m: np.r_["-1", m, m] ** 2, M),
    "r_ first axis": (lambda m: np.r_[m, m * m] ** 2, M),
    "r_ dims": (lambda a, b: np.r_["0,2", a, b] ** 2, A, P),
    "r_ dims placed": (lambda a, b: np.r_["1,2,0", a, b] ** 2, A, P),
    "r_ plain": (lambda a: np.r_[1:4] * a, A),
    "c_": (lambda a, b: np.c_[a, b, np.ones(3)] ** 2, A, P),
    "c_ matrices": (lambda m, s: np.c_[m, m * s] ** 2, M, x),
    "s_": (lambda m: m[np.s_[:, 1:]] ** 2, M),
    "index_exp": (lambda m: m[np.index_exp[0, ::2]] ** 2, M),
    "mgrid": (lambda a: a * np.mgrid[0:3] + np.ogrid[0:3], A),
}

WRITES = {
    "put": (written(lambda m, a: np.put(m, [0, 4, 5], a)), M, A),
    "put repeated values": (written(lambda m, a: np.put(m, [0, 2, 4, 5], a[:2])), M, A),
    "put same place": (written(lambda m, a: np.put(m, [1, 4, 1], a)), M, A),
    "put a list": (written(lambda m, a: np.put(m, [0, 4], [a[0], a[1] * 2.0])), M, A),
    "put negative": (written(lambda m, s: np.put(m, -1, s)), M, x),
    "put wrap": (written(lambda m, a: np.put(m, [7, -8], a[:2], mode="wrap")), M, A),
    "put clip": (written(lambda m, a: np.put(m, [17, -8], a[:2], mode="clip")), M, A),
    "put too many values": (written(lambda m, a: np.put(m, [3], a)), M, A),
    "put method": (written(lambda m, a: m.put([0, 3, 5], a)), M, A),
    "putmask": (written(lambda m, s: np.putmask(m, MASK, s)), M, x),
    "putmask repeated": (written(lambda m, a: np.putmask(m, MASK, a)), M, A),
    "putmask longer": (written(lambda m, b: np.putmask(m, MASK, b)), M, B),
    "place": (written(lambda m, a: np.place(m, MASK, a)), M, A),
    "place shorter": (written(lambda m, a: np.place(m, MASK, a[:2])), M, A),
    "place a list": (written(lambda m, a: np.place(m, MASK, [a[0], 2.0])), M, A),
    "place nothing": (written(lambda m, a: np.place(m, np.zeros((2, 3)), a)), M, A),
    "copyto": (written(lambda m, a: np.copyto(m, a)), M, A),
    "copyto where": (written(lambda m, a: np.copyto(m, a, where=MASK)), M, A),
    "copyto part": (written(lambda m, a: np.copyto(m[0], a * 2)), M, A),
    "fill_diagonal": (written(lambda s, x: np.fill_diagonal(s, x)), S, x),
    "fill_diagonal vector": (written(lambda s, a: np.fill_diagonal(s, a)), S, A),
    "fill_diagonal short": (written(lambda s, a: np.fill_diagonal(s, a[:2])), S, A),
    "fill_diagonal tall": (written(lambda m, x: np.fill_diagonal(m, x)), draw(7, 3), x),
    "fill_diagonal wrap": (written(lambda m, a: np.fill_diagonal(m, a, wrap=True)), draw(7, 3), A),
    "fill_diagonal cube": (written(lambda t, a: np.fill_diagonal(t, a)), draw(3, 3, 3), A),
    "flat write": (written(lambda m, s: operator.setitem(m.flat, 3, s)), M, x),
    "flat write slice": (written(lambda m, a: operator.setitem(m.flat, slice(1, 4), a)), M, A),
    "fill": (written(lambda m, s: m[0].fill(s)), M, x),
    "add.at": (written(lambda m, a: np.add.at(m, ([0, 1, 0], [1, 1, 1]), a)), M, A),
}

REPLACEMENTS = {
    "clip": (lambda a: np.clip(a, -0.3, 0.4) ** 2, A),
    "clip bounds": (lambda m, lo, hi: np.clip(m, lo, hi) ** 2, 2 * M, A - 1.0, P),
    "clip low": (lambda a, s: np.clip(a, s, None) ** 2, A, -0.1),
    "clip high": (lambda a, s: np.clip(a, None, s) ** 2, A, 0.1),
    "clip keywords": (lambda a, s: np.clip(a, min=-s, max=s) ** 2, A, 0.4),
    "clip one keyword": (lambda a, s: np.clip(a, max=s) ** 2, A, 0.1),
    "clip old keywords": (lambda a, s: np.clip(a, a_min=-s, a_max=s) ** 2, A, 0.4),
    "clip wider bound": (lambda s, a: np.clip(s, a, 2.0) ** 2, 0.1, A),
    "clip crossed": (lambda a, s: np.clip(a, s, -s) ** 2, A, 0.2),
    "clip out": (lambda a: np.clip(a, -0.3, 0.4, out=np.empty(3)) ** 2, A),
    "clip where": (lambda a: np.clip(a, -0.3, 0.4, out=np.zeros(3), where=A < 0.5) ** 2, A),
    "clip method": (lambda a, s: a.clip(-s, s) * a.clip(max=s) * a.clip(min=-s), A, 0.4),
    "clip scalar": (lambda s: np.clip(s, 0.0, 0.5) + np.clip(s, 0.0, 1.0), x),
    "clip only bounds": (lambda s: np.clip([0.0, 0.5, 1.0], s, 2 * s) ** 2, 0.4),
    "nan_to_num": (np.nan_to_num, A),
    "nan_to_num values": (
        lambda a, s: np.nan_to_num(np.where(A > 0.1, a, INFINITE), posinf=s, neginf=s**2) ** 2,
        A,
        x,
    ),
    "nan_to_num nan": (
        lambda a, s: np.nan_to_num(np.where([True, False, True], a, np.nan), nan=s) ** 2,
        A,
        x,
    ),
    "nan_to_num in place": (
        written(lambda m: np.nan_to_num(m, copy=False, nan=1.0)),
        M,
    ),
    "nan_to_num complex": (lambda z: np.nan_to_num(z, nan=1.0) ** 2, Z),
    "nan_to_num scalar": (lambda s: np.nan_to_num(s, nan=1.0) ** 2, x),
    "apply_over_axes": (lambda t: np.apply_over_axes(np.sum, t**2, [0, 2]), T),
    "apply_over_axes mean": (lambda t: np.apply_over_axes(np.mean, t**2, 1), T),
    "isclose": (lambda a: a * np.isclose(a, 0.3, atol=0.2), A),
    "modf": (lambda a: np.modf(3 * a)[0], A),
    "unwrap": (lambda b: np.unwrap(5 * b) ** 2, B),
}

CASES = {**READS, **BUILDERS, **WRITES, **REPLACEMENTS}
if not hasattr(np, "unstack"):  # of NumPy 2.1
    LATER = ("clip keywords", "clip one keyword", "clip method")
    CASES = {name: case for name, case in CASES.items() if not name.startswith(LATER)}

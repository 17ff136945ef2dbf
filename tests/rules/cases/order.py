"""Sorting, partition, sets, and reading by the places that searches give."""

import numpy as np

__all__ = ["CASES"]


def draw(*shape, low=-1.0, high=1.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape)


A = draw(3)
B = draw(6, seed=8)
M = draw(2, 3)
T = draw(2, 3, 2, seed=4)
Z = draw(4) + 1j * draw(4, seed=5)
S0 = np.array(0.7)


def in_place(method):
    """Apply a method that works in place to a copy."""

    def run(m):
        copy = m**3
        method(copy)
        return copy**2

    return run


ORDER = {
    "sort": (lambda a: np.sort(a**2), A),
    "sort axis": (lambda t: np.sort(t, axis=1) ** 2, T),
    "sort first axis": (lambda t: np.sort(t, 0) ** 2, T),
    "sort flat": (lambda m: np.sort(m, axis=None) ** 2, M),
    "sort kind": (lambda m: np.sort(m, kind="heapsort") ** 2, M),
    "sort stable": (lambda m: np.sort(m, stable=True) ** 2, M),
    "sort descending": (lambda a: np.sort(a)[::-1] * np.arange(3.0), A),
    "sort complex": (lambda z: np.sort(z) ** 2, Z),
    "sort method": (in_place(lambda m: m.sort()), M),
    "sort method axis": (in_place(lambda m: m.sort(axis=0)), M),
    "sort_complex": (lambda z: np.sort_complex(z) ** 2, Z),
    "sort_complex real": (lambda a: np.sort_complex(a) ** 2, A),
    "partition": (lambda b: np.partition(b, 2) ** 2, B),
    "partition many": (lambda b: np.partition(b, [1, -2]) ** 2, B),
    "partition axis": (lambda m: np.partition(m, 1, axis=0) ** 2, M),
    "partition flat": (lambda m: np.partition(m, 1, axis=None) ** 2, M),
    "partition kind": (lambda m: np.partition(m, 1, kind="introselect") ** 2, M),
    "partition method": (in_place(lambda m: m.partition(1)), M),
    "argsort gather": (lambda b: b[np.argsort(b)] ** 2, B),
    "argsort method": (lambda b: b[b.argsort()] ** 2, B),
    "argpartition gather": (lambda b: b[np.argpartition(b, 2)][:3] ** 2, B),
    "argpartition method": (lambda b: b[b.argpartition(2)] ** 2, B),
    "lexsort gather": (lambda b: b[np.lexsort((b, [1, 0, 1, 0, 1, 0]))] ** 2, B),
    "argmax gather": (lambda m: np.take_along_axis(m, np.argmax(m, 1)[:, None], 1) ** 2, M),
    "searchsorted": (lambda b, s: b[np.searchsorted(np.sort(b), s)] * s, B, 0.1),
    "searchsorted method": (lambda b, s: b[np.sort(b).searchsorted(s)] * s, B, 0.1),
    "digitize": (lambda b: b * np.digitize(b, [-0.5, 0.0, 0.5]), B),
    "take_along_axis": (lambda m: np.take_along_axis(m, np.argsort(M, 1), 1) ** 2, M),
    "take_along_axis flat": (lambda m: np.take_along_axis(m, np.array([3, 3, 0]), None) ** 2, M),
    "take_along_axis wider": (
        lambda m: np.take_along_axis(m, np.array([[0], [0]]), axis=-1) ** 2,
        M,
    ),
    "take_along_axis broadcast": (
        lambda t: np.take_along_axis(t, np.array([[[1, 0]]]), axis=1) ** 2,
        T,
    ),
    "put_along_axis": (
        in_place(lambda m: np.put_along_axis(m, np.argmax(M, 1)[:, None], 9.0, 1)),
        M,
    ),
}


def put_along(m, v):
    """Write traced values along an axis."""
    out = m * 2.0
    np.put_along_axis(out, np.array([[1, 0, 1]]), v, axis=0)
    return out**2


def put_along_flat(m, v):
    """Write traced values into the flat array."""
    out = np.zeros((2, 3))
    out += m
    np.put_along_axis(out, np.array([4, 0]), v[:2], axis=None)
    return out**2


REPEATED = np.array([2, 0, 1, 0, 2])


def repeated(a):
    """Give an array in which elements occur several times."""
    return a[REPEATED]


SETS = {
    "put_along_axis values": (put_along, M, A),
    "put_along_axis flat": (put_along_flat, M, A),
    "unique": (lambda b: np.unique(b) ** 2, B),
    "unique of a matrix": (lambda m: np.unique(m) ** 2, M),
    "unique index": (lambda b: np.unique(b, return_index=True)[0] ** 2, B),
    "unique inverse": (
        lambda b: np.unique(b, return_inverse=True)[0][np.unique(b, return_inverse=True)[1]] ** 2,
        B,
    ),
    "unique counts": (lambda b: np.multiply(*np.unique(b, return_counts=True)) ** 2, B),
    "unique all": (
        lambda m: np.unique(m, return_index=True, return_inverse=True, return_counts=True)[0] ** 2,
        M,
    ),
    "unique axis": (lambda m: np.unique(m, axis=0) ** 2, M),
    "unique last axis": (lambda m: np.unique(m, axis=1, return_counts=True)[0] ** 2, M),
    "unique_values": (lambda b: np.sort(np.unique_values(b)) ** 2, B),
    "unique_inverse": (
        lambda b: np.unique_inverse(b).values[np.unique_inverse(b).inverse_indices] ** 2,
        B,
    ),
    "unique_counts": (lambda b: np.unique_counts(b).values ** 2, B),
    "unique_all": (lambda b: np.unique_all(b).values ** 2, B),
    "union1d": (lambda a, b: np.union1d(a, b) ** 2, A, B),
    "intersect1d": (lambda b: np.intersect1d(b, b[2:5]) ** 2, B),
    "intersect1d indices": (
        lambda b: np.intersect1d(b, b[2:5], assume_unique=True, return_indices=True)[0] ** 2,
        B,
    ),
    "setdiff1d": (lambda b: np.setdiff1d(b, b[2:5]) ** 2, B),
    "setdiff1d unique": (lambda b: np.setdiff1d(b, b[2:5], assume_unique=True) ** 2, B),
    "setxor1d": (lambda b: np.setxor1d(b[:4], b[2:]) ** 2, B),
    "isin": (lambda b: b * np.isin(b, b[1:3]), B),
    "ediff1d": (lambda b: np.ediff1d(b) ** 2, B),
    "ediff1d matrix": (lambda m: np.ediff1d(m) ** 2, M),
    "ediff1d ends": (lambda b, a: np.ediff1d(b, to_end=a, to_begin=a[0]) ** 2, B, A),
}

CASES = {**ORDER, **SETS}

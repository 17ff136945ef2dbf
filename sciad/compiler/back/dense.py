"""Dense linear algebra for emitted code: LU with partial pivoting and Cholesky on flat buffers.

Matrices are stored row by row. Each function gives False instead of raising: emitted code frees its
tapes and leaves with a status of its own.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["dense_cholesky", "dense_det", "dense_logdet", "dense_solve", "dense_solvet"]


@njit(cache=True, error_model="numpy", nogil=True)
def _exchange(a, n, i, k, start):
    for j in range(start, n):
        a[i * n + j], a[k * n + j] = a[k * n + j], a[i * n + j]


@njit(cache=True, error_model="numpy", nogil=True)
def _pivot(a, n, k):
    """Row of the largest element of column k, from the diagonal on; nan counts as largest."""
    best, row = abs(a[k * n + k]), k
    for i in range(k + 1, n):
        size = abs(a[i * n + k])
        if size > best or size != size:
            best, row = size, i
    return row


@njit(cache=True, error_model="numpy", nogil=True)
def _clear(a, x, n, m, k):
    """Subtract multiples of row k, from a and from x."""
    inverse = 1.0 / a[k * n + k]
    for i in range(k + 1, n):
        factor = a[i * n + k] * inverse
        if factor != 0.0:
            for j in range(k + 1, n):
                a[i * n + j] -= factor * a[k * n + j]
            for j in range(m):
                x[i * m + j] -= factor * x[k * m + j]


@njit(cache=True, error_model="numpy", nogil=True)
def _eliminate(a, x, n, m):
    """Solve a y = x in place; a is overwritten."""
    for k in range(n):
        row = _pivot(a, n, k)
        if a[row * n + k] == 0.0:
            return False
        if row != k:
            _exchange(a, n, row, k, k)
            _exchange(x, m, row, k, 0)
        _clear(a, x, n, m, k)
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            factor = a[i * n + k]
            if factor != 0.0:
                for j in range(m):
                    x[i * m + j] -= factor * x[k * m + j]
        for j in range(m):
            x[i * m + j] /= a[i * n + i]
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def dense_solve(x, a, n, m):
    """Overwrite x (n x m) with a^-1 x."""
    work = np.empty(n * n)
    for k in range(n * n):
        work[k] = a[k]
    return _eliminate(work, x, n, m)


@njit(cache=True, error_model="numpy", nogil=True)
def dense_solvet(x, a, n, m):
    """Overwrite x (n x m) with a^-T x."""
    work = np.empty(n * n)
    for i in range(n):
        for j in range(n):
            work[j * n + i] = a[i * n + j]
    return _eliminate(work, x, n, m)


@njit(cache=True, error_model="numpy", nogil=True)
def _factor(work, n):
    """Upper triangle of the LU decomposition in place; gives the sign of the permutation."""
    sign, none = 1.0, np.empty(0)
    for k in range(n):
        row = _pivot(work, n, k)
        if work[row * n + k] == 0.0:
            return 0.0
        if row != k:
            _exchange(work, n, row, k, k)
            sign = -sign
        _clear(work, none, n, 0, k)
    return sign


@njit(cache=True, error_model="numpy", nogil=True)
def dense_det(x, a, n, m):
    """Write the determinant of a into x[0]."""
    work = np.empty(n * n)
    for k in range(n * n):
        work[k] = a[k]
    x[0] = _factor(work, n)
    if x[0] != 0.0:
        for k in range(n):
            x[0] *= work[k * n + k]
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def dense_logdet(x, a, n, m):
    """Write log|det a| and the sign of det a into x."""
    work = np.empty(n * n)
    for k in range(n * n):
        work[k] = a[k]
    sign, total = _factor(work, n), 0.0
    if sign == 0.0:
        total = -np.inf
    else:
        for k in range(n):
            pivot = work[k * n + k]
            total += math.log(abs(pivot))
            sign = -sign if pivot < 0.0 else sign if pivot > 0.0 else pivot
    x[0], x[1] = total, sign
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def dense_cholesky(x, a, n, m):
    """Write the lower Cholesky factor of a into x."""
    for i in range(n):
        for j in range(n):
            if j > i:
                x[i * n + j] = 0.0
                continue
            total = a[i * n + j]
            for k in range(j):
                total -= x[i * n + k] * x[j * n + k]
            if i != j:
                x[i * n + j] = total / x[j * n + j]
            elif total > 0.0:
                x[i * n + i] = math.sqrt(total)
            else:
                return False
    return True

"""Functions of NumPy written in the language that is compiled; calls of them are inlined.

They are ordinary Python and are tested as such. Where an order is searched, only ints come out of
the search, so that no derivative goes through it.
"""

from __future__ import annotations

import numpy as np

__all__ = ["argsort", "interp", "searchsorted"]


def comes_after(x, y):
    """Whether x belongs behind y; nan is the largest number."""
    return x > y or (x != x and y == y)


def argsort(x):
    """Sort stably by merging runs of doubling length; gives positions."""
    n = len(x)
    order = np.arange(n)
    merged = np.zeros(n, dtype=int)
    width = 1
    while width < n:
        start = 0
        while start < n:
            middle = min(start + width, n)
            stop = min(middle + width, n)
            i = start
            j = middle
            for k in range(start, stop):
                left = i < middle
                if left and j < stop:
                    left = not comes_after(x[order[i]], x[order[j]])
                if left:
                    merged[k] = order[i]
                    i += 1
                else:
                    merged[k] = order[j]
                    j += 1
            start = stop
        for k in range(n):
            order[k] = merged[k]
        width = 2 * width
    return order


def searchsorted(a, x, right):
    """Count the elements of a sorted array that are before x (or not behind it)."""
    low = 0
    high = len(a)
    while low < high:
        middle = (low + high) // 2
        before = not comes_after(a[middle], x) if right else comes_after(x, a[middle])
        if before:
            low = middle + 1
        else:
            high = middle
    return low


def interp(x, xp, fp):
    """Interpolate linearly; constant outside, in the last cell at its end."""
    last = len(xp) - 1
    if x < xp[0]:
        return fp[0]
    if x > xp[last]:
        return fp[last]
    if last == 0:
        return fp[0] + 0.0 * x
    start = min(max(searchsorted(xp, x, True) - 1, 0), last - 1)
    slope = (fp[start + 1] - fp[start]) / (xp[start + 1] - xp[start])
    if x == xp[last]:
        return fp[last] + slope * (x - xp[last])
    return fp[start] + slope * (x - xp[start])

"""Colourings of sparse matrices: which columns, or rows, share one directional derivative.

Columns of one colour have no row in common, so that their sum still shows every entry (Curtis,
Powell and Reid). A symmetric matrix needs less: no path over four vertices in two colours (a star
colouring), since every entry can be read in its row or in its column. Both are found greedily, in
several orders, of which the best counts. Colours that a vertex must not have are kept as bits of
ints, so that a full row costs no more than its length.

References
----------
A. R. Curtis, M. J. D. Powell, J. K. Reid, On the estimation of sparse Jacobian matrices, J. Inst.
Maths Applics 13 (1974) 117-119.
T. F. Coleman, J. J. Moré, Estimation of sparse Jacobian matrices and graph coloring problems, SIAM
J. Numer. Anal. 20 (1983) 187-209.
A. H. Gebremedhin, F. Manne, A. Pothen, What color is your Jacobian? SIAM Review 47 (2005) 629-705.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["column_colours", "star_colours"]

#: Smallest-last needs the neighbours of every column; beyond so many pairs it is left out.
_MOST_PAIRS = 2_000_000


def column_colours(pattern: Any) -> np.ndarray:
    """Colour the columns of a matrix so that columns of one colour share no row.

    Parameters
    ----------
    pattern : scipy.sparse array
        Its stored entries are what counts.

    Returns
    -------
    ndarray of int
        A colour for each column, counted from 0.

    Examples
    --------
    >>> from scipy.sparse import eye_array
    >>> column_colours(eye_array(3, format="csr"))
    array([0, 0, 0])
    """
    by_row, by_column = pattern.tocsr(), pattern.tocsc()
    rows = np.split(by_column.indices, by_column.indptr[1:-1])
    lengths = np.diff(by_row.indptr)
    least = int(lengths.max(initial=0))
    best: np.ndarray | None = None
    for order in _orders(by_row, by_column, rows, lengths):
        found = _greedy_columns(rows, order, pattern.shape[0])
        if best is None or found.max(initial=0) < best.max(initial=0):
            best = found
        if best.max(initial=-1) + 1 <= max(least, 1):
            break
    assert best is not None
    return best


def _orders(by_row: Any, by_column: Any, rows: list, lengths: np.ndarray) -> Any:
    """Orders to try: as they come, largest first, smallest last."""
    n = by_column.shape[1]
    yield range(n)
    degrees = np.array([int(np.sum(lengths[r] - 1)) for r in rows], dtype=np.int64)
    yield np.argsort(-degrees, kind="stable").tolist()
    if int(np.sum(lengths.astype(np.int64) ** 2)) <= _MOST_PAIRS:
        columns = np.split(by_row.indices, by_row.indptr[1:-1])
        near = [{int(k) for i in r for k in columns[i]} - {j} for j, r in enumerate(rows)]
        yield smallest_last(near)


def smallest_last(neighbours: list[set[int]]) -> list[int]:
    """Order vertices so that each has the fewest neighbours among those before it."""
    degrees = [len(s) for s in neighbours]
    buckets: list[set[int]] = [set() for _ in range(max(degrees, default=0) + 1)]
    for vertex, degree in enumerate(degrees):
        buckets[degree].add(vertex)
    order, lowest, gone = [], 0, [False] * len(neighbours)
    for _ in neighbours:
        while not buckets[lowest]:
            lowest += 1
        vertex = buckets[lowest].pop()
        gone[vertex] = True
        order.append(vertex)
        for other in neighbours[vertex]:
            if not gone[other]:
                buckets[degrees[other]].discard(other)
                degrees[other] -= 1
                buckets[degrees[other]].add(other)
        lowest = max(lowest - 1, 0)
    return order[::-1]


def _greedy_columns(rows: list, order: Sequence[int], height: int) -> np.ndarray:
    taken = [0] * height  # colours in each row, as bits
    colours = np.zeros(len(rows), dtype=np.int64)
    lists = [r.tolist() for r in rows]
    for column in order:
        forbidden = 0
        for row in lists[column]:
            forbidden |= taken[row]
        free = ~forbidden & (forbidden + 1)  # the lowest bit that is not set
        colours[column] = free.bit_length() - 1
        for row in lists[column]:
            taken[row] |= free
    return colours


def star_colours(pattern: Any) -> np.ndarray:
    """Colour the columns of a symmetric matrix so that every entry can be read off.

    Parameters
    ----------
    pattern : scipy.sparse array
        Symmetric; its stored entries are what counts, the diagonal is taken as full.

    Returns
    -------
    ndarray of int
        A colour for each column. An entry (i, j) is alone in row i among the columns coloured like
        j, or alone in row j among those coloured like i.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> arrow = csr_array([[1, 1, 1], [1, 1, 0], [1, 0, 1]])
    >>> star_colours(arrow)
    array([0, 1, 1])
    """
    by_row = pattern.tocsr()
    lists = [part.tolist() for part in np.split(by_row.indices, by_row.indptr[1:-1])]
    neighbours = [[j for j in part if j != i] for i, part in enumerate(lists)]
    degrees = np.array([len(part) for part in neighbours])
    largest_first = np.argsort(-degrees, kind="stable").tolist()
    orders = [largest_first, list(range(len(neighbours)))]
    if degrees.sum() <= _MOST_PAIRS:
        orders.append(smallest_last([set(part) for part in neighbours]))
    tried = [_greedy_star(neighbours, order) for order in orders]
    return min(tried, key=lambda colours: colours.max(initial=0))


def _greedy_star(neighbours: list[list[int]], order: Sequence[int]) -> np.ndarray:
    """Colour greedily (Gebremedhin, Manne and Pothen, algorithm 4.1).

    A vertex must not be coloured like a neighbour, like a second neighbour across a vertex without
    colour, nor like a second neighbour x across w if x has another neighbour coloured like w. The
    last two are kept up to date for each w: `around` and `danger`.
    """
    n = len(neighbours)
    colours = np.full(n, -1, dtype=np.int64)
    around, danger = [0] * n, [0] * n
    first: list[dict[int, int]] = [{} for _ in range(n)]  # x: colour -> a neighbour that has it
    for vertex in order:
        forbidden = 0
        for w in neighbours[vertex]:
            known = int(colours[w])
            forbidden |= around[w] if known < 0 else danger[w] | 1 << known
        free = ~forbidden & (forbidden + 1)
        colour = free.bit_length() - 1
        colours[vertex] = colour
        for x in neighbours[vertex]:
            around[x] |= free
            earlier = first[x].setdefault(colour, vertex)
            if earlier != vertex and colours[x] >= 0:
                bit = 1 << int(colours[x])
                danger[earlier] |= bit
                danger[vertex] |= bit
    return colours

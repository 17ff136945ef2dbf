"""Sorting, partition and sets: elements in another order, which is held.

Where elements are equal, the derivative is that of one of them: of the first in a sort or a set.
"""

import numpy as np

from sciad.core.rules import nondifferentiable, substitute
from sciad.core.tracer import as_array, dtype_of, primal_of, shape_of
from sciad.rules.shape import in_order

__all__: list[str] = []


def _along(a, places, axis):
    """Elements at places along an axis, in the memory order that NumPy gives a sorted copy."""
    values = primal_of(a)
    fortran = type(values) is np.ndarray and values.flags.fnc
    return in_order(np.take_along_axis(a, places, axis), "F" if fortran else "C")


@substitute(np.sort)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    """``np.sort``: the permutation is held."""
    a = as_array(a)
    # NumPy checks the options, on nothing
    np.sort(np.empty((0,) * len(shape_of(a))), axis, kind=kind, order=order, stable=stable)
    if axis is None:
        a, axis = np.ravel(a), 0
    return _along(a, np.argsort(primal_of(a), axis=axis, kind="stable"), axis)


@substitute(np.partition)
def partition(a, kth, axis=-1, kind="introselect", order=None):
    """``np.partition``: the permutation is held."""
    a = as_array(a)
    if axis is None:
        a, axis = np.ravel(a), 0
    values = primal_of(a)
    parted = np.partition(values, primal_of(kth), axis, kind, order)
    places = np.argpartition(values, primal_of(kth), axis, kind)
    if np.array_equal(np.take_along_axis(values, places, axis), parted):
        return _along(a, places, axis)
    # between the pivots NumPy's argpartition may have another order
    sorted_places = np.argsort(values, axis=axis, kind="stable")
    np.put_along_axis(places, np.argsort(parted, axis=axis, kind="stable"), sorted_places, axis)
    return _along(a, places, axis)


@substitute(np.sort_complex)
def sort_complex(a):
    """``np.sort_complex``: along the last axis, as complex numbers."""
    a = as_array(a)
    kind = np.sort_complex(np.empty(0, dtype_of(a))).dtype
    return np.sort(a).astype(kind)


@substitute(np.take_along_axis)
def take_along_axis(arr, indices, axis=-1):
    """``np.take_along_axis``."""
    arr, indices = as_array(arr), np.asarray(primal_of(indices))
    if axis is None:
        return np.ravel(arr)[_checked(indices, 1)]
    return arr[_grid(shape_of(arr), indices, axis)]


def _grid(shape, indices, axis):
    """Index that reads `indices` along an axis and runs along all others."""
    rank = len(_checked(indices, len(shape)).shape)
    axis = np.lib.array_utils.normalize_axis_index(axis, rank)
    grid = [
        np.arange(n).reshape((1,) * k + (-1,) + (1,) * (rank - k - 1)) for k, n in enumerate(shape)
    ]
    grid[axis] = indices
    return tuple(grid)


def _checked(indices, rank):
    if not np.issubdtype(indices.dtype, np.integer):
        raise IndexError("`indices` must be an integer array")
    if indices.ndim != rank:
        raise ValueError(f"`indices` must have {rank} axes, as the array, not {indices.ndim}")
    return indices


# Sets --------------------------------------------------------------------------------------------


def _unique(a, axis, options):
    """Elements of an array that NumPy gives as its unique ones, in its order."""
    result = np.unique(primal_of(a), axis=axis, **options)
    values = result[0] if type(result) is tuple else result
    kept = {k: v for k, v in options.items() if k == "equal_nan"}
    first = np.unique(primal_of(a), return_index=True, axis=axis, **kept)[1]
    if axis is not None:
        return np.take(a, first, axis=axis), result
    places = np.empty(first.shape, np.intp)
    places[np.argsort(values, kind="stable")] = first  # unsorted, if the caller wants it so
    return np.ravel(a)[places], result


@substitute(np.unique)
def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, **options):
    """``np.unique``."""
    flags = {
        "return_index": return_index,
        "return_inverse": return_inverse,
        "return_counts": return_counts,
    }
    found, result = _unique(as_array(ar), axis, {**flags, **options})
    return (found, *result[1:]) if type(result) is tuple else found


def _as_unique(function):
    """Rule of one of the functions of the array API that call ``np.unique``."""

    def unique_parts(x):
        x = as_array(x)
        result = function(primal_of(x))
        values = result if type(result) is np.ndarray else result[0]
        first = np.unique(primal_of(x), return_index=True, equal_nan=False)[1]
        places = np.empty(first.shape, np.intp)
        places[np.argsort(values, kind="stable")] = first
        found = np.ravel(x)[places]
        return found if type(result) is np.ndarray else type(result)(found, *result[1:])

    return unique_parts


for _function in (np.unique_values, np.unique_all, np.unique_counts, np.unique_inverse):
    substitute(_function)(_as_unique(_function))


@substitute(np.union1d)
def union1d(ar1, ar2):
    """``np.union1d``."""
    return np.unique(np.concatenate([as_array(ar1), as_array(ar2)], axis=None))


@substitute(np.intersect1d)
def intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    """``np.intersect1d``: the elements are those of the first array."""
    first, second = as_array(ar1), as_array(ar2)
    _, places, others = np.intersect1d(
        primal_of(first), primal_of(second), assume_unique, return_indices=True
    )
    joint = np.result_type(dtype_of(first), dtype_of(second))
    found = np.ravel(first)[places]
    found = found if dtype_of(found) == joint else found.astype(joint)
    return (found, places, others) if return_indices else found


@substitute(np.setdiff1d)
def setdiff1d(ar1, ar2, assume_unique=False):
    """``np.setdiff1d``."""
    left, right = as_array(ar1), as_array(ar2)
    left = np.ravel(left) if assume_unique else np.unique(left)
    return left[~np.isin(primal_of(left), primal_of(right))]


@substitute(np.setxor1d)
def setxor1d(ar1, ar2, assume_unique=False):
    """``np.setxor1d``."""
    left, right = as_array(ar1), as_array(ar2)
    if not assume_unique:
        left, right = np.unique(left), np.unique(right)
    both = np.sort(np.concatenate([left, right], axis=None))
    values = primal_of(both)
    edges = np.concatenate([[True], values[1:] != values[:-1], [True]])
    return both[edges[1:] & edges[:-1]] if values.size else both


@substitute(np.ediff1d)
def ediff1d(ary, to_end=None, to_begin=None):
    """``np.ediff1d``."""
    ary = np.ravel(as_array(ary))
    parts = [to_begin, ary[1:] - ary[:-1], to_end]
    kind = dtype_of(ary)
    for part, name in ((to_begin, "to_begin"), (to_end, "to_end")):
        if part is not None and not np.can_cast(dtype_of(as_array(part)), kind, "same_kind"):
            raise TypeError(f"dtype of `{name}` must be compatible with input `ary`")
    joined = np.concatenate([np.ravel(as_array(p)) for p in parts if p is not None])
    return joined if dtype_of(joined) == kind else joined.astype(kind)


nondifferentiable(*[getattr(np, name) for name in ("in1d",) if name in vars(np)])

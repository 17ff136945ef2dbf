"""Selection by position: take, select, put, choose and searches that return elements.

``a[index]`` itself, read and written, is in `sciad.core.buffer`.
"""

import operator

import numpy as np

from sciad.core.rules import substitute
from sciad.core.tracer import as_array, is_wrapped, primal_of, shape_of, trace_of
from sciad.rules.shape import in_order, put

__all__: list[str] = []


@substitute(operator.getitem)
def getitem(a, index):
    """``operator.getitem``."""
    return a[index]


@substitute(operator.setitem)
def setitem(a, index, value):
    """``operator.setitem``."""
    a[index] = value


@substitute(np.take)
def take(a, indices, axis=None, out=None, mode="raise"):
    """``np.take``."""
    a, indices = as_array(a), np.asarray(indices)
    if axis is None:
        a, axis = np.ravel(a), 0
    n = shape_of(a)[axis]
    if mode == "wrap":
        indices = indices % n
    elif mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    lead = (slice(None),) * (axis % len(shape_of(a)))
    found = in_order(a[(*lead, indices)])
    if out is not None and out is not Ellipsis:
        out[...] = found
        return out
    return found


@substitute(np.take_along_axis)
def take_along_axis(arr, indices, axis=-1):
    """``np.take_along_axis``."""
    arr = as_array(arr)
    if axis is None:
        return np.ravel(arr)[indices]
    axis = axis % len(shape_of(arr))
    grid = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    grid[axis] = indices
    return arr[tuple(grid)]


@substitute(np.compress)
def compress(condition, a, axis=None, out=None):
    """``np.compress``."""
    return np.take(a, np.flatnonzero(condition), axis=axis, out=out)


@substitute(np.extract)
def extract(condition, arr):
    """``np.extract``."""
    return np.ravel(arr)[np.ravel(np.asarray(primal_of(condition), bool))]


@substitute(np.select)
def select(condlist, choicelist, default=0):
    """``np.select``."""
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


@substitute(np.clip)
def clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None, **kwargs):
    """``np.clip``; at a bound the derivative is that of the element itself."""
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    result = as_array(a)
    if low is not None:
        result = np.where(primal_of(result) < primal_of(low), low, result)
    if high is not None:
        result = np.where(primal_of(result) > primal_of(high), high, result)
    if out is not None and out is not Ellipsis:
        out[...] = result
        return out
    return result


@substitute(np.sort)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    """``np.sort``: the permutation is held."""
    a = as_array(a)
    if axis is None:
        a, axis = np.ravel(a), 0
    found = np.take_along_axis(a, np.argsort(primal_of(a), axis=axis, kind="stable"), axis)
    return in_order(found, "F" if primal_of(a).flags.fnc else "C")


@substitute(np.median)
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """``np.median``."""
    a = as_array(a)
    flat = np.ravel(a) if axis is None else np.moveaxis(a, axis, 0)
    ordered = np.sort(flat, axis=0)
    n = shape_of(ordered)[0]
    middle = np.mean(ordered[(n - 1) // 2 : n // 2 + 1], axis=0)
    if keepdims and keepdims is not np._NoValue:
        shape = [1] * len(shape_of(a)) if axis is None else list(shape_of(a))
        if axis is not None:
            shape[axis] = 1
        middle = np.reshape(middle, tuple(shape))
    if out is not None and out is not Ellipsis:
        out[...] = middle
        return out
    return middle


@substitute(np.add.at)
def add_at(a, indices, b):
    """``np.add.at``: repeated indices add up."""
    if not is_wrapped(a):
        a[indices] = b  # raises: the array is not followed
        return
    current = primal_of(a)
    places = np.arange(current.size).reshape(current.shape)[indices]
    values = np.ravel(np.broadcast_to(b, np.shape(places)))
    flat_places = np.ravel(places)
    unique, inverse = np.unique(flat_places, return_inverse=True)
    sums = np.matmul((np.arange(unique.size)[:, None] == inverse[None, :]) + 0.0, values)
    spots = np.unravel_index(unique, current.shape)
    a[spots] = a[spots] + sums


@substitute(np.copyto)
def copyto(dst, src, casting="same_kind", where=True):
    """``np.copyto``."""
    if where is True:
        dst[...] = src
    else:
        dst[...] = np.where(where, src, dst)


@substitute(np.put)
def put_elements(a, ind, v, mode="raise"):
    """``np.put``."""
    places = np.ravel(np.asarray(ind))
    values = np.ravel(as_array(v))
    if shape_of(values)[0] != places.size:
        values = np.take(values, np.arange(places.size) % shape_of(values)[0])
    a[np.unravel_index(places % np.size(a), shape_of(a))] = values


@substitute(np.putmask)
def putmask(a, mask, values):
    """``np.putmask``."""
    values = as_array(values)
    if shape_of(values) != shape_of(a):
        values = np.reshape(
            np.take(np.ravel(values), np.arange(np.size(a)) % np.size(values)), shape_of(a)
        )
    a[...] = np.where(mask, values, a)


@substitute(np.place)
def place(arr, mask, vals):
    """``np.place``."""
    count = int(np.count_nonzero(mask))
    vals = np.ravel(as_array(vals))
    arr[np.asarray(mask, bool)] = np.take(vals, np.arange(count) % np.size(vals))


@substitute(np.fill_diagonal)
def fill_diagonal(a, val, wrap=False):
    """``np.fill_diagonal`` of a matrix."""
    n = min(shape_of(a))
    spots = np.arange(n)
    val = as_array(val)
    if len(shape_of(val)):
        val = np.take(np.ravel(val), spots % np.size(val))
    a[tuple([spots] * len(shape_of(a)))] = val


@substitute(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    """``np.interp``: piecewise linear in `x`, differentiable in `xp` and `fp` too."""
    if period is not None:
        xp = np.mod(xp, period)
        order = np.argsort(xp)
        xp, fp = as_array(xp)[order], as_array(fp)[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        x = np.mod(x, period)
    x, xp, fp = as_array(x), as_array(xp), as_array(fp)
    last = shape_of(xp)[0] - 1
    cell = np.searchsorted(primal_of(xp), primal_of(x), side="right") - 1
    cell = np.clip(cell, 0, max(last - 1, 0))
    after = np.minimum(cell + 1, last)
    empty = primal_of(xp)[after] == primal_of(xp)[cell]  # one point, or the last given twice
    weight = np.where(empty, 0.0, x - xp[cell]) / np.where(empty, 1.0, xp[after] - xp[cell])
    value = np.where(empty, fp[after], fp[cell] + weight * (fp[after] - fp[cell]))
    below, above = primal_of(x) < primal_of(xp)[0], primal_of(x) > primal_of(xp)[-1]
    value = np.where(below, fp[0] if left is None else left, value)
    value = np.where(above, fp[-1] if right is None else right, value)
    return value if shape_of(x) or trace_of(value) is None else value + 0.0


@substitute(np.bincount)
def bincount(x, /, weights=None, minlength=0):
    """``np.bincount``, linear in the weights."""
    x = np.asarray(x)
    if weights is None:
        return np.bincount(x, minlength=minlength)
    length = max(int(x.max()) + 1 if x.size else 0, minlength)
    return put((length,), x, weights)

"""Functions that write into their first argument: copyto, put, place, putmask, fill_diagonal."""

import math

import numpy as np

from sciad.core.options import check_casting
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, primal_of, shape_of

__all__: list[str] = []


def _write(a, places, values):
    """Write into the elements at flat positions."""
    if not shape_of(a):
        if len(places):
            a[...] = values[-1]
        return
    a[np.unravel_index(places, shape_of(a))] = values


def _cycled(values, count):
    """Give `count` values from the first on, again and again."""
    values = np.ravel(as_array(values))
    size = shape_of(values)[0]
    return values if size == count else values[np.arange(count) % size]


@substitute(np.copyto)
def copyto(dst, src, casting="same_kind", where=True):
    """``np.copyto``."""
    src, where = as_array(src), primal_of(where)
    check_casting(np.copyto, src, dst, casting)
    if where is True:
        dst[...] = src
        return
    chosen = np.broadcast_to(np.asarray(where, bool), shape_of(dst))
    dst[chosen] = np.broadcast_to(src, shape_of(dst))[chosen]


@substitute(np.put)
def put(a, ind, v, mode="raise"):
    """``np.put``: positions are counted flat."""
    places, size = np.ravel(np.asarray(primal_of(ind), np.intp)), math.prod(shape_of(a))
    if mode == "wrap":
        places = places % size
    elif mode == "clip":
        places = np.clip(places, 0, size - 1)
    elif np.any((places < -size) | (places >= size)):
        np.put(np.zeros(size), places, 0.0)  # raises as NumPy does
    v = as_array(v)
    if places.size and np.size(v):
        _write(a, places % size, _cycled(v, places.size))


@substitute(np.putmask)
def putmask(a, mask, values):
    """``np.putmask``: an element gets the value at its own position (values start again)."""
    places = np.flatnonzero(np.broadcast_to(primal_of(mask), shape_of(a)))
    values = np.ravel(as_array(values))
    if shape_of(values)[0]:
        _write(a, places, values[places % shape_of(values)[0]])


@substitute(np.place)
def place(arr, mask, vals):
    """``np.place``: the chosen elements get the values one after the other."""
    places = np.flatnonzero(np.reshape(primal_of(mask), shape_of(arr)))
    vals = as_array(vals)
    if places.size and not np.size(vals):
        raise ValueError("Cannot insert from an empty array!")
    if places.size:
        _write(arr, places, _cycled(vals, places.size))


@substitute(np.fill_diagonal)
def fill_diagonal(a, val, wrap=False):
    """``np.fill_diagonal``."""
    shape = shape_of(a)
    diagonal = np.zeros(shape, bool)
    np.fill_diagonal(diagonal, True, wrap)
    places = np.flatnonzero(diagonal)
    if places.size:
        _write(a, places, _cycled(val, places.size))


@substitute(np.put_along_axis)
def put_along_axis(arr, indices, values, axis=-1):
    """``np.put_along_axis``."""
    shape, indices = shape_of(arr), np.asarray(primal_of(indices))
    if axis is None:
        arr[np.unravel_index(indices, shape)] = values
        return
    numbers = np.arange(math.prod(shape)).reshape(shape)
    places = np.take_along_axis(numbers, indices, axis)
    _write(arr, places, np.broadcast_to(as_array(values), places.shape))

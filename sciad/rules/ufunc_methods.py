"""Methods of ufuncs that have better rules than a loop: sums, products, extrema, logaddexp.

At a tie of a running maximum or minimum the derivative is that of the element that reached it
first.
"""

from typing import Any

import numpy as np

from sciad.core.apply import bind
from sciad.core.buffer import accumulate_at
from sciad.core.options import check_casting
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.core.ufuncs import (
    finish_reduction,
    method_at,
    numpy_value,
    of_type,
    reduced_first,
    type_of_reduction,
)
from sciad.rules.shape import put

__all__: list[str] = []

NOT_GIVEN = np._NoValue


# Sums, products, extrema: as the functions, along the first axis if none is named -----------------


def _as_function(function):
    def reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
        initial = NOT_GIVEN if initial is None else initial
        array = of_type(as_array(array), type_of_reduction(dtype, out))
        options = {"keepdims": keepdims, "initial": initial, "where": where, "out": out}
        return function(array, axis=axis, **options)

    return reduce


substitute(np.add.reduce)(_as_function(np.sum))


@substitute(np.multiply.reduce)
def product(array, axis=0, dtype=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
    """``np.multiply.reduce``; an initial value is the first factor."""
    dtype = type_of_reduction(dtype, out)
    array, where = of_type(as_array(array), dtype), primal_of(where)
    if initial is NOT_GIVEN or initial is None:
        return np.prod(array, axis=axis, out=out, keepdims=keepdims, where=where)
    plain = numpy_value(np.multiply.reduce, array, axis, dtype, None, keepdims, initial, where)
    found = np.prod(_with_initial(array, axis, initial, where, 1.0), axis=0)
    return finish_reduction(np.multiply, found, plain, out)


def _with_initial(array, axis, initial, where, neutral):
    """Bring the reduced axes to the front as one, after an initial value."""
    if where is not True:
        array = np.where(where, array, dtype_of(array).type(neutral))
    rows = reduced_first(array, axis)
    if initial is NOT_GIVEN or initial is None:
        return rows
    first = of_type(as_array(initial), dtype_of(array))
    return np.concatenate([np.broadcast_to(first, (1, *shape_of(rows)[1:])), rows])


substitute(np.maximum.reduce)(_as_function(np.max))
substitute(np.minimum.reduce)(_as_function(np.min))


def _one_axis(array, axis):
    """Axis of an accumulation, which NumPy also takes as a tuple."""
    dimensions = len(shape_of(array))
    if not dimensions:
        raise TypeError("cannot accumulate on a scalar")
    axes = tuple(range(dimensions)) if axis is None else axis
    if not isinstance(axes, tuple):
        return axes
    if len(axes) != 1:
        raise ValueError("accumulate does not allow multiple axes")
    return axes[0]


@substitute(np.add.accumulate)
def accumulated_sum(array, axis=0, dtype=None, out=None):
    """``np.add.accumulate``."""
    array = of_type(as_array(array), type_of_reduction(dtype, out))
    return np.cumsum(array, axis=_one_axis(array, axis), out=out)


@substitute(np.multiply.accumulate)
def accumulated_product(array, axis=0, dtype=None, out=None):
    """``np.multiply.accumulate``."""
    array = of_type(as_array(array), type_of_reduction(dtype, out))
    return np.cumprod(array, axis=_one_axis(array, axis), out=out)


# Running extrema: an element of the array, found by its position ----------------------------------


def _running(ufunc):
    def accumulate(array, axis=0, dtype=None, out=None):
        array, dtype = as_array(array), type_of_reduction(dtype, out)
        plain = ufunc.accumulate(primal_of(array), axis, dtype)
        array, axis = of_type(array, dtype), _one_axis(array, axis)
        places = _places(ufunc, primal_of(array), plain, axis)
        return finish_reduction(ufunc, np.take_along_axis(array, places, axis), plain, out)

    return accumulate


def _places(ufunc, values, running, axis):
    """Position of the element that each running extremum is."""
    values, running = np.moveaxis(values, axis, 0), np.moveaxis(running, axis, 0)
    new = np.ones(values.shape, bool)
    nothing = running != running
    new[1:] = (running[1:] != running[:-1]) & ~(nothing[1:] & nothing[:-1])
    count = np.arange(len(values)).reshape(-1, *(1,) * (values.ndim - 1))
    return np.moveaxis(np.maximum.accumulate(np.where(new, count, 0), axis=0), 0, axis)


for _extremum in (np.maximum, np.minimum, np.fmax, np.fmin):
    substitute(_extremum.accumulate)(_running(_extremum))


# Reductions whose derivative is a weight of each element ------------------------------------------


class Weighted:
    """Reduction of the first axis, whose derivative is a weight for each element."""

    def __init__(self, ufunc, weights):
        self.name = f"{ufunc.__name__}.reduce"
        self.ufunc = ufunc
        self.weights = weights

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else self.ufunc.reduce(a, axis=0)

    def vjp(self, g, out, a):
        return (g * self.weights(a, out),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return np.sum(t * self.weights(a, out), axis=1)


def _of_exponentials(exponential):
    """Weights of the logarithm of a sum of exponentials; infinite elements share equally."""

    def weights(a, out):
        finite = np.isfinite(primal_of(out))
        largest = (primal_of(a) == primal_of(out)) + 0.0
        share = largest / np.maximum(np.sum(largest, axis=0), 1.0)
        return np.where(finite, exponential(a - np.where(finite, out, 0.0)), share)

    return weights


def _of_a_norm(a, out):
    zero = primal_of(out) == 0
    return np.where(zero, 0.0, a / np.where(zero, 1.0, out))


def _of_extremum(a, out):
    """Equal elements share; NaN is left out."""
    chosen = (primal_of(a) == primal_of(out)) + 0.0
    return chosen / np.maximum(np.sum(chosen, axis=0), 1.0)


def _of_difference(a, out):
    first = np.arange(shape_of(a)[0]) == 0
    return np.reshape(np.where(first, 1.0, -1.0), (-1, *(1,) * (len(shape_of(a)) - 1)))


def _weighted(ufunc, weights, neutral):
    def reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
        array, where, dtype = as_array(array), primal_of(where), type_of_reduction(dtype, out)
        plain = numpy_value(ufunc.reduce, array, axis, dtype, None, keepdims, initial, where)
        array = of_type(array, dtype)
        rows = _with_initial(array, axis, initial, where, neutral)
        total = bind(Weighted(ufunc, weights), rows) if shape_of(rows)[0] else plain
        return finish_reduction(ufunc, total, plain, out)

    return reduce


_WEIGHTED: tuple[tuple[Any, ...], ...] = (
    (np.logaddexp, _of_exponentials(np.exp), -np.inf),
    (np.logaddexp2, _of_exponentials(np.exp2), -np.inf),
    (np.hypot, _of_a_norm, 0.0),
    (np.fmax, _of_extremum, np.nan),
    (np.fmin, _of_extremum, np.nan),
    (np.subtract, _of_difference, 0.0),
)
for _ufunc, _weights, _neutral in _WEIGHTED:
    substitute(_ufunc.reduce)(_weighted(_ufunc, _weights, _neutral))


# Sums of slices -----------------------------------------------------------------------------------


class SliceSums:
    """``np.add.reduceat`` along the first axis."""

    name = "add.reduceat"

    def __init__(self, indices, length):
        self.indices = indices
        ends = np.append(indices[1:], length)
        sizes = np.maximum(ends - indices, 1)  # a single element where an index is no start
        self.slices = np.repeat(np.arange(len(indices)), sizes)
        before = np.repeat(np.cumsum(sizes) - sizes, sizes)
        self.places = np.arange(len(before)) - before + np.repeat(indices, sizes)

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else np.add.reduceat(a, self.indices, axis=0)

    def vjp(self, g, out, a):
        return (put(shape_of(a), (self.places,), g[self.slices]),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return np.moveaxis(bind(self, np.moveaxis(t, 0, 1)), 1, 0)


@substitute(np.add.reduceat)
def slice_sums(array, indices, axis=0, dtype=None, out=None):
    """``np.add.reduceat``."""
    dtype = type_of_reduction(dtype, out)
    array, indices = of_type(as_array(array), dtype), np.asarray(primal_of(indices))
    plain = numpy_value(np.add.reduceat, array, indices, axis, dtype)
    rows = np.moveaxis(array, axis, 0)
    found = bind(SliceSums(indices, shape_of(rows)[0]), rows) if indices.size else plain
    return finish_reduction(np.add, np.moveaxis(found, 0, axis), plain, out)


# add.at and subtract.at: linear, in place ---------------------------------------------------------


def _adding(ufunc, sign):
    def at(a, indices, b):
        if not is_wrapped(a):
            method_at(ufunc, a, indices, b)
            return
        b = as_array(b) if type(b) in (list, tuple) else b
        check_casting(ufunc, b, a)
        accumulate_at(a, indices, b, sign)

    return at


substitute(np.add.at)(_adding(np.add, 1.0))
substitute(np.subtract.at)(_adding(np.subtract, -1.0))

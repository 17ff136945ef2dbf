"""Sums and products along axes, cumulative ones too, and differences."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from sciad.core.apply import bind
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.rules.conventions import (
    NOT_GIVEN,
    cast,
    exactly,
    finish,
    given,
    is_inexact,
    mask_of,
    plain,
)

__all__ = ["batched_axis", "expand_reduced", "type_of_sum", "without_nan"]

SMALL = 1024


def expand_reduced(g, shape, axis, keepdims):
    """Give a reduced array its lost axes back and repeat it to `shape`."""
    if not shape:
        return np.reshape(g, ())
    if (type(g) is float or type(g) is np.float64) and math.prod(
        shape
    ) <= SMALL:  # quicker than a broadcast view
        return np.full(shape, g)
    if axis is not None and not keepdims:
        axes = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
        kept = {int(k) % len(shape) for k in axes}
        g = np.reshape(g, tuple(1 if k in kept else n for k, n in enumerate(shape)))
    return np.broadcast_to(g, shape)


def batched_axis(axis, rank):
    """Axes of an array, among those of its tangents (`rank` of them)."""
    if axis is None or rank == 1:
        return tuple(range(1, rank))
    if isinstance(axis, int | np.integer):
        return int(axis) % (rank - 1) + 1
    return tuple(int(k) % (rank - 1) + 1 for k in axis)


def without_nan(a, fill):
    """Array with a number in the place of NaN; the derivative of what is replaced is 0."""
    a = as_array(a)
    holes = np.isnan(primal_of(a))
    return np.where(holes, fill, a)[()] if np.any(holes) else a


def type_of_sum(dtype, out):
    """Type in which a sum is made: that of ``out`` if no other is asked for."""
    if dtype is None and out is not None and out is not Ellipsis:
        return dtype_of(out[0] if type(out) is tuple else out)
    return dtype


class Sum:
    """Sum over axes."""

    name = "sum"

    def __init__(self, axis, keepdims, where=True):
        self.axis = axis
        self.keepdims = keepdims
        self.where = where

    def value(self, a):
        if type(a) is np.ndarray and self.where is True:
            return np.add.reduce(a, self.axis, None, None, self.keepdims)
        return np.sum(a, axis=self.axis, keepdims=self.keepdims, where=self.where)

    def vjp(self, g, out, a):
        spread = expand_reduced(g, shape_of(a), self.axis, self.keepdims)
        return (spread if self.where is True else np.where(self.where, spread, 0.0),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        axis = batched_axis(self.axis, len(shape_of(t)))
        keepdims = self.keepdims and len(shape_of(t)) > 1
        return np.sum(t, axis=axis, keepdims=keepdims, where=self.where)


def _reduced(ufunc, rule, a, dtype, out, initial):
    """Apply a reduction; the options ``dtype`` and ``initial`` beside the rule."""
    a, dtype = as_array(a), type_of_sum(dtype, out)
    whole = dtype is not None and not is_inexact(dtype)
    if not whole and given(initial) is None and cast(a, dtype) is a:
        return bind(rule, a)
    options = (plain(initial), rule.where)
    computed = ufunc.reduce(primal_of(a), rule.axis, dtype, None, rule.keepdims, *options)
    if whole:
        return computed
    result = bind(rule, cast(a, dtype))
    if given(initial) is not None:
        result = ufunc(result, initial)
    return exactly(result, computed)


@substitute(np.sum)
def sum_(a, axis=None, dtype=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
    """``np.sum``."""
    rule = Sum(axis, bool(given(keepdims)), mask_of(where))
    return finish(_reduced(np.add, rule, a, dtype, out, initial), out)


@substitute(np.nansum)
def nansum(
    a,
    axis=None,
    dtype=None,
    out=None,
    keepdims=NOT_GIVEN,
    initial=NOT_GIVEN,
    where=NOT_GIVEN,
):
    """``np.nansum``."""
    options = {"keepdims": keepdims, "initial": initial, "where": mask_of(where)}
    return np.sum(without_nan(a, 0.0), axis=axis, dtype=dtype, out=out, **options)


# Products ----------------------------------------------------------------------------------------


class Prod:
    """Product over axes, exact also where factors are zero."""

    name = "prod"

    def __init__(self, axis, keepdims, where=True):
        self.axis = axis
        self.keepdims = keepdims
        self.where = where

    def value(self, a):
        if is_wrapped(a):
            return bind(self, a)
        return np.multiply.reduce(a, self.axis, None, None, self.keepdims, NOT_GIVEN, self.where)

    def vjp(self, g, out, a):
        spread = expand_reduced(g, shape_of(a), self.axis, self.keepdims)
        return (spread * np.conjugate(self.others(a)),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        axis = batched_axis(self.axis, len(shape_of(t)))
        keepdims = self.keepdims and len(shape_of(t)) > 1
        return np.sum(t * self.others(a), axis=axis, keepdims=keepdims)

    def others(self, a):
        """For each element the product of all others; 0 for those that are masked."""
        shape = shape_of(a)
        factors = a if self.where is True else np.where(self.where, a, 1.0)
        axes = range(len(shape)) if self.axis is None else np.atleast_1d(self.axis)
        axes = sorted(int(k) % len(shape) for k in axes) if shape else []
        order = (*(k for k in range(len(shape)) if k not in axes), *axes)
        moved = np.transpose(factors, order)
        kept = len(shape) - len(axes)
        one = math.prod(shape_of(moved)[kept:])
        found = products_of_others(np.reshape(moved, (*shape_of(moved)[:kept], one)))
        back = np.transpose(np.reshape(found, shape_of(moved)), np.argsort(order))
        return back if self.where is True else np.where(self.where, back, 0.0)


def products_of_others(a):
    """For each element of the last axis the product of all others, zeros included."""
    ones = np.ones((*shape_of(a)[:-1], 1), dtype_of(a))
    before = np.concatenate([ones, np.cumprod(a[..., :-1], axis=-1)], axis=-1)
    after = np.concatenate([ones, np.cumprod(a[..., :0:-1], axis=-1)], axis=-1)
    if not shape_of(a)[-1]:
        return a
    return before * after[..., ::-1]


@substitute(np.prod)
def prod(a, axis=None, dtype=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
    """``np.prod``."""
    rule = Prod(axis, bool(given(keepdims)), mask_of(where))
    return finish(_reduced(np.multiply, rule, a, dtype, out, initial), out)


@substitute(np.nanprod)
def nanprod(
    a,
    axis=None,
    dtype=None,
    out=None,
    keepdims=NOT_GIVEN,
    initial=NOT_GIVEN,
    where=NOT_GIVEN,
):
    """``np.nanprod``."""
    options = {"keepdims": keepdims, "initial": initial, "where": mask_of(where)}
    return np.prod(without_nan(a, 1.0), axis=axis, dtype=dtype, out=out, **options)


# Cumulative sums and products --------------------------------------------------------------------


class CumulativeSum:
    """Cumulative sum along an axis."""

    name = "cumsum"

    def __init__(self, axis):
        self.axis = axis

    def value(self, a):
        return np.cumsum(a, axis=self.axis)

    def vjp(self, g, out, a):
        back = (*(slice(None),) * (self.axis % len(shape_of(a))), slice(None, None, -1))
        return (np.cumsum(g[back], axis=self.axis)[back],)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return np.cumsum(t, axis=self.axis % len(shape_of(a)) + 1)


class CumulativeProd:
    """Cumulative product along the last axis.

    ``out[i] = out[i - 1] a[i]``. Without zeros the derivative is a cumulative sum of
    ``g * out`` divided by ``a``; with zeros the recurrence itself is differentiated.
    """

    name = "cumprod"

    def value(self, a):
        return np.cumprod(a, axis=-1)

    def vjp(self, g, out, a):
        out, a = np.conjugate(out), np.conjugate(a)
        if np.all(primal_of(a) != 0):
            weighted = np.cumsum((g * out)[..., ::-1], axis=-1)[..., ::-1]
            return (weighted / a,)
        n = shape_of(a)[-1]
        sensitivity, found = g[..., n - 1], []
        for k in range(n - 1, 0, -1):
            found.append(sensitivity * out[..., k - 1])
            sensitivity = g[..., k - 1] + a[..., k] * sensitivity
        return (np.stack([sensitivity, *found[::-1]], axis=-1),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        if np.all(primal_of(a) != 0):
            return np.cumsum(t / a, axis=-1) * out
        change = t[..., 0]
        found = [change]
        for k in range(1, shape_of(a)[-1]):
            change = change * a[..., k] + out[..., k - 1] * t[..., k]
            found.append(change)
        return np.stack(found, axis=-1)


def _cumulated(function, a, axis, dtype):
    a = as_array(a)
    if dtype is not None and not is_inexact(dtype):
        return function(primal_of(a), axis=axis, dtype=dtype)
    a, shape = cast(a, dtype), shape_of(a)
    if axis is None or not shape:
        a = np.ravel(a)
    axis = 0 if axis is None else normalize_axis_index(axis, len(shape_of(a)))
    if function is np.cumsum:
        return bind(CumulativeSum(int(axis)), a)
    if axis in (-1, len(shape_of(a)) - 1):
        return bind(CumulativeProd(), a)
    return np.moveaxis(bind(CumulativeProd(), np.moveaxis(a, axis, -1)), -1, axis)


@substitute(np.cumsum)
def cumsum(a, axis=None, dtype=None, out=None):
    """``np.cumsum``."""
    return finish(_cumulated(np.cumsum, a, axis, type_of_sum(dtype, out)), out)


@substitute(np.cumprod)
def cumprod(a, axis=None, dtype=None, out=None):
    """``np.cumprod``."""
    return finish(_cumulated(np.cumprod, a, axis, type_of_sum(dtype, out)), out)


@substitute(np.nancumsum)
def nancumsum(a, axis=None, dtype=None, out=None):
    """``np.nancumsum``."""
    return np.cumsum(without_nan(a, 0.0), axis=axis, dtype=dtype, out=out)


@substitute(np.nancumprod)
def nancumprod(a, axis=None, dtype=None, out=None):
    """``np.nancumprod``."""
    return np.cumprod(without_nan(a, 1.0), axis=axis, dtype=dtype, out=out)


# Differences -------------------------------------------------------------------------------------


@substitute(np.diff)
def diff(a, n=1, axis=-1, prepend=NOT_GIVEN, append=NOT_GIVEN):
    """``np.diff``."""
    a = as_array(a)
    if n == 0:
        return a
    if n < 0 or not shape_of(a):
        return np.diff(primal_of(a), n, axis)  # raises
    axis = normalize_axis_index(axis, len(shape_of(a)))
    ends = [given(prepend), a, given(append)]
    if ends[0] is not None or ends[2] is not None:
        a = np.concatenate([_as_slab(e, a, axis) for e in ends if e is not None], axis)
    lead = (slice(None),) * axis
    for _ in range(n):
        a = a[(*lead, slice(1, None))] - a[(*lead, slice(None, -1))]
    return a


def _as_slab(end, a, axis):
    if shape_of(end):
        return end
    shape = [*shape_of(a)]
    shape[axis] = 1
    return np.broadcast_to(end, tuple(shape))


@substitute(np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """``np.trapezoid``."""
    y = as_array(y)
    lead = (slice(None),) * (axis % len(shape_of(y)))
    width = dx
    if x is not None:
        x = as_array(x)
        width = np.diff(x, axis=axis if len(shape_of(x)) > 1 else 0)
        if len(shape_of(x)) == 1:
            shape = [1] * len(shape_of(y))
            shape[axis] = shape_of(width)[0]
            width = np.reshape(width, tuple(shape))
    heights = y[(*lead, slice(1, None))] + y[(*lead, slice(None, -1))]
    return np.sum(width * heights, axis=axis) / 2.0

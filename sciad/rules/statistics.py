"""Means, variances and standard deviations, weighted counts."""

import math

import numpy as np

from sciad.core.adjoints import unbroadcast
from sciad.core.apply import bind, elementwise
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import Elementwise, substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.rules.conventions import NOT_GIVEN, cast, finish, given, is_inexact, mask_of
from sciad.rules.reduce import batched_axis, expand_reduced, type_of_sum
from sciad.rules.shape import put

__all__ = ["root_at_zero"]


class Moment:
    """A function that averages over some of the elements, along axes."""

    def __init__(self, function, options, where):
        self.function = function
        self.name = function.__name__
        self.options = options
        self.axis = options["axis"]
        self.keepdims = options["keepdims"]
        self.where = where

    def count(self, a):
        """Count the elements that are averaged: a number, or an array with the axes kept."""
        shape = shape_of(a)
        if self.where is not True:
            ones = np.broadcast_to(True, shape)
            return np.sum(ones, axis=self.axis, keepdims=True, where=self.where)
        if self.axis is None or not shape:
            return math.prod(shape)
        axes = (self.axis,) if isinstance(self.axis, int | np.integer) else self.axis
        return math.prod(shape[k] for k in axes)

    def spread(self, g, a):
        """Cotangent of the result in the shape of the argument."""
        return expand_reduced(g, shape_of(a), self.axis, self.keepdims)

    def total(self, t):
        """Sum of tangents."""
        axis = batched_axis(self.axis, len(shape_of(t)))
        keepdims = self.keepdims and len(shape_of(t)) > 1
        return np.sum(t, axis=axis, keepdims=keepdims, where=self.where)


class Mean(Moment):
    """Mean over axes."""

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else self.function(a, **self.options)

    def vjp(self, g, out, a):
        if self.where is True:
            return (self.spread(g / max(self.count(a), 1), a),)
        share = self.spread(g, a) / np.maximum(self.count(a), 1)
        return (np.where(self.where, share, 0.0),)

    def jvp(self, tangents, out, a):
        if self.where is True:
            return self.total(tangents[0]) / max(self.count(a), 1)
        return self.total(tangents[0] / np.maximum(self.count(a), 1))


def _averaged(function, a, axis, dtype, out, keepdims, where):
    a = as_array(a)
    options = {"axis": axis, "keepdims": bool(given(keepdims))}
    mask = mask_of(where)
    if mask is not True:
        options["where"] = mask
    dtype = type_of_sum(dtype, out)
    if dtype is not None and not is_inexact(dtype):
        return finish(function(primal_of(a), dtype=dtype, **options), out)
    if function is np.nanmean:
        mask = mask & ~np.isnan(primal_of(a))
    return finish(bind(Mean(function, options, mask), cast(a, dtype)), out)


@substitute(np.mean)
def mean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    """``np.mean``."""
    return _averaged(np.mean, a, axis, dtype, out, keepdims, where)


@substitute(np.nanmean)
def nanmean(a, axis=None, dtype=None, out=None, keepdims=NOT_GIVEN, *, where=NOT_GIVEN):
    """``np.nanmean``."""
    return _averaged(np.nanmean, a, axis, dtype, out, keepdims, where)


class Variance(Moment):
    """Mean squared distance from the mean, or from a given centre (the second argument).

    With v = sum |a - m|^2 / f the derivative to the mean m of the elements themselves vanishes,
    and dv = 2 Re(sum conj(a - m) da) / f.
    """

    def __init__(self, function, options, where, ddof):
        super().__init__(function, options, where)
        self.ddof = ddof

    def value(self, a, *centre):
        if is_wrapped(a) or any(map(is_wrapped, centre)):
            return bind(self, a, *centre)
        named = {"mean": centre[0]} if centre else {}
        return self.function(a, **self.options, ddof=self.ddof, **named)

    def slopes(self, a, *centre):
        """Twice the distances divided by the degrees of freedom; 0 for those that are masked."""
        count = self.count(a)
        freedom = np.where(count > self.ddof, count - self.ddof, np.nan)
        if self.where is not True:
            a = np.where(self.where, a, 0.0)
        middle = (
            centre[0] if centre else np.sum(a, axis=self.axis, keepdims=True) / np.maximum(count, 1)
        )
        slopes = (a - middle) * (2.0 / freedom)
        return slopes if self.where is True else np.where(self.where, slopes, 0.0)

    def vjp(self, g, out, a, *centre):
        slopes = self.slopes(a, *centre) * self.spread(g, a)
        if not centre:
            return (slopes,)
        return (slopes, unbroadcast(-slopes, shape_of(centre[0])))

    def jvp(self, tangents, out, a, *centre):
        slopes, total = np.conjugate(self.slopes(a, *centre)), None
        for t, sign in zip(tangents, (1.0, -1.0), strict=False):
            if t is not None:
                part = self.total(np.real(slopes * t)) * sign
                total = part if total is None else total + part
        return total


def _varied(function, a, axis, dtype, out, ddof, keepdims, where, centre, correction):
    a = as_array(a)
    options = {"axis": axis, "keepdims": bool(given(keepdims))}
    mask = mask_of(where)
    if mask is not True:
        options["where"] = mask
    if given(correction) is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    if dtype is not None and not is_inexact(dtype):
        return finish(function(primal_of(a), dtype=dtype, ddof=ddof, **options), out)
    if dtype is not None and dtype_of(a).kind == "c" and np.dtype(dtype).kind != "c":
        raise NotDifferentiableError(
            "the variance of complex numbers in a real type has no differentiation rule: NumPy"
            " takes the distances from the real part of the mean",
            where=user_location(),
            hint="leave dtype out, and convert the result",
        )
    if function is np.nanvar:
        mask = mask & ~np.isnan(primal_of(a))
    arguments = [cast(a, dtype)]
    if given(centre) is not None:
        centre = as_array(centre)
        missing = len(shape_of(a)) - len(shape_of(centre))
        arguments.append(np.reshape(centre, (1,) * missing + shape_of(centre)))
    return finish(bind(Variance(function, options, mask, ddof), *arguments), out)


@substitute(np.var)
def var(
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=False,
    *,
    where=True,
    mean=None,
    correction=None,
):
    """``np.var``; for complex numbers the mean of the squared distances."""
    return _varied(np.var, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@substitute(np.nanvar)
def nanvar(
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=NOT_GIVEN,
    *,
    where=NOT_GIVEN,
    mean=NOT_GIVEN,
    correction=NOT_GIVEN,
):
    """``np.nanvar``."""
    return _varied(np.nanvar, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@substitute(np.std)
def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, **options):
    """``np.std``; the derivative at a deviation of 0 is 0."""
    return finish(
        root_at_zero(np.var(as_array(a), axis, dtype, None, ddof, keepdims, **options)), out
    )


@substitute(np.nanstd)
def nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=NOT_GIVEN, **options):
    """``np.nanstd``; the derivative at a deviation of 0 is 0."""
    return finish(
        root_at_zero(np.nanvar(as_array(a), axis, dtype, None, ddof, keepdims, **options)), out
    )


ROOT = Elementwise(
    np.sqrt,
    (lambda x, out: np.where(x == 0, 0.0, 0.5 / np.sqrt(np.where(x == 0, 1.0, x))),),
)


def root_at_zero(square):
    """Square root whose derivative at 0 is 0."""
    return elementwise(ROOT, np.sqrt, (square,))


@substitute(np.bincount)
def bincount(x, /, weights=None, minlength=0):
    """``np.bincount``, linear in the weights."""
    x = np.asarray(primal_of(x))
    if weights is None:
        return np.bincount(x, minlength=minlength)
    weights = as_array(weights)
    counts = np.bincount(x, primal_of(weights), minlength)  # raises what NumPy raises
    return put(counts.shape, x, cast(weights, np.float64))

"""Medians, quantiles and percentiles.

A quantile lies between two neighbours among the sorted elements: with the permutation held it is
linear in them, ``a + (b - a) gamma``, and the weight ``gamma`` is a function of ``q`` (Hyndman and
Fan, "Sample quantiles in statistical packages", 1996). The derivative to ``q`` at an element is
that to the right; methods that only pick elements have none. With weights (method "inverted_cdf")
an element is picked, which depends neither on ``q`` nor on the weights.
"""

import numpy as np

from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, dtype_of, primal_of, shape_of
from sciad.rules.conventions import NOT_GIVEN, exactly, finish, given, is_inexact

__all__: list[str] = []

#: Offsets of the virtual index ``n q + alpha + q (1 - alpha - beta) - 1``.
OFFSETS = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "linear": (1.0, 1.0),
    "median_unbiased": (1.0 / 3.0, 1.0 / 3.0),
    "normal_unbiased": (3.0 / 8.0, 3.0 / 8.0),
}


def _neighbours(method, n, q):
    """(index before, weight of the one after it) for sorted elements of number `n`.

    The weight is traced if `q` is and the method interpolates.
    """
    plain = primal_of(q)
    if method in OFFSETS:
        alpha, beta = OFFSETS[method]
        if method == "linear":  # less rounding
            place, position = (n - 1) * plain, (n - 1) * q
        else:
            place = n * plain + (alpha + plain * (1 - alpha - beta)) - 1
            position = n * q + (alpha + q * (1 - alpha - beta)) - 1
        before = np.floor(place)
        return before, position - before
    before, weight = _PICKS[method](n, plain)
    return before, weight + 0.0


def _inverted_cdf(n, q):
    place = n * q - 1
    return np.floor(place), place % 1 != 0


def _averaged_inverted_cdf(n, q):
    place = n * q - 1
    return np.floor(place), np.where(place % 1 == 0, 0.5, 1.0)


def _closest_observation(n, q):
    place = n * q - 1.5
    return np.floor(place), ~((place % 1 == 0) & (np.floor(place) % 2 == 1))


def _midpoint(n, q):
    place = (n - 1) * q
    return np.floor(place), np.where(place % 1 == 0, 0.0, 0.5)


_PICKS = {
    "inverted_cdf": _inverted_cdf,
    "averaged_inverted_cdf": _averaged_inverted_cdf,
    "closest_observation": _closest_observation,
    "lower": lambda n, q: (np.floor((n - 1) * q), np.zeros(np.shape(n * q))),
    "higher": lambda n, q: (np.ceil((n - 1) * q), np.zeros(np.shape(n * q))),
    "nearest": lambda n, q: (np.around((n - 1) * q), np.zeros(np.shape(n * q))),
    "midpoint": _midpoint,
}


def _columns(a, axis):
    """Reduced axes of an array as the first of two axes."""
    shape = shape_of(a)
    if axis is None or len(shape) < 2:
        return np.reshape(a, (-1, 1))
    axes = [int(k) % len(shape) for k in np.atleast_1d(axis)]
    rest = [k for k in range(len(shape)) if k not in axes]
    moved = np.transpose(a, (*axes, *rest))
    return np.reshape(moved, (int(np.prod([shape[k] for k in axes])), -1))


def _order(values, before, after):
    """Positions that sort columns, at least right where they are read; NaN comes last."""
    places = np.unique(np.concatenate([np.ravel(before), np.ravel(after)]))
    if places.size > 8:
        return np.argsort(values, axis=0, kind="stable")
    return np.argpartition(values, places, axis=0)


def _between(a, q, axis, method, nan):
    """Quantiles of each column: array of shape ``(number of q, number of columns)``."""
    columns = _columns(a, axis)
    values = primal_of(columns)
    n = np.full(values.shape[1], values.shape[0])
    if nan:
        n = np.maximum(n - np.sum(np.isnan(values), axis=0), 1)
    before, weight = _neighbours(method, n, np.reshape(q, (-1, 1)))
    inside = (before >= 0) & (before < n - 1)
    before = np.clip(before, 0, n - 1).astype(np.intp)
    after = np.minimum(before + 1, n - 1)
    order, across = _order(values, before, after), np.arange(values.shape[1])
    low = columns[np.take_along_axis(order, before, 0), across]
    high = columns[np.take_along_axis(order, after, 0), across]
    return low + (high - low) * np.where(inside, weight, 0.0)


def _picked(a, axis, results):
    """Elements of each column that are equal to given results."""
    columns = _columns(a, axis)
    found = np.reshape(results, (-1, 1, shape_of(columns)[1]))
    places = np.argmax(primal_of(columns)[None] == found, axis=1)
    return columns[places, np.arange(shape_of(columns)[1])]


def _quantile(function, a, q, axis, out, method, keepdims, weights, scale):
    """Compute with NumPy, differentiate what lies between two elements of each column."""
    a = as_array(a)
    options = {"axis": axis, "keepdims": bool(given(keepdims))}
    given_q = as_array(q) if isinstance(q, list | tuple) else q
    computed = function(
        primal_of(a), primal_of(given_q), method=method, weights=primal_of(weights), **options
    )
    if not np.size(primal_of(a)) or not is_inexact(dtype_of(a)):
        return finish(computed, out)
    if weights is not None:
        found = _picked(a, axis, computed)
    else:
        nan = function in (np.nanquantile, np.nanpercentile)
        found = _between(a, as_array(given_q) / scale, axis, method, nan)
    _check_places(function, found, computed, primal_of(a))
    return finish(exactly(found, computed), out)


def _check_places(function, found, computed, a):
    """Raise where NumPy's result is arranged in another way.

    In NumPy 2.4 `nanquantile` mixes up the axes of a matrix of ``q`` for several axes of ``a``.
    """
    difference = np.abs(np.reshape(primal_of(found), np.shape(computed)) - computed)
    if np.any(difference > 1e-3 * np.max(np.abs(a))):
        raise NotDifferentiableError(
            f"numpy.{function.__name__} arranges its result in an unexpected way",
            where=user_location(),
            hint="give q as a number or a list of numbers",
        )


@substitute(np.quantile)
def quantile(
    a,
    q,
    axis=None,
    out=None,
    overwrite_input=False,
    method="linear",
    keepdims=False,
    *,
    weights=None,
):
    """``np.quantile``."""
    return _quantile(np.quantile, a, q, axis, out, method, keepdims, weights, 1.0)


@substitute(np.percentile)
def percentile(
    a,
    q,
    axis=None,
    out=None,
    overwrite_input=False,
    method="linear",
    keepdims=False,
    *,
    weights=None,
):
    """``np.percentile``."""
    return _quantile(np.percentile, a, q, axis, out, method, keepdims, weights, 100.0)


@substitute(np.nanquantile)
def nanquantile(
    a,
    q,
    axis=None,
    out=None,
    overwrite_input=False,
    method="linear",
    keepdims=NOT_GIVEN,
    *,
    weights=None,
):
    """``np.nanquantile``."""
    return _quantile(np.nanquantile, a, q, axis, out, method, keepdims, weights, 1.0)


@substitute(np.nanpercentile)
def nanpercentile(
    a,
    q,
    axis=None,
    out=None,
    overwrite_input=False,
    method="linear",
    keepdims=NOT_GIVEN,
    *,
    weights=None,
):
    """``np.nanpercentile``."""
    return _quantile(np.nanpercentile, a, q, axis, out, method, keepdims, weights, 100.0)


def _median(function, a, axis, out, keepdims):
    a = as_array(a)
    computed = function(primal_of(a), axis=axis, keepdims=bool(given(keepdims)))
    if not np.size(primal_of(a)):
        return finish(computed, out)
    found = _between(a, 0.5, axis, "linear", function is np.nanmedian)
    return finish(exactly(found, computed), out)


@substitute(np.median)
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """``np.median``."""
    return _median(np.median, a, axis, out, keepdims)


@substitute(np.nanmedian)
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=NOT_GIVEN):
    """``np.nanmedian``."""
    return _median(np.nanmedian, a, axis, out, keepdims)

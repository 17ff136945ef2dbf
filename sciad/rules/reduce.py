"""Sums, products, extrema and cumulative functions along axes."""

import math

import numpy as np

from sciad.core.apply import bind
from sciad.core.dispatch import call
from sciad.core.errors import NotDifferentiableError
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, is_wrapped, primal_of, shape_of

__all__ = ["expand_reduced"]


SMALL = 1024


def expand_reduced(g, shape, axis, keepdims):
    """Give a reduced array its lost axes back and repeat it to `shape`."""
    if (type(g) is float or type(g) is np.float64) and math.prod(
        shape
    ) <= SMALL:  # quicker than a broadcast view
        return np.full(shape, g)
    if axis is not None and not keepdims:
        axes = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
        kept = {int(k) % len(shape) for k in axes}
        g = np.reshape(g, tuple(1 if k in kept else n for k, n in enumerate(shape)))
    return np.broadcast_to(g, shape)


def _batched_axis(axis, rank):
    if axis is None:
        return tuple(range(1, rank))
    if isinstance(axis, int | np.integer):
        return int(axis) % (rank - 1) + 1
    return tuple(int(k) % (rank - 1) + 1 for k in axis)


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
        axis = _batched_axis(self.axis, len(shape_of(t)))
        return np.sum(t, axis=axis, keepdims=self.keepdims, where=self.where)


def _mask(where):
    """Read the option ``where``: True, or an array."""
    return True if where is True or where is np._NoValue else np.array(primal_of(where), bool)


def finish(result, dtype, out, initial=None):
    """Apply the options ``dtype`` and ``out`` to a result."""
    if initial is not None:
        result = result + initial
    if dtype is not None:
        result = result.astype(dtype)
    if out is not None and out is not Ellipsis:
        out[...] = result
        return out
    return result


def _given(value):
    """Read an option: None where NumPy's marker for "not given" stands."""
    return None if value is np._NoValue else value


NOT_GIVEN = np._NoValue


@substitute(np.sum)
def sum_(a, axis=None, dtype=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
    """``np.sum``."""
    a = as_array(a)
    where = _mask(where)
    if where is not True:
        a = np.broadcast_to(a, np.broadcast_shapes(shape_of(a), where.shape))
    total = bind(Sum(axis, bool(_given(keepdims)), where), a)
    return finish(total, dtype, out, _given(initial))


def _count(a, axis):
    shape = shape_of(a)
    if axis is None:
        return int(np.prod(shape))
    axes = (axis,) if isinstance(axis, int | np.integer) else axis
    return int(np.prod([shape[k] for k in axes]))


@substitute(np.mean)
def mean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    """``np.mean``."""
    a = as_array(a)
    where = _mask(where)
    count = _count(a, axis)
    if where is not True:
        a = np.broadcast_to(a, np.broadcast_shapes(shape_of(a), where.shape))
        mask = np.broadcast_to(where, shape_of(a))
        count = np.sum(mask, axis=axis, keepdims=bool(_given(keepdims)))
    elif count == 0:
        count = np.nan  # the mean of nothing
    return finish(bind(Sum(axis, bool(_given(keepdims)), where), a) / count, dtype, out)


@substitute(np.average)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """``np.average``."""
    keepdims = bool(_given(keepdims))
    if weights is None:
        value = np.mean(a, axis=axis, keepdims=keepdims)
        return (value, np.full_like(value, _count(a, axis))) if returned else value
    if shape_of(weights) != shape_of(a):
        shape = [1] * len(shape_of(a))
        shape[axis] = shape_of(weights)[0]
        weights = np.broadcast_to(np.reshape(weights, tuple(shape)), shape_of(a))
    scale = np.sum(weights, axis=axis, keepdims=keepdims)
    value = np.sum(np.multiply(a, weights), axis=axis, keepdims=keepdims) / scale
    return (value, scale) if returned else value


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
    if _mask(where) is not True:
        raise NotDifferentiableError("np.var with 'where' is not supported on traced values")
    centre = _given(mean)
    centre = np.mean(a, axis=axis, keepdims=True) if centre is None else centre
    distance = a - centre
    square = np.real(distance * np.conjugate(distance)) if np.iscomplexobj(a) else distance**2
    freedom = _given(correction)
    freedom = _count(a, axis) - (ddof if freedom is None else freedom)
    total = np.sum(square, axis=axis, keepdims=bool(_given(keepdims)))
    return finish(total / freedom, dtype, out)


@substitute(np.std)
def std(
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
    """``np.std``; the derivative at a deviation of 0 is 0."""
    options = {"ddof": ddof, "keepdims": keepdims, "where": where, "mean": mean}
    spread = np.var(a, axis, correction=correction, **options)
    return finish(root_at_zero(spread), dtype, out)


class Prod:
    """Product over axes (brought to one trailing axis by `prod`)."""

    name = "prod"

    def value(self, a):
        return np.prod(a, axis=-1)

    def vjp(self, g, out, a):
        return (np.expand_dims(g, -1) * np.conjugate(_products_of_others(a)),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return np.sum(t * _products_of_others(a), axis=-1)


def _products_of_others(a):
    """For each element of the last axis the product of all others, zeros included."""
    ones = np.ones((*shape_of(a)[:-1], 1))
    before = np.concatenate([ones, np.cumprod(a, axis=-1)[..., :-1]], axis=-1)
    after = np.concatenate([ones, np.cumprod(a[..., ::-1], axis=-1)[..., :-1]], axis=-1)
    return before * after[..., ::-1]


def _axes_to_last(a, axis):
    """Reduced axes moved to the end as one."""
    shape = shape_of(a)
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis)
    axes = sorted(int(k) % len(shape) for k in axes)
    rest = [k for k in range(len(shape)) if k not in axes]
    moved = np.transpose(a, (*rest, *axes))
    return np.reshape(moved, (*(shape[k] for k in rest), int(np.prod([shape[k] for k in axes]))))


def _with_axes(result, shape, axis, keepdims):
    if not keepdims:
        return result
    axes = range(len(shape)) if axis is None else [int(k) % len(shape) for k in np.atleast_1d(axis)]
    return np.reshape(result, tuple(1 if k in axes else n for k, n in enumerate(shape)))


@substitute(np.prod)
def prod(a, axis=None, dtype=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
    """``np.prod``, exact also where factors are zero."""
    a = as_array(a)
    if _mask(where) is not True:
        a = np.where(where, a, 1.0)
    result = _with_axes(bind(Prod(), _axes_to_last(a, axis)), shape_of(a), axis, _given(keepdims))
    if _given(initial) is not None:
        result = result * initial
    return finish(result, dtype, out)


class CumulativeProd:
    """Cumulative product along the last axis."""

    name = "cumprod"

    def value(self, a):
        return np.cumprod(a, axis=-1)

    def vjp(self, g, out, a):
        return (np.matmul(g[..., None, :], np.conjugate(self._jacobian(a)))[..., 0, :],)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return np.matmul(self._jacobian(a), t[..., None])[..., 0]

    @staticmethod
    def _jacobian(a):
        """Multiply, for d out_i / d a_j, all a_k with k <= i but a_j (zeros are allowed)."""
        n = shape_of(a)[-1]
        i, j, k = np.ogrid[:n, :n, :n]
        factors = np.where((k <= i) & (k != j), a[..., None, None, :], 1.0)
        return np.where((j <= i)[..., 0], np.prod(factors, axis=-1), 0.0)


@substitute(np.cumprod)
def cumprod(a, axis=None, dtype=None, out=None):
    """``np.cumprod``."""
    a = as_array(a)
    if axis is None:
        a, axis = np.ravel(a), 0
    moved = bind(CumulativeProd(), np.moveaxis(a, axis, -1))
    return finish(np.moveaxis(moved, -1, axis), dtype, out)


class CumulativeSum:
    """Cumulative sum along an axis."""

    name = "cumsum"

    def __init__(self, axis):
        self.axis = axis

    def value(self, a):
        return np.cumsum(a, axis=self.axis)

    def vjp(self, g, out, a):
        return (np.flip(np.cumsum(np.flip(g, self.axis), axis=self.axis), self.axis),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return np.cumsum(t, axis=self.axis % len(shape_of(a)) + 1)


@substitute(np.cumsum)
def cumsum(a, axis=None, dtype=None, out=None):
    """``np.cumsum``."""
    a = as_array(a)
    if axis is None:
        a, axis = np.ravel(a), 0
    return finish(bind(CumulativeSum(int(axis)), a), dtype, out)


# Extrema: at a tie the derivative is shared equally -----------------------------------------------


def _extremum(function, a, axis, out, keepdims, initial, where):
    a = as_array(a)
    if _mask(where) is not True:
        a = np.where(where, a, initial)
    if not np.size(a):
        return function(primal_of(a), axis, keepdims=bool(_given(keepdims)), initial=initial)
    if _given(initial) is not None:
        pair = np.maximum if function is np.max else np.minimum
        found = _extremum(function, a, axis, None, keepdims, NOT_GIVEN, True)
        return finish(pair(found, initial), None, out)
    plain = primal_of(a)
    value = function(plain, axis=axis, keepdims=True)
    share = ((plain == value) | ((plain != plain) & (value != value))) + 0.0
    share = share / np.sum(share, axis=axis, keepdims=True)
    found = bind(Extremum(function, share, axis, bool(_given(keepdims))), a)
    return finish(found, None, out)


class Extremum:
    """Largest or smallest element along axes; `share` is the weight of each in the derivative."""

    def __init__(self, function, share, axis, keepdims):
        self.function = function
        self.name = function.__name__
        self.share = share
        self.axis = axis
        self.keepdims = keepdims

    def value(self, a):
        if is_wrapped(a):
            return bind(self, a)
        return self.function(a, axis=self.axis, keepdims=self.keepdims)

    def vjp(self, g, out, a):
        return (expand_reduced(g, shape_of(a), self.axis, self.keepdims) * self.share,)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        axis = _batched_axis(self.axis, len(shape_of(t)))
        return np.sum(t * self.share, axis=axis, keepdims=self.keepdims)


@substitute(np.max, np.amax)
def max_(a, axis=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
    """``np.max``."""
    return _extremum(np.max, a, axis, out, keepdims, initial, where)


@substitute(np.min, np.amin)
def min_(a, axis=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
    """``np.min``."""
    return _extremum(np.min, a, axis, out, keepdims, initial, where)


@substitute(np.ptp)
def ptp(a, axis=None, out=None, keepdims=False):
    """``np.ptp``."""
    keepdims = bool(_given(keepdims))
    spread = np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims)
    return finish(spread, None, out)


# Norms -------------------------------------------------------------------------------------------


@substitute(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """``np.linalg.norm``; the derivative of a 2-norm at 0 is 0."""
    x = as_array(x)
    if axis is None and (ord is None or (ord == 2 and len(shape_of(x)) == 1)):
        flat = np.ravel(x)
        size = root_at_zero(np.real(np.matmul(np.conjugate(flat), flat)))
        return np.reshape(size, (1,) * len(shape_of(x))) if keepdims else size
    if (ord is None or ord == 2) and isinstance(axis, int):
        return root_at_zero(np.sum(np.real(np.conjugate(x) * x), axis=axis, keepdims=keepdims))
    return call(np.linalg.norm.__wrapped__, x, ord, axis, keepdims)


def root_at_zero(square):
    """Square root whose derivative at 0 is 0."""
    zero = primal_of(square) == 0
    return np.where(zero, 0.0, np.sqrt(np.where(zero, 1.0, square)))[()]


# Differences -------------------------------------------------------------------------------------


@substitute(np.diff)
def diff(a, n=1, axis=-1, prepend=NOT_GIVEN, append=NOT_GIVEN):
    """``np.diff``."""
    a = as_array(a)
    axis = axis % len(shape_of(a))
    ends = [_given(prepend), a, _given(append)]
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

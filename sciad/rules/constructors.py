"""Arrays made from values: np.array, asarray, full, linspace, arange, eye-like functions."""

import numpy as np

from sciad.core.apply import bind
from sciad.core.buffer import constant
from sciad.core.dispatch import call
from sciad.core.errors import LostDerivativeError, NotDifferentiableError, user_location
from sciad.core.methods import astype
from sciad.core.rules import substitute
from sciad.core.tracer import Scalar, as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.rules.shape import in_order

__all__ = ["build"]


class Cast:
    """Conversion to another inexact type."""

    name = "astype"

    def __init__(self, dtype):
        self.dtype = dtype

    def value(self, a):
        if is_wrapped(a):
            return bind(self, a)
        return np.asarray(a).astype(self.dtype) if np.shape(a) else self.dtype.type(a)

    def vjp(self, g, out, a):
        if is_wrapped(g):
            return (g,)
        kind = dtype_of(a)
        g = np.real(g) if kind.kind != "c" else g
        return (np.asarray(g).astype(kind),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return bind(Cast(np.dtype(self.dtype)), t)


@substitute(astype)
def to_type(a, dtype):
    """``a.astype(dtype)``; an integer type holds plain numbers, as `int` does."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fciub":
        raise LostDerivativeError(
            f"an array of {dtype} cannot hold traced values",
            where=user_location(),
            hint="use a list, or sciad.stop_gradient(x)",
        )
    if dtype.kind not in "fc":
        return primal_of(a).astype(dtype) if shape_of(a) else dtype.type(primal_of(a))
    if dtype.kind == "f" and dtype_of(a).kind == "c":
        a = np.real(a)
    return bind(Cast(dtype), a)


def build(values):
    """Array from nested sequences that hold traced values."""
    if is_wrapped(values):
        return values
    if isinstance(values, list | tuple):
        parts = [build(v) for v in values]
        if any(is_wrapped(p) for p in parts):
            return np.stack(parts)
        return np.array(values)
    return values


def holds_boxes(values):
    """Whether nested sequences hold a traced value or an array of traced code."""
    if is_wrapped(values):
        return True
    return isinstance(values, list | tuple) and any(holds_boxes(v) for v in values)


def _with_rank(made, ndmin):
    missing = ndmin - len(shape_of(made))
    return np.reshape(made, (1,) * missing + shape_of(made)) if missing > 0 else made


@substitute(np.array)
def array(object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0, like=None):
    """``np.array`` of traced values, lists of them, lists of arrays."""
    if not holds_boxes(object):
        return constant(np.array(object, dtype, copy=copy, order=order, ndmin=ndmin))
    made = build(object)
    if made is not object and order != "F":
        made = in_order(made)
    if dtype is not None and np.dtype(dtype) != dtype_of(made):
        made = to_type(made, dtype)
    elif made is object and (copy is True or not _is_in_order(made, order)):
        made = np.copy(made, order=order or "K")
    if type(made) is Scalar:
        made = np.reshape(made, ())  # an array without axes
    return _with_rank(made, ndmin)


def _is_in_order(a, order):
    """Whether NumPy would take an array as it is for an option ``order``."""
    if order not in ("C", "F") or len(shape_of(a)) == 0:
        return True
    flags = primal_of(a).flags
    return flags.c_contiguous if order == "C" else flags.f_contiguous


@substitute(np.asarray, np.asanyarray, np.asarray_chkfinite)
def asarray(a, dtype=None, order=None, *, device=None, copy=None, like=None):
    """``np.asarray``: a traced value is passed through."""
    return array(a, dtype, copy=copy is True or None, order=order)


@substitute(np.ascontiguousarray)
def ascontiguousarray(a, dtype=None, *, like=None):
    """``np.ascontiguousarray``: a copy where the elements are not in order."""
    return array(a, dtype, copy=None, order="C", ndmin=1)


@substitute(np.asfortranarray)
def asfortranarray(a, dtype=None, *, like=None):
    """``np.asfortranarray``: a copy where the elements are not in Fortran's order."""
    return array(a, dtype, copy=None, order="F", ndmin=1)


def _number_of(kind):
    def convert(x=0.0):
        return to_type(x, kind)

    return convert


for _kind in (np.float64, np.float32, np.complex128, np.complex64):
    substitute(_kind)(_number_of(_kind))


@substitute(np.full)
def full(shape, fill_value, dtype=None, order="C", **kwargs):
    """``np.full`` with a traced value."""
    made = np.empty(shape, dtype or dtype_of(fill_value), order)
    boxed = constant(made)
    boxed[...] = fill_value
    return boxed


@substitute(np.full_like)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, **kwargs):
    """``np.full_like`` with a traced value."""
    made = np.empty_like(primal_of(a), dtype=dtype, shape=shape)
    boxed = constant(made)
    boxed[...] = fill_value
    return boxed


@substitute(np.linspace)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, **kwargs):
    """``np.linspace`` between traced ends."""
    parts = num - 1 if endpoint else num
    rank = max(len(shape_of(start)), len(shape_of(stop)))
    count = np.reshape(np.arange(num) + 0.0, (num,) + (1,) * rank)
    points = count * ((stop - start) / max(parts, 1)) + start
    if endpoint and num > 1:
        points = np.where(count == num - 1, stop, points)
    if rank and axis:
        points = np.moveaxis(points, 0, axis)
    return (points, (stop - start) / max(parts, 1)) if retstep else points


@substitute(np.arange)
def arange(start, stop=None, step=1, dtype=None, **kwargs):
    """``np.arange`` with traced ends or step (the number of points is held)."""
    if stop is None:
        start, stop = 0, start
    count = np.arange(primal_of(start), primal_of(stop), primal_of(step)).size
    return start + step * np.arange(count)


@substitute(np.logspace)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """``np.logspace``."""
    return np.power(base, np.linspace(start, stop, num, endpoint=endpoint, axis=axis))


@substitute(np.vander)
def vander(x, N=None, increasing=False):
    """``np.vander``."""
    n = shape_of(x)[0] if N is None else N
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    return np.power(x[:, None], powers + 0.0)


@substitute(np.vectorize.__call__)
def vectorized(self, *args, **kwargs):
    """Call of a function made by ``np.vectorize`` (without signature): element by element."""
    if self.signature is not None or kwargs or self.excluded:
        raise NotDifferentiableError(
            "np.vectorize with signature, excluded or named arguments is not supported on traced"
            " values",
            where=user_location(),
        )
    arrays = np.broadcast_arrays(*args)
    shape = shape_of(arrays[0])
    flat = [np.ravel(a) for a in arrays]
    results = [call(self.pyfunc, *(a[k] for a in flat)) for k in range(int(np.prod(shape)))]
    if not results:
        raise ValueError("cannot call a vectorized function on arrays of size 0")
    if type(results[0]) is not tuple:
        kind = self.otypes[0] if self.otypes else None
        return np.reshape(_column(results, kind), shape)
    kinds = self.otypes or [None] * len(results[0])
    parts = zip(zip(*results, strict=True), kinds, strict=True)
    return tuple(np.reshape(_column(part, kind), shape) for part, kind in parts)


def _column(results, kind):
    """Array of the type that was asked for, or that of the first element, as NumPy makes it."""
    made = as_array(list(results))
    dtype = np.dtype(kind) if kind else np.asarray(primal_of(results[0])).dtype
    if is_wrapped(made):
        return to_type(made, dtype)
    return made.astype(dtype)

"""Arrays made from values: np.array, asarray, full, linspace, arange, eye-like functions."""

import numpy as np

from sciad.core.apply import bind
from sciad.core.buffer import constant
from sciad.core.errors import LostDerivativeError, user_location
from sciad.core.methods import astype
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.core.ufuncs import of_type
from sciad.rules.shape import in_order

__all__ = ["array", "build", "to_type", "without_axes"]


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
    a, dtype = as_array(a), np.dtype(dtype)
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


def without_axes(x):
    """Array without axes from a number."""
    return np.reshape(np.reshape(x, (1,)), ())


def _with_rank(made, ndmin):
    missing = ndmin - len(shape_of(made))
    return np.reshape(made, (1,) * missing + shape_of(made)) if missing > 0 else made


@substitute(np.array)
def array(object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0, like=None):
    """``np.array`` of traced values, lists of them, lists of arrays."""
    if not holds_boxes(object) and not isinstance(object, list | tuple):
        object = as_array(object)  # something that stands for an array
    if not holds_boxes(object):
        return constant(np.array(object, dtype, copy=copy, order=order, ndmin=ndmin))
    made = build(object)
    if made is not object and order != "F":
        made = in_order(made)
    if dtype is not None and np.dtype(dtype) != dtype_of(made):
        made = to_type(made, dtype)
    elif made is object and (copy is True or not _is_in_order(made, order)):
        made = np.copy(made, order=order or "K")
    if not isinstance(primal_of(made), np.ndarray):
        made = without_axes(made)
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


for _letter in "efdgFDG?bBhHiIlLqQ":  # all kinds of numbers
    substitute(np.dtype(_letter).type)(_number_of(np.dtype(_letter).type))


@substitute(np.full)
def full(shape, fill_value, dtype=None, order="C", **kwargs):
    """``np.full`` with a traced value."""
    value = as_array(fill_value)
    return _filled(np.empty(shape, dtype or dtype_of(value), order), value)


@substitute(np.full_like)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, **kwargs):
    """``np.full_like`` with a traced value."""
    a = primal_of(as_array(a))
    return _filled(np.empty_like(a, dtype=dtype, order=order, shape=shape), as_array(fill_value))


def _filled(made, value):
    if made.dtype.kind not in "fc":  # whole numbers have no derivative
        made[...] = to_type(value, made.dtype)
        return made
    boxed = constant(made)
    boxed[...] = value
    return boxed


@substitute(np.linspace)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    """``np.linspace`` between traced ends."""
    start, stop, kind = _ends(start, stop)
    parts = num - 1 if endpoint else num
    rank = max(len(shape_of(start)), len(shape_of(stop)))
    span = stop - start
    points = np.reshape(np.arange(num, dtype=np.result_type(kind, 0.0)).real, (-1, *(1,) * rank))
    step = span / parts if parts > 0 else np.full_like(span, np.nan)
    if parts > 0 and not np.any(primal_of(step) == 0):
        values = points * step + start
    else:  # steps too small for a number, as NumPy does it
        values = points / (parts or 1) * span + start
    if endpoint and num > 1:
        values = np.concatenate([values[:-1], np.reshape(stop + 0 * start, (1, *shape_of(span)))])
    if axis:
        values = np.moveaxis(values, 0, axis)
    values = of_type(values, kind) if dtype is None else to_type(values, dtype)
    return (values, step) if retstep else values


def _ends(start, stop):
    """Give both ends as arrays, and the type of the points between."""
    plain = [
        primal_of(x) if np.isscalar(primal_of(x)) else dtype_of(as_array(x)) for x in (start, stop)
    ]
    kind = np.result_type(*plain)
    kind = kind if kind.kind in "fc" else np.result_type(kind, 0.0)
    return of_type(as_array(start), kind), of_type(as_array(stop), kind), kind


class Range:
    """``np.arange``: the number of points is held."""

    name = "arange"

    def __init__(self, dtype, count):
        self.dtype = dtype
        self.count = np.arange(count)

    def value(self, start, stop, step):
        if any(map(is_wrapped, (start, stop, step))):
            return bind(self, start, stop, step)
        return np.arange(start, stop, step, self.dtype)

    def vjp(self, g, out, start, stop, step):
        return np.sum(g), None, np.sum(g * self.count)

    def jvp(self, tangents, out, start, stop, step):
        t, _, u = tangents
        rows = next(len(v) for v in tangents if v is not None)
        found = np.zeros((rows, len(self.count)))
        found = found if t is None else found + np.reshape(t, (-1, 1))
        return found if u is None else found + np.reshape(u, (-1, 1)) * self.count


@substitute(np.arange)
def arange(start=None, stop=None, step=1, dtype=None, *, device=None, like=None):
    """``np.arange`` with traced ends or step."""
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    plain = np.arange(primal_of(start), primal_of(stop), primal_of(step), dtype)
    if plain.dtype.kind not in "fc":
        return plain
    return bind(Range(dtype, plain.size), start, stop, step)


@substitute(np.logspace)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """``np.logspace``."""
    if shape_of(as_array(base)):
        ends = [as_array(x) for x in (start, stop, base)]
        rank = max(len(shape_of(x)) for x in ends)
        start, stop, base = (_with_rank(x, rank) for x in ends)
        base = np.expand_dims(base, axis)
    powers = np.linspace(start, stop, num, endpoint=endpoint, axis=axis)
    found = np.power(base, powers)
    return found if dtype is None else to_type(found, dtype)


@substitute(np.vander)
def vander(x, N=None, increasing=False):
    """``np.vander``: each column is the one before it times `x`."""
    x = as_array(x)
    if len(shape_of(x)) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    n = shape_of(x)[0] if N is None else N
    x = of_type(x, np.promote_types(dtype_of(x), int))
    columns = [np.ones_like(x), x][:n]
    while len(columns) < n:
        columns.append(columns[-1] * x)
    if not columns:
        return np.vander(primal_of(x), n)
    return np.stack(columns if increasing else columns[::-1], axis=1)

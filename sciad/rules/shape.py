"""Functions that rearrange elements, join and split arrays, or take parts of complex numbers."""

import itertools

import numpy as np

from sciad.core.adjoints import unbroadcast
from sciad.core.apply import bind
from sciad.core.rules import linear, substitute
from sciad.core.tracer import as_array, is_wrapped, primal_of, shape_of

__all__ = ["in_order", "put"]


def _shape_back(g, a, *args, **kwargs):
    return np.reshape(g, a.shape)


# Rearrangement -----------------------------------------------------------------------------------


def _reshape_back(g, a, shape=None, order="C", **kwargs):
    return np.reshape(g, np.shape(a), order=_true_order(a, order))


def _true_order(a, order):
    """Order of elements that "A" and "K" mean for an array."""
    if order in ("A", "K"):
        flags = getattr(a, "flags", None)
        return "F" if flags is not None and flags.fnc else "C"
    return order


def _reshape_batched(t, shape=None, order="C", **kwargs):
    size = int(np.prod(np.shape(t)[1:]))
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if -1 in shape:
        known = -int(np.prod(shape))
        shape = tuple(size // known if n == -1 else n for n in shape)
    if order == "C":
        return np.reshape(t, (np.shape(t)[0], *shape))
    return np.stack([np.reshape(t[k], shape, order=order) for k in range(len(t))])


linear(np.reshape, transpose=_reshape_back, batched=_reshape_batched)


def in_order(a, order="C"):
    """Array with its elements in C (or Fortran's) order, as NumPy makes it.

    Whether a later `ravel` or `reshape` is a view depends on it.
    """
    flags = getattr(primal_of(a), "flags", None)
    if flags is None or (flags.c_contiguous if order == "C" else flags.f_contiguous):
        return a
    return np.copy(a, order=order)


@substitute(np.ravel)
def ravel(a, order="C"):
    """``np.ravel``: a view where the elements are in order."""
    return np.reshape(a, (-1,), order=_true_order(as_array(a), order))


def _axes(a, axes):
    n = len(shape_of(a))
    return tuple(range(n))[::-1] if axes is None else tuple(int(k) % n for k in axes)


def _transpose_back(g, a, axes=None):
    return np.transpose(g, tuple(int(k) for k in np.argsort(_axes(a, axes))))


def _transpose_batched(t, axes=None):
    return np.transpose(t, (0, *(k + 1 for k in _axes(t[0], axes))))


linear(np.transpose, transpose=_transpose_back, batched=_transpose_batched)


def _after_first(axis):
    """Find the same axis when a first one is put in front."""
    return axis + 1 if axis >= 0 else axis


linear(
    np.swapaxes,
    transpose=lambda g, a, axis1, axis2: np.swapaxes(g, axis1, axis2),
    batched=lambda t, i, j: np.swapaxes(t, _after_first(i), _after_first(j)),
)
linear(
    np.moveaxis,
    transpose=lambda g, a, source, destination: np.moveaxis(g, destination, source),
)
linear(np.squeeze, transpose=_shape_back)
linear(np.expand_dims, transpose=_shape_back)
linear(np.atleast_1d, transpose=_shape_back)
linear(np.atleast_2d, transpose=_shape_back)
linear(np.atleast_3d, transpose=_shape_back)
linear(np.flip, transpose=lambda g, m, axis=None: np.flip(g, axis))
linear(np.fliplr, transpose=lambda g, m: np.fliplr(g))
linear(np.flipud, transpose=lambda g, m: np.flipud(g))
linear(np.rot90, transpose=lambda g, m, k=1, axes=(0, 1): np.rot90(g, -k, axes))


def _roll_back(g, a, shift, axis=None):
    return np.roll(g, np.negative(shift) if np.ndim(shift) else -shift, axis)


linear(np.roll, transpose=_roll_back)
linear(
    np.copy, transpose=lambda g, a, order="K", subok=False: g, batched=lambda t, *a, **k: np.copy(t)
)
linear(
    np.broadcast_to,
    transpose=lambda g, array, shape, subok=False: unbroadcast(g, shape_of(array)),
)


def _repeat_back(g, a, repeats, axis=None):
    if axis is None:
        return np.reshape(_repeat_back(g, np.empty(a.size), repeats, 0), a.shape)
    counts = np.broadcast_to(repeats, (a.shape[axis],))
    ends = np.cumsum(counts)
    parts = [
        np.sum(np.take(g, np.arange(end - n, end), axis), axis=axis, keepdims=True)
        for n, end in zip(counts, ends, strict=True)
    ]
    return np.concatenate(parts, axis) if parts else np.zeros(a.shape)


linear(np.repeat, transpose=_repeat_back)


def _tile_back(g, a, reps):
    reps = (reps,) if isinstance(reps, int | np.integer) else tuple(reps)
    shape = shape_of(a)
    n = max(len(reps), len(shape))
    reps, full = (1,) * (n - len(reps)) + reps, (1,) * (n - len(shape)) + shape
    split = np.reshape(g, tuple(k for pair in zip(reps, full, strict=True) for k in pair))
    return np.reshape(np.sum(split, axis=tuple(range(0, 2 * n, 2))), shape)


linear(np.tile, transpose=_tile_back)


def _triangle_back(function):
    return lambda g, m, k=0: function(g, k)


linear(np.tril, transpose=_triangle_back(np.tril))
linear(np.triu, transpose=_triangle_back(np.triu))


def _diagonal_back(g, a, offset=0, axis1=0, axis2=1):
    rest = np.ndim(a) - 2
    moved = np.moveaxis(np.empty(shape_of(a)), (axis1, axis2), (-2, -1)).shape
    rows = np.arange(g.shape[-1]) + max(-offset, 0)
    columns = np.arange(g.shape[-1]) + max(offset, 0)
    spread = put((*moved,), (*(slice(None),) * rest, rows, columns), g)
    return np.moveaxis(spread, (-2, -1), (axis1, axis2))


def put(shape, index, values):
    """Zeros of some shape with values added at an index, as a differentiable function."""
    return bind(Put(shape, index), values)


class Put:
    """Zeros with values added at an index; the transpose of reading there."""

    name = "put"

    def __init__(self, shape, index):
        self.shape = shape
        self.index = index

    def value(self, values):
        if is_wrapped(values):
            return bind(self, values)
        made = np.zeros(self.shape, np.result_type(values, float) if np.size(values) else float)
        np.add.at(made, self.index, values)
        return made

    def vjp(self, g, out, values):
        return (g[self.index],)

    def jvp(self, tangents, out, values):
        (t,) = tangents
        return np.stack([put(self.shape, self.index, t[k]) for k in range(len(t))])


linear(np.diagonal, transpose=_diagonal_back)


@substitute(np.diag)
def diag(v, k=0):
    """``np.diag``: build a diagonal matrix or read a diagonal."""
    v = as_array(v)
    if v.ndim == 2:
        return np.diagonal(v, k)
    n = v.shape[0] + abs(k)
    rows = np.arange(v.shape[0]) + max(-k, 0)
    return put((n, n), (rows, rows + k), v)


@substitute(np.trace)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    """``np.trace``."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


# Complex parts (linear over the reals) -----------------------------------------------------------

linear(np.real, transpose=lambda g, val: g, batched=lambda t: np.real(t))
linear(
    np.imag,
    transpose=lambda g, val: 1j * g if np.iscomplexobj(val) else 0.0 * g,
    batched=lambda t: np.imag(t),
)
linear(
    np.conjugate,
    transpose=lambda g, x: np.conjugate(g),
    batched=lambda t: np.conjugate(t),
)

# Joining and splitting ---------------------------------------------------------------------------


class Concatenate:
    """Join arrays along an axis they have."""

    name = "concatenate"

    def __init__(self, axis):
        self.axis = axis

    def value(self, *arrays):
        return np.concatenate(arrays, self.axis)

    def vjp(self, g, out, *arrays):
        ends = np.cumsum([shape_of(a)[self.axis] for a in arrays])
        lead = (slice(None),) * (self.axis % len(shape_of(out)))
        return tuple(
            g[(*lead, slice(int(end) - shape_of(a)[self.axis], int(end)))]
            for a, end in zip(arrays, ends, strict=True)
        )

    def jvp(self, tangents, out, *arrays):
        directions = next(len(t) for t in tangents if t is not None)
        parts = [
            np.zeros((directions, *shape_of(a))) if t is None else t
            for t, a in zip(tangents, arrays, strict=True)
        ]
        return np.concatenate(parts, self.axis % len(shape_of(out)) + 1)


@substitute(np.concatenate)
def concatenate(arrays, axis=0, out=None, dtype=None, casting="same_kind"):
    """``np.concatenate``."""
    arrays = [as_array(a) for a in arrays]
    if axis is None:
        arrays, axis = [np.ravel(a) for a in arrays], 0
    joined = bind(Concatenate(axis), *arrays)
    if dtype is not None:
        joined = joined.astype(dtype)
    if out is not None and out is not Ellipsis:
        out[...] = joined
        return out
    return joined


class Stack:
    """Join arrays (or numbers) along a new axis."""

    name = "stack"

    def __init__(self, axis):
        self.axis = axis

    def value(self, *arrays):
        return np.stack(arrays, self.axis)

    def vjp(self, g, out, *arrays):
        lead = (slice(None),) * (self.axis % len(shape_of(out)))
        return tuple(g[(*lead, k)] for k in range(len(arrays)))

    def jvp(self, tangents, out, *arrays):
        directions = next(len(t) for t in tangents if t is not None)
        parts = [
            np.zeros((directions, *shape_of(a))) if t is None else t
            for t, a in zip(tangents, arrays, strict=True)
        ]
        return np.stack(parts, self.axis % len(shape_of(out)) + 1)


@substitute(np.stack)
def stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    """``np.stack``."""
    joined = bind(Stack(axis), *arrays)
    if dtype is not None:
        joined = joined.astype(dtype)
    if out is not None and out is not Ellipsis:
        out[...] = joined
        return out
    return joined


@substitute(np.vstack)
def vstack(tup, *, dtype=None, casting="same_kind"):
    """``np.vstack``."""
    return np.concatenate([np.atleast_2d(a) for a in tup], 0, dtype=dtype)


@substitute(np.hstack)
def hstack(tup, *, dtype=None, casting="same_kind"):
    """``np.hstack``."""
    arrays = [np.atleast_1d(a) for a in tup]
    axis = 0 if arrays and len(shape_of(arrays[0])) == 1 else 1
    return np.concatenate(arrays, axis, dtype=dtype)


@substitute(np.dstack)
def dstack(tup):
    """``np.dstack``."""
    return np.concatenate([np.atleast_3d(a) for a in tup], 2)


@substitute(np.column_stack)
def column_stack(tup):
    """``np.column_stack``."""
    columns = [as_array(a) for a in tup]
    return np.concatenate([a[:, None] if a.ndim < 2 else a for a in columns], 1)


@substitute(np.append)
def append(arr, values, axis=None):
    """``np.append``."""
    if axis is None:
        arr, values = np.ravel(arr), np.ravel(values)
        axis = 0
    return np.concatenate([arr, values], axis)


@substitute(np.array_split, np.split)
def array_split(ary, indices_or_sections, axis=0):
    """``np.split`` and ``np.array_split``: views."""
    n = shape_of(ary)[axis]
    places = np.split if not np.ndim(indices_or_sections) else None
    bounds = _bounds(n, indices_or_sections) if places else [0, *indices_or_sections, n]
    lead = (slice(None),) * (axis % len(shape_of(ary)))
    return [ary[(*lead, slice(a, b))] for a, b in itertools.pairwise(bounds)]


def _bounds(n, sections):
    each, extra = divmod(n, sections)
    sizes = [each + 1] * extra + [each] * (sections - extra)
    return [0, *(int(k) for k in np.cumsum(sizes))]


@substitute(np.broadcast_arrays)
def broadcast_arrays(*args, subok=False):
    """``np.broadcast_arrays``."""
    shape = np.broadcast_shapes(*(shape_of(a) for a in args))
    return tuple(np.broadcast_to(a, shape) for a in args)


@substitute(np.meshgrid)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """``np.meshgrid``."""
    n = len(xi)
    shaped = [np.reshape(x, (1,) * k + (-1,) + (1,) * (n - k - 1)) for k, x in enumerate(xi)]
    if indexing == "xy" and n > 1:
        shaped = [np.swapaxes(x, 0, 1) for x in shaped]
    if sparse:
        return tuple(shaped)
    return tuple(np.copy(x, order="C") for x in np.broadcast_arrays(*shaped))

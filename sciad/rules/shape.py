"""Functions that rearrange the elements of one array, or take parts of complex numbers."""

import math

import numpy as np

from sciad.core.adjoints import unbroadcast
from sciad.core.apply import apply, bind
from sciad.core.rules import linear, substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of

__all__ = ["in_order", "put"]


def _shape_back(g, a, *args, **kwargs):
    return np.reshape(g, shape_of(a))


def _shape_batched(function):
    """Tangents for a function that changes the shape only."""

    def batched(t, *args, **kwargs):
        model = np.broadcast_to(0.0, shape_of(t)[1:])
        return np.reshape(t, (shape_of(t)[0], *function(model, *args, **kwargs).shape))

    return batched


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


RESHAPE = linear(np.reshape, transpose=_reshape_back, batched=_reshape_batched)


@substitute(np.reshape)
def reshape(a, /, shape=None, order="C", **options):
    """``np.reshape``: what order "A" means is settled while the memory of `a` is seen."""
    if order != "C":
        options["order"] = _true_order(as_array(a), order) if order == "A" else order
    return apply(RESHAPE, np.reshape, (a, shape), options)


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
    """``np.ravel``: a view where the elements are in order, without gaps."""
    a = as_array(a)
    flags = getattr(primal_of(a), "flags", None)
    if flags is None:
        return np.reshape(a, (-1,))
    if order == "K" and not flags.forc:
        return _ravel_as_stored(a)
    order = "F" if order == "F" or (order in ("A", "K") and flags.fnc) else "C"
    flat = np.reshape(a, (-1,), order=order)
    in_place = flags.c_contiguous if order == "C" else flags.f_contiguous
    return flat if in_place or getattr(flat, "base", None) is None else np.copy(flat)


def _ravel_as_stored(a):
    """Elements in the order of their places in memory."""
    plain = primal_of(a)
    if np.may_share_memory(plain.ravel("K"), plain):
        axes = sorted(range(plain.ndim), key=lambda k: -plain.strides[k])
        return np.reshape(np.transpose(a, axes), (-1,))
    # numbers with the same layout show in what order NumPy takes the elements
    steps = [s // plain.itemsize for s in plain.strides]
    reach = [s * (n - 1) for s, n in zip(steps, plain.shape, strict=True)]
    first, last = sum(r for r in reach if r < 0), sum(r for r in reach if r > 0)
    memory = np.zeros(last - first + 1, np.intp)
    strides = tuple(s * memory.itemsize for s in steps)
    numbers = np.ndarray(plain.shape, np.intp, memory, -first * memory.itemsize, strides)
    numbers[...] = np.arange(plain.size).reshape(plain.shape)
    return np.reshape(a, (-1,))[numbers.ravel("K")]


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
    batched=lambda t, axis1, axis2: np.swapaxes(t, _after_first(axis1), _after_first(axis2)),
)


def _axes_after_first(axes):
    """Find the same axes when a first one is put in front."""
    if isinstance(axes, int | np.integer):
        return _after_first(axes)
    return tuple(_after_first(k) for k in axes)


linear(
    np.moveaxis,
    transpose=lambda g, a, source, destination: np.moveaxis(g, destination, source),
    batched=lambda t, source, destination: np.moveaxis(
        t, _axes_after_first(source), _axes_after_first(destination)
    ),
)
for _function in (np.squeeze, np.expand_dims):
    linear(_function, transpose=_shape_back, batched=_shape_batched(_function))


def _at_least(function):
    """Rule of ``np.atleast_1d`` and its like."""

    def at_least(*arys):
        made = []
        for a in map(as_array, arys):
            model = function(np.broadcast_to(0.0, shape_of(a)))
            made.append(a if shape_of(a) == model.shape else np.reshape(a, model.shape))
        return made[0] if len(made) == 1 else tuple(made)

    return at_least


for _at_least_function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    substitute(_at_least_function)(_at_least(_at_least_function))


def _flip_batched(t, axis=None):
    return np.flip(
        t, tuple(range(1, len(shape_of(t)))) if axis is None else _axes_after_first(axis)
    )


linear(np.flip, transpose=lambda g, m, axis=None: np.flip(g, axis), batched=_flip_batched)
linear(np.fliplr, transpose=lambda g, m: np.fliplr(g), batched=lambda t: np.flip(t, 2))
linear(np.flipud, transpose=lambda g, m: np.flipud(g), batched=lambda t: np.flip(t, 1))
linear(
    np.rot90,
    transpose=lambda g, m, k=1, axes=(0, 1): np.rot90(g, -k, axes),
    batched=lambda t, k=1, axes=(0, 1): np.rot90(t, k, _axes_after_first(axes)),
)


def _roll_back(g, a, shift, axis=None):
    return np.roll(g, np.negative(shift) if np.ndim(shift) else -shift, axis)


def _roll_batched(t, shift, axis=None):
    if axis is not None:
        return np.roll(t, shift, _axes_after_first(axis))
    flat = np.reshape(t, (shape_of(t)[0], -1))
    return np.reshape(np.roll(flat, int(np.sum(shift)), 1), shape_of(t))


linear(np.roll, transpose=_roll_back, batched=_roll_batched)
linear(
    np.copy, transpose=lambda g, a, order="K", subok=False: g, batched=lambda t, *a, **k: np.copy(t)
)


def _broadcast_batched(t, shape, subok=False):
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    directions, *own = shape_of(t)
    missing = (1,) * (len(shape) - len(own))
    return np.broadcast_to(np.reshape(t, (directions, *missing, *own)), (directions, *shape))


linear(
    np.broadcast_to,
    transpose=lambda g, array, shape, subok=False: unbroadcast(g, shape_of(array)),
    batched=_broadcast_batched,
)


def _repeat_back(g, a, repeats, axis=None):
    shape = shape_of(a)
    if axis is None or not shape:
        back = _repeat_back(g, np.broadcast_to(0.0, (math.prod(shape),)), repeats, 0)
        return np.reshape(back, shape)
    axis = axis % len(shape)
    front, n, rest = shape[:axis], shape[axis], shape[axis + 1 :]
    if np.size(repeats) == 1 and n:
        return np.sum(np.reshape(g, (*front, n, shape_of(g)[axis] // n, *rest)), axis=axis + 1)
    places = np.repeat(np.arange(n), repeats)
    return put(shape, (*(slice(None),) * axis, places), g)


def _repeat_batched(t, repeats, axis=None):
    if axis is None or len(shape_of(t)) == 1:
        return np.repeat(np.reshape(t, (shape_of(t)[0], -1)), repeats, 1)
    return np.repeat(t, repeats, _after_first(axis))


linear(np.repeat, transpose=_repeat_back, batched=_repeat_batched)


def _tile_back(g, a, reps):
    reps = (int(reps),) if np.ndim(reps) == 0 else tuple(int(k) for k in reps)
    shape = shape_of(a)
    n = max(len(reps), len(shape))
    reps, full = (1,) * (n - len(reps)) + reps, (1,) * (n - len(shape)) + shape
    split = np.reshape(g, tuple(k for pair in zip(reps, full, strict=True) for k in pair))
    return np.reshape(np.sum(split, axis=tuple(range(0, 2 * n, 2))), shape)


linear(np.tile, transpose=_tile_back)


def _triangle_back(function):
    return lambda g, m, k=0: function(g, k)


def _triangle_batched(function):
    def batched(t, k=0):
        if len(shape_of(t)) > 2:
            return function(t, k)
        directions, n = shape_of(t)  # a vector is the row of a square matrix
        return function(np.broadcast_to(np.expand_dims(t, 1), (directions, n, n)), k)

    return batched


for _triangle in (np.tril, np.triu):
    linear(_triangle, transpose=_triangle_back(_triangle), batched=_triangle_batched(_triangle))


def _diagonal_back(g, a, offset=0, axis1=0, axis2=1):
    rest = np.ndim(a) - 2
    moved = np.moveaxis(np.empty(shape_of(a)), (axis1, axis2), (-2, -1)).shape
    rows = np.arange(g.shape[-1]) + max(-offset, 0)
    columns = np.arange(g.shape[-1]) + max(offset, 0)
    spread = put((*moved,), (*(slice(None),) * rest, rows, columns), g)
    return np.moveaxis(spread, (-2, -1), (axis1, axis2))


def put(shape, index, values, dtype=None):
    """Zeros of some shape with values added at an index, as a differentiable function."""
    return bind(Put(shape, index, dtype), values)


class Put:
    """Zeros with values added at an index; the transpose of reading there."""

    name = "put"

    def __init__(self, shape, index, dtype):
        self.shape = shape
        self.index = index
        self.dtype = dtype

    def value(self, values):
        if is_wrapped(values):
            return bind(self, values)
        made = np.zeros(self.shape, self.dtype or np.result_type(values, float))
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
    if len(shape_of(v)) == 2:
        return np.diagonal(v, k)
    if len(shape_of(v)) != 1:
        raise ValueError("Input must be 1- or 2-d.")
    (length,) = shape_of(v)
    n = length + abs(k)
    rows = np.arange(length) + max(-k, 0)
    return put((n, n), (rows, rows + k), v, dtype_of(v))


@substitute(np.diagflat)
def diagflat(v, k=0):
    """``np.diagflat``."""
    return np.diag(np.ravel(as_array(v)), k)


@substitute(np.trace)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    """``np.trace``."""
    diagonal = np.diagonal(as_array(a), offset, axis1, axis2)
    return np.sum(diagonal, axis=-1, dtype=dtype, out=out)


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

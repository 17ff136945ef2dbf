"""Joining and splitting of arrays, insertion and deletion of elements, padding."""

import itertools
import math

import numpy as np

from sciad.core.apply import bind
from sciad.core.dispatch import call
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, dtype_of, primal_of, shape_of
from sciad.rules.conventions import cast, exactly, finish, is_inexact, rearranged

__all__: list[str] = []


class Join:
    """Join arrays, by ``np.concatenate`` or ``np.stack``."""

    def __init__(self, function, axis, options):
        self.function = function
        self.name = function.__name__
        self.axis = axis
        self.options = options

    def value(self, *arrays):
        return self.function(arrays, axis=self.axis, **self.options)

    def vjp(self, g, out, *arrays):
        lead = (slice(None),) * (self.axis % len(shape_of(out)))
        if self.function is np.stack:
            return tuple(g[(*lead, k)] for k in range(len(arrays)))
        ends = np.cumsum([shape_of(a)[self.axis] for a in arrays])
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
        return self.function(parts, axis=self.axis % len(shape_of(out)) + 1)


def _joined(function, arrays, axis, out, dtype, casting):
    options = {} if dtype is None else {"dtype": dtype}
    if casting != "same_kind":
        options["casting"] = casting
    if options:
        computed = function([primal_of(a) for a in arrays], axis=axis, **options)
        if not is_inexact(computed.dtype):
            return finish(computed, out)
    return finish(bind(Join(function, axis, options), *arrays), out, casting)


@substitute(np.concatenate)
def concatenate(arrays, axis=0, out=None, dtype=None, casting="same_kind"):
    """``np.concatenate``."""
    arrays = [as_array(a) for a in arrays]
    if axis is None:
        arrays, axis = [np.ravel(a) for a in arrays], 0
    return _joined(np.concatenate, arrays, axis, out, dtype, casting)


@substitute(np.stack)
def stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    """``np.stack``."""
    arrays = [as_array(a) if type(a) in (list, tuple) else a for a in arrays]
    return _joined(np.stack, arrays, axis, out, dtype, casting)


@substitute(np.vstack)
def vstack(tup, *, dtype=None, casting="same_kind"):
    """``np.vstack``."""
    return np.concatenate(
        [np.atleast_2d(as_array(a)) for a in tup], 0, dtype=dtype, casting=casting
    )


@substitute(np.hstack)
def hstack(tup, *, dtype=None, casting="same_kind"):
    """``np.hstack``."""
    arrays = [np.atleast_1d(as_array(a)) for a in tup]
    axis = 0 if arrays and len(shape_of(arrays[0])) == 1 else 1
    return np.concatenate(arrays, axis, dtype=dtype, casting=casting)


@substitute(np.dstack)
def dstack(tup):
    """``np.dstack``."""
    return np.concatenate([np.atleast_3d(as_array(a)) for a in tup], 2)


@substitute(np.column_stack)
def column_stack(tup):
    """``np.column_stack``."""
    columns = [as_array(a) for a in tup]
    return np.concatenate(
        [a if len(shape_of(a)) > 1 else np.reshape(a, (-1, 1)) for a in columns], 1
    )


@substitute(np.append)
def append(arr, values, axis=None):
    """``np.append``."""
    arr, values = as_array(arr), as_array(values)
    if axis is None:
        arr, values, axis = np.ravel(arr), np.ravel(values), 0
    return np.concatenate([arr, values], axis)


# Insertion, deletion, other lengths --------------------------------------------------------------


@substitute(np.insert)
def insert(arr, obj, values, axis=None):
    """``np.insert``."""
    arr, values, obj = as_array(arr), as_array(values), primal_of(obj)
    if not is_inexact(dtype_of(arr)):
        return np.insert(primal_of(arr), obj, primal_of(values), axis)
    values = cast(np.real(values) if dtype_of(arr).kind == "f" else values, dtype_of(arr))
    return rearranged(lambda a, v: np.insert(a, obj, v, axis), arr, values)


@substitute(np.delete)
def delete(arr, obj, axis=None):
    """``np.delete``."""
    return rearranged(lambda a: np.delete(a, primal_of(obj), axis), as_array(arr))


@substitute(np.resize)
def resize(a, new_shape):
    """``np.resize``: elements repeated to fill the shape."""
    a = as_array(a)
    if not np.size(primal_of(a)):
        return np.resize(primal_of(a), new_shape)
    return rearranged(lambda numbers: np.resize(numbers, new_shape), a)


# Splitting: views --------------------------------------------------------------------------------


def _bounds(n, sections):
    if np.ndim(sections):
        return [0, *(int(k) for k in sections), n]
    if sections <= 0:
        raise ValueError("number sections must be larger than 0.")
    each, extra = divmod(n, int(sections))
    sizes = [each + 1] * extra + [each] * (int(sections) - extra)
    return [0, *(int(k) for k in np.cumsum(sizes))]


@substitute(np.array_split)
def array_split(ary, indices_or_sections, axis=0):
    """``np.array_split``."""
    ary = as_array(ary)
    bounds = _bounds(shape_of(ary)[axis], primal_of(indices_or_sections))
    lead = (slice(None),) * (axis % len(shape_of(ary)))
    return [ary[(*lead, slice(a, b))] for a, b in itertools.pairwise(bounds)]


@substitute(np.split)
def split(ary, indices_or_sections, axis=0):
    """``np.split``: equal parts, or parts between given places."""
    ary = as_array(ary)
    if not np.ndim(indices_or_sections) and shape_of(ary)[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


# Broadcasting together ---------------------------------------------------------------------------


@substitute(np.broadcast_arrays)
def broadcast_arrays(*args, subok=False):
    """``np.broadcast_arrays``."""
    args = [as_array(a) for a in args]
    shape = np.broadcast_shapes(*(shape_of(a) for a in args))
    return tuple(a if shape_of(a) == shape else np.broadcast_to(a, shape) for a in args)


class Broadcast:
    """What ``np.broadcast`` gives: the common shape, and the elements side by side."""

    def __init__(self, arrays):
        self.numiter = len(arrays)
        self.shape = np.broadcast_shapes(*(shape_of(a) for a in arrays))
        self.nd = self.ndim = len(self.shape)
        self.size = math.prod(self.shape)
        self.index = 0
        self._views = [np.broadcast_to(a, self.shape) for a in arrays]

    def __iter__(self):
        return self

    def __next__(self):
        if self.index >= self.size:
            raise StopIteration
        place = np.unravel_index(self.index, self.shape)
        self.index += 1
        return tuple(view[place] for view in self._views)

    def reset(self):
        """Start again."""
        self.index = 0


@substitute(np.broadcast)
def broadcast(*args):
    """``np.broadcast``."""
    return Broadcast([as_array(a) for a in args])


@substitute(np.meshgrid)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """``np.meshgrid``."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    n = len(xi)
    xi = [as_array(x) for x in xi]
    shaped = [np.reshape(x, (1,) * k + (-1,) + (1,) * (n - k - 1)) for k, x in enumerate(xi)]
    if indexing == "xy" and n > 1:
        shaped = [np.swapaxes(x, 0, 1) for x in shaped]
    made = shaped if sparse else np.broadcast_arrays(*shaped)
    return tuple(np.copy(x, order="C") for x in made) if copy else tuple(made)


# Padding -----------------------------------------------------------------------------------------

_MOVED = frozenset({"edge", "wrap"})


@substitute(np.pad)
def pad(array, pad_width, mode="constant", **kwargs):
    """``np.pad``: NumPy's own way followed; its value where operations may round differently."""
    array = as_array(array)
    if mode in _MOVED or (
        mode in ("reflect", "symmetric") and kwargs.get("reflect_type", "even") == "even"
    ):
        return rearranged(lambda a: np.pad(a, pad_width, mode, **kwargs), array)
    found = call(np.pad.__wrapped__, array, pad_width, mode, **kwargs)
    if mode != "linear_ramp":
        return found
    options = {k: primal_of(v) for k, v in kwargs.items()}
    return exactly(found, np.pad(primal_of(array), pad_width, mode, **options))

"""Functions that call a function of the user for elements, rows or parts of arrays."""

import numpy as np

from sciad.core.buffer import constant
from sciad.core.dispatch import call
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of, trace_of
from sciad.rules.constructors import array, to_type, without_axes

__all__: list[str] = []


# vectorize ----------------------------------------------------------------------------------------


@substitute(np.vectorize.__call__)
def vectorized(self, *args, **kwargs):
    """Call of a function made by ``np.vectorize``, element by element or by its signature."""
    names = [name for name in kwargs if name not in self.excluded]
    places = [k for k in range(len(args)) if k not in self.excluded]

    def function(*values):
        given = list(args)
        for place, value in zip(places, values, strict=False):
            given[place] = value
        named = dict(zip(names, values[len(places) :], strict=True))
        return call(self.pyfunc, *given, **{**kwargs, **named})

    inputs = [args[k] for k in places] + [kwargs[name] for name in names]
    if self.signature is not None:
        return call(type(self)._vectorize_call_with_signature, self, function, inputs)
    if not inputs:
        return function()
    return _by_elements(self, function, inputs)


def _by_elements(self, function, inputs):
    arrays = [as_array(a) for a in inputs]
    shape = np.broadcast_shapes(*map(shape_of, arrays))
    places = [np.arange(np.size(a)).reshape(shape_of(a)) for a in arrays]
    columns = [
        [items[k] for k in np.broadcast_to(place, shape).flat]
        for items, place in zip(map(_elements, inputs), places, strict=True)
    ]
    kinds = self.otypes or (_types_of_first(function, arrays) if columns[0] else None)
    results = [function(*row) for row in zip(*columns, strict=True)]
    if not results:
        if not self.otypes:
            raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
        empty = tuple(np.empty(shape, kind) for kind in self.otypes)
        return empty if len(empty) > 1 else empty[0]
    if type(results[0]) is not tuple:
        return np.reshape(_column(results, kinds[0]), shape)
    parts = zip(zip(*results, strict=True), kinds, strict=True)
    return tuple(np.reshape(_column(part, kind), shape) for part, kind in parts)


def _elements(a):
    """Elements as NumPy hands them on: numbers of Python from arrays, others as they are."""
    if isinstance(a, list | tuple):
        return [item for part in a for item in _elements(part)]
    if not isinstance(primal_of(a), np.ndarray):
        return [a]
    if trace_of(a) is None:
        return np.asarray(primal_of(a), dtype=object).ravel().tolist()
    flat = np.ravel(a)
    if dtype_of(a).char in "gG":
        return [flat[k] for k in range(shape_of(flat)[0])]
    kind = complex if dtype_of(a).kind == "c" else float
    return [call(kind, flat[k]) for k in range(shape_of(flat)[0])]


def _types_of_first(function, arrays):
    """Types of the results for the first elements, which NumPy takes for all."""
    first = function(*[np.asarray(primal_of(a)).flat[0] for a in arrays])
    parts = first if type(first) is tuple else (first,)
    return [np.asarray(primal_of(part)).dtype for part in parts]


def _column(results, kind):
    """Array of some type from results."""
    made, dtype = as_array(list(results)), np.dtype(kind)
    if is_wrapped(made):
        return to_type(made, dtype)
    return made.astype(dtype)


# Along axes ---------------------------------------------------------------------------------------


@substitute(np.apply_along_axis)
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    """``np.apply_along_axis``: a function of vectors, for each vector along an axis."""
    arr = as_array(arr)
    rank = len(shape_of(arr))
    axis = int(np.arange(rank)[axis])
    rows = np.moveaxis(arr, axis, -1)
    outside = shape_of(rows)[:-1]
    if 0 in outside:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    found = [as_array(call(func1d, rows[place], *args, **kwargs)) for place in np.ndindex(*outside)]
    inside, kind = shape_of(found[0]), dtype_of(found[0])
    filled = [np.broadcast_to(f, inside) for f in found]
    made = np.reshape(np.stack(filled), (*outside, *inside))
    if dtype_of(made) != kind:
        made = to_type(made, kind) if is_wrapped(made) else made.astype(kind)
    new = range(rank - 1, rank - 1 + len(inside))
    return np.transpose(made, (*range(axis), *new, *range(axis, rank - 1)))


# Pieces -------------------------------------------------------------------------------------------


@substitute(np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    """``np.piecewise``: each function is called with the elements that meet its condition."""
    x = as_array(x)
    x = x if isinstance(primal_of(x), np.ndarray) else without_axes(x)
    conditions = _conditions(condlist, x)
    if len(conditions) == len(funclist) - 1:
        conditions = [*conditions, ~np.any(conditions, axis=0)]
    elif len(conditions) != len(funclist):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or"
            f" {len(conditions) + 1} functions are expected"
        )
    made = constant(np.zeros(shape_of(x), dtype_of(x)))
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            made[condition] = function
        elif condition.any():
            made[condition] = call(function, x[condition], *args, **kw)
    return made


def _conditions(condlist, x):
    condlist = primal_of(condlist)
    one = np.isscalar(condlist) or (
        not isinstance(condlist[0], list | np.ndarray) and shape_of(x) != ()
    )
    return list(np.asarray([condlist] if one else condlist, dtype=bool))


@substitute(np.fromiter)
def fromiter(iter, dtype, count=-1, *, like=None):
    """``np.fromiter`` of traced numbers."""
    values = []
    for value in iter:
        if len(values) == count:
            break
        values.append(value)
    if len(values) < count:
        raise ValueError(
            f"iterator too short: Expected {count} but iterator had only {len(values)} items."
        )
    return array(values, dtype)

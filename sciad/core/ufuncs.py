"""NumPy's ufunc protocol: calls of ufuncs from code that is not followed, and their methods.

``np.maximum.accumulate(x)`` takes the rule that is registered for the method itself. Without one,
the method is done as NumPy defines it, with the function of two arguments in a loop over slices:
right for every ufunc that has a rule.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.apply import apply, elementwise
from sciad.core.buffer import constant
from sciad.core.errors import LostDerivativeError, NotDifferentiableError, user_location
from sciad.core.operators import give
from sciad.core.options import Options, check_casting, write_out
from sciad.core.rules import Elementwise, Nondifferentiable, lookup
from sciad.core.tracer import (
    Array,
    Scalar,
    any_traced,
    as_array,
    dtype_of,
    is_wrapped,
    primal_of,
    shape_of,
    trace_of,
)

__all__ = [
    "call_method",
    "finish_reduction",
    "method_at",
    "numpy_value",
    "of_type",
    "positions",
    "reduced_first",
    "type_of_reduction",
]

_NOT_GIVEN = np._NoValue


_REFLECTED = {
    np.add: "__radd__",
    np.subtract: "__rsub__",
    np.multiply: "__rmul__",
    np.true_divide: "__rtruediv__",
    np.power: "__rpow__",
}


def array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """Protocol method ``__array_ufunc__`` of traced values."""
    if len(inputs) == 2 and type(inputs[0]) is np.float64 and type(inputs[1]) is Scalar:
        reflected = _REFLECTED.get(ufunc)  # how a number of NumPy times a traced one comes here
        if reflected is not None and method == "__call__" and not kwargs:
            return getattr(inputs[1], reflected)(inputs[0])
    if method != "__call__":
        return call_method(ufunc, method, inputs, kwargs)
    rule = lookup(ufunc)
    if rule is None:
        return _without_rule(ufunc, inputs, kwargs)
    if type(rule) is Elementwise and not kwargs:
        return elementwise(rule, ufunc, inputs)
    return apply(rule, ufunc, inputs, kwargs)


def _full_name(ufunc: Any) -> str:
    """Name with ``numpy.`` in front if it is NumPy's; others do not know where they come from."""
    name = ufunc.__name__
    return f"numpy.{name}" if getattr(np, name, None) is ufunc else f"the ufunc {name}"


def _without_rule(ufunc: Any, inputs: tuple, kwargs: dict) -> Any:
    """Call with plain numbers (of constants); a traced argument raises."""
    if any_traced(inputs):
        raise LostDerivativeError(
            f"{_full_name(ufunc)} has no differentiation rule",
            where=user_location(),
            hint="register one with sciad.rule, or use sciad.stop_gradient on its arguments",
        )
    options = Options(ufunc, inputs, kwargs)
    result = ufunc(*[primal_of(x) for x in options.args], **options.rest)
    return options.finish(tuple(map(constant, result)) if ufunc.nout > 1 else constant(result))


def call_method(ufunc: Any, method: str, args: tuple, kwargs: dict) -> Any:
    """``ufunc.method(*args, **kwargs)`` of traced values."""
    function = getattr(ufunc, method)
    known = lookup(ufunc)
    if type(known) is Nondifferentiable and method != "at":
        return _plain_method(function, args, kwargs)
    if known is None and not any_traced(args):
        return _plain_method(function, args, kwargs)
    if type(kwargs.get("out")) is tuple:
        kwargs = {**kwargs, "out": kwargs["out"][0]}
    rule = lookup(function)
    if rule is not None:
        return apply(rule, function, args, kwargs)
    return _METHODS[method](ufunc, *args, **kwargs)


def _plain_method(function: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
    """Call a method of a function without rule on arrays that are not traced."""
    rest = {k: primal_of(v) for k, v in kwargs.items() if k != "out"}
    if function.__name__ == "at":
        target = as_array(args[0])
        made = np.copy(primal_of(target))
        function(made, *[primal_of(a) for a in args[1:]])
        write_out(target, made)
        return None
    (out,) = kwargs.get("out") or (None,)
    result = constant(function(*[primal_of(a) for a in args], **rest))
    return result if out is None else write_out(out, result)


# reduce and accumulate ----------------------------------------------------------------------------


def _reduce(
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = _NOT_GIVEN,
    where: Any = True,
) -> Any:
    """``ufunc.reduce``: the function applied from the first element to the last."""
    array, where, dtype = as_array(array), primal_of(where), type_of_reduction(dtype, out)
    plain = numpy_value(ufunc.reduce, array, axis, dtype, None, keepdims, initial, where)
    array = of_type(array, dtype)
    if where is not True:
        where = np.broadcast_to(np.asarray(where, bool), shape_of(array))
        where = reduced_first(where, axis)
    rows = reduced_first(array, axis)
    given = initial is not _NOT_GIVEN and initial is not None
    total = of_type(as_array(initial), dtype_of(plain)) if given else ufunc.identity
    if not given and total is not None and np.isneginf(total):
        total = None  # adds nothing
    for k in range(shape_of(rows)[0]):
        row = rows[k]
        if where is not True:
            before = primal_of(ufunc.identity) if total is None else total
            total = np.where(where[k], ufunc(before, row), before)
        else:
            total = row if total is None else ufunc(total, row)
    if not shape_of(rows)[0] or total is None:
        total = plain if trace_of(initial) is None else np.broadcast_to(initial, np.shape(plain))
    _check_numpy(ufunc, total, plain)
    return finish_reduction(ufunc, total, plain, out)


def _check_numpy(ufunc: np.ufunc, result: Any, plain: Any) -> None:
    """Raise where NumPy gives something else than its definition (vector units may: ``power``)."""
    found, tolerance = primal_of(result), np.finfo(dtype_of(plain)).eps ** 0.5
    if not np.allclose(np.reshape(found, np.shape(plain)), plain, tolerance, 0.0, equal_nan=True):
        raise NotDifferentiableError(
            f"numpy.{ufunc.__name__}.reduce of this NumPy gives something else than the function"
            " applied from the first element to the last",
            where=user_location(),
            hint="write the loop",
        )


def finish_reduction(ufunc: Any, result: Any, plain: Any, out: Any) -> Any:
    """Give a result the shape and type of the plain one; write it to ``out``."""
    if shape_of(result) != np.shape(plain):
        result = np.reshape(result, np.shape(plain))
    if dtype_of(result) != dtype_of(plain):
        result = result.astype(dtype_of(plain))
    if out is None or out is Ellipsis:
        return result
    check_casting(ufunc, result, out)
    return write_out(out, result)


def numpy_value(method: Callable[..., Any], *args: Any) -> Any:
    """Call the method with plain numbers: it raises NumPy's errors, and gives shape and type."""
    with np.errstate(all="ignore"):
        return method(*[a if a is _NOT_GIVEN else primal_of(a) for a in args])


def type_of_reduction(dtype: Any, out: Any) -> Any:
    """Find the type that NumPy calculates in: that of ``out`` if none is named."""
    return dtype_of(out) if dtype is None and out is not None and out is not Ellipsis else dtype


def of_type(array: Any, dtype: Any) -> Any:
    """Convert an array, if a type is given and is another one."""
    if dtype is None or dtype_of(array) == np.dtype(dtype):
        return array
    return array.astype(dtype)


def reduced_first(array: Any, axis: Any) -> Any:
    """Bring the reduced axes to the front, as one."""
    rank = len(shape_of(array))
    named = range(rank) if axis is None else np.atleast_1d(axis)
    axes = [int(k) % rank for k in named] if rank else []
    rest = [k for k in range(rank) if k not in axes]
    shape = shape_of(array)
    length = int(np.prod([shape[k] for k in axes]))
    moved = np.transpose(array, (*sorted(axes), *rest))
    return np.reshape(moved, (length, *(shape[k] for k in rest)))


def _accumulate(
    ufunc: np.ufunc, array: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    """``ufunc.accumulate``: all intermediate results of a reduction."""
    array, dtype = as_array(array), type_of_reduction(dtype, out)
    plain = numpy_value(ufunc.accumulate, array, axis, dtype)
    rows = np.moveaxis(of_type(array, dtype), axis, 0)
    found: list[Any] = []
    for k in range(shape_of(rows)[0]):
        found.append(ufunc(found[-1], rows[k]) if found else rows[k])
    result = np.stack(found, axis) if found else plain
    return finish_reduction(ufunc, result, plain, out)


def _reduceat(
    ufunc: np.ufunc, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    """``ufunc.reduceat``: reductions of slices, or single elements where an index is no start."""
    array, indices = as_array(array), np.asarray(primal_of(indices))
    dtype = type_of_reduction(dtype, out)
    plain = numpy_value(ufunc.reduceat, array, indices, axis, dtype)
    rows = np.moveaxis(of_type(array, dtype), axis, 0)
    ends = [*indices[1:], shape_of(rows)[0]]
    found = [
        call_method(ufunc, "reduce", (rows[int(i) : int(j)],), {}) if i < j else rows[int(i)]
        for i, j in zip(indices, ends, strict=True)
    ]
    result = np.stack(found, axis) if found else plain
    return finish_reduction(ufunc, result, plain, out)


# outer and at -------------------------------------------------------------------------------------


def _outer(ufunc: np.ufunc, left: Any, right: Any, /, **options: Any) -> Any:
    """``ufunc.outer``: all pairs of elements."""
    left, right = as_array(left), as_array(right)
    shape = shape_of(left) + (1,) * len(shape_of(right))
    rule = lookup(ufunc)
    args = (np.reshape(left, shape), right)
    return ufunc(*args, **options) if rule is None else apply(rule, ufunc, args, options)


def method_at(ufunc: np.ufunc, array: Any, indices: Any, *values: Any) -> None:
    """``ufunc.at``: an element that is named several times is changed several times, in order."""
    if not is_wrapped(array):
        array[indices] = values[0] if values else array[indices]  # raises: it is not followed
        return
    places = positions(array, indices)
    spread = [np.ravel(np.broadcast_to(as_array(v), places.shape)) for v in values]
    places = places.ravel()
    for chosen in _rounds(places):
        spots = np.unravel_index(places[chosen], shape_of(array))
        new = ufunc(array[spots], *[v[chosen] for v in spread])
        check_casting(ufunc, new, array)
        array[spots] = new


def positions(array: Any, indices: Any) -> np.ndarray:
    """Flat positions of the elements that an index names."""
    plain = tuple(map(primal_of, indices)) if type(indices) is tuple else primal_of(indices)
    shape, parts = shape_of(array), plain if type(plain) is tuple else (plain,)
    if len(parts) == len(shape) and all(np.asarray(p).dtype.kind in "iu" for p in parts):
        wrapped = [
            np.where(np.less(p, 0), np.add(p, n), p) for p, n in zip(parts, shape, strict=True)
        ]
        with contextlib.suppress(ValueError):  # the general way raises what NumPy raises
            return np.asarray(np.ravel_multi_index(np.broadcast_arrays(*wrapped), shape))
    return np.asarray(np.arange(np.size(array)).reshape(shape_of(array))[plain])


def _rounds(places: np.ndarray) -> list[np.ndarray]:
    """Numbers of the entries that name a place for the first time, for the second time, ..."""
    if not places.size:
        return []
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, places.size])
    turn = np.arange(places.size) - np.repeat(starts, lengths)
    return [np.sort(order[turn == k]) for k in range(max(lengths))]


_METHODS: dict[str, Callable[..., Any]] = {
    "reduce": _reduce,
    "accumulate": _accumulate,
    "reduceat": _reduceat,
    "outer": _outer,
    "at": method_at,
}

for _kind in (Scalar, Array):
    give(_kind, {"__array_ufunc__": array_ufunc})

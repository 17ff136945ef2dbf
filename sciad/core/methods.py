"""Methods and attributes of traced values: those of NumPy arrays, as calls of NumPy functions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.apply import apply
from sciad.core.buffer import store
from sciad.core.errors import LostDerivativeError, TracingError, user_location
from sciad.core.flat import Flat
from sciad.core.memory import MEMBERS
from sciad.core.operators import give, rounding
from sciad.core.rules import lookup
from sciad.core.tracer import Array, Scalar, current, dtype_of, primal_of, shape_of, trace_of

__all__ = ["METHODS", "WRITERS", "astype"]


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    rule = lookup(function)
    if rule is None:
        return function(*args, **kwargs)
    return apply(rule, function, args, kwargs)


# Methods and attributes --------------------------------------------------------------------------

#: Methods that are functions of the array, called with it as first argument.
METHODS: dict[str, Callable[..., Any]] = {
    "all": np.all,
    "any": np.any,
    "argmax": np.argmax,
    "argmin": np.argmin,
    "argpartition": np.argpartition,
    "argsort": np.argsort,
    "choose": np.choose,
    "cumprod": np.cumprod,
    "cumsum": np.cumsum,
    "diagonal": np.diagonal,
    "dot": np.dot,
    "max": np.max,
    "mean": np.mean,
    "min": np.min,
    "nonzero": np.nonzero,
    "prod": np.prod,
    "ravel": np.ravel,
    "repeat": np.repeat,
    "round": np.round,
    "searchsorted": np.searchsorted,
    "squeeze": np.squeeze,
    "std": np.std,
    "sum": np.sum,
    "swapaxes": np.swapaxes,
    "take": np.take,
    "trace": np.trace,
    "var": np.var,
}


#: Methods that write their arguments into the array.
WRITERS = frozenset({"fill", "put", "setfield"})


def _as_method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _call(function, self, *args, **kwargs)

    method.__name__ = function.__name__
    return method


def _reshape(self: Any, *shape: Any, order: str = "C") -> Any:
    given = shape[0] if len(shape) == 1 else shape
    return _call(np.reshape, self, given, order=order)


def _transpose(self: Any, *axes: Any) -> Any:
    given = axes[0] if len(axes) == 1 else axes or None
    return np.transpose(self, given)


def _flatten(self: Any, order: str = "C") -> Any:
    return np.copy(_call(np.ravel, self, order=order))


def _clip(self: Any, min: Any = None, max: Any = None, out: Any = None, **options: Any) -> Any:
    return _call(np.clip, self, min, max, out, **options)


def _compress(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
    return _call(np.compress, condition, self, axis, out)


def _item(self: Any, *args: Any) -> Any:
    if args:
        place = args[0] if len(args) == 1 else args
        return _of_python(self[place] if isinstance(place, tuple) else _call(np.ravel, self)[place])
    if np.prod(shape_of(self)) != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    return _of_python(_call(np.reshape, self, (1,))[0] if shape_of(self) else _number(self))


def _of_python(x: Any) -> Any:
    """Give the number of Python's, which divides and overflows otherwise than NumPy's."""
    if trace_of(x) is None:
        return np.asarray(primal_of(x)).item()
    return _call(complex if dtype_of(x).kind == "c" else float, x)


def is_array(x: Any) -> bool:
    """Whether a value is a boxed array."""
    return type(x) is Array


def _number(self: Any) -> Any:
    has_axes = is_array(self) and type(current(self)) is not complex
    return self[()] if has_axes else self


def _astype(self: Any, dtype: Any, *args: Any, **kwargs: Any) -> Any:
    if _no_copy(args, kwargs) and np.dtype(dtype) == dtype_of(self):
        return self
    return _call(astype, self, dtype)


def _no_copy(args: tuple, kwargs: dict) -> bool:
    """Whether the arguments of ``astype`` after the type say ``copy=False``."""
    if not (args or kwargs):
        return False
    options = dict(zip(("order", "casting", "subok", "copy"), args, strict=False)) | kwargs
    return not options.get("copy", True) and options.get("order", "K") in ("K", "A")


def _conjugate(self: Any) -> Any:
    """Conjugate; the method (not the function) gives a real array itself."""
    if dtype_of(self).kind != "c":
        return self
    if type(primal_of(self)) is complex:  # it stays a number of Python
        rule = lookup(np.conjugate)
        assert rule is not None
        return apply(rule, complex.conjugate, (self,), {})
    return _call(np.conjugate, self)


def astype(a: np.ndarray, dtype: Any) -> np.ndarray:
    """Convert to another type of elements (the function behind the method)."""
    return a.astype(dtype)


def _view(self: Any, *args: Any) -> Any:
    if args:
        _missing(self, "view")
    return self[...]


def _tolist(self: Any) -> Any:
    if not shape_of(self):
        return _of_python(_number(self))
    return [_tolist(row) for row in self]


def _fill(self: Array, value: Any) -> None:
    store(self, Ellipsis, value)


def _sort(self: Array, axis: int = -1, **kwargs: Any) -> None:
    store(self, Ellipsis, np.sort(self, axis=axis, **kwargs))


def _put(self: Array, indices: Any, values: Any, mode: str = "raise") -> None:
    _call(np.put, self, indices, values, mode)


def _resize(self: Array, *shape: Any, refcheck: bool = True) -> None:
    raise TracingError(
        "'.resize' changes an array in place, which sciad does not follow",
        where=user_location(),
        hint="make a new array: np.zeros(shape), and write the elements into it",
    )


def _set_flat(self: Array, value: Any) -> None:
    shape, value = shape_of(self), np.ravel(value)
    size = math.prod(shape)
    if shape_of(value) != (size,):
        value = _call(np.take, value, np.arange(size) % shape_of(value)[0])
    store(self, Ellipsis, np.reshape(value, shape))


def _getattr_primal(name: str) -> property:
    return property(lambda self: getattr(primal_of(self), name))


def _part(name: str, function: Callable[..., Any]) -> property:
    def write(self: Any, value: Any) -> None:
        if type(self) is not Array:
            raise AttributeError(f"attribute '{name}' of a number is not writable")
        store(_call(function, self), Ellipsis, value)

    return property(lambda self: _call(function, self), write)


#: What plain arrays have beside the methods here and gives no access to their memory.
_HARMLESS = frozenset({"tobytes", "tofile"})


def _missing(self: Any, name: str) -> Any:
    """Refuse what is not given here and would show plain numbers, or the memory to others."""
    if name.startswith("__"):
        raise AttributeError(name)
    found = getattr(primal_of(self), name)
    if trace_of(self) is None and name in _HARMLESS:
        return found
    raise LostDerivativeError(
        f"'.{name}' is not supported on traced values",
        where=user_location(),
        hint="use the NumPy function, or sciad.stop_gradient(x) for a plain value",
    )


def _plain_conversion(name: str) -> Callable[..., Any]:
    refuse = getattr(Scalar, name)

    def method(self: Array) -> Any:
        return refuse(self) if trace_of(self) is not None else getattr(primal_of(self), name)()

    return method


def _copy(self: Any, order: str = "C") -> Any:
    """``x.copy()``: in C order, unlike ``np.copy(x)``; later views depend on it."""
    return _call(np.copy, self, order=order)


def _copy_as_it_is(self: Any, memo: Any = None) -> Any:
    return _call(np.copy, self)


def _copy_of_number(self: Scalar, order: str = "C") -> Any:
    primal_of(self).copy()  # raises where the plain number has no such method
    return self


_COPY = {"copy": _copy, "__copy__": _copy_as_it_is, "__deepcopy__": _copy_as_it_is}
_VIEWS = ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "flags", "strides")

_BOTH: dict[str, Any] = {
    **{name: _as_method(function) for name, function in METHODS.items()},
    **{name: _getattr_primal(name) for name in _VIEWS},
    "clip": _clip,
    "compress": _compress,
    "conj": _conjugate,
    "conjugate": _conjugate,
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "item": _item,
    "astype": _astype,
    "tolist": _tolist,
    "view": _view,
    "is_integer": rounding(lambda x: x.is_integer()),
    "real": _part("real", np.real),
    "imag": _part("imag", np.imag),
    "T": property(lambda self: np.transpose(self)),
    "device": property(lambda self: "cpu"),
    "to_device": lambda self, device, /, *, stream=None: self,
}


def _refused(kind: type) -> dict[str, property]:
    """Refuse what numbers and arrays have beside the members of `kind`.

    Not by ``__getattr__``: a class that has it reads all its attributes four times slower.
    """
    names = {n for t in (np.ndarray, np.float64, np.complex128, float, complex) for n in dir(t)}
    return {
        name: property(lambda self, name=name: _missing(self, name))  # type: ignore[misc]
        for name in names
        if not name.startswith("__") and not hasattr(kind, name)
    }


give(Scalar, _BOTH)
give(
    Scalar,
    {
        "copy": _copy_of_number,
        "__trunc__": rounding(math.trunc),
        "__floor__": rounding(math.floor),
        "__ceil__": rounding(math.ceil),
    },
)
give(Array, _BOTH)
give(Array, _COPY)
give(Array, MEMBERS)
give(
    Array,
    {
        "fill": _fill,
        "sort": _sort,
        "put": _put,
        "resize": _resize,
        "base": property(lambda self: None if self.owner is self else self.owner),
        "flat": property(Flat, _set_flat),
        "mT": property(lambda self: np.swapaxes(self, -1, -2)),
        # NumPy's Python code asks the argument how to present a result: as it is
        "__array_wrap__": lambda self, array, context=None, return_scalar=False: array,
        **{
            name: _plain_conversion(name)
            for name in ("__float__", "__int__", "__index__", "__complex__")
        },
    },
)
for _kind in (Scalar, Array):
    give(_kind, _refused(_kind))

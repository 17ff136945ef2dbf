"""``x.flat``: the elements of an array in order, read and written one by one or by flat places."""

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sciad.core.errors import LostDerivativeError, user_location
from sciad.core.tracer import Array, as_array, primal_of, shape_of, trace_of

__all__ = ["Flat"]


def _comparison(name: str) -> Callable[..., Any]:
    def method(self: "Flat", other: Any) -> Any:
        return getattr(np.ravel(primal_of(self.base)), name)(primal_of(_opened(other)))

    return method


class Flat:
    """Iterator over a boxed array, as ``numpy.flatiter`` is one over a plain array.

    Parameters
    ----------
    array : Array
        What is read and written.
    """

    __array_priority__ = 1e6
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: Array) -> None:
        self.base: Any = array
        self.index = 0

    @property
    def coords(self) -> tuple[int, ...]:
        """Place of the next element."""
        return tuple(int(k) for k in np.unravel_index(self.index, shape_of(self.base)))

    def __len__(self) -> int:
        return int(np.prod(shape_of(self.base)))

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.index >= len(self):
            self.index = 0
            raise StopIteration
        self.index += 1
        return self[self.index - 1]

    def _places(self, key: Any) -> tuple:
        if type(key) is tuple and len(key) == 1:
            (key,) = key
        return np.unravel_index(np.arange(len(self))[primal_of(key)], shape_of(self.base))

    def __getitem__(self, key: Any) -> Any:
        return self.base[self._places(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        places = self._places(key)
        count, values = int(np.size(places[0])) if places else 1, np.ravel(as_array(value))
        if not count:
            return
        if shape_of(values)[0] != count:
            values = np.take(values, np.arange(count) % shape_of(values)[0])
        self.base[places] = np.reshape(values, np.shape(places[0]) if places else ())

    def copy(self) -> Any:
        """Copy of the elements, with one axis."""
        return np.copy(np.ravel(self.base))

    def __sciad_array__(self) -> Any:
        return np.ravel(self.base)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if trace_of(self.base) is not None:
            raise LostDerivativeError(
                "conversion of '.flat' of a traced array to a plain one would drop its derivative",
                where=user_location(),
                hint="use np.ravel(x)",
            )
        return np.array(np.ravel(primal_of(self.base)), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*map(_opened, inputs), **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Sequence, kwargs: dict) -> Any:
        return function(*map(_opened, args), **{k: _opened(v) for k, v in kwargs.items()})


def _operation(function: Callable[..., Any], swapped: bool) -> Callable[..., Any]:
    def method(self: "Flat", other: Any) -> Any:
        mine, given = np.ravel(self.base), _opened(other)
        return function(given, mine) if swapped else function(mine, given)

    return method


for _name in ("__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"):
    setattr(Flat, _name, _comparison(_name))
for _name in ("add", "sub", "mul", "truediv", "pow"):
    for _prefix in ("", "r"):
        _function = getattr(operator, _name)
        setattr(Flat, f"__{_prefix}{_name}__", _operation(_function, swapped=_prefix == "r"))


def _opened(value: Any) -> Any:
    """Arrays with one axis in the place of flat iterators."""
    if type(value) is Flat:
        return np.ravel(value.base)
    if type(value) in (list, tuple):
        return type(value)(map(_opened, value))
    return value

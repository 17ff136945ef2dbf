"""``np.r_[...]`` and ``np.c_[...]``: arrays written as subscripts.

No call stands in the source, so that NumPy's method itself runs other code while a transformation
does. It moves elements only: which ones is asked of NumPy, with numbers in their places.
"""

import sys
import types
from typing import Any, NoReturn

import numpy as np

from sciad.core.classes import stand_in
from sciad.core.dispatch import call
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, is_wrapped, primal_of, shape_of
from sciad.rules.constructors import holds_boxes
from sciad.rules.conventions import cast

__all__: list[str] = []


@stand_in(vars(type(np.r_).__mro__[1])["__getitem__"])
def joined(method: types.FunctionType, self: Any, key: Any) -> Any:
    """``np.r_[key]`` of traced values."""
    if isinstance(key, str):
        frame = sys._getframe(2)
        return np.bmat(key, frame.f_globals, frame.f_locals)
    items = key if isinstance(key, tuple) else (key,)
    if not any(_is_boxed(item) for item in items):
        return method(self, key)
    items = tuple(_opened(item) for item in items)
    if self.matrix or any(isinstance(item, str) and item in ("r", "c") for item in items):
        refuse_matrix()
    computed = method(self, tuple(primal_of(item) for item in items))
    found: list[Any] = []
    numbers: list[Any] = []
    start = 0
    for item in items:
        if isinstance(item, str):
            numbers.append(item)
            continue
        size = int(np.prod(shape_of(item)))
        places = np.arange(start, start + size).reshape(shape_of(item))
        numbers.append(places if _has_array_type(item) else start)
        found.append(np.reshape(item, (-1,)))
        start += size
    return cast(np.concatenate(found)[method(self, tuple(numbers))], computed.dtype)


@substitute(np.matrix, np.asmatrix, np.bmat)
def refuse_matrix(*args: Any, **kwargs: Any) -> NoReturn:
    """Matrices are a class of their own, with other products: they are not followed."""
    raise NotDifferentiableError(
        "np.matrix of traced values is not supported",
        where=user_location(),
        hint="use arrays with two axes, and @ for products",
    )


def _has_array_type(item: Any) -> bool:
    return type(primal_of(item)) is np.ndarray


def _is_boxed(item: Any) -> bool:
    if isinstance(item, slice):
        return any(map(is_wrapped, (item.start, item.stop, item.step)))
    return holds_boxes(item)


def _opened(item: Any) -> Any:
    """Numbers of a slice (with an imaginary step: that many between two ends); other items."""
    if isinstance(item, str):
        return item
    if not isinstance(item, slice):
        return item if np.isscalar(primal_of(item)) else as_array(item)
    start = 0 if item.start is None else item.start
    step: Any = 1 if item.step is None else item.step
    if isinstance(step, complex | np.complexfloating):
        return call(np.linspace, start, item.stop, num=int(np.abs(step)))
    return call(np.arange, start, item.stop, step)

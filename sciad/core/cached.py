"""Functions with a cache, ``functools.lru_cache``, in followed code.

The function's own cache must not get traced values: they end with their transformation. While one
runs, results are kept here. Two traced numbers are the same argument if they are one value with one
derivative; a recursion that counts on its cache stays as quick as it is.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.swallowed import is_open, settled
from sciad.core.tracer import Scalar, is_wrapped

__all__ = ["RESULTS", "forget", "remembered"]

#: By function, then by arguments: the result, and the arguments, which have to live as long.
RESULTS: dict[Any, dict[Any, tuple[Any, tuple, dict]]] = {}


def remembered(function: Any, args: tuple, kwargs: dict, call: Callable[..., Any]) -> Any:
    """Call the function behind a cache, or give what it has returned for the same arguments."""
    if function.cache_parameters()["maxsize"] == 0:
        return call(function.__wrapped__, *args, **kwargs)
    key = (tuple(map(_key, args)), tuple((name, _key(v)) for name, v in kwargs.items()))
    known = RESULTS.setdefault(function, {})
    try:
        found = known.get(key)
    except TypeError as error:
        if not is_open(error):
            raise  # as the plain program does
        settled(error)  # the hash of an object that holds traced values
        return call(function.__wrapped__, *args, **kwargs)
    if found is None:
        found = known[key] = (call(function.__wrapped__, *args, **kwargs), args, kwargs)
    return found[0]


def forget(function: Any) -> None:
    """Do what ``function.cache_clear()`` asks for."""
    RESULTS.pop(function, None)


def _key(value: Any) -> Any:
    """Give what stands for an argument: equal for equal arguments with the same derivative."""
    kind = type(value)
    if kind is Scalar:
        slot = value.slot if type(value.slot) is int else id(value.slot)
        return (Scalar, value._trace.level, slot, value.factor, _key(value.value))
    if kind is tuple:
        return (tuple, *map(_key, value))
    if is_wrapped(value):
        if isinstance(value, np.ndarray):
            raise TypeError("unhashable type: 'numpy.ndarray'")
        return (kind, id(value))
    return value

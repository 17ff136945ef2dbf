"""Plain arrays that traced code has made with operators, taken over when a traced value comes.

An array may be replaced by a followed one only if nobody else can see the old one. CPython counts
references: names, containers, closures, views (by their base) and C code all hold one. If the name
in the statement holds the only one, the array is the statement's own. Otherwise an alias would be
left behind, and an error is raised.

Functions that get no traced value are not followed. What they give, containers with arrays in them,
is gone through when it comes back: whatever only the container holds can be written.
"""

import dataclasses
import functools
import sys
import traceback
import weakref
from typing import Any

import numpy as np

from sciad.core.buffer import constant, refuse_plain
from sciad.core.errors import (
    LostDerivativeError,
    SciadError,
    TracingError,
    is_library,
    user_location,
)
from sciad.core.reach import PLAIN, worth_following
from sciad.core.swallowed import settled
from sciad.core.tracer import is_wrapped, primal_of, shape_of

__all__ = ["HELPERS", "adopt", "adopt_parts", "is_whole"]


def is_whole(array: np.ndarray) -> bool:
    """Whether an array owns its memory, or is the only one that looks at the owner."""
    base = array.base
    if base is None:
        return True
    return type(base) is np.ndarray and base.base is None and sys.getrefcount(base) == 3


def adopt_parts(made: Any) -> Any:
    """Box the arrays in a container or an object that was just made and only the caller holds.

    Parameters
    ----------
    made : object
        A dict, list, tuple, or an object of a class of the user's.

    Returns
    -------
    object
        The same object; another one if it is a tuple with arrays.
    """
    kind = type(made)
    if kind is list:
        _adopt_items(made, range(len(made)), made)
    elif kind is dict:
        _adopt_items(made, list(made), made.values())
    elif issubclass(kind, tuple) and (kind is tuple or hasattr(kind, "_fields")):
        return _adopt_tuple(made)
    elif _is_users(kind.__module__):
        attributes = getattr(made, "__dict__", None)
        if type(attributes) is dict:
            _adopt_items(attributes, list(attributes), attributes.values())
        elif dataclasses.is_dataclass(kind):
            for name in (f.name for f in dataclasses.fields(kind)):
                if hasattr(made, name) and sys.getrefcount(getattr(made, name)) == 2:
                    object.__setattr__(made, name, _adopted(getattr(made, name)))
    return made


_NO_PARTS = PLAIN - {np.ndarray, list, tuple, dict}


def _adopt_items(container: Any, keys: Any, values: Any) -> None:
    if _NO_PARTS.issuperset(map(type, values)):
        return
    for key in keys:
        if sys.getrefcount(container[key]) == 2:  # the container's and the argument
            part = _adopted(container[key])
            if part is not container[key]:
                container[key] = part


def _adopt_tuple(made: tuple) -> tuple:
    if _NO_PARTS.issuperset(map(type, made)):
        return made
    alone = [sys.getrefcount(made[k]) == 2 for k in range(len(made))]
    parts = [_adopted(made[k]) if alone[k] else made[k] for k in range(len(made))]
    if all(new is old for new, old in zip(parts, made, strict=True)):
        return made
    return tuple.__new__(type(made), parts)


def _adopted(part: Any) -> Any:
    if type(part) is not np.ndarray:
        return adopt_parts(part)
    return constant(part) if is_whole(part) and not weakref.getweakrefcount(part) else part


@functools.lru_cache(maxsize=1024)
def _is_users(name: str) -> bool:
    """Whether a module was written by the user: classes of libraries may count on plain arrays."""
    module = sys.modules.get(name)
    return worth_following(name) and not is_library(getattr(module, "__file__", None) or "")


def adopt(array: Any, mark: int | None = None) -> Any:
    """Give a followed array in the place of a plain one, which a traced value could not enter.

    Called where `LostDerivativeError` was caught; raises it again, or a clearer one, where the
    array cannot be taken over.

    Parameters
    ----------
    array : object
        What a local name holds.
    mark : int, optional
        Identity of what was written to; the name may hold something else by now.
    """
    count = sys.getrefcount(array)
    error = _cause(sys.exc_info()[1])
    if type(array) in (dict, list, tuple) and error.where == user_location():
        raise LostDerivativeError(
            f"a traced value is written into a plain array in a {type(array).__name__} that was not"
            " created in the differentiated code, or that others hold too",
            where=user_location(),
            hint="copy it inside the function (copy.deepcopy), or create the array there",
        ) from None
    if type(array) is not np.ndarray or (mark is not None and mark != id(array)):
        raise error
    if array.dtype.kind not in "fc":
        raise LostDerivativeError(
            f"a traced value is written into an array of {array.dtype}, which cannot hold it",
            where=user_location(),
            hint="make the array of float, or write sciad.stop_gradient(x)",
        ) from None
    if count != _ALONE:
        _clear(error)
        count = sys.getrefcount(array)
    if count != _ALONE or weakref.getweakrefcount(array) or not is_whole(array):
        refuse(array)
    settled(error)
    return constant(array)


def refuse(target: Any) -> None:
    """Raise because a traced value cannot be written into an array sciad does not follow."""
    error = _cause(sys.exc_info()[1])
    if type(target) is not np.ndarray:
        raise error
    refuse_plain(target)


def _cause(error: BaseException | None) -> LostDerivativeError:
    """Give what a store has raised; NumPy makes it the cause of a `ValueError`."""
    found = error.__cause__ if type(error) is ValueError else error
    if not isinstance(found, LostDerivativeError):
        assert error is not None
        raise error
    return found


def _clear(error: BaseException | None) -> None:
    """Drop what the finished frames of an error hold."""
    while isinstance(error, SciadError | ValueError):
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def kept(part: Any) -> Any:
    """Copy of a part of an array, so that nothing refers to the array itself."""
    return part.copy() if type(part) is np.ndarray else part


def same(before: Any, part: Any) -> Any:
    """Part of an array that is read once more; raises if it has changed since."""
    plain = primal_of(part) if is_wrapped(part) else part
    if type(before) is np.ndarray and not np.array_equal(before, plain, equal_nan=True):
        raise TracingError(
            f"a part (shape {shape_of(part)}) of an array was changed while the value to be added"
            " to it was computed",
            where=user_location(),
            hint="compute the value in a statement of its own",
        )
    return part


class _Probe:
    """The same call as in rewritten code, to count the references of an array held once."""

    @staticmethod
    def adopt(array: Any) -> int:
        return sys.getrefcount(array)


def _count_alone() -> int:
    array = np.zeros(1)
    return _Probe.adopt(array)


_ALONE = _count_alone()

#: What guarded assignments use, as attributes of the dispatcher.
HELPERS = {
    "adopt": adopt,
    "kept": kept,
    "lost": (LostDerivativeError, ValueError),
    "mark": id,
    "refuse": refuse,
    "same": same,
}

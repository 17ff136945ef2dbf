"""Plain arrays that traced code has made with operators, taken over when a traced value comes.

An array may be replaced by a followed one only if nobody else can see the old one. CPython counts
references: names, containers, closures, views (by their base) and C code all hold one. If the name
in the statement holds the only one, the array is the statement's own. Otherwise an alias would be
left behind, and an error is raised.
"""

import sys
import traceback
import weakref
from typing import Any

import numpy as np

from sciad.core.buffer import constant, refuse_plain
from sciad.core.errors import LostDerivativeError, SciadError, TracingError, user_location
from sciad.core.tracer import is_wrapped, primal_of, shape_of

__all__ = ["HELPERS", "adopt", "is_whole"]


def is_whole(array: np.ndarray) -> bool:
    """Whether an array owns its memory, or is the only one that looks at the owner."""
    base = array.base
    if base is None:
        return True
    return type(base) is np.ndarray and base.base is None and sys.getrefcount(base) == 3


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

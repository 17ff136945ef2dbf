"""What an array tells about its memory, and lets change: flags, order, shape."""

from typing import Any

import numpy as np

from sciad.core.buffer import store
from sciad.core.elements import settle
from sciad.core.errors import TracingError, user_location
from sciad.core.tracer import Array, primal_of, shape_of

__all__ = ["MEMBERS", "Flags"]

_WRITEABLE = frozenset({"WRITEABLE", "W"})


class Flags:
    """``x.flags``: those of the plain array; ``writeable`` is kept with the followed one."""

    __slots__ = ("_array",)

    def __init__(self, array: Array) -> None:
        self._array = array

    def __getattr__(self, name: str) -> Any:
        return getattr(primal_of(self._array).flags, name)

    @property
    def writeable(self) -> bool:
        """Whether the array may be written."""
        return not self._array.readonly and bool(primal_of(self._array).flags.writeable)

    @writeable.setter
    def writeable(self, value: bool) -> None:
        array = self._array
        if value and not primal_of(array).flags.writeable:
            raise ValueError("cannot set WRITEABLE flag to True of this array")
        array.readonly = not value
        if array.elements is not None:
            settle(array)
        if array.readonly and array.owner is None:
            array.owned = False  # a write has to look twice

    def __getitem__(self, name: str) -> Any:
        return self.writeable if name in _WRITEABLE else primal_of(self._array).flags[name]

    def __setitem__(self, name: str, value: bool) -> None:
        if name not in _WRITEABLE:
            raise KeyError("Unknown flag")
        self.writeable = value

    def __repr__(self) -> str:
        return repr(primal_of(self._array).flags)


def _setflags(self: Array, write: Any = None, align: Any = None, uic: Any = None) -> None:
    if write is not None:
        Flags(self).writeable = write


def _set_shape(self: Array, shape: Any) -> None:
    raise TracingError(
        "the shape of an array is set in place, which sciad does not follow",
        where=user_location(),
        hint="write x = x.reshape(shape)",
    )


def _partition(self: Array, kth: Any, axis: int = -1, *args: Any, **kwargs: Any) -> None:
    store(self, Ellipsis, np.partition(self, kth, axis, *args, **kwargs))


MEMBERS: dict[str, Any] = {
    "flags": property(Flags),
    "setflags": _setflags,
    "shape": property(shape_of, _set_shape),
    "partition": _partition,
}

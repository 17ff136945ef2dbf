"""Functions that hand out the memory of arrays: they raise, and say what to use instead."""

from typing import Any

import numpy as np

from sciad.core.dispatch import holds_boxes
from sciad.core.errors import LostDerivativeError, user_location
from sciad.core.rules import substitute

__all__: list[str] = []

HINTS = {
    np.lib.stride_tricks.as_strided: "use slices, np.lib.stride_tricks.sliding_window_view or"
    " np.broadcast_to",
    np.nditer: "use np.ndenumerate(x), x.flat, or functions of whole arrays",
    np.frombuffer: "use the array itself",
    memoryview: "use the array itself",
}


def _register(function: Any, hint: str) -> None:
    @substitute(function)
    def refuse(*args: Any, **kwargs: Any) -> Any:
        if not holds_boxes((*args, *kwargs.values())):
            return function(*args, **kwargs)
        name = f"{function.__module__}.{function.__qualname__}".removeprefix("builtins.")
        raise LostDerivativeError(
            f"{name} works on the memory of an array, where derivatives are not seen",
            where=user_location(),
            hint=hint,
        )


for _function, _hint in HINTS.items():
    _register(_function, _hint)

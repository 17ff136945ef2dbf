"""Sliding windows over an array: a read-only view in which elements appear several times."""

import math

import numpy as np

from sciad.core.apply import apply
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import linear, substitute
from sciad.core.tracer import as_array, shape_of
from sciad.rules.shape import put

__all__: list[str] = []


def _windows(x, window_shape, axis=None):
    return np.lib.stride_tricks.sliding_window_view(x, window_shape, axis)


def _windows_back(g, x, window_shape, axis=None):
    shape = shape_of(x)
    numbers = np.arange(math.prod(shape)).reshape(shape)
    return np.reshape(put((numbers.size,), (_windows(numbers, window_shape, axis),), g), shape)


_RULE = linear(_windows, transpose=_windows_back)


@substitute(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """``np.lib.stride_tricks.sliding_window_view``."""
    if writeable:
        raise NotDifferentiableError(
            "sliding_window_view(..., writeable=True): an element would be written several times",
            where=user_location(),
            hint="write into the array itself",
        )
    return apply(_RULE, _windows, (as_array(x), window_shape, axis), {})

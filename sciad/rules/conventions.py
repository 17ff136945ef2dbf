"""What NumPy's functions have in common: options not given, masks, ``out``, moved elements."""

import numpy as np

from sciad.core.options import check_casting, write_out
from sciad.core.tracer import as_array, dtype_of, primal_of, shape_of
from sciad.rules.valued import with_value

__all__ = [
    "NOT_GIVEN",
    "cast",
    "exactly",
    "finish",
    "given",
    "is_inexact",
    "mask_of",
    "plain",
    "rearranged",
]

#: NumPy's marker for an option that the caller left out.
NOT_GIVEN = np._NoValue


def given(value):
    """Read an option: None where NumPy's marker for "not given" stands."""
    return None if value is NOT_GIVEN else value


def plain(value):
    """Strip a value or an option of its levels."""
    return value if value is NOT_GIVEN else primal_of(value)


def mask_of(where):
    """Read the option ``where``: True, or an array."""
    return True if where is True or where is NOT_GIVEN else np.array(primal_of(where), bool)


def is_inexact(dtype):
    """Whether elements of a type can carry a derivative."""
    return np.dtype(dtype).kind in "fc"


def cast(a, dtype):
    """Array of elements of another type; itself if they are."""
    return a if dtype is None or dtype_of(a) == np.dtype(dtype) else a.astype(dtype)


def finish(result, out=None, casting="same_kind"):
    """Give a result, or write it to the array given as ``out``."""
    if type(out) is tuple:
        (out,) = out
    if out is None or out is Ellipsis or out is NOT_GIVEN:
        return result
    check_casting("the function", result, out, casting)
    return write_out(out, result)


def exactly(result, computed):
    """Traced `result` with the value `computed`, from which it differs by rounding only."""
    if shape_of(result) != np.shape(computed):
        result = np.reshape(result, np.shape(computed))
    return with_value(result, computed, "exactly")


def rearranged(function, *arrays):
    """Apply a function that only moves (and repeats, and drops) elements of its arguments.

    It is given numbered places instead of the elements; what comes out says where each element of
    the result is from.

    Parameters
    ----------
    function : callable
        Called with arrays of integers of the shapes of `arrays`.
    *arrays : array
        What is rearranged.
    """
    sizes = [int(np.prod(shape_of(a))) for a in arrays]
    starts = np.cumsum([0, *sizes])
    numbers = [
        np.arange(start, start + size).reshape(shape_of(a))
        for a, start, size in zip(arrays, starts, sizes, strict=False)
    ]
    places = function(*numbers)
    pool = [np.ravel(as_array(a)) for a in arrays]
    return (pool[0] if len(pool) == 1 else np.concatenate(pool))[places]

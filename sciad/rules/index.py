"""Selection by position: take, select, choose and searches that return elements.

``a[index]`` itself, read and written, is in `sciad.core.buffer`.
"""

import importlib
import operator

import numpy as np

from sciad.core.apply import apply, bind, elementwise
from sciad.core.rules import Elementwise, substitute
from sciad.core.tracer import (
    as_array,
    dtype_of,
    is_wrapped,
    primal_of,
    shape_of,
    trace_of,
)
from sciad.rules.conventions import NOT_GIVEN, cast, finish, given, rearranged
from sciad.rules.shape import in_order

__all__: list[str] = []


@substitute(operator.getitem)
def getitem(a, index):
    """``operator.getitem``."""
    return a[index]


@substitute(operator.setitem)
def setitem(a, index, value):
    """``operator.setitem``."""
    a[index] = value


@substitute(np.take)
def take(a, indices, axis=None, out=None, mode="raise"):
    """``np.take``."""
    a, indices = as_array(a), np.asarray(primal_of(indices))
    if axis is None:
        a, axis = np.ravel(a), 0
    n = shape_of(a)[axis]
    if mode == "wrap":
        indices = indices % n
    elif mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    elif mode != "raise":
        return np.take(primal_of(a), indices, axis, mode=mode)  # raises
    lead = (slice(None),) * (axis % len(shape_of(a)))
    return finish(in_order(a[(*lead, indices)]), out)


@substitute(np.compress)
def compress(condition, a, axis=None, out=None):
    """``np.compress``."""
    condition = np.asarray(primal_of(condition))
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return np.take(as_array(a), np.flatnonzero(condition), axis=axis, out=out)


@substitute(np.extract)
def extract(condition, arr):
    """``np.extract``."""
    return np.take(np.ravel(as_array(arr)), np.flatnonzero(primal_of(condition)))


@substitute(np.choose)
def choose(a, choices, out=None, mode="raise"):
    """``np.choose``."""
    choices = [as_array(c) for c in choices]
    joint = np.result_type(*(dtype_of(c) for c in choices))
    places = np.asarray(primal_of(a))
    found = rearranged(
        lambda *numbers: np.choose(places, numbers, mode=mode), *[cast(c, joint) for c in choices]
    )
    return finish(found, out)


class Choice:
    """Elements of one array or of another; the derivative of those not chosen is never looked at.

    It is therefore 0 also where it is infinite.
    """

    name = "where"

    def __init__(self, condition, wanted):
        self.condition = condition
        self.wanted = wanted

    def value(self, x, y):
        if is_wrapped(x) or is_wrapped(y):
            return bind(self, x, y)
        return np.where(self.condition, x, y)

    def vjp(self, g, out, x, y):
        of_x, of_y = self.wanted
        return (
            np.where(self.condition, g, 0.0) if of_x else None,
            np.where(self.condition, 0.0, g) if of_y else None,
        )

    def dropped(self, x, y):
        """Which elements of the arguments do not count."""
        return ~self.condition, self.condition

    def jvp(self, tangents, out, x, y):
        shape = shape_of(out)
        of_x, of_y = (0.0 if t is None else _aligned(t, len(shape)) for t in tangents)
        part = np.where(self.condition, of_x, of_y)
        full = (max(len(t) for t in tangents if t is not None), *shape)
        return part if shape_of(part) == full else np.broadcast_to(part, full)


def _aligned(t, rank):
    """Tangents with axes of length one after the first, so that they broadcast to `rank`."""
    directions, *own = shape_of(t)
    return np.reshape(t, (directions, *(1,) * (rank - len(own)), *own))


@substitute(np.where)
def where(condition, *branches):
    """``np.where``."""
    condition = primal_of(condition)
    if not branches:
        return np.nonzero(condition)
    x, y = (as_array(b) if type(b) in (list, tuple) else b for b in branches)
    wanted = (trace_of(x) is not None, trace_of(y) is not None)
    return bind(Choice(np.array(condition, bool), wanted), x, y)


@substitute(np.select)
def select(condlist, choicelist, default=0):
    """``np.select``."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    choices = [as_array(c) for c in choicelist]
    # NumPy checks the conditions and finds the type
    computed = np.select(primal_of(condlist), primal_of(choices), primal_of(default))
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        result = np.where(condition, choice, result)
    if shape_of(result) != computed.shape:
        result = np.copy(np.broadcast_to(result, computed.shape))
    return cast(result, computed.dtype)


@substitute(np.ndenumerate)
def ndenumerate(arr):
    """``np.ndenumerate``: places and elements, one after the other."""
    arr = as_array(arr)
    return ((place, arr[place]) for place in np.ndindex(*shape_of(arr)))


# Replacement -------------------------------------------------------------------------------------

#: The ufunc behind ``np.clip``; NumPy gives it no public name.
CLIP_UFUNC = importlib.import_module("numpy._core.umath").clip

CLIP = Elementwise(
    np.clip,
    (
        lambda x, low, high, out: np.where((x >= low) & (x <= high), 1.0, 0.0),
        lambda x, low, high, out: np.where((x < low) & (low <= high), 1.0, 0.0),
        lambda x, low, high, out: np.where(
            ((x > high) & (x >= low)) | ((x < low) & (low > high)), 1.0, 0.0
        ),
    ),
)
NOT_BELOW = Elementwise(
    np.maximum,
    (
        lambda x, low, out: np.where(x >= low, 1.0, 0.0),
        lambda x, low, out: np.where(x < low, 1.0, 0.0),
    ),
)
NOT_ABOVE = Elementwise(
    np.minimum,
    (
        lambda x, high, out: np.where(x <= high, 1.0, 0.0),
        lambda x, high, out: np.where(x > high, 1.0, 0.0),
    ),
)


@substitute(np.clip)
def clip(a, a_min=NOT_GIVEN, a_max=NOT_GIVEN, out=None, *, min=NOT_GIVEN, max=NOT_GIVEN, **kwargs):
    """``np.clip``; at a bound the derivative is that of the element itself."""
    low = given(min if a_min is NOT_GIVEN else a_min)
    high = given(max if a_max is NOT_GIVEN else a_max)
    _check_bounds(a_min, a_max, min, max)
    if out is not None:
        kwargs["out"] = out
    if low is None and high is None:
        return np.positive(a, **kwargs)
    if low is None:
        return _limited(NOT_ABOVE, np.minimum, (a, high), kwargs)
    if high is None:
        return _limited(NOT_BELOW, np.maximum, (a, low), kwargs)
    return _limited(CLIP, np.clip, (a, low, high), kwargs)


def _check_bounds(a_min, a_max, low, high):
    """Let NumPy say what it thinks of the bounds given in both ways, or not at all."""
    names = ("a_min", "a_max", "min", "max")
    pairs = zip(names, (a_min, a_max, low, high), strict=True)
    np.clip(0.0, **{k: None if v is None else 0.0 for k, v in pairs if v is not NOT_GIVEN})


def _limited(rule, function, args, kwargs):
    args = [as_array(a) if type(a) in (list, tuple) else a for a in args]
    if not kwargs:
        return elementwise(rule, function, args)
    return apply(rule, CLIP_UFUNC if function is np.clip else function, args, kwargs)


@substitute(np.nan_to_num)
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """``np.nan_to_num``; the derivative to what is replaced is 0."""
    array = as_array(x)
    kind = dtype_of(array)
    if kind.kind == "c":
        parts = [_finite(part, nan, posinf, neginf) for part in (np.real(array), np.imag(array))]
        result = parts[0] + 1j * parts[1]
    else:
        result = _finite(array, nan, posinf, neginf)
    result = cast(result, kind)[()]
    if copy or not shape_of(array):
        return result
    x[...] = result
    return x


def _finite(a, nan, posinf, neginf):
    values = primal_of(a)
    largest = np.finfo(dtype_of(a)).max
    a = np.where(np.isnan(values), nan, a)
    a = np.where(np.isposinf(values), largest if posinf is None else posinf, a)
    return np.where(np.isneginf(values), -largest if neginf is None else neginf, a)

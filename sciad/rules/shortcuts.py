"""The most used functions of plain float64 arrays in reverse mode, without detours.

A shortcut does what the rule of its function does, for the usual arguments only; it gives None for
all others, and the rule is asked. The tests run every case both ways.
"""

import math
import operator

import numpy as np

from sciad.core.adjoints import ZERO
from sciad.core.arithmetic import matrix_product
from sciad.core.buffer import operand
from sciad.core.rules import BY_CALLABLE
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import FLOAT64, Array, Scalar, boxed

__all__: list[str] = []

_NOTHING = (None, None, None)


def shortcut(*functions):
    """Give the rules of some functions a shortcut."""

    def accept(quick):
        for function in functions:
            object.__setattr__(BY_CALLABLE[function], "shortcut", quick)
        return quick

    return accept


def _opened(a):
    """(value, slot, trace) of an array of plain floats; slot and trace are None for a constant."""
    if type(a) is Array:
        if a.owner is None:
            value, slot, trace = a.value, a.node, a._trace
            a.saved = True
        else:
            trace = a.owner._trace
            value, slot = operand(a, trace)
        if trace is not None and type(trace) is not ReverseTrace:
            return _NOTHING
    else:
        value, slot, trace = a, None, None
    if type(value) is not np.ndarray or value.dtype is not FLOAT64:
        return _NOTHING
    return value, slot, trace


def _pair(a, b):
    """Like `_opened` for two arrays of one trace: (x, slot of x, y, slot of y, trace)."""
    x, i, trace = _opened(a)
    y, j, other = _opened(b)
    if x is None or y is None:
        return None
    if trace is None:
        trace = other
    elif other is not None and other is not trace:
        return None
    if trace is None:
        return None
    x = trace.keep(x) if type(a) is np.ndarray else x
    y = trace.keep(y) if type(b) is np.ndarray else y
    return x, i, y, j, trace


def _boxed(trace, out, pull):
    slot = trace.record(pull)
    if type(out) is np.ndarray:
        return boxed(out, trace, slot, trace.entries if out.ndim else None)
    return Scalar(out, trace, slot)


# Sums --------------------------------------------------------------------------------------------


@shortcut(np.sum)
def total(a, axis=None, *others, **options):
    """``np.sum(a)``, ``np.sum(a, axis)``."""
    if others or options or type(a) is not Array:
        return None
    return _summed(a, axis, 1.0)


@shortcut(np.mean)
def mean(a, axis=None, *others, **options):
    """``np.mean(a)``, ``np.mean(a, axis)``."""
    if others or options or type(a) is not Array:
        return None
    shape = a.shape
    if axis is not None and (type(axis) is not int or not -len(shape) <= axis < len(shape)):
        return None
    count = math.prod(shape) if axis is None else shape[axis]
    return _summed(a, axis, count) if count else None


def _summed(a, axis, count):
    x, slot, trace = _opened(a)
    if trace is None or not x.ndim or (axis is not None and type(axis) is not int):
        return None
    shape, out = x.shape, np.add.reduce(x, axis)

    def pull(k, adjoints):
        g = adjoints.take(k)
        if g is ZERO:
            return
        g = g if count == 1.0 else g / count
        if axis is None:
            spread = _filled(g, shape)
        else:
            spread = np.broadcast_to(np.expand_dims(g, axis), shape)
        adjoints.add(slot, spread)

    return _boxed(trace, out if count == 1.0 else out / count, pull)


def _filled(g, shape):
    """Array of one number: a view without memory where it is large."""
    if type(g) is not float and type(g) is not np.float64:
        return np.broadcast_to(g, shape)
    if math.prod(shape) > 1024:
        return np.ndarray(shape, float, np.array(g), 0, (0,) * len(shape))
    made = np.empty(shape)
    made.fill(g)
    return made


# Products ----------------------------------------------------------------------------------------


@shortcut(np.matmul, operator.matmul)
def product(a, b, *others, **options):
    """``np.matmul`` of vectors and matrices."""
    return None if others or options else _product(operator.matmul, a, b)


def _product(function, a, b):
    found = matrix_product(a, b, function)
    if found is not None:
        return found
    found = _pair(a, b)
    if found is None:
        return None
    x, i, y, j, trace = found
    if not 0 < x.ndim <= 2 or not 0 < y.ndim <= 2:
        return None
    out = function(x, y)
    trace.entries.append((i, j, x, y, None, None, None, None, None))
    slot = len(trace.entries) - 1
    if type(out) is np.ndarray:
        return boxed(out, trace, slot, trace.entries)
    return Scalar(out, trace, slot)


@shortcut(np.dot)
def dot(a, b, *others, **options):
    """``np.dot`` of vectors and matrices."""
    return None if others or options else _product(np.dot, a, b)


# Arrays put together -----------------------------------------------------------------------------


@shortcut(np.concatenate)
def concatenate(arrays, axis=0, *others, **options):
    """``np.concatenate`` of a list of arrays."""
    if others or options or type(arrays) not in (list, tuple) or type(axis) is not int:
        return None
    values, slots, trace = [], [], None
    for a in arrays:
        value, slot, other = _opened(a)
        if value is None or (other is not None and trace is not None and other is not trace):
            return None
        trace = other if trace is None else trace
        values.append(value)
        slots.append(slot)
    if trace is None:
        return None
    out = np.concatenate(values, axis)
    sizes = [value.shape[axis] for value in values]
    lead = (slice(None),) * (axis % out.ndim)

    def pull(k, adjoints):
        g = adjoints.take(k)
        if g is ZERO:
            return
        start = 0
        for slot, size in zip(slots, sizes, strict=True):
            if slot is not None:
                adjoints.add(slot, g[(*lead, slice(start, start + size))])
            start += size

    return _boxed(trace, out, pull)


_NUMBERS = frozenset({float, int, np.float64})


@shortcut(np.array)
def from_numbers(values, *others, **options):
    """``np.array`` of a list of numbers, or of lists of as many numbers each."""
    if others or options or type(values) not in (list, tuple) or not values:
        return None
    shape = (len(values),)
    if type(values[0]) in (list, tuple):
        if any(type(r) not in (list, tuple) or len(r) != len(values[0]) for r in values):
            return None
        shape = (len(values), len(values[0]))
        values = [v for row in values for v in row]
    plain, slots, trace = [], [], None
    for v in values:
        if type(v) is Scalar:
            if trace is None:
                trace = v._trace
            if v._trace is not trace or type(v.value) not in _NUMBERS:
                return None
            plain.append(v.value)
            slots.append(v.node)
        elif type(v) in _NUMBERS:
            plain.append(v)
            slots.append(None)
        else:
            return None
    if type(trace) is not ReverseTrace:
        return None

    def pull(k, adjoints):
        g = adjoints.take(k)
        if g is ZERO:
            return
        parts = np.ravel(g)
        parts = parts.tolist() if type(parts) is np.ndarray else parts
        for slot, part in zip(slots, parts, strict=True):
            if slot is not None:
                adjoints.slots[slot] = adjoints.slots[slot] + part

    out = np.array(plain, float)
    made = _boxed(trace, out.reshape(shape) if len(shape) == 2 else out, pull)
    made.owned = True
    return made

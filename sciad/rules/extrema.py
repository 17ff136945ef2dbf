"""Largest and smallest elements along axes; at a tie the derivative is shared equally."""

import numpy as np

from sciad.core.apply import bind
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, is_wrapped, primal_of, shape_of
from sciad.rules.conventions import NOT_GIVEN, finish, given, mask_of, plain
from sciad.rules.reduce import batched_axis, expand_reduced

__all__: list[str] = []


_REDUCTIONS = {
    np.max: np.maximum.reduce,
    np.min: np.minimum.reduce,
    np.nanmax: np.fmax.reduce,
    np.nanmin: np.fmin.reduce,
}


class Extremum:
    """Largest or smallest element along axes, or the initial value.

    `among` tells which elements are equal to it, `total` how many, and `initial_among` whether the
    initial value is.
    """

    def __init__(self, function, options, among, total, initial_among):
        self.function = function
        self.name = function.__name__
        self.options = options
        self.axis = options["axis"]
        self.keepdims = options["keepdims"]
        self.among = among
        self.total = total
        self.initial_among = initial_among

    def value(self, a, *initial):
        if is_wrapped(a) or any(map(is_wrapped, initial)):
            return bind(self, a, *initial)
        named = {"initial": initial[0]} if initial else {}
        return self.function(a, **self.options, **named)

    def vjp(self, g, out, a, *initial):
        share = g / np.reshape(self.total, shape_of(out))
        spread = expand_reduced(share, shape_of(a), self.axis, self.keepdims)
        mine = np.where(self.among, spread, 0.0)
        if not initial:
            return (mine,)
        return mine, np.sum(share * np.reshape(self.initial_among, shape_of(out)))

    def jvp(self, tangents, out, a, *initial):
        found = 0.0
        if tangents[0] is not None:
            t = tangents[0]
            axis, keepdims = batched_axis(self.axis, len(shape_of(t))), self.keepdims
            # only the elements that count: the tangents of others may be infinite
            found = np.sum(t, axis=axis, keepdims=keepdims and t.ndim > 1, where=self.among)
        if initial and tangents[1] is not None:
            t = np.reshape(tangents[1], (-1, *(1,) * len(shape_of(out))))
            found = found + t * np.reshape(self.initial_among, shape_of(out))
        return found / np.reshape(self.total, shape_of(out))


def _extremum(function, a, axis, out, keepdims, initial, where):
    a, where = as_array(a), mask_of(where)
    options = {"axis": axis, "keepdims": bool(given(keepdims))}
    if where is not True:
        options["where"] = where
    values, first = primal_of(a), given(initial) is not None
    value = _REDUCTIONS[function](values, axis, None, None, True, plain(initial), where)
    among = values == value
    if function in (np.max, np.min) and np.any(value != value):
        among = among | ((values != values) & (value != value))
    if where is not True:
        among = among & where
    initial_among = np.asarray(value == plain(initial)) if first else np.zeros((), bool)
    total = np.add.reduce(among, axis, np.intp, None, True) + initial_among
    rule = Extremum(function, options, among, np.maximum(total, 1), initial_among)
    return finish(bind(rule, a, initial) if first else bind(rule, a), out)


@substitute(np.max, np.amax)
def max_(a, axis=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
    """``np.max``."""
    return _extremum(np.max, a, axis, out, keepdims, initial, where)


@substitute(np.min, np.amin)
def min_(a, axis=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
    """``np.min``."""
    return _extremum(np.min, a, axis, out, keepdims, initial, where)


@substitute(np.nanmax)
def nanmax(a, axis=None, out=None, keepdims=NOT_GIVEN, initial=NOT_GIVEN, where=NOT_GIVEN):
    """``np.nanmax``."""
    return _extremum(np.nanmax, a, axis, out, keepdims, initial, where)


@substitute(np.nanmin)
def nanmin(a, axis=None, out=None, keepdims=NOT_GIVEN, initial=NOT_GIVEN, where=NOT_GIVEN):
    """``np.nanmin``."""
    return _extremum(np.nanmin, a, axis, out, keepdims, initial, where)


@substitute(np.ptp)
def ptp(a, axis=None, out=None, keepdims=False):
    """``np.ptp``."""
    a, keepdims = as_array(a), bool(given(keepdims))
    return finish(np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims), out)

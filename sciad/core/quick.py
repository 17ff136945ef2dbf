"""Elementwise functions of plain float64 arrays in reverse mode, without detours.

They are most of the operations of a NumPy program.

``None`` comes back where the general way (`sciad.core.apply.elementwise`) is needed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.adjoints import in_precision
from sciad.core.buffer import constant, opened, operand
from sciad.core.constants import present
from sciad.core.outsiders import refuse_dtype
from sciad.core.rules import Elementwise
from sciad.core.scalars import (
    ARRAY_CONSTANTS,
    array_constant,
    array_partial,
    needed_arguments,
)
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import FLOAT64, Array, boxed

__all__ = ["binary", "of_traced", "unary"]


def unary(rule: Elementwise, function: Callable[..., Any], a: Array) -> Any:
    """Apply to one traced array."""
    entries = a.tape
    if entries is None:
        entries = opened(a)
        if entries is None:
            x = present(a)
            if x is not None:
                return constant(function(x))
    plan = rule.of_array
    if plan is None:
        plan = array_partial(rule)
    if not plan:
        return None
    if entries is None:
        return _of_view(plan, function, a)
    partial, reads_x, reads_out = plan
    x = a.value
    out = function(x)
    if type(out) is not np.ndarray or out.dtype is not FLOAT64:
        return a._trace.elementwise(rule, out, (x,), (a.node,), (x,))
    if reads_x:
        a.saved = True
    else:
        x = None
    if partial is None:
        entries.append((a.node, out, None, None, None))
    else:
        entries.append((a.node, partial, x, out if reads_out else None, None, None))
    return boxed(out, a._trace.running, len(entries) - 1, entries)


def _of_view(plan: tuple, function: Callable[..., Any], a: Array) -> Array | None:
    """Apply to a traced array that is a view or is being written."""
    trace = a._trace if a.owner is None else a.owner._trace  # a view's own may be out of date
    if type(trace) is not ReverseTrace:
        return None
    x, slot = operand(a, trace)
    if type(x) is not np.ndarray or x.dtype is not FLOAT64 or not x.ndim or slot is None:
        return None
    partial, reads_x, reads_out = plan
    out = function(x)
    if type(out) is not np.ndarray or out.dtype is not FLOAT64:
        return None
    entries = trace.entries
    x = x if reads_x else None
    if partial is None:
        entries.append((slot, out, None, None, None))
    else:
        entries.append((slot, partial, x, out if reads_out else None, None, None))
    return boxed(out, trace, len(entries) - 1, entries)


_PLAIN = frozenset({np.ndarray, float, int, np.float64})


def binary(rule: Elementwise, function: Callable[..., Any], a: Any, b: Any) -> Any:
    """Apply to two operands, of which one is a traced array and the other an array or a number."""
    if len(rule.partials) != 2:
        return None
    x = present(a)
    if x is not None:
        if type(b) is not float or type(function) is not np.ufunc or type(x) is not np.ndarray:
            y = present(b)
        elif x.dtype is FLOAT64 and x.ndim:  # NumPy takes half the time for an array without axes
            y = ARRAY_CONSTANTS.get(b)
            if y is None:
                y = array_constant(b)
        else:
            y = b
        if y is not None:
            return constant(function(x, y))
    return of_traced(rule, function, a, b)


def of_traced(rule: Elementwise, function: Callable[..., Any], a: Any, b: Any) -> Any:
    """Apply to two operands, of which one is traced."""
    x, y, i, j, trace = a, b, None, None, None
    if type(a) is Array:
        if a.owner is None:
            x, i, trace = a.value, a.node, a._trace
        else:
            trace = a.owner._trace  # the view's own may be out of date
            x, i = operand(a, trace)
    if type(b) is Array:
        other = b._trace if b.owner is None else b.owner._trace
        if other is not trace and other is not None:
            if trace is not None:
                return None
            trace = other
        if b.owner is None:
            y, j = b.value, b.node
        else:
            y, j = operand(b, other)
    needed = rule.needed if rule.needed is not None else needed_arguments(rule)
    if needed and (i is None or j is None):
        needed = rule.reads[1 if i is None else 0]
    if type(trace) is not ReverseTrace or rule.on_complex is not None:
        return None
    if type(x) not in _PLAIN or type(y) not in _PLAIN:
        return None
    out = function(x, y)
    to_x, to_y = rule.partials
    if type(y) is not np.ndarray and y == 0:
        y = np.float64(y)  # 1.0 / y is inf, as for arrays
    if needed:
        if 0 in needed:
            x = _kept(trace, a, x)
        if 1 in needed:
            y = _kept(trace, b, y)
    if to_x is None:
        i = None
    if to_y is None:
        j = None
    if (
        type(out) is not np.ndarray
        or out.dtype is not FLOAT64
        or rule.selects
        or (i is not None and (x.shape != out.shape or x.dtype is not FLOAT64))
        or (j is not None and (y.shape != out.shape or y.dtype is not FLOAT64))
    ):
        inside = x, y
        if out.dtype.kind in "fc":
            pairs = zip(inside, rule.partials, strict=True)
            inside = tuple([v if p is None else in_precision(v, out.dtype) for v, p in pairs])
        elif out.dtype.kind in "mMO":
            refuse_dtype(function, out.dtype)
        return trace.elementwise(rule, out, (x, y), (i, j), inside)
    entries = trace.entries
    if needed:
        if type(x) is np.ndarray and x.dtype is not FLOAT64 and to_x is not None:
            x = in_precision(x, FLOAT64)
        if type(y) is np.ndarray and y.dtype is not FLOAT64 and to_y is not None:
            y = in_precision(y, FLOAT64)
        x, y = x if 0 in needed else None, y if 1 in needed else None
        entries.append((i, j, to_x, to_y, x, y, out if 2 in needed else None))
    else:
        entries.append((i, j, to_x, to_y, None, None, None))
    return boxed(out, trace, len(entries) - 1, entries if out.ndim else None)


def _kept(trace: ReverseTrace, operand: Any, value: Any) -> Any:
    """Value of an operand that the partials will read: later writes must not change it."""
    if type(operand) is Array:
        if operand.owner is None:
            operand.saved = True
    elif type(value) is np.ndarray:
        return trace.keep(value)
    return value

"""Augmented assignment of followed arrays: ``x += v`` and its sisters, as far in place as possible.

A sum is added to the memory; a multiple by constants is scaled where it stands, forwards and
backwards; after any other operation a whole array takes over the memory of the result. Views write
through to their owner.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.apply import apply
from sciad.core.buffer import accumulate, operand, prepare_write, read_only, store
from sciad.core.rules import Elementwise, lookup
from sciad.core.tracer import (
    Array,
    as_array,
    current,
    dtype_of,
    is_wrapped,
    primal_of,
    shape_of,
    trace_of,
)

__all__ = ["AUGMENTED"]

_SCALING = frozenset({operator.imul, operator.itruediv})


def _augmented(function: Callable[..., Any], in_place: Callable[..., Any]) -> Callable[..., Any]:
    """Make the method for ``self op= other``; `in_place` is what plain arrays do."""

    def method(self: Array, other: Any) -> Any:
        if not isinstance(primal_of(self), np.ndarray):
            return function(self, other)  # a complex number
        if type(other) is list or type(other) is tuple:
            other = as_array(other)
        constant = trace_of(other) is None
        if constant and trace_of(self) is None and _plain(self, other, in_place):
            return self
        if constant and in_place in _SCALING and _scale(self, other, in_place):
            return self
        if in_place in _SIGNS and dtype_of(other).kind in "fciub":
            _check_shapes(self, other)
            return accumulate(self, other, _SIGNS[in_place])
        result = _result(function, self, other)
        if dtype_of(result).kind == "c" and dtype_of(self).kind == "f":
            raise TypeError(f"cannot cast complex numbers to {dtype_of(self)}, the type in place")
        _check_shapes(self, result)
        if not _take_over(self, result, function):
            store(self, Ellipsis, result)
        return self

    return method


_SIGNS = {operator.iadd: 1.0, operator.isub: -1.0}


def _result(function: Callable[..., Any], a: Any, b: Any) -> Any:
    rule = lookup(function)
    return function(a, b) if rule is None else apply(rule, function, (a, b), {})


def _check_shapes(target: Array, other: Any) -> None:
    here, there = shape_of(target), shape_of(other)
    if here != there and here != np.broadcast_shapes(here, there):
        raise ValueError(
            f"operands could not be broadcast together with shapes {here} {there} into the array"
            " on the left"
        )


def _plain(x: Array, other: Any, in_place: Callable[..., Any]) -> bool:
    """Do it in the memory of an array without trace."""
    root = x if x.owner is None else x.owner
    read_only(x)
    prepare_write(root)
    live = current(x)
    if type(live) is not np.ndarray or not live.flags.writeable:
        return False
    in_place(live, primal_of(other))
    root.version += 1
    return True


def _scale(x: Array, other: Any, in_place: Callable[..., Any]) -> bool:
    """Multiply or divide memory that nobody keeps by constants."""
    root = x if x.owner is None else x.owner
    if not root.owned or root.saved or x.readonly or root.elements is not None:
        return False
    live, trace = current(x), root._trace
    factor = operand(other, trace)[0]
    if is_wrapped(factor) or type(live) is not np.ndarray or not live.flags.writeable:
        return False
    if live is not root.value and not np.may_share_memory(live, root.value):
        return False
    if type(factor) is np.ndarray:
        factor = trace.keep(factor)
    in_place(live, factor)
    trace.scale(root, x.ops, in_place, factor)
    root.version += 1
    return True


def _take_over(x: Array, result: Any, function: Callable[..., Any]) -> bool:
    """Let a whole array have the memory and the node of a new one; False where it cannot."""
    rule = lookup(function)
    if type(rule) is not Elementwise or type(result) is not Array or result.owner is not None:
        return False
    if x.owner is not None or x.shared or x.readonly or x._trace is None:
        return False
    old, new = primal_of(x), result.value
    if type(new) is not np.ndarray or type(x.value) is not np.ndarray or new is old:
        return False
    same = new.shape == old.shape and new.dtype == old.dtype and new.strides == old.strides
    if not same or not old.flags.writeable or result._trace.shares_nodes or result.saved:
        return False
    x.value, x._trace, x.node, x.tape = new, result._trace, result.node, None
    x.saved, x.hot, x.blank = False, True, False
    x.owned = rule.needed is not None and len(rule.partials) not in rule.needed
    x.version += 1
    return True


AUGMENTED: dict[str, Any] = {
    "__iadd__": _augmented(operator.add, operator.iadd),
    "__isub__": _augmented(operator.sub, operator.isub),
    "__imul__": _augmented(operator.mul, operator.imul),
    "__itruediv__": _augmented(operator.truediv, operator.itruediv),
    "__ipow__": _augmented(operator.pow, operator.ipow),
    "__imod__": _augmented(operator.mod, operator.imod),
    "__ifloordiv__": _augmented(operator.floordiv, operator.ifloordiv),
    "__imatmul__": _augmented(np.matmul, operator.imatmul),
}

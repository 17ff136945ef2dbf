"""Sums, products and quotients of plain float64 arrays in reverse mode, without detours.

They are the inner loop of array programs. An operand qualifies if it has its tape at hand
(`sciad.core.tracer.Array.tape`). What is recorded is the partial derivatives themselves, numbers or
arrays. Everything else goes the general way. Addition and subtraction are both written out: a call
of ``operator.add`` would cost a twentieth of the whole operation.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.buffer import constant, opened
from sciad.core.constants import present
from sciad.core.quick import of_traced, unary
from sciad.core.rules import BY_CALLABLE
from sciad.core.scalars import ARRAY_CONSTANTS, array_constant
from sciad.core.tracer import FLOAT64, Array, Scalar, boxed

__all__ = ["matrix_product", "quick_operators"]


def _quick(function: Callable[..., Any], general: Any, swapped: bool = False) -> Any:
    """Operator method for arrays without trace, and by `sciad.core.quick.of_traced`."""

    def method(self: Array, other: Any) -> Any:
        # `present` is written out: most arrays are no views
        x = self.value if self.owner is self._trace is None else present(self)
        y: Any = None
        if type(x) is np.ndarray:
            kind = type(other)
            if kind is float and x.dtype is FLOAT64 and x.ndim:
                y = ARRAY_CONSTANTS.get(other)
                if y is None:
                    y = array_constant(other)
            elif kind is Array and other.owner is other._trace is None:
                y = other.value if type(other.value) is np.ndarray else None
            else:
                y = present(other)
        if y is not None:
            out = function(y, x) if swapped else function(x, y)
            if type(out) is not np.ndarray or out.dtype is not FLOAT64:
                return constant(out)
            made = Array()
            made.value, made.hot, made.owned = out, True, True
            return made
        a, b = (other, self) if swapped else (self, other)
        found = of_traced(BY_CALLABLE[function], function, a, b)  # type: ignore[arg-type]
        return general(self, other) if found is None else found

    return method


def _sum(other_way: Any) -> Any:
    """Make the method of ``a + b``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape or (self.index and opened(self))
        if not entries:
            return other_way(self, other)
        x: Any = self.value
        entry: tuple
        if type(other) is Array:
            if other.tape is not entries and opened(other) is not entries:
                return other_way(self, other)
            y = other.value
            out = x + y
            if x.shape == y.shape:
                entry = self.node, 1.0, other.node, 1.0, None
            else:
                entry = self.node, 1.0, x.shape, other.node, 1.0, y.shape, None, None
        elif type(other) is float:
            y = ARRAY_CONSTANTS.get(other)
            return _moved(self, x + (array_constant(other) if y is None else y), entries)
        else:
            return other_way(self, other)
        entries.append(entry)
        made = Array()
        made.value, made._trace = out, self._trace.running
        made.node, made.tape = len(entries) - 1, entries
        return made

    return method


def _difference(other_way: Any) -> Any:
    """Make the method of ``a - b``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape or (self.index and opened(self))
        if not entries:
            return other_way(self, other)
        x: Any = self.value
        entry: tuple
        if type(other) is Array:
            if other.tape is not entries and opened(other) is not entries:
                return other_way(self, other)
            y = other.value
            out = x - y
            if x.shape == y.shape:
                entry = self.node, 1.0, other.node, -1.0, None
            else:
                entry = self.node, 1.0, x.shape, other.node, -1.0, y.shape, None, None
        elif type(other) is float:
            y = ARRAY_CONSTANTS.get(other)
            return _moved(self, x - (array_constant(other) if y is None else y), entries)
        else:
            return other_way(self, other)
        entries.append(entry)
        made = Array()
        made.value, made._trace = out, self._trace.running
        made.node, made.tape = len(entries) - 1, entries
        return made

    return method


def _moved(a: Array, out: Any, entries: list) -> Array:
    """Box the sum of an array and a number: they have one cotangent, hence one slot."""
    made = Array()
    made.value, made._trace = out, a._trace.running
    made.node, made.tape = a.node, entries
    a.saved = made.saved = True  # a write into one must not clear what belongs to the other
    return made


def _raised(other_way: Any) -> Any:
    """Make the method of ``number + a``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape or (self.index and opened(self))
        if not entries or type(other) is not float:
            return other_way(self, other)
        y = ARRAY_CONSTANTS.get(other)
        return _moved(self, (array_constant(other) if y is None else y) + self.value, entries)

    return method


def _subtracted(other_way: Any) -> Any:
    """Make the method of ``number - a``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape or (self.index and opened(self))
        if not entries or type(other) is not float:
            return other_way(self, other)
        y = ARRAY_CONSTANTS.get(other)
        out = (array_constant(other) if y is None else y) - self.value
        entry = self.node, -1.0, None, None, None
        entries.append(entry)
        made = Array()
        made.value, made._trace = out, self._trace.running
        made.node, made.tape = len(entries) - 1, entries
        return made

    return method


def _product(other_way: Any) -> Any:
    """Make the method of ``a * b``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape or (self.index and opened(self))
        if not entries:
            return other_way(self, other)
        x: Any = self.value
        entry: tuple
        if type(other) is Array:
            if other.tape is not entries and opened(other) is not entries:
                return other_way(self, other)
            y = other.value
            out = x * y
            self.saved = other.saved = True
            if x.shape == y.shape:
                entry = self.node, y, other.node, x, None
            else:
                entry = self.node, y, x.shape, other.node, x, y.shape, None, None
        elif type(other) is float:
            y = ARRAY_CONSTANTS.get(other)
            if y is None:
                y = array_constant(other)
            out = x * y
            entry = self.node, y, None, None, None
        else:
            return other_way(self, other)
        entries.append(entry)
        made = Array()
        made.value, made._trace = out, self._trace.running
        made.node, made.tape = len(entries) - 1, entries
        return made

    return method


def _quotient(other_way: Any) -> Any:
    """Make the method of ``number / a``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape or (self.index and opened(self))
        if not entries or type(other) is not float:
            return other_way(self, other)
        x = self.value
        y = ARRAY_CONSTANTS.get(other)
        out = (array_constant(other) if y is None else y) / x
        self.saved = True
        entry = self.node, _slope_of_quotient, x, out, None, None
        entries.append(entry)
        made = Array()
        made.value, made._trace = out, self._trace.running
        made.node, made.tape = len(entries) - 1, entries
        return made

    return method


def _slope_of_quotient(x: Any, out: Any) -> Any:
    return -out / x


def _negative(general: Any) -> Any:
    """Make the method of ``-a``."""

    def method(self: Array) -> Any:
        entries = self.tape or (self.index and opened(self))
        if not entries:
            found = unary(BY_CALLABLE[operator.neg], operator.neg, self)  # type: ignore[arg-type]
            return general(self) if found is None else found
        out = -self.value
        entry = self.node, -1.0, None, None, None
        entries.append(entry)
        made = Array()
        made.value, made._trace = out, self._trace.running
        made.node, made.tape = len(entries) - 1, entries
        return made

    return method


def matrix_product(a: Any, b: Any, function: Callable[..., Any] = operator.matmul) -> Any:
    """Multiply vectors and matrices, ``a @ b``; None where the general way is needed."""
    x, y, i, j = a, b, None, None
    if type(a) is Array:
        trace, entries, x, i = a._trace, a.tape or opened(a), a.value, a.node
        if type(b) is Array:
            if (b.tape or opened(b)) is not entries:
                return None
            y, j = b.value, b.node
        elif type(b) is not np.ndarray or b.dtype is not FLOAT64:
            return None
    elif type(b) is Array and type(a) is np.ndarray and a.dtype is FLOAT64:
        trace, entries, y, j = b._trace, b.tape or opened(b), b.value, b.node
    else:
        return None
    if entries is None or x.ndim > 2 or y.ndim > 2 or not x.ndim or not y.ndim:
        return None
    if (
        x.ndim + y.ndim > 2
        and x.flags.c_contiguous
        and y.flags.c_contiguous
        and x.shape[-1] == y.shape[0]
    ):
        out = x.dot(y)  # the same numbers in half the time
    else:
        out = function(x, y)
    if i is None:
        x = trace.keep(x)
    else:
        a.saved = True
    if j is None:
        y = trace.keep(y)
    else:
        b.saved = True
    entries.append((i, j, x, y, None, None, None, None, None))
    trace, slot = trace.running, len(entries) - 1
    return boxed(out, trace, slot, entries) if out.ndim else Scalar(out, trace, slot)


def quick_operators(general: dict[str, Any]) -> dict[str, Any]:
    """Operator methods of arrays, before the general ones of the same names."""
    ways = {
        name: _quick(function, general[name], swapped=name.startswith("__r"))
        for name, function in (
            ("__add__", operator.add),
            ("__radd__", operator.add),
            ("__sub__", operator.sub),
            ("__rsub__", operator.sub),
            ("__mul__", operator.mul),
            ("__rmul__", operator.mul),
            ("__truediv__", operator.truediv),
            ("__rtruediv__", operator.truediv),
        )
    }
    return {
        **ways,
        "__add__": _sum(ways["__add__"]),
        "__radd__": _raised(ways["__radd__"]),
        "__sub__": _difference(ways["__sub__"]),
        "__rsub__": _subtracted(ways["__rsub__"]),
        "__mul__": _product(ways["__mul__"]),
        "__rmul__": _product(ways["__rmul__"]),
        "__rtruediv__": _quotient(ways["__rtruediv__"]),
        "__neg__": _negative(general["__neg__"]),
    }

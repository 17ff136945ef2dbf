"""Sums, products and quotients of plain float64 arrays in reverse mode, without detours.

They are the inner loop of array programs. An operand qualifies if it has its tape at hand
(`sciad.core.tracer.Array.tape`). What is recorded is the partial derivatives themselves, numbers or
arrays. Everything else goes the general way. Addition and subtraction are both written out: a call
of ``operator.add`` would cost a twentieth of the whole operation.
"""

import operator
from collections.abc import Callable
from typing import Any

from sciad.core.quick import binary, unary
from sciad.core.rules import BY_CALLABLE
from sciad.core.tracer import Array, Scalar

__all__ = ["matrix_product", "quick_operators"]


def _quick(function: Callable[..., Any], general: Any, swapped: bool = False) -> Any:
    """Operator method by `sciad.core.quick.binary`."""

    def method(self: Array, other: Any) -> Any:
        a, b = (other, self) if swapped else (self, other)
        found = binary(BY_CALLABLE[function], function, a, b)  # type: ignore[arg-type]
        return general(self, other) if found is None else found

    return method


def _sum(other_way: Any) -> Any:
    """Make the method of ``a + b``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape
        if entries is not None:
            x = self.value
            if type(other) is Array:
                y = other.value
                if other.tape is entries:
                    out = x + y
                    entries.append(
                        (self.node, 1.0, other.node, 1.0, None)
                        if x.shape == y.shape
                        else (self.node, 1.0, x.shape, other.node, 1.0, y.shape, None, None)
                    )
                    return Array(out, self._trace.running, len(entries) - 1, entries)
            elif type(other) is float:
                out = x + other
                entries.append((self.node, 1.0, None, None, None))
                return Array(out, self._trace.running, len(entries) - 1, entries)
        return other_way(self, other)

    return method


def _difference(other_way: Any) -> Any:
    """Make the method of ``a - b``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape
        if entries is not None:
            x = self.value
            if type(other) is Array:
                y = other.value
                if other.tape is entries:
                    out = x - y
                    entries.append(
                        (self.node, 1.0, other.node, -1.0, None)
                        if x.shape == y.shape
                        else (self.node, 1.0, x.shape, other.node, -1.0, y.shape, None, None)
                    )
                    return Array(out, self._trace.running, len(entries) - 1, entries)
            elif type(other) is float:
                out = x - other
                entries.append((self.node, 1.0, None, None, None))
                return Array(out, self._trace.running, len(entries) - 1, entries)
        return other_way(self, other)

    return method


def _shifted(function: Callable[..., Any], p: float, other_way: Any) -> Any:
    """Make the method of ``number + a`` or ``number - a``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape
        if entries is None or type(other) is not float:
            return other_way(self, other)
        out = function(other, self.value)
        entries.append((self.node, p, None, None, None))
        return Array(out, self._trace.running, len(entries) - 1, entries)

    return method


def _product(other_way: Any) -> Any:
    """Make the method of ``a * b``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape
        if entries is not None:
            x = self.value
            if type(other) is Array:
                y = other.value
                if other.tape is entries:
                    out = x * y
                    self.saved = other.saved = True
                    if x.shape == y.shape:
                        entries.append((self.node, y, other.node, x, None))
                    else:
                        entries.append((self.node, y, x.shape, other.node, x, y.shape, None, None))
                    return Array(out, self._trace.running, len(entries) - 1, entries)
            elif type(other) is float:
                out = x * other
                entries.append((self.node, other, None, None, None))
                return Array(out, self._trace.running, len(entries) - 1, entries)
        return other_way(self, other)

    return method


def _quotient(other_way: Any) -> Any:
    """Make the method of ``number / a``."""

    def method(self: Array, other: Any) -> Any:
        entries = self.tape
        if entries is None or type(other) is not float:
            return other_way(self, other)
        x = self.value
        out = other / x
        self.saved = True
        entries.append((self.node, _slope_of_quotient, x, out, None, None))
        return Array(out, self._trace.running, len(entries) - 1, entries)

    return method


def _slope_of_quotient(x: Any, out: Any) -> Any:
    return -out / x


def _negative(general: Any) -> Any:
    """Make the method of ``-a``."""

    def method(self: Array) -> Any:
        entries = self.tape
        if entries is None:
            found = unary(BY_CALLABLE[operator.neg], operator.neg, self)  # type: ignore[arg-type]
            return general(self) if found is None else found
        out = -self.value
        entries.append((self.node, -1.0, None, None, None))
        return Array(out, self._trace.running, len(entries) - 1, entries)

    return method


def matrix_product(a: Any, b: Any, function: Callable[..., Any] = operator.matmul) -> Any:
    """Multiply vectors and matrices, ``a @ b``; None where the general way is needed."""
    if type(a) is not Array or type(b) is not Array:
        return None
    entries = a.tape
    if entries is None or b.tape is not entries:
        return None
    x, y = a.value, b.value
    if x.ndim > 2 or y.ndim > 2:
        return None
    out = function(x, y)
    a.saved = b.saved = True
    entries.append((a.node, b.node, x, y, None, None, None, None, None))
    trace, slot = a._trace.running, len(entries) - 1
    return Array(out, trace, slot, entries) if out.ndim else Scalar(out, trace, slot)


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
        "__radd__": _shifted(operator.add, 1.0, ways["__radd__"]),
        "__sub__": _difference(ways["__sub__"]),
        "__rsub__": _shifted(operator.sub, -1.0, ways["__rsub__"]),
        "__mul__": _product(ways["__mul__"]),
        "__rmul__": _product(ways["__rmul__"]),
        "__rtruediv__": _quotient(ways["__rtruediv__"]),
        "__neg__": _negative(general["__neg__"]),
    }

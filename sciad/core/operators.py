"""Operators, methods and NumPy protocols of traced values.

The methods are NumPy functions looked up in the rule table, so this file knows how Python spells an
operation, not its derivative. Addition and multiplication of real scalars are written out: they
are the inner loop of scalar programs.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.apply import apply, elementwise
from sciad.core.arithmetic import quick_operators
from sciad.core.augment import AUGMENTED
from sciad.core.buffer import getitem, store
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.outsiders import array_of, has_outsider
from sciad.core.rules import Elementwise, lookup
from sciad.core.tracer import (
    Array,
    Scalar,
    is_wrapped,
    primal_of,
    shape_of,
)

__all__ = ["give", "rounding"]

_FLOATS = frozenset({float, np.float64})
_NUMBERS = frozenset({float, int, np.float64, bool})
_OPERANDS = (float, int, complex, np.number, np.bool_, np.ndarray)
_OF_ARRAYS = (*_OPERANDS, list, tuple)


def _binary(function: Callable[..., Any], swapped: bool = False) -> Callable[..., Any]:
    """Operator method by the rule of `function`; foreign types get their turn."""

    def method(self: Any, other: Any) -> Any:
        accepted = _OF_ARRAYS if type(self) is Array else _OPERANDS
        if not is_wrapped(other) and not isinstance(other, accepted):
            other = array_of(self, other, function is operator.mul)
            if other is None:
                return NotImplemented
        elif isinstance(other, list | tuple):
            other = list(other)  # also of a class derived from it
        rule = lookup(function)
        assert type(rule) is Elementwise
        return elementwise(rule, function, (other, self) if swapped else (self, other))

    return method


# Real scalars ------------------------------------------------------------------------------------


def _scalar_add(self: Scalar, other: Any) -> Any:
    kind = type(other)
    if kind is Scalar:
        trace = self._trace
        if other._trace is trace:
            entries = trace.entries
            if entries is not None:
                entries.append((self.slot, self.factor, other.slot, other.factor))
                return Scalar(self.value + other.value, trace, len(entries) - 1, 1.0)
            return trace.scalar2(self.value + other.value, self.node, 1.0, other.node, 1.0)
    elif kind in _NUMBERS:
        return Scalar(self.value + other, self._trace.running, self.slot, self.factor)
    return _add(self, other)


def _scalar_radd(self: Scalar, other: Any) -> Any:
    if type(other) in _NUMBERS:
        return Scalar(other + self.value, self._trace.running, self.slot, self.factor)
    return _radd(self, other)


def _scalar_sub(self: Scalar, other: Any) -> Any:
    kind = type(other)
    if kind is Scalar:
        trace = self._trace
        if other._trace is trace:
            entries = trace.entries
            if entries is not None:
                entries.append((self.slot, self.factor, other.slot, -other.factor))
                return Scalar(self.value - other.value, trace, len(entries) - 1, 1.0)
            return trace.scalar2(self.value - other.value, self.node, 1.0, other.node, -1.0)
    elif kind in _NUMBERS:
        return Scalar(self.value - other, self._trace.running, self.slot, self.factor)
    return _sub(self, other)


def _scalar_rsub(self: Scalar, other: Any) -> Any:
    if type(other) in _NUMBERS:
        return Scalar(other - self.value, self._trace.running, self.slot, -self.factor)
    return _rsub(self, other)


def _scalar_mul(self: Scalar, other: Any) -> Any:
    kind = type(other)
    if kind is Scalar:
        trace = self._trace
        if other._trace is trace:
            a, b, entries = self.value, other.value, trace.entries
            if entries is not None:
                out = a * b
                if type(out) is np.float64:  # floats of Python overflow without a warning
                    a, b = float(a), float(b)
                entries.append((self.slot, self.factor * b, other.slot, other.factor * a))
                return Scalar(out, trace, len(entries) - 1, 1.0)
            return trace.scalar2(a * b, self.node, b, other.node, a)
    elif kind is float:
        return Scalar(self.value * other, self._trace.running, self.slot, self.factor * other)
    elif kind in _NUMBERS:
        return Scalar(
            self.value * other, self._trace.running, self.slot, self.factor * float(other)
        )
    return _mul(self, other)


def _scalar_rmul(self: Scalar, other: Any) -> Any:
    kind = type(other)
    if kind is float:
        return Scalar(other * self.value, self._trace.running, self.slot, self.factor * other)
    if kind in _NUMBERS:
        return Scalar(
            other * self.value, self._trace.running, self.slot, self.factor * float(other)
        )
    return _rmul(self, other)


def _scalar_truediv(self: Scalar, other: Any) -> Any:
    kind = type(other)
    if kind is Scalar:
        trace = self._trace
        if other._trace is trace and other.value:
            b = other.value
            out = v = self.value / b
            if type(v) is np.float64:  # floats of Python overflow without a warning
                v, b = float(v), float(b)
            return trace.scalar2(out, self.node, 1.0 / b, other.node, -v / b)
    elif kind in _NUMBERS and other:
        return Scalar(
            self.value / other, self._trace.running, self.slot, self.factor / float(other)
        )
    return _truediv(self, other)


def _scalar_rtruediv(self: Scalar, other: Any) -> Any:
    v = self.value
    if type(v) in _FLOATS and v and type(other) in _NUMBERS:
        out = other / v
        slope = -float(out) / float(v)  # floats of Python overflow without a warning
        return Scalar(out, self._trace.running, self.slot, self.factor * slope)
    return _rtruediv(self, other)


def _scalar_getitem(self: Scalar, index: Any) -> Any:
    """``x[()]``, ``x[...]``, ``x[None]`` of a number of NumPy; a Python float has none of them."""
    primal_of(self)[index]  # raises what NumPy (or Python) raises
    if type(index) is tuple and not index:
        return self
    return np.reshape(self, (1,))[0, ...][index]


def _scalar_neg(self: Scalar) -> Any:
    return Scalar(-self.value, self._trace.running, self.slot, -self.factor)


def _scalar_pow(self: Scalar, other: Any, modulo: Any = None) -> Any:
    value, kind = self.value, type(other)
    if type(value) not in _FLOATS or modulo is not None:
        return _pow(self, other, modulo)
    x = float(value)
    if (kind is int and (x or other > 0)) or (kind is float and x > 0.0):
        out = value**other
        try:
            p = other * x ** (other - 1)
        except OverflowError:
            return _power(self, other)
        return Scalar(out, self._trace.running, self.slot, self.factor * p)
    if kind is Scalar and other._trace is self._trace and x > 0.0 and type(other.value) is float:
        b = other.value
        out = value**b
        try:
            p = b * x ** (b - 1.0)
        except OverflowError:
            return _power(self, other)
        return self._trace.scalar2(out, self.node, p, other.node, float(out) * math.log(x))
    return _power(self, other)


def _scalar_rpow(self: Scalar, other: Any) -> Any:
    value = self.value
    if type(value) is float and type(other) in (float, int) and other > 0:
        out = other**value
        return Scalar(out, self._trace.running, self.slot, self.factor * out * math.log(other))
    return _rpow(self, other)


_add, _radd = _binary(operator.add), _binary(operator.add, True)
_sub, _rsub = _binary(operator.sub), _binary(operator.sub, True)
_mul, _rmul = _binary(operator.mul), _binary(operator.mul, True)
_truediv, _rtruediv = _binary(operator.truediv), _binary(operator.truediv, True)
_power, _rpow = _binary(operator.pow), _binary(operator.pow, True)


def _pow(self: Any, other: Any, modulo: Any = None) -> Any:
    if modulo is not None:
        raise NotDifferentiableError("pow() with a modulus", where=user_location())
    if type(other) is int and other == 2 and type(primal_of(self)) not in (float, complex):
        return np.square(self)
    return _power(self, other)


_SCALAR = {
    "__add__": _scalar_add,
    "__radd__": _scalar_radd,
    "__sub__": _scalar_sub,
    "__rsub__": _scalar_rsub,
    "__mul__": _scalar_mul,
    "__rmul__": _scalar_rmul,
    "__truediv__": _scalar_truediv,
    "__rtruediv__": _scalar_rtruediv,
    "__pow__": _scalar_pow,
    "__rpow__": _scalar_rpow,
    "__neg__": _scalar_neg,
    "__getitem__": _scalar_getitem,
    "__iter__": None,
}

# Operators of both classes -----------------------------------------------------------------------

_BINARY = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "pow": operator.pow,
    "mod": operator.mod,
    "floordiv": operator.floordiv,
}

_COMPARISONS = ("lt", "le", "eq", "ne", "gt", "ge")


def _comparison(name: str) -> Callable[..., Any]:
    compare = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        if not is_wrapped(other) and not isinstance(other, (*_OPERANDS, list, tuple)):
            other = array_of(self, other)
            if other is None:
                return NotImplemented
        return compare(primal_of(self), primal_of(other))

    return method


def _scalar_comparison(name: str) -> Callable[..., Any]:
    compare, general = getattr(operator, name), _comparison(name)

    def method(self: Scalar, other: Any) -> Any:
        value, _ = self.value, self._trace.running  # which raises once the run has ended
        if type(other) is Scalar:
            other = other.value
        if type(value) is float and (type(other) is float or type(other) is int):
            return compare(value, other)
        return general(self, other)

    return method


def _unary(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any) -> Any:
        rule = lookup(function)
        assert rule is not None
        return apply(rule, function, (self,), {})

    return method


def rounding(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method without derivative: a plain number comes out."""

    def method(self: Any, *args: Any) -> Any:
        return function(primal_of(self), *args)

    return method


def _divmod(self: Any, other: Any) -> Any:
    if has_outsider((other,)):
        return NotImplemented
    return self // other, self % other


def _rdivmod(self: Any, other: Any) -> Any:
    if has_outsider((other,)):
        return NotImplemented
    return other // self, other % self


def _matmul(self: Any, other: Any) -> Any:
    if not is_wrapped(other) and not isinstance(other, (*_OPERANDS, list)):
        return NotImplemented
    return _call(np.matmul, self, other)


def _rmatmul(self: Any, other: Any) -> Any:
    if not is_wrapped(other) and not isinstance(other, (*_OPERANDS, list)):
        return NotImplemented
    return _call(np.matmul, other, self)


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    rule = lookup(function)
    if rule is None:
        return function(*args, **kwargs)
    return apply(rule, function, args, kwargs)


# Arrays ------------------------------------------------------------------------------------------


def _iterate(self: Any) -> Any:
    if not shape_of(self):
        raise TypeError("iteration over a 0-d array")
    return (self[k] for k in range(len(self)))


def _length(self: Array) -> int:
    return len(primal_of(self))


def _contains(self: Array, item: Any) -> bool:
    return primal_of(item) in primal_of(self)


def give(kind: type, members: dict[str, Any]) -> None:
    """Add methods to a class."""
    for name, member in members.items():
        setattr(kind, name, member)


_BOTH: dict[str, Any] = {
    **{f"__{name}__": _binary(function) for name, function in _BINARY.items()},
    **{f"__r{name}__": _binary(function, swapped=True) for name, function in _BINARY.items()},
    **{f"__{name}__": _comparison(name) for name in _COMPARISONS},
    "__pow__": _pow,
    "__divmod__": _divmod,
    "__rdivmod__": _rdivmod,
    "__matmul__": _matmul,
    "__rmatmul__": _rmatmul,
    "__neg__": _unary(operator.neg),
    "__pos__": _unary(operator.pos),
    "__abs__": _unary(np.absolute),
    "__round__": rounding(round),
}

give(Scalar, _BOTH)
give(Scalar, _SCALAR)
give(Scalar, {f"__{name}__": _scalar_comparison(name) for name in _COMPARISONS})
give(Array, _BOTH)
give(
    Array,
    {
        **AUGMENTED,
        **quick_operators(_BOTH),
        "__getitem__": getitem,
        "__setitem__": store,
        "__iter__": _iterate,
        "__len__": _length,
        "__contains__": _contains,
    },
)

"""Operators, methods and NumPy protocols of traced values.

The methods are NumPy functions looked up in the rule table, so this file knows how Python spells an
operation, not its derivative. Addition and multiplication of real scalars are written out: they
are the inner loop of scalar programs.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.apply import apply, elementwise, write_out
from sciad.core.buffer import accumulate, constant, getitem, store
from sciad.core.errors import LostDerivativeError, NotDifferentiableError, user_location
from sciad.core.rules import Elementwise, lookup
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import (
    Array,
    Scalar,
    current,
    dtype_of,
    is_wrapped,
    primal_of,
    shape_of,
    trace_of,
)

__all__ = ["give", "rounding"]

_NUMBERS = frozenset({float, int, np.float64, bool})
_OPERANDS = (float, int, complex, np.number, np.bool_, np.ndarray)
_OF_ARRAYS = (*_OPERANDS, list, tuple)


def _binary(function: Callable[..., Any], swapped: bool = False) -> Callable[..., Any]:
    """Operator method by the rule of `function`; foreign types get their turn."""

    def method(self: Any, other: Any) -> Any:
        accepted = _OF_ARRAYS if type(self) is Array else _OPERANDS
        if not is_wrapped(other) and not isinstance(other, accepted):
            return NotImplemented
        rule = lookup(function)
        assert type(rule) is Elementwise
        return elementwise(rule, function, (other, self) if swapped else (self, other))

    return method


# Real scalars ------------------------------------------------------------------------------------


def _scalar_add(self: Scalar, other: Any) -> Any:
    kind, trace = type(other), self._trace
    if kind is Scalar:
        if other._trace is trace:
            if type(trace) is ReverseTrace:
                entries = trace.entries
                entries.append((self.node, 1.0, other.node, 1.0))
                return Scalar(self.value + other.value, trace, len(entries) - 1)
            return trace.scalar2(self.value + other.value, self.node, 1.0, other.node, 1.0)
    elif kind in _NUMBERS:
        if type(trace) is ReverseTrace:
            entries = trace.entries
            entries.append((self.node, 1.0))
            return Scalar(self.value + other, trace, len(entries) - 1)
        return trace.scalar1(self.value + other, self.node, 1.0)
    return _add(self, other)


def _scalar_radd(self: Scalar, other: Any) -> Any:
    if type(other) in _NUMBERS:
        return self._trace.scalar1(other + self.value, self.node, 1.0)
    return _radd(self, other)


def _scalar_sub(self: Scalar, other: Any) -> Any:
    kind, trace = type(other), self._trace
    if kind is Scalar:
        if other._trace is trace:
            return trace.scalar2(self.value - other.value, self.node, 1.0, other.node, -1.0)
    elif kind in _NUMBERS:
        return trace.scalar1(self.value - other, self.node, 1.0)
    return _sub(self, other)


def _scalar_rsub(self: Scalar, other: Any) -> Any:
    if type(other) in _NUMBERS:
        return self._trace.scalar1(other - self.value, self.node, -1.0)
    return _rsub(self, other)


def _scalar_mul(self: Scalar, other: Any) -> Any:
    kind, trace = type(other), self._trace
    if kind is Scalar:
        if other._trace is trace:
            a, b = self.value, other.value
            if type(trace) is ReverseTrace:
                entries = trace.entries
                entries.append((self.node, b, other.node, a))
                return Scalar(a * b, trace, len(entries) - 1)
            return trace.scalar2(a * b, self.node, b, other.node, a)
    elif kind in _NUMBERS:
        if type(trace) is ReverseTrace:
            entries = trace.entries
            entries.append((self.node, other))
            return Scalar(self.value * other, trace, len(entries) - 1)
        return trace.scalar1(self.value * other, self.node, other)
    return _mul(self, other)


def _scalar_rmul(self: Scalar, other: Any) -> Any:
    if type(other) in _NUMBERS:
        trace = self._trace
        if type(trace) is ReverseTrace:
            entries = trace.entries
            entries.append((self.node, other))
            return Scalar(other * self.value, trace, len(entries) - 1)
        return trace.scalar1(other * self.value, self.node, other)
    return _rmul(self, other)


def _scalar_truediv(self: Scalar, other: Any) -> Any:
    kind = type(other)
    if kind is Scalar:
        trace = self._trace
        if other._trace is trace and other.value:
            b = other.value
            v = self.value / b
            return trace.scalar2(v, self.node, 1.0 / b, other.node, -v / b)
    elif kind in _NUMBERS and other:
        return self._trace.scalar1(self.value / other, self.node, 1.0 / other)
    return _truediv(self, other)


def _scalar_neg(self: Scalar) -> Any:
    return self._trace.scalar1(-self.value, self.node, -1.0)


_add, _radd = _binary(operator.add), _binary(operator.add, True)
_sub, _rsub = _binary(operator.sub), _binary(operator.sub, True)
_mul, _rmul = _binary(operator.mul), _binary(operator.mul, True)
_truediv = _binary(operator.truediv)

_SCALAR = {
    "__add__": _scalar_add,
    "__radd__": _scalar_radd,
    "__sub__": _scalar_sub,
    "__rsub__": _scalar_rsub,
    "__mul__": _scalar_mul,
    "__rmul__": _scalar_rmul,
    "__truediv__": _scalar_truediv,
    "__neg__": _scalar_neg,
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
            return NotImplemented
        return compare(primal_of(self), primal_of(other))

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
    return self // other, self % other


def _rdivmod(self: Any, other: Any) -> Any:
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


def _pow(self: Any, other: Any, modulo: Any = None) -> Any:
    if modulo is not None:
        raise NotDifferentiableError("pow() with a modulus", where=user_location())
    if type(other) is int and other == 2:
        return np.square(self)
    return _power(self, other)


_power = _binary(operator.pow)


# Arrays ------------------------------------------------------------------------------------------


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """Augmented assignment: written into the array, so that its views see it."""

    def method(self: Array, other: Any) -> Any:
        if type(current(self)) is complex:
            return function(self, other)
        result = function(self, other)
        if dtype_of(result).kind == "c" and dtype_of(self).kind == "f":
            raise TypeError(f"cannot cast complex numbers to {dtype_of(self)}, the type in place")
        store(self, Ellipsis, result)
        return self

    return method


def _iadd(self: Array, other: Any) -> Any:
    if isinstance(other, list | tuple):
        other = np.asarray(other) if trace_of(other) is None else other
    plain = type(current(self)) in (complex, np.complex128, np.complex64)
    if plain or dtype_of(other).kind == "O":
        return self + other
    if shape_of(self) != np.broadcast_shapes(shape_of(self), shape_of(other)):
        raise ValueError(
            f"operands could not be broadcast together with shapes {shape_of(self)}"
            f" {shape_of(other)} into the array on the left"
        )
    return accumulate(self, other)


def _iterate(self: Any) -> Any:
    if not shape_of(self):
        raise TypeError("iteration over a 0-d array")
    return (self[k] for k in range(len(self)))


def _length(self: Array) -> int:
    return len(primal_of(self))


def _contains(self: Array, item: Any) -> bool:
    return primal_of(item) in primal_of(self)


# NumPy's ufunc protocol --------------------------------------------------------------------------

_UFUNC_METHODS = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "accumulate"): np.cumprod,
}


def _array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    out = kwargs.get("out")
    if out is not None and not any(is_wrapped(x) for x in inputs):
        # plain arguments, a followed array to write to
        if len(out) > 1:
            raise NotDifferentiableError(
                f"numpy.{ufunc.__name__} with 'out' arrays of differentiated code",
                where=user_location(),
                hint="assign what it returns",
            )
        rest = {k: v for k, v in kwargs.items() if k != "out"}
        where = rest.pop("where", True) if method == "__call__" else True
        result = getattr(ufunc, method)(*inputs, **rest)
        return write_out(out[0], result if where is True else np.where(where, result, out[0]))
    rule = lookup(ufunc)
    if method == "__call__" and rule is not None:
        if type(rule) is Elementwise and not kwargs:
            return elementwise(rule, ufunc, inputs)
        return apply(rule, ufunc, inputs, kwargs)
    function: Any = _UFUNC_METHODS.get((ufunc, method))
    if function is not None:
        if method == "reduce" or method == "accumulate":
            kwargs.setdefault("axis", inputs[1] if len(inputs) > 1 else 0)
        return _call(function, inputs[0], **kwargs)
    if method == "outer" and len(inputs) == 2:
        left = np.reshape(inputs[0], shape_of(inputs[0]) + (1,) * len(shape_of(inputs[1])))
        return ufunc(left, inputs[1], **kwargs)
    if method == "at" and ufunc in (np.add, np.subtract):
        target, index, *values = inputs
        return _call(np.add.at, target, index, values[0] if ufunc is np.add else -values[0])
    return _untraced_ufunc(ufunc, method, inputs, kwargs)


def _untraced_ufunc(ufunc: Any, method: str, inputs: tuple, kwargs: dict) -> Any:
    if any(trace_of(x) is not None for x in inputs):
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        raise LostDerivativeError(
            f"numpy.{name} has no differentiation rule",
            where=user_location(),
            hint="register one with sciad.rule, or use sciad.stop_gradient on its arguments",
        )
    plain = [primal_of(x) for x in inputs]
    return constant(getattr(ufunc, method)(*plain, **kwargs))


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
    "__array_ufunc__": _array_ufunc,
}

give(Scalar, _BOTH)
give(Scalar, _SCALAR)
give(Array, _BOTH)
give(
    Array,
    {
        **{f"__i{name}__": _in_place(function) for name, function in _BINARY.items()},
        "__iadd__": _iadd,
        "__imatmul__": _in_place(np.matmul),
        "__getitem__": getitem,
        "__setitem__": store,
        "__iter__": _iterate,
        "__len__": _length,
        "__contains__": _contains,
    },
)

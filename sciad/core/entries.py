"""Ways into the dispatcher for calls with few positional arguments, which most calls are.

They do what `sciad.core.dispatch.call` does, and decide the frequent cases without packing the
arguments: functions and classes that were looked at before, elementwise rules on one traced value,
C functions of a plain number.
"""

import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.adoption import is_whole
from sciad.core.apply import known_scalar, of_scalar
from sciad.core.buffer import constant, opened
from sciad.core.classes import FIRST, RUNNING, first_call, meet_objects
from sciad.core.constants import computed, present
from sciad.core.dispatch import call, is_apart
from sciad.core.errors import LostDerivativeError
from sciad.core.late import LATE
from sciad.core.quick import binary, unary
from sciad.core.rewrite import ARRAY, CALL, ENTRIES, SEEN, TYPE, install
from sciad.core.rules import BY_CALLABLE, READY, READY_FUNCTIONS, Elementwise, Linear, Substitute
from sciad.core.swallowed import NOTHING_SWALLOWED, settled
from sciad.core.tracer import FLOAT64, Array, Scalar
from sciad.core.versions import APART

__all__ = ["run"]

_METHOD, _FUNCTION, _BUILTIN = types.MethodType, types.FunctionType, types.BuiltinFunctionType


def run(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`call` of the function that a transformation differentiates."""
    with RUNNING, NOTHING_SWALLOWED:
        meet_objects(args)
        try:
            return call(function, *args, **kwargs)
        except ValueError as error:  # NumPy, where a store into an array has raised
            if isinstance(error.__cause__, LostDerivativeError):
                raise error.__cause__ from None
            raise


def is_ready_method(method: Any) -> bool:
    """Whether a method is to be called as it is: one of an array's, or looked at before.

    What was looked at is noted for the next time.
    """
    if type(method.__self__) is Array:
        return True
    inner = method.__func__
    if type(inner) is not _FUNCTION or id(inner.__code__) not in READY:
        return False
    READY_FUNCTIONS.add(inner)
    return True


def is_ready_class(kind: type) -> bool:
    """Whether a class was looked at before; noted for the next time."""
    if id(kind) not in READY:
        return False
    READY_FUNCTIONS.add(kind)
    return True


def call_with_none(function: Any, /) -> Any:
    """``call(function)``, quicker."""
    kind = type(function)
    if kind is _METHOD:
        try:
            known = function.__func__ in READY_FUNCTIONS
        except TypeError:
            known = False
        if known or is_ready_method(function):
            return function()
    elif kind is type:
        if function in READY_FUNCTIONS or is_ready_class(function):
            return function()
    elif kind is _FUNCTION and id(function.__code__) in READY:
        return function()
    return call(function)


def call_with_one(function: Any, x: Any, /) -> Any:
    """``call(function, x)``, quicker."""
    kind = type(function)
    if kind is _METHOD:
        try:
            known = function.__func__ in READY_FUNCTIONS
        except TypeError:
            known = False
        if known or is_ready_method(function):
            return function(x)
        return call(function, x)
    if kind is _FUNCTION and id(function.__code__) in READY:
        return function(x)
    if type(x) is Scalar:
        try:
            rule = BY_CALLABLE.get(function)
        except TypeError as error:
            settled(error)
            rule = None
        if type(rule) is Elementwise:
            value, partial = x.value, rule.of_float
            if partial and type(value) is float:  # `of_scalar`, written out
                out = function(value)
                if type(out) is float:
                    try:
                        p = partial(value, out)
                    except (ArithmeticError, ValueError, TypeError):
                        p = None
                    if type(p) is float:
                        return Scalar(out, x._trace.running, x.slot, x.factor * p)
                found = known_scalar(rule, x, value, out)
            else:
                found = of_scalar(rule, function, x)
            if found is not None:
                return found
    elif type(x) is Array:
        try:
            rule = BY_CALLABLE.get(function)
        except TypeError as error:
            settled(error)
            rule = None
        if type(rule) is Elementwise:
            plan, entries = rule.of_array, x.tape or (x.index and opened(x))
            if plan and entries:  # `unary`, written out
                partial, reads_x, reads_out = plan
                value = x.value
                out = function(value)
                if type(out) is np.ndarray and out.dtype is FLOAT64:
                    if reads_x:
                        x.saved = True
                    else:
                        value = None
                    if partial is None:
                        entries.append((x.node, out, None, None, None))
                    else:
                        kept = out if reads_out else None
                        entries.append((x.node, partial, value, kept, None, None))
                    made = Array()
                    made.value, made._trace = out, x._trace.running
                    made.node, made.tape = len(entries) - 1, entries
                    return made
                return x._trace.elementwise(rule, out, (value,), (x.node,), (value,))
            if rule.trusted:
                found = unary(rule, function, x)
                if found is not None:
                    return found
        elif type(rule) is Linear and rule.trusted:
            value = present(x)
            if value is not None:
                if function is np.copy:
                    return constant(value.copy("K"))
                out = function(value)
                if type(out) is not np.ndarray:
                    return out
                if out.base is None and out is not value:
                    return constant(out)
        elif type(rule) is Substitute and x.tape is None:
            found = computed(function, (x,), {})
            if found is not NotImplemented:
                return found
    elif kind is _BUILTIN and (type(x) is float or type(x) is int):
        result = function(x)
        if type(result) is np.ndarray and sys.getrefcount(result) == 2 and is_whole(result):
            return constant(result)
        return result
    if kind is type and id(function) in READY:
        return function(x)
    return call(function, x)


def call_with_two(function: Any, x: Any, y: Any, /) -> Any:
    """``call(function, x, y)``, quicker."""
    kind = type(function)
    if kind is type:
        if function in READY_FUNCTIONS or is_ready_class(function):
            return function(x, y)
    elif kind is _METHOD:
        try:
            known = function.__func__ in READY_FUNCTIONS
        except TypeError:
            known = False
        if known or is_ready_method(function):
            return function(x, y)
    elif kind is _FUNCTION and id(function.__code__) in READY:
        return function(x, y)
    elif type(x) is Array or type(y) is Array:
        try:
            rule = BY_CALLABLE.get(function)
        except TypeError as error:
            settled(error)
            rule = None
        if type(rule) is Elementwise and rule.trusted:
            found = binary(rule, function, x, y)
            if found is not None:
                return found
    return call(function, x, y)


def call_with_three(function: Any, x: Any, y: Any, z: Any, /) -> Any:
    """``call(function, x, y, z)``, quicker."""
    kind = type(function)
    if kind is type:
        if function in READY_FUNCTIONS or is_ready_class(function):
            return function(x, y, z)
    elif kind is _METHOD:
        try:
            known = function.__func__ in READY_FUNCTIONS
        except TypeError:
            known = False
        if known or is_ready_method(function):
            return function(x, y, z)
    elif kind is _FUNCTION and id(function.__code__) in READY:
        return function(x, y, z)
    return call(function, x, y, z)


install(CALL, call)
install(FIRST, first_call)
install(SEEN, READY_FUNCTIONS)
install(TYPE, type)
install(ARRAY, Array)
for _name, _helper in {**LATE, APART: is_apart}.items():
    install(_name, _helper)
_QUICK: dict[int, Callable[..., Any]] = {
    0: call_with_none,
    1: call_with_one,
    2: call_with_two,
    3: call_with_three,
}
for _count, _entry in _QUICK.items():
    install(ENTRIES[_count], _entry)

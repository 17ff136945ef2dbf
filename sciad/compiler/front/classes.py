"""isinstance, type and callable: what a value is, as far as its form tells.

Compiled code does not know whether a number is Python's or NumPy's. Both kinds of floats are
instances of float; a question whose answer differs between them is refused.
"""

from __future__ import annotations

import builtins
import numbers
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front import members
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    Choice,
    Closure,
    ComplexOf,
    Derivative,
    Elements,
    ListOf,
    Memory,
    Object,
    Partial,
    Pythonic,
    RangeOf,
    StaticArray,
    Structure,
    TupleOf,
)
from sciad.compiler.ir import BOOL, FLOAT, FLOAT32, INT, Operand, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["HANDLERS"]

_FUNCTIONS = (Closure, Pythonic, Partial, Derivative, Choice)
#: What a number of compiled code may be outside of it.
_NUMBERS: dict[Any, tuple[type, ...]] = {
    FLOAT: (float, np.float64),
    INT: (int, np.int64),
    BOOL: (bool, np.bool_),
    FLOAT32: (np.float32,),
}
_COMPLEX = (complex, np.complex128)


def _classes(low: Lowering, value: Abstract) -> tuple[type, ...]:
    """Classes that a value may have in the interpreter; () if they are not known."""
    if low.boxed and (is_scalar(value) or isinstance(value, ComplexOf)):
        return ()
    if is_scalar(value):
        return _NUMBERS[value.type]
    if isinstance(value, ComplexOf):
        return _COMPLEX if is_scalar(value.re) else (np.ndarray,)
    if isinstance(value, Memory):
        return (list,) if value.is_list else (np.ndarray,)
    if isinstance(value, StaticArray | Elements):  # of no dimensions: a number or an array
        return (np.ndarray,) if value.shape else ()
    if isinstance(value, ListOf):
        return (list,)
    if isinstance(value, RangeOf):
        return (range,)
    if isinstance(value, TupleOf | Structure):
        return _of_structure(value)
    return (type(value.value),) if isinstance(value, Object) else ()


def _of_structure(value: TupleOf | Structure) -> tuple[type, ...]:
    made = members.class_of(value)
    if made is not None:
        return (made,)
    if isinstance(value, TupleOf):
        return () if value.fields else (value.kind,)
    return (dict,) if value.is_dict and "__type__" not in value.items else ()


def _asked(low: Lowering, value: Abstract, node: Any) -> tuple[type, ...]:
    """Classes that are asked for."""
    if isinstance(value, TupleOf):
        return tuple(kind for item in value.items for kind in _asked(low, item, node))
    if isinstance(value, Object) and isinstance(value.value, type):
        return (value.value,)
    return low.refuse("isinstance of something that is no class", node, "name the class")


def _isinstance(low: Lowering, args: list, named: dict, node: Any) -> Operand:
    if len(args) != 2 or named:
        low.refuse("isinstance takes two arguments", node)
    kinds, asked = _classes(low, args[0]), _asked(low, args[1], node)
    answers = {issubclass(kind, asked) for kind in kinds}
    if len(answers) != 1:
        low.refuse(
            "isinstance of something that may be Python's or NumPy's, or whose class is not known",
            node,
            "ask for numbers.Real or float, or pass a flag",
        )
    return const(answers.pop())


def _type(low: Lowering, args: list, named: dict, node: Any) -> Abstract:
    kinds = _classes(low, args[0]) if len(args) == 1 and not named else ()
    if len(kinds) != 1:
        low.refuse(
            "type() of something that may be Python's or NumPy's, or whose class is not known",
            node,
            "use isinstance(x, float)",
        )
    return Object(kinds[0])


def _callable(low: Lowering, args: list, named: dict, node: Any) -> Operand:
    if len(args) != 1 or named:
        low.refuse("callable takes one argument", node)
    value = args[0]
    if isinstance(value, _FUNCTIONS):
        return const(True)
    if isinstance(value, Object):
        return const(callable(value.value))
    kinds = _classes(low, value)
    if not kinds:
        low.refuse("callable() of something whose class is not known", node)
    return const(any("__call__" in vars(base) for base in kinds[0].__mro__))


def _isscalar(low: Lowering, args: list, named: dict, node: Any) -> Operand:
    kinds = _classes(low, args[0]) if len(args) == 1 and not named else ()
    if not kinds:
        low.refuse("np.isscalar of something whose class is not known", node)
    return const(issubclass(kinds[0], numbers.Number | np.generic | str | bytes))


HANDLERS: dict[Any, Callable[..., Abstract]] = {
    builtins.isinstance: _isinstance,
    builtins.type: _type,
    builtins.callable: _callable,
    np.isscalar: _isscalar,
}

"""`is` and `==` of things that are no numbers: functions, objects, members of enums, None.

A thing may have two forms in compiled code: an object that a program captures shows its
attributes, the same one found in a module or a class is itself. Where the form does not tell
whether two things are one, the question is refused.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import types
from numbers import Number
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from sciad.compiler.front import members
from sciad.compiler.front.border import RunTimeArray, Table
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    Choice,
    Closure,
    Derivative,
    Elements,
    Memory,
    Object,
    Partial,
    Pythonic,
    StaticArray,
    Structure,
)
from sciad.compiler.ir import Operand, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["equal", "identical"]

_FUNCTIONS = (Pythonic, Partial, Derivative)
_OTHER = types.BuiltinFunctionType | np.ufunc | type  # never a Python function in another form
_ARRAYS = RunTimeArray | Table | np.ndarray


def identical(low: Lowering, a: Abstract, b: Abstract, node: ast.AST) -> Operand:
    """Tell whether two things are one."""
    if isinstance(a, Object) and isinstance(b, Object):
        if isinstance(a.value, _ARRAYS) and isinstance(b.value, _ARRAYS):
            _refuse(low, node)
        return const(a.value is b.value)
    if not isinstance(a, Object) and not isinstance(b, Object):
        hint = "use ==" if is_scalar(a) and is_scalar(b) else "decide it outside and pass a flag"
        low.refuse("'is' is compiled for None only", node, hint)
    thing, other = (a, b) if isinstance(a, Object) else (b, a)
    return _one(low, thing, other, node)


def equal(low: Lowering, a: Abstract, b: Abstract, node: ast.AST) -> Operand:
    """Tell whether two things are equal, one of which at least is no number."""
    if isinstance(a, Object) and isinstance(b, Object):
        if isinstance(a.value, _ARRAYS) or isinstance(b.value, _ARRAYS):
            _refuse(low, node)
        return const(bool(a.value == b.value))
    thing, other = (a, b) if isinstance(a, Object) else (b, a)
    array = isinstance(other, StaticArray | Elements | Memory) and other.shape
    if array and not getattr(other, "is_list", False):
        low.refuse(f"{ast.unparse(node)} is an array of answers", node, "ask: is None")
    kinds = (type(thing.value), members.class_of(other) or object)
    if isinstance(thing.value, Number | _ARRAYS) or not all(map(_is_plain, kinds)):
        _refuse(low, node)
    return _one(low, thing, other, node)


def _one(low: Lowering, thing: Object, other: Abstract, node: ast.AST) -> Operand:
    """Tell whether a thing is what another form stands for."""
    value = thing.value
    if value is None or isinstance(value, str | bytes):
        return const(False)
    if isinstance(other, Choice):
        found: Operand = const(False)
        for k, option in enumerate(other.functions):
            here = low.b.compare("eq", other.number, const(k))
            same = identical(low, thing, option, node)
            found = low.b.pure("or", found, low.b.pure("and", here, same))
        return found
    if isinstance(other, _FUNCTIONS):
        doubtful = callable(value) and not isinstance(value, _OTHER)
        return _refuse(low, node) if doubtful else const(False)
    if is_scalar(other) or isinstance(other, Closure):
        return const(False)
    cls = members.class_of(other)
    if cls is not None and not isinstance(value, cls):
        return const(False)
    if isinstance(value, enum.Enum) and isinstance(other, Structure):
        name = other.items.get("_name_")
        if isinstance(name, Object):
            return const(name.value == value.name)
    plain = isinstance(value, types.FunctionType | type | types.ModuleType | _OTHER)
    return const(False) if plain else _refuse(low, node)


def _is_plain(kind: type) -> bool:
    """Whether no Python code decides what things of a class equal, but that of a dataclass."""
    code = getattr(kind.__eq__, "__code__", None)
    return code is None or (dataclasses.is_dataclass(kind) and code.co_filename == "<string>")


def _refuse(low: Lowering, node: ast.AST) -> NoReturn:
    what = ast.unparse(node) if isinstance(node, ast.expr) else "a comparison"
    low.refuse(
        f"whether {what} holds is not known to compiled code",
        node,
        "decide it outside of the compiled function and pass a flag",
    )

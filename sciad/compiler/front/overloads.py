"""Operators of the user's classes: `__add__` and its sisters, `__neg__`, `__len__`, `__bool__`.

What a class does not define is what its base does: two namedtuples are joined by `+`, an object is
true. Where NumPy or a second class would have a say in the order of calls, the operator is refused.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.members import class_of, member
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    ComplexOf,
    Elements,
    ListOf,
    Memory,
    Object,
    StaticArray,
    TupleOf,
)
from sciad.compiler.ir import BOOL, INT, Const, Operand, Value, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["augments", "binary", "defines", "expect_plain", "sequences_compared", "unary"]

_NAMES: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
}
_BASES = (object, tuple, list, dict)


def defines(value: Abstract, name: str) -> bool:
    """Whether a value is an object whose class defines a method, its plain bases left aside."""
    cls: Any = class_of(value)
    if cls is None:
        return False
    home = next((c for c in cls.__mro__ if name in vars(c)), object)
    return home not in _BASES and vars(home)[name] is not None


def expect_plain(low: Lowering, value: Abstract, name: str, node: ast.AST) -> None:
    """Refuse what a class changes in a way that is not followed."""
    if defines(value, name):
        cls: Any = class_of(value)
        hint = "call a method of another name"
        low.refuse(f"{cls.__name__}.{name} cannot be compiled", node, hint)


def binary(
    low: Lowering, kind: type[ast.operator], a: Abstract, b: Abstract, node: ast.AST
) -> Abstract | None:
    """Apply an operator that a class of the operands defines; None if none does."""
    if class_of(a) is None and class_of(b) is None:
        return None
    name = _NAMES[kind]
    left, right = defines(a, f"__{name}__"), defines(b, f"__r{name}__")
    if not left and not right:
        return None
    if left and right and class_of(a) is not class_of(b):
        low.refuse("an operator between objects of two classes that both define it", node)
    other = b if left else a
    arrays = isinstance(other, StaticArray | Memory | Elements)
    numbers = not left and isinstance(b, TupleOf) and not isinstance(a, Const)
    if not left and (arrays or numbers):  # NumPy takes a namedtuple as an array
        hint = "write the object first, or call a method"
        low.refuse("an operator between a number or array and an object after it", node, hint)
    if left:
        return _called(low, a, f"__{name}__", [b], node)
    return _called(low, b, f"__r{name}__", [a], node)


def _called(low: Lowering, owner: Abstract, name: str, args: list, node: Any) -> Abstract:
    from sciad.compiler.front import calls
    from sciad.compiler.vocabulary import arrays

    given = [arrays.settled(low, x, node) for x in args]
    result = calls.call(low, member(low, owner, name, node), given, {}, node)
    if isinstance(result, Object) and result.value is NotImplemented:
        low.refuse(f"{name} gives NotImplemented here", node, "convert the operand first")
    return result


def unary(low: Lowering, name: str, value: Abstract, node: ast.AST) -> Abstract | None:
    """Apply `__neg__`, `__len__`... of an object; None if its class does not define it."""
    return _called(low, value, name, [], node) if defines(value, name) else None


def augments(low: Lowering, kind: type[ast.operator], value: Abstract, node: ast.AST) -> bool:
    """Whether `value += x` is `value = value + x` with an operator of its class."""
    if class_of(value) is None:
        return False
    expect_plain(low, value, f"__i{_NAMES[kind]}__", node)
    return defines(value, f"__{_NAMES[kind]}__")


def sequences_compared(
    low: Lowering, code: str, a: Abstract, b: Abstract, node: ast.AST
) -> Operand | None:
    """Compare tuples or lists; None for anything else."""
    if not _is_sequence(a) or not _is_sequence(b):
        return None
    if code not in ("eq", "ne"):
        low.refuse("tuples or lists are ordered", node, "compare their items")
    for x in (a, b):
        expect_plain(low, x, f"__{code}__", node)
    equal = _equal(low, a, b, node)
    return equal if code == "eq" else low.b.pure("not", equal)


def _is_sequence(value: Abstract) -> bool:
    return isinstance(value, TupleOf | ListOf) and not isinstance(value, ComplexOf)


def _equal(low: Lowering, a: Abstract, b: Abstract, node: ast.AST) -> Operand:
    from sciad.compiler.vocabulary.indexing import sequence

    ours, theirs = sequence(low, a, node), sequence(low, b, node)
    if _is_list(a) != _is_list(b) or len(ours) != len(theirs):
        return const(False)
    answer: Operand = const(True)
    for x, y in zip(ours, theirs, strict=True):
        answer = low.b.pure("and", answer, _item_equal(low, x, y, node))
    return answer


def _is_list(value: Abstract) -> bool:
    return isinstance(value, ListOf) or value.kind is list


def _item_equal(low: Lowering, x: Abstract, y: Abstract, node: ast.AST) -> Operand:
    if _is_sequence(x) and _is_sequence(y):
        for value in (x, y):
            expect_plain(low, value, "__eq__", node)
        return _equal(low, x, y, node)
    if isinstance(x, Object) and isinstance(y, Object):
        return const(bool(x.value == y.value))
    whole = all(isinstance(v, Const | Value) and v.type in (INT, BOOL) for v in (x, y))
    if not whole or not (is_scalar(x) and is_scalar(y)):  # an item that is nan equals itself
        low.refuse("sequences of other things than integers are compared", node, "compare items")
    return low.b.compare("eq", x, y)

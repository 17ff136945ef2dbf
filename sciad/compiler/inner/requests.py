"""What a call of a transformation asks for, checked: functions, argument numbers, results."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    Closure,
    Derivative,
    ListOf,
    Object,
    Pythonic,
    StaticArray,
    TupleOf,
)
from sciad.compiler.inner.leafwise import replaced
from sciad.compiler.inner.regions import Inner
from sciad.compiler.ir import Const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["argnums_of", "checked_callable", "like_arguments", "number_of", "plain"]


def checked_callable(low: Lowering, value: Abstract, kind: str, node: ast.AST) -> None:
    """Refuse to differentiate what is not a function."""
    if not isinstance(value, Pythonic | Closure | Derivative | Object):
        low.refuse(
            f"sciad.{kind} of something that is not a function",
            node,
            "name the function, or write a lambda",
        )


def plain(low: Lowering, value: Abstract, what: str, kind: str, node: ast.AST) -> Any:
    """Give an option's value, which has to be known at compile time."""
    if isinstance(value, Const | Object):
        return value.value
    if isinstance(value, TupleOf):
        return tuple(plain(low, item, what, kind, node) for item in value.items)
    if isinstance(value, ListOf):
        items = [low.cell(value.cells, k) for k in range(value.cells.size)]
        return tuple(plain(low, item, what, kind, node) for item in items)
    return low.refuse(f"sciad.{kind} with {what} that is not a constant", node)


def argnums_of(
    low: Lowering, target: Derivative, args: list[Abstract], node: ast.AST
) -> tuple[list[int], bool]:
    """Numbers of the arguments to be differentiated, and whether a single one was asked for."""
    given = target.options.get("argnums", 0)
    single = isinstance(given, int)
    numbers = [given] if single else list(given)
    if not all(isinstance(k, int) and -len(args) <= k < len(args) for k in numbers):
        low.refuse(
            f"sciad.{target.kind} with argnums = {given}, but {len(args)} positional arguments",
            node,
            "give the arguments to be differentiated by position",
        )
    numbers = [k % len(args) for k in numbers]
    if len(set(numbers)) < len(numbers):
        low.refuse(f"sciad.{target.kind} with repeated argnums", node)
    return numbers, single


def number_of(inner: Inner) -> None:
    """Refuse a function that does not return one float."""
    value = inner.value
    scalar = is_scalar(value) or (isinstance(value, StaticArray) and value.shape == ())
    if not scalar or len(inner.outputs) != 1:
        from sciad.compiler.front.lower import describe

        shown = "an int" if is_scalar(value) else describe(value)
        inner.low.refuse(
            f"sciad.{inner.what}: the function must return a real number, it returned {shown}",
            inner.node,
            "return a float, or use sciad.jacobian",
        )


def like_arguments(inner: Inner, leaves: list, single: bool) -> Abstract:
    """Give leaves the structure of the differentiated arguments."""
    stream = iter(inner.like_inputs(leaves))
    none = lambda item: Object(None)
    found = [replaced(inner.low, x, stream, inner.node, none) for x in inner.moving]
    return found[0] if single else TupleOf(tuple(found))

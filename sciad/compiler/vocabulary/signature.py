"""Arguments of NumPy's functions as compiled code takes them: names, axes, known numbers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import Abstract, Object
from sciad.compiler.ir import BOOL, INT, Const, Operand
from sciad.compiler.vocabulary import indexing

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["Given", "axes_of", "axis_of", "bound", "flag", "is_none", "known_int"]

Given = dict[str, Abstract]


def bound(low: Lowering, names: str, args: list, named: dict, node: ast.Call) -> Given:
    """Bind arguments to names ("a axis keepdims"); what is not given, or None, is left out."""
    known = names.split()
    title = ast.unparse(getattr(node, "func", node))
    if len(args) > len(known):
        low.refuse(f"{title} with {len(args)} arguments", node)
    found = dict(zip(known, args, strict=False))
    for name, value in named.items():
        if name not in known or name in found:
            low.refuse(f"{title} with {name}= cannot be compiled", node)
        found[name] = value
    if known[0] not in found:
        low.refuse(f"{title} lacks the argument {known[0]!r}", node)
    return {k: v for k, v in found.items() if not is_none(v)}


def is_none(value: Abstract) -> bool:
    """Whether a value is None."""
    return isinstance(value, Object) and value.value is None


def known_int(low: Lowering, value: Abstract, what: str, node: ast.AST) -> int:
    """Take a value as an integer that is known when the function is compiled."""
    if isinstance(value, Const) and value.type in (INT, BOOL):
        return int(value.value)
    return low.refuse(f"{what} has to be an integer constant", node)


def flag(low: Lowering, given: Given, name: str, node: ast.AST) -> bool:
    """Take a yes or no that is known when the function is compiled; no if it is not given."""
    return name in given and bool(known_int(low, given[name], name, node))


def axis_of(low: Lowering, value: Abstract, ndim: int, node: ast.AST) -> int:
    """Take a value as an axis, counted from the end if negative."""
    axis = known_int(low, value, "an axis", node)
    if not -ndim <= axis < ndim:
        low.refuse(f"axis {axis} of an array of {ndim} dimensions", node)
    return axis % ndim


def axes_of(low: Lowering, value: Any, ndim: int, node: ast.AST) -> tuple[int, ...]:
    """Take a value as axes; all of them if none is given."""
    if value is None:
        return tuple(range(ndim))
    if is_scalar(value):
        return (axis_of(low, value, ndim, node),)
    items: list[Operand] = indexing.sequence(low, value, node)
    return tuple(axis_of(low, item, ndim, node) for item in items)

"""Functions of the user's that leave nothing behind: what they make, they give back or drop.

Such a function may run as it is, on plain arrays. What another keeps in a container of its module
has to be made by followed code: a traced value may be written into it later.
"""

import ast
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from sciad.core.readings import Scope

__all__ = ["keeps_nothing"]

_LIBRARIES = frozenset({"numpy", "scipy", "math", "cmath"})
_OTHERS = (ast.FunctionDef, ast.Lambda, ast.ClassDef, ast.Import, ast.ImportFrom, ast.With)
_FILLING = frozenset({"append", "extend", "insert"})
_BUILT_IN = (
    *(abs, all, any, bool, complex, dict, divmod, enumerate, float, int, isinstance, len, list),
    *(
        max,
        min,
        pow,
        print,
        range,
        repr,
        reversed,
        round,
        slice,
        sorted,
        str,
        sum,
        tuple,
        type,
        zip,
    ),
)
_FIXED = (int, float, complex, str, np.ndarray, np.generic)


def keeps_nothing(function: types.FunctionType, node: ast.FunctionDef, scope: Scope) -> bool:
    """Whether nothing that a function makes can be found in a container after it has ended."""
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if not all(value is None or isinstance(value, _FIXED) for value in defaults):
        return False
    parts = [part for statement in node.body for part in ast.walk(statement)]
    if any(isinstance(part, _OTHERS) for part in parts):
        return False
    if not all(_is_known(part, scope) for part in parts if isinstance(part, ast.Call)):
        return False
    if any(_is_foreign(part, scope) for part in parts if isinstance(part, ast.Attribute)):
        return False
    return not any(map(_fills, parts)) or not any(_containers(parts, scope))


def _fills(node: ast.AST) -> bool:
    """Whether something may be put into a container."""
    if isinstance(node, ast.Subscript | ast.Attribute):
        return isinstance(node.ctx, ast.Store) or _attribute(node) in _FILLING
    return isinstance(node, ast.AugAssign)


def _attribute(node: ast.AST) -> str | None:
    """Give the name of an attribute."""
    return node.attr if isinstance(node, ast.Attribute) else None


def _containers(parts: list[ast.AST], scope: Scope) -> Iterator[bool]:
    """Tell of each name from outside whether it may stand for a container."""
    for part in parts:
        if isinstance(part, ast.Name) and part.id not in scope.own:
            value = scope.value(part)
            yield not (callable(value) or isinstance(value, (types.ModuleType, *_FIXED)))


def _is_known(node: ast.Call, scope: Scope) -> bool:
    """Whether a call keeps nothing of what it gets."""
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    if any(isinstance(scope.value(value), types.FunctionType) for value in values):
        return False  # it would be called
    value: Any = scope.value(node.func)
    if value is None:
        name = _attribute(node.func)
        return name is not None and (name in _FILLING or hasattr(np.ndarray, name))
    if str(getattr(value, "__module__", None)).partition(".")[0] in _LIBRARIES:
        return True
    if isinstance(value, np.ufunc):
        return getattr(np, value.__name__, None) is value
    if isinstance(value, types.FunctionType):
        return isinstance(node.func, ast.Name) and bool(scope.borrowed(value))
    return _is_built_in(value)


def _is_built_in(value: Any) -> bool:
    if isinstance(value, type) and issubclass(value, BaseException):
        return value.__module__ == "builtins"
    return any(value is known for known in _BUILT_IN)


def _is_foreign(node: ast.Attribute, scope: Scope) -> bool:
    """Whether an attribute belongs to a module of the user's, which may give it a traced value."""
    home = scope.value(node.value)
    return isinstance(home, types.ModuleType) and home.__name__.partition(".")[0] not in _LIBRARIES

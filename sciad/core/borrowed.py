"""Parameters of the user's functions whose arrays a function does not keep.

It gives none of them back either, nor a view. Such a function may get a plain array that
only a name of its caller holds (`sciad.core.lone`).
"""

import ast
import inspect
import types
from typing import Any

from sciad.core.closed import keeps_nothing
from sciad.core.errors import SourceError, is_library
from sciad.core.lone import Place, bound_plainly, is_strange, places_in
from sciad.core.looks import Statement, look, names_in, root_of
from sciad.core.readers import CREATORS, VIEW
from sciad.core.readings import Scope, scope_of
from sciad.core.source import source_of

__all__ = ["borrowed_parameters"]

_NONE: frozenset[str] = frozenset()
_known: dict[types.CodeType, frozenset[str]] = {}
_LAZY = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_VARIABLE = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


def borrowed_parameters(function: types.FunctionType) -> frozenset[str]:
    """Give the names of the parameters whose arrays a function does not keep."""
    code = function.__code__
    found = _known.get(code)
    if found is None:
        _known[code] = _NONE  # of a function that calls itself
        found = _known[code] = _parameters(function)
    return found


def _parameters(function: types.FunctionType) -> frozenset[str]:
    code = function.__code__
    if code.co_flags & (_LAZY | _VARIABLE) or is_library(code.co_filename):
        return _NONE
    try:
        node = source_of(function).node
    except SourceError:
        return _NONE
    if not isinstance(node, ast.FunctionDef) or any(is_strange(part) for part in ast.walk(node)):
        return _NONE
    scope = scope_of(function, borrowed_parameters, only_aliases=True)
    if not keeps_nothing(function, node, scope):
        return _NONE
    plain = bound_plainly(node, scope)
    places = list(places_in(node))
    looks = {id(place.node): look(place.node, scope) for place in places}
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    held = _holders(places, scope)
    return frozenset(name for name in parameters if _is_borrowed(name, plain, places, looks, held))


def _holders(places: list[Place], scope: Scope) -> set[str]:
    """Names of what may be a list, which holds the arrays that are put into it."""
    found = set()
    for place in places:
        node = place.node
        if isinstance(node, ast.Assign):
            value = node.value
            made = isinstance(value, ast.Call) and _is_maker(scope.value(value.func))
            for target in node.targets:
                found |= set() if made and isinstance(target, ast.Name) else names_in(target)
    return found


def _is_borrowed(
    name: str,
    plain: set[str],
    places: list[Place],
    looks: dict[int, Statement],
    holders: set[str],
) -> bool:
    """Whether neither a parameter nor a view of it leaves the function."""
    names = {name}
    while True:
        before = len(names)
        for place in places:
            here: Any = looks[id(place.node)]
            if _puts_into(place.node, holders) and not names.isdisjoint(_read(place.node)):
                names |= holders & names_in(place.node)
            if here.moved:
                if not names.isdisjoint(_read(place.node)):
                    names |= set(here.names)
            elif not here.escapes.isdisjoint(names):
                if here.reading is None or here.reading.kind != VIEW or not here.names:
                    return False
                names |= set(here.names)
        if len(names) == before:
            return names <= plain


def _is_maker(function: Any) -> bool:
    return any(function is maker for maker in CREATORS)


def _puts_into(node: ast.stmt, holders: set[str]) -> bool:
    """Whether a part of something that may be a list becomes a name, or a view of one."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Subscript):
        return False
    parts = isinstance(node.value, ast.Name | ast.Subscript | ast.Attribute)
    return parts and root_of(node.targets[0]) in holders


def _read(node: ast.stmt) -> set[str]:
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }

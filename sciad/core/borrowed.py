"""Parameters of the user's functions whose arrays a function does not keep.

It gives none of them back either, nor a view. Such a function may get a plain array that
only a name of its caller holds (`sciad.core.lone`).
"""

import ast
import inspect
import types
from typing import Any

from sciad.core.errors import SourceError, is_library
from sciad.core.lone import Place, bound_plainly, is_strange, places_in
from sciad.core.looks import Statement, look
from sciad.core.readers import VIEW
from sciad.core.readings import scope_of
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
    plain = bound_plainly(node, scope)
    places = list(places_in(node))
    looks = {id(place.node): look(place.node, scope) for place in places}
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return frozenset(name for name in parameters if _is_borrowed(name, plain, places, looks))


def _is_borrowed(
    name: str, plain: set[str], places: list[Place], looks: dict[int, Statement]
) -> bool:
    """Whether neither a parameter nor a view of it leaves the function."""
    names = {name}
    while True:
        before = len(names)
        for place in places:
            here: Any = looks[id(place.node)]
            if here.moved:
                if not names.isdisjoint(_read(place.node)):
                    names |= set(here.names)
            elif not here.escapes.isdisjoint(names):
                if here.reading is None or here.reading.kind != VIEW or not here.names:
                    return False
                names |= set(here.names)
        if len(names) == before:
            return names <= plain


def _read(node: ast.stmt) -> set[str]:
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }

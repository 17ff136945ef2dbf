"""Functions among the arguments of a compiled function: lambdas, closures, methods, partials.

What such a function closes over is input of the program, as if it were an argument; its code, and
whatever else it closes over that is no number, is part of the arguments' structure. So a lambda of
the same text is not compiled again, and never runs with the values of an earlier one.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sciad.compiler.front.values import Abstract, Object, Structure, TupleOf
from sciad.core.source import captured
from sciad.core.tree import Constant, TreeDef, flatten, unflatten

__all__ = ["ENTRY", "LIBRARIES", "Bound", "Given", "functions_among", "inputs_of", "replaced"]

#: What the captures of a function in the arguments are called among those of the root.
ENTRY = "__argument__."
#: Functions of these packages have compiled forms of their own.
LIBRARIES = ("numpy", "math", "builtins", "scipy", "numba", "sciad")
_PLAIN = frozenset({int, float, complex, bool, str, type(None), np.ndarray})


class Given:
    """Stands in the structure of the arguments for a function that came with them."""

    def __init__(self, number: int):  # no dataclass: that would be a container
        self.number = number

    def __eq__(self, other: object) -> bool:
        return type(other) is Given and other.number == self.number

    def __hash__(self) -> int:
        return hash((Given, self.number))

    def __repr__(self) -> str:
        return f"function {self.number}"


class Bound:
    """A function together with the functions that its arguments hold.

    Parameters
    ----------
    function : FunctionType
        The function that is compiled.
    functions : tuple of callable
        In the order in which they stand in the arguments.
    """

    def __init__(self, function: types.FunctionType, functions: tuple[Callable[..., Any], ...]):
        self.function = function
        self.functions = functions
        self.__code__ = function.__code__
        self.__globals__ = function.__globals__
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__

    def captures(self) -> dict[str, Any]:
        """Collect what the function, and each one in its arguments, reaches outside itself."""
        found = captured(self.function)
        for k, function in enumerate(self.functions):
            found[f"{ENTRY}{k}"] = {"__code__": _code(function), **captured(function)}
        return found

    def reach(self, step: str) -> Any:
        """Find a function of the arguments by its name among the captures; raises KeyError."""
        number = int(step.removeprefix(ENTRY))
        if number >= len(self.functions):
            raise KeyError(step)
        found = self.functions[number]
        return found.__func__ if isinstance(found, types.MethodType) else found


def _code(function: Any) -> Any:
    from sciad.compiler.front.frontend import python_function

    if isinstance(function, functools.partial):
        return functools.partial
    return python_function(getattr(function, "__func__", function)).__code__  # type: ignore[union-attr]


def _is_given(value: Any) -> bool:
    """Whether a constant of the arguments is a function of the user's."""
    from sciad.compiler.front.frontend import python_function

    if isinstance(value, functools.partial):
        return True
    function = python_function(getattr(value, "__func__", value))
    if function is None or isinstance(value, type):
        return False
    return (function.__module__ or "").partition(".")[0] not in LIBRARIES


def functions_among(args: tuple) -> tuple[tuple, tuple[Callable[..., Any], ...]]:
    """Split arguments into a structure without functions, and the functions."""
    if not any(map(_may_hold, args)):
        return args, ()
    leaves, treedef = flatten(args)
    if not any(callable(value) and _is_given(value) for value in treedef.constants()):
        return args, ()
    found: list[Callable[..., Any]] = []
    return unflatten(_marked(treedef, found), leaves), tuple(found)


def _may_hold(value: Any) -> bool:
    """Whether there may be a function in an argument; the commonest ones have none."""
    kind = type(value)
    if kind in _PLAIN:
        return False
    if kind in (tuple, list, dict):
        inside = value.values() if kind is dict else value
        return not _PLAIN.issuperset(map(type, inside)) and any(map(_may_hold, inside))
    return True


def _marked(treedef: TreeDef, found: list) -> TreeDef:
    children: list[Any] = []
    for child in treedef.children:
        if isinstance(child, TreeDef):
            child = _marked(child, found)
        elif callable(child.value) and _is_given(child.value):
            found.append(child.value)
            child = Constant(Given(len(found) - 1))
        children.append(child)
    return TreeDef(treedef.kind, treedef.meta, tuple(children), treedef.names)


def inputs_of(function: types.FunctionType, args: tuple) -> tuple[Any, tuple, dict[str, Any]]:
    """Give the root of a program, its arguments without functions, and what all of it captures."""
    plain, functions = functions_among(args)
    if not functions:
        return function, args, captured(function)
    root = Bound(function, functions)
    return root, plain, root.captures()


def replaced(value: Abstract, functions: list[Abstract]) -> Abstract:
    """Put abstract functions in the place of what stands for them in the arguments."""
    if isinstance(value, Object) and isinstance(value.value, Given):
        return functions[value.value.number]
    if isinstance(value, TupleOf):
        return replace(value, items=tuple(replaced(item, functions) for item in value.items))
    if isinstance(value, Structure):
        items = {name: replaced(item, functions) for name, item in value.items.items()}
        return replace(value, items=items)
    return value

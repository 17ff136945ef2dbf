"""Members of the user's classes: methods, properties, static methods; functools.partial; enums.

A class is known by its module and qualified name, so that a program in the cache can be compared
with what the class is in another process.
"""

from __future__ import annotations

import ast
import enum
import functools
import inspect
import types
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.given import ENTRY
from sciad.compiler.front.types import scalar_type
from sciad.compiler.front.values import (
    Abstract,
    Method,
    Missing,
    Object,
    Partial,
    Pythonic,
    Structure,
    TupleOf,
)
from sciad.core.rules import lookup

if TYPE_CHECKING:
    from sciad.compiler.front.frontend import Front
    from sciad.compiler.front.lower import Lowering

__all__ = ["class_of", "function_of", "given", "member", "of_class", "partial_of"]

_PLAIN = (tuple, list, dict, object)


def class_of(value: Abstract) -> type | None:
    """Class of an object or namedtuple, None for anything else."""
    if isinstance(value, TupleOf):
        return value.made_by
    if not isinstance(value, Structure):
        return None
    if value.made_by is None and not value.is_dict:
        return None
    mark = value.items.get("__type__") if value.is_dict else None
    found = mark.value if isinstance(mark, Object) else value.made_by
    return found if isinstance(found, type) else None


def member(low: Lowering, owner: Any, name: str, node: ast.AST) -> Abstract:
    """Attribute of an object that its class provides."""
    if isinstance(owner, Structure) and name in owner.items:
        return owner.items[name]
    cls: Any = class_of(owner)
    if isinstance(owner, TupleOf) and name in ("_replace", "_asdict"):
        return Method(owner, name)
    home = next((c for c in cls.__mro__ if name in vars(c)), None)
    if home is None:
        low.refuse(f"a {cls.__name__} has no attribute {name!r} that compiled code can read", node)
    found = inspect.getattr_static(cls, name)
    place = f"{home.__qualname__}.{name}"
    if isinstance(found, property):
        getter = _function(low, found.fget, home, f"{place}.fget", node)
        return low.call(getter, [owner], {}, node)
    if isinstance(found, staticmethod):
        return _function(low, found.__func__, home, place, node)
    if isinstance(found, types.FunctionType):
        return Partial(_function(low, found, home, place, node), (owner,), {})
    return low.refuse(
        f"the attribute {name!r} of the class {cls.__name__} cannot be compiled",
        node,
        "make it an attribute of the object, or a method",
    )


def _function(low: Lowering, function: Any, home: type, place: str, node: ast.AST) -> Abstract:
    made = low.wrap(function, home.__module__, place)
    if isinstance(made, Missing):
        low.refuse(
            f"the method {place} cannot be compiled: {made.reason}",
            node,
            "define the class at the top of a module",
        )
    return made


def function_of(low: Lowering, function: Any, node: ast.AST) -> Abstract | None:
    """Find the abstract function of a Python function that came in as an argument."""
    made = low.wrap(function, function.__module__, function.__qualname__)
    if isinstance(made, Missing):
        low.refuse(
            f"the function {function.__qualname__}, given as an argument, cannot be compiled: "
            f"{made.reason}",
            node,
            "define it with def at the top of a module, or let the compiled function close over it",
        )
    return made if isinstance(made, Pythonic) else None


def of_class(low: Lowering, cls: type, name: str, node: ast.AST) -> Abstract:
    """Attribute of a class: a member of an enum, a static method."""
    found = inspect.getattr_static(cls, name, None)
    if issubclass(cls, enum.Enum) and isinstance(getattr(cls, name, None), cls):
        value = getattr(cls, name)
        if scalar_type(value) is None:
            return Object(value)
    if isinstance(found, staticmethod | types.FunctionType):
        function = found.__func__ if isinstance(found, staticmethod) else found
        return _function(low, function, cls, f"{cls.__qualname__}.{name}", node)
    return low.refuse(f"the attribute {name!r} of {cls!r} cannot be compiled", node)


def partial_of(front: Front, target: Pythonic, name: str, value: Any, entry: Structure) -> Abstract:
    """Make the abstract value of a captured object, functools.partial included."""
    if not isinstance(value, functools.partial):
        return Structure(entry.items, False, type(value))
    inner = entry.items.get("func")
    path = (*target.path, name, "func")
    made = front.pythonic(value.func, inner, path) if isinstance(inner, Structure) else None
    function: Any = Object(value.func)
    if made is not None:
        front.captures[id(made.function)] = function = made
        front.register(made, {id(made.function)})
    args = entry.items.get("args", TupleOf(()))
    named = entry.items.get("keywords", Structure({}, True))
    return Partial(function, tuple(args.items), dict(named.items))


def given(front: Front, number: int, value: Any) -> Abstract:
    """Make the abstract value of a function in the arguments of the root (see `given.Bound`)."""
    name = f"{ENTRY}{number}"
    entry: Any = front.root.captured[name]
    if isinstance(value, functools.partial):
        return partial_of(front, front.root, name, value, entry)
    function = getattr(value, "__func__", value)
    if not isinstance(function, types.FunctionType) and lookup(function) is not None:
        return Missing("it has a rule of its own, which compiled code cannot apply")
    made: Any = front.pythonic(function, entry, (name,))
    front.captures.setdefault(id(made.function), made)
    front.register(made, {id(made.function)})
    if function is value:
        return made
    owner = entry.items.get("__self__", Missing("its object cannot be read"))
    if isinstance(owner, Structure) and "__type__" in owner.items:
        owner = Structure(owner.items, False, type(value.__self__))
    return Partial(made, (owner,), {})

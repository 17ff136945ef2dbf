"""Dataclasses and namedtuples that a program makes: `State(x, v)`, `replace`, `_replace`.

An object is what its class and its fields are; it cannot be changed afterwards, so that it does not
matter how many names it has. Classes whose making is more than setting fields (`__post_init__`, an
`__init__` or `__new__` of their own, descriptors) are refused. The result of a program names the
class by its module, as pickle does.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from typing import TYPE_CHECKING, Any, NoReturn

from sciad.compiler.front.members import class_of
from sciad.compiler.front.precision import literal
from sciad.compiler.front.types import scalar_type
from sciad.compiler.front.values import Abstract, Object, Structure, TupleOf

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "class_key",
    "constructed",
    "described",
    "is_record",
    "rebuilt",
    "replaced",
    "tuple_method",
]

_GENERATED = "<string>"  # the file of what dataclasses and namedtuple write
_MISSING = dataclasses.MISSING


def is_record(cls: Any) -> bool:
    """Whether a class is a dataclass or that of a namedtuple."""
    return isinstance(cls, type) and (dataclasses.is_dataclass(cls) or _is_named(cls))


def _is_named(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_make")


def _names(cls: Any) -> tuple[str, ...]:
    if _is_named(cls):
        return tuple(cls._fields)
    return tuple(field.name for field in dataclasses.fields(cls))


# -- making --------------------------------------------------------------------------------------
def constructed(low: Lowering, cls: Any, args: list, named: dict, node: ast.AST) -> Abstract:
    """Make an object."""
    low.wrap(cls, cls.__module__, cls.__qualname__)  # the program depends on the class
    names: tuple[str, ...]
    only: tuple[str, ...]
    if _is_named(cls):
        _check_named(low, cls, node)
        names, only, defaults = tuple(cls._fields), (), dict(cls._field_defaults)
    else:
        _check_dataclass(low, cls, node)
        fields = dataclasses.fields(cls)
        names = tuple(field.name for field in fields if not field.kw_only)
        only = tuple(field.name for field in fields if field.kw_only)
        defaults = {f.name: f.default for f in fields if f.default is not _MISSING}
    values = _bound(low, cls, (names, only), args, named, node)
    for name in (*names, *only):
        if name not in values:
            values[name] = _default(low, cls, name, defaults, node)
    return _object(cls, values)


def _object(cls: Any, values: dict[str, Abstract]) -> Abstract:
    names = _names(cls)
    if _is_named(cls):
        return TupleOf(tuple(values[name] for name in names), names, tuple, cls)
    return Structure({name: values[name] for name in names}, False, cls)


def _bound(
    low: Lowering, cls: Any, names: tuple, args: list, named: dict, node: ast.AST
) -> dict[str, Abstract]:
    plain, only = names
    if len(args) > len(plain):
        low.refuse(f"{cls.__name__} takes {len(plain)} arguments, got {len(args)}", node)
    values = dict(zip(plain, args, strict=False))
    for name, value in named.items():
        if name not in (*plain, *only):
            low.refuse(f"{cls.__name__} got an unexpected argument {name!r}", node)
        if name in values:
            low.refuse(f"{cls.__name__} got the argument {name!r} twice", node)
        values[name] = value
    return values


def _default(low: Lowering, cls: Any, name: str, defaults: dict, node: ast.AST) -> Abstract:
    known = getattr(cls, "__dataclass_fields__", {}).get(name)
    if known is not None and known.default_factory is not _MISSING:
        hint = f"give the field: {name}=..."
        low.refuse(f"the default of {cls.__name__}.{name} is made by a function", node, hint)
    if name not in defaults:
        low.refuse(f"{cls.__name__} lacks the argument {name!r}", node, f"give it: {name}=...")
    value = defaults[name]
    if value is None or isinstance(value, str):
        return Object(value)
    if scalar_type(value) is None:
        hint = f"give the field: {name}=..."
        low.refuse(f"the default of {cls.__name__}.{name} is not a number", node, hint)
    return literal(value)


def _refuse(low: Lowering, cls: Any, why: str, node: ast.AST) -> NoReturn:
    hint = "use a class that only has fields, and compute them in a function that makes the object"
    low.refuse(f"a {cls.__name__} cannot be made in compiled code: {why}", node, hint)


def _check_named(low: Lowering, cls: Any, node: ast.AST) -> None:
    if not _is_generated(cls.__new__):
        _refuse(low, cls, "its class has a __new__ of its own", node)
    if cls.__init__ is not object.__init__:
        _refuse(low, cls, "its class has an __init__ of its own", node)
    _check_common(low, cls, node)
    for name in cls._fields:
        if type(inspect.getattr_static(cls, name)).__name__ != "_tuplegetter":
            _refuse(low, cls, f"{name!r} is more than a field", node)


def _check_dataclass(low: Lowering, cls: Any, node: ast.AST) -> None:
    if hasattr(cls, "__post_init__"):
        _refuse(low, cls, "its class has a __post_init__", node)
    if not _is_generated(cls.__init__):
        _refuse(low, cls, "its class has an __init__ of its own", node)
    if cls.__new__ is not object.__new__:
        _refuse(low, cls, "its class has a __new__ of its own", node)
    own = cls.__setattr__ is object.__setattr__ or _is_generated(cls.__setattr__)
    if not own:
        _refuse(low, cls, "its class has a __setattr__ of its own", node)
    _check_common(low, cls, node)
    taken = list(inspect.signature(cls.__init__).parameters)[1:]
    if sorted(taken) != sorted(_names(cls)):
        _refuse(low, cls, "its fields are not what its class is called with", node)
    for name in _names(cls):
        found = inspect.getattr_static(cls, name, None)
        if hasattr(type(found), "__set__") and not inspect.ismemberdescriptor(found):
            _refuse(low, cls, f"{name!r} is more than a field", node)


def _check_common(low: Lowering, cls: Any, node: ast.AST) -> None:
    base: Any = tuple if _is_named(cls) else object
    if type(cls).__call__ is not type.__call__ or inspect.isabstract(cls):
        _refuse(low, cls, "its class is abstract, or has a metaclass", node)
    if cls.__getattribute__ is not base.__getattribute__ or hasattr(cls, "__getattr__"):
        _refuse(low, cls, "its class decides what its attributes are", node)


def _is_generated(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename == _GENERATED


# -- changing ------------------------------------------------------------------------------------
def replaced(low: Lowering, args: list, named: dict, node: ast.AST) -> Abstract:
    """dataclasses.replace(object, ...)."""
    cls = class_of(args[0]) if len(args) == 1 else None
    if cls is None or not dataclasses.is_dataclass(cls) or not isinstance(args[0], Structure):
        low.refuse("replace() of something that is not a dataclass", node)
    return constructed(low, cls, [], {**args[0].items, **named}, node)


def tuple_method(low: Lowering, owner: TupleOf, name: str, args: list, named: dict, node) -> Any:
    """Call a method that namedtuples have, None if it is another one."""
    cls: Any = owner.made_by
    if cls is None or name not in ("_replace", "_asdict"):
        return None
    values = dict(zip(owner.fields, owner.items, strict=True))
    if name == "_asdict" and not args and not named:
        return Structure(dict(values), True)
    unknown = [key for key in named if key not in values]
    if args or unknown or name == "_asdict":
        low.refuse(f"{name} of a {cls.__name__} with such arguments", node)
    return _object(cls, {**values, **named})


# -- results -------------------------------------------------------------------------------------
def described(value: Abstract) -> tuple[list[Abstract], tuple[str, str], tuple[str, ...]] | None:
    """Fields, class and names of an object that can be made again outside, None for others."""
    cls: Any = class_of(value)
    if not is_record(cls) or not isinstance(value, TupleOf | Structure):
        return None
    names = value.fields if isinstance(value, TupleOf) else tuple(value.items)
    items = value.items if isinstance(value, TupleOf) else tuple(value.items.values())
    where = (cls.__module__, cls.__qualname__)
    if tuple(names) != _names(cls) or _found(where) is not cls:
        return None
    return list(items), where, tuple(names)


def _found(where: tuple[str, str]) -> Any:
    module, qualname = where
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found


def rebuilt(where: tuple[str, str], names: tuple[str, ...], items: list[Any]) -> Any:
    """Make an object of a result, without running code of its class."""
    cls = _found(where)
    if _is_named(cls):
        return tuple.__new__(cls, items)
    made: Any = object.__new__(cls)
    for name, item in zip(names, items, strict=True):
        object.__setattr__(made, name, item)
    return made


# -- the cache -----------------------------------------------------------------------------------
def class_key(cls: Any) -> tuple:
    """Say in plain values what making an object of a class does."""
    if _is_named(cls):
        defaults = sorted((k, repr(v)) for k, v in cls._field_defaults.items())
        return (_names(cls), defaults, _is_generated(cls.__new__))
    default = lambda field: "" if field.default is _MISSING else repr(field.default)
    fields = [(f.name, f.init, f.kw_only, default(f)) for f in dataclasses.fields(cls)]
    return (fields, hasattr(cls, "__post_init__"), _is_generated(cls.__init__))

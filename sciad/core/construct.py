"""Construction of objects of the user's classes by following their constructors."""

import dataclasses
import inspect
import types
from collections.abc import Callable
from typing import Any

__all__ = ["construct"]


def construct(kind: type, args: tuple, kwargs: dict, call: Callable[..., Any]) -> Any:
    """``kind(*args, **kwargs)`` by following the Python code of the class.

    Parameters
    ----------
    kind : type
        The class.
    args, kwargs
        Arguments of the constructor.
    call : callable
        The dispatcher.

    Returns
    -------
    object
        The new object. Classes whose metaclass has a ``__call__`` of its own, and those written in
        C, are called as they are.
    """
    if type(kind).__call__ is not type.__call__:
        return kind(*args, **kwargs)
    new, init = kind.__new__, kind.__init__  # type: ignore[misc]
    if _is_generated(kind, init):
        return _construct_dataclass(kind, args, kwargs, call)
    if type(new) is not types.FunctionType and type(init) is not types.FunctionType:
        return kind(*args, **kwargs)
    if type(new) is types.FunctionType:
        made = call(new, kind, *args, **kwargs)
    elif new is object.__new__:
        if inspect.isabstract(kind):
            return kind(*args, **kwargs)  # raises as Python does
        made = object.__new__(kind)
    else:
        made = new(kind, *args, **kwargs)
    if issubclass(type(made), kind):
        if type(init) is types.FunctionType:
            call(init, made, *args, **kwargs)
        else:
            init(made, *args, **kwargs)
    return made


def _is_generated(kind: type, init: Any) -> bool:
    """Whether the constructor was written by ``dataclass`` and calls ``__post_init__``."""
    return (
        dataclasses.is_dataclass(kind)
        and type(init) is types.FunctionType
        and init.__code__.co_filename == "<string>"
        and hasattr(kind, "__post_init__")
    )


def _construct_dataclass(kind: Any, args: tuple, kwargs: dict, call: Callable[..., Any]) -> Any:
    """Do what the generated constructor does, with ``__post_init__`` followed."""
    made = kind.__new__(kind)
    bound = inspect.signature(kind.__init__).bind(made, *args, **kwargs)
    given = dict(list(bound.arguments.items())[1:])
    passed_on = []
    for name, field in kind.__dataclass_fields__.items():
        variety = field._field_type.name
        if variety == "_FIELD_CLASSVAR":
            continue
        if name in given:
            value = given[name]
        elif field.default is not dataclasses.MISSING:
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = call(field.default_factory)
        else:
            continue
        if variety == "_FIELD_INITVAR":
            passed_on.append(value)
        else:
            object.__setattr__(made, name, value)
    call(kind.__post_init__, made, *passed_on)
    return made

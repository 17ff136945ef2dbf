"""Functions without source (``exec``, ``eval``, a prompt): the same bytecode, names that dispatch.

The function is made again on a namespace in which functions and modules read as stand-ins; a
stand-in that is called goes through the dispatcher. The namespace is a live view of the module's.
Code that could tell a stand-in from the real thing, or that writes global names, is refused: it
runs as it is, and C functions in it raise when they get a traced value.
"""

import builtins
import dis
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sciad.core.errors import TracingError
from sciad.core.source import nested_codes

__all__ = ["Namespace", "StandIn", "without_source"]

_REFUSED_OPERATIONS = ("LOAD_NAME", "STORE_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "FROM_DICT_OR")
#: These look at the frame they are called from, or at the namespace itself.
_REFUSED_NAMES = frozenset({"globals", "locals", "vars", "eval", "exec", "dir"})
_UNTOUCHED = frozenset({"super", "breakpoint", "__build_class__", "isinstance", "issubclass"})
_FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    functools.partial,
    np.ufunc,
    type(np.sum),
    type(functools.lru_cache(lambda: None)),
)


class StandIn:
    """A function that is called through the dispatcher; all else is that of the function."""

    __slots__ = ("_call", "_function")

    def __init__(self, function: Any, call: Callable[..., Any]) -> None:
        self._function = function
        self._call = call

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function through the dispatcher."""
        return self._call(self._function, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._function, name)
        return StandIn(found, self._call) if isinstance(found, _FUNCTIONS) else found

    def __eq__(self, other: object) -> bool:
        return bool(self._function == (other._function if type(other) is StandIn else other))

    def __hash__(self) -> int:
        return hash(self._function)

    def __repr__(self) -> str:
        return repr(self._function)

    def __mro_entries__(self, bases: tuple) -> tuple:
        return (self._function,)


class _Module(types.ModuleType):
    """A module whose functions are stand-ins."""

    def __init__(self, module: types.ModuleType, names: "_Names") -> None:
        super().__init__(module.__name__, module.__doc__)
        _namespace(self)["__sciad_module__"] = (module, names)

    def __getattribute__(self, name: str) -> Any:
        module, names = _namespace(self)["__sciad_module__"]
        return names.stand_in(getattr(module, name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_namespace(self)["__sciad_module__"][0], name, value)


def _namespace(module: types.ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = types.ModuleType.__getattribute__(module, "__dict__")
    return found


class _Names:
    """How the names of one function are read."""

    def __init__(self, codes: list[types.CodeType], call: Callable[..., Any]) -> None:
        self.call = call
        self.read = frozenset(_names_read(codes))  # as values, not only to be called

    def stand_in(self, value: Any, name: str) -> Any:
        """Give what a name reads as."""
        if type(value) is StandIn or name in _UNTOUCHED:
            return value
        if isinstance(value, types.ModuleType):
            return _Module(value, self)
        if isinstance(value, type):
            return value if name in self.read else StandIn(value, self.call)
        return StandIn(value, self.call) if isinstance(value, _FUNCTIONS) else value

    def import_module(self, name: str, *args: Any) -> Any:
        """``import`` in the function."""
        return self.stand_in(builtins.__import__(name, *args), name)


class Namespace(dict):
    """Live view of a module's namespace; itself it holds the built-in names only."""

    def __init__(self, scope: dict[str, Any], names: _Names) -> None:
        known = {name: names.stand_in(v, name) for name, v in vars(builtins).items()}
        known["__import__"] = names.import_module
        super().__init__(__builtins__=known)
        self.scope, self.names = scope, names

    def __getitem__(self, name: str) -> Any:
        return self.names.stand_in(self.scope[name], name)


def without_source(
    function: types.FunctionType, call: Callable[..., Any]
) -> types.FunctionType | None:
    """Make a function whose calls go through the dispatcher, from bytecode alone.

    Parameters
    ----------
    function : FunctionType
        A function without source.
    call : callable
        The dispatcher.

    Returns
    -------
    FunctionType or None
        None if the function may behave otherwise so.

    Raises
    ------
    TracingError
        If it may behave otherwise as it is, too.
    """
    codes = list(nested_codes(function.__code__))
    if not all(_is_accepted(code, function) for code in codes):
        if any("type" in code.co_names for code in codes):
            raise TracingError(
                f"{function.__qualname__} has no source, and asks for types of values",
                where=f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}",
                hint="define the function in a file or a notebook cell",
            )
        return None
    names = _Names(codes, call)
    made = types.FunctionType(
        function.__code__,
        Namespace(function.__globals__, names),
        function.__name__,
        tuple(names.stand_in(v, "") for v in function.__defaults__ or ()) or None,
        tuple(_cell(cell, names) for cell in function.__closure__ or ()) or None,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _cell(cell: types.CellType, names: _Names) -> types.CellType:
    """Give the cell itself, or one with a stand-in for the function it holds."""
    try:
        value = cell.cell_contents
    except ValueError:  # not bound yet
        return cell
    if isinstance(value, (*_FUNCTIONS, types.ModuleType)):
        return types.CellType(names.stand_in(value, ""))
    return cell


def _is_accepted(code: types.CodeType, function: types.FunctionType) -> bool:
    if not _REFUSED_NAMES.isdisjoint(code.co_names):
        return False
    before = None
    for instruction in dis.get_instructions(code):
        if any(refused in instruction.opname for refused in _REFUSED_OPERATIONS):
            return False
        if instruction.opname == "IS_OP" and not _is_real(before, function.__globals__):
            return False  # it may ask which function it has got
        before = instruction
    return True


def _is_real(instruction: dis.Instruction | None, scope: dict[str, Any]) -> bool:
    """Whether the right side of ``is`` is a constant or a class, which have no stand-ins there."""
    if instruction is None or instruction.opname == "LOAD_CONST":
        return instruction is not None
    if instruction.opname != "LOAD_GLOBAL":
        return False
    name = instruction.argval
    return isinstance(scope[name] if name in scope else vars(builtins).get(name), type)


def _names_read(codes: list[types.CodeType]) -> Iterator[str]:
    for code in codes:
        for instruction in dis.get_instructions(code):
            name = instruction.opname
            if name == "IMPORT_FROM" or (
                name in ("LOAD_GLOBAL", "LOAD_ATTR") and "NULL" not in instruction.argrepr
            ):
                yield str(instruction.argval)

"""From a Python function to its syntax tree and to what it captures; read by rewrite and compiler.

A file is parsed once. A function is found by the line of its ``def`` (or first decorator) and its
name; several lambdas on a line are told apart by the columns of their code (PEP 657).
"""

import ast
import dis
import functools
import inspect
import os
import threading
import time
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciad.core.errors import InputError, SourceError
from sciad.core.freshness import is_fresh, lines_of
from sciad.core.tree import flatten

#: Seconds; modules were imported at most so long before this one.
DAY = 86400.0
_STARTED = time.time()

__all__ = [
    "SYNTAX",
    "FunctionSource",
    "captured",
    "holds_data",
    "nested_codes",
    "rebind",
    "source_of",
]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, eq=False)
class FunctionSource:
    """A function's syntax tree with what is needed to read it.

    Attributes
    ----------
    node : ast.FunctionDef or ast.Lambda
        Shared by all readers: copy it before changing it. Line numbers are those of the file.
    filename, qualname : str
    class_name : str or None
        Class whose body holds the function: private names are mangled with it.
    function : FunctionType
    """

    node: FunctionNode
    filename: str
    qualname: str
    class_name: str | None
    function: types.FunctionType

    @property
    def globals(self) -> dict[str, Any]:
        """The module's live namespace."""
        return self.function.__globals__

    def location(self, node: ast.AST | None = None) -> str:
        """``"file:line"`` of a node, or of the function itself."""
        return f"{self.filename}:{getattr(node or self.node, 'lineno', self.node.lineno)}"

    def mangle(self, name: str) -> str:
        """Write a name as the compiler of the class body does."""
        if self.class_name is None or not name.startswith("__") or name.endswith("__"):
            return name
        return f"_{self.class_name.lstrip('_')}{name}"


_files: dict[str, tuple[tuple[str, ...], dict[tuple[int, str], list[tuple[Any, str | None]]]]] = {}
_sources: "weakref.WeakKeyDictionary[types.CodeType, tuple[FunctionNode, str | None]]"
_sources = weakref.WeakKeyDictionary()
_lock = threading.Lock()
#: Held where syntax trees are made and compiled: Python 3.11 raises SystemError if a thread does so
#: in the middle of another one's (python/cpython issue 106905).
SYNTAX = threading.RLock()


def source_of(function: Callable[..., Any]) -> FunctionSource:
    """Syntax tree of a Python function.

    Parameters
    ----------
    function : callable
        A function, lambda, bound method, or a ``functools.wraps`` wrapper (taken as it is).

    Returns
    -------
    FunctionSource
        With line numbers of the file, so that messages show the user's lines.

    Raises
    ------
    SourceError
        If there is no source (built-in, ``exec``, standard input) or the file has changed.

    Examples
    --------
    >>> import textwrap
    >>> source_of(textwrap.dedent).qualname
    'dedent'
    """
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType):
        name = getattr(function, "__qualname__", repr(function))
        raise SourceError(f"{name} is not a Python function: it has no source")
    code = function.__code__
    found = _sources.get(code)
    if found is None:
        found = _find(code)
        with _lock:
            _sources[code] = found
    return FunctionSource(found[0], code.co_filename, code.co_qualname, found[1], function)


def _find(code: types.CodeType) -> tuple[FunctionNode, str | None]:
    index = _index(code.co_filename, code)
    candidates = index.get((code.co_firstlineno, code.co_name), [])
    matches = [c for c in candidates if _argument_names(c[0]) == _code_arguments(code)]
    if code.co_name == "<lambda>":
        matches = [c for c in matches if _covers(c[0].body, code)]
        matches.sort(key=lambda c: _extent(c[0].body))
        matches = matches[:1]
    if len(matches) != 1 or (
        _edited_lately(code.co_filename) and not is_fresh(code, matches[0][0])
    ):
        raise SourceError(
            f"the source of {code.co_qualname} does not match the running code",
            where=f"{code.co_filename}:{code.co_firstlineno}",
            hint="the file was changed after it was imported; import it again",
        )
    return matches[0]


def _edited_lately(filename: str) -> bool:
    """Whether a file may have been edited since it was imported; most cannot have been."""
    try:
        return os.stat(filename).st_mtime > _STARTED - DAY
    except OSError:  # a notebook cell: its name belongs to its text
        return False


def _index(filename: str, code: types.CodeType) -> dict[tuple[int, str], list[tuple[Any, Any]]]:
    lines = lines_of(filename)
    cached = _files.get(filename)
    if cached is not None and cached[0] == lines:
        return cached[1]
    if not lines:
        raise SourceError(
            f"{code.co_qualname} has no source",
            where=f"{filename}:{code.co_firstlineno}",
            hint="define the function in a file or a notebook cell",
        )
    try:
        with SYNTAX:
            module = ast.parse("".join(lines), filename)
    except SyntaxError as error:
        raise SourceError(
            f"the source of {code.co_qualname} cannot be parsed: {error.msg}",
            where=f"{filename}:{error.lineno}",
        ) from error
    index: dict[tuple[int, str], list[tuple[Any, Any]]] = {}
    for node, class_name in _functions(module, None):
        if isinstance(node, ast.Lambda):
            key = (node.lineno, "<lambda>")
        else:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            key = (first, node.name)
        index.setdefault(key, []).append((node, class_name))
    with _lock:
        _files[filename] = (lines, index)
    return index


def _functions(node: ast.AST, class_name: str | None) -> Iterator[tuple[FunctionNode, str | None]]:
    """All functions below a node, each with the class that mangles its names."""
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, ast.ClassDef) else class_name
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child, class_name
        yield from _functions(child, inside)


def _argument_names(node: FunctionNode) -> tuple[str, ...]:
    a = node.args
    names = [*a.posonlyargs, *a.args, *a.kwonlyargs]
    names += [star for star in (a.vararg, a.kwarg) if star is not None]
    return tuple(argument.arg for argument in names)


def _code_arguments(code: types.CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)  # *args, **kwargs
    return code.co_varnames[:count]


def _covers(body: ast.expr, code: types.CodeType) -> bool:
    """Whether all instructions that have a position lie inside the body of a lambda."""
    start = (body.lineno, body.col_offset)
    end = (body.end_lineno or 0, body.end_col_offset or 0)
    places = [p for p in code.co_positions() if None not in p and (p[2], p[3]) != (0, 0)]
    inside = [start <= (p[0], p[2]) and (p[1], p[3]) <= end for p in places]
    return all(inside)


def _extent(node: ast.expr) -> tuple[int, int]:
    lines = (node.end_lineno or 0) - node.lineno
    return lines, (node.end_col_offset or 0) - node.col_offset


# What a function captures ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """Names a code object (with the functions defined inside it) looks up outside itself."""

    cells: tuple[str, ...]
    global_names: tuple[str, ...]


_GLOBAL_LOADS = ("LOAD_GLOBAL", "LOAD_NAME")
_plans: "weakref.WeakKeyDictionary[types.CodeType, _Plan]" = weakref.WeakKeyDictionary()


def _plan(code: types.CodeType) -> _Plan:
    plan = _plans.get(code)
    if plan is None:
        names: dict[str, None] = {}
        for part in nested_codes(code):
            looked_up = (i.argval for i in dis.get_instructions(part) if i.opname in _GLOBAL_LOADS)
            names.update(dict.fromkeys(looked_up))
        plan = _Plan(code.co_freevars, tuple(names))
        _plans[code] = plan
    return plan


def nested_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Give a code object and those of the functions and classes inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from nested_codes(constant)


def captured(function: Callable[..., Any]) -> dict[str, Any]:
    """Find what a function reaches outside its arguments.

    Parameters
    ----------
    function : callable
        A Python function, bound method, ``functools.partial`` or callable object.

    Returns
    -------
    dict
        Name -> value of closure cells and of the globals the code names. Numbers, arrays, traced
        values and containers of them stand as they are (floats in them are inputs of the function,
        ints, strings and bools constants). For a Python function the value is its own such dict,
        with its code under ``"__code__"``; for an object, the dict of its attributes. Modules,
        classes and built-in functions are left out.

    Examples
    --------
    >>> def make(rate):
    ...     return lambda t, y: -rate * y
    >>> captured(make(0.5))
    {'rate': 0.5}
    """
    found = _captured(function, set())
    found.pop("__code__", None)
    return found


def holds_data(found: Any) -> bool:
    """Whether there is anything in what `captured` found but functions that capture nothing."""
    for name, value in found.items():
        if name == "__code__":
            if not isinstance(value, types.CodeType) or value.co_freevars:
                return True
        elif type(value) is not dict or "__code__" not in value or holds_data(value):
            return True
    return False


def _captured(function: Any, seen: set[int]) -> dict[str, Any]:
    seen.add(id(function))
    if _is_compiled(function):
        function = function.__wrapped__
    if isinstance(function, types.MethodType):
        inner = _captured(function.__func__, seen)
        return {**inner, **_present("__self__", function.__self__, seen)}
    if isinstance(function, functools.partial):
        parts = {"func": function.func, "args": function.args, "keywords": function.keywords}
        return {k: v for name, part in parts.items() for k, v in _present(name, part, seen).items()}
    if not isinstance(function, types.FunctionType):
        return _attributes(function, seen)
    plan = _plan(function.__code__)
    found: dict[str, Any] = {"__code__": function.__code__}
    for name, value in _reached(function, plan):
        found.update(_present(name, value, seen))
    return found


def _reached(function: types.FunctionType, plan: _Plan) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(plan.cells, function.__closure__ or (), strict=True):
        try:
            if not name.startswith("__sciad"):
                yield name, cell.cell_contents
        except ValueError:  # an empty cell: the name is not bound yet
            continue
    if function.__code__.co_filename.startswith(_HERE):
        return  # what sciad.grad(f) and the like give reaches the user's things through its cells
    scope = function.__globals__
    for name in plan.global_names:
        if name in scope and name not in plan.cells:
            yield name, scope[name]
    for name, value in (function.__kwdefaults__ or {}).items():
        yield f"__default__.{name}", value
    for k, value in enumerate(function.__defaults__ or ()):
        yield f"__default__.{k}", value


_HERE = os.path.join(os.path.dirname(__file__), "")
_PLAIN = (type(None), bool, int, str, bytes, float, complex, np.generic, np.ndarray)


def _present(name: str, value: Any, seen: set[int]) -> dict[str, Any]:
    """Give the entry of a captured value; none for a module, class or known function."""
    if isinstance(value, _PLAIN):
        return {name: value}
    if isinstance(value, types.ModuleType | type | types.BuiltinFunctionType | np.ufunc):
        return {}
    if _is_compiled(value):
        return _present(name, value.__wrapped__, seen)
    if _package(value) in ("sciad", "numpy", "scipy", "math", "cmath", "numba", "builtins"):
        # containers and dataclasses of these packages may hold numbers; functions do not
        return {} if callable(value) else {name: value}
    if _is_container(value):
        return {name: value}
    if id(value) in seen:
        return {}
    if callable(value) or hasattr(value, "__dict__"):
        return {name: _captured(value, seen)}
    return {name: value}


def _is_compiled(value: Any) -> bool:
    """Whether a callable object of sciad (a compiled function) stands for a Python function."""
    return type(value).__module__.startswith("sciad.") and hasattr(value, "__wrapped__")


def _package(value: Any) -> str:
    home = getattr(value, "__module__", None)
    return home.partition(".")[0] if isinstance(home, str) else ""


def _is_container(value: Any) -> bool:
    if isinstance(value, list | tuple | dict):
        return True
    return bool(flatten(value)[0])


def _attributes(value: Any, seen: set[int]) -> dict[str, Any]:
    found: dict[str, Any] = {"__type__": type(value)}
    compiled = type(value).__module__.startswith("numba.")  # their Python function matters
    for name, attribute in getattr(value, "__dict__", {}).items():
        if not compiled or name in ("py_func", "__wrapped__"):
            found.update(_present(name, attribute, seen))
    if callable(value) and isinstance(
        inspect.getattr_static(type(value), "__call__", None), types.FunctionType
    ):
        found["__call__"] = _captured(type(value).__call__, seen)
    return found


def rebind(function: Callable[..., Any], values: dict[str, Any]) -> Callable[..., Any]:
    """Make the same function with other captured values.

    Parameters
    ----------
    function : callable
        As for `captured`.
    values : dict
        ``captured(function)`` with some leaves replaced (for instance by traced values).

    Returns
    -------
    callable
        A new function; neither the original nor its module is changed.

    Raises
    ------
    InputError
        If a name is not captured by the function.

    Examples
    --------
    >>> def make(rate):
    ...     return lambda y: -rate * y
    >>> rebind(make(0.5), {"rate": 2.0})(3.0)
    -6.0
    """
    return _rebound(function, values)


def _rebound(value: Any, new: Any) -> Any:
    """`value` with the replacements `new`: a function is rebuilt, anything else replaced."""
    if _is_compiled(value):
        value = value.__wrapped__
    if isinstance(value, types.FunctionType) and isinstance(new, dict):
        return _rebind_function(value, new)
    if isinstance(value, types.MethodType) and isinstance(new, dict):
        inner = {k: v for k, v in new.items() if k != "__self__"}
        owner = _rebound(value.__self__, new["__self__"]) if "__self__" in new else value.__self__
        return types.MethodType(_rebound(value.__func__, inner), owner)
    if isinstance(value, functools.partial) and isinstance(new, dict):
        function = _rebound(value.func, new["func"]) if "func" in new else value.func
        return functools.partial(
            function, *new.get("args", value.args), **new.get("keywords", value.keywords)
        )
    if isinstance(new, dict) and new.get("__type__") is type(value):
        return _rebind_object(value, new)
    return new


def _rebind_function(function: types.FunctionType, new: dict[str, Any]) -> types.FunctionType:
    plan = _plan(function.__code__)
    scope = function.__globals__
    changed = {n: _rebound(scope[n], v) for n, v in new.items() if n in scope}
    unknown = set(new) - set(changed) - set(plan.cells) - {"__code__"}
    unknown = {name for name in unknown if not name.startswith("__default__.")}
    if unknown:
        raise InputError(f"{function.__qualname__} does not capture {sorted(unknown)}")
    cells = tuple(
        types.CellType(_rebound(cell.cell_contents, new[name])) if name in new else cell
        for name, cell in zip(plan.cells, function.__closure__ or (), strict=True)
    )
    outside = {n: v for n, v in changed.items() if n not in plan.cells}
    namespace = {**scope, **outside} if outside else scope
    defaults = tuple(
        new.get(f"__default__.{k}", v) for k, v in enumerate(function.__defaults__ or ())
    )
    made = types.FunctionType(
        function.__code__, namespace, function.__name__, defaults or None, cells or None
    )
    named = function.__kwdefaults__ or {}
    made.__kwdefaults__ = {n: new.get(f"__default__.{n}", v) for n, v in named.items()} or None
    made.__qualname__ = function.__qualname__
    return made


def _rebind_object(value: Any, new: dict[str, Any]) -> Any:
    made = object.__new__(type(value))
    for name, attribute in getattr(value, "__dict__", {}).items():
        replaced = _rebound(attribute, new[name]) if name in new else attribute
        object.__setattr__(made, name, replaced)
    return made

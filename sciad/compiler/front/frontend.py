"""From a Python function and the structure of its arguments to a program with flat inputs.

Structures end here: their leaves become numbers and arrays of the program, their constants become
literals. What a function captures is treated as if it were arguments. Everything else that decides
what the program is (functions called, modules used) is recorded as a dependency, so that a cached
program can be checked against the objects of another process.
"""

from __future__ import annotations

import ast
import builtins
import functools
import sys
import types as python_types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sciad.compiler import decisions
from sciad.compiler.front import members
from sciad.compiler.front.border import RunTimeArray, Table
from sciad.compiler.front.fence import OTHERWISE
from sciad.compiler.front.given import ENTRY, LIBRARIES, Bound, replaced
from sciad.compiler.front.lower import Frame, Lowering, Restart
from sciad.compiler.front.precision import literal
from sciad.compiler.front.recursion import close, unrolled
from sciad.compiler.front.rounding import rounded
from sciad.compiler.front.types import scalar_type
from sciad.compiler.front.values import (
    Abstract,
    Derivative,
    Missing,
    Object,
    Pythonic,
    Structure,
    TupleOf,
)
from sciad.compiler.ir import Function, Region, const
from sciad.compiler.passes.hoist import hoist
from sciad.compiler.passes.simplify import simplify
from sciad.core.accelerated import is_elementwise, python_of
from sciad.core.errors import CompileError, SciadError, user_location
from sciad.core.rules import lookup
from sciad.core.source import captured, source_of
from sciad.core.tree import TreeDef, flatten

__all__ = ["Dependency", "Front", "abstract_tree", "follow", "python_function"]

Leaf = Callable[[], Abstract]
_MOST_RESTARTS = 200


@dataclass(frozen=True)
class Dependency:
    """`name`, as seen by what is reached from the root along `path`, was `value`.

    A path that begins with ``@module`` starts at that module instead of the root.
    """

    path: tuple[str, ...]
    name: str
    value: Any = field(compare=False)


def python_function(value: Any) -> python_types.FunctionType | None:
    """Find the Python function behind a function, a Numba dispatcher or a jitted function."""
    if isinstance(value, python_types.FunctionType):
        return value
    inner = python_of(value) or (
        getattr(value, "__wrapped__", None) if type(value).__module__.startswith("sciad.") else None
    )
    return inner if isinstance(inner, python_types.FunctionType) else None


def follow(root: Any, path: tuple[str, ...] | list[str]) -> Any:
    """Go along a path of names (see `Dependency`); raises KeyError or AttributeError."""
    for step in path:
        if step.startswith("@"):
            root = sys.modules[step[1:]]
        elif isinstance(root, Bound):
            root = root.reach(step) if step.startswith(ENTRY) else reached(root.function, step)
        elif isinstance(root, python_types.ModuleType):
            for part in step.split("."):
                root = getattr(root, part)
        elif isinstance(root, functools.partial) and step == "func":
            root = root.func
        else:
            root = reached(python_function(root), step)
    return root


def reached(function: python_types.FunctionType | None, name: str) -> Any:
    """Look up a name that is not local to a function; raises KeyError."""
    if function is None:
        raise KeyError(name)
    if name.startswith("__default__."):
        which, defaults = name.removeprefix("__default__."), function.__defaults__ or ()
        if not which.isdigit():
            return (function.__kwdefaults__ or {})[which]
        number = int(which)
        if number >= len(defaults):
            raise KeyError(name)
        return defaults[number]
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    if name in cells:
        try:
            return cells[name].cell_contents
        except ValueError:
            raise KeyError(name) from None
    if name in function.__globals__:
        return function.__globals__[name]
    return vars(builtins)[name]


def abstract_tree(
    treedef: Any,
    leaf: Leaf,
    array: Callable[[Any], Abstract] = Object,
    literal: Callable[[Any], Abstract] = const,
) -> Abstract:
    """Turn a tree of arguments into an abstract value.

    `leaf()` gives the next leaf, `array(marker)` an array of ints or bools (see `border`),
    `literal(number)` a number that is a constant.
    """
    if not isinstance(treedef, TreeDef):
        value = treedef.value
        if isinstance(value, RunTimeArray | Table):
            return array(value)
        return Object(value) if scalar_type(value) is None else literal(value)
    if treedef.kind is None:
        return leaf()
    if treedef.kind is tuple and treedef.meta == "constant":
        return abstract_tree(treedef.children[0], leaf, array, literal)
    items = [abstract_tree(child, leaf, array, literal) for child in treedef.children]
    if issubclass(treedef.kind, dict):
        keys = [constant.value for constant in treedef.meta[0]]
        return Structure(dict(zip(keys, items, strict=True)), True)
    if treedef.kind in (list, tuple):
        return TupleOf(tuple(items), (), treedef.kind)
    names = treedef.meta if isinstance(treedef.meta, tuple) else ()
    if issubclass(treedef.kind, tuple):
        return TupleOf(tuple(items), names, tuple, treedef.kind)
    if len(names) == len(items):
        return Structure(dict(zip(names, items, strict=True)), False, treedef.kind)
    return Missing(f"a {treedef.kind.__name__} cannot be read by compiled code")


class Front:
    """Lowers one function, as often as storage has to move to memory.

    Parameters
    ----------
    function : callable
        A Python function, bound method, Numba dispatcher or jitted function.
    captures : Abstract
        The abstract value of ``captured(function)``.
    """

    def __init__(self, function: Any, captures: Structure):
        self.given = function.functions if isinstance(function, Bound) else ()
        function = function.function if isinstance(function, Bound) else function
        self.method = function if isinstance(function, python_types.MethodType) else None
        root = function.__func__ if self.method is not None else python_function(function)
        if root is None:
            kind = type(function).__name__
            hint = "wrap the call in a plain function"
            if isinstance(function, functools.partial):
                hint = "write lambda *args: f(..., *args)"
            where = user_location()
            raise CompileError(f"a {kind} cannot be compiled", where=where, hint=hint)
        self.root = Pythonic(root, captures.items)
        self.dependencies: dict[Dependency, None] = {}
        self.captures: dict[int, Pythonic] = {id(root): self.root}
        self.rules: set[Any] = set()  # functions whose rules nested derivatives have used
        self.register(self.root, set())

    def begin(self, captures: dict[str, Abstract], args: Abstract) -> Abstract:
        """Take in what is captured, as it is in this lowering; gives the arguments.

        Functions in the arguments become abstract functions there.
        """
        self.root.captured.clear()
        self.root.captured.update(captures)
        self.captures = {id(self.root.function): self.root}
        self.register(self.root, set())
        functions = [members.given(self, k, value) for k, value in enumerate(self.given)]
        return replaced(args, functions) if functions else args

    def register(self, known: Pythonic, seen: set[int]) -> None:
        """Find the abstract captures of every function that is reached."""
        for name, entry in known.captured.items():
            if not isinstance(entry, Structure):
                continue
            try:
                value = reached(known.function, name)
            except KeyError:
                continue
            made = self.pythonic(value, entry, (*known.path, name))
            if made is not None and id(made.function) not in seen:
                seen.add(id(made.function))
                self.captures[id(made.function)] = made
                self.register(made, seen)

    def pythonic(self, value: Any, entry: Structure, path: tuple[str, ...]) -> Pythonic | None:
        """Make the abstract function of a captured function, None for anything else."""
        function = python_function(value)
        if function is None:
            return None
        items = entry.items
        for attribute in ("py_func", "__wrapped__"):
            if function is not value and isinstance(items.get(attribute), Structure):
                items = items[attribute].items
                break
        return Pythonic(function, items, path)

    # -- names ---------------------------------------------------------------------------------
    def resolve(self, target: Pythonic, name: str) -> Abstract:
        """Look up a name that is not local to a function."""
        if name.startswith("__default__."):
            found = target.captured.get(name)
            return Missing("its default value cannot be compiled") if found is None else found
        try:
            value = reached(target.function, name)
        except KeyError:
            return Missing("it is not defined")
        function = python_function(value)
        if function is not None or name not in target.captured:
            self.dependencies[Dependency(target.path, name, value)] = None
        if function is not None and not _is_library(function):
            if function is not value and lookup(value) is not None:
                return Missing("it has a rule of its own, which compiled code cannot apply")
            made = self.function(value, function, (*target.path, name))
            return Derivative("elementwise", made) if is_elementwise(value) else made
        entry = target.captured.get(name)
        if isinstance(entry, Structure) and isinstance(value, functools.partial):
            return members.partial_of(self, target, name, value, entry)
        if isinstance(entry, Structure) and "__type__" in entry.items:
            return members.partial_of(self, target, name, value, entry)
        if entry is not None:
            return entry
        if scalar_type(value) is not None:
            return Missing("it is a number that was not captured")
        return Object(value)

    def function(self, value: Any, function: Any, path: tuple[str, ...]) -> Abstract:
        """Find or make the abstract function of a Python function."""
        known = self.captures.get(id(function))
        if known is not None:
            return known
        inside = captured(function)
        numbers = {k: v for k, v in inside.items() if _is_default_number(k, v)}
        leaves, treedef = flatten({k: v for k, v in inside.items() if k not in numbers})
        if leaves:
            return Missing(
                f"{function.__qualname__} captures numbers, which a call through its module "
                "hides: import the function by name"
            )
        items = abstract_tree(treedef, lambda: Missing("a captured number"), literal=literal)
        names: dict[str, Abstract] = dict(getattr(items, "items", {}))
        for key, number in numbers.items():  # a literal, compared when the program is used again
            names[key] = const(number)
            self.dependencies[Dependency(path, key, number)] = None
        made = Pythonic(function, names, path)
        self.captures[id(function)] = made
        return made

    def wrap(self, value: Any, module: str, name: str) -> Abstract:
        """Make an abstract value of an object found in a module."""
        if module.partition(".")[0] in LIBRARIES:
            return Object(value)
        path = (f"@{module}",)
        try:
            found = follow(None, (*path, name))
        except (KeyError, AttributeError):
            found = None
        if found is not value:
            return Missing(f"{module} is not the module of that name: import {name} by name")
        self.dependencies[Dependency(path, name, value)] = None
        function = python_function(value)
        if function is not None and not _is_library(function):
            return self.function(value, function, (*path, name))
        return Object(value)

    # -- lowering ------------------------------------------------------------------------------
    def lower(
        self,
        name: str,
        params: Callable[[Lowering], tuple[tuple, list[Abstract]]],
        finish: Callable[[Lowering, Abstract, ast.AST], tuple],
    ) -> Function:
        """Lower the function.

        `params(low)` gives the parameters of the program and the abstract arguments; `finish(low,
        value, place)` turns the abstract result into the results of the program.
        """
        in_memory: set = set()
        refused: dict[object, CompileError] = {}
        for _ in range(_MOST_RESTARTS):
            decisions.start_again()
            low = Lowering(in_memory, self.resolve)
            low.wrap = self.wrap  # type: ignore[method-assign]
            values, args = params(low)
            low.inputs.update(values)
            place = ast.Constant(None, lineno=_line(self.root.function))
            if self.method is not None:
                args = [self.root.captured.get("__self__", Missing("self")), *args]
            try:
                result = low.call(self.root, args, {}, place)
                low.b.location = None
                filename = self.root.function.__code__.co_filename
                low.frames.append(Frame(filename, None, set(), lambda name: None, ("root",)))
                results = finish(low, result, place)
            except Restart as restart:
                in_memory = in_memory | {restart.site}
                continue
            except CompileError as error:
                culprit = low.calls.culprit
                more = None if culprit in refused else unrolled(in_memory, culprit)
                if more is None:
                    raise refused.get(culprit, error) from None
                refused[culprit], in_memory = error, more
                continue
            except RecursionError:
                raise CompileError(
                    f"{name} contains calls that are nested too deeply",
                    where=f"{self.root.function.__code__.co_filename}:{place.lineno}",
                    hint="use a loop",
                ) from None
            region: Region = low.b.region
            region.results = results
            self.rules = low.rules
            made = Function(name, values, region)
            if low.single:
                made = rounded(made)
            made = simplify(close(made))
            return simplify(hoist(made, low.bits))
        code = self.root.function.__code__
        raise CompileError(
            f"lowering {name} does not come to an end",
            where=f"{code.co_filename}:{code.co_firstlineno}",
            hint=OTHERWISE,
        )


def _is_default_number(name: str, value: Any) -> bool:
    return name.startswith("__default__.") and type(value) is float


def _line(function: python_types.FunctionType) -> int:
    """Line of the `def`, decorators left aside."""
    try:
        return source_of(function).node.lineno
    except SciadError:
        return function.__code__.co_firstlineno


def _is_library(function: Any) -> bool:
    module = getattr(function, "__module__", None) or ""
    if module == "sciad.compiler.vocabulary.prelude":
        return False
    return module.partition(".")[0] in LIBRARIES

"""Expressions that only read: names, numbers, operators, slices and known functions of NumPy.

Where all their names stand for plain numbers and arrays, no code of the user runs in them, nothing
is written, and what they give is new or a view of a name.
"""

import ast
import builtins
import math
import types
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sciad.core.readers import CREATORS, FRESH, NUMBER, VIEW, kind_of_call, kind_of_method

__all__ = ["Reading", "Scope", "reading_of", "scope_of"]

#: Attributes of arrays: tuples and numbers, views.
_SIZES = frozenset({"shape", "size", "ndim", "dtype"})
_VIEWS = frozenset({"T", "real", "imag"})
#: Methods that numbers of Python have not.
_OF_ARRAYS = frozenset({"copy", "dot", "flatten", "cumsum"})
_CONSTANTS = (int, float, complex, type)


@dataclass(frozen=True)
class Scope:
    """What the names of a function stand for when it is rewritten.

    Attributes
    ----------
    own : frozenset of str
        Names that the function binds.
    outer : mapping
        Values of the names around it, as far as they are known.
    borrowed : callable
        Gives the names of the parameters whose arrays a function does not keep.
    only_aliases : bool
        Arrays that are made of others do not matter, only views and other names of them.
    """

    own: frozenset[str]
    outer: Mapping[str, Any]
    borrowed: Callable[[types.FunctionType], frozenset[str]]
    only_aliases: bool = False

    def value(self, node: ast.expr) -> Any:
        """Value of ``np.linalg.norm`` and its like, found through modules; None for others."""
        if isinstance(node, ast.Name):
            if node.id in self.own:
                return None
            return self.outer.get(node.id, getattr(builtins, node.id, None))
        if isinstance(node, ast.Attribute):
            home = self.value(node.value)
            if isinstance(home, types.ModuleType):
                return vars(home).get(node.attr)  # a module's ``__getattr__`` may import, or warn
        return None


def _is_constant(node: ast.Attribute, scope: Scope) -> bool:
    """Whether an attribute belongs to a module whose attributes do not change."""
    home = scope.value(node.value)
    return home is np or home is math


class _OtherError(Exception):
    """Something else stands in an expression."""


def scope_of(function: types.FunctionType, borrowed: Any, only_aliases: bool = False) -> Scope:
    """Give what the names of a function stand for now."""
    code = function.__code__
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    around = {name: _content(cell) for name, cell in cells}
    own = frozenset(code.co_varnames + code.co_cellvars)
    return Scope(own, ChainMap(around, function.__globals__), borrowed, only_aliases)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None


@dataclass
class Reading:
    """What was found in an expression.

    Attributes
    ----------
    kind : str
        Of what it gives: a number, a new array, memory of something else.
    names : list of str
        What it reads.
    functions : list of (ast.expr, object)
        What it calls.
    regions : list of list of str
        Names that are computed with together: one of them may be kept for the sake of another.
    sources : list of (list of str, list of str)
        Regions, and those of numbers in them, which may be traced if the latter's arrays are.
    on_arrays : bool
        Whether it makes an array, or takes slices.
    helpers : list of (ast.expr, code)
        Functions of the user's that it calls.
    lent : set of str
        Names in the arguments of these.
    given : bool
        Whether it is a call of such a function.
    """

    kind: str = NUMBER
    names: list[str] = field(default_factory=list)
    functions: list[tuple[ast.expr, Any]] = field(default_factory=list)
    regions: list[list[str]] = field(default_factory=list)
    sources: list[tuple[list[str], list[str]]] = field(default_factory=list)
    on_arrays: bool = False
    helpers: list[tuple[ast.expr, types.CodeType]] = field(default_factory=list)
    lent: set[str] = field(default_factory=set)
    given: bool = False

    def meets(self, name: str) -> list[str]:
        """Names that are computed with together with a name."""
        found = [other for region in self.regions if name in region for other in self._all(region)]
        return list(dict.fromkeys(other for other in found if other != name))

    def _all(self, region: list[str]) -> list[str]:
        """Names of a region, and those that its numbers are made of."""
        inner = [part for outer, part in self.sources if outer is region]
        return [*region, *(name for part in inner for name in self._all(part))]


def reading_of(node: ast.expr, scope: Scope) -> Reading | None:
    """Read an expression; None if there is something else in it."""
    reader = _Reader(scope)
    region: list[str] = []
    try:
        reader.made.kind = reader.read(node, region)
    except _OtherError:
        return None
    reader.made.regions.append(region)
    function = node.func if isinstance(node, ast.Call) else None
    reader.made.given = any(function is helper for helper, _ in reader.made.helpers)
    return reader.made


class _Reader:
    """Reads one expression. Its methods give the kind of a part, and add names to a region."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.made = scope, Reading()

    def read(self, node: ast.expr, region: list[str]) -> str:
        reader: Any = _READERS.get(type(node))
        if reader is None:
            raise _OtherError
        return reader(self, node, region)

    def _name(self, node: ast.Name, region: list[str]) -> str:
        if node.id not in self.made.names:
            self.made.names.append(node.id)
        region.append(node.id)
        return VIEW

    def _region(self) -> list[str]:
        """Begin a region."""
        self.made.regions.append([])
        return self.made.regions[-1]

    def _constant(self, node: ast.Constant, region: list[str]) -> str:
        if isinstance(node.value, str | bytes):
            raise _OtherError
        return NUMBER

    def _unary(self, node: ast.UnaryOp, region: list[str]) -> str:
        return NUMBER if self.read(node.operand, region) == NUMBER else FRESH

    def _binary(self, node: ast.BinOp, region: list[str]) -> str:
        kinds = self.read(node.left, region), self.read(node.right, region)
        self.made.on_arrays |= isinstance(node.op, ast.MatMult)
        return NUMBER if kinds == (NUMBER, NUMBER) else FRESH

    def _compare(self, node: ast.Compare, region: list[str]) -> str:
        if len(node.ops) != 1 or isinstance(node.ops[0], ast.In | ast.NotIn):
            raise _OtherError
        inner = self._region()
        kinds = {self.read(part, inner) for part in (node.left, *node.comparators)}
        return NUMBER if kinds == {NUMBER} else FRESH

    def _subscript(self, node: ast.Subscript, region: list[str]) -> str:
        kind = self.read(node.value, region)
        self.index(node.slice)
        return NUMBER if kind == NUMBER else VIEW

    def index(self, node: ast.expr) -> None:
        """Read an index, which has a region of its own."""
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        for part in parts:
            if isinstance(part, ast.Slice):
                self.made.on_arrays = True
            slices = isinstance(part, ast.Slice)
            bounds = (part.lower, part.upper, part.step) if slices else (part,)  # type: ignore[attr-defined]
            for bound in bounds:
                if bound is not None:
                    self.read(bound, self._region())

    def _attribute(self, node: ast.Attribute, region: list[str]) -> str:
        value = self.scope.value(node)
        if value is not None:
            if not isinstance(value, _CONSTANTS) or not _is_constant(node, self.scope):
                raise _OtherError
            self.made.functions.append((node, value))
            return NUMBER
        if node.attr in _SIZES:
            self.read(node.value, self._region())
            return NUMBER
        if node.attr in _VIEWS:
            return VIEW if self.read(node.value, region) != NUMBER else NUMBER
        raise _OtherError

    def _call(self, node: ast.Call, region: list[str]) -> str:
        keywords = [keyword.arg for keyword in node.keywords]
        if None in keywords:
            raise _OtherError
        named: Any = keywords
        function = self.scope.value(node.func)
        method: ast.Attribute | None = None
        kind: str | None = None
        if type(function) is types.FunctionType and self._is_helper(function, node):
            kind = FRESH
            self.made.helpers.append((node.func, function.__code__))
        elif function is not None:
            kind = kind_of_call(function, len(node.args), named)
            self.made.functions.append((node.func, function))
            self.made.on_arrays |= kind is not None and function in CREATORS
        elif isinstance(node.func, ast.Attribute):
            method = node.func
            kind = kind_of_method(method.attr, len(node.args), named)
        if kind is None:
            raise _OtherError
        inner = region if kind == FRESH else self._region()
        if inner is not region:
            self.made.sources.append((region, inner))
        if method is not None:
            self.read(method.value, inner)
            self.made.on_arrays |= method.attr in _OF_ARRAYS
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._argument(argument, inner)
        return kind

    def _is_helper(self, function: types.FunctionType, node: ast.Call) -> bool:
        """Whether a function of the user's keeps nothing of what it gets here."""
        code, borrowed = function.__code__, self.scope.borrowed(function)
        if not borrowed or len(node.args) > code.co_argcount:
            return False
        pairs: list[tuple[str, ast.expr]] = list(zip(code.co_varnames, node.args, strict=False))
        pairs += [(keyword.arg or "", keyword.value) for keyword in node.keywords]
        for parameter, value in pairs:
            names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
            if names and parameter not in borrowed:
                return False
            self.made.lent |= names
        return True

    def _argument(self, node: ast.expr, region: list[str]) -> None:
        if isinstance(node, ast.Tuple | ast.List):
            for part in node.elts:
                self._argument(part, region)
        elif isinstance(node, ast.Name) and isinstance(self.scope.value(node), type):
            self.made.functions.append((node, self.scope.value(node)))
        elif not isinstance(node, ast.Constant):
            self.read(node, region)


_READERS: dict[type, Callable[..., str]] = {
    ast.Name: _Reader._name,
    ast.Constant: _Reader._constant,
    ast.UnaryOp: _Reader._unary,
    ast.BinOp: _Reader._binary,
    ast.Compare: _Reader._compare,
    ast.Subscript: _Reader._subscript,
    ast.Attribute: _Reader._attribute,
    ast.Call: _Reader._call,
}

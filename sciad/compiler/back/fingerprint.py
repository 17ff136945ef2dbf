"""Hashes that are the same in every process, for what a program depends on."""

from __future__ import annotations

import builtins
import hashlib
import types
from typing import Any

from sciad.compiler.front.border import RunTimeArray, Table
from sciad.compiler.front.frontend import Dependency, follow, python_function
from sciad.compiler.front.given import Bound, Given
from sciad.compiler.front.records import class_key, is_record
from sciad.compiler.passes.partials import rule_of
from sciad.core.rules import VERSION, Elementwise, lookup
from sciad.core.source import captured
from sciad.core.tree import TreeDef, flatten

__all__ = ["Unknown", "Watch", "code_digest", "digest", "facts", "still_true", "tree_key"]


_ABSENT = object()
_BUILTINS = vars(builtins)
_UNKNOWN = "known to one process only"


class Unknown(Exception):
    """Something has no identity beyond this process; the program is not indexed."""


def digest(*parts: Any) -> str:
    """Hash of the representations of some plain values."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def code_digest(code: types.CodeType) -> str:
    """Hash of a code object, of the functions inside it and of its place in the file."""
    inner = [code_digest(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    place = (code.co_filename, code.co_firstlineno, code.co_linetable)
    return digest(code.co_code, inner, names, place)


def tree_key(node: Any) -> Any:
    """Write a `TreeDef` as plain lists and strings."""
    if not isinstance(node, TreeDef):
        return _constant_key(node.value)
    if node.kind is None:
        return "*"
    meta = node.meta
    if issubclass(node.kind, dict):
        meta = [_constant_key(c.value) for c in meta[0]]
    return [_identity(node.kind), repr(meta), [tree_key(child) for child in node.children]]


def _identity(value: Any) -> str:
    module = getattr(value, "__module__", None) or ""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if name is None:
        raise Unknown(repr(value))
    return f"{module}.{name}"


def _constant_key(value: Any) -> str:
    if value is None or type(value) in (bool, int, str, bytes, float, complex):
        return repr(value)
    if isinstance(value, types.CodeType):
        return code_digest(value)
    if isinstance(value, RunTimeArray | Table | Given):
        return repr(value)
    if isinstance(value, tuple | frozenset):
        return repr(
            sorted(map(_constant_key, value))
            if isinstance(value, frozenset)
            else [_constant_key(v) for v in value]
        )
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, types.FunctionType):
        return _object_key(value)
    return _identity(value)


def _object_key(value: Any) -> str:
    function = python_function(value)
    if function is not None:
        return digest(code_digest(function.__code__), tree_key(_surroundings(function)))
    if is_record(value):
        return digest(_identity(value), class_key(value))
    return _constant_key(value)


def _surroundings(function: types.FunctionType) -> Any:
    """Structure and constants of what a function captures; floats in it do not matter."""
    return flatten(captured(function))[1]


def facts(dependencies: list[Dependency], calls: set[Any]) -> dict[str, list]:
    """List what has to hold for a program to be used again, as JSON."""
    objects = [[list(d.path), d.name, _key_or_type(d.value)] for d in dependencies]
    rules = [[name, _rule_key(name)] for name in sorted(calls, key=repr)]
    return {"objects": objects, "rules": rules}


def _key_or_type(value: Any) -> str:
    """Values with leaves in them are part of the arguments' structure; here the type will do."""
    try:
        return _object_key(value)
    except Unknown:
        return _UNKNOWN if python_function(value) is not None else _identity(type(value))


def _rule_key(name: Any) -> str:
    rule = rule_of(tuple(name) if isinstance(name, list) else name)
    if not isinstance(rule, Elementwise):
        return type(rule).__name__
    return digest(*(p if p is None else code_digest(p.__code__) for p in rule.partials))


class Watch:
    """The objects and rules a program was made from, as they were then.

    What the root captures by name is part of the arguments' structure; functions that it reaches
    through a module are not, so their surroundings are kept here.
    """

    def __init__(self, root: Any) -> None:
        self.code = getattr(root, "__code__", None)
        self.objects: dict[Dependency, None] = {}
        self.near: dict[str, Any] = {}  # plain globals and builtins of the root
        self.far: list[Dependency] = []  # everything else
        self.surroundings: dict[Dependency, Any] = {}
        self.rules: dict[Any, Any] = {}
        self.version = -1  # of the registry of rules, when all of them were compared

    def add(self, known: dict[str, list], root: Any) -> None:
        """Take in recorded facts that hold now."""
        self.version = -1
        for path, name, _ in known["objects"]:
            value = follow(root, [*path, name])
            found = Dependency(tuple(path), name, value)
            if found in self.objects:
                continue
            self.objects[found] = None
            if path or name in root.__code__.co_freevars or python_function(value) is not None:
                self.far.append(found)
            else:
                self.near[name] = value
            function = python_function(value) if path and path[0].startswith("@") else None
            if function is not None:
                self.surroundings[found] = _surroundings(function)
        for name, _ in known["rules"]:
            key = tuple(name) if isinstance(name, list) else name
            self.rules[key] = rule_of(key)

    def holds(self, root: Any) -> bool:
        """Whether every name still stands for the same code, every function has its rule."""
        if getattr(root, "__code__", None) is not self.code:
            return False
        try:
            find = root.__globals__.get
            for name, value in self.near.items():
                now = find(name, _ABSENT)
                if now is _ABSENT:
                    now = _BUILTINS[name]
                if now is not value and not _alike(now, value):
                    return False
            for known in self.far:
                if not self.same(root, known):
                    return False
            return self.same_rules(root)
        except (KeyError, AttributeError):
            return False

    def same_rules(self, root: Any) -> bool:
        """Whether elementary functions have the rules they had, and the user's functions none."""
        version = VERSION[0]
        if version == self.version and type(root) is not Bound:
            return True
        known = (follow(root, (*d.path, d.name)) for d in self.far)
        if any(map(_has_rule, _roots(root))) or any(map(_has_rule, known)):
            return False
        if not all(rule_of(name) is rule for name, rule in self.rules.items()):
            return False
        self.version = version
        return True

    def same(self, root: Any, known: Dependency) -> bool:
        """Whether a name stands for what it stood for."""
        value = follow(root, (*known.path, known.name))
        before = self.surroundings.get(known)
        if before is not None and _surroundings(python_function(value)) != before:  # type: ignore[arg-type]
            return False
        return _alike(value, known.value)


def _roots(root: Any) -> tuple[Any, ...]:
    """List the function that is compiled and those in its arguments."""
    return (root.function, *root.functions) if isinstance(root, Bound) else (root,)


def _has_rule(value: Any) -> bool:
    """Whether a user has given a Python function a rule, which its program does not know."""
    function = python_function(getattr(value, "__func__", value))
    if function is None:
        return False
    return lookup(function) is not None or (function is not value and lookup(value) is not None)


def _alike(a: Any, b: Any) -> bool:
    """Tell whether two objects are one, or functions of one code (captures are inputs)."""
    if a is b:
        return True
    if type(a) in (str, bytes, int, bool):
        return type(a) is type(b) and bool(a == b)
    ours, theirs = python_function(a), python_function(b)
    if ours is None or theirs is None or ours.__code__ != theirs.__code__:
        return False
    return not _has_rule(a)


def still_true(known: Any, root: Any) -> bool:
    """Whether recorded facts hold for a function of this process."""
    if any(map(_has_rule, _roots(root))):
        return False
    try:
        for path, name, key in known["objects"]:
            value = follow(root, [*path, name])
            if key == _UNKNOWN or _has_rule(value) or _key_or_type(value) != key:
                return False
        return all(_rule_key(name) == key for name, key in known["rules"])
    except (KeyError, AttributeError, TypeError, ValueError, Unknown):
        return False

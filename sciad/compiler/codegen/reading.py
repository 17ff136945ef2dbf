"""The syntax tree of an emitted function, and what its names and statements are."""

from __future__ import annotations

import ast
import builtins
import functools
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numba.core.errors import NumbaError

__all__ = ["Scopes", "Unusual", "assigned", "inner_lists", "mentions", "syntax", "value_of"]


class Unusual(NumbaError):
    """Something that emitted code does not contain: Numba's usual way has to be taken."""


@functools.lru_cache(maxsize=4)
def _module(filename: str) -> tuple[dict[str, ast.FunctionDef], dict[str, types.CodeType]]:
    """Read the functions of a module: their syntax and their code."""
    tree = ast.parse(Path(filename).read_text(encoding="utf-8"))
    code = compile(tree, filename, "exec", dont_inherit=True)
    return (
        {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)},
        {c.co_name: c for c in code.co_consts if isinstance(c, types.CodeType)},
    )


def syntax(function: Any) -> ast.FunctionDef:
    """Find the definition of a function of an emitted module, in the very text it was made from."""
    code = function.__code__
    try:
        nodes, codes = _module(code.co_filename)
    except (OSError, SyntaxError, ValueError) as error:
        raise Unusual(f"{code.co_filename} cannot be read") from error
    if code.co_name not in nodes or codes.get(code.co_name) != code:
        raise Unusual(f"{code.co_name} is not a function of its module")
    return nodes[code.co_name]


def value_of(node: ast.expr, function: Any, names: Any) -> Any:
    """Look up a global name, or an attribute of one: a module, a function, a type, a number."""
    if isinstance(node, ast.Name) and node.id not in names:
        scope = function.__globals__
        if node.id in scope:
            return scope[node.id]
        if hasattr(builtins, node.id):
            return getattr(builtins, node.id)
    if isinstance(node, ast.Attribute):
        owner = value_of(node.value, function, names)
        if hasattr(owner, node.attr):
            return getattr(owner, node.attr)
    raise Unusual(f"unknown name: {ast.unparse(node)}")


def inner_lists(node: ast.stmt) -> list[list[ast.stmt]]:
    """Statements inside a statement."""
    if isinstance(node, ast.If):
        return [node.body, node.orelse]
    return [node.body] if isinstance(node, ast.For | ast.While) else []


def mentions(node: ast.AST) -> Iterator[str]:
    """Names in a statement or an expression, as often as they stand there."""
    return (x.id for x in ast.walk(node) if isinstance(x, ast.Name))


def assigned(node: ast.stmt) -> list[str]:
    """Names that a statement itself binds."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.For):
        targets = [node.target]
    flat = [x for t in targets for x in (t.elts if isinstance(t, ast.Tuple) else [t])]
    return [x.id for x in flat if isinstance(x, ast.Name)]


class Scopes:
    """Where names are bound and read.

    `single` are those bound by one statement and mentioned nowhere but after it, in the list of
    statements that it belongs to or inside of those: one value each, no variable.
    """

    def __init__(self, definition: ast.FunctionDef):
        self.params = [a.arg for a in definition.args.args]
        self.bindings: Counter[str] = Counter()
        self.total: Counter[str] = Counter()
        self.first: dict[str, list[ast.stmt]] = {}
        self.single: set[str] = set()
        self.total.update(x for s in definition.body for x in mentions(s))
        self._bind(definition.body)
        self._scan(definition.body)
        self.single.update(p for p in self.params if not self.bindings[p])

    @property
    def names(self) -> list[str]:
        """Parameters and variables."""
        return list(dict.fromkeys([*self.params, *self.bindings]))

    def _bind(self, body: list[ast.stmt]) -> None:
        for node in body:
            self.bindings.update(assigned(node))
            for inner in inner_lists(node):
                self._bind(inner)

    def _scan(self, body: list[ast.stmt]) -> Counter[str]:
        """Count the mentions in a list of statements; find what is seen only there."""
        here: Counter[str] = Counter()
        bound: set[str] = set()
        for node in body:
            names = assigned(node)
            if isinstance(node, ast.For):
                inside: Counter[str] = Counter(mentions(node.iter))
                within = self._scan(node.body)
                (index,) = names or [""]
                if self.bindings[index] == 1 and within[index] + 1 == self.total[index]:
                    self.single.add(index)
                here += inside + within + Counter([index])
                continue
            if inner_lists(node):
                here.update(mentions(node.test))  # type: ignore[attr-defined]
                for inner in inner_lists(node):
                    here += self._scan(inner)
                continue
            fresh = {x for x in names if self.bindings[x] == 1 and not here[x]}
            seen = Counter(mentions(node))
            bound |= {x for x in fresh if seen[x] == 1 and not isinstance(node, ast.AugAssign)}
            here += seen
        self.single.update(x for x in bound if here[x] == self.total[x])
        return here

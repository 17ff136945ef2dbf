"""Statements of followed code in two versions: as they are, for plain values, and rewritten.

For a function with lone names (`sciad.core.lone`)::

    u[1:-1] += k * u[2:]        if type(u) in plain and type(k) in plain:
                                    u[1:-1] += k * u[2:]
                                else:
                                    if type(u) is ndarray:
                                        u = ready(u, (k,))
                                    u[1:-1] += k * u[2:]        # rewritten

The first way is what Python would do; no call is looked at, nothing is boxed. Functions that are
called there are tested to be those that were known when the function was rewritten.
"""

import ast
import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sciad.core.lone import Lone, escaping, is_watched, lone_names
from sciad.core.looks import Statement, operands
from sciad.core.readers import FRESH, VIEW
from sciad.core.readings import Reading, Scope, reading_of

__all__ = ["APART", "PLAIN", "Versions", "is_as_it_stands"]

_LONE, _READY, _NEW, _CONTENT, _GIVEN = (
    f"__sciad_{n}__" for n in ("lone", "ready", "new", "content", "given")
)
#: Whether a function can reach no traced value.
APART = "__sciad_apart__"
#: The types of plain values.
PLAIN = "__sciad_plain__"
_NDARRAY, _TYPE = "__sciad_ndarray__", "__sciad_type__"
_LOOPS = (ast.For, ast.While)


def is_as_it_stands(node: ast.AST) -> bool:
    """Whether a statement is the user's own, for plain values."""
    return getattr(node, "as_it_stands", False)


@dataclass
class _Known:
    """Objects that code is compared with, by names among the built-in ones."""

    names: dict[int, tuple[str, Any]]
    count: Any

    def name(self, value: Any) -> tuple[str, bool]:
        """Give a name for an object, and whether it is new."""
        found = self.names.get(id(value))
        if found is not None:
            return found[0], False
        name = f"__sciad_known{next(self.count)}__"
        self.names[id(value)] = name, value
        return name, True


_known = _Known({}, itertools.count())


class Versions:
    """The statements of a function, before it is rewritten, and the two versions of them after.

    Parameters
    ----------
    node : ast.FunctionDef
        The function.
    scope : Scope
        What its names stand for.
    install : callable
        Makes an object known to rewritten code: ``install(name, value)``.
    """

    def __init__(self, node: ast.FunctionDef, scope: Scope, install: Any) -> None:
        self.scope, self.install = scope, install
        self.lone: Lone | None = None if is_watched() else lone_names(node, scope)
        self.kept: dict[int, Any] = {}
        self.values: dict[int, type[ast.expr]] = {}
        self.conditions: dict[int, list[ast.expr]] = {}
        #: Whether something may be done after a ``return`` was come to.
        self.final = any(isinstance(n, ast.Try | ast.With) for n in ast.walk(node))
        if self.lone is not None:
            for part in ast.walk(node):
                if isinstance(part, ast.If | ast.While):
                    self.conditions[id(part)] = [copy.deepcopy(p) for p in operands(part.test)]
                elif isinstance(part, ast.Assign | ast.AugAssign):
                    self._keep(part)

    def _keep(self, node: ast.Assign | ast.AugAssign) -> None:
        """Note how a statement looks before it is rewritten."""
        assert self.lone is not None
        here = self.lone.looks.get(id(node))
        if here is not None and here.reading is not None and self._is_worthwhile(here):
            self.kept[id(node)] = copy.deepcopy(node)
        self.values[id(node)] = type(node.value)

    def weave(self, node: Any) -> None:
        """Give the statements of the rewritten function their other version."""
        if self.lone is not None:
            node.body = self._block(node.body, False)

    def _block(self, statements: list[ast.stmt], repeated: bool) -> list[ast.stmt]:
        return [new for part in statements for new in self._statement(part, repeated)]

    def _statement(self, node: ast.stmt, repeated: bool) -> list[ast.stmt]:
        assert self.lone is not None
        here = self.lone.looks.get(id(node))
        if here is None:
            return [node]
        inner = repeated or isinstance(node, _LOOPS)
        for name, value in ast.iter_fields(node):
            if name in ("handlers", "cases"):
                for case in value:
                    case.body = self._block(case.body, inner)
            elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, name, self._block(value, inner))
        if isinstance(node, ast.If | ast.While):
            self._condition(node)
        made = self._before(here, node)
        if id(node) in self.kept:
            made += self._versions(here, node, repeated)
        else:
            self._open(here, node, repeated)
            made.append(node)
        made += [_let(n, ast.Constant(None)) for n in self._cleared(node)]
        return [_located(part, node) for part in made]

    def _cleared(self, node: ast.stmt) -> list[str]:
        assert self.lone is not None
        return [n for n in self.lone.cleared.get(id(node), []) if n in self.lone.names]

    def _before(self, here: Statement, node: ast.stmt) -> list[ast.stmt]:
        """Box the arrays that a statement hands on."""
        assert self.lone is not None
        escapes = sorted(escaping(here, node, self.lone.names))
        made: list[ast.stmt] = []
        if isinstance(node, ast.Return) and not self.final:  # nobody reads the others any more
            read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            others = {n for name in escapes for n in self.lone.aliases.get(name, ())}
            others &= self.lone.names
            made += [_let(name, ast.Constant(None)) for name in sorted(others - read)]
        return made + [_if_array(name, _LONE) for name in escapes]

    def _is_worthwhile(self, here: Statement) -> bool:
        """Whether a statement computes with arrays of lone names, and gives no view a name."""
        assert self.lone is not None
        assert here.reading is not None
        names = self.lone.names
        if here.reading.kind == VIEW or not here.escapes.isdisjoint(names):
            return False
        if len(here.names) > 1 and not names.issuperset(here.names):
            return False
        return not names.isdisjoint((*here.reading.names, *here.names))

    def _versions(self, here: Statement, node: Any, repeated: bool) -> list[ast.stmt]:
        """Give a statement in both versions."""
        assert self.lone is not None
        assert here.reading is not None
        plain = self.kept[id(node)]
        if here.reading.given and here.names:
            plain.value = _call(_GIVEN, plain.value)
        handed = isinstance(node, ast.Assign) and not self.lone.names.issuperset(here.names)
        if handed and here.reading.kind == FRESH:
            plain.value = _call(_NEW, plain.value)
            if self.values[id(node)] is not ast.Call:  # numbers of boxed arrays, times a plain one
                node.value = _call(_NEW, node.value)
        plain.as_it_stands = True
        self._open(here, node, repeated)
        general = [*self._prepared(here.reading), node]
        test = self._test(here.reading)
        return [plain] if test is None else [ast.If(test, [plain], general)]

    def _open(self, here: Statement, node: Any, repeated: bool) -> None:
        """Take an array out of its box where only a lone name will hold it."""
        assert self.lone is not None
        if not isinstance(node, ast.Assign) or here.moved:
            return
        if isinstance(node.targets[0], ast.Tuple) and not repeated:
            self._open_parts(node, node.targets[0])
        if len(here.names) != 1:
            return
        value = self.values[id(node)]
        if here.names[0] not in self.lone.names or value is ast.Constant:
            return
        if not repeated or ((here.reading is None or here.reading.given) and value is ast.Call):
            node.value = _call(_CONTENT, node.value)

    def _open_parts(self, node: ast.Assign, target: ast.Tuple) -> None:
        """Take arrays out of their boxes that an assignment gives to several lone names."""
        assert self.lone is not None
        value = node.value
        if len(node.targets) > 1 or not isinstance(value, ast.Tuple):
            return
        for k, name in enumerate(target.elts[: len(value.elts)]):
            if not isinstance(name, ast.Name):
                return  # with a star: the places differ
            if name.id in self.lone.names and isinstance(value.elts[k], ast.Call):
                value.elts[k] = _call(_CONTENT, value.elts[k])

    def _test(self, reading: Reading) -> ast.expr | None:
        """Test that all values are plain, and all functions what they were."""
        tests: list[ast.expr] = []
        for name in reading.names:
            kind = ast.Call(_name(_TYPE), [_name(name)], [])
            tests.append(ast.Compare(kind, [ast.In()], [_name(PLAIN)]))
        seen = set()
        for node, value in reading.functions:
            text = ast.dump(node)
            if text not in seen:
                seen.add(text)
                tests.append(ast.Compare(copy.deepcopy(node), [ast.Is()], [self._known(value)]))
        for node, code in reading.helpers:
            tests.append(_call(APART, copy.deepcopy(node), self._known(code)))
        if len(tests) < 2:
            return tests[0] if tests else None
        return ast.BoolOp(ast.And(), tests)

    def _known(self, value: Any) -> ast.expr:
        """Name for an object among the built-in ones."""
        name, new = _known.name(value)
        if new:
            self.install(name, value)
        return _name(name)

    def _prepared(self, reading: Reading) -> list[ast.stmt]:
        """Box arrays of lone names that meet something else."""
        assert self.lone is not None
        made: list[ast.stmt] = []
        for name in reading.names:
            others = reading.meets(name)
            if name in self.lone.names and name in reading.lent:
                made.append(_if_array(name, _LONE))
            elif name in self.lone.names and others:
                made.append(_if_array(name, _READY, _tuple(others)))
        return made

    # Conditions

    def _condition(self, node: Any) -> None:
        """Give the parts of a condition in both versions."""
        parts = iter(self.conditions[id(node)])
        node.test = self._operand(node.test, parts)

    def _operand(self, node: ast.expr, parts: Iterator[ast.expr]) -> ast.expr:
        if isinstance(node, ast.BoolOp):
            node.values = [self._operand(value, parts) for value in node.values]
            return node
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            node.operand = self._operand(node.operand, parts)
            return node
        plain = next(parts)
        reading = reading_of(plain, self.scope)
        assert self.lone is not None
        if reading is None or self.lone.names.isdisjoint(reading.names):
            return node
        test: Any = self._test(reading)
        return ast.IfExp(test, plain, self._ready_operand(node, reading))

    def _ready_operand(self, node: ast.expr, reading: Reading) -> ast.expr:
        boxes: list[ast.expr] = []
        for statement in self._prepared(reading):
            assert isinstance(statement, ast.If)
            (inner,) = statement.body
            assert isinstance(inner, ast.Assign)
            assert isinstance(inner.targets[0], ast.Name)
            walrus = ast.NamedExpr(inner.targets[0], inner.value)
            boxes.append(ast.IfExp(statement.test, walrus, ast.Constant(None)))
        if not boxes:
            return node
        parts = ast.Tuple([*boxes, node], ast.Load())
        return ast.Subscript(parts, ast.Constant(-1), ast.Load())


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(_name(function), list(arguments), [])


def _tuple(names: list[str]) -> ast.expr:
    return ast.Tuple([_name(name) for name in names], ast.Load())


def _let(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _if_array(name: str, function: str, *arguments: ast.expr) -> ast.stmt:
    """``if type(u) is ndarray: u = function(u, ...)``."""
    kind = ast.Call(_name(_TYPE), [_name(name)], [])
    test = ast.Compare(kind, [ast.Is()], [_name(_NDARRAY)])
    return ast.If(test, [_let(name, _call(function, _name(name), *arguments))], [])


def _located(statement: ast.stmt, node: ast.stmt) -> ast.stmt:
    for part in ast.walk(statement):
        if not hasattr(part, "lineno"):
            ast.copy_location(part, node)
    return statement

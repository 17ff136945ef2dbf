"""What a single statement does with the arrays of names: reads, stores, hands on."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sciad.core.readers import FRESH, NUMBER, VIEW
from sciad.core.readings import Reading, Scope, reading_of

__all__ = ["Statement", "binds_names", "header_of", "look", "names_in", "operands", "root_of"]


@dataclass
class Statement:
    """What a statement does with arrays.

    Attributes
    ----------
    reading : Reading or None
        Of a statement that does nothing but read, and store what it makes.
    names : list of str
        What it binds.
    escapes : set of str
        Names whose arrays others may see from here on.
    moved : bool
        Whether it gives arrays other names, ``u = v``.
    """

    reading: Reading | None = None
    names: list[str] = field(default_factory=list)
    escapes: set[str] = field(default_factory=set)
    moved: bool = False


def operands(node: ast.expr) -> list[ast.expr]:
    """Parts of a condition that are evaluated one after another, if at all."""
    if isinstance(node, ast.BoolOp):
        return [part for value in node.values for part in operands(value)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return operands(node.operand)
    return [node]


def root_of(node: ast.AST) -> str | None:
    """Name that ``u.T[0]`` is a view of."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def names_in(node: ast.AST | None) -> set[str]:
    """Names in a piece of syntax."""
    return set() if node is None else {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def look(node: ast.stmt, scope: Scope) -> Statement:
    """Look at a statement, without those inside it."""
    reader = _LOOKS.get(type(node))
    if reader is not None:
        found: Statement = reader(node, scope)
        return found
    made = Statement()
    for part in header_of(node):
        made.escapes |= _others(part, scope)
    return made


def header_of(node: ast.stmt) -> Iterator[ast.AST]:
    """Give the expressions of a statement, without the statements inside it."""
    front: list[ast.AST] = [node]
    while front:
        for part in ast.iter_child_nodes(front.pop()):
            if isinstance(part, ast.expr):
                yield part
            elif not isinstance(part, ast.stmt):
                front.append(part)


def _others(node: ast.AST, scope: Scope) -> set[str]:
    """Names whose arrays an expression of any form may hand to others."""
    if isinstance(node, ast.expr):
        reading = reading_of(node, scope)
        if reading is not None and (scope.only_aliases or not reading.helpers):
            if scope.only_aliases:
                return set(reading.regions[-1]) if reading.kind == VIEW else set()
            made = isinstance(node, ast.Call | ast.Compare) or reading.kind == NUMBER
            shown = [] if made else reading.regions[-1]
            return {n for n in reading.names if n in shown or reading.meets(n)}
    if isinstance(node, ast.Name):
        return {node.id}
    return {name for part in ast.iter_child_nodes(node) for name in _others(part, scope)}


def _assignment(node: ast.Assign, scope: Scope) -> Statement:
    target, value = node.targets[0], node.value
    if len(node.targets) == 1:
        if isinstance(target, ast.Name):
            return _to_name(target, value, scope)
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            made = _to_names(target, value, scope)
            if made is not None:
                return made
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            return _to_part(target, target.value.id, value, scope)
    read = (part for t in node.targets for part in ast.walk(t) if isinstance(part, ast.Name))
    escapes = {name.id for name in read if isinstance(name.ctx, ast.Load)}
    return Statement(escapes=escapes | _others(value, scope))


def binds_names(target: ast.expr) -> bool:
    """Whether a target is a name, or names with commas between."""
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    return all(isinstance(part, ast.Name) for part in parts)


def _to_name(target: ast.Name, value: ast.expr, scope: Scope) -> Statement:
    if isinstance(value, ast.Name):
        return Statement(names=[target.id], moved=True)
    reading = reading_of(value, scope)
    if reading is None:
        return Statement(names=[target.id], escapes=_others(value, scope))
    escapes = set(reading.regions[-1]) if reading.kind == VIEW else set()
    return Statement(reading, [target.id], escapes)


def _to_names(target: ast.Tuple, value: ast.Tuple, scope: Scope) -> Statement | None:
    """Look at ``a, b = b, a`` and ``a, b = 2 * a, a + b``."""
    if not binds_names(target) or len(target.elts) != len(value.elts):
        return None
    names: list[str] = [part.id for part in target.elts]  # type: ignore[attr-defined]
    if all(isinstance(part, ast.Name) for part in value.elts):
        return Statement(names=names, moved=True)
    made = Reading(FRESH)
    for part in value.elts:
        reading = reading_of(part, scope)
        if reading is None or reading.kind == VIEW or reading.given:
            return None
        made.names += [name for name in reading.names if name not in made.names]
        made.functions += reading.functions
        made.helpers += reading.helpers
        made.lent |= reading.lent
        made.regions += reading.regions
        made.sources += reading.sources
        made.on_arrays |= reading.on_arrays
    return Statement(made, names)


def _to_part(target: ast.Subscript, name: str, value: ast.expr, scope: Scope) -> Statement:
    into, reading = reading_of(_read(target), scope), reading_of(value, scope)
    if into is None:
        return Statement(escapes=names_in(target) | _others(value, scope))
    if reading is None:
        return Statement(escapes={name} | _others(value, scope))
    if reading.kind == VIEW:  # a list would hold it
        reading.regions.append([*reading.regions[-1], name])
    else:
        reading.regions[-1].append(name)
    return Statement(_together(into, reading))


def _together(one: Reading, other: Reading) -> Reading:
    names = list(dict.fromkeys((*one.names, *other.names)))
    regions = [*one.regions[:-1], *other.regions]
    functions = [*one.functions, *other.functions]
    made = Reading(FRESH, names, functions, regions)
    made.on_arrays = one.on_arrays or other.on_arrays
    made.helpers, made.lent = [*one.helpers, *other.helpers], one.lent | other.lent
    made.sources = [*one.sources, *other.sources]
    return made


def _read(target: Any) -> Any:
    return type(target)(**{**dict(ast.iter_fields(target)), "ctx": ast.Load()})


def _augmented(node: ast.AugAssign, scope: Scope) -> Statement:
    target = node.target
    name = target.id if isinstance(target, ast.Name) else root_of(target)
    plain = isinstance(target, ast.Name) or (
        isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)
    )
    into = reading_of(_read(target), scope) if plain else None
    reading = reading_of(node.value, scope)
    if into is None or reading is None or name is None:
        return Statement(escapes=names_in(target) | _others(node.value, scope))
    reading.regions[-1].append(name)
    return Statement(_together(into, reading), [name] if isinstance(target, ast.Name) else [])


def _condition(node: ast.If | ast.While, scope: Scope) -> Statement:
    made = Statement()
    for part in operands(node.test):
        if reading_of(part, scope) is None:
            made.escapes |= _others(part, scope)
    return made


def _loop(node: ast.For, scope: Scope) -> Statement:
    escapes = set() if binds_names(node.target) else names_in(node.target)
    return Statement(escapes=escapes | _others(node.iter, scope))


def _nothing(node: ast.stmt, scope: Scope) -> Statement:
    return Statement()


_LOOKS: dict[type, Any] = {
    ast.Assign: _assignment,
    ast.AugAssign: _augmented,
    ast.If: _condition,
    ast.While: _condition,
    ast.For: _loop,
    ast.Pass: _nothing,
}

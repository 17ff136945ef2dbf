"""Names of a function whose arrays nobody else sees: what the function does with them.

A name is *lone* if the function computes with its arrays, reads and writes parts of them, and hands
them on at its end or outside of loops only, where they can be boxed (`sciad.core.late`). A name
that goes into a container, a closure, a call of something unknown, or has a view with a name, is
not. What is wrong here does no harm to derivatives: an array is boxed only if it is seen to be
alone when that happens.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sciad.core.readers import FRESH, NUMBER, VIEW
from sciad.core.readings import Reading, Scope, reading_of

__all__ = [
    "Lone",
    "Place",
    "Statement",
    "bound_plainly",
    "escaping",
    "is_strange",
    "lone_names",
    "look",
    "operands",
    "places_in",
]

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_INSIDE = (*_SCOPES, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.While)
_STRANGE = (ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr, ast.Global, ast.Nonlocal)
#: Functions and attributes that see the names of a running function.
_SEEING = frozenset({"locals", "globals", "vars", "eval", "exec", "dir", "breakpoint"})
_FRAMES = frozenset({"_getframe", "currentframe", "f_locals"})


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


@dataclass
class Lone:
    """Lone names of a function, and what happens to them.

    Attributes
    ----------
    names : set of str
        They.
    looks : dict of int to Statement
        What the statements do, by their ids.
    cleared : dict of int to list of str
        After a statement (by its id): names whose arrays have got other names.
    aliases : dict of str to set of str
        Names that may stand for the same array.
    """

    names: set[str]
    looks: dict[int, Statement] = field(default_factory=dict)
    cleared: dict[int, list[str]] = field(default_factory=dict)
    aliases: dict[str, set[str]] = field(default_factory=dict)


def operands(node: ast.expr) -> list[ast.expr]:
    """Parts of a condition that are evaluated one after another, if at all."""
    if isinstance(node, ast.BoolOp):
        return [part for value in node.values for part in operands(value)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return operands(node.operand)
    return [node]


def _root(node: ast.AST) -> str | None:
    """Name that ``u.T[0]`` is a view of."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _names(node: ast.AST | None) -> set[str]:
    return set() if node is None else {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


# One statement -----------------------------------------------------------------------------------


def look(node: ast.stmt, scope: Scope) -> Statement:
    """Look at a statement, without those inside it."""
    reader = _LOOKS.get(type(node))
    if reader is not None:
        found: Statement = reader(node, scope)
        return found
    made = Statement()
    for part in _header(node):
        made.escapes |= _others(part, scope)
    return made


def _header(node: ast.stmt) -> Iterator[ast.AST]:
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


def _is_name(target: ast.expr) -> bool:
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
    if not _is_name(target) or len(target.elts) != len(value.elts):
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
        return Statement(escapes=_names(target) | _others(value, scope))
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
    name = target.id if isinstance(target, ast.Name) else _root(target)
    plain = isinstance(target, ast.Name) or (
        isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)
    )
    into = reading_of(_read(target), scope) if plain else None
    reading = reading_of(node.value, scope)
    if into is None or reading is None or name is None:
        return Statement(escapes=_names(target) | _others(node.value, scope))
    reading.regions[-1].append(name)
    return Statement(_together(into, reading), [name] if isinstance(target, ast.Name) else [])


def _condition(node: ast.If | ast.While, scope: Scope) -> Statement:
    made = Statement()
    for part in operands(node.test):
        if reading_of(part, scope) is None:
            made.escapes |= _others(part, scope)
    return made


def _loop(node: ast.For, scope: Scope) -> Statement:
    escapes = set() if _is_name(node.target) else _names(node.target)
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


# The whole function ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a statement stands: its list, the place in it, the loop whose body the list is."""

    node: ast.stmt
    block: list[ast.stmt]
    loop: ast.stmt | None
    repeated: bool


def places_in(node: Any) -> Iterator[Place]:
    """Give the statements of a function with their places."""
    front: list[tuple[list[ast.stmt], ast.stmt | None, bool]] = [(node.body, None, False)]
    while front:
        block, loop, repeated = front.pop()
        for part in block:
            yield Place(part, block, loop, repeated)
            if isinstance(part, _SCOPES):
                continue
            inner = repeated or isinstance(part, _LOOPS)
            for name, value in ast.iter_fields(part):
                if name in ("handlers", "cases"):
                    front += [(case.body, None, inner) for case in value]
                elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                    body = isinstance(part, _LOOPS) and name == "body"
                    front.append((value, part if body else None, inner))


def lone_names(node: ast.FunctionDef, scope: Scope) -> Lone | None:
    """Find the lone names of a function with loops; None if there are none."""
    parts = list(ast.walk(node))
    if not any(isinstance(part, _LOOPS) for part in parts) or any(map(is_strange, parts)):
        return None
    places = list(places_in(node))
    looks = {id(place.node): look(place.node, scope) for place in places}
    made = Lone(bound_plainly(node, scope) & _of_arrays(node, places, looks), looks)
    while made.names:
        before = set(made.names)
        _follow_moves(made, node, places, looks)
        for place in places:
            escapes = escaping(looks[id(place.node)], place.node, made.names)
            if escapes and not _may_be_boxed(place, escapes):
                made.names -= escapes
        if made.names == before:
            return made
    return None


def escaping(here: Statement, node: ast.stmt, names: set[str]) -> set[str]:
    """Lone names whose arrays a statement hands on."""
    found = here.escapes & names
    together = isinstance(node, ast.AugAssign) or len(here.names) > 1
    if here.reading is not None and together and not names.issuperset(here.names):
        found |= names.intersection(here.reading.names)
    return found


def is_strange(node: ast.AST) -> bool:
    """Whether something gives, or binds, the names of a function in an unusual way."""
    if isinstance(node, ast.Name):
        return node.id in _SEEING or node.id == "object"  # arrays that hold traced numbers
    return isinstance(node, _STRANGE) or (isinstance(node, ast.Attribute) and node.attr in _FRAMES)


def _may_be_boxed(place: Place, escapes: set[str]) -> bool:
    """Whether arrays can be boxed before a statement, which comes to them in any case."""
    node = place.node
    if isinstance(node, (ast.AugAssign, ast.Match, ast.Try, ast.Assert, *_LOOPS, *_SCOPES)) or (
        place.repeated and not isinstance(node, ast.Return)
    ):
        return False
    for part in _header(node):
        for inner in ast.walk(part):
            if isinstance(inner, (ast.IfExp, ast.BoolOp, *_INSIDE)) and escapes & _names(inner):
                return False
    return True


def bound_plainly(node: ast.FunctionDef, scope: Scope) -> set[str]:
    """Names that are bound by assignments and loops only, and that no function inside sees."""
    plain = {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    inside: set[str] = set()
    strange: set[str] = set()
    simple: set[int] = set()
    for part in ast.walk(node):
        if isinstance(part, _INSIDE) and part is not node:
            inside |= _names(part) | {a.arg for a in ast.walk(part) if isinstance(a, ast.arg)}
            inside.add(getattr(part, "name", ""))
        targets: list[ast.expr] = []
        if isinstance(part, ast.Assign):
            targets = part.targets
        elif isinstance(part, ast.AugAssign | ast.For):
            targets = [part.target]
        elif isinstance(part, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            strange.add(part.name or "")
        elif isinstance(part, ast.alias):
            strange.add((part.asname or part.name).partition(".")[0])
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            simple |= {id(name) for name in parts if isinstance(name, ast.Name)}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            (plain if id(part) in simple else strange).add(part.id)
    return (plain & scope.own) - strange - inside


def _of_arrays(node: ast.AST, places: list[Place], looks: dict[int, Statement]) -> set[str]:
    """Names that seem to stand for arrays."""
    found = {
        part.value.id
        for part in ast.walk(node)
        if isinstance(part, ast.Subscript)
        and isinstance(part.value, ast.Name)
        and any(isinstance(inner, ast.Slice) for inner in ast.walk(part.slice))
    }
    called = {
        looks[id(place.node)].names[0]
        for place in places
        if isinstance(getattr(place.node, "value", None), ast.Call)
        and looks[id(place.node)].names
        and looks[id(place.node)].reading is None
    }
    while True:
        before = len(found)
        for place in places:
            made = looks[id(place.node)]
            for region in made.reading.regions if made.reading is not None else ():
                if not found.isdisjoint(region):
                    found |= called.intersection(region)
            if made.moved and not found.isdisjoint(_names(place.node)):
                found |= _names(place.node)
            reading = made.reading
            if reading is None or reading.kind == NUMBER:
                continue
            if reading.on_arrays or not found.isdisjoint(reading.names):
                found |= set(made.names)
        if len(found) == before:
            return found


# Moves -------------------------------------------------------------------------------------------


def _follow_moves(
    made: Lone, node: ast.AST, places: list[Place], looks: dict[int, Statement]
) -> None:
    """See where arrays get other names; drop those whose arrays would be changed by two names."""
    made.cleared, shared, moved = {}, [], []
    for place in places:
        here = looks[id(place.node)]
        if not here.moved:
            continue
        assert isinstance(place.node, ast.Assign)
        sources = [n.id for n in ast.walk(place.node.value) if isinstance(n, ast.Name)]
        lost = [name for name in sources if name not in here.names]
        pairs = list(zip(here.names, sources, strict=True))
        if len(set(sources)) == len(sources) and all(_is_over(n, place, node) for n in lost):
            made.cleared[id(place.node)] = lost
            moved += pairs
        else:
            shared += pairs
    made.aliases = _groups(shared)
    guarded = any(isinstance(place.node, ast.Try | ast.With) for place in places)
    seen = {_written(place.node) for place in places}
    for place in places:
        escapes = looks[id(place.node)].escapes
        if isinstance(place.node, ast.Return) and not guarded:  # the other names are cleared
            read = _names(place.node)
            escapes = {n for n in escapes if len(read & made.aliases.get(n, set())) > 1}
        seen |= escapes
    for _, source in shared:
        if not made.aliases[source].isdisjoint(seen):
            made.names.discard(source)
    for target, source in shared + moved:
        if target not in made.names:
            made.names.discard(source)


def _groups(pairs: list[tuple[str, str]]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for one, other in pairs:
        both = groups.get(one, {one}) | groups.get(other, {other})
        for name in both:
            groups[name] = both
    return groups


def _written(node: ast.stmt) -> str | None:
    """Name of an array that a statement writes into."""
    if isinstance(node, ast.AugAssign):
        return _root(node.target)
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript | ast.Attribute):
                return _root(target)
    return None


def _is_over(name: str, place: Place, node: ast.AST) -> bool:
    """Whether nobody reads a name after a statement in a loop before it is bound again."""
    if place.loop is None:
        return False
    k = next(j for j, part in enumerate(place.block) if part is place.node)
    if any(name in _names(part) for part in place.block[k + 1 :]):
        return False
    reads = _count_reads(node, name)
    if reads != sum(_count_reads(part, name) for part in place.block):
        return False
    first = next(part for part in place.block if name in _names(part))
    if not isinstance(first, ast.Assign) or name in _names(first.value):
        return False
    return any(_is_name(target) and name in _names(target) for target in first.targets)


def _count_reads(node: ast.AST, name: str) -> int:
    reads = (n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == name)
    return sum(isinstance(n.ctx, ast.Load) for n in reads)

"""Names of a function whose arrays nobody else sees: what the function does with them.

A name is *lone* if the function computes with its arrays, reads and writes parts of them, and hands
them on at its end or outside of loops only, where they can be boxed (`sciad.core.late`). A name
that goes into a container, a closure, a call of something unknown, or has a view with a name, is
not. What is wrong here does no harm to derivatives: an array is boxed only if it is seen to be
alone when that happens.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sciad.core.looks import Statement, binds_names, header_of, look, names_in, root_of
from sciad.core.readers import NUMBER
from sciad.core.readings import Scope

__all__ = [
    "Lone",
    "Place",
    "bound_plainly",
    "escaping",
    "is_strange",
    "is_watched",
    "lone_names",
    "places_in",
]

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_INSIDE = (*_SCOPES, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.While)
_STRANGE = (ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr, ast.Global, ast.Nonlocal)
#: Functions and attributes that see the names of a running function.
_SEEING = frozenset({"locals", "globals", "vars", "eval", "exec", "dir", "breakpoint"})
_FRAMES = frozenset({"_getframe", "currentframe", "f_locals", "set_trace"})


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


def is_watched() -> bool:
    """Whether a debugger runs: it holds what the names of a function stand for."""
    tracer = sys.gettrace()
    if tracer is not None:
        return not type(tracer).__module__.startswith("coverage")
    monitoring: Any = getattr(sys, "monitoring", None)
    return monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None


def _may_be_boxed(place: Place, escapes: set[str]) -> bool:
    """Whether arrays can be boxed before a statement, which comes to them in any case."""
    node = place.node
    if isinstance(node, (ast.AugAssign, ast.Match, ast.Try, ast.Assert, *_LOOPS, *_SCOPES)) or (
        place.repeated and not isinstance(node, ast.Return)
    ):
        return False
    for part in header_of(node):
        for inner in ast.walk(part):
            if isinstance(inner, (ast.IfExp, ast.BoolOp, *_INSIDE)) and escapes & names_in(inner):
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
            inside |= names_in(part) | {a.arg for a in ast.walk(part) if isinstance(a, ast.arg)}
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
            if made.moved and not found.isdisjoint(names_in(place.node)):
                found |= names_in(place.node)
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
            read = names_in(place.node)
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
        return root_of(node.target)
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript | ast.Attribute):
                return root_of(target)
    return None


def _is_over(name: str, place: Place, node: ast.AST) -> bool:
    """Whether nobody reads a name after a statement in a loop before it is bound again."""
    if place.loop is None:
        return False
    k = next(j for j, part in enumerate(place.block) if part is place.node)
    if any(name in names_in(part) for part in place.block[k + 1 :]):
        return False
    reads = _count_reads(node, name)
    if reads != sum(_count_reads(part, name) for part in place.block):
        return False
    first = next(part for part in place.block if name in names_in(part))
    if not isinstance(first, ast.Assign) or name in names_in(first.value):
        return False
    return any(binds_names(target) and name in names_in(target) for target in first.targets)


def _count_reads(node: ast.AST, name: str) -> int:
    reads = (n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == name)
    return sum(isinstance(n.ctx, ast.Load) for n in reads)

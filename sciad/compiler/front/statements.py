"""Statements: assignments, branches, loops."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sciad.compiler.front import functions, language, overloads, precision, recursion, singles
from sciad.compiler.front.calls import may_write
from sciad.compiler.front.expressions import binary, condition
from sciad.compiler.front.joins import gathered
from sciad.compiler.front.loops import for_loop, while_loop
from sciad.compiler.front.merge import (
    DIFFERENT,
    FROZEN,
    MIXED,
    UNSET,
    as_complex,
    filler,
    is_scalar,
    layout,
    leaves,
    rebuild,
    same,
    storages,
)
from sciad.compiler.front.moving import demand_of, memories, now, read_only
from sciad.compiler.front.types import join
from sciad.compiler.front.values import (
    Abstract,
    Closure,
    ComplexOf,
    Memory,
    Missing,
    StaticArray,
    Unsure,
)
from sciad.compiler.ir import (
    INT,
    Const,
    Failure,
    If,
    Operand,
    Region,
    Value,
    const,
)
from sciad.compiler.vocabulary import arrays, indexing

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["assign", "branch", "execute"]


def execute(low: Lowering, body: list[ast.stmt]) -> None:
    """Lower statements until the end or until control cannot come any further."""
    for node in body:
        if low.dead:
            return
        low.at(node)
        handler = _HANDLERS.get(type(node))
        if handler is None:
            low.refuse(f"a statement of kind {type(node).__name__} cannot be compiled", node)
        recursion.attempt(low, partial(handler, low, node))


# -- assignments ---------------------------------------------------------------------------------
def _assign(low: Lowering, node: ast.Assign) -> None:
    target = node.targets[0]
    if isinstance(target, ast.Name) and target.id.startswith(".go"):
        value: Abstract = condition(low, node.value)
    else:
        value = arrays.settled(low, low.evaluate(node.value), node)
    for target in node.targets:
        assign(low, target, value)


def _annotated(low: Lowering, node: ast.AnnAssign) -> None:
    if node.value is not None:
        assign(low, node.target, arrays.settled(low, low.evaluate(node.value), node))


def assign(low: Lowering, target: ast.expr, value: Abstract) -> None:
    """Bind a target: a name, a tuple of targets, an element or a slice."""
    if isinstance(target, ast.Name):
        if isinstance(value, Value) and value.name == "v":
            value.name = target.id
        low.bind(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List) and language.starred(target):
        language.assign_starred(low, target, value)
    elif isinstance(target, ast.Tuple | ast.List):
        items = indexing.unpacked(low, value, len(target.elts), target)
        for element, item in zip(target.elts, items, strict=True):
            assign(low, element, item)
    elif isinstance(target, ast.Subscript):
        owner = low.evaluate(target.value)
        indexing.store(low, owner, indexing.subscript(low, target.slice), value, target)
    else:
        hint = "assign to a name or to an element of an array"
        if isinstance(target, ast.Attribute):
            hint = f"make a new object: dataclasses.replace(..., {target.attr}=...)"
        low.refuse(f"assignment to {ast.unparse(target)} cannot be compiled", target, hint)


def _augmented(low: Lowering, node: ast.AugAssign) -> None:
    target = node.target
    if isinstance(target, ast.Name):
        old = low.read(ast.copy_location(ast.Name(target.id, ast.Load()), target))
        change = low.evaluate(node.value)
        if isinstance(old, ComplexOf) and is_scalar(old.re):
            low.bind(target.id, binary(low, type(node.op), old, change, node))
        elif isinstance(old, StaticArray | Memory | ComplexOf) and not is_scalar(old):
            new = binary(low, type(node.op), old, change, node)
            indexing.store_all(low, old, new, node)
        elif is_scalar(old) or overloads.augments(low, type(node.op), old, node):
            low.bind(
                target.id, arrays.settled(low, binary(low, type(node.op), old, change, node), node)
            )
        else:
            low.refuse("an augmented assignment to something other than a number or array", node)
    elif isinstance(target, ast.Subscript):
        owner = low.evaluate(target.value)
        index = indexing.subscript(low, target.slice)
        if may_write(low, node.value):  # Python reads the old element first
            old = indexing.item(low, owner, index, node)
            change = low.evaluate(node.value)
        else:
            change = low.evaluate(node.value)
            minus = isinstance(node.op, ast.Sub)
            if isinstance(node.op, ast.Add | ast.Sub) and indexing.accumulate(
                low, owner, index, change, minus, node
            ):
                return
            old = indexing.item(low, owner, index, node)
        indexing.store(low, owner, index, binary(low, type(node.op), old, change, node), node)
    else:
        hint = "make a new object with dataclasses.replace"
        low.refuse("an augmented assignment to an attribute cannot be compiled", node, hint)


# -- leaving -------------------------------------------------------------------------------------
def _raise(low: Lowering, node: ast.Raise) -> None:
    name, message = language.exception_of(node)
    low.b.check(const(False), Failure(name, message, low.at(node)))
    low.dead = True


def _assert(low: Lowering, node: ast.Assert) -> None:
    message = ast.unparse(node.test) if node.msg is None else language.text_of(node.msg)
    low.check(condition(low, node.test), "AssertionError", message, node)


def _expression(low: Lowering, node: ast.Expr) -> None:
    if not isinstance(node.value, ast.Constant):
        low.evaluate(node.value)


def _function(low: Lowering, node: ast.FunctionDef) -> None:
    if node.decorator_list:
        low.refuse("a decorated inner function cannot be compiled", node, "define it outside")
    defaults = tuple(low.evaluate(d) for d in node.args.defaults)
    low.bind(node.name, Closure(node, low.frame, defaults, language.named_defaults(low, node)))


# -- branches ------------------------------------------------------------------------------------
def _if(low: Lowering, node: ast.If) -> None:
    test = condition(low, node.test)
    branch(low, test, lambda: execute(low, node.body), lambda: execute(low, node.orelse), node)


@dataclass
class _Side:
    region: Region
    env: dict[Any, Abstract]
    dead: bool
    results: list[Operand]


def branch(
    low: Lowering,
    test: Operand,
    then: Callable[[], None],
    orelse: Callable[[], None],
    node: ast.AST,
) -> None:
    """Execute one of two thunks, or both into an `If` whose values are joined."""
    if isinstance(test, Const):
        (then if test.value else orelse)()
        return
    location, before, mark = low.at(node), low.env, now()
    sides = []
    unsettled = False
    for thunk, holds in ((then, True), (orelse, False)):
        low.env = dict(before)
        with low.b.inside(Region()) as region, low.assuming(test, holds):
            unsettled |= recursion.attempt(low, thunk)
        sides.append(_Side(region, low.env, low.dead, []))
        low.dead = False
    outs: list[Value] = []
    low.env = _joined(low, before, sides, outs, (node, mark))
    low.dead = all(side.dead for side in sides)
    if low.dead and unsettled:
        raise recursion.Unsettled
    for side in sides:
        side.region.results = tuple(side.results)
    first, second = (side.region for side in sides)
    if not any(side.dead for side in sides):
        pairs = zip(outs, first.results, second.results, strict=True)
        low.choices.update((out, (test, x, y)) for out, x, y in pairs if out.type is INT)
    low.b.region.nodes.append(If(test, first, second, tuple(outs), location))


def _joined(low: Lowering, before: dict, sides: list[_Side], outs: list[Value], place) -> dict:
    env = dict(before)
    keys = dict.fromkeys([*sides[0].env, *sides[1].env])
    for key in keys:
        a, b = (side.env.get(key) for side in sides)
        if all(side.dead for side in sides) or same(a, b):
            env[key] = b if a is None else a
            continue
        if sides[0].dead or sides[1].dead:
            a = b = sides[0].env.get(key) if sides[1].dead else sides[1].env.get(key)
            if a is None or same(a, before.get(key)):
                env[key] = a if a is not None else DIFFERENT
                continue
        env[key] = _join(low, key, a, b, sides, outs, env, place)
    return env


def _join(low, key, a, b, sides, outs, env, place) -> Abstract:
    if any(x is None or isinstance(x, Unsure) for x in (a, b)):
        return _join_unsure(low, key, (a, b), sides, outs, env, place)
    envs = [side.env for side in sides]
    for k, side in enumerate(sides):
        if side.dead:
            envs[k] = sides[1 - k].env
    if is_scalar(a) and isinstance(b, ComplexOf) and is_scalar(b.re):
        with low.b.inside(sides[0].region):
            a = as_complex(low, a)
    elif is_scalar(b) and isinstance(a, ComplexOf) and is_scalar(a.re):
        with low.b.inside(sides[1].region):
            b = as_complex(low, b)
    if UNSET in (a, b):
        unset: Any = (a is UNSET, b is UNSET)
    elif isinstance(a, Missing) or isinstance(b, Missing):
        wishes = [x for x in (a, b) if isinstance(x, Missing)]
        return next((x for x in wishes if x.demand is not None), wishes[0])
    else:
        unset = (False, False)
    live = [not (side.dead or missing) for side, missing in zip(sides, unset, strict=True)]
    a, b = functions.chosen(a, b)
    a, b = gathered(low, key, (a, b), sides, envs, live, *place)
    if isinstance(a, Missing) and a is not UNSET:
        return a
    known = (b, envs[1]) if a is UNSET else (a, envs[0])
    layouts = [layout(v, e) for v, e in zip((a, b), envs, strict=True) if v is not UNSET]
    if layouts[0] != layouts[-1]:
        return DIFFERENT
    pairs = [(v, e) for v, e, used in zip((a, b), envs, live, strict=True) if used]
    if len({tuple(cells.element for cells in storages(v, e)) for v, e in pairs}) > 1:
        return MIXED
    columns = []
    for value, own, side in zip((a, b), envs, sides, strict=True):
        with low.b.inside(side.region):
            columns.append(None if value is UNSET or side.dead else leaves(low, value, own))
        for cells in storages(value, own):
            cells.frozen = cells.frozen or FROZEN
    if low.single and not singles.join_all(columns):
        return singles.MIXED
    made = [_phi(low, x, y, sides, outs, key) for x, y in zip(*_filled(columns), strict=True)]
    env[key] = rebuild(known[0], known[1], iter(made), env)
    held = [m for v, own in zip((a, b), envs, strict=True) for m in memories(v, own)]
    if not all(m.writable for m in held):
        read_only(env, key)
    return env[key]


def _join_unsure(low, key, values, sides, outs, env, place) -> Abstract:
    """Join what a name stands for if it may have no value: a value and whether it has been set."""
    if not isinstance(key[1], str):
        return DIFFERENT
    for value in values:
        if isinstance(value, Missing):
            return value
    wish = demand_of(low, place[0], key)
    if None in values and wish not in low.in_memory:
        return Missing("it is assigned on some paths only", wish)
    inner = [x.value if isinstance(x, Unsure) else UNSET if x is None else x for x in values]
    flags = [x.defined if isinstance(x, Unsure) else const(x is not None) for x in values]
    known = _join(low, key, inner[0], inner[1], sides, outs, env, place)
    if isinstance(known, Missing):
        return known
    defined = _phi(low, flags[0], flags[1], sides, outs, (0, "defined"))
    return known if defined == const(True) else Unsure(known, defined)


def _filled(columns: list[list | None]) -> list[list]:
    other = next(c for c in columns if c is not None)
    return [[filler(x) for x in other] if c is None else c for c in columns]


def _phi(low, x, y, sides, outs, key) -> Operand:
    origins = {precision.origin_of(low.b, v) for v in (x, y)} if low.single else set()
    if x == y and isinstance(x, Const) and len(origins) < 2:
        return x
    if x is y:
        return x
    kind = join(x, y)
    named = [v.name for v in (x, y) if isinstance(v, Value)]
    name = key[1] if isinstance(key[1], str) else (named or ["v"])[0]
    out = Value(name.strip("."), kind)
    for side, operand in zip(sides, (x, y), strict=True):
        with low.b.inside(side.region):
            side.results.append(low.b.cast(operand, kind))
    outs.append(out)
    if len(origins) == 1:
        low.b.origin[out] = origins.pop()
    return out


_HANDLERS: dict[type[ast.stmt], Callable[[Any, Any], None]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.Expr: _expression,
    ast.FunctionDef: _function,
    ast.If: _if,
    ast.For: for_loop,
    ast.While: while_loop,
    ast.Pass: lambda low, node: None,
    ast.Nonlocal: language.check_nonlocal,
    ast.Delete: language.delete,
    ast.With: lambda low, node: low.refuse(
        "with cannot be compiled", node, "move it out of the compiled function"
    ),
    ast.Match: lambda low, node: low.refuse(
        "match with such a pattern cannot be compiled", node, "use if / elif"
    ),
}

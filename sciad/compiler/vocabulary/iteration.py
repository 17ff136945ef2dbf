"""What `for` runs over besides known sequences: long arrays, zip, enumerate, generators.

A comprehension or generator expression over something of known length is unrolled; otherwise it is
written as the loop it stands for, in the language itself, so that conditions, carried values and
jumps are those of any loop. Names that start with a dot cannot clash with the user's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from sciad.compiler.front import calls, language
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    Elements,
    ListOf,
    Memory,
    RangeOf,
    Rows,
    StaticArray,
    TupleOf,
)
from sciad.compiler.ir import INT, Const, Region, Value, const, walk
from sciad.compiler.vocabulary import arrays, fancy, whole

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["Generator", "comprehension", "consumed"]

_serial = count(1)


@dataclass(frozen=True, eq=False)
class Generator:
    """A generator expression that has not run yet."""

    node: ast.GeneratorExp


# -- comprehensions ------------------------------------------------------------------------------
def comprehension(low: Lowering, node: Any) -> Abstract:
    """Lower a list comprehension, or a generator expression that is taken as a list."""
    from sciad.compiler.front.expressions import make_list

    with _scope(low, node.generators):
        first = arrays.settled(low, low.evaluate(node.generators[0].iter), node)
        long = _is_unknown(first) or language.is_long(first)
        found = None if long else _listed(low, node, first)
        if found is None:
            return _collected(low, node, first)
    return make_list(low, found, node)


def _is_unknown(value: Abstract) -> bool:
    if isinstance(value, Memory | Elements):
        return not (value.shape and isinstance(value.shape[0], Const))
    if isinstance(value, RangeOf):
        parts = (value.start, value.stop, value.step)
        return not all(isinstance(p, Const) for p in parts)
    return isinstance(value, Rows) and any(map(_is_unknown, value.sources))


@contextmanager
def _scope(low: Lowering, generators: list[ast.comprehension]) -> Iterator[None]:
    """Hide the names of the targets from the code around."""
    targets = [n for g in generators for n in ast.walk(g.target) if isinstance(n, ast.Name)]
    names, frame, prefix = {n.id for n in targets}, low.frame, low.site_prefix
    hidden = {n: low.env.pop((frame.serial, n), None) for n in names}
    new = names - frame.names
    frame.names |= new
    try:
        yield
    finally:
        low.site_prefix = prefix
        frame.names -= new
        for name, value in hidden.items():
            low.env.pop((frame.serial, name), None)
            if value is not None:
                low.env[(frame.serial, name)] = value


def _listed(low: Lowering, node: Any, first: Abstract) -> list[Abstract] | None:
    """Unroll; None if a condition is not known or an inner length is not."""
    from sciad.compiler.front.expressions import condition
    from sciad.compiler.front.statements import assign

    items: list[Abstract] = []
    several = len(node.generators) > 1 or any(g.ifs for g in node.generators)

    def visit(depth: int, iterable: Abstract, prefix: tuple) -> bool:
        if depth and _is_unknown(iterable):
            return False
        generator = node.generators[depth]
        for k, value in enumerate(calls.iterated(low, iterable, node)):
            low.site_prefix = (*prefix, k)
            assign(low, generator.target, value)
            tests = [condition(low, test) for test in generator.ifs]
            if not all(isinstance(t, Const) for t in tests):
                return False
            if not all(t.value for t in tests):
                continue
            if depth + 1 == len(node.generators):
                items.append(arrays.settled(low, low.evaluate(node.elt), node.elt))
            elif not visit(
                depth + 1, low.evaluate(node.generators[depth + 1].iter), low.site_prefix
            ):
                return False
        return True

    if not several:
        visit(0, first, low.site_prefix)
        return items
    with low.b.inside(Region()) as region:
        done = visit(0, first, low.site_prefix)
    if not done:
        return None
    low.b.region.nodes.extend(region.nodes)
    return items


def _collected(low: Lowering, node: Any, first: Abstract) -> Abstract:
    """Fill an array in memory; with conditions, as much of it as there are items."""
    if len(node.generators) > 1:
        low.refuse("a comprehension with several loops of unknown length", node, "write the loops")
    generator = node.generators[0]
    first = language.source(low, first, node)
    length = language.iteration(low, first, node)
    shape, kind = _item_shape(low, node, first)
    if shape and generator.ifs:
        low.refuse("a list of arrays chosen by a condition", node, "write a loop")
    number = next(_serial)
    names = {k: f".{k}{number}" for k in ("rows", "list", "count")}
    lengths = (length, *shape)
    made: Any = arrays.allocate(low, lengths, "empty", node, not shape, kind)
    if isinstance(made, StaticArray):
        made = fancy.spilled(low, made)
    low.bind(names["rows"], first)
    low.bind(names["list"], Memory(made.buffer, made.offset, made.shape, made.strides, True))
    low.bind(names["count"], const(0))
    place = ast.Subscript(_name(names["list"]), _name(names["count"]), ast.Store())
    body: list[ast.stmt] = [
        ast.Assign([place], node.elt),
        ast.AugAssign(ast.Name(names["count"], ast.Store()), ast.Add(), ast.Constant(1)),
    ]
    _run(low, [_loop(generator, _name(names["rows"]), body)], node)
    total = low.env.pop((low.frame.serial, names["count"])) if generator.ifs else length
    for key in ("rows", "list", "count"):
        low.env.pop((low.frame.serial, names[key]), None)
    return Memory(made.buffer, made.offset, (total, *shape), made.strides, True, not shape)


def _item_shape(low: Lowering, node: Any, source: Abstract) -> tuple[tuple, Any]:
    """Shape and type of an item, found by evaluating one without keeping what it writes."""
    from sciad.compiler.front.kinds import element_type
    from sciad.compiler.front.statements import assign

    before, stored = dict(low.env), len(low.stores)
    with low.b.inside(Region()) as region:
        item = language.element(low, source, Value("k", INT), node)
        assign(low, node.generators[0].target, item)
        item = arrays.settled(low, low.evaluate(node.elt), node.elt)
        if isinstance(item, TupleOf | ListOf):
            item = whole.from_items(low, item, node)
    low.env = before
    del low.stores[stored:]
    if is_scalar(item):
        return (), item.type
    shape = arrays.shape_of(low, item, node)
    inside = {v for n in walk(region) for v in n.outs}
    if any(n in inside for n in shape if isinstance(n, Value)):
        low.refuse("a list of arrays whose lengths differ or are not known", node, "write a loop")
    return shape, element_type(low, item)


# -- generators ----------------------------------------------------------------------------------
def consumed(low: Lowering, kind: str, source: Generator, start: Abstract, node: Any) -> Abstract:
    """Run a generator expression: kind is sum, any, all, max or min."""
    number = next(_serial)
    total, first = f".total{number}", f".first{number}"
    elt = source.node.elt
    body: list[ast.stmt]
    store = lambda value: ast.Assign([ast.Name(total, ast.Store())], value)
    low.bind(total, {"any": const(False), "all": const(True)}.get(kind, start))
    low.bind(first, const(True))
    if kind == "sum":
        body = [store(ast.BinOp(_name(total), ast.Add(), elt))]
    elif kind in ("any", "all"):
        test = elt if kind == "any" else ast.UnaryOp(ast.Not(), elt)
        body = [ast.If(test, [store(ast.Constant(kind == "any")), ast.Break()], [])]
    else:
        body = _better_of(elt, kind, total, first, f".item{number}")
    with _scope(low, source.node.generators):
        _run(low, _nest(source.node.generators, body), source.node)
    key, start_key = ((low.frame.serial, name) for name in (total, first))
    if kind in ("max", "min"):
        some = low.b.pure("not", low.as_scalar(low.env[start_key], node))
        low.check(some, "ValueError", f"{kind}() iterable argument is empty", node)
    low.env.pop(start_key, None)
    return low.env.pop(key)


def _better_of(elt: ast.expr, kind: str, total: str, first: str, item: str) -> list[ast.stmt]:
    """Statements that keep the first of the largest or smallest items."""
    test = ast.Compare(_name(item), [ast.Gt() if kind == "max" else ast.Lt()], [_name(total)])
    keep = ast.Assign([ast.Name(total, ast.Store())], _name(item))
    seen = ast.Assign([ast.Name(first, ast.Store())], ast.Constant(False))
    return [
        ast.Assign([ast.Name(item, ast.Store())], elt),
        ast.If(ast.BoolOp(ast.Or(), [_name(first), test]), [keep, seen], []),
    ]


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _loop(generator: ast.comprehension, source: ast.expr, body: list[ast.stmt]) -> ast.For:
    for test in reversed(generator.ifs):
        body = [ast.If(test, body, [])]
    return ast.For(generator.target, source, body, [])


def _nest(generators: list[ast.comprehension], body: list[ast.stmt]) -> list[ast.stmt]:
    for generator in reversed(generators):
        body = [_loop(generator, generator.iter, body)]
    return body


def _run(low: Lowering, body: list[ast.stmt], node: ast.AST) -> None:
    """Execute statements made here, as if they stood where `node` stands."""
    from sciad.compiler.front.normal import _Normal
    from sciad.compiler.front.statements import execute

    for statement in body:
        for part in ast.walk(statement):
            if not hasattr(part, "lineno"):
                ast.copy_location(part, node)
        ast.fix_missing_locations(ast.copy_location(statement, node))
    execute(low, _Normal().block(body))

"""Largest and smallest elements: where they are, and their value with its derivative.

The search is a loop over ints and comparisons that no derivative passes; the element found is read
once more, so that backwards there is one addition instead of a loop. At a tie the derivative is
shared equally: with m the extremum and k ties, out = m + sum over ties of (x - m) / k.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sciad.compiler.front.types import STATIC_LIMIT
from sciad.compiler.front.values import Elements
from sciad.compiler.ir import FLOAT, INT, Const, If, Loop, Operand, Region, Value, const
from sciad.compiler.vocabulary import whole
from sciad.compiler.vocabulary.functions import _finite

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["either", "extreme", "flat_place", "known_places", "place_of"]

Indices = tuple[Operand, ...]


def known_places(shape: Indices) -> list[Indices] | None:
    """List all indices into an array of known small shape."""
    if not all(isinstance(n, Const) for n in shape):
        return None
    lengths = tuple(int(n.value) for n in shape)
    if int(np.prod(lengths, dtype=np.int64)) > STATIC_LIMIT:
        return None
    return [tuple(const(int(i)) for i in at) for at in np.ndindex(lengths)]


def either(
    low: Lowering, test: Operand, then: Callable[[], Operand], orelse: Callable[[], Operand]
) -> Operand:
    """Compute one of two numbers of one type."""
    if isinstance(test, Const):
        return (then if test.value else orelse)()
    sides = []
    for thunk in (then, orelse):
        with low.b.inside(Region()) as region:
            region.results = (thunk(),)
        sides.append(region)
    out = Value("v", sides[0].results[0].type)
    low.b.region.nodes.append(If(test, sides[0], sides[1], (out,), low.b.location))
    return out


def _better(low: Lowering, code: str, x: Operand, best: Operand) -> Operand:
    """Whether x replaces the best so far; the first nan does, and stays."""
    b = low.b
    test = b.compare(code, x, best)
    if x.type is not FLOAT:
        return test
    new = b.pure("and", b.pure("ne", x, x), b.pure("eq", best, best))
    return b.pure("or", test, new)


def place_of(low: Lowering, line: Elements, code: str, node: ast.AST) -> Indices:
    """Find the indices of the first largest ("gt") or smallest ("lt") element."""
    message = "an extremum of an empty array"
    low.check(whole._nonempty(low, line.shape), "ValueError", message, node)
    places = known_places(line.shape)
    zero = tuple(const(0) for _ in line.shape)
    if places is not None:
        best, found = line.at(places[0]), places[0]
        for at in places[1:]:
            best, found = _step(low, code, line, at, best, found)
        return found
    return _search(low, code, line, (), (line.at(zero), *zero))[1:]


def _step(low, code, line, at, best, found) -> tuple[Operand, Indices]:
    x = line.at(at)
    test = _better(low, code, x, best)
    choose = lambda new, old: low.b.pure("select", test, new, old)
    return choose(x, best), tuple(choose(i, j) for i, j in zip(at, found, strict=True))


def _search(low: Lowering, code: str, line: Elements, done: Indices, start: tuple) -> tuple:
    """Nested loops that carry the best element and its indices."""
    if len(done) == len(line.shape):
        best, found = _step(low, code, line, done, start[0], start[1:])
        return (best, *found)
    n, index = line.shape[len(done)], Value("i", INT)
    low.bounds[index] = (const(0), n)
    names = ["best", *["at"] * len(line.shape)]
    params = tuple(Value(name, s.type) for name, s in zip(names, start, strict=True))
    outs = tuple(Value(name, s.type) for name, s in zip(names, start, strict=True))
    with low.b.inside(Region()) as region:
        region.results = _search(low, code, line, (*done, index), params)
    bounds = (const(0), n, const(1))
    loop = Loop("range", index, *bounds, params, start, region, outs, location=low.b.location)
    low.b.region.nodes.append(loop)
    return outs


def flat_place(low: Lowering, shape: Indices, at: Indices) -> Operand:
    """Give the number of an element in C order."""
    total: Operand = const(0)
    for n, i in zip(shape, at, strict=True):
        total = low.b.add(low.b.mul(total, n), i)
    return total


def extreme(low: Lowering, line: Elements, code: str, node: ast.AST) -> Operand:
    """Largest ("gt") or smallest ("lt") element."""
    places = known_places(line.shape)
    if places is None:
        best = line.at(place_of(low, line, code, node))
    elif not places:
        low.refuse("an extremum of an empty array", node)
    else:
        best = line.at(places[0])
        for at in places[1:]:
            x = line.at(at)
            best = low.b.pure("select", _better(low, code, x, best), x, best)
    if best.type is not FLOAT or (places is not None and len(places) == 1):
        return best
    return _shared(low, line, best, node)


def _shared(low: Lowering, line: Elements, best: Operand, node: ast.AST) -> Operand:
    b = low.b
    tied = lambda x: b.pure("eq", x, best)
    marks = Elements(line.shape, lambda at: b.cast(tied(line.at(at)), INT))
    ties = whole.reduced(low, marks, b.add, const(0), node)

    def over_ties(term: Callable[[Operand], Operand]) -> Operand:
        add = lambda t, x: b.add(t, b.pure("select", tied(x), term(x), const(0.0)))
        return b.div(whole.reduced(low, line, add, const(0.0), node), ties)

    level = lambda: b.add(best, over_ties(lambda x: b.sub(x, best)))
    infinite = lambda: over_ties(lambda x: x)
    several = lambda: either(low, _finite(b, best), level, infinite)
    return either(low, b.compare("gt", ties, const(1)), several, lambda: best)

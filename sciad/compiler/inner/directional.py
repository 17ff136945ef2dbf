"""Directional derivatives inside compiled functions: jvp, vjp, hvp, and values without any."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    Derivative,
    Elements,
    ListOf,
    Memory,
    Object,
    StaticArray,
    Structure,
    TupleOf,
)
from sciad.compiler.inner import matrices
from sciad.compiler.inner.leafwise import floats, replaced
from sciad.compiler.inner.regions import Inner
from sciad.compiler.inner.requests import (
    argnums_of,
    checked_callable,
    like_arguments,
    number_of,
    plain,
)
from sciad.compiler.ir import FLOAT, FLOAT32, Operand, const
from sciad.core import transforms

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["PRODUCTS", "pull"]

Arguments = list[Abstract]


def _bound(low: Lowering, function: Callable, args: Arguments, named: dict, node: ast.AST) -> Any:
    try:
        bound = inspect.signature(function).bind(*args, **named)
    except TypeError as error:
        low.refuse(f"sciad.{function.__name__}: {error}", node)
    bound.apply_defaults()
    return bound.arguments


def _jvp(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
    given = _bound(low, transforms.jvp, args, named, node)
    checked_callable(low, given["fun"], "jvp", node)
    primals, tangents = (_sequence(low, given[k], k, node) for k in ("primals", "tangents"))
    if len(primals) != len(tangents):
        low.refuse("sciad.jvp: primals and tangents differ in number", node)
    aux = _flag(low, given["has_aux"], "jvp", node)
    moving = [k for k, t in enumerate(tangents) if not _is_none(t)]
    inner = Inner(low, given["fun"], primals, {}, moving, aux, "jvp", node)
    if inner.dead:
        return const(0.0)
    row = [x for k in moving for x in laid(low, primals[k], tangents[k], "tangent", node)]
    leaves = inner.along(row)
    value = inner.result(inner.value)
    stream = iter(inner.like_outputs(leaves))
    tangent = replaced(low, value, stream, node, lambda item: Object(None))
    extra = (inner.result(inner.extra),) if aux else ()
    return TupleOf((value, tangent, *extra))


def _is_none(value: Abstract) -> bool:
    return isinstance(value, Object) and value.value is None


def _flag(low: Lowering, value: Any, kind: str, node: ast.AST) -> bool:
    return value if isinstance(value, bool) else bool(plain(low, value, "has_aux=", kind, node))


def _sequence(low: Lowering, value: Abstract, name: str, node: ast.AST) -> Arguments:
    if isinstance(value, TupleOf):
        return list(value.items)
    if isinstance(value, ListOf):
        return [low.cell(value.cells, k) for k in range(value.cells.size)]
    return low.refuse(
        f"sciad.jvp: {name} must be a tuple with one entry for each argument",
        node,
        "write (x,) for one argument",
    )


def laid(low: Lowering, like: Abstract, given: Abstract, what: str, node: ast.AST) -> list:
    """Leaves of a tangent or cotangent, one for each leaf of what it belongs to."""
    if not floats(low, like):
        return []
    if _is_none(given):
        return [None] * len(floats(low, like))
    if is_scalar(like):
        return [low.as_scalar(given, node, FLOAT)]
    if isinstance(like, StaticArray | Memory):
        return matrices.laid_array(low, like, given, what, node)
    pairs = _pairs(low, like, given)
    if pairs is None:
        low.refuse(f"a {what} does not have the structure of what it belongs to", node)
    return [leaf for a, b in pairs for leaf in laid(low, a, b, what, node)]


def _pairs(low: Lowering, like: Abstract, given: Abstract) -> list[tuple] | None:
    if isinstance(like, Structure):
        if not isinstance(given, Structure) or set(given.items) != set(like.items):
            return None
        return [(like.items[k], given.items[k]) for k in like.items]
    items = []
    for value in (like, given):
        if isinstance(value, ListOf):
            items.append([low.cell(value.cells, k) for k in range(value.cells.size)])
        elif isinstance(value, TupleOf):
            items.append(list(value.items))
        else:
            return None
    return list(zip(*items, strict=True)) if len(items[0]) == len(items[1]) else None


def _vjp(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
    aux = _flag(low, named.pop("has_aux", False), "vjp", node)
    if named or not args:
        low.refuse("sciad.vjp takes a function and its arguments", node)
    function, *primals = args
    checked_callable(low, function, "vjp", node)
    moving = [k for k, x in enumerate(primals) if floats(low, x)]
    inner = Inner(low, function, primals, {}, moving, aux, "vjp", node)
    if inner.dead:
        return const(0.0)
    inner.written_once()
    value = inner.result(inner.value)
    pullback = Derivative("pullback", function, {"inner": inner, "primals": primals, "like": value})
    extra = (inner.result(inner.extra),) if aux else ()
    return TupleOf((value, pullback, *extra))


def pull(low: Lowering, target: Derivative, args: Arguments, named: dict, node) -> Abstract:
    """Call a pullback."""
    inner: Inner = target.options["inner"]
    if len(args) != 1 or named:
        low.refuse("a pullback takes one cotangent", node)
    if not inner.lasting:
        low.refuse(
            "a pullback is called of a function that reads an array which may have changed since",
            node,
            "use sciad.grad, or give the array to sciad.vjp as an argument",
        )
    cotangents = laid(low, target.options["like"], args[0], "cotangent", node)
    leaves = iter(inner.like_inputs(inner.pulled(cotangents)))
    none = lambda item: Object(None)
    return TupleOf(tuple(replaced(low, x, leaves, node, none) for x in target.options["primals"]))


def _hvp(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
    given: dict[str, Any] = {"argnums": const(0), **named}
    options = {"argnums": plain(low, given.pop("argnums"), "argnums=", "hvp", node)}
    positional = [*args]
    for name in ("fun", "x", "v")[len(args) :]:
        if name not in given:
            low.refuse(f"sciad.hvp lacks the argument {name!r}", node)
        positional.append(given.pop(name))
    function, x, v, *rest = positional
    checked_callable(low, function, "hvp", node)
    single = isinstance(options["argnums"], int)
    points, vectors = ([x], [v]) if single else (_sequence(low, p, "x, v", node) for p in (x, v))
    size = len(points) + len(rest)
    blank: Arguments = [const(0)] * size
    numbers, _ = argnums_of(low, Derivative("hvp", function, options), blank, node)
    if not len(points) == len(vectors) == len(numbers):
        low.refuse("sciad.hvp: points, vectors and argnums differ in number", node)
    at, held = dict(zip(numbers, points, strict=True)), iter(rest)
    full = [at[k] if k in at else next(held) for k in range(size)]
    inner = Inner(low, function, full, given, numbers, False, "hvp", node)
    if inner.dead:
        return const(0.0)
    number_of(inner)
    pairs = zip(points, vectors, strict=True)
    row = [leaf for p, q in pairs for leaf in laid(low, p, q, "vector", node)]
    (leaves,) = inner.curved([row], given=False)
    return like_arguments(inner, leaves, single)


# -- values without derivative -------------------------------------------------------------------
def _stop_gradient(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
    given = _bound(low, transforms.stop_gradient, args, named, node)
    return _stopped(low, given["x"], node)


def _stopped(low: Lowering, value: Abstract, node: ast.AST) -> Abstract:
    from sciad.compiler.vocabulary import whole

    def stop(x: Operand) -> Operand:
        if x.type is FLOAT32:
            return low.b.cast(low.b.pure("stop", low.b.cast(x, FLOAT)), FLOAT32)
        return low.b.pure("stop", x) if x.type is FLOAT else x

    if is_scalar(value):
        return stop(value)
    if isinstance(value, StaticArray | Memory | Elements):
        return whole.arrays.settled(low, whole.elementwise(low, stop, [value], node), node)
    again = lambda item: _stopped(low, item, node)
    if isinstance(value, TupleOf):
        return replace(value, items=tuple(map(again, value.items)))
    if isinstance(value, Structure):
        return replace(value, items={k: again(v) for k, v in value.items.items()})
    if isinstance(value, ListOf):
        from sciad.compiler.front.expressions import make_list

        items = [again(low.cell(value.cells, k)) for k in range(value.cells.size)]
        return make_list(low, items, node)
    return value


PRODUCTS: dict[Any, Callable] = {
    transforms.jvp: _jvp,
    transforms.vjp: _vjp,
    transforms.hvp: _hvp,
    transforms.stop_gradient: _stop_gradient,
}

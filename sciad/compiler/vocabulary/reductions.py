"""Reductions and scans along axes: sum, mean, var, max, argmax, norm, cumsum and their sisters."""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.arithmetic import arithmetic
from sciad.compiler.front.kinds import converted, dtype_argument, element_type
from sciad.compiler.front.values import Abstract, Elements, Object
from sciad.compiler.ir import BOOL, FLOAT, Const, Operand, const
from sciad.compiler.vocabulary import arrays, iteration, whole
from sciad.compiler.vocabulary.extremes import either, extreme, flat_place, known_places, place_of
from sciad.compiler.vocabulary.functions import scalar_call
from sciad.compiler.vocabulary.signature import axes_of, axis_of, bound, flag

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["FUNCTIONS", "METHODS", "along", "size_of"]

_ONE = const(1)
Indices = tuple[Operand, ...]


def size_of(low: Lowering, shape: Indices) -> Operand:
    """Multiply the lengths."""
    size: Operand = _ONE
    for n in shape:
        size = arrays.times(low, size, n)
    return size


def along(
    low: Lowering,
    known: Elements,
    axes: tuple[int, ...],
    keep: bool,
    fold: Callable[[Elements], Operand],
    node: ast.AST,
) -> Abstract:
    """Fold the elements along some axes, for each place along the others."""
    ndim = len(known.shape)
    rest = [d for d in range(ndim) if d not in axes]
    inner = tuple(known.shape[d] for d in range(ndim) if d in axes)

    def line(outer: Indices) -> Elements:
        def at(place: Indices) -> Operand:
            mine, others = iter(place), iter(outer)
            return known.at(tuple(next(mine if d in axes else others) for d in range(ndim)))

        return Elements(inner, at)

    if not rest:
        total = fold(line(()))
        if not keep:
            return total
        return arrays.settled(low, Elements((_ONE,) * ndim, lambda at: total), node)
    shape = tuple(_ONE if d in axes else n for d, n in enumerate(known.shape))
    if not keep:
        shape = tuple(known.shape[d] for d in rest)
        return arrays.settled(low, Elements(shape, lambda at: fold(line(at))), node)
    outer = lambda at: tuple(at[d] for d in rest)
    return arrays.settled(low, Elements(shape, lambda at: fold(line(outer(at)))), node)


def _reduction(fold: Callable, names: str = "a axis dtype out keepdims", once: bool = True):
    """Make a handler; `fold(low, line, given, node)` reduces one line."""

    def reduce(low: Lowering, args: list, named: dict, node: ast.Call) -> Abstract:
        given = bound(low, names, args, named, node)
        if "out" in given:
            low.refuse(f"{ast.unparse(node.func)} with out=", node, "assign the result")
        source = given["a"] if once else arrays.settled(low, given["a"], node)
        known = whole.elements(low, source, node)
        if "dtype" in given:
            known = _as_type(low, known, dtype_argument(low, given["dtype"], node), node)
        axes = axes_of(low, given.get("axis"), len(known.shape), node)
        keep = flag(low, given, "keepdims", node)
        return along(low, known, axes, keep, lambda line: fold(low, line, given, node), node)

    return reduce


def _as_type(low: Lowering, known: Elements, kind: Any, node: ast.AST) -> Elements:
    return Elements(known.shape, lambda at: converted(low, known.at(at), kind, node))


def _zero(low: Lowering, line: Elements, value: int) -> Const:
    return const(float(value)) if element_type(low, line) is FLOAT else const(value)


def _sum(low, line: Elements, given, node) -> Operand:
    add = lambda x, y: arithmetic(low, "add", x, y, node)
    return whole.reduced(low, line, add, _zero(low, line, 0), node)


def _prod(low, line: Elements, given, node) -> Operand:
    multiply = lambda x, y: arithmetic(low, "mul", x, y, node)
    return whole.reduced(low, line, multiply, _zero(low, line, 1), node)


def _mean(low, line: Elements, given, node) -> Operand:
    return low.b.div(_sum(low, line, given, node), size_of(low, line.shape))


def _var(low, line: Elements, given, node) -> Operand:
    b = low.b
    mean = _mean(low, line, given, node)
    square = lambda t, x: b.add(t, _square(low, b.sub(x, mean)))
    total = whole.reduced(low, line, square, const(0.0), node)
    size = b.sub(size_of(low, line.shape), low.as_scalar(given.get("ddof", const(0)), node))
    return b.div(total, size)


def _square(low: Lowering, x: Operand) -> Operand:
    return low.b.mul(x, x)


def _root(low: Lowering, x: Operand) -> Operand:
    """Square root whose derivative at 0 is 0."""
    root = lambda: low.b.pure("call", x, attr=("math", "sqrt"))
    return either(low, low.b.compare("eq", x, const(0.0)), lambda: const(0.0), root)


def _std(low, line: Elements, given, node) -> Operand:
    return _root(low, _var(low, line, given, node))


def _all(code: str) -> Callable:
    def fold(low, line: Elements, given, node) -> Operand:
        combine = lambda x, y: low.b.pure(code, x, low.b.truth(y))
        truths = Elements(line.shape, lambda at: low.b.truth(line.at(at)))
        return whole.reduced(low, truths, combine, const(code == "and"), node)

    return fold


def _count(low, line: Elements, given, node) -> Operand:
    ones = Elements(line.shape, lambda at: low.b.cast(low.b.truth(line.at(at)), const(0).type))
    return whole.reduced(low, ones, low.b.add, const(0), node)


def _extreme(code: str) -> Callable:
    return lambda low, line, given, node: extreme(low, line, code, node)


def _span(low, line: Elements, given, node) -> Operand:
    return low.b.sub(extreme(low, line, "gt", node), extreme(low, line, "lt", node))


def _place(code: str) -> Callable:
    def fold(low, line: Elements, given, node) -> Operand:
        return flat_place(low, line.shape, place_of(low, line, code, node))

    return fold


def _builtin(name: str) -> Callable:
    """Any and all of a sequence of known or of run-time length."""

    def handle(low, args, named, node) -> Abstract:
        if args and isinstance(args[0], iteration.Generator):
            return iteration.consumed(low, name, args[0], const(0), node)
        return FUNCTIONS[getattr(np, name)](low, args, named, node)

    return handle


# -- norms ---------------------------------------------------------------------------------------
def _norm(low: Lowering, args: list, named: dict, node: ast.Call) -> Abstract:
    given = bound(low, "x ord axis keepdims", args, named, node)
    known = whole.elements(low, arrays.settled(low, given["x"], node), node)
    kind, ndim = _order(low, given.get("ord"), node), len(known.shape)
    axes = axes_of(low, given.get("axis"), ndim, node)
    matrix = len(axes) == 2 and kind is not None
    if matrix and kind != "fro":
        return _matrix_norm(low, known, kind, axes, given, node)
    if kind is not None and not matrix and (len(axes) != 1 or kind == "fro"):
        low.refuse(f"this norm over {len(axes)} axes", node)
    fold = {None: _norm2, 2: _norm2, "fro": _norm2, 1: _norm1, math.inf: _norm_inf}.get(kind)
    if fold is None:
        low.refuse("a norm other than those of order 1, 2 and inf", node, "write it out")
    keep = flag(low, given, "keepdims", node)
    return along(low, known, axes, keep, lambda line: fold(low, line, node), node)


def _order(low: Lowering, value: Any, node: ast.AST) -> Any:
    if value is None or isinstance(value, Const):
        return None if value is None else value.value
    name = value.value if isinstance(value, Object) else None
    if name in ("fro", "f"):
        return "fro"
    return low.refuse("the order of a norm has to be a constant", node)


def _norm2(low: Lowering, line: Elements, node: ast.AST) -> Operand:
    add = lambda t, x: low.b.add(t, _square(low, low.b.cast(x, FLOAT)))
    return _root(low, whole.reduced(low, line, add, const(0.0), node))


def _norm1(low: Lowering, line: Elements, node: ast.AST) -> Operand:
    return whole.reduced(low, _moduli(low, line, node), low.b.add, const(0.0), node)


def _norm_inf(low: Lowering, line: Elements, node: ast.AST) -> Operand:
    return extreme(low, _moduli(low, line, node), "gt", node)


def _moduli(low: Lowering, line: Elements, node: ast.AST) -> Elements:
    size = lambda x: scalar_call(low, np.absolute, (low.b.cast(x, FLOAT),), node)
    return Elements(line.shape, lambda at: size(line.at(at)))


def _matrix_norm(low, known, kind, axes, given, node) -> Abstract:
    """Order 1: the largest sum of a column, inf: of a row."""
    if kind not in (1, math.inf) or len(known.shape) != 2 or "keepdims" in given:
        low.refuse("this norm of a matrix", node, "use 'fro', 1 or inf, or write it out")
    summed = axes[0] if kind == 1 else axes[1]
    sums = along(low, known, (summed,), False, lambda line: _norm1(low, line, node), node)
    return extreme(low, whole.elements(low, sums, node), "gt", node)


# -- scans ---------------------------------------------------------------------------------------
def _scan(code: str, first: int) -> Callable:
    def scan(low: Lowering, args: list, named: dict, node: ast.Call) -> Abstract:
        given = bound(low, "a axis", args, named, node)
        known = whole.elements(low, arrays.settled(low, given["a"], node), node)
        if len(known.shape) != 1 and "axis" not in given:
            low.refuse(f"{ast.unparse(node.func)} without axis=", node, "ravel the array first")
        axis = axis_of(low, given.get("axis", const(0)), len(known.shape), node)
        kind = element_type(low, known)
        kind = const(0).type if kind is BOOL else kind
        combine = lambda t, x: arithmetic(low, code, t, x, node)
        start = low.b.cast(const(first), kind)
        if known_places(known.shape) is not None:
            return _unrolled(low, known, axis, combine, start, node)
        return _scanned(low, known, axis, combine, start, node)

    return scan


def _unrolled(low, known: Elements, axis: int, combine, start, node) -> Abstract:
    places = known_places(known.shape)
    assert places is not None
    made: dict[Any, Operand] = {}
    for at in places:
        before = (*at[:axis], const(int(at[axis].value) - 1), *at[axis + 1 :])
        made[at] = combine(made.get(before, start), known.at(at))
    shape = tuple(int(n.value) for n in known.shape)
    return arrays.listed(low, [made[at] for at in places], shape, node, start.type)


def _scanned(low, known: Elements, axis: int, combine, start, node) -> Abstract:
    made: Any = arrays.allocate(low, known.shape, "empty", node, element=start.type)
    rest = (*known.shape[:axis], *known.shape[axis + 1 :])

    def column(outer: Indices) -> None:
        def step(i: Operand, total: Operand) -> Operand:
            at = (*outer[:axis], i, *outer[axis:])
            total = combine(total, known.at(at))
            arrays.put(low, made, at, total)
            return total

        whole.accumulated(low, known.shape[axis], start, step, ordered=True)

    arrays.over(low, rest, column)
    return made


def _diff(low: Lowering, args: list, named: dict, node: ast.Call) -> Abstract:
    given = bound(low, "a n axis", args, named, node)
    times = given.get("n", _ONE)
    if not isinstance(times, Const):
        low.refuse("the order of np.diff has to be a constant", node)
    value = given["a"]
    for _ in range(int(times.value)):
        value = _differences(low, arrays.settled(low, value, node), given, node)
    return value


def _differences(low: Lowering, value: Abstract, given: dict, node: ast.AST) -> Abstract:
    known = whole.elements(low, value, node)
    axis = axis_of(low, given.get("axis", const(-1)), len(known.shape), node)
    fewer = low.b.maximum(arrays.plus(low, known.shape[axis], const(-1)), const(0))
    shape = (*known.shape[:axis], fewer, *known.shape[axis + 1 :])

    def at(place: Indices) -> Operand:
        after = (*place[:axis], arrays.plus(low, place[axis], _ONE), *place[axis + 1 :])
        x, y = known.at(after), known.at(place)
        return low.b.pure("ne", x, y) if x.type is BOOL else arithmetic(low, "sub", x, y, node)

    return arrays.settled(low, Elements(shape, at), node)


def _fsum(low: Lowering, args: list, named: dict, node: ast.Call) -> Abstract:
    if args and isinstance(args[0], iteration.Generator):
        return iteration.consumed(low, "sum", args[0], const(0.0), node)
    total = FUNCTIONS[np.sum](low, args, named, node)
    return low.b.cast(low.as_scalar(total, node), FLOAT)


_SHORT = "a axis out keepdims"
_VARIANCE = "a axis dtype out ddof keepdims"
FUNCTIONS: dict[Any, Callable] = {
    np.sum: _reduction(_sum),
    np.prod: _reduction(_prod),
    np.mean: _reduction(_mean),
    np.var: _reduction(_var, _VARIANCE, once=False),
    np.std: _reduction(_std, _VARIANCE, once=False),
    np.any: _reduction(_all("or"), _SHORT),
    np.all: _reduction(_all("and"), _SHORT),
    np.count_nonzero: _reduction(_count, "a axis keepdims"),
    np.max: _reduction(_extreme("gt"), _SHORT, once=False),
    np.min: _reduction(_extreme("lt"), _SHORT, once=False),
    np.ptp: _reduction(_span, _SHORT, once=False),
    np.argmax: _reduction(_place("gt"), _SHORT, once=False),
    np.argmin: _reduction(_place("lt"), _SHORT, once=False),
    np.linalg.norm: _norm,
    np.cumsum: _scan("add", 0),
    np.cumprod: _scan("mul", 1),
    np.diff: _diff,
    math.fsum: _fsum,
    builtins.any: _builtin("any"),
    builtins.all: _builtin("all"),
}
METHODS: dict[str, Callable] = {
    name: FUNCTIONS[getattr(np, name)]
    for name in (
        *("sum", "prod", "mean", "var", "std", "any", "all", "max", "min"),
        *("argmax", "argmin", "cumsum", "cumprod"),
    )
}

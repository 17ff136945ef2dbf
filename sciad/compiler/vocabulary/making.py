"""New arrays (arange, linspace, eye), elementwise helpers (clip, round), searching and sorting."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front import calls
from sciad.compiler.front.arithmetic import arithmetic
from sciad.compiler.front.integers import INDEX_BITS
from sciad.compiler.front.kinds import converted, dtype_argument, element_type
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    Elements,
    Memory,
    Object,
    Pythonic,
    StaticArray,
    TupleOf,
)
from sciad.compiler.ir import BOOL, FLOAT, INT, Const, Operand, const
from sciad.compiler.vocabulary import arrays, indexing, prelude, whole
from sciad.compiler.vocabulary.functions import scalar_call, to_int
from sciad.compiler.vocabulary.signature import axis_of, bound, flag, known_int

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["FUNCTIONS", "METHODS"]

_ZERO, _ONE = const(0), const(1)
Indices = tuple[Operand, ...]


def _settle(low: Lowering, shape: Indices, at: Callable, node: ast.AST) -> Abstract:
    return arrays.settled(low, Elements(shape, at), node)


def _typed(low: Lowering, given: dict, x: Operand, node: ast.AST) -> Operand:
    if "dtype" not in given:
        return x
    return converted(low, x, dtype_argument(low, given["dtype"], node), node)


# -- numbers in a row ----------------------------------------------------------------------------
def _arange(low, args, named, node) -> Abstract:
    given = bound(low, "start stop step dtype", args, named, node)
    if "stop" not in given:
        given["stop"], given["start"] = given["start"], _ZERO
    ends = [given["start"], given["stop"], given.get("step", _ONE)]
    start, stop, step = (low.as_scalar(x, node) for x in ends)
    start, stop, step = low.b.together(start, stop, step)
    if isinstance(step, Const) and not step.value:
        low.refuse("np.arange with a step of 0", node)
    n = _count(low, start, stop, step, node)
    element = lambda i: low.b.add(start, low.b.mul(i, step))
    return _settle(low, (n,), lambda at: _typed(low, given, element(at[0]), node), node)


def _count(low: Lowering, start, stop, step, node) -> Operand:
    b = low.b
    if start.type is FLOAT:
        span = b.div(b.sub(stop, start), step)
        n = to_int(low, b.pure("call", span, attr=("np", "ceil")), node)
    elif step == _ONE:
        n = b.sub(stop, start) if start != _ZERO else stop
    else:
        n = b.neg(b.pure("floordiv", b.sub(start, stop), step))
    n = b.maximum(n, _ZERO) if isinstance(n, Const) or n not in low.bounds else n
    if not isinstance(n, Const):
        low.bits.setdefault(n, INDEX_BITS)
    return n


def _linspace(low, args, named, node) -> Abstract:
    given = bound(low, "start stop num endpoint", args, named, node)
    start, stop = (low.b.cast(low.as_scalar(given[k], node), FLOAT) for k in ("start", "stop"))
    n = low.as_scalar(given.get("num", const(50)), node)
    closed = "endpoint" not in given or flag(low, given, "endpoint", node)
    parts = low.b.sub(n, _ONE) if closed else n
    last = low.b.sub(n, _ONE)
    least = low.b.maximum(parts, _ONE)
    step = low.b.div(low.b.sub(stop, start), least)

    def at(place: Indices) -> Operand:
        x = low.b.add(low.b.mul(low.b.cast(place[0], FLOAT), step), start)
        if not closed:
            return x
        end = low.b.pure("and", low.b.compare("eq", place[0], last), low.b.compare("gt", n, _ONE))
        return low.b.pure("select", end, stop, x)

    return _settle(low, (n,), at, node)


def _eye(low, args, named, node) -> Abstract:
    given = bound(low, "N M k dtype", args, named, node)
    n = low.as_scalar(given["N"], node)
    m = low.as_scalar(given.get("M", n), node)
    k = known_int(low, given.get("k", _ZERO), "the number of a diagonal", node)

    def at(place: Indices) -> Operand:
        here = low.b.compare("eq", place[1], low.b.add(place[0], const(k)))
        return _typed(low, given, low.b.pure("select", here, const(1.0), const(0.0)), node)

    return _settle(low, (n, m), at, node)


def _full_like(low, args, named, node) -> Abstract:
    given = bound(low, "a fill_value dtype", args, named, node)
    model = whole.elements(low, given["a"], node)
    kind = element_type(low, model)
    if "dtype" in given:
        kind = dtype_argument(low, given["dtype"], node)
    x = converted(low, low.as_scalar(given["fill_value"], node), kind, node)
    return _settle(low, model.shape, lambda at: x, node)


def _meshgrid(low, args, named, node) -> Abstract:
    indexing_ = named.pop("indexing", Object("xy"))
    if named or len(args) not in (2, 3) or getattr(indexing_, "value", None) not in ("xy", "ij"):
        low.refuse("np.meshgrid with these arguments", node, "two or three one-dimensional arrays")
    lines = [whole.elements(low, a, node) for a in args]
    order = list(range(len(args)))
    if indexing_.value == "xy":
        order[:2] = [1, 0]
    shape = tuple(lines[k].shape[0] for k in order)
    made = []
    for k, line in enumerate(lines):
        axis = order.index(k)
        made.append(_settle(low, shape, lambda at, x=line, d=axis: x.at((at[d],)), node))
    return TupleOf(tuple(made), (), tuple)


# -- elementwise ---------------------------------------------------------------------------------
def _clip(low, args, named, node) -> Abstract:
    names = {"min": "a_min", "max": "a_max"}
    named = {names.get(k, k): v for k, v in named.items()}
    given = bound(low, "a a_min a_max", args, named, node)
    value = given["a"]
    for key, code in (("a_min", "lt"), ("a_max", "gt")):
        if key in given:
            limit = lambda x, end, code=code: _limited(low, code, x, end)
            value = whole.elementwise(low, limit, [value, given[key]], node)
    return value


def _limited(low: Lowering, code: str, x: Operand, end: Operand) -> Operand:
    """Give the bound where x is beyond it (or the bound is nan), else x: at the bound, x."""
    x, end = low.b.together(x, end)
    beyond = low.b.compare(code, x, end)
    if end.type is FLOAT:
        beyond = low.b.pure("or", beyond, low.b.pure("ne", end, end))
    return low.b.pure("select", beyond, end, x)


def _round(low, args, named, node) -> Abstract:
    given = bound(low, "a decimals", args, named, node)
    digits = known_int(low, given.get("decimals", _ZERO), "the number of decimals", node)
    scale = const(float(10 ** abs(digits)))

    def rounded(x: Operand) -> Operand:
        if x.type is not FLOAT:
            return x
        near = lambda y: low.b.pure("call", y, attr=("np", "rint"))
        if digits == 0:
            return near(x)
        if digits > 0:
            return low.b.div(near(low.b.mul(x, scale)), scale)
        return low.b.mul(near(low.b.div(x, scale)), scale)

    return whole.elementwise(low, rounded, [given["a"]], node)


def _divmod(low, args, named, node) -> Abstract:
    given = bound(low, "a b", args, named, node)
    pair = [given["a"], given["b"]]
    pair = [x if is_scalar(x) else arrays.settled(low, x, node) for x in pair]
    part = lambda code: lambda x, y: arithmetic(low, code, x, y, node)
    found = [whole.elementwise(low, part(code), pair, node) for code in ("floordiv", "mod")]
    return TupleOf(tuple(arrays.settled(low, x, node) for x in found))


def _astype(low, args, named, node) -> Abstract:
    given = bound(low, "a dtype copy", args, named, node)
    kind = dtype_argument(low, given["dtype"], node)
    if is_scalar(given["a"]):
        return converted(low, given["a"], kind, node)
    return calls.cast_array(low, given["a"], kind, node)


# -- products ------------------------------------------------------------------------------------
def _outer(low, args, named, node) -> Abstract:
    given = bound(low, "a b", args, named, node)
    x, y = (whole.elements(low, arrays.settled(low, given[k], node), node) for k in "ab")
    if len(x.shape) != 1 or len(y.shape) != 1:
        low.refuse("np.outer of arrays that are not one-dimensional", node, "ravel them")
    at = lambda place: arithmetic(low, "mul", x.at(place[:1]), y.at(place[1:]), node)
    return _settle(low, (*x.shape, *y.shape), at, node)


def _inner(low, args, named, node) -> Abstract:
    given = bound(low, "a b", args, named, node)
    x, y = (whole.from_items(low, given[k], node) for k in "ab")
    if is_scalar(x) or is_scalar(y):
        multiply = lambda a, b: arithmetic(low, "mul", a, b, node)
        return whole.elementwise(low, multiply, [x, y], node)
    y = arrays.settled(low, y, node)
    if len(arrays.shape_of(low, y, node)) > 2:
        low.refuse("np.inner with an array of more than two dimensions", node, "use @")
    if len(arrays.shape_of(low, y, node)) == 2:
        from sciad.compiler.vocabulary.shaping import FUNCTIONS as shaping

        y = shaping[np.transpose](low, [y], {}, node)
    return whole.product(low, x, y, node)


def _cross(low, args, named, node) -> Abstract:
    given = bound(low, "a b", args, named, node)
    x, y = (whole.elements(low, arrays.settled(low, given[k], node), node) for k in "ab")
    for v in (x, y):
        if len(v.shape) != 1:
            low.refuse("np.cross of arrays that are not vectors", node, "write it out")
        whole._fits(low, v.shape[0], const(3), node)
    turn = lambda k: (const((k + 1) % 3), const((k + 2) % 3))
    multiply = lambda a, b: arithmetic(low, "mul", a, b, node)
    items = []
    for k in range(3):
        i, j = turn(k)
        first, second = multiply(x.at((i,)), y.at((j,))), multiply(x.at((j,)), y.at((i,)))
        items.append(arithmetic(low, "sub", first, second, node))
    kind = max((x.type for x in items), key=lambda k: k.rank)
    return arrays.listed(low, items, (3,), node, kind)


def _trapezoid(low, args, named, node) -> Abstract:
    """np.trapezoid of a vector."""
    given = bound(low, "y x dx", args, named, node)
    y = whole.elements(low, _table(low, given["y"], node), node)
    x = whole.elements(low, _table(low, given["x"], node), node) if "x" in given else None
    if x is not None:
        whole._fits(low, x.shape[0], y.shape[0], node)
    width = low.as_scalar(given.get("dx", const(1.0)), node)
    after = lambda at: (arrays.plus(low, at[0], _ONE),)

    def part(at: Indices) -> Operand:
        step = width if x is None else low.b.sub(x.at(after(at)), x.at(at))
        return low.b.div(low.b.mul(step, low.b.add(y.at(after(at)), y.at(at))), const(2.0))

    n = low.b.maximum(arrays.plus(low, y.shape[0], const(-1)), _ZERO)
    return whole.reduced(low, Elements((n,), part), low.b.add, const(0.0), node)


def _average(low, args, named, node) -> Abstract:
    """np.average of a vector."""
    from sciad.compiler.vocabulary.reductions import FUNCTIONS as reductions

    given = bound(low, "a weights", args, named, node)
    if "weights" not in given:
        return reductions[np.mean](low, [given["a"]], {}, node)
    weights = _table(low, given["weights"], node)
    total = whole.product(low, _table(low, given["a"], node), weights, node)
    return low.b.div(total, reductions[np.sum](low, [weights], {}, node))


def _take(low, args, named, node) -> Abstract:
    given = bound(low, "a indices axis", args, named, node)
    value = arrays.settled(low, whole.from_items(low, given["a"], node), node)
    ndim = len(arrays.shape_of(low, value, node))
    if "axis" not in given and ndim != 1:
        low.refuse("np.take without axis=", node, "give the axis, or ravel the array")
    axis = axis_of(low, given.get("axis", _ZERO), ndim, node)
    every = indexing.Slice(None, None, None)
    part = indexing.index_part(low, given["indices"], node)
    return indexing.item(low, value, (*[every] * axis, part), node)


# -- searching and sorting -----------------------------------------------------------------------
def _inlined(low: Lowering, name: str, args: list, node: ast.AST) -> Abstract:
    """Call a function of the prelude."""
    target = Pythonic(getattr(prelude, name), {}, (f"@{prelude.__name__}", name))
    return low.call(target, args, {}, node)


def _table(low: Lowering, value: Abstract, node: ast.AST) -> StaticArray | Memory:
    made = arrays.settled(low, whole.from_items(low, value, node), node)
    if not isinstance(made, StaticArray | Memory) or len(made.shape) != 1:
        low.refuse("a one-dimensional array is needed", node)
    return made


def _order(low: Lowering, value: Abstract, given: dict, node: ast.AST) -> Any:
    axis = axis_of(low, given.get("axis", const(-1)), 1, node)
    assert axis == 0
    return _inlined(low, "argsort", [value], node)


def _argsort(low, args, named, node) -> Abstract:
    given = bound(low, "a axis", args, named, node)
    return _order(low, _table(low, given["a"], node), given, node)


def _sort(low, args, named, node) -> Abstract:
    given = bound(low, "a axis", args, named, node)
    value = _table(low, given["a"], node)
    order = whole.elements(low, _order(low, value, given, node), node)
    known = whole.elements(low, value, node)
    return _settle(low, known.shape, lambda at: known.at((order.at(at),)), node)


def _searchsorted(low, args, named, node) -> Abstract:
    given = bound(low, "a v side", args, named, node)
    side = getattr(given.get("side"), "value", "left")
    table = _table(low, given["a"], node)
    right = const(side == "right")
    find = lambda x: low.as_scalar(_inlined(low, "searchsorted", [table, x, right], node), node)
    return whole.elementwise(low, find, [given["v"]], node)


def _interp(low, args, named, node) -> Abstract:
    given = bound(low, "x xp fp", args, named, node)
    xp, fp = _table(low, given["xp"], node), _table(low, given["fp"], node)
    whole._fits(low, arrays.length(low, fp, node), arrays.length(low, xp, node), node)

    def find(x: Operand) -> Operand:
        x = low.b.cast(x, FLOAT)
        return low.b.cast(low.as_scalar(_inlined(low, "interp", [x, xp, fp], node), node), FLOAT)

    return whole.elementwise(low, find, [given["x"]], node)


def _bincount(low, args, named, node) -> Abstract:
    given = bound(low, "x weights minlength", args, named, node)
    known = whole.elements(low, _table(low, given["x"], node), node)
    if element_type(low, known) is not INT:
        low.refuse("np.bincount of something other than integers", node, "use .astype(int)")
    lowest = whole.reduced(low, known, low.b.minimum, _ZERO, node)
    message = "np.bincount of negative integers"
    low.check(low.b.compare("ge", lowest, _ZERO), "ValueError", message, node)
    highest = whole.reduced(low, known, low.b.maximum, const(-1), node)
    least = low.as_scalar(given.get("minlength", _ZERO), node)
    n = low.b.maximum(arrays.plus(low, highest, _ONE), least)
    weights = whole.elements(low, given["weights"], node) if "weights" in given else None
    if weights is not None:
        whole._fits(low, weights.shape[0], known.shape[0], node)
    kind = INT if weights is None else FLOAT
    made: Any = arrays.allocate(low, (n,), "zeros", node, element=kind)
    if isinstance(made, StaticArray):
        made = arrays.as_memory(low, made, node)

    def count(at: Indices) -> None:
        x = low.b.cast(_ONE if weights is None else weights.at(at), kind)
        low.b.effect("accum", made.buffer, known.at(at), x)

    arrays.over(low, known.shape, count)
    return made


def _broadcast_to(low, args, named, node) -> Abstract:
    given = bound(low, "array shape", args, named, node)
    value = given["array"]
    value = value if is_scalar(value) else whole.from_items(low, value, node)
    shape = calls._shape_argument(low, given["shape"], node)
    return _settle(low, shape, whole.element_of(low, value, shape, node), node)


def _python_round(low, args, named, node) -> Abstract:
    """round(x), an integer; with decimals Python and NumPy round differently."""
    given = bound(low, "number", args, named, node)
    x = low.as_scalar(given["number"], node)
    if x.type is not FLOAT:
        return low.b.together(x)[0]
    return to_int(low, low.b.pure("call", x, attr=("np", "rint")), node)


# -- in place ------------------------------------------------------------------------------------
def _fill(low, args, named, node) -> Abstract:
    given = bound(low, "a value", args, named, node)
    indexing.store_all(low, given["a"], low.as_scalar(given["value"], node), node)
    return Object(None)


def _copyto(low, args, named, node) -> Abstract:
    given = bound(low, "dst src", args, named, node)
    indexing.store_all(low, given["dst"], given["src"], node)
    return Object(None)


def _number(low, args, named, node) -> Abstract:
    """a.item() of an array with one element."""
    given = bound(low, "a", args, named, node)
    shape = arrays.shape_of(low, given["a"], node)
    if any(n != _ONE for n in shape):
        low.refuse("item() of an array with several elements", node)
    return whole.elements(low, given["a"], node).at(tuple(_ZERO for _ in shape))


def _sign(low, args, named, node) -> Abstract:
    """np.sign; that of an integer is one."""
    given = bound(low, "x", args, named, node)

    def sign(x: Operand) -> Operand:
        if x.type is FLOAT:
            return scalar_call(low, np.sign, (x,), node)
        x = low.b.together(x)[0]
        up, down = (low.b.cast(low.b.compare(c, x, _ZERO), INT) for c in ("gt", "lt"))
        return low.b.sub(up, down)

    return whole.elementwise(low, sign, [given["x"]], node)


def _of_integers(code: str, function: Any) -> Callable:
    """np.maximum and np.minimum; of ints they are ints."""

    def handle(low, args, named, node) -> Abstract:
        given = bound(low, "x1 x2", args, named, node)

        def choose(x: Operand, y: Operand) -> Operand:
            if FLOAT in (x.type, y.type):
                return scalar_call(low, function, (x, y), node)
            if x.type is BOOL and y.type is BOOL:
                return low.b.pure("or" if code == "gt" else "and", x, y)
            x, y = low.b.together(x, y)
            return low.b.pure("select", low.b.compare(code, x, y), x, y)

        return whole.elementwise(low, choose, [given["x1"], given["x2"]], node)

    return handle


def _absolute(low, args, named, node) -> Abstract:
    given = bound(low, "x", args, named, node)

    def size(x: Operand) -> Operand:
        if x.type is BOOL:
            return x
        function = np.absolute if x.type is FLOAT else abs
        return scalar_call(low, function, (x,), node)

    return whole.elementwise(low, size, [given["x"]], node)


FUNCTIONS: dict[Any, Callable] = {
    np.arange: _arange,
    np.linspace: _linspace,
    np.eye: _eye,
    np.identity: _eye,
    np.full_like: _full_like,
    np.meshgrid: _meshgrid,
    np.clip: _clip,
    np.round: _round,
    np.around: _round,
    np.rint: _round,
    divmod: _divmod,
    np.divmod: _divmod,
    np.outer: _outer,
    np.inner: _inner,
    np.cross: _cross,
    np.trapezoid: _trapezoid,
    np.average: _average,
    np.take: _take,
    np.argsort: _argsort,
    np.sort: _sort,
    np.searchsorted: _searchsorted,
    np.interp: _interp,
    np.bincount: _bincount,
    np.broadcast_to: _broadcast_to,
    round: _python_round,
    np.copyto: _copyto,
    np.sign: _sign,
    np.maximum: _of_integers("gt", np.maximum),
    np.minimum: _of_integers("lt", np.minimum),
    np.absolute: _absolute,
}
METHODS: dict[str, Callable] = {
    "astype": _astype,
    "clip": _clip,
    "round": _round,
    "fill": _fill,
    "item": _number,
    "argsort": _argsort,
    "searchsorted": _searchsorted,
}

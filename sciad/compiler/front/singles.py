"""Float32 in the front end: which functions take it, and where numbers come from.

A function of NumPy's gets a float32 in one of three ways. What only makes, moves or compares
elements knows it as a type (`_AS_IT_IS`); elementwise functions round each result; all others
compute with float64 and round once, at the end, which is at least as accurate as NumPy (`_DATA`).
What is in no table is refused. Promotions are in `precision`.

The origin of numbers (Python or NumPy) is followed only in programs with float32.
"""

from __future__ import annotations

import ast
import builtins
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from sciad.compiler.front.kinds import dtype_argument, element_type
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.moving import now
from sciad.compiler.front.precision import (
    NUMPY,
    PYTHON,
    UNKNOWN,
    Marked,
    common,
    joinable,
    origin_of,
    single,
    together,
)
from sciad.compiler.front.values import (
    Abstract,
    ComplexOf,
    Elements,
    ListOf,
    Memory,
    Missing,
    StaticArray,
    Structure,
    TupleOf,
    Unsure,
)
from sciad.compiler.ir import (
    FLOAT,
    FLOAT32,
    INT,
    Const,
    Op,
    Operand,
    ScalarType,
    Value,
)
from sciad.compiler.vocabulary import arrays, library, special, whole
from sciad.compiler.vocabulary.functions import SCALAR

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "MIXED",
    "call",
    "elementwise",
    "expect_followed",
    "expect_one_kind",
    "holds",
    "join_all",
    "mark",
    "method",
    "refuse",
    "rounded",
    "traced",
]

MIXED = Missing(
    "it is a float32 on one path and another number elsewhere: write np.float32(...) on each"
)
_ARRAYS = StaticArray | Memory | Elements
_AS_IT_IS = frozenset(
    [
        *(builtins.len, builtins.float, builtins.int, builtins.bool, builtins.enumerate),
        *(builtins.zip, builtins.reversed, builtins.tuple, builtins.list, functools.partial),
        *(np.float64, np.float32, np.zeros, np.empty, np.ones, np.full, np.zeros_like),
        *(np.empty_like, np.ones_like, np.full_like, np.array, np.asarray, np.copy, np.where),
        *(np.nonzero, np.flatnonzero, np.transpose, np.swapaxes, np.reshape, np.ravel),
        *(np.expand_dims, np.squeeze, np.flip, np.flipud, np.fliplr, np.diagonal),
        *(np.broadcast_to, np.copyto, builtins.pow, np.power),
    ]
)
_MOVING = ("copy", "reshape", "ravel", "flatten", "transpose", "swapaxes", "squeeze", "astype")
_METHODS = frozenset([*_MOVING, "fill", "diagonal", "nonzero"])
#: How many of the first arguments decide what the type of the result is.
_DATA: dict[Any, int] = {
    **dict.fromkeys([np.sum, np.prod, np.mean, np.var, np.std, np.any, np.all], 1),
    **dict.fromkeys([np.count_nonzero, np.max, np.min, np.ptp, np.argmax, np.argmin], 1),
    **dict.fromkeys([np.cumsum, np.cumprod, np.diff, np.sort, np.argsort, np.trace], 1),
    **dict.fromkeys([np.concatenate, np.stack, np.hstack, np.vstack, np.column_stack], 1),
    **dict.fromkeys([np.roll, np.repeat, np.tile, np.diag, np.triu, np.tril, np.take], 1),
    **dict.fromkeys([np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky], 1),
    **dict.fromkeys([np.linalg.norm, np.sign, np.absolute, np.rint, builtins.sum], 1),
    **dict.fromkeys([np.dot, np.matmul, np.outer, np.inner, np.vdot, np.cross], 2),
    **dict.fromkeys([np.linalg.solve, np.maximum, np.minimum, np.searchsorted], 2),
    **dict.fromkeys([np.trapezoid, np.clip], 3),
    np.einsum: 4,
}
_BY_METHOD = {
    name: getattr(np, name)
    for name in (
        *("sum", "prod", "mean", "var", "std", "any", "all", "max", "min", "argmax", "argmin"),
        *("cumsum", "cumprod", "trace", "repeat", "clip", "dot", "argsort", "searchsorted"),
    )
}
_OF_PYTHON = frozenset([builtins.float, builtins.int, builtins.len])


# -- what is single ------------------------------------------------------------------------------
def holds(low: Lowering, value: Abstract) -> bool:
    """Whether a value is a float32, an array of them, or has one inside."""
    if is_scalar(value):
        return bool(value.type is FLOAT32)
    if isinstance(value, _ARRAYS):
        return element_type(low, value) is FLOAT32
    if isinstance(value, ListOf):
        items = [low.env.get((value.cells, k)) for k in range(value.cells.size)]
        return any(x is not None and holds(low, x) for x in items)
    if isinstance(value, TupleOf):
        return any(holds(low, x) for x in value.items)
    if isinstance(value, Structure):
        return any(holds(low, x) for x in value.items.values())
    return isinstance(value, Unsure) and holds(low, value.value)


def refuse(low: Lowering, what: str, node: ast.AST) -> NoReturn:
    """Raise an error about something that takes no float32."""
    hint = "compute it in double precision: x.astype(np.float64), or np.float64(x) of a number"
    low.refuse(f"{what} of float32 has no compiled form", node, hint)


def expect_one_kind(low: Lowering, value: Abstract, node: ast.AST) -> None:
    """Refuse a sequence that becomes an array although it has float32 and others in it."""
    if low.single and FLOAT32 in (kinds := set(_kinds(low, value))) and len(kinds) > 1:
        low.refuse("a sequence of float32 and other numbers", node, "make it an array")


def expect_followed(low: Lowering, kind: str, args: Sequence[Abstract], node: Any) -> None:
    """Refuse functions of Numba's of a float32: it decides the types in them."""
    if kind == "elementwise" and any(holds(low, x) for x in args):
        refuse(low, f"{ast.unparse(node.func)}, which Numba gives types,", node)


def join_all(columns: Sequence[Sequence[Operand] | None]) -> bool:
    """Whether the numbers that meet where two paths do have common types."""
    first, second = columns
    if first is None or second is None:
        return True
    return all(joinable(x, y) for x, y in zip(first, second, strict=True))


# -- where numbers come from ---------------------------------------------------------------------
def mark(low: Lowering, x: Abstract, origin: str, since: int = 1 << 62) -> Abstract:
    """Note the origin of a number; one that was made before `since` gets a second name."""
    if not isinstance(x, Const | Value) or x.type not in (INT, FLOAT):
        return x
    if origin_of(low.b, x) == origin:
        return x
    if isinstance(x, Const):
        return Const(x.value, x.type) if origin == PYTHON else Marked(x.value, x.type, origin)
    if x.serial < since:
        x = _renamed(low, x)
    low.b.origin[x] = origin
    return x


def _renamed(low: Lowering, x: Value) -> Value:
    copy = Value(x.name, x.type)
    code = "float" if x.type is FLOAT else "int"
    low.b.region.nodes.append(Op(code, (x,), (copy,), None, low.b.location))
    if x in low.bounds:
        low.bounds[copy] = low.bounds[x]
    if x in low.bits:
        low.bits[copy] = low.bits[x]
    if x.type is INT:
        low.offsets[copy] = low.offsets.get(x, (x, 0))
    return copy


def traced(
    low: Lowering, function: Callable[..., Operand], origin: str | None = None
) -> Callable[..., Operand]:
    """Let arithmetic note the origin of its results; that of arrays gives numbers of NumPy's."""

    def apply(*operands: Operand) -> Operand:
        since = now()
        return mark(low, function(*operands), origin or together(low.b, operands), since)

    return apply if low.single else function


def elementwise(low: Lowering, function: Any, apply: Callable[..., Operand]) -> Callable:
    """Let an elementwise function note the origin of its results."""
    if not low.single:
        return apply

    def evaluate(*operands: Operand) -> Operand:
        since = now()
        return mark(low, apply(*operands), _made_by(low, function, operands), since)

    return evaluate


def _made_by(low: Lowering, function: Any, args: Sequence[Abstract]) -> str:
    """Origin of the numbers that a function gives."""
    module = getattr(function, "__module__", None) or ""
    if function in (builtins.max, builtins.min):
        origins = {origin_of(low.b, x) if is_scalar(x) else UNKNOWN for x in args}
        return origins.pop() if len(origins) == 1 else UNKNOWN
    if function is np.count_nonzero:
        return UNKNOWN
    if isinstance(function, np.ufunc) or module.partition(".")[0] == "numpy":
        return NUMPY
    if function in _OF_PYTHON or module == "math":
        return PYTHON
    if args and all(is_scalar(x) for x in args):
        return together(low.b, args)
    return UNKNOWN


# -- calls ---------------------------------------------------------------------------------------
def call(
    low: Lowering, function: Any, args: list[Abstract], named: dict, node: Any, run: Callable
) -> Abstract:
    """Call a function that is not Python's; `run(args, named)` does so with what it can take."""
    since = now()
    given = [*args, *(v for k, v in named.items() if k != "out")]
    if any(isinstance(x, ComplexOf) for x in given) and any(holds(low, x) for x in given):
        refuse(low, f"{ast.unparse(node)}, complex arithmetic", node)
    if not any(holds(low, x) for x in given):
        made = run(args, named)
    elif function in (builtins.max, builtins.min):
        made = _choice(low, args, named, node, run)
    elif function in _DATA or function in (np.round, np.around):
        made = _data(low, function, args, named, node, run)
    elif function is np.interp or getattr(function, "__module__", "") == "math":
        made = run([_wide(low, x, node) for x in args], named)
    elif _keeps_type(function):
        made = run(args, named)
    else:
        refuse(low, ast.unparse(node.func), node)
    return _marked(low, made, _made_by(low, function, args), since)


def _keeps_type(function: Any) -> bool:
    """Whether a function knows float32 as a type."""
    own_form = function in SCALAR and function not in library.FUNCTIONS
    return function in _AS_IT_IS or own_form or special.name_of(function) is not None


def _marked(low: Lowering, value: Abstract, origin: str, since: int) -> Abstract:
    if isinstance(value, Elements) and value.kind is None:
        return Elements(value.shape, lambda at: mark(low, value.at(at), NUMPY))
    if type(value) is TupleOf and origin == NUMPY:
        return TupleOf(tuple(mark(low, x, origin, since) for x in value.items))
    return mark(low, value, origin, since)


def _choice(low: Lowering, args: list, named: dict, node: Any, run: Callable) -> Abstract:
    """max() and min() give one of their arguments as it is."""
    for x in args:
        if is_scalar(x) and not all(joinable(x, y) for y in args if is_scalar(y)):
            refuse(low, f"{ast.unparse(node.func)}() of different types, one", node)
    return run(args, named)


def _data(
    low: Lowering, function: Any, args: list, named: dict, node: Any, run: Callable
) -> Abstract:
    if function in (np.round, np.around) and (len(args) > 1 or named):
        refuse(low, f"{ast.unparse(node.func)} to some decimals", node)
    if function is builtins.sum and (len(args) > 1 or {*_kinds(low, args[0])} != {FLOAT32}):
        refuse(low, "sum() of several types, one", node)
    asked = named.get("dtype")
    kind = None if asked is None else dtype_argument(low, asked, node)
    if kind is FLOAT32:
        named = {k: v for k, v in named.items() if k != "dtype"}
    return _computed(low, run, args, named, _DATA.get(function, 1), kind, node)


def method(low: Lowering, owner: Abstract, name: str, args: list, named: dict, node: Any, run):
    """Call a method of an array; `run(owner, args, named)` does so."""
    if name == "item":
        found = run(owner, args, named)
        exact = low.b.cast(found, FLOAT) if is_scalar(found) and found.type is FLOAT32 else found
        return mark(low, exact, PYTHON)
    if not any(holds(low, x) for x in (owner, *args, *named.values())) or name in _METHODS:
        return mark(low, run(owner, args, named), NUMPY, now())
    if name not in _BY_METHOD:
        refuse(low, f"the method {name}", node)
    whole_run = lambda items, options: run(items[0], items[1:], options)
    return call(low, _BY_METHOD[name], [owner, *args], named, node, whole_run)


def rounded(low: Lowering, function: Callable, args: list[Abstract], node: Any) -> Abstract:
    """Compute a function of arrays with float64 and round what it gives."""
    if not low.single or not any(holds(low, x) for x in args):
        return function(*args)
    run = lambda given, named: function(*given)
    return _computed(low, run, args, {}, len(args), None, node)


def _computed(
    low: Lowering,
    run: Callable,
    args: list[Abstract],
    named: dict[str, Abstract],
    count: int,
    kind: ScalarType | None,
    node: Any,
) -> Abstract:
    """Run with float64 and give what NumPy's promotion of the first `count` arguments says."""
    deciding = [*args[:count], *(v for v in named.values() if holds(low, v))]
    kind = _promoted(low, deciding) if kind is None else kind
    if kind is FLOAT32:
        args = [_narrow(low, x) if k < count else x for k, x in enumerate(args)]
    made = run(
        [_wide(low, x, node) for x in args], {k: _wide(low, v, node) for k, v in named.items()}
    )
    return _rounded(low, made, node) if kind is FLOAT32 else made


def _promoted(low: Lowering, values: Sequence[Abstract]) -> ScalarType:
    """Type that NumPy computes with: only numbers of Python's give way."""
    scalars = [x for x in values if is_scalar(x)]
    kinds = [k for x in values if not is_scalar(x) for k in _kinds(low, x)]
    if any(k in (INT, FLOAT) for k in kinds):
        return FLOAT
    if FLOAT32 in kinds or any(x.type is FLOAT32 for x in scalars):
        return common(low.b, scalars)
    return FLOAT


def _kinds(low: Lowering, value: Abstract) -> list[ScalarType]:
    """Types of the numbers in an array, or in a sequence that becomes one."""
    if is_scalar(value):
        return [value.type]
    if isinstance(value, _ARRAYS):
        return [element_type(low, value)]
    items: Sequence[Abstract] = ()
    if isinstance(value, TupleOf):
        items = value.items
    elif isinstance(value, ListOf):
        items = [low.env[(value.cells, k)] for k in range(value.cells.size)]
    return [k for x in items for k in _kinds(low, x)]


def _narrow(low: Lowering, value: Abstract) -> Abstract:
    """Round a number that gives way."""
    if is_scalar(value) and value.type in (INT, FLOAT):
        return single(low.b, value)
    return value


def _wide(low: Lowering, value: Abstract, node: Any) -> Abstract:
    """Give what is float32 in a value as float64."""
    if not holds(low, value):
        return value
    if is_scalar(value):
        return low.b.cast(value, FLOAT)
    if isinstance(value, TupleOf):
        return TupleOf(tuple(_wide(low, x, node) for x in value.items), (), value.kind)
    if isinstance(value, ListOf):
        items = [low.env[(value.cells, k)] for k in range(value.cells.size)]
        return TupleOf(tuple(_wide(low, x, node) for x in items), (), list)
    if isinstance(value, Structure | Unsure):
        refuse(low, "a structure", node)
    known = whole.elements(low, value, node)
    recipe = Elements(known.shape, lambda at: low.b.cast(known.at(at), FLOAT), FLOAT)
    return arrays.settled(low, recipe, node)


def _rounded(low: Lowering, value: Abstract, node: Any) -> Abstract:
    if is_scalar(value):
        return single(low.b, value) if value.type is FLOAT else value
    if isinstance(value, TupleOf):
        return TupleOf(tuple(_rounded(low, x, node) for x in value.items), (), value.kind)
    if isinstance(value, _ARRAYS) and element_type(low, value) is FLOAT:
        known = whole.elements(low, value, node)
        recipe = lambda at: single(low.b, known.at(at))
        return arrays.settled(low, Elements(known.shape, recipe), node)
    return value

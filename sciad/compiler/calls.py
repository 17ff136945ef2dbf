"""Calls: the functions of builtins, math and NumPy that have a compiled form."""

from __future__ import annotations

import ast
import builtins
import functools
import math
import types as python_types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler import arrays, indexing, language, members, whole
from sciad.compiler.functions import SCALAR, scalar_call, to_int
from sciad.compiler.ir import BOOL, FLOAT, INT, Const, Operand, const
from sciad.compiler.merge import is_scalar
from sciad.compiler.types import scalar_type
from sciad.compiler.values import (
    Abstract,
    Closure,
    Elements,
    ListOf,
    Memory,
    Method,
    Missing,
    Object,
    Partial,
    Pythonic,
    RangeOf,
    Rows,
    StaticArray,
    Structure,
    TupleOf,
)

if TYPE_CHECKING:
    from sciad.compiler.lower import Lowering

__all__ = ["attribute_of", "call", "is_lazy", "iterated", "may_write"]

Arguments = list[Abstract]
_CONSTANT_MODULES = ("numpy", "math", "scipy.constants")


def is_lazy(target: Abstract) -> bool:
    """Whether a call may take array expressions that have not been written to memory."""
    return isinstance(target, Object) and (
        _hashable(target.value) in SCALAR or target.value in (np.where, np.sum, np.mean, sum)
    )


_READING_METHODS = ("copy", "sum", "mean", "dot", "max", "min", "values", "items", "keys")


def may_write(low: Lowering, node: ast.AST) -> bool:
    """Whether an expression contains a call that might write to an array."""
    inner = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
    return not all(_only_reads(low, function) for function in inner)


def _only_reads(low: Lowering, function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return isinstance(low.known(function.id), Object)
    if not isinstance(function, ast.Attribute):
        return False
    owner = low.known(function.value.id) if isinstance(function.value, ast.Name) else None
    if isinstance(owner, Object) and isinstance(owner.value, python_types.ModuleType):
        return owner.value.__name__.partition(".")[0] in ("numpy", "math")
    return function.attr in _READING_METHODS


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return None
    return value


def attribute_of(low: Lowering, owner: Any, name: str, node: ast.AST) -> Abstract:
    """Attribute of a module (or another object that is known at compile time)."""
    if isinstance(owner, type):
        return members.of_class(low, owner, name, node)
    if not isinstance(owner, python_types.ModuleType):
        low.refuse(f"the attribute {name!r} of {owner!r} cannot be compiled", node)
    found = getattr(owner, name, None)
    if found is None:
        low.refuse(f"module {owner.__name__} has no attribute {name!r}", node)
    if scalar_type(found) is not None:
        if owner.__name__ not in _CONSTANT_MODULES:
            low.refuse(
                f"the number {owner.__name__}.{name} would be frozen into compiled code",
                node,
                f"write: from {owner.__name__} import {name}",
            )
        return const(found)
    wrapped = low.wrap(found, owner.__name__, name)
    if isinstance(wrapped, Missing):
        low.refuse(f"{ast.unparse(node)} cannot be compiled", node, wrapped.reason)
    return wrapped


def call(
    low: Lowering, target: Abstract, args: Arguments, named: dict[str, Abstract], node: ast.Call
) -> Abstract:
    """Call anything that can be called."""
    if isinstance(target, Pythonic | Closure):
        return low.call(target, args, named, node)
    if isinstance(target, Method):
        return _method(low, target, args, named, node)
    if isinstance(target, Partial):
        return call(low, target.target, [*target.args, *args], {**target.named, **named}, node)
    if members.class_of(target) is not None:
        return call(low, members.member(low, target, "__call__", node), args, named, node)
    if not isinstance(target, Object):
        low.refuse("something is called that is not a function", node)
    function = _hashable(target.value)
    if isinstance(function, python_types.FunctionType) and function not in _HANDLERS:
        found = members.function_of(low, function, node)
        if found is not None:
            return call(low, found, args, named, node)
    handler = _HANDLERS.get(function)
    if handler is not None:
        return handler(low, args, named, node)
    if function in SCALAR:
        if named:
            low.refuse(f"{ast.unparse(node.func)} with keyword arguments", node)
        apply = lambda *operands: scalar_call(low, function, operands, node)
        return whole.elementwise(low, apply, args, node)
    return low.refuse(
        f"{ast.unparse(node.func)} has no compiled form",
        node,
        "leave this part outside the compiled function, or write it with basic arithmetic",
    )


def _method(low: Lowering, target: Method, args: Arguments, named, node: ast.Call) -> Abstract:
    owner, name = target.owner, target.name
    if isinstance(owner, Structure) and owner.is_dict and name in ("values", "items", "keys"):
        keys = [Object(k) if isinstance(k, str) else const(k) for k in owner.items]
        values = list(owner.items.values())
        pairs = [TupleOf((k, v)) for k, v in zip(keys, values, strict=True)]
        return TupleOf(tuple({"values": values, "items": pairs, "keys": keys}[name]))
    functions = {"copy": _copy, "sum": _sum, "mean": _mean, "dot": _dot, "max": _max, "min": _min}
    if isinstance(owner, StaticArray | Memory) and name in functions:
        return functions[name](low, [owner, *args], named, node)
    if isinstance(owner, StaticArray | Memory) and name == "fill":
        indexing.store_all(low, owner, args[0], node)
        return Object(None)
    return low.refuse(
        f"the method {name!r} has no compiled form", node, "write it with indices and arithmetic"
    )


def _exactly(low: Lowering, args: Arguments, named, least: int, most: int, node: ast.Call) -> None:
    if named:
        name = next(iter(named))
        low.refuse(f"{ast.unparse(node.func)} with {name}= cannot be compiled", node)
    if not least <= len(args) <= most:
        low.refuse(f"{ast.unparse(node.func)} with {len(args)} arguments", node)


# -- builtins ------------------------------------------------------------------------------------
def _len(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 1, 1, node)
    return arrays.length(low, args[0], node)


def _range(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 1, 3, node)
    parts = [low.as_scalar(a, node) for a in args]
    if any(p.type is FLOAT for p in parts):
        low.refuse("range() of a float", node, "convert it with int(...)")
    parts = [low.b.cast(p, INT) for p in parts]
    if len(parts) == 1:
        return RangeOf(const(0), parts[0], const(1))
    step = parts[2] if len(parts) == 3 else const(1)
    if step == const(0):
        low.refuse("range() arg 3 must not be zero", node)
    return RangeOf(parts[0], parts[1], step)


def _conversion(kind) -> Callable:
    def convert(low, args, named, node) -> Abstract:
        _exactly(low, args, named, 1, 1, node)
        x = low.as_scalar(args[0], node)
        if kind is BOOL:
            return low.b.truth(x)
        if kind is INT and x.type is FLOAT:
            return to_int(low, x, node)
        return low.b.cast(x, kind)

    return convert


def _extreme(code: str) -> Callable:
    def choose(low, args, named, node) -> Abstract:
        if named:
            low.refuse(f"{ast.unparse(node.func)} with keyword arguments", node)
        items = args if len(args) > 1 else indexing.sequence(low, args[0], node)
        if not items:
            low.refuse(f"{ast.unparse(node.func)}() of an empty sequence", node)
        best = low.as_scalar(items[0], node)
        for item in items[1:]:
            x, y = low.b.together(best, low.as_scalar(item, node))
            best = low.b.pure("select", low.b.compare(code, y, x), y, x)
        return best

    return choose


def _builtin_sum(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 1, 2, node)
    from sciad.compiler.arithmetic import arithmetic

    add = lambda x, y: arithmetic(low, "add", x, y, node)
    total: Abstract = args[1] if len(args) == 2 else const(0)
    if isinstance(args[0], Memory | Elements) and len(args[0].shape) == 1:
        items = [_sum(low, args[:1], {}, node)]
    else:
        items = indexing.sequence(low, args[0], node)
    for item in items:
        if total == const(0):
            total = low.b.together(item)[0] if is_scalar(item) else item
        else:
            total = whole.elementwise(low, add, [total, item], node)
    return total


def _enumerate(low, args, named, node) -> Abstract:
    first = low.as_scalar(named.pop("start", args[1] if len(args) > 1 else const(0)), node)
    _exactly(low, args, named, 1, 2, node)
    if first.type is FLOAT:
        low.refuse("enumerate starts at a float", node)
    if language.is_long(args[0]) or language.is_mutable(args[0]):
        return language.zipped(low, args[:1], first, node)
    items = iterated(low, args[0], node)
    return TupleOf(
        tuple(TupleOf((low.b.add(first, const(k)), item)) for k, item in enumerate(items))
    )


def _zip(low, args, named, node) -> Abstract:
    strict = named.pop("strict", const(False))
    if any(map(language.is_long, args)) and not named:
        if strict != const(False):
            low.refuse("zip of arrays with strict=True", node, "compare the lengths before")
        return language.zipped(low, args, None, node)
    if any(map(language.is_mutable, args)) and not named:
        known = (RangeOf, Rows, TupleOf, ListOf, StaticArray, Memory)
        parts = [a if isinstance(a, known) else _as_tuple(low, [a], {}, node) for a in args]
        if strict == const(False) or len({language.iteration(low, a, node) for a in parts}) == 1:
            return language.zipped(low, parts, None, node)
    columns = [iterated(low, a, node) for a in args]
    if named or len({len(c) for c in columns}) > 1:
        low.refuse("zip of sequences of different lengths", node)
    return TupleOf(tuple(TupleOf(row) for row in zip(*columns, strict=True)))


def _reversed(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 1, 1, node)
    if isinstance(args[0], RangeOf) and isinstance(args[0].step, Const):
        r = args[0]
        if r.step.value == 1:
            one = const(1)
            return RangeOf(low.b.sub(r.stop, one), low.b.sub(r.start, one), const(-1))
    if language.is_mutable(args[0]):
        return Rows((args[0],), None, True)
    return TupleOf(tuple(reversed(iterated(low, args[0], node))))


def iterated(low: Lowering, value: Abstract, node: ast.AST) -> Arguments:
    """Items of an iterable of known length."""
    if isinstance(value, RangeOf):
        parts = (value.start, value.stop, value.step)
        if all(isinstance(p, Const) for p in parts):
            return [const(k) for k in range(*(int(p.value) for p in parts))]
    if isinstance(value, Rows):
        n = language.iteration(low, value, node)
        if isinstance(n, Const):
            return [language.element(low, value, const(k), node) for k in range(int(n.value))]
        low.refuse("zip or enumerate of arrays whose lengths are not known", node, "write a loop")
    return indexing.sequence(low, value, node)


def _as_tuple(low, args, named, node) -> Abstract:
    return TupleOf(tuple(iterated(low, args[0], node)) if args else ())


def _as_list(low, args, named, node) -> Abstract:
    from sciad.compiler.expressions import make_list

    return make_list(low, iterated(low, args[0], node) if args else [], node)


def _pow(low, args, named, node) -> Abstract:
    from sciad.compiler.arithmetic import power

    _exactly(low, args, named, 2, 2, node)
    return whole.elementwise(low, lambda a, b: power(low, a, b, node), args, node)


# -- making arrays -------------------------------------------------------------------------------
def _float_dtype(low, named, node) -> None:
    dtype = named.pop("dtype", None)
    allowed = (float, np.float64, np.dtype(float), "float64", "float", "d")
    if dtype is not None and not (isinstance(dtype, Object) and dtype.value in allowed):
        low.refuse("an array of another type than float64", node, "leave dtype away")
    if named:
        low.refuse(f"{ast.unparse(node.func)} with {next(iter(named))}=", node)


def _shape_argument(low, value: Abstract, node) -> tuple[Operand, ...]:
    items = [value] if is_scalar(value) else indexing.sequence(low, value, node)
    shape = tuple(low.as_scalar(x, node) for x in items)
    if any(n.type is not INT for n in shape):
        low.refuse("a shape that is not made of integers", node)
    return shape


def _maker(fill: str, value: float | None) -> Callable:
    def make(low, args, named, node) -> Abstract:
        if len(args) == 2:
            named = {**named, "dtype": args[1]}
        _float_dtype(low, named, node)
        shape = _shape_argument(low, args[0], node)
        return _made(low, shape, fill, None if value is None else const(value), node)

    return make


def _like(fill: str, value: float | None) -> Callable:
    def make(low, args, named, node) -> Abstract:
        _exactly(low, args, named, 1, 1, node)
        model = whole.from_items(low, args[0], node)
        shape = arrays.shape_of(low, model, node)
        return _made(low, shape, fill, None if value is None else const(value), node)

    return make


def _full(low, args, named, node) -> Abstract:
    _float_dtype(low, named, node)
    value = low.as_scalar(args[1], node)
    if value.type is not FLOAT:
        low.refuse("np.full of an integer makes an array of integers", node, "write a float")
    return _made(low, _shape_argument(low, args[0], node), "empty", value, node)


def _made(low, shape, fill: str, value: Operand | None, node) -> Abstract:
    made = arrays.allocate(low, shape, fill, node)
    if value is not None and value != const(0.0):
        indexing.store_all(low, made, value, node)
    return made


def _array(low, args, named, node) -> Abstract:
    _float_dtype(low, named, node)
    if is_scalar(args[0]):
        low.refuse("a 0-dimensional array", node, "use the number itself")
    return indexing.copied(low, whole.from_items(low, args[0], node), node)


def _asarray(low, args, named, node) -> Abstract:
    _float_dtype(low, named, node)
    return whole.from_items(low, args[0], node)


def _copy(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 1, 1, node)
    return indexing.copied(low, args[0], node)


# -- reductions and products ---------------------------------------------------------------------
def _sum(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 1, 1, node)
    return whole.reduced(low, args[0], low.b.add, const(0.0), node)


def _mean(low, args, named, node) -> Abstract:
    from sciad.compiler.expressions import _array_attribute

    value = whole.elements(low, args[0], node)
    size = _array_attribute(low, value, "size", node)
    return low.b.div(_sum(low, [value], named, node), size)


def _folder(code: str) -> Callable:
    def fold(low, args, named, node) -> Abstract:
        _exactly(low, args, named, 1, 1, node)
        function = {"gt": np.maximum, "lt": np.minimum}[code]
        best = lambda x, y: scalar_call(low, function, (x, y), node)
        return whole.reduced(low, args[0], best, None, node)

    return fold


_max, _min = _folder("gt"), _folder("lt")


def _dot(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 2, 2, node)
    if any(is_scalar(a) for a in args):
        return whole.elementwise(low, low.b.mul, args, node)
    return whole.product(low, args[0], args[1], node)


def _where(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 3, 3, node)

    def choose(test: Operand, yes: Operand, no: Operand) -> Operand:
        yes, no = low.b.together(yes, no)
        return low.b.pure("select", low.b.truth(test), yes, no)

    return whole.elementwise(low, choose, args, node)


_HANDLERS: dict[Any, Callable] = {
    functools.partial: lambda low, args, named, node: Partial(args[0], tuple(args[1:]), named),
    builtins.len: _len,
    builtins.range: _range,
    builtins.float: _conversion(FLOAT),
    builtins.int: _conversion(INT),
    builtins.bool: _conversion(BOOL),
    np.float64: _conversion(FLOAT),
    builtins.max: _extreme("gt"),
    builtins.min: _extreme("lt"),
    builtins.sum: _builtin_sum,
    builtins.enumerate: _enumerate,
    builtins.zip: _zip,
    builtins.reversed: _reversed,
    builtins.tuple: _as_tuple,
    builtins.list: _as_list,
    builtins.pow: _pow,
    math.pow: _pow,
    np.power: _pow,
    np.zeros: _maker("zeros", None),
    np.empty: _maker("empty", None),
    np.ones: _maker("empty", 1.0),
    np.full: _full,
    np.zeros_like: _like("zeros", None),
    np.empty_like: _like("empty", None),
    np.ones_like: _like("empty", 1.0),
    np.array: _array,
    np.asarray: _asarray,
    np.copy: _copy,
    np.sum: _sum,
    np.mean: _mean,
    np.max: _max,
    np.min: _min,
    np.dot: _dot,
    np.matmul: _dot,
    np.where: _where,
}

"""Calls: the functions of builtins, math and NumPy that have a compiled form."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import functools
import math
import types as python_types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front import (
    classes,
    functions,
    language,
    members,
    overloads,
    ranges,
    records,
    singles,
)
from sciad.compiler.front.kinds import converted, dtype_argument, element_type
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.types import scalar_type
from sciad.compiler.front.values import (
    Abstract,
    Choice,
    Closure,
    ComplexOf,
    Derivative,
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
from sciad.compiler.inner import nested
from sciad.compiler.ir import BOOL, FLOAT, FLOAT32, INT, Const, Operand, ScalarType, const
from sciad.compiler.vocabulary import (
    arrays,
    complex_calls,
    fancy,
    indexing,
    iteration,
    library,
    special,
    whole,
)
from sciad.compiler.vocabulary.functions import SCALAR, scalar_call, to_int
from sciad.compiler.vocabulary.linear import LINEAR
from sciad.core.checkpointed import checkpointed

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["attribute_of", "call", "is_lazy", "iterated", "may_write"]

Arguments = list[Abstract]
_CONSTANT_MODULES = ("numpy", "math", "scipy.constants")


def is_lazy(target: Abstract) -> bool:
    """Whether a call may take array expressions that have not been written to memory."""
    return isinstance(target, Object) and (
        _hashable(target.value) in SCALAR
        or _hashable(target.value) in library.LAZY
        or special.name_of(target.value) is not None
    )


_READING_METHODS = ("copy", "dot", "values", "items", "keys", *library.READING)


def may_write(low: Lowering, node: ast.AST) -> bool:
    """Whether an expression contains a call that might write to an array."""
    inner = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    if any(k.arg == "out" for n in inner for k in n.keywords):
        return True
    return not all(_only_reads(low, n.func) for n in inner)


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
    if isinstance(owner, np.ufunc) and hasattr(owner, name):
        return Object(getattr(owner, name))
    if isinstance(owner, type):
        return members.of_class(low, owner, name, node)
    if not isinstance(owner, python_types.ModuleType):
        low.refuse(f"the attribute {name!r} of {owner!r} cannot be compiled", node)
    found = getattr(owner, name, None)
    if found is None and owner is np and name == "newaxis":
        return Object(None)
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
    if isinstance(target, Pythonic) and target.function is dataclasses.replace:
        return records.replaced(low, args, named, node)
    if isinstance(target, Pythonic):
        target = nested.reopened(low, target, node)
    if isinstance(target, Derivative):
        if low.single:
            singles.expect_followed(low, target.kind, args, node)
        return nested.call_derivative(low, target, args, named, node)
    if isinstance(target, Pythonic | Closure):
        return low.call(target, args, named, node)
    if isinstance(target, Method):
        return _method(low, target, args, named, node)
    if isinstance(target, Choice):
        return functions.call_chosen(low, target, args, named, node)
    if isinstance(target, Partial):
        return call(low, target.target, [*target.args, *args], {**target.named, **named}, node)
    if members.class_of(target) is not None:
        return call(low, members.member(low, target, "__call__", node), args, named, node)
    from sciad.compiler.front.frontend import python_function

    if not isinstance(target, Object):
        low.refuse("something is called that is not a function", node)
    function = _hashable(target.value)
    if records.is_record(function):
        return records.constructed(low, function, args, named, node)
    if function in classes.HANDLERS:
        return classes.HANDLERS[function](low, args, named, node)
    known = function in _HANDLERS or function in library.FUNCTIONS
    if not known and python_function(function) is not None:
        found = members.function_of(low, function, node)
        if found is not None:
            return call(low, found, args, named, node)
    if low.single and function not in nested.HANDLERS:
        run = lambda given, options: _known(low, target, given, options, node)
        return singles.call(low, function, args, named, node, run)
    return _known(low, target, args, named, node)


def _known(
    low: Lowering, target: Object, args: Arguments, named: dict[str, Abstract], node: ast.Call
) -> Abstract:
    """Call a function that is known to the compiler."""
    function = _hashable(target.value)
    found = complex_calls.call(low, function, args, named, node)
    if found is not None:
        return found
    out = named.pop("out", Object(None))
    if not (isinstance(out, Object) and out.value is None):
        return library.written_to(low, out, call(low, target, args, named, node), node)
    handler = library.FUNCTIONS.get(function) or _HANDLERS.get(function)
    if handler is None and ranges.is_prange(function):
        handler = _range
    if handler is not None:
        return handler(low, args, named, node)
    if function in SCALAR:
        if named:
            low.refuse(f"{ast.unparse(node.func)} with keyword arguments", node)
        apply = lambda *operands: scalar_call(low, function, operands, node)
        return whole.elementwise(low, singles.elementwise(low, function, apply), args, node)
    name = special.name_of(target.value)
    if name is not None:
        _exactly(low, args, named, 1, 1, node)
        exact = lambda x: x if x.type is FLOAT32 else low.b.cast(x, FLOAT)
        value = lambda x: low.b.pure("call", exact(x), attr=name)
        return whole.elementwise(low, value, args, node)
    return low.refuse(
        f"{ast.unparse(node.func)} has no compiled form",
        node,
        "leave this part outside the compiled function, or write it with basic arithmetic",
    )


def _method(low: Lowering, target: Method, args: Arguments, named, node: ast.Call) -> Abstract:
    owner, name = target.owner, target.name
    if isinstance(owner, ComplexOf):
        return complex_calls.method(low, owner, name, args, named, node)
    if is_scalar(owner) and name == "conjugate" and not args:
        return owner
    if isinstance(owner, TupleOf):
        found = records.tuple_method(low, owner, name, args, named, node)
        if found is not None:
            return found
    if isinstance(owner, Structure) and owner.is_dict and name in ("values", "items", "keys"):
        keys = [Object(k) if isinstance(k, str) else const(k) for k in owner.items]
        values = list(owner.items.values())
        pairs = [TupleOf((k, v)) for k, v in zip(keys, values, strict=True)]
        return TupleOf(tuple({"values": values, "items": pairs, "keys": keys}[name]))
    functions = {"copy": _copy, "dot": _dot, "nonzero": _where, **library.METHODS}
    if isinstance(owner, StaticArray | Memory) and name in functions:
        run = lambda own, given, options: functions[name](low, [own, *given], options, node)
        if low.single:
            return singles.method(low, owner, name, args, named, node, run)
        return run(owner, args, named)
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
    found = overloads.unary(low, "__len__", args[0], node)
    return arrays.length(low, args[0], node) if found is None else found


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
        if kind is INT and x.type in (FLOAT, FLOAT32):
            return to_int(low, low.b.cast(x, FLOAT), node)
        return low.b.cast(x, kind)

    return convert


def _float32(low, args, named, node) -> Abstract:
    low.begin_single()
    return _conversion(FLOAT32)(low, args, named, node)


def _extreme(code: str) -> Callable:
    def choose(low, args, named, node) -> Abstract:
        if named:
            low.refuse(f"{ast.unparse(node.func)} with keyword arguments", node)
        if len(args) == 1 and isinstance(args[0], iteration.Generator):
            kind = {"gt": "max", "lt": "min"}[code]
            return iteration.consumed(low, kind, args[0], const(0), node)
        if len(args) == 1 and library.is_long(args[0]):
            return library.first_extreme(low, args[0], code, node)
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
    from sciad.compiler.front.arithmetic import arithmetic

    add = lambda x, y: arithmetic(low, "add", x, y, node)
    total: Abstract = args[1] if len(args) == 2 else const(0)
    if isinstance(args[0], iteration.Generator):
        return iteration.consumed(low, "sum", args[0], total, node)
    if isinstance(args[0], Memory | Elements) and len(args[0].shape) == 1:
        items = [library.FUNCTIONS[np.sum](low, args[:1], {}, node)]
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
    if first.type in (FLOAT, FLOAT32):
        low.refuse("enumerate starts at a float", node)
    if language.is_long(args[0]) or language.is_mutable(args[0]):
        return language.zipped(low, args[:1], first, node)
    items = iterated(low, args[0], node)
    numbers = [arrays.plus(low, const(k), first) for k in range(len(items))]
    return TupleOf(tuple(map(TupleOf, zip(numbers, items, strict=True))))


def _zip(low, args, named, node) -> Abstract:
    strict = named.pop("strict", const(False))
    if any(map(language.is_long, args)) and not named:
        return language.zipped(low, args, None, node, strict == const(True))
    if any(map(language.is_mutable, args)) and not named:
        known = (RangeOf, Rows, TupleOf, ListOf, StaticArray, Memory)
        parts = [a if isinstance(a, known) else _as_tuple(low, [a], {}, node) for a in args]
        if strict == const(False) or len({language.iteration(low, a, node) for a in parts}) == 1:
            return language.zipped(low, parts, None, node)
    columns = [iterated(low, a, node) for a in args]
    if named or (strict != const(False) and len({len(c) for c in columns}) > 1):
        low.refuse(
            "zip of sequences of different lengths",
            node,
            "cut the longer one to the length of the shorter one first",
        )
    return TupleOf(tuple(TupleOf(row) for row in zip(*columns, strict=False)))


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
    if isinstance(value, iteration.Generator):
        value = iteration.comprehension(low, value.node)
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
    from sciad.compiler.front.expressions import make_list

    if args and isinstance(args[0], iteration.Generator):
        return iteration.comprehension(low, args[0].node)
    return make_list(low, iterated(low, args[0], node) if args else [], node)


def _pow(low, args, named, node) -> Abstract:
    from sciad.compiler.front.arithmetic import power

    _exactly(low, args, named, 2, 2, node)
    return whole.elementwise(low, lambda a, b: power(low, a, b, node), args, node)


# -- making arrays -------------------------------------------------------------------------------
def _dtype(low, named, node) -> ScalarType | None:
    """Element type that is asked for; None if none is."""
    dtype = named.pop("dtype", None)
    if named:
        low.refuse(f"{ast.unparse(node.func)} with {next(iter(named))}=", node)
    if dtype is None or (isinstance(dtype, Object) and dtype.value is None):
        return None
    return dtype_argument(low, dtype, node)


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
        kind = _dtype(low, dict(named), node) or FLOAT
        shape = _shape_argument(low, args[0], node)
        return _made(low, shape, fill, None if value is None else const(value), node, kind)

    return make


def _like(fill: str, value: float | None) -> Callable:
    def make(low, args, named, node) -> Abstract:
        kind = _dtype(low, dict(named), node)
        _exactly(low, args, {}, 1, 1, node)
        model = whole.from_items(low, args[0], node)
        kind = kind or element_type(low, model)
        shape = arrays.shape_of(low, model, node)
        return _made(low, shape, fill, None if value is None else const(value), node, kind)

    return make


def _full(low, args, named, node) -> Abstract:
    kind = _dtype(low, dict(named), node)
    value = low.as_scalar(args[1], node)
    value = value if kind is None else converted(low, value, kind, node)
    return _made(low, _shape_argument(low, args[0], node), "empty", value, node, value.type)


def _made(low, shape, fill: str, value: Operand | None, node, kind: ScalarType) -> Abstract:
    made = arrays.allocate(low, shape, fill, node, element=kind)
    if value is not None:
        indexing.store_all(low, made, value, node)
    return made


def _array(low, args, named, node) -> Abstract:
    kind = _dtype(low, dict(named), node)
    if is_scalar(args[0]):
        low.refuse("a 0-dimensional array", node, "use the number itself")
    return cast_array(low, whole.from_items(low, args[0], node), kind, node)


def cast_array(low: Lowering, value: Abstract, kind: ScalarType | None, node: ast.AST) -> Abstract:
    """Make a new array with the same elements, as numbers of `kind`."""
    if kind is None:
        return indexing.copied(low, value, node)
    known = whole.elements(low, value, node)
    recipe = lambda at: converted(low, known.at(at), kind, node)
    return arrays.settled(low, Elements(known.shape, recipe), node)


def _asarray(low, args, named, node) -> Abstract:
    kind = _dtype(low, dict(named), node)
    value = whole.from_items(low, args[0], node)
    if kind is None or element_type(low, value) is kind:
        return value
    return cast_array(low, value, kind, node)


def _copy(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 1, 1, node)
    return indexing.copied(low, args[0], node)


# -- products and choices -------------------------------------------------------------------------
def _dot(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 2, 2, node)
    if any(is_scalar(a) for a in args):
        return whole.elementwise(low, low.b.mul, args, node)
    args = [arrays.settled(low, whole.from_items(low, a, node), node) for a in args]
    if len(arrays.shape_of(low, args[1], node)) > 2:
        low.refuse("np.dot with an array of more than two dimensions", node, "use @")
    return whole.product(low, args[0], args[1], node)


def _matmul(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 2, 2, node)
    return whole.product(low, args[0], args[1], node)


def _where(low, args, named, node) -> Abstract:
    if len(args) == 1 and not named:
        return TupleOf(tuple(fancy.nonzero(low, args[0], node)))
    _exactly(low, args, named, 3, 3, node)

    def choose(test: Operand, yes: Operand, no: Operand) -> Operand:
        yes, no = low.b.together(yes, no)
        return low.b.pure("select", low.b.truth(test), yes, no)

    return whole.elementwise(low, choose, args, node)


def _flat_nonzero(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 1, 1, node)
    if len(whole.elements(low, args[0], node).shape) != 1:
        low.refuse("np.flatnonzero of an array that is not one-dimensional", node, "ravel it")
    return fancy.nonzero(low, args[0], node)[0]


def _add_at(low, args, named, node) -> Abstract:
    _exactly(low, args, named, 3, 3, node)
    if not isinstance(args[0], StaticArray | Memory):
        low.refuse("np.add.at of something that is not an array", node)
    parts = args[1].items if isinstance(args[1], TupleOf) else (args[1],)
    index = tuple(indexing.index_part(low, part, node) for part in parts)
    fancy.add_at(low, args[0], index, args[2], node)
    return Object(None)


_HANDLERS: dict[Any, Callable] = {
    functools.partial: lambda low, args, named, node: Partial(args[0], tuple(args[1:]), named),
    builtins.len: _len,
    builtins.range: _range,
    builtins.float: _conversion(FLOAT),
    builtins.int: _conversion(INT),
    builtins.bool: _conversion(BOOL),
    np.float64: _conversion(FLOAT),
    np.float32: _float32,
    builtins.max: _extreme("gt"),
    builtins.min: _extreme("lt"),
    builtins.sum: _builtin_sum,
    builtins.enumerate: _enumerate,
    builtins.zip: _zip,
    builtins.reversed: _reversed,
    checkpointed: ranges.checkpointed_range,
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
    np.dot: _dot,
    np.matmul: _matmul,
    np.where: _where,
    **nested.HANDLERS,
    np.nonzero: _where,
    np.flatnonzero: _flat_nonzero,
    np.add.at: _add_at,
    **LINEAR,
}

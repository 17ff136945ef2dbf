"""Expressions: names, arithmetic, comparisons, conditions, attributes, calls."""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front import calls, identity, language, members, overloads, precision, singles
from sciad.compiler.front.arithmetic import arithmetic
from sciad.compiler.front.kinds import dtype_of, element_type
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.types import scalar_type
from sciad.compiler.front.values import (
    Abstract,
    Closure,
    ComplexOf,
    Elements,
    ListOf,
    Memory,
    Method,
    Missing,
    Object,
    StaticArray,
    Structure,
    TupleOf,
    complex_of,
)
from sciad.compiler.ir import BOOL, FLOAT, FLOAT32, INT, Const, Operand, Value, const
from sciad.compiler.vocabulary import arrays, complex_calls, complexes, indexing, iteration, whole

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["binary", "condition", "evaluate", "make_list"]

_serial = count(1)
_CODES = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
}
_COMPARE = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}


def evaluate(low: Lowering, node: ast.expr) -> Abstract:
    """Lower an expression."""
    handler = _HANDLERS.get(type(node))
    if handler is None:
        low.refuse(f"{ast.unparse(node)} cannot be compiled", node)
    return handler(low, node)


def _constant(low: Lowering, node: ast.Constant) -> Abstract:
    value: Any = node.value
    if isinstance(value, complex):
        return complex_of(const(value.real), const(value.imag))
    return Object(value) if scalar_type(value) is None else const(value)


def _name(low: Lowering, node: ast.Name) -> Abstract:
    return low.read(node)


# -- arithmetic ---------------------------------------------------------------------------------
def _binary(low: Lowering, node: ast.BinOp) -> Abstract:
    left = low.evaluate(node.left)
    left = _before(low, left, node.right)
    return binary(low, type(node.op), left, low.evaluate(node.right), node)


def _before(low: Lowering, value: Abstract, later: ast.expr) -> Abstract:
    """Carry out a recipe before something that might write to what it reads."""
    if isinstance(value, Elements | ComplexOf) and calls.may_write(low, later):
        return arrays.settled(low, value, later)
    return value


def binary(
    low: Lowering, kind: type[ast.operator], a: Abstract, b: Abstract, node: ast.AST
) -> Abstract:
    """Apply a binary operator to any two values."""
    found = overloads.binary(low, kind, a, b, node)
    if found is not None:
        return found
    if isinstance(a, ComplexOf) or isinstance(b, ComplexOf):
        if low.single and any(singles.holds(low, x) for x in (a, b)):
            singles.refuse(low, f"{ast.unparse(node)}, complex arithmetic", node)
        return complexes.binary(low, kind, a, b, node)
    listed = any(isinstance(x, TupleOf | ListOf) for x in (a, b))
    if listed and not any(isinstance(x, StaticArray | Memory | Elements) for x in (a, b)):
        return _sequences(low, kind, a, b, node)
    if kind is ast.MatMult:
        product = lambda x, y: whole.product(low, x, y, node)
        return singles.rounded(low, product, [a, b], node)
    if kind in (ast.BitAnd, ast.BitOr, ast.BitXor):
        return _bitwise(low, kind, a, b, node)
    code = _CODES.get(kind)
    if code is None:
        low.refuse("a shift operator cannot be compiled", node, "multiply by a power of 2")
    _numeric(low, a, node)
    _numeric(low, b, node)
    if any(isinstance(x, StaticArray | Memory | Elements) for x in (a, b)):
        of_arrays = lambda x, y: _of_arrays(low, code, x, y, node)
        apply = singles.traced(low, of_arrays, precision.NUMPY)
    else:
        apply = singles.traced(low, lambda x, y: arithmetic(low, code, x, y, node))
    return whole.elementwise(low, apply, [a, b], node)


def _of_arrays(low: Lowering, code: str, x: Operand, y: Operand, node: ast.AST) -> Operand:
    """Arithmetic of two elements: for two bools NumPy's + is `or`, its * is `and`."""
    if x.type is BOOL and y.type is BOOL and code != "div":
        logic = {"add": "or", "mul": "and"}.get(code)
        if logic is None:
            low.refuse("this arithmetic on bools", node, "write 1 * mask, or mask.astype(int)")
        return low.b.pure(logic, x, y)
    return arithmetic(low, code, x, y, node)


def _numeric(low: Lowering, value: Abstract, node: ast.AST) -> None:
    numbers = StaticArray | Memory | Elements | TupleOf | ListOf
    if not is_scalar(value) and not isinstance(value, numbers):
        low.as_scalar(value, node)
    if isinstance(value, Memory) and value.is_list:
        low.refuse("arithmetic with a list", node, "make it an array")


def _sequences(low, kind, a: Abstract, b: Abstract, node) -> Abstract:
    """[...] * n, list + list, tuple + tuple."""
    if kind is ast.Mult:
        items, n = (a, b) if isinstance(a, TupleOf | ListOf) else (b, a)
        if isinstance(n, Const) and n.type is INT:
            return _like(low, items, indexing.sequence(low, items, node) * int(n.value), node)
        if isinstance(items, ListOf) and isinstance(n, Value) and n.type is INT:
            return _filled(low, items, n, node)
    elif kind is ast.Add and type(a) is type(b):
        both = indexing.sequence(low, a, node) + indexing.sequence(low, b, node)
        return _like(low, a, both, node)
    return low.refuse(f"{ast.unparse(node)} cannot be compiled", node, "use an array")


def _like(low: Lowering, model: Abstract, items: list[Abstract], node: ast.AST) -> Abstract:
    if isinstance(model, TupleOf):
        return TupleOf(tuple(items), (), model.kind)
    return make_list(low, items, node)


def _filled(low: Lowering, model: ListOf, n: Operand, node: ast.AST) -> Abstract:
    """[x] * n with n known at run time."""
    items = indexing.sequence(low, model, node)
    if len(items) != 1 or not is_scalar(items[0]):
        low.refuse(
            "a list repeated a number of times known only at run time", node, "use np.full(n, x)"
        )
    site = ("float", low.site(node))
    kind = FLOAT if site in low.in_memory else items[0].type
    made: Any = arrays.allocate(low, (n,), "zeros", node, is_list=True, element=kind)
    if kind is INT:
        low.int_lists[made.buffer] = site
    indexing.store_all(low, made, items[0], node)
    return made


def make_list(low: Lowering, items: list[Abstract], node: ast.AST) -> Abstract:
    """Make a list: variables, or memory if it is indexed by computed indices."""
    if low.site(node) not in low.in_memory:
        return ListOf(low.cells(items, node))
    kinds = {x.type if is_scalar(x) else None for x in items} or {FLOAT}
    if None in kinds or len(kinds) > 1:
        low.refuse(
            "a list of different types is indexed by a computed index",
            node,
            "make it an array",
        )
    shape, kind = (const(len(items)),), next(k for k in kinds if k is not None)
    kind = FLOAT if ("float", low.site(node)) in low.in_memory else kind
    made: Any = arrays.allocate(low, shape, "empty", node, is_list=True, element=kind)
    if kind is INT:
        low.int_lists[made.buffer] = ("float", low.site(node))
    for k, x in enumerate(items):
        low.b.effect("store", made.buffer, const(k), low.b.cast(x, kind))
    return made


def _bitwise(low: Lowering, kind, a: Abstract, b: Abstract, node: ast.AST) -> Abstract:
    code = {ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "ne"}[kind]

    def logic(x: Operand, y: Operand) -> Operand:
        if x.type is not BOOL or y.type is not BOOL:
            low.refuse("bit arithmetic on integers cannot be compiled", node)
        return low.b.pure(code, x, y)

    return whole.elementwise(low, logic, [a, b], node)


def _unary(low: Lowering, node: ast.UnaryOp) -> Abstract:
    if isinstance(node.op, ast.Not):
        return low.b.pure("not", condition(low, node.operand))
    value = low.evaluate(node.operand)
    name = {ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__"}[type(node.op)]
    found = overloads.unary(low, name, value, node)
    if found is not None:
        return found
    if isinstance(value, TupleOf | ListOf) and not isinstance(value, ComplexOf):
        low.refuse(f"{ast.unparse(node)} of a tuple or list", node, "make it an array")
    if isinstance(value, ComplexOf) and isinstance(node.op, ast.UAdd | ast.USub):
        minus = isinstance(node.op, ast.USub)
        return complexes.negative(low, value, node) if minus else value
    _numeric(low, value, node)
    if isinstance(node.op, ast.USub):
        return whole.elementwise(low, singles.traced(low, low.b.neg), [value], node)
    if isinstance(node.op, ast.UAdd):
        same = singles.traced(low, lambda x: low.b.together(x)[0])
        return whole.elementwise(low, same, [value], node)
    return whole.elementwise(low, lambda x: _inverted(low, x, value, node), [value], node)


def _inverted(low: Lowering, x: Operand, value: Abstract, node: ast.AST) -> Operand:
    """~x: `not` for a bool of an array, -x - 1 for an integer."""
    if x.type in (FLOAT, FLOAT32):
        low.refuse("~ of a float", node)
    if x.type is BOOL:
        if is_scalar(value) and isinstance(value, Const):
            low.refuse("~ of a bool of Python's is an integer", node, "use not")
        return low.b.pure("not", x)
    return arithmetic(low, "sub", arithmetic(low, "mul", x, const(-1), node), const(1), node)


# -- conditions ---------------------------------------------------------------------------------
def condition(low: Lowering, node: ast.expr) -> Operand:
    """Truth of an expression, as a bool."""
    if isinstance(node, ast.BoolOp):
        return low.as_scalar(_junction(low, node, condition), node)
    return _truth(low, low.evaluate(node), node)


def _truth(low: Lowering, value: Abstract, node: ast.AST) -> Operand:
    if isinstance(value, Object) and not isinstance(value.value, np.ndarray):
        return const(bool(value.value))
    if isinstance(value, ComplexOf):
        nonzero = complexes.compared(low, "ne", value, const(0.0), node)
        return low.b.truth(low.as_scalar(nonzero, node))
    for name in ("__bool__", "__len__"):
        found = overloads.unary(low, name, value, node)
        if found is not None:
            return low.b.truth(low.as_scalar(found, node))
    if isinstance(value, Structure) and not value.is_dict:
        return const(True)
    if isinstance(value, TupleOf | ListOf | Structure):
        return const(bool(arrays.length(low, value, node).value))
    return low.b.truth(low.as_scalar(value, node))


def _junction(low: Lowering, node: ast.BoolOp, read: Callable) -> Abstract:
    """`and` / `or`: later operands are evaluated only if they matter."""
    from sciad.compiler.front.statements import branch

    key = (low.frame.serial, f".junction{next(_serial)}")

    def step(k: int) -> None:
        value = low.env[key] = read(low, node.values[k])
        if k + 1 < len(node.values):
            test = _truth(low, value, node)
            more, done = (lambda: step(k + 1)), (lambda: None)
            sides = (more, done) if isinstance(node.op, ast.And) else (done, more)
            branch(low, test, *sides, node)

    step(0)
    return _taken(low, key, node)


def _taken(low: Lowering, key, node: ast.AST) -> Abstract:
    value = low.env.pop(key)
    if isinstance(value, Missing):
        low.demand(value)
        low.refuse(f"{ast.unparse(node)} has no single value: {value.reason}", node)
    return value


def _choice(low: Lowering, node: ast.IfExp) -> Abstract:
    from sciad.compiler.front.statements import branch

    key = (low.frame.serial, f".choice{next(_serial)}")

    def take(source: ast.expr) -> None:
        low.env[key] = arrays.settled(low, low.evaluate(source), source)

    test = condition(low, node.test)
    branch(low, test, lambda: take(node.body), lambda: take(node.orelse), node)
    return _taken(low, key, node)


def _comparison(low: Lowering, node: ast.Compare) -> Abstract:
    left = low.evaluate(node.left)
    total: Abstract | None = None
    for op, source in zip(node.ops, node.comparators, strict=True):
        left = _before(low, left, source)
        right = low.evaluate(source)
        part = _compared(low, op, left, right, node)
        if total is None:
            total = part
        else:
            both = lambda x, y: low.b.pure("and", x, y)
            total = whole.elementwise(low, both, [total, part], node)
        left = right
    assert total is not None
    return total


def _compared(low: Lowering, op: ast.cmpop, a: Abstract, b: Abstract, node: ast.AST) -> Abstract:
    if isinstance(op, ast.In | ast.NotIn):
        items = indexing.sequence(low, b, node)
        found: Operand = const(False)
        for x in items:
            found = low.b.pure("or", found, low.as_scalar(_equal(low, a, x, node), node))
        return low.b.pure("not", found) if isinstance(op, ast.NotIn) else found
    if isinstance(op, ast.Is | ast.IsNot):
        same = identity.identical(low, a, b, node)
        return same if isinstance(op, ast.Is) else low.b.pure("not", same)
    if isinstance(a, Object) or isinstance(b, Object):
        if not isinstance(op, ast.Eq | ast.NotEq):
            low.refuse(f"{ast.unparse(node)} cannot be compiled", node)
        answer = _equal(low, a, b, node)
        return answer if isinstance(op, ast.Eq) else low.b.pure("not", answer)
    code = _COMPARE[type(op)]
    found = overloads.sequences_compared(low, code, a, b, node)
    if found is not None:
        return found
    if isinstance(a, ComplexOf) or isinstance(b, ComplexOf):
        return complexes.compared(low, code, a, b, node)
    return whole.elementwise(low, lambda x, y: low.b.compare(code, x, y), [a, b], node)


def _equal(low: Lowering, a: Abstract, b: Abstract, node: ast.AST) -> Operand:
    if isinstance(a, Object) or isinstance(b, Object):
        return identity.equal(low, a, b, node)
    return low.b.compare("eq", low.as_scalar(a, node), low.as_scalar(b, node))


# -- structures ---------------------------------------------------------------------------------
def _tuple(low: Lowering, node: ast.Tuple) -> Abstract:
    return TupleOf(tuple(_items(low, node.elts)))


def _items(low: Lowering, nodes: list[ast.expr]) -> list[Abstract]:
    items: list[Abstract] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            items += indexing.sequence(low, low.evaluate(node.value), node)
        else:
            items.append(arrays.settled(low, low.evaluate(node), node))
    return items


def _list(low: Lowering, node: ast.List) -> Abstract:
    return make_list(low, _items(low, node.elts), node)


def _dict(low: Lowering, node: ast.Dict) -> Abstract:
    items = {}
    for key, source in zip(node.keys, node.values, strict=True):
        name = None if key is None else low.evaluate(key)
        if not isinstance(name, Const | Object):
            low.refuse("a dict with keys that are not constants", node)
        items[name.value] = arrays.settled(low, low.evaluate(source), source)
    return Structure(items, True)


def _attribute(low: Lowering, node: ast.Attribute) -> Abstract:
    owner = low.evaluate(node.value)
    name = node.attr
    if isinstance(owner, Structure) and not owner.is_dict and name in owner.items:
        return owner.items[name]
    if isinstance(owner, TupleOf) and name in owner.fields:
        return owner.items[owner.fields.index(name)]
    if members.class_of(owner) is not None:
        return members.member(low, owner, name, node)
    if isinstance(owner, Elements | StaticArray | Memory):
        owner = arrays.settled(low, owner, node)
        return _array_attribute(low, owner, name, node)
    if isinstance(owner, ComplexOf):
        found = complex_calls.attribute(low, owner, name, node)
        return Method(owner, name) if found is None else found
    if is_scalar(owner) and name in ("real", "imag", "conjugate"):
        return _of_real(low, owner, name, node)
    if isinstance(owner, Object):
        return calls.attribute_of(low, owner.value, name, node)
    if isinstance(owner, ListOf | Structure | TupleOf):
        return Method(owner, name)
    return low.refuse(f"the attribute {name!r} cannot be compiled", node)


def _array_attribute(low: Lowering, owner: Any, name: str, node: ast.AST) -> Abstract:
    shape = arrays.shape_of(low, owner, node)
    if low.single:
        shape = tuple(singles.mark(low, n, precision.PYTHON) for n in shape)
    if name == "shape":
        return TupleOf(shape)
    if name == "ndim":
        return const(len(shape))
    if name == "size":
        size: Operand = const(1)
        for n in shape:
            size = arrays.times(low, size, n)
        return singles.mark(low, size, precision.PYTHON) if low.single else size
    if name == "T":
        if isinstance(owner, StaticArray):
            return StaticArray(owner.cells, owner.index.T)
        flipped = (owner.shape[::-1], owner.strides[::-1])
        return Memory(owner.buffer, owner.offset, *flipped, owner.writable)
    if name == "dtype":
        return Object(dtype_of(element_type(low, owner)))
    return Method(owner, name)


def _of_real(low: Lowering, owner: Operand, name: str, node: ast.AST) -> Abstract:
    """Attribute of a real number that complex ones have too."""
    if name == "conjugate":
        return Method(owner, name)
    return owner if name == "real" else low.b.cast(const(0), owner.type)


def _subscripted(low: Lowering, node: ast.Subscript) -> Abstract:
    owner = _before(low, low.evaluate(node.value), node.slice)
    overloads.expect_plain(low, owner, "__getitem__", node)
    found = indexing.item(low, owner, indexing.subscript(low, node.slice), node)
    from_array = isinstance(owner, StaticArray | Memory | Elements)
    if low.single and from_array and not getattr(owner, "is_list", False):
        return singles.mark(low, found, precision.NUMPY)
    return found


def _call(low: Lowering, node: ast.Call) -> Abstract:
    target = low.evaluate(node.func)
    args = _items(low, node.args) if not calls.is_lazy(target) else _lazy(low, node.args)
    named = language.keywords(low, node)
    low.at(node)
    return calls.call(low, target, args, named, node)


def _lazy(low: Lowering, nodes: list[ast.expr]) -> list[Abstract]:
    """Arguments of elementwise functions: array expressions stay recipes."""
    if any(isinstance(n, ast.Starred) for n in nodes):
        return _items(low, nodes)
    nested = any(calls.may_write(low, source) for source in nodes[1:])
    return _items(low, nodes) if nested else [low.evaluate(n) for n in nodes]


def _lambda(low: Lowering, node: ast.Lambda) -> Abstract:
    defaults = tuple(low.evaluate(d) for d in node.args.defaults)
    return Closure(node, low.frame, defaults, language.named_defaults(low, node))


_HANDLERS: dict[type[ast.expr], Callable[[Any, Any], Abstract]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: lambda low, node: _junction(low, node, evaluate),
    ast.IfExp: _choice,
    ast.Compare: _comparison,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Dict: _dict,
    ast.ListComp: iteration.comprehension,
    ast.GeneratorExp: lambda low, node: iteration.Generator(node),
    ast.NamedExpr: language.walrus,
    ast.Attribute: _attribute,
    ast.Subscript: _subscripted,
    ast.Call: _call,
    ast.Lambda: _lambda,
}

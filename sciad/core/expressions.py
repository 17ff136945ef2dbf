"""Arithmetic expressions of followed code that are computed as one.

What an operator inside ``a * b + c`` makes has no name: nobody can write into it, or look at it. It
needs no box. So an expression of names, numbers, slices of names, operators and elementary
functions gets a second way, which is taken where an array is among its names::

    site(a, b, c) if type(a) is Array else a * b + c

`sciad.core.sites` makes the functions. Only names are evaluated for the test and for the call,
which changes nothing, and in the order of the source.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeGuard

__all__ = [
    "FUNCTIONS",
    "Expression",
    "Function",
    "Matrix",
    "Minus",
    "Number",
    "Operation",
    "Part",
    "Variable",
    "expression_of",
    "has_arrays",
    "is_at_once",
]

#: Functions of one float64 array that give another.
FUNCTIONS = frozenset(
    {
        *("exp", "expm1", "log", "log1p", "sqrt", "square", "sin", "cos", "tan", "arctan"),
        *("sinh", "cosh", "tanh", "arcsinh"),
    }
)
_OPERATORS: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_OF_INDICES = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv)
_MOST_NAMES, _MOST_OPERATIONS = 8, 40


@dataclass(frozen=True)
class Variable:
    """A name: the number of the parameter it is."""

    place: int


@dataclass(frozen=True)
class Number:
    """A number that stands in the source."""

    value: Any


@dataclass(frozen=True)
class Part:
    """A slice of a variable; the index as source, with parameters."""

    base: Variable
    index: str


@dataclass(frozen=True)
class Minus:
    """``-x``."""

    operand: Any


@dataclass(frozen=True)
class Operation:
    """``x + y`` and its sisters; ``x ** 2`` is ``np.square(x)``."""

    symbol: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Matrix:
    """``x @ y``."""

    left: Any
    right: Any


@dataclass(frozen=True)
class Function:
    """``np.exp(x)``, ``np`` being a variable."""

    module: Variable
    name: str
    operand: Any


#: How NumPy, and what stands in for it, is called.
_LIBRARIES = frozenset({"np", "numpy", "xp", "anp", "jnp"})


def has_arrays(node: ast.AST) -> bool:
    """Whether code looks as if it worked on arrays: the tests cost as much as sums of numbers."""
    for part in ast.walk(node):
        if isinstance(part, ast.Slice | ast.MatMult):
            return True
        if isinstance(part, ast.Name) and part.id in _LIBRARIES:
            return True
    return False


def is_at_once(node: ast.AST) -> TypeGuard[ast.IfExp]:
    """Whether a piece of syntax gives an expression its second way."""
    return getattr(node, "at_once", False)


class _Other(Exception):
    """Something else stands in the expression."""


@dataclass
class Expression:
    """An expression, and what its names are for.

    Attributes
    ----------
    tree : object
        The operations.
    names : list of str
        The parameters, as the source calls them.
    operands, bounds, modules : set of int
        Which of them are computed with, stand in indices, have functions.
    calls : list of Function
        The calls in it.
    likely : list of int
        Parameters that are arrays, if any is.
    operations : int
        How many there are.
    uses, factors : list of int
        Parameters that are computed with, in the order of the source; those that stand beside an
        ``@``.
    """

    tree: Any = None
    names: list[str] = field(default_factory=list)
    operands: set[int] = field(default_factory=set)
    bounds: set[int] = field(default_factory=set)
    modules: set[int] = field(default_factory=set)
    calls: list[Function] = field(default_factory=list)
    likely: list[int] = field(default_factory=list)
    operations: int = 0
    uses: list[int] = field(default_factory=list)
    factors: list[int] = field(default_factory=list)

    def place(self, name: str) -> int:
        """Give the number of a name."""
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def only_factors(self) -> set[int]:
        """Parameters that are nothing but factors of matrix products."""
        return {k for k in self.factors if self.uses.count(k) == self.factors.count(k)}

    def tested(self) -> list[str]:
        """Names of which one is an array, where the expression is about arrays."""
        sure = [k for k in self.likely if k in self.operands]
        return [self.names[k] for k in list(dict.fromkeys(sure or sorted(self.operands)))[:2]]

    def with_parameters(self, node: ast.expr, parameters: list[str]) -> ast.expr:
        """Copy a syntax tree with parameters in the place of the names."""
        made: Any = copy.deepcopy(node)
        for part in ast.walk(made):
            if isinstance(part, ast.Name) and part.id in self.names:
                part.id = parameters[self.names.index(part.id)]
        return made


def expression_of(node: ast.expr) -> Expression | None:
    """Read an expression of two operations or more; None for everything else."""
    made = Expression()
    try:
        made.tree = _read(node, made)
    except _Other:
        return None
    few = len(made.names) <= _MOST_NAMES
    disjoint = made.modules.isdisjoint(made.operands | made.bounds)
    return made if made.operations > 1 and made.operands and few and disjoint else None


def _read(node: ast.expr, made: Expression) -> Any:
    reader = _READERS.get(type(node))
    if reader is None or made.operations > _MOST_OPERATIONS:
        raise _Other
    return reader(node, made)


def _name(node: ast.Name, made: Expression) -> Variable:
    place = made.place(node.id)
    made.operands.add(place)
    made.uses.append(place)
    return Variable(place)


def _constant(node: ast.Constant, made: Expression) -> Number:
    if type(node.value) is not float and type(node.value) is not int:
        raise _Other
    return Number(node.value)


def _unary(node: ast.UnaryOp, made: Expression) -> Any:
    if not isinstance(node.op, ast.USub):
        raise _Other
    operand = _read(node.operand, made)
    if type(operand) is Number:
        return Number(-operand.value)
    made.operations += 1
    return Minus(operand)


def _binary(node: ast.BinOp, made: Expression) -> Any:
    made.operations += 1  # first: the reader of a long sum gives up soon
    left, right = _read(node.left, made), _read(node.right, made)
    if type(left) is type(right) is Number:
        raise _Other
    if isinstance(node.op, ast.Pow):
        if type(right) is not Number or type(right.value) is not int or right.value != 2:
            raise _Other
        return Operation("**", left, right)
    if isinstance(node.op, ast.MatMult):
        if Number in (type(left), type(right)):
            raise _Other
        beside = [v.place for v in (left, right) if type(v) is Variable]
        made.likely += beside
        made.factors += beside
        return Matrix(left, right)
    symbol = _OPERATORS.get(type(node.op))
    if symbol is None:
        raise _Other
    return Operation(symbol, left, right)


def _subscript(node: ast.Subscript, made: Expression) -> Part:
    if not isinstance(node.value, ast.Name):
        raise _Other
    base = _name(node.value, made)
    made.likely.append(base.place)
    made.operations += 1
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if not any(isinstance(part, ast.Slice) for part in parts):
        raise _Other
    for name in [name for part in parts for name in _bounds(part)]:
        made.bounds.add(made.place(name))
    parameters = [f"a{k}" for k in range(len(made.names))]
    return Part(base, ", ".join(_index(made.with_parameters(part, parameters)) for part in parts))


def _bounds(node: ast.expr | None) -> Iterator[str]:
    """Names in a part of an index, which is made of slices and whole numbers."""
    if node is None:
        return
    if isinstance(node, ast.Slice):
        for part in (node.lower, node.upper, node.step):
            yield from _bounds(part)
    elif isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from _bounds(node.operand)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, _OF_INDICES):
        yield from _bounds(node.left)
        yield from _bounds(node.right)
    elif not isinstance(node, ast.Constant) or type(node.value) is not int:
        raise _Other


def _index(node: ast.expr) -> str:
    if not isinstance(node, ast.Slice):
        return ast.unparse(node)
    limits = [p and ast.unparse(p) for p in (node.lower, node.upper, node.step)]
    return f"slice({', '.join(str(limit) for limit in limits)})"


def _call(node: ast.Call, made: Expression) -> Function:
    function = node.func
    if node.keywords or len(node.args) != 1 or not isinstance(function, ast.Attribute):
        raise _Other
    if not isinstance(function.value, ast.Name) or function.attr not in FUNCTIONS:
        raise _Other
    module = Variable(made.place(function.value.id))
    made.modules.add(module.place)
    operand = _read(node.args[0], made)
    if type(operand) is Number:
        raise _Other
    if type(operand) is Variable:
        made.likely.append(operand.place)
    made.operations += 1
    call = Function(module, function.attr, operand)
    made.calls.append(call)
    return call


_READERS: dict[type, Callable[[Any, Expression], Any]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Subscript: _subscript,
    ast.Call: _call,
}

"""Types of names and expressions, in one walk over an emitted function."""

from __future__ import annotations

import ast
import operator
import types as python
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.core.typing.templates import Signature

from sciad.compiler.codegen.reading import Scopes, Unusual, value_of

__all__ = ["Chosen", "Inference", "arguments", "elements"]

_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_SCALARS = (types.float64, types.int64, types.boolean)
_CONSTANTS = {bool: types.boolean, int: types.int64, float: types.float64}
_LARGEST = 2**63
_BUILTIN = (python.BuiltinFunctionType, type, np.ufunc)
#: Signatures of operators and of C functions for scalars, which never change.
_signatures: dict[Any, tuple[Any, Any]] = {}


class Chosen:
    """What an operation or a call stands for: Numba's function and its signature.

    `called` says that it is another function of the module, which is compiled along.
    """

    def __init__(self, function: Any, signature: Any, called: bool = False):
        self.function = function
        self.signature = signature
        self.called = called


class Inference:
    """Types of one function.

    Parameters
    ----------
    function : function
        The Python function.
    definition : ast.FunctionDef
        Its syntax.
    typing : object
        Numba's typing context.
    argtypes : tuple
        Types of its parameters.
    declared : type or None
        Type of its result, if its signature says so.
    """

    def __init__(
        self,
        function: Any,
        definition: ast.FunctionDef,
        typing: Any,
        argtypes: tuple,
        declared: Any,
    ):
        self.function = function
        self.definition = definition
        self.typing = typing
        self.argtypes = argtypes
        self.declared = declared
        self.scopes = Scopes(definition)
        self.names: dict[str, Any] = {}
        self.known = frozenset(self.scopes.names)
        self.kinds: dict[ast.AST, Any] = {}
        self.chosen: dict[ast.AST, Chosen] = {}
        self.globals: dict[ast.AST, Any] = {}
        self.zeroed: set[ast.AST] = set()
        self.result = declared
        plain = definition.args
        if plain.vararg or plain.kwarg or plain.kwonlyargs or plain.posonlyargs or plain.defaults:
            raise Unusual("parameters with defaults")
        self.names.update(zip(self.scopes.params, argtypes, strict=True))
        self.body(definition.body)

    # -- statements ----------------------------------------------------------------------------
    def body(self, nodes: list[ast.stmt]) -> None:
        """Go through a list of statements."""
        for node in nodes:
            rule = getattr(self, f"_{type(node).__name__}", None)
            if rule is None:
                raise Unusual(f"a statement of kind {type(node).__name__}")
            rule(node)

    def bind(self, target: ast.expr, kind: Any) -> None:
        """Give a name its type, which it keeps."""
        if isinstance(target, ast.Subscript):
            if self.kind(target) != kind and not _both_numbers(self.kind(target), kind):
                raise Unusual("a store of another type")
        elif not isinstance(target, ast.Name):
            raise Unusual("a target that is no name")
        elif target.id != "_" and self.names.setdefault(target.id, kind) != kind:
            raise Unusual(f"{target.id} has several types")

    def _Assign(self, node: ast.Assign) -> None:
        if len(node.targets) != 1:
            raise Unusual("an assignment to several targets")
        (target,) = node.targets
        if not isinstance(target, ast.Tuple):
            self.bind(target, self.kind(node.value))
            return
        if isinstance(node.value, ast.Tuple):
            kinds = [self.kind(x) for x in node.value.elts]
        else:
            found = self.kind(node.value)
            if not isinstance(found, types.BaseTuple):
                raise Unusual("something taken apart that is no tuple")
            kinds = elements(found)
        if len(kinds) != len(target.elts):
            raise Unusual("a tuple of another length")
        for part, kind in zip(target.elts, kinds, strict=True):
            if not isinstance(part, ast.Name):
                raise Unusual("a target that is no name")
            self.bind(part, kind)

    def _AugAssign(self, node: ast.AugAssign) -> None:
        before = self.kind(node.target)
        self.operation(node, _binary(node.op), before, self.kind(node.value))
        if before not in _SCALARS or self.kinds[node] != before:
            raise Unusual("an update that changes the type")

    def _If(self, node: ast.If) -> None:
        self.truth(node.test)
        self.body(node.body)
        self.body(node.orelse)

    def _While(self, node: ast.While) -> None:
        if node.orelse:
            raise Unusual("else of a loop")
        self.truth(node.test)
        self.body(node.body)

    def _For(self, node: ast.For) -> None:
        call: Any = node.iter
        plain = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.keywords
        if node.orelse or not plain or value_of(call.func, self.function, self.known) is not range:
            raise Unusual("a loop over something other than range")
        if any(self.kind(x) is not types.int64 for x in call.args):
            raise Unusual("a range of something other than integers")
        if len(call.args) == 3:
            self.operation(node, len, self.kind(call))
        self.bind(node.target, types.int64)
        self.body(node.body)

    def _Break(self, node: ast.Break) -> None:
        pass

    def _Pass(self, node: ast.Pass) -> None:
        pass

    def _Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Call):
            raise Unusual("a statement that is no call")
        self.kind(node.value)

    def _Return(self, node: ast.Return) -> None:
        if node.value is None:
            raise Unusual("a return without a value")
        kind = self.kind(node.value)
        if self.result is None:
            self.result = kind
        elif self.result != kind and not (
            self.declared is not None and self.typing.can_convert(kind, self.declared) is not None
        ):
            raise Unusual("results of several types")

    def truth(self, node: ast.expr) -> None:
        """Require a bool."""
        if self.kind(node) is not types.boolean:
            raise Unusual("a condition that is no bool")

    # -- expressions ---------------------------------------------------------------------------
    def kind(self, node: ast.expr) -> Any:
        """Type of an expression."""
        found = self.kinds.get(node)
        if found is None:
            rule = getattr(self, f"_kind_{type(node).__name__}", None)
            if rule is None:
                raise Unusual(f"an expression of kind {type(node).__name__}")
            found = self.kinds[node] = rule(node)
        return found

    def operation(self, node: ast.AST, function: Any, *kinds: Any) -> Any:
        """Choose Numba's implementation of an operator or a function; gives the result's type."""
        plain = all(k in _SCALARS for k in kinds)
        key = (function, kinds) if plain and isinstance(function, _BUILTIN) else None
        found = None if key is None else _signatures.get(key)
        if found is None:
            kind = self.typing.resolve_value_type(function)
            signature = self.typing.resolve_function_type(kind, kinds, {})
            found = (kind, signature)
            if not isinstance(signature, Signature) or not _takes(signature.args, len(kinds)):
                raise Unusual(f"a call of {function}")
            if key is not None:
                _signatures[key] = found
        self.chosen[node] = Chosen(*found)
        self.kinds[node] = result = types.unliteral(found[1].return_type)
        return result

    def _kind_Constant(self, node: ast.Constant) -> Any:
        value: Any = node.value
        kind = _CONSTANTS.get(type(value))
        if kind is None or (kind is types.int64 and value >= _LARGEST):
            raise Unusual(f"the constant {value!r}")
        return kind

    def _kind_Name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            return self.names[node.id]
        return self._global(node)

    def _kind_Attribute(self, node: ast.Attribute) -> Any:
        return self._global(node)

    def _global(self, node: ast.expr) -> Any:
        value = self.globals[node] = value_of(node, self.function, self.known)
        if isinstance(value, np.ndarray):
            return numba.typeof(value).copy(readonly=True)
        if isinstance(value, type) and issubclass(value, np.generic):
            return self.typing.resolve_value_type(value)
        if type(value) is not float:
            raise Unusual(f"the global {ast.unparse(node)}")
        return types.float64

    def _kind_UnaryOp(self, node: ast.UnaryOp) -> Any:
        kind = self.kind(node.operand)
        if isinstance(node.op, ast.Not):
            self.truth(node.operand)
            return types.boolean
        if not isinstance(node.op, ast.USub) or kind not in _SCALARS[:2]:
            raise Unusual("a sign")
        return self.operation(node, operator.neg, kind)

    def _kind_BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.kind(node.left), self.kind(node.right)
        if isinstance(node.op, ast.Pow) and right is types.int64:
            known = _known(node.right)
            right = right if known is None else types.literal(known)  # Numba multiplies
        return self.operation(node, _binary(node.op), left, right)

    def _kind_Compare(self, node: ast.Compare) -> Any:
        code = _COMPARISONS.get(type(node.ops[0]))
        if len(node.ops) != 1 or code is None:
            raise Unusual("a comparison")
        return self.operation(node, code, self.kind(node.left), self.kind(node.comparators[0]))

    def _kind_BoolOp(self, node: ast.BoolOp) -> Any:
        for x in node.values:
            self.truth(x)
        return types.boolean

    def _kind_IfExp(self, node: ast.IfExp) -> Any:
        self.truth(node.test)
        kind = self.kind(node.body)
        if kind not in _SCALARS or self.kind(node.orelse) != kind:
            raise Unusual("alternatives of several types")
        return kind

    def _kind_Tuple(self, node: ast.Tuple) -> Any:
        return types.BaseTuple.from_types([self.kind(x) for x in node.elts])

    def _kind_Subscript(self, node: ast.Subscript) -> Any:
        kind = self.kind(node.value)
        flat = isinstance(kind, types.Array) and kind.ndim == 1 and kind.layout == "C"
        if not flat or kind.dtype not in _SCALARS or self.kind(node.slice) is not types.int64:
            raise Unusual("an element")
        return kind.dtype

    def _kind_Call(self, node: ast.Call) -> Any:
        kinds = tuple(self.kind(x) for x in arguments(node))
        function = value_of(node.func, self.function, self.known)
        declared = getattr(function, "declared", None)
        if function is np.zeros:  # whose own implementation Numba compiles in each process
            kind = self.operation(node, np.empty, *kinds)
            self.zeroed.add(node)
            return kind
        if declared is None:
            return self.operation(node, function, *kinds)
        if declared.args != kinds:
            raise Unusual(f"a call of {function.__name__} with other types than it declares")
        self.chosen[node] = Chosen(function, declared, True)
        return declared.return_type


def elements(kind: Any) -> list[Any]:
    """Types of the elements of a tuple."""
    return list(kind)


def arguments(node: ast.Call) -> list[ast.expr]:
    """Arguments of a call; the dtype of np.empty and its sisters is their second."""
    last = [k.value for k in node.keywords]
    if last and ([k.arg for k in node.keywords] != ["dtype"] or len(node.args) != 1):
        raise Unusual("a keyword")
    return [*node.args, *last]


def _takes(given: tuple, count: int) -> bool:
    """Whether arguments go into parameters: all in turn, the rest omitted, or as one tuple."""
    if len(given) == 1 and isinstance(given[0], types.BaseTuple):
        return len(given[0]) == count
    return len(given) >= count and all(isinstance(k, types.Omitted) for k in given[count:])


def _known(node: ast.expr) -> int | None:
    """Value of an integer that is written out."""
    if isinstance(node, ast.UnaryOp):
        inner = _known(node.operand)
        return None if inner is None else -inner
    return node.value if isinstance(node, ast.Constant) else None  # type: ignore[return-value]


def _binary(op: ast.operator) -> Any:
    function = _BINARY.get(type(op))
    if function is None:
        raise Unusual(f"the operator {type(op).__name__}")
    return function


def _both_numbers(one: Any, other: Any) -> bool:
    return one is types.float64 and other is types.int64

"""LLVM's code of expressions."""

from __future__ import annotations

import ast
from typing import Any

import llvmlite.ir as llvm
from numba.core import cgutils, types
from numba.np import arrayobj

from sciad.compiler.back.scopes import TAPE_SCOPE, scopes_of
from sciad.compiler.codegen.inference import Inference, arguments

__all__ = ["Expressions"]


class Expressions:
    """Writes expressions.

    Parameters
    ----------
    unit : Unit
        The module that the function is a part of.
    builder : object
        Where to write.
    fndesc : object
        The function being compiled.
    inferred : Inference
        Its types.
    """

    def __init__(self, unit: Any, builder: Any, fndesc: Any, inferred: Inference):
        self.unit = unit
        self.context = unit.context
        self.builder = builder
        self.fndesc = fndesc
        self.inferred = inferred
        self.kinds = inferred.kinds
        self.values: dict[str, Any] = {}  # of names that are no variables
        self.slots: dict[str, Any] = {}  # of variables
        self.temporary: list[tuple[Any, Any]] = []  # arrays that belong to nobody
        self.buffers: dict[str, str] = {}
        self.scopes: list[str] = []
        self.marks: dict[str, tuple[Any, Any]] = {}
        self.implementations: dict[Any, Any] = {}

    def value(self, node: ast.expr) -> Any:
        """Write an expression."""
        return getattr(self, f"_{type(node).__name__}")(node)

    def operation(self, node: ast.AST, values: list[Any], kinds: list[Any]) -> Any:
        """Write what was chosen for an operator or a call."""
        chosen = self.inferred.chosen[node]
        signature = chosen.signature
        given = self.passed(values, kinds, signature.args)
        if chosen.called:
            fndesc = self.unit.described(chosen.function)
            return self.context.call_internal(self.builder, fndesc, signature, given)
        key = (chosen.function, signature)
        found = self.implementations.get(key)
        if found is None:
            found = self.implementations[key] = self.context.get_function(*key)
        result = found(self.builder, given)
        return self.cast(result, signature.return_type, self.kinds[node])

    def passed(self, values: list[Any], kinds: list[Any], wanted: tuple) -> list[Any]:
        """Convert arguments to what a function takes."""
        if len(wanted) == 1 and isinstance(wanted[0], types.BaseTuple):
            packed: Any = wanted[0]
            inner = self.passed(values, kinds, tuple(packed))
            return [self.context.make_tuple(self.builder, packed, inner)]
        given = [self.cast(*x) for x in zip(values, kinds, wanted, strict=False)]
        rest = wanted[len(values) :]
        return [
            *given,
            *(self.context.get_constant_generic(self.builder, kind, kind.value) for kind in rest),
        ]

    def cast(self, value: Any, kind: Any, wanted: Any) -> Any:
        """Convert a value to another type."""
        if kind == wanted or isinstance(wanted, types.Literal):
            return value
        return self.context.cast(self.builder, value, kind, wanted)

    # -- leaves --------------------------------------------------------------------------------
    def _Constant(self, node: ast.Constant) -> Any:
        return self.context.get_constant(self.kinds[node], node.value)

    def _Name(self, node: ast.Name) -> Any:
        if node.id in self.values:
            return self.values[node.id]
        slot = self.slots.get(node.id)
        return self._global(node) if slot is None else self.builder.load(slot)

    def _Attribute(self, node: ast.Attribute) -> Any:
        return self._global(node)

    def _global(self, node: ast.expr) -> Any:
        value = self.inferred.globals[node]
        if isinstance(value, type):
            return self.context.get_dummy_value()
        return self.context.get_constant_generic(self.builder, self.kinds[node], value)

    # -- operations ----------------------------------------------------------------------------
    def _UnaryOp(self, node: ast.UnaryOp) -> Any:
        operand: Any = node.operand
        if isinstance(node.op, ast.Not):
            return self.builder.not_(self.value(operand))
        if isinstance(operand, ast.Constant):
            number: Any = operand.value
            return self.context.get_constant(self.kinds[node], -number)
        return self.operation(node, [self.value(operand)], [self.kinds[operand]])

    def _pair(self, node: ast.AST, one: ast.expr, other: ast.expr) -> Any:
        values = [self.value(one), self.value(other)]
        return self.operation(node, values, [self.kinds[one], self.kinds[other]])

    def _BinOp(self, node: ast.BinOp) -> Any:
        return self._pair(node, node.left, node.right)

    def _Compare(self, node: ast.Compare) -> Any:
        return self._pair(node, node.left, node.comparators[0])

    def _BoolOp(self, node: ast.BoolOp) -> Any:
        first, *rest = node.values
        found = self.value(first)
        for x in rest:
            known = llvm.Constant(llvm.IntType(1), isinstance(node.op, ast.Or))
            either = [lambda x=x: self.value(x), lambda known=known: known]
            found = self._choice(found, *(either if isinstance(node.op, ast.And) else either[::-1]))
        return found

    def _IfExp(self, node: ast.IfExp) -> Any:
        test = self.value(node.test)
        return self._choice(test, lambda: self.value(node.body), lambda: self.value(node.orelse))

    def _choice(self, test: Any, yes: Any, no: Any) -> Any:
        """Compute one of two values."""
        b = self.builder
        blocks = [b.append_basic_block() for _ in range(3)]
        b.cbranch(test, *blocks[:2])
        found = []
        for block, write in zip(blocks, (yes, no), strict=False):
            b.position_at_end(block)
            found.append((write(), b.block))
            b.branch(blocks[2])
        b.position_at_end(blocks[2])
        joined = b.phi(found[0][0].type)
        for value, block in found:
            joined.add_incoming(value, block)
        return joined

    def _Call(self, node: ast.Call) -> Any:
        parts = arguments(node)
        before = len(self.temporary)
        values = [self.value(x) for x in parts]
        result = self.operation(node, values, [self.kinds[x] for x in parts])
        given, self.temporary = self.temporary[before:], self.temporary[:before]
        for kind, value in given:
            self.context.nrt.decref(self.builder, kind, value)
        if isinstance(self.kinds[node], types.Array):
            self.temporary.append((self.kinds[node], result))
        if node in self.inferred.zeroed:
            array = arrayobj.make_array(self.kinds[node])(self.context, self.builder, result)
            size = self.builder.mul(array.itemsize, array.nitems)
            cgutils.memset(self.builder, array.data, size, 0)
        return result

    def _Tuple(self, node: ast.Tuple) -> Any:
        """Write a tuple, which holds what it contains."""
        values = []
        for x in node.elts:
            before = len(self.temporary)
            values.append(self.value(x))
            if isinstance(self.kinds[x], types.Array):
                if len(self.temporary) == before:
                    self.context.nrt.incref(self.builder, self.kinds[x], values[-1])
                del self.temporary[before:]
        return self.context.make_tuple(self.builder, self.kinds[node], values)

    # -- elements ------------------------------------------------------------------------------
    def element(self, node: ast.Subscript) -> Any:
        """Address of an element: its index is inside and not negative."""
        kind = self.kinds[node.value]
        array = arrayobj.make_array(kind)(self.context, self.builder, self.value(node.value))
        return self.builder.gep(array.data, [self.value(node.slice)], inbounds=True)

    def read(self, node: ast.Subscript, address: Any) -> Any:
        """Load an element."""
        kind = self.kinds[node.value]
        if kind.dtype is types.boolean:  # a byte in memory
            return arrayobj.load_item(self.context, self.builder, kind, address)
        found = self.builder.load(address)
        self.mark(found, node.value)
        return found

    def write(self, node: ast.Subscript, address: Any, value: Any) -> None:
        """Store an element."""
        kind = self.kinds[node.value]
        if kind.dtype is types.boolean:
            arrayobj.store_item(self.context, self.builder, kind, value, address)
        else:
            self.mark(self.builder.store(value, address), node.value)

    def _Subscript(self, node: ast.Subscript) -> Any:
        return self.read(node, self.element(node))

    def mark(self, access: Any, array: ast.expr) -> None:
        """Say which memory an access touches and which it does not."""
        if not isinstance(array, ast.Name) or array.id not in self.buffers:
            return
        mine = self.buffers[array.id]
        if mine not in self.marks:
            module = self.builder.module
            others = [name for name in self.scopes if name != mine]
            both = scopes_of(module, [mine]), scopes_of(module, [*others, TAPE_SCOPE])
            self.marks[mine] = both
        here, elsewhere = self.marks[mine]
        access.set_metadata("alias.scope", here)
        access.set_metadata("noalias", elsewhere)

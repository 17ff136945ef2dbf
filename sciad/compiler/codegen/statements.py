"""LLVM's code of statements.

A name with one value is that value; all others are variables on the stack, which LLVM turns into
values again. An array variable owns one reference to its memory. A function that owns memory is
left through one exit, where all of it is given back: what was never made is null there.
"""

from __future__ import annotations

import ast
from typing import Any

import llvmlite.ir as llvm
from numba.core import types

from sciad.compiler.codegen.expressions import Expressions
from sciad.compiler.codegen.inference import Inference, elements
from sciad.compiler.codegen.lifetimes import ends
from sciad.compiler.codegen.reading import Unusual, inner_lists

__all__ = ["Statements"]

_I64 = llvm.IntType(64)
_ZERO, _ONE = llvm.Constant(_I64, 0), llvm.Constant(_I64, 1)


class Statements(Expressions):
    """Writes the body of a function.

    Parameters
    ----------
    unit, builder, fndesc, inferred : object
        As for `Expressions`.
    values : list
        The arguments.
    """

    def __init__(
        self,
        unit: Any,
        builder: Any,
        fndesc: Any,
        inferred: Inference,
        values: list[Any],
    ):
        super().__init__(unit, builder, fndesc, inferred)
        self.definition = definition = inferred.definition
        names, scopes = inferred.names, inferred.scopes
        self.after: list[Any] = []  # where `break` leads
        arrays = [n for n, kind in names.items() if isinstance(kind, types.Array)]
        self.owners = [n for n in arrays if scopes.bindings[n]]
        if any(n in scopes.params for n in self.owners):
            raise Unusual("an array parameter that is bound again")
        self.ends = ends(definition.body, self.owners, scopes)
        self.find_buffers(arrays)
        self.begin(values)

    # -- frame ---------------------------------------------------------------------------------
    def find_buffers(self, arrays: list[str]) -> None:
        """Give each array its buffer: names that are copied share one."""
        parent = {name: name for name in arrays}

        def root(name: str) -> str:
            while parent[name] != name:
                name = parent[name]
            return name

        for target, source in _copies(self.definition.body):
            if source in parent and target in parent:
                parent[root(target)] = root(source)
        self.buffers = {n: f"{self.fndesc.unique_name} {root(n)}" for n in arrays}
        self.scopes = sorted(set(self.buffers.values()))

    def begin(self, values: list[Any]) -> None:
        """Make the variables."""
        b, scopes = self.builder, self.inferred.scopes
        given = dict(zip(scopes.params, values, strict=True))
        for name, kind in self.inferred.names.items():
            if name in given and name in scopes.single:
                self.values[name] = given[name]
            elif name not in scopes.single or name in self.owners:
                self.slots[name] = b.alloca(self.context.get_value_type(kind))
        for name in self.owners:
            slot = self.slots[name]
            b.store(llvm.Constant(slot.type.pointee, None), slot)
        for name, value in given.items():
            if name in self.slots:
                b.store(value, self.slots[name])
        result = self.context.get_return_type(self.fndesc.restype)
        self.result = b.alloca(result) if self.owners else None
        self.exit = b.append_basic_block("exit") if self.owners else None

    def run(self) -> None:
        """Write the function."""
        if self.body(self.definition.body):
            raise Unusual("a function without a return at its end")
        if self.exit is None:
            return
        b = self.builder
        b.position_at_end(self.exit)
        for name in self.owners:
            self.release(name)
        self.context.call_conv.return_value(b, b.load(self.result))

    def release(self, name: str) -> None:
        """Give back the memory that a variable owns."""
        value = self.builder.load(self.slots[name])
        self.context.nrt.decref(self.builder, self.inferred.names[name], value)

    def body(self, nodes: list[ast.stmt]) -> bool:
        """Write statements; tells whether what follows them is reached."""
        for node in nodes:
            getattr(self, f"_{type(node).__name__}")(node)
            if self.builder.block.is_terminated:
                return False
            for name in self.ends.get(node, ()):
                self.release(name)
                slot = self.slots[name]
                self.builder.store(llvm.Constant(slot.type.pointee, None), slot)
        return True

    # -- assignments ---------------------------------------------------------------------------
    def bind(self, name: str, value: Any, owned: bool) -> None:
        """Give a name a value; `owned` says that an array comes with a reference for the name."""
        kind = self.inferred.names.get(name)
        if name in self.owners:
            if not owned:
                self.context.nrt.incref(self.builder, kind, value)
            if name not in self.inferred.scopes.single or self.after:
                self.release(name)
        if name in self.inferred.scopes.single:
            self.values[name] = value
        slot = self.slots.get(name)
        if slot is not None:
            self.builder.store(value, slot)

    def taken(self, node: ast.expr) -> tuple[Any, bool]:
        """Write an expression; tells whether its array comes with a reference."""
        value = self.value(node)
        owned = bool(self.temporary)
        self.temporary.clear()
        return value, owned

    def discard(self, kind: Any, value: Any) -> None:
        """Give back an array that nothing refers to."""
        if isinstance(kind, types.Array):
            self.context.nrt.decref(self.builder, kind, value)

    def _Assign(self, node: ast.Assign) -> None:
        (target,) = node.targets
        if isinstance(target, ast.Subscript):
            value = self.cast(self.value(node.value), self.kinds[node.value], self.kinds[target])
            self.write(target, self.element(target), value)
        elif isinstance(target, ast.Tuple):
            self.apart(target, node.value)
        else:
            self.name(target, self.kinds[node.value], *self.taken(node.value))

    def name(self, target: Any, kind: Any, value: Any, owned: bool) -> None:
        """Bind a name, or discard what `_` gets."""
        if target.id != "_":
            self.bind(target.id, value, owned)
        elif owned:
            self.discard(kind, value)

    def apart(self, target: ast.Tuple, source: ast.expr) -> None:
        """Bind the names of a tuple, after all values have been computed."""
        if isinstance(source, ast.Tuple):
            parts = [(self.kinds[x], *self.taken(x)) for x in source.elts]
            if any(isinstance(kind, types.Array) for kind, _, _ in parts):
                raise Unusual("arrays that are exchanged")
        else:
            whole = self.value(source)
            kinds = elements(self.kinds[source])
            parts = [(k, self.builder.extract_value(whole, i), True) for i, k in enumerate(kinds)]
        for name, part in zip(target.elts, parts, strict=True):
            self.name(name, *part)

    def _AugAssign(self, node: ast.AugAssign) -> None:
        kinds = [self.kinds[node.target], self.kinds[node.value]]
        if isinstance(node.target, ast.Subscript):
            address = self.element(node.target)
            pair = [self.read(node.target, address), self.value(node.value)]
            self.write(node.target, address, self.augmented(node, pair, kinds))
        else:
            name = node.target.id  # type: ignore[union-attr]
            pair = [self.builder.load(self.slots[name]), self.value(node.value)]
            self.bind(name, self.augmented(node, pair, kinds), False)

    def augmented(self, node: ast.AugAssign, pair: list[Any], kinds: list[Any]) -> Any:
        """Add a term: LLVM may form sums that are written with `+=` in any order."""
        if isinstance(node.op, ast.Add) and kinds == [types.float64, types.float64]:
            return self.builder.fadd(*pair, flags=("reassoc",))
        return self.operation(node, pair, kinds)

    def _Expr(self, node: ast.Expr) -> None:
        value = self.value(node.value)
        for kind, array in self.temporary:
            self.discard(kind, array)
        self.temporary.clear()
        if isinstance(self.kinds[node.value], types.BaseTuple):
            raise Unusual(f"a tuple that is not used: {value}")

    def _Pass(self, node: ast.Pass) -> None:
        pass

    # -- control flow --------------------------------------------------------------------------
    def _Return(self, node: ast.Return) -> None:
        value, owned = self.taken(node.value)  # type: ignore[arg-type]
        kind, wanted = self.kinds[node.value], self.fndesc.restype  # type: ignore[index]
        if isinstance(kind, types.Array) and not owned:
            self.context.nrt.incref(self.builder, kind, value)
        value = self.context.get_return_value(self.builder, wanted, self.cast(value, kind, wanted))
        if self.exit is None:
            self.context.call_conv.return_value(self.builder, value)
        else:
            self.builder.store(value, self.result)
            self.builder.branch(self.exit)

    def _If(self, node: ast.If) -> None:
        b = self.builder
        then, after = b.append_basic_block(), b.append_basic_block()
        orelse = b.append_basic_block() if node.orelse else after
        b.cbranch(self.value(node.test), then, orelse)
        reached = not node.orelse
        for block, inner in ((then, node.body), (orelse, node.orelse)):
            if inner:
                b.position_at_end(block)
                if self.body(inner):
                    b.branch(after)
                    reached = True
        b.position_at_end(after)
        if not reached:
            b.unreachable()

    def _While(self, node: ast.While) -> None:
        b = self.builder
        head, inside, after = (b.append_basic_block() for _ in range(3))
        b.branch(head)
        b.position_at_end(head)
        b.cbranch(self.value(node.test), inside, after)
        self.inner(node.body, inside, after)
        if not b.block.is_terminated:
            b.branch(head)
        b.position_at_end(after)

    def inner(self, body: list[ast.stmt], inside: Any, after: Any) -> None:
        """Write the body of a loop."""
        self.builder.position_at_end(inside)
        self.after.append(after)
        self.body(body)
        self.after.pop()

    def _Break(self, node: ast.Break) -> None:
        self.builder.branch(self.after[-1])

    def _For(self, node: ast.For) -> None:
        """Write a loop over a range.

        Steps of 1 and -1 cannot overflow, because they stop at `stop`; others are counted.
        """
        b, call = self.builder, node.iter
        step = _step(call)  # type: ignore[arg-type]
        start, stop, by = self.limits(call)  # type: ignore[arg-type]
        count = None if step else self.operation(node, [self.value(call)], [self.kinds[call]])
        before = b.block
        head, inside, after = (b.append_basic_block() for _ in range(3))
        b.branch(head)
        b.position_at_end(head)
        index, left = b.phi(_I64), None if step else b.phi(_I64)
        index.add_incoming(start, before)
        if left is None:
            more = b.icmp_signed("<" if step == 1 else ">", index, stop)
        else:
            left.add_incoming(count, before)
            more = b.icmp_signed(">", left, _ZERO)
        b.cbranch(more, inside, after)
        b.position_at_end(inside)
        self.bind(node.target.id, index, False)  # type: ignore[attr-defined]
        self.inner(node.body, inside, after)
        if not b.block.is_terminated:
            index.add_incoming(b.add(index, by), b.block)
            if left is not None:
                left.add_incoming(b.sub(left, _ONE), b.block)
            b.branch(head)
        b.position_at_end(after)

    def limits(self, call: ast.Call) -> tuple[Any, Any, Any]:
        """Write start, stop and step of a range."""
        given = [self.value(x) for x in call.args]
        if len(given) == 1:
            return _ZERO, given[0], _ONE
        return (*given[:2], given[2] if len(given) == 3 else _ONE)


def _step(call: ast.Call) -> int:
    """Give the step of a range if it is 1 or -1, else 0."""
    if len(call.args) < 3:
        return 1
    return {"1": 1, "-1": -1}.get(ast.unparse(call.args[2]), 0)


def _copies(body: list[ast.stmt]) -> list[tuple[str, str]]:
    """Names that get the value of another name: (target, source)."""
    found = []
    for node in body:
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for one, other in pairs:
                if isinstance(one, ast.Name) and isinstance(other, ast.Name):
                    found.append((one.id, other.id))
        for inner in inner_lists(node):
            found += _copies(inner)
    return found

"""Appends folded, well-typed nodes to a region; every pass that makes IR uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from sciad.compiler.fold import fold, result_type
from sciad.compiler.front import precision
from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    FLOAT32,
    INT,
    BufferType,
    Const,
    Location,
    Op,
    Operand,
    Region,
    ScalarType,
    Value,
    const,
    type_of,
)
from sciad.core.errors import CompileError, user_location

__all__ = ["Builder"]

_2_63 = 1 << 63


class Builder:
    """Holds the region that is being written and the user's line it comes from."""

    def __init__(self, region: Region | None = None):
        self.region = Region() if region is None else region
        self.location: Location | None = None
        self.made: dict[Value, Op] = {}
        self.sizes: dict[Value, Operand] = {}  # of the buffers that were allocated
        self.written: list[Value] = []
        self.frozen: dict[Value, str] = {}  # buffer -> why it may not be written to any more
        self.origin: dict[Value, str] = {}  # numbers known to be Python's or NumPy's

    @contextmanager
    def inside(self, region: Region) -> Iterator[Region]:
        """Write into `region` for a while."""
        outer, self.region = self.region, region
        try:
            yield region
        finally:
            self.region = outer

    # -- scalars -------------------------------------------------------------------------------
    def pure(self, code: str, *args: Operand, attr: object = None, name: str = "v") -> Operand:
        """Emit a pure operation on operands of matching types, folding it if possible."""
        folded = fold(code, args, attr)
        if folded is not None:
            return folded
        for arg in args:
            self.fits(arg)
        out = Value(name, result_type(code, args))
        self.made[out] = node = Op(code, args, (out,), attr, self.location)
        self.region.nodes.append(node)
        return out

    def cast(self, operand: Operand, type_: ScalarType) -> Operand:
        """Promote (never demote) a scalar to `type_`."""
        if type_of(operand) is type_:
            self.fits(operand)
            return operand
        if type_ is FLOAT32:
            return precision.single(self, operand)
        if isinstance(operand, Const):
            return self.converted(operand, type_)
        return self.pure("float" if type_ is FLOAT else "int", operand)

    def converted(self, constant: Const, type_: ScalarType) -> Const:
        """Promote a literal; integers beyond 64 bits end here or are refused."""
        try:
            return const(float(constant.value) if type_ is FLOAT else int(constant.value))
        except OverflowError:
            return self.refuse("an integer is too large for a float")

    def fits(self, operand: Operand) -> None:
        """Refuse an integer literal beyond 64 bits."""
        if (
            isinstance(operand, Const)
            and operand.type is INT
            and not -_2_63 <= operand.value < _2_63
        ):
            self.refuse("an integer does not fit into 64 bits")

    def refuse(self, what: str) -> NoReturn:
        """Raise an error at the current line."""
        where = str(self.location or user_location())
        raise CompileError(what, where=where, hint="write it as a float, for instance 1e20")

    def together(self, *args: Operand, least: ScalarType = INT) -> tuple[Operand, ...]:
        """Promote operands to their common type, at least `least`."""
        if any(a.type is FLOAT32 for a in args):
            common = precision.common(self, args)
        else:
            common = max((least, *map(type_of, args)), key=lambda t: t.rank)
        return tuple(a if a.type is common else self.cast(a, common) for a in args)

    def add(self, a: Operand, b: Operand) -> Operand:
        """Sum."""
        return self.pure("add", *self.together(a, b))

    def sub(self, a: Operand, b: Operand) -> Operand:
        """Difference."""
        return self.pure("sub", *self.together(a, b))

    def mul(self, a: Operand, b: Operand) -> Operand:
        """Product."""
        return self.pure("mul", *self.together(a, b))

    def div(self, a: Operand, b: Operand) -> Operand:
        """Divide, as Python's / does."""
        return self.pure("div", *self.together(a, b, least=FLOAT))

    def neg(self, a: Operand) -> Operand:
        """Negative; sums over `-(-x)` cancel."""
        node = self._producer(a)
        if node is not None and node.code == "neg":
            return node.args[0]
        return self.pure("neg", *self.together(a))

    def _producer(self, operand: Operand) -> Op | None:
        last = self.region.nodes[-1] if self.region.nodes else None
        if isinstance(last, Op) and last.outs == (operand,):
            return last
        return None

    def compare(self, code: str, a: Operand, b: Operand) -> Operand:
        """Comparison after promotion."""
        return self.pure(code, *self.together(a, b))

    def minimum(self, a: Operand, b: Operand) -> Operand:
        """Smaller of two ints."""
        return self.pure("select", self.compare("lt", a, b), a, b)

    def maximum(self, a: Operand, b: Operand) -> Operand:
        """Larger of two ints."""
        return self.pure("select", self.compare("gt", a, b), a, b)

    def truth(self, a: Operand) -> Operand:
        """bool(a)."""
        if type_of(a) is BOOL:
            return a
        return self.compare("ne", a, const(0))

    # -- memory and effects --------------------------------------------------------------------
    def effect(self, code: str, *args: Operand, attr: object = None) -> None:
        """Emit an operation without result."""
        if code in ("store", "accum"):
            if args[0] in self.frozen:
                self.refuse_write(self.frozen[args[0]])
            self.written.append(args[0])
        self.region.nodes.append(Op(code, args, (), attr, self.location))

    def alloc(self, size: Operand, fill: str, name: str, element: ScalarType = FLOAT) -> Value:
        """Emit a new buffer."""
        out = Value(name, BufferType(element))
        self.region.nodes.append(Op("alloc", (size,), (out,), fill, self.location))
        self.sizes[out] = size
        return out

    def refuse_write(self, why: str) -> NoReturn:
        """Raise an error about a store at the current line."""
        where = None if self.location is None else str(self.location)
        hint = "work on a copy (x = x.copy()), made before the paths part"
        raise CompileError(f"an array is written to that {why}", where=where, hint=hint)

    def load(self, buffer: Value, index: Operand, name: str = "v") -> Value:
        """Emit the read of an element."""
        out = Value(name, buffer.type.element)
        self.region.nodes.append(Op("load", (buffer, index), (out,), None, self.location))
        return out

    def check(self, condition: Operand, failure: object) -> None:
        """Emit a check unless it is known to hold."""
        if isinstance(condition, Const) and condition.value:
            return
        self.effect("check", condition, attr=failure)

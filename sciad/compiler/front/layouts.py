"""Arguments of calls that are not inlined, as scalars and buffers and as structures again.

A `Layout` describes the arguments of one call: everything but its run-time scalars and its buffers
is part of a hashable `structure`. Two calls of one structure can be served by one compiled
function. Storage that appears twice is found to be the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.integers import LENGTH_BITS
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.precision import origin_of
from sciad.compiler.front.values import (
    Abstract,
    Cells,
    Choice,
    Closure,
    ComplexOf,
    Elements,
    ListOf,
    Memory,
    Method,
    Missing,
    Object,
    Pythonic,
    RangeOf,
    StaticArray,
    Structure,
    TupleOf,
)
from sciad.compiler.ir import Const, Operand, Value, const
from sciad.compiler.vocabulary import arrays

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["Layout"]

_LARGE = const((1 << 62) - 1)


class Layout:
    """The arguments of one call.

    Attributes
    ----------
    structure : tuple
        What is known at compile time; the same in every lowering.
    frames : list
        Activations that functions among the arguments refer to.
    scalars, buffers, cells : list
        What else the arguments consist of, in a fixed order.
    """

    def __init__(self, low: Lowering, arguments: dict[str, Abstract], node: ast.AST):
        self.low = low
        self.node = node
        self.scalars: list[Operand] = []
        self.buffers: list[Value] = []
        self.cells: list[Cells] = []
        self.frames: list[Any] = []
        self.arguments = {name: self.plain(value) for name, value in arguments.items()}
        parts = ((name, self.describe(value)) for name, value in self.arguments.items())
        self.structure = tuple(parts)

    def plain(self, value: Abstract) -> Abstract:
        """Write recipes to memory; arrays of the caller's caller are views of its memory."""
        if isinstance(value, Elements):
            value = arrays.settled(self.low, value, self.node)
        if isinstance(value, StaticArray) and value.cells.buffer is not None:
            return arrays.as_memory(self.low, value, self.node)
        if isinstance(value, Memory) and value.buffer in self.low.b.frozen:
            return replace(value, writable=False)
        if isinstance(value, TupleOf):
            return replace(value, items=tuple(map(self.plain, value.items)))
        if isinstance(value, Structure):
            items = {key: self.plain(item) for key, item in value.items.items()}
            return replace(value, items=items)
        return value

    # -- description ---------------------------------------------------------------------------
    def describe(self, value: Abstract) -> Any:
        """Describe a value; collects its scalars, buffers and storage."""
        if is_scalar(value):
            self.scalars.append(value)
            return (value.type.name, origin_of(self.low.b, value) if self.low.single else "")
        kind = type(value).__name__
        if isinstance(value, TupleOf):
            items = tuple(map(self.describe, value.items))
            return (kind, value.kind, value.fields, value.made_by, items)
        if isinstance(value, Structure):
            items = tuple(map(self.describe, value.items.values()))
            return (kind, value.is_dict, tuple(value.items), value.made_by, items)
        if isinstance(value, StaticArray):
            shape, numbers = value.index.shape, value.index.tobytes()
            return (kind, shape, numbers, self.storage(value.cells))
        if isinstance(value, ListOf):
            return (kind, self.storage(value.cells))
        if isinstance(value, Memory):
            if value.buffer not in self.buffers:
                self.buffers.append(value.buffer)
            self.scalars += [value.offset, *value.shape, *value.strides]
            number = self.buffers.index(value.buffer)
            flags = value.buffer.type.element.name, value.writable, value.is_list
            return (kind, number, len(value.shape), *flags)
        if isinstance(value, RangeOf):
            self.scalars += [value.start, value.stop, value.step]
            return kind
        if isinstance(value, Method):
            return (kind, value.name, self.describe(value.owner))
        if isinstance(value, Closure):
            self.frames.append(value.frame)
            place = value.node.lineno, value.node.col_offset
            return (kind, value.frame.site, place, tuple(map(self.describe, value.defaults)))
        if isinstance(value, Choice):
            self.scalars.append(value.number)
            return (kind, tuple(map(self.describe, value.functions)))
        if isinstance(value, Pythonic):
            return (kind, id(value.function))
        if isinstance(value, Object):
            return (kind, value.value if isinstance(value.value, str) else id(value.value))
        if isinstance(value, ComplexOf):
            return (kind, self.describe(value.re), self.describe(value.im))
        return kind if isinstance(value, Missing) else (kind, id(value))

    def storage(self, cells: Cells) -> Any:
        """Describe cells: their number if they have been seen, their elements otherwise."""
        if cells in self.cells:
            return self.cells.index(cells)
        self.cells.append(cells)
        elements = [self.low.env[(cells, k)] for k in range(cells.size)]
        return (cells.element.name, cells.frozen is not None, tuple(map(self.describe, elements)))

    # -- parameters ----------------------------------------------------------------------------
    def formals(
        self, constants: tuple[Const | None, ...]
    ) -> tuple[dict[str, Abstract], list[Value], list[Cells]]:
        """Make parameters of this layout: arguments, their values in order, their storage."""
        buffers = {b: Value(b.name, b.type) for b in self.buffers}
        made = _Formals(self.low, buffers, iter(zip(self.scalars, constants, strict=True)))
        arguments = {name: made.of(value, name) for name, value in self.arguments.items()}
        return arguments, [*made.scalars, *buffers.values()], [made.cells[c] for c in self.cells]


class _Formals:
    """Rebuilds arguments from parameters."""

    def __init__(
        self,
        low: Lowering,
        buffers: dict[Value, Value],
        pairs: Iterator[tuple[Operand, Const | None]],
    ):
        self.low = low
        self.buffers = buffers
        self.pairs = pairs
        self.scalars: list[Value] = []
        self.cells: dict[Cells, Cells] = {}

    def scalar(self, name: str) -> Operand:
        given, constant = next(self.pairs)
        if constant is not None:
            return constant
        made = Value(name, given.type)
        self.scalars.append(made)
        if self.low.single:
            self.low.b.origin[made] = origin_of(self.low.b, given)
        return made

    def length(self) -> Operand:
        n = self.scalar("n")
        if isinstance(n, Value):
            self.low.bounds[n] = (const(0), _LARGE)
            self.low.bits[n] = LENGTH_BITS
        return n

    def of(self, value: Abstract, name: str) -> Abstract:
        if is_scalar(value):
            return self.scalar(name)
        if isinstance(value, TupleOf):
            items = tuple(self.of(item, name) for item in value.items)
            return replace(value, items=items)
        if isinstance(value, Structure):
            parts = {key: self.of(item, name) for key, item in value.items.items()}
            return replace(value, items=parts)
        if isinstance(value, StaticArray):
            return StaticArray(self.storage(value.cells, name), value.index)
        if isinstance(value, ListOf):
            return ListOf(self.storage(value.cells, name))
        if isinstance(value, Memory):
            return self.view(value, name)
        if isinstance(value, ComplexOf):
            return ComplexOf(self.of(value.re, name), self.of(value.im, name))
        if isinstance(value, RangeOf):
            return RangeOf(*(self.scalar(name) for _ in range(3)))
        if isinstance(value, Method):
            return Method(self.of(value.owner, name), value.name)
        if isinstance(value, Closure):
            defaults = tuple(self.of(d, name) for d in value.defaults)
            return Closure(value.node, value.frame, defaults)
        if isinstance(value, Choice):
            return Choice(self.scalar(name), tuple(self.of(f, name) for f in value.functions))
        return value

    def view(self, value: Memory, name: str) -> Memory:
        offset = self.scalar(f"{name}_at")
        shape = tuple(self.length() for _ in value.shape)
        strides = tuple(self.scalar(f"{name}_step") for _ in value.strides)
        buffer = self.buffers[value.buffer]
        return Memory(buffer, offset, shape, strides, value.writable, value.is_list)

    def storage(self, cells: Cells, name: str) -> Cells:
        if cells not in self.cells:
            made = self.cells[cells] = Cells(cells.size, cells.site)
            made.frozen, made.element = cells.frozen, cells.element
            for k in range(cells.size):
                self.low.env[(made, k)] = self.of(self.low.env[(cells, k)], name)
        return self.cells[cells]

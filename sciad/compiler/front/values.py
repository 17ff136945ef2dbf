"""What an expression stands for while a function is lowered.

Scalars are operands of the IR. Everything else is known at compile time: structures of scalars,
arrays of known small shape (one variable per element), views into memory (index arithmetic on a
buffer), elementwise expressions that have not been written to memory yet, and plain Python objects.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from sciad.compiler.ir import FLOAT, Const, Operand, ScalarType, Value

__all__ = [
    "Abstract",
    "Cells",
    "CheckpointedRange",
    "Choice",
    "Closure",
    "ComplexOf",
    "Derivative",
    "Elements",
    "ListOf",
    "Memory",
    "Method",
    "Missing",
    "Object",
    "Partial",
    "Pythonic",
    "RangeOf",
    "Rows",
    "StaticArray",
    "Structure",
    "TupleOf",
    "Unsure",
    "complex_of",
]

_serial = count(1)


@dataclass(frozen=True, eq=False)
class Object:
    """A Python object that compiled code cannot hold: module, function, string, None, type."""

    value: Any


@dataclass(frozen=True, eq=False)
class Missing:
    """A name without a (single) value: reading it is an error that says why.

    If `demand` is given, reading it makes lowering start again with that among its demands: the
    place where paths meet then keeps the value.
    """

    reason: str
    demand: object = None


@dataclass(frozen=True, eq=False)
class Unsure:
    """The value of a name that was assigned on some paths only: if `defined` holds at run time."""

    value: Abstract
    defined: Operand


@dataclass(frozen=True, eq=False)
class TupleOf:
    """A tuple, a namedtuple (`fields`), or a list that came in as a parameter."""

    items: tuple[Abstract, ...]
    fields: tuple[str, ...] = ()
    kind: type = tuple
    made_by: type | None = None  # the class of a namedtuple


@dataclass(frozen=True, eq=False)
class ComplexOf(TupleOf):
    """A complex number or array: two real ones of the same shape; see `complex_of`."""

    @property
    def re(self) -> Abstract:
        """Real part."""
        return self.items[0]

    @property
    def im(self) -> Abstract:
        """Imaginary part."""
        return self.items[1]


def complex_of(re: Abstract, im: Abstract) -> ComplexOf:
    """Make a complex value of its parts."""
    return ComplexOf((re, im), ("real", "imag"), complex)


@dataclass(frozen=True, eq=False)
class Structure:
    """A dict (`items` by key) or an object (by attribute name) of known layout."""

    items: dict[Any, Abstract]
    is_dict: bool
    made_by: type | None = None  # the class of an object


class Cells:
    """Identity of a mutable piece of storage whose elements are variables.

    Cells of an argument have no variables: element k is read from `buffer[offset + k]`; those of a
    table are `known`.
    """

    def __init__(self, size: int, site: object, buffer: Value | None = None, offset: int = 0):
        self.size = size
        self.site = site
        self.buffer = buffer
        self.offset = offset
        self.frozen: str | None = None
        self.element = FLOAT
        self.known: list[Operand] | None = None
        self.is_list = False
        self.serial = next(_serial)


@dataclass(frozen=True, eq=False)
class ListOf:
    """A list made by the program, of fixed length."""

    cells: Cells

    def __post_init__(self) -> None:
        self.cells.is_list = True


@dataclass(frozen=True, eq=False)
class StaticArray:
    """An array of known shape: `index` holds the numbers of its cells, so views are NumPy's."""

    cells: Cells
    index: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the view."""
        return self.index.shape


@dataclass(frozen=True, eq=False)
class Memory:
    """A view: element (i, j, ...) is `buffer[offset + i * strides[0] + j * strides[1] + ...]`."""

    buffer: Value
    offset: Operand
    shape: tuple[Operand, ...]
    strides: tuple[Operand, ...]
    writable: bool
    is_list: bool = False


@dataclass(frozen=True, eq=False)
class Elements:
    """An elementwise expression of known shape; `at(indices)` emits one element.

    `kind` is the type of the elements where it is known beforehand.
    """

    shape: tuple[Operand, ...]
    at: Callable[[tuple[Operand, ...]], Operand]
    kind: ScalarType | None = None


@dataclass(frozen=True, eq=False)
class RangeOf:
    """range(start, stop, step)."""

    start: Operand
    stop: Operand
    step: Operand


@dataclass(frozen=True, eq=False)
class CheckpointedRange(RangeOf):
    """A range whose loop is reversed with so many stored states (0: as many as it takes)."""

    snapshots: Const


@dataclass(frozen=True, eq=False)
class Rows:
    """zip, enumerate from `first`, or reversed: elements are read when their turn comes."""

    sources: tuple[Abstract, ...]
    first: Operand | None
    flipped: bool = False


@dataclass(frozen=True, eq=False)
class Method:
    """A bound method of an abstract value."""

    owner: Abstract
    name: str


@dataclass(frozen=True, eq=False)
class Pythonic:
    """A Python function with what it captures, `captured[name]`, already abstract."""

    function: Any
    captured: dict[str, Abstract]
    path: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Derivative:
    """What sciad.grad(function) and its sisters are inside a compiled function."""

    kind: str
    function: Abstract
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Closure:
    """A function or lambda defined inside a compiled function; sees the frame it stands in."""

    node: ast.FunctionDef | ast.Lambda
    frame: Any
    defaults: tuple[Abstract, ...] = field(default=())
    keywords: dict[str, Abstract] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Partial:
    """A function with some of its arguments: functools.partial, or a method of an object."""

    target: Abstract
    args: tuple[Abstract, ...]
    named: dict[str, Abstract]


@dataclass(frozen=True, eq=False)
class Choice:
    """One of several functions; which one is known at run time, by its number."""

    number: Operand
    functions: tuple[Abstract, ...]


#: Any of the above, or an operand of the IR. Not spelled out as a union: nearly every use tells the
#: cases apart by functions such as `merge.is_scalar`, which a type checker cannot follow.
Abstract = Any

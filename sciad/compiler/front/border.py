"""Arrays of ints and bools at the border: they are inputs, but nothing is differentiated by them.

In a structure of arguments such an array is a constant. A jitted function takes its elements as
run-time input, so that the structure says only what kind of array stands there (`RunTimeArray`). A
right-hand side has no room for it in its parameters: there it is a table of the compiled program
(`Table`), and its content is part of the structure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciad.compiler.front.types import STATIC_LIMIT
from sciad.compiler.front.values import Abstract, Cells, Memory, StaticArray
from sciad.compiler.ir import BOOL, INT, BufferType, Const, Op, ScalarType, Value, const
from sciad.core.tree import MOST_COMPARED, Constant, TreeDef

__all__ = [
    "RunTimeArray",
    "Table",
    "flat_integers",
    "is_integer_array",
    "run_time_arrays",
    "table_array",
    "tables",
]

_WHOLE = (np.dtype(np.int64), np.dtype(np.int32))


@dataclass(frozen=True)
class RunTimeArray:
    """An array of ints or bools whose elements and lengths are given at run time."""

    ndim: int
    kind: str

    @property
    def element(self) -> ScalarType:
        """Type of the elements."""
        return BOOL if self.kind == "b" else INT


@dataclass(frozen=True)
class Table:
    """An array of ints or bools that a program has in it."""

    shape: tuple[int, ...]
    kind: str
    data: bytes

    @property
    def values(self) -> np.ndarray:
        """The array."""
        dtype = np.bool_ if self.kind == "b" else np.int64
        return np.frombuffer(self.data, dtype).reshape(self.shape)


def is_integer_array(value: Any) -> bool:
    """Whether compiled code may take an array as one of ints or bools.

    Narrow and unsigned ints are left out: their arithmetic wraps, that of compiled code does not.
    """
    if type(value) is not np.ndarray or not 1 <= value.ndim <= 3:
        return False
    return value.dtype in _WHOLE or value.dtype == np.bool_


def flat_integers(value: np.ndarray) -> np.ndarray:
    """Elements in C order, as compiled code takes them."""
    dtype = np.bool_ if value.dtype.kind == "b" else np.int64
    flat: np.ndarray = np.ascontiguousarray(value, dtype=dtype).reshape(-1)
    return flat if flat.flags.carray else flat.copy()


def run_time_arrays(treedef: TreeDef) -> tuple[TreeDef, list[np.ndarray]]:
    """Take the arrays of ints and bools out of a structure."""
    found: list[np.ndarray] = []

    def stands_for(array: np.ndarray) -> RunTimeArray:
        found.append(array)
        return RunTimeArray(array.ndim, array.dtype.kind)

    if not any(map(is_integer_array, treedef.constants())):
        return treedef, found
    return _replaced(treedef, stands_for), found


def tables(treedef: TreeDef) -> TreeDef:
    """Put the content of small arrays of ints and bools in the place of the arrays."""

    def stands_for(array: np.ndarray) -> Any:
        if array.size > MOST_COMPARED:
            return array
        return Table(array.shape, array.dtype.kind, flat_integers(array).tobytes())

    if not any(map(is_integer_array, treedef.constants())):
        return treedef
    return _replaced(treedef, stands_for)


def _replaced(treedef: TreeDef, stands_for: Callable[[np.ndarray], Any]) -> TreeDef:
    children = []
    for child in treedef.children:
        if isinstance(child, TreeDef):
            child = _replaced(child, stands_for)
        elif is_integer_array(child.value):
            child = Constant(stands_for(child.value))
        children.append(child)
    return TreeDef(treedef.kind, treedef.meta, tuple(children), treedef.names)


def table_array(low: Any, table: Table) -> Abstract:
    """Make a table an array: known numbers if it is small, read-only memory otherwise."""
    values = table.values
    kind = BOOL if table.kind == "b" else INT
    buffer = Value("table", BufferType(kind))
    literal = ("bool_" if kind is BOOL else "int64", tuple(values.ravel().tolist()))
    low.b.region.nodes.append(Op("table", (), (buffer,), literal))
    if values.size <= STATIC_LIMIT:
        cells = Cells(values.size, ("table", buffer.serial), buffer)
        cells.element = kind
        cells.known = [Const(x, kind) for x in values.ravel().tolist()]
        return StaticArray(cells, np.arange(values.size).reshape(values.shape))
    strides = [int(np.prod(values.shape[d + 1 :], dtype=np.int64)) for d in range(values.ndim)]
    shape = tuple(map(const, values.shape))
    return Memory(buffer, const(0), shape, tuple(map(const, strides)), False)

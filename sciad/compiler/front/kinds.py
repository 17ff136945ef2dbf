"""Types of elements: NumPy's dtypes as scalar types, and what a store makes of a value."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import Abstract, Elements, Memory, Object, StaticArray
from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    FLOAT32,
    INT,
    Const,
    Operand,
    Region,
    ScalarType,
    Value,
    const,
)
from sciad.core.errors import CompileError

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["converted", "dtype_argument", "dtype_of", "element_type", "fitted"]

_DTYPES = {
    FLOAT: np.dtype(np.float64),
    INT: np.dtype(np.int64),
    BOOL: np.dtype(np.bool_),
    FLOAT32: np.dtype(np.float32),
}


def dtype_of(kind: ScalarType) -> np.dtype:
    """NumPy's name of an element type."""
    return _DTYPES[kind]


def dtype_argument(low: Lowering, value: Abstract, node: ast.AST) -> ScalarType:
    """Element type that a `dtype=` names."""
    given = value.value if isinstance(value, Object) else None
    try:
        found = None if given is None else np.dtype(given)
    except TypeError:
        found = None
    for kind, dtype in _DTYPES.items():
        if found == dtype:
            if kind is FLOAT32:
                low.begin_single()
            return kind
    return low.refuse(
        "an array of another type than float64, float32, int64 or bool",
        node,
        "write float, np.float32, int or bool, or leave dtype away",
    )


def element_type(low: Lowering, value: Abstract) -> ScalarType:
    """Type of the elements of an array; that of a recipe is found by writing one element."""
    if is_scalar(value):
        return value.type
    if isinstance(value, StaticArray):
        return value.cells.element
    if isinstance(value, Memory):
        return value.buffer.type.element
    assert isinstance(value, Elements)
    if value.kind is not None:
        return value.kind
    known = all(isinstance(n, Const) and n.value for n in value.shape)
    place = [const(0) if known else Value("i", INT) for _ in value.shape]
    with low.b.inside(Region()):
        return value.at(tuple(place)).type


def fitted(low: Lowering, x: Operand, kind: ScalarType) -> Operand:
    """Give a number as NumPy stores it into an array of `kind`."""
    if kind is BOOL:
        return low.b.truth(x)
    if kind is INT and x.type in (FLOAT, FLOAT32):
        if isinstance(x, Const) and float(x.value).is_integer():
            return const(int(x.value))
        where = low.b.location
        raise CompileError(
            "an array of integers or bools is written to with a float",
            where=None if where is None else str(where),
            hint="make it an array of floats (write 0.0 for 0), or convert with int(...)",
        )
    return low.b.cast(x, kind)


def converted(low: Lowering, x: Operand, kind: ScalarType, node: Any) -> Operand:
    """x.astype(kind): floats are cut off, as NumPy does."""
    from sciad.compiler.vocabulary.functions import to_int

    if kind is INT and x.type in (FLOAT, FLOAT32):
        return to_int(low, low.b.cast(x, FLOAT), node)
    return fitted(low, x, kind)

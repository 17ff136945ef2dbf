"""NumPy's functions on arrays and methods of arrays: tables of handlers."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.values import Abstract, Elements, Memory, StaticArray, TupleOf
from sciad.compiler.ir import Const, Operand
from sciad.compiler.vocabulary import indexing, making, reductions, shaping, whole
from sciad.compiler.vocabulary.einsum import einsum
from sciad.compiler.vocabulary.extremes import place_of

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["FUNCTIONS", "LAZY", "METHODS", "READING", "first_extreme", "is_long", "written_to"]

FUNCTIONS: dict[Any, Callable] = {
    **reductions.FUNCTIONS,
    **shaping.FUNCTIONS,
    **making.FUNCTIONS,
    np.einsum: einsum,
}
METHODS: dict[str, Callable] = {**reductions.METHODS, **shaping.METHODS, **making.METHODS}
#: Methods that write to nothing.
READING = tuple(name for name in METHODS if name != "fill")
#: Functions that take array expressions as recipes, each element once.
LAZY = frozenset(
    [
        *(np.where, np.sum, np.mean, np.prod, np.any, np.all, np.count_nonzero, builtins.sum),
        *(np.clip, np.round, np.nonzero, np.flatnonzero, np.sign, np.absolute),
        *(np.maximum, np.minimum, np.triu, np.tril),
    ]
)


def is_long(value: Abstract) -> bool:
    """Whether a value is a one-dimensional array in memory, of a length that may be unknown."""
    if not isinstance(value, Memory | Elements) or len(value.shape) != 1:
        return False
    return not isinstance(value.shape[0], Const)


def first_extreme(low: Lowering, value: Abstract, code: str, node: ast.AST) -> Operand:
    """Take the first of the largest or smallest elements, as max() and min() do."""
    from sciad.compiler.vocabulary import arrays

    known = whole.elements(low, arrays.settled(low, value, node), node)
    return known.at(place_of(low, known, code, node))


def written_to(low: Lowering, out: Abstract, result: Abstract, node: ast.AST) -> Abstract:
    """Write the result of a call into the array given as `out`."""
    if isinstance(out, TupleOf) and len(out.items) == 1:
        (out,) = out.items
    if not isinstance(out, StaticArray | Memory):
        low.refuse("out= of something that is not an array", node)
    indexing.store_all(low, out, result, node)
    return out

"""Functions that write to arrays of their caller: `out[:] = ...`, `y[0] = 0.0`.

The program works on copies, made when it begins, of the arrays that it writes to, and returns them
beside its result; what the call does to the caller's arrays is done after it. So the new content is
an output like any other, and has derivatives. Where that would not be what Python does (arrays
that overlap, read-only ones, an exception half way) the Python function itself is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.moving import copy_elements, count_of
from sciad.compiler.front.values import Memory
from sciad.compiler.ir import Value, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["begin", "finish", "give_back", "may_be_compiled", "results_of", "written"]


_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def begin(low: Lowering, number: int, view: Memory) -> Memory:
    """Give the array of leaf `number`, or a copy if the program is known to write to it."""
    if ("written", number) not in low.in_memory:
        low.arguments[view.buffer] = number
        return view
    name, element = f"{view.buffer.name}_new", view.buffer.type.element
    buffer = low.b.alloc(count_of(low, view), "empty", name, element)
    copy = Memory(buffer, const(0), view.shape, view.strides, True)
    copy_elements(low, view, copy)
    low.updated[number] = copy
    return copy


def written(low: Lowering, buffer: Value) -> None:
    """Start again if a program writes to an array of its caller that it may copy first."""
    if buffer in low.arguments:
        from sciad.compiler.front.lower import Restart

        raise Restart(("written", low.arguments[buffer]))


def finish(low: Lowering, parts: Any, layout: Any) -> Any:
    """Add the new content of the caller's arrays to the results."""
    if not low.updated:
        return layout
    numbers = sorted(low.updated)
    arrays = [parts.buffer(low.updated[k]) for k in numbers]
    return ("updates", [layout, *arrays], numbers)


def may_be_compiled(layout: Any, leaves: list[Any]) -> bool:
    """Whether the arrays of a call can be updated after it: apart from each other, plain memory."""
    if layout[0] != "updates":
        return True
    arrays = [(k, x) for k, x in enumerate(leaves) if isinstance(x, np.ndarray)]
    for k, x in arrays:
        if k in layout[2]:
            plain = x.dtype in _FLOATS and x.flags.writeable and _dense(x)
            apart = not any(np.may_share_memory(x, y) for j, y in arrays if j != k)
            if not (plain and apart):
                return False
    return True


def _dense(x: np.ndarray) -> bool:
    """Whether no two elements are in one place, as far as strides tell."""
    steps = sorted((abs(s), n) for s, n in zip(x.strides, x.shape, strict=True) if n > 1)
    reach = x.itemsize
    for step, n in steps:
        if step < reach:
            return False
        reach = step * n
    return True


def results_of(layout: Any, value: Any) -> tuple[Any, dict[int, Any]]:
    """Split what a program returned into its result and the new content of arguments."""
    if layout[0] != "updates":
        return value, {}
    result, *arrays = value
    return result, dict(zip(layout[2], arrays, strict=True))


def give_back(leaves: list[Any], content: dict[int, Any]) -> None:
    """Write the new content into the arrays of the caller."""
    for k, new in content.items():
        leaves[k][...] = new

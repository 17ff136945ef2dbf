"""Arrays in memory where the sides of a branch meet: `v = a if c else b`, `if c: u = f(u)`.

Names that stand for views of one buffer on both sides are joined exactly, as integers. Otherwise
each side copies its array, at its end, into a buffer made in front of the branch. That copy is
exact if the array was made by that side and is reached through this name alone; if not, neither
the original nor the copy may be written to from then on. Only names that are read again are kept.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.merge import MIXED, UNSET, layout
from sciad.compiler.front.moving import (
    SHARED,
    Environment,
    aliases,
    copy_elements,
    count_of,
    demand_of,
    erased,
    memories,
    redirect,
    room_for,
    spilled,
    standard,
)
from sciad.compiler.front.values import Abstract, Memory, Missing
from sciad.compiler.ir import Const, Operand, Value, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["gathered"]

_DIFFERENT = "it stands for different arrays on different paths"


def gathered(
    low: Lowering,
    key: Any,
    values: Sequence[Abstract],
    sides: Sequence[Any],
    envs: Sequence[Environment],
    live: Sequence[bool],
    node: ast.AST,
    mark: int,
) -> Sequence[Abstract]:
    """Give the values of a name on both sides, with arrays in buffers that exist outside.

    Returns the values as they are where nothing has to be done, and twice the same `Missing` for a
    name that nobody has read so far.
    """
    used = [k for k in (0, 1) if live[k]]
    held = [memories(values[k], envs[k]) for k in used]
    inner = any(m.buffer.serial > mark for side in held for m in side)
    if not any(held) or (not inner and _agree(values, envs, used)):
        return values
    if len({erased(values[k], envs[k]) for k in used}) > 1:
        return values
    if demand_of(low, node, key) not in low.in_memory:
        return [Missing(_DIFFERENT, demand_of(low, node, key))] * 2
    for k in used:
        _spill(low, key, values[k], envs[k], sides[k], node)
    kinds = {tuple(m.buffer.type for m in memories(envs[k][key], envs[k])) for k in used}
    if len(kinds) > 1:
        return [MIXED] * 2
    _gather(low, key, used, sides, envs, node, mark)
    return [v if v is UNSET else env[key] for v, env in zip(values, envs, strict=True)]


def _agree(values: Sequence[Abstract], envs: Sequence[Environment], used: list[int]) -> bool:
    return len({layout(values[k], envs[k]) for k in used}) == 1


def _spill(low: Lowering, key: Any, value: Abstract, env: Environment, side: Any, node) -> None:
    """Copy small arrays to memory if the other side has memory in their place."""
    with low.b.inside(side.region):
        env[key] = spilled(low, value, env, node)


def _gather(low: Lowering, key: Any, used: list[int], sides, envs, node, mark: int) -> None:
    columns = [memories(envs[k][key], envs[k]) for k in used]
    for row in zip(*columns, strict=True):
        if all(m.buffer is row[0].buffer for m in row) and row[0].buffer.serial < mark:
            continue
        buffer = _room(low, row, node, mark)
        alone = [_alone(low, key, m, envs[k], node, mark) for k, m in zip(used, row, strict=True)]
        for k, m in zip(used, row, strict=True):
            with low.b.inside(sides[k].region):
                _copy_out(low, key, m, buffer, envs[k], all(alone), node)
            if m.buffer.serial < mark and not all(alone):
                low.b.frozen[m.buffer] = SHARED


def _room(low: Lowering, row: Sequence[Memory], node: ast.AST, mark: int) -> Value:
    """Make the buffer that takes one of several arrays, in front of the branch."""
    size: Operand = const(0)
    for m in row:
        n = room_for(low, m, mark)
        if n is None:
            low.refuse(
                "a branch makes an array of a length that is computed in the branch",
                node,
                "make the array before the branch and overwrite its elements",
            )
        size = low.b.maximum(size, n)
    return low.b.alloc(size, "empty", "a", row[0].buffer.type.element)


def _alone(low: Lowering, key: Any, m: Memory, env: Environment, node, mark: int) -> bool:
    """Whether no other name keeps an array, and no expression that is being evaluated does."""
    others = [k for k, _ in aliases(env, m.buffer) if k != key]
    once = sum(n.buffer is m.buffer for n in memories(env[key], env)) == 1
    if not (once and m.writable) or m.buffer in low.b.frozen:
        return False
    if m.buffer.serial > mark:
        return not any(demand_of(low, node, k) in low.in_memory for k in others)
    own = m.buffer.serial > low.frame.mark and m.buffer in low.b.sizes
    return own and isinstance(node, ast.If) and not others


def _copy_out(low, key, m: Memory, buffer: Value, env: Environment, writable, node) -> None:
    target = replace(
        m,
        buffer=buffer,
        offset=const(0),
        strides=standard(low, m.shape),
        writable=writable,
    )
    room = low.b.sizes[buffer]
    count = count_of(low, m)
    if count != room and not isinstance(count, Const):
        inside = low.b.compare("le", count, room)
        low.check(inside, "MemoryError", "an array does not fit where paths meet", node)
    copy_elements(low, m, target)
    redirect(env, lambda found: target if found is m else found, [key])

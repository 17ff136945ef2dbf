"""What compiled loops run over besides `range`: `sciad.checkpointed(range(...))`, `numba.prange`.

A loop over `prange` is compiled as one over `range`: its iterations run one after another, in
derivatives as in values. Results are those of any order of execution that is free of races.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.values import Abstract, CheckpointedRange, Object, RangeOf
from sciad.compiler.ir import INT, Const, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["check_jumps", "checkpointed_range", "is_prange"]


def is_prange(value: Any) -> bool:
    """Whether an object is `numba.prange` (which is not imported for the question)."""
    module = getattr(value, "__module__", None) or ""
    return module.startswith("numba.") and getattr(value, "__name__", None) == "prange"


def checkpointed_range(
    low: Lowering, args: list[Abstract], named: dict[str, Abstract], node: ast.Call
) -> Abstract:
    """Lower sciad.checkpointed(range(...), snapshots=s)."""
    extra = {"iterable", "snapshots"} & set(named)
    if len(args) + len(extra) not in (1, 2) or len(extra) != len(named):
        low.refuse("checkpointed takes an iterable and snapshots", node)
    given = dict(zip(("iterable", "snapshots"), args, strict=False)) | named
    iterable, wanted = given.get("iterable"), given.get("snapshots", Object(None))
    if not isinstance(iterable, RangeOf):
        low.refuse(
            "checkpointed(...) of something that is not a range cannot be compiled",
            node,
            "loop over sciad.checkpointed(range(n)) and take elements by index",
        )
    if isinstance(wanted, Object) and wanted.value is None:
        wanted = const(0)
    elif not isinstance(wanted, Const) or wanted.type is not INT or wanted.value < 1:
        low.refuse(
            "the number of snapshots of a compiled loop has to be a literal of at least 1",
            node,
            "write it as a number, or leave it out",
        )
    return CheckpointedRange(iterable.start, iterable.stop, iterable.step, wanted)


def check_jumps(low: Lowering, iterable: RangeOf, node: Any) -> None:
    """Refuse to leave a checkpointed loop: how many steps there are has to be known before."""
    if isinstance(iterable, CheckpointedRange) and node.until:
        low.refuse(
            "a checkpointed loop is left by break or return",
            node,
            "let it run all its steps, or loop over range(...) without checkpointed",
        )

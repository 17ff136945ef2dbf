"""What a compiled derivative takes: bytes on the tape."""

from __future__ import annotations

from typing import Any

import numpy as np

from sciad.compiler.jit import JitFunction
from sciad.compiler.nodes import Call, split_of

__all__ = ["tape_bytes"]


def tape_bytes(function: JitFunction, *args: Any) -> int:
    """Most bytes that the tape of a compiled gradient holds at once, for given arguments.

    Runs a variant of the ``"vjp"`` program that counts. Arrays of the program, their shadows and
    the states that `sciad.checkpointed` stores are not on the tape.

    Parameters
    ----------
    function : JitFunction
        Made by `sciad.jit`.
    *args : object
        Its arguments.

    Returns
    -------
    int
        8 for each slot.

    Examples
    --------
    >>> import math
    >>> import sciad
    >>> @sciad.jit
    ... def iterate(x, n):
    ...     for _ in range(n):
    ...         x = math.sin(x)
    ...     return x
    >>> tape_bytes(iterate, 0.5, 100)
    800
    """
    run = Call(*function._program(args, {}))
    split = split_of(run.program)
    leaves = run.numbers(run.run("value"))
    ones = [np.ones(np.shape(x)) for x, f in zip(leaves, split.is_float(), strict=True) if f]
    (slots,) = run.run("tape", *split.packed(ones), *run.empty())
    return 8 * int(slots)

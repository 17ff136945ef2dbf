"""How much tape a gradient takes: its program is run once on a tape that grows by what is needed.

The measured program is the text of the vjp, with another function that lets the tape grow, and with
the room of the tape as its status.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from sciad.compiler.back import cache
from sciad.compiler.back.emit import BEGIN
from sciad.compiler.back.source import machine_code
from sciad.compiler.nodes import Call, split_of
from sciad.compiler.program import Program
from sciad.core.errors import SciadError

__all__ = ["tape_slots"]

_END = "    tape_free(tape, room)\n    return 0\n"
_MEASURED = "    tape_free(tape, room)\n    return -2 - room\n"
#: A tape that begins with no room, and takes what is needed and no more.
_EXACT = {
    BEGIN: "np.int64(0), np.int64(0), np.int64(0)",
    "tape_grow": "tape_grow_exactly",
    "tape_free": "tape_free_grown",
}


def tape_slots(call: Call) -> int:
    """Count the slots that the tape of one gradient has at its largest."""
    program = call.program
    source = program.source("vjp")
    if "tape_grow(" not in source:
        return 0
    call.run("vjp", *_cotangents(call), *call.empty())  # raises what the program raises
    arguments = (*call.inputs(), *_cotangents(call), *call.empty())
    status = _measured(program, source)(*arguments)
    if status > -2:
        raise MemoryError("no memory for the tape of a compiled derivative")
    return -2 - status


def _measured(program: Program, source: str) -> Any:
    if not source.endswith(_END):
        raise SciadError("the tape of this program cannot be measured")
    text = source.removesuffix(_END) + _MEASURED
    for name, other in _EXACT.items():
        text = re.sub(rf"\b{re.escape(name)}", other, text)
    path = cache.write(f"{program.root.__name__}_tape", text)
    return machine_code(path, program.function).function


def _cotangents(call: Call) -> list[np.ndarray]:
    """Zeros like the float results."""
    split = split_of(call.program)
    results = call.numbers(call.run("value"))
    floats = [r for r, f in zip(results, split.is_float(), strict=True) if f]
    return split.packed([np.zeros(np.shape(r)) for r in floats])

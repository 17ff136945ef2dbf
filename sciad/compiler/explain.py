"""What the compiler made of a function, in words, line by line of the user's code."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from pathlib import Path

from sciad.compiler.back import cache
from sciad.compiler.decisions import UNNAMED, Decision, listening, shown
from sciad.compiler.ir import BufferType, Function, If, Location, Loop, Op, Region, defined, walk
from sciad.compiler.passes.analysis import varied
from sciad.compiler.program import Program

__all__ = ["explanation"]

_WORDS = {
    "loop": "a loop that is kept",
    "unrolled": "unrolled",
    "inlined": "inlined",
    "variables": "an array in variables",
    "memory": "an array in memory",
    "reversed": "reversed",
    "active": "carries derivatives",
    "taped": "taped",
    "recomputed": "computed again on the way back",
    "kept": "kept until the way back",
    "tape": "tape",
}


def explanation(program: Program) -> str:
    """Lower and differentiate a program once more, listening, and write down what happens."""
    again = Program(
        program.function, program.root, program.treedef, program.leaves, program.integers
    )
    with listening() as decided:
        primal = again.program()
        reverse = again.derived("vjp")
    notes = [*decided, *_loops(primal), *_memory(primal), *_active(again, primal), *_tape(reverse)]
    code = program.root.__code__
    lines = [f"{program.root.__qualname__}, {code.co_filename}:{code.co_firstlineno}", ""]
    lines += _by_line(code.co_filename, list(dict.fromkeys(notes)))
    lines += ["", *_summary(reverse), *_files(program)]
    return "\n".join(lines)


def _by_line(home: str, notes: list[Decision]) -> list[str]:
    places = sorted({(n.filename != home, n.filename, n.line) for n in notes if n.line})
    lines = []
    for elsewhere, filename, line in places:
        text = linecache.getline(filename, line).strip()
        where = f"{Path(filename).name}:{line}" if elsewhere else f"{line}"
        lines.append(f"{where}: {text}")
        here = [n for n in notes if (n.filename, n.line) == (filename, line)]
        for kind, words in _WORDS.items():
            parts = list(dict.fromkeys(n.text for n in here if n.kind == kind))
            if len(parts) > 1 and kind == "active":
                parts = [p for p in parts if p != UNNAMED]
            if parts:
                known = ", ".join(p for p in parts if p)
                lines.append(f"    {words}: {known}" if known else f"    {words}")
    return lines


# -- what programs show ----------------------------------------------------------------------------
def _note(kind: str, place: Location | None, text: str) -> Iterator[Decision]:
    if place is not None:
        yield Decision(kind, place.filename, place.line, text)


def _loops(program: Function) -> Iterator[Decision]:
    for node in walk(program.body):
        if isinstance(node, Loop):
            yield from _note("loop", node.location, "")


def _memory(program: Function) -> Iterator[Decision]:
    for node in walk(program.body):
        if isinstance(node, Op) and node.code == "alloc":
            yield from _note("memory", node.location, "")


def _active(made: Program, program: Function) -> Iterator[Decision]:
    found = varied(program, made.active(program))
    for node in walk(program.body):
        if isinstance(node, Op) and node.code in ("store", "accum") and node.args[0] in found:
            yield from _note("active", node.location, "what is written")
        for value in defined(node):
            if value in found and not isinstance(value.type, BufferType):
                yield from _note("active", node.location, shown(node, value))


def _tape(reverse: Function) -> Iterator[Decision]:
    for node in walk(reverse.body):
        if isinstance(node, Loop) and _slots(node.body):
            text = f"{8 * _slots(node.body)} bytes in each iteration"
            yield from _note("tape", node.location, text)


def _slots(region: Region) -> int:
    """Slots that one run of a region takes at most, inner loops left aside."""
    total = 0
    for node in region.nodes:
        if isinstance(node, Op) and node.code == "push":
            total += len(node.args)
        elif isinstance(node, If):
            total += max(_slots(node.then), _slots(node.orelse))
    return total


def _summary(reverse: Function) -> list[str]:
    pushes = any(isinstance(n, Op) and n.code == "push" for n in walk(reverse.body))
    if not pushes:
        return ["No tape: every value the way back needs is at hand or computed again."]
    return ["The tape is freed when the gradient returns; tape_bytes(*args) measures it."]


def _files(program: Program) -> list[str]:
    found = [f"machine code: {cache.cache_directory()}"]
    for kind, module in program.modules.items():
        found.append(f"    {kind}: {Path(module.__file__).name}")
    return found

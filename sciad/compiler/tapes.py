"""Frames of the tape, and which of several tapes they lie on.

A program that contains a derivative (a nested `grad`) has pushes and pops of its own. Its adjoint
pushes more, and the two do not nest: the frames that an adjoint stores for itself would bury those
of the program. Every adjoint therefore takes a tape that the program does not use yet. The frames
that a derivative pushes for the duals or cotangents of a frame lie on the tape of that frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, NoReturn

from sciad.compiler.invoke import reachable
from sciad.compiler.ir import Function, Op, Region, walk
from sciad.core.errors import CompileError

__all__ = [
    "TAPE_ROOM",
    "Buried",
    "Slot",
    "expect_one_tape",
    "refuse_tapes",
    "suffix",
    "tape_of",
    "unused_tape",
]

#: Slots of a tape on the stack.
TAPE_ROOM = 256

_serial = count(1)


@dataclass(frozen=True)
class Slot:
    """Identity of the frames that one push makes and one pop takes."""

    serial: int
    tape: int

    @classmethod
    def fresh(cls, tape: int) -> Slot:
        """Make a slot that no other push has."""
        return cls(next(_serial), tape)


def tape_of(attr: Any) -> int:
    """Find the tape of a push or pop; `attr` is a slot, (slot, "dot"), ((slot, "dot"), "bar")..."""
    while not isinstance(attr, Slot):
        attr = attr[0]
    return attr.tape


def unused_tape(region: Region) -> int:
    """Give the first tape that no push in a region lies on."""
    pushes = [n for n in walk(region) if isinstance(n, Op) and n.code == "push"]
    return max((tape_of(n.attr) + 1 for n in pushes), default=0)


class Buried(CompileError):
    """Frames of a tape would lie under those of another derivative."""


def refuse_tapes(function: Function) -> NoReturn:
    """Raise because functions that call themselves share one tape with their callers only."""
    places = (n.location for n in walk(function.body) if n.location is not None)
    raise Buried(
        "a derivative that is taken inside compiled code, of a function that calls itself, is"
        " differentiated again",
        where=str(next(places, None)),
        hint="call sciad.grad outside of compiled code, or write the function as a loop",
    )


def expect_one_tape(function: Function) -> Function:
    """Give a program that can be emitted: with functions that are called, it has one tape."""
    callees = reachable(function)
    bodies = [function, *(callee.function for callee in callees)]
    if callees and any(unused_tape(body.body) > 1 for body in bodies):
        refuse_tapes(function)
    return function


def suffix(tape: int) -> str:
    """Give what is appended to the names `tape`, `room` and `top` in emitted code."""
    return f"_{tape}" if tape else ""

"""What the passes decide, written down while somebody wants to know (`explain`)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sciad.compiler.ir import Loop, Op, Value

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering
    from sciad.compiler.ir import Location
    from sciad.compiler.passes.analysis import Places

__all__ = [
    "UNNAMED",
    "Decision",
    "listening",
    "lowered",
    "noted",
    "recalled",
    "shown",
    "start_again",
]

#: What a value without a name of the user's is called.
UNNAMED = "an intermediate result"


@dataclass(frozen=True)
class Decision:
    """Something decided about a line: `kind` is inlined, unrolled, variables, taped, ..."""

    kind: str
    filename: str
    line: int
    text: str


_heard: ContextVar[dict[Decision, None] | None] = ContextVar("heard", default=None)


@contextmanager
def listening() -> Iterator[dict[Decision, None]]:
    """Collect the decisions that are made meanwhile, in order."""
    heard: dict[Decision, None] = {}
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def start_again() -> None:
    """Forget what was decided: lowering begins anew."""
    heard = _heard.get()
    if heard is not None:
        heard.clear()


def lowered(kind: str, low: Lowering, node: ast.AST, text: str) -> None:
    """Note a decision about a node of the user's code."""
    heard = _heard.get()
    if heard is not None and low.frames:
        line = getattr(node, "lineno", 0)
        heard[Decision(kind, low.frame.filename, line, text)] = None


def noted(kind: str, place: Location | None, text: str) -> None:
    """Note a decision about a line."""
    heard = _heard.get()
    if heard is not None and place is not None:
        heard[Decision(kind, place.filename, place.line, text)] = None


def recalled(kind: str, places: Places, value: Value) -> None:
    """Note how the reverse part finds a value again."""
    heard = _heard.get()
    if heard is None:
        return
    node = places.producer.get(value)
    place: Location | None = getattr(node, "location", None)
    if place is not None:
        text = f"{shown(node, value)} ({_reason(kind, node, value)})"
        heard[Decision(kind, place.filename, place.line, text)] = None


def shown(node: object, value: Value) -> str:
    """Name a value as the user knows it."""
    name = value.name.strip(".")
    if name != "v":
        return "the result" if name == "value" else name
    if isinstance(node, Op) and node.code == "call":
        return f"{node.attr[1]}(...)"
    if isinstance(node, Op) and node.code == "load":
        return "an element"
    return UNNAMED


def _reason(kind: str, node: object, value: Value) -> str:
    if kind == "recomputed":
        again = isinstance(node, Op) and node.code == "load"
        return "nobody overwrites it" if again else "cheaper than a slot of the tape"
    if kind == "kept":
        return "outside loops values stay where they are"
    if isinstance(node, Loop):
        return "the loop carries it on" if value in node.params else "an inner loop computes it"
    if not isinstance(node, Op):
        return "a branch decides it"
    if node.code == "load":
        return "it may be overwritten"
    if node.code in ("call", "pow"):
        return f"{'**' if node.code == 'pow' else node.attr[1]} costs more than a slot of the tape"
    return "computing it again takes several stored values"

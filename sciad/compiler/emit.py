"""Writes a program as plain Python that Numba compiles and a person can read.

Names are the user's where they exist; each statement carries the line it comes from. A pure value
with one reader is written into the reader's expression. Loop-carried values live in one variable;
a value that exists only to become that variable's next state is computed right into it. The tape
(see `runtime`) lives in the local integers `tape`, `room` and `top`; every exit frees it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    INT,
    Const,
    Function,
    If,
    Location,
    Loop,
    Op,
    Operand,
    Region,
    Value,
    operands,
    walk,
)
from sciad.compiler.naming import Names, coalesce
from sciad.compiler.tapesize import frames_per_iteration

__all__ = ["Emitted", "emit", "literal"]

_INFIX = {
    "add": ("+", 5),
    "sub": ("-", 5),
    "mul": ("*", 6),
    "div": ("/", 6),
    "floordiv": ("//", 6),
    "mod": ("%", 6),
    "pow": ("**", 8),
    "lt": ("<", 4),
    "le": ("<=", 4),
    "gt": (">", 4),
    "ge": (">=", 4),
    "eq": ("==", 4),
    "ne": ("!=", 4),
    "and": ("and", 2),
    "or": ("or", 1),
}
_ATOM = 9
_PURE = frozenset(_INFIX) | {"neg", "not", "float", "int", "select", "call"}
_INDENT = "    "
_LONGEST = 60
_FACTOR = re.compile(r"[\w.]+")
_PRODUCT = re.compile(r"[\w.]+( [*/] [\w.]+)*")
OUT_OF_MEMORY = -1


@dataclass
class Emitted:
    """Statements of a function body; `failures` gives each positive status its meaning."""

    params: list[str]
    lines: list[str]
    results: list[str]
    failures: list[object] = field(default_factory=list)
    uses_tape: bool = False


def literal(constant: Const) -> str:
    """Python source of a constant."""
    value = constant.value
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def emit(function: Function, filename: str = "", exit_values: str = "") -> Emitted:
    """Write the body of a function.

    Parameters
    ----------
    function : Function
        The program.
    filename : str, optional
        The user's file: its lines are noted by number alone, those of others with their file.
    exit_values : str
        What follows the status in the `return` of a failed check (a leading comma included).

    Returns
    -------
    Emitted
        Body lines (indented once, without the final return) and the names of the results.
    """
    return _Emitter(function, filename, exit_values).run()


class _Emitter:
    def __init__(self, function: Function, filename: str, exit_values: str):
        self.function = function
        self.filename = filename
        self.failures: list[object] = []
        self.exit_values = exit_values
        self.names = Names()
        self.lines: list[str] = []
        self.indent = _INDENT
        self.location: Location | None = None
        self.readers: dict[Value, int] = {}
        self.pending: dict[Value, tuple[str, int]] = {}
        self.reserved: set[int] = set()
        for node in walk(function.body):
            self.count(operands(node))
        self.count(function.results)
        self.counters = {n.index for n in walk(function.body) if isinstance(n, Loop)}
        codes = {n.code for n in walk(function.body) if isinstance(n, Op)}
        self.uses_tape = "push" in codes

    def count(self, items: tuple[Operand, ...]) -> None:
        for operand in items:
            if isinstance(operand, Value):
                self.readers[operand] = self.readers.get(operand, 0) + 1

    def run(self) -> Emitted:
        params = [self.names.of(p) for p in self.function.params]
        if self.uses_tape:
            self.line("tape, room, top = 0, 0, 0")
        self.region(self.function.body)
        results = [self.text(r) for r in self.function.results]
        if self.uses_tape:
            self.line("tape_free(tape)")
        return Emitted(params, self.lines, results, self.failures, self.uses_tape)

    # -- text ----------------------------------------------------------------------------------
    def line(self, text: str) -> None:
        note = ""
        if self.location is not None and not text.startswith("else"):
            place, line = self.location.filename, self.location.line
            note = f"  # {line}" if place == self.filename else f"  # {Path(place).name}:{line}"
        self.lines.append(f"{self.indent}{text}{note}")

    def text(self, operand: Operand, tight: int = 0) -> str:
        """Source of an operand; in parentheses if it binds weaker than `tight`."""
        if isinstance(operand, Const):
            shown, strength = literal(operand), _ATOM
            if shown.startswith("-"):
                strength = 7
        elif operand in self.pending:
            shown, strength = self.pending.pop(operand)
        else:
            return self.names.of(operand)
        return f"({shown})" if strength < tight else shown

    def expression(self, node: Op) -> tuple[str, int]:
        """Source of a pure operation and how tightly it binds."""
        code, args = node.code, node.args
        if code in _INFIX:
            symbol, strength = _INFIX[code]
            comparison = strength == 4
            left = self.text(args[0], strength + (comparison or code == "pow"))
            right = self.text(args[1], strength + 1)
            return f"{left} {symbol} {right}", strength
        if code == "neg":
            return f"-{self.text(args[0], 7)}", 7
        if code == "not":
            return f"not {self.text(args[0], 4)}", 3
        if code == "select":
            yes, no = (self.text(a, 1) for a in args[1:])
            return f"{yes} if {self.text(args[0], 1)} else {no}", 0
        if code == "call":
            module, name = node.attr
            inner = ", ".join(self.text(a) for a in args)
            return (f"{name}({inner})" if module == "" else f"{module}.{name}({inner})"), _ATOM
        if code == "float" and args[0].type is BOOL:  # Numba has no float(bool)
            return f"float(int({self.text(args[0])}))", _ATOM
        return f"{code}({self.text(args[0])})", _ATOM

    # -- regions -------------------------------------------------------------------------------
    def region(self, region: Region, targets: dict[Value, Value] | None = None) -> None:
        """Write the nodes; `targets` maps a yielded value to the variable it may live in."""
        for value, variable in (targets or {}).items():
            self.names.share(value, variable)
        inline = self.inlined(region, targets or {})
        for node in region.nodes:
            self.location = node.location
            if isinstance(node, Op):
                self.operation(node, inline)
            elif isinstance(node, If):
                self.branch(node)
            else:
                self.loop(node)
        self.location = None

    def inlined(self, region: Region, targets: dict[Value, Value]) -> set[Value]:
        """Pure values with one reader that stands in the same region."""
        here: set[Operand] = set()
        for node in region.nodes:
            if isinstance(node, Op):
                here.update(node.args)
            elif isinstance(node, If):
                here.add(node.condition)
        return {
            node.out
            for node in region.nodes
            if isinstance(node, Op)
            and node.code in _PURE
            and self.readers.get(node.out) == 1
            and node.out in here
            and node.out not in targets
        }

    def block(self, head: str, region: Region, targets, copies) -> None:
        """Write an indented block: nodes of a region, then assignments."""
        self.line(head)
        outer, self.indent = self.indent, self.indent + _INDENT
        before = len(self.lines)
        self.region(region, targets)
        self.assign(copies)
        if len(self.lines) == before:
            self.line("pass")
        self.indent = outer

    def assign(self, copies: list[tuple[Value, Operand]]) -> None:
        """Parallel assignment, one statement each where the order allows it."""
        moves = [(self.names.of(v), self.text(x)) for v, x in copies]
        moves = [(name, text) for name, text in moves if name != text]
        targets = [name for name, _ in moves]
        if any(text in targets[:k] for k, (_, text) in enumerate(moves)):
            self.line(f"{', '.join(targets)} = {', '.join(text for _, text in moves)}")
            return
        for name, text in moves:
            self.line(f"{name} = {text}")

    def branch(self, node: If) -> None:
        condition = self.text(node.condition)
        sides = []
        for region in (node.then, node.orelse):
            targets = coalesce(region, node.outs, self.readers)
            copies = list(zip(node.outs, region.results, strict=True))
            sides.append((region, targets, copies))
        then, orelse = sides
        empty = [not r.nodes and not c for r, _, c in sides]
        if empty[0] and not empty[1]:
            self.block(f"if not ({condition}):", *orelse)
            return
        self.block(f"if {condition}:", *then)
        if not empty[1]:
            self.block("else:", *orelse)

    def loop(self, node: Loop) -> None:
        for param, out in zip(node.params, node.outs, strict=True):
            self.names.share(out, param)
        self.assign(list(zip(node.params, node.inits, strict=True)))
        if node.trips is not None:
            self.line(f"{self.names.of(node.trips)} = 0")
        self.reserve(node)
        self.location = node.location
        index = self.names.of(node.index)
        counting = node.kind == "while" and self.readers.get(node.index, 0) > 0
        if node.kind == "range":
            self.line(f"for {index} in {self.range(node)}:")
        else:
            if counting:
                self.line(f"{index} = 0")
            self.line(f"while {self.names.of(node.params[0])}:")
        outer, self.indent = self.indent, self.indent + _INDENT
        before = len(self.lines)
        targets = coalesce(node.body, node.params, self.readers, node)
        self.region(node.body, targets)
        if node.trips is not None:
            self.line(f"{self.names.of(node.trips)} += 1")
        if counting:
            self.line(f"{index} += 1")
        self.assign(list(zip(node.params, node.body.results, strict=True)))
        if node.until is not None:
            self.line(f"if {self.text(node.until)}:")
            self.lines.append(f"{self.indent}{_INDENT}break")
        if len(self.lines) == before:
            self.line("pass")
        self.indent = outer

    def range(self, node: Loop) -> str:
        start, stop, step = (self.text(x) for x in (node.start, node.stop, node.step))
        if step != "1":
            return f"range({start}, {stop}, {step})"
        return f"range({stop})" if start == "0" else f"range({start}, {stop})"

    # -- operations ----------------------------------------------------------------------------
    def operation(self, node: Op, inline: set[Value]) -> None:
        if node.code in _PURE:
            shown, strength = self.expression(node)
            if node.out in inline and len(shown) <= _LONGEST:
                self.pending[node.out] = (shown, strength)
            else:
                self.line(self.statement(self.names.of(node.out), shown))
        else:
            getattr(self, f"_{node.code}")(node)

    def statement(self, name: str, shown: str) -> str:
        for symbol, rest in (("+", _PRODUCT), ("-", _PRODUCT), ("*", _FACTOR)):
            prefix = f"{name} {symbol} "
            if shown.startswith(prefix) and rest.fullmatch(_bare(shown[len(prefix) :])):
                return f"{name} {symbol}= {shown[len(prefix) :]}"
        return f"{name} = {shown}"

    def _alloc(self, node: Op) -> None:
        element = ", dtype=np.int64" if node.out.type.element is INT else ""
        size = self.text(node.args[0])
        self.line(f"{self.names.of(node.out)} = np.{node.attr}({size}{element})")

    def place(self, index: Operand) -> str:
        """Source of an index; unsigned, or else Numba counts from the end at each access."""
        shown = self.text(index)
        return (
            shown if isinstance(index, Const) or index in self.counters else f"np.uint64({shown})"
        )

    def _load(self, node: Op) -> None:
        buffer, index = self.text(node.args[0]), self.place(node.args[1])
        self.line(f"{self.names.of(node.out)} = {buffer}[{index}]")

    def _store(self, node: Op) -> None:
        buffer, index = self.text(node.args[0]), self.place(node.args[1])
        self.line(f"{buffer}[{index}] = {self.text(node.args[2])}")

    def _accum(self, node: Op) -> None:
        buffer, index = self.text(node.args[0]), self.place(node.args[1])
        value = self.text(node.args[2])
        if value.startswith("-") and value[1:].isidentifier():
            self.line(f"{buffer}[{index}] -= {value[1:]}")
        else:
            self.line(f"{buffer}[{index}] += {value}")

    def _check(self, node: Op) -> None:
        if node.attr not in self.failures:
            self.failures.append(node.attr)
        status = self.failures.index(node.attr) + 1
        self.line(f"if not ({self.text(node.args[0])}):")
        self.leave(status)

    def leave(self, status: int) -> None:
        inner = self.indent + _INDENT
        if self.uses_tape and status != OUT_OF_MEMORY:
            self.lines.append(f"{inner}tape_free(tape)")
        self.lines.append(f"{inner}return {status}{self.exit_values}")

    # -- tape ----------------------------------------------------------------------------------
    def reserve(self, node: Loop) -> None:
        """Room for all iterations at once, if each pushes the same number of slots."""
        slots = frames_per_iteration(node)
        if not slots:
            return
        step = self.text(node.step)
        if step == "1":
            start = "" if node.start == Const(0, INT) else f" - {self.text(node.start, 6)}"
            trips = f"max(0, {self.text(node.stop)}{start})"
        else:
            trips = f"len({self.range(node)})"
        self.grow(f"{slots} * {trips}")
        self.reserved.update(
            id(n) for n in walk(node.body) if isinstance(n, Op) and n.code == "push"
        )

    def grow(self, slots: str) -> None:
        self.location = None
        self.line(f"if top + {slots} > room:")
        outer, self.indent = self.indent, self.indent + _INDENT
        self.line(f"tape, room = tape_grow(tape, room, top + {slots})")
        self.line("if tape == 0:")
        self.leave(OUT_OF_MEMORY)
        self.indent = outer

    def _push(self, node: Op) -> None:
        if id(node) not in self.reserved:
            self.grow(str(len(node.args)))
        for k, arg in enumerate(node.args):
            kind = "" if arg.type is FLOAT else "_int"
            self.line(f"tape_put{kind}(tape, {_offset(k)}, {self.text(arg)})")
        self.line(f"top += {len(node.args)}")

    def _pop(self, node: Op) -> None:
        self.line(f"top -= {len(node.outs)}")
        for k, out in enumerate(node.outs):
            kind = "" if out.type is FLOAT else "_int"
            truth = " != 0" if out.type is BOOL else ""
            self.line(f"{self.names.of(out)} = tape_get{kind}(tape, {_offset(k)}){truth}")


def _bare(text: str) -> str:
    """Leave out of an expression what stands in parentheses."""
    while True:
        shorter = re.sub(r"\([^()]*\)", "_", text)
        if shorter == text:
            return text
        text = shorter


def _offset(k: int) -> str:
    return f"top + {k}" if k else "top"

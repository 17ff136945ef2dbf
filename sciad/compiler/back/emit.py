"""Writes a program as plain Python that Numba compiles and a person can read.

Names are the user's where they exist; each statement carries the line it comes from. A pure value
with one reader is written into the reader's expression. Loop-carried values live in one variable;
a value that exists only to become that variable's next state is computed right into it. Floats
that are added with `+=` may be added up in any order (see `ANY_ORDER`); all others keep theirs.
The tape (see `runtime`) lives in the local integers `tape`, `room` and `top`; every exit frees it.
What is called (`invoke`) is written by `emit_calls`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from sciad.compiler.back.emit_calls import Call, write_callees
from sciad.compiler.back.naming import Names, coalesce
from sciad.compiler.back.tapesize import frames_per_iteration
from sciad.compiler.invoke import Callee, uses_tape
from sciad.compiler.ir import (
    ANY_ORDER,
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
from sciad.compiler.loops import shaped
from sciad.compiler.tapes import TAPE_ROOM, refuse_tapes, suffix, tape_of
from sciad.compiler.vecmath.catalogue import EXTREMA

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
_DTYPES = {FLOAT: "", INT: ", dtype=np.int64", BOOL: ", dtype=np.bool_"}
_PURE = frozenset(_INFIX) | {"neg", "not", "float", "int", "select", "call", "stop", "single"}
_INDENT = "    "
HELPERS = ("dense_cholesky", "dense_det", "dense_logdet", "dense_solve", "dense_solvet")
_LONGEST = 60
_FACTOR = re.compile(r"[\w.]+")
_PRODUCT = re.compile(r"[\w.]+( [*/] [\w.]+)*")
OUT_OF_MEMORY = -1
#: What a tape begins with: address, room, slots in use.
BEGIN = f"tape_begin(), np.int64({TAPE_ROOM}), np.int64(0)"


@dataclass
class Emitted:
    """Statements of a function body; `failures` gives each positive status its meaning.

    `tables` are statements of the module: arrays of known ints or bools.
    """

    params: list[str]
    lines: list[str]
    results: list[str]
    failures: list[object] = field(default_factory=list)
    uses_tape: bool = False
    functions: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)


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
    failures: list[object] = []
    calls, functions = write_callees(function, filename, failures, _Emitter)
    emitter = _Emitter(function, filename, exit_values, failures, calls)
    emitted = emitter.run()
    emitted.functions = functions
    return emitted


class _Emitter:
    def __init__(
        self,
        function: Function,
        filename: str,
        exit_values: str,
        failures: list[object],
        calls: dict[Callee, Call],
        depth: str = "",
    ):
        self.function = function = shaped(function, callee=bool(depth))
        self.filename = filename
        self.failures = failures
        self.exit_values = exit_values
        self.calls = calls
        self.depth = depth  # of a callee: the name of its parameter
        self.names = Names()
        self.lines: list[str] = []
        self.tables: list[str] = []
        self.indent = _INDENT
        self.location: Location | None = None
        self.readers: dict[Value, int] = {}
        self.pending: dict[Value, tuple[str, int]] = {}
        self.reserved: set[int] = set()
        for node in walk(function.body):
            self.count(operands(node))
        self.count(function.results)
        pushes = [n for n in walk(function.body) if isinstance(n, Op) and n.code == "push"]
        pops = [n for n in walk(function.body) if isinstance(n, Op) and n.code == "pop"]
        tapes = {tape_of(n.attr) for n in (*pushes, *pops)}
        if calls and uses_tape(function):
            tapes.add(0)  # which the callees use, too
        self.names.used.update(HELPERS)
        self.tapes = sorted(tapes)
        self.uses_tape = bool(self.tapes)
        if (calls or depth) and any(self.tapes):
            refuse_tapes(function)
        for end in map(suffix, self.tapes):
            self.names.used.update((f"tape{end}", f"room{end}", f"top{end}"))
        self.names.used.update(call.name for call in calls.values())

    def count(self, items: tuple[Operand, ...]) -> None:
        for operand in items:
            if isinstance(operand, Value):
                self.readers[operand] = self.readers.get(operand, 0) + 1

    def run(self) -> Emitted:
        params = [self.names.of(p) for p in self.function.params]
        ends = [] if self.depth else list(map(suffix, self.tapes))
        for end in ends:
            self.line(f"tape{end}, room{end}, top{end} = {BEGIN}")
        self.region(self.function.body)
        results = [self.text(r) for r in self.function.results]
        for end in ends:
            self.line(f"tape_free(tape{end}, room{end})")
        failures, tape = self.failures, self.uses_tape
        return Emitted(params, self.lines, results, failures, tape, tables=self.tables)

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
        if code == "stop":
            return self.text(args[0], _ATOM), _ATOM
        if code == "call":
            module, name = node.attr
            inner = ", ".join(self.text(a) for a in args)
            if node.attr in EXTREMA:
                return f"vec_{name}({inner})", _ATOM
            return (f"{name}({inner})" if module == "" else f"{module}.{name}({inner})"), _ATOM
        if code == "single":
            return f"np.float64(np.float32({self.text(args[0])}))", _ATOM
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
                self.line(self.statement(self.names.of(node.out), shown, node))
        else:
            getattr(self, f"_{node.code}")(node)

    def statement(self, name: str, shown: str, node: Op) -> str:
        """Source of an assignment; floats in `+=` may be added up in any order."""
        ordered = node.code == "add" and node.out.type is FLOAT and node.attr != ANY_ORDER
        for symbol, rest in (("+", _PRODUCT), ("-", _PRODUCT), ("*", _FACTOR)):
            if ordered and symbol == "+":
                continue
            prefix = f"{name} {symbol} "
            if shown.startswith(prefix) and rest.fullmatch(_bare(shown[len(prefix) :])):
                return f"{name} {symbol}= {shown[len(prefix) :]}"
        return f"{name} = {shown}"

    def _map(self, node: Op) -> None:
        *blocks, count = (self.text(a) for a in node.args)
        self.line(f"vec_{node.attr.name}({', '.join(blocks)}, {count})")

    def _alloc(self, node: Op) -> None:
        if node.attr == "block":
            self.line(f"{self.names.of(node.out)} = vec_block()")
            return
        element = _DTYPES[node.out.type.element]
        size = self.text(node.args[0])
        self.line(f"{self.names.of(node.out)} = np.{node.attr}({size}{element})")

    def _table(self, node: Op) -> None:
        dtype, values = node.attr
        name = self.names.of(node.out)
        self.tables.append(f"{name} = np.array({list(values)!r}, dtype=np.{dtype})")

    def _load(self, node: Op) -> None:
        buffer, index = self.text(node.args[0]), self.text(node.args[1])
        self.line(f"{self.names.of(node.out)} = {buffer}[{index}]")

    def _store(self, node: Op) -> None:
        buffer, index = self.text(node.args[0]), self.text(node.args[1])
        self.line(f"{buffer}[{index}] = {self.text(node.args[2])}")

    def _accum(self, node: Op) -> None:
        buffer, index = self.text(node.args[0]), self.text(node.args[1])
        self.line(f"{buffer}[{index}] += {self.text(node.args[2])}")

    def _check(self, node: Op) -> None:
        if node.attr not in self.failures:
            self.failures.append(node.attr)
        status = self.failures.index(node.attr) + 1
        self.line(f"if not ({self.text(node.args[0])}):")
        self.leave(status)

    def _assume(self, node: Op) -> None:
        self.line(f"assume({self.text(node.args[0])})")

    def leave(self, status: int | str, freed: str | None = None) -> None:
        inner = self.indent + _INDENT
        for end in map(suffix, [] if self.depth else self.tapes):
            if end != freed:
                self.lines.append(f"{inner}tape_free(tape{end}, room{end})")
        self.lines.append(f"{inner}return {status}{self.exit_values}")

    def _invoke(self, node: Op) -> None:
        call = self.calls[node.attr]
        shown = [_typed(a, self.text(a)) for a in node.args]
        depth = f"{self.depth} + 1" if self.depth else "np.int64(1)"
        outs = [self.names.of(out) for out in node.outs]
        self.line(call.statement(depth, shown, outs))
        self.line("if status != 0:")
        self.leave("status")

    def _linalg(self, node: Op) -> None:
        inner = ", ".join(self.text(a) for a in node.args)
        self.line(f"{self.names.of(node.out)} = dense_{node.attr}({inner})")

    # -- tape ----------------------------------------------------------------------------------
    def reserve(self, node: Loop) -> None:
        """Room for all iterations at once, if each pushes the same number of slots."""
        for tape in self.tapes:
            slots = frames_per_iteration(node, tape)
            if slots:
                self.reserve_on(tape, slots, node)

    def reserve_on(self, tape: int, slots: int, node: Loop) -> None:
        step = self.text(node.step)
        if step == "1":
            start = "" if node.start == Const(0, INT) else f" - {self.text(node.start, 6)}"
            trips = f"max(0, {self.text(node.stop)}{start})"
        else:
            trips = f"len({self.range(node)})"
        self.grow(f"{slots} * {trips}", suffix(tape))
        self.reserved.update(
            id(n)
            for n in walk(node.body)
            if isinstance(n, Op) and n.code == "push" and tape_of(n.attr) == tape
        )

    def grow(self, slots: str, end: str) -> None:
        self.location = None
        self.line(f"if top{end} + {slots} > room{end}:")
        outer, self.indent = self.indent, self.indent + _INDENT
        self.line(f"tape{end}, room{end} = tape_grow(tape{end}, room{end}, top{end} + {slots})")
        self.line(f"if tape{end} == 0:")
        self.leave(OUT_OF_MEMORY, end)
        self.indent = outer

    def _push(self, node: Op) -> None:
        end = suffix(tape_of(node.attr))
        if id(node) not in self.reserved:
            self.grow(str(len(node.args)), end)
        for k, arg in enumerate(node.args):
            kind = "" if arg.type is FLOAT else "_int"
            self.line(f"tape_put{kind}(tape{end}, {_offset(k, end)}, {self.text(arg)})")
        self.line(f"top{end} += {len(node.args)}")

    def _pop(self, node: Op) -> None:
        end = suffix(tape_of(node.attr))
        self.line(f"top{end} -= {len(node.outs)}")
        for k, out in enumerate(node.outs):
            kind = "" if out.type is FLOAT else "_int"
            truth = " != 0" if out.type is BOOL else ""
            slot = f"tape{end}, {_offset(k, end)}"
            self.line(f"{self.names.of(out)} = tape_get{kind}({slot}){truth}")


def _typed(operand: Operand, text: str) -> str:
    """Source of an argument; Numba compiles another version for a literal integer or bool."""
    if not isinstance(operand, Const) or operand.type is FLOAT:
        return text
    return f"np.int64({text})" if operand.type is INT else f"np.bool_({text})"


def _bare(text: str) -> str:
    """Leave out of an expression what stands in parentheses."""
    while True:
        shorter = re.sub(r"\([^()]*\)", "_", text)
        if shorter == text:
            return text
        text = shorter


def _offset(k: int, end: str) -> str:
    return f"top{end} + {k}" if k else f"top{end}"

"""A program run on index sets: each float stands for the set of inputs it may depend on.

`set_program` writes a program as Python over such sets, each an int whose bits are the members.
Integers and conditions that are known at the call keep their values (see `certainty`), so loops run
over the sizes at hand. Where a float decides, nothing is left out: both branches run, a loop runs
until its sets no longer grow, a write that may not happen adds to the sets that are there, and a
write at an index that a float decides goes to every element (noted once, behind the last element
of the buffer's list).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial, reduce
from operator import or_
from typing import Any

from sciad.compiler.invoke import Callee, reachable, writes
from sciad.compiler.ir import (
    FLOAT,
    INT,
    BufferType,
    Const,
    Function,
    If,
    Loop,
    Op,
    Operand,
    Region,
    Value,
    walk,
)
from sciad.compiler.passes.analysis import reads_of, varied
from sciad.compiler.passes.partials import rule_of
from sciad.compiler.patterns.certainty import Certainty, refuse_node
from sciad.core.rules import Elementwise, Nondifferentiable

__all__ = ["Left", "set_program"]

_DEEPEST = 4000  # calls inside each other
_INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "==",
    "ne": "!=",
    "and": "and",
    "or": "or",
}


class Left(Exception):
    """A check that is known to fail: the program leaves here."""


def set_program(function: Function, active: Iterable[Value]) -> Callable[..., tuple]:
    """Make the function that runs a program on index sets.

    Parameters
    ----------
    function : Function
        The program.
    active : iterable of Value
        Its parameters whose elements are members of the sets.

    Returns
    -------
    callable
        Takes a list for each parameter: of sets for a float buffer, with one more element at the
        end (what every element depends on), of ints for a buffer of ints. The lists are overwritten
        like the buffers. Returns the results: a set, an int (None if a float decides it), or a
        list.
    """
    source = _SetCode(function, active).run()
    namespace: dict[str, Any] = {"Left": Left, "union": _union, "spread": _spread}
    exec(compile(source, f"<sets of {function.name}>", "exec"), namespace)
    return namespace["sets"] if not reachable(function) else _deep(namespace["sets"])


def _deep(run: Callable[..., tuple]) -> Callable[..., tuple]:
    """Let a function call itself as often as compiled code may."""

    def deeper(*args: list) -> tuple:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _DEEPEST))
        try:
            return run(*args)
        finally:
            sys.setrecursionlimit(limit)

    return deeper


def _union(sets: list[int]) -> int:
    return reduce(or_, sets, 0)


def _spread(x: list[int], every: int, n: int, m: int) -> int:
    """Let the columns of a matrix depend on themselves and on `every`; counts what grew."""
    grown = 0
    for j in range(m):
        whole = _union(x[j : n * m : m]) | x[-1] | every
        for k in range(j, n * m, m):
            grown += x[k] != whole
            x[k] = whole
    return grown


def _is_set(operand: Operand) -> bool:
    return operand.type is FLOAT


def _holds_sets(buffer: Any) -> bool:
    return buffer.type.element is FLOAT


class _SetCode:
    def __init__(self, function: Function, active: Iterable[Value]):
        self.function = function
        self.certain = Certainty(function)
        self.varied = varied(function, active)
        self.alias: dict[Value, str] = {}
        self.lines: list[str] = []
        self.indent = 1

    def run(self) -> str:
        self.line("changes = 0")
        shared = ["changes"]
        for slot, count in self.frames().items():
            number = self.slot(slot)
            if slot in self.certain.loose:
                shared += [f"{number}_{k}" for k in range(count)]
            else:
                self.line(f"{number} = []")
        for name in shared[1:]:
            self.line(f"{name} = 0")
        for callee in self.certain.callees:
            if callee not in self.certain.opaque:
                self.block(self.head(callee), partial(self.inner, callee.function, shared))
        self.body(self.function)
        return "\n".join([f"def sets({self.params(self.function)}):", *self.lines, ""])

    def params(self, function: Function) -> str:
        return ", ".join(self.name(p) for p in function.params)

    def head(self, callee: Callee) -> str:
        return f"def call{id(callee)}({self.params(callee.function)}):"

    def inner(self, function: Function, shared: list[str]) -> None:
        """Write a function that the program calls."""
        self.line(f"nonlocal {', '.join(shared)}")
        self.body(function)

    def body(self, function: Function) -> None:
        self.region(function.body)
        results = [self.text(r) if self.is_known(r) else "None" for r in function.results]
        self.line(f"return ({''.join(r + ', ' for r in results)})")

    def frames(self) -> dict[Any, int]:
        ops = [n for f in self.certain.bodies() for n in walk(f.body) if isinstance(n, Op)]
        return {n.attr: len(n.args) for n in ops if n.code == "push"}

    def slot(self, attr: Any) -> str:
        return "tape" + "".join(c if c.isalnum() else "_" for c in repr(attr))

    # -- text ----------------------------------------------------------------------------------
    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def name(self, value: Value) -> str:
        return f"v{value.serial}"

    def text(self, operand: Operand) -> str:
        """Python for an operand: for a float its set."""
        if _is_set(operand):
            if isinstance(operand, Const) or operand not in self.varied:
                return "0"
        elif isinstance(operand, Const):
            return repr(operand.value)
        return self.alias.get(operand) or self.name(operand)

    def is_known(self, operand: Operand) -> bool:
        """Whether an operand has a value in the code: sets do, unknown integers do not."""
        if _is_set(operand):
            return True
        if isinstance(operand.type, BufferType) and operand.type.element is FLOAT:
            return operand not in self.certain.unknown
        return self.certain.known(operand)

    def joined(self, args: Iterable[Operand]) -> str:
        """Union of some sets."""
        parts = dict.fromkeys(self.text(a) for a in args if _is_set(a))
        parts.pop("0", None)
        return " | ".join(parts) or "0"

    def bind(self, value: Value, text: str) -> None:
        """Name a set; a plain name or an empty set needs no statement."""
        if text.isidentifier() or text == "0":
            self.alias[value] = text
        else:
            self.line(f"{self.name(value)} = {text}")

    # -- regions -------------------------------------------------------------------------------
    def region(self, region: Region) -> None:
        for node in region.nodes:
            if isinstance(node, Op):
                self.operation(node)
            elif isinstance(node, If):
                self.branch(node)
            else:
                self.loop(node)

    def block(self, head: str, write: Callable[[], None]) -> None:
        self.line(head)
        self.indent += 1
        before = len(self.lines)
        write()
        if len(self.lines) == before:
            self.line("pass")
        self.indent -= 1

    def attempt(self, write: Callable[[], None]) -> None:
        """Write code that may leave the program without all of it being left."""
        self.block("try:", write)
        self.block("except Left:", lambda: None)

    def wanted(self, *columns: Iterable[Operand]) -> list[tuple]:
        """Rows of joins whose first member has a value in the code and is not always empty."""
        rows = zip(*columns, strict=True)
        return [r for r in rows if self.is_known(r[0]) and not self.empty(r[0])]

    def empty(self, value: Operand) -> bool:
        return _is_set(value) and value not in self.varied

    def assign(self, pairs: list[tuple[Operand, str]]) -> None:
        if pairs:
            left = ", ".join(self.name(v) for v, _ in pairs)
            self.line(f"{left} = {', '.join(text for _, text in pairs)}")

    def branch(self, node: If) -> None:
        rows = self.wanted(node.outs, node.then.results, node.orelse.results)
        if self.certain.known(node.condition):
            self.block(f"if {self.text(node.condition)}:", lambda: self.side(node.then, rows, 1))
            self.block("else:", lambda: self.side(node.orelse, rows, 2))
            return
        self.assign([(out, "0") for out, *_ in rows])
        self.attempt(lambda: self.grow(node.then, rows, 1))
        self.attempt(lambda: self.grow(node.orelse, rows, 2))

    def side(self, region: Region, rows: list[tuple], k: int) -> None:
        self.region(region)
        self.assign([(row[0], self.text(row[k])) for row in rows])

    def grow(self, region: Region, rows: list[tuple], k: int) -> None:
        self.region(region)
        for row in rows:
            self.line(f"{self.name(row[0])} |= {self.text(row[k])}")

    # -- loops ---------------------------------------------------------------------------------
    def loop(self, node: Loop) -> None:
        rows = self.wanted(node.params, node.inits, node.body.results, node.outs)
        self.assign([(param, self.text(init)) for param, init, *_ in rows])
        if not self.certain.fixed(node):
            self.attempt(lambda: self.settle(node, rows))
        elif self.certain.ends(node):
            self.exact(node, lambda: self.step(rows))
        else:
            sets = [row for row in rows if _is_set(row[0])]
            for _, init, _, out in sets:
                self.line(f"{self.name(out)} = {self.text(init)}")
            self.attempt(lambda: self.exact(node, lambda: self.stop(rows, sets)))
            return
        for param, _, _, out in rows:
            if self.is_known(out):
                self.line(f"{self.name(out)} = {self.name(param)}")

    def step(self, rows: list[tuple]) -> None:
        self.assign([(param, self.text(after)) for param, _, after, _ in rows])

    def stop(self, rows: list[tuple], sets: list[tuple]) -> None:
        """End an iteration that may be the last one."""
        self.step(rows)
        for param, _, _, out in sets:
            self.line(f"{self.name(out)} |= {self.name(param)}")

    def exact(self, node: Loop, close: Callable[[], None]) -> None:
        """Write a loop whose trips are known."""
        index, counts = self.name(node.index), node.kind == "while"
        trips = None if node.trips is None or not self.is_known(node.trips) else node.trips
        if trips is not None:
            self.line(f"{self.name(trips)} = 0")
        if counts:
            self.line(f"{index} = 0")
            head = f"while {self.name(node.params[0])}:"
        else:
            bounds = ", ".join(self.text(x) for x in (node.start, node.stop, node.step))
            head = f"for {index} in range({bounds}):"

        def body() -> None:
            self.region(node.body)
            leaves = node.until is not None and self.certain.known(node.until)
            if leaves:
                self.line(f"leave = {self.text(node.until)}")
            close()
            if trips is not None:
                self.line(f"{self.name(trips)} += 1")
            if counts:
                self.line(f"{index} += 1")
            if leaves:
                self.block("if leave:", lambda: self.line("break"))

        self.block(head, body)

    def settle(self, node: Loop, rows: list[tuple]) -> None:
        """Write a loop that runs until its sets no longer grow."""
        mark = f"mark{node.index.serial}"

        def body() -> None:
            self.line(f"{mark} = changes")
            self.region(node.body)
            grown = [(p, f"{self.name(p)} | {self.text(after)}") for p, _, after, _ in rows]
            for param, text in grown:
                self.line(f"new{param.serial} = {text}")
            same = [f"new{param.serial} == {self.name(param)}" for param, _ in grown]
            quiet = " and ".join([f"{mark} == changes", *same])
            self.block(f"if {quiet}:", lambda: self.line("break"))
            self.assign([(param, f"new{param.serial}") for param, _ in grown])

        self.block("while True:", body)

    # -- operations ----------------------------------------------------------------------------
    def operation(self, node: Op) -> None:
        special = getattr(self, f"_{node.code}", None)
        if special is not None:
            special(node)
        elif _is_set(node.out):
            self.bind(node.out, self.dependencies(node) if node.out in self.varied else "0")
        elif self.certain.known(node.out):
            self.line(f"{self.name(node.out)} = {self.number(node)}")

    def dependencies(self, node: Op) -> str:
        """Set of a pure float operation."""
        if not reads_of(node, self.varied):
            return "0"
        if node.code not in ("call", "pow"):
            return self.joined(node.args)
        rule = rule_of("pow" if node.code == "pow" else node.attr)
        if isinstance(rule, Nondifferentiable):
            return "0"
        partials = rule.partials if isinstance(rule, Elementwise) else ()
        if len(partials) != len(node.args):
            return self.joined(node.args)
        pairs = zip(node.args, partials, strict=True)
        return self.joined(a for a, p in pairs if p is not None)

    def number(self, node: Op) -> str:
        """Python for a known integer or bool."""
        args = [self.text(a) for a in node.args]
        if node.code in _INFIX and len(args) == 2:
            return f"{args[0]} {_INFIX[node.code]} {args[1]}"
        if node.code == "neg":
            return f"-{args[0]}"
        if node.code == "not":
            return f"not {args[0]}"
        if node.code == "int":
            return f"int({args[0]})"
        return refuse_node(node, node.code)

    def _select(self, node: Op) -> None:
        condition, x, y = node.args
        if not self.is_known(node.out) or self.empty(node.out):
            return
        if self.certain.known(condition):
            chosen = f"{self.text(x)} if {self.text(condition)} else {self.text(y)}"
            self.line(f"{self.name(node.out)} = {chosen}")
        else:
            self.bind(node.out, self.joined((x, y)))

    # -- memory --------------------------------------------------------------------------------
    def follows(self, buffer: Value) -> bool:
        """Whether the contents of a buffer are there: sets that may not be empty, known ints."""
        if buffer.type.element is FLOAT:
            return buffer in self.varied
        return buffer not in self.certain.unknown

    def at(self, buffer: Value, index: Operand) -> str | None:
        """Python for an index, None if it is unknown or the buffer's size is."""
        if buffer in self.certain.unknown or not self.certain.known(index):
            return None
        return self.text(index)

    def _alloc(self, node: Op) -> None:
        size = node.args[0]
        if self.certain.known(size):
            self.line(f"{self.name(node.out)} = [0] * ({self.text(size)} + 1)")
        elif node.out.type.element is FLOAT:
            self.line(f"{self.name(node.out)} = [0]")

    def _load(self, node: Op) -> None:
        buffer, index = node.args
        if not self.follows(buffer) or not self.is_known(node.out):
            return
        name, place = self.name(buffer), self.at(buffer, index)
        if place is None:
            text = f"union({name})"
        elif buffer in self.certain.vague:
            text = f"{name}[{place}] | {name}[-1]"
        else:
            text = f"{name}[{place}]"
        self.line(f"{self.name(node.out)} = {text}")

    def _store(self, node: Op) -> None:
        buffer, index, value = node.args
        if not self.follows(buffer):
            return
        place, maybe = self.at(buffer, index), self.loosely(node)
        if place is not None and not maybe:
            self.line(f"{self.name(buffer)}[{place}] = {self.text(value)}")
        else:
            self.add(buffer, place, self.text(value), maybe)

    def loosely(self, node: Op) -> bool:
        return self.certain.maybe(node.args[0], self.certain.context[id(node)])

    def _accum(self, node: Op) -> None:
        buffer, index, value = node.args
        if not self.follows(buffer):
            return
        if buffer.type.element is INT:
            self.line(f"{self.name(buffer)}[{self.text(index)}] += {self.text(value)}")
            return
        self.add(buffer, self.at(buffer, index), self.text(value), self.loosely(node))

    def add(self, buffer: Value, place: str | None, value: str, lasting: bool) -> None:
        """Let an element grow; what stays for another round of a loop counts as a change."""
        element = f"{self.name(buffer)}[{'-1' if place is None else place}]"
        if lasting:
            self.count(element, value)
        else:
            self.line(f"{element} |= {value}")

    def count(self, element: str, value: str) -> None:
        """Let a set grow, and count whether it did."""
        if value == "0":
            return
        self.line(f"old = {element}")
        self.line(f"new = old | {value}")
        self.block("if new != old:", lambda: self.put(element))

    def put(self, element: str) -> None:
        self.line(f"{element} = new")
        self.line("changes += 1")

    def _check(self, node: Op) -> None:
        if self.certain.known(node.args[0]):
            self.block(f"if not ({self.text(node.args[0])}):", lambda: self.line("raise Left"))

    def _table(self, node: Op) -> None:
        self.line(f"{self.name(node.out)} = {[*node.attr[1], 0]!r}")

    def _linalg(self, node: Op) -> None:
        """Let a solution depend on the whole matrix and on its own right-hand side."""
        x, a, *sizes = node.args
        if not self.follows(x):
            return
        every = f"union({self.name(a)})" if self.follows(a) else "0"
        if x in self.certain.unknown or not all(map(self.certain.known, sizes)):
            self.add(x, None, f"{every} | union({self.name(x)})", True)
            return
        n, m = map(self.text, sizes)
        shape = {"det": "1, 1", "logdet": "2, 1", "cholesky": f"1, {n} * {n}"}
        rows = shape.get(str(node.attr), f"{n}, {m}")
        self.line(f"changes += spread({self.name(x)}, {every}, {rows})")

    # -- calls ---------------------------------------------------------------------------------
    def _invoke(self, node: Op) -> None:
        if node.attr in self.certain.opaque:
            self.sealed(node)
            return
        params = node.attr.function.params
        pairs = zip(node.args, params, strict=True)
        given = [self.text(a) if self.handed(a, p) else "None" for a, p in pairs]
        results = f"results{node.location.line if node.location else 0}_{id(node)}"
        self.line(f"{results} = call{id(node.attr)}({', '.join(given)})")
        for k, out in enumerate(node.outs):
            if self.is_known(out) and not self.empty(out):
                self.line(f"{self.name(out)} = {results}[{k}]")

    def handed(self, arg: Operand, param: Value) -> bool:
        """Whether an argument has a value in the code."""
        if isinstance(arg.type, BufferType):
            return arg.type.element is FLOAT or arg not in self.certain.unknown
        return self.is_known(param)

    def sealed(self, node: Op) -> None:
        """Let all that a call gives depend on all that it gets."""
        buffers = [a for a in node.args if isinstance(a.type, BufferType)]
        sets = [f"union({self.text(b)})" for b in buffers if _holds_sets(b) and self.follows(b)]
        every = f"every{id(node)}"
        self.line(f"{every} = {' | '.join([self.joined(node.args), *sets])}")
        for out in node.outs:
            if _is_set(out) and not self.empty(out):
                self.line(f"{self.name(out)} = {every}")
        for k in writes(node.attr):
            if _holds_sets(node.args[k]) and self.follows(node.args[k]):
                self.add(node.args[k], None, every, True)

    # -- tape ----------------------------------------------------------------------------------
    def _push(self, node: Op) -> None:
        slot = self.slot(node.attr)
        if node.attr not in self.certain.loose:
            frame = [self.text(a) if self.is_known(a) else "0" for a in node.args]
            self.line(f"{slot}.append(({''.join(f + ', ' for f in frame)}))")
            return
        for k, arg in enumerate(node.args):
            if _is_set(arg):
                self.count(f"{slot}_{k}", self.text(arg))

    def _pop(self, node: Op) -> None:
        slot = self.slot(node.attr)
        if node.attr not in self.certain.loose:
            names = "".join(f"{self.name(out)}, " for out in node.outs)
            self.line(f"{names}= {slot}.pop()")
            return
        for k, out in enumerate(node.outs):
            if not self.empty(out) and _is_set(out):
                self.line(f"{self.name(out)} = {slot}_{k}")

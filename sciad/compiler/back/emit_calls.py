"""Writes the callees of a program as Numba functions of their own.

Each takes the depth of the recursion first, then (if frames are pushed or popped) the tape, then
its arguments; it returns a status, the tape, and its results. Numba infers nothing about functions
that call themselves: every one has a signature, without which its machine code could not be loaded
from the cache in another process. Functions that call each other are written as one that is told
which of them to be, since a function can only call what has been compiled before it, or itself.
All are compiled along with the function that calls them, or before it on Numba's own way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sciad.compiler.back.naming import Names
from sciad.compiler.invoke import Callee, groups, invokes, uses_tape
from sciad.compiler.ir import BufferType, Failure, Function, defined, walk

__all__ = ["DEEPEST", "Call", "write_callees"]

#: Calls inside each other that a compiled function makes at most, as in Python.
DEEPEST = 1000
#: Bytes of the stack that they may take together; threads have 8 MiB, seldom less.
_STACK = 1 << 22
_BLANKS = {"float64": "0.0", "int64": "np.int64(0)", "bool": "np.bool_(False)"}
_TAPE = ["tape", "room", "top"]
_OPTIONS = 'cache=True, error_model="numpy", nogil=True'


@dataclass(frozen=True)
class Call:
    """How a callee is called.

    `slots` and `outs` are the places of its own arguments and results among those of the function
    that it is a part of.
    """

    name: str
    which: int | None
    taped: bool
    params: tuple[str, ...]
    slots: tuple[int, ...]
    results: tuple[str, ...]
    outs: tuple[int, ...]

    def statement(self, depth: str, args: list[str], outs: list[str]) -> str:
        """Source of a call."""
        given: list[str | None] = [None] * len(self.params)
        for slot, text in zip(self.slots, args, strict=True):
            given[slot] = text
        filled = (_blank(k) if x is None else x for k, x in zip(self.params, given, strict=True))
        targets = ["_"] * len(self.results)
        for slot, name in zip(self.outs, outs, strict=True):
            targets[slot] = name
        tape = _TAPE if self.taped else []
        which = [] if self.which is None else [f"np.int64({self.which})"]
        inner = ", ".join([depth, *which, *tape, *filled])
        return f"status{_tail([*tape, *targets])} = {self.name}({inner})"


def _blank(kind: str) -> str:
    if kind.endswith("[::1]"):
        element = "" if kind.startswith("float64") else ", np.int64"
        return f"np.empty(0{element})"
    return _BLANKS[kind]


def _kind(operand: Any) -> str:
    kind = operand.type
    return f"{kind.element.name}[::1]" if isinstance(kind, BufferType) else kind.name


def write_callees(
    function: Function, filename: str, failures: list[object], emitter: Callable[..., Any]
) -> tuple[dict[Callee, Call], list[str]]:
    """Write all functions that a program calls.

    Parameters
    ----------
    function : Function
        The program.
    filename : str
        The user's file.
    failures : list
        Meaning of the statuses; grows.
    emitter : callable
        Makes what writes the body of one function.

    Returns
    -------
    dict
        How each callee is called.
    list of str
        Lines of the module, those that are called first.
    """
    calls: dict[Callee, Call] = {}
    lines: list[str] = []
    names = Names()
    for group in groups(function):
        name = names.fresh(f"{group[0].name}_called")
        made = _planned(name, group)
        calls.update(zip(group, made, strict=True))
        lines += _written(group, made, calls, filename, failures, emitter)
    return calls, lines


def _planned(name: str, group: list[Callee]) -> list[Call]:
    """Give the members of a group places for their arguments and results, shared by type."""
    taped = any(uses_tape(c.function) for c in group)
    params, slots = _pooled([[_kind(p) for p in c.function.params] for c in group])
    results, outs = _pooled([[_kind(r) for r in c.function.results] for c in group])
    return [
        Call(name, k if len(group) > 1 else None, taped, params, slots[k], results, outs[k])
        for k in range(len(group))
    ]


def _pooled(rows: list[list[str]]) -> tuple[tuple[str, ...], list[tuple[int, ...]]]:
    """Give as many places of each kind as the row needs that has most of them."""
    if len(rows) == 1:
        return tuple(rows[0]), [tuple(range(len(rows[0])))]
    pool: list[str] = []
    for row in rows:
        for kind in dict.fromkeys(row):
            pool += [kind] * (row.count(kind) - pool.count(kind))
    return tuple(pool), [_places(row, pool) for row in rows]


def _places(row: list[str], pool: list[str]) -> tuple[int, ...]:
    free = {kind: iter([k for k, other in enumerate(pool) if other == kind]) for kind in row}
    return tuple(next(free[kind]) for kind in row)


def _written(
    group: list[Callee],
    made: list[Call],
    calls: dict[Callee, Call],
    filename: str,
    failures: list[object],
    emitter: Callable[..., Any],
) -> list[str]:
    """Lines of one function: of one callee, or of several that call each other."""
    call = made[0]
    tape = _TAPE if call.taped else []
    lead = ["depth", *([] if call.which is None else ["which"]), *tape]
    blanks = _tail([*tape, *map(_blank, call.results)])
    deepest = _deepest(group)
    status = _too_deep(group[0], deepest, failures)
    shared = [f"x{k}" for k in range(len(call.params))]
    body: list[str] = []
    used: set[str] = set()  # names of the members before: one name, one type
    for member, own in zip(group, made, strict=True):
        writer = emitter(member.function, filename, blanks, failures, calls, "depth")
        writer.names.used.update(used)
        if call.which is None:
            shared = [writer.names.of(p) for p in member.function.params]
        else:
            writer.names.used.update(shared)
            places = (shared[slot] for slot in own.slots)
            writer.names.given.update(zip(member.function.params, places, strict=True))
            writer.indent = "        "
            body.append(f"    if which == {own.which}:")
        emitted = writer.run()
        used |= set(writer.names.used)
        results = [_blank(kind) for kind in call.results]
        for slot, text in zip(own.outs, emitted.results, strict=True):
            results[slot] = text
        body += [*emitted.lines, f"{writer.indent}return 0{_tail([*tape, *results])}"]
    if call.which is not None:
        body.append(f"    return 0{blanks}")
    takes = ["int64"] * len(lead) + list(call.params)
    gives = ["int64"] * (1 + len(tape)) + list(call.results)
    return [
        f'@called("Tuple(({", ".join(gives)},))({", ".join(takes)})", {_OPTIONS})',
        f"def {call.name}({', '.join([*lead, *shared])}):",
        f"    if depth > {deepest}:",
        f"        return {status}{blanks}",
        *body,
        "",
        "",
    ]


def _tail(values: list[str]) -> str:
    """List what follows the status in a tuple."""
    return f", {', '.join(values)}" if values else ","


def _deepest(group: list[Callee]) -> int:
    """Limit the depth so that even a frame that holds every value at once leaves the stack whole.

    An array takes ten words (pointers, shape, owner), a call its results and arguments once more.
    """
    words = 32
    for callee in group:
        nodes = list(walk(callee.function.body))
        values = [v for n in nodes for v in defined(n)] + list(callee.function.params)
        words += sum(10 if isinstance(v.type, BufferType) else 1 for v in values)
        words += sum(len(n.args) + len(n.outs) + 8 for n in invokes(callee.function.body))
    return min(DEEPEST, _STACK // (8 * words))


def _too_deep(callee: Callee, deepest: int, failures: list[object]) -> int:
    """Give the status of a recursion that goes too deep."""
    message = f"more than {deepest} calls of a function inside each other"
    failure = Failure("RecursionError", message, callee.location)
    if failure not in failures:
        failures.append(failure)
    return failures.index(failure) + 1

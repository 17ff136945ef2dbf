"""What of a program is known before any float is: the integers, conditions and loops of one call.

Sizes, and integers computed from them, are known when a function is called; whatever is computed
from a float is not. `Certainty` finds out which is which, once for a program. Code that may run or
not, because a float decides, stands in an *uncertain context*: the branches of an `If`, the body of
a loop whose end is not known.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from sciad.compiler.invoke import Callee, reachable, uses_tape, writes
from sciad.compiler.ir import (
    FLOAT,
    BufferType,
    Const,
    Function,
    If,
    Loop,
    Node,
    Op,
    Operand,
    Region,
    Value,
)
from sciad.core.errors import CompileError, user_location

__all__ = ["Certainty", "refuse_node"]

#: Uncertain code around a node: ("side 0", id of the If), ("loop", id of the Loop).
Context = tuple[tuple[str, int], ...]
#: Operations on scalars and memory that the analysis and the emission of sets understand.
_STRAIGHT = frozenset(
    [
        *("add", "sub", "mul", "div", "floordiv", "mod", "pow", "neg", "lt", "le", "gt", "ge"),
        *("eq", "ne", "and", "or", "not", "float", "int", "single", "select", "call"),
        *("alloc", "load", "store", "accum", "check", "push", "pop", "table", "linalg", "invoke"),
    ]
)


class Certainty:
    """Sorts the values of a program into known and unknown ones.

    Attributes
    ----------
    unknown : set of Value
        Integers, bools and buffers of integers that a float may decide; buffers of unknown size.
    context : dict
        ``id(node)`` of an operation, or buffer -> the uncertain context it stands in, () if none.
    vague : set of Value
        Float buffers that are written at an unknown index.
    loose : set
        Slots of the tape whose frames do not come back one by one.
    opaque : set of Callee
        Functions that are called where a float decides whether they are.
    """

    def __init__(self, function: Function):
        self.unknown: set[Value] = set()
        self.context: dict[object, Context] = {}
        self.leaving = False  # a check may leave a branch that a float has chosen
        self.vague: set[Value] = set()
        self.loose: set[object] = set()
        self.slots: dict[object, set[int]] = {}
        self.opaque: set[Callee] = set()
        self.function = function
        self.callees = reachable(function)
        for each in (function, *(c.function for c in self.callees)):
            self.context.update(dict.fromkeys(each.params, ()))
        while True:
            before = self.size()
            for each in self.bodies():
                self.region(each.body, ())
            if before == self.size():
                break

    def size(self) -> tuple[int, ...]:
        """Grow until nothing grows: all of these only do."""
        slots = sum(map(len, self.slots.values()))
        found: tuple[Collection[object], ...]
        found = (self.unknown, self.vague, self.loose, self.opaque)
        return *(len(members) for members in found), slots, self.leaving

    def bodies(self) -> list[Function]:
        """List the program and the functions in it that can be followed call by call."""
        followed = [c.function for c in self.callees if c not in self.opaque]
        return [self.function, *followed]

    def known(self, operand: Operand) -> bool:
        """Whether an integer or bool is known at the call."""
        return isinstance(operand, Const) or operand not in self.unknown

    def fixed(self, loop: Loop) -> bool:
        """Whether the trips of a loop are known up to its `until`."""
        if loop.kind == "range":
            return all(map(self.known, (loop.start, loop.stop, loop.step)))
        return self.known(loop.params[0])

    def ends(self, loop: Loop) -> bool:
        """Whether the end of a loop is known altogether."""
        return self.fixed(loop) and (loop.until is None or self.known(loop.until))

    # -- nodes ---------------------------------------------------------------------------------
    def region(self, region: Region, context: Context) -> None:
        """Go through a region once."""
        for node in region.nodes:
            if isinstance(node, Op):
                self.operation(node, context)
            elif isinstance(node, If):
                self.branch(node, context)
            elif isinstance(node, Loop):
                self.loop(node, context)
            else:
                refuse_node(node, type(node).__name__)

    def doubt(self, *values: Value) -> None:
        """Take integers, bools and their buffers as unknown."""
        for value in values:
            kind = value.type
            if kind is not FLOAT and not (isinstance(kind, BufferType) and kind.element is FLOAT):
                self.unknown.add(value)

    def operation(self, node: Op, context: Context) -> None:
        """Spread what is unknown over an operation."""
        self.context[id(node)] = context
        if node.code not in _STRAIGHT:
            refuse_node(node, node.code)
        special = getattr(self, f"_{node.code}", None)
        if special is not None:
            special(node, context)
        elif any(_undecided(a) or not self.known(a) for a in node.args):
            self.doubt(*node.outs)

    def _alloc(self, node: Op, context: Context) -> None:
        self.context[node.out] = context
        if not self.known(node.args[0]):
            self.unknown.add(node.out)

    def _load(self, node: Op, context: Context) -> None:
        if not all(map(self.known, node.args)):
            self.doubt(node.out)

    def _store(self, node: Op, context: Context) -> None:
        buffer, index, value = node.args
        if not self.known(index):
            self.vague.add(buffer)
        if not self.known(index) or not self.known(value) or self.maybe(buffer, context):
            self.doubt(buffer)

    _accum = _store

    def _linalg(self, node: Op, context: Context) -> None:
        buffer, _, *sizes = node.args
        if not all(map(self.known, sizes)):
            self.vague.add(buffer)
        self.doubt(*node.outs)

    def _invoke(self, node: Op, context: Context) -> None:
        if context:
            self.opaque.add(node.attr)
        if node.attr in self.opaque:
            self.sealed(node)
            return
        callee = node.attr.function
        for arg, param in zip(node.args, callee.params, strict=True):
            if not self.known(arg):
                self.unknown.add(param)
            if {arg, param} & self.vague:
                self.vague |= {arg, param}
            if isinstance(param.type, BufferType) and param in self.unknown:
                self.unknown.add(arg)
        for out, result in zip(node.outs, callee.results, strict=True):
            if not self.known(result):
                self.doubt(out)

    def sealed(self, node: Op) -> None:
        """Take all that a call gives as unknown."""
        if uses_tape(node.attr.function):
            refuse_node(node, "a derivative of recursion that a float decides")
        self.doubt(*node.outs)
        written = [node.args[k] for k in writes(node.attr)]
        self.vague.update(written)
        self.doubt(*written)

    def maybe(self, buffer: Value, context: Context) -> bool:
        """Whether a write in a context may not happen although the buffer is there."""
        return self.context.get(buffer) != context

    def _check(self, node: Op, context: Context) -> None:
        self.leaving |= bool(context) and self.known(node.args[0])

    def unbalanced(self, context: Context) -> bool:
        """Whether pushes and pops in a context may not match: sides of a branch both run once."""
        return any(kind == "loop" for kind, _ in context) or (self.leaving and bool(context))

    def _push(self, node: Op, context: Context) -> None:
        doubtful = self.slots.setdefault(node.attr, set())
        doubtful |= {k for k, a in enumerate(node.args) if not self.known(a)}
        if self.unbalanced(context):
            self.loose.add(node.attr)

    def _pop(self, node: Op, context: Context) -> None:
        if self.unbalanced(context):
            self.loose.add(node.attr)
        doubtful = self.slots.get(node.attr, set())
        loose = node.attr in self.loose
        self.doubt(*(out for k, out in enumerate(node.outs) if loose or k in doubtful))

    def branch(self, node: If, context: Context) -> None:
        """Both sides are entered; what a float chooses is unknown."""
        certain = self.known(node.condition)
        for side, number in ((node.then, 0), (node.orelse, 1)):
            self.region(side, context if certain else (*context, (f"side {number}", id(node))))
        for out, x, y in zip(node.outs, node.then.results, node.orelse.results, strict=True):
            if isinstance(out.type, BufferType):
                refuse_node(node, "a choice between arrays")
            if not (certain and self.known(x) and self.known(y)):
                self.doubt(out)

    def loop(self, node: Loop, context: Context) -> None:
        """Bodies of loops without a known end are uncertain."""
        if any(isinstance(p.type, BufferType) for p in node.params):
            refuse_node(node, "an array carried by a loop")
        fixed, ends = self.fixed(node), self.ends(node)
        if not fixed:
            self.doubt(node.index, *node.params)
        self.region(node.body, context if ends else (*context, ("loop", id(node))))
        columns = zip(node.params, node.inits, node.body.results, node.outs, strict=True)
        for param, init, after, out in columns:
            if not (self.known(param) and self.known(init) and self.known(after)):
                self.doubt(param)
            if not ends or not self.known(param):
                self.doubt(out)
        if not ends and node.trips is not None:
            self.doubt(node.trips)


def _undecided(operand: Operand) -> bool:
    return operand.type is FLOAT and not isinstance(operand, Const)


def refuse_node(node: Node, what: str) -> NoReturn:
    """Say that the sparsity of a program cannot be found."""
    place = getattr(node, "location", None)
    raise CompileError(
        f"the sparsity of a program with {what} is not known",
        where=str(place or user_location()),
        hint="leave sparse=True out: the dense derivative needs no pattern",
    )

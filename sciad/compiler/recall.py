"""How the reverse part of an adjoint finds the values of the forward part again.

For every value of the program that the reversed code mentions:

- outside loops it is still there (those of a branch are handed out of the branch);
- inside a loop it is computed again if that is cheap and needs at most one stored value of its own
  region; elements of buffers are read again unless they may have been overwritten;
- otherwise it goes to the tape: all stored values of a region form one frame, pushed at its end and
  popped at the beginning of its mirror.

Integers that grow by a fixed amount in each iteration are computed from the loop's index. Shadows
of buffers that a region allocates are allocated at the beginning of its mirror.
"""

from __future__ import annotations

from collections.abc import Callable

from sciad.compiler.analysis import Places
from sciad.compiler.decisions import recalled
from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    INT,
    Const,
    If,
    Loop,
    Op,
    Operand,
    Region,
    Value,
    const,
    operands,
    walk,
)

__all__ = ["Recall", "substitute"]

_CHEAP = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "neg",
        "floordiv",
        "mod",
        "lt",
        "le",
        "gt",
        "ge",
        "eq",
        "ne",
        "and",
        "or",
        "not",
        "float",
        "int",
        "select",
    ]
)
_CHEAP_CALLS = frozenset({"sqrt", "fabs", "abs", "copysign"})
_FILLERS = {FLOAT: const(0.0), INT: const(0), BOOL: const(False)}


class Recall:
    """Supplies the reversed code of one adjoint with values of the program.

    Parameters
    ----------
    places : Places
        Of the forward part, whose regions are extended (pushes, handed-out values).
    mirrors : dict
        ``id(region) -> mirrored region``.
    indices : dict
        Loop index of the program -> that of the reversed loop.
    shadows : dict
        Buffer allocated by the program -> shadow that has to be allocated.
    """

    def __init__(
        self,
        places: Places,
        mirrors: dict[int, Region],
        indices: dict[Value, Value],
        shadows: dict[Value, Value],
    ):
        self.places = places
        self.mirrors = mirrors
        self.indices = indices
        self.shadows = shadows
        self.known: dict[Value, Operand] = dict(indices)
        self.frames: dict[int, list[Value]] = {}
        self.preludes: dict[int, list[Op]] = {}
        self.regions: dict[int, Region] = {}

    def supply(self, reverse: Region) -> None:
        """Complete the reversed code in place."""
        used = {o for node in walk(reverse) for o in operands(node) if isinstance(o, Value)}
        used |= {o for o in reverse.results if isinstance(o, Value)}
        shadows = [b for b, shadow in self.shadows.items() if shadow in used]
        for buffer in shadows:
            size = self.places.producer[buffer].args[0]
            if isinstance(size, Value):
                used.add(size)
        for value in sorted(used & self.places.home.keys(), key=lambda v: v.serial):
            self.want(value)
        for buffer in shadows:
            self.allocate(buffer)
        self.write_frames()
        substitute(reverse, self.known)

    # -- decisions -----------------------------------------------------------------------------
    def want(self, value: Value) -> None:
        """Make a value available, on the tape if computing it needs several stored values."""
        if self.available(value):
            return
        home = self.places.home[value]
        own = [leaf for leaf in self.leaves(value) if self.places.home[leaf] is home]
        if self.recipe(value) is not None and len(own) > 1:
            self.tape(value)
        else:
            self.ensure(value)

    def ensure(self, operand: Operand) -> None:
        """Make an operand available, computing it again if possible at all."""
        if isinstance(operand, Const) or self.available(operand):
            return
        if not self.places.loops(self.places.home[operand]):
            self.hand_out(operand)
            return
        recipe = self.recipe(operand)
        if recipe is None:
            self.tape(operand)
            return
        home = self.places.home[operand]
        for arg in recipe.args:
            if isinstance(arg, Value):
                (self.ensure if self.places.home[arg] is home else self.want)(arg)
        recalled("recomputed", self.places, operand)
        self.known[operand] = recipe.out
        self.prelude(home).append(recipe)

    def available(self, value: Value) -> bool:
        """Tell whether the reversed code has a value already."""
        return value in self.known or self.places.home[value] is self.places.top

    def leaves(self, operand: Operand) -> set[Value]:
        """Values that would have to be stored in order to compute `operand` again."""
        if isinstance(operand, Const) or self.available(operand):
            return set()
        recipe = self.recipe(operand)
        if recipe is None or not self.places.loops(self.places.home[operand]):
            return {operand}
        return set().union(*map(self.leaves, recipe.args))

    def recipe(self, value: Value) -> Op | None:
        """Find an operation that computes a value again from values of its own or outer regions."""
        node = self.places.producer.get(value)
        if isinstance(node, Op):
            if node.code == "load":
                there = self.places.home[node.args[0]] is self.places.top
                repeatable = there and not self.places.written_after(node)
            else:
                repeatable = node.code in _CHEAP or (
                    node.code == "call" and node.attr[1] in _CHEAP_CALLS
                )
            if repeatable:
                copy = Value(value.name, value.type)
                return Op(node.code, node.args, (copy,), node.attr, node.location)
        elif isinstance(node, Loop) and value in node.params:
            return self.induction(node, value)
        return None

    def induction(self, node: Loop, param: Value) -> Op | None:
        """`init + k`, for an integer that grows by one in step with the index `k` from zero."""
        k = node.params.index(param)
        after = self.places.producer.get(node.body.results[k])
        counts = node.kind == "while" or (node.start == const(0) and node.step == const(1))
        if param.type is not INT or not counts or not isinstance(after, Op):
            return None
        if after.code != "add" or set(after.args) != {param, const(1)}:
            return None
        return Op("add", (node.inits[k], node.index), (Value(param.name, INT),))

    # -- means ---------------------------------------------------------------------------------
    def prelude(self, home: Region) -> list[Op]:
        """List the operations that the mirror of a region begins with."""
        self.regions[id(home)] = home
        return self.preludes.setdefault(id(home), [])

    def tape(self, value: Value) -> None:
        """Store a value in the frame of its region."""
        home = self.places.home[value]
        if not self.places.loops(home):
            self.hand_out(value)
            return
        recalled("taped", self.places, value)
        self.prelude(home)
        self.frames.setdefault(id(home), []).append(value)
        self.known[value] = Value(value.name, value.type)

    def hand_out(self, value: Value) -> None:
        """Hand a value of a branch to the code after the branch, level by level."""
        recalled("kept", self.places, value)
        inner: Value = value
        for node, region in self.places.around(self.places.home[value]):
            assert isinstance(node, If)
            out = Value(value.name, value.type)
            filler = _FILLERS[value.type]
            holder = self.places.home[inner]
            for branch in (node.then, node.orelse):
                branch.results = (*branch.results, inner if branch is holder else filler)
            node.outs = (*node.outs, out)
            self.places.define(out, node, region)
            inner = out
        self.known[value] = inner

    def allocate(self, buffer: Value) -> None:
        """Allocate the shadow of a buffer where its region's mirror begins."""
        home = self.places.home[buffer]
        node = self.places.producer[buffer]
        shadow = Op("alloc", node.args, (self.shadows[buffer],), "zeros", node.location)
        self.prelude(home).append(shadow)

    def write_frames(self) -> None:
        """Insert pushes, pops and recomputation."""
        for key, prelude in self.preludes.items():
            frame = self.frames.get(key)
            mirror = self.mirrors[key]
            if frame:
                slot = len(self.regions[key].nodes), key
                restored = tuple(self.known[v] for v in frame)
                self.regions[key].nodes.append(Op("push", tuple(frame), (), slot))
                prelude.insert(0, Op("pop", (), restored, slot))
            mirror.nodes[:0] = prelude


def substitute(region: Region, known: dict[Value, Operand]) -> None:
    """Replace operands in place, in a region and all regions inside."""

    def replaced(operand: Operand) -> Operand:
        return operand if isinstance(operand, Const) else known.get(operand, operand)

    _substitute(region, replaced)


def _substitute(region: Region, replaced: Callable[[Operand], Operand]) -> None:
    region.results = tuple(map(replaced, region.results))
    for node in region.nodes:
        if isinstance(node, Op):
            node.args = tuple(map(replaced, node.args))
        elif isinstance(node, If):
            node.condition = replaced(node.condition)
            _substitute(node.then, replaced)
            _substitute(node.orelse, replaced)
        else:
            for name in ("start", "stop", "step"):
                setattr(node, name, replaced(getattr(node, name)))
            node.inits = tuple(map(replaced, node.inits))
            node.until = None if node.until is None else replaced(node.until)
            _substitute(node.body, replaced)

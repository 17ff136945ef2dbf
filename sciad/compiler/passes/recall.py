"""How the reverse part of an adjoint finds the values of the forward part again.

For every value of the program that the reversed code mentions:

- outside loops it is still there (those of a branch are handed out of the branch);
- inside a loop it is stored on the tape or computed again from other values, whatever is cheaper
  for all of them together (see `cut`); elements of buffers are read again unless they may have
  been overwritten. A loop that carries two numbers and computes fifty from them stores two.

All stored values of a region form one frame, pushed at its end and popped at the beginning of its
mirror, where the others are computed again.

Integers that move by one in each iteration are computed from the loop's index. Shadows
of buffers that a region allocates are allocated at the beginning of its mirror.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sciad.compiler.decisions import recalled
from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    INT,
    BufferType,
    Const,
    If,
    Loop,
    Node,
    Op,
    Operand,
    Region,
    Value,
    const,
    defined,
    operands,
    walk,
)
from sciad.compiler.passes.analysis import Places
from sciad.compiler.passes.costs import TRIPS, cost_of
from sciad.compiler.passes.cut import stored
from sciad.compiler.passes.replay import Replays, regions_of
from sciad.compiler.tapes import Slot

__all__ = ["Exit", "Recall", "substitute"]

_PURE = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "neg",
        "pow",
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
        "stop",
        "single",
        "call",
    ]
)
#: What is added to a parameter in each iteration, and how it depends on their number then.
_STEPS = {const(1): "add", const(-1): "sub"}
_FILLERS = {FLOAT: const(0.0), INT: const(0), BOOL: const(False)}


@dataclass(frozen=True)
class Exit:
    """The condition that leaves a loop: `met`, as the first `nodes` of a mirror compute it."""

    met: Operand
    mirror: Region
    nodes: list[Node]

    def is_there(self) -> bool:
        """Whether the mirror needs the condition, which has been removed otherwise."""
        return self.mirror.nodes[: len(self.nodes)] == self.nodes


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
    replays : Replays
        Copies of loop bodies that mirrors begin with.
    exits : dict
        Condition that leaves a loop -> where the mirror knows it.
    kept : set, optional
        If the reversed code is a function of its own: the parameters that it is given, too.
        Everything else goes to the tape then.
    """

    def __init__(
        self,
        places: Places,
        mirrors: dict[int, Region],
        indices: dict[Value, Value],
        shadows: dict[Value, Value],
        replays: Replays,
        exits: dict[Value, Exit],
        kept: set[Value] | None = None,
    ):
        self.kept = kept
        self.places = places
        self.mirrors = mirrors
        self.indices = indices
        self.shadows = shadows
        self.replays = replays
        self.known: dict[Value, Operand] = dict(indices)
        there = {until: exit_ for until, exit_ in exits.items() if exit_.is_there()}
        self.known.update((until, exit_.met) for until, exit_ in there.items())
        self.heads = {id(exit_.mirror): len(exit_.nodes) for exit_ in there.values()}
        self.frames: dict[int, list[Value]] = {}
        self.preludes: dict[int, list[Op]] = {}
        self.regions: dict[int, Region] = {}
        self.keep: set[Value] = set()
        self.begins: dict[int, int] = {}
        self.number = replays.number

    def supply(self, reverse: Region, guards: Sequence[If] = ()) -> None:
        """Complete the reversed code in place; `guards` must not skip what is on the tape."""
        used = {o for node in walk(reverse) for o in operands(node) if isinstance(o, Value)}
        used |= {o for o in reverse.results if isinstance(o, Value)}
        within = self.replays.within(reverse)
        used = used.union(*(replay.free() for _, replay in within))
        shadows = [b for b, shadow in self.shadows.items() if shadow in used]
        for buffer in shadows:
            size = self.places.producer[buffer].args[0]
            if isinstance(size, Value):
                used.add(size)
        wanted = used & self.places.home.keys()
        recipes = self.reachable(wanted)
        depth = {v: min(len(self.places.loops(self.places.home[v])), 3) for v in recipes}
        weights = {v: TRIPS ** depth[v] for v in recipes}
        costs = {
            v: None if r is None else (self.costly(r, recipes), cost_of(r))
            for v, r in recipes.items()
        }
        self.keep = stored(wanted & recipes.keys(), costs, weights)
        self.choose(wanted, recipes)
        for buffer in shadows:
            self.allocate(buffer)
        self.open_guards(guards)
        self.write_frames()
        substitute(reverse, self.known)
        for region, replay in within:
            here = lambda v, body=replay.body: self.places.root(self.places.home[v]) is body
            substitute(replay.body, {v: x for v, x in self.known.items() if not here(v)})
            place = self.begins.get(id(region), 0) + replay.restoring
            region.nodes[place:place] = replay.body.nodes

    # -- decisions -----------------------------------------------------------------------------
    def reachable(self, wanted: set[Value]) -> dict[Value, Op | None]:
        """Values that are wanted, or that wanted ones can be computed from, with their recipes."""
        found: dict[Value, Op | None] = {}
        front = sorted(wanted, key=lambda v: v.serial)
        while front:
            value = front.pop()
            if value in found or self.available(value):
                continue
            if not self.repeated(self.places.home[value]):
                self.hand_out(value)
                continue
            recipe = found[value] = self.recipe(value)
            if recipe is not None:
                values = [a for a in recipe.args if isinstance(a, Value)]
                front += [a for a in values if not isinstance(a.type, BufferType)]
        return found

    def costly(self, recipe: Op, recipes: dict) -> list[Value]:
        """Operands of a recipe that have to be stored or computed again themselves."""
        return [a for a in recipe.args if a in recipes]

    def choose(self, wanted: set[Value], recipes: dict[Value, Op | None]) -> None:
        """Store or compute again what is needed, in the order of the program."""
        needed: set[Value] = set()
        front = list(wanted & recipes.keys())
        while front:
            value = front.pop()
            if value not in needed:
                needed.add(value)
                if value not in self.keep:
                    recipe = recipes[value]
                    assert recipe is not None
                    front += self.costly(recipe, recipes)
        for value in sorted(needed, key=self.places.position):
            if value in self.keep:
                self.tape(value)
            else:
                recipe = recipes[value]
                assert recipe is not None
                recalled("recomputed", self.places, value)
                self.known[value] = recipe.out
                self.prelude(self.places.home[value]).append(recipe)

    def available(self, value: Value) -> bool:
        """Tell whether the reversed code has a value already."""
        if self.kept is not None:
            return value in self.known or value in self.kept
        home = self.places.home.get(value)  # none: a stored state, which a mirror begins with
        return value in self.known or home is None or self.places.is_root(home)

    def repeated(self, region: Region) -> bool:
        """Tell whether a region's values are gone when the reversed code runs."""
        return self.kept is not None or bool(self.places.loops(region))

    def recipe(self, value: Value) -> Op | None:
        """Find an operation that computes a value again from values of its own or outer regions."""
        node = self.places.producer.get(value)
        if isinstance(node, Op):
            if node.code == "load":
                there = self.available(node.args[0])
                repeatable = there and not self.places.written_after(node)
            else:
                repeatable = node.code in _PURE
            if repeatable:
                copy = Value(value.name, value.type)
                return Op(node.code, node.args, (copy,), node.attr, node.location)
        elif isinstance(node, Loop) and value in node.params:
            counts = node.kind == "while" or (node.start == const(0) and node.step == const(1))
            return self.induction(node, node.params.index(value), node.index if counts else None)
        elif isinstance(node, Loop) and value in node.outs:
            return self.induction(node, node.outs.index(value), node.trips)
        return None

    def induction(self, node: Loop, k: int, turns: Value | None) -> Op | None:
        """`init + turns` or `init - turns`, for an integer that moves by one in each iteration."""
        param = node.params[k]
        after = self.places.producer.get(node.body.results[k])
        if param.type is not INT or turns is None or not isinstance(after, Op):
            return None
        steps = [a for a in after.args if a is not param]
        code = _STEPS.get(steps[0]) if after.code == "add" and len(steps) == 1 else None
        if code is None:
            return None
        return Op(code, (node.inits[k], turns), (Value(param.name, INT),))

    # -- means ---------------------------------------------------------------------------------
    def prelude(self, home: Region) -> list[Op]:
        """List the operations that the mirror of a region begins with."""
        self.regions[id(home)] = home
        return self.preludes.setdefault(id(home), [])

    def tape(self, value: Value) -> None:
        """Store a value in the frame of its region."""
        home = self.places.home[value]
        assert not isinstance(value.type, BufferType)
        if not self.repeated(home):
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
        if self.places.is_root(home) and home is not self.places.top:
            made = [k for k, n in enumerate(home.nodes) if set(node.args) & set(defined(n))]
            home.nodes.insert(max(made, default=-1) + 1, shadow)
        else:
            self.prelude(home).append(shadow)

    def open_guards(self, guards: Sequence[If]) -> None:
        """Let guarded loops run in any case if they take something from the tape."""
        framed = {id(self.mirrors[key]) for key, frame in self.frames.items() if frame}
        for guard in guards:
            loops = [n for n in walk(guard.then) if not isinstance(n, Op)]
            inside = [r for n in loops for r in regions_of(n)]
            pops = any(isinstance(n, Op) and n.code == "pop" for n in walk(guard.then))
            if pops or any(id(r) in framed for r in inside):
                guard.condition = const(True)

    def write_frames(self) -> None:
        """Insert pushes, pops and recomputation."""
        for key, prelude in self.preludes.items():
            frame = self.frames.get(key)
            mirror = self.mirrors[key]
            if frame:
                slot = Slot.fresh(self.number)
                restored = tuple(self.known[v] for v in frame)
                self.regions[key].nodes.append(Op("push", tuple(frame), (), slot))
                prelude.insert(0, Op("pop", (), restored, slot))
            head = self.heads.get(id(mirror), 0)
            mirror.nodes[head:head] = prelude
            self.begins[id(mirror)] = head + len(prelude)


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

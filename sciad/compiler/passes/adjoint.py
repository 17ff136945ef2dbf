"""Reverse mode: the cotangents of a program's inputs from those of its results.

The adjoint is one function: the program runs forward, then backward. Scalars get adjoint values in
SSA (sums are formed where several uses meet), buffers get shadow buffers, so that overwriting an
element is right by construction: a store hands the shadow's element to what was stored and clears
it. The reversed regions mirror the regions of the program: a branch for a branch, a counted loop
for any loop. This module builds the mirrored code; which values of the program it finds again, and
how, is decided in `recall`; which loops run their iterations again, in `replay`.

References
----------
A. Griewank, A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, ch. 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sciad.compiler.builder import Builder
from sciad.compiler.decisions import noted
from sciad.compiler.invoke import Callee, invokes, reachable, unchanged, uses_tape, writes
from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    INT,
    BufferType,
    Function,
    If,
    Loop,
    Op,
    Operand,
    Region,
    Value,
    const,
    defined,
    operands,
    walk,
)
from sciad.compiler.passes.analysis import Places, copy_region, is_float, varied
from sciad.compiler.passes.fusion import Fusion
from sciad.compiler.passes.linear_rules import Saved
from sciad.compiler.passes.pullbacks import ZERO, Cotangents, Pullbacks, name_of
from sciad.compiler.passes.recall import Exit, Recall, substitute
from sciad.compiler.passes.replay import Replays, around_checkpoints, best
from sciad.compiler.passes.searches import carry, search
from sciad.compiler.passes.simplify import remove_dead
from sciad.compiler.tapes import refuse_tapes

__all__ = ["adjoint"]

_ONE = const(1)


def adjoint(function: Function, active: Sequence[Value]) -> Function:
    """Vector-Jacobian product of a program.

    Parameters
    ----------
    function : Function
        Any program, one that contains derivatives (with their tapes) included.
    active : sequence of Value
        The parameters (floats or float buffers) whose cotangents are wanted.

    Returns
    -------
    Function
        Takes the parameters; then, if any result is a float, one buffer with the cotangents of the
        float results in order; then one buffer for the cotangent of each buffer result; then one
        buffer for each active parameter (of one element for a float), to which its cotangent is
        added. Cotangents of results are only read. Returns nothing.
    """

    def reverse(replayed: frozenset[Value] = frozenset()) -> Function:
        try:
            return _Adjoint(function, active, _Calls(function, active), replayed).run()
        except _Conditional:
            return _Adjoint(function, active, _Calls(function, active, told=True), replayed).run()

    return best(function, reverse(), reverse)


class _Conditional(Exception):
    """What a call wrote the derivative of to memory was perhaps not used at all."""


class _Calls:
    """What the adjoints of a program and of its callees share.

    A callee becomes a pair: the first runs it and leaves on the tape what the second needs, which
    is called with the cotangents of the results and returns those of the float parameters. If
    anything depends on that, the second is `told` whether the results were used.
    """

    def __init__(self, function: Function, active: Sequence[Value], told: bool = False):
        if any(uses_tape(callee.function) for callee in reachable(function)):
            refuse_tapes(function)
        self.told = told
        self.varied = varied(function, active)
        self.unchanged = unchanged(function)
        self.made: dict[Callee, tuple[Callee, Callee]] = {}

    def of(self, callee: Callee) -> tuple[Callee, Callee]:
        """Forward and reverse part of a callee, one pair for the whole program."""
        if callee not in self.made:
            forward, reverse = self.made[callee] = callee.version("fwd"), callee.version("rev")
            active = [p for p in callee.function.params if p in self.varied]
            made = _Adjoint(callee.function, active, self)
            forward.function, reverse.function = made.split()
        return self.made[callee]


class _Adjoint(Pullbacks):
    def __init__(
        self,
        function: Function,
        active: Sequence[Value],
        calls: _Calls,
        replayed: frozenset[Value] = frozenset(),
    ):
        self.name = function.name
        self.params = function.params
        self.body = copy_region(function.body)
        self.active = tuple(active)
        self.calls = calls
        self.varied = calls.varied
        self.reversals: dict[int, tuple[Op, Op]] = {}  # reversed calls and what they reverse
        self.places = Places(Function(function.name, function.params, self.body))
        self.shadows: dict[Value, Value] = {}
        self.mirrors: dict[int, Region] = {}
        self.indices: dict[Value, Value] = {}
        self.live: dict[Operand, Operand] = {}  # cotangent -> whether control came to its use
        self.saved = Saved(self.places, self.body)
        pops = [n for n in walk(self.body) if isinstance(n, Op) and n.code == "pop"]
        self.frames = {n.attr: [k for k, o in enumerate(n.outs) if o in self.varied] for n in pops}
        chosen = replayed | around_checkpoints(self.body)
        self.replays = Replays(self.places, self.varied, chosen)
        self.guards: list[If] = []
        self.tables: dict[int, dict[Any, Value]] = {}
        self.exits: dict[Value, Exit] = {}
        self.single: dict[Value, bool] = {}
        self.apart = False  # whether the reverse part is a function of its own
        self.b = Builder()

    def run(self) -> Function:
        results = self.body.results
        scalars = [r for r in results if not isinstance(r.type, BufferType) and is_float(r)]
        buffers = [r for r in results if isinstance(r.type, BufferType) and is_float(r)]
        packed = [Value("out_bar", BufferType(FLOAT))] if scalars else []
        given = [Value(f"{r.name}_bar", r.type) for r in buffers]
        bars = [Value(f"{v.name}_bar", BufferType(FLOAT)) for v in self.active]
        for value, bar in zip(self.active, bars, strict=True):
            if isinstance(value.type, BufferType):
                self.shadows[value] = bar
        reverse = self.b.region
        self.mirrors[id(self.body)] = reverse
        cotangents: Cotangents = {}
        for k, result in enumerate(scalars):
            if result in self.varied:
                bar = self.b.load(packed[0], const(k), f"{name_of(result)}_bar")
                self.add(cotangents, result, bar)
        for result, bar in zip(buffers, given, strict=True):
            if result in self.varied:
                self.seed(result, bar)
        borrowed = {r for r in buffers if self.shadows.get(r) in given}
        self.region(self.body, cotangents)
        for value, bar in zip(self.active, bars, strict=True):
            if value.type is FLOAT and value in cotangents:
                self.b.effect("accum", bar, const(0), cotangents[value])
        params = (*self.params, *packed, *given, *bars)
        return self.assemble(reverse, params, {*self.active, *borrowed})

    def assemble(self, reverse: Region, params: tuple[Value, ...], lent: set[Value]) -> Function:
        self.replays.reduce(reverse, lambda: remove_dead(Function(self.name, params, reverse)))
        self.redirect(reverse)
        fusion = Fusion(self.places, self.shadows, self.indices, self.replays.mirrors)
        fused = fusion.find(self.body, reverse)
        self.replays.save_states(reverse)
        local = {b: s for b, s in self.shadows.items() if b not in lent}
        recall = Recall(self.places, self.mirrors, self.indices, local, self.replays, self.exits)
        recall.supply(reverse, self.guards)
        fusion.join(self.body, reverse, fused)
        self.body.nodes.extend(reverse.nodes)
        self.body.results = ()
        return Function(self.name, params, self.body)

    # -- calls ---------------------------------------------------------------------------------
    def split(self) -> tuple[Function, Function]:
        """Forward and reverse part as functions of their own, joined by the tape alone.

        The reverse part takes (whether the results were used,) the buffers nobody writes to, the
        cotangents of the results that vary, and a shadow for each active buffer.
        """
        self.apart = True
        results = [r for r in self.body.results if r in self.varied]
        bars = [Value(f"{r.name}_bar", FLOAT) for r in results]
        scalars = [v for v in self.active if v.type is FLOAT]
        buffers = [v for v in self.active if v.type is not FLOAT]
        self.shadows.update((v, Value(f"{v.name}_bar", v.type)) for v in buffers)
        kept = [p for p in self.params if p in self.calls.unchanged]
        reverse = self.b.region
        self.mirrors[id(self.body)] = reverse
        cotangents: Cotangents = {}
        flags = [Value("used", BOOL)] if self.calls.told else []
        for result, bar in zip(results, bars, strict=True):
            self.add(cotangents, result, self.flagged(bar, flags[0] if flags else None))
        self.region(self.body, cotangents)
        reverse.results = tuple(cotangents.get(v, ZERO) for v in scalars)
        params = (*flags, *kept, *bars, *(self.shadows[v] for v in buffers))
        backward = Function(self.name, params, reverse)
        self.replays.reduce(reverse, lambda: remove_dead(backward))
        self.redirect(reverse)
        local = {b: s for b, s in self.shadows.items() if b not in self.active}
        places = (self.places, self.mirrors, self.indices, local, self.replays, self.exits)
        Recall(*places, set(kept)).supply(reverse, self.guards)
        return Function(self.name, self.params, self.body), backward

    def _invoke(self, node: Op, cotangents: Cotangents) -> None:
        callee, calls = node.attr.function, self.calls
        bars = [cotangents.pop(out, None) for out in node.outs]
        pairs = list(zip(node.args, callee.params, strict=True))
        moved = [(a, p) for a, p in pairs if p in self.varied]
        stores = any(pairs[k][1] in self.varied for k in writes(node.attr))
        if not stores and all(bar is None for bar in bars):
            return
        given = [
            ZERO if bar is None else bar
            for bar, result in zip(bars, callee.results, strict=True)
            if result in self.varied
        ]
        kept = [a for a, p in pairs if p in calls.unchanged]
        shadows = [self.shadow(a) for a, p in moved if p.type is not FLOAT]
        scalars = [(a, p) for a, p in moved if p.type is FLOAT]
        outs = tuple(Value(f"{p.name}_bar", FLOAT) for _, p in scalars)
        reverse = calls.of(node.attr)[1]
        flag = None if stores else self.any_live([b for b in bars if b is not None])
        if flag is not None and shadows and not calls.told:
            raise _Conditional
        told = [const(True) if flag is None else flag] if calls.told else []
        made = Op("invoke", (*told, *kept, *given, *shadows), outs, reverse, node.location)
        self.reversals[id(made)] = made, node
        self.b.region.nodes.append(made)
        for (arg, _), out in zip(scalars, outs, strict=True):
            bar: Operand = out
            if flag is not None:
                bar = self.flagged(self.b.pure("select", flag, out, ZERO), flag)
            self.add(cotangents, arg, bar)

    def redirect(self, reverse: Region) -> None:
        """Let the calls that are reversed leave their frames on the tape."""
        for op in invokes(reverse):
            node = self.reversals[id(op)][1]
            node.attr = self.calls.of(node.attr)[0]

    def seed(self, result: Value, bar: Value) -> None:
        """Start the shadow of a returned buffer as a copy of the given cotangent.

        No copy is needed if the shadow is only read.
        """
        loaded = any(
            isinstance(n, Op) and n.code == "load" and n.args[0] is result for n in walk(self.body)
        )
        if not loaded and self.once(result):
            self.shadows[result] = bar
            return
        size = self.places.producer[result].args[0]
        index = Value("i", INT)
        body = Region()
        with self.b.inside(body):
            self.b.effect("accum", self.shadow(result), index, self.b.load(bar, index))
        loop = Loop("range", index, const(0), size, _ONE, (), (), body, ())
        self.b.region.nodes.append(loop)

    # -- regions -------------------------------------------------------------------------------
    def region(self, source: Region, cotangents: Cotangents) -> None:
        """Reverse the nodes of `source` into the builder's region."""
        for node in reversed(source.nodes):
            self.b.location = node.location
            if isinstance(node, Op):
                self.operation(node, cotangents)
            elif isinstance(node, If):
                self.branch(node, cotangents)
            else:
                self.loop(node, cotangents)

    def branch(self, node: If, cotangents: Cotangents) -> None:
        given = [cotangents.pop(out, None) for out in node.outs]
        sides: list[tuple[Region, Cotangents]] = []
        for source in (node.then, node.orelse):
            inner: Cotangents = {}
            with self.b.inside(Region()) as target:
                for result, bar in zip(source.results, given, strict=True):
                    self.add(inner, result, bar)
                self.region(source, inner)
            self.mirrors[id(source)] = target
            sides.append((target, inner))
        keys = list(dict.fromkeys(key for _, inner in sides for key in inner))
        for target, inner in sides:
            target.results = tuple(inner.get(key, ZERO) for key in keys)
        outs = tuple(Value(f"{key.name}_bar", FLOAT) for key in keys)
        flags = self.joined_flags(node, keys, sides)
        more = tuple(f for f in flags.values() if f is not node.condition)
        then, orelse = (target for target, _ in sides)
        self.b.region.nodes.append(If(node.condition, then, orelse, (*outs, *more), node.location))
        for key, out in zip(keys, outs, strict=True):
            self.add(cotangents, key, self.flagged(out, flags.get(key)))

    def loop(self, node: Loop, cotangents: Cotangents) -> None:
        """Write a counted loop from the last iteration to the first.

        Carried backwards: the cotangents of the loop's parameters, and those of values from
        outside the loop, which every iteration adds to.
        """
        wanted = {k for k, out in enumerate(node.outs) if cotangents.get(out) is not None}
        if len(wanted) == 1 and self.searched(node, min(wanted), cotangents):
            return
        replay = self.replays.of(node)
        source, entries = node.body, node.params
        if replay is not None:
            source, entries = replay.body, replay.params
        while True:
            body = Region()
            params = {k: Value(f"{node.params[k].name}_bar", FLOAT) for k in sorted(wanted)}
            inner: Cotangents = {}
            with self.b.inside(body):
                for k, param in params.items():
                    self.add(inner, source.results[k], param)
                self.region(source, inner)
            after = {k: inner.pop(p) for k, p in enumerate(entries) if p in inner}
            if set(after) <= wanted:
                break
            wanted |= set(after)
        self.mirrors[id(node.body)] = self.mirrors[id(source)] = body
        if replay is not None:
            self.replays.replayed(body, replay)
        if body.nodes or params or inner:
            bounds = self.reversed_bounds(node)
            self.find_exit(node, body, bounds[0])
            self.close_loop(node, bounds, body, params, after, inner, cotangents)

    def searched(self, node: Loop, k: int, cotangents: Cotangents) -> bool:
        """Reverse the one iteration of a search that counts, if the loop is one."""
        found = search(self.places, node, node.body, k, self.varied)
        if found is None or node.snapshots is not None:
            return False
        bar = Value(f"{node.params[k].name}_bar", FLOAT)
        body, inner, replay = Region(), Cotangents(), None
        with self.b.inside(body):
            self.add(inner, found.picked, bar)
            self.region(node.body, inner)
        if self.needs_values(node, body):
            if self.apart or not self.replays.possible(node):
                return False
            replay = self.replays.copy(node, None)
            copied = search(self.places, node, replay.body, k, self.varied)
            assert copied is not None
            body, inner = Region(), Cotangents()
            with self.b.inside(body):
                self.add(inner, copied.picked, bar)
                self.region(replay.body, inner)
            self.replays.replayed(body, replay)
            self.mirrors[id(replay.body)] = body
        self.mirrors[id(node.body)] = body
        noted("reversed", node.location, "only the iteration whose value is used in the end")
        at, b = found.note(self.places, node), self.b
        missing = b.compare("eq", at, node.stop)
        before = b.pure("select", missing, at, b.sub(at, _ONE))
        self.close_loop(node, (at, before, const(-1)), body, {k: bar}, {}, inner, cotangents)
        return True

    def needs_values(self, node: Loop, body: Region) -> bool:
        """Whether the mirror of a loop's body uses values of an iteration, but for the index."""
        made = {v for n in walk(node.body) for v in defined(n)} | set(node.params)
        return any(o in made for n in walk(body) for o in operands(n))

    def close_loop(self, node, bounds, body, params, after, inner, cotangents) -> None:
        given = {k: cotangents.pop(node.outs[k], ZERO) for k in params}
        sums = {key: Value(f"{key.name}_bar", FLOAT) for key in inner}
        with self.b.inside(body):
            totals = [self.sum(sums[key], term, key) for key, term in inner.items()]
        body.results = (*(after.get(k, ZERO) for k in params), *totals)
        inits = (*given.values(), *(cotangents.pop(key, ZERO) for key in inner))
        carried = (*params.values(), *sums.values())
        outs = tuple(Value(v.name, FLOAT) for v in carried)
        index = Value(node.index.name, INT)
        self.indices[node.index] = index
        where = node.location
        start, stop, step = bounds
        reverse = Loop(
            "range", index, start, stop, step, carried, inits, body, outs, location=where
        )
        outs = self.guarded(node, reverse, len(params))
        for key, out in zip(inner, outs[len(params) :], strict=True):
            cotangents[key] = out
        for k, out in zip(params, outs, strict=False):
            self.add(cotangents, node.inits[k], out)

    def guarded(self, node: Loop, reverse: Loop, count: int) -> tuple[Value, ...]:
        """Append a reversed loop; within a branch if it would add up zeros elsewhere.

        That is so if the cotangents it begins with, the first `count` values it carries, have the
        same flag (the distance to the nearest of many points: one of them is used). `recall` opens
        the branch again if the loop has to take something from the tape; a loop with stores has to
        clear their cotangents in any case.
        """
        begins = [x for x in reverse.inits[:count] if x != ZERO]
        flags = {self.live[x] for x in begins if x in self.live}
        plain = [x for x in begins if x not in self.live]
        stores = any(
            isinstance(n, Op) and n.code in ("store", "accum") and n.args[0] in self.varied
            for n in walk(node.body)
        )
        replayed = id(reverse.body) in self.replays.mirrors
        if len(flags) != 1 or plain or stores or replayed:
            self.b.region.nodes.append(reverse)
            return reverse.outs
        (flag,) = flags
        outs = tuple(Value(v.name, FLOAT) for v in reverse.outs)
        otherwise = ((ZERO,) * count) + tuple(reverse.inits[count:])
        then, orelse = Region([reverse], reverse.outs), Region([], otherwise)
        guard = If(flag, then, orelse, outs, node.location)
        self.guards.append(guard)
        self.b.region.nodes.append(guard)
        return outs

    def reversed_bounds(self, node: Loop) -> tuple[Operand, Operand, Operand]:
        """(start, stop, step) of the indices a loop has run through, backwards."""
        b = self.b
        if node.kind == "while":
            return b.sub(self.trips(node), _ONE), const(-1), const(-1)
        start, stop, step = node.start, node.stop, node.step
        if node.until is not None:
            trips: Operand = self.trips(node)
        elif step == _ONE:
            return b.sub(stop, _ONE), b.sub(start, _ONE), const(-1)
        else:
            sign = b.pure("select", b.compare("gt", step, const(0)), _ONE, const(-1))
            span = b.add(b.sub(stop, start), b.sub(step, sign))
            trips = b.maximum(b.pure("floordiv", span, step), const(0))
        last = b.add(start, b.mul(b.sub(trips, _ONE), step))
        return last, b.sub(start, step), b.neg(step)

    def find_exit(self, node: Loop, body: Region, last: Operand) -> None:
        """Let the mirror of a loop know why it was left: in its last turn, if at all."""
        used = any(node.until in operands(n) for n in walk(body))
        if not isinstance(node.until, Value) or not used:
            return
        if node.until not in node.body.results:
            carry(self.places, node, Value("left", BOOL), node.until, const(False))
        left = node.outs[node.body.results.index(node.until)]
        before = Region()
        with self.b.inside(before):
            turn = self.b.compare("eq", node.index, last)
            met = self.b.pure("and", turn, left)
        substitute(body, {node.until: met})
        body.nodes[:0] = before.nodes
        self.exits[node.until] = Exit(met, body, before.nodes)

    def trips(self, node: Loop) -> Value:
        if node.trips is None:
            node.trips = Value("trips", INT)
            region = next(r for n, r in self.places.around(node.body) if n is node)
            self.places.define(node.trips, node, region)
        return node.trips

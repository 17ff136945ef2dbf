"""What reversing one operation does: terms for the cotangents of what it was computed from.

Scalars get sums of terms, buffers shadow buffers, so that overwriting an element is right by
construction: a store hands the shadow's element to what was stored and clears it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sciad.compiler.builder import Builder
from sciad.compiler.ir import (
    ANY_ORDER,
    BOOL,
    FLOAT,
    Const,
    If,
    Op,
    Operand,
    Region,
    Value,
    const,
)
from sciad.compiler.passes.analysis import Places
from sciad.compiler.passes.linear_rules import Saved, adjoint_of
from sciad.compiler.passes.partials import partial
from sciad.compiler.passes.slabs import written_once

__all__ = ["ZERO", "Cotangents", "Pullbacks", "name_of"]

ZERO = const(0.0)
Cotangents = dict[Value, Operand]


class Pullbacks:
    """Reverses operations into the region of a builder; the base of an adjoint.

    Attributes
    ----------
    b : Builder
        Writes the reversed code.
    places : Places
        Of the program.
    varied : set of Value
        Values with a derivative.
    shadows : dict
        Buffer of the program -> its shadow.
    live : dict
        Cotangent -> whether control came to its use.
    frames : dict
        Slot of the tape -> which values of its frames have a derivative.
    saved : Saved
        Matrices that linear algebra has overwritten.
    """

    b: Builder
    places: Places
    varied: set[Value]
    shadows: dict[Value, Value]
    live: dict[Operand, Operand]
    frames: dict[Any, list[int]]
    saved: Saved
    tables: dict[int, dict[Any, Value]]
    single: dict[Value, bool]

    # -- cotangents ----------------------------------------------------------------------------
    def add(self, cotangents: Cotangents, operand: Operand, term: Operand | None) -> None:
        """Add a term to the cotangent of an operand if that depends on anything active."""
        if term is None or isinstance(operand, Const) or operand not in self.varied:
            return
        known = cotangents.get(operand)
        cotangents[operand] = term if known is None else self.sum(known, term, operand)

    def sum(self, known: Operand, term: Operand, of: Value) -> Operand:
        """Add two terms of a value's cotangent."""
        if known == ZERO:
            return term
        total = self.b.pure("add", known, term, attr=ANY_ORDER, name=f"{of.name}_bar")
        flags = self.live.get(known), self.live.get(term)
        if None not in flags:
            self.live[total] = self.b.pure("or", *flags)
        return total

    # -- cotangents of what was not used -------------------------------------------------------
    # A value used in one branch only has the cotangent 0.0 if the other one was taken. That zero
    # must stay zero when it meets an infinite slope (the square root of 0 before `if x > 0`), so
    # such cotangents are accompanied by a bool. Loops and memory forget it.
    def flagged(self, bar: Operand, flag: Operand | None) -> Operand:
        """Note whether control came to the use of a cotangent."""
        if flag is not None and isinstance(bar, Value):
            self.live[bar] = flag
        return bar

    def product(self, bar: Operand, factor: Operand) -> Operand:
        """Multiply a cotangent by a slope, which counts only if control came there."""
        made, flag = self.b.mul(bar, factor), self.live.get(bar)
        if flag is None:
            return made
        return self.flagged(self.b.pure("select", flag, made, ZERO), flag)

    def chosen(self, bar: Operand, condition: Operand, yes: bool) -> Operand:
        """Cotangent of one operand of a selection."""
        b, flag = self.b, self.live.get(bar)
        pair = (bar, ZERO) if yes else (ZERO, bar)
        mine = condition if yes else b.pure("not", condition)
        flag = mine if flag is None else b.pure("and", flag, mine)
        return self.flagged(b.pure("select", condition, *pair), flag)

    def joined_flags(self, node: If, keys: list[Value], sides: list) -> dict[Value, Operand]:
        """Find the flags of what leaves a branch backwards; its sides hand some of them out."""
        found: dict[Value, Operand] = {}
        for key in keys:
            flags = [
                self.live.get(inner[key], const(True)) if key in inner else const(False)
                for _, inner in sides
            ]
            known = [f.value if isinstance(f, Const) else None for f in flags]
            if known == [True, False]:
                found[key] = node.condition
            elif known != [True, True]:
                for (target, _), flag in zip(sides, flags, strict=True):
                    target.results = (*target.results, flag)
                found[key] = Value(f"{key.name}_used", BOOL)
        return found

    def shadow(self, buffer: Value) -> Value:
        """Cotangent buffer; those of buffers made by the program are allocated by `recall`."""
        if buffer not in self.shadows:
            self.shadows[buffer] = Value(f"{buffer.name}_bar", buffer.type)
        return self.shadows[buffer]

    def any_live(self, bars: list[Operand]) -> Operand | None:
        """Tell whether control came to any of the uses, None if it certainly did."""
        total: Operand = const(False)
        for bar in bars:
            flag = self.live.get(bar)
            if flag is None:
                return None
            total = self.b.pure("or", total, flag)
        return total

    # -- operations ----------------------------------------------------------------------------
    def operation(self, node: Op, cotangents: Cotangents) -> None:
        """Add the terms of one operation."""
        memory = getattr(self, f"_{node.code}", None)
        if memory is not None:
            memory(node, cotangents)
            return
        bar = cotangents.pop(node.outs[0], None) if len(node.outs) == 1 else None
        if bar is None:
            return
        for k, arg in enumerate(node.args):
            if isinstance(arg, Value) and arg in self.varied:
                self.add(cotangents, arg, self.term(node, k, bar))

    def term(self, node: Op, k: int, bar: Operand) -> Operand | None:
        """Contribution of a pure float operation to the cotangent of its operand k."""
        b, code, args = self.b, node.code, node.args
        if code in ("add", "single") or (code in ("sub", "mod") and k == 0):
            return bar
        flag = self.live.get(bar)
        if code in ("sub", "neg"):
            return self.flagged(b.neg(bar), flag)
        if code == "mul":
            return self.product(bar, args[1 - k])
        if code == "div":
            quotient = b.div(bar, args[1])
            made = quotient if k == 0 else b.neg(b.mul(quotient, node.out))
            return made if flag is None else self.flagged(b.pure("select", flag, made, ZERO), flag)
        if code == "mod":
            return self.flagged(b.neg(self.product(bar, b.pure("floordiv", *args))), flag)
        if code == "select":
            return self.chosen(bar, args[0], yes=k == 1)
        slope = partial(b, node, k, self.at_hand(node))
        return None if slope is None else self.product(bar, slope)

    def at_hand(self, node: Op) -> Callable[[Op], Value | None]:
        """Look for operations beside a node, or around the region it stands in."""
        home = self.places.home[node.out]
        around = (home, *(region for _, region in self.places.around(home)))

        def found(made: Op) -> Value | None:
            if made.code != "call":
                return None
            key = made.args, made.attr
            return next((t[key] for t in map(self.called, around) if key in t), None)

        return found

    def called(self, region: Region) -> dict[Any, Value]:
        """Functions that a region calls itself, with their arguments, and the values."""
        if id(region) not in self.tables:
            calls = [n for n in region.nodes if isinstance(n, Op) and n.code == "call"]
            self.tables[id(region)] = {(n.args, n.attr): n.out for n in calls}
        return self.tables[id(region)]

    def _load(self, node: Op, cotangents: Cotangents) -> None:
        bar = cotangents.pop(node.out, None)
        if bar is not None and node.args[0] in self.varied:
            self.b.effect("accum", self.shadow(node.args[0]), node.args[1], bar)

    def _store(self, node: Op, cotangents: Cotangents) -> None:
        buffer, index, value = node.args
        if buffer not in self.varied:
            return
        bar = self.b.load(self.shadow(buffer), index, f"{name_of(value)}_bar")
        if not self.once(buffer):
            self.b.effect("store", self.shadow(buffer), index, ZERO)
        self.add(cotangents, value, bar)

    def once(self, buffer: Value) -> bool:
        """Whether the cotangent of an element is asked for once: nobody has to clear it."""
        if buffer not in self.single:
            self.single[buffer] = written_once(self.places, buffer)
        return self.single[buffer]

    def _accum(self, node: Op, cotangents: Cotangents) -> None:
        buffer, index, value = node.args
        if buffer in self.varied and isinstance(value, Value) and value in self.varied:
            bar = self.b.load(self.shadow(buffer), index, f"{value.name}_bar")
            self.add(cotangents, value, bar)

    def _linalg(self, node: Op, cotangents: Cotangents) -> None:
        buffer, matrix = node.args[:2]
        if buffer in self.varied:
            bar = self.shadow(matrix) if matrix in self.varied else None
            kept = lambda known, n, m: self.saved(self.b, node, known, n, m)
            adjoint_of(self.b, node, self.shadow(buffer), bar, kept)

    # the reversed program meets the pop first: it pushes the cotangents of what was popped
    def _pop(self, node: Op, cotangents: Cotangents) -> None:
        live = self.frames[node.attr]
        if live:
            bars = [cotangents.pop(node.outs[k], ZERO) for k in live]
            self.b.effect("push", *bars, attr=(node.attr, "bar"))

    def _push(self, node: Op, cotangents: Cotangents) -> None:
        live = self.frames.get(node.attr, ())
        if live:
            bars = tuple(Value(f"{name_of(node.args[k])}_bar", FLOAT) for k in live)
            self.b.region.nodes.append(Op("pop", (), bars, (node.attr, "bar"), node.location))
            for k, bar in zip(live, bars, strict=True):
                self.add(cotangents, node.args[k], bar)


def name_of(operand: Operand) -> str:
    """Name of an operand, for what belongs to it."""
    return operand.name if isinstance(operand, Value) else "v"

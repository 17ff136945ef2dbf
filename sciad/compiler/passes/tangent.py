"""Forward mode: a program and its directional derivative, side by side.

Every float gets a dual that carries its derivative along one direction, every buffer a dual buffer
of the same length; constants and everything that does not depend on the active parameters get
none, so that no arithmetic with zeros is written. Works on any IR, an adjoint (with its tape)
included: the frame of a push is followed by the frame of the duals.
"""

from __future__ import annotations

from collections.abc import Sequence

from sciad.compiler.builder import Builder
from sciad.compiler.invoke import Callee, reachable
from sciad.compiler.ir import (
    FLOAT,
    BufferType,
    Const,
    Function,
    If,
    Loop,
    Op,
    Operand,
    Region,
    Value,
    const,
    walk,
)
from sciad.compiler.passes.analysis import is_float, varied
from sciad.compiler.passes.linear_rules import tangent_of
from sciad.compiler.passes.partials import partial
from sciad.core.errors import CompileError

__all__ = ["tangent"]

_ZERO = const(0.0)
_STEEP = frozenset(["sqrt", "asin", "acos", "atan2", "hypot"])  # finite where a slope is not


def tangent(function: Function, active: Sequence[Value], given: bool = True) -> Function:
    """Append the derivative along one direction to what a function returns.

    Parameters
    ----------
    function : Function
        Any program.
    active : sequence of Value
        The parameters (floats or float buffers) that the direction moves.
    given : bool
        Nobody differentiates with respect to the direction: a part of it that is zero may be left
        out where a slope is infinite. Otherwise the result is linear in the direction, and an
        infinite slope makes nan of a zero.

    Returns
    -------
    Function
        Takes the parameters, then one dual for each active one; returns the results, then one dual
        for each float result (0.0, or a buffer of zeros, where it does not depend).
    """
    calls = _Calls(function, active)
    made = _Tangent(function, active, calls, root=True)
    if not given:
        made.moved = ()
    return made.run()


class _Calls:
    """What the tangents of a program and of its callees share."""

    def __init__(self, function: Function, active: Sequence[Value]):
        self.varied = varied(function, active)
        self.made: dict[Callee, Callee] = {}
        bodies = [function.body, *(c.function.body for c in reachable(function))]
        ops = [n for body in bodies for n in walk(body) if isinstance(n, Op)]
        self.frames = {n.attr: self.live(n) for n in ops if n.code == "push"}

    def live(self, push: Op) -> list[int]:
        """Positions in a frame that have duals."""
        pairs = enumerate(push.args)
        return [k for k, a in pairs if a.type is FLOAT and a in self.varied]

    def of(self, callee: Callee) -> Callee:
        """Tangent of a callee, one for the whole program."""
        if callee not in self.made:
            made = self.made[callee] = callee.version("dot")
            active = [p for p in callee.function.params if p in self.varied]
            made.function = self.tangent_of(callee.function, active)
        return self.made[callee]

    def tangent_of(self, function: Function, active: Sequence[Value]) -> Function:
        """Make the tangent of the body of a callee."""
        return _Tangent(function, active, self).run()


def _is_polynomial(node: Op) -> bool:
    """Whether a power has a constant exponent of at least 1, hence a finite slope."""
    return isinstance(node.args[1], Const) and node.args[1].value >= 1


class _Tangent:
    def __init__(
        self, function: Function, active: Sequence[Value], calls: _Calls, root: bool = False
    ):
        self.function = function
        self.active = tuple(active)
        self.root = root
        self.moved = self.active if root else ()  # their duals are what the caller gave
        self.calls = calls
        self.varied = calls.varied
        self.dual: dict[Value, Operand] = {}
        self.sources: dict[Operand, list[Value] | None] = {}
        ops = [n for n in walk(function.body) if isinstance(n, Op)]
        self.producer = {n.outs[0]: n for n in ops if len(n.outs) == 1}
        self.written = {n.args[0] for n in ops if n.code in ("store", "accum", "linalg")}
        self.b = Builder()

    def run(self) -> Function:
        for value in self.active:
            self.dual[value] = self.fresh(value)
        self.region(self.function.body, self.b.region)
        with self.b.inside(self.b.region):
            results = self.function.results
            extra = self.result_duals(results)
        self.b.region.results = (*results, *extra)
        params = (*self.function.params, *(self.dual[v] for v in self.active))
        return Function(self.function.name, params, self.b.region)

    def fresh(self, value: Value) -> Value:
        return Value(f"{value.name}_dot", value.type)

    def of(self, operand: Operand) -> Operand | None:
        return None if isinstance(operand, Const) else self.dual.get(operand)

    def filled(self, operand: Operand) -> Operand:
        dual = self.of(operand)
        return _ZERO if dual is None else dual

    def result_duals(self, results: Sequence[Operand]) -> list[Operand]:
        """Duals of results: of all floats, or (of a callee) of those that vary at any call."""
        if self.root:
            return [self.result_dual(r) for r in results if is_float(r)]
        return [self.filled(r) for r in results if r in self.varied]

    def result_dual(self, result: Operand) -> Operand:
        dual = self.of(result)
        if dual is not None or not isinstance(result.type, BufferType):
            return self.filled(result)
        sizes = [n.args[0] for n in self.b.region.nodes if isinstance(n, Op) and result in n.outs]
        return self.b.alloc(sizes[0], "zeros", f"{result.name}_dot")

    # -- regions -------------------------------------------------------------------------------
    def region(self, source: Region, target: Region) -> None:
        """Write `source` and its duals into `target`; results are left to the caller."""
        with self.b.inside(target):
            for node in source.nodes:
                self.b.location = node.location
                if isinstance(node, Op):
                    self.operation(node)
                elif isinstance(node, If):
                    self.branch(node)
                else:
                    self.loop(node)

    def branch(self, node: If) -> None:
        live = [k for k, out in enumerate(node.outs) if out in self.varied]
        regions = []
        for source in (node.then, node.orelse):
            target = Region()
            self.region(source, target)
            duals = (self.filled(source.results[k]) for k in live)
            target.results = (*source.results, *duals)
            regions.append(target)
        outs = [self.fresh(node.outs[k]) for k in live]
        self.dual.update(zip((node.outs[k] for k in live), outs, strict=True))
        then, orelse = regions
        join = If(node.condition, then, orelse, (*node.outs, *outs), node.location)
        self.b.region.nodes.append(join)

    def loop(self, node: Loop) -> None:
        live = [k for k, param in enumerate(node.params) if param in self.varied]
        inits = [self.filled(node.inits[k]) for k in live]
        params = [self.fresh(node.params[k]) for k in live]
        self.dual.update(zip((node.params[k] for k in live), params, strict=True))
        body = Region()
        self.region(node.body, body)
        after = (self.filled(node.body.results[k]) for k in live)
        body.results = (*node.body.results, *after)
        outs = [self.fresh(node.outs[k]) for k in live]
        self.dual.update(zip((node.outs[k] for k in live), outs, strict=True))
        fields = {
            **vars(node),
            "params": (*node.params, *params),
            "inits": (*node.inits, *inits),
            "outs": (*node.outs, *outs),
            "body": body,
        }
        self.b.region.nodes.append(Loop(**fields))

    # -- operations ----------------------------------------------------------------------------
    def operation(self, node: Op) -> None:
        if node.code == "invoke":
            self.invoke(node)
            return
        before = getattr(self, f"_{node.code}_before", None)
        if before is not None:
            before(node)
        self.b.region.nodes.append(Op(node.code, node.args, node.outs, node.attr, node.location))
        rule = getattr(self, f"_{node.code}", None)
        if rule is not None:
            rule(node)
        elif node.outs and node.outs[0] in self.varied:
            self.dual[node.out] = self.derivative(node)

    def derivative(self, node: Op) -> Operand:
        """Sum of partial times dual over the operands of a pure float operation."""
        total: Operand | None = None
        for k, arg in enumerate(node.args):
            dual = self.of(arg)
            if dual is None:
                continue
            if node.code == "sub" and k == 1 and total is not None:
                return self.b.sub(total, dual)
            term = self.term(node, k, dual)
            if term is not None:
                order = node.attr if node.code == "add" else None
                total = term if total is None else self.b.pure("add", total, term, attr=order)
        return _ZERO if total is None else total

    def term(self, node: Op, k: int, dual: Operand) -> Operand | None:
        b = self.b
        code, args = node.code, node.args
        if code in ("add", "single") or (code in ("sub", "mod") and k == 0):
            return dual
        if code in ("sub", "neg"):
            return b.neg(dual)
        if code == "mul":
            return b.mul(dual, args[1 - k])
        if code == "div":
            return b.div(dual if k == 0 else b.neg(b.mul(dual, node.out)), args[1])
        if code == "mod":
            return b.neg(b.mul(dual, b.pure("floordiv", *args)))
        if code == "select":
            return b.pure("select", args[0], *((dual, _ZERO) if k == 1 else (_ZERO, dual)))
        slope = partial(b, node, k)
        if slope is None:
            return None
        term = b.mul(dual, slope)
        steep = not _is_polynomial(node) if code == "pow" else node.attr[1] in _STEEP
        return self.unless_still(args[k], term) if steep else term

    # x**p has a derivative along x where it has none along p (x < 0, p = 2.0): a direction that
    # does not move p must not meet that nan. "Does not move" is asked of the given direction, not
    # of p's dual, which may be zero by accident and yet have a derivative.
    def unless_still(self, operand: Operand, term: Operand) -> Operand:
        """Give 0 if the direction moves no input that an operand is computed from."""
        inputs = self.inputs(operand)
        if not inputs:
            return term
        moved: Operand = const(False)
        for value in inputs:
            moved = self.b.pure("or", moved, self.b.compare("ne", self.dual[value], _ZERO))
        return self.b.pure("select", moved, term, _ZERO)

    def inputs(self, value: Operand) -> list[Value] | None:
        """List the active inputs a value is computed from by plain operations, else None."""
        work = [value]
        while work:
            node = None if self.settled(work[-1]) else self.producer[work[-1]]
            missing = [] if node is None else [a for a in node.args if not self.settled(a)]
            if node is not None and not missing:
                parts = [self.sources[a] for a in node.args]
                every = dict.fromkeys(v for p in parts for v in p or ())
                self.sources[work[-1]] = None if None in parts else list(every)
            if not missing:
                work.pop()
            work += missing
        return self.sources[value]

    def settled(self, value: Operand) -> bool:
        """Whether the inputs of a value are known, or can be told without its operands."""
        if value in self.sources:
            return True
        node = None if isinstance(value, Const) else self.producer.get(value)
        if isinstance(value, Const) or value not in self.varied:
            self.sources[value] = []
        elif value in self.moved:
            self.sources[value] = [value]
        elif node is None or node.code in ("pop", "alloc", "invoke", "table", "linalg"):
            self.sources[value] = None
        elif node.code == "load":
            fixed = node.args[0] in self.moved and node.args[0] not in self.written
            self.sources[value] = [value] if fixed else None
        return value in self.sources

    def invoke(self, node: Op) -> None:
        """Call the tangent of a callee: arguments, then duals of those that vary at any call."""
        callee = node.attr.function
        pairs = zip(node.args, callee.params, strict=True)
        duals = [self.handed(arg, node) for arg, param in pairs if param in self.varied]
        moved = [
            out
            for out, result in zip(node.outs, callee.results, strict=True)
            if result in self.varied
        ]
        outs = tuple(self.fresh(out) for out in moved)
        self.dual.update(zip(moved, outs, strict=True))
        made = self.calls.of(node.attr)
        where = node.location
        self.b.region.nodes.append(
            Op("invoke", (*node.args, *duals), (*node.outs, *outs), made, where)
        )

    def handed(self, arg: Operand, node: Op) -> Operand:
        dual = self.of(arg)
        if dual is None and isinstance(arg.type, BufferType):
            raise CompileError(
                f"{node.attr.name} calls itself and is given an array that the direction does not "
                "move where another call gives one that it moves",
                where=None if node.location is None else str(node.location),
                hint="follow the function eagerly (without jit) for this derivative",
            )
        return self.filled(arg)

    def _alloc(self, node: Op) -> None:
        if node.out in self.varied:
            self.dual[node.out] = self.b.alloc(node.args[0], "zeros", f"{node.out.name}_dot")

    def _load(self, node: Op) -> None:
        dual = self.of(node.args[0])
        if dual is not None:
            self.dual[node.out] = self.b.load(dual, node.args[1], f"{node.out.name}_dot")

    def _store(self, node: Op) -> None:
        buffer, index, value = node.args
        dual = self.of(buffer)
        if dual is not None:
            self.b.effect("store", dual, index, self.filled(value))

    def _accum(self, node: Op) -> None:
        buffer, index, value = node.args
        if self.of(buffer) is not None and self.of(value) is not None:
            self.b.effect("accum", self.of(buffer), index, self.of(value))

    def _linalg(self, node: Op) -> None:
        dual = self.of(node.args[0])
        if dual is not None:
            tangent_of(self.b, node, dual, self.of(node.args[1]))

    def frame_of(self, node: Op) -> tuple[object, str]:
        """Slot of the duals of what a push or pop moves."""
        return node.attr, "dot"

    def _push(self, node: Op) -> None:
        live = self.calls.frames[node.attr]
        if live:
            duals = (self.filled(node.args[k]) for k in live)
            self.b.effect("push", *duals, attr=self.frame_of(node))

    def _pop_before(self, node: Op) -> None:
        live = self.calls.frames.get(node.attr, [])
        if live:
            outs = tuple(self.fresh(node.outs[k]) for k in live)
            self.dual.update(zip((node.outs[k] for k in live), outs, strict=True))
            pop = Op("pop", (), outs, self.frame_of(node), node.location)
            self.b.region.nodes.append(pop)

    def _pop(self, node: Op) -> None:
        """Duals were popped before, in the reverse order of the pushes."""

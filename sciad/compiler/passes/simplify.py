"""Makes a program smaller without changing what it computes.

`simplify` numbers values (equal pure operations become one, stored elements are forwarded to the
loads that follow), resolves constant conditions, turns integer-only branches into selections, drops
loop parameters that never change, and removes what nobody reads. Float branches stay branches: a
selection would evaluate both sides, and the derivative of the side not taken may be infinite.
"""

from __future__ import annotations

from sciad.compiler.builder import Builder
from sciad.compiler.invoke import with_callees, writes
from sciad.compiler.ir import (
    FLOAT,
    Const,
    Function,
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

__all__ = ["remove_dead", "simplified", "simplify"]

_EFFECTS = frozenset(["store", "accum", "linalg", "check", "assume", "push", "pop", "invoke"])
_TRUE, _FALSE = const(True), const(False)
_WRITES = ("store", "accum", "linalg")


def simplify(function: Function) -> Function:
    """Return an equivalent, smaller program with the same parameters and results."""
    return with_callees(function, simplified)


def simplified(function: Function) -> Function:
    """Return an equivalent, smaller program that calls the same functions."""
    for _ in range(2):
        function = _Numbering().run(function)
        remove_dead(function)
    return function


class _Numbering:
    """Rebuilds a program; `known` maps its values to operands of the new one."""

    def __init__(self) -> None:
        self.b = Builder()
        self.known: dict[Value, Operand] = {}
        self.values: list[dict] = [{}]
        self.loads: dict[Value, dict[Operand, Operand]] = {}

    def run(self, function: Function) -> Function:
        self.region(function.body)
        self.b.region.results = self.all(function.body.results)
        return Function(function.name, function.params, self.b.region)

    def get(self, operand: Operand) -> Operand:
        return operand if isinstance(operand, Const) else self.known.get(operand, operand)

    def all(self, sources) -> tuple[Operand, ...]:
        return tuple(map(self.get, sources))

    def region(self, source: Region) -> None:
        for node in source.nodes:
            self.b.location = node.location
            if isinstance(node, Op):
                self.operation(node)
            elif isinstance(node, If):
                self.branch(node)
            else:
                self.loop(node)

    def nested(self, source: Region) -> Region:
        """Rebuild a region in a scope of its own; loads seen inside are forgotten outside."""
        loads = {buffer: dict(known) for buffer, known in self.loads.items()}
        self.values.append({})
        with self.b.inside(Region()) as target:
            self.region(source)
            target.results = self.all(source.results)
        self.values.pop()
        self.loads = loads
        return target

    # -- operations ----------------------------------------------------------------------------
    def operation(self, node: Op) -> None:
        args = self.all(node.args)
        if node.code in _EFFECTS or node.code in ("alloc", "table"):
            self.effect(node, args)
        elif node.code == "load":
            known = self.loads.setdefault(args[0], {})
            if args[1] not in known:
                known[args[1]] = node.out
                self.keep(node, args)
            self.known[node.out] = known[args[1]]
        else:
            self.known[node.out] = self.number(node, args)

    def number(self, node: Op, args: tuple[Operand, ...]) -> Operand:
        commutes = node.code in ("add", "mul") and repr(args[0]) > repr(args[1])
        key = (node.code, args[::-1] if commutes else args, node.attr)
        for scope in self.values:
            if key in scope:
                return scope[key]
        found = self.b.pure(node.code, *args, attr=node.attr, name=node.out.name)
        if node.out.name != "v" and isinstance(found, Value) and found.name == "v":
            found.name = node.out.name
        self.values[-1][key] = found
        return found

    def effect(self, node: Op, args: tuple[Operand, ...]) -> None:
        if node.code == "check" and self.holds(args[0]):
            return
        self.keep(node, args)
        if node.code == "linalg":
            self.loads.pop(args[0], None)
        if node.code in ("store", "accum"):
            buffer, index, value = args
            known = self.loads.setdefault(buffer, {})
            distinct = isinstance(index, Const)
            for other in list(known):
                if not (distinct and isinstance(other, Const) and other != index):
                    del known[other]
            if node.code == "store":
                known[index] = value
        elif node.code == "invoke":
            for k in writes(node.attr):
                self.loads.pop(args[k], None)

    def holds(self, condition: Operand) -> bool:
        """Whether a condition is known, or has been checked before; from now on it has."""
        if isinstance(condition, Const):
            return bool(condition.value)
        key = ("check", condition)
        if any(key in scope for scope in self.values):
            return True
        self.values[-1][key] = condition
        return False

    def keep(self, node: Op, args: tuple[Operand, ...]) -> None:
        copy = Op(node.code, args, node.outs, node.attr, node.location)
        self.b.region.nodes.append(copy)

    def forget_writes(self, region: Region) -> None:
        for node in walk(region):
            if isinstance(node, Op) and node.code in _WRITES:
                self.loads.pop(self.get(node.args[0]), None)
            elif isinstance(node, Op) and node.code == "invoke":
                for k in writes(node.attr):
                    self.loads.pop(self.get(node.args[k]), None)

    # -- branches ------------------------------------------------------------------------------
    def branch(self, node: If) -> None:
        condition = self.get(node.condition)
        if isinstance(condition, Const):
            chosen = node.then if condition.value else node.orelse
            self.region(chosen)
            self.known.update(zip(node.outs, self.all(chosen.results), strict=True))
            return
        then, orelse = self.nested(node.then), self.nested(node.orelse)
        self.forget_writes(node.then)
        self.forget_writes(node.orelse)
        if _selectable(then) and _selectable(orelse):
            self.b.region.nodes.extend(then.nodes + orelse.nodes)
            pairs = zip(node.outs, then.results, orelse.results, strict=True)
            for out, x, y in pairs:
                self.known[out] = self.b.pure("select", condition, x, y, name=out.name)
            return
        keep = []
        for k, (x, y) in enumerate(zip(then.results, orelse.results, strict=True)):
            if x == y:
                self.known[node.outs[k]] = x
            elif (x, y) == (_TRUE, _FALSE):
                self.known[node.outs[k]] = condition
            else:
                keep.append(k)
        for side in (then, orelse):
            side.results = tuple(side.results[k] for k in keep)
        outs = tuple(node.outs[k] for k in keep)
        self.b.region.nodes.append(If(condition, then, orelse, outs, node.location))

    # -- loops ---------------------------------------------------------------------------------
    def loop(self, node: Loop) -> None:
        inits = self.all(node.inits)
        fixed = {
            k
            for k, param in enumerate(node.params)
            if node.body.results[k] in (param, node.inits[k])
            and not (node.kind == "while" and k == 0)
        }
        for k in fixed:
            self.known[node.params[k]] = self.known[node.outs[k]] = inits[k]
        start, stop, step = self.all((node.start, node.stop, node.step))
        self.forget_writes(node.body)
        loads = self.loads
        self.loads = {b: dict(known) for b, known in loads.items()}
        self.values.append({})
        with self.b.inside(Region()) as body:
            self.region(node.body)
            body.results = self.all(node.body.results)
            until = None if node.until is None else self.get(node.until)
        self.values.pop()
        self.loads = loads
        keep = [k for k in range(len(node.params)) if k not in fixed]
        pick = lambda items: tuple(items[k] for k in keep)
        body.results = pick(body.results)
        self.b.region.nodes.append(
            Loop(
                node.kind,
                node.index,
                start,
                stop,
                step,
                pick(node.params),
                pick(inits),
                body,
                pick(node.outs),
                until,
                node.trips,
                node.location,
                node.snapshots,
            )
        )


def _selectable(region: Region) -> bool:
    """Tell whether a branch consists of few integer operations."""
    cheap = ["add", "sub", "mul", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "select"]
    return len(region.nodes) <= 3 and all(
        isinstance(n, Op) and n.code in cheap and FLOAT not in [a.type for a in (*n.args, n.out)]
        for n in region.nodes
    )


def remove_dead(function: Function) -> None:
    """Remove, in place, what neither the results nor an effect on kept memory need."""
    live = _Liveness(function)
    _sweep(function.body, live.values, live.nodes)


class _Liveness:
    """Values that are read and nodes that must stay, found by marking from the effects."""

    def __init__(self, function: Function):
        self.values: set[Value] = set()
        self.nodes: set[int] = set()
        self.producer: dict[Value, Node] = {}
        self.around: dict[int, Node | None] = {}
        self.pending: dict[Value, list[Op]] = {}
        self.work: list[Operand] = []
        self.enter(function.body, None)
        made = {v for n in walk(function.body) if isinstance(n, Op) for v in n.outs}
        written = set(self.pending)
        for buffer in written - made:
            if buffer in function.params:
                self.work.append(buffer)
        self.work.extend(function.results)
        self.run()

    def enter(self, region: Region, outer: Node | None) -> None:
        for node in region.nodes:
            self.around[id(node)] = outer
            self.producer.update(dict.fromkeys(defined(node), node))
            if isinstance(node, Op):
                if node.code in _WRITES:
                    self.pending.setdefault(node.args[0], []).append(node)
                elif node.code in _EFFECTS:
                    self.need(node)
            elif isinstance(node, If):
                self.enter(node.then, node)
                self.enter(node.orelse, node)
            else:
                self.producer.update(dict.fromkeys((node.index, *node.params), node))
                self.enter(node.body, node)

    def run(self) -> None:
        while self.work:
            value = self.work.pop()
            if isinstance(value, Const) or value in self.values:
                continue
            self.values.add(value)
            for store in self.pending.get(value, ()):
                self.need(store)
            node = self.producer.get(value)
            if isinstance(node, Op):
                self.need(node)
            elif isinstance(node, If):
                self.need(node)
                k = node.outs.index(value)
                self.work += (node.then.results[k], node.orelse.results[k])
            elif node is not None:
                self.need(node)
                self.carried(node, value)

    def carried(self, node: Loop, value: Value) -> None:
        for group in (node.params, node.outs):
            if value in group:
                k = group.index(value)
                param, out = node.params[k], node.outs[k]
                self.work += (param, out, node.inits[k], node.body.results[k])

    def need(self, node: Node | None) -> None:
        """Keep a node, the nodes around it and what they read to get there."""
        while node is not None and id(node) not in self.nodes:
            self.nodes.add(id(node))
            if isinstance(node, Op):
                self.work += node.args
                self.work += node.outs
            elif isinstance(node, If):
                self.work.append(node.condition)
            else:
                self.work += operands(node)[: 3 if node.kind == "range" else 0]
                self.work += () if node.until is None else (node.until,)
                self.work += node.params[:1] if node.kind == "while" else ()
            node = self.around[id(node)]


def _sweep(region: Region, values: set[Value], nodes: set[int]) -> None:
    kept = []
    for node in region.nodes:
        if id(node) not in nodes:
            continue
        kept.append(node)
        if isinstance(node, If):
            alive = [k for k, out in enumerate(node.outs) if out in values]
            node.outs = tuple(node.outs[k] for k in alive)
            for side in (node.then, node.orelse):
                side.results = tuple(side.results[k] for k in alive)
                _sweep(side, values, nodes)
        elif isinstance(node, Loop):
            alive = [k for k, param in enumerate(node.params) if param in values]
            for name in ("params", "inits", "outs"):
                setattr(node, name, tuple(getattr(node, name)[k] for k in alive))
            node.body.results = tuple(node.body.results[k] for k in alive)
            node.trips = node.trips if node.trips in values else None
            _sweep(node.body, values, nodes)
    region.nodes[:] = kept

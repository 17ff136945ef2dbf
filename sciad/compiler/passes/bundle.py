"""Forward mode along several directions in one pass.

The program runs once, every float carries one dual for each direction: what does not depend on the
direction (elementwise functions, partial derivatives, control flow, index arithmetic) is computed
once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sciad.compiler.ir import Function, If, Loop, Op, Operand, Region, Value
from sciad.compiler.passes.tangent import _Calls, _Tangent

__all__ = ["bundle"]


def bundle(
    function: Function, active: Sequence[Value], directions: int, given: bool = True
) -> Function:
    """Append the derivatives along several directions to what a function returns.

    Parameters
    ----------
    function : Function
        Any program.
    active : sequence of Value
        The parameters that the directions move.
    directions : int
        How many.
    given : bool
        As for `tangent`.

    Returns
    -------
    Function
        Takes the parameters, then for each direction one dual for each active parameter; returns
        the results, then for each direction one dual for each float result.
    """
    calls = _Callees(function, active, directions)
    made = _Bundle(function, active, calls, root=True)
    if not given:
        made.moved = ()
    return made.run()


class _Callees(_Calls):
    """What the bundles of a program and of its callees share."""

    def __init__(self, function: Function, active: Sequence[Value], directions: int):
        super().__init__(function, active)
        self.directions = directions

    def tangent_of(self, function: Function, active: Sequence[Value]) -> Function:
        return _Bundle(function, active, self).run()


class _Bundle(_Tangent):
    """`dual` is that of the direction for which a rule writes just now."""

    def __init__(
        self, function: Function, active: Sequence[Value], calls: _Callees, root: bool = False
    ):
        super().__init__(function, active, calls, root)
        directions = calls.directions
        self.duals: list[dict[Value, Operand]] = [{} for _ in range(directions)]
        self.number = 0

    def each(self, backwards: bool = False) -> Iterator[dict[Value, Operand]]:
        """Go through the directions, making each the current one."""
        order = range(len(self.duals))
        for number in reversed(order) if backwards else order:
            self.number, self.dual = number, self.duals[number]
            yield self.dual

    def run(self) -> Function:
        given = []
        for dual in self.each():
            dual.update((v, self.fresh(v)) for v in self.active)
            given += [dual[v] for v in self.active]
        self.region(self.function.body, self.b.region)
        results = self.function.results
        extra: list[Operand] = []
        with self.b.inside(self.b.region):
            for _ in self.each():
                extra += self.result_duals(results)
        self.b.region.results = (*results, *extra)
        return Function(self.function.name, (*self.function.params, *given), self.b.region)

    def fresh_each(self, values: Sequence[Value]) -> tuple[Value, ...]:
        """Make a dual of some values for each direction."""
        made = []
        for dual in self.each():
            fresh = [self.fresh(v) for v in values]
            dual.update(zip(values, fresh, strict=True))
            made += fresh
        return tuple(made)

    def filled_each(self, operands: Sequence[Operand]) -> tuple[Operand, ...]:
        """List the duals of some operands for each direction."""
        return tuple(self.filled(x) for _ in self.each() for x in operands)

    def branch(self, node: If) -> None:
        live = [k for k, out in enumerate(node.outs) if out in self.varied]
        regions = []
        for source in (node.then, node.orelse):
            target = Region()
            self.region(source, target)
            duals = self.filled_each([source.results[k] for k in live])
            target.results = (*source.results, *duals)
            regions.append(target)
        outs = self.fresh_each([node.outs[k] for k in live])
        then, orelse = regions
        join = If(node.condition, then, orelse, (*node.outs, *outs), node.location)
        self.b.region.nodes.append(join)

    def loop(self, node: Loop) -> None:
        live = [k for k, param in enumerate(node.params) if param in self.varied]
        inits = self.filled_each([node.inits[k] for k in live])
        params = self.fresh_each([node.params[k] for k in live])
        body = Region()
        self.region(node.body, body)
        after = self.filled_each([node.body.results[k] for k in live])
        body.results = (*node.body.results, *after)
        outs = self.fresh_each([node.outs[k] for k in live])
        fields = {
            **vars(node),
            "params": (*node.params, *params),
            "inits": (*node.inits, *inits),
            "outs": (*node.outs, *outs),
            "body": body,
        }
        self.b.region.nodes.append(Loop(**fields))

    def invoke(self, node: Op) -> None:
        callee = node.attr.function
        pairs = [(a, p) for a, p in zip(node.args, callee.params, strict=True) if p in self.varied]
        duals = [self.handed(arg, node) for _ in self.each() for arg, _ in pairs]
        results = zip(node.outs, callee.results, strict=True)
        outs = self.fresh_each([out for out, result in results if result in self.varied])
        made = self.calls.of(node.attr)
        call = Op("invoke", (*node.args, *duals), (*node.outs, *outs), made, node.location)
        self.b.region.nodes.append(call)

    def operation(self, node: Op) -> None:
        if node.code == "invoke":
            self.invoke(node)
            return
        before = getattr(self, f"_{node.code}_before", None)
        if before is not None:
            for _ in self.each(backwards=True):  # frames come back in the reverse order
                before(node)
        self.b.region.nodes.append(Op(node.code, node.args, node.outs, node.attr, node.location))
        rule = getattr(self, f"_{node.code}", None)
        for dual in self.each():
            if rule is not None:
                rule(node)
            elif node.outs and node.outs[0] in self.varied:
                dual[node.out] = self.derivative(node)

    def frame_of(self, node: Op) -> tuple[object, str]:
        return node.attr, f"dot {self.number}"

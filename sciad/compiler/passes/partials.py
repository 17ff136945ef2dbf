"""Partial derivatives of elementwise functions, from the rule registry.

A rule's partial is a small Python function; its source is lowered into the program that needs it by
the same front end as the user's code. A formula therefore stands in one place, for both engines.
"""

from __future__ import annotations

import ast
import builtins
import types as python_types
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.compiler.builder import Builder
from sciad.compiler.front.types import scalar_type
from sciad.compiler.front.values import Abstract, Object, Pythonic
from sciad.compiler.ir import FLOAT, Const, Location, Op, Operand, Region, const
from sciad.compiler.vocabulary.functions import callables_of
from sciad.core.errors import CompileError, user_location
from sciad.core.rules import Elementwise, Nondifferentiable, lookup

__all__ = ["partial", "rule_of"]

#: Finds a value that the program has computed by the same operation.
Known = Callable[[Op], Operand | None]


def rule_of(name: tuple[str, str] | str) -> Elementwise | Nondifferentiable | None:
    """Rule of an emitted function: of `("math", "sin")`, or of the operation `"pow"`."""
    functions = (np.power,) if isinstance(name, str) else callables_of(name)
    for function in functions:
        rule = lookup(function)
        if isinstance(rule, Elementwise | Nondifferentiable):
            return rule
    return None


def partial(b: Builder, node: Op, k: int, at_hand: Known = lambda made: None) -> Operand | None:
    """Emit the derivative of `node` to its operand k.

    What the program computes elsewhere (the sine beside the cosine) is found by `at_hand` and not
    computed again.

    Returns
    -------
    Operand or None
        None if the derivative is zero.

    Raises
    ------
    CompileError
        If the registry has no elementwise rule for the function.
    """
    name: Any = "pow" if node.code == "pow" else node.attr
    rule = rule_of(name)
    if rule is None:
        shown = "**" if name == "pow" else ".".join(filter(None, name))
        raise CompileError(
            f"the derivative of {shown} is not known",
            where=str(node.location or user_location()),
            hint="import sciad.rules, or give it a rule with sciad.rule(...)",
        )
    if isinstance(rule, Nondifferentiable) or rule.partials[k] is None:
        return None
    if name == "pow" and k == 0 and isinstance(node.args[1], Const):
        return _power_slope(b, node) if node.args[1].value else None
    try:
        return _lowered(b, rule.partials[k], node, at_hand)
    except CompileError as error:  # it names a line of the rule
        shown = "**" if name == "pow" else ".".join(filter(None, name))
        raise CompileError(
            f"the derivative of {shown} is not known to the compiler",
            where=str(node.location or user_location()),
            hint="leave the function uncompiled: sciad differentiates it as it runs",
        ) from error


def _power_slope(b: Builder, node: Op) -> Operand:
    """d(x**n)/dx = n x**(n-1) for a literal n: the rule's formula without its case n = 0."""
    x, n = node.args
    less = const(n.value - 1)
    factor = b.cast(n, FLOAT)
    if less.value == 0:
        return factor
    if less.value == 1:
        return b.mul(factor, x)
    if less.value == 2:
        return b.mul(factor, b.mul(x, x))
    return b.mul(factor, b.pure("pow", x, less))


class _Quiet:
    """Mixin-free way to keep the user's line while rule code is lowered."""

    def __init__(self, location: Location | None):
        self.location = location

    def __call__(self, node: ast.AST) -> Location | None:
        return self.location


def _lowered(b: Builder, function: Any, node: Op, at_hand: Known) -> Operand:
    from sciad.compiler.front.lower import Lowering

    low = Lowering(set(), _resolve)
    low.b = b
    low.at = _Quiet(node.location)  # type: ignore[method-assign, assignment]
    low.wrap = lambda value, module, name: Object(value)  # type: ignore[method-assign]
    place = ast.Constant(None, lineno=function.__code__.co_firstlineno, col_offset=0)
    arguments: list[Abstract] = [*node.args, node.out]
    with b.inside(Region()) as region:
        result = low.call(Pythonic(function, {}), arguments, {}, place)
        slope = b.cast(low.as_scalar(result, place), FLOAT)
    known: dict[Operand, Operand] = {}
    for made in region.nodes:
        if isinstance(made, Op):
            made.args = tuple(known.get(a, a) for a in made.args)
            if (made.code, made.args, made.attr) == (node.code, node.args, node.attr):
                known[made.out] = node.out  # the function itself: its value is at hand
                continue
            found = at_hand(made)
            if found is not None:
                known[made.out] = found
                continue
        b.region.nodes.append(made)
    return known.get(slope, slope)


def _resolve(target: Pythonic, name: str) -> Abstract:
    scope = target.function.__globals__
    value = scope[name] if name in scope else getattr(builtins, name)
    if scalar_type(value) is not None:
        return const(value)
    if isinstance(value, python_types.FunctionType):
        return Pythonic(value, {})
    return Object(value)

"""Gradients and Hessians inside compiled functions by forward mode: code without a tape.

Where functions call themselves there is one tape, and an adjoint that is reversed would need a
second one. So a program that is to be reversed a second time is lowered again with the derivatives
inside it taken one input at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sciad.compiler.front.values import Memory
from sciad.compiler.inner.leafwise import contiguous, size_of, zero_like
from sciad.compiler.ir import FLOAT, Operand, const
from sciad.compiler.passes.tangent import tangent
from sciad.compiler.vocabulary import arrays

if TYPE_CHECKING:
    from sciad.compiler.inner.regions import Inner

__all__ = ["curved_forwards", "pulled_forwards"]


def pulled_forwards(inner: Inner, cotangents: list[Any]) -> list[Any]:
    """Cotangents of the parameters: for each of their numbers a directional derivative."""
    inner.settle()

    def term(unit: list[Any], add: Any) -> None:
        (leaves,) = inner.pushed([unit])
        for leaf, weight in zip(leaves, cotangents, strict=True):
            _weigh(inner, leaf, weight, add)

    return _each(inner, term)


def curved_forwards(inner: Inner, directions: list[list[Any]], given: bool) -> list[list[Any]]:
    """Tangents, along directions, of the gradient of a number."""
    inner.settle()
    return [
        _each(inner, lambda unit, add, v=v: add(_second(inner, unit, v, given))) for v in directions
    ]


def _second(inner: Inner, unit: list[Any], direction: list[Any], given: bool) -> Operand:
    first = tangent(inner.program, inner.params)
    made = inner.prepared(tangent(first, inner.params, given))
    duals = made.params[len(inner.program.params) :]
    inner.define(zip(duals, (*unit, *inner.full(direction)), strict=True))
    return inner.write(made)[3]  # after value, slope along the unit, slope along the direction


def _weigh(inner: Inner, leaf: Any, weight: Any, add: Any) -> None:
    """Add the product of an output's derivative and its cotangent."""
    b = inner.low.b
    if weight is None:
        return
    if not isinstance(weight, Memory):
        add(b.mul(leaf, b.cast(weight, FLOAT)))
        return
    buffer = contiguous(inner.low, leaf, weight)

    def product(at: tuple[Operand, ...]) -> None:
        one, other = (arrays.load(inner.low, view, at) for view in (buffer, weight))
        add(b.mul(one, b.cast(other, FLOAT)))

    arrays.over(inner.low, weight.shape, product)


def _each(inner: Inner, term: Any) -> list[Any]:
    """Collect terms for every number of the parameters, one unit direction after the other."""
    low = inner.low
    found: list[Any] = []
    for number, leaf in enumerate(inner.actual):
        size = size_of(low, leaf) if isinstance(leaf, Memory) else const(1)
        sums = low.b.alloc(size, "zeros", "sums")

        def entry(k: Operand, number: int = number, sums: Any = sums) -> None:
            unit = [zero_like(low, other) for other in inner.actual]
            if isinstance(unit[number], Memory):
                low.b.effect("store", unit[number].buffer, k, const(1.0))
            else:
                unit[number] = const(1.0)
            term(unit, lambda x: low.b.effect("accum", sums, k, low.b.cast(x, FLOAT)))

        if isinstance(leaf, Memory):
            arrays.counted(low, size, entry, "k")
        else:
            entry(const(0))
        found.append(sums if isinstance(leaf, Memory) else low.b.load(sums, const(0)))
    return found

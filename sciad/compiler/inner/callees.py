"""Functions that call themselves inside what is differentiated: copies that hide nothing.

Until the whole program has been lowered, such a function reads what it closes over directly. A
derivative has to see that as arguments: what is differentiated may be among it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sciad.compiler.front.recursion import close
from sciad.compiler.invoke import Callee, invokes, reachable, writes
from sciad.compiler.ir import Function, Operand
from sciad.compiler.passes.renaming import renamed

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["with_own_callees", "written_by_callees"]


def with_own_callees(low: Lowering, function: Function, what: str, node: Any) -> Function:
    """Give a program callees of its own, to which all that they read is handed over."""
    callees = reachable(function)
    running = {activation.callee for activation in low.calls.active}
    for callee in callees:
        if callee in running:
            low.refuse(
                f"{callee.name} calls itself inside a function that it differentiates ({what})",
                node,
                "differentiate another function, or take the derivative outside of compiled code",
            )
    if not callees:
        return function
    new = {c: Callee(c.name, c.location) for c in callees}
    for old, callee in new.items():
        callee.function = renamed(old.function, set())
    for body in (function.body, *(c.function.body for c in new.values())):
        for op in invokes(body):
            op.attr = new[op.attr]
    return close(function)


def written_by_callees(function: Function) -> list[Operand]:
    """List the buffers that calls in a program write to."""
    return [op.args[k] for op in invokes(function.body) for k in writes(op.attr)]

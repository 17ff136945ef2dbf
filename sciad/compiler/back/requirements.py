"""Checks of shapes at the border: what a program requires of the sizes and integers it is given.

Many index checks depend on nothing but the lengths of arguments, and stand (or were moved, see
`hoist`) where a program begins. They are made once for each combination of lengths, before the
compiled function is called, and not in it; what they say of two lengths, LLVM is told (`assume`).
"""

from __future__ import annotations

from sciad.compiler.ir import INT, Const, Function, Node, Op, Region, Value, walk
from sciad.compiler.passes.analysis import copy_region
from sciad.compiler.passes.simplify import remove_dead

__all__ = ["separated"]

_FAILING = ("check", "invoke", "push")
_CONDITIONS = ("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not")
_WRITES = ("store", "accum", "linalg")
#: What Python computes as compiled code does, whatever the numbers: nothing here raises.
_HARMLESS = frozenset(
    ["add", "sub", "mul", "neg", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "select"]
)


def separated(program: Function, sizes: Value) -> tuple[Function | None, Function]:
    """Take the first checks out of a program as far as they depend on a buffer of integers.

    Returns
    -------
    Function or None
        Makes the checks; its parameter is the buffer. None if there are none.
    Function
        The program without them, a copy.
    """
    body = copy_region(program.body)
    asked, rest = _divided(body.nodes, program.params, sizes)
    kernel = Function(program.name, program.params, Region(rest, body.results))
    if not any(isinstance(n, Op) and n.code == "check" for n in asked):
        return None, kernel
    remove_dead(kernel)
    requirements = Function("requirements", (sizes,), Region(asked))
    remove_dead(requirements)
    return requirements, kernel


def _divided(nodes: list[Node], params: tuple[Value, ...], sizes: Value) -> tuple[list, list]:
    known: set[Value] = set()
    asked: list[Node] = []
    rest: list[Node] = []
    first = True
    related = {n.out for n in nodes if isinstance(n, Op) and _relates(n)}
    for node in nodes:
        if not first or not isinstance(node, Op):
            first = first and not _acts(node, params)
            rest.append(node)
        elif node.code == "check" and _given(node, known):
            asked.append(node)
            if node.args[0] in related:
                rest.append(Op("assume", node.args, (), None, node.location))
        else:
            first = not _acts(node, params)
            rest.append(node)
            if (node.code == "load" and node.args[0] is sizes) or _computed(node, known):
                known.update(node.outs)
                asked.append(_copy(node))
    return asked, rest


def _relates(node: Op) -> bool:
    """Whether a condition is more than that something is in a range of constants."""
    return node.code in _CONDITIONS and not any(isinstance(a, Const) for a in node.args)


def _acts(node: Node, params: tuple[Value, ...]) -> bool:
    """Whether a node may fail, or does something that is seen if a later one fails."""
    ops = [n for n in walk(Region([node])) if isinstance(n, Op)]
    return any(
        n.code in _FAILING or (n.code in _WRITES and bool(set(n.args) & set(params))) for n in ops
    )


def _given(node: Op, known: set[Value]) -> bool:
    return all(isinstance(a, Const) or a in known for a in node.args)


def _computed(node: Op, known: set[Value]) -> bool:
    return _plain(node) and _given(node, known)


def _plain(node: Op) -> bool:
    if node.code in ("floordiv", "mod"):
        return node.out.type is INT and isinstance(node.args[1], Const) and node.args[1].value > 0
    return node.code in _HARMLESS


def _copy(node: Op) -> Op:
    return Op(node.code, node.args, node.outs, node.attr, node.location)

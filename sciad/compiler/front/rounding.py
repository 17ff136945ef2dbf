"""The end of lowering for single precision: a float32 becomes a float64 that is rounded.

Sums, products, quotients and roots of two float32 are the same whether they are rounded once or
first to a float64 (24 + 24 + 2 bits fit into 53; Figueroa, ACM SIGNUM Newsletter 30, 1995), and
elementary functions are at least as accurate. So the passes that follow know one float; `single`
is an operation like any other, whose derivative is 1. Derivatives are not rounded on the way, and
LLVM narrows what stands between two conversions.
"""

from __future__ import annotations

from sciad.compiler.invoke import reachable
from sciad.compiler.ir import (
    FLOAT,
    FLOAT32,
    BufferType,
    Const,
    Function,
    If,
    Loop,
    Node,
    Op,
    Operand,
    Region,
    Value,
)

__all__ = ["rounded"]

_ROUNDED = frozenset(["add", "sub", "mul", "div", "mod", "floordiv", "pow", "call"])


def rounded(function: Function) -> Function:
    """Rewrite a program, in place, without FLOAT32; its callees, too."""
    for each in (function, *(callee.function for callee in reachable(function))):
        for param in each.params:
            _widen(param)
        _region(each.body)
    return function


def _widen(value: Value) -> None:
    if value.type is FLOAT32:
        value.type = FLOAT
    elif isinstance(value.type, BufferType) and value.type.element is FLOAT32:
        value.type = BufferType(FLOAT)


def _operand(operand: Operand) -> Operand:
    if isinstance(operand, Const):
        return Const(operand.value, FLOAT) if operand.type is FLOAT32 else operand
    _widen(operand)
    return operand


def _all(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    return tuple(map(_operand, operands))


def _region(region: Region) -> None:
    nodes: list[Node] = []
    for node in region.nodes:
        if isinstance(node, Op):
            nodes += _operation(node)
            continue
        if isinstance(node, If):
            node.condition = _operand(node.condition)
            _region(node.then)
            _region(node.orelse)
        else:
            _loop(node)
        _all(node.outs)
        nodes.append(node)
    region.nodes = nodes
    region.results = _all(region.results)


def _loop(node: Loop) -> None:
    node.start, node.stop, node.step = _all((node.start, node.stop, node.step))
    _all(node.params)
    node.inits = _all(node.inits)
    _region(node.body)


def _operation(node: Op) -> list[Node]:
    narrow = any(out.type is FLOAT32 for out in node.outs)
    node.args = _all(node.args)
    _all(node.outs)
    if node.code == "float32":
        node.code = "single"
    elif narrow and node.code in _ROUNDED:
        out, exact = node.out, Value("v", FLOAT)
        node.outs = (exact,)
        return [node, Op("single", (exact,), (out,), None, node.location)]
    return [node]

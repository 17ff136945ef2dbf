"""Copies of a program with values of their own, so that it can be written more than once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sciad.compiler.ir import Function, If, Loop, Node, Op, Operand, Region, Value

__all__ = ["renamed", "renamed_nodes"]


def renamed(function: Function, keep: set[Value]) -> Function:
    """Copy a program with values of its own, except for some of its parameters."""
    known: dict[Operand, Operand] = {}

    def new(value: Value) -> Value:
        known[value] = made = Value(value.name, value.type)
        return made

    params = tuple(p if p in keep else new(p) for p in function.params)
    body = _renamed(function.body, known, new)
    return Function(function.name, params, body)


def renamed_nodes(
    region: Region, known: dict[Operand, Operand], decided: Mapping[Value, Operand]
) -> Region:
    """Copy a region with values of its own; some of them are `decided` already."""

    def new(value: Value) -> Value:
        made = Value(value.name, value.type)
        known[value] = decided.get(value, made)
        return made

    return _renamed(region, known, new)


def _renamed(region: Region, known: dict, new: Callable[[Value], Value]) -> Region:
    get = lambda x: known.get(x, x)
    all_of = lambda items: tuple(map(get, items))
    made = Region()
    for node in region.nodes:
        copy: Node
        if isinstance(node, Op):
            args = all_of(node.args)
            copy = Op(node.code, args, tuple(map(new, node.outs)), node.attr, node.location)
        elif isinstance(node, If):
            test = get(node.condition)
            then, orelse = (_renamed(r, known, new) for r in (node.then, node.orelse))
            copy = If(test, then, orelse, tuple(map(new, node.outs)), node.location)
        else:
            outer = {n: get(getattr(node, n)) for n in ("start", "stop", "step")}
            outer["inits"] = all_of(node.inits)
            inner = {"index": new(node.index), "params": tuple(map(new, node.params))}
            inner["body"] = _renamed(node.body, known, new)
            inner["until"] = None if node.until is None else get(node.until)
            inner["trips"] = None if node.trips is None else new(node.trips)
            inner["outs"] = tuple(map(new, node.outs))
            copy = Loop(**{**vars(node), **outer, **inner})
        made.nodes.append(copy)
    made.results = all_of(region.results)
    return made

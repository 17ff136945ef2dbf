"""Rewrites jumps into flags, so that lowering sees only straight code, ifs and loops.

After normalisation a function body has no `return`, `break` or `continue`: a return assigns
`.value` and sets `.returned`; a jump out of a loop sets the loop's flag, which the loop tests after
each iteration (`until`); what follows a statement that may have jumped stands in the branch that
did not, or under a test of the flags. `while test` keeps its condition in a variable. Names that
start with a dot cannot clash with the user's.
"""

from __future__ import annotations

import ast
from itertools import count
from typing import Any

__all__ = ["RETURNED", "VALUE", "normalise"]

RETURNED = ".returned"
VALUE = ".value"
_serial = count(1)


def normalise(function: ast.FunctionDef | ast.Lambda) -> list[ast.stmt]:
    """Body of a function without jumps; the original tree is not changed.

    Loops carry two extra attributes: `until`, the names of the flags that end it, and (while
    loops) `go`, the name of the variable that holds the condition.
    """
    if isinstance(function, ast.Lambda):
        answer = ast.Return(function.body)
        ast.copy_location(answer, function.body)
        body: list[ast.stmt] = [answer]
    else:
        body = function.body
        if not _always_jumps(body):
            end = ast.Return(ast.Constant(None))
            body = [*body, _at(end, body[-1])]
    return [*_set(RETURNED, False, body[0]), *_Normal().block(body)]


def _at(node: Any, place: ast.AST) -> Any:
    ast.copy_location(node, place)
    return ast.fix_missing_locations(node)


def _set(name: str, value: bool | ast.expr, place: ast.AST) -> list[ast.stmt]:
    source = ast.Constant(value) if isinstance(value, bool) else value
    return [_at(ast.Assign([ast.Name(name, ast.Store())], source), place)]


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


class _Normal:
    def __init__(self) -> None:
        self.loops: list[tuple[str, str]] = []  # (break flag, continue flag)

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for k, statement in enumerate(body):
            rest = body[k + 1 :]
            if isinstance(statement, ast.Return | ast.Break | ast.Continue):
                return out + self.jump(statement)
            flags = self.flags(statement)
            if isinstance(statement, ast.If) and flags and rest:
                for side, other in ((statement.body, False), (statement.orelse, True)):
                    if _always_jumps(side):
                        return out + self.absorbed(statement, rest, into_body=other)
            out += self.statement(statement)
            if flags and rest:
                return out + self.guarded(statement, flags, rest)
        return out

    def absorbed(self, node: ast.If, rest: list[ast.stmt], into_body: bool) -> list[ast.stmt]:
        body = node.body + rest if into_body else node.body
        orelse = node.orelse if into_body else node.orelse + rest
        return [_at(ast.If(node.test, self.block(body), self.block(orelse)), node)]

    def guarded(self, node: ast.stmt, flags: list[str], rest: list[ast.stmt]) -> list[ast.stmt]:
        test: ast.expr = _load(flags[0])
        if len(flags) > 1:
            test = ast.BoolOp(ast.Or(), [_load(f) for f in flags])
        guard = ast.If(test, [ast.Pass()], self.block(rest))
        return [_at(guard, node)]

    def jump(self, node: ast.stmt) -> list[ast.stmt]:
        if isinstance(node, ast.Return):
            value = node.value or ast.Constant(None)
            return _set(VALUE, value, node) + _set(RETURNED, True, node)
        flag = self.loops[-1][isinstance(node, ast.Continue)]
        return _set(flag, True, node)

    def flags(self, node: ast.stmt) -> list[str]:
        """List the flags a statement may set that concern the statements after it."""
        found = []
        if _contains(node, ast.Return, through_loops=True):
            found.append(RETURNED)
        if self.loops:
            for kind, flag in zip((ast.Break, ast.Continue), self.loops[-1], strict=True):
                if _contains(node, kind, through_loops=False):
                    found.append(flag)
        return found

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        if isinstance(node, ast.If):
            made = ast.If(node.test, self.block(node.body), self.block(node.orelse) or [])
            return [_at(made, node)]
        if isinstance(node, ast.For | ast.While):
            return self.loop(node)
        return [node]

    def loop(self, node: ast.For | ast.While) -> list[ast.stmt]:
        number = next(_serial)
        leave, skip = f".break{number}", f".continue{number}"
        self.loops.append((leave, skip))
        body = self.block(node.body)
        breaks = any(_contains(s, ast.Break, through_loops=False) for s in node.body)
        returns = any(_contains(s, ast.Return, through_loops=True) for s in node.body)
        until = [leave] * breaks + [RETURNED] * returns
        if any(_contains(s, ast.Continue, through_loops=False) for s in node.body):
            body = _set(skip, False, node) + body
        self.loops.pop()
        before = _set(leave, False, node) if breaks else []
        if isinstance(node, ast.For):
            made: Any = ast.For(node.target, node.iter, body, [])
        else:
            go = f".go{number}"
            before += _set(go, node.test, node)
            body = body + self.again(node, go, until)
            made = ast.While(_load(go), body, [])
            made.go = go
            made.condition = node.test
        _at(made, node)
        made.until = until
        return [*before, made, *self.otherwise(node, until)]

    def otherwise(self, node: ast.For | ast.While, until: list[str]) -> list[ast.stmt]:
        """`else` after a loop: runs unless the loop was left by a jump."""
        if not node.orelse:
            return []
        return self.guarded(node, until, node.orelse) if until else self.block(node.orelse)

    def again(self, node: ast.While, go: str, until: list[str]) -> list[ast.stmt]:
        test = _set(go, node.test, node)
        if not until:
            return test
        left = (
            ast.BoolOp(ast.Or(), [_load(f) for f in until]) if len(until) > 1 else _load(until[0])
        )
        return [_at(ast.If(left, _set(go, False, node), test), node)]


def _contains(node: ast.AST, kind: type[ast.stmt], *, through_loops: bool) -> bool:
    """Whether a jump of that kind stands in a statement (not inside an inner function)."""
    if isinstance(node, kind):
        return True
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        return False
    inside = isinstance(node, ast.For | ast.While) and not through_loops
    return any(
        _contains(child, kind, through_loops=through_loops)
        for child in (node.orelse if inside else ast.iter_child_nodes(node))  # type: ignore[attr-defined]
        if isinstance(child, ast.stmt)
    )


def _always_jumps(body: list[ast.stmt]) -> bool:
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.Return | ast.Break | ast.Continue | ast.Raise):
        return True
    if isinstance(last, ast.For | ast.While):
        endless = isinstance(last, ast.While) and _is_true(last.test)
        leaves = any(_contains(s, ast.Break, through_loops=False) for s in last.body)
        return not leaves and (endless or _always_jumps(last.orelse))
    return isinstance(last, ast.If) and _always_jumps(last.body) and _always_jumps(last.orelse)


def _is_true(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and bool(test.value)

"""Refuses, before anything else, syntax that has no compiled form; shows the user's line."""

from __future__ import annotations

import ast
from typing import NoReturn

from sciad.core.errors import CompileError

__all__ = ["check_syntax", "refuse"]

_LOOP = "use a for loop over range(...)"
_PLAIN = "move it out of the compiled function"
_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.AsyncFor: ("async for", _PLAIN),
    ast.AsyncFunctionDef: ("an async function", _PLAIN),
    ast.AsyncWith: ("async with", _PLAIN),
    ast.Await: ("await", _PLAIN),
    ast.ClassDef: ("a class definition", "define the class outside"),
    ast.Delete: ("del", "leave the name alone; it costs nothing"),
    ast.DictComp: ("a dict comprehension", "write the dict out, its keys must be constants"),
    ast.Global: ("global", "return the value instead"),
    ast.Import: ("import", "import at the top of the module"),
    ast.ImportFrom: ("import", "import at the top of the module"),
    ast.Match: ("match", "use if / elif"),
    ast.NamedExpr: ("an assignment inside an expression", "assign on a line of its own"),
    ast.Nonlocal: ("nonlocal", "return the value instead"),
    ast.Set: ("a set", "use a tuple"),
    ast.SetComp: ("a set comprehension", "use a list comprehension"),
    ast.Try: ("try", "test for the condition with if"),
    ast.With: ("with", _PLAIN),
    ast.Yield: ("yield", _LOOP),
    ast.YieldFrom: ("yield from", _LOOP),
}


def refuse(what: str, filename: str, node: ast.AST, hint: str | None = None) -> NoReturn:
    """Raise a `CompileError` that points at a node of the user's code."""
    raise CompileError(what, where=f"{filename}:{getattr(node, 'lineno', 0)}", hint=hint)


def check_syntax(function: ast.FunctionDef | ast.Lambda, filename: str) -> None:
    """Refuse constructs that cannot be compiled.

    Parameters
    ----------
    function : ast.FunctionDef or ast.Lambda
        With the line numbers of the file.
    filename : str
        For the message.

    Raises
    ------
    CompileError
        At the first such construct, with its line and a way out.
    """
    for node in ast.walk(function):
        found = _REFUSED.get(type(node))
        if found is not None:
            refuse(f"{found[0]} cannot be compiled", filename, node, found[1])
        if isinstance(node, ast.Call) and any(k.arg is None for k in node.keywords):
            refuse("** in a call cannot be compiled", filename, node, "name the arguments")
    if isinstance(function, ast.FunctionDef) and function.args.kwarg is not None:
        refuse("**kwargs cannot be compiled", filename, function, "name the arguments")

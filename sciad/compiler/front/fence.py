"""Refuses, before anything else, syntax that has no compiled form; shows the user's line."""

from __future__ import annotations

import ast
from typing import NoReturn

from sciad.core.errors import CompileError

__all__ = ["OTHERWISE", "check_syntax", "refuse"]

#: The way out that there always is.
OTHERWISE = (
    "leave it uncompiled: without sciad.jit, or with sciad.jit(fallback=True), it runs eagerly"
)
_SAME = "the program fails here without sciad too: mend"
#: Ways out of refusals that give none themselves, by what their message contains.
_WAYS_OUT = (
    ("out of range", f"{_SAME} the index"),
    ("out of bounds", f"{_SAME} the index"),
    ("division by zero", f"{_SAME} the divisor"),
    ("do not fit together", f"{_SAME} the shapes"),
    ("with different shapes", f"{_SAME} the shapes"),
    ("different lengths", "cut the longer one to the length of the shorter one first"),
    ("negative length", f"{_SAME} the length"),
    ("are unpacked into", f"{_SAME} the number of names"),
    ("lacks the argument", f"{_SAME} the call"),
    ("unexpected argument", f"{_SAME} the call"),
    (" arguments, got ", f"{_SAME} the call"),
    ("must not be zero", f"{_SAME} the step"),
    ("keyword-only", "make them ordinary parameters"),
    ("keyword arguments", "give the arguments by position"),
    ("complex numbers", "compute with real and imaginary parts"),
    ("bit arithmetic", "use *, // and % with powers of two"),
    ("step of a slice", "write a constant step, or a loop over range"),
    ("the target of a loop", "give the loop variable a plain name"),
    ("do not settle", "begin with the type the loop ends with: 0.0 instead of 0"),
    ("augmented assignment", "write x = x + ... with a name of its own"),
    ("keys that are not constants", "write the keys as literals"),
    ("an async function", "make it a plain function"),
)
_LOOP = "use a for loop over range(...)"
_PLAIN = "move it out of the compiled function"
_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.AsyncFor: ("async for", _PLAIN),
    ast.AsyncFunctionDef: ("an async function", _PLAIN),
    ast.AsyncWith: ("async with", _PLAIN),
    ast.Await: ("await", _PLAIN),
    ast.ClassDef: ("a class definition", "define the class outside"),
    ast.DictComp: ("a dict comprehension", "write the dict out, its keys must be constants"),
    ast.Global: ("global", "return the value instead"),
    ast.Import: ("import", "import at the top of the module"),
    ast.ImportFrom: ("import", "import at the top of the module"),
    ast.Set: ("a set", "use a tuple"),
    ast.SetComp: ("a set comprehension", "use a list comprehension"),
    ast.Try: ("try", "test for the condition with if"),
    ast.Yield: ("yield", _LOOP),
    ast.YieldFrom: ("yield from", _LOOP),
}


def refuse(what: str, filename: str, node: ast.AST, hint: str | None = None) -> NoReturn:
    """Raise a `CompileError` that points at a node of the user's code."""
    where = f"{filename}:{getattr(node, 'lineno', 0)}"
    raise CompileError(what, where=where, hint=hint or _way_out(what))


def _way_out(what: str) -> str:
    return next((hint for part, hint in _WAYS_OUT if part in what), OTHERWISE)


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

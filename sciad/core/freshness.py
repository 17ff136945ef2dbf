"""Whether the text of a file is still what a function of this process was made from.

A function's file is read when its source is first needed. If the file was edited after it was
imported, text and running code differ; what is made from the text would then compute something else
than Python does. The text is compiled once more and its bytecode compared.
"""

from __future__ import annotations
import __future__ as futures

import ast
import functools
import linecache
import threading
import types

__all__ = ["is_fresh", "lines_of"]

_FUTURE = functools.reduce(
    lambda flags, name: flags | getattr(futures, name).compiler_flag, futures.all_feature_names, 0
)
_lock = threading.Lock()
_REWRITTEN = "__sciad"  # prefix of the names that following a function eagerly puts into its code


def lines_of(filename: str) -> tuple[str, ...]:
    """Lines of a file or notebook cell; one thread at a time, which `linecache` needs."""
    with _lock:
        return tuple(linecache.getlines(filename))


def is_fresh(code: types.CodeType, tree: ast.AST) -> bool:
    """Tell whether a file still holds the code that runs.

    Parameters
    ----------
    code : CodeType
        Of a function.
    tree : ast.AST
        What was found in the file. Where it has an ``assert``, nothing can be said, since test
        runners replace those; the answer is yes.
    """
    if _is_rewritten(code):
        return True
    if any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        return True
    lines = lines_of(code.co_filename)
    known = _codes(code.co_filename, lines, code.co_flags & _FUTURE)
    if known is None:
        return True
    return any(_same(code, c) for c in known.get((code.co_firstlineno, code.co_name), ()))


def _is_rewritten(code: types.CodeType) -> bool:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return any(n.startswith(_REWRITTEN) for n in code.co_names) or any(map(_is_rewritten, inner))


@functools.lru_cache(maxsize=64)
def _codes(
    filename: str, lines: tuple[str, ...], flags: int
) -> dict[tuple[int, str], list[types.CodeType]] | None:
    """All code objects of a file by first line and name; None if it does not compile as a whole."""
    try:
        module = compile("".join(lines), filename, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    found: dict[tuple[int, str], list[types.CodeType]] = {}
    front = [module]
    while front:
        code = front.pop()
        found.setdefault((code.co_firstlineno, code.co_name), []).append(code)
        front.extend(c for c in code.co_consts if isinstance(c, types.CodeType))
    return found


def _same(a: types.CodeType, b: types.CodeType) -> bool:
    for name in ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars"):
        if getattr(a, name) != getattr(b, name):
            return False
    if len(a.co_consts) != len(b.co_consts):
        return False
    return all(
        _same(x, y)
        if isinstance(x, types.CodeType) and isinstance(y, types.CodeType)
        else repr(x) == repr(y) or (isinstance(x, frozenset) and x == y)
        for x, y in zip(a.co_consts, b.co_consts, strict=True)
    )

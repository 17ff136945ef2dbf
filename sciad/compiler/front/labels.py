"""Names of a program's inputs: those of the user's parameters and of what he captures."""

from __future__ import annotations

import keyword
import re
import types

from sciad.core.tree import TreeDef

__all__ = ["leaf_names"]


def leaf_names(function: types.FunctionType, treedef: TreeDef) -> list[str]:
    """Name every leaf of ``(args, captured)``: `x`, `p_rate` for ``p["rate"]``, `rates_0`."""
    code = function.__code__
    parameters = code.co_varnames[: code.co_argcount]
    args, captures = treedef.children
    names: list[str] = []
    for k, child in enumerate(args.children):
        first = parameters[k] if k < len(parameters) else "arg"
        if isinstance(child, TreeDef):
            names += [_plain(f"{first}{path}") for path in child.paths()]
    if isinstance(captures, TreeDef):
        names += [_plain(path) for path in captures.paths()]
    return names


def _plain(path: str) -> str:
    name = re.sub(r"\W+", "_", path, flags=re.ASCII).strip("_")
    usable = name.isidentifier() and not keyword.iskeyword(name) and name != "v"
    return name if usable else f"arg_{name}".strip("_")

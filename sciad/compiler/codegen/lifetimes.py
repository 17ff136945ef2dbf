"""After which statement an array is not needed any more.

Numba gives memory back after the last use. So does this: an array that is made in a list of
statements and mentioned nowhere else goes after the last of them that mentions it; all others
go when the function is left, or when their name is bound again.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from sciad.compiler.codegen.reading import Scopes, inner_lists, mentions

__all__ = ["ends"]


def ends(body: list[ast.stmt], names: Iterable[str], scopes: Scopes) -> dict[ast.stmt, list[str]]:
    """List for statements the arrays that nothing mentions after them."""
    found: dict[ast.stmt, list[str]] = {}
    single = [n for n in names if n in scopes.single and n not in scopes.params]
    _search(body, set(single), found)
    return found


def _search(body: list[ast.stmt], names: set[str], found: dict[ast.stmt, list[str]]) -> None:
    bound: set[str] = set()
    last: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.Assign):
            bound |= names.intersection(mentions(node.targets[0]))
        for name in names.intersection(mentions(node)):
            last[name] = node
    for name in bound:
        if not isinstance(last[name], ast.Return):
            found.setdefault(last[name], []).append(name)
    rest = names - bound
    for node in body:
        for inner in inner_lists(node):
            _search(inner, rest, found)

"""A quick look at the structure of arguments: the answer of `sciad.core.tree`, cheaper to compare.

A solve of a small model takes some 20 microseconds; flattening its arguments into a general tree
and hashing it would take as long. Ordinary arguments (floats, float arrays, ints, strings, in
dicts, lists and tuples) are therefore described by nested tuples, which Python hashes and compares
in C.
"""

from types import CodeType
from typing import Any

import numpy as np

from sciad.core.tracer import Array, Scalar, is_wrapped, primal_of
from sciad.core.tree import flatten

__all__ = ["scan"]

_NUMBERS = frozenset({float, np.float64, Scalar})
_CONSTANTS = frozenset({int, str, bool, type(None), CodeType})


class _Unusual(Exception):
    """The structure needs the general tree."""


def scan(tree: Any) -> tuple[list[Any], Any]:
    """Take a tree apart.

    Returns
    -------
    leaves : list
        The same leaves, in the same order, as `sciad.core.tree.flatten`.
    key : hashable
        Equal for trees with equal structures, constants and shapes of leaves.
    """
    leaves: list[Any] = []
    try:
        return leaves, _scan(tree, leaves)
    except _Unusual:
        found, treedef = flatten(tree)
        plain = [primal_of(leaf) if is_wrapped(leaf) else leaf for leaf in found]
        return found, (treedef, tuple(np.shape(leaf) for leaf in plain))


def _scan(tree: Any, leaves: list[Any]) -> Any:
    kind = type(tree)
    if kind in _NUMBERS:
        leaves.append(tree)
        return None
    if kind is dict:
        return dict, tuple(tree), tuple([_scan(value, leaves) for value in tree.values()])
    if kind is tuple or kind is list:
        return kind, tuple([_scan(value, leaves) for value in tree])
    if kind in _CONSTANTS:
        return kind, tree
    if kind is np.ndarray or kind is Array:
        plain = primal_of(tree)
        if type(plain) is np.ndarray and plain.dtype == np.float64:
            leaves.append(tree)
            return np.ndarray, plain.shape
    raise _Unusual

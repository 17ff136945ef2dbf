"""Tangents and cotangents that a user gives, brought to the structure of what they belong to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sciad.core.errors import InputError
from sciad.core.tracer import dtype_of, is_wrapped, shape_of
from sciad.core.tree import TreeDef, is_leaf, split_node

__all__ = ["Fit", "matching"]


class Fit:
    """How a given tree is laid over a structure.

    Parameters
    ----------
    what : str
        The transformation, for messages.
    held : bool
        What is not differentiable in the structure is held: a number given for it must be zero.
    """

    def __init__(self, what: str, held: bool) -> None:
        self.what, self.held = what, held

    def fail(self, path: str, message: str, hint: str | None = None) -> InputError:
        """Make an error about a place of the tree."""
        place = f" at {path}" if path else ""
        return InputError(f"{self.what}{place}: {message}", hint=hint)


def matching(given: Any, treedef: TreeDef, values: Sequence[Any], fit: Fit) -> list[Any]:
    """Leaves of a given tree in the order of a structure.

    Parameters
    ----------
    given : tree
        Dicts may have their keys in any order, lists may stand for tuples, whole numbers for
        floats, and ``None`` for zeros.
    treedef : TreeDef
        The structure.
    values : sequence
        Its leaves: shapes and types are theirs.
    fit : Fit
        For messages.

    Returns
    -------
    list
        One number or array for each leaf.

    Raises
    ------
    InputError
        If the structure or a shape differs, or a complex number is given for a real one.
    """
    leaves: list[Any] = []
    _walk(given, treedef, iter(values), leaves, "", fit)
    return leaves


def _walk(
    given: Any, node: Any, values: Iterator[Any], leaves: list[Any], path: str, fit: Fit
) -> None:
    if type(node) is not TreeDef:
        _check_held(given, path, fit)
    elif node.kind is None:
        leaves.append(_leaf(given, next(values), path, fit))
    elif node.kind is tuple and node.meta == "constant":
        _check_held(given, path, fit)
    elif given is None:
        leaves.extend(_zeros(next(values)) for _ in range(node.num_leaves))
    else:
        parts = _children(given, node, path, fit)
        for label, part, child in zip(node.labels(), parts, node.children, strict=True):
            _walk(part, child, values, leaves, path + label, fit)


def _children(given: Any, node: TreeDef, path: str, fit: Fit) -> Sequence[Any]:
    kind = node.kind
    assert kind is not None
    expected = f"{len(node.children)} expected, as in {node!r}"
    if issubclass(kind, dict):
        keys = [constant.value for constant in node.meta[0]]
        if not isinstance(given, Mapping):
            raise fit.fail(path, f"a {type(given).__name__} was given where a dict is expected")
        if set(given) != set(keys):
            raise fit.fail(path, f"the keys {sorted(map(str, given))} were given, {keys} expected")
        return [given[key] for key in keys]
    if issubclass(kind, list | tuple):
        if not isinstance(given, list | tuple):
            raise fit.fail(path, f"one {type(given).__name__} was given, {expected}")
        if len(given) != len(node.children):
            raise fit.fail(path, f"{len(given)} parts were given, {expected}")
        return given
    found = split_node(given) if type(given) is kind else None
    if found is None or len(found[0]) != len(node.children):
        raise fit.fail(path, f"a {type(given).__name__} was given, a {kind.__name__} is expected")
    return found[0]


def _check_held(given: Any, path: str, fit: Fit) -> None:
    if not fit.held or given is None or not isinstance(given, int | float | complex | np.generic):
        return
    if not isinstance(given, np.number | int | float | complex) or given == 0:
        return
    raise fit.fail(
        path,
        f"{given!r} was given for something that is not differentiated",
        "give None for it; pass floats (1.0 instead of 1) as arguments to differentiate",
    )


def _leaf(given: Any, value: Any, path: str, fit: Fit) -> Any:
    if given is None:
        return _zeros(value)
    if isinstance(given, int | np.integer | np.bool_):
        given = float(given)
    elif type(given) is np.ndarray and given.dtype.kind in "iub":
        given = given.astype(float)
    if not is_wrapped(given) and not is_leaf(given):
        raise fit.fail(
            path,
            f"a {type(given).__name__} was given, expected is a number or an array of shape"
            f" {shape_of(value)}",
        )
    if shape_of(given) != shape_of(value):
        raise fit.fail(
            path,
            f"an array of shape {shape_of(given)} was given where the function has"
            f" {shape_of(value)}",
        )
    if dtype_of(given).kind == "c" and dtype_of(value).kind != "c":
        raise fit.fail(path, "a complex number was given where the function has a real one")
    return given


def _zeros(value: Any) -> Any:
    return np.zeros(shape_of(value), dtype_of(value))[()]

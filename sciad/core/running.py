"""Runs of a function on traced values, in reverse and in forward mode, and their arguments."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sciad.core.buffer import detach, operand
from sciad.core.dispatch import call
from sciad.core.dual import ForwardTrace
from sciad.core.errors import InputError
from sciad.core.tape import ReverseTrace, sweep
from sciad.core.tracer import Array, is_wrapped, primal_of
from sciad.core.tree import TreeDef, flatten, gradient_tree, unflatten

__all__ = ["ArgNums", "Arguments", "ReverseRun", "forward_run", "overlapping"]

ArgNums = int | Sequence[int]


def _input_value(leaf: Any) -> Any:
    """Take a leaf as an input one level down: later writes to it do not count."""
    if type(leaf) is Array:
        return detach(leaf)
    return leaf


def overlapping(leaves: Sequence[Any], others: Sequence[Any] = ()) -> frozenset[int]:
    """Numbers of the leaves that share memory with another leaf, or with one of some others.

    Boxed, each becomes an array of its own: a write into one would not be seen in the other.
    """
    arrays = [(k, leaf) for k, leaf in enumerate(leaves) if type(leaf) is np.ndarray]
    rest = [other for other in others if type(other) is np.ndarray]
    if len(arrays) + len(rest) < 2 or not arrays:
        return frozenset()
    return frozenset(
        k
        for k, array in arrays
        if any(np.may_share_memory(array, other) for j, other in arrays if j != k)
        or any(np.may_share_memory(array, other) for other in rest)
    )


class ReverseRun:
    """One run of a function in reverse mode: value, and products from the left.

    Parameters
    ----------
    function : callable
        Takes the list of boxed leaves.
    leaves : list
        Inputs.
    shared : frozenset of int
        See `overlapping`.
    """

    def __init__(
        self,
        function: Callable[[list], Any],
        leaves: list,
        shared: frozenset[int] = frozenset(),
    ) -> None:
        trace = ReverseTrace()
        self.leaves = leaves
        self.entries, self.kept = trace.entries, trace.kept
        try:
            boxed = [trace.input(_input_value(leaf)) for leaf in leaves]
            for k in shared:
                boxed[k].shared = True
            result = function(boxed)
            outputs, self.treedef = flatten(result)
            pairs = [operand(out, trace) for out in outputs]
        finally:
            trace.close()
        self.values = [value for value, _ in pairs]
        self.nodes = [node for _, node in pairs]

    def value(self) -> Any:
        """Give what the function returned, one level down."""
        return unflatten(self.treedef, self.values)

    def pull(self, cotangents: Sequence[Any]) -> list[Any]:
        """Cotangents of the input leaves."""
        self.kept.verify()
        pairs = zip(self.nodes, cotangents, strict=True)
        adjoints = sweep(self.entries, [(node, ct) for node, ct in pairs if node is not None])
        return [
            _finished(adjoints.slots[k], leaf, k in adjoints.owned)
            for k, leaf in enumerate(self.leaves)
        ]


def _finished(cotangent: Any, leaf: Any, owned: bool) -> Any:
    """Give a cotangent the shape and type of its leaf, and memory of its own."""
    if is_wrapped(cotangent) or (type(cotangent) is float and type(leaf) is float):
        return cotangent
    plain = primal_of(leaf) if is_wrapped(leaf) else leaf
    if type(plain) is float:
        return float(np.real(cotangent)) if np.ndim(cotangent) == 0 else cotangent
    if not isinstance(plain, np.ndarray):
        kind = type(plain)
        return kind(np.real(cotangent) if issubclass(kind, np.floating) else cotangent)
    if type(cotangent) is np.ndarray and cotangent.shape == plain.shape:
        if owned and cotangent.dtype == plain.dtype:
            return cotangent
    elif type(cotangent) is float:
        return np.full(plain.shape, cotangent, plain.dtype)
    elif np.shape(cotangent) != plain.shape:
        cotangent = np.broadcast_to(cotangent, plain.shape)
    if plain.dtype.kind == "f" and np.iscomplexobj(cotangent):
        cotangent = np.real(cotangent)
    return np.array(cotangent, plain.dtype)


def forward_run(
    function: Callable[[list], Any],
    leaves: list,
    tangents: list,
    directions: int,
    shared: frozenset[int] = frozenset(),
) -> tuple[TreeDef, list, list]:
    """(structure, values, tangents or None) of a run in forward mode."""
    trace = ForwardTrace(directions)
    try:
        boxed = [
            leaf if t is None else trace.input(_input_value(leaf), t)
            for leaf, t in zip(leaves, tangents, strict=True)
        ]
        for k in shared:
            if tangents[k] is not None:
                boxed[k].shared = True
        outputs, treedef = flatten(function(boxed))
        pairs = [operand(out, trace) for out in outputs]
    finally:
        trace.close()
    return treedef, [v for v, _ in pairs], [t for _, t in pairs]


class Arguments:
    """The differentiated arguments of a call, as leaves, and the way back to a call."""

    def __init__(self, fun: Any, args: tuple, kwargs: dict, argnums: ArgNums, what: str) -> None:
        self.fun, self.args, self.kwargs = fun, args, kwargs
        self.single = isinstance(argnums, int | np.integer)
        self.argnums = _checked_argnums(argnums, len(args), what)
        trees = [flatten(args[k]) for k in self.argnums]
        self.treedefs = [treedef for _, treedef in trees]
        self.leaves = [leaf for leaves, _ in trees for leaf in leaves]
        held = [a for k, a in enumerate(args) if k not in self.argnums]
        self.shared = overlapping(self.leaves, [*held, *kwargs.values()])
        for k, (leaves, _) in zip(self.argnums, trees, strict=True):
            if not leaves:
                raise InputError(
                    f"{what}: argument {k} of {name_of(fun)} is {described(args[k])} and has"
                    " nothing to differentiate",
                    hint="pass floats (1.0 instead of 1) or arrays of floats",
                )

    def run(self, leaves: list) -> Any:
        """Call the function with other leaves in its differentiated arguments."""
        args = list(self.args)
        for k, part, treedef in zip(self.argnums, self.split(leaves), self.treedefs, strict=True):
            args[k] = unflatten(treedef, part)
        return call(self.fun, *args, **self.kwargs)

    def split(self, leaves: list) -> list[list]:
        """Sort a list of leaves by argument."""
        parts, start = [], 0
        for treedef in self.treedefs:
            parts.append(leaves[start : start + treedef.num_leaves])
            start += treedef.num_leaves
        return parts

    def gradient(self, leaves: list) -> Any:
        """Gradient of one argument, or a tuple for several."""
        parts = zip(self.treedefs, self.split(leaves), strict=True)
        trees = tuple(gradient_tree(treedef, part) for treedef, part in parts)
        return trees[0] if self.single else trees


def _checked_argnums(argnums: ArgNums, count: int, what: str) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int | np.integer) else tuple(argnums)
    for k in numbers:
        if not -count <= k < count:
            raise InputError(f"{what}: argnums = {argnums}, but {count} positional arguments given")
    return tuple(int(k) % count for k in numbers)


def name_of(fun: Any) -> str:
    return getattr(fun, "__qualname__", None) or repr(fun)


def described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    return f"of type {type(value).__name__}"

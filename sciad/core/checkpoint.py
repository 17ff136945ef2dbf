"""Checkpointing: nothing is recorded; what the backward pass needs is computed again."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from sciad.core.apply import bind
from sciad.core.captured import Captured
from sciad.core.entries import run as run_followed
from sciad.core.errors import LostDerivativeError, TracingError, user_location
from sciad.core.running import ReverseRun, memory_of, name_of, overlapping, unrecorded
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import (
    Array,
    Trace,
    dtype_of,
    level_of,
    primal_of,
    top_trace,
    trace_of,
)
from sciad.core.tree import TreeDef, unflatten

__all__ = [
    "Suspended",
    "checkpoint",
    "compare",
    "own_memory",
    "refuse_escaped",
    "refuse_writes",
    "suspended",
    "tied",
]

#: Numbers of results and of inputs that share memory.
Ties = tuple[frozenset[int], frozenset[int]]


def checkpoint(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function whose inside is not recorded but computed again for the backward pass.

    In reverse mode only the arguments of a call are kept. The memory of a program that consists of
    k checkpointed parts is that of its largest part plus k sets of arguments, for one more
    evaluation of each part. Calls may be nested. Derivatives are those of `fun`, to any order.

    Parameters
    ----------
    fun : callable
        Function of any arguments that returns a tree. It may close over traced values, directly or
        through containers, functions and objects. Its result must be determined by what it is
        given; printing and the like happen again when it is computed again.

    Returns
    -------
    callable
        With the arguments of `fun`.

    Raises
    ------
    TracingError
        If `fun` writes into its arguments, or into variables, containers or objects that it closes
        over.
    LostDerivativeError
        By the backward pass, if `fun` gives something else when it is computed again.

    Examples
    --------
    >>> import numpy as np
    >>> import sciad
    >>> @sciad.checkpoint
    ... def layer(x, w):
    ...     return np.tanh(x * w)
    >>> def loss(w):
    ...     x = np.ones(3)
    ...     for _ in range(4):
    ...         x = layer(x, w)
    ...     return np.sum(x)
    >>> round(sciad.grad(loss)(0.5), 12) == round(
    ...     sciad.grad(lambda w: 3 * np.tanh(w * np.tanh(w * np.tanh(w * np.tanh(w)))))(0.5), 12
    ... )
    True

    References
    ----------
    A. Griewank, A. Walther, "Evaluating Derivatives", SIAM 2008, chapter 12.
    """

    @functools.wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        captured = Captured((fun, args, kwargs))
        if type(top_trace(captured.leaves)) is not ReverseTrace:
            return run_followed(fun, *args, **kwargs)
        part = _Part(captured, name_of(fun))
        outputs, treedef, ties = part.outputs(captured.leaves, frozenset())
        refuse_writes(outputs, captured.leaves, ties)
        return unflatten(treedef, outputs)

    return checkpointed


class _Part:
    """A call that can be done again with other leaves."""

    def __init__(self, captured: Captured, name: str) -> None:
        self.captured, self.name = captured, name

    def outputs(
        self, leaves: Sequence[Any], moving: frozenset[int]
    ) -> tuple[list[Any], TreeDef, Ties]:
        """Leaves and structure of the result, and what of them shares memory.

        `moving` are the leaves that are traced further up.
        """
        trace = top_trace(leaves)
        if type(trace) is not ReverseTrace:
            found, treedef = unrecorded(*self.partial(leaves, sorted(moving)))
            return own_memory(found, leaves), treedef, tied(found, leaves)
        rule = _Recomputed(self, trace, leaves, moving)
        results = list(bind(rule, *leaves))
        assert rule.treedef is not None
        return results, rule.treedef, rule.ties

    def partial(
        self, leaves: Sequence[Any], moving: Sequence[int]
    ) -> tuple[Callable[[list], Any], list[Any]]:
        """Make the call a function of some of the leaves; give it and these leaves."""

        def main(boxed: list) -> Any:
            full = list(leaves)
            for k, value in zip(moving, boxed, strict=True):
                full[k] = value
            rebuilt = self.captured.rebuilt(full)
            fun, args, kwargs = rebuilt.tree
            result = run_followed(fun, *args, **kwargs)
            rebuilt.verify(self.name)
            return result

        return main, [leaves[k] for k in moving]


class _Recomputed:
    """Rule of one call in one transformation."""

    def __init__(
        self, part: _Part, trace: ReverseTrace, leaves: Sequence[Any], moving: frozenset[int]
    ) -> None:
        self.part, self.trace, self.name = part, trace, part.name
        self.active = [k for k, leaf in enumerate(leaves) if trace_of(leaf) is trace]
        self.moving = moving | set(self.active)
        self.treedef: TreeDef | None = None
        self.ties: Ties = frozenset(), frozenset()

    def value(self, *leaves: Any) -> tuple:
        """Call without recording."""
        with suspended(self.trace, self.name):
            outputs, self.treedef, self.ties = self.part.outputs(leaves, self.moving)
        refuse_escaped(outputs, self.trace, self.name)
        return tuple(outputs)

    def vjp(self, cotangents: tuple, out: tuple, *leaves: Any) -> tuple:
        """Record the call and pull back through it."""
        run = ReverseRun(*self.part.partial(leaves, self.active), name=self.name)
        compare(run.values, out, self.name)
        found: list[Any] = [None] * len(leaves)
        for k, cotangent in zip(self.active, run.pull(cotangents), strict=True):
            found[k] = cotangent
        return tuple(found)

    def jvp(self, tangents: tuple, out: Any, *args: Any) -> Any:
        """Not asked for: in forward mode the function itself is run."""
        raise AssertionError


# Shared with loops -------------------------------------------------------------------------------


class Suspended(Trace):
    """A transformation while a checkpointed function runs: nothing can be recorded."""

    name: str

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TracingError(
            f"{self.name} is checkpointed and reaches a traced value that sciad cannot find from"
            " outside (in a global variable, or hidden in an object)",
            where=user_location(),
            hint="pass the value as an argument",
        )


@contextlib.contextmanager
def suspended(trace: Trace, name: str) -> Iterator[None]:
    """Let every use of a transformation's values raise."""
    kind, state = trace.__class__, dict(trace.__dict__)
    trace.__dict__.clear()
    trace.__dict__.update(level=state["level"], name=name)
    trace.__class__ = Suspended
    try:
        yield
    finally:
        trace.__dict__.clear()
        trace.__dict__.update(state)
        trace.__class__ = kind


def own_memory(results: Sequence[Any], leaves: Sequence[Any]) -> list[Any]:
    """Results, copied where they share memory with an input, or with each other."""
    copied = tied(results, leaves)[0]
    return [np.copy(value) if k in copied else value for k, value in enumerate(results)]


def tied(results: Sequence[Any], leaves: Sequence[Any]) -> Ties:
    """Numbers of the results that share memory with others or with inputs, and of these inputs."""
    return overlapping(results, leaves), _sharing(leaves, results)


def _sharing(leaves: Sequence[Any], results: Sequence[Any]) -> frozenset[int]:
    arrays = [memory for value in results if (memory := memory_of(value)) is not None]
    return frozenset(
        k
        for k, leaf in enumerate(leaves)
        if (memory := memory_of(leaf)) is not None
        and any(np.may_share_memory(memory, array) for array in arrays)
    )


def refuse_writes(results: Sequence[Any], leaves: Sequence[Any], ties: Ties) -> None:
    """Let writes raise that would have to be seen in another array, which has memory of its own."""
    for values, places in zip((results, leaves), ties, strict=True):
        for k in places:
            if type(values[k]) is Array:
                root = values[k].owner if values[k].owner is not None else values[k]
                root.shared = True


def refuse_escaped(outputs: Sequence[Any], trace: Trace, name: str) -> None:
    """Raise if a result belongs to a transformation inside the one that is recorded."""
    if any(level_of(value) >= trace.level for value in outputs):
        raise TracingError(
            f"{name} is checkpointed and reaches a traced value that sciad cannot find from outside"
            " (in a global variable, or hidden in an object)",
            where=user_location(),
            hint="pass the value as an argument",
        )


def compare(again: Sequence[Any], first: Sequence[Any], name: str) -> None:
    """Raise `LostDerivativeError` if a function gave something else when it was computed again."""
    if len(again) != len(first) or not all(map(_agree, again, first)):
        raise LostDerivativeError(
            f"{name} is checkpointed and gave another result when it was computed again",
            hint="it must depend on its arguments only: no random numbers drawn inside, and nothing"
            " it reads may change between the call and the backward pass",
        )


def _agree(again: Any, first: Any) -> bool:
    a, b = np.asarray(primal_of(again)), np.asarray(primal_of(first))
    if a.shape != b.shape:
        return False
    # traced code may sum in another order than the plain one
    limit = 1e1 * np.sqrt(np.finfo(dtype_of(b)).eps) * np.max(np.abs(b), initial=0.0)
    with np.errstate(all="ignore"):
        return bool(np.all((a == b) | (np.abs(a - b) <= limit) | (np.isnan(a) & np.isnan(b))))

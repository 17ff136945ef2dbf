"""Loops with few stored states: binomial checkpointing."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciad.core.apply import bind
from sciad.core.captured import Captured
from sciad.core.checkpoint import compare, refuse_escaped, suspended
from sciad.core.entries import run as run_followed
from sciad.core.errors import InputError
from sciad.core.revolve import fewest_snapshots, split
from sciad.core.running import ReverseRun, lasting, name_of, overlapping, unrecorded
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import dtype_of, shape_of, top_trace, trace_of
from sciad.core.tree import Constant, TreeDef, flatten, rebuild, unflatten

__all__ = ["CheckpointReport", "checkpoint_loop"]


@dataclass
class CheckpointReport:
    """What a `checkpoint_loop` did, counted up over all its calls.

    Attributes
    ----------
    snapshots : int
        States that may be stored at once, the initial one included.
    stored : int
        Most states that were stored at once.
    forward : int
        Steps computed to get the value.
    recomputed : int
        Steps computed again in backward passes.
    recorded : int
        Steps recorded in backward passes, each for its own derivative.
    """

    snapshots: int = 0
    stored: int = 0
    forward: int = 0
    recomputed: int = 0
    recorded: int = 0


def checkpoint_loop(
    step: Callable[..., Any],
    state: Any,
    n_steps: int | None = None,
    *args: Any,
    xs: Any = None,
    snapshots: int | None = None,
    memory: float | None = None,
    report: CheckpointReport | None = None,
) -> Any:
    """Repeat a step many times; the backward pass stores few states and computes the others again.

    ``for k in range(n_steps): state = step(state, *args)``, with ``step(state, x, *args)`` if
    `xs` is given, where x is the k-th slice of `xs`. In reverse mode at most `snapshots` states are
    stored, at the places where the fewest steps have to be repeated (binomial checkpointing).
    Derivatives are exact, to any order, for the initial state, `args`, `xs` and traced values that
    `step` closes over.

    Parameters
    ----------
    step : callable
        Gives the next state, a tree of the same structure and shapes. It may write into the state
        it is given, but not into other arrays.
    state : tree
        Initial state. It is not changed: the loop works on a copy.
    n_steps : int
        Number of steps; may be left out if `xs` is given.
    *args
        Further arguments of `step`.
    xs : tree of arrays, optional
        One slice along the leading axis for each step: ``xs=np.arange(n)`` numbers the steps.
    snapshots : int, optional
        States that may be stored, the initial one included. By default the fewest with which no
        step is repeated more than twice, about ``sqrt(2 n_steps)``.
    memory : float, optional
        Instead of `snapshots`: bytes that the stored states may take (at least one is stored).
    report : CheckpointReport, optional
        Its counts are increased.

    Returns
    -------
    tree
        The final state.

    Raises
    ------
    InputError
        If a step changes the structure or the shapes of the state, or an option is wrong.
    TracingError
        If a step writes into an argument, or into something it closes over.
    LostDerivativeError
        By the backward pass, if a step gives something else when it is computed again.

    Examples
    --------
    >>> import numpy as np
    >>> import sciad
    >>> def final(rate):
    ...     euler = lambda y: y + 0.01 * rate * y
    ...     return sciad.checkpoint_loop(euler, 1.0, 100, snapshots=5)
    >>> round(sciad.grad(final)(1.0), 10) == round(1.01**99, 10)
    True

    References
    ----------
    A. Griewank, A. Walther, "Algorithm 799: Revolve", ACM TOMS 26 (2000) 19-45.
    """
    slices = _Slices(xs)
    count = _length(n_steps, slices)
    loop = _Loop(step, args, slices, count, report or CheckpointReport())
    leaves, treedef = flatten(state)
    loop.limit(snapshots, memory, leaves)
    loop.sizes = len(leaves), len(slices.leaves)
    everything = [*leaves, *slices.leaves, *loop.captured.leaves]
    outputs, treedef = loop.outputs(treedef, everything, frozenset())
    return unflatten(treedef, outputs)


def _length(n_steps: Any, slices: "_Slices") -> int:
    if n_steps is None:
        if slices.length is None:
            raise InputError("checkpoint_loop: n_steps or xs must be given")
        return slices.length
    if not isinstance(n_steps, int | np.integer) or isinstance(n_steps, bool) or n_steps < 0:
        raise InputError(f"checkpoint_loop: n_steps must be a whole number, not {n_steps!r}")
    if slices.length not in (None, n_steps):
        raise InputError(
            f"checkpoint_loop: n_steps is {n_steps}, but xs has {slices.length} entries"
        )
    return int(n_steps)


class _Slices:
    """Trees of arrays of which a step gets one slice."""

    def __init__(self, xs: Any) -> None:
        self.given = xs is not None
        self.leaves, self.treedef = flatten(xs)
        lengths = {len(a) for a in self._constants(self.treedef)}
        for leaf in self.leaves:
            if not shape_of(leaf):
                raise InputError(
                    "checkpoint_loop: xs must be a tree of arrays with a leading axis of steps, it"
                    f" has a {type(leaf).__name__}",
                    hint="np.array(...) a list of numbers; pass what is the same for all steps as"
                    " an argument",
                )
            lengths.add(shape_of(leaf)[0])
        if len(lengths) > 1:
            raise InputError(f"checkpoint_loop: the arrays in xs have the lengths {lengths}")
        self.length = lengths.pop() if lengths else None

    def _constants(self, node: Any) -> list:
        """Arrays of ints and ranges."""
        if isinstance(node, Constant):
            return [node.value] if isinstance(node.value, np.ndarray | range) else []
        return [a for child in node.children for a in self._constants(child)]

    def tree(self, k: int, leaves: Sequence[Any]) -> tuple:
        """Slice `k` as further arguments of the step."""
        if not self.given:
            return ()

        def constant(held: Constant) -> Any:
            array = held.value
            return array[k] if isinstance(array, np.ndarray | range) else array

        return (rebuild(self.treedef, leaves, constant),)


_State = tuple[list[Any], TreeDef]


class _Loop:
    """A loop that can be run again with other leaves (of state, slices and what is captured)."""

    sizes: tuple[int, int]

    def __init__(
        self,
        step: Callable[..., Any],
        args: tuple,
        slices: _Slices,
        count: int,
        report: CheckpointReport,
    ) -> None:
        self.name = name_of(step)
        self.captured = Captured((step, args))
        self.slices, self.count, self.report = slices, count, report
        self.snapshots = 1

    def limit(self, snapshots: Any, memory: Any, leaves: list) -> None:
        """Set the number of states that may be stored."""
        if snapshots is not None and memory is not None:
            raise InputError("checkpoint_loop: give snapshots or memory, not both")
        if memory is not None:
            size = sum(dtype_of(v).itemsize * int(np.prod(shape_of(v))) for v in leaves)
            snapshots = max(1, int(memory // max(size, 1)))
        elif snapshots is None:
            snapshots = fewest_snapshots(self.count, 2)
        if not isinstance(snapshots, int | np.integer) or snapshots < 1:
            raise InputError(f"checkpoint_loop: snapshots must be at least 1, not {snapshots!r}")
        self.snapshots = self.report.snapshots = int(snapshots)

    def parts(self, leaves: Sequence[Any]) -> tuple[list, list, list]:
        """Leaves of the state, of the slices, and those captured."""
        a, b = self.sizes
        return list(leaves[:a]), list(leaves[a : a + b]), list(leaves[a + b :])

    def outputs(self, treedef: TreeDef, leaves: Sequence[Any], moving: frozenset[int]) -> _State:
        """Leaves and structure of the final state; `moving` are the leaves traced further up."""
        trace = top_trace(leaves)
        if type(trace) is not ReverseTrace:
            found, treedef = self.forward(treedef, leaves, moving, [])
            return list(map(lasting, found)), treedef
        rule = _Backward(self, treedef, trace, leaves, moving)
        results = list(bind(rule, *leaves))
        assert rule.final is not None
        return results, rule.final

    def forward(
        self, treedef: TreeDef, leaves: Sequence[Any], moving: frozenset[int], stored: list
    ) -> _State:
        """Run all steps, and store states for the way back in `stored`."""
        size = self.sizes[0]
        places = _first_places(self.count, self.snapshots)
        copies = {id(leaf): lasting(leaf) for leaf in leaves[:size]}  # one of each
        state: _State = [copies[id(leaf)] for leaf in leaves[:size]], treedef
        for here, there in zip([0, *places], [*places, self.count], strict=True):
            stored.append((here, state))
            state = self.advance(state, here, there, leaves, moving)
        self.report.forward += self.count
        self.report.stored = max(self.report.stored, len(stored))
        return state

    def advance(
        self, state: _State, start: int, stop: int, leaves: Sequence[Any], moving: frozenset[int]
    ) -> _State:
        """Run some steps without recording."""
        if start == stop:
            return state
        main, inputs = self.partial(state, start, stop, leaves, moving)
        if moving:
            return unrecorded(main, inputs)
        return flatten(main(inputs))

    def partial(
        self,
        state: _State,
        start: int,
        stop: int,
        leaves: Sequence[Any],
        moving: Collection[int],
        offset: int = 0,
    ) -> tuple[Callable[[list], Any], list[Any]]:
        """Make some steps a function of the state and of the moving leaves; give it and these.

        The arrays of slices in `leaves` begin with that of step `offset`.
        """
        size, first = len(state[0]), self.sizes[0]
        places = [k for k in sorted(moving) if k >= first]

        def main(boxed: list) -> Any:
            full = list(leaves)
            for k, value in zip(places, boxed[size:], strict=True):
                full[k] = value
            _, xs, captured = self.parts(full)
            rebuilt = self.captured.rebuilt(captured)
            step, args = rebuilt.tree
            now: _State = boxed[:size], state[1]
            for k in range(start, stop):
                slices = self.slices.tree(k, [x[k - offset] for x in xs])
                result = run_followed(step, unflatten(now[1], now[0]), *slices, *args)
                now = self.checked(result, now, k)
            rebuilt.verify(self.name)
            return unflatten(now[1], now[0])

        return main, [*state[0], *(leaves[k] for k in places)]

    def checked(self, result: Any, before: _State, k: int) -> _State:
        """Leaves of the next state, which must be like those before."""
        leaves, treedef = flatten(result)
        shapes, expected = list(map(shape_of, leaves)), list(map(shape_of, before[0]))
        if shapes != expected:
            raise InputError(
                f"checkpoint_loop: step {k} of {self.name} changes the state: numbers and arrays"
                f" of shapes {expected} before, {shapes} after",
                hint="the state must keep its structure; start with floats (0.0, not 0)",
            )
        return leaves, treedef


def _first_places(count: int, snapshots: int) -> list[int]:
    """Choose the steps at which the first way through stores a state, besides the start."""
    places, here, free = [], 0, snapshots
    while free > 1 and count - here > 1:
        here += split(count - here, free)
        free -= 1
        places.append(here)
    return places


class _Backward:
    """Rule of one loop in one transformation."""

    def __init__(
        self,
        loop: _Loop,
        treedef: TreeDef,
        trace: ReverseTrace,
        leaves: Sequence[Any],
        moving: frozenset[int],
    ) -> None:
        self.loop, self.treedef, self.trace, self.name = loop, treedef, trace, loop.name
        self.active = [k for k, leaf in enumerate(leaves) if trace_of(leaf) is trace]
        self.moving = moving | set(self.active)
        self.stored: list[tuple[int, _State]] = []
        self.final: TreeDef | None = None

    def value(self, *leaves: Any) -> tuple:
        """Run without recording."""
        with suspended(self.trace, self.name):
            if type(top_trace(leaves)) is ReverseTrace:
                outputs, self.final = self.loop.outputs(self.treedef, leaves, self.moving)
            else:
                found = self.loop.forward(self.treedef, leaves, self.moving, self.stored)
                outputs, self.final = list(map(lasting, found[0])), found[1]
        refuse_escaped(outputs, self.trace, self.name)
        return tuple(outputs)

    def vjp(self, cotangents: tuple, out: tuple, *leaves: Any) -> tuple:
        """Walk back, from the stored states; those stored on the way forward are used once."""
        loop, report = self.loop, self.loop.report
        size = loop.sizes[0]
        stored = self.stored or [(0, (list(map(lasting, leaves[:size])), self.treedef))]
        self.stored = []
        sums = _Sums(self, leaves)
        bar, stop = list(cotangents), loop.count
        while stop > 0:
            here, state = stored[-1]
            free = loop.snapshots - len(stored)
            report.stored = max(report.stored, len(stored))
            if stop - here > 1 and free:
                there = here + split(stop - here, free + 1)
                report.recomputed += there - here
                stored.append((there, loop.advance(state, here, there, leaves, self.moving)))
                continue
            report.recomputed += stop - 1 - here
            state = loop.advance(state, here, stop - 1, leaves, self.moving)
            values, bar = sums.step_back(state, stop - 1, bar)
            if stop == loop.count:
                compare(values, out, self.name)
            stop -= 1
            if stop == here:
                stored.pop()
        return (*bar, *sums.result())

    def jvp(self, tangents: tuple, out: Any, *args: Any) -> Any:
        """Not asked for: in forward mode the loop itself is run."""
        raise AssertionError


class _Sums:
    """Cotangents of what all steps share, and of the slices, collected on the way back."""

    def __init__(self, rule: _Backward, leaves: Sequence[Any]) -> None:
        self.loop, self.leaves = rule.loop, leaves
        self.first, self.slices = rule.loop.sizes
        self.places = [k for k in rule.active if k >= self.first]
        self.totals: dict[int, Any] = {}
        self.rows: dict[int, list[Any]] = {k: [] for k in self.places if self._is_slice(k)}

    def _is_slice(self, k: int) -> bool:
        return k < self.first + self.slices

    def step_back(self, state: _State, k: int, bar: list) -> tuple[list, list]:
        """Record step `k` and pull back: what it gave, and the cotangent of the state before."""
        rows = list(self.leaves)
        for place in range(self.first, self.first + self.slices):
            rows[place] = rows[place][k : k + 1]
        loop = self.loop
        main, inputs = loop.partial(state, k, k + 1, rows, self.places, offset=k)
        run = ReverseRun(main, inputs, overlapping(inputs), name=loop.name)
        loop.report.recorded += 1
        loop.checked(run.value(), state, k)
        pulled = run.pull(bar)
        size = len(state[0])
        for place, cotangent in zip(self.places, pulled[size:], strict=True):
            if place in self.rows:
                self.rows[place].append(cotangent)
            elif place in self.totals:
                self.totals[place] = self.totals[place] + cotangent
            else:
                self.totals[place] = cotangent
        return run.values, pulled[:size]

    def result(self) -> list[Any]:
        """Cotangents of the slices and of what is captured."""
        found = {k: np.concatenate(row[::-1]) for k, row in self.rows.items() if row}
        found.update(self.totals)
        return [found.get(k) for k in range(self.first, len(self.leaves))]

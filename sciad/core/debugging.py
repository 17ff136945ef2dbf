"""A debugging mode: warnings about outputs and arguments that have nothing to do with each other.

While it is on, the tape of a transformation also notes the user's line for each entry, and calls of
functions without derivative on traced values are noted. What is not on costs nothing.
"""

import contextlib
import contextvars
import linecache
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sciad.core.adjoints import ZERO, Adjoints
from sciad.core.buffer import operand
from sciad.core.errors import SciadWarning, user_location
from sciad.core.sweep import sweep
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import Trace, dtype_of, is_wrapped, primal_of, shape_of, trace_of
from sciad.core.tree import TreeDef, flatten

__all__ = [
    "DependencyWarning",
    "NonFiniteWarning",
    "Watch",
    "debugged",
    "debugging",
    "note_cut",
    "watching",
]


class DependencyWarning(SciadWarning):
    """An output does not depend on what is differentiated, or an argument influences no output."""


class NonFiniteWarning(SciadWarning):
    """A backward pass has made an infinite cotangent, or one that is not a number."""


_on = contextvars.ContextVar("sciad_debugging", default=False)
#: Watched transformations that run now, by level; empty unless somebody is debugging.
_watched: dict[int, "Watch"] = {}

#: Functions without derivative that ask for the form of a value, not for the value.
# fmt: off
_QUESTIONS = frozenset((
    "shape", "ndim", "size", "result_type", "can_cast", "min_scalar_type", "common_type",
    "iscomplexobj", "isrealobj", "isreal", "iscomplex", "isscalar", "isnan", "isinf", "isfinite",
    "isneginf", "isposinf", "isclose", "allclose", "array_equal", "array_equiv", "shares_memory",
    "may_share_memory", "zeros_like", "ones_like", "empty_like", "broadcast_shapes", "print",
    "array2string", "array_str", "array_repr", "bool", "truth", "not_",
))
# fmt: on


@contextlib.contextmanager
def debugging() -> Iterator[None]:
    """Warn where a derivative is zero because nothing connects argument and output, or not finite.

    Inside the ``with`` block, every transformation warns

    - when an output depends on none of the arguments (`DependencyWarning`),
    - when an argument influences no output, with the function without derivative that cuts the
      connection, if there is one (`DependencyWarning`),
    - when a backward pass makes an infinite cotangent or one that is not a number out of finite
      ones, with the line of the operation (`NonFiniteWarning`).

    It holds for the thread (or the asynchronous task) that entered the block. Transformations are
    slower in it, by some microseconds for each operation; outside it costs nothing.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> import sciad
    >>> with warnings.catch_warnings(record=True) as found, sciad.debugging():
    ...     warnings.simplefilter("always")
    ...     _ = sciad.grad(lambda x: np.floor(x) * 2.0)(1.5)
    >>> "floor" in str(found[0].message)
    True
    """
    token = _on.set(True)
    try:
        yield
    finally:
        _on.reset(token)


def debugged() -> bool:
    """Whether debugging is on."""
    return _on.get()


def watching(
    trace: Trace, what: str, name: str, paths: Callable[[], list[str]] | None
) -> "Watch | None":
    """Watch over a transformation that begins, if debugging is on."""
    if not _on.get():
        return None
    watch = _watched[trace.level] = Watch(trace, what, name, paths)
    return watch


def is_watching() -> bool:
    """Whether debugging is on."""
    return _on.get()


def note_cut(function: Any, args: Sequence[Any]) -> None:
    """Note that a function without derivative is called, where an argument is watched."""
    if not _watched:
        return
    for value in flatten(tuple(args))[0]:
        while is_wrapped(value):
            trace = trace_of(value)
            watch = None if trace is None else _watched.get(trace.level)
            if watch is not None:
                watch.cut(function, value)
            value = value.value


class _Noted(list):
    """A tape that notes where its entries come from."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def append(self, entry: Any) -> None:
        """Record an entry."""
        super().append(entry)
        self.places.append(user_location())


class Watch:
    """What is noted about one transformation.

    Parameters
    ----------
    trace : Trace
        It.
    what, name : str
        The transformation and the function, for messages.
    paths : callable, optional
        Gives the names of the inputs.
    """

    def __init__(
        self, trace: Trace, what: str, name: str, paths: Callable[[], list[str]] | None
    ) -> None:
        self.trace, self.what, self.name, self.paths = trace, what, name, paths
        self.where = user_location()
        self.cuts: list[tuple[str, str, Any, Any]] = []
        self.reported: set[str] = set()
        if type(trace) is ReverseTrace:
            trace.entries = _Noted()

    def end(self) -> None:
        """Stop noting: the function has returned."""
        _watched.pop(self.trace.level, None)

    def cut(self, function: Any, value: Any) -> None:
        """Note a function without derivative and its argument."""
        name = getattr(function, "__name__", type(function).__name__)
        if name in _QUESTIONS:
            return
        module = (getattr(function, "__module__", None) or "").partition(".")[0]
        shown = f"{module}.{name}" if module not in ("", "builtins") else name
        shown = f"numpy.{name}" if isinstance(function, np.ufunc) else shown
        node = operand(value, self.trace)[1]
        ones = np.ones(shape_of(value), dtype_of(value))[()]
        self.cuts.append((shown, user_location(), node, ones))

    def warn(self, message: str, category: type[Warning] = DependencyWarning) -> None:
        """Warn once, at the place of the transformation."""
        if message in self.reported:
            return
        self.reported.add(message)
        file, _, line = self.where.rpartition(":")
        number = int(line) if line.isdigit() else 1
        warnings.warn_explicit(f"{self.what}: {message}", category, file or "<unknown>", number)

    def check_outputs(self, nodes: Sequence[Any], treedef: TreeDef) -> None:
        """Warn about outputs that are constants."""
        for path, node in zip(treedef.paths("its value"), nodes, strict=True):
            if node is None:
                through = self._through(self.cuts)
                self.warn(f"{path} depends on no differentiated argument of {self.name}{through}")
        if treedef.num_leaves == 0:
            self.warn(f"{self.name} returns no number that could depend on its arguments")

    def _through(self, cuts: list) -> str:
        places = sorted({f"{name} at {place}" for name, place, _, _ in cuts})
        return f" (a derivative ends in {', '.join(places)})" if places else ""

    def check_inputs(self, entries: list, seeds: list, count: int) -> None:
        """Warn about inputs that reach no output."""
        reached = sweep(entries, seeds).slots[:count] if seeds else [ZERO] * count
        paths = self.paths() if self.paths is not None else [f"input {k}" for k in range(count)]
        for k, path in enumerate(paths):
            if reached[k] is not ZERO:
                continue
            cuts = [cut for cut in self.cuts if self._reaches(entries, cut, k)]
            reason = "nothing that leads to the output uses its value, except in conditions"
            if cuts:
                places = sorted({f"{name} at {place}" for name, place, _, _ in cuts})
                reason = f"it reaches the output only through {' and '.join(places)}"
            self.warn(f"argument {path} does not influence the value of {self.name}: {reason}")

    def _reaches(self, entries: list, cut: tuple, k: int) -> bool:
        _, _, node, ones = cut
        return node is not None and sweep(entries, [(node, ones)]).slots[k] is not ZERO

    def sweep(self, entries: list, seeds: list, run: Any) -> Adjoints:
        """Sweep back, and check what comes out."""
        if not self.reported:
            ones = [np.ones(shape_of(v), dtype_of(v))[()] for v in run.values]
            pairs = zip(run.nodes, ones, strict=True)
            self.check_outputs(run.nodes, run.treedef)
            self.check_inputs(
                entries, [(node, one) for node, one in pairs if node is not None], len(run.leaves)
            )
            self.reported.add("")
        adjoints = sweep(entries, seeds)
        if not _all_finite(adjoints.slots) and all(_all_finite([ct]) for _, ct in seeds):
            self._locate(entries, seeds)
        return adjoints

    def _locate(self, entries: list, seeds: list) -> None:
        """Find the entry after which a cotangent is not finite any more, by bisection."""
        wrong, right = 0, len(entries)  # sweeps down to here: not finite, finite
        while right - wrong > 1:
            middle = (wrong + right) // 2
            partial = [None] * middle + list(entries[middle:])
            if _all_finite(sweep(partial, seeds).slots):
                right = middle
            else:
                wrong = middle
        place = entries.places[wrong] if isinstance(entries, _Noted) else "<unknown>"
        file, _, line = place.rpartition(":")
        text = linecache.getline(file, int(line)).strip() if line.isdigit() else ""
        self.warn(
            f"a cotangent becomes infinite or not a number, backwards through {self.name}, at or"
            f" just before {place}" + (f": {text}" if text else ""),
            NonFiniteWarning,
        )


def _all_finite(slots: Sequence[Any]) -> bool:
    return all(slot is ZERO or bool(np.all(np.isfinite(primal_of(slot)))) for slot in slots)

"""The user's model at the border: compiled if possible, Python callbacks otherwise.

What is known about a model (its code, the structure of its arguments) is found out once: compiling
it, calling it in Python to see that it returns the right kind of thing, comparing the two values.
Later solves only look it up.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from sciad.core.errors import CompileError, InputError, IntegrationError, TracingError
from sciad.core.swallowed import settled
from sciad.ode.callback import Callbacks
from sciad.ode.kernels.probe import evaluate, evaluate_jvp, evaluate_vjp
from sciad.ode.rightside import RightSide, describe
from sciad.ode.trajectory import Pace
from sciad.ode.warning import SlowModelWarning, warn_user

__all__ = ["Model", "bind_model"]

AGREEMENT = 1e-8
#: Seconds; a model that takes longer in Python is not tried there a second time.
LONGEST_TRIAL = 0.005
#: Models whose constants change on every call (a counter in a closure) must not fill the memory.
MOST_KNOWN = 512


@dataclass
class Known:
    """What is known about a model with arguments of one structure.

    Attributes
    ----------
    native : object or None
        The compiled model; None if it runs in Python.
    start : tuple
        Time, state and parameters at which the model was tried first.
    seconds : float
        How long that took in Python.
    addresses : dict
        Addresses of its compiled forms by name, once they have been asked for.
    refused : set
        Derivatives that cannot be compiled.
    """

    native: Any
    start: tuple[float, np.ndarray, np.ndarray]
    seconds: float
    pace: Pace = field(default_factory=Pace)
    addresses: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def holds(self, function: Callable[..., Any]) -> bool:
        """Whether what was compiled is still what `function` does; not if a helper was replaced."""
        return self.native is None or self.native.holds(function)


_known: dict[Any, Known] = {}
_warned: set[Any] = set()
_lock = threading.Lock()


class Model:
    """A model with the parameters of one solve: addresses for the kernels, errors for the user.

    Attributes
    ----------
    compiled : bool
        Whether the value is machine code.
    pace : Pace
    """

    __slots__ = ("_callbacks", "_known", "_n", "_right_side", "pace")

    def __init__(self, known: Known, right_side: RightSide, n: int) -> None:
        self._known = known
        self._right_side = right_side
        self._n = n
        self._callbacks: Callbacks | None = None
        self.pace = known.pace

    @property
    def compiled(self) -> bool:
        """Whether the model runs as machine code."""
        return self._known.native is not None

    @property
    def callbacks(self) -> Callbacks:
        """The model as Python functions."""
        if self._callbacks is None:
            self._callbacks = Callbacks(self._right_side, self._n)
        return self._callbacks

    @property
    def value(self) -> int:
        """Address of the model's value."""
        return self._address("value")

    @property
    def jvp(self) -> int:
        """Address of the derivative along one direction."""
        return self._address("jvp")

    @property
    def vjp(self) -> int:
        """Address of the transposed derivative."""
        return self._address("vjp")

    def _address(self, which: str) -> int:
        known = self._known
        if which in known.addresses:
            return known.addresses[which]
        if known.native is not None and which not in known.refused:
            try:
                address = getattr(known.native, which)
                if which != "value":
                    self._verify(which, address)
                known.addresses[which] = address
                return address
            except (CompileError, TracingError) as error:
                known.refused.add(which)
                _warn(self._right_side.function, error, "its derivative")
        return getattr(self.callbacks, which)

    def _verify(self, which: str, address: int) -> None:
        """Compare a compiled derivative once with the eager one, where that is quick."""
        t, y, p = self._known.start
        if self._known.seconds > LONGEST_TRIAL:
            return
        probe = evaluate_jvp if which == "jvp" else evaluate_vjp
        given = np.cos(1.0 + np.arange(self._n if which == "vjp" else 1 + self._n + p.size))
        size = 2 * self._n if which == "jvp" else 1 + self._n + p.size
        found, expected = np.zeros(size), np.zeros(size)
        callbacks = Callbacks(self._right_side, self._n)
        with callbacks.watched():
            probe(getattr(callbacks, which), t, y, p, given, expected)
        if callbacks.failure is not None:
            if not isinstance(callbacks.failure[0], Exception):
                raise callbacks.failure[0]  # Ctrl-C
            settled(callbacks.failure[0])
            return  # the eager derivative has its own limits
        status = probe(address, t, y, p, given, found)
        if status != 0 or not _close(found, expected):
            raise CompileError(
                f"the compiled {which} at t = {t!r} is {found}, the eager one {expected}",
                where=self.where,
                hint="please report this model as a bug of sciad",
            )

    @property
    def where(self) -> str | None:
        """Where the user's function is defined."""
        return describe(self._right_side.function)[1]

    def run(self, kernel: Callable[..., int], *args: Any) -> int:
        """Run a kernel that evaluates the model; raise what a callback raised."""
        callbacks = self._callbacks
        if callbacks is None:
            return kernel(*args)
        with callbacks.watched():
            status = kernel(*args)
        self.raise_stored()
        return status

    def raise_stored(self) -> None:
        """Raise what a callback caught, with a note of time and state."""
        callbacks = self._callbacks
        if callbacks is not None and callbacks.failure is not None:
            error, t, y = callbacks.failure
            callbacks.failure = None
            raise _noted(error, t, y)

    def reraise(self, t: float, y: np.ndarray, p: np.ndarray) -> NoReturn:
        """Raise what made the model fail at (t, y): a compiled model is run again in Python."""
        self.raise_stored()
        try:
            self._right_side(t, y.copy(), self.callbacks.leaves(p))
        except Exception as error:
            raise _noted(error, t, y) from None
        raise IntegrationError(
            f"the compiled model failed at t = {t:.17g}, y = {y}; the same call in Python works",
            where=self.where,
        )


def _noted(error: BaseException, t: float, y: np.ndarray) -> BaseException:
    if y.size:  # else the exception came before the model was called
        error.add_note(f"raised by the model at t = {t!r}, y = {np.array2string(y, threshold=20)}")
    return error


def bind_model(
    right_side: RightSide, t0: float, y0: np.ndarray, p: np.ndarray, plain_leaves: list[Any]
) -> Model:
    """Find or build what the kernels need of a model.

    Parameters
    ----------
    right_side : RightSide
    t0, y0, p
        Start of the solve and packed parameters: the model is tried there when it is new.
    plain_leaves : list
        The leaves without derivatives.

    Raises
    ------
    Exception
        What the model raised at the start, with a note of time and state.
    """
    key = (_code_of(right_side.function), right_side.structure, y0.size)
    known = _known.get(key)
    if known is not None and not known.holds(right_side.function):
        with _lock:
            _known.pop(key, None)
        known = None
    if known is None:
        began = time.perf_counter()
        first = _try_in_python(right_side, t0, y0, plain_leaves)
        seconds = time.perf_counter() - began
        known = Known(_compile(right_side, y0.size), (t0, y0.copy(), p.copy()), seconds)
        model = Model(known, right_side, y0.size)
        if known.native is not None and not _agrees(model, right_side, first, t0, y0, p):
            known.native = None
            known.addresses.clear()
        with _lock:
            if len(_known) >= MOST_KNOWN:
                del _known[next(iter(_known))]
            known = _known.setdefault(key, known)
    return Model(known, right_side, y0.size)


def _code_of(function: Callable[..., Any]) -> Any:
    """Return what functions that differ only in their captured values have in common."""
    inner = getattr(function, "func", None)
    if inner is not None:
        return type(function), _code_of(inner)
    inner = getattr(function, "__func__", function)
    return getattr(inner, "__code__", None) or type(inner)


def _try_in_python(
    right_side: RightSide, t0: float, y0: np.ndarray, plain_leaves: list[Any]
) -> np.ndarray:
    try:
        # Copies: what the model writes to is the user's.
        out = right_side(t0, y0.copy(), [np.copy(leaf)[()] for leaf in plain_leaves])
    except InputError:
        raise
    except Exception as error:
        raise _noted(error, t0, y0) from None
    if getattr(out, "dtype", None) is not None and out.dtype.kind == "c":
        name, where = describe(right_side.function)
        raise InputError(f"the model {name} returned complex values for a real state", where=where)
    return out


def _compile(right_side: RightSide, n: int) -> Any:
    from sciad.compiler.native import native

    try:
        made = native(right_side.function, n, n, right_side.args)
        _ = made.value  # compiles on first access
    except (CompileError, TracingError) as error:
        _warn(right_side.function, error, "it")
        return None
    return made


def _warn(function: Callable[..., Any], error: Exception, what: str) -> None:
    name, _ = describe(function)
    reason = (_code_of(function), what, str(error))
    if reason in _warned:
        return
    _warned.add(reason)
    warn_user(
        f"the model {name} runs in Python, which is slow, because {what} cannot be compiled: "
        f"{error}",
        SlowModelWarning,
    )


def _agrees(
    model: Model, right_side: RightSide, first: np.ndarray, t0: float, y0: np.ndarray, p: np.ndarray
) -> bool:
    """Compare the compiled model with the Python function once; warn if they differ."""
    out = np.empty(y0.size)
    status = evaluate(model.value, t0, y0, p, out)
    expected = np.asarray(first, dtype=float)
    if status == 0 and _close(out, expected):
        return True
    error = IntegrationError(
        f"the compiled value at t = {t0!r} is {out}, Python gives {expected}", where=model.where
    )
    _warn(right_side.function, error, "its compiled form disagrees with it, so that it")
    return False


def _close(found: np.ndarray, expected: np.ndarray) -> bool:
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(found)):
        return False
    scale = 1.0 + np.abs(expected[finite]).max(initial=0.0)
    return bool(np.all(np.abs(found[finite] - expected[finite]) <= AGREEMENT * scale))

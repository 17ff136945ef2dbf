"""A model as Python callbacks behind the kernels' interface: for models that cannot be compiled.

The kernel calls a C function made by `ctypes`; exceptions are caught, kept, announced by a
status, and raised again when the kernel has returned, with a note of the time and state. The
products with the Jacobian come from the eager derivatives of `sciad.core`.

A signal handler (Ctrl-C) may raise between the C function and the first line of the Python function
behind it, where nobody can catch it: `ctypes` hands such an exception to `sys.unraisablehook` and
returns an undefined status. While a kernel runs, that hook is therefore watched.
"""

import ctypes
import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from sciad.core.errors import InputError, LostDerivativeError
from sciad.core.tracer import is_traced, is_wrapped, primal_of
from sciad.core.transforms import jvp, vjp
from sciad.ode.inputs import Part
from sciad.ode.rightside import RightSide, describe

__all__ = ["Callbacks"]

_double, _pointer = ctypes.c_double, ctypes.c_void_p
_VALUE = ctypes.CFUNCTYPE(ctypes.c_int32, _double, _pointer, _pointer, _pointer)
_JVP = ctypes.CFUNCTYPE(
    ctypes.c_int32, _double, _pointer, _pointer, _double, _pointer, _pointer, _pointer, _pointer
)
_VJP = ctypes.CFUNCTYPE(
    ctypes.c_int32, _double, _pointer, _pointer, _pointer, _pointer, _pointer, _pointer
)


class Callbacks:
    """C functions of one solve that evaluate the user's Python function.

    Parameters
    ----------
    right_side : RightSide
        The user's function.
    n : int
        Number of components.

    Attributes
    ----------
    value, jvp, vjp : int
        Addresses; valid as long as this object lives.
    failure : tuple or None
        The exception that stopped a callback, and the time and state of that call.
    """

    def __init__(self, right_side: RightSide, n: int) -> None:
        self._right_side = right_side
        self._n = n
        _ = right_side.treedef  # now: the model may change its containers when it runs
        self._parts: list[Part] = []
        self._size = 0
        for leaf in right_side.leaves:
            shape = np.shape(primal_of(leaf) if is_wrapped(leaf) else leaf)
            part = Part(self._size, self._size + math.prod(shape), shape)
            self._parts.append(part)
            self._size = part.stop
        self.failure: tuple[BaseException, float, np.ndarray] | None = None

    @cached_property
    def value(self) -> int:
        """Address of the model's value."""
        return self._address(_VALUE, self._value)

    @cached_property
    def jvp(self) -> int:
        """Address of the derivative along one direction."""
        return self._address(_JVP, self._jvp)

    @cached_property
    def vjp(self) -> int:
        """Address of the transposed derivative."""
        return self._address(_VJP, self._vjp)

    def _address(self, kind: Any, function: Callable[..., None]) -> int:
        def guarded(t: float, y: int, *rest: Any) -> int:
            if self.failure is not None:
                return 1
            try:
                function(t, y, *rest)
            except BaseException as error:  # an exception must not travel through machine code
                self.failure = (error, t, _read(y, self._n))
                return 1
            return 0

        thunk = kind(guarded)
        self.__dict__.setdefault("_alive", []).append(thunk)
        address = ctypes.cast(thunk, _pointer).value
        assert address is not None
        return address

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Keep as `failure` what escapes from a callback while a kernel runs in this thread."""
        running = _running.__dict__.setdefault("callbacks", [])
        running.append(self)
        _watch(1)
        try:
            yield
        finally:
            _watch(-1)
            running.pop()

    def leaves(self, packed: np.ndarray) -> list[Any]:
        """Return packed parameters as a list of scalars and arrays."""
        return [part.read(packed) for part in self._parts]

    def _leaves(self, p: int) -> list[Any]:
        return self.leaves(_read(p, self._size))

    def _evaluate(self, t: Any, y: Any, *leaves: Any) -> Any:
        return self._right_side(t, y, leaves)

    def _value(self, t: float, y: int, p: int, out: int) -> None:
        found = self._right_side.evaluate(t, _read(y, self._n))
        if is_traced(found):
            raise LostDerivativeError(
                "the model uses a traced value that sciad cannot see in its arguments, closure or "
                "globals",
                where=describe(self._right_side.function)[1],
                hint="pass the value through args=(...)",
            )
        if found.dtype.kind == "c":
            raise InputError("the model returned complex values for a real state")
        _view(out, self._n)[:] = found

    def _jvp(
        self, t: float, y: int, p: int, tdot: float, ydot: int, pdot: int, out: int, outdot: int
    ) -> None:
        primals = (t, _read(y, self._n), *self._leaves(p))
        tangents = (tdot, _read(ydot, self._n), *self._leaves(pdot))
        value, tangent = jvp(self._evaluate, primals, tangents)
        _view(out, self._n)[:] = value
        _view(outdot, self._n)[:] = tangent

    def _vjp(self, t: float, y: int, p: int, outbar: int, tbar: int, ybar: int, pbar: int) -> None:
        _, pullback = vjp(self._evaluate, t, _read(y, self._n), *self._leaves(p))
        of_t, of_y, *of_leaves = pullback(_read(outbar, self._n))
        _view(tbar, 1)[0] += of_t
        _view(ybar, self._n)[:] += of_y
        packed = _view(pbar, self._size)
        for part, cotangent in zip(self._parts, of_leaves, strict=True):
            packed[part.start : part.stop] += np.ravel(cotangent)


_running = threading.local()
_lock = threading.Lock()
_watchers = 0
_hook: Any = None


def _watch(change: int) -> None:
    """Put the hook in place before the first kernel runs and take it away after the last."""
    global _watchers, _hook
    with _lock:
        _watchers += change
        if change > 0 and _watchers == 1:
            _hook, sys.unraisablehook = sys.unraisablehook, _keep_escaped
        elif _watchers == 0:
            sys.unraisablehook = _hook


def _keep_escaped(report: Any) -> None:
    running = getattr(_running, "callbacks", ())
    if running and report.exc_value is not None and "ctypes callback" in (report.err_msg or ""):
        if running[-1].failure is None:
            running[-1].failure = (report.exc_value, math.nan, np.empty(0))
    else:
        _hook(report)


def _view(address: int, size: int) -> np.ndarray:
    if size == 0:
        return np.empty(0)
    return np.ctypeslib.as_array((_double * size).from_address(address))


def _read(address: int, size: int) -> np.ndarray:
    return _view(address, size).copy()

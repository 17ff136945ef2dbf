"""Convolutions of scipy.signal, along any number of axes."""

from typing import Any

import numpy as np
import scipy.signal as library

from sciad.core.apply import bind
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.tracer import as_array, dtype_of, is_wrapped, shape_of

__all__ = ["convolve", "convolve2d"]


class Convolution:
    """A part of the full convolution out[k] = sum_i a[i] b[k - i], linear in both.

    The cotangent of a is a_bar[i] = sum_k g[k] conj(b[k - i]): a convolution with the reversed b,
    of which only the part is wanted where all of b takes part.
    """

    def __init__(self, function: Any, mode: str) -> None:
        self.name = f"scipy.signal.{function.__name__}"
        self.function = function
        self.mode = mode

    def value(self, a, b):
        if is_wrapped(a) or is_wrapped(b):
            return bind(self, a, b)
        return self.function(a, b, self.mode)

    def vjp(self, g, out, a, b):
        full = self._as_full(g, shape_of(a), shape_of(b))
        return _back(full, a, b), _back(full, b, a)

    def jvp(self, tangents, out, a, b):
        da, db = tangents
        parts = [] if da is None else [np.stack([self.value(t, b) for t in da])]
        parts += [] if db is None else [np.stack([self.value(a, t) for t in db])]
        return sum(parts[1:], parts[0])

    def _as_full(self, g, shape_a, shape_b):
        """Cotangent of the full convolution."""
        widths = []
        for n, m, kept in zip(shape_a, shape_b, shape_of(g), strict=True):
            starts = {"full": 0, "same": (m - 1) // 2, "valid": min(n, m) - 1}
            widths.append((starts[self.mode], n + m - 1 - starts[self.mode] - kept))
        return np.pad(g, widths)


def _back(full, a, b):
    """Cotangent of `a`, which was convolved with `b`."""
    found = Convolution(library.convolve, "valid").value(full, np.conjugate(np.flip(b)))
    return found if dtype_of(a).kind == "c" else np.real(found)


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """``scipy.signal.convolve``."""

    def function(a, b, mode):
        return library.convolve(a, b, mode, method)

    function.__name__ = "convolve"
    return _convolved(function, in1, in2, mode)


def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: float = 0
) -> Any:
    """``scipy.signal.convolve2d`` with zeros around."""
    if boundary not in ("fill", "pad") or is_wrapped(fillvalue) or fillvalue != 0:
        raise NotDifferentiableError(
            "scipy.signal.convolve2d has no differentiation rule for other boundaries than zeros",
            where=user_location(),
            hint="surround the array by numpy.pad, and take mode='valid'",
        )
    return _convolved(library.convolve2d, in1, in2, mode)


def _convolved(function: Any, in1: Any, in2: Any, mode: str) -> Any:
    a, b = as_array(in1), as_array(in2)
    if not shape_of(a) and not shape_of(b):
        return a * b
    return bind(Convolution(function, mode), a, b)

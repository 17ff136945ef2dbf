"""``numpy.linalg.norm`` of vectors and matrices; at 0 the derivative of a norm is 0."""

import numpy as np

from sciad.core.apply import bind
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.rules.reduce import expand_reduced
from sciad.rules.valued import with_value

__all__: list[str] = []


def _later(axis, rank):
    """Axes of an array, one further: those of its tangents."""
    axes = range(rank) if axis is None else np.atleast_1d(axis)
    return tuple(int(k) % rank + 1 for k in axes)


class PowerNorm:
    """(sum |x|^p)^(1/p) over axes; its derivative is (|x| / norm)^(p-1) x / |x|.

    Parameters
    ----------
    ord, axis, keepdims
        As NumPy gets them, for the value.
    p : float
        The power; 2 for Frobenius' norm too.
    """

    name = "numpy.linalg.norm"

    def __init__(self, ord, axis, keepdims, p):
        self.ord = ord
        self.axis = axis
        self.keepdims = keepdims
        self.p = p

    def value(self, x):
        if is_wrapped(x):
            return bind(self, x)
        return np.linalg.norm(x, self.ord, self.axis, self.keepdims)

    def vjp(self, g, out, x):
        return (self._spread(g, x) * self._slope(out, x),)

    def jvp(self, tangents, out, x):
        product = np.real(tangents[0] * np.conjugate(self._slope(out, x)))
        return np.sum(product, axis=_later(self.axis, len(shape_of(x))), keepdims=self.keepdims)

    def _spread(self, g, x):
        return expand_reduced(g, shape_of(x), self.axis, self.keepdims)

    def _slope(self, out, x):
        size = self._spread(out, x)
        zero = primal_of(size) == 0
        size = np.where(zero, 1.0, size)
        if self.p == 2:
            return np.where(zero, 0.0, x / size)
        modulus = np.abs(x)
        if dtype_of(x).kind == "c":
            none = primal_of(modulus) == 0
            sign = np.where(none, 0.0, x / np.where(none, 1.0, modulus))
        else:
            sign = np.sign(primal_of(x))
        return np.where(zero, 0.0, sign * (modulus / size) ** (self.p - 1.0))


@substitute(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """``np.linalg.norm``."""
    x = as_array(x)
    rank = len(shape_of(x))
    if axis is None and (
        ord is None or (ord in ("f", "fro") and rank == 2) or (ord == 2 and rank == 1)
    ):
        return bind(PowerNorm(ord, None, keepdims, 2), x)
    axes = tuple(range(rank)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if not _is_meant_for(ord, axes, rank) or not np.size(x) or ord == 0:
        return np.linalg.norm(primal_of(x), ord, axis, keepdims)  # a count, or it raises
    axes = tuple(int(k) % rank for k in axes)
    if len(axes) == 1:
        return _of_vectors(x, ord, axes[0], keepdims)
    if ord is None or ord in ("f", "fro"):
        return bind(PowerNorm(ord, axes, keepdims, 2), x)
    return _of_matrices(x, ord, axes, keepdims)


def _is_meant_for(ord, axes, rank):
    """Whether there is such a norm over such axes; if not, NumPy raises."""
    if not all(isinstance(k, int | np.integer) and -rank <= k < rank for k in axes):
        return False
    if len({int(k) % rank for k in axes}) != len(axes):
        return False
    if len(axes) == 1:
        return ord is None or isinstance(ord, int | float | np.number)
    known = (None, "f", "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    return len(axes) == 2 and ord in known


def _of_vectors(x, ord, axis, keepdims):
    if ord is None:
        return bind(PowerNorm(None, axis, keepdims, 2), x)
    if np.isinf(ord):
        extremum = np.max if ord > 0 else np.min
        found = extremum(np.abs(x), axis=axis, keepdims=keepdims)
        return _as_numpy(found, x, ord, axis, keepdims)
    if ord == 1:
        found = np.sum(np.abs(x), axis=axis, keepdims=keepdims)
        return _as_numpy(found, x, ord, axis, keepdims)
    return bind(PowerNorm(ord, axis, keepdims, ord), x)


def _of_matrices(x, ord, axes, keepdims):
    y = np.moveaxis(x, axes, (-2, -1))
    if ord in ("nuc", 2, -2):
        s = np.linalg.svd(y, compute_uv=False)
        found = {"nuc": np.sum, 2: np.max, -2: np.min}[ord](s, axis=-1)
    else:
        sums = np.sum(np.abs(y), axis=-2 if abs(ord) == 1 else -1)
        found = (np.max if ord > 0 else np.min)(sums, axis=-1)
    found = np.expand_dims(found, sorted(axes)) if keepdims else found
    return _as_numpy(found, x, ord, axes, keepdims)


def _as_numpy(found, x, ord, axis, keepdims):
    """Give the norm of complex numbers the value that NumPy rounds it to."""
    if dtype_of(x).kind != "c":
        return found
    plain = np.linalg.norm(primal_of(x), ord, axis, keepdims)
    return with_value(found, plain, "numpy.linalg.norm")

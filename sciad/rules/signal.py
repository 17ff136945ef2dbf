"""Convolution and correlation of sequences, windows."""

import numpy as np

from sciad.core.apply import apply
from sciad.core.rules import Linear, substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.rules.constructors import to_type

__all__: list[str] = []


def _convolved(a, v, mode):
    return np.convolve(a, v, mode)


def _back(g, v, n, mode):
    """Cotangent of a vector of length n that was convolved with `v`.

    out[k] = sum_i a[i] v[k - i], so a_bar[i] = sum_k g[k] conj(v[k - i]).
    """
    shorter = min(n, shape_of(v)[0])
    start = {"full": 0, "same": (shorter - 1) // 2, "valid": shorter - 1}[mode]
    end = n + shape_of(v)[0] - 1 - start - shape_of(g)[0]
    full = np.concatenate([np.zeros(start, dtype_of(g)), g, np.zeros(end, dtype_of(g))])
    return np.convolve(full, np.conjugate(v)[::-1], "valid")


CONVOLUTION = Linear(
    _convolved,
    (0, 1),
    (
        lambda g, a, v, mode: _back(g, v, shape_of(a)[0], mode),
        lambda g, a, v, mode: _back(g, a, shape_of(v)[0], mode),
    ),
)


def _mode(mode):
    """Name of a mode, which NumPy takes as a number or by its first letter too."""
    names = ("valid", "same", "full")
    if isinstance(mode, int | np.integer):
        return names[mode]
    for name in names:
        if str(mode).lower() in (name, name[0]):
            return name
    raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")


def _vectors(a, v):
    a, v = as_array(a), as_array(v)
    return tuple(np.reshape(x, (1,)) if shape_of(x) == () else x for x in (a, v))


@substitute(np.convolve)
def convolve(a, v, mode="full"):
    """``np.convolve``."""
    return apply(CONVOLUTION, _convolved, (*_vectors(a, v), _mode(mode)), {})


@substitute(np.correlate)
def correlate(a, v, mode="valid"):
    """``np.correlate``: convolution with the reversed conjugate."""
    a, v = _vectors(a, v)
    if shape_of(v)[0] > shape_of(a)[0]:
        return np.conjugate(np.correlate(v, a, mode))[::-1]
    return np.convolve(a, np.conjugate(v)[::-1], mode)


@substitute(np.kaiser)
def kaiser(M, beta):
    """``np.kaiser``, differentiable in the shape parameter."""
    count = primal_of(M)
    if count == 1:
        return np.ones(1)
    beta = to_type(beta, float) if is_wrapped(beta) else beta
    place = (np.arange(0, count) - (count - 1) / 2.0) / ((count - 1) / 2.0)
    return np.i0(beta * np.sqrt(1 - place**2.0)) / np.i0(beta)

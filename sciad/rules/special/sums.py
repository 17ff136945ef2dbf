"""``scipy.special.logsumexp``, ``softmax`` and ``log_softmax``, safe from overflow at any order."""

import numpy as np
from scipy import special

from sciad.core.apply import bind
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _axes(axis, rank):
    """Axes counted from the front."""
    axes = range(rank) if axis is None else np.atleast_1d(axis)
    return tuple(int(k) % rank for k in axes)


def _later(axes):
    """Give the axes of tangents, which have one more in front."""
    return tuple(k + 1 for k in axes)


class LogSumExp:
    """log sum b exp(a): its derivatives are the shares b exp(a - out) and exp(a - out).

    Parameters
    ----------
    axes : tuple of int
        Counted from the front.
    keepdims : bool
    sign : array or 1.0
        Of the sum, where the logarithm is that of its modulus.
    """

    name = "scipy.special.logsumexp"

    def __init__(self, axes, keepdims, sign):
        self.axes = axes
        self.keepdims = keepdims
        self.sign = sign

    def value(self, a, b=None):
        if is_wrapped(a) or is_wrapped(b):
            return bind(self, a) if b is None else bind(self, a, b)
        options = {"axis": self.axes, "keepdims": self.keepdims}
        if self.sign is None:
            return special.logsumexp(a, b=b, **options)
        return special.logsumexp(a, b=b, return_sign=True, **options)[0]

    def _expanded(self, g):
        return g if self.keepdims else np.expand_dims(g, self.axes)

    def _relative(self, a, out):
        """Compute exp(a - out), and 0 where all terms are 0."""
        out = self._expanded(out)
        none = primal_of(out) == -np.inf
        found = np.where(none, 0.0, np.exp(a - np.where(none, 0.0, out)))
        return found if self.sign is None else found * self._expanded(self.sign)

    def vjp(self, g, out, a, b=None):
        part = self._expanded(g) * np.conjugate(self._relative(a, out))
        return (part,) if b is None else (part * np.conjugate(b), part)

    def jvp(self, tangents, out, a, b=None):
        part = self._relative(a, out)
        total = 0.0
        for tangent, slope in zip(tangents, (part if b is None else part * b, part), strict=False):
            if tangent is not None:
                missing = len(shape_of(a)) + 1 - len(shape_of(tangent))
                shape = shape_of(tangent)
                tangent = np.reshape(tangent, (shape[0], *(1,) * missing, *shape[1:]))
                total = total + tangent * slope
        return np.sum(total, axis=_later(self.axes), keepdims=self.keepdims)


def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    """``scipy.special.logsumexp``."""
    a = as_array(a)
    b = None if b is None else as_array(b)
    if b is not None:
        shape = np.broadcast_shapes(shape_of(a), shape_of(b))
        a = np.broadcast_to(a, shape)
    sign = None
    if return_sign:
        if dtype_of(a).kind == "c" or (b is not None and dtype_of(b).kind == "c"):
            raise NotDifferentiableError(
                "scipy.special.logsumexp(return_sign=True) of complex numbers",
                where=user_location(),
                hint="leave return_sign out: the result is complex then",
            )
        options = {"axis": axis, "b": primal_of(b), "keepdims": keepdims}
        sign = special.logsumexp(primal_of(a), return_sign=True, **options)[1]
    if not shape_of(a):
        a, axis = np.reshape(a, (1,)), None
        found = bind(LogSumExp((0,), False, sign), a, *(() if b is None else (b,)))
        return (found, sign) if return_sign else found
    rule = LogSumExp(_axes(axis, len(shape_of(a))), bool(keepdims), sign)
    found = bind(rule, a) if b is None else bind(rule, a, b)
    return (found, sign) if return_sign else found


class Softmax:
    """Shares exp(x) / sum exp(x): ds = s (dx - sum s dx)."""

    name = "scipy.special.softmax"

    def __init__(self, axes):
        self.axes = axes

    def value(self, x):
        return bind(self, x) if is_wrapped(x) else special.softmax(x, axis=self.axes)

    def vjp(self, g, out, x):
        return (out * (g - np.sum(g * out, axis=self.axes, keepdims=True)),)

    def jvp(self, tangents, out, x):
        (t,) = tangents
        return out * (t - np.sum(t * out, axis=_later(self.axes), keepdims=True))


def softmax(x, axis=None):
    """``scipy.special.softmax``."""
    x = as_array(x)
    if not shape_of(x):
        return 0.0 * x + 1.0
    return bind(Softmax(_axes(axis, len(shape_of(x)))), x)


class LogSoftmax:
    """x - log sum exp(x), for each element."""

    name = "scipy.special.log_softmax"

    def __init__(self, axes):
        self.axes = axes

    def value(self, x):
        return bind(self, x) if is_wrapped(x) else special.log_softmax(x, axis=self.axes)

    def vjp(self, g, out, x):
        return (g - np.exp(out) * np.sum(g, axis=self.axes, keepdims=True),)

    def jvp(self, tangents, out, x):
        (t,) = tangents
        return t - np.sum(t * np.exp(out), axis=_later(self.axes), keepdims=True)


def log_softmax(x, axis=None):
    """``scipy.special.log_softmax``."""
    x = as_array(x)
    if not shape_of(x):
        return 0.0 * x
    return bind(LogSoftmax(_axes(axis, len(shape_of(x)))), x)

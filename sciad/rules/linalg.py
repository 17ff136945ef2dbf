"""Linear systems, inverse and determinant of dense matrices."""

import numpy as np

from sciad.core.adjoints import unbroadcast
from sciad.core.apply import bind
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import substitute, vjp_rule
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of

__all__: list[str] = []


def _turned(a):
    return np.conjugate(np.swapaxes(a, -1, -2))


# d(A^-1) = -A^-1 dA A^-1
vjp_rule(
    np.linalg.inv,
    vjp=lambda g, out, a: -np.matmul(_turned(out), np.matmul(g, _turned(out))),
    jvp=lambda t, out, a: -np.matmul(out, np.matmul(t, out)),
)


def _solve_back_matrix(g, out, a, b):
    # A x = b: dx = A^-1 (db - dA x), so A_bar = -(A^-H g) x^H
    w = _solved(_turned(a), g, b)
    column = len(shape_of(b)) == 1
    w, x = (w[..., None], out[..., None]) if column else (w, out)
    return unbroadcast(-np.matmul(w, _turned(x)), shape_of(a))


def _solve_back_side(g, out, a, b):
    return unbroadcast(_solved(_turned(a), g, b), shape_of(b))


def _solved(a, g, b):
    """Solve for `g` in the place of `b`: one vector, also for many matrices, or matrices."""
    if len(shape_of(b)) == 1 and len(shape_of(g)) > 1:
        return np.linalg.solve(a, g[..., None])[..., 0]
    return np.linalg.solve(a, g)


def _solve_ahead_matrix(t, out, a, b):
    if len(shape_of(b)) == 1:
        return -_solved(a, np.matmul(t, out[..., None])[..., 0], b)
    return -np.linalg.solve(a, np.matmul(t, out))


vjp_rule(
    np.linalg.solve,
    vjp=(_solve_back_matrix, _solve_back_side),
    jvp=(
        _solve_ahead_matrix,
        lambda t, out, a, b: np.linalg.solve(a, t),
    ),
)

# d det A = det A tr(A^-1 dA)
vjp_rule(
    np.linalg.det,
    vjp=lambda g, out, a: (
        np.expand_dims(g * np.conjugate(out), (-1, -2)) * _turned(np.linalg.inv(a))
    ),
    jvp=lambda t, out, a: out * np.trace(np.matmul(np.linalg.inv(a), t), axis1=-2, axis2=-1),
)


class LogDeterminant:
    """Logarithm of the modulus of the determinant of real matrices."""

    name = "slogdet"

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else np.linalg.slogdet(a)[1]

    def vjp(self, g, out, a):
        return (np.expand_dims(g, (-1, -2)) * np.swapaxes(np.linalg.inv(a), -1, -2),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return np.trace(np.matmul(np.linalg.inv(a), t), axis1=-2, axis2=-1)


@substitute(np.linalg.slogdet)
def slogdet(a):
    """``np.linalg.slogdet`` of real matrices: the sign has no derivative."""
    a = as_array(a)
    if dtype_of(a).kind == "c":
        raise NotDifferentiableError("np.linalg.slogdet of complex matrices", where=user_location())
    return np.linalg.slogdet(primal_of(a))[0], bind(LogDeterminant(), a)

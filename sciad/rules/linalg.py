"""Linear systems, inverses and determinants of dense matrices, also stacks of them.

Products with derivatives are written for one matrix in the comments; M^H is the conjugate
transpose, a cotangent X_bar is dL/dRe X + i dL/dIm X.
"""

import numpy as np

from sciad.core.adjoints import unbroadcast
from sciad.core.apply import bind
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.rules.valued import with_value

__all__ = ["align", "turned"]

#: Above this size a determinant's cofactors are not computed one by one.
MANY = 40
#: Reciprocal condition below which det(A) A^-1 loses digits in second derivatives.
ILL = 1e-5


def turned(a):
    """Conjugate transpose of the last two axes."""
    return np.conjugate(np.swapaxes(a, -1, -2))


def align(t, rank):
    """Tangents with axes of length one after that of the directions, as broadcasting to `rank`."""
    shape = shape_of(t)
    missing = rank + 1 - len(shape)
    return np.reshape(t, (shape[0], *(1,) * missing, *shape[1:])) if missing > 0 else t


class Inverse:
    """Inverse: d(A^-1) = -A^-1 dA A^-1."""

    name = "numpy.linalg.inv"

    def value(self, a):
        return np.linalg.inv(a)

    def vjp(self, g, out, a):
        back = turned(out)
        return (-np.matmul(back, np.matmul(g, back)),)

    def jvp(self, tangents, out, a):
        return -np.matmul(out, np.matmul(tangents[0], out))


@substitute(np.linalg.inv)
def inv(a):
    """``np.linalg.inv``."""
    return bind(Inverse(), as_array(a))


class Solve:
    """Solution of A X = B: dX = A^-1 (dB - dA X)."""

    name = "numpy.linalg.solve"

    def value(self, a, b):
        return np.linalg.solve(a, b)

    def vjp(self, g, out, a, b):
        # B_bar = A^-H X_bar, A_bar = -B_bar X^H
        column = len(shape_of(b)) == 1
        if column:
            g, out = g[..., None], out[..., None]
        w = np.linalg.solve(turned(a), g)
        to_a = unbroadcast(-np.matmul(w, turned(out)), shape_of(a))
        return to_a, unbroadcast(w[..., 0] if column else w, shape_of(b))

    def jvp(self, tangents, out, a, b):
        column = len(shape_of(b)) == 1
        if column:
            out = out[..., None]
        rank = len(shape_of(out))
        right = 0.0
        if tangents[1] is not None:
            right = align(tangents[1][..., None] if column else tangents[1], rank)
        if tangents[0] is not None:
            right = right - np.matmul(align(tangents[0], rank), out)
        found = np.linalg.solve(a, right)
        return found[..., 0] if column else found


@substitute(np.linalg.solve)
def solve(a, b):
    """``np.linalg.solve``: one right side, or a matrix of them."""
    return bind(Solve(), as_array(a), as_array(b))


# Determinants ------------------------------------------------------------------------------------


class Determinant:
    """Determinant: its derivatives are the cofactors."""

    name = "numpy.linalg.det"

    def value(self, a):
        return np.linalg.det(a)

    def vjp(self, g, out, a):
        return (np.expand_dims(g, (-1, -2)) * np.conjugate(_cofactors(a, out)),)

    def jvp(self, tangents, out, a):
        return np.sum(tangents[0] * _cofactors(a, out), axis=(-2, -1))


def _cofactors(a, determinant):
    """Compute det(A) A^-T, from the minors where A is singular or nearly so."""
    plain = primal_of(a)
    size = plain.shape[-1]
    if size <= MANY:
        condition = np.linalg.cond(plain, 1) if plain.size else np.ones(1)
        if not np.all(condition < 1.0 / ILL):
            return _cofactors_of_minors(a, size)
    inverse = np.swapaxes(np.linalg.inv(a), -1, -2)
    return np.expand_dims(determinant, (-1, -2)) * inverse


def _cofactors_of_minors(a, size):
    others = np.array([[k for k in range(size) if k != row] for row in range(size)], dtype=int)
    rows, columns = others[:, None, :, None], others[None, :, None, :]
    signs = (-1.0) ** np.add.outer(np.arange(size), np.arange(size))
    return signs * np.linalg.det(a[..., rows, columns])


@substitute(np.linalg.det)
def det(a):
    """``np.linalg.det``; singular matrices have derivatives too."""
    return bind(Determinant(), as_array(a))


class LogDeterminant:
    """Logarithm of the modulus of the determinant of real matrices: d = tr(A^-1 dA)."""

    name = "numpy.linalg.slogdet"

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else np.linalg.slogdet(a)[1]

    def vjp(self, g, out, a):
        return (np.expand_dims(g, (-1, -2)) * np.swapaxes(np.linalg.inv(a), -1, -2),)

    def jvp(self, tangents, out, a):
        return _trace_of_product(np.linalg.inv(a), tangents[0])


def _trace_of_product(a, b):
    return np.sum(a * np.swapaxes(b, -1, -2), axis=(-2, -1))


class SignLogDeterminant:
    """Phase and logarithm of the modulus of the determinant of complex matrices.

    With c = tr(A^-1 dA): d log = Re c, d sign = i sign Im c.
    """

    name = "numpy.linalg.slogdet"

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else tuple(np.linalg.slogdet(a))

    def vjp(self, g, out, a):
        weight = g[1] + 1j * np.imag(g[0] * np.conjugate(out[0]))
        return (np.expand_dims(weight, (-1, -2)) * turned(np.linalg.inv(a)),)

    def jvp(self, tangents, out, a):
        c = _trace_of_product(np.linalg.inv(a), tangents[0])
        return 1j * out[0] * np.imag(c), np.real(c)


@substitute(np.linalg.slogdet)
def slogdet(a):
    """``np.linalg.slogdet``: the sign of real matrices has no derivative."""
    a = as_array(a)
    plain = np.linalg.slogdet(primal_of(a))
    if dtype_of(a).kind == "c":
        return type(plain)(*bind(SignLogDeterminant(), a))
    return type(plain)(plain[0], bind(LogDeterminant(), a))


# Made of these -----------------------------------------------------------------------------------


@substitute(np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    """``np.linalg.tensorsolve``."""
    a, b = as_array(a), as_array(b)
    rank = len(shape_of(a))
    if axes is not None:
        first = [k for k in range(rank) if k not in axes]
        a = np.transpose(a, (*first, *axes))
    shape = shape_of(a)[len(shape_of(b)) - rank :] if rank > len(shape_of(b)) else ()
    size = int(np.prod(shape))
    if np.size(a) != size**2:
        np.linalg.tensorsolve(primal_of(a), primal_of(b))  # raises
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


@substitute(np.linalg.cond)
def cond(x, p=None):
    """``np.linalg.cond``."""
    x = as_array(x)
    plain = np.linalg.cond(primal_of(x), p)
    if not np.all(np.isfinite(plain)):
        raise NotDifferentiableError(
            "numpy.linalg.cond of a singular matrix has no derivative", where=user_location()
        )
    if p is None or p in (2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    axes = (-2, -1)
    found = np.linalg.norm(x, p, axis=axes) * np.linalg.norm(np.linalg.inv(x), p, axis=axes)
    return with_value(found, plain, "numpy.linalg.cond")

"""Positive semidefinite matrices of scipy.stats, as in the multivariate normal distribution.

SciPy factors the pseudo-inverse of a covariance matrix M as U U^T, with U from eigenvectors, which
have no derivative where eigenvalues repeat. All that uses U depends on U U^T alone; any dU with
d(U U^T) = -U U^T dM U U^T then gives the exact derivative, and dU = -U U^T dM U / 2 is one.
"""

import importlib

import numpy as np

from sciad.core.apply import bind
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, is_wrapped, primal_of
from sciad.rules.decompositions import hermitian

__all__: list[str] = []


class Whitening:
    """Factor U of the pseudo-inverse U U^T of a symmetric matrix of constant rank."""

    name = "scipy.stats: factor of a covariance matrix"

    def __init__(self, plain):
        self.plain = plain

    def value(self, m):
        return self.plain if not is_wrapped(m) else bind(self, m)

    def vjp(self, g, out, m):
        found = -0.5 * np.matmul(np.matmul(out, np.transpose(out)), np.matmul(g, np.transpose(out)))
        return (0.5 * (found + np.transpose(found)),)

    def jvp(self, tangents, out, m):
        (t,) = tangents
        t = 0.5 * (t + np.swapaxes(t, -1, -2))
        return -0.5 * np.matmul(np.matmul(out, np.transpose(out)), np.matmul(t, out))


class LogPseudoDeterminant:
    """Logarithm of the product of the eigenvalues that are not 0: d = tr(U^T dM U)."""

    name = "scipy.stats: log-determinant of a covariance matrix"

    def __init__(self, plain, factor):
        self.plain = plain
        self.factor = factor

    def value(self, m):
        return self.plain if not is_wrapped(m) else bind(self, m)

    def vjp(self, g, out, m):
        factor = bind(Whitening(self.factor), m)
        return (g * np.matmul(factor, np.transpose(factor)),)

    def jvp(self, tangents, out, m):
        factor = bind(Whitening(self.factor), m)
        return np.sum(tangents[0] * np.matmul(factor, np.transpose(factor)), axis=(-2, -1))


@substitute("scipy.stats._multivariate._PSD")
def positive_semidefinite(M, cond=None, rcond=None, lower=True, **options):
    """``scipy.stats._multivariate._PSD``: one triangle of the matrix is read."""
    kind = importlib.import_module("scipy.stats._multivariate")._PSD
    M = as_array(M)
    made = kind(primal_of(M), cond, rcond, lower, **options)
    plain, whole = made.U, hermitian(M, not lower)
    made.U = bind(Whitening(plain), whole)
    made.log_pdet = bind(LogPseudoDeterminant(made.log_pdet, plain), whole)
    made._M = M
    return made

"""Coefficients of explicit Runge-Kutta pairs, as data that checks itself."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sciad.core.errors import InputError

__all__ = ["ExplicitTableau"]

_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class ExplicitTableau:
    r"""An explicit embedded Runge-Kutta pair whose last stage is the first of the next step (FSAL).

    With :math:`k_j = f(t + c_j h,\ w_j)` a step from :math:`(t, y)` is

    .. math:: w_i = y + h \sum_{j<i} a_{ij} k_j, \qquad y_{new} = w_s, \qquad
              e = h \sum_j e_j k_j, \qquad y(t + \theta h) = y + h \sum_j b_j(\theta)\, k_j .

    Parameters
    ----------
    name : str
        The method's name, as given to ``solve_ivp(method=...)``.
    order : int
        Order of the solution that is advanced.
    error_order : int
        Order of the embedded solution; the error estimate is of order ``error_order + 1`` in `h`.
    dense_order : int
        Order of the interpolant.
    a : ndarray, shape (s, s)
        Strictly lower triangular; its last row holds the weights of the solution.
    c : ndarray, shape (s,)
        Nodes.
    e : ndarray, shape (s,)
        Weights of the error estimate, solution minus embedded solution.
    dense : ndarray, shape (s, d)
        ``dense[j, q]`` is the coefficient of :math:`\theta^{q+1}` in :math:`b_j(\theta)`.
    reference : str
        Where the coefficients come from.

    Raises
    ------
    InputError
        If the coefficients contradict each other.
    """

    name: str
    order: int
    error_order: int
    dense_order: int
    a: np.ndarray
    c: np.ndarray
    e: np.ndarray
    dense: np.ndarray
    reference: str

    def __post_init__(self):
        for field in ("a", "c", "e", "dense"):
            array = np.array(getattr(self, field), dtype=float, order="C")
            object.__setattr__(self, field, array)
        for what, residual in self._residuals().items():
            if not np.all(np.abs(residual) < _ROUNDING):
                raise InputError(
                    f"the coefficients of {self.name} are inconsistent: {what} fails "
                    f"by {np.max(np.abs(residual)):.1e}",
                    hint=f"compare them with {self.reference}",
                )

    @property
    def stages(self) -> int:
        """Number of stages, the shared one counted once per step end."""
        return len(self.c)

    @cached_property
    def packed(self) -> np.ndarray:
        """All coefficients in one array: a, a transposed and reversed, c, e, dense."""
        reversed_a = self.a[::-1, ::-1].T
        parts = (self.a, reversed_a, self.c, self.e, self.dense)
        return np.concatenate([part.ravel() for part in parts])

    @property
    def b(self) -> np.ndarray:
        """Weights of the solution, shape (s,)."""
        return self.a[-1]

    def _residuals(self):
        s = self.stages
        if self.a.shape != (s, s) or self.e.shape != (s,) or self.dense.shape[0] != s:
            raise InputError(f"the coefficient arrays of {self.name} differ in their stages")
        return {
            "a is strictly lower triangular": np.triu(self.a),
            "sum_j a_ij = c_i": self.a.sum(axis=1) - self.c,
            "first node is 0": self.c[0],
            "last stage at the end of the step": self.c[-1] - 1.0,
            "sum_j e_j = 0": self.e.sum(),
            "b(1) = b": self.dense.sum(axis=1) - self.b,
            "b'(0) = (1, 0, ...)": self.dense[:, 0] - np.eye(s)[0],
        }

"""What `solve_ivp` returns: SciPy's result fields and a continuous solution."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.core.errors import InputError

if TYPE_CHECKING:
    from sciad.ode.tableau import ExplicitTableau

__all__ = ["OdeResult", "OdeSolution"]


class OdeResult(dict):
    """The result of `solve_ivp`: a dict whose entries are attributes, as in SciPy.

    Attributes
    ----------
    t : ndarray, shape (m,)
        Times.
    y : ndarray, shape (n, m)
        States at these times; traced if an input was traced.
    sol : OdeSolution or None
        Continuous solution, with ``dense_output=True``.
    t_events, y_events : None
        Events are not available yet.
    nfev, njev, nlu : int
        Evaluations of the model, of its Jacobian, LU decompositions.
    status : int
        0 at the end of the span, -1 if the integration failed before.
    message : str
        The reason, with time and component of a failure.
    success : bool
        ``status >= 0``.
    stats : dict
        ``accepted`` and ``rejected`` steps, ``compiled`` (whether the model runs as machine code),
        ``method``, ``sensitivity`` (``None`` if nothing was traced).
    pullback : Pullback
        Only of a plain solve with an explicit sensitivity, see `sciad.ode.solve_ivp`.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __dir__(self) -> list[str]:
        return list(self)

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:>{width}}: {value!r}" for name, value in self.items())


class OdeSolution:
    """The solution as a function of time, by the interpolant of the method.

    Parameters
    ----------
    tableau : ExplicitTableau
        The method.
    starts, lengths : ndarray, shape (N,)
        Start times and lengths of the steps.
    states : ndarray, shape (N + 1, n)
        States at the ends of the steps.
    slopes : ndarray, shape (N, s, n)
        Stage derivatives.
    t_end : float
        The time reached.

    Attributes
    ----------
    ts : ndarray
        Times between which the interpolants are defined.
    t_min, t_max : float
        Ends of the interpolation range; beyond it the outermost polynomials are used.
    """

    def __init__(
        self,
        tableau: "ExplicitTableau",
        starts: np.ndarray,
        lengths: np.ndarray,
        states: np.ndarray,
        slopes: np.ndarray,
        t_end: float,
    ) -> None:
        self._tableau = tableau
        self._starts, self._lengths, self._states, self._slopes = starts, lengths, states, slopes
        self.ts = np.append(starts, t_end)
        self.t_min, self.t_max = float(self.ts.min()), float(self.ts.max())
        self.n_segments = len(starts)

    def __call__(self, t: Any) -> np.ndarray:
        """Evaluate the solution.

        Parameters
        ----------
        t : float or array_like, shape (m,)
            Times, in any order.

        Returns
        -------
        ndarray, shape (n,) or (n, m)

        Raises
        ------
        InputError
            If `t` has more than one dimension.
        """
        times = np.asarray(t, dtype=float)
        if times.ndim > 1:
            raise InputError("the times of a solution must be a float or a 1-D array")
        flat = np.atleast_1d(times)
        if self.n_segments == 0:
            values = np.repeat(self._states[0][:, None], flat.size, axis=1)
        else:
            values = self._interpolate(flat)
        return values[:, 0] if times.ndim == 0 else values

    def _interpolate(self, times: np.ndarray) -> np.ndarray:
        sign = np.sign(self._lengths[0])
        # A time on a boundary belongs to the step that ends there.
        segment = np.searchsorted(sign * self.ts, sign * times, side="left") - 1
        segment = np.clip(segment, 0, self.n_segments - 1)
        h = self._lengths[segment]
        theta = (times - self._starts[segment]) / h
        dense = self._tableau.dense
        powers = theta[:, None] ** np.arange(1, dense.shape[1] + 1)
        change = np.einsum("mj,mjn->nm", powers @ dense.T, self._slopes[segment])
        return self._states[segment].T + h * change

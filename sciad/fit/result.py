"""The result of a fit."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from sciad.core.errors import InputError
from sciad.fit.names import suggestion
from sciad.fit.report import fit_report
from sciad.fit.uncertainty import Band, bands

__all__ = ["FitResult"]


class FitResult(OptimizeResult):
    """Estimates, their uncertainty, and how they came about.

    A `scipy.optimize.OptimizeResult`: a dictionary whose entries are also attributes.

    Attributes
    ----------
    params : Parameters
        The table with the estimates as `value`, their `stderr` and the start as `init_value`.
    x : ndarray, shape (n_free,)
        The free parameters on their optimisation axes, in the order of ``params.free``.
    covar : ndarray, shape (n_free, n_free)
        Covariance on the natural scale: inverse expected Fisher information. NaN in the rows of
        parameters without a determined variance; `verdicts` says why.
    axis_covar : ndarray, shape (n_free, n_free)
        The same on the optimisation axes.
    correlations : ndarray, shape (n_free, n_free)
        Of the estimates on the natural scale.
    stderr : dict of str to (float or None)
        Standard errors of the free parameters on the natural scale.
    verdicts : tuple of str
        Warnings in words: unidentifiable parameters, parameters at a bound, early ends.
    residuals : ndarray, shape (n_data,)
        Standardised, ``(data - model)/sigma`` on the axis of the noise, observable by observable.
    jac : ndarray, shape (n_data, n_free)
        Exact Jacobian of `residuals` with respect to `x`.
    grad : ndarray, shape (n_free,)
        Exact gradient of `nllh` with respect to `x`.
    decrement : float
        Drop of `nllh` that one more full step would promise; far below 1 at a minimum.
    nllh, fun : float
        Negative log-likelihood of the measured values, all constants included
        (see `sciad.fit.noise` for the densities).
    aic, bic : float
        ``2*nllh + 2*n_free`` and ``2*nllh + log(n_data)*n_free``.
    n_data, n_free : int
    nfev, njev, nfev_failed : int
        Evaluations of the likelihood, of its derivative, and failed ones, over all starts.
    failures : dict of str to int
        Reasons of failed evaluations and how often each occurred.
    starts : list of dict
        One entry a start: its values, its end, its message.
    elapsed : float
        Seconds.
    success, interrupted : bool
    status : int
        0 converged, 1 not converged, 2 evaluations used up, 3 stopped by callback, 4 interrupted.
    message, method, derivative : str
    solver : dict
        What was handed to `sciad.ode.solve_ivp`.
    solver_stats : dict
        Of the solve at the estimate: `accepted` and `rejected` steps, and whether the model was
        `compiled`.
    versions : dict of str to str
    problem : Problem
        The likelihood as a function, with its exact derivatives.
    """

    def __repr__(self) -> str:
        estimates = ", ".join(f"{row.name}={row.value:.5g}" for row in self.params.values())
        return f"FitResult({estimates}; nllh={self.nllh:.6g}, success={self.success})"

    def __str__(self) -> str:
        return self.fit_report()

    @property
    def correlations(self) -> np.ndarray:
        """Correlations of the estimates on the natural scale."""
        deviations = np.sqrt(np.diag(self.covar))
        return np.asarray(self.covar / np.outer(deviations, deviations))

    def fit_report(self, min_correl: float = 0.1) -> str:
        """Write the fit as a text of a page.

        Parameters
        ----------
        min_correl : float, optional
            Correlations below this are left out.

        Returns
        -------
        str
        """
        return fit_report(self, min_correl=min_correl)

    def predict(
        self, times: Any | Mapping[str, Any] | None = None, level: float = 0.95
    ) -> dict[str, Band]:
        """Curves of the observables with pointwise bands at the given level.

        Parameters
        ----------
        times : array_like or mapping of str to array_like, optional
            Ascending times, not before the initial time; for all observables or for some by name.
            Default: the times of the measurements.
        level : float, optional
            Coverage, between 0 and 1.

        Returns
        -------
        dict of str to Band
            See `sciad.fit.uncertainty.Band`: the band of the curve, and that of new measurements.

        Raises
        ------
        sciad.InputError
            For unknown observables, unsorted times or times before the initial one.
        """
        if not 0 < level < 1:
            raise InputError(f"level must lie between 0 and 1, got {level}")
        if times is None:
            times = self.problem.schedule.times
        elif not isinstance(times, Mapping):
            times = dict.fromkeys(self.problem.data, times)
        checked = {name: self._times(name, own) for name, own in times.items()}
        return bands(self.problem, self.x, self.axis_covar, checked, level)

    def _times(self, name: str, times: Any) -> np.ndarray:
        if name not in self.problem.data:
            raise InputError(f"no observable {name!r}", hint=suggestion(name, self.problem.data))
        try:
            own = np.array(times, dtype=float)
        except (TypeError, ValueError):
            own = np.empty(0)
        if own.ndim != 1 or not own.size or not np.all(np.isfinite(own)):
            raise InputError("times must be a sequence of finite numbers")
        if np.any(np.diff(own) < 0) or own[0] < self.problem.simulation.t0:
            raise InputError(
                f"times must ascend from the initial time {self.problem.simulation.t0:g}"
            )
        return own

    def to_dict(self) -> dict[str, Any]:
        """Everything but the model as plain numbers, strings, lists and dictionaries.

        What is not determined (a standard error, an unbounded bound) is ``None``.
        """
        left_out = ("problem", "params")
        plain = {key: _plain(value) for key, value in self.items() if key not in left_out}
        return {
            "params": [_plain(row) for row in self.params.to_records()],
            "free": list(self.params.free),
            "correlations": _plain(self.correlations),
            **plain,
        }

    def to_json(self, path: str | Path | None = None, indent: int | None = 2) -> str:
        """`to_dict` as JSON text (strict JSON: no NaN), also written to `path` if given."""
        text = json.dumps(self.to_dict(), indent=indent, allow_nan=False)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def plot(self, path: str | Path, level: float = 0.95, **labels: Any) -> Path:
        """Save a picture: data, fitted curves with bands, residuals below.

        Parameters
        ----------
        path : str or Path
            Where to save it; the ending chooses the format (png, pdf, svg). Folders are made.
        level : float, optional
            Coverage of the bands.
        **labels
            ``title=...``, ``colors={observable: color}`` or ``log=True`` for a logarithmic axis.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        ImportError
            If matplotlib is not installed (``pip install sciad[plot]``).
        """
        from sciad.fit.plots import plot_fit

        return plot_fit(self, path, level=level, **labels)


def _plain(value: Any) -> Any:
    """Nested containers and NumPy values as what JSON knows; what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return repr(value)

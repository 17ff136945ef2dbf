"""The likelihood of the data as a function of the free parameters on their optimisation axes.

Everything here is plain NumPy on a vector `x`; the derivatives come from `sciad.jacobian` (forward,
for Gauss-Newton and the Fisher information) and `sciad.value_and_grad` (adjoint, for the
likelihood).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sciad.core.transforms import jacobian, value_and_grad
from sciad.fit.data import Data
from sciad.fit.noise import NoiseModel
from sciad.fit.parameters import Parameters
from sciad.fit.simulation import Schedule, Simulation, check_finite

__all__ = ["Problem"]


@dataclass(frozen=True)
class Problem:
    """A model, its data and its parameters: what is being fitted.

    All functions take the vector `x` of the free parameters on their optimisation axes, shape
    ``(n_free,)``, in the order of ``params.free``.

    Attributes
    ----------
    simulation : Simulation
    data : Data
    params : Parameters
    noise : mapping of str to NoiseModel
        One an observable, each with its own sigma.
    """

    simulation: Simulation
    data: Data
    params: Parameters
    noise: Mapping[str, NoiseModel]

    @cached_property
    def schedule(self) -> Schedule:
        """When which observable was measured."""
        return Schedule({name: series.time for name, series in self.data.items()})

    @cached_property
    def target(self) -> np.ndarray:
        """The data on the axes of their noise, one observable after the other."""
        return np.concatenate(
            [self.noise[name].to_axis(series.value) for name, series in self.data.items()]
        )

    @cached_property
    def constant(self) -> float:
        """The part of the negative log-likelihood that no parameter changes."""
        slopes = [self.noise[name].log_slope(series.value) for name, series in self.data.items()]
        return self.data.n_data * 0.5 * math.log(2 * math.pi) - float(np.concatenate(slopes).sum())

    @cached_property
    def sigma_is_fixed(self) -> bool:
        """Whether no free parameter is a standard deviation (then this is least squares)."""
        return not any(model.sigma in self.params.free for model in self.noise.values())

    def mean(self, p: dict[str, Any], schedule: Schedule | None = None) -> Any:
        """Predictions on the axes of the noise, one observable after the other."""
        schedule = self.schedule if schedule is None else schedule
        predicted = self.simulation.predict(schedule, p)
        for name, values in predicted.items():
            check_finite(name, values, schedule.times[name], self.noise[name].positive)
        return np.concatenate(
            [self.noise[name].to_axis(values) for name, values in predicted.items()]
        )

    def sigma(self, p: dict[str, Any]) -> Any:
        """Give the standard deviation of each measurement on its axis, shape ``(n_data,)``."""
        parts: list[Any] = []
        for name, series in self.data.items():
            value = self.noise[name].deviation(p)
            parts.append(series.noise if value is None else value * np.ones(series.time.size))
        return np.concatenate(parts)

    def residuals(self, x: Any) -> Any:
        """Standardised residuals ``(data - model)/sigma`` on the noise axis, ``(n_data,)``."""
        p = self.params.natural(x)
        return (self.target - self.mean(p)) / self.sigma(p)

    def nllh(self, x: Any) -> Any:
        """Negative log-likelihood of the measured values (see `sciad.fit.noise`)."""
        p = self.params.natural(x)
        sigma = self.sigma(p)
        scaled = (self.target - self.mean(p)) / sigma
        return self.constant + np.sum(np.log(sigma)) + 0.5 * np.sum(scaled * scaled)

    def moments(self, x: Any) -> Any:
        """Means, then logarithms of sigma, of all measurements: shape ``(2*n_data,)``."""
        p = self.params.natural(x)
        return np.concatenate([self.mean(p), np.log(self.sigma(p))])

    def nllh_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """`nllh` and its exact gradient, by the adjoint."""
        value, gradient = value_and_grad(self.nllh)(x)
        return float(value), np.asarray(gradient)

    def residual_jacobian(self, x: np.ndarray) -> np.ndarray:
        """Exact Jacobian of `residuals`, by forward sensitivities: ``(n_data, n_free)``."""
        return np.asarray(jacobian(self.residuals, mode="forward")(x))

    def fisher_root(self, x: np.ndarray) -> np.ndarray:
        """Compute a matrix ``A`` with ``A.T @ A`` the expected Fisher information at `x`.

        For independent normal measurements with means ``m_i(x)`` and deviations ``s_i(x)``::

            I = sum_i  dm_i dm_i^T / s_i**2  +  2 d(log s_i) d(log s_i)^T

        (S. M. Kay, Fundamentals of Statistical Signal Processing, 1993, eq. 3.31.)
        """
        sensitivity = np.array(jacobian(self.moments, mode="forward")(x))
        n = self.data.n_data
        sigma = self.sigma(self.params.natural(x))
        sensitivity[:n] /= sigma[:, None]
        sensitivity[n:] *= math.sqrt(2.0)
        return sensitivity

"""Noise models: how a measurement scatters around the model's prediction.

Each model names an axis on which the scatter is normal, with standard deviation ``sigma``:

- `Normal`:    ``y = f + e``
- `LogNormal`: ``log y = log f + e``

with ``e ~ N(0, sigma**2)``. The negative log-likelihood is that of the *measured values* ``y``::

    Normal:     -log p(y) = log(2 pi)/2 + log sigma + (y - f)**2 / (2 sigma**2)
    LogNormal:  -log p(y) = log(2 pi)/2 + log sigma + (log y - log f)**2 / (2 sigma**2) + log y

The last term, ``log y``, is the Jacobian of the logarithm. It does not depend on the parameters
and so changes no estimate, but with it the densities of both models refer to the same ``y``, and
AIC and BIC may be compared between them. (Programs that leave it out, as in a density of
``log y``, report an nllh that is smaller by ``sum(log y)``.)
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sciad.core.errors import InputError
from sciad.fit.data import Data
from sciad.fit.names import suggestion
from sciad.fit.parameters import Parameters

__all__ = ["LogNormal", "NoiseModel", "Normal", "resolve_noise"]

Sigma = float | str | Sequence[float | str] | Mapping[str, float | str] | None


@dataclass(frozen=True)
class NoiseModel(ABC):
    """What all noise models share: a `sigma` and the axis on which the scatter is normal.

    Parameters
    ----------
    sigma : float, str, sequence, mapping or None
        A number, or the name of a parameter that is then estimated with the rest; one for all
        observables, or a sequence in the order of the observables, or a mapping from observable.
        ``None`` takes the data's own column ``noise``.
    """

    sigma: Sigma = None

    label: ClassVar[str]
    positive: ClassVar[bool]

    @abstractmethod
    def to_axis(self, y: Any) -> Any:
        """Carry measurements or (maybe traced) predictions onto the axis."""

    @abstractmethod
    def from_axis(self, z: Any) -> Any:
        """Carry values on the axis back."""

    @abstractmethod
    def log_slope(self, y: np.ndarray) -> np.ndarray:
        """Compute ``log |d(axis)/dy|``, the Jacobian term of the density of `y`."""

    def deviation(self, p: Mapping[str, Any]) -> Any:
        """Look up `sigma` of one observable among the parameters; None if the data hold it."""
        if isinstance(self.sigma, str):
            return p[self.sigma]
        if isinstance(self.sigma, Sequence | Mapping):
            raise InputError(f"sigma belongs to several observables: {self.sigma!r}")
        return None if self.sigma is None else float(self.sigma)


class Normal(NoiseModel):
    """Additive normal errors: ``y = f + sigma * N(0, 1)``; `sigma` in the unit of the data.

    Examples
    --------
    >>> Normal(sigma=0.5)
    Normal(sigma=0.5)
    """

    label = "normal"
    positive = False

    def to_axis(self, y: Any) -> Any:
        """Return `y`."""
        return y

    def from_axis(self, z: Any) -> Any:
        """Return `z`."""
        return z

    def log_slope(self, y: np.ndarray) -> np.ndarray:
        """Return zeros."""
        return np.zeros_like(y)


class LogNormal(NoiseModel):
    """Multiplicative errors: ``log y = log f + sigma * N(0, 1)``; `f` is the median of ``y``.

    `sigma` has no unit; 0.25 means errors of about 25 %.

    Examples
    --------
    >>> LogNormal(sigma={"hare": "sigma_hare", "lynx": 0.25}).sigma["lynx"]
    0.25
    """

    label = "log-normal"
    positive = True

    def to_axis(self, y: Any) -> Any:
        """Return ``log y``."""
        return np.log(y)

    def from_axis(self, z: Any) -> Any:
        """Return ``exp z``."""
        return np.exp(z)

    def log_slope(self, y: np.ndarray) -> np.ndarray:
        """Return ``log(1/y)``."""
        return -np.log(y)


def resolve_noise(
    noise: NoiseModel | Mapping[str, NoiseModel] | None, data: Data, params: Parameters
) -> dict[str, NoiseModel]:
    """One checked noise model an observable, whose `sigma` is a number, a name or ``None``."""
    if noise is None:
        noise = Normal()
    if isinstance(noise, NoiseModel):
        models = _expand(noise, list(data))
    elif isinstance(noise, Mapping):
        models = dict(noise)
        _check_names(models, data, "noise")
    else:
        raise InputError(
            f"noise must be a noise model such as LogNormal(sigma=...) or a mapping from "
            f"observable to noise model, got {noise!r}"
        )
    for name, model in models.items():
        if not isinstance(model, NoiseModel):
            raise InputError(f"noise of {name!r} must be a noise model, got {model!r}")
        _check_sigma(name, model.sigma, data, params)
        _check_values(name, model, data)
    return {name: models[name] for name in data}


def _expand(noise: NoiseModel, observables: list[str]) -> dict[str, NoiseModel]:
    """Give every observable its own copy of `noise`, with its own sigma."""
    kind, sigma = type(noise), noise.sigma
    if isinstance(sigma, Mapping):
        _check_names(sigma, observables, "sigma")
        return {name: kind(sigma[name]) for name in observables}
    if isinstance(sigma, Sequence) and not isinstance(sigma, str):
        if len(sigma) != len(observables):
            raise InputError(
                f"sigma has {len(sigma)} entries for {len(observables)} observables "
                f"({', '.join(observables)})"
            )
        return {name: kind(entry) for name, entry in zip(observables, sigma, strict=True)}
    return {name: kind(sigma) for name in observables}


def _check_names(given: Mapping[str, Any], observables: Any, what: str) -> None:
    for name in given:
        if name not in observables:
            raise InputError(
                f"{what} is given for {name!r}, which is no observable of the data",
                hint=suggestion(name, observables),
            )
    for name in observables:
        if name not in given:
            raise InputError(f"{what} of the observable {name!r} is not given")


def _check_sigma(observable: str, sigma: Any, data: Data, params: Parameters) -> None:
    column = data[observable].noise
    if sigma is None:
        if column is None:
            raise InputError(
                f"the noise of {observable!r} is unknown",
                hint="give sigma as a number or as the name of a parameter to be estimated, "
                "or a column 'noise' in the data",
            )
        return
    if column is not None:
        raise InputError(f"the noise of {observable!r} is given twice: by sigma and in the data")
    if isinstance(sigma, str):
        _check_sigma_parameter(observable, sigma, params)
    elif isinstance(sigma, bool) or not isinstance(sigma, int | float | np.number):
        raise InputError(
            f"sigma of {observable!r} must be a number or a parameter's name, got {sigma!r}"
        )
    elif not (sigma > 0 and math.isfinite(sigma)):
        raise InputError(f"sigma of {observable!r} must be positive, got {sigma}")


def _check_sigma_parameter(observable: str, name: str, params: Parameters) -> None:
    if name not in params:
        raise InputError(
            f"sigma of {observable!r} is the parameter {name!r}, which is not in the table",
            hint=suggestion(name, params),
        )
    row = params[name]
    lowest = row.min if row.vary and row.scale == "lin" else row.value
    if lowest <= 0:
        raise InputError(
            f"parameter {name!r} is a standard deviation and must stay positive",
            hint='give it scale="log10" or a positive min',
        )


def _check_values(name: str, model: NoiseModel, data: Data) -> None:
    series = data[name]
    if model.positive and np.any(series.value <= 0):
        i = int(np.flatnonzero(series.value <= 0)[0])
        raise InputError(
            f"{model.label} noise needs positive data, but {name!r} is {series.value[i]:g} at "
            f"time {series.time[i]:g}",
            hint="use Normal(...) for this observable, or leave the value out",
        )

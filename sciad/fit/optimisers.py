"""The optimisers of `scipy.optimize`, each told the exact derivatives, bounds and tolerances."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import Bounds, OptimizeResult, least_squares, minimize

from sciad.core.errors import InputError
from sciad.fit.monitor import Monitor
from sciad.fit.names import suggestion

__all__ = ["OPTIMISERS", "Optimiser", "check_options", "choose_optimiser"]

AxisBounds = tuple[np.ndarray, np.ndarray]
Run = Callable[[Monitor, np.ndarray, AxisBounds, dict[str, Any]], OptimizeResult]


@dataclass(frozen=True)
class Optimiser:
    """One way to run a fit.

    Attributes
    ----------
    name : str
        As in `scipy.optimize`.
    run : callable
        ``(monitor, x0, bounds, options) -> OptimizeResult``.
    derivative : str
        What it is given, for the report.
    squares_only : bool
        Whether it only minimises sums of squares (all sigmas known).
    """

    name: str
    run: Run
    derivative: str
    squares_only: bool = False


def _least_squares(method: str) -> Run:
    def run(
        monitor: Monitor, x0: np.ndarray, bounds: AxisBounds, options: dict[str, Any]
    ) -> OptimizeResult:
        # the tolerances lie above the solver's noise (rtol = 1e-8 by default)
        settings = {"xtol": 1e-9, "ftol": 1e-12, "gtol": 1e-9, "x_scale": "jac"} | options
        unit = _natural_lengths(monitor, x0)
        return least_squares(
            lambda z: monitor.residuals(z * unit),
            _within(x0 / unit, bounds, unit),
            jac=lambda z: monitor.residual_jacobian(z * unit) * unit,
            bounds=(bounds[0] / unit, bounds[1] / unit),
            method=method,
            **settings,
        )

    return run


def _minimize(method: str, **defaults: Any) -> Run:
    def run(
        monitor: Monitor, x0: np.ndarray, bounds: AxisBounds, options: dict[str, Any]
    ) -> OptimizeResult:
        unit = _natural_lengths(monitor, x0)

        def value(z: np.ndarray) -> tuple[float, np.ndarray]:
            nllh, gradient = monitor.nllh_and_gradient(z * unit)
            return nllh, gradient * unit

        def report(z: np.ndarray, *_: Any) -> None:  # the signature all methods understand
            monitor.iterated(z * unit)

        lower, upper = bounds[0] / unit, bounds[1] / unit
        start, extra = _within(x0 / unit, bounds, unit), {}
        if method == "trust-constr":
            # an interior-point method cannot leave a bound on which it starts
            inside = np.minimum(0.01, 0.01 * (upper - lower))
            start = np.clip(start, lower + inside, upper - inside)
            # the Fisher information stands in for the Hessian: Fisher scoring in a trust region
            extra["hess"] = lambda z: monitor.information(z * unit) * np.outer(unit, unit)
        return minimize(
            value,
            start,
            jac=True,
            bounds=Bounds(lower, upper, keep_feasible=method == "trust-constr"),
            method=method,
            callback=report,
            options=defaults | options,
            **extra,
        )

    return run


def _within(z: np.ndarray, bounds: AxisBounds, unit: np.ndarray) -> np.ndarray:
    """Clip scaled start values to the scaled bounds, which rounding may have crossed."""
    return np.asarray(np.clip(z, bounds[0] / unit, bounds[1] / unit))


def _natural_lengths(monitor: Monitor, x0: np.ndarray) -> np.ndarray:
    """How far each parameter can move before the data notice: ``1/sqrt(diag(Fisher))``.

    Measured in these units, the first step of a line search and the first trust region are of the
    right size; on the bare axes they may leap into the basin of a worse minimum.
    """
    diagonal = np.diag(monitor.information(x0))
    usable = (diagonal > 1e-200) & (diagonal < 1e200)
    lengths = np.divide(1.0, np.sqrt(diagonal), out=np.ones_like(x0), where=usable)
    lower, upper = monitor.problem.params.axis_bounds()
    return np.asarray(np.minimum(lengths, upper - lower))


FORWARD = "exact Jacobian (forward sensitivities of the accepted steps)"
ADJOINT = "exact gradient (adjoint of the accepted steps)"

OPTIMISERS: Mapping[str, Optimiser] = {
    row.name.lower(): row
    for row in (
        Optimiser("least_squares", _least_squares("trf"), FORWARD, squares_only=True),
        Optimiser("dogbox", _least_squares("dogbox"), FORWARD, squares_only=True),
        Optimiser(
            "L-BFGS-B",
            _minimize("L-BFGS-B", maxcor=20, ftol=1e-13, gtol=1e-6, maxiter=2000, maxfun=5000),
            ADJOINT,
        ),
        Optimiser(
            "trust-constr",
            _minimize("trust-constr", gtol=1e-6, xtol=1e-10, maxiter=2000),
            ADJOINT + ", Fisher information as Hessian",
        ),
        Optimiser("SLSQP", _minimize("SLSQP", ftol=1e-12, maxiter=2000), ADJOINT),
        Optimiser("TNC", _minimize("TNC", ftol=1e-13, gtol=1e-6, maxfun=5000), ADJOINT),
    )
}


def check_options(optimiser: Optimiser, options: Mapping[str, Any]) -> None:
    """Refuse options that `scipy.optimize.least_squares` does not have, or that `fit` sets.

    Raises
    ------
    sciad.InputError
    """
    if not optimiser.squares_only:
        return  # `scipy.optimize.minimize` warns of unknown options itself
    known = ["ftol", "xtol", "gtol", "x_scale", "tr_solver", "tr_options", "max_nfev", "verbose"]
    for name in options:
        if name in ("loss", "f_scale"):
            raise InputError(
                f"option {name!r}: a fit maximises the likelihood of its noise model",
                hint="a robust loss would be another noise model",
            )
        if name not in known:
            raise InputError(
                f"method {optimiser.name!r} has no option {name!r} in a fit",
                hint=suggestion(name, known),
            )


def choose_optimiser(method: str, sigma_is_fixed: bool) -> Optimiser:
    """Find the optimiser of that name; ``"auto"`` decides by whether sigma is estimated."""
    if method == "auto":
        return OPTIMISERS["least_squares" if sigma_is_fixed else "l-bfgs-b"]
    if not isinstance(method, str) or method.lower() not in OPTIMISERS:
        names = ["auto", *(row.name for row in OPTIMISERS.values())]
        raise InputError(f"unknown method {method!r}", hint=suggestion(method, names))
    chosen = OPTIMISERS[method.lower()]
    if chosen.squares_only and not sigma_is_fixed:
        raise InputError(
            f"method {chosen.name!r} minimises squares and cannot estimate sigma",
            hint='use method="L-BFGS-B" (or "auto"), or fix sigma',
        )
    return chosen

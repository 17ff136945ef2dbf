"""`fit`: maximum-likelihood estimates of a model's parameters."""

import math
import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from sciad.core.errors import InputError
from sciad.fit.data import Data
from sciad.fit.monitor import BudgetSpent, Callback, Monitor, Stopped
from sciad.fit.noise import NoiseModel, resolve_noise
from sciad.fit.objective import Problem
from sciad.fit.optimisers import Optimiser, check_options, choose_optimiser
from sciad.fit.parameters import Parameters
from sciad.fit.progress import progress_display
from sciad.fit.result import FitResult
from sciad.fit.simulation import InitialState, Model, Simulation, build_simulation
from sciad.fit.starts import draw_starts
from sciad.fit.threads import one_blas_thread
from sciad.fit.uncertainty import Uncertainty, uncertainty_at
from sciad.version import __version__

__all__ = ["fit", "make_problem"]

# A fit whose next full step would lower the likelihood by less than this has converged: it is a
# small part of the 0.5 by which one standard error raises it.
CONVERGED = 1e-4

RESTARTS = 3

RTOL = 1e-8  # of the solver
SMALLEST_SIZE = 1e-100  # smaller numbers stand for zero

MESSAGES = {
    0: "converged",
    1: "not converged",
    2: "evaluations used up; this is the best point so far",
    3: "stopped by the callback; this is the best point so far",
    4: "interrupted; this is the best point so far",
}


def make_problem(
    model: Model,
    data: Any,
    params: Parameters,
    *,
    y0: InitialState,
    t0: float | None = None,
    observables: Mapping[str, Any] | None = None,
    noise: NoiseModel | Mapping[str, NoiseModel] | None = None,
    solver: Mapping[str, Any] | None = None,
) -> Problem:
    """State the likelihood of `data` under `model` without fitting it; arguments as in `fit`.

    Returns
    -------
    Problem
        With `nllh`, `residuals` and their exact derivatives as functions of the free parameters on
        their optimisation axes.
    """
    params = params if isinstance(params, Parameters) else Parameters(params)
    if not params.free:
        raise InputError("no parameter is free", hint="give at least one of them vary=True")
    data = data if isinstance(data, Data) else Data(data)
    models = resolve_noise(noise, data, params)
    simulation = build_simulation(
        model,
        params,
        {name: series.time for name, series in data.items()},
        y0=y0,
        t0=t0,
        observables=observables,
        solver=dict(solver or {}),
    )
    atol = RTOL * _smallest_size(simulation, data, params, models)
    settings = {"method": "Tsit5", "rtol": RTOL, "atol": atol} | dict(solver or {})
    return Problem(replace(simulation, solver=settings), data, params, models)


def _smallest_size(
    simulation: Simulation, data: Data, params: Parameters, noise: Mapping[str, NoiseModel]
) -> float:
    """Size of the smallest thing the solver has to resolve: a power of ten, 1 at most.

    With ``atol = 1e-8`` a concentration of 1e-9 would be integrated without any error control.
    """
    start = np.abs(np.array(simulation.initial_state(params.valuesdict()), dtype=float))
    sizes = [1.0, *start[start > 0]]
    for name, series in data.items():
        values = np.abs(series.value[series.value != 0])
        if values.size:
            sizes.append(float(values.min() if noise[name].positive else np.median(values)))
    return 10.0 ** math.floor(math.log10(max(min(sizes), SMALLEST_SIZE)))


def fit(
    model: Model,
    data: Any,
    params: Parameters,
    *,
    y0: InitialState,
    t0: float | None = None,
    observables: Mapping[str, Any] | None = None,
    noise: NoiseModel | Mapping[str, NoiseModel] | None = None,
    method: str = "auto",
    solver: Mapping[str, Any] | None = None,
    n_starts: int = 1,
    seed: int | np.random.Generator | None = 0,
    max_nfev: int | None = None,
    options: Mapping[str, Any] | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> FitResult:
    """Fit the parameters of an ODE model to measured series, with exact derivatives.

    Parameters
    ----------
    model : callable
        Right-hand side ``model(t, y, p)``, plain Python or NumPy: `y` has shape ``(n_states,)``,
        `p` is a dictionary of the parameters' values on their natural scale. Returns the
        ``n_states`` time derivatives.
    data : Data, mapping or table
        The measurements, see `Data`.
    params : Parameters
        The table of named parameters.
    y0 : mapping, sequence or callable
        The initial state: for each state a number or a parameter's name, as
        ``{"hare": "hare_0", "lynx": 5.9}`` (which also names the states) or as a sequence; or a
        function of `p`.
    t0 : float, optional
        Time of the initial state; default: the first time of the data.
    observables : mapping, optional
        How the observables of the data follow from the states: a state's name or index, or a
        function ``(t, y, p)`` with `t` of shape ``(n,)`` and `y` of shape ``(n_states, n)`` that
        returns shape ``(n,)``. By default an observable is the state of its name, or, if the
        states have no names, they are taken in order.
    noise : NoiseModel or mapping of str to NoiseModel, optional
        `Normal` (default, with the column ``noise`` of the data) or `LogNormal`.
    method : str, optional
        ``"auto"``: `scipy.optimize.least_squares` (trust region reflective) if all standard
        deviations are known, else ``"L-BFGS-B"``. Or one of ``"least_squares"``, ``"dogbox"``,
        ``"L-BFGS-B"``, ``"trust-constr"``, ``"SLSQP"``, ``"TNC"``.
    solver : mapping, optional
        Arguments for `sciad.ode.solve_ivp`; default ``{"method": "Tsit5", "rtol": 1e-8,
        "atol": 1e-8}``, with a smaller `atol` in proportion where data or initial states are
        smaller than 1.
    n_starts : int, optional
        The first start is the table's; further ones are drawn by Latin hypercube between the
        bounds, on the optimisation axes. The best end counts.
    seed : int or numpy.random.Generator, optional
        For the starts.
    max_nfev : int, optional
        Evaluations allowed for each start.
    options : mapping, optional
        Further options of the optimiser, as in SciPy.
    callback : callable, optional
        ``callback(intermediate_result)`` after each accepted step, with `x`, `fun`, `params`,
        `nit`, `nfev`, `start` and `elapsed`; `StopIteration` ends the fit.
    progress : bool, optional
        ``True`` shows a bar, ``False`` nothing; by default a bar on a terminal, else a few lines.

    Returns
    -------
    FitResult
        Ctrl-C and `StopIteration` return the best point so far, with ``success=False``.

    Raises
    ------
    sciad.InputError
        For contradictory input, before any work, naming the culprit.

    Notes
    -----
    A solve that fails counts as an infinite `nllh`; the reason is recorded in ``failures`` and the
    run goes on. Only a failing start value is an error.

    Examples
    --------
    >>> import numpy as np
    >>> from sciad.fit import Normal, Parameter, Parameters, fit
    >>> def decay(t, y, p):
    ...     return [-p["k"] * y[0]]
    >>> t = np.array([0.0, 1.0, 2.0, 4.0])
    >>> params = Parameters([Parameter("k", 1.0, min=0.01, max=100, scale="log10", unit="1/s")])
    >>> result = fit(decay, {"time": t, "c": 2.0 * np.exp(-0.3 * t)}, params, y0={"c": 2.0},
    ...              noise=Normal(0.1), progress=False)
    >>> round(result.params["k"].value, 6)
    0.3
    """
    problem = make_problem(
        model, data, params, y0=y0, t0=t0, observables=observables, noise=noise, solver=solver
    )
    optimiser = choose_optimiser(method, problem.sigma_is_fixed)
    check_options(optimiser, options or {})
    _check_count("n_starts", n_starts)
    if max_nfev is not None:
        _check_count("max_nfev", max_nfev)
    x0 = draw_starts(problem.params, int(n_starts), seed)
    display = progress_display(progress, problem.simulation.name, int(n_starts))
    monitor = Monitor(problem, display, callback, max_nfev)
    with display, one_blas_thread():
        starts, status = _run_starts(monitor, optimiser, x0, int(n_starts), dict(options or {}))
    return _summary(monitor, optimiser, starts, status)


def _check_count(name: str, count: Any) -> None:
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise InputError(f"{name} must be a positive integer, got {count!r}")


def _run_starts(
    monitor: Monitor, optimiser: Optimiser, x0: np.ndarray, n_starts: int, options: dict[str, Any]
) -> tuple[list[dict[str, Any]], int]:
    """Run the optimiser from each start; the status says how the whole ended.

    A start that cannot be evaluated is replaced by one of the spare ones.
    """
    starts: list[dict[str, Any]] = []
    usable, status = 0, 1
    for x in x0:
        monitor.begin_start(usable)
        try:
            ended = _run_start(monitor, optimiser, x, options)
        except (Stopped, KeyboardInterrupt) as end:
            if monitor.best_x is None:
                raise
            status = 3 if isinstance(end, Stopped) else 4
            if monitor.start_x is not None:
                starts.append(_record(monitor, x, status, MESSAGES[status]))
            return starts, status
        starts.append(ended)
        if ended["nllh"] is not None:
            usable += 1
            status = ended["status"] if ended["nllh"] <= monitor.best_nllh else status
        if usable == n_starts:
            break
    if not usable:
        raise InputError(
            f"the model cannot be evaluated at the start values: {monitor.reason}"
            if n_starts == 1
            else f"none of {len(starts)} starts could be evaluated: {monitor.reason}",
            hint="change the start values or narrow the bounds",
        )
    return starts, status


def _run_start(
    monitor: Monitor, optimiser: Optimiser, x: np.ndarray, options: dict[str, Any]
) -> dict[str, Any]:
    try:
        # the optimisers need a finite value to begin with
        if not np.isfinite(monitor.nllh(x)):
            return _record(monitor, x, 1, f"failed at the start: {monitor.reason}")
        ended = _optimise(monitor, optimiser, x, options)
    except BudgetSpent as spent:
        return _record(monitor, x, 2, str(spent))
    return _record(monitor, x, 0 if ended.success else 1, str(ended.message))


def _optimise(
    monitor: Monitor, optimiser: Optimiser, x: np.ndarray, options: dict[str, Any]
) -> OptimizeResult:
    """Run the optimiser, and again from where it ended if the exact derivatives promise more.

    It may end early when its picture of the curvature is that of a distant start.
    """
    problem, bounds = monitor.problem, monitor.problem.params.axis_bounds()
    for _ in range(1 + RESTARTS):
        ended = optimiser.run(monitor, x, bounds, options)
        if monitor.start_x is None:
            break
        x = monitor.start_x
        if uncertainty_at(problem, x, problem.nllh_and_gradient(x)[1]).decrement < CONVERGED:
            break
    return ended


def _record(monitor: Monitor, x: np.ndarray, status: int, message: str) -> dict[str, Any]:
    natural, end = monitor.problem.params.natural, monitor.start_x
    return {
        "start": natural(x),
        "end": None if end is None else natural(end),
        "nllh": None if end is None else monitor.start_nllh,
        "nfev": monitor.nfev - monitor.start_nfev,
        "status": status,
        "message": message,
    }


def _summary(
    monitor: Monitor, optimiser: Optimiser, starts: list[dict[str, Any]], status: int
) -> FitResult:
    """Everything that is worth knowing about the best point."""
    problem, x = monitor.problem, monitor.best_x
    assert x is not None  # some start could be evaluated
    nllh, gradient = problem.nllh_and_gradient(x)
    known = uncertainty_at(problem, x, gradient)
    status, message = _verdict(status, starts, known)
    deviations = {
        name: float(np.sqrt(known.covar[i, i])) if known.determined[i] else None
        for i, name in enumerate(problem.params.free)
    }
    n_data, n_free = problem.data.n_data, x.size
    return FitResult(
        params=problem.params.at(x, deviations),
        x=x,
        stderr=deviations,
        covar=known.covar,
        axis_covar=known.axis_covar,
        verdicts=known.verdicts,
        decrement=known.decrement,
        nllh=nllh,
        fun=nllh,
        grad=gradient,
        residuals=np.asarray(problem.residuals(x)),
        jac=problem.residual_jacobian(x),
        aic=2 * nllh + 2 * n_free,
        bic=2 * nllh + float(np.log(n_data)) * n_free,
        n_data=n_data,
        n_free=n_free,
        nfev=monitor.nfev,
        njev=monitor.njev,
        nfev_failed=monitor.failures.total(),
        failures=dict(monitor.failures),
        starts=starts,
        elapsed=monitor.elapsed,
        success=status == 0,
        interrupted=status == 4,
        status=status,
        message=message,
        method=optimiser.name,
        derivative=optimiser.derivative,
        solver=dict(problem.simulation.solver),
        solver_stats=_solver_stats(problem, x),
        versions=_versions(),
        problem=problem,
    )


def _verdict(status: int, starts: list[dict[str, Any]], known: Uncertainty) -> tuple[int, str]:
    """Status and message in words; the exact gradient decides where the optimiser is unsure."""
    best = min((s for s in starts if s["nllh"] is not None), key=lambda s: s["nllh"])
    if status == 1 and known.complete and known.decrement < CONVERGED:
        status = 0  # a line search that cannot resolve the last digits gives up with "ABNORMAL"
    elif status == 0 and known.decrement > CONVERGED:
        status = 1
    text = f"{MESSAGES[status]}: one more step would lower nllh by {known.decrement:.1g}"
    return status, text if status > 1 else f"{text} (the optimiser: {best['message']})"


def _solver_stats(problem: Problem, x: np.ndarray) -> dict[str, Any]:
    """Count the steps of the solve at the estimate; tell whether the model was compiled."""
    solution = problem.simulation.solve(problem.schedule.grid, problem.params.natural(x))
    return {key: solution.stats[key] for key in ("accepted", "rejected", "compiled")}


def _versions() -> dict[str, str]:
    packages = ("numpy", "scipy", "numba")
    return {
        "sciad": __version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
    }

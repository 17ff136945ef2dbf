"""The user's model as a function from named parameters to the predicted observables."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from sciad.core.errors import InputError, IntegrationError, SciadError, user_location
from sciad.core.tracer import primal_of
from sciad.core.transforms import call
from sciad.fit.names import duplicates, suggestion
from sciad.fit.parameters import Parameters
from sciad.ode import OdeResult, solve_ivp

__all__ = ["Schedule", "Simulation", "build_simulation", "check_finite"]

Model = Callable[[float, np.ndarray, dict[str, Any]], Any]
InitialState = Mapping[str, float | str] | Sequence[float | str] | Callable[[dict[str, Any]], Any]


class Observed(dict[str, Any]):
    """The parameters as the model sees them while it is tried out: unknown names are explained."""

    def __init__(self, values: Mapping[str, Any], user: str) -> None:
        super().__init__(values)
        self.user = user

    def __missing__(self, name: object) -> Any:
        raise InputError(
            f"{self.user} asks for the parameter {name!r}, which is not in the table",
            where=user_location(),
            hint=suggestion(name, self),
        )


@dataclass(frozen=True)
class Simulation:
    """A model with its initial state, its observables and its solver.

    Attributes
    ----------
    model : callable
        Right-hand side ``model(t, y, p)`` with `p` a dictionary of natural-scale values.
    states : tuple of str
        Names of the states.
    y0 : tuple of (float or str), or callable
        The initial state: numbers, names of parameters, or a function of `p`.
    t0 : float
        The time of the initial state.
    observables : mapping of str to (int or callable)
        A state's index or a function ``(t, y, p)`` with `t` of shape ``(n,)`` and `y` of shape
        ``(n_states, n)``, for each observable.
    solver : mapping
        Keyword arguments of `sciad.ode.solve_ivp`.
    """

    model: Model
    states: tuple[str, ...]
    y0: tuple[float | str, ...] | Callable[[dict[str, Any]], Any]
    t0: float
    observables: Mapping[str, int | Callable[..., Any]]
    solver: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The model's name, for messages."""
        return getattr(self.model, "__name__", type(self.model).__name__)

    def initial_state(self, p: Mapping[str, Any]) -> Any:
        """Build the state at `t0`: ``n_states`` numbers, maybe traced."""
        if callable(self.y0):
            return call(self.y0, p)
        return [p[entry] if isinstance(entry, str) else entry for entry in self.y0]

    def solve(self, times: np.ndarray, p: dict[str, Any]) -> OdeResult:
        """Solve for the states at ascending distinct `times` from `t0` on: ``y[n_states, n]``.

        Raises
        ------
        sciad.IntegrationError
            If the solver gives up before the last time.
        """
        span = (self.t0, float(times[-1]))
        try:
            solution = solve_ivp(
                self.model, span, self.initial_state(p), t_eval=times, args=(p,), **self.solver
            )
        except IntegrationError as error:  # in differentiated solves, which have no result then
            raise IntegrationError(f"{self.name}: {error.what}") from error
        if not solution.success:
            raise IntegrationError(f"{self.name}: {solution.message}")
        return solution

    def predict(self, schedule: "Schedule", p: dict[str, Any]) -> dict[str, Any]:
        """Predict some observables, each at its own times."""
        y = self.solve(schedule.grid, p).y
        return {
            name: self._observe(name, times, y, schedule.columns[name], p)
            for name, times in schedule.times.items()
        }

    def _observe(
        self, name: str, times: np.ndarray, y: Any, columns: np.ndarray | None, p: dict[str, Any]
    ) -> Any:
        observable = self.observables[name]
        if callable(observable):
            seen = call(observable, times, y if columns is None else y[:, columns], p)
            return call(np.array, seen) if isinstance(seen, list | tuple) else seen
        return y[observable] if columns is None else y[observable, columns]


class Schedule:
    """When which observable is wanted: one ascending grid for the solver, and the places on it.

    Parameters
    ----------
    times : mapping of str to ndarray
        Ascending times of each observable; replicates repeat a time.

    Attributes
    ----------
    grid : ndarray
        All distinct times.
    columns : dict of str to (ndarray of int or None)
        Where each observable's times are on the grid; None if they are the whole grid.
    """

    def __init__(self, times: Mapping[str, np.ndarray]) -> None:
        self.times = dict(times)
        self.grid = np.unique(np.concatenate(list(times.values())))
        self.columns = {
            name: None if np.array_equal(own, self.grid) else np.searchsorted(self.grid, own)
            for name, own in times.items()
        }


def build_simulation(
    model: Model,
    params: Parameters,
    times: Mapping[str, np.ndarray],
    *,
    y0: InitialState,
    t0: float | None,
    observables: Mapping[str, Any] | None,
    solver: Mapping[str, Any],
) -> Simulation:
    """Check the user's model, initial state and observables, and try each of them once.

    Raises
    ------
    sciad.InputError
        Naming the culprit: unknown names, wrong shapes, a model or an observable that raises.
    """
    if not callable(model):
        raise InputError(f"the model must be a function (t, y, p), got {model!r}")
    _check_solver(solver)
    states, start = _initial_state(y0, params)
    first = min(float(series[0]) for series in times.values())
    last = max(float(series[-1]) for series in times.values())
    origin = first if t0 is None else _finite("t0", t0)
    if origin > first:
        raise InputError(f"t0 = {origin:g} lies after the first measurement at time {first:g}")
    if last <= origin:
        raise InputError(f"there is no measurement after the initial time t0 = {origin:g}")
    rows = _observables(observables, states, list(times), named=isinstance(y0, Mapping))
    simulation = Simulation(model, states, start, origin, rows, dict(solver))
    _try_model(simulation, params)
    _try_observables(simulation, params, times)
    return simulation


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise InputError(f"{name} must be a finite number, got {value!r}")
    return number


def _check_solver(options: Mapping[str, Any]) -> None:
    for name in ("fun", "t_span", "y0", "t_eval", "args"):
        if name in options:
            raise InputError(
                f"solver may not set {name!r}: model, data and the arguments of fit do",
                hint='give options of the solver such as {"rtol": 1e-10, "atol": 1e-12}',
            )


def _initial_state(
    y0: InitialState, params: Parameters
) -> tuple[tuple[str, ...], tuple[float | str, ...] | Callable[..., Any]]:
    """Names of the states and the checked initial state."""
    if callable(y0):
        return _numbered(_size_of(y0, params)), y0
    if isinstance(y0, str) or not isinstance(y0, Mapping | Sequence | np.ndarray) or not len(y0):
        raise InputError(
            f"y0 must give one number or parameter name a state, got {y0!r}",
            hint='for example y0={"hare": "hare_0", "lynx": 5.9}',
        )
    if isinstance(y0, Mapping):
        states, entries = tuple(map(str, y0)), list(y0.values())
    else:
        states, entries = _numbered(len(y0)), list(y0)
    for state, entry in zip(states, entries, strict=True):
        if isinstance(entry, str):
            if entry not in params:
                raise InputError(
                    f"y0 of {state!r} is the parameter {entry!r}, which is not in the table",
                    hint=suggestion(entry, params),
                )
        elif not isinstance(entry, int | float | np.number) or not np.isfinite(entry):
            raise InputError(
                f"y0 of {state!r} must be a finite number or a parameter's name, got {entry!r}"
            )
    repeated = duplicates(entry for entry in entries if isinstance(entry, str))
    if repeated:
        raise InputError(
            f"y0 uses the parameter {repeated[0]!r} for two states",
            hint="if that is meant, give y0 as a function of p",
        )
    return states, tuple(e if isinstance(e, str) else float(e) for e in entries)


def _numbered(n: int) -> tuple[str, ...]:
    return tuple(f"state {i}" for i in range(n))


def _observables(
    given: Mapping[str, Any] | None, states: tuple[str, ...], measured: list[str], named: bool
) -> dict[str, int | Callable[..., Any]]:
    """State index or function for each measured observable."""
    given = dict(given or {})
    for name in given:
        if name not in measured:
            raise InputError(
                f"the observable {name!r} has no data", hint=suggestion(name, measured)
            )
    if not (given or named) and len(measured) == len(states):
        return {name: i for i, name in enumerate(measured)}  # states without names: by order
    for name in measured:
        if name not in given and name not in states:
            raise InputError(
                f"the data hold {name!r}, which is neither a state of the model "
                f"({', '.join(states)}) nor given in observables",
                hint=suggestion(name, states),
            )
    return {name: _observable(name, given.get(name, name), states) for name in measured}


def _observable(
    name: str, target: str | int | Callable[..., Any], states: tuple[str, ...]
) -> int | Callable[..., Any]:
    if callable(target):
        return target
    if isinstance(target, str):
        if target in states:
            return states.index(target)
        raise InputError(
            f"the observable {name!r} is the state {target!r}, which the model does not have",
            hint=suggestion(target, states),
        )
    if isinstance(target, int | np.integer) and 0 <= target < len(states):
        return int(target)
    raise InputError(
        f"the observable {name!r} must be a state's name, its index below {len(states)}, or a "
        f"function (t, y, p), got {target!r}"
    )


def _size_of(start: Any, params: Parameters) -> int:
    values = _attempt(
        lambda: np.asarray(start(Observed(params.valuesdict(), "y0")), dtype=float), "y0"
    )
    if values.ndim != 1 or not values.size or not np.all(np.isfinite(values)):
        raise InputError(f"y0 must return a sequence of finite numbers, got {values!r}")
    return int(values.size)


def _try_model(simulation: Simulation, params: Parameters) -> None:
    """One call at the start, so that a mistake in the model shows before any work."""
    values, n = params.valuesdict(), len(simulation.states)
    start = np.array(simulation.initial_state(values), dtype=float)
    user = f"the model {simulation.name}"
    result = _attempt(
        lambda: simulation.model(simulation.t0, start.copy(), Observed(values, user)), user
    )
    where = _definition(simulation.model)
    if result is None:
        raise InputError(f"{user} returns None", where=where, hint="is its `return` missing?")
    try:
        slope = np.array(result, dtype=float)
    except (TypeError, ValueError):
        raise InputError(
            f"{user} must return {n} real numbers, got {result!r:.80}", where=where
        ) from None
    if slope.shape != (n,):
        raise InputError(
            f"{user} returns shape {slope.shape}, but y0 has {n} states "
            f"({', '.join(simulation.states)}): expected shape ({n},)",
            where=where,
        )
    if not np.all(np.isfinite(slope)):
        i = int(np.flatnonzero(~np.isfinite(slope))[0])
        raise InputError(
            f"{user} returns {slope[i]} for d {simulation.states[i]}/dt at the start (t = "
            f"{simulation.t0:g}, y = {start})",
            where=where,
        )


def _try_observables(
    simulation: Simulation, params: Parameters, times: Mapping[str, np.ndarray]
) -> None:
    values = params.valuesdict()
    start = np.array(simulation.initial_state(values), dtype=float)
    for name, observable in simulation.observables.items():
        if not callable(observable):
            continue
        n, user = times[name].size, f"the observable {name!r}"
        states = np.repeat(start[:, None], n, axis=1)
        trial = partial(observable, times[name], states, Observed(values, user))
        seen = np.asarray(_attempt(trial, user), dtype=float)
        if seen.shape != (n,):
            raise InputError(
                f"{user} returns shape {seen.shape} for {n} times: expected ({n},)",
                where=_definition(observable),
            )


def _attempt(action: Callable[[], Any], user: str) -> Any:
    """Run the user's code once; whatever it raises becomes an error that says where."""
    try:
        with np.errstate(all="ignore"):
            return action()
    except SciadError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise InputError(
            f"{user} raises {type(error).__name__} at the start values: {error}",
            where=f"{last.filename}:{last.lineno}",
        ) from error


def _definition(function: Any) -> str | None:
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else None


def check_finite(name: str, predicted: Any, times: np.ndarray, positive: bool) -> None:
    """Refuse predictions that have no likelihood.

    Raises
    ------
    sciad.IntegrationError
        Naming observable and time.
    """
    values = np.asarray(primal_of(predicted))
    real = values.real
    bad = ~np.isfinite(real) if not positive else ~(np.isfinite(real) & (real > 0))
    if np.any(bad):
        i = int(np.flatnonzero(bad)[0])
        needed = "a positive finite" if positive else "a finite"
        raise IntegrationError(
            f"the prediction of {name!r} at time {times[i]:g} is {real[i]:g}; the noise model "
            f"needs {needed} value"
        )

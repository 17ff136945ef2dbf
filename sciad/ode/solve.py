"""`solve_ivp`: SciPy's function, compiled, with exact derivatives."""

import math
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from sciad.core.apply import bind
from sciad.core.dispatch import call
from sciad.core.errors import InputError, IntegrationError, TracingError, user_location
from sciad.core.tracer import any_traced, is_traced, primal_of
from sciad.ode.inputs import Inputs
from sciad.ode.primitive import Sensitivity, States
from sciad.ode.problem import (
    Times,
    check_args,
    check_options,
    check_states,
    check_steps,
    check_times,
    check_tolerances,
    find_method,
)
from sciad.ode.pullback import Pullback
from sciad.ode.repeat import check_repeatable
from sciad.ode.result import OdeResult, OdeSolution
from sciad.ode.rightside import RightSide

__all__ = ["TracedSolution", "set_default_sensitivity", "solve_ivp"]

NO_TIMES = np.empty(0)
_default: list[Sensitivity] = []


def set_default_sensitivity(sensitivity: Sensitivity) -> None:
    """Choose what ``sensitivity=None`` means."""
    _default[:] = [sensitivity]


@cache
def _engine() -> tuple[ModuleType, ModuleType]:
    """Import the modules that need Numba on the first solve: importing sciad stays quick."""
    from sciad.ode import model, trajectory

    return model, trajectory


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: str = "Tsit5",
    t_eval: Any = None,
    dense_output: bool = False,
    events: None = None,
    vectorized: bool = False,
    args: tuple[Any, ...] | None = None,
    *,
    rtol: float = 1e-3,
    atol: Any = 1e-6,
    first_step: float | None = None,
    max_step: float = math.inf,
    max_num_steps: int = 1_000_000,
    sensitivity: Sensitivity | None = None,
    **options: Any,
) -> OdeResult:
    r"""Solve an initial value problem :math:`dy/dt = f(t, y)`, :math:`y(t_0) = y_0`.

    A drop-in replacement of `scipy.integrate.solve_ivp`. The right-hand side is plain Python and is
    compiled to machine code when possible. Under `sciad.grad`, `sciad.jacobian` and the like the
    solution is differentiated exactly with respect to the initial state, the extra arguments and
    everything the right-hand side takes from its closure and globals; also with respect to the ends
    of the span and the save times.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)`` returning the derivative as a list, tuple or array of ``len(y0)``
        numbers.
    t_span : pair of float
        Start and end; the end may lie before the start.
    y0 : array_like, shape (n,)
        Initial state, real.
    method : str
        ``"Tsit5"`` (default), ``"RK45"`` or ``"RK23"``.
    t_eval : array_like, shape (m,), optional
        Times at which the state is wanted, sorted in the direction of integration, repetitions
        allowed. Default: the ends of all accepted steps.
    dense_output : bool
        Whether to return a continuous solution as ``result.sol``.
    events : None
        Not available yet.
    vectorized : bool
        Accepted for SciPy's sake; `fun` is always called with a state of shape (n,).
    args : tuple, optional
        Extra arguments of `fun`: numbers, arrays, and dicts, lists, dataclasses of them. Floats
        can be differentiated, ints are constants of the compiled model.
    rtol, atol : float, float or array_like of shape (n,)
        The local error of component `i` is kept below ``atol[i] + rtol * abs(y[i])`` in the root
        mean square over the components.
    first_step, max_step : float, optional
        Length of the first step (chosen by default), and longest step.
    max_num_steps : int
        Largest number of attempted steps.
    sensitivity : object, optional
        How derivatives are computed: `sciad.ode.DiscreteAdjoint` (default) or `sciad.ode.Forward`.
        Given explicitly, a solve with plain inputs also has ``result.pullback``, its adjoint.
    **options
        SciPy's options of implicit methods; they have no effect and a warning says so.

    Returns
    -------
    OdeResult
        With SciPy's fields ``t, y, sol, nfev, njev, nlu, status, message, success`` and ``stats``;
        ``pullback(y_bar) -> (y0_bar, args_bar)`` if a sensitivity was asked for and nothing is
        traced: the derivative of a loss from its derivative with respect to ``y``. An integration
        that fails keeps what was computed and has status -1.

    Raises
    ------
    InputError
        If an argument is not what it must be, or `fun` returns something of the wrong length.
    IntegrationError
        If an integration fails while it is differentiated (its derivative does not exist).
    NotDifferentiableError
        If a model that is differentiated gives other values when it is called again: it draws
        random numbers or keeps something between its calls.
    Exception
        What `fun` raises, with a note of the time and state.

    Warns
    -----
    SlowModelWarning
        If `fun` cannot be compiled; the message names the line that prevents it.

    Notes
    -----
    Derivatives are those of the accepted steps: step sizes are held, relative to the span. They are
    the exact derivatives of the numbers returned, and as accurate as the solution. Not so where
    `fun` jumps at a time that depends on what is differentiated (``1.0 if y[0] < limit else 0.0``):
    how the time of the jump moves is not part of the derivative. Solve up to the jump and go on
    from there, or make it a steep smooth function.

    References
    ----------
    .. [1] Ch. Tsitouras, "Runge-Kutta pairs of order 5(4) satisfying only the first column
           simplifying assumption", Comput. Math. Appl. 62 (2011), 770-775.
    .. [2] E. Hairer, S. P. Nørsett, G. Wanner, "Solving Ordinary Differential Equations I",
           2nd ed., Springer 1993.

    Examples
    --------
    >>> import sciad
    >>> from sciad.ode import solve_ivp
    >>> def final(rate):
    ...     def decay(t, y):
    ...         return [-rate * y[0]]
    ...     return solve_ivp(decay, (0.0, 2.0), [1.0], rtol=1e-10, atol=1e-10).y[0, -1]
    >>> print(f"{final(0.5):.6f}")  # exp(-1)
    0.367879
    >>> print(f"{sciad.grad(final)(0.5):.6f}")  # -2 exp(-1)
    -0.735759
    """
    if events is not None or options or not callable(fun):
        check_options(fun, events, options)
    tableau = find_method(method)
    times = check_times(t_span, t_eval)
    states = check_states(y0)
    right_side = RightSide(fun, check_args(args))
    inputs = Inputs(states, right_side.leaves)
    relative, absolute = check_tolerances(rtol, atol, inputs.n)
    first, longest, limit = check_steps(first_step, max_step, max_num_steps, times.t1 - times.t0)
    models, trajectories = _engine()
    settings = trajectories.Settings(
        times.t0, times.t1, relative, absolute, longest, first, limit, tableau
    )
    model = models.bind_model(
        right_side, times.t0, inputs.y0, inputs.p, inputs.plain[inputs.n_states :]
    )
    chosen = _sensitivity(sensitivity)
    traced = bool(inputs.active) or times.traced
    save = times.save
    if save is None and times.t0 == times.t1:
        save = np.array([times.t0, times.t1])
    differentiable = traced or sensitivity is not None
    keep = trajectories.Keep(
        save is None or dense_output, differentiable, dense_output, chosen.memory
    )
    trajectory = trajectories.integrate(
        settings, model, inputs.y0, inputs.p, NO_TIMES if save is None else save, keep
    )
    if traced and trajectory.status < 0:
        raise IntegrationError(
            f"the integration failed and has no derivative: {trajectory.message}",
            where=user_location(),
        )
    if differentiable and not model.compiled and trajectory.status == 0:
        check_repeatable(trajectory, right_side)
    result = _result(trajectory, right_side, inputs, times, save, chosen if traced else None)
    if differentiable and not traced and trajectory.status == 0:
        result["pullback"] = Pullback(trajectory, right_side, inputs, result.t.copy(), chosen)
    return result


def _sensitivity(given: Any) -> Sensitivity:
    if given is None:
        return _default[0]
    if isinstance(given, type) or not hasattr(given, "pull_back"):
        raise InputError(
            f"sensitivity must be an object such as DiscreteAdjoint(), not {given!r}",
        )
    return given


def _result(
    trajectory: Any,
    right_side: RightSide,
    inputs: Inputs,
    times: Times,
    save: np.ndarray | None,
    sensitivity: Sensitivity | None,
) -> OdeResult:
    if save is None:
        t: Any = trajectory.step_times
        y: Any = trajectory.states.T.copy()
    else:
        reached = trajectory.saved
        t = save if reached == save.size else save[:reached]
        y = trajectory.saves.reshape(trajectory.n, save.size)[:, :reached]
    sol: Any = None
    if trajectory.keep.slopes:
        sol = OdeSolution(
            trajectory.settings.tableau,
            trajectory.starts,
            trajectory.lengths,
            trajectory.states,
            trajectory.slopes,
            trajectory.t_end,
        )
    if sensitivity is not None:
        states = States(trajectory, right_side, inputs, t, y, sensitivity)
        if times.traced:
            t, y = _with_traced_times(states, times)
        else:
            y = bind(states, *inputs.traced_values)
            t = t.copy()  # the caller's to write to
        sol = TracedSolution(states, sol, times) if sol is not None else None
    status = 0 if trajectory.status == 0 else -1
    return OdeResult(
        t=t,
        y=y,
        sol=sol,
        t_events=None,
        y_events=None,
        nfev=trajectory.evaluations,
        njev=0,
        nlu=0,
        status=status,
        message=trajectory.message,
        success=status == 0,
        stats={
            "accepted": trajectory.steps,
            "rejected": trajectory.rejected,
            "compiled": trajectory.model.compiled,
            "method": trajectory.settings.tableau.name,
            "sensitivity": sensitivity.name if sensitivity is not None else None,
        },
    )


def _with_traced_times(states: States, times: Times) -> tuple[Any, Any]:
    """Return times and states when times are traced: the steps run in Python."""
    t: Any = states.times
    wanted: Any = None
    if times.traced_save is not None:
        wanted = [times.traced_save[i] for i in range(len(states.times))]
        t = times.traced_save
        t = call(np.array, t) if isinstance(t, list | tuple) and type(t) in (list, tuple) else t
    elif times.save is None and times.span is not None:
        wanted = states.grid.ends(*times.span)
        t = call(np.array, wanted)
    return t, states.replayed(*states.inputs.traced_values, times=wanted, span=times.span)


class TracedSolution:
    """The continuous solution of a differentiated solve.

    Called with plain times inside the span it returns traced states, whose derivatives are exact on
    the accepted steps.

    Attributes
    ----------
    ts : ndarray
        Ends of the accepted steps.
    t_min, t_max : float
        Ends of the span.
    """

    def __init__(self, states: States, plain: OdeSolution, times: Times) -> None:
        self._states, self._plain, self._moving = states, plain, times.traced
        self.ts, self.t_min, self.t_max = plain.ts, plain.t_min, plain.t_max
        self.n_segments = plain.n_segments

    def __call__(self, t: Any) -> Any:
        """Evaluate the solution.

        Parameters
        ----------
        t : float or array_like, shape (m,)
            Plain times inside the span, in any order.

        Returns
        -------
        traced array, shape (n,) or (n, m)

        Raises
        ------
        TracingError
            If `t` or the span is traced.
        InputError
            If a time lies outside the span.
        """
        if self._moving or is_traced(t) or (isinstance(t, list | tuple) and any_traced(t)):
            raise TracingError(
                "a continuous solution cannot be evaluated with a traced time or span",
                where=user_location(),
                hint="give the times to solve_ivp as t_eval: its derivatives are exact",
            )
        times = np.asarray(primal_of(t), dtype=float)
        flat = np.atleast_1d(times)
        if times.ndim > 1 or (
            flat.size and not self.t_min <= flat.min() <= flat.max() <= self.t_max
        ):
            raise InputError(
                f"times of a differentiated solution must be a float or a 1-D array between "
                f"{self.t_min} and {self.t_max}",
                where=user_location(),
            )
        settings = self._states.trajectory.settings
        order = np.argsort(flat if settings.t1 >= settings.t0 else -flat, kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(order.size)
        values = bind(
            self._states.at(flat[order], self._plain(flat[order])),
            *self._states.inputs.traced_values,
        )
        return values[:, 0] if times.ndim == 0 else values[:, back]

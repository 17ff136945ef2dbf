"""Integration in Python's hands: buffers, pauses for Ctrl-C, failures, and derivative sweeps.

The kernels do the arithmetic; this module gives them memory, lets them run for about
`PAUSE_SECONDS` at a time, and turns their statuses into results and errors.
"""

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sciad.core.errors import IntegrationError
from sciad.ode.kernels import explicit_rk as kernel
from sciad.ode.kernels.explicit_rk_adjoint import DERIVATIVE_FAILED, adjoint_work, transpose
from sciad.ode.kernels.explicit_rk_tangent import push_forward, tangent_work
from sciad.ode.tableau import ExplicitTableau

__all__ = ["Keep", "Pace", "Settings", "Trajectory", "integrate"]

PAUSE_SECONDS = 0.05
MESSAGES = {
    kernel.DONE: "The solver successfully reached the end of the integration interval.",
    kernel.STEP_TOO_SMALL: (
        "Required step size is less than spacing between numbers: at t = {t:.17g} the error of "
        "component {i} cannot be brought below the tolerance ({reason})."
    ),
    kernel.OUT_OF_STEPS: (
        "The limit max_num_steps = {limit} was reached at t = {t:.17g}, where component {i} asks "
        "for the shortest steps, now of {h:.3g} (the problem may be stiff, or the tolerances too "
        "small; a larger max_num_steps lets it go on)."
    ),
    kernel.NOT_FINITE: (
        "The model is not finite at the start, t = {t:.17g}: component {i} is {bad}."
    ),
}


@dataclass
class Pace:
    """What earlier solves of a model taught: steps per call of a kernel, rows of the tape."""

    steps: int = 64
    rows: int = 128

    def learn(self, seconds: float) -> None:
        """Adapt the steps of one kernel call to `PAUSE_SECONDS`."""
        if seconds < 0.5 * PAUSE_SECONDS:
            self.steps = min(2 * self.steps, 2**40)
        elif seconds > 2 * PAUSE_SECONDS:
            self.steps = max(self.steps // 2, 1)


@dataclass(slots=True)
class Keep:
    """What to remember of the accepted steps, and the bytes that stage states may take."""

    states: bool = False
    stages: bool = False
    slopes: bool = False
    memory: float = math.inf


@dataclass(slots=True)
class Settings:
    """Numbers that steer the integration."""

    t0: float
    t1: float
    rtol: float
    atol: np.ndarray
    max_step: float
    first_step: float
    max_num_steps: int
    tableau: ExplicitTableau


@dataclass(slots=True)
class Trajectory:
    """An integration that has been carried as far as it went.

    Attributes
    ----------
    settings, model, y0, p
        The problem.
    steps : int
        Number of accepted steps.
    t_end : float
        Time reached.
    """

    settings: Settings
    model: Any
    y0: np.ndarray
    p: np.ndarray
    keep: Keep
    times: np.ndarray
    saves: np.ndarray
    clock: np.ndarray
    counters: np.ndarray
    grid: np.ndarray
    tape: np.ndarray
    rows: int
    slopes_tape: np.ndarray
    status: int = 0
    stage_buffer: np.ndarray = field(repr=False, default_factory=lambda: np.empty(0))

    @property
    def n(self) -> int:
        """Number of components."""
        return self.y0.size

    @property
    def steps(self) -> int:
        """Number of accepted steps."""
        return int(self.counters[kernel.ACCEPTED])

    @property
    def t_end(self) -> float:
        """Time reached."""
        return float(self.clock[kernel.T])

    @property
    def starts(self) -> np.ndarray:
        """Start times of the accepted steps."""
        return self.grid[: 2 * self.steps : 2]

    @property
    def lengths(self) -> np.ndarray:
        """Lengths of the accepted steps."""
        return self.grid[1 : 2 * self.steps : 2]

    @property
    def step_times(self) -> np.ndarray:
        """Start time and ends of all accepted steps, shape (steps + 1,)."""
        return np.append(self.starts, self.t_end)

    @property
    def states(self) -> np.ndarray:
        """States at `step_times`, shape (steps + 1, n)."""
        scratch = (self.settings.tableau.stages - 1) * self.n
        return self.tape[scratch:].reshape(self.rows, -1)[: self.steps + 1, : self.n]

    @property
    def slopes(self) -> np.ndarray:
        """Stage derivatives, shape (steps, s, n)."""
        return self.slopes_tape.reshape(self.rows, -1, self.n)[: self.steps]

    @property
    def saved(self) -> int:
        """How many of the requested times were reached."""
        return int(self.counters[kernel.NEXT_SAVE])

    @property
    def evaluations(self) -> int:
        """Evaluations of the model."""
        return int(self.counters[kernel.EVALUATIONS])

    @property
    def rejected(self) -> int:
        """Rejected steps."""
        return int(self.counters[kernel.REJECTED])

    @property
    def message(self) -> str:
        """What happened, in words."""
        if self.status == kernel.DONE:
            return MESSAGES[kernel.DONE]
        culprit = int(self.counters[kernel.CULPRIT])
        at = self.clock[kernel.FAILED_AT] if self.status == kernel.STEP_TOO_SMALL else self.t_end
        bad = self.stage_buffer[culprit] if self.status == kernel.NOT_FINITE else None
        reason = "the solution may blow up there, or the model may not be smooth or not be finite"
        if self.settings.atol[culprit] == 0.0 and self._last_state()[culprit] == 0.0:
            reason = f"it is 0 and atol is 0 too: give a positive atol for component {culprit}"
        return MESSAGES[self.status].format(
            t=at,
            i=culprit,
            bad=bad,
            limit=self.settings.max_num_steps,
            h=abs(self.clock[kernel.H]),
            reason=reason,
        )

    def _last_state(self) -> np.ndarray:
        scratch = (self.settings.tableau.stages - 1) * self.n
        rows = self.tape[scratch:].reshape(max(self.rows, 2), -1)
        return rows[self.steps if self.rows else self.steps % 2, : self.n]

    def transpose(self, times: np.ndarray, cotangent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the cotangents of y0 and p from those of the states at `times`.

        Parameters
        ----------
        times : ndarray, shape (m,)
            Sorted in the direction of integration, within the span.
        cotangent : ndarray, shape (n, m)
        """
        y_bar, slope_bar, p_bar = np.zeros(self.n), np.zeros(self.n), np.zeros(self.p.size)
        # A copy: cotangents may be read-only views, which are another type to Numba.
        bars = np.array(cotangent, dtype=float, order="C").reshape(-1)
        step, save, t_right = self.steps, times.size - 1, self.t_end
        pace, tableau = self.model.pace, self.settings.tableau
        work = np.zeros(adjoint_work(tableau.stages, self.n))
        while True:
            stop = max(step - pace.steps, 0)
            began = time.perf_counter()
            save = self.model.run(
                transpose,
                self.model.vjp,
                self.model.value,
                self.p,
                p_bar,
                tableau.packed,
                tableau.stages,
                self.grid,
                self.tape,
                self.rows,
                step,
                stop,
                times,
                bars,
                save,
                t_right,
                y_bar,
                slope_bar,
                work,
            )
            if save == DERIVATIVE_FAILED:
                self._derivative_failed()
            if stop == 0:
                return y_bar, p_bar
            pace.learn(time.perf_counter() - began)
            step, t_right = stop, self.grid[2 * stop]

    def push_forward(self, times: np.ndarray, y0_dot: np.ndarray, p_dot: np.ndarray) -> np.ndarray:
        """Return the tangents of the states at `times`, shape (K, n, m).

        Parameters
        ----------
        times : ndarray, shape (m,)
        y0_dot, p_dot : ndarray, shapes (K, n) and (K, P)
        """
        count, pace, tableau = len(y0_dot), self.model.pace, self.settings.tableau
        states_dot, slopes_dot = y0_dot.ravel().copy(), np.empty(y0_dot.size)
        flat_p, out = p_dot.ravel(), np.empty((count, self.n, times.size))
        if count == 0:
            return out
        flat_out, step, save = out.reshape(-1), 0, 0
        work = np.empty(tangent_work(tableau.stages, self.n))
        while True:
            stop = min(step + max(pace.steps // count, 1), self.steps)
            t_end = self.t_end if stop == self.steps else self.grid[2 * stop]
            began = time.perf_counter()
            save = self.model.run(
                push_forward,
                self.model.jvp,
                self.model.value,
                self.p,
                flat_p,
                tableau.packed,
                tableau.stages,
                self.grid,
                self.tape,
                self.rows,
                step,
                stop,
                times,
                flat_out,
                save,
                t_end,
                states_dot,
                slopes_dot,
                self.n,
                work,
            )
            if save == DERIVATIVE_FAILED:
                self._derivative_failed()
            if stop == self.steps:
                return out
            pace.learn(time.perf_counter() - began)
            step = stop

    def _derivative_failed(self) -> None:
        self.model.raise_stored()
        raise IntegrationError(
            "the derivative of the compiled model failed where the model itself did not",
            where=self.model.where,
        )


def integrate(
    settings: Settings, model: Any, y0: np.ndarray, p: np.ndarray, times: np.ndarray, keep: Keep
) -> Trajectory:
    """Integrate as far as possible.

    Parameters
    ----------
    settings : Settings
    model : object
        Addresses ``value``, ``jvp``, ``vjp``, see `sciad.ode.model`.
    y0, p : ndarray
        Initial state and packed parameters.
    times : ndarray, shape (m,)
        Times at which the state is wanted, in the direction of integration.
    keep : Keep

    Returns
    -------
    Trajectory
        With a negative status if the end was not reached.

    Raises
    ------
    Exception
        What the model raised, with a note of time and state.
    """
    run = _prepare(settings, model, y0, p, times, keep)
    pace, tableau = model.pace, settings.tableau
    packed, stages = tableau.packed, tableau.stages
    exponent = 1.0 / (tableau.error_order + 1)
    steering = np.array(
        [settings.t1, settings.rtol, settings.max_step, settings.first_step, exponent]
    )
    while True:
        began = time.perf_counter()
        run.status = model.run(
            kernel.integrate,
            model.value,
            p,
            run.clock,
            run.counters,
            steering,
            settings.atol,
            packed,
            stages,
            times,
            run.saves,
            run.grid,
            run.tape,
            run.rows,
            run.stage_buffer,
            run.slopes_tape,
            pace.steps,
            settings.max_num_steps,
        )
        if run.status == kernel.PAUSED:
            pace.learn(time.perf_counter() - began)
        elif run.status == kernel.BUFFER_FULL:
            _grow(run)
        elif run.status == kernel.MODEL_FAILED:
            offset = int(run.counters[kernel.CULPRIT])
            state = run.tape[offset : offset + run.n].copy()
            model.reraise(float(run.clock[kernel.FAILED_AT]), state, p)
        else:
            return run


def _prepare(
    settings: Settings, model: Any, y0: np.ndarray, p: np.ndarray, times: np.ndarray, keep: Keep
) -> Trajectory:
    n, s = y0.size, settings.tableau.stages
    anything = keep.states or keep.stages or keep.slopes
    rows = model.pace.rows if anything else 0
    scratch = (s - 1) * n
    width = scratch if keep.stages and 8 * rows * scratch <= keep.memory else n
    tape = np.empty(scratch + max(rows, 2) * width)
    tape[scratch : scratch + n] = y0
    clock = np.zeros(4)
    clock[kernel.T] = settings.t0
    return Trajectory(
        settings=settings,
        model=model,
        y0=y0,
        p=p,
        keep=keep,
        times=times,
        saves=np.empty(n * times.size),
        clock=clock,
        counters=np.zeros(8, np.int64),
        grid=np.empty(2 * rows),
        tape=tape,
        rows=rows,
        slopes_tape=np.empty(rows * s * n if keep.slopes else 0),
        stage_buffer=np.empty(s * n + s),
    )


def _grow(run: Trajectory) -> None:
    """Double the rows; give up stage states when they would exceed the memory allowed for them."""
    n, s = run.n, run.settings.tableau.stages
    scratch = (s - 1) * n
    old, rows = run.tape[scratch:].reshape(run.rows, -1), 2 * run.rows
    width = old.shape[1]
    if run.keep.stages and width > n and 8 * rows * width > run.keep.memory:
        width = n
    else:
        run.model.pace.rows = max(run.model.pace.rows, rows)
    tape = np.empty(scratch + rows * width)
    tape[:scratch] = run.tape[:scratch]
    tape[scratch:].reshape(rows, width)[: run.rows] = old[:, :width]
    grid = np.empty(2 * rows)
    grid[: run.grid.size] = run.grid
    if run.slopes_tape.size:
        slopes = np.empty(rows * s * n)
        slopes[: run.slopes_tape.size] = run.slopes_tape
        run.slopes_tape = slopes
    run.tape, run.grid, run.rows = tape, grid, rows

"""The states of a solve at given times as one differentiable operation of its inputs."""

from functools import cached_property
from typing import Any, Protocol

import numpy as np

from sciad.core.apply import bind
from sciad.core.dispatch import call
from sciad.core.tracer import any_traced, is_traced
from sciad.core.transforms import jvp, vjp
from sciad.ode.inputs import Inputs
from sciad.ode.replay import Grid, replay
from sciad.ode.rightside import RightSide

__all__ = ["Sensitivity", "States"]


class Sensitivity(Protocol):
    """A way to differentiate an integration; see `sciad.ode.sensitivity`."""

    @property
    def name(self) -> str:
        """Name, said in the result."""

    @property
    def memory(self) -> float:
        """Bytes that the stage states of a solve may take; beyond it they are recomputed."""

    def pull_back(
        self, trajectory: Any, inputs: Inputs, times: np.ndarray, cotangent: Any
    ) -> tuple:
        """Cotangents of the traced inputs from that of the states, shape (n, m)."""

    def push_forward(
        self, trajectory: Any, inputs: Inputs, times: np.ndarray, tangents: tuple
    ) -> Any:
        """Tangents of the states, shape (K, n, m), from those of the traced inputs."""


class States:
    """The states at `times`, shape (n, m), as a function of the traced inputs.

    With plain inputs kernels do the work. When the inputs, tangents or cotangents are traced
    themselves (nested derivatives), the accepted steps are run again in Python.

    Parameters
    ----------
    trajectory : Trajectory
        The integration, done.
    right_side : RightSide
    inputs : Inputs
    times : ndarray, shape (m,)
        Sorted in the direction of integration.
    saved : ndarray, shape (n, m)
        The states there.
    sensitivity : Sensitivity
    """

    name = "sciad.ode.solve_ivp"

    def __init__(
        self,
        trajectory: Any,
        right_side: RightSide,
        inputs: Inputs,
        times: np.ndarray,
        saved: np.ndarray,
        sensitivity: Sensitivity,
    ) -> None:
        self.trajectory = trajectory
        self.right_side = right_side
        self.inputs = inputs
        self.times = times
        self.saved = saved
        self.sensitivity = sensitivity

    def value(self, *args: Any) -> Any:
        """Return the states; of traced arguments, traced again."""
        return bind(self, *args) if any_traced(args) else self.saved

    def vjp(self, cotangent: Any, out: Any, *args: Any) -> tuple:
        """Return the cotangents of the inputs."""
        if is_traced(cotangent) or any_traced(args):
            return tuple(vjp(self.replayed, *args)[1](cotangent))
        return self.sensitivity.pull_back(self.trajectory, self.inputs, self.times, cotangent)

    def jvp(self, tangents: tuple, out: Any, *args: Any) -> Any:
        """Return the tangents of the states, with the leading axis of the given ones."""
        if any_traced(args) or any(is_traced(tangent) for tangent in tangents):
            return self._jvp_in_python(tangents, args)
        return self.sensitivity.push_forward(self.trajectory, self.inputs, self.times, tangents)

    def _jvp_in_python(self, tangents: tuple, args: tuple) -> Any:
        count = next(len(tangent) for tangent in tangents if tangent is not None)
        columns = []
        for d in range(count):
            directions = tuple(
                tangent[d] if tangent is not None else np.zeros(np.shape(arg))[()]
                for tangent, arg in zip(tangents, args, strict=True)
            )
            columns.append(jvp(self.replayed, args, directions)[1])
        return call(np.stack, columns)

    @cached_property
    def grid(self) -> Grid:
        """The accepted steps."""
        settings = self.trajectory.settings
        return Grid(self.trajectory.starts, self.trajectory.lengths, settings.t0, settings.t1)

    def at(self, times: np.ndarray, saved: np.ndarray) -> "States":
        """Return the states of the same integration at other times."""
        return States(self.trajectory, self.right_side, self.inputs, times, saved, self.sensitivity)

    def replayed(self, *args: Any, times: Any = None, span: Any = None) -> Any:
        """Return the states computed in Python from any values of the traced inputs.

        Parameters
        ----------
        *args : scalar or array
            Values of the traced inputs.
        times : sequence, optional
            The save times, traced.
        span : tuple, optional
            The ends of the span, traced.
        """
        states, leaves = self.inputs.with_active(args)
        return replay(
            lambda t, y: self.right_side(t, y, leaves),
            states[0] if self.inputs.whole_state else states,
            self.grid,
            self.trajectory.settings.tableau,
            self.times,
            times,
            span,
        )

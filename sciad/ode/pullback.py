"""The adjoint of a solve without tracing, for programs that do the rest of the chain rule."""

from typing import Any

import numpy as np

from sciad.core.errors import InputError, TracingError, user_location
from sciad.core.tracer import any_traced, is_traced
from sciad.core.tree import TreeDef, flatten, gradient_tree
from sciad.ode.inputs import Inputs
from sciad.ode.primitive import Sensitivity
from sciad.ode.rightside import RightSide

__all__ = ["Pullback"]


class Pullback:
    """Map cotangents of the states to those of the initial state and of the arguments.

    ``result.pullback`` of a solve with plain inputs and an explicit ``sensitivity=``. It is what
    `sciad.grad` uses, for those who write down the derivative of their loss themselves. What the
    right-hand side takes from its closure or globals is held constant.

    Parameters
    ----------
    trajectory : Trajectory
        The integration, done.
    right_side : RightSide
    inputs : Inputs
        All plain.
    times : ndarray, shape (m,)
        The times of the states.
    sensitivity : Sensitivity
    """

    __slots__ = ("_inputs", "_right_side", "_sensitivity", "_times", "_trajectory")

    def __init__(
        self,
        trajectory: Any,
        right_side: RightSide,
        inputs: Inputs,
        times: np.ndarray,
        sensitivity: Sensitivity,
    ) -> None:
        self._trajectory, self._right_side, self._times = trajectory, right_side, times
        self._inputs, self._sensitivity = inputs.all_active(), sensitivity

    def __call__(self, y_bar: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
        """Apply the transposed derivative.

        Parameters
        ----------
        y_bar : array_like, shape (n, m)
            Derivative of a loss with respect to ``result.y``.

        Returns
        -------
        y0_bar : ndarray, shape (n,)
            Derivative of the loss with respect to the initial state.
        args_bar : tuple
            The same for the arguments, with their structure; ``None`` for what is not a float.

        Raises
        ------
        InputError
            If the shape is not that of the states.
        TracingError
            If `y_bar` is traced: a plain solve has no derivative of higher order.
        """
        if is_traced(y_bar) or (isinstance(y_bar, list | tuple) and any_traced(flatten(y_bar)[0])):
            raise TracingError(
                "the pullback of a plain solve is given a traced cotangent",
                where=user_location(),
                hint="differentiate solve_ivp itself with sciad.grad or sciad.vjp: "
                "that works to any order",
            )
        bars = np.asarray(y_bar, dtype=float)
        if bars.shape != (self._inputs.n, self._times.size):
            raise InputError(
                f"the cotangent has shape {bars.shape}, the states have "
                f"{(self._inputs.n, self._times.size)}"
            )
        found = self._sensitivity.pull_back(self._trajectory, self._inputs, self._times, bars)
        args: TreeDef = self._right_side.treedef.children[0]
        return found[0], gradient_tree(args, found[1 : 1 + args.num_leaves])

"""Whether a model that runs in Python is a function of time, state and parameters alone.

A model may draw random numbers, or keep something between its calls (a switch that was thrown, a
counter). It can be integrated, as by SciPy, but the derivative of what it computed is not that of
any one evaluation. Compiled models cannot do such things; of the others every accepted step is
computed once more before it is differentiated, last step first, and must come out the same.
"""

from typing import Any

import numpy as np

from sciad.core.errors import NotDifferentiableError
from sciad.ode.replay import advance
from sciad.ode.rightside import RightSide, describe

__all__ = ["check_repeatable"]

# Rounding of sums of this size; a step also amplifies the rounding of what it starts from.
OWN_ROUNDING, ROUNDING_OF_OTHERS = 1e-9, 1e-12


def check_repeatable(trajectory: Any, right_side: RightSide) -> None:
    """Compute the accepted steps again and compare.

    Raises
    ------
    NotDifferentiableError
        If a step comes out differently: the model depends on more than its arguments.
    """
    leaves = trajectory.model.callbacks.leaves(trajectory.p)
    times, states, tableau = trajectory.step_times, trajectory.states, trajectory.settings.tableau
    with np.errstate(all="ignore"):
        for i in reversed(range(trajectory.steps)):
            t, h = float(times[i]), float(trajectory.lengths[i])
            slopes, again = advance(
                lambda s, y: right_side(s, y.copy(), leaves),
                t,
                h,
                float(times[i + 1]),
                states[i],
                None,
                tableau,
            )
            size = np.abs(states[i]) + np.abs(h) * np.max(np.abs(slopes), axis=0)
            room = OWN_ROUNDING * size + ROUNDING_OF_OTHERS * np.max(size)
            if not np.all(np.abs(again - states[i + 1]) <= room):  # true for NaN
                raise _differs(right_side, t, states[i], states[i + 1] - states[i], again)


def _differs(
    right_side: RightSide, t: float, y: np.ndarray, change: np.ndarray, again: np.ndarray
) -> NotDifferentiableError:
    name, where = describe(right_side.function)
    worst = int(np.argmax(np.abs(again - y - change)))
    return NotDifferentiableError(
        f"the model {name} has no derivative: it depends on more than t, y and its parameters. The "
        f"step from t = {t:.9g} changed component {worst} by {change[worst]:.9g}; computed again, "
        f"by {again[worst] - y[worst]:.9g}",
        where=where,
        hint="let it draw no random numbers and keep nothing between its calls that it reads "
        "(a switch, a last value); what it needs belongs in t, y or args",
    )

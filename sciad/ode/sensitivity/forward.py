"""Forward sensitivities: the derivative of the accepted steps along all directions at once.

References
----------
.. [1] E. Hairer, S. P. Nørsett, G. Wanner, "Solving Ordinary Differential Equations I", 2nd ed.,
       Springer 1993, sec. I.14 (internal differentiation after Bock, 1981).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sciad.core.errors import InputError
from sciad.ode.inputs import Inputs

__all__ = ["Forward", "check_memory"]


def check_memory(memory: Any) -> None:
    """Refuse what is no number of bytes."""
    if isinstance(memory, bool) or not isinstance(memory, float | int) or not memory >= 0:
        raise InputError(f"memory must be a number of bytes, 0 or more, not {memory!r}")


@dataclass(frozen=True)
class Forward:
    """Differentiate the accepted steps in the direction of time.

    The tangent of every accepted step is computed for all directions, exactly (rounding aside) and
    at a cost proportional to the number of inputs. In reverse mode the whole Jacobian is computed
    this way and transposed: right for few inputs and many outputs.

    Parameters
    ----------
    memory : float
        Bytes that the stage states of a solve may take; beyond it they are recomputed.

    Examples
    --------
    >>> Forward().name
    'Forward'
    """

    name: ClassVar[str] = "Forward"
    memory: float = 2.0**29

    def __post_init__(self) -> None:
        check_memory(self.memory)

    def push_forward(
        self, trajectory: Any, inputs: Inputs, times: np.ndarray, tangents: tuple
    ) -> Any:
        """Tangents of the states, shape (K, n, m), from those of the traced inputs."""
        count = next(len(tangent) for tangent in tangents if tangent is not None)
        y0_dot, p_dot = inputs.directions(tangents, count)
        return trajectory.push_forward(times, y0_dot, p_dot)

    def pull_back(
        self, trajectory: Any, inputs: Inputs, times: np.ndarray, cotangent: Any
    ) -> tuple:
        """Cotangents of the traced inputs from that of the states, shape (n, m)."""
        jacobian = trajectory.push_forward(times, *inputs.all_directions())
        joined = np.tensordot(jacobian, cotangent, axes=2)
        y0_bar, p_bar = np.zeros(inputs.n), np.zeros(inputs.p.size)
        start = 0
        for part in (inputs.parts[i] for i in inputs.active):
            stop = start + part.stop - part.start
            if part.start < inputs.n:
                y0_bar[part.start : part.stop] = joined[start:stop]
            else:
                p_bar[part.start - inputs.n : part.stop - inputs.n] = joined[start:stop]
            start = stop
        return inputs.cotangents(y0_bar, p_bar)

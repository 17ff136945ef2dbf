"""The discrete adjoint: the exact transpose of the accepted steps.

References
----------
.. [1] A. Walther, "Automatic differentiation of explicit Runge-Kutta methods for optimal control",
       Computational Optimization and Applications 36 (2007), 83-108.
.. [2] A. Sandu, "On the properties of Runge-Kutta discrete adjoints", ICCS 2006, 550-557.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sciad.ode.inputs import Inputs
from sciad.ode.sensitivity.forward import Forward, check_memory

__all__ = ["DiscreteAdjoint"]


@dataclass(frozen=True)
class DiscreteAdjoint:
    """Differentiate the accepted steps against the direction of time.

    The gradient of the computed solution, exact (rounding aside), at a cost that does not depend on
    the number of inputs. The states of all stages are stored if `memory` allows, else only those of
    the steps, and the stages are recomputed. In forward mode it is `Forward`.

    Parameters
    ----------
    memory : float
        Bytes that the stage states of a solve may take; beyond it they are recomputed.

    Examples
    --------
    >>> DiscreteAdjoint(memory=1e6).name
    'DiscreteAdjoint'
    """

    name: ClassVar[str] = "DiscreteAdjoint"
    memory: float = 2.0**29

    def __post_init__(self) -> None:
        check_memory(self.memory)

    def pull_back(
        self, trajectory: Any, inputs: Inputs, times: np.ndarray, cotangent: Any
    ) -> tuple:
        """Cotangents of the traced inputs from that of the states, shape (n, m)."""
        return inputs.cotangents(*trajectory.transpose(times, cotangent))

    def push_forward(
        self, trajectory: Any, inputs: Inputs, times: np.ndarray, tangents: tuple
    ) -> Any:
        """Tangents of the states, shape (K, n, m), from those of the traced inputs."""
        return Forward(self.memory).push_forward(trajectory, inputs, times, tangents)

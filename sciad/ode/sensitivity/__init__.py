"""Ways to differentiate an integration, one a file."""

from sciad.ode.sensitivity.discrete_adjoint import DiscreteAdjoint
from sciad.ode.sensitivity.forward import Forward

__all__ = ["DiscreteAdjoint", "Forward"]

"""Ordinary differential equations: SciPy's `solve_ivp`, compiled and differentiable."""

from sciad.ode.methods import METHODS
from sciad.ode.result import OdeResult, OdeSolution
from sciad.ode.sensitivity import DiscreteAdjoint, Forward
from sciad.ode.solve import set_default_sensitivity, solve_ivp
from sciad.ode.warning import SlowModelWarning

__all__ = [
    "METHODS",
    "DiscreteAdjoint",
    "Forward",
    "OdeResult",
    "OdeSolution",
    "SlowModelWarning",
    "solve_ivp",
]

set_default_sensitivity(DiscreteAdjoint())

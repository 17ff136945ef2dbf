"""Initial value problems: SciPy's solver is replaced by sciad's, which knows its sensitivities."""

from sciad.core.rules import Substitute, register

__all__: list[str] = []

SOLVE_IVP = "scipy.integrate._ivp.ivp.solve_ivp"

register(SOLVE_IVP, Substitute(SOLVE_IVP, "sciad.ode:solve_ivp"))

"""Integration methods, one a file: coefficients and the paper they come from."""

from sciad.ode.methods.rk23 import RK23
from sciad.ode.methods.rk45 import RK45
from sciad.ode.methods.tsit5 import TSIT5

__all__ = ["METHODS", "RK23", "RK45", "TSIT5"]

METHODS = {tableau.name: tableau for tableau in (TSIT5, RK45, RK23)}

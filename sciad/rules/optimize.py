"""Minimisers of scipy.optimize that only compare the values of their function: they raise.

The points such a search tries do not depend smoothly on the parameters of the function: followed,
the derivative of its result would be zero, or that of the starting point.
"""

import functools
import importlib
from typing import Any

from sciad.core.dispatch import call
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import Substitute, register
from sciad.core.tracer import any_traced
from sciad.core.tree import flatten

__all__: list[str] = []

_SEARCHES = {
    "_optimize._minimize_neldermead": "Nelder-Mead",
    "_optimize._minimize_scalar_golden": "golden",
    "_optimize.brute": "brute",
    "_differentialevolution.differential_evolution": "differential_evolution",
    "_dual_annealing.dual_annealing": "dual_annealing",
    "_shgo.shgo": "shgo",
}


def _search(place: str, fun: Any, *args: Any, **kwargs: Any) -> Any:
    """Search as SciPy does, over a function that may not have a traced value."""

    def compared(*point: Any) -> Any:
        value = call(fun, *point)
        if any_traced(flatten(value)[0]):
            raise NotDifferentiableError(
                f"scipy.optimize: {_SEARCHES[place]} only compares the values of its function, its"
                " result has no derivative that could be followed",
                where=user_location(),
                hint="use a method with derivatives such as 'BFGS', or give the function that"
                " returns the minimum a rule: sciad.rule(minimum, residual=...), where the"
                " residual is the gradient of the objective",
            )
        return value

    module, _, name = place.partition(".")
    search = getattr(importlib.import_module(f"scipy.optimize.{module}"), name)
    return search(compared, *args, **kwargs)


for _place in _SEARCHES:
    _key = f"scipy.optimize.{_place}"
    register(_key, Substitute(_key, functools.partial(_search, _place)))

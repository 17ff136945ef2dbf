"""Names of a running function, looked up when an expression comes to them.

An operator of a class of the user may give another value to a global name, or to one of an outer
function, that stands further on in the same expression.
"""

import inspect
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["GENERATED", "Names"]

#: A global name of functions that were written for an expression.
GENERATED = "__sciad_generated__"


class Names:
    """Values of the names of an expression in the frame of the user's code, by their numbers.

    Parameters
    ----------
    names : sequence of str
        The names.
    values : sequence
        What they stood for when the expression began; private names of classes are not found.
    """

    def __init__(self, names: Sequence[str], values: Sequence[Any]) -> None:
        self.names, self.values = names, values
        frame: Any = sys._getframe(2)
        while frame.f_globals.get("__name__") == "sciad.core.sites" or GENERATED in frame.f_globals:
            frame = frame.f_back
        self.frame = frame

    def __getitem__(self, place: int) -> Any:
        name = self.names[place]
        code = self.frame.f_code
        if code.co_flags & inspect.CO_OPTIMIZED and name not in code.co_cellvars + code.co_freevars:
            # f_locals would keep what all names stand for: no array would be alone any more
            if name in code.co_varnames:
                return self.values[place]
            return self.frame.f_globals.get(name, self.values[place])
        for scope in (self.frame.f_locals, self.frame.f_globals):
            if name in scope:
                return scope[name]
        return self.values[place]

"""Functions that compute the expressions of followed code (`sciad.core.expressions`) at once.

A place in the source gets a function for the kinds of values it meets: arrays on a tape, arrays
that nothing traced has reached, numbers. The function tests that it gets such values, computes as
plain NumPy does, and boxes what comes out. For values of other kinds there are more such functions;
where none can be made, the expression is evaluated operator by operator.

The functions are written out as Python, with the file and line of the user's source.
"""

import ast
import builtins
import itertools
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciad.core.constants import present
from sciad.core.expressions import Expression
from sciad.core.formulas import FOLLOWED, NUMBERS, OTHER, PLAIN, TRACED, Formula, UnfitError
from sciad.core.recorded import Recording
from sciad.core.tracer import FLOAT64, Array

__all__ = ["Site"]

_MOST_KINDS, _OFTEN = 8, 4
_count = itertools.count()


@dataclass
class _Way:
    """How an expression is computed for values of some kinds.

    Attributes
    ----------
    function : callable
        For values that were looked at.
    first : callable or None
        For any values: it asks the site if they are others.
    missed : int
        How often the site was asked for it.
    """

    function: Callable[..., Any]
    first: Callable[..., Any] | None = None
    missed: int = 0


class Site:
    """A place in the source where an expression is computed at once.

    It is called where the function that rewritten code calls (by its name among the built-in ones)
    is not made for the values. That function is replaced by one that was missed often.

    Parameters
    ----------
    expression : Expression
        It.
    general : ast.expr
        The expression as rewritten code has it without this.
    node : ast.expr
        The expression as it stands in the source.
    code : types.CodeType
        The code it stands in.
    """

    def __init__(
        self, expression: Expression, general: ast.expr, node: ast.expr, code: types.CodeType
    ) -> None:
        self.name = f"__sciad_site{next(_count)}__"
        self.expression, self.general, self.code = expression, general, code
        self.place = node
        self.ways: dict[tuple, _Way] = {}
        self.otherwise: Callable[..., Any] | None = None
        setattr(builtins, self.name, self)

    def __call__(self, *values: Any) -> Any:
        """Compute the expression."""
        kinds = tuple(map(self._kind, range(len(values)), values))
        way = self.ways.get(kinds)
        if way is None:
            way = self.ways[kinds] = self._make(kinds)
        way.missed += 1
        if way.missed & (way.missed - 1) == 0 and way.missed >= _OFTEN and way.first is not None:
            setattr(builtins, self.name, way.first)  # at the 4th, 8th, 16th miss
        return way.function(*values)

    def _kind(self, k: int, value: Any) -> Any:
        """Kind of a value; None if nothing is made for it."""
        kind = type(value)
        if kind in NUMBERS:
            return kind
        if kind is Array:
            owner = value.owner
            if value.tape or (value.index is not None and owner.tape):
                return TRACED
            value, found, other = present(value), FOLLOWED, OTHER
        else:
            found, other = PLAIN, None
        if type(value) is np.ndarray:
            return found if value.dtype is FLOAT64 and value.ndim else other
        if kind is Array:
            return OTHER
        return value if kind is types.ModuleType and k in self.expression.modules else None

    def _make(self, kinds: tuple) -> "_Way":
        """Make functions for values of some kinds."""
        if self.otherwise is None:
            self.otherwise = self._operator_by_operator()
        if OTHER in kinds:
            return self._for_others(kinds.index(OTHER))
        writer = Recording if TRACED in kinds else Formula if FOLLOWED in kinds else None
        if writer is None or None in kinds or len(self.ways) >= _MOST_KINDS:
            return _Way(self.otherwise)
        try:
            written = writer(self.expression, kinds)
            text = written.text()
        except UnfitError:
            return _Way(self.otherwise)
        return _Way(
            self._compiled(text, {**written.scope, "otherwise": self.otherwise}),
            self._compiled(text, {**written.scope, "otherwise": self}),
        )

    def _for_others(self, k: int) -> "_Way":
        """Make a function that finds out soon that an array is none of those on a tape."""
        assert self.otherwise is not None
        names = ", ".join(f"a{j}" for j in range(len(self.expression.names)))
        text = f"""\
def site({names}):
    if type(a{k}) is Array and a{k}.tape is None and a{k}._trace is not None:
        return general({names})
    return otherwise({names})
"""
        scope = {"Array": Array, "general": self.otherwise, "otherwise": self}
        return _Way(self.otherwise, self._compiled(text, scope))

    def _compiled(self, text: str, scope: dict[str, Any]) -> Callable[..., Any]:
        tree = ast.parse(text)
        for part in ast.walk(tree):
            if hasattr(part, "lineno"):
                ast.copy_location(part, self.place)
        return self._function(tree, scope)

    def _operator_by_operator(self) -> Callable[..., Any]:
        """Make a function that does what the code would do without this."""
        names = [f"a{k}" for k in range(len(self.expression.names))]
        given = [ast.arg(name) for name in names]
        arguments = ast.arguments([], given, None, [], [], None, [])
        body = self.expression.with_parameters(self.general, names)
        made = ast.FunctionDef("site", arguments, [ast.Return(body)], [], None)
        ast.copy_location(made, self.place)
        if hasattr(made, "type_params"):
            made.type_params = []
        return self._function(ast.fix_missing_locations(ast.Module([made], [])), {})

    def _function(self, tree: ast.Module, scope: dict[str, Any]) -> Callable[..., Any]:
        """Compile a function ``site``, at the place in the user's source."""
        exec(compile(tree, self.code.co_filename, "exec", dont_inherit=True), scope)
        made = scope["site"]
        made.__code__ = made.__code__.replace(
            co_name=self.code.co_name, co_qualname=self.code.co_qualname
        )
        return made

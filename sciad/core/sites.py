"""Functions that compute the expressions of followed code (`sciad.core.expressions`) at once.

A place in the source gets a function for the kinds of values it meets: arrays on a tape, arrays
that nothing traced has reached, numbers. The function tests that it gets such values, computes as
plain NumPy does, and boxes what comes out. For values of other kinds there are more such functions;
where none can be made, the expression is evaluated operator by operator.

The functions are written out as Python, with the file and line of the user's source.
"""

import ast
import builtins
import functools
import itertools
import operator
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciad.core.constants import present
from sciad.core.errors import TracingError, user_location
from sciad.core.expressions import (
    Expression,
    Function,
    Matrix,
    Minus,
    Number,
    Part,
    Variable,
)
from sciad.core.formulas import FOLLOWED, NUMBERS, OTHER, PLAIN, TRACED, Formula, UnfitError
from sciad.core.names import GENERATED, Names
from sciad.core.recorded import Recording
from sciad.core.tracer import FLOAT64, Array, Scalar

__all__ = ["Site"]

_MOST_KINDS = 8
_SEVERAL, _OFTEN = 8, 16  # writing a function takes milliseconds, which a few uses are not worth
_DISPATCHER = "__sciad_call__"
_OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
_count = itertools.count()
#: Types whose operators run no code of the user.
_QUIET = frozenset(
    {
        *(Array, Scalar, np.ndarray, types.ModuleType, types.NoneType, str, slice),
        *(float, int, bool, complex, *(np.dtype(code).type for code in "?bhilqBHILQefdgFDG")),
    }
)


@dataclass
class _Way:
    """How an expression is computed for values of some kinds.

    Attributes
    ----------
    made : callable or None
        Gives a function for any values, which calls its argument if they are others.
    function : callable or None
        For values that were looked at.
    missed : int
        How often the site was asked for it.
    """

    made: Callable[..., Any] | None = None
    function: Callable[..., Any] | None = None
    missed: int = 0


class Site:
    """A place in the source where an expression is computed at once.

    It is called where the function that rewritten code calls (by its name among the built-in ones)
    is not made for the values. That function is replaced by one that was missed often.

    Parameters
    ----------
    expression : Expression
        It.
    node : ast.expr
        The expression as it stands in the source.
    code : types.CodeType
        The code it stands in.
    module : str
        The module it stands in, which filters of warnings ask for.
    """

    def __init__(
        self, expression: Expression, node: ast.expr, code: types.CodeType, module: str
    ) -> None:
        self.name = f"__sciad_site{next(_count)}__"
        self.expression, self.code, self.place = expression, code, node
        self.module = module
        self.ways: dict[tuple, _Way] = {}
        self.indices: dict[str, types.CodeType] = {}
        setattr(builtins, self.name, self)

    def __call__(self, *values: Any) -> Any:
        """Compute the expression."""
        kinds = tuple(map(self._kind, range(len(values)), values))
        way = self.ways.get(kinds)
        if way is None:
            way = self.ways[kinds] = _Way()
        way.missed += 1
        if way.missed == _SEVERAL and len(self.ways) <= _MOST_KINDS:
            way.made = self._make(kinds)
            way.function = way.made and way.made(self._slowly)
        if way.made is None or way.function is None:
            return self._slowly(*values)
        if way.missed & (way.missed - 1) == 0 and way.missed >= _OFTEN:
            setattr(builtins, self.name, way.made(self))  # at the 16th, 32nd miss
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

    def _give_up(self, kinds: tuple, *values: Any) -> Any:
        """Compute where operands of these kinds have shapes that nothing is written for."""
        way = self.ways[kinds]
        way.made = way.function = None
        setattr(builtins, self.name, self)
        return self._slowly(*values)

    def _interrupted(self, *values: Any) -> Any:
        """Compute once more, where others have used the tape: another thread, an error handler."""
        if "call" in np.geterr().values():
            raise TracingError(
                "a function that NumPy calls about floating-point errors (np.seterrcall) computes"
                " with traced values",
                where=user_location(),
                hint="let it note what happens, and compute afterwards",
            )
        return self._slowly(*values)

    def _slowly(self, *values: Any) -> Any:
        """`by_operators`; names whose values may change meanwhile are looked up one by one."""
        if self._runs_code_of_users(values):
            return self._value(self.expression.tree, Names(self.expression.names, values))
        return self.by_operators(*values)

    def _runs_code_of_users(self, values: tuple) -> bool:
        for value in values:
            kind = type(value)
            if kind not in _QUIET or (kind is np.ndarray and value.dtype.hasobject):
                return True
        for call in self.expression.calls:
            if type(getattr(values[call.module.place], call.name, None)) is not np.ufunc:
                return True
        return False

    def by_operators(self, *values: Any) -> Any:
        """Compute the expression as code that is rewritten does without this."""
        return self._value(self.expression.tree, values)

    def _value(self, node: Any, values: Any) -> Any:
        kind = type(node)
        if kind is Variable:
            return values[node.place]
        if kind is Number:
            return node.value
        if kind is Minus:
            return -self._value(node.operand, values)
        if kind is Part:
            return values[node.base.place][self._index(node.index, values)]
        dispatcher: Any = getattr(builtins, _DISPATCHER)
        if kind is Function:
            function = getattr(values[node.module.place], node.name)
            return dispatcher(function, self._value(node.operand, values))
        left, right = self._value(node.left, values), self._value(node.right, values)
        return (
            dispatcher.matmul(left, right)
            if kind is Matrix
            else _OPERATORS[node.symbol](left, right)
        )

    def _index(self, text: str, values: Any) -> Any:
        if text not in self.indices:
            self.indices[text] = compile(text, self.code.co_filename, "eval")
        bounds = {f"a{k}": values[k] for k in self.expression.bounds}
        return eval(self.indices[text], {"slice": slice}, bounds)

    def _make(self, kinds: tuple) -> Callable[..., Any] | None:
        """Write a function for values of some kinds; None if there is no way but by operators."""
        if OTHER in kinds:
            return self._for_others(kinds.index(OTHER))
        writer = Recording if TRACED in kinds else Formula if FOLLOWED in kinds else None
        if writer is None or None in kinds:
            return None
        try:
            written = writer(self.expression, kinds)
            ways_out = {
                "by_operators": self._slowly,
                "interrupted": self._interrupted,
                "misfit": functools.partial(self._give_up, kinds),
            }
            return self._compiled(written.text(), {**written.scope, **ways_out})
        except (UnfitError, OverflowError):  # an integer that is no float
            return None

    def _for_others(self, k: int) -> Callable[..., Any]:
        """Write a function that finds out soon that an array is none of those on a tape."""
        names = ", ".join(f"a{j}" for j in range(len(self.expression.names)))
        text = f"""\
def site({names}):
    if type(a{k}) is Array and a{k}.tape is None and a{k}._trace is not None:
        return by_operators({names})
    return otherwise({names})
"""
        return self._compiled(text, {"Array": Array, "by_operators": self._slowly})

    def _compiled(self, text: str, scope: dict[str, Any]) -> Callable[..., Any]:
        """Compile functions, at the place in the user's source; `Way.made` of the last."""
        tree = ast.parse(text)
        for part in ast.walk(tree):
            if hasattr(part, "lineno"):
                ast.copy_location(part, self.place)
        compiled = compile(tree, self.code.co_filename, "exec", dont_inherit=True)

        def made(otherwise: Callable[..., Any]) -> Callable[..., Any]:
            names = {**scope, "otherwise": otherwise, "__name__": self.module, GENERATED: True}
            exec(compiled, names)
            function = names["site"]
            function.__code__ = function.__code__.replace(
                co_name=self.code.co_name, co_qualname=self.code.co_qualname
            )
            return function

        return made

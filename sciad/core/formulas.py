"""The source of functions that compute expressions from arrays that nothing traced has reached.

Numbers that meet an array become arrays without axes, for which NumPy takes half the time. All is
float64, so the results are the same.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from sciad.core.buffer import constant
from sciad.core.constants import present
from sciad.core.expressions import (
    Expression,
    Function,
    Matrix,
    Minus,
    Number,
    Operation,
    Part,
    Variable,
)
from sciad.core.rules import BY_CALLABLE, Elementwise
from sciad.core.scalars import ARRAY_CONSTANTS, array_constant
from sciad.core.tracer import FLOAT64, Array

__all__ = [
    "FOLLOWED",
    "NUMBERS",
    "OTHER",
    "PLAIN",
    "TRACED",
    "Formula",
    "Known",
    "UnfitError",
    "Writer",
]

#: Kinds of arrays: on a tape, boxed but untraced, not boxed.
TRACED, FOLLOWED, PLAIN = "traced", "followed", "plain"
#: Of arrays that nothing is made for: followed otherwise, of another type.
OTHER = "other"
#: Kinds of numbers.
NUMBERS = frozenset({float, int, np.float64})
_SCOPE: dict[str, Any] = {
    "Array": Array,
    "array_constant": array_constant,
    "box": constant,
    "constants": ARRAY_CONSTANTS,
    "float64": FLOAT64,
    "ndarray": np.ndarray,
    "present": present,
    "rules": BY_CALLABLE,
}


class UnfitError(Exception):
    """No function is written for these kinds of values."""


class Writer:
    """The lines of a function ``site(a0, a1, ...)`` and the names in them.

    Parameters
    ----------
    expression : Expression
        What is computed.
    kinds : tuple
        Of its parameters: one of the kinds of arrays, a type of numbers, or a module.
    """

    def __init__(self, expression: Expression, kinds: tuple) -> None:
        self.expression, self.kinds = expression, kinds
        self.scope = dict(_SCOPE)
        self.lines: list[str] = []
        self.parameters = ", ".join(f"a{k}" for k in range(len(kinds)))
        self.arrays_of_numbers: dict[str, str] = {}
        self.indices: dict[str, str] = {}
        for k, kind in enumerate(kinds):
            if k in expression.modules:
                self.unless(f"a{k} is {self.known(kind, 'module')}")
            elif kind in NUMBERS and (kind is int or k not in expression.bounds):
                self.unless(f"type(a{k}) is {self.known(kind, 'kind')}")
            elif kind not in (TRACED, FOLLOWED, PLAIN) or k in expression.bounds:
                raise UnfitError
        self.rules = {call: self._tested(call) for call in expression.calls}

    def _tested(self, call: Function) -> tuple[str, Elementwise]:
        """Name of a function of NumPy, which is tested to be what it was, and its rule."""
        function = getattr(np, call.name)
        rule = BY_CALLABLE.get(function)
        if getattr(self.kinds[call.module.place], call.name, None) is not function:
            raise UnfitError
        if type(rule) is not Elementwise or not rule.trusted:
            raise UnfitError
        name = self.known(function, "function")
        self.unless(f"a{call.module.place}.{call.name} is {name}")
        self.unless(f"rules.get({name}) is {self.known(rule, 'rule')}")
        return name, rule

    def known(self, value: Any, prefix: str) -> str:
        """Name for an object in the function."""
        for name, other in self.scope.items():
            if other is value and name.startswith(prefix):
                return name
        name = f"{prefix}{len(self.scope)}"
        self.scope[name] = value
        return name

    def add(self, line: str) -> None:
        """Write a line."""
        self.lines.append(line)

    def unless(self, condition: str) -> None:
        """Write a test of what the function is made for."""
        self.add(f"if not ({condition}): return otherwise({self.parameters})")

    def open(self, k: int) -> None:
        """Write what takes the content of an array that is not traced."""
        if self.kinds[k] == FOLLOWED:
            self.unless(f"type(a{k}) is Array")
            self.add(f"x{k} = a{k}.value if a{k}.owner is a{k}._trace is None else present(a{k})")
        else:
            self.add(f"x{k} = a{k}")
        self.unless(f"type(x{k}) is ndarray and x{k}.dtype is float64 and x{k}.ndim")

    def array_of(self, number: "Known") -> str:
        """Code for a number that meets an array."""
        if number.value is not None:
            return self.known(array_constant(float(number.value)), "number")
        code = number.code
        made = self.arrays_of_numbers.get(code)
        if made is None:
            made = self.arrays_of_numbers[code] = f"y{len(self.arrays_of_numbers)}"
            self.add(f"{made} = constants.get({code})")
            self.add(f"if {made} is None: {made} = array_constant(float({code}))")
        return made

    def number(self, value: Any) -> "Known":
        """Code for a number of the source; ``inf`` is no name."""
        code = repr(value) if isfinite(value) else self.known(value, "literal")
        return Known(code, False, value)

    def of_numbers(self, code: str) -> "Known":
        """Name for what comes of numbers: computed once, where the source does it."""
        name = f"z{len(self.lines)}"
        self.add(f"{name} = {code}")
        return Known(name, False)

    def index(self, part: Part) -> str:
        """Code for an index; one without names is made once."""
        if any(f"a{k}" in part.index for k in self.expression.bounds):
            return part.index
        if part.index not in self.indices:
            made = eval(part.index, {"__builtins__": {"slice": slice}})
            self.indices[part.index] = self.known(made, "index")
        return self.indices[part.index]

    def source(self, result: str) -> str:
        """Text of the function."""
        body = "\n".join(f"    {line}" for line in [*self.lines, *result.splitlines()])
        return f"def site({self.parameters}):\n{body}\n"


@dataclass(frozen=True)
class Known:
    """A part of an expression that is not traced.

    Attributes
    ----------
    code : str
        Its value.
    is_array : bool
        Whether it is an array or a number.
    value : object
        Of a number in the source.
    kept : str
        Code for the value if it is to stay, where that is something else.
    """

    code: str
    is_array: bool
    value: Any = None
    kept: str = ""


# numbers are computed before arrays: the operators raise the error that comes first in the source
_BOXED = """\
try:{}
    value = {}
except Exception: pass
else:
    made = Array()
    made.value, made.hot, made.owned = value, True, True
    return made
return by_operators({})"""


class Formula(Writer):
    """Writes what plain NumPy would compute, and boxes it."""

    def __init__(self, expression: Expression, kinds: tuple) -> None:
        super().__init__(expression, kinds)
        for k, kind in enumerate(kinds):
            if kind in (FOLLOWED, PLAIN):
                self.open(k)

    def text(self) -> str:
        """Source of the function."""
        first = len(self.lines)
        code = self._write(self.expression.tree)
        if not code.is_array:
            raise UnfitError
        inside = "".join(f"\n    {line}" for line in self.lines[first:])
        del self.lines[first:]
        return self.source(_BOXED.format(inside, code.code, self.parameters))

    def _write(self, node: Any) -> Known:
        if type(node) is Number:
            return self.number(node.value)
        if type(node) is Variable:
            number = self.kinds[node.place] in NUMBERS
            return Known(f"a{node.place}" if number else f"x{node.place}", not number)
        if type(node) is Part:
            base = self._array(node.base)
            return Known(f"{base.code}[{self.index(node)}]", True)
        if type(node) is Minus:
            operand = self._write(node.operand)
            code = f"(-{operand.code})"
            return Known(code, True) if operand.is_array else self.of_numbers(code)
        if type(node) is Function:
            return Known(f"{self.rules[node][0]}({self._array(node.operand).code})", True)
        if type(node) is Matrix:
            raise UnfitError
        return self._operation(node)

    def _array(self, node: Any) -> Known:
        made = self._write(node)
        if not made.is_array:
            raise UnfitError
        return made

    def _operation(self, node: Operation) -> Known:
        left, right = self._write(node.left), self._write(node.right)
        x, y = left.code, right.code
        if not left.is_array and not right.is_array:
            return self.of_numbers(f"{x} {node.symbol} {y}")
        if node.symbol == "**":
            return Known(f"({x} ** 2)", True)
        if not left.is_array:
            x = self.array_of(left)
        elif not right.is_array:
            y = self.array_of(right)
        return Known(f"({x} {node.symbol} {y})", True)

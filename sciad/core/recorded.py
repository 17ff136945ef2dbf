"""The source of functions that compute an expression at once and record it on a tape.

What is recorded is what the operators would record, entry by entry (`sciad.core.sweep`), but a
chain of operations on one array (``1.0 / (1.0 + np.exp(-z))``) is one entry: numbers in its
derivative that meet are multiplied when the function is written, all else when the tape is swept.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from sciad.core.buffer import opened, operand
from sciad.core.chains import Chain
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
from sciad.core.formulas import FOLLOWED, NUMBERS, PLAIN, TRACED, Known, UnfitError, Writer
from sciad.core.rules import BY_CALLABLE, Elementwise
from sciad.core.scalars import array_constant, array_partial

__all__ = ["Recording"]


def _over(x: Any, y: Any, out: Any) -> Any:
    """Compute the derivative of ``x / y`` by `x`."""
    return _ONE / y


def _under(x: Any, y: Any, out: Any) -> Any:
    """Compute the derivative of ``x / y`` by `y`."""
    return -out / y


def _stretched_quotient(i: int, x: Any, j: int, y: Any, out: Any) -> tuple:
    """Entry of a quotient of arrays of different shapes."""
    with np.errstate(all="ignore"):
        return i, _over(x, y, out), x.shape, j, _under(x, y, out), y.shape, None, None


_ONE = np.array(1.0)
_SCOPE = {
    "opened": opened,
    "operand": operand,
    "over": _over,
    "stretched_quotient": _stretched_quotient,
    "under": _under,
    "one": _ONE,
    "square": np.square,
    "two": np.array(2.0),
}
_RESULT = """\
made = Array()
made.value, made._trace, made.node, made.tape = {}, trace, {}, tape
return made"""


class Recording(Writer):
    """Writes what the operators of `sciad.core.arithmetic` would do, without what they box."""

    def __init__(self, expression: Expression, kinds: tuple) -> None:
        super().__init__(expression, kinds)
        self.scope.update(_SCOPE)
        self.pulls: list[str] = []
        self.kept: set[str] = set()
        self.names = self.entries = 0
        loose = expression.only_factors()
        traced = [k for k, kind in enumerate(kinds) if kind == TRACED]
        arrays = [
            k
            for k, kind in enumerate(kinds)
            if kind == TRACED or (kind, k in loose) == (PLAIN, True)
        ]
        first = next((k for k in traced if k not in loose), traced[0])
        self.unless(f"type(a{first}) is Array")
        self.add(f"tape = a{first}.tape or (a{first}.index and opened(a{first}))")
        self.unless("tape")
        self.add(f"trace, x{first} = a{first}._trace.running, a{first}.value")
        for k in arrays:
            if k == first:
                self.add(f"n{k} = a{k}.node")
            elif k in loose:
                self._read_loosely(k)
            else:
                self.unless(f"type(a{k}) is Array and ({self._same_tape(k)})")
                self.add(f"x{k}, n{k} = a{k}.value, a{k}.node")
        self.constants = {k for k in arrays if k in loose and k != first}
        for k, kind in enumerate(kinds):
            if kind in (FOLLOWED, PLAIN) and k not in arrays:
                self.open(k)
        self.add("push, k = tape.append, len(tape)")

    def _same_tape(self, k: int) -> str:
        return f"a{k}.tape is tape or opened(a{k}) is tape"

    def _read_loosely(self, k: int) -> None:
        """Write what reads a factor of a matrix product, which may be a plain array."""
        self.add(f"if type(a{k}) is Array:")
        self.unless_inside(self._same_tape(k))
        self.add(f"    x{k}, n{k}, a{k}.saved = a{k}.value, a{k}.node, True")
        self.add("else:")
        self.unless_inside(f"type(a{k}) is ndarray and a{k}.dtype is float64 and a{k}.ndim")
        self.add(f"    x{k}, n{k} = trace.keep(a{k}), None")

    def unless_inside(self, condition: str) -> None:
        """Write a test in a branch."""
        self.unless(condition)
        self.lines[-1] = "    " + self.lines[-1]

    def text(self) -> str:
        """Source of the functions."""
        made = self._write(self.expression.tree)
        if not isinstance(made, Chain):
            raise UnfitError
        slot = self._slot(made, own=True)
        count = f"len(tape) != k + {self.entries}"  # others have recorded something meanwhile
        self.add(f"if {count}: return interrupted({self.parameters})")
        return "\n".join([*self.pulls, self.source(_RESULT.format(made.code, slot))])

    # Names and entries

    def _name(self, *operands: Chain) -> str:
        """Name for a result: that of an operand whose value nobody needs, which frees it."""
        for chain in operands:
            if chain.leaf is None and chain.code not in self.kept:
                return chain.code
        self.names += 1
        return f"t{self.names}"

    def _keep(self, *chains: Chain) -> None:
        """Have values stay as they are."""
        for chain in chains:
            self.kept.add(chain.code)
            if chain.leaf is not None and chain.leaf not in self.constants:
                line = f"a{chain.leaf}.saved = True"
                if line not in self.lines:
                    self.add(line)

    def _push(self, entry: str) -> str:
        """Record an entry; give its slot."""
        self.add(f"push({entry})")
        self.entries += 1
        return f"k + {self.entries - 1}" if self.entries > 1 else "k"

    def _slot(self, chain: Chain, own: bool = False) -> str:
        """Slot of an array; one that it does not share if it is to be its own."""
        if not chain.factors:
            if chain.number == 1.0 and not (own and chain.slot.startswith("n")):
                return chain.slot
            return self._push(f"({chain.slot}, {self._plain(chain.number)}, None, None, None)")
        ready = chain.ready()
        if ready is not None:
            return self._push(f"({chain.slot}, {ready}, None, None, None)")
        names = tuple(dict.fromkeys(name for part in chain.codes() for name in part[1]))
        saved = names[0] if len(names) == 1 else f"({', '.join(names)})"  # may be empty
        pull = self._pull(chain, names)
        return self._push(f"({chain.slot}, {pull}, {saved}{', None' * 7})")

    def _pull(self, chain: Chain, names: tuple[str, ...]) -> str:
        """Write a function that pulls a cotangent back through a chain; give its name."""
        name, taken = f"pull{len(self.pulls)}", ", ".join(names)
        lines = [f"def {name}(g, {taken if len(names) == 1 else 'saved'}):"]
        if len(names) > 1:
            lines.append(f"    {taken} = saved")
        for factor in (abs(chain.number), *reversed(chain.factors)):
            if not isinstance(factor, float):
                lines.append(f"    g = g * ({factor[0]})")
            elif factor != 1.0:
                lines.append(f"    g = g * {self._plain(factor)}")
        lines.append(f"    return {'g' if chain.number > 0.0 else '-g'}")
        self.pulls.append("\n".join(lines) + "\n")
        return name

    def _plain(self, number: float) -> str:
        """Code for a number that a cotangent is multiplied with."""
        if number in (1.0, -1.0):
            return repr(number)
        return self.known(array_constant(number), "number")

    def _simple(self, chain: Chain) -> tuple[str, str]:
        """(slot, code for the derivative by its array), where the code computes nothing."""
        if not chain.factors:
            return chain.slot, self._plain(chain.number)
        ready = chain.ready()
        return (self._slot(chain), "1.0") if ready is None else (chain.slot, ready)

    # The operations

    def _write(self, node: Any) -> "Chain | Known":
        if type(node) is Number:
            return self.number(node.value)
        if type(node) is Variable:
            return self._variable(node)
        if type(node) is Part:
            return self._part(node)
        if type(node) is Matrix:
            return self._matrix(self._write(node.left), self._write(node.right))
        if type(node) is Minus:
            operand = self._write(node.operand)
            if isinstance(operand, Known):
                code = f"-{operand.code}"
                if not operand.is_array:
                    return self.of_numbers(code)
                return self._constant(code, operand.code)
            return self._computed(operand, f"-{operand.code}").times(-1.0)
        if type(node) is Function:
            return self._function(node)
        return self._operation(node)

    def _variable(self, node: Variable) -> "Chain | Known":
        k = node.place
        if self.kinds[k] in NUMBERS:
            return Known(f"a{k}", False)
        if self.kinds[k] == FOLLOWED:
            return Known(f"x{k}", True, kept=f"operand(a{k}, trace)[0]")
        if self.kinds[k] == PLAIN and k not in self.constants:
            return Known(f"x{k}", True, kept=f"trace.keep(x{k})")
        return Chain(f"x{k}", f"n{k}", ("of", k), leaf=k)

    def _computed(self, operand: Chain, code: str, stretched: bool = False) -> Chain:
        """Name for a result, with the derivative of an operand of the same shape."""
        name = self._name() if stretched else self._name(operand)
        self.add(f"{name} = {code}")
        if stretched:
            self.add(f"if {name}.shape != {operand.code}.shape: return misfit({self.parameters})")
            self._free(operand.code)
        return replace(operand, code=name, leaf=None)

    def _constant(self, code: str, *used: str) -> Known:
        """Name for an array that is not traced, and has no other name."""
        name = self._name()
        self.add(f"{name} = {code}")
        self._free(*used)
        return Known(name, True)

    def _free(self, *codes: str) -> None:
        """Let go of results that nobody needs any more; the user's arrays have other names."""
        for code in codes:
            if code[0] == "t" and code not in self.kept:
                self.add(f"{code} = None")

    def _held(self, known: Known) -> str:
        """Code for a number or an array that is not traced and will stay as it is."""
        if not known.is_array:
            return self.array_of(known)
        if known.kept:
            self.add(f"{known.code} = {known.kept}")
        self.kept.add(known.code)
        return known.code

    def _part(self, node: Part) -> "Chain | Known":
        base, index = self._write(node.base), self.index(node)
        if isinstance(base, Known):
            if not base.is_array:
                raise UnfitError
            made = self._constant(f"{base.code}[{index}]")
            keep = "trace.keep({})" if self.kinds[node.base.place] == PLAIN else "{}.copy('K')"
            return replace(made, kept=keep.format(made.code))
        self._keep(base)
        name = self._name()
        self.add(f"{name} = {base.code}[{index}]")
        if index == node.index and "," in index:
            index = f"({index})"
        slot = self._push(f"({base.slot}, {index}, {base.code}.shape)")
        return Chain(name, slot, ("part", base.shape, node.index))

    def _function(self, node: Function) -> "Chain | Known":
        name, rule = self.rules[node]
        plan, operand = array_partial(rule), self._write(node.operand)
        if not plan or (isinstance(operand, Known) and not operand.is_array):
            raise UnfitError
        if isinstance(operand, Known):
            return self._constant(f"{name}({operand.code})", operand.code)
        partial, reads_x, reads_out = plan
        if reads_x:
            self._keep(operand)
        made = self._computed(operand, f"{name}({operand.code})")
        x, out = operand.code if reads_x else None, made.code if reads_out else None
        if reads_out or partial is None:
            self._keep(made)
        if partial is None:
            return made.times(1.0, (made.code, (made.code,)))
        names = tuple(n for n in (x, out) if n is not None)
        return made.times(1.0, (f"{self.known(partial, 'slope')}({x}, {out})", names))

    def _matrix(self, left: "Chain | Known", right: "Chain | Known") -> Chain:
        if isinstance(left, Known) and isinstance(right, Known):
            raise UnfitError
        (i, x), (j, y) = self._factor(left), self._factor(right)
        if {i, j} <= {"None", *(f"n{k}" for k in self.constants)}:
            self.unless(f"{i} is not None or {j} is not None")
        self.unless(f"0 < {x}.ndim < 3 > {y}.ndim > 0 and {x}.ndim + {y}.ndim > 2")
        name = self._name()
        fast = f"{x}.flags.c_contiguous and {y}.flags.c_contiguous"
        self.add(f"if {fast} and {x}.shape[-1] == {y}.shape[0]: {name} = {x}.dot({y})")
        self.add(f"else: {name} = {x} @ {y}")
        slot = self._push(f"({i}, {j}, {x}, {y}, None, None, None, None, None)")
        return Chain(name, slot, ("product", name))

    def _factor(self, factor: "Chain | Known") -> tuple[str, str]:
        """(slot, value) of a factor of a matrix product."""
        if isinstance(factor, Chain):
            self._keep(factor)
            return self._slot(factor), factor.code
        if not factor.is_array:
            raise UnfitError
        return "None", self._held(factor)

    def _operation(self, node: Operation) -> "Chain | Known":
        left, right = self._write(node.left), self._write(node.right)
        if node.symbol == "**":
            if isinstance(left, Known):
                code = f"{left.code} ** 2"
                if not left.is_array:
                    return self.of_numbers(code)
                return self._constant(code, left.code)
            self._test_square()
            self._keep(left)
            made = self._computed(left, f"square({left.code})")
            return made.times(1.0, (f"two * {left.code}", (left.code,)))
        if isinstance(left, Chain):
            if isinstance(right, Chain):
                return _OF_TWO[node.symbol](self, left, right)
            return self._with_constant(node.symbol, left, right)
        if isinstance(right, Chain):
            return self._of_constant(node.symbol, left, right)
        return self._of_constants(node.symbol, left, right)

    def _test_square(self) -> None:
        """Write the test that ``x ** 2`` has the derivative it had: the user may give it a rule."""
        rule = BY_CALLABLE.get(np.square)
        if type(rule) is not Elementwise or not rule.trusted:
            raise UnfitError
        self.unless(f"rules.get(square) is {self.known(rule, 'rule')}")
        self.lines.insert(0, self.lines.pop())

    def _of_constants(self, symbol: str, left: Known, right: Known) -> Known:
        if not (left.is_array or right.is_array):
            return self.of_numbers(f"{left.code} {symbol} {right.code}")
        x, y = (v.code if v.is_array else self.array_of(v) for v in (left, right))
        return self._constant(f"{x} {symbol} {y}", x, y)

    def _with_constant(self, symbol: str, x: Chain, known: Known) -> Chain:
        """Write ``x + number`` and its sisters."""
        if symbol in "+-":
            y = known.code if known.is_array else self.array_of(known)
            made = self._computed(x, f"{x.code} {symbol} {y}", known.is_array)
            self._free(y)
            return made
        y = self._held(known)
        made = self._computed(x, f"{x.code} {symbol} {y}", known.is_array)
        if symbol == "*":
            return self._scaled(made, known, y)
        if known.value:
            return made.times(1.0 / float(known.value))
        return made.times(1.0, (f"one / {y}", () if known.value == 0 else (y,)))

    def _scaled(self, made: Chain, known: Known, code: str) -> Chain:
        if known.value is not None:
            return made.times(float(known.value))
        return made.times(1.0, (code, (code,)))

    def _of_constant(self, symbol: str, known: Known, x: Chain) -> Chain:
        """Write ``number + x`` and its sisters."""
        y = known.code if known.is_array else self.array_of(known)
        if symbol == "*":
            y = self._held(known)
        if symbol == "/":
            self._keep(x)
        made = self._computed(x, f"{y} {symbol} {x.code}", known.is_array)
        self._free(y)
        if symbol == "*":
            return self._scaled(made, known, y)
        if symbol == "/":
            self._keep(made)
            return made.times(-1.0, (f"{made.code} / {x.code}", (made.code, x.code)))
        return made.times(1.0 if symbol == "+" else -1.0)

    def _shape(self, left: Chain, right: Chain, name: str) -> Any:
        return left.shape if left.shape == right.shape else ("joined", name)

    def _two(self, left: Chain, right: Chain, entry: str, other: str) -> str:
        """Record an entry, by what the shapes are."""
        if left.shape == right.shape:
            return self._push(entry)
        return self._push(f"{entry} if {left.code}.shape == {right.code}.shape else {other}")

    def _sum(self, left: Chain, right: Chain, sign: str = "+") -> Chain:
        i, p = self._simple(left)
        if sign == "-":
            right = replace(right, number=-right.number) if not right.factors else right
        j, q = self._simple(right)
        if sign == "-" and right.factors:
            j, q = self._slot(right) if q != "1.0" else j, "-1.0"
        x, y = left.code, right.code
        other = f"({i}, {p}, {x}.shape, {j}, {q}, {y}.shape, None, None)"
        slot = self._two(left, right, f"({i}, {p}, {j}, {q}, None)", other)
        name = self._name(left, right)
        self.add(f"{name} = {x} {sign} {y}")
        return Chain(name, slot, self._shape(left, right, slot))

    def _difference(self, left: Chain, right: Chain) -> Chain:
        return self._sum(left, right, "-")

    def _product(self, left: Chain, right: Chain) -> Chain:
        i, j = self._slot(left), self._slot(right)
        x, y = left.code, right.code
        self._keep(left, right)
        other = f"({i}, {y}, {x}.shape, {j}, {x}, {y}.shape, None, None)"
        slot = self._two(left, right, f"({i}, {y}, {j}, {x}, None)", other)
        name = self._name()
        self.add(f"{name} = {x} * {y}")
        return Chain(name, slot, self._shape(left, right, slot))

    def _quotient(self, left: Chain, right: Chain) -> Chain:
        i, j = self._slot(left), self._slot(right)
        x, y = left.code, right.code
        self._keep(right)
        name = self._name()
        self.kept.add(name)
        self.add(f"{name} = {x} / {y}")
        other = f"stretched_quotient({i}, {x}, {j}, {y}, {name})"
        slot = self._two(left, right, f"({i}, {j}, over, under, None, {y}, {name})", other)
        return Chain(name, slot, self._shape(left, right, slot))


_OF_TWO = {
    "+": Recording._sum,
    "-": Recording._difference,
    "*": Recording._product,
    "/": Recording._quotient,
}

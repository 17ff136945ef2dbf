"""Random programs over vectors, matrices and integers: the two engines against each other.

``SCIAD_FUZZ=5000`` makes that many programs instead of the few of a usual run, ``SCIAD_FUZZ_FROM``
gives the first seed. A failure prints the program.
"""

import os
import random

import numpy as np
import pytest

import sciad
from sciad.compiler.ir import verify
from sciad.compiler.nodes import Call
from sciad.core.errors import CompileError

COUNT = int(os.environ.get("SCIAD_FUZZ", "160"))
FIRST = int(os.environ.get("SCIAD_FUZZ_FROM", "0"))
CHUNK = 20

HEAD = """
import math
import numpy as np

def scaled(v, s, k):
    v[k] = v[k] * 0.5 + s
    if s > 0.4:
        return v[k] * s
    for j in range(len(v) - 1):
        v[j] += 0.1 * v[j + 1]
        if v[j] > 0.9:
            return v[j]
    return s - v[0]

def pair(s, t):
    if s > t:
        return s * t, t
    return math.sin(s), s + 0.2

def counted(k):
    n = 0
    while k > 1:
        k = k // 2 if k % 2 == 0 else k - 1
        n += 1
    return n

"""


class Writer:
    """Writes `program(x, m, a, n)`: x has 6 elements, m is 3 by 4, a is a float, n an int."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.depth = 1
        self.loops = 0
        self.indices = []

    def line(self, text):
        self.lines.append("    " * self.depth + text)

    # -- integers --------------------------------------------------------------------------------
    def integer(self):
        r = self.random
        forms = [
            "c",
            "d",
            "n",
            "counted(n + c % 7)",
            "(c + d)",
            "(2 * c - d)",
            "(c // 2)",
            "len(v)",
        ]
        return r.choice([*forms, *self.indices, *self.indices])

    def index(self, size):
        r = self.random
        if r.random() < 0.4:
            return str(r.randrange(-size, size))
        return f"({self.integer()}) % {size}"

    # -- numbers ---------------------------------------------------------------------------------
    def atom(self):
        r = self.random
        scalars = ["s", "t", "u", "a", "0.7", "-0.3"]
        elements = [
            f"x[{self.index(6)}]",
            f"v[{self.index(6)}]",
            f"m[{self.index(3)}, {self.index(4)}]",
            f"g[{self.index(3)}, {self.index(4)}]",
            f"row[{self.index(4)}]",
            f"back[{self.index(6)}]",
        ]
        return r.choice([*scalars, *elements, f"0.1 * {self.integer()}"])

    def number(self, depth=2):
        r = self.random
        if depth == 0 or r.random() < 0.2:
            return self.atom()
        p, q = self.number(depth - 1), self.number(depth - 1)
        array = self.array(1)
        return r.choice(
            [
                f"({p} + {q})",
                f"({p} - {q})",
                f"({p} * {q})",
                f"math.tanh({p})",
                f"np.sin({p})",
                f"({p} / (1.0 + ({q}) ** 2))",
                f"({p} if {q} > 0.13 else {q})",
                f"min({p}, {q} + 0.01)",
                f"math.exp(-abs({p}))",
                f"lift({p})",
                f"math.tanh({p}) ** {r.randrange(1, 4)}",
                f"np.sum({array})",
                f"np.dot({array}, x)",
                f"0.2 * np.sum(g[1:, ::2] * {p})",
                f"np.mean(m[{self.index(3)}] * {p})",
            ]
        )

    def array(self, depth=2):
        """Write an expression of 6 elements."""
        r = self.random
        if depth == 0 or r.random() < 0.3:
            return r.choice(["x", "v", "x[::-1]", "v.copy()", "back"])
        p, s = self.array(depth - 1), r.choice(["s", "t", "a", "0.5"])
        q = self.array(depth - 1)
        return r.choice(
            [
                f"({p} + {q})",
                f"({p} * {s})",
                f"np.tanh({p})",
                f"np.sin({p} - {q})",
                f"np.where({p} > 0.11, {q}, {s})",
                f"({p} / (1.5 + {q} ** 2))",
                f"np.maximum({p}, {q} * 0.9)",
                f"np.exp(-np.abs({p}))",
            ]
        )

    def condition(self):
        r = self.random
        p, q, k = self.number(1), self.number(1), self.integer()
        forms = [f"{p} > {q}", f"{k} % 3 == {r.randrange(3)}", f"not {p} < 0.17"]
        forms += [f"{p} > 0.21 and {k} > 1", f"-0.4 < {p} < 0.61 or {k} < 4"]
        return r.choice(forms)

    # -- statements ------------------------------------------------------------------------------
    def statement(self, in_loop):
        r = self.random
        kinds = ["number"] * 3 + ["integer"] * 2 + ["element"] * 3 + ["whole"] * 2
        kinds += ["call", "pair", "augmented", "slice"]
        if self.depth < 4:
            kinds += ["if", "if", "for", "for", "while"]
        if in_loop:
            kinds += ["jump"] * 3
        getattr(self, f"_{r.choice(kinds)}")()

    def bounded(self):
        return f"math.tanh({self.number()})"

    def _number(self):
        self.line(f"{self.random.choice('stu')} = {self.bounded()}")

    def _integer(self):
        r = self.random
        name = r.choice("cd")
        self.line(
            r.choice(
                [f"{name} = ({self.integer()}) % 11", f"{name} += 1", f"c, d = d, (c + {name}) % 9"]
            )
        )

    def _element(self):
        target = self.random.choice(
            [
                f"v[{self.index(6)}]",
                f"g[{self.index(3)}, {self.index(4)}]",
                f"row[{self.index(4)}]",
                f"back[{self.index(6)}]",
                f"g[1:, {self.index(4)}][{self.index(2)}]",
            ]
        )
        self.line(f"{target} = {self.bounded()}")

    def _augmented(self):
        r = self.random
        target = r.choice([f"v[{self.index(6)}]", f"g[{self.index(3)}, {self.index(4)}]", "s", "u"])
        self.line(f"{target} {r.choice(['+=', '-=', '*='])} 0.3 * {self.bounded()}")

    def _whole(self):
        r = self.random
        self.line(
            r.choice(
                [
                    f"v[:] = np.tanh({self.array()})",
                    f"v *= np.tanh({self.array(1)})",
                    f"v -= 0.1 * {self.array(1)}",
                    f"row[:] = np.tanh(m[{self.index(3)}] + {self.atom()})",
                    f"g[:, {self.index(4)}] = 0.5 * m[:, {self.index(4)}]",
                    f"g *= {self.bounded()}",
                    "g[1:] = 0.5 * (g[:-1] + m[1:])",
                ]
            )
        )

    def _slice(self):
        r = self.random
        low = r.randrange(3)
        step = r.choice([1, 2, -1])
        ends = {1: f"{low}:{low + 2}", 2: f"{low}:{low + 3}:2", -1: f"{low + 1}:{low - 1}:-1"}
        source = ends[step] if low or step > 0 else "1::-1"
        self.line(f"v[2:4] = 0.7 * x[{source}] + {self.bounded()}")

    def _call(self):
        self.line(f"s = math.tanh(scaled({self.random.choice(['v', 'row'])}, {self.bounded()}, 1))")

    def _pair(self):
        names = self.random.choice(["s, t", "t, u", "u, s"])
        self.line(f"{names} = pair({self.bounded()}, {self.bounded()})")

    def _jump(self):
        self.line(f"if {self.condition()}:")
        leave = f"return {self.number(1)}"
        self.line("    " + self.random.choice(["break", "continue", leave]))

    def _if(self):
        r = self.random
        self.line(f"if {self.condition()}:")
        self.body(False)
        if r.random() < 0.3:
            self.line(f"elif {self.condition()}:")
            self.body(False)
        if r.random() < 0.6:
            self.line("else:")
            self.body(False)

    def _for(self):
        r = self.random
        self.loops += 1
        name = f"i{self.loops}"
        bounds = ["3", "6", "n", "1, 5", "5, -1, -2", "c % 4", "n, n + 3", "40"]
        self.line(f"for {name} in range({r.choice(bounds)}):")
        self.indices.append(name)
        self.body(True)
        self.indices.remove(name)

    def _while(self):
        self.loops += 1
        name = f"w{self.loops}"
        self.line(f"{name} = {self.random.randrange(4)}")
        self.line(f"while {name} < 5 and s < 0.9:")
        self.depth += 1
        self.line(f"{name} += 1")
        self.depth -= 1
        self.indices.append(name)
        self.body(True)
        self.indices.remove(name)

    def body(self, in_loop):
        self.depth += 1
        for _ in range(self.random.randrange(1, 4)):
            self.statement(in_loop)
        self.depth -= 1

    def text(self):
        for _ in range(self.random.randrange(4, 9)):
            self.statement(False)
        start = [
            "def program(x, m, a, n):",
            "    lift = lambda z: z * a + 0.1 * s",
            "    v = 0.5 * x",
            "    g = np.zeros((3, 4))",
            "    for i in range(3):",
            "        for j in range(4):",
            "            g[i, j] = m[i, j] * (i - j) * 0.3",
            "    row, back = g[1], v[::-1]",
            "    s, t, u, c, d = a, x[2], m[2, 1], 1, n",
        ]
        end = "    return s * t + u + 0.1 * c + np.sum(v * v) + np.sum(g * m) + row[0] * back[1]"
        return HEAD + "\n".join([*start, *self.lines, end]) + "\n"


def interpreted(program, kind, inputs, emitted):
    """Run emitted code in the interpreter, on arrays that allow no access outside."""
    derived = program.derived(kind)
    verify(derived)
    function, tape = emitted.run(program.text(kind, derived))
    result = function(*map(emitted.strict, inputs))
    assert not tape, "the tape is not empty"
    result = result if isinstance(result, tuple) else (result,)
    assert result[0] == 0
    return result[1:]


ARGS = (
    np.array([0.31, -0.62, 0.45, 0.83, -0.27, 0.12]),
    np.array([[0.2, -0.5, 0.7, 0.4], [0.9, 0.33, -0.8, 0.15], [-0.41, 0.66, 0.25, -0.77]]),
    0.57,
    5,
)
VECTORS = (np.linspace(-1.0, 0.7, 6), np.linspace(0.9, -0.6, 12).reshape(3, 4), -0.8)


def check(function, emitted):
    """Value, gradient, directional derivative and Hessian-vector product of both engines."""
    value, gradient = sciad.value_and_grad(function, (0, 1, 2))(*ARGS)
    assert function(*ARGS) == pytest.approx(value, rel=1e-12)
    products = sciad.hvp(function, ARGS[:3], VECTORS, ARGS[3], argnums=(0, 1, 2))
    program, leaves, integers = sciad.jit(function).program(ARGS)
    program.program()
    call = Call(program, leaves, integers)
    found = interpreted(program, "value", call.inputs(), emitted)[0]
    assert found == pytest.approx(value, rel=1e-12, abs=1e-13)
    bars, changes = call.empty(), call.empty()
    duals = call.duals(VECTORS)
    more = [np.ones(1), *bars, *duals, *changes]
    interpreted(program, "hvp_111", [*call.inputs(), *more], emitted)
    for mine, theirs in zip(call.split(bars), gradient, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(call.split(changes), products, strict=True):
        scale = 1.0 + np.max(np.abs(theirs))
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12 * scale)
    slope = interpreted(program, "jvp", [*call.inputs(), *duals], emitted)[-1]
    terms = [np.sum(g * v) for g, v in zip(gradient, VECTORS, strict=True)]
    assert slope == pytest.approx(sum(terms), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_random_programs(first, tmp_path, imported, emitted):
    refused = []
    for seed in range(first, first + CHUNK):
        text = Writer(seed).text()
        try:
            check(imported(text, tmp_path / f"fuzzed_{seed}.py").program, emitted)
        except CompileError as error:
            refused.append(str(error))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}\n{text}") from error
    assert len(refused) <= CHUNK // 4, "\n".join(refused)


def test_the_writer_uses_the_whole_language():
    text = "".join(Writer(seed).text() for seed in range(160))
    words = ["while", "break", "continue", "elif", "np.where", "[::-1]", "scaled(", "pair(", "//"]
    assert [w for w in words if w not in text] == []


def test_a_name_that_has_a_value_only_as_long_as_little_is_carried():
    """Program 331, made small: the inner loop runs once, then as often as `c` says."""

    @sciad.jit
    def program(x, n):
        c, d = 1, n
        for _ in range(1, 40):
            for i in range(c % 4):
                c, d = d, (c + c + i) % 9
            x = 0.5 * x + 0.1 * c
        return x

    assert program(0.3, 5) == pytest.approx(program.__wrapped__(0.3, 5), rel=1e-14)
    assert sciad.grad(program)(0.3, 5) == pytest.approx(0.5**39, rel=1e-12)

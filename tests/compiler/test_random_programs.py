"""Random programs: loops, branches, stores, calls, jumps; compiled against eager derivatives."""

import random

import numpy as np
import pytest

from sciad.core.transforms import vjp

HEAD = """
import math
import numpy as np

def helper(x, k):
    if x > k:
        return math.sin(x) * k
    for j in range(40):
        x = x * 0.9 + 0.01 * j
        if x < 0.2:
            return x * k
    return x - k
"""
SCALARS = ("u", "v", "w")
RANGES = [
    (0, 40, 1),
    (1, 39, 1),
    (39, 0, -1),
    (38, -1, -3),
    (0, 3, 1),
    (5, 5, 1),
    (0, "int(6 * p[0])", 1),
]


class Writer:
    """Writes one random function of (t, y, p); memory `a` (40), small array `b` (3), scalars."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.depth = 0
        self.indices = []
        self.loops = 0

    def line(self, text):
        self.lines.append("    " * (self.depth + 1) + text)

    def atom(self):
        choices = [*SCALARS, "t", "y[0]", "y[1]", "p[0]", "p[1]", "0.7", "b[1]", "b[2]"]
        choices.append(f"a[{self.random.randrange(-3, 40)}]")
        choices += [f"a[{k}]" for k in self.indices] + [f"(0.05 * {k})" for k in self.indices]
        return self.random.choice(choices)

    def expression(self, depth=2):
        r = self.random
        if depth == 0 or r.random() < 0.2:
            return self.atom()
        x, y = self.expression(depth - 1), self.expression(depth - 1)
        forms = [
            f"({x} + {y})",
            f"({x} - {y})",
            f"(0.5 * {x} * {y})",
            f"math.tanh({x})",
            f"np.sin({x})",
            f"({x} / (1.0 + {y} * {y}))",
            f"(-{x})",
            f"({x} if {y} > 0.1 else {y})",
            f"max({x}, {y})",
            f"abs({x})",
            f"math.sqrt(1.0 + {x} ** 2)",
            f"np.dot(b, b) * {x}",
            f"(a[2:9:3] * {x}).sum()",
            f"helper({x}, 0.4)",
        ]
        return r.choice(forms)

    def condition(self):
        x, y = self.expression(1), self.expression(1)
        form = self.random.choice(
            ["{} > {}", "{} < {}", "not {} > {}", "{} > 0.3 and {} < 1.0", "{} > 0.9 or {} > 0.5"]
        )
        return form.format(x, y)

    def statement(self, in_loop):
        r = self.random
        kinds = ["scalar"] * 4 + ["store"] * 2 + ["small", "add", "whole", "rows"]
        if self.depth < 3:
            kinds += ["if", "if", "for", "while"]
        if in_loop:
            kinds += ["jump"]
        kind = r.choice(kinds)
        x = f"np.tanh({self.expression()})"
        place = r.choice([str(r.randrange(40)), *self.indices])
        if kind == "scalar":
            self.line(f"{r.choice(SCALARS)} = {x}")
        elif kind == "store":
            self.line(f"a[{place}] = {x}")
        elif kind == "add":
            self.line(f"a[{place}] {r.choice(['+', '-', '*'])}= 0.3 * {x}")
        elif kind == "small":
            self.line(f"b[{r.randrange(3)}] = {x}")
        elif kind == "whole":
            self.line(f"a[3:7] = 0.5 * a[{r.randrange(6)}:][0:4] + {x}")
        elif kind == "rows":
            self.line(f"a *= 1.0 - 0.1 * {x}")
        elif kind == "jump":
            self.line(f"if {self.condition()}:")
            leave = f"return [u, {self.expression(1)}]"
            self.line("    " + r.choice(["break", "continue", leave]))
        else:
            self.block(kind)

    def block(self, kind):
        r = self.random
        if kind == "if":
            self.line(f"if {self.condition()}:")
            self.body(False)
            if r.random() < 0.6:
                self.line("else:")
                self.body(False)
            return
        self.loops += 1
        name = f"i{self.loops}"
        if kind == "for":
            start, stop, step = r.choice(RANGES)
            self.line(f"for {name} in range({start}, {stop}, {step}):")
            self.indices.append(name)
            self.body(True)
            self.indices.remove(name)
        else:
            self.line(f"{name} = 0")
            self.line(f"while {name} < {r.choice([0, 3, 36])} and u < 2.0:")
            self.depth += 1
            self.line(f"{name} += 1")
            self.depth -= 1
            self.body(True)

    def body(self, in_loop):
        self.depth += 1
        for _ in range(self.random.randrange(1, 4)):
            self.statement(in_loop)
        self.depth -= 1

    def text(self):
        for _ in range(self.random.randrange(4, 8)):
            self.statement(False)
        head = [
            "def program(t, y, p):",
            "    a = np.zeros(40)",
            "    b = np.array([t, y[0], y[1]])",
            "    for k in range(40):",
            "        a[k] = 0.1 * k * y[0] + p[1]",
            "    u, v, w = y[0], t, 0.3",
        ]
        tail = ["    return [u * v + w, a.sum() + b[0] * b[2]]"]
        return HEAD + "\n".join([*head, *self.lines, *tail]) + "\n"


@pytest.mark.parametrize("seed", range(60))
def test_random_program(seed, tmp_path, imported, interpreted):
    module = imported(Writer(seed).text(), tmp_path / f"random_program_{seed}.py")
    t, y, p = 0.37, np.array([0.45, 0.83]), np.array([1.3, 0.7])
    reference = np.asarray(module.program(t, y, p), float)
    run = interpreted(module.program, 2, 2, (p,))
    status, out = run.value(t, y)
    assert status == 0
    np.testing.assert_allclose(out, reference, rtol=1e-12, atol=1e-13)
    outbar = np.array([0.6, -1.7])
    status, tbar, ybar, pbar = run.vjp(t, y, outbar)
    assert status == 0
    _, pullback = vjp(lambda t, y, p: np.stack(module.program(t, y, p)), t, y, p)
    for bar, expected in zip((tbar[0], ybar, pbar), pullback(outbar), strict=True):
        np.testing.assert_allclose(bar, expected, rtol=1e-12, atol=1e-12)
    direction = np.array([0.3]), np.array([-0.2, 0.9]), np.array([1.1, 0.4])
    status, _, outdot = run.jvp(t, y, direction[0][0], *direction[1:])
    assert status == 0
    backward = sum(bar @ d for bar, d in zip((tbar, ybar, pbar), direction, strict=True))
    assert outbar @ outdot == pytest.approx(backward, rel=1e-12, abs=1e-12)


def test_the_writer_uses_the_whole_language():
    text = "".join(Writer(seed).text() for seed in range(60))
    for word in ("while", "break", "continue", "return [u,", "a[3:7]", "helper(", " if ", "else:"):
        assert word in text

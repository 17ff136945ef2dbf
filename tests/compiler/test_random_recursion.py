"""Random functions that call themselves and each other: compiled against eager derivatives."""

import random

import numpy as np
import pytest

from sciad.core.transforms import grad, hvp, jvp

X = np.array([0.3, -0.2, 0.9])
PLACES = ["0", "1", "-1", "n % 2", "2"]
STEPS = ["n - 1", "n - 2", "n // 2"]
ARRAYS = ["a", "a.copy()", "a * 0.5", "a[::-1]"]


class Writer:
    """Writes one random function `f<number>(a, x, y, n)` that calls `f0`, ..., with smaller n."""

    def __init__(self, seed, number, functions, results):
        self.random = random.Random(f"{seed}-{number}")
        self.functions = functions
        self.results = results
        self.arrays = ["a"]
        self.calls = 0
        self.loops = 0
        self.lines = [f"def f{number}(a, x, y, n):", "    if n <= 0:"]
        self.lines.append(f"        return {self.result()}")
        if self.random.random() < 0.4:
            self.lines += ["    b = np.zeros(len(a))", f"    b[1] = {self.expression()}"]
            self.arrays.append("b")
        self.block("    ", 2)
        if not self.calls:
            self.call("    ")
        self.lines.append(f"    return {self.result()}")

    def atom(self):
        element = f"{self.random.choice(self.arrays)}[{self.random.choice(PLACES)}]"
        return self.random.choice(["x", "x", "y", "n", "0.7", element, element])

    def expression(self, depth=2):
        if depth == 0:
            return self.atom()
        p, q, atom = self.expression(depth - 1), self.expression(depth - 1), self.atom()
        forms = [f"math.sin({p})", f"({p} + {q})", f"{p} * 0.4 * {q}", f"math.tanh({p})"]
        return self.random.choice(
            [*forms, f"({atom} if {self.test()} else {q})", f"({p} - {atom})"]
        )

    def test(self):
        return self.random.choice([f"{self.atom()} > 0.2", "n % 2 == 0", "n > 1", "x < y"])

    def result(self):
        return ", ".join(self.expression() for _ in range(self.results))

    def call(self, indent):
        self.calls += 1
        pick = self.random.choice
        arguments = f"{pick([*ARRAYS, *self.arrays])}, {self.atom()}, {self.expression(1)}"
        target = "x, y" if self.results == 2 else pick(["x", "y"])
        name = f"f{self.random.randrange(self.functions)}"
        self.lines.append(f"{indent}{target} = {name}({arguments}, {pick(STEPS)})")

    def block(self, indent, depth):
        for _ in range(self.random.randint(1, 3)):
            kind = self.random.randrange(5)
            if kind == 0:
                self.lines.append(f"{indent}{self.random.choice('xy')} = {self.expression()}")
            elif kind == 1:
                place = f"{self.random.choice(self.arrays)}[{self.random.choice(PLACES)}]"
                sign = self.random.choice(["=", "+="])
                self.lines.append(f"{indent}{place} {sign} {self.expression()}")
            elif kind == 2 and depth:
                self.lines.append(f"{indent}if {self.test()}:")
                self.block(indent + "    ", depth - 1)
                self.lines.append(f"{indent}else:")
                self.block(indent + "    ", depth - 1)
            elif kind == 3 and depth and self.calls < 3:
                self.loops += 1
                count = self.random.choice(["2", "n", "len(a)"])
                self.lines.append(f"{indent}for i{self.loops} in range({count}):")
                self.block(indent + "    ", depth - 1)
                self.lines += [f"{indent}    if x > 0.8:", f"{indent}        break"]
            elif self.calls < 4:
                self.call(indent)
            else:
                self.lines.append(f"{indent}y = y * x")


def written(seed):
    """Source of a program `main(z, n)`."""
    choose = random.Random(seed)
    functions, results = choose.choice([1, 1, 2, 3]), choose.choice([1, 1, 2])
    lines = ["import math", "import numpy as np"]
    for number in range(functions):
        lines += Writer(seed, number, functions, results).lines
    lines += ["def main(z, n):", "    a, s = z.copy(), 0.0"]
    lines += ["    for k in range(n - 1):", "        a[k] = a[k] + z[1]"]
    lines += ["        r = f0(a, z[0], 0.3, n)"]
    lines += ["        s += r * a[0]" if results == 1 else "        s += r[0] * a[0] + r[1]"]
    return "\n".join([*lines, "    return s + a[0] * a[1] + a[2]", ""])


@pytest.mark.parametrize("seed", range(24))
def test_both_engines_agree(seed, tmp_path, imported, jit_interpreted):
    plain = imported(written(seed), tmp_path / f"recursion{seed}.py").main
    v = np.array([0.4, 0.8, -0.5])
    found = []
    for function in (jit_interpreted(plain), plain):
        one = lambda z, function=function: function(z, 3)
        slope, curvature = jvp(one, (X,), (v,))[1], hvp(one, X, v)
        found.append(np.concatenate([[one(X), slope], grad(one)(X), curvature]))
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-12)
    assert found[0][1] == pytest.approx(found[0][2:5] @ v, rel=1e-12, abs=1e-12)

"""Random programs about aliasing: views, stores, rebinding, calls, branches, loops.

The compiled program agrees with Python and its derivatives with the eager engine's, or it is
refused; a store that a name misses, or a shadow that a slot keeps, would show here.
"""

import random

import numpy as np
import pytest

from sciad.core.errors import CompileError
from sciad.core.transforms import vjp

HEAD = """
import numpy as np

def fresh(x, z):
    return np.sin(x) + 0.2 * z

def first(x, z):
    return x

def either(x, z):
    if x[0] > z[1]:
        return x
    return 0.5 * z

def overwrite(x, z):
    x[1] = 0.3 * z[2] * x[0]
    return z

def repeated(x, z):
    for k in range(3):
        x = 0.7 * x + 0.1 * np.cos(z)
    return x

def buffered(x, z):
    old, new = x.copy(), z.copy()
    for k in range(2 + int(x[0] > 0.4)):
        new[:] = 0.5 * old * old + 0.1 * z
        new[0] = old[1]
        old, new = new, old
    return old - 0.3 * new

def own_loop(x, z):
    w = np.zeros(len(x))
    w[:] = x
    keep = w
    for k in range(2):
        w[2] = z[k] * w[0]
        w = w + 0.1 * keep
    return w
"""
NAMES = ("a", "b", "c", "d")
CALLS = ("fresh", "first", "either", "overwrite", "repeated", "buffered", "own_loop")


class Writer:
    """Writes one random function of (t, y, p); four names for arrays of length m."""

    def __init__(self, seed, length):
        self.random = random.Random(seed)
        self.lines = []
        self.depth = 0
        self.loops = 0
        self.length = length

    def line(self, text):
        self.lines.append("    " * (self.depth + 1) + text)

    def name(self):
        return self.random.choice(NAMES)

    def place(self):
        return self.random.choice(["0", "1", "-1", "m - 2"])

    def value(self):
        x, y = self.name(), self.name()
        forms = [
            f"{x}",
            f"{x}[::-1]",
            f"np.sin({x}) * {y}",
            f"{x} + 0.3 * {y}[::-1]",
            f"{x}.copy()",
            f"({x} if s > {self.random.random():.2f} else {y})",
            f"np.zeros({self.length})",
            f"{self.random.choice(CALLS)}({x}, {y})",
            f"0.5 * {self.random.choice(CALLS)}({x}, {y})",
        ]
        return self.random.choice(forms)

    def number(self):
        return f"0.4 * {self.name()}[{self.place()}] + 0.2 * {self.name()}[{self.place()}]"

    def statement(self, in_loop):
        r = self.random
        kinds = ["bind"] * 4 + ["store", "store", "whole", "swap", "add", "pair", "scalar"]
        if self.depth < 3:
            kinds += ["if", "if", "for", "for", "while"]
        if in_loop:
            kinds += ["jump"]
        kind = r.choice(kinds)
        x, y = self.name(), self.name()
        if kind == "bind":
            self.line(f"{x} = {self.value()}")
        elif kind == "store":
            self.line(f"{x}[{self.place()}] = {self.number()}")
        elif kind == "whole":
            self.line(f"{x}[:] = np.cos({y}) - 0.1 * {self.name()}")
        elif kind == "swap":
            self.line(f"{x}, {y} = {y}, {x}")
        elif kind == "add":
            self.line(f"{x}[1:] {r.choice('+-')}= 0.3 * {y}[:-1]")
        elif kind == "pair":
            self.line(f"pair = ({x}, {self.value()})")
            self.line(f"{y}, {x} = pair")
        elif kind == "scalar":
            self.line(f"s = np.tanh({self.number()} + 0.5 * s)")
        elif kind == "jump":
            self.line(f"if s > {r.random():.2f}:")
            self.line("    " + r.choice(["break", "continue"]))
        else:
            self.block(kind)

    def block(self, kind):
        r = self.random
        self.loops += 1
        name = f"i{self.loops}"
        if kind == "if":
            self.line(f"if s > {r.random():.2f}:")
            self.body(False)
            if r.random() < 0.5:
                self.line("else:")
                self.body(False)
        elif kind == "for":
            self.line(f"for {name} in range({r.choice(['n', 'n', '0 * n', '40 // n - 10'])}):")
            self.body(True)
        else:
            self.line(f"{name} = 0")
            self.line(f"while {name} < n and s < 0.8:")
            self.line(f"    {name} += 1")
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
            "    n = int(p[0])",
            f"    m = {self.length}",
            "    s = 0.3 * t",
            "    a = y[:m].copy()",
            "    b = np.sin(y[:m])",
            "    c = a",
            "    d = y[1:m + 1]" if self.random.random() < 0.3 else "    d = np.cos(y[1:m + 1])",
        ]
        tail = ["    return [a[1] * b[0] + c.sum(), (b * d).sum() + s + c[2]]"]
        return HEAD + "\n".join([*head, *self.lines, *tail]) + "\n"


def check(seed, path, imported, interpreted):
    """Compare one program with Python and the eager engine; whether it was compiled."""
    length = "n + 1" if seed % 2 else "36"
    program = imported(Writer(seed, length).text(), path).program
    t, y, p = 0.37, 0.6 + 0.4 * np.sin(np.arange(40.0)), np.array([4.2])
    given = y.copy()
    reference = np.asarray(program(t, given, p), float)
    try:
        run = interpreted(program, 40, 2, (p,))
    except CompileError:
        return False
    assert np.array_equal(given, y), "a program that writes into its argument was compiled"
    status, out = run.value(t, y)
    assert status == 0
    np.testing.assert_allclose(out, reference, rtol=1e-12, atol=1e-13)
    outbar = np.array([0.6, -1.7])
    status, tbar, ybar, _ = run.vjp(t, y, outbar)
    assert status == 0
    _, pullback = vjp(lambda t, y: np.stack(program(t, y, p)), t, y)
    for bar, expected in zip((tbar[0], ybar), pullback(outbar), strict=True):
        np.testing.assert_allclose(bar, expected, rtol=1e-12, atol=1e-12)
    direction = np.cos(np.arange(40.0))
    status, _, outdot = run.jvp(t, y, 0.3, direction, np.zeros(1))
    assert status == 0
    assert outbar @ outdot == pytest.approx(tbar[0] * 0.3 + ybar @ direction, rel=1e-12, abs=1e-12)
    return True


@pytest.mark.parametrize("part", range(5))
def test_random_aliases(part, tmp_path, imported, interpreted):
    done = [
        check(seed, tmp_path / f"random_aliases_{seed}.py", imported, interpreted)
        for seed in range(8 * part, 8 * part + 8)
    ]
    assert sum(done) >= 2, "nearly every program is refused"

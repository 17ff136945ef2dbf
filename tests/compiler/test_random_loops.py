"""Random stencils, shifts and boundary tests: loops in their last form against the interpreter.

``SCIAD_FUZZ=5000`` makes that many programs instead of the few of a usual run, ``SCIAD_FUZZ_FROM``
gives the first seed. Emitted code runs in the interpreter, on memory that is checked, with blocks
of few elements. A failure prints the program.
"""

import os
import random

import numpy as np
import pytest

import sciad
from sciad.compiler.loops import rows

COUNT = int(os.environ.get("SCIAD_FUZZ", "60"))
FIRST = int(os.environ.get("SCIAD_FUZZ_FROM", "0"))
CHUNK = 10
SIZES = (1, 2, 3, 4, 13)

HEAD = """
import math
import numpy as np

def program(x, A, c, k):
    n, m = len(x), A.shape[1]
    s, t = c, 1.0
    y = x.copy()
    z = np.zeros(n)
    B = A.copy()
"""
FIRST_TESTS = [
    "{i} > 0",
    "{i} >= 1",
    "{i} == 0",
    "{i} != 0",
    "0 < {i}",
    "{i} - 1 >= 0",
    "not {i} == 0",
]
LAST_TESTS = [
    *("{i} < {n} - 1", "{i} <= {n} - 2", "{i} == {n} - 1", "{i} != {n} - 1", "{i} + 1 < {n}"),
    *("{n} - 1 > {i}", "{i} + 1 == {n}", "{n} == {i} + 1", "2 + {i} <= {n}"),
]
OTHER_TESTS = ["{i} > 1", "{i} < {n} - 2", "{i} == 2", "{i} != k", "{i} % 2 == 0", "2 * {i} < {n}"]


class Writer:
    """Writes a program of loops over the vectors x, y, z and the matrices A, B."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.lines = []
        self.depth = 1
        self.count = 0

    def line(self, text):
        self.lines.append("    " * self.depth + text)

    def text(self):
        for _ in range(self.r.randint(1, 3)):
            self.r.choice([self.stencil, self.stencil, self.grid, self.shift, self.insertion])()
        self.line("for i in range(n):")
        self.line("    s += y[i] * z[i] * (i + 1)")
        self.line("    for j in range(m):")
        self.line("        s += 0.1 * B[i, j] ** 2")
        self.line("return s * t")
        return HEAD + "\n".join(self.lines) + "\n"

    def test(self, i, n):
        tests = self.r.choice([FIRST_TESTS, LAST_TESTS, FIRST_TESTS, LAST_TESTS, OTHER_TESTS])
        return self.r.choice(tests).format(i=i, n=n)

    def near(self, i, n):
        """An index near i that is inside."""
        r = self.r
        forms = [
            i,
            f"({i} + 1 if {i} < {n} - 1 else 0)",
            f"({i} - 1 if {i} > 0 else {n} - 1)",
            f"({i} - 1 if {i} >= 1 else {i})",
            f"(0 if {i} == {n} - 1 else {i} + 1)",
            f"({i} - 1) % {n}",
            f"({i} + 1) % {n}",
            f"max({i} - 1, 0)",
            f"min({i} + 1, {n} - 1)",
            f"{n} - 1 - {i}",
            f"({i} if {self.test(i, n)} else 0)",
        ]
        return r.choice(forms)

    def bounds(self, n):
        """Bounds of a loop, and how far an index may be moved inside."""
        r = self.r
        forms = [(f"{n}", 0), (f"{n}", 0), (f"1, {n} - 1", 1), (f"{n} - 1, -1, -1", 0)]
        forms += [(f"{n} - 2, 0, -1", 1), (f"1, {n}", 0), (f"2, {n} - 2", 2), (f"0, {n}, 2", 0)]
        return r.choice(forms)

    def index(self, i, n, margin):
        if margin and self.r.random() < 0.7:
            by = self.r.randint(-margin, margin)
            return f"{i} + {by}" if by >= 0 else f"{i} - {-by}"
        return self.near(i, n)

    def term(self, element):
        r = self.r
        a, b = element(), element()
        forms = [
            a,
            f"c * {a}",
            f"-0.3 * {a}",
            f"{a} * {b}",
            f"({a} - {b})",
            f"{a} / (2.0 + {b} ** 2)",
        ]
        forms += [
            f"math.sin({a})",
            f"({a} - 2.0 * {b})",
            f"abs({a}) * c",
            f"({a} if {b} > 0.1 else c)",
        ]
        return r.choice(forms)

    def sum(self, element):
        return " + ".join(self.term(element) for _ in range(self.r.randint(1, 3)))

    def stencil(self):
        r = self.r
        bounds, margin = self.bounds("n")
        source = r.choice(["x", "y", "x", "z"])
        target = r.choice([v for v in "yz" if v != source])
        element = lambda: f"{r.choice([source, 'x'])}[{self.index('i', 'n', margin)}]"
        self.line(f"for i in range({bounds}):")
        self.depth += 1
        if r.random() < 0.4:
            self.branches(element, "i", "n")
        for _ in range(r.randint(1, 2)):
            kind = r.random()
            if kind < 0.55:
                self.line(f"{target}[i] {r.choice(['=', '=', '+='])} {self.sum(element)}")
            elif kind < 0.75:
                self.line(f"s += {self.sum(element)}")
            elif kind < 0.85:
                self.line(f"t = 0.5 * t + {self.term(element)}")
            else:
                self.line(f"{target}[{self.near('i', 'n')}] += {self.term(element)}")
        self.depth -= 1

    def branches(self, element, i, n):
        self.line(f"if {self.test(i, n)}:")
        self.line(f"    s += {self.term(element)}")
        if self.r.random() < 0.5:
            self.line(f"elif {self.test(i, n)}:")
            self.line(f"    t -= 0.1 * {self.term(element)}")
        if self.r.random() < 0.5:
            self.line("else:")
            self.line(f"    s -= {self.sum(element)}")

    def grid(self):
        r = self.r
        (rows_, up), (columns, left) = self.bounds("n"), self.bounds("m")
        place = lambda: f"[{self.index('i', 'n', up)}, {self.index('j', 'm', left)}]"
        element = lambda: f"A{place()}"
        self.line(f"for i in range({rows_}):")
        self.depth += 1
        if r.random() < 0.5:
            self.line(f"up = {self.near('i', 'n')}")
            element = lambda: r.choice([f"A{place()}", f"A[up, {self.index('j', 'm', left)}]"])
        self.line(f"for j in range({columns}):")
        self.depth += 1
        if r.random() < 0.3:
            self.branches(element, "j", "m")
        self.line(f"B[i, j] {r.choice(['=', '+='])} {self.sum(element)}")
        self.depth -= 2

    def shift(self):
        """Elements that move up or down."""
        r = self.r
        v = r.choice("yz")
        factor = r.choice(["", "", " * c", " * x[i]", " * (1.0 + 0.1 * i)"])
        forms = [
            ("n - 1, 0, -1", f"{v}[i] = {v}[i - 1]{factor}"),
            ("n - 1", f"{v}[i] = {v}[i + 1]{factor}"),
            ("1, n", f"{v}[i - 1] = {v}[i]{factor}"),
            ("n - 2", f"{v}[i] = {v}[i + 2]{factor}"),
            ("n", f"{v}[0] = {v}[0]{factor}"),
            ("2, n", f"{v}[i] = 0.5 * {v}[i - 1] - c * {v}[i - 2] + x[i]"),
            ("1, n", f"{v}[i] = {v}[i - 1]{factor}"),  # the first element goes everywhere
            ("0, n - 1, 2", f"{v}[i] = {v}[i + 1]{factor}"),
            ("n - 1", f"{v}[n - 2 - i] = {v}[n - 1 - i]{factor}"),
            ("1, n", f"{v}[n - i] = {v}[n - 1 - i]{factor}"),
        ]
        bounds, text = r.choice(forms)
        self.line(f"for i in range({bounds}):")
        self.line(f"    {text}")
        if r.random() < 0.3:
            other = "z" if v == "y" else "y"
            self.line(f"    {text.replace(v + '[', other + '[')}")
        if r.random() < 0.2:
            self.line(f"    s += {v}[i] * x[i]")

    def insertion(self):
        self.line("for i in range(1, n):")
        self.line("    key, j = y[i], i - 1")
        self.line("    while j >= 0 and y[j] > key:")
        self.line("        y[j + 1] = y[j]")
        self.line("        j -= 1")
        self.line("    y[j + 1] = key")


def outcome(function, *args):
    """What a function gives, or the kind of the exception it raises."""
    try:
        return function(*args)
    except (IndexError, ZeroDivisionError, OverflowError) as error:
        return type(error)


@pytest.mark.parametrize("chunk", range(0, COUNT, CHUNK))
def test_loops_in_their_last_form_compute_the_same(
    interpreted_jit, imported, tmp_path, monkeypatch, chunk
):
    monkeypatch.setattr(rows, "BLOCK", 5)
    monkeypatch.setattr(rows, "_FEW", 6)
    for seed in range(FIRST + chunk, FIRST + min(chunk + CHUNK, COUNT)):
        text = Writer(seed).text()
        program = imported(text, tmp_path / f"loops_{seed}.py").program
        compiled = interpreted_jit(program)
        for n in SIZES:
            rng = np.random.default_rng(n)
            args = rng.normal(size=n), rng.normal(size=(n, n + 1)), 0.7, 2
            expected = outcome(program, *args)
            found = outcome(compiled, *args)
            told = f"seed {seed}, n = {n}\n{text}"
            if isinstance(expected, type):
                assert found is expected, told
                continue
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=told)
            wanted = sciad.grad(program, (0, 1, 2))(*args)
            given = sciad.grad(compiled, (0, 1, 2))(*args)
            for one, other in zip(given, wanted, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, err_msg=told)

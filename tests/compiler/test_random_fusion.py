"""Random loops for the passes that fuse, search, lift and compare integers: compiled against eager.

``SCIAD_FUZZ=5000`` makes that many programs instead of the few of a usual run, ``SCIAD_FUZZ_FROM``
gives the first seed. A failure prints the program.
"""

import os
import random

import numpy as np
import pytest

import sciad
from sciad.compiler.ir import Loop, walk
from sciad.compiler.passes import adjoint as adjoints
from sciad.core.errors import CompileError

COUNT = int(os.environ.get("SCIAD_FUZZ", "30"))
FIRST = int(os.environ.get("SCIAD_FUZZ_FROM", "0"))
CHUNK = 10

HEAD = """
import math
import numpy as np

def rec(s, n):
    if n == 0:
        return s
    return rec(math.sin(s) + 0.1 * n, n - 1)

"""


class Writer:
    """Writes `program(x, A, w, k)`: vector x of n elements, matrix A of p rows and n columns."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.lines = []
        self.depth = 1
        self.count = 0
        self.rows = []  # indices below p
        self.cols = []  # indices below n
        self.vectors = ["x", "u", "v"]  # n elements
        self.matrices = ["A", "G"]
        self.scalars = ["s", "t", "w"]
        self.loops = 0
        self.helper = self.r.random() < 0.05

    def line(self, text):
        self.lines.append("    " * self.depth + text)

    def name(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    # -- indices
    def col(self):
        r = self.r
        if not self.cols:
            return r.choice(["0", "-1", "n - 1", "k % n", "0"])
        i = r.choice(self.cols[-2:]) if r.random() < 0.8 else r.choice(self.cols)
        p = r.random()
        if p < 0.6:
            return i
        forms = [
            f"n - 1 - {i}",
            f"-1 - {i}",
            f"{i} // 2",
            f"({i} + 1) % n",
            f"({i} * k) % n",
            f"{i} - 1",
            "0",
            f"({i} + k) % n",
            f"min({i} + 1, n - 1)",
            f"max({i} - 1, 0)",
            f"({i} + 1 if {i} < n - 1 else 0)",
            f"({i} - 1 if {i} > 0 else n - 1)",
            f"({i} + 1 if {i} + 1 != n else 0)",
            f"(0 if {i} == n - 1 else {i} + 1)",
        ]
        if len(self.cols) > 1 and r.random() < 0.3:
            j = r.choice(self.cols)
            forms += [
                f"({i} + {j}) % n",
                f"({i} * {j}) % n",
                f"(0 if {i} < {j} else {j})",
                f"({i} - {j} if {i} >= {j} else 0)",
            ]
        if r.random() < 0.03:
            return r.choice(
                [f"{i} + 1", f"{i} + k", f"{i} * k", f"({i} + 1 if {i} < n else 0)", f"{i} - k"]
            )
        return r.choice(forms)

    def row(self):
        r = self.r
        if not self.rows:
            return r.choice(["0", "-1", "k % p"])
        i = r.choice(self.rows)
        if r.random() < 0.75:
            return i
        return r.choice(
            [
                f"p - 1 - {i}",
                f"-1 - {i}",
                f"({i} + 1) % p",
                f"{i} - 1",
                "0",
                f"({i} - 1 if {i} > 0 else p - 1)",
            ]
        )

    # -- numbers
    def element(self):
        r = self.r
        if r.random() < 0.65 or not self.matrices:
            return f"{r.choice(self.vectors)}[{self.col()}]"
        if r.random() < 0.15:
            return f"{r.choice(self.matrices)}[:, {self.col()}][{self.row()}]"
        return f"{r.choice(self.matrices)}[{self.row()}, {self.col()}]"

    def number(self, d=2):
        r = self.r
        if d == 0 or r.random() < 0.25:
            p = r.random()
            if p < 0.55:
                return self.element()
            if p < 0.85:
                return r.choice(self.scalars)
            ints = self.cols + self.rows
            return (
                f"0.1 * {r.choice(ints)}"
                if ints and r.random() < 0.5
                else r.choice(["0.3", "w", "k"])
            )
        a, b = self.number(d - 1), self.number(d - 1)
        return r.choice(
            [
                f"({a} + {b})",
                f"({a} - {b})",
                f"{a} * {b}",
                f"{a} * {b}",
                f"math.sin({a})",
                f"math.cos({a})",
                f"math.tanh({a})",
                f"math.exp(-abs({a}))",
                f"({a}) / (1.5 + ({b}) ** 2)",
                f"({a} if {b} > 0.11 else {b})",
                f"({a}) ** 2",
                f"math.sin({a}) * math.cos({a})",
                f"abs({a} - {b})",
            ]
        )

    def linear(self):
        r = self.r
        a = r.choice([*self.scalars, self.element()])
        return f"{r.choice(['0.5', '-1.3', '2.0', 'w'])} * {a}" if r.random() < 0.7 else a

    def value(self):
        return self.linear() if self.r.random() < 0.3 else self.number()

    def condition(self):
        r = self.r
        ints = self.cols + self.rows
        if ints and r.random() < 0.4:
            i = r.choice(ints)
            return r.choice([f"{i} % 2 == 0", f"{i} > 1", f"{i} < k", f"{i} != k % n", f"{i} == 0"])
        return r.choice(
            [
                f"{self.number(1)} > 0.17",
                f"{self.number(1)} < {self.number(1)}",
                f"0.1 < {self.number(1)} < 0.6",
            ]
        )

    # -- statements
    def block(self, count, inside):
        self.depth += 1
        for _ in range(count):
            self.statement(inside)
        self.depth -= 1

    def statement(self, inside):
        r = self.r
        kinds = ["sum"] * 4 + ["store"] * 3 + ["add"] * 2 + ["assign"]
        if self.depth < 4:
            kinds += (
                ["loop"] * (6 if self.depth == 1 else 3) + ["search"] * 2 + ["scratch"] * 2 + ["if"]
            )
        if self.depth < 3:
            kinds += ["local", "whilel", "scale"]
        if self.depth == 1:
            kinds = (
                [x for x in kinds if x not in ("sum", "assign")]
                + ["linear"] * 2
                + ["sum", "assign", "read"]
            )
        if inside and r.random() < 0.15:
            kinds = ["jump"]
        getattr(self, "_" + r.choice(kinds))()

    def _sum(self):
        r = self.r
        self.line(f"{r.choice('st')} {r.choice(['+=', '+=', '-='])} {self.value()}")

    def _assign(self):
        r = self.r
        n = r.choice("st")
        self.line(
            r.choice(
                [
                    f"{n} = math.tanh({self.number()})",
                    f"{n} = {self.linear()}",
                    f"{n} = 0.5 * {n} + math.sin({self.number(1)})",
                    f"{n} *= math.cos({self.number(1)})",
                    f"{n} = max({n}, {self.number(1)})",
                    "s, t = t, s",
                ]
            )
        )

    def _read(self):
        if self.helper:
            self.line(f"s = rec(s, {self.r.randrange(1, 3)})")
        else:
            self.line(f"s += {self.element()} * t")

    def target(self):
        r = self.r
        if self.rows and r.random() < 0.35:
            return f"G[{self.row()}, {self.col()}]"
        return f"{r.choice([*self.vectors, 'u', 'v'])}[{self.col()}]"

    def _store(self):
        r = self.r
        t = self.target()
        if r.random() < 0.2:
            self.line(f"{t} = math.sin({t}) + 0.1 * {self.number(1)}")
        elif r.random() < 0.1:
            self.line(f"{t} = {self.r.choice(['0.0', '0.25'])}")
        else:
            self.line(f"{t} = {self.value()}")

    def _add(self):
        self.line(f"{self.target()} {self.r.choice(['+=', '-=', '*='])} 0.5 * {self.value()}")

    def header(self, kind=None):
        r = self.r
        i = self.name("i")
        kind = kind or r.choice(["n"] * 5 + ["p"] * 2 + ["b"] + ["step"] + ["tri"] * 2)
        if kind == "p":
            self.line(f"for {i} in range(p):")
            self.rows.append(i)
            return self.rows
        if kind == "step":
            h = r.choice(
                [
                    "range(0, n, 2)",
                    "range(n - 1, -1, -1)",
                    "range(1, n)",
                    "range(n - 1)",
                    "range(n - 2, -1, -2)",
                    "range(1, n - 1)",
                ]
            )
        elif kind == "tri" and self.cols:
            j = self.cols[-1]
            h = r.choice(
                [
                    f"range({j})",
                    f"range({j} + 1)",
                    f"range({j}, n)",
                    f"range({j} + 1, n)",
                    f"range({j}, -1, -1)",
                ]
            )
        elif kind == "b":
            h = r.choice(["range(min(k, n))", "range(n // 2)"])
        else:
            h = "range(n)"
        self.line(f"for {i} in {h}:")
        self.cols.append(i)
        return self.cols

    def _loop(self):
        r = self.r
        names = self.header()
        count = r.randrange(1, 4)
        self.block(count, r.random() < 0.3)
        names.pop()

    def _linear(self):
        """A loop whose reversal needs nothing."""
        names = self.header()
        self.depth += 1
        self.line(f"{self.r.choice('st')} += {self.linear()}")
        self.depth -= 1
        names.pop()

    def _search(self):
        r = self.r
        b, a, d = self.name("b"), self.name("a"), self.name("d")
        self.line(f"{b}, {a} = {r.choice(['1e9', '1e9', '-1e9', '0.2', 's', 'abs(w)'])}, 0")
        op = r.choice(["<", "<", "<=", ">", ">="])
        rows = r.random() < 0.3 and not self.rows
        names = self.header("p" if rows else r.choice(["n", "n", "step"]))
        i = names[-1]
        self.depth += 1
        if r.random() < 0.15:
            self.statement(False)
        if r.random() < 0.3 and self.depth < 5:
            self.line(f"{d} = 0.0")
            inner = self.header()
            self.depth += 1
            self.line(f"{d} += {self.number(1)} ** 2")
            self.depth -= 1
            inner.pop()
        else:
            self.line(f"{d} = {self.number()}")
        self.line(f"if {d} {op} {b}:")
        self.depth += 1
        self.line(f"{b} = {r.choice([d] * 5 + [f'{d} * 1.5', self.number(1)])}")
        if r.random() < 0.7:
            self.line(f"{a} = {i}")
        if r.random() < 0.1:
            self.line("break")
        self.depth -= 2
        names.pop()
        uses = [f"s += {b}", f"s += math.sin({b}) * t", f"t = {b}", f"s += {b} ** 2 * w"]
        if not rows:
            uses += [f"s += x[{a}] * {b}", f"u[{a}] = {b}", f"v[{a}] += {b}"]
        for _ in range(r.choice([1, 1, 2])):
            self.line(r.choice(uses))
        if r.random() < 0.3:
            self.scalars.append(b) if self.depth == 1 else None

    def _scratch(self):
        r = self.r
        names = self.header()
        buffer = r.choice(["u", "v", "v", "g"])
        self.depth += 1
        i, j = self.name("i"), self.name("j")
        if r.random() < 0.2:
            self.statement(False)
        self.line(f"for {i} in range(n):")
        self.cols.append(i)
        self.depth += 1
        where = i if r.random() < 0.85 else self.col()
        target = buffer if buffer != "g" else r.choice(["u", "v"])
        if r.random() < 0.15:
            self.line(f"if {self.condition()}:")
            self.depth += 1
            self.line(f"{target}[{where}] = {self.value()}")
            self.depth -= 1
        else:
            self.line(f"{target}[{where}] = {self.value()}")
        self.cols.pop()
        self.depth -= 1
        for _ in range(r.randrange(1, 3)):
            self.line(f"for {j} in range(n):")
            self.cols.append(j)
            self.depth += 1
            self.line(
                r.choice(
                    [
                        f"s += {target}[{self.col()}] * {target}[{j}]",
                        f"{target}[{j}] *= {target}[{self.col()}]",
                        f"G[{self.row()}, {j}] = {target}[{j}] * {self.number(1)}",
                        f"t += {target}[{j}] ** 2",
                        f"x[{j}] = {target}[{j}] * 0.5",
                    ]
                )
            )
            self.cols.pop()
            self.depth -= 1
        self.depth -= 1
        names.pop()

    def _local(self):
        r = self.r
        names = self.header()
        z = self.name("z")
        self.depth += 1
        size = r.choice(["n", "n", "2 * n + 1"])
        self.line(f"{z} = np.{r.choice(['zeros', 'zeros', 'ones'])}({size})")
        self.vectors.append(z)
        i = self.name("i")
        self.line(f"for {i} in range({r.choice(['n', 'n - 1', '0, n, 2'])}):")
        self.cols.append(i)
        self.depth += 1
        place = r.choice([i, i, self.col(), f"2 * {i}" if size != "n" else i])
        self.line(f"{z}[{place}] {r.choice(['=', '+='])} {self.value()}")
        self.depth -= 1
        self.cols.pop()
        for _ in range(r.randrange(1, 3)):
            self.statement(False)
        self.line(f"s += {z}[{self.col()}] * {self.number(1)}")
        self.vectors.pop()
        self.depth -= 1
        names.pop()

    def _whilel(self):
        r = self.r
        m = self.name("m")
        if r.random() < 0.5:
            self.line(f"{m} = 0")
            self.line(f"while {m} < n" + r.choice(["", " and s < 2.0"]) + ":")
            step = f"{m} += {r.choice(['1', '1', '2'])}"
        else:
            self.line(f"{m} = n - 1")
            self.line(f"while {m} >= 0:")
            step = f"{m} -= {r.choice(['1', '1', '2'])}"
        self.cols.append(m)
        self.depth += 1
        for _ in range(r.randrange(1, 3)):
            kind = r.choice([self._sum, self._store, self._add, self._assign])
            kind()
        self.line(step)
        self.depth -= 1
        self.cols.pop()

    def _scale(self):
        r = self.r
        self.line(
            r.choice(
                [
                    f"u[:] = x * {self.number(1)}",
                    "v[:] = np.sin(u)",
                    f"G[{self.row()}] = u",
                    "u[::-1] *= 0.5",
                    "s += np.sum(u * v)",
                    f"v[:] = {self.number(1)}",
                    "v = v.copy()",
                    "u, v = v, u" if self.depth == 1 else "v[:] = 0.0",
                    f"G[:, {self.col()}] *= 0.5",
                    "s += np.dot(x, u)",
                ]
            )
        )

    def _if(self):
        r = self.r
        self.line(f"if {self.condition()}:")
        self.block(r.randrange(1, 3), False)
        if r.random() < 0.5:
            self.line("else:")
            self.block(r.randrange(1, 3), False)

    def _jump(self):
        r = self.r
        self.line(f"if {self.condition()}:")
        self.line(
            "    "
            + r.choice(
                ["break", "continue", f"return s * {self.number(1)}" if self.single else "break"]
            )
        )

    def text(self):
        r = self.r
        form = r.randrange(6)
        self.single = form < 3
        for _ in range(r.randrange(2, 6)):
            self.statement(False)
        ends = ["s", "s * t + w", "s + np.sum(u * v)", "s, u", "s * t, G, v", "u, s, v, G"]
        start = [
            "def program(x, A, w, k):",
            "    n, p = len(x), len(A)",
            r.choice(["    u = np.zeros(n)", "    u = x * 0.5", "    u = np.ones(n)"]),
            r.choice(["    v = np.zeros(n)", "    v = np.zeros(n)", "    v = np.sin(x)"]),
            r.choice(["    G = np.zeros((p, n))", "    G = A * 1.0"]),
            "    s, t = w, 0.5",
        ]
        end = f"    return {ends[form]}"
        return HEAD + "\n".join([*start, *self.lines, end]) + "\n"


# -- running ---------------------------------------------------------------------------------------


def arguments(seed):
    """Make arguments: few elements, sometimes one or none."""
    r, g = random.Random(seed * 7 + 1), np.random.default_rng(seed)
    n, p = r.choice([3, 4, 5, 3, 2, 1, 0]), r.choice([2, 3, 1, 0])
    x, a = g.normal(size=n) * 0.7, g.normal(size=(p, n)) * 0.7
    return x, a, float(g.normal()), r.choice([1, 2, 0, 3, -1])


def number(result):
    """Make a number of a result."""
    if isinstance(result, tuple):
        return sum((k + 1.0) * number(r) for k, r in enumerate(result))
    return np.sum(np.sin(result) * np.cos(np.arange(np.size(result)).reshape(np.shape(result))))


def flat(result):
    """Lay results side by side."""
    parts = result if isinstance(result, tuple) else (result,)
    return np.concatenate([np.ravel(part) for part in parts])


def outcomes(function, args):
    """Value, arguments afterwards, gradient and Hessian-vector product, or the exception."""
    given = [np.array(a) if np.ndim(a) else a for a in args]
    try:
        value = flat(function(*given))
    except (ArithmeticError, IndexError, ValueError) as error:
        return error
    of = lambda *args: number(function(*args))
    along = tuple(np.cos(7.0 * np.asarray(a)) if np.ndim(a) else 0.4 for a in args[:3])
    copies = lambda: [np.array(a) if np.ndim(a) else a for a in args]
    gradient = sciad.grad(of, (0, 1, 2))(*copies())
    second = sciad.hvp(of, tuple(copies()[:3]), along, args[3], argnums=(0, 1, 2))
    return [value, flat(tuple(given[:3])), flat(gradient), flat(second)]


def check(function, args, jit):
    """Compare the two engines as far as the program does not overflow; tells whether it did."""
    with np.errstate(all="ignore"):
        expected = outcomes(function, args)
        if isinstance(expected, OverflowError | ValueError):
            return False
        if not isinstance(expected, Exception) and not np.all(np.abs(flat(tuple(expected))) <= 1e6):
            return False
        found = outcomes(jit(function), args)
    if isinstance(expected, Exception):
        assert isinstance(found, IndexError | ZeroDivisionError)
        return True
    for mine, theirs in zip(found, expected, strict=True):
        scale = 1.0 + np.max(np.abs(theirs), initial=0.0)
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12 * scale)
    return True


def run(first, path, imported, jit):
    """Check some programs; most of them have to be compared."""
    compared = 0
    for seed in range(first, first + CHUNK):
        text = Writer(seed).text()
        try:
            compared += check(
                imported(text, path / f"fused_{seed}.py").program, arguments(seed), jit
            )
        except CompileError:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}\n{text}") from error
    assert compared >= CHUNK // 2


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_random_loops(first, tmp_path, imported, jit_interpreted):
    run(first, tmp_path, imported, jit_interpreted)


@pytest.mark.parametrize("first", range(FIRST + 20100, FIRST + 20100 + COUNT // 2, CHUNK))
def test_random_loops_that_are_run_again(first, tmp_path, imported, jit_interpreted, monkeypatch):
    def everything(function, made, reverse):
        return reverse(frozenset(n.index for n in walk(function.body) if isinstance(n, Loop)))

    monkeypatch.setattr(adjoints, "best", everything)
    run(first, tmp_path, imported, jit_interpreted)

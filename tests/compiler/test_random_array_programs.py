"""Random array programs: shapes, views, masks, indices, stores; compiled against eager."""

import random

import numpy as np
import pytest

from sciad.compiler import jit
from sciad.core.transforms import grad, hvp, jacobian

HEAD = "import numpy as np\n\n"
N, M = 5, 3


class Writer:
    """Writes a function of (x, A, i, m): vector of 5, matrix 3 x 5, indices and mask of length 5.

    Vectors `u`, `v` have length 5, `B` is 3 x 5, `s` is a number.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = [
            "u = x * 1.0",
            "v = np.tanh(A[0])",
            "B = A.copy()",
            "s = x[0]",
            "j = i.copy()",
        ]

    def pick(self, *forms):
        return self.random.choice(forms)

    def number(self, depth=1):
        if depth == 0:
            return self.pick("s", "x[1]", "u[-1]", "B[2, 3]", "0.7", "v[j[0]]", "j[2]", "v[i[1]]")
        v, w = self.vector(depth - 1), self.vector(depth - 1)
        t = self.number(depth - 1)
        return self.pick(
            f"np.sum({v})",
            f"({v}).mean()",
            f"np.max({v})",
            f"np.min({v})",
            f"({v}) @ ({w})",
            f"np.dot({v}, {w})",
            f"np.sum(({v})[m])",
            f"np.sum(({v})[({w}) > 0.1])",
            f"np.prod(0.5 * {v})",
            f"np.linalg.norm({v})",
            f"np.std({v})",
            f"np.sin({t})",
            f"({t} * {self.number(0)})",
            f"({v})[np.argmax({w})]",
            f"np.sum({self.matrix(0)} * {self.pick('u', 'v')})",
            f"np.trace({self.matrix(0)}[:, :3])",
            f"sum(a * b for a, b in zip({v}, {w}, strict=True) if a > 0.05)",
            f"np.interp({t}, np.linspace(-1.0, 1.0, 5), {v})",
            f"max({v})",
        )

    def vector(self, depth=1):
        if depth == 0:
            rows = f"B[{self.random.randrange(-3, 3)}]"
            return self.pick("u", "v", "x", rows, "A[1]", "u[::-1]", "x[i]", "1.0 * j")
        v, w, t = self.vector(depth - 1), self.vector(depth - 1), self.number(depth - 1)
        a = self.matrix(depth - 1)
        return self.pick(
            f"({v} + {w})",
            f"({v} * {w})",
            f"({v} - {t})",
            f"np.where(m, {v}, {w})",
            f"np.where({v} > {w}, {v}, {t})",
            f"({v})[i]",
            f"({v})[j]",
            f"np.roll({v}, {self.random.randrange(-2, 3)})",
            f"np.cumsum({v})",
            f"np.sort({v})",
            f"np.clip({v}, -0.5, 0.9)",
            f"np.maximum({v}, {w})",
            f"np.sum({a}, axis=0)",
            f"np.max({a}, axis=0)",
            f"({a}).mean(axis=0)",
            f"np.concatenate([({v})[2:], ({w})[:2]])",
            f"np.array([a * {t} for a in {v}])",
            f"np.outer({v}, {w})[{self.random.randrange(5)}]",
            f"({a}).T[:, 1]",
            f"({a}).copy().reshape(5, 3)[:, 2]",
            f"np.diff(np.repeat({v}, 2)[:6])",
            f"np.sin({v})",
            f"np.abs({v})",
            f"({v} / (1.0 + {w} ** 2))",
        )

    def matrix(self, depth=1):
        if depth == 0:
            return self.pick("B", "A", "B[::-1]", "A[:, ::-1]", "B[[2, 0, 1]]", "A[:, i]")
        a, v = self.matrix(depth - 1), self.vector(depth - 1)
        return self.pick(
            f"({a} + {v})",
            f"({a} * {self.number(depth - 1)})",
            f"np.stack([{v}, u, v])",
            f"({a} - np.mean({a}, axis=1, keepdims=True))",
            f"np.where({a} > 0.2, {a}, {v})",
            f"({a})[:, j]",
            f"np.outer(np.arange(3.0), {v})",
            f"np.eye(3) @ ({a})",
            f"np.tril({a})",
            f"np.cumsum({a}, axis=1)",
        )

    def statement(self):
        v, w, a, t = self.vector(), self.vector(), self.matrix(), self.number()
        k, name = self.random.randrange(5), self.pick("u", "v")
        self.lines.append(
            self.pick(
                f"s = np.tanh({self.number(2)})",
                f"{name} = np.tanh({self.vector(2)})",
                f"B = np.tanh({a})",
                f"{name}[{k}] = np.tanh({t})",
                f"{name}[1:4] = np.tanh({v})[{self.random.randrange(3)}:][:3]",
                f"{name}[::-2] *= 0.5 * np.tanh({v})[:3]",
                f"{name}[m] = np.tanh({t})",
                f"{name}[{name} > 0.3] = 0.1 * s",
                f"{name}[~m] += np.tanh({w})[~m]",
                f"{name}[j] = np.tanh({v})",
                f"{name}[i] += 0.3 * np.tanh({v})",
                f"np.add.at({name}, i, 0.2 * np.tanh({v}))",
                f"B[{k % 3}] += np.tanh({v})",
                f"B[:, {k}] = np.tanh({v})[:3]",
                f"B[1:, j] = 0.5 * np.tanh({v})",
                "B[B > 0.4] *= 0.5",
                f"j = np.argsort({v})",
                f"j[{k}] = {self.random.randrange(-5, 5)}",
                f"j = (j + {k}) % 5",
                f"for k, row in enumerate(B):\n        s += 0.1 * k * np.tanh(row @ {name})",
                f"for k in range(40):\n        {name}[k % 5] = 0.9 * {name}[j[k % 5]] + 0.01 * s",
                f"if {t} > 0.2:\n        {name}[{k}] = s\n    else:\n        s = s * 0.5",
            )
        )

    def text(self):
        for _ in range(self.random.randrange(3, 7)):
            self.statement()
        end = f"return np.sum(np.sin(u) * v) + np.sum(np.cos(B)) * s + {self.number(2)}"
        return (
            HEAD + "def program(x, A, i, m):\n" + "".join(f"    {p}\n" for p in [*self.lines, end])
        )


@pytest.mark.parametrize("seed", range(40))
def test_random_array_programs(seed, tmp_path, imported, in_interpreter):
    text = Writer(seed).text()
    program = imported(text, tmp_path / f"arrays_{seed}.py").program
    rng = np.random.default_rng(seed)
    x, A = rng.standard_normal(N), rng.standard_normal((M, N))
    more = (rng.integers(-N, N, N), rng.standard_normal(N) > 0)
    made = jit(program)
    expected = program(x.copy(), A.copy(), *more)
    assert made(x, A, *more) == pytest.approx(expected, rel=1e-12), text
    run, plain = (lambda z, f=f: f(z[0], z[1:], *more) for f in (made, program))
    point = np.vstack([x, A])
    slope = grad(plain)(point)
    np.testing.assert_allclose(grad(run)(point), slope, rtol=1e-12, atol=1e-12, err_msg=text)
    forward = jacobian(run, mode="forward")(point)
    np.testing.assert_allclose(forward, slope, rtol=1e-12, atol=1e-12, err_msg=text)
    v = rng.standard_normal(point.shape)
    turned = hvp(plain, point, v)
    np.testing.assert_allclose(hvp(run, point, v), turned, rtol=1e-9, atol=1e-9, err_msg=text)

"""Access to elements in machine code, remainders of indices, results without copies."""

import numpy as np
import pytest

from sciad.compiler import jit
from sciad.core.transforms import grad, vjp


@jit
def neighbours(x, y):
    n = x.shape[0]
    out = np.zeros_like(x)
    for i in range(n):
        for j in range(x.shape[1]):
            around = x[(i - 1) % n, j] * x[(i + 1) % n, j] + x[i, (j + 1) % x.shape[1]]
            out[i, j] = around * y[i % n, j] ** 2
    return out


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 4)])
def test_periodic_neighbours_of_one_array_given_twice(shape):
    x = np.random.default_rng(1).standard_normal(shape)
    np.testing.assert_allclose(neighbours(x, x), neighbours.__wrapped__(x, x), rtol=1e-14)
    bar = np.cos(np.arange(x.size)).reshape(shape)
    found = vjp(lambda x: neighbours(x, x), x)[1](bar)
    expected = vjp(lambda x: neighbours.__wrapped__(x, x), x)[1](bar)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_machine_code_says_that_buffers_are_distinct():
    x = np.ones((2, 2))
    program, _, _ = neighbours._program((x, x), {})
    (text,) = program.load("value").function.inspect_llvm().values()
    assert "!alias.scope" in text
    assert "!noalias" in text
    source = program.source("value")
    assert source.count("np.zeros(") == 1  # the result is returned as it is
    assert "np.empty(n" not in source


def remainders(t, y):
    total = 0.0
    for n in range(1, int(y[1])):
        s = 0.0
        for i in range(n):
            s += ((i - 1) % n) * 1.0 + 3.0 * ((i + 1) % n) + 7.0 * (i % n) + 11.0 * ((i - 2) % n)
            s += 0.1 * ((i + 2) % n) + 0.01 * ((2 * i - 5) % n) + 0.001 * ((n - i) % n)
        for i in range(n - 1, -1, -1):
            s = 0.7 * s + ((i - 1) % n) - ((i + 1) % n)
        total = 0.9 * total + s
    return [y[0] * total, t]


def test_remainders_of_shifted_indices_are_pythons(interpreted):
    run = interpreted(remainders, 2, 2, ())
    status, out = run.value(0.3, np.array([1.5, 41.0]))
    assert status == 0
    np.testing.assert_allclose(out, remainders(0.3, np.array([1.5, 41.0])), rtol=1e-13)


def test_a_remainder_by_zero_outside_a_loop_raises():
    def f(x, n):
        k = 1 % n
        for i in range(n):
            k = k + (i + 1) % n
        return x * k

    compiled = jit(f)
    assert compiled(2.0, 3) == f(2.0, 3)
    with pytest.raises(ZeroDivisionError):
        compiled(2.0, 0)
    assert grad(compiled)(2.0, 5) == float(f(1.0, 5))

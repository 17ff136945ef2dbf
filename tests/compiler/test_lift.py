"""Allocations leave loops; the memory of an iteration begins as it would have."""

import math

import numpy as np
import pytest

import sciad
from sciad.compiler.ir import FLOAT, INT, BufferType, Function, Loop, Op, Region, Value, const
from sciad.compiler.loops.lift import lifted

X = np.array([0.31, -0.62, 0.45, 0.83])


def loop_with(size, made):
    """Write `for i in range(k): a = zeros(size)`; `made` computes the size in the loop."""
    k, i, a = Value("k", INT), Value("i", INT), Value("a", BufferType(FLOAT))
    nodes = [*made(k, i), Op("alloc", (size(k, i),), (a,), "zeros")]
    nodes.append(Op("store", (a, const(0), const(1.0))))
    loop = Loop("range", i, const(0), k, const(1), (), (), Region(nodes), ())
    return Function("f", (k,), Region([loop]))


def allocations(region):
    return [n for n in region.nodes if isinstance(n, Op) and n.code == "alloc"]


def test_memory_of_a_fixed_size_is_allocated_once():
    body = lifted(loop_with(lambda k, i: k, lambda k, i: [])).body
    assert [n.attr for n in allocations(body)] == ["empty"]
    (loop,) = (n for n in body.nodes if isinstance(n, Loop))
    assert allocations(loop.body) == []
    assert isinstance(loop.body.nodes[0], Loop)  # writes the zeros


def test_memory_whose_size_changes_stays():
    body = lifted(loop_with(lambda k, i: i, lambda k, i: [])).body
    assert allocations(body) == []


def scratch(x, w):
    total = 0.0
    for i in range(len(x)):
        z = np.zeros(len(x) + 1)
        for j in range(i):
            z[j] += x[j] * w
        for j in range(len(x)):
            total += z[j] * z[j - 1] * x[i]
    return total * total


def triangular(x, w):
    total = 0.0
    for i in range(len(x)):
        z = np.zeros(i + 1)
        for j in range(i + 1):
            z[j] += x[j] * w
            total += math.sin(z[j]) * z[0]
    return total


def handed_on(x, w):
    z = np.zeros(len(x))
    for i in range(len(x)):
        y = np.zeros(len(x))
        for j in range(len(x)):
            y[j] = z[j] * x[i] + w
        z = y
    return np.sum(z * x)


def never_run(x, w):
    total, n = w, len(x)
    for _ in range(n - 7):
        total += np.sum(np.zeros(n - 5)) * w
    return total


@pytest.mark.parametrize("function", [scratch, triangular, handed_on, never_run])
@pytest.mark.parametrize("n", [4, 1, 0])
def test_each_iteration_has_memory_of_its_own(function, n, jit_interpreted):
    compiled, x = jit_interpreted(function), X[:n]
    assert compiled(x, 0.7) == pytest.approx(function(x, 0.7), rel=1e-13)
    for found, expected in zip(
        sciad.grad(compiled, (0, 1))(x, 0.7), sciad.grad(function, (0, 1))(x, 0.7), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)

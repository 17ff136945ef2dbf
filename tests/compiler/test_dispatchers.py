"""Numba's functions wherever a function is taken: differentiated, compiled, called, integrated."""

import math

import numpy as np
import pytest
from numba import float64, njit, vectorize

import sciad
from sciad.compiler import jit
from sciad.compiler.nodes import CallNode
from sciad.core.errors import CompileError

X = np.array([0.3, 0.5, 1.2])


@njit
def powers(x, a=2.0, n=3):
    s = 0.0
    for i in range(x.shape[0]):
        s += a * x[i] ** n
    return s


@njit
def damped(x):
    return x * math.exp(-x) if x > 0.4 else x * x


@njit
def calls_another(x, k):
    out = np.empty(2)
    out[0], out[1] = damped(k * x[0]), x[1]
    return out


@vectorize
def kinked(x):
    return x * x + 1.0 if x > 0.4 else math.sin(x)


@vectorize([float64(float64, float64)])
def product(x, y):
    return x * y + y


@njit
def oscillator(t, y, k):
    out = np.empty(2)
    out[0], out[1] = y[1], -k * y[0]
    return out


@njit
def with_a_set(x):
    s = {1, 2}
    return x * x * len(s)


@njit
def tail(x):
    return x[1:]


@njit
def writes(x, y):
    x[0] = 2.0 * y
    return x[0] * x[1]


@pytest.fixture
def nodes(monkeypatch):
    """Count the nodes that compiled functions become."""
    met = []
    monkeypatch.setattr(
        CallNode, "value", lambda self, *a, f=CallNode.value: (met.append(self), f(self, *a))[1]
    )
    return met


def test_every_transformation(nodes):
    plain = powers.py_func
    for k in (0, 1):
        expected = sciad.grad(plain, k)(X, 1.5)
        np.testing.assert_allclose(sciad.grad(powers, k)(X, 1.5), expected, rtol=1e-13)
    value, g = sciad.value_and_grad(powers)(X, a=3.0)
    assert value == pytest.approx(plain(X, 3.0), rel=1e-14)
    np.testing.assert_allclose(g, 9.0 * X**2, rtol=1e-13)
    assert sciad.jvp(powers, (X,), (X,))[1] == pytest.approx(3 * plain(X), rel=1e-13)
    np.testing.assert_allclose(sciad.vjp(powers, X)[1](1.0)[0], 6.0 * X**2, rtol=1e-13)
    np.testing.assert_allclose(sciad.hessian(powers)(X), np.diag(12.0 * X), rtol=1e-13)
    np.testing.assert_allclose(sciad.hvp(powers, X, X), 12.0 * X * X, rtol=1e-13)
    assert len(nodes) >= 8  # none of them followed the Python function
    jacobian = sciad.jacobian(lambda x: calls_another(x, 1.3))(X)
    np.testing.assert_allclose(jacobian[0, 0], 1.3 * sciad.grad(damped)(0.39), rtol=1e-13)
    assert jacobian[1, 1] == 1.0


def test_compiled_and_called(nodes):
    compiled = jit(powers)
    assert compiled(X) == pytest.approx(powers(X), rel=1e-14)
    assert compiled(X, n=2) == pytest.approx(powers(X, 2.0, 2), rel=1e-14)
    np.testing.assert_allclose(sciad.grad(compiled)(X, a=3.0), 9.0 * X**2, rtol=1e-13)

    def eager(x):
        return powers(x, a=2.5) * damped(x[0]) + damped(x[1])

    found, before = sciad.grad(eager)(X), len(nodes)
    assert before == 4  # grad(compiled) above, and three calls
    np.testing.assert_allclose(sciad.grad(jit(eager))(X), found, rtol=1e-13)
    plain = lambda x: powers.py_func(x, 2.5) * damped.py_func(x[0]) + damped.py_func(x[1])
    np.testing.assert_allclose(found, sciad.grad(plain)(X), rtol=1e-13)


def test_three_levels():
    third = sciad.grad(sciad.grad(sciad.grad(damped)))(0.7)
    assert third == pytest.approx((3.0 - 0.7) * math.exp(-0.7), rel=1e-12)
    third = sciad.grad(sciad.grad(sciad.grad(kinked)))(0.2)
    assert third == pytest.approx(-math.cos(0.2), rel=1e-12)


def test_vectorized_functions():
    expected = np.where(X > 0.4, 2 * X, np.cos(X))
    np.testing.assert_allclose(sciad.grad(lambda x: np.sum(kinked(x)))(X), expected, rtol=1e-14)
    np.testing.assert_allclose(
        sciad.grad(jit(lambda x: np.sum(kinked(x))))(X), expected, rtol=1e-14
    )
    assert sciad.grad(kinked)(0.7) == pytest.approx(1.4, rel=1e-15)
    assert jit(kinked)(0.2) == math.sin(0.2)
    both = sciad.grad(lambda x, y: np.sum(product(x, y)), (0, 1))(X, X[::-1].copy())
    np.testing.assert_allclose(both[0], X[::-1], rtol=1e-15)
    np.testing.assert_allclose(both[1], X + 1.0, rtol=1e-15)
    matrix = np.outer(X, X)  # broadcasting
    found = sciad.grad(jit(lambda m, x: np.sum(product(m, x))), 1)(matrix, X)
    np.testing.assert_allclose(found, matrix.sum(0) + 3.0, rtol=1e-14)


def test_right_hand_sides():
    end = lambda f: lambda k: sciad.ode.solve_ivp(f, (0.0, 1.0), [1.0, 0.0], args=(k,)).y[0, -1]
    plain = lambda t, y, k: [y[1], -k * y[0]]
    assert sciad.grad(end(oscillator))(1.3) == pytest.approx(sciad.grad(end(plain))(1.3), rel=1e-12)
    inside = jit(lambda x: sciad.grad(damped)(x) * x)
    assert sciad.grad(inside)(0.7) == pytest.approx(
        sciad.grad(lambda x: sciad.grad(damped.py_func)(x) * x)(0.7), rel=1e-13
    )


def test_what_the_compiler_cannot_do_is_followed():
    assert sciad.grad(with_a_set)(0.3) == pytest.approx(1.2, rel=1e-15)
    with pytest.raises(CompileError, match=r"(?s)no compiled form|cannot be compiled") as caught:
        jit(with_a_set)(0.3)
    assert "test_dispatchers.py" in str(caught.value)
    z = sciad.grad(lambda z: abs(damped_complex(z)) ** 2)(1.0 + 2.0j)
    assert z == pytest.approx(8.0 * (1.0 + 2.0j), rel=1e-14)


@njit
def damped_complex(z):
    return 2.0 * z


def test_views_and_writes_are_those_of_the_program():
    """Compiled code copies results and refuses writes: both are left to the eager engine."""

    def through_a_view(x):
        y = x * 1.0
        part = tail(y)
        part[0] = 7.0 * x[0]
        return y[1] * y[2]

    np.testing.assert_allclose(
        sciad.grad(through_a_view)(X), [7.0 * X[2], 0.0, 7.0 * X[0]], rtol=1e-14
    )

    def through_a_write(x):
        y = x * 1.0
        return writes(y, x[2]) + y[0]

    np.testing.assert_allclose(sciad.grad(through_a_write)(X), [0.0, 2 * X[2], 2 * X[1] + 2.0])
    single = sciad.grad(lambda x: np.sum(damped(x[0]) * x))(X.astype(np.float32))
    assert single.dtype == np.float32

"""The decorator: values, structures, derivatives of every order, errors, pickling."""

import math
import pickle

import numpy as np
import pytest

from sciad.compiler import jit
from sciad.compiler.program import Program
from sciad.core.errors import CompileError, InputError
from sciad.core.rules import Elementwise, temporary
from sciad.core.transforms import grad, hessian, hvp, jacobian, jvp, vjp

X = np.array([0.2, -0.7, 1.1])


@jit
def wave(x, a, n=3):
    s = 0.0
    for i in range(n):
        s += math.sin(a * x[i]) * x[i] ** 2
    return s


@jit
def transformed(p, x):
    z = np.exp(-p["k"] * x) + p["w"][0]
    return {"z": z * z, "n": x.shape[0], "s": z.sum(), "pair": (p["k"], [1, 2.0]), "no": None}


OFFSET = 0.25


@jit
def shifted(x):
    return x * x + OFFSET


@jit
def outer_product(x, y):
    out = np.empty((len(x), len(y)))
    for i in range(len(x)):
        for j in range(len(y)):
            out[i, j] = x[i] * y[j] ** 2
    return out


P = {"k": 0.3, "w": [1.0, 2.0]}


def test_values_and_integer_arguments():
    assert wave(X, 2.0) == pytest.approx(wave.__wrapped__(X, 2.0), rel=1e-14)
    assert wave(X, a=2.0, n=2) == pytest.approx(wave.__wrapped__(X, 2.0, 2), rel=1e-14)
    assert len(wave._programs) == 2  # with and without the third argument, not one for each n
    wave(X[:2], 2.0, 1)
    assert len(wave._programs) == 2


def test_structures_go_in_and_come_out():
    found, expected = transformed(P, X), transformed.__wrapped__(P, X)
    assert list(found) == list(expected)
    assert found["n"] == 3
    assert found["pair"] == (0.3, [1, 2.0])
    assert found["no"] is None
    np.testing.assert_allclose(found["z"], expected["z"], rtol=1e-14)


def test_arrays_of_any_layout():
    strided = np.arange(12.0)[::2]
    frozen = np.ones(6)
    frozen.flags.writeable = False
    np.testing.assert_array_equal(outer_product(strided, frozen), np.outer(strided, frozen))
    np.testing.assert_array_equal(outer_product(strided[:0], frozen), np.zeros((0, 6)))


def test_gradients():
    np.testing.assert_allclose(grad(wave)(X, 2.0), grad(wave.__wrapped__)(X, 2.0), rtol=1e-12)
    found = grad(lambda p: transformed(p, X)["s"])(P)
    expected = grad(lambda p: transformed.__wrapped__(p, X)["s"])(P)
    assert found["k"] == pytest.approx(expected["k"], rel=1e-12)
    assert found["w"] == pytest.approx(expected["w"])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobians_of_arrays(mode):
    found = jacobian(lambda x: outer_product(x, X), mode=mode)(X)
    expected = jacobian(lambda x: np.outer(x, X**2), mode=mode)(X)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_tangents_and_cotangents_are_transposed():
    direction, weight = np.array([0.3, -1.0, 0.8]), np.arange(9.0).reshape(3, 3)
    _, push = jvp(outer_product, (X, X), (direction, 2 * direction))
    _, pull = vjp(outer_product, X, X)
    a, b = pull(weight)
    assert np.sum(weight * push) == pytest.approx(a @ direction + b @ (2 * direction), rel=1e-12)


def test_second_derivatives_in_every_order_of_modes():
    f, g = wave.__wrapped__, wave
    expected = hessian(lambda x: f(x, 2.0))(X)
    v = np.array([1.0, 0.5, -2.0])
    np.testing.assert_allclose(hessian(lambda x: g(x, 2.0))(X), expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(hvp(lambda x: g(x, 2.0), X, v), expected @ v, rtol=1e-11)
    inner = {
        "reverse": lambda x: grad(g)(x, 2.0),
        "forward": jacobian(lambda x: g(x, 2.0), mode="forward"),
    }
    for first in inner.values():
        for second in ("forward", "reverse"):
            found = jacobian(first, mode=second)(X)
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_mixed_second_derivatives():
    f, g = wave.__wrapped__, wave
    found = grad(lambda x: grad(lambda a: g(x, a))(2.0))(X)
    np.testing.assert_allclose(found, grad(lambda x: grad(lambda a: f(x, a))(2.0))(X), rtol=1e-11)
    weight = np.arange(9.0).reshape(3, 3)
    loss = lambda x: np.sum(weight * outer_product(x, x) ** 2)
    plain = lambda x: np.sum(weight * np.outer(x, x**2) ** 2)
    np.testing.assert_allclose(hessian(loss)(X), hessian(plain)(X), rtol=1e-11)


def test_derivatives_up_to_the_second_are_compiled(monkeypatch):
    kinds = []
    compiled = Program.compiled
    monkeypatch.setattr(
        Program, "compiled", lambda self, k, d: (kinds.append(k), compiled(self, k, d))[1]
    )
    g = lambda x: wave(x, 2.0)
    for inner in (grad(g), jacobian(g, mode="forward")):
        for outer in ("forward", "reverse"):
            jacobian(inner, mode=outer)(X)
    assert set(kinds) == {"value", "jvp", "vjp", "hvp", "second"}


def test_third_derivatives_follow_the_python_function():
    third = grad(lambda a: grad(lambda b: grad(lambda c: wave(X, c))(b))(a))(2.0)
    assert third == pytest.approx(-np.sum(X**5 * np.cos(2.0 * X)), rel=1e-12)


def test_captured_globals_are_inputs(monkeypatch):
    assert shifted(2.0) == 4.25
    monkeypatch.setitem(globals(), "OFFSET", 1.0)
    assert shifted(2.0) == 5.0

    def through(offset):
        @jit
        def inner(x):
            return x * offset

        return inner(3.0)

    assert grad(through)(2.0) == 3.0


def test_a_jitted_function_calls_another():
    @jit
    def twice(x):
        return shifted(x) + shifted(2.0 * x)

    assert twice(1.0) == pytest.approx(1.0 + 4.0 + 2 * OFFSET)
    assert grad(twice)(1.0) == pytest.approx(10.0)


def test_replaced_helpers_are_noticed(monkeypatch):
    assert uses_helper(2.0) == 6.0
    monkeypatch.setitem(globals(), "helper", lambda x: 5.0 * x)
    assert uses_helper(2.0) == 10.0


def helper(x):
    return 3.0 * x


@jit
def uses_helper(x):
    return helper(x)


sine = np.sin


@jit
def uses_alias(x):
    return sine(x)


def test_replaced_library_functions_and_rules_are_noticed(monkeypatch):
    assert uses_alias(0.0) == 0.0
    monkeypatch.setitem(globals(), "sine", np.cos)
    assert uses_alias(0.0) == 1.0
    assert grad(uses_alias)(0.5) == pytest.approx(-math.sin(0.5))
    with temporary(np.cos, Elementwise(np.cos, (lambda x, out: 7.0 * x,))):
        assert grad(uses_alias)(0.5) == 3.5
    assert grad(uses_alias)(0.5) == pytest.approx(-math.sin(0.5))


def test_failures_are_exceptions_with_a_place():
    with pytest.raises(IndexError, match=r"out of range(.|\n)*test_jit.py"):
        wave(X, 2.0, 4)
    with pytest.raises(IndexError):
        grad(wave)(X, 2.0, 4)


def test_division_by_zero_is_that_of_numpy():
    @jit
    def inverse(x):
        return 1.0 / x

    assert inverse(0.0) == np.inf


def test_integers_stay_integers():
    @jit
    def arithmetic(a, b):
        return a // b, a % b, a**3, -a // b, 2**b, a / b

    assert arithmetic(17, 5) == (3, 2, 17**3, -4, 32, 3.4)
    assert arithmetic(-17, 5) == (-4, 3, (-17) ** 3, 3, 32, -3.4)
    assert type(arithmetic(17, 5)[0]) is int
    with pytest.raises(ZeroDivisionError):
        arithmetic(1, 0)
    with pytest.raises(ValueError, match="negative integer"):
        arithmetic(1, -1)


def test_source_needs_a_version():
    fresh = jit(lambda x: x * 3.0)
    with pytest.raises(InputError, match="not been compiled"):
        fresh.source("vjp")
    assert "3.0" in fresh.source("vjp", 1.0)
    with pytest.raises(InputError, match="no program"):
        fresh.source("adjoint")


def test_pickle_by_reference():
    assert pickle.loads(pickle.dumps(wave)) is wave


def test_refused_arguments():
    with pytest.raises(CompileError, match="cannot be compiled"):
        wave(X, 1j)
    with pytest.raises(InputError):
        jit(math.sin)

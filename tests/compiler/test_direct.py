"""Gradients at plain arguments, without a tape: the same numbers, errors and types."""

import math

import numpy as np
import pytest

import sciad
from sciad.compiler.nodes import CallNode
from sciad.core.errors import InputError

X = np.array([0.4, -1.2, 0.7])
M = np.arange(6.0).reshape(2, 3) / 7.0


@sciad.jit
def energy(x, m, a, n):
    total = 0.0
    for _ in range(n):
        for i in range(m.shape[0]):
            total += math.sin(a * (m[i] @ x)) ** 2
    return total


@sciad.jit
def structured(p, x):
    return p["k"] * np.sum(np.exp(p["w"][1] * x)) / p["w"][0]


@sciad.jit
def vector(x):
    return x * x


@sciad.jit
def divided(x, n):
    return x[n] * x[n]


def plain_gradient(*args):
    return sciad.value_and_grad(energy.__wrapped__, (0, 1, 2))(*args)


@pytest.fixture
def no_tape(monkeypatch):
    """Make nodes of the eager engine fail."""

    def fail(*args):
        raise AssertionError("the eager engine was asked")

    monkeypatch.setattr(CallNode, "value", fail)


def check(found, expected):
    assert type(found) is type(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_gradients_need_no_tape(no_tape):
    value, expected = plain_gradient(X, M, 0.8, 2)
    found_value, found = sciad.value_and_grad(energy, (0, 1, 2))(X, M, 0.8, 2)
    assert found_value == pytest.approx(value, rel=1e-14)
    for mine, theirs in zip(found, expected, strict=True):
        check(mine, theirs)
    for k in range(3):
        check(sciad.grad(energy, k)(X, M, 0.8, 2), expected[k])
    for mine, k in zip(sciad.grad(energy, (2, 0))(X, M, 0.8, 2), (2, 0), strict=True):
        check(mine, expected[k])


def test_arguments_of_any_layout_and_length(no_tape):
    wide = np.asfortranarray(np.arange(12.0).reshape(4, 3) / 9)
    strided = np.arange(6.0)[::2]
    frozen = X.copy()
    frozen.flags.writeable = False
    gradient = sciad.grad(energy, (0, 1))
    for x, m in ((X, M), (strided, wide[::2]), (frozen, wide)):
        found, expected = gradient(x, m, 1.1, 1), plain_gradient(x, m, 1.1, 1)[1][:2]
        for mine, theirs in zip(found, expected, strict=True):
            check(mine, theirs)


def test_structures(no_tape):
    p = {"k": 0.3, "w": [1.5, 0.2], "name": "run"}
    found = sciad.grad(structured)(p, X)
    expected = sciad.grad(structured.__wrapped__)(p, X)
    assert found.keys() == expected.keys()
    assert found["name"] is None
    check(found["k"], expected["k"])
    for mine, theirs in zip(found["w"], expected["w"], strict=True):
        check(mine, theirs)
    check(sciad.grad(structured, 1)(p, X), sciad.grad(structured.__wrapped__, 1)(p, X))


def test_captured_values_are_read_at_each_call(no_tape):
    for factor in (2.0, 3.0):
        scale = np.full(3, factor)
        scaled = sciad.jit(lambda x, scale=scale: scale @ x + 0.0)
        assert sciad.grad(scaled)(X).tolist() == [factor] * 3
    level = [1.0]
    captured = lambda x: level[0] * x[0] * x[1]
    made = sciad.grad(sciad.jit(captured))
    before = made(X)
    level[0] = 5.0
    check(made(X), 5.0 * before)


def test_products_with_hessians_need_no_tape(no_tape):
    v, w = np.array([1.0, -0.5, 2.0]), np.ones((2, 3))
    plain = energy.__wrapped__
    found = sciad.hvp(energy, X, v, M, 0.8, 2)
    check(found, sciad.hvp(plain, X, v, M, 0.8, 2))
    found = sciad.hvp(energy, (X, M, 0.8), (v, w, 0.3), 2, argnums=(0, 1, 2))
    expected = sciad.hvp(plain, (X, M, 0.8), (v, w, 0.3), 2, argnums=(0, 1, 2))
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    turned = sciad.hvp(energy, (0.8, X), (0.3, v), M, 2, argnums=(2, 0))
    expected = sciad.hvp(plain, (0.8, X), (0.3, v), M, 2, argnums=(2, 0))
    for mine, theirs in zip(turned, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    bent = sciad.hvp(energy, 0.8, 1.0, X, M, 2, argnums=2)
    check(bent, float(sciad.hessian(plain, 2)(X, M, 0.8, 2)))


def test_traced_arguments_go_the_general_way():
    outer = sciad.grad(lambda a: np.sum(sciad.grad(energy)(X, M, a, 2) ** 2))
    plain = sciad.grad(lambda a: np.sum(sciad.grad(energy.__wrapped__)(X, M, a, 2) ** 2))
    assert outer(0.8) == pytest.approx(plain(0.8), rel=1e-12)


def test_what_is_no_gradient_is_refused_as_without_jit():
    with pytest.raises(InputError, match="must return a real number"):
        sciad.grad(vector)(X)
    with pytest.raises(InputError, match="nothing to differentiate"):
        sciad.grad(energy, 3)(X, M, 0.8, 2)
    with pytest.raises(InputError, match="positional arguments given"):
        sciad.grad(energy, 4)(X, M, 0.8, 2)


def test_errors_of_the_program_are_raised():
    with pytest.raises(IndexError):
        sciad.grad(divided)(X, 3)
    with pytest.raises(IndexError):
        sciad.value_and_grad(divided)(X, -4)
    with pytest.raises(InputError, match="64 bits"):
        sciad.grad(divided)(X, 2**70)


def test_only_what_is_wanted_is_computed():
    sciad.grad(energy)(X, M, 0.8, 2)
    text = list(energy._programs.values())[-1].source("vjp_010")
    assert "def function(s, d, x, m, out_bar, x_bar):" in text


def test_debugging_goes_the_way_that_is_watched(no_tape):
    with sciad.debugging(), pytest.raises(AssertionError, match="eager engine"):
        sciad.grad(energy)(X, M, 0.8, 2)

"""Rules at special points: ties, NaN, stacks of systems, remainders, ends of tables, types."""

import math

import numpy as np
import pytest

import sciad
from sciad.core.testing import check_grads

X = np.array([0.7, -0.3, 1.3])
A = np.stack([np.eye(3) * k + np.outer(X, X) * 0.3 for k in (2.0, 3.0, 4.0)])


@pytest.mark.parametrize("b", [X, np.stack([X, X**2], axis=1), A, X[None, :, None]])
def test_stacks_of_linear_systems(b):
    weights = np.arange(np.linalg.solve(A, b).size, dtype=float).reshape(
        np.linalg.solve(A, b).shape
    )
    check_grads(lambda a, b: np.sum(np.linalg.solve(a, b) * weights), (A, b), order=2)
    check_grads(lambda a, b: np.sum(np.linalg.solve(a, b) ** 2), (A[1], b), order=2)


@pytest.mark.parametrize("function", [np.mod, lambda x, y: x % y, np.remainder])
def test_quotient_of_a_remainder_is_that_of_the_value(function):
    # 0.1 is a little more than a tenth: it goes nine times into 1
    x, y = 1.0, 0.1
    assert x - 9 * y == pytest.approx(x % y, abs=1e-15)
    np.testing.assert_array_equal(sciad.grad(function, argnums=(0, 1))(x, y), (1.0, -9.0))
    found = sciad.grad(lambda y: np.sum(function(np.array([x, x]), y)))(np.array([y, y]))
    np.testing.assert_array_equal(found, [-9.0, -9.0])


@pytest.mark.parametrize("function", [np.fmod, math.fmod])
def test_quotient_of_fmod_is_that_of_the_value(function):
    np.testing.assert_array_equal(sciad.grad(function, argnums=(0, 1))(-1.0, 0.1), (1.0, 9.0))


@pytest.mark.parametrize("extremum", [np.max, np.min])
def test_value_of_tied_extrema_is_one_of_them(extremum):
    ties = np.array([[0.1] * 7, [0.7] * 7, [1.1] * 7])
    value, pullback = sciad.vjp(lambda a: extremum(a, axis=1), ties)
    np.testing.assert_array_equal(value, ties[:, 0])
    np.testing.assert_allclose(pullback(np.ones(3))[0], np.full((3, 7), 1 / 7), rtol=1e-15)
    forward = sciad.jacobian(lambda a: extremum(a, axis=1, keepdims=True), mode="forward")(ties)
    np.testing.assert_allclose(forward[1, 0, 1], np.full(7, 1 / 7), rtol=1e-15)


@pytest.mark.parametrize("extremum", [np.max, np.min])
def test_extremum_with_nan_is_nan(extremum):
    value, gradient = sciad.value_and_grad(
        lambda x: extremum(np.stack([x[0], np.nan, x[1]])) + x[2]
    )(X)
    assert math.isnan(value)
    np.testing.assert_array_equal(gradient, [0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("at", "points"), [(1.0, [0.0, 1.0, 1.0]), (1.0, [0.0, 1.0, 1.5]), (2.0, [0.0, 0.0, 1.0])]
)
def test_interp_at_the_ends_of_its_table(at, points):
    def f(heights):
        return np.interp(at, points, heights) + np.interp(-1.0, points, heights)

    assert sciad.value_and_grad(f)(X)[0] == f(X)
    check_grads(f, (X,), order=2)


def test_interp_in_a_table_of_one_point():
    def f(heights):
        return np.sum(np.interp([0.0, 1.0, 2.0], [1.0], heights))

    assert sciad.value_and_grad(f)(np.array([0.5]))[0] == f(np.array([0.5]))
    np.testing.assert_array_equal(sciad.grad(f)(np.array([0.5])), [3.0])


@pytest.mark.parametrize(
    "function",
    [
        np.vectorize(lambda v: v * 7.3, otypes=[int]),
        np.vectorize(lambda v: 0 if v == 0.7 else v * 7.3),
        np.vectorize(lambda v: np.float32(v)),
    ],
)
def test_vectorize_gives_the_type_of_numpy(function):
    value, _ = sciad.vjp(lambda x: function(x) + 0 * x, X)
    np.testing.assert_array_equal(value, function(X) + 0 * X)

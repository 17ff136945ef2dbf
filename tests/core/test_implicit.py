"""Rules of functions that are defined by an equation."""

import decimal
import math

import numpy as np
import pytest
import scipy.sparse.linalg

import sciad
from sciad import InputError, NotDifferentiableError, TracingError, grad, hessian, jacobian, jvp
from sciad.core.testing import check_grads

P = {"k": 3.0, "v": np.array([1.0, 2.0])}


def residual(y, a, p):
    return np.array(
        [y[0] ** 2 + a * y[1] - p["k"], y[0] * y[1] + y[1] ** 3 - p["v"][0] * p["v"][1]]
    )


def root(a, p):
    """Newton's method; it can be followed as well, which gives the reference."""
    y = np.ones(2)
    for _ in range(60):
        jacobian = np.array([[2 * y[0], a], [y[1], y[0] + 3 * y[1] ** 2]])
        y = y - np.linalg.solve(jacobian, residual(y, a, p))
    return y


def loss(a, p):
    return np.sum(root(a, p) ** 2) * a


def gmres(matvec, b):
    operator = scipy.sparse.linalg.LinearOperator((b.size, b.size), matvec=matvec, dtype=float)
    return scipy.sparse.linalg.gmres(operator, b, rtol=1e-13, atol=0.0)[0]


@pytest.mark.parametrize("solve", [None, gmres])
def test_derivatives_are_those_of_the_followed_iteration(solve):
    transforms = (lambda f: grad(f, (0, 1)), lambda f: jacobian(f, 1, mode="forward"), hessian)
    expected = [sciad.core.tree.flatten(t(loss)(1.2, P))[0] for t in transforms]
    calls = []
    counted = solve and (lambda matvec, b: (calls.append(1), solve(matvec, b))[1])
    with sciad.rule(root, residual=residual, solve=counted):
        for transform, reference in zip(transforms, expected, strict=True):
            found = sciad.core.tree.flatten(transform(loss)(1.2, P))[0]
            for a, b in zip(found, reference, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-10)
        check_grads(loss, (1.2, P), order=3 if solve is None else 2, atol=1e-5, rtol=1e-5)
    assert bool(calls) == (solve is not None)


def opaque(a):
    """Cube root by a method that cannot be traced."""
    return math.exp(math.log(float(decimal.Decimal(a))) / 3.0)


def test_scalar_root_to_third_order():
    f = lambda a: opaque(a)
    with sciad.rule(opaque, residual=lambda x, a: x**3 - a):
        for order, factor in enumerate([1 / 3, -2 / 9, 10 / 27], start=1):
            f = grad(f)
            assert f(8.0) == pytest.approx(factor * 8.0 ** (1 / 3 - order), rel=1e-12)
        assert jvp(grad(lambda a: opaque(a)), (8.0,), (1.0,))[1] == pytest.approx(-2 / 9 / 32)


def test_complex_root_of_a_residual_that_is_not_holomorphic():
    def conjugated(a):
        return np.conj(a) * 2

    with sciad.rule(conjugated, residual=lambda z, a: np.conj(z) - 2 * a):
        check_grads(lambda a: conjugated(a), (0.3 + 0.4j,), order=2)
        assert jvp(lambda a: conjugated(a), (1 + 1j,), (1j,)) == (2 - 2j, -2j)


def test_trees_and_keywords():
    def solved(p, *, scale=1.0):
        return {"x": p["a"] / scale, "y": (p["b"] * scale,)}

    def equation(out, p, *, scale=1.0):
        return [out["x"] * scale - p["a"], out["y"][0] / scale - p["b"]]

    def f(a, b, s):
        out = solved({"a": a, "b": b, "n": 3}, scale=s)
        return np.sum(out["x"] * out["y"][0])

    args = (1.5, np.array([1.0, 2.0]), 0.7)
    expected = grad(f, (0, 1, 2))(*args)
    with sciad.rule(solved, residual=equation):
        for a, b in zip(grad(f, (0, 1, 2))(*args), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)


def test_residual_that_closes_over_traced_values():
    def f(x):
        k = x * 2.0
        scaled = lambda a: opaque(a)
        with sciad.rule(scaled, residual=lambda y, a: y**3 - a * k / k):
            return scaled(k * k)

    assert grad(f)(2.0) == pytest.approx((4 ** (1 / 3)) * (2 / 3) * 2 ** (-1 / 3), rel=1e-12)


def test_closures_of_the_function_itself_are_plain_numbers():
    def f(x):
        k = x * 1.0
        function = lambda a: opaque(a * k)
        with sciad.rule(function, residual=lambda y, a: y**3 - a * k):
            return function(2.0)

    assert grad(f)(4.0) == pytest.approx(8 ** (1 / 3) / 3 / 4, rel=1e-12)


def test_no_root_raises():
    with (
        sciad.rule(opaque, residual=lambda x, a: x**3 - 2 * a),
        pytest.raises(
            InputError, match=r"residual is not zero at the result: it is 8,.*\n.*test_imp"
        ),
    ):
        grad(lambda a: opaque(a))(8.0)
    rough = lambda a: opaque(a) + 1e-3
    with sciad.rule(rough, residual=lambda x, a: x**3 - a, tol=1e-2):
        assert grad(lambda a: rough(a))(8.0) == pytest.approx(1 / 12, rel=1e-2)
    with (
        sciad.rule(rough, residual=lambda x, a: x**3 - a),
        pytest.raises(InputError, match=r"the root is about 0\.001 away"),
    ):
        grad(lambda a: rough(a))(8.0)


@pytest.mark.parametrize("transform", [grad, lambda f: lambda a: jvp(f, (a,), (1.0,))])
def test_singular_jacobian_raises(transform):
    double = lambda a: a * 1.0
    with (
        sciad.rule(double, residual=lambda x, a: (x - a) ** 2),
        pytest.raises(NotDifferentiableError, match=r"singular(.|\n)*test_implicit"),
    ):
        transform(lambda a: double(a))(8.0)


@pytest.mark.parametrize("matrix", [[[1.0, 1.0], [1.0, 1.0 + 2.3e-16]], [[1.0, 0.0], [0.0, 0.0]]])
def test_jacobian_that_is_singular_to_rounding_raises(matrix):
    same = lambda a: a * 1.0
    with (
        sciad.rule(same, residual=lambda y, a: np.array(matrix) @ (y - a)),
        pytest.raises(NotDifferentiableError, match="singular"),
    ):
        grad(lambda a: np.sum(same(a)))(np.ones(2))


def test_units_do_not_make_a_jacobian_singular():
    rows, columns = np.array([1.0, 1e20]), np.array([1.0, 1e-12])
    matrix = rows[:, None] * np.array([[2.0, 1.0], [1.0, 2.0]]) * columns
    solved = lambda a: np.linalg.solve(matrix, a)
    with sciad.rule(solved, residual=lambda y, a: matrix @ y - a):
        found = jacobian(lambda a: solved(a))(rows)
    expected = np.array([[2.0, -1.0], [-1.0, 2.0]]) / 3.0 / columns[:, None] / rows
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_residual_of_another_size_raises():
    with (
        sciad.rule(opaque, residual=lambda x, a: np.array([x**3 - a, 0.0])),
        pytest.raises(InputError, match="has 2 real numbers, its result 1"),
    ):
        grad(lambda a: opaque(a))(8.0)


def test_writing_into_an_argument_raises():
    def bad(a):
        a[0] = 5.0
        return a * 1.0

    with (
        sciad.rule(bad, residual=lambda y, a: y - a),
        pytest.raises(TracingError, match="changes an array"),
    ):
        grad(lambda a: np.sum(bad(a)))(np.ones(2))

"""Dense linear algebra in compiled code, against NumPy, the eager engine and analytic results."""

import math

import numpy as np
import pytest

import sciad
from sciad.compiler import jit
from sciad.compiler.back import dense
from sciad.core.errors import CompileError

RNG = np.random.default_rng(7)
A5 = RNG.normal(size=(5, 5)) + 3.0 * np.eye(5)
B5 = RNG.normal(size=5)
M3 = RNG.normal(size=(3, 3))
Y = RNG.normal(size=(5, 5))
EYE, EYE3 = np.eye(5), np.eye(3)


# -- programs: functions of a matrix -------------------------------------------------------------
def solved_vector(a, b):
    return np.sum(np.linalg.solve(a, b) ** 2)


def solved_matrix(a, b):
    x = np.linalg.solve(a, a * b + 1.0)
    x[0, 0] = 2.0 * x[1, 1]  # the result may be written to
    return np.sum(x * x[::-1])


def solved_right_side_only(a, b):
    return np.sum(np.linalg.solve(Y + 4.0 * EYE, a[:, 0] * b) ** 3)


def solved_in_a_loop(a, b):
    x, total = b.copy(), 0.0
    for k in range(4):
        x[:] = np.linalg.solve(a, x) + 0.1 * k
        if x[0] > 0.2:
            x[1] = x[0] * x[2]
        total += np.sum(x * x) * x[1]
    return total


def solved_in_nested_loops_and_branches(a, b):
    total = 1.0
    for i in range(3):
        for j in range(i + 1):
            if (i + j) % 2 == 0:
                total += np.linalg.solve(a * math.cos(total), b)[j]
            else:
                total *= np.linalg.inv(a + 0.1 * total)[0, j]
    return total


def solved_in_a_branch(a, b):
    if b[0] < 100.0:
        return np.sum(np.linalg.solve(a, b))
    return np.sum(b)


def inverted(a, b):
    return np.sum(np.linalg.inv(a) @ b * b)


def determinant(a, b):
    return np.linalg.det(a) * b[0] + np.linalg.det(a @ a)


def log_determinant(a, b):
    sign, value = np.linalg.slogdet(a)
    return sign * value * value + np.linalg.slogdet(a * 2.0).logabsdet


def factored(a, b):
    low = np.linalg.cholesky(a @ a.T + EYE)
    return np.sum(low * low[::-1]) + np.sum(np.linalg.solve(low, b) ** 2)


def lower_triangle_is_read(a, b):
    low = np.linalg.cholesky(a * 0.1 + 8.0 * EYE)
    return np.sum(low * low * a)


def factored_in_a_loop(a, b):
    s = a @ a.T + EYE
    total = 0.0
    for k in range(3):
        low = np.linalg.cholesky(s * (1.0 + k) + 0.1 * total * EYE)
        total += low[1, 0] * math.log(low[2, 2]) + np.linalg.det(s) * 1e-4
    return total


def small(a, b):
    t = np.array([[a[0, 0], a[0, 1]], [a[1, 0], a[1, 1]]])
    u = np.array([[a[0, 1], 1.0, a[2, 0]], [0.3, a[0, 0], b[0]], [a[1, 1], 0.0, b[1]]])
    x, y = np.linalg.solve(t, np.array([b[0], b[1]])), np.linalg.solve(u, EYE3)
    return x[0] * x[1] + np.linalg.det(u) * np.linalg.inv(u)[1, 2] + y[0, 1] * np.linalg.det(t)


def nested_inside(a, b):
    energy = lambda x: np.sum(np.linalg.solve(a, x) * x) + np.sum(x**4)
    g = sciad.grad(energy)(b)
    h = sciad.hessian(energy)(b)
    return np.sum(np.linalg.solve(h, g) ** 2)


PROGRAMS = [
    solved_vector,
    solved_matrix,
    solved_right_side_only,
    solved_in_a_loop,
    solved_in_nested_loops_and_branches,
    solved_in_a_branch,
    inverted,
    determinant,
    log_determinant,
    factored,
    lower_triangle_is_read,
    factored_in_a_loop,
    small,
]


def check(compiled, program, a=A5, b=B5):
    close = {"rtol": 1e-10, "atol": 1e-11}
    np.testing.assert_allclose(compiled(a, b), program(a, b), **close)
    first = sciad.grad(program, (0, 1))(a, b)
    for found, expected in zip(sciad.grad(compiled, (0, 1))(a, b), first, strict=True):
        np.testing.assert_allclose(found, expected, **close)
    v, w = np.cos(np.arange(a.size)).reshape(a.shape), np.sin(np.arange(b.size))
    along = sciad.jvp(compiled, (a, b), (v, w))[1]
    np.testing.assert_allclose(along, np.sum(first[0] * v) + np.sum(first[1] * w), **close)
    expected = sciad.jvp(lambda a, b: sciad.grad(program, (0, 1))(a, b), (a, b), (v, w))[1]
    curved = sciad.hvp(compiled, (a, b), (v, w), argnums=(0, 1))
    for one, other in zip(curved, expected, strict=True):
        np.testing.assert_allclose(one, other, **close)


@pytest.mark.parametrize("program", PROGRAMS)
def test_derivatives_to_second_order(interpreted_jit, program):
    check(interpreted_jit(program), program)


@pytest.mark.parametrize("program", [solved_in_a_loop])
def test_machine_code(program):
    check(jit(program), program)


def test_inside_nested_derivatives(interpreted_jit):
    compiled = interpreted_jit(nested_inside)
    assert compiled(A5, B5) == pytest.approx(nested_inside(A5, B5), rel=1e-11)
    found = sciad.grad(compiled)(A5, B5)
    np.testing.assert_allclose(found, sciad.grad(nested_inside)(A5, B5), rtol=1e-9, atol=1e-10)


def test_analytic_derivatives():
    inverse = np.linalg.inv(A5)
    found = sciad.grad(jit(lambda a: np.linalg.slogdet(a)[1]))(A5)
    np.testing.assert_allclose(found, inverse.T, rtol=1e-12, atol=1e-13)
    found = sciad.grad(jit(lambda a: np.linalg.det(a)))(A5)
    np.testing.assert_allclose(found, np.linalg.det(A5) * inverse.T, rtol=1e-12, atol=1e-13)


def test_singular_matrices_raise_where_they_stand():
    solve, singular = jit(solved_vector), np.ones((5, 5))
    with pytest.raises(np.linalg.LinAlgError, match=r"(?s)Singular matrix.*test_linalg\.py"):
        solve(singular, B5)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        sciad.grad(solve)(singular, B5)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        jit(lambda x: np.linalg.solve(np.array([[x, x], [x, x]]), np.array([1.0, x]))[0])(2.0)
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        jit(lambda a: np.linalg.cholesky(a)[0, 0])(-A5)
    det = jit(lambda a: np.linalg.det(a))
    assert det(singular) == 0.0
    with pytest.raises(np.linalg.LinAlgError, match="derivative of a determinant"):
        sciad.grad(det)(singular)
    log = jit(lambda a: (np.linalg.slogdet(a).sign, np.linalg.slogdet(a)[1]))
    assert log(singular) == (0.0, -math.inf)
    found = sciad.grad(jit(lambda x: np.linalg.det(np.array([[x, 2.0], [3.0, 6.0 / x]]))))(1.0)
    assert found == pytest.approx(0.0, abs=1e-14)
    with pytest.raises(np.linalg.LinAlgError, match="square"):
        jit(lambda a: np.linalg.det(a))(A5[:3])


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (lambda a: np.linalg.lstsq(a, a[0])[0][0], "no compiled form"),
        (lambda a: np.linalg.eigh(a)[0][0], "no compiled form"),
        (lambda a: np.linalg.cholesky(a, upper=True)[0, 0], "upper"),
        (lambda a: np.linalg.inv(a[0])[0], "not a matrix"),
    ],
)
def test_refusals(program, message):
    with pytest.raises(CompileError, match=message) as caught:
        jit(program)(A5)
    assert "test_linalg.py" in str(caught.value)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 40])
def test_runtime(n):
    a, b = RNG.normal(size=(n, n)), RNG.normal(size=(n, 3))
    x = b.ravel().copy()
    assert dense.dense_solve(x, a.ravel(), n, 3)
    np.testing.assert_allclose(x.reshape(n, 3), np.linalg.solve(a, b), rtol=1e-9, atol=1e-9)
    x = b.ravel().copy()
    assert dense.dense_solvet(x, a.ravel(), n, 3)
    np.testing.assert_allclose(x.reshape(n, 3), np.linalg.solve(a.T, b), rtol=1e-9, atol=1e-9)
    one, two = np.zeros(1), np.zeros(2)
    dense.dense_det(one, a.ravel(), n, 1)
    dense.dense_logdet(two, a.ravel(), n, 1)
    np.testing.assert_allclose(one[0], np.linalg.det(a), rtol=1e-10)
    np.testing.assert_allclose(two[::-1], np.linalg.slogdet(a), rtol=1e-10, atol=1e-12)
    s, low = a @ a.T + np.eye(n), np.zeros(n * n)
    assert dense.dense_cholesky(low, s.ravel(), n, n)
    np.testing.assert_allclose(low.reshape(n, n), np.linalg.cholesky(s), rtol=1e-11, atol=1e-12)


def test_right_hand_sides_with_a_mass_matrix():
    def rhs(t, y, k, mass):
        force = np.array([-k * y[0], -k * (y[1] - y[0]), -y[2]])
        return np.linalg.solve(mass, force)

    mass = M3 @ M3.T + 2.0 * np.eye(3)
    end = lambda f: lambda k: sciad.ode.solve_ivp(f, (0.0, 1.0), [1.0, 0.5, 0.2], args=(k, mass)).y
    plain = lambda t, y, k, m: (
        np.linalg.inv(mass) @ np.array([-k * y[0], -k * (y[1] - y[0]), -y[2]])
    )
    found = sciad.grad(lambda k: end(rhs)(k)[0, -1])(1.3)
    assert found == pytest.approx(sciad.grad(lambda k: end(plain)(k)[0, -1])(1.3), rel=1e-9)

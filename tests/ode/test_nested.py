"""Derivatives of derivatives, and derivatives with respect to times: the steps run in Python."""

import math

import numpy as np
import pytest

import sciad
from sciad.core.errors import InputError
from sciad.ode import DiscreteAdjoint, Forward, solve_ivp

from .problems import DECAY, FORCED, decay, forced, forced_exact, lotka_volterra

OPTIONS = {"rtol": 1e-7, "atol": 1e-7}
TIMES = np.array([0.0, 0.4, 0.4, 1.0])


def loss(x, sensitivity=None):
    p = {"alpha": x[0], "beta": 0.4, "gamma": x[1], "delta": 0.1}
    found = solve_ivp(
        lotka_volterra,
        (0.0, 1.0),
        [x[2], 5.0],
        t_eval=TIMES,
        args=(p,),
        sensitivity=sensitivity,
        **OPTIONS,
    )
    return (np.cos(np.arange(8.0)).reshape(2, 4) * found.y**2).sum()


X = np.array([1.1, 0.4, 10.0])


def test_replay_has_the_value_and_gradient_of_the_kernels():
    value, gradient = sciad.value_and_grad(loss)(X)
    outer = sciad.jacobian(lambda x: sciad.grad(loss)(x) * 1.0, mode="reverse")(X)
    assert outer.shape == (3, 3)
    again = sciad.value_and_grad(lambda x: loss(x))(X)
    assert value == again[0]
    np.testing.assert_array_equal(gradient, again[1])


@pytest.mark.parametrize("sensitivity", [DiscreteAdjoint(), Forward()], ids=lambda s: s.name)
def test_hessian_is_the_difference_of_gradients(sensitivity):
    def function(x):
        return loss(x, sensitivity)

    hessian = sciad.hessian(function)(X)
    gradient = sciad.grad(function)
    for k, h in enumerate([1e-5, 1e-5, 1e-4]):
        step = h * np.eye(3)[k]
        column = (gradient(X + step) - gradient(X - step)) / (2 * h)
        np.testing.assert_allclose(
            hessian[:, k], column, rtol=2e-4, atol=2e-4 * np.abs(hessian).max()
        )
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-9 * np.abs(hessian).max())


def test_all_orders_of_nesting_agree():
    direction = np.array([0.3, -0.2, 1.0])

    def along(x):
        return sciad.jvp(loss, (x,), (direction,))[1]

    forward_over_reverse = sciad.jvp(sciad.grad(loss), (X,), (direction,))[1]
    reverse_over_forward = sciad.grad(along)(X)
    reverse_over_reverse = sciad.grad(lambda x: (sciad.grad(loss)(x) * direction).sum())(X)
    np.testing.assert_allclose(reverse_over_forward, forward_over_reverse, rtol=1e-10)
    np.testing.assert_allclose(reverse_over_reverse, forward_over_reverse, rtol=1e-10)
    forward_over_forward = sciad.jvp(along, (X,), (direction,))[1]
    assert forward_over_forward == pytest.approx(forward_over_reverse @ direction, rel=1e-10)


def test_third_derivative():
    """y(1) = exp(-a): every derivative is known."""

    def final(a):
        return solve_ivp(decay, (0.0, 1.0), [1.0], args=(a,), rtol=1e-9, atol=1e-9).y[0, -1]

    third = sciad.grad(sciad.grad(sciad.grad(final)))(0.7)
    assert third == pytest.approx(-math.exp(-0.7), rel=1e-5)


def test_derivative_through_an_inner_gradient_of_other_variables():
    """The cotangent is traced although the inputs of the solve are not."""

    def outer(scale):
        def inner(a):
            return scale * solve_ivp(decay, (0.0, 1.0), [1.0], args=(a,), **OPTIONS).y[0, -1]

        return sciad.grad(inner)(0.7)

    assert sciad.grad(outer)(2.0) == pytest.approx(-math.exp(-0.7), rel=1e-6)


def exact(t):
    return forced_exact(np.asarray(t), [0.3], *FORCED.args)[0]


def slope(t, y):
    return forced(t, [y], *FORCED.args)[0]


def test_derivative_with_respect_to_save_times():
    def states(times):
        found = solve_ivp(
            forced, (0.0, 3.0), [0.3], t_eval=times, args=FORCED.args, rtol=1e-9, atol=1e-9
        )
        return found.y[0]

    times = np.array([0.0, 0.4, 1.9, 3.0])
    jacobian = sciad.jacobian(states)(times)
    expected = [slope(t, y) for t, y in zip(times, exact(times), strict=True)]
    np.testing.assert_allclose(np.diag(jacobian), expected, rtol=1e-5)
    np.testing.assert_array_equal(jacobian - np.diag(np.diag(jacobian)), 0.0)


def test_derivative_with_respect_to_the_ends_of_the_span():
    """dy(t1)/dt1 = f(t1, y1);  dy(t1)/dt0 = -exp(-a (t1 - t0)) f(t0, y0)."""

    def final(t0, t1):
        return solve_ivp(forced, (t0, t1), [0.3], args=FORCED.args, rtol=1e-9, atol=1e-9).y[0, -1]

    value, (by_t0, by_t1) = sciad.value_and_grad(final, argnums=(0, 1))(0.0, 2.0)
    assert value == pytest.approx(exact(2.0), rel=1e-7)
    assert by_t1 == pytest.approx(slope(2.0, exact(2.0)), rel=1e-5)
    assert by_t0 == pytest.approx(-math.exp(-FORCED.args[0] * 2.0) * slope(0.0, 0.3), rel=1e-5)


def test_times_and_parameters_together():
    def final(t1, a):
        found = solve_ivp(
            decay, (0.0, t1), [2.0], t_eval=[0.5 * t1, t1], args=(a,), rtol=1e-9, atol=1e-9
        )
        return found.y[0, 0] * found.t[1]

    by_t1, by_a = sciad.grad(final, argnums=(0, 1))(1.5, 0.8)
    half = 2.0 * math.exp(-0.6)
    assert by_t1 == pytest.approx(half * (1.0 - 1.5 * 0.4), rel=1e-6)
    assert by_a == pytest.approx(-0.75 * half * 1.5, rel=1e-6)


def test_empty_span_with_traced_end():
    def final(t1):
        return solve_ivp(decay, (0.0, t1), [2.0], args=(0.8,)).y[0, -1]

    assert sciad.grad(final)(0.0) == pytest.approx(-1.6)


def test_solution_times_are_differentiated_too():
    def sum_of_times(t1):
        return solve_ivp(decay, (0.0, t1), [2.0], t_eval=[t1], args=(0.8,)).t.sum()

    assert sciad.grad(sum_of_times)(1.0) == 1.0


def test_backward_span():
    def final(t1):
        return solve_ivp(DECAY.fun, (1.0, t1), [2.0], args=(0.8,), rtol=1e-9, atol=1e-9).y[0, -1]

    assert sciad.grad(final)(0.0) == pytest.approx(-1.6 * math.exp(0.8), rel=1e-6)


TABLE = np.array([1.0])
POWERS = {"n": 2}


def power_decay(t, y, table, powers, rate):
    return [-table[0] * rate * y[0] ** powers["n"]]


def overwritten(rate):
    """The arguments of a solve, changed before the derivative is taken."""
    TABLE[0], POWERS["n"] = 1.0, 2
    found = solve_ivp(
        power_decay, (0.0, 1.0), [1.0], args=(TABLE, POWERS, rate), rtol=1e-9, atol=1e-9
    )
    TABLE[0], POWERS["n"] = 9.0, 3
    return found.y[0, -1]


@pytest.mark.parametrize("outer", [sciad.hessian, lambda f: sciad.grad(sciad.grad(f))])
def test_the_steps_are_run_again_with_the_numbers_of_the_solve(outer):
    assert outer(overwritten)(0.5) == pytest.approx(2.0 / 1.5**3, rel=1e-6)


def test_constants_that_are_no_longer_known_are_an_error(monkeypatch):
    assert sciad.grad(overwritten)(0.5) == pytest.approx(-1.0 / 1.5**2, rel=1e-6)
    monkeypatch.setattr("sciad.ode.rightside._treedefs", {})
    with pytest.raises(InputError, match=r"power_decay.* was changed(.|\n)*test_nested\.py:\d+"):
        sciad.hessian(overwritten)(0.5)

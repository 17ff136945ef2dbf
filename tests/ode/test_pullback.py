"""`result.pullback`: the adjoint of a plain solve is the gradient that tracing gives."""

import numpy as np
import pytest

import sciad
from sciad.ode import DiscreteAdjoint, Forward, solve_ivp

TIMES = np.linspace(0.0, 4.0, 9)
WEIGHTS = np.cos(np.arange(18.0)).reshape(2, 9)
START = np.array([1.0, 0.5])


def oscillator(t, y, p, force):
    return [y[1], -p["k"] * y[0] - p["damping"][0] * y[1] + force[1] * np.cos(force[0] * t)]


def arguments():
    return {"k": 2.0, "damping": [0.1, "linear"], "order": 2}, np.array([1.5, 0.3])


def solve(y0, p, force, sensitivity):
    return solve_ivp(
        oscillator,
        (0.0, 4.0),
        y0,
        t_eval=TIMES,
        args=(p, force),
        rtol=1e-8,
        atol=1e-8,
        sensitivity=sensitivity,
    )


@pytest.mark.parametrize("sensitivity", [DiscreteAdjoint(), Forward(), DiscreteAdjoint(memory=0.0)])
def test_pullback_is_the_gradient(sensitivity):
    p, force = arguments()
    result = solve(START, p, force, sensitivity)
    y0_bar, args_bar = result.pullback(WEIGHTS)

    def loss(y0, p, force):
        return np.sum(WEIGHTS * solve(y0, p, force, sensitivity).y)

    by_y0, by_p, by_force = sciad.grad(loss, argnums=(0, 1, 2))(START, p, force)
    np.testing.assert_allclose(y0_bar, by_y0, rtol=1e-13)
    assert set(args_bar[0]) == set(by_p)
    assert args_bar[0]["order"] is None
    assert args_bar[0]["damping"][1] is None
    np.testing.assert_allclose(args_bar[0]["k"], by_p["k"], rtol=1e-13)
    np.testing.assert_allclose(args_bar[0]["damping"][0], by_p["damping"][0], rtol=1e-13)
    np.testing.assert_allclose(args_bar[1], by_force, rtol=1e-13)


def test_pullback_may_be_called_many_times_and_is_linear():
    pullback = solve(START, *arguments(), DiscreteAdjoint()).pullback
    once, twice = pullback(WEIGHTS)[0], pullback(2.0 * WEIGHTS)[0]
    np.testing.assert_allclose(twice, 2.0 * once, rtol=1e-13)
    np.testing.assert_array_equal(pullback(WEIGHTS)[0], once)


def test_pullback_of_all_accepted_steps():
    result = solve_ivp(lambda t, y: [-y[0]], (0.0, 1.0), [2.0], sensitivity=DiscreteAdjoint())
    bar = np.zeros_like(result.y)
    bar[0, -1] = 1.0
    y0_bar, args_bar = result.pullback(bar)
    np.testing.assert_allclose(y0_bar, result.y[:, -1] / 2.0, rtol=1e-13)
    assert args_bar == ()


def test_a_wrong_shape_is_refused():
    result = solve(START, *arguments(), DiscreteAdjoint())
    with pytest.raises(sciad.InputError, match=r"shape \(9, 2\), the states have \(2, 9\)"):
        result.pullback(WEIGHTS.T)


def test_there_is_none_without_a_sensitivity_or_after_a_failure():
    assert "pullback" not in solve(START, *arguments(), None)
    failed = solve_ivp(lambda t, y: [y[0] ** 2], (0.0, 2.0), [1.0], sensitivity=DiscreteAdjoint())
    assert failed.status == -1
    assert "pullback" not in failed


def test_the_times_of_a_result_may_be_written_to():
    p, force = arguments()
    result = solve(START, p, force, DiscreteAdjoint())
    before = result.pullback(WEIGHTS)[0]
    result.t += 1900.0
    np.testing.assert_array_equal(result.pullback(WEIGHTS)[0], before)

    def loss(y0):
        found = solve(y0, p, force, None)
        found.t += 1900.0
        return np.sum(WEIGHTS * found.y)

    np.testing.assert_allclose(sciad.grad(loss)(START), before, rtol=1e-13)


@pytest.mark.parametrize("wrapped", [lambda c: c * WEIGHTS, lambda c: [[c] * 9, [0.0] * 9]])
def test_a_traced_cotangent_is_refused(wrapped):
    pullback = solve(START, *arguments(), DiscreteAdjoint()).pullback
    with pytest.raises(sciad.TracingError, match=r"test_pullback\.py:\d+"):
        sciad.grad(lambda c: pullback(wrapped(c))[0][0])(1.0)

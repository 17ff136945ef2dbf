"""The integration itself: agreement with SciPy and exact solutions, every option, every border."""

import math

import numpy as np
import pytest
import scipy.integrate

from sciad.ode import METHODS, SlowModelWarning, solve_ivp

from .problems import ALL, DECAY, FORCED, LOTKA_VOLTERRA, OSCILLATOR, SOLVABLE, decay, forced

methods = pytest.mark.parametrize("method", sorted(METHODS))
TIGHT = {"rtol": 1e-9, "atol": 1e-9}


@methods
@pytest.mark.parametrize("problem", SOLVABLE, ids=str)
def test_exact_solution(problem, method):
    times = np.linspace(*problem.t_span, 23)
    found = solve_ivp(
        problem.fun,
        problem.t_span,
        problem.y0,
        method,
        t_eval=times,
        args=problem.args,
        rtol=1e-7,
        atol=1e-7,
    )
    exact = problem.exact(times, problem.y0, *problem.args)
    np.testing.assert_allclose(found.y, exact, rtol=5e-6, atol=5e-6)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("problem", ALL, ids=str)
def test_agrees_with_scipy(problem, backward):
    span, y0 = problem.t_span, problem.y0
    if backward:
        unstable = problem.name in ("Prothero-Robinson", "Brusselator", "van der Pol")
        span = (span[0], span[0] - 0.02) if unstable else span[::-1]
    times = np.linspace(*span, 11)
    ours = solve_ivp(problem.fun, span, y0, t_eval=times, args=problem.args, **TIGHT)
    theirs = scipy.integrate.solve_ivp(
        problem.fun, span, y0, "DOP853", t_eval=times, args=problem.args, rtol=1e-11, atol=1e-12
    )
    assert ours.success
    np.testing.assert_array_equal(ours.t, theirs.t)
    np.testing.assert_allclose(ours.y, theirs.y, rtol=2e-6, atol=2e-6)


def test_fields_are_those_of_scipy():
    arguments = (FORCED.fun, FORCED.t_span, FORCED.y0)
    ours = solve_ivp(*arguments, args=FORCED.args, method="RK45")
    theirs = scipy.integrate.solve_ivp(*arguments, args=FORCED.args, method="RK45")
    assert set(theirs) <= set(ours)
    for name in ("njev", "nlu", "status", "success", "message", "sol", "t_events", "y_events"):
        assert ours[name] == theirs[name], name
    assert ours.y.shape[0] == theirs.y.shape[0]
    assert ours.t.dtype == ours.y.dtype == np.float64
    assert ours.y is ours["y"]
    assert "status" in repr(ours)
    with pytest.raises(AttributeError, match="nothing"):
        _ = ours.nothing


def test_same_work_as_scipy():
    """The same method with nearly the same controller needs nearly the same evaluations."""
    for method in ("RK45", "RK23"):
        arguments = (LOTKA_VOLTERRA.fun, LOTKA_VOLTERRA.t_span, LOTKA_VOLTERRA.y0, method)
        options = {"args": LOTKA_VOLTERRA.args, "rtol": 1e-6, "atol": 1e-6}
        ours = solve_ivp(*arguments, **options)
        theirs = scipy.integrate.solve_ivp(*arguments, **options)
        assert ours.nfev == pytest.approx(theirs.nfev, rel=0.15)


def test_evaluations_are_counted():
    calls = 0

    def model(t, y):
        nonlocal calls
        calls += 1
        return [-y[0]]

    with pytest.warns(SlowModelWarning, match="cannot be compiled"):
        found = solve_ivp(model, (0.0, 1.0), [1.0])
    assert calls in (found.nfev, found.nfev + 1)  # one more to try a model that is new


@methods
def test_dense_output(method):
    t0, t1 = OSCILLATOR.t_span
    found = solve_ivp(
        OSCILLATOR.fun,
        (t0, t1),
        OSCILLATOR.y0,
        method,
        dense_output=True,
        args=OSCILLATOR.args,
        **TIGHT,
    )
    times = np.linspace(t1, t0, 57)
    exact = OSCILLATOR.exact(times, OSCILLATOR.y0, *OSCILLATOR.args)
    np.testing.assert_allclose(found.sol(times), exact, atol=2e-6)
    np.testing.assert_allclose(found.sol(found.t), found.y, atol=1e-13)
    np.testing.assert_allclose(found.sol(1.0), found.sol([1.0])[:, 0])
    assert found.sol(1.0).shape == (2,)
    assert found.sol([]).shape == (2, 0)
    assert (found.sol.t_min, found.sol.t_max) == (t0, t1)
    np.testing.assert_array_equal(found.sol.ts, found.t)
    with pytest.raises(ValueError, match="1-D"):
        found.sol([[1.0]])


@methods
def test_t_eval_is_dense_output(method):
    times = np.linspace(*OSCILLATOR.t_span, 31)
    found = solve_ivp(
        OSCILLATOR.fun, OSCILLATOR.t_span, OSCILLATOR.y0, method, times, True, args=OSCILLATOR.args
    )
    np.testing.assert_allclose(found.y, found.sol(times), rtol=1e-13, atol=1e-14)


def test_backward_dense_output():
    found = solve_ivp(DECAY.fun, (1.0, -1.0), DECAY.y0, dense_output=True, args=DECAY.args, **TIGHT)
    times = np.linspace(-1.0, 1.0, 9)
    exact = DECAY.y0[0] * np.exp(-DECAY.args[0] * (times - 1.0))
    np.testing.assert_allclose(found.sol(times)[0], exact, rtol=1e-8)
    assert found.t[0] == 1.0
    assert found.t[-1] == -1.0


@pytest.mark.parametrize(
    "times", [[], [0.0], [2.0], [1.3], [0.0, 0.0, 0.5, 0.5, 2.0, 2.0], [0.1, 0.2]]
)
def test_save_times(times):
    """None, one, at the ends, repeated, and the last one before the end."""
    found = solve_ivp(DECAY.fun, DECAY.t_span, DECAY.y0, t_eval=times, args=DECAY.args, **TIGHT)
    assert found.y.shape == (1, len(times))
    np.testing.assert_array_equal(found.t, times)
    exact = DECAY.exact(np.array(times), DECAY.y0, *DECAY.args)
    np.testing.assert_allclose(found.y, exact, rtol=1e-8)
    if times and times[0] == 0.0:
        assert found.y[0, 0] == DECAY.y0[0]


@pytest.mark.parametrize("times", [None, [], [0.5]])
def test_no_span(times):
    found = solve_ivp(decay, (0.5, 0.5), [2.0], t_eval=times, dense_output=True, args=(1.0,))
    np.testing.assert_array_equal(found.t, [0.5, 0.5] if times is None else times)
    assert found.status == 0
    assert found.y.shape == (1, len(found.t))
    assert np.all(found.y == 2.0)
    assert found.sol(0.5) == 2.0


def test_integers_are_numbers():
    found = solve_ivp(decay, (0, 1), [1], t_eval=[0, 1], args=(1,), **TIGHT)
    np.testing.assert_allclose(found.y[0], [1.0, math.exp(-1)], rtol=1e-8)


@pytest.mark.parametrize(
    "model",
    [
        lambda t, y: [y[1], -y[0]],
        lambda t, y: (y[1], -y[0]),
        lambda t, y: np.array([y[1], -y[0]]),
    ],
    ids=["list", "tuple", "array"],
)
def test_model_may_return_any_sequence(model):

    found = solve_ivp(model, (0.0, 1.0), [1.0, 0.0], **TIGHT)
    np.testing.assert_allclose(found.y[:, -1], [math.cos(1.0), -math.sin(1.0)], rtol=1e-7)


def test_max_step():
    found = solve_ivp(DECAY.fun, (0.0, 1.0), DECAY.y0, args=DECAY.args, max_step=0.0123)
    assert np.diff(found.t).max() <= 0.0123 * (1 + 1e-12)


def test_first_step():
    found = solve_ivp(DECAY.fun, (0.0, 1.0), DECAY.y0, args=DECAY.args, first_step=1e-3)
    assert found.t[1] == 1e-3


def test_absolute_tolerance_of_each_component():
    """The second component is not controlled, the first one is."""

    def model(t, y):
        return [-y[0], 1000.0 * math.cos(1000.0 * t)]

    loose = solve_ivp(model, (0.0, 1.0), [1.0, 0.0], rtol=1e-12, atol=[1e-6, 1e6])
    tight = solve_ivp(model, (0.0, 1.0), [1.0, 0.0], rtol=1e-12, atol=1e-6)
    assert 20 * loose.stats["accepted"] < tight.stats["accepted"]


def test_limit_of_steps_keeps_the_partial_result():
    found = solve_ivp(
        DECAY.fun,
        (0.0, 100.0),
        DECAY.y0,
        t_eval=[0.0, 0.01, 99.0],
        args=DECAY.args,
        max_num_steps=20,
        rtol=1e-10,
        atol=1e-10,
    )
    assert (found.status, found.success) == (-1, False)
    assert "max_num_steps = 20" in found.message
    assert "a larger max_num_steps" in found.message
    assert list(found.t) == [0.0, 0.01]
    assert found.y.shape == (1, 2)
    assert found.stats["accepted"] + found.stats["rejected"] == 20


@pytest.mark.parametrize("options", [{}, {"t_eval": [10.0]}, {"dense_output": True}])
def test_limit_of_steps_names_the_stiff_component(options):
    def model(t, y):
        return [y[0], -1e6 * (y[1] - np.cos(t)), -y[2]]

    found = solve_ivp(model, (0.0, 10.0), [1.0, 0.0, 1.0], max_num_steps=1000, **options)
    assert found.status == -1
    assert "component 1 asks for the shortest steps" in found.message


@pytest.mark.parametrize("t_eval", [None, [1.0]])
@pytest.mark.parametrize("y0", [[1.0, 0.0], [0.0, 0.0]])
def test_without_a_scale_of_the_error_the_solve_ends_at_once(y0, t_eval):
    """Zero tolerance for a component that is zero, even with a slope of zero."""
    found = solve_ivp(
        lambda t, y: [-y[1], 0.0 * y[0]], (0.0, 1.0), y0, t_eval=t_eval, rtol=1e-6, atol=0.0
    )
    assert found.status == -1
    assert found.nfev < 5000
    zero = y0.index(0.0)
    assert f"give a positive atol for component {zero}" in found.message


def test_blow_up_fails_with_time_and_component():
    found = solve_ivp(lambda t, y: [1.0, y[1] * y[1]], (0.0, 2.0), [0.0, 1.0], rtol=1e-8, atol=1e-8)
    assert found.status == -1
    assert "component 1" in found.message
    assert found.t[-1] == pytest.approx(1.0, abs=1e-3)
    assert np.all(np.isfinite(found.y))


def test_step_into_nan_is_rejected():
    """The square root of a negative number in a trial step is not the end of the integration."""

    def model(t, y):
        return [-2.0 * np.sqrt(y[0])]

    with np.errstate(invalid="ignore"):
        found = solve_ivp(model, (0.0, 0.99), [1.0], first_step=0.98, rtol=1e-9, atol=1e-9)
    assert found.success
    assert found.stats["rejected"] > 0
    assert found.y[0, -1] == pytest.approx((1 - 0.99) ** 2, abs=1e-6)


def test_infinite_state_is_not_accepted():
    """The derivative stays finite where the state overflows."""
    found = solve_ivp(lambda t, y: [1e308], (0.0, 10.0), [0.0])
    assert found.status == -1
    assert np.all(np.isfinite(found.y))


def test_model_that_is_not_finite_at_the_start():
    with np.errstate(divide="ignore"):
        found = solve_ivp(lambda t, y: [y[0], y[1] / t], (0.0, 1.0), [1.0, 1.0])
    assert found.status == -1
    assert "component 1 is inf" in found.message


@pytest.mark.parametrize("shift", [1e-300, 1e-9, 1e9, -1e12])
def test_very_small_and_very_large_times(shift):
    """The solution depends on t - t0 only."""
    length = abs(shift) if abs(shift) < 1 else 1.0
    rate = 1.0 / length

    def model(t, y):
        return [-rate * y[0]]

    t0 = 0.0 if abs(shift) < 1 else shift
    found = solve_ivp(model, (t0, t0 + length), [1.0], rtol=1e-8, atol=1e-8)
    assert found.success
    assert found.y[0, -1] == pytest.approx(math.exp(-1), rel=1e-4 if abs(shift) > 1e10 else 1e-7)


def test_inputs_are_not_changed():
    y0, times, atol = np.array([1.0, -0.5]), np.linspace(0.0, 1.0, 5), np.array([1e-6, 1e-6])
    rates = np.array([1.0, 2.0])
    before = [x.copy() for x in (y0, times, atol, rates)]

    def model(t, y, k):
        y[0] = y[0] + 0.0
        return [-k[0] * y[0], -k[1] * y[1]]

    with pytest.warns(SlowModelWarning, match="an array that belongs to the caller"):
        found = solve_ivp(model, (0.0, 1.0), y0, t_eval=times, atol=atol, args=(rates,))
    found.t[0] = found.y[0, 0] = 7.0
    for array, copy in zip((y0, times, atol, rates), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_read_only_inputs():
    y0, times, rates = np.array([1.0]), np.linspace(0.0, 1.0, 5), np.array([1.0])
    for array in (y0, times, rates):
        array.flags.writeable = False
    found = solve_ivp(lambda t, y, k: -k * y, (0.0, 1.0), y0, t_eval=times, args=(rates,), **TIGHT)
    np.testing.assert_allclose(found.y[0], np.exp(-times), rtol=1e-8)


def test_closures_and_globals_follow_their_values():
    rate = 1.0

    def model(t, y):
        return [-rate * y[0]]

    first = solve_ivp(model, (0.0, 1.0), [1.0], **TIGHT).y[0, -1]
    rate = 2.0
    second = solve_ivp(model, (0.0, 1.0), [1.0], **TIGHT).y[0, -1]
    np.testing.assert_allclose([first, second], np.exp([-1.0, -2.0]), rtol=1e-8)


def test_structures_of_arguments():
    def model(t, y, rates, scale):
        return [-scale * rates["a"][0] * y[0] - rates["a"][1][1] * y[0]]

    rates = {"a": (0.5, np.array([9.0, 0.25]))}
    found = solve_ivp(model, (0.0, 1.0), [1.0], args=(rates, 2), **TIGHT)
    assert found.y[0, -1] == pytest.approx(math.exp(-1.25), rel=1e-8)


def test_long_integration_grows_its_buffers():
    found = solve_ivp(
        forced, (0.0, 400.0), [0.3], dense_output=True, args=(1.2, 2.0), rtol=1e-8, atol=1e-8
    )
    assert found.stats["accepted"] > 2000
    times = np.linspace(0.0, 400.0, 999)
    exact = FORCED.exact(times, [0.3], 1.2, 2.0)
    np.testing.assert_allclose(found.sol(times), exact, atol=1e-6)
    np.testing.assert_allclose(found.y, FORCED.exact(found.t, [0.3], 1.2, 2.0), atol=1e-6)

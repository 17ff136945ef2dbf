"""Derivatives of solves: adjoint, tangent, complex step on the frozen grid, exact results."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
import pytest
import scipy.integrate

import sciad
from sciad.core.errors import IntegrationError, TracingError
from sciad.core.tree import flatten, unflatten
from sciad.ode import METHODS, DiscreteAdjoint, Forward, solve_ivp
from sciad.ode.replay import Grid, replay

from .problems import ALL, DECAY, FORCED, LOTKA_VOLTERRA, RATES, lotka_volterra

methods = pytest.mark.parametrize("method", sorted(METHODS))
problems = pytest.mark.parametrize("problem", ALL, ids=str)
SENSITIVITIES = [DiscreteAdjoint(), DiscreteAdjoint(memory=0.0), Forward(), Forward(memory=0.0)]
sensitivities = pytest.mark.parametrize(
    "sensitivity", SENSITIVITIES, ids=lambda s: f"{s.name}-{'stored' if s.memory else 'recomputed'}"
)
OPTIONS = {"rtol": 1e-6, "atol": 1e-6}


def save_times(problem):
    """At the start, inside, repeated, and not up to the end."""
    t0, t1 = problem.t_span
    return t0 + (t1 - t0) * np.array([0.0, 0.13, 0.4, 0.4, 0.77, 0.9])


def weighted_states(problem, method="Tsit5", sensitivity=None, times=None, span=None):
    """A scalar function of (y0, args) that weighs every saved number differently."""
    times = save_times(problem) if times is None else times
    weights = np.cos(1.0 + np.arange(len(problem.y0) * len(times))).reshape(-1, len(times))

    def loss(y0, args):
        found = solve_ivp(
            problem.fun,
            problem.t_span if span is None else span,
            y0,
            method,
            times,
            args=args,
            sensitivity=sensitivity,
            **OPTIONS,
        )
        return (weights * found.y).sum()

    return loss


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in flatten(tree)[0]])


def complex_step_gradient(problem, method, times):
    """Gradient of `weighted_states` by complex steps through the frozen grid."""
    sol = solve_ivp(
        problem.fun,
        problem.t_span,
        problem.y0,
        method,
        args=problem.args,
        dense_output=True,
        **OPTIONS,
    ).sol
    grid = Grid(sol.ts[:-1], sol._lengths, *problem.t_span)
    weights = np.cos(1.0 + np.arange(len(problem.y0) * len(times))).reshape(-1, len(times))
    leaves, treedef = flatten((np.array(problem.y0), problem.args))
    gradient = []
    for k, leaf in enumerate(leaves):
        for position in np.ndindex(np.shape(leaf)):
            moved = copy.copy(leaves)
            moved[k] = np.array(leaf, dtype=complex)
            moved[k][position] += 1e-30j
            if np.shape(leaf) == ():
                moved[k] = complex(moved[k])
            y0, args = unflatten(treedef, moved)
            states = replay(
                lambda t, y, args=args: np.array(problem.fun(t, y, *args)),
                np.asarray(y0, dtype=complex),
                grid,
                METHODS[method],
                times,
            )
            gradient.append((weights * states).sum().imag / 1e-30)
    return np.array(gradient)


COMPLEX_SAFE = [p for p in ALL if p.name not in ("Brusselator",)]


@methods
@pytest.mark.parametrize("problem", COMPLEX_SAFE, ids=str)
def test_adjoint_is_the_complex_step_on_the_frozen_grid(problem, method):
    expected = complex_step_gradient(problem, method, save_times(problem))
    gradient = sciad.grad(weighted_states(problem, method), argnums=(0, 1))
    found = flat(gradient(np.array(problem.y0), problem.args))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


@problems
@sensitivities
def test_all_sensitivities_agree(problem, sensitivity):
    arguments = (np.array(problem.y0), problem.args)
    expected = flat(sciad.grad(weighted_states(problem), argnums=(0, 1))(*arguments))
    loss = weighted_states(problem, sensitivity=sensitivity)
    found = flat(sciad.grad(loss, argnums=(0, 1))(*arguments))
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11 * np.abs(expected).max())


@methods
@problems
def test_tangent_and_adjoint_are_transposes(problem, method):
    """Two sides of <w, J v> computed by two kernels."""
    loss = weighted_states(problem, method)
    y0 = np.array(problem.y0)
    leaves, treedef = flatten((y0, problem.args))
    rng = np.random.default_rng(3)
    directions = [
        rng.normal(size=np.shape(leaf)) if np.ndim(leaf) else rng.normal() for leaf in leaves
    ]
    _, tangent = sciad.jvp(loss, (y0, problem.args), unflatten(treedef, directions))
    gradient = flat(sciad.grad(loss, argnums=(0, 1))(y0, problem.args))
    expected = gradient @ np.concatenate([np.ravel(d) for d in directions])
    scale = np.abs(gradient).max()
    assert tangent == pytest.approx(expected, rel=1e-12, abs=1e-12 * scale)


@pytest.mark.parametrize("problem", [DECAY, FORCED, LOTKA_VOLTERRA], ids=str)
def test_backward_integration(problem):
    t0, t1 = problem.t_span
    span, times = (t1, t0 + 0.5 * (t1 - t0)), t1 - (t1 - t0) * np.array([0.0, 0.1, 0.3, 0.3, 0.5])
    arguments = (np.array(problem.y0), problem.args)
    found = [
        flat(
            sciad.grad(weighted_states(problem, "Tsit5", s, times, span), argnums=(0, 1))(
                *arguments
            )
        )
        for s in SENSITIVITIES
    ]
    expected = differences(weighted_states(problem, "Tsit5", None, times, span), arguments)
    for gradient in found:
        np.testing.assert_allclose(gradient, found[0], rtol=1e-11)
        np.testing.assert_allclose(
            gradient, expected, rtol=2e-4, atol=1e-4 * np.abs(expected).max()
        )


def differences(function, arguments, step=1e-5):
    """Central differences along every leaf; noisy, because the grid moves."""
    leaves, treedef = flatten(arguments)
    gradient = []
    for k, leaf in enumerate(leaves):
        for position in np.ndindex(np.shape(leaf)):
            values = []
            for sign in (1, -1):
                moved = list(leaves)
                moved[k] = np.array(leaf, dtype=float)
                moved[k][position] += sign * step
                moved[k] = moved[k] if np.ndim(leaf) else float(moved[k])
                values.append(float(function(*unflatten(treedef, moved))))
            gradient.append((values[0] - values[1]) / (2 * step))
    return np.array(gradient)


@methods
@sensitivities
def test_analytic_gradient(method, sensitivity):
    """y(t) = y0 exp(-a t)."""

    def final(y0, a):
        found = solve_ivp(
            DECAY.fun,
            (0.0, 2.0),
            [y0],
            method,
            args=(a,),
            rtol=1e-9,
            atol=1e-9,
            sensitivity=sensitivity,
        )
        return found.y[0, -1]

    value, (dy0, da) = sciad.value_and_grad(final, argnums=(0, 1))(1.5, 0.8)
    exponential = math.exp(-1.6)
    assert value == pytest.approx(1.5 * exponential, rel=1e-7)
    assert dy0 == pytest.approx(exponential, rel=1e-6)
    assert da == pytest.approx(-3.0 * exponential, rel=1e-6)


@sensitivities
def test_jacobian_in_both_modes(sensitivity):
    def states(p):
        found = solve_ivp(
            lotka_volterra,
            (0.0, 3.0),
            [10.0, 5.0],
            t_eval=[1.0, 3.0],
            args=(p,),
            sensitivity=sensitivity,
            **OPTIONS,
        )
        return found.y

    forward = sciad.jacobian(states, mode="forward")(RATES)
    reverse = sciad.jacobian(states, mode="reverse")(RATES)
    assert set(forward) == set(RATES)
    for name in RATES:
        assert forward[name].shape == (2, 2)
        np.testing.assert_allclose(forward[name], reverse[name], rtol=1e-11)


@dataclass(frozen=True)
class Rates:
    linear: float
    matrix: np.ndarray
    label: str = "unused"
    count: int = 2


def test_nested_structures_of_parameters():
    """Every leaf of dataclass, dict, tuple and array gets its derivative; constants get None."""

    def model(t, y, rates, more):
        out = np.zeros(2)
        for i in range(2):
            out[i] = -rates.linear * y[i] + more["b"][1] * math.sin(t)
            for j in range(2):
                out[i] += rates.matrix[i, j] * y[j]
        return out

    def final(rates, more):
        found = solve_ivp(model, (0.0, 1.0), [1.0, 2.0], args=(rates, more), **OPTIONS)
        return found.y[0, -1] + 2.0 * found.y[1, -1]

    rates = Rates(0.7, np.array([[0.1, -0.4], [0.3, 0.2]]))
    more = {"b": (7.0, 0.5), "flag": True}
    gradient, rest = sciad.grad(final, argnums=(0, 1))(rates, more)
    assert isinstance(gradient, Rates)
    assert gradient.label is None
    assert gradient.matrix.shape == (2, 2)
    assert rest["flag"] is None
    assert rest["b"][0] == 0.0  # not used by the model: exactly zero
    expected = differences(final, (rates, more))
    found = np.concatenate([[gradient.linear], gradient.matrix.ravel(), rest["b"]])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


SCALE = 0.5


def test_closures_and_globals():
    def final(rate, y0):
        offset = 2.0 * rate

        def model(t, y):
            return [-rate * y[0] + SCALE * offset]

        return solve_ivp(model, (0.0, 1.0), [y0], rtol=1e-10, atol=1e-10).y[0, -1]

    # y' = -r y + r  with y(0) = y0:  y = 1 + (y0 - 1) exp(-r)
    rate, y0 = 0.6, 3.0
    value, (by_rate, by_y0) = sciad.value_and_grad(final, argnums=(0, 1))(rate, y0)
    assert value == pytest.approx(1 + 2.0 * math.exp(-rate), rel=1e-9)
    assert by_rate == pytest.approx(-2.0 * math.exp(-rate), rel=1e-8)
    assert by_y0 == pytest.approx(math.exp(-rate), rel=1e-8)


def test_helpers_with_closures():
    def final(rate):
        def loss_term(x):
            return rate * x

        def model(t, y):
            return [-loss_term(y[0])]

        return solve_ivp(model, (0.0, 1.0), [2.0], rtol=1e-10, atol=1e-10).y[0, -1]

    assert sciad.grad(final)(0.6) == pytest.approx(-2.0 * math.exp(-0.6), rel=1e-8)


def test_initial_state_as_a_list_of_traced_numbers():
    def final(a, b):
        return solve_ivp(lotka_volterra, (0.0, 1.0), [a, 5.0 * b], args=(RATES,), **OPTIONS).y[
            0, -1
        ]

    as_array = sciad.grad(
        lambda y0: solve_ivp(lotka_volterra, (0.0, 1.0), y0, args=(RATES,), **OPTIONS).y[0, -1]
    )(np.array([10.0, 5.0]))
    by_a, by_b = sciad.grad(final, argnums=(0, 1))(10.0, 1.0)
    np.testing.assert_allclose([by_a, by_b / 5.0], as_array, rtol=1e-12)


def test_save_at_the_start_counts_once():
    def loss(y0, times):
        return solve_ivp(DECAY.fun, (0.0, 1.0), y0, t_eval=times, args=(0.0,)).y.sum()

    for times, count in (
        ([0.0], 1),
        ([0.0, 0.0], 2),
        ([0.0, 1.0], 2),
        ([0.2, 0.2, 1.0, 1.0], 4),
        ([], 0),
    ):
        gradient = sciad.grad(lambda y0, times=times: loss(y0, times))(np.array([1.0]))
        np.testing.assert_allclose(gradient, [count], rtol=1e-14)


@pytest.mark.parametrize("times", [None, [0.5], [0.5, 0.5]])
def test_no_span(times):
    def loss(y0, rate):
        return solve_ivp(DECAY.fun, (0.5, 0.5), y0, t_eval=times, args=(rate,)).y.sum()

    by_y0, by_rate = sciad.grad(loss, argnums=(0, 1))(np.array([3.0]), 0.7)
    assert by_y0 == (2.0 if times is None else len(times))
    assert by_rate == 0.0


def test_accepted_steps_as_output():
    """Without t_eval the states at all accepted steps are differentiated."""

    def loss(y0):
        return (solve_ivp(FORCED.fun, FORCED.t_span, y0, args=FORCED.args, **OPTIONS).y ** 2).sum()

    found = solve_ivp(FORCED.fun, FORCED.t_span, FORCED.y0, args=FORCED.args, **OPTIONS)
    expected = 2.0 * found.y[0] @ np.exp(-FORCED.args[0] * found.t)
    assert sciad.grad(loss)(np.array(FORCED.y0))[0] == pytest.approx(expected, rel=1e-4)


def test_dense_output_of_a_differentiated_solve():
    times = np.array([1.9, 0.0, 0.3, 2.0, 0.3])

    def by_solution(rate):
        found = solve_ivp(DECAY.fun, (0.0, 2.0), [1.5], dense_output=True, args=(rate,), **OPTIONS)
        return (found.sol(times) ** 2).sum() + found.sol(1.0)[0]

    def by_save_times(rate):
        order = np.argsort(times)
        found = solve_ivp(
            DECAY.fun, (0.0, 2.0), [1.5], t_eval=times[order], args=(rate,), **OPTIONS
        )
        one = solve_ivp(DECAY.fun, (0.0, 2.0), [1.5], t_eval=[1.0], args=(rate,), **OPTIONS)
        return (found.y**2).sum() + one.y[0, 0]

    first, second = (sciad.value_and_grad(f)(0.8) for f in (by_solution, by_save_times))
    np.testing.assert_allclose(first, second, rtol=1e-12)

    def outside(rate):
        return solve_ivp(DECAY.fun, (0.0, 2.0), [1.5], dense_output=True, args=(rate,)).sol(2.1)[0]

    with pytest.raises(ValueError, match=r"between 0\.0 and 2\.0"):
        sciad.grad(outside)(0.8)


def test_rescaling_a_parameter():
    """p dL/dp does not depend on the unit of p."""

    def model(t, y, p, unit):
        return [-(p * unit) * y[0]]

    def final(p, unit):
        return solve_ivp(model, (0.0, 1.0), [1.0], args=(p, unit), **OPTIONS).y[0, -1]

    plain = 0.7 * sciad.grad(final)(0.7, 1.0)
    for unit in (2.0**-46, 2.0**46):
        p = 0.7 / unit
        assert p * sciad.grad(final)(p, unit) == pytest.approx(plain, rel=1e-12)


def test_unused_parameters_have_zero_gradients():
    def model(t, y, used, unused):
        return [-used * y[0]]

    def final(used, unused):
        return solve_ivp(model, (0.0, 1.0), [1.0], args=(used, unused), **OPTIONS).y[0, -1]

    for sensitivity in SENSITIVITIES[::2]:
        gradient = sciad.grad(
            lambda u, v, s=sensitivity: solve_ivp(
                model, (0.0, 1.0), [1.0], args=(u, v), sensitivity=s, **OPTIONS
            ).y[0, -1],
            argnums=(0, 1),
        )(0.5, np.ones(3))
        assert gradient[0] != 0.0
        assert np.array_equal(gradient[1], np.zeros(3))


def test_inputs_are_not_changed():
    y0, rates = np.array([10.0, 5.0]), dict(RATES)
    sciad.grad(weighted_states(LOTKA_VOLTERRA), argnums=(0, 1))(y0, (rates,))
    np.testing.assert_array_equal(y0, [10.0, 5.0])
    assert rates == RATES


def test_singular_derivative_after_the_last_save_is_not_used():
    """The derivative of sqrt is infinite at 0, where nobody looks."""

    def model(t, y):
        return [1.0, math.sqrt(max(1.0 - t, 0.0)) * y[1]]

    def early(y0):
        return solve_ivp(model, (0.0, 1.0), y0, t_eval=[0.25], **OPTIONS).y.sum()

    assert np.all(np.isfinite(sciad.grad(early)(np.array([0.0, 1.0]))))


def test_a_failed_solve_has_no_gradient():
    def final(y0):
        return solve_ivp(lambda t, y: [y[0] * y[0]], (0.0, 2.0), [y0], **OPTIONS).y[0, -1]

    with pytest.raises(
        IntegrationError, match=r"has no derivative: Required step size(?s:.*)test_grad"
    ):
        sciad.grad(final)(1.0)
    assert sciad.grad(final)(0.2) == pytest.approx(1.0 / (1 - 0.4) ** 2, rel=1e-3)


def test_the_result_says_how_it_was_differentiated():
    names = []

    def final(rate, sensitivity):
        found = solve_ivp(DECAY.fun, (0.0, 1.0), [1.0], args=(rate,), sensitivity=sensitivity)
        names.append(found.stats["sensitivity"])
        return found.y[0, -1]

    sciad.grad(final)(1.0, None)
    sciad.grad(final)(1.0, Forward())
    final(1.0, Forward())
    assert names == ["DiscreteAdjoint", "Forward", None]


def test_tolerances_are_not_differentiated():
    def final(rtol):
        return solve_ivp(DECAY.fun, (0.0, 1.0), [1.0], args=(1.0,), rtol=rtol).y[0, -1]

    with pytest.raises(ValueError, match=r"rtol is traced(?s:.*)stop_gradient"):
        sciad.grad(final)(1e-3)


def test_traced_time_of_a_continuous_solution():
    def final(t):
        return solve_ivp(DECAY.fun, (0.0, 1.0), [1.0], args=(1.0,), dense_output=True).sol(t)[0]

    def value(pair):
        found = solve_ivp(DECAY.fun, (0.0, 1.0), [pair], args=(1.0,), dense_output=True)
        return found.sol(0.5 * pair)[0]

    with pytest.raises(TracingError, match="t_eval"):
        sciad.grad(value)(1.0)


def decayed(model, rate):
    return solve_ivp(model, (0.0, 1.0), [1.0], args=(rate,), rtol=1e-9, atol=1e-9).y[0, -1]


def test_models_compiled_by_others():
    """Functions of Numba and of sciad.jit are taken by the Python they come from."""
    for model in (numba.njit(DECAY.fun), sciad.jit(DECAY.fun)):
        value, gradient = sciad.value_and_grad(lambda rate, m=model: decayed(m, rate))(0.5)
        np.testing.assert_allclose([value, -gradient], np.exp(-0.5), rtol=1e-7)


def test_call_of_scipy_is_differentiated():
    def final(rate):
        found = scipy.integrate.solve_ivp(
            DECAY.fun, (0.0, 1.0), [1.0], args=(rate,), rtol=1e-9, atol=1e-9
        )
        return found.y[0, -1]

    assert sciad.grad(final)(0.5) == pytest.approx(-math.exp(-0.5), rel=1e-7)


def test_threads():
    gradient = sciad.grad(lambda rate: decayed(DECAY.fun, rate))
    rates = np.linspace(0.1, 1.0, 40).tolist()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(gradient, rates))
    assert found == [gradient(rate) for rate in rates]


DATA = np.linspace(0.0, 1.0, 5)


def test_captured_arrays_are_inputs():
    def final(data):
        def model(t, y):
            return [data[2] * data.sum() + DATA[4]]

        return solve_ivp(model, (0.0, 1.0), [0.0], rtol=1e-9, atol=1e-9).y[0, -1]

    expected = np.full(5, DATA[2])
    expected[2] += DATA.sum()
    np.testing.assert_allclose(sciad.grad(final)(DATA), expected, rtol=1e-7)

"""The likelihood and its derivatives, each by several independent ways."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import sciad
import sciad.ode
from sciad.fit import Data, LogNormal, Normal, Parameter, Parameters, make_problem
from sciad.ode.methods import METHODS
from sciad.ode.replay import Grid, replay


def relative_error(found, reference):
    return np.max(np.abs(np.asarray(found) - reference) / np.abs(reference))


@pytest.fixture
def complex_step(monkeypatch):
    """Derivative without subtraction, Im f(x + ih)/h: exact to rounding.

    Solves with complex parameters are the accepted steps of the real solve, run again.
    """

    def solve(fun, span, y0, *, method, t_eval, args, **tolerances):
        (p,) = args
        real = sciad.ode.solve_ivp(
            fun,
            span,
            np.real(y0),
            method,
            args=({k: np.real(v) for k, v in p.items()},),
            dense_output=True,
            **tolerances,
        )
        steps = real.sol.ts
        grid = Grid(steps[:-1], np.diff(steps), *span)
        y = replay(lambda t, w: np.array(fun(t, w, p)), np.array(y0), grid, METHODS[method], t_eval)
        return SimpleNamespace(success=real.success, y=y)

    def derivative(function, x, h=1e-30):
        with monkeypatch.context() as patched:
            patched.setattr("sciad.fit.simulation.solve_ivp", solve)
            columns = [np.imag(function(x + 1j * h * unit)) / h for unit in np.eye(x.size)]
        return np.stack(columns, axis=-1)

    return derivative


@pytest.fixture(params=["start", "elsewhere"])
def x(request, prey_problem):
    start = prey_problem.params.axis_values()
    return start if request.param == "start" else start + 0.03 * np.cos(np.arange(start.size))


def test_gradient_adjoint_and_forward(prey_problem, x):
    value, adjoint = prey_problem.nllh_and_gradient(x)
    forward = np.asarray(sciad.jacobian(prey_problem.nllh, mode="forward")(x))
    assert value == pytest.approx(float(prey_problem.nllh(x)), rel=1e-12)
    assert relative_error(forward, adjoint) < 1e-8


def test_gradient_by_complex_step(prey_problem, x, complex_step):
    complex_ = complex_step(prey_problem.nllh, x)
    assert relative_error(complex_, prey_problem.nllh_and_gradient(x)[1]) < 1e-8


def test_gradient_against_finite_differences(prey_problem, x):
    _, gradient = prey_problem.nllh_and_gradient(x)
    h = 1e-4

    def f(step):
        return float(prey_problem.nllh(x + step))

    differences = [
        (8 * (f(h * e) - f(-h * e)) - (f(2 * h * e) - f(-2 * h * e))) / (12 * h)
        for e in np.eye(x.size)
    ]
    np.testing.assert_allclose(gradient, differences, rtol=1e-4, atol=1e-3 * np.abs(gradient).max())


def test_residual_jacobian_forward_and_reverse(prey_problem, x):
    forward = prey_problem.residual_jacobian(x)
    assert forward.shape == (122, 8)
    reverse = np.asarray(sciad.jacobian(prey_problem.residuals, mode="reverse")(x))
    assert np.max(np.abs(reverse - forward) / np.abs(forward).max(axis=0)) < 1e-8


def test_residual_jacobian_by_complex_step(prey_problem, x, complex_step):
    complex_ = complex_step(prey_problem.residuals, x)
    forward = prey_problem.residual_jacobian(x)
    assert np.max(np.abs(complex_ - forward) / np.abs(forward).max(axis=0)) < 1e-8


def test_gradient_is_that_of_the_residuals(decay_case):
    """With known sigma: gradient of nllh = J^T r."""
    arguments = {key: value for key, value in decay_case.arguments.items() if key != "progress"}
    problem = make_problem(**arguments)
    x = problem.params.axis_values()
    _, gradient = problem.nllh_and_gradient(x)
    product = problem.residual_jacobian(x).T @ problem.residuals(x)
    np.testing.assert_allclose(gradient, product, rtol=1e-10)


def test_hessian_is_the_derivative_of_the_gradient(decay_case):
    arguments = {key: value for key, value in decay_case.arguments.items() if key != "progress"}
    problem = make_problem(**arguments)
    x, h = problem.params.axis_values(), 1e-5
    hessian = np.asarray(sciad.hessian(problem.nllh)(x))
    differences = [
        (problem.nllh_and_gradient(x + h * e)[1] - problem.nllh_and_gradient(x - h * e)[1])
        / (2 * h)
        for e in np.eye(x.size)
    ]
    np.testing.assert_allclose(hessian, differences, rtol=1e-4, atol=1e-4 * np.abs(hessian).max())


def constant(t, y, p):
    return [0.0 * y[0], 0.0 * y[1]]


def test_likelihood_is_that_of_scipy():
    """Mixed noise, one sigma estimated, one in the data; the model is constant."""
    a, b, noise = np.array([1.0, 2.0, 1.5]), np.array([3.0, 2.0]), [0.3, 0.4]
    data = {
        "observable": ["a", "a", "a", "b", "b"],
        "time": [0.0, 1.0, 2.0, 0.0, 2.0],
        "value": [*a, *b],
        "noise": [1.0, 1.0, 1.0, *noise],
    }
    table = Data(data)
    params = Parameters([Parameter("level", 1.7, min=0.1, max=9.0), Parameter("other", 2.2)])
    problem = make_problem(
        constant,
        table,
        params,
        y0={"a": "level", "b": "other"},
        noise={"a": Normal(), "b": Normal()},
    )
    expected = -stats.norm.logpdf(a, 1.7, 1.0).sum() - stats.norm.logpdf(b, 2.2, noise).sum()
    assert problem.nllh(params.axis_values()) == pytest.approx(expected, rel=1e-12)

    params = Parameters([*params.values(), Parameter("s", 0.3, scale="log10")])
    wide = {"a": ([0.0, 1.0, 2.0], a), "b": ([0.0, 2.0], b)}
    problem = make_problem(
        constant,
        wide,
        params,
        y0={"a": "level", "b": "other"},
        noise={"a": LogNormal("s"), "b": Normal(0.5)},
    )
    expected = -stats.lognorm.logpdf(a, 0.3, scale=1.7).sum() - stats.norm.logpdf(b, 2.2, 0.5).sum()
    assert problem.nllh(params.axis_values()) == pytest.approx(expected, rel=1e-12)


def test_unused_parameter_has_exactly_zero_gradient(decay_case):
    params = Parameters([*decay_case.arguments["params"].values(), Parameter("idle", 3.0)])
    arguments = decay_case.arguments | {"params": params}
    problem = make_problem(**{k: v for k, v in arguments.items() if k != "progress"})
    _, gradient = problem.nllh_and_gradient(params.axis_values())
    assert gradient[2] == 0.0
    assert np.all(gradient[:2] != 0.0)

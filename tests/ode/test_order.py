"""Observed orders on problems that are not autonomous, with fixed steps."""

import numpy as np
import pytest

from sciad.ode import METHODS, solve_ivp

from .problems import FORCED, OSCILLATOR, TIME_POWER

named = pytest.mark.parametrize("method", sorted(METHODS))


def fixed_step_error(problem, method, steps, times=None):
    """Largest error with `steps` equal steps: tolerances so large that every step is accepted."""
    t0, t1 = problem.t_span
    h = (t1 - t0) / steps
    found = solve_ivp(
        problem.fun,
        problem.t_span,
        problem.y0,
        method,
        t_eval=times,
        args=problem.args,
        first_step=h,
        max_step=h,
        rtol=1e6,
        atol=1e6,
    )
    assert found.stats["accepted"] == steps
    return np.abs(found.y - problem.exact(found.t, problem.y0, *problem.args)).max()


@named
@pytest.mark.parametrize("problem", [FORCED, TIME_POWER, OSCILLATOR], ids=str)
def test_order_of_the_solution(problem, method):
    coarse = fixed_step_error(problem, method, 16)
    fine = fixed_step_error(problem, method, 32)
    # On linear problems the leading coefficient is small and the observed order a little higher.
    assert -0.4 < np.log2(coarse / fine) - METHODS[method].order < 0.9


@named
def test_order_of_dense_output(method):
    times = np.linspace(*FORCED.t_span, 217)
    coarse = fixed_step_error(FORCED, method, 16, times)
    fine = fixed_step_error(FORCED, method, 32, times)
    # The interpolant of order p has a local error of order p + 1.
    expected = min(METHODS[method].dense_order + 1, METHODS[method].order)
    assert -0.4 < np.log2(coarse / fine) - expected < 0.9


@named
@pytest.mark.parametrize("rtol", [1e-4, 1e-7, 1e-10])
def test_error_follows_the_tolerance(method, rtol):
    found = solve_ivp(
        OSCILLATOR.fun,
        OSCILLATOR.t_span,
        OSCILLATOR.y0,
        method,
        args=OSCILLATOR.args,
        rtol=rtol,
        atol=rtol,
    )
    error = np.abs(found.y - OSCILLATOR.exact(found.t, OSCILLATOR.y0, *OSCILLATOR.args)).max()
    assert 1e-3 * rtol < error < 60 * rtol

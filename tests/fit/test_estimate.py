import io
import math
import signal
from contextlib import redirect_stderr
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from sciad.core.errors import InputError, NotDifferentiableError
from sciad.fit import Data, LogNormal, Normal, Parameter, Parameters, fit
from sciad.fit.estimate import _verdict
from sciad.ode import SlowModelWarning


def test_least_squares_agrees_with_curve_fit(decay_case, decay_fit):
    """`scipy.optimize.curve_fit` of the closed solution: estimates, errors, covariance."""
    values, covar = curve_fit(
        lambda t, k, c: c * np.exp(-k * t),
        decay_case.time,
        decay_case.value,
        p0=[1.0, 1.0],
        sigma=np.full(25, decay_case.sigma),
        absolute_sigma=True,
        ftol=1e-14,
        xtol=1e-14,
    )
    assert decay_fit.method == "least_squares"
    assert decay_fit.success
    np.testing.assert_allclose(list(decay_fit.params.valuesdict().values()), values, rtol=1e-6)
    np.testing.assert_allclose(decay_fit.covar, covar, rtol=1e-4)
    errors = [decay_fit.params[name].stderr for name in ("k", "c_0")]
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covar)), rtol=1e-4)


def test_statistics_agree_with_closed_form(decay_case, decay_fit):
    k, c = decay_fit.params["k"].value, decay_fit.params["c_0"].value
    residuals = (decay_case.value - c * np.exp(-k * decay_case.time)) / decay_case.sigma
    np.testing.assert_allclose(decay_fit.residuals, residuals, atol=1e-5)
    nllh = 0.5 * residuals @ residuals + 25 * np.log(decay_case.sigma * np.sqrt(2 * np.pi))
    assert decay_fit.nllh == pytest.approx(nllh, abs=1e-6)
    assert decay_fit.aic == pytest.approx(2 * nllh + 4, abs=1e-5)
    assert decay_fit.bic == pytest.approx(2 * nllh + 2 * np.log(25), abs=1e-5)
    assert (decay_fit.n_data, decay_fit.n_free) == (25, 2)


def test_known_parameters_are_recovered(prey_case, prey_fit):
    assert prey_fit.success, prey_fit.message
    assert prey_fit.method == "L-BFGS-B"
    for name, true in prey_case.truth.items():
        row = prey_fit.params[name]
        assert abs(row.value - true) < 3 * row.stderr, name
        assert row.stderr < 0.2 * row.value
    assert prey_fit.decrement < 1e-6


def test_estimated_sigma_is_the_scatter_of_the_residuals(prey_fit):
    """At the maximum of the likelihood the standardised residuals have mean square one."""
    hare, lynx = np.split(prey_fit.residuals, 2)
    assert hare @ hare == pytest.approx(61, rel=1e-4)
    assert lynx @ lynx == pytest.approx(61, rel=1e-4)


@pytest.mark.parametrize("method", ["trust-constr", "SLSQP", "TNC", "l-bfgs-b"])
def test_optimisers_of_minimize_agree(prey_case, prey_fit, method):
    arguments = prey_case.arguments | {"params": nearby(prey_fit), "method": method}
    result = fit(**arguments)
    assert result.success, result.message
    assert result.nllh == pytest.approx(prey_fit.nllh, abs=1e-5)


def nearby(result):
    """The table of estimates, each moved by 3 %."""
    return Parameters(
        Parameter(row.name, row.value * 1.03, min=row.min, max=row.max, scale=row.scale)
        for row in result.params.values()
    )


@pytest.mark.parametrize("method", ["dogbox", "least_squares", "L-BFGS-B"])
def test_optimisers_of_least_squares_agree(decay_case, decay_fit, method):
    result = fit(**decay_case.arguments, method=method)
    assert result.success, result.message
    assert result.nllh == pytest.approx(decay_fit.nllh, abs=1e-7)


def test_fixed_parameters_stay(decay_case):
    params = decay_case.arguments["params"].replace("c_0", value=5.0, vary=False)
    result = fit(**(decay_case.arguments | {"params": params}))
    assert result.params["c_0"].value == 5.0
    assert result.params["c_0"].stderr is None
    assert result.covar.shape == (1, 1)


def growth(t, y, p):
    return [p["rate"] * y[0], -y[1]]


def test_observables_are_functions_of_the_states():
    t = np.linspace(0.0, 2.0, 9)
    total = 2.0 * (np.exp(0.4 * t) + 3.0 * np.exp(-t))
    params = Parameters([Parameter("rate", 0.1, min=-2, max=2), Parameter("gain", 1.0)])
    result = fit(
        growth,
        {"time": t, "total": total},
        params,
        y0=[1.0, 3.0],
        observables={"total": lambda t, y, p: p["gain"] * (y[0] + y[1])},
        noise=Normal(0.01),
        progress=False,
    )
    assert result.params["rate"].value == pytest.approx(0.4, abs=1e-6)
    assert result.params["gain"].value == pytest.approx(2.0, abs=1e-6)


def test_an_observable_may_return_a_list(decay_case, decay_fit):
    result = fit(
        **decay_case.arguments
        | {"y0": ["c_0"], "observables": {"c": lambda t, y, p: [1.0 * value for value in y[0]]}}
    )
    assert result.params["k"].value == pytest.approx(decay_fit.params["k"].value, rel=1e-6)


def oscillator(t, y, p):
    return [y[1], -p["omega"] * p["omega"] * y[0]]


@pytest.mark.parametrize("size", [1.0, 1e-12])
def test_small_states_are_integrated_as_well_as_large_ones(size):
    """A tolerance of 1e-8 would not control the error of a solution of size 1e-12 at all."""
    t = np.linspace(0.0, 10.0, 41)
    params = Parameters([Parameter("omega", 6.4, min=5.0, max=8.0)])
    result = fit(
        oscillator,
        {"time": t, "x": size * np.cos(6.5 * t)},
        params,
        y0={"x": size, "v": 0.0},
        noise=Normal(0.01 * size),
        progress=False,
    )
    assert result.success, result.message
    assert result.params["omega"].value == pytest.approx(6.5, rel=1e-7)
    assert 1e-10 * size < result.solver["atol"] <= 1e-8 * size


def shallow(t, y, p):
    return [-p["k"] * 1e-14 * y[0]]


def steep(t, y, p):
    return [-p["k"] * 1e14 * y[0]]


@pytest.mark.parametrize("method", ["least_squares", "dogbox", "L-BFGS-B", "trust-constr"])
@pytest.mark.parametrize(("model", "unit"), [(shallow, 1e14), (steep, 1e-14)])
@pytest.mark.parametrize("bounded", [True, False])
def test_huge_and_tiny_parameters_on_a_linear_scale(model, unit, method, bounded):
    t = np.linspace(0.0, 5.0, 12)
    bounds = {"min": 1e-4 * unit, "max": 1e4 * unit} if bounded else {}
    result = fit(
        model,
        {"time": t, "c": 2.0 * np.exp(-0.3 * t)},
        [Parameter("k", unit, **bounds)],
        y0={"c": 2.0},
        noise=Normal(0.05),
        method=method,
        progress=False,
    )
    assert result.success, result.message
    assert result.verdicts == ()
    assert result.params["k"].value == pytest.approx(0.3 * unit, rel=1e-5)


def test_a_random_model_is_a_mistake_not_a_failure(decay_case):
    dice = np.random.default_rng(0)

    def model(t, y, p):
        return [-p["k"] * y[0] * (1.0 + 0.01 * dice.random())]

    arguments = decay_case.arguments | {"model": model, "solver": {"rtol": 1e-2, "atol": 1e-2}}
    with pytest.warns(SlowModelWarning), pytest.raises(NotDifferentiableError, match="random"):
        fit(**arguments)


def test_observables_have_their_own_times():
    """Two functions of the states, measured at different times, one of them with replicates."""
    t, late = np.linspace(0.0, 2.0, 9), np.array([1.1, 1.1, 1.7])
    data = {
        "total": (t, np.exp(0.4 * t) + 3.0 * np.exp(-t)),
        "double": (late, 2.0 * np.exp(0.4 * late)),
    }
    params = Parameters([Parameter("rate", 0.1, min=-2, max=2), Parameter("factor", 1.0)])
    result = fit(
        growth,
        data,
        params,
        y0=[1.0, 3.0],
        observables={
            "total": lambda t, y, p: y[0] + 3.0 * np.exp(-t),
            "double": lambda t, y, p: p["factor"] * y[0],
        },
        noise=Normal(0.01),
        progress=False,
    )
    assert result.params["rate"].value == pytest.approx(0.4, abs=1e-6)
    assert result.params["factor"].value == pytest.approx(2.0, abs=1e-6)
    np.testing.assert_allclose(result.residuals, 0.0, atol=1e-4)


def test_initial_state_as_a_function_and_earlier_t0():
    t = np.array([1.0, 2.0, 3.0])
    params = Parameters([Parameter("rate", 0.2, min=-2, max=2), Parameter("share", 0.5)])
    first, second = 0.75 * 4.0 * np.exp(0.3 * t), 0.25 * 4.0 * np.exp(-t)
    result = fit(
        growth,
        {"time": t, "a": first, "b": second},
        params,
        t0=0.0,
        y0=lambda p: [4.0 * p["share"], 4.0 * (1.0 - p["share"])],
        noise=Normal(0.01),
        progress=False,
    )
    assert result.params["rate"].value == pytest.approx(0.3, abs=1e-6)
    assert result.params["share"].value == pytest.approx(0.75, abs=1e-6)


def test_noise_column_weighs_the_data():
    """Two constants measured at unequal precision: the weighted mean."""
    data = {
        "observable": ["c"] * 3,
        "time": [0.0, 1.0, 2.0],
        "value": [1.0, 2.0, 4.0],
        "noise": [0.1, 0.2, 0.4],
    }
    params = Parameters([Parameter("c_0", 1.0)])
    result = fit(lambda t, y, p: [0.0 * y[0]], data, params, y0={"c": "c_0"}, progress=False)
    weights = 1 / np.array([0.1, 0.2, 0.4]) ** 2
    mean = weights @ [1.0, 2.0, 4.0] / weights.sum()
    assert result.params["c_0"].value == pytest.approx(mean, rel=1e-8)
    assert result.params["c_0"].stderr == pytest.approx(weights.sum() ** -0.5, rel=1e-8)


# Endings.


def test_interrupt_returns_the_best_so_far(prey_case):
    seen = []

    def interrupt(intermediate_result):
        seen.append(intermediate_result)
        if len(seen) == 3:
            raise KeyboardInterrupt

    result = fit(**prey_case.arguments, callback=interrupt)
    assert result.interrupted
    assert not result.success
    assert result.message.startswith("interrupted; this is the best point so far: one more step")
    assert result.nllh == pytest.approx(min(state.fun for state in seen), rel=1e-12)
    assert result.nllh < result.problem.nllh(result.problem.params.axis_values())
    assert np.all(np.isfinite(result.covar))
    assert "interrupted" in result.fit_report()


def test_signal_in_the_midst_of_an_evaluation_returns_the_best_so_far(decay_case):
    calls = []

    arguments = decay_case.arguments | {"observables": {"c": observe_and_count(calls)}}
    result = fit(**arguments)
    assert len(calls) >= 8
    assert result.interrupted
    assert result.nllh < result.problem.nllh(result.problem.params.axis_values())


def observe_and_count(calls):
    """An observable in the midst of whose evaluation the user presses Ctrl-C."""

    def observable(t, y, p):
        calls.append(1)
        if len(calls) == 8:
            signal.raise_signal(signal.SIGINT)
        return y[0]

    return observable


def test_interrupt_inside_a_model_that_is_not_compiled(decay_case):
    """Ctrl-C arrives while the solver calls back into Python."""
    calls = []

    def counting(t, y, p):
        calls.append(1)
        if len(calls) == 2000:
            signal.raise_signal(signal.SIGINT)
        return [-p["k"] * y[0]]

    with pytest.warns(SlowModelWarning, match="test_estimate"):
        result = fit(**(decay_case.arguments | {"model": counting}))
    assert len(calls) >= 2000
    assert result.interrupted
    assert not result.solver_stats["compiled"]
    assert "not compiled" in result.fit_report()


def test_model_that_cannot_be_compiled_gives_the_same(decay_case, decay_fit):
    seen = set()

    def remembering(t, y, p):
        seen.add(type(t).__name__)
        return [-p["k"] * y[0]]

    with pytest.warns(SlowModelWarning):
        result = fit(**(decay_case.arguments | {"model": remembering}))
    assert seen
    assert result.nllh == pytest.approx(decay_fit.nllh, rel=1e-12)
    np.testing.assert_allclose(result.covar, decay_fit.covar, rtol=1e-9)


def test_stop_iteration_ends_the_fit(prey_case):
    def stop(intermediate_result):
        if intermediate_result.nit == 2:
            raise StopIteration

    result = fit(**prey_case.arguments, callback=stop)
    assert result.status == 3
    assert not result.interrupted
    assert result.message.startswith("stopped by the callback")


def test_callback_sees_each_accepted_step(decay_case):
    seen = []
    result = fit(**decay_case.arguments, callback=seen.append)
    assert [state.nit for state in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].params["k"] == pytest.approx(result.params["k"].value, rel=1e-6)
    assert all(later.fun <= earlier.fun for earlier, later in pairwise(seen))


def test_evaluations_can_be_limited(prey_case):
    result = fit(**prey_case.arguments, max_nfev=4)
    assert result.nfev == 4
    assert result.status == 2
    assert not result.success
    assert "evaluations used up" in result.message


def test_the_limit_of_evaluations_is_for_each_start(prey_case):
    result = fit(**prey_case.arguments, max_nfev=3, n_starts=3)
    assert [start["nfev"] for start in result.starts if start["nllh"] is not None] == [3, 3, 3]
    assert {start["status"] for start in result.starts if start["nfev"] == 3} == {2}


@pytest.mark.parametrize(
    ("status", "decrement", "complete", "verdict"),
    [
        (0, 1e-9, True, 0),
        (0, 1.0, True, 1),  # an optimiser that claims success on a slope
        (1, 1e-9, True, 0),  # one that gives up on the last digits of a minimum
        (1, 1e-9, False, 1),  # ... where the decrement does not see all directions
        (2, 1e-9, True, 2),
    ],
)
def test_the_exact_gradient_has_the_last_word(status, decrement, complete, verdict):
    starts = [{"nllh": 1.0, "message": "says SciPy"}, {"nllh": None, "message": "failed"}]
    known = SimpleNamespace(decrement=decrement, complete=complete)
    found, message = _verdict(status, starts, known)
    assert found == verdict
    assert message.startswith(("converged", "not converged", "evaluations")[found])
    assert ("says SciPy" in message) == (found < 2)


# Failures on the way.


def explosive(t, y, p):
    return [p["k"] * y[0] ** 2]


@pytest.fixture(scope="module")
def explosive_case():
    """y' = k y^2, y = 1/(1 - k t), measured close to its pole: larger trial values of k blow up."""
    t = np.linspace(0.0, 1.8, 10)
    params = Parameters([Parameter("k", 0.05, min=0.01, max=50.0, scale="log10")])
    return {
        "model": explosive,
        "data": {"time": t, "y": 1.0 / (1.0 - 0.5 * t)},
        "params": params,
        "y0": {"y": 1.0},
        "progress": False,
    }


@pytest.mark.parametrize("method", ["least_squares", "L-BFGS-B", "trust-constr", "TNC"])
def test_blow_up_on_the_way_is_recorded_and_survived(explosive_case, method):
    result = fit(**explosive_case, noise=Normal(0.1), method=method)
    assert result.success, result.message
    assert result.params["k"].value == pytest.approx(0.5, rel=1e-4)
    assert result.nfev_failed == sum(result.failures.values()) > 0
    assert "explosive" in next(iter(result.failures))
    assert "failed evaluation" in result.fit_report()


def draining(t, y, p):
    return [-p["k"] * math.sqrt(y[0])]


def fussy(t, y, p):
    if p["k"] > 3.0:
        raise ValueError("k is too large")
    return [-p["k"] * y[0]]


@pytest.mark.parametrize(
    ("model", "curve", "truth", "reason"),
    [
        (draining, lambda t: (1 - 0.25 * t) ** 2, 0.5, "draining: "),
        (fussy, lambda t: np.exp(-2.5 * t), 2.5, "ValueError: k is too large"),
    ],
)
@pytest.mark.parametrize("method", ["least_squares", "L-BFGS-B"])
def test_model_that_fails_for_some_values(model, curve, truth, reason, method):
    """A root of a negative number, an exception of the model's own."""
    t = np.linspace(0.0, 1.5, 9)
    params = Parameters([Parameter("k", 1.2, min=0.01, max=50.0, scale="log10")])
    result = fit(
        model,
        {"time": t, "c": curve(t)},
        params,
        y0={"c": 1.0},
        noise=Normal(0.01),
        method=method,
        n_starts=6,
        progress=False,
    )
    assert result.success, result.message
    assert result.params["k"].value == pytest.approx(truth, rel=1e-5)
    assert result.failures
    assert all(text.startswith(reason) for text in result.failures)


def test_failing_starts_are_replaced(explosive_case):
    result = fit(**explosive_case, noise=Normal(0.1), n_starts=4, seed=1)
    ended = [start for start in result.starts if start["nllh"] is not None]
    failed = [start for start in result.starts if start["nllh"] is None]
    assert len(ended) == 4
    assert failed
    assert all(start["message"].startswith("failed at the start") for start in failed)
    assert result.params["k"].value == pytest.approx(0.5, rel=1e-4)
    assert f"{len(failed)} more could not be evaluated" in result.fit_report()


def test_prediction_without_likelihood_is_a_recorded_failure():
    """A prediction that turns negative has no log-normal likelihood."""
    t = np.linspace(0.0, 1.0, 6)
    params = Parameters([Parameter("slope", -0.5, min=-20.0, max=20.0)])
    result = fit(
        lambda t, y, p: [p["slope"] + 0.0 * y[0]],
        {"time": t, "y": 1.0 + 5.0 * t},
        params,
        y0={"y": 1.0},
        noise=LogNormal(0.1),
        n_starts=5,
        progress=False,
    )
    assert result.params["slope"].value == pytest.approx(5.0, rel=1e-6)
    assert any("needs a positive" in reason for reason in result.failures)


def test_a_mistake_in_the_model_is_not_taken_for_a_failure(decay_case):
    def fragile(t, y, p):
        return y[0] if p["k"] == 1.5 else y["c"]

    with pytest.raises(Exception, match=r"(?i)ind|subscript|key"):
        fit(**(decay_case.arguments | {"observables": {"c": fragile}}))


def test_a_start_without_curvature_is_left_behind(decay_case):
    """With c_0 = 0 the data say nothing of k, so the first scaling of k is a guess."""
    params = decay_case.arguments["params"].replace("c_0", value=0.0)
    result = fit(**(decay_case.arguments | {"params": params}), method="L-BFGS-B")
    assert result.success, result.message
    assert result.params["k"].value == pytest.approx(0.7, abs=0.05)


def test_a_wrong_input_on_the_way_is_not_taken_for_a_failure(decay_case):
    """`InputError` is a `ValueError`, but says that something must be corrected."""

    def fragile(t, y, p):
        if p["k"] != 1.5:
            raise InputError("only 1.5 will do")
        return y[0]

    with pytest.raises(InputError, match=r"only 1\.5 will do"):
        fit(**(decay_case.arguments | {"observables": {"c": fragile}}))


# Several starts, progress.


def test_same_seed_same_starts(decay_case):
    runs = [fit(**decay_case.arguments, n_starts=3, seed=5).starts for _ in range(2)]
    assert [start["start"] for start in runs[0]] == [start["start"] for start in runs[1]]
    assert runs[0][0]["start"]["k"] == pytest.approx(1.5)
    other = fit(**decay_case.arguments, n_starts=3, seed=6).starts
    assert other[1]["start"] != runs[0][1]["start"]


def test_progress_is_silent_a_line_or_a_bar(decay_case):
    shown = {}
    for wanted in (False, None, True):
        with redirect_stderr(io.StringIO()) as stream:
            fit(**(decay_case.arguments | {"progress": wanted}))
        shown[wanted] = stream.getvalue()
    assert shown[False] == ""
    assert shown[None].startswith("fit decay: ")
    assert shown[None].count("\n") == 1
    assert "evaluations" in shown[True]
    assert "\r" in shown[True]


def test_user_data_are_not_changed(decay_case):
    table = {"time": decay_case.time.copy(), "c": decay_case.value.copy()}
    fit(**(decay_case.arguments | {"data": table}))
    assert set(table) == {"time", "c"}
    np.testing.assert_array_equal(table["c"], decay_case.value)


def test_result_can_be_a_new_start(decay_case, decay_fit):
    again = fit(**(decay_case.arguments | {"params": decay_fit.params}))
    assert again.nfev <= 4
    assert again.params["k"].init_value == decay_fit.params["k"].value


def test_data_object_and_mapping_are_the_same(decay_case, decay_fit):
    data = Data({"c": (decay_case.time, decay_case.value)})
    assert fit(**(decay_case.arguments | {"data": data})).nllh == decay_fit.nllh

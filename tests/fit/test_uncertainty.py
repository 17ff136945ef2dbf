import numpy as np
import pytest

from sciad.fit import LogNormal, Normal, Parameter, Parameters, fit


def information_by_differences(problem, x, h=1e-4):
    """Expected Fisher information from finite differences of means and sigmas."""
    n = problem.data.n_data
    columns = [
        (problem.moments(x + h * e) - problem.moments(x - h * e)) / (2 * h) for e in np.eye(x.size)
    ]
    moments = np.stack(columns, axis=-1)
    means = moments[:n] / problem.sigma(problem.params.natural(x))[:, None]
    return means.T @ means + 2 * moments[n:].T @ moments[n:]


def test_covariance_is_the_inverse_information(prey_fit):
    information = information_by_differences(prey_fit.problem, prey_fit.x)
    reference = np.linalg.inv(information)
    deviations = np.sqrt(np.diag(reference))
    scaled = (prey_fit.axis_covar - reference) / np.outer(deviations, deviations)
    assert np.max(np.abs(scaled)) < 1e-4


def test_natural_scale_by_the_delta_method(prey_fit):
    """On a log10 axis: relative error = ln(10) times the error on the axis."""
    for i, name in enumerate(prey_fit.params.free):
        row = prey_fit.params[name]
        axis_error = np.sqrt(prey_fit.axis_covar[i, i])
        assert row.stderr == pytest.approx(np.log(10) * row.value * axis_error, rel=1e-10)


def test_covariance_against_the_curvature_of_the_likelihood():
    """Small noise: the inverse Hessian by finite differences of nllh itself."""
    rng = np.random.default_rng(0)
    t = np.linspace(0.0, 3.0, 40)
    value = 2.0 * np.exp(-0.9 * t) + 1e-3 * rng.standard_normal(t.size)
    params = Parameters([Parameter("k", 1.0), Parameter("c_0", 1.0)])
    result = fit(
        lambda t, y, p: [-p["k"] * y[0]],
        {"time": t, "c": value},
        params,
        y0={"c": "c_0"},
        noise=Normal(1e-3),
        progress=False,
        solver={"rtol": 1e-11, "atol": 1e-12},
    )
    h = 2e-4
    e = h * np.eye(2)

    def f(step):
        return float(result.problem.nllh(result.x + step))

    hessian = [[(f(u + v) - f(u - v) - f(v - u) + f(-u - v)) / (4 * h * h) for u in e] for v in e]
    np.testing.assert_allclose(result.covar, np.linalg.inv(hessian), rtol=2e-3)


def test_standard_errors_cover_the_truth_as_often_as_they_should():
    """Coverage of 68 % intervals over repeated data, for slope and sigma."""
    rng = np.random.default_rng(8)
    t = np.linspace(0.0, 2.0, 30)
    params = Parameters([Parameter("k", 0.6), Parameter("s", 0.2, min=0.01, max=2, scale="log10")])
    hits = []
    for _ in range(40):
        value = 3.0 * np.exp(-0.6 * t + 0.2 * rng.standard_normal(t.size))
        result = fit(
            lambda t, y, p: [-p["k"] * y[0]],
            {"time": t, "c": value},
            params,
            y0={"c": 3.0},
            noise=LogNormal("s"),
            progress=False,
        )
        rows = result.params
        hits.append(abs(rows["k"].value - 0.6) < rows["k"].stderr)
    assert 0.45 < np.mean(hits) < 0.9


# Verdicts.


def product(t, y, p):
    return [-p["a"] * p["b"] * y[0]]


def test_product_of_two_parameters_is_not_identified():
    t = np.linspace(0.0, 2.0, 9)
    params = Parameters(
        [
            Parameter("a", 1.0, min=0.1, max=10),
            Parameter("b", 1.0, min=0.1, max=10),
            Parameter("c_0", 2.0),
        ]
    )
    result = fit(
        product,
        {"time": t, "c": 3.0 * np.exp(-0.5 * t)},
        params,
        y0={"c": "c_0"},
        noise=Normal(0.1),
        progress=False,
    )
    assert len(result.verdicts) == 1
    assert result.verdicts[0].startswith("a and b cannot be identified")
    assert result.params["a"].stderr is None
    assert result.params["b"].stderr is None
    assert result.params["c_0"].stderr == pytest.approx(known_error(t), rel=1e-5)
    assert "a and b cannot be identified" in result.fit_report()
    assert result.params["a"].value * result.params["b"].value == pytest.approx(0.5, rel=1e-5)


def known_error(t):
    """Standard error of c_0 in c_0 exp(-k t) at (3, 0.5) with noise 0.1."""
    curve = np.exp(-0.5 * t)
    jacobian = np.stack([curve, -3.0 * t * curve], axis=-1) / 0.1
    return np.sqrt(np.linalg.inv(jacobian.T @ jacobian)[0, 0])


def test_unused_parameter_is_named(decay_case, decay_fit):
    params = Parameters([*decay_case.arguments["params"].values(), Parameter("idle", 3.0)])
    result = fit(**(decay_case.arguments | {"params": params}))
    assert result.verdicts == ("idle cannot be identified: no influence on the data",)
    assert result.params["idle"].stderr is None
    assert result.params["idle"].value == 3.0
    assert result.params["k"].stderr == pytest.approx(decay_fit.params["k"].stderr, rel=1e-6)


@pytest.mark.parametrize("method", ["least_squares", "L-BFGS-B", "trust-constr"])
@pytest.mark.parametrize("start", [0.0, 2.0, 4.0])
def test_parameter_at_a_bound_is_named(decay_case, method, start):
    """The best value lies beyond the bound; the start lies inside or on a bound itself."""
    params = decay_case.arguments["params"].replace("c_0", value=start, max=4.0)
    result = fit(**(decay_case.arguments | {"params": params, "method": method}))
    assert result.success, result.message
    assert result.params["c_0"].value == pytest.approx(4.0, rel=1e-6)
    assert result.verdicts[0].startswith("c_0 lies at its upper bound")
    assert result.params["c_0"].stderr is None
    assert result.params["k"].stderr > 0


def test_interior_point_stops_short_of_a_bound_on_a_logarithmic_scale(decay_case):
    """It ends 1e-5 away from the bound, a thousandth of the parameter's standard error."""
    params = decay_case.arguments["params"].replace("k", value=1.2, min=1.0)
    result = fit(**(decay_case.arguments | {"params": params, "method": "trust-constr"}))
    assert result.success, result.message
    assert result.verdicts[0].startswith("k lies at its lower bound")


@pytest.mark.parametrize("bound", [{"min": 0.3 * (1 - 1e-6)}, {"max": 0.3 * (1 + 1e-6)}])
def test_best_value_beside_a_bound_has_a_standard_error(bound):
    """Nothing presses it against the bound, however near that is."""
    t = np.linspace(0.0, 5.0, 12)
    params = [Parameter("k", 0.3, **({"min": 0.1, "max": 1.0} | bound)), Parameter("c_0", 2.1)]
    result = fit(
        lambda t, y, p: [-p["k"] * y[0]],
        {"time": t, "c": 2.0 * np.exp(-0.3 * t)},
        params,
        y0={"c": "c_0"},
        noise=Normal(0.05),
        progress=False,
    )
    assert result.verdicts == ()
    assert result.params["k"].stderr > 0


# Bands.


def test_bands_of_a_straight_line_are_the_textbook_ones():
    """y = a + b t with known noise: variance of the line (1, t) C (1, t)^T."""
    rng = np.random.default_rng(2)
    t = np.linspace(0.0, 5.0, 12)
    value = 1.0 + 0.5 * t + 0.2 * rng.standard_normal(t.size)
    params = Parameters([Parameter("a", 0.0), Parameter("b", 0.0)])
    result = fit(
        lambda t, y, p: [p["b"] + 0.0 * y[0]],
        {"time": t, "y": value},
        params,
        y0={"y": "a"},
        noise=Normal(0.2),
        progress=False,
    )
    design = np.stack([np.ones(12), t], axis=-1)
    covar = 0.04 * np.linalg.inv(design.T @ design)
    grid = np.array([0.0, 2.5, 7.0])
    rows = np.stack([np.ones(3), grid], axis=-1)
    variance = np.einsum("ij,jk,ik->i", rows, covar, rows)
    band = result.predict(grid)["y"]
    np.testing.assert_allclose(band.upper - band.curve, 1.959964 * np.sqrt(variance), rtol=1e-5)
    np.testing.assert_allclose(
        band.curve - band.lower_new, 1.959964 * np.sqrt(variance + 0.04), rtol=1e-5
    )
    np.testing.assert_allclose(band.curve, rows @ np.linalg.lstsq(design, value, rcond=None)[0])


def test_log_normal_bands_are_positive_and_hold_the_curve(prey_fit):
    for name, band in prey_fit.predict().items():
        assert np.all(band.lower_new > 0), name
        assert np.all(band.lower_new < band.lower)
        assert np.all(band.lower < band.curve)
        assert np.all(band.curve < band.upper)
        assert np.all(band.upper < band.upper_new)
        np.testing.assert_allclose(band.curve**2, band.lower * band.upper, rtol=1e-10)


def test_prediction_bands_cover_the_data(prey_fit):
    bands = prey_fit.predict(level=0.8)
    inside = [
        (bands[name].lower_new < series.value) & (series.value < bands[name].upper_new)
        for name, series in prey_fit.problem.data.items()
    ]
    assert 0.68 < np.mean(inside) < 0.92


def test_no_band_without_variance_no_prediction_band_without_sigma():
    t = np.linspace(0.0, 2.0, 9)
    data = {"observable": ["c"] * 9, "time": t, "value": 3.0 * np.exp(-0.5 * t), "noise": [0.1] * 9}
    params = Parameters([Parameter("a", 1.0, min=0.1, max=10), Parameter("b", 1.0, min=0, max=9)])
    band = fit(product, data, params, y0={"c": 3.0}, progress=False).predict([0.0, 1.0])["c"]
    assert band.lower[0] == band.upper[0] == 3.0  # the initial value is known
    assert np.isnan(band.lower[1])
    assert np.all(np.isnan(band.lower_new))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"times": [1.0, 0.5]}, "must ascend"),
        ({"times": [-1.0, 0.5]}, "must ascend from the initial time 0"),
        ({"times": {"d": [1.0]}}, "no observable 'd'"),
        ({"times": [1.0, np.nan]}, "finite"),
        ({"times": "now"}, "times must be a sequence of finite numbers"),
        ({"level": 95}, "level must lie between 0 and 1, got 95"),
    ],
)
def test_bad_prediction_requests(decay_fit, arguments, message):
    with pytest.raises(ValueError, match=message):
        decay_fit.predict(**arguments)

import numpy as np
import pytest
from scipy import stats

from sciad.core.errors import InputError
from sciad.fit import Data, LogNormal, Normal, Parameter, Parameters
from sciad.fit.noise import resolve_noise

DATA = Data({"time": [0, 1, 2], "a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})
PARAMS = Parameters(
    [
        Parameter("sigma_a", 0.5, min=0.01, max=2.0),
        Parameter("signed", 0.5, min=-1.0, max=2.0),
    ]
)


@pytest.mark.parametrize(
    ("model", "reference"),
    [
        (Normal(0.3), lambda y, f: stats.norm.logpdf(y, f, 0.3)),
        (LogNormal(0.3), lambda y, f: stats.lognorm.logpdf(y, 0.3, scale=f)),
    ],
)
def test_densities_are_those_of_scipy(model, reference):
    y, f = np.array([0.5, 1.0, 2.5]), np.array([0.7, 0.9, 2.0])
    r = (model.to_axis(y) - model.to_axis(f)) / model.sigma
    nllh = 0.5 * np.log(2 * np.pi) + np.log(model.sigma) + 0.5 * r**2 - model.log_slope(y)
    np.testing.assert_allclose(-nllh, reference(y, f), rtol=1e-12)
    np.testing.assert_allclose(model.from_axis(model.to_axis(y)), y, rtol=1e-15)


@pytest.mark.parametrize(
    "sigma", [{"a": "sigma_a", "b": 2.0}, ["sigma_a", 2.0], {"b": 2.0, "a": "sigma_a"}]
)
def test_sigma_is_given_to_each_observable(sigma):
    models = resolve_noise(LogNormal(sigma), DATA, PARAMS)
    assert models == {"a": LogNormal("sigma_a"), "b": LogNormal(2.0)}


def test_one_sigma_for_all_and_mixed_models():
    assert resolve_noise(Normal(2.0), DATA, PARAMS) == {"a": Normal(2.0), "b": Normal(2.0)}
    mixed = {"b": Normal(2.0), "a": LogNormal("sigma_a")}
    assert resolve_noise(mixed, DATA, PARAMS) == mixed


def test_noise_models_of_different_kind_differ():
    assert Normal(1.0) != LogNormal(1.0)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (None, "noise of 'a' is unknown"),
        (Normal("sigma_b"), "'sigma_b', which is not in the table\n.*'sigma_a'"),
        (Normal("signed"), "'signed' is a standard deviation and must stay positive"),
        (Normal(-1.0), "sigma of 'a' must be positive, got -1"),
        (Normal(True), "must be a number or a parameter's name, got True"),
        (Normal([1.0]), "sigma has 1 entries for 2 observables"),
        (Normal({"a": 1.0}), "sigma of the observable 'b' is not given"),
        (Normal({"a": 1.0, "b": 1.0, "c": 1.0}), "sigma is given for 'c'"),
        ({"a": Normal(1.0)}, "noise of the observable 'b' is not given"),
        ({"a": Normal(1.0), "b": 0.5}, "noise of 'b' must be a noise model, got 0.5"),
        (0.5, "noise must be a noise model"),
    ],
)
def test_bad_noise_is_refused(noise, message):
    with pytest.raises(InputError, match=message):
        resolve_noise(noise, DATA, PARAMS)


def test_noise_given_twice_is_refused():
    data = Data({"observable": ["a"], "time": [0.0], "value": [1.0], "noise": [0.1]})
    with pytest.raises(InputError, match="'a' is given twice"):
        resolve_noise(Normal(0.1), data, PARAMS)


def test_log_normal_noise_needs_positive_data():
    data = Data({"time": [0, 1], "a": [1.0, 0.0]})
    with pytest.raises(InputError, match="log-normal noise needs positive data, but 'a' is 0 at"):
        resolve_noise(LogNormal(0.1), data, PARAMS)

"""Small fits that several tests share."""

from types import SimpleNamespace

import numpy as np
import pytest

from sciad.fit import Data, LogNormal, Normal, Parameter, Parameters, fit, make_problem


def decay(t, y, p):
    return [-p["k"] * y[0]]


def lotka_volterra(t, y, p):
    hare, lynx = y
    return [
        p["alpha"] * hare - p["beta"] * hare * lynx,
        -p["gamma"] * lynx + p["delta"] * hare * lynx,
    ]


DECAY_TRUTH = {"k": 0.7, "c_0": 5.0}


@pytest.fixture(scope="session")
def decay_case():
    """Exponential decay with known normal noise: the arguments of a fit, its truth and data."""
    rng = np.random.default_rng(12)
    time = np.linspace(0.0, 4.0, 25)
    sigma = 0.05
    value = 5.0 * np.exp(-0.7 * time) + sigma * rng.standard_normal(time.size)
    params = Parameters(
        [
            Parameter("k", 1.5, min=0.01, max=50.0, scale="log10", unit="1/s"),
            Parameter("c_0", 2.0, min=0.0, max=100.0, unit="mM"),
        ]
    )
    arguments = {
        "model": decay,
        "data": Data({"time": time, "c": value}, units={"time": "s", "c": "mM"}),
        "params": params,
        "y0": {"c": "c_0"},
        "noise": Normal(sigma),
        "progress": False,
    }
    return SimpleNamespace(arguments=arguments, time=time, value=value, sigma=sigma)


@pytest.fixture(scope="session")
def decay_fit(decay_case):
    return fit(**decay_case.arguments)


PREY_TRUTH = {
    "alpha": 0.55,
    "beta": 0.028,
    "gamma": 0.8,
    "delta": 0.024,
    "hare_0": 34.0,
    "lynx_0": 5.9,
    "sigma_hare": 0.05,
    "sigma_lynx": 0.1,
}


@pytest.fixture(scope="session")
def prey_case():
    """Lotka-Volterra with log-normal noise, simulated by SciPy; everything is estimated."""
    from scipy.integrate import solve_ivp

    rng = np.random.default_rng(3)
    time = np.linspace(0.0, 20.0, 61)
    p = PREY_TRUTH
    exact = solve_ivp(
        lotka_volterra, (0, 20), [34.0, 5.9], t_eval=time, args=(p,), rtol=1e-10, atol=1e-10
    )
    noisy = exact.y * np.exp([[0.05], [0.1]] * rng.standard_normal(exact.y.shape))
    start = {"sigma_hare": 0.3, "sigma_lynx": 0.3} | {
        name: value * 1.15 for name, value in p.items() if not name.startswith("sigma")
    }
    params = Parameters(
        Parameter(name, start[name], min=p[name] / 20, max=p[name] * 20, scale="log10")
        for name in p
    )
    arguments = {
        "model": lotka_volterra,
        "data": Data({"time": time, "hare": noisy[0], "lynx": noisy[1]}),
        "params": params,
        "y0": {"hare": "hare_0", "lynx": "lynx_0"},
        "noise": LogNormal(sigma={"hare": "sigma_hare", "lynx": "sigma_lynx"}),
        "progress": False,
    }
    return SimpleNamespace(arguments=arguments, truth=p)


@pytest.fixture(scope="session")
def prey_fit(prey_case):
    return fit(**prey_case.arguments)


@pytest.fixture(scope="session")
def prey_problem(prey_case):
    arguments = {key: value for key, value in prey_case.arguments.items() if key != "progress"}
    return make_problem(**arguments)

"""Every mistake in the input is an error that names the culprit, before any work starts."""

import math

import numpy as np
import pytest

from sciad.core.errors import InputError
from sciad.fit import Data, LogNormal, Normal, Parameter, Parameters, fit

TIME = [0.0, 1.0, 2.0]
DATA = Data({"time": TIME, "prey": [1.0, 2.0, 3.0], "hunter": [3.0, 2.0, 1.0]})
PARAMS = Parameters(
    [
        Parameter("alpha", 0.5, min=0.01, max=10.0, scale="log10"),
        Parameter("prey_0", 1.0, min=0.1, max=10.0),
    ]
)
Y0 = {"prey": "prey_0", "hunter": 3.0}


def model(t, y, p):
    return [p["alpha"] * y[0], -y[1]]


def attempt(**changes):
    arguments = {
        "model": model,
        "data": DATA,
        "params": PARAMS,
        "y0": Y0,
        "noise": Normal(0.1),
        "progress": False,
    }
    return fit(**(arguments | changes))


def misspelt(t, y, p):
    return [p["alhpa"] * y[0], -y[1]]


def too_short(t, y, p):
    return [p["alpha"] * y[0]]


def without_return(t, y, p):
    p["alpha"] * y[0]


def not_numbers(t, y, p):
    return ["a", "b"]


def complex_slope(t, y, p):
    return [1j * y[0], y[1]]


def raising(t, y, p):
    raise ZeroDivisionError("rabbits")


def infinite(t, y, p):
    return [0.0 * y[0], math.inf]


@pytest.mark.parametrize(
    ("culprit", "message"),
    [
        (
            misspelt,
            r"misspelt asks for the parameter 'alhpa'.*\n.*test_bad_input.py:\d+\n.*'alpha'",
        ),
        (too_short, r"too_short returns shape \(1,\), but y0 has 2 states \(prey, hunter\)"),
        (without_return, "without_return returns None\n.*test_bad_input.py.*\n.*`return` missing"),
        (not_numbers, "not_numbers must return 2 real numbers"),
        (complex_slope, "complex_slope must return 2 real numbers"),
        (raising, r"raising raises ZeroDivisionError .* rabbits\n.*test_bad_input.py:\d+"),
        (infinite, "infinite returns inf for d hunter/dt at the start"),
        ("model", "the model must be a function"),
    ],
)
def test_bad_model(culprit, message):
    with pytest.raises(InputError, match=message):
        attempt(model=culprit)


def test_raising_model_is_located_at_the_line_that_raises():
    with pytest.raises(InputError) as caught:
        attempt(model=raising)
    line = raising.__code__.co_firstlineno + 1
    assert caught.value.where == f"{__file__}:{line}"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("y0", "message"),
    [
        ({"prey": "prey0", "hunter": 3.0}, "y0 of 'prey' is the parameter 'prey0'.*\n.*'prey_0'"),
        ({"prey": "prey_0", "hunter": "prey_0"}, "uses the parameter 'prey_0' for two states"),
        ({"prey": "prey_0", "hunter": math.nan}, "y0 of 'hunter' must be a finite number"),
        ({"prey": "prey_0", "hunter": None}, "y0 of 'hunter' must be a finite number"),
        ([], "y0 must give one number or parameter name a state"),
        ("prey_0", "y0 must give one number or parameter name a state"),
        (["prey_0"], "'prey', which is neither a state of the model"),
        (lambda p: [p["prey0"], 1.0], "y0 asks for the parameter 'prey0'.*\n.*\n.*'prey_0'"),
        (lambda p: [[1.0], [2.0]], "y0 must return a sequence of finite numbers"),
        (lambda p: [math.nan, 2.0], "y0 must return a sequence of finite numbers"),
    ],
)
def test_bad_initial_state(y0, message):
    with pytest.raises(InputError, match=message):
        attempt(y0=y0)


@pytest.mark.parametrize(
    ("observables", "message"),
    [
        ({"pray": "prey"}, "the observable 'pray' has no data\n.*'prey'"),
        ({"prey": "pray"}, "is the state 'pray', which the model does not have\n.*'prey'"),
        ({"prey": 2}, "must be a state's name, its index below 2, or a function"),
        ({"prey": lambda t, y, p: y}, r"'prey' returns shape \(2, 3\) for 3 times"),
        ({"prey": lambda t, y, p: p["x"] * y[0]}, "'prey' asks for the parameter 'x'"),
        ({"prey": lambda t, y, p: y[7]}, "the observable 'prey' raises IndexError"),
    ],
)
def test_bad_observable(observables, message):
    with pytest.raises(InputError, match=message):
        attempt(observables=observables)


def test_measured_quantity_that_is_no_state():
    with pytest.raises(InputError, match=r"'hunter', which is neither a state.*\n.*'huntr'"):
        attempt(y0={"prey": "prey_0", "huntr": 3.0})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"params": [Parameter("alpha", 0.5, vary=False), Parameter("prey_0", 1.0, vary=False)]},
            "no parameter is free",
        ),
        ({"data": {"time": TIME, "prey": [1.0, math.nan, 3.0]}}, "'prey': value is nan in row 1"),
        ({"data": {"time": [0.0, 2.0, 1.0], "prey": [1, 2, 3]}}, "'prey': times are not sorted"),
        (
            {"noise": LogNormal(0.1), "data": {"time": TIME, "prey": [1.0, -2.0, 3.0]}},
            "log-normal noise needs positive data, but 'prey' is -2 at time 1",
        ),
        ({"noise": Normal("sigma")}, "'sigma', which is not in the table"),
        ({"t0": 0.5}, "t0 = 0.5 lies after the first measurement at time 0"),
        ({"t0": math.nan}, "t0 must be a finite number, got nan"),
        ({"t0": "start"}, "t0 must be a finite number, got 'start'"),
        ({"solver": {"t_eval": [1.0]}}, "solver may not set 't_eval'"),
        ({"noise": Normal(0.1), "options": {"ftoll": 1e-3}}, "no option 'ftoll'.*\n.*'ftol'"),
        ({"noise": Normal(0.1), "options": {"loss": "soft_l1"}}, "'loss': a fit maximises"),
        (
            {
                "n_starts": 2,
                "seed": "many",
                "params": [Parameter("alpha", 0.5, min=0.1, max=1.0)],
                "y0": {"prey": 1.0, "hunter": 1.0},
            },
            "seed must be an integer",
        ),
        ({"data": {"time": [1.0], "prey": [1.0]}}, "no measurement after the initial time t0 = 1"),
        ({"method": "L-BFGSB"}, "unknown method 'L-BFGSB'\n.*'L-BFGS-B'"),
        ({"n_starts": 0}, "n_starts must be a positive integer, got 0"),
        ({"n_starts": 2.5}, "n_starts must be a positive integer, got 2.5"),
        ({"max_nfev": 0}, "max_nfev must be a positive integer, got 0"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(InputError, match=message):
        attempt(**changes)


def test_start_outside_bounds_names_the_parameter():
    with pytest.raises(InputError, match=r"'alpha': value 20 lies outside its bounds \[0.01, 10\]"):
        PARAMS.replace("alpha", value=20.0)


def test_least_squares_cannot_estimate_sigma():
    params = Parameters([*PARAMS.values(), Parameter("sigma", 0.1, scale="log10")])
    with pytest.raises(InputError, match=r"'least_squares' minimises squares.*\n.*L-BFGS-B"):
        attempt(params=params, noise=Normal("sigma"), method="least_squares")


def test_several_starts_need_finite_bounds():
    params = PARAMS.replace("prey_0", max=math.inf)
    with pytest.raises(InputError, match=r"'prey_0' has bounds \[0.1, inf\] on a lin scale"):
        attempt(params=params, n_starts=3)


def blows_up(t, y, p):
    return [p["alpha"] * y[0] ** 2, -y[1]]


def test_blow_up_at_the_start_is_an_error_with_its_reason():
    params = PARAMS.replace("alpha", value=5.0)  # y = 1/(1 - 5 t): infinite at t = 0.2
    with pytest.raises(
        InputError, match=r"cannot be evaluated at the start values: .*blows_up"
    ) as e:
        attempt(model=blows_up, params=params)
    assert "start values or narrow the bounds" in str(e.value)


def test_nothing_is_changed_by_a_failing_fit():
    values = np.array([1.0, 2.0, 3.0])
    with pytest.raises(InputError):
        attempt(data={"time": TIME, "prey": values}, model=misspelt)
    np.testing.assert_array_equal(values, [1.0, 2.0, 3.0])

"""Bad input: each a clear error that names the culprit, before work starts where possible."""

import math
from functools import partial

import numpy as np
import pytest

import sciad
from sciad.core.errors import InputError, SciadError
from sciad.ode import DiscreteAdjoint, Forward, SlowModelWarning, solve_ivp


def decay(t, y):
    return [-y[0]]


GOOD = {"fun": decay, "t_span": (0.0, 1.0), "y0": [1.0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fun": 3}, "fun must be callable"),
        ({"y0": 1.0}, r"y0 must be 1-dimensional and not empty, it has shape \(\)"),
        ({"y0": [[1.0]]}, r"y0 must be 1-dimensional and not empty, it has shape \(1, 1\)"),
        ({"y0": []}, "not empty"),
        ({"y0": [[1.0], [1.0, 2.0]]}, "y0 must be a sequence of numbers"),
        ({"y0": ["a"]}, "y0 must consist of numbers"),
        ({"y0": [1.0 + 2.0j]}, "y0 is complex(?s:.*)real and imaginary parts"),
        ({"y0": [1.0, math.nan]}, r"y0\[1\] is nan"),
        ({"y0": [-math.inf, 1.0]}, r"y0\[0\] is -inf"),
        ({"t_span": 1.0}, r"t_span must be a pair"),
        ({"t_span": (0.0, 1.0, 2.0)}, r"t_span must be a pair"),
        ({"t_span": (0.0, "a")}, r"t_span\[1\] must be a number"),
        ({"t_span": (math.nan, 1.0)}, r"t_span\[0\] must be finite"),
        ({"t_span": (0.0, math.inf)}, r"t_span\[1\] must be finite"),
        ({"t_eval": [[0.1]]}, "t_eval must be 1-dimensional"),
        ({"t_eval": 0.1}, "t_eval must be 1-dimensional"),
        ({"t_eval": ["a"]}, "t_eval must be a 1-D array of times"),
        ({"t_eval": [0.0, 0.5, 0.4]}, r"not sorted .*ascending.*t_eval\[2\] = .*0\.4"),
        ({"t_eval": [0.0, 0.5], "t_span": (1.0, 0.0)}, r"not sorted .*descending"),
        ({"t_eval": [0.0, 1.5]}, r"t_eval reaches .*1\.5.*outside t_span"),
        ({"t_eval": [-0.1, 0.5]}, r"t_eval reaches .*-0\.1.*outside t_span"),
        ({"t_eval": [0.0, math.nan]}, r"t_eval\[1\] is nan"),
        ({"args": 2.0}, r"args must be a tuple.*float(?s:.*)args=\(value,\)"),
        ({"method": "Radau"}, "'Radau' is not available in sciad.ode yet(?s:.*)Tsit5, RK45, RK23"),
        ({"method": "tsit5"}, "unknown method 'tsit5'(?s:.*)Tsit5, RK45, RK23"),
        ({"method": 7}, "unknown method 7"),
        ({"rtol": -1e-3}, "rtol must not be negative"),
        ({"rtol": math.inf}, "rtol must be finite"),
        ({"rtol": "small"}, "rtol must be a number"),
        ({"rtol": math.nan}, "rtol must not be negative, it is nan"),
        ({"atol": -1e-3}, "atol must be finite and not negative"),
        ({"atol": [1e-3, 1e-3]}, r"atol has shape \(2,\).*\(1,\)"),
        ({"atol": "a"}, "atol must be a number or an array"),
        ({"atol": math.nan}, "atol must be finite and not negative"),
        ({"first_step": 0.0}, "first_step must be positive"),
        ({"first_step": 2.0}, "not longer than the span"),
        ({"max_step": 0.0}, "max_step must be positive"),
        ({"max_step": math.nan}, "max_step must be positive"),
        ({"max_num_steps": 0}, "max_num_steps must be at least 1"),
        ({"max_num_steps": 1.5}, "max_num_steps must be an integer"),
        ({"max_num_steps": True}, "max_num_steps must be an integer"),
        ({"events": decay}, "events are not available"),
        ({"stepsize": 0.1}, "no option 'stepsize'"),
        ({"sensitivity": DiscreteAdjoint}, "sensitivity must be an object"),
        ({"sensitivity": "adjoint"}, "sensitivity must be an object"),
    ],
    ids=str,
)
def test_bad_argument(change, message):
    with pytest.raises(InputError, match=message):
        solve_ivp(**(GOOD | change))


def test_input_errors_are_value_errors():
    with pytest.raises(ValueError, match="callable"):
        solve_ivp(None, (0.0, 1.0), [1.0])


def test_options_without_effect_warn():
    with pytest.warns(UserWarning, match="without effect.*jac"):
        solve_ivp(**GOOD, jac=lambda t, y: [[-1.0]])


def test_too_small_rtol_warns_and_is_raised():
    with pytest.warns(UserWarning, match="rtol = 1e-30 is too small"):
        assert solve_ivp(**GOOD, rtol=1e-30).success


@pytest.mark.parametrize("kind", [DiscreteAdjoint, Forward])
@pytest.mark.parametrize("memory", [-1.0, math.nan, None, "1 GB", True])
def test_memory_is_a_number_of_bytes(kind, memory):
    with pytest.raises(InputError, match="memory must be a number of bytes"):
        kind(memory=memory)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda t, y: [y[0]], r"returned 1 values; y0 has 2 components"),
        (lambda t, y: (y[0], y[1], 1.0), r"returned 3 values"),
        (lambda t, y: np.zeros((2, 1)), r"returned an array of shape \(2, 1\)"),
        (lambda t, y: 1.0, r"returned a scalar"),
        (lambda t, y: None, r"returned object values"),
        (lambda t, y: ["a", "b"], r"returned str\d* values"),
        (lambda t, y: [[1.0], [1.0, 2.0]], r"returned a ragged sequence"),
        (lambda t, y: [1.0, 1j], r"returned complex values for a real state"),
    ],
)
def test_model_that_returns_the_wrong_thing(model, message):
    with pytest.raises(InputError, match=message + r"(?s:.*)where: .*test_errors\.py:\d+"):
        solve_ivp(model, (0.0, 1.0), [1.0, 2.0])


def test_model_that_raises_at_the_start():
    def model(t, y):
        raise KeyError("rate")

    with pytest.raises(KeyError, match="rate") as caught:
        solve_ivp(model, (0.0, 1.0), [1.0])
    assert "raised by the model at t = 0.0, y = [1.]" in caught.value.__notes__[0]
    assert caught.traceback[-1].name == "model"


@pytest.mark.parametrize("compiled", [True, False])
def test_model_that_raises_later(compiled):
    table = [1.0, 2.0, 3.0]
    seen = {} if compiled else {"calls": set()}

    def model(t, y):
        i = int(10.0 * t)
        if seen:
            seen["calls"].add(i)
        return [table[i]]

    def compilable(t, y):
        if t > 0.25:
            raise ArithmeticError("out of the table")
        return [1.0]

    if compiled:
        with pytest.raises(ArithmeticError, match="out of the table") as caught:
            solve_ivp(compilable, (0.0, 1.0), [1.0])
    else:
        with (
            pytest.warns(SlowModelWarning, match="cannot be compiled"),
            pytest.raises(IndexError) as caught,
        ):
            solve_ivp(model, (0.0, 1.0), [1.0])
    assert "raised by the model at t = " in caught.value.__notes__[0]


def test_wrong_number_of_arguments():
    with pytest.raises(TypeError, match="positional argument"):
        solve_ivp(decay, (0.0, 1.0), [1.0], args=(1.0,))


def test_complex_parameters():
    with pytest.raises(InputError, match="complex states and parameters"):
        solve_ivp(lambda t, y, a: [-y[0]], (0.0, 1.0), [1.0], args=(1j,))


def test_every_error_has_one_root():
    with pytest.raises(SciadError):
        solve_ivp(decay, (0.0, 1.0), [[1.0]])


def test_traced_initial_state_is_checked_too():
    def final(a):
        return solve_ivp(decay, (0.0, 1.0), [a, np.array([1.0, 2.0])]).y[0, -1]

    with pytest.raises(InputError, match=r"y0\[1\] must be a number, it has shape \(2,\)"):
        sciad.grad(final)(1.0)
    with pytest.raises(InputError, match=r"y0\[0\] is nan"):
        sciad.grad(lambda a: solve_ivp(decay, (0.0, 1.0), [a]).y[0, -1])(math.nan)


def test_methods_and_partials_are_functions():
    class Model:
        def slope(self, t, y):
            return [-2.0 * y[0]]

    def slope(rate, t, y):
        return [-rate * y[0]]

    def final(model):
        return solve_ivp(model, (0.0, 1.0), [1.0], rtol=1e-9, atol=1e-9).y[0, -1]

    assert final(Model().slope) == pytest.approx(math.exp(-2.0), rel=1e-8)
    with pytest.warns(SlowModelWarning, match="a partial cannot be compiled"):
        assert final(partial(slope, 2.0)) == pytest.approx(math.exp(-2.0), rel=1e-8)
    gradient = sciad.grad(lambda rate: final(partial(slope, rate)))(2.0)
    assert gradient == pytest.approx(-math.exp(-2.0), rel=1e-7)

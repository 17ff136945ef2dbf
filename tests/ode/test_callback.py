"""Models that cannot be compiled: the same numbers, the same derivatives, one warning."""

import math
import re

import numpy as np
import pytest

import sciad
from sciad.core.errors import LostDerivativeError
from sciad.ode import DiscreteAdjoint, Forward, SlowModelWarning, solve_ivp

from .problems import RATES, lotka_volterra

OPTIONS = {"rtol": 1e-7, "atol": 1e-7}


class Diary:
    """Something the compiler does not know."""

    def __init__(self):
        self.pages = []

    def note(self, text):
        self.pages.append(text)


def make_slow_model():
    diary = Diary()

    def slow(t, y, p):
        diary.note(f"{t}")
        return lotka_volterra(t, y, p)

    return slow


def test_callback_equals_compiled():
    times = np.linspace(0.0, 3.0, 7)
    weights = np.cos(np.arange(14.0)).reshape(2, 7)

    def loss(model, y0, p, sensitivity):
        found = solve_ivp(
            model, (0.0, 3.0), y0, t_eval=times, args=(p,), sensitivity=sensitivity, **OPTIONS
        )
        return (weights * found.y).sum()

    y0 = np.array([10.0, 5.0])
    gradient = sciad.value_and_grad(loss, argnums=(1, 2))
    slow = make_slow_model()
    for number, sensitivity in enumerate(
        [DiscreteAdjoint(), Forward(), DiscreteAdjoint(memory=0.0)]
    ):
        if number == 0:
            with pytest.warns(SlowModelWarning, match="slow runs in Python"):
                value, (by_y0, by_p) = gradient(slow, y0, RATES, sensitivity)
        else:
            value, (by_y0, by_p) = gradient(slow, y0, RATES, sensitivity)
        expected, (expected_y0, expected_p) = gradient(lotka_volterra, y0, RATES, sensitivity)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(by_y0, expected_y0, rtol=1e-9)
        np.testing.assert_allclose(list(by_p.values()), list(expected_p.values()), rtol=1e-9)


def test_one_warning_that_names_the_line():
    diary = Diary()

    def unknown(t, y):
        diary.note("again")
        return [-y[0]]

    def three_times():
        return [solve_ivp(unknown, (0.0, 1.0), [1.0]).stats["compiled"] for _ in range(3)]

    with pytest.warns(SlowModelWarning) as caught:
        assert three_times() == [False] * 3
    assert len(caught) == 1
    assert re.search(r"unknown runs in Python.*test_callback\.py:\d+", str(caught[0].message), re.S)
    assert caught[0].filename == __file__


def test_closures_of_callbacks_are_differentiated():
    def final(rate):
        diary = Diary()

        def slow(t, y):
            diary.note("again")
            return [-rate * y[0]]

        return solve_ivp(slow, (0.0, 1.0), [1.0], rtol=1e-9, atol=1e-9).y[0, -1]

    with pytest.warns(SlowModelWarning):
        gradient = sciad.grad(final)(0.5)
    assert gradient == pytest.approx(-math.exp(-0.5), rel=1e-7)


def test_exceptions_carry_time_and_state():
    diary = Diary()

    def slow(t, y):
        diary.note("again")
        if t > 0.5:
            raise OSError("sensor is gone")
        return [1.0]

    with pytest.warns(SlowModelWarning), pytest.raises(OSError, match="sensor is gone") as caught:
        solve_ivp(slow, (0.0, 1.0), [0.0], max_step=0.1)
    time = float(re.search(r"t = ([0-9.]+), y", caught.value.__notes__[0]).group(1))
    assert 0.5 < time <= 0.62


def test_interrupt_in_a_callback_stops_the_solve():
    diary = Diary()

    def slow(t, y):
        diary.note("again")
        if len(diary.pages) > 20:
            raise KeyboardInterrupt
        return [1.0]

    with pytest.warns(SlowModelWarning), pytest.raises(KeyboardInterrupt):
        solve_ivp(slow, (0.0, 1.0), [0.0], max_step=0.01)
    assert len(diary.pages) == 21


def test_wrong_length_later_is_an_error():
    diary = Diary()

    def slow(t, y):
        diary.note("again")
        return [1.0] if t < 0.5 else [1.0, 2.0]

    with pytest.warns(SlowModelWarning), pytest.raises(ValueError, match="returned 2 values"):
        solve_ivp(slow, (0.0, 1.0), [0.0], max_step=0.1)


def test_traced_values_that_cannot_be_seen_are_an_error():
    """A traced value that reaches the model by a way no one can know raises, and is not dropped."""

    class Hidden:
        __slots__ = ("value",)

        def __len__(self):
            return 1

    hidden = Hidden()

    def slow(t, y):
        return [-hidden.value * y[0]]

    def final(rate):
        hidden.value = rate
        return solve_ivp(slow, (0.0, 1.0), [1.0]).y[0, -1]

    with (
        pytest.warns(SlowModelWarning),
        pytest.raises(LostDerivativeError, match=r"test_callback\.py:\d+"),
    ):
        sciad.grad(final)(0.5)


@pytest.mark.filterwarnings("ignore::sciad.ode.SlowModelWarning")
def test_callable_objects():
    """Their attributes are inputs; what their methods close over cannot be replaced."""

    class Decay:
        def __init__(self, rate):
            self.rate, self.calls = rate, 0

        def __call__(self, t, y):
            self.calls += 1
            return [-self.rate * y[0]]

    def final(rate):
        return solve_ivp(Decay(rate), (0.0, 1.0), [1.0], rtol=1e-9, atol=1e-9).y[0, -1]

    def hidden(rate):
        class Model:
            def __call__(self, t, y):
                return [-rate * y[0]]

        return solve_ivp(Model(), (0.0, 1.0), [1.0]).y[0, -1]

    assert sciad.grad(final)(0.5) == pytest.approx(-math.exp(-0.5), rel=1e-7)
    with pytest.raises(LostDerivativeError, match=r"test_callback\.py:\d+"):
        sciad.grad(hidden)(0.5)

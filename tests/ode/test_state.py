"""Models that count, remember or roll dice: integrated as by SciPy, differentiated if possible."""

import math
import signal
import sys
import threading

import numpy as np
import pytest
from scipy.integrate import solve_ivp as scipy_solve_ivp

import sciad
from sciad.core.errors import NotDifferentiableError
from sciad.ode import DiscreteAdjoint, Forward, solve_ivp

OPTIONS = {"rtol": 1e-7, "atol": 1e-7}
SLOW = pytest.mark.filterwarnings("ignore::sciad.ode.SlowModelWarning")


@SLOW
@pytest.mark.parametrize("log", [[], [0.0]])
def test_what_a_model_appends_to_a_list_stays_there(log):
    begun = len(log)

    def model(t, y):
        log.append(t)
        return [-y[0]]

    found = solve_ivp(model, (0.0, 1.0), [1.0], **OPTIONS)
    assert len(log) - begun >= found.nfev
    assert set(found.t) <= set(log)


@SLOW
def test_counters_count():
    class Model:
        def __init__(self):
            self.calls, self.rate = 0.0, 0.5

        def __call__(self, t, y):
            self.calls += 1.0
            return [-self.rate * y[0]]

    model = Model()
    found = solve_ivp(model, (0.0, 1.0), [1.0], **OPTIONS)
    assert model.calls == found.nfev
    gradient = sciad.grad(lambda y0: solve_ivp(model, (0.0, 1.0), [y0], **OPTIONS).y[0, -1])(1.0)
    assert gradient == pytest.approx(math.exp(-0.5), rel=1e-6)


def thermostat(solve, rate, **options):
    """A heater that is switched off above 1.5 and on below 1: its switch outlives the call."""
    switch = [1.0]

    def model(t, y):
        if y[0] > 1.5:
            switch[0] = 0.0
        if y[0] < 1.0:
            switch[0] = 1.0
        return [rate * switch[0] - 0.3]

    return solve(model, (0.0, 10.0), [1.2], max_step=0.05, **options).y[0, -1]


@SLOW
def test_a_model_with_a_switch_is_integrated_as_by_scipy():
    mine = thermostat(solve_ivp, 1.0, method="RK45", first_step=0.01)
    theirs = thermostat(scipy_solve_ivp, 1.0, method="RK45", first_step=0.01)
    assert mine == pytest.approx(theirs, abs=0.05)
    assert 0.95 < mine < 1.55  # a switch that forgets leads to 1.5, never to cooling down


@SLOW
@pytest.mark.parametrize("sensitivity", [DiscreteAdjoint(), Forward()])
def test_a_model_with_a_switch_has_no_derivative(sensitivity):
    with pytest.raises(NotDifferentiableError, match=r"computed again(.|\n)*test_state\.py:\d+"):
        sciad.grad(lambda rate: thermostat(solve_ivp, rate, sensitivity=sensitivity))(1.0)


@SLOW
@pytest.mark.parametrize("transform", [sciad.grad, sciad.hessian])
def test_a_random_model_has_no_derivative(transform):
    dice = np.random.default_rng(0)

    def final(rate):
        def model(t, y):
            return [-rate * y[0] + 0.1 * dice.normal()]

        return solve_ivp(model, (0.0, 1.0), [1.0], rtol=0.1, atol=1.0).y[0, -1]

    with pytest.raises(NotDifferentiableError, match="draw no random numbers"):
        transform(final)(0.5)


@SLOW
def test_a_buffer_that_is_overwritten_does_no_harm():
    """The same array returned from every call, written before it is read."""
    buffer = np.zeros(2)

    def final(omega):
        def model(t, y):
            buffer[0], buffer[1] = y[1], -omega * omega * y[0]
            return buffer

        return solve_ivp(model, (0.0, 1.0), [1.0, 0.0], rtol=1e-9, atol=1e-9).y[0, -1]

    assert sciad.hessian(final)(2.0) == pytest.approx(-math.cos(2.0), rel=1e-5)
    assert final(2.0) == pytest.approx(math.cos(2.0), rel=1e-7)
    assert sciad.grad(final)(2.0) == pytest.approx(-math.sin(2.0), rel=1e-7)


@SLOW
def test_a_buffer_does_no_harm_where_times_are_differentiated():
    buffer = np.zeros(2)

    def model(t, y):
        buffer[0], buffer[1] = y[1], -y[0]
        return buffer

    def state(time):
        times = np.array([time])
        return solve_ivp(model, (0.0, 1.0), [1.0, 0.0], t_eval=times, rtol=1e-9, atol=1e-9).y[0, 0]

    value, slope = sciad.value_and_grad(state)(0.5)
    assert value == pytest.approx(math.cos(0.5), rel=1e-7)
    assert slope == pytest.approx(-math.sin(0.5), rel=1e-6)


@SLOW
def test_a_list_may_grow_in_a_differentiated_solve():
    """The structure of the captured values is that of the start of the solve."""
    log = [0.0]

    def model(t, y, rate):
        log.append(t)
        return [-rate * y[0]]

    def final(rate):
        del log[1:]
        return solve_ivp(model, (0.0, 1.0), [1.0], args=(rate,), **OPTIONS).y[0, -1]

    for _ in range(2):  # the second time the model is known already
        assert sciad.grad(final)(0.5) == pytest.approx(-math.exp(-0.5), rel=1e-6)
    assert len(log) > 7


@SLOW
def test_arguments_that_a_traced_model_writes_to_are_left_alone():
    def model(t, y, rates):
        rates[1] = y[0]
        return [-rates[0] * rates[1]]

    rates = np.array([0.5, 0.0])

    def final(rates):
        return solve_ivp(model, (0.0, 1.0), [1.0], args=(rates,), **OPTIONS).y[0, -1]

    gradient = sciad.grad(final)(rates)
    np.testing.assert_allclose(gradient, [-math.exp(-0.5), 0.0], rtol=1e-6)
    np.testing.assert_array_equal(rates, [0.5, 0.0])


@SLOW
@pytest.mark.parametrize("last", [False, True])
def test_an_interrupt_between_callback_and_model_is_not_lost(monkeypatch, last):
    """Raised where only `sys.unraisablehook` hears of it; the solve must end, not go on."""
    import sciad.ode.callback as module

    lost = []

    class Callbacks(module.Callbacks):
        def _address(self, kind, function):
            address = super()._address(kind, function)
            guarded = self.__dict__["_alive"].pop()

            def interrupted(*args):
                lost.append(args)
                if len(lost) != fatal:
                    return guarded(*args)
                if not last:
                    raise KeyboardInterrupt  # outside the guard
                guarded(*args)
                self.failure = (KeyboardInterrupt(), math.nan, np.empty(0))
                return 0  # what ctypes returns then is not defined

            thunk = kind(interrupted)
            self.__dict__["_alive"].extend([guarded, thunk])
            return module.ctypes.cast(thunk, module._pointer).value or address

    names = {"a"}

    def model(t, y):
        names.add("b")
        return [-y[0]]

    fatal = solve_ivp(model, (0.0, 1.0), [1.0], max_step=0.01).nfev if last else 20
    monkeypatch.setattr("sciad.ode.model.Callbacks", Callbacks)
    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt):
        solve_ivp(model, (0.0, 1.0), [1.0], max_step=0.01)
    assert len(lost) <= fatal + 1
    assert sys.unraisablehook is hook


@SLOW
def test_signals_stop_callbacks_wherever_they_are():
    names = set()

    def model(t, y):
        names.add("x")
        return [-5.0 * (y[0] - math.cos(t))]

    def work():
        while True:
            solve_ivp(model, (0.0, 20.0), [0.0], **OPTIONS)

    for i in range(10):
        timer = threading.Timer(0.02 + 0.003 * i, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            work()
        timer.join()

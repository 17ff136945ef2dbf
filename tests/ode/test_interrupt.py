"""Ctrl-C is heard while machine code runs."""

import signal
import threading
import time

import numpy as np
import pytest

import sciad
from sciad.ode import Forward, solve_ivp


def oscillator(t, y, omega):
    return [y[1], -omega * omega * y[0]]


def interrupted(work, after=0.3):
    """Seconds between the signal and the exception."""
    sent = []

    def send():
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(after, send)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        return time.perf_counter() - sent[0]
    finally:
        timer.cancel()
        timer.join()


def long_solve(omega, **options):
    return solve_ivp(
        oscillator,
        (0.0, 1e7),
        [1.0, 0.0],
        t_eval=[1e7],
        args=(omega,),
        rtol=1e-9,
        atol=1e-9,
        max_num_steps=10**9,
        **options,
    )


def test_a_long_solve():
    solve_ivp(oscillator, (0.0, 1.0), [1.0, 0.0], args=(1.0,))  # compiled before the clock starts
    assert interrupted(lambda: long_solve(1.0)) < 1.0


@pytest.mark.parametrize("sensitivity", [None, Forward()])
def test_a_long_derivative(sensitivity):
    """The sweeps pause as the integration does."""
    directions = 2000

    def states(x):
        found = solve_ivp(
            oscillator,
            (0.0, 200.0),
            x,
            t_eval=[200.0],
            args=(1.0,),
            rtol=1e-10,
            atol=1e-10,
            sensitivity=sensitivity,
        )
        return found.y.sum()

    _, pullback = sciad.vjp(states, np.array([1.0, 0.0]))
    pullback(1.0)

    def work():
        for _ in range(10 * directions):
            pullback(1.0)

    assert interrupted(work) < 1.0

"""Initial value problems with known solutions or properties, apart from the tests that use them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """``fun(t, y, *args)`` on `t_span` from `y0`; `exact(t, y0, *args)` -> (n, m) if known."""

    name: str
    fun: Callable[..., Any]
    t_span: tuple[float, float]
    y0: tuple[float, ...]
    args: tuple[Any, ...] = ()
    exact: Callable[..., Any] | None = None

    def __str__(self):
        return self.name


def decay(t, y, rate):
    return [-rate * y[0]]


def decay_exact(t, y0, rate):
    return np.array([y0[0] * np.exp(-rate * t)])


def forced(t, y, a, b):
    """y' = -a y + b cos t, not autonomous."""
    return [-a * y[0] + b * math.cos(t)]


def forced_exact(t, y0, a, b):
    particular = b * (a * np.cos(t) + np.sin(t)) / (1 + a * a)
    return np.array([(y0[0] - b * a / (1 + a * a)) * np.exp(-a * t) + particular])


def oscillator(t, y, omega):
    return [y[1], -omega * omega * y[0]]


def oscillator_exact(t, y0, omega):
    c, s = np.cos(omega * t), np.sin(omega * t)
    return np.array([y0[0] * c + y0[1] / omega * s, -omega * y0[0] * s + y0[1] * c])


def time_power(t, y, a):
    """y' = a t y, not autonomous and nonlinear in time."""
    return [a * t * y[0]]


def time_power_exact(t, y0, a):
    return np.array([y0[0] * np.exp(0.5 * a * t * t)])


def lotka_volterra(t, y, p):
    hare, lynx = y
    return [
        p["alpha"] * hare - p["beta"] * hare * lynx,
        -p["gamma"] * lynx + p["delta"] * hare * lynx,
    ]


RATES = {"alpha": 1.1, "beta": 0.4, "gamma": 0.4, "delta": 0.1}


def van_der_pol(t, y, mu):
    return [y[1], mu * (1.0 - y[0] * y[0]) * y[1] - y[0]]


def stiff_decay(t, y, rate):
    """Prothero and Robinson: y' = -rate (y - cos t) - sin t."""
    return [-rate * (y[0] - math.cos(t)) - math.sin(t)]


def stiff_decay_exact(t, y0, rate):
    return np.array([np.cos(t) + (y0[0] - 1.0) * np.exp(-rate * t)])


def brusselator(t, y, a, b):
    """Brusselator on a ring of cells, u and v interleaved, with diffusion 0.1."""
    n = len(y) // 2
    out = np.zeros(len(y))
    for i in range(n):
        left, right = (i - 1) % n, (i + 1) % n
        u, v = y[2 * i], y[2 * i + 1]
        out[2 * i] = a + u * u * v - (b + 1.0) * u + 0.1 * (y[2 * left] - 2.0 * u + y[2 * right])
        out[2 * i + 1] = b * u - u * u * v + 0.1 * (y[2 * left + 1] - 2.0 * v + y[2 * right + 1])
    return out


DECAY = Problem("decay", decay, (0.0, 2.0), (1.5,), (0.8,), decay_exact)
FORCED = Problem("forced", forced, (0.0, 3.0), (0.3,), (1.2, 2.0), forced_exact)
OSCILLATOR = Problem("oscillator", oscillator, (0.0, 4.0), (1.0, -0.5), (1.7,), oscillator_exact)
TIME_POWER = Problem("time power", time_power, (0.0, 1.5), (0.7,), (0.9,), time_power_exact)
LOTKA_VOLTERRA = Problem("Lotka-Volterra", lotka_volterra, (0.0, 6.0), (10.0, 5.0), (RATES,))
VAN_DER_POL = Problem("van der Pol", van_der_pol, (0.0, 3.0), (2.0, 0.0), (1.5,))
STIFF_DECAY = Problem(
    "Prothero-Robinson", stiff_decay, (0.0, 1.5), (1.5,), (60.0,), stiff_decay_exact
)
BRUSSELATOR = Problem(
    "Brusselator",
    brusselator,
    (0.0, 2.0),
    tuple(1.0 + 0.3 * math.sin(i) for i in range(8)),
    (1.0, 3.0),
)

SOLVABLE = (DECAY, FORCED, OSCILLATOR, TIME_POWER, STIFF_DECAY)
ALL = (*SOLVABLE, LOTKA_VOLTERRA, VAN_DER_POL, BRUSSELATOR)

"""A model is compiled again when something it reaches through a module was replaced."""

import sys
import types

import numpy as np

import sciad
from sciad.ode import solve_ivp

helpers = sys.modules["staleness_helpers"] = types.ModuleType("staleness_helpers")


def slow(y):
    return -0.5 * y


def fast(y):
    return -2.0 * y


def decay(t, y, k):
    return [k * helpers.rate(y[0])]


def final(k):
    return solve_ivp(decay, (0.0, 1.0), [1.0], args=(k,), rtol=1e-10, atol=1e-10).y[0, -1]


def test_a_helper_replaced_in_its_module_is_seen():
    for rate, exponent in ((slow, -0.5), (fast, -2.0), (slow, -0.5)):
        helpers.rate = rate
        np.testing.assert_allclose(final(1.0), np.exp(exponent), rtol=1e-8)
        np.testing.assert_allclose(sciad.grad(final)(1.0), exponent * np.exp(exponent), rtol=1e-8)

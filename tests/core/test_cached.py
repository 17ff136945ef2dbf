"""``functools.lru_cache`` in followed code: a cache for each run, and nothing left behind."""

import functools
import math

import numpy as np
import pytest

import sciad
from sciad.core.cached import RESULTS

from .language import Programs, check_program

PROGRAMS = Programs()
right = PROGRAMS.right
CALLS: list[int] = []


@functools.cache
def hermite(n, x):
    if n < 2:
        return 2.0 * x if n else 1.0
    return 2.0 * x * hermite(n - 1, x) - 2.0 * (n - 1) * hermite(n - 2, x)


@functools.lru_cache
def counted(x):
    CALLS.append(1)
    return math.sin(x)


@functools.lru_cache(maxsize=0)
def kept_never(x):
    CALLS.append(1)
    return math.sin(x)


@right
def recursion_that_needs_its_cache(x):
    return hermite(60, x) / 1e46


@right
def closure(x):
    @functools.cache
    def fibonacci(n):
        return math.sin(x) * n if n < 2 else fibonacci(n - 1) + x * fibonacci(n - 2)

    return fibonacci(60) / 1e9


@right
def default(x):
    @functools.cache
    def scaled(n, by=x):
        return n * math.sin(by)

    return scaled(2) * scaled(3)


@right
def number_of_calls(x):
    counted.cache_clear()
    before = len(CALLS)
    y = counted(x) + counted(x) + counted(2.0 * x) + counted(x + 0.0)
    return y * (len(CALLS) - before)


@right
def cleared_between(x):
    counted.cache_clear()
    before = len(CALLS)
    y = counted(x)
    counted.cache_clear()
    y += counted(x)
    return y * (len(CALLS) - before)


@right
def cache_of_no_size(x):
    before = len(CALLS)
    y = kept_never(x) + kept_never(x)
    return y * (len(CALLS) - before)


@right
def equal_values_with_other_derivatives(x):
    counted.cache_clear()
    return counted(x) * counted(1.4 - x + 0.0)


@right
def arrays_cannot_be_keys(x):
    try:
        return counted(np.array([x, 1.0]))
    except TypeError:
        return 3.0 * x


@pytest.mark.parametrize("name", [n for n in PROGRAMS.accepted if n != "number_of_calls"])
def test_right(name):
    if name == "equal_values_with_other_derivatives":
        value, derivative = sciad.value_and_grad(PROGRAMS.accepted[name])(0.7)
        assert value == math.sin(0.7) ** 2
        assert derivative == pytest.approx(0.0, abs=1e-15)
    else:
        check_program(PROGRAMS.accepted[name])


def test_number_of_calls():
    value, derivative = sciad.value_and_grad(number_of_calls)(0.7)
    # x and x + 0.0 are one key of the plain program
    assert value == number_of_calls(0.7)
    assert derivative == pytest.approx(2.0 * (3.0 * math.cos(0.7) + 2.0 * math.cos(1.4)))


def test_nothing_is_left():
    hermite.cache_clear()
    sciad.grad(hermite, argnums=1)(3, 0.5)
    assert not RESULTS
    assert hermite.cache_info().currsize == 0

"""Buffers, pauses and memory limits do not change any number."""

import os

import numpy as np
import pytest

import sciad
from sciad.compiler.native import NativeFunction, native
from sciad.ode import DiscreteAdjoint, Forward, SlowModelWarning, kernels, solve_ivp
from sciad.ode import model as models

from .problems import FORCED, forced


def pendulum(t, y, a):
    return [y[1], -a * np.sin(y[0])]


def gradient_and_value(sensitivity, t1=40.0):
    def loss(y0, a):
        found = solve_ivp(
            pendulum,
            (0.0, t1),
            y0,
            t_eval=np.linspace(0.0, t1, 9),
            args=(a,),
            rtol=1e-9,
            atol=1e-9,
            sensitivity=sensitivity,
        )
        return (np.cos(np.arange(18.0)).reshape(2, 9) * found.y).sum()

    value, (by_y0, by_a) = sciad.value_and_grad(loss, argnums=(0, 1))(np.array([1.0, 0.0]), 1.3)
    return np.array([value, *by_y0, by_a])


@pytest.fixture
def small_pace(monkeypatch):
    """Few rows and few steps at a time, for models met from here on."""
    models._known.clear()
    monkeypatch.setattr(models.Pace, "learn", lambda self, seconds: None)

    def use(steps, rows):
        models._known.clear()
        pace = models.Pace.__init__.__defaults__
        monkeypatch.setattr(models.Pace.__init__, "__defaults__", (steps, rows))
        return pace

    yield use
    models._known.clear()


@pytest.mark.parametrize("sensitivity", [DiscreteAdjoint(), Forward()], ids=lambda s: s.name)
@pytest.mark.parametrize(("steps", "rows"), [(1, 2), (7, 3), (100000, 2), (3, 100000)])
def test_pauses_and_growth(small_pace, sensitivity, steps, rows):
    expected = gradient_and_value(sensitivity)
    small_pace(steps, rows)
    np.testing.assert_array_equal(gradient_and_value(sensitivity), expected)


@pytest.mark.parametrize("memory", [0.0, 1e3, 1e4, 1e5, 1e9])
def test_every_memory_limit_gives_the_same_gradient(small_pace, memory):
    """From recomputing all stages to storing all, and giving up storing on the way."""
    expected = gradient_and_value(DiscreteAdjoint())
    small_pace(64, 4)
    found = gradient_and_value(DiscreteAdjoint(memory=memory))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_pace_adapts():
    pace = models.Pace()
    start = pace.steps
    pace.learn(0.0)
    assert pace.steps == 2 * start
    pace.learn(10.0)
    assert pace.steps == start


def test_wrong_compiled_derivatives_are_not_believed(monkeypatch):
    """A compiler that gives another function's derivative is found out, and not used."""

    def double(t, y, a, b):
        return [-2.0 * a * y[0] + b * np.cos(t)]

    other = native(double, 1, 1, FORCED.args)
    models._known.clear()
    monkeypatch.setattr(
        NativeFunction, "vjp", property(lambda self: other.module("vjp").function.address)
    )

    def final(a):
        return solve_ivp(forced, (0.0, 3.0), [0.3], args=(a, 2.0), rtol=1e-9, atol=1e-9).y[0, -1]

    with pytest.warns(SlowModelWarning, match="its derivative cannot be compiled"):
        found = sciad.grad(final)(1.2)
    monkeypatch.undo()
    models._known.clear()
    assert found == pytest.approx(sciad.grad(final)(1.2), rel=1e-9)


def test_wrong_compiled_values_are_not_believed(monkeypatch):
    def triple(t, y, a, b):
        return [-3.0 * a * y[0] + b * np.cos(t)]

    other = native(triple, 1, 1, FORCED.args)
    models._known.clear()
    monkeypatch.setattr(
        NativeFunction, "value", property(lambda self: other.module("value").function.address)
    )
    with pytest.warns(SlowModelWarning, match="its compiled form disagrees"):
        found = solve_ivp(forced, (0.0, 3.0), [0.3], args=FORCED.args, rtol=1e-9, atol=1e-9)
    models._known.clear()
    assert not found.stats["compiled"]
    assert found.y[0, -1] == pytest.approx(FORCED.exact(3.0, [0.3], *FORCED.args)[0], rel=1e-7)


def test_known_models_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(models, "MOST_KNOWN", 3)
    models._known.clear()
    before = 3
    for number in range(6):
        solve_ivp(lambda t, y, k: [-k * y[0]], (0.0, 0.1), [1.0], args=(number,))
    assert len(models._known) <= before


def test_stale_kernels_are_dropped(tmp_path, monkeypatch):
    cache, control = tmp_path / "kernels" / "__pycache__", tmp_path / "control.py"
    cache.mkdir(parents=True)
    source, index = tmp_path / "kernels" / "stages.py", cache / "integrate.nbi"
    for file in (control, source, index):
        file.touch()
    monkeypatch.setattr(kernels, "_here", tmp_path / "kernels")
    os.utime(source, (1000, 1000))
    os.utime(control, (1000, 1000))
    kernels._drop_stale_kernels()
    assert index.exists()
    os.utime(control, (2e9 + 1e9, 2e9 + 1e9))
    kernels._drop_stale_kernels()
    assert not index.exists()

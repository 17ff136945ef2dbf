"""The quick ways give what the rules give: every case of the table, both ways."""

import numpy as np
import pytest

import sciad
from sciad.core import apply, arithmetic, entries, infix, tracer
from sciad.core.rules import BY_CALLABLE
from sciad.core.sweep import sweep
from sciad.core.tree import flatten
from sciad.rules import shortcuts

from .table import all_cases, families

CASES = all_cases()


@pytest.fixture
def no_quick_ways(monkeypatch):
    """Leave the general ways only."""
    monkeypatch.setattr(tracer, "tape_for", lambda trace, value: None)
    for module in (apply, arithmetic, entries):
        monkeypatch.setattr(module, "unary", lambda *args: None)
    for module in (apply, entries):
        monkeypatch.setattr(module, "binary", lambda *args: None)
    monkeypatch.setattr(arithmetic, "of_traced", lambda *args: None)
    for module in (infix, shortcuts):
        monkeypatch.setattr(module, "matrix_product", lambda *args: None)
    for rule in list(BY_CALLABLE.values()):
        if getattr(rule, "shortcut", None) is not None:
            monkeypatch.setitem(rule.__dict__, "shortcut", None)


def pulled(function, args):
    """Cotangents of the arguments for fixed weights of all outputs."""
    value, pullback = sciad.vjp(function, *args)
    outputs, treedef = flatten(value)
    weights = [np.cos(np.arange(np.size(v)) + 1.0).reshape(np.shape(v))[()] for v in outputs]
    return flatten(pullback(sciad.core.tree.unflatten(treedef, weights)))[0]


@pytest.fixture(scope="module")
def by_quick_ways():
    """Cotangents of all cases, computed while the quick ways are open."""
    return {str(case): pulled(case.function, case.args) for case in CASES}


@pytest.mark.parametrize("family", families())
def test_same_cotangents(family, by_quick_ways, no_quick_ways):
    for case in CASES:
        if case.family != family:
            continue
        expected = pulled(case.function, case.args)
        found = by_quick_ways[str(case)]
        assert len(found) == len(expected), case
        for a, b in zip(found, expected, strict=True):
            assert np.shape(a) == np.shape(b), case
            assert np.asarray(a).dtype == np.asarray(b).dtype, case
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg=str(case))


def test_the_quick_ways_are_taken(monkeypatch):
    lengths = set()
    given = sweep

    def spying(entries, *args, **kwargs):
        lengths.update(len(entry) for entry in entries if type(entry) is tuple)
        return given(entries, *args, **kwargs)

    monkeypatch.setattr("sciad.core.running.sweep", spying)
    x = np.array([0.3, 0.8, 1.2])

    def f(x):
        y = (2.0 * np.sin(x) - x) * x + 1.0 / x
        return np.sum(y[1:] * y[:-1] + np.arctan2(y[1:], y[:-1]) + y[:2] * 3.0) + x[0] * x[1] * (
            y @ (x * np.exp(y)) + np.sum(np.outer(x, x) * np.cos(x))
        )

    for _ in range(8):  # expressions are computed at once from the eighth time on
        sciad.grad(f)(x)
    assert {3, 4, 5, 6, 7, 8, 9, 10} <= lengths


def broadcast_sum(x, y):
    return (x + y) * y - y / (x - y) - y * x


@pytest.mark.parametrize(
    "shapes", [((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 3), (1,)), ((1,), (1, 1))]
)
def test_operands_of_different_shapes(shapes):
    x, y = (np.linspace(0.3, 0.9, int(np.prod(s))).reshape(s) + k for k, s in enumerate(shapes))
    value, pullback = sciad.vjp(broadcast_sum, x, y)
    weights = np.cos(np.arange(value.size)).reshape(value.shape)
    for k, cotangent in enumerate(pullback(weights)):
        for place in np.ndindex(shapes[k]):
            moved = [x.astype(complex), y.astype(complex)]
            moved[k][place] += 1e-30j
            slope = np.sum(weights * broadcast_sum(*moved).imag) / 1e-30
            np.testing.assert_allclose(cotangent[place], slope, rtol=1e-12)


def test_value_that_escaped_raises():
    kept = []

    def leak(x):
        kept.append(x)
        return np.sum(x)

    sciad.grad(leak)(np.ones(3))
    (x,) = kept
    for use in (
        lambda: x * 2.0,
        lambda: x + x,
        lambda: -x,
        lambda: 1.0 / x,
        lambda: 1.0 - x,
        lambda: x @ x,
    ):
        with pytest.raises(sciad.TracingError, match="had ended"):
            use()


def test_write_after_a_quick_use_keeps_the_old_value():
    def f(x):
        y = x * 1.0
        z = y * y
        w = np.sin(y)
        y[0] = 5.0
        y *= 2.0
        return np.sum(z + w + y * y)

    x = np.array([0.4, 0.9])
    expected = 2.0 * x + np.cos(x) + np.array([0.0, 8.0 * x[1]])
    np.testing.assert_allclose(sciad.grad(f)(x), expected, rtol=1e-14)


def test_view_used_before_and_after_a_write():
    def f(x):
        y = x * 1.0
        v = y[1:]
        before = np.sum(np.exp(v) * v)
        y[1] = x[0] * x[0]
        return before + np.sum(np.sin(v) * v)

    x = np.array([0.4, 0.9, 0.2])

    def plain(x):
        a = np.exp(x[1:]) * x[1:]
        v = np.array([x[0] * x[0], x[2]])
        return np.sum(a) + np.sum(np.sin(v) * v)

    slopes = [plain(x + 1e-30j * e).imag / 1e-30 for e in np.eye(3)]
    np.testing.assert_allclose(sciad.grad(f)(x), slopes, rtol=1e-13)

"""The C functions of a right-hand side: layout of p, status, leanness, memo."""

import ctypes
import dataclasses
import math
from collections import namedtuple

import numba
import numpy as np
import pytest

import sciad.compiler.back.cache as cache
from sciad.compiler import native
from sciad.core.errors import CompileError
from sciad.core.source import captured
from sciad.core.tree import flatten

DOUBLE = ctypes.c_double
POINTER = ctypes.POINTER(DOUBLE)


def at(array):
    return array.ctypes.data_as(POINTER)


def call(address, t, *arrays):
    function = ctypes.CFUNCTYPE(ctypes.c_int32, DOUBLE, *[POINTER] * len(arrays))(address)
    return function(t, *map(at, arrays))


def lotka_volterra(t, y, p):
    hare, lynx = y
    return [
        p["alpha"] * hare - p["beta"] * hare * lynx,
        -p["gamma"] * lynx + p["delta"] * hare * lynx,
    ]


RATES = {"alpha": 0.5, "beta": 0.02, "gamma": 0.9, "delta": 0.03}


@pytest.fixture(scope="module")
def model():
    return native(lotka_volterra, 2, args=(RATES,))


def test_value_jvp_and_vjp_of_a_model(model):
    y, p, out = np.array([30.0, 4.0]), np.array(list(RATES.values())), np.zeros(2)
    assert call(model.value, 0.0, y, p, out) == 0
    np.testing.assert_allclose(out, lotka_volterra(0.0, y, RATES), rtol=1e-15)
    jacobian_y = np.array([[p[0] - p[1] * y[1], -p[1] * y[0]], [p[3] * y[1], p[3] * y[0] - p[2]]])
    jacobian_p = np.array([[y[0], -y[0] * y[1], 0, 0], [0, 0, -y[1], y[0] * y[1]]])
    w = np.array([0.3, -1.1])
    tbar, ybar, pbar = np.ones(1), np.ones(2), np.ones(4)
    assert call(model.vjp, 0.0, y, p, w, tbar, ybar, pbar) == 0
    assert tbar[0] == 1.0
    np.testing.assert_allclose(ybar - 1, w @ jacobian_y, rtol=1e-13)
    np.testing.assert_allclose(pbar - 1, w @ jacobian_p, rtol=1e-13)
    assert np.array_equal(w, [0.3, -1.1])
    ydot, pdot, outdot = np.array([0.2, 0.7]), np.array([1.0, 0.1, -2.0, 0.4]), np.zeros(2)
    function = ctypes.CFUNCTYPE(
        ctypes.c_int32, DOUBLE, POINTER, POINTER, DOUBLE, POINTER, POINTER, POINTER, POINTER
    )(model.jvp)
    assert function(0.0, at(y), at(p), 0.0, at(ydot), at(pdot), at(out), at(outdot)) == 0
    np.testing.assert_allclose(outdot, jacobian_y @ ydot + jacobian_p @ pdot, rtol=1e-13)


def test_straight_code_needs_no_memory_and_no_tape(model):
    for kind in ("value", "jvp", "vjp"):
        text = model.source(kind)
        assert "np.zeros" not in text
        assert "np.empty" not in text
        assert "tape" not in text


def test_the_source_shows_the_users_lines(model):
    line = lotka_volterra.__code__.co_firstlineno + 1
    assert f"# {line}: hare, lynx = y" in model.source("vjp")


def test_the_same_structure_is_compiled_once(model):
    assert native(lotka_volterra, 2, args=({**RATES, "alpha": 3.0},)) is model
    assert native(lotka_volterra, 2, args=({**RATES, "more": 3.0},)) is not model


@dataclasses.dataclass(frozen=True)
class Rates:
    k: float
    power: int
    table: np.ndarray


Pair = namedtuple("Pair", "first second")


def test_p_holds_the_leaves_in_order(interpreted):
    offset, weights = 2.5, np.array([1.0, 10.0])

    def rhs(t, y, rates, pair):
        total = rates.table[1, 0] * y[0] ** rates.power + rates.k
        return [total + pair.second[0] * offset, weights @ y + pair.first]

    args = (Rates(0.5, 3, np.array([[1.0, 2.0], [3.0, 4.0]])), Pair(7.0, [8.0, 9.0]))
    run = interpreted(rhs, 2, 2, args)
    leaves = flatten((args, captured(rhs)))[0]
    np.testing.assert_array_equal(run.p, np.concatenate([np.ravel(x) for x in leaves]))
    y = np.array([1.5, -0.5])
    np.testing.assert_allclose(run.value(0.0, y)[1], rhs(0.0, y, *args), rtol=1e-14)
    run.p[0] = 2.0
    changed = (dataclasses.replace(args[0], k=2.0), args[1])
    np.testing.assert_allclose(run.value(0.0, y)[1], rhs(0.0, y, *changed), rtol=1e-14)


def test_large_state_is_read_and_written_in_memory(interpreted):
    def diffusion(t, y, k):
        dy = np.zeros_like(y)
        for i in range(1, len(y) - 1):
            dy[i] = k * (y[i - 1] - 2.0 * y[i] + y[i + 1])
        return dy

    run = interpreted(diffusion, 200, 200, (0.3,))
    y = np.random.default_rng(0).standard_normal(200)
    status, out = run.value(0.0, y)
    assert status == 0
    np.testing.assert_allclose(out, diffusion(0.0, y, 0.3), rtol=1e-14)
    assert "return 1" not in run.texts["value"]  # indices are proved to be inside
    w = np.random.default_rng(1).standard_normal(200)
    _, _, ybar, pbar = run.vjp(0.0, y, w)
    _, _, outdot = run.jvp(0.0, y, 0.0, y, np.array([1.0]))
    assert w @ outdot == pytest.approx(ybar @ y + pbar[0], rel=1e-12)


def test_numba_functions_are_followed(interpreted):
    @numba.njit
    def inner(x):
        return math.exp(x) * 2.0

    def rhs(t, y):
        return [inner(y[0])]

    run = interpreted(rhs, 1, 1)
    y = np.array([0.3])
    assert run.value(0.0, y)[1][0] == pytest.approx(2 * math.exp(0.3), rel=1e-15)
    assert run.vjp(0.0, y, np.ones(1))[2][0] == pytest.approx(2 * math.exp(0.3), rel=1e-15)


def test_a_failed_check_gives_a_status(interpreted):
    def rhs(t, y):
        k = int(t)
        table = np.zeros(40)
        table[3] = y[0]
        return [table[k]]

    run = interpreted(rhs, 1, 1)
    assert run.value(3.0, np.ones(1)) == (0, 1.0)
    assert run.value(-37.0, np.ones(1)) == (0, 1.0)
    assert run.value(40.0, np.ones(1))[0] != 0
    assert run.value(-41.0, np.ones(1))[0] != 0
    assert run.value(np.nan, np.ones(1))[0] != 0
    names = {failure for failure in run.texts["value"].splitlines() if "Error'" in failure}
    assert any("IndexError" in name for name in names)
    assert run.vjp(99.0, np.ones(1), np.ones(1))[0] != 0


def test_indices_that_leave_the_array_by_one_are_found(interpreted):
    def rhs(t, y):
        a = np.zeros(40)
        n = int(t)
        for i in range(n):
            a[i + 1] = y[0]
        return [a[-1]]

    run = interpreted(rhs, 1, 1)
    assert run.value(39.0, np.ones(1)) == (0, 1.0)
    assert run.value(40.0, np.ones(1))[0] != 0

    def fixed(t, y):
        a = np.zeros(40)
        for i in range(0, 41):
            a[i] = y[0]
        return [a[0]]

    assert interpreted(fixed, 1, 1).value(0.0, np.ones(1))[0] == 1


def test_raise_and_assert_give_a_status(interpreted):
    def rhs(t, y):
        assert y[0] > -10
        if y[0] > 5:
            raise ValueError("too large")
        return [math.sqrt(y[0])]

    run = interpreted(rhs, 1, 1)
    assert run.value(0.0, np.array([4.0])) == (0, 2.0)
    assert run.value(0.0, np.array([6.0]))[0] == 2
    assert run.value(0.0, np.array([-11.0]))[0] == 1
    assert "too large" in run.texts["value"]


def test_the_tape_is_freed_when_a_check_fails(interpreted):
    def rhs(t, y):
        x = y[0]
        for i in range(100):
            x = math.sin(x)
            if x < t * i:
                raise ValueError("below")
        return [x]

    text = interpreted(rhs, 1, 1).texts["vjp"].splitlines()
    (place,) = [k for k, line in enumerate(text) if line.strip() == "return 1"]
    assert text[place - 1].strip() == "tape_free(tape, room)"


def test_wrong_number_of_results_is_located():
    def rhs(t, y):
        return [y[0]]

    with pytest.raises(CompileError, match=r"1 numbers where 2 are expected(.|\n)*test_native.py"):
        native(rhs, 2)


def test_a_rebound_helper_is_noticed():
    def first(x):
        return 2.0 * x

    def second(x):
        return 3.0 * x

    holder = [first]

    def make(f):
        def rhs(t, y):
            return [f(y[0])]

        return rhs

    out = np.zeros(1)
    for f, expected in ((first, 2.0), (second, 3.0), (holder[0], 2.0)):
        assert call(native(make(f), 1).value, 0.0, np.ones(1), np.zeros(1), out) == 0
        assert out[0] == expected


def test_clearing_the_cache_forgets_programs(model):
    known = native(lotka_volterra, 2, args=(RATES,))
    directory = cache.cache_directory()
    cache.cache_clear()
    assert not list(directory.glob("*.py"))
    again = native(lotka_volterra, 2, args=(RATES,))
    assert again is not known
    out = np.zeros(2)
    assert call(known.value, 0.0, np.ones(2), np.ones(4), out) == 0  # still alive
    assert call(again.value, 0.0, np.ones(2), np.ones(4), out) == 0

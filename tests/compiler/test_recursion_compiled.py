"""Functions that call themselves as machine code: cache, depth, failures, refusals."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sciad.rules
from sciad.compiler import jit
from sciad.compiler.back.emit_calls import DEEPEST
from sciad.compiler.codegen.reading import Unusual
from sciad.core.errors import CompileError
from sciad.core.rules import Elementwise, temporary
from sciad.core.transforms import grad, hvp
from sciad.ode import solve_ivp

assert sciad.rules is not None


def female(x, n):
    return x if n == 0 else n * x - male(female(x, n - 1) * 0.5, n - 1)


def male(x, n):
    return x * x if n == 0 else math.sin(x) - female(male(x, n - 1) * 0.3, n - 1)


def move(n, a, b, cost):
    if n == 0:
        return True
    move(n - 1, b, a, cost)
    b[0] += a[0] * n
    cost[0] = cost[0] * 1.01 + b[0]
    return move(n - 1, a, b, cost)


def written(x):
    a, b, cost = np.zeros(40), np.zeros(40), np.zeros(40)
    a[0], b[0] = x[0], x[1] * x[0]
    return cost[0] * b[0] if move(3, a, b, cost) else 0.0


@jit
def halves(x):
    n = len(x)
    if n == 1:
        return math.exp(x[0]) * x[0]
    return halves(x[: n // 2]) * math.sin(halves(x[n // 2 :]))


X = np.array([0.3, 1.2, 0.4])

MAIN = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("programs", sys.argv[1])
programs = importlib.util.module_from_spec(spec)
sys.modules["programs"] = programs
spec.loader.exec_module(programs)
import sciad.compiler.back.cache as cache
written = []
note = cache.note
cache.note = lambda *args: written.append(args) or note(*args)
print(json.dumps([programs.results(programs.jit), len(written)]))
"""


def results(jit):
    """List derivatives of recursions: between two functions, into arrays, and a curvature."""
    f, g = jit(female), jit(written)
    curvature = hvp(lambda x: f(x, 4), 0.6, 1.0)
    return [f(0.6, 4), grad(f)(0.6, 4), curvature, *grad(g)(X), *grad(halves)(X)]


def test_another_process_loads_what_was_compiled(tmp_path):
    environment = {**os.environ, "SCIAD_CACHE_DIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", MAIN, str(Path(__file__))]
    found = []
    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout.splitlines()[-1]))
    (first, new), (second, more) = found
    assert new > 0
    assert more == 0
    expected = results(lambda function: getattr(function, "__wrapped__", function))
    np.testing.assert_allclose(first, expected, rtol=1e-12)
    assert first == second


def no_short_way(state):
    raise Unusual("Numba's own way")


def restarted(x, n):
    if n == 0:
        return x
    return restarted(x, 2) * 0.5 if n > 2 else restarted(x * 0.5, n - 1)


def test_code_that_another_process_could_not_load_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("SCIAD_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("sciad.compiler.back.emit._typed", lambda operand, text: text)
    monkeypatch.setattr("sciad.compiler.codegen.passes.Unit", no_short_way)
    with pytest.raises(CompileError, match="Numba finds other types"):
        jit(restarted)(0.5, 3)
    assert not list(tmp_path.glob("*/*.py"))
    assert not list(tmp_path.glob("*/__pycache__/*"))


def damped(x, n):
    return x if n == 0 else 0.999 * damped(x, n - 1)


def test_depth_is_limited_as_in_python():
    f = jit(damped)
    assert f(1.0, DEEPEST - 1) == pytest.approx(0.999 ** (DEEPEST - 1), rel=1e-12)
    assert grad(f)(1.0, DEEPEST - 1) == pytest.approx(0.999 ** (DEEPEST - 1), rel=1e-12)
    for derivative in (f, grad(f)):
        with pytest.raises(RecursionError, match="calls of a function inside each other") as caught:
            derivative(1.0, -1)
        line = damped.__code__.co_firstlineno
        assert f"{Path(__file__).name}:{line}" in str(caught.value)


def mixed(s, a):
    for k in range(16):
        s = math.sin(s * a[k]) + a[15 - k] * s
    return s


def large(x, n):
    if n == 0:
        return x[0]
    a = [math.sin(x[k % 3] * (n + k)) for k in range(16)]
    s = large(x, n - 1)
    for _ in range(8):
        s = mixed(s, a)
    return s * 1e-3


def test_functions_with_large_frames_go_less_deep(jit_interpreted):
    f = jit_interpreted(large)
    assert f(X, 20) == pytest.approx(large(X, 20), rel=1e-12)
    limit = int(f.source("value").partition("if depth > ")[2].partition(":")[0])
    assert 100 < limit < DEEPEST
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(2 * DEEPEST + usual)
    try:
        f(X, limit - 1)
        with pytest.raises(RecursionError, match=f"more than {limit} calls"):
            f(X, limit)
    finally:
        sys.setrecursionlimit(usual)


def cosines(x, n):
    return x if n == 0 else math.cos(cosines(x, n - 1))


def test_replaced_rules_are_noticed(jit_interpreted):
    f = jit_interpreted(cosines)
    assert grad(f)(0.5, 1) == pytest.approx(-math.sin(0.5), rel=1e-14)
    with temporary(np.cos, Elementwise(np.cos, (lambda x, out: 7.0 * x,))):
        assert grad(f)(0.5, 1) == 3.5
    assert grad(f)(0.5, 1) == pytest.approx(-math.sin(0.5), rel=1e-14)


def checked(x, n):
    if n == 0:
        if x > 1.0:
            raise ValueError("too large")
        return x
    assert n > 0, "negative"
    return checked(x * 1.1, n - 1) ** 2


def test_failures_come_out_of_callees():
    f = jit(checked)
    for derivative in (f, grad(f)):
        with pytest.raises(ValueError, match="too large"):
            derivative(0.95, 2)
        with pytest.raises(AssertionError, match="negative"):
            derivative(0.5, -3)
    assert f(0.5, 2) == pytest.approx(checked(0.5, 2), rel=1e-14)
    assert grad(f)(0.5, 2) == pytest.approx(grad(checked)(0.5, 2), rel=1e-13)


def first_root(a, n):
    return math.sqrt(a[0]) if n == 0 else first_root(a, n - 1)


def steep(x, n):
    return math.sqrt(x) if n == 0 else steep(x, n - 1)


def unused(x, n):
    r, s = first_root(x, n), steep(x[0], n)
    return r + s if x[0] > 0.0 else 3.0 * x[0]


def unused_number(x, n):
    r = steep(x, n)
    return r if x > 0.0 else 3.0 * x


def test_infinite_slopes_of_unused_results_do_not_matter():
    g = jit(unused_number)
    assert (grad(g)(0.0, 3), grad(g)(0.25, 3)) == (3.0, 1.0)
    f = jit(unused)
    np.testing.assert_array_equal(grad(f)(np.zeros(2), 3), [3.0, 0.0])
    np.testing.assert_allclose(grad(f)(np.array([0.25, 1.0]), 3), [2.0, 0.0], rtol=1e-14)


def rates(t, y, k):
    return [-k * female(y[0], 2) + 0.1 * t, -halves(y) * 0.1]


def test_right_hand_sides():
    def final(k, y0):
        found = solve_ivp(rates, (0.0, 1.0), y0, args=(k,), rtol=1e-9, atol=1e-10)
        return found.y[0, -1] * found.y[1, -1]

    y0, h = np.array([0.5, 0.8]), 1e-5
    by_k, by_y0 = grad(final, (0, 1))(0.3, y0)
    assert by_k == pytest.approx((final(0.3 + h, y0) - final(0.3 - h, y0)) / (2 * h), abs=1e-7)
    for e, found in zip(np.eye(2), by_y0, strict=True):
        expected = (final(0.3, y0 + h * e) - final(0.3, y0 - h * e)) / (2 * h)
        assert found == pytest.approx(expected, abs=1e-7)


# -- refusals ------------------------------------------------------------------------------------
def same_array(v, n):
    return v if n == 0 else same_array(v, n - 1)


def argument_comes_back(x, n):
    v = np.array([x, 2.0 * x])
    r = same_array(v, n)
    v[0] = 5.0  # here
    return r[0] + v[0]


def joined_array(v, n):
    return v if n == 0 else joined_array(v * 2.0, n - 1)


def result_is_written(x, n):
    v = np.array([x, 2.0 * x])
    r = joined_array(v, n)
    r[0] = 5.0  # here
    return r[0] + v[0]


def two_names(x, n):
    a = np.zeros(40)
    a[0] = x

    def go(b, k):
        if k == 0:
            return b[0]
        b[0] = b[0] * 2.0
        return go(b, k - 1) + a[0]

    return go(a, n)  # here


def continued(f, x, n):
    return f(x) if n == 0 else continued(lambda u: f(u) * x, x * 0.9, n - 1)  # here


def new_functions(x, n):
    return continued(lambda u: u, x, n)


def ever_longer(t, n):
    return sum(t) if n == 0 else ever_longer((*t, 1.0), n - 1)  # here


def grows(x, n):
    return ever_longer((x,), n)


def endless(x, n):  # here
    while n > 0:
        x = endless(x, n)
    return endless(x, n - 1)


def one_or_two(x, n):
    return x if n == 0 else (one_or_two(x, n - 1), 1.0)  # here


REFUSED = [
    (argument_comes_back, "is written to"),
    (result_is_written, "is written to"),
    (two_names, "another name"),
    (new_functions, "ever new structure"),
    (grows, "ever new structure"),
    (endless, "never returns"),
    (one_or_two, "no single value"),
]
LINES = Path(__file__).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("function", "words"), REFUSED)
def test_refusals_show_the_line(function, words, jit_interpreted):
    with pytest.raises(CompileError, match=words) as caught:
        jit_interpreted(function)(0.4, 2)
    number = int(str(caught.value).partition(f"{Path(__file__).name}:")[2].split()[0])
    assert LINES[number - 1].endswith("# here")

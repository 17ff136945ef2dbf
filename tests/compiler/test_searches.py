"""Loops that search: only the iteration that counts is reversed."""

import math

import numpy as np
import pytest

import sciad
from sciad.compiler.ir import Loop, walk
from sciad.compiler.passes import adjoint as adjoints

X = np.array([0.31, -0.62, 0.45, -0.62, 0.83])


def text_of(jitted, *args):
    program = jitted.program(args)[0]
    return program.text("vjp", program.derived("vjp"))


def agree(function, args, jit):
    """Compare values, gradients and Hessian-vector products of the two engines."""
    compiled, numbers = jit(function), tuple(range(len(args)))
    assert compiled(*args) == pytest.approx(function(*args), rel=1e-13)
    along = tuple(np.cos(7.0 * np.asarray(a)) if np.ndim(a) else 0.4 for a in args)
    mine, theirs = (
        (*sciad.grad(f, numbers)(*args), *sciad.hvp(f, args, along, argnums=numbers))
        for f in (compiled, function)
    )
    for found, expected in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    return text_of(compiled, *args)


def nearest(x, w):
    best = 1e9
    for i in range(len(x)):
        d = (x[i] - w) ** 2
        if d < best:
            best = d
    return best


def last_of_the_farthest(x, w):
    best, place = -1e9, 0
    for i in range(len(x) - 1, -1, -1):
        d = (x[i] - w) ** 2
        if d >= best:
            best, place = d, i
    return best * x[place] + math.sin(best) * place


def picked_unless(x, w):
    best = x[0]
    for i in range(1, len(x), 2):
        d = math.sin(x[i] * w)
        if not d > best:
            continue
        best = d
    return best * w


def of_rows(x, w):
    total = 0.0
    for i in range(len(x)):
        best = 1e9
        for j in range(len(x)):
            r = 0.0
            for k in range(len(x)):
                r += (x[i] - w * x[j] * k) ** 2
            if r < best:
                best = r
        total += math.sqrt(best)
    return total * total


@pytest.mark.parametrize("function", [nearest, last_of_the_farthest, picked_unless, of_rows])
@pytest.mark.parametrize("n", [5, 1])
def test_one_iteration_of_a_search_is_reversed(function, n, jit_interpreted):
    assert "at = " in agree(function, (X[:n], 0.7), jit_interpreted)


@pytest.mark.parametrize("start", [np.nan, -1.0])
def test_a_search_that_finds_nothing_keeps_what_it_began_with(start, jit_interpreted):
    def least(x, w):
        best = w
        for i in range(len(x)):
            if x[i] < best:
                best = x[i]
        return best

    found = sciad.grad(jit_interpreted(least), (0, 1))(X, start)
    np.testing.assert_array_equal(found[0], np.zeros(5))
    assert found[1] == 1.0
    empty = sciad.grad(jit_interpreted(least), (0, 1))(X[:0], 0.3)
    assert empty[0].shape == (0,)
    assert empty[1] == 1.0


# -- loops that are more than a search -----------------------------------------------------------
def depends_on_the_best(x, w):
    best = 1e9
    for i in range(len(x)):
        d = (x[i] - w) ** 2 + 0.01 * best
        if d < best:
            best = d
    return best


def left_early(x, w):
    best = 1e9
    for i in range(len(x)):
        d = (x[i] - w) ** 2
        if d < best:
            best = d
        if d > 1.0:
            break
    return best


def two_results(x, w):
    best, total = 1e9, 0.0
    for i in range(len(x)):
        d = (x[i] - w) ** 2
        total += math.sin(d)
        if d < best:
            best = d
    return best * total


def overwritten(x, w):
    v, best = x * 1.0, 1e9
    for i in range(len(x)):
        v[i] = v[i - 1] * w
        d = (v[i] - w) ** 2
        if d < best:
            best = d
    return best + v[2]


@pytest.mark.parametrize("function", [depends_on_the_best, left_early, two_results, overwritten])
def test_other_loops_are_reversed_as_a_whole(function, jit_interpreted):
    assert "at = " not in agree(function, (X, 0.7), jit_interpreted)


def test_an_array_that_is_written_to_later(jit_interpreted):
    def program(x, w):
        v, best = x * w, 1e9
        for i in range(len(x)):
            d = (v[i] - w) ** 2 * v[i]
            if d < best:
                best = d
        for i in range(len(x)):
            v[i] = v[i] * best
        return np.sum(v * v)

    agree(program, (X, 0.7), jit_interpreted)


# -- together with loops that are run again -------------------------------------------------------
@pytest.fixture
def replay_all(monkeypatch):
    """Let adjoints replay all loops they can."""

    def everything(function, made, reverse):
        return reverse(frozenset(n.index for n in walk(function.body) if isinstance(n, Loop)))

    monkeypatch.setattr(adjoints, "best", everything)


def test_a_search_in_a_loop_that_is_run_again_leaves_no_tape(jit_interpreted, replay_all):
    def program(x, w):
        s = w
        for i in range(len(x) // 2):
            best = 0.2
            for j in range(len(x)):
                d = 0.1 * j * w * x[i]
                if d <= best:
                    best = d
            s += best**2 * w
        return math.sin(s)

    agree(program, (X, -0.8), jit_interpreted)


def test_a_search_in_a_function_that_calls_itself(jit_interpreted):
    def nested(x, w, n):
        best = 1e9
        for i in range(len(x)):
            d = (math.sin(x[i]) - w) ** 2
            if d < best:
                best = d
        if n > 0:
            return best * nested(x, w * best, n - 1)
        return best + w

    compiled = jit_interpreted(nested)
    for found, expected in zip(
        sciad.grad(compiled, (0, 1))(X, 0.7, 2), sciad.grad(nested, (0, 1))(X, 0.7, 2), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)

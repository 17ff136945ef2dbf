"""Loops whose iterations are reversed where they have run."""

import gc
import math
import weakref

import numpy as np
import pytest

import sciad
from sciad.compiler.ir import FLOAT, BufferType, Function, Loop, Op, Region, Value, const, walk
from sciad.compiler.passes.analysis import Places

X = np.array([0.31, -0.62, 0.45, 0.83])
A = np.linspace(-0.9, 0.8, 12).reshape(3, 4)


def loops_of(jitted, args):
    """Count the loops of the gradient, and say whether it has a tape."""
    program = jitted.program(args)[0]
    nodes = list(walk(program.derived("vjp").body))
    codes = {n.code for n in nodes if isinstance(n, Op)}
    return sum(isinstance(n, Loop) for n in nodes), "push" in codes


def total(result):
    """Make a number of a result."""
    if isinstance(result, tuple):
        return sum((k + 1.0) * total(r) for k, r in enumerate(result))
    return np.sum(np.sin(result) * np.cos(np.arange(np.size(result)).reshape(np.shape(result))))


def agree(function, args, jit):
    """Compare values, gradients and Hessian-vector products of the two engines."""
    compiled = jit(function)
    of = lambda f: lambda *args: total(f(*args))
    numbers = tuple(range(len(args)))
    copies = lambda: tuple(np.array(a) if np.ndim(a) else a for a in args)
    assert of(compiled)(*copies()) == pytest.approx(of(function)(*copies()), rel=1e-12)
    along = tuple(np.cos(7.0 * np.asarray(a)) if np.ndim(a) else 0.4 for a in args)
    for found, expected in zip(
        (
            *sciad.grad(of(compiled), numbers)(*copies()),
            *sciad.hvp(of(compiled), copies(), along, argnums=numbers),
        ),
        (
            *sciad.grad(of(function), numbers)(*copies()),
            *sciad.hvp(of(function), copies(), along, argnums=numbers),
        ),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    return loops_of(compiled, args)


# -- what is reversed at once ----------------------------------------------------------------------
def likelihood(x, w):
    total = 0.0
    for i in range(len(x)):
        total += math.log(1.0 + math.exp(x[i] * w)) - w * x[i]
    return total


def rows(a, w):
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += math.sin(a[i, j] * w) * a[i, 0]
    return total


def own_elements(x, w):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] = math.sin(x[i] * w)
        out[i] = out[i] * math.exp(out[i])
    return out


def scratch(x, w):
    total, buffer = 0.0, np.empty(len(x))
    for i in range(len(x)):
        for j in range(len(x)):
            buffer[j] = math.sin(x[j] * w + i)
        for j in range(len(x)):
            total += buffer[j] * x[i] * buffer[len(x) - 1 - j]
    return total


@pytest.mark.parametrize(
    ("function", "args", "loops"),
    [(likelihood, (X, 0.7), 1), (rows, (A, 0.7), 2), (own_elements, (X, 0.7), 2)],
)
def test_a_loop_is_reversed_where_it_runs(function, args, loops, jit_interpreted):
    assert agree(function, args, jit_interpreted) == (loops, False)


def left_over(x, w):
    a, total = np.zeros(len(x)), 0.0
    for i in range(len(x)):
        for k in range(len(x)):
            total += a[k] * x[i] * w
            a[k] = math.sin(x[i]) * (k + 1.0)
    return total


def test_what_an_earlier_iteration_left_has_a_cotangent(jit_interpreted):
    loops, _ = agree(left_over, (X, 0.7), jit_interpreted)
    assert loops >= 4  # two forward, two back


def test_scratch_memory_belongs_to_one_iteration(jit_interpreted):
    _, tape = agree(scratch, (X, 0.7), jit_interpreted)
    assert not tape


# -- what is not -----------------------------------------------------------------------------------
def nonlinear_after(x, w):
    total = 0.0
    for i in range(len(x)):
        total += math.sin(x[i] * w)
    return total * total


def chained(x, w):
    for i in range(1, len(x)):
        x[i] = math.sin(x[i - 1] * w) + x[i]
    return x * 1.0


def shifted(x, w):
    out = np.zeros(len(x))
    for i in range(len(x) - 1):
        out[i] = math.sin(x[i] * w)
        out[i + 1] += x[i] * out[i]
    return out


def kept_scratch(x, w):
    total, buffer = 0.0, np.zeros(len(x))
    for i in range(len(x)):
        for j in range(len(x)):
            buffer[j] = math.sin(x[j] * w + i)
        for j in range(len(x)):
            total += buffer[j] * x[i]
    return total, buffer


def scratch_with_a_memory(x, w):
    total, buffer = 0.0, np.ones(len(x))
    for i in range(len(x)):
        total += buffer[i] * x[0]
        for j in range(len(x)):
            buffer[j] = math.sin(x[j] * w + buffer[i])
    return total


def zero_stride(x, w):
    out, stride = np.zeros(len(x)), len(x) - len(x)
    for i in range(len(x)):
        out[i * stride] = math.sin(x[i] * w) + out[0]
    return out


@pytest.mark.parametrize(
    "function",
    [nonlinear_after, chained, shifted, kept_scratch, scratch_with_a_memory, zero_stride],
)
def test_a_loop_is_reversed_by_a_loop_of_its_own(function, jit_interpreted):
    loops, _ = agree(function, (X, 0.7), jit_interpreted)
    assert loops > loops_of(jit_interpreted(likelihood), (X, 0.7))[0]


# -- what has to run before ------------------------------------------------------------------------
def sum_of_a_sum(x, w):
    first, second, third = 0.0, 0.0, 0.0
    for i in range(len(x)):
        first += math.sin(x[i] * w)
    for _ in range(len(x)):
        second += first * 3.0
    for _ in range(len(x)):
        third += second * 2.0 + first
    return third


def test_a_mirror_that_another_loop_needs_stays_in_one_piece(jit_interpreted):
    agree(sum_of_a_sum, (X, 0.7), jit_interpreted)
    linear = lambda x, w: sum_of_a_sum(x, w)
    found = sciad.grad(jit_interpreted(linear), 1)(X, 0.7)
    assert found == pytest.approx(100.0 * np.sum(X * np.cos(0.7 * X)), rel=1e-12)


def descending(s, n):
    if n == 0:
        return s
    return descending(math.sin(s), n - 1)


def recursion_after(x, w):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * x[i] * w
    return descending(s, 3)


def test_calls_are_reversed_after_they_have_run(jit_interpreted):
    compiled = jit_interpreted(recursion_after)
    found = sciad.grad(compiled, (0, 1))(X, 0.7)
    expected = sciad.grad(recursion_after, (0, 1))(X, 0.7)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_ids_of_code_that_was_entered_are_not_given_again():
    places = Places(Function("f", (), Region()))
    region = Region([Op("store", (Value("a", BufferType(FLOAT)), const(0), const(1.0)))])
    places.enter_root(region)
    alive = weakref.ref(region), weakref.ref(region.nodes[0])
    region.nodes.clear()
    del region
    gc.collect()
    assert None not in [reference() for reference in alive]


# -- elements that are written once ----------------------------------------------------------------
def written_once(x, w, y):
    out = np.zeros((len(x), len(y)))
    for i in range(len(x)):
        for j in range(len(y)):
            out[i, j] = math.sin(x[i] * w + j) * y[j]
    return out


def written_twice(x, w, y):
    out = np.zeros(len(x) + len(y))
    for i in range(len(x)):
        for j in range(len(y)):
            out[i + j] = math.sin(x[i] * w + j) * y[j]
    return out


def written_at_a_stride(x, w, y):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i * len(y)] = math.sin(x[i] * w)
    return out


@pytest.mark.parametrize(
    ("function", "y", "once"),
    [
        (written_once, X[:3], True),
        (written_twice, X[:3], False),
        (written_at_a_stride, X[:0], False),
        (written_at_a_stride, X[:1], False),
    ],
)
def test_cotangents_of_elements_that_are_written_once_are_read(function, y, once, jit_interpreted):
    agree(function, (X, 0.7, y), jit_interpreted)
    program = jit_interpreted(function).program((X, 0.7, y))[0]
    codes = [n.code for n in walk(program.derived("vjp").body) if isinstance(n, Op)]
    assert ("alloc" not in codes) == once

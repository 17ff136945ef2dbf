"""Loops over `sciad.checkpointed(range(n))`: few stored states, fewest repeated steps."""

import math
import types

import numba
import numpy as np
import pytest

import sciad
from sciad.compiler import jit
from sciad.compiler.native import NativeFunction
from sciad.core.errors import CompileError, InputError
from sciad.core.revolve import fewest_snapshots, fewest_steps, split


def carried_numbers(x, p, n):
    y, m, up = 0.3, 0, True
    for k in sciad.checkpointed(range(n), snapshots=4):
        y = y + 0.1 * math.sin(x) * p
        x = x - 0.05 * y * x * (1.0 + 0.01 * k) if up else x * 0.99
        m = m + k
        up = m % 3 != 1
    return x * y + 0.001 * m


def arrays_in_place(y0, n):
    m = len(y0)
    y = y0.copy()
    z = np.zeros(m)
    for k in sciad.checkpointed(range(n, 0, -2)):
        for i in range(m):
            z[i] = math.sin(y[i]) * 0.1 * k
        for i in range(m):
            y[i] = y[i] * 0.9 + z[(i + 1) % m] * y[(i + 2) % m] * 0.3
    return np.sum(y * y)


def inside_a_loop(y0, n):
    y = y0.copy()
    s = 0.0
    out = np.zeros(100)
    for a in range(3):
        for k in sciad.checkpointed(range(1, n + 1), snapshots=2):
            y[0] = y[0] * 0.9 + 0.1 * y[1] * math.sin(s)
            s += y[0] * 0.1 + 0.01 * a
            out[k] = s
            for j in range(k):
                y[1] = y[1] - 0.1 * y[0] * y[0] if s < 1.0 else y[1] + 0.01 * j
    return s + y[1] + out[n // 2]


def two_levels(y0, n):
    y = y0.copy()
    x = y0[0]
    for _ in sciad.checkpointed(range(n), snapshots=3):
        for i in sciad.checkpointed(range(len(y)), snapshots=2):
            x = math.sin(x) + y[i] * 0.1
            y[i] = y[i] - 0.1 * x * x
    return x * y[0]


@pytest.mark.parametrize(
    ("program", "args", "lengths"),
    [
        (carried_numbers, (0.7, 1.3), (0, 1, 2, 3, 7, 25)),
        (arrays_in_place, (np.array([0.3, 0.8, 1.4, 0.2]),), (0, 1, 5, 41)),
        (inside_a_loop, (np.array([0.3, 0.8]),), (0, 1, 6)),
        (two_levels, (np.array([0.3, 0.8, -0.4, 0.1, 1.2]),), (0, 1, 9)),
    ],
)
def test_derivatives_are_those_of_the_eager_engine(program, args, lengths):
    compiled = jit(program)
    where = tuple(range(len(args)))
    direction = tuple(np.full_like(a, 0.3) if np.ndim(a) else 0.3 for a in args)
    for n in lengths:
        assert compiled(*args, n) == pytest.approx(program(*args, n), rel=1e-13)
        found = sciad.grad(compiled, argnums=where)(*args, n)
        expected = sciad.grad(program, argnums=where)(*args, n)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    if program in (arrays_in_place, inside_a_loop):
        return  # second derivatives of the other two are enough
    n = lengths[-1]
    found = sciad.hvp(compiled, args, direction, n, argnums=where)
    expected = sciad.hvp(program, args, direction, n, argnums=where)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


class Counting(types.ModuleType):
    """The module math, with the calls of sin counted."""

    def __init__(self):
        super().__init__("counting")
        self.calls = 0

    def __getattr__(self, name):
        return getattr(math, name)

    def sin(self, x):
        self.calls += 1
        return math.sin(x)


def steps_run(program, n, emitted):
    """How often the emitted adjoint runs a step forward, beside n times for the value."""
    made = NativeFunction(program, 1, 1, *_layout((float(n),)))
    function, tape = emitted.run(made.text("vjp", made.derived("vjp")))
    counter = function.__globals__["math"] = Counting()
    bars = np.zeros(1), np.zeros(1), np.zeros(1)
    assert function(0.0, np.array([0.7]), np.array([float(n)]), np.ones(1), *bars) == 0
    x, slope = 0.7, 1.0
    for _ in range(n):
        x, slope = math.sin(x), slope * math.cos(x)
    assert bars[1][0] == pytest.approx(slope, rel=1e-12)
    assert not tape.peak
    return counter.calls - n


def _layout(values):
    from sciad.core.tree import flatten

    leaves, treedef = flatten((values, {}))
    return treedef, tuple(np.shape(leaf) for leaf in leaves)


def with_three(t, y, p):
    x = y[0]
    for _ in sciad.checkpointed(range(int(p)), snapshots=3):
        x = math.sin(x)
    return [x]


def with_default(t, y, p):
    x = y[0]
    for _ in sciad.checkpointed(range(int(p))):
        x = math.sin(x)
    return [x]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 11, 20, 47, 100])
def test_no_step_is_repeated_more_often_than_the_binomial_optimum(n, emitted):
    for program, snapshots in ((with_three, 3), (with_default, fewest_snapshots(n, 2))):
        last, room = 0, min(snapshots, n)  # states that the forward run stores on its way
        fewest = fewest_steps(n, room)
        while room >= 2 and n - last >= 2:
            last, room = last + split(n - last, room), room - 1
        assert steps_run(program, n, emitted) == fewest - last


def with_a_branch(x, n):
    for k in sciad.checkpointed(range(n), snapshots=3):
        if x > 0.5:
            for _ in range(k % 2):
                x = math.sin(x)
        else:
            x = x + 0.2
    return x


def test_memory_does_not_grow_with_the_number_of_steps():
    text = jit(carried_numbers).source("vjp", 0.7, 1.3, 5)
    assert "tape_put" not in text
    for n in (10, 2000):  # the tape of one step, and nothing else
        assert jit(with_a_branch).tape_bytes(0.7, n) == 8


def test_the_plain_program_runs_as_it_is():
    assert list(sciad.checkpointed(range(3), snapshots=2)) == [0, 1, 2]
    for wrong in (0, 2.5, True):
        with pytest.raises(InputError, match="at least 1"):
            sciad.checkpointed(range(3), snapshots=wrong)


def left_early(x, n):
    for _ in sciad.checkpointed(range(n)):
        x = math.sin(x)
        if x < 0.1:
            break
    return x


def in_a_branch(x, n):
    if x > 0.0:
        for _ in sciad.checkpointed(range(n)):
            x = math.sin(x)
    return x


def over_a_list(x, n):
    for k in sciad.checkpointed([1.0, 2.0]):
        x = math.sin(x) * k
    return x


def unknown_room(x, n):
    for _ in sciad.checkpointed(range(n), snapshots=n):
        x = math.sin(x)
    return x


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (left_early, "break or return"),
        (in_a_branch, "stands in a branch"),
        (over_a_list, "not a range"),
        (unknown_room, "has to be a literal"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_line(program, message):
    with pytest.raises(CompileError, match=rf"{message}(.|\n)*test_checkpointed.py:\d+"):
        sciad.grad(jit(program))(0.5, 3)


def over_prange(y, a):
    s = 0.0
    out = np.zeros(len(y))
    for i in numba.prange(len(y)):
        s += math.sin(a * y[i])
        out[i] = y[i] * s * 0.0 + y[i] ** 2
    return s + np.sum(out)


def test_prange_is_a_range_in_all_derivatives():
    y = np.linspace(0.1, 2.0, 17)
    compiled = jit(over_prange)
    assert compiled(y, 1.3) == pytest.approx(over_prange(y, 1.3), rel=1e-14)
    for where in (0, 1):
        found = sciad.grad(compiled, argnums=where)(y, 1.3)
        expected = sciad.grad(over_prange, argnums=where)(y, 1.3)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_branch_that_computes_again_from_the_stored_state():
    def program(x, w):
        s, t = w, 0.5
        for i in sciad.checkpointed(range(len(x))):
            if i == 0:
                s += math.sin(s) * w
            else:
                for _ in range(len(x)):
                    t += math.sin(s * t)
        return s * t

    x = np.array([0.3, -0.6, 0.9])
    found = sciad.grad(sciad.jit(program), 1)(x, 0.7)
    assert found == pytest.approx(sciad.grad(program, 1)(x, 0.7), rel=1e-12)

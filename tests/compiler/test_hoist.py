"""Index checks before their loops: the same exceptions as in the interpreter, no others."""

import numpy as np
import pytest

from sciad.compiler import jit
from sciad.compiler.ir import Loop, Op, walk
from sciad.core.transforms import grad


def forwards(x, y, n, shift):
    total = 0.0
    for i in range(n):
        total += x[i] * y[i + shift]
    return total


def backwards(x, y, n, shift):
    total = 0.0
    for i in range(n, -1, -3):
        total += x[i] * y[n - i + shift]
    return total


def nested(x, y, n, shift):
    total = 0.0
    for i in range(n):
        for j in range(i, n + shift):
            total += x[i] * y[j]
    return total


def strided(x, y, n, shift):
    total = 0.0
    for i in range(1, n, 2):
        total += x[i - 1] * y[2 + i + shift]
    return total


def windows(x, y, n, shift):
    total = 0.0
    for i in range(len(x) - 2):
        for j in range(3):
            total += x[i + j] * y[len(y) - 1 - i] + y[i - n]
    return total


def left_early(x, y, n, shift):
    total = 0.0
    for i in range(n):
        if x[i] > 2.0:
            break
        total += y[i + shift] * x[i]
    return total


def guarded(x, y, n, shift):
    total = 0.0
    for i in range(n):
        if i + shift < len(y):
            total += y[i + shift] * x[i]
    return total


def other_errors(x, y, n, shift):
    total = 0.0
    for i in range(n):
        if shift == 3 and i == 1:
            raise ValueError("three")
        total += y[i + shift] * x[i]
    return total


PROGRAMS = [forwards, backwards, nested, strided, windows, left_early, guarded, other_errors]
X, Y = np.array([0.5, 1.5, -0.3, 2.5, 1.0]), np.linspace(1.0, 2.0, 4)


def outcome(function, *args):
    """Value, or the type of the exception."""
    try:
        return function(*args)
    except (IndexError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_exceptions_are_those_of_the_interpreter(program):
    compiled = jit(program)
    slope = grad(compiled)
    raised = 0
    for n in range(7):
        for shift in range(5):
            for x, y in ((X, Y), (X[:0], Y), (X, Y[:0])):
                expected = outcome(program, x, y, n, shift)
                found = outcome(compiled, x, y, n, shift)
                assert found is expected or found == pytest.approx(expected, rel=1e-14)
                raised += found is IndexError
                if n < 6 and len(x):
                    other = outcome(slope, x, y, n, shift)
                    assert (other is found) == isinstance(found, type)
    assert raised or program is guarded


def checks(compiled, inside):
    """Number of checks in loops, or outside."""
    program = list(compiled._programs.values())[-1].program()
    every = sum(isinstance(n, Op) and n.code == "check" for n in walk(program.body))
    loops = (n for n in program.body.nodes if isinstance(n, Loop))
    within = sum(isinstance(n, Op) and n.code == "check" for loop in loops for n in walk(loop.body))
    return within if inside else every - within


HOISTED = (forwards, backwards, nested, strided, windows)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_which_checks_leave_their_loops(program):
    compiled = jit(program)
    compiled(X, Y, 2, 0)
    assert (checks(compiled, inside=False) > 0) == (program in HOISTED)


def test_all_checks_of_known_ranges_leave_their_loops():
    @jit
    def known(x, y):
        total = 0.0
        for i in range(len(x)):
            for j in range(2, len(y) + 1):
                total += x[i] * y[j - 2] * y[-j] + x[-1 - i] * y[i]
        return total

    assert known(Y, Y) == pytest.approx(known.__wrapped__(Y, Y), rel=1e-14)
    assert outcome(known, X, Y) is outcome(known.__wrapped__, X, Y) is IndexError
    assert outcome(known, X, Y[:1]) == outcome(known.__wrapped__, X, Y[:1]) == 0.0
    assert checks(known, inside=True) == 0


def test_huge_integers_are_not_added_before_the_loop():
    for n, shift in ((2**62, 2**62), (2**62 + 5, -(2**62)), (3, 2**63 - 2**57), (2**60, -(2**62))):
        for compiled in map(jit, (forwards, strided)):
            with pytest.raises((IndexError, OverflowError)):
                compiled(X, Y, n, shift)


def test_an_index_that_was_in_range_is_a_small_integer():
    @jit
    def walk_along(x, k, n):
        total = 0.0
        for j in range(n):
            total += x[k]
            k = k - j
        return total + k

    for k, n in ((4, 5), (4, 6), (0, 3), (-1, 3), (2**62, 1), (2**62, 0)):
        assert outcome(walk_along, X, k, n) == outcome(walk_along.__wrapped__, X, k, n)
    assert "OverflowError" not in walk_along.source()


def outcome_of_sums(x, k, step):
    total = 0.0
    if step > 0:
        total += x[k]
    return total + (k + k)


def test_an_index_of_one_branch_is_not_known_after_it():
    compiled = jit(outcome_of_sums)
    assert compiled(X, 2, 1) == outcome_of_sums(X, 2, 1)
    with pytest.raises(OverflowError):
        compiled(X, 2**62 + 2**61, 0)

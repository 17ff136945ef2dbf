"""What is known of integers: index checks that are left out, and those that must stay."""

import itertools

import numpy as np
import pytest

from sciad.compiler import jit

X = np.array([0.31, -0.62, 0.45, 0.83])


def kernel(function, *args):
    """Text of the compiled function, the checks of sizes included."""
    program = jit(function).program(args)[0]
    text = program.text("value", program.derived("value"))
    return text[text.index("LAYOUT") :]


def around(x):
    total = 0.0
    for i in range(len(x)):
        left = i - 1 if i > 0 else len(x) - 1
        right = i + 1 if i < len(x) - 1 else 0
        total += x[left] * x[i] + x[right]
    return total


def around_by_equality(x):
    total = 0.0
    for i in range(len(x)):
        left = len(x) - 1 if i == 0 else i - 1
        right = i + 1 if i + 1 != len(x) else 0
        total += x[left] * x[i] + x[right]
    return total


def with_both_conditions(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i + 1 if i >= 0 and not i + 1 >= len(x) else i]
    return total


@pytest.mark.parametrize("function", [around, around_by_equality, with_both_conditions])
def test_a_choice_that_stays_inside_is_not_checked(function):
    text = kernel(function, X)
    assert "IndexError" not in text
    assert "< 0" not in text


def one_too_far(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i + 1 if i < len(x) else 0]
    return total


def one_too_near(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i - 1 if i >= 0 else 0] * (i + 1)
    return total


def other_length(x, y):
    total = 0.0
    for i in range(len(x)):
        total += y[i - 1 if i > 0 else 0] * y[i + 1 if i < len(x) - 1 else 0]
    return total


def either(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i + 1 if i < len(x) - 1 or i > 1 else 0]
    return total


@pytest.mark.parametrize("function", [one_too_far, one_too_near, either])
@pytest.mark.parametrize("n", range(4))
def test_a_choice_that_leaves_the_array_is_checked(function, n, jit_interpreted):
    same_outcome(function, jit_interpreted(function), X[:n])


@pytest.mark.parametrize(("n", "m"), list(itertools.product(range(4), range(4))))
def test_a_choice_is_checked_against_another_length(n, m, jit_interpreted):
    same_outcome(other_length, jit_interpreted(other_length), X[:n], X[:m])


def outcome(function, args):
    try:
        return function(*args)
    except IndexError as error:
        return type(error)


def same_outcome(function, compiled, *args):
    found, expected = outcome(compiled, args), outcome(function, args)
    assert found == (expected if isinstance(expected, type) else pytest.approx(expected, rel=1e-13))

"""Checks of sizes that are made before compiled code is called."""

import numpy as np
import pytest

from sciad.compiler import jit


def modules(function, *args):
    """Text of the compiled function."""
    program = function.program(args)[0]
    return program.text("value", program.derived("value"))


def dotted(x, y, w):
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i] * w
    return total


def negative_root(x, w):
    assert not np.sqrt(len(x) - 5.0) > 1.0
    return x[0] * w


def negative_power(x, w):
    assert np.power(np.float64(len(x) - 4), -1.0) > 3.0
    return x[0] * w


def written_first(x, y):
    for i in range(len(x)):
        x[i] = 2.0 * x[i]
    return x[0] + y[len(x)]


def assertion_first(x, y):
    assert len(x) < 4, "long"
    return x[0] + y[len(x) - 1]


def test_lengths_are_compared_before_the_call(jit_interpreted):
    compiled = jit_interpreted(dotted)
    x = np.arange(3.0)
    text = modules(compiled, x, x, 0.5)
    kernel = text[text.index("def function(") :]
    assert "def requirements(" in text
    assert "return 1" not in kernel
    assert compiled(x, x, 0.5) == 2.5
    for _ in range(2):
        with pytest.raises(IndexError, match="test_requirements"):
            compiled(x, x[:2], 0.5)
    assert compiled(x, np.ones(4), 0.5) == 1.5


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
@pytest.mark.parametrize("function", [negative_root, negative_power])
def test_floats_are_computed_by_compiled_code(function):
    x = np.linspace(0.5, 1.5, 4)
    assert jit(function)(x, 0.7) == function(x, 0.7)


def test_arrays_are_written_before_an_index_fails(jit_interpreted):
    mine, theirs = np.ones(3), np.ones(3)
    for function, x in ((jit_interpreted(written_first), mine), (written_first, theirs)):
        with pytest.raises(IndexError):
            function(x, np.ones(3))
    np.testing.assert_array_equal(mine, theirs)


def test_the_first_failure_is_raised(jit_interpreted):
    compiled = jit_interpreted(assertion_first)
    with pytest.raises(AssertionError, match="long"):
        compiled(np.ones(4), np.ones(1))
    with pytest.raises(IndexError):
        compiled(np.ones(3), np.ones(1))

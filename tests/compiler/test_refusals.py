"""What cannot be compiled is refused where it stands, with a way out."""

import math

import numpy as np
import pytest

from sciad.compiler import jit, native
from sciad.core.errors import CompileError

CASES = []


def refused(*words, n=2):
    def accept(function):
        CASES.append(pytest.param(function, words, n, id=function.__name__))
        return function

    return accept


@refused("'late'", "not defined")
def read_before_assignment(t, y):
    def early():
        return late  # here

    z = early()
    late = y[0]
    return [late, z]


@refused("belongs to the caller", "copy()")
def write_into_the_state(t, y):
    y[0] = 1.0  # here
    return y


@refused("belongs to the caller")
def write_into_a_view_of_the_state(t, y):
    z = y[1:]
    z *= 2.0  # here
    return [z[0], z[0]]


@refused("out of bounds", "size 2")
def constant_index_out_of_range(t, y):
    return [y[0], y[2]]  # here


@refused("out of bounds")
def negative_index_out_of_range(t, y):
    return [y[0], y[-3]]  # here


@refused("try cannot be compiled", "if")
def try_statement(t, y):
    try:  # here
        return [y[0], 1.0 / y[1]]
    except ZeroDivisionError:
        return [0.0, 0.0]


@refused("with")
def with_statement(t, y):
    with np.errstate(all="raise"):  # here
        return [y[0], y[1]]


@refused("calls itself", "never returns")
def recursion(t, y):
    def f(x, n):  # here
        return f(x * 0.5, n - 1)

    return [f(y[0], 3), y[1]]


@refused("np.fft.fft has no compiled form")
def no_compiled_form(t, y):
    return np.fft.fft(y)  # here


@refused("returns 3 numbers where 2")
def too_many_results(t, y):  # here
    return [y[0], y[1], t]


@refused("not clear")
def sometimes_nothing(t, y):  # here
    if y[0] > 0:
        return [y[0], y[1]]
    return None


@refused("another name", "copy")
def write_after_paths_met(t, y):
    a, b = np.zeros(2), np.ones(2)
    c = a if y[0] > 0 else b
    c[0] = 1.0  # here
    return a + b + c


@refused("another name")
def write_into_one_of_two_candidates(t, y):
    a, b = np.zeros(2), np.ones(2)
    c = a if y[0] > 0 else b
    a[0] = y[1]  # here
    return c


@refused("different things")
def two_shapes(t, y):
    a = np.zeros(2) if y[0] > 0 else np.zeros(3)  # here
    return [a[0], a[1]]


@refused("'a'", "different things")
def another_shape_each_time(t, y):
    a = np.zeros(2)
    for _ in range(50):
        b = np.ones(3)
        a = np.array([a[0], 1.0, 2.0])  # here
        a = b
    return a


@refused("'a'", "different things")
def another_thing_after_a_loop(t, y):
    a = np.zeros(2)
    for k in range(50):
        a = y[0] * k
    return [a, a]  # here


@refused("integers or bools is written to")
def store_into_an_array_of_integers(t, y):
    a = np.array([0, 0])
    a[0] = 0.7  # here
    return a


@refused("float")
def float_as_index(t, y):
    return [y[t], y[1]]  # here


@refused("integer division by zero")
def division_by_the_integer_zero(t, y):
    return [7 // 0 * y[0], y[1]]  # here


@refused("lengths 3 and 2")
def shapes_that_do_not_fit(t, y):
    return y + np.zeros(3)  # here


@refused("vector of numbers")
def complex_number(t, y):  # here
    return [y[0] * 1j, y[1]]


@refused("3 names")
def wrong_unpacking(t, y):
    a, b, c = y  # here
    return [a, b + c]


@refused("assignment to y.rate")
def attribute_assignment(t, y):
    y.rate = 2.0  # here
    return y


@refused("lacks the argument 'k'")
def missing_argument(t, y):
    def f(x, k):
        return x * k

    return [f(y[0]), y[1]]  # here


@refused("0-dimensional|number is needed")
def name_of_a_module(t, y):
    return [y[0] + math, y[1]]  # here


@pytest.mark.parametrize(("function", "words", "n"), CASES)
def test_refusal(function, words, n):
    with pytest.raises(CompileError) as caught:
        native(function, n)
    message = str(caught.value)
    for word in words:
        assert any(part in message for part in word.split("|")), message
    with open(__file__, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    first = function.__code__.co_firstlineno - 1
    (line,) = [k + 1 for k in range(first, first + 14) if lines[k].endswith("# here")][:1]
    assert f"{__file__}:{line}" in message


def test_no_source_is_said():
    namespace = {}
    exec("def rhs(t, y):\n    return [y[0]]", namespace)
    with pytest.raises(CompileError, match="no source"):
        native(namespace["rhs"], 1)


def test_a_builtin_is_refused():
    with pytest.raises(CompileError, match="cannot be compiled"):
        native(math.sin, 1)


def test_complex_parameters_are_refused():
    with pytest.raises(CompileError, match="complex parameters"):
        native(lambda t, y, c: [y[0] * c], 1, args=(1j,))


def test_an_unknown_derivative_is_located():
    @jit
    def f(x):
        return math.gamma(x)

    assert f(5.0) == 24.0
    with pytest.raises(CompileError, match=r"derivative of math.gamma(.|\n)*test_refusals.py"):
        f.source("vjp")

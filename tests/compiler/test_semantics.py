"""Corners of Python's semantics, and derivatives at the edge of a function's domain."""

import math

import numpy as np
import pytest

from sciad.compiler import jit, native
from sciad.core.errors import CompileError, InputError
from sciad.core.transforms import grad, hvp, jacobian

T, Y = 0.7, np.array([0.6, -0.4, 1.3])


# -- values: the emitted code, in the interpreter, against Python --------------------------------
def truth_in_arithmetic(t, y):
    return [(y[0] > 0) * y[1] + (not y[1] > 0) * y[2], True + y[0], sum([y[0] > 0])]


def element_read_before_a_call_that_writes(t, y):
    a = np.zeros(3)

    def bump():
        a[0] = 5.0
        return y[0]

    a[0] += bump()
    return a


def computed_element_read_before_a_call_that_writes(t, y):
    a = np.zeros(3)

    def bump():
        for k in range(len(a)):
            a[k] = 5.0
        return y[0]

    a[int(2 * t)] -= bump()
    return a


def recipe_before_a_call_that_writes(t, y):
    a = np.ones(40) * y[0]

    def bump():
        a[3] = 9.0
        return 1.0

    return [((2.0 * a) + bump())[3], (3.0 * a)[int(bump()) + 2], a[3]]


def sum_with_a_start(t, y):
    long = np.ones(40) * y[0]
    return [sum(y, 10.0), sum(long, t), sum([y[0] * y, y])[1]]


def backwards(t, y):
    n = int(20 * t)
    long = np.zeros(n)
    for k in range(n):
        long[k] = y[k % 3] * k
    a, b, c = long[::-1], long[-2:1:-3], long[n:0:-2]
    return [a[0] + 2 * a[n - 1], b[0] + 2 * b[len(b) - 1], c[0] + len(c) + long[2:9:-1].sum()]


def else_after_loops(t, y):
    s = 0.0
    for i in range(4):
        for k in range(40):
            if y[k % 3] * i * k > 20.0:
                s += y[0]
                break
        else:
            if i == 1:
                continue
            s += y[1] * (i + 1)
        s *= 1.5
    else:
        s += 100.0 * y[2]
    k = 0
    while k < 60:
        k += 1
        if k * y[0] > 7:
            break
    else:
        s = 0.0
    for x in y:
        if x > 5:
            return [s, x, x]
    else:
        return [s, k, y[0]]


def power_zero(t, y):
    return [y[0] ** 0, y[1] ** 0.0, (y[0] - y[0]) ** 0.0]


def huge_constants(t, y):
    return [y[0] * 6 * 10**23, y[1] * 100000000000000000000, 2**70 / y[2]]


CORNERS = [
    truth_in_arithmetic,
    element_read_before_a_call_that_writes,
    computed_element_read_before_a_call_that_writes,
    recipe_before_a_call_that_writes,
    sum_with_a_start,
    backwards,
    else_after_loops,
    power_zero,
    huge_constants,
]


@pytest.mark.parametrize("fun", CORNERS, ids=lambda f: f.__name__)
def test_the_value_is_that_of_python(interpreted, fun):
    made = interpreted(fun, 3, 3)
    status, out = made.value(T, Y)
    assert status == 0
    np.testing.assert_allclose(out, np.array(fun(T, Y.copy()), float), rtol=1e-13)
    ydot, outbar = np.array([0.3, -1.0, 0.8]), np.array([1.0, 0.5, -2.0])
    _, _, outdot = made.jvp(T, Y, 0.4, ydot, made.p)
    _, tbar, ybar, _ = made.vjp(T, Y, outbar)
    assert outbar @ outdot == pytest.approx(tbar[0] * 0.4 + ybar @ ydot, rel=1e-11)


def test_where_takes_calls_on_arrays_in_memory():
    f = lambda x: np.sum(np.where(x > 0.5, np.sqrt(x), x * np.exp(x)))
    x = np.linspace(0.1, 1.0, 5)
    assert jit(f)(x) == pytest.approx(f(x), rel=1e-14)
    np.testing.assert_allclose(grad(jit(f))(x), grad(f)(x), rtol=1e-13)


def test_numba_takes_bools_as_numbers_and_huge_constants():
    f = jit(lambda y: (truth_in_arithmetic(T, y), huge_constants(T, y)))
    expected = truth_in_arithmetic(T, Y), huge_constants(T, Y)
    np.testing.assert_allclose(f(Y), expected, rtol=1e-14)
    found = grad(jit(lambda y: (y[0] > 0) * y[1] + (not y[1] > 0) * y[2]))(Y)
    np.testing.assert_array_equal(found, [0.0, 1.0, 1.0])


# -- integers ------------------------------------------------------------------------------------
@jit
def taylor(x, n):
    s, factorial = 1.0, 1
    for k in range(1, n):
        factorial *= k
        s += x**k / factorial
    return s


@jit
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def test_integers_beyond_64_bits_are_errors():
    assert taylor(1.0, 20) == pytest.approx(math.e, rel=1e-15)
    assert fibonacci(90) == 2880067194370816120
    raised = pytest.raises(OverflowError, match=r"64 bits(.|\n)*test_semantics.py")
    for call in (lambda: taylor(1.0, 25), lambda: grad(taylor)(1.0, 25), lambda: fibonacci(95)):
        with raised:
            call()
    power = jit(lambda a, b: (a**b, a * b))
    assert power(2, 61) == (2**61, 122)
    for a, b in ((2, 64), (2**40, 2), (-(2**40), 2**40)):
        with raised:
            power(a, b)
    with pytest.raises(InputError, match="64 bits"):
        power(2**70, 1)


def overflowing_constant(t, y):
    n = 2**70
    k = int(y[0])
    return [float(k + n)]  # here


def test_constants_beyond_64_bits_are_refused_where_they_meet_integers():
    with pytest.raises(CompileError, match="64 bits") as caught:
        native(overflowing_constant, 1)
    line = overflowing_constant.__code__.co_firstlineno + 3
    assert caught.value.where.endswith(f"test_semantics.py:{line}")


# -- edges of the domain -------------------------------------------------------------------------
def test_a_zero_power_has_no_slope():
    f = jit(lambda x: x**0.0 + x**1.0)
    assert grad(f)(0.0) == 1.0
    assert hvp(f, 0.0, 1.0) == 0.0


def test_a_direction_that_leaves_the_exponent_alone(interpreted):
    power = jit(lambda x, p: x**p)
    dx, dp = jacobian(power, argnums=(0, 1), mode="forward")(-2.0, 3.0)
    assert dx == 12.0
    assert math.isnan(dp)
    second = jacobian(jacobian(power, mode="forward"), mode="forward")(-2.0, 3.0)
    assert second == -12.0
    assert hvp(lambda x: power(x, 3.0), -2.0, 1.0) == -12.0


def test_an_exponent_that_stands_still_by_accident_has_a_second_derivative():
    f = lambda q: 2.0 ** (q * q)
    curved = jacobian(jacobian(jit(f), mode="forward"), mode="forward")(0.0)
    assert curved == pytest.approx(2.0 * math.log(2.0), rel=1e-14)
    assert hvp(jit(f), 0.0, 1.0) == pytest.approx(2.0 * math.log(2.0), rel=1e-14)


def test_a_direction_that_leaves_an_infinite_slope_alone():
    f = jit(lambda x: math.sqrt(x[0]) + x[1])
    np.testing.assert_array_equal(
        jacobian(f, mode="forward")(np.array([0.0, 1.0])), np.array([np.inf, 1.0])
    )


@jit
def guarded(x):
    root = math.sqrt(x[0])
    ratio = x[1] / x[2]
    s = x[1] ** 2
    if x[0] > 0:
        s = root * x[1] if x[1] > 0 else ratio
    return s + np.where(x[0] > 0, root, x[1])


@pytest.mark.parametrize("x", [[0.0, 2.0, 0.0], [0.5, 2.0, 0.7], [0.5, -2.0, 0.7]])
def test_what_the_other_branch_would_have_used_does_not_matter(x):
    x, v = np.array(x), np.array([1.0, -0.5, 0.25])

    def plain(x):  # the same, written so that only the branch taken is there
        if x[0] > 0:
            s = x[0] ** 0.5 * x[1] if x[1] > 0 else x[1] / x[2]
            return s + x[0] ** 0.5
        return x[1] ** 2 + x[1]

    np.testing.assert_allclose(grad(guarded)(x), grad(plain)(x), rtol=1e-13)
    np.testing.assert_allclose(hvp(guarded, x, v), hvp(plain, x, v), rtol=1e-12, atol=1e-14)


# -- what is refused -----------------------------------------------------------------------------
class Thing:
    def method(self, x):
        return x


def matrix_result(t, y):  # here
    return [[y[0]], [y[1]]]


def structure_result(t, y):  # here
    return {"a": y[0], "b": y[1]}


def truth_of_an_array(t, y):
    return [y[0], y and t]  # here


def extreme_of_nothing(t, y):
    return [y[0], max(())]  # here


INDICES = np.array([1, 0], dtype=np.uint8)


def array_of_narrow_integers(t, y):
    return [y[0], y[INDICES[0]]]  # here


REFUSED = [
    (matrix_result, "not a vector", 0),
    (structure_result, "not a vector", 0),
    (truth_of_an_array, "an array stands where a number", 1),
    (extreme_of_nothing, "empty sequence", 1),
    (array_of_narrow_integers, "an array of uint8 values is indexed", 1),
]


@pytest.mark.parametrize(("fun", "text", "offset"), REFUSED, ids=[f.__name__ for f, *_ in REFUSED])
def test_refusals(fun, text, offset):
    with pytest.raises(CompileError, match=text) as caught:
        native(fun, 2)
    line = fun.__code__.co_firstlineno + offset
    assert caught.value.where == f"{__file__}:{line}"
    assert caught.value.hint or offset


def test_refused_calls_of_jit():
    with pytest.raises(InputError, match="not a method") as caught:
        jit(Thing().method)
    assert "test_semantics.py" in caught.value.where
    f = jit(lambda a, b: a + b)
    with pytest.raises(CompileError, match="takes 2 arguments") as caught:
        f(1.0, 2.0, 3.0)
    assert "test_semantics.py" in caught.value.where


def test_arrays_that_are_not_aligned():
    shifted = np.zeros(25, np.uint8)[1:].view(np.float64)
    shifted[:] = [1.0, 2.0, 3.0]
    f = jit(lambda x: x[0] * x[1] + x[2])
    assert f(shifted) == 5.0
    np.testing.assert_array_equal(grad(f)(shifted), [2.0, 1.0, 1.0])

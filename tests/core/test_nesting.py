"""Levels: nested transformations in any order, and no perturbation confusion."""

import itertools
import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sciad
from sciad import TracingError, grad, jacobian, jvp, value_and_grad, vjp
from sciad.core.testing import check_grads


def forward(f):
    return lambda x: jvp(f, (x,), (1.0,))[1]


def backward(f):
    return lambda x: vjp(f, x)[1](1.0)[0]


MODES = {"grad": grad, "jvp": forward, "vjp": backward}
PAIRS = list(itertools.product(MODES.values(), repeat=2))


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_perturbation_confusion(outer, inner):
    # Siskind and Pearlmutter 2005: d/dx [x d/dy (x + y)] = 1
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(2.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y * y)(3.0))(2.0) == 4.0 * 2.0 * 3.0


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_perturbation_confusion_in_arrays(outer, inner):
    def f(x):
        a = np.array([x, 2.0 * x])
        return np.sum(a * inner(lambda y: np.sum(a * y * y))(x))

    # sum a = 3x, inner = 2 y sum(a) = 6 x^2; f = 18 x^3
    assert outer(f)(0.5) == pytest.approx(54 * 0.25, rel=1e-14)


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_amazing_bug(outer, inner):
    # Manzyuk, Pearlmutter, Radul, Rush, Siskind 2019: a derivative of a curried function
    def shift(offset):
        return lambda f: lambda x: f(x + offset)

    def derivative_at_zero(f):
        return outer(lambda u: f(u)(lambda y: inner(math.sin)(y))(0.3))(0.0)

    assert derivative_at_zero(shift) == pytest.approx(-math.sin(0.3), rel=1e-14)


@pytest.mark.parametrize("modes", list(itertools.product(MODES.values(), repeat=3)))
def test_third_order(modes):
    f = lambda x: math.sin(x) * math.exp(x)
    for mode in modes:
        f = mode(f)
    x = 0.3
    expected = 2 * math.exp(x) * (math.cos(x) - math.sin(x))
    assert f(x) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_inner_function_of_constants_only(outer, inner):
    assert outer(lambda x: x * inner(lambda y: y * y)(3.0))(2.0) == 6.0


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_mutation_at_two_levels(outer, inner):
    def f(x):
        buffer = np.zeros(3)
        buffer[0] = x

        def g(y):
            own = np.ones(2)
            own[0] = y * y
            own[1] *= buffer[0] * y
            return own[0] * own[1]

        buffer[1] = inner(g)(x)  # d/dy (x y^3) = 3 x y^2 -> 3 x^3
        buffer[2:] += buffer[:1] * buffer[1]
        return np.sum(buffer**2)

    def plain(x):
        return x**2 + (3 * x**3) ** 2 + (3 * x**4) ** 2

    x, eps = 0.7, 1e-6
    expected = (plain(x + eps) - plain(x - eps)) / (2 * eps)
    assert outer(f)(x) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_inner_writes_traced_values_of_the_outer(outer, inner):
    def f(x):
        def g(y):
            b = np.zeros(2)
            b[0] = x  # outer level first, then the inner one
            b[1] = y
            b[0] *= y
            b *= x
            return b[0] * b[1]  # x * (x y) * (x y) -> x^3 y^2

        return inner(g)(2.0)  # 4 x^3

    assert outer(f)(0.5) == pytest.approx(12 * 0.25, rel=1e-14)


def test_hessian_agrees_in_all_ways():
    def f(x):
        y = np.sin(x) * x[::-1]
        y[1:] *= x[0]
        return np.sum(y**2) + np.prod(x)

    x = np.array([0.3, 0.8, -0.4])
    reference = sciad.hessian(f)(x)
    np.testing.assert_allclose(reference, reference.T, rtol=1e-13, atol=1e-14)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(grad(f), mode=mode)(x), reference, atol=1e-13)
    by_forward = jacobian(jacobian(f, mode="forward"), mode="reverse")(x)
    np.testing.assert_allclose(by_forward, reference, atol=1e-13)
    columns = [sciad.hvp(f, x, e) for e in np.eye(3)]
    np.testing.assert_allclose(columns, reference, atol=1e-13)
    check_grads(f, (x,), order=3, atol=1e-5, rtol=1e-5)


def test_pullback_of_pullback():
    def f(x):
        value, pullback = vjp(lambda y: y**3 * x, x)
        return pullback(x)[0] * value  # 3 x^4 * x^4

    assert grad(f)(0.9) == pytest.approx(24 * 0.9**7, rel=1e-13)


def test_escaped_value_raises():
    kept = []

    def leak(x):
        kept.append(math.sin(x))
        kept.append(np.array([x, x]))
        return x

    for transform in (grad, forward):
        kept.clear()
        transform(leak)(1.0)
        for use in (
            lambda: kept[0] * 2,
            lambda: kept[0] + kept[0],
            lambda: np.sin(kept[0]),
            lambda: np.sum(kept[1]),
            lambda: kept[1][0] * 1.0,
            lambda: kept[1][:1] + 1.0,
            lambda: grad(lambda y: y * kept[0])(1.0),
            lambda: float(kept[0]),
        ):
            with pytest.raises(TracingError):
                use()


def test_escape_into_a_buffer_of_the_outer_level_raises():
    def f(x):
        buffer = np.zeros(2)

        def inner(y):
            buffer[0] = y
            return y * y

        grad(inner)(x)
        return np.sum(buffer) * x

    with pytest.raises(TracingError, match="had ended"):
        grad(f)(1.0)


def test_inner_write_of_plain_values_is_kept():
    def f(x):
        buffer = np.zeros(2)

        def inner(y):
            buffer[0] = 5.0
            return y * y

        grad(inner)(x)
        return np.sum(buffer) * x

    assert grad(f)(1.0) == 5.0


def test_exception_inside_leaves_nothing_behind():
    def failing(x):
        if x > 0:
            raise KeyError("no")
        return x

    with pytest.raises(KeyError):
        grad(failing)(1.0)
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == 12.0

    def caught(x):
        try:
            return grad(failing)(x)
        except KeyError:
            return x * x

    assert grad(caught)(3.0) == 6.0


def test_threads_do_not_mix():
    def f(x):
        total = 0.0
        for k in range(200):
            total = total + grad(lambda y: x * y * y)(x) * k
        return total

    found = [None] * 4

    def work(k):
        found[k] = grad(f)(1.0 + k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [4 * (1.0 + k) * 19900 for k in range(4)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["sin", "mul", "array", "store", "inner"]), min_size=1, max_size=5),
    st.lists(st.sampled_from(sorted(MODES)), min_size=1, max_size=2),
    st.sampled_from(sorted(MODES)),
)
def test_random_nestings(steps, modes, inner):
    def program(x):
        y = x
        for step in steps:
            if step == "sin":
                y = math.sin(y) + x
            elif step == "mul":
                y = y * x + 0.5
            elif step == "array":
                y = np.sum(np.array([y, x, 1.0]) ** 2) * 0.3
            elif step == "store":
                b = np.ones(3)
                b[1:] = y * x
                b[2] *= b[1]
                y = b @ b * 0.1
            else:
                y = MODES[inner](lambda z, y=y: z * z * y * 0.5 + z * x)(x)
        return y

    def numeric(f, x, h):
        return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)

    def by_rule(x):
        """The same program with the inner derivative worked out by hand."""
        y = x
        for step in steps:
            if step == "sin":
                y = math.sin(y) + x
            elif step == "mul":
                y = y * x + 0.5
            elif step == "array":
                y = (y * y + x * x + 1.0) * 0.3
            elif step == "store":
                y = (1.0 + (y * x) ** 2 + (y * x) ** 4) * 0.1
            else:
                y = x * y + x
        return y

    x = 0.6
    derivative, reference = program, by_rule
    for mode in modes[:1]:
        derivative = MODES[mode](derivative)
    assert derivative(x) == pytest.approx(numeric(reference, x, 1e-3), rel=1e-6, abs=1e-7)
    if len(modes) == 2:
        second = MODES[modes[1]](derivative)(x)
        first = MODES["grad"](reference)
        assert second == pytest.approx(numeric(first, x, 1e-3), rel=1e-6, abs=1e-7)


def test_value_and_grad_of_value_and_grad():
    def f(x):
        value, derivative = value_and_grad(lambda y: y**3)(x)
        return value * derivative  # 3 x^5

    assert value_and_grad(f)(2.0) == (96.0, 240.0)


def test_a_cotangent_of_a_complex_number_is_complex_below_another_level_too():
    seen = []

    def inner(z):
        seen.append(vjp(np.real, z)[1](2.0 * np.real(z))[0])
        return seen[-1]

    value, pullback = vjp(inner, 0.5 + 0.3j)
    assert value == inner(0.5 + 0.3j) == 1.0
    assert [type(v) is complex or v.dtype == complex for v in seen] == [True, True]
    assert pullback(1.0 + 1.0j) == (2.0,)

"""The quick ways of the eager core at the edges: shared numbers, extreme numbers, warnings."""

import warnings

import numpy as np
import pytest

import sciad


def test_cotangents_without_axes_stay_the_callers():
    def f(x):
        y = x * x
        return y, y * y

    _, pullback = sciad.vjp(f, 2.0)
    first, second = np.array(1.0), np.array(1.0)
    for _ in range(2):
        assert pullback((first, second)) == (36.0,)
    assert first == second == 1.0


@pytest.mark.parametrize("writes", ["view", "broadcast"])
def test_write_below_a_read_only_view_is_noticed(writes):
    below = np.ones((2, 1500)) if writes == "view" else np.ones(1500)
    above = np.broadcast_to(below, (2, 1500)).view()
    above.flags.writeable = False

    def f(x):
        y = x * above
        below[...] = 5.0
        return np.sum(y)

    with pytest.raises(sciad.LostDerivativeError, match="was changed in place"):
        sciad.grad(f)(np.ones((2, 1500)))


def test_read_only_memory_is_kept_as_it_is():
    held = np.frombuffer(np.arange(2000.0).tobytes())
    np.testing.assert_array_equal(sciad.grad(lambda x: np.sum(x * held))(np.ones(2000)), held)


def test_power_of_a_tiny_number():
    slope, _ = sciad.grad(lambda x, b: x**b, (0, 1))(1e-200, 2.0)
    np.testing.assert_allclose(slope, 2e-200, rtol=1e-14)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_quotient_of_extreme_numbers(size):
    x, y = np.array([size, 1.0]), np.array([size, 2.0])
    to_x, to_y = sciad.grad(lambda x, y: np.sum(x / y), (0, 1))(x, y)
    np.testing.assert_allclose(to_x, [1.0 / size, 0.5], rtol=1e-14)
    np.testing.assert_allclose(to_y, [-1.0 / size, -0.25], rtol=1e-14)
    _, tangent = sciad.jvp(lambda y: x / y, (y,), (np.ones(2),))
    np.testing.assert_allclose(tangent, to_y, rtol=1e-14)


def test_power_of_a_negative_float_is_not_a_number():
    def f(x):
        return np.power(x, 0.3) + 2.0 * x

    with np.errstate(invalid="ignore"):
        assert np.isnan(f(-0.5))
        assert np.isnan(sciad.grad(f)(-0.5))


def test_division_by_false():
    with np.errstate(divide="ignore"):
        slope = sciad.grad(lambda x: np.sum(x / False))(np.ones(2))
        _, pullback = sciad.vjp(lambda z: z / 0.0, np.ones(2) + 1j)
    np.testing.assert_array_equal(slope, [np.inf, np.inf])
    assert not np.isfinite(pullback(np.ones(2))[0]).any()


def root_times(x):
    return np.sqrt(x[0]) * x[1]


def quotient(x):
    return x[0] / x[1]


def scaled_product(x):
    return x[0] * 1e300 * x[1]


@pytest.mark.parametrize(
    ("function", "point"),
    [
        (root_times, [0.0, 0.0]),
        (quotient, [0.0, 1e-310]),
        (quotient, [1.0, 1e-200]),
        (scaled_product, [1e-300, 1e10]),
    ],
)
def test_infinite_slopes_of_finite_values_do_not_warn(function, point):
    point = np.array(point)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = function(point)
        assert sciad.value_and_grad(function)(point)[0] == value


def test_a_function_of_a_float_is_computed_once():
    seen = []

    @sciad.rule(partials=lambda x, out: 2.0)
    def noted(x):
        seen.append(x)
        return np.float64(2.0 * x)

    gradient = sciad.grad(lambda x: noted(x))
    for k in range(3):
        assert gradient(0.5) == 2.0
        assert len(seen) == k + 1


def test_write_into_another_form_of_an_empty_array():
    def f(x):
        empty = np.zeros(0)
        np.ravel(empty)[:] = x[:0]
        return np.sum(x)

    np.testing.assert_array_equal(sciad.grad(f)(np.ones(2)), [1.0, 1.0])


def write_after_sum(x):
    s = x * 2.0
    moved = s + 1.0  # has the slot of s
    moved += 1.0
    moved[0] = 5.0 * x[1]
    return np.sum(s * s) + np.sum(moved * s)


def write_before_sum(x):
    s = x * 2.0
    moved = 1.0 + s
    s[1] = x[0]
    less = moved - 3.0
    s -= 1.0
    s[2] = 0.0
    return np.sum(moved * s * less)


def sum_of_slice(x):
    part = x[1:]
    moved = part + 2.0
    part[0] = moved[1] * x[0]
    return np.sum(moved * moved) + np.sum(x * part[0])


@pytest.mark.parametrize("f", [write_after_sum, write_before_sum, sum_of_slice])
def test_arrays_that_share_a_slot_and_are_written(f):
    x = np.array([0.3, -1.2, 0.7])
    g = sciad.grad(lambda x: f(x.copy()))(x)
    step = [f((x + 1e-30j * e).astype(complex)).imag / 1e-30 for e in np.eye(3)]
    np.testing.assert_allclose(g, step, rtol=1e-13)


def test_gathered_products_and_stretched_sums_of_inputs():
    rng = np.random.default_rng(3)
    w, b, v = rng.normal(size=(3, 3)), rng.normal(size=(3, 1)), rng.normal(size=(3, 4))
    u = rng.normal(size=3)

    def f(w, b, u, steps):
        z, y = v, u
        for _ in range(steps):  # more products than wait
            z, y = np.tanh(w @ z + b), np.tanh(w @ y)
        return np.sum(z) + np.sum(y) + w[0, 0]

    for steps in (0, 1, 70, 130):
        parts = sciad.grad(f, (0, 1, 2))(w, b, u, steps)
        for k, (given, part) in enumerate(zip((w, b, u), parts, strict=True)):
            for place in np.ndindex(given.shape):
                args: list = [w, b, u]
                args[k] = given.astype(complex)
                args[k][place] += 1e-30j
                np.testing.assert_allclose(
                    part[place], f(*args, steps).imag / 1e-30, rtol=1e-10, atol=1e-14
                )


def test_warnings_of_a_product_name_the_function_that_was_called():
    x = np.array([1e200, 1.0])
    for function, name in ((np.dot, "dot"), (np.matmul, "matmul")):
        with pytest.warns(RuntimeWarning, match=f"encountered in {name}"):
            sciad.grad(lambda x, f=function: f(x, np.array([1e200, 1.0])))(x)
        with pytest.warns(RuntimeWarning, match=f"encountered in {name}"):
            sciad.grad(lambda x, f=function: f(x, x))(x)


# Elementwise functions of the user that give no memory of their own -----------------------------

WORK = np.zeros(3)


@sciad.rule(partials=lambda x, out: 1.0 + 0.0 * x)
def itself(x):
    return x


@sciad.rule(partials=lambda x, out: 2.0 + 0.0 * x)
def doubled_in_a_workspace(x):
    return np.multiply(x, 2.0, out=WORK)


def test_a_workspace_that_is_used_again():
    def f(x):
        y = doubled_in_a_workspace(x)
        z = np.exp(y) * y
        return np.sum(z) + np.sum(doubled_in_a_workspace(3.0 * x) ** 2)

    x = np.array([0.3, 0.4, 0.5])
    expected = 2.0 * np.exp(2.0 * x) * (1.0 + 2.0 * x) + 72.0 * x
    np.testing.assert_allclose(sciad.grad(f)(x), expected, rtol=1e-14)


def test_a_function_that_gives_back_its_argument():
    def written_before(x):
        c = np.zeros(3) + 1.0
        itself(c)[0] = x[0]
        return np.sum(c * np.array([4.0, 2.0, 3.0]))

    x = np.array([0.3, 0.4, 0.5])
    np.testing.assert_array_equal(sciad.grad(written_before)(x), [4.0, 0.0, 0.0])
    np.testing.assert_array_equal(sciad.grad(lambda x: np.sum(itself(x) * x))(x), 2.0 * x)


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("written", ["argument", "result"])
def test_a_write_that_the_other_name_would_show_raises(written, level):
    def f(x):
        c = x * 1.0
        c[1] = 2.0 * c[1]
        y = itself(c)
        (c if written == "argument" else y)[0] = 5.0
        return np.sum(y * y) + np.sum(c)

    g = f if level == 1 else lambda x: np.sum(sciad.grad(f)(x))
    with pytest.raises(sciad.TracingError, match="written in place whose memory is also"):
        sciad.grad(g)(np.array([0.3, 0.4, 0.5]))

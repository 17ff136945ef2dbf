"""Choices at ties, equal elements and holes; ``x.flat``; ``np.r_``; methods of plain arrays."""

import inspect
import threading

import numpy as np
import pytest

import sciad
from sciad.core.testing import check_grads

A = np.array([0.7, -0.3, 1.3])
M = np.array([[0.4, -0.2, 0.9], [1.1, 0.3, -0.7]])


def both(function, x):
    """Gradient in both modes."""
    reverse = sciad.jacobian(function, mode="reverse")(x)
    np.testing.assert_allclose(sciad.jacobian(function, mode="forward")(x), reverse, rtol=1e-15)
    return reverse


# Ties and kinks -----------------------------------------------------------------------------------


def test_an_initial_value_has_its_share_in_a_tie():
    function = lambda x: np.max(x[:3], initial=x[3])
    found = both(function, np.array([2.0, 1.0, 2.0, 2.0]))
    np.testing.assert_allclose(found, [1 / 3, 0.0, 1 / 3, 1 / 3])
    np.testing.assert_array_equal(both(function, np.array([2.0, 1.0, 0.0, 3.0])), [0, 0, 0, 1.0])


def test_masked_elements_have_no_share():
    function = lambda x: np.max(x, where=[True, True, False], initial=0.0)
    np.testing.assert_array_equal(both(function, np.array([1.0, 2.0, 2.0])), [0.0, 1.0, 0.0])


def test_extremum_without_nan_shares_and_ignores_nan():
    function = lambda x: np.nanmin(x)
    np.testing.assert_array_equal(both(function, np.array([1.0, np.nan, 1.0])), [0.5, 0.0, 0.5])


def test_clip_at_a_bound_is_the_element():
    function = lambda x: np.clip(x[0], x[1], x[2])
    for x, expected in [
        ((1.0, 1.0, 2.0), (1.0, 0.0, 0.0)),
        ((2.0, 1.0, 2.0), (1.0, 0.0, 0.0)),
        ((0.0, 1.0, 2.0), (0.0, 1.0, 0.0)),
        ((3.0, 1.0, 2.0), (0.0, 0.0, 1.0)),
        ((1.5, 2.0, 1.0), (0.0, 0.0, 1.0)),  # bounds crossed: the upper one
        ((0.5, 2.0, 1.0), (0.0, 0.0, 1.0)),
    ]:
        np.testing.assert_array_equal(both(function, np.array(x)), expected)
    one_sided = lambda x: np.clip(x, None, 1.0) + np.clip(x, 1.0, None)
    assert sciad.grad(one_sided)(1.0) == 2.0


def test_quantile_to_its_level_is_that_to_the_right():
    x = np.array([1.0, 4.0, 2.0])
    slope = sciad.grad(lambda q: np.quantile(x, q))
    assert slope(0.5) == 4.0  # two intervals of height 2, each of width 1/2
    assert slope(0.0) == 2.0
    assert slope(1.0) == 0.0


def test_unique_and_sort_hold_on_to_the_first_of_equal_elements():
    x = np.array([2.0, 1.0, 2.0, 1.0])
    np.testing.assert_array_equal(both(np.unique, x), [[0, 1, 0, 0], [1, 0, 0, 0]])
    expected = [[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]]
    np.testing.assert_array_equal(both(np.sort, x), expected)


def test_deviation_of_equal_elements():
    for function in (np.std, np.nanstd):
        np.testing.assert_array_equal(both(function, np.full(3, 0.5)), np.zeros(3))


def test_what_is_not_chosen_does_not_count_where_it_is_not_finite():
    function = lambda x: np.nansum(np.where([True, False, True], np.nan, x) ** 2)
    np.testing.assert_array_equal(both(function, A), [0.0, 2 * A[1], 0.0])
    function = lambda x: np.nan_to_num(np.where(x > 0, np.inf, x), posinf=3.0)
    np.testing.assert_array_equal(both(function, A), np.diag([0.0, 1.0, 0.0]))


def test_partition_has_the_order_of_numpy():
    x = np.random.default_rng(0).normal(size=(3, 200))
    value, pullback = sciad.vjp(lambda m: np.partition(m, [20, 90], axis=1), x)
    np.testing.assert_array_equal(value, np.partition(x, [20, 90], axis=1))
    np.testing.assert_array_equal(pullback(value)[0], x)


@pytest.mark.parametrize("options", [{"sorted": False}, {"equal_nan": False}, {}])
def test_unique_with_its_options(options):
    x = np.array([0.3, np.nan, -1.0, 0.3, np.nan, 2.0])
    try:
        expected = np.unique(x, **options)
    except TypeError:  # an option of later versions of NumPy
        return
    value, pullback = sciad.vjp(lambda v: np.unique(v, **options), x)
    np.testing.assert_array_equal(value, expected)
    places = [int(np.argmax((x == v) | ((x != x) & (v != v)))) for v in expected]
    given = np.zeros(6)
    np.add.at(given, places, 1.0)
    assert np.sum(pullback(np.ones(expected.size))[0]) == np.sum(given)


def test_unique_in_the_order_of_numpy():
    rng = np.random.default_rng(2)
    x = rng.normal(size=9) + 1j * rng.normal(size=9)  # found by hashing, not sorted
    functions = [np.unique_values] if hasattr(np, "unique_values") else []
    if "sorted" in inspect.signature(np.unique).parameters:
        functions.append(lambda v: np.unique(v, sorted=False))
    for function in functions:
        value, pullback = sciad.vjp(function, x)
        np.testing.assert_array_equal(value, function(x))
        np.testing.assert_array_equal(pullback(value)[0], x)


def test_long_products_with_and_without_zeros():
    x = np.random.default_rng(1).uniform(0.5, 1.5, 300)
    for zeros in ([], [17], [17, 200]):
        x[zeros] = 0.0
        weights = np.cos(np.arange(300.0))
        check_grads(lambda v, w=weights: np.sum(np.cumprod(v) * w), (x,), order=1)
        check_grads(np.prod, (x,), order=1)
    check_grads(np.cumprod, (np.array([0.4, 0.0, 2.0, 0.0, 3.0]),), order=3)


# x.flat -------------------------------------------------------------------------------------------


def over_flat(m):
    out = m.T * 1.0
    flat = out.flat
    first = next(flat)
    assert flat.index == 1
    assert flat.coords == (0, 1)
    rest = list(flat)
    flat[1:5] = [first, 2.0]  # values are repeated
    flat[[0]] = rest[0] ** 2
    flat[-1] = rest[1] * 3.0
    assert len(flat) == 6
    assert np.sum(flat == flat.copy()) == 6
    return np.sum(np.sin(out.flat)) + np.sum(out.flat * np.ones(6)) + sum(rest) * max(flat)


def test_flat_reads_and_writes():
    expected = sciad.value_and_grad(over_flat)(M)[0]
    out = M.T * 1.0
    flat = out.flat
    first, rest = next(flat), list(flat)
    flat[1:5] = [first, 2.0]
    flat[[0]] = rest[0] ** 2
    flat[-1] = rest[1] * 3.0
    assert expected == np.sum(np.sin(out)) + np.sum(out) + sum(rest) * np.max(out)
    check_grads(over_flat_smooth, (M,), order=2)


def over_flat_smooth(m):
    out = m.T * 1.0
    rest = list(out.flat)
    out.flat[1:5] = [rest[0], 2.0]
    out.flat[-1] = rest[1] * 3.0
    return np.sin(np.asarray(out.flat)) * rest[2]


def test_broadcast_sees_later_writes():
    def function(x):
        out = np.zeros((2, 3))
        pairs = np.broadcast(out, x)
        assert (pairs.shape, pairs.size, pairs.nd, pairs.numiter) == ((2, 3), 6, 2, 2)
        out[...] = x * 2.0
        first = next(pairs)
        rest = sum(a * b for a, b in pairs)
        pairs.reset()
        return rest + next(pairs)[0] * first[1] * pairs.index

    assert sciad.value_and_grad(function)(A)[0] == function(A)
    check_grads(function, (A,), order=2)


# np.r_ and np.c_ ----------------------------------------------------------------------------------


def test_the_method_behind_r_has_its_own_code_back():
    method = type(np.r_).__getitem__
    before = method.__code__
    inside = []

    def function(x):
        inside.append(method.__code__)
        return np.sum(np.r_[x, 1.0, 0:3] ** 2) + np.sum(np.r_["a, b"])

    a = b = np.eye(2)
    np.testing.assert_array_equal(sciad.grad(lambda x: np.sum(np.r_[x, 1.0, 0:3] ** 2))(A), 2.0 * A)
    assert method.__code__ is before
    with pytest.raises(NameError):  # np.bmat reads the names of the caller
        sciad.grad(function)(A)
    assert method.__code__ is before
    assert inside[0] is not before
    del a, b


def test_r_of_plain_values_is_that_of_numpy_in_other_threads():
    found = []

    def function(x):
        other = threading.Thread(target=lambda: found.append(np.r_[1:3, 0.5]))
        other.start()
        other.join()
        return np.sum(np.c_[x, x])

    np.testing.assert_array_equal(sciad.grad(function)(A), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(found[0], [1.0, 2.0, 0.5])


# Methods of plain arrays --------------------------------------------------------------------------

PLAIN = {
    "choose": lambda x: np.array([0, 1, 0]).choose([x, x**2]),
    "clip": lambda x: np.array([0.0, 0.5, 2.0]).clip(x[1], x[2]),
    "dot": lambda x: np.eye(3).dot(x),
    "max": lambda x: np.array([0.0, 0.5]).max(initial=x[2]),
    "sum": lambda x: np.array([0.0, 0.5]).sum(initial=x[2]),
    "prod": lambda x: np.array([2.0, 0.5]).prod(initial=x[2]),
    "take": lambda x: np.arange(3.0).take([0, 2], out=(x * 1.0)[:2]) * x[:2],
}


@pytest.mark.parametrize("name", PLAIN)
def test_methods_of_plain_arrays_with_traced_arguments(name):
    value, _ = sciad.vjp(PLAIN[name], A)
    np.testing.assert_array_equal(value, PLAIN[name](A))
    check_grads(PLAIN[name], (A,), order=2)


@pytest.mark.parametrize("write", [lambda p, x: p.fill(x[0]), lambda p, x: p.put([0], x[:1])])
def test_methods_that_write_into_plain_arrays_are_refused(write):
    outside = np.zeros(3)
    with pytest.raises(sciad.LostDerivativeError):
        sciad.grad(lambda x: write(outside, x) or np.sum(outside * x))(A)
    np.testing.assert_array_equal(outside, np.zeros(3))


def test_elements_of_single_precision_become_numbers_of_python():
    x = np.array([0.1, 0.7], np.float32)
    function = lambda v: v.item(1) * v.tolist()[0] + np.float64(0.0)
    value, gradient = sciad.value_and_grad(function)(x)
    assert value == function(x)
    assert gradient.dtype == np.float32

"""Every case of the table (see `table`): value, derivatives, types, arguments left alone."""

import math

import numpy as np
import pytest

import sciad
from sciad.core.testing import check_grads

from .table import OPT_OUTS, all_cases, families

CASES = all_cases()
every_case = pytest.mark.parametrize("case", CASES, ids=str)
single_cases = pytest.mark.parametrize(
    "case", [c for c in CASES if "DOUBLE_ONLY" not in c.excused], ids=str
)


def assert_same(found, expected, rounded=False):
    """Structure, shapes and types are equal, numbers bit for bit (or to rounding)."""
    if isinstance(expected, tuple | list):
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert_same(a, b, rounded)
        return
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        assert_same(list(found.values()), list(expected.values()), rounded)
        return
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if rounded:
        eps = np.finfo(expected.dtype).eps
        np.testing.assert_allclose(found, expected, rtol=32 * eps, atol=32 * eps)
    else:
        np.testing.assert_array_equal(found, expected)


def single(value):
    """Give a number or array in single precision."""
    kind = np.complex64 if np.iscomplexobj(value) else np.float32
    return value.astype(kind) if isinstance(value, np.ndarray) else kind(value)


def _weights(result):
    return 1.25 + 0.1 * np.arange(np.size(result)).reshape(np.shape(result))


def weighted(function):
    """A number made of all outputs of a function, each element with a weight of its own."""

    def total(*args):
        result = sciad.core.tree.flatten(function(*args))[0]
        return sum(np.sum(_weights(r) * (np.real(r) - 0.75 * np.imag(r))) for r in result)

    return total


def check_to_few_digits(function, args, step=2.0**-6):
    """Both modes against differences of few digits, along the diagonal."""
    total = weighted(function)
    ones = tuple(np.ones_like(a)[()] for a in args)
    plus, minus = (total(*(a + sign * step for a in args)) for sign in (1, -1))
    _, tangent = sciad.jvp(total, args, ones)
    np.testing.assert_allclose(tangent, (plus - minus) / (2 * step), rtol=1e-3)
    gradients = sciad.grad(total, argnums=tuple(range(len(args))))(*args)
    np.testing.assert_allclose(sum(np.sum(np.real(g)) for g in gradients), tangent, rtol=1e-6)


@every_case
def test_derivatives(case):
    if "SINGLE_INSIDE" in case.excused:
        check_to_few_digits(case.function, case.args)
    else:
        check_grads(case.function, case.args, order=1 if "FIRST_ORDER" in case.excused else 2)


@every_case
def test_value_is_that_of_the_plain_program(case):
    before = [np.copy(a) for a in case.args]
    value, pullback = sciad.vjp(case.function, *case.args)
    expected = case.function(*case.args)
    assert_same(value, expected, "ROUNDED" in case.excused)
    pullback(value)
    for given, copy in zip(case.args, before, strict=True):
        np.testing.assert_array_equal(given, copy)


@single_cases
def test_single_precision(case):
    args = tuple(single(a) for a in case.args)
    value, _ = sciad.vjp(case.function, *args)
    assert_same(value, case.function(*args), "ROUNDED" in case.excused)
    numbers = tuple(range(len(args)))
    found = sciad.grad(weighted(case.function), argnums=numbers)(*args)
    expected = sciad.grad(weighted(case.function), argnums=numbers)(*case.args)
    for given, cotangent, reference in zip(args, found, expected, strict=True):
        assert np.asarray(cotangent).dtype == np.asarray(given).dtype
        scale = 1.0 + np.max(np.abs(reference))
        np.testing.assert_allclose(cotangent, reference, rtol=2e-4, atol=2e-4 * scale)


@pytest.mark.parametrize(
    "case", [c for c in CASES if not any(map(np.iscomplexobj, c.args))], ids=str
)
def test_all_directions_at_once(case):
    function, numbers = weighted(case.function), tuple(range(len(case.args)))
    columns = sciad.jacobian(function, argnums=numbers, mode="forward")(*case.args)
    gradients = sciad.grad(function, argnums=numbers)(*case.args)
    for column, gradient in zip(columns, gradients, strict=True):
        assert np.shape(column) == np.shape(gradient)
        np.testing.assert_allclose(column, gradient, rtol=1e-9, atol=1e-9)


def test_every_excuse_names_a_case_and_a_reason():
    for name, module in families().items():
        for kind in OPT_OUTS:
            for case, reason in getattr(module, kind, {}).items():
                assert case in module.CASES, f"{name}.{kind}: no case {case!r}"
                assert len(reason) > 10


X5 = [0.1, 0.2, 0.3, 1e-17, 2.1]
SUMS = {
    "sum": lambda *x: sum(x),
    "sum with start": lambda *x: sum([x[0] * x[1], 2, x[4]], 1.5),
    "sum of a generator": lambda *x: sum(v * v for v in x),
    "fsum": lambda *x: math.fsum(x) * math.fsum([x[0], 2]),
}
if hasattr(math, "sumprod"):
    SUMS["sumprod"] = lambda *x: math.sumprod([1, 2.0, x[0]], [x[4], x[1], x[2]])


@pytest.mark.parametrize("name", SUMS)
def test_sums_round_as_in_the_plain_program(name):
    value, _ = sciad.vjp(SUMS[name], *X5)
    assert value == SUMS[name](*X5)
    check_grads(SUMS[name], tuple(X5), order=2)

"""Coefficients: order conditions by rooted trees, the embedded method, the interpolant."""

from functools import cache
from itertools import combinations_with_replacement

import numpy as np
import pytest

from sciad.core.errors import InputError
from sciad.ode.methods import METHODS
from sciad.ode.tableau import ExplicitTableau

METHOD_LIST = list(METHODS.values())
named = pytest.mark.parametrize("tableau", METHOD_LIST, ids=lambda tableau: tableau.name)


@cache
def trees(order):
    """All rooted trees with `order` nodes, each the sorted tuple of its subtrees."""
    if order == 1:
        return [()]
    found = set()
    for parts in partitions(order - 1):
        choices = [[]]
        for size in sorted(set(parts)):
            picks = list(combinations_with_replacement(trees(size), parts.count(size)))
            choices = [chosen + list(pick) for chosen in choices for pick in picks]
        found.update(tuple(sorted(chosen, key=repr)) for chosen in choices)
    return sorted(found, key=repr)


def partitions(number, largest=None):
    if number == 0:
        return [[]]
    largest = min(largest or number, number)
    return [[k, *rest] for k in range(largest, 0, -1) for rest in partitions(number - k, k)]


def nodes(tree):
    return 1 + sum(map(nodes, tree))


def density(tree):
    return nodes(tree) * np.prod([density(branch) for branch in tree], initial=1.0)


def elementary_weight(tree, a):
    """Vector over stages; the method is of order r if b @ weight = 1 / density for all trees."""
    weight = np.ones(len(a))
    for branch in tree:
        weight = weight * (a @ elementary_weight(branch, a))
    return weight


def residuals(weights, a, order, theta=1.0):
    return [
        weights @ elementary_weight(tree, a) - theta ** nodes(tree) / density(tree)
        for r in range(1, order + 1)
        for tree in trees(r)
    ]


def test_number_of_trees():
    assert [len(trees(r)) for r in range(1, 7)] == [1, 1, 2, 4, 9, 20]


@named
def test_solution_has_its_order(tableau):
    assert np.abs(residuals(tableau.b, tableau.a, tableau.order)).max() < 1e-13
    assert np.abs(residuals(tableau.b, tableau.a, tableau.order + 1)).max() > 1e-6


@named
def test_embedded_solution_has_its_order_and_no_more(tableau):
    embedded = tableau.b - tableau.e
    assert np.abs(residuals(embedded, tableau.a, tableau.error_order)).max() < 1e-13
    assert np.abs(residuals(embedded, tableau.a, tableau.error_order + 1)).max() > 1e-6


@named
def test_error_weights_sum_to_zero(tableau):
    assert abs(tableau.e.sum()) < 1e-15


@named
@pytest.mark.parametrize("theta", [0.1, 0.5, 0.83, 1.0])
def test_interpolant_has_its_order(tableau, theta):
    weights = tableau.dense @ theta ** np.arange(1, tableau.dense.shape[1] + 1)
    assert np.abs(residuals(weights, tableau.a, tableau.dense_order, theta)).max() < 1e-13


@named
def test_interpolant_is_continuously_differentiable(tableau):
    powers = np.arange(1, tableau.dense.shape[1] + 1)
    np.testing.assert_allclose(tableau.dense @ powers, np.eye(tableau.stages)[-1], atol=1e-12)


@named
def test_packed_holds_the_transposed_tableau(tableau):
    s = tableau.stages
    packed = tableau.packed
    a, reversed_a = packed[: s * s].reshape(s, s), packed[s * s : 2 * s * s].reshape(s, s)
    for i in range(s):
        for j in range(s):
            assert reversed_a[s - 1 - j, s - 1 - i] == a[i, j]
    np.testing.assert_array_equal(packed[2 * s * s : 2 * s * s + s], tableau.c)
    np.testing.assert_array_equal(packed[2 * s * s + s : 2 * s * s + 2 * s], tableau.e)


def broken(**changes):
    good = METHODS["RK23"]
    fields = {name: np.copy(getattr(good, name)) for name in ("a", "c", "e", "dense")}
    for name, (index, value) in changes.items():
        fields[name][index] = value
    return ExplicitTableau(
        name="broken", order=3, error_order=2, dense_order=3, reference="a table", **fields
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"e": (0, 0.1)}, "sum_j e_j = 0"),
        ({"c": (1, 0.4)}, "sum_j a_ij = c_i"),
        ({"a": ((0, 1), 0.5)}, "strictly lower triangular"),
        ({"dense": ((1, 1), 1.1)}, r"b\(1\) = b"),
    ],
)
def test_wrong_coefficients_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        broken(**changes)


def test_stages_must_agree():
    good = METHODS["RK23"]
    with pytest.raises(InputError, match="differ in their stages"):
        ExplicitTableau("broken", 3, 2, 3, good.a, good.c, good.e[:-1], good.dense, "a table")

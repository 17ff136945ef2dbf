import collections
import dataclasses
import functools
import os
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciad.core.errors import InputError
from sciad.core.tree import flatten, gradient_tree, register_container, tree_map, unflatten

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass(frozen=True, slots=True)
class Rates:
    alpha: float
    weights: Any
    n: int = 3
    name: str = "r"

    def __post_init__(self):
        if not self.alpha > 0:
            raise ValueError("alpha must be positive")


@attrs.define
class Cell:
    volume: float
    label: str


def test_leaves_in_order():
    tree = {"p": Rates(1.5, np.arange(3.0)), "q": Point(2.0, [1j, 3, None]), "i": np.arange(3)}
    leaves, _ = flatten(tree)
    assert [np.shape(leaf) for leaf in leaves] == [(), (3,), (), ()]


@pytest.mark.parametrize("scalar", [1.0, 1j, np.float32(1), np.float64(1), np.complex64(1)])
def test_inexact_scalars_are_leaves(scalar):
    assert flatten(scalar)[0] == [scalar]


@pytest.mark.parametrize("constant", [1, True, "s", None, len, np.int64(1), np.arange(2), {1, 2}])
def test_constants_are_not_leaves(constant):
    leaves, treedef = flatten(constant)
    assert leaves == []
    assert unflatten(treedef, []) is constant
    assert gradient_tree(treedef, []) is None


def test_frozen_dataclass_with_validation_is_rebuilt():
    _, treedef = flatten(Rates(1.5, [2.0]))
    rebuilt = unflatten(treedef, [-1.0, 5.0])
    assert rebuilt.alpha == -1.0
    assert rebuilt.weights == [5.0]
    assert (rebuilt.n, rebuilt.name) == (3, "r")


def test_gradient_has_none_at_constants():
    tree = {"p": Rates(1.5, 2.0), "k": [1, 2.0], "c": Cell(1.0, "a")}
    leaves, treedef = flatten(tree)
    grad = gradient_tree(treedef, [10.0 * x for x in leaves])
    assert type(grad["p"]) is Rates
    assert (grad["p"].alpha, grad["p"].weights, grad["p"].n) == (15.0, 20.0, None)
    assert grad["k"] == [None, 20.0]
    assert (grad["c"].volume, grad["c"].label) == (10.0, None)


def test_dict_keeps_order_and_type():
    tree = collections.OrderedDict(b=1.0, a=2.0)
    rebuilt = unflatten(flatten(tree)[1], [3.0, 4.0])
    assert type(rebuilt) is collections.OrderedDict
    assert list(rebuilt.items()) == [("b", 3.0), ("a", 4.0)]
    default = collections.defaultdict(list, a=1.0)
    again = unflatten(flatten(default)[1], [1.0])
    assert again["missing"] == []


def test_treedef_equality_and_hash():
    a = flatten({"x": 1.0, "n": 2, "f": len})[1]
    b = flatten({"x": 5.0, "n": 2, "f": len})[1]
    c = flatten({"x": 1.0, "n": 3, "f": len})[1]
    assert a == b
    assert hash(a) == hash(b)
    assert a != c


def test_constants_of_different_type_differ():
    assert flatten([1])[1] != flatten([True])[1]


def test_unhashable_constants_compare_by_identity():
    words = np.array(["a", "b"])
    assert flatten((words, 1.0))[1] == flatten((words, 2.0))[1]
    assert flatten((words, 1.0))[1] != flatten((words.copy(), 1.0))[1]


def test_arrays_of_integers_compare_by_their_content_at_that_time():
    ints = np.arange(3)
    before = flatten((ints, 1.0))[1]
    assert before == flatten((np.arange(3), 2.0))[1]
    assert before != flatten((np.arange(3, dtype=np.int32), 1.0))[1]
    assert before != flatten((np.array([False, True]), 1.0))[1]
    ints[0] = 5
    assert before != flatten((ints, 1.0))[1]


def test_self_containing_list_is_refused():
    loop: list = [1.0]
    loop.append(loop)
    with pytest.raises(InputError, match="contains itself"):
        flatten(loop)


def test_shared_container_is_not_a_cycle():
    shared = [1.0]
    assert flatten([shared, shared])[0] == [1.0, 1.0]


def test_wrong_number_of_leaves():
    _, treedef = flatten([1.0, 2.0])
    with pytest.raises(InputError, match="2 leaves, 1 were given"):
        unflatten(treedef, [1.0])


def test_registered_container():
    class Box:
        def __init__(self, content):
            self.content = content

    register_container(Box, lambda box: ((box.content,), None), lambda meta, c: Box(*c))
    assert tree_map(lambda x: 2 * x, Box([1.0])).content == [2.0]


def test_paths_name_the_leaves():
    _, treedef = flatten({"p": Point(1.0, [2.0]), "c": Cell(1.0, "a")})
    assert list(treedef.paths()) == ["['p'].x", "['p'].y[0]", "['c'].volume"]


def test_tree_map_over_several_trees():
    assert tree_map(lambda a, b: a - b, [3.0, "s"], [1.0, "s"]) == [2.0, "s"]
    with pytest.raises(InputError):
        tree_map(lambda a, b: a, [1.0], [1.0, 2.0])


trees = st.recursive(
    st.one_of(st.floats(allow_nan=False), st.integers(), st.text(max_size=3), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
        st.builds(Point, inner, inner),
    ),
    max_leaves=12,
)


@given(trees)
def test_round_trip(tree):
    leaves, treedef = flatten(tree)
    assert unflatten(treedef, leaves) == tree
    assert all(type(leaf) is float for leaf in leaves)


class Listed(list):
    def norm(self):
        return sum(v * v for v in self)


class Paired(tuple):
    def __new__(cls, a, b):
        return super().__new__(cls, (a, b))


class Attributed(dict):
    def __init__(self, entries, scale):
        super().__init__(entries)
        self.scale = scale

    def __setitem__(self, key, value):
        raise TypeError("constant")


class Open(dict):
    """Entries are attributes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.__dict__ = self


@dataclasses.dataclass
class Cached:
    a: float
    unit = "m"

    @functools.cached_property
    def square(self):
        return self.a**2


@pytest.mark.parametrize("tree", [Listed([1.0, 2.0]), Paired(1.0, 2.0), Open(a=1.0, b=2.0)])
def test_subclasses_of_containers(tree):
    leaves, treedef = flatten(tree)
    assert leaves == [1.0, 2.0]
    made = unflatten(treedef, [3.0, 4.0])
    assert type(made) is type(tree)
    assert list(made.values() if isinstance(made, dict) else made) == [3.0, 4.0]


def test_entries_that_are_attributes_stay_so():
    made = unflatten(flatten(Open(a=1.0))[1], [5.0])
    assert made.a == made["a"] == 5.0


@pytest.mark.parametrize("kind", [dict, list])
def test_attributes_of_a_container_are_kept(kind):
    tree = Attributed({"a": 1.0}, scale=5) if kind is dict else Listed([1.0])
    tree.scale = 5
    leaves, treedef = flatten({"inside": tree})
    assert leaves == [1.0]
    assert unflatten(treedef, [2.0])["inside"].scale == 5


def test_attributes_of_a_dataclass_are_kept():
    tree = Cached(1.0)
    tree.unit = "cm"
    made = unflatten(flatten(tree)[1], [2.0])
    assert (made.a, made.unit) == (2.0, "cm")


def test_what_is_computed_once_is_computed_again():
    tree = Cached(3.0)
    assert tree.square == 9.0
    assert unflatten(flatten(tree)[1], [2.0]).square == 4.0


def test_numbers_in_other_attributes_are_refused():
    cached = Cached(1.0)
    cached.double = 2.0
    listed = Listed([1.0])
    listed.norm_of_it = np.ones(2)
    for tree in (cached, listed, Attributed({"a": 1.0}, scale=[5.0])):
        with pytest.raises(InputError, match="in its attribute"):
            flatten([tree])


def test_structures_of_the_system_are_constants():
    assert flatten(os.stat("."))[0] == []

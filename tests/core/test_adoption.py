"""Plain arrays made by operators: taken over for traced values only if nobody else sees them."""

import copy
import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np
import pytest

import sciad
from sciad import LostDerivativeError, grad

DATA = np.array([1.0, 2.0, -0.5])


def test_an_array_of_the_function_itself():
    def f(x):
        buffer = DATA * 2.0
        buffer[0] = x * x
        buffer += x
        return np.sum(buffer)

    assert grad(f)(3.0) == 9.0
    np.testing.assert_array_equal(DATA, [1.0, 2.0, -0.5])


def test_its_view_of_memory_that_nobody_else_has():
    def f(x):
        buffer = (DATA * 2.0)[::-1]
        buffer[0] = x * x
        return np.sum(buffer)

    assert grad(f)(3.0) == 6.0


def test_the_array_of_a_function_around():
    def f(x):
        buffer = DATA * 2.0

        def put(place, value):
            buffer[place] = value

        put(0, x * x)
        put(1, x)
        return np.sum(buffer)

    assert grad(f)(3.0) == 7.0


def second_name(x):
    buffer = DATA * 2.0
    alias = buffer
    buffer[0] = x
    return alias[0] * x


def view(x):
    for _ in range(2):
        buffer = DATA * 2.0
        part = buffer[:2]
        buffer[0] = x
    return part[0] * x


def written_view(x):
    for _ in range(2):
        buffer = DATA * 2.0
        part = buffer[:2]
        part[0] = x
    return buffer[0] * x


def container(x):
    buffer = DATA * 2.0
    kept = {"buffer": buffer}
    buffer += x
    return kept["buffer"][0] * x


def parameter(x):
    def fill(array):
        array[0] = x

    buffer = DATA * 2.0
    fill(buffer)
    return buffer[0]


class Holder:
    """Keeps an array."""


def attribute(x):
    holder = Holder()
    holder.buffer = DATA * 2.0
    holder.buffer[0] = x
    return holder.buffer[0]


def global_array(x):
    DATA[0] = x
    return x


def global_array_by_another_name(x):
    data = DATA
    data += x
    return x


def row(x):
    matrix = np.outer(DATA, DATA) * 1.0 if x > 1e9 else MATRIX
    for line in matrix:
        line[0] = x
    return x


MATRIX = np.ones((2, 2))


def memory_view(x):
    buffer = DATA * 2.0
    held = memoryview(buffer)
    buffer[0] = x
    return held[0] * x


def integers(x):
    count = np.arange(3) * 2
    count[0] = x
    return count[0] * x


def integers_in_place(x):
    count = np.arange(3) * 2
    count += x
    return count[0] * x


def outer_cell():
    buffer = DATA * 2.0

    def f(x):
        buffer[0] = x
        return buffer[0] * x

    return f


@pytest.mark.parametrize(
    "function",
    [
        second_name,
        view,
        written_view,
        container,
        parameter,
        attribute,
        global_array,
        global_array_by_another_name,
        row,
        memory_view,
        integers,
        outer_cell(),
    ],
    ids=lambda f: f.__qualname__,
)
def test_what_others_can_see_is_not_taken_over(function):
    data, matrix = DATA.copy(), MATRIX.copy()
    for differentiate in (grad(function), lambda x: sciad.jvp(function, (x,), (1.0,))):
        with pytest.raises(LostDerivativeError, match=r"where: .*test_adoption\.py:\d+"):
            differentiate(2.0)
    np.testing.assert_array_equal(DATA, data)
    np.testing.assert_array_equal(MATRIX, matrix)


def test_integers_in_place_raise_as_in_numpy_or_with_a_hint():
    with pytest.raises(TypeError):
        integers_in_place(2.0)
    with pytest.raises(TypeError):
        grad(integers_in_place)(2.0)


def test_an_alias_that_is_gone_does_not_matter():
    def f(x):
        buffer = DATA * 2.0
        alias = buffer
        total = np.sum(alias)
        alias = None
        buffer[0] = x
        return buffer[0] * x + total if alias is None else x

    assert grad(f)(2.0) == 4.0


def test_order_of_evaluation_is_that_of_python():
    log = []

    def note(value, name):
        log.append(name)
        return value

    def f(x):
        buffer = DATA * 2.0
        buffer[note(0, "index")] = note(x, "value")
        buffer[note(1, "place")] += note(x, "summand")
        buffer[note(0, "first")], buffer[note(1, "second")] = note(x, "a"), note(x * x, "b")
        return np.sum(buffer)

    f(2.0)
    plain = list(log)
    log.clear()
    assert grad(f)(2.0) == 5.0
    assert log == plain


def test_a_part_that_changes_while_the_summand_is_computed():
    def f(x):
        buffer = DATA * 2.0

        def clear():
            buffer[:2] = 0.0
            return x

        buffer[[0, 1]] += clear() * np.ones(2)
        return np.sum(buffer)

    with pytest.raises(sciad.TracingError, match="was changed"):
        grad(f)(2.0)


def test_an_error_of_the_value_itself_is_not_taken_for_one_of_the_store():
    def f(x):
        buffer = DATA * 2.0
        buffer[0] = np.array(x, dtype=object).astype(bytes)
        return buffer[0]

    with pytest.raises(TypeError):
        grad(f)(2.0)


# Containers and objects from functions that get no traced value -----------------------------------


class Pair(NamedTuple):
    first: Any
    second: Any


class Fields:
    def __init__(self):
        self.first = np.zeros(3)
        self.inner = [np.ones(3)]


@dataclasses.dataclass
class Record:
    first: Any = dataclasses.field(default_factory=lambda: np.zeros(3))
    inner: list = dataclasses.field(default_factory=lambda: [np.ones(3)])


@dataclasses.dataclass(slots=True)
class Slots:
    first: Any = dataclasses.field(default_factory=lambda: np.zeros(3))
    inner: list = dataclasses.field(default_factory=lambda: [np.ones(3)])


def fields():
    return {"first": np.zeros(3), "inner": [np.ones(3)]}


def deep(n):
    return [(fields(), k) for k in range(n)]


def data_fields():
    return {"first": DATA * 2.0, "inner": [np.ones(3)]}


MADE = fields()
OBJECT = Fields()
OBJECT.first[1] = 1.0

MAKERS = {
    "dict": fields,
    "dict with a product": data_fields,
    "dict in a tuple in a list": lambda: deep(2)[1][0],
    "namedtuple": lambda: Pair(np.zeros(3), 2)._asdict() | {"inner": [np.ones(3)]},
    "object": Fields,
    "object of a function": lambda: (lambda: Fields())(),
    "dataclass": Record,
    "dataclass with slots": Slots,
    "deep copy of a dict": lambda: copy.deepcopy(MADE),
    "deep copy of an object": lambda: copy.deepcopy(OBJECT),
}


@pytest.mark.parametrize("name", MAKERS)
def test_arrays_in_what_a_function_has_made_can_be_written(name):
    made = MAKERS[name]

    def f(x):
        state = made()
        if type(state) is dict:
            first, inner = state["first"], state["inner"]
        else:
            first, inner = state.first, state.inner
        first[1] = x * x
        first += x
        inner[0][:] = first
        inner[0][2] *= x
        return np.sum(inner[0]) * inner[0][1]

    for x in (3.0, 4.0):  # nothing stays behind
        value, slope = sciad.value_and_grad(f)(x)
        assert value == f(x)
        assert slope == pytest.approx((f(x + 1e-6) - f(x - 1e-6)) / 2e-6, rel=1e-6)
    assert type(MADE["first"]) is type(OBJECT.first) is np.ndarray
    np.testing.assert_array_equal(OBJECT.first, [0.0, 1.0, 0.0])


def test_a_namedtuple_stays_one():
    def make():
        return Pair(np.zeros(3), (np.ones(2), 5))

    def f(x):
        pair = make()
        assert type(pair) is Pair
        pair.first[1] = x
        pair.second[0][:] = x
        return np.sum(pair.first) * np.sum(pair.second[0])

    assert grad(f)(3.0) == 12.0


SHARED = fields()


@functools.lru_cache
def cached():
    return Fields()


def global_dict():
    return SHARED


def dict_around_global():
    return {"first": SHARED["first"]}


def twice():
    array = np.zeros(3)
    return {"first": array, "alias": array}


def with_view():
    array = np.zeros(3)
    return {"first": array, "part": array[1:]}


class Twins:
    """Copies one array for two names, as the memo says."""

    def __init__(self):
        self.first = np.zeros(3)
        self.alias = self.first

    def __deepcopy__(self, memo):
        made = Twins.__new__(Twins)
        made.first = copy.deepcopy(self.first, memo)
        made.alias = copy.deepcopy(self.alias, memo)
        return made


TWINS = Twins()


@pytest.mark.parametrize(
    "make",
    [
        global_dict,
        dict_around_global,
        twice,
        with_view,
        cached,
        lambda: copy.deepcopy(TWINS),
        lambda: copy.deepcopy({"first": SHARED["first"], "x": TWINS})["x"],
    ],
)
def test_arrays_that_others_hold_are_not_taken_over(make):
    """A write would miss their other names."""

    def f(x):
        state = make()
        parts = state if type(state) is dict else vars(state)
        parts["first"][1:] = x
        return sum(np.sum(part) for part in parts.values() if type(part) is not list)

    with pytest.raises(LostDerivativeError, match="others hold too") as caught:
        grad(f)(3.0)
    assert caught.value.where.startswith(__file__)
    assert "copy.deepcopy" in caught.value.hint
    assert type(SHARED["first"]) is type(TWINS.first) is type(cached().first) is np.ndarray
    np.testing.assert_array_equal(SHARED["first"], np.zeros(3))

"""Plain arrays made by operators: taken over for traced values only if nobody else sees them."""

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
    buffer = DATA * 2.0
    part = buffer[:2]
    buffer[0] = x
    return part[0] * x


def written_view(x):
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

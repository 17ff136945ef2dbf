"""Memory layout: it decides what is a view and what orders "A" and "K" mean, so it is kept."""

import numpy as np
import pytest

import sciad

BASE = np.arange(24.0).reshape(4, 6) + 1
LAYOUTS = {
    "C": BASE,
    "F": np.asfortranarray(BASE),
    "transposed": BASE.T,
    "every second row": BASE[::2],
    "every second column": BASE[:, ::2],
    "backwards": BASE[::-1],
    "inner part": BASE[1:3, 1:4],
    "repeated row": np.broadcast_to(BASE[0], (3, 6)),
    "three axes": np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
}
ORDERED = {
    "ravel A": lambda a: np.ravel(a, order="A"),
    "ravel K": lambda a: np.ravel(a, order="K"),
    "flatten A": lambda a: a.flatten("A"),
    "reshape A": lambda a: np.reshape(a, (-1, 2), order="A"),
    "method reshape A": lambda a: a.reshape((2, -1), order="A"),
    "reshape F": lambda a: a.reshape(-1, order="F"),
    "copy": lambda a: np.copy(a).ravel("K"),
    "method copy": lambda a: a.copy().ravel("K"),
}
layouts = pytest.mark.parametrize("array", LAYOUTS.values(), ids=LAYOUTS.keys())


@layouts
def test_inputs_keep_their_strides(array):
    seen = []

    def look(a):
        seen.append((a.strides, a.flags.c_contiguous, a.flags.f_contiguous))
        return a * 2.0

    look(array)
    sciad.vjp(look, array)
    sciad.jvp(look, (array,), (array,))
    assert seen[0] == seen[1] == seen[2]


@layouts
@pytest.mark.parametrize("name", ORDERED)
def test_order_of_elements(name, array):
    function = ORDERED[name]
    weights = np.random.default_rng(0).standard_normal(function(array).shape)
    value, pullback = sciad.vjp(function, array)
    np.testing.assert_array_equal(value, function(array))
    # the function is linear: it and its adjoint agree at the argument itself
    total = np.sum(pullback(weights)[0] * array)
    assert total == pytest.approx(np.sum(weights * function(array)), rel=1e-12)
    tangent = sciad.jvp(function, (array,), (array,))[1]
    np.testing.assert_array_equal(tangent, function(array))


@layouts
def test_a_ravelled_input_is_a_view_where_it_is_one_in_the_plain_program(array):
    def program(a):
        a.ravel()[:1] = 7.0
        return a * 1.0

    if array.flags.writeable:
        expected = array.copy()
        if array.flags.c_contiguous:
            expected[0, 0] = 7.0
        np.testing.assert_array_equal(sciad.vjp(program, array)[0], expected)

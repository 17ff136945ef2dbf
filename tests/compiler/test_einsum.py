"""np.einsum: values, views, derivatives, and what is refused."""

import numpy as np
import pytest

import sciad
from sciad.compiler import jit
from sciad.core.errors import CompileError

RNG = np.random.default_rng(3)
SIZES = {"small": (2, 3, 4), "memory": (6, 7, 8)}


def products(a, b, v, w):
    matrix = np.einsum("ij,jk->ik", a, b) + np.einsum("ij,jk", a, b)
    turned = np.einsum("ij , jk -> ki", a, b)
    return matrix * turned.T, np.einsum("i,ij,j->", w, a, v), np.einsum("i,ij,jk->k", w, a, b)


def sums(a, b, v, w):
    first = np.einsum("ij->", a), np.einsum("ij->j", a), np.einsum("ij,ij->i", a, a)
    second = np.einsum("i,j->ij", w, v), np.einsum("i,i", v, v), np.einsum("ij,kj->ik", a, a)
    return *first, *second, np.einsum(",ij->i", v[0], a), np.einsum("ii", a @ a.T)


def rearranged(a, b, v, w):
    square = a @ a.T
    cube = np.einsum("i,j,k->kij", w, v, v[:3])
    first = np.einsum("ba", a) * 2.0, np.einsum("ii->i", square) ** 2
    return *first, np.einsum("abc->cab", cube) * 1.0, np.einsum("abc,c->ab", cube, v)


def written(a, b, v, w):
    square = a @ a.T
    turned, diagonal = np.einsum("ij->ji", square), np.einsum("ii->i", square)
    diagonal[:] = w * 2.0
    turned[0, 1] = 5.0 * w[0]
    square[1, 0] += v[0]
    return square, turned * 1.0, diagonal * 1.0


def arguments(size):
    n, m, k = SIZES[size]
    shapes = (n, m), (m, k), (m,), (n,)
    return tuple(RNG.normal(size=shape) for shape in shapes)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("program", [products, sums, rearranged, written])
def test_values_and_derivatives_are_those_of_the_interpreter(program, size, in_interpreter):
    args = arguments(size)
    found, expected = jit(program)(*args), program(*args)
    for one, other in zip(found, expected, strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-13)
    loss = lambda f: lambda *given: sum(np.sum(np.sin(part)) for part in f(*given))
    ours, theirs = (sciad.grad(loss(f), (0, 1, 2, 3))(*args) for f in (jit(program), program))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_tangent_and_adjoint_agree(in_interpreter):
    args = arguments("memory")
    made = jit(lambda a, b: np.einsum("ij,jk,ik->k", a, b, np.einsum("ij,jk", a, b)))
    moves = tuple(np.cos(x) for x in args[:2])
    value, pull = sciad.vjp(made, *args[:2])
    bars = pull(np.sin(value))
    dual = sciad.jvp(made, args[:2], moves)[1]
    expected = sum(np.sum(x * y) for x, y in zip(bars, moves, strict=True))
    assert np.dot(dual, np.sin(value)) == pytest.approx(expected, rel=1e-12)


def test_integers_and_single_precision(in_interpreter):
    table, v = np.arange(12).reshape(3, 4), np.arange(4)
    program = lambda a, x: np.einsum("ij,j->i", a, x)
    for a, x in ((table, v), (table * np.float32(0.1), v.astype(np.float32)), (table, v * 0.5)):
        found, expected = jit(program)(a, x), program(a, x)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_machine_code():
    args = arguments("memory")
    for one, other in zip(jit(products)(*args), products(*args), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


REFUSED = {
    "dots": lambda a, v: np.einsum("...i->i", a),
    "unknown label": lambda a, v: np.einsum("ij->k", a),
    "twice": lambda a, v: np.einsum("ij->ii", a),
    "axes": lambda a, v: np.einsum("i->i", a),
    "operands": lambda a, v: np.einsum("ij,j", a),
    "four": lambda a, v: np.einsum("i,i,i,i", v, v, v, v),
    "bools": lambda a, v: np.einsum("i,i", v > 0, v > 0),
    "lengths": lambda a, v: np.einsum("i,i", np.ones(2), np.ones(3)) * v,
    "list form": lambda a, v: np.einsum(a, [0, 1], v, [1]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_has_a_place_and_a_way_out(name):
    with pytest.raises(CompileError) as caught:
        jit(REFUSED[name])(np.ones((3, 4)), np.ones(4))
    assert __file__ in str(caught.value.where)
    assert caught.value.hint


def test_axes_of_one_label_have_one_length():
    made = jit(lambda x, y: np.einsum("i,i", x, y))
    with pytest.raises(ValueError, match="differ in length"):
        made(np.ones(3), np.ones(4))

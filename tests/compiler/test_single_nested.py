"""Single precision beside derivatives inside compiled code, recursion and sparse derivatives."""

import numpy as np
import pytest

import sciad
from sciad.compiler import jit
from sciad.core.errors import CompileError

RNG = np.random.default_rng(11)
SHORT = np.array([0.3, -0.7, 1.2], np.float32)
LONG = RNG.normal(size=40).astype(np.float32)
WIDE = RNG.normal(size=40)
S = np.float32(0.7)


def flat(value):
    """Give one number in which every result counts."""
    if isinstance(value, tuple):
        return sum(flat(item) for item in value)
    return np.sum(value * value)


def same_types(found, expected, rtol=2e-6):
    if isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            same_types(one, other, rtol)
        return
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    assert np.shape(found) == np.shape(expected)
    assert isinstance(found, np.float32) == isinstance(expected, np.float32)
    scale = float(np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale)


def like_the_interpreter(compile_, fun, *args):
    """Compare types, values and gradients with the interpreter and with double precision."""
    compiled = compile_(fun)
    same_types(compiled(*args), fun(*args))
    ours, plain = (lambda *a: flat(compiled(*a))), (lambda *a: flat(fun(*a)))
    found = sciad.grad(ours)(*args)
    same_types(found, sciad.grad(plain)(*args), 2e-5)
    exact = sciad.grad(plain)(*(np.asarray(a, float)[()] for a in args))
    np.testing.assert_allclose(found, exact, rtol=0, atol=2e-5 * np.max(np.abs(exact)))


# -- derivatives inside --------------------------------------------------------------------------
def gradient(x):
    return sciad.grad(lambda u: np.sum(np.sin(u) * u * 0.3))(x) * x


def gradient_of_a_number(x):
    return sciad.grad(lambda s: s * s)(x[0]) * x


def captured_array(x):
    w = x * 0.5
    return sciad.grad(lambda u: np.sum(w * u * u))(x) + w


def value_and_gradient(x):
    v, g = sciad.value_and_grad(lambda u: np.sum(u * u * 0.1))(x)
    return v * g


def types_that_meet(x, w):
    return sciad.grad(lambda u: np.sum(u * w * u))(x), sciad.grad(lambda u: np.sum(u * x * u))(w)


def tangents(x):
    return sciad.jvp(lambda u: np.sin(u) * u, (x,), (x * 2,))


def cotangents(x):
    y, back = sciad.vjp(lambda u: np.sin(u) * u, x)
    return y, back(x)[0] * back(y)[0]


def curvature(x):
    return sciad.hvp(lambda u: np.sum(u * u * u), x, x)


def matrices(x):
    h = sciad.hessian(lambda u: np.sum(u * u * u) * u[0])(x)
    j = sciad.jacobian(lambda u: np.sin(u) * u[0])(x)
    return h, j, sciad.jacobian(lambda u: np.array([u[0] * u[1], np.sum(u * u)]))(x)


def structure(x, s):
    p = {"a": x, "b": s}
    g = sciad.grad(lambda p: np.sum(p["a"] * p["b"] * p["b"]))(p)
    return g["a"] * g["b"]


def extra(x):
    return sciad.grad(lambda u: (np.sum(u * u), u * 3), has_aux=True)(x)


def stopped(x):
    return np.sum(sciad.stop_gradient(x) * x) + 0.0 * x[0]


def array_of_numbers(x):
    v = np.array([x[0] * 1.0, x[1]])
    return sciad.grad(lambda u: u[0] * u[1] * v[0])(v) * v[1]


@pytest.mark.parametrize("x", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize(
    "program",
    [
        gradient,
        gradient_of_a_number,
        captured_array,
        value_and_gradient,
        tangents,
        cotangents,
        curvature,
        matrices,
        extra,
        array_of_numbers,
    ],
)
def test_derivatives_inside(program, x, jit_interpreted):
    like_the_interpreter(jit_interpreted, program, x)


def test_several_arguments(jit_interpreted):
    like_the_interpreter(jit_interpreted, types_that_meet, LONG, WIDE)
    like_the_interpreter(jit_interpreted, structure, LONG, S)
    same_types(jit_interpreted(stopped)(LONG), stopped(LONG))
    same_types(sciad.grad(jit_interpreted(stopped))(LONG), sciad.grad(stopped)(LONG))


@pytest.mark.parametrize("k", [1.5, np.float64(1.5)], ids=["Python's", "NumPy's"])
def test_a_derivative_by_a_double_is_a_number_of_its_kind(k, jit_interpreted):
    program = lambda x, k: sciad.grad(lambda t: t * t)(k) * x
    same_types(jit_interpreted(program)(LONG, k), program(LONG, k))


def test_several_levels(jit_interpreted):
    twice = lambda s: sciad.grad(lambda t: sciad.grad(lambda u: u * u * u * t)(t))(s) * s
    like_the_interpreter(jit_interpreted, twice, S)

    def newton(s):
        x = s
        for _ in range(5):
            f = lambda t: t * t * t - s
            x = x - f(x) / sciad.grad(f)(x)
        return x

    like_the_interpreter(jit_interpreted, newton, S)


def test_matrices_of_two_types_are_refused():
    mixed = lambda x, w: sciad.jacobian(lambda u: u * w)(x)
    with pytest.raises(CompileError, match="float32 and float64 meet"):
        jit(mixed)(LONG, WIDE)


# -- recursion -----------------------------------------------------------------------------------
def power(x, n):
    return 1.0 if n <= 0 else x * power(x, n - 1)


def summed(v, low, high):
    if high - low == 1:
        return v[low] * v[low]
    middle = (low + high) // 2
    return summed(v, low, middle) + summed(v, middle, high) * 0.5


def filled(v, out, i):
    if i >= len(v):
        return 0
    out[i] = v[i] * v[i] * 0.1
    return filled(v, out, i + 1)


def pair(v, n):
    if n <= 0:
        return v
    return np.array([v[1], v[0] * v[1]]) * np.float32(0.5) + pair(v * v, n - 1)


def wide_in_the_end(v, n):
    return np.zeros(2) if n <= 0 else v + wide_in_the_end(v * v, n - 1)


def counted(x, n):
    if n <= 0:
        return x, 1
    a, k = counted(x * 0.5, n - 1)
    return a + x, k * 2


def storing(x):
    out = np.zeros_like(x)
    filled(x, out, 0)
    return out


def closing(x):
    def r(i):
        return 0.0 if i >= len(x) else x[i] * x[i] * 0.1 + r(i + 1)

    return r(0)


def product(s):
    a, k = counted(s, 3)
    return a * k


RECURSIVE = [
    (lambda s: power(s, 4), S),
    (lambda s: sciad.grad(lambda t: power(t, 3))(s) * s, S),
    (lambda x: summed(x, 0, len(x)), LONG),
    (lambda s: pair(np.array([s, s * 2]), 3), S),
    (lambda s: wide_in_the_end(np.array([s, s * 2]), 3), S),
    (storing, LONG),
    (closing, LONG),
    (product, S),
]


@pytest.mark.parametrize("k", range(len(RECURSIVE)))
def test_recursion(k, jit_interpreted):
    program, x = RECURSIVE[k]
    like_the_interpreter(jit_interpreted, program, x)


def test_recursion_with_results_of_two_types_is_refused(jit_interpreted):
    def program(x, n):
        def r(k):
            return np.float64(0.5) if k <= 0 else x if k == 1 else r(k - 1)

        return r(n)

    with pytest.raises(CompileError):
        jit_interpreted(program)(S, 3)


# -- sparse derivatives ----------------------------------------------------------------------------
def chain(x):
    out = np.zeros_like(x)
    for i in range(1, len(x) - 1):
        out[i] = np.sin(x[i - 1] * x[i]) * 0.3 - x[i + 1] ** 3
    return out


def energy(x):
    s = np.float32(0)
    for i in range(1, len(x)):
        s += x[i] * x[i] * x[i - 1] * 0.1
    return s


@pytest.mark.parametrize(("transform", "fun"), [(sciad.jacobian, chain), (sciad.hessian, energy)])
def test_sparse_derivatives(transform, fun, in_interpreter):
    found = transform(fun, sparse=True)(LONG)
    assert found.dtype == np.float32
    exact = transform(fun)(LONG.astype(float))
    np.testing.assert_allclose(found.toarray(), exact, rtol=2e-6, atol=1e-6)
    assert found.nnz == (114 if fun is chain else 117)


def test_a_sparse_derivative_of_both_types_is_double(in_interpreter):
    found = sciad.jacobian(lambda x: x * WIDE, sparse=True)(LONG)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found.toarray(), np.diag(WIDE))

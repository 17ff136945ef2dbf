"""vjp, jvp, linearize, jacobian, hvp: structures, extras, complex numbers, chunks, memory."""

import dataclasses
import math

import numpy as np
import pytest

import sciad
from sciad import InputError, TracingError, grad, hessian, hvp, jacobian, jvp, linearize, vjp
from sciad.core.testing import check_grads

X = np.array([0.3, 0.7, 1.1])
Z = np.array([0.3 + 0.1j, 0.2 - 1.0j])


def model(x, p):
    """Buffers, an int and a number among the outputs."""
    b = np.zeros(3)
    b[0] = x[0] * p["a"]
    b[1:] = np.sin(x[1:])
    b[1] *= b[0]
    return {"s": np.sum(b**2), "b": b, "n": 3}


# Results belong to the caller --------------------------------------------------------------------


def test_writing_into_the_value_does_not_reach_the_tape():
    value, pullback = vjp(np.exp, np.ones(3))
    value *= 2.0
    np.testing.assert_allclose(pullback(np.ones(3))[0], math.e, rtol=1e-15)


def test_changing_the_arguments_afterwards_does_not_reach_the_tape():
    x = np.array([1.0, 2.0])
    _, pullback = vjp(lambda y: y * y, x)
    _, pushforward = linearize(lambda y: y * y, x)
    x[:] = 99.0
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [2.0, 4.0])
    np.testing.assert_array_equal(pushforward(np.ones(2)), [2.0, 4.0])


def test_writing_into_a_traced_value_does_not_reach_the_tape():
    def f(x):
        value, pullback = vjp(np.exp, x)
        value *= 2.0
        return np.sum(pullback(np.ones(3))[0])

    np.testing.assert_allclose(grad(f)(np.ones(3)), math.e, rtol=1e-15)


@pytest.mark.parametrize("inner", ["grad", "vjp", "jvp", "jacobian", "hessian", "linearize"])
def test_extra_results_keep_the_derivatives_of_outer_transformations(inner):
    def f(x):
        g = lambda y: (y * y, {"s": x * y})
        extra = {
            "grad": lambda: grad(g, has_aux=True)(x)[1],
            "vjp": lambda: vjp(g, x, has_aux=True)[2],
            "jvp": lambda: jvp(g, (x,), (1.0,), has_aux=True)[2],
            "jacobian": lambda: jacobian(g, has_aux=True)(x)[1],
            "hessian": lambda: hessian(g, has_aux=True)(x)[1],
            "linearize": lambda: linearize(g, x, has_aux=True)[2],
        }[inner]()
        return extra["s"]

    assert grad(f)(2.0) == 4.0
    assert jvp(f, (2.0,), (1.0,))[1] == 4.0


def test_extra_results_are_plain_at_the_outside():
    f = lambda x: (np.sum(x**3), {"x": x, "n": 3, "b": np.array([x[0], 1.0])})
    found, extra = hessian(f, has_aux=True)(X)
    np.testing.assert_allclose(found, np.diag(6 * X), rtol=1e-14)
    assert type(extra["x"]) is type(extra["b"]) is np.ndarray
    assert extra["n"] == 3
    for transform in (jacobian, hessian):
        with pytest.raises(InputError, match=r"has_aux=True, but .* returned no pair"):
            transform(lambda x: np.sum(x), has_aux=True)(X)
    with pytest.raises(InputError, match="vjp: has_aux=True"):
        vjp(lambda x: x, 1.0, has_aux=True)


# Structures of tangents and cotangents ------------------------------------------------------------


def test_keys_in_another_order():
    f = lambda p: p["a"] * 2 + p["b"]
    assert jvp(f, ({"a": 1.0, "b": 2.0},), ({"b": 1.0, "a": 0.0},))[1] == 1.0
    _, pullback = vjp(lambda x: {"u": x, "v": 10.0 * x}, 1.0)
    assert pullback({"v": 1.0, "u": 0.0}) == (10.0,)


@dataclasses.dataclass
class Pair:
    a: float
    n: int


def test_none_stands_for_zero_and_for_what_is_held():
    f = lambda p, q: p.a**p.n * q[0]
    primals = (Pair(3.0, 2), (5.0, "x"))
    assert jvp(f, primals, (Pair(1.0, None), None))[1] == 30.0
    assert jvp(f, primals, (Pair(1.0, 0), (None, None)))[1] == 30.0
    assert jvp(f, primals, (None, [1.0, None]))[1] == 9.0
    assert vjp(lambda x: (x, 2 * x), 1.0)[1]((None, 1.0)) == (2.0,)


@pytest.mark.parametrize(
    ("tangents", "message"),
    [
        (({"b": 1.0},), r"at \[0\]: the keys \['b'\] were given, \['a', 'n'\] expected"),
        (([1.0, 2.0],), r"a list was given where a dict is expected"),
        (({"a": np.ones(2), "n": 0},), r"at \[0\]\['a'\]: an array of shape \(2,\)"),
        (({"a": 1j, "n": 0},), r"a complex number was given where the function has a real one"),
        (({"a": 1.0, "n": 1.0},), r"at \[0\]\['n'\]: 1.0 was given for something that is not diff"),
        (({"a": "s", "n": 0},), r"a str was given, expected is a number"),
        ((1.0, 2.0), r"2 parts were given, 1 expected"),
        ({"a": 1.0}, r"tangents must be a tuple"),
    ],
)
def test_tangents_that_do_not_fit(tangents, message):
    with pytest.raises(InputError, match=message):
        jvp(lambda p: p["a"] * p["n"], ({"a": 1.0, "n": 2},), tangents)


def test_outputs_that_are_no_numbers():
    f = lambda x: (None, "a", 3, x.size, 2.0, np.zeros(2, np.float32), True)
    value, tangent = jvp(f, (X,), (X,))
    assert value[:5] == (None, "a", 3, 3, 2.0)
    assert tangent[:5] == (None, None, None, None, 0.0)
    assert tangent[5].dtype == np.float32
    assert tangent[6] is None
    _, pullback = vjp(f, X)
    np.testing.assert_array_equal(pullback(None)[0], np.zeros(3))
    assert jvp(lambda x: None, (1.0,), (1.0,)) == (None, None)
    assert vjp(lambda x: "text", 1.0)[1](None) == (0.0,)


def test_precision_of_tangents_is_that_of_the_values():
    single = X.astype(np.float32)
    assert jvp(np.sin, (single,), (np.ones(3),))[1].dtype == np.float32
    assert vjp(np.sin, single)[1](np.ones(3))[0].dtype == np.float32
    assert jvp(lambda z: z * z, (Z,), (np.ones(2),))[1].dtype == complex


# Argument numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [grad, jacobian, hessian])
@pytest.mark.parametrize(
    ("argnums", "message"),
    [
        ((0, 0), "twice"),
        ((0, -2), "twice"),
        ((), "empty"),
        (True, "must be an int"),
        (1.0, "must be an int"),
        (-3, "2 positional"),
    ],
)
def test_argument_numbers_are_checked(transform, argnums, message):
    with pytest.raises(InputError, match=message):
        transform(lambda a, b: a * b, argnums)(1.0, 2.0)


def test_hvp_of_several_arguments():
    f = lambda x, k, y, c=1.0: k * c * np.sum(x**2 * y)
    one, zero = np.ones(2), np.zeros(2)
    found = hvp(f, (one, one), (one, zero), 3.0, argnums=(0, -1), c=2.0)
    np.testing.assert_array_equal(found, [[12.0, 12.0], [12.0, 12.0]])
    np.testing.assert_array_equal(hvp(f, one, one, 3.0, one, c=2.0), [12.0, 12.0])
    with pytest.raises(InputError, match="hvp"):
        hvp(f, one, one, argnums=4)
    with pytest.raises(InputError, match="1 points and 2 vectors"):
        hvp(f, (one,), (one, one), argnums=(0,))


# linearize ---------------------------------------------------------------------------------------


def test_linearize_runs_the_function_once():
    runs = []

    def f(x, p):
        runs.append(1)
        return model(x, p)

    value, pushforward = linearize(f, X, {"a": 2.0})
    for direction in ((X, {"a": 0.3}), (X[::-1], {"a": 0.0}), (0 * X, {"a": 1.0})):
        found = pushforward(*direction)
        expected = jvp(model, (X, {"a": 2.0}), direction)[1]
        np.testing.assert_allclose(found["b"], expected["b"], rtol=1e-14)
        assert found["s"] == pytest.approx(expected["s"], rel=1e-14)
        assert found["n"] is None
    assert value["n"] == 3
    assert len(runs) == 1


def test_linearize_is_differentiated():
    check_grads(lambda x: linearize(lambda y: np.sum(np.sin(y) * x * y), x)[1](x * x), (X,))
    check_grads(lambda z: linearize(lambda y: np.exp(y) * z, z)[1](z * 1j), (0.3 + 0.4j,))


def test_linearize_of_what_is_not_holomorphic():
    f = lambda z: np.abs(z) ** 2 + z.real * 1j
    _, pushforward = linearize(f, Z)
    np.testing.assert_allclose(pushforward(Z * 1j), jvp(f, (Z,), (Z * 1j,))[1], atol=1e-15)


# Jacobians ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto", "fwd", "rev"])
def test_jacobian_of_complex_functions(mode):
    found = jacobian(lambda x: np.exp(1j * x), mode=mode)(X)
    np.testing.assert_allclose(found, np.diag(1j * np.exp(1j * X)), rtol=1e-14)
    found = jacobian(lambda z: np.abs(z) ** 2, mode=mode)(Z)
    np.testing.assert_allclose(found, np.diag(2 * Z), rtol=1e-14)  # dy/dRe + i dy/dIm
    found = jacobian(lambda z: z**3, holomorphic=True, mode=mode)(Z)
    np.testing.assert_allclose(found, np.diag(3 * Z**2), rtol=1e-13)
    with pytest.raises(InputError, match="set holomorphic=True"):
        jacobian(lambda z: z**3, mode=mode)(Z)
    with pytest.raises(InputError, match="not holomorphic at this point"):
        jacobian(lambda z: np.conj(z), holomorphic=True, mode=mode)(Z)
    with pytest.raises(InputError, match="needs complex numbers, but argument z is float64"):
        jacobian(lambda z: z * 1j, holomorphic=True, mode=mode)(X)
    with pytest.raises(InputError, match="output value is float64"):
        jacobian(lambda z: z.real, holomorphic=True, mode=mode)(Z)


def test_gradient_of_what_is_not_holomorphic():
    with pytest.raises(InputError, match="not holomorphic"):
        grad(lambda z: abs(z) ** 2 + 0j, holomorphic=True)(1j)
    with pytest.raises(InputError, match="needs complex numbers, but argument z is float64"):
        grad(lambda z: z * 1j, holomorphic=True)(1.0)
    with pytest.raises(InputError, match="needs complex numbers, but output"):
        grad(lambda z: z.real, holomorphic=True)(1j)
    second = hessian(lambda z: z**3, holomorphic=True)(1.0 + 2.0j)
    assert second == pytest.approx(6.0 * (1 + 2j), rel=1e-13)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_chunks_of_directions(chunk):
    matrix = np.random.default_rng(0).normal(size=(5, 3))
    runs = []

    def f(p):
        runs.append(1)
        return {"y": np.sin(matrix @ p["x"]) * p["a"], "z": p["a"] * np.ones(2), "c": 1.0}

    p = {"x": X, "a": 0.5}
    found = jacobian(f, mode="forward", chunk=chunk)(p)
    assert len(runs) == math.ceil(4 / chunk)
    expected = jacobian(f, mode="reverse")(p)
    for out in ("y", "z", "c"):
        for name in ("x", "a"):
            np.testing.assert_allclose(found[out][name], expected[out][name], rtol=1e-14)


@pytest.mark.parametrize("chunk", [0, -1, 1.5, "a"])
def test_chunk_is_checked(chunk):
    with pytest.raises(InputError, match="chunk must be a positive int"):
        jacobian(np.sin, chunk=chunk)


# forward_mode ------------------------------------------------------------------------------------


def test_forward_mode_records_one_operation():
    def long(x):
        for _ in range(100):
            x = np.sin(x) * x
        return x

    def entries(f):
        from sciad.core.running import ReverseRun

        return len(ReverseRun(lambda leaves: f(leaves[0]), [0.3]).entries)

    assert entries(lambda x: sciad.forward_mode(long)(x)) < 5 < 100 <= entries(lambda x: long(x))


def test_forward_mode_gives_the_same():
    f = sciad.forward_mode(model)

    def loss(g):
        def total(x, a):
            out = g(x, {"a": a})
            return out["s"] * np.sum(out["b"]) + out["n"] + a

        return total

    for k, found in enumerate(grad(loss(f), (0, 1))(X, 0.4)):
        np.testing.assert_allclose(found, grad(loss(model), k)(X, 0.4), rtol=1e-14)
    check_grads(loss(f), (X, 0.4), order=3, atol=1e-4)
    z = lambda g: lambda z: np.abs(g(lambda u: np.conj(u) * u * u + u)(z)[0]) ** 2
    same = lambda f: f
    np.testing.assert_allclose(grad(z(sciad.forward_mode))(Z), grad(z(same))(Z), rtol=1e-14)


def test_forward_mode_in_closures_of_all_levels():
    def program(wrap):
        def f(x):
            c = x * 2
            outer = wrap(lambda y: np.sin(y * c) * y)(x)
            # the inner function closes over z, of a higher level than its argument
            return outer + grad(lambda z: wrap(lambda y: y * y * z * z)(x) * z)(x)

        return f

    fast, plain = program(sciad.forward_mode), program(lambda f: f)
    for derivative in (grad, lambda f: grad(grad(f)), lambda f: jacobian(grad(f), mode="reverse")):
        assert derivative(fast)(0.7) == pytest.approx(derivative(plain)(0.7), rel=1e-13)


def test_forward_mode_refuses_a_write_into_its_argument():
    def f(x):
        x[0] = 2.0
        return x

    with pytest.raises(TracingError, match="writes into its argument"):
        grad(lambda x: np.sum(sciad.forward_mode(f)(x)))(X)

"""Derivatives of derivatives of compiled functions, several directions at once, quick calls."""

import math

import numpy as np
import pytest

import sciad
from sciad.compiler import jit
from sciad.compiler.front import border
from sciad.compiler.passes.adjoint import adjoint
from sciad.compiler.passes.bundle import bundle
from sciad.compiler.passes.simplify import simplify
from sciad.compiler.passes.tangent import tangent
from sciad.compiler.program import Program

X = np.linspace(0.2, 1.3, 6)


def energy(x, a):
    s = 0.0
    for i in range(x.shape[0]):
        k = 0.0
        while k < x[i] + 1.0:
            k += 0.4 + 0.1 * math.sin(a * x[i] * k)
        s += k * x[i] * x[i - 1] if x[i] > 0.5 else math.exp(-k * a)
    return s * a


def field(x, a):
    out = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        for j in range(i + 1):
            out[i] += math.sin(a * x[j]) * x[i] ** 2
    return out


def mixed(p, x, n):
    return {"v": np.exp(-p["k"] * x) * p["w"], "s": p["k"] * np.sum(x), "n": n, "t": (p["k"], 2.0)}


compiled_energy, compiled_field, compiled_mixed = jit(energy), jit(field), jit(mixed)
CLOSE = {"rtol": 1e-11, "atol": 1e-12}


@pytest.fixture
def kinds(monkeypatch):
    """List the compiled programs that run."""
    met = []
    compiled = Program.compiled
    heard = lambda self, k, d: (met.append(k), compiled(self, k, d))[1]
    monkeypatch.setattr(Program, "compiled", heard)
    return met


# -- several directions in one pass --------------------------------------------------------------
@pytest.mark.parametrize("base", ["primal", "adjoint"])
def test_a_bundle_is_a_row_of_tangents(interpreted_jit, emitted, base):
    """All results and duals agree with those of the single direction, tapes included."""
    from sciad.compiler.back.emit import emit
    from sciad.compiler.ir import verify

    jitted = interpreted_jit(energy)
    jitted(X, 0.7)
    program = next(iter(jitted._programs.values()))
    source = program.program()
    active = program.active(source)
    if base == "adjoint":
        source = simplify(adjoint(source, active))
        active = [v for v in source.params if v.name != "d"]
    functions = []
    for made in (tangent(source, active), bundle(source, active, 3)):
        made = simplify(made)
        verify(made)
        body = emit(made, "", ", 0.0")
        head = f"def function({', '.join(body.params)}):"
        end = f"    return {', '.join(['0', *body.results])},"
        functions.append(emitted.run("\n".join([head, *body.lines, end, ""])))
    rng = np.random.default_rng(1)
    sizes = [1, 2, 6, 1, 1, 6][: len(source.params)]
    given = [np.array([0.7]), np.array([6]), X, np.array([1.1]), np.zeros(1), np.zeros(6)]
    rows = [[rng.normal(size=n) for n in (1, 6, 1, 1, 6)][: len(active)] for _ in range(3)]
    copies = lambda row: [x.copy() for x in row]
    args = lambda: copies(given[: len(sizes)])
    wide = [copies(row) for row in rows]
    together = functions[1][0](*args(), *(x for row in wide for x in row))
    assert not functions[1][1]
    for k, row in enumerate(rows):
        single = copies(row)
        alone = functions[0][0](*args(), *single)
        if base == "primal":
            assert together[:2] == alone[:2]
            assert together[2 + k] == alone[2]
        for one, other in zip(single, wide[k], strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_jacobians(mode):
    expected = sciad.jacobian(field)(X, 0.7)
    np.testing.assert_allclose(sciad.jacobian(compiled_field, mode=mode)(X, 0.7), expected, **CLOSE)
    by_a = sciad.jacobian(compiled_field, 1, mode)(X, 0.7)
    np.testing.assert_allclose(by_a, sciad.jacobian(field, 1)(X, 0.7), **CLOSE)
    wide = np.linspace(0.1, 1.1, 11)
    found = sciad.jacobian(lambda x: compiled_field(x, 0.7), mode=mode)(wide)  # through the engine
    np.testing.assert_allclose(found, sciad.jacobian(field)(wide, 0.7), **CLOSE)
    row = sciad.jacobian(compiled_energy, mode=mode)(X, 0.7)
    np.testing.assert_allclose(row, sciad.grad(energy)(X, 0.7), **CLOSE)


def test_directions_go_together(kinds):
    sciad.jacobian(compiled_field, mode="forward")(X, 0.7)
    assert kinds == ["jvp8"]
    kinds.clear()
    sciad.jacobian(lambda x: compiled_field(x, 0.7), mode="forward")(X)
    assert [k for k in kinds if k != "value"] == ["jvp8"]
    kinds.clear()
    sciad.hessian(compiled_energy)(X, 0.7)
    assert kinds == ["hvp4", "hvp4"]
    kinds.clear()
    sciad.jacobian(compiled_field, mode="forward")(X[:3], 0.7)
    assert kinds == ["jvp"] * 3


def test_jacobians_of_structures():
    p = {"k": 0.3, "w": np.linspace(1.0, 2.0, 6)}
    for mode in ("forward", "reverse"):
        found = sciad.jacobian(lambda p: compiled_mixed(p, X, 3), mode=mode)(p)
        expected = sciad.jacobian(lambda p: mixed(p, X, 3), mode=mode)(p)
        for name in ("v", "s"):
            for leaf in ("k", "w"):
                np.testing.assert_allclose(found[name][leaf], expected[name][leaf], **CLOSE)
        assert found["n"] is None or found["n"] == expected["n"]


# -- second and third order ----------------------------------------------------------------------
def test_hessians_of_arrays_and_numbers():
    expected = sciad.hessian(energy)(X, 0.7)
    np.testing.assert_allclose(sciad.hessian(compiled_energy)(X, 0.7), expected, **CLOSE)
    through = sciad.hessian(lambda x: compiled_energy(x, 0.7))(X)
    np.testing.assert_allclose(through, expected, **CLOSE)
    by_a = sciad.hessian(compiled_energy, 1)(X, 0.7)
    assert by_a == pytest.approx(sciad.hessian(energy, 1)(X, 0.7), rel=1e-11)
    both = sciad.hessian(compiled_energy, (0, 1))(X, 0.7)
    np.testing.assert_allclose(both[0][1], sciad.hessian(energy, (0, 1))(X, 0.7)[0][1], **CLOSE)
    matrix = np.outer(X[:2], X[:3])
    cubic = lambda m: np.sum(m * m * m) * m[0, 1]
    found = sciad.hessian(jit(cubic))(matrix)
    assert found.shape == (2, 3, 2, 3)
    np.testing.assert_allclose(found, sciad.hessian(cubic)(matrix), **CLOSE)


def test_reverse_over_forward_and_forward_over_reverse():
    v, w = np.cos(X), np.sin(X)

    def product(f):
        push = lambda x, a: sciad.jvp(lambda x: f(x, a), (x,), (v,))[1]
        return lambda x, a: np.sum(w * push(x, a))

    for k in (0, 1):
        found = sciad.grad(product(compiled_field), k)(X, 0.7)
        np.testing.assert_allclose(found, sciad.grad(product(field), k)(X, 0.7), **CLOSE)
    inside = jit(lambda x, a: np.sum(sciad.jvp(lambda x: field(x, a), (x,), (np.cos(x),))[1] * x))
    plain = lambda x, a: np.sum(sciad.jvp(lambda x: field(x, a), (x,), (np.cos(x),))[1] * x)
    np.testing.assert_allclose(sciad.grad(inside)(X, 0.7), sciad.grad(plain)(X, 0.7), **CLOSE)
    pull = lambda f: lambda x: sciad.vjp(lambda x: f(x, 0.7), x)[1](w)[0]
    found = sciad.jvp(pull(compiled_field), (X,), (v,))[1]
    np.testing.assert_allclose(found, sciad.jvp(pull(field), (X,), (v,))[1], **CLOSE)


def test_third_level_follows_the_python_function(interpreted_jit):
    v = np.cos(X)
    compiled_energy = interpreted_jit(energy)
    third = lambda f: sciad.grad(lambda x: np.sum(v * sciad.hvp(f, x, v, 0.7)))(X)
    np.testing.assert_allclose(third(compiled_energy), third(energy), rtol=1e-10, atol=1e-11)
    inside = interpreted_jit(lambda x: np.sum(np.cos(x) * sciad.hvp(energy, x, x, 0.7)))
    plain = lambda x: np.sum(np.cos(x) * sciad.hvp(energy, x, x, 0.7))
    found = sciad.grad(inside)(X)
    np.testing.assert_allclose(found, sciad.grad(plain)(X), rtol=1e-10, atol=1e-11)


# -- calls without a tape ------------------------------------------------------------------------
def test_gradients_at_plain_arguments_take_one_call(kinds):
    value, (g, h) = sciad.value_and_grad(compiled_energy, (0, 1))(X, 0.7)
    assert kinds == ["grad_11"]
    assert type(value) is float
    assert type(h) is float
    assert value == pytest.approx(energy(X, 0.7), rel=1e-14)
    expected = sciad.grad(energy, (0, 1))(X, 0.7)
    np.testing.assert_allclose(g, expected[0], **CLOSE)
    assert h == pytest.approx(expected[1], rel=1e-12)
    single = sciad.grad(compiled_energy, -1)(X[::2], 0.7)
    assert single == pytest.approx(sciad.grad(energy, 1)(X[::2].copy(), 0.7), rel=1e-12)
    g[:] = 7.0  # results belong to the caller
    np.testing.assert_allclose(sciad.grad(compiled_energy)(X, 0.7), expected[0], **CLOSE)


def test_complex_step():
    cubic = jit(lambda x: x**3 * math.exp(x) / (1.0 + x * x))
    step = 1e-30
    z = 0.7 + 1j * step
    expected = (z**3 * np.exp(z) / (1.0 + z * z)).imag / step
    assert sciad.grad(cubic)(0.7) == pytest.approx(expected, rel=1e-14)


def test_quick_calls_leave_the_rest_to_the_engine():
    g = sciad.grad(compiled_energy)
    np.testing.assert_allclose(g(X, a=0.7), g(X, 0.7), **CLOSE)
    with pytest.raises(sciad.InputError):
        sciad.grad(compiled_energy, 2)(X, 0.7)
    with pytest.raises(sciad.InputError):
        sciad.grad(compiled_field)(X, 0.7)  # returns an array
    counted = jit(lambda x, n: x**n)
    assert sciad.grad(counted)(2.0, 3) == 12.0
    with pytest.raises(sciad.InputError):
        sciad.grad(counted, 1)(2.0, 3)
    nested = sciad.grad(lambda a: sciad.grad(compiled_energy, 1)(X, a))(0.7)
    assert nested == pytest.approx(sciad.hessian(energy, 1)(X, 0.7), rel=1e-11)
    with sciad.debugging():  # needs the tape
        np.testing.assert_allclose(g(X, 0.7), sciad.grad(energy)(X, 0.7), **CLOSE)
    assert sciad.jacobian(compiled_field)(X[:0], 0.7).shape == (0, 0)
    assert sciad.hessian(jit(lambda x: np.sum(x * x)))(X[:0]).shape == (0, 0)


def test_failures_of_quick_calls():
    root = jit(lambda x, k: math.sqrt(x[k]))
    with pytest.raises(IndexError, match=r"(?s)out of range.*test_compositions\.py"):
        sciad.grad(root)(X, 9)
    assert border.__all__

"""Single precision: types and rounding are NumPy's, derivatives those of both other engines."""

import math

import numpy as np
import pytest

import sciad
from sciad.compiler import jit
from sciad.core.errors import CompileError

RNG = np.random.default_rng(7)
X = RNG.normal(size=40).astype(np.float32)
Y = RNG.normal(size=40).astype(np.float32)
A = RNG.normal(size=(8, 6)).astype(np.float32)
B = RNG.normal(size=(6, 7)).astype(np.float32)
C = RNG.normal(size=(3, 4, 5)).astype(np.float32)
SPD = A.T @ A + np.eye(6, dtype=np.float32)
S = np.float32(0.7)
NARROW = np.int16(3)
PYTHON, NUMPY, SINGLE, COUNT, NUMPY_COUNT = 0.1, np.float64(0.1), np.float32(0.1), 3, np.int64(3)
EPS = float(np.finfo(np.float32).eps)


def alike(found, expected, rtol=2 * EPS):
    """Compare types, dtypes, shapes and values."""
    if isinstance(expected, tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            alike(one, other, rtol)
        return
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    single = isinstance(expected, np.float32)
    assert isinstance(found, np.float32) == single
    assert np.shape(found) == np.shape(expected)
    scale = float(np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale)


# -- values --------------------------------------------------------------------------------------
def arithmetic(x, y):
    return (x + y) / (x * y - 2.0) % 1.5, x // 0.25, -x, +x, 1.0 / x, x * 2, x - True


def powers(x, y):
    positive = np.abs(x)
    return x**2, x**3, x**2.0, positive**0.5, 2.0**x, positive**y, x**-1, x**0, x[0] ** 2


def elementary(x, y):
    positive = np.abs(x)
    first = np.exp(x), np.log(positive), np.sqrt(positive), np.tanh(x), np.arctan2(x, y)
    second = np.hypot(x, y), np.log1p(positive), np.expm1(x), np.radians(x), np.reciprocal(x)
    return *first, *second, np.sin(x), np.cos(x), np.cbrt(x), np.logaddexp(x, y)


def exact(x, y):
    first = np.maximum(x, y), np.minimum(x, 0.1), np.sign(x), np.floor(x), np.rint(x)
    second = np.clip(x, -0.1, 0.1), abs(x), x < y, x == 0.1, np.isnan(x), (x > 0) & (y > 0)
    third = np.where(x > 0, x, 0.0), np.where(x > 0, 1.0, 0.0), np.isfinite(x), x * (x > 0)
    return *first, *second, *third, np.round(x)


def reductions(x, y):
    first = np.sum(x), np.mean(x), np.max(x), np.min(x), np.var(x), np.std(x), np.argmax(x)
    second = np.dot(x, y), x @ y, np.linalg.norm(x), np.any(x > 0), x.sum(), x.mean(), x.max()
    third = np.sum(x, dtype=np.float64), np.ptp(x), np.trapezoid(x), np.diff(x), np.cumsum(x)
    return *first, *second, *third, np.prod(x), sum(v for v in x), sum([x[0], x[1]])


def shapes(x, y):
    square = x.reshape(8, 5)
    first = x[::2], x[3:20] * y[3:20], np.concatenate([x, y]), np.stack([x, y]).T, square[:, 1]
    second = np.outer(x, y), np.flip(x), np.roll(x, 3), np.tile(x, 2), np.sort(x), x[x > 0]
    third = np.zeros_like(x), np.full_like(x, 0.1), x.copy(), np.array([x[0], y[0]]), x[[2, 1]]
    return *first, *second, *third, np.full(3, 0.1, dtype=np.float32), np.array([x[0], 1.0])


def conversions(x, y):
    first = x.astype(np.float64) * 0.1, x.astype(float).astype(np.float32) * 0.1, x.astype(int)
    second = np.float32(0.1) * x, np.float64(0.1) * x, float(x[0]) * 0.1, float(x[0]) * x, int(x[0])
    third = x[0] * 0.1, x[0] * y, np.float32(x[0]) / 3, len(x) * x, x.shape[0] * x[0], np.pi * x
    fourth = np.sqrt(2.0) * x, math.sqrt(2.0) * x, math.exp(x[0]), np.array([1, 2]) * x[:2]
    return *first, *second, *third, *fourth, np.zeros(2) * x[:2], ((x > 0) * 2.0) * x


def captured(x, y):
    arrays = x * PYTHON, x * NUMPY, x * SINGLE, x * COUNT, x * NUMPY_COUNT
    return *arrays, S * PYTHON, S * NUMPY, S * SINGLE, S * COUNT, S * NUMPY_COUNT


def loops(x, y):
    total, weight, k = 0.0, 1.0, 0
    while total < 10.0 and k < 30:
        total += abs(x[k]) * weight
        weight = weight * 0.9
        k += 1
    best = x[0]
    for v in x:
        if v > best:
            best = v
    either = 0.0 if best > 100 else best
    return total, weight, k, best, either * 2


def stores(x, y):
    z = x.copy()
    for i in range(1, len(x)):
        z[i] += 0.5 * z[i - 1]
        if z[i] > 0:
            z[i] *= 0.1
        else:
            z[i] = z[i] - i
    z[2:5] = 7.1
    z[5:8] += z[8:11]
    z[0] = np.float64(0.1)
    z[z > 1.0] = 0.1
    z[[8, 9]] = z[[9, 8]] * 0.3
    z[10] = np.array([z[11]]).item() * 0.1
    w = np.zeros(len(x), dtype=np.float32)
    for i in range(len(x)):
        w[i] = math.exp(z[i] * 0.01)
    w[3:] += 0.1 * np.ones(len(x) - 3)
    return z, w


def matrices(a, b):
    first = a @ b, a @ b[:, 0], a.sum(axis=0), np.mean(a, axis=1), a[1:3, ::2] * 2, np.trace(a)
    second = a * a[0], a - a.mean(axis=0), np.linalg.norm(a), np.dot(a, b), a[:, None, :] * a[None]
    return *first, *second, a.T, a.max(axis=1)


def linear(a, b):
    return np.linalg.solve(a, b), np.linalg.inv(a), np.linalg.det(a), np.linalg.cholesky(a)


def cubes(c, i):
    return c.sum(axis=(0, 2)), c[1, :, 2], c * c[0], c.transpose(2, 0, 1), c[:, ::-1] * i, c[i] * i


PAIRS = [
    *(arithmetic, powers, elementary, exact, reductions, shapes, conversions, captured, loops),
    stores,
]


@pytest.mark.parametrize("program", PAIRS)
def test_values_have_the_types_of_the_interpreter(program, in_interpreter):
    few_ulps = 8 * EPS if program in (powers, elementary, reductions, loops) else EPS
    alike(jit(program)(X, Y), program(X, Y), few_ulps)


def test_arithmetic_is_rounded_where_numpy_rounds():
    twice = lambda x, y: ((x + y) - x, (x * y) / x - y, (x / y) * y - x, np.sqrt(x * x) - y)
    for one, other in zip(jit(twice)(X, Y), twice(X, Y), strict=True):
        np.testing.assert_array_equal(one, other)
    wide = (X * np.float32(1e30), Y * np.float32(1e-30))  # overflow, subnormal numbers
    run = lambda x, y: (x * x, y * y * 0.1, x / y, x + y, np.sqrt(np.abs(y)))
    with np.errstate(all="ignore"):
        expected = run(*wide)
    for one, other in zip(jit(run)(*wide), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_matrices_and_cubes(in_interpreter):
    alike(jit(matrices)(A, B), matrices(A, B), 8 * EPS)
    alike(jit(linear)(SPD, A[0]), linear(SPD, A[0]), 2e-4)
    alike(jit(cubes)(C, 2), cubes(C, 2), 4 * EPS)


@pytest.mark.parametrize("other", [0.1, np.float64(0.1), SINGLE, 3, np.int64(3), True, Y * 1.0])
@pytest.mark.parametrize(
    "combine",
    [lambda a, b: a * b, lambda a, b: a / (b + b), lambda a, b: a < b, np.maximum, np.hypot],
    ids=["mul", "div", "lt", "maximum", "hypot"],
)
def test_what_an_argument_is_decides_the_type(other, combine, in_interpreter):
    program = lambda x, z: (combine(x, z), combine(z, x))
    alike(jit(program)(X, other), program(X, other), 0.0)
    if np.ndim(other) == 0:
        alike(jit(program)(S, other), program(S, other), 0.0)


def test_arguments_in_structures(in_interpreter):
    program = lambda p: p["a"] * p["b"] * p["c"][0]
    for number in (0.1, np.float64(0.1)):
        given = {"a": X, "b": number, "c": (SINGLE, X)}
        alike(jit(program)(given), program(given), 0.0)


def test_machine_code():
    made = jit(stores)
    alike(made(X, Y), stores(X, Y), EPS)
    pull = sciad.vjp(lambda x: made(x, Y)[0], X)[1](Y)[0]
    expected = sciad.vjp(lambda x: stores(x, Y)[0], X)[1](Y)[0]
    alike(pull, expected, 4 * EPS)


def test_arrays_of_the_caller_are_written_to():
    def scaled(x):
        x[0] = x[1] * 0.1
        x[2:] /= 3.0
        return np.sum(x)

    mine, theirs = X.copy(), X.copy()
    alike(jit(scaled)(mine), scaled(theirs), 8 * EPS)
    alike(mine, theirs, 0.0)


def test_single_precision_inside_a_program_in_double(in_interpreter):
    def program(x):
        low = x.astype(np.float32)
        kept = np.zeros(len(x), dtype=np.float32)
        for i in range(len(x)):
            kept[i] = np.sin(low[i]) * x[i]
        return np.sum(kept * low), kept.astype(np.float64) @ x

    wide = X.astype(float) + 1e-9
    alike(jit(program)(wide), program(wide), 8 * EPS)
    first = sciad.jvp(jit(lambda x: program(x)[1]), (wide,), (wide,))[1]
    exact_sum = 2 * np.sum(np.sin(wide) * wide * wide) + np.sum(np.cos(wide) * wide**3)
    assert first == pytest.approx(exact_sum, rel=1e-6)
    assert sciad.grad(jit(lambda x: program(x)[1]))(wide).dtype == np.float64


def joined(x, flag, n):
    v = x * 2 if flag > 0 else x * 3
    if flag > 0:
        v = np.sin(v)
    v[0] = 0.1
    older, newer = np.zeros(3, dtype=np.float32), x[:3]
    for i in range(n):
        older, newer = newer, older * 0.5 + x[i]
    for k in range(3):
        x = x + (0.1 * k) * x
    return v, older, newer, x, 0.0 if x[0] > 100 else x[0]


def test_arrays_keep_their_type_where_paths_meet(in_interpreter):
    alike(jit(joined)(X, 1.0, 5), joined(X, 1.0, 5), 4 * EPS)
    integers = np.arange(40)
    chosen = lambda a, flag: a * 2 if flag > 0 else a * 3
    alike(jit(chosen)(integers, 1.0), chosen(integers, 1.0), 0.0)


def test_lists_keep_what_is_put_in():
    def filled(x, n):
        out = [0.0] * n
        for i in range(n):
            out[i] = x[i]
        return out

    with pytest.raises(CompileError, match="a list holds float32"):
        jit(filled)(X, 3)


# -- derivatives ---------------------------------------------------------------------------------
def energy(x):
    return np.sum(np.sin(x) * x * 0.3) / np.mean(x * x)


def recurrence(x):
    z = np.zeros_like(x)
    z[0] = x[0]
    for i in range(1, len(x)):
        z[i] = np.tanh(z[i - 1] * 0.5) + x[i] * x[i]
    total = 0.0
    for i in range(len(x)):
        total += z[i] if z[i] > 0.5 else z[i] * 0.1
    return total


def fitted(x):
    m = np.outer(x[:4], x[4:8]) * 0.1 + np.eye(4, dtype=x.dtype) * 2.0
    return np.sum(np.linalg.solve(m, x[8:12])) + x[0] ** 3


@pytest.mark.parametrize("program", [energy, recurrence, fitted])
def test_derivatives_are_those_of_both_engines(program, in_interpreter):
    made, wide = jit(program), X.astype(float)
    runs = {
        "gradient": lambda f, x, v: sciad.grad(f)(x),
        "both": lambda f, x, v: sciad.value_and_grad(f)(x),
        "forward": lambda f, x, v: sciad.jvp(f, (x,), (v,)),
        "jacobian": lambda f, x, v: sciad.jacobian(f)(x),
        "curved": lambda f, x, v: sciad.hvp(f, x, v),
        "hessian": lambda f, x, v: sciad.hessian(f)(x),
    }
    for run in runs.values():
        found = run(made, X, Y)
        alike(found, run(program, X, Y), 2e-5)
        for one, exact in zip(leaves(found), leaves(run(program, wide, Y * 1.0)), strict=True):
            np.testing.assert_allclose(one, exact, atol=3e-6 * np.max(np.abs(exact)))


def leaves(value):
    return value if isinstance(value, tuple) else (value,)


def test_tangent_and_adjoint_agree(in_interpreter):
    program = lambda x: np.tanh(x * 0.7) * np.sum(x * x)
    made = jit(program)
    dual = sciad.jvp(made, (X,), (Y,))[1]
    (bar,) = sciad.vjp(made, X)[1](Y)
    assert dual.dtype == bar.dtype == np.float32
    assert float(np.dot(dual, Y)) == pytest.approx(float(np.dot(bar, Y)), rel=2e-6)


def test_gradients_have_the_types_of_the_arguments(in_interpreter):
    program = lambda x, w, s: np.sum(x * w * w) * s
    w = Y.astype(float)
    found, expected = (sciad.grad(f, (0, 1, 2))(X, w, S) for f in (jit(program), program))
    alike(found, expected, 4 * EPS)
    assert [np.asarray(g).dtype.name for g in found] == ["float32", "float64", "float32"]


def test_checkpoints_are_calls(in_interpreter):
    step = sciad.checkpoint(lambda u: np.sin(u) * u * 0.5)
    program = lambda x: np.sum(step(step(x)))
    plain = lambda x: np.sum(np.sin(np.sin(x) * x * 0.5) * (np.sin(x) * x * 0.5) * 0.5)
    alike(sciad.grad(jit(program))(X), sciad.grad(plain)(X), 8 * EPS)


def test_numbers(in_interpreter):
    program = lambda s: np.exp(s) * s * 2.0
    made = jit(program)
    for run in (sciad.grad, lambda f: sciad.grad(sciad.grad(f)), sciad.value_and_grad):
        alike(run(made)(S), run(program)(S), 8 * EPS)
    alike(sciad.hvp(made, S, S), sciad.hvp(program, S, S), 8 * EPS)


# -- what is refused -----------------------------------------------------------------------------
def narrow(x, n):
    return x * NARROW


def greatest(x, n):
    return max(0.1, np.float64(n)) * x


def unclear(x, n):
    weights = [0.1, 0.2, x[0]]
    return weights[n] * x


def mixed(x, n):
    total = np.float32(0.0)
    for i in range(n):
        total = total + np.float64(i)
    return total * x


def widened(x, n):
    value = x[0] if n > 2 else np.float64(0.1)
    return value * x


def outside(x, n):
    return np.add.at(x.copy(), [0], 1.0)


def turned(x, n):
    return x * 1j


def rounded_off(x, n):
    return np.round(x, 2)


def indexed(x, n):
    return x[x[0]]


@pytest.mark.parametrize(
    "program",
    [
        narrow,
        greatest,
        unclear,
        mixed,
        widened,
        outside,
        turned,
        rounded_off,
        indexed,
    ],
)
def test_what_has_no_sound_form_is_refused_at_its_line(program):
    with pytest.raises(CompileError) as caught:
        jit(program)(X, 3)
    first = program.__code__.co_firstlineno
    line = int(str(caught.value.where).rpartition(":")[2])
    assert first <= line <= first + 5
    assert caught.value.hint


def test_other_precisions_are_refused_at_the_border():
    for other in (X.astype(np.float16), X.astype(np.longdouble), X.astype(np.complex64)):
        with pytest.raises(CompileError, match="argument"):
            jit(lambda x: x * 2)(other)

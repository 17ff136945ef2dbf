"""Masks and arrays as indices: gathers, scatters, results of run-time length."""

import numpy as np
import pytest

from sciad.compiler import jit
from sciad.core.errors import CompileError
from sciad.core.transforms import grad, hvp, jacobian

X = np.array([0.3, 1.2, -0.7, 2.0, -0.2])
A = np.arange(20.0).reshape(4, 5) * 0.3 - 2
INDEX = np.array([3, 1, 1, 0])
MASK = np.array([True, False, True, True, False])


def reduced(x):
    return np.sum(x[x > 0] ** 2) * np.mean(x[x < 1])


def overwritten(x):
    y = x * 1.0
    y[y > 0.5] = 0.0
    return y


def computed_replacement(x):
    y = x.copy()
    m = x < 1
    y[m] = np.sin(x[m]) * 2
    y[~m] += 3 * x[~m]
    y[(x > 0) & (x < 0.5)] *= x[0]
    return y


def positions(x):
    (i,) = np.where(x > 0)
    j = np.flatnonzero(x < 0)
    (k,) = x.nonzero()
    return np.concatenate([x[i] * i, x[j] ** 2 * len(j), x[k[::2]]])


def in_a_loop(x):
    s = 0.0
    for k in range(40):
        z = x * k * 0.1
        s += np.sum(z[z > 0.3]) * x[0]
    return s


def small(x):
    y = np.array([x[0], x[1] * x[2], x[3]])
    y[y > 0.2] = 0.1 * x[4]
    i = np.array([2, 0])
    y[[1, 1]] = y[[0, 2]]
    return y[i] * y[[0, 1]] + np.sum(y[y < 5])


def counted_list(x):
    kept = [a * a for a in x if a > 0]
    return sum(kept) * len(kept) + kept[0]


def matrix_mask(A):
    B = A.copy()
    B[A > 1] = -1.0
    B[1, A[1] < 0] = A[0, 0]
    return B, A[A > 0.5], A[A[:, 0] > -1], A[:, A[0] > -1.2]


def lists_of_indices(A):
    r = A[[0, 2]]
    return (
        r[:, [1, 3, 4]],
        A[[0, 1], [2, 3]],
        A[..., [0, 0]],
        A[1, [2, 4]],
        A[[1], 2:],
        A[[3], :, None],
    )


def chosen_and_kept(A):
    i = np.flatnonzero(A[1] > -0.3)
    return A[2:, i], np.where(A > 0, A * A, -A), A[np.argmax(A[:, 1]), i]


def taken(A, i):
    return A[i], A[i, i], A[:, i], A[i][:, i[:2]], A[i, 1:3], A[i[:, None], i]


def spread(A, i):
    B = A.copy()
    B[:, i] = 2.0 * A[:, i]
    B[0, i] += 1.0 * A[1, i]
    B[i, 0] = A[0, 0] * np.arange(4)
    B[i[1:], 1:3] *= A[2, 2:4]
    return B


def added(A, i):
    y = np.zeros(5)
    np.add.at(y, i, A[0, :4])
    np.add.at(y, 2, A[1, 1])
    z = np.zeros((4, 5))
    np.add.at(z, (i, i), A[1, :4] ** 2)
    np.add.at(z, (slice(None), 1), A[:, 1]) if False else None
    counts = np.zeros(5, dtype=int)
    np.add.at(counts, i, 1)
    y[i] *= A[0, i]
    return y, z, y * counts


def _agree(program, x, *more):
    made = jit(program)
    parts = lambda found: found if isinstance(found, tuple) else (found,)
    expected = [np.asarray(p) for p in parts(program(x.copy(), *more))]
    for one, other in zip(parts(made(x, *more)), expected, strict=True):
        assert np.asarray(one).dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)
    weights = [np.random.default_rng(3).standard_normal(e.shape) for e in expected]

    def loss(f):
        return lambda x: sum(
            np.sum(np.sin(1.0 * p) * w) for p, w in zip(parts(f(x, *more)), weights, strict=True)
        )

    run, plain = loss(made), loss(program)
    slope = grad(plain)(x)
    np.testing.assert_allclose(grad(run)(x), slope, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(jacobian(run, mode="forward")(x), slope, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        hvp(run, x, np.cos(x)), hvp(plain, x, np.cos(x)), rtol=1e-11, atol=1e-12
    )


VECTORS = [
    reduced,
    overwritten,
    computed_replacement,
    positions,
    in_a_loop,
    small,
    counted_list,
]


@pytest.mark.parametrize("program", VECTORS)
def test_vectors(program, in_interpreter):
    _agree(program, X)


@pytest.mark.parametrize("program", VECTORS)
def test_vectors_of_known_length(program, in_interpreter):
    _agree(lambda v: program(np.array([v[0], v[1], v[2], v[3], v[4]])), X)


@pytest.mark.parametrize("program", [matrix_mask, lists_of_indices, chosen_and_kept])
def test_matrices(program, in_interpreter):
    _agree(program, A)


@pytest.mark.parametrize("program", [taken, spread, added])
def test_arrays_of_indices(program, in_interpreter):
    _agree(program, A, INDEX)
    _agree(program, A, np.array([-1, 2, 0, 2]))


def test_masks_as_arguments(in_interpreter):
    _agree(lambda x, m: x[m] * np.sum(x[~m]), X, MASK)
    _agree(lambda x, m: np.where(m, x, x[0]) * m.sum(), X, MASK)


def test_right_hand_sides(interpreted):
    order, active = np.array([2, 0, 1]), np.array([True, False, True])

    def rhs(t, y, p):
        rate = np.where(y > 0.5, p["k"] * y, y**2)
        rate[y < 0] = 0.0
        total = np.zeros(3)
        np.add.at(total, order, rate)
        total[active] *= t
        return total[order] + rate[active].sum()

    y, p = np.array([0.7, -0.2, 0.4]), {"k": 1.5}
    run = interpreted(rhs, 3, 3, (p,))
    _, out = run.value(0.3, y)
    np.testing.assert_allclose(out, rhs(0.3, y, p), rtol=1e-14)
    weight = np.array([1.0, -2.0, 0.5])
    _, tbar, ybar, pbar = run.vjp(0.3, y, weight)
    np.testing.assert_allclose(ybar, grad(lambda y: np.sum(weight * rhs(0.3, y, p)))(y), rtol=1e-13)
    _, _, outdot = run.jvp(0.3, y, 0.5, y**2, np.array([2.0]))
    assert weight @ outdot == pytest.approx(0.5 * tbar[0] + ybar @ y**2 + 2 * pbar[0], rel=1e-13)


def test_machine_code():
    made = jit(computed_replacement)
    np.testing.assert_allclose(made(X), computed_replacement(X), rtol=1e-14)
    loss = lambda f: lambda x: np.sum(f(x) ** 2)
    np.testing.assert_allclose(grad(loss(made))(X), grad(loss(computed_replacement))(X), rtol=1e-12)


ERRORS = [
    (lambda x, i: x[i], np.array([5]), IndexError),
    (lambda x, i: x[i].sum(), np.array([0, -6]), IndexError),
    (lambda x, m: x[m], np.array([True, False]), IndexError),
]


@pytest.mark.parametrize(("program", "index", "error"), ERRORS)
def test_wrong_indices(program, index, error, in_interpreter):
    with pytest.raises(error):
        program(X, index)
    with pytest.raises(error):
        jit(program)(X, index)


def wrong_count(x, m):
    y = x.copy()
    y[m] = x[:4]
    return y


def test_a_wrong_number_of_values(in_interpreter):
    with pytest.raises(ValueError, match="cannot assign"):
        wrong_count(X, MASK)
    with pytest.raises(ValueError, match="different lengths"):
        jit(wrong_count)(X, MASK)


def into_the_argument(x):
    x[x > 0] = 0.0
    return x


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (into_the_argument, "belongs to the caller"),
        (lambda x: x[x], "array of floats"),
        (lambda x: [x, x][np.array([0])], "not an array"),
    ],
)
def test_refusals(program, words, in_interpreter):
    with pytest.raises(CompileError, match=words):
        jit(program)(X)

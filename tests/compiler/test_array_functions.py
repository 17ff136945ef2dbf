"""NumPy's functions on arrays: values, shapes and types, derivatives of both orders.

Every program runs with arrays whose shape is known (a right-hand side would have them, here they
are rebuilt from their numbers) and with arrays in memory.
"""

import math

import numpy as np
import pytest

from sciad.compiler import jit
from sciad.core.errors import CompileError
from sciad.core.transforms import grad, hvp, jacobian

RNG = np.random.default_rng(11)
A = RNG.standard_normal((3, 4))
B = RNG.standard_normal((4, 3))
C = RNG.standard_normal((2, 3, 4))
V = RNG.standard_normal(5)
N = np.array([[3, -1, 4], [1, 5, -9]])

PROGRAMS = {
    "sums": lambda A: (A.sum(), np.sum(A, axis=0), A.sum(axis=1, keepdims=True) * A, sum(A[0])),
    "means": lambda A: (A.mean(), np.mean(A * A, axis=-1), np.mean(A, axis=(0, 1), keepdims=True)),
    "products": lambda A: (np.prod(A), A.prod(axis=0), np.prod(A * 2.0, axis=1)),
    "variances": lambda A: (np.var(A), A.std(axis=1), np.std(A, ddof=1), A.var(axis=0, ddof=1)),
    "extremes": lambda A: (A.max(), np.min(A, axis=0), np.max(A, axis=1, keepdims=True), np.ptp(A)),
    "places": lambda A: (A.argmax() * A[1], np.argmin(A, axis=1), A[0, np.argmax(A[0])]),
    "truths": lambda A: (np.any(A > 1), np.all(A > -9, axis=0), (A > 0).any(axis=1), all(A[0] > 0)),
    "counts": lambda A: (np.count_nonzero(A > 0) * A, (A > 0).sum(axis=0), np.mean(A > 0)),
    "norms": lambda A: (
        np.linalg.norm(A),
        np.linalg.norm(A[0], 1),
        np.linalg.norm(A, axis=1),
        np.linalg.norm(A[:, 0], np.inf),
        np.linalg.norm(A, 1),
        np.linalg.norm(A, np.inf),
        np.linalg.norm(A, "fro"),
    ),
    "scans": lambda A: (
        np.cumsum(A, axis=1),
        A[0].cumsum(),
        np.cumprod(A, axis=0),
        np.cumprod(A[1]),
    ),
    "differences": lambda A: (np.diff(A), np.diff(A, axis=0), np.diff(A[0], 2)),
    "outer": lambda A: (np.outer(A[0], A[1]), np.inner(A[0], A[1]), np.inner(A, A)),
    "matmul": lambda A: (A @ A.T, A @ A[0], A[:, 0] @ A, np.dot(A, A.T), A[0].dot(A[1])),
    "weighted": lambda A: (
        np.trapezoid(A[0], A[1]),
        np.trapezoid(A[0], dx=0.1),
        np.average(A[0], weights=A[1] ** 2),
        np.take(A, [1, 2], axis=1),
        np.take(A[0], np.array([0, 0])),
    ),
    "counted": lambda A: (
        np.bincount(np.array([0, 2, 2, 1]), weights=A[0]),
        np.bincount(np.argsort(A[1]), minlength=6) * A[0, 0],
        np.broadcast_to(A[0], (2, 4)) * 1.0,
        round(A[0, 1] * 7.0) * A[1],
    ),
    "others": lambda A: (np.cbrt(A), np.fmax(A, A[0]), np.fmin(A, 0.1)),
    "cross": lambda A: np.cross(A[:, 0], A[:, 1]),
    "clipped": lambda A: (np.clip(A, -0.5, 0.5), A.clip(0.1, None), np.clip(A, A[0] - 1, 2.0)),
    "rounded": lambda A: (np.round(A * 10) * A, np.floor(A) * A, A.round(1) + A, np.ceil(A) + A),
    "signs": lambda A: (np.sign(A) * A, np.isfinite(A), np.hypot(A, 2.0), np.power(A * A, 1.5)),
    "rolled": lambda A: (np.roll(A, 1, axis=1), np.roll(A[0], -2), np.roll(A, 3)),
    "joined": lambda A: (
        np.concatenate([A, 2 * A]),
        np.concatenate((A[0], A[:, 1])),
        np.concatenate([A, A], axis=1),
        np.stack([A[0], A[1]]),
        np.stack([A[0], A[1]], axis=1),
        np.hstack([A, A]),
        np.hstack([A[0], A[1]]),
        np.vstack([A[0], A]),
        np.column_stack([A[0], A[1], A.T]),
    ),
    "reshaped": lambda A: (
        A.reshape(4, 3) * 2,
        A.reshape(-1) * A.ravel(),
        np.reshape(A, (2, -1)),
        A.T.flatten(),
        A.reshape((2, 3, 2))[1, ::-1],
    ),
    "axes": lambda A: (
        A.T * 2,
        A.transpose(1, 0),
        np.swapaxes(A, 0, 1),
        A[:, None, :] * A[None, ..., 0, None],
        np.expand_dims(A, 1),
        A[..., 0],
        np.squeeze(A[:1], axis=0),
    ),
    "slices": lambda A: (A[::2, ::-1], A[-1:0:-1], A[1:, 1:-1], A[:, 3:0:-2], np.flip(A), A[::-1]),
    "repeated": lambda A: (
        np.repeat(A[0], 2),
        np.repeat(A, 3, axis=0),
        np.tile(A, 2),
        np.tile(A[0], (2, 2)),
    ),
    "diagonals": lambda A: (
        np.diag(A) * 1.0,
        np.diag(A[0]),
        np.trace(A),
        np.diag(A, 1),
        np.triu(A),
        np.tril(A, -1),
    ),
    "interpolated": lambda A: (
        np.interp(A[0], np.linspace(-1, 1, 4), A[1]),
        np.interp(0.3, np.array([0.0, 0.5, 2.0]), A[:, 0]),
        np.interp(A[2], np.arange(4) - 1.5 + 0.1 * A[0], A[1]),
    ),
    "sorted": lambda A: (
        np.sort(A[0]),
        A[1][np.argsort(A[0])],
        np.searchsorted(np.sort(A[0]), A[1]),
    ),
    "made": lambda A: (
        np.linspace(0.0, A[0, 0], 7),
        np.arange(5) * A[0, 0],
        np.arange(1.0, 3.0, 0.5) * A[1, 1],
        np.eye(3) @ A,
        np.full(3, A[0, 1]),
        np.ones_like(A) * A[0],
        np.full_like(A, 2.0) * A,
    ),
    "grids": lambda A: (
        np.meshgrid(A[0], A[1])[0] * A[0],
        np.meshgrid(A[0], A[1], indexing="ij")[1],
    ),
    "comprehensions": lambda A: (
        np.array([row.sum() for row in A]),
        np.array([[a * b for a in A[0]] for b in A[1]]),
        np.array([A[0], A[1]]) * 2,
        np.array([a * k for k, a in enumerate(A[2])]),
    ),
    "types": lambda A: (
        A.astype(float),
        (A > 0).astype(int),
        (A * 3).astype(int),
        A.size * A,
        A.ndim,
    ),
    "quotients": lambda A: (divmod(A, 0.7)[1], np.divmod(A[0], 0.3)[0], A % 0.4, A // 0.3 * A),
}


def three_dimensions(C):
    total = np.zeros((2, 4))
    for matrix in C:
        total += matrix[:2] * C[0, 1]
    C = C.copy()
    C[:, 1] *= 2.0
    C[0, ..., ::2] -= C[1, ..., ::2] * 0.5
    return C.sum(axis=1) + total, C.mean(axis=(0, 2)), C.transpose(2, 0, 1)[1:3], C[1].T @ C[0]


def loops_over_arrays(A):
    s = 0.0
    for k, row in enumerate(A):
        s += k * row[0] * row[1]
    for row, other in zip(A, A[::-1], strict=True):
        s += row @ other
    for a, b, c in zip(A[0], A[1], range(9), strict=False):
        s += a * b**2 * c
    pairs = [(a, b) for a, b in zip(A[0], A[1], strict=True)]
    for a, b in pairs:
        s += a / (2.0 + b * b)
    return s * A


def generators(A):
    n = A.shape[1]
    total = sum(a * a for a in A[0]) + sum(A[1, k] * k for k in range(n) if A[1, k] > 0)
    total += max(a * 2 for a in A[0]) * min(A[1]) + math.fsum(A[2]) + sum(A[2])
    if any(a > 0.5 for a in A[0]) and not all(a > 0 for a in A[1]):
        total += max(A[0])
    return total * np.array([x**2 for x in A[0]])


def in_place(A):
    y = A[0].copy()
    y[1:] += A[1, :-1]
    y[::2] *= A[2, ::-2]
    y[-1] -= 1.0
    z = np.zeros((4, 3))
    z[:, 0] = y
    z[1:3, 1:] = A[:2, :2]
    z.T[2] += y
    z.ravel()[3] = y[0] * 2
    z.reshape(2, 6)[1, 2:4] = 0.5
    np.maximum(y, 0.1, out=y)
    return y, z


def views_and_copies(A):
    y = A[0].copy()
    z = y[::2].reshape(2, 1)
    z[1] = A[1, 1]
    copy = np.array([[A[0, 0], A[0, 1]], [A[1, 0], A[1, 1]]])
    turned = copy.T.reshape(-1)
    turned[1] = 7.0 * A[2, 2]
    flat = copy.reshape(4)
    flat[2] = A[2, 3]
    back = y[::-1].reshape(2, 2)
    back[0, 0] *= 3.0
    return y, copy, turned, 2.0 * y + np.add(y, 1.0, out=y), y


EXTRA = {f.__name__: f for f in (loops_over_arrays, generators, in_place, views_and_copies)}


def _flat(found):
    parts = found if isinstance(found, tuple) else (found,)
    return [np.asarray(p) for p in parts]


def _loss(program, weights):
    """One number that every float of the result has a part in."""

    def loss(x):
        found = program(x)
        parts = found if isinstance(found, tuple) else (found,)
        return sum(np.sum(np.sin(1.0 * p) * w) for p, w in zip(parts, weights, strict=True))

    return loss


def _agree(program, x):
    made = jit(program)
    expected, found = _flat(program(x.copy())), _flat(made(x))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)
    weights = [np.random.default_rng(3).standard_normal(e.shape) for e in expected]
    run, plain = _loss(made, weights), _loss(program, weights)
    slope = grad(plain)(x)
    np.testing.assert_allclose(grad(run)(x), slope, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(jacobian(run, mode="forward")(x), slope, rtol=1e-12, atol=1e-13)
    v = np.cos(x)
    np.testing.assert_allclose(hvp(run, x, v), hvp(plain, x, v), rtol=1e-11, atol=1e-12)


ALL = {**PROGRAMS, **EXTRA}


@pytest.mark.parametrize("name", ALL)
def test_arrays_in_memory(name, in_interpreter):
    _agree(ALL[name], A)


@pytest.mark.parametrize("name", ALL)
def test_arrays_of_known_shape(name, in_interpreter):
    program = ALL[name]

    def rebuilt(v):
        table = [[v[i * 4 + j] for j in range(4)] for i in range(3)]
        return program(np.array(table))

    _agree(rebuilt, A.ravel())


def products(C):
    left, right = C @ C[0].T, C[0] @ C.transpose(0, 2, 1)
    return left, right, C @ C.transpose(0, 2, 1), C @ C[0, 0], C[0, :, 0] @ C, np.matmul(C, C[1].T)


def numbered(n):
    return n[None] @ n.T, np.stack([n, n]) @ np.arange(3)


def test_three_dimensions(in_interpreter):
    _agree(three_dimensions, C)
    _agree(products, C)
    for one, other in zip(jit(numbered)(N), numbered(N), strict=True):
        np.testing.assert_array_equal(one, other)


def written_while_read(A):
    small, items, j = np.array([A[0, 0], A[0, 1], A[0, 2]]), [A[1, 0], 2.0], np.argsort(A[0])
    s = 0.0
    for k, (a, b) in enumerate(zip(small, A[1], strict=False)):
        s += a * b
        small[2] = s * (k + 1)
    for a, b in zip(items, A[2], strict=False):
        s += a * b
        items[1] = s
    j[j.copy()] = np.arange(A.shape[1])[::-1]
    return s * A[0][j]


def small_and_written(v):
    y, z = v * 1.0, [v[0], v[1], v[2]]
    s = 0.0
    for a in y:
        y[2] = a * 2.0 + s
        s += a
    for k, a in enumerate(y):
        y[3] = a + k
        s += a * k
    for a, b in zip(z, y, strict=False):
        z[2] = a * b
        s += b - a
    for a in z:
        z[1] = s * a
        s += a
    return s * v


def test_arrays_that_a_loop_runs_over_are_written_to(in_interpreter):
    _agree(written_while_read, A)
    _agree(small_and_written, A[0])
    _agree(lambda v: small_and_written(np.array([v[0], v[1], v[2], v[3]])), A[0])
    i = np.array([2, 0, 3, 1])

    def turned(x, i):
        i = i.copy()
        i[i] = i[::-1]
        i[i] += 1
        return x * i

    def reference(x, i):  # NumPy before 2.3 reads an index again while it writes into it
        i = i.copy()
        i[i.copy()] = i[::-1]
        i[i.copy()] += 1
        return x * i

    np.testing.assert_array_equal(jit(turned)(A[0], i), reference(A[0], i))


def lists_of_numbers(x):
    out, count = [0] * 4, [0, 0, 0]
    for k in range(4):
        out[k] = x[k] * k
        count[k % 2] += 1
    out[1] += x[0]
    total = [0] * len(x)
    for k in range(len(x)):
        total[k] += x[k] * count[k % 3]
    return sum(out) + count[0] * x[1] + total[2] + sum(total)


def test_lists_take_what_is_put_in(in_interpreter):
    _agree(lists_of_numbers, A[0])


name = 2.5


def test_names_in_generators_are_their_own(in_interpreter):
    program = lambda x: sum(name * x[0] for name in x) + name * x[1]
    _agree(program, A[0])


TIES = [
    np.array([[1.0, 2.0, 2.0], [2.0, -1.0, -1.0]]),
    np.array([[np.inf, 2.0, np.inf], [1.0, -3.0, 0.0]]),
    np.array([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]]),
]


@pytest.mark.parametrize("x", TIES)
@pytest.mark.parametrize("known", [False, True])
def test_ties_share_the_derivative(x, known, in_interpreter):
    programs = [
        lambda x: np.max(x) * 2.0,
        lambda x: np.sum(np.max(x, axis=0)),
        lambda x: np.sum(np.min(x, axis=1)) + x.max(),
        lambda x: np.linalg.norm(x[:, 1], np.inf),
    ]
    for program in programs:
        plain, point = (_known(program), x.ravel()) if known else (program, x)
        made = jit(plain)
        assert made(point) == pytest.approx(plain(point), nan_ok=True)
        np.testing.assert_allclose(grad(made)(point), grad(plain)(point), rtol=1e-15)


def _known(program):
    return lambda v: program(np.array([[v[0], v[1], v[2]], [v[3], v[4], v[5]]]))


def test_kinks_are_those_of_the_eager_engine(in_interpreter):
    x = np.array([0.0, 1.0, 2.0, 1.0, 0.0, 2.0])
    programs = [
        lambda x: np.linalg.norm(x * 0.0) + np.linalg.norm(x[:1]),
        lambda x: np.std(x[1:4:2]) + np.sum(np.clip(x, 0.0, 1.0) * x),
        lambda x: np.interp(x[1], np.arange(3.0), x[2:5]) + np.interp(x[2], x[:3], x[3:]),
        lambda x: np.sum(np.abs(x)) + np.sum(np.maximum(x, 1.0)) + max(x) + min(x),
        lambda x: np.sum(np.sort(x) * np.arange(6)),
    ]
    for program in programs:
        made = jit(program)
        assert made(x) == program(x)
        np.testing.assert_allclose(grad(made)(x), grad(program)(x), rtol=1e-13)


def test_numbers_that_are_none(in_interpreter):
    x = np.array([1.0, np.nan, 3.0, np.nan, -np.inf])
    for program in (
        lambda x: np.array([x.max(), x.min(), np.sum(np.clip(x, 0.0, 2.0))]),
        lambda x: np.array([np.argmax(x), np.argmin(x), np.argmax(x[2:3])]),
        lambda x: np.sort(x),
        lambda x: np.argsort(x),
        lambda x: np.searchsorted(np.sort(x), x),
        lambda x: np.clip(x, np.nan, 1.0),
    ):
        np.testing.assert_array_equal(jit(program)(x), program(x))


def test_arrays_of_integers(in_interpreter):
    programs = [
        lambda n: (n.sum(axis=0), n.max(), np.min(n, axis=1), np.prod(n), n.cumsum(axis=1)),
        lambda n: (np.abs(n), np.sign(n), np.maximum(n, 2), np.clip(n, 0, 3), np.diff(n)),
        lambda n: (n @ n.T, np.outer(n[0], n[1]), np.sort(n[0]), n.argmax(axis=1), -n, n * n),
        lambda n: (np.concatenate([n, n]), n.reshape(-1), np.arange(1, 7, 2), np.repeat(n, 2)),
        lambda n: (n / 2, n // 2, n % 3, n**2, np.mean(n), np.sum(n > 0), n > 1, ~(n > 1), ~n),
        lambda n: (n.astype(float), n.astype(bool), np.full(3, 7), np.eye(2, dtype=int), n[::-1]),
        lambda n: ((n > 0) + (n < 3), (n > 0) * (n < 3), (n > 0) ^ (n > 2), np.any(n), np.all(n)),
    ]
    for program in programs:
        found, expected = _flat(jit(program)(N)), _flat(program(N))
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


REFUSED = {
    "a view with gaps": lambda x: x[:, ::2].reshape(2, 3, 1),
    "axis 2": lambda x: np.sum(x, axis=2),
    "integer constant": lambda x: np.sum(x, axis=int(x[0, 0])),
    "with where=": lambda x: np.sum(x, where=x > 0),
    "norm": lambda x: np.linalg.norm(x, 2),
    "use @": lambda x: np.dot(x, np.stack([x.T, x.T])),
    "do not fit": lambda x: np.ones(6).reshape(4, 2),
}


@pytest.mark.parametrize("words", REFUSED)
def test_refusals(words, in_interpreter):
    with pytest.raises(CompileError, match=words):
        jit(REFUSED[words])(A)


ERRORS = [
    (lambda x, y: np.max(x), ValueError),
    (lambda x, y: np.concatenate([y[:1], np.ones((1, 2))]), ValueError),
    (lambda x, y: y.reshape(5, -1), ValueError),
    (lambda x, y: x[0], IndexError),
    (lambda x, y: np.bincount(np.argsort(y[0]) - 1), ValueError),
    (lambda x, y: max(x), ValueError),
    (lambda x, y: min(a for a in x), ValueError),
    (lambda x, y: np.interp(0.1, y[0], y[1, 1:]), ValueError),
    (lambda x, y: sum(a * b for a, b in zip(x, y[0], strict=True)), ValueError),
]


@pytest.mark.parametrize(("program", "error"), ERRORS)
def test_errors_at_run_time(program, error, in_interpreter):
    x, y = np.zeros(0), A
    with pytest.raises(error):
        program(x, y)
    with pytest.raises(error):
        jit(program)(x, y)


def test_arguments_are_not_written_to(in_interpreter):
    x = A.copy()
    for name in ALL:
        jit(ALL[name])(x)
    np.testing.assert_array_equal(x, A)


@pytest.mark.parametrize("program", [generators, in_place, PROGRAMS["places"]])
def test_machine_code(program):
    made = jit(program)
    for one, other in zip(_flat(made(A)), _flat(program(A.copy())), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    weights = [np.ones(e.shape) for e in _flat(program(A.copy()))]
    run, plain = _loss(made, weights), _loss(program, weights)
    np.testing.assert_allclose(grad(run)(A), grad(plain)(A), rtol=1e-12, atol=1e-13)


def indexed_by_a_computed_number(v):
    k = int(v[0] * 0.0) + 1
    made = [
        np.cumsum(v),
        v[[2, 0, 3]],
        v[np.array([0, 1])],
        np.cross(v[:3], v[1:4]),
        np.roll(v, 2),
        np.concatenate([v[:2], v[1:]]),
        np.sort(v),
        np.argsort(v) * 1.0,
        np.where(v > 0, v, v * v),
        np.linspace(0.0, v[0], 4),
        np.arange(4) * v[1],
        np.clip(v, -0.2, 0.3),
        np.repeat(v, 2),
        np.array([v[0], v[1]]).T.reshape(-1),
        np.array([[v[0], v[1]], [v[2], v[3]]]).T.flatten(),
        np.array([x * 2 for x in v]),
        np.interp(v, np.arange(4.0) - 1.5, np.cos(v[:4])),
        np.sum(np.outer(v, v), axis=0),
        np.max(np.outer(v, v), axis=1),
        v / (1.0 + v**2),
    ]
    return sum(np.sin(x[k]) * (1 + 0.1 * j) for j, x in enumerate(made))


def test_small_arrays_move_to_memory(in_interpreter):
    x = np.array([0.4, -0.3, 1.1, 0.2])
    _agree(indexed_by_a_computed_number, x)
    _agree(lambda v: indexed_by_a_computed_number(np.array([v[0], v[1], v[2], v[3]])), x)

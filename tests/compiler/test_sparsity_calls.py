"""Sparsity through linear algebra, recursion and tables: never an entry less than there is."""

import numpy as np
import pytest

import sciad
from sciad.core.errors import CompileError

RNG = np.random.default_rng(5)
X = RNG.normal(size=6)
MATRIX = RNG.normal(size=(6, 6)) + 6.0 * np.eye(6)
ORDER = np.array([0, 3, 1, 5, 2, 4])
PAIRS = np.array([[0, 1], [2, -3], [-2, 5]])
MASK = np.array([True, False, True, True, False, False])


def one_system(x):
    m = np.zeros((2, 2))
    m[0, 0], m[1, 1], m[0, 1] = x[0] + 3, x[1] + 2, x[2]
    return np.concatenate([np.linalg.solve(m, x[3:5]), x[5:] * x[5:]])


def a_matrix_for_each_block(x):
    out = np.zeros(6)
    for k in range(3):
        block = x[2 * k : 2 * k + 2]
        out[2 * k : 2 * k + 2] = np.linalg.solve(np.eye(2) * 3 + np.outer(block, block), block)
    return out


def constant_matrix(x):
    return np.linalg.solve(MATRIX, x) * x[0]


def several_right_hand_sides(x):
    return np.linalg.solve(MATRIX[:5, :5], np.outer(MATRIX[0, :5], x)).sum(axis=0)


def inverse(x):
    return np.linalg.inv(np.outer(x[:5], x[:5]) + 5 * np.eye(5))[0] * x[5]


def determinant(x):
    return np.array([np.linalg.det(np.outer(x[:5], x[:5]) + np.eye(5)), x[5], x[0] * x[5]])


def factor(x):
    return np.linalg.cholesky(np.outer(x[:5], x[:5]) + np.eye(5))[:, 0]


def halves(x):
    def s(low, high):
        if high - low == 1:
            return x[low] ** 2
        middle = (low + high) // 2
        return s(low, middle) * s(middle, high)

    return np.array([s(0, 3), s(3, 6), s(2, 4)])


def every_second(v, i):
    return 0.0 if i >= len(v) else v[i] ** 2 + every_second(v, i + 2)


def odd_and_even(x):
    return np.array([every_second(x, 0), every_second(x, 1)])


def written(v, out, i):
    if i >= len(v):
        return 0
    out[i] = v[i] * v[i - 1] if i > 0 else v[i]
    return written(v, out, i + 1)


def into_an_argument(x):
    out = np.zeros(len(x))
    written(x, out, 0)
    return out


def as_deep_as_a_float_says(t, v, n):
    if t > 1.0 or n > 4:
        return t
    v[n] = t * v[n]
    return as_deep_as_a_float_says(t * 2.0 + 0.1, v, n + 1)


def depth_of_a_float(x):
    v = np.zeros(7)
    v[:5] = x[1:]
    last = as_deep_as_a_float_says(x[0] * x[0], v, 0)
    return np.concatenate([v, np.array([last, x[5]])])


def gathered(x):
    return x[ORDER] ** 2


def negative_indices(x):
    out = np.zeros(3)
    for k in range(3):
        i, j = PAIRS[k]
        out[k] = x[i] * x[j]
    return out


def scattered(x):
    out = np.zeros(6)
    out[ORDER] = x**2
    return out * x[0]


def accumulated(x):
    out = np.zeros(6)
    for k in range(6):
        out[ORDER[k]] += x[k] * x[ORDER[k]]
    return out


def masked(x):
    return x[MASK] * x[~MASK][0]


def sorted_by_value(x):
    return x[np.argsort(x)] ** 2


PROGRAMS = {
    one_system: 11,
    a_matrix_for_each_block: 12,
    constant_matrix: 36,
    several_right_hand_sides: 6,
    inverse: 30,
    determinant: 8,
    factor: 25,
    halves: 8,
    odd_and_even: 6,
    into_an_argument: 11,
    depth_of_a_float: None,
    gathered: 6,
    negative_indices: 6,
    scattered: 11,
    accumulated: 11,
    masked: 6,
    sorted_by_value: 36,
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_jacobians(program, in_interpreter):
    sparse, dense = sciad.jacobian(program, sparse=True), sciad.jacobian(program)
    for scale in (1.0, 0.3, -2.0):
        x = np.abs(X) * scale if program is depth_of_a_float else X * scale
        found, exact = sparse(x), dense(x)
        np.testing.assert_allclose(found.toarray(), exact, rtol=1e-12, atol=1e-12)
        pattern = sciad.sparsity(program)(x).pattern
        assert not (exact != 0)[~pattern.toarray()].any()
    assert PROGRAMS[program] in (None, pattern.nnz)


@pytest.mark.parametrize(
    "program",
    [one_system, determinant, inverse, halves, odd_and_even, into_an_argument, negative_indices],
    ids=lambda p: p.__name__,
)
def test_hessians(program, in_interpreter):
    energy = lambda x: np.sum(program(x) ** 2)
    found, exact = sciad.hessian(energy, sparse=True)(X), sciad.hessian(energy)(X)
    np.testing.assert_allclose(found.toarray(), exact, rtol=1e-12, atol=1e-12)
    if program is odd_and_even:
        assert found.nnz == 18


def test_a_hessian_through_recursion_that_a_float_decides_is_refused(in_interpreter):
    energy = lambda x: np.sum(depth_of_a_float(x) ** 2)
    with pytest.raises(CompileError, match="recursion that a float decides"):
        sciad.hessian(energy, sparse=True)(X)


def test_patterns_belong_to_the_content_of_tables(in_interpreter):
    program = lambda x, places: x[places] * 2.0
    sparse = sciad.jacobian(program, sparse=True)
    for places in (ORDER, ORDER[::-1].copy(), np.array([1, 1, 1])):
        np.testing.assert_array_equal(sparse(X, places).toarray(), 2.0 * np.eye(6)[places])


def test_deep_recursion(in_interpreter):
    program = lambda v: np.array([every_second(v, 0), every_second(v, 1)])
    x = RNG.normal(size=1900)
    pattern = sciad.sparsity(program)(x).pattern
    assert pattern.nnz == 1900
    assert (pattern.toarray()[0] == (np.arange(1900) % 2 == 0)).all()

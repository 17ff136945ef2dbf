"""Functions that call themselves and return arrays: lengths, memory, derivatives."""

import numpy as np
import pytest

import sciad
from sciad.core.errors import CompileError

RNG = np.random.default_rng(3)
X = RNG.normal(size=13)


def series(v, n):
    return v if n <= 0 else np.sin(v) + series(v * v, n - 1)


def scaled(v, n):
    return v * 2.0 if n <= 0 else scaled(v * 0.5 + 1.0, n - 1) * v


def merged(v):
    n = len(v)
    if n <= 1:
        return v
    a, b = merged(v[: n // 2]), merged(v[n // 2 :])
    out = np.empty(n)
    i = j = 0
    for k in range(n):
        if j >= len(b) or (i < len(a) and a[i] <= b[j]):
            out[k] = a[i]
            i += 1
        else:
            out[k] = b[j]
            j += 1
    return out


def fourier(re, im):
    n = len(re)
    if n == 1:
        return re, im
    er, ei = fourier(re[::2], im[::2])
    dr, di = fourier(re[1::2], im[1::2])
    k = np.arange(n // 2)
    c, s = np.cos(-2 * np.pi * k / n), np.sin(-2 * np.pi * k / n)
    tr, ti = c * dr - s * di, c * di + s * dr
    return np.concatenate([er + tr, er - tr]), np.concatenate([ei + ti, ei - ti])


def matrix_power(m, n):
    if n == 0:
        return np.eye(len(m))
    half = matrix_power(m, n // 2)
    return half @ half @ m if n % 2 else half @ half


def running(v, i):
    if i == 0:
        out = np.zeros(len(v))
        out[0] = v[0]
        return out
    out = running(v, i - 1)
    out[i] = out[i - 1] * 0.5 + v[i] * v[i]
    return out


def counted(v, n):
    if n <= 0:
        return v * 1.0, 1
    w, k = counted(v * 0.9, n - 1)
    return w + v, k * 2


def spectrum(x):
    re, im = fourier(x, 0 * x)
    return np.sum(re**3) + np.sum(im * re)


def numbered(x):
    w, k = counted(x, 3)
    return np.sum(w * w) * k


def inner_function(x):
    def r(n):
        return x * x if n <= 0 else r(n - 1) * x + x[0]

    return np.sum(r(3))


def gradient_inside(x):
    return np.sum(sciad.grad(lambda u: np.sum(series(u, 2) ** 2))(x) * x)


def as_long_as_deep(x):
    n = int(np.sum(x > 0.0)) + 2

    def r(v, k):
        return v if k == 0 else r(v * 2.0, k - 1)

    return np.sum(r(x[0] * np.ones(n), 2))


PROGRAMS = [
    (lambda x: np.sum(series(x, 3) ** 2), X),
    (lambda x: np.sum(scaled(x, 3)), X),
    (lambda x: np.sum(merged(x) * np.arange(len(x))), X),
    (spectrum, RNG.normal(size=16)),
    (lambda x: np.sum(matrix_power(np.outer(x, x) * 0.1, 5)), X),
    (lambda x: np.sum(running(x, len(x) - 1) * x), X),
    (numbered, X),
    (inner_function, X),
    (gradient_inside, X),
    (as_long_as_deep, X),
]


@pytest.mark.parametrize("k", range(len(PROGRAMS)))
def test_programs(k, jit_interpreted, all_ways):
    program, x = PROGRAMS[k]
    all_ways(jit_interpreted, program, x, argnums=(0,), tolerance=1e-11 if k == 4 else 1e-12)


def test_results_at_the_border(jit_interpreted):
    compiled = jit_interpreted(merged)
    np.testing.assert_array_equal(compiled(X), np.sort(X))
    exact = np.eye(13)[np.argsort(X)]
    np.testing.assert_array_equal(sciad.jacobian(compiled)(X), exact)
    re, im = jit_interpreted(fourier)(X[:8], 0.0 * X[:8])
    np.testing.assert_allclose(re + 1j * im, np.fft.fft(X[:8]), rtol=1e-12, atol=1e-12)


def test_single_precision(jit_interpreted):
    x = X.astype(np.float32)
    compiled = jit_interpreted(lambda x: series(x, 2))
    assert compiled(x).dtype == np.float32
    np.testing.assert_allclose(compiled(x), series(x, 2), rtol=3e-7)


def test_sparsity(in_interpreter):
    found = sciad.jacobian(lambda x: series(x, 2), sparse=True)(X)
    assert found.nnz == 13
    np.testing.assert_allclose(found.toarray(), sciad.jacobian(lambda x: series(x, 2))(X))


# -- memory that has two names -------------------------------------------------------------------
def argument_overwritten(x, n):
    v = x * 1.0
    r = series(v, n)
    v[0] = 5.0
    return r[0] * v[1]


def result_overwritten(x, n):
    v = x * 1.0
    r = series(v, n)
    r[0] = 5.0
    return v[0] * r[1]


def argument_overwritten_by_a_callee(x, n):
    v = x * 1.0
    r = series(v, n)
    filled(v, 0)
    return r[0] * v[1]


def result_overwritten_by_a_callee(x, n):
    v = x * 1.0
    filled(series(v, n), 0)
    return v[0]


def overwritten_in_the_next_iteration(x, n):
    v = x * 1.0
    r = x * 1.0
    total = 0.0
    for i in range(len(x)):
        v[0] = v[0] * 0.5 + i
        total += r[0]
        r = series(v, n)
    return total + r[0]


def written_by_a_callee_in_a_loop(x, n):
    v = x * 1.0
    r = x * 1.0
    total = 0.0
    for i in range(len(x)):
        filled(v, i)
        total += r[0]
        r = series(v, n)
    return total + r[0]


def after_it_called_itself(v, n):
    total = 0.0
    r = v * 1.0
    for _ in range(3):
        total += r[0]
        r = series(v, n)
        if n > 0:
            total += after_it_called_itself(v, n - 1)
    v[0] = total
    return total


def written_after_the_call(x, n):
    return after_it_called_itself(x * 1.0, n)


def two_names_in_a_result(x, n):
    a, b = twice(x, n)
    a[0] = 7.0
    return b[0]


def captured_array_returned(x, n):
    v = x * 1.0

    def r(k):
        return v if k <= 0 else r(k - 1)

    w = r(n)
    v[0] = 9.0
    return w[0]


def filled(v, i):
    if i < len(v):
        v[i] = 3.0
        filled(v, i + 1)
    return 0


def twice(v, n):
    if n <= 0:
        out = v * 2.0
        return out, out
    return twice(v * 2.0, n - 1)


ALIASES = [
    argument_overwritten,
    result_overwritten,
    argument_overwritten_by_a_callee,
    result_overwritten_by_a_callee,
    overwritten_in_the_next_iteration,
    written_by_a_callee_in_a_loop,
    written_after_the_call,
    two_names_in_a_result,
    captured_array_returned,
]


@pytest.mark.parametrize("program", ALIASES, ids=lambda p: p.__name__)
def test_two_names_for_one_array(program, jit_interpreted):
    with pytest.raises(CompileError, match=r"is written to|writes to an array|not clear"):
        jit_interpreted(program)(X, 0)


def test_results_of_their_own_may_be_overwritten(jit_interpreted, all_ways):
    def program(x):
        r = scaled(x, 2)
        x = x * 2.0
        r[0] = x[1] * x[1]
        return np.sum(r * x)

    all_ways(jit_interpreted, program, X, argnums=(0,))


def test_arrays_that_are_only_read_may_be_returned_in_loops(jit_interpreted, all_ways):
    def halved(v, n):
        total = v * 0.0
        for _ in range(2):
            total = total + (v if n <= 0 else halved(v, n - 1) * 0.5)
        return total if n > 0 else v

    def program(x, n):
        s = 0.0
        for i in range(len(x)):
            s += series(x, n)[i] * halved(x, n)[0]
        return s

    all_ways(jit_interpreted, program, X, 2, argnums=(0,))


def shorter(v, n):
    return v if n <= 0 else shorter(v[1:] * 2.0, n - 1)


def test_lengths_that_do_not_follow_from_the_arguments_are_an_error(jit_interpreted):
    with pytest.raises((CompileError, ValueError), match="length"):
        jit_interpreted(lambda x: np.sum(shorter(x, 2)))(X)


def test_lists_of_arrays_are_refused(jit_interpreted):
    def r(v, n):
        return [v] if n <= 0 else r(v * 2.0, n - 1)

    with pytest.raises(CompileError, match="calls itself"):
        jit_interpreted(lambda x: r(x, 2)[0][0])(X)

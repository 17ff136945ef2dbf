"""Mutation: views, overlapping writes, saved operands, out=, aliases; against differences."""

import threading

import numpy as np
import pytest
import scipy.spatial
from hypothesis import given, settings
from hypothesis import strategies as st

import sciad
from sciad import LostDerivativeError, grad, jacobian, jvp, vjp
from sciad.core.testing import check_grads

X = np.array([0.5, -1.2, 0.8, 1.7])
PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def fill_elements(x):
    out = np.zeros(4)
    for i in range(4):
        out[i] = x[i] * x[(i + 1) % 4]
    return out * out


@program
def write_after_save(x):
    a = x * 2.0
    saved = a * a
    a[1:] = 0.5
    return a * saved


@program
def saved_output(x):
    a = np.exp(x)
    b = a * x
    a[0] = 3.0
    return a * b


@program
def saved_by_products(x):
    a = x * 2.0
    m = np.outer(a, a)
    y = m @ a
    z = np.prod(a) * y
    a[0] = 3.0
    m[0, 1] = 5.0
    return y * z * a + m[0]


class Identity:
    """Hands on the memory of cotangents and tangents."""

    name = "identity"

    def value(self, a):
        return sciad.bind(self, a) if sciad.is_traced(a) else np.copy(a)

    def vjp(self, g, out, a):
        return (g,)

    def jvp(self, tangents, out, a):
        return tangents[0]


@program
def tangents_handed_on_by_a_rule(x):
    a = x * 2.0
    a[0] = x[1]
    y = sciad.bind(Identity(), a[1:])
    a[1:] = 0.0
    z = sciad.bind(Identity(), a)
    a[0] = 7.0
    return np.concatenate([y, z]) * y[0]


@program
def view_write_after_save(x):
    a = x * 2.0
    v = a[1:]
    w = a * a
    v[0] = w[0]
    u = a * a
    a[2] = u[1]
    return a * w


@program
def overlapping_ranges(x):
    a = x * 1.0
    a[1:] = a[:-1]
    a[:-1] += a[1:] * a[1:]
    a[::2] = a[1::2] * x[0]
    return a * a


@program
def reversed_onto_itself(x):
    a = x * 2.0
    a[:] = a[::-1]
    a[:2] *= a[2:]
    return a * x


@program
def views_of_views(x):
    m = np.zeros((3, 4))
    m[0] = x
    rows = m[:2]
    columns = rows.T
    columns[1:, 1] = x[1:] * m[0, 0]
    columns[0] += 1.5 * x[0]
    flat = m.reshape(-1)
    flat[8:] = m[1] * m[0]
    return m * m


@program
def fortran_order(x):
    m = np.zeros((2, 4), order="F")
    m[:, :] = x
    flat = m.ravel(order="F")
    flat[2:4] *= x[0]
    c = m.reshape(-1)  # a copy: later writes are not seen by m
    c[0] = 100.0
    return m * c.reshape(2, 4)


@program
def fancy_writes(x):
    a = np.ones(5)
    a[[0, 3]] = x[[1, 2]]
    a[np.array([4, 1])] *= x[0]
    a[[2, 2]] = x[:2]  # the last one stays
    return a * a


@program
def fancy_augmented(x):
    a = x * 1.0
    a[[0, 0, 2]] += x[1]  # as in NumPy: repeated indices count once
    return a * a


@program
def ufunc_at(x):
    a = x * 1.0
    np.add.at(a, [0, 0, 2], x[1:])
    np.subtract.at(a, [3], x[0])
    return a * a


@program
def mask_writes(x):
    a = x * 2.0
    a[a < 0] = 0.1 * x[0]
    mask = np.array([True, False, True, True])
    a[mask] *= x[1:]
    return a * x


@program
def broadcast_writes(x):
    m = np.empty((2, 3, 4))
    m[:] = x
    m[1] *= x[0]
    m[..., 2] = x[1] * m[..., 0]
    m[:, 1] -= x[None, :] ** 2
    return np.sum(m * m, axis=(0, 1))


@program
def augmented(x):
    a = x.copy()
    alias = a
    a += x[0]
    a -= x * x
    a *= x
    a /= 2.0 + x * x
    a **= 2
    return alias * a


@program
def augmented_with_itself(x):
    a = x * 1.0
    a += a
    a *= a
    a[1:] += a[:-1]
    return a


@program
def out_argument(x):
    buffer = np.empty(4)
    np.multiply(x, x, out=buffer)
    np.add(buffer, x[0], out=buffer)
    np.exp(buffer * 0.1, buffer)
    total = np.zeros(())
    np.sum(buffer, out=total)
    np.cumsum(buffer, out=buffer)
    return buffer * total


def scale_in_place(a, s):
    a *= s
    return a


@program
def alias_through_calls(x):
    a = x + 0.0
    b = scale_in_place(a[1:3], x[0])
    b[0] += 1.0
    scale_in_place(a, 2.0)
    return a * a


@program
def copy_functions(x):
    a = np.zeros(4)
    np.copyto(a, x)
    np.copyto(a, x * x, where=np.array([True, False, True, False]))
    np.put(a, [0, -1], x[1:3])
    np.putmask(a, np.array([False, True, False, False]), x * 3)
    m = np.zeros((3, 3))
    np.fill_diagonal(m, x[0] * x[1])
    b = x * 1.0
    np.place(b, np.array([True, True, False, False]), x[2:])
    return a * b * np.sum(m)


@program
def array_methods(x):
    a = x * 2.0
    a.fill(x[0])
    a[1:] = x[1:]
    a.sort()
    a.flat = a * 2.0
    b = np.full(4, 2.0)
    b[:] = a.tolist()
    return a * b


@program
def literals_and_lists(x):
    rows = []
    for i in range(3):
        row = np.array([x[i], 1.0, x[i] ** 2])
        row[1] *= x[0]
        rows.append(row)
    m = np.array(rows)
    m[0] = rows[2]
    rows[0][0] = 7.0  # m is a copy
    m[1] = [x[0], 2.0, x[1]]
    return m * m


@program
def time_stepping(x):
    y = np.empty((20, 4))
    y[0] = x
    for i in range(19):
        y[i + 1] = y[i] + 0.1 * np.sin(y[i]) * y[i - 1 if i else 0]
    return y[-1] * y[7]


@program
def leapfrog_swap(x):
    old, new = x * 1.0, np.zeros(4)
    for _ in range(4):
        new[1:-1] = old[1:-1] + 0.3 * (old[2:] - 2 * old[1:-1] + old[:-2])
        new[0], new[-1] = old[-1], old[0]
        old, new = new, old
    return old * new


@program
def input_is_written(x):
    y = x
    x[0] = x[1] * x[2]
    x *= 2.0
    return y * x


@program
def swap_rows(x):
    m = np.outer(x, x)
    m[[0, 1]] = m[[1, 0]]
    m[:, 0], m[:, 1] = m[:, 1].copy(), m[:, 0].copy()
    return m @ x


@program
def elimination(x):
    a = np.eye(4) * 3.0 + np.outer(x, x)
    b = x.copy()
    for k in range(4):
        for i in range(k + 1, 4):
            factor = a[i, k] / a[k, k]
            a[i, k:] -= factor * a[k, k:]
            b[i] -= factor * b[k]
    for k in range(3, -1, -1):
        b[k] = (b[k] - np.dot(a[k, k + 1 :], b[k + 1 :])) / a[k, k]
    return b


@program
def complex_parts(x):
    z = np.zeros(4, dtype=complex)
    z[:] = x
    z.imag = x[::-1] ** 2
    z.real[1:] *= 2.0
    w = z * z
    z.imag[0] = 0.0
    return np.abs(w) + np.real(z * w)


@program
def zero_dimensional(x):
    s = np.zeros(())
    s[()] = x[0]
    s += x[1]
    t = s * s
    s[...] = 2.0 * x[2]
    return s * t


@program
def empties(x):
    a = np.zeros(0)
    a[:] = x[:0]
    b = np.concatenate([a, x[2:2], x])
    b[4:] = 1.0
    return b * np.sum(a) + b


@program
def same_array_twice(x):
    a = x * 1.0
    pair = [a, a]
    pair[0][0] = x[3]
    m = np.stack(pair)
    pair[1][1] = 9.0
    return m * a


@program
def overwritten_completely(x):
    a = x * 3.0
    b = a * x
    a[:] = 0.0
    a[0] = b[3]
    return a * b


@program
def untraced_buffers(x):
    w = np.ones(4)
    w[1] = 5.0
    y = x * w
    w[1] = 100.0
    w *= 2.0
    return y * w * x


@program
def broadcast_view(x):
    rows = np.broadcast_to(x, (3, 4))
    a = rows * rows
    b = rows.copy()
    b[0] = a[1]
    return a * b


@program
def diagonal_view(x):
    m = np.outer(x, x)
    d = np.diagonal(m)
    m[1, 1] = 4.0
    return d * x


@program
def swapped_views(x):
    m = np.zeros((4, 2))
    top, bottom = m.T[0], m.T[1]
    top[:] = x
    bottom[...] = top * top
    top -= bottom
    return np.swapaxes(m, 0, 1)[::-1] * x


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    f = PROGRAMS[name]
    value, _ = vjp(f, X)
    np.testing.assert_array_equal(value, f(X.copy()))
    reference = X.copy()
    check_grads(lambda x: f(x * 1.0), (X,), order=2)
    np.testing.assert_array_equal(X, reference)


@pytest.mark.parametrize("name", PROGRAMS)
def test_users_arrays_are_not_changed(name):
    x = X.copy()
    vjp(PROGRAMS[name], x)
    jvp(PROGRAMS[name], (x,), (np.ones(4),))
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("name", PROGRAMS)
def test_pullback_many_times(name):
    f = PROGRAMS[name]
    value, pullback = vjp(f, X)
    first = [pullback(c)[0] for c in (np.ones_like(value), 2 * np.ones_like(value))]
    again = pullback(np.ones_like(value))[0]
    np.testing.assert_array_equal(first[0], again)
    np.testing.assert_allclose(first[1], 2 * again, rtol=1e-13, atol=1e-300)
    forward = jacobian(f, mode="forward")(X)
    np.testing.assert_allclose(jacobian(f, mode="reverse")(X), forward, rtol=1e-12, atol=1e-13)


TABLE = np.zeros(3)


def test_write_into_global_array_raises():
    def f(x):
        TABLE[0] = x
        return x

    def g(x):
        TABLE[:] = np.array([x, x, x])
        return x

    def h(x):
        w = TABLE
        w += np.array([x, x, x])
        return x

    def k(x):
        np.multiply(x, np.ones(3), out=TABLE)
        return x

    for bad in (f, g, h, k):
        with pytest.raises(LostDerivativeError) as info:
            grad(bad)(1.0)
        assert "test_mutation.py" in info.value.where
        np.testing.assert_array_equal(TABLE, 0.0)


def test_write_into_untraced_argument_raises():
    def f(x, work):
        work[0] = x
        return work[0] * x

    with pytest.raises(LostDerivativeError):
        grad(f)(1.0, np.zeros(2))


def test_write_into_integer_array_raises():
    def f(x):
        a = np.zeros(3, dtype=int)
        a[0] = x
        return a[0] * x

    with pytest.raises(LostDerivativeError):
        grad(f)(1.5)


def make_workspace(n):
    return np.zeros(n)


def test_workspace_made_by_an_untraced_helper():
    def f(x):
        work = make_workspace(3)
        work[1] = x * x
        return np.sum(work)

    assert grad(f)(3.0) == 6.0


def test_small_plain_array_changed_after_use():
    def f(x):
        w = DATA * 1.0
        y = np.sum(x * w)
        w[0] = 100.0
        return y

    np.testing.assert_array_equal(grad(f)(np.ones(3)), DATA)


DATA = np.array([1.0, 2.0, 3.0])
LARGE = np.ones(5000)
RAMP = np.arange(5000.0)


def test_large_plain_array_changed_after_use_raises():
    def f(x):
        w = LARGE * 1.0
        y = np.sum(x * w)
        w[7] = 100.0
        return y

    with pytest.raises(LostDerivativeError, match="changed in place"):
        grad(f)(np.ones(5000))

    def swapped(x):
        w = LARGE * RAMP
        y = np.sum(x * w)
        w[3], w[4] = w[4], w[3]
        return y

    with pytest.raises(LostDerivativeError, match="changed in place"):
        grad(swapped)(2.0)


def test_pullback_after_the_caller_changed_his_array():
    x = np.array([1.0, 2.0])
    _, pullback = vjp(lambda v: v * v, x)
    x += 100.0
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [2.0, 4.0])


def test_gradient_is_not_the_users_memory():
    weights = np.array([1.0, 2.0])
    found = grad(lambda x: np.sum(x * weights))(np.ones(2))
    found += 1.0
    np.testing.assert_array_equal(weights, [1.0, 2.0])
    found = grad(np.sum)(np.ones(2))
    found += 1.0


def test_read_only_input():
    x = np.array([1.0, 2.0])
    x.flags.writeable = False
    np.testing.assert_array_equal(grad(lambda v: np.sum(v * v))(x), [2.0, 4.0])


def test_write_into_broadcast_view_raises_as_in_numpy():
    def f(x):
        rows = np.broadcast_to(x, (3, 4))
        rows[0, 0] = 1.0
        return np.sum(rows)

    with pytest.raises(ValueError, match="read-only"):
        f(X)
    with pytest.raises(ValueError, match="read-only"):
        grad(f)(X)


def test_filling_element_by_element_records_nothing_for_an_element():
    def f(x, n):
        out = np.zeros(n)
        for i in range(n):
            out[i] = x
        return np.sum(out)

    trace_sizes = [len(_entries(lambda x, n=n: f(x, n))) for n in (100, 200)]
    assert trace_sizes[1] == trace_sizes[0]


def test_time_stepping_does_not_copy_the_buffer():
    memory = set()

    def f(x):
        y = np.zeros((50, 3))
        y[0] = x
        for i in range(49):
            y[i + 1] = y[i] * np.sin(y[i])
            memory.add(id(y.value))
        return np.sum(y)

    grad(f)(np.ones(3))
    assert len(memory) == 1


def _entries(f):
    from sciad.core.running import ReverseRun

    return ReverseRun(lambda leaves: sciad.core.dispatch.call(f, *leaves), [1.0]).entries


# Random programs against differences --------------------------------------------------------------

SLICES = [slice(None), slice(1, None), slice(None, -1), slice(None, None, 2), slice(None, None, -1)]
step = st.tuples(
    st.sampled_from(
        ["view", "store", "iadd", "imul", "save", "scalar", "fancy", "mask", "reshape"]
    ),
    st.integers(0, 7),
    st.integers(0, 7),
    st.integers(0, 4),
)


def interpret(x, steps):
    """Run a random program: a pool of arrays that may share memory."""
    pool = [x * 1.0, np.zeros(6), np.ones((2, 3))]
    for kind, i, j, k in steps:
        a, b = pool[i % len(pool)], pool[j % len(pool)]
        if kind == "view":
            pool.append(a[SLICES[k]])
        elif kind == "reshape":
            pool.append(a.T if k < 3 else a.reshape(-1))
        elif kind == "save":
            pool.append(a * a + 0.3)
        elif kind == "scalar" and a.size:
            place = tuple(k % n for n in a.shape)
            a[place] = a[place] * 0.5 + x[k]
        elif kind == "fancy" and a.ndim == 1 and a.size:
            index = [k % a.size, j % a.size]
            a[index] = a[index[::-1]] * x[k]
        elif kind == "mask" and a.ndim == 1:
            a[np.arange(a.size) % 2 == k % 2] *= x[k]
        elif a.shape == b.shape and a.size:
            if kind == "store":
                a[...] = b * x[k]
            elif kind == "iadd":
                a += b
            elif kind == "imul":
                a *= 0.5 + 0.1 * b
    return sum(np.sum(np.sin(p)) for p in pool)


@settings(max_examples=150, deadline=None)
@given(st.lists(step, min_size=1, max_size=9))
def test_random_programs(steps):
    x = np.linspace(0.3, 1.1, 6)
    value, found = sciad.value_and_grad(interpret)(x, steps)
    assert value == pytest.approx(interpret(x, steps), rel=1e-14)
    direction = np.cos(np.arange(6.0))
    h = 1e-4
    difference = (
        8 * (interpret(x + h * direction, steps) - interpret(x - h * direction, steps))
        - (interpret(x + 2 * h * direction, steps) - interpret(x - 2 * h * direction, steps))
    ) / (12 * h)
    assert found @ direction == pytest.approx(difference, rel=1e-6, abs=1e-7)
    _, tangent = jvp(lambda v: interpret(v, steps), (x,), (direction,))
    assert tangent == pytest.approx(found @ direction, rel=1e-11, abs=1e-12)
    second = sciad.hvp(lambda v: interpret(v, steps), x, direction)
    plus = grad(interpret)(x + 1e-5 * direction, steps)
    minus = grad(interpret)(x - 1e-5 * direction, steps)
    np.testing.assert_allclose(second, (plus - minus) / 2e-5, rtol=1e-4, atol=1e-5)


def test_array_that_somebody_else_holds_is_not_taken_over():
    kept = {}

    def make(n):
        kept["whole"] = np.zeros(n)
        return kept["whole"]

    def make_view(n):
        kept["base"] = np.zeros(n)
        return kept["base"][:]

    for maker in (make, make_view):

        def f(x, maker=maker):
            work = maker(3)
            work[0] = x
            return work[0]

        with pytest.raises(LostDerivativeError):
            grad(f)(1.0)


def test_fresh_view_of_fresh_memory_can_be_written():
    def f(x):
        points = np.linspace(0.0, 1.0, 4)
        points[0] = x
        return np.sum(points**2)

    assert grad(f)(3.0) == 6.0


def test_rounding_into_a_followed_array():
    def f(x):
        a = x * 2.0
        np.floor(x, out=a)
        b = x * 3.0
        np.rint(x, b)
        c = x * 1.0
        np.floor(x, out=c, where=np.array([True, False, True, True]))
        return a * x + b * x + c

    value, found = sciad.value_and_grad(lambda x: np.sum(f(x)))(X)
    assert value == np.sum(f(X))
    np.testing.assert_array_equal(found, np.floor(X) + np.rint(X) + [0.0, 1.0, 0.0, 0.0])


def test_operand_of_a_bound_rule_is_kept():
    class Product:
        name = "product"

        def value(self, a, w):
            return a * w

        def vjp(self, g, out, a, w):
            return g * w, g * a

        def jvp(self, tangents, out, a, w):
            return tangents[0] * w

    def f(x):
        w = DATA * 1.0  # plain
        buffer = np.ones(3)
        y = sciad.bind(Product(), x, w) + sciad.bind(Product(), x, buffer)
        w[:] = 100.0
        buffer[:] = x
        return np.sum(y)

    np.testing.assert_array_equal(grad(f)(np.ones(3)), DATA + 1.0)


def test_code_without_source_shares_the_memory():
    scope = {"np": np}
    exec("def plain(a):\n    return np.asarray(a)\ndef fill(a):\n    np.asarray(a)[0] = 5.0", scope)
    plain, fill = scope["plain"], scope["fill"]

    def f(x):
        buffer = np.ones(3)
        alias = plain(buffer)
        buffer[0] = x
        return np.sum(alias) * x + buffer[0]

    assert f(2.0) == 10.0
    assert grad(f)(2.0) == 7.0

    def g(x):
        buffer = np.ones(3)
        fill(buffer)
        return buffer[0] * x

    assert grad(g)(2.0) == 5.0


def test_a_write_that_c_code_would_not_see_raises():
    def f(x, release):
        points = np.ones((3, 2))
        tree = scipy.spatial.cKDTree(points)  # keeps the array
        size = tree.n
        if release:
            tree = None
        points[0, 0] = x
        return points[0, 0] * x * size if tree is None else x

    assert grad(f)(2.0, True) == 12.0
    with pytest.raises(sciad.TracingError, match="still holds") as info:
        grad(f)(2.0, False)
    assert "test_mutation.py" in info.value.where


def test_c_code_fills_a_followed_array():
    fill = np.random.default_rng(0).standard_normal  # written in C

    def f(x):
        buffer = np.zeros(3)
        view = buffer[1:]
        before = np.sum(view * 1.0)
        fill(3, np.float64, buffer)
        return np.sum(view) * x + before

    expected = np.random.default_rng(0).standard_normal(3)[1:].sum()
    assert grad(f)(2.0) == pytest.approx(expected, rel=1e-15)


def test_sparse_matrices_built_in_followed_code():
    import scipy.sparse

    def f(x):
        matrix = scipy.sparse.csr_array(np.diag(DATA))
        return np.sum(matrix @ x)

    np.testing.assert_array_equal(grad(f)(np.ones(3)), DATA)


def write_one_read_both(a, b):
    a[0] = 2.0 * b[1]
    return np.sum(a * b)


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda f, x, y: grad(f, argnums=(0, 1))(x, y),
        lambda f, x, y: grad(f)(x, y),
        lambda f, x, y: jacobian(f, argnums=(0, 1), mode="forward")(x, y),
        lambda f, x, y: jvp(f, (x, y), (X, X)),
        lambda f, x, y: vjp(f, x, y),
    ],
    ids=["grad", "grad of one", "forward", "jvp", "vjp"],
)
def test_a_write_into_memory_shared_by_arguments_raises(differentiate):
    x = X.copy()
    with pytest.raises(sciad.TracingError, match=r"test_mutation\.py:\d+"):
        differentiate(write_one_read_both, x, x)
    with pytest.raises(sciad.TracingError, match="another argument"):
        differentiate(write_one_read_both, x, x[::-1])
    differentiate(write_one_read_both, x, X.copy())  # memory of its own: nothing to say
    np.testing.assert_array_equal(x, X)


def test_arguments_may_share_memory_that_is_only_read():
    x = X.copy()
    found = grad(lambda a, b: np.sum(a * b**2), argnums=(0, 1))(x, x)
    np.testing.assert_allclose(found[0], X**2)
    np.testing.assert_allclose(found[1], 2.0 * X * X)


def test_code_that_is_not_followed_keeps_an_array_of_a_tuple():
    def f(x):
        u, kept = np.zeros(3), []
        thread = threading.Thread(target=kept.append, args=(u,))
        thread.start()
        thread.join()
        u[0] = x
        return kept[-1][0] * x

    with pytest.raises(sciad.TracingError, match="still holds"):
        sciad.grad(f)(0.7)

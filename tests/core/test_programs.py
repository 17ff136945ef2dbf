"""Small programs that stress aliasing, views, foreign number types and Python's odd corners.

Each maps four positive numbers to an array; value, Jacobian in both modes, and the Hessian of a
function of the result are compared with the plain program and with differences.
"""

import collections
import dataclasses
import functools
import math

import numpy as np
import pytest

import sciad
from sciad import grad, hessian, jacobian

X = np.array([0.5, 1.2, 0.8, 1.7])
PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


class Layer:
    def __init__(self, n):
        self.W = np.ones((n, n)) * 0.3
        self.cache = None

    def __call__(self, x):
        self.cache = np.tanh(self.W @ x)
        return self.cache

    def __getattr__(self, name):
        if name == "weird":
            return 2.0
        raise AttributeError(name)


LAYER = Layer(4)


@program
def stateful_layer(x):
    return LAYER(x) * LAYER.weird


@program
def written_weights(x):
    layer = Layer(4)
    layer.W[0] = x
    layer.W[:, 1] *= x
    return layer(x)


@program
def recursion_on_arrays(x):
    def rec(a, n):
        return a if n == 0 else rec(np.sin(a) * a, n - 1)

    return rec(x, 5)


@program
def elementwise_fill(x):
    y = np.zeros_like(x)
    for i, (a, b) in enumerate(zip(x, x[::-1], strict=False)):
        y[i] = a * b
    return y


@program
def rows_of_iteration(x):
    a = np.zeros((3, 4))
    for r in a:
        r[:] = x
        r *= 2
    return a.sum(axis=0) * x


@program
def rows_from_zip(x):
    a = np.zeros((2, 4))
    for row, v in zip(a, (x, x**2), strict=False):
        row[...] = v
    return a[0] * a[1]


@program
def three_views(x):
    s = np.zeros(4)
    t = s[:2]
    u = s[2:]
    t[:] = x[:2]
    u[:] = t * x[2:]
    t += u
    return s * x


@program
def growing_history(x):
    h = x.copy()
    hist = []
    for _ in range(4):
        hist.append(h)
        h = h * x
    return np.array(hist).sum(0)


@program
def history_of_copies(x):
    h = x.copy()
    hist = []
    for _ in range(4):
        hist.append(h.copy())
        h *= x
    return np.stack(hist).prod(axis=0)


@program
def history_of_aliases(x):
    h = x.copy()
    hist = []
    for _ in range(3):
        hist.append(h)
        h *= x
    return np.stack(hist).sum(axis=0)


@program
def linspace_written(x):
    q = np.linspace(0, 1, 4)
    q[0] = x[0]
    q = q**2
    q[1] += x[1]
    return q * x


@program
def identity_filled(x):
    m = np.eye(4)
    m[range(4), range(4)] = x
    return m @ m @ x


@program
def diagonal_copied(x):
    m = np.diag(x)
    m = m.copy()
    m[0, 1] = x[2]
    return m @ x


@program
def tile_written(x):
    a = np.tile(x, (2, 1))
    a[0, 0] = 9.0
    return a.sum(0) * x


@program
def repeat_reshaped(x):
    a = np.repeat(x, 2).reshape(4, 2)
    a[:, 0] *= x
    return a.ravel()


@program
def concatenate_written(x):
    a = np.concatenate([x, x])
    a[4:] = a[:4] * 2
    a[:4] += a[4:]
    return a


@program
def complex_buffer(x):
    z = np.zeros(4, complex)
    z += x
    z *= 1j
    z += x * x
    return (z * np.conj(z)).real


@program
def complex_literal(x):
    z = np.array([x[0] + 1j * x[1], x[2] - 1j])
    w = z**2
    w[0] = z[1]
    return np.array([w.real, w.imag])


@program
def plain_iterator(x):
    return np.abs(np.fromiter((float(i) for i in range(4)), float) - x)


@program
def partial_of_ufunc(x):
    f = functools.partial(np.power, x)
    return f(2) * f(3.0)


@program
def dictionary(x):
    d = dict(zip("abcd", x, strict=False))
    return np.array([d[k] * d["a"] for k in sorted(d)])


@program
def starred_unpacking(x):
    a, *_, b = x
    ((c, d),) = [(x[1], x[2])]
    return a * b + c * d


@program
def exception_and_finally(x):
    try:
        y = x * 2
        raise ValueError
    except ValueError:
        y = y * x
    finally:
        y = y + 1
    return y


@program
def integers_to_floats(x):
    w = np.array([1, 2, 3, 4])
    w = w * 1.0
    w = w * x
    w[2] = w[1]
    return w


@program
def out_and_where(x):
    out = np.empty((4,))
    np.add(x, 1.0, out)
    np.multiply(out, x, out=out, where=np.array([1, 0, 1, 0], bool))
    return out * x


@program
def masked_reads_and_writes(x):
    r = np.zeros(4)
    r[x > 0.9] = x[x > 0.9] ** 2
    r[~(x > 0.9)] = 1
    return r * x


@program
def where_with_constants(x):
    return np.where(x > 1, x, 0) + np.where([True, False, True, False], x, np.array(2.0))


@program
def foreign_scalars(x):
    return (x * np.float32(2)) + np.int64(3) * x + True * x + np.bool_(True) * x


@program
def foreign_scalars_and_numbers(x):
    return x[0] * np.int32(2) + 2 * x[1] + np.uint8(3) * x[2] + x[3] * True


@program
def powers_and_divisions(x):
    return x[0] ** np.int64(2) + np.float64(2) ** x[1] + x[2] ** x[3] + x[0] // 0.3 + x[1] % 0.7


@program
def unary_operators(x):
    return -x[0] + (+x[1]) + abs(-x[2]) + divmod(x[3], 0.3)[1]


@program
def counter(x):
    c = collections.Counter()
    for i in range(4):
        c[i % 2] += x[i]
    return c[0] * c[1]


@program
def list_surgery(x):
    st = [x[0]]
    st += [x[1]]
    st *= 2
    st[1:3] = [x[2]]
    del st[0]
    return sum(st) * st[-1]


@program
def walrus_loop(x):
    it = iter([1, 2, 3])
    s = 0
    while (k := next(it, None)) is not None:
        s += k * x[k]
    return s


@program
def keepdims(x):
    return (
        np.sum(x, axis=0, keepdims=True) * np.sum(x.reshape(2, 2), axis=(0,), keepdims=False).sum()
    )


@program
def boolean_columns(x):
    return x.reshape(2, 2)[:, [True, False]] * x[0]


@program
def open_mesh(x):
    return x.reshape(2, 2)[np.ix_([0, 1], [1, 0])] ** 2


@program
def chained_views(x):
    return x.reshape(2, 2)[..., None][:, :, 0].T.swapaxes(0, 1)[::-1, ::-1] ** 2


@program
def squeezed_repeats(x):
    return x.reshape(1, 4).squeeze()[None].repeat(2, 0).reshape(-1)[[0, 5, 5]] * x[0]


@program
def plain_view(x):
    y = x.view()
    y = y * 1
    return y.ravel()[1:] * x[:3]


@program
def ufunc_dtype(x):
    return np.add(x, x, dtype=np.float64) * np.square(x)


@program
def spread(x):
    return np.sqrt(np.sum(np.square(x - x.mean()))) / np.sqrt(x.size) + np.std(x)


@program
def imported_names(x):
    from math import exp
    from math import sin as s

    return s(x[0]) * exp(x[1])


@program
def imported_module(x):
    import numpy as n

    return n.sin(x)


@program
def global_array(x):
    global DOUBLED
    DOUBLED = x * 2
    return DOUBLED * x


@program
def class_in_function(x):
    class A:
        z = x * 2

        def f(self):
            return self.z * x

        @staticmethod
        def g(q):
            return math.sin(q[0])

    return A().f() * A.g(x)


@program
def keyword_lambda(x):
    return (lambda *a, **k: a[0] * k["b"])(x, b=x[0])


@program
def local_dataclass(x):
    @dataclasses.dataclass
    class D:
        a: object
        b: float = 2.0

        def product(self):
            return self.a * self.b

    return dataclasses.replace(D(x), b=x[1]).product()


@program
def random_system(x):
    A = np.random.default_rng(0).normal(size=(4, 4))
    A /= 10
    A[0] += x
    return np.linalg.solve(A + np.eye(4), x)


@program
def data_dependent_loop(x):
    n = 0
    y = x[0]
    while y < 50:
        y = y * x[1] + 1
        n += 1
    return y * n


@program
def double_sum(x):
    return sum(x[i] * x[j] for i in range(4) for j in range(i))


@program
def mean_of_list(x):
    return np.mean([np.sin(v) * k for k, v in enumerate(x)])


@program
def extrema_of_iteration(x):
    return max(x) * min(x) + sorted(x)[1]


@program
def argmax_and_ties(x):
    return x.max() * x.argmax() + np.max(x[[0, 0]])


@program
def transposed_literal(x):
    return np.array([x, x]).T.dot(np.array([x[0], x[1]]))


@program
def outer_with_list(x):
    return np.outer(x, [1, 2.0]) @ np.array([x[0], 1])


@program
def array_of_array(x):
    y = np.array(x)
    y[0] = 3
    return y * x


@program
def reshaped_and_written(x):
    y = np.asarray(x) * 1
    z = y.reshape(2, 2)
    z += 1
    w = y.copy()
    z *= 2
    return w * y


@program
def cumulative_chain(x):
    return np.cumsum(x)[::-1].cumprod()


@program
def zero_filled(x):
    y = 0 * x
    y[...] = x[0]
    return y + 1e-3 * x


@program
def log_with_errstate(x):
    with np.errstate(divide="ignore"):
        return np.where(x > 0, np.log(x), 0)


@program
def list_of_buffers(x):
    q = [np.zeros(2) for _ in range(2)]
    q[0][0] = x[0]
    q[1][:] = q[0] * x[:2]
    return q[1]


@program
def tuple_assignment(x):
    a = np.zeros(4)
    a[1:3], a[0] = x[:2], x[3]
    b = a
    b = b + a
    a[0] = 0
    return b * a


@program
def einsum_of_written_tensor(x):
    t = np.zeros((2, 2, 2))
    t[1, :, 0] = x[:2]
    t[:, 1] = x[2]
    t[0, 0, 0], t[1, 1, 1] = x[3], x[0]
    return np.einsum("ijk,jk->i", t, t[0])


@program
def conversions_of_numbers(x):
    return np.float64(x[0]) * float(x[1]) + np.asarray(x[2]) * np.array(x[3])


@program
def geometric_mean(x):
    return np.prod(x) ** (1 / len(x))


@program
def math_functions(x):
    return math.log(x[0], 2) + math.log(x[1]) + np.log(x[2]) + math.pow(x[3], 2)


@program
def swap_elements(x):
    def swap(a, i, j):
        a[i], a[j] = a[j], a[i]

    a = x * 1
    swap(a, 0, 3)
    swap(a, 1, 2)
    return a * x


@program
def bubble_sort(x):
    a = x * 1.0
    for i in range(3):
        for j in range(3 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a * np.arange(4)


@program
def ring_buffer(x):
    buf = np.zeros(10)
    head = 0
    for k in range(15):
        buf[head] = x[k % 4] * (buf[head - 1] + 1)
        head = (head + 1) % 10
    return buf[:4]


def differences(f, x, h=1e-5):
    columns = [
        8 * (np.asarray(f(x + h * e)) - f(x - h * e))
        - (np.asarray(f(x + 2 * h * e)) - f(x - 2 * h * e))
        for e in np.eye(4)
    ]
    return np.stack(columns, -1) / (12 * h)


@pytest.mark.parametrize("name", PROGRAMS)
def test_value_and_jacobian(name):
    f = PROGRAMS[name]
    value, _ = sciad.vjp(f, X)
    np.testing.assert_allclose(value, f(X.copy()), rtol=1e-14)
    expected = differences(f, X)
    for mode in ("forward", "reverse"):
        found = jacobian(f, mode=mode)(X)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", PROGRAMS)
def test_hessian(name):
    f = PROGRAMS[name]
    scalar = lambda x: np.sum(np.sin(f(x)))
    forward = hessian(scalar)(X)
    np.testing.assert_allclose(forward, differences(grad(scalar), X), rtol=1e-5, atol=1e-5)
    reverse = jacobian(grad(scalar), mode="reverse")(X)
    np.testing.assert_allclose(reverse, forward, rtol=1e-10, atol=1e-10)

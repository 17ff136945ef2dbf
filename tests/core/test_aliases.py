"""Which results of NumPy are views and which are copies: writes must go where NumPy's would."""

import heapq
import math

import numpy as np
import pytest

from sciad import LostDerivativeError, NotDifferentiableError, grad, jacobian, stop_gradient, vjp
from sciad.core.errors import TracingError
from sciad.core.testing import check_grads

X = np.array([0.7, -0.3, 1.3])
PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def type_that_needs_no_copy(x):
    b = x * 2.0
    b.astype(float, copy=False)[0] = 1.0
    return b * x


@program
def contiguous_copy(x):
    b = np.zeros((3, 3))
    c = np.ascontiguousarray(b.T)
    c[0] = x
    return b + c


@program
def contiguous_already(x):
    b = np.zeros((3, 3))
    np.ascontiguousarray(b)[0] = x
    return b


@program
def fortran_copy(x):
    b = np.zeros((3, 3))
    np.asfortranarray(b)[0] = x
    np.asarray(b, order="F")[1] = x
    np.require(b, requirements="F")[2] = x
    return b + x


@program
def flat_written_where_not_in_order(x):
    b = np.zeros((3, 2))
    b.T.flat = np.concatenate([x, x * x])
    c = np.zeros((2, 2))
    c.T.flat = x[:2]
    return np.sum(b @ c, axis=1)


@program
def diagonal_is_a_view(x):
    m = np.outer(x, x)
    d = np.diag(m)
    m[0, 0] = 5.0
    return d * x


@program
def conjugate_of_real_numbers_is_no_copy(x):
    b = np.zeros(3)
    b.conj()[0] = x[0]
    b.conjugate()[1] = x[1]
    return b * x


@program
def base_of_a_view(x):
    b = np.zeros((2, 3))
    base = b[0].base
    b[0] = x
    return base * x if b.base is None else x


@program
def copy_is_in_order(x):
    m = np.outer(x, x * x).T.copy()
    m.ravel()[1] = 5.0
    return m * x


@program
def sorted_in_order_of_the_argument(x):
    m = np.sort(np.outer(x, x * x).T, axis=0)
    m.T.ravel()[1] = 5.0
    return m * x


@program
def taken_in_order(x):
    m = np.take(np.outer(x, x * x), [0, 1], axis=1)
    m.ravel()[1] = 5.0
    return m


@program
def joined_in_order(x):
    m = np.array([np.outer(x, x * x).T, np.outer(x, x).T])
    m.ravel()[1] = 5.0
    return m


@program
def selected_in_order(x):
    m = np.outer(x, x * x).T
    m = np.where(m > 0.0, m, 0.0)
    m.T.ravel()[1] = 5.0
    return m


@program
def grids_in_order(x):
    a, b = np.meshgrid(x, x * x)
    a.ravel()[1] = 5.0
    return a * b


@program
def cross_product_in_order(x):
    m = np.cross(np.outer(x, x * x), np.outer(x, x + 1.0))
    m.ravel()[1] = 5.0
    return m


@program
def stopped_array_is_a_copy(x):
    b = x * 1.0
    s = stop_gradient(b)
    b[0] = 5.0
    return b * x if s[0] != 5.0 else x


@program
def heap_of_arrays(x):
    heap = [(0.0, 1, np.zeros(3))]
    heapq.heappush(heap, (1.0, 2, x * x))
    heapq.heappush(heap, (0.5, 3, x))
    total = 0.0
    for k in range(len(heap)):
        total = total * 0.5 + heapq.heappop(heap)[2] * (k + 1)
    return total if not heap else x


@program
def partition_in_place(x):
    b = np.array([3.0, 1.0, 2.0])
    b.partition(1)
    c = x * 1.0
    c.partition(1)
    return b * x * c[0]


@program
def several_outputs(x):
    b, c = x * 1.0, x * 2.0
    np.divmod(np.array([5.0, 6.0, 7.0]), 2.0, out=(b, c))
    return b * c * x


@program
def views_of_einsum(x):
    m = np.outer(x, x)
    np.einsum("ii->i", m)[1:] = x[1:]
    np.einsum("ij->ji", m)[0] *= x
    np.einsum("ij->i", m)[0] = 100.0  # sums are new arrays
    return m


@program
def sliding_windows(x):
    b = np.zeros(5)
    windows = np.lib.stride_tricks.sliding_window_view(b, 3)
    b[1:4] = x
    saved = np.sum(windows * windows, axis=1)
    b[2] = 3.0 * x[0]
    return saved * np.sum(windows, axis=1)


@program
def ravel_of_a_view_with_gaps(x):
    b = np.concatenate([x, x])
    b[::2].ravel()[0] = 9.0  # a copy in NumPy
    reverse = b[::-1].ravel()
    reverse[0] = 5.0
    m = np.zeros((2, 3, 2)).transpose(1, 0, 2)
    m[:, 0, 1] = x
    m.ravel("K")[0] = 2.0
    return m.ravel("K")[:6] * b * reverse


@program
def reshape_of_a_view_that_was_copied(x):
    m = np.zeros((3, 3))
    m[1] = x
    part = m[:, 1:].reshape(-1)
    m[1, 1] = 9.0
    part[0] = 2.0 * x[0]
    return np.sum(m) * part


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    f = PROGRAMS[name]
    expected = f(X.copy())
    np.testing.assert_array_equal(vjp(f, X)[0], expected)
    assert np.any(jacobian(f)(X) != 0.0)
    check_grads(lambda x: f(x * 1.0), (X,), order=2)


def buffer_view(x):
    b = np.zeros(3)
    view = np.frombuffer(b)
    b[0] = x[0]
    return view[0] * x[1]


def memory(x):
    b = np.zeros(3)
    view = b.data
    b[0] = x[0]
    return view[0] * x[1]


def number_from_text(x):
    return float(f"{x[0]}") * x[1]


def number_from_str(x):
    return float(str(x[0])) * x[1]


def integer_from_text(x):
    return int(format(x[0], ".0f")) * x[1]


@pytest.mark.parametrize(
    "function",
    [
        buffer_view,
        memory,
        number_from_text,
        number_from_str,
        integer_from_text,
    ],
)
def test_what_cannot_be_followed_raises(function):
    function(X.copy())
    kinds = (TracingError, LostDerivativeError, NotDifferentiableError)
    with pytest.raises(kinds, match=r"where: .*test_aliases\.py"):
        grad(function)(X)
    with pytest.raises(kinds):
        jacobian(function, mode="forward")(X)


def test_text_of_a_traced_value_is_still_text():
    def f(x):
        names = {f"{x:.1f}": x}
        assert names["0.7"] is x
        assert isinstance(str(x), str)
        return x * len("value: " + format(x, ".2f"))

    assert grad(f)(0.7) == 11.0


def test_type_of_a_traced_value_is_that_of_the_plain_program():
    def f(x):
        assert type(x) is np.ndarray
        assert type(x[0]) is np.float64
        assert type(float(x[0]))(2.0) == 2.0
        return math.sin(x[0])

    np.testing.assert_allclose(grad(f)(X), [math.cos(0.7), 0.0, 0.0], rtol=1e-14)


def test_complex_numbers_are_not_cast_in_place():
    def f(x):
        b = x * 1.0
        b *= 1j
        return np.sum(b)

    with pytest.raises(TypeError):
        f(X)
    with pytest.raises(TypeError, match="complex"):
        grad(f)(X)


@pytest.mark.parametrize(
    "write",
    [
        lambda u: np.round(u, 0, u),
        lambda u: u.round(0, u),
        lambda u: np.fix(u, u),
        lambda u: np.any([u, u], 0, u),
        lambda u: np.all([u, u], axis=0, where=[True, False, True], out=u),
    ],
)
def test_what_has_no_derivative_is_written_into_a_traced_array(write):
    def f(x):
        u = np.ones(3) * x
        write(u)
        return u[1] * x

    plain = np.ones(3) * 0.7
    write(plain)
    assert grad(f)(0.7) == plain[1]


def test_out_with_where_keeps_the_other_elements():
    def f(x):
        b = x * 1.0
        np.ldexp(np.ones(3), 2, out=b, where=np.array([True, False, False]))
        return np.sum(b)

    np.testing.assert_array_equal(grad(f)(X), [0.0, 1.0, 1.0])

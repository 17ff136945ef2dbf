"""Expressions that are computed at once: against the interpreter, and operator by operator."""

import contextlib
import itertools
import linecache
import traceback
import types
import warnings
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import sciad
from sciad.core import arithmetic, buffer, rewrite, running, sites

X = np.array([0.7, 0.4, 0.9, 1.3])
Y = np.array([1.1, 0.6, 0.5, 0.8])
M = np.array([[0.3, 0.9, 0.4, 1.2], [0.8, 0.7, 1.4, 0.6], [0.5, 0.2, 1.1, 0.3]])
_count = itertools.count()


@pytest.fixture(autouse=True, scope="module")
def _functions_are_used_at_once():
    """Have sites make and replace their functions at the first miss: every test is needed."""
    with mock.patch.object(sites, "_OFTEN", 1), mock.patch.object(sites, "_SEVERAL", 1):
        yield


@contextlib.contextmanager
def source_of(text):
    """Function ``f`` of a text, which is followed as one in a file is."""
    name, scope = f"<expression {next(_count)}>", {"np": np, "__name__": "tests"}
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), scope)
    try:
        yield scope["f"]
    finally:
        del linecache.cache[name]


def result_of(function, *args):
    """What a function gives, or the type of what it raises."""
    try:
        with np.errstate(all="ignore"):
            return function(*args)
    except (ValueError, ZeroDivisionError, TypeError, IndexError) as error:
        if isinstance(error, sciad.SciadError):
            raise
        return type(error)


def by_operators(function, *args):
    """What a function gives that is not rewritten yet, without expressions at once."""
    with mock.patch.object(rewrite, "expression_of", return_value=None):
        return result_of(function, *args)


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, type):
        assert found is expected
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        scale = np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * scale)


# Random expressions -------------------------------------------------------------------------------

VECTORS = [
    *("x", "w", "part", "plain", "held", "z[1:-1]", "z[2:]", "z[n:-n]", "held6[1:-1]"),
    *("w6[2:]", "plain6[:k + 2]", "m[0]", "m[n, :]", "z[::n][2:]"),
]
MATRICES = ["m", "grid", "field[1:-1, 1:-1]", "field[:3, 2:]", "held_field[2:, k:]", "m[:, :]"]
OTHERS = ["col", "m[:, 2:3]", "x[:1]", "s", "n", "k", "2.0", "0.5", "3", "-1.5", "1", "x[1:]"]
SQUARES = ["q", "held_q", "plain_q", "(q + held_q)"]
LEAVES = st.one_of(*map(st.sampled_from, (VECTORS, VECTORS, MATRICES, OTHERS)))
FUNCTIONS = ("exp", "sin", "tanh", "square", "sqrt", "log1p", "arctan")


def branches(inner):
    binary = st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner)
    called = st.builds("np.{}({})".format, st.sampled_from(FUNCTIONS), inner)
    product = st.builds("({} @ {})".format, inner, st.sampled_from([*SQUARES, "x"]))
    other_product = st.builds("({} @ {})".format, st.sampled_from([*SQUARES, "m"]), inner)
    negative, square = inner.map("(-{})".format), inner.map("({} ** 2)".format)
    return st.one_of(binary, binary, binary, called, product, other_product, negative, square)


PROGRAM = """\
def f(x, z, m, q, field, s, plain6, plain_q, grid, k):
    plain, held6, w6, n = plain6[1:5], np.copy(plain6), np.sin(z), 1
    held, grid, held_q, held_field = held6[:4], np.copy(grid), 0.5 * plain_q, np.cos(field) * 0.0
    held, held_q, held_field = np.copy(held), np.copy(plain_q), np.ones((5, 6))
    part, w, col = w6[1:5], x * x, m[:, :1]
    made = {0}
    held6[...] = held[...] = held_q[...] = held_field[...] = 7.0
    plain6[...] = plain_q[...] = 0.5
    w6[2:], w[1] = z[2:] * 0.5, 2.0
    again = {0}
    made = np.sin(made) + (0.3 * made - again / 5.0)
    return np.sum(made) + np.sum(w6 * held6) + np.sum(x * 0.0)
"""


def arguments():
    rng = np.random.default_rng(3)
    sizes = (4,), (6,), (3, 4), (4, 4), (5, 6), (), (6,), (4, 4), (3, 4)
    given_ = [rng.uniform(0.3, 1.3, size) for size in sizes]
    given_[5] = float(given_[5])
    return *given_, 2


@settings(max_examples=100, deadline=None)
@given(st.recursive(LEAVES, branches, max_leaves=7))
@example("(x + grid) * 2.0 - x")
@example("np.exp(-x / grid) * x")
@example("(grid - x) * m + col")
@example("x @ x + x * 2.0")
@example("(x @ q) @ held_q - plain_q @ x")
@example("x[1:] * 2.0 + x")
def test_random_expressions(expression):
    text, numbers = PROGRAM.format(expression), (0, 1, 2, 3, 4, 5)
    with source_of(text) as one, source_of(text) as other:
        expected = result_of(one, *arguments())
        for _ in range(2):
            value = result_of(lambda: sciad.value_and_grad(one, numbers)(*arguments()))
        assert_same(value, by_operators(lambda: sciad.value_and_grad(other, numbers)(*arguments())))
        if not isinstance(expected, type):
            np.testing.assert_equal(float(value[0]), float(expected))
        first, *rest = arguments()
        direction = np.cos(first)

        def product(f):
            return lambda x: sciad.grad(f)(x, *(np.copy(r) if np.ndim(r) else r for r in rest))

        second = result_of(lambda: sciad.vjp(product(one), first)[1](direction)[0])
        operators = by_operators(lambda: sciad.vjp(product(other), first)[1](direction)[0])
        assert_same(second, operators)
        assert_same(result_of(lambda: sciad.jvp(product(one), (first,), (direction,))[1]), second)


# What is saved ------------------------------------------------------------------------------------


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def entries_of(function, *args):
    """Entries of the tape of a gradient."""
    seen = []
    real = running.sweep

    def sweep(entries, *rest, **options):
        seen.append([entry for entry in entries if entry is not None])
        return real(entries, *rest, **options)

    with mock.patch.object(running, "sweep", sweep):
        sciad.grad(function)(*args)
    return seen[0]


def test_a_chain_is_one_entry():
    def f(x):
        return np.sum(sigmoid(x))

    assert len(entries_of(f, X)) == 2
    out = sigmoid(X)
    np.testing.assert_allclose(sciad.grad(f)(X), out * (1.0 - out), rtol=1e-14)


def test_untraced_parts_are_not_boxed():
    def f(x):
        u, v = np.copy(X), np.copy(Y)
        return x * np.sum(u[1:] + 0.5 * (v[1:] - u[:-1]) + 1.0 / v[1:])

    sciad.grad(f)(2.0)
    unused = {"side_effect": AssertionError}
    with (
        mock.patch.object(arithmetic, "constant", **unused),
        mock.patch.object(buffer, "view", **unused),
    ):
        assert sciad.grad(f)(2.0) == f(1.0)


def second_difference(u):
    return u[2:] - 2.0 * u[1:-1] + u[:-2]


def test_functions_that_call_nothing():
    def f(x):
        return x * np.sum(second_difference(np.copy(X)) * 2.0)

    sciad.grad(f)(2.0)
    with mock.patch.object(buffer, "view", side_effect=AssertionError):
        assert sciad.grad(f)(2.0) == pytest.approx(f(1.0), rel=1e-14)
    hidden: dict = {}
    exec("def f(u): return u[2:] - 2.0 * u[1:-1] + u[:-2]", hidden)
    for g in (second_difference, hidden["f"]):
        found = sciad.jacobian(lambda x, g=g: g(np.sin(x)))(X)
        expected = np.array([[1.0, -2.0, 1.0, 0.0], [0.0, 1.0, -2.0, 1.0]]) * np.cos(X)
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_calls_are_expressions():
    def f(x):
        y = np.exp(-x)
        return np.sum(np.square(np.sin(2.0 * x) + 1.0)) + y[0]

    entries = entries_of(f, X)
    assert len([entry for entry in entries if type(entry) is tuple and len(entry) == 10]) == 2
    expected = 4.0 * (np.sin(2.0 * X) + 1.0) * np.cos(2.0 * X)
    expected[0] -= np.exp(-X[0])
    np.testing.assert_allclose(sciad.grad(f)(X), expected, rtol=1e-14)


@pytest.mark.parametrize("write", ["whole", "view", "before the view", "augmented"])
@pytest.mark.parametrize("first", [0, 1])
def test_operands_are_written_afterwards(write, first):
    def f(x, y):
        a, b = np.copy(x) * 1.0, np.copy(y) * 1.0
        v = a[1:]
        made = a * b + (a / b - b * 0.5) + np.exp(-a) * np.sin(b)
        parts = v * v + 1.0 / v
        c = (a, b)[first]
        if write == "whole":
            c[:] = x * y
        elif write == "view":
            w = c[1:3]
            w[:] = 2.0
        elif write == "before the view":
            v[...] = 3.0
        else:
            c *= 2.0
        return np.sum(made * made) + np.sum(parts * v) + np.sum(a * b)

    def step(k, z):
        d = np.zeros(4, complex)
        d[k] = 1e-30j
        return np.imag(f(*[v + d if j == z else v + 0.0j for j, v in enumerate((X, Y))])) / 1e-30

    found = sciad.grad(f, (0, 1))(X, Y)
    for z in (0, 1):
        np.testing.assert_allclose(found[z], [step(k, z) for k in range(4)], rtol=1e-12)


@pytest.mark.parametrize("kind", ["held", "view", "plain", "part of a plain one", "factor"])
def test_untraced_operands_are_written_afterwards(kind):
    plain, plain_matrix = Y.copy(), np.ones((4, 4))

    def f(x):
        plain[:] = Y
        held = np.copy(Y)
        if kind == "held":
            made = (x * held) / held + x / held
        elif kind == "view":
            part = held[1:]
            made = x[1:] * part + x[:-1] / part - held[1:] * x[1:]
        elif kind == "plain":
            made = (x * plain) / plain + x / plain
        elif kind == "factor":
            a, b = np.outer(Y, Y), np.outer(Y, X)
            plain_matrix[:] = a
            made = plain_matrix @ x + b @ x + x
            plain_matrix[:] = b[:] = 4.0
        else:
            made = x[1:] * plain[1:] + x[:-1] / plain[1:]
        held[...] = 5.0
        plain[:] = 6.0
        return np.sum(made * made) + np.sum(held) * 0.0

    def step(k):
        d = np.zeros(4, complex)
        d[k] = 1e-30j
        return np.imag(f(X + d)) / 1e-30

    np.testing.assert_allclose(sciad.grad(f)(X), [step(k) for k in range(4)], rtol=1e-12)


def test_large_plain_operand_that_changes_is_reported():
    plain = np.ones(5000)

    def f(x):
        made = x * plain + 1.0
        plain[:] = 2.0
        return np.sum(made * x)

    with pytest.raises(sciad.LostDerivativeError, match="was changed in place"):
        sciad.grad(f)(np.ones(5000))


# Who shares what ----------------------------------------------------------------------------------


def test_gradients_share_no_memory():
    def f(x, y):
        return (x + 1.0) + (y - 2.0), -x - y, x + y + x

    cotangents = tuple(np.full(4, 1.0 + k) for k in range(3))
    before = [c.copy() for c in cotangents]
    _, pullback = sciad.vjp(f, X, Y)
    first, second = pullback(cotangents), pullback(cotangents)
    for one, other in itertools.combinations([*first, *second, *cotangents], 2):
        assert not np.shares_memory(one, other)
    first[0][:] = 9.0
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(pullback(cotangents), second)
    np.testing.assert_array_equal(cotangents, before)
    np.testing.assert_array_equal(second[0], np.full(4, 1.0 - 2.0 + 6.0))


def test_results_share_no_memory():
    def f(x):
        y = x * 1.0 + 0.0
        z = 1.0 + x + 2.0
        y[0] = 5.0
        z[1:] = x[:-1] * 2.0
        x[2] = 0.0
        return np.sum(y * z) + np.sum(x)

    def plain(x):
        return f(x.copy())

    expected = [np.imag(plain(X + 1e-30j * np.eye(4)[k])) / 1e-30 for k in range(4)]
    np.testing.assert_allclose(sciad.grad(f)(X), expected, rtol=1e-12)


def test_result_is_used_twice_and_pulled_back_twice():
    def f(x, y):
        z = x * y + np.exp(-x) / 2.0
        return z * z + z, z + z

    _, pullback = sciad.vjp(f, X, Y)
    given_ = np.ones(4), np.full(4, 0.5)
    z, slope = X * Y + np.exp(-X) / 2.0, Y - np.exp(-X) / 2.0
    for _ in range(3):
        to_x, to_y = pullback(given_)
        np.testing.assert_allclose(to_x, (2.0 * z + 2.0) * slope, rtol=1e-13)
        np.testing.assert_allclose(to_y, (2.0 * z + 2.0) * X, rtol=1e-13)
        to_x[:] = np.nan


def test_result_is_written_later():
    def f(x):
        y, z = 1.0 / (1.0 + np.exp(-x)), x[1:] / x[:-1]
        y[:2], z[1:] = 2.0, x[:2] * 2.0
        y[1:] = y[:-1] * 3.0 + 1.0
        return np.sum(y * x) + np.sum(z)

    expected = [np.imag(f(X + 1e-30j * np.eye(4)[k])) / 1e-30 for k in range(4)]
    for _ in range(2):
        np.testing.assert_allclose(sciad.grad(f)(X), expected, rtol=1e-12)


def test_untraced_result_is_written_later():
    def f(x):
        u = np.copy(X)
        made = 2.0 * u + u * u
        part = made[1:]
        part[0] = x
        made[3] = x * x
        return np.sum(part) + np.sum(made * made)

    assert sciad.grad(f)(2.0) == pytest.approx(1.0 + 4.0 + 4.0 + 32.0)


# What stands in their way -------------------------------------------------------------------------


def test_kinds_of_values_change():
    def f(a, b, c):
        return np.sum(a * b + c - 1.0)

    def total(x, s):
        u = np.copy(Y)
        kinds = [(x, u, u), (x, x, x), (u, u, x), (s, x, u), (s, s, s), (Y, x, M), (2.0, x, u)]
        kinds += [(u, u, u), (x[1:], x[1:], 3), (np.float32(2.0), x, Y), (u, M[:1], x), (3, u, s)]
        found, order = 0.0, [kinds[k] for k in np.random.default_rng(0).integers(0, 12, 60)]
        for a, b, c in order:
            found = found + f(a, b, c)
        return found + f(u, u, u) * s

    def step(k):
        dx, ds = (1e-30j * np.eye(4)[k], 0.0) if k < 4 else (0.0, 1e-30j)
        return np.imag(total(X + dx, 1.5 + ds)) / 1e-30

    for _ in range(2):
        to_x, to_s = sciad.grad(total, (0, 1))(X, 1.5)
        np.testing.assert_allclose([*to_x, to_s], [step(k) for k in range(5)], rtol=1e-12)
    tangent = sciad.jvp(total, (X, 1.5), (np.ones(4), 1.0))[1]
    np.testing.assert_allclose(tangent, np.sum(to_x) + to_s, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "c8", "c16", "i8"])
def test_other_types_of_elements(dtype):
    def f(x, v, dtype):
        u = np.array([1, 2, 3, 4], dtype)
        made = 2.0 * u + u * 3
        w = u * x + v * x - 1.0
        return x * np.sum(np.abs(made)) + np.sum(np.real(w * w)), made

    for kind in ("f8", "f8", dtype):
        given_ = np.array([1, 2, 3, 4], kind)
        slope, made = sciad.grad(f, has_aux=True)(2.0, given_, kind)
        expected = f(2.0, given_, kind)[1]
        assert made.dtype == expected.dtype
        np.testing.assert_array_equal(made, expected)
        assert slope == 490.0


def test_other_modules():
    other = types.SimpleNamespace(exp=lambda x: x * x)

    def f(x, xp):
        return np.sum(2.0 * xp.exp(-x) + x)

    for _ in range(6):
        np.testing.assert_allclose(sciad.grad(f)(X, np), 1.0 - 2.0 * np.exp(-X), rtol=1e-14)
        np.testing.assert_allclose(sciad.grad(f)(X, other), 1.0 + 4.0 * X, rtol=1e-14)


def test_functions_with_another_rule():
    def f(x):
        return np.sum(2.0 * np.exp(-x) + x)

    plain = 1.0 - 2.0 * np.exp(-X)
    for _ in range(6):
        np.testing.assert_allclose(sciad.grad(f)(X), plain, rtol=1e-14)
    with sciad.rule(np.exp, partials=(lambda x, out: 10.0 * out,)):
        np.testing.assert_allclose(sciad.grad(f)(X), 1.0 - 20.0 * np.exp(-X), rtol=1e-14)
    np.testing.assert_allclose(sciad.grad(f)(X), plain, rtol=1e-14)


def test_names_are_read_once_in_order():
    text = """\
def f(x):
    return x * first + second / x
"""
    with source_of(text) as f, pytest.raises(NameError, match="first"):
        sciad.grad(lambda x: np.sum(f(x)))(X)


@pytest.mark.parametrize("untraced", [True, False])
def test_errors_show_the_users_line(untraced):
    def f(x):
        a = np.copy(X) if untraced else x
        return np.sum(a * 2.0 + M[:, :3].ravel()[:3] * 1.0) + np.sum(x)

    def g(x):
        a, b = (np.copy(X), np.ones(3)) if untraced else (x, x[1:])
        return np.sum(2.0 * a + b * 3.0) + np.sum(x)

    for function in (f, g):
        for _ in range(2):
            with pytest.raises(ValueError, match="could not be broadcast") as caught:
                sciad.grad(function)(X)
            lines = [
                part.lineno
                for part in traceback.extract_tb(caught.value.__traceback__)
                if part.filename == __file__
            ]
            assert function.__code__.co_firstlineno + 2 in lines


@pytest.mark.parametrize("transform", [sciad.checkpoint, sciad.forward_mode])
def test_without_a_tape(transform):
    def f(x):
        return np.sum(transform(sigmoid)(x) * x + x[1:].sum())

    out = sigmoid(X)
    expected = out + X * out * (1.0 - out) + 4.0 * np.array([0.0, 1.0, 1.0, 1.0])
    for _ in range(5):
        np.testing.assert_allclose(sciad.grad(f)(X), expected, rtol=1e-13)


def test_product_of_plain_matrices():
    def f(x, p, q):
        made = p @ q + x
        return np.sum(made * x)

    a, b = np.outer(X, Y), np.outer(Y, X + Y)
    for p, q in [(a, b), (X, Y), (a, X), (a, b)] * 2:
        product = np.broadcast_to(p @ q, (4, 4)) if np.ndim(p @ q) == 2 else p @ q
        rows = 4.0 if np.ndim(product) == 2 else 1.0
        expected = (product.sum(0) if rows > 1.0 else product) + 2.0 * X * rows
        np.testing.assert_allclose(sciad.grad(f)(X, p, q), expected, rtol=1e-12)
        assert sciad.grad(f, 1)(X, p, q).shape == p.shape


def test_products_of_many_matrices():
    stack = np.stack([np.outer(X, Y), np.outer(Y, Y)])

    def f(x, p):
        made = p @ x + x
        return np.sum(made * made)

    for p in (stack[0], stack, stack[1], stack):
        expected = [np.imag(f(X + 1e-30j * np.eye(4)[k], p)) / 1e-30 for k in range(4)]
        np.testing.assert_allclose(sciad.grad(f)(X, p), expected, rtol=1e-12)


def test_levels_do_not_mix():
    def outer(x):
        def inner(y):
            z = x * y + 1.0
            return np.sum(z * x - x * y * y + np.exp(-y) * x)

        return np.sum(sciad.grad(inner)(Y) * (x - 2.0 * Y + x[::-1] * x))

    def slope(x):
        return np.sum((x * x - 2.0 * x * Y - np.exp(-Y) * x) * (x - 2.0 * Y + x[::-1] * x))

    expected = [np.imag(slope(X + 1e-30j * np.eye(4)[k])) / 1e-30 for k in range(4)]
    for _ in range(5):
        np.testing.assert_allclose(sciad.grad(outer)(X), expected, rtol=1e-12)


def test_order_of_numbers():
    def f(x):
        return np.sum(x * 1e200 * 1e200 * 1e-200)

    np.testing.assert_allclose(sciad.grad(f)(np.full(3, 1e-250)), 1e200, rtol=1e-14)


def test_large_factors_do_not_meet():
    def f(x):
        return np.sum(1e-90 * np.exp(np.exp(-x / 2.0)) * 1e-95)

    big = np.full(4, -12.05)  # exp(exp(...)) is 1e179, its derivative 1e182
    inner = np.exp(-big / 2.0)
    expected = -(1e-90 * np.exp(inner)) * 1e-95 * inner / 2.0
    np.testing.assert_allclose(sciad.grad(f)(big), expected, rtol=1e-12)


def test_every_kind_has_its_function_once():
    def f(x):
        return np.sum(3.0 * x - x * x)

    with mock.patch.object(rewrite, "Site", wraps=sites.Site) as made:
        for _ in range(20):
            sciad.grad(f)(X)
    assert made.call_count == 1


def test_code_about_numbers_is_left_alone():
    def f(x, y):
        z = max(x, y)
        return x * y + z / 2.0

    with mock.patch.object(rewrite, "Site") as made:
        assert sciad.grad(f)(2.0, 3.0) == 3.0
    made.assert_not_called()


# What users may do to them ------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["x", "np.copy(X)"])
def test_infinite_literals(scale):
    text = f"""\
def f(x, X, n):
    u = {scale}
    return np.sum(u / (n * 1e999) + 1.0 / (u - (n - -1e999)) + x)
"""
    with source_of(text) as f:
        for _ in range(2):
            assert sciad.value_and_grad(f)(Y, X, 2.0)[0] == np.sum(Y)
            np.testing.assert_array_equal(sciad.grad(f)(Y, X, 2.0), 1.0)


@pytest.mark.parametrize("untraced", [True, False])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("(1.0 / n) * u[9, :] + u", ZeroDivisionError),
        ("u * u[1:] + 1.0 / n", ValueError),
        ("u[9, :] * big**2 + u", IndexError),
        ("-(big**2) * u[9, :] + u", OverflowError),
    ],
)
def test_the_first_error_is_raised(code, kind, untraced):
    text = f"""\
def f(x, X, n, big):
    u = np.copy(X) if {untraced} else x
    return np.sum({code})
"""
    with source_of(text) as f:
        for _ in range(3):
            with pytest.raises(kind) as caught:
                sciad.grad(f)(Y, X, 0, 1e200)
            assert caught.value.__context__ is None


def test_numbers_are_computed_once():
    def f(x, n):
        return np.sum(n / n * x + n / n)

    seen = []
    with np.errstate(all="call", call=lambda *flags: seen.append(flags)):
        for k in range(4):
            sciad.grad(f)(X, np.float64(0.0))
            assert len(seen) == 2 * (k + 1)


def test_operands_that_stretch_others_are_given_up():
    def f(x, p):
        return np.sum(1.0 / (x - 0.7) * p)

    seen = []
    with np.errstate(divide="call", call=lambda *flags: seen.append(flags)):
        for _ in range(5):
            slopes = sciad.grad(f)(X, np.ones((2, 4)))
        assert len(seen) == 6  # the first tells that they do
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(slopes, -2.0 / (X - 0.7) ** 2, rtol=1e-14)


def test_square_with_another_rule():
    def f(x):
        return np.sum(x**2 + np.sin(x) * 2.0)

    plain = 2.0 * X + 2.0 * np.cos(X)
    for _ in range(3):
        np.testing.assert_allclose(sciad.grad(f)(X), plain, rtol=1e-14)
    with sciad.rule(np.square, partials=(lambda x, out: 100.0 * x,)):
        np.testing.assert_allclose(sciad.grad(f)(X), plain + 98.0 * X, rtol=1e-14)
    np.testing.assert_allclose(sciad.grad(f)(X), plain, rtol=1e-14)


class _Counting:
    """Its operators call a function first."""

    __array_ufunc__ = None

    def __init__(self, called):
        self.called = called

    def __rmul__(self, other):
        self.called()
        return other * 3.0


_factor = 1.0


def test_operators_change_names():
    def count():
        global _factor
        _factor = _factor + 1.0

    def of_global(x):
        counting = _Counting(count)
        return np.sum(x * counting + _factor * x)

    def of_outer(x):
        factor = 1.0

        def bump():
            nonlocal factor
            factor = factor + 1.0

        counting = _Counting(bump)
        return np.sum(x * counting + factor * x[:])

    for k in range(4):
        np.testing.assert_allclose(sciad.grad(of_global)(X), 5.0 + k, rtol=1e-15)
        np.testing.assert_allclose(sciad.grad(of_outer)(X), 5.0, rtol=1e-15)


def test_functions_change_names(monkeypatch):
    def exp(x):
        global _factor
        _factor = 7.0
        return x * x

    def f(x):
        return np.sum(np.exp(x) + _factor * x)

    for patched in (False, True):
        if patched:
            monkeypatch.setattr(np, "exp", exp)
        for _ in range(4):
            globals()["_factor"] = 2.0
            expected = 2.0 * X + 7.0 if patched else np.exp(X) + 2.0
            np.testing.assert_allclose(sciad.grad(f)(X), expected, rtol=1e-14)


def test_error_handlers_that_compute_are_refused():
    def f(x):
        made = []
        with np.errstate(divide="call", call=lambda *flags: made.append(x * 2.0 + x * x)):
            y = 1.0 / (x - 0.7) * x + x * x
        return np.sum(y[1:]) + sum(np.sum(v) for v in made)

    for _ in range(2):
        with pytest.raises(sciad.TracingError, match="seterrcall"):
            sciad.grad(f)(X)


def test_warnings_are_of_the_users_module():
    def f(x):
        return np.sum(1.0 / (x - 0.7) * x)

    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", module=__name__)
            sciad.grad(f)(X)


def test_expressions_may_be_evaluated_twice():
    def f(x):
        d, p = Y * 2.0, X
        d -= x[-1:] + p  # by an operator of a plain array, which d has been until now

        def later(v=d):
            return v[1:] * d[1:]

        e, k = Y * 3.0, 1
        e[2 * k - 1] += np.sum(x[k:] * 2.0 + p[1:])
        e[k * 2 + k - 1 :] += x[2:] * 2.0
        return np.sum(later()) + np.sum(e * e)

    expected = [np.imag(np.sum(_twice(X + 1e-30j * np.eye(4)[k]))) / 1e-30 for k in range(4)]
    for _ in range(3):
        np.testing.assert_allclose(sciad.grad(f)(X), expected, rtol=1e-13)


def _twice(x):
    d, e = Y * 2.0 - (x[-1:] + X), Y * 3.0 + 0.0j
    e[1] += np.sum(x[1:] * 2.0 + X[1:])
    e[2:] += x[2:] * 2.0
    return np.sum(d[1:] * d[1:]) + np.sum(e * e)


@pytest.mark.parametrize(
    ("code", "point"),
    [
        ("1e-90 * np.exp(x)", 709.0),
        ("-(np.exp(x * 0.5) / 4e10) * 8.0", 1418.0),
        ("2.0 * np.sin(1e60 * np.exp(-x)) / 3.0", 735.0),
    ],
)
@pytest.mark.parametrize("weight", [1e-8, 20.0])
def test_numbers_stay_in_their_place(code, point, weight):
    text = f"""\
def f(x, weight):
    made = {code}
    return np.sum(made * weight)
"""
    x = np.full(3, point)
    with source_of(text) as f:
        expected = by_operators(sciad.grad(f), x, weight)
    assert np.all(np.isfinite(expected) & (expected != 0.0))
    with source_of(text) as f:
        for _ in range(2):
            np.testing.assert_allclose(sciad.grad(f)(x, weight), expected, rtol=1e-13)

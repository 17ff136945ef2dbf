"""Functions that write to arrays of their caller, overlapping arguments, exceptions half way."""

import numpy as np
import pytest

from sciad.compiler import jit
from sciad.core.transforms import grad, hvp, jvp

Y = np.linspace(0.1, 1.0, 6)
TABLE = np.zeros(3)


def filled(y, out):
    for k in range(len(y)):
        out[k] = np.sin(y[k]) * y[0]
    y[0] = 2.0 * out[1]
    return out.sum()


compiled = jit(filled)


def after(f, *arrays):
    arrays = [a.copy() for a in arrays]
    return (f(*arrays), *arrays)


@pytest.mark.parametrize("kind", ["apart", "same", "shifted", "interleaved"])
def test_the_arrays_of_the_caller_are_what_python_makes_of_them(kind):
    memory = np.concatenate([Y, Y + 1.0])
    parts = {
        "apart": lambda m: (m[:6], m[6:]),
        "same": lambda m: (m, m),
        "shifted": lambda m: (m[1:], m[:-1]),
        "interleaved": lambda m: (m[::2], m[1::2]),
    }[kind]
    expected, found = memory.copy(), memory.copy()
    assert compiled(*parts(found)) == pytest.approx(filled(*parts(expected)), rel=1e-14)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_what_is_written_has_derivatives():
    def loss(f):
        def total(y):
            out, z = np.zeros(len(y)), y * 1.5
            before = out + y
            view = out[1:]
            result = f(z, out)
            return result + (out * z).sum() + (before * y).sum() + (view * y[1:]).sum()

        return total

    plain, fast = loss(filled), loss(compiled)
    np.testing.assert_allclose(grad(fast)(Y), grad(plain)(Y), rtol=1e-13)
    assert jvp(fast, (Y,), (Y,))[1] == pytest.approx(grad(plain)(Y) @ Y, rel=1e-13)
    np.testing.assert_allclose(hvp(fast, Y, Y), hvp(plain, Y, Y), rtol=1e-12)


def test_a_plain_write_in_followed_code_does_not_reach_what_was_read_before():
    def loss(f):
        def total(y):
            out = np.zeros(len(y))
            kept = np.sin(y) * out + y * out
            f(np.full(len(y), 2.0), out)
            return (kept * y).sum() + (out * y).sum()

        return total

    np.testing.assert_allclose(grad(loss(compiled))(Y), grad(loss(filled))(Y), rtol=1e-13)


def test_an_exception_leaves_what_was_written_before_it():
    @jit
    def f(y):
        y[0] = 5.0
        if y[1] < 0.0:
            raise ValueError("below zero")
        y[2] = 7.0

    y = -Y
    with pytest.raises(ValueError, match="below zero"):
        f(y)
    np.testing.assert_array_equal(y, [5.0, *-Y[1:]])
    y = Y.copy()
    assert f(y) is None
    np.testing.assert_array_equal(y, [5.0, Y[1], 7.0, *Y[3:]])


def test_memory_that_is_not_plain_is_left_to_python():
    @jit
    def f(y):
        y *= 1.0 / 3.0
        y[0] += 1.0

    single = np.ones(3, np.float32)
    f(single)
    expected = np.ones(3, np.float32)
    f.__wrapped__(expected)
    np.testing.assert_array_equal(single, expected)
    fixed = np.ones(3)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        f(fixed)
    window = np.lib.stride_tricks.sliding_window_view(np.ones(4), 2, writeable=True)
    twin = np.lib.stride_tricks.sliding_window_view(np.ones(4), 2, writeable=True)
    f(window)
    f.__wrapped__(twin)
    np.testing.assert_array_equal(window, twin)


def test_captured_arrays_and_strided_ones_are_written():
    @jit
    def f(m, v):
        TABLE[1] = v * 2.0
        m[1] = m[0] * 2.0
        m[:, 0] = 7.0
        return TABLE.sum()

    m, twin = np.ones((3, 2)), np.ones((3, 2))
    TABLE[:] = 0.0
    assert f(m.T, 3.0) == 6.0
    assert TABLE[1] == 6.0
    f.__wrapped__(twin.T, 3.0)
    np.testing.assert_array_equal(m, twin)


class Filler:
    """Has a compiled method that writes to its argument."""

    @jit
    def fill(self, y, out):
        out[:] = y * y


def test_a_compiled_method_writes():
    def loss(y):
        out, plain = np.zeros(len(y)), np.zeros(len(y))
        Filler().fill(y, out)
        Filler().fill(np.ones(len(y)), plain)
        return (out * plain).sum()

    np.testing.assert_allclose(grad(loss)(Y), 2.0 * Y, rtol=1e-14)

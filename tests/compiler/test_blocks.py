"""Elementary functions in loops: what is computed in blocks, what is not, and what comes out."""

import math

import numpy as np
import pytest
from scipy import special

import sciad
from sciad.compiler import jit, native
from sciad.compiler.back.emit import emit
from sciad.compiler.builder import Builder
from sciad.compiler.ir import (
    FLOAT,
    INT,
    BufferType,
    Failure,
    Function,
    Loop,
    Op,
    Region,
    Value,
    const,
    verify,
    walk,
)
from sciad.compiler.loops.blocks import blocked

RNG = np.random.default_rng(1)


def logsumexp(x):
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


def plain_loop(x):
    total = 0.0
    for i in range(len(x)):
        total += math.exp(math.sin(x[i])) * x[i]
    return total


def backwards(x):
    total = 0.0
    for i in range(len(x) - 1, -1, -1):
        total = 0.9 * total + math.tanh(x[i]) * i
    return total


def network(x, w, b):
    h = np.tanh(w @ x + b)
    g = np.logaddexp(0.0, w @ h - b)
    return np.sum(g * np.cos(h))


def nested(x):
    """A function of the outer loop around an inner loop with its own."""
    total = 0.0
    for i in range(len(x)):
        e = math.exp(-x[i])
        for j in range(i):
            total += math.sin(x[j]) * e
    return total


def two_arguments(x):
    y = np.hypot(x, 2.0) ** x
    return np.sum(np.hypot(y, x[::-1]))


def branches(x):
    """Only what stands in no branch may be computed ahead."""
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0.0:
            total += math.log(x[i])
        total += math.cosh(x[i])
    return total


def short_rows(x):
    """Inner loops with few iterations and with many."""
    total = 0.0
    for i in range(len(x)):
        part = 0.0
        for j in range(i % 11):
            part += math.exp(x[j] * x[i]) * math.cos(part)
        total += part * x[i]
    return total


def stores(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = math.expm1(x[i])
    return np.sum(y * np.exp(y))


def recurrence(x):
    """Each element needs the one before: nothing can be computed ahead."""
    y = x.copy()
    for i in range(1, len(x)):
        y[i] = math.sin(y[i - 1]) + y[i]
    return np.sum(y)


def carried(x):
    s = 0.1
    for i in range(len(x)):
        s = math.tanh(s + x[i])
    return s


def early(x):
    total = 0.0
    for i in range(len(x)):
        if total > 3.0:
            break
        total += math.exp(x[i])
    return total


def unused_twice(x):
    """A value that is an argument of a function and needed besides."""
    total = 0.0
    for i in range(len(x)):
        z = x[i] * x[i] + 1.0
        total += math.log(z) / z + math.sqrt(z)
    return total


BLOCKED = [
    logsumexp,
    plain_loop,
    backwards,
    nested,
    two_arguments,
    branches,
    short_rows,
    stores,
    unused_twice,
]
SEQUENTIAL = [recurrence, carried, early]


@pytest.mark.parametrize("function", BLOCKED + SEQUENTIAL)
def test_values_and_derivatives_are_those_of_the_plain_function(function):
    compiled = jit(function)
    gradient, exact = sciad.grad(compiled), sciad.grad(function)
    for n in (1, 7, 8, 255, 257, 513) if function not in (nested, short_rows) else (1, 9, 40):
        x = RNG.normal(size=n)
        assert compiled(x) == pytest.approx(function(x), rel=1e-13)
        g = gradient(x)
        np.testing.assert_allclose(g, exact(x), rtol=1e-12, atol=1e-12 * abs(g).max())
    v = RNG.normal(size=len(x))
    slope = sciad.jvp(compiled, (x,), (v,))[1]
    assert slope == pytest.approx(g @ v, rel=1e-11, abs=1e-12 * abs(g).sum())
    assert ("vec_block" in compiled.source()) == (function in BLOCKED)


def test_second_derivatives_of_a_network():
    n = 20
    w, b, v = RNG.normal(size=(n, n)) / 4, RNG.normal(size=n), RNG.normal(size=n)
    x = RNG.normal(size=n)
    compiled = jit(network)
    assert compiled(x, w, b) == pytest.approx(network(x, w, b), rel=1e-13)
    ours = sciad.hvp(lambda z: compiled(z, w, b), x, v)
    theirs = sciad.hvp(lambda z: network(z, w, b), x, v)
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)
    for name in ("vec_tanh", "vec_softplus", "vec_cos", "vec_sin"):
        assert f"{name}(" in compiled.source("hvp")


def test_a_row_is_not_stretched_by_a_product():
    with pytest.raises(ValueError, match="different lengths"):
        jit(lambda x, w: np.sum(w @ (x,)))(np.ones(3), np.ones((3, 3)))


def every(x):
    u = 0.5 + 0.4 / (1.0 + np.abs(x))
    some = (np.exp(x), np.expm1(x), np.log1p(u), np.sin(x), np.cos(x), np.tan(x), np.sinh(x))
    more = (np.cosh(x), np.tanh(x), np.exp2(x), np.log(u), np.arcsinh(x), np.arccosh(u + 1.0))
    total = np.zeros((14, len(x)))
    for k in range(7):
        total[k] = some[k]
    for k in range(6):
        total[7 + k] = more[k]
    total[13] = np.arctanh(u)
    return total


def test_elements_are_within_four_units_of_numpy():
    x = np.concatenate([RNG.normal(size=700) * 3, [0.0, -0.0, 1e-300, 5e-324, 700.0, -700.0]])
    ours, theirs = jit(every)(x), every(x)
    assert np.all(np.abs(ours - theirs) <= 4 * np.spacing(np.abs(theirs)))


def logistic(x, y):
    """A likelihood with what only scipy.special has, in a loop and alone."""
    p = special.expit(x)
    scale = special.expit(x[0]) + special.log_expit(x[1]) * special.erf(x[2])
    return np.sum(y * special.log_expit(x) + p * special.erfc(x)) * scale


def test_functions_of_scipy():
    x, y = RNG.normal(size=300) * 4, RNG.normal(size=300)
    x[:4] = [800.0, -800.0, 40.0, -40.0]
    compiled = jit(logistic)
    assert compiled(x, y) == pytest.approx(logistic(x, y), rel=1e-13)
    exact = sciad.grad(logistic)(x, y)
    np.testing.assert_allclose(sciad.grad(compiled)(x, y), exact, rtol=1e-12, atol=1e-14)
    assert all(f"vec_{name}(" in compiled.source() for name in ("expit", "log_expit"))
    assert jit(lambda: special.expit(0.3))() == special.expit(0.3)


def far(x):
    return np.sum(np.sin(x)) + np.sum(np.cos(x) ** 2)


def test_huge_arguments_go_to_the_library():
    x = np.concatenate([RNG.normal(size=300), [1e300, -1e17, 3e9], RNG.normal(size=300)])
    assert jit(far)(x) == pytest.approx(far(x), rel=1e-13)
    assert math.isnan(jit(far)(np.array([1.0, np.inf])))


def deep(x, n):
    total = 0.0
    for i in range(len(x)):
        total += math.exp(-x[i] * n)
    if n == 0:
        return total
    return total + deep(x, n - 1)


def test_frames_of_recursive_functions_stay_small():
    x = RNG.uniform(size=20)
    compiled = jit(deep)
    assert compiled(x, 700) == pytest.approx(deep(x, 700), rel=1e-12)
    assert "vec_block" not in compiled.source()


def test_right_hand_sides_use_them():
    n = 40

    def field(t, y, p):
        return np.exp(-y) * p + np.sin(y)

    made = native(field, n, args=(0.5,))
    assert all(name in made.source() for name in ("vec_exp", "vec_sin"))
    import ctypes

    address = ctypes.POINTER(ctypes.c_double)
    function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_double, address, address, address)(
        made.value
    )
    y, p, out = RNG.normal(size=n), np.array([0.5]), np.empty(n)
    assert function(0.0, *(a.ctypes.data_as(address) for a in (y, p, out))) == 0
    np.testing.assert_allclose(out, field(0.0, y, 0.5), rtol=1e-14)


# -- the pass alone ------------------------------------------------------------------------------
def loop_over(write, step=1, check=False):
    """exp of the elements of x, stored into another buffer or into x itself."""
    x, y, n = Value("x", BufferType(FLOAT)), Value("y", BufferType(FLOAT)), Value("n", INT)
    b, body, i = Builder(), Region(), Value("i", INT)
    with b.inside(body):
        if check:
            b.check(b.compare("lt", i, n), Failure("IndexError", "outside"))
        b.effect(
            "store", x if write == "x" else y, i, b.pure("call", b.load(x, i), attr=("math", "exp"))
        )
    first, last = (const(0), n) if step > 0 else (b.sub(n, const(1)), const(-1))
    b.region.nodes.append(Loop("range", i, first, last, const(step), (), (), body, ()))
    return Function("loop", (x, y, n), b.region)


def maps(function):
    return [n.attr.name for n in walk(function.body) if isinstance(n, Op) and n.code == "map"]


@pytest.mark.parametrize("step", [1, -1])
def test_a_plain_loop_is_split(step):
    function = loop_over("y", step)
    made = blocked(function)
    verify(made)
    assert maps(made) == ["exp"]
    assert not maps(function)
    assert "math.exp" not in "\n".join(emit(function).lines)


@pytest.mark.parametrize(
    "options", [{"write": "x"}, {"write": "y", "check": True}, {"write": "y", "step": 2}]
)
def test_loops_that_stay_whole(options):
    assert not maps(blocked(loop_over(**options)))


def test_blocks_are_shared_by_loops_one_after_the_other():
    function = loop_over("y")
    other = loop_over("y")
    _x, _y, n = function.params
    (loop,) = other.body.nodes
    known = dict(zip(other.params, function.params, strict=True))
    for node in loop.body.nodes:
        node.args = tuple(known.get(a, a) for a in node.args)
    loop.stop = n
    function.body.nodes.append(loop)
    made = blocked(function)
    verify(made)
    blocks = [n for n in walk(made.body) if isinstance(n, Op) and n.attr == "block"]
    assert len(blocks) == 2
    assert maps(made) == ["exp", "exp"]

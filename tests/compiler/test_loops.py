"""Loops in their last form: boundary tests apart, sums into neighbours by rows, moving shadows."""

import numpy as np
import pytest

import sciad
from sciad.compiler.ir import (
    FLOAT,
    INT,
    BufferType,
    Function,
    If,
    Loop,
    Op,
    Region,
    Value,
    const,
    walk,
)
from sciad.compiler.loops import shaped
from sciad.compiler.loops.affine import Moving


def heat(u, k):
    """Diffusion with fixed ends, by tests."""
    n = len(u)
    out = np.empty(n)
    for i in range(n):
        left = u[i - 1] if i > 0 else 0.0
        right = u[i + 1] if i < n - 1 else 1.0
        out[i] = u[i] + k * (left - 2.0 * u[i] + right)
    return out


def ring(u, k):
    """Advection and diffusion on a ring, by remainders."""
    n = len(u)
    out = np.empty(n)
    for i in range(n):
        ahead, behind = u[(i + 1) % n], u[(i - 1) % n]
        out[i] = k * u[i] * (ahead - behind) + ahead - 2.0 * u[i] + behind
    return out


def backwards(u, k):
    """A stencil from the last element to the first."""
    n = len(u)
    out = np.zeros(n)
    for i in range(n - 1, -1, -1):
        if i == n - 1:
            out[i] = u[i] * k
        elif i == 0:
            out[i] = u[0] * u[n - 1]
        else:
            out[i] = u[i - 1] * u[i + 1] - k * u[i]
    return out


def moved(u, k):
    """Elements that move up and are scaled on their way."""
    x = u.copy()
    for j in range(len(x) - 1, 0, -1):
        x[j] = x[j - 1] * k
    x[0] = k
    return x


def median(u, k):
    """The middle after sorting by insertion."""
    x = u.copy()
    for i in range(1, len(x)):
        key, j = x[i], i - 1
        while j >= 0 and x[j] > key:
            x[j + 1] = x[j]
            j -= 1
        x[j + 1] = key
    return x * k


def turned(u, k):
    """One element that is scaled again and again."""
    x = u.copy()
    for i in range(len(x)):
        x[0] = x[0] * np.cos(u[i]) * k
    return x


def recurrence(u, k):
    """Elements computed from the two before: stored once, read later."""
    x = np.zeros(len(u))
    for i in range(2, len(u)):
        x[i] = 0.5 * x[i - 1] - k * x[i - 2] + u[i]
    return x


def chosen(u, k):
    """Tests that have nothing to do with the ends."""
    at = int(10 * k)
    x = np.zeros(len(u))
    for i in range(len(u)):
        if i != at:
            x[i] += u[i] * u[i - 1]
        if i == 1:
            x[i] -= u[i] ** 2
        x[i] += u[i] if i < at else u[i] * k
        x[i] *= u[i] if 2 * i > 1 else k
    return x


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 600])
@pytest.mark.parametrize(
    "program", [heat, ring, backwards, moved, median, turned, recurrence, chosen]
)
def test_machine_code_agrees_with_the_followed_program(program, size):
    rng = np.random.default_rng(size)
    u, bar, k = rng.normal(size=size), rng.normal(size=size), 0.3
    compiled = sciad.jit(program)
    np.testing.assert_allclose(compiled(u, k), program(u, k), rtol=1e-13, atol=1e-15)
    found = sciad.vjp(compiled, u, k)[1](bar)
    expected = sciad.vjp(program, u, k)[1](bar)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("program", [heat, ring, backwards, moved, recurrence])
def test_second_derivatives_agree(program):
    rng = np.random.default_rng(5)
    u, v = rng.normal(size=(2, 300))
    energy = lambda program: lambda u: np.sum(program(u, 0.3) ** 3)
    found = sciad.hvp(energy(sciad.jit(program)), u, v)
    np.testing.assert_allclose(found, sciad.hvp(energy(program), u, v), rtol=1e-11, atol=1e-11)


def ir_of(program, kind, *args):
    """Intermediate program of one kind in its last form."""
    made, _, _ = sciad.jit(program)._program(args, {})
    return shaped(made.derived(kind))


def innermost(function):
    """Loops without loops inside."""
    loops = [n for n in walk(function.body) if isinstance(n, Loop)]
    return [n for n in loops if not any(isinstance(x, Loop) for x in walk(n.body))]


def codes(region):
    return [n.code for n in walk(region) if isinstance(n, Op)]


@pytest.mark.parametrize("program", [heat, ring])
def test_the_loop_between_the_ends_asks_nothing(program):
    function = ir_of(program, "value", np.ones(20), 0.3)
    (loop,) = innermost(function)
    assert not {"select", "lt", "gt", "eq", "check", "mod"} & set(codes(loop.body))
    assert not any(isinstance(n, If) for n in walk(loop.body))


def test_a_test_in_the_middle_stays():
    def half(u):
        total = 0.0
        for i in range(len(u)):
            total += u[i] if 2 * i < len(u) else -u[i]
        return total

    (loop,) = innermost(ir_of(half, "value", np.ones(20)))
    assert any(isinstance(n, If) for n in walk(loop.body)) or "select" in codes(loop.body)


def test_sums_into_neighbours_have_loops_of_their_own():
    function = ir_of(ring, "vjp", np.ones(20), 0.3)
    sums = [codes(loop.body).count("accum") for loop in innermost(function)]
    assert sums == [1, 1, 1]


def test_moved_shadows_are_stored_once():
    function = ir_of(moved, "vjp", np.ones(20), 0.3)
    stores = [n for loop in innermost(function) for n in loop.body.nodes if n.code == "store"]
    moving = [n for n in stores if n.args[2] != const(0.0) and n.args[0].name.endswith("_bar")]
    (store,) = moving
    (loop,) = (x for x in innermost(function) if store in x.body.nodes)
    uses = [n.code for n in loop.body.nodes if store.args[0] in n.args]
    assert uses == ["load", "store"]


def test_only_sums_of_the_library_and_of_cotangents_have_a_free_order():
    def both(u):
        total = 0.0
        for i in range(len(u)):
            total += u[i] * u[i]
        return total + np.sum(u)

    source = sciad.jit(both)
    source(np.ones(3))
    text = source.source("value")
    assert "total = total + " in text
    assert "total2 += " in text


def test_the_users_sums_keep_their_order():
    def total(u):
        found = 0.0
        for i in range(len(u)):
            found += u[i]
        return found

    u = np.random.default_rng(0).normal(size=1000) * np.logspace(-8, 8, 1000)
    assert sciad.jit(total)(u) == total(u)


def test_sums_of_an_index_are_told_apart():
    i, n = Value("i", INT), Value("n", INT)
    a, out = Value("a", BufferType(FLOAT)), [Value("v", INT) for _ in range(5)]
    body = [
        Op("mul", (n, const(3)), (out[0],)),
        Op("add", (out[0], i), (out[1],)),
        Op("sub", (out[1], const(2)), (out[2],)),
        Op("mul", (i, n), (out[3],)),
        Op("neg", (out[2],), (out[4],)),
        Op("accum", (a, out[2], const(1.0))),
    ]
    loop = Loop("range", i, const(0), n, const(1), (), (), Region(body), ())
    moving = Moving(loop)
    found = moving.affine(out[2])
    assert (found.slope, found.number) == (1, -2)
    assert dict(found.terms) == {n: 3}
    assert moving.affine(out[4]).slope == -1
    assert moving.affine(out[3]) is None  # i * n: the slope is not known
    assert found.shifted(2).minus(found).at(moving.affine(const(0))) == 2


def loop_of(*ops):
    """Write `for i in range(n)` over operations on a buffer; `ops` gives (code, offset, value)."""
    n, i, a = Value("n", INT), Value("i", INT), Value("a", BufferType(FLOAT))
    places = {offset: Value("place", INT) for _, offset, _ in ops}
    nodes = [Op("add", (i, const(offset)), (place,)) for offset, place in places.items()]
    loaded = None
    for code, offset, value in ops:
        place = places[offset]
        if code == "load":
            loaded = Value("x", FLOAT)
            nodes.append(Op("load", (a, place), (loaded,)))
        else:
            nodes.append(Op(code, (a, place, loaded if value is None else value)))
    loop = Loop("range", i, const(0), n, const(1), (), (), Region(nodes), ())
    return Function("f", (n, a), Region([loop]))


ZERO = const(0.0)


@pytest.mark.parametrize(
    "ops",
    [
        [("load", 0, None), ("accum", 1, None), ("accum", 2, None)],  # read where it is added to
        [("load", 1, None), ("store", 2, ZERO), ("accum", 0, None)],  # clears something else
        [("load", 1, None), ("store", 1, const(1.0)), ("accum", 0, None)],
        [("load", 2, None), ("store", 2, ZERO), ("accum", 0, None)],  # two chains in one
        [("load", 1, None), ("accum", 0, None), ("store", 1, ZERO), ("load", 0, None)],
    ],
)
def test_loops_that_look_alike_stay(ops):
    (loop,) = innermost(shaped(loop_of(*ops)))
    assert [c for c in codes(loop.body) if c != "add"] == [code for code, _, _ in ops]


def test_of_a_chain_one_store_remains():
    ops = [("load", 1, None), ("store", 1, ZERO), ("accum", 0, None)]
    (loop,) = innermost(shaped(loop_of(*ops)))
    assert [c for c in codes(loop.body) if c != "add"] == ["load", "store"]

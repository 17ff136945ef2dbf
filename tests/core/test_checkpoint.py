"""Checkpointed calls and loops: the same derivatives, less memory, few repeated steps."""

import functools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sciad
from sciad import (
    CheckpointReport,
    InputError,
    LostDerivativeError,
    TracingError,
    checkpoint,
    checkpoint_loop,
    grad,
    hessian,
    jacobian,
    jvp,
    vjp,
)
from sciad.core.revolve import beta, fewest_snapshots, fewest_steps, split
from sciad.core.testing import check_grads

X = np.array([0.3, 0.5, 0.7])


def same(f):
    return f


def peak(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Calls -------------------------------------------------------------------------------------------


class Model:
    def __init__(self, w):
        self.w = w
        self.parts = [lambda x: x * self.w, {"w": w}]

    def apply(self, x):
        return np.tanh(self.parts[0](x)) + self.parts[1]["w"]

    @checkpoint
    def decorated(self, x):
        return self.apply(x) ** 2


def program(wrap):
    def layer(x, w, n=2):
        b = np.zeros_like(x)
        for i in range(n):
            b[i] = math.sin(x[i] * w["k"])
        b += x
        return {"b": b, "n": n, "s": np.sum(b)}

    def loss(x, k):
        out = wrap(layer)(x, {"k": k})
        out = wrap(layer)(out["b"], {"k": k * out["s"]}, n=out["n"] - 1)
        closure = wrap(lambda y: y * k + np.sum(x))(out["s"])
        method = wrap(Model(k).apply)(x)
        partial = wrap(functools.partial(lambda a, b, c: a * b + c, k, c=closure))(x)
        inner = grad(wrap(lambda y: np.sum(y**2 * x) * k))(x)
        return np.sum(out["b"] ** 2) * np.sum(method * partial * inner)

    return loss


@pytest.mark.parametrize(
    "derivative",
    [
        lambda f: grad(f, (0, 1)),
        lambda f: hessian(f, (0, 1)),
        lambda f: jacobian(grad(f), mode="reverse"),
        lambda f: lambda x, k: jvp(f, (x, k), (x, 1.0)),
        lambda f: lambda x, k: vjp(vjp(f, x, k)[1], 1.0)[1]((x, k)),
        lambda f: lambda x, k: sciad.linearize(f, x, k)[1](x, k),
        lambda f: grad(lambda x, k: grad(lambda y: grad(f, 1)(x, y))(k)),
    ],
)
def test_derivatives_are_those_of_the_function(derivative):
    found = sciad.core.tree.flatten(derivative(program(checkpoint))(X, 0.4))[0]
    expected = sciad.core.tree.flatten(derivative(program(same))(X, 0.4))[0]
    assert found
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_methods_may_be_decorated():
    f = lambda w: np.sum(Model(w).decorated(X))
    check_grads(f, (0.4,), order=2)
    np.testing.assert_allclose(f(0.4), np.sum(Model(0.4).apply(X) ** 2))


def test_nested_checkpoints():
    f = lambda wrap: lambda x: np.sum(wrap(lambda y: wrap(lambda z: np.sin(z * x))(y) * y)(x**2))
    np.testing.assert_allclose(grad(f(checkpoint))(X), grad(f(same))(X), rtol=1e-14)


def test_variables_bound_again_after_the_call():
    def f(x):
        factor = 0.0

        def scaled(y):
            return y * factor

        for _ in range(3):
            factor += 1.0
            x = checkpoint(scaled)(x)
        return x

    assert grad(f)(2.0) == 6.0


def test_structures_go_through():
    f = checkpoint(lambda p: {"y": p["a"] * 2, "n": p["n"], "none": None, "t": (p["a"], "s")})
    value, pullback = vjp(f, {"a": 3.0, "n": 2})
    assert value == {"y": 6.0, "n": 2, "none": None, "t": (3.0, "s")}
    assert pullback({"y": 1.0, "n": None, "none": None, "t": (10.0, None)}) == (
        {"a": 12.0, "n": None},
    )
    assert f({"a": 3.0, "n": 2})["y"] == 6.0
    assert grad(lambda x: x + (checkpoint(lambda y: None)(x) is None))(1.0) == 1.0


def test_inside_is_evaluated_once_more_for_each_backward_pass():
    calls = []

    def f(x):
        calls.append(len(calls))
        return np.sin(x) * x

    _, pullback = vjp(checkpoint(f), X)
    assert len(calls) == 1
    pullback(X)
    pullback(X)
    assert len(calls) == 3


class Counted:
    def __init__(self, table):
        self.table, self.calls = table, 0

    def apply(self, x):
        self.calls += 1
        return x * self.table


def test_objects_without_traced_values_are_used_as_they_are():
    counted = Counted(np.ones(3))
    assert grad(lambda x: np.sum(checkpoint(counted.apply)(x)))(2.0) == 3.0
    assert counted.calls == 2
    _, pullback = vjp(lambda x: checkpoint(counted.apply)(x), 2.0)
    counted.table = 5.0 * counted.table
    with pytest.raises(LostDerivativeError, match="another result"):
        pullback(np.ones(3))


def test_memory_is_that_of_one_part():
    def part(x):
        for _ in range(20):
            x = np.sin(x) * 1.01
        return x

    def chain(wrap):
        def f(x):
            for _ in range(20):
                x = wrap(part)(x)
            return np.sum(x)

        return f

    x = np.ones(20000)
    plain, small = (peak(lambda w=w: grad(chain(w))(x)) for w in (same, checkpoint))
    # 20 arguments, 20 * 2 operations of one part, and cotangents
    assert small < 20000 * 8 * 80 < 20000 * 8 * 300 < plain


def test_an_exception_leaves_nothing_behind():
    def failing(x):
        if x > 0:
            raise KeyError("no")
        return x

    def f(x):
        try:
            return checkpoint(failing)(x * 2)
        except KeyError:
            return x * x

    assert grad(f)(3.0) == 6.0
    with pytest.raises(KeyError):
        grad(checkpoint(failing))(1.0)


GLOBAL = None


def reads_global(x):
    return x * GLOBAL


def test_traced_values_that_cannot_be_found_raise():
    def f(x):
        global GLOBAL
        GLOBAL = x * 2.0
        return checkpoint(reads_global)(x)

    with pytest.raises(TracingError, match=r"reaches a traced value.*\n.*test_checkpoint"):
        grad(f)(2.0)


def test_values_that_escape_raise():
    def f(x):
        kept = []
        y = checkpoint(lambda z: (kept.append(z * 2.0), z * z)[1])(x)
        return y + kept[0]

    with pytest.raises(TracingError, match="had ended"):
        grad(f)(2.0)


def writes_argument(x, values, box):
    x[0] = 1.0
    return x * x


def appends(x, values, box):
    values.append(1)
    return x * values[0]


def sets_attribute(x, values, box):
    box.w = 3.0
    return x * 1.0


def rebinds(x, values, box):
    count = 0

    def inner(y):
        nonlocal count
        count += 1
        return y * x

    return checkpoint(inner)(x)


@pytest.mark.parametrize("function", [writes_argument, appends, sets_attribute, rebinds])
def test_changes_of_what_is_given_raise(function):
    def f(x):
        return np.sum(checkpoint(function)(x * 1.0, [x], Model(x)))

    with pytest.raises(TracingError, match=r"is computed again.*but it changes.*\n.*test_check"):
        grad(f)(X)


def test_another_result_raises():
    rng = np.random.default_rng(0)
    with pytest.raises(LostDerivativeError, match="gave another result"):
        grad(lambda x: np.sum(checkpoint(lambda y: y * rng.normal())(x)))(X)


def test_a_write_into_a_result_that_is_an_argument_raises():
    def f(x):
        y = x * 1.0
        z = checkpoint(lambda a: a[1:])(y)
        z[0] = 0.0
        return np.sum(y)

    with pytest.raises(TracingError, match="also that of another argument"):
        grad(f)(X)


# Which states to store ---------------------------------------------------------------------------


@functools.lru_cache(None)
def fewest(steps, snapshots):
    """The same optimum by dynamic programming."""
    if steps <= 1:
        return 0
    if snapshots == 1:
        return steps * (steps - 1) // 2
    return min(m + fewest(steps - m, snapshots - 1) + fewest(m, snapshots) for m in range(1, steps))


@pytest.mark.parametrize("snapshots", [1, 2, 3, 4, 7, 12])
def test_binomial_formula(snapshots):
    for steps in range(1, 60):
        assert fewest_steps(steps, snapshots) == fewest(steps, snapshots)
        if steps > 1 < snapshots:
            m = split(steps, snapshots)
            parts = fewest(steps - m, snapshots - 1) + fewest(m, snapshots)
            assert m + parts == fewest(steps, snapshots)
    assert beta(snapshots, 2) == (snapshots + 1) * (snapshots + 2) // 2
    assert beta(-1, 2) == beta(2, -1) == 0
    assert fewest_snapshots(beta(snapshots, 2), 2) == snapshots


# Loops -------------------------------------------------------------------------------------------

N = 13
FORCE = np.random.default_rng(0).normal(size=(N, 3))


def step(state, x, a):
    u = np.copy(state["u"])
    u[0] += x["f"][0] * a
    state["u"] *= 2.0  # the state may be written
    u = np.sin(u + 0.1 * state["u"]) * a + x["f"]
    return {"u": u, "t": state["t"] + 0.1 * x["k"] * np.sum(u), "name": "s"}


def looped(u, a, force, snapshots=None, report=None, c=2.0, **options):
    closure = lambda s, x, a: step(s, x, a * c)
    start = {"u": u, "t": 0.0, "name": "s"}
    xs = {"f": force, "k": np.arange(N)}
    end = checkpoint_loop(
        closure, start, None, a, xs=xs, snapshots=snapshots, report=report, **options
    )
    return np.sum(end["u"] ** 2) + end["t"]


def plain(u, a, force, c=2.0):
    state = {"u": np.copy(u), "t": 0.0}
    for k in range(N):
        state = step(state, {"f": force[k], "k": k}, a * c)
    return np.sum(state["u"] ** 2) + state["t"]


def last_place(steps, snapshots):
    """Where the first way through stores its last state: no step before is repeated for that."""
    last = 0
    while snapshots > 1 and steps - last > 1:
        last, snapshots = last + split(steps - last, snapshots), snapshots - 1
    return last


@pytest.mark.parametrize("snapshots", [None, *range(1, N + 2)])
def test_gradient_and_counts_of_a_loop(snapshots):
    report = CheckpointReport()
    u = X.copy()
    found = grad(looped, (0, 1, 2))(u, 0.3, FORCE, snapshots, report)
    np.testing.assert_array_equal(u, X)
    for a, b in zip(found, grad(plain, (0, 1, 2))(X, 0.3, FORCE), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    limit = report.snapshots
    assert limit == (snapshots or fewest_snapshots(N, 2))
    assert report.forward == report.recorded == N
    assert report.stored == min(limit, N)
    assert report.recomputed + last_place(N, limit) == fewest(N, limit)


def test_second_derivatives_of_a_loop():
    for derivative in (hessian, lambda f: jacobian(grad(f), mode="reverse")):
        found = derivative(lambda u: looped(u, 0.3, FORCE, 3))(X)
        np.testing.assert_allclose(found, hessian(lambda u: plain(u, 0.3, FORCE))(X), rtol=1e-11)
    by_closure = lambda f: grad(grad(lambda c: f(X, 0.3, FORCE, c=c)))(1.5)
    assert by_closure(looped) == pytest.approx(by_closure(plain), rel=1e-11)
    check_grads(lambda a: looped(X, a, FORCE, 2), (0.3,), order=2)


def test_pullback_of_a_loop_many_times():
    report = CheckpointReport()
    f = lambda x: checkpoint_loop(lambda s: np.sin(s) * 1.1, x, 20, snapshots=3, report=report)
    _, pullback = vjp(f, X)
    first, second = pullback(X), pullback(X)
    np.testing.assert_array_equal(first, second)
    assert report.stored == 3
    # the states stored on the way forward serve the first time only
    assert report.recomputed == 2 * fewest(20, 3) - last_place(20, 3)


def test_short_loops():
    f = lambda n: lambda x: checkpoint_loop(lambda s: s * s, x, n)
    assert [grad(f(n))(3.0) for n in (0, 1, 2)] == [1.0, 6.0, 108.0]
    assert checkpoint_loop(lambda s: s * s, 3.0, 2) == 81.0
    assert checkpoint_loop(lambda s, x: s + x, 0.5, xs=np.zeros((0, 2))) == 0.5


def test_memory_of_a_loop():
    size, steps = 10000, 200
    f = lambda x, s: np.sum(checkpoint_loop(lambda u: np.sin(u) * 1.01, x, steps, snapshots=s))
    used = {
        s: peak(lambda s=s: grad(lambda x: f(x, s))(np.ones(size))) / (8 * size) for s in (3, 50)
    }
    assert used[3] < 3 + 16
    assert used[50] < 50 + 16
    assert used[50] - used[3] > 30


def test_memory_budget():
    report = CheckpointReport()
    f = lambda x: np.sum(checkpoint_loop(np.sin, x, 50, memory=1000.0, report=report))
    grad(f)(np.ones(25))
    assert report.snapshots == 5
    assert report.stored == 5


def test_interruption_leaves_nothing_broken():
    runs = []

    def interrupted(s):
        runs.append(1)
        if len(runs) == 7:
            raise KeyboardInterrupt
        return s * s * 0.9

    def f(x):
        try:
            y = checkpoint_loop(interrupted, x, 10, snapshots=2)
        except KeyboardInterrupt:
            y = x * 3.0
        return y * x

    assert grad(f)(1.5) == 9.0
    runs[:] = [1] * 8
    assert grad(f)(0.9) == pytest.approx(jvp(f, (0.9,), (1.0,))[1], rel=1e-13)
    _, pullback = vjp(lambda x: checkpoint_loop(interrupted, x, 10, snapshots=2), 0.9)
    runs[:] = [1] * 3
    with pytest.raises(KeyboardInterrupt):
        pullback(1.0)
    runs[:] = [1] * 8
    assert pullback(1.0)[0] == pytest.approx(
        jvp(lambda x: checkpoint_loop(interrupted, x, 10), (0.9,), (1.0,))[1], rel=1e-13
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: checkpoint_loop(np.sin, x), "n_steps or xs"),
        (lambda x: checkpoint_loop(np.sin, x, -1), "whole number"),
        (lambda x: checkpoint_loop(np.sin, x, 2.0), "whole number"),
        (lambda x: checkpoint_loop(np.sin, x, 3, snapshots=0), "at least 1"),
        (lambda x: checkpoint_loop(np.sin, x, 3, snapshots=2, memory=3), "not both"),
        (lambda x: checkpoint_loop(np.add, x, 3, xs=np.ones(4)), "n_steps is 3, but xs has 4"),
        (lambda x: checkpoint_loop(np.add, x, xs=[1.0, 2.0]), "leading axis"),
        (lambda x: checkpoint_loop(np.add, x, xs=(np.ones(2), np.arange(3))), "lengths"),
        (lambda x: checkpoint_loop(lambda s: s[1:], x, 2), "step 0 of .* changes the state"),
        (lambda x: checkpoint_loop(lambda s: (s, s), x, 2), "changes the state"),
    ],
)
def test_options_of_loops_are_checked(call, message):
    with pytest.raises(InputError, match=message):
        grad(lambda x: np.sum(call(x)))(X)


def test_a_step_must_not_write_into_arguments():
    def bad(s, table):
        table[0] += 1.0
        return s * table

    with pytest.raises(TracingError, match="changes an array"):
        grad(lambda x: np.sum(checkpoint_loop(bad, x, 3, np.ones(3))))(X)
    with pytest.raises(TracingError, match="changes an array"):
        grad(lambda x: np.sum(checkpoint_loop(bad, x, 3, x * 2)))(X)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 12), st.integers(1, 6), st.sampled_from(["grad", "hessian", "forward"]))
def test_random_loops(steps, snapshots, kind):
    matrix = np.array([[0.9, 0.2], [-0.3, 0.8]])
    body = lambda s, w: np.tanh(matrix @ s) * w
    loop = lambda x, w: np.sum(checkpoint_loop(body, x, steps, w, snapshots=snapshots) ** 2)

    def reference(x, w):
        for _ in range(steps):
            x = body(x, w)
        return np.sum(x**2)

    derivative = {
        "grad": lambda f: grad(f, (0, 1)),
        "hessian": lambda f: hessian(f),
        "forward": lambda f: jacobian(f, mode="forward"),
    }[kind]
    found, expected = (derivative(f)(np.array([0.4, 0.6]), 1.1) for f in (loop, reference))
    np.testing.assert_allclose(np.hstack(found), np.hstack(expected), rtol=1e-11, atol=1e-13)

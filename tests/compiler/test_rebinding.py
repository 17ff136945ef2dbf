"""Names of arrays in memory that are rebound: in loops, in branches, in tuples, lists and dicts."""

import numpy as np
import pytest

from sciad.compiler import jit
from sciad.core.errors import CompileError
from sciad.core.transforms import grad, hvp, jvp, vjp

U = np.linspace(0.2, 1.1, 5)
CASES = []


def case(n):
    def accept(function):
        CASES.append(pytest.param(function, n, id=function.__name__))
        return function

    return accept


@case(7)
def euler(u, n):
    for _k in range(n):
        u = u + 0.1 * np.sin(u)
    return u


@case(4)
def double(u0, n):
    u = u0.copy()
    new = np.empty_like(u)
    for _k in range(n):
        for i in range(len(u)):
            new[i] = 0.3 * np.sin(u[i]) + u[(i + 1) % len(u)] ** 2 * 0.1
        u, new = new, u
    new[0] = 7.0
    return u.sum() * 2 + new.sum()


def rk4step(y, h):
    k1 = np.sin(y)
    k2 = np.sin(y + 0.5 * h * k1)
    k3 = np.sin(y + 0.5 * h * k2)
    k4 = np.sin(y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@case(6)
def rk4(y, n):
    for _k in range(n):
        y = rk4step(y, 0.1)
    return (y * y).sum()


@case(6)
def leap(q, n):
    p = np.zeros(len(q))
    s = (q, p)
    for _k in range(n):
        q, p = s
        p = p - 0.05 * np.sin(q)
        q = q + 0.1 * p
        s = (q, p)
    return s[0] * s[1]


@case(6)
def choose(a, n):
    b = a * a
    v = a if a[0] * n > 1.0 else b
    return v * np.sin(v)


@case(6)
def choose2(a, n):
    b = a * a
    if b[0] * n > 100.0:
        v = np.zeros(len(a))
    else:
        v = np.sin(b)
        v[2] = 0.3 * n
    v[1] = a[0]
    return v


@case(9)
def adaptive(u, n):
    t = 0.0
    h = 0.1
    while t < 1.0:
        new = u + h * np.cos(u)
        err = np.max(np.abs(new - u))
        if err < 0.09:
            u = new
            t += h
            h *= 1.2
        else:
            h *= 0.5
    return u


@case(5)
def prev(u, n):
    old = u
    for _k in range(n):
        tmp = u
        u = np.sin(u) + 0.1 * old
        old = tmp
    return u - 2 * old


@case(5)
def bc(u, n):
    u = u.copy()
    for _k in range(n):
        u[0] = 0.5
        u = u + 0.1 * u * u
        u[len(u) - 1] = u[0] * 2
    u[1] = 3.0
    return u


def layer(x, k):
    if k > 1:
        return np.tanh(x)
    return x * x


@case(3)
def layers(x, n):
    h = x
    for k in range(n):
        h = layer(h, k)
    return h


@case(5)
def newton(x, n):
    for _k in range(50):
        dx = (x * x - 2.0) / (2 * x)
        x = x - dx
        if np.max(np.abs(dx)) < 1e-9:
            break
    return x


@case(5)
def newton2(x, n):
    for _k in range(50):
        r = x * x - 2.0
        if np.max(np.abs(r)) < 1e-9:
            return x
        x = x - r / (2 * x)
    return x * 0


def inner(v):
    for _k in range(3):
        v = v + 0.1 * v * v
    return v


@case(5)
def nested(u, n):
    for _t in range(n):
        u = inner(u) - inner(0.5 * u)
    return u


@case(3)
def nested2(u, n):
    for _t in range(n):
        v = u
        for _s in range(4):
            v = np.sin(v) + u * 0.1
        u = v + u
        u[0] = 1.0
    return u


@case(3)
def views(u, n):
    a = np.zeros(12)
    a[2:7] = u
    row = a[0:5]
    for k in range(n):
        row = a[k : k + 5]
        row[1] = row[0] + u[k] ** 2
    return a * row.sum()


@case(3)
def acts(u, n):
    hs = [u, u * u]
    for _k in range(n):
        hs = [np.sin(hs[1]), hs[0] * 0.5]
    return hs[0] + hs[1]


@case(3)
def dicts(u, n):
    s = {"q": u, "p": u * 0.5}
    for _k in range(n):
        s = {"q": s["q"] + 0.1 * s["p"], "p": s["p"] - 0.1 * s["q"]}
    return s["q"] * s["p"]


@case(3)
def handed(u, n):
    for k in range(3):
        r = u * k
        u = np.sin(r) + 0.3
    return u * r


@case(2)
def mat(u, n):
    A = np.zeros((len(u), len(u)))
    for i in range(len(u)):
        A[i, i] = u[i]
        A[i, 0] = u[i] * 2
    M = A
    for _k in range(n):
        M = (M @ A).T
    return M[0] + 2.0 * M[1]


@case(4)
def shrink(u, n):
    for _k in range(n):
        u = u[1:] * u[:-1]
    return u


@case(4)
def sequential(u, n):
    new = np.zeros(len(u))
    v = u * 1.0
    for _k in range(n):
        new[:] = np.sin(v)
        v, new = new, v
    for _k in range(n):
        v = v + 0.1 * new
    for _k in range(3):
        new[:] = np.cos(v)
        v, new = new, v
    return v - new


@case(5)
def one_name(u, n):
    u = u * 1.0
    for k in range(n):
        if k % 2 == 0:
            u = u + 0.1 * np.sin(u)
        u[0] = 0.5 * u[1]
    u[2] = u[0]
    return u


def checked(interpreted, fun, n):
    """Compare values and derivatives of the emitted code with Python's and the eager engine's."""

    def program(t, y, p):
        return fun(y[: int(p[0])], int(p[1]))

    y = np.concatenate([U, np.full(35, np.nan)])
    reference = np.asarray(fun(U.copy(), n), float)
    size = reference.size
    outer = program if reference.ndim else (lambda t, y, p: [program(t, y, p)])
    made = interpreted(outer, 40, size, (np.array([5.2, n + 0.2]),))
    status, out = made.value(0.0, y)
    assert status == 0
    np.testing.assert_allclose(out, reference, rtol=1e-13, atol=1e-14)
    outbar = np.cos(1.0 + np.arange(size))
    _, pullback = vjp(lambda u: np.ravel(fun(u, n)), U)
    status, _, ybar, _ = made.vjp(0.0, y, outbar)
    assert status == 0
    np.testing.assert_allclose(ybar[:5], pullback(outbar)[0], rtol=1e-12, atol=1e-13)
    assert not ybar[5:].any()
    direction = np.concatenate([np.sin(2.0 + np.arange(5.0)), np.zeros(35)])
    status, _, outdot = made.jvp(0.0, y, 0.0, direction, np.zeros(2))
    assert status == 0
    assert outbar @ outdot == pytest.approx(ybar @ direction, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(("fun", "n"), CASES)
def test_rebinding(interpreted, fun, n):
    checked(interpreted, fun, n)


def small_buffers(t, y):
    u, new = np.array([y[0], y[1], y[2]]), np.zeros(3)
    for _ in range(60):
        for i in range(3):
            new[i] = 0.9 * u[i] + 0.05 * np.sin(u[(i + 1) % 3])
        u, new = new, u
    return u


def small_aliases(t, y):
    a = np.zeros(3)
    b = a
    for k in range(50):
        a[0] = y[0] * k
        b = 0.5 * (a + b)
    return b


def closures(t, y):
    w, z = np.zeros(40) + y[0], np.ones(40) * y[1]

    def step():
        nonlocal w
        w = w + 0.1 * np.sin(z)

    for k in range(int(9 * t)):
        step()
        z[0] = w[1] * k
    return [w.sum(), z[0], z[1]]


@pytest.mark.parametrize("fun", [small_buffers, small_aliases, closures], ids=lambda f: f.__name__)
def test_small_arrays_and_closures(interpreted, fun):
    y, outbar = np.array([0.6, 0.4, 1.3]), np.array([1.0, 0.5, -2.0])
    made = interpreted(fun, 3, 3)
    status, out = made.value(0.7, y)
    assert status == 0
    np.testing.assert_allclose(out, fun(0.7, y), rtol=1e-13)
    _, pullback = vjp(lambda y: np.stack(fun(0.7, y)), y)
    _, tbar, ybar, _ = made.vjp(0.7, y, outbar)
    np.testing.assert_allclose(ybar, pullback(outbar)[0], rtol=1e-12)
    _, _, outdot = made.jvp(0.7, y, 0.4, y, made.p)
    assert outbar @ outdot == pytest.approx(ybar @ y + 0.4 * tbar[0], rel=1e-12)


@pytest.mark.parametrize("fun", [double], ids=lambda f: f.__name__)
def test_all_orders_as_machine_code(fun):
    weights = np.cos(np.arange(5.0))
    loss = lambda f: lambda u: (f(u, 4) * weights).sum()
    compiled, d = loss(jit(fun)), np.sin(1 + np.arange(5.0))
    gradient = grad(loss(fun))(U)
    assert compiled(U) == pytest.approx(loss(fun)(U), rel=1e-14)
    np.testing.assert_allclose(grad(compiled)(U), gradient, rtol=1e-12)
    assert jvp(compiled, (U,), (d,))[1] == pytest.approx(gradient @ d, rel=1e-12)
    np.testing.assert_allclose(hvp(compiled, U, d), hvp(loss(fun), U, d), rtol=1e-11, atol=1e-13)


def test_no_names_of_the_same_array_are_parted():
    def f(u, n):
        u = u.copy()
        v = u if n > 2 else u * 2.0
        v[0] = 7.0
        return u

    with pytest.raises(CompileError, match="another name"):
        jit(f)(U, 3)


def test_a_helper_that_rebinds_and_writes_its_argument_is_refused():
    def inner(v):
        for _ in range(len(v)):
            v[0] = v[1]
            v = v * 0.5
        return v

    def f(u):
        w = u.copy()
        return inner(w) + w

    with pytest.raises(CompileError, match="another name"):
        jit(f)(U)


def test_a_loop_that_writes_before_it_shares_is_refused():
    def f(u, n):
        a, b = u.copy(), u * 0.0
        for _ in range(n):
            a[0] = b[0] + 1.0
            b = a if a[1] > 0.0 else b
        return a + b

    with pytest.raises(CompileError, match="another name"):
        jit(f)(U, 3)


def test_an_array_that_two_names_may_share_stays_unwritable_when_it_moves():
    def f(u, n):
        a = u.copy()
        c = a if n > 1 else u * 2.0
        if n < 3:
            a = u * 3.0
        else:
            for _ in range(n):
                a, u = u, a
        a[0] = 5.0
        return a + c

    with pytest.raises(CompileError, match="another name"):
        jit(f)(U, 3)

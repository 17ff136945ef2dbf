"""Parts of Python beside arithmetic: arguments, names, members of classes, loops over arrays."""

import enum
import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from sciad.compiler import jit
from sciad.core.errors import CompileError
from sciad.core.transforms import grad, vjp

T, Y = 0.7, np.array([0.6, 0.4, 1.3])


class Kind(enum.Enum):
    """Two kinds of springs."""

    SOFT = "soft"
    HARD = "hard"


@dataclass
class Spring:
    """An object with methods."""

    k: float
    kind: Kind

    def force(self, x, *, offset=0.0):
        return -self.stiffness * self.shifted(x, offset)

    @property
    def stiffness(self):
        return 2.0 * self.k if self.kind is Kind.HARD else self.k

    @staticmethod
    def shifted(x, offset):
        return x - offset


class TooLarge(Exception):
    """An exception of the user's."""


class Pair(NamedTuple):
    """A namedtuple with a method."""

    a: float
    b: float

    def total(self, weight):
        return self.a + weight * self.b


SPRING, PAIR = Spring(1.7, Kind.HARD), Pair(0.4, 2.0)


def power(a, x, n=2):
    return a * x**n


CUBE = functools.partial(power, 1.5, n=3)
TABLE = {"sin": math.sin, "power": power}


def deletion_and_walrus(t, y):
    s = y[0] * 2
    doubled = s
    del s
    if (m := len(y)) > 2:
        s = m * y[1]
    while (m := m - 1) > 0:
        s += m * y[m]
    return [s, doubled, m]


def star_unpacking(t, y):
    first, *rest = (y[0], y[1], 2.0, y[2])
    *front, last = rest
    a = b = first
    (c, *none), d = (last,), 3.0
    return [a * rest[0] * rest[2], front[1] * b + len(none), c * d]


def keyword_arguments(t, y):
    def g(a, *, k=2.0, **more):
        return a * k + more["z"] * len(more)

    def h(*args, scale=1.0):
        total = 0.0
        for v in args:
            total += v * v
        return total * scale

    given = {"k": y[1], "z": y[2]}
    return [g(y[0], **given), g(y[0], z=1.0, w=t), h(y[1], *y, scale=3.0) + h()]


def nonlocal_names(t, y):
    total, count = 0.0, 0

    def add(v):
        nonlocal total, count

        def more():
            nonlocal count
            count += 1

        total = total + v * v
        more()
        return total

    for k in range(40):
        add(y[k % 3] * k)
    if add(y[0]) > 100.0:
        add(y[1])
    return [total, count, t]


def quiet_errors(t, y):
    with np.errstate(divide="ignore", invalid="ignore"):
        for k in range(3):
            if y[k] > 5.0:
                return y
        v = np.log(y)
        v[0] = y[1] / 2.0
    return v


def matching(t, y):
    s = 0.0
    for k in range(60):
        match k:
            case 0:
                s += y[0]
            case 1 | 2:
                s += y[1] * y[1]
            case j if j > 57:
                s *= y[2] * j * 0.01
            case _:
                s += 0.1
    match "b":
        case "a":
            s = 0.0
        case other:
            s += len(other)
    return [s, s, t]


def running_together(t, y):
    u = np.zeros(int(50 * t))
    for i in range(len(u)):
        u[i] = y[i % 3] * i
    s = r = 0.0
    for i, (a, b) in enumerate(zip(u[1:], u[:-2], strict=False)):
        s += i * a * b
        u[i] = 0.01
    for i, v in enumerate(u, 1):
        s += i * v
    for v, k in zip(u, range(40, 0, -1), strict=False):
        r += v * k
    return [s, r, u[3]]


def long_comprehensions(t, y):
    n = int(50 * t)
    v = [math.sin(y[i % 3] * i) for i in range(n)]
    w = np.array([a * b for a, b in zip(v, np.array(v), strict=False)])
    return [sum(x * x for x in v), w.sum(), max(2 * x for x in (y[0], y[1]))]


def else_of_loops(t, y):
    n, s, k = int(5 * t), 0.0, 0
    for k in range(n, -1, -1):
        s += k * y[k % 3]
        if s > 1e9:
            break
    else:
        s += (k + 1) * y[1]
    while n < 50:
        n += 1
        if y[0] * n > 1e3:
            break
    else:
        s *= y[1]
    return [s, n, k]


def elements_that_change_on_the_way(t, y):
    v, s = np.array([y[0], 2 * t, y[1]]), 0.0
    for e in v:
        v[2] = 7.0
        s += e
    for i, e in enumerate(v):
        v[1] = 5.0 * t
        s += e * i
    for e, f in zip(v, [1.0, t, 2.0], strict=True):
        v[2] = y[2]
        s += e * f
    numbers = [t, y[0], 1.0]
    for e in reversed(numbers):
        numbers[0] = 4.0 * y[1]
        s += e
    return [s, v[1], numbers[0]]


def functions_as_values(t, y):
    operations = (math.sin, lambda z: z * z, functools.partial(power, y[2]))
    table = {"a": math.exp, "b": lambda z, k=2.0: z * k}
    compose = lambda f, g, z: f(g(z))
    s = 0.0
    for f in operations:
        s += f(y[0])
    return [s, table["a"](y[1]) + table["b"](y[2]), compose(lambda q: q * t, math.tanh, y[1])]


def members(t, y):
    force = SPRING.force
    return [force(y[0], offset=t), SPRING.stiffness * PAIR.total(y[1]), Spring.shifted(y[2], t)]


def captured_functions(t, y):
    return [CUBE(y[0]), TABLE["power"](y[1], t), TABLE["sin"](y[2])]


PROGRAMS = [
    deletion_and_walrus,
    star_unpacking,
    keyword_arguments,
    nonlocal_names,
    quiet_errors,
    matching,
    running_together,
    long_comprehensions,
    else_of_loops,
    elements_that_change_on_the_way,
    functions_as_values,
    members,
    captured_functions,
]


@pytest.mark.parametrize("fun", PROGRAMS, ids=lambda f: f.__name__)
def test_language(interpreted, fun):
    made = interpreted(fun, 3, 3)
    status, out = made.value(T, Y)
    assert status == 0
    np.testing.assert_allclose(out, np.array(fun(T, Y.copy()), float), rtol=1e-13)
    outbar = np.array([1.0, 0.5, -2.0])
    status, tbar, ybar, _ = made.vjp(T, Y, outbar)
    assert status == 0
    _, pullback = vjp(lambda t, y: np.stack(fun(t, y)), T, Y)
    for bar, expected in zip((tbar[0], ybar), pullback(outbar), strict=True):
        np.testing.assert_allclose(bar, expected, rtol=1e-12, atol=1e-12)
    ydot = np.array([0.3, -1.0, 0.8])
    _, _, outdot = made.jvp(T, Y, 0.4, ydot, made.p)
    pbar = made.vjp(T, Y, outbar)[3]
    backward = tbar[0] * 0.4 + ybar @ ydot + pbar @ made.p
    assert outbar @ outdot == pytest.approx(backward, rel=1e-11)


def test_objects_and_functions_as_arguments():
    def f(spring, g, table, x):
        return spring.force(g(x)) * table["power"](x, 2.0)

    fast = jit(f)
    args = (Spring(0.7, Kind.SOFT), power_of_two, TABLE, 1.3)
    assert fast(*args) == pytest.approx(f(*args), rel=1e-15)
    found, expected = grad(fast, 3)(*args), grad(f, 3)(*args)
    assert found == pytest.approx(expected, rel=1e-14)
    assert fast(Spring(0.7, Kind.HARD), *args[1:]) == pytest.approx(2.0 * f(*args), rel=1e-15)
    assert fast(args[0], math.cos, *args[2:]) == pytest.approx(f(args[0], math.cos, *args[2:]))


def power_of_two(x):
    return power(2.0, x)


def test_exceptions_of_the_user():
    @jit
    def f(x):
        if x > 3.0:
            raise TooLarge("larger than 3")
        if x < 0.0:
            raise np.linalg.LinAlgError("negative")
        return x

    with pytest.raises(TooLarge, match="larger than 3"):
        f(4.0)
    with pytest.raises(np.linalg.LinAlgError, match="negative"):
        f(-1.0)


def test_messages_of_exceptions_and_no_leak():
    @jit
    def f(x, n):
        total = 0.0
        for k in range(n):
            total += math.sin(x * k) * x
            if total > 1e3:
                raise ArithmeticError(f"the sum {total} is too large")
            assert k < 50000, "too many terms"
        return total

    assert grad(f)(0.5, 10) == pytest.approx(grad(f.__wrapped__)(0.5, 10), rel=1e-12)
    resident = _resident()
    for _ in range(40):
        with pytest.raises(ArithmeticError, match=r"the sum \{total\} is too large"):
            grad(f)(50000.0, 40000)
        with pytest.raises(AssertionError, match="too many terms"):
            grad(f)(0.01, 60000)
    assert _resident() - resident < 20e6


def _resident():
    with open("/proc/self/statm", encoding="ascii") as stream:
        return 4096 * int(stream.read().split()[1])


@pytest.mark.parametrize(
    ("fun", "words"),
    [
        (lambda x: [x, (lambda q: q)][2], "out of range"),
        (lambda x: (lambda a, /: a)(a=x), "unexpected argument 'a'"),
        (lambda x: (lambda a, *, b: a)(x), "lacks the argument 'b'"),
        (lambda x: (lambda a, b: a)(x, **{"a": x}), "unexpected argument 'a'"),
        (lambda x: SPRING.nothing(x), "no attribute 'nothing'"),
    ],
)
def test_refusals(fun, words):
    with pytest.raises(CompileError, match=words):
        jit(fun)(3.0)


def sometimes_unbound(x, n):
    if n > 2:
        z = np.array([x * x, n])
    elif n > 1:
        z = np.array([x, 3.0])
    s = x
    if n > 5:
        s = s + z[1]
    for k in range(n):
        q = k * x
        if k > 3:
            w = [q + z[0], z[1]]
    if n > 0:
        s += q * k
    if n > 4:
        s += w[0]
    if n == 0:
        s += k
    if n == 1:
        s += z[0]
    if n == 3:
        s += w[1]
    return s


def test_names_that_are_assigned_on_some_paths():
    f = jit(sometimes_unbound)
    for n, name in enumerate(["k", "z", None, "w", None, None, None]):
        if name is None:
            assert f(1.3, n) == pytest.approx(sometimes_unbound(1.3, n), rel=1e-15)
            expected = grad(sometimes_unbound)(1.3, n)
            assert grad(f)(1.3, n) == pytest.approx(expected, rel=1e-13)
            continue
        with pytest.raises(UnboundLocalError, match=f"'{name}'"):
            sometimes_unbound(1.3, n)
        with pytest.raises(UnboundLocalError, match=f"'{name}'(.|\n)*test_language.py"):
            f(1.3, n)


def test_a_deleted_name_is_gone():
    @jit
    def f(x):
        y = x * x
        z = y + 1.0
        del y
        if z > 0.0:
            return y  # noqa: F821
        return z

    with pytest.raises(CompileError, match="deleted"):
        f(2.0)


def test_a_pattern_that_takes_apart_is_refused():
    @jit
    def f(x):
        match (x, 1):
            case (a, 1):
                return a
        return 0.0

    with pytest.raises(CompileError, match="pattern"):
        f(2.0)


class Disc(NamedTuple):
    """A namedtuple whose fields are those of Rod."""

    r: float

    def size(self):
        return 3.0 * self.r**2


class Rod(NamedTuple):
    """A namedtuple whose fields are those of Disc."""

    r: float

    def size(self):
        return 5.0 * self.r


@dataclass
class Ball:
    """An object whose attributes are those of Bead."""

    r: float

    def size(self):
        return 4.0 * self.r**3


@dataclass
class Bead:
    """An object whose attributes are those of Ball."""

    r: float

    def size(self):
        return self.r / 2.0


def either(a, b, t):
    chosen = a if t > 0.0 else b
    return chosen.size() * t


def after_a_loop(a, b, t):
    chosen = a
    while t > 0.0:
        chosen = b
        t = t - 1.0
    return chosen.size()


def recursive_size(thing, n):
    return thing.size() if n == 0 else 1.5 * recursive_size(thing, n - 1)


def both(a, b, t):
    return recursive_size(a, int(t)) * t + recursive_size(b, int(t))


def slopes(a, b, t):
    first = grad(lambda thing: thing.size() * t)(a)
    return first.r + t * grad(lambda thing: thing.size())(b).r


@pytest.mark.parametrize("things", [(Disc(2.0), Rod(3.0)), (Ball(2.0), Bead(3.0))])
@pytest.mark.parametrize("f", [both, slopes])
def test_objects_keep_their_class(f, things):
    for t in (0.3, 2.2):
        args = (*things, t)
        assert abs(jit(f)(*args) - f(*args)) < 1e-12
        found, expected = grad(jit(f), (0, 1, 2))(*args), grad(f, (0, 1, 2))(*args)
        for x, y in zip(found, expected, strict=True):
            assert type(x) is type(y)
            assert abs(getattr(x, "r", x) - getattr(y, "r", y)) < 1e-12


@pytest.mark.parametrize("f", [either, after_a_loop])
def test_objects_of_two_classes_have_no_common_value(f):
    for things in [(Disc(2.0), Rod(3.0)), (Ball(2.0), Bead(3.0))]:
        with pytest.raises(CompileError, match="different things on different paths"):
            jit(f)(*things, 0.5)
    for things in [(Disc(2.0), Disc(3.0)), (Bead(2.0), Bead(3.0))]:
        for t in (0.5, -0.5):
            assert jit(f)(*things, t) == f(*things, t)

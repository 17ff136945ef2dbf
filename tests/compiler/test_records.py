"""Dataclasses and namedtuples that compiled code makes, joins, changes and returns."""

import dataclasses
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pytest

import sciad
from sciad.compiler import jit
from sciad.compiler.front.records import class_key
from sciad.core.errors import CompileError

X = np.array([0.3, -1.2, 0.7])
LONG = np.linspace(-1.0, 1.0, 50)


@dataclass
class State:
    x: np.ndarray
    v: float
    k: float = 2.0

    def energy(self):
        return 0.5 * self.v**2 + 0.5 * self.k * np.sum(self.x**2)

    def moved(self, dt):
        return State(self.x + dt * self.v, self.v - dt * self.k * np.sum(self.x), k=self.k)


@dataclass(frozen=True, slots=True)
class Point:
    a: float
    b: float = field(default=1.5, kw_only=True)

    @property
    def size(self):
        return self.a * self.b

    def __add__(self, other):
        return Point(self.a + other.a, b=self.b + other.b)

    def __mul__(self, factor):
        return Point(self.a * factor, b=self.b * factor)

    __rmul__ = __mul__

    def __neg__(self):
        return -1.0 * self


class Pair(NamedTuple):
    a: float
    b: float = 3.0

    def total(self):
        return self.a + 2.0 * self.b


class Twin(NamedTuple):
    a: float
    b: float = 3.0

    def total(self):
        return self.a - self.b


class Vector(NamedTuple):
    a: float
    b: float

    def __add__(self, other):
        return Vector(self.a + other.a, self.b + other.b)

    def __len__(self):
        return 7

    def __bool__(self):
        return bool(self.a > 0.0)


# -- programs ------------------------------------------------------------------------------------
def walked(x, v):
    s = State(x, v, k=1.0)
    for _ in range(20):
        s = s.moved(0.01)
    return s


def energy(x, v):
    return walked(x, v).energy() + State(x=x * v, v=v).energy()


def helper(p, step):
    return p._replace(a=p.a * step), Point(p.b)


def tuples(x, v):
    p = Pair(v)
    total = 0.0
    for i in range(len(x)):
        p, q = helper(p, x[i])
        if p.a > 0.5:
            p = Pair(p.b, p.a)
            total *= 0.5
        else:
            p = p._replace(b=p.a - q.size)
        total += p.total()
    return total * p._asdict()["b"]


def changed(x, v):
    q = Point(v)
    if x[0] > 0.0:
        q = dataclasses.replace(q, b=q.a * x[1])
    more = q + Point(x[0], b=x[1]) * 3.0 + 2.0 * q
    more += -q
    return more.size + q.size


def counted(p, n):
    return p if n == 0 else counted(Pair(p.b * 0.5, p.a + p.b), n - 1)


def recursive(x, v):
    return counted(Pair(x[0], v), 5).total()


def vectors(x, v):
    w = Vector(x[0], v) + Vector(x[1], x[2])
    flag = 2.0 if w else 3.0
    return w.a * w.b * flag * len(w) + (5.0 if x.shape == (3,) else 0.0)


SCALAR = [energy, tuples, changed, recursive, vectors]


def same(found, expected):
    assert type(found) is type(expected) or np.isscalar(expected)
    if dataclasses.is_dataclass(expected):
        names = [f.name for f in dataclasses.fields(expected)]
        for name in names:
            same(getattr(found, name), getattr(expected, name))
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            same(found[key], expected[key])
    elif isinstance(expected, tuple | list):
        assert len(list(found)) == len(list(expected))
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif expected is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("program", SCALAR)
def test_values_and_derivatives_are_those_of_the_interpreter(program, in_interpreter):
    made = jit(program)
    assert made(X, 0.4) == pytest.approx(program(X, 0.4), rel=1e-13)
    same(sciad.grad(made, (0, 1))(X, 0.4), sciad.grad(program, (0, 1))(X, 0.4))
    direction = (X**2, 0.3)
    same(
        sciad.jvp(made, (X, 0.4), direction),
        sciad.jvp(program, (X, 0.4), direction),
    )
    run, plain = (lambda x, f=f: f(x, 0.4) for f in (made, program))
    np.testing.assert_allclose(
        sciad.hvp(run, X, X**2), sciad.hvp(plain, X, X**2), rtol=1e-10, atol=1e-12
    )


def test_tangent_and_adjoint_agree(in_interpreter):
    made = jit(walked)
    dual = sciad.jvp(made, (X, 0.4), (X**2, 1.0))[1]
    value, pull = sciad.vjp(made, X, 0.4)
    bars = pull(State(np.cos(value.x), 0.7, 0.0))
    forward = np.dot(dual.x, np.cos(value.x)) + 0.7 * dual.v
    assert forward == pytest.approx(np.dot(bars[0], X**2) + bars[1], rel=1e-12)


def several(x, v):
    s = State(x * 2, v)
    pairs = [Pair(v), Pair(1.0, v * 2)]
    return {"s": s, "pairs": pairs, "p": (Point(v), None), "n": Pair(x, x[:2] + v)}


@pytest.mark.parametrize("x", [X, LONG], ids=["variables", "memory"])
@pytest.mark.parametrize("program", [walked, several])
def test_results_are_objects_of_the_same_class(program, x, in_interpreter):
    same(jit(program)(x, 0.4), program(x, 0.4))


def test_machine_code():
    same(jit(several)(LONG, 0.4), several(LONG, 0.4))
    same(sciad.grad(jit(energy))(LONG, 0.4), sciad.grad(energy)(LONG, 0.4))


def test_arguments_are_returned_and_changed(in_interpreter):
    program = lambda s, p: (dataclasses.replace(s, v=p.a), p, s, p._replace(b=s.v))
    given = State(X, 0.5), Pair(1.0, 2.0)
    same(jit(program)(*given), program(*given))


def test_what_objects_share_is_shared(in_interpreter):
    def program(x):
        y = x.copy()
        first = State(y, 1.0)
        second = dataclasses.replace(first, v=2.0)
        y[0] = 5.0
        second.x[1] = first.x[0] * 2
        return first.x, second.x, y

    same(jit(program)(X), program(X))
    same(jit(program)(LONG), program(LONG))


# -- objects of two classes ----------------------------------------------------------------------
def either(x, v):
    p = Pair(v) if v > 0 else Twin(v)
    return p.total()


def in_turn(x, v):
    p = Pair(v)
    for i in range(len(x)):
        p = Twin(p.a, x[i])
    return p.total()


def returned(x, v):
    if v > 0:
        return Pair(v)
    return Twin(v)


@pytest.mark.parametrize("program", [either, in_turn, returned])
def test_objects_of_two_classes_with_equal_fields_are_not_mixed_up(program):
    with pytest.raises(CompileError):
        jit(program)(LONG, 0.4)


def test_one_of_two_classes_by_a_constant(in_interpreter):
    program = lambda v, kind: (Pair(v) if kind == "pair" else Twin(v)).total()
    for kind in ("pair", "twin"):
        assert jit(program)(0.4, kind) == program(0.4, kind)


# -- what is refused -----------------------------------------------------------------------------
@dataclass
class Checked:
    a: float

    def __post_init__(self):
        self.a *= 2.0


@dataclass
class Own:
    a: float

    def __init__(self, a):
        self.a = 2.0 * a


@dataclass
class Guarded:
    a: float

    def __setattr__(self, name, value):
        object.__setattr__(self, name, 2.0 * value)


@dataclass
class Lists:
    a: float
    items: list = field(default_factory=list)


class Shown(Pair):
    def __new__(cls, a):
        return super().__new__(cls, a, 2.0)


class Indexed(Pair):
    def __getitem__(self, k):
        return 99.0


def assigned(v):
    s = State(X, v)
    s.v = 2.0
    return s.v


def augmented(v):
    s = State(X, v)
    s.v += 2.0
    return s.v


def local(v):
    class Inner(NamedTuple):
        a: float

    return jit(lambda w: Inner(w))(v)


REFUSED = {
    "post_init": (lambda v: Checked(v).a, "__post_init__"),
    "init": (lambda v: Own(v).a, "__init__"),
    "setattr": (lambda v: Guarded(v).a, "__setattr__"),
    "factory": (lambda v: Lists(v).a, "default"),
    "new": (lambda v: Shown(v).a, "__new__"),
    "getitem": (lambda v: Indexed(v)[0], "__getitem__"),
    "attribute": (assigned, "assignment"),
    "augmented": (augmented, "augmented"),
    "lacking": (lambda v: State(v).x, "lacks the argument"),
    "unexpected": (lambda v: Pair(v, c=v).a, "unexpected"),
    "twice": (lambda v: Pair(v, a=v).a, "twice"),
    "many": (lambda v: Pair(v, v, v).a, "takes 2"),
    "unknown": (lambda v: Pair(v)._replace(c=v).a, "_replace"),
    "ordered": (lambda v: Pair(v) < Pair(v, 2.0), "ordered"),
    "sequences": (lambda v: (v, 1.0) == (v, 1.0), "compare"),
    "not a dataclass": (lambda v: dataclasses.replace(Pair(v), a=v).a, "replace"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_more_than_fields_is_refused_at_its_line(name):
    program, words = REFUSED[name]
    with pytest.raises(CompileError, match=words) as caught:
        jit(program)(0.4)
    assert __file__ in str(caught.value.where)
    assert caught.value.hint


def test_a_class_inside_a_function_cannot_be_named_in_a_result():
    with pytest.raises(CompileError, match="cannot be returned"):
        local(0.4)


def test_the_cache_tells_classes_apart():
    def made(default):
        return dataclasses.make_dataclass("Made", [("a", float), ("b", float, default)])

    assert class_key(made(1.0)) == class_key(made(1.0))
    assert class_key(made(1.0)) != class_key(made(2.0))
    assert class_key(Point) == class_key(Point) != class_key(Checked)
    assert "object at" not in repr(class_key(Point))

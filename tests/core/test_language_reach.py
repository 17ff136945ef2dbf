"""Traced values that a function is not given: in objects, globals, classes, closures."""

import collections
import functools
import math
import types

import numpy as np
import pytest

from . import elsewhere
from .language import Programs, check_program

PROGRAMS = Programs()
program = PROGRAMS.right


class B:
    def __init__(self, m, p):
        self.m, self.p = m, p

    def e(self):
        return math.sin(self.m * self.p)


@program
def listobj(x):
    bs = [B(x, 1.0), B(2.0, x)]
    return total(bs) + total({"a": bs[0]}.values()) + total(tuple(bs)) + total(b for b in bs)


def total(bs):
    t = 0.0
    for b in bs:
        t += math.sqrt(b.m * b.m + b.p * b.p) + b.e()
    return t


@program
def dictobj(x):
    return tdict({"k": [B(x, x)]})


def tdict(d):
    return math.exp(d["k"][0].m)


GL = {}


@program
def globdict(x):
    GL["v"] = x
    return readg()


def readg():
    return math.sin(GL["v"])


class State:
    v = 1.0


@program
def classstate(x):
    State.v = x
    return readc()


def readc():
    return math.sin(State.v)


@program
def modstate(x):
    elsewhere.V = x
    return elsewhere.read() + elsewhere.O.get() + elsewhere.O.prop


@program
def setattr_obj(x):
    elsewhere.O.v = x
    return elsewhere.O.get() * elsewhere.O.prop


@program
def method_as_value(x):
    f = B(x, x).e
    return f() + call_it(f) + call_it(functools.partial(f))


def call_it(g):
    return g()


@program
def nested_cls_obj(x):
    d = collections.deque([B(x, 1.0)])
    return total(d) + tns(types.SimpleNamespace(b=B(x, x)))


def tns(n):
    return math.sin(n.b.m)


@program
def gen_arg(x):
    def g():
        for i in range(3):
            yield x * i

    return cons(g()) + cons(iter([x, x * x])) + cons(map(lambda v: v * x, [1.0, 2.0]))  # noqa: C417


def cons(it):
    return sum(math.sin(v) for v in it)


@program
def closure_arg(x):
    def h(a):
        return a * x

    return apply_(h) + apply_(lambda a: math.sin(a * x))


def apply_(h):
    return math.exp(h(0.5))


@program
def tup_ret(x):
    def f():
        return math.sin(x), {"a": [x, (x, B(x, x))]}

    a, d = f()
    return a * total([d["a"][1][1]])


@program
def exc_obj(x):
    class E(Exception):
        def __init__(self, v):
            self.v = v

        @property
        def w(self):
            return math.sin(self.v)

    try:
        raise E(x)
    except E as e_:
        return e_.w


@program
def weird_add(x):
    class M:
        def __init__(self, v):
            self.v = v

        def __add__(self, o):
            return M(math.sin(self.v + (o.v if isinstance(o, M) else o)))

        __radd__ = __add__

        def __array_priority__(self):
            return 0

    return (1.0 + M(x) + x + sum([M(x), 2.0], M(0.0))).v


@program
def np_of_obj(x):
    class M:
        def __init__(self, v):
            self.v = v

        def __add__(self, o):
            return M(self.v + math.sin(o.v))

    return np.sum(np.array([M(x), M(x * x)], dtype=object)).v


@program
def poly1d(x):
    return np.poly1d([x, 1.0, x * x])(2.0)


@program
def npoly(x):
    return np.polynomial.Polynomial([x, 1.0, 2.0])(x)


@program
def frac(x):
    from fractions import Fraction

    return Fraction(1, 3) * x + x / Fraction(2, 3) + (x + Fraction(1, 2)) ** 2 + Fraction(1, 2) ** x


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])

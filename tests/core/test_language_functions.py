"""Functions, decorators, inheritance and random numbers of Python."""

import functools
import math
import random
import types

import pytest

from .language import Programs, check_program

PROGRAMS = Programs()
program = PROGRAMS.right


@program
def syntax_defaults(x):
    def f(a, b=math.sin(x), *c, d=x * x, **k):  # noqa: B008
        return a * b * d + sum(c)

    return f(x) + f(x, 2.0, 3.0, x, d=1.0, z=3)


@program
def syntax_lambdas(x):
    a, b, c = lambda v: math.sin(v), lambda v: math.cos(v), lambda v=x: v * v
    return (
        a(x) * b(x) * c()
        + (lambda *a, **k: a[0] * k["z"])(x, z=x)
        + [lambda: math.exp(x), lambda: x][0]()
    )


@program
def syntax_lamloop(x):
    fs = [lambda v, k=k: math.sin(v * k) for k in range(3)]
    return sum(f(x) for f in fs)


@program
def syntax_deco(x):
    def d(k):
        def w(f):
            @functools.wraps(f)
            def g(*a, **kw):
                return k * f(*a, **kw)

            return g

        return w

    @d(math.sin(x))
    @d(2.0)
    def f(a):
        return math.exp(a)

    return f(x) * f.__wrapped__(x)


@program
def syntax_classdeco(x):
    class D:
        def __init__(self, f):
            self.f = f
            self.n = 0

        def __call__(self, a):
            self.n += 1
            return self.f(math.sin(a)) * self.n

        def __get__(self, o, t):
            return types.MethodType(self, o) if o is not None else self

    @D
    def g(a):
        return math.exp(a)

    return g(x) + g(x)


@program
def syntax_classbody(x):
    class A:
        v = math.sin(x)
        w = [math.exp(x * k) for k in range(2)]  # noqa: RUF012

        def f(self):
            return self.v * self.w[1] * A.v

    return A().f()


@program
def syntax_recur(x):
    def f(n):
        return x if n == 0 else math.sin(f(n - 1) * x)

    y = lambda n: x if n < 1 else math.cos(y(n - 1))
    return f(5) * y(4)


@program
def syntax_star(x):
    a, *b, c = [x, 1, 2, x * x]
    (d, (e_, *f)) = x, [x, 2, 3]
    return a * c + sum(b) + d * e_ * sum(f)


@program
def syntax_dunders(x):
    return syntax_dunders.__name__.__len__() * x + len(syntax_dunders.__module__) * x


@program
def syntax_private(x):
    class A:
        def __init__(self, v):
            self.__v = v

        def __m(self):
            return math.sin(self.__v)

        def n(self):
            return self.__m() + sum(self.__m() for _ in range(2)) + (lambda: self.__m())()

    return A(x).n()


@program
def syntax_class_cell(x):
    class A:
        def f(self, v):
            return math.sin(v)

    class B(A):
        def f(self, v):
            return __class__.__mro__[1].f(self, v) + super().f(v) + super().f(v)

    return B().f(x)


@program
def syntax_classmethod_super(x):
    class A:
        @classmethod
        def f(cls, v):
            return math.sin(v)

        def __init_subclass__(cls, **k):
            cls.k = math.exp(x)

    class B(A):
        @classmethod
        def f(cls, v):
            return super().f(v) * cls.k

    return B.f(x)


@program
def syntax_multi_inh(x):
    class A:
        def f(self, v):
            return math.sin(v)

    class B(A):
        def f(self, v):
            return super().f(v) * 2

    class C(A):
        def f(self, v):
            return super().f(v) * v

    class D(B, C):
        pass

    return D().f(x)


@program
def syntax_new(x):
    class S:
        _i = None

        def __new__(cls, *a):
            o = super().__new__(cls)
            o.z = math.sin(a[0])
            return o

        def __init__(self, v):
            self.v = v

    return S(x).z * S(x).v


@program
def syntax_newother(x):
    class S:
        def __new__(cls, v):
            return math.sin(v)

    return S(x)


@program
def syntax_random(x):
    r = random.Random(1)
    v = [x, x * x, 2.0]
    r.shuffle(v)
    return (
        r.choice(v) * r.random()
        + r.uniform(x, 2)
        + r.gauss(x, x * x)
        + r.normalvariate(x, 2)
        + r.sample(v, 1)[0]
        + r.expovariate(2.0) * x
        + r.triangular(0, x, x * 0.5)
    )


@program
def syntax_random2(x):
    r = random.Random(1)
    return r.expovariate(x) + r.lognormvariate(x, x) + r.paretovariate(x) + r.weibullvariate(x, 2.0)


@program
def syntax_choices(x):
    r = random.Random(1)
    return r.choices([x, x * x], weights=[1, 2])[0]


@program
def syntax_choices_w(x):
    r = random.Random(1)
    return r.choices([x, x * x], weights=[x, 2])[0]


@program
def syntax_betavariate(x):
    r = random.Random(1)
    return r.betavariate(x, 2.0)


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])

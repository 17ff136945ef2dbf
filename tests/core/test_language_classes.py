"""Classes of all sorts: descriptors, slots, metaclasses, abstract and generic ones, enums."""

import abc
import enum
import functools
import math
import typing

import pytest

from .language import Programs, check_program

PROGRAMS = Programs()
program = PROGRAMS.right


class Desc:
    def __set_name__(self, o, n):
        self.n = "_" + n

    def __get__(self, o, t=None):
        return self if o is None else math.exp(o.__dict__[self.n])

    def __set__(self, o, v):
        o.__dict__[self.n] = math.sin(v)


class UD:
    d = Desc()

    def __init__(self, v):
        self.d = v


@program
def descr(x):
    u = UD(x)
    u.d = u.d * x
    return u.d


class GA:
    def __init__(self, v):
        self.v = v

    def __getattr__(self, n):
        if n.startswith("_"):
            raise AttributeError(n)
        return math.exp(self.v) * len(n)


@program
def getattr_(x):
    return GA(x).foo + GA(x).ab + getattr(GA(x), "_zz", x)


class GAB:
    def __init__(self, v):
        self.v = v

    def __getattribute__(self, n):
        r = object.__getattribute__(self, n)
        return math.exp(r) if n == "v" else r


@program
def getattribute_(x):
    return GAB(x).v


class SA:
    def __setattr__(self, n, v):
        object.__setattr__(self, n, math.sin(v))

    def __delattr__(self, n):
        object.__setattr__(self, "z", math.exp(self.z))


@program
def setattr_(x):
    s = SA()
    s.z = x
    s.y = s.z
    del s.z
    return s.z * s.y


class Slot:
    __slots__ = ("__p", "a")

    def __init__(self, a):
        self.a = a
        self.__p = a * 2

    @property
    def p(self):
        return math.sin(self.__p * self.a)

    @p.setter
    def p(self, v):
        self.__p = math.exp(v)


@program
def slots_(x):
    s = Slot(x)
    s.p = x * x
    return s.p


class Meta(type):
    def __call__(cls, *a):
        o = super().__call__(*a)
        o.extra = math.exp(o.a)
        return o

    def __getitem__(cls, k):
        return math.sin(k)

    @property
    def cp(cls):
        return cls.base * 2


class MC(metaclass=Meta):
    base = 3.0

    def __init__(self, a):
        self.a = math.sin(a)


@program
def metaclass_(x):
    return MC(x).extra + MC[x] + MC.cp * x


class Meta2(type):
    def __new__(m, n, b, d):
        c = super().__new__(m, n, b, d)
        c.reg = 2.0
        return c


class MC2(metaclass=Meta2):
    def __init__(self, a):
        self.a = math.sin(a)

    def __class_getitem__(cls, k):
        return math.sin(k)


@program
def metaclass2(x):
    return MC2(x).a * MC2.reg + MC2[x]


class Sh(abc.ABC):
    @property
    @abc.abstractmethod
    def area(self): ...
    @abc.abstractmethod
    def scale(self, k): ...


class Sq(Sh):
    def __init__(self, s):
        self.s = s

    @property
    def area(self):
        return math.pow(self.s, 2)

    def scale(self, k):
        return Sq(math.exp(self.s * k))


@program
def abc_(x):
    return Sq(x).scale(2.0).area


class Color(enum.Enum):
    RED = 1.5
    BLUE = 2.5

    def mix(self, x):
        return math.sin(self.value * x)

    @property
    def dbl(self):
        return self.value * 2


@program
def enum_(x):
    return (
        Color.RED.mix(x)
        + sum(c.mix(x) for c in Color)
        + Color(2.5).dbl * x
        + Color["BLUE"].value * x
    )


class IE(enum.IntEnum):
    A = 1
    B = 2


@program
def intenum(x):
    return IE.B * x + [x, x * x][IE.A]


class HasArea(typing.Protocol):
    def area(self) -> float: ...


@typing.runtime_checkable
class HasQ(typing.Protocol):
    def q(self) -> float: ...


class Cq:
    def q(self):
        return math.sin(2.0)


@program
def protocol_(x):
    return x * 2 if isinstance(Cq(), HasQ) else x


T = typing.TypeVar("T")


class Stack(typing.Generic[T]):
    def __init__(self) -> None:
        self.items: list[T] = []

    def push(self, v: T) -> None:
        self.items.append(v)

    def total(self):
        return sum(math.sin(i) for i in self.items)


@program
def generic_(x):
    s = Stack[float]()
    s.push(x)
    s.push(x * x)
    return s.total()


@functools.singledispatch
def sd(v):
    return math.sin(v)


@sd.register
def _(v: float):
    return math.exp(v)


@sd.register(list)
def _(v):
    return sum(sd(k) for k in v)


@program
def singledispatch_(x):
    return sd(x) + sd([x, x * x])


class SDM:
    @functools.singledispatchmethod
    def m(self, v):
        return 0.0

    @m.register
    def _(self, v: float):
        return math.sin(v)

    @m.register
    def _(self, v: int):
        return math.exp(v)


@program
def singledispatchmethod_(x):
    return SDM().m(x) * SDM().m(2)


class PM:
    def f(self, a, b):
        return math.sin(a * b)

    g = functools.partialmethod(f, 2.0)


@program
def partialmethod_(x):
    return PM().g(x)


@functools.total_ordering
class TO:
    def __init__(self, a):
        self.a = a

    def __eq__(self, o):
        return self.a == o.a

    def __lt__(self, o):
        return math.sin(self.a) < math.sin(o.a)


@program
def total_ordering_(x):
    return x if TO(x) >= TO(x * x) else x * x


@program
def total_ordering_max(x):
    return max(TO(x), TO(x * x)).a


class CP:
    def __init__(self, a):
        self.a = a
        self.n = 0

    @functools.cached_property
    def c(self):
        self.n += 1
        return math.exp(self.a)

    @functools.lru_cache  # noqa: B019
    def m(self, k):
        return math.sin(self.a * k)

    @staticmethod
    def s(v):
        return math.sin(v)

    @classmethod
    def k(cls, v):
        return cls(math.sin(v))


@program
def cached_property_(x):
    c = CP(x)
    return c.c * c.c * c.n + c.m(2) * c.m(2) + c.s(x) + CP.k(x).c


@functools.cache
def fib(n, x):
    return x if n < 2 else math.sin(fib(n - 1, x)) + fib(n - 2, x)


@program
def lru_(x):
    return fib(8, x)


@functools.cache
def noargs():
    return CP(1.0)


@program
def cache_noargs(x):
    return noargs().s(x)


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])

"""Dataclasses, attrs, named tuples, subclasses of containers and of exceptions."""

import collections
import dataclasses
import math
import typing

import attrs
import pytest

from .language import Programs, check_program, check_refused

PROGRAMS = Programs()
program, refused = PROGRAMS.right, PROGRAMS.refused


@dataclasses.dataclass(order=True)
class DCO:
    a: float
    b: float = dataclasses.field(default=2.0, compare=False)

    def __add__(self, o):
        return DCO(math.sin(self.a + o.a))


@program
def dataclass_order(x):
    return max(DCO(x), DCO(x * x)).a + (DCO(x) + DCO(x)).a + (x if DCO(x) == DCO(x) else 0.0)


@dataclasses.dataclass
class DCInit:
    a: float
    w: dataclasses.InitVar[float] = 2.0
    c: list = dataclasses.field(default_factory=list)

    def __post_init__(self, w):
        self.c.append(math.sin(self.a * w))


@program
def dataclass_initvar(x):
    return (
        DCInit(x, x).c[0]
        + sum(dataclasses.asdict(DCInit(x))["c"])
        + dataclasses.astuple(DCInit(x))[0]
    )


@dataclasses.dataclass(frozen=True)
class DCF:
    a: float
    b: float = dataclasses.field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "b", math.sin(self.a))


@program
def dataclass_frozen(x):
    d = DCF(x)
    try:
        d.a = 2.0
    except dataclasses.FrozenInstanceError:
        return d.b


@program
def local_dataclass(x):
    @dataclasses.dataclass
    class D:
        a: float
        b: float = 2.0

        def __post_init__(self):
            self.b = math.sin(self.a * self.b)

        def __mul__(self, o):
            return math.exp(self.b * o.b)

    return D(x) * D(x, x)


@attrs.define
class AT:
    a: float = attrs.field(converter=lambda v: math.sin(v))
    b: float = attrs.field(default=2.0, validator=attrs.validators.instance_of(float))
    c: float = attrs.field(init=False)

    def __attrs_post_init__(self):
        self.c = math.exp(self.a)

    def __add__(self, o):
        return math.sin(self.c + o.c)

    @b.validator
    def _check(self, attribute, value):
        if math.sin(value) > 2:
            raise ValueError


@program
def attrs_(x):
    return (AT(x) + AT(x, x)) + AT(x).c * AT(x, x).b + attrs.evolve(AT(x), b=x).b


@attrs.frozen
class ATF:
    a: float
    d: float = attrs.field()

    @d.default
    def _d(self):
        return math.sin(self.a)


@program
def attrs_frozen(x):
    return ATF(x).d


NT = collections.namedtuple("NT", "a b", defaults=[2.0])


@program
def namedtuple_(x):
    n = NT(x)
    m = n._replace(b=math.sin(x))
    return m.a * m.b + n._asdict()["a"] + sum(NT._make([x, x]))


class NT2(typing.NamedTuple):
    a: float
    b: float = 1.0

    def __add__(self, o):
        return NT2(math.sin(self.a * o.a), self.b)

    @property
    def pr(self):
        return math.exp(self.a)


@program
def namedtuple_dunder(x):
    return (NT2(x) + NT2(x)).pr


class TD(typing.TypedDict):
    a: float


@program
def typeddict(x):
    t: TD = TD(a=x)
    return math.sin(t["a"])


class MyList(list):
    def __getitem__(self, i):
        return math.sin(super().__getitem__(i))

    def total(self):
        return math.exp(sum(self))


@program
def list_subclass(x):
    l = MyList([x, x * x])
    l.append(x)
    return l[0] * l[2] + l.total()


class MyDict(dict):
    def __missing__(self, k):
        self[k] = math.sin(k)
        return self[k]

    __getattr__ = dict.__getitem__


@program
def dict_subclass(x):
    d = MyDict(a=x)
    return d[2] * d.a * d["a"]


class MyFloat(float):
    def sq(self):
        return math.sin(self)


@program
def float_subclass(x):
    return MyFloat(2.0).sq() * x


@refused
def float_subclass_traced(x):
    return MyFloat(x).sq()


class MyExc(Exception):
    def __init__(self, v):
        super().__init__(v)
        self.v = math.sin(v)


@program
def exc_value(x):
    try:
        raise MyExc(x)
    except MyExc as ex:
        return ex.v * ex.args[0]


@program
def exc_chain(x):
    try:
        try:
            raise ZeroDivisionError
        except ZeroDivisionError as ex:
            raise ValueError(x) from ex
    except ValueError as ex:
        return ex.args[0] * math.sin(x)


@program
def exc_group(x):
    try:
        raise ExceptionGroup("a", [ValueError(x), TypeError(x * x)])
    except* ValueError as g:
        a = math.sin(g.exceptions[0].args[0])
    except* TypeError as g:
        b = g.exceptions[0].args[0]
    return a * b


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])


@pytest.mark.parametrize("name", PROGRAMS.errors)
def test_refused_with_location(name):
    check_refused(PROGRAMS.errors[name], __file__)

"""Python constructs under differentiation: value as in the plain program, exact derivative.

Every program takes a float and returns one. They call ``math`` functions, which need interception:
where a construct is not followed, the call raises instead of giving a number.
"""

import collections
import contextlib
import copy
import dataclasses
import functools
import itertools
import math
import operator
import random
import sys
from abc import ABC, abstractmethod
from typing import NamedTuple

import attrs
import numpy as np
import pytest

import sciad

GLOBAL = 1.5
COUNTER = {"calls": 0}


def helper(x):
    return math.exp(x) * GLOBAL


def loops(x):
    total = 0.0
    for k in range(4):
        if k == 2:
            continue
        total += math.sin(k * x)
    else:
        total *= x
    n = 0
    while True:
        n += 1
        total = total * x + 0.1
        if n > 3:
            break
    return total


def recursion(x, n=4):
    return x if n == 0 else math.sin(recursion(x, n - 1)) + x


def even(x, n):
    return x if n == 0 else odd(math.cos(x), n - 1)


def odd(x, n):
    return 2 * x if n == 0 else even(math.sin(x), n - 1)


def mutual_recursion(x):
    return even(x, 3)


def closures(x):
    state = 1.0

    def step(k):
        nonlocal state
        state = state * math.cos(x) + k
        return state

    return step(1) * step(2) + state


def lambdas(x):
    f, g = (lambda a: math.sin(a)), (lambda a: math.cos(a) * f(a))
    return g(x)


def lambda_default(x):
    table = [lambda a, k=k: math.sin(k * a) for k in range(3)]
    return sum(f(x) for f in table)


class Base:
    scale = 2.0

    def __init__(self, x):
        self.x = math.exp(x)

    def value(self):
        return self.x * self.scale

    @staticmethod
    def static(x):
        return math.sin(x)

    @classmethod
    def make(cls, x):
        return cls(math.cos(x))


class Derived(Base):
    def __init__(self, x):
        super().__init__(x)
        self.__secret = math.log(x)

    def value(self):
        return super().value() + self.__hidden() + self.__secret

    def __hidden(self):
        return math.sqrt(self.x)


def methods(x):
    return Derived(x).value() * Base.static(x) + Base.make(x).value()


class Abstract(ABC):
    @abstractmethod
    def rate(self): ...

    def twice(self):
        return 2 * self.rate()


class Concrete(Abstract):
    def __init__(self, x):
        self.x = x

    def rate(self):
        return math.sin(self.x)


def abstract_classes(x):
    return Concrete(x).twice()


class Callable:
    def __init__(self, a):
        self.a = a

    def __call__(self, x):
        return math.sin(self.a * x)


def callable_object(x):
    return Callable(x)(x)


class Vector:
    def __init__(self, *parts):
        self.parts = list(parts)

    def __add__(self, other):
        return Vector(*(a + b for a, b in zip(self.parts, other.parts, strict=True)))

    def __mul__(self, k):
        return Vector(*(k * a for a in self.parts))

    def __getitem__(self, k):
        return self.parts[k]

    def __len__(self):
        return len(self.parts)

    def norm(self):
        return math.sqrt(sum(a * a for a in self.parts))


def user_number_type(x):
    v = Vector(x, 2.0 * x) + Vector(1.0, x) * x
    return v.norm() * v[0] * len(v)


@dataclasses.dataclass
class Rates:
    a: float
    b: float = 2.0
    total: float = dataclasses.field(init=False)

    def __post_init__(self):
        self.total = math.exp(self.a) * self.b


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: float

    def value(self):
        return math.sin(self.a)


def dataclass_post_init(x):
    return Rates(x).total + Rates(1.0, x).total + dataclasses.replace(Rates(x), b=x).total


def frozen_dataclass(x):
    return Frozen(x).value() * dataclasses.replace(Frozen(1.0), a=x).value()


@attrs.define
class Cell:
    volume: float

    def area(self):
        return math.pow(self.volume, 2 / 3)


def attrs_class(x):
    return Cell(x).area()


class Point(NamedTuple):
    u: float
    v: float

    def length(self):
        return math.hypot(self.u, self.v)


def named_tuples(x):
    point = Point(x, 2.0)
    moved = point._replace(v=x * x)
    u, v = moved
    return moved.length() * u + v


def dictionaries(x):
    table = {"a": x, "b": [x, math.sin(x)]}
    table.update(c=math.cos(x))
    table["d"] = table.pop("a") * 2
    return sum(table["b"]) + table["c"] * table.get("d", 0.0)


def default_dicts(x):
    found = collections.defaultdict(float)
    for k in (1, 2, 1):
        found[k] += math.sin(k * x)
    return found[1] * found[2]


def comprehensions(x):
    squares = [math.sin(k * x) for k in range(3) if k != 1]
    table = {k: math.cos(v) for k, v in enumerate(squares)}
    nested = [[math.exp(a * b * 0.1) for a in squares] for b in squares]
    return sum(squares) + sum(table.values()) + nested[1][0]


def generators(x):
    def powers(n):
        value = 1.0
        for _ in range(n):
            value = math.sin(value + x)
            received = yield value
            if received:
                value = value * received

    gen = powers(5)
    first = next(gen)
    second = gen.send(x)
    return first + second + sum(gen)


def yield_from(x):
    def inner():
        yield math.sin(x)
        return math.cos(x)

    def outer():
        last = yield from inner()
        yield last

    return sum(outer())


def star_arguments(x):
    def f(a, /, b, *rest, c, d=2.0, **more):
        return math.sin(a) * b + sum(rest) * c + d * more["e"]

    args, kwargs = (x, 2.0, x), {"c": x, "e": math.cos(x)}
    return f(*args, 1.0, **kwargs)


def decorator(function):
    @functools.wraps(function)
    def wrapper(*args):
        return 2.0 * function(*args)

    return wrapper


@decorator
def decorated(x):
    return math.sin(x)


@functools.cache
def cached(x):
    return math.sin(x)


def lru_caches(x):
    return cached(x) * cached(x)


def inner_cache(x):
    @functools.cache
    def fibonacci(n):
        return x if n < 2 else math.sin(fibonacci(n - 1)) + fibonacci(n - 2)

    return fibonacci(12)


def functional_tools(x):
    double = functools.partial(operator.mul, 2.0)
    power = functools.partial(math.pow, x)
    total = functools.reduce(lambda a, b: a * math.cos(b), [x, 1.0, x])
    return double(x) + power(2.0) + total


def higher_order(x):
    values = list(map(math.exp, [x, 1.0, x * x]))
    kept = list(filter(lambda v: math.sin(v) > -2, values))
    ordered = sorted(kept, key=lambda v: -math.cos(v))
    largest = max(kept, key=lambda v: math.sin(v))
    smallest = min(kept, key=math.cos)
    return ordered[0] * largest + smallest


def iteration_tools(x):
    running = list(itertools.accumulate([x, 2.0, x], lambda a, b: math.sin(a * b)))
    starred = list(itertools.starmap(math.pow, [(x, 2.0), (2.0, x)]))
    chained = list(itertools.chain([x], running[1:]))
    pairs = [a * b for a, b in zip(chained, starred, strict=False)]
    return sum(pairs) + sum(k * v for k, v in enumerate(reversed(pairs)))


def exceptions(x):
    total = 0.0
    for k in (0, 1):
        try:
            total += math.sin(x) / k
        except ZeroDivisionError:
            total += math.cos(x)
        finally:
            total *= x
    try:
        math.sqrt(-x)
    except ValueError as error:
        total += x * len(error.args)
    return total


@contextlib.contextmanager
def scaled(x):
    COUNTER["calls"] += 1
    yield math.exp(x)
    COUNTER["calls"] -= 1


def context_managers(x):
    with scaled(x) as a, contextlib.suppress(KeyError):
        value = math.sin(a)
        {}["missing"]
    return value


def match_statement(x):
    total = 0.0
    for item in ("a", (1, x), {"k": x}, Point(x, 1.0)):
        match item:
            case "a":
                total += math.sin(x)
            case (1, value):
                total += math.cos(value)
            case {"k": value}:
                total += math.exp(value)
            case Point(u=value):
                total += value * value
    return total


def walrus(x):
    if (y := math.sin(x)) > 0:
        return y * x
    return y


def conditional_expressions(x):
    a = math.sin(x) if x > 0 else math.cos(x)
    return a and (a or 1.0) * (0.0 < x < 10.0) * x


def global_state(x):
    global GLOBAL
    before = GLOBAL
    GLOBAL = x
    try:
        return helper(x)
    finally:
        GLOBAL = before


def class_state(x):
    class Accumulator:
        total = 0.0

        def add(self, v):
            self.total += math.sin(v)
            return self

    return Accumulator().add(x).add(2 * x).total


def strings(x):
    text = f"{x:.3f} {x!r} {x}" + format(x, "8.2e")
    return x * len(text.split())


def builtins_of_numbers(x):
    quotient, rest = divmod(5 * x, 2.0)
    return abs(-x) * pow(x, 3) + rest + round(x) + int(x * 11) * x + float(x) + quotient * x


def shadowed(math_exp):
    sin = math.sin

    def exp(x):
        return sin(x)

    return exp(math_exp)


def chained_assignment(x):
    a = b = math.sin(x)
    a += 1.0
    (c, *d), e = [a, b, x], x
    return a * b + c * d[1] + e


def deep_copies(x):
    table = {"a": [x, math.sin(x)]}
    other = copy.deepcopy(table)
    other["a"][0] = 0.0 * other["a"][0]
    return table["a"][0] * other["a"][1] + copy.copy(x)


def list_methods(x):
    values = []
    values.append(math.sin(x))
    values.extend([x, 2.0])
    values.insert(0, x * x)
    values.sort(key=lambda v: -v)
    values.reverse()
    return values[0] * values.pop() + sum(values)


class Disc:
    def __init__(self, r):
        self.r = r

    @property
    def area(self):
        return math.pi * math.pow(self.r, 2)

    @functools.cached_property
    def edge(self):
        return math.sqrt(self.area) * self.r


def properties(x):
    disc = Disc(x)
    return disc.area * disc.edge + disc.edge


def random_numbers(x):
    rng = random.Random(3)
    return rng.gauss(x, 2 * x) + rng.uniform(0, x)


def numpy_random(x):
    rng = np.random.default_rng(0)
    return np.sum(rng.standard_normal(3) * x)


def booleans(x):
    flags = [x > 0, x == x, not x]
    return x if all(flags[:2]) and not any(flags[2:]) else 0.0 * x


def nested_functions_returned(x):
    def outer(a):
        def middle(b):
            def inner(c):
                return math.sin(a * b * c * x)

            return inner

        return middle

    return outer(x)(2.0)(x)


def defaults_traced(x):
    start = math.sin(x)

    def f(a=start, *, b=x):
        return math.cos(a) * b

    return f() + f(b=2.0)


PROGRAMS = [
    loops,
    recursion,
    mutual_recursion,
    closures,
    lambdas,
    lambda_default,
    methods,
    abstract_classes,
    callable_object,
    user_number_type,
    dataclass_post_init,
    frozen_dataclass,
    attrs_class,
    named_tuples,
    dictionaries,
    default_dicts,
    comprehensions,
    generators,
    yield_from,
    star_arguments,
    decorated,
    lru_caches,
    inner_cache,
    functional_tools,
    higher_order,
    iteration_tools,
    exceptions,
    context_managers,
    match_statement,
    walrus,
    conditional_expressions,
    global_state,
    class_state,
    strings,
    builtins_of_numbers,
    shadowed,
    chained_assignment,
    deep_copies,
    list_methods,
    properties,
    random_numbers,
    numpy_random,
    booleans,
    nested_functions_returned,
    defaults_traced,
    Callable(1.5),
    Derived(0.4).static,
    functools.partial(recursion, n=3),
]


def untouched(k, seen):
    seen.append(sys._getframe().f_code)
    return math.floor(k)


def name_of(program):
    return getattr(program, "__name__", type(program).__name__)


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_gradient(program):
    x, eps = 0.7, 1e-5
    value, derivative = sciad.value_and_grad(program)(x)
    assert value == program(x)
    expected = (program(x + eps) - program(x - eps)) / (2 * eps)
    assert derivative == pytest.approx(expected, rel=1e-7, abs=1e-8)
    assert type(derivative) is float


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_forward_and_second_order(program):
    x, eps = 0.7, 1e-5
    first = sciad.grad(program)
    _, tangent = sciad.jvp(program, (x,), (1.0,))
    assert tangent == pytest.approx(first(x), rel=1e-12)
    expected = (first(x + eps) - first(x - eps)) / (2 * eps)
    tolerance = {"rel": 1e-6, "abs": 1e-7}
    assert sciad.grad(first)(x) == pytest.approx(expected, **tolerance)
    assert sciad.jvp(first, (x,), (1.0,))[1] == pytest.approx(expected, **tolerance)


def test_caches_do_not_keep_traced_values():
    cached.cache_clear()
    sciad.grad(lru_caches)(0.3)
    assert cached.cache_info().currsize == 0


def test_globals_are_restored():
    sciad.grad(global_state)(0.3)
    assert GLOBAL == 1.5


def test_traceback_shows_the_users_lines():
    def failing(x):
        y = math.sin(x)
        raise RuntimeError(f"at {y}")

    with pytest.raises(RuntimeError) as info:
        sciad.grad(failing)(0.3)
    last = info.traceback[-1]
    assert str(last.path) == __file__
    assert "raise RuntimeError" in str(last.statement)
    assert last.name == "failing"


def test_function_is_left_unchanged():
    before = helper.__code__
    sciad.grad(helper)(0.3)
    assert helper.__code__ is before


def test_untraced_calls_are_made_as_they_are():
    seen = []

    def f(x):
        return x * untouched(2, seen)

    sciad.grad(f)(1.0)
    assert seen == [untouched.__code__]


def test_isinstance_checks_hold():
    def f(x, a):
        assert isinstance(x, float)
        assert isinstance(a, np.ndarray)
        assert isinstance(a[0], np.float64)
        assert not isinstance(x, np.ndarray)
        return x * np.sum(a)

    assert sciad.grad(f)(2.0, np.ones(3)) == 3.0
    assert sciad.grad(f, argnums=(0, 1))(2.0, np.ones(3))[0] == 3.0

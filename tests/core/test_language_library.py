"""Containers, iterators and functions of the standard library with traced values in them."""

import bisect
import collections
import copy
import dataclasses
import functools
import heapq
import itertools
import math
import operator
import types
import weakref

import pytest

from .language import Programs, check_program

PROGRAMS = Programs()
program = PROGRAMS.right


@program
def with_deque(x):
    d = collections.deque([x, 1.0], maxlen=3)
    d.append(math.sin(x))
    d.appendleft(x * x)
    d.rotate(1)
    return d[0] * d.pop() + sum(d)


@program
def with_counter(x):
    c = collections.Counter()
    c["a"] += x
    c.update({"b": x * x})
    c["a"] += math.sin(x)
    return c["a"] * c["b"] + sum(c.values())


@program
def with_counter2(x):
    c = collections.Counter(a=x) + collections.Counter(a=2, b=x)
    return c["a"] * c["b"] + c.most_common(1)[0][1]


@program
def with_ordered(x):
    d = collections.OrderedDict(a=x, b=x * x)
    d.move_to_end("a")
    return next(iter(d.values())) * math.sin(d["a"])


@program
def with_chainmap(x):
    d = collections.ChainMap({"a": x}, {"a": 1, "b": math.sin(x)})
    d["c"] = x
    return d["a"] * d["b"] * d["c"]


@program
def with_defaultdict(x):
    d = collections.defaultdict(lambda: math.sin(x))
    d["a"] += x
    d["l"] = d["z"]
    return d["a"] * d["l"]


@program
def with_userdict(x):
    class U(collections.UserDict):
        def __getitem__(self, k):
            return math.sin(super().__getitem__(k))

    return U(a=x)["a"]


@program
def with_itertools(x):
    v = [x, x * x, 2.0]
    return (
        sum(a * b for a, b in itertools.product(v, repeat=2))
        + sum(a * b for a, b in itertools.combinations(v, 2))
        + sum(a * math.sin(b) for a, b in itertools.pairwise(v))
        + sum(itertools.islice(itertools.cycle(v), 5))
        + sum(itertools.compress(v, [1, 0, 1]))
        + sum(itertools.chain.from_iterable([v, v]))
        + sum(itertools.repeat(x, 3))
        + sum(a * (b or 1) for a, b in itertools.zip_longest(v, [x]))
        + sum(itertools.accumulate(v))
        + sum(itertools.accumulate(v, operator.mul))
        + sum(itertools.accumulate(v, expmul, initial=x))
    )


def expmul(a, b):
    return math.exp(a * b * 0.1)


@program
def with_groupby(x):
    t = 0.0
    for k, g in itertools.groupby([x, 2 * x, 5 * x], key=lambda v: math.sin(v) > 0.9):
        t = t + k * sum(g) + x
    return t


@program
def with_takewhile(x):
    return (
        sum(itertools.takewhile(lambda v: math.exp(v) < 5, [x, 2 * x, 9 * x]))
        + sum(itertools.dropwhile(lambda v: math.exp(v) < 3, [x, 2 * x, 9 * x]))
        + sum(itertools.filterfalse(lambda v: math.exp(v) < 3, [x, 2 * x]))
    )


@program
def with_count(x):
    return sum(itertools.islice(itertools.count(x, x * x), 4))


@program
def with_tee(x):
    a, b = itertools.tee(math.sin(v) for v in [x, x * x])
    return sum(a) * sum(b)


@program
def with_starmap(x):
    return sum(itertools.starmap(expmul, [(x, 2.0), (1.0, x)]))


@program
def with_heap(x):
    h = [3 * x, x, 2.0]
    heapq.heapify(h)
    heapq.heappush(h, x * x)
    a = heapq.heappop(h)
    b = heapq.heapreplace(h, x)
    return (
        a * b
        + heapq.nsmallest(1, h)[0] * 2
        + heapq.nlargest(2, h, key=lambda v: math.sin(v))[0]
        + sum(heapq.merge([x, 2 * x], [1.5 * x]))
    )


@program
def with_bisect(x):
    v = [x, 2 * x, 3 * x]
    i = bisect.bisect(v, 1.5 * x)
    bisect.insort(v, 2.5 * x, key=lambda q: math.exp(q))
    return v[i] * i + v[2]


@program
def with_opgetters(x):
    @dataclasses.dataclass
    class D:
        a: float

        def m(self, k):
            return math.sin(self.a * k)

        @property
        def q(self):
            return math.exp(self.a)

    d = D(x)
    return (
        operator.itemgetter(1)([1, x])
        + operator.itemgetter("a", "b")({"a": x, "b": x * x})[1]
        + operator.attrgetter("a")(d)
        + operator.attrgetter("q")(d)
        + operator.methodcaller("m", 2.0)(d)
    )


@program
def with_operator(x):
    return (
        operator.add(x, 1) * operator.mul(x, x)
        + operator.neg(x)
        + operator.truediv(1, x)
        + operator.pow(x, 2)
        + operator.sub(3, x)
        + operator.iadd(x, 2)
        + operator.abs(-x)
        + operator.mod(5, x)
        + operator.floordiv(5, x) * x
        + operator.index(3) * x
        + operator.getitem([x], 0)
    )


@program
def with_mapfilter(x):
    return (
        sum(map(expmul, [x, 1.0], [2.0, x]))
        + sum(filter(None, [x, 0.0]))
        + sum(filter(lambda v: math.sin(v) > 0, [x, -x]))
    )


@program
def with_mapdict(x):
    return (
        sum(map({"a": x}.get, "a")) + sum(map(math.sin, (x,))) + sum(map(math.cosh, range(3))) * x
    )


@program
def with_enum(x):
    return sum(i * v for i, v in enumerate([x, math.sin(x)], start=1)) + sum(
        a * b
        for a, b in zip([x], [x * x])  # noqa: B905
    )


@program
def with_anyall(x):
    return x * x if any(math.sin(v) > 2 for v in [x]) or all(math.sin(v) < 2 for v in [x]) else x


@program
def with_iter2(x):
    it = iter([x, x * x])
    f = iter(lambda: next(it, None), None)
    return sum(f)


@program
def with_itersent(x):
    n = [x]

    def f():
        n[0] = math.sin(n[0]) - 0.1
        return n[0] > 0

    t = 0.0
    for _ in iter(f, False):
        t = t + n[0]
    return t


@program
def with_slice(x):
    v = [x, 1, x * x, 2]
    v[1:3] = [math.sin(x)]
    del v[0]
    return v[0] * v[-1] + sum(v[::-1] * 2)


@program
def with_sets(x):
    s = {i for i in range(3) if i * x > 0.5}
    return sum(math.sin(i * x) for i in sorted(s))


@program
def with_dictmerge(x):
    d = {"a": x} | {"b": x * x}
    e = {**d, "c": math.sin(x)}
    d |= {"z": x}
    return sum(e.values()) * sum(d.values()) * len(d.keys() & e.keys())


@program
def with_setdefault(x):
    d = {}
    d.setdefault("a", []).append(x)
    d.setdefault("a", []).append(math.sin(x))
    return d["a"][0] * d["a"][1]


@program
def with_sortkey(x):
    d = {"p": x, "q": x * x, "r": 0.1}
    return (
        sorted(d.items(), key=lambda kv: math.exp(kv[1]))[1][1] * 3
        + min(d, key=d.get).__len__() * x
        + d[max(d, key=lambda k: math.sin(d[k]))]
    )


@program
def with_sort_cmp(x):
    return sorted(
        [x, 2 * x, 0.5 * x],
        key=functools.cmp_to_key(lambda a, b: 1 if math.sin(a) > math.sin(b) else -1),
    )[0]


@program
def with_simplens(x):
    n = types.SimpleNamespace(a=x, b=2)
    n.a = math.sin(n.a)
    return n.a * n.b


@program
def with_simplens_f(x):
    n = types.SimpleNamespace(f=lambda v: math.sin(v))
    return n.f(x)


@program
def with_weakref(x):
    class A:
        pass

    a = A()
    a.v = math.sin(x)
    r = weakref.ref(a)
    w = weakref.WeakValueDictionary()
    w["a"] = a
    return r().v * w["a"].v


@program
def with_copy(x):
    class A:
        def __init__(self, v):
            self.v = v
            self.l = [v]

        def __copy__(self):
            return A(math.sin(self.v))

    class B:
        def __init__(self, v):
            self.v = v
            self.l = [v]

        def f(self):
            return math.exp(self.v)

    b = copy.deepcopy(B(x))
    b.l[0] = x * x
    c = copy.copy(b)
    return copy.copy(A(x)).v + b.f() * c.l[0]


@program
def with_deepcopy(x):
    class A:
        def __init__(self, v):
            self.v = v

        def __deepcopy__(self, memo):
            return A(math.sin(self.v))

    return copy.deepcopy([A(x)])[0].v


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])

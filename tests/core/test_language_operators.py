"""Operators and protocols of user classes, with C functions in them: every method is followed."""

import functools
import heapq
import math
import operator

import pytest

from .language import Programs, check_program

PROGRAMS = Programs()
program = PROGRAMS.right


class V:
    def __init__(self, a, b=1.0):
        self.a, self.b = a, b

    def __add__(self, o):
        return V(math.sin(self.a) + o.a, math.exp(self.b * o.b))

    def __radd__(self, o):
        return V(math.cos(self.a) + o, self.b)

    def __sub__(self, o):
        return V(math.sin(self.a - o.a))

    def __mul__(self, k):
        return V(math.sin(self.a * k), self.b)

    def __rmul__(self, k):
        return V(math.cos(self.a * k), self.b)

    def __truediv__(self, k):
        return V(math.sin(self.a / k), self.b)

    def __pow__(self, k):
        return V(math.pow(self.a, k), self.b)

    def __matmul__(self, k):
        return V(math.exp(self.a * k.a), self.b)

    def __neg__(self):
        return V(math.log(self.a), self.b)

    def __abs__(self):
        return math.sqrt(self.a)

    def __getitem__(self, i):
        return math.exp(self.a * i)

    def __setitem__(self, i, v):
        self.a = math.sin(v) * i

    def __delitem__(self, i):
        self.a = math.sin(self.a)

    def __contains__(self, i):
        self.a = math.cos(self.a)
        return math.sin(self.a) > 0

    def __len__(self):
        return int(math.exp(self.a))

    def __iter__(self):
        yield math.sin(self.a)
        yield math.cos(self.a)

    def __enter__(self):
        self.a = math.sin(self.a)
        return self

    def __exit__(self, *e):
        self.a = math.exp(self.a)
        return False

    def __eq__(self, o):
        return math.sin(self.a) == math.sin(o.a)

    def __lt__(self, o):
        return math.sin(self.a) < math.sin(o.a)

    def __bool__(self):
        return math.sin(self.a) > 0

    def __call__(self, k):
        return math.sin(self.a * k)

    def __iadd__(self, o):
        self.a = math.sin(self.a * o)
        return self

    def __float__(self):
        return float(math.sin(self.a))

    def __hash__(self):
        return 5

    def __str__(self):
        return f"{math.sin(self.a)}"

    def __round__(self, n=0):
        return math.sin(self.a)

    def __divmod__(self, o):
        return math.sin(self.a), math.cos(self.a * o)

    def __reversed__(self):
        return iter([math.sin(self.a), self.b * self.a])

    def __format__(self, s):
        self.a = math.sin(self.a)
        return "a"

    def __index__(self):
        return int(math.exp(self.a))

    def __next__(self):
        return math.sin(self.a)

    def __call2(self):
        pass


@program
def object_add(x):
    return (V(x) + V(x * x)).a


@program
def object_addb(x):
    v = V(x) + V(x * x, x)
    return v.b


@program
def object_radd(x):
    return (x + V(x)).a


@program
def object_sum(x):
    return sum([V(x), V(2 * x)], V(1.0)).a


@program
def object_sum0(x):
    return sum([V(x), V(2 * x)]).a


@program
def object_sub(x):
    return (V(x) - V(x * x)).a


@program
def object_mul(x):
    return (V(x) * 3).a + (V(x) * x).a


@program
def object_rmul(x):
    return (3 * V(x)).a + (x * V(x)).a


@program
def object_div(x):
    return (V(x) / x).a + (V(x) / 2).a


@program
def object_pow(x):
    return (V(x) ** 2.5).a


@program
def object_matmul(x):
    return (V(x) @ V(x)).a


@program
def object_neg(x):
    return (-V(x)).a


@program
def object_abs(x):
    return abs(V(x))


@program
def object_getitem(x):
    return V(x)[2]


@program
def object_setitem(x):
    v = V(x)
    v[2] = x * x
    return v.a


@program
def object_delitem(x):
    v = V(x)
    del v[2]
    return v.a


@program
def object_contains(x):
    v = V(x)
    r = 3 in v
    return v.a * (1 + r)


@program
def object_len(x):
    return len(V(x)) * x


@program
def object_iter(x):
    t = 0.0
    for k in V(x):
        t = t + k * x
    return t


@program
def object_unpack(x):
    a, b = V(x)
    return a * b


@program
def object_star(x):
    return (lambda a, b: a * b)(*V(x))


@program
def object_list(x):
    return sum(list(V(x)))


@program
def object_zip(x):
    return sum(a * b for a, b in zip(V(x), V(x * x)))  # noqa: B905


@program
def object_with(x):
    with V(x) as v:
        y = v.a * 2
    return y * v.a


@program
def object_eq(x):
    return x if V(x) == V(x) else x * x


@program
def object_lt(x):
    return x if V(x) < V(x * x) else x * x


@program
def object_sorted(x):
    return sorted([V(x), V(x * x)])[0].a


@program
def object_max(x):
    return max([V(x), V(x * x)]).a


@program
def object_heap(x):
    h = []
    heapq.heappush(h, V(x))
    heapq.heappush(h, V(x * x))
    return heapq.heappop(h).a


@program
def object_bool(x):
    return x if V(x) else x * x


@program
def object_not(x):
    return x if not V(x) else x * x


@program
def object_and(x):
    return (V(x) and V(x * x)).a


@program
def object_call(x):
    return V(x)(2.0)


@program
def object_iadd(x):
    v = V(x)
    v += 2.0
    return v.a


@program
def object_float(x):
    return float(V(x))


@program
def object_dictkey(x):
    return {V(x): x * x}[V(x)]


@program
def object_fstr(x):
    v = V(x)
    assert f"{v}"
    return v.a


@program
def object_round(x):
    return round(V(x))


@program
def object_divmod(x):
    a, b = divmod(V(x), 2.0)
    return a * b


@program
def object_reversed(x):
    return sum(reversed(V(x)))


@program
def object_next(x):
    return next(V(x))


@program
def object_in_list(x):
    return x * ([V(1.0), V(x)].index(V(x)) + 1) + x * [V(x)].count(V(x))


@program
def object_listeq(x):
    return x if [V(x)] == [V(x)] else x * x


@program
def object_index(x):
    return [1.0, 2.0, 3.0, 4.0][V(x)] * x


@program
def object_map(x):
    return sum(v.a for v in map(V, [x, x * x]))


@program
def object_opadd(x):
    return operator.add(V(x), V(x)).a


@program
def object_reduceadd(x):
    return functools.reduce(operator.add, [V(x), V(x), V(x * x)]).a


class W(V):
    def __add__(self, o):
        return super().__add__(o) * 2

    def __getitem__(self, i):
        return super().__getitem__(i) + super().__call__(i)


@program
def object_super(x):
    return (W(x) + W(x)).a + W(x)[1]


GLOB = V(2.0)


@program
def object_global_obj(x):
    return GLOB[x] + (GLOB * x).a


HOLD = {"k": [V(1.5)]}


@program
def object_global_nested(x):
    return HOLD["k"][0][x]


class Holder:
    def __init__(self):
        self.inner = V(1.3)


H = Holder()


@program
def object_attr_obj(x):
    return H.inner[x] + (H.inner * x).a


def factory():
    return V(1.1)


@program
def object_factory(x):
    return factory()[x]


class Cache_:
    inst = V(1.2)


@program
def object_classattr(x):
    return Cache_.inst[x]


@program
def object_local_cls(x):
    class L:
        def __init__(self, a):
            self.a = a

        def __add__(self, o):
            return math.sin(self.a * o)

        def __getitem__(self, i):
            return math.cos(self.a * i)

        @property
        def q(self):
            return math.exp(self.a)

    return (L(x) + x) + L(x)[2] + L(x).q


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])

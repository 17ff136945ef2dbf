"""Programs that test_sourceless.py executes from text: they have no source then."""

import math, numpy as np, functools, dataclasses, itertools  # noqa: E401, F401, I001
from math import sin, cos

K = 2.0


def helper(a):
    return math.exp(a) * K


def with_helper(x):
    return helper(x) * sin(x)


def run_buf(x):
    b = np.zeros(3)
    b[0] = x
    b[1:] = math.sin(x)
    return float(b.sum()) * np.sum(np.array([x, cos(x)]))


def run_sum(x):
    return sum([x, math.sin(x)]) + max(x, 0.1) + abs(-x) + sum(math.exp(k * x) for k in range(3))


def run_type(x):
    return x * x if type(x) is float else x


def run_isinst(x):
    return x * x if isinstance(x, float) and not isinstance(x, (int, str)) else x


def run_float(x):
    return float(x) * math.sin(float(x))


def run_map(x):
    return sum(map(math.sin, [x, x * x])) + sum(map(lambda v: math.exp(v), [x]))  # noqa: C417


def run_sorted(x):
    return sorted([x, 2 * x], key=lambda v: -math.sin(v))[0]


def run_nested(x):
    def g(a):
        return math.sin(a) * x

    return g(x) + (lambda v: g(v))(x * 2)


def run_rec(x, n=3):
    return x if n == 0 else math.sin(run_rec(x, n - 1)) * x


def run_import(x):
    import math as m  # noqa: I001
    from numpy import exp
    import numpy.linalg as la

    return m.sin(x) * exp(x) * la.norm(np.array([x, 1.0]))


def run_lin(x):
    return np.linalg.solve(
        np.array([[x, 1.0], [0.5, 2.0]]), np.array([1.0, x])
    ).sum() + np.add.reduce(np.array([x, x * x]))


class C:
    def __init__(self, a):
        self.a = math.sin(a)

    def __add__(self, o):
        return C(self.a + math.exp(o.a))

    @property
    def p(self):
        return math.cos(self.a)

    def m(self, k):
        return math.sin(self.a * k)

    @classmethod
    def mk(cls, v):
        return cls(math.sin(v))


class D(C):
    def m(self, k):
        return super().m(k) + math.exp(k)


def run_cls(x):
    return (C(x) + C(x)).p * C(x).m(x) + D.mk(x).m(x)


@dataclasses.dataclass
class DC:
    a: float
    b: float = 2.0

    def __post_init__(self):
        self.b = math.sin(self.a)


def run_dc(x):
    return DC(x).b * DC(x).a


def run_gen(x):
    def g():
        for k in range(3):
            yield math.sin(k * x)

    return sum(g())


def run_exc(x):
    try:
        return math.log(-x)
    except ValueError:
        return math.sin(x)


def run_with(x):
    import contextlib

    @contextlib.contextmanager
    def cm():
        yield math.exp(x)

    with cm() as y:
        return y


def run_partial(x):
    return functools.partial(math.pow, x)(2.0) + functools.reduce(
        lambda a, b: a * math.sin(b), [x, x]
    )


def run_global(x):
    global G
    G = x * x
    return G


def run_globalc(x):
    global G
    G = math.sin(x)
    return G


def run_isfn(x, g=math.sin):
    return x * x if g is math.sin else x


def run_default(x, g=math.sin):
    return g(x)


def run_fstr(x):
    return len(f"{x:.3f}"[:2]) * x + len("%s %d" % ("a", 3)) * x  # noqa: UP031


run_lam = lambda x: math.sin(x) * K


def run_none(x, a=None):
    return math.sin(x) if a is None else x


def run_notnone(x, a=None):
    y = a is not None
    return math.sin(x) if not y else x


def run_const(x):
    b = np.zeros(2)
    c = b.copy()
    c[0] = x
    np.copyto(b, c)
    return b[0] * math.sin(1.0)


def run_classin(x):
    class L:
        k = K

        def f(self, v):
            return math.sin(v) * self.k

    return L().f(x)


def outer():
    def g(a):
        return math.sin(a)

    def f(x):
        return g(x) * K

    return f


run_closure = outer()


def run_glob(x):
    return globals()["helper"](x)


def run_matmul(x):
    return (np.array([[x, 1.0], [2.0, x]]) @ np.array([x, 1.0])).sum()


def run_iadd(x):
    b = np.zeros(2)
    b += x
    b[0] += math.sin(x)
    return b.sum()


def run_vec(x):
    return np.vectorize(lambda v: math.sin(v))(np.array([x, 1.0])).sum()


def run_math_err(x):
    return math.sqrt(-x)


def run_hasattr(x):
    return math.sin(x) if hasattr(np, "sin") and callable(np.sin) else x


def run_np64(x):
    return np.float64(x) * 2


def run_complex(x):
    return abs(complex(x, x) * 1j)


def run_enumerate(x):
    return (
        sum(i * math.sin(v) for i, v in enumerate(zip([x], [1])) for v in v)  # noqa: B905
        + len(list(reversed([x]))) * x
    )


def run_print(x):
    print("", end="")
    return round(x) * x + math.floor(x * 5) * x


def run_dict(x):
    d = {np.sin: x}
    return d[np.sin]


def run_match(x):
    match x:
        case float():
            return math.sin(x)
        case _:
            return x

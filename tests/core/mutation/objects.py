"""Programs that write arrays held by objects, closures, containers, generators."""

import collections
import contextlib
import dataclasses
import functools
import operator

import numpy as np

PROGRAMS = {}
G = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


class Holder:
    buf = None


def helper(b, x, k):
    b[k] = x[k]
    b[k + 1 :] += b[k] * x[0]


def helper_default(x, b=None):
    if b is None:
        b = np.zeros(len(x))
    b[:] = x
    return b


class Acc:
    total = np.zeros(1)

    def __init__(self, n):
        self.u = np.zeros(n)
        self.hist = []

    def step(self, x):
        self.u[1:] += x[:-1]
        self.u *= x[0]
        self.hist.append(self.u.copy())
        return self

    @property
    def mid(self):
        return self.u[1:3]


class CA:
    buf = None


@dataclasses.dataclass
class St:
    u: np.ndarray
    v: np.ndarray


def upd(x):
    BUF[1:] += x[1:] * BUF[0]


@program
def aug_attr(x):
    o = Holder()
    o.buf = np.zeros(4)
    o.buf += x
    o.buf[1:] *= x[0]
    al = o.buf
    o.buf -= x * x
    o.d = {"a": o.buf}
    o.d["a"] /= 2.0
    o.d["a"][0] = x[3]
    return al * o.buf


@program
def list_append(x):
    l = []
    for i in range(4):
        l.append(x[i] * x[0])
    a = np.array(l)
    a[0] = 3 * x[1]
    l2 = [a, a * a]
    m = np.array(l2)
    a[1] = 9
    n = np.asarray(l2)
    return m * n


@program
def list_of_arrays(x):
    rows = [np.zeros(4) for _ in range(3)]
    rows[0][:] = x
    rows[1] += rows[0] * 2
    rows[2][1:] = rows[1][:-1] * x[0]
    m = np.vstack(rows)
    rows[0][0] = 77
    return m * m


@program
def helper_writes(x):
    b = np.zeros(4)
    for k in range(4):
        helper(b, x, k)
    helper(b[1:], x, 1)
    return b * b


@program
def helper_default_buffer(x):
    b = helper_default(x)
    c = helper_default(x * x, b)
    c[0] = 1.0
    return b * c


@program
def global_dict(x):
    G["b"] = np.zeros(4)
    G["b"][1:] = x[1:]
    v = G["b"][:2]
    v *= x[0]
    r = G["b"] * G["b"]
    G.clear()
    return r


@program
def closure_buffer(x):
    b = np.zeros(4)
    n = 0

    def add(v):
        nonlocal n, b
        b[n] = v
        n += 1
        b *= 1.1

    for k in range(4):
        add(x[k] * x[0])
    return b * b


@program
def object_buffer(x):
    a = Acc(4)
    for _ in range(3):
        a.step(x)
    a.mid[:] = x[:2]
    middle = a.mid
    middle *= 2
    a.hist[0][1] = x[0]
    return a.u * np.sum(a.hist)


@program
def object_alias(x):
    a = Acc(4)
    v = a.u[1:]
    a.step(x)
    v[0] = x[2]
    a.step(x)
    return v * np.sum(a.u)


@program
def class_attr(x):
    CA.buf = np.zeros(4)
    CA.buf[:] = x
    c = CA()
    c.buf[0] *= 2
    c.buf = c.buf * x
    c.buf += 1
    r = CA.buf * c.buf
    CA.buf = None
    return r


@program
def exception_in_middle(x):
    a = np.zeros(4)
    try:
        a[0] = x[0]
        a[1:3] = x[1:3]
        a[9] = x[0]
    except IndexError:
        a[3] = x[3]
    try:
        a[:2] = x
    except ValueError:
        a *= x
    try:
        a += x[:3]
    except ValueError:
        a[0] = 1.0
    try:
        a[1] = x[1] * 2
        raise KeyError
    except KeyError:
        a[2] *= 3
    finally:
        a[3] += x[0]
    return a * a


@program
def generator_writes(x):
    a = np.zeros(4)

    def gen():
        for k in range(4):
            a[k] = x[k]
            yield a
            a[k] *= 2

    s = 0.0
    for v in gen():
        s = s + v * v
    return s * a


@program
def multi_assign(x):
    a = b = np.zeros(4)
    a[:] = x
    b *= 2
    c = d = a[1:]
    c += x[0]
    return b * np.sum(d)


@program
def walrus_and_with(x):
    a = np.zeros(4)
    with contextlib.suppress(ZeroDivisionError):
        (v := a[1:])[0] = x[0]
        v[1] = x[1]
        raise ZeroDivisionError
    v[2] = x[2]
    return a * a


@program
def enumerate_elements(x):
    a = np.zeros(4)
    for i, v in enumerate(x):
        a[i] = v * v
    for i, v in enumerate(a):
        a[i] = v + a[i - 1]
    for i, v in enumerate(a):
        a[3 - i] = v * 2
    return a


@program
def iterate_while_writing(x):
    a = x * 1.0
    it = iter(a)
    u = next(it)
    a[1] = 5 * x[0]
    v = next(it)
    return a * u * v


@program
def setitem_ops(x):
    a = np.zeros(4)
    operator.setitem(a, 0, x[0])
    a.__setitem__(slice(1, 3), x[1:3])
    operator.iadd(a, x)
    operator.imul(a[1:], x[0])
    a.__iadd__(x)
    np.add(a, x, a)
    a = operator.isub(a, 1.0)
    return a * a


@program
def map_write(x):
    a = np.zeros(4)

    def w(i):
        a[i] = x[i] * 2
        return i

    list(map(w, range(4)))
    [w(i) for i in range(2)]
    {i: a.__setitem__(i, a[i] * x[0]) for i in range(2)}
    return a * a


@program
def reduce_write(x):
    a = np.zeros(4)

    def f(acc, i):
        acc[i] = x[i] + (acc[i - 1] if i else 0)
        return acc

    r = functools.reduce(f, range(4), a)
    r *= x
    return a * r


@program
def recursion_write(x):
    a = x * 1.0

    def rec(v):
        if v.size < 2:
            return
        h = v.size // 2
        rec(v[:h])
        rec(v[h:])
        v[:h] += v[h:] * x[0]
        v[h:] *= v[:h]

    rec(a)
    return a


@program
def deque_buffers(x):
    d = collections.deque([np.zeros(4), np.zeros(4)], maxlen=2)
    for k in range(3):
        n = d[0] * 0.5 + x
        d.append(n)
        d[0][1] = x[k]
    return d[0] * d[1]


@program
def dataclass_state(x):
    s = St(x.copy(), np.zeros(4))
    for _ in range(3):
        s.v += 0.1 * s.u
        s.u -= 0.1 * s.v
        s.v[0] = s.u[-1]
    t = dataclasses.replace(s, v=s.v)
    t.v[1] = 2 * x[0]
    return s.u * s.v


@program
def namedtuple_state(x):
    T = collections.namedtuple("T", "u v")
    s = T(x * 1.0, np.zeros(4))
    s.v[:] = s.u**2
    s = s._replace(u=s.v)
    s.u[0] = x[0]
    return s.u * s.v


@program
def iadd_list(x):
    a = np.zeros(4)
    a += [x[0], 1.0, x[1], 2.0]
    a -= (x[0],) * 4
    a[1:3] += [x[2], x[3]]
    a *= [1, 2, 3, 4]
    return a * a


@program
def scalar_plus_eq_array(x):
    s = 0.0
    s += x
    t = s
    s += x
    u = x[0]
    u += x
    u += 1
    return s * t * u


@program
def float_iadd_view_elem(x):
    t = x[0]
    t += 1
    t *= x[1]
    y = x
    y = y + 1
    y += x
    return y * t * x


@program
def apply_write(x):
    m = np.zeros((2, 4))

    def f(row):
        row[:] = x
        return row.sum()

    [f(r) for r in m]
    return m * m


@program
def nditer_like(x):
    a = np.zeros((2, 2))
    for idx in np.ndindex(a.shape):
        a[idx] = x[idx[0]] * x[idx[1] + 2]
    for idx, v in np.ndenumerate(a):
        a[idx] = v * v + x[0]
    return a


@program
def aliased_struct(x):
    d = {"u": np.zeros(4)}
    e = d
    e["u"][1:] = x[1:]
    f = {**d}
    f["u"] += x
    d["u"] = d["u"] * 2
    return e["u"] * f["u"]


@program
def return_views(x):
    def part(m, k):
        return m[k]

    m = np.zeros((2, 4))
    part(m, 0)[:] = x
    r = part(m, 1)
    r[::2] = x[:2]
    return m * m


@program
def lambda_write(x):
    a = np.zeros(4)
    w = lambda i, v: a.__setitem__(i, v)
    w(0, x[0])
    w(slice(1, 3), x[1:3])
    return a * a


@program
def generator_expr_fill(x):
    a = np.array([x[i] * x[0] for i in range(4)])
    a[0] = x[1]
    return a


@program
def decorated(x):
    def deco(f):
        @functools.wraps(f)
        def g(b, *a, **k):
            b[0] += 1
            f(b, *a, **k)
            return b

        return g

    @deco
    def fill(b, x):
        b[1:] = x[1:] * b[0]

    b = x * 1.0
    return fill(b, x) * b


@program
def global_write_back(x):
    global BUF
    BUF = np.zeros(4)
    BUF[0] = x[0]
    upd(x)
    r = BUF * BUF
    BUF = None
    return r


@program
def nested_function_out(x):
    def rhs(t, y, out):
        out[0] = y[1]
        out[1] = -y[0] * x[0]
        out[2:] = y[2:] * x[2:]

    y = x * 1.0
    k1, k2 = np.empty(4), np.empty(4)
    for _ in range(5):
        rhs(0, y, k1)
        rhs(0, y + 0.05 * k1, k2)
        y += 0.05 * (k1 + k2)
    return y


@program
def record_old_views(x):
    u = x * 1.0
    hist = []
    for _ in range(3):
        hist.append(u[:])
        u *= x
    return hist[0] * hist[-1]


@program
def record_copies(x):
    u = x * 1.0
    hist = []
    for _ in range(3):
        hist.append(u.copy())
        u *= x
    return hist[0] * hist[-1] * hist[1]


@program
def record_rebind(x):
    u = x * 1.0
    hist = []
    for _ in range(3):
        hist.append(u)
        u = u * x
    hist[1][0] = 5 * x[0]
    return hist[0] * hist[-1] * hist[1]


@program
def nested_try_gen(x):
    a = np.zeros(4)

    def g():
        try:
            a[0] = x[0]
            yield 1
            a[1] = x[1]
            yield 2
        finally:
            a[2] = x[2]

    for v in g():
        if v == 1:
            continue
        break
    del v
    return a * x

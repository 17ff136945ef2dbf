"""Programs that write traced values into plain arrays made by operators."""

import numpy as np

PROGRAMS = {}
DATA = np.array([1.0, 2.0, -0.5, 3.0])
D2 = np.outer(DATA, DATA)


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def element(x):
    b = DATA * 2
    for i in range(4):
        b[i] = x[i] * x[0]
    return b * b


@program
def whole(x):
    b = 1.0 - DATA
    b[:] = x
    b[1:] += x[:3]
    return b


@program
def aug(x):
    b = DATA * 2
    b += x
    b *= x
    return b * b


@program
def aug_elem(x):
    b = DATA * 2
    b[0] += x[1]
    b[1:3] *= x[2:]
    return b


@program
def aug_slice(x):
    b = DATA * 2
    b[1:3] += x[2:]
    b[[0, 0]] += x[0]
    b[b > 1] *= x[1]
    return b


@program
def aug_fancy(x):
    b = DATA * 2
    b[[0, 3]] += np.sin(x[1:3])
    return b


@program
def rows(x):
    m = D2 * 1.5
    m[0] = x
    m[1][2] = x[0]
    m.T[3] += x
    m[2][:] = x * x
    return m


@program
def rows2(x):
    m = D2 * 1.5
    m[1][2] = x[0]
    m.T[3][:] = x
    return m


@program
def tupled(x):
    b = DATA + 1
    c = DATA - 1
    b[0], c[1] = x[0], x[1]
    (b[1], *b[2:]), d = x[:3], 5.0
    return b * c * d


@program
def chained(x):
    b = DATA + 1
    c = DATA * 2
    b[0] = c[0] = x[0] * 2
    return b * c


@program
def swap(x):
    b = DATA + 1
    b[0] = x[1]
    b[0], b[1] = b[1], b[0]
    return b * x


@program
def augmented_arithmetic(x):
    m = D2 * 1.0
    m /= x
    m -= np.outer(x, x)
    m **= 2
    m @= np.eye(4) * x
    return m


@program
def impure(x):
    b = DATA * 2
    l = []

    def nxt():
        l.append(1)
        return len(l) - 1

    b[nxt()] = x[0]
    b[nxt()] = x[1]
    b[len(l)] = x[2]
    return b * len(l)


@program
def parts(x):
    z = DATA * (1 + 0j)
    z.real = x
    z.imag[1:] = x[:3]
    w = DATA * 2
    w.flat = x
    return np.abs(z) * w


@program
def neg(x):
    b = -DATA
    b[0] = x[0]
    d = DATA > 0
    d[0] = x[0] > 5
    e = DATA[::-1] * 1
    e[d] = x[d]
    return b * e


@program
def helper_ret(x):
    def make(d):
        return d * 2

    b = make(DATA)
    b[1] = x[1]
    return b


@program
def loop_rebind(x):
    out = 0.0
    for k in range(3):
        b = DATA * k
        b[k] = x[k]
        out = out + b
    return out * x


@program
def cond(x):
    b = DATA * 2
    if x[0] > 0:
        b[0] = x[0]
    else:
        b[1] = x[1]
    with np.errstate(all="ignore"):
        b[2] = x[2]
    try:
        b[3] = x[3]
    finally:
        b[0] *= x[1]
    return b


@program
def used_before(x):
    b = DATA * 2
    y = x * b
    b[0] = x[0]
    return y * b


@program
def read_then_store(x):
    b = DATA * 2
    t = b[0]
    b[0] = x[0]
    return b * t


@program
def list_value(x):
    b = DATA * 2
    b[:2] = [x[0], 1.0]
    b[2:] = (x[1], x[2])
    return b


@program
def order_of_evaluation(x):
    log = []

    def v(k):
        log.append(k)
        return k

    b = DATA * 2
    b[v(0)] = x[v(1)]
    b[v(2)] += x[v(3)]
    b[v(0)], b[v(1)] = x[v(2)], x[v(3)]
    return b * float("".join(map(str, log)))

"""Algorithms that work in place."""

import numpy as np

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def augmented_ops(x):
    a = x.copy()
    a += 1
    a -= x * x
    a *= x
    a /= 2 + x * x
    a **= 2
    a %= 1.7
    a -= 0.3
    b = a + 3
    b //= 0.9
    return a * x + b


@program
def augmented_matmul(x):
    m = np.outer(x, x) + np.eye(4)
    m @= np.diag(x)
    return m


@program
def aug_subscript(x):
    a = x * 1.0
    a[0] += x[1]
    a[1] -= a[0]
    a[2] *= a[1]
    a[3] /= a[2] + 3
    a[1:] **= 2
    a[[0, 0, 2]] += x[0]
    a[a > 0.5] *= x[1]
    a[-1] //= 1.0
    return a * x


@program
def swap_buffers(x):
    a, b = x * 1.0, np.zeros(4)
    for _ in range(5):
        b[1:-1] = a[:-2] * a[2:]
        b[0] = a[-1]
        b[-1] = a[0]
        a, b = b, a
    return a * b


@program
def snapshots(x):
    b = np.zeros(4)
    snaps = []
    for k in range(4):
        b[k] = x[k] * x[0]
        snaps.append(b * b)
        b *= 1.1
    v = b[1:3]
    s1 = v * v
    b[1] = 4.0
    s2 = v * v
    np.sin(b, out=b)
    s3 = v @ v
    return np.concatenate([np.sum(snaps, 0), s1, s2]) * s3


@program
def read_elements_between(x):
    b = np.zeros(5)
    b[0] = 1.0
    for i in range(4):
        b[i + 1] = b[i] * x[i]
        t = b[i + 1]
        b[i] = t * t + b[i]
        b[i + 1] += t
    return b * b


@program
def scalar_reads_old(x):
    b = x * 1.0
    t = b[0]
    u = b[1:3]
    w = b[1:3] * 1
    b[0] = 5.0
    b[1] = 7 * x[0]
    return t * u * w


@program
def tuple_swap(x):
    a = x * 1.0
    a[0], a[1] = a[1], a[0] * 2
    a[[0, 3]] = a[[3, 0]]
    m = np.outer(a, x)
    m[0], m[1] = m[1] * 1, m[0]
    m[[1, 2]] = m[[2, 1]]
    return m


@program
def while_shift(x):
    q = np.zeros(6)
    n = 0
    for v in x:
        q[1:] = q[:-1]
        q[0] = v * v
        n += 1
    return q[:n] * q[0]


@program
def roll_buffer(x):
    h = np.zeros((3, 4))
    for k in range(5):
        h = np.roll(h, 1, axis=0)
        h[0] = np.sin(x * k) + h[1] * x
    return h * h


@program
def ring_buffer(x):
    h = np.zeros((3, 4))
    h[0] = x
    for k in range(1, 8):
        h[k % 3] = h[(k - 1) % 3] * x + h[(k - 2) % 3]
    return h


@program
def item_methods(x):
    a = np.zeros(4)
    a.fill(x[0])
    a[1] = a.item(0) * x[1]
    a.put([2], x[2])
    t = a.item(1)
    a[1] = 4
    return a * t


@program
def sum_of_buffers(x):
    bufs = [np.zeros(4) for _ in range(3)]
    for k, b in enumerate(bufs):
        b[k] = x[k]
        b += x
    return sum(bufs) * sum(b[0] for b in bufs)


@program
def zeros_like_dtype(x):
    a = np.zeros_like(x)
    b = np.empty_like(a)
    c = np.full_like(x, 2.0)
    d = np.ones_like(a)
    a[:] = x
    b[:] = a * x
    c *= b
    d[1:] = c[1:]
    e = np.full(4, x[0])
    e[1] = x[1]
    f = np.full_like(x, x[2])
    f *= 2
    return a * b * c * d * e * f


@program
def constructors(x):
    a = np.arange(4.0)
    a *= x
    b = np.linspace(0, 1, 4)
    b[1] = x[1]
    c = np.identity(4)
    c[0] = x
    d = np.eye(4, k=1)
    d += c
    e = np.tri(4)
    e[1] *= x
    f = np.ones((4, 4))
    f[:, 1] = x
    g = np.diag(np.ones(4))
    g[0, 0] = x[0]
    h = np.tile(np.ones(2), 2)
    h[0] = x[0]
    i = np.repeat(1.0, 4)
    i[1] = x[0]
    j = np.array([1.0, 2, 3, 4])
    j[2] = x[0]
    k = np.concatenate([np.ones(2), np.zeros(2)])
    k[0] = x[2]
    l = np.logspace(0, 1, 4)
    l[0] = x[0]
    mm = np.random.default_rng(0).normal(size=4)
    mm[0] = x[0]
    n = np.full(4, 3.0)
    n[0] = x[1]
    o = np.asarray([1.0, 2, 3, 4])
    o[0] = x[0]
    q = np.fromfunction(lambda i: i * 1.0, (4,))
    q[1] = x[0]
    return a * b * h * i * j * k * l * mm * n * o * q + (c @ d @ e @ f @ g)


@program
def hidden_constants(x):
    w = np.ones(4)
    w2 = w * 2
    w2[0] = x[0]
    w3 = w2.copy()
    w3 += x
    w4 = -w
    w4[1] = x[1]
    w5 = w + w
    w5 *= x
    w6 = np.sin(w)
    w6[2] = x[2]
    w7 = w[1:] * 3
    w7[0] = x[0]
    return w3 * w4 * w5 * w6 * np.sum(w7)


@program
def iop_broadcast_fail(x):
    a = np.zeros((4,))
    try:
        a += np.outer(x, x)
    except ValueError:
        a += x
    try:
        a[:2] = x[:3]
    except ValueError:
        a[:2] *= 2
    try:
        a[5] = x[0]
    except IndexError:
        a[0] = x[0]
    try:
        np.add(x, x, out=np.zeros(3))
    except ValueError:
        a *= x
    return a * a


@program
def stencil_2d(x):
    u = np.outer(x, np.ones(4)) * 1.0
    un = np.empty_like(u)
    for _ in range(3):
        un[:] = u
        u[1:-1, 1:-1] = un[1:-1, 1:-1] + 0.1 * (
            un[2:, 1:-1] + un[:-2, 1:-1] + un[1:-1, 2:] + un[1:-1, :-2] - 4 * un[1:-1, 1:-1]
        )
        u[0, :] = un[1, :]
        u[:, -1] = u[:, -2]
        u[-1] = x
    return u * u


@program
def gauss_seidel(x):
    u = np.zeros(6)
    u[1:5] = x
    for _ in range(3):
        for i in range(1, 5):
            u[i] = 0.5 * (u[i - 1] * u[i + 1] + x[i - 1])
    return u


@program
def lu_inplace(x):
    a = np.outer(x, x) + np.eye(4) * 3
    for k in range(3):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a


@program
def cholesky_inplace(x):
    a = np.outer(x, x) + np.eye(4) * 3
    L = np.zeros_like(a)
    for i in range(4):
        for j in range(i + 1):
            s = a[i, j] - np.dot(L[i, :j], L[j, :j])
            L[i, j] = np.sqrt(s) if i == j else s / L[j, j]
    return L


@program
def kalman_like(x):
    xs = np.zeros((5, 2))
    Ps = np.zeros((5, 2, 2))
    xs[0] = x[:2]
    Ps[0] = np.eye(2) * x[2]
    A = np.array([[1, 0.1], [0, 1]])
    for k in range(1, 5):
        xs[k] = A @ xs[k - 1]
        Ps[k] = A @ Ps[k - 1] @ A.T + 0.1 * x[3] * np.eye(2)
        K = Ps[k][:, 0] / (Ps[k][0, 0] + 1)
        xs[k] += K * (1 - xs[k, 0])
        Ps[k] -= np.outer(K, Ps[k][0])
    return np.concatenate([xs.ravel(), Ps.ravel()])


@program
def int_index_from_float(x):
    a = np.zeros(4)
    a[int(x[0] > 0)] = x[0]
    a[int(abs(x[1]))] += x[1]
    return a * a


@program
def store_view_of_other(x):
    a, b = np.zeros((2, 4)), np.zeros((2, 4))
    a[0] = x
    b[1] = a[0]
    a[0, 0] = 7 * x[1]
    b[0] = a[0][::-1]
    a *= b
    return np.concatenate([a, b])


@program
def store_bool(x):
    a = x * 1.0
    a[1] = True
    a[2] = 3
    a[3] = np.float32(0.5)
    a[0] *= np.int64(2)
    a += True
    return a * x


@program
def abs_negative_power(x):
    a = np.abs(x) + 0.5
    a **= -1
    a **= 0.5
    return a


@program
def heun_history(x):
    u = np.empty((6, 4))
    u[0] = x
    for k in range(5):
        f = np.sin(u[k])
        u[k + 1] = u[k] + 0.1 * f
        u[k + 1] += 0.05 * (np.sin(u[k + 1]) - f)
    return u[-1] * u[2]


@program
def nan_handling(x):
    a = np.full(4, np.nan)
    a[:2] = x[:2]
    a[np.isnan(a)] = x[3]
    return a * x


@program
def nan_never_read(x):
    a = np.empty(5)
    a[:] = np.nan
    a[1:] = x
    return a[1:] * a[1:]


@program
def infs(x):
    a = np.full(4, np.inf)
    np.minimum(a, x, out=a)
    b = np.full(4, -np.inf)
    for i in range(4):
        b[i] = max(b[i], x[i])
    return a * b


@program
def dynamic_programming(x):
    D = np.full((5, 5), np.inf)
    D[0, 0] = 0.0
    for i in range(4):
        for j in range(4):
            D[i + 1, j + 1] = (x[i] - x[j] ** 2) ** 2 + min(D[i, j], D[i + 1, j], D[i, j + 1])
    return D[1:, 1:][-1]


@program
def horner_inplace(x):
    r = np.zeros(4)
    for c in (1.0, 2.0, x[0]):
        r *= x
        r += c
    return r


@program
def mod_buf_self_alias(x):
    a = x * 1.0
    b = a
    b[0] = x[1]
    a = a + 1
    b += 1
    return a * b

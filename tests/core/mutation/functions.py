"""Programs that write with NumPy functions: ``out=``, copyto, put, ufunc.at, sort."""

import numpy as np

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def out_ufuncs(x):
    b = np.zeros(4)
    np.multiply(x, 2, out=b)
    np.exp(b, out=b)
    np.add(b, b, b)
    np.subtract(b, x, out=(b,))
    np.negative(b, out=b[::-1])
    np.maximum(b, 0.2, out=b)
    np.sqrt(b, b)
    np.power(b, 2, out=b[:4])
    return b * x


@program
def out_where(x):
    b = np.ones(4)
    np.multiply(x, x, out=b, where=np.array([True, False, True, False]))
    np.divide(1.0, x, out=b, where=x > 0.6)
    return b * x


@program
def out_reduce(x):
    m = np.outer(x, x)
    b = np.zeros(4)
    np.sum(m, axis=0, out=b)
    m.sum(1, out=b[:])
    np.mean(m, axis=0, out=b)
    c = np.zeros(4)
    m.prod(axis=0, out=c)
    np.max(m, axis=1, out=c[::-1])
    d = np.zeros(4)
    np.std(m, axis=0, out=d)
    e = np.zeros(4)
    np.cumsum(x, out=e)
    np.cumprod(x, out=e[:])
    e2 = np.zeros(4)
    m.mean(axis=1, out=e2)
    return b * c * d + e * e2


@program
def out_reduce2(x):
    m = np.outer(x, x + 1)
    b = np.zeros(4)
    np.var(m, axis=0, out=b)
    c = np.zeros(4)
    np.min(m, axis=0, out=c)
    d = np.zeros(4)
    np.median(m, axis=0, out=d)
    e = np.zeros(4)
    np.quantile(m, 0.3, axis=0, out=e)
    np.percentile(m, 30, axis=0, out=e[::-1])
    f = np.zeros(4)
    np.nansum(m, axis=0, out=f)
    g = np.zeros(())
    np.trace(m, out=g)
    return b * c + d * e + f * g


@program
def out_dot(x):
    m = np.outer(x, x) + np.eye(4)
    o = np.zeros(4)
    np.dot(m, x, out=o)
    q = np.zeros((4, 4))
    np.matmul(m, m, out=q)
    r = np.zeros((4, 4))
    np.einsum("ij,jk->ik", m, q, out=r)
    np.matmul(r, o, out=o)
    s = np.zeros((4, 4))
    np.outer(o, x, out=s)
    t = np.zeros((4, 4))
    m.dot(s, t)
    return t + q


@program
def out_take(x):
    o = np.zeros(3)
    np.take(x, [0, 2, 3], out=o)
    c = np.zeros(4)
    np.clip(x, 0, 0.9, out=c)
    x.clip(-0.5, 1.0, out=c[::-1])
    d = np.zeros(3)
    x.take([1, 1, 2], out=d)
    e = np.zeros(2)
    np.compress([True, False, False, True], x, out=e)
    f = np.zeros(4)
    np.round(x * 10, out=f)
    g = np.zeros(4)
    np.choose([0, 1, 1, 0], [x, x * x], out=g)
    return np.concatenate([o, c, d, e, f * x, g])


@program
def out_concat(x):
    o = np.zeros(8)
    np.concatenate([x, x * x], out=o)
    s = np.zeros((2, 4))
    np.stack([x, x * x], out=s)
    return np.concatenate([o, s.ravel()])


@program
def out_linalg_like(x):
    o = np.zeros(4)
    np.nan_to_num(x, copy=False)
    np.real(x).sum()
    np.cumsum(x, out=o)
    np.nancumsum(x, out=o)
    np.fabs(x, out=o)
    np.square(x, o)
    return o * x


@program
def ufunc_methods_out(x):
    o = np.zeros(4)
    np.add.accumulate(x, out=o)
    np.multiply.accumulate(o, out=o)
    z = np.zeros(())
    np.add.reduce(x, out=z)
    m = np.zeros((4, 4))
    np.multiply.outer(x, x, out=m)
    np.add.reduce(m, axis=0, out=o[:])
    return o * z


@program
def copyto_etc(x):
    a = np.zeros(4)
    np.copyto(a, x)
    np.copyto(a[1:], x[0])
    np.copyto(a, x * x, where=[True, False, False, True])
    np.copyto(a, 5.0, where=x > 1.5)
    np.put(a, [0, -1], x[1:3])
    np.put(a, [1, 2], x[0])
    a.put([0], x[3])
    np.place(a, a > 2, x[:2])
    np.putmask(a, a > 1, x)
    m = np.zeros((4, 4))
    np.fill_diagonal(m, x)
    m2 = np.zeros((5, 3))
    np.fill_diagonal(m2, x[0], wrap=True)
    np.put_along_axis(m, np.array([[1], [2], [3], [0]]), x[:, None], axis=1)
    return np.concatenate([a, m.ravel(), m2.ravel()])


@program
def put_modes(x):
    a = np.zeros(4)
    np.put(a, [5, -1, 2], x, mode="wrap")
    np.put(a, [9], x[1], mode="clip")
    m = np.zeros((2, 2))
    m.put([0, 3], x[:2])
    return np.concatenate([a, m.ravel()])


@program
def fill_diagonal_views(x):
    m = np.zeros((4, 4))
    np.fill_diagonal(m[1:, :-1], x[:3])
    np.fill_diagonal(m[::-1], x)
    np.fill_diagonal(m.T, x * x)
    return m * m


@program
def ufunc_at(x):
    a = np.ones(4)
    np.add.at(a, [0, 0, 1], x[:3])
    np.subtract.at(a, 2, x[0])
    np.add.at(a, (np.array([3, 3]),), x[1])
    np.add.at(a, slice(1, 3), x[0])
    m = np.zeros((2, 2))
    np.add.at(m, ([0, 0, 1], [1, 1, 0]), x[:3])
    return np.concatenate([a * a, m.ravel()])


@program
def ufunc_at_more(x):
    a = x * 1.0
    np.multiply.at(a, [0, 0, 2], x[1])
    np.divide.at(a, [1, 1], x[2])
    np.maximum.at(a, [0, 3], 0.3)
    np.negative.at(a, [1])
    np.exp.at(a, [2])
    return a * x


@program
def sort_in_place(x):
    a = x * 1.0
    a.sort()
    m = np.outer(x, x[::-1])
    m.sort(0)
    m[1].sort()
    m.T[2].sort()
    return np.concatenate([a * a, m.ravel()])


@program
def add_out_overlap(x):
    a = np.concatenate([x, x])
    np.add(a[1:], a[:-1], out=a[1:])
    np.multiply(a[:-1], a[1:], out=a[:-1])
    a[1:] += a[:-1]
    a[:-2] -= a[2:]
    a[::-1] += a
    a += a[::-1]
    return a


@program
def partition_put_back(x):
    a = x * 1.0
    a[:] = np.sort(a)[::-1]
    a[:] = a[np.argsort(a)]
    a[np.argsort(x)] = a * 1
    return a * x


@program
def np_partition(x):
    a = x * 1.0
    a.partition(2)
    return np.sum(a[:2]) * np.sum(a[2:]) * x


@program
def out_chain_return(x):
    b = np.zeros(4)
    c = np.add(x, 1, out=b)
    c *= 2
    b[0] = x[1]
    d = np.multiply(b, b, b)
    return b * c * d


@program
def cumsum_out_self(x):
    a = x * 1.0
    np.cumsum(a, out=a)
    np.cumprod(a, out=a)
    np.diff(a)
    np.cumsum(a[::-1], out=a[::-1])
    return a


@program
def fft_inplace(x):
    z = np.zeros(4, complex)
    z[:] = x
    z[:] = np.fft.fft(z)
    z[1] = 0
    z *= np.exp(1j * x)
    return np.fft.ifft(z).real


@program
def take_put_roundtrip(x):
    a = np.zeros((2, 4))
    np.put_along_axis(a, np.argsort(np.stack([x, -x]), axis=1), np.stack([x, x * x]), axis=1)
    a[np.arange(2), np.argmax(a, axis=1)] = x[:2]
    return a * a


@program
def ufunc_out_positional_multi(x):
    f, i = np.zeros(4), np.zeros(4)
    np.modf(x * 3, f, i)
    return f * x


@program
def matmul_out_view(x):
    big = np.zeros((3, 4))
    m = np.outer(x, x)
    np.matmul(m, x, out=big[1])
    np.dot(m, x, out=big[2])
    np.add(big[1], big[2], out=big[0])
    return big


@program
def insert_delete(x):
    a = np.insert(x, 1, x[0] * 2)
    a[1] *= x[1]
    b = np.delete(a, [0])
    b[0] = x[2]
    c = np.append(a, x[0])
    c[-1] += 1
    return np.concatenate([a, b, c])


@program
def unique_gather(x):
    _, inv = np.unique(np.array([3, 1, 3, 2]), return_inverse=True)
    s = np.zeros(3)
    np.add.at(s, inv, x)
    c = s[inv]
    c[0] = x[1]
    return c * np.sum(s * s)


@program
def bincount_weights(x):
    b = np.bincount([0, 1, 1, 2], weights=x)
    b[0] *= 2
    return b


@program
def out_kw_tuple(x):
    a = np.empty(4)
    np.sin(x, out=(a,))
    np.cos(a, (a))
    np.hypot(a, x, a)
    np.arctan2(a, x, out=a)
    np.copysign(a, -1.0, out=a)
    return a


@program
def comparison_out(x):
    m = np.zeros(4, bool)
    np.greater(x, 0.6, out=m)
    np.logical_not(m, out=m)
    np.isfinite(x, out=m)
    m[0] = x[0] > 100
    a = x * 1.0
    a[m] *= x[m]
    return a


@program
def sign_out(x):
    a = np.zeros(4)
    np.sign(x, out=a)
    a *= x
    return a * x

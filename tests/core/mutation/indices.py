"""Programs that write through masks, indices, and in place."""

import numpy as np

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def assign_views_same_buffer(x):
    a = np.concatenate([x, x * x])
    a[2:6] = a[:4]
    a[::2] = a[1::2]
    a[:4], a[4:] = a[4:].copy(), a[:4].copy()
    a[:3], a[5:] = a[5:], a[:3]
    m = a.reshape(2, 4)
    m[:] = m[::-1]
    m[:, :2] = m[:, 2:]
    return a * a


@program
def self_transpose(x):
    m = np.outer(x, x + 1)
    m[:] = m.T
    m += m.T
    m[0] = m[:, 0]
    m *= m.T
    return m


@program
def broadcast_store(x):
    m = np.zeros((2, 3, 4))
    m[...] = x
    m[0] = x[0]
    m[:, 1:] += x
    m[:, :, 0] = x[:3]
    m[1] *= x[:3, None]
    m[0, 0] = [1.0, x[0], 2.0, x[1]]
    m[:, 0, :2] = [[x[0], 1.0], [x[1], x[2]]]
    m[:, 0:1, 2:] = x[:1]
    return m * m


@program
def store_extra_dims(x):
    a = np.zeros(4)
    a[...] = x[None]
    a[:] = x[None, None]
    a[1:2] = x[0]
    a[2] = x[1:2][0]
    return a * a


@program
def empty_slices(x):
    a = np.zeros(4)
    a[2:2] = x[:0]
    a[0:0] += 1.0
    a[[]] = x[[]]
    a[np.zeros(4, bool)] = x[0]
    a[:] = x
    a[4:] *= 3
    e = np.zeros((0, 4))
    e[:] = x
    e += x
    return a * np.sum(e) + a


@program
def mask_multi(x):
    m = np.outer(x, x)
    m[m > 0.5] = x[0]
    m[m < 0] *= x[1]
    mm = m > 0.1
    m[mm] = m[mm] ** 2
    m[1][m[1] > 0] += 2 * x[0]
    m[np.array([True, False, True, False])] = x
    m[:, x > 0.6] -= 0.1 * x[0]
    m[x > 0, 0] = 5 * x[0]
    return m


@program
def fancy_stores(x):
    m = np.zeros((3, 4))
    m[[0, 2]] = x
    m[[0, 1], [1, 2]] = x[:2]
    m[:, [0, 3]] *= x[:2]
    m[[2, 0], 1:] += x[1:]
    m[np.ix_([0, 1], [2, 3])] = x.reshape(2, 2)
    m[[1, 1], [0, 0]] = x[2:]
    m[[0, 0]] = np.stack([x, x * x])
    m[[[0], [1]], [0, 1]] += 1.0 * x[0]
    m[0, [1, 2]] = x[:2]
    m[[True, False, True], [0, 1]] = x[0]
    return m * m


@program
def fancy_split(x):
    m = np.zeros((2, 3, 4))
    m[0, :, [1, 2]] = x[:3]
    m[[0, 1], :, [0, 3]] += x[1:]
    m[:, [0, 1], None][:]
    m[[0], 1:, [3]] *= x[0]
    return m * m


@program
def fancy_neg(x):
    a = x * 1.0
    a[[-1, 3]] += x[0]
    a[[-1, 3]] = x[:2]
    a[np.array([[0, 1], [1, 2]])] = np.outer(x[:2], x[:2])
    return a * a


@program
def bool_scalar(x):
    a = x * 1.0
    a[np.bool_(False)] = 3.0
    a[None][True] = x * x
    a[x[0] > 0] *= x
    return a


@program
def write_arg(x):
    x[0] = x[1] * 2
    x += 1
    v = x[1:]
    v *= x[:-1]
    x[::2] = x[1::2]
    return x * x


@program
def complex_buf(x):
    z = np.zeros((2, 2), complex)
    z[0] = x[:2] + 1j * x[2:]
    z[1] = z[0].conj()
    z *= 1j
    z[0, 0] += x[0]
    z[:, 1] = z[:, 1] * z[:, 0]
    z.T[1] /= 2 + 1j * x[1]
    z[z.real > 0] *= 1j * x[0]
    z **= 2
    return np.concatenate([z.real.ravel(), z.imag.ravel(), np.abs(z).ravel()])


@program
def real_setter_on_view(x):
    z = np.zeros((2, 2), complex)
    z[0].real = x[:2]
    z[:, 1].imag = x[2:]
    z.T[0].real += 1
    return np.abs(z + 0.3)


@program
def triu_write(x):
    m = np.zeros((3, 3))
    m[np.triu_indices(3, 1)] = x[:3]
    m[np.tril_indices(3, -1)] = m.T[np.tril_indices(3, -1)]
    m[np.diag_indices(3)] = x[1:]
    m[np.diag_indices_from(m)] += x[0]
    m[np.nonzero(m > 1)] *= x[0]
    return m @ m


@program
def where_indices(x):
    a = x * 1.0
    (i,) = np.where(a > 0.6)
    a[i] = a[i] * x[0]
    a[np.flatnonzero(a < 0)] = x[0]
    a[np.argwhere(a > 1)[:, 0]] -= x[1]
    return a * x


@program
def boolean_any(x):
    m = np.outer(x, x)
    rows = np.any(m < 0, axis=1)
    m[rows] = 0.5 * m[rows]
    m[~rows, 1:] += x[1:]
    m[:, np.all(m > 0, axis=0)] = 1.0
    return m


@program
def accumulate_self(x):
    a = x * 1.0
    a += a
    a -= 0.5 * a
    a *= a
    a /= a + 3
    a += a[0]
    a *= a[1]
    a[0] += a[0]
    a[1:] *= a[1]
    return a


@program
def minimum_at_slices(x):
    a = x * 1.0
    a[a > 1.0] = 1.0
    np.minimum(a, 0.9, out=a)
    a.clip(0, 0.8, out=a)
    np.abs(a, out=a)
    return a * x


@program
def flags_writeable(x):
    a = x * 1.0
    a.flags.writeable = False
    try:
        a[0] = x[1]
    except ValueError:
        return a * x
    return a * 100


@program
def setflags(x):
    a = x * 1.0
    a.setflags(write=False)
    try:
        a += x[1]
    except ValueError:
        return a * x
    return a * 100


@program
def flags_back(x):
    a = x * 1.0
    a.flags.writeable = False
    b = a.copy()
    b[0] = x[1]
    a.flags.writeable = True
    a[1] = b[0]
    return a * b


@program
def scale_views(x):
    m = np.outer(x, x)
    m *= 2
    m[0] *= 3
    m[:, 1] /= 2.0
    m.T[2:] *= np.array([1.0, 2, 3, 4])
    m[::2, ::-1] *= np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    v = m[1:3]
    s = m * m
    v *= 0.5
    m /= 4
    z = m * (1 + 0j)
    z *= 1j
    z /= 1 + 2j
    z.real *= 3
    z.imag[0] /= 2
    return np.concatenate([m.ravel(), s.ravel(), z.real.ravel(), z.imag.ravel()])


@program
def take_over(x):
    a = x * 1.0
    v = a[1:]
    w = a * a
    a *= x
    a /= 1 + x * x
    a **= 2
    v += 1
    a -= x
    a -= v[0]
    t = a
    t *= a
    b = np.zeros((2, 2)).T
    b += x.reshape(2, 2)
    b *= x.reshape(2, 2)
    b.ravel()[0] = 3.0
    return np.concatenate([a * t, v, w, b.ravel()])


@program
def take_over_input(x):
    y = x
    y *= x
    y *= 2
    x -= 1
    return x * y


@program
def untraced_in_place(x):
    b = np.ones(4)
    v = b[1:]
    y = x * b
    b *= 2
    b += 1
    v -= 0.5
    b /= 3
    b **= 2
    w = x * b
    b[0] = x[0]
    b *= 2
    return y * w * b + np.sum(v)


@program
def subtract_views(x):
    a = np.concatenate([x, x])
    a[1:] -= a[:-1]
    a -= a[::-1]
    a[::2] -= 3
    a[:4] -= x
    b = a.reshape(2, 4)
    b -= x
    b[0] -= b[1]
    return a


@program
def iop_const_arrays(x):
    c = np.arange(4.0) + 1
    a = x * c
    c += 1
    a *= c
    c *= 2
    a -= c
    a /= c
    d = np.ones(4)
    a += d
    d[:] = 7
    return a


@program
def lists_of_slices(x):
    m = np.zeros((2, 4))
    rows = [m[0], m[1]]
    rows[0] += x
    rows[1] -= rows[0] * x
    rows[1] *= 2
    rows[0] *= rows[1]
    return m


@program
def real_part_into_its_array(x):
    z = x + 1j * x[::-1]
    z[()] = z.real
    w = x * 2.0 + 1j * x
    w[:] = w.imag
    return np.concatenate([z.real * w.real, z.imag + w.imag])


@program
def write_that_fails_after_a_view(x):
    a = np.ones((2, 3))
    flat = a.ravel()
    try:
        a *= flat
    except ValueError:
        a[0, 0] = 2.0
    try:
        a[[1], [1]] = np.sin(x)  # does not fit: nothing is written
    except ValueError:
        flat[1] = 3.0
    rows = np.broadcast_to(flat, (2, 6))
    flat[...] = np.sin(flat)
    return np.sum(rows) * x


@program
def scaled_after_a_result_was_kept(x):
    a = x * 1.0
    a /= 1.0 + x * x
    a *= 2.0
    b = x * x + 1.0
    b **= x
    b *= 3.0
    b /= 2.0
    c = x * 1.0
    c %= x * x + 0.3
    c *= 5.0
    return a * b + c


@program
def taken_over_and_used_again(x):
    a = x * 0.4
    b = a * x
    a *= b
    c = a * a
    a *= 3.0
    d = a / b
    a += c
    return a * c + d * np.sin(a)

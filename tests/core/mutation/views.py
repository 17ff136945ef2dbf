"""Programs that write through views."""

import copy

import numpy as np

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def neg_step_slices(x):
    a = np.zeros(6)
    a[::-1][1:5] = x
    v = a[::-2]
    v[1:] *= x[:2]
    v[::-1][0] += x[3]
    return a * a


@program
def transpose_of_slice(x):
    m = np.zeros((3, 4))
    m.T[::2].T[1] = x[:2]
    m[::2].T[1:][:, ::-1][0] = x[2:]
    return m * m


@program
def reshape_views(x):
    m = np.zeros((2, 2, 3))
    r = m.reshape(4, 3)
    r[1] = x[:3]
    r.reshape(-1)[::5] += x[0]
    r2 = m.reshape(2, 6)
    r2[1] *= 2
    r2[1, 2:4] = x[1:3]
    return m * m


@program
def ravel_view_and_copy(x):
    m = np.zeros((2, 4))
    r = m.ravel()
    r[2:6] = x
    c = m.T.ravel()
    c[0] = 55.0
    d = m[:, 1:3].ravel()
    d[:] = x * x
    return np.concatenate([m.ravel(), c, d])


@program
def swapaxes_write(x):
    m = np.zeros((2, 3, 4))
    s = np.swapaxes(m, 0, 2)
    s[:, 1, 1] = x
    s[1] *= x[0]
    m.swapaxes(0, 1)[2] += x
    return m * m


@program
def diagonal_readonly(x):
    m = np.outer(x, x)
    d = m.diagonal()
    try:
        d[0] = 3.0
    except ValueError:
        return d * x
    return x


@program
def broadcast_readonly(x):
    b = np.broadcast_to(x, (2, 4))
    try:
        b[0, 0] = 1.0
    except ValueError:
        return b * x
    return x


@program
def real_imag(x):
    z = np.zeros(4, complex)
    z.real = x
    z.imag[1:3] = x[:2]
    z.real[::2] *= x[1]
    z.imag += x
    z.real -= 0.5
    return np.concatenate([z.real * z.imag, np.abs(z)])


@program
def squeeze_expand(x):
    m = np.zeros((1, 4, 1))
    np.squeeze(m)[1:] = x[1:]
    m.squeeze(0)[0, 0] = x[0]
    e = np.expand_dims(m[0, :, 0], 0)
    e[0, ::2] *= x[1]
    e[0][None][..., 3] += x[2]
    return m * m


@program
def none_index(x):
    a = np.zeros(4)
    a[None][0] = x
    a[:, None][2] = x[0]
    a[None, :, None][0, 1] += x[3]
    return a * a


@program
def ellipsis_scalar_view(x):
    m = np.zeros((2, 2))
    m[..., 0] = x[:2]
    m[0, 1, ...] = x[2]
    v = m[1, 1, ...]
    v[...] = x[3]
    v += x[0]
    return m * m


@program
def split_pieces(x):
    a = np.zeros(8)
    l, r = np.split(a, 2)
    l[:] = x
    r += l * l
    s = np.array_split(a, 3)
    s[1][:] *= x[0]
    h = np.hsplit(a, 2)
    h[1][0] = x[0]
    m = np.zeros((4, 2))
    t, b = np.vsplit(m, 2)
    t[0] = x[:2]
    b[...] = t
    return np.concatenate([a * a, m.ravel()])


@program
def unstack_write(x):
    m = np.zeros((2, 4))
    a, b = m
    a[:] = x
    b[:] = a * a
    a *= 2
    return m * m


@program
def np_unstack(x):
    m = np.zeros((2, 4))
    a, b = np.unstack(m)
    a[:] = x
    b[1:] = a[1:] * a[:-1]
    return m * m


@program
def flat_write(x):
    m = np.zeros((2, 2))
    m.flat[0] = x[0]
    m.flat[1:3] = x[1:3]
    m.flat[[3]] = x[3]
    return m * m


@program
def flat_noncontig(x):
    m = np.zeros((2, 2)).T.copy("F")
    m = np.asfortranarray(np.zeros((2, 2))) + 0
    m.T.flat = x
    return m * m


@program
def rows_iter(x):
    m = np.zeros((3, 4))
    for k, row in enumerate(m):
        row[:] = x * (k + 1)
        row[k] *= x[0]
    for row in m.T:
        row += 0.5 * x[0]
    return m * m


@program
def nested_iter(x):
    m = np.zeros((2, 2, 2))
    for plane in m:
        for row in plane:
            row[0] = x[0]
            row[1] = row[0] * x[1]
    for plane, s in zip(m, x, strict=False):
        plane *= s
    return m * m


@program
def moveaxis_write(x):
    m = np.zeros((4, 3, 2))
    np.moveaxis(m, 0, -1)[1, 1] = x
    np.moveaxis(m, [0, 1], [1, 0])[2] += 1.0 * x[0]
    np.rollaxis(m, 2)[0, 0] = x[:3] * 0 + x[1]
    return m * m


@program
def rollaxis_ok(x):
    m = np.zeros((4, 3, 2))
    np.rollaxis(m, 2)[0, :, 0] = x
    return m * m


@program
def T_write(x):
    m = np.zeros((3, 4))
    m.T[1] = x[:3]
    m.T[1:3] += x[0]
    m.mT[0, 0] = x[3]
    return m * m


@program
def view_method(x):
    a = np.zeros(4)
    v = a.view()
    v[:] = x
    v[1] *= x[0]
    return a * a


@program
def flip_views(x):
    m = np.zeros((2, 4))
    np.flip(m)[0] = x
    np.fliplr(m)[1, 1:] *= x[:3]
    np.flipud(m)[0, 0] = x[1]
    np.rot90(m)[0, 0] = x[2]
    return m * m


@program
def atleast(x):
    a = np.zeros(4)
    np.atleast_2d(a)[0, 1:] = x[1:]
    np.atleast_3d(a)[0, 0, 0] = x[0]
    np.atleast_1d(a)[3] *= x[0]
    return a * a


@program
def real_of_real(x):
    a = np.zeros(4)
    np.real(a)[0] = x[0]
    a.real[1:] = x[1:]
    i = a.imag
    return a * a + i


@program
def astype_views(x):
    a = x * 1.0
    b = a.astype(float)
    b[0] = 3.0
    c = a.astype(float, copy=False)
    c[1] = x[3]
    d = a.astype(complex)
    d[2] = 1j * x[0]
    return a * b + np.abs(d)


@program
def stacked_views(x):
    a = np.zeros((2, 4))
    s = np.stack([a[0], a[1]])
    a[0] = x
    s[1] = x * 2
    c = np.concatenate([a[0], a[1]])
    a[1] = 5 * x
    return np.concatenate([s.ravel(), c, a.ravel()])


@program
def array_of_view(x):
    m = np.zeros((2, 4))
    a = np.asarray(m[0])
    a[:] = x
    b = np.array(m[0])
    b[0] = 9 * x[1]
    c = np.array(m, ndmin=3, copy=None)
    c[0, 1] = b
    d = np.asanyarray(m)
    d *= 2
    return m * m


@program
def copy_mod(x):
    a = np.zeros(4)
    b = copy.copy(a)
    c = copy.deepcopy(a)
    d = a.copy()
    b[:] = x
    c[:] = x * x
    d[:] = x**3
    e = copy.deepcopy([a, a])
    e[0][0] = x[0]
    return a + b * c * d + e[1]


@program
def starred_views(x):
    m = np.zeros((3, 4))
    first, *rest = m
    first[:] = x
    rest[0][:] = x * x
    rest[1] += first * rest[0]
    return m * m


@program
def flatten_copy(x):
    m = np.zeros((2, 2))
    f = m.flatten()
    f[:] = x
    m.ravel()[:2] = f[2:]
    return np.concatenate([f, m.ravel()])


@program
def fortran(x):
    m = np.zeros((2, 2), order="F")
    m[0] = x[:2]
    f = m.ravel(order="F")
    f[3] = x[3]
    g = m.ravel()
    g[0] = 8
    k = m.reshape(4, order="F")
    k[1] += x[2]
    a = m.ravel("A")
    a *= 2
    K = m.ravel("K")
    K[0] += x[0]
    return np.concatenate([m.ravel(), g])


@program
def noncontig_reshape(x):
    m = np.zeros((4, 4))
    s = m[::2, ::2]
    r = s.reshape(-1)
    r[:] = x
    s[...] = x.reshape(2, 2)
    v = m[:2].reshape(-1)
    v[1] = x[0]
    w = m.T.reshape(2, 8)
    w[0] = 3
    return np.concatenate([m.ravel(), r, w.ravel() * x[0]])


@program
def nested_lists_of_views(x):
    m = np.zeros((4, 4))
    blocks = [[m[i : i + 2, j : j + 2] for j in (0, 2)] for i in (0, 2)]
    for i in range(2):
        for j in range(2):
            blocks[i][j][...] = x.reshape(2, 2) * (i + 2 * j + 1)
            blocks[i][j][0] += blocks[0][j][1]
    blocks[0][0] *= blocks[1][1]
    return m


@program
def view_saved_then_base_replaced(x):
    a = x * 1.0
    v = a[1:]
    s = a * a
    a[0] = 9.0
    v[0] = x[0]
    t = v * v
    a[:] = x * x
    return np.concatenate([v, t, a]) * np.sum(s)


@program
def views_after_copy_on_write(x):
    a = x * 1.0
    v = a[:2]
    w = a[1:]
    s = np.sin(a)
    a[1] = x[3]
    v[0] *= 2
    w[2] = v[1]
    t = a * s
    v += w[:2]
    return np.concatenate([v, w, t])


@program
def inplace_then_reduce_views(x):
    m = np.outer(x, x)
    t = m.T
    s = t.sum(0)
    m[0] = 0
    s2 = t.sum(0)
    m += t
    return np.concatenate([s, s2, t.ravel()])


@program
def append_to_view_list(x):
    a = np.zeros(4)
    vs = []
    for i in range(4):
        vs.append(a[i : i + 1])
    for i, v in enumerate(vs):
        v[0] = x[i]
        v *= x[0]
    return np.concatenate(vs) * a


@program
def transposed_store_order(x):
    m = np.zeros((2, 3))
    m.T[...] = np.outer(x[:3], x[:2])
    m.T.reshape(3, 2)[0, 0] = x[3]
    m[:, ::-1].T[0] += x[:2]
    return m


@program
def einsum_views(x):
    m = np.outer(x, x)
    np.einsum("ii->i", m)[1:] = x[1:]
    t = np.einsum("ij->ji", m)
    t[0] *= x
    c = np.einsum("ij", m)
    c[3, 3] = x[0]
    k = np.zeros((2, 3, 4))
    np.einsum("ijk->kij", k)[1] = x[:2, None]
    e = np.einsum("ij->i", m)
    e[0] = 1.0
    return np.concatenate([m.ravel(), k.ravel(), e])


@program
def sliding_readonly(x):
    w = np.lib.stride_tricks.sliding_window_view(x * 1.0, 3)
    try:
        w[0, 0] = 1
    except ValueError:
        return w.sum(1)


@program
def ravel_copies(x):
    a = np.concatenate([x, x])
    r = a[::2].ravel()
    r[0] = 9.0
    s = a[::-1].ravel()
    s[0] = 5.0
    k = a.reshape(2, 4).T[::2].ravel("K")
    k[0] = 3
    m = np.zeros((2, 3, 4)).transpose(1, 0, 2)
    m[0, 0] = x
    q = m.ravel("K")
    q[1] = 5 * x[0]
    return np.concatenate([a, r, s, k, m.ravel("K"), m.ravel()])


@program
def hot_reshape_of_strided(x):
    m = np.zeros((4, 4))
    m[1] = x
    d = m[:, 1:3].ravel()
    m[1, 1] = 9.0
    e = m[:, ::2].reshape(2, 4)
    e[0] = x * 2
    f = m[::-1].reshape(-1)
    f[:4] = x
    m[2] = 3 * x
    return np.concatenate([m.ravel(), d, e.ravel(), f])


@program
def array_into_itself(x):
    a = x * 1.0
    a[:9] = a
    a[::1] = a
    a[::-1] = a
    m = np.outer(x, x)
    m[:] = m
    m[1] = m[1]
    m[2] = m[0]
    return m @ a

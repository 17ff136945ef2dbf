"""Programs that read and write single elements."""

import numpy as np

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def zero_d(x):
    s = np.zeros(())
    s[...] = x[0]
    s += x[1]
    s *= s
    t = s.copy()
    s[()] = 3 * x[2]
    u = np.array(x[1])
    u *= 2
    u[...] = u * u
    return s * t * u * x


@program
def zero_d_views(x):
    a = np.zeros(4)
    a[:] = x
    v = a[1, ...]
    v *= 3
    r = a[1:2].reshape(())
    r += x[0]
    return a * a


@program
def int_np_index(x):
    a = np.zeros(4)
    a[np.int64(1)] = x[1]
    a[np.array(2)] = x[2]
    a[(np.int32(0),)] = x[0]
    i = np.argmax(x)
    a[i] += 2 * x[i]
    a[True] *= 2
    return a * a


@program
def complex_elements(x):
    z = np.zeros(4, complex)
    for i in range(4):
        z[i] = x[i] + 1j * x[i - 1]
        z[i] *= z[i - 1] + 1.0
    return np.abs(z) ** 2 + z.imag


@program
def complex_elem_real_value(x):
    z = np.ones(4, complex)
    z[1] = x[0]
    z[2:] = x[1:3]
    z[0] += 2j * x[3]
    return (z * np.conj(z) * z).imag + z.real * z[1].real


@program
def overlay_mixed(x):
    b = np.zeros(6)
    b[0] = x[0]
    b[1] = b[0] * x[1]
    v = b[1:4]
    b[2] = 2 * x[2]
    v[2] = b[2] * x[3]
    b[5] = 1.0
    s = b.sum()
    b[-1] = x[0] * b[-2]
    b[(4,)] = x[2]
    b[1] = 4.0
    t = b[1] * b[(-1,)]
    b *= x[0]
    b[0] += b[1]
    c = b.copy()
    b[0] = c[0] * 2
    b[3], b[4] = b[4], b[3]
    return np.concatenate([b * s, c * t, v])


@program
def overlay_2d(x):
    m = np.zeros((3, 4))
    for i in range(3):
        for j in range(4):
            m[i, j] = x[j] * x[i] + (m[i - 1, j] if i else 0) + (m[i, j - 1] if j else 0)
    m[1, 2] = 0.5
    m[-1, -1] = m[0, -1] * m[-1, 0]
    r = m[1]
    m[1, 0] = x[0]
    return np.concatenate([m.ravel(), r * r])


@program
def overlay_save(x):
    b = np.zeros(4)
    out = 0.0
    for i in range(4):
        b[i] = x[i] * x[i - 1]
        out = out + b * b
        b[i] = b[i] + 1.0
        out = out * x
    return out


@program
def overlay_scalar_alias(x):
    b = np.zeros(4)
    t = x[0] * x[1]
    b[0] = t
    b[1] = t
    b[2] = b[0] * b[1]
    b[0] = 3.0
    u = b[0]
    b[3] = u * t
    return b * t


@program
def overlay_helpers(x):
    def setter(b, i, v):
        b[i] = v
        return b

    b = np.zeros(4)
    for i in range(4):
        setter(b, i, x[i])
        setter(b[::-1], i, b[i] * x[0]) if i % 2 else None
    return b * b


@program
def overlay_complex(x):
    z = np.zeros(4, complex)
    z[0] = x[0]
    z[1] = x[1] * 1j
    z[2] = z[0] * z[1]
    z[3] = 1.0
    z.real[3] = x[3]
    z.imag[0] = x[2]
    return np.concatenate([z.real, z.imag])


@program
def overlay_f32(x):
    b = np.zeros(4, np.float32)
    b[0] = x[0] * 0
    b[1] = 0.5
    c = np.zeros(4)
    c[0] = x[0]
    c[1:] = b[1:]
    return c * x


@program
def overlay_exceptions(x):
    b = np.zeros(4)
    b[0] = x[0]
    for i in (5, -7):
        try:
            b[i] = x[1]
        except IndexError:
            b[1] = b[1] + x[2]
    try:
        b[0, 0] = x[1]
    except IndexError:
        b[2] = x[3]
    try:
        b[2] = b[9]
    except IndexError:
        b[3] = b[0]
    return b * b


@program
def overlay_zero_one(x):
    b = np.zeros(1)
    b[0] = x[0]
    e = np.zeros((1, 1))
    e[0, 0] = b[0] * x[1]
    z = np.zeros(())
    z[()] = x[2]
    z[...] = z * 2
    return np.concatenate([b, e[0], z.reshape(1)]) * x[0]


@program
def overlay_dtype_of_reads(x):
    b = np.zeros(3)
    b[0] = x[0]
    t = b[0]
    assert isinstance(t, np.float64)
    assert t.dtype == float
    assert t.shape == ()
    b[1] = t.item() * 2
    b[2] = b[1].astype(float) / b[0]
    return b


@program
def division_by_zero(x):
    b = np.zeros(3)
    b[0] = x[0]
    b[1] = 0.0
    with np.errstate(all="ignore"):
        t = b[0] / b[1]
    b[2] = 1.0 if np.isinf(t) else 2.0
    return b * x[0]

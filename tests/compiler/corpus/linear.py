"""Linear algebra and grids, with loops."""

import math

import numpy as np

RNG = np.random.default_rng(2)


def thomas(lower, diagonal, upper, right):
    n = len(diagonal)
    c, d = np.empty(n), np.empty(n)
    c[0], d[0] = upper[0] / diagonal[0], right[0] / diagonal[0]
    for i in range(1, n):
        pivot = diagonal[i] - lower[i] * c[i - 1]
        c[i] = upper[i] / pivot
        d[i] = (right[i] - lower[i] * d[i - 1]) / pivot
    for i in range(n - 2, -1, -1):
        d[i] -= c[i] * d[i + 1]
    return np.sum(d * d)


def cholesky(a):
    n = a.shape[0]
    l = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= l[i, k] * l[j, k]
            if i == j:
                l[i, j] = math.sqrt(s)
            else:
                l[i, j] = s / l[j, j]
    total = 0.0
    for i in range(n):
        total += math.log(l[i, i])
    return 2.0 * total + l[n - 1, 0]


def gauss(a, b):
    n = len(b)
    m, x = a.copy(), b.copy()
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(m[i, k]) > abs(m[p, k]):
                p = i
        if p != k:
            for j in range(n):
                m[k, j], m[p, j] = m[p, j], m[k, j]
            x[k], x[p] = x[p], x[k]
        for i in range(k + 1, n):
            factor = m[i, k] / m[k, k]
            for j in range(k, n):
                m[i, j] -= factor * m[k, j]
            x[i] -= factor * x[k]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            x[i] -= m[i, j] * x[j]
        x[i] /= m[i, i]
    return np.sum(x**3)


def gauss_seidel(a, b):
    n = len(b)
    x = np.zeros(n)
    for _ in range(8):
        for i in range(n):
            s = b[i]
            for j in range(n):
                if j != i:
                    s -= a[i, j] * x[j]
            x[i] = s / a[i, i]
    return x[0] * x[n - 1]


def jacobi(a, b):
    n = len(b)
    x = np.zeros(n)
    new = np.zeros(n)
    for _ in range(8):
        for i in range(n):
            s = 0.0
            for j in range(n):
                s += a[i, j] * x[j]
            new[i] = x[i] + (b[i] - s) / a[i, i]
        x[:] = new
    return np.dot(x, b)


def conjugate_gradients(a, b):
    n = len(b)
    x = np.zeros(n)
    r, p = b.copy(), b.copy()
    rr = r @ r
    for _ in range(3):
        q = a @ p
        alpha = rr / (p @ q)
        x = x + alpha * p
        r = r - alpha * q
        new = r @ r
        p = r + new / rr * p
        rr = new
    return x @ x


def power_iteration(a, start):
    x = start.copy()
    value = 0.0
    for _ in range(10):
        y = a @ x
        value = math.sqrt(np.sum(y * y))
        x = y / value
    return value


def gram_schmidt(a):
    n, m = a.shape
    q = a.copy()
    total = 0.0
    for j in range(m):
        for k in range(j):
            r = 0.0
            for i in range(n):
                r += q[i, k] * q[i, j]
            for i in range(n):
                q[i, j] -= r * q[i, k]
        norm = 0.0
        for i in range(n):
            norm += q[i, j] ** 2
        norm = math.sqrt(norm)
        for i in range(n):
            q[i, j] /= norm
        total += norm
    return total + q[0, m - 1]


def fourier(x):
    """Fast Fourier transform of 8 numbers; energy of some frequencies."""
    n = len(x)
    re, im = x.copy(), np.zeros(n)
    j = 0
    for i in range(1, n):
        bit = n // 2
        while j >= bit and bit > 0:
            j -= bit
            bit //= 2
        j += bit
        if i < j:
            re[i], re[j] = re[j], re[i]
    size = 2
    while size <= n:
        half = size // 2
        for start in range(0, n, size):
            for k in range(half):
                angle = -2.0 * math.pi * k / size
                c, s = math.cos(angle), math.sin(angle)
                a, b = start + k, start + k + half
                tr, ti = re[b] * c - im[b] * s, re[b] * s + im[b] * c
                re[b], im[b] = re[a] - tr, im[a] - ti
                re[a], im[a] = re[a] + tr, im[a] + ti
        size *= 2
    return re[1] ** 2 + im[1] ** 2 + 0.3 * re[3] * im[2]


def heat(u, d):
    n = len(u)
    old, new = u.copy(), u.copy()
    for _ in range(10):
        for i in range(1, n - 1):
            new[i] = old[i] + d * (old[i - 1] - 2.0 * old[i] + old[i + 1])
        old, new = new, old
    return np.sum(old * old)


def wave(u, c):
    n = len(u)
    before, now, after = u.copy(), u.copy(), np.zeros(n)
    for _ in range(10):
        for i in range(1, n - 1):
            after[i] = 2.0 * now[i] - before[i] + c * c * (now[i - 1] - 2.0 * now[i] + now[i + 1])
        before[:] = now
        now[:] = after
    return np.sum(now**2) + now[n // 2]


def advection(u, v):
    n = len(u)
    now = u.copy()
    for _ in range(8):
        flux = v * now
        new = np.empty(n)
        new[0] = now[0]
        new[1:] = now[1:] - 0.1 * (flux[1:] - flux[:-1])
        now = new
    return np.sum(now**3)


def burgers(u, nu):
    now = u.copy()
    for _ in range(6):
        new = now.copy()
        for i in range(1, len(u) - 1):
            slope = now[i] - now[i - 1] if now[i] > 0.0 else now[i + 1] - now[i]
            bend = now[i + 1] - 2.0 * now[i] + now[i - 1]
            new[i] = now[i] - 0.1 * now[i] * slope + nu * bend
        now = new
    return now @ now


def korteweg_de_vries(u, a):
    n = len(u)
    now = u.copy()
    for _ in range(4):
        new = np.empty(n)
        for i in range(n):
            m2, m1, p1, p2 = now[i - 2], now[i - 1], now[(i + 1) % n], now[(i + 2) % n]
            third = 0.5 * (p2 - 2.0 * p1 + 2.0 * m1 - m2)
            new[i] = now[i] - 0.01 * (a * now[i] * (p1 - m1) + third)
        now = new
    return np.sum(now**2 * u)


def blur(image, w):
    n, m = image.shape
    out = np.zeros((n, m))
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            s = 0.0
            for a in range(-1, 2):
                for b in range(-1, 2):
                    s += image[i + a, j + b] / (1.0 + w * (a * a + b * b))
            out[i, j] = s
    return np.sum(out * out)


def kernel_matrix(x, scale):
    n = x.shape[0]
    total = 0.0
    for i in range(n):
        for j in range(i):
            total += math.exp(-0.5 * np.sum((x[i] - x[j]) ** 2) / scale**2)
    return total


SYMMETRIC = (lambda m: m @ m.T + 4.0 * np.eye(4))(RNG.normal(size=(4, 4)))
PROGRAMS = [
    (thomas, (*(RNG.uniform(0.1, 1.0, 6) + k for k in (0.0, 3.0, 0.0)), RNG.normal(size=6))),
    (cholesky, (SYMMETRIC,)),
    (gauss, (RNG.normal(size=(4, 4)), RNG.normal(size=4))),
    (gauss_seidel, (SYMMETRIC, RNG.normal(size=4))),
    (jacobi, (SYMMETRIC, RNG.normal(size=4))),
    (conjugate_gradients, (SYMMETRIC, RNG.normal(size=4))),
    (power_iteration, (SYMMETRIC, RNG.normal(size=4))),
    (gram_schmidt, (RNG.normal(size=(4, 3)),)),
    (fourier, (RNG.normal(size=8),)),
    (heat, (RNG.normal(size=9), 0.2)),
    (wave, (RNG.normal(size=9), 0.7)),
    (advection, (RNG.uniform(0.5, 1.0, 9), RNG.uniform(0.5, 1.0, 9))),
    (burgers, (RNG.normal(size=9), 0.1)),
    (korteweg_de_vries, (RNG.normal(size=8), 0.3)),
    (blur, (RNG.normal(size=(6, 5)), 0.6)),
    (kernel_matrix, (RNG.normal(size=(5, 3)), 1.3)),
]

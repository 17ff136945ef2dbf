"""Complex numbers in compiled code: the interpreter, the eager engine and the compiler agree."""

import cmath

import numpy as np
import pytest

import sciad
from sciad.core.errors import CompileError

Z, W = 0.4 - 0.7j, -0.3 + 0.2j
RNG = np.random.default_rng(5)
A = RNG.normal(size=4) + 1j * RNG.normal(size=4)
B = RNG.normal(size=4) + 1j * RNG.normal(size=4)
LONG = RNG.normal(size=40) + 1j * RNG.normal(size=40)
M = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))


def elementary(z, w):
    u = np.exp(z) * np.sin(w) + np.cos(z) / np.sqrt(w) - np.log(z * w) + np.tanh(z)
    v = cmath.sinh(w) * cmath.cosh(z) + np.tan(z) - w**3 + z ** (-2) + z**0.5 + z**w
    return abs(u) ** 2 + v.real * u.imag + np.angle(v)


def real_arguments(x, y):
    z = complex(x, y)
    w = z.conjugate() * 1j - 2 + x
    return (z * w).real + (w / z).imag + np.abs(z - w) + cmath.phase(z) + y.real


def escape(c, start):
    z, k = 0, 0
    while abs(z) < 50.0 and k < 30:
        z = z * z + c
        k += 1
    w = start if k > 3 else 1.0
    return z.real * z.imag / (1.0 + abs(z) ** 2) + (w * z).imag


def branches(z, w):
    total = 0j
    for k in range(5):
        if total.real > w.imag * k:
            total = total + z * k
        else:
            total -= w
            if total == z:
                total = total * 2
    return total.real**2 + abs(total)


def arrays_of_numbers(a, b):
    n = len(a)
    out = np.zeros(n, dtype=complex)
    s = 0j
    for k in range(n):
        s = s * 0.5 + a[k] * b[k].conjugate()
        out[k] = s * (1 + 2j)
    out[1:] += out[:-1] * 1j
    out *= 2.0 - 1j
    return np.sum(np.abs(out) ** 2) + np.vdot(a, out).real + (a @ b).imag


def whole(a, b):
    c = np.where(a.real > 0.0, a, b * 2.0) + np.exp(1j * np.conj(b.real)) + np.imag(a.imag)
    d = np.array([c[0], 2.0, b[1] * c[2]])
    d[1] = np.sum(c[::2] * np.conj(b[::2]))
    return np.sum(d.real * d.imag) + np.mean(np.abs(c)) + d.size + np.sum(c.imag[1:])


def fourier(a, b):
    n = len(a)
    total = 0.0
    for k in range(n):
        s = 0j
        for j in range(n):
            s += a[j] * cmath.exp(-2j * np.pi * j * k / n)
        total += abs(s) ** 2 * b[k].real
    return total


def schroedinger(psi, v):
    """Crank-Nicolson steps of a tridiagonal system, by the Thomas algorithm."""
    n = len(psi)
    dt = 0.1
    u = psi.copy()
    for _ in range(3):
        right = np.zeros(n, complex)
        for i in range(n):
            s = (1 - 0.5j * dt * (2.0 + v[i].real)) * u[i]
            if i > 0:
                s += 0.5j * dt * u[i - 1]
            if i < n - 1:
                s += 0.5j * dt * u[i + 1]
            right[i] = s
        c, d = np.zeros(n, dtype=np.complex128), np.zeros_like(u)
        off = -0.5j * dt
        for i in range(n):
            diagonal = 1 + 0.5j * dt * (2.0 + v[i].real)
            below = c[i - 1] * off if i > 0 else 0j
            before = d[i - 1] * off if i > 0 else 0j
            c[i] = off / (diagonal - below)
            d[i] = (right[i] - before) / (diagonal - below)
        u[n - 1] = d[n - 1]
        for i in range(n - 2, -1, -1):
            u[i] = d[i] - c[i] * u[i + 1]
    return np.sum(np.abs(u) ** 2 * np.cos(u.real)) + u[1].imag


def matrices(m, a):
    p = m @ m.T + 2j * m
    q = p @ a[:3]
    rows = 0j
    for row in p:
        rows += row[0] * row[1].conjugate()
    return np.sum(np.abs(q)) + rows.imag + np.sum(p[:, 1].real * p.imag[0])


def lists(z, w):
    items = [z, w * 2, z * w + 1]
    items[1] = items[0] / items[2]
    pairs = [(u, u.conjugate()) for u in items]
    total = sum(items) + pairs[2][1] * pairs[0][0]
    return total.real + total.imag * abs(pairs[1][0])


def rearranged(a, b):
    """Options of functions are the same for both parts."""
    c = np.roll(a, 1) * b + np.roll(b, -1)
    for _ in range(3):
        c = np.roll(c, 1) * 0.5 + c * 1j
    q = (a * b).reshape(2, -1)
    s = np.sum(np.abs(q.sum(1)) ** 2) + np.sum(np.sum(q, 0).imag ** 3) + np.diff(a, 2)[0].imag
    d = np.tile(a[:2], 2) * np.repeat(b[:2], 2) + np.trace(np.diag(a, 1), 1)
    e = np.stack([a, b], 1).mean(axis=0) * np.concatenate((a, b.real))[-1]
    f = np.outer(a, b.imag) + np.outer(a.real, b) + np.outer(a, b)
    return s + np.sum(np.abs(c) + d.real) + np.abs(e[1]) + np.sum(np.flip(f, 1)[0].imag * a.real)


PROGRAMS = [
    (rearranged, (A, B)),
    (elementary, (Z, W)),
    (real_arguments, (0.3, -1.1)),
    (escape, (0.3 + 0.1j, Z)),
    (branches, (Z, W)),
    (arrays_of_numbers, (A, B)),
    (arrays_of_numbers, (LONG, LONG[::-1].copy())),
    (whole, (A, B)),
    (whole, (LONG, LONG * 0.3j)),
    (fourier, (A, B)),
    (schroedinger, (A, B)),
    (schroedinger, (LONG, LONG + 1)),
    (matrices, (M, A)),
    (lists, (Z, W)),
]


@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=lambda p: getattr(p, "__name__", ""))
def test_value_and_gradient(f, args):
    compiled = sciad.jit(f)
    np.testing.assert_allclose(compiled(*args), f(*args), rtol=1e-12)
    expected = sciad.grad(f, (0, 1))(*args)
    found = sciad.grad(compiled, (0, 1))(*args)
    for x, y in zip(found, expected, strict=True):
        scale = np.max(np.abs(y)) + 1.0
        np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-12 * scale)


@pytest.mark.parametrize(("f", "args"), PROGRAMS[:7:3], ids=lambda p: getattr(p, "__name__", ""))
def test_tangents_and_second_derivatives(f, args):
    compiled = sciad.jit(f)
    tangents = tuple(np.asarray(a) * (0.3 - 0.2j) if np.iscomplexobj(a) else 0.7 for a in args)
    tangents = tuple(t.item() if np.ndim(t) == 0 else t for t in map(np.asarray, tangents))
    expected = sciad.jvp(f, args, tangents)[1]
    np.testing.assert_allclose(sciad.jvp(compiled, args, tangents)[1], expected, rtol=1e-11)

    def slope(g):
        return lambda *args: sum(np.sum(np.abs(part) ** 2) for part in sciad.grad(g, (0, 1))(*args))

    for x, y in zip(
        sciad.grad(slope(compiled), (0, 1))(*args),
        sciad.grad(slope(f), (0, 1))(*args),
        strict=True,
    ):
        scale = np.max(np.abs(y)) + 1.0
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-11 * scale)


def test_results_are_complex():
    @sciad.jit
    def f(a, x):
        return a * x, {"z": a[0] + 1j * x, "r": a.real}, [1j, x]

    first, second, third = f(A, 2.0)
    np.testing.assert_array_equal(first, A * 2.0)
    assert second["z"] == A[0] + 2j
    np.testing.assert_array_equal(second["r"], A.real)
    assert third == [1j, 2.0]
    value, pullback = sciad.vjp(f, A, 2.0)
    np.testing.assert_array_equal(value[0], A * 2.0)
    by_a, by_x = pullback((B, {"z": 1.0 + 0j, "r": A.real}, [0j, 0.5]))
    expected = sciad.vjp(f.__wrapped__, A, 2.0)[1]((B, {"z": 1.0 + 0j, "r": A.real}, [0j, 0.5]))
    np.testing.assert_allclose(by_a, expected[0], rtol=1e-13)
    np.testing.assert_allclose(by_x, expected[1], rtol=1e-13)


def test_holomorphic_gradient():
    f = sciad.jit(lambda z: z**3 + np.exp(2j * z))
    found = sciad.grad(f, holomorphic=True)(Z)
    assert abs(found - (3 * Z**2 + 2j * np.exp(2j * Z))) < 1e-14


def test_roots_of_negative_numbers_and_zero():
    f = sciad.jit(lambda z: np.sqrt(z))
    for z in (-2.0 + 0.0j, complex(-2.0, -0.0), 3j, -3j, 0j, 1e-200 + 1e-200j, -1e300 + 1j):
        np.testing.assert_allclose(f(z), np.sqrt(z), rtol=1e-15, atol=1e-300)


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda z: 1.0 if z > 2j else 0.0, "compared"),
        (lambda z: np.maximum(z, 1j).real, "cannot be compiled"),
        (lambda z: float(z), "float of complex numbers"),
        (lambda z: np.floor(z), "cannot be compiled"),
        (lambda z: z // 2, "cannot be compiled"),
        (lambda z: np.sum(np.array([z, z]), initial=3.0), "with initial"),
        (lambda z: np.zeros_like(np.array([z, z]), dtype=float), "with dtype"),
    ],
)
def test_refusals_name_the_line(f, what):
    with pytest.raises(CompileError, match=what) as caught:
        sciad.jit(f)(Z)
    assert "test_complex.py:" in str(caught.value)


def test_complex_value_in_an_array_of_floats_is_refused():
    def f(z):
        out = np.zeros(3)
        out[1] = z
        return out

    with pytest.raises(CompileError, match="written into an array of floats"):
        sciad.jit(f)(Z)

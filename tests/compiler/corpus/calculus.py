"""Roots, integrals, series, interpolation."""

import math

import numpy as np

RNG = np.random.default_rng(1)


def bisection(a, b):
    low, high = 0.0, 3.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if middle**3 - a * middle - b < 0.0:
            low = middle
        else:
            high = middle
    x = 0.5 * (low + high)
    for _ in range(3):
        x = x - (x**3 - a * x - b) / (3.0 * x * x - a)
    return x * a + b


def newton_root(a, b):
    x = 1.5
    n = 0
    while abs(x**3 - a * x - b) > 1e-13 and n < 50:
        x = x - (x**3 - a * x - b) / (3.0 * x * x - a)
        n += 1
    return x * x + 0.1 * n * a


def secant(a, b):
    x, y = 1.0, 2.0
    fx, fy = math.exp(x) - a * x - b, math.exp(y) - a * y - b
    for _ in range(6):
        z = y - fy * (y - x) / (fy - fx)
        x, fx = y, fy
        y, fy = z, math.exp(z) - a * z - b
    return y


def simpson(a, b):
    n = 40
    h = (b - a) / n
    total = math.sin(a) * a + math.sin(b) * b
    for i in range(1, n):
        x = a + i * h
        weight = 4.0 if i % 2 == 1 else 2.0
        total += weight * math.sin(x) * x
    return total * h / 3.0


def romberg(a, b):
    table = np.zeros((6, 6))
    h = b - a
    table[0, 0] = 0.5 * h * (math.exp(-a * a) + math.exp(-b * b))
    for k in range(1, 6):
        h = 0.5 * h
        s = 0.0
        for i in range(1, 2**k, 2):
            x = a + i * h
            s += math.exp(-x * x)
        table[k, 0] = 0.5 * table[k - 1, 0] + h * s
        for j in range(1, k + 1):
            factor = 4.0**j
            table[k, j] = (factor * table[k, j - 1] - table[k - 1, j - 1]) / (factor - 1.0)
    return table[5, 5]


def gauss_legendre(a, b, nodes, weights):
    half, middle = 0.5 * (b - a), 0.5 * (a + b)
    total = 0.0
    for k in range(len(nodes)):
        x, w = nodes[k], weights[k]
        total += w * math.cos(half * x + middle) ** 2
    return half * total


def horner(c, x):
    value = 0.0
    slope = 0.0
    for k in range(len(c) - 1, -1, -1):
        slope = slope * x + value
        value = value * x + c[k]
    return value * slope


def continued_fraction(x, a):
    value = 1.0
    for k in range(20, 0, -1):
        value = 1.0 + k * x / (1.0 + a * k + value)
    return math.log(value)


def bessel_series(x, nu):
    term = (0.5 * x) ** nu
    total = term
    for k in range(1, 40):
        term = -term * 0.25 * x * x / (k * (k + nu))
        total += term
        if abs(term) < 1e-17 * abs(total):
            break
    return total


LANCZOS = np.array(
    [
        0.99999999999980993,
        676.5203681218851,
        -1259.1392167224028,
        771.32342877765313,
        -176.61502916214059,
        12.507343278686905,
        -0.13857109526572012,
        9.9843695780195716e-6,
        1.5056327351493116e-7,
    ]
)


def log_gamma(x, coefficients):
    x = x - 1.0
    total = coefficients[0]
    for i in range(1, len(coefficients)):
        total += coefficients[i] / (x + i)
    t = x + 7.5
    return 0.5 * math.log(2.0 * math.pi) + (x + 0.5) * math.log(t) - t + math.log(total)


def chebyshev(c, x):
    b1, b2 = 0.0, 0.0
    for k in range(len(c) - 1, 0, -1):
        b1, b2 = 2.0 * x * b1 - b2 + c[k], b1
    return x * b1 - b2 + c[0]


def legendre(x, a):
    p0, p1 = 1.0, x
    total = p0 + a * p1
    for n in range(1, 12):
        p0, p1 = p1, ((2 * n + 1) * x * p1 - n * p0) / (n + 1)
        total += a ** (n + 1) * p1
    return total


def neville(x, y, at):
    p = y.copy()
    n = len(x)
    for m in range(1, n):
        for i in range(n - m):
            p[i] = ((at - x[i + m]) * p[i] + (x[i] - at) * p[i + 1]) / (x[i] - x[i + m])
    return p[0]


def arithmetic_geometric_mean(a, b):
    while abs(a - b) > 1e-15:
        a, b = 0.5 * (a + b), math.sqrt(a * b)
    return math.pi / (2.0 * a)


def kepler(m, e):
    x = m
    while True:
        step = (x - e * math.sin(x) - m) / (1.0 - e * math.cos(x))
        x -= step
        if abs(step) < 1e-13:
            break
    return (1.0 - e * math.cos(x)) * math.cos(x)


def richardson(x, h):
    table = np.empty(5)
    for k in range(5):
        step = h / 2**k
        table[k] = (math.sin(x + step) - math.sin(x - step)) / (2.0 * step)
    for m in range(1, 5):
        for k in range(5 - m):
            table[k] = (4.0**m * table[k + 1] - table[k]) / (4.0**m - 1.0)
    return table[0]


NODES, WEIGHTS = np.polynomial.legendre.leggauss(7)
PROGRAMS = [
    (bisection, (1.3, 0.7)),
    (newton_root, (1.3, 0.7)),
    (secant, (0.5, 2.5)),
    (simpson, (0.2, 1.9)),
    (romberg, (0.1, 1.3)),
    (gauss_legendre, (0.1, 1.3, NODES, WEIGHTS)),
    (horner, (RNG.normal(size=7), 0.8)),
    (continued_fraction, (0.7, 0.3)),
    (bessel_series, (1.7, 0.4)),
    (log_gamma, (2.7, LANCZOS)),
    (chebyshev, (RNG.normal(size=8), 0.3)),
    (legendre, (0.4, 0.7)),
    (neville, (np.array([0.0, 0.7, 1.5, 2.1]), RNG.normal(size=4), 1.1)),
    (arithmetic_geometric_mean, (1.0, 0.6)),
    (kepler, (1.2, 0.3)),
    (richardson, (0.9, 0.3)),
]

"""Right-hand sides, integrators, particles."""

import math

import numpy as np

RNG = np.random.default_rng(3)


def sir(y, beta, gamma):
    s, i, r = y
    for _ in range(20):
        infected, recovered = beta * s * i, gamma * i
        s, i, r = s - 0.1 * infected, i + 0.1 * (infected - recovered), r + 0.1 * recovered
    return i * i + r


def lorenz_rk4(y, sigma, rho, beta):
    x, h = y.copy(), 0.01

    def f(x):
        return np.array(
            [sigma * (x[1] - x[0]), x[0] * (rho - x[2]) - x[1], x[0] * x[1] - beta * x[2]]
        )

    for _ in range(10):
        a = f(x)
        b = f(x + 0.5 * h * a)
        c = f(x + 0.5 * h * b)
        d = f(x + h * c)
        x = x + h / 6.0 * (a + 2.0 * b + 2.0 * c + d)
    return np.sum(x * x)


def van_der_pol(x, v, mu):
    for k in range(50):
        a = mu * (1.0 - x * x) * v - x
        x, v = x + 0.02 * v, v + 0.02 * a
        if x > 2.5 and k > 10:
            return x * v
    return x + v


def robertson(y, k):
    total = 0.0
    a, b, c = y[0], y[1], y[2]
    for _ in range(5):
        r1, r2, r3 = k[0] * a, k[1] * b * c, k[2] * b * b
        a, b, c = a + 1e-4 * (r2 - r1), b + 1e-4 * (r1 - r2 - r3), c + 1e-4 * r3
        total += a * b + c
    return total


def hodgkin_huxley(v, m, h, n, current):
    for _ in range(10):
        am = 0.1 * (v + 40.0) / (1.0 - math.exp(-(v + 40.0) / 10.0))
        bm = 4.0 * math.exp(-(v + 65.0) / 18.0)
        ah = 0.07 * math.exp(-(v + 65.0) / 20.0)
        bh = 1.0 / (1.0 + math.exp(-(v + 35.0) / 10.0))
        an = 0.01 * (v + 55.0) / (1.0 - math.exp(-(v + 55.0) / 10.0))
        bn = 0.125 * math.exp(-(v + 65.0) / 80.0)
        sodium = 120.0 * m**3 * h * (v - 50.0)
        potassium = 36.0 * n**4 * (v + 77.0)
        v = v + 0.01 * (current - sodium - potassium - 0.3 * (v + 54.4))
        m = m + 0.01 * (am * (1.0 - m) - bm * m)
        h = h + 0.01 * (ah * (1.0 - h) - bh * h)
        n = n + 0.01 * (an * (1.0 - n) - bn * n)
    return v * m


def fitzhugh_nagumo(y, p):
    y = y.copy()
    for _ in range(30):
        v, w = y[0], y[1]
        y[0] = v + 0.05 * (v - v**3 / 3.0 - w + p[0])
        y[1] = w + 0.05 * p[1] * (v + p[2] - p[3] * w)
    return y[0] * y[1]


def leapfrog(q, p, k):
    q, p = q.copy(), p.copy()
    n = len(q)
    for _ in range(10):
        force = -k * q
        force[1:] += 0.5 * (q[:-1] - q[1:])
        force[:-1] += 0.5 * (q[1:] - q[:-1])
        p = p + 0.1 * force
        q = q + 0.1 * p
    return 0.5 * np.sum(p * p) + q[n - 1]


def implicit_euler(y, lam):
    for _ in range(5):
        z = y
        for _ in range(8):
            z = z - (z - y + 0.1 * lam * z**3) / (1.0 + 0.3 * lam * z * z)
        y = z
    return y


def lennard_jones(x, epsilon, sigma):
    energy = 0.0
    for i in range(x.shape[0]):
        for j in range(i + 1, x.shape[0]):
            r2 = 0.0
            for d in range(3):
                r2 += (x[i, d] - x[j, d]) ** 2
            s6 = (sigma * sigma / r2) ** 3
            energy += 4.0 * epsilon * (s6 * s6 - s6)
    return energy


def bodies(x, v, m):
    x, v = x.copy(), v.copy()
    n = len(m)
    for _ in range(4):
        for i in range(n):
            ax, ay = 0.0, 0.0
            for j in range(n):
                if i == j:
                    continue
                dx, dy = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1]
                r = math.sqrt(dx * dx + dy * dy + 0.01)
                ax += m[j] * dx / r**3
                ay += m[j] * dy / r**3
            v[i, 0] += 0.01 * ax
            v[i, 1] += 0.01 * ay
        x += 0.01 * v
    return np.sum(x * x)


def springs(x, stiffness, lengths):
    energy = 0.0
    for e in range(len(stiffness)):
        a, b = e, (e + 1) % x.shape[0]
        d = math.hypot(x[a, 0] - x[b, 0], x[a, 1] - x[b, 1])
        stretch = d - lengths[e]
        if stretch > 0.0:
            energy += 0.5 * stiffness[e] * stretch * stretch
        else:
            energy += 0.1 * stiffness[e] * abs(stretch)
    return energy


def verlet(x, v, g):
    hits = 0
    for _ in range(60):
        a = -g
        x = x + 0.02 * v + 0.5 * 0.0004 * a
        v = v + 0.02 * a
        if x < 0.0:
            x, v = -x, -0.8 * v
            hits += 1
    return x + v * hits


def adaptive_euler(y, rate):
    t, h, steps = 0.0, 0.1, 0
    while t < 1.0 and steps < 200:
        whole = y + h * rate * (1.0 - y) * y
        half = y + 0.5 * h * rate * (1.0 - y) * y
        double = half + 0.5 * h * rate * (1.0 - half) * half
        if abs(double - whole) < 1e-3:
            y, t = double, t + h
            h = min(1.5 * h, 1.0 - t + 1e-12)
        else:
            h = 0.5 * h
        steps += 1
    return y


PROGRAMS = [
    (sir, (np.array([0.9, 0.1, 0.0]), 1.2, 0.3)),
    (lorenz_rk4, (np.array([1.0, 2.0, 1.5]), 10.0, 28.0, 8 / 3)),
    (van_der_pol, (1.2, 0.7, 1.4)),
    (robertson, (np.array([1.0, 0.1, 0.2]), np.array([0.04, 10.0, 30.0]))),
    (hodgkin_huxley, (-62.0, 0.05, 0.6, 0.3, 10.0)),
    (fitzhugh_nagumo, (np.array([0.3, 0.1]), np.array([0.5, 0.08, 0.7, 0.8]))),
    (leapfrog, (RNG.normal(size=5), RNG.normal(size=5), 0.7)),
    (implicit_euler, (1.2, 0.8)),
    (lennard_jones, (2.0 * RNG.normal(size=(4, 3)), 0.7, 0.9)),
    (bodies, (RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2)), np.array([1.0, 0.6, 0.3]))),
    (springs, (RNG.normal(size=(5, 2)), RNG.uniform(1, 2, 5), RNG.uniform(0.5, 2.5, 5))),
    (verlet, (0.5, 0.1, 9.8)),
    (adaptive_euler, (0.2, 3.0)),
]

"""Finance, chemistry, physics."""

import math

import numpy as np

RNG = np.random.default_rng(5)


def binomial_tree(price, strike, rate, volatility):
    n = 12
    dt = 1.0 / n
    up = math.exp(volatility * math.sqrt(dt))
    down = 1.0 / up
    p = (math.exp(rate * dt) - down) / (up - down)
    discount = math.exp(-rate * dt)
    values = np.empty(n + 1)
    for i in range(n + 1):
        values[i] = max(strike - price * up**i * down ** (n - i), 0.0)
    for step in range(n - 1, -1, -1):
        for i in range(step + 1):
            held = discount * (p * values[i + 1] + (1.0 - p) * values[i])
            values[i] = max(held, strike - price * up**i * down ** (step - i))
    return values[0]


def black_scholes(price, strike, rate, volatility, time):
    d1 = (math.log(price / strike) + (rate + 0.5 * volatility**2) * time) / (
        volatility * math.sqrt(time)
    )
    d2 = d1 - volatility * math.sqrt(time)
    n1, n2 = 0.5 * math.erfc(-d1 / math.sqrt(2.0)), 0.5 * math.erfc(-d2 / math.sqrt(2.0))
    return price * n1 - strike * math.exp(-rate * time) * n2


def monte_carlo(price, rate, volatility, normals):
    n, m = normals.shape
    dt = 1.0 / m
    total = 0.0
    for i in range(n):
        s, average = price, 0.0
        for j in range(m):
            s *= math.exp(
                (rate - 0.5 * volatility**2) * dt + volatility * math.sqrt(dt) * normals[i, j]
            )
            average += s / m
        total += max(average - 1.0, 0.0)
    return math.exp(-rate) * total / n


def bond_yield(coupon, price):
    y = 0.05
    for _ in range(30):
        value, slope = -price, 0.0
        for t in range(1, 11):
            cash = coupon + (100.0 if t == 10 else 0.0)
            value += cash / (1.0 + y) ** t
            slope -= t * cash / (1.0 + y) ** (t + 1)
        step = value / slope
        y -= step
        if abs(step) < 1e-14:
            break
    return y


def equilibrium(k1, k2, total):
    h = 0.1
    for _ in range(30):
        f = h * h * h + k1 * h * h + (k1 * k2 - k1 * total) * h - 2.0 * k1 * k2 * total
        g = 3.0 * h * h + 2.0 * k1 * h + k1 * k2 - k1 * total
        h = h - f / g
        if h < 1e-6:
            h = 1e-6
    return math.log(h)


def lens_trace(curvatures, gaps, indices, height):
    y, u, n = height, 0.0, 1.0
    for k in range(len(curvatures)):
        sine = y * curvatures[k]
        normal = math.asin(sine)
        inside = math.asin(n / indices[k] * math.sin(u + normal))
        u = inside - normal
        n = indices[k]
        y = y + gaps[k] * math.tan(u)
    return y * y


def ray_sphere(origin, direction, center, radius):
    oc = origin - center
    a = direction @ direction
    b = 2.0 * (oc @ direction)
    c = oc @ oc - radius * radius
    disc = b * b - 4.0 * a * c
    if disc < 0.0:
        return 0.0
    t = (-b - math.sqrt(disc)) / (2.0 * a)
    hit = origin + t * direction
    normal = (hit - center) / radius
    return normal @ np.array([0.3, 0.5, 0.8]) + t


def planck(wavelengths, temperature):
    total = 0.0
    for w in wavelengths:
        total += 1.0 / (w**5 * math.expm1(1.4 / (w * temperature)))
    return math.log(total)


def ising_energy(spins, field, coupling):
    n = spins.shape[0]
    energy = 0.0
    for i in range(n):
        for j in range(n):
            s = math.tanh(spins[i, j])
            right = math.tanh(spins[i, (j + 1) % n])
            below = math.tanh(spins[(i + 1) % n, j])
            energy -= coupling * s * (right + below) + field * s
    return energy


def pharmacokinetics(dose, rates, times):
    loss = 0.0
    for k in range(len(times)):
        central, gut, t = 0.0, dose, 0.0
        while t < times[k]:
            h = min(0.25, times[k] - t)
            central, gut = (
                central + h * (rates[0] * gut - rates[1] * central),
                gut - h * rates[0] * gut,
            )
            t += 0.25
        loss += (central - 0.5) ** 2
    return loss


def truss(areas, load):
    k = np.zeros((2, 2))
    for e in range(3):
        angle = 0.3 + 0.9 * e
        c, s = math.cos(angle), math.sin(angle)
        v = np.array([c, s])
        k += areas[e] * np.outer(v, v)
    det = k[0, 0] * k[1, 1] - k[0, 1] * k[1, 0]
    x = (k[1, 1] * load[0] - k[0, 1] * load[1]) / det
    y = (k[0, 0] * load[1] - k[1, 0] * load[0]) / det
    return load[0] * x + load[1] * y


PROGRAMS = [
    (binomial_tree, (1.0, 1.05, 0.03, 0.2)),
    (black_scholes, (1.0, 1.05, 0.03, 0.2, 0.7)),
    (monte_carlo, (1.0, 0.03, 0.2, RNG.normal(size=(6, 4)))),
    (bond_yield, (4.0, 95.0)),
    (equilibrium, (0.8, 0.3, 1.4)),
    (
        lens_trace,
        (np.array([0.1, -0.08, 0.03]), np.array([0.4, 0.9, 2.0]), np.array([1.5, 1.6, 1.0]), 0.7),
    ),
    (
        ray_sphere,
        (np.array([0.1, 0.2, -3.0]), np.array([0.0, 0.1, 1.0]), np.array([0.3, 0.1, 1.0]), 0.9),
    ),
    (planck, (np.array([0.3, 0.5, 0.9, 1.6]), 1.2)),
    (ising_energy, (RNG.normal(size=(3, 3)), 0.2, 0.7)),
    (pharmacokinetics, (1.5, np.array([1.1, 0.4]), np.array([0.6, 1.3, 2.2]))),
    (truss, (np.array([1.0, 0.7, 1.3]), np.array([0.4, -0.9]))),
]

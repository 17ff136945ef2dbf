"""Curves, geometry, statistics."""

import math

import numpy as np

RNG = np.random.default_rng(6)


def de_boor(points, x):
    degree, knots = 3, np.array([0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0])
    k = 3 if x < 0.5 else 4
    d = np.empty(4)
    for j in range(4):
        d[j] = points[j + k - degree]
    for r in range(1, degree + 1):
        for j in range(degree, r - 1, -1):
            low, high = knots[j + k - degree], knots[j + 1 + k - r]
            alpha = (x - low) / (high - low)
            d[j] = (1.0 - alpha) * d[j - 1] + alpha * d[j]
    return d[degree]


def bezier(points, t):
    p = points.copy()
    n = p.shape[0]
    for level in range(1, n):
        for i in range(n - level):
            p[i] = (1.0 - t) * p[i] + t * p[i + 1]
    return p[0, 0] * p[0, 1]


def polygon_area(x, y):
    area = 0.0
    n = len(x)
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        area += x[i] * y[j] - x[j] * y[i]
    return 0.5 * abs(area)


def arc_length(points):
    total = 0.0
    for i in range(1, len(points)):
        dx, dy = points[i] - points[i - 1]
        total += math.sqrt(dx * dx + dy * dy)
    return total


def central_moments(x):
    mean = np.mean(x)
    m2, m3, m4 = 0.0, 0.0, 0.0
    for v in x:
        d = v - mean
        m2, m3, m4 = m2 + d * d, m3 + d**3, m4 + d**4
    n = len(x)
    return m3 / n / (m2 / n) ** 1.5 + m4 / n / (m2 / n) ** 2


def running_variance(x):
    mean, m2 = 0.0, 0.0
    n = 0
    for v in x:
        n += 1
        delta = v - mean
        mean += delta / n
        m2 += delta * (v - mean)
    return m2 / (n - 1)


def correlation(x, y):
    dx, dy = x - np.mean(x), y - np.mean(y)
    return np.sum(dx * dy) / math.sqrt(np.sum(dx * dx) * np.sum(dy * dy))


def sorted_median(x):
    s = x.copy()
    for i in range(1, len(s)):
        key = s[i]
        j = i - 1
        while j >= 0 and s[j] > key:
            s[j + 1] = s[j]
            j -= 1
        s[j + 1] = key
    return s[len(s) // 2] ** 2


def soft_sorting(x, tau):
    n = len(x)
    total = 0.0
    for i in range(n):
        rank = 1.0
        for j in range(n):
            if j != i:
                rank += 1.0 / (1.0 + math.exp(-(x[i] - x[j]) / tau))
        total += rank * x[i]
    return total


def rotation_chain(angles, lengths):
    x, y, turned = 0.0, 0.0, 0.0
    for k in range(len(angles)):
        turned += angles[k]
        x += lengths[k] * math.cos(turned)
        y += lengths[k] * math.sin(turned)
    return (x - 1.0) ** 2 + (y - 0.5) ** 2


def quaternion_turn(q, v):
    w, x, y, z = q / math.sqrt(np.sum(q * q))
    tx = 2.0 * (y * v[2] - z * v[1])
    ty = 2.0 * (z * v[0] - x * v[2])
    tz = 2.0 * (x * v[1] - y * v[0])
    return v[0] + w * tx + y * tz - z * ty + 0.3 * (v[1] + w * ty + z * tx - x * tz)


def string_art(angles):
    total = 0.0
    for i in range(len(angles)):
        for j in range(i + 1, len(angles)):
            d = angles[i] - angles[j]
            chord = abs(2.0 * math.sin(0.5 * d))
            total += chord if (i + j) % 2 == 0 else chord**2
    return total


def levels(image, threshold):
    above, below = 0.0, 0.0
    for row in image:
        for v in row:
            if v > threshold:
                above += v
            elif v < -threshold:
                below += v * v
    return above * below - threshold


def exponential_smoothing(x, alpha, beta):
    level, trend = x[0], x[1] - x[0]
    loss = 0.0
    for t in range(1, len(x)):
        loss += (x[t] - level - trend) ** 2
        before = level
        level = alpha * x[t] + (1.0 - alpha) * (level + trend)
        trend = beta * (level - before) + (1.0 - beta) * trend
    return loss


def soft_minimum_distance(a, b):
    """Soft dynamic time warping."""
    n, m = len(a), len(b)
    r = np.full((n + 1, m + 1), 1e3)
    r[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            x, y, z = -r[i - 1, j - 1], -r[i - 1, j], -r[i, j - 1]
            top = max(x, y, z)
            s = math.exp(x - top) + math.exp(y - top) + math.exp(z - top)
            r[i, j] = (a[i - 1] - b[j - 1]) ** 2 - (top + math.log(s))
    return r[n, m]


PROGRAMS = [
    (de_boor, (RNG.normal(size=5), 0.3)),
    (bezier, (RNG.normal(size=(4, 2)), 0.4)),
    (polygon_area, (np.array([0.0, 1.0, 1.3, 0.2]), np.array([0.0, -0.1, 1.0, 0.8]))),
    (arc_length, (RNG.normal(size=(6, 2)),)),
    (central_moments, (RNG.normal(size=7),)),
    (running_variance, (RNG.normal(size=7),)),
    (correlation, (RNG.normal(size=7), RNG.normal(size=7))),
    (sorted_median, (RNG.normal(size=7),)),
    (soft_sorting, (RNG.normal(size=5), 0.5)),
    (rotation_chain, (RNG.normal(size=5), RNG.uniform(0.5, 1, 5))),
    (quaternion_turn, (RNG.normal(size=4), RNG.normal(size=3))),
    (string_art, (RNG.normal(size=6),)),
    (levels, (RNG.normal(size=(4, 3)), 0.2)),
    (exponential_smoothing, (RNG.normal(size=8), 0.4, 0.3)),
    (soft_minimum_distance, (RNG.normal(size=4), RNG.normal(size=5))),
]

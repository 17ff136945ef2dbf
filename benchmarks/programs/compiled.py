"""Programs of the benchmark `compiler.py`, as users write them: plain Python and NumPy."""

import math

import numpy as np

import sciad

__all__ = [
    "brusselator",
    "bundle",
    "determinant",
    "gaussian_mixture",
    "insertion_median",
    "kmeans",
    "logsumexp",
    "lotka_volterra",
    "lstm",
    "network",
    "newton",
    "particle",
    "polynomial",
    "rk4",
    "taylor_sine",
]


# -- scalars ---------------------------------------------------------------------------------------
def taylor_sine(x):
    """Sine by its series, left as soon as a term is negligible."""
    total = x
    term = x
    for k in range(1, 30):
        term = -term * x * x / ((2 * k) * (2 * k + 1))
        if abs(term) < 1e-17:
            return total
        total = total + term
    return total


def newton(m, e):
    """Eccentric anomaly: Kepler's equation by Newton's iteration."""
    x = m
    for _ in range(50):
        step = (x - e * math.sin(x) - m) / (1.0 - e * math.cos(x))
        x = x - step
        if abs(step) < 1e-14:
            break
    return x


def insertion_median(values):
    """Middle of some numbers, sorted by insertion."""
    x = values.copy()
    n = len(x)
    for i in range(1, n):
        key = x[i]
        j = i - 1
        while j >= 0 and x[j] > key:
            x[j + 1] = x[j]
            j -= 1
        x[j + 1] = key
    return x[n // 2]


# -- differential equations ------------------------------------------------------------------------
def lotka_volterra(y, p):
    """Right-hand side of the predator-prey model."""
    hare, lynx = y[0], y[1]
    meet = hare * lynx
    return np.array([p[0] * hare - p[1] * meet, p[3] * meet - p[2] * lynx])


def brusselator(u, v, a, b, alpha):
    """Right-hand side of a reaction with diffusion on a periodic grid."""
    n = u.shape[0]
    du, dv = np.empty((n, n)), np.empty((n, n))
    scale = alpha * (n - 1) ** 2
    for i in range(n):
        up = i - 1 if i > 0 else n - 1
        down = i + 1 if i < n - 1 else 0
        for j in range(n):
            left = j - 1 if j > 0 else n - 1
            right = j + 1 if j < n - 1 else 0
            uu, vv = u[i, j], v[i, j]
            lap_u = u[up, j] + u[down, j] + u[i, left] + u[i, right] - 4.0 * uu
            lap_v = v[up, j] + v[down, j] + v[i, left] + v[i, right] - 4.0 * vv
            uuv = uu * uu * vv
            du[i, j] = b + uuv - (a + 1.0) * uu + scale * lap_u
            dv[i, j] = a * uu - uuv + scale * lap_v
    return du, dv


def _rates(x, y, p):
    return p[0] * x - p[1] * x * y, p[3] * x * y - p[2] * y


def rk4(start, p, h, steps):
    """End of a predator-prey orbit by the classical method of Runge and Kutta."""
    x, y = start[0], start[1]
    for _ in range(steps):
        ax, ay = _rates(x, y, p)
        bx, by = _rates(x + 0.5 * h * ax, y + 0.5 * h * ay, p)
        cx, cy = _rates(x + 0.5 * h * bx, y + 0.5 * h * by, p)
        dx, dy = _rates(x + h * cx, y + h * cy, p)
        x = x + h / 6.0 * (ax + 2.0 * bx + 2.0 * cx + dx)
        y = y + h / 6.0 * (ay + 2.0 * by + 2.0 * cy + dy)
    return x * x + y * y


def _potential(x, y, w):
    """Two charges, one of them placed by the control."""
    near = math.sqrt((x - 10.0) ** 2 + (y - 10.0 + w) ** 2)
    far = math.sqrt((x - 10.0) ** 2 + y**2)
    return 1.0 / near + 1.0 / far


def particle(w):
    """Square of the place where a charged particle hits the ground; forces are gradients."""
    x, y, vx, vy = 0.0, 8.0, 0.75, 0.0
    h = 0.01
    while y > 0.0:
        gx, gy = sciad.grad(_potential, (0, 1))(x, y, w)
        x, y = x + h * vx, y + h * vy
        vx, vy = vx - h * gx, vy - h * gy
    x = x - y / vy * vx
    return x * x


# -- data ------------------------------------------------------------------------------------------
def logsumexp(x):
    """log(sum(exp(x))) without overflow."""
    top = np.max(x)
    return top + math.log(np.sum(np.exp(x - top)))


def polynomial(c, x, y):
    """Sum of squared residuals of a polynomial."""
    total = 0.0
    for i in range(len(x)):
        value = 0.0
        for k in range(len(c)):
            value = value * x[i] + c[k]
        total += (value - y[i]) ** 2
    return total


def network(w1, b1, w2, b2, w3, b3, x, target):
    """Squared error of a network with two hidden layers."""
    h1 = np.tanh(w1 @ x + b1)
    h2 = np.tanh(w2 @ h1 + b2)
    out = w3 @ h2 + b3
    return np.sum((out - target) ** 2)


def kmeans(centers, points):
    """Sum of the squared distances to the nearest centers."""
    cost = 0.0
    for i in range(points.shape[0]):
        best = np.inf
        for k in range(centers.shape[0]):
            distance = 0.0
            for d in range(points.shape[1]):
                distance += (points[i, d] - centers[k, d]) ** 2
            if distance < best:
                best = distance
        cost += best
    return cost


def gaussian_mixture(alphas, means, icf, x, gamma, m):
    """Log-likelihood of a mixture with a Wishart prior (objective of ADBench)."""
    n, d = x.shape
    k = alphas.shape[0]
    diagonal = np.exp(icf[:, :d])
    sums = np.zeros(k)
    for c in range(k):
        for j in range(d):
            sums[c] += icf[c, j]
    terms = np.empty(k)
    centered = np.empty(d)
    total = 0.0
    for i in range(n):
        for c in range(k):
            for j in range(d):
                centered[j] = x[i, j] - means[c, j]
            square = 0.0
            for r in range(d):
                value = diagonal[c, r] * centered[r]
                place = d + r - 1
                for j in range(r):
                    value += icf[c, place] * centered[j]
                    place += d - 2 - j
                square += value * value
            terms[c] = alphas[c] + sums[c] - 0.5 * square
        top = terms[0]
        for c in range(1, k):
            if terms[c] > top:
                top = terms[c]
        s = 0.0
        for c in range(k):
            s += math.exp(terms[c] - top)
        total += top + math.log(s)
    top = np.max(alphas)
    total -= n * (top + math.log(np.sum(np.exp(alphas - top))))
    prior = 0.0
    for c in range(k):
        frobenius = 0.0
        for j in range(d):
            frobenius += diagonal[c, j] ** 2
        for j in range(d, icf.shape[1]):
            frobenius += icf[c, j] ** 2
        prior += 0.5 * gamma * gamma * frobenius - m * sums[c]
    return total - prior


def _sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def lstm(weights, extra, state, sequence):
    """Mean log-likelihood of characters under a diagonal LSTM (objective of ADBench)."""
    layers = state.shape[0] // 2
    n, bits = sequence.shape
    hidden, cell = np.empty((layers, bits)), np.empty((layers, bits))
    for l in range(layers):
        for j in range(bits):
            hidden[l, j] = state[2 * l, j]
            cell[l, j] = state[2 * l + 1, j]
    out = np.empty(bits)
    total = 0.0
    for t in range(n - 1):
        s = 2.0
        for j in range(bits):
            x = sequence[t, j] * extra[0, j]
            for l in range(layers):
                forget = _sigmoid(x * weights[2 * l, j] + weights[2 * l + 1, j])
                enter = _sigmoid(
                    hidden[l, j] * weights[2 * l, bits + j] + weights[2 * l + 1, bits + j]
                )
                leave = _sigmoid(
                    x * weights[2 * l, 2 * bits + j] + weights[2 * l + 1, 2 * bits + j]
                )
                change = math.tanh(
                    hidden[l, j] * weights[2 * l, 3 * bits + j] + weights[2 * l + 1, 3 * bits + j]
                )
                cell[l, j] = cell[l, j] * forget + enter * change
                hidden[l, j] = leave * math.tanh(cell[l, j])
                x = hidden[l, j]
            out[j] = x * extra[1, j] + extra[2, j]
            s += math.exp(out[j])
        norm = math.log(s)
        for j in range(bits):
            total += sequence[t + 1, j] * (out[j] - norm)
    return -total / ((n - 1) * bits)


def bundle(camera, point, weight, feature):
    """Reprojection residuals of one observation (objective of ADBench)."""
    r0, r1, r2 = camera[0], camera[1], camera[2]
    x0, x1, x2 = point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]
    angle2 = r0 * r0 + r1 * r1 + r2 * r2
    if angle2 != 0.0:
        angle = math.sqrt(angle2)
        c, s = math.cos(angle), math.sin(angle)
        w0, w1, w2 = r0 / angle, r1 / angle, r2 / angle
        dot = (w0 * x0 + w1 * x1 + w2 * x2) * (1.0 - c)
        y0 = x0 * c + (w1 * x2 - w2 * x1) * s + w0 * dot
        y1 = x1 * c + (w2 * x0 - w0 * x2) * s + w1 * dot
        y2 = x2 * c + (w0 * x1 - w1 * x0) * s + w2 * dot
    else:
        y0 = x0 + r1 * x2 - r2 * x1
        y1 = x1 + r2 * x0 - r0 * x2
        y2 = x2 + r0 * x1 - r1 * x0
    u, v = y0 / y2, y1 / y2
    rr = u * u + v * v
    distortion = 1.0 + camera[9] * rr + camera[10] * rr * rr
    px = camera[6] * distortion * u + camera[7]
    py = camera[6] * distortion * v + camera[8]
    return np.array([weight * (px - feature[0]), weight * (py - feature[1])])


def determinant(a):
    """Compute the determinant by expansion along the first row, recursively."""
    n = a.shape[0]
    if n == 1:
        return a[0, 0]
    total = 0.0
    sign = 1.0
    for j in range(n):
        minor = np.empty((n - 1, n - 1))
        for r in range(1, n):
            for c in range(n - 1):
                minor[r - 1, c] = a[r, c] if c < j else a[r, c + 1]
        total += sign * a[0, j] * determinant(minor)
        sign = -sign
    return total

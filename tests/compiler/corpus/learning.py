"""Models of data and their losses."""

import math

import numpy as np

RNG = np.random.default_rng(4)


def softmax_regression(w, b, x, labels):
    loss = 0.0
    for i in range(x.shape[0]):
        z = w @ x[i] + b
        top = np.max(z)
        loss += top + math.log(np.sum(np.exp(z - top))) - np.sum(z * labels[i])
    return loss


def network(w1, b1, w2, b2, x):
    h = np.tanh(w1 @ x + b1)
    out = w2 @ h + b2
    return np.sum(1.0 / (1.0 + np.exp(-out)))


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm_cell(w, u, b, x, h, c):
    n = len(h)
    for _ in range(3):
        z = w @ x + u @ h + b
        i, f = _sigmoid(z[:n]), _sigmoid(z[n : 2 * n])
        o, g = _sigmoid(z[2 * n : 3 * n]), np.tanh(z[3 * n :])
        c = f * c + i * g
        h = o * np.tanh(c)
    return np.sum(h * h)


def gru_cell(w, u, b, x, h):
    n = len(h)
    for _ in range(3):
        a, r = w @ x + b, u @ h
        z = _sigmoid(a[:n] + r[:n])
        reset = _sigmoid(a[n : 2 * n] + r[n : 2 * n])
        new = np.tanh(a[2 * n :] + reset * r[2 * n :])
        h = (1.0 - z) * new + z * h
    return np.sum(h * h)


def kmeans(centers, points):
    cost = 0.0
    for i in range(points.shape[0]):
        best = 1e300
        for k in range(centers.shape[0]):
            d = 0.0
            for j in range(points.shape[1]):
                d += (points[i, j] - centers[k, j]) ** 2
            best = min(best, d)
        cost += best
    return cost


def mixture(weights, means, logs, x):
    total = 0.0
    k = len(weights)
    terms = np.empty(k)
    for i in range(len(x)):
        for c in range(k):
            z = (x[i] - means[c]) * math.exp(-logs[c])
            terms[c] = weights[c] - logs[c] - 0.5 * z * z
        top = terms.max()
        s = 0.0
        for c in range(k):
            s += math.exp(terms[c] - top)
        total += top + math.log(s)
    return total


def kalman(q, r, start, data):
    mean, variance, loss = start, 1.0, 0.0
    for y in data:
        variance += q * q
        s = variance + r * r
        gain = variance / s
        loss += 0.5 * (math.log(s) + (y - mean) ** 2 / s)
        mean += gain * (y - mean)
        variance *= 1.0 - gain
    return loss


def kalman_matrices(f, h, q, r, data):
    x, p = np.zeros(2), np.eye(2)
    loss = 0.0
    for t in range(len(data)):
        x = f @ x
        p = f @ p @ f.T + q * np.eye(2)
        s = h @ p @ h + r
        e = data[t] - h @ x
        k = p @ h / s
        x = x + k * e
        p = p - np.outer(k, h @ p)
        loss += math.log(s) + e * e / s
    return loss


def forward_algorithm(transition, emission, start):
    n = transition.shape[0]
    observed = (0, 1, 1, 0, 2)
    alpha = start * emission[:, 0]
    loss = 0.0
    for t in range(1, 5):
        symbol = observed[t]
        new = np.zeros(n)
        for j in range(n):
            for i in range(n):
                new[j] += alpha[i] * transition[i, j]
            new[j] *= emission[j, symbol]
        scale = np.sum(new)
        loss += math.log(scale)
        alpha = new / scale
    return loss


def viterbi(transition, emission):
    n = transition.shape[0]
    steps = emission.shape[0]
    score = emission[0].copy()
    for t in range(1, steps):
        new = np.empty(n)
        for j in range(n):
            best = score[0] + transition[0, j]
            for i in range(1, n):
                best = max(best, score[i] + transition[i, j])
            new[j] = best + emission[t, j]
        score = new
    return score.max()


def logistic_regression(w, x, y, penalty):
    loss = 0.5 * penalty * np.sum(w * w)
    for i in range(x.shape[0]):
        margin = y[i] * np.dot(x[i], w)
        loss += math.log1p(math.exp(-margin))
    return loss


def attention(q, k, v):
    n, d = q.shape
    out = np.zeros((n, d))
    for i in range(n):
        scores = np.empty(n)
        for j in range(n):
            scores[j] = np.dot(q[i], k[j]) / math.sqrt(d)
        weights = np.exp(scores - np.max(scores))
        weights = weights / np.sum(weights)
        for j in range(n):
            out[i] += weights[j] * v[j]
    return np.sum(out**2)


def huber(w, x, y):
    loss = 0.0
    for i in range(len(y)):
        e = w[0] + w[1] * x[i] - y[i]
        loss += 0.5 * e * e if abs(e) < 0.5 else 0.5 * (abs(e) - 0.25)
    return loss


def momentum_descent(start, rate):
    x, v = start.copy(), np.zeros(2)
    for _ in range(15):
        g = np.array([2.0 * x[0] + x[1], 3.0 * x[1] ** 3 + x[0]])
        v = 0.8 * v - rate * g
        x = x + v
    return x[0] ** 2 + x[1]


LABELS = np.eye(3)[[0, 2, 1, 1]]
PROGRAMS = [
    (
        softmax_regression,
        (RNG.normal(size=(3, 2)), RNG.normal(size=3), RNG.normal(size=(4, 2)), LABELS),
    ),
    (
        network,
        (
            RNG.normal(size=(4, 3)),
            RNG.normal(size=4),
            RNG.normal(size=(2, 4)),
            RNG.normal(size=2),
            RNG.normal(size=3),
        ),
    ),
    (
        lstm_cell,
        (
            RNG.normal(size=(8, 3)),
            RNG.normal(size=(8, 2)),
            *(RNG.normal(size=n) for n in (8, 3, 2, 2)),
        ),
    ),
    (
        gru_cell,
        (
            RNG.normal(size=(6, 3)),
            RNG.normal(size=(6, 2)),
            *(RNG.normal(size=n) for n in (6, 3, 2)),
        ),
    ),
    (kmeans, (RNG.normal(size=(3, 2)), RNG.normal(size=(8, 2)))),
    (mixture, (*(RNG.normal(size=3) for _ in range(3)), RNG.normal(size=6))),
    (kalman, (0.5, 0.7, 0.1, RNG.normal(size=8))),
    (kalman_matrices, (RNG.normal(size=(2, 2)), RNG.normal(size=2), 0.3, 0.5, RNG.normal(size=5))),
    (
        forward_algorithm,
        (*(RNG.uniform(0.1, 1.0, (3, 3)) for _ in range(2)), RNG.uniform(0.1, 1.0, 3)),
    ),
    (viterbi, (RNG.normal(size=(3, 3)), RNG.normal(size=(4, 3)))),
    (
        logistic_regression,
        (RNG.normal(size=3), RNG.normal(size=(6, 3)), np.sign(RNG.normal(size=6)), 0.3),
    ),
    (attention, tuple(RNG.normal(size=(3, 2)) for _ in range(3))),
    (huber, (np.array([0.3, 0.8]), RNG.normal(size=6), RNG.normal(size=6))),
    (momentum_descent, (np.array([0.7, -0.4]), 0.1)),
]

"""The programs of `compiled.py` as users of JAX write them."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

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

jax.config.update("jax_enable_x64", True)


def taylor_sine(x):
    def body(k, state):
        total, term, done = state
        term = -term * x * x / ((2 * k) * (2 * k + 1))
        done = done | (jnp.abs(term) < 1e-17)
        return jnp.where(done, total, total + term), term, done

    return lax.fori_loop(1, 30, body, (x, x, False))[0]


def newton(m, e):
    def body(_, x):
        return x - (x - e * jnp.sin(x) - m) / (1.0 - e * jnp.cos(x))

    return lax.fori_loop(0, 10, body, m)


def insertion_median(values):
    return jnp.sort(values)[values.shape[0] // 2]


def lotka_volterra(y, p):
    hare, lynx = y[0], y[1]
    meet = hare * lynx
    return jnp.array([p[0] * hare - p[1] * meet, p[3] * meet - p[2] * lynx])


def brusselator(u, v, a, b, alpha):
    scale = alpha * (u.shape[0] - 1) ** 2

    def laplacian(w):
        rows = jnp.roll(w, 1, 0) + jnp.roll(w, -1, 0)
        return rows + jnp.roll(w, 1, 1) + jnp.roll(w, -1, 1) - 4.0 * w

    uuv = u * u * v
    du = b + uuv - (a + 1.0) * u + scale * laplacian(u)
    return du, a * u - uuv + scale * laplacian(v)


@partial(jax.jit, static_argnums=3)
def rk4(start, p, h, steps):
    def f(y):
        meet = y[0] * y[1]
        return jnp.array([p[0] * y[0] - p[1] * meet, p[3] * meet - p[2] * y[1]])

    def step(y, _):
        a = f(y)
        b = f(y + 0.5 * h * a)
        c = f(y + 0.5 * h * b)
        d = f(y + h * c)
        return y + h / 6.0 * (a + 2.0 * b + 2.0 * c + d), None

    end, _ = lax.scan(step, start, None, length=steps)
    return jnp.sum(end**2)


def particle(w):
    h = 0.01

    def potential(x):
        near = x - jnp.array([10.0, 10.0 - w])
        far = x - jnp.array([10.0, 0.0])
        return 1.0 / jnp.sqrt(near @ near) + 1.0 / jnp.sqrt(far @ far)

    def step(state, _):
        x, v = state
        flies = x[1] > 0.0
        force = -jax.grad(potential)(x)
        return (jnp.where(flies, x + h * v, x), jnp.where(flies, v + h * force, v)), None

    start = jnp.array([0.0, 8.0]), jnp.array([0.75, 0.0])
    (x, v), _ = lax.scan(step, start, None, length=4000)
    end = x[0] - x[1] / v[1] * v[0]
    return end * end


def logsumexp(x):
    return jax.scipy.special.logsumexp(x)


def polynomial(c, x, y):
    return jnp.sum((jnp.polyval(c, x) - y) ** 2)


def network(w1, b1, w2, b2, w3, b3, x, target):
    h1 = jnp.tanh(w1 @ x + b1)
    h2 = jnp.tanh(w2 @ h1 + b2)
    return jnp.sum((w3 @ h2 + b3 - target) ** 2)


def kmeans(centers, points):
    cross = points @ centers.T
    squares = jnp.sum(points**2, 1)[:, None] + jnp.sum(centers**2, 1)[None] - 2.0 * cross
    return jnp.sum(jnp.min(squares, axis=1))


def gaussian_mixture(alphas, means, icf, x, gamma, m):
    n, d = x.shape
    diagonal = jnp.exp(icf[:, :d])
    sums = jnp.sum(icf[:, :d], axis=1)
    columns, rows = jnp.triu_indices(d, 1)  # the strict lower triangle, column by column
    lower = jnp.zeros((alphas.shape[0], d, d)).at[:, rows, columns].set(icf[:, d:])

    def terms(point):
        centered = point - means
        q = diagonal * centered + jnp.einsum("krj,kj->kr", lower, centered)
        return alphas + sums - 0.5 * jnp.sum(q * q, axis=1)

    total = jnp.sum(jax.scipy.special.logsumexp(jax.vmap(terms)(x), axis=1))
    total -= n * jax.scipy.special.logsumexp(alphas)
    squares = jnp.sum(diagonal**2) + jnp.sum(icf[:, d:] ** 2)
    return total - (0.5 * gamma * gamma * squares - m * jnp.sum(sums))


def lstm(weights, extra, state, sequence):
    layers = state.shape[0] // 2
    n, bits = sequence.shape
    gates = weights.reshape(layers, 2, 4, bits)

    def step(carry, pair):
        hidden, cell = carry
        this, following = pair
        x = this * extra[0]
        new_hidden, new_cell = [], []
        for l in range(layers):
            w, b = gates[l]
            forget = jax.nn.sigmoid(x * w[0] + b[0])
            enter = jax.nn.sigmoid(hidden[l] * w[1] + b[1])
            leave = jax.nn.sigmoid(x * w[2] + b[2])
            change = jnp.tanh(hidden[l] * w[3] + b[3])
            new_cell.append(cell[l] * forget + enter * change)
            x = leave * jnp.tanh(new_cell[-1])
            new_hidden.append(x)
        out = x * extra[1] + extra[2]
        norm = jnp.log(jnp.sum(jnp.exp(out)) + 2.0)
        return (jnp.stack(new_hidden), jnp.stack(new_cell)), jnp.sum(following * (out - norm))

    start = state[0::2], state[1::2]
    _, terms = lax.scan(step, start, (sequence[:-1], sequence[1:]))
    return -jnp.sum(terms) / ((n - 1) * bits)


def bundle(camera, point, weight, feature):
    r, x = camera[:3], point - camera[3:6]
    angle2 = r @ r
    angle = jnp.sqrt(jnp.where(angle2 > 0.0, angle2, 1.0))
    w = r / angle
    c, s = jnp.cos(angle), jnp.sin(angle)
    turned = x * c + jnp.cross(w, x) * s + w * (w @ x) * (1.0 - c)
    y = jnp.where(angle2 > 0.0, turned, x + jnp.cross(r, x))
    u = y[:2] / y[2]
    rr = u @ u
    distortion = 1.0 + camera[9] * rr + camera[10] * rr * rr
    return weight * (camera[6] * distortion * u + camera[7:9] - feature)


def determinant(a):
    n = a.shape[0]
    if n == 1:
        return a[0, 0]
    rest = a[1:]
    minors = [jnp.delete(rest, j, axis=1, assume_unique_indices=True) for j in range(n)]
    return sum((-1) ** j * a[0, j] * determinant(minors[j]) for j in range(n))

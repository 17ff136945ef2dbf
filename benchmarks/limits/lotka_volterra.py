"""The limit of `../lotka_volterra.py`: solver, model and adjoint by hand in one njit function.

Nothing here is general: two states and four parameters live in registers, the tableau is made of
literals, the derivative of the model is typed in. It uses sciad's step-size controller and takes
exactly sciad's steps, so that the ratio of the two times is the price of generality.
"""

import math

import numpy as np
from numba import njit

from sciad.ode.control import initial_step, step_factor
from sciad.ode.methods import TSIT5

__all__ = ["loss_and_gradient"]

(
    (_, _, _, _, _, _, _),
    (A21, _, _, _, _, _, _),
    (A31, A32, _, _, _, _, _),
    (A41, A42, A43, _, _, _, _),
    (A51, A52, A53, A54, _, _, _),
    (A61, A62, A63, A64, A65, _, _),
    (A71, A72, A73, A74, A75, A76, _),
) = TSIT5.a.tolist()
E1, E2, E3, E4, E5, E6, E7 = TSIT5.e.tolist()
DENSE = tuple(tuple(row) for row in TSIT5.dense.tolist())


@njit(cache=True, error_model="numpy", inline="always")
def _f(u, v, p0, p1, p2, p3):
    uv = u * v
    return p0 * u - p1 * uv, p3 * uv - p2 * v


@njit(cache=True, error_model="numpy", inline="always")
def _vjp(u, v, p0, p1, p2, p3, a, b):
    uv = u * v
    return (
        a * (p0 - p1 * v) + b * p3 * v,
        b * (p3 * u - p2) - a * p1 * u,
        a * u,
        -a * uv,
        -b * v,
        b * uv,
    )


@njit(cache=True, error_model="numpy", inline="always")
def _weights(x):
    d = DENSE
    return (
        x * (d[0][0] + x * (d[0][1] + x * (d[0][2] + x * d[0][3]))),
        x * x * (d[1][1] + x * (d[1][2] + x * d[1][3])),
        x * x * (d[2][1] + x * (d[2][2] + x * d[2][3])),
        x * x * (d[3][1] + x * (d[3][2] + x * d[3][3])),
        x * x * (d[4][1] + x * (d[4][2] + x * d[4][3])),
        x * x * (d[5][1] + x * (d[5][2] + x * d[5][3])),
        x * x * (d[6][1] + x * (d[6][2] + x * d[6][3])),
    )


@njit(cache=True, error_model="numpy", nogil=True)
def loss_and_gradient(p, y0, times, data, rtol, atol, tape, saves):
    """Return the sum of squared differences to `data` and its gradient with respect to (p, y0)."""
    p0, p1, p2, p3 = p[0], p[1], p[2], p[3]
    u, v = y0[0], y0[1]
    t, t_end, m = times[0], times[-1], times.size
    k1u, k1v = _f(u, v, p0, p1, p2, p3)
    su, sv = atol + rtol * abs(u), atol + rtol * abs(v)
    d0 = math.sqrt(((u / su) ** 2 + (v / sv) ** 2) / 2)
    d1 = math.sqrt(((k1u / su) ** 2 + (k1v / sv) ** 2) / 2)
    h0 = min(1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1, t_end - t)
    k2u, k2v = _f(u + h0 * k1u, v + h0 * k1v, p0, p1, p2, p3)
    d2 = math.sqrt((((k2u - k1u) / su) ** 2 + ((k2v - k1v) / sv) ** 2) / 2) / h0
    h = min(100 * h0, initial_step(h0, d1, d2, 0.2), t_end - t)
    log_error, rejected, steps, save = 0.0, False, 0, 0
    while save < m and times[save] == t:
        saves[0, save], saves[1, save] = u, v
        save += 1
    while t != t_end:
        if t_end - t <= 1.01 * h:
            h, t_new = t_end - t, t_end
        else:
            t_new = t + h
            h = t_new - t
        u2, v2 = u + h * (A21 * k1u), v + h * (A21 * k1v)
        k2u, k2v = _f(u2, v2, p0, p1, p2, p3)
        u3, v3 = u + h * (A31 * k1u + A32 * k2u), v + h * (A31 * k1v + A32 * k2v)
        k3u, k3v = _f(u3, v3, p0, p1, p2, p3)
        u4 = u + h * (A41 * k1u + A42 * k2u + A43 * k3u)
        v4 = v + h * (A41 * k1v + A42 * k2v + A43 * k3v)
        k4u, k4v = _f(u4, v4, p0, p1, p2, p3)
        u5 = u + h * (A51 * k1u + A52 * k2u + A53 * k3u + A54 * k4u)
        v5 = v + h * (A51 * k1v + A52 * k2v + A53 * k3v + A54 * k4v)
        k5u, k5v = _f(u5, v5, p0, p1, p2, p3)
        u6 = u + h * (A61 * k1u + A62 * k2u + A63 * k3u + A64 * k4u + A65 * k5u)
        v6 = v + h * (A61 * k1v + A62 * k2v + A63 * k3v + A64 * k4v + A65 * k5v)
        k6u, k6v = _f(u6, v6, p0, p1, p2, p3)
        u7 = u + h * (A71 * k1u + A72 * k2u + A73 * k3u + A74 * k4u + A75 * k5u + A76 * k6u)
        v7 = v + h * (A71 * k1v + A72 * k2v + A73 * k3v + A74 * k4v + A75 * k5v + A76 * k6v)
        k7u, k7v = _f(u7, v7, p0, p1, p2, p3)
        eu = E1 * k1u + E2 * k2u + E3 * k3u + E4 * k4u + E5 * k5u + E6 * k6u + E7 * k7u
        ev = E1 * k1v + E2 * k2v + E3 * k3v + E4 * k4v + E5 * k5v + E6 * k6v + E7 * k7v
        eu = h * eu / (atol + rtol * max(abs(u), abs(u7)))
        ev = h * ev / (atol + rtol * max(abs(v), abs(v7)))
        error = math.sqrt((eu * eu + ev * ev) / 2)
        factor, log_error = step_factor(error, log_error, 0.2, rejected)
        rejected = not error <= 1.0
        if rejected:
            h *= factor
            continue
        while save < m and times[save] <= t_new:
            w1, w2, w3, w4, w5, w6, w7 = _weights((times[save] - t) / h)
            saves[0, save] = u + h * (
                w1 * k1u + w2 * k2u + w3 * k3u + w4 * k4u + w5 * k5u + w6 * k6u + w7 * k7u
            )
            saves[1, save] = v + h * (
                w1 * k1v + w2 * k2v + w3 * k3v + w4 * k4v + w5 * k5v + w6 * k6v + w7 * k7v
            )
            save += 1
        row = tape[steps]
        row[0], row[1], row[2], row[3], row[4], row[5] = t, h, u, v, u2, v2
        row[6], row[7], row[8], row[9], row[10], row[11] = u3, v3, u4, v4, u5, v5
        row[12], row[13], row[14], row[15] = u6, v6, u7, v7
        steps += 1
        if steps == len(tape):
            raise ValueError("the tape of the benchmark is too short")
        u, v, k1u, k1v, t = u7, v7, k7u, k7v, t_new
        h *= factor
    loss = 0.0
    for i in range(m):
        loss += (saves[0, i] - data[0, i]) ** 2 + (saves[1, i] - data[1, i]) ** 2
    g0 = g1 = g2 = g3 = lu = lv = ku = kv = 0.0
    save = m - 1
    for step in range(steps - 1, -1, -1):
        row = tape[step]
        t, h = row[0], row[1]
        x1u = x2u = x3u = x4u = x5u = x6u = x1v = x2v = x3v = x4v = x5v = x6v = yu = yv = 0.0
        while save >= 0 and times[save] > t:
            w1, w2, w3, w4, w5, w6, w7 = _weights((times[save] - t) / h)
            bu = 2 * (saves[0, save] - data[0, save])
            bv = 2 * (saves[1, save] - data[1, save])
            yu += bu
            yv += bv
            bu *= h
            bv *= h
            x1u, x2u, x3u, x4u = x1u + w1 * bu, x2u + w2 * bu, x3u + w3 * bu, x4u + w4 * bu
            x5u, x6u, ku = x5u + w5 * bu, x6u + w6 * bu, ku + w7 * bu
            x1v, x2v, x3v, x4v = x1v + w1 * bv, x2v + w2 * bv, x3v + w3 * bv, x4v + w4 * bv
            x5v, x6v, kv = x5v + w5 * bv, x6v + w6 * bv, kv + w7 * bv
            save -= 1
        a, b, q0, q1, q2, q3 = _vjp(row[14], row[15], p0, p1, p2, p3, ku, kv)
        w7u, w7v, g0, g1, g2, g3 = lu + a, lv + b, g0 + q0, g1 + q1, g2 + q2, g3 + q3
        ku, kv = x6u + h * A76 * w7u, x6v + h * A76 * w7v
        w6u, w6v, q0, q1, q2, q3 = _vjp(row[12], row[13], p0, p1, p2, p3, ku, kv)
        g0, g1, g2, g3 = g0 + q0, g1 + q1, g2 + q2, g3 + q3
        ku = x5u + h * (A75 * w7u + A65 * w6u)
        kv = x5v + h * (A75 * w7v + A65 * w6v)
        w5u, w5v, q0, q1, q2, q3 = _vjp(row[10], row[11], p0, p1, p2, p3, ku, kv)
        g0, g1, g2, g3 = g0 + q0, g1 + q1, g2 + q2, g3 + q3
        ku = x4u + h * (A74 * w7u + A64 * w6u + A54 * w5u)
        kv = x4v + h * (A74 * w7v + A64 * w6v + A54 * w5v)
        w4u, w4v, q0, q1, q2, q3 = _vjp(row[8], row[9], p0, p1, p2, p3, ku, kv)
        g0, g1, g2, g3 = g0 + q0, g1 + q1, g2 + q2, g3 + q3
        ku = x3u + h * (A73 * w7u + A63 * w6u + A53 * w5u + A43 * w4u)
        kv = x3v + h * (A73 * w7v + A63 * w6v + A53 * w5v + A43 * w4v)
        w3u, w3v, q0, q1, q2, q3 = _vjp(row[6], row[7], p0, p1, p2, p3, ku, kv)
        g0, g1, g2, g3 = g0 + q0, g1 + q1, g2 + q2, g3 + q3
        ku = x2u + h * (A72 * w7u + A62 * w6u + A52 * w5u + A42 * w4u + A32 * w3u)
        kv = x2v + h * (A72 * w7v + A62 * w6v + A52 * w5v + A42 * w4v + A32 * w3v)
        w2u, w2v, q0, q1, q2, q3 = _vjp(row[4], row[5], p0, p1, p2, p3, ku, kv)
        g0, g1, g2, g3 = g0 + q0, g1 + q1, g2 + q2, g3 + q3
        ku = x1u + h * (A71 * w7u + A61 * w6u + A51 * w5u + A41 * w4u + A31 * w3u + A21 * w2u)
        kv = x1v + h * (A71 * w7v + A61 * w6v + A51 * w5v + A41 * w4v + A31 * w3v + A21 * w2v)
        lu = yu + w7u + w6u + w5u + w4u + w3u + w2u
        lv = yv + w7v + w6v + w5v + w4v + w3v + w2v
    a, b, q0, q1, q2, q3 = _vjp(y0[0], y0[1], p0, p1, p2, p3, ku, kv)
    lu, lv = lu + a, lv + b
    while save >= 0:
        lu += 2 * (saves[0, save] - data[0, save])
        lv += 2 * (saves[1, save] - data[1, save])
        save -= 1
    return loss, np.array([g0 + q0, g1 + q1, g2 + q2, g3 + q3]), np.array([lu, lv])

"""The limits of `../compiler.py`: for each program its adjoint, written by hand for Numba.

Each takes the arguments of its program, then the cotangents of the results if these are arrays,
then arrays of zeros for the gradients of the differentiated arrays. It returns the value (nothing
for arrays) and the derivatives of the differentiated numbers.
"""

import math

import numpy as np
from numba import njit

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
    "particle_primal",
    "polynomial",
    "rk4",
    "taylor_sine",
]

_options = {"error_model": "numpy", "nogil": True}


@njit(**_options)
def taylor_sine(x):
    terms = np.empty(30)
    terms[0] = term = total = x
    last = 1
    for k in range(1, 30):
        term = -term * x * x / ((2 * k) * (2 * k + 1))
        if abs(term) < 1e-17:
            break
        terms[k] = term
        total += term
        last = k + 1
    bar, x_bar = 1.0, 0.0
    for k in range(last - 1, 0, -1):
        scaled = bar / ((2 * k) * (2 * k + 1))
        x_bar -= 2.0 * scaled * terms[k - 1] * x
        bar = 1.0 - scaled * x * x
    return total, x_bar + bar


@njit(**_options)
def newton(m, e):
    kept = np.empty((50, 3))
    x = m
    n = 0
    for k in range(50):
        s, c = math.sin(x), math.cos(x)
        step = (x - e * s - m) / (1.0 - e * c)
        kept[k, 0], kept[k, 1], kept[k, 2] = s, c, step
        x -= step
        n = k + 1
        if abs(step) < 1e-14:
            break
    bar, m_bar, e_bar = 1.0, 0.0, 0.0
    for k in range(n - 1, -1, -1):
        s, c, step = kept[k, 0], kept[k, 1], kept[k, 2]
        above = -bar / (1.0 - e * c)
        below = -above * step
        m_bar -= above
        e_bar -= above * s + below * c
        bar += above * (1.0 - e * c) + below * e * s
    return x, m_bar + bar, e_bar


@njit(**_options)
def insertion_median(values, values_bar):
    x = values.copy()
    n = len(x)
    place = np.arange(n)
    for i in range(1, n):
        key = x[i]
        j = i - 1
        while j >= 0 and x[j] > key:
            x[j + 1] = x[j]
            place[j + 1] = place[j]
            j -= 1
        x[j + 1] = key
        place[j + 1] = i
    values_bar[place[n // 2]] += 1.0
    return x[n // 2]


@njit(**_options)
def lotka_volterra(y, p, g, y_bar, p_bar):
    hare, lynx, g0, g1 = y[0], y[1], g[0], g[1]
    meet = hare * lynx
    to_meet = g1 * p[3] - g0 * p[1]
    y_bar[0] += g0 * p[0] + to_meet * lynx
    y_bar[1] += to_meet * hare - g1 * p[2]
    p_bar[0] += g0 * hare
    p_bar[1] -= g0 * meet
    p_bar[2] -= g1 * lynx
    p_bar[3] += g1 * meet


@njit(**_options)
def brusselator(u, v, a, b, alpha, gu, gv, u_bar, v_bar):
    n = u.shape[0]
    scale = alpha * (n - 1) ** 2
    a_bar = b_bar = scale_bar = 0.0
    for i in range(n):
        up = i - 1 if i > 0 else n - 1
        down = i + 1 if i < n - 1 else 0
        for j in range(n):
            left = j - 1 if j > 0 else n - 1
            right = j + 1 if j < n - 1 else 0
            uu, vv, g, h = u[i, j], v[i, j], gu[i, j], gv[i, j]
            # The Laplacian is symmetric: that of the cotangents is the one that is needed.
            lap_g = gu[up, j] + gu[down, j] + gu[i, left] + gu[i, right] - 4.0 * g
            lap_h = gv[up, j] + gv[down, j] + gv[i, left] + gv[i, right] - 4.0 * h
            u_bar[i, j] += (g - h) * 2.0 * uu * vv - (a + 1.0) * g + a * h + scale * lap_g
            v_bar[i, j] += (g - h) * uu * uu + scale * lap_h
            a_bar += (h - g) * uu
            b_bar += g
            scale_bar += lap_g * uu + lap_h * vv
    return a_bar, b_bar, scale_bar * (n - 1) ** 2


@njit(inline="always", **_options)
def _rates(x, y, p0, p1, p2, p3):
    return p0 * x - p1 * x * y, p3 * x * y - p2 * y


@njit(**_options)
def rk4(start, p, h, steps, start_bar, p_bar):
    xs, ys = np.empty(steps), np.empty(steps)
    p0, p1, p2, p3 = p[0], p[1], p[2], p[3]
    x, y = start[0], start[1]
    half, sixth = 0.5 * h, h / 6.0
    for k in range(steps):
        xs[k], ys[k] = x, y
        ax, ay = _rates(x, y, p0, p1, p2, p3)
        bx, by = _rates(x + half * ax, y + half * ay, p0, p1, p2, p3)
        cx, cy = _rates(x + half * bx, y + half * by, p0, p1, p2, p3)
        dx, dy = _rates(x + h * cx, y + h * cy, p0, p1, p2, p3)
        x += sixth * (ax + 2.0 * bx + 2.0 * cx + dx)
        y += sixth * (ay + 2.0 * by + 2.0 * cy + dy)
    value = x * x + y * y
    gx, gy = 2.0 * x, 2.0 * y
    q0 = q1 = q2 = q3 = 0.0
    for k in range(steps - 1, -1, -1):
        x, y = xs[k], ys[k]
        ax, ay = _rates(x, y, p0, p1, p2, p3)
        bx_, by_ = x + half * ax, y + half * ay
        bx, by = _rates(bx_, by_, p0, p1, p2, p3)
        cx_, cy_ = x + half * bx, y + half * by
        cx, cy = _rates(cx_, cy_, p0, p1, p2, p3)
        dx_, dy_ = x + h * cx, y + h * cy
        # last stage
        gu, gv = sixth * gx, sixth * gy
        m = gv * p3 - gu * p1
        tx, ty = gu * p0 + m * dy_, m * dx_ - gv * p2
        q0, q1, q2, q3 = q0 + gu * dx_, q1 - gu * dx_ * dy_, q2 - gv * dy_, q3 + gv * dx_ * dy_
        sx, sy = gx + tx, gy + ty
        gu, gv = 2.0 * sixth * gx + h * tx, 2.0 * sixth * gy + h * ty
        m = gv * p3 - gu * p1
        tx, ty = gu * p0 + m * cy_, m * cx_ - gv * p2
        q0, q1, q2, q3 = q0 + gu * cx_, q1 - gu * cx_ * cy_, q2 - gv * cy_, q3 + gv * cx_ * cy_
        sx, sy = sx + tx, sy + ty
        gu, gv = 2.0 * sixth * gx + half * tx, 2.0 * sixth * gy + half * ty
        m = gv * p3 - gu * p1
        tx, ty = gu * p0 + m * by_, m * bx_ - gv * p2
        q0, q1, q2, q3 = q0 + gu * bx_, q1 - gu * bx_ * by_, q2 - gv * by_, q3 + gv * bx_ * by_
        sx, sy = sx + tx, sy + ty
        gu, gv = sixth * gx + half * tx, sixth * gy + half * ty
        m = gv * p3 - gu * p1
        q0, q1, q2, q3 = q0 + gu * x, q1 - gu * x * y, q2 - gv * y, q3 + gv * x * y
        gx, gy = sx + gu * p0 + m * y, sy + m * x - gv * p2
    start_bar[0] += gx
    start_bar[1] += gy
    p_bar[0] += q0
    p_bar[1] += q1
    p_bar[2] += q2
    p_bar[3] += q3
    return value


@njit(**_options)
def particle_primal(w):
    """Run the program itself, with the forces written by hand."""
    x, y, vx, vy = 0.0, 8.0, 0.75, 0.0
    h = 0.01
    while y > 0.0:
        dx, near, far = x - 10.0, y - 10.0 + w, y
        a = 1.0 / math.sqrt(dx * dx + near * near) ** 3
        b = 1.0 / math.sqrt(dx * dx + far * far) ** 3
        x, y = x + h * vx, y + h * vy
        vx, vy = vx + h * (a + b) * dx, vy + h * (a * near + b * far)
    x = x - y / vy * vx
    return x * x


@njit(**_options)
def particle(w):
    room, n = 512, 0
    kept = np.empty((room, 2))
    x, y, vx, vy = 0.0, 8.0, 0.75, 0.0
    h = 0.01
    while y > 0.0:
        if n == room:
            room *= 2
            more = np.empty((room, 2))
            more[:n] = kept
            kept = more
        kept[n, 0], kept[n, 1] = x, y
        n += 1
        dx, near, far = x - 10.0, y - 10.0 + w, y
        a = 1.0 / math.sqrt(dx * dx + near * near) ** 3
        b = 1.0 / math.sqrt(dx * dx + far * far) ** 3
        x, y = x + h * vx, y + h * vy
        vx, vy = vx + h * (a + b) * dx, vy + h * (a * near + b * far)
    end = x - y / vy * vx
    bar = 2.0 * end
    gx, gy = bar, -bar * vx / vy
    gvx, gvy = -bar * y / vy, bar * y * vx / (vy * vy)
    w_bar = 0.0
    for k in range(n - 1, -1, -1):
        x, y = kept[k, 0], kept[k, 1]
        dx, near, far = x - 10.0, y - 10.0 + w, y
        r2, q2 = dx * dx + near * near, dx * dx + far * far
        a = 1.0 / math.sqrt(r2) ** 3
        b = 1.0 / math.sqrt(q2) ** 3
        fx, fy = h * gvx, h * gvy
        ka = 3.0 * a / r2 * (fx * dx + fy * near)
        kb = 3.0 * b / q2 * (fx * dx + fy * far)
        to_near, to_far = a * fy - ka * near, b * fy - kb * far
        gvx, gvy = gvx + h * gx, gvy + h * gy
        gx += (a + b) * fx - (ka + kb) * dx
        gy += to_near + to_far
        w_bar += to_near
    return end * end, w_bar


@njit(**_options)
def logsumexp(x, x_bar):
    top = x[0]
    for i in range(len(x)):
        top = max(top, x[i])
    s = 0.0
    for i in range(len(x)):
        e = math.exp(x[i] - top)
        x_bar[i] = e
        s += e
    scale = 1.0 / s
    for i in range(len(x)):
        x_bar[i] *= scale
    return top + math.log(s)


@njit(**_options)
def polynomial(c, x, y, c_bar):
    total = 0.0
    for i in range(len(x)):
        value = 0.0
        for k in range(len(c)):
            value = value * x[i] + c[k]
        residual = value - y[i]
        total += residual * residual
        bar = 2.0 * residual
        for k in range(len(c) - 1, -1, -1):
            c_bar[k] += bar
            bar *= x[i]
    return total


@njit(inline="always", **_options)
def _layer(w, b, x):
    out = np.empty(w.shape[0])
    for i in range(w.shape[0]):
        s = 0.0
        for j in range(w.shape[1]):
            s += w[i, j] * x[j]
        out[i] = s + b[i]
    return out


@njit(inline="always", **_options)
def _layer_back(w, x, g, w_bar, b_bar, x_bar):
    for i in range(w.shape[0]):
        b_bar[i] += g[i]
        for j in range(w.shape[1]):
            w_bar[i, j] += g[i] * x[j]
            x_bar[j] += g[i] * w[i, j]


@njit(**_options)
def network(w1, b1, w2, b2, w3, b3, x, target, w1_bar, b1_bar, w2_bar, b2_bar, w3_bar, b3_bar):
    h1 = _layer(w1, b1, x)
    for i in range(len(h1)):
        h1[i] = math.tanh(h1[i])
    h2 = _layer(w2, b2, h1)
    for i in range(len(h2)):
        h2[i] = math.tanh(h2[i])
    out = _layer(w3, b3, h2)
    value = 0.0
    for i in range(len(out)):
        out[i] -= target[i]
        value += out[i] * out[i]
        out[i] *= 2.0
    g2 = np.zeros(len(h2))
    _layer_back(w3, h2, out, w3_bar, b3_bar, g2)
    for i in range(len(h2)):
        g2[i] *= 1.0 - h2[i] * h2[i]
    g1 = np.zeros(len(h1))
    _layer_back(w2, h1, g2, w2_bar, b2_bar, g1)
    for i in range(w1.shape[0]):
        g = g1[i] * (1.0 - h1[i] * h1[i])
        b1_bar[i] += g
        for j in range(w1.shape[1]):
            w1_bar[i, j] += g * x[j]
    return value


@njit(**_options)
def kmeans(centers, points, centers_bar):
    cost = 0.0
    for i in range(points.shape[0]):
        best, chosen = np.inf, 0
        for k in range(centers.shape[0]):
            distance = 0.0
            for d in range(points.shape[1]):
                distance += (points[i, d] - centers[k, d]) ** 2
            if distance < best:
                best, chosen = distance, k
        cost += best
        for d in range(points.shape[1]):
            centers_bar[chosen, d] += 2.0 * (centers[chosen, d] - points[i, d])
    return cost


@njit(**_options)
def gaussian_mixture(alphas, means, icf, x, gamma, m, alphas_bar, means_bar, icf_bar):
    n, d = x.shape
    k = alphas.shape[0]
    diagonal, diagonal_bar = np.empty((k, d)), np.zeros((k, d))
    sums, sums_bar = np.zeros(k), np.zeros(k)
    for c in range(k):
        for j in range(d):
            diagonal[c, j] = math.exp(icf[c, j])
            sums[c] += icf[c, j]
    terms = np.empty(k)
    centered, q = np.empty((k, d)), np.empty((k, d))
    centered_bar = np.empty(d)
    total = 0.0
    for i in range(n):
        for c in range(k):
            for j in range(d):
                centered[c, j] = x[i, j] - means[c, j]
            square = 0.0
            for r in range(d):
                value = diagonal[c, r] * centered[c, r]
                place = d + r - 1
                for j in range(r):
                    value += icf[c, place] * centered[c, j]
                    place += d - 2 - j
                q[c, r] = value
                square += value * value
            terms[c] = alphas[c] + sums[c] - 0.5 * square
        top = terms[0]
        for c in range(1, k):
            top = max(top, terms[c])
        s = 0.0
        for c in range(k):
            terms[c] = math.exp(terms[c] - top)
            s += terms[c]
        total += top + math.log(s)
        for c in range(k):
            bar = terms[c] / s
            alphas_bar[c] += bar
            sums_bar[c] += bar
            for j in range(d):
                centered_bar[j] = 0.0
            for r in range(d):
                g = -bar * q[c, r]
                diagonal_bar[c, r] += g * centered[c, r]
                centered_bar[r] += g * diagonal[c, r]
                place = d + r - 1
                for j in range(r):
                    icf_bar[c, place] += g * centered[c, j]
                    centered_bar[j] += g * icf[c, place]
                    place += d - 2 - j
            for j in range(d):
                means_bar[c, j] -= centered_bar[j]
    top = np.max(alphas)
    s = 0.0
    for c in range(k):
        s += math.exp(alphas[c] - top)
    total -= n * (top + math.log(s))
    for c in range(k):
        alphas_bar[c] -= n * math.exp(alphas[c] - top) / s
    prior = 0.0
    square = gamma * gamma
    for c in range(k):
        frobenius = 0.0
        for j in range(d):
            frobenius += diagonal[c, j] ** 2
            diagonal_bar[c, j] -= square * diagonal[c, j]
            icf_bar[c, j] += diagonal_bar[c, j] * diagonal[c, j] + sums_bar[c] + m
        for j in range(d, icf.shape[1]):
            frobenius += icf[c, j] ** 2
            icf_bar[c, j] -= square * icf[c, j]
        prior += 0.5 * square * frobenius - m * sums[c]
    return total - prior


@njit(inline="always", **_options)
def _sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


@njit(**_options)
def lstm(weights, extra, state, sequence, weights_bar, extra_bar):
    layers = state.shape[0] // 2
    n, bits = sequence.shape
    hidden, cell = np.empty((n, layers, bits)), np.empty((n, layers, bits))
    gates = np.empty((n - 1, layers, bits, 5))
    outs = np.empty((n - 1, bits))
    norms = np.empty(n - 1)
    for l in range(layers):
        for j in range(bits):
            hidden[0, l, j] = state[2 * l, j]
            cell[0, l, j] = state[2 * l + 1, j]
    total = 0.0
    for t in range(n - 1):
        s = 2.0
        for j in range(bits):
            x = sequence[t, j] * extra[0, j]
            for l in range(layers):
                w, b = weights[2 * l], weights[2 * l + 1]
                h = hidden[t, l, j]
                forget = _sigmoid(x * w[j] + b[j])
                enter = _sigmoid(h * w[bits + j] + b[bits + j])
                leave = _sigmoid(x * w[2 * bits + j] + b[2 * bits + j])
                change = math.tanh(h * w[3 * bits + j] + b[3 * bits + j])
                new = cell[t, l, j] * forget + enter * change
                squashed = math.tanh(new)
                x = leave * squashed
                cell[t + 1, l, j], hidden[t + 1, l, j] = new, x
                kept = gates[t, l, j]
                kept[0], kept[1], kept[2], kept[3], kept[4] = forget, enter, leave, change, squashed
            outs[t, j] = x * extra[1, j] + extra[2, j]
            s += math.exp(outs[t, j])
        norms[t] = math.log(s)
        for j in range(bits):
            total += sequence[t + 1, j] * (outs[t, j] - norms[t])
    scale = -1.0 / ((n - 1) * bits)
    hidden_bar, cell_bar = np.zeros((layers, bits)), np.zeros((layers, bits))
    for t in range(n - 2, -1, -1):
        gold = 0.0
        for j in range(bits):
            gold += sequence[t + 1, j]
        for j in range(bits):
            out_bar = scale * (sequence[t + 1, j] - gold * math.exp(outs[t, j] - norms[t]))
            extra_bar[1, j] += out_bar * hidden[t + 1, layers - 1, j]
            extra_bar[2, j] += out_bar
            x_bar = out_bar * extra[1, j]
            for l in range(layers - 1, -1, -1):
                w, w_bar, b_bar = weights[2 * l], weights_bar[2 * l], weights_bar[2 * l + 1]
                kept = gates[t, l, j]
                forget, enter, leave, change, squashed = (
                    kept[0],
                    kept[1],
                    kept[2],
                    kept[3],
                    kept[4],
                )
                x = hidden[t + 1, l - 1, j] if l > 0 else sequence[t, j] * extra[0, j]
                h = hidden[t, l, j]
                g = hidden_bar[l, j] + x_bar
                c_bar = cell_bar[l, j] + g * leave * (1.0 - squashed * squashed)
                to_leave = g * squashed * leave * (1.0 - leave)
                to_forget = c_bar * cell[t, l, j] * forget * (1.0 - forget)
                to_enter = c_bar * change * enter * (1.0 - enter)
                to_change = c_bar * enter * (1.0 - change * change)
                cell_bar[l, j] = c_bar * forget
                w_bar[j] += to_forget * x
                w_bar[bits + j] += to_enter * h
                w_bar[2 * bits + j] += to_leave * x
                w_bar[3 * bits + j] += to_change * h
                b_bar[j] += to_forget
                b_bar[bits + j] += to_enter
                b_bar[2 * bits + j] += to_leave
                b_bar[3 * bits + j] += to_change
                x_bar = to_forget * w[j] + to_leave * w[2 * bits + j]
                hidden_bar[l, j] = to_enter * w[bits + j] + to_change * w[3 * bits + j]
            extra_bar[0, j] += x_bar * sequence[t, j]
    return total * scale


@njit(**_options)
def bundle(camera, point, weight, feature, g, camera_bar, point_bar):
    r0, r1, r2 = camera[0], camera[1], camera[2]
    x0, x1, x2 = point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]
    angle2 = r0 * r0 + r1 * r1 + r2 * r2
    angle = c = s = w0 = w1 = w2 = dot = product = 0.0
    k0 = k1 = k2 = 0.0
    if angle2 != 0.0:
        angle = math.sqrt(angle2)
        c, s = math.cos(angle), math.sin(angle)
        w0, w1, w2 = r0 / angle, r1 / angle, r2 / angle
        product = w0 * x0 + w1 * x1 + w2 * x2
        dot = product * (1.0 - c)
        k0, k1, k2 = w1 * x2 - w2 * x1, w2 * x0 - w0 * x2, w0 * x1 - w1 * x0
        y0 = x0 * c + k0 * s + w0 * dot
        y1 = x1 * c + k1 * s + w1 * dot
        y2 = x2 * c + k2 * s + w2 * dot
    else:
        y0 = x0 + r1 * x2 - r2 * x1
        y1 = x1 + r2 * x0 - r0 * x2
        y2 = x2 + r0 * x1 - r1 * x0
    u, v = y0 / y2, y1 / y2
    rr = u * u + v * v
    f, k, q = camera[6], camera[9], camera[10]
    distortion = 1.0 + k * rr + q * rr * rr
    fu, fv = f * u, f * v
    weight_bar = g[0] * (distortion * fu + camera[7] - feature[0]) + g[1] * (
        distortion * fv + camera[8] - feature[1]
    )
    gx, gy = weight * g[0], weight * g[1]
    camera_bar[7] += gx
    camera_bar[8] += gy
    camera_bar[6] += distortion * (gx * u + gy * v)
    to_distortion = gx * fu + gy * fv
    camera_bar[9] += to_distortion * rr
    camera_bar[10] += to_distortion * rr * rr
    to_rr = to_distortion * (k + 2.0 * q * rr)
    to_u = gx * f * distortion + 2.0 * u * to_rr
    to_v = gy * f * distortion + 2.0 * v * to_rr
    a0, a1 = to_u / y2, to_v / y2
    a2 = -(a0 * u + a1 * v)
    if angle2 != 0.0:
        to_c = a0 * x0 + a1 * x1 + a2 * x2
        to_s = a0 * k0 + a1 * k1 + a2 * k2
        to_dot = a0 * w0 + a1 * w1 + a2 * w2
        b0, b1, b2 = a0 * s, a1 * s, a2 * s
        to_product = to_dot * (1.0 - c)
        to_c -= to_dot * product
        z0 = a0 * c + to_product * w0
        z1 = a1 * c + to_product * w1
        z2 = a2 * c + to_product * w2
        v0, v1 = a0 * dot + to_product * x0, a1 * dot + to_product * x1
        v2 = a2 * dot + to_product * x2
        # k = w x X
        v0 += b2 * x1 - b1 * x2
        v1 += b0 * x2 - b2 * x0
        v2 += b1 * x0 - b0 * x1
        z0 += b1 * w2 - b2 * w1
        z1 += b2 * w0 - b0 * w2
        z2 += b0 * w1 - b1 * w0
        to_angle = to_s * c - to_c * s - (v0 * w0 + v1 * w1 + v2 * w2) / angle
        camera_bar[0] += v0 / angle + to_angle * w0
        camera_bar[1] += v1 / angle + to_angle * w1
        camera_bar[2] += v2 / angle + to_angle * w2
    else:
        camera_bar[0] += a2 * x1 - a1 * x2
        camera_bar[1] += a0 * x2 - a2 * x0
        camera_bar[2] += a1 * x0 - a0 * x1
        z0 = a0 + a1 * r2 - a2 * r1
        z1 = a1 + a2 * r0 - a0 * r2
        z2 = a2 + a0 * r1 - a1 * r0
    point_bar[0] += z0
    point_bar[1] += z1
    point_bar[2] += z2
    camera_bar[3] -= z0
    camera_bar[4] -= z1
    camera_bar[5] -= z2
    return weight_bar


@njit("float64(float64[:,::1], float64, float64[:,::1])", **_options)
def _determinant(a, seed, a_bar):
    n = a.shape[0]
    if n == 1:
        a_bar[0, 0] += seed
        return a[0, 0]
    total = 0.0
    sign = 1.0
    minor, minor_bar = np.empty((n - 1, n - 1)), np.empty((n - 1, n - 1))
    for j in range(n):
        for r in range(1, n):
            for c in range(n - 1):
                minor[r - 1, c] = a[r, c] if c < j else a[r, c + 1]
                minor_bar[r - 1, c] = 0.0
        found = _determinant(minor, seed * sign * a[0, j], minor_bar)
        total += sign * a[0, j] * found
        a_bar[0, j] += seed * sign * found
        for r in range(1, n):
            for c in range(n - 1):
                a_bar[r, c if c < j else c + 1] += minor_bar[r - 1, c]
        sign = -sign
    return total


@njit(**_options)
def determinant(a, a_bar):
    return _determinant(a, 1.0, a_bar)

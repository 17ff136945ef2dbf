"""A corpus of programs: each in the interpreter, compiled, differentiated forwards and backwards.

The derivatives are compared with those of the eager engine, which shares no code with the compiler
but the table of partials, and with each other by the dot-product test.
"""

import ctypes
import math

import numpy as np
import pytest

from sciad.compiler import native
from sciad.core.transforms import jvp, vjp

PARAMETERS = {
    "a": 1.3,
    "b": 0.7,
    "c": [0.2, 1.1],
    "m": np.array([[1.0, 2.0], [3.0, 0.5]]),
    "n": 3,
    "mode": "x",
}
STATE = np.array([0.45, 0.83])
TIME = 0.37


def straight_line(t, y, p):
    return [math.sin(y[0]) * p["a"] + t**2, np.exp(-p["b"] * y[1]) / (1 + y[0] ** 2)]


def sum_of_cubes(t, y, p):
    s = 0.0
    for i in range(len(y)):
        s += y[i] ** 3
    return [s, t]


def scalar_recurrence(t, y, p):
    s = 0
    x = y[0]
    for _ in range(50):
        x = x * 0.9 + p["a"] * math.sin(x) * 0.1
        s += x * y[1]
    return [s, x]


def branches(t, y, p):
    if y[0] > 0.5:
        z = y[0] * p["a"]
    elif y[1] > 0:
        z = y[1] ** 2
    else:
        z = t
    return np.array([z, z * y[1] if y[0] < 1 else 0.0])


def computed_index(t, y, p):
    dy = np.zeros_like(y)
    for i in range(40):
        k = i % 2
        dy[k] += y[k] * p["c"][0] * i
        if dy[k] > 3:
            dy[k] = dy[k] * 0.5
    return dy


def while_with_break(t, y, p):
    x, n = y[0], 0
    while abs(x) < 10 and n < 100:
        x = x * 1.5 + p["b"]
        n += 1
        if x > 5:
            break
    return [x, n * 1.0]


def piecewise(x, k=2.0):
    if x > 0.5:
        return x * k
    return -x


def helper_calls(t, y, p):
    return [piecewise(y[0]), piecewise(y[1], p["a"]), piecewise(k=t, x=y[1])]


def continue_and_break(t, y, p):
    a, b = y
    for _ in range(3):
        for j in range(60):
            if j == 2:
                continue
            if a > 100:
                break
            a, b = b + 0.01 * a, a * p["a"] * 0.5
    return (a, b)


def matrix_vector(t, y, p):
    return p["m"] @ y * p["a"] + y


def array_recurrence(t, y, p):
    v = np.empty(100)
    for i in range(100):
        v[i] = y[i % 2] * i
    for i in range(1, 99):
        v[i] = v[i - 1] * 0.3 + v[i + 1] * p["b"]
    return [np.sum(v * v) * 1e-3, v[-1], v[3:10:2].sum()]


def rebound_array(t, y, p):
    for _ in range(60):
        y = y + 0.01 * np.array([y[1], -y[0] * p["a"]])
    return y


def return_from_loop(t, y, p):
    for k in range(1000):
        if y[0] * k > 7.3:
            return [k * y[1], y[0]]
    return [y[0], y[1]]


def return_after_loop(t, y, p):
    for k in range(5):
        if y[0] * k > 7.3:
            return [k * y[1], y[0]]
    return [y[0] * p["a"], y[1]]


def extremes_and_remainders(t, y, p):
    low = max(y[0], y[1]) * min(t, p["a"])
    return [low, abs(y[0] - y[1]), np.maximum(y[0], 0.5), y[0] % 0.3, y[1] // 0.4 * y[0]]


def steps_of_loops(t, y, p):
    s = 0.0
    for i in range(70, -1, -3):
        s = s * 0.5 + y[0] * i
    for _ in range(5, 5):
        s = s * 1e5
    for _ in range(int(t * 10) - 9):
        s = s * 7
    for k in range(p["n"], 40, int(t * 10) + 1):
        s = s + k * y[1]
    return [s]


def list_of_results(t, y, p):
    out = [0.0] * 2
    for i in range(2):
        out[i] = y[1 - i] * p["c"][i]
    return out


def comprehension_and_powers(t, y, p):
    w = [y[i] ** (i + 1) * x for i, x in enumerate(p["c"])]
    powers = [2 ** p["n"] * y[0], y[0] ** 0.5, y[0] ** p["a"], p["a"] ** y[0], y[1] ** -2]
    return [sum(w), w[-1], y[-1], *powers]


def double_buffer(t, y, p):
    a, b = np.zeros(50), np.zeros(50)
    a[0], a[49] = y
    for _ in range(5):
        for i in range(1, 49):
            b[i] = a[i] + 0.1 * (a[i - 1] - 2 * a[i] + a[i + 1]) + p["a"] * 0.01 * a[i] ** 2
        for i in range(1, 49):
            a[i] = b[i]
    return [a.sum(), a[1], np.dot(a, b), np.mean(a)]


def inner_functions(t, y, p):
    q = lambda x: x * p["a"] + y[0]

    def g(u):
        return q(u) * t

    return [q(1.0), g(y[1])]


def in_place(t, y, p):
    z = y * 2 - p["c"][0]
    z[0] += t
    z *= y
    z[:] = z[::-1]
    return z


def matrices(t, y, p):
    m = np.zeros((6, 7))
    for i in range(6):
        for j in range(7):
            m[i, j] = y[0] * i + math.cos(y[1] * j)
    r, c = m[2], m[:, 3]
    r[1] = t
    m[1:3, 2:4] *= 2.0
    return [r.sum(), (c * c).sum(), m.T[2, 1], (m @ m.T)[1, 2]]


def counter_and_branch(t, y, p):
    s, j = 0.0, 0
    for i in range(100):
        j = j + 1
        if j > 3:
            j = 0
            s = s + y[0] * i
        else:
            s = s * 0.99 + math.exp(-s * 0.001) * p["b"]
    return [s, j * y[1]]


def constants_decide(t, y, p):
    first = y[0] if p["mode"] == "x" and not p["n"] > 5 else y[1]
    far = [math.hypot(y[0], y[1]), np.arctan2(y[1], y[0]), math.log(y[0], 2)]
    return [first, *far, np.where(y > 0.5, y, y * y)[1], np.sqrt(y).sum()]


def nested_while(t, y, p):
    best = y[0]
    for i in range(1, 2):
        if y[i] > best:
            best = y[i]
    acc = np.zeros(40)
    for i in range(40):
        x = y[0] * i
        while x > 1:
            x = x * 0.5
        acc[i] = x * x
    return [best, acc.sum()]


RATE = 0.77
TABLE = np.linspace(1, 2, 5)


def globals_are_inputs(t, y, p):
    return [-p["a"] * y[0] * RATE + TABLE[2] * y[1], TABLE @ TABLE * y[0], TABLE[int(t * 10)] * t]


def index_after_loop(t, y, p):
    i = 7
    s = 0.0
    for i in range(p["n"] - int(10 * t)):
        s += y[1] * i
    s = s + i
    for i in range(40):
        s += y[0] * i
    return [s * i, y[1] * i]


def swap_through_copy(t, y, p):
    x = y.copy()
    for k in range(33):
        old = x.copy()
        x[0] = old[1]
        x[1] = old[0] * p["a"] + k * 0.01
        x /= np.sqrt(x @ x)
    return x


def aliases(t, y, p):
    a = np.zeros(34)
    b, c = a, a[1:]
    a[0] = y[0]
    for i in range(33):
        c[i] = b[i] * 0.9 + y[1]
    b[5] = t * y[0]
    return [a.sum(), c[4]]


def shadowed_names(t, y, p):
    sum = y[0]
    for abs in range(3):
        sum = sum * (abs + y[1])
    t = sum + t
    return [sum, t]


def chained_conditions(t, y, p):
    inside = 0.2 < y[0] <= y[1] < 1 and (t > 5 or y[0] > 0)
    k = y[0] or 3.0
    return [y[0] * y[1] if inside else 0.0, k and y[1]]


def mixed_int_and_float(t, y, p):
    s, k = 0, 1
    for i in range(1, 20):
        s = s + i // 2 - (-i) // 3 + i % 4
        if i > 10:
            k = k * y[0]
    return [s * y[0], k, (-7 // 2) * y[1], (-7 % 3) * y[1]]


PROGRAMS = [
    f
    for f in list(globals().values())
    if callable(f) and getattr(f, "__module__", None) == __name__ and f is not piecewise
]


@pytest.fixture(scope="module")
def results(interpreted):
    """Emitted programs of the corpus, lowered once."""
    made = {}

    def of(program):
        if program not in made:
            reference = np.asarray(program(TIME, STATE.copy(), PARAMETERS), float)
            made[program] = (interpreted(program, 2, reference.size, (PARAMETERS,)), reference)
        return made[program]

    return of


by_name = pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)


@by_name
def test_value_is_that_of_python(program, results):
    run, reference = results(program)
    status, out = run.value(TIME, STATE)
    assert status == 0
    np.testing.assert_allclose(out, reference, rtol=1e-13, atol=1e-14)


def _directions(run):
    rng = np.random.default_rng(7)
    return rng.standard_normal(), rng.standard_normal(2), rng.standard_normal(len(run.p))


def _as_vector(program):
    return lambda t, y, p: np.stack(list(program(t, y, p)))


def _tree(flat):
    c, m = list(flat[2:4]), flat[4:8].reshape(2, 2)
    return {"a": float(flat[0]), "b": float(flat[1]), "c": c, "m": m, "n": 3, "mode": "x"}


@by_name
def test_jvp_is_that_of_the_eager_engine(program, results):
    run, reference = results(program)
    tdot, ydot, pdot = _directions(run)
    pdot[8:] = 0.0  # captured globals are inputs of the compiled function only
    status, out, outdot = run.jvp(TIME, STATE, tdot, ydot, pdot)
    assert status == 0
    np.testing.assert_allclose(out, reference, rtol=1e-13, atol=1e-14)
    tangents = (tdot, ydot, {**_tree(pdot), "n": None, "mode": None})
    _, expected = jvp(_as_vector(program), (TIME, STATE, PARAMETERS), tangents)
    np.testing.assert_allclose(outdot, expected, rtol=1e-11, atol=1e-12)


@by_name
def test_vjp_is_that_of_the_eager_engine(program, results):
    run, reference = results(program)
    outbar = np.random.default_rng(3).standard_normal(reference.size)
    status, tbar, ybar, pbar = run.vjp(TIME, STATE, outbar)
    assert status == 0
    _, pullback = vjp(_as_vector(program), TIME, STATE, PARAMETERS)
    t, y, p = pullback(outbar)
    np.testing.assert_allclose(tbar[0], t, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(ybar, y, rtol=1e-11, atol=1e-12)
    expected = np.concatenate([np.ravel(p[k]) for k in ("a", "b", "c", "m")])
    np.testing.assert_allclose(pbar[:8], expected, rtol=1e-11, atol=1e-12)


@by_name
def test_jvp_and_vjp_are_transposed(program, results):
    run, reference = results(program)
    tdot, ydot, pdot = _directions(run)
    outbar = np.random.default_rng(5).standard_normal(reference.size)
    _, _, outdot = run.jvp(TIME, STATE, tdot, ydot, pdot)
    _, tbar, ybar, pbar = run.vjp(TIME, STATE, outbar)
    forward = outbar @ outdot
    backward = tbar[0] * tdot + ybar @ ydot + pbar @ pdot
    assert forward == pytest.approx(backward, rel=1e-12, abs=1e-12)


COMPILED = [
    straight_line,
    computed_index,
    while_with_break,
    helper_calls,
    double_buffer,
    aliases,
    extremes_and_remainders,
    mixed_int_and_float,
    comprehension_and_powers,
    constants_decide,
    return_from_loop,
    rebound_array,
    globals_are_inputs,
]


@pytest.mark.parametrize("program", COMPILED, ids=lambda f: f.__name__)
def test_machine_code_does_what_the_interpreter_does(program, results):
    run, reference = results(program)
    made = native(program, 2, reference.size, (PARAMETERS,))
    pointer = ctypes.POINTER(ctypes.c_double)
    at = lambda array: array.ctypes.data_as(pointer)
    value = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_double, *[pointer] * 3)(made.value)
    out = np.full(reference.size, np.nan)
    assert value(TIME, at(STATE), at(run.p), at(out)) == 0
    np.testing.assert_allclose(out, reference, rtol=1e-13, atol=1e-14)
    pull = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_double, *[pointer] * 6)(made.vjp)
    outbar = np.random.default_rng(5).standard_normal(reference.size)
    tbar, ybar, pbar = np.zeros(1), np.zeros(2), np.zeros(len(run.p))
    assert pull(TIME, *map(at, (STATE, run.p, outbar, tbar, ybar, pbar))) == 0
    _, *expected = run.vjp(TIME, STATE, outbar)
    for bar, known in zip((tbar, ybar, pbar), expected, strict=True):
        np.testing.assert_allclose(bar, known, rtol=1e-12, atol=1e-13)

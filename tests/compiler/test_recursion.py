"""Functions that call themselves: values and derivatives of every order, against the eager engine.

The emitted programs run in the interpreter, on memory that refuses indices outside of it and a tape
that has to be used up; machine code is in `test_recursion_compiled`.
"""

import math

import numpy as np
import pytest

from sciad.core.transforms import grad, hvp, jvp

X = np.array([0.3, 1.2, -0.4, 0.9, 0.5, 1.7])
A = np.array([[1.0, 2.0, 0.5], [0.3, 1.5, -2.0], [0.2, 0.4, 3.0]])
TABLE = np.array([0.3, -0.2, 0.9, 1.4])
SCALE = 0.7
PROGRAMS = []


def program(*args):
    def register(function):
        PROGRAMS.append(pytest.param(function, args, id=function.__name__))
        return function

    return register


# -- scalars -------------------------------------------------------------------------------------
@program(1.3, 11)
def power(x, n):
    if n == 0:
        return 1.0
    if n % 2 == 0:
        half = power(x, n // 2)
        return half * half
    return x * power(x, n - 1)


@program(1.3)
def literal_power(x):
    return power(x, 6) + power(x * 0.5, 3)


@program(0.7, 8)
def fibonacci(x, n):
    return x if n < 2 else fibonacci(x, n - 1) * math.sin(x) + fibonacci(x, n - 2)


@program(0.6, 1, 9)
def continued_fraction(x, k, n):
    return 1.0 if k == n else k + x * x / continued_fraction(x, k + 1, n)


def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


@program(0.6)
def with_ackermann(x):
    return x * x * ackermann(2, 3)


@program(0.8, 4)
def branching(x, n):
    s = 0
    for k in range(n):
        s += x * branching(x * 0.9, k)
    return s + x * 1


def number(x, n):
    return 0 if n == 0 else x + number(x, n - 1)


@program(0.3, 5)
def integers_and_floats(x, n):
    return number(2, n) * x + number(x * x, n)


@program(0.8, 1.1, 5)
def arguments_change_places(v, w, n):
    if n == 0:
        return v * w * w
    return arguments_change_places(w, math.sin(v), n - 1) + v


@program(0.4, 6)
def both_choices_call(x, n):
    if n == 0:
        return x
    r = both_choices_call(x, n - 1) if x > 0.0 else both_choices_call(x * 2.0, n - 1)
    return r * x if n % 2 == 0 or r > both_choices_call(0.1, 0) else r


@program(0.4, 6)
def branches_on_floats(x, n):
    if n == 0:
        return abs(x)
    r = branches_on_floats(x - 0.1, n - 1)
    return r if r > x * 0.5 else x * r


def in_loops(x, n):
    s, k = x, 0
    while s < 10.0:
        s = s * 1.5 + (in_loops(x * 0.5, n - 1) if n > 0 else 0.3)
        k += 1
        if k > 4:
            break
    for j in range(n):
        if j == 2:
            return s * x
        s += math.sin(in_loops(x, n - 1 - j)) * j
    return s


@program(0.4, 3)
def loops_inside(x, n):
    return in_loops(x, n) * x


@program(0.8, 5)
def called_in_a_loop(x, n):
    s = 0.0
    for k in range(n):
        s += power(x, k) * fibonacci(x, k)
    return s


# -- several functions ---------------------------------------------------------------------------
@program(0.6, 7)
def even(x, n):
    return x if n == 0 else odd(x * math.cos(x), n - 1)


def odd(x, n):
    return x * x if n == 0 else even(x + math.sin(x), n - 1)


@program(0.6, 5)
def female(x, n):  # D. Hofstadter's sequences
    return x if n == 0 else n * x - male(female(x, n - 1) * 0.5, n - 1)


def male(x, n):
    return x * x if n == 0 else math.sin(x) - female(male(x, n - 1) * 0.3, n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def is_even(n):
    return True if n == 0 else is_odd(n - 1)


@program(0.4, 7)
def parity(x, n):
    return x * x if is_even(n) else math.sin(x)


@program(0.4, X, 4)
def first(x, a, n):
    if n == 0:
        return x * a[0]
    return second(n - 1, x * x, x) + third(a, n - 1, True) * first(x, a, n - 1)


def second(n, u, v):
    if n <= 0:
        return u * v
    return first(u, TABLE, n - 1) * second(n - 1, v, u)


def third(a, n, flag):
    if n == 0:
        return a[1] if flag else a[2]
    return third(a[1:], n - 1, not flag) * second(n, a[0], 0.5) if len(a) > 3 else a[0]


def number_and_test(a, x, n):
    if n <= 0:
        return x * a[0], n % 2 == 0
    k, f = count_and_number(a, n - 1, x)
    u, test = number_and_test(a, x * 0.9, n - 2)
    a[1] = a[1] + u * k
    return (u * f if test else u + f), not test


def count_and_number(a, n, x):
    if n <= 0:
        return 1, a[1] * x
    u, test = number_and_test(a, x, n - 1)
    m = count(n, test)
    return m + (2 if test else 1), u * m


def count(n, flag):
    if n <= 0:
        return 3 if flag else 4
    return count_and_number(np.zeros(40), n - 1, 0.5)[0] + count(n - 1, not flag)


@program(X, 4)
def several_kinds_of_results(x, n):
    a = x * 0.1
    u, test = number_and_test(a, x[0], n)
    k, f = count_and_number(a, n, x[1])
    return u * k * 0.01 + f + a[1] * count(2, test)


# -- functions inside functions ------------------------------------------------------------------
@program(0.8, 1.1, 4)
def closure(x, y, n):
    c = x * y

    def go(k, z):
        return z * c if k == 0 else math.sin(go(k - 1, z * y)) + c

    before = go(n, x)
    c = c * 2.0
    return before * go(n, y)


@program(0.4, 2)
def closure_that_calls_its_owner(x, n):
    def inner(y, m):
        if m == 0:
            return y * x
        more = closure_that_calls_its_owner(y, n - 1) if n > 0 else 1.0
        return inner(y * x, m - 1) + more

    return inner(x, 2)


def simpson(f, a, b, depth):
    m = 0.5 * (a + b)
    if depth == 0:
        return (b - a) / 6.0 * (f(a) + 4.0 * f(m) + f(b))
    return simpson(f, a, m, depth - 1) + simpson(f, m, b, depth - 1)


@program(0.8, 1.1)
def quadrature(p, b):
    first_part = simpson(lambda t: math.exp(-p * t * t), 0.0, b, 3)
    return first_part * simpson(lambda t: math.sin(p * t), 0.0, b, 2)


def iterated(f, x, n):
    return f(x) if n == 0 else iterated(f, f(x), n - 1)


@program(0.4, 3)
def functions_of_functions(x, n):
    return iterated(lambda u: iterated(lambda v: math.sin(v) * x, u, 2), x, n)


@program(X)
def closure_writes_to_memory(x):
    total = np.zeros(len(x))

    def visit(k, w):
        if k == len(x):
            return
        total[k] += w * x[k]
        visit(k + 1, w * x[k])
        total[0] = total[0] * 1.1

    visit(0, 2.0)
    return np.sum(total * total)


@program(0.4)
def closure_writes_to_a_list(x):
    state = [0.0, 0.0]

    def visit(k, w):
        if k == 4:
            return
        state[0] += w * x
        state[1] = state[0] * w
        visit(k + 1, w * x)

    visit(0, 2.0)
    return state[0] * state[1]


# -- structures ----------------------------------------------------------------------------------
def several(x, a, n):
    if n == 0:
        return x, (a[0], {"q": x * a[1]}), np.array([x, 1.0, a[2]])
    u, (v, d), w = several(x * 0.9, a, n - 1)
    return u * v, (w[1] * u, {"q": d["q"] * w[0]}), w * u + v


@program(0.4, X, 3)
def several_results(x, a, n):
    u, (v, d), w = several(x, a, n)
    return u * v + d["q"] * w[0] + w[1] * w[2]


def pair(x, n):
    if n == 0:
        return x, 1.0
    a, b = pair(x, n - 1)
    return a * b + 0.1, b * x


@program(0.8, 4)
def pairs_in_a_loop(x, n):
    u, v = x, 0.5
    for k in range(n):
        u, v = pair(u * v, k)
    return u * v


def structured(p, z, mode=None, n=3):
    if n == 0:
        return z if mode is None else z * 2.0
    return structured(p, math.tanh(p["a"] * z + p["c"][0]) + p["w"][1], mode=mode, n=n - 1)


@program(0.4, 1.1)
def structures(a, z):
    p = {"a": a, "c": (0.2 * a, 1.0), "w": [1.0, a]}
    return structured(p, z) + structured(p, z, mode="double", n=2)


def product(*xs):
    return xs[0] if len(xs) == 1 else math.sin(xs[0]) * product(*xs[1:])


@program(0.4, 1.1, 0.3)
def any_number_of_arguments(a, b, c):
    return product(a, b, c, a * b)


def network(weights, z):
    if len(weights) == 0:
        return np.sum(z)
    return network(weights[1:], np.tanh(weights[0] @ z))


@program(A, X[:3])
def layers(w, z):
    return network((w, w * 0.5, w), z)


@program(0.8, 5)
def small_arrays(x, n):
    def turn(v, k):
        return v if k == 0 else turn(np.array([v[1] * x, math.sin(v[0])]), k - 1)

    v = turn(np.array([x, 2.0 * x]), n)
    return v[0] * v[1]


@program(0.4)
def small_array_is_written(x):
    v = np.array([x, 2.0 * x, 1.0])

    def visit(u, k):
        if k > 0:
            u[0] = u[0] * u[1]
            u[1] += u[2]
            visit(u, k - 1)

    visit(v, 3)
    return v[0] * v[1]


@program(0.4, 6)
def lists(x, n):
    def turn(v, k):
        return v[0] * v[2] if k == 0 else turn([v[1], v[2], v[0] * v[1]], k - 1)

    return turn([x, 2.0 * x, 1.0], n)


@program(0.4, 5)
def computed_index(x, n):
    def pick(v, k, m):
        return v[k] if m == 0 else pick(v, (k + 1) % 3, m - 1) * v[k]

    return pick(np.array([x, 2.0 * x, math.sin(x)]), 0, n)


def complex_power(z, n):
    return 1.0 if n == 0 else z * complex_power(z, n - 1)


@program(0.7, 1.2, 5)
def complex_numbers(x, y, n):
    z = complex_power(x + 1j * y, n)
    return z.real * z.imag + abs(complex_power(x * 1j, 2))


def horner(c, x, k):
    return c[k] if k == len(c) - 1 else c[k] + x * horner(c, x, k + 1)


@program(0.4, 0.3)
def literal_indices(x, y):
    return horner((x, y, x * y, 2.0), x, 0) * power(x, 25)


def from_globals(x, k):
    if k == len(TABLE):
        return x * SCALE
    return from_globals(x * TABLE[k], k + 1) * SCALE


@program(0.4)
def captured_numbers(x):
    return from_globals(x, 0) * SCALE


# -- arrays --------------------------------------------------------------------------------------
@program(X)
def halves(x):
    n = len(x)
    if n == 1:
        return math.exp(x[0]) * x[0]
    return halves(x[: n // 2]) * math.sin(halves(x[n // 2 :]))


@program(X, 0.5)
def head_and_tail(x, s):
    return s if len(x) == 0 else head_and_tail(x[1:], s * 0.5 + x[0] * x[0])


def minors(a, row, columns):
    n = len(columns)
    if n == 1:
        return a[row, int(columns[0])]
    total, sign = 0.0, 1.0
    for k in range(n):
        rest = np.zeros(n - 1)
        for j in range(n - 1):
            rest[j] = columns[j] if j < k else columns[j + 1]
        total += sign * a[row, int(columns[k])] * minors(a, row + 1, rest)
        sign = -sign
    return total


@program(A)
def determinant(a):
    columns = np.zeros(a.shape[0])
    for k in range(a.shape[0]):
        columns[k] = k
    return minors(a, 0, columns)


def eliminated(a, n):
    if n == 1:
        return a[0, 0]
    b = np.zeros((n - 1, n - 1))
    for i in range(n - 1):
        for j in range(n - 1):
            b[i, j] = a[i + 1, j + 1] - a[i + 1, 0] * a[0, j + 1] / a[0, 0]
    found = a[0, 0] * eliminated(b, n - 1)
    b[0, 0] = 100.0
    return found


@program(A)
def determinant_by_elimination(a):
    return eliminated(a, a.shape[0])


@program(X, 3, 1)
def tree(x, depth, k):
    if depth == 0:
        return math.sin(k * x[k % len(x)])
    left, right = tree(x, depth - 1, 2 * k), tree(x, depth - 1, 2 * k + 1)
    return left * right + 0.3 * left


@program(X, 3)
def whole_arrays(x, n):
    return np.sum(x * x) if n == 0 else whole_arrays(x * 2.0 + np.sin(x), n - 1)


def rewrite(a, k):
    if k == len(a):
        return 0.0
    v = a[k] * a[k]
    a[k] = math.sin(v) + 0.5 * (a[k - 1] if k else 1.0)
    r = rewrite(a, k + 1) * a[k]
    a[k] = 3.0 * r
    return r + v * a[k]


@program(X, 3)
def written_arrays_in_loops(x, n):
    s = 0.0
    for k in range(n):
        a = x * (1.0 + k)
        s += rewrite(a, k) + a[k] * a[2]
        b = np.zeros(len(x))
        b[k] = s
        s += rewrite(b, 3)
    return s


def bump(a, n):
    if n > 0:
        a[0] = a[0] * 1.1 + 0.2 * a[n]
        bump(a, n - 1)


@program(X, 3)
def elements_read_before_and_after(x, n):
    a = x.copy()
    s = 0.0
    for k in range(n):
        v = a[0]
        s += v * v * s + v * math.sin(v)
        bump(a, 2)
        s += v * v * a[0]
        if x[0] > 0.0:
            bump(a, 1)
        s = s * a[0]
        w = a[0]
        for _ in range(k):
            s += a[0] * w
            bump(a, 1)
    return s


@program(X, 0.7)
def exponents(a, x):
    return x ** halves(a) + halves(a) ** 2


def crossed(a, b, n):
    if n == 0:
        return
    for k in range(len(a)):
        a[k] = a[k] * b[k]
    crossed(b, a, n - 1)


@program(X)
def views_of_one_array(x):
    a = x.copy()
    crossed(a[:3], a[3:], 3)
    return a[0] * a[3] + a[1] * a[5] + np.sum(a * a)


def overlapping(a, n):
    if n == 0:
        return
    a[0] = a[0] * a[1]
    overlapping(a[1:], n - 1)
    a[1] = a[1] + a[0]


@program(X)
def overlapping_views(x):
    a = x.copy()
    overlapping(a, 4)
    return np.sum(a * a * a)


def sort(a, lo, hi):
    if lo >= hi:
        return
    i = lo
    for j in range(lo, hi):
        if a[j] < a[hi]:
            a[i], a[j] = a[j], a[i]
            i += 1
    a[i], a[hi] = a[hi], a[i]
    sort(a, lo, i - 1)
    sort(a, i + 1, hi)


@program(X)
def quicksort(x):
    a = x.copy()
    sort(a, 0, len(a) - 1)
    return a[len(a) // 2] * a[0] + a[len(a) - 1]


def move(n, a, b, c, cost):
    if n == 0:
        return
    move(n - 1, a, c, b, cost)
    c[0] += a[0] * n
    cost[0] = cost[0] * 1.01 + c[0]
    move(n - 1, b, a, c, cost)


@program(0.4)
def buffers_change_places(x):
    a, b, c, cost = np.zeros(40), np.zeros(40), np.zeros(40), np.zeros(40)
    a[0], b[0], c[0] = x, x * x, 1.0
    move(4, a, b, c, cost)
    return cost[0] * c[0]


# -- checks --------------------------------------------------------------------------------------
def flat(*trees):
    parts = [p for tree in trees for p in (tree if isinstance(tree, tuple) else (tree,))]
    return np.concatenate([np.ravel(p) for p in parts])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("function", "args"), PROGRAMS)
def test_value_and_derivatives(function, args, jit_interpreted):
    made = jit_interpreted(function)
    moving = [k for k, a in enumerate(args) if not isinstance(a, int)]
    rng = np.random.default_rng(7)
    x = tuple(args[k] for k in moving)
    v, w = (tuple(np.float64(1) * rng.normal(size=np.shape(a)) for a in x) for _ in range(2))

    def fixed(fun):
        values = list(args)

        def call(*point):
            for k, a in zip(moving, point, strict=True):
                values[k] = a
            return fun(*values)

        return call

    close(made(*args), function(*args))
    numbers = tuple(range(len(x)))
    compiled, eager = fixed(made), fixed(function)
    gradient = grad(compiled, numbers)(*x)
    close(flat(gradient), flat(grad(eager, numbers)(*x)))
    _, slope = jvp(compiled, x, v)
    close(slope, jvp(eager, x, v)[1])
    close(slope, flat(gradient) @ flat(v))
    curvature = hvp(compiled, x, v, argnums=numbers)
    close(flat(curvature), flat(hvp(eager, x, v, argnums=numbers)))
    close(flat(curvature) @ flat(w), flat(hvp(compiled, x, w, argnums=numbers)) @ flat(v))


@pytest.mark.parametrize(
    "function", [head_and_tail, buffers_change_places, arguments_change_places]
)
def test_tangent_of_tangent(function, jit_interpreted):
    args = next(p.values[1] for p in PROGRAMS if p.values[0] is function)
    x, v = args[0], np.cos(np.arange(np.size(args[0])) + 1.0).reshape(np.shape(args[0]))
    found = []
    for fun in (jit_interpreted(function), function):
        one = lambda x, fun=fun: fun(x, *args[1:])
        slope = lambda x, one=one: jvp(one, (x,), (v,))[1]
        found.append(flat(jvp(slope, (x,), (0.5 * v,))[1], grad(slope)(x)))
    close(*found)


def unused_sum(x, w, n):
    total = 0.5
    for i in range(len(x)):
        total += math.sin(w * x[i]) * total
    used = total if x[0] > 0.11 else x[0]
    if n > 0:
        used += unused_sum(x, w * 0.7, n - 1) * w
    return used


@pytest.mark.parametrize("first", [0.4, -0.4])
def test_the_tape_of_a_loop_whose_result_is_not_used(first, jit_interpreted):
    x = np.array([first, 0.3, -0.8])
    found = grad(jit_interpreted(unused_sum), (0, 1))(x, 0.9, 2)
    expected = grad(unused_sum, (0, 1))(x, 0.9, 2)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)

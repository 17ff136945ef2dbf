"""Derivatives inside compiled functions, and derivatives of those, against the eager engine."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit

import sciad
from sciad.compiler import jit
from sciad.core.errors import CompileError

ARRAY = np.array([0.3, 1.1])
LONG = np.linspace(0.2, 1.0, 5)


def potential(q):
    return 0.5 * q[0] ** 2 + 0.3 * q[1] ** 4 + q[0] * q[1] * math.sin(q[0])


force = sciad.grad(potential)
both = sciad.value_and_grad(potential)
slope_of_cube = sciad.grad(sciad.checkpoint(lambda x: x**3))
curvature = sciad.hessian(potential)


@njit
def dispatched(x, a=2.0):
    return a * x * math.exp(-x)


@jit
def jitted(x, a):
    return a * math.sin(x * a)


@jit
def jitted_potential(q):
    return q[0] ** 2 * q[1] + math.sin(q[1])


slopes, bends = sciad.grad(jitted_potential), sciad.hessian(jitted_potential)
turns = sciad.jacobian(slopes)


@dataclass
class Body:
    mass: float
    place: np.ndarray


class Pair(NamedTuple):
    a: float
    b: float


# -- programs ------------------------------------------------------------------------------------
def newton(a):
    f = lambda x: x**3 - a * x - math.cos(x * a)
    x = 1.5
    while abs(f(x)) > 1e-14:
        x = x - f(x) / sciad.grad(f)(x)
    return x


def newton_with_a_loop_inside(a, n):
    def f(x):
        s = 0.0
        for k in range(n):
            s = s + a * x**k / (k + 1.0)
        return s - 2.0

    x = 1.0
    for _ in range(5):
        value, slope = sciad.value_and_grad(f)(x)
        x = x - value / slope
    return x


def newton_in_several_dimensions(a):
    def energy(q):
        return (q[0] - a) ** 2 + q[0] ** 2 * q[1] ** 2 + math.exp(q[1] * a) + q[1] ** 2

    q = np.array([0.4, -0.2])
    for _ in range(4):
        g = sciad.grad(energy)(q)
        h = sciad.hessian(energy)(q)
        det = h[0, 0] * h[1, 1] - h[0, 1] * h[1, 0]
        q = q - np.array(
            [(h[1, 1] * g[0] - h[0, 1] * g[1]) / det, (h[0, 0] * g[1] - h[1, 0] * g[0]) / det]
        )
    return q[0] * q[1]


def charged_particle(q0, steps):
    q, p = np.array([q0[0], q0[1]]), np.zeros(2)
    for _ in range(steps):
        p -= 0.05 * sciad.grad(potential)(q)
        q += 0.05 * p
    return q[0] * q[1] + p[0]


def force_made_outside(q0, steps):
    q, p = np.array([q0[0], q0[1]]), np.zeros(2)
    energy = 0.0
    for _ in range(steps):
        value, g = both(q)
        p -= 0.05 * (force(q) + g)
        q += 0.05 * p
        energy += value * slope_of_cube(q[0])
    return energy + p[1]


def matrices_made_outside(x):
    q = np.array([x, 2.0 * x])
    return slopes(q)[0] * curvature(q)[0, 1] + bends(q)[1, 1] * turns(q)[0, 1] + both(q)[0]


def hamiltonian_dynamics(z0, w):
    def hamiltonian(q, p):
        return 0.5 * p * p + w * math.cos(q) + 0.1 * q * p

    q, p = z0[0], z0[1]
    for _ in range(20):
        dq, dp = sciad.grad(hamiltonian, argnums=(0, 1))(q, p)
        q, p = q + 0.1 * dp, p - 0.1 * dq
    return q * p


def lagrangian_dynamics(q0, m):
    def lagrangian(q, v):
        return 0.5 * m * v * v * (1.0 + q * q) - q**4

    q, v = q0, 0.3
    for _ in range(6):
        dq = sciad.grad(lagrangian, 0)(q, v)
        momentum = lambda a, b: sciad.grad(lagrangian, 1)(a, b)
        mass = sciad.grad(momentum, 1)(q, v)
        a = (dq - sciad.grad(momentum, 0)(q, v) * v) / mass
        q, v = q + 0.1 * v, v + 0.1 * a
    return q


def saddle_point(a):
    f = lambda x, y: x * x - y * y + a * x * y + math.sin(a * x) + y
    x, y = 0.1, 0.2
    for _ in range(30):
        gx, gy = sciad.grad(f, (0, 1))(x, y)
        x, y = x - 0.2 * gx, y + 0.2 * gy
    return x + 2.0 * y


def no_confusion(x):
    return sciad.grad(lambda x: x * sciad.grad(lambda y: x + y)(1.0))(x) * x


def no_confusion_in_three_levels(x):
    inner = lambda x, y: sciad.grad(lambda z: x * y * z * z)(y)
    return sciad.grad(lambda x: x * sciad.grad(lambda y: x * y * inner(x, y))(x))(x)


def same_name_everywhere(x):
    d = lambda f: sciad.grad(f)
    return d(lambda x: x * d(lambda x: x * d(lambda x: x**4)(x))(x))(x)


def inner_while_loop_with_break(a, x):
    def series(t):
        s, term, k = 0.0, 1.0, 1
        while True:
            s += term
            term *= t * a / k
            k += 1
            if abs(term) < 1e-3:
                break
        return s * t

    total = 0.0
    for i in range(3):
        total += sciad.grad(series)(x + 0.3 * i) * i
    return total


def arrays_in_memory(x):
    f = lambda y: np.sum(np.sin(y) * x * y)
    g = sciad.grad(f)(x)
    return np.sum(g * g)


def loops_over_memory(x):
    def f(y):
        s = 0.0
        work = np.zeros(y.shape[0])
        for i in range(1, y.shape[0]):
            work[i] = work[i - 1] * y[i] + math.sin(y[i - 1] * x[0])
            if work[i] > 0.5:
                s += work[i] * y[i]
        return s

    value, g = sciad.value_and_grad(f)(x * 2.0)
    return value * np.sum(g * x)


def hessian_in_memory(x):
    return np.sum(sciad.hessian(lambda y: np.sum(y**3) * y[0])(x)[1:, 0] * x[1:])


def hessian_of_many_numbers(a):
    x = np.array([a, 2.0, a * a, 1.0, 0.5, -a, 0.3])
    h = sciad.hessian(lambda y: np.sum(y * y * y[::-1]) * y[0])(x)
    return h[0, 0] * h[2, 5] + np.sum(h[3] * x)


def jacobians_in_memory(x):
    forward = sciad.jacobian(lambda y: y * y * y[0])(x)
    reverse = sciad.jacobian(lambda y: (y[0] * y[1], y[1:] * y[2]), mode="reverse")(x)
    return np.sum(forward[:, 0]) + reverse[0][1] + reverse[1][0, 2] * reverse[1][1, 2]


def jacobian_of_few_numbers(x):
    f = lambda y: np.array([y[0] * y[1], y[1] ** 2, math.exp(y[0]) * x])
    j = sciad.jacobian(f)(np.array([x, 2.0 * x]))
    k = sciad.jacobian(lambda y: {"a": y[0] * y[1], "n": 3})(np.array([x, 2.0 * x]))
    return np.sum(j * j) + k["a"][0] * sciad.jacobian(lambda t: [t * t, 2.0])(x)[0]


def jacobian_with_more_inputs(a):
    x = np.array([a, 2.0, a * a, 1.0, 0.5, -a, 0.3, a, 1.0, 2.0])
    rows = sciad.jacobian(lambda y: np.array([np.sum(y * y), y[0] * y[9]]))(x)
    return rows[0, 2] * rows[1, 9] + rows[1, 0] * sciad.jacobian(lambda y: np.sum(y * y))(x)[5]


def products_with_vectors(x):
    h = sciad.hvp(lambda y: np.sum(y**3) * y[1], x, x * 2.0)
    k = sciad.hvp(lambda a, y, b: a * y**3 * b, x[0], 1.5, 2.0, x[1], argnums=1)
    return np.sum(h) * k


def pushed(x):
    value, along = sciad.jvp(
        lambda y, z, w: (y * z * y * w, [z * x]), (x, 2.0 * x, 3), (1.0, x, None)
    )
    return value[0] * along[0] + along[1][0]


def pushed_array(x):
    value, along = sciad.jvp(lambda y: y * y * x[0], (x,), (x[::-1],))
    return np.sum(value * along)


def pulled(x):
    value, pull = sciad.vjp(lambda y, z: y * z * y, x, 2.0 * x)
    a, b = pull(1.0)
    total = a * b
    for _ in range(3):
        c, d = pull(value * x)
        total += c * d
    return total


def pulled_array(x):
    value, pull = sciad.vjp(lambda y, z: (y * z["k"] * y, y[0]), x, {"k": x[1]})
    a, b = pull((value[0], 2.0))
    return np.sum(a * x) * b["k"]


def with_extra(x):
    f = lambda y: (y * y * x, {"k": y * 3.0, "n": 4, "v": np.array([y, x])})
    g, extra = sciad.grad(f, has_aux=True)(x)
    pair, h = sciad.value_and_grad(f, 0, True)(x)
    return g * extra["k"] * extra["n"] + extra["v"][0] * extra["v"][1] + pair[0] * h


def stopped(x):
    y = sciad.stop_gradient(np.array([x, 2.0 * x]))
    f = lambda t: t * sciad.stop_gradient(t) * x
    return x * sciad.stop_gradient({"a": x * x})["a"] + sciad.grad(f)(x) + y[0] * y[1] * x


def structures(x, pair):
    p = {"a": x, "rest": [x * x, (3, 2.0)], "v": np.array([x, 1.0])}
    g = sciad.grad(lambda p: p["a"] * p["rest"][0] * p["v"][0] ** 2 * p["rest"][1][1])(p)
    n = sciad.grad(lambda t: t.a * t.b * t.b * x)(pair)
    return g["a"] + g["rest"][0] * g["v"][0] + g["rest"][1][1] + n.a * n.b


def attributes(x, body):
    g = sciad.grad(lambda b: b.mass * np.sum(b.place**2) * x)(body)
    return g.mass + g.place[0] * x


def other_functions(x):
    a = sciad.grad(dispatched)(x) + sciad.grad(dispatched)(x, a=x)
    return a + sciad.grad(jitted, 1)(x, x) * sciad.grad(math.sin)(x)


def computed_index(x, n):
    y = np.array([x, x * x, 1.0, 2.0])
    f = lambda z: z[n] * z[n] * z[0]
    return sciad.grad(f)(y)[n] * sciad.grad(f)(y)[0]


def branches_between_levels(x):
    f = lambda y: y * y * x if y > 0.5 else y * x
    if x > 0.2:
        return sciad.grad(f)(x) * x
    return sciad.grad(f)(x + 1.0)


PROGRAMS = [
    (newton, 2.1),
    (newton_with_a_loop_inside, 0.7, 4),
    (newton_in_several_dimensions, 0.8),
    (charged_particle, ARRAY, 7),
    (force_made_outside, ARRAY, 5),
    (matrices_made_outside, 0.4),
    (hamiltonian_dynamics, ARRAY, 0.7),
    (lagrangian_dynamics, 0.4, 1.3),
    (saddle_point, 0.3),
    (no_confusion, 1.3),
    (no_confusion_in_three_levels, 0.8),
    (same_name_everywhere, 0.9),
    (inner_while_loop_with_break, 0.8, 1.7),
    (arrays_in_memory, LONG),
    (loops_over_memory, LONG),
    (hessian_in_memory, LONG),
    (hessian_of_many_numbers, 0.6),
    (jacobians_in_memory, LONG),
    (jacobian_of_few_numbers, 0.4),
    (jacobian_with_more_inputs, 0.7),
    (products_with_vectors, LONG),
    (pushed, 0.7),
    (pushed_array, LONG),
    (pulled, 0.6),
    (pulled_array, LONG),
    (with_extra, 0.9),
    (stopped, 1.7),
    (structures, 0.8, Pair(0.3, 1.2)),
    (attributes, 0.8, Body(2.0, np.array([0.5, 0.7]))),
    (other_functions, 0.6),
    (computed_index, 1.2, 1),
    (branches_between_levels, 0.9),
]


@pytest.mark.parametrize(("program", "x", "rest"), [(p, x, tuple(r)) for p, x, *r in PROGRAMS])
def test_values_and_derivatives_to_second_order(interpreted_jit, program, x, rest):
    check(interpreted_jit(program), program, x, rest)


@pytest.mark.parametrize(
    ("program", "x", "rest"),
    [
        (p, x, tuple(r))
        for p, x, *r in PROGRAMS
        if p in (newton, charged_particle, loops_over_memory)
    ],
)
def test_machine_code_to_second_order(program, x, rest):
    check(jit(program), program, x, rest)


def check(compiled, program, x, rest):
    close = {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(compiled(x, *rest), program(x, *rest), **close)
    first = sciad.grad(program)(x, *rest)
    np.testing.assert_allclose(sciad.grad(compiled)(x, *rest), first, **close)
    v = 1.0 if isinstance(x, float) else np.linspace(0.5, 1.0, len(x))
    along = sciad.jvp(lambda x: compiled(x, *rest), (x,), (v,))[1]
    np.testing.assert_allclose(along, np.sum(first * v), **close)
    expected = sciad.jvp(lambda x: sciad.grad(program)(x, *rest), (x,), (v,))[1]
    np.testing.assert_allclose(sciad.hvp(compiled, x, v, *rest), expected, **close)


def test_known_results():
    assert jit(no_confusion)(1.3) == pytest.approx(1.3, rel=1e-15)  # d/dx x * 1 = 1
    third = lambda x: sciad.grad(sciad.grad(sciad.grad(lambda x: x**5)))(x)
    assert jit(third)(0.7) == pytest.approx(60 * 0.7**2, rel=1e-13)
    assert sciad.grad(jit(third))(0.7) == pytest.approx(120 * 0.7, rel=1e-13)
    root = jit(newton)
    x, slope = root(2.1), sciad.grad(root)(2.1)
    bend = 3 * x * x - 2.1 + 2.1 * math.sin(2.1 * x)
    assert slope == pytest.approx((x - x * math.sin(2.1 * x)) / bend, rel=1e-10)


@pytest.mark.parametrize("v", [0.0, 0.4])
def test_directions_are_differentiated_too(interpreted_jit, v):
    """Linear in the direction, where that is zero as well."""
    root = lambda y: math.sqrt(y) * y**0.7

    def pushed(v, x):
        return sciad.jvp(root, (x,), (v * x,))[1] + sciad.hvp(root, x, v)

    compiled = interpreted_jit(pushed)
    slope = 1.2 * 0.9**0.2
    bend = 1.2 * 0.2 * 0.9**-0.8
    assert sciad.grad(compiled)(v, 0.9) == pytest.approx(0.9 * slope + bend, rel=1e-13)
    assert compiled(v, 0.9) == pytest.approx(v * (0.9 * slope + bend), rel=1e-13)
    along = sciad.jvp(compiled, (v, 0.9), (1.0, 0.0))[1]
    assert along == pytest.approx(0.9 * slope + bend, rel=1e-13)

    def still(x):  # a part of the direction that is zero by its form does not matter
        return sciad.jvp(lambda y, p: y**p, (x, 2.0), (1.0, 0.0))[1]

    assert interpreted_jit(still)(-1.5) == -3.0


def test_structures_of_results():
    def all_of_them(x, y):
        f = lambda a, b: (a * np.sum(b), 3)
        return sciad.value_and_grad(f, argnums=(0, 1), has_aux=True)(x, y)

    found, expected = jit(all_of_them)(2.0, LONG), all_of_them(2.0, LONG)
    assert found[0] == pytest.approx(expected[0])
    assert found[1][0] == pytest.approx(expected[1][0])
    np.testing.assert_allclose(found[1][1], expected[1][1])

    def with_holes(x):
        return sciad.grad(lambda p: p["a"] * p["n"])({"a": x, "n": 3})

    assert jit(with_holes)(2.0) == {"a": 3.0, "n": None}

    def matrix(x):
        return sciad.jacobian(lambda y: y * np.sum(y))(x), sciad.hessian(lambda y: y**3)(x[0])

    for found, expected in zip(jit(matrix)(LONG), matrix(LONG), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_nothing_is_written_and_sizes_may_be_zero():
    def total(x):
        return np.sum(sciad.grad(lambda y: np.sum(y * y))(x)) + x.shape[0]

    compiled, x = jit(total), LONG.copy()
    compiled(x)
    np.testing.assert_array_equal(x, LONG)
    assert compiled(LONG[:0]) == 0.0


def test_right_hand_sides_with_a_gradient_inside():
    def rhs(t, z, w):
        energy = lambda q, p: 0.5 * p * p + w * (1.0 - math.cos(q))
        dq, dp = sciad.grad(energy, (0, 1))(z[0], z[1])
        return [dp, -dq]

    from sciad.compiler import native

    made = native(rhs, 2, args=(1.3,))
    assert made.value
    assert made.vjp
    solve = lambda w: sciad.ode.solve_ivp(
        rhs, (0.0, 2.0), [0.4, 0.1], args=(w,), rtol=1e-9, atol=1e-9
    )
    plain = lambda t, z, w: [z[1], -w * np.sin(z[0])]
    other = lambda w: sciad.ode.solve_ivp(
        plain, (0.0, 2.0), [0.4, 0.1], args=(w,), rtol=1e-9, atol=1e-9
    )
    found = sciad.grad(lambda w: solve(w).y[0, -1])(1.3)
    assert found == pytest.approx(sciad.grad(lambda w: other(w).y[0, -1])(1.3), rel=1e-10)


def test_errors_inside_and_their_place():
    def root(x):
        def f(y):
            if y < 0.0:
                raise ValueError("below zero")
            return math.sqrt(y)

        return sciad.grad(f)(x)

    compiled = jit(root)
    assert compiled(4.0) == 0.25
    with pytest.raises(ValueError, match=r"(?s)below zero.*test_nested\.py"):
        compiled(-1.0)
    with pytest.raises(ValueError, match="below zero"):
        sciad.grad(compiled)(-1.0)


SCRATCH = np.zeros(3)


def _writes(x):
    y = np.array([x, 1.0])

    def f(t):
        y[0] = t
        return y[0] * t

    return sciad.grad(f)(x) + y[0]


def _writes_to_its_argument(x):
    def f(y):
        y[0] = 2.0
        return y[0] * y[1]

    return sciad.grad(f)(np.array([x, x]))[1]


def _stale(x):
    y = np.zeros(40)
    y[3] = x
    _, pull = sciad.vjp(lambda t: t * y[3], x)
    y[3] = 7.0
    return pull(1.0)[0]


REFUSED = [
    (lambda x: sciad.grad(lambda y: 3)(x), "must return a real number"),
    (lambda x: sciad.grad(lambda y: np.array([y, y]))(x), "must return a real number"),
    (lambda x: sciad.grad(lambda y: y * x)(2), "nothing to differentiate"),
    (lambda x: sciad.grad(lambda y: y * x, argnums=1)(x), "argnums = 1"),
    (lambda x: sciad.grad(x)(x), "not a function"),
    (lambda x: sciad.grad(lambda y: y * y, holomorphic=True)(x), "complex derivative"),
    (lambda x: sciad.grad(lambda y: y * y, has_aux=True)(x), "does not return a pair"),
    (lambda x: sciad.hessian(lambda d: d["a"] ** 2)({"a": x}), "structure"),
    (lambda x: sciad.jvp(lambda y: y, (x,), (x, x))[0], "differ in number"),
    (lambda x: sciad.jvp(lambda y: y, ([x],), (x,))[0], "structure"),
    (lambda x: sciad.linearize(lambda y: y, x)[0], "no compiled form"),
    (_writes, "writes to an array"),
    (_writes_to_its_argument, "writes to an array"),
    (_stale, "may have changed"),
]


@pytest.mark.parametrize(("program", "message"), REFUSED)
def test_refusals_name_the_line(program, message):
    with pytest.raises(CompileError, match=message) as caught:
        jit(program)(1.5)
    assert "test_nested.py" in str(caught.value)


def test_tapes_are_freed_and_sized_in_every_order():
    """Loops in loops, differentiated three times: many frames on several tapes."""

    def program(x, n):
        def f(y):
            s = 0.1
            for i in range(n):
                for j in range(i):
                    s = math.sin(s * y + j) * x
                if s > 0.3:
                    s = s * s * y
            return s

        return sciad.grad(lambda y: sciad.value_and_grad(f)(y)[1] * f(y))(x)

    compiled = jit(program)
    assert "tape_1" in compiled.source("hvp", 0.7, 9) or "tape" in compiled.source("hvp")
    np.testing.assert_allclose(compiled(0.7, 9), program(0.7, 9), rtol=1e-12)
    found, expected = sciad.grad(compiled)(0.7, 9), sciad.grad(program)(0.7, 9)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_adjoints_of_adjoints(emitted):
    """The reverse mode of a program with pushes and pops: to the third order, strictly."""
    from sciad.compiler.back.emit import emit
    from sciad.compiler.ir import verify
    from sciad.compiler.passes.adjoint import adjoint
    from sciad.compiler.passes.simplify import simplify
    from sciad.compiler.passes.tangent import tangent
    from sciad.compiler.program import Program

    def f(x, n):
        s, y = 0.0, x.copy()
        for i in range(n):
            k, j = 0.0, 0
            while k < x[i] * x[i] + 1.0:
                k += abs(math.sin(x[i] * k + j)) + 0.3
                j += 1
                if j > 7:
                    break
            if k > 1.2:
                y[i] = k * y[i - 1] * math.exp(-s * 0.1)
            s += y[i] * k
        return s * y[0]

    x, n = np.array([0.3, 0.7, -1.1, 0.9]), 4
    compiled = jit(f)
    compiled(x, n)
    program: Program = next(iter(compiled._programs.values()))
    primal = program.program()
    inputs = program.active(primal)
    first = simplify(adjoint(primal, inputs))
    reverse = simplify(adjoint(first, [*inputs, *first.params[3:]]))
    forward = simplify(tangent(first, [*inputs, *first.params[3:]]))
    texts = {}
    for name, made in (("reverse", reverse), ("forward", forward)):
        verify(made)
        body = emit(made)
        head = f"def function({', '.join(body.params)}):"
        texts[name] = "\n".join([head, *body.lines, "    return 0", ""])
    rng = np.random.default_rng(0)
    w = rng.normal(size=n)
    none, z = np.zeros(0), lambda k: np.zeros(k)
    start = [none, np.array([4, n]), x, np.array([1.3]), z(0), z(n)]
    back, ahead = [z(0), z(n), z(1), z(0), w.copy()], [z(0), w, z(1), z(0), z(n)]
    for name, more in (("reverse", back), ("forward", ahead)):
        function, tape = emitted.run(texts[name])
        assert function(*start[:5], z(n), *more) == 0
        assert not tape
    expected = sciad.hvp(lambda x: 1.3 * f(x, n), x, w)
    np.testing.assert_allclose(back[1], expected, rtol=1e-11)
    np.testing.assert_allclose(ahead[4], expected, rtol=1e-11)


# -- functions that call themselves ----------------------------------------------------------------
def test_recursion_that_closes_over_what_is_differentiated(jit_interpreted, all_ways):
    def program(x, n):
        def outer(u):
            def r(t, m):
                return t if m <= 0 else r(t * u, m - 1) + u * u

            return r(1.0, n)

        return sciad.grad(outer)(x) * x

    all_ways(jit_interpreted, program, 0.7, 3, argnums=(0,))


def test_recursion_over_arrays_that_are_differentiated(jit_interpreted, all_ways):
    def program(x, w):
        def outer(u):
            def r(i):
                return 0.0 if i >= len(x) else u[i] * u[i] * w[i] + r(i + 1)

            return r(0)

        return sciad.jvp(outer, (x,), (w,))[1]

    all_ways(jit_interpreted, program, LONG, np.cos(LONG), argnums=(0, 1))


def test_a_derivative_of_a_function_inside_itself_is_refused(jit_interpreted):
    def program(x, n):
        def r(u, m):
            return u if m <= 0 else u * sciad.grad(lambda t: r(t, m - 1))(u)

        return r(x, n)

    with pytest.raises(CompileError, match="inside a function that it differentiates"):
        jit_interpreted(program)(0.7, 3)


def test_names_of_functions_are_not_those_of_kernels(jit_interpreted):
    def vec(t, n):
        return t if n <= 0 else vec(t * t, n - 1) + t

    assert jit_interpreted(lambda x, n: vec(x, n))(0.5, 3) == vec(0.5, 3)


def power(t, n):
    return t if n <= 0 else power(t * t * 0.5, n - 1) + t


def halves(v, low, high):
    if high - low == 1:
        return v[low] ** 3
    middle = (low + high) // 2
    return halves(v, low, middle) * 0.3 + np.sin(halves(v, middle, high) * 0.5)


def energy(u):
    return halves(u, 0, len(u))


def newton_on_recursion(x, n):
    t = x
    for _ in range(4):
        t = t - (power(t, n) - 2.0) / sciad.grad(lambda u: power(u, n))(t)
    return t


def second_and_first(x, n):
    f = lambda t: power(t, n)
    return sciad.hessian(f)(x) + sciad.jvp(f, (x,), (x,))[1] + sciad.grad(f)(x)


def derivative_of_a_derivative(x, n):
    return sciad.grad(lambda t: sciad.grad(lambda u: power(u * t, n))(t))(x)


def beside_recursion(x, n):
    def loop(t):
        s = t
        for _ in range(40):
            s = s * 0.9 + np.sin(s) * t
        return s

    return power(sciad.grad(loop)(x), n) * x


def value_and_gradient_of_an_array(x):
    v, g = sciad.value_and_grad(energy)(x)
    return v * np.sum(g * g)


def hessian_and_products(x):
    h = np.sum(sciad.hessian(energy)(x) * np.outer(x, x))
    return h + np.sum(sciad.hvp(energy, x, x * x) * x)


def jacobian_and_pullback(x, s):
    f = lambda u, s: (u * s * energy(u), s * u[0])
    bars = sciad.vjp(f, x, s)[1]((x, s))
    return (
        np.sum(sciad.jacobian(lambda u: energy(u) * u)(x) * np.outer(x, x)) + bars[1] * bars[0][1]
    )


@pytest.mark.parametrize(
    ("program", "args", "argnums"),
    [
        (newton_on_recursion, (0.7, 3), (0,)),
        (second_and_first, (0.7, 3), (0,)),
        (derivative_of_a_derivative, (0.7, 2), (0,)),
        (beside_recursion, (0.7, 3), (0,)),
        (value_and_gradient_of_an_array, (LONG,), (0,)),
        (hessian_and_products, (LONG,), (0,)),
        (jacobian_and_pullback, (LONG, 0.7), (0, 1)),
    ],
)
def test_derivatives_of_recursion_are_differentiated(
    program, args, argnums, jit_interpreted, all_ways
):
    all_ways(jit_interpreted, program, *args, argnums=argnums)


def test_float32_in_derivatives_of_recursion(jit_interpreted):
    x = LONG.astype(np.float32)
    compiled = jit_interpreted(lambda x: np.sum(sciad.grad(energy)(x) * x))
    plain = lambda x: np.sum(sciad.grad(energy)(x) * x)
    assert compiled(x).dtype == np.float32
    found, exact = sciad.grad(compiled)(x), sciad.grad(plain)(x.astype(float))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, rtol=2e-5, atol=2e-6)

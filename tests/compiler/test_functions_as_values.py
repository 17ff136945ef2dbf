"""Functions as arguments, results and alternatives: in compiled code, and at its border."""

import functools
import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import sciad
from sciad.compiler import jit
from sciad.core.errors import CompileError
from sciad.core.transforms import grad, hessian, hvp, value_and_grad

X, K = np.array([1.0, 2.0, 3.0]), 1.5


def total(g, x):
    s = 0.0
    for i in range(len(x)):
        s += g(x[i])
    return s


def midpoint(f, a, b, n):
    h, s = (b - a) / n, 0.0
    for i in range(n):
        s += f(a + (i + 0.5) * h)
    return s * h


def newton(f, x, n=12):
    slope = sciad.grad(f)
    for _ in range(n):
        x = x - f(x) / slope(x)
    return x


def fixed(f, t, n):
    return t if n <= 0 else fixed(f, f(t), n - 1)


def closure_over_active_values(x, k):
    return total(lambda t: k * t * t + x[1], x)


def function_over_active_values(x, k):
    def g(t, scale=k):
        return scale * np.sin(t) * x[0]

    return total(g, x)


def functions_that_outlive_their_maker(x, k):
    def make(a):
        return lambda t: a * t * t

    return total(make(k), x) + total(make(2 * k * x[0]), x)


def composition(x, k):
    after = lambda f, g: lambda t: f(g(t))
    return total(after(after(lambda t: k * t, np.sin), lambda t: t * t * k), x)


def counter(x, k):
    def make():
        n = 0.0

        def step(t):
            nonlocal n
            n += k * t
            return n * t

        return step

    return total(make(), x) + total(make(), x[1:])


def tuple_of_functions(x, k):
    def pair(a):
        return (lambda t: a * t), {"square": lambda t: a * t * t}

    f, more = pair(k * x[1])
    return total(f, x) * total(more["square"], x)


def double_integral(x, k):
    return midpoint(lambda u: midpoint(lambda v: k * u * v * v + x[0], 0.0, u, 4), 0.0, 2.0, 5)


def root_of_a_closure(x, k):
    return newton(lambda t: t * t - k * x[0], 1.0)


def alternatives(x, k):
    s = 0.0
    for i in range(len(x)):
        if x[i] > 2.5:
            f = lambda t: k * t
        elif x[i] > 1.5:
            f = np.sin
        else:
            f = lambda t: t * t * k
        s += f(x[i]) * x[i]
    return s


def one_after_the_other(x, k):
    f = np.sin
    if k > 1.0:
        f = np.cos
    if x[0] > 0.5:
        f = lambda t: t * k
    if k > 5:
        f = np.sin
    return total(f, x) + f(x).sum()


def alternative_with_a_name_of_its_branch(x, k):
    if k > 1:
        a = 2.0 * x[2]
        f = lambda t: a * t
    else:
        f = lambda t: t * t
    return total(f, x)


def alternatives_in_recursion(x, k):
    return fixed((lambda t: t * k) if x[0] > 0 else (lambda t: t + k), x[1], 3)


PROGRAMS = [
    closure_over_active_values,
    function_over_active_values,
    functions_that_outlive_their_maker,
    composition,
    counter,
    tuple_of_functions,
    double_integral,
    root_of_a_closure,
    alternatives,
    one_after_the_other,
    alternative_with_a_name_of_its_branch,
    alternatives_in_recursion,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("k", [K, 0.7])
def test_in_compiled_code(program, k, jit_interpreted, all_ways):
    all_ways(jit_interpreted, program, X, k, argnums=(0, 1))


def test_a_choice_whose_options_return_different_things_is_refused(jit_interpreted):
    def program(x, k):
        f = (lambda t: t) if k > 0 else (lambda t: (t, t))
        return f(k)

    with pytest.raises(CompileError, match="has no single value"):
        jit_interpreted(program)(X, K)


def test_a_default_that_a_path_has_computed_is_refused(jit_interpreted):
    def program(x, k):
        f = lambda t: t
        if k > 0:
            f = lambda t, a=2.0 * k: a * t
        return f(x[0])

    with pytest.raises(CompileError, match="different things on different paths"):
        jit_interpreted(program)(X, K)


# -- at the border ---------------------------------------------------------------------------------
def scaled(k):
    return lambda t: k * t * t


class Spring:
    """An object whose method is given."""

    def __init__(self, k):
        self.k = k

    def force(self, t):
        return -self.k * t**3


def cube(t):
    return t**3


WEIGHTS = np.array([0.3, 2.0])
FUNCTIONS = {
    "lambda": lambda t: t * t,
    "closure": scaled(2.5),
    "integer in a closure": scaled(2),
    "default": lambda t, a=1.5: a * t,
    "keyword default": lambda t, *, a=1.5: a * t,
    "global array": lambda t: WEIGHTS[0] * t + WEIGHTS[1],
    "method": Spring(1.7).force,
    "partial": functools.partial(lambda k, t: k * t, 2.5),
    "partial by name": functools.partial(lambda t, k: k * t, k=2.5),
    "ufunc": np.sin,
    "builtin": math.sin,
    "top of a module": cube,
    "jitted": jit(cube),
    "gradient": grad(cube),
    "recursive": lambda t: fixed(scaled(0.5), t, 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_the_border(name, jit_interpreted, all_ways):
    all_ways(jit_interpreted, total, FUNCTIONS[name], X, argnums=(1,))


def test_gradients_flow_to_what_a_given_function_closes_over(jit_interpreted):
    compiled = jit_interpreted(total)
    outer = lambda k: compiled(lambda t: k * k * t * t, X)
    assert grad(outer)(3.0) == pytest.approx(6.0 * 14.0, rel=1e-14)
    assert hessian(outer)(3.0) == pytest.approx(2.0 * 14.0, rel=1e-14)
    inner = lambda k: grad(compiled, argnums=1)(lambda t: k * k * t * t, X).sum()
    assert grad(inner)(3.0) == pytest.approx(12.0 * 6.0, rel=1e-14)
    arrays = lambda w: compiled(lambda t: w[1] * t + w[0] * w[0], X)
    np.testing.assert_allclose(grad(arrays)(WEIGHTS), [6 * 0.3, 6.0], rtol=1e-14)


def test_structures_of_functions(jit_interpreted, all_ways):
    def mixture(parts, x):
        return parts["weight"] * total(parts["f"], x) + total(parts["more"][0], x)

    parts = {"f": scaled(2.0), "weight": 0.5, "more": [np.cos, "name"]}
    all_ways(jit_interpreted, mixture, parts, X, argnums=(1,))
    found = grad(jit_interpreted(mixture))(parts, X)
    assert found == {"f": None, "weight": 28.0, "more": [None, None]}


def test_a_lambda_of_the_same_text_is_compiled_once(jit_interpreted):
    compiled = jit_interpreted(total)
    for k in (1.0, 2.0, -3.5):
        assert compiled(scaled(k), X) == 14.0 * k
        np.testing.assert_array_equal(grad(compiled, argnums=1)(scaled(k), X), 2 * k * X)
    assert len(compiled._programs) == 1
    assert compiled(scaled(2), X) == 28.0  # an int is a constant of the program
    assert compiled(scaled(3), X) == 42.0
    assert len(compiled._programs) == 3


def test_what_a_given_function_reaches_may_change(jit_interpreted):
    compiled, inner = jit_interpreted(total), np.sin

    def given(t):
        return inner(t) * k

    k = 2.0
    assert compiled(given, X) == total(given, X)
    k, inner = 3.0, np.cos
    assert compiled(given, X) == total(given, X)
    np.testing.assert_allclose(grad(compiled, argnums=1)(given, X), -3.0 * np.sin(X), rtol=1e-15)
    k = np.array([4.0, 5.0])
    with pytest.raises(CompileError):
        compiled(given, X)
    made = lambda f: lambda t: f(t) * 2.0
    for f in (np.sin, np.cos, scaled(1.0), scaled(2.0), cube):
        assert compiled(made(f), X) == total(made(f), X)
        np.testing.assert_allclose(
            value_and_grad(compiled, argnums=1)(made(f), X)[1],
            value_and_grad(total, argnums=1)(made(f), X)[1],
            rtol=1e-13,
        )


def test_what_a_program_was_made_of_is_not_asked_later(jit_interpreted):
    def holding(f):
        def given(t):
            return f(t)

        def exchange(new):
            nonlocal f
            f = new

        return given, exchange

    compiled = jit_interpreted(total)
    (first, exchange), (second, _) = holding(np.sin), holding(np.sin)
    assert compiled(first, X) == total(first, X)
    (program,) = compiled._programs.values()
    program.lowered = None  # as if another process had compiled it
    exchange(np.exp)
    assert compiled(second, X) == total(second, X)
    found = grad(lambda x: compiled(second, x))(X)
    np.testing.assert_allclose(found, np.cos(X), rtol=1e-15)


def test_a_given_function_that_writes(jit_interpreted):
    def run(step, x):
        for i in range(len(x)):
            step(i, x[i])
        return x[0]

    memory = np.zeros(3)

    def step(i, t):
        memory[i] = 2.0 * t

    assert jit_interpreted(run)(step, X) == 1.0
    np.testing.assert_array_equal(memory, 2.0 * X)
    compiled = jit_interpreted(run)

    def outer(x):
        inside = np.zeros(3)

        def put(i, t):
            inside[i] = t * t

        return compiled(put, x) * inside.sum()

    np.testing.assert_allclose(grad(outer)(X), [14.0 + 2.0, 4.0, 6.0], rtol=1e-14)


def test_the_same_function_twice(jit_interpreted, all_ways):
    both = lambda f, g, x: total(lambda t: f(g(t)), x)
    f = scaled(0.3)
    all_ways(jit_interpreted, both, f, f, X, argnums=(2,))
    outer = lambda k: jit_interpreted(both)(*[scaled(k)] * 2, X)
    plain = lambda k: both(*[scaled(k)] * 2, X)
    assert grad(outer)(0.4) == pytest.approx(grad(plain)(0.4), rel=1e-14)


def test_products_with_the_hessian(jit_interpreted):
    v = np.array([1.0, -2.0, 0.5])
    found = hvp(jit_interpreted(total), X, v, FUNCTIONS["closure"], argnums=1)
    np.testing.assert_allclose(found, 5.0 * v, rtol=1e-14)


def test_errors_show_the_line_of_the_given_function(jit_interpreted):
    bad = lambda t: sorted({t})
    with pytest.raises(CompileError) as error:
        jit_interpreted(total)(bad, X)
    assert f"{__file__}:{bad.__code__.co_firstlineno}" in str(error.value)


def test_machine_code_is_found_again_by_another_process(tmp_path):
    (tmp_path / "main.py").write_text(
        textwrap.dedent(
            """
            import sys
            import numpy as np
            import sciad

            @sciad.jit
            def total(g, x):
                s = 0.0
                for i in range(len(x)):
                    s += g(x[i])
                return s

            def scaled(k):
                return lambda t: k * t * t

            k = float(sys.argv[1])
            print(total(scaled(k), np.ones(3)), sciad.grad(total, argnums=1)(scaled(k), np.ones(3)))
            from sciad.compiler.program import Program
            print(all(p.lowered is None for p in total._programs.values()))
            """
        )
    )
    run = lambda k: subprocess.run(
        [sys.executable, "main.py", k], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()
    assert (run("2.0")[0], run("2.0")[-1]) == ("6.0 [4. 4. 4.]", "True")
    assert (run("3.0")[0], run("3.0")[-1]) == ("9.0 [6. 6. 6.]", "True")

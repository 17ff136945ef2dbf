"""What the user sees: emitted source, explanations, ways out of refusals, the eager fallback."""

import ast
import importlib.util
import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import sciad
import sciad.compiler
from sciad.compiler import FallbackWarning, native
from sciad.compiler.explain import explanation
from sciad.core.errors import CompileError, InputError
from sciad.core.source import source_of

HERE = Path(__file__)


def line_of(function, text):
    """Number of the line of a function that contains some text."""
    lines = HERE.read_text(encoding="utf-8").splitlines()
    start = function.__code__.co_firstlineno
    return next(k for k in range(start, len(lines) + 1) if text in lines[k - 1])


# -- source and explanation ------------------------------------------------------------------------
def force(angle, stiffness):
    return -stiffness * math.sin(angle)


def pendulum(x):
    angle, speed = x[0], x[1]
    path = np.zeros(50)
    for i in range(50):
        speed = speed + 0.1 * force(angle, x[2])
        angle = angle + 0.1 * speed
        path[i] = angle
    corner = np.zeros(2)
    for j in range(2):
        corner[j] = x[j] ** 2
    return np.sum(path * path) + corner[1]


X = np.array([0.3, 0.4, 0.5])


@pytest.fixture(scope="module")
def jitted():
    return sciad.jit(pendulum)


@pytest.mark.parametrize("kind", ["value", "jvp", "vjp", "hvp"])
def test_source_names_the_users_lines(jitted, kind):
    text = jitted.source(kind, X)
    ast.parse(text)
    assert f"{kind} of pendulum, {HERE}:{pendulum.__code__.co_firstlineno}" in text
    number = line_of(pendulum, "speed = speed")
    assert f"# {number}: speed = speed + 0.1 * force(angle, x[2])" in text


def test_source_names_the_lines_of_inlined_functions(jitted):
    number = line_of(force, "return -stiffness")
    assert f"# {number}: return -stiffness * math.sin(angle)" in jitted.source("vjp", X)


def test_source_of_the_last_structure_called():
    f = sciad.jit(lambda x: x * 2.0)
    with pytest.raises(InputError, match="not been compiled"):
        f.source()
    f(np.ones(3))
    by_array = f.source()
    f(1.0)
    assert f.source() != by_array
    f(np.ones(4))
    assert f.source() == by_array
    assert f.source("value", 2.0) != by_array
    with pytest.raises(InputError, match="no program 'adjoint'"):
        f.source("adjoint")


def test_inputs_keep_their_names():
    rate = 0.5
    f = sciad.jit(lambda np, tape, p: np * p["k"] * tape[0] + p["w"][1] * rate)
    args = 2.0, np.ones(3), {"k": 3.0, "w": [1.0, 4.0]}
    assert f(*args) == 8.0
    text = f.source("vjp")
    for name in ("p_k", "p_w_1", "rate"):
        assert re.search(rf"\b{name} = s\[", text)
    value, pullback = sciad.vjp(f, *args)
    assert value == 8.0
    assert pullback(1.0)[2] == {"k": 2.0, "w": [0.0, 0.5]}


def described(text, number):
    """Words that an explanation has about a line."""
    after = re.split(rf"^{number}: .*\n", text, flags=re.M)[1]
    return re.match(r"(    .*\n)*", after)[0]


def test_an_explanation_speaks_of_lines(jitted):
    text = jitted.explain(X)
    at = lambda part, function=pendulum: described(text, line_of(function, part))
    loop = at("for i in range(50)")
    assert "a loop that is kept" in loop
    assert "taped: angle (the loop carries it on)" in loop
    assert "tape: 16 bytes in each iteration" in loop
    assert "inlined: force" in at("speed = speed")
    assert "sin(...) (sin costs more than a slot of the tape)" in at("return -stiff", force)
    assert "an array in memory" in at("path = np.zeros")
    assert "an array in variables: 2 elements" in at("corner = np.zeros")
    assert "unrolled: 2 times" in at("for j in range")
    assert "carries derivatives: angle" in at("angle = angle")
    assert "loss" not in text


def test_an_explanation_names_the_files(jitted):
    jitted(X)
    text = jitted.explain()
    assert str(sciad.compiler.cache_directory()) in text
    assert Path(jitted._last.load("value").__file__).name in text


def square(x):
    y = 2.0
    return x * x * y


def test_what_does_not_depend_is_not_said_to():
    f = sciad.jit(square)
    text = f.explain(3.0)
    assert "No tape" in text
    assert re.search(rf"^{line_of(square, 'y = 2.0')}:", text, flags=re.M) is None
    assert f.tape_bytes(3.0) == 0


def test_explaining_compiles_nothing_new():
    f = sciad.jit(square)
    f(3.0)
    before = dict(f._last.modules)
    f.explain()
    assert f._last.modules == before


def growing(x, n):
    s = x
    for _ in range(n):
        s = math.sin(s)
    return s


def halves(x):
    for _ in range(200):
        if x > 1.0:
            x = math.sin(x) + 1.0
    return x


def test_tape_bytes_are_measured(jitted):
    assert jitted.tape_bytes(X) == 50 * 16
    f = sciad.jit(growing)
    sizes = [f.tape_bytes(0.5, n) for n in (0, 10, 1000)]
    assert sizes[0] == 0
    assert sizes[2] == 100 * sizes[1] > 0
    assert sciad.jit(halves).tape_bytes(1.5) >= 200 * 8


def test_the_listener_hears_nothing_of_other_threads():
    program = sciad.jit(square)
    program(2.0)
    first = explanation(program._last)
    assert first == explanation(program._last)


# -- ways out --------------------------------------------------------------------------------------
def compile_errors():
    """Every construction of a CompileError in the compiler."""
    for path in sorted(Path(sciad.compiler.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "CompileError":
                yield pytest.param(node, id=f"{path.name}:{node.lineno}")


@pytest.mark.parametrize("node", list(compile_errors()))
def test_every_refusal_says_where_and_what_to_do(node):
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    for name in ("where", "hint"):
        assert name in given
        assert not (isinstance(given[name], ast.Constant) and given[name].value is None)


def refused_programs():
    path = HERE.parent / "test_refusals.py"
    spec = importlib.util.spec_from_file_location("refused_programs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASES


@pytest.mark.parametrize(("function", "words", "n"), refused_programs())
def test_refused_programs_get_a_line_and_a_way_out(function, words, n):
    with pytest.raises(CompileError) as caught:
        native(function, n)
    filename, _, number = caught.value.where.rpartition(":")
    assert filename.endswith("test_refusals.py")
    assert int(number) >= source_of(function).node.lineno
    assert caught.value.hint


# -- fallback --------------------------------------------------------------------------------------
def with_try(x):
    try:  # the obstacle
        return math.sin(x) * x
    except ValueError:
        return x


def test_what_cannot_be_compiled_runs_eagerly_with_one_warning():
    f = sciad.jit(with_try, fallback=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert f(2.0) == math.sin(2.0) * 2.0
        assert f(3.0) == math.sin(3.0) * 3.0
        gradient = sciad.grad(f)(2.0)
        second = sciad.grad(sciad.grad(f))(2.0)
    assert [w.category for w in caught] == [FallbackWarning]
    text = str(caught[0].message)
    assert f"{HERE}:{line_of(with_try, '# the obstacle')}" in text
    assert "try cannot be compiled" in text
    assert caught[0].filename == str(HERE)
    assert gradient == pytest.approx(math.cos(2.0) * 2.0 + math.sin(2.0), rel=1e-15)
    assert second == pytest.approx(2.0 * math.cos(2.0) - 2.0 * math.sin(2.0), rel=1e-14)


def test_the_decorator_takes_the_option():
    @sciad.jit(fallback=True)
    def f(x):
        return x * x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(3.0) == 9.0
        assert sciad.grad(f)(3.0) == 6.0
        assert sciad.jit(f, fallback=True) is f
        assert sciad.grad(sciad.grad(f))(3.0) == 2.0
    assert f.source().startswith("# value")


def test_some_arguments_compile_and_some_do_not():
    f = sciad.jit(lambda x: x * x if np.ndim(x) < 4 else x * 2.0, fallback=True)
    four = np.ones((1, 1, 1, 2))
    with pytest.warns(FallbackWarning, match="up to 3 dimensions"):
        np.testing.assert_array_equal(f(four), four * 2.0)


def test_a_derivative_that_is_not_known_falls_back(monkeypatch):
    """The function compiles, its derivative does not."""
    import sciad.compiler.program as program

    def refuse(*args):
        raise CompileError("no adjoint", where="here:1", hint="none")

    monkeypatch.setattr(program, "adjoint", refuse)
    f = sciad.jit(lambda x: x * x * x * 1.25, fallback=True)
    assert f(2.0) == 10.0
    with pytest.warns(FallbackWarning, match="no adjoint"):
        assert sciad.grad(f)(2.0) == 15.0
    assert f(2.0) == 10.0


def test_without_fallback_it_is_an_error():
    with pytest.raises(CompileError, match="try cannot be compiled"):
        sciad.jit(with_try)(2.0)
    strict = sciad.jit(sciad.jit(with_try, fallback=True))
    with pytest.raises(CompileError):
        strict(2.0)

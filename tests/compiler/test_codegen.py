"""The short way from emitted code to LLVM: what it compiles does what Numba's own way does."""

import inspect
import itertools
import math
import textwrap

import numba
import numpy as np
import pytest
from numba.core.runtime import _nrt_python as memory
from numba.core.runtime import rtsys

from sciad.compiler import jit
from sciad.compiler.back import cache
from sciad.compiler.codegen import passes
from sciad.compiler.codegen.reading import Scopes, Unusual, syntax
from sciad.core.transforms import grad

HEAD = "\n".join(
    [
        "import math",
        "import numpy as np",
        "from sciad.compiler.back.machine import called, njit",
        "",
        "",
    ]
)


def module(body, declared="", more=""):
    """Write and load a module whose `function` has this body."""
    text = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    head = f'{HEAD}{textwrap.dedent(more)}\n\n@njit({declared!r}, error_model="numpy")\n'
    return cache.load(cache.write("codegen", f"{head}def function{text.lstrip()}\n"))


def made(function, declared, more=""):
    """Compile a function of this file on the short way only."""
    lines = inspect.getsource(function).split("def ", 1)[1]
    head = f'{HEAD}{textwrap.dedent(more)}\n\n@njit({declared!r}, error_model="numpy")\ndef '
    text = head + lines.replace(function.__name__, "function", 1)
    return cache.load(cache.write(function.__name__, text)).function


@pytest.fixture
def short(monkeypatch):
    """Fail where a function leaves the short way."""

    def refused(function):
        raise AssertionError(f"{function.__name__} is not compiled on the short way")

    monkeypatch.setattr(passes, "_compile_callees", refused)


@pytest.fixture
def balance():
    """Arrays allocated and not freed since the test began."""
    memory.memsys_enable_stats()

    def left():
        stats = rtsys.get_allocation_stats()
        return stats.mi_alloc - stats.mi_free

    before = left()
    return lambda: left() - before


def integers(m, n):
    return m // n, m % n, -m, m * n - m, m**3, m**n if n > 0 else 0, abs(m), max(m, n), min(m, n)


def floats(x, y):
    a = x / y
    b = x // y
    c = x % y
    d = x**3 + (y + 0.5) ** -2
    e = x**y
    f = -x if x < y else x - y
    g = math.sin(x) + np.floor(y) + float(3) + math.exp(-0.0)
    return a, b, c, d, e, f, g, int(g), max(x, y), min(x, y), -np.inf, 1e-300


def truths(x, y):
    a = x < y
    b = not x <= y
    c = a and b
    d = a or y != y
    e = (x <= y and x >= 0.0) or (not a and y > 0.0)
    return a, b, c, d, e, (True if x > y else a), float(int(a)), x == x


def test_integers(short):
    short_way = made(integers, "(int64, int64)")
    usual = numba.njit(error_model="numpy")(integers)
    for pair in itertools.product([7, -7, 0, 3], [2, -2, 0, 5]):
        assert short_way(*pair) == usual(*pair)


numbers = [0.7, -1.3, 2.0, 0.0, -0.0, np.nan, np.inf]


@pytest.mark.parametrize("function", [floats, truths])
def test_floats(short, function):
    short_way = made(function, "(float64, float64)")
    usual = numba.njit(error_model="numpy")(function)
    for pair in itertools.product(numbers, numbers):
        found, expected = short_way(*pair), usual(*pair)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
        assert list(map(type, found)) == list(map(type, expected))


def ranges(start, stop, step):
    count = 0
    total = 0
    last = 99
    for i in range(start, stop, step):
        count += 1
        total += i
        last = i
        if count > 20:
            break
    for i in range(start, stop):
        total += 100 * i
        if total > 10**6:
            break
    for k in range(stop - 1, start - 1, -1):
        total = total * 3 + k
    for _ in range(3):
        total += len(range(start, stop, step))
    for first in range(start, stop, 3):
        total += 7 * first
    return count, total, last


@pytest.mark.parametrize("limits", [(0, 5, 1), (3, -8, -2), (2, 9, 3), (-4, 4, 5), (1, 1, 9)])
def test_ranges(short, limits):
    assert made(ranges, "(int64, int64, int64)")(*limits) == ranges(*limits)


def test_ranges_up_to_the_largest_integer(short):
    text = """
    (start, step):
        count = 0
        for i in range(start, 9223372036854775807, step):
            count += 1
        for k in range(9223372036854775800, 9223372036854775807):
            count += 1
        for m in range(-9223372036854775800, -9223372036854775807, -1):
            count += 1
        return count
    """
    function = module(text, "(int64, int64)").function
    assert function(2**63 - 11, 3) == 4 + 7 + 7


def test_nothing_is_evaluated_that_python_does_not_evaluate(short):
    text = """
    (a, i, n):
        inside = i < n and a[i] > 0.0
        found = a[i] if i < n else -1.0
        either = i >= n or a[i] < 0.0
        return inside, found, either
    """
    function = module(text, "(float64[::1], int64, int64)").function
    far = 1 << 40
    assert function(np.ones(2), 1, 2) == (True, 1.0, False)
    assert function(np.ones(2), far, 2) == (False, -1.0, True)


def test_exchange_and_updates(short):
    text = """
    (a, b, n):
        x, y = 1.0, 2.0
        k = 0
        while k < n:
            x, y = y, x + y
            a[k] += x * y
            b[k] = k
            b[k] *= 3
            k += 1
        last = x if n > 0 else y
        return last, y
    """
    function = module(text, "(float64[::1], int64[::1], int64)").function
    found, expected = ((np.ones(4), np.zeros(4, int)) for _ in range(2))
    assert function(*found, 4) == function.py_func(*expected, 4)
    np.testing.assert_array_equal(found, expected)


# -- memory ----------------------------------------------------------------------------------------
ARRAYS = """
(a, n, early):
    kept = np.empty(n)
    for i in range(n):
        kept[i] = a[i]
    other = kept
    total = 0.0
    for i in range(n):
        fresh = np.zeros(3)
        fresh[0] = a[i]
        moved = fresh
        moved[1] += 1.0
        total += fresh[0] + fresh[1] + fresh[2]
        kept = np.zeros(n)
        kept[i] = total
        if total > early:
            return 1, np.empty(0), np.empty(0), np.empty(0, dtype=np.bool_)
    flags = np.zeros(n, dtype=np.bool_)
    flags[n - 1] = True
    return 0, kept, other, flags
"""


def test_memory_is_given_back(short, balance):
    function = module(ARRAYS, "(float64[::1], int64, float64)").function
    a = np.array([1.0, 2.0, 3.0])
    for _ in range(3):
        status, kept, other, flags = function(a, 3, 100.0)
        assert status == 0
        assert kept.tolist() == [0.0, 0.0, 9.0]
        assert other.tolist() == [1.0, 2.0, 3.0]
        assert flags.tolist() == [False, False, True]
        status, kept, other, flags = function(a, 3, 4.0)
        assert (status, kept.size, other.size, flags.dtype) == (1, 0, 0, np.bool_)
    del kept, other, flags
    assert balance() == 0


def test_results_hold_their_memory(short, balance):
    text = """
    (a, n):
        x = np.zeros(n)
        y = x
        x[0] = 1.0
        return x, y, a
    """
    function = module(text, "(float64[::1], int64)").function
    a = np.ones(3)
    x, y, same = function(a, 2)
    x[1] = 5.0
    assert y.tolist() == [1.0, 5.0]
    assert same is a or same.ctypes.data == a.ctypes.data
    del x
    assert y.tolist() == [1.0, 5.0]
    del y, same
    assert balance() == 0


def test_a_negative_size_is_an_error(short):
    function = module("(n):\n    a = np.zeros(n)\n    return a[0]\n", "(int64,)").function
    with pytest.raises(ValueError, match="negative"):
        function(-1)


# -- functions of a module -------------------------------------------------------------------------
EVEN = """
@called("Tuple((int64, float64[::1]))(int64, float64)", error_model="numpy")
def even(n, x):
    if n == 0:
        return 1, np.zeros(2)
    found, a = even(n - 1, x * 0.5)
    b = np.empty(2)
    b[0] = a[0] + x
    b[1] = n
    return 1 - found, b


@called("Tuple((int64, float64))(int64, float64[::1])", error_model="numpy")
def larger(n, a):
    status, b = even(n, a[0])
    return status, b[0]
"""


def test_functions_are_compiled_along(short, balance):
    body = "(n, a):\n    _, x = larger(n, a)\n    status, _ = even(n, x)\n    return status, x\n"
    made = module(body, "(int64, float64[::1])", EVEN)
    assert made.function(4, np.array([1.0])) == (1, 1.875)
    assert made.function(5, np.array([1.0])) == (0, 1.9375)
    assert not made.even.overloads
    assert balance() == 0


def test_what_is_unusual_goes_the_usual_way():
    body = "(n, a):\n    x = [n, 2 * n]\n    status, b = larger(x[1], a)\n    return status, b\n"
    made = module(body, "(int64, float64[::1])", EVEN)
    assert made.function(2, np.array([1.0])) == (1, 1.875)
    assert len(made.even.overloads) == len(made.larger.overloads) == 1


UNUSUAL = {
    "two types": "x = 1\nx = 2.5 + n\nreturn x",
    "two results": "if n > 1:\n    return 1\nreturn 1.5",
    "truth of a number": "if n:\n    return 1\nreturn 0",
    "a chain": "return 0 < n < 3",
    "a loop with else": "for i in range(n):\n    n += 1\nelse:\n    n = 9\nreturn n",
    "continue": "while n < 3:\n    n += 1\n    if n < 3:\n        continue\n    n += 5\nreturn n",
    "a list": "return len([n, n])",
    "a large constant": "return n < 9223372036854775808",
    "no end": "while n < 3:\n    n += 1\n    if n > 2:\n        return n",
}


@pytest.mark.parametrize("body", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual(body, monkeypatch):
    left = []
    monkeypatch.setattr(passes, "_compile_callees", left.append)
    function = module(f"(n):\n{textwrap.indent(body, '    ')}\n", "(int64,)").function
    assert function(2) == function.py_func(2)
    assert len(left) == 1


def test_a_function_without_a_file_is_unusual():
    namespace = {}
    exec("def nowhere(x):\n    return x\n", namespace)
    with pytest.raises(Unusual):
        syntax(namespace["nowhere"])
    with pytest.raises(Unusual):
        syntax(lambda x: x)


def test_a_function_is_compiled_from_the_text_it_was_made_from(tmp_path):
    path = tmp_path / "changed.py"
    path.write_text("def changed(x):\n    return x + 1\n", encoding="utf-8")
    namespace = {}
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), namespace)
    assert syntax(namespace["changed"]).name == "changed"
    exec(compile("def changed(x):\n    return x + 2\n", path, "exec"), namespace)
    with pytest.raises(Unusual):
        syntax(namespace["changed"])


def test_names_with_one_value(short):
    text = """
    (a, n):
        x = a[0]
        y = x
        if n > 1:
            z = x + 1.0
            y = z * z
        for i in range(n):
            w = y
            y = w + i
        return x, y
    """
    made = module(text, "(float64[::1], int64)")
    assert Scopes(syntax(made.function.py_func)).single == {"a", "n", "x", "z", "i", "w"}
    assert made.function(np.array([2.0]), 3) == (2.0, 12.0)


# -- programs --------------------------------------------------------------------------------------
def tapes(x, n):
    """Branches, a loop that is left early, elements, powers, and functions of blocks."""
    y = np.exp(x * 0.1)
    total = 0.0
    for i in range(n):
        for k in range(len(y)):
            if y[k] > 1.0:
                y[k] = y[k] ** 0.5 + x[k] ** 3
            else:
                y[k] -= math.sin(x[k] * i)
            if total > 50.0:
                return total
            total += np.max(y) * y[k]
    return total


def minors(a, n):
    return a[0] if n == 0 else a[n] * minors(a, n - 1) + math.cos(minors(a, n - 1))


@pytest.mark.parametrize("function", [tapes, minors])
def test_derivatives_take_the_short_way(short, function):
    x = np.array([0.3, -0.4, 0.7])
    found = grad(jit(function))(x, 2)
    step = 1e-6
    for k, unit in enumerate(np.eye(3)):
        difference = function(x + step * unit, 2) - function(x - step * unit, 2)
        assert found[k] == pytest.approx(difference / (2 * step), rel=1e-6, abs=1e-8)

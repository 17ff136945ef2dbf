"""isinstance, type and callable are resolved when a function is compiled."""

import numbers
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from sciad.core.errors import CompileError


@dataclass(frozen=True)
class Point:
    """An object."""

    a: float
    b: float


class Pair(NamedTuple):
    """A namedtuple."""

    a: float
    b: float


X, K = np.array([1.0, 2.0, 3.5]), 1.5

TRUE = [
    lambda x, k: isinstance(x, np.ndarray) and isinstance(2 * x[1:], np.ndarray),
    lambda x, k: isinstance(k, float) and isinstance(x[0], float),
    lambda x, k: isinstance(k, (int, float)) and isinstance(x[0], numbers.Real),
    lambda x, k: isinstance(1j * k, complex) and isinstance(1j * x, np.ndarray),
    lambda x, k: isinstance((x, k), tuple) and isinstance([x, k], list),
    lambda x, k: isinstance({"k": k}, dict) and isinstance(range(len(x)), range),
    lambda x, k: isinstance(Point(k, k), Point) and isinstance(Pair(k, k), tuple),
    lambda x, k: isinstance("name", str) and isinstance(None, type(None)),
    lambda x, k: type(x) is np.ndarray and type((x,)) is tuple and type([k]) is list,
    lambda x, k: type(Point(k, k)) is Point and type(Pair(k, k)) is Pair,
    lambda x, k: callable(np.sin) and callable(lambda t: t * k) and callable(Point),
    lambda x, k: np.isscalar(k) and np.isscalar(x[0]) and np.isscalar("name"),
]
FALSE = [
    lambda x, k: isinstance(x, (float, int, list, tuple)),
    lambda x, k: isinstance(k, (int, np.ndarray, list)),
    lambda x, k: isinstance(x[0], np.ndarray) or isinstance((x, k), list),
    lambda x, k: isinstance(Point(k, k), Pair) or isinstance(Pair(k, k), list),
    lambda x, k: type(x) is list or type((x,)) is list or type(Point(k, k)) is Pair,
    lambda x, k: callable(x) or callable(k) or callable(Point(k, k)) or callable("name"),
    lambda x, k: np.isscalar(x) or np.isscalar((k, k)) or np.isscalar([k]),
]


@pytest.mark.parametrize("k", range(len(TRUE) + len(FALSE)))
def test_answers_are_those_of_the_interpreter(k, jit_interpreted, all_ways):
    question = [*TRUE, *FALSE][k]
    assert bool(question(X, K)) == (k < len(TRUE))
    program = lambda x, k: k * k * x[0] if question(x, k) else k + x[1]
    all_ways(jit_interpreted, program, X, K, argnums=(0, 1))


def test_one_function_for_numbers_and_arrays_and_functions(jit_interpreted, all_ways):
    def scaled(f, x):
        g = f if callable(f) else lambda t: f * t
        if isinstance(x, np.ndarray):
            return np.sum(g(x) * x)
        return g(x) * x

    for f in (np.sin, lambda t: t * t * K, 2.5):
        for x in (X, K):
            all_ways(jit_interpreted, scaled, f, x, argnums=(1,))


@pytest.mark.parametrize(
    "question",
    [
        lambda x, n: isinstance(n, int),
        lambda x, n: isinstance(x[0], np.float64),
        lambda x, n: type(x[0]) is float,
        lambda x, n: isinstance(x[0] > 1, bool),
    ],
)
def test_what_depends_on_whose_number_it_is_is_refused(question, jit_interpreted):
    with pytest.raises(CompileError, match="Python's or NumPy's"):
        jit_interpreted(lambda x, n: x[0] if question(x, n) else x[1])(X, 3)


@pytest.mark.parametrize("number", [2.0, 2.0 + 1.0j])
@pytest.mark.parametrize(
    "program",
    [
        lambda x: abs(x) if isinstance(x, numbers.Number) else -abs(x),
        lambda x: abs(x) if isinstance(x, np.ndarray) else -abs(x),
        lambda x: abs(x) if np.isscalar(x) else -abs(x),
    ],
)
def test_an_array_of_no_dimensions_is_no_number(program, number, jit_interpreted):
    compiled = jit_interpreted(program)
    assert compiled(number) == program(number)
    with pytest.raises(CompileError, match="class"):
        compiled(np.array(number))
    assert compiled(number) == program(number)
    assert jit_interpreted(lambda x: x * x)(np.array(number)) == number * number

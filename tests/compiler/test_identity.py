"""`is`, `==` and `in` of functions, objects and members of enums, as the interpreter answers."""

import enum
import functools

import numpy as np
import pytest

from sciad.core.errors import CompileError


class Scheme(enum.Enum):
    EULER = 1
    HEUN = 1.5


class Solver:
    def __init__(self, scheme):
        self.scheme = scheme

    def step(self, t):
        return 2.0 * t if self.scheme is Scheme.HEUN else t * t


class Alike:
    def __eq__(self, other):
        return True

    __hash__ = None


SCHEME, HEUN = Scheme.EULER, Scheme.HEUN
EULER, SOLVER, ALIKE = Solver(SCHEME), Solver(HEUN), Alike()
HELD = (SOLVER, np.sin)
BOUND = functools.partial(np.power, 2.0)
PAIR = (BOUND, np.sin)


def is_global(scheme, k):
    return k if SCHEME is Scheme.EULER else -k


def is_not_global(scheme, k):
    return k if HEUN is not Scheme.EULER and HEUN is Scheme.HEUN else -k


def equals_global(scheme, k):
    return k if SCHEME == Scheme.EULER and SCHEME != Scheme.HEUN else -k


def among(scheme, k):
    return k if SCHEME in (Scheme.HEUN, Scheme.EULER) and HEUN not in (Scheme.EULER,) else -k


def matched(scheme, k):
    match HEUN:
        case Scheme.EULER:
            return k
        case Scheme.HEUN:
            return k * k
        case _:
            return -k


def given(scheme, k):
    return k if scheme is SCHEME else (k * k if scheme == HEUN else -k)


def of_an_object(scheme, k):
    return SOLVER.step(k) + EULER.step(k)


def function_of_a_path(scheme, k):
    f = np.sin if k > 1 else (lambda t: t)
    s = f(k) if f is np.sin else -f(k)
    s += 2.0 * k if f == np.sin else k
    return s + (3.0 * k if f in (np.cos, np.sin) else k)


def keys_that_are_functions(scheme, k):
    return k if np.sin in {np.cos: 1, np.sin: 2} else -k


PROGRAMS = [
    is_global,
    is_not_global,
    equals_global,
    among,
    matched,
    given,
    of_an_object,
    function_of_a_path,
    keys_that_are_functions,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("k", [1.3, 0.7])
def test_as_in_the_interpreter(program, scheme, k, jit_interpreted, all_ways):
    all_ways(jit_interpreted, program, scheme, k, argnums=(1,))


def test_the_method_of_an_object_that_holds_a_member(jit_interpreted):
    compiled = jit_interpreted(lambda f, k: f(k))
    for solver in (SOLVER, EULER, Solver(Scheme.EULER), Solver(Scheme.HEUN)):
        assert compiled(solver.step, 1.3) == solver.step(1.3)


@pytest.mark.parametrize(
    "program",
    [
        lambda k: k if HELD[0] is SOLVER else -k,
        lambda k: k if SOLVER in HELD else -k,
        lambda k: k if ALIKE in (None,) else -k,
        lambda k: k if PAIR[0] is BOUND else -k,
        lambda k: k if BOUND in PAIR else -k,
    ],
)
def test_what_the_form_does_not_tell_is_refused(program, jit_interpreted):
    with pytest.raises(CompileError, match="not known to compiled code") as error:
        jit_interpreted(program)(1.3)
    assert f"{__file__}:{program.__code__.co_firstlineno}" in str(error.value)


def test_comparing_an_array_with_none_is_refused(jit_interpreted):
    with pytest.raises(CompileError, match="array of answers"):
        jit_interpreted(lambda x: 1.0 if x in (None,) else x[0])(np.ones(2))
    assert jit_interpreted(lambda x: 1.0 if x is None else x[0])(2.0 * np.ones(2)) == 2.0

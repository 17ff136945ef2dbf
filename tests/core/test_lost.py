"""Trace or raise: where a derivative would get lost, an error names file and line."""

import json
import math
import struct

import numpy as np
import pytest

from sciad import LostDerivativeError, NotDifferentiableError, grad
from sciad.core.errors import TracingError

NO_SOURCE: dict = {}
exec("import math\ndef f(x):\n    return math.sin(x)\ndef g(x):\n    return x * x", NO_SOURCE)


PROGRAMS = {
    "math.gamma": lambda x: math.gamma(x),
    "np.frexp": lambda x: np.frexp(x)[0],
    "index": lambda x: [1.0, 2.0][x] * x,
    "range": lambda x: sum(range(x)) * x,
    "hash": lambda x: {x: 1.0}[x] * x,
    "set": lambda x: len({x}) * x,
    "no source": NO_SOURCE["f"],
    "bytes": lambda x: np.zeros(3).tobytes().__len__() * math.ldexp(x, 2),
    "array method": lambda x: np.array([x, x]).tobytes(),
    "fromiter": lambda x: np.fromiter([x, x], float)[0],
    "object array": lambda x: np.array([x, None], dtype=object)[0] * math.lgamma(x),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_raises_with_location(name):
    with pytest.raises(TracingError) as info:
        grad(PROGRAMS[name])(0.7)
    assert info.value.hint
    place, _, line = info.value.where.rpartition(":")
    assert place.endswith(("test_lost.py", "<string>"))
    assert int(line) > 0


@pytest.mark.parametrize(
    "program", [lambda x: struct.pack("d", x) and x, lambda x: len(json.dumps(x)) * x]
)
def test_c_code_with_errors_of_its_own(program):
    with pytest.raises((struct.error, TypeError)):
        grad(program)(0.7)


def test_location_is_the_line_of_the_call():
    def f(x):
        y = x + 1.0
        return math.gamma(
            y,
        )

    with pytest.raises(LostDerivativeError) as info:
        grad(f)(1.0)
    assert info.value.where == f"{__file__}:{f.__code__.co_firstlineno + 2}"
    assert "math.gamma" in info.value.what


def test_function_without_source_that_needs_no_following():
    assert grad(NO_SOURCE["g"])(3.0) == 6.0


def test_options_that_are_not_supported():
    with pytest.raises(NotDifferentiableError, match="where"):
        grad(lambda x: np.sum(np.exp(x, where=np.array([True, False]))))(np.ones(2))


def test_int_is_piecewise_constant():
    assert grad(lambda x: int(x) * x + math.floor(x) * x + round(x) * x)(2.3) == 6.0
    assert grad(lambda x: x * [1.0, 5.0][int(x)])(1.2) == 5.0


def test_integer_power_of_modulus():
    with pytest.raises(NotDifferentiableError):
        grad(lambda x: pow(x, 2, 3))(1.0)


def test_derivative_to_a_held_argument():
    with pytest.raises(NotDifferentiableError, match="argument"):
        grad(lambda x: np.sum(np.roll(np.ones(3), x)))(1.0)


def test_arrays_made_by_plain_code_keep_raising():
    import textwrap

    def f(x):
        values = [x, 1.0]
        textwrap.dedent("a")
        return sum(sorted(values)) * np.array(values)[0]

    assert grad(f)(2.0) == pytest.approx(3.0 + 2.0)

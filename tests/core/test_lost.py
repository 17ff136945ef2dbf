"""Trace or raise: where a derivative would get lost, an error names file and line."""

import array
import datetime
import fractions
import math
import struct
import time

import numpy as np
import pytest
import scipy.linalg

import sciad
from sciad import LostDerivativeError, NotDifferentiableError, grad
from sciad.core.errors import SciadError, TracingError

NO_SOURCE: dict = {}
exec("import math\ndef f(x):\n    global y\n    y = math.sin(x)\n    return y", NO_SOURCE)
exec("def g(x):\n    return x * x", NO_SOURCE)
PLAIN = np.zeros(3)


def store(target, value):
    target[0] = value
    return target[0]


#: Programs, and the same with the way out that the hint names.
PROGRAMS = {
    "C function": (lambda x: x * len(time.ctime(x)), lambda x, stop: x * len(time.ctime(stop(x)))),
    "index": (lambda x: [1.0, 2.0][x] * x, lambda x, stop: [1.0, 2.0][int(stop(x))] * x),
    "range": (lambda x: sum(range(x)) * x, lambda x, stop: sum(range(int(stop(x)))) * x),
    "hash": (lambda x: {x: 1.0}[x] * x, lambda x, stop: {stop(x): 1.0}[stop(x)] * x),
    "set": (lambda x: len({x}) * x, lambda x, stop: len({stop(x)}) * x),
    "struct": (
        lambda x: x * len(struct.pack("d", x)),
        lambda x, stop: x * len(struct.pack("d", stop(x))),
    ),
    "json": (
        lambda x: x * len(__import__("json").dumps([x])),
        lambda x, stop: x * len(__import__("json").dumps([stop(x)])),
    ),
    "time": (
        lambda x: x * datetime.timedelta(seconds=x).total_seconds(),
        lambda x, stop: x * datetime.timedelta(seconds=stop(x)).total_seconds(),
    ),
    "array": (
        lambda x: x * array.array("d", [x])[0],
        lambda x, stop: x * array.array("d", [stop(x)])[0],
    ),
    "hexadecimal": (lambda x: x * len(x.hex()), lambda x, stop: x * len(stop(x).hex())),
    "text": (lambda x: x * float(str(x)), lambda x, stop: x * float(str(stop(x)))),
    "plain array": (lambda x: x * store(PLAIN, x), lambda x, stop: x * store(PLAIN, stop(x))),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_raises_with_location(name):
    program, _ = PROGRAMS[name]
    with pytest.raises(SciadError) as info:
        grad(program)(0.7)
    assert info.value.hint
    place, _, line = info.value.where.rpartition(":")
    assert place == __file__
    assert int(line) > 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_hint_works(name):
    _, mended = PROGRAMS[name]
    grad(lambda x: mended(x, sciad.stop_gradient))(0.7)


def test_code_without_source_that_cannot_be_followed():
    with pytest.raises(LostDerivativeError) as info:
        grad(NO_SOURCE["f"])(0.7)
    assert info.value.where == "<string>:4"


def test_the_place_is_the_users_not_a_librarys():
    def f(x):
        return x * float(fractions.Fraction(x))

    with pytest.raises(SciadError) as info:
        grad(f)(0.7)
    assert info.value.where == f"{__file__}:{f.__code__.co_firstlineno + 1}"


def test_a_fortran_routine_is_named():
    with pytest.raises(LostDerivativeError, match=r"dgetrf \(in scipy.linalg.lu_factor\)"):
        grad(lambda a: scipy.linalg.lu_factor(a)[0][0, 0])(np.eye(2))


def test_location_is_the_line_of_the_call():
    def f(x):
        y = x + 1.0
        return x * len(
            time.ctime(
                y,
            )
        )

    with pytest.raises(LostDerivativeError) as info:
        grad(f)(1.0)
    assert info.value.where == f"{__file__}:{f.__code__.co_firstlineno + 3}"
    assert "time.ctime" in info.value.what


def test_function_without_source_that_needs_no_following():
    assert grad(NO_SOURCE["g"])(3.0) == 6.0


def test_values_that_escape():
    kept = []

    def f(x):
        kept.append(x)
        return x * x

    grad(f)(2.0)
    for use in (lambda v: v + 1.0, lambda v: v < 1.0, lambda v: v == 2.0, lambda v: -v):
        with pytest.raises(TracingError):
            use(kept[0])


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

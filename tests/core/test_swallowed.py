"""An error that the plain program does not raise cannot be swallowed by the program."""

import contextlib
import math
import operator
import struct
import unittest

import numpy as np
import pytest

import sciad
from sciad.core.errors import OPEN, SciadError

from .language import Programs, check_program

PROGRAMS = Programs()
swallows, right = PROGRAMS.refused, PROGRAMS.right
NO_SOURCE: dict = {}
exec(
    """
def tried(f, x):
    global last
    try:
        last = f(x)
        return x
    except Exception:
        return 2.0 * x
""",
    NO_SOURCE,
)
PLAIN = np.zeros(3)


def lose(x):
    """Work on plain numbers, which sciad cannot follow."""
    return struct.pack("d", x)


class Quiet:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return True


class Point:
    def __init__(self, x):
        self.x = x

    @property
    def size(self):
        try:
            lose(self.x)
            return self.x
        except Exception:
            return 2.0 * self.x


@swallows
def one_class(x):
    try:
        lose(x)
        return x
    except TypeError:
        return 2.0 * x


@swallows
def several_classes(x):
    try:
        lose(x)
        return x
    except (ValueError, KeyError, TypeError) as error:
        return 2.0 * x + len(str(error))


@swallows
def every_class(x):
    try:
        lose(x)
        return x
    except:  # noqa: E722
        return 2.0 * x


@swallows
def group(x):
    try:
        lose(x)
    except* TypeError:
        x = 2.0 * x
    return x


@swallows
def error_of_another_class(x):
    try:
        lose(x)
        return x
    except TypeError as error:
        raise ValueError("no number") from error


@swallows
def error_made_into_one_of_numpy(x):
    try:
        PLAIN[0] = x
        return x
    except ValueError:
        return 2.0 * x


@swallows
def function_without_calls(x):
    known = {0.5: 1.0}
    try:
        known[x] = x
        return x
    except TypeError:
        return 2.0 * x


@swallows
def generator(x):
    def parts():
        try:
            lose(x)
            yield x
        except Exception:
            yield 2.0 * x

    return sum(parts())


@swallows
def property_of_a_class(x):
    return Point(x).size


@swallows
def key_of_sorted(x):
    def key(v):
        try:
            lose(v)
            return v
        except TypeError:
            return -v

    return sorted([x, 2.0 * x], key=key)[0]


@swallows
def endless_attempts(x):
    while True:
        try:
            lose(x)
            return x
        except TypeError:
            pass


@swallows
def no_derivative(x):
    try:
        return x * np.roll(np.ones(3), round(x) * x / x)[0]
    except TypeError:
        return 2.0 * x


@swallows
def inner_transformation(x):
    def inner(v):
        with Quiet():
            lose(v)
            return v
        return 2.0 * v

    try:
        return sciad.grad(inner)(x)
    except TypeError:
        return 3.0 * x


@swallows
def finally_return(x):
    try:
        lose(x)
        x = 2.0 * x
    finally:
        return x  # noqa: B012


@swallows
def suppressed(x):
    with contextlib.suppress(TypeError):
        lose(x)
        return x
    return 2.0 * x


@swallows
def method_exit(x):
    with Quiet():
        lose(x)
        return x
    return 2.0 * x


@swallows
def unfollowed_library(x):
    case = unittest.FunctionTestCase(lambda: lose(x) and None)
    if case.run().wasSuccessful():
        return x
    return 2.0 * x


@swallows
def no_source(x):
    return NO_SOURCE["tried"](struct.Struct("d").pack, x)


@swallows
def another_error_later(x):
    y = 2.0 * x
    with Quiet():
        lose(x)
        y = x
    try:
        return {}["a"]
    except KeyError:
        return y


@pytest.mark.parametrize("mode", [sciad.grad, lambda f: lambda x: sciad.jvp(f, (x,), (1.0,))])
@pytest.mark.parametrize("name", PROGRAMS.errors)
def test_raised_all_the_same(name, mode):
    program = PROGRAMS.errors[name]
    if name != "error_made_into_one_of_numpy":
        program(0.7)
    with pytest.raises(SciadError) as info:
        mode(program)(0.7)
    assert info.value.where.startswith("<string>" if name == "no_source" else __file__)
    assert info.value.hint
    assert OPEN.errors is None


def test_error_that_comes_instead():
    def f(x):
        with Quiet():
            lose(x)
            return x
        raise RuntimeError("the plain program does not come here")

    with pytest.raises(sciad.LostDerivativeError) as info:
        sciad.grad(f)(0.7)
    assert isinstance(info.value.__context__, RuntimeError)
    assert "except sciad.TracingError" in info.value.__notes__[0]


def test_a_handler_that_tidies_up_runs():
    done = []

    def f(x):
        try:
            lose(x)
        except Exception:
            done.append("f")
            raise
        return x

    with pytest.raises(sciad.LostDerivativeError):
        sciad.grad(f)(0.7)
    assert done == ["f"]


def test_open_contexts_are_left():
    done = []

    @contextlib.contextmanager
    def noting(name):
        try:
            yield
        finally:
            done.append(name)

    def f(x):
        with contextlib.ExitStack() as stack:
            stack.enter_context(noting("first"))
            stack.enter_context(noting("second"))
            stack.callback(done.append, "third")
            lose(x)
        return x

    with pytest.raises(sciad.LostDerivativeError):
        sciad.grad(f)(0.7)
    assert done == ["third", "second", "first"]


def test_an_interrupt_goes_before():
    def f(x):
        with Quiet():
            lose(x)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sciad.grad(f)(0.7)
    assert OPEN.errors is None
    assert sciad.grad(lambda x: x * x)(3.0) == 6.0


# What the program may catch


def accepted_by_name(x):
    try:
        lose(x)
    except sciad.LostDerivativeError:
        return 2.0 * x


def accepted_among_others(x):
    try:
        lose(x)
    except (KeyError, ValueError, sciad.TracingError):
        return 2.0 * x


def accepted_further_out(x):
    try:
        try:
            lose(x)
        except Exception:
            return 3.0 * x
    except sciad.SciadError as error:
        return 2.0 * x + 0.0 * len(error.where)


def accepted_in_a_group(x):
    try:
        lose(x)
    except* sciad.TracingError:
        x = 2.0 * x
    return x


def accepted_by_suppress(x):
    with contextlib.suppress(KeyError, sciad.TracingError):
        lose(x)
    return 2.0 * x


def accepted_in_a_context(x):
    @contextlib.contextmanager
    def accepting():
        try:
            yield
        except sciad.TracingError:
            assert x > 0.0

    with contextlib.ExitStack() as stack:
        stack.enter_context(accepting())
        stack.enter_context(contextlib.nullcontext())
        lose(x)
    return 2.0 * x


def accepted_twice(x):
    y = 0.0
    for _ in range(2):
        try:
            np.roll(np.ones(3), x)
        except sciad.NotDifferentiableError:
            y = y + x
    return y


@pytest.mark.parametrize(
    "program",
    [
        accepted_by_name,
        accepted_among_others,
        accepted_further_out,
        accepted_in_a_group,
        accepted_by_suppress,
        accepted_in_a_context,
        accepted_twice,
    ],
)
def test_accepted_by_a_class_of_sciads(program):
    assert sciad.value_and_grad(program)(0.7) == (1.4, 2.0)


@right
def errors_of_the_plain_program(x):
    y = x
    for attempt in (
        lambda: operator.index(x),
        lambda: iter(x),
        lambda: next(x),
        lambda: len(x),
        lambda: chr(x),
        lambda: math.factorial(x),
        lambda: math.sin([x]),
        lambda: float([x]),
        lambda: float(np.stack([x, x])),
        lambda: {np.stack([x]): 1.0},
        lambda: ",".join([x]),
        lambda: x(1.0),
        lambda: x + "a",
    ):
        try:
            attempt()
        except TypeError:
            y = y * x
    return y


@right
def group_of_the_plain_program(x):
    try:
        raise ExceptionGroup("two", [ValueError(x), KeyError(3.0 * x)])
    except* ValueError as group:
        x = x * group.exceptions[0].args[0]
    except* KeyError as group:
        x = x + group.exceptions[0].args[0]
    return x


@right
def probes(x):
    found = [hasattr(x, "__array_interface__"), hasattr(x, "nothing"), np.iterable(x), np.ndim(x)]
    return x * (1.0 + sum(found)) + getattr(x, "nothing", x)


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_right(name):
    check_program(PROGRAMS.accepted[name])

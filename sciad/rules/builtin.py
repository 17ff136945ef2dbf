"""Built-in functions of Python and parts of the standard library that would drop a derivative."""

import functools
import math
import operator
import sys
import types

import numpy as np

from sciad.core.apply import bind, elementwise
from sciad.core.errors import SCIAD_DIRECTORY
from sciad.core.rules import Elementwise, substitute
from sciad.core.tracer import Scalar, any_traced, dtype_of, is_wrapped, primal_of

__all__: list[str] = []


NUMBER = Elementwise(float, (lambda x, out: 1.0,))


@substitute(float)
def to_float(x=0.0):
    """``float(x)`` of a traced number is the number itself."""
    if not is_wrapped(x):
        return _of_object(x)
    if dtype_of(x).kind == "c":
        raise TypeError("float() argument must be a real number, not complex")
    if isinstance(primal_of(x), np.ndarray):
        float(primal_of(x))  # raises what NumPy raises for more than one number
        x = x.item()
    return elementwise(NUMBER, float, (x,)) if is_wrapped(x) else float(x)


def _of_object(x):
    """``float(x)`` of an object of the user's, whose ``__float__`` may give a traced number."""
    method = getattr(type(x), "__float__", None)
    if not isinstance(method, types.FunctionType):
        return float(x)
    result = method(x)
    if not isinstance(result, float):
        found = type(result).__name__
        raise TypeError(f"{type(x).__name__}.__float__ returned non-float (type {found})")
    return result if is_wrapped(result) else float(result)


@substitute(type)
def type_of(*args, **kwargs):
    """``type(x)`` of a traced value: that of the plain program (NumPy itself sees the truth)."""
    if len(args) == 1 and is_wrapped(args[0]) and not _asked_by_numpy():
        return args[0].__class__
    return type(*args, **kwargs)


def _asked_by_numpy():
    """Whether followed code of NumPy asks; it may then call C functions on plain arrays."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(SCIAD_DIRECTORY):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").startswith("numpy.")


@substitute(print)
def print_(*values, **options):
    """``print`` of traced values: as in the plain program."""
    print(*values, **options)


@substitute(complex)
def to_complex(real=0.0, imag=0.0):
    """``complex(x)`` and ``complex(re, im)``."""
    real, imag = map(_complex_part, (real, imag))
    z = real + 1j * imag
    return elementwise(NUMBER, complex, (z,)) if is_wrapped(z) else complex(z)


def _complex_part(x):
    method = getattr(type(x), "__complex__", None)
    if isinstance(method, types.FunctionType) and not is_wrapped(x):
        return method(x)  # of the user's
    return x if dtype_of(x).kind == "c" else to_float(x)


class Hypot:
    """``math.hypot``, which rounds once; its derivative at 0 is 0."""

    name = "math.hypot"

    def value(self, *coordinates):
        return bind(self, *coordinates) if any_traced(coordinates) else math.hypot(*coordinates)

    def vjp(self, g, out, *coordinates):
        scale = 0.0 if out == 0 else g / out
        return tuple(scale * x for x in coordinates)

    def jvp(self, tangents, out, *coordinates):
        scale = 0.0 if out == 0 else 1.0 / out
        pairs = zip(tangents, coordinates, strict=True)
        return functools.reduce(operator.add, [t * (x * scale) for t, x in pairs if t is not None])


@substitute(math.hypot)
def hypot(*coordinates):
    """``math.hypot`` of any number of coordinates."""
    return bind(Hypot(), *map(to_float, coordinates))


@substitute(math.dist)
def dist(p, q):
    """``math.dist``."""
    return hypot(*(to_float(a) - to_float(b) for a, b in zip(p, q, strict=True)))


class Total:
    """Sum of numbers by a function that rounds in its own way (since Python 3.12 `sum` does)."""

    def __init__(self, name, function):
        self.name = name
        self.function = function

    def value(self, *numbers):
        return bind(self, *numbers) if any_traced(numbers) else self.function(numbers)

    def vjp(self, g, out, *numbers):
        return (g,) * len(numbers)

    def jvp(self, tangents, out, *numbers):
        present = [t for t in tangents if t is not None]
        return functools.reduce(operator.add, present)


def _are_numbers(values):
    return all(type(v) is Scalar or isinstance(v, float | int | np.floating) for v in values)


@substitute(sum)
def sum_(iterable, /, start=0):
    """``sum``."""
    items = [start, *iterable]
    if not _are_numbers(items) or not any_traced(items):
        return sum(items[1:], start)
    return bind(Total("sum", lambda numbers: sum(numbers[1:], numbers[0])), *items)


@substitute(math.fsum)
def fsum(seq):
    """``math.fsum``."""
    items = list(seq)
    return bind(Total("math.fsum", math.fsum), *items)


@substitute(math.prod)
def prod(iterable, *, start=1):
    """``math.prod``."""
    for x in iterable:
        start = start * x
    return start


if hasattr(math, "sumprod"):

    class SumOfProducts:
        """``math.sumprod`` of two halves of the arguments, which rounds once."""

        name = "math.sumprod"

        def value(self, *numbers):
            if any_traced(numbers):
                return bind(self, *numbers)
            half = len(numbers) // 2
            return math.sumprod(numbers[:half], numbers[half:])

        def vjp(self, g, out, *numbers):
            half = len(numbers) // 2
            return tuple(g * number for number in (*numbers[half:], *numbers[:half]))

        def jvp(self, tangents, out, *numbers):
            half = len(numbers) // 2
            others = (*numbers[half:], *numbers[:half])
            parts = [t * n for t, n in zip(tangents, others, strict=True) if t is not None]
            return functools.reduce(operator.add, parts)

    @substitute(math.sumprod)
    def sumprod(p, q):
        """``math.sumprod``."""
        p, q = list(p), list(q)
        if len(p) != len(q):
            raise ValueError("Inputs are not the same length")
        return bind(SumOfProducts(), *p, *q)

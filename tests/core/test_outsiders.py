"""Objects of the user's classes beside traced values: their methods decide, as in Python."""

import datetime
import functools
import operator
from typing import NamedTuple

import numpy as np
import pytest

from .language import Programs, check_outcome, check_program, check_refused

PROGRAMS = Programs()
right, refused = PROGRAMS.right, PROGRAMS.refused


class Gain:
    """Multiplies with the square of what it is given."""

    def __init__(self, a):
        self.a = a

    def __mul__(self, other):
        return 3.0 * self.a * other * other

    def __rmul__(self, other):
        return self.a * other * other

    def __matmul__(self, other):
        return np.sum(self.a * other * other)

    def __rmatmul__(self, other):
        return np.sum(2.0 * self.a * other * other)

    def __lt__(self, other):
        return self.a * other * other

    def __rdivmod__(self, other):
        return self.a * other, other * other

    def __complex__(self):
        return complex(self.a, 2.0 * self.a)


class Items(Gain):
    """A sequence, which NumPy takes for an array."""

    def __len__(self):
        return 2

    def __getitem__(self, k):
        return [self.a, 5.0][k]


class Samples(Gain):
    """Stands for an array."""

    def __array__(self, dtype=None, copy=None):
        return self.a * np.array([1.0, 2.0])


class First(Items):
    """Asks NumPy to be asked first."""

    __array_priority__ = 1.0


class Pair(NamedTuple):
    a: float
    b: float


class Row(list):
    def __matmul__(self, other):
        return self[0] * other


@right
def function_of_an_operator(x):
    return operator.mul(x, Gain(2.0)) * operator.mul(Gain(2.0), x) + operator.mul(x, Gain(x))


@right
def function_of_a_comparison(x):
    return operator.gt(x, Gain(2.0)) * operator.lt(Gain(2.0), x)


@right
def function_in_reduce(x):
    return functools.reduce(operator.mul, [x, Gain(2.0), x])


@right
def function_in_map(x):
    return sum(map(operator.mul, [x, 2.0 * x], [Gain(2.0), Gain(x)]))


@right
def matrix_product_of_a_class(x):
    return (Gain(x) @ x) * (x @ Gain(2.0)) * (Gain(2.0) @ np.array([x, 2.0 * x]))


@right
def matrix_product_of_a_list(x):
    return Row([x]) @ x


@right
def sequence(x):
    return np.sum(np.array([x, 2.0 * x]) * Items(x)) + np.sum(np.float64(2.0) * x * Items(2.0))


@right
def sequence_beside_a_float(x):
    return x * Items(2.0) * x


@right
def sequence_that_goes_first(x):
    return np.sum(np.array([x, 2.0 * x]) * First(x))


@right
def object_for_an_array(x):
    a = np.array([x, 2.0 * x])
    return np.sum(a * Samples(x) + np.ones(2) * Samples(x) + np.hypot(a, Samples(x)))


@right
def ufunc_of_an_object(x):
    return np.sum(np.add(np.ones(2), Samples(x))) + np.sum(np.multiply(x, Samples(2.0)))


@right
def ufunc_of_sequences(x):
    pair = Pair(2.0, x)
    return np.sum(np.add(x, Items(2.0)) * np.multiply(x, pair)) + np.sum(np.array([x, x]) * pair)


@right
def coefficients(x):
    return np.sum(np.array([x, x]) * np.poly1d([1.0, x]))


@right
def division_with_remainder(x):
    a, b = divmod(x, Gain(2.0))
    return a * b


@right
def complex_of_an_object(x):
    z = complex(Gain(x))
    return z.real * z.imag


@right
def matrix_product_of_numbers(x):
    return x @ 2.0


@right
def matrix_product_of_a_number_caught(x):
    try:
        return x @ [2.0]
    except TypeError:
        return 2.0 * x


@refused
def ufunc_of_an_object_with_operators(x):
    return np.multiply(x, Gain(2.0))


@refused
def timedelta(x):
    try:
        return (x * datetime.timedelta(seconds=10)).total_seconds()
    except TypeError:
        return x


@refused
def timedelta_of_numpy(x):
    try:
        return (np.timedelta64(10, "s") * x) / np.timedelta64(1, "s")
    except TypeError:
        return x


@refused
def array_of_timedeltas(x):
    return np.sum(np.array([x, x]) * np.timedelta64(10, "s")) / np.timedelta64(1, "s")


@refused
def array_of_objects(x):
    return np.sum(np.array([x, x]) * np.array([1.0, 2.0], dtype=object))


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_right(name):
    program = PROGRAMS.accepted[name]
    if name == "matrix_product_of_numbers":
        check_outcome(program)
    else:
        check_program(program)


@pytest.mark.parametrize("name", PROGRAMS.errors)
def test_refused(name):
    check_refused(PROGRAMS.errors[name], __file__)

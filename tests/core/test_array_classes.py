"""Subclasses of `numpy.ndarray`: those that compute otherwise are refused."""

import warnings

import numpy as np
import pytest

from sciad import TracingError, grad, jvp, value_and_grad


class Named(np.ndarray):
    """Nothing but a name."""


class Tenfold(np.ndarray):
    def __mul__(self, other):
        return np.asarray(self) * np.asarray(other) * 10.0


class Wrapped(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [np.asarray(x) if isinstance(x, Wrapped) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **kwargs) * 10.0


MASKED = np.ma.array([1.0, 2.0], mask=[False, True])


@pytest.fixture
def matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        yield np.asmatrix(np.array([[1.0, 2.0], [3.0, 4.0]]))


def test_a_masked_array_as_argument():
    with pytest.raises(TracingError, match="MaskedArray cannot be differentiated"):
        grad(lambda x: x.mean())(MASKED)


@pytest.mark.parametrize("transformation", ["grad", "jvp"])
def test_a_masked_array_as_operand(transformation):
    x = np.ones(2)
    function = lambda x: np.mean((x - MASKED) ** 2)
    run = grad(function) if transformation == "grad" else lambda x: jvp(function, (x,), (x,))
    with pytest.raises(TracingError, match="MaskedArray") as caught:
        run(x)
    assert __file__ in str(caught.value)


def test_a_matrix_as_operand(matrix):
    with pytest.raises(TracingError, match=r"numpy\.matrix"):
        grad(lambda x: (x * matrix)[0, 0])(np.ones((2, 2)))
    plain = np.asarray(matrix)
    found = grad(lambda x: (x @ plain)[0, 0])(np.ones((2, 2)))
    assert found.tolist() == [[1.0, 3.0], [0.0, 0.0]]


def test_a_class_with_operators_of_its_own():
    with pytest.raises(TracingError, match="Tenfold"):
        grad(lambda x: np.sum(x * x))(np.ones(2).view(Tenfold))


def test_a_class_with_a_name_only():
    value, gradient = value_and_grad(lambda x: np.sum(x**2))(np.ones(2).view(Named))
    assert value == 2.0
    assert gradient.tolist() == [2.0, 2.0]


def test_an_operand_that_calls_ufuncs_by_name():
    other = np.array([1.0, 2.0]).view(Wrapped)
    value, gradient = value_and_grad(lambda x: np.sum(x * other))(np.ones(2))
    assert value == 30.0
    assert gradient.tolist() == [10.0, 20.0]

"""Warnings of the debugging mode."""

import math
import threading
import warnings

import numpy as np
import pytest

import sciad
from sciad import DependencyWarning, NonFiniteWarning, debugging, grad, jacobian, jvp, vjp


def model(p, t):
    n = int(p["k"])
    s = np.floor(p["q"]) * p["a"]
    u = sciad.stop_gradient(p["z"])
    if p["c"] > 0:
        s = s * 2.0
    return np.sum(t) * s * n * u


P = {"k": 2.5, "q": 1.5, "a": 2.0, "z": 1.0, "c": 1.0}


def messages(function):
    with warnings.catch_warnings(record=True) as found, debugging():
        warnings.simplefilter("always")
        function()
    return found


def test_names_what_cuts_the_dependency():
    found = messages(lambda: grad(model)(P, np.ones(3)))
    first = model.__code__.co_firstlineno
    texts = [str(w.message) for w in found]
    for (path, cut), text in zip(
        [
            ("p['k']", f"int at {__file__}:{first + 1}"),
            ("p['q']", f"floor at {__file__}:{first + 2}"),
            ("p['z']", f"stop_gradient at {__file__}:{first + 3}"),
            ("p['c']", "in conditions"),
        ],
        texts,
        strict=True,
    ):
        assert text.startswith(f"grad: argument {path} does not influence the value of model")
        assert cut in text
    assert {w.filename for w in found} == {__file__}
    assert found[0].lineno == test_names_what_cuts_the_dependency.__code__.co_firstlineno + 1
    assert all(w.category is DependencyWarning for w in found)


def test_says_nothing_where_all_is_well():
    f = lambda x, y: np.sum(np.where(x > 0, x, 0.0) * y)
    x = np.array([1.0, -2.0])
    assert not messages(lambda: grad(f, (0, 1))(x, 3.0))
    assert not messages(lambda: sciad.hessian(lambda x: np.sum(x**3))(x))
    assert not messages(lambda: jacobian(np.sin)(x))
    assert not messages(lambda: jvp(np.sin, (x,), (x,)))


def test_outputs_that_are_constants():
    (found,) = messages(lambda: jacobian(lambda x: (x * 2, 3.0), mode="reverse")(np.ones(2)))
    assert "value[1] depends on no differentiated argument" in str(found.message)
    (found,) = messages(lambda: jvp(lambda x: np.round(x), (1.2,), (1.0,)))
    assert "numpy.round at" in str(found.message)
    found = messages(lambda: vjp(lambda x: 3, 1.0)[1](None))
    assert "returns no number" in str(found[0].message)


def test_only_once_for_many_sweeps():
    assert len(messages(lambda: jacobian(lambda x, y: x, (0, 1), mode="reverse")(X2, X2))) == 1


X2 = np.ones(2)


def test_first_cotangent_that_is_not_finite():
    def f(x):
        y = np.tanh(np.sin(x) * x)
        y = np.arctan(y * x) * x * x
        z = np.sqrt(y)
        for _ in range(5):
            z = np.sin(z) * np.cos(y)
        return np.sum(z * 2.0 + y)

    (found,) = messages(lambda: grad(f)(np.array([0.0, 1.0])))
    assert found.category is NonFiniteWarning
    assert f"{__file__}:{f.__code__.co_firstlineno + 3}: z = np.sqrt(y)" in str(found.message)
    assert not messages(lambda: grad(f)(np.array([2.0, 1.0])))
    # what comes in from outside is not the program's fault
    assert not messages(lambda: vjp(f, np.ones(2))[1](np.inf))


def test_values_of_outer_transformations():
    found = messages(lambda: grad(lambda x: grad(lambda y: y * np.floor(x * y))(2.0) * x)(1.5))
    assert not [w for w in found if w.category is NonFiniteWarning]
    assert not [w for w in found if "argument" in str(w.message)]
    found = messages(lambda: grad(lambda x: grad(lambda y: y * np.floor(x))(2.0))(1.5))
    assert [w for w in found if "argument x does not influence" in str(w.message)]
    assert all("floor at" in str(w.message) for w in found)


def test_off_outside_and_in_other_threads():
    with debugging():
        other = threading.Thread(target=lambda: grad(lambda x: math.floor(x) * 1.0)(1.5))
        other.start()
        other.join()
    assert grad(lambda x: math.floor(x) * 1.0)(1.5) == 0.0
    assert not sciad.core.debugging._watched


def test_nothing_is_left_by_an_exception():
    def failing(x):
        np.floor(x)
        raise KeyError

    with debugging(), pytest.raises(KeyError):
        grad(failing)(1.0)
    assert not sciad.core.debugging._watched


def test_warnings_may_be_errors():
    with debugging(), pytest.raises(DependencyWarning, match="floor"):
        grad(lambda x: np.floor(x))(1.5)

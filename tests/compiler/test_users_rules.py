"""A derivative that the user has defined is never replaced by that of a function's body."""

import contextlib

import numpy as np
import pytest

import sciad
from sciad.compiler import jit
from sciad.core.errors import CompileError

X = np.array([1.0, 2.0])


def total(g, x):
    s = 0.0
    for i in range(len(x)):
        s += g(x[i])
    return s


@contextlib.contextmanager
def ruled(function):
    registration = sciad.rule(function, vjp=lambda c, out, t: c * 100.0)
    try:
        yield
    finally:
        registration.undo()


def square(t):
    return t * t


def captured(compile_, f):
    return sciad.grad(compile_(lambda x: total(f, x)))(X)


def given(compile_, f):
    return sciad.grad(compile_(total), argnums=1)(f, X)


def inside_a_given_one(compile_, f):
    return sciad.grad(compile_(total), argnums=1)(lambda t: f(t), X)


@pytest.mark.parametrize("way", [captured, given, inside_a_given_one])
@pytest.mark.parametrize("made", [lambda f: f, jit], ids=["plain", "jitted"])
def test_functions_with_rules_are_not_read(way, made, jit_interpreted):
    def local(t):
        return t * t

    function = made(local)
    np.testing.assert_array_equal(way(jit_interpreted, function), 2.0 * X)
    with ruled(function), pytest.raises(CompileError, match="rule of its own"):
        way(jit_interpreted, function)
    np.testing.assert_array_equal(way(jit_interpreted, function), 2.0 * X)


def test_a_rule_counts_from_when_it_is_given(jit_interpreted):
    compiled, apply = jit_interpreted(lambda x: total(square, x)), jit_interpreted(total)
    itself = jit_interpreted(square)
    asks = [
        lambda: sciad.grad(compiled)(X),
        lambda: sciad.grad(apply, argnums=1)(square, X),
        lambda: sciad.grad(itself)(3.0),
        lambda: sciad.grad(lambda t: itself(t) * 2.0)(3.0),
    ]
    before = [np.array(ask()) for ask in asks]
    with ruled(square):
        for ask in asks:
            with pytest.raises(CompileError, match="rule of its own"):
                ask()
    for ask, known in zip(asks, before, strict=True):
        np.testing.assert_array_equal(ask(), known)


def test_another_function_of_the_same_code_may_have_a_rule(jit_interpreted):
    def made():
        def local(t):
            return t * t

        return local

    f, other = made(), made()
    compiled = jit_interpreted(lambda x: total(f, x))
    apply = jit_interpreted(total)
    with ruled(other):
        np.testing.assert_array_equal(sciad.grad(compiled)(X), 2.0 * X)
        np.testing.assert_array_equal(sciad.grad(apply, argnums=1)(f, X), 2.0 * X)
        with pytest.raises(CompileError, match="rule of its own"):
            sciad.grad(apply, argnums=1)(other, X)
        f = other
        with pytest.raises(CompileError, match="rule of its own"):
            sciad.grad(compiled)(X)


def test_a_rule_by_name(jit_interpreted):
    compiled = jit_interpreted(lambda x: total(square, x))
    compiled(X)
    registration = sciad.rule(f"{__name__}.square", vjp=lambda c, out, t: c * 100.0)
    try:
        with pytest.raises(CompileError, match="rule of its own"):
            sciad.grad(compiled)(X)
    finally:
        registration.undo()
    np.testing.assert_array_equal(sciad.grad(compiled)(X), 2.0 * X)


def test_the_rule_of_a_compiled_function_is_its_derivative(jit_interpreted):
    compiled = jit_interpreted(square)
    assert sciad.grad(compiled)(3.0) == 6.0
    with ruled(compiled):
        assert compiled(3.0) == 9.0
        assert sciad.grad(compiled)(3.0) == 100.0
        assert sciad.value_and_grad(compiled)(3.0) == (9.0, 100.0)
        assert sciad.grad(lambda t: compiled(t) * 2.0)(3.0) == 200.0
        assert sciad.jacobian(compiled, mode="reverse")(3.0) == 100.0
        with pytest.raises(CompileError, match="rule of its own"):
            sciad.jacobian(compiled, sparse=True)(X)
    assert sciad.grad(compiled)(3.0) == 6.0

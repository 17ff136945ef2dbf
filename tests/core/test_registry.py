import functools

import numpy as np
import pytest

from sciad.core.authoring import rule
from sciad.core.errors import InputError
from sciad.core.rules import (
    Elementwise,
    Nondifferentiable,
    Substitute,
    lookup,
    register,
    temporary,
    unregister,
)


def plain(x):
    return x


def test_lookup_of_unknown():
    assert lookup(plain) is None


def test_register_and_unregister():
    made = Nondifferentiable(plain)
    register(plain, made)
    assert lookup(plain) is made
    unregister(plain)
    assert lookup(plain) is None
    with pytest.raises(InputError):
        unregister(plain)


def test_string_key_finds_the_function():
    name = f"{plain.__module__}.plain"
    made = Nondifferentiable(plain)
    with temporary(name, made):
        assert lookup(plain) is made
    assert lookup(plain) is None


def test_string_key_of_a_method():
    class_key = "some.module.Class.method"
    register(class_key, Nondifferentiable(plain))

    scope = {"__name__": "some.module"}
    exec("def method(): pass", scope)
    method = scope["method"]
    method.__qualname__ = "Class.method"
    assert isinstance(lookup(method), Nondifferentiable)

    @functools.wraps(method)
    def wrapper():
        return method()

    assert lookup(wrapper) is None  # it bears the name of what it wraps
    unregister(class_key)


def test_name_without_module_is_refused():
    with pytest.raises(InputError, match=r"module\.qualname"):
        register("gamma", Nondifferentiable(plain))


def test_substitute_target_is_imported_on_first_use():
    made = Substitute(plain, "fractions:Fraction.from_float")
    assert made.resolved(0.5).denominator == 2


def test_type_brings_its_own_rule():
    class Solver:
        __sciad_rule__ = Nondifferentiable(plain)

        def __call__(self):
            return None

    assert lookup(Solver()) is Solver.__sciad_rule__


def test_temporary_restores_an_earlier_rule():
    first, second = Nondifferentiable(plain), Nondifferentiable(plain)
    with temporary(plain, first):
        with temporary(plain, second):
            assert lookup(plain) is second
        assert lookup(plain) is first


def test_unhashable_callable():
    class Weird:
        __hash__ = None

        def __call__(self):
            return None

    assert lookup(Weird()) is None


def test_rule_has_one_kind():
    with pytest.raises(InputError, match="one kind"):
        rule(plain, partials=(np.cos,), nondifferentiable=True)


def test_rule_registers_partials():
    rule(plain, partials=(lambda x, out: 1.0,))
    assert isinstance(lookup(plain), Elementwise)
    unregister(plain)

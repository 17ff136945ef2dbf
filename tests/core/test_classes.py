"""The code of classes is exchanged while a transformation runs, and only then."""

import gc
import inspect
import math
import weakref

import numpy as np
import pytest

import sciad
from sciad.core.classes import RUNNING


class Wave:
    def __init__(self, a):
        self.a = a

    def __add__(self, other):
        return Wave(math.sin(self.a) + other.a)

    @property
    def height(self):
        return math.exp(self.a)

    @staticmethod
    def of(a):
        return Wave(math.cos(a))


def codes():
    members = [*vars(Wave).values(), Wave.height.fget, Wave.of]
    return [m.__code__ for m in members if hasattr(m, "__code__")]


def program(x):
    return (Wave(x) + Wave.of(x)).height


def test_own_code_comes_back():
    before = codes()
    sciad.grad(program)(0.3)
    assert all(a is b for a, b in zip(before, codes(), strict=True))
    assert RUNNING.depth == 0


def test_own_code_comes_back_after_an_error():
    before = codes()

    def failing(x):
        program(x)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        sciad.grad(failing)(0.3)
    assert all(a is b for a, b in zip(before, codes(), strict=True))


def test_inner_transformations_do_not_end_the_outer_one():
    def outer(x):
        inner = sciad.grad(program)(x)
        return inner * program(x)

    step = 1e-6
    expected = (outer(0.3 + step) - outer(0.3 - step)) / (2 * step)
    assert sciad.grad(outer)(0.3) == pytest.approx(expected, rel=1e-7)


def test_local_classes_are_not_kept():
    kept = []

    def f(x):
        class Local:
            def __init__(self, v):
                self.v = v

            def __mul__(self, other):
                return math.sin(self.v * other)

        kept.append(weakref.ref(Local))
        return Local(x) * x

    for _ in range(3):
        sciad.grad(f)(0.5)
    gc.collect()
    assert sum(reference() is not None for reference in kept) <= 1


def test_rule_of_an_operator_method_wins():
    class Number:
        def __init__(self, v):
            self.v = v

        def scaled(self, k):
            return self.v * k

    with sciad.core.rules.temporary(
        Number.scaled, sciad.core.rules.Substitute(Number.scaled, lambda self, k: 5.0 * self.v)
    ):
        assert sciad.grad(lambda x: Number(x).scaled(np.sin(x)))(0.5) == 5.0


def test_objects_met_late():
    class Box:
        def __getitem__(self, k):
            return math.sin(k)

    boxes: list = []

    def f(x):
        return boxes[0][x]

    boxes.append(Box())
    assert sciad.grad(f)(0.5) == math.cos(0.5)


def test_signatures_are_those_of_the_class():
    class Model:
        def __init__(self, a, *, b=1.0):
            self.a, self.b = a, b

        def __call__(self, x, y=2.0):
            return math.sin(x * y)

        def rate(self, x, k):
            return math.exp(x * k)

        async def fetch(self, x):
            return x

    def f(x):
        model = Model(x)
        counts = [len(inspect.signature(g).parameters) for g in (Model, model, model.rate)]
        assert counts == [2, 2, 2]
        assert model.rate.__code__.co_argcount == 3
        assert inspect.iscoroutinefunction(model.fetch)
        return model(x) * model.rate(x, 1.0) * len(inspect.signature(model.rate).parameters)

    assert sciad.grad(f)(0.5) == pytest.approx(
        2 * math.exp(0.5) * (2 * math.cos(1.0) + math.sin(1.0))
    )


def test_unhashable_callable_objects():
    class Model:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other):
            raise AssertionError("the dispatcher compares objects")

        def __call__(self, x):
            return math.sin(x)

        def method(self, x):
            return math.cos(x)

    model = Model()
    assert sciad.grad(model)(0.5) == math.cos(0.5)
    assert sciad.grad(lambda x: model.method(x))(0.5) == -math.sin(0.5)

"""Small programs of one float and what is asked of them: shared by the tests of the language."""

from collections.abc import Callable
from typing import Any

import pytest

import sciad
from sciad.core.errors import SciadError

X, STEP = 0.7, 1e-5


class Programs:
    """Programs that must be right, and programs that must be refused, by name."""

    def __init__(self) -> None:
        self.accepted: dict[str, Callable] = {}
        self.errors: dict[str, Callable] = {}

    def right(self, function: Callable) -> Callable:
        """Decorate a program that has a derivative."""
        self.accepted[function.__name__] = function
        return function

    def refused(self, function: Callable) -> Callable:
        """Decorate a program that loses its derivative."""
        self.errors[function.__name__] = function
        return function


def difference(function: Callable[[float], Any]) -> float:
    return float((function(X + STEP) - function(X - STEP)) / (2 * STEP))


def check_program(function: Callable[[float], Any]) -> None:
    """Value of the plain program; derivatives in both modes and of second order."""
    value, derivative = sciad.value_and_grad(function)(X)
    assert value == function(X)
    assert derivative == pytest.approx(difference(function), rel=1e-6, abs=1e-7)
    _, tangent = sciad.jvp(function, (X,), (1.0,))
    assert tangent == pytest.approx(derivative, rel=1e-10, abs=1e-12)
    second = sciad.grad(sciad.grad(function))(X)
    assert second == pytest.approx(difference(sciad.grad(function)), rel=1e-5, abs=1e-6)


def outcome(function: Callable[[float], Any]) -> Any:
    """Value of a program, or the type of the exception it ends with."""
    try:
        return function(X)
    except Exception as error:
        return type(error)


def check_outcome(function: Callable[[float], Any]) -> None:
    """The plain program's exception; where it returns, all that `check_program` asks."""
    plain = outcome(function)
    if isinstance(plain, type):
        assert outcome(sciad.value_and_grad(function)) is plain
        assert outcome(lambda x: sciad.jvp(function, (x,), (1.0,))) is plain
        assert outcome(sciad.grad(sciad.grad(function))) is plain
    else:
        check_program(function)


def check_refused(function: Callable[[float], Any], file: str) -> None:
    """An error of sciad's that names the user's line and a way out."""
    function(X)
    with pytest.raises(SciadError) as info:
        sciad.grad(function)(X)
    place, _, line = (info.value.where or "").rpartition(":")
    assert place == file
    first = function.__code__.co_firstlineno
    assert first <= int(line) <= first + 12
    assert info.value.hint

import inspect

import pytest

from sciad.core import errors
from sciad.core.errors import LostDerivativeError, SciadError, user_location


def test_message_has_what_where_hint():
    error = SciadError("what happened", where="a.py:3", hint="do this")
    assert str(error).splitlines() == ["what happened", "  where: a.py:3", "  hint: do this"]
    assert (error.what, error.where, error.hint) == ("what happened", "a.py:3", "do this")


def test_parts_are_optional():
    assert str(SciadError("alone")) == "alone"


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InputError", ValueError),
        ("TracingError", TypeError),
        ("LostDerivativeError", errors.TracingError),
        ("NotDifferentiableError", TypeError),
        ("CompileError", TypeError),
        ("IntegrationError", RuntimeError),
    ],
)
def test_tree_of_exceptions(name, builtin):
    kind = getattr(errors, name)
    assert issubclass(kind, SciadError)
    assert issubclass(kind, builtin)


def test_user_location_is_this_line():
    line = inspect.currentframe().f_lineno + 1
    here = user_location()
    assert here == f"{__file__}:{line}"


def test_lost_derivative_is_a_type_error():
    with pytest.raises(TypeError):
        raise LostDerivativeError("lost")

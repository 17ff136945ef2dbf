import ast
import dataclasses
import functools
import importlib
import math

import numpy as np
import pytest

import sciad
from sciad.core.errors import InputError, TracingError
from sciad.core.source import captured, rebind, source_of
from sciad.core.tree import flatten

RATE = 0.25
COUNT = 3


def scaled(x):
    return RATE * x


def uses_helper(x):
    return scaled(x) + COUNT


def wrapping(function):
    @functools.wraps(function)
    def wrapper(x):
        return function(x)

    return wrapper


@wrapping
def decorated(x):
    return x


class Model:
    def __init__(self, k):
        self.k = k

    def rhs(self, t, y):
        return -self.k * y

    def __private(self, x):
        return x


@dataclasses.dataclass
class Rates:
    a: float
    n: int


def test_def_is_found_with_true_lines():
    source = source_of(scaled)
    assert isinstance(source.node, ast.FunctionDef)
    assert source.node.lineno == scaled.__code__.co_firstlineno
    assert source.location().endswith(f"test_source.py:{source.node.lineno}")


def test_lambdas_on_one_line_are_told_apart():
    first, second = (lambda x: x + 1), (lambda x: math.sin(x))
    assert ast.unparse(source_of(first).node) == "lambda x: x + 1"
    assert ast.unparse(source_of(second).node) == "lambda x: math.sin(x)"


def test_nested_lambdas_are_told_apart():
    outer = lambda x: lambda y: x * y
    assert ast.unparse(source_of(outer).node) == "lambda x: lambda y: x * y"
    assert ast.unparse(source_of(outer(1)).node) == "lambda y: x * y"


def test_lambda_inside_call_on_several_lines():
    first, second = (
        lambda x: x + 1,
        lambda x: x + 2,
    )
    assert ast.unparse(source_of(first).node) == "lambda x: x + 1"
    assert ast.unparse(source_of(second).node) == "lambda x: x + 2"


def test_wrapper_and_wrapped():
    assert source_of(decorated).node.name == "wrapper"
    assert source_of(decorated.__wrapped__).node.name == "decorated"


def test_method_knows_its_class():
    source = source_of(Model.rhs)
    assert source.class_name == "Model"
    assert source.mangle("__x") == "_Model__x"
    assert source.mangle("__x__") == "__x__"
    assert source_of(Model(1.0).rhs).node is source.node


def test_builtin_and_exec_have_no_source():
    with pytest.raises(TracingError, match="not a Python function"):
        source_of(len)
    scope = {}
    exec("def f(x):\n    return x\n", scope)
    with pytest.raises(TracingError, match="no source"):
        source_of(scope["f"])


def test_changed_file_is_noticed(tmp_path, monkeypatch):
    path = tmp_path / "changed_model.py"
    path.write_text("def f(x):\n    return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import changed_model

    path.write_text("# a new first line\ndef f(x, y):\n    return x\n")
    with pytest.raises(TracingError, match="does not match"):
        source_of(changed_model.f)


def test_captures_cells():
    k, n, table = 2.0, 3, {"w": np.ones(2), "name": "a"}
    found = captured(lambda x: k * x + n + table["w"])
    assert (found["k"], found["n"]) == (2.0, 3)
    assert found["table"] is table


def test_captures_globals_but_not_modules():
    assert captured(scaled) == {"RATE": 0.25}


def test_captures_functions_recursively():
    found = captured(uses_helper)
    assert found["COUNT"] == 3
    assert found["scaled"]["RATE"] == 0.25
    assert flatten(found)[0] == [0.25]


def test_captures_recursive_function_once():
    def fact(n):
        return RATE if n == 0 else n * fact(n - 1)

    assert flatten(captured(fact))[0] == [0.25]


def test_captures_names_of_inner_functions():
    def outer(x):
        def inner(y):
            return RATE * y

        return inner(x)

    assert captured(outer)["RATE"] == 0.25


def test_attribute_name_is_not_a_global():
    class Holder:
        RATE = 1.0

    assert "RATE" not in captured(lambda h: h.RATE)


def test_captures_defaults():
    def f(x, k=2.0, *, m=3.0):
        return k * m * x

    assert captured(f) == {"__default__.m": 3.0, "__default__.0": 2.0}


def test_captures_method_attributes_and_partial():
    assert flatten(captured(Model(1.5).rhs))[0] == [1.5]
    assert flatten(captured(functools.partial(scaled, 2.0)))[0] == [0.25, 2.0]


def test_rebind_cell_global_helper():
    k = 2.0
    f = lambda x: k * x
    assert rebind(f, {"k": 5.0})(3.0) == 15.0
    assert f(3.0) == 6.0
    assert rebind(scaled, {"RATE": 2.0})(3.0) == 6.0
    values = captured(uses_helper)
    values["scaled"]["RATE"] = 1.0
    assert rebind(uses_helper, values)(2.0) == 5.0
    assert uses_helper(2.0) == 3.5


def test_rebind_defaults_methods_partials():
    def f(x, k=2.0, *, m=3.0):
        return k * m * x

    assert rebind(f, {"__default__.0": 1.0, "__default__.m": 1.0})(4.0) == 4.0
    model = Model(1.5)
    values = captured(model.rhs)
    values["__self__"]["k"] = 2.0
    assert rebind(model.rhs, values)(0.0, 1.0) == -2.0
    assert model.k == 1.5
    part = functools.partial(f, k=1.0)
    changed = captured(part)
    changed["keywords"] = {"k": 10.0}
    assert rebind(part, changed)(1.0) == 30.0


def test_rebind_dataclass_capture():
    rates = Rates(2.0, 3)
    f = lambda x: rates.a * x
    assert rebind(f, {"rates": Rates(4.0, 3)})(1.0) == 4.0


def test_rebind_unknown_name():
    with pytest.raises(InputError, match="does not capture"):
        rebind(scaled, {"nothing": 1.0})


def test_a_file_edited_after_its_import_is_not_read(tmp_path, monkeypatch):
    file = tmp_path / "edited_later.py"
    file.write_text("import math\n\ndef f(x):\n    return 2.0 * x\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("edited_later")
    file.write_text("import math\n\ndef f(x):\n    return 7.0 * x\n", encoding="utf-8")
    with pytest.raises(TracingError, match=r"changed after it was imported"):
        source_of(module.f)
    assert sciad.grad(module.f)(1.0) == 2.0  # of the code that runs

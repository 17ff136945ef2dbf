"""Functions without source: followed by their bytecode, or refused, never wrong."""

import importlib
import linecache
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sciad
from sciad.core.errors import SciadError, TracingError
from sciad.core.sourceless import StandIn

from .language import check_outcome, check_program

SCOPE: dict = {"__name__": "from_text"}
TEXT = Path(__file__).with_name("sourceless_programs.py").read_text()
exec(compile(TEXT, "<text>", "exec"), SCOPE)
#: These write global names, read namespaces, or call a class of NumPy's where it cannot be seen.
REFUSED = {"run_globalc", "run_classin", "run_glob", "run_np64", "run_vec"}
PROGRAMS = {n: f for n, f in SCOPE.items() if n.startswith(("run_", "with_"))}


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - REFUSED))
def test_followed(name):
    check_outcome(PROGRAMS[name])


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(name):
    PROGRAMS[name](0.7)
    with pytest.raises(SciadError) as info:
        sciad.grad(PROGRAMS[name])(0.7)
    assert info.value.where.startswith("<text>:")
    assert info.value.hint


def test_lambda_of_eval():
    check_program(eval("lambda x: math.sin(x) * float(x)", {"math": math}))


def test_type_checks_in_code_that_is_refused():
    scope = {"math": math}
    exec("def f(x, g):\n    return x if type(x) is float and g is not f else math.sin(x)", scope)
    with pytest.raises(TracingError, match="asks for types"):
        sciad.grad(scope["f"])(0.7, 1)


def test_arrays_are_not_given_to_code_that_is_refused():
    scope = {"np": np}
    exec("def f(a):\n    global last\n    last = np.asarray(a)\n    return last", scope)

    def program(x):
        buffer = np.ones(3)
        alias = scope["f"](buffer)
        buffer[0] = x
        return np.sum(alias) * x

    with pytest.raises(TracingError, match="no source"):
        sciad.grad(program)(2.0)


def test_deleted_and_edited_files(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "vanishing.py"
    text = "import math\n\ndef helper(x):\n    return math.exp(x)\n\n"
    text += "def f(x):\n    return math.sin(x) * helper(x)\n"
    file.write_text(text)
    module = importlib.import_module("vanishing")
    monkeypatch.delitem(sys.modules, "vanishing")
    expected = math.exp(0.7) * (math.sin(0.7) + math.cos(0.7))
    file.write_text(text.replace("sin", "cos"))
    linecache.clearcache()
    assert sciad.grad(module.f)(0.7) == pytest.approx(expected)
    os.remove(file)
    linecache.clearcache()
    assert sciad.grad(module.f)(0.7) == pytest.approx(expected)


SCRIPT = """
import math, sciad
class Wave:
    def __init__(self, a):
        self.a = math.sin(a)
    def __add__(self, other):
        return Wave(self.a * math.exp(other.a))
def f(x):
    return (Wave(x) + Wave(x)).a

h = 1e-6
print(abs(sciad.grad(f)(0.7) - (f(0.7 + h) - f(0.7 - h)) / (2 * h)) < 1e-8)
"""


@pytest.mark.parametrize("arguments", [["-c", SCRIPT], ["-i", "-q"]])
def test_command_line_and_prompt(arguments):
    given = SCRIPT.replace("\ndef f", "\n\ndef f") if "-i" in arguments else None
    done = subprocess.run(
        [sys.executable, *arguments], input=given, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("True"), done.stderr


def test_notebook_cells_have_source():
    text = "import math\ndef f(x):\n    return math.sin(x)\n"
    name = "<ipython-input-1-0123456789ab>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    scope: dict = {}
    exec(compile(text, name, "exec"), scope)
    assert sciad.grad(scope["f"])(0.7) == math.cos(0.7)
    del linecache.cache[name]


def test_stand_ins_look_like_the_functions():
    stand_in = StandIn(np.sin, lambda f, *args: f(*args))
    assert stand_in == np.sin
    assert hash(stand_in) == hash(np.sin)
    assert isinstance(stand_in, np.ufunc)
    assert repr(stand_in) == repr(np.sin)
    assert stand_in.nin == 1
    assert stand_in(0.0) == 0.0


def test_globals_are_read_live():
    scope: dict = {"k": 2.0}
    exec("import math\ndef f(x):\n    return math.sin(x) * k", scope)
    assert sciad.grad(scope["f"])(0.0) == 2.0
    scope["k"] = 3.0
    assert sciad.grad(scope["f"])(0.0) == 3.0

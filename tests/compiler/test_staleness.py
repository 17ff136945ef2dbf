"""Compiled code is never older than what it was made from: modules, defaults, files."""

import importlib
import linecache
import os
import subprocess
import sys
import textwrap

import pytest

from sciad.compiler import jit
from sciad.core.errors import CompileError

MAIN = """
from sciad import jit
import {helper} as h

@jit
def root(x):
    return h.scaled(x) if h.MODE == "on" else x

@jit
def numbers(x):
    return h.through_number(x)
"""
HELPER = """
MODE = "on"
COUNT = 1
RATE = 0.5

def inner(x):
    return {factor} * x

def scaled(x):
    return inner(x) * COUNT

def through_number(x):
    return RATE * x
"""


class Files:
    """Writes modules into a directory and imports them."""

    def __init__(self, directory):
        self.directory = directory

    def write(self, name, text, **values):
        text = textwrap.dedent(text).format(**values) if values else textwrap.dedent(text)
        (self.directory / f"{name}.py").write_text(text)
        importlib.invalidate_caches()

    def load(self, name):
        linecache.checkcache()
        return importlib.import_module(name)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Files(tmp_path)
    for name in [n for n in sys.modules if n.startswith("stale_")]:
        del sys.modules[name]


def test_what_is_reached_through_a_module_is_watched(files):
    files.write("stale_helper", HELPER, factor=3.0)
    files.write("stale_main", MAIN, helper="stale_helper")
    main, helper = files.load("stale_main"), files.load("stale_helper")
    assert main.root(1.0) == 3.0
    helper.COUNT = 2
    assert main.root(1.0) == 6.0
    helper.inner = lambda x: 5.0 * x
    assert main.root(1.0) == 10.0
    helper.scaled = lambda x: 7.0 * x
    assert main.root(1.0) == 7.0
    helper.MODE = "off"
    assert main.root(1.0) == 1.0


def test_numbers_behind_a_module_are_refused(files):
    files.write("stale_helper2", HELPER, factor=3.0)
    files.write("stale_main2", MAIN, helper="stale_helper2")
    with pytest.raises(CompileError, match=r"captures numbers(.|\n)*by name") as caught:
        files.load("stale_main2").numbers(1.0)
    assert caught.value.where.endswith("stale_main2.py:11")


def test_a_module_that_was_replaced_is_refused(files):
    files.write("stale_helper3", HELPER, factor=3.0)
    files.write("stale_main3", MAIN, helper="stale_helper3")
    main = files.load("stale_main3")
    del sys.modules["stale_helper3"]
    with pytest.raises(CompileError, match="not the module of that name"):
        main.root(1.0)


def test_another_process_sees_an_edited_helper(files):
    files.write("stale_main4", MAIN, helper="stale_helper4")
    program = "import stale_main4 as m; print(m.root(1.0))"
    found = []
    for factor in (3.0, 4.0):
        files.write("stale_helper4", HELPER, factor=factor)
        environment = {**os.environ, "PYTHONPATH": str(files.directory)}
        done = subprocess.run(
            [sys.executable, "-B", "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(float(done.stdout))
    assert found == [3.0, 4.0]


def test_a_file_changed_after_its_import_is_refused(files):
    files.write("stale_edited", "def f(x):\n    return 2.0 * x\n")
    edited = files.load("stale_edited")
    files.write("stale_edited", "def f(x):\n    return 7.0 * x\n")
    with pytest.raises(CompileError, match=r"changed after it was imported") as caught:
        jit(edited.f)(1.0)
    assert caught.value.where.endswith("stale_edited.py:1")
    linecache.checkcache()
    assert jit(importlib.reload(edited).f)(1.0) == 7.0


def with_default(x, factor=2.0):
    return factor * x


def test_changed_defaults_and_code_are_noticed(monkeypatch):
    compiled = jit(with_default)
    assert compiled(3.0) == 6.0
    monkeypatch.setattr(with_default, "__defaults__", (5.0,))
    assert compiled(3.0) == 15.0
    monkeypatch.setattr(with_default, "__code__", (lambda x, factor: x + factor).__code__)
    assert compiled(3.0) == 8.0


def test_a_builtin_that_is_shadowed_later_is_noticed(monkeypatch):
    assert uses_builtin(-2.0) == 2.0
    monkeypatch.setitem(globals(), "abs", lambda x: 10.0 * x)
    assert uses_builtin(-2.0) == -20.0


@jit
def uses_builtin(x):
    return abs(x)

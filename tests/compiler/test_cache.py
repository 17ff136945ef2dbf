"""Emitted modules on disk: second process, damage, staleness, concurrency, read-only places."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sciad.compiler.back.cache as cache

MODEL = """
import numpy as np
SCALE = {scale}

def helper(x):
    return {factor} * x

def rhs(t, y, p):
    return [SCALE * np.sin(y[0]) * p["k"] + helper(y[1]), y[0]]
"""

MAIN = """
import ctypes, json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import sciad.rules
import sciad.compiler.front.frontend as frontend
import sciad.compiler.back.cache as cache
from sciad.compiler import native
lowered = []
before = frontend.Front.lower
def count(self, *args):
    lowered.append(1)
    return before(self, *args)
frontend.Front.lower = count
import numba.core.compiler as compiler
compiled = []
stage = compiler.compile_extra
def watch(*args, **options):
    compiled.append(1)
    return stage(*args, **options)
compiler.compile_extra = watch
from model import rhs
made = native(rhs, 2, args=({"k": 2.0},))
pointer = ctypes.POINTER(ctypes.c_double)
at = lambda a: a.ctypes.data_as(pointer)
p, y, w = np.array([2.0, 3.0]), np.array([0.5, -1.0]), np.array([1.0, 0.25])
p = np.array([2.0, float(__import__("model").SCALE)])
bars = np.zeros(1), np.zeros(2), np.zeros(2)
function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_double, *[pointer] * 6)
status = function(made.vjp)(0.0, *map(at, (y, p, w, *bars)))
print(json.dumps({"status": status, "ybar": bars[1].tolist(), "lowered": len(lowered),
                  "compiled": len(compiled), "directory": str(cache.cache_directory())}))
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "main.py").write_text(MAIN)
    write_model(tmp_path)
    return tmp_path


def write_model(place, scale=3.0, factor=2.0):
    (place / "model.py").write_text(MODEL.format(scale=scale, factor=factor))


def start(place, directory=None, **more):
    environment = {**os.environ, "SCIAD_CACHE_DIR": str(directory or place / "cache"), **more}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-W", "error", str(place / "main.py"), str(place)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(out.splitlines()[-1])


def expected(scale=3.0, factor=2.0):
    return [scale * np.cos(0.5) * 2.0 + 0.25, factor]


def test_a_second_process_neither_lowers_nor_compiles(place):
    first = finish(start(place))
    assert first["lowered"] > 0
    assert first["compiled"] > 0
    second = finish(start(place))
    assert (second["lowered"], second["compiled"]) == (0, 0)
    for result in (first, second):
        assert result["status"] == 0
        np.testing.assert_allclose(result["ybar"], expected(), rtol=1e-14)


def test_changed_numbers_and_changed_helpers(place):
    finish(start(place))
    write_model(place, scale=5.0)
    changed = finish(start(place))  # SCALE is an input: the same machine code serves
    assert changed["lowered"] == 0
    np.testing.assert_allclose(changed["ybar"], expected(scale=5.0), rtol=1e-14)
    write_model(place, scale=5.0, factor=7.0)
    changed = finish(start(place))  # the helper's code is another one
    assert changed["lowered"] > 0
    np.testing.assert_allclose(changed["ybar"], expected(scale=5.0, factor=7.0), rtol=1e-14)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """Return a model with a filled cache, to be copied."""
    place = tmp_path_factory.mktemp("warm")
    (place / "main.py").write_text(MAIN)
    write_model(place)
    finish(start(place))
    return place


@pytest.mark.parametrize("what", ["*.json", "*.py", "__pycache__/*.nbi", "__pycache__/*.nbc"])
def test_damaged_files_are_made_again(warm, tmp_path, what):
    directory = tmp_path / "cache"
    shutil.copytree(warm / "cache", directory)
    files = list(directory.rglob(what))
    assert files
    for file in files:
        file.write_bytes(b"\x00 not what it was")
    again = finish(start(warm, directory))
    np.testing.assert_allclose(again["ybar"], expected(), rtol=1e-14)
    assert finish(start(warm, directory))["compiled"] == 0


def test_processes_at_the_same_time(place):
    running = [start(place) for _ in range(3)]
    for process in running:
        np.testing.assert_allclose(finish(process)["ybar"], expected(), rtol=1e-14)
    assert finish(start(place))["compiled"] == 0
    assert not list((place / "cache").rglob("*.tmp"))


def test_where_nothing_can_be_written_a_temporary_directory_serves(place):
    blocker = place / "file"
    blocker.write_text("not a directory")
    result = finish(start(place, blocker / "cache"))
    np.testing.assert_allclose(result["ybar"], expected(), rtol=1e-14)
    assert not Path(result["directory"]).exists()  # it went with the process
    assert not result["directory"].startswith(str(place))


def test_a_written_module_is_named_by_its_text(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIAD_CACHE_DIR", str(tmp_path))
    first, second = cache.write("f", "A = 1\n"), cache.write("f", "A = 2\n")
    assert first != second
    assert cache.load(first).A == 1
    second.write_text("A = 3\n")
    assert cache.write("f", "A = 2\n") == second
    assert cache.load(second).A == 2


def test_the_index_refuses_what_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIAD_CACHE_DIR", str(tmp_path))
    path = cache.write("f", "A = 1\n")
    cache.note("key", path, {"fact": 1})
    assert cache.find("key") == (path, {"fact": 1})
    assert cache.find("other") is None
    path.write_text("A = 9\n")
    assert cache.find("key") is None
    path.unlink()
    assert cache.find("key") is None


def test_names_of_any_kind(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIAD_CACHE_DIR", str(tmp_path))
    path = cache.write("<lambda> größe", "A = 1\n")
    assert path.name.isascii()
    assert "<" not in path.name


def test_a_module_that_another_process_takes_away_before_it_is_loaded(monkeypatch, tmp_path):
    monkeypatch.setenv("SCIAD_CACHE_DIR", str(tmp_path))
    path = cache.write("gone", "answer = 42\n")
    shutil.rmtree(tmp_path)
    assert cache.load(path).answer == 42

"""The cache as a jitted gradient uses it: second process, truncation, concurrency, no home."""

import gc
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sciad
import sciad.compiler.back.cache as cache
from sciad.compiler.back import cached

MODEL = """
import math
import sciad

def step(x, k):
    return x + 0.1 * math.sin(x * k)

@sciad.jit
def loss(x, k):
    y = x[0]
    for i in range(40):
        y = step(y, k) * x[1]
    return y
"""

MAIN = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import sciad, sciad.compiler
import sciad.compiler.front.frontend as frontend
import numba.core.compiler as compiler
counts = {"lowered": 0, "compiled": 0}

def counted(owner, name, key):
    before = getattr(owner, name)
    def call(*args, **options):
        counts[key] += 1
        return before(*args, **options)
    setattr(owner, name, call)

counted(frontend.Front, "lower", "lowered")
counted(compiler, "compile_extra", "compiled")
from model import loss
for _ in range(int(sys.argv[2])):
    gradient = sciad.grad(loss)(np.array([0.5, 0.99]), 1.3)
    if len(sys.argv) > 3:
        sciad.cache_clear()
print(json.dumps({**counts, "gradient": gradient.tolist(),
                  "directory": str(sciad.compiler.cache_directory()),
                  "package": os.path.dirname(sciad.__file__)}))
"""


def write(place):
    (place / "main.py").write_text(MAIN)
    (place / "model.py").write_text(MODEL)


@pytest.fixture
def place(tmp_path):
    write(tmp_path)
    return tmp_path


def start(place, directory, *arguments, **more):
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **more}
    environment.pop("SCIAD_CACHE_DIR", None)
    if directory is not None:
        environment["SCIAD_CACHE_DIR"] = str(directory)
    command = [sys.executable, "-W", "error", str(place / "main.py"), str(place)]
    return subprocess.Popen(
        [*command, *(arguments or ("1",))],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place,
    )


def finish(process):
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    found = json.loads(out.splitlines()[-1])
    np.testing.assert_allclose(found["gradient"], expected(), rtol=1e-13)
    return found


def expected():
    y, slope = 0.5, np.array([1.0, 0.0])
    for _ in range(40):
        s = y + 0.1 * np.sin(1.3 * y)
        slope = slope * (1.0 + 0.13 * np.cos(1.3 * y)) * 0.99 + np.array([0.0, s])
        y = s * 0.99
    return slope


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """Return a directory with a model and its filled cache, to be copied."""
    place = tmp_path_factory.mktemp("warm")
    write(place)
    first = finish(start(place, place / "cache"))
    assert min(first["lowered"], first["compiled"]) > 0
    return place


def test_a_second_process_neither_lowers_nor_compiles(warm):
    second = finish(start(warm, warm / "cache"))
    assert (second["lowered"], second["compiled"]) == (0, 0)


@pytest.mark.parametrize("what", ["*.json", "*.py", "__pycache__/*.nbi", "__pycache__/*.nbc"])
def test_truncated_files_are_made_again(warm, tmp_path, what):
    directory = tmp_path / "cache"
    shutil.copytree(warm / "cache", directory)
    files = list(directory.rglob(what))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    found = finish(start(warm, directory))
    assert (found["lowered"] > 0) == (what in ("*.json", "*.py"))
    assert found["compiled"] > 0 or "__pycache__" not in what


def test_missing_files_are_made_again(warm, tmp_path):
    directory = tmp_path / "cache"
    shutil.copytree(warm / "cache", directory)
    for file in directory.rglob("*.py"):
        file.unlink()
    finish(start(warm, directory))


def test_processes_at_the_same_time_one_of_which_clears_the_cache(place):
    directory = place / "cache"
    running = [start(place, directory, "3", *more) for more in ((), (), ("clear",))]
    for process in running:
        finish(process)
    assert not list(directory.rglob("*.tmp"))


def test_no_home_and_an_installation_that_cannot_be_written_to(place):
    """Where `__pycache__` should be stands a file: Numba can write neither there nor at home."""
    package = place / "installed" / "sciad"
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(sciad.__file__).parent, package, ignore=skip)
    for directory in [package / "compiler", package / "ode", package / "ode" / "kernels"]:
        (directory / "__pycache__").write_text("not a directory")
    nowhere = "/dev/null/home"
    more = {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "PYTHONPATH": str(package.parent)}
    found = finish(start(place, None, **more))
    assert found["package"] == str(package)
    assert not Path(found["directory"]).exists()  # a temporary one, gone with the process


def test_kernels_without_a_place_for_their_cache(monkeypatch):
    import numba

    before = numba.njit

    def njit(*signature, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return before(*signature, **options)

    monkeypatch.setattr(numba, "njit", njit)
    assert cached.njit(error_model="numpy")(lambda x: 1.0 / x)(0.0) == np.inf


def test_a_disk_that_fills_up(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIAD_CACHE_DIR", str(tmp_path))
    directory = cache.cache_directory()
    before = cache.tempfile.mkstemp

    def full(*args, dir=None, **options):
        if Path(dir) == directory:
            raise OSError("No space left on device")
        return before(*args, dir=dir, **options)

    monkeypatch.setattr(cache.tempfile, "mkstemp", full)
    path = cache.write("f", "A = 1\n")
    assert path.parent != directory
    assert cache.load(path).A == 1
    cache.note("key", path, {})
    assert cache.find("key") is None


def test_clearing_forgets_what_is_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIAD_CACHE_DIR", str(tmp_path))
    f = sciad.jit(lambda x: x * 3.0)
    assert f(2.0) == 6.0
    assert list(tmp_path.rglob("*.py"))
    sciad.cache_clear()
    assert not list(tmp_path.rglob("*.py"))
    assert f(2.0) == 6.0
    assert list(tmp_path.rglob("*.py"))


@pytest.mark.parametrize("text", ["import gc\nA = gc.get_threshold()\n", "raise ValueError\n"])
def test_python_collects_garbage_afterwards_as_before(text, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIAD_CACHE_DIR", str(tmp_path))
    before = gc.get_threshold()
    try:
        inside = cache.load(cache.write("f", text)).A
    except ValueError:
        inside = None
    assert gc.get_threshold() == before
    assert inside is None or inside[0] > before[0]

"""`import sciad` stays light, and the model of the example knows nothing of sciad."""

import subprocess
import sys

import pytest

LATER = ["numba", "matplotlib", "scipy", "tqdm", "sciad.compiler", "sciad.ode", "sciad.fit"]


def modules_after(statement: str) -> set[str]:
    """Names of all modules a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.fixture(scope="module")
def loaded():
    return modules_after("import sciad")


@pytest.mark.parametrize("name", LATER)
def test_import_leaves_it_for_later(loaded, name):
    assert name not in loaded


def test_import_loads_the_core(loaded):
    assert "sciad.core.transforms" in loaded


def test_a_gradient_needs_no_compiler():
    loaded = modules_after("import sciad; sciad.grad(lambda x: x * x)(3.0)")
    assert "numba" not in loaded


def test_every_public_name_exists():
    import sciad

    missing = [name for name in sciad.__all__ if not hasattr(sciad, name)]
    assert not missing

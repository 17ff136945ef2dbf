"""Random programs differentiated inside compiled code, and that once or twice more."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import sciad

NESTED = """
import sciad

def nested(x, y):
    p = np.array([1.3, x])

    def inner(s, z):
        r = program(s * x, z, p)
        return r[0] * 0.6 - r[1] * y[0]

    g, h = sciad.grad(inner, (0, 1))(x, y)
    value, along = sciad.jvp(inner, (x, y), (y[1], h))
    return np.tanh(g * h[0] + h[1] * x) + 0.1 * along * value
"""


def loaded(file):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Writer = loaded(Path(__file__).with_name("test_random_programs.py")).Writer


def written(seed, path):
    file = path / f"random_nested_{seed}.py"
    file.write_text(Writer(seed).text() + NESTED)
    return loaded(file).nested


@pytest.mark.parametrize("seed", [200, 201, 202, 203, 206, 207, 208, 210, 212])
def test_random_nested_program(seed, tmp_path, interpreted_jit):
    program = written(seed, tmp_path)
    compiled = interpreted_jit(program)
    x, y = 0.7, np.array([0.45, 0.83])
    assert compiled(x, y) == pytest.approx(program(x, y), rel=1e-11, abs=1e-12)
    first = sciad.grad(program, (0, 1))(x, y)
    for found, expected in zip(sciad.grad(compiled, (0, 1))(x, y), first, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
    along = sciad.jvp(compiled, (x, y), (0.3, y[::-1].copy()))[1]
    expected = 0.3 * first[0] + first[1] @ y[::-1]
    assert along == pytest.approx(expected, rel=1e-9, abs=1e-10)

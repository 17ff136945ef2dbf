"""Vectorised elementary functions: at most 2 units in the last place, everywhere."""

import ctypes
import math
import os
import platform
import subprocess
import sys
from pathlib import Path

import mpmath
import numba
import numpy as np
import pytest

from sciad.compiler import jit
from sciad.compiler.back import cache
from sciad.compiler.vecmath import BLOCK, CATALOGUE, kernels
from sciad.compiler.vecmath.kernels import loop_of

ENTRIES = {entry.name: entry for entry in CATALOGUE.values()}
EXTENDED = np.finfo(np.longdouble).nmant >= 63
N = 160_000

# name -> the function with more digits, in NumPy (long doubles) and in mpmath
NUMPY = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "expit": lambda x: np.where(x > 0, 1, np.exp(-abs(x))) / (1 + np.exp(-abs(x))),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
    "log_expit": lambda x: np.minimum(x, 0) - np.log1p(np.exp(-abs(x))),
    "log": np.log,
    "log1p": np.log1p,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "hypot": np.hypot,
    "power": np.power,
    "logaddexp": np.logaddexp,
}
MPMATH = {
    **{name: getattr(mpmath, name) for name in NUMPY if hasattr(mpmath, name)},
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "expit": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_expit": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "logaddexp": lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
    "hypot": lambda x, y: mpmath.sqrt(x * x + y * y),
    "erf": mpmath.erf,
}
SPECIAL = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    5e-324,
    -5e-324,
    1e-310,
    -1e-310,
    2.2250738585072014e-308,
]
SPECIAL += [
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    3.0,
    -3.0,
    1.7976931348623157e308,
    -1.7976931348623157e308,
]
SPECIAL += [
    709.782712893384,
    709.782712893385,
    710.4758600739439,
    710.475860073944,
    -745.1332191019411,
]
SPECIAL += [
    -745.1332191019412,
    -708.3964185322641,
    1e9,
    1e9 + 1,
    1e16,
    1e22,
    -1e300,
    1024.0,
    -1074.0,
]


def run(name, *args):
    """Values of a vectorised function, block by block."""
    n = len(args[0])
    padded = [np.concatenate([a, np.ones(BLOCK)]) for a in args]
    out = np.empty(n + BLOCK)
    pointers = [ctypes.c_void_p] * (len(args) + 1)
    loop = ctypes.CFUNCTYPE(None, *pointers, ctypes.c_int64)(loop_of(name).address)
    for k in range(0, n, BLOCK):
        loop(*(a[k:].ctypes.data for a in (*padded, out)), min(BLOCK, n - k))
    return out[:n]


def bit_patterns(rng, n):
    """Floats of every size, infinities and nan included."""
    return rng.integers(-(2**63), 2**63 - 1, n, dtype=np.int64).view(float)


def arguments(name):
    """More than a million arguments, dense where the functions do something."""
    rng = np.random.default_rng(3)
    some = lambda low, high, n=N: rng.uniform(low, high, n)
    special = np.array(SPECIAL)
    if ENTRIES[name].arity == 2:
        pairs = [(bit_patterns(rng, 3 * N), bit_patterns(rng, 3 * N))]
        pairs += [(some(-5, 5, 3 * N), some(-5, 5, 3 * N))]
        if name == "power":
            pairs += [(np.exp(some(-700, 700)), some(-1, 1)), (np.exp(some(-3, 3)), some(-99, 99))]
            pairs += [
                (1 + some(-0.3, 0.3), some(-2000, 2000)),
                (1 + some(-1e-5, 1e-5), some(-7e7, 7e7)),
            ]
        pairs += [(np.repeat(special, len(special)), np.tile(special, len(special)))]
        return [np.concatenate(column) for column in zip(*pairs, strict=True)]
    small = 10.0 ** some(-20, 3) * rng.choice([-1.0, 1.0], N)
    parts = [bit_patterns(rng, N), some(-1, 1), some(-5, 5), some(-40, 40), some(-750, 750), small]
    parts += [1 + small * 1e-3, some(-1e9, 1e9, N // 2), np.arange(N // 4) * (np.pi / 2), special]
    return [np.concatenate(parts)]


def errors(got, exact, scale):
    """Units in the last place of `scale`; inf where only one of two is nan or infinite."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(float)
        unit = np.spacing(np.minimum(np.abs(scale), 1.7976931348623157e308))
        error = (np.abs(got - exact) / unit).astype(float)
    same = (got == rounded) & ~(np.isfinite(rounded) & (got != 0))
    error = np.where(same | (np.isnan(got) & np.isnan(rounded)), 0.0, error)
    return np.where(np.isnan(error), np.inf, error)


def sharp_error(name, got, args):
    """Units in the last place by mpmath; 0 where the function is not finite."""
    try:
        exact = MPMATH[name](*map(mpmath.mpf, args))
        rounded = float(exact)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError):
        return 0.0
    if not isinstance(exact, mpmath.mpf) or not math.isfinite(rounded):
        return 0.0
    scale = max(abs(rounded), *map(abs, args)) if name == "logaddexp" else rounded
    return float(abs(exact - float(got)) / math.ulp(scale))


def worst(name):
    """Largest error of all arguments, and that of 500 (the worst among them) by mpmath."""
    args = arguments(name)
    got = run(name, *args)
    if name in NUMPY and EXTENDED:
        with np.errstate(all="ignore"):
            exact = NUMPY[name](*(a.astype(np.longdouble) for a in args))
            scale = exact.astype(float)
            if name == "logaddexp":  # log(exp(x) + exp(y)) may cancel: the exact sum is near 1
                scale = np.maximum(abs(scale), np.maximum(*map(abs, args)))
        error = errors(got, exact, np.where(np.isnan(scale), 1.0, scale))
    else:
        error = np.random.default_rng(0).random(len(got))
    chosen = np.argsort(error)[-500:]
    with mpmath.workprec(
        1400 if name in ("log1p", "log_expit", "softplus", "logaddexp", "sinh") else 200
    ):
        sharp = [sharp_error(name, got[k], [float(a[k]) for a in args]) for k in chosen]
    return (error.max() if name in NUMPY and EXTENDED else 0.0), max(sharp)


@pytest.mark.parametrize("name", sorted(set(ENTRIES)))
def test_at_most_two_units_in_the_last_place(name):
    assert sum(map(len, arguments(name))) >= 1_000_000
    assert max(worst(name)) < 2.0


def test_erf_on_a_million_arguments():
    (x,) = arguments("erf")
    x = x[np.isfinite(x)]
    library = np.array([math.erf(v) for v in x])  # itself within one unit
    assert errors(run("erf", x), library.astype(np.longdouble), library).max() <= 3.0


ODD = ["sin", "tan", "sinh", "tanh", "asinh", "atanh", "erf", "expm1", "log1p"]


@pytest.mark.parametrize("name", ODD)
def test_zero_keeps_its_sign_and_tiny_numbers_stay(name):
    x = np.array([-0.0, 0.0, 5e-324, -5e-324, 1e-300, -1e-300])
    expected = x if name != "erf" else np.array([math.erf(v) for v in x])
    got = run(name, x)
    assert np.array_equal(got, expected)
    assert np.array_equal(np.signbit(got), np.signbit(x))


def test_powers_of_special_numbers_are_those_of_the_library():
    x, y = (v.ravel() for v in np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(all="ignore"):
        expected = x**y
    got = run("power", x, y)
    where = np.isfinite(expected) & (expected != 0)
    assert np.array_equal(got[~where], expected[~where], equal_nan=True)
    assert np.array_equal(np.signbit(got), np.signbit(expected) | (np.isnan(got) & np.signbit(got)))


PORTABLE = """
import sys
sys.path.insert(0, sys.argv[1])
import test_vecmath
from sciad.compiler.vecmath.exact import HAS_FMA
assert not HAS_FMA
test_vecmath.N = 40_000
for name in ("tanh", "log1p", "tan", "erf", "power"):
    assert max(test_vecmath.worst(name)) < 2.0, name
print("portable")
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="a processor without FMA")
def test_accuracy_without_fused_multiply_add(tmp_path):
    options = {
        "NUMBA_CPU_NAME": "x86-64",
        "NUMBA_CPU_FEATURES": "",
        "SCIAD_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-c", PORTABLE, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **options})
    assert done.stdout == "portable\n", done.stderr


def test_a_second_process_finds_the_loops(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        "import numpy as np\n"
        "from sciad.compiler import jit\n"
        "@jit\n"
        "def f(x):\n"
        "    return np.sum(np.exp(np.sin(x)))\n"
        "x = np.linspace(0.0, 9.0, 1000)\n"
        "assert abs(f(x) - np.exp(np.sin(x)).sum()) < 1e-9\n"
    )
    environment = {**os.environ, "SCIAD_CACHE_DIR": str(tmp_path / "cache")}
    stamps = []
    for _ in range(2):
        subprocess.run([sys.executable, str(script)], check=True, env=environment)
        files = sorted((tmp_path / "cache").rglob("vec_*.nbc"))
        stamps.append([(f.name, f.stat().st_mtime_ns) for f in files])
    assert len(stamps[0]) == 2
    assert stamps[0] == stamps[1]


def test_loops_survive_clearing_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SCIAD_CACHE_DIR", str(tmp_path))
    f = jit(lambda x: np.sum(np.exp(x)))
    x = np.linspace(0.0, 1.0, 300)
    before = f(x)
    kept = loop_of("exp").address
    cache.cache_clear()
    assert f(x) == before
    assert loop_of("exp").address == kept


@pytest.mark.parametrize("own", sorted({kernels._HAS_EXTREMA, False}))
def test_extrema_are_those_of_numpy(own, monkeypatch):
    monkeypatch.setattr(kernels, "_HAS_EXTREMA", own)
    larger, smaller = kernels._extremum("maximum"), kernels._extremum("minimum")
    both = numba.njit(lambda x, y: (larger(x, y), smaller(x, y)))
    for x in (0.0, 1.0, -2.0, np.nan, np.inf, -np.inf):
        for y in (0.0, 1.0, -2.0, np.nan, np.inf, -np.inf):
            expected = np.maximum(x, y), np.minimum(x, y)
            assert np.array_equal(both(x, y), expected, equal_nan=True)

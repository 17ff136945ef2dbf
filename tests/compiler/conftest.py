"""Runs emitted code without Numba: the same text, in the interpreter, on strict stand-ins.

That tests the passes at the speed of Python. Arrays refuse negative and out-of-range indices, and
uninitialised memory holds NaN, so that code which would read or write outside its buffers fails
here instead of corrupting memory.
"""

import importlib.util
import math
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.special

import sciad.compiler.program as programs
import sciad.rules
from sciad.compiler import jit
from sciad.compiler.back import dense
from sciad.compiler.back.emit import BEGIN
from sciad.compiler.invoke import reachable
from sciad.compiler.ir import verify
from sciad.compiler.native import NativeFunction
from sciad.compiler.program import Program
from sciad.compiler.vecmath import BLOCK, CATALOGUE
from sciad.core import transforms
from sciad.core.source import captured
from sciad.core.tree import flatten

assert sciad.rules is not None


class StrictArray:
    """A float buffer that accepts indices inside it only."""

    def __init__(self, data):
        self.data = data

    def inside(self, index):
        if not 0 <= index < len(self.data):
            raise AssertionError(f"index {index} outside a buffer of {len(self.data)}")
        return index

    def __getitem__(self, index):
        return self.data[self.inside(index)].item()

    def __setitem__(self, index, value):
        self.data[self.inside(index)] = value


class StrictTape(dict):
    """Slots of tapes that must have been written before they are read, and are read once.

    `peak` is the largest number of slots that were in use at once.
    """

    peak = 0

    def functions(self):
        self.rooms = {}
        made = iter(range(1, 100))

        def put(tape, slot, value):
            assert 0 <= slot < self.rooms[tape], "a push without room"
            self[tape, slot] = value
            self.peak = max(self.peak, len(self))

        def grow(tape, room, need):
            assert need > room == self.rooms[tape]
            self.rooms[tape] = need
            return tape, need

        def begin():
            tape = next(made)
            self.rooms[tape] = 0
            return tape

        take = lambda tape, slot: self.pop((tape, slot))
        return {
            "tape_put": put,
            "tape_put_int": put,
            "tape_get": take,
            "tape_get_int": take,
            "tape_begin": begin,
            "tape_grow": grow,
            "tape_free": lambda tape, room: self.rooms.pop(tape),
        }


def run_helper(function):
    """Let a function of `dense` work on strict buffers."""
    return lambda x, a, n, m: function(x.data, a.data, n, m)


class Numpy:
    """NumPy for emitted code: new memory is strict."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def array(values, dtype):
        return StrictArray(np.array(values, dtype))

    @staticmethod
    def zeros(n, dtype=float):
        return StrictArray(np.zeros(n, dtype))

    @staticmethod
    def empty(n, dtype=float):
        return StrictArray(np.full(n, np.nan if dtype is float else -(10**9), dtype))


def vectorised():
    """Loops over blocks, element by element."""
    known = {entry.name: key for key, entry in CATALOGUE.items()}
    special = {
        "log_expit": scipy.special.log_expit,
        "power": lambda x, y: np.power(x, y),
        "expit": scipy.special.expit,
        "softplus": lambda x: np.logaddexp(0.0, x),
    }

    def loop(function):
        def run(out, *args):
            *blocks, n = args
            for i in range(n):
                out[i] = function(*(b[i] for b in blocks))

        return run

    found = {
        "vec_block": lambda: StrictArray(np.full(BLOCK, np.nan)),
        "vec_maximum": np.maximum,
        "vec_minimum": np.minimum,
    }
    for name, key in known.items():
        function = special.get(name) or getattr(math if key[0] == "math" else np, key[1])
        found[f"vec_{name}"] = loop(function)
    return found


def run_emitted(text):
    """Execute the text of a module; returns (its function, its tape)."""
    namespace, tape = namespace_of(text)
    return namespace["function"], tape


def assured(condition):
    """Check what LLVM is told."""
    assert condition


def namespace_of(text):
    text = re.sub(r"^(import|from) .*$", "", text, flags=re.M)
    text = text.replace(BEGIN, "tape_begin(), 0, 0")  # every slot has to be asked for
    plain = lambda *args, **options: lambda function: function
    tape = StrictTape()
    namespace = {
        "np": Numpy(),
        "math": math,
        "called": plain,
        "cfunc": plain,
        "njit": plain,
        "carray": lambda data, n: StrictArray(data),
        **tape.functions(),
        **vectorised(),
        "special": scipy.special,
        "assume": assured,
        **{name: run_helper(getattr(dense, name)) for name in dense.__all__},
    }
    exec(compile(text, "<emitted>", "exec"), namespace)
    return namespace, tape


def load_in_interpreter(program, kind):
    """Stand in for `Program.load`: the same module, in the interpreter, on strict arrays."""
    if kind not in program.modules:
        derived = program.derived(kind)
        verify(derived)
        namespace, tape = namespace_of(program.text(kind, derived))
        strict = lambda x: StrictArray(x) if isinstance(x, np.ndarray) else x
        plain = lambda x: x.data if isinstance(x, StrictArray) else x

        def function(*args):
            found = namespace["function"](*map(strict, args))
            status = found[0] if isinstance(found, tuple) else found
            assert status != 0 or not tape, "the tape is not empty"
            tape.clear()
            return tuple(map(plain, found)) if isinstance(found, tuple) else found

        made = types.SimpleNamespace(function=function, **_facts(namespace))
        program.modules[kind] = made
    return program.modules[kind]


@pytest.fixture
def in_interpreter(monkeypatch):
    """Let jitted functions run as emitted Python: no time goes into machine code."""
    monkeypatch.setattr(Program, "load", load_in_interpreter)


class Interpreted:
    """Value and derivatives of `fun(t, y, *args)` by the emitted code, in the interpreter."""

    def __init__(self, fun, n, n_out, args=()):
        leaves, treedef = flatten((tuple(args), captured(fun)))
        shapes = tuple(np.shape(leaf) for leaf in leaves)
        self.native = NativeFunction(fun, n, n_out, treedef, shapes)
        self.p = np.concatenate([np.zeros(0), *(np.ravel(leaf) for leaf in leaves)])
        self.n, self.n_out = n, n_out
        self.texts, self.functions = {}, {}
        for kind in ("value", "jvp", "vjp"):
            program = self.native.derived(kind)
            verify(program)
            self.texts[kind] = self.native.text(kind, program)
            self.functions[kind] = run_emitted(self.texts[kind])

    def value(self, t, y, p=None):
        out = np.full(self.n_out, np.nan)
        status = self.functions["value"][0](t, y, self.p if p is None else p, out)
        return status, out

    def jvp(self, t, y, tdot, ydot, pdot):
        out, outdot = np.full((2, self.n_out), np.nan)
        status = self.functions["jvp"][0](t, y, self.p, tdot, ydot, pdot, out, outdot)
        return status, out, outdot

    def vjp(self, t, y, outbar):
        """Cotangents, after checking that they are added and that the tape is used up."""
        function, tape = self.functions["vjp"]
        given = outbar.copy()
        bars = np.ones(1), np.ones(self.n), np.ones(len(self.p))
        status = function(t, y, self.p, given, *bars)
        assert np.array_equal(given, outbar), "the cotangent of the result was changed"
        assert status != 0 or not tape, "the tape is not empty"
        return status, *(bar - 1.0 for bar in bars)


@pytest.fixture(scope="session")
def interpreted():
    """Return the class that runs emitted code in the interpreter."""
    return Interpreted


def interpreted_module(path, function):
    """Stand in for `machine_code`: what `sciad.jit` calls runs in the interpreter."""
    inner, tape = run_emitted(Path(path).read_text(encoding="utf-8"))

    def run(*buffers):
        found = inner(*map(StrictArray, buffers))
        status = found[0] if isinstance(found, tuple) else found
        assert status != 0 or not tape, "the tape is not empty"
        if not isinstance(found, tuple):
            return found
        return tuple(x.data if isinstance(x, StrictArray) else x for x in found)

    known = inner.__globals__
    return types.SimpleNamespace(function=run, __file__=str(path), **_facts(known))


def _facts(namespace):
    """Find what a module says about itself."""
    names = ("LAYOUT", "FAILURES", "REQUIREMENTS", "requirements")
    return {name: namespace[name] for name in names if name in namespace}


@pytest.fixture
def jit_interpreted(monkeypatch):
    """Return `sciad.jit` without Numba; every program is verified, its callees too."""
    derived = Program.derived

    def verified(self, kind):
        program = derived(self, kind)
        for function in (program, *(c.function for c in reachable(program))):
            verify(function)
        return program

    monkeypatch.setattr(programs, "machine_code", interpreted_module)
    monkeypatch.setattr(Program, "derived", verified)
    return jit


@pytest.fixture(scope="session", autouse=True)
def cache_of_tests(tmp_path_factory):
    """Let all tests share a cache of their own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SCIAD_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture
def interpreted_jit(monkeypatch):
    """Return `sciad.jit` whose programs run in the interpreter, memory and tapes checked."""
    import sciad.compiler.program as program
    from sciad.compiler.jit import JitFunction

    def module(path, function):
        run, tape = run_emitted(path.read_text(encoding="utf-8"))
        known = run.__globals__

        def checked(*args):
            result = run(*args)
            status = result[0] if isinstance(result, tuple) else result
            assert status != 0 or not tape, "a tape is not empty"
            tape.clear()
            if not isinstance(result, tuple):
                return result
            return tuple(x.data if isinstance(x, StrictArray) else x for x in result)

        return types.SimpleNamespace(function=checked, __file__=str(path), **_facts(known))

    derived = program.Program.derived

    def verified(self, kind):
        made = derived(self, kind)
        verify(made)
        return made

    monkeypatch.setattr(program, "machine_code", module)
    monkeypatch.setattr(program.Program, "derived", verified)
    return JitFunction


@pytest.fixture(scope="session")
def imported():
    """Return a function that writes a text to a path and imports it as a module."""

    def module(text, path):
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        made = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = made  # where functions that call themselves are looked for
        spec.loader.exec_module(made)
        return made

    return module


@pytest.fixture(scope="session")
def emitted():
    """Return what executes the text of a module in the interpreter."""
    return types.SimpleNamespace(run=run_emitted, strict=StrictArray)


def run_all_ways(compile_, fun, *args, argnums, tolerance=1e-12):
    """Compare value, gradient, jvp and Hessian-vector product with Python and the eager engine."""
    compiled = compile_(fun)
    np.testing.assert_allclose(compiled(*args), fun(*args), rtol=tolerance, atol=tolerance)

    def of(function):
        def reduced(*moved):
            given = dict(zip(argnums, moved, strict=True))
            return function(*(given.get(k, arg) for k, arg in enumerate(args)))

        return reduced

    point = tuple(args[k] for k in argnums)
    places = tuple(range(len(point)))
    rng = np.random.default_rng(7)
    along = tuple(np.asarray(rng.normal(size=np.shape(x)))[()] for x in point)
    eager, node = of(fun), of(compiled)
    expected = transforms.grad(eager, argnums=places)(*point)
    close = lambda a, b: [
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)
        for x, y in zip(a, b, strict=True)
    ]
    close(transforms.grad(compiled, argnums=argnums)(*args), expected)
    close(transforms.grad(node, argnums=places)(*point), expected)
    change = sum(np.sum(g * d) for g, d in zip(expected, along, strict=True))
    close([transforms.jvp(node, point, along)[1]], [change])
    curved = lambda f: transforms.jvp(transforms.grad(f, argnums=places), point, along)[1]
    close(curved(node), curved(eager))


@pytest.fixture(scope="session")
def all_ways():
    """Return what compares a compiled function with Python and the eager engine."""
    return run_all_ways

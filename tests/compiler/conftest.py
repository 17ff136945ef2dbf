"""Runs emitted code without Numba: the same text, in the interpreter, on strict stand-ins.

That tests the passes at the speed of Python. Arrays refuse negative and out-of-range indices, and
uninitialised memory holds NaN, so that code which would read or write outside its buffers fails
here instead of corrupting memory.
"""

import itertools
import math
import re
import types

import numpy as np
import pytest

import sciad.rules
from sciad.compiler import dense
from sciad.compiler.ir import verify
from sciad.compiler.native import NativeFunction
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
    """Slots of tapes that must have been written before they are read, and are read once."""

    def functions(self):
        made = itertools.count(1)

        def put(tape, slot, value):
            self[tape, slot] = value

        def grow(tape, room, need):
            return tape or next(made), max(2 * room, need)

        take = lambda tape, slot: self.pop((tape, slot))
        return {
            "tape_put": put,
            "tape_put_int": put,
            "tape_get": take,
            "tape_get_int": take,
            "tape_grow": grow,
            "tape_free": lambda tape: None,
        }


def run_helper(function):
    """Let a function of `dense` work on strict buffers."""
    return lambda x, a, n, m: function(x.data, a.data, n, m)


class Numpy:
    """NumPy for emitted code: new memory is strict."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def zeros(n, dtype=float):
        return StrictArray(np.zeros(n, dtype))

    @staticmethod
    def empty(n, dtype=float):
        return StrictArray(np.full(n, np.nan if dtype is float else -(10**9), dtype))


def run_emitted(text):
    """Execute the text of a module; returns (its function, its tape)."""
    text = re.sub(r"^(import|from) .*$", "", text, flags=re.M)
    plain = lambda *args, **options: lambda function: function
    tape = StrictTape()
    namespace = {
        "np": Numpy(),
        "math": math,
        "cfunc": plain,
        "njit": plain,
        "carray": lambda data, n: StrictArray(data),
        **tape.functions(),
        **{name: run_helper(getattr(dense, name)) for name in dense.__all__},
    }
    exec(compile(text, "<emitted>", "exec"), namespace)
    return namespace["function"], tape


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

        names = {n: known[n] for n in ("LAYOUT", "FAILURES")}
        return types.SimpleNamespace(function=checked, __file__=str(path), **names)

    derived = program.Program.derived

    def verified(self, kind):
        made = derived(self, kind)
        verify(made)
        return made

    monkeypatch.setattr(program, "machine_code", module)
    monkeypatch.setattr(program.Program, "derived", verified)
    return JitFunction


@pytest.fixture(scope="session")
def emitted():
    """Return what executes the text of a module in the interpreter."""
    return types.SimpleNamespace(run=run_emitted)

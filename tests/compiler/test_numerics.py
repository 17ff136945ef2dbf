"""A corpus of numerical programs: four ways to run them, three derivatives, all compared.

Each program of `corpus` runs in the interpreter, under njit, in the eager engine and compiled.
Gradients and Hessian-vector products of both engines agree, and so do the tangent, the adjoint
and the value as emitted, which run in the interpreter on arrays that allow no access outside.

Machine code is made for some of them, for all with ``SCIAD_LONG_TESTS=1``.
"""

import importlib.util
import inspect
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import sciad
from sciad.compiler.ir import verify
from sciad.compiler.nodes import Call
from sciad.core.errors import CompileError

CORPUS = Path(__file__).parent / "corpus"
LONG = bool(os.environ.get("SCIAD_LONG_TESTS"))


def _programs():
    """All programs with their arguments."""
    for file in sorted(CORPUS.glob("*.py")):
        name = f"sciad_corpus_{file.stem}"
        spec = importlib.util.spec_from_file_location(name, file)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for function, args in module.PROGRAMS:
            yield pytest.param(function, args, id=f"{file.stem}-{function.__name__}")


PROGRAMS = list(_programs())
#: What may be refused, as it was when this was written; compiled, it has to be right.
REFUSED = {
    "burgers",
    "heat",
    "kalman_matrices",
    "leapfrog",
    "lorenz_rk4",
    "momentum_descent",
    "truss",
    "viterbi",
}


def jitted(function):
    """Compile with njit a function and those it calls."""
    from numba import njit

    scope = dict(function.__globals__)
    for name in function.__code__.co_names:
        if isinstance(scope.get(name), types.FunctionType):
            scope[name] = jitted(scope[name])
    copy = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    return njit(error_model="numpy")(copy)


def close(found, expected, tolerance=1e-12):
    """Compare gradients, each relative to its largest entry."""
    for mine, theirs in zip(found, expected, strict=True):
        size = max(np.max(np.abs(theirs), initial=0.0), 1e-3)
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance * size)


class Forms:
    """Compiled forms of a program, and how to call them."""

    def __init__(self, function, args, emitted):
        self.jit = sciad.jit(function)
        self.program, leaves, integers = self.jit.program(args)
        self.program.program()
        self.call = Call(self.program, leaves, integers)
        self.emitted = emitted

    def interpreted(self, kind, *more):
        """Run emitted code in the interpreter."""
        derived = self.program.derived(kind)
        verify(derived)
        function, tape = self.emitted.run(self.program.text(kind, derived))
        buffers = [*self.call.inputs(), *more]
        result = function(*map(self.emitted.strict, buffers))
        assert not tape
        result = result if isinstance(result, tuple) else (result,)
        assert result[0] == 0
        return result[1:]

    def machine(self, kind, *more):
        """Run machine code."""
        return self.call.run(kind, *more)


def forms_of(function, args, emitted):
    """Compile; None if the program is one of those that are refused."""
    try:
        return Forms(function, args, emitted)
    except CompileError:
        assert function.__name__ in REFUSED
        return None


class Reference:
    """Value and derivatives of a program, by the eager engine."""

    def __init__(self, function, args):
        rng = np.random.default_rng(0)
        self.numbers = tuple(range(len(args)))
        self.value, self.gradient = sciad.value_and_grad(function, self.numbers)(*args)
        self.vectors = tuple(
            rng.normal(size=np.shape(a)) if np.ndim(a) else rng.normal() for a in args
        )
        self.products = sciad.hvp(function, args, self.vectors, argnums=self.numbers)


def check_second_order(run, forms, known):
    """Gradient and Hessian-vector product, which one program computes."""
    bars, changes = forms.call.empty(), forms.call.empty()
    along = forms.call.duals(known.vectors)
    run(f"hvp_{'1' * len(bars)}", np.ones(1), *bars, *along, *changes)
    close(forms.call.split(bars), known.gradient)
    close(forms.call.split(changes), known.products, 1e-11)


@pytest.mark.parametrize(("function", "args"), PROGRAMS)
def test_emitted_code(function, args, emitted):
    known, forms = Reference(function, args), forms_of(function, args, emitted)
    assert function(*args) == pytest.approx(known.value, rel=1e-13)
    if forms is None:
        return
    assert forms.interpreted("value")[0] == pytest.approx(known.value, rel=1e-12)
    bars = forms.call.empty()
    assert forms.interpreted("grad", np.ones(1), *bars)[0] == pytest.approx(known.value, rel=1e-12)
    close(forms.call.split(bars), known.gradient)
    slope = forms.interpreted("jvp", *forms.call.duals(known.vectors))[-1]
    pairs = zip(forms.call.split(bars), known.vectors, strict=True)
    terms = [np.sum(g * v) for g, v in pairs]
    assert slope == pytest.approx(sum(terms), rel=1e-12, abs=1e-12 * np.sum(np.abs(terms)))
    check_second_order(forms.interpreted, forms, known)


@pytest.mark.parametrize(("function", "args"), PROGRAMS if LONG else PROGRAMS[5::9])
def test_machine_code(function, args, emitted):
    known, forms = Reference(function, args), forms_of(function, args, emitted)
    assert jitted(function)(*args) == pytest.approx(known.value, rel=1e-12)
    if forms is None:
        return
    check_second_order(forms.machine, forms, known)
    if LONG:
        assert forms.jit(*args) == pytest.approx(known.value, rel=1e-12)
        close(sciad.grad(forms.jit, known.numbers)(*args), known.gradient)
        slope = forms.machine("jvp", *forms.call.duals(known.vectors))[-1]
        interpreted = forms.interpreted("jvp", *forms.call.duals(known.vectors))[-1]
        assert slope == pytest.approx(interpreted, rel=1e-11)


def test_the_corpus_is_large():
    assert len(PROGRAMS) >= 60
    assert len({inspect.getsource(p.values[0]) for p in PROGRAMS}) == len(PROGRAMS)

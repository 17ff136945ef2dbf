"""Vectorised elementary functions against the C library, alone and in whole programs.

    python benchmarks/vecmath.py

One thread. A function: nanoseconds an element of a block of 256, by the C library (a loop that
Numba compiles) and by `sciad.compiler.vecmath`. A program: the same jitted function with the pass
that takes elementary functions out in blocks, and without it; `vjp` is the gradient's program, run
alone. Only ratios within one run mean anything.
"""

import functools
import math
import os
import tempfile
import time

import numpy as np
from numba import njit

import sciad
from sciad.compiler import loops as last
from sciad.compiler.loops.blocks import blocked
from sciad.compiler.nodes import Call
from sciad.compiler.vecmath import BLOCK, CATALOGUE, kernels


def best(run, repeats=15):
    """Shortest time of a call in seconds."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


# -- functions -----------------------------------------------------------------------------------
@njit(error_model="numpy")
def expit(x):
    return 1.0 / (1.0 + math.exp(-x))


@njit(error_model="numpy")
def softplus(x):
    return math.log1p(math.exp(x))


@njit(error_model="numpy")
def power(x, y):
    return x**y


@njit(error_model="numpy")
def log_expit(x):
    return -math.log1p(math.exp(-x))


OWN = {"log_expit": log_expit, "expit": expit, "softplus": softplus, "power": power}
DOMAIN = {"acosh": (1.1, 4.0), "atanh": (-0.9, 0.9), "log": (0.1, 9.0), "power": (0.1, 4.0)}


def loops(key, entry):
    """Loops of the C library and of vecmath, `times` over the same block."""
    scalar = OWN.get(entry.name) or getattr(math if key[0] == "math" else np, key[1])
    vectorised = getattr(kernels, f"vec_{entry.name}")
    vec_block = kernels.vec_block

    if entry.arity == 2:

        @njit(error_model="numpy")
        def library(x, out, times):
            for _ in range(times):
                for i in range(BLOCK):
                    out[i] = scalar(x[i], x[BLOCK - 1 - i])

        @njit(error_model="numpy")
        def blocks(x, out, times):
            a, b, c = vec_block(), vec_block(), vec_block()
            for i in range(BLOCK):
                a[i], b[i] = x[i], x[BLOCK - 1 - i]
            for _ in range(times):
                vectorised(c, a, b, BLOCK)

        return library, blocks

    @njit(error_model="numpy")
    def library(x, out, times):
        for _ in range(times):
            for i in range(BLOCK):
                out[i] = scalar(x[i])

    @njit(error_model="numpy")
    def blocks(x, out, times):
        a, b = vec_block(), vec_block()
        for i in range(BLOCK):
            a[i] = x[i]
        for _ in range(times):
            vectorised(b, a, BLOCK)

    return library, blocks


def functions():
    """Print a line for each function."""
    print(f"{'function':10}{'libm ns':>9}{'vec ns':>9}{'ratio':>7}")
    for key, entry in CATALOGUE.items():
        low, high = DOMAIN.get(entry.name, (-3.0, 3.0))
        args = np.random.default_rng(0).uniform(low, high, BLOCK), np.empty(BLOCK), 200
        library, blocks = (best(functools.partial(f, *args)) for f in loops(key, entry))
        scale = 1e9 / (200 * BLOCK)
        ratio = library / blocks
        print(f"{entry.name:10}{library * scale:9.2f}{blocks * scale:9.2f}{ratio:7.1f}")


# -- programs ------------------------------------------------------------------------------------
def logsumexp(x):
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


def logsumexp_loop(x):
    m = x[0]
    for i in range(len(x)):
        if x[i] > m:
            m = x[i]
    total = 0.0
    for i in range(len(x)):
        total += math.exp(x[i] - m)
    return m + math.log(total)


def network(x, w1, b1, w2, b2):
    hidden = np.tanh(w1 @ x + b1)
    return np.sum(np.logaddexp(0.0, w2 @ hidden + b2))


def layers(x):
    """Activations alone: what is left of a network without its matrix products."""
    return np.sum(np.logaddexp(0.0, np.tanh(x)))


def programs():
    """Print value and gradient of programs with and without blocks."""
    r = np.random.default_rng(0).normal
    large, n = (r(size=1_000_000),), 64
    net = (r(size=n), r(size=(n, n)) / 8, r(size=n), r(size=(n, n)) / 8, r(size=n))
    cases = [(logsumexp, large), (logsumexp_loop, large), (network, net), (layers, (r(size=4096),))]
    print(f"\n{'program':16}{'kind':>10}{'libm us':>10}{'blocks us':>10}{'ratio':>7}")
    for function, args in cases:
        for kind in ("value", "vjp"):
            plain, fast = (timed(function, args, kind, p) for p in (lambda f: f, blocked))
            print(f"{function.__name__:16}{kind:>10}{plain:10.1f}{fast:10.1f}{plain / fast:7.2f}")


def jitted_call(jitted, args, kind):
    """Call of the compiled program itself, without what is around it."""
    program, leaves, integers = jitted._program(args, {})
    prepared = Call(program, leaves, integers)
    more = [] if kind == "value" else [np.ones(1), *prepared.empty()]
    return functools.partial(program.compiled(kind, prepared.integers), *prepared.inputs(), *more)


def timed(function, args, kind, pass_):
    """Microseconds of a call, compiled with a pass in the place of `blocked`."""
    before = last.blocked
    with tempfile.TemporaryDirectory() as directory:
        os.environ["SCIAD_CACHE_DIR"] = directory
        last.blocked = pass_
        try:
            jitted = sciad.compiler.jit(function)
            return 1e6 * best(jitted_call(jitted, args, kind), 30)
        finally:
            last.blocked = before
            del os.environ["SCIAD_CACHE_DIR"]


if __name__ == "__main__":
    functions()
    programs()

"""The eager core: what an operation costs, beside PyTorch, autograd and adjoints written by hand.

- Scalar chain: 1000 times ``sin``, ``* a``, ``+ b`` on Python floats; forward and backward.
- Size 3: the same on arrays of three elements.
- Stacked LSTM of small size: time per operation at several batch sizes, extrapolated to batch 0,
  which leaves the overhead (Innes et al., arXiv 1907.07587, section 5).
- Large arrays: time and peak memory against the same adjoint written in NumPy.
- Untraced code that is followed: against the same code called plainly.

One thread. The contestants take turns, so that a noisy machine hits all of them: in each round
everyone runs a few times, and the best counts; medians over the rounds, and ratios of medians.
PyTorch and autograd take part if they are installed.

    python benchmarks/eager.py [--rounds 15]
"""

import argparse
import gc
import importlib
import math
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from limits.eager import large_program, large_program_with_adjoint
from programs.eager import LAYERS, OPERATIONS, array_chain, lstm, lstm_parameters, scalar_chain
from programs.untraced import heat, helpers, numpy_loop, particles, power_iteration
from threadpoolctl import threadpool_limits

import sciad

STEPS = 3000
REPEATS = 5
BATCHES = (1, 8, 16, 32, 64)


def installed(name: str) -> Any:
    """Give a module, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def seconds(run: Callable[[], Any]) -> float:
    """Time of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def medians(contestants: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median times of functions that take turns."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for run in contestants.values():
        run()
    gc.collect()
    gc.freeze()  # nobody pays for looking through the modules of the others
    for _ in range(rounds):
        for name, run in contestants.items():
            times[name].append(min(seconds(run) for _ in range(REPEATS)))
    return {name: float(np.median(t)) for name, t in times.items()}


def report(title: str, found: dict[str, float], targets: dict[str, float], unit: str) -> None:
    """Print a table: times, and how often sciad's time goes into each."""
    print(f"\n{title}")
    for name, value in found.items():
        ratio = "" if name == "sciad" else f"   {value / found['sciad']:6.2f} x sciad"
        target = f"   (target: {targets[name]:g})" if name in targets else ""
        print(f"  {name:12s} {value:9.3f} {unit}{ratio}{target}")


# Chains ------------------------------------------------------------------------------------------


def scalar_contestants(torch: Any, autograd: Any) -> dict[str, Callable[[], Any]]:
    start = (0.5, 1.01, 0.1)
    gradient = sciad.grad(scalar_chain, (0, 1, 2))
    found: dict[str, Callable[[], Any]] = {"sciad": lambda: gradient(*start, math.sin)}
    if torch is not None:

        def by_torch() -> Any:
            x, a, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in start)
            scalar_chain(x, a, b, torch.sin).backward()
            return x.grad

        found["PyTorch"] = by_torch
    if autograd is not None:
        other = autograd.grad(scalar_chain, (0, 1, 2))
        found["autograd"] = lambda: other(*start, autograd.numpy.sin)
    return found


def array_contestants(torch: Any, autograd: Any) -> dict[str, Callable[[], Any]]:
    start = (np.array([0.1, 0.2, 0.3]), np.array([1.01, 1.02, 1.03]), np.array([0.1, 0.2, 0.3]))
    gradient = sciad.grad(array_chain, (0, 1, 2))
    found: dict[str, Callable[[], Any]] = {"sciad": lambda: gradient(*start, np.sin)}
    if torch is not None:

        def by_torch() -> Any:
            x, a, b = (torch.tensor(v, requires_grad=True) for v in start)
            array_chain(x, a, b, torch.sin).backward()
            return x.grad

        found["PyTorch"] = by_torch
    if autograd is not None:
        other = autograd.grad(array_chain, (0, 1, 2))
        found["autograd"] = lambda: other(*start, autograd.numpy.sin)
    return found


# Stacked LSTM ------------------------------------------------------------------------------------


def lstm_contestants(batch: int, torch: Any, autograd: Any) -> dict[str, Callable[[], Any]]:
    parameters, inputs = lstm_parameters(batch)
    gradient = sciad.grad(lstm)
    found: dict[str, Callable[[], Any]] = {"sciad": lambda: gradient(parameters, inputs, np)}
    if torch is not None:
        own = [tuple(torch.tensor(p, requires_grad=True) for p in layer) for layer in parameters]
        given = [torch.tensor(x) for x in inputs]
        found["PyTorch"] = lambda: lstm(own, given, torch).backward()
    if autograd is not None:
        other = autograd.grad(lstm)
        found["autograd"] = lambda: other(parameters, inputs, autograd.numpy)
    return found


def lstm_overhead(rounds: int, torch: Any, autograd: Any) -> dict[str, float]:
    """Microseconds an operation at batch 0."""
    rows = [medians(lstm_contestants(batch, torch, autograd), rounds) for batch in BATCHES]
    return {
        name: float(np.polyfit(BATCHES, [row[name] for row in rows], 1)[1]) / OPERATIONS * 1e6
        for name in rows[0]
    }


# Large arrays and untraced code ------------------------------------------------------------------


def peak(run: Callable[[], Any]) -> int:
    """Largest memory that is allocated while a function runs, in bytes."""
    tracemalloc.start()
    run()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def large(size: int, rounds: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=size), rng.normal(size=size)
    gradient = sciad.value_and_grad(large_program, (0, 1))
    run = {
        "sciad": lambda: gradient(x, w),
        "by hand": lambda: large_program_with_adjoint(x, w),
    }
    for mine, theirs in zip(run["sciad"]()[1], run["by hand"]()[1], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10)
    times = medians(run, rounds)
    memory = {name: peak(one) for name, one in run.items()}
    print(
        f"  {size:8d} elements: time {times['sciad'] / times['by hand']:.2f} x by hand"
        f" (target: at most 1.3), peak memory {memory['sciad'] / memory['by hand']:.2f} x"
        " (target: at most 1.2)"
    )


def untraced(name: str, program: Callable[..., Any], rounds: int, target: float) -> None:
    """Code that is rewritten, as it gets a traced number, and computes without it."""
    followed = sciad.value_and_grad(program)
    found = medians({"followed": lambda: followed(1.0), "plain": lambda: program(1.0)}, rounds)
    print(
        f"  {name:16s} {found['followed'] / found['plain']:.2f} x plain (target: at most {target})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch, autograd = installed("torch"), installed("autograd")
    if torch is not None:
        torch.set_num_threads(1)
    if autograd is not None:
        importlib.import_module("autograd.numpy")
    found = medians(scalar_contestants(torch, autograd), rounds)
    report(
        "Scalar chain (target for sciad: at most 0.570)",
        {name: t / STEPS * 1e6 for name, t in found.items()},
        {"PyTorch": 8, "autograd": 15},
        "us an operation",
    )
    found = medians(array_contestants(torch, autograd), rounds)
    report(
        "Chain on arrays of size 3 (target for sciad: at most 2.5)",
        {name: t / STEPS * 1e6 for name, t in found.items()},
        {},
        "us an operation",
    )
    report(
        f"LSTM of {LAYERS} layers at batch 0 (target for sciad: at most 2.5)",
        lstm_overhead(rounds, torch, autograd),
        {"PyTorch": 2, "autograd": 8},
        "us an operation",
    )
    print("\nLarge arrays")
    for size in (100_000, 1_000_000):
        large(size, max(5, rounds // 2))
    print("\nUntraced code that is followed")
    untraced("objects", particles, rounds, 2.0)
    for size in (200, 2_000, 20_000):
        untraced(f"NumPy, {size}", lambda x, size=size: numpy_loop(x, size), rounds, 1.3)
    for program in (heat, power_iteration, helpers):
        untraced(program.__name__, lambda x, program=program: program(x, 200), rounds, 1.3)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()

"""Programs that write into arrays: gradient beside the plain program, growth, memory.

    python benchmarks/mutation.py [--runs 7] [name ...]

A ratio is the time of value and gradient (forward and backward) by the time of the plain program;
growth is the time for n steps by that for n/2 (2 is linear); memory is the peak while the gradient
is computed, by what the arrays of the program need at least (one copy of the buffers forward and
one of their adjoints backward). Medians of repeated runs in one process.
"""

import argparse
import gc
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import sciad

LIMIT = 25.0


def fill(x, n):
    b = np.zeros(n)
    for i in range(n):
        b[i] = x * i
    return np.sum(b)


def recurrence(x, n):
    b = np.zeros(n)
    b[0] = x
    for i in range(1, n):
        b[i] = 0.99 * b[i - 1] + x
    return b[-1]


def recurrence_of_sines(x, n):
    b = np.zeros(n)
    b[0] = x
    for i in range(1, n):
        b[i] = np.sin(b[i - 1]) * x
    return b[-1]


def add_to_elements(x, n):
    b = np.zeros(n)
    for i in range(n):
        b[i] += x * i
    return np.sum(b)


def fill_matrix(x, n):
    m = np.zeros((n // 100, 100))
    for i in range(n // 100):
        for j in range(100):
            m[i, j] = x * i + j
    return np.sum(m * m)


def rows(width):
    def euler(x, n):
        u = np.zeros((n + 1, width))
        u[0] = x
        for k in range(n):
            u[k + 1] = u[k] + 1e-3 * np.sin(u[k])
        return np.sum(u[-1])

    return euler


def two_buffers(x, n):
    u, new = x * np.ones(1000), np.zeros(1000)
    for _ in range(n):
        new[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u, new = new, u
    return np.sum(u)


def scale_in_place(x, n):
    b = x * np.ones(1_000_000)
    for _ in range(n):
        b *= 1.01
    return np.sum(b)


def overlapping_in_place(x, n):
    b = x * np.ones(1_000_000)
    for _ in range(n):
        b[1:] += 0.5 * b[:-1]
    return np.sum(b)


@dataclass
class Case:
    """A program, its number of steps, its ratio's limit and the bytes its arrays need."""

    program: Callable
    steps: int
    limit: float | None = None
    least: Callable[[int], int] | None = None


CASES = {
    "fill, element by element": Case(fill, 10_000, LIMIT, lambda n: 16 * n),
    "recurrence of elements": Case(recurrence, 10_000, LIMIT),
    "recurrence with sines": Case(recurrence_of_sines, 10_000, LIMIT),
    "b[i] += x": Case(add_to_elements, 10_000, LIMIT),
    "fill a matrix": Case(fill_matrix, 10_000, LIMIT),
    "time steps, rows of 3": Case(rows(3), 10_000, LIMIT),
    "time steps, rows of 100": Case(rows(100), 1_000, LIMIT, lambda n: 1600 * n),
    "two buffers of 1000": Case(two_buffers, 1_000),
    "scale 1e6 in place": Case(scale_in_place, 20, None, lambda n: 16_000_000),
    "overlapping sums, 1e6": Case(overlapping_in_place, 20, None, lambda n: 16_000_000),
}


@dataclass
class Row:
    """What was measured of a case."""

    plain: float
    gradient: float
    half: float
    peak: int


def seconds(function: Callable, *args: float) -> float:
    gc.collect()
    began = time.process_time()
    function(*args)
    return time.process_time() - began


def peak_bytes(function: Callable, *args: float) -> int:
    tracemalloc.start()
    function(*args)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def check(program: Callable, steps: int) -> None:
    """Compare the gradient with a difference quotient."""
    _, slope = sciad.value_and_grad(program)(0.5, steps)
    h = 1e-6
    quotient = (program(0.5 + h, steps) - program(0.5 - h, steps)) / (2.0 * h)
    assert abs(slope - quotient) < 1e-6 * (1.0 + abs(slope)), (slope, quotient)


def measure(case: Case, runs: int) -> Row:
    check(case.program, min(case.steps, 20))
    gradient, n = sciad.value_and_grad(case.program), case.steps
    times = [
        (
            seconds(case.program, 0.5, n),
            seconds(gradient, 0.5, n),
            seconds(gradient, 0.5, n // 2),
        )
        for _ in range(runs)
    ]
    return Row(*map(min, zip(*times, strict=True)), peak_bytes(gradient, 0.5, n))


def shown(name: str, case: Case, row: Row) -> str:
    ratio, growth = row.gradient / row.plain, row.gradient / row.half
    text = (
        f"{name:26s} {row.plain * 1e3:6.2f} ms {row.gradient * 1e3:6.1f} ms {ratio:6.1f}"
        f" {growth:7.2f}  {row.peak / 1e6:.1f} MB"
    )
    if case.least is not None:
        text += f" ({row.peak / case.least(case.steps):.1f} times the least)"
    if case.limit is not None:
        text += f" (target: ratio at most {case.limit:g}, growth about 2)"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("names", nargs="*", help="parts of names of cases")
    options = parser.parse_args()
    print(f"{'':26s} {'plain':>9s} {'gradient':>9s} {'ratio':>6s} {'growth':>7s}  memory")
    for name, case in CASES.items():
        if not options.names or any(part in name for part in options.names):
            print(shown(name, case, measure(case, options.runs)))


if __name__ == "__main__":
    main()

"""The compiler: what compiling a gradient costs, beside njit on the program itself.

One fresh process with an empty cache compiles every program of `compiler.py` with njit and then its
gradient with sciad; a second process, which finds the cache filled, computes the gradients again.
Numba's own start is over by then, and so is the import of sciad.

    python benchmarks/compile_times.py [--only rk4 network]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from compiler import cases

MOST, MOST_AGAIN = 3.0, 0.1  # times njit; seconds

CHILD = """
import json, sys, time
sys.path.insert(0, {folder!r})
import numba
numba.njit(lambda x: x + 1.0)(1.0)
import compiler
import compile_times
import sciad
sciad.grad(sciad.jit(compile_times.warm_up))(1.0)
found = {{}}
for case in compiler.cases():
    if {only!r} and case.program not in {only!r}:
        continue
    known = getattr(compiler.limits, case.program + "_primal", None)
    primal = compiler.jitted(case.function) if known is None else numba.njit(known.py_func)
    began = time.perf_counter()
    if {cold!r}:
        primal(*case.args)
    plain = time.perf_counter() - began
    began = time.perf_counter()
    try:
        compiler.Contest(case).gradient().once()
    except sciad.CompileError:
        continue
    found[case.name] = (plain, time.perf_counter() - began)
print(json.dumps(found))
"""


def warm_up(x):
    """Anything that compiles."""
    return x * x


def compile_times(only: list[str], cold: bool, cache: str) -> dict[str, tuple[float, float]]:
    """Seconds that njit takes for each program, and sciad for its gradient, in a new process."""
    script = CHILD.format(folder=str(Path(__file__).parent), only=only, cold=cold)
    environment = {**os.environ, "SCIAD_CACHE_DIR": cache}
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[])
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory() as cache:
        cold = compile_times(only, True, cache)
        warm = compile_times(only, False, cache)
    print("* beyond the target for a single program")
    print(f"{'':22s} {'njit s':>8s} {'gradient s':>11s} {'ratio':>7s} {'second process s':>17s}")
    ratios = []
    for case in cases():
        if case.name not in cold:
            continue
        plain, gradient = cold[case.name]
        again = warm[case.name][1]
        ratios.append(gradient / plain)
        marks = ["*" if bad else " " for bad in (ratios[-1] > MOST, again > MOST_AGAIN)]
        print(
            f"{case.name:22s} {plain:8.2f} {gradient:11.2f} {ratios[-1]:7.2f}{marks[0]}"
            f" {again:16.3f}{marks[1]}"
        )
    print(
        f"compiling/njit: median {statistics.median(ratios):.2f} (target: at most {MOST}),"
        f" worst {max(ratios):.2f}"
    )


if __name__ == "__main__":
    main()

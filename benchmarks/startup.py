"""What a second process pays: `import sciad`, and the first gradient with cached kernels.

python benchmarks/startup.py [--runs 5]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGETS = {"import sciad": 0.25, "first gradient, second process": 2.0}

MODEL = """
import time
began = time.perf_counter()
import numpy as np
import sciad
from sciad.ode import solve_ivp

def model(t, y, p):
    hare, lynx = y
    return [p["a"] * hare - p["b"] * hare * lynx, -p["c"] * lynx + p["d"] * hare * lynx + {tag}]

def loss(p):
    found = solve_ivp(model, (0.0, 10.0), [10.0, 5.0], t_eval=np.linspace(0.0, 10.0, 51), args=(p,))
    return (found.y ** 2).sum()

gradient = sciad.grad(loss)(dict(a=1.1, b=0.4, c=0.4, d=0.1))
assert np.isfinite(gradient["a"])
print(time.perf_counter() - began)
"""


def seconds(*command: str) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    return time.perf_counter() - began, done.stdout


def medians(runs: int, *command: str) -> float:
    return statistics.median(seconds(*command)[0] for _ in range(runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    python = medians(runs, "-c", "pass")
    found = {"import sciad": medians(runs, "-c", "import sciad") - python}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        script.write_text(MODEL.format(tag=f"{time.time_ns() % 1000}e-30"), encoding="utf-8")
        found["first gradient, first process"] = seconds(str(script))[0]
        found["first gradient, second process"] = medians(runs, str(script))
    print(f"python itself: {python:.3f} s (subtracted from the import only)")
    for name, value in found.items():
        target = f" (target: at most {TARGETS[name]:g} s)" if name in TARGETS else ""
        print(f"{name}: {value:.3f} s{target}")


if __name__ == "__main__":
    main()

"""The compiler: gradients beside the programs themselves, adjoints written by hand, and JAX.

For each program of `programs/compiled.py`

- the time of the program under njit, and of sciad's gradient, hand-written gradient (`limits/
  compiled.py`) and Hessian-vector product as ratios; all as compiled code calls them, with zeroing
  of the gradient's memory and the value computed too;
- what the user's call `sciad.value_and_grad(f)(...)` adds to that, in microseconds;
- JAX's time for the same call, if it is installed.

`compile_times.py` is about the time to compile all that.

One thread. The contestants take turns, in each round the best of some runs counts; medians over
the rounds. Derivatives are checked against those by hand (1e-10) first, JAX's too.

    python benchmarks/compiler.py [--rounds 9] [--only rk4 network]
"""

import argparse
import gc
import importlib
import inspect
import re
import statistics
import time
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from limits import compiled as limits
from numba import njit
from programs import compiled as programs
from threadpoolctl import threadpool_limits

import sciad
from sciad.compiler.nodes import Call

REPEATS = 5
SHORT = 20e-6  # below that, calls are made by compiled code
BATCH = 2e-3  # duration of a measurement of those


@dataclass
class Case:
    """A program and where it is run; `moved` are the differentiated arguments."""

    name: str
    program: str
    args: tuple
    moved: tuple[int, ...]
    cotangents: tuple = ()
    options: dict = field(default_factory=dict)

    @property
    def function(self) -> Callable[..., Any]:
        """The program."""
        return getattr(programs, self.program)


def cases() -> list[Case]:
    """Programs with the sizes of the benchmark."""
    rng = np.random.default_rng(0)
    rates, animals = np.array([1.1, 0.4, 0.4, 0.1]), np.array([10.0, 5.0])
    grids = tuple(rng.random((32, 32)) for _ in range(4))
    layers = ((32, 16), 32, (32, 32), 32, (8, 32), 8, 16, 8)
    camera = np.concatenate([rng.normal(size=6), [1.2, 0.1, -0.2, 0.05, 0.01]])
    return [
        Case("Taylor sine", "taylor_sine", (0.7,), (0,)),
        Case("Newton's iteration", "newton", (1.1, 0.4), (0, 1)),
        Case("Lotka-Volterra rhs", "lotka_volterra", (animals, rates), (0, 1), (np.ones(2),)),
        Case(
            "Brusselator 32x32 rhs",
            "brusselator",
            (*grids[:2], 3.4, 1.0, 10.0 / 31**2),
            (0, 1, 2, 3, 4),
            grids[2:],
        ),
        Case("RK4 x 1000", "rk4", (animals, rates, 0.01, 1000), (0, 1)),
        Case("charged particle", "particle", (0.1,), (0,)),
        Case(
            "network 16-32-32-8",
            "network",
            tuple(0.3 * rng.normal(size=size) for size in layers),
            tuple(range(6)),
        ),
        Case("determinant 5x5", "determinant", (rng.normal(size=(5, 5)),), (0,)),
        Case("mixture d=10 k=25", "gaussian_mixture", mixture(rng, 10, 25, 1000), (0, 1, 2)),
        Case("mixture d=32 k=50", "gaussian_mixture", mixture(rng, 32, 50, 1000), (0, 1, 2)),
        Case("k-means", "kmeans", (rng.normal(size=(10, 5)), rng.normal(size=(2000, 5))), (0,)),
        Case("diagonal LSTM", "lstm", characters(rng, 2, 14, 1024), (0, 1)),
        Case(
            "bundle adjustment",
            "bundle",
            (camera, rng.normal(size=3) + np.array([0.0, 0.0, 5.0]), 0.8, rng.normal(size=2)),
            (0, 1, 2),
            (np.array([1.0, 0.7]),),
        ),
        Case("logsumexp of 1e6", "logsumexp", (rng.normal(size=1_000_000),), (0,)),
        Case(
            "polynomial fit",
            "polynomial",
            (rng.normal(size=7), rng.uniform(-1, 1, 1000), rng.normal(size=1000)),
            (0,),
        ),
        Case("median by insertion", "insertion_median", (rng.normal(size=101),), (0,)),
    ]


def mixture(rng: np.random.Generator, d: int, k: int, n: int) -> tuple:
    icf = 0.3 * rng.normal(size=(k, d * (d + 1) // 2))
    return rng.normal(size=k), rng.normal(size=(k, d)), icf, rng.normal(size=(n, d)), 1.0, 0.0


def characters(rng: np.random.Generator, layers: int, bits: int, n: int) -> tuple:
    weights = 0.5 * rng.normal(size=(2 * layers, 4 * bits))
    sequence = (rng.random((n, bits)) < 0.5).astype(float)
    return weights, rng.normal(size=(3, bits)), rng.normal(size=(2 * layers, bits)), sequence


# Compiled code as compiled code calls it --------------------------------------------------------


@dataclass
class Code:
    """A compiled function with its arguments, and arrays to be zeroed before each call."""

    function: Callable[..., Any]
    args: tuple
    zeroed: list[np.ndarray]
    used: str  # the part of its result `r` that a caller sums up

    def once(self) -> Any:
        """Call the function from Python."""
        for array in self.zeroed:
            array.fill(0.0)
        return self.function(*self.args)

    def many(self) -> Callable[[int], None]:
        """Make a function that calls it n times from compiled code; numbers come from memory."""
        cells = [np.array([a]) if isinstance(a, float) else a for a in self.args]
        names = [f"a{k}" for k in range(len(cells))]
        shown = [f"a{k}[0]" if isinstance(a, float) else f"a{k}" for k, a in enumerate(self.args)]
        zeroed = [f"z{k}" for k in range(len(self.zeroed))]
        lines = [f"def run(n, sink, {', '.join(names + zeroed)}):", "    for _ in range(n):"]
        for name in zeroed:
            lines += [f"        for i in range({name}.size):", f"            {name}[i] = 0.0"]
        lines += [f"        r = function({', '.join(shown)})", f"        sink[0] += {self.used}"]
        namespace: dict[str, Any] = {"function": self.function}
        exec("\n".join(lines), namespace)
        compiled, sink = njit(namespace["run"]), np.zeros(1)
        flat = [z.reshape(-1) for z in self.zeroed]
        return lambda n: compiled(n, sink, *cells, *flat)


def jitted(function: Any, known: dict | None = None) -> Any:
    """Compile with njit a function and the functions it calls."""
    known = {} if known is None else known
    if function in known:
        return known[function]
    scope = dict(function.__globals__)
    made = njit(error_model="numpy", nogil=True)(
        types.FunctionType(function.__code__, scope, function.__name__)
    )
    known[function] = made
    for name in function.__code__.co_names:
        if isinstance(scope.get(name), types.FunctionType):
            scope[name] = jitted(scope[name], known)
    return made


class Contest:
    """All forms of one program."""

    def __init__(self, case: Case):
        self.case = case
        self.jit = sciad.jit(case.function)
        program, leaves, integers = self.jit.program(case.args)
        self.call = Call(program, leaves, integers)
        kinds = inspect.signature(case.function).parameters
        assert len(kinds) == len(case.args)
        places = [k for k, a in enumerate(case.args) if not isinstance(a, int)]
        wanted = [k in case.moved for k in places]
        pairs = list(zip(program.leaves, wanted, strict=True))
        numbers = any(w for leaf, w in pairs if not leaf.ndim)
        self.bits = [numbers, *(w for leaf, w in pairs if leaf.ndim)]
        self.mask = "".join(str(int(b)) for b in self.bits)

    def bars(self) -> list[np.ndarray]:
        """Make memory for the gradient."""
        return [b for b, wanted in zip(self.call.empty(), self.bits, strict=True) if wanted]

    def weights(self) -> list[np.ndarray]:
        """Cotangents of the results, in the form of sciad's adjoints."""
        given = self.case.cotangents
        if not given:
            return [np.ones(1)]
        return [np.ascontiguousarray(g).reshape(-1) for g in given]

    def primal(self) -> Code:
        """Compile the program with njit."""
        known = getattr(limits, f"{self.case.program}_primal", None)
        function = jitted(self.case.function) if known is None else known
        return Code(function, self.case.args, [], self.part(function(*self.case.args)))

    def part(self, result: Any, at: str = "r") -> str:
        """Write how to get at a number of a result."""
        if isinstance(result, tuple):
            return self.part(result[0], f"{at}[0]")
        return at if np.ndim(result) == 0 else at + "[" + ", ".join("0" * result.ndim) + "]"

    def value(self) -> Code:
        """Compile the program with sciad."""
        function = self.call.program.compiled("value", self.call.integers)
        args = tuple(self.call.inputs())
        return Code(function, args, [], "r[1]" if np.ndim(function(*args)[1]) == 0 else "r[1][0]")

    def gradient(self) -> Code:
        """Compile sciad's gradient."""
        kind = "vjp" if self.case.cotangents else "grad"
        sizes, bars = self.call.integers, self.bars()
        function = self.call.program.compiled(f"{kind}_{self.mask}", sizes)
        used = "r" if kind == "vjp" else "r[1]"
        return Code(function, (*self.call.inputs(), *self.weights(), *bars), bars, used)

    def hvp(self) -> Code:
        """Compile sciad's Hessian-vector product."""
        function, bars, changes = (
            self.call.program.compiled(f"hvp_{self.mask}", self.call.integers),
            self.bars(),
            self.bars(),
        )
        along = [np.ones_like(b) for b in bars]
        args = (*self.call.inputs(), *self.weights(), *bars, *along, *changes)
        return Code(function, args, [*bars, *changes], "r")

    def by_hand(self) -> Code:
        """Find the adjoint written by hand."""
        case = self.case
        bars = [np.zeros(np.shape(case.args[k])) for k in case.moved if np.ndim(case.args[k])]
        function = getattr(limits, case.program)
        code = Code(function, (*case.args, *case.cotangents, *bars), bars, "")
        result = code.once()
        code.used = "0.0" if result is None else self.part(result)
        return code

    def user(self) -> Callable[[], Any] | None:
        """Make the call a user writes."""
        if self.case.cotangents:
            return None
        gradient = sciad.value_and_grad(self.jit, self.case.moved)
        return lambda: gradient(*self.case.args)

    # -- derivatives as one vector ---------------------------------------------------------------
    def vector_of_sciad(self) -> np.ndarray:
        """Compute the gradient with sciad."""
        code = self.gradient()
        result = code.once()
        assert (result if isinstance(result, int) else result[0]) == 0
        floats = [k for k, a in enumerate(self.case.args) if isinstance(a, float)]
        buffers = [b.copy() for b in code.zeroed]
        numbers = buffers.pop(0) if self.bits[0] else []
        arrays = iter(buffers)
        return flattened(
            numbers[floats.index(k)] if k in floats else next(arrays) for k in self.case.moved
        )

    def vector_by_hand(self) -> np.ndarray:
        """Compute the gradient by hand."""
        code = self.by_hand()
        result = code.once()
        numbers = list(result) if isinstance(result, tuple) else [result]
        numbers = numbers[1:] if not self.case.cotangents else numbers
        given, arrays = iter(numbers), iter(code.zeroed)
        return flattened(
            next(arrays) if np.ndim(self.case.args[k]) else next(given) for k in self.case.moved
        )


def flattened(parts: Any) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(p, float)) for p in parts])


def jax_gradient(case: Case) -> Callable[[], Any] | None:
    """Value and gradient by JAX, ready when it returns; None if it is not installed."""
    try:
        jax = importlib.import_module("jax")
        forms = importlib.import_module("programs.compiled_jax")
    except ImportError:
        return None
    function = getattr(forms, case.program)
    args = [jax.numpy.asarray(a) if not isinstance(a, int) else a for a in case.args]
    static = tuple(k for k, a in enumerate(args) if isinstance(a, int))
    if case.cotangents:
        weights = tuple(map(jax.numpy.asarray, case.cotangents))

        def pull(*args: Any) -> Any:
            held = lambda *moved: function(
                *(moved[case.moved.index(k)] if k in case.moved else a for k, a in enumerate(args))
            )
            _, back = jax.vjp(held, *(args[k] for k in case.moved))
            return back(weights if len(weights) > 1 else weights[0])

        compiled = jax.jit(pull)
    else:
        compiled = jax.jit(jax.value_and_grad(function, case.moved), static_argnums=static)
    return lambda: jax.block_until_ready(compiled(*args))


# Time -----------------------------------------------------------------------------------------


def seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def runner(code: Code) -> tuple[Callable[[], Any], int]:
    """Choose what to time, and say how many calls that is."""
    code.once()
    single = min(seconds(code.once) for _ in range(REPEATS))
    if single > SHORT:
        return code.once, 1
    many = code.many()
    many(1)
    calls = max(1, int(BATCH / max(seconds(lambda: many(100)) / 100, 1e-9)))
    return lambda: many(calls), calls


def medians(contestants: dict[str, tuple[Callable[[], Any], int]], rounds: int) -> dict[str, float]:
    """Median times of a call, of contestants that take turns."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name, (run, calls) in contestants.items():
            times[name].append(min(seconds(run) for _ in range(REPEATS)) / calls)
    return {name: float(np.median(t)) for name, t in times.items()}


def repeated(run: Callable[[], Any]) -> tuple[Callable[[], Any], int]:
    """Repeat a user's call as often as it takes to be timed."""
    run()
    calls = max(1, int(BATCH / seconds(run)))

    def many() -> None:
        for _ in range(calls):
            run()

    return many, calls


def measure(case: Case, rounds: int) -> dict[str, float]:
    """Time all forms of a program, after a check of the derivatives."""
    contest = Contest(case)
    mine, theirs = contest.vector_of_sciad(), contest.vector_by_hand()
    scale = max(1.0, float(np.max(np.abs(theirs))))
    np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10 * scale)
    codes = {
        "primal": contest.primal(),
        "jit": contest.value(),
        "gradient": contest.gradient(),
        "by hand": contest.by_hand(),
        "hvp": contest.hvp(),
    }
    contestants = {name: runner(code) for name, code in codes.items()}
    user, other = contest.user(), jax_gradient(case)
    if user is not None:
        contestants["user"] = repeated(user)
    if other is not None:
        found = other()
        gradient = found if case.cotangents else found[1]
        np.testing.assert_allclose(flattened(gradient), mine, rtol=1e-8, atol=1e-8 * scale)
        contestants["JAX"] = repeated(other)
    return medians(contestants, rounds)


def tape_bytes(case: Case) -> int:
    """Memory that a gradient allocates: its tape, and the arrays it makes."""
    contest = Contest(case)
    kind = "vjp" if case.cotangents else "grad"
    text = contest.call.program.source(f"{kind}_{contest.mask}")
    text = re.sub(r"^(import|from) .*$", "", text, flags=re.M)
    memory, slots = [0], {}

    class Counted:
        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

        def zeros(self, n: int, dtype: Any = float) -> Any:
            memory[0] += 8 * n
            return np.zeros(n, dtype)

        empty = zeros

    def put(tape: int, slot: int, value: Any) -> None:
        slots[slot] = value

    namespace: dict[str, Any] = {
        "np": Counted(),
        "math": importlib.import_module("math"),
        "called": lambda *args, **options: lambda function: function,
        "njit": lambda *args, **options: lambda function: function,
        "tape_put": put,
        "tape_put_int": put,
        "tape_get": lambda tape, slot: slots[slot],
        "tape_get_int": lambda tape, slot: slots[slot],
        "tape_begin": lambda: 1,
        "tape_grow": lambda tape, room, need: (1, need),
        "tape_free": lambda tape, room: None,
        "assume": lambda condition: None,
    }
    exec(text, namespace)
    namespace["function"](*contest.gradient().args)
    return memory[0] + 8 * len(slots)


# Report ---------------------------------------------------------------------------------------

TARGETS = {
    "gradient/primal": (2.5, 4.0),
    "gradient/by hand": (1.1, 1.3),
    "hvp/gradient": (2.5, 4.0),
}


def shown(value: float, most: float) -> str:
    return "     -  " if np.isnan(value) else f"{value:7.2f}{'*' if value > most else ' '}"


def ratios(times: dict[str, float]) -> dict[str, float]:
    return {
        "gradient/primal": times["gradient"] / times["primal"],
        "gradient/by hand": times["gradient"] / times["by hand"],
        "hvp/gradient": times["hvp"] / times["gradient"],
    }


def line(case: Case, times: dict[str, float], found: dict[str, float]) -> str:
    most = 5.0 if case.program == "brusselator" else 4.0
    parts = [
        f"{case.name:22s} {times['primal'] * 1e6:10.3f}",
        f"{times['jit'] / times['primal']:7.2f} ",
        shown(found["gradient/primal"], most),
        shown(found["gradient/by hand"], 1.3),
        shown(found["hvp/gradient"], 4.0),
    ]
    extra = times["user"] - times["gradient"] if "user" in times else np.nan
    other = times["JAX"] / times.get("user", times["gradient"]) if "JAX" in times else np.nan
    parts += [shown(extra * 1e6, 2.0) if extra < 1e-4 else "     -  ", shown(other, np.inf)]
    return " ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    chosen = [c for c in cases() if not options.only or c.program in options.only]
    collected: dict[str, list[float]] = {name: [] for name in TARGETS}
    print("* beyond the target for a single program")
    heads = ("primal us", "jit/njit", "grad/pr", "grad/hand", "hvp/grad", "call us", "JAX/own")
    print(f"{'':22s} {heads[0]:>10s} " + " ".join(f"{h:>8s}" for h in heads[1:]))
    compiled = []
    for case in chosen:
        try:
            times = measure(case, options.rounds)
        except sciad.CompileError as error:
            print(f"{case.name:22s} does not compile: {str(error).splitlines()[0]}")
            continue
        compiled.append(case.name)
        found = ratios(times)
        for name, value in found.items():
            collected[name].append(value)
        print(line(case, times, found), flush=True)
    for case in chosen:
        if case.program == "rk4" and case.name in compiled:
            print(f"memory of the gradient of {case.name}: {tape_bytes(case)} bytes")
    for name, values in collected.items():
        if values:
            median, worst = TARGETS[name]
            print(
                f"{name}: median {statistics.median(values):.2f} (target: at most {median}),"
                f" worst {max(values):.2f} (target: at most {worst})"
            )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()

"""Iterations that are run again in the adjoint instead of being kept on the tape."""

import importlib.util
import itertools
import math
import random
from pathlib import Path

import numpy as np
import pytest

from sciad.compiler.ir import FLOAT, INT, If, Loop, Op, walk
from sciad.compiler.passes import adjoint as adjoints
from sciad.compiler.passes import recall
from sciad.compiler.passes.costs import SLOT, estimate
from sciad.compiler.passes.cut import stored
from sciad.core.errors import CompileError
from sciad.core.transforms import grad, hvp, vjp


def module_at(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Writer = module_at(Path(__file__).with_name("test_random_programs.py")).Writer


# -- what to store ---------------------------------------------------------------------------------
def price(kept, wanted, recipes, weights):
    """Cost of storing some values and computing the others again; None if that is impossible."""
    total, front, seen = 0, list(wanted), set()
    while front:
        v = front.pop()
        if v in seen:
            continue
        seen.add(v)
        if v in kept:
            total += SLOT * weights[v]
        elif recipes[v] is None:
            return None
        else:
            total += recipes[v][1] * weights[v]
            front += recipes[v][0]
    return total


@pytest.mark.parametrize("seed", range(60))
def test_no_other_choice_is_cheaper(seed):
    r = random.Random(seed)
    names = list(range(9))
    recipes = {
        v: None
        if v < 2 or r.random() < 0.15
        else (r.sample(range(v), min(v, r.choice([1, 2, 2, 3]))), r.choice([1, 1, 8, 30]))
        for v in names
    }
    weights = {v: r.choice([1, 1, 8]) for v in names}
    wanted = r.sample(names, 4)
    found = price(stored(wanted, recipes, weights), wanted, recipes, weights)
    choices = itertools.chain.from_iterable(itertools.combinations(names, k) for k in range(10))
    prices = [price(set(kept), wanted, recipes, weights) for kept in choices]
    assert found == min(p for p in prices if p is not None)


# -- every loop replayed ---------------------------------------------------------------------------
@pytest.fixture
def replay_all(monkeypatch):
    """Let adjoints replay all loops they can."""

    def everything(function, made, reverse):
        return reverse(frozenset(n.index for n in walk(function.body) if isinstance(n, Loop)))

    monkeypatch.setattr(adjoints, "best", everything)


TIME, STATE, PARAMETERS = 0.37, np.array([0.45, 0.83]), np.array([1.3, 0.7])


def agrees_with_the_eager_engine(program, interpreted):
    run = interpreted(program, 2, 2, (PARAMETERS,))
    outbar = np.array([0.6, -1.7])
    status, tbar, ybar, pbar = run.vjp(TIME, STATE, outbar)
    assert status == 0
    plain = lambda t, y, p: np.stack(program(t, y, p))
    _, pullback = vjp(plain, TIME, STATE, PARAMETERS)
    for bar, expected in zip((tbar[0], ybar, pbar), pullback(outbar), strict=True):
        np.testing.assert_allclose(bar, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("seed", [108, *range(100, 160, 3)])
def test_random_programs_with_all_loops_replayed(seed, tmp_path, imported, interpreted, replay_all):
    program = imported(Writer(seed).text(), tmp_path / f"replayed_{seed}.py").program
    agrees_with_the_eager_engine(program, interpreted)


class Checkpointing(Writer):
    """Asks for checkpointing of all loops over ranges; there are no jumps."""

    def line(self, text):
        if text.startswith("for ") and "range(" in text:
            room = self.random.choice(["", ", snapshots=1", ", snapshots=2", ", snapshots=5"])
            text = text.replace("range(", "sciad.checkpointed(range(").replace("):", f"){room}):")
        super().line(text)

    def statement(self, in_loop):
        super().statement(False)

    def text(self):
        return "import sciad\n" + super().text()


@pytest.mark.parametrize("first", range(200, 240, 10))
def test_random_programs_with_checkpointed_loops(first, tmp_path, imported, interpreted):
    done, refused = 0, []
    for seed in range(first, first + 10):
        text = Checkpointing(seed).text()
        program = imported(text, tmp_path / f"checkpointed_{seed}.py").program
        try:
            agrees_with_the_eager_engine(program, interpreted)
        except CompileError as error:
            refused.append(str(error))
        else:
            done += "checkpointed" in text
    assert all("a checkpointed loop" in message for message in refused)
    assert done >= 2


# -- memory ----------------------------------------------------------------------------------------
def runge_kutta(t, y, p):
    a, b, c, d = p[0], p[1], p[2], p[3]
    u, v = y[0], y[1]
    h = 0.01
    for _ in range(200):
        k1, l1 = a * u - b * u * v, c * u * v - d * v
        x, z = u + 0.5 * h * k1, v + 0.5 * h * l1
        k2, l2 = a * x - b * x * z, c * x * z - d * z
        x, z = u + 0.5 * h * k2, v + 0.5 * h * l2
        k3, l3 = a * x - b * x * z, c * x * z - d * z
        x, z = u + h * k3, v + h * l3
        k4, l4 = a * x - b * x * z, c * x * z - d * z
        u = u + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        v = v + h / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)
    return [u, v]


LOTKA_VOLTERRA = np.array([1.5, 1.0, 1.0, 3.0])


def gradient_and_slots(program, interpreted, p):
    run = interpreted(program, 2, 2, (p,))
    status, _, ybar, pbar = run.vjp(TIME, STATE, np.array([0.6, -1.7]))
    assert status == 0
    return np.concatenate([ybar, pbar]), run.functions["vjp"][1].peak


def test_steps_of_runge_kutta_store_their_state_and_nothing_else(interpreted, monkeypatch):
    found, slots = gradient_and_slots(runge_kutta, interpreted, LOTKA_VOLTERRA)
    assert slots == 2 * 200
    monkeypatch.setattr(recall, "_PURE", frozenset())  # nothing is computed again
    expected, most = gradient_and_slots(runge_kutta, interpreted, LOTKA_VOLTERRA)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert most >= 8 * slots
    results = [n for n in walk(_body(runge_kutta, interpreted)) if n.outs[0].type is FLOAT]
    assert 200 * len(results) >= 10 * slots  # an engine that keeps every result


def _body(program, interpreted):
    loops = interpreted(program, 2, 2, (LOTKA_VOLTERRA,)).native.derived("value").body.nodes
    (loop,) = [n for n in loops if isinstance(n, Loop)]
    return loop.body


def diffusion(y, p, out):
    n = len(y)
    for i in range(n):
        out[i] = p[0] * (y[(i + 1) % n] - 2.0 * y[i] + y[(i - 1) % n]) - p[1] * y[i] ** 3


def runge_kutta_of_an_array(t, y, p):
    n = 40
    u, k, z = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        u[i] = math.sin(0.3 * i + y[0]) * y[1]
    for _ in range(20):
        diffusion(u, p, k)
        for i in range(n):
            z[i] = u[i] + 0.05 * k[i]
        diffusion(z, p, k)
        for i in range(n):
            u[i] += 0.1 * k[i]
    return [np.sum(u), u[3] * u[4]]


def test_replayed_steps_of_an_array_store_the_array_once(interpreted, replay_all):
    found, slots = gradient_and_slots(runge_kutta_of_an_array, interpreted, PARAMETERS)
    run = lambda t, y, p: np.stack(runge_kutta_of_an_array(t, y, p))
    _, pullback = vjp(run, TIME, STATE, PARAMETERS)
    _, ybar, pbar = pullback(np.array([0.6, -1.7]))
    np.testing.assert_allclose(found, np.concatenate([ybar, pbar]), rtol=1e-11)
    assert slots <= 20 * 40 + 4 * 40  # one array for each step, and what one step needs


# -- the choice ------------------------------------------------------------------------------------
def polynomial_loss(t, y, p):
    s = 0.0
    for i in range(50):
        x, u, v = 0.02 * i, 1.0, 0.0
        for k in range(40):
            u, v = u * v - x, v * (x + 0.01 * u * k) + y[1] * u
        s += (v - t) ** 2
    return [math.sqrt(s), t]


def elementary_functions(t, y, p):
    x = y[0]
    for _ in range(50):
        for k in range(40):
            x = math.exp(-x * x) + math.sin(x + y[1]) * 0.1 * k
    return [x, t]


def replayed_loops(program, interpreted):
    """Loops of the adjoint that hold both the pushes and the pops of a frame."""
    made = interpreted(program, 2, 2, (PARAMETERS,)).native.derived("vjp")
    found = 0
    for loop in made.body.nodes:
        if isinstance(loop, Loop):
            codes = {n.code for n in walk(loop.body) if isinstance(n, Op)}
            found += {"push", "pop"} <= codes
    return found, made


def test_loops_are_replayed_where_that_is_cheaper(interpreted, monkeypatch):
    chosen, made = replayed_loops(polynomial_loss, interpreted)
    assert chosen == 1
    assert replayed_loops(elementary_functions, interpreted)[0] == 0
    monkeypatch.setattr(adjoints, "best", lambda function, made, reverse: made)
    taped, other = replayed_loops(polynomial_loss, interpreted)
    assert taped == 0
    assert estimate(made) < estimate(other)


def test_second_derivatives_of_replayed_loops(replay_all):
    from sciad.compiler import jit

    def loss(y):
        u = y.copy()
        for _ in range(12):
            for i in range(3):
                u[i] = u[i] - 0.1 * u[(i + 1) % 3] ** 2 * u[i]
        return u[0] * u[2]

    point, direction = np.array([0.4, 0.8, -0.3]), np.array([0.3, -0.8, 0.5])
    found = hvp(jit(loss), point, direction)
    np.testing.assert_allclose(found, hvp(loss, point, direction), rtol=1e-11)


def test_arrays_of_which_only_the_cotangent_is_needed(replay_all):
    from sciad.compiler import jit

    def loss(x, w):
        s = w
        for i in range(len(x)):
            z = np.zeros(2 * len(x) + 1)
            for k in range(0, len(x), 2):
                z[k] += -1.3 * w
            s += z[i] * x[0]
        return s

    x = np.array([0.4, 0.8, -0.3])
    assert grad(jit(loss), 1)(x, 0.7) == pytest.approx(1.0 - 2.6 * 0.4, rel=1e-14)


def test_bytes_of_the_tape_are_counted():
    from sciad.compiler import jit

    def steps(y, n):
        x, z = y[0], y[1]
        for _ in range(n):
            x, z = x + 0.01 * z * x, z - 0.01 * x * math.exp(z)
        return [x, x * z]

    point = np.array([0.5, 0.2])
    assert jit(steps).tape_bytes(point, 0) == 0
    assert jit(steps).tape_bytes(point, 1000) == 3 * 8 * 1000  # x, z and exp(z)


def nearest(t, y, p):
    total = 0.0
    for i in range(9):
        best, weight = 1e300, 1.0
        for a in range(35):
            r = 0.0
            for j in range(34):
                r += (0.1 * i * y[j % 2] - 0.2 * a * p[j % 2]) ** 2
            if r < best:
                best, weight = r, weight * y[0]
        total += best * weight
    return [math.sqrt(total), t]


def test_loops_whose_results_are_not_used_are_not_reversed(interpreted):
    agrees_with_the_eager_engine(nearest, interpreted)
    made = interpreted(nearest, 2, 2, (PARAMETERS,)).native.derived("vjp")
    guarded = [
        n
        for n in walk(made.body)
        if isinstance(n, If) and any(isinstance(inner, Loop) for inner in n.then.nodes)
    ]
    assert guarded


# -- integers that loops count --------------------------------------------------------------------
def inserted(x):
    y = x.copy()
    for i in range(1, len(y)):
        key, j = y[i], i - 1
        while j >= 0 and y[j] > key:
            y[j + 1] = y[j]
            j -= 1
        y[j + 1] = key
    return np.sum(y * y * np.arange(len(y)))


def placed(x):
    y, k = np.zeros(len(x)), 0
    while k < len(x) and y[k] < 0.6:
        y[k] += x[k] * x[0]
        k += 1
    return np.sum(y * y) + 0.1 * k


@pytest.mark.parametrize(("function", "kept"), [(inserted, 1), (placed, 0)])
def test_integers_that_loops_count_are_computed_again(function, kept, jit_interpreted):
    x, compiled = np.array([0.31, -0.62, 0.45, 0.83, -0.2]), jit_interpreted(function)
    np.testing.assert_allclose(grad(compiled)(x), grad(function)(x), rtol=1e-12, atol=1e-14)
    reverse = compiled.program((x,))[0].derived("vjp")
    pushes = [n for n in walk(reverse.body) if isinstance(n, Op) and n.code == "push"]
    assert sum(a.type is INT for n in pushes for a in n.args) == kept  # how often a loop has run

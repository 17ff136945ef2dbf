"""Random programs of views and writes, against complex steps through the plain program.

A program is a list of steps on a pool of arrays, many of which share memory. It is grown while the
plain program runs, so that every index fits. NumPy runs the same steps on complex buffers: the
imaginary part of the result is the exact derivative, without any of sciad's machinery.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sciad

X = np.array([0.7, -0.4, 0.9, 0.3])
STEP = 1e-30


# Steps -------------------------------------------------------------------------------------------


def view_of(a, kind, option):
    if kind == "index":
        return a[option]
    if kind == "T":
        return a.T
    if kind == "reshape":
        return a.reshape(option)
    if kind == "ravel":
        return a.ravel(order=option)
    if kind == "swapaxes":
        return a.swapaxes(*option)
    if kind == "moveaxis":
        return np.moveaxis(a, *option)
    if kind == "squeeze":
        return np.squeeze(a)
    if kind == "expand":
        return np.expand_dims(a, option)
    if kind == "flip":
        return np.flip(a, option)
    if kind == "split":
        return np.array_split(a, 2, axis=option)[1]
    if kind == "row":
        return list(a)[option]
    if kind == "diagonal":
        return np.diagonal(a)
    if kind == "broadcast":
        return np.broadcast_to(a, (2, *a.shape))
    if kind == "atleast":
        return np.atleast_2d(a)
    return a.view()


def augment(a, operator, v):
    if operator == "+":
        a += v
    elif operator == "-":
        a -= v
    else:
        a *= v
    return a


def augment_at(a, index, operator, v):
    if operator == "+":
        a[index] += v
    elif operator == "-":
        a[index] -= v
    else:
        a[index] *= v


def write_out(function, a, b, out):
    if function == "add":
        np.add(a, b, out=out)
    elif function == "multiply":
        np.multiply(a, b, out)
    elif function == "sin":
        np.sin(a, out=out)
    elif function == "cumsum":
        np.cumsum(a, axis=0, out=out)
    elif function == "sum":
        np.sum(a, axis=0, out=out)
    elif function == "where":
        np.multiply(a, b, out=out, where=out > 0.217)
    else:
        np.copyto(out, a)


def fill_elements(a, x):
    for k in range(len(a)):
        a[k] = a[k - 1] * x[k % 4] + 0.1


def perform(pool, x, step):
    """Take a step; one that NumPy refuses (a view that is read-only, a shape) changes nothing."""
    kind, i, j, *options = step
    a, b = pool[i], pool[j]
    if not isinstance(a, np.ndarray):
        return  # a number that was read
    try:
        if kind == "view":
            pool.append(view_of(a, *options))
        elif kind == "save":
            pool.append(np.sin(a) * 0.7 if options[0] else a * a)
        elif kind == "copy":
            pool.append(a.copy() if options[0] else np.array(a))
        elif kind == "gather":
            pool.append(a[options[0]])
        elif kind == "store":
            a[options[0]] = np.sin(b) if options[1] else b
        elif kind == "number":
            a[options[0]] = x[options[1]] if options[1] < 4 else 0.3
        elif kind == "own":
            a[options[0]] = 0.8 * a[options[1]]
        elif kind == "augment":
            pool[i] = augment(a, options[0], b if options[1] else 0.5)
        elif kind == "augment_at":
            augment_at(a, options[0], options[1], x[j % 4] if options[2] else 0.6)
        elif kind == "mask":
            a[a > options[0]] = x[options[1]]
        elif kind == "out":
            write_out(options[0], a, b, pool[options[1]])
        elif kind == "fill":
            fill_elements(a, x)
        elif kind == "stack":
            pool.append(np.array([a, a * 0.5]))
        elif kind == "rebind":
            pool[j] = a
    except (ValueError, TypeError, IndexError) as error:
        if isinstance(error, sciad.SciadError):
            raise


# Their choice ------------------------------------------------------------------------------------


def pick_slice(random, n):
    start = random.randint(-n - 1, n + 1) if random.random() < 0.6 else None
    stop = random.randint(-n - 1, n + 1) if random.random() < 0.6 else None
    return slice(start, stop, random.choice([None, 1, 2, -1, -2]))


def pick_basic(random, shape):
    """Random index of slices, ints, new axes and an ellipsis."""
    index = []
    for n in shape[: random.randint(0, len(shape))]:
        index.append(
            pick_slice(random, n) if n == 0 or random.random() < 0.6 else random.randint(-n, n - 1)
        )
    if random.random() < 0.2:
        index.insert(random.randint(0, len(index)), None)
    if random.random() < 0.3:
        index.insert(random.randint(0, len(index)), Ellipsis)
        if index[-1] is not Ellipsis and shape and random.random() < 0.5:
            return Ellipsis
    return tuple(index) if len(index) != 1 or random.random() < 0.5 else index[0]


def pick_index(random, shape):
    """Random index, of advanced parts too."""
    choice = random.random()
    if choice < 0.6 or not shape or 0 in shape:
        return pick_basic(random, shape)
    if choice < 0.75:
        mask = np.array([random.random() < 0.5 for _ in range(int(np.prod(shape)))], bool)
        return mask.reshape(shape) if random.random() < 0.5 else mask[: shape[0]]
    count = random.randint(1, 3)
    index = []
    for n in shape[: random.randint(1, len(shape))]:
        kind = random.random()
        if kind < 0.6:
            index.append([random.randint(-n, n - 1) for _ in range(count)])
        elif kind < 0.8:
            index.append(pick_slice(random, n))
        else:
            index.append(random.randint(-n, n - 1))
    return tuple(index) if len(index) > 1 or random.random() < 0.5 else index[0]


def pick_view(random, a):
    n = a.ndim
    kinds = ["index"] * 5 + ["T", "reshape", "reshape", "ravel", "expand", "view", "squeeze"]
    kinds += ["broadcast", "atleast", "flip"]
    if n:
        kinds += ["split", "swapaxes"]
        kinds += ["row"] if len(a) else []
    if n > 1:
        kinds += ["moveaxis", "diagonal"]
    kind = random.choice(kinds)
    option = None
    if kind == "index":
        option = pick_basic(random, a.shape)
    elif kind == "reshape":
        options = [(-1,), (1, -1), a.shape[::-1], (2, -1), (-1, 2), (3, -1)]
        option = random.choice(options if a.size else [a.shape, (0,)])
    elif kind == "ravel":
        option = random.choice(["C", "C", "F", "A", "K"])
    elif kind in ("swapaxes", "moveaxis"):
        option = (random.randrange(n), random.randrange(-n, n))
    elif kind == "expand":
        option = random.randint(0, n)
    elif kind == "flip":
        option = random.choice([None, *range(n)])
    elif kind == "split":
        option = random.randrange(n)
    elif kind == "row":
        option = random.randrange(len(a))
    return kind, option


KINDS = ["view"] * 6 + ["store"] * 4 + ["number", "own", "augment", "augment", "augment_at"] * 2
KINDS += ["save", "save", "copy", "gather", "mask", "out", "out", "fill", "stack", "rebind"]
OUT = ["add", "multiply", "sin", "cumsum", "sum", "where", "copyto"]


def pick_step(random, pool):
    kind, i, j = random.choice(KINDS), random.randrange(len(pool)), random.randrange(len(pool))
    a = pool[i]
    fitting = [k for k, b in enumerate(pool) if b.shape == a.shape]
    if random.random() < 0.6:
        j = random.choice(fitting)
    if kind == "view":
        return kind, i, j, *pick_view(random, a)
    if kind in ("save", "copy"):
        return kind, i, j, random.random() < 0.5
    if kind == "gather":
        return kind, i, j, pick_index(random, a.shape)
    if kind == "store":
        index = Ellipsis if j in fitting else pick_index(random, a.shape)
        return kind, i, j, index, random.random() < 0.5
    if kind == "number":
        return kind, i, j, pick_index(random, a.shape), random.randrange(5)
    if kind == "own":
        first = pick_index(random, a.shape)
        return kind, i, j, first, first if random.random() < 0.3 else pick_index(random, a.shape)
    if kind == "augment":
        return kind, i, j, random.choice("+-*"), random.random() < 0.7
    if kind == "augment_at":
        index = pick_index(random, a.shape)
        return kind, i, j, index, random.choice("+-*"), random.random() < 0.7
    if kind == "mask":
        return kind, i, j, random.choice([-0.217, 0.113, 0.531]), random.randrange(4)
    if kind == "out":
        function = random.choice(OUT)
        shape = a.shape[1:] if function == "sum" else a.shape
        fitting = [k for k, b in enumerate(pool) if b.shape == shape]
        return (kind, i, j, function, random.choice(fitting)) if fitting else ("rebind", i, j)
    return kind, i, j


def start(x):
    """First arrays of the pool: an input, buffers, a matrix of products."""
    return [
        x,
        np.zeros(4, x.dtype),
        np.ones((2, 3), x.dtype),
        np.multiply.outer(x, x[:3]),
        np.zeros((2, 3, 2), x.dtype).T,
    ]


@st.composite
def programs(draw, most=12):
    random = draw(st.randoms(use_true_random=False))
    pool = start(X.copy())
    steps = []
    for _ in range(draw(st.integers(1, most))):
        step = pick_step(random, pool)
        perform(pool, X, step)
        steps.append(step)
    return steps


def run(x, steps):
    pool = start(x * 1.0)
    for step in steps:
        perform(pool, x, step)
    total = 0.0
    for k, a in enumerate(pool):
        total = total + np.sum(np.sin(a + 0.1 * k) * np.cos(np.arange(a.size)).reshape(a.shape))
    return total


# Linear programs on complex buffers ---------------------------------------------------------------

PARTS = ["real", "imag", "conj", "T", "index", "ravel", "diagonal"]


def linear_step(pool, x, step):
    """Take a step that is linear over the real numbers."""
    kind, i, j, option = step
    a, b = pool[i], pool[j]
    if not isinstance(a, np.ndarray):
        return
    try:
        if kind == "real":
            pool.append(a.real)
        elif kind == "imag":
            pool.append(a.imag)
        elif kind == "conj":
            pool.append(np.conj(a))
        elif kind == "T":
            pool.append(a.T)
        elif kind == "index":
            pool.append(a[option])
        elif kind == "ravel":
            pool.append(a.ravel())
        elif kind == "diagonal" and a.ndim == 2 and a.shape[0] == a.shape[1]:
            pool.append(np.einsum("ii->i", a))
        elif kind == "store":
            a[...] = b * 0.5
        elif kind == "part":
            a[option] = b
        elif kind == "set real":
            a.real = b.real
        elif kind == "set imag":
            a.imag[option] = x[j % 4]
        elif kind == "add":
            a += b
        elif kind == "subtract":
            a -= 0.3 * b
        elif kind == "turn":
            a *= 0.6 + 0.8j
        elif kind == "halve":
            a /= 2.0
        elif kind == "number":
            a[option] = x[j % 4] * (1.0 - 2.0j)
        elif kind == "out":
            np.add(a, b, out=a)
    except (ValueError, TypeError, IndexError) as error:
        if isinstance(error, sciad.SciadError):
            raise


WRITES = ["store", "part", "set real", "set imag", "add", "subtract", "turn", "halve", "number"]


def linear_start(x):
    pool = [x * 1.0, np.zeros((2, 2), complex), np.zeros(4, complex), np.zeros((2, 2))]
    pool[1][0] = x[:2]
    pool[2].imag = x
    return pool


@st.composite
def linear_programs(draw, most=14):
    random = draw(st.randoms(use_true_random=False))
    pool, steps = linear_start(X), []
    for _ in range(draw(st.integers(1, most))):
        i, j = random.randrange(len(pool)), random.randrange(len(pool))
        kind = random.choice([*PARTS, *WRITES, *WRITES, "out"])
        shape = np.shape(pool[i])
        option = pick_basic(random, shape) if kind == "index" else pick_index(random, shape)
        steps.append((kind, i, j, option))
        linear_step(pool, X, steps[-1])
    return steps


def run_linear(x, steps):
    pool = linear_start(x)
    for step in steps:
        linear_step(pool, x, step)
    parts = [np.ravel(part) for a in pool for part in (np.real(a), np.imag(a))]
    return np.concatenate(parts)


# Tests -------------------------------------------------------------------------------------------


def complex_step(steps):
    with np.errstate(all="ignore"):
        found = [run(X + STEP * 1j * e, steps).imag / STEP for e in np.eye(4)]
    return np.array(found)


def close(found, expected, tolerance=1e-12):
    scale = max(1.0, float(np.max(np.abs(expected))))
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=tolerance * scale)


@settings(max_examples=150, deadline=None)
@given(programs())
def test_gradient_in_both_modes(steps):
    expected = complex_step(steps)
    value, pullback = sciad.vjp(lambda x: run(x, steps), X)
    assert value == run(X, steps)
    close(pullback(1.0)[0], expected)
    close(pullback(1.0)[0], expected)  # adjoints are not left over from the first call
    forward = sciad.jacobian(run, mode="forward")(X, steps)
    close(forward, expected)


@settings(max_examples=50, deadline=None)
@given(programs(most=8))
def test_second_derivatives_in_all_modes(steps):
    direction = np.array([0.3, -1.0, 0.5, 0.8])

    def slope(x):
        return sciad.jvp(lambda v: run(v, steps), (x,), (direction,))[1]

    def gradient(x):
        return sciad.grad(run)(x, steps)

    reverse = sciad.grad(lambda x: np.sum(gradient(x) * direction))(X)
    close(sciad.jvp(gradient, (X,), (direction,))[1], reverse)
    close(sciad.grad(slope)(X), reverse)
    close(sciad.jvp(slope, (X,), (direction,))[1], reverse @ direction)
    h = 1e-5
    differences = (gradient(X + h * direction) - gradient(X - h * direction)) / (2 * h)
    close(reverse, differences, 1e-6)


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@settings(max_examples=100, deadline=None)
@given(linear_programs())
def test_linear_programs_on_complex_buffers(steps):
    direction = np.array([0.3, -1.0, 0.5, 0.8])
    value, pullback = sciad.vjp(lambda x: run_linear(x, steps), X)
    expected = run_linear(X + direction, steps) - run_linear(X, steps)
    np.testing.assert_array_equal(value, run_linear(X, steps))
    close(sciad.jvp(lambda x: run_linear(x, steps), (X,), (direction,))[1], expected)
    weights = np.cos(np.arange(value.size))
    close(pullback(weights)[0] @ direction, weights @ expected)

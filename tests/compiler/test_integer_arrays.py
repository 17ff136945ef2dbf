"""Arrays of ints and bools: arguments, captured constants, literals, storage, results."""

import numpy as np
import pytest

from sciad.compiler import jit, native
from sciad.core.errors import CompileError
from sciad.core.transforms import grad, hvp, jacobian, vjp
from sciad.ode import solve_ivp

X = np.array([0.3, 1.2, -0.7, 2.0])
INDEX = np.array([3, 1, 1, 0])
MASK = np.array([True, False, True, False])
STOICHIOMETRY = np.array([[1, -1, 0], [0, 2, -1]])
WIDE = np.arange(60).reshape(3, 20) % 5 - 2


def gathered(x, index, mask):
    s = 0.0
    for i in range(len(index)):
        s += x[index[i]] ** 2 * (2.0 if mask[i] else 1.0)
    counts = np.zeros(3, dtype=int)
    for k in index:
        counts[k % 3] += 1
    fluxes = STOICHIOMETRY @ x[:3]
    return s * counts[1] + np.sum(fluxes**2) + counts.sum()


def many(x, index, mask):
    both = np.array([1, 2, 3, 4]) * index
    table = np.array([[0, 1], [2, 3]])
    k = table[index[0] % 2, 1]
    kept = np.where(mask, index, -1)
    flags = np.zeros(4, dtype=bool)
    flags[1] = mask[0]
    either = flags | ~mask
    weights = np.full(4, 2)
    weights[k] = index[1] + 5
    grown = np.ones_like(index)
    for i in range(1, 4):
        grown[i] = grown[i - 1] * 2 + index[i]
    total = np.sum(x * both) + x[k] * kept.sum() + np.sum(x * x * either) + weights @ x**2
    return total + np.dot(grown, x) / np.sum(mask) + (index @ index) * x[-1]


@pytest.mark.parametrize("program", [gathered, many])
def test_values_and_derivatives_are_those_of_the_interpreter(program, in_interpreter):
    made = jit(program)
    assert made(X, INDEX, MASK) == pytest.approx(program(X, INDEX, MASK), rel=1e-14)
    run, plain = (lambda x, f=f: f(x, INDEX, MASK) for f in (made, program))
    np.testing.assert_allclose(grad(run)(X), grad(plain)(X), rtol=1e-12)
    np.testing.assert_allclose(hvp(run, X, X**2), hvp(plain, X, X**2), rtol=1e-12, atol=1e-12)
    forward = jacobian(run, mode="forward")(X)
    np.testing.assert_allclose(forward, grad(plain)(X), rtol=1e-12)


def test_machine_code():
    made = jit(gathered)
    assert made(X, INDEX, MASK) == pytest.approx(gathered(X, INDEX, MASK), rel=1e-14)
    run, plain = (lambda x, f=f: f(x, INDEX, MASK) for f in (made, gathered))
    np.testing.assert_allclose(grad(run)(X), grad(plain)(X), rtol=1e-12)


def test_elements_and_lengths_are_run_time_input(in_interpreter):
    made = jit(gathered)
    made(X, INDEX, MASK)
    other = np.array([0, 2, 1, 1, 1])[::-1]
    expected = gathered(X, other, np.ones(5, bool))
    assert made(X, other, np.ones(5, bool)) == pytest.approx(expected, rel=1e-14)
    narrow = other.astype(np.int32)
    assert made(X, narrow, np.ones(5, bool)) == pytest.approx(expected, rel=1e-14)
    assert len(made._programs) == 1


def test_captured_arrays_are_read_at_every_call(monkeypatch):
    made = jit(lambda x: np.sum(x[LOOKUP[1]] * x))
    assert made(X) == pytest.approx(X[2] * X.sum())
    LOOKUP[1] = 0
    assert made(X) == pytest.approx(X[0] * X.sum())
    monkeypatch.setitem(globals(), "LOOKUP", np.array([0, 3]))
    assert made(X) == pytest.approx(X[3] * X.sum())
    np.testing.assert_allclose(grad(made)(X), X[3] + X.sum() * (np.arange(4) == 3))
    assert len(made._programs) == 1


LOOKUP = np.array([1, 2])


@jit
def parts(x, index):
    doubled = index[:3] * 2
    return {"d": doubled, "i": index, "m": doubled > 2, "s": np.array([1, 2]), "y": x[index] * x}


def test_arrays_of_integers_are_returned_and_carry_no_derivative():
    found, expected = parts(X, INDEX), parts.__wrapped__(X, INDEX)
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        np.testing.assert_array_equal(found[key], value)
    loss = lambda f: lambda x: np.sum(f(x, INDEX)["y"] ** 2 * f(x, INDEX)["d"].sum())
    np.testing.assert_allclose(grad(loss(parts))(X), grad(loss(parts.__wrapped__))(X), rtol=1e-12)
    forward = jacobian(lambda x: parts(x, INDEX)["y"], mode="forward")(X)
    np.testing.assert_allclose(forward, jacobian(lambda x: parts.__wrapped__(x, INDEX)["y"])(X))


def test_integer_arrays_made_in_traced_code(in_interpreter):
    total = lambda f: lambda x: f(x, np.arange(4)[::-1], np.arange(4) > 1)
    expected = grad(total(gathered))(X)
    np.testing.assert_allclose(grad(total(jit(gathered)))(X), expected, rtol=1e-12)


def reactions(t, y, p):
    v = np.array([p["k"] * y[0], y[1] ** 2, p["k"] * y[2] * t])
    w = WIDE @ (np.ones(20) * y[1])
    j = int(t * 2)
    return STOICHIOMETRY.T @ (STOICHIOMETRY @ v) + w[j] * WIDE[1, j + 3] * np.array([1, 0, 2])


def test_right_hand_sides_have_tables(interpreted):
    p, y = {"k": 0.4}, np.array([0.5, 1.5, -0.3])
    run = interpreted(reactions, 3, 3, (p,))
    assert run.native.size == 1
    status, out = run.value(0.7, y)
    assert status == 0
    np.testing.assert_allclose(out, reactions(0.7, y, p), rtol=1e-13)
    weight = np.array([0.3, -1.0, 2.0])
    _, tbar, ybar, pbar = run.vjp(0.7, y, weight)
    _, pull = vjp(reactions, 0.7, y, p)
    t, state, k = pull(weight)
    np.testing.assert_allclose(ybar, state, rtol=1e-12)
    np.testing.assert_allclose([tbar[0], pbar[0]], [t, k["k"]], rtol=1e-12)
    _, _, outdot = run.jvp(0.7, y, 0.3, y, np.array([2.0]))
    assert weight @ outdot == pytest.approx(0.3 * tbar[0] + ybar @ y + 2.0 * pbar[0], rel=1e-12)


def test_small_tables_need_no_memory(interpreted):
    def rhs(t, y, p):
        v = np.array([[p["k"] * y[0], y[1] ** 2], [p["k"] * y[2] * t, 1.0]])
        w = np.concatenate([v[0], v[1, :1]])
        return STOICHIOMETRY.T @ (STOICHIOMETRY @ w) * np.cumsum(v[0]).sum() + np.max(y)

    run = interpreted(rhs, 3, 3, ({"k": 0.4},))
    for text in run.texts.values():
        assert "np.empty" not in text
        assert "np.zeros" not in text
        assert "table[" not in text
    y = np.array([0.5, 1.5, -0.3])
    np.testing.assert_allclose(run.value(0.7, y)[1], rhs(0.7, y, {"k": 0.4}), rtol=1e-14)


def test_a_table_is_part_of_what_was_compiled():
    order = np.array([1, 0])
    fun = lambda t, y: [y[order[0]], y[order[1]] * order[1]]
    first = native(fun, 2)
    assert native(fun, 2) is first
    order[:] = [0, 1]
    second = native(fun, 2)
    assert second is not first
    solve = lambda: solve_ivp(fun, (0.0, 1.0), np.array([1.0, 2.0])).y[:, -1]
    np.testing.assert_allclose(solve(), [np.e, 2.0 * np.e], rtol=1e-3)
    order[1] = 0
    np.testing.assert_allclose(solve(), [np.e, 2.0], rtol=1e-3)


def test_arrays_of_equal_content_are_not_mixed_up():
    def curvature(order):
        fun = lambda t, y, k, order: [k * y[order[0]], k * y[order[1]] * (order[1] + 1)]
        start = np.array([1.0, 2.0])
        end = lambda k: np.sum(solve_ivp(fun, (0.0, 1.0), start, args=(k, order)).y[:, -1])
        return grad(grad(end))(0.3)

    first = np.array([1, 0])
    other = first.copy()
    expected = curvature(first)
    first[:] = [0, 1]
    assert curvature(first) != pytest.approx(expected, rel=1e-3)
    assert curvature(other) == pytest.approx(expected, rel=1e-12)


def floats_into_integers(x):
    n = np.zeros(3, dtype=int)
    n[0] = x[0]  # a float
    return n[0] * x[1]


def narrow_integers(x):
    return x[NARROW[0]]


NARROW = np.array([1, 2], dtype=np.uint8)


@pytest.mark.parametrize(
    ("program", "words"),
    [(floats_into_integers, "written to with a float"), (narrow_integers, "uint8")],
)
def test_refusals(program, words):
    with pytest.raises(CompileError, match=words) as caught:
        jit(program)(X)
    assert f"{__file__}:{program.__code__.co_firstlineno + 1}" in str(caught.value) or (
        f"{__file__}:{program.__code__.co_firstlineno + 2}" in str(caught.value)
    )


def test_indices_are_checked():
    made = jit(lambda x, index: x[index[0]])
    assert made(X, np.array([-1])) == X[-1]
    with pytest.raises(IndexError):
        made(X, np.array([4]))
    with pytest.raises(IndexError):
        grad(made)(X, np.array([-5]))


def test_integers_do_not_overflow_silently():
    made = jit(lambda n: (n * n)[0])
    assert made(np.array([3])) == 9
    with pytest.raises(OverflowError):
        made(np.array([4_000_000_000]))


@pytest.mark.parametrize(
    "either",
    [
        lambda x: np.array([1.0, 5.0, 7.0])[
            np.array([True, False, True]) if x > 0.0 else np.array([0, 2, 1])
        ],
        lambda x: (np.arange(4) if x > 0.0 else np.linspace(0.0, 1.5, 4)) + 0,
        lambda x: (np.zeros(3, bool) if x > 0.0 else np.zeros(3)) * x,
    ],
)
def test_arrays_of_different_types_have_no_common_value(either):
    """Promoted, a mask would be taken for indices, and a copy would keep fractions."""
    with pytest.raises(CompileError, match="arrays of different types"):
        jit(either)(0.7)


def test_a_mask_that_becomes_indices_in_a_loop():
    def f(x, n):
        w = np.array([1.0, 5.0, 7.0]) * x
        chosen = np.array([True, False, True])
        total = 0.0
        for _ in range(n):
            total += np.sum(w[chosen])
            chosen = np.array([0, 2, 1])
        return total

    with pytest.raises(CompileError, match="different things on different paths"):
        jit(f)(0.7, 3)


def test_an_array_of_ints_that_becomes_one_of_floats_in_a_loop():
    def f(x, n):
        v = np.array([0, 0, 1])
        for i in range(n):
            v = v * 0.5 + x * i
        return np.sum(v * x)

    for n in (0, 1, 4):
        assert abs(jit(f)(0.7, n) - f(0.7, n)) < 1e-14
        assert abs(grad(jit(f))(0.7, n) - grad(f)(0.7, n)) < 1e-14

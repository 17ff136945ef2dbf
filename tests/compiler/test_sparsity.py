"""Sparse Jacobians and Hessians: patterns, colourings, agreement with the dense matrices."""

import importlib.util
import math
import re

import numpy as np
import pytest
import scipy.sparse as sp

import sciad
import sciad.compiler.patterns.setcode as setcode
import sciad.compiler.patterns.sparse as sparse
from sciad.compiler.front.types import LeafType
from sciad.compiler.ir import Op, walk
from sciad.compiler.nodes import Call
from sciad.compiler.patterns.colouring import column_colours, star_colours
from sciad.compiler.patterns.pattern import hessian_pattern, jacobian_pattern
from sciad.compiler.program import Program
from sciad.core.errors import CompileError, InputError, SciadError
from sciad.core.source import captured
from sciad.core.tree import flatten


def called(fun, *args):
    """Return a call of a program that is not compiled to machine code, and its leaves."""
    leaves, treedef = flatten((args, captured(fun)))
    kinds = tuple(LeafType(np.ndim(leaf), None if np.ndim(leaf) else ()) for leaf in leaves)
    program = Program(fun, fun, treedef, kinds, ())
    program.program()
    return Call(program, leaves, []), list(range(len(leaves)))


def pattern_of(fun, *args):
    return jacobian_pattern(*called(fun, *args)).toarray()


# -- patterns --------------------------------------------------------------------------------------
def tridiagonal(x):
    n = len(x)
    out = np.zeros(n)
    for i in range(n):
        out[i] = 2.0 * x[i] ** 2
        if i > 0:
            out[i] -= x[i - 1]
        if i < n - 1:
            out[i] -= math.sin(x[i + 1])
    return out


def band(n, low, high):
    i, j = np.indices((n, n))
    return (i - j <= low) & (j - i <= high)


def test_conditions_on_indices_are_decided():
    assert np.array_equal(pattern_of(tridiagonal, np.ones(7)), band(7, 1, 1))


def by_branch(x):
    out = np.zeros(3)
    if x[0] > 0.0:
        out[0] = x[1]
        out[1] = 1.0
    else:
        out[0] = x[2] * 2.0
    out[2] = x[3] if x[1] < 0.0 else 1.0
    return out


def test_both_branches_count_at_every_point():
    expected = [[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    for sign in (1.0, -1.0):
        assert np.array_equal(pattern_of(by_branch, np.full(4, sign)), expected)


def table_lookup(x, table):
    k = 0
    while k < len(table) - 1 and table[k + 1] < x[0]:
        k += 1
    return np.array([table[k] * x[1], x[2]])


def test_an_index_that_a_float_decides_reads_everything():
    found = pattern_of(table_lookup, np.ones(3), np.arange(4.0))
    assert np.array_equal(found, [[0, 1, 0, 1, 1, 1, 1], [0, 0, 1, 0, 0, 0, 0]])


def scattered(x):
    out = np.zeros(4)
    out[1] = x[2]
    out[int(x[0])] = x[1]
    return out


def test_an_index_that_a_float_decides_writes_everywhere():
    expected = np.tile([0, 1, 0], (4, 1))
    expected[1, 2] = 1
    assert np.array_equal(pattern_of(scattered, np.ones(3)), expected)


def fixed_point(x, tolerance):
    u, step = x[0], 1.0
    while abs(step) > tolerance:
        step = 0.5 * (math.cos(u) * x[1] - u)
        u += step
    return np.array([u, x[2]])


def test_a_loop_whose_end_is_not_known():
    expected = [[1, 1, 0, 0], [0, 0, 1, 0]]
    found = pattern_of(fixed_point, np.array([0.3, 0.9, 1.0]), 1e-9)
    assert np.array_equal(found[:, :3], np.array(expected)[:, :3])


def shifted_until(x):
    """Carry a value one place further in each iteration, until a float says stop."""
    a, b, c = x[0], x[1], x[2]
    for _ in range(40):
        if a > 3.0:
            break
        a, b, c = b, c, 0.5
    return np.array([a, b, c])


def test_values_that_move_on_in_a_loop():
    expected = [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
    assert np.array_equal(pattern_of(shifted_until, np.ones(3)), expected)


def shifted_at_least_once(x):
    a, b, c = x[0], x[1], x[2]
    for _ in range(40):
        a, b, c = b, c, 0.5
        if b > 3.0:
            break
    return np.array([a, b, c])


def test_every_iteration_may_be_the_last():
    found = pattern_of(shifted_at_least_once, np.ones(3))
    assert found[0, 1:].all()
    assert found[1, 2]


def first_above(x):
    k = 0
    for i in range(len(x) - 1):
        k = i
        if x[i] > 2.0:
            break
    return np.array([x[k], 1.0])


def test_where_a_loop_was_left_is_not_known():
    assert np.array_equal(pattern_of(first_above, np.ones(50)), np.outer([1, 0], np.ones(50)))


def scattered_and_read(x):
    out = np.zeros(4)
    out[int(x[0])] = x[1]
    return np.array([out[3], x[2]])


def test_what_was_written_somewhere_is_read_everywhere():
    assert np.array_equal(pattern_of(scattered_and_read, np.ones(3)), [[0, 1, 0], [0, 0, 1]])


def overwritten(x):
    out = x.copy()
    for i in range(len(x)):
        out[i] = 1.0
    out[0] = x[1]
    return out


def test_what_is_overwritten_is_forgotten():
    assert np.argwhere(pattern_of(overwritten, np.ones(5))).tolist() == [[0, 1]]


def piecewise_constant(x):
    return np.floor(x) + np.sign(x) + (x > 0.5) * 1.0


def test_no_derivative_no_entry():
    assert not pattern_of(piecewise_constant, np.ones(4)).any()


def test_columns_are_followed_in_blocks(monkeypatch):
    whole = pattern_of(tridiagonal, np.ones(40))
    monkeypatch.setattr("sciad.compiler.patterns.pattern._BLOCK", 7)
    assert np.array_equal(pattern_of(tridiagonal, np.ones(40)), whole)
    assert np.array_equal(whole, band(40, 1, 1))


def guarded(x):
    if x[0] > 0.0:
        return np.array([math.sqrt(x[1]), x[2]])
    raise ValueError("x[0] must be positive")


def test_failures_of_the_program_are_its_own():
    f = sciad.jit(guarded)
    found = sciad.jacobian(f, sparse=True)(np.array([1.0, 4.0, 1.0]))
    assert np.array_equal(found.toarray(), [[0.0, 0.25, 0.0], [0.0, 0.0, 1.0]])
    with pytest.raises(ValueError, match="must be positive"):
        sciad.jacobian(f, sparse=True)(np.array([-1.0, 4.0, 1.0]))


def beyond(x, n):
    return np.array([x[n], x[0]])


def test_an_index_beyond_the_end():
    with pytest.raises(IndexError):
        sciad.jacobian(sciad.jit(beyond), sparse=True)(np.ones(3), 5)


# -- random programs -------------------------------------------------------------------------------
def _writer():
    from pathlib import Path

    path = Path(__file__).parent / "test_random_programs.py"
    spec = importlib.util.spec_from_file_location("random_writer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Writer


def _random_program(seed, tmp_path, imported, result):
    """A program over 40 inputs that returns `result`."""
    text = _writer()(seed).text()
    text = text.replace("0.1 * k * y[0] + p[1]", "0.1 + y[k]")
    text = re.sub(r"return \[u, .*\]$", "break", text, flags=re.M)
    text = re.sub(r"return \[u \* v.*\]$", f"return {result}", text, flags=re.M)
    return imported(text, tmp_path / f"sparse_program_{seed}.py").program


POINTS = [np.random.default_rng(seed).uniform(-0.5, 1.2, 40) for seed in range(2)]


@pytest.mark.parametrize("seed", range(24))
def test_no_entry_is_missing_in_random_programs(seed, tmp_path, imported):
    program = _random_program(seed, tmp_path, imported, "(a * 1.0, u * v)")
    p = np.array([1.3, 0.7])
    found = jacobian_pattern(called(program, 0.37, POINTS[0], p)[0], [1]).toarray()
    for y in POINTS:
        dense = np.vstack(sciad.jacobian(program, argnums=1)(0.37, y, p))
        assert not np.any((dense != 0.0) & ~found)


@pytest.mark.parametrize("seed", range(8))
def test_no_second_derivative_is_missing_in_random_programs(seed, tmp_path, imported):
    program = _random_program(seed, tmp_path, imported, "u * v + w * b[0] + a[3] * a[7]")
    p = np.array([1.3, 0.7])
    found = hessian_pattern(called(program, 0.37, POINTS[0], p)[0], [1]).toarray()
    dense = sciad.hessian(program, argnums=1)(0.37, POINTS[0], p)
    assert not np.any((np.abs(dense) > 1e-13) & ~found)


# -- colourings ------------------------------------------------------------------------------------
def shares_no_row(pattern, colours):
    dense = pattern.toarray()
    return all(dense[:, colours == c].sum(axis=1).max() <= 1 for c in set(colours.tolist()))


def arrow(n):
    dense = np.eye(n, dtype=bool)
    dense[0, :] = dense[:, 0] = True
    return sp.csr_array(dense)


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        (sp.eye_array(9, format="csr"), 1),
        (sp.csr_array(band(30, 1, 1)), 3),
        (sp.csr_array(band(30, 0, 1)), 2),
        (sp.csr_array(band(30, 2, 3)), 6),
        (arrow(12), 12),
        (sp.csr_array(np.ones((4, 7))), 7),
        (sp.csr_array((5, 6)), 1),
    ],
)
def test_columns_take_as_few_colours_as_the_longest_row(pattern, least):
    colours = column_colours(pattern)
    assert colours.max() + 1 == least
    assert shares_no_row(pattern, colours)


def test_colours_of_random_patterns():
    rng = np.random.default_rng(3)
    for _ in range(10):
        pattern = sp.csr_array(rng.uniform(size=(25, 40)) < 0.06)
        assert shares_no_row(pattern, column_colours(pattern))


def is_star(pattern, colours):
    """Proper, and no path over four vertices in two colours."""
    near = [set(np.flatnonzero(row)) - {i} for i, row in enumerate(pattern.toarray())]
    proper = all(colours[i] != colours[j] for i, part in enumerate(near) for j in part)
    paths = (
        (i, j, k, m)
        for i, part in enumerate(near)
        for j in part
        for k in near[j] - {i}
        for m in near[k] - {i, j}
    )
    return proper and all(len({colours[v] for v in path}) > 2 for path in paths)


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        (arrow(12), 2),
        (sp.csr_array(band(30, 1, 1)), 3),
        (sp.eye_array(5, format="csr"), 1),
        (sp.csr_array(np.ones((5, 5))), 5),
    ],
)
def test_star_colourings_known_from_theory(pattern, least):
    colours = star_colours(pattern)
    assert colours.max() + 1 == least
    assert is_star(pattern, colours)


def test_star_colourings_of_random_patterns():
    rng = np.random.default_rng(4)
    for _ in range(10):
        half = rng.uniform(size=(20, 20)) < 0.08
        pattern = sp.csr_array(half | half.T)
        assert is_star(pattern, star_colours(pattern))


# -- Jacobians -------------------------------------------------------------------------------------
def check_jacobian(fun, *args, argnums=0):
    dense = sciad.jacobian(fun, argnums=argnums)(*args)
    found = sciad.jacobian(fun, argnums=argnums, sparse=True)(*args)
    assert isinstance(found, sp.csr_array)
    n = np.size(args[argnums])
    np.testing.assert_allclose(found.toarray(), np.reshape(dense, (-1, n)), rtol=1e-12, atol=1e-13)
    return sciad.sparsity(fun, argnums)(*args)


def test_tridiagonal_takes_three_colours():
    assert check_jacobian(tridiagonal, np.linspace(0.2, 1.0, 9)).colours == 3


def brusselator(u, n, a, b):
    out = np.zeros(2 * n * n)
    for i in range(n):
        up, down = ((i + 1) % n) * n, ((i - 1) % n) * n
        for j in range(n):
            right, left = (j + 1) % n, (j - 1) % n
            k, m = i * n + j, n * n
            x, y = u[k], u[m + k]
            fx = u[up + j] + u[down + j] + u[i * n + right] + u[i * n + left] - 4.0 * x
            fy = u[m + up + j] + u[m + down + j] + u[m + i * n + right] + u[m + i * n + left]
            out[k] = b + x * x * y - (a + 1.0) * x + fx
            out[m + k] = a * x - x * x * y + fy - 4.0 * y
    return out


def test_brusselator():
    rng = np.random.default_rng(1)
    known = check_jacobian(brusselator, rng.uniform(size=2 * 36), 6, 3.4, 1.0)
    assert known.pattern.nnz == 12 * 36
    known = sciad.sparsity(brusselator)(rng.uniform(size=2048), 32, 3.4, 1.0)
    assert known.pattern.shape == (2048, 2048)
    assert 6 <= known.colours <= 12


def arrow_field(x):
    out = 2.0 * x**2
    out[0] = np.sum(x)
    for i in range(1, len(x)):
        out[i] += x[0]
    return out


def test_an_arrow_has_no_colouring_of_columns_or_rows():
    assert check_jacobian(arrow_field, np.linspace(0.1, 1.0, 6)).colours == 6


def dense_row(x):
    out = np.sin(x)
    out[2] = np.dot(x, x)
    return out


def test_a_dense_row_is_computed_backwards():
    known = check_jacobian(dense_row, np.linspace(0.1, 1.0, 8))
    assert (known.mode, known.colours) == ("reverse", 2)


def dense_column(x):
    return x * x[0]


def test_a_dense_column_is_computed_forwards():
    known = check_jacobian(dense_column, np.linspace(0.1, 1.0, 8))
    assert (known.mode, known.colours) == ("forward", 2)


def test_a_number_has_one_row():
    assert check_jacobian(hub, np.linspace(0.1, 1.0, 8)).mode == "reverse"


@pytest.mark.parametrize(("mode", "runs"), [("forward", 8), ("reverse", 2), ("fwd", 8)])
def test_the_mode_can_be_chosen(mode, runs, monkeypatch):
    kinds = []
    before = Call.run
    monkeypatch.setattr(
        Call, "run", lambda self, kind, *a: kinds.append(kind) or before(self, kind, *a)
    )
    x = np.linspace(0.1, 1.0, 8)
    found = sciad.jacobian(dense_row, mode=mode, sparse=True)(x)
    np.testing.assert_allclose(found.toarray(), sciad.jacobian(dense_row)(x), rtol=1e-13)
    expected = "vjp" if mode == "reverse" else "jvp"
    assert kinds.count(expected) == runs + (expected == "jvp")  # one more for the check


def constant(x):
    return np.zeros(3)


def test_a_zero_jacobian():
    known = check_jacobian(constant, np.ones(4))
    assert (known.pattern.nnz, known.colours) == (0, 0)


def several(u, k, v):
    out = np.zeros((len(v), 2))
    for i in range(len(v)):
        out[i, 0] = u[i, 0] * v[i] + k["c"]
        out[i, 1] = u[i, 1] ** 2 * k["d"][0]
    return out


def test_several_arguments_and_structures():
    u, k, v = np.arange(6.0).reshape(3, 2), {"c": 0.5, "d": np.array([2.0, 3.0])}, np.ones(3)
    check_jacobian(several, u, k, v)
    check_jacobian(several, u, k, v, argnums=2)
    matrices = sciad.jacobian(several, argnums=(2, 1), sparse=True)(u, k, v)
    dense = sciad.jacobian(several, argnums=(2, 1))(u, k, v)
    assert [m.shape for m in matrices] == [(6, 3), (6, 3)]
    np.testing.assert_allclose(matrices[0].toarray(), dense[0].reshape(6, 3), rtol=1e-14)
    np.testing.assert_allclose(matrices[1].toarray()[:, 0], dense[1]["c"].ravel(), rtol=1e-14)
    np.testing.assert_allclose(matrices[1].toarray()[:, 1:], dense[1]["d"].reshape(6, 2))
    last = sciad.jacobian(several, argnums=-1, sparse=True)(u, k, v)
    assert np.array_equal(last.toarray(), matrices[0].toarray())


def mixed_results(x):
    return {"a": x[0] * x[1], "n": 3, "b": [np.exp(x[1:]), x[2]]}


def test_results_in_a_structure_are_rows_in_order():
    x = np.array([0.5, 1.5, 2.0])
    found = sciad.jacobian(mixed_results, sparse=True)(x).toarray()
    dense = np.zeros((4, 3))
    dense[0, :2] = x[1], x[0]
    dense[1, 1], dense[2, 2], dense[3, 2] = np.exp(1.5), np.exp(2.0), 1.0
    np.testing.assert_allclose(found, dense, rtol=1e-15)


def test_a_second_point_and_a_second_size(monkeypatch):
    f = sciad.jit(tridiagonal)
    made = []
    before = sparse.jacobian_pattern
    monkeypatch.setattr(sparse, "jacobian_pattern", lambda *a: made.append(1) or before(*a))
    matrix = sciad.jacobian(f, sparse=True)
    for x in (np.ones(5), np.linspace(0.0, 1.0, 5), np.linspace(0.0, 1.0, 8)):
        np.testing.assert_allclose(matrix(x).toarray(), sciad.jacobian(f)(x), rtol=1e-14)
    assert len(made) == 2


def test_numbers_of_arguments():
    f = sciad.jit(tridiagonal)
    with pytest.raises(InputError, match="argnums = 3"):
        sciad.jacobian(f, argnums=3, sparse=True)(np.ones(3))
    with pytest.raises(InputError, match="nothing to differentiate"):
        sciad.jacobian(brusselator, argnums=1, sparse=True)(np.ones(8), 2, 1.0, 1.0)
    with pytest.raises(InputError, match="has_aux"):
        sciad.jacobian(f, sparse=True, has_aux=True)
    with pytest.raises(InputError, match="once more"):
        sciad.grad(lambda x: sciad.jacobian(f, sparse=True)(x).sum())(np.ones(3))


# -- Hessians --------------------------------------------------------------------------------------
def rosenbrock(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


def hub(x):
    return np.sum(np.sin(x) * x[0])


def with_choices(x):
    s = x[0] * x[1]
    for i in range(2, len(x)):
        if x[i] > 0.5:
            s += x[i] ** 3 * x[i - 1]
        else:
            y = 0.3
            for _ in range(40):
                y = 0.5 * y + math.sin(y * x[i])
            s += y
    return s


@pytest.mark.parametrize(("fun", "colours"), [(rosenbrock, 3), (hub, 2), (with_choices, 3)])
def test_hessians(fun, colours):
    x = np.linspace(0.1, 1.2, 7)
    found = sciad.hessian(fun, sparse=True)(x)
    assert isinstance(found, sp.csr_array)
    np.testing.assert_allclose(found.toarray(), sciad.hessian(fun)(x), rtol=1e-10, atol=1e-11)
    known = sciad.sparsity(fun, what="hessian")(x)
    assert (known.mode, known.colours) == ("symmetric", colours)


def coupled(u, c, v):
    return np.sum(u * v) * c + np.sum(u**3)


def test_blocks_of_a_hessian():
    args = np.array([0.5, 1.0]), 0.3, np.array([2.0, 1.0])
    blocks = sciad.hessian(coupled, argnums=(0, 1, 2), sparse=True)(*args)
    dense = sciad.hessian(coupled, argnums=(0, 1, 2))(*args)
    for i, row in enumerate(blocks):
        for j, block in enumerate(row):
            shape = (np.size(args[i]), np.size(args[j]))
            np.testing.assert_allclose(
                block.toarray(), np.reshape(dense[i][j], shape), rtol=1e-12, atol=1e-14
            )


def test_a_hessian_is_of_a_number():
    with pytest.raises(InputError, match="one real number"):
        sciad.hessian(tridiagonal, sparse=True)(np.ones(3))


# -- the check, and what cannot be compiled --------------------------------------------------------
def test_a_missing_entry_is_found(monkeypatch):
    before = sparse.jacobian_pattern

    def thinned(*args):
        dense = before(*args).toarray()
        dense[3, 2] = False
        return sp.csr_array(dense)

    monkeypatch.setattr(sparse, "jacobian_pattern", thinned)
    with pytest.raises(SciadError, match="disagrees with a directional derivative in row 3"):
        sciad.jacobian(sciad.jit(tridiagonal), sparse=True)(np.linspace(0.1, 1.0, 6))


def not_compiled(x):
    try:  # here
        return np.array([x[0], 1.0])
    finally:
        pass


def test_what_cannot_be_compiled_is_refused_with_a_way_out():
    with pytest.raises(CompileError, match="try cannot be compiled") as error:
        sciad.jacobian(not_compiled, sparse=True)(np.ones(2))
    assert "sparse=True" in str(error.value)
    assert "test_sparsity.py:" in str(error.value)


def test_an_unknown_operation_is_refused():
    f = called(tridiagonal, np.ones(3))[0].program.program()
    next(node for node in walk(f.body) if isinstance(node, Op)).code = "something new"
    with pytest.raises(CompileError, match="something new"):
        setcode.set_program(f, f.params)

"""`np.linalg` in compiled functions: solve, inv, det, slogdet, cholesky.

Up to three rows the elimination (with partial pivoting) is written out on variables. Larger
matrices are copied into buffers of their own, which nobody else writes to, and become operations of
the IR whose derivatives are in `linear_rules`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.types import STATIC_LIMIT
from sciad.compiler.front.values import Abstract, Elements, Memory, Object, TupleOf
from sciad.compiler.inner.leafwise import array_of, contiguous
from sciad.compiler.ir import FLOAT, Const, Operand, Value, const
from sciad.compiler.passes.linear_rules import linalg
from sciad.compiler.vocabulary import arrays, indexing

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["LINEAR"]

_ERROR = "LinAlgError"
_WRITTEN_OUT = 3
_MOST_COLUMNS = 4
_ONE = const(1)
Arguments = list[Abstract]
Rows = list[list[Operand]]


# -- arguments -----------------------------------------------------------------------------------
def _given(low: Lowering, args: Arguments, named: dict, count: int, node: ast.Call) -> Arguments:
    if named or len(args) != count:
        what = f"{next(iter(named))}=" if named else f"{len(args)} arguments"
        low.refuse(f"{ast.unparse(node.func)} with {what} cannot be compiled", node)
    return args


def _matrix(low: Lowering, value: Abstract, node: ast.AST) -> Elements:
    """Take a square matrix as a recipe for its elements."""
    from sciad.compiler.vocabulary.whole import elements

    known = elements(low, arrays.settled(low, value, node), node)
    if len(known.shape) != 2:
        low.refuse("a stack of matrices, or something that is not a matrix", node, "loop over it")
    rows, columns = known.shape
    _equal(low, rows, columns, "Last 2 dimensions of the array must be square", _ERROR, node)
    return known


def _equal(low: Lowering, n: Operand, m: Operand, message: str, kind: str, node: ast.AST) -> None:
    if isinstance(n, Const) and isinstance(m, Const):
        if n.value != m.value:
            low.refuse(message, node)
    elif n is not m:
        low.check(low.b.compare("eq", n, m), kind, message, node)


def _static(*sizes: Operand) -> list[int] | None:
    known = [int(n.value) for n in sizes if isinstance(n, Const)]
    return known if len(known) == len(sizes) else None


def _buffer(low: Lowering, recipe: Callable, n: Operand, m: Operand, name: str) -> Value:
    """Copy a matrix into a buffer that nobody else knows."""
    made = low.b.alloc(arrays.times(low, n, m), "empty", name)
    sizes = _static(n, m)
    if sizes is not None and sizes[0] * sizes[1] <= STATIC_LIMIT:
        for k, (i, j) in enumerate(np.ndindex(*sizes)):
            value = recipe((const(int(i)), const(int(j))))
            low.b.effect("store", made, const(k), low.b.cast(value, FLOAT))
        return made
    view = Memory(made, const(0), (n, m), (m, _ONE), True)
    arrays.over(low, (n, m), lambda at: arrays.put(low, view, at, recipe(at)))
    return made


def _result(low: Lowering, buffer: Value, shape: tuple[Operand, ...], node: ast.AST) -> Abstract:
    """Copy a buffer into an array that the program may write to."""
    like = Memory(buffer, const(0), shape, shape, False)
    return indexing.copied(low, contiguous(low, buffer, like), node)


def _rows(low: Lowering, recipe: Callable, n: int, m: int) -> Rows:
    at = lambda i, j: low.b.cast(recipe((const(i), const(j))), FLOAT)
    return [[at(i, j) for j in range(m)] for i in range(n)]


# -- few rows ------------------------------------------------------------------------------------
def _eliminate(low: Lowering, a: Rows, x: Rows, node: ast.AST) -> Rows:
    """Solve by elimination on variables."""
    b, n = low.b, len(a)
    rows = [left + right for left, right in zip(a, x, strict=True)]
    for k in range(n):
        for i in range(k + 1, n):
            sizes = [b.pure("call", rows[row][k], attr=("", "abs")) for row in (i, k)]
            swap, pairs = b.compare("gt", *sizes), list(zip(rows[i], rows[k], strict=True))
            rows[k] = [b.pure("select", swap, p, q) for p, q in pairs]
            rows[i] = [b.pure("select", swap, q, p) for p, q in pairs]
        low.check(b.compare("ne", rows[k][k], const(0.0)), _ERROR, "Singular matrix", node)
        for i in range(k + 1, n):
            factor = b.div(rows[i][k], rows[k][k])
            pairs = list(zip(rows[i], rows[k], strict=True))
            rows[i] = [b.sub(p, b.mul(factor, q)) for p, q in pairs]
    found = [row[n:] for row in rows]
    for i in reversed(range(n)):
        for j, value in enumerate(found[i]):
            for k in range(i + 1, n):
                value = b.sub(value, b.mul(rows[i][k], found[k][j]))
            found[i][j] = b.div(value, rows[i][i])
    return found


def _small_det(low: Lowering, a: Rows) -> Operand:
    if not a:
        return const(1.0)
    if len(a) == 1:
        return a[0][0]
    total: Operand | None = None
    for j, factor in enumerate(a[0]):
        minor = [[x for k, x in enumerate(row) if k != j] for row in a[1:]]
        term = low.b.mul(factor, _small_det(low, minor))
        if total is None:
            total = term
        else:
            total = low.b.sub(total, term) if j % 2 else low.b.add(total, term)
    return total


# -- functions -----------------------------------------------------------------------------------
def _solved(low: Lowering, a: Elements, recipe: Callable, shape: tuple, node: ast.AST) -> Abstract:
    """A^-1 B, `recipe` giving the elements of the matrix B and `shape` being that of the result."""
    n, m = a.shape[0], shape[1] if len(shape) == 2 else _ONE
    sizes = _static(n, m)
    if sizes is not None and sizes[0] <= _WRITTEN_OUT and sizes[1] <= _MOST_COLUMNS:
        rows = _eliminate(
            low, _rows(low, a.at, sizes[0], sizes[0]), _rows(low, recipe, *sizes), node
        )
        known = tuple(int(k.value) for k in shape)
        return array_of(low, [x for row in rows for x in row], known, node)
    matrix, x = _buffer(low, a.at, n, n, "a"), _buffer(low, recipe, n, m, "x")
    low.check(linalg(low.b, "solve", x, matrix, n, m), _ERROR, "Singular matrix", node)
    return _result(low, x, shape, node)


def _solve(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
    from sciad.compiler.vocabulary.whole import elements

    first, second = _given(low, args, named, 2, node)
    a = _matrix(low, first, node)
    known = elements(low, arrays.settled(low, second, node), node)
    if len(known.shape) not in (1, 2):
        low.refuse("np.linalg.solve with a right-hand side of another rank than 1 or 2", node)
    n = a.shape[0]
    _equal(
        low, n, known.shape[0], "the right-hand side does not fit the matrix", "ValueError", node
    )
    vector = len(known.shape) == 1
    recipe = (lambda at: known.at(at[:1])) if vector else known.at
    return _solved(low, a, recipe, (n, *known.shape[1:]), node)


def _inv(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
    (matrix,) = _given(low, args, named, 1, node)
    a = _matrix(low, matrix, node)
    unit = lambda at: low.b.cast(low.b.compare("eq", *at), FLOAT)
    return _solved(low, a, unit, a.shape, node)


def _det(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
    (matrix,) = _given(low, args, named, 1, node)
    a = _matrix(low, matrix, node)
    sizes = _static(a.shape[0])
    if sizes is not None and sizes[0] <= _WRITTEN_OUT:
        return _small_det(low, _rows(low, a.at, sizes[0], sizes[0]))
    return low.b.load(_reduced(low, "det", a, 1), const(0))


def _slogdet(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
    (matrix,) = _given(low, args, named, 1, node)
    found = _reduced(low, "logdet", _matrix(low, matrix, node), 2)
    parts = (low.b.load(found, const(1)), low.b.load(found, const(0)))
    return TupleOf(parts, ("sign", "logabsdet"))


def _reduced(low: Lowering, name: str, a: Elements, size: int) -> Value:
    n = a.shape[0]
    matrix, x = _buffer(low, a.at, n, n, "a"), low.b.alloc(const(size), "zeros", name)
    linalg(low.b, name, x, matrix, n, _ONE)
    return x


def _cholesky(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
    upper = named.pop("upper", Object(False))
    if not isinstance(upper, Const | Object) or upper.value:
        low.refuse("np.linalg.cholesky with upper=", node, "transpose the lower factor")
    (matrix,) = _given(low, args, named, 1, node)
    a = _matrix(low, matrix, node)
    n = a.shape[0]
    lower = lambda at: a.at((low.b.maximum(*at), low.b.minimum(*at)))  # what NumPy reads
    known, x = _buffer(low, lower, n, n, "a"), low.b.alloc(low.b.mul(n, n), "zeros", "factor")
    ok = linalg(low.b, "cholesky", x, known, n, n)
    low.check(ok, _ERROR, "Matrix is not positive definite", node)
    return _result(low, x, (n, n), node)


LINEAR: dict[Any, Callable] = {
    np.linalg.solve: _solve,
    np.linalg.inv: _inv,
    np.linalg.det: _det,
    np.linalg.slogdet: _slogdet,
    np.linalg.cholesky: _cholesky,
}

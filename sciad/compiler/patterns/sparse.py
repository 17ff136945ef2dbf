"""Sparse Jacobians and Hessians of compiled functions: pattern, colouring, compressed derivatives.

The pattern is that of the program, found once for a structure and sizes of arguments. A Jacobian
then takes one directional derivative for each colour of its columns, or one pullback for each
colour of its rows, whichever are fewer; a Hessian one Hessian-vector product for each colour of a
star colouring. Every result is compared with the derivative along a direction that hits all columns
at once: an entry outside the pattern would show there.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sciad.compiler.direct import has_rule
from sciad.compiler.jit import JitFunction, jit
from sciad.compiler.nodes import Call, Split, _tangent_part, split_of
from sciad.compiler.patterns.colouring import column_colours, star_colours
from sciad.compiler.patterns.pattern import hessian_pattern, jacobian_pattern
from sciad.compiler.patterns.setcode import Left
from sciad.compiler.program import Program
from sciad.core.errors import CompileError, InputError, SciadError, user_location
from sciad.core.running import ArgNums, check_request, name_of
from sciad.core.tracer import any_traced
from sciad.core.tree import TreeDef

__all__ = ["Sparsity", "sparse_hessian", "sparse_jacobian", "sparsity"]

_DENSE = "leave sparse=True out: the dense derivative follows the program as it runs"


@dataclass(frozen=True, eq=False)
class Sparsity:
    """Sparsity of a derivative, and the colouring it is computed with.

    Attributes
    ----------
    pattern : scipy.sparse.csr_array of bool
        Entries that may differ from zero at some point; all others are zero everywhere.
    mode : {"forward", "reverse", "symmetric"}
        Columns, rows, or both at once (Hessians) are compressed.
    groups : ndarray of int
        Colour of each column (of each row in reverse mode).
    """

    pattern: Any
    mode: str
    groups: np.ndarray
    reading: tuple[np.ndarray, np.ndarray] = field(repr=False)

    @property
    def colours(self) -> int:
        """Number of derivative evaluations that the matrix takes."""
        return int(self.groups.max(initial=-1)) + 1 if self.pattern.nnz else 0


class _Point:
    """A function at one point: which leaves move, and its compiled derivatives there."""

    def __init__(self, function: JitFunction, args: tuple, kwargs: dict, argnums: ArgNums):
        program, leaves, integers = _compiled(function, args, kwargs)
        if any_traced(leaves):
            raise InputError(
                f"the sparse derivative of {function.__qualname__} is differentiated once more",
                where=user_location(),
                hint=_DENSE,
            )
        self.call = Call(program, leaves, integers)
        self.program = program
        self.single = isinstance(argnums, int | np.integer)
        numbers: Any = [argnums] if self.single else argnums
        self.parts = [_leaves_of(program, int(k), function) for k in numbers]
        self.moved = [k for part in self.parts for k in part]
        sizes = [int(np.prod(s, dtype=np.int64)) for s in self.call.shapes]
        self.sizes = [sizes[k] for k in self.moved]
        self.n = sum(self.sizes)
        self.edges = np.cumsum([0, *(sum(sizes[k] for k in part) for part in self.parts)])

    def directions(self, v: np.ndarray) -> list[Any]:
        """Split a vector into one array for each leaf, None for those that do not move."""
        found: list[Any] = [None] * len(self.call.shapes)
        pieces = np.split(v, np.cumsum(self.sizes)[:-1])
        for k, piece in zip(self.moved, pieces, strict=True):
            found[k] = piece.reshape(self.call.shapes[k])
        return found

    def gathered(self, per_leaf: tuple) -> np.ndarray:
        """Arrays of the leaves that move, as one vector."""
        return np.concatenate([np.zeros(0), *(np.ravel(per_leaf[k]) for k in self.moved)])

    def jvp(self, v: np.ndarray) -> np.ndarray:
        """Differentiate all results along a vector."""
        raw = self.call.run("jvp", *self.call.duals(self.directions(v)))
        found = _tangent_part(self.exact, raw)
        parts = found if isinstance(found, tuple) else (found,)
        return np.concatenate([np.zeros(0), *(np.ravel(part) for part in parts)])

    def vjp(self, w: np.ndarray) -> np.ndarray:
        """Pull a vector of the results' length back."""
        bars = self.call.empty()
        self.call.run("vjp", *self.cotangents(w), *bars)
        return self.gathered(self.call.split(bars, exact=True))

    def cotangents(self, w: np.ndarray) -> list[np.ndarray]:
        """Lay a vector over the float results."""
        sizes = [int(np.prod(shape, dtype=np.int64)) for shape in self.outputs]
        pieces = np.split(w, np.cumsum(sizes)[:-1])
        shaped = [p.reshape(shape) for p, shape in zip(pieces, self.outputs, strict=True)]
        return split_of(self.program).packed(shaped)

    @functools.cached_property
    def exact(self) -> Split:
        """How results lie, as what derivatives are computed in: float64."""
        kinds = split_of(self.program).kinds
        return Split(("tuple", [k[:-1] if k[-1] == "float32" else k for k in kinds]))

    @functools.cached_property
    def dtype(self) -> Any:
        """Type of a derivative: float32 if all that goes in and comes out is."""
        kinds = split_of(self.program).kinds
        floats = [k[-1] for k in kinds if k[-1] not in ("int64", "bool")]
        single = all(self.program.leaves[k].kind == "float32" for k in self.moved)
        return np.float32 if single and set(floats) <= {"float32"} else np.float64

    @functools.cached_property
    def outputs(self) -> list[tuple[int, ...]]:
        """Shapes of the float results."""
        results = self.call.numbers(self.call.run("value"))
        pairs = zip(results, split_of(self.program).is_float(), strict=True)
        return [np.shape(r) for r, f in pairs if f]

    def hvp(self, v: np.ndarray) -> np.ndarray:
        """Product of the Hessian of a number with a vector."""
        call = self.call
        changes = call.empty()
        given = (np.ones(1), *call.empty(), *call.duals(self.directions(v)), np.zeros(1))
        call.run("hvp", *given, *changes)
        return self.gathered(call.split(changes, exact=True))


def _compiled(function: JitFunction, args: tuple, kwargs: dict) -> tuple[Program, list, list]:
    try:
        return function._program(args, kwargs)
    except CompileError as error:
        raise CompileError(
            f"a sparse derivative needs a function that can be compiled: {error.what}",
            where=error.where,
            hint=_DENSE if error.hint is None else f"{error.hint}; or {_DENSE}",
        ) from error


def _leaves_of(program: Program, number: int, function: JitFunction) -> list[int]:
    """Numbers of the leaves of an argument."""
    args = program.treedef.children[0].children
    if not -len(args) <= number < len(args):
        raise InputError(
            f"argnums = {number}, but {function.__qualname__} was called with {len(args)} arguments"
        )
    counts = [c.num_leaves if isinstance(c, TreeDef) else 0 for c in args]
    number %= len(args)
    if not counts[number]:
        raise InputError(
            f"argument {number} of {function.__qualname__} has nothing to differentiate",
            hint="pass floats (1.0 instead of 1) or arrays of floats",
        )
    start = sum(counts[:number])
    return list(range(start, start + counts[number]))


# -- patterns, once for each program and size -----------------------------------------------------
_known: weakref.WeakKeyDictionary[Program, dict[Any, Sparsity]] = weakref.WeakKeyDictionary()
_jitted: weakref.WeakKeyDictionary[Any, JitFunction] = weakref.WeakKeyDictionary()


def _jit(fun: Callable[..., Any]) -> JitFunction:
    if isinstance(fun, JitFunction):
        if has_rule(fun):
            raise CompileError(
                f"a sparse derivative of {fun.__qualname__}, which has a rule of its own",
                where=user_location(),
                hint=_DENSE,
            )
        return fun
    try:
        if fun not in _jitted:
            _jitted[fun] = jit(fun)
        return _jitted[fun]
    except TypeError:  # no weak reference to it
        return jit(fun)


def _sparsity(point: _Point, what: str, mode: str = "auto") -> Sparsity:
    tables = tuple(table.tobytes() for table in point.call.tables)
    sizes = tuple(point.call.shapes), tuple(point.call.integers.tolist()), tables
    key = (what, mode, tuple(point.moved), sizes)
    known = _known.setdefault(point.program, {})
    if key not in known:
        try:
            if what == "jacobian":
                known[key] = _of_jacobian(point.call, point.moved, mode)
            else:
                known[key] = _of_hessian(point.call, point.moved)
        except Left:
            point.call.value()  # raises what the program raises
            raise
    return known[key]


def _of_jacobian(call: Call, moved: list[int], mode: str) -> Sparsity:
    pattern = jacobian_pattern(call, moved)
    groups = column_colours(pattern.T if mode == "reverse" else pattern)
    if mode == "auto":
        mode = "forward"
        by_rows = column_colours(pattern.T) if groups.max(initial=0) > 0 else groups
        if by_rows.max(initial=0) < groups.max(initial=0):
            groups, mode = by_rows, "reverse"
    rows, columns = _entries(pattern)
    pair = (groups[columns], rows) if mode == "forward" else (groups[rows], columns)
    return Sparsity(pattern, mode, groups, pair)


def _of_hessian(call: Call, moved: list[int]) -> Sparsity:
    pattern = hessian_pattern(call, moved)
    groups = star_colours(pattern)
    rows, columns = _entries(pattern)
    # how many columns of row i are coloured like j: where it is one, the entry stands alone there
    kinds = int(groups.max(initial=-1)) + 1
    _, place, counts = np.unique(
        rows * kinds + groups[columns], return_inverse=True, return_counts=True
    )
    alone = counts[place] == 1
    pair = (np.where(alone, groups[columns], groups[rows]), np.where(alone, rows, columns))
    return Sparsity(pattern, "symmetric", groups, pair)


def _entries(pattern: Any) -> tuple[np.ndarray, np.ndarray]:
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    return rows, pattern.indices


# -- derivatives -----------------------------------------------------------------------------------
def _evaluated(known: Sparsity, product: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Fill a pattern from one product for each colour."""
    from scipy.sparse import csr_array

    if not known.colours:
        return csr_array(known.pattern.shape, dtype=float)
    seeds = (np.where(known.groups == c, 1.0, 0.0) for c in range(known.colours))
    compressed = np.stack([product(seed) for seed in seeds])
    pattern = known.pattern
    data = compressed[known.reading]
    return csr_array((data, pattern.indices.copy(), pattern.indptr.copy()), shape=pattern.shape)


def _checked(matrix: Any, product: Callable[[np.ndarray], np.ndarray], name: str) -> Any:
    """Compare a matrix with the derivative along a direction in which every column counts."""
    rng = np.random.default_rng(20)
    v = rng.uniform(0.5, 1.5, matrix.shape[1]) * rng.choice([-1.0, 1.0], matrix.shape[1])
    with np.errstate(all="ignore"):
        expected, found = product(v), matrix @ v
        size = abs(matrix) @ np.abs(v)
        finite = np.isfinite(size)
        room = 1e-9 * size + 1e-13 * np.max(size, where=finite, initial=0.0)
        wrong = ~(np.abs(found - expected) <= room) & finite
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise SciadError(
            f"the sparse derivative of {name} disagrees with a directional derivative in row {row}",
            where=user_location(),
            hint="leave sparse=True out, and please report this program",
        )
    return matrix


def sparse_jacobian(
    fun: Callable[..., Any], argnums: ArgNums = 0, mode: str = "auto"
) -> Callable[..., Any]:
    """Make a function that computes a Jacobian as a sparse matrix; see `sciad.jacobian`."""
    check_request(fun, argnums, "jacobian")
    function = _jit(fun)

    @functools.wraps(function.__wrapped__)
    def matrix(*args: Any, **kwargs: Any) -> Any:
        point = _Point(function, args, kwargs, argnums)
        known = _sparsity(point, "jacobian", mode)
        product = point.vjp if known.mode == "reverse" else point.jvp
        whole = _checked(_evaluated(known, product), point.jvp, name_of(fun))
        return _columns(point, whole.astype(point.dtype, copy=False))

    return matrix


def _columns(point: _Point, whole: Any) -> Any:
    edges = point.edges
    parts = tuple(whole[:, a:b] for a, b in itertools.pairwise(edges))
    return whole if point.single else parts


def sparse_hessian(fun: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """Make a function that computes a Hessian as a sparse matrix; see `sciad.hessian`."""
    check_request(fun, argnums, "hessian")
    function = _jit(fun)

    @functools.wraps(function.__wrapped__)
    def matrix(*args: Any, **kwargs: Any) -> Any:
        point = _Point(function, args, kwargs, argnums)
        _expect_number(point, function)
        known = _sparsity(point, "hessian")
        whole = _checked(_evaluated(known, point.hvp), point.hvp, name_of(fun))
        whole = whole.astype(point.dtype, copy=False)
        if point.single:
            return whole
        edges = list(itertools.pairwise(point.edges))
        return tuple(tuple(whole[a:b, c:d] for c, d in edges) for a, b in edges)

    return matrix


def _expect_number(point: _Point, function: JitFunction) -> None:
    if split_of(point.program).kinds not in ([("scalar", "float64")], [("scalar", "float32")]):
        raise InputError(
            f"hessian: {function.__qualname__} has to return one real number",
            hint="use sciad.jacobian of its gradient",
        )


def sparsity(
    fun: Callable[..., Any], argnums: ArgNums = 0, *, what: str = "jacobian"
) -> Callable[..., Sparsity]:
    """Make a function that tells the sparsity of a derivative and how it is coloured.

    Parameters
    ----------
    fun : callable
        A function that can be compiled (see `sciad.jit`).
    argnums : int or sequence of int
        Argument(s) to differentiate.
    what : {"jacobian", "hessian"}
        Which derivative.

    Returns
    -------
    callable
        With the arguments of `fun`, of which only structure, sizes and integers matter. Gives a
        `Sparsity`.

    Raises
    ------
    CompileError
        If the function cannot be compiled.

    Examples
    --------
    >>> import numpy as np
    >>> found = sparsity(lambda x: x[1:] - x[:-1] ** 2)(np.ones(5))
    >>> found.pattern.nnz, found.colours
    (8, 2)
    """
    check_request(fun, argnums, "sparsity")
    if what not in ("jacobian", "hessian"):
        raise InputError(f"sparsity: what must be 'jacobian' or 'hessian', not {what!r}")
    function = _jit(fun)

    @functools.wraps(function.__wrapped__)
    def found(*args: Any, **kwargs: Any) -> Sparsity:
        point = _Point(function, args, kwargs, argnums)
        if what == "hessian":
            _expect_number(point, function)
        return _sparsity(point, what)

    return found

"""Matrix functions of scipy.linalg: SciPy's numbers, with the derivatives of numpy.linalg's.

Options that only say how SciPy is to work (``overwrite_a``, ``check_finite``...) are handed on; an
option that changes what is computed is either known here or refused.
"""

from typing import Any

import numpy as np
import scipy.linalg as library

from sciad.core.apply import bind
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.rules.conventions import exactly
from sciad.rules.decompositions import hermitian
from sciad.rules.linalg import turned

__all__ = [
    "cho_factor",
    "cho_solve",
    "cholesky",
    "circulant",
    "det",
    "eigvalsh",
    "expm",
    "hankel",
    "inv",
    "solve",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "svdvals",
    "toeplitz",
]

_GENERAL = frozenset({None, "gen", "general", "banded"})
_HERMITIAN = frozenset({"her", "hermitian", "pos", "positive definite"})
_SYMMETRIC = frozenset({"sym", "symmetric"})


def _refuse(name: str, what: str) -> NotDifferentiableError:
    return NotDifferentiableError(
        f"scipy.linalg.{name} has no differentiation rule for {what}",
        where=user_location(),
        hint="use the function of the same name in numpy.linalg, or register a rule",
    )


def _one_matrix(name: str, *matrices: Any) -> list:
    found = [as_array(m) for m in matrices]
    if any(len(shape_of(m)) != 2 for m in found):
        raise _refuse(name, "stacks of matrices")
    return found


# Systems -----------------------------------------------------------------------------------------


def _as_read(name: str, a: Any, assume: str | None, lower: bool) -> Any:
    """Matrix of the elements that are looked at."""
    if assume in _GENERAL:
        return a
    if assume in _HERMITIAN or (assume in _SYMMETRIC and dtype_of(a).kind != "c"):
        return hermitian(a, upper=not lower)
    if assume in ("upper triangular", "lower triangular"):
        return np.triu(a) if assume.startswith("upper") else np.tril(a)
    if assume == "diagonal":
        return a * np.eye(shape_of(a)[-1])
    if assume == "tridiagonal":
        return np.tril(np.triu(a, -1), 1)
    raise _refuse(name, f"assume_a={assume!r}")


def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True, **options: Any) -> Any:
    """``scipy.linalg.inv``."""
    a = as_array(a)
    read = _as_read("inv", a, options.get("assume_a"), options.get("lower", False))
    return exactly(np.linalg.inv(read), library.inv(primal_of(a), False, check_finite, **options))


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """``scipy.linalg.det``."""
    a = as_array(a)
    return exactly(np.linalg.det(a), library.det(primal_of(a), False, check_finite))


def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    """``scipy.linalg.solve``."""
    a, b = as_array(a), as_array(b)
    options: dict[str, Any] = {
        "lower": lower,
        "check_finite": check_finite,
        "transposed": transposed,
    }
    if assume_a is not None:
        options["assume_a"] = assume_a
    plain = library.solve(primal_of(a), primal_of(b), **options)
    read = _as_read("solve", a, assume_a, lower)
    return exactly(np.linalg.solve(np.swapaxes(read, -1, -2) if transposed else read, b), plain)


def _triangle(a: Any, lower: bool) -> Any:
    return np.tril(a) if lower else np.triu(a)


def solve_triangular(
    a: Any,
    b: Any,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """``scipy.linalg.solve_triangular``: one triangle of the matrix is read."""
    a, b = as_array(a), as_array(b)
    plain = library.solve_triangular(
        primal_of(a), primal_of(b), trans, lower, unit_diagonal, False, check_finite
    )
    read = _triangle(a, lower)
    if unit_diagonal:
        one = np.eye(shape_of(a)[-1])
        read = read * (1.0 - one) + one
    if trans not in (0, "N"):
        read = turned(read) if trans in (2, "C") else np.swapaxes(read, -1, -2)
    return exactly(np.linalg.solve(read, b), plain)


def solve_banded(
    l_and_u: tuple[int, int],
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """``scipy.linalg.solve_banded``, whose matrix is given by its diagonals."""
    ab, b = _one_matrix("solve_banded", ab)[0], as_array(b)
    plain = library.solve_banded(l_and_u, primal_of(ab), primal_of(b), check_finite=check_finite)
    upper, size = l_and_u[1], shape_of(ab)[1]
    places = [upper - row for row in range(shape_of(ab)[0])]
    rows = [ab[row, max(k, 0) : size + min(k, 0)] for row, k in enumerate(places)]
    full = sum(np.diag(row, k) for row, k in zip(rows, places, strict=True) if abs(k) < size)
    return exactly(np.linalg.solve(full, b), plain)


class Sylvester:
    """The X with A X + X B = Q."""

    name = "scipy.linalg.solve_sylvester"

    def value(self, a, b, q):
        if any(map(is_wrapped, (a, b, q))):
            return bind(self, a, b, q)
        return library.solve_sylvester(a, b, q)

    def vjp(self, g, out, a, b, q):
        back = self.value(turned(a), turned(b), g)
        found = (-np.matmul(back, turned(out)), -np.matmul(turned(out), back), back)
        pairs = zip(found, (a, b, q), strict=True)
        return tuple(f if dtype_of(x).kind == "c" else np.real(f) for f, x in pairs)

    def jvp(self, tangents, out, a, b, q):
        da, db, dq = tangents
        parts = [] if dq is None else [dq]
        parts += [] if da is None else [-np.matmul(da, out)]
        parts += [] if db is None else [-np.matmul(out, db)]
        right = sum(parts[1:], parts[0])
        return np.stack([self.value(a, b, right[k]) for k in range(len(right))])


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """``scipy.linalg.solve_sylvester``."""
    a, b, q = _one_matrix("solve_sylvester", a, b, q)
    if any(dtype_of(m).kind == "c" for m in (a, b, q)) and not (
        dtype_of(a).kind == dtype_of(b).kind == "c"
    ):
        raise _refuse("solve_sylvester", "a real matrix beside complex ones, where it is not exact")
    return bind(Sylvester(), a, b, q)


# Factors and functions of matrices ---------------------------------------------------------------


def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """``scipy.linalg.cholesky``: one triangle of the matrix is read."""
    a = as_array(a)
    plain = library.cholesky(primal_of(a), lower, False, check_finite)
    return exactly(np.linalg.cholesky(a, upper=not lower), plain)


def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple:
    """``scipy.linalg.cho_factor``: the other triangle is that of the matrix."""
    a = as_array(a)
    plain, _ = library.cho_factor(primal_of(a), lower, False, check_finite)
    other = np.triu(a, 1) if lower else np.tril(a, -1)
    return exactly(np.linalg.cholesky(a, upper=not lower) + other, plain), lower


def cho_solve(
    c_and_lower: tuple, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """``scipy.linalg.cho_solve``."""
    (c, lower), b = c_and_lower, as_array(b)
    c = as_array(c)
    plain = library.cho_solve((primal_of(c), lower), primal_of(b), False, check_finite)
    first = np.tril(c) if lower else turned(np.triu(c))
    return exactly(np.linalg.solve(turned(first), np.linalg.solve(first, b)), plain)


def eigvalsh(a: Any, b: Any = None, *args: Any, lower: bool = True, **options: Any) -> Any:
    """``scipy.linalg.eigvalsh`` of one matrix, all eigenvalues."""
    known = {"overwrite_a", "overwrite_b", "check_finite", "driver"}
    if b is not None or args or not known.issuperset(options):
        raise _refuse("eigvalsh", "two matrices, or some of the eigenvalues")
    a = as_array(a)
    plain = library.eigvalsh(primal_of(a), lower=lower, **options)
    return exactly(np.linalg.eigvalsh(a, "L" if lower else "U"), plain)


def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """``scipy.linalg.svdvals``."""
    a = as_array(a)
    plain = library.svdvals(primal_of(a), False, check_finite)
    return exactly(np.linalg.svd(a, compute_uv=False), plain)


class Exponential:
    """exp(A): the derivative along E is the corner of the exponential of [[A, E], [0, A]].

    See R. Mathias, "A chain rule for matrix functions and applications" (1996), theorem 2.1.
    """

    name = "scipy.linalg.expm"

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else library.expm(a)

    def corner(self, a, e):
        """Differentiate at `a` along `e`, or along each of a stack."""
        size = shape_of(a)[-1]
        a = np.broadcast_to(a, shape_of(e))
        top, bottom = np.concatenate([a, e], axis=-1), np.concatenate([0.0 * a, a], axis=-1)
        return self.value(np.concatenate([top, bottom], axis=-2))[..., :size, size:]

    def vjp(self, g, out, a):
        return (self.corner(turned(a), g),)

    def jvp(self, tangents, out, a):
        return self.corner(a, tangents[0])


def expm(A: Any) -> Any:
    """``scipy.linalg.expm``."""
    return bind(Exponential(), as_array(A))


class Root:
    """Principal square root X of A: X dX + dX X = dA."""

    name = "scipy.linalg.sqrtm"

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else library.sqrtm(a)

    def vjp(self, g, out, a):
        back = Sylvester().value(turned(out), turned(out), g)
        return (back if dtype_of(a).kind == "c" else np.real(back),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return np.stack([Sylvester().value(out, out, t[k]) for k in range(len(t))])


def sqrtm(A: Any, *args: Any, **options: Any) -> Any:
    """``scipy.linalg.sqrtm``."""
    if args or options:
        raise _refuse("sqrtm", "options")
    return bind(Root(), *_one_matrix("sqrtm", A))


# Matrices with structure -------------------------------------------------------------------------


def _vector(name: str, c: Any) -> Any:
    c = as_array(c)
    if len(shape_of(c)) > 1:
        raise _refuse(name, "arrays of more than one axis")
    return np.ravel(c)


def toeplitz(c: Any, r: Any = None) -> Any:
    """``scipy.linalg.toeplitz``: constant along diagonals."""
    c = _vector("toeplitz", c)
    r = np.conjugate(c) if r is None else _vector("toeplitz", r)
    rows, columns = np.arange(shape_of(c)[0]), np.arange(shape_of(r)[0])
    return np.concatenate([c[::-1], r[1:]])[rows[::-1, None] + columns]


def hankel(c: Any, r: Any = None) -> Any:
    """``scipy.linalg.hankel``: constant along the other diagonals."""
    c = _vector("hankel", c)
    r = np.zeros(shape_of(c), dtype_of(c)) if r is None else _vector("hankel", r)
    rows, columns = np.arange(shape_of(c)[0]), np.arange(shape_of(r)[0])
    return np.concatenate([c, r[1:]])[rows[:, None] + columns]


def circulant(c: Any) -> Any:
    """``scipy.linalg.circulant``."""
    c = _vector("circulant", c)
    places = np.arange(shape_of(c)[0])
    return c[places[:, None] - places]

"""Cholesky, QR, eigenvalue and singular value decompositions, pseudo-inverse, least squares.

What a decomposition leaves open (signs, phases) LAPACK fixes: in a Hermitian eigenvector matrix and
in one factor of a singular value decomposition a row is real, an eigenvector of a general matrix
has length one and its largest component is real, the diagonal of R is real. The derivatives keep
to that, so that they are those of the numbers returned. Where there is no derivative - vectors of
repeated eigenvalues, the columns beyond the rank of a factor - the backward pass raises and the
forward pass gives NaN.

Notation: M = V^H dA V etc.; a product with a matrix of factors F is elementwise. See M. B. Giles,
"Collected matrix derivative results for forward and reverse mode algorithmic differentiation"
(2008); the complex case follows from the real inner product Re tr(X^H Y).
"""

import numpy as np

from sciad.core.apply import bind
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import nondifferentiable, substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.rules.linalg import turned
from sciad.rules.valued import with_value

__all__ = ["hermitian"]

#: Relative distance of two eigenvalues, in units of size times rounding, below which they are one.
NEAR = 1e3
#: Relative size, to rounding, of a cotangent that turns the phase of a vector.
PHASE = 1e-8


class Undefined:
    """Part of a decomposition of `a` that has no derivative."""

    def __init__(self, name, plain):
        self.name = name
        self.plain = plain

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else self.plain

    def vjp(self, g, out, a):
        if np.any(primal_of(g) != 0):
            _refuse(self.name, "take the thin decomposition, or use its other parts only")
        return (None,)

    def jvp(self, tangents, out, a):
        return np.full((len(tangents[0]), *shape_of(out)), np.nan)


def _refuse(what, hint):
    raise NotDifferentiableError(f"{what} have no derivative", where=user_location(), hint=hint)


def _diagonal(values):
    """Diagonal matrices of the last axis."""
    return values[..., None] * np.eye(shape_of(values)[-1], dtype=bool)


def _same(values):
    """Which pairs of the numbers of the last axis (themselves aside) are equal to rounding."""
    plain = primal_of(values)
    gap = np.abs(plain[..., None, :] - plain[..., :, None])
    size = plain.shape[-1]
    eps = np.finfo(plain.dtype).eps
    scale = np.max(np.abs(plain), axis=-1, initial=0.0)[..., None, None]
    return (gap <= NEAR * size * eps * scale) & ~np.eye(size, dtype=bool)


def _over_gaps(numerator, values, same):
    """Divide entry ij by values_j - values_i off the diagonal; 0 on it and where they are equal."""
    none = same | np.eye(same.shape[-1], dtype=bool)
    gap = np.where(none, 1.0, values[..., None, :] - values[..., :, None])
    return np.where(none, 0.0, numerator / gap)


def _reproduced(found, plain, name):
    """Give the library's numbers to factors, if signs and phases are those that it has chosen."""
    size = np.max(np.abs(plain), initial=0.0)
    if not np.allclose(primal_of(found), plain, rtol=0.0, atol=1e-3 * size, equal_nan=True):
        raise NotDifferentiableError(
            f"{name} has chosen its factors in a way that could not be reproduced",
            where=user_location(),
            hint="scale the matrix, or use what does not depend on the choice",
        )
    return with_value(found, plain, name)


def _check_used(g, same, what):
    """Refuse cotangents of vectors (columns) whose eigenvalue is also that of another one."""
    used = np.any(primal_of(g) != 0, axis=-2)
    if np.any(np.any(same, axis=-2) & used):
        _refuse(what, "they are not unique: use the eigenvalues only, or move them apart")


def _with_holes(tangents, same):
    """Tangents of vectors (columns), NaN for those that are not unique."""
    return np.where(np.any(same, axis=-2)[..., None, :], np.nan, tangents)


def _with_real_row(factor, row):
    """Turn columns so that a row is real, as it is already: only derivatives change."""
    pivot = factor[..., row, :]
    sign = np.sign(np.real(primal_of(pivot)))
    if np.any(sign == 0):
        _refuse("eigenvectors with a zero where LAPACK fixes their phase", "move the matrix a bit")
    return np.expand_dims(sign * np.conjugate(pivot) / np.abs(pivot), -2)


def _real_row(*factors):
    """Find (factor, row) that LAPACK has made real, or None."""
    for which, factor in enumerate(factors):
        for row in (0, -1):
            if factor.shape[-2] and not np.any(factor[..., row, :].imag):
                return which, row
    return None


# Cholesky ----------------------------------------------------------------------------------------


def hermitian(a, upper=False):
    """Hermitian matrix of the triangle that LAPACK reads."""
    part = np.triu(a, 1) if upper else np.tril(a, -1)
    middle = np.diagonal(a, axis1=-2, axis2=-1)
    return part + turned(part) + _diagonal(np.real(middle))


def _lower_half(a):
    """Lower triangle with half the diagonal."""
    return np.tril(a, -1) + 0.5 * _diagonal(np.diagonal(a, axis1=-2, axis2=-1))


class Cholesky:
    """Lower factor of a Hermitian matrix: dL = L half(L^-1 dA L^-H)."""

    name = "numpy.linalg.cholesky"

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else np.linalg.cholesky(a)

    def vjp(self, g, out, a):
        middle = _lower_half(np.matmul(turned(out), np.tril(g)))
        back = np.linalg.solve(turned(out), middle)
        found = turned(np.linalg.solve(turned(out), turned(back)))
        return (0.5 * (found + turned(found)),)

    def jvp(self, tangents, out, a):
        left = np.linalg.solve(out, tangents[0])
        return np.matmul(out, _lower_half(turned(np.linalg.solve(out, turned(left)))))


@substitute(np.linalg.cholesky)
def cholesky(a, /, *, upper=False):
    """``np.linalg.cholesky``: one triangle of the matrix is read."""
    a = as_array(a)
    if not upper:
        return bind(Cholesky(), hermitian(a))
    found = turned(bind(Cholesky(), hermitian(a, True)))
    return with_value(found, np.linalg.cholesky(primal_of(a), upper=True), "numpy.linalg.cholesky")


# QR ----------------------------------------------------------------------------------------------


def _right_solve(a, r):
    """Compute A R^-H."""
    return turned(np.linalg.solve(r, turned(a)))


class Orthogonal:
    """Thin QR of a matrix with at least as many rows as columns; the diagonal of R is real."""

    name = "numpy.linalg.qr"

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else tuple(np.linalg.qr(a))

    def vjp(self, g, out, a):
        (gq, gr), (q, r) = g, out
        m = np.matmul(r, turned(np.triu(gr))) - np.matmul(turned(gq), q)
        middle = _diagonal(np.real(np.diagonal(m, axis1=-2, axis2=-1)))
        lower = np.tril(m, -1)
        return (_right_solve(gq + np.matmul(q, lower + turned(lower) + middle), r),)

    def jvp(self, tangents, out, a):
        q, r = out
        c = turned(np.linalg.solve(turned(r), turned(tangents[0])))
        inside = np.matmul(turned(q), c)
        lower = np.tril(inside, -1)
        turn = lower - turned(lower)
        if dtype_of(inside).kind == "c":
            turn = turn + 1j * _diagonal(np.imag(np.diagonal(inside, axis1=-2, axis2=-1)))
        change = np.matmul(q, turn - inside) + c
        return change, np.triu(np.matmul(inside - turn, r))


@substitute(np.linalg.qr)
def qr(a, mode="reduced"):
    """``np.linalg.qr`` of matrices of full rank."""
    a = as_array(a)
    plain = np.linalg.qr(primal_of(a), mode)
    if mode == "raw":
        _refuse("LAPACK's reflectors", "use mode='reduced'")
    rows, columns = shape_of(a)[-2:]
    name = "numpy.linalg.qr"
    q, r = bind(Orthogonal(), a[..., : min(rows, columns)])
    if columns > rows:
        r = np.concatenate([r, np.matmul(turned(q), a[..., rows:])], axis=-1)
    if mode == "complete" and rows > columns:
        more = Undefined("the columns of Q beyond those of A", plain[0][..., columns:])
        q = np.concatenate([q, bind(more, a)], axis=-1)
        r = np.concatenate([r, np.zeros((*shape_of(r)[:-2], rows - columns, columns))], axis=-2)
    if mode == "r":
        return with_value(r, plain, name)
    return type(plain)(_reproduced(q, plain[0], name), _reproduced(r, plain[1], name))


# Hermitian eigenvalues ---------------------------------------------------------------------------


class HermitianEigen:
    """Eigenvalues and vectors of a Hermitian matrix: dw = Re diag(M), dV = V (M / (w_j - w_i))."""

    name = "numpy.linalg.eigh"

    def __init__(self, uplo):
        self.uplo = uplo

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else tuple(np.linalg.eigh(a, self.uplo))

    def vjp(self, g, out, a):
        w, v = out
        same = _same(w)
        _check_used(g[1], same, "vectors of repeated eigenvalues")
        middle = _diagonal(g[0]) + _over_gaps(np.matmul(turned(v), g[1]), w, same)
        found = np.matmul(np.matmul(v, middle), turned(v))
        return (0.5 * (found + turned(found)),)

    def jvp(self, tangents, out, a):
        w, v = out
        m = np.matmul(np.matmul(turned(v), tangents[0]), v)
        slopes = np.real(np.diagonal(m, axis1=-2, axis2=-1))
        same = _same(w)
        return slopes, _with_holes(np.matmul(v, _over_gaps(m, w, same)), same)


@substitute(np.linalg.eigh)
def eigh(a, UPLO="L"):
    """``np.linalg.eigh``: one triangle of the matrix is read."""
    a = as_array(a)
    plain = np.linalg.eigh(primal_of(a), UPLO)
    w, v = bind(HermitianEigen(UPLO), hermitian(a, UPLO.upper() == "U"))
    if dtype_of(a).kind == "c":
        found = _real_row(plain[1])
        if found is None:
            v = bind(Undefined("eigenvectors of unknown phase", plain[1]), a)
        else:
            v = v * _with_real_row(v, found[1])
    return type(plain)(
        with_value(w, plain[0], "numpy.linalg.eigh"),
        _reproduced(v, plain[1], "numpy.linalg.eigh"),
    )


class HermitianEigenvalues:
    """Eigenvalues alone: equal ones are no obstacle at first order."""

    name = "numpy.linalg.eigvalsh"

    def __init__(self, uplo):
        self.uplo = uplo

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else np.linalg.eigvalsh(a, self.uplo)

    def vjp(self, g, out, a):
        v = np.linalg.eigh(a, self.uplo)[1]
        return (np.matmul(v * g[..., None, :], turned(v)),)

    def jvp(self, tangents, out, a):
        v = np.linalg.eigh(a, self.uplo)[1]
        return np.real(np.sum(np.conjugate(v) * np.matmul(tangents[0], v), axis=-2))


@substitute(np.linalg.eigvalsh)
def eigvalsh(a, UPLO="L"):
    """``np.linalg.eigvalsh``."""
    a = as_array(a)
    return bind(HermitianEigenvalues(UPLO), hermitian(a, UPLO.upper() == "U"))


# General eigenvalues -----------------------------------------------------------------------------


class Eigen:
    """Eigenvalues and vectors, the latter up to factors: dw = diag(M), M = V^-1 dA V."""

    name = "numpy.linalg.eig"

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else tuple(np.linalg.eig(a))

    def vjp(self, g, out, a):
        w, v = out
        same, inside = _same(w), np.matmul(turned(v), g[1])
        _check_used(g[1], same, "vectors of repeated eigenvalues")
        middle = _diagonal(g[0]) + _over_gaps(inside, np.conjugate(w), same)
        return (np.linalg.solve(turned(v), np.matmul(middle, turned(v))),)

    def jvp(self, tangents, out, a):
        w, v = out
        m = np.linalg.solve(v, np.matmul(tangents[0], v))
        same, slopes = _same(w), np.diagonal(m, axis1=-2, axis2=-1)
        return slopes, _with_holes(np.matmul(v, _over_gaps(m, w, same)), same)


@substitute(np.linalg.eig)
def eig(a):
    """``np.linalg.eig``."""
    a = as_array(a)
    plain = np.linalg.eig(primal_of(a))
    w, v = bind(Eigen(), a)
    length = np.sqrt(np.sum(np.real(v * np.conjugate(v)), axis=-2, keepdims=True))
    v = v / length
    if dtype_of(v).kind == "c":
        place = np.argmax(np.where(plain[1].imag == 0, np.abs(plain[1]), -1.0), axis=-2)
        pivot = np.take_along_axis(v, place[..., None, :], axis=-2)
        real = np.take_along_axis(plain[1].real, place[..., None, :], axis=-2)
        v = v * np.sign(real) * np.conjugate(pivot) / np.abs(pivot)
    return type(plain)(
        with_value(w, plain[0], "numpy.linalg.eig"),
        _reproduced(v, plain[1], "numpy.linalg.eig"),
    )


@substitute(np.linalg.eigvals)
def eigvals(a):
    """``np.linalg.eigvals``: those of `eig`, in the order in which LAPACK gives them alone."""
    a = as_array(a)
    plain = np.linalg.eigvals(primal_of(a))
    w = bind(Eigen(), a)[0]
    places = np.argmin(np.abs(plain[..., :, None] - primal_of(w)[..., None, :]), axis=-1)
    if np.any(np.sort(places, axis=-1) != np.arange(shape_of(w)[-1])):
        _refuse("eigenvalues that lie too close to each other", "use numpy.linalg.eig")
    w = np.take_along_axis(w, places, axis=-1)
    return with_value(w, plain, "numpy.linalg.eigvals")


# Singular values ---------------------------------------------------------------------------------


class Singular:
    """Thin singular value decomposition, phases left open: U turns, V keeps its own.

    With P = U^H dA V, E_ij = 1 / (s_j^2 - s_i^2) and A = U S V^H:
    dS = Re diag P, U^H dU = E (P S + S P^H) + i Im diag(P) / S, V^H dV = E (S P + P^H S).
    """

    name = "numpy.linalg.svd"

    def value(self, a):
        if is_wrapped(a):
            return bind(self, a)
        return tuple(np.linalg.svd(a, full_matrices=False))

    def vjp(self, g, out, a):
        (gu, gs, gvh), (u, s, vh) = g, out
        gv, v = turned(gvh), turned(vh)
        same = _same(s * s)
        _check_used(np.concatenate([gu, gv], axis=-2), same, "vectors of repeated singular values")
        x, y = np.matmul(turned(u), gu), np.matmul(vh, gv)
        ex, ey = _over_gaps(x, s * s, same), _over_gaps(y, s * s, same)
        middle = (ex + turned(ex)) * s[..., None, :] + s[..., :, None] * (ey + turned(ey))
        middle = middle + _diagonal(gs)
        if dtype_of(a).kind == "c":
            turn = np.imag(np.diagonal(x, axis1=-2, axis2=-1)) * self._inverse(s, x)
            middle = middle + 1j * _diagonal(turn)
        found = np.matmul(np.matmul(u, middle), vh)
        rows, columns = shape_of(a)[-2:]
        if rows > columns:
            rest = gu - np.matmul(u, x)
            found = found + np.matmul(rest * self._inverse(s, rest)[..., None, :], vh)
        if columns > rows:
            rest = gv - np.matmul(v, y)
            found = found + np.matmul(u, turned(rest * self._inverse(s, rest)[..., None, :]))
        return (found,)

    def jvp(self, tangents, out, a):
        (t,), (u, s, vh) = tangents, out
        v = turned(vh)
        p = np.matmul(np.matmul(turned(u), t), v)
        same, inner = _same(s * s), np.diagonal(p, axis1=-2, axis2=-1)
        ps, sp = p * s[..., None, :], s[..., :, None] * p
        turn_u = _over_gaps(ps + turned(ps), s * s, same)
        turn_v = _over_gaps(sp + turned(sp), s * s, same)
        if dtype_of(p).kind == "c":
            turn_u = turn_u + 1j * _diagonal(np.imag(inner) / s)
        du, dv = np.matmul(u, turn_u), np.matmul(v, turn_v)
        rows, columns = shape_of(a)[-2:]
        if rows > columns:
            tv = np.matmul(t, v)
            du = du + (tv - np.matmul(u, np.matmul(turned(u), tv))) / s[..., None, :]
        if columns > rows:
            tu = np.matmul(turned(t), u)
            dv = dv + (tu - np.matmul(v, np.matmul(vh, tu))) / s[..., None, :]
        return _with_holes(du, same), np.real(inner), turned(_with_holes(dv, same))

    @staticmethod
    def _inverse(s, rest):
        zero = primal_of(s) == 0
        if np.any(zero) and np.any(primal_of(rest) != 0):
            _refuse("singular vectors of a singular value 0", "use the singular values only")
        return np.where(zero, 0.0, 1.0 / np.where(zero, 1.0, s))


@substitute(np.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """``np.linalg.svd``."""
    a = as_array(a)
    if hermitian:
        raise NotDifferentiableError(
            "numpy.linalg.svd(hermitian=True) has no differentiation rule",
            where=user_location(),
            hint="leave the option out, or use numpy.linalg.eigh",
        )
    if not compute_uv:
        return bind(SingularValues(), a)
    plain = np.linalg.svd(primal_of(a), full_matrices)
    u, s, vh = bind(Singular(), a)
    if dtype_of(a).kind == "c":
        u, vh = _with_phases(u, vh, a)
    rows, columns = shape_of(a)[-2:]
    name = "numpy.linalg.svd"
    if full_matrices and rows > columns:
        more = Undefined("singular vectors beyond the smaller side", plain[0][..., columns:])
        u = np.concatenate([u, bind(more, a)], axis=-1)
    if full_matrices and columns > rows:
        more = Undefined("singular vectors beyond the smaller side", plain[2][..., rows:, :])
        vh = np.concatenate([vh, bind(more, a)], axis=-2)
    parts = zip(plain, (u, s, vh), strict=True)
    return type(plain)(*(_reproduced(part, p, name) for p, part in parts))


def _with_phases(u, vh, a):
    found = _real_row(primal_of(u), turned(primal_of(vh)))
    if found is None:
        return bind(Phaseless(), u, vh)
    which, row = found
    phase = _with_real_row((u, turned(vh))[which], row)
    return u * phase, turned(turned(vh) * phase)


class Phaseless:
    """Pairs of singular vectors whose common phase LAPACK has not fixed by a real row.

    What does not depend on the phases has a gradient; a tangent of the vectors cannot be given.
    """

    name = "numpy.linalg.svd"

    def value(self, u, vh):
        if is_wrapped(u) or is_wrapped(vh):
            return bind(self, u, vh)
        return np.copy(u), np.copy(vh)

    def vjp(self, g, out, u, vh):
        gu, gvh = (primal_of(part) for part in g)
        pu, pvh = primal_of(u), primal_of(vh)
        turn = np.imag(np.sum(np.conjugate(pu) * gu, axis=-2) + np.sum(pvh * np.conjugate(gvh), -1))
        size = np.sum(np.abs(gu), axis=-2) + np.sum(np.abs(gvh), axis=-1)
        if np.any(np.abs(turn) > PHASE * size):
            _refuse("the phases of complex singular vectors", "use what does not depend on them")
        return g

    def jvp(self, tangents, out, u, vh):
        directions = len(tangents[0] if tangents[0] is not None else tangents[1])
        return tuple(np.full((directions, *shape_of(part)), np.nan) for part in out)


class SingularValues:
    """Singular values alone: ds = Re diag(U^H dA V); those that are 0 count as constant."""

    name = "numpy.linalg.svdvals"

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else np.linalg.svd(a, compute_uv=False)

    def vjp(self, g, out, a):
        u, _, vh = bind(Singular(), a)  # the phases do not matter
        g = np.where(primal_of(out) == 0, 0.0, g)
        return (np.matmul(u * g[..., None, :], vh),)

    def jvp(self, tangents, out, a):
        u, _, vh = bind(Singular(), a)  # the phases do not matter
        change = np.sum(np.conjugate(u) * np.matmul(tangents[0], turned(vh)), axis=-2)
        return np.where(primal_of(out) == 0, 0.0, np.real(change))


# Pseudo-inverse and least squares ----------------------------------------------------------------


class PseudoInverse:
    """Moore and Penrose's inverse at constant rank (Golub and Pereyra, 1973).

    dP = -P dA P + P P^H dA^H (1 - A P) + (1 - P A) dA^H P^H P
    """

    name = "numpy.linalg.pinv"

    def __init__(self, options):
        self.options = options

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else np.linalg.pinv(a, **self.options)

    def vjp(self, g, out, a):
        left, right = self._kernels(out, a)
        back = turned(out)
        found = -np.matmul(back, np.matmul(g, back))
        found = found + np.matmul(np.matmul(left, turned(g)), np.matmul(out, back))
        return (found + np.matmul(np.matmul(back, out), np.matmul(turned(g), right)),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        left, right = self._kernels(out, a)
        back, turn = turned(out), turned(t)
        found = -np.matmul(out, np.matmul(t, out))
        found = found + np.matmul(np.matmul(out, back), np.matmul(turn, left))
        return found + np.matmul(np.matmul(right, turn), np.matmul(back, out))

    @staticmethod
    def _kernels(out, a):
        rows, columns = shape_of(a)[-2:]
        return np.eye(rows) - np.matmul(a, out), np.eye(columns) - np.matmul(out, a)


@substitute(np.linalg.pinv)
def pinv(a, rcond=None, hermitian=False, **kwargs):
    """``np.linalg.pinv``."""
    options = {"hermitian": hermitian, **kwargs}
    if rcond is not None:
        options["rcond"] = primal_of(rcond)
    return bind(PseudoInverse(options), as_array(a))


@substitute(np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    """``np.linalg.lstsq``."""
    a, b = as_array(a), as_array(b)
    plain = np.linalg.lstsq(primal_of(a), primal_of(b), rcond)
    name = "numpy.linalg.lstsq"
    rows, columns = shape_of(a)
    cut = np.finfo(plain[3].dtype).eps * max(rows, columns) if rcond is None else rcond
    x = np.matmul(np.linalg.pinv(a, rcond=max(cut, 0.0)), b)
    rest = plain[1]
    if rest.size:
        gap = b - np.matmul(a, x)
        rest = np.sum(np.real(gap * np.conjugate(gap)), axis=0, keepdims=len(shape_of(b)) == 1)
        rest = with_value(rest, plain[1], name)
    s = with_value(np.linalg.svd(a, compute_uv=False), plain[3], name)
    return with_value(x, plain[0], name), rest, plain[2], s


nondifferentiable(np.linalg.matrix_rank)

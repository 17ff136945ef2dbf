"""Products that contract axes: matmul, dot, inner, outer, tensordot, kron, cross."""

import operator

import numpy as np

from sciad.core.adjoints import unbroadcast
from sciad.core.apply import apply, bind
from sciad.core.options import Options, write_out
from sciad.core.rules import Linear, linear, substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of
from sciad.rules.shape import in_order

__all__: list[str] = []


def _turned(a):
    """Conjugate transpose of the last two axes."""
    return np.conjugate(np.swapaxes(a, -1, -2))


def _matmul_back_left(g, a, b, **kwargs):
    if len(shape_of(b)) == 1:
        found = g[..., None] * np.conjugate(b)
    elif len(shape_of(a)) == 1:
        found = np.matmul(np.conjugate(b), g[..., None])[..., 0]
    else:
        found = np.matmul(g, _turned(b))
    return unbroadcast(found, shape_of(a))


def _matmul_back_right(g, a, b, **kwargs):
    if len(shape_of(a)) == 1:
        if len(shape_of(b)) == 1:
            return np.conjugate(a) * g
        found = np.conjugate(a)[:, None] * g[..., None, :]
    elif len(shape_of(b)) == 1:
        found = np.matmul(_turned(a), g[..., None])[..., 0]
    else:
        found = np.matmul(_turned(a), g)
    return unbroadcast(found, shape_of(b))


def _matmul_back_left_vectors(g, a, b, **kwargs):
    if len(shape_of(a)) == len(shape_of(b)) == 1:
        return g * np.conjugate(b)
    return _matmul_back_left(g, a, b)


def _with_axes(transpose):
    """Make an adjoint that knows the option ``axes``: the last axes are the matrices."""

    def back(g, a, b, axes=None, **kwargs):
        if axes is None:
            return transpose(g, a, b)
        places = [tuple(int(k) for k in np.atleast_1d(part)) for part in axes]
        ranks = [min(len(shape_of(x)), 2) for x in (a, b)]
        left, right = (_to_last(x, place) for x, place in zip((a, b), places, strict=False))
        if len(places) > 2:
            g = _to_last(g, places[2][: sum(ranks) - 2])
        found = transpose(g, left, right)
        which = 0 if transpose is _matmul_back_left_vectors else 1
        return np.moveaxis(found, tuple(range(-len(places[which]), 0)), places[which])

    return back


def _to_last(x, places):
    return np.moveaxis(x, places, tuple(range(-len(places), 0))) if places else x


linear(
    np.matmul,
    argnums=(0, 1),
    transpose=(_with_axes(_matmul_back_left_vectors), _with_axes(_matmul_back_right)),
)


# Products of vectors and matrices in the last axes (newer NumPy has more of them) -----------------


def _of_vectors(name, ranks, left, right):
    """Register a product that is linear in both arguments, or in the conjugate of the first.

    `ranks` are the numbers of its axes in `a`, `b` and the result; `left` and `right` are the
    adjoints, called as ``(cotangent, a, b)``.
    """
    ufunc = getattr(np, name, None)
    if ufunc is None:
        return
    rule = Linear(
        ufunc,
        (0, 1),
        (
            lambda g, a, b: unbroadcast(left(g, a, b), shape_of(a)),
            lambda g, a, b: unbroadcast(right(g, a, b), shape_of(b)),
        ),
    )

    @substitute(ufunc)
    def product(*args, axis=None, axes=None, keepdims=False, **kwargs):
        options = Options(ufunc, args, kwargs)
        a, b = (as_array(x) for x in options.args)
        places = [-1, -1] if axis is None else [axis, axis]
        places = places if axes is None else list(axes)
        a, b = _last_axes(a, places[0], ranks[0]), _last_axes(b, places[1], ranks[1])
        result = apply(rule, ufunc, (a, b), {})
        if keepdims:
            result = np.expand_dims(result, -1 if axis is None else axis)
        elif axes is not None and len(places) > 2:
            result = np.moveaxis(result, -1, np.atleast_1d(places[2])[0])
        return options.finish(result)


def _last_axes(x, places, rank):
    places = np.atleast_1d(places)
    if places.size == 1:
        return x if places[0] == -1 else np.moveaxis(x, int(places[0]), -1)
    return np.moveaxis(x, tuple(int(k) for k in places), tuple(range(-rank, 0)))


def _column(g):
    return np.reshape(g, (*shape_of(g), 1))


_of_vectors(
    "vecdot",
    (1, 1, 0),
    lambda g, a, b: np.conjugate(_column(g)) * b,
    lambda g, a, b: _column(g) * a,
)
_of_vectors(
    "matvec",
    (2, 1, 1),
    lambda g, a, b: g[..., :, None] * np.conjugate(b)[..., None, :],
    lambda g, a, b: np.matmul(_turned(a), g[..., None])[..., 0],
)
_of_vectors(
    "vecmat",
    (1, 2, 1),
    lambda g, a, b: np.matmul(b, np.conjugate(g)[..., None])[..., 0],
    lambda g, a, b: a[..., :, None] * g[..., None, :],
)


class SparseProduct:
    """Product of a constant sparse matrix with a traced array."""

    name = "sparse matmul"

    def __init__(self, matrix):
        self.matrix = matrix

    def value(self, a):
        return bind(self, a) if is_wrapped(a) else self.matrix @ a

    def vjp(self, g, out, a):
        return (bind(SparseProduct(self.matrix.conj().T), g),)

    def jvp(self, tangents, out, a):
        (t,) = tangents
        return np.stack([bind(self, t[k]) for k in range(len(t))])


@substitute(operator.matmul)
def matmul_operator(left, right):
    """Apply the operator ``@``, also with sparse matrices of SciPy on either side."""
    if _is_sparse(left):
        return bind(SparseProduct(left), right)
    if _is_sparse(right):
        if len(shape_of(left)) == 1:
            return bind(SparseProduct(right.T), left)
        return np.transpose(bind(SparseProduct(right.T), np.transpose(left)))
    kinds = {left.__class__, right.__class__}
    if kinds <= _WITHOUT:
        return primal_of(left) @ primal_of(right)  # raises
    if kinds <= _WITHOUT | {np.ndarray}:
        return np.matmul(left, right)
    return left @ right  # a class of the user's


#: They have no operator ``@`` of their own.
_WITHOUT = {float, int, bool, complex, list, tuple, np.float64, np.float32, np.complex128}


def _is_sparse(a):
    return type(a).__module__.startswith("scipy.sparse")


@substitute(np.dot)
def dot(a, b, out=None):
    """``np.dot``."""
    a, b = as_array(a), as_array(b)
    if not shape_of(a) or not shape_of(b):
        product = np.multiply(a, b)
    elif max(len(shape_of(a)), len(shape_of(b))) <= 2:
        product = np.matmul(a, b)
    else:
        product = apply(DOT, np.dot, (a, b), {})
    if out is None or out is Ellipsis:
        return product
    if dtype_of(out) != dtype_of(product) or shape_of(out) != shape_of(product):
        np.dot(primal_of(a), primal_of(b), out=np.empty(shape_of(out), dtype_of(out)))  # raises
    return write_out(out, product)


def _pairing(function, axis_of):
    """Sum over the last axis of `a` and one of `b`, of any rank."""

    def left(g, a, b):
        n, m = len(shape_of(a)) - 1, len(shape_of(b)) - 1
        others = [k for k in range(m + 1) if k != axis_of(b)]
        return np.tensordot(g, np.conjugate(b), (range(n, n + m), others))

    def right(g, a, b):
        n = len(shape_of(a)) - 1
        found = np.tensordot(np.conjugate(a), g, (range(n), range(n)))
        return np.moveaxis(found, 0, axis_of(b))

    return Linear(function, (0, 1), (left, right))


DOT = _pairing(np.dot, lambda b: max(len(shape_of(b)) - 2, 0))
INNER = _pairing(np.inner, lambda b: len(shape_of(b)) - 1)


@substitute(np.vdot)
def vdot(a, b):
    """``np.vdot``."""
    return np.matmul(np.conjugate(np.ravel(as_array(a))), np.ravel(as_array(b)))


@substitute(np.inner)
def inner(a, b):
    """``np.inner``."""
    a, b = as_array(a), as_array(b)
    if not shape_of(a) or not shape_of(b):
        return np.multiply(a, b)
    return apply(INNER, np.inner, (a, b), {})


@substitute(np.outer)
def outer(a, b, out=None):
    """``np.outer``."""
    a, b = np.ravel(as_array(a)), np.ravel(as_array(b))
    return np.multiply(a[:, None], b[None, :], out=out)


@substitute(np.tensordot)
def tensordot(a, b, axes=2):
    """``np.tensordot``, as one matrix product."""
    a, b = as_array(a), as_array(b)
    ra, rb = len(shape_of(a)), len(shape_of(b))
    if isinstance(axes, int | np.integer):
        left, right = list(range(ra - axes, ra)), list(range(axes))
    else:
        left, right = (list(np.atleast_1d(part)) for part in axes)
    left, right = [int(k) % ra for k in left], [int(k) % rb for k in right]
    free_a = [k for k in range(ra) if k not in left]
    free_b = [k for k in range(rb) if k not in right]
    size = int(np.prod([shape_of(a)[k] for k in left]))
    rows = np.reshape(np.transpose(a, (*free_a, *left)), (_size(a, free_a), size))
    columns = np.reshape(np.transpose(b, (*right, *free_b)), (size, _size(b, free_b)))
    shape = tuple(shape_of(a)[k] for k in free_a) + tuple(shape_of(b)[k] for k in free_b)
    product = np.reshape(np.matmul(rows, columns), shape)
    return product if shape else product[()]


def _size(a, axes):
    return int(np.prod([shape_of(a)[k] for k in axes]))


@substitute(np.kron)
def kron(a, b):
    """``np.kron`` of arrays with the same number of axes."""
    a, b = as_array(a), as_array(b)
    rank = max(len(shape_of(a)), len(shape_of(b)))
    a = np.reshape(a, (1,) * (rank - len(shape_of(a))) + shape_of(a))
    b = np.reshape(b, (1,) * (rank - len(shape_of(b))) + shape_of(b))
    pairs = [(n, 1, 1, m) for n, m in zip(shape_of(a), shape_of(b), strict=True)]
    left = np.reshape(a, tuple(k for p in pairs for k in p[:2]))
    right = np.reshape(b, tuple(k for p in pairs for k in p[2:]))
    shape = tuple(n * m for n, m in zip(shape_of(a), shape_of(b), strict=True))
    return np.reshape(left * right, shape)


@substitute(np.cross)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """``np.cross`` of vectors with three components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    if shape_of(a)[-1] != 3 or shape_of(b)[-1] != 3:
        raise ValueError("cross product of traced vectors: both must have three components")
    forward, back = [1, 2, 0], [2, 0, 1]
    product = a[..., forward] * b[..., back] - a[..., back] * b[..., forward]
    return np.moveaxis(in_order(product), -1, axisc)

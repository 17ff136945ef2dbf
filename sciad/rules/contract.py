"""Products that contract axes: matmul, dot, inner, outer, tensordot, einsum, kron, cross."""

import operator

import numpy as np

from sciad.core.adjoints import unbroadcast
from sciad.core.apply import bind
from sciad.core.rules import linear, substitute
from sciad.core.tracer import as_array, is_wrapped, shape_of
from sciad.rules.shape import in_order, put

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


linear(np.matmul, argnums=(0, 1), transpose=(_matmul_back_left_vectors, _matmul_back_right))


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
    return np.matmul(left, right)


def _is_sparse(a):
    return type(a).__module__.startswith("scipy.sparse")


@substitute(np.dot)
def dot(a, b, out=None):
    """``np.dot``."""
    a, b = as_array(a), as_array(b)
    if not shape_of(a) or not shape_of(b):
        product = np.multiply(a, b)
    elif len(shape_of(b)) <= 2:
        product = np.matmul(a, b)
    else:
        product = np.tensordot(a, b, (-1, -2))
    if out is not None and out is not Ellipsis:
        out[...] = product
        return out
    return product


@substitute(np.vdot)
def vdot(a, b):
    """``np.vdot``."""
    return np.matmul(np.conjugate(np.ravel(a)), np.ravel(b))


@substitute(np.inner)
def inner(a, b):
    """``np.inner``."""
    a, b = as_array(a), as_array(b)
    if not shape_of(a) or not shape_of(b):
        return np.multiply(a, b)
    return np.tensordot(a, b, (-1, -1))


@substitute(np.outer)
def outer(a, b, out=None):
    """``np.outer``."""
    product = np.ravel(a)[:, None] * np.ravel(b)[None, :]
    if out is not None and out is not Ellipsis:
        out[...] = product
        return out
    return product


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


# einsum ------------------------------------------------------------------------------------------


def _parse(subscripts, operands):
    """Input terms and output term; the ellipsis becomes upper-case letters of its own."""
    subscripts = subscripts.replace(" ", "")
    left, arrow, right = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {len(terms)} terms for {len(operands)} operands")
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts]
    rank = max(
        [len(shape_of(o)) - len(t) + 3 for t, o in zip(terms, operands, strict=True) if "..." in t],
        default=0,
    )
    dots = "".join(spare[:rank])
    named = []
    for term, operand in zip(terms, operands, strict=True):
        n = len(shape_of(operand)) - len(term) + 3
        named.append(term.replace("...", dots[rank - n :] if n else ""))
    if arrow:
        return named, right.replace("...", dots)
    letters = "".join(named)
    single = sorted(c for c in set(letters) if letters.count(c) == 1 and c not in dots)
    return named, dots + "".join(single)


class Einsum:
    """Sum of products in index notation, with explicit output."""

    name = "einsum"

    def __init__(self, terms, output):
        self.terms = terms
        self.output = output

    def value(self, *operands):
        return _einsum(self.terms, self.output, operands)

    def vjp(self, g, out, *operands):
        return tuple(self._back(k, g, operands) for k in range(len(operands)))

    def _back(self, k, g, operands):
        term, shape = self.terms[k], shape_of(operands[k])
        distinct = "".join(dict.fromkeys(term))
        others = [t for j, t in enumerate(self.terms) if j != k]
        arrays = [np.conjugate(o) for j, o in enumerate(operands) if j != k]
        # an index summed inside this operand alone meets ones; so does one of broadcast length
        present = set(self.output).union(*others) if others else set(self.output)
        sizes = {c: n for c, n in zip(term, shape, strict=True) if n != 1}
        alone = [c for c in distinct if c not in present]
        for c in alone:
            others.append(c)
            arrays.append(np.ones(sizes.get(c, 1)))
        found = _einsum([self.output, *others], distinct, [g, *arrays])
        full = tuple(dict(zip(term, shape, strict=True))[c] for c in distinct)
        found = unbroadcast(found, full)
        return found if distinct == term else _spread(found, distinct, term, shape)

    def jvp(self, tangents, out, *operands):
        total = 0.0
        for k, t in enumerate(tangents):
            if t is not None:
                mixed = [*operands[:k], t, *operands[k + 1 :]]
                letter = next(c for c in "zyxwvutsZYXW" if c not in "".join(self.terms))
                terms = [*self.terms[:k], letter + self.terms[k], *self.terms[k + 1 :]]
                total = total + _einsum(terms, letter + self.output, mixed)
        return total


def _spread(found, distinct, term, shape):
    """Put a diagonal (repeated index) back into an array of zeros."""
    sizes = dict(zip(term, shape, strict=True))
    grid = np.ogrid[tuple(slice(sizes[c]) for c in distinct)]
    places = dict(zip(distinct, grid, strict=True))
    return put(shape, tuple(places[c] for c in term), found)


def _einsum(terms, output, operands):
    return np.einsum(",".join(terms) + "->" + output, *operands)


@substitute(np.einsum)
def einsum(*operands, out=None, optimize=False, **kwargs):
    """``np.einsum`` in string notation or with lists of axes."""
    if not isinstance(operands[0], str):
        operands = _from_lists(operands)
    subscripts, *arrays = operands
    arrays = [as_array(a) for a in arrays]
    terms, output = _parse(subscripts, arrays)
    product = bind(Einsum(terms, output), *arrays)
    if out is not None and out is not Ellipsis:
        out[...] = product
        return out
    return product


def _from_lists(operands):
    arrays, lists = list(operands[0::2]), list(operands[1::2])
    output = arrays.pop() if len(arrays) > len(lists) else None
    text = ",".join(_letters(axes) for axes in lists)
    if output is not None:
        text += "->" + _letters(output)
    return text, *arrays


def _letters(axes):
    return "".join("..." if k is Ellipsis else chr(ord("a") + k) for k in axes)

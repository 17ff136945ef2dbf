"""Sums of products in index notation."""

import functools
import operator
import string

import numpy as np

from sciad.core.adjoints import unbroadcast
from sciad.core.apply import bind
from sciad.core.buffer import view
from sciad.core.options import check_casting, write_out
from sciad.core.rules import nondifferentiable, substitute
from sciad.core.steps import Call
from sciad.core.tracer import Array, as_array, current, dtype_of, primal_of, shape_of, trace_of
from sciad.core.ufuncs import of_type
from sciad.rules.shape import in_order, put

__all__: list[str] = []

LETTERS = string.ascii_letters


def _parse(subscripts, operands):
    """Input terms and output term; the ellipsis becomes letters of its own."""
    subscripts = subscripts.replace(" ", "")
    left, arrow, right = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {len(terms)} terms for {len(operands)} operands")
    spare = [c for c in reversed(LETTERS) if c not in subscripts]
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

    def __init__(self, terms, output, wanted, optimize=False):
        self.terms = terms
        self.output = output
        self.wanted = wanted  # which operands are traced
        self.optimize = optimize  # of the value; the derivatives have paths of their own

    def value(self, *operands):
        return _einsum(self.terms, self.output, operands, self.optimize)

    def vjp(self, g, out, *operands):
        return tuple(
            self._back(k, g, operands) if wanted else None for k, wanted in enumerate(self.wanted)
        )

    def _back(self, k, g, operands):
        term, shape = self.terms[k], shape_of(operands[k])
        distinct = "".join(dict.fromkeys(term))
        others = [t for j, t in enumerate(self.terms) if j != k]
        arrays = [np.conjugate(o) for j, o in enumerate(operands) if j != k]
        # an index summed inside this operand alone meets ones; so does one of broadcast length
        present = set(self.output)
        sizes = {c: n for c, n in zip(term, shape, strict=True) if n != 1}
        for j, operand in enumerate(operands):
            if j != k:
                pairs = zip(self.terms[j], shape_of(operand), strict=True)
                present.update(c for c, n in pairs if n == sizes.get(c, n))
        alone = [c for c in distinct if c not in present]
        for c in alone:
            others.append(c)
            arrays.append(np.ones(sizes.get(c, 1)))
        found = _einsum([self.output, *others], distinct, [g, *arrays], self._path(arrays))
        full = tuple(dict(zip(term, shape, strict=True))[c] for c in distinct)
        found = unbroadcast(found, full)
        return found if distinct == term else _spread(found, distinct, term, shape)

    def _path(self, arrays):
        return bool(self.optimize is not False and len(arrays) > 1)

    def jvp(self, tangents, out, *operands):
        parts = []
        letter = next(c for c in reversed(LETTERS) if c not in "".join(self.terms))
        for k, t in enumerate(tangents):
            if t is not None:
                mixed = [*operands[:k], t, *operands[k + 1 :]]
                terms = [*self.terms[:k], letter + self.terms[k], *self.terms[k + 1 :]]
                parts.append(_einsum(terms, letter + self.output, mixed, self._path(operands)))
        return functools.reduce(operator.add, parts)


def _spread(found, distinct, term, shape):
    """Put a diagonal (repeated index) back into an array of zeros."""
    sizes = dict(zip(term, shape, strict=True))
    grid = np.ogrid[tuple(slice(sizes[c]) for c in distinct)]
    places = dict(zip(distinct, grid, strict=True))
    return put(shape, tuple(places[c] for c in term), found)


def _einsum(terms, output, operands, optimize=False):
    return np.einsum(",".join(terms) + "->" + output, *operands, optimize=optimize)


def _rearranged(a, subscripts):
    return np.einsum(subscripts, a)


@substitute(np.einsum)
def einsum(*operands, out=None, optimize=False, dtype=None, order="K", casting="safe"):
    """``np.einsum`` in string notation or with lists of axes."""
    if not isinstance(operands[0], str):
        operands = _from_lists(operands)
    subscripts, *arrays = operands
    arrays = [as_array(a) for a in arrays]
    if dtype is None and out is not None:
        dtype = np.result_type(*map(dtype_of, [*arrays, out]))
    if dtype is not None:
        options = {"dtype": dtype, "casting": casting, "order": order}
        np.einsum(subscripts, *[np.zeros_like(primal_of(a)) for a in arrays], **options)  # raises
        arrays = [of_type(a, dtype) for a in arrays]
    terms, output = _parse(subscripts, arrays)
    nothing_is_summed = len(arrays) == 1 and set(terms[0]) == set(output)
    if nothing_is_summed and out is None and order == "K" and type(arrays[0]) is Array:
        step = Call(_rearranged, (f"{terms[0]}->{output}",), {}, None)  # NumPy gives a view
        return view(arrays[0], step, step.apply(current(arrays[0])))
    wanted = [trace_of(a) is not None for a in arrays]
    product = bind(Einsum(terms, output, wanted, optimize), *arrays)
    if out is not None:
        check_casting(np.einsum, product, out, casting)
        return write_out(out, product)
    return product if order in ("K", "A") else in_order(product, order)


nondifferentiable(np.einsum_path)


def _from_lists(operands):
    """Notation with letters for operands that alternate with lists of numbers of axes."""
    arrays, lists = list(operands[0::2]), list(operands[1::2])
    output = arrays.pop() if len(arrays) > len(lists) else None
    text = ",".join(_letters(axes) for axes in lists)
    if output is not None:
        text += "->" + _letters(output)
    return text, *arrays


def _letters(axes):
    return "".join("..." if k is Ellipsis else sorted(LETTERS)[k] for k in axes)

"""np.einsum with subscripts that are known: one loop for each label.

What only rearranges the axes of one array, or takes a diagonal, is a view, as in NumPy.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.kinds import element_type
from sciad.compiler.front.types import STATIC_LIMIT
from sciad.compiler.front.values import Abstract, Elements, Memory, Object, StaticArray
from sciad.compiler.ir import BOOL, INT, Const, Operand, const
from sciad.compiler.vocabulary import arrays, whole

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["einsum"]

_MOST_OPERANDS = 3
_MOST_LABELS = 6


def einsum(low: Lowering, args: list[Abstract], named: dict[str, Abstract], node: Any) -> Abstract:
    """Sum products of elements over labels."""
    named.pop("optimize", None)
    if named or not args or not isinstance(args[0], Object) or not isinstance(args[0].value, str):
        low.refuse(
            "np.einsum without a constant string of subscripts, or with further options",
            node,
            "write np.einsum('ij,j->i', a, x)",
        )
    terms, out = _parsed(low, args[0].value, node)
    if len(terms) != len(args) - 1 or len(terms) > _MOST_OPERANDS:
        what = f"np.einsum of {len(args) - 1} arrays with subscripts for {len(terms)}"
        low.refuse(what, node, "give one to three arrays, each with its subscripts")
    if len(terms) == 1 and set(terms[0]) == set(out):
        return _view(low, args[1], terms[0], out, node)
    return _summed(low, args[1:], terms, out, node)


def _parsed(low: Lowering, text: str, node: ast.AST) -> tuple[list[str], str]:
    """Labels of the operands and of the result; without "->" those that stand there once."""
    given, arrow, out = text.replace(" ", "").partition("->")
    terms = given.split(",")
    if not arrow:
        out = "".join(sorted(c for c in set(given) - {","} if given.count(c) == 1))
    letters = "".join(terms) + out
    if letters and not (letters.isalpha() and letters.isascii()):
        low.refuse(f"the subscripts {text!r}", node, "write out the axes that ... stands for")
    if len(set(out)) < len(out) or not set(out) <= set(given):
        low.refuse(f"the subscripts {text!r}: each label of the result once, and known", node)
    if len(set(letters)) > _MOST_LABELS:
        low.refuse(f"np.einsum over more than {_MOST_LABELS} labels", node, "use several calls")
    return terms, out


def _expect_axes(low: Lowering, value: Abstract, term: str, node: ast.AST) -> None:
    rank = len(whole.elements(low, value, node).shape)
    if rank != len(term):
        low.refuse(f"the subscripts {term!r} of an array of {rank} dimensions", node)


def _view(low: Lowering, value: Abstract, term: str, out: str, node: ast.AST) -> Abstract:
    """Give a view of one array: its axes in another order, or a diagonal."""
    value = arrays.settled(low, whole.from_items(low, value, node), node)
    _expect_axes(low, value, term, node)
    if isinstance(value, StaticArray):
        for label in out:
            if len({n for n, c in zip(value.shape, term, strict=True) if c == label}) > 1:
                low.refuse(f"axes of different lengths with the label {label!r}", node)
        return StaticArray(value.cells, np.einsum(f"{term}->{out}", value.index))
    if not isinstance(value, Memory):
        return value
    shape, strides = [], []
    for label in out:
        axes = [k for k, c in enumerate(term) if c == label]
        step: Operand = const(0)
        for k in axes:
            _same_length(low, value.shape[k], value.shape[axes[0]], node)
            step = low.b.add(step, value.strides[k])
        shape.append(value.shape[axes[0]])
        strides.append(step)
    return Memory(value.buffer, value.offset, tuple(shape), tuple(strides), value.writable)


def _same_length(low: Lowering, n: Operand, m: Operand, node: ast.AST) -> None:
    if n == m:
        return
    if isinstance(n, Const) and isinstance(m, Const):
        hint = "give them one length: a length of 1 is not stretched here"
        low.refuse(f"axes of lengths {n.value} and {m.value} have one label", node, hint)
    low.check(
        low.b.compare("eq", n, m),
        "ValueError",
        "axes of one label differ in length (1 is not stretched)",
        node,
    )


def _summed(
    low: Lowering, operands: list[Abstract], terms: list[str], out: str, node: ast.AST
) -> Abstract:
    known = [whole.elements(low, arrays.settled(low, x, node), node) for x in operands]
    lengths: dict[str, Operand] = {}
    for array, term in zip(known, terms, strict=True):
        _expect_axes(low, array, term, node)
        for n, label in zip(array.shape, term, strict=True):
            _same_length(low, n, lengths.setdefault(label, n), node)
    kind = max((element_type(low, x) for x in known), key=lambda t: t.rank)
    if BOOL in {element_type(low, x) for x in known}:
        low.refuse("np.einsum of bools", node, "convert them: mask.astype(float)")
    add, mul = (whole._operator(low, code, node) for code in ("add", "mul"))
    inner = [label for label in lengths if label not in out]

    def product(place: dict[str, Operand]) -> Operand:
        total: Operand | None = None
        for array, term in zip(known, terms, strict=True):
            x = array.at(tuple(place[label] for label in term))
            total = x if total is None else mul(total, x)
        return total

    def folded(place: dict[str, Operand], left: list[str], total: Operand) -> Operand:
        if not left:
            return add(total, product(place))
        step = lambda k, t: folded({**place, left[0]: k}, left[1:], t)
        return _repeated(low, lengths[left[0]], total, step)

    def element(at: tuple[Operand, ...]) -> Operand:
        place = dict(zip(out, at, strict=True))
        if not inner:
            return product(place)
        return folded(place, inner, low.b.cast(const(0), max(kind, INT, key=lambda t: t.rank)))

    if not out:
        return element(())
    return arrays.settled(low, Elements(tuple(lengths[c] for c in out), element), node)


def _repeated(low: Lowering, n: Operand, total: Operand, step: Any) -> Operand:
    """Carry a sum over one label: straight code for a few terms, a loop otherwise."""
    if not isinstance(n, Const) or n.value > STATIC_LIMIT:
        return whole.accumulated(low, n, total, step)
    for k in range(int(n.value)):
        total = step(const(k), total)
    return total

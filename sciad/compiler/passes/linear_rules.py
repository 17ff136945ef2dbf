"""Tangents and adjoints of the operations of dense linear algebra, in the same operations.

`linalg attr=name x, a, n, m` overwrites the buffer x with a function of x and the matrix a (n x n):

    solve     x (n x m) := X = A^-1 B     dX = A^-1 (dB - dA X),  B_bar = A^-T X_bar,
                                          A_bar -= B_bar X^T
    solvet    x (n x m) := A^-T B         the same with A^T
    det       x (1)     := det A          d det = det tr(A^-1 dA),  A_bar += x_bar det A^-T
    logdet    x (2)     := log|det A|, sign of det A
    cholesky  x (n x n) := L              dL = L half(L^-1 dA L^-T),
                                          A_bar += sym(L^-T half(L^T L_bar) L^-1)

`half` is the lower triangle with halved diagonal, A is symmetric there. The derivatives are exact
and consist of these operations and of loops, so they can be differentiated again.

References
----------
M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation, Advances in Automatic Differentiation, Springer 2008, section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sciad.compiler.builder import Builder
from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    INT,
    Failure,
    Loop,
    Op,
    Operand,
    Region,
    Value,
    const,
)
from sciad.compiler.passes.analysis import Places
from sciad.compiler.tapes import Slot, unused_tape

__all__ = ["Saved", "adjoint_of", "linalg", "tangent_of"]

_ZERO, _ONE = const(0), const(1)
_HALF = const(0.5)


def linalg(b: Builder, name: str, x: Value, a: Value, n: Operand, m: Operand) -> Value:
    """Emit an operation; gives whether it succeeded."""
    ok = Value("ok", BOOL)
    b.region.nodes.append(Op("linalg", (x, a, n, m), (ok,), name, b.location))
    return ok


# -- loops over matrices -------------------------------------------------------------------------
def _loop(b: Builder, n: Operand, body: Callable[[Value], Any], name: str = "i") -> None:
    index = Value(name, INT)
    with b.inside(Region()) as region:
        body(index)
    bounds = (_ZERO, n, _ONE)
    loop = Loop("range", index, *bounds, (), (), region, (), location=b.location)
    b.region.nodes.append(loop)


def _pairs(b: Builder, n: Operand, m: Operand, body: Callable[[Any, Any], None]) -> None:
    _loop(b, n, lambda i: _loop(b, m, lambda j: body(i, j), "j"))


def _at(b: Builder, i: Operand, j: Operand, columns: Operand) -> Operand:
    return b.add(b.mul(i, columns), j)


def _copied(b: Builder, source: Value, size: Operand) -> Value:
    made = b.alloc(size, "empty", source.name)
    _loop(b, size, lambda i: b.effect("store", made, i, b.load(source, i)))
    return made


def _turned(b: Builder, source: Value, n: Operand) -> Value:
    made = b.alloc(b.mul(n, n), "empty", source.name)
    move = lambda i, j: b.effect("store", made, _at(b, j, i, n), b.load(source, _at(b, i, j, n)))
    _pairs(b, n, n, move)
    return made


def _inverse_turned(b: Builder, a: Value, n: Operand, what: str) -> Value:
    """A^-T; a matrix without inverse is a failure at run time."""
    made = b.alloc(b.mul(n, n), "zeros", "inverse")
    _loop(b, n, lambda i: b.effect("store", made, _at(b, i, i, n), const(1.0)))
    ok = linalg(b, "solvet", made, a, n, n)
    b.check(
        ok, Failure("LinAlgError", f"the derivative of {what} of a singular matrix", b.location)
    )
    return made


def _product(
    b: Builder, x: Value, y: Value, n: Operand, x_turned: bool = False, lower: bool = False
) -> Value:
    """X Y or X^T Y; `lower` takes the lower triangle of that, with half of its diagonal."""
    made = b.alloc(b.mul(n, n), "zeros", "product")

    def entry(i: Value, j: Value) -> None:
        def term(k: Value) -> None:
            left = b.load(x, _at(b, k, i, n) if x_turned else _at(b, i, k, n))
            factor = b.mul(left, b.load(y, _at(b, k, j, n)))
            if lower:
                weight = b.pure("select", b.compare("eq", i, j), _HALF, const(1.0))
                weight = b.pure("select", b.compare("lt", i, j), const(0.0), weight)
                factor = b.mul(weight, factor)
            b.effect("accum", made, _at(b, i, j, n), factor)

        _loop(b, n, term, "k")

    _pairs(b, n, n, entry)
    return made


# -- forward mode --------------------------------------------------------------------------------
def tangent_of(b: Builder, node: Op, dx: Value, da: Value | None) -> None:
    """Write what an operation does to the dual of x; `da` is the dual of a, if it has one."""
    x, a, n, m = node.args
    if node.attr in ("solve", "solvet"):
        if da is not None:
            _subtract_product(b, node, dx, da)
        linalg(b, node.attr, dx, a, n, m)
    elif da is None:
        size = {"det": _ONE, "logdet": const(2)}.get(node.attr, b.mul(n, n))
        _loop(b, size, lambda i: _clear(b, dx, i))
    elif node.attr == "cholesky":
        _cholesky_tangent(b, dx, da, x, n)
    else:
        inverse = _inverse_turned(b, a, n, "a determinant")
        _loop(b, _ONE if node.attr == "det" else const(2), lambda i: _clear(b, dx, i))
        factor = b.load(x, _ZERO) if node.attr == "det" else const(1.0)

        def term(i: Value) -> None:
            change = b.mul(b.load(inverse, i), b.load(da, i))
            b.effect("accum", dx, _ZERO, b.mul(factor, change))

        _loop(b, b.mul(n, n), term)


def _clear(b: Builder, buffer: Value, i: Operand) -> None:
    b.effect("store", buffer, i, const(0.0))


def _subtract_product(b: Builder, node: Op, dx: Value, da: Value) -> None:
    """DX -= dA X (or dA^T X), X being the solution."""
    x, _, n, m = node.args

    def entry(i: Value, k: Value) -> None:
        place = _at(b, k, i, n) if node.attr == "solvet" else _at(b, i, k, n)
        factor = b.neg(b.load(da, place))
        change = lambda j: b.mul(factor, b.load(x, _at(b, k, j, m)))
        _loop(b, m, lambda j: b.effect("accum", dx, _at(b, i, j, m), change(j)), "j")

    _pairs(b, n, n, entry)


def _cholesky_tangent(b: Builder, dx: Value, da: Value, x: Value, n: Operand) -> None:
    left = _copied(b, da, b.mul(n, n))
    linalg(b, "solve", left, x, n, n)
    middle = _turned(b, left, n)
    linalg(b, "solve", middle, x, n, n)

    def halve(i: Value, j: Value) -> None:
        weight = b.pure("select", b.compare("eq", i, j), _HALF, const(1.0))
        weight = b.pure("select", b.compare("lt", i, j), const(0.0), weight)
        place = _at(b, i, j, n)
        b.effect("store", middle, place, b.mul(weight, b.load(middle, place)))

    _pairs(b, n, n, halve)
    found = _product(b, x, middle, n)
    _loop(b, b.mul(n, n), lambda i: b.effect("store", dx, i, b.load(found, i)))


# -- reverse mode --------------------------------------------------------------------------------
def adjoint_of(
    b: Builder,
    node: Op,
    bar: Value,
    a_bar: Value | None,
    kept: Callable[[Value, Operand, Operand], Value],
) -> None:
    """Write what an operation does, backwards, to the cotangents of x and a.

    `kept(buffer, rows, columns)` gives what x or a held when the operation had run.
    """
    x, a, n, m = node.args
    if node.attr in ("solve", "solvet"):
        known = None if a_bar is None else kept(x, n, m)
        linalg(b, "solvet" if node.attr == "solve" else "solve", bar, kept(a, n, n), n, m)
        if a_bar is not None and known is not None:
            _subtract_outer(b, node, bar, a_bar, known)
        return
    if a_bar is not None:
        if node.attr == "cholesky":
            _cholesky_adjoint(b, bar, a_bar, kept(x, n, n), n)
        else:
            _determinant_adjoint(b, node, bar, a_bar, kept(x, _ONE, _ONE), kept(a, n, n))
    size = {"det": _ONE, "logdet": const(2)}.get(node.attr, b.mul(n, n))
    _loop(b, size, lambda i: _clear(b, bar, i))


def _subtract_outer(b: Builder, node: Op, bar: Value, a_bar: Value, x: Value) -> None:
    """A_bar -= B_bar X^T (or its transpose)."""
    _, _, n, m = node.args

    def entry(i: Value, k: Value) -> None:
        place = _at(b, k, i, n) if node.attr == "solvet" else _at(b, i, k, n)
        term = lambda j: b.mul(b.load(bar, _at(b, i, j, m)), b.load(x, _at(b, k, j, m)))
        _loop(b, m, lambda j: b.effect("accum", a_bar, place, b.neg(term(j))), "j")

    _pairs(b, n, n, entry)


def _determinant_adjoint(
    b: Builder, node: Op, bar: Value, a_bar: Value, x: Value, a: Value
) -> None:
    n = node.args[2]
    inverse = _inverse_turned(b, a, n, "a determinant")
    weight: Operand = b.load(bar, _ZERO)
    if node.attr == "det":
        weight = b.mul(weight, b.load(x, _ZERO))
    change = lambda i: b.mul(weight, b.load(inverse, i))
    _loop(b, b.mul(n, n), lambda i: b.effect("accum", a_bar, i, change(i)))


def _cholesky_adjoint(b: Builder, bar: Value, a_bar: Value, x: Value, n: Operand) -> None:
    middle = _product(b, x, bar, n, x_turned=True, lower=True)
    linalg(b, "solvet", middle, x, n, n)
    found = _turned(b, middle, n)
    linalg(b, "solvet", found, x, n, n)

    def entry(i: Value, j: Value) -> None:
        both = b.add(b.load(found, _at(b, i, j, n)), b.load(found, _at(b, j, i, n)))
        b.effect("accum", a_bar, _at(b, i, j, n), b.mul(_HALF, both))

    _pairs(b, n, n, entry)


class Saved:
    """Copies of what buffers held when an operation had run, for the reversed code.

    Outside loops a copy is made if the buffer may be overwritten later; inside, the elements go to
    a tape of their own, in the order of the program, and come back in the opposite order.
    """

    def __init__(self, places: Places, body: Region):
        self.places = places
        self.tape = unused_tape(body)
        self.slots: dict[tuple[int, Value], Slot] = {}
        self.copies: dict[tuple[int, Value], Value] = {}

    def __call__(
        self, b: Builder, node: Op, buffer: Value, rows: Operand, columns: Operand
    ) -> Value:
        """Give a buffer of the reversed code with the elements that `buffer` had."""
        size = lambda w: w.mul(rows, columns)  # the forward part computes it for itself
        home = self.places.home[node.out]
        key = (id(node), buffer)
        if home is self.places.top:
            later = self.places.overwritten_after(node, buffer)
            if later and key not in self.copies:
                self.copies[key] = self.insert(home, node, lambda w: _copied(w, buffer, size(w)))
            return self.copies.get(key, buffer)
        if key not in self.slots:
            slot = self.slots[key] = Slot.fresh(self.tape)
            push = lambda w: _loop(
                w, size(w), lambda i: w.effect("push", w.load(buffer, i), attr=slot)
            )
            self.insert(home, node, push)
        return self.popped(b, self.slots[key], size(b))

    def insert(self, home: Region, node: Op, write: Callable[[Builder], Any]) -> Any:
        """Write code right behind an operation of the forward part."""
        added = Builder()
        added.location = node.location
        made = write(added)
        place = next(k for k, n in enumerate(home.nodes) if n is node) + 1
        home.nodes[place:place] = added.region.nodes
        for new in added.region.nodes:
            for value in new.outs:
                self.places.define(value, new, home)
        return made

    def popped(self, b: Builder, slot: Slot, size: Operand) -> Value:
        """Read a buffer back from the tape."""
        made = b.alloc(size, "empty", "saved")
        index = Value("i", INT)
        with b.inside(Region()) as region:
            out = Value("v", FLOAT)
            b.region.nodes.append(Op("pop", (), (out,), slot, b.location))
            b.effect("store", made, index, out)
        bounds = (b.sub(size, _ONE), const(-1), const(-1))
        loop = Loop("range", index, *bounds, (), (), region, (), location=b.location)
        b.region.nodes.append(loop)
        return made

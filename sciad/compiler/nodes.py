"""One call of a jitted function: marshalling, and its place in the eager engine.

First derivatives are nodes themselves (`PullBack`, `PushForward`), so that they can be
differentiated once more; both use the tangent of the adjoint. With c the cotangent of the results,
J the Jacobian and H[c] the Hessian of c . f:

    d (J^T c) = H[c] dx + J^T dc        vjp with weight w:  (x: H[c] w,  c: J w)
    d (J v)   = D2f[v, dx] + J dv       vjp with weight w:  (x: H[w] v,  v: J^T w)
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from sciad.compiler.chunks import FEWEST, WIDTH, WIDTH_CURVED, chunks
from sciad.compiler.front.border import flat_integers
from sciad.compiler.front.integers import LIMIT
from sciad.compiler.front.records import rebuilt
from sciad.compiler.program import Program
from sciad.core.apply import bind
from sciad.core.dispatch import call
from sciad.core.errors import InputError, SciadError, user_location
from sciad.core.tracer import any_traced

__all__ = ["Call", "CallNode", "int64", "numbers", "plain_call", "row"]


_NONE = np.zeros(0)
_FEW = 6
_MOST_KNOWN = 1000
#: Buffers of integers as they were last given; compiled code only reads them.
_integers: dict[tuple[int, ...], np.ndarray] = {}


class Call:
    """Arguments of one call, in the form compiled code takes.

    `integers` are the run-time ints, then the arrays of ints and bools.
    """

    def __init__(self, program: Program, leaves: list[Any], integers: list[Any]):
        self.program = program
        self.shapes = [np.shape(leaf) for leaf in leaves]
        self.arrays = [row(x) for x, k in zip(leaves, program.leaves, strict=True) if k.ndim]
        self.floats = _packed(
            [x for x, k in zip(leaves, program.leaves, strict=True) if not k.ndim]
        )
        lengths = [n for shape in self.shapes for n in shape]
        numbers = [n for n in integers if not isinstance(n, np.ndarray)]
        given = [n for n in integers if isinstance(n, np.ndarray)]
        self.tables = [flat_integers(n) for n in given]
        self.integers = int64(lengths, numbers + [n for x in given for n in x.shape])

    def inputs(self) -> list[np.ndarray]:
        """Arguments of the compiled function."""
        return [self.floats, self.integers, *self.arrays, *self.tables]

    def duals(self, directions: Any) -> list[np.ndarray]:
        """One value for each leaf (None: zero), as float buffers like the inputs."""
        kinds = self.program.leaves
        whole = [
            np.zeros(shape) if x is None else np.broadcast_to(np.asarray(x, float), shape)
            for x, shape in zip(directions, self.shapes, strict=True)
        ]
        floats = _packed([x for x, k in zip(whole, kinds, strict=True) if not k.ndim])
        return [floats, *(row(x) for x, k in zip(whole, kinds, strict=True) if k.ndim)]

    def split(self, buffers: list[np.ndarray], exact: bool = False) -> tuple[Any, ...]:
        """Float buffers like the inputs as one array (or float) for each leaf, rounded or not."""
        floats, arrays = iter(buffers[0]), iter(buffers[1:])
        found: list[Any] = []
        for kind, shape in zip(self.program.leaves, self.shapes, strict=True):
            part = next(arrays).reshape(shape) if kind.ndim else float(next(floats))
            single = kind.kind == "float32" and not exact
            found.append(np.float32(part) if single else part)
        return tuple(found)

    def empty(self) -> list[np.ndarray]:
        """Zero buffers like the float inputs."""
        return [np.zeros_like(self.floats), *(np.zeros_like(a) for a in self.arrays)]

    def run(self, kind: str, *more: np.ndarray) -> tuple[Any, ...]:
        """Call the compiled function and raise what a failed check stands for."""
        code = self.program.compiled(kind, self.integers)
        result = code(*self.inputs(), *more)
        status = result[0] if isinstance(result, tuple) else result
        if status:
            raise self.program.failure(kind, int(status))
        return result[1:] if isinstance(result, tuple) else ()

    def value(self) -> Any:
        """Run the function."""
        return assembled(self.program.layout, self.numbers(self.run("value")))

    def numbers(self, raw: tuple[Any, ...]) -> list[Any]:
        """Leaves of the result, from what the compiled function returned."""
        return split_of(self.program).leaves(raw)


class Split:
    """Knows how the leaves of a result lie in what compiled code returns."""

    def __init__(self, layout: Any):
        self.layout = layout
        self.kinds: list[Any] = []
        self.collect(layout)
        self.scalars = sum(_count(k) for k in self.kinds)
        self.buffers = sum(k[0] == "memory" for k in self.kinds)

    def collect(self, layout: Any) -> None:
        if layout[0] in ("scalar", "array", "memory"):
            self.kinds.append(layout)
        elif layout[0] == "list" and isinstance(layout[1], int):
            self.kinds.append(("memory", *layout[1:]))
        elif layout[0] == "dict":
            for _, item in layout[1]:
                self.collect(item)
        elif layout[0] != "none":
            for item in layout[1]:
                self.collect(item)

    def leaves(self, raw: tuple[Any, ...], lengths: tuple[Any, ...] | None = None) -> list[Any]:
        """One number or array for each leaf."""
        numbers = iter(raw[: self.scalars])
        buffers = iter(raw[self.scalars : self.scalars + self.buffers])
        known = iter(raw[self.scalars + self.buffers :] if lengths is None else lengths)
        found: list[Any] = []
        for kind in self.kinds:
            single = kind[-1] == "float32"
            if kind[0] == "scalar":
                found.append(np.float32(next(numbers)) if single else next(numbers))
                continue
            if kind[0] == "array":
                made = np.array([next(numbers) for _ in range(_count(kind))]).reshape(kind[1])
            else:
                shape = tuple(int(next(known)) for _ in range(kind[1]))
                made = next(buffers).reshape(shape)
            found.append(made.astype(np.float32) if single else made)
        return found

    def is_float(self) -> list[bool]:
        """Which leaves carry a derivative."""
        return [kind[-1] not in ("int64", "bool") for kind in self.kinds]

    def float_lengths(self, raw: tuple[Any, ...]) -> tuple[Any, ...]:
        """Lengths of the arrays that carry a derivative, from what compiled code returned."""
        known = iter(raw[self.scalars + self.buffers :])
        found: list[Any] = []
        for kind, is_float in zip(self.kinds, self.is_float(), strict=True):
            if kind[0] == "memory":
                mine = [next(known) for _ in range(kind[1])]
                found += mine if is_float else []
        return tuple(found)

    def packed(self, cotangents: list[Any]) -> list[np.ndarray]:
        """Cotangents of the float leaves: all numbers in one buffer, then one for each array."""
        numbers: list[float] = []
        arrays = []
        floats = [k for k, f in zip(self.kinds, self.is_float(), strict=True) if f]
        for kind, g in zip(floats, cotangents, strict=True):
            if kind[0] == "memory":
                arrays.append(row(g))
            else:
                numbers.extend(np.ravel(np.asarray(g, float)))
        has_numbers = any(k[0] != "memory" for k in floats)
        return [np.array(numbers, float)] * has_numbers + arrays

    def duals(self, raw: tuple[Any, ...], lengths: tuple[Any, ...]) -> list[Any]:
        """Leaves of the tangent part of a jvp's results."""
        floats = [k for k, f in zip(self.kinds, self.is_float(), strict=True) if f]
        return Split(("tuple", floats)).leaves(raw, lengths)


def split_of(program: Program) -> Split:
    """How the results of a program lie, found out once."""
    known = program.split
    if known is None or known.layout is not program.layout:
        known = program.split = Split(program.layout)
    return known


def plain_call(program: Program, args: tuple, kinds: tuple) -> Any:
    """Call with floats, ints and float64 arrays only, as `kinds` says (see `jit`)."""
    floats: list[float] = []
    lengths: list[int] = []
    integers: list[int] = []
    arrays: list[np.ndarray] = []
    tables: list[np.ndarray] = []
    for arg, kind in zip(args, kinds, strict=True):
        if kind is float:
            floats.append(arg)
        elif kind is int:
            integers.append(arg)
        elif type(kind) is tuple:
            tables.append(arg)
        else:
            lengths.extend(arg.shape)
            arrays.append(arg if kind == 1 and arg.flags.carray else row(arg))
    given = integers + [n for x in tables for n in x.shape]
    more = [flat_integers(x) for x in tables]
    sizes = int64(lengths, given)
    raw = program.compiled("value", sizes)(numbers(floats), sizes, *arrays, *more)
    if raw[0]:
        raise program.failure("value", int(raw[0]))
    if program.layout[0] == "scalar":
        return raw[1]
    return assembled(program.layout, split_of(program).leaves(raw[1:]))


def int64(lengths: list[int], integers: list[int]) -> np.ndarray:
    """Run-time integers of a call in one buffer."""
    if integers and not all(-LIMIT < n < LIMIT for n in integers):
        raise InputError(
            "an integer argument does not fit into 64 bits",
            where=user_location(),
            hint="give it as a float",
        )
    key = tuple(lengths + integers)
    known = _integers.get(key)
    if known is None:
        if len(_integers) > _MOST_KNOWN:
            _integers.clear()
        known = _integers[key] = np.array(key, dtype=np.int64)
    return known


def numbers(floats: list[float]) -> np.ndarray:
    """Floats of a call in one buffer."""
    if not floats:
        return _NONE
    if len(floats) > _FEW:
        return np.array(floats, float)
    found = np.empty(len(floats))  # assignments are quicker than np.array of a short list
    for k, x in enumerate(floats):
        found[k] = x
    return found


def _count(kind: Any) -> int:
    if kind[0] == "memory":
        return 0
    return 1 if kind[0] == "scalar" else int(np.prod(kind[1], dtype=np.int64))


def assembled(layout: Any, leaves: list[Any]) -> Any:
    """Put a result together."""
    return _assembled(layout, iter(leaves))


def _assembled(layout: Any, leaves: Any) -> Any:
    kind = layout[0]
    if kind == "none":
        return None
    if kind in ("scalar", "array", "memory"):
        return next(leaves)
    if kind == "dict":
        return {key: _assembled(item, leaves) for key, item in layout[1]}
    if isinstance(layout[1], int):
        return list(next(leaves))
    items = [_assembled(item, leaves) for item in layout[1]]
    if kind == "object":
        return rebuilt(layout[2], layout[3], items)
    if kind == "complex":
        return _complex(*items)
    return items if kind in ("list", "updates") else tuple(items)


def _complex(re: Any, im: Any) -> Any:
    """Put a complex number or array together."""
    if any_traced((re, im)):
        return call(operator.add, re, call(operator.mul, 1j, im))
    if np.ndim(re) == 0:
        return complex(re, im)
    made = np.empty(np.shape(re), complex)
    made.real, made.imag = re, im
    return made


def row(value: Any) -> np.ndarray:
    """All elements one after the other, in memory as compiled code takes it."""
    flat = np.ascontiguousarray(value, dtype=float).reshape(-1)
    return flat if flat.flags.carray else flat.copy()


def _packed(values: list[Any]) -> np.ndarray:
    return np.array(values, dtype=float).reshape(len(values))


# -- nodes of the eager engine -------------------------------------------------------------------
class CallNode:
    """The function itself; arguments are its leaves, outputs its float results."""

    def __init__(self, function: Any, program: Program, integers: list[Any]):
        self.function = function
        self.program = program
        self.integers = integers
        self.name = getattr(function, "__qualname__", "jit")
        self.others: list[Any] = []

    @property
    def split(self) -> Split:
        """How the results lie in what compiled code returns."""
        return split_of(self.program)

    def result(self, outputs: Any) -> Any:
        """Put the user's result together from traced outputs and plain integers."""
        floats = iter(outputs if isinstance(outputs, tuple) else (outputs,))
        whole = [next(floats) if o is None else o for o in self.others]
        return assembled(self.program.layout, whole)

    def value(self, *leaves: Any) -> Any:
        """Run the function on plain leaves."""
        if any_traced(leaves):
            return bind(self, *leaves)
        made = Call(self.program, list(leaves), self.integers)
        results = made.numbers(made.run("value"))
        keep = self.split.is_float()
        self.others = [None if f else x for x, f in zip(results, keep, strict=True)]
        found = tuple(x for x, f in zip(results, keep, strict=True) if f)
        return found if len(found) != 1 else found[0]

    def vjp(self, cotangent: Any, out: Any, *leaves: Any) -> tuple[Any, ...]:
        """Cotangents of the leaves."""
        given = cotangent if isinstance(out, tuple) else (cotangent,)
        found = bind(PullBack(self, len(given)), *given, *leaves)
        return found if isinstance(found, tuple) else (found,)

    def jvp(self, tangents: tuple, out: Any, *leaves: Any) -> Any:
        """Tangents of the results."""
        return _each_direction(self, tangents, out, leaves)


def _each_direction(node: CallNode, tangents: tuple, out: Any, leaves: tuple) -> Any:
    """J v for K directions v at once (leading axis of the tangents)."""
    moved = [k for k, t in enumerate(tangents) if t is not None]
    directions = len(tangents[moved[0]])
    columns: list[Any] = []
    if directions >= FEWEST and not any_traced((*leaves, *(tangents[k] for k in moved))):
        rows = [[None if t is None else t[row] for t in tangents] for row in range(directions)]
        columns = _pushed_together(node, rows, leaves)
        directions = 0
    for row in range(directions):
        push = PushForward(node, moved)
        columns.append(bind(push, *(tangents[k][row] for k in moved), *leaves))
    if not isinstance(out, tuple):
        return _stack(columns)
    return tuple(_stack([c[k] for c in columns]) for k in range(len(out)))


def _pushed_together(node: CallNode, rows: list[list], leaves: tuple) -> list[Any]:
    """J v for plain directions, several in each pass."""
    made = Call(node.program, list(leaves), node.integers)
    columns = []
    for part in chunks(rows, WIDTH):
        raw = made.run(f"jvp{WIDTH}", *(buffer for row in part for buffer in made.duals(row)))
        for later in reversed(range(WIDTH)):
            columns.append(_tangent_part(node.split, raw, later))
    return columns[: len(rows)]


def _stack(rows: list[Any]) -> Any:
    return call(np.stack, rows) if any_traced(rows) else np.stack([np.asarray(r) for r in rows])


class PullBack:
    """J(x)^T c as a function of (c, x)."""

    def __init__(self, node: CallNode, outputs: int):
        self.node = node
        self.outputs = outputs
        self.name = f"vjp of {node.name}"

    def value(self, *args: Any) -> Any:
        """Run the function on plain leaves."""
        if any_traced(args):
            return bind(self, *args)
        made = Call(self.node.program, list(args[self.outputs :]), self.node.integers)
        bars = made.empty()
        made.run("vjp", *self.node.split.packed(list(args[: self.outputs])), *bars)
        found = made.split(bars)
        return found if len(found) != 1 else found[0]

    def vjp(self, weight: Any, out: Any, *args: Any) -> tuple[Any, ...]:
        """Cotangents of the leaves."""
        node, c, x = self.node, args[: self.outputs], args[self.outputs :]
        w = weight if isinstance(out, tuple) else (weight,)
        _shallow(node, (*w, *args))
        along = PushForward(node, list(range(len(x)))).value(*w, *x)
        along = along if isinstance(along, tuple) else (along,)
        return (*along, *second_order(node, c, x, w, [None] * len(c)))

    def jvp(self, tangents: tuple, out: Any, *args: Any) -> Any:
        """Tangents of the results."""
        node, n = self.node, self.outputs
        c, x = args[:n], args[n:]
        _shallow(node, (*args, *(t for t in tangents if t is not None)))
        rows = next(len(t) for t in tangents if t is not None)
        d = [[None if t is None else t[row] for t in tangents] for row in range(rows)]
        if rows >= FEWEST:
            found = _curved_together(node, c, x, d)
        else:
            found = [second_order(node, c, x, row[n:], row[:n]) for row in d]
        columns = tuple(np.stack([np.asarray(f[k]) for f in found]) for k in range(len(x)))
        return columns if isinstance(out, tuple) else columns[0]


class PushForward:
    """J(x) v as a function of (v, x), v moving the leaves `moved`."""

    def __init__(self, node: CallNode, moved: list[int]):
        self.node = node
        self.moved = moved
        self.name = f"jvp of {node.name}"

    def directions(self, v: tuple, leaves: int) -> list[Any]:
        found: list[Any] = [None] * leaves
        for k, part in zip(self.moved, v, strict=True):
            found[k] = part
        return found

    def value(self, *args: Any) -> Any:
        """Run the function on plain leaves."""
        if any_traced(args):
            return bind(self, *args)
        v, x = args[: len(self.moved)], args[len(self.moved) :]
        made = Call(self.node.program, list(x), self.node.integers)
        raw = made.run("jvp", *made.duals(self.directions(v, len(x))))
        return _tangent_part(self.node.split, raw)

    def vjp(self, weight: Any, out: Any, *args: Any) -> tuple[Any, ...]:
        """Cotangents of the leaves."""
        node, m = self.node, len(self.moved)
        v, x = args[:m], args[m:]
        w = weight if isinstance(out, tuple) else (weight,)
        _shallow(node, (*w, *args))
        back = PullBack(node, len(w)).value(*w, *x)
        back = back if isinstance(back, tuple) else (back,)
        curved = second_order(node, w, x, self.directions(v, len(x)), [None] * len(w))
        return (*(back[k] for k in self.moved), *curved)

    def jvp(self, tangents: tuple, out: Any, *args: Any) -> Any:
        """Tangents of the results."""
        node, m = self.node, len(self.moved)
        v, x = args[:m], args[m:]
        _shallow(node, (*args, *(t for t in tangents if t is not None)))
        rows = next(len(t) for t in tangents if t is not None)
        made = Call(node.program, list(x), node.integers)
        first = made.duals(self.directions(v, len(x)))
        found = []
        for row in range(rows):
            d = [None if t is None else t[row] for t in tangents]
            turned = self.value(*(0.0 if a is None else a for a in d[:m]), *x)
            turned = turned if isinstance(turned, tuple) else (turned,)
            raw = made.run("second", *first, *made.duals(d[m:]))
            bent = _tangent_part(node.split, raw)
            bent = bent if isinstance(bent, tuple) else (bent,)
            found.append([a + b for a, b in zip(turned, bent, strict=True)])
        columns = tuple(np.stack([np.asarray(f[k]) for f in found]) for k in range(len(found[0])))
        return columns if isinstance(out, tuple) else columns[0]


def _tangent_part(split: Split, raw: tuple, later: int = 0) -> Any:
    """Take the last derivative among (results, first tangents, ...), or one before it."""
    count = _dual_count(split)
    end = len(raw) - later * count
    duals = split.duals(raw[end - count : end], split.float_lengths(raw))
    return tuple(duals) if len(duals) != 1 else duals[0]


def _dual_count(split: Split) -> int:
    pairs = zip(split.kinds, split.is_float(), strict=True)
    return sum(1 if k[0] == "memory" else _count(k) for k, f in pairs if f)


def _curved_together(node: CallNode, c: tuple, x: tuple, rows: list[list]) -> list[tuple]:
    """H[c] dx + J^T dc for several rows (dc, dx) in each pass."""
    made, split, n = Call(node.program, list(x), node.integers), node.split, len(c)
    found: list[tuple] = []
    for part in chunks(rows, WIDTH_CURVED):
        given, changes = [], []
        for row in part:
            dc = [np.zeros(np.shape(g)) if d is None else d for g, d in zip(c, row, strict=False)]
            changes.append(made.empty())
            given += [*made.duals(row[n:]), *split.packed(dc), *changes[-1]]
        made.run(f"hvp{WIDTH_CURVED}", *split.packed(list(c)), *made.empty(), *given)
        found += [made.split(change) for change in changes]
    return found[: len(rows)]


def second_order(node: CallNode, c: Any, x: Any, dx: Any, dc: Any) -> tuple[Any, ...]:
    """H[c] dx + J^T dc."""
    made = Call(node.program, list(x), node.integers)
    split = node.split
    bars, changes = made.empty(), made.empty()
    turned = [np.zeros(np.shape(g)) if d is None else d for g, d in zip(c, dc, strict=True)]
    made.run(
        "hvp",
        *split.packed(list(c)),
        *bars,
        *made.duals(dx),
        *split.packed(turned),
        *changes,
    )
    return made.split(changes)


def _shallow(node: CallNode, values: tuple) -> None:
    """Refuse a third level of tracing, which would need third derivatives."""
    if any_traced(values):
        raise SciadError(
            f"third derivatives of the compiled function {node.name} are not available",
            hint=f"differentiate the Python function: {node.name}.__wrapped__",
        )

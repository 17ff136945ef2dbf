"""Reverse mode: one flat list of entries, one per operation.

Creation order is a topological order, so no graph is searched. An entry's index is the slot of the
value it made. The frequent operations are tuples, which `sciad.core.sweep` lists; all others are
functions called with the slot and the `Adjoints`.

Complex numbers: a cotangent is dL/dRe + i dL/dIm, so an operation that is holomorphic in an
argument multiplies by the conjugate of the partial derivative, and a real argument gets the real
part.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sciad.core.adjoints import (
    FLOAT64,
    ZERO,
    Adjoints,
    Kept,
    add_at,
    fit,
    ghost,
    is_real_scalar,
    read_at,
    scale_at,
    times_conjugate,
    unbroadcast,
)
from sciad.core.errors import InputError
from sciad.core.masked import dead, selected
from sciad.core.rules import Elementwise, Linear, Vjp
from sciad.core.scalars import partial_value, scalar_partial_value
from sciad.core.steps import Index, last_writes
from sciad.core.tracer import (
    Array,
    Scalar,
    Trace,
    boxed,
    dtype_of,
    is_wrapped,
    primal_of,
    shape_of,
    wrap,
)

__all__ = ["Adjoints", "ReverseTrace"]


class ReverseTrace(Trace):
    """Records operations on its list of entries."""

    shares_nodes = False  # every result has a slot of its own

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Any] = []
        self.kept = Kept()

    def input(self, value: Any) -> Any:
        """Box an input of the transformation."""
        return wrap(value, self, self.record(None))

    def record(self, entry: Any) -> int:
        """Append an entry and give its slot."""
        entries = self.entries
        entries.append(entry)
        return len(entries) - 1

    def keep(self, array: np.ndarray) -> np.ndarray:
        """Keep a plain array for the backward pass, safe from the user's later writes."""
        return self.kept.add(array)

    # Real scalars

    def scaled(self, i: int, p: float) -> int:
        """Slot for a multiple of a real number."""
        entries = self.entries
        entries.append((i, p))
        return len(entries) - 1

    def scalar2(self, value: Any, i: int, p: Any, j: int, q: Any) -> Scalar:
        """Box a real function of two real numbers, with its derivatives."""
        entries = self.entries
        entries.append((i, p, j, q))
        return Scalar(value, self, len(entries) - 1)

    # Rules

    def elementwise(
        self, rule: Elementwise, out: Any, values: Sequence, nodes: Sequence, inside: Sequence
    ) -> Any:
        """Box the result of an elementwise function; `inside` are the arguments of the partials."""
        if rule.selects and not is_real_scalar(out):
            return self._selection(rule, out, values, nodes, inside)
        if type(out) is np.ndarray and out.dtype is FLOAT64:
            entry = _real_arrays(rule.partials, out, inside, nodes)
            entries = self.entries
            entries.append(entry)
            return boxed(out, self, len(entries) - 1, entries if out.ndim else None)
        active = [(k, node) for k, node in enumerate(nodes) if node is not None]
        if is_real_scalar(out) and all(is_real_scalar(values[k]) for k, _ in active):
            return self._scalar(rule, out, inside, active)

        def pull(slot: int, adjoints: Adjoints) -> None:
            g = adjoints.take(slot)
            if g is ZERO:
                return
            for k, node in active:
                partial = rule.partials[k]
                if partial is not None:
                    ct = times_conjugate(g, partial_value(partial, (*inside, out)))
                    adjoints.add(node, fit(ct, values[k]))

        return wrap(out, self, self.record(pull))

    def _selection(
        self, rule: Elementwise, out: Any, values: Sequence, nodes: Sequence, inside: Sequence
    ) -> Any:
        """Box the result of a function that takes one of its arguments, element by element."""
        self.kept.selects = True

        def pull(slot: int, adjoints: Adjoints) -> None:
            g = adjoints.take(slot)
            if g is ZERO:
                return
            for node, partial, value in zip(nodes, rule.partials, values, strict=True):
                if node is not None and partial is not None:
                    p = partial_value(partial, (*inside, out))
                    ct = selected(g, p) if adjoints.careful else g * p
                    adjoints.add(node, fit(ct, value))

        return wrap(out, self, self.record(pull))

    def _scalar(self, rule: Elementwise, out: Any, values: Sequence, active: list) -> Scalar:
        plain = not any(is_wrapped(v) for v in values) and not is_wrapped(out)
        pairs: list[Any] = []
        for k, node in active:
            partial = rule.partials[k]
            if partial is None:
                continue
            if plain:
                p = scalar_partial_value(rule, k, (*values, out))
            else:
                p = partial_value(partial, (*values, out))
            if not rule.selects or primal_of(p) != 0:
                pairs += (node, p)
        entry = tuple(pairs)
        return Scalar(out, self, self.record(entry if len(entry) == 4 else _many(entry)))

    def linear(
        self, rule: Linear, out: Any, args: list, kwargs: dict, nodes: dict[int, int]
    ) -> Any:
        """Box the result of a function that is linear in some arguments."""
        kept = [
            ghost(a) if k in nodes and len(rule.argnums) == 1 else a for k, a in enumerate(args)
        ]

        def pull(slot: int, adjoints: Adjoints) -> None:
            g = adjoints.take(slot)
            if g is ZERO:
                return
            for k, node in nodes.items():
                transpose = rule.transpose[rule.argnums.index(k)]
                adjoints.add(node, fit(transpose(g, *kept, **kwargs), kept[k]))

        return wrap(out, self, self.record(pull))

    def vjp(self, rule: Vjp, out: Any, args: list, kwargs: dict, nodes: dict[int, int]) -> Any:
        """Box the result of a function with explicit vector-Jacobian products."""

        def pull(slot: int, adjoints: Adjoints) -> None:
            g = adjoints.take(slot)
            if g is ZERO:
                return
            for k, node in nodes.items():
                product = rule.vjp[k]
                assert product is not None
                adjoints.add(node, fit(product(g, out, *args, **kwargs), args[k]))

        return wrap(out, self, self.record(pull))

    def primitive(self, rule: Any, out: Any, args: list, nodes: dict[int, int]) -> Any:
        """Box the result of an ad-hoc rule; several outputs share one entry."""

        def pull_back(g: Any, adjoints: Adjoints) -> None:
            cotangents = rule.vjp(g, out, *args)
            if len(cotangents) != len(args):
                raise InputError(
                    f"vjp of {rule.name}: {len(cotangents)} cotangents for {len(args)} arguments"
                )
            if adjoints.careful and dropped is not None:
                cotangents = tuple(map(dead, cotangents, dropped(*args)))
            for k, node in nodes.items():
                if cotangents[k] is not None:
                    adjoints.add(node, fit(cotangents[k], args[k]))

        dropped = getattr(rule, "dropped", None)
        if dropped is not None:
            self.kept.selects = True
        if not isinstance(out, tuple):

            def pull(slot: int, adjoints: Adjoints) -> None:
                g = adjoints.take(slot)
                if g is not ZERO:
                    pull_back(g, adjoints)

            return wrap(out, self, self.record(pull))

        first = len(self.entries) + 1

        def pull_all(slot: int, adjoints: Adjoints) -> None:
            found = [adjoints.take(first + k) for k in range(len(out))]
            if any(g is not ZERO for g in found):
                given = zip(found, out, strict=True)
                pull_back(tuple(np.zeros_like(o) if g is ZERO else g for g, o in given), adjoints)

        self.record(pull_all)
        return tuple(wrap(o, self, self.record(None)) for o in out)

    # Memory

    def zero_node(self, value: Any) -> int:
        """Slot for an array that was a constant so far."""
        return self.record(_drop)

    def copy_node(self, root: Array) -> int:
        """Slot for a copy of an owner."""
        before = root.node
        return self.record(lambda slot, adjoints: _pass_on(slot, before, adjoints))

    def load(self, root: Array, ops: tuple, value: Any) -> int:
        """Slot for what the steps `ops` read from an owner."""
        origin, whole = root.node, root.value
        if len(ops) == 1 and type(ops[0]) is Index and _is_plain_part(whole, value):
            index = ops[0].index
            if type(index) is int or type(index) is slice:
                return self.record((origin, index, whole.shape))
        shape, dtype = shape_of(whole), dtype_of(whole)
        real = dtype.kind == "f"
        if len(ops) == 1 and type(ops[0]) is Index and real and not ops[0].repeats:
            index = ops[0].index

            def pull_part(slot: int, adjoints: Adjoints) -> None:
                g = adjoints.take(slot)
                if g is not ZERO:
                    buffer = adjoints.buffer(origin, shape, dtype, g)
                    buffer[index] += np.real(g) if dtype_of(g).kind == "c" else g

            return self.record(pull_part)

        def pull(slot: int, adjoints: Adjoints) -> None:
            g = adjoints.take(slot)
            if g is not ZERO:
                g = np.real(g) if real and dtype_of(g).kind == "c" else g
                add_at(adjoints.buffer(origin, shape, dtype, g), ops, g)

        return self.record(pull)

    def load_element(self, root: Array, index: Any) -> int:
        """Slot for one real number of an owner."""
        entries = self.entries
        entries.append((root.node, index, root.value.shape))
        return len(entries) - 1

    def store_elements(self, root: Array, elements: dict) -> None:
        """Record that real numbers of an owner were written, one by one."""
        target, shape = root.node, shape_of(root.value)
        places: Any = np.array(list(elements))
        if places.ndim > 1:
            places = tuple(places.T)
        sources = [(v.slot, v.factor) for v in elements.values()]

        def pull(slot: int, adjoints: Adjoints) -> None:
            slots = adjoints.slots
            if slots[target] is ZERO:
                return
            buffer = adjoints.buffer(target, shape, FLOAT64)
            found = buffer[places]
            buffer[places] = 0.0
            if type(found) is np.ndarray:
                found = found.tolist()
            for g, (i, factor) in zip(found, sources, strict=True):
                if i is not None and g is not ZERO:
                    slots[i] = slots[i] + g * factor

        self.entries.append(pull)

    def store(
        self, root: Array, ops: tuple, value: Any, node: int | None, add: float = 0.0
    ) -> None:
        """Record that an owner was written at `ops`, or that `add` times a value was added."""
        if len(ops) == 1 and type(ops[0]) is Index and not add:
            index = ops[0].index
            if (type(index) is int or type(index) is slice) and _is_plain_part(root.value, value):
                self._store_part(root, index, value, node)
                return
        target, shape, dtype = root.node, shape_of(root.value), dtype_of(root.value)
        written = ghost(value)
        stays = None if add or node is None else last_writes(root.value, ops)

        def pull(slot: int, adjoints: Adjoints) -> None:
            if adjoints.slots[target] is ZERO:
                return
            buffer = adjoints.buffer(target, shape, dtype)
            g = read_at(buffer, ops, clear=not add)
            if add < 0.0:
                g = -g
            if node is not None:
                adjoints.add(node, fit(g if stays is None else g * stays, written))

        self.record(pull)

    def scale(self, root: Array, ops: tuple, in_place: Callable[..., Any], factor: Any) -> None:
        """Record that a part of an owner was multiplied (or divided) by constants."""
        target, shape, dtype = root.node, shape_of(root.value), dtype_of(root.value)

        def pull(slot: int, adjoints: Adjoints) -> None:
            if adjoints.slots[target] is not ZERO:
                scale_at(adjoints.buffer(target, shape, dtype), ops, in_place, np.conj(factor))

        self.record(pull)

    def _store_part(self, root: Array, index: Any, value: np.ndarray, node: int | None) -> None:
        """Record that a row or slice of a plain array was written."""
        target, shape, written = root.node, root.value.shape, value.shape

        def pull(slot: int, adjoints: Adjoints) -> None:
            slots = adjoints.slots
            if slots[target] is ZERO:
                return
            buffer = adjoints.buffer(target, shape, FLOAT64)
            g = np.copy(buffer[index]) if node is not None else 0.0
            buffer[index] = 0.0  # first: the array may be written into itself
            if node is not None:
                adjoints.add(node, g if np.shape(g) == written else unbroadcast(g, written))

        self.entries.append(pull)


def _is_plain_part(whole: Any, part: Any) -> bool:
    if type(whole) is not np.ndarray or type(part) is not np.ndarray:
        return False
    return whole.dtype is FLOAT64 and part.dtype is FLOAT64


def _real_arrays(partials: tuple, out: np.ndarray, values: Sequence, nodes: Sequence) -> Any:
    """Entry of an elementwise operation with a plain array of floats as result."""
    parents = []
    for k, node in enumerate(nodes):
        if node is not None and partials[k] is not None:
            parents.append((node, partials[k], values[k]))

    def pull(slot: int, adjoints: Adjoints) -> None:
        slots = adjoints.slots
        g = slots[slot]
        if g is ZERO:
            return
        slots[slot] = ZERO
        for node, partial, value in parents:
            p = partial_value(partial, (*values, out))
            ct = (g if p == 1.0 else -g if p == -1.0 else g * p) if type(p) is float else g * p
            if (
                type(ct) is not np.ndarray
                or type(value) is not np.ndarray
                or ct.shape != value.shape
                or ct.dtype is not FLOAT64
            ):
                if dtype_of(p).kind == "c" and dtype_of(g).kind != "c":
                    raise InputError(
                        "a partial derivative of a function with a real result is complex",
                        hint="check the rule of the function with sciad.check_grads",
                    )
                ct = fit(ct, value)
            if slots[node] is ZERO:
                slots[node] = ct
            else:
                adjoints.add(node, ct)

    return pull


def _many(entry: tuple) -> Callable[[int, Adjoints], None]:
    """Scalar entry with no or more than two parents."""

    def pull(slot: int, adjoints: Adjoints) -> None:
        g = adjoints.take(slot)
        if g is not ZERO:
            for node, partial in zip(entry[::2], entry[1::2], strict=True):
                adjoints.add(node, g * partial)

    return pull


def _drop(slot: int, adjoints: Adjoints) -> None:
    adjoints.take(slot)


def _pass_on(slot: int, before: int, adjoints: Adjoints) -> None:
    g = adjoints.take(slot)
    if g is not ZERO:
        adjoints.owned.discard(slot)
        adjoints.add(before, g)

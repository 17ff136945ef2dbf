"""Forward mode: values carry tangents for several directions at once, along a leading axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sciad.core.adjoints import add_at, scale_at
from sciad.core.buffer import constant, operand
from sciad.core.errors import InputError
from sciad.core.rules import Elementwise, Linear, Vjp
from sciad.core.scalars import partial_value
from sciad.core.steps import Index, locate, scatter, shares
from sciad.core.sweep import sweep
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import (
    Array,
    Scalar,
    Trace,
    dtype_of,
    is_wrapped,
    shape_of,
    wrap,
)

__all__ = ["ForwardTrace"]


class ForwardTrace(Trace):
    """Computes tangents along with the values.

    Parameters
    ----------
    directions : int
        Number of directions; the node of a value of shape ``s`` has shape ``(directions, *s)``.
    """

    shares_nodes = True  # tangents of a result may be those of an argument

    def __init__(self, directions: int) -> None:
        super().__init__()
        self.directions = directions

    def input(self, value: Any, tangents: Any) -> Any:
        """Box an input with its tangents."""
        return wrap(value, self, tangents)

    def keep(self, array: np.ndarray) -> np.ndarray:
        """Tangents are computed at once: nothing is kept."""
        return array

    def scaled(self, tangent: Any, p: float) -> Any:
        """Tangents of a multiple of a real number."""
        return tangent * p

    def scalar2(self, value: Any, s: Any, p: Any, t: Any, q: Any) -> Scalar:
        """Box a real function of two real numbers, with its derivatives."""
        return Scalar(value, self, s * p + t * q)

    # Rules

    def elementwise(
        self, rule: Elementwise, out: Any, values: Sequence, nodes: Sequence, inside: Sequence
    ) -> Any:
        """Box the result of an elementwise function; `inside` are the arguments of the partials."""
        total = None
        shape = shape_of(out)
        with np.errstate(all="ignore"):
            for k, tangents in enumerate(nodes):
                partial = rule.partials[k] if tangents is not None else None
                if partial is not None:
                    slope = partial_value(partial, (*inside, out))
                    part = slope * _aligned(tangents, len(shape))
                    if rule.selects:  # what is dropped does not count, not even if infinite
                        part = np.where(slope == 0, 0.0, part)
                    total = part if total is None else total + part
        return wrap(out, self, self._whole(total, out))

    def _whole(self, tangents: Any, out: Any) -> Any:
        """Tangents with their full shape."""
        full = (self.directions, *shape_of(out))
        if tangents is None:
            return np.zeros(full, dtype_of(out))
        return tangents if shape_of(tangents) == full else np.broadcast_to(tangents, full)

    def linear(self, rule: Linear, out: Any, args: list, kwargs: dict, nodes: dict) -> Any:
        """Box the result of a function that is linear in some arguments."""
        total = None
        for k, tangents in nodes.items():
            if rule.batched is not None and k == 0:
                part = rule.batched(tangents, *args[1:], **kwargs)
            else:
                part = self._each(
                    lambda t, k=k: rule.function(*_put(args, k, t), **kwargs), tangents
                )
            total = part if total is None else total + part
        return wrap(out, self, self._whole(total, out))

    def _each(self, function: Any, tangents: Any) -> Any:
        return np.stack([function(tangents[k]) for k in range(self.directions)])

    def vjp(self, rule: Vjp, out: Any, args: list, kwargs: dict, nodes: dict) -> Any:
        """Box the result of a function with explicit products."""
        total = None
        with np.errstate(all="ignore"):
            for k, tangents in nodes.items():
                product = rule.jvp[k] if rule.jvp is not None else None
                if product is None:
                    product = _transposed(rule, k)
                part = self._each(lambda t, p=product: p(t, out, *args, **kwargs), tangents)
                total = part if total is None else total + part
        return wrap(out, self, self._whole(total, out))

    def primitive(self, rule: Any, out: Any, args: list, nodes: dict) -> Any:
        """Box the result of an ad-hoc rule."""
        tangents = rule.jvp(tuple(nodes.get(k) for k in range(len(args))), out, *args)
        if not isinstance(out, tuple):
            return wrap(out, self, self._checked(rule, tangents, out))
        return tuple(
            wrap(o, self, self._checked(rule, t, o)) for o, t in zip(out, tangents, strict=True)
        )

    def _checked(self, rule: Any, tangents: Any, out: Any) -> Any:
        full = (self.directions, *shape_of(out))
        if tangents is not None and shape_of(tangents) != full:
            raise InputError(
                f"jvp of {rule.name}: tangents of shape {shape_of(tangents)}, expected {full}"
            )
        return self._whole(tangents, out)

    # Memory

    def zero_node(self, value: Any) -> Any:
        """Tangents of an array that was a constant so far."""
        return np.zeros((self.directions, *shape_of(value)), value.dtype)

    def copy_node(self, root: Array) -> Any:
        """Tangents of a copy of an owner."""
        return np.copy(root.node)

    def load(self, root: Array, ops: tuple, value: Any) -> Any:
        """Tangents of what the steps `ops` read."""
        tangents = root.node
        for op in ops:
            tangents = op.batched(tangents)
        return np.copy(tangents) if root.hot else tangents

    def load_element(self, root: Array, index: Any) -> Any:
        """Tangents of one number of an owner."""
        place = (slice(None), *index) if type(index) is tuple else (slice(None), index)
        return np.copy(root.node[place])

    def store_elements(self, root: Array, elements: dict) -> None:
        """Write the tangents of numbers that were written one by one."""
        numbers = list(elements.values())
        if is_wrapped(root.node) or any(is_wrapped(v.slot) for v in numbers):
            for place, v in elements.items():
                self.store(root, (Index(place),), 0.0, None if v.slot is None else v.node)
            return
        none = np.zeros(self.directions)
        new = [none if v.slot is None else v.slot * v.factor for v in numbers]
        places = np.array(list(elements)).reshape(len(numbers), -1).T
        root.node[(slice(None), *places)] = np.array(new).T

    def store(self, root: Array, ops: tuple, value: Any, node: Any, add: float = 0.0) -> None:
        """Write tangents where values were written."""
        if node is not None and is_wrapped(node) and not is_wrapped(root.node):
            root.node = constant(root.node)
        for k in range(self.directions):
            row = root.node[k, ...]
            new = 0.0 if node is None else -node[k] if add < 0.0 else node[k]
            if add:
                add_at(row, ops, new)
                continue
            part, index = locate(row, ops)
            if shares(part, row):
                part[index] = new
            else:
                scatter(row, ops, new, add=False)

    def scale(self, root: Array, ops: tuple, in_place: Any, factor: Any) -> None:
        """Multiply or divide tangents where values were."""
        for k in range(self.directions):
            scale_at(root.node[k, ...], ops, in_place, factor)


def _aligned(tangents: Any, rank: int) -> Any:
    """Tangents with axes of length one after the first, so that they broadcast to `rank`."""
    shape = shape_of(tangents)
    missing = rank + 1 - len(shape)
    if missing <= 0:
        return tangents
    return np.reshape(tangents, (shape[0], *(1,) * missing, *shape[1:]))


def _put(args: list, k: int, value: Any) -> list:
    return [*args[:k], value, *args[k + 1 :]]


def _transposed(rule: Vjp, k: int) -> Any:
    """Forward product of a rule that has a vjp only: the vjp, linear in the cotangent, transposed.

    With h(g) = J^T g, reverse mode through h gives J t at any g.
    """
    vjp = rule.vjp[k]
    assert vjp is not None

    def product(tangent: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
        trace = ReverseTrace()
        entries = trace.entries
        start = trace.input(np.zeros_like(out) if shape_of(out) else np.float64(0.0) * out)
        result = vjp(start, out, *args, **kwargs)
        node = operand(result, trace)[1]
        trace.close()
        if node is None:
            return np.zeros_like(out)
        found = sweep(entries, [(node, tangent)]).slots[0]
        return np.zeros_like(out) + found

    return product

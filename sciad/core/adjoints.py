"""Cotangents during a backward sweep, and the plain arrays a sweep will read."""

from typing import Any

import numpy as np

from sciad.core.buffer import constant
from sciad.core.errors import LostDerivativeError
from sciad.core.steps import has_repeats, locate, scatter, shares
from sciad.core.tracer import FLOAT64, Array, Scalar, dtype_of, is_wrapped, primal_of, shape_of

__all__ = [
    "FLOAT64",
    "ZERO",
    "Adjoints",
    "Kept",
    "add_at",
    "contents",
    "fit",
    "ghost",
    "in_precision",
    "is_real_scalar",
    "read_at",
    "scale_at",
    "times_conjugate",
    "unbroadcast",
]

#: Marks "no cotangent yet"; recognised by identity, adds like a number.
ZERO = float("0")


class Adjoints:
    """Cotangents of all slots during one sweep.

    The first `inputs` slots are those of the inputs, which no entry reads: small matrix products
    and sums over stretched axes are gathered for them and computed together at the end.
    """

    __slots__ = ("careful", "inputs", "outer", "owned", "slots", "stretched")

    def __init__(self, entries: list, careful: bool = False) -> None:
        self.slots: list[Any] = [ZERO] * len(entries)
        self.owned: set[int] = set()
        self.careful = careful  # selections mark what they drop, see `sciad.core.masked`
        self.inputs = next((k for k, entry in enumerate(entries) if entry is not None), 0)
        self.outer: dict[tuple[int, int], tuple[list, list]] = {}
        #: by slot, its shape and the shape to sum
        self.stretched: dict[tuple[int, tuple, tuple], np.ndarray] = {}

    def add(self, slot: int, cotangent: Any) -> None:
        """Add to a slot; in place once the memory is the sweep's own."""
        before = self.slots[slot]
        if before is ZERO:
            self.slots[slot] = cotangent
        elif slot in self.owned and (
            (type(before) is type(cotangent) is np.ndarray and before.dtype is cotangent.dtype)
            or _fits(before, cotangent)
        ):
            before += cotangent
            self.slots[slot] = before
        else:
            self.slots[slot] = before + cotangent
            if type(self.slots[slot]) is np.ndarray:
                self.owned.add(slot)

    def add_part(self, entry: tuple, g: Any) -> None:
        """Add to an element or a slice of a slot; the entry is ``(slot, index, shape)``."""
        slot, index, shape = entry
        if type(g) is np.ndarray:
            if g.dtype is FLOAT64 and self.slots[slot] is ZERO:
                buffer = self.slots[slot] = np.zeros(shape)
                self.owned.add(slot)
                buffer[index] = g
                return
            if g.dtype is not FLOAT64 and g.dtype.kind == "c":
                g = np.real(g)
        elif type(g) is not float and dtype_of(g).kind == "c":
            g = np.real(g)
        buffer = self.slots[slot]
        if slot not in self.owned or type(buffer) is not np.ndarray or is_wrapped(g):
            buffer = self.buffer(slot, shape, FLOAT64, g)
        if type(index) is slice:
            part = buffer[index]
            part += g
        else:
            buffer[index] += g

    def add_outer(self, slot: int, g: np.ndarray, y: np.ndarray) -> None:
        """Add ``g @ y.T``, of matrices or vectors, to an input, sooner or later."""
        key = slot, g.ndim
        gathered = self.outer.get(key)
        if gathered is None:
            gathered = self.outer[key] = [], []
        left, right = gathered
        left.append(g)
        right.append(y)
        if len(left) == _GATHERED:
            self._add_products(key)

    def _add_products(self, key: tuple[int, int]) -> None:
        """Compute the products that were gathered for an input, as one."""
        left, right = self.outer.pop(key)
        if key[1] == 1:
            product = np.array(left).T.dot(np.array(right))
        else:
            product = np.concatenate(left, axis=1).dot(np.concatenate(right, axis=1).T)
        self.add(key[0], product)

    def finish(self) -> None:
        """Add to the inputs what was gathered for them."""
        for key in list(self.outer):
            self._add_products(key)
        for (slot, shape, _), g in self.stretched.items():
            self.add(slot, unbroadcast(g, shape))
        self.stretched.clear()

    def take(self, slot: int) -> Any:
        """Cotangent of a slot that nobody needs afterwards."""
        found = self.slots[slot]
        self.slots[slot] = ZERO
        return found

    def buffer(self, slot: int, shape: tuple, dtype: Any, incoming: Any = None) -> Any:
        """Adjoint of a slot as an array that may be written in place."""
        present = self.slots[slot]
        if present is ZERO:
            present = np.zeros(shape, dtype)
        elif slot not in self.owned:
            if is_wrapped(present):
                present = np.copy(present)
            else:
                present = np.array(present, np.result_type(present, dtype), copy=True, order="C")
        if is_wrapped(incoming) and not is_wrapped(present):
            present = constant(present)
        self.slots[slot] = present
        self.owned.add(slot)
        return present


def _fits(before: Any, cotangent: Any) -> bool:
    """Whether adding in place keeps shape and precision."""
    if type(before) is not np.ndarray:
        return type(before) is Array
    if type(cotangent) is np.ndarray and cotangent.dtype is before.dtype:
        return True
    return not is_wrapped(cotangent) and np.result_type(before, cotangent) == before.dtype


class Kept:
    """Plain arrays that a backward pass will read.

    sciad does not see writes to plain arrays. Small ones are copied; of large ones a fingerprint is
    taken, and a change is reported instead of giving a wrong derivative.
    """

    def __init__(self) -> None:
        self.selects = False  # whether there is a selection among the operations
        self.large: dict[int, tuple[np.ndarray, int]] = {}

    def add(self, array: np.ndarray) -> np.ndarray:
        """Give back the array, or a copy of it, to keep."""
        if array.size <= SMALL:
            return array.copy("K")
        source = _written_through(array)
        if source is not None and id(source) not in self.large:
            self.large[id(source)] = (source, fingerprint(source))
        return array

    def verify(self) -> None:
        """Raise `LostDerivativeError` if a kept array has changed."""
        for array, before in self.large.values():
            if fingerprint(array) != before:
                raise LostDerivativeError(
                    f"a plain array (shape {array.shape}, dtype {array.dtype}) was changed in place"
                    " after it was used with traced values",
                    hint="work on a copy made inside the differentiated function (np.copy)",
                )


def _written_through(array: np.ndarray) -> np.ndarray | None:
    """Array whose content tells whether somebody has written into the memory of `array`.

    None if nobody can. A read-only array may be a view of one that is not.
    """
    source: Any = array
    while isinstance(source, np.ndarray) and not source.flags.writeable:
        source = source.base
    if source is None or type(source) is bytes:
        return None
    return source if isinstance(source, np.ndarray) and source.size < array.size else array


SMALL = 1024
_GATHERED = 64  # products that wait
_LANES = 509


def fingerprint(array: np.ndarray) -> int:
    """Compute a number that depends on all bytes of an array and on their places."""
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    whole = data.size // 8 * 8
    words = data[:whole].view(np.uint64)
    cut = words.size // _LANES * _LANES
    lanes = np.bitwise_xor.reduce(words[:cut].reshape(-1, _LANES), axis=0)
    total = np.add.reduce(words)
    return hash((lanes.tobytes(), int(total), words[cut:].tobytes(), data[whole:].tobytes()))


def contents(array: np.ndarray) -> Any:
    """Give something that changes when an array is written."""
    return array.tobytes() if array.size <= SMALL // 2 else fingerprint(array)


# Cotangents --------------------------------------------------------------------------------------


def is_real_scalar(x: Any) -> bool:
    """Whether a value is a real number, traced below or not (no array)."""
    kind = type(x)
    return (
        kind is float or kind is Scalar or kind is int or issubclass(kind, np.floating | np.integer)
    )


def ghost(value: Any) -> Any:
    """Stand-in with the shape and dtype of a value, and no memory."""
    if type(value) is Array:
        value = primal_of(value)
    if type(value) is np.ndarray:
        return np.ndarray(
            value.shape, value.dtype, bytes(value.dtype.itemsize), 0, (0,) * value.ndim
        )
    return value


def in_precision(value: Any, dtype: np.dtype) -> Any:
    """Take an operand for a partial in the precision of the result, `dtype`.

    Unsigned numbers would wrap around in ``-x``, the logarithm of a float32 would have few digits.
    """
    kind = getattr(value, "dtype", None)
    if kind is None:
        return value
    size = dtype.itemsize // (2 if dtype.kind == "c" else 1)
    if kind.kind in "biu" or (kind.kind == "f" and kind.itemsize < size):
        return value.astype(f"f{size}")
    if kind.kind == "c" and kind.itemsize < 2 * size:
        return value.astype(f"c{2 * size}")
    return value


def times_conjugate(g: Any, partial: Any) -> Any:
    """Product of a cotangent with the conjugate of a partial derivative."""
    if type(partial) is float:
        if partial == 1.0:
            return g
        if partial == -1.0:
            return -g
        return g * partial
    if dtype_of(partial).kind == "c":
        partial = np.conj(partial)
    return g * partial


def fit(cotangent: Any, value: Any) -> Any:
    """Bring a cotangent to the shape of the value it belongs to; real if the value is."""
    if type(cotangent) is float:
        kind = type(value)
        if kind is float or (kind is Scalar and type(value.value) is float):
            return cotangent
    shape = shape_of(value)
    if shape_of(cotangent) != shape:
        cotangent = unbroadcast(cotangent, shape)
    if dtype_of(cotangent).kind == "c" and dtype_of(value).kind != "c":
        cotangent = np.real(cotangent)
    return cotangent


def unbroadcast(cotangent: Any, shape: tuple) -> Any:
    """Sum over the axes along which a value of some shape was repeated."""
    given = shape_of(cotangent)
    extra = len(given) - len(shape)
    if extra < 0:
        if not given:
            return np.broadcast_to(cotangent, shape)
        # a value with axes of length one in front, written into an array without them
        cotangent, extra = np.reshape(cotangent, (1,) * -extra + given), 0
        given = shape_of(cotangent)
    stretched = [k + extra for k, n in enumerate(shape) if n == 1 and given[k + extra] != 1]
    axes = (*range(extra), *stretched)
    if type(cotangent) is np.ndarray:
        return np.add.reduce(cotangent, axes).reshape(shape)
    summed = np.sum(cotangent, axis=axes)
    if shape_of(summed) != shape:
        summed = np.reshape(summed, shape)
    return summed


def add_at(buffer: Any, ops: tuple, g: Any) -> None:
    """Add to the part of an adjoint buffer that the steps `ops` read."""
    part, index = locate(buffer, ops)
    if not shares(part, buffer):
        scatter(buffer, ops, g, add=True)
    elif has_repeats(index):
        np.add.at(part, index, g)
    else:
        part[index] += g


def read_at(buffer: Any, ops: tuple, clear: bool) -> Any:
    """Copy of the part of an adjoint buffer behind `ops`; optionally set it to zero."""
    part, index = locate(buffer, ops)
    found = part[index]
    found = np.copy(found) if shape_of(found) else found + 0.0
    if clear:
        if shares(part, buffer):
            part[index] = 0.0
        else:
            scatter(buffer, ops, 0.0, add=False)
    return found


def scale_at(buffer: Any, ops: tuple, in_place: Any, factor: Any) -> None:
    """Multiply or divide the part of a buffer behind `ops`."""
    part, index = locate(buffer, ops)
    if not shares(part, buffer):
        scatter(buffer, ops, in_place(read_at(buffer, ops, clear=True), factor), add=True)
    elif index is Ellipsis:
        in_place(part, factor)
    else:
        part[index] = in_place(part[index], factor)

"""Derivatives of a compiled function at plain numbers and arrays: no tape, no flattening.

`kinds` gives the type of each argument: float, int, or the number of dimensions of an array of
float64. Whatever does not fit is left to the eager engine: then the answer is NotImplemented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sciad.compiler.chunks import FEWEST, WIDTH, WIDTH_CURVED
from sciad.compiler.nodes import int64, split_of
from sciad.compiler.nodes import row as flat
from sciad.compiler.program import SCALAR, Program

__all__ = ["hessian", "jacobian"]

_UNIT, _STILL = np.ones(1), np.zeros(1)  # compiled code only reads the cotangents it is given


class _Arguments:
    """One call, as compiled code takes it."""

    def __init__(self, program: Program, args: tuple, kinds: tuple):
        self.program, self.args = program, args
        self.place: list[Any] = []  # of an argument: number of its float, or of its buffer
        self.floats: list[float] = []
        self.integers: list[int] = []
        self.buffers: list[np.ndarray] = []
        lengths: list[int] = []
        for arg, kind in zip(args, kinds, strict=True):
            if kind is float:
                self.place.append((0, len(self.floats)))
                self.floats.append(arg)
            elif kind is int:
                self.place.append(None)
                self.integers.append(arg)
            else:
                lengths.extend(arg.shape)
                self.place.append((len(self.buffers) + 1, None))
                self.buffers.append(arg if kind == 1 and arg.flags.carray else flat(arg))
        self.active = [np.array(self.floats, float), *self.buffers]
        self.given = (self.active[0], int64(lengths, self.integers), *self.buffers)

    def run(self, kind: str, *more: np.ndarray) -> tuple:
        """Call compiled code; raise what a status stands for."""
        raw = self.program.compiled(kind, self.given[1])(*self.given, *more)
        status = raw[0] if isinstance(raw, tuple) else raw
        if status:
            raise self.program.failure(kind, int(status))
        return raw[1:] if isinstance(raw, tuple) else ()

    def zeros(self) -> list[np.ndarray]:
        """Give zeros for every input that carries derivatives."""
        return [np.zeros(x.size) for x in self.active]

    def part(self, buffers: list[np.ndarray], k: int) -> Any:
        """Find what belongs to argument k among buffers like the inputs."""
        buffer, number = self.place[k]
        if number is not None:
            return float(buffers[0][number])
        return buffers[buffer].reshape(self.args[k].shape)

    def moves(self, k: int, width: int) -> Iterator[tuple[int, list[list[np.ndarray]]]]:
        """Give unit directions of argument k, `width` at a time: (first, duals for each)."""
        buffer, number = self.place[k]
        size = self.size(k)
        still = self.zeros()
        for start in range(0, size, width):
            block = np.zeros((width, still[buffer].size))
            for row in range(min(width, size - start)):
                block[row, start + row if number is None else number] = 1.0
            yield (
                start,
                [[*still[:buffer], block[row], *still[buffer + 1 :]] for row in range(width)],
            )

    def size(self, k: int) -> int:
        """Count the numbers of argument k."""
        return 1 if self.place[k][1] is not None else int(self.args[k].size)


def _numbers(argnums: Any, args: tuple, kinds: tuple) -> list[int] | None:
    """Argument numbers from 0 on; None if one is missing, repeated or an int."""
    given = [argnums] if isinstance(argnums, int | np.integer) else list(argnums)
    known = [int(k) % len(args) for k in given if -len(args) <= k < len(args)]
    if len(set(known)) < len(given) or any(kinds[k] is int for k in known):
        return None
    return known


def hessian(program: Program, args: tuple, kinds: tuple, argnums: Any) -> Any:
    """Second derivatives with respect to one argument of a function that returns one float."""
    numbers = _numbers(argnums, args, kinds)
    single = isinstance(argnums, int | np.integer)
    if numbers is None or not single or program.layout != SCALAR:
        return NotImplemented
    made, k = _Arguments(program, args, kinds), numbers[0]
    n = made.size(k)
    width = WIDTH_CURVED if n >= FEWEST else 1
    rows = np.empty((n, n))
    for start, duals in made.moves(k, width):
        changes = [made.zeros() for _ in duals]
        pairs = zip(duals, changes, strict=True)
        moved = [x for dual, change in pairs for x in (*dual, _STILL, *change)]
        made.run(f"hvp{width}" if width > 1 else "hvp", _UNIT, *made.zeros(), *moved)
        for row, change in enumerate(changes[: n - start]):
            rows[:, start + row] = np.ravel(made.part(change, k))
    shape = np.shape(args[k])
    return rows.reshape(shape + shape) if shape else float(rows[0, 0])


def jacobian(program: Program, args: tuple, kinds: tuple, argnums: Any, mode: str) -> Any:
    """Differentiate, with respect to one argument, a function that returns a number or array."""
    numbers = _numbers(argnums, args, kinds)
    single = isinstance(argnums, int | np.integer)
    if numbers is None or not single or not _is_array(program.layout):
        return NotImplemented
    made, k = _Arguments(program, args, kinds), numbers[0]
    n = made.size(k)
    if mode == "reverse" or (mode == "auto" and program.layout == SCALAR and n > 1):
        return _by_rows(made, k)
    if mode == "auto" and n > 1 and _outputs(made)[1] < n:
        return _by_rows(made, k)
    return _by_columns(made, k)


def _is_array(layout: Any) -> bool:
    return layout == SCALAR or (layout[0] in ("array", "memory") and layout[-1] != "float32")


def _outputs(made: _Arguments) -> tuple[tuple, int]:
    """Shape and size of the result."""
    (value,) = split_of(made.program).leaves(made.run("value"))
    return np.shape(value), int(np.size(value))


def _columns_of(made: _Arguments, raw: tuple, width: int) -> tuple[tuple, Callable[[int], Any]]:
    """Shape of the result, and the derivatives along direction number d."""
    layout = made.program.layout
    if layout == SCALAR:
        return (), lambda d: raw[1 + d]
    if layout[0] == "array":
        count = int(np.prod(layout[1], dtype=np.int64))
        return tuple(layout[1]), lambda d: raw[count * (d + 1) : count * (d + 2)]
    shape = tuple(int(length) for length in raw[1 : 1 + layout[1]])
    return shape, lambda d: raw[1 + layout[1] + d]


def _by_columns(made: _Arguments, k: int) -> Any:
    n = made.size(k)
    width = WIDTH if n >= FEWEST else 1
    shape: tuple = ()
    found = None
    for start, duals in made.moves(k, width):
        raw = made.run(f"jvp{width}" if width > 1 else "jvp", *(x for dual in duals for x in dual))
        shape, column = _columns_of(made, raw, width)
        if found is None:
            found = np.empty((int(np.prod(shape, dtype=np.int64)), n))
        for d in range(min(width, n - start)):
            found[:, start + d] = column(d)
    if found is None:  # an empty array
        shape = _outputs(made)[0]
        found = np.empty((int(np.prod(shape, dtype=np.int64)), 0))
    return _shaped(found, shape, np.shape(made.args[k]))


def _by_rows(made: _Arguments, k: int) -> Any:
    shape, m = _outputs(made)
    found = np.empty((m, made.size(k)))
    for row in range(m):
        cotangent, bars = np.zeros(m), made.zeros()
        cotangent[row] = 1.0
        made.run("vjp", cotangent, *bars)
        found[row] = np.ravel(made.part(bars, k))
    return _shaped(found, shape, np.shape(made.args[k]))


def _shaped(found: np.ndarray, rows: tuple, columns: tuple) -> Any:
    return found.reshape(rows + columns) if rows + columns else float(found[0, 0])

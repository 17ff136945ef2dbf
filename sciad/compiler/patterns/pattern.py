"""The sparsity of a compiled program: which outputs depend on which inputs, at any point.

The program itself is run on index sets (`setcode`) with the sizes and integers of the call; for the
second derivatives of a number it is the adjoint that is run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sciad.compiler.ir import FLOAT, BufferType, Function
from sciad.compiler.nodes import Call, split_of
from sciad.compiler.patterns.setcode import set_program
from sciad.compiler.program import Program
from sciad.core.errors import CompileError

__all__ = ["hessian_pattern", "jacobian_pattern"]

#: Columns that are followed at once; the sets of a run have so many members at most.
_BLOCK = 16384
#: So many members are found faster one by one.
_FEW = 16


def jacobian_pattern(made: Call, moved: list[int]) -> Any:
    """Pattern of the derivative of all float results with respect to the leaves `moved`.

    Returns
    -------
    scipy.sparse.csr_array of bool
        A row for each number of the results, a column for each number of the leaves.
    """
    program = made.program
    function = program.program()
    run = set_program(function, program.active(function))
    blocks = []
    for seeds in _seeds(made, moved):
        arguments = _arguments(made, seeds)
        blocks.append(_result_rows(program, function, run(*arguments)))
    return _matrix(blocks, _width(made, moved))


def hessian_pattern(made: Call, moved: list[int]) -> Any:
    """Pattern of the second derivatives of a number with respect to the leaves `moved`."""
    program = made.program
    reverse = program.derived("vjp")
    run = set_program(reverse, program.active(program.program()))
    blocks = []
    for seeds in _seeds(made, moved):
        arguments = _arguments(made, seeds)
        last = len(arguments) - len(made.tables)
        bars = [[0] * len(part) for part in (arguments[0], *arguments[2:last])]
        run(*arguments, [0, 0], *bars)
        blocks.append(_leaf_rows(made, moved, bars))
    found = _matrix(blocks, _width(made, moved))
    both = (found.astype(np.int8) + found.astype(np.int8).T).astype(bool)
    return both.tocsr()


def _width(made: Call, moved: list[int]) -> int:
    return sum(_size(made.shapes[k]) for k in moved)


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _seeds(made: Call, moved: list[int]) -> Any:
    """Give the sets of the leaves, a block of columns at a time: {leaf: sets of its elements}."""
    width = _width(made, moved)
    for low in range(0, max(width, 1), _BLOCK):
        column, seeds = -low, {}
        for k in moved:
            size = _size(made.shapes[k])
            inside = range(column, column + size)
            seeds[k] = [1 << j if 0 <= j < _BLOCK else 0 for j in inside]
            column += size
        yield seeds


def _arguments(made: Call, seeds: dict[int, list[int]]) -> list[list[int]]:
    """Make the lists that stand for the buffers of a call."""
    floats: list[int] = []
    arrays = []
    for k, (leaf, shape) in enumerate(zip(made.program.leaves, made.shapes, strict=True)):
        sets = seeds.get(k) or [0] * _size(shape)
        if leaf.ndim:
            arrays.append([*sets, 0])
        else:
            floats += sets
    tables = [[*table.tolist(), 0] for table in made.tables]
    return [[*floats, 0], [*made.integers.tolist(), 0], *arrays, *tables]


def _elements(buffer: list[int]) -> list[int]:
    """Take the sets of a buffer's elements, what goes to every element included."""
    *sets, every = buffer
    return [s | every for s in sets] if every else sets


def _result_rows(program: Program, function: Function, results: tuple) -> list[int]:
    """Collect the sets of the float results, one leaf after the other."""
    if any(r is None and t.type == BufferType(FLOAT) for r, t in _pairs(function, results)):
        raise CompileError(
            f"the sparsity of {program.root.__name__} is not known: the size of its result depends "
            "on floats",
            where=f"{program.root.__code__.co_filename}:{program.root.__code__.co_firstlineno}",
            hint="leave sparse=True out: the dense derivative needs no pattern",
        )
    split = split_of(program)
    scalars = iter(results[: split.scalars])
    buffers = iter(results[split.scalars : split.scalars + split.buffers])
    rows: list[int] = []
    for kind, is_float in zip(split.kinds, split.is_float(), strict=True):
        if kind[0] == "memory":
            rows += _elements(next(buffers))
            continue
        count = 1 if kind[0] == "scalar" else _size(kind[1])
        found = [next(scalars) for _ in range(count)]
        rows += found if is_float else []
    return rows


def _pairs(function: Function, results: tuple) -> Any:
    return zip(results, function.results, strict=True)


def _leaf_rows(made: Call, moved: list[int], bars: list[list[int]]) -> list[int]:
    floats, arrays = iter(_elements(bars[0])), iter(bars[1:])
    rows: list[int] = []
    for k, leaf in enumerate(made.program.leaves):
        sets = _elements(next(arrays)) if leaf.ndim else [next(floats)]
        if k in moved:
            rows += sets
    return rows


def _matrix(blocks: list[list[int]], width: int) -> Any:
    """Write sets of rows, in blocks of columns, as a sparse matrix."""
    from scipy.sparse import csr_array

    indptr, columns = [0], []
    for parts in zip(*blocks, strict=True):
        for number, members in enumerate(parts):
            if members:
                columns += [number * _BLOCK + k for k in _members(members)]
        indptr.append(len(columns))
    data = np.ones(len(columns), dtype=bool)
    return csr_array(
        (data, np.array(columns, dtype=np.int64), np.array(indptr)), shape=(len(indptr) - 1, width)
    )


def _members(members: int) -> list[int]:
    """Numbers of the bits that are set."""
    if members.bit_count() > _FEW:
        raw = np.frombuffer(members.to_bytes(_BLOCK // 8 + 1, "little"), np.uint8)
        return np.flatnonzero(np.unpackbits(raw, bitorder="little")).tolist()
    found = []
    while members:
        lowest = members & -members
        found.append(lowest.bit_length() - 1)
        members ^= lowest
    return found

"""Jacobians: in forward mode many directions at once, in reverse mode one sweep for each output."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sciad.core.accelerated import compiled_derivative
from sciad.core.debugging import is_watching
from sciad.core.errors import InputError
from sciad.core.holomorphic import check_complex, check_holomorphic
from sciad.core.running import ArgNums, Arguments, ForwardRun, ReverseRun, check_request, name_of
from sciad.core.sparse import check_plain, sparse_maker
from sciad.core.tracer import Scalar, dtype_of, is_wrapped, shape_of
from sciad.core.tree import TreeDef, gradient_tree

__all__ = ["jacobian"]

_MODES = {"fwd": "forward", "rev": "reverse"}
#: Numbers that the tangents of the inputs of one run may have, if nothing else is asked for.
_MOST_TANGENTS = 2**23


def jacobian(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    mode: str = "auto",
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    chunk: int | None = None,
    sparse: bool = False,
) -> Callable[..., Any]:
    """Make a function that computes a Jacobian.

    Parameters
    ----------
    fun : callable
        Function of numbers, arrays or trees, with any such output.
    argnums : int or sequence of int
        Argument(s) to differentiate.
    mode : {"auto", "forward", "reverse"}
        Forward runs the program once with all directions; reverse once, and sweeps back for each
        output. "auto" takes reverse if there are fewer outputs than inputs.
    has_aux : bool
        The function returns ``(value, extra)``; the extra part is handed through.
    holomorphic : bool
        Complex in, complex out: the complex derivative. That the function is holomorphic is checked
        (Cauchy-Riemann equations at the point).
    chunk : int, optional
        In forward mode, the most directions that go through the program at once. Memory grows with
        it; the program runs once for each chunk. By default all, as long as the tangents of the
        inputs have at most 2**23 numbers.
    sparse : bool
        Compute a `scipy.sparse.csr_array`: the function is compiled (`sciad.jit`), the sparsity of
        the program is found once for each size of the arguments, and columns (or rows) that share
        no row (column) are computed together; `sciad.sparsity` shows pattern and colouring.

    Returns
    -------
    callable
        With the arguments of `fun`. For an output of shape ``s`` and an argument of shape ``a`` the
        result has shape ``s + a``; with trees, a tree of outputs with trees of arguments as leaves.
        A complex output of a real argument has a complex Jacobian, a real output of a complex
        argument has the rows dy/dRe + i dy/dIm, as `grad`. ``(jacobian, extra)`` with `has_aux`.
        With `sparse` a matrix of shape (all numbers of the output, all numbers of the argument),
        laid flat in order; for several `argnums` a tuple of such matrices.

    Raises
    ------
    InputError
        For a complex output of a complex argument without `holomorphic`, or if the function is not
        holomorphic.
    CompileError
        With `sparse`, if the function cannot be compiled.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_request(fun, argnums, "jacobian")
    mode = _MODES.get(mode, mode)
    if mode not in ("auto", "forward", "reverse"):
        raise InputError(f"jacobian: mode must be 'auto', 'forward' or 'reverse', not {mode!r}")
    if chunk is not None and not (isinstance(chunk, int | np.integer) and chunk > 0):
        raise InputError(f"jacobian: chunk must be a positive int, not {chunk!r}")
    if sparse:
        check_plain("jacobian", has_aux=has_aux, holomorphic=holomorphic, chunk=chunk)
        return sparse_maker("jacobian")(fun, argnums, mode)

    quick = None if has_aux or holomorphic or chunk else compiled_derivative(fun)

    @functools.wraps(fun)
    def matrix(*args: Any, **kwargs: Any) -> Any:
        if quick is not None and not kwargs and not is_watching():
            found = quick("jacobian", args, argnums, mode)
            if found is not NotImplemented:
                return found
        arguments = Arguments(fun, args, kwargs, argnums, "jacobian")
        if holomorphic:
            check_complex(arguments.leaves, arguments.paths(), "jacobian", "argument")
        n_in = sum(_size(v) for v in arguments.leaves)
        blocks: _Blocks
        if mode == "forward" or (mode == "auto" and n_in == 1):
            blocks = _Forward(arguments, chunk, has_aux, holomorphic)
        else:
            run = arguments.reverse(has_aux)
            n_out = sum(_size(v) for v in run.values)
            if mode == "auto" and n_out >= n_in:
                blocks = _Forward(arguments, chunk, has_aux, holomorphic)
            else:
                blocks = _Reverse(arguments, run, holomorphic)
        found = gradient_tree(blocks.treedef, [arguments.gradient(row) for row in blocks.rows()])
        return (found, blocks.extra) if has_aux else found

    return matrix


def _size(x: Any) -> int:
    return int(np.prod(shape_of(x)))


def _is_complex(x: Any) -> bool:
    return dtype_of(x).kind == "c"


class _Blocks:
    """Blocks of a Jacobian, one for each pair of an output and an argument."""

    treedef: TreeDef
    extra: Any

    def __init__(self, arguments: Arguments, holomorphic: bool) -> None:
        self.arguments, self.holomorphic = arguments, holomorphic
        self.name = f"jacobian: {name_of(arguments.fun)}"

    def check_outputs(self, values: list) -> None:
        """Complex outputs of complex arguments need ``holomorphic=True``, and the other way."""
        paths = [f"value{path}" for path in self.treedef.paths()]
        if self.holomorphic:
            check_complex(values, paths, "jacobian", "output")
        elif any(map(_is_complex, values)) and any(map(_is_complex, self.arguments.leaves)):
            raise InputError(
                f"{self.name} returns complex numbers for complex arguments",
                hint="set holomorphic=True, or take real and imaginary parts as arguments and"
                " outputs",
            )

    def combined(self, one: Any, turned: Any) -> Any:
        """Block from the derivatives along 1 and along i of the argument or of the output."""
        if self.holomorphic:
            check_holomorphic([one], [turned], self.name)
            return one
        return one + 1j * turned

    def rows(self) -> Iterator[list]:
        """For each output, its blocks."""
        raise NotImplementedError


class _Forward(_Blocks):
    """Directions pushed through the program, in chunks; complex arguments along 1 and along i."""

    def __init__(
        self, arguments: Arguments, chunk: int | None, has_aux: bool, holomorphic: bool
    ) -> None:
        super().__init__(arguments, holomorphic)
        leaves = arguments.leaves
        self.counts = [_size(leaf) * (2 if _is_complex(leaf) else 1) for leaf in leaves]
        total = sum(self.counts)
        most = chunk or max(1, _MOST_TANGENTS // max(total, 1))
        parts: list[list] = []
        for start in range(0, max(total, 1), most):
            run = self._run(start, min(start + most, total), has_aux)
            if not parts:
                self.treedef, self.extra, self.values = run.treedef, run.extra, run.values
                self.check_outputs(run.values)
            parts.append(run.tangents)
        columns = zip(*parts, strict=True)
        self.tangents = [self._whole(k, column) for k, column in enumerate(columns)]

    def _run(self, start: int, stop: int, has_aux: bool) -> ForwardRun:
        seeds, offset = [], 0
        for leaf, count in zip(self.arguments.leaves, self.counts, strict=True):
            seeds.append(_unit_directions(leaf, range(start - offset, stop - offset), count))
            offset += count
        return ForwardRun(
            self.arguments.run,
            self.arguments.leaves,
            seeds,
            stop - start,
            self.arguments.shared,
            has_aux=has_aux,
            what="jacobian",
            name=name_of(self.arguments.fun),
            others=self.arguments.others,
        )

    def _whole(self, k: int, parts: tuple) -> Any:
        """Tangents of an output for all directions."""
        if any(t is None for t in parts):  # it depends on no argument
            value, leaves = self.values[k], self.arguments.leaves
            dtype = np.result_type(dtype_of(value), *(dtype_of(leaf) for leaf in leaves))
            return np.zeros((sum(self.counts), *shape_of(value)), dtype)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def rows(self) -> Iterator[list]:
        for value, tangents in zip(self.values, self.tangents, strict=True):
            blocks, start = [], 0
            for leaf, count in zip(self.arguments.leaves, self.counts, strict=True):
                block = np.moveaxis(tangents[start : start + count], 0, -1)
                start += count
                if _is_complex(leaf):
                    block = self.combined(block[..., ::2], block[..., 1::2])
                full = shape_of(value) + shape_of(leaf)
                blocks.append(_block(np.reshape(block, full)))
            yield blocks


def _unit_directions(leaf: Any, numbers: range, count: int) -> np.ndarray:
    """Rows of the unit directions of a leaf; zero where a number is not one of its own."""
    seeds = np.zeros((len(numbers), _size(leaf)), dtype_of(leaf))
    for row, number in enumerate(numbers):
        if 0 <= number < count:
            if _is_complex(leaf):
                seeds[row, number // 2] = 1j if number % 2 else 1.0
            else:
                seeds[row, number] = 1.0
    return seeds.reshape(len(numbers), *shape_of(leaf))


class _Reverse(_Blocks):
    """A sweep back for each output; complex outputs along 1 and along i."""

    def __init__(self, arguments: Arguments, run: ReverseRun, holomorphic: bool) -> None:
        super().__init__(arguments, holomorphic)
        self.run, self.treedef, self.extra = run, run.treedef, run.extra
        self.check_outputs(run.values)

    def _pulled(self, k: int, unit: complex) -> list[list]:
        value, found = self.run.values[k], []
        for j in range(_size(value)):
            seed = np.zeros(_size(value), dtype_of(value))
            seed[j] = unit
            seeds = [np.zeros(shape_of(v), dtype_of(v))[()] for v in self.run.values]
            seeds[k] = seed.reshape(shape_of(value))[()]
            found.append(self.run.pull(seeds))
        return found

    def rows(self) -> Iterator[list]:
        for k, value in enumerate(self.run.values):
            along_one = self._pulled(k, 1.0)
            along_i = self._pulled(k, 1j) if _is_complex(value) else None
            yield [
                self._one_block(value, leaf, i, along_one, along_i)
                for i, leaf in enumerate(self.arguments.leaves)
            ]

    def _one_block(
        self, value: Any, leaf: Any, i: int, along_one: list[list], along_i: list[list] | None
    ) -> Any:
        full = shape_of(value) + shape_of(leaf)
        if not along_one:
            return np.zeros(full, np.result_type(dtype_of(value), dtype_of(leaf)))
        block = np.stack([pulled[i] for pulled in along_one])
        if along_i is not None:
            block = self.combined(block, np.stack([pulled[i] for pulled in along_i]))
            if self.holomorphic:
                block = np.conjugate(block)
        return _block(np.reshape(block, full))


def _block(block: Any) -> Any:
    if is_wrapped(block):
        return block if shape_of(block) or type(block) is Scalar else block[()]
    return (
        np.array(block) if np.ndim(block) else float(block) if block.dtype == float else block[()]
    )

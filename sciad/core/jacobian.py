"""Jacobians: in forward mode all directions at once, in reverse mode one sweep for each output."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.errors import InputError
from sciad.core.running import ArgNums, Arguments, ReverseRun, forward_run
from sciad.core.tracer import Scalar, dtype_of, is_wrapped, shape_of
from sciad.core.tree import gradient_tree

__all__ = ["jacobian"]


def jacobian(
    fun: Callable[..., Any], argnums: ArgNums = 0, mode: str = "auto"
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

    Returns
    -------
    callable
        With the arguments of `fun`. For an output of shape ``s`` and an argument of shape ``a`` the
        result has shape ``s + a``; with trees, a tree of outputs with trees of arguments as leaves.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if mode not in ("auto", "forward", "reverse"):
        raise InputError(f"jacobian: mode must be 'auto', 'forward' or 'reverse', not {mode!r}")

    @functools.wraps(fun)
    def matrix(*args: Any, **kwargs: Any) -> Any:
        arguments = Arguments(fun, args, kwargs, argnums, "jacobian")
        if mode == "forward":
            return _forward_jacobian(arguments)
        run = ReverseRun(arguments.run, arguments.leaves, arguments.shared)
        n_out = sum(_size(v) for v in run.values)
        n_in = sum(_size(v) for v in arguments.leaves)
        if mode == "auto" and n_out >= n_in and n_out > 1:
            return _forward_jacobian(arguments)
        return _jacobian_reverse(arguments, run)

    return matrix


def _size(x: Any) -> int:
    return int(np.prod(shape_of(x)))


def _forward_jacobian(arguments: Arguments) -> Any:
    total = sum(_size(leaf) for leaf in arguments.leaves)
    seeds, start = [], 0
    for leaf in arguments.leaves:
        seed = np.zeros((total, _size(leaf)), dtype_of(leaf))
        seed[start : start + _size(leaf)] = np.eye(_size(leaf))
        seeds.append(seed.reshape(total, *shape_of(leaf)))
        start += _size(leaf)
    out_tree, values, found = forward_run(
        arguments.run, arguments.leaves, seeds, total, arguments.shared
    )
    rows = []
    for value, tangents in zip(values, found, strict=True):
        if tangents is None:
            tangents = np.zeros((total, *shape_of(value)), _derivative_type(value, arguments))
        blocks, start = [], 0
        for leaf in arguments.leaves:
            block = np.moveaxis(tangents[start : start + _size(leaf)], 0, -1)
            blocks.append(_block(np.reshape(block, shape_of(value) + shape_of(leaf))))
            start += _size(leaf)
        rows.append(arguments.gradient(blocks))
    return gradient_tree(out_tree, rows)


def _derivative_type(value: Any, arguments: Arguments) -> Any:
    return np.result_type(dtype_of(value), *(dtype_of(leaf) for leaf in arguments.leaves))


def _block(block: Any) -> Any:
    if is_wrapped(block):
        return block if shape_of(block) or type(block) is Scalar else block[()]
    return (
        np.array(block) if np.ndim(block) else float(block) if block.dtype == float else block[()]
    )


def _jacobian_reverse(arguments: Arguments, run: ReverseRun) -> Any:
    rows = []
    for k, value in enumerate(run.values):
        pulled = []
        for j in range(_size(value)):
            seed = np.zeros(_size(value), dtype_of(value))
            seed[j] = 1.0
            seeds = [_zero_seed(v) for v in run.values]
            seeds[k] = seed.reshape(shape_of(value))[()]
            pulled.append(run.pull(seeds))
        blocks = []
        for i, leaf in enumerate(arguments.leaves):
            full = shape_of(value) + shape_of(leaf)
            stacked = np.stack([np.conjugate(p[i]) for p in pulled]) if pulled else np.zeros(full)
            blocks.append(_block(np.reshape(stacked, full)))
        rows.append(arguments.gradient(blocks))
    return gradient_tree(run.treedef, rows)


def _zero_seed(value: Any) -> Any:
    return np.zeros(shape_of(value), dtype_of(value))[()]

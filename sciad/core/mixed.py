"""Forward mode inside reverse mode, for functions of few inputs.

The function is run once with all directions of its arguments. What reverse mode records is one
operation with the Jacobian, whatever the function does inside.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.apply import bind
from sciad.core.buffer import operand
from sciad.core.checkpoint import refuse_writes, tied
from sciad.core.entries import run as run_followed
from sciad.core.errors import TracingError, user_location
from sciad.core.running import ForwardRun, name_of, overlapping
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import dtype_of, level_of, shape_of, top_trace
from sciad.core.tree import flatten, unflatten

__all__ = ["forward_mode"]


def forward_mode(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that is differentiated by forward mode, also inside reverse mode.

    In reverse mode (`sciad.grad` and its sisters) the derivative of a call is computed at once, by
    forward mode, and stored as a Jacobian: nothing of the inside is recorded. That takes less
    memory, and less time if the arguments hold few numbers, say up to ten. The result is the same.

    Parameters
    ----------
    fun : callable
        Function of trees, with any outputs. It may close over traced values; it must not write into
        its arguments.

    Returns
    -------
    callable
        With the arguments of `fun`.

    Raises
    ------
    TracingError
        If the function writes into an array among its arguments.

    Examples
    --------
    >>> import sciad
    >>> @sciad.forward_mode
    ... def newton(a):
    ...     x = a
    ...     for _ in range(50):
    ...         x = 0.5 * (x + a / x)
    ...     return x
    >>> round(sciad.grad(lambda a: newton(a) * a)(4.0), 12)
    3.0

    References
    ----------
    J. Revels, T. Besard, V. Churavy, B. De Sutter, J. P. Vielma, "Dynamic automatic
    differentiation of GPU broadcast kernels", NeurIPS 2018 workshop (mixed mode).
    """

    @functools.wraps(fun)
    def mixed(*args: Any, **kwargs: Any) -> Any:
        leaves, treedef = flatten((args, kwargs))
        trace = top_trace(leaves)
        if type(trace) is not ReverseTrace:
            return run_followed(fun, *args, **kwargs)
        pairs = [operand(leaf, trace) for leaf in leaves]
        active = [k for k, (_, node) in enumerate(pairs) if node is not None]

        def main(moving: list) -> Any:
            full = [value for value, _ in pairs]
            for k, value in zip(active, moving, strict=True):
                full[k] = value
            inner_args, inner_kwargs = unflatten(treedef, full)
            return run_followed(fun, *inner_args, **inner_kwargs)

        inputs = [pairs[k][0] for k in active]
        seeds = _directions(inputs)
        shared = overlapping(inputs, [v for v, node in pairs if node is None])
        run = ForwardRun(main, inputs, seeds, len(seeds[0]), shared, name=name_of(fun))
        if run.written:
            raise TracingError(
                f"{name_of(fun)} is differentiated by sciad.forward_mode and writes into its"
                " argument",
                where=user_location(),
                hint="let it work on a copy: x = x.copy()",
            )
        outer = [*run.values, *(t for t in run.tangents if t is not None)]
        if any(level_of(value) > trace.level for value in outer):
            # it closes over values of an inner transformation, whose derivatives depend on the
            # arguments as well
            return run_followed(fun, *args, **kwargs)
        moving = [leaves[k] for k in active]
        results = [
            value if t is None else bind(_Tangents(name_of(fun), inputs, t, trace), value, *moving)
            for value, t in zip(run.values, run.tangents, strict=True)
        ]
        refuse_writes(results, leaves, tied(run.values, [value for value, _ in pairs]))
        return unflatten(run.treedef, results)

    return mixed


def _directions(leaves: list) -> list[np.ndarray]:
    """Make unit directions of all leaves together; of complex numbers along 1 and along i."""
    counts = [_size(v) * (2 if dtype_of(v).kind == "c" else 1) for v in leaves]
    seeds, start = [], 0
    for leaf, count in zip(leaves, counts, strict=True):
        seed = np.zeros((sum(counts), _size(leaf)), dtype_of(leaf))
        own = seed[start : start + count]
        if dtype_of(leaf).kind == "c":
            own[::2], own[1::2] = np.eye(count // 2), 1j * np.eye(count // 2)
        else:
            own[...] = np.eye(count)
        seeds.append(seed.reshape(sum(counts), *shape_of(leaf)))
        start += count
    return seeds


def _size(x: Any) -> int:
    return int(np.prod(shape_of(x)))


class _Tangents:
    """A value whose derivative with respect to some arguments is known already.

    Parameters
    ----------
    name : str
        Of the function, for messages.
    inputs : list
        The arguments one level down; only shapes and types are looked at.
    tangents : array
        Of the value, for the unit directions of all arguments.
    trace : ReverseTrace
        The transformation; the tangents may depend on its values through a closure, which counts
        in second order only.
    """

    def __init__(self, name: str, inputs: list, tangents: Any, trace: ReverseTrace) -> None:
        self.name = name
        self.like = [(shape_of(v), dtype_of(v).kind == "c", _size(v)) for v in inputs]
        self.tangents = operand(tangents, trace)[0]

    def value(self, out: Any, *moving: Any) -> Any:
        """Give the value, in memory of its own."""
        return np.copy(out) if shape_of(out) else out

    def vjp(self, cotangent: Any, out: Any, *args: Any) -> tuple:
        """Products of the cotangent with the tangents (real inner products)."""
        products = np.conjugate(self.tangents) * cotangent
        axes = tuple(range(1, len(shape_of(products))))
        weights = np.real(np.sum(products, axis=axes) if axes else products)
        found: list[Any] = []
        start = 0
        for shape, is_complex, size in self.like:
            if is_complex:
                part = weights[start : start + 2 * size]
                found.append(np.reshape(part[::2] + 1j * part[1::2], shape))
                start += 2 * size
            else:
                found.append(np.reshape(weights[start : start + size], shape))
                start += size
        return (cotangent, *found)

    def jvp(self, tangents: tuple, out: Any, *args: Any) -> Any:
        """Not asked for: in forward mode the function itself is run."""
        raise AssertionError

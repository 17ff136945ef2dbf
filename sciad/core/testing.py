"""Check derivatives: forward mode against differences, reverse against forward, any order."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sciad.core.dispatch import call
from sciad.core.tracer import dtype_of, shape_of
from sciad.core.transforms import jvp, vjp
from sciad.core.tree import flatten, unflatten

__all__ = ["check_grads"]


def check_grads(
    fun: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    *,
    atol: float = 1e-6,
    rtol: float = 1e-6,
    eps: float = 1e-4,
    seed: int = 0,
) -> None:
    """Compare derivatives with central differences of fourth order, in random directions.

    Forward mode is compared with differences of the function; reverse mode with forward mode, to
    rounding; then the derivatives themselves are checked in the same way, up to `order`.

    Parameters
    ----------
    fun : callable
        Function of trees, smooth around `args`.
    args : sequence
        Its arguments; what is not differentiable in them is held.
    order : int
        Highest order of derivative.
    modes : sequence of {"forward", "reverse"}
        What to check.
    atol, rtol : float
        Tolerance of the comparison with differences.
    eps : float
        Step of the differences.
    seed : int
        Seed of the random directions.

    Raises
    ------
    AssertionError
        Naming the mode, the order and the entry that differs.

    Examples
    --------
    >>> import numpy as np
    >>> check_grads(lambda x: np.sin(x) * x, (np.array([0.3, 1.2]),))
    """
    rng = np.random.default_rng(seed)
    _check(
        fun, tuple(args), order, tuple(modes), (atol, rtol, eps), rng, getattr(fun, "__name__", "f")
    )


def _check(
    fun: Any, args: tuple, order: int, modes: tuple, tolerances: tuple, rng: Any, name: str
) -> None:
    leaves, treedef = flatten(args)

    def flat(*parts: Any) -> list:
        return flatten(call(fun, *unflatten(treedef, parts)))[0]

    direction = [_random_like(leaf, rng) for leaf in leaves]
    _check_forward(flat, leaves, direction, tolerances, name)
    if "reverse" in modes:
        _check_reverse(flat, leaves, direction, rng, name)
    if order < 2:
        return
    if "forward" in modes:
        pushed = _forward_derivative(flat, direction)
        _check(pushed, tuple(leaves), order - 1, modes, tolerances, rng, f"jvp of {name}")
    if "reverse" in modes:
        values = flat(*leaves)
        weights = [_random_like(v, rng) for v in values]
        pulled = _reverse_derivative(flat, weights)
        _check(pulled, tuple(leaves), order - 1, modes, tolerances, rng, f"vjp of {name}")


def _forward_derivative(flat: Any, direction: list) -> Any:
    return lambda *parts: jvp(flat, parts, direction)[1]


def _reverse_derivative(flat: Any, weights: list) -> Any:
    return lambda *parts: list(vjp(flat, *parts)[1](weights))


def _random_like(leaf: Any, rng: Any) -> Any:
    shape, dtype = shape_of(leaf), dtype_of(leaf)
    drawn = rng.standard_normal(shape)
    if dtype.kind == "c":
        drawn = drawn + 1j * rng.standard_normal(shape)
    return drawn.astype(dtype) if shape else dtype.type(drawn)[()]


def _check_forward(flat: Any, leaves: list, direction: list, tolerances: tuple, name: str) -> None:
    atol, rtol, eps = tolerances

    def moved(step: float) -> list:
        return flat(*(leaf + step * d for leaf, d in zip(leaves, direction, strict=True)))

    found = jvp(flat, tuple(leaves), tuple(direction))[1]
    plus, minus, plus2, minus2 = (moved(k * eps) for k in (1, -1, 2, -2))
    for k, tangent in enumerate(found):
        expected = (8.0 * (np.asarray(plus[k]) - minus[k]) - (np.asarray(plus2[k]) - minus2[k])) / (
            12.0 * eps
        )
        _compare(tangent, expected, atol, rtol, f"forward mode of {name}, output {k}")


def _check_reverse(flat: Any, leaves: list, direction: list, rng: Any, name: str) -> None:
    """<w, J v> must be <J^T w, v> (real parts for complex numbers)."""
    tangents = jvp(flat, tuple(leaves), tuple(direction))[1]
    values, pullback = vjp(flat, *leaves)
    weights = [_random_like(v, rng) for v in values]
    cotangents = pullback(weights)
    for k, cotangent in enumerate(cotangents):
        if shape_of(cotangent) != shape_of(leaves[k]):
            raise AssertionError(
                f"reverse mode of {name}: cotangent {k} has shape {shape_of(cotangent)}, the"
                f" argument {shape_of(leaves[k])}"
            )
    left = sum(_inner(w, t) for w, t in zip(weights, tangents, strict=True))
    right = sum(_inner(c, d) for c, d in zip(cotangents, direction, strict=True))
    scale = sum(_size(w, t) for w, t in zip(weights, tangents, strict=True))
    if not abs(left - right) <= 1e-9 * (1.0 + scale):
        raise AssertionError(
            f"reverse mode of {name} disagrees with forward mode: <w, J v> = {left!r},"
            f" <J^T w, v> = {right!r}"
        )


def _inner(a: Any, b: Any) -> float:
    return float(np.sum(np.real(np.conjugate(a) * np.asarray(b))))


def _size(a: Any, b: Any) -> float:
    return float(np.sum(np.abs(a) * np.abs(b)))


def _compare(found: Any, expected: Any, atol: float, rtol: float, where: str) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise AssertionError(f"{where}: shape {found.shape}, expected {expected.shape}")
    error = np.abs(found - expected)
    wrong = ~(error <= atol + rtol * np.abs(expected))
    if np.any(wrong):
        place = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise AssertionError(
            f"{where}: {np.count_nonzero(wrong)} of {wrong.size} entries are wrong; entry {place}"
            f" is {found[place]!r}, differences give {expected[place]!r}"
        )

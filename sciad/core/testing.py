"""Check derivatives: forward mode against differences, reverse against forward, any order.

Three comparisons, in a random direction v and with random weights w of the outputs:

- J v is near the central difference of fourth order of f,
- f(x + h v) - f(x - h v) - 2 h J v falls as h^3 (Taylor), where it is not negligible already,
- <w, J v> = <J^T w, v> to rounding (inner products of real and imaginary parts).

The derivatives w^T J(x) and J(x) v, as functions of x, are then checked in the same way.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sciad.core.entries import run as run_followed
from sciad.core.errors import InputError
from sciad.core.products import jvp, vjp
from sciad.core.running import name_of
from sciad.core.tracer import dtype_of, shape_of
from sciad.core.tree import flatten, unflatten

__all__ = ["check_grads"]

_MODES = {"fwd": "forward", "rev": "reverse", "forward": "forward", "reverse": "reverse"}
#: A Taylor remainder smaller than this part of the tolerance may be rounding.
_NEGLIGIBLE = 0.02
_MOST_SCANNED = 500
#: Part of a derivative below the absolute tolerance that may be wrong.
_SMALL = 1e-4
#: Part of the step that is tried when the differences disagree.
_FINER = 1e-2
#: Size of terms below which forward and reverse mode are compared absolutely: where derivatives
#: cancel, both are rounding.
_CANCELLED = 1e-2


def check_grads(
    fun: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] | str = ("forward", "reverse"),
    *,
    atol: float = 1e-6,
    rtol: float = 1e-6,
    dot_rtol: float = 1e-12,
    eps: float = 1e-4,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Check the derivatives of a function in random directions, and say which entry is wrong.

    Forward mode is compared with central differences of fourth order and by a Taylor test; reverse
    mode with forward mode, to rounding (with differences, if forward mode is not asked for); the
    values of both with those of the plain function. Then the derivatives themselves are checked in
    the same way, up to `order`. Directions are complex for complex arguments. Where the differences
    disagree, a finer step is tried, and one that is relative to the arguments.

    Parameters
    ----------
    fun : callable
        Function of trees, smooth around `args`.
    args : sequence
        Its arguments; what is not differentiable in them is held.
    order : int
        Highest order of derivative.
    modes : sequence of {"forward", "reverse"}
        What to check ("fwd" and "rev" are understood).
    atol, rtol : float
        Tolerance of the comparison with differences; at least 1e-3 for single precision.
    dot_rtol : float
        Tolerance of the comparison of reverse with forward mode, relative to the sum of the
        magnitudes of the terms; at least 1e-5 for single precision.
    eps : float
        Step of the differences, relative to a direction with entries of size one; at least 0.02 for
        single precision.
    seed : int
        Seed of the random directions.
    kwargs : mapping, optional
        Arguments passed by name; they are held.

    Raises
    ------
    AssertionError
        Naming mode, order, argument and entry, what was found and what was expected.
    InputError
        For an unknown mode or order.

    Examples
    --------
    >>> import numpy as np
    >>> check_grads(lambda x: np.sin(x) * x, (np.array([0.3, 1.2]),))

    References
    ----------
    A. Griewank, A. Walther, "Evaluating Derivatives", SIAM 2008, sections 2 and 3 (products with
    the Jacobian from both sides).
    """
    given = (modes,) if isinstance(modes, str) else tuple(modes)
    if not given or any(mode not in _MODES for mode in given):
        raise InputError(f"check_grads: modes must be 'forward' and 'reverse', not {modes!r}")
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise InputError(f"check_grads: order must be a positive int, not {order!r}")
    if not isinstance(args, list | tuple):
        raise InputError("check_grads: args must be a tuple with one entry for each argument")
    leaves, treedef = flatten(tuple(args))
    if not leaves:
        raise InputError("check_grads: the arguments have nothing to differentiate")

    def flat(*parts: Any) -> list:
        return flatten(run_followed(fun, *unflatten(treedef, parts), **dict(kwargs or {})))[0]

    single = any(dtype_of(leaf).itemsize <= (8 if _is_complex(leaf) else 4) for leaf in leaves)
    rules = _Tolerances(
        *(max(atol, 1e-3), max(rtol, 1e-3), max(dot_rtol, 1e-5), max(eps, 0.02))
        if single
        else (atol, rtol, dot_rtol, eps),
        single,
    )
    wanted = frozenset(_MODES[mode] for mode in given)
    paths = list(treedef.paths("args"))
    rng = np.random.default_rng(seed)
    _check(_Case(flat, leaves, paths, name_of(fun), rules, wanted, rng), order)


@dataclass(frozen=True)
class _Tolerances:
    atol: float
    rtol: float
    dot: float
    eps: float
    single: bool
    scale: float | None = None  # of the values, where tolerances are relative to it

    def limit(self, size: float) -> float:
        """Absolute tolerance for derivatives of which the largest has a size."""
        return self.atol if self.scale is None else self.atol * max(size, self.scale)


@dataclass(frozen=True)
class _Case:
    """A function of numbers and arrays that returns a list of them, at a point."""

    flat: Callable[..., list]
    leaves: list
    paths: list[str]
    name: str
    tolerances: _Tolerances
    modes: frozenset[str]
    rng: Any

    def derived(self, flat: Any, name: str) -> "_Case":
        """Take another function at the same point."""
        return _Case(flat, self.leaves, self.paths, name, self.tolerances, self.modes, self.rng)

    def with_step(self, eps: float) -> "_Case":
        """Take another step of the differences."""
        return replace(self, tolerances=replace(self.tolerances, eps=eps))

    def relative(self) -> "_Case":
        """Take tolerances as for directions that are as large as the arguments."""
        values = self.moved(self.leaves, 0.0)
        scale = max((float(np.max(np.abs(v), initial=0.0)) for v in values), default=0.0)
        return replace(self, tolerances=replace(self.tolerances, scale=scale))

    def pushed(self, direction: Sequence[Any]) -> list:
        """J v by forward mode."""
        return jvp(self.flat, tuple(self.leaves), tuple(direction))[1]

    def moved(self, direction: Sequence[Any], step: float) -> list:
        """Value at a point nearby."""
        pairs = zip(self.leaves, direction, strict=True)
        with np.errstate(all="ignore"):  # it may leave the domain of the function
            return [np.asarray(v) for v in self.flat(*(_moved(x, step, d) for x, d in pairs))]

    def differences(self, direction: Sequence[Any]) -> list[np.ndarray]:
        """J v by central differences of fourth order."""
        h = self.tolerances.eps
        values = [self.moved(direction, k * h) for k in (1, -1, 2, -2)]
        return [(8.0 * (a - b) - (c - d)) / (12.0 * h) for a, b, c, d in zip(*values, strict=True)]

    def units(self, k: int) -> Iterator[tuple[str, list]]:
        """Directions along the entries of leaf `k`, with their names."""
        zeros = [np.zeros(shape_of(x), dtype_of(x))[()] for x in self.leaves]
        for place in list(np.ndindex(*shape_of(self.leaves[k])))[:_MOST_SCANNED]:
            for unit in (1.0, 1j) if _is_complex(self.leaves[k]) else (1.0,):
                one = np.zeros(shape_of(self.leaves[k]), dtype_of(self.leaves[k]))
                one[place] = unit
                shown = f" entry {place}" if place else ""
                part = {1.0: "", 1j: " (imaginary part)"}[unit]
                yield shown + part, [*zeros[:k], one[()], *zeros[k + 1 :]]


def _is_complex(leaf: Any) -> bool:
    return dtype_of(leaf).kind == "c"


def _moved(leaf: Any, step: float, direction: Any) -> Any:
    moved = leaf + step * direction
    if isinstance(leaf, np.ndarray):
        return np.asarray(moved)  # arithmetic makes numbers of arrays without axes
    return type(leaf)(moved) if isinstance(leaf, float | complex) else moved


def _check(case: _Case, order: int) -> None:
    direction = [_random_like(leaf, case.rng) for leaf in case.leaves]
    try:
        weights = _compare(case, direction)
    except AssertionError as error:
        weights = _compare_again(case, direction, error)
    if order < 2:
        return
    if "forward" in case.modes:
        pushed = lambda *parts: jvp(case.flat, parts, tuple(direction))[1]
        _check(case.derived(pushed, f"jvp of {case.name}"), order - 1)
    if "reverse" in case.modes:
        _check(case.derived(_Pulled(case.flat, weights), f"vjp of {case.name}"), order - 1)


def _compare(case: _Case, direction: list) -> list:
    """Compare the first derivatives; give the random weights of the outputs."""
    expected = case.differences(direction)
    weights = [_random_like(value, case.rng) for value in expected]
    if "forward" in case.modes:
        _check_forward(case, direction, expected)
    if "reverse" in case.modes:
        _check_reverse(case, direction, expected, weights)
    return weights


def _compare_again(case: _Case, direction: list, error: AssertionError) -> list:
    """Compare with other steps."""
    if case.tolerances.single:
        raise error
    scaled = [d * _sizes(x) for d, x in zip(direction, case.leaves, strict=True)]
    for other, along in (
        (case.with_step(_FINER * case.tolerances.eps), direction),  # a kink or a tie may be near
        (case.relative(), scaled),  # the arguments may be very large or very small
    ):
        with contextlib.suppress(AssertionError):
            return _compare(other, along)
    raise error


def _sizes(leaf: Any) -> Any:
    """Magnitudes of the numbers in a leaf, none much smaller than the largest."""
    sizes = np.abs(leaf)
    largest = np.max(sizes, initial=0.0)
    return np.maximum(sizes, 1e-3 * largest if largest else 1.0)


@dataclass(frozen=True)
class _Pulled:
    """Cotangents of a function's inputs; those of its outputs vary with them."""

    flat: Callable[..., list]
    weights: list

    def __call__(self, *parts: Any) -> list:
        values, pullback = vjp(self.flat, *parts)
        return list(pullback([w * v for w, v in zip(self.weights, values, strict=True)]))


def _random_like(leaf: Any, rng: Any) -> Any:
    shape, dtype = shape_of(leaf), dtype_of(leaf)
    drawn = rng.standard_normal(shape)
    if dtype.kind == "c":
        drawn = drawn + 1j * rng.standard_normal(shape)
    return drawn.astype(dtype) if shape else dtype.type(drawn)[()]


# Forward mode ------------------------------------------------------------------------------------


def _check_forward(case: _Case, direction: list, expected: list) -> None:
    values, found = jvp(case.flat, tuple(case.leaves), tuple(direction))
    _check_values(case, values, "forward")
    if len(found) != len(expected):
        raise AssertionError(
            f"forward mode of {case.name}: {len(found)} tangents for {len(expected)} outputs"
        )
    for k, (tangent, difference) in enumerate(zip(found, expected, strict=True)):
        where = f"forward mode of {case.name}, output {k}"
        message = _differing(tangent, difference, case.tolerances, where)
        if message is not None:
            raise AssertionError(message + _wrong_input(case, k))
    if not case.tolerances.single:
        _check_taylor(case, direction, found)
        _check_small(case, direction, found, expected)


def _check_small(case: _Case, direction: list, found: list, expected: list) -> None:
    """Look at derivatives below the absolute tolerance, where differences can tell them."""
    atol = case.tolerances.limit(0.0)
    small = [k for k, d in enumerate(expected) if 0.0 < np.max(np.abs(d), initial=0.0) < 1e3 * atol]
    coarse = case.with_step(2.0 * case.tolerances.eps).differences(direction) if small else []
    for k in small:
        size = np.max(np.abs(expected[k]))
        if np.max(np.abs(coarse[k] - expected[k])) < 0.1 * _SMALL * size:
            strict = replace(case.tolerances, atol=_SMALL * size, scale=None)
            where = f"forward mode of {case.name}, output {k}"
            message = _differing(found[k], expected[k], strict, where)
            if message is not None:
                raise AssertionError(message)


def _check_values(case: _Case, values: list, mode: str) -> None:
    """Raise if differentiated code computes something else than the plain function."""
    plain = case.moved(case.leaves, 0.0)
    pairs = zip(values, plain, strict=True)
    for k, (found, expected) in enumerate(pairs):
        where = f"{mode} mode of {case.name}, value of output {k}"
        message = _differing(found, expected, case.tolerances, where, "the plain function gives")
        if message is not None:
            raise AssertionError(message)


def _differing(
    found: Any,
    expected: Any,
    tolerances: _Tolerances,
    where: str,
    source: str = "differences give",
) -> str | None:
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return f"{where}: shape {found.shape}, expected {expected.shape}"
    error = np.abs(found - expected)
    limit = tolerances.limit(np.max(np.abs(expected), initial=0.0))
    wrong = ~(error <= limit + tolerances.rtol * np.abs(expected))
    if not np.any(wrong):
        return None
    place = tuple(int(k) for k in np.argwhere(wrong)[0])
    return (
        f"{where}: {np.count_nonzero(wrong)} of {wrong.size} entries are wrong; entry {place} is"
        f" {found[place]!r}, {source} {expected[place]!r}"
        f" ({_off(found[place], expected[place])})"
    )


def _off(found: Any, expected: Any) -> str:
    error = abs(found - expected)
    relative = f", {error / abs(expected):.2g} of it" if expected else ""
    return f"off by {error:.3g}{relative}"


def _wrong_input(case: _Case, output: int) -> str:
    """Where the derivative of an output is wrong: argument and entry."""
    for k, path in enumerate(case.paths):
        for name, unit in case.units(k):
            found = case.pushed(unit)[output]
            expected = case.differences(unit)[output]
            message = _differing(found, expected, case.tolerances, f"\n  along {path}{name}")
            if message is not None:
                return message
    return "\n  along single entries of the arguments it is right: not linear in the direction"


def _check_taylor(case: _Case, direction: list, found: list) -> None:
    tolerances, h = case.tolerances, case.tolerances.eps
    near = [case.moved(direction, s * h) for s in (1, -1)]
    far = [case.moved(direction, s * 2 * h) for s in (1, -1)]
    for k, tangent in enumerate(found):
        small = np.max(np.abs(near[0][k] - near[1][k] - 2 * h * tangent), initial=0.0) / (2 * h)
        large = np.max(np.abs(far[0][k] - far[1][k] - 4 * h * tangent), initial=0.0) / (4 * h)
        size = np.max(np.abs(tangent), initial=0.0)
        least = _NEGLIGIBLE * (tolerances.limit(size) + tolerances.rtol * size)
        if small > least and large < 2.0 * small:
            slope = np.log2(max(large / small, 1e-300))
            raise AssertionError(
                f"forward mode of {case.name}, output {k}: the error of the linear approximation"
                f" falls as h^{slope:.2f}, expected h^2 (from {large:.3g} to {small:.3g} when h is"
                " halved): the derivative is slightly wrong, or the function is not smooth here"
            )


# Reverse mode ------------------------------------------------------------------------------------


def _check_reverse(case: _Case, direction: list, expected: list, weights: list) -> None:
    values, pullback = vjp(case.flat, *case.leaves)
    _check_values(case, values, "reverse")
    cotangents = pullback(weights)
    for k, cotangent in enumerate(cotangents):
        if shape_of(cotangent) != shape_of(case.leaves[k]):
            raise AssertionError(
                f"reverse mode of {case.name}: the cotangent of {case.paths[k]} has shape"
                f" {shape_of(cotangent)}, the argument {shape_of(case.leaves[k])}"
            )
    by_forward = "forward" in case.modes
    tangents = case.pushed(direction) if by_forward else expected
    left, right = _inner(weights, tangents), _inner(cotangents, direction)
    if _same(case, left, right, _size(weights, tangents) + _size(cotangents, direction)):
        return
    other = "forward mode" if by_forward else "differences"
    raise AssertionError(
        f"reverse mode of {case.name} disagrees with {other}: <w, J v> = {left!r},"
        f" <J^T w, v> = {right!r} ({_off(right, left)})" + _wrong_entry(case, weights, cotangents)
    )


def _same(case: _Case, left: float, right: float, size: float) -> bool:
    tolerances = case.tolerances
    if "forward" in case.modes:
        return abs(left - right) <= tolerances.dot * max(size, _CANCELLED)
    return abs(left - right) <= tolerances.atol + tolerances.rtol * size


def _wrong_entry(case: _Case, weights: list, cotangents: Sequence[Any]) -> str:
    """Argument and entry whose cotangent is not what the other side says."""
    for k, path in enumerate(case.paths):
        for name, unit in case.units(k):
            by_forward = "forward" in case.modes
            tangents = case.pushed(unit) if by_forward else case.differences(unit)
            left, right = _inner(weights, tangents), _inner(cotangents, unit)
            size = _size(weights, tangents) + _size(cotangents, unit)
            if not _same(case, left, right, size):
                return (
                    f"\n  the cotangent of {path}{name} is {right!r}, expected {left!r}"
                    f" ({_off(right, left)})"
                )
    return ""


def _inner(a: Sequence[Any], b: Sequence[Any]) -> float:
    return sum(
        float(np.sum(np.real(np.conjugate(x) * np.asarray(y)))) for x, y in zip(a, b, strict=True)
    )


def _size(a: Sequence[Any], b: Sequence[Any]) -> float:
    return sum(float(np.sum(np.abs(x) * np.abs(y))) for x, y in zip(a, b, strict=True))

"""Products with the Jacobian: pullbacks, pushforwards, and the linear map at a point."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from sciad.core.adjoints import ghost
from sciad.core.entries import run as run_followed
from sciad.core.errors import InputError
from sciad.core.matching import Fit, matching
from sciad.core.running import ForwardRun, ReverseRun, name_of, overlapping
from sciad.core.tracer import dtype_of, is_wrapped, primal_of, shape_of
from sciad.core.tree import flatten, gradient_tree, unflatten

__all__ = ["jvp", "linearize", "vjp"]


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Value of a function, and its pullback.

    Parameters
    ----------
    fun : callable
        The function.
    *primals : trees
        Its arguments.
    has_aux : bool
        The function returns ``(value, extra)``; the extra part is handed through.

    Returns
    -------
    value : tree
        ``fun(*primals)``.
    pullback : callable
        ``pullback(cotangent)``: a cotangent shaped like the value (``None`` for zero) gives a tuple
        with one cotangent for each primal. It may be called many times.
    extra : object
        With `has_aux` only.

    Raises
    ------
    InputError
        By the pullback, if the cotangent does not have the structure and shapes of the value.

    Examples
    --------
    >>> value, pullback = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> value, pullback(1.0)
    (12.0, (4.0, 3.0))
    """
    trees = [flatten(p) for p in primals]
    # the pullback may be called after the caller has changed his arrays in place
    given = [leaf for part, _ in trees for leaf in part]
    leaves = [_copied(leaf) if type(leaf) is np.ndarray else leaf for leaf in given]

    def split(flat: list) -> list[list]:
        parts, start = [], 0
        for part, _ in trees:
            parts.append(flat[start : start + len(part)])
            start += len(part)
        return parts

    def main(boxed: list) -> Any:
        parts = zip(split(boxed), trees, strict=True)
        return run_followed(fun, *[unflatten(treedef, part) for part, (_, treedef) in parts])

    def paths() -> list[str]:
        return [path for k, (_, tree) in enumerate(trees) for path in tree.paths(f"primals[{k}]")]

    run = ReverseRun(
        main,
        leaves,
        overlapping(given),
        has_aux=has_aux,
        what="vjp",
        name=name_of(fun),
        paths=paths,
        given=given,
        others=(fun,),
    )
    value = run.value()
    like = run.values = [ghost(v) for v in run.values]  # shapes are enough from here on

    def pullback(cotangent: Any) -> tuple:
        seeds = matching(cotangent, run.treedef, like, Fit("the pullback of vjp", held=False))
        parts = zip(split(run.pull(seeds)), trees, strict=True)
        return tuple(gradient_tree(treedef, part) for part, (_, treedef) in parts)

    return (value, pullback, run.extra) if has_aux else (value, pullback)


def _copied(array: np.ndarray) -> np.ndarray:
    """Copy with the strides of the original: whether a reshape of it is a view depends on them."""
    if array.flags.forc:
        return array.copy("K")
    low, high = byte_bounds(array)
    offset = array.__array_interface__["data"][0] - low
    memory = np.empty(high - low, np.uint8)
    made = np.ndarray(array.shape, array.dtype, memory, offset, array.strides)
    made[...] = array
    return made


def jvp(
    fun: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> Any:
    """Value of a function and its derivative in a direction.

    Parameters
    ----------
    fun : callable
        The function.
    primals : sequence of trees
        Its arguments.
    tangents : sequence of trees
        The direction, one tree for each argument; ``None`` for zero.
    has_aux : bool
        The function returns ``(value, extra)``; the extra part is handed through.

    Returns
    -------
    value, tangent : trees
        Both shaped like the output; the tangent has ``None`` for what is no number or array of
        floats.
    extra : object
        With `has_aux` only.

    Raises
    ------
    InputError
        If the tangents do not have the structure and the shapes of the primals.

    Examples
    --------
    >>> jvp(lambda x: x**3, (2.0,), (1.0,))
    (8.0, 12.0)
    """
    primals, tangents = _sequence(primals, "primals"), _sequence(tangents, "tangents")
    leaves, treedef = flatten(primals)
    directions = matching(tangents, treedef, leaves, Fit("the tangents of jvp", held=True))

    def main(boxed: list) -> Any:
        return run_followed(fun, *unflatten(treedef, boxed))

    run = ForwardRun(
        main,
        leaves,
        [_add_axis(t, leaf) for t, leaf in zip(directions, leaves, strict=True)],
        1,
        overlapping(leaves),
        has_aux=has_aux,
        name=name_of(fun),
        others=(fun,),
    )
    results = [
        _zero(value) if t is None else _tangent_like(t[0], value)
        for t, value in zip(run.tangents, run.values, strict=True)
    ]
    value, tangent = run.value(), gradient_tree(run.treedef, results)
    return (value, tangent, run.extra) if has_aux else (value, tangent)


def _sequence(given: Any, name: str) -> tuple:
    if not isinstance(given, list | tuple):
        raise InputError(
            f"jvp: {name} must be a tuple with one entry for each argument, not"
            f" {type(given).__name__}",
            hint="write (x,) for one argument",
        )
    return tuple(given)


def _add_axis(tangent: Any, leaf: Any) -> Any:
    if is_wrapped(tangent):
        return np.reshape(tangent, (1, *shape_of(tangent)))
    return np.array(tangent, dtype_of(leaf))[None]


def _zero(value: Any) -> Any:
    plain = primal_of(value)
    return 0.0 if type(plain) is float else np.zeros_like(plain)[()]


def _tangent_like(tangent: Any, value: Any) -> Any:
    if is_wrapped(tangent):
        return tangent
    if dtype_of(tangent).kind == "c" and dtype_of(value).kind != "c":
        raise InputError(
            "jvp: the tangent of a real value is complex: a rule on the way has a partial or a"
            " jvp that is complex for real numbers",
            hint="sciad.check_grads tells where it is",
        )
    if type(primal_of(value)) is float:
        return float(tangent)
    return np.array(tangent, dtype_of(value))[()]


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Value of a function and its derivative at a point, as a linear map.

    The function is run once. The map is worked out from what that run recorded: its pullback, which
    is linear in the cotangent, is transposed. It costs about one pullback, however often it is
    used.

    Parameters
    ----------
    fun : callable
        The function.
    *primals : trees
        The point.
    has_aux : bool
        The function returns ``(value, extra)``; the extra part is handed through.

    Returns
    -------
    value : tree
        ``fun(*primals)``.
    pushforward : callable
        ``pushforward(*tangents)``: the tangent of the value for one tangent per primal.
    extra : object
        With `has_aux` only.

    Examples
    --------
    >>> value, pushforward = linearize(lambda x, y: x * y, 3.0, 4.0)
    >>> value, pushforward(1.0, 0.0), pushforward(0.0, 1.0)
    (12.0, 4.0, 3.0)
    """
    value, pullback, *extra = vjp(fun, *primals, has_aux=has_aux)
    leaves, treedef = flatten(value)
    shapes, structure = flatten(primals)
    zeros = [_zero(leaf) for leaf in leaves]
    like = [ghost(leaf) for leaf in shapes]

    def pulled(*cotangents: Any) -> list:
        return flatten(pullback(unflatten(treedef, cotangents)))[0]

    _, transposed = vjp(pulled, *zeros)

    def pushforward(*tangents: Any) -> Any:
        fit = Fit("the linear map of linearize", held=True)
        directions = matching(tangents, structure, like, fit)
        return gradient_tree(treedef, list(transposed(directions)))

    return (value, pushforward, *extra)

"""Transformations of functions: gradients, products with the Jacobian, Jacobians, Hessians.

Names and argument order are those of JAX. Arguments may be trees (dicts, lists, tuples,
dataclasses...); a gradient has the structure of its argument, with ``None`` in the place of what
cannot be differentiated.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sciad.core.dispatch import call
from sciad.core.errors import InputError
from sciad.core.jacobian import jacobian
from sciad.core.running import (
    ArgNums,
    Arguments,
    ReverseRun,
    described,
    forward_run,
    name_of,
    overlapping,
)
from sciad.core.tracer import (
    FLOAT64,
    Array,
    Scalar,
    dtype_of,
    is_wrapped,
    primal_of,
    shape_of,
    trace_of,
)
from sciad.core.tree import TreeDef, flatten, gradient_tree, tree_map, unflatten

__all__ = [
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]


def _plain_value(x: Any) -> Any:
    """Arrays of traced code without a trace become plain arrays."""
    return primal_of(x) if type(x) is Array and trace_of(x) is None else x


def _scalar_output(fun: Any, outputs: list, treedef: TreeDef, what: str, holomorphic: bool) -> Any:
    if treedef.kind is not None or shape_of(outputs[0]) != ():
        shown = "a " + treedef.kind.__name__ if treedef.kind is not None else "an array"
        shape = "" if treedef.kind is not None else f" of shape {shape_of(outputs[0])}"
        if treedef.kind is tuple and treedef.meta == "constant":
            shown = described(treedef.children[0].value)
        raise InputError(
            f"{what}: {name_of(fun)} must return a real number, it returned {shown}{shape}",
            hint="use sciad.jacobian, or has_aux=True for (value, extra) pairs",
        )
    if dtype_of(outputs[0]).kind == "c" and not holomorphic:
        raise InputError(
            f"{what}: {name_of(fun)} returned a complex number",
            hint="return a real number such as abs(z)**2, or set holomorphic=True",
        )
    return outputs[0]


# Gradients ---------------------------------------------------------------------------------------


def value_and_grad(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Make a function that computes a value and its gradient.

    Parameters
    ----------
    fun : callable
        Function that returns a real number (or a pair of it and anything, with `has_aux`).
    argnums : int or sequence of int
        Positional argument(s) to differentiate.
    has_aux : bool
        The function returns ``(value, extra)``; the extra part is handed through.
    holomorphic : bool
        Complex in, complex out: the complex derivative.

    Returns
    -------
    callable
        With the arguments of `fun`, giving ``(value, gradient)`` or
        ``((value, extra), gradient)``. The gradient has the structure of the argument (a tuple of
        them for a sequence of `argnums`). For complex arguments of a real function it is
        dL/dRe + i dL/dIm.

    Raises
    ------
    InputError
        If an argument has nothing to differentiate or the output is not a number.

    Examples
    --------
    >>> import numpy as np
    >>> f = lambda p: p["a"] * np.sum(p["x"] ** 2)
    >>> value_and_grad(f)({"a": 3.0, "x": np.array([1.0, 2.0])})
    (np.float64(15.0), {'a': 5.0, 'x': array([ 6., 12.])})
    """

    @functools.wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        arguments = Arguments(fun, args, kwargs, argnums, "grad")
        extra: list[Any] = []

        def main(leaves: list) -> Any:
            result = arguments.run(leaves)
            if not has_aux:
                return result
            if not (isinstance(result, tuple) and len(result) == 2):
                raise InputError(f"grad: has_aux=True, but {name_of(fun)} returned no pair")
            extra.append(result[1])
            return result[0]

        run = ReverseRun(main, arguments.leaves, arguments.shared)
        value = _scalar_output(fun, run.values or [None], run.treedef, "grad", holomorphic)
        dtype = dtype_of(value)
        seed = 1.0 if dtype is FLOAT64 else dtype.type(1.0)
        pulled = run.pull([seed])
        if holomorphic:
            pulled = [np.conjugate(g) for g in pulled]
        result = _plain_value(value)
        if has_aux:
            result = (result, stop_gradient(extra[0]))
        return result, arguments.gradient(pulled)

    return gradient


def grad(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Make a function that computes the gradient of a function with a real output.

    Parameters
    ----------
    fun, argnums, has_aux, holomorphic
        As for `value_and_grad`.

    Returns
    -------
    callable
        Giving the gradient, or ``(gradient, extra)`` with `has_aux`.

    Notes
    -----
    A number that is read back from text has no derivative. ``float(str(x))`` and
    ``float(f"{x}")`` raise, but text that was joined with other text or cut cannot be told from
    any other: ``float("1" + str(x))`` is a constant.

    Examples
    --------
    >>> import math
    >>> grad(math.sin)(0.0)
    1.0
    """
    both = value_and_grad(fun, argnums, has_aux, holomorphic)

    @functools.wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


# Products with the Jacobian ----------------------------------------------------------------------


def vjp(fun: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple]]:
    """Value of a function, and its pullback.

    Parameters
    ----------
    fun : callable
        The function.
    *primals : trees
        Its arguments.

    Returns
    -------
    value : tree
        ``fun(*primals)``.
    pullback : callable
        ``pullback(cotangent)``: a cotangent shaped like the value gives a tuple with one cotangent
        for each primal. It may be called many times.

    Examples
    --------
    >>> value, pullback = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> value, pullback(1.0)
    (12.0, (4.0, 3.0))
    """
    trees = [flatten(p) for p in primals]
    # the pullback may be called after the caller has changed his arrays in place
    given = [leaf for part, _ in trees for leaf in part]
    leaves = [leaf.copy() if type(leaf) is np.ndarray else leaf for leaf in given]

    def main(boxed: list) -> Any:
        args, start = [], 0
        for part, treedef in trees:
            args.append(unflatten(treedef, boxed[start : start + len(part)]))
            start += len(part)
        return call(fun, *args)

    run = ReverseRun(main, leaves, overlapping(given))

    def pullback(cotangent: Any) -> tuple:
        seeds = _matching(cotangent, run.values, "vjp")
        pulled, start, found = run.pull(seeds), 0, []
        for part, treedef in trees:
            found.append(gradient_tree(treedef, pulled[start : start + len(part)]))
            start += len(part)
        return tuple(found)

    return tree_map(_plain_value, run.value()), pullback


def _matching(given: Any, values: list, what: str) -> list:
    """Leaves of cotangents or tangents that fit some values."""
    if isinstance(given, int) and not isinstance(given, bool):
        given = float(given)
    leaves = flatten(tree_map(lambda x: x, _inexact(given)))[0]
    if len(leaves) != len(values):
        raise InputError(f"{what}: {len(leaves)} numbers or arrays given, {len(values)} expected")
    for leaf, value in zip(leaves, values, strict=True):
        if shape_of(leaf) != shape_of(value):
            raise InputError(
                f"{what}: an array of shape {shape_of(leaf)} was given where the function has"
                f" {shape_of(value)}"
            )
    return leaves


def _inexact(tree: Any) -> Any:
    """Whole numbers in a tangent or cotangent as floats."""
    if type(tree) is int:
        return float(tree)
    if type(tree) is np.ndarray and tree.dtype.kind in "iub":
        return tree.astype(float)
    if type(tree) in (list, tuple):
        return type(tree)(_inexact(t) for t in tree)
    if type(tree) is dict:
        return {k: _inexact(t) for k, t in tree.items()}
    return tree


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """Value of a function and its derivative in a direction.

    Parameters
    ----------
    fun : callable
        The function.
    primals : sequence of trees
        Its arguments.
    tangents : sequence of trees
        The direction, one tree for each argument.

    Returns
    -------
    value, tangent : trees
        Both shaped like the output.

    Examples
    --------
    >>> jvp(lambda x: x**3, (2.0,), (1.0,))
    (8.0, 12.0)
    """
    primals, tangents = tuple(primals), tuple(tangents)
    leaves, treedef = flatten(primals)
    directions = _matching(tangents, leaves, "jvp")

    def main(boxed: list) -> Any:
        return call(fun, *unflatten(treedef, boxed))

    seeds = [_add_axis(t) for t in directions]
    out_tree, values, found = forward_run(main, leaves, seeds, 1, overlapping(leaves))
    results = [
        _zero(value) if t is None else _tangent_like(t[0], value)
        for t, value in zip(found, values, strict=True)
    ]
    value = tree_map(_plain_value, unflatten(out_tree, values))
    return value, gradient_tree(out_tree, results)


def _add_axis(tangent: Any) -> Any:
    if is_wrapped(tangent):
        return np.reshape(tangent, (1, *shape_of(tangent)))
    return np.array(tangent)[None]


def _zero(value: Any) -> Any:
    plain = primal_of(value)
    return 0.0 if type(plain) is float else np.zeros_like(plain)[()]


def _tangent_like(tangent: Any, value: Any) -> Any:
    if is_wrapped(tangent):
        return tangent
    if type(primal_of(value)) is float:
        return float(tangent)
    return np.array(tangent)[()]


# Second order -------------------------------------------------------------------------------------


def hessian(fun: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """Make a function that computes the matrix of second derivatives.

    Parameters
    ----------
    fun : callable
        Function that returns a real number.
    argnums : int or sequence of int
        Argument(s) to differentiate.

    Returns
    -------
    callable
        With the arguments of `fun`; for an argument of shape ``a`` the result has shape ``a + a``.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return jacobian(grad(fun, argnums), argnums, mode="forward")


def hvp(fun: Callable[..., Any], x: Any, v: Any) -> Any:
    """Product of the Hessian with a vector, forward over reverse.

    Parameters
    ----------
    fun : callable
        Function of one argument that returns a real number.
    x, v : tree
        Point and vector.

    Returns
    -------
    tree
        Shaped like `x`.

    Examples
    --------
    >>> float(hvp(lambda x: x**3, 2.0, 1.0))
    12.0
    """
    return jvp(grad(fun), (x,), (v,))[1]


def stop_gradient(x: Any) -> Any:
    """Plain value(s) without derivative.

    Parameters
    ----------
    x : tree
        Values that may be traced.

    Returns
    -------
    tree
        Plain numbers and arrays. An array is a copy, so that later writes do not change it.

    Examples
    --------
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    3.0
    """
    if type(x) is Scalar:
        return primal_of(x)
    if type(x) is Array:
        return np.copy(primal_of(x))[()] if shape_of(x) == () else np.copy(primal_of(x))
    if type(x) is np.ndarray:
        return x.copy("K")
    leaves, treedef = flatten(x)
    if not any(is_wrapped(leaf) or type(leaf) is np.ndarray for leaf in leaves):
        return x
    return unflatten(treedef, [stop_gradient(leaf) for leaf in leaves])

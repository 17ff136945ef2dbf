"""Transformations of functions: gradients, Hessians, and their products with vectors.

Names and argument order are those of JAX. Arguments may be trees (dicts, lists, tuples,
dataclasses...); a gradient has the structure of its argument, with ``None`` in the place of what
cannot be differentiated.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.accelerated import compiled_derivative
from sciad.core.debugging import is_watching, note_cut
from sciad.core.dispatch import call
from sciad.core.errors import InputError
from sciad.core.holomorphic import check_complex, check_holomorphic
from sciad.core.jacobian import jacobian
from sciad.core.products import jvp, linearize, vjp
from sciad.core.running import (
    ArgNums,
    Arguments,
    ReverseRun,
    check_request,
    described,
    lasting,
    name_of,
)
from sciad.core.sparse import check_plain, sparse_maker
from sciad.core.tracer import FLOAT64, Array, Scalar, dtype_of, is_wrapped, primal_of, shape_of
from sciad.core.tree import flatten, unflatten

__all__ = [
    "call",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]


def _scalar_output(run: ReverseRun, arguments: Arguments, holomorphic: bool) -> Any:
    """Give the number that the function returned, or say what it returned instead."""
    treedef, what, name = run.treedef, arguments.what, name_of(arguments.fun)
    if treedef.kind is not None or shape_of(run.values[0]) != ():
        shown = "a " + treedef.kind.__name__ if treedef.kind is not None else "an array"
        shape = "" if treedef.kind is not None else f" of shape {shape_of(run.values[0])}"
        if treedef.kind is tuple and treedef.meta == "constant":
            shown = described(treedef.children[0].value)
            shown = f"a value {shown}" if shown.startswith("of ") else shown
        raise InputError(
            f"{what}: {name} must return a real number, it returned {shown}{shape}",
            hint="use sciad.jacobian, or has_aux=True for (value, extra) pairs",
        )
    if dtype_of(run.values[0]).kind == "c" and not holomorphic:
        raise InputError(
            f"{what}: {name} returned a complex number",
            hint="return a real number such as abs(z)**2, or set holomorphic=True",
        )
    return run.values[0]


def _direct(fun: Any, argnums: ArgNums) -> Any:
    """Ask a compiled function for derivatives that need no tape (see `sciad.compiler.direct`)."""
    make = getattr(type(fun), "direct", None)
    return None if make is None or is_wrapped(fun) else make(fun, argnums)


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
        Complex in, complex out: the complex derivative. That the function is holomorphic is checked
        (Cauchy-Riemann equations at the point).

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
        If an argument has nothing to differentiate, the output is not a number, or the function is
        not holomorphic though it should be.

    Examples
    --------
    >>> import numpy as np
    >>> f = lambda p: p["a"] * np.sum(p["x"] ** 2)
    >>> value_and_grad(f)({"a": 3.0, "x": np.array([1.0, 2.0])})
    (np.float64(15.0), {'a': 5.0, 'x': array([ 6., 12.])})
    """
    check_request(fun, argnums, "grad")
    direct = None if has_aux or holomorphic else _direct(fun, argnums)

    @functools.wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        if direct is not None and not kwargs:
            found = direct.gradient(args, True)
            if found is not None:
                return found
        arguments = Arguments(fun, args, kwargs, argnums, "grad")
        if holomorphic:
            check_complex(arguments.leaves, arguments.paths(), "grad", "argument")
        run = arguments.reverse(has_aux)
        value = _scalar_output(run, arguments, holomorphic)
        dtype = dtype_of(value)
        if holomorphic:
            check_complex([value], ["its value"], "grad", "output")
        pulled = run.pull([1.0 if dtype is FLOAT64 else dtype.type(1.0)])
        if holomorphic:
            turned = run.pull([dtype.type(1j)])
            check_holomorphic(pulled, turned, f"grad: {name_of(fun)}")
            pulled = [np.conjugate(g) for g in pulled]
        result = lasting(value)
        if has_aux:
            result = (result, run.extra)
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
    direct = None if has_aux or holomorphic else _direct(fun, argnums)

    @functools.wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        if direct is not None and not kwargs:
            known = direct.gradient(args, False)
            if known is not None:
                return known
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


# Second order -------------------------------------------------------------------------------------


def hessian(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    sparse: bool = False,
) -> Callable[..., Any]:
    """Make a function that computes the matrix of second derivatives, forward over reverse.

    Parameters
    ----------
    fun : callable
        Function that returns a real number.
    argnums : int or sequence of int
        Argument(s) to differentiate.
    has_aux : bool
        The function returns ``(value, extra)``; the extra part is handed through.
    holomorphic : bool
        Complex in, complex out: the complex second derivative.
    sparse : bool
        Compute a `scipy.sparse.csr_array`, as `jacobian` does; entries are read off a star
        colouring.

    Returns
    -------
    callable
        With the arguments of `fun`; for an argument of shape ``a`` the result has shape ``a + a``,
        for trees (or several `argnums`) it is a tree of trees. ``(hessian, extra)`` with `has_aux`.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    if sparse:
        check_plain("hessian", has_aux=has_aux, holomorphic=holomorphic)
        return sparse_maker("hessian")(fun, argnums)
    first = grad(fun, argnums, has_aux, holomorphic)
    matrix = jacobian(first, argnums, mode="forward", has_aux=has_aux, holomorphic=holomorphic)
    quick = None if has_aux or holomorphic else compiled_derivative(fun)
    if quick is None:
        return matrix

    @functools.wraps(fun)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        found = NotImplemented
        if not kwargs and not is_watching():
            found = quick("hessian", args, argnums)
        return matrix(*args, **kwargs) if found is NotImplemented else found

    return compiled


def hvp(
    fun: Callable[..., Any], x: Any, v: Any, *args: Any, argnums: ArgNums = 0, **kwargs: Any
) -> Any:
    """Product of the Hessian with a vector, forward over reverse.

    Parameters
    ----------
    fun : callable
        Function that returns a real number.
    x, v : tree
        Point and vector: values of the argument with number `argnums`, or tuples with one for each
        of several `argnums`.
    *args, **kwargs
        The other arguments of `fun`, in their order. They are held.
    argnums : int or sequence of int
        The differentiated argument(s).

    Returns
    -------
    tree
        Shaped like `x`.

    Examples
    --------
    >>> float(hvp(lambda x: x**3, 2.0, 1.0))
    12.0
    >>> float(hvp(lambda a, x: a * x**3, 2.0, 1.0, 10.0, argnums=1))
    120.0
    """
    check_request(fun, argnums, "hvp")
    single = isinstance(argnums, int | np.integer)
    numbers: Any = [argnums] if single else argnums
    points, vectors = ((x,), (v,)) if single else (tuple(x), tuple(v))
    if not len(points) == len(vectors) == len(numbers):
        raise InputError(
            f"hvp: argnums = {argnums}, but {len(points)} points and {len(vectors)} vectors given"
        )
    count = len(points) + len(args)
    places = [int(k) % count if -count <= k < count else int(k) for k in numbers]

    def gradient(*moving: Any) -> Any:
        at, rest = dict(zip(places, moving, strict=True)), iter(args)
        full = [at[k] if k in at else next(rest) for k in range(count)]
        return grad(fun, tuple(places))(*full, **kwargs)

    if any(k >= count for k in places) or len(set(places)) < len(places):
        raise InputError(f"hvp: argnums = {argnums}, but {count} positional arguments given")
    direct = None if kwargs else _direct(fun, tuple(places))
    if direct is not None:
        at, rest = dict(zip(places, points, strict=True)), iter(args)
        full = tuple(at[k] if k in at else next(rest) for k in range(count))
        known = direct.hvp(full, vectors)
        if known is not None:
            return known[0] if single else known
    found = jvp(gradient, points, vectors)[1]
    return found[0] if single else found


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
    if is_wrapped(x):
        note_cut(stop_gradient, (x,))
    if type(x) is Scalar:
        return primal_of(x)
    if type(x) is Array:
        plain = primal_of(x)
        if type(plain) is not np.ndarray:
            return plain  # a complex number
        return np.copy(plain) if plain.ndim else plain[()]
    if type(x) is np.ndarray:
        return x.copy("K")
    leaves, treedef = flatten(x)
    if not any(is_wrapped(leaf) or type(leaf) is np.ndarray for leaf in leaves):
        return x
    return unflatten(treedef, [stop_gradient(leaf) for leaf in leaves])

"""Derivatives inside compiled functions: calls of `sciad.grad` and its sisters.

A transformation of a function is a value known at compile time (`Derivative`); calling it lowers
the function as a program of its own and writes the tangent or the adjoint of that program into the
caller (see `regions`). The results have the structure and the shapes that the eager engine gives.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.values import Abstract, Derivative, Pythonic, TupleOf
from sciad.compiler.inner import matrices
from sciad.compiler.inner.directional import PRODUCTS, pull
from sciad.compiler.inner.regions import Inner
from sciad.compiler.inner.requests import (
    argnums_of,
    checked_callable,
    like_arguments,
    number_of,
    plain,
)
from sciad.compiler.ir import const
from sciad.core import checkpoint as checkpoints
from sciad.core import transforms

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["HANDLERS", "call_derivative", "reopened"]

Arguments = list[Abstract]


# -- making --------------------------------------------------------------------------------------
def _maker(kind: str, function: Callable[..., Any]) -> Callable:
    signature = inspect.signature(function)

    def make(low: Lowering, args: Arguments, named: dict, node: ast.Call) -> Abstract:
        try:
            given = dict(signature.bind(*args, **named).arguments)
        except TypeError as error:
            low.refuse(f"sciad.{kind}: {error}", node)
        inner = given.pop("fun")
        checked_callable(low, inner, kind, node)
        return Derivative(kind, inner, _options(low, given, kind, node))

    return make


def _options(low: Lowering, given: dict[str, Abstract], kind: str, node: ast.AST) -> dict[str, Any]:
    """Values of argnums, has_aux, mode..., which have to be known at compile time."""
    found = {name: plain(low, value, f"{name}=", kind, node) for name, value in given.items()}
    if found.pop("holomorphic", False):
        low.refuse("a complex derivative cannot be compiled", node, "leave holomorphic away")
    found.pop("chunk", None)
    return found


_CODES = {
    ("transforms.py", "grad.<locals>.gradient"): "grad",
    ("transforms.py", "value_and_grad.<locals>.gradient"): "value_and_grad",
    ("jacobian.py", "jacobian.<locals>.matrix"): "jacobian",
    ("transforms.py", "hessian.<locals>.compiled"): "hessian",
    ("checkpoint.py", "checkpoint.<locals>.checkpointed"): "checkpoint",
}


def reopened(low: Lowering, target: Pythonic, node: ast.AST) -> Abstract:
    """Recognise sciad.grad(f) that was made outside the compiled function."""
    code = target.function.__code__
    kind = _CODES.get((code.co_filename.rpartition("/")[2], code.co_qualname))
    if kind is None or not code.co_filename.startswith(_HOME):
        return target
    names = ("argnums", "has_aux", "holomorphic", "mode")
    if kind == "grad":  # it calls value_and_grad(...)
        inner = reopened(low, low.resolve_global(target, "both"), node)
        return Derivative("grad", inner.function, inner.options)
    if kind == "hessian":  # of a jitted function: the general way is at hand
        return reopened(low, low.resolve_global(target, "matrix"), node)
    free = [n for n in names if n in code.co_freevars]
    given = {n: low.resolve_global(target, n) for n in free}
    function = low.resolve_global(target, "fun")
    if isinstance(function, Pythonic):
        function = reopened(low, function, node)
    return Derivative(kind, function, _options(low, given, kind, node))


_HOME = inspect.getfile(transforms).rpartition("transforms.py")[0]


# -- calling -------------------------------------------------------------------------------------
def call_derivative(
    low: Lowering, target: Derivative, args: Arguments, named: dict, node: ast.Call
) -> Abstract:
    """Call a transformed function."""
    if target.kind == "pullback":
        return pull(low, target, args, named, node)
    if target.kind == "elementwise":
        return _elementwise(low, target, args, named, node)
    if target.kind == "checkpoint":
        from sciad.compiler.front.calls import call

        return call(low, target.function, args, named, node)
    numbers, single = argnums_of(low, target, args, node)
    aux = bool(target.options.get("has_aux", False))
    inner = Inner(low, target.function, args, named, numbers, aux, target.kind, node)
    if inner.dead:
        return const(0.0)
    return _CALLS[target.kind](low, inner, single, aux, target.options)


def _value_and_grad(low, inner: Inner, single: bool, aux: bool, options: dict) -> Abstract:
    number_of(inner)
    if len(inner.params) == 1 and inner.scalars:
        (leaves,) = inner.pushed([[const(1.0)]])
    else:
        leaves = inner.pulled([const(1.0)])
    gradient = like_arguments(inner, leaves, single)
    value = low.as_scalar(inner.result(inner.value), inner.node)
    if aux:
        return TupleOf((TupleOf((value, inner.result(inner.extra))), gradient))
    return TupleOf((value, gradient))


def _grad(low, inner: Inner, single: bool, aux: bool, options: dict) -> Abstract:
    value, gradient = _value_and_grad(low, inner, single, aux, options).items
    return TupleOf((gradient, value.items[1])) if aux else gradient


def _jacobian(low, inner: Inner, single: bool, aux: bool, options: dict) -> Abstract:
    mode = options.get("mode", "auto")
    if not single:
        _one_argument(inner)
    found = matrices.jacobian(inner, {"fwd": "forward", "rev": "reverse"}.get(mode, mode))
    found = matrices.typed(inner, found)
    return TupleOf((found, inner.result(inner.extra))) if aux else found


def _hessian(low, inner: Inner, single: bool, aux: bool, options: dict) -> Abstract:
    number_of(inner)
    if not single:
        _one_argument(inner)
    found = matrices.typed(inner, matrices.hessian(inner))
    return TupleOf((found, inner.result(inner.extra))) if aux else found


def _one_argument(inner: Inner) -> None:
    inner.low.refuse(
        f"sciad.{inner.what} with several argnums cannot be compiled",
        inner.node,
        "put what is differentiated into one array",
    )


def _elementwise(
    low: Lowering, target: Derivative, args: Arguments, named: dict, node: ast.Call
) -> Abstract:
    """Call a function made by numba.vectorize."""
    from sciad.compiler.vocabulary import whole

    if named:
        low.refuse(f"{ast.unparse(node.func)} with keyword arguments cannot be compiled", node)
    apply = lambda *numbers: low.as_scalar(low.call(target.function, list(numbers), {}, node), node)
    return whole.arrays.settled(low, whole.elementwise(low, apply, args, node), node)


_CALLS: dict[str, Callable[..., Abstract]] = {
    "grad": _grad,
    "value_and_grad": _value_and_grad,
    "jacobian": _jacobian,
    "hessian": _hessian,
}
HANDLERS: dict[Any, Callable] = {
    transforms.grad: _maker("grad", transforms.grad),
    transforms.value_and_grad: _maker("value_and_grad", transforms.value_and_grad),
    transforms.jacobian: _maker("jacobian", transforms.jacobian),
    transforms.hessian: _maker("hessian", transforms.hessian),
    checkpoints.checkpoint: _maker("checkpoint", checkpoints.checkpoint),
    **PRODUCTS,
}

"""The user's right-hand side as plain Python, with its parameters given as a list of leaves."""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from sciad.core.buffer import constant
from sciad.core.dispatch import call
from sciad.core.errors import InputError
from sciad.core.source import captured, rebind
from sciad.core.tracer import any_traced, is_traced, is_wrapped, primal_of, unwrap_constants
from sciad.core.tree import TreeDef, flatten, tree_map, unflatten
from sciad.ode.structure import scan

__all__ = ["RightSide", "describe"]

#: Structures with ever new constants (a counter in a closure) must not fill the memory.
MOST_KNOWN = 512
_treedefs: dict[Any, TreeDef] = {}
_lock = threading.Lock()


class RightSide:
    """``f(t, y, leaves)``: the user's function with replaceable arguments and captured values.

    Parameters
    ----------
    function : callable
        The user's ``fun(t, y, *args)``.
    args : tuple
        Its extra arguments.

    Attributes
    ----------
    leaves : list
        Float leaves of ``(args, captured(function))`` as they were found, traced ones included.
    structure : hashable
        Their structure, constants and shapes.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function = function = _plain_python(function)
        self.args = args
        self._tree = (args, {} if _captures_nothing(function) else captured(function))
        self.leaves, self.structure = scan(self._tree)

    @cached_property
    def treedef(self) -> TreeDef:
        """Structure of ``(args, captured(function))``; the same for trees that `scan` alike."""
        first = self.structure[0] if type(self.structure) is tuple and self.structure else None
        if type(first) is TreeDef:  # its constants are this model's own objects
            self._check_unchanged()
            return first
        found = _treedefs.get(self.structure)
        if found is None:
            self._check_unchanged()
            found = flatten(self._tree)[1]
            with _lock:
                if len(_treedefs) >= MOST_KNOWN:
                    del _treedefs[next(iter(_treedefs))]
                _treedefs[self.structure] = found
        return found

    def _check_unchanged(self) -> None:
        if scan(self._tree)[1] != self.structure:
            name, where = describe(self.function)
            raise InputError(
                f"what the model {name} was given, or what it captures, was changed between the "
                "solve and its derivative",
                where=where,
                hint="leave it as it is until the derivative is taken, or give the solve a copy",
            )

    def __call__(self, t: Any, y: Any, leaves: Sequence[Any]) -> Any:
        """Evaluate in Python, on traced or complex values too.

        Returns
        -------
        ndarray or traced array, shape (n,)

        Raises
        ------
        InputError
            If the function returns something else than ``len(y)`` numbers.
        """
        traced = is_traced(t) or is_traced(y) or any_traced(leaves)
        if traced:  # arrays of the model's own, which it may write traced values to
            leaves = [constant(x.copy()) if type(x) is np.ndarray else x for x in leaves]
        args, outside = unflatten(self.treedef, leaves)
        captures_leaves = self.treedef.children[1].num_leaves > 0
        function = rebind(self.function, outside) if captures_leaves else self.function
        out = call(function, t, y, *args) if traced else function(t, y, *args)
        return self._as_vector(unwrap_constants(out), len(y))

    def evaluate(self, t: float, y: np.ndarray) -> Any:
        """Evaluate as the user's program does, without derivatives.

        The function is called with its own arguments and containers, so that what it counts in
        them or appends to them stays there. Only traced values are replaced, by their primals.

        Returns
        -------
        ndarray, shape (n,)
        """
        function, args = self._plain
        return self._as_vector(unwrap_constants(function(t, y, *args)), len(y))

    @cached_property
    def _plain(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if not any(map(is_wrapped, self.leaves)):
            return self.function, self.args
        args = tuple(_without_boxes(value) for value in self.args)
        outside = _boxes_replaced(self._tree[1])
        return (rebind(self.function, outside) if outside else self.function), args

    def _as_vector(self, out: Any, n: int) -> Any:
        if isinstance(out, list | tuple):
            if len(out) != n:
                raise self._wrong(f"{len(out)} values", n)
            out = call(np.array, out) if any_traced(out) else out
        if not is_traced(out):
            try:
                out = np.array(out)  # a copy: the model may return the same array again and again
            except ValueError as error:
                raise self._wrong("a ragged sequence", n) from error
            if out.dtype.kind not in "biufc":
                raise self._wrong(f"{out.dtype.name} values", n)
        if out.shape != (n,):
            kind = "a scalar" if out.shape == () else f"an array of shape {out.shape}"
            if not (n == 1 and out.shape == ()):
                raise self._wrong(kind, n)
            out = out.reshape(1)
        return out

    def _wrong(self, what: str, n: int) -> InputError:
        name, where = describe(self.function)
        return InputError(
            f"the model {name} returned {what}; y0 has {n} components",
            where=where,
            hint="return one derivative per component, as a list, tuple or array",
        )


def _plain_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the Python function behind one compiled by Numba: it is compiled here anyway."""
    if type(function).__module__.startswith("numba."):
        return getattr(function, "py_func", function)
    return function


def _without_boxes(value: Any) -> Any:
    """Return a tree with copies of the primals in the place of boxed values."""
    if not any(map(is_wrapped, flatten(value)[0])):
        return value
    return tree_map(
        lambda leaf: np.copy(primal_of(leaf))[()] if is_wrapped(leaf) else leaf,
        value,
    )


def _boxes_replaced(captured_values: dict[str, Any]) -> dict[str, Any]:
    """Return the part of captured values that holds boxed ones, replaced by their primals."""
    found: dict[str, Any] = {}
    for name, value in captured_values.items():
        if isinstance(value, dict) and ("__code__" in value or "__type__" in value):
            inner = _boxes_replaced(value)
            if inner:
                found[name] = inner
        elif any(map(is_wrapped, flatten(value)[0])):
            found[name] = _without_boxes(value)
    marks = ("__code__", "__type__") if found else ()
    return {key: captured_values[key] for key in marks if key in captured_values} | found


def _captures_nothing(function: Callable[..., Any]) -> bool:
    """Whether a glance shows that a function names nothing outside its arguments."""
    if type(function) is not FunctionType or function.__defaults__ or function.__kwdefaults__:
        return False
    code = function.__code__
    return not (code.co_names or code.co_freevars) and CodeType not in map(type, code.co_consts)


def describe(function: Callable[..., Any]) -> tuple[str, str | None]:
    """Return the name of a callable and where it is defined, as ``"file:line"``."""
    inner = getattr(function, "func", function)
    inner = getattr(inner, "__func__", inner)
    code = getattr(inner, "__code__", None)
    if code is None:  # an object: where its class defines the call
        code = getattr(type(inner).__dict__.get("__call__"), "__code__", None)
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    return name, f"{code.co_filename}:{code.co_firstlineno}" if code is not None else None

"""`sciad.jit`: a Python function that runs as machine code, derivatives included.

Called with plain numbers it runs the compiled function. Called with traced values it is one node of
the eager engine, whose derivatives are compiled too; second derivatives come from the tangent of
the adjoint. At a third level the Python function itself is followed, which is exact as well.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import types
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sciad.compiler import cache
from sciad.compiler.frontend import python_function
from sciad.compiler.nodes import Call, CallNode, plain_call
from sciad.compiler.program import Program
from sciad.compiler.types import LeafType, leaf_type
from sciad.core.apply import bind
from sciad.core.dispatch import call
from sciad.core.errors import CompileError, InputError, user_location
from sciad.core.source import captured
from sciad.core.tracer import Scalar, any_traced, current, level_of, primal_of, unwrap_constants
from sciad.core.tree import flatten

__all__ = ["JitFunction", "jit"]


class _RunTimeInteger:
    """Stands in a structure for an integer argument whose value is given at run time."""

    def __repr__(self) -> str:
        return "int"


_INTEGER = _RunTimeInteger
_LEVELS = 2  # derivatives that exist as compiled code


_alive: weakref.WeakSet[JitFunction] = weakref.WeakSet()


@cache.on_clear
def _forget() -> None:
    for function in list(_alive):
        function._programs.clear()
        function._plain.clear()


class JitFunction:
    """A compiled function; made by `jit`.

    Attributes
    ----------
    __wrapped__ : function
        The Python function.
    """

    __qualname__: str

    def __init__(self, function: Callable[..., Any]):
        root = python_function(function)
        if root is None:
            raise InputError(
                f"jit expects a Python function, not a {type(function).__name__}",
                where=user_location(),
                hint="wrap the call in a plain function, e.g. lambda x: thing.method(x)",
            )
        functools.update_wrapper(self, root)
        self.__wrapped__ = root
        self._programs: dict[Any, Program] = {}
        self._plain: dict[Any, Program] = {}
        self._signature: inspect.Signature | None = None
        _alive.add(self)

    def __repr__(self) -> str:
        return f"<sciad.jit {self.__qualname__}>"

    def __reduce__(self) -> Any:
        return _by_name, (self.__module__, self.__qualname__)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled function."""
        if not kwargs:
            signature = _plain_signature(args)
            known = self._plain.get(signature)
            if known is not None and known.watch.holds(self.__wrapped__):
                return plain_call(known, args, signature)  # type: ignore[arg-type]
        program, leaves, integers = self._program(args, kwargs)
        if any_traced(leaves):
            if len(_levels(leaves)) > _LEVELS:
                return call(self.__wrapped__, *args, **kwargs)
            node = CallNode(self, program, integers)
            return node.result(bind(node, *leaves))
        return Call(program, leaves, integers).value()

    # -- compilation ---------------------------------------------------------------------------
    def _program(self, args: tuple, kwargs: dict) -> tuple[Program, list[Any], list[int]]:
        if kwargs:
            args = self._positional(args, kwargs)
        inputs = captured(self.__wrapped__)
        positions = tuple(k for k, a in enumerate(args) if _is_integer(a))
        integers = [int(args[k]) for k in positions]
        if positions:
            args = tuple(_INTEGER if k in positions else a for k, a in enumerate(args))
        leaves, treedef = flatten((args, inputs))
        leaves = [unwrap_constants(leaf) for leaf in leaves]
        leaves, kinds = _split(self, leaves)
        key = (treedef, kinds, positions)
        program = self._programs.get(key)
        if program is None or not program.watch.holds(self.__wrapped__):
            program = Program(self.__wrapped__, self.__wrapped__, treedef, kinds, positions)
            program.load("value")
            self._programs[key] = program
        signature = None if inputs else _plain_signature(args)
        if signature is not None:
            self._plain[signature] = program
        return program, leaves, integers

    def _positional(self, args: tuple, kwargs: dict) -> tuple:
        if self._signature is None:
            self._signature = inspect.signature(self.__wrapped__)
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            name = next(iter(bound.kwargs))
            raise InputError(f"{self.__qualname__}: {name!r} cannot be given by keyword only")
        return bound.args

    def source(self, kind: str = "value", *args: Any) -> str:
        """Print-ready text of the emitted code.

        Parameters
        ----------
        kind : {"value", "jvp", "vjp", "hvp"}
            Which program.
        *args : object
            Arguments that select the compiled version; not needed after a first call.

        Returns
        -------
        str
            Python source; the comments give the lines of the user's file.
        """
        if kind not in ("value", "jvp", "vjp", "hvp"):
            raise InputError(f"there is no program {kind!r}", hint="value, jvp, vjp or hvp")
        if args:
            return self._program(args, {})[0].source(kind)
        if not self._programs:
            raise InputError(
                f"{self.__qualname__} has not been compiled yet",
                hint="call it once, or give example arguments: f.source('vjp', *args)",
            )
        return list(self._programs.values())[-1].source(kind)


def _levels(leaves: list[Any]) -> set[int]:
    """Collect the transformations that some values take part in."""
    found: set[int] = set()
    for leaf in leaves:
        while level_of(leaf):
            found.add(level_of(leaf))
            leaf = leaf.value if type(leaf) is Scalar else current(leaf)
    return found


def _plain_signature(args: tuple) -> tuple[Any, ...] | None:
    """Types of arguments that need no flattening: floats, ints and float64 arrays."""
    found: list[Any] = []
    for arg in args:
        kind = type(arg)
        if kind is float or kind is int:
            found.append(kind)
        elif kind is np.ndarray and arg.dtype is _FLOAT64 and arg.ndim:
            found.append(arg.ndim)
        else:
            return None
    return tuple(found)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)


def _split(function: JitFunction, leaves: list[Any]) -> tuple[list[Any], tuple[LeafType, ...]]:
    """Leaves and their types; a complex leaf becomes two real ones."""
    found: list[Any] = []
    kinds: list[LeafType] = []
    for leaf in leaves:
        if type(leaf) is not float and np.iscomplexobj(primal_of(leaf)):
            for part, take in (("real", np.real), ("imag", np.imag)):
                found.append(_real_part(take, leaf))
                kinds.append(replace(_kind(function, found[-1]), part=part))
        else:
            found.append(leaf)
            kinds.append(_kind(function, leaf))
    return found, tuple(kinds)


def _real_part(take: Callable[[Any], Any], leaf: Any) -> Any:
    if any_traced([leaf]):
        return call(take, leaf)
    part = take(leaf)
    return float(part) if np.ndim(part) == 0 else part


def _kind(function: JitFunction, leaf: Any) -> LeafType:
    if type(leaf) is float:
        return _SCALAR
    kind = leaf_type(primal_of(leaf), static=False)
    if kind is None:
        code = function.__wrapped__.__code__
        raise CompileError(
            f"{function.__qualname__} got an argument that cannot be compiled",
            where=f"{code.co_filename}:{code.co_firstlineno}",
            hint="arguments are real numbers and real arrays of up to 3 dimensions",
        )
    return kind


_FLOAT64 = np.dtype(np.float64)
_SCALAR = LeafType(0, ())


def _by_name(module: str, name: str) -> Any:
    """Find a jitted function again (pickle)."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def jit(fun: Callable[..., Any] | None = None) -> Any:
    """Compile a function, its derivatives included.

    Parameters
    ----------
    fun : callable
        Plain Python over floats and arrays (see the guide for what compiles). Called functions are
        compiled with it. Integer arguments are run-time values; strings, booleans and whatever else
        is not a number select a compiled version of their own.

    Returns
    -------
    JitFunction
        Called like the original. Division by zero gives inf or nan as in NumPy.

    Raises
    ------
    CompileError
        On the first call with arguments for which something has no compiled form; the message
        gives the line and a way out.

    Examples
    --------
    >>> import sciad
    >>> @jit
    ... def cube(x):
    ...     return x * x * x
    >>> cube(2.0)
    8.0
    """
    if fun is None:
        return jit
    if isinstance(fun, JitFunction):
        return fun
    return JitFunction(fun)

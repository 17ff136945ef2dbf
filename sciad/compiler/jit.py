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

from sciad.compiler import jacobians
from sciad.compiler.back import cache
from sciad.compiler.back.tapemeter import tape_slots
from sciad.compiler.direct import Direct, has_rule
from sciad.compiler.explain import explanation
from sciad.compiler.fallback import Fallback
from sciad.compiler.front import writes
from sciad.compiler.front.border import is_integer_array, run_time_arrays
from sciad.compiler.front.dispatchers import applied
from sciad.compiler.front.frontend import python_function
from sciad.compiler.front.given import inputs_of
from sciad.compiler.front.precision import NUMPY, PYTHON, UNKNOWN, native_origin
from sciad.compiler.front.types import LeafType, leaf_type
from sciad.compiler.levels import levels
from sciad.compiler.nodes import Call, CallNode, plain_call
from sciad.compiler.program import Program
from sciad.core.accelerated import is_elementwise
from sciad.core.apply import bind
from sciad.core.dispatch import call
from sciad.core.errors import CompileError, InputError, user_location
from sciad.core.source import holds_data
from sciad.core.tracer import any_traced, primal_of, unwrap_constants
from sciad.core.tree import Constant, TreeDef, flatten, unflatten

__all__ = ["JitFunction", "jit"]


class _RunTimeInteger:
    """Stands in a structure for an integer argument whose value is given at run time."""

    def __repr__(self) -> str:
        return "int"


class _Integer(_RunTimeInteger):
    """An int of Python's, beside float32."""

    origin = PYTHON


class _NumpyInteger(_RunTimeInteger):
    """An integer of NumPy's, beside float32."""

    origin = NUMPY


class _NarrowInteger(_RunTimeInteger):
    """An integer of 8 or 16 bits, beside float32."""

    origin = UNKNOWN


_INTEGER = _RunTimeInteger
_BY_ORIGIN = {PYTHON: _Integer, NUMPY: _NumpyInteger, UNKNOWN: _NarrowInteger}
_LEVELS = 2  # derivatives that exist as compiled code


_alive: weakref.WeakSet[JitFunction] = weakref.WeakSet()


@cache.on_clear
def _forget() -> None:
    for function in list(_alive):
        function._programs.clear()
        function._plain.clear()
        function._direct.clear()
        function._last = None
        if function._fallback is not None:
            function._fallback.decided.clear()


class JitFunction:
    """A compiled function; made by `jit`.

    Attributes
    ----------
    __wrapped__ : function
        The Python function.
    """

    __qualname__: str
    takes_boxes = True  # arrays of followed code come as they are, since some are written to

    def __init__(self, function: Callable[..., Any], *, fallback: bool = False):
        root = python_function(function)
        if is_elementwise(function):
            root = applied(function)
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
        self._direct: dict[Any, Direct] = {}
        self._last: Program | None = None
        self.ruled = (-1, False)  # version of the registry, and whether there is a rule in it
        self._fallback = Fallback() if fallback else None
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
                self._last = known
                return plain_call(known, args, signature)  # type: ignore[arg-type]
        if self._fallback is not None and self._fallback.needed(self, args, kwargs):
            return call(self.__wrapped__, *args, **kwargs)
        program, leaves, integers = self._program(args, kwargs)
        if program.layout[0] == "updates":
            if any(leaf.part for leaf in program.leaves):  # complex arrays beside what is written
                return call(self.__wrapped__, *args, **kwargs)
            return self._updating(program, leaves, integers, args, kwargs)
        if any_traced(leaves):
            if len(levels(leaves)) > _LEVELS:
                return call(self.__wrapped__, *args, **kwargs)
            node = CallNode(self, program, integers)
            return node.result(bind(node, *leaves))
        return Call(program, leaves, integers).value()

    def _updating(
        self, program: Program, leaves: list, integers: list, args: tuple, kwargs: dict
    ) -> Any:
        """Call a program that writes to arrays of the caller."""
        traced = any_traced(leaves)
        memory = [primal_of(leaf) for leaf in leaves]
        if len(levels(leaves)) > _LEVELS or not writes.may_be_compiled(program.layout, memory):
            return call(self.__wrapped__, *args, **kwargs)
        if traced:
            node = CallNode(self, program, integers)
            value = node.result(bind(node, *leaves))
        else:
            try:
                value = Call(program, leaves, integers).value()
            except Exception:  # Python knows what was written before it
                return self.__wrapped__(*args, **kwargs)
        result, content = writes.results_of(program.layout, value)
        given = args if not kwargs else self._positional(args, kwargs)
        given = tuple(_INTEGER if _is_integer(a) else a for a in given)
        writes.give_back(flatten(inputs_of(self.__wrapped__, given)[1:])[0], content)
        return result

    def _derivative(self, kind: str, args: tuple, *request: Any) -> Any:
        """Give a Jacobian or Hessian at plain floats and arrays, or NotImplemented.

        Asked by the transformations before they begin to trace.
        """
        signature = _plain_signature(args)
        if signature is None or any(type(kind) is tuple for kind in signature):
            return NotImplemented
        if self.falls_back or has_rule(self):
            return NotImplemented
        known = self._plain.get(signature)
        if known is None or not known.watch.holds(self.__wrapped__):
            self._program(args, {})
            known = self._plain.get(signature)
        if known is None:
            return NotImplemented
        return getattr(jacobians, kind)(known, args, signature, *request)

    # -- compilation ---------------------------------------------------------------------------
    def direct(self, argnums: Any) -> Direct:
        """Give derivatives at plain arguments, without the eager engine (see `sciad.grad`)."""
        known = self._direct.get(argnums) if isinstance(argnums, int | tuple) else None
        if known is None:
            known = Direct(self, argnums)
            if isinstance(argnums, int | tuple):
                self._direct[argnums] = known
        return known

    @property
    def falls_back(self) -> bool:
        """Whether what cannot be compiled runs eagerly."""
        return self._fallback is not None

    def captures(self, args: tuple = ()) -> Any:
        """Collect the inputs that the function, and those in its arguments, take from outside."""
        return inputs_of(self.__wrapped__, args)[2]

    def signature_of(self, args: tuple) -> tuple[Any, ...] | None:
        """Types of arguments that are floats, ints and float64 arrays, else None."""
        return _plain_signature(args)

    def program(self, args: tuple) -> tuple[Program, list[Any], list[Any]]:
        """Find the program for some arguments, their leaves and the integers among them."""
        return self._program(args, {}, "")

    def _program(
        self, args: tuple, kwargs: dict, kind: str = "value"
    ) -> tuple[Program, list[Any], list[Any]]:
        if kwargs:
            args = self._positional(args, kwargs)
        root, args, inputs = inputs_of(self.__wrapped__, args)
        given = args
        positions = tuple(k for k, a in enumerate(args) if _is_integer(a))
        integers: list[Any] = [int(args[k]) for k in positions]
        signature = _plain_signature(args)
        if positions:
            args = tuple(_INTEGER if k in positions else a for k, a in enumerate(args))
        leaves, treedef = flatten((args, inputs))
        leaves = [unwrap_constants(leaf) for leaf in leaves]
        if any(map(is_integer_array, leaves)):  # arrays of ints made in traced code
            leaves, treedef = flatten(unflatten(treedef, leaves))
        treedef, arrays = run_time_arrays(treedef)
        integers += arrays
        leaves, kinds = _split(self, leaves)
        if positions and any(kind.kind for kind in kinds):
            treedef = _with_origins(treedef, positions, given)
        key = (treedef, kinds, positions)
        program = self._programs.get(key)
        program = None if program is None else program.again(root)
        if program is None:
            program = Program(self.__wrapped__, root, treedef, kinds, positions)
            if kind:
                program.load(kind)
            self._programs[key] = program
        self._last = program
        if (
            signature is not None
            and not holds_data(inputs)
            and (program.layout is None or program.layout[0] != "updates")
        ):
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
            Arguments that select the compiled version; not needed after a first call: then it is
            the version of the last one.

        Returns
        -------
        str
            Python source; the comments give the lines of the user's file.
        """
        if kind not in ("value", "jvp", "vjp", "hvp"):
            raise InputError(f"there is no program {kind!r}", hint="value, jvp, vjp or hvp")
        return self._chosen(args, f"source({kind!r}, *args)").source(kind)

    def explain(self, *args: Any) -> str:
        """Say in plain text what the compiler made of the function, line by line.

        Parameters
        ----------
        *args : object
            Arguments that select the compiled version, as for `source`.

        Returns
        -------
        str
            For each line: which values carry derivatives, what goes to the tape, what is computed
            again on the way back and why, which calls were inlined, which loops unrolled, which
            arrays live in variables or in memory; then the bytes of tape that each iteration of a
            loop takes, and the files of the cache.

        Examples
        --------
        >>> square = jit(lambda x: x * x)
        >>> "carries derivatives: the result" in square.explain(2.0)
        True
        """
        return explanation(self._chosen(args, "explain(*args)"))

    def tape_bytes(self, *args: Any) -> int:
        """Measure the memory that the tape takes in one gradient.

        Parameters
        ----------
        *args : object
            Arguments of the function.

        Returns
        -------
        int
            The largest size of the tape, in bytes; 0 if nothing has to be kept.

        Examples
        --------
        >>> jit(lambda x: x * x).tape_bytes(2.0)
        0
        """
        program, leaves, integers = self._program(args, {})
        return 8 * tape_slots(Call(program, leaves, integers))

    def _chosen(self, args: tuple, how: str) -> Program:
        if args:
            return self._program(args, {})[0]
        if self._last is None:
            raise InputError(
                f"{self.__qualname__} has not been compiled yet",
                hint=f"call it once, or give example arguments: f.{how}",
            )
        return self._last


def _plain_signature(args: tuple) -> tuple[Any, ...] | None:
    """Types of arguments that need no flattening: floats, ints and float64 arrays."""
    found: list[Any] = []
    for arg in args:
        kind = type(arg)
        if kind is float or kind is int:
            found.append(kind)
        elif kind is np.ndarray and arg.dtype is _FLOAT64 and arg.ndim:
            found.append(arg.ndim)
        elif kind is np.ndarray and is_integer_array(arg):
            found.append((arg.ndim, arg.dtype.kind))
        else:
            return None
    return tuple(found)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)


def _with_origins(treedef: TreeDef, positions: tuple[int, ...], args: tuple) -> TreeDef:
    """Say of each integer argument whether it is Python's: beside float32 that matters."""
    inner = treedef.children[0]
    if type(inner) is not TreeDef or len(inner.children) != len(args):
        return treedef
    children = list(inner.children)
    for k in positions:
        children[k] = Constant(_BY_ORIGIN[native_origin(args[k])])
    first = TreeDef(inner.kind, inner.meta, tuple(children), inner.names)
    return TreeDef(treedef.kind, treedef.meta, (first, *treedef.children[1:]), treedef.names)


def _split(function: JitFunction, leaves: list[Any]) -> tuple[list[Any], tuple[LeafType, ...]]:
    """Leaves and their types; a complex leaf becomes two real ones."""
    found: list[Any] = []
    kinds: list[LeafType] = []
    for leaf in leaves:
        if type(leaf) is not float and np.iscomplexobj(primal_of(leaf)):
            _expect_double(function, primal_of(leaf))
            for part, take in (("real", np.real), ("imag", np.imag)):
                found.append(_real_part(take, leaf))
                boxed = _is_boxed(leaf)
                kinds.append(replace(_kind(function, found[-1]), part=part, boxed=boxed))
        else:
            found.append(leaf)
            kinds.append(_kind(function, leaf))
    if any(kind.kind for kind in kinds):
        kinds = [_beside_single(kind, leaf) for kind, leaf in zip(kinds, found, strict=True)]
    return found, tuple(kinds)


def _beside_single(kind: LeafType, leaf: Any) -> LeafType:
    """Say where a number comes from, because that decides what it makes of a float32."""
    if kind.ndim or kind.kind or kind.part:
        return kind
    return replace(kind, kind=PYTHON if type(primal_of(leaf)) is float else NUMPY)


def _expect_double(function: JitFunction, value: Any) -> None:
    """Refuse complex numbers of another precision."""
    if getattr(value, "dtype", _COMPLEX128) != _COMPLEX128:
        code = function.__wrapped__.__code__
        raise CompileError(
            f"{function.__qualname__} got an argument of {value.dtype}",
            where=f"{code.co_filename}:{code.co_firstlineno}",
            hint="make it complex128: x.astype(np.complex128)",
        )


def _real_part(take: Callable[[Any], Any], leaf: Any) -> Any:
    if any_traced([leaf]):
        return call(take, leaf)
    part = take(leaf)
    return float(part) if np.ndim(part) == 0 else part


def _kind(function: JitFunction, leaf: Any) -> LeafType:
    if type(leaf) is float:
        return _SCALAR
    value = primal_of(leaf)
    kind = leaf_type(value, static=False)
    dtype = getattr(value, "dtype", _FLOAT64)
    if kind is None or dtype not in _FLOATS:
        code = function.__wrapped__.__code__
        raise CompileError(
            f"{function.__qualname__} got an argument that cannot be compiled",
            where=f"{code.co_filename}:{code.co_firstlineno}",
            hint="arguments are real or complex numbers and arrays of up to 3 dimensions: float64, "
            "float32, complex128, int64, bool (x.astype(np.float64) makes others one)",
        )
    if _is_boxed(leaf):
        kind = replace(kind, boxed=True)
    return kind if dtype is _FLOAT64 or dtype == _FLOAT64 else replace(kind, kind="float32")


def _is_boxed(leaf: Any) -> bool:
    return type(leaf) is np.ndarray and leaf.ndim == 0


_FLOAT64 = np.dtype(np.float64)
_FLOATS = (_FLOAT64, np.dtype(np.float32))
_COMPLEX128 = np.dtype(np.complex128)
_SCALAR = LeafType(0, ())


def _by_name(module: str, name: str) -> Any:
    """Find a jitted function again (pickle)."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def jit(fun: Callable[..., Any] | None = None, *, fallback: bool = False) -> Any:
    """Compile a function, its derivatives included.

    Parameters
    ----------
    fun : callable
        Plain Python over floats and arrays (see the guide for what compiles). Called functions are
        compiled with it. Integer arguments are run-time values; strings, booleans and whatever else
        is not a number select a compiled version of their own.
    fallback : bool
        What cannot be compiled runs eagerly, derivatives included, after one warning that names the
        obstacle (`sciad.compiler.FallbackWarning`). Without it, that is an error.

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
        return functools.partial(jit, fallback=fallback)
    if isinstance(fun, JitFunction):
        if (fun._fallback is not None) is fallback:
            return fun
        fun = fun.__wrapped__
    return JitFunction(fun, fallback=fallback)

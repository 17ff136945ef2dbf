"""Gradients of jitted functions at plain arguments: one call of compiled code, without a tape.

`sciad.grad`, `value_and_grad` and `hvp` ask here first when they are given a `JitFunction`. What
cannot be answered (traced arguments, keywords, structures that are not float64) is left to the
eager engine, for which the same function is one node. Only the cotangents of the arguments that
are differentiated are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.nodes import Call, int64, numbers, row
from sciad.core.debugging import debugged
from sciad.core.rules import BY_CALLABLE, BY_NAME, VERSION
from sciad.core.running import Arguments
from sciad.core.source import holds_data
from sciad.core.tracer import any_traced
from sciad.core.tree import flatten

if TYPE_CHECKING:
    from sciad.compiler.jit import JitFunction
    from sciad.compiler.program import Program

__all__ = ["Direct", "has_rule"]

_ONE = np.ones(1)
_FLOAT64 = np.dtype(np.float64)
_SCALAR = ("scalar", "float64")


class Direct:
    """Derivatives of one jitted function with respect to some of its arguments.

    Parameters
    ----------
    function : JitFunction
        The function.
    argnums : int or sequence of int
        What is differentiated.
    """

    def __init__(self, function: JitFunction, argnums: int | Sequence[int]):
        self.function = function
        self.argnums = argnums
        self.plans: dict[tuple, _Plain] = {}

    def gradient(self, args: tuple, both: bool) -> Any:
        """Gradient, or (value, gradient) if `both`; None if the eager engine has to do it."""
        if debugged() or self.function.falls_back or has_rule(self.function):
            return None
        signature = self.function.signature_of(args)
        plan = None if signature is None else self.plans.get(signature)
        if plan is not None and plan.program.watch.holds(self.function.__wrapped__):
            return plan.gradient(args, both)
        made = self.prepare(args, signature, "grad" if both else "vjp")
        return None if made is None else made.gradient(both)

    def hvp(self, args: tuple, vectors: tuple) -> Any:
        """Products of the Hessian with vectors, one for each argument; None as in `gradient`."""
        if debugged() or self.function.falls_back or has_rule(self.function):
            return None
        if any_traced(flatten(vectors)[0]):
            return None
        made = self.prepare(args, None, "hvp")
        return None if made is None else made.hvp(vectors)

    def prepare(self, args: tuple, signature: tuple | None, name: str) -> _Trees | None:
        """Find the program for some arguments and remember it if they are plain."""
        if any_traced(flatten((args, self.function.captures(args)))[0]):
            return None
        arguments = Arguments(self.function, args, {}, self.argnums, "grad")
        if not all(_is_float64(leaf) for leaf in arguments.leaves):
            return None
        program, leaves, integers = self.function.program(args)
        if any(leaf.part for leaf in program.leaves):
            return None  # complex numbers: two leaves each
        order = _order(args, arguments.argnums)
        wanted = [k in order for k in range(len(leaves))]
        if program.layout is None:
            program.load(_kind(name, program, wanted))
        if program.layout != _SCALAR:
            return None
        plain = signature is not None and not any(type(kind) is tuple for kind in signature)
        if plain and not holds_data(self.function.captures()):
            assert signature is not None
            self.plans[signature] = _Plain(program, arguments, signature, wanted)
        return _Trees(program, arguments, order, Call(program, leaves, integers))


def has_rule(function: JitFunction) -> bool:
    """Whether a user has given a compiled function a rule: then that is its derivative."""
    if function.ruled[0] != VERSION[0]:
        named = (function.__module__, function.__qualname__) in BY_NAME
        function.ruled = VERSION[0], named or function in BY_CALLABLE
    return function.ruled[1]


def _is_float64(leaf: Any) -> bool:
    return type(leaf) is float or (type(leaf) is np.ndarray and leaf.dtype is _FLOAT64)


def _order(args: tuple, argnums: tuple[int, ...]) -> list[int]:
    """Numbers of the leaves that are differentiated, in the order of `argnums`."""
    counts = [len(flatten(arg)[0]) for arg in args]
    return [sum(counts[:k]) + j for k in argnums for j in range(counts[k])]


def _kind(name: str, program: Program, wanted: list[bool]) -> str:
    """Name of a program whose active inputs are those with wanted leaves."""
    pairs = list(zip(program.leaves, wanted, strict=True))
    numbers = any(w for leaf, w in pairs if not leaf.ndim)
    bits = [numbers, *(w for leaf, w in pairs if leaf.ndim)]
    return f"{name}_{''.join(str(int(b)) for b in bits)}"


class _Plain:
    """Gradient at floats, ints and float64 arrays: the arguments are their own leaves."""

    def __init__(self, program: Program, arguments: Arguments, signature: tuple, wanted: list):
        self.program = program
        self.single = arguments.single
        self.argnums = arguments.argnums
        self.kinds = signature
        leaves = iter(wanted)
        self.wanted = tuple(kind is not int and next(leaves) for kind in signature)
        self.numbers = any(w and k is float for w, k in zip(self.wanted, signature, strict=True))
        self.kind = {b: _kind("grad" if b else "vjp", program, wanted) for b in (False, True)}
        floats = [k for k, kind in enumerate(signature) if kind is float]
        self.places = [floats.index(k) if k in floats else None for k in self.argnums]

    def gradient(self, args: tuple, both: bool) -> Any:
        """Gradient, or (value, gradient)."""
        floats: list[float] = []
        lengths: list[int] = []
        integers: list[int] = []
        arrays: list[np.ndarray] = []
        bars: dict[int, np.ndarray] = {}
        flat: list[np.ndarray] = []
        for k, kind in enumerate(self.kinds):
            arg = args[k]
            if kind is float:
                floats.append(arg)
            elif kind is int:
                integers.append(arg)
            else:
                lengths += arg.shape
                arrays.append(arg if kind == 1 and arg.flags.carray else row(arg))
                if self.wanted[k]:
                    bars[k] = bar = np.zeros(arg.shape)
                    flat.append(bar if kind == 1 else bar.reshape(-1))
        if self.numbers:
            flat.insert(0, np.zeros(len(floats)))
        sizes = int64(lengths, integers)
        code = self.program.compiled(self.kind[both], sizes)
        raw = code(numbers(floats), sizes, *arrays, _ONE, *flat)
        status = raw[0] if both else raw
        if status:
            raise self.program.failure(self.kind[both], int(status))
        found = flat[0].tolist() if self.numbers else ()
        parts = [
            bars[k] if place is None else found[place]
            for k, place in zip(self.argnums, self.places, strict=True)
        ]
        answer = parts[0] if self.single else tuple(parts)
        return (raw[1], answer) if both else answer


class _Trees:
    """Derivatives at arguments of any structure."""

    def __init__(
        self,
        program: Program,
        arguments: Arguments,
        order: list[int],
        call: Call,
    ):
        self.program = program
        self.arguments = arguments
        self.order = order
        self.wanted = [k in order for k in range(len(program.leaves))]
        self.call = call

    def bars(self) -> list[np.ndarray]:
        """Zero buffers for the cotangents of the active inputs."""
        bits = _kind("", self.program, self.wanted)[1:]
        return [b for b, bit in zip(self.call.empty(), bits, strict=True) if bit == "1"]

    def gradient(self, both: bool) -> Any:
        """Gradient, or (value, gradient)."""
        bars = self.bars()
        kind = _kind("grad" if both else "vjp", self.program, self.wanted)
        raw = self.call.run(kind, _ONE, *bars)
        answer = self.arguments.gradient(self.split(bars))
        return (raw[0], answer) if both else answer

    def hvp(self, vectors: tuple) -> Any:
        """Products of the Hessian with vectors."""
        moved = [leaf for vector in vectors for leaf in flatten(vector)[0]]
        shapes = [self.call.shapes[k] for k in self.order]
        if [np.shape(v) for v in moved] != shapes or not all(map(_is_float64, moved)):
            return None
        directions: list[Any] = [None] * len(self.wanted)
        for k, v in zip(self.order, moved, strict=True):
            directions[k] = v
        bits = _kind("", self.program, self.wanted)[1:]
        duals = [d for d, b in zip(self.call.duals(directions), bits, strict=True) if b == "1"]
        changes = self.bars()
        self.call.run(f"hvp_{bits}", _ONE, *self.bars(), *duals, *changes)
        return self.arguments.gradient(self.split(changes))

    def split(self, buffers: list[np.ndarray]) -> list[Any]:
        """Cotangents of the wanted leaves."""
        pairs = list(zip(self.program.leaves, self.wanted, strict=True))
        numbers = any(w for leaf, w in pairs if not leaf.ndim)
        floats = iter(buffers[0].tolist() if numbers else ())
        arrays = iter(buffers[numbers:])
        found: dict[int, Any] = {}
        for k, ((leaf, wanted), shape) in enumerate(zip(pairs, self.call.shapes, strict=True)):
            if not leaf.ndim:
                found[k] = next(floats, None)
            elif wanted:
                found[k] = next(arrays).reshape(shape)
        return [found[k] for k in self.order]

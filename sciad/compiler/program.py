"""A jitted function compiled for one structure of arguments, with its derivatives.

The border: floats travel packed in `s`, run-time integers (arguments and lengths of arrays) in `d`,
every array flat in a buffer of its own. Results come back as (status, numbers..., buffers...,
lengths...). Derivatives exist to second order: `jvp`, `vjp`, and `hvp`, the tangent of the adjoint,
from which both derivatives of `vjp` and the vjp of `jvp` are made (second derivatives are
symmetric).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from sciad.compiler import cache
from sciad.compiler.adjoint import adjoint
from sciad.compiler.arrays import over, owns_buffer, settled
from sciad.compiler.bundle import bundle
from sciad.compiler.emit import Emitted, emit
from sciad.compiler.fingerprint import (
    Unknown,
    Watch,
    code_digest,
    digest,
    facts,
    still_true,
    tree_key,
)
from sciad.compiler.frontend import Front, abstract_tree
from sciad.compiler.integers import LENGTH_BITS
from sciad.compiler.ir import FLOAT, INT, BufferType, Function, Operand, Value, const, type_of
from sciad.compiler.lower import describe
from sciad.compiler.merge import is_scalar
from sciad.compiler.simplify import simplify
from sciad.compiler.source import annotated, called, header, home_of, machine_code
from sciad.compiler.tangent import tangent
from sciad.compiler.types import LeafType
from sciad.compiler.values import (
    Abstract,
    ListOf,
    Memory,
    Object,
    StaticArray,
    Structure,
    TupleOf,
)
from sciad.compiler.whole import elements
from sciad.core.tree import TreeDef

__all__ = ["SCALAR", "Program"]

_LARGE = const((1 << 62) - 1)
#: Layout of the result of a function that returns one float.
SCALAR = ("scalar", "float64")


class Program:
    """Machine code for one structure of arguments.

    Parameters
    ----------
    function : callable
        The user's function.
    treedef : TreeDef
        Of ``(args, captured(function))``.
    leaves : tuple of LeafType
        Types of its leaves.
    integers : tuple of int
        Positions of arguments that are run-time integers.
    """

    def __init__(
        self,
        function: Any,
        root: Any,
        treedef: TreeDef,
        leaves: tuple[LeafType, ...],
        integers: tuple[int, ...],
    ):
        self.function = function
        self.root = root
        self.treedef = treedef
        self.leaves = leaves
        self.integers = integers
        self.modules: dict[str, Any] = {}
        self.watch = Watch(root)
        self.front: Front | None = None
        self.lowered: Function | None = None
        self.layout: Any = None
        self.split: Any = None
        self.lock = threading.RLock()

    # -- machine code --------------------------------------------------------------------------
    def compiled(self, kind: str) -> Any:
        """Give the compiled function of one kind: value, jvp, vjp, gradient, hvp or second.

        ``"jvp8"`` and ``"hvp4"`` are those along 8 and 4 directions at once.
        """
        module = self.modules.get(kind)
        if module is None:
            module = self.load(kind)
        return module.function

    def load(self, kind: str) -> Any:
        """Import the module of one kind."""
        with self.lock:
            if kind not in self.modules:
                self.modules[kind] = machine_code(self.path(kind), self.function)
                self.layout = self.modules[kind].LAYOUT
            return self.modules[kind]

    def source(self, kind: str) -> str:
        """Read the emitted code."""
        return Path(self.load(kind).__file__).read_text(encoding="utf-8")

    def path(self, kind: str) -> Path:
        """Find the module of one kind in the cache, or write it."""
        key = self.key(kind)
        found = None if key is None else cache.find(key)
        if found is not None and still_true(found[1], self.root):
            self.watch.add(found[1], self.root)
            return found[0]
        program = self.derived(kind)
        path = cache.write(f"{self.root.__name__}_{kind}", self.text(kind, program))
        calls = called(program) | called(self.program())
        assert self.front is not None
        calls |= self.front.calls
        known = facts(list(self.front.dependencies), calls)
        self.watch.add(known, self.root)
        if key is not None:
            cache.note(key, path, known)
        return path

    def key(self, kind: str) -> str | None:
        """Make the key of the index, None if something is known to this process only."""
        try:
            tree = tree_key(self.treedef)
        except Unknown:
            return None
        code = code_digest(self.root.__code__)
        kinds = [(leaf.ndim, leaf.shape) for leaf in self.leaves]
        return digest(cache.compiler_digest(), "jit", kind, code, tree, kinds, self.integers)

    # -- programs ------------------------------------------------------------------------------
    def program(self) -> Function:
        """Lower the function, once."""
        if self.lowered is None:
            self.lowered = self.lower()
        return self.lowered

    def lower(self) -> Function:
        """Lower the function."""
        captures = abstract_tree(self.treedef.children[1], lambda: const(0.0))
        front = Front(self.function, captures)
        buffers = [
            Value(f"a{k}", BufferType(FLOAT)) for k, leaf in enumerate(self.leaves) if leaf.ndim
        ]
        s, d = Value("s", BufferType(FLOAT)), Value("d", BufferType(INT))

        def params(low: Any) -> tuple[tuple, list[Abstract]]:
            whole = abstract_tree(self.treedef, _Leaves(low, self.leaves, s, d, buffers))
            args, inputs = whole.items
            front.root.captured.clear()
            front.root.captured.update(inputs.items)
            front.captures = {id(front.root.function): front.root}
            front.register(front.root, set())
            dims = sum(leaf.ndim for leaf in self.leaves)
            items = list(args.items)
            for k, position in enumerate(self.integers):
                items[position] = low.b.load(d, const(dims + k))
            return (s, d, *buffers), items

        self.front = front
        return front.lower(self.root.__name__, params, self.finish)

    def finish(self, low: Any, value: Abstract, place: Any) -> tuple[Operand, ...]:
        """Take the result apart; `layout` is how to put it together again."""
        parts = _Results(low, place)
        self.layout = parts.layout(settled(low, value, place))
        return (*parts.scalars, *parts.buffers, *parts.lengths)

    def active(self, program: Function) -> list[Value]:
        """List the inputs that carry derivatives."""
        return [v for v in program.params if v.type == BufferType(FLOAT)]

    def derived(self, kind: str) -> Function:
        """Make the program of one kind."""
        program = self.program()
        active = self.active(program)
        if kind == "value":
            return program
        if kind == "jvp":
            return simplify(tangent(program, active))
        if kind == "vjp":
            return simplify(adjoint(program, active))
        if kind == "gradient":  # the adjoint, with the results
            made = adjoint(program, active)
            made.body.results = program.results
            return simplify(made)
        if kind.startswith("jvp"):
            return simplify(bundle(program, active, int(kind[3:])))
        if kind.startswith("hvp"):
            reverse = simplify(adjoint(program, active))
            given = [p for p in reverse.params if p not in program.params]
            return simplify(bundle(reverse, [*active, *given], int(kind[3:] or 1)))
        forward = simplify(tangent(program, active))
        return simplify(tangent(forward, active))

    # -- text ----------------------------------------------------------------------------------
    def text(self, kind: str, program: Function) -> str:
        """Write the module of one kind."""
        kinds = [type_of(r) for r in program.results]
        blank = "".join(f", {_blank(k)}" for k in kinds)
        emitted: Emitted = emit(program, home_of(self.function), blank)
        types = ", ".join(_numba_type(p.type) for p in program.params)
        options = 'cache=True, error_model="numpy", nogil=True'
        returned = ", ".join(["0", *emitted.results])
        lines = [
            *header(self.function, kind, emitted, ["njit"]),
            f"LAYOUT = {self.layout!r}",
            "",
            "",
            f'@njit("({types})", {options})',
            f"def function({', '.join(emitted.params)}):",
            *annotated(emitted.lines, self.function),
            f"    return {returned}",
            "",
        ]
        return "\n".join(lines)


def _blank(kind: Any) -> str:
    if isinstance(kind, BufferType):
        return "np.empty(0)"
    return {"float64": "0.0", "int64": "0", "bool": "False"}[kind.name]


def _numba_type(kind: Any) -> str:
    return f"{kind.element.name}[::1]" if isinstance(kind, BufferType) else kind.name


class _Leaves:
    """Hands out the leaves of the arguments in order."""

    def __init__(self, low: Any, leaves: tuple, s: Value, d: Value, buffers: list[Value]):
        self.low = low
        self.remaining = iter(leaves)
        self.s, self.d = s, d
        self.buffers = iter(buffers)
        self.floats = 0
        self.lengths = 0

    def __call__(self) -> Abstract:
        leaf, b = next(self.remaining), self.low.b
        if leaf.ndim == 0:
            self.floats += 1
            return b.load(self.s, const(self.floats - 1))
        shape = []
        for _ in range(leaf.ndim):
            length = b.load(self.d, const(self.lengths), "n")
            self.low.bounds[length] = (const(0), _LARGE)
            self.low.bits[length] = LENGTH_BITS
            shape.append(length)
            self.lengths += 1
        strides: list[Operand] = []
        step: Operand = const(1)
        for n in reversed(shape):
            strides.insert(0, step)
            step = b.mul(step, n)
        return Memory(next(self.buffers), const(0), tuple(shape), tuple(strides), False)


class _Results:
    """Collects the numbers and buffers of a result; the layout is plain Python data."""

    def __init__(self, low: Any, place: Any):
        self.low = low
        self.place = place
        self.scalars: list[Operand] = []
        self.buffers: list[Value] = []
        self.seen: set[Value] = set()
        self.lengths: list[Operand] = []

    def layout(self, value: Abstract) -> Any:
        """Describe a value: ("scalar", type), ("array", shape), ("tuple", ...)..."""
        if is_scalar(value):
            self.scalars.append(self.low.b.cast(value, value.type))
            return ("scalar", value.type.name)
        if isinstance(value, TupleOf) and not value.fields:
            return (value.kind.__name__, [self.layout(item) for item in value.items])
        if isinstance(value, ListOf):
            items = [self.low.cell(value.cells, k) for k in range(value.cells.size)]
            return ("list", [self.layout(item) for item in items])
        if isinstance(value, Structure) and value.is_dict:
            return ("dict", [(k, self.layout(item)) for k, item in value.items.items()])
        if isinstance(value, StaticArray):
            if value.cells.element is not FLOAT:
                self.low.refuse(
                    "an array of integers or bools is returned",
                    self.place,
                    "return floats: multiply by 1.0",
                )
            for k in value.index.ravel():
                self.scalars.append(self.low.b.cast(self.low.cell(value.cells, int(k)), FLOAT))
            return ("array", value.shape)
        if isinstance(value, Memory):
            return self.buffer(value)
        if isinstance(value, Object) and value.value is None:
            return ("none",)
        return self.low.refuse(
            f"{describe(value)} cannot be returned from compiled code",
            self.place,
            "return numbers, arrays, tuples, lists or dicts",
        )

    def buffer(self, value: Memory) -> Any:
        """Describe a result in memory: a fresh buffer that nothing else refers to."""
        mine = owns_buffer(self.low, value) and value.buffer not in self.buffers
        shared = value.buffer in self.low.inputs or value.buffer in self.seen
        self.seen.add(value.buffer)
        fresh = value if mine else copied_to_memory(self.low, value, self.place)
        self.buffers.append(fresh.buffer)
        self.lengths.extend(fresh.shape)
        kind = ("list" if value.is_list else "memory", len(fresh.shape))
        return (*kind, "copied") if shared else kind


def copied_to_memory(low: Any, value: Memory, place: Any) -> Memory:
    """Make a contiguous copy in a buffer of its own, whatever its size."""
    known = elements(low, value, place)
    size: Operand = const(1)
    strides: list[Operand] = []
    for n in reversed(value.shape):
        strides.insert(0, size)
        size = low.b.mul(size, n)
    buffer = low.b.alloc(size, "empty", "result")

    def put(at: tuple[Operand, ...]) -> None:
        spot: Operand = const(0)
        for i, stride in zip(at, strides, strict=True):
            spot = low.b.add(spot, low.b.mul(i, stride))
        low.b.effect("store", buffer, spot, known.at(at))

    over(low, value.shape, put)
    return Memory(buffer, const(0), value.shape, tuple(strides), True)

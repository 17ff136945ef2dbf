"""Right-hand sides as machine code: addresses of functions over flat float64 memory.

    value: int32 (double t, double* y, double* p, double* out)
    jvp:   int32 (double t, double* y, double* p, double tdot, double* ydot, double* pdot,
                  double* out, double* outdot)
    vjp:   int32 (double t, double* y, double* p, double* outbar,
                  double* tbar, double* ybar, double* pbar)

Status 0 is success. A vjp adds to the last three arguments and leaves `outbar` as it is. `p` holds
the float leaves of ``tree.flatten((args, captured(fun)))`` one after the other, in C order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sciad.compiler.back import cache
from sciad.compiler.back.emit import Emitted, emit
from sciad.compiler.back.fingerprint import (
    Unknown,
    Watch,
    code_digest,
    digest,
    facts,
    still_true,
    tree_key,
)
from sciad.compiler.back.source import annotated, called, header, home_of, machine_code
from sciad.compiler.front.border import table_array, tables
from sciad.compiler.front.frontend import Front, abstract_tree, python_function
from sciad.compiler.front.lower import describe
from sciad.compiler.front.merge import is_scalar, leaves
from sciad.compiler.front.types import STATIC_LIMIT
from sciad.compiler.front.values import (
    Abstract,
    Cells,
    Elements,
    ListOf,
    Memory,
    StaticArray,
    TupleOf,
)
from sciad.compiler.ir import (
    FLOAT,
    BufferType,
    Failure,
    Function,
    Operand,
    Value,
    const,
)
from sciad.compiler.passes.adjoint import adjoint
from sciad.compiler.passes.simplify import simplify
from sciad.compiler.passes.tangent import tangent
from sciad.compiler.vocabulary.arrays import over, owns_buffer, settled, shape_of
from sciad.compiler.vocabulary.indexing import sequence
from sciad.compiler.vocabulary.whole import elements
from sciad.core.errors import CompileError, user_location
from sciad.core.source import captured
from sciad.core.tree import TreeDef, flatten

__all__ = ["NativeFunction", "native"]

_POINTER = "CPointer(float64)"
_KINDS = ("value", "jvp", "vjp")


class NativeFunction:
    """A right-hand side whose machine code is made on first access.

    Attributes
    ----------
    n, n_out : int
        Lengths of `y` and of the result.
    size : int
        Length of `p`.
    value, jvp, vjp : int
        Addresses; see the module's description. They stay valid as long as this object.
    """

    def __init__(self, function: Any, n: int, n_out: int, treedef: TreeDef, shapes: tuple):
        self.function = function
        self.n = n
        self.n_out = n_out
        self.treedef = tables(treedef)
        self.shapes = shapes
        self.size = int(sum(int(np.prod(s, dtype=np.int64)) for s in shapes))
        self.modules: dict[str, Any] = {}
        self.watch = Watch(python_function(getattr(function, "__func__", function)))
        self._front: tuple[Front, Function] | None = None
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"NativeFunction({name}, n={self.n}, n_out={self.n_out}, size={self.size})"

    @property
    def value(self) -> int:
        """Address of the function itself."""
        return self.module("value").function.address

    @property
    def jvp(self) -> int:
        """Address of the directional derivative."""
        return self.module("jvp").function.address

    @property
    def vjp(self) -> int:
        """Address of the vector-Jacobian product."""
        return self.module("vjp").function.address

    def holds(self, function: Any) -> bool:
        """Whether a function with the same code and structure still means what was compiled."""
        return self.watch.holds(python_function(getattr(function, "__func__", function)))

    def source(self, kind: str = "value") -> str:
        """Read the emitted code of ``"value"``, ``"jvp"`` or ``"vjp"``."""
        from pathlib import Path

        return Path(self.module(kind).__file__).read_text(encoding="utf-8")

    def failures(self, kind: str = "value") -> list[Failure]:
        """List what the positive statuses mean, in order."""
        known = self.module(kind).FAILURES
        return [Failure(exception, message, None) for exception, message, _ in known]

    # -- compilation ---------------------------------------------------------------------------
    def module(self, kind: str) -> Any:
        """Import the module that holds one of the three functions."""
        with self._lock:
            if kind not in self.modules:
                self.modules[kind] = machine_code(self.path(kind), self.function)
            return self.modules[kind]

    def path(self, kind: str) -> Any:
        """Find the module of one kind in the cache, or write it."""
        root = python_function(getattr(self.function, "__func__", self.function))
        key = self.key(kind, root)
        found = None if key is None else cache.find(key)
        if found is not None and still_true(found[1], root):
            self.watch.add(found[1], root)
            return found[0]
        program = self.derived(kind)
        path = cache.write(f"{self.name}_{kind}", self.text(kind, program))
        front, primal = self.front()
        known = facts(list(front.dependencies), called(program) | called(primal) | front.rules)
        self.watch.add(known, root)
        if key is not None:
            cache.note(key, path, known)
        return path

    @property
    def name(self) -> str:
        """Name of the function."""
        return getattr(self.function, "__name__", "function")

    def key(self, kind: str, root: Any) -> str | None:
        """Make the key of the index, None if something is known to this process only."""
        if root is None:
            return None
        try:
            tree = tree_key(self.treedef)
        except Unknown:
            return None
        code = code_digest(root.__code__)
        return digest(cache.compiler_digest(), kind, code, tree, self.shapes, self.n, self.n_out)

    def front(self) -> tuple[Front, Function]:
        """Lower the function, once."""
        if self._front is None:
            self._front = self.lower()
        return self._front

    def lower(self) -> tuple[Front, Function]:
        """Lower the function."""
        scope: dict[str, Any] = {}
        t = Value("t", FLOAT)
        y, p = Value("y", BufferType(FLOAT)), Value("p", BufferType(FLOAT))
        front = Front(self.function, _captures(self.treedef))

        def params(low: Any) -> tuple[tuple, list[Abstract]]:
            arguments, captures = _inputs(low, self.treedef, self.shapes, p)
            front.root.captured.clear()
            front.root.captured.update(captures.items)
            front.captures = {id(front.root.function): front.root}
            front.register(front.root, set())
            state = _array(y, (self.n,), 0)
            scope["low"] = low
            return (t, y, p), [t, state, *arguments.items]

        finish = lambda low, value, place: _outputs(low, value, self.n_out, place)
        return front, front.lower(self.name, params, finish)

    def derived(self, kind: str) -> Function:
        """Make the program of one kind."""
        program = self.front()[1]
        if kind == "value":
            return program
        transform = tangent if kind == "jvp" else adjoint
        return simplify(transform(program, program.params))

    def text(self, kind: str, program: Function) -> str:
        """Write the module of one kind."""
        emitted = emit(program, home_of(self.function))
        writer = {"value": _write_value, "jvp": _write_jvp, "vjp": _write_vjp}[kind]
        return writer(self, program, emitted)


# -- border --------------------------------------------------------------------------------------
def _captures(treedef: TreeDef) -> Any:
    return abstract_tree(treedef.children[1], lambda: const(0.0))


def _inputs(low: Any, treedef: TreeDef, shapes: tuple, p: Value) -> tuple[Any, Any]:
    """Abstract (args, captured) whose leaves are read from `p`."""
    names = [path.strip("[]'\".").split("'")[-1].split(".")[-1] for path in treedef.paths()]
    place = 0
    number = 0

    def leaf() -> Abstract:
        nonlocal place, number
        shape = shapes[number]
        name = names[number] if names[number].isidentifier() else "p"
        start = place
        place += int(np.prod(shape, dtype=np.int64))
        number += 1
        return low.b.load(p, const(start), name) if shape == () else _array(p, shape, start)

    whole = abstract_tree(treedef, leaf, lambda table: table_array(low, table))
    return whole.items


def _array(buffer: Value, shape: tuple[int, ...], offset: int) -> Abstract:
    """Make an array argument: known elements if it is small, a view otherwise."""
    size = int(np.prod(shape, dtype=np.int64))
    if size <= STATIC_LIMIT:
        cells = Cells(size, ("argument", buffer.name, offset), buffer, offset)
        return StaticArray(cells, np.arange(size).reshape(shape))
    strides = [int(np.prod(shape[d + 1 :], dtype=np.int64)) for d in range(len(shape))]
    lengths = tuple(const(n) for n in shape)
    return Memory(buffer, const(offset), lengths, tuple(map(const, strides)), False)


def _outputs(low: Any, value: Abstract, n_out: int, place: Any) -> tuple[Operand, ...]:
    """Scalars of the result, or one buffer that holds it."""
    if isinstance(value, Memory | Elements):
        (count,) = shape_of(low, value, place) if len(value.shape) == 1 else (None,)
        _expect(low, count, n_out, place)
        if isinstance(value, Memory) and owns_buffer(low, value):
            return (value.buffer,)
        known = elements(low, value, place)
        buffer = low.b.alloc(const(n_out), "empty", "result")
        shape = (const(n_out),)
        put = lambda at: low.b.effect("store", buffer, at[0], low.b.cast(known.at(at), FLOAT))
        over(low, shape, put)
        return (buffer,)
    if low.dead:
        return tuple(const(0.0) for _ in range(n_out))
    if not _is_vector(low, value, place):
        low.refuse(
            f"the function returns {describe(value)} that is not a vector of numbers",
            place,
            "return a list, tuple or one-dimensional array",
        )
    scalars = leaves(low, settled(low, value, place), low.env)
    _expect(low, const(len(scalars)), n_out, place)
    return tuple(low.b.cast(x, FLOAT) for x in scalars)


def _is_vector(low: Any, value: Abstract, place: Any) -> bool:
    """Whether a result is a number, a one-dimensional array or a sequence of numbers."""
    if isinstance(value, StaticArray):
        return len(value.shape) <= 1
    if not isinstance(value, TupleOf | ListOf):
        return is_scalar(value)
    items = sequence(low, value, place)
    return all(is_scalar(x) or (isinstance(x, StaticArray) and x.shape == ()) for x in items)


def _expect(low: Any, count: Operand | None, n_out: int, place: Any) -> None:
    if isinstance(count, Value):
        equal = low.b.compare("eq", count, const(n_out))
        low.check(equal, "ValueError", f"the result does not have {n_out} elements", place)
    elif count is None or count.value != n_out:
        shown = "no vector" if count is None else f"{count.value} numbers"
        low.refuse(
            f"the function returns {shown} where {n_out} are expected",
            place,
            "return a list, tuple or one-dimensional array of that length",
        )


# -- emission ------------------------------------------------------------------------------------
def _module(
    owner: NativeFunction,
    kind: str,
    arguments: list[tuple[str, int | None]],
    body: list[str],
    emitted: Emitted,
) -> str:
    """Text of a module with one C function; `arguments` are (name, length or None for a float)."""
    types = ", ".join("float64" if size is None else _POINTER for _, size in arguments)
    names = ", ".join(name if size is None else f"{name}_" for name, size in arguments)
    views = [f"    {n} = carray({n}_, {size})" for n, size in arguments if size is not None]
    if not emitted.uses_tape and not emitted.functions:
        views = [v for v in views if _mentioned(v.split()[0], emitted.lines + body)]
    numba = ["carray", "cfunc", *["called"] * bool(emitted.functions)]
    lines = [
        *header(owner.function, kind, emitted, numba),
        *annotated(emitted.functions, owner.function),
        f'@cfunc("int32({types})", cache=True, error_model="numpy")',
        f"def function({names}):",
        *views,
        *annotated(emitted.lines, owner.function),
        *body,
        "    return 0",
        "",
    ]
    return "\n".join(lines)


def _mentioned(name: str, lines: list[str]) -> bool:
    return any(f"{name}[" in line or name in line.split() for line in lines)


def _pack(results: Sequence[Operand], names: Sequence[str], target: str, n: int) -> list[str]:
    if len(results) == 1 and isinstance(results[0].type, BufferType):
        return [f"    for i in range({n}):", f"        {target}[i] = {names[0]}[i]"]
    return [f"    {target}[{k}] = {name}" for k, name in enumerate(names)]


def _write_value(owner: NativeFunction, program: Function, emitted: Emitted) -> str:
    t, y, p = emitted.params
    sizes = [(t, None), (y, owner.n), (p, max(owner.size, 1)), ("out", owner.n_out)]
    body = _pack(program.results, emitted.results, "out", owner.n_out)
    return _module(owner, "value", sizes, body, emitted)


def _write_jvp(owner: NativeFunction, program: Function, emitted: Emitted) -> str:
    t, y, p, *dots = emitted.params
    m = max(owner.size, 1)
    sizes = [(t, None), (y, owner.n), (p, m)]
    sizes += list(zip(dots, (None, owner.n, m), strict=True))
    sizes += [("out", owner.n_out), ("outdot", owner.n_out)]
    half = len(program.results) // 2
    parts = [
        (program.results[:half], emitted.results[:half], "out"),
        (program.results[half:], emitted.results[half:], "outdot"),
    ]
    body = [line for r, n, target in parts for line in _pack(r, n, target, owner.n_out)]
    return _module(owner, "jvp", sizes, body, emitted)


def _write_vjp(owner: NativeFunction, program: Function, emitted: Emitted) -> str:
    t, y, p, *rest = emitted.params
    if len(rest) == 3:  # a result that depends on nothing has no cotangent in the program
        rest = ["unused_bar", *rest]
    m = max(owner.size, 1)
    sizes = [(t, None), (y, owner.n), (p, m)]
    sizes += list(zip(rest, (owner.n_out, 1, owner.n, m), strict=True))
    return _module(owner, "vjp", sizes, [], emitted)


# -- memory of what was compiled -----------------------------------------------------------------
_known: dict[Any, NativeFunction] = {}


@cache.on_clear
def _forget() -> None:
    _known.clear()


def native(
    fun: Callable[..., Any],
    n: int,
    n_out: int | None = None,
    args: tuple = (),
) -> NativeFunction:
    """Compile a right-hand side `fun(t, y, *args)`.

    Parameters
    ----------
    fun : callable
        Plain Python (or a Numba dispatcher); may capture floats and arrays, call other functions
        and return a list, tuple or array.
    n : int
        Length of `y`.
    n_out : int, optional
        Length of the result; default `n`.
    args : tuple
        Arguments after `y`: floats, arrays and structures of them. Only their structure, shapes
        and constants matter here; the numbers are given to the compiled code in `p`.

    Returns
    -------
    NativeFunction
        The same object for the same code, structure and shapes.

    Raises
    ------
    CompileError
        If something in `fun` has no compiled form; says where and what to do.

    Examples
    --------
    >>> def decay(t, y, p):
    ...     return [-p["rate"] * y[0]]
    >>> native(decay, 1, args=({"rate": 0.5},)).size
    1
    """
    n_out = n if n_out is None else n_out
    leaf_list, treedef = flatten((tuple(args), captured(fun)))
    treedef = tables(treedef)
    shapes = tuple(_shape(leaf) for leaf in leaf_list)
    root = python_function(getattr(fun, "__func__", fun))
    key = (getattr(root, "__code__", None) or id(fun), treedef, shapes, n, n_out)
    known = _known.get(key)
    if known is not None and known.holds(fun):
        return known
    made = NativeFunction(fun, n, n_out, treedef, shapes)
    made.module("value")
    _known[key] = made
    return made


def _shape(leaf: Any) -> tuple[int, ...]:
    if isinstance(leaf, float):
        return ()
    kind = np.dtype(getattr(leaf, "dtype", type(leaf))).kind
    if kind != "f":
        raise CompileError(
            "complex parameters cannot be compiled",
            where=user_location(),
            hint="split them into real and imaginary parts",
        )
    return tuple(np.shape(leaf)) if not hasattr(leaf, "shape") else tuple(leaf.shape)

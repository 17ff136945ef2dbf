"""The state of lowering: from a normalised syntax tree to IR, with types on the way.

A function is executed on abstract values (see `values`): names live in one flat environment, keyed
by frame and name; elements of local arrays and lists live there too, keyed by storage and number,
so that branches and loops join them like any other name. Calls are inlined, which resolves aliases
between caller and callee; functions that call themselves are in `recursion`. Statements are in
`statements`, expressions in `expressions`, what happens where paths meet in `merge`.

Storage begins as variables. If an element is addressed by an index that is only known at run time,
lowering starts again with that storage in memory (`Restart`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, NoReturn

import numpy as np

from sciad.compiler import decisions
from sciad.compiler.builder import Builder
from sciad.compiler.front import (
    expressions,
    functions,
    language,
    precision,
    recursion,
    singles,
    statements,
)
from sciad.compiler.front.fence import check_syntax, refuse
from sciad.compiler.front.intervals import Facts
from sciad.compiler.front.merge import UNSET
from sciad.compiler.front.normal import RETURNED, VALUE, normalise
from sciad.compiler.front.values import (
    Abstract,
    Cells,
    Closure,
    ComplexOf,
    ListOf,
    Memory,
    Missing,
    Object,
    Pythonic,
    StaticArray,
    Unsure,
)
from sciad.compiler.ir import (
    FLOAT,
    FLOAT32,
    INT,
    Const,
    Failure,
    Location,
    Operand,
    Region,
    ScalarType,
    Value,
    const,
)
from sciad.core.errors import SciadError
from sciad.core.freshness import is_fresh
from sciad.core.rules import lookup
from sciad.core.source import source_of

__all__ = ["Frame", "Lowering", "Restart", "describe"]

_serial = count(1)
_DEEPEST = 60
_SINGLE = ("float32",)


class Restart(Exception):
    """Lowering has to start again with the storage made at `site` in memory."""

    def __init__(self, site: object):
        super().__init__(site)
        self.site = site


class Frame:
    """One activation of an inlined function."""

    def __init__(
        self,
        filename: str,
        function: Any,
        names: set[str],
        resolve: Callable[[str], Abstract | None],
        site: tuple,
    ):
        self.filename = filename
        self.function = function
        self.names = names
        self.resolve = resolve
        self.site = site
        self.serial = next(_serial)
        self.mark = Value("frame", INT).serial  # buffers made later are made in this activation
        self.outer: Frame | None = None


class Lowering:
    """Abstract machine that executes functions and writes IR.

    Parameters
    ----------
    in_memory : set
        Sites whose storage is known to need memory.
    resolve : callable
        ``resolve(function, name)`` gives a name that is not local to a `Pythonic` function.
    """

    def __init__(self, in_memory: set, resolve: Callable[[Pythonic, str], Abstract]):
        self.b = Builder()
        self.env: dict[Any, Abstract] = {}
        self.in_memory = in_memory
        self.resolve_global = resolve
        self.frames: list[Frame] = []
        self.dead = False
        self.stores: list[Cells] = []
        self.bounds: dict[Value, tuple[Operand, Operand]] = {}
        self.facts = Facts()
        self.assumed: list[tuple[Operand, bool]] = []  # conditions of the branches around
        self.choices: dict[Value, tuple[Operand, Operand, Operand]] = {}
        self.offsets: dict[Value, tuple[Value, int]] = {}
        self.bits: dict[Value, int] = {}
        self.arguments: dict[Value, int] = {}  # buffer of the caller -> number of its leaf
        self.updated: dict[int, Any] = {}  # number of a leaf -> the copy that is written to
        self.pools: dict[Value, tuple[Operand, int, object]] = {}  # slot length, slots, demand
        self.checked: dict[Value, Region] = {}  # indices, known to be small in the same region
        self.whole: dict[Value, Memory] = {}
        self.int_lists: dict[Value, tuple] = {}
        self.site_prefix: tuple = ()
        self.home = ""
        self.running: list[Value] = []  # indices of the loops around
        self.bodies: dict[ast.AST, list[ast.stmt]] = {}
        self.calls = recursion.Calls()
        self.inputs: set[Value] = set()  # parameters of the whole program
        self.rules: set[Any] = set()  # functions whose rules nested derivatives have used
        self.single = _SINGLE in in_memory  # whether float32 occurs in the program
        self.boxed = False  # whether numbers may be arrays of no dimensions
        self.forwards = False  # whether derivatives inside are taken by forward mode

    # -- errors and places ---------------------------------------------------------------------
    @property
    def frame(self) -> Frame:
        """The innermost function."""
        return self.frames[-1]

    def refuse(self, what: str, node: ast.AST, hint: str | None = None) -> NoReturn:
        """Raise an error at a node of the function being lowered."""
        refuse(what, self.frame.filename, node, hint)

    def at(self, node: ast.AST) -> Location:
        """Place of a node; the IR that follows is attributed to it."""
        location = Location(self.frame.filename, getattr(node, "lineno", 0))
        self.b.location = location
        return location

    @contextmanager
    def assuming(self, test: Operand, holds: bool) -> Iterator[None]:
        """Lower a branch: its condition is known to hold, or not to."""
        self.assumed.append((test, holds))
        try:
            yield
        finally:
            self.assumed.pop()

    def check(self, condition: Operand, exception: str, message: str, node: ast.AST) -> None:
        """Leave with a failure at run time unless the condition holds."""
        self.b.check(condition, Failure(exception, message, self.at(node)))

    # -- names ---------------------------------------------------------------------------------
    def read(self, node: ast.Name) -> Abstract:
        """Value of a name, local or not."""
        frame = self.frame
        if node.id in frame.names or node.id.startswith("."):
            value = self.env.get((frame.serial, node.id))
            if value is None:
                value = Missing("it has not been assigned yet")
        else:
            found = frame.resolve(node.id)
            value = Missing("it is not defined") if found is None else found
        if isinstance(value, Unsure):
            value = language.assured(self, node, value)
        if isinstance(value, Missing):
            self.demand(value)
            hint = "give it a value on every path before it is read"
            self.refuse(f"the name {node.id!r} may have no value here: {value.reason}", node, hint)
        return value

    def demand(self, value: Missing) -> None:
        """Start again if the place where paths meet can keep a value that is read after all."""
        if value.demand is not None and value.demand not in self.in_memory:
            raise Restart(value.demand)

    def known(self, name: str) -> Abstract | None:
        """Value of a name, None if it has none yet."""
        frame = self.frame
        local = name in frame.names
        return self.env.get((frame.serial, name)) if local else frame.resolve(name)

    def bind(self, name: str, value: Abstract) -> None:
        """Assign a local name, or one that is declared nonlocal."""
        self.env[(language.owner(self.frame, name).serial, name)] = value

    def begin_single(self) -> None:
        """Start again if it turns out that the program has float32 in it."""
        if not self.single:
            raise Restart(_SINGLE)

    # -- storage -------------------------------------------------------------------------------
    def site(self, node: ast.AST) -> tuple:
        """Identity of a place where storage is made, the same in every lowering."""
        place = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
        return (*self.frame.site, place, *self.site_prefix)

    def cells(self, items: list[Abstract], node: ast.AST) -> Cells:
        """Make storage for some elements."""
        cells = Cells(len(items), self.site(node))
        decisions.lowered("variables", self, node, f"{len(items)} elements")
        for k, item in enumerate(items):
            self.env[(cells, k)] = item
        return cells

    def static_array(
        self, items: list[Operand], shape: tuple[int, ...], node: ast.AST, element=FLOAT
    ) -> StaticArray:
        """Make an array of known shape whose elements are variables."""
        cells = self.cells([self.b.cast(x, element) for x in items], node)
        cells.element = element
        return StaticArray(cells, np.arange(cells.size).reshape(shape))

    def cell(self, cells: Cells, k: int, env: dict | None = None) -> Abstract:
        """Element of a storage."""
        if cells.known is not None:
            return self.element(cells, cells.known[k])
        if cells.buffer is not None:
            return self.element(cells, self.b.load(cells.buffer, const(cells.offset + k)))
        value = (self.env if env is None else env)[(cells, k)]
        if isinstance(value, Missing):
            self.demand(value)
        return self.element(cells, value)

    def element(self, cells: Cells, value: Abstract) -> Abstract:
        """Note that what is read from an array is a number of NumPy's."""
        if not self.single or cells.is_list:
            return value
        return singles.mark(self, value, precision.NUMPY)

    def set_cell(self, cells: Cells, k: int, value: Abstract, node: ast.AST) -> None:
        """Overwrite an element."""
        self.writable(cells, node)
        self.env[(cells, k)] = value
        self.stores.append(cells)

    def writable(self, cells: Cells, node: ast.AST) -> None:
        """Refuse writes into arguments and into storage that has been joined with another."""
        if cells.buffer is not None:
            self.refuse(
                "an array that belongs to the caller is written to",
                node,
                "work on a copy: x = x.copy()",
            )
        if cells.frozen is not None:
            self.relocate(cells)
            self.refuse(
                f"an array is written to that {cells.frozen}",
                node,
                "work on a copy, or keep one array and overwrite its elements",
            )
        recursion.own(self, cells, node)

    def relocate(self, cells: Cells, env: dict | None = None) -> None:
        """Start again with an array of variables in memory, where names keep their identity."""
        values = [(self.env if env is None else env).get((cells, k)) for k in range(cells.size)]
        if cells.site not in self.in_memory and all(
            isinstance(x, Const | Value) and x.type in (FLOAT, FLOAT32) for x in values
        ):
            raise Restart(cells.site)

    def wrap(self, value: Any, module: str, name: str) -> Abstract:
        """Abstract value of an object found in a module; replaced by the front end."""
        return Object(value)

    # -- calls of Python functions -------------------------------------------------------------
    def call(
        self,
        target: Pythonic | Closure,
        args: list[Abstract],
        named: dict[str, Abstract],
        node: ast.AST,
    ) -> Abstract:
        """Execute a Python function in place."""
        made = self.target(target, node)
        tree = made.tree
        if recursion.marker(tree, made.filename) in self.in_memory:
            return recursion.invoke(self, made, args, named, node)
        if any(f.function is made.identity for f in self.frames):
            raise Restart(recursion.marker(tree, made.filename))
        if len(self.frames) > _DEEPEST:
            self.refuse("calls are nested too deeply", node, "use a loop")
        place = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
        site = (*(self.frames[-1].site if self.frames else ()), place, *self.site_prefix)
        self.home = self.home or made.filename
        defaults = made.defaults, made.keywords
        values = language.arguments(self, tree, args, named, defaults, node)
        decisions.lowered("inlined", self, node, getattr(tree, "name", "lambda"))
        location, prefix = self.b.location, self.site_prefix
        self.site_prefix = ()
        result = self.run(made, values, site)
        self.b.location, self.site_prefix = location, prefix
        return const(0.0) if self.dead else result

    def target(self, target: Pythonic | Closure, node: ast.AST) -> recursion.Target:
        """Find what is needed to run a function."""
        if isinstance(target, Closure):
            outer = target.frame
            resolve = lambda name: self.outer(outer, name)
            defaults = list(target.defaults)
            tree = language.desugared(target.node)
            place = outer.filename, tree, outer.site
            return recursion.Target(tree, *place, resolve, defaults, outer, target.keywords)
        if lookup(target.function) is not None:
            functions.refuse_ruled(self, target, node)
        tree, filename = self.source(target, node)
        resolve = lambda name: self.resolve_global(target, name)
        code = target.function.__code__
        tree = language.desugared(tree)
        place = filename, code, id(target.function)
        keywords = language.keyword_defaults(self, target)
        return recursion.Target(tree, *place, resolve, self.defaults(target), None, keywords)

    def run(self, target: recursion.Target, values: dict[str, Abstract], site: tuple) -> Abstract:
        """Execute the body of a function in a frame of its own; gives what it returns."""
        tree = target.tree
        frame = Frame(target.filename, target.identity, _local_names(tree), target.resolve, site)
        frame.outer = target.frame
        self.frames.append(frame)
        for name, value in values.items():
            self.bind(name, value)
        self.bind(VALUE, UNSET)
        if tree not in self.bodies:
            self.bodies[tree] = normalise(tree)
        statements.execute(self, self.bodies[tree])
        result = self.env[(frame.serial, VALUE)]
        if isinstance(result, Missing) and not self.dead:
            self.demand(result)
            self.refuse(
                f"what the function returns is not clear: {result.reason}",
                tree,
                "return values of the same structure on every path",
            )
        if not functions.outlive(self, result):
            for key in [k for k in self.env if k[0] == frame.serial]:
                del self.env[key]
        self.frames.pop()
        return result

    def source(self, target: Pythonic, node: ast.AST) -> tuple[Any, str]:
        """Find the tree of a function and its file, or refuse."""
        try:
            found = source_of(target.function)
        except SciadError as error:
            if not self.frames:
                refuse(error.what, target.function.__code__.co_filename, node, error.hint)
            self.refuse(error.what, node, error.hint)
        if isinstance(found.node, ast.AsyncFunctionDef):
            refuse("an async function cannot be compiled", found.filename, found.node)
        if not is_fresh(target.function.__code__, found.node):
            refuse(
                f"the file of {found.qualname} was changed after it was imported",
                found.filename,
                found.node,
                "import it again, or restart",
            )
        check_syntax(found.node, found.filename)
        return found.node, found.filename

    def outer(self, frame: Frame, name: str) -> Abstract | None:
        """Look up a name of an enclosing compiled function."""
        if name in frame.names:
            return self.env.get((frame.serial, name))
        return frame.resolve(name)

    def defaults(self, target: Pythonic) -> list[Abstract]:
        """Read the default values of a function's parameters."""
        function = target.function
        return [
            self.resolve_global(target, f"__default__.{k}")
            for k in range(len(function.__defaults__ or ()))
        ]

    def refuse_call(self, what: str, node: ast.AST) -> NoReturn:
        """Raise an error about the arguments of a call."""
        if self.frames:
            self.refuse(what, node)
        refuse(what, self.home, node)

    # -- shorthands used by the other modules --------------------------------------------------
    def evaluate(self, node: ast.expr) -> Abstract:
        """Value of an expression."""
        return expressions.evaluate(self, node)

    def scalar(self, node: ast.expr, least: ScalarType | None = None) -> Operand:
        """Value of an expression that has to be a scalar."""
        return self.as_scalar(self.evaluate(node), node, least)

    def as_scalar(self, value: Abstract, node: ast.AST, least: ScalarType | None = None) -> Operand:
        """Take an abstract value as a scalar; a 0-dimensional array counts."""
        if isinstance(value, StaticArray) and value.shape == ():
            value = self.cell(value.cells, int(value.index))
        if isinstance(value, ComplexOf):
            self.refuse(
                "a complex number stands where a real one is needed",
                node,
                "take .real, .imag or abs(...)",
            )
        if not isinstance(value, Const | Value):
            integers = isinstance(value, Object) and isinstance(value.value, np.ndarray)
            hint = "make it an array of floats: .astype(float)" if integers else None
            self.refuse(f"{describe(value)} stands where a number is needed", node, hint)
        return value if least is None else self.b.cast(value, least)


def describe(value: Abstract) -> str:
    """Describe a value in an error message."""
    if isinstance(value, Object) and isinstance(value.value, np.ndarray):
        return f"an array of {value.value.dtype} values"
    if isinstance(value, Object):
        name = getattr(value.value, "__qualname__", None) or repr(value.value)
        return f"the object {name}"
    if isinstance(value, ListOf):
        return "a list"
    if isinstance(value, ComplexOf):
        return "a complex number" if isinstance(value.re, Const | Value) else "a complex array"
    return {
        "TupleOf": "a tuple or list",
        "Structure": "a structure",
        "StaticArray": "an array",
        "Memory": "an array",
        "Elements": "an array",
        "RangeOf": "a range",
        "Method": "a method",
        "Pythonic": "a function",
        "Closure": "a function",
        "Choice": "a function",
    }.get(type(value).__name__, "a value")


def _local_names(tree: Any) -> set[str]:
    """Names that a function assigns, its parameters included, those of inner functions not."""
    spec = tree.args
    names = {a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)}
    foreign: set[str] = set()
    names |= {star.arg for star in (spec.vararg, spec.kwarg) if star is not None}
    body = tree.body if isinstance(tree.body, list) else [tree.body]
    front: list[ast.AST] = list(body)
    while front:
        node = front.pop()
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Lambda | ast.ListComp | ast.GeneratorExp):
            names |= {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
            continue
        if isinstance(node, ast.Nonlocal):
            foreign |= set(node.names)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        front.extend(ast.iter_child_nodes(node))
    return (names - foreign) | {VALUE, RETURNED}

"""The intermediate representation: typed, structured SSA over scalars and flat buffers.

A `Function` has parameters and a body `Region`; a region is a list of nodes and the operands it
hands to whoever contains it. There are three nodes: `Op` (everything straight), `If` and `Loop`.
Scalars (`FLOAT`, `INT`, `BOOL`) are values in the SSA sense; `FLOAT32` is a type of the front end,
gone when lowering has ended (see `rounding`). Memory is made of *buffers*: flat,
contiguous, distinct pieces of float64, int64 or bool memory that are either parameters or made by
`alloc` or `table`. There are no views, no aliases and no buffer-valued joins: the front end
resolves views into index arithmetic on the buffer they belong to, so two different buffers never
overlap and a pass that follows memory needs nothing but the buffer's identity. Every pass maps this
representation to itself, hence the passes compose (the tangent of an adjoint is a
Hessian-vector product).

Operations
    add sub mul div floordiv mod pow neg           arithmetic on floats or on ints;
                                                   add attr=ANY_ORDER: terms in any order
    lt le gt ge eq ne and or not                   comparisons and bool arithmetic
    float int                                      conversions
    single                                         rounds a float to the nearest float32
    float32                                        the same in the front end, as a FLOAT32
    select(c, a, b)                                both operands are already there
    stop(x)                                        x without its derivative
    call(args) attr=(module, name)                 an elementwise function, e.g. ("math", "sin")
    alloc(n) attr="zeros"|"empty"                  a new buffer of n elements
    table attr=(dtype, values)                     a buffer of known ints or bools, read only
    load(b, i)  store(b, i, x)  accum(b, i, x)     element access; accum adds in place
    linalg(x, a, n, m) attr=name                   overwrite x; see `linear_rules`; out: success
    check(c) attr=Failure                          leave the function with a status unless c
    assume(c)                                      c holds; made by `requirements`, at the end
    push(x...) attr=slot   pop() attr=slot         a frame of the tape
    map(out, x..., n) attr=Entry                   a vectorised loop; made by `blocks`, at the end
    invoke(x...) attr=callee                       a call of a function of its own (see `invoke`)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

__all__ = [
    "ANY_ORDER",
    "BOOL",
    "FLOAT",
    "FLOAT32",
    "INT",
    "BufferType",
    "Const",
    "Failure",
    "Function",
    "If",
    "Location",
    "Loop",
    "Node",
    "Op",
    "Operand",
    "Region",
    "ScalarType",
    "Value",
    "const",
    "defined",
    "dump",
    "operands",
    "type_of",
    "verify",
    "walk",
]


@dataclass(frozen=True)
class ScalarType:
    """Type of an SSA scalar; `rank` orders the promotions bool -> int -> float32 -> float."""

    name: str
    rank: int

    def __repr__(self) -> str:
        return self.name


BOOL = ScalarType("bool", 0)
INT = ScalarType("int64", 1)
FLOAT32 = ScalarType("float32", 2)
FLOAT = ScalarType("float64", 3)

#: Attribute of an `add` whose terms may be summed up in any order: contributions to a cotangent,
#: sums of the library. Those of the user are summed up in the order in which they are written.
ANY_ORDER = "any order"


@dataclass(frozen=True)
class BufferType:
    """Type of a flat contiguous buffer of `element`s."""

    element: ScalarType

    def __repr__(self) -> str:
        return f"{self.element}[]"


@dataclass(frozen=True)
class Location:
    """A line of the user's code."""

    filename: str
    line: int

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}"


@dataclass(frozen=True)
class Failure:
    """What a failed `check` means: the exception to raise, its text and where it stands."""

    exception: str
    message: str
    location: Location | None = None


_serial = count(1)


class Value:
    """An SSA value: defined once, by a parameter, an op, a join or a loop."""

    __slots__ = ("name", "serial", "type")

    def __init__(self, name: str, type_: ScalarType | BufferType):
        self.name = name
        self.type: Any = type_
        self.serial = next(_serial)

    def __repr__(self) -> str:
        return f"{self.name}.{self.serial}"


@dataclass(frozen=True)
class Const:
    """A literal operand; equality distinguishes 0, 0.0, -0.0 and False."""

    value: float | int | bool
    type: ScalarType
    text: str = field(init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "text", repr(self.value))

    def __eq__(self, other):
        return isinstance(other, Const) and self.text == other.text and self.type is other.type

    def __hash__(self):
        return hash((self.text, self.type))

    def __repr__(self) -> str:
        return self.text


#: A `Value` or a `Const`; which one is asked where it matters.
Operand = Any


def const(value: float | int | bool) -> Const:
    """Wrap a Python (or NumPy) scalar as a literal."""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return Const(bool(value), BOOL)
    if isinstance(value, int) or hasattr(value, "__index__"):
        return Const(int(value), INT)
    return Const(float(value), FLOAT)


def type_of(operand: Operand) -> Any:
    """Type of an operand."""
    return operand.type


@dataclass(eq=False)
class Op:
    """A straight operation; `outs` holds one value, any number for `pop` and `invoke`."""

    code: str
    args: tuple[Operand, ...]
    outs: tuple[Value, ...] = ()
    attr: Any = None
    location: Location | None = None

    @property
    def out(self) -> Value:
        """The single result."""
        (value,) = self.outs
        return value


@dataclass(eq=False)
class Region:
    """A sequence of nodes and the operands it yields."""

    nodes: list[Node] = field(default_factory=list)
    results: tuple[Operand, ...] = ()


@dataclass(eq=False)
class If:
    """`outs` take the results of `then` or of `orelse`."""

    condition: Operand
    then: Region
    orelse: Region
    outs: tuple[Value, ...] = ()
    location: Location | None = None


@dataclass(eq=False)
class Loop:
    """A loop with carried values.

    `kind` is "range" (index runs over start, stop, step; step is a nonzero constant or checked) or
    "while" (runs as long as `params[0]`, a bool, holds; start, stop, step are unused and `index`
    counts from 0). `params` start as `inits`, become the body's results after each iteration and
    end up in `outs`. `until`, a value of the body, leaves a range loop after the iteration.
    `trips`, if not None, is the number of iterations that were run. `snapshots`, if not None, asks
    for binomial checkpointing in the adjoint, with so many stored states (0: as many as it takes).
    """

    kind: str
    index: Value
    start: Operand
    stop: Operand
    step: Operand
    params: tuple[Value, ...]
    inits: tuple[Operand, ...]
    body: Region
    outs: tuple[Value, ...]
    until: Operand | None = None
    trips: Value | None = None
    location: Location | None = None
    snapshots: Const | None = None


Node = Op | If | Loop


@dataclass(eq=False)
class Function:
    """A program: `body.results` are what it returns."""

    name: str
    params: tuple[Value, ...]
    body: Region

    @property
    def results(self) -> tuple[Operand, ...]:
        """The returned operands."""
        return self.body.results


def walk(region: Region) -> Iterator[Node]:
    """All nodes of a region and of the regions inside, in program order, containers first."""
    for node in region.nodes:
        yield node
        if isinstance(node, If):
            yield from walk(node.then)
            yield from walk(node.orelse)
        elif isinstance(node, Loop):
            yield from walk(node.body)


def operands(node: Node) -> tuple[Operand, ...]:
    """List what a node itself reads (the operands of inner nodes excluded)."""
    if isinstance(node, Op):
        return node.args
    if isinstance(node, If):
        return (node.condition, *node.then.results, *node.orelse.results)
    bounds = (node.start, node.stop, node.step) if node.kind == "range" else ()
    until = () if node.until is None else (node.until,)
    return (*bounds, *node.inits, *node.body.results, *until)


def defined(node: Node) -> tuple[Value, ...]:
    """List what a node defines for the nodes after it."""
    if isinstance(node, Loop) and node.trips is not None:
        return (*node.outs, node.trips)
    return node.outs


def verify(function: Function) -> None:
    """Check that every value is defined once and before its uses, and that joins are well typed."""
    seen: set[Value] = set(function.params)
    _verify_region(function.body, set(function.params), seen)


def _define(values, scope, seen):
    for value in values:
        if value in seen:
            raise AssertionError(f"{value!r} is defined twice")
        seen.add(value)
        scope.add(value)


def _use(values, scope):
    for value in values:
        if isinstance(value, Value) and value not in scope:
            raise AssertionError(f"{value!r} is used outside its scope")


def _same_types(outs, *sources):
    for source in sources:
        if [type_of(x) for x in outs] != [type_of(x) for x in source]:
            raise AssertionError(f"a join of {outs!r} and {source!r} is ill typed")


def _verify_region(region: Region, scope: set[Value], seen: set[Value]) -> None:
    for node in region.nodes:
        if isinstance(node, Op):
            _use(node.args, scope)
        elif isinstance(node, If):
            _use((node.condition,), scope)
            for branch in (node.then, node.orelse):
                _verify_region(branch, set(scope), seen)
                _same_types(node.outs, branch.results)
        else:
            bounds = (node.start, node.stop, node.step) if node.kind == "range" else ()
            _use((*bounds, *node.inits), scope)
            inner = set(scope)
            _define((node.index, *node.params), inner, seen)
            _verify_region(node.body, inner, seen)
            if node.until is not None:
                inner |= {v for n in node.body.nodes for v in defined(n)}
                _use((node.until,), inner)
            _same_types(node.params, node.inits, node.body.results, node.outs)
        _define(defined(node), scope, seen)
    _use(region.results, scope)


def dump(function: Function) -> str:
    """Write a plain listing for debugging and for tests of passes."""
    lines = [f"{function.name}({', '.join(f'{p!r}: {p.type!r}' for p in function.params)})"]
    _dump_region(function.body, "  ", lines)
    return "\n".join(lines)


def _dump_region(region: Region, indent: str, lines: list[str]) -> None:
    for node in region.nodes:
        outs = ", ".join(map(repr, defined(node)))
        if isinstance(node, Op):
            attr = "" if node.attr is None else f" {node.attr!r}"
            lines.append(f"{indent}{outs} = {node.code}{attr} {', '.join(map(repr, node.args))}")
        elif isinstance(node, If):
            lines.append(f"{indent}{outs} = if {node.condition!r}")
            _dump_region(node.then, indent + "  ", lines)
            lines.append(f"{indent}else")
            _dump_region(node.orelse, indent + "  ", lines)
        else:
            head = f"{node.index!r} in {node.start!r}:{node.stop!r}:{node.step!r}"
            carried = ", ".join(
                f"{p!r}={i!r}" for p, i in zip(node.params, node.inits, strict=True)
            )
            lines.append(f"{indent}{outs} = {node.kind} {head} [{carried}] until {node.until!r}")
            _dump_region(node.body, indent + "  ", lines)
    lines.append(f"{indent}yield {', '.join(map(repr, region.results))}")

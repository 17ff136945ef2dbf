"""Recursion: a function that is met again while it runs becomes a function of its own.

A call of such a function is an `invoke` of a `Callee`, one for each structure of arguments (see
`layouts`). Scalars that are literals at every level stay literals; one that differs between levels
becomes a parameter. The body is lowered once more until the types of its results settle: in the
first round paths on which the function calls itself have no value. If a literal that varies turns
out to be needed as one (an index into a tuple), each level becomes a callee of its own, up to a
few. What a body reads from outside (variables of enclosing functions, captured parameters) becomes
further parameters in the end (`close`). Storage that is written to by a callee and does not belong
to it moves to memory.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from sciad.compiler.front import language, precision
from sciad.compiler.front.destinations import Destination, is_mark, placed, received, returned
from sciad.compiler.front.layouts import Layout
from sciad.compiler.front.merge import is_scalar, leaves, rebuild, storages
from sciad.compiler.front.merge import layout as shape_of
from sciad.compiler.front.moving import now
from sciad.compiler.front.values import (
    Abstract,
    Cells,
    ComplexOf,
    ListOf,
    Memory,
    Object,
    StaticArray,
    Structure,
    TupleOf,
)
from sciad.compiler.invoke import Callee, free_values, invokes, reachable, sites, writes
from sciad.compiler.ir import (
    FLOAT,
    FLOAT32,
    BufferType,
    Const,
    Function,
    Location,
    Loop,
    Op,
    Operand,
    Region,
    ScalarType,
    Value,
    defined,
    walk,
)
from sciad.compiler.passes.recall import substitute
from sciad.core.errors import CompileError

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "Calls",
    "Target",
    "Unsettled",
    "attempt",
    "close",
    "invoke",
    "marker",
    "own",
    "unrolled",
]

_MOST_ROUNDS = 8
_MOST_LAYOUTS = 16
_COMPLETE = 3  # rounds after which nothing about a body is guessed
_SHARED = "may be what a recursive function returned"


class Unsettled(Exception):
    """A call has no value yet, because the types of its results are being found."""


@dataclass(frozen=True)
class Target:
    """A Python function to call: its tree, where it stands and how it resolves names."""

    tree: Any
    filename: str
    identity: object  # of the code
    token: object  # tells functions of one code apart, the same in every lowering
    resolve: Callable[[str], Abstract | None]
    defaults: list[Abstract]
    frame: Any = None  # that a closure was made in
    keywords: dict[str, Abstract] = field(default_factory=dict)  # defaults by name

    @property
    def name(self) -> str:
        """Name of the function."""
        return getattr(self.tree, "name", "function")


@dataclass
class _Model:
    """What a callee returns: a value as a pattern, types, numbers of arguments it may share."""

    value: Abstract
    env: dict
    kinds: list[ScalarType]
    shares: list[int]
    destinations: list[Destination]  # its arrays
    ends: list[Operand]  # its numbers
    origins: list[str]  # whose they are, beside float32


@dataclass(eq=False)
class _Activation:
    """A callee whose body is being lowered."""

    key: tuple
    frames: list[Any]
    constants: tuple[Const | None, ...]
    callee: Callee
    layout: Layout  # keeps alive what the key names
    model: _Model | None = None
    used: bool = False
    rounds: int = 0


@dataclass
class Calls:
    """What a lowering knows about functions that are not inlined."""

    active: list[_Activation] = field(default_factory=list)
    known: dict[tuple, tuple[_Activation, dict]] = field(default_factory=dict)
    foreign: int = 0  # storage with smaller numbers belongs to a caller
    culprit: object = None  # the callee in which something was refused


def unrolled(in_memory: set, culprit: object) -> set | None:
    """Let the literals of a refused callee stay literals, each level a callee of its own.

    None if there are none that became parameters.
    """
    kept = {mark for mark in in_memory if mark[0] != "varies" or mark[1][:2] != culprit}
    return None if kept == in_memory else kept | {("unrolled", culprit)}


def marker(tree: Any, filename: str) -> tuple:
    """Name a function that calls itself, the same in every lowering."""
    return ("recursive", filename, tree.lineno, tree.col_offset)


# -- calls ---------------------------------------------------------------------------------------
def invoke(
    low: Lowering, target: Target, args: list[Abstract], named: dict[str, Abstract], node: ast.AST
) -> Abstract:
    """Call a function that calls itself."""
    low.home = low.home or target.filename
    if any(isinstance(n, ast.Nonlocal) for n in ast.walk(target.tree)):
        low.refuse("a function that calls itself assigns nonlocal names", node, "return them")
    defaults = target.defaults, target.keywords
    values = language.arguments(low, target.tree, args, named, defaults, node)
    layout = Layout(low, values, node)
    frames = [*layout.frames, *([target.frame] if target.frame is not None else [])]
    key = (marker(target.tree, target.filename), target.token, layout.structure)
    constants = tuple(
        x if isinstance(x, Const) and ("varies", key, k) not in low.in_memory else None
        for k, x in enumerate(layout.scalars)
    )
    found = _running(low, key, frames, constants) or _finished(low, key, frames, constants)
    if found is None:
        callee = Callee(target.name, Location(target.filename, target.tree.lineno))
        found = _Activation(key, frames, constants, callee, layout)
        _outline(low, target, found)
    return _called(low, found, layout, node)


def _running(low: Lowering, key: tuple, frames: list, constants: tuple) -> _Activation | None:
    """Find the callee among those being lowered; literals that differ become parameters."""
    from sciad.compiler.front.lower import Restart

    for known in reversed(low.calls.active):
        if known.key != key or known.frames != frames:
            continue
        pairs = enumerate(zip(known.constants, constants, strict=True))
        varying = [k for k, (old, new) in pairs if old is not None and old != new]
        if not varying:
            return known
        if ("unrolled", key[:2]) not in low.in_memory:
            raise Restart(("varies", key, varying[0]))
    return None


def _finished(low: Lowering, key: tuple, frames: list, constants: tuple) -> _Activation | None:
    """Find the callee among those that are complete and still mean the same."""
    known = low.calls.known.get((key, constants))
    if known is None or known[0].frames != frames:
        return None
    now = _surroundings(low, frames)
    before = known[1]
    same = now.keys() == before.keys() and all(now[k] is before[k] for k in now)
    return known[0] if same else None


def _surroundings(low: Lowering, frames: list) -> dict:
    """Everything that closures can see: variables of running functions, local arrays."""
    return dict(low.env) if frames else {}


def _called(low: Lowering, known: _Activation, layout: Layout, node: ast.AST) -> Abstract:
    known.used = True
    model = known.model
    if model is None:
        raise Unsettled
    pairs = zip(layout.scalars, known.constants, strict=True)
    args = [x for x, constant in pairs if constant is None]
    if low.frames:
        low.at(node)
    for x in args:
        low.b.fits(x)
    outs = tuple(Value("v", kind) for kind in model.kinds)
    low.b.origin.update(zip(outs, model.origins, strict=False))
    body = known.callee.function
    arrays = received(low, model.destinations, layout.scalars, layout.buffers, body)
    buffers = (*layout.buffers, *(view.buffer for view in arrays))
    made = Op("invoke", (*args, *buffers), outs, known.callee, low.b.location)
    low.b.region.nodes.append(made)
    low.b.written += _written(low, known, layout)
    for k in model.shares:
        layout.cells[k].frozen = layout.cells[k].frozen or _SHARED
    result = placed(rebuild(model.value, model.env, iter(outs), low.env), arrays)
    for cells in storages(result, low.env):
        cells.frozen = _SHARED
    return result


def _written(low: Lowering, known: _Activation, layout: Layout) -> list[Value]:
    """List buffers that a call may write to, for all that is known yet.

    What a function does after it has called itself is known from its second round on.
    """
    active = low.calls.active
    inner = [known.callee, *reachable(known.callee.function)]
    outer = active[:-1] if active and active[-1].callee in inner else active
    if any(other.callee in inner for other in outer):
        return list(layout.buffers)
    made: Any = low.b.region.nodes[-1]
    found = [made.args[k] for k in writes(known.callee)]
    for callee in inner:
        callee.written = None
    return [buffer for buffer in layout.buffers if buffer in found]


# -- bodies --------------------------------------------------------------------------------------
def _outline(low: Lowering, target: Target, made: _Activation) -> None:
    """Lower the body of a callee until the types of its results settle."""
    outer = low.calls.active
    if sum(a.key[:2] == made.key[:2] for a in outer) >= _MOST_LAYOUTS:
        low.refuse(
            f"{target.name} calls itself with arguments of ever new structure",
            made.layout.node,
            "pass numbers and arrays of the same kind at every level",
        )
    low.calls.active = [*outer, made]
    known = dict(low.calls.known)
    try:
        for _ in range(_MOST_ROUNDS):
            low.calls.known = dict(known)
            made.used = False
            made.rounds += 1
            if _settled(low, target, made):
                break
        else:
            _refuse(target, "the types of what it returns do not settle")
    except CompileError:
        low.calls.culprit = low.calls.culprit or made.key[:2]
        raise
    finally:
        low.calls.active = outer
    if made.model is None:
        if any(a.model is None for a in outer):
            raise Unsettled
        hint = "give it a path that returns without a call of itself"
        _refuse(target, "it never returns", hint)
    low.calls.known[(made.key, made.constants)] = (made, _surroundings(low, made.frames))


def _refuse(target: Target, what: str, hint: str | None = None) -> NoReturn:
    where = f"{target.filename}:{target.tree.lineno}"
    raise CompileError(f"{target.name} calls itself, and {what}", where=where, hint=hint)


def _settled(low: Lowering, target: Target, made: _Activation) -> bool:
    """Lower a body once; whether it returns what was assumed of it."""
    env, dead, frames, prefix = low.env, low.dead, low.frames, low.site_prefix
    location, stored, foreign = low.b.location, len(low.stores), low.calls.foreign
    low.env, low.dead, low.site_prefix = dict(env), False, ()
    low.frames = list(frames)
    arguments, params, cells = made.layout.formals(made.constants)
    numbers = iter(params)
    scalars = [next(numbers) if c is None else c for c in made.constants]
    since = now()
    low.calls.foreign = Cells(0, None).serial
    site = ("callee", target.filename, target.tree.lineno, target.tree.col_offset)
    model = None
    try:
        with low.b.inside(Region()) as region:
            value = low.run(target, arguments, site)
            if not low.dead:
                known = None if made.model is None else made.model.destinations
                here = Location(target.filename, target.tree.lineno)
                found = returned(low, value, scalars, known, since, here)
                value, places, buffers = found or (value, [], [])
                params += buffers
                model = _model(low, target, value, cells, made.model, places)
                ends = leaves(low, value, low.env)
                region.results = tuple(map(low.b.cast, ends, model.kinds))
    finally:
        low.env, low.dead, low.frames, low.site_prefix = env, dead, frames, prefix
        low.b.location, low.calls.foreign = location, foreign
        del low.stores[stored:]
    made.callee.function = Function(made.callee.name, tuple(params), region)
    before, made.model = made.model, model
    if model is None or not made.used:
        return True
    if low.b.frozen and made.rounds < _COMPLETE:
        return False  # what calls write to has to be known
    parts = lambda m: (m.kinds, m.shares, m.destinations, m.origins)
    return before is not None and parts(before) == parts(model)


def _model(
    low: Lowering,
    target: Target,
    value: Abstract,
    cells: list[Cells],
    old: _Model | None,
    places: list[Destination],
) -> _Model:
    """Describe what a body returns, joined with what was assumed."""
    _returnable(low, target, value)
    ends = leaves(low, value, low.env)
    kinds = [x.type for x in ends]
    origins = [precision.origin_of(low.b, x) for x in ends] if low.single else []
    held = storages(value, low.env)
    for storage in held:
        if storage.serial < low.calls.foreign:
            storage.frozen = storage.frozen or _SHARED
    shares = [k for k, c in enumerate(cells) if held and c.frozen is not None]
    if not all(place.fresh for place in places):
        shares = list(range(len(cells)))
    if old is not None and isinstance(value, ComplexOf) and is_scalar(old.value):
        old = None  # complex in the end
    if old is not None:
        if shape_of(value, low.env) != shape_of(old.value, old.env):
            _refuse(target, "it returns different things", "return values of one structure")
        kinds = [_common(target, *pair) for pair in zip(ends, old.ends, old.kinds, strict=True)]
        if low.single:
            _expect_arrays_of_one_kind(target, value, old.value)
            pairs = zip(origins, old.origins, strict=True)
            origins = [a if a == b else precision.UNKNOWN for a, b in pairs]
        shares = sorted({*shares, *old.shares})
    return _Model(value, low.env, kinds, shares, places, ends, origins)


def _common(target: Target, new: Operand, old: Operand, known: ScalarType) -> ScalarType:
    """Join the type of a result with the one that was assumed.

    A literal, all that the first round may have found, is taken as a float32 where it can be one.
    """
    if (new.type is FLOAT32) == (known is FLOAT32):
        return max(new.type, known, key=lambda kind: kind.rank)
    if new.type is FLOAT32 and precision.exact(old):
        return FLOAT32
    return _refuse(target, _MIXED, "write np.float32(...) on each path")


_MIXED = "it returns a float32 on one path and another number elsewhere"


def _expect_arrays_of_one_kind(target: Target, new: Abstract, old: Abstract) -> None:
    if isinstance(new, StaticArray) and isinstance(old, StaticArray):
        if (new.cells.element is FLOAT32) != (old.cells.element is FLOAT32):
            _refuse(target, _MIXED, "give the arrays one dtype")
    elif isinstance(new, TupleOf | Structure) and type(new) is type(old):
        parts = lambda v: v.items if isinstance(v, TupleOf) else v.items.values()
        for a, b in zip(parts(new), parts(old), strict=True):
            _expect_arrays_of_one_kind(target, a, b)


def _returnable(low: Lowering, target: Target, value: Abstract) -> None:
    """Refuse results that are not made of numbers."""
    if isinstance(value, ComplexOf):
        _returnable(low, target, value.re)
        _returnable(low, target, value.im)
    elif isinstance(value, TupleOf | Structure):
        items = value.items if isinstance(value, TupleOf) else value.items.values()
        for item in items:
            _returnable(low, target, item)
    elif isinstance(value, ListOf):
        for k in range(value.cells.size):
            _returnable(low, target, low.cell(value.cells, k))
    elif isinstance(value, Memory):
        _refuse(
            target,
            "it returns an array whose length does not follow from its arguments",
            "write into an array that is given as an argument, or use a loop",
        )
    elif isinstance(value, StaticArray):
        if value.cells.element not in (FLOAT, FLOAT32):
            _refuse(target, "it returns an array of integers or bools", "multiply it by 1.0")
    elif not is_scalar(value) and not isinstance(value, Object) and not is_mark(value):
        _refuse(target, "it returns something that is not made of numbers", "return numbers")


def attempt(low: Lowering, action: Callable[[], None]) -> bool:
    """Lower something; whether it was given up because a call has no value yet."""
    depth, prefix, location = len(low.frames), low.site_prefix, low.b.location
    try:
        action()
    except Unsettled:
        del low.frames[depth:]
        low.site_prefix, low.b.location = prefix, location
        low.dead = True
        return True
    return False


def own(low: Lowering, cells: Cells, node: ast.AST) -> None:
    """Move storage of a caller to memory when a callee writes to it."""
    from sciad.compiler.front.lower import Restart

    if cells.serial >= low.calls.foreign:
        return
    if cells.site in low.in_memory:
        low.refuse(
            "a function that calls itself writes to a list or array of its caller",
            node,
            "make it with np.zeros, or return the new values",
        )
    raise Restart(cells.site)


# -- what comes from outside ---------------------------------------------------------------------
def close(function: Function) -> Function:
    """Make parameters of what callees read from outside."""
    callees = reachable(function)
    free = {c: dict.fromkeys(free_values(c.function)) for c in callees}
    size = -1
    while size != sum(map(len, free.values())):
        size = sum(map(len, free.values()))
        for c in callees:
            inner = {v for op in invokes(c.function.body) for v in free[op.attr]}
            own_values = c.function.params, c.function.body
            missing = inner - _defined(*own_values)
            free[c].update(dict.fromkeys(sorted(missing, key=lambda v: v.serial)))
    for _, op in sites(function):
        op.args = (*op.args, *free[op.attr])
    for c in callees:
        fresh: dict[Value, Operand] = {v: Value(v.name, v.type) for v in free[c]}
        c.function.params = (*c.function.params, *fresh.values())
        substitute(c.function.body, fresh)
    for _, op in sites(function):
        _distinct(op)
    return function


def _defined(params: tuple[Value, ...], body: Region) -> set[Value]:
    found = set(params)
    for node in walk(body):
        found.update(defined(node))
        if isinstance(node, Loop):
            found.update((node.index, *node.params))
    return found


def _distinct(op: Op) -> None:
    """Refuse a call that hands one piece of memory over twice and writes to it."""
    buffers = [a for a in op.args if isinstance(a.type, BufferType)]
    written = [op.args[k] for k in writes(op.attr)]
    if any(buffers.count(a) > 1 for a in written):
        raise CompileError(
            f"{op.attr.name} calls itself and writes to an array that it also sees by another name",
            where=None if op.location is None else str(op.location),
            hint="give it the array as an argument only",
        )

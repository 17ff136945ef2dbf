"""A function inside the function being compiled, as a program that can be differentiated.

`Inner` lowers a call into a region of its own, in which the arguments to be differentiated are
parameters. Whatever else the region mentions belongs to the function around it and is a constant of
the inner derivative. The tangent or adjoint of that program is then written into the caller in its
place: it is ordinary code there, so that the caller's own derivatives flow through it, through
captured values too, and levels cannot be confused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.precision import origin_of
from sciad.compiler.front.values import (
    Abstract,
    Memory,
    Object,
    StaticArray,
    TupleOf,
)
from sciad.compiler.inner.callees import with_own_callees, written_by_callees
from sciad.compiler.inner.forwards import curved_forwards, pulled_forwards
from sciad.compiler.inner.leafwise import (
    Leaf,
    contiguous,
    copy_array,
    each_operand,
    floats,
    held,
    replaced,
    size_of,
    zero_like,
)
from sciad.compiler.inner.narrow import Narrow
from sciad.compiler.ir import (
    FLOAT,
    BufferType,
    Const,
    Function,
    Loop,
    Op,
    Operand,
    Region,
    Value,
    const,
    defined,
    operands,
    walk,
)
from sciad.compiler.passes.adjoint import adjoint
from sciad.compiler.passes.bundle import bundle
from sciad.compiler.passes.renaming import renamed
from sciad.compiler.passes.simplify import simplify
from sciad.compiler.passes.tangent import tangent
from sciad.compiler.vocabulary import arrays

if TYPE_CHECKING:
    pass

__all__ = ["Inner"]

_ZERO = const(0)


# -- the inner program ---------------------------------------------------------------------------
class Inner:
    """A call lowered on its own.

    Parameters
    ----------
    low : Lowering
        Of the function around it.
    function : Abstract
        What is called.
    args, named : list, dict
        With what.
    moving : list of int
        Numbers of the arguments to be differentiated.
    has_aux : bool
        The function returns (value, extra).
    what : str
        Name of the transformation, for errors.
    """

    def __init__(self, low, function, args, named, moving, has_aux, what, node) -> None:
        self.low, self.node, self.what = low, node, what
        self.moving = [args[k] for k in moving]
        self.narrow = Narrow()
        self.params: list[Value] = []
        self.actual: list[Leaf] = []
        self.written = False  # whether the function itself has been written into the caller
        self.lasting = True  # whether it reads nothing that may be overwritten later
        before, stored = dict(low.env), len(low.stores)
        leaves = [floats(low, x) for x in self.moving]
        with low.b.inside(Region()) as region:
            inner = list(args)
            for k, known in zip(moving, leaves, strict=True):
                inner[k] = self.parameter(args[k], known)
            own = set(low.env) - set(before)
            kept = {key: low.env[key] for key in own}
            from sciad.compiler.front.calls import call

            result = arrays.settled(low, call(low, function, inner, named, node), node)
            self.dead = low.dead
            self.unwritten({**before, **kept}, region)
            self.extra: Abstract = Object(None)
            if has_aux and not self.dead:
                result, self.extra = self.pair(result)
            self.value = self.owned(result, region)
            self.shapes = floats(low, self.value)
            outputs = [x.buffer if isinstance(x, Memory) else x for x in self.shapes]
            self.known: dict[Operand, Operand] = {}
            for value in (self.value, self.extra):
                each_operand(low, value, self.remember)
        del low.stores[stored:]
        self.close(region, outputs)
        if self.dead:
            self.write(self.program)

    def parameter(self, value: Abstract, leaves: list[Leaf]) -> Abstract:
        """Exchange the floats and arrays of an argument for parameters of the inner program."""
        low = self.low
        if not leaves and not isinstance(value, StaticArray):
            from sciad.compiler.front.lower import describe

            number = is_scalar(value)
            self.low.refuse(
                f"{self.what} of {'an int' if number else describe(value)}, which has nothing to "
                "differentiate",
                self.node,
                "pass floats (1.0 instead of 1) or arrays of floats",
            )
        made: list[Leaf] = []
        for leaf in leaves:
            if isinstance(leaf, Memory):
                param = Value("x", leaf.buffer.type)
                view = contiguous(self.low, param, leaf)
                made.append(Memory(param, _ZERO, view.shape, view.strides, False, leaf.is_list))
            else:
                param = Value(leaf.name if isinstance(leaf, Value) else "x", leaf.type)
                low.b.origin[param] = origin_of(low.b, leaf)
                made.append(param)
            self.params.append(param)
            self.actual.append(leaf)
        return held(replaced(self.low, value, iter(made), self.node, lambda item: item))

    def pair(self, result: Abstract) -> tuple[Abstract, Abstract]:
        """Take (value, extra) apart."""
        if not isinstance(result, TupleOf) or len(result.items) != 2:
            self.low.refuse(
                f"{self.what} with has_aux=True of a function that does not return a pair",
                self.node,
                "return (value, extra)",
            )
        return result.items

    def unwritten(self, before: dict, region: Region) -> None:
        """Refuse functions that write to what they did not make."""
        stores = [
            n for n in walk(region) if isinstance(n, Op) and n.code in ("store", "accum", "linalg")
        ]
        changed = any(self.low.env.get(key) is not value for key, value in before.items())
        self.expect_own([n.args[0] for n in stores], region, changed)

    def expect_own(self, written: list[Operand], region: Region, changed: bool = False) -> None:
        """Refuse writes to buffers that were not made in a region."""
        made = {v for n in walk(region) if isinstance(n, Op) and n.code == "alloc" for v in n.outs}
        if changed or not made.issuperset(written):
            self.low.refuse(
                f"a function that is differentiated here ({self.what}) writes to an array or list "
                "that it did not make",
                self.node,
                "let it work on a copy, and return what it computes",
            )

    def owned(self, value: Abstract, region: Region) -> Abstract:
        """Let every array in memory that is returned be a buffer of its own."""
        from sciad.compiler.program import copied_to_memory

        leaves = floats(self.low, value)
        if not any(isinstance(x, Memory) for x in leaves):
            return value
        made = [
            copied_to_memory(self.low, x, self.node) if isinstance(x, Memory) else x for x in leaves
        ]
        return replaced(self.low, value, iter(made), self.node, lambda item: item)

    def remember(self, operand: Operand) -> Operand:
        """Keep an operand, which the caller may need, through all passes."""
        self.known[operand] = operand
        return operand

    def close(self, region: Region, outputs: list[Operand]) -> None:
        """Make the region a program whose further parameters are what it mentions."""
        low = self.low
        region.results = (*outputs, *self.known)
        whole = Function("inner", tuple(self.params), region)
        with_own_callees(low, whole, self.what, self.node)
        self.expect_own(written_by_callees(whole), region)
        inside = {v for n in walk(region) for v in defined(n)}
        for n in walk(region):
            inside.update((n.index, *n.params) if isinstance(n, Loop) else ())
        mentioned = [o for n in walk(region) for o in operands(n)] + list(region.results)
        own = {*inside, *self.params}
        free = [o for o in dict.fromkeys(mentioned) if isinstance(o, Value) and o not in own]
        low.rules.update(_elementwise(region))
        whole = Function("inner", (*self.params, *free), region)
        self.kinds = {_kind(x) for x in (*self.params, *outputs)}
        program = simplify(self.narrow.begin(low, whole, free) if low.single else whole)
        self.outputs = program.results[: len(outputs)]
        self.known = dict(zip(self.known, program.results[len(outputs) :], strict=True))
        low.rules.update(_elementwise(program.body))
        self.program = Function("inner", program.params, Region(program.body.nodes, self.outputs))

    @property
    def scalars(self) -> bool:
        """Whether no array in memory is differentiated or returned."""
        kinds = [v.type for v in (*self.params, *self.outputs)]
        return all(kind is FLOAT for kind in kinds)

    # -- derivatives -----------------------------------------------------------------------------
    def written_once(self) -> None:
        """Write the function itself; from now on derivatives may be written any number of times."""
        program = self.program
        self.program = Function("inner", program.params, Region(list(program.body.nodes)))
        self.program.body.results = program.results
        ops = [n for n in walk(program.body) if isinstance(n, Op)]
        reads = {n.args[0] for n in ops if n.code == "load"}
        given = {a for n in ops if n.code in ("invoke", "linalg") for a in n.args}
        reads |= {a for a in given if isinstance(a.type, BufferType)}
        reads = {self.narrow.given.get(buffer, buffer) for buffer in reads}
        parameters = {self.narrow.given.get(p, p) for p in program.params}
        self.lasting = reads & parameters <= {*self.params, *self.low.inputs}
        self.write(program)
        self.written = True

    def settle(self) -> None:
        """Write the function itself if that has not been done."""
        if not self.written:
            self.written_once()

    def prepared(self, made: Function) -> Function:
        """Give a derivative that is not the only one values of its own."""
        return renamed(made, set(self.program.params)) if self.written else made

    def along(self, direction: list[Leaf | None]) -> list[Leaf]:
        """Duals of the outputs along a direction that may depend on the caller's inputs.

        What is still by its form (None, or the literal 0.0) is not moved at all.
        """
        moved = [k for k, x in enumerate(direction) if x is not None and x != const(0.0)]
        made = tangent(self.program, [self.params[k] for k in moved], given=False)
        duals = made.params[len(self.program.params) :]
        self.define(zip(duals, [direction[k] for k in moved], strict=True))
        n = len(self.outputs)
        return list(self.write(made)[n : 2 * n])

    def pushed(self, directions: list[list[Leaf | None]]) -> list[list[Leaf]]:
        """Duals of the outputs along unit directions."""
        if len(directions) == 1:
            made = self.prepared(tangent(self.program, self.params))
        else:
            made = self.prepared(bundle(self.program, self.params, len(directions)))
        given = made.params[len(self.program.params) :]
        self.define(zip(given, [x for row in directions for x in self.full(row)], strict=True))
        results = self.write(made)
        n = len(self.outputs)
        return [list(results[n * k : n * k + n]) for k in range(1, len(directions) + 1)]

    def pulled(self, cotangents: list[Leaf]) -> list[Leaf]:
        """Cotangents of the parameters from those of the outputs."""
        if self.low.forwards:
            return pulled_forwards(self, cotangents)
        made = self.prepared(adjoint(self.program, self.params))
        seeds, bars, _ = self.packed(made, cotangents)
        sums = self.sums(bars)
        self.write(made, seeds, sums)
        return [self.total(bar, sums) for bar in bars]

    def curved(self, directions: list[list[Leaf | None]], given: bool) -> list[list[Leaf]]:
        """Tangents, along directions, of the cotangents that belong to the cotangent 1.0.

        `given` says that the directions do not depend on the caller's inputs.
        """
        if self.low.forwards:
            return curved_forwards(self, directions, given)
        reverse = adjoint(self.program, self.params)
        moved = [*self.params, *reverse.params[len(reverse.params) - len(self.params) :]]
        made = self.prepared(bundle(reverse, moved, len(directions), given))
        seeds, bars, more = self.packed(made, [const(1.0)])
        n, sums, found = len(self.params), self.sums(bars), []
        for row in directions:
            part, more = more[: 2 * n], more[2 * n :]
            self.define(zip(part[:n], self.full(row), strict=True))
            sums.update(self.sums(part[n:]))
            found.append(part[n:])
        self.write(made, seeds, sums)
        return [[self.total(dot, sums) for dot in row] for row in found]

    def full(self, direction: list[Leaf | None]) -> list[Leaf]:
        """Put zeros in the place of None."""
        pairs = zip(direction, self.actual, strict=True)
        return [zero_like(self.low, leaf) if x is None else x for x, leaf in pairs]

    def packed(self, made: Function, cotangents: list[Leaf]) -> tuple[dict, list, list]:
        """Give an adjoint its cotangents.

        Returns ({packed buffer: operands}, buffers of the parameters' cotangents, what follows).
        """
        more = list(made.params[len(self.program.params) :])
        filled = [
            zero_like(self.low, like) if c is None else c
            for c, like in zip(cotangents, self.shapes, strict=True)
        ]
        numbers = [c for c in filled if not isinstance(c, Memory)]
        memory = [c for c in filled if isinstance(c, Memory)]
        seeds = {more.pop(0): numbers} if numbers else {}
        self.define(zip(more[: len(memory)], memory, strict=True))
        del more[: len(memory)]
        return seeds, more[: len(self.params)], more[len(self.params) :]

    def sums(self, bars: list[Value]) -> dict[Value, Operand | None]:
        """Prepare cotangents: those of arrays start as zeros, those of numbers are collected."""
        found: dict[Value, Operand | None] = {}
        for bar, leaf in zip(bars, self.actual, strict=True):
            if isinstance(leaf, Memory):
                self.emit(Op("alloc", (size_of(self.low, leaf),), (bar,), "zeros"))
            else:
                found[bar] = None
        return found

    def total(self, bar: Value, sums: dict[Value, Operand | None]) -> Leaf:
        """Find a cotangent that has been computed."""
        if bar in sums:
            return const(0.0) if sums[bar] is None else sums[bar]
        return bar

    def view(self, leaf: Leaf, like: Leaf) -> Leaf:
        """See a buffer of the program as an array."""
        return contiguous(self.low, leaf, like) if isinstance(like, Memory) else leaf

    def like_inputs(self, leaves: list[Leaf]) -> list[Leaf]:
        """Give buffers among leaves the shapes of the parameters."""
        return [self.view(x, like) for x, like in zip(leaves, self.actual, strict=True)]

    def like_outputs(self, leaves: list[Leaf]) -> list[Leaf]:
        """Give buffers among leaves the shapes of the outputs."""
        shapes = [self.place(x) for x in self.shapes]
        return [self.view(x, like) for x, like in zip(leaves, shapes, strict=True)]

    # -- writing into the caller -----------------------------------------------------------------
    def emit(self, node: Op) -> None:
        """Append an operation to the caller."""
        node.location = self.low.at(self.node)
        self.low.b.region.nodes.append(node)

    def define(self, pairs: Any) -> None:
        """Give parameters of the program the values they have in the caller."""
        low = self.low
        for param, leaf in pairs:
            if not isinstance(param.type, BufferType):
                self.emit(Op("mul", (low.b.cast(leaf, FLOAT), const(1.0)), (param,)))
                continue
            self.emit(Op("alloc", (size_of(low, leaf),), (param,), "empty"))
            copy_array(low, leaf, contiguous(low, param, leaf))

    def write(
        self, made: Function, seeds: dict | None = None, sums: dict | None = None
    ) -> tuple[Operand, ...]:
        """Append a program to the caller; returns its results."""
        low, seeds, sums = self.low, seeds or {}, {} if sums is None else sums
        n = len(made.results)
        if not self.written:
            made.body.results = (*made.results, *self.known.values())
            self.define(zip(self.params, self.actual, strict=True))
        made = simplify(made)
        self.narrow.end(made)
        low.rules.update(_elementwise(made.body))
        for node in made.body.nodes:
            if isinstance(node, Op) and node.code == "load" and node.args[0] in seeds:
                given = seeds[node.args[0]][node.args[1].value]
                low.b.region.nodes.append(
                    Op(
                        "mul",
                        (low.b.cast(given, FLOAT), const(1.0)),
                        node.outs,
                        None,
                        node.location,
                    )
                )
            elif isinstance(node, Op) and node.code == "accum" and node.args[0] in sums:
                known, term = sums[node.args[0]], node.args[2]
                sums[node.args[0]] = term if known is None else low.b.add(known, term)
            else:
                low.b.region.nodes.append(node)
        results = made.results
        if not self.written:
            self.known = dict(zip(self.known, results[n:], strict=True))
        low.at(self.node)
        return results[:n]

    def result(self, value: Abstract) -> Abstract:
        """Make a value of the inner function one of the caller, once a program is written."""
        found = self.place(value)
        return self.narrow.typed(self.low, found, value) if self.low.single else found

    def place(self, value: Abstract) -> Abstract:
        """Give what `result` does, types aside: what it returns is only looked at."""
        change = lambda x: x if isinstance(x, Const) else self.known.get(x, x)
        return each_operand(self.low, value, change)


def _kind(operand: Operand) -> Any:
    return operand.type.element if isinstance(operand.type, BufferType) else operand.type


def _elementwise(region: Region) -> set[Any]:
    ops = (n for n in walk(region) if isinstance(n, Op))
    return {n.attr if n.code == "call" else "pow" for n in ops if n.code in ("call", "pow")}

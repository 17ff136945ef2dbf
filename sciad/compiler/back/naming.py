"""Names of variables in emitted code, and which values may share one."""

from __future__ import annotations

import keyword

from sciad.compiler.ir import If, Loop, Node, Op, Operand, Region, Value, operands, walk
from sciad.compiler.vecmath.catalogue import CATALOGUE

__all__ = ["Names", "coalesce"]

_TAKEN = frozenset(
    [
        "np",
        "math",
        "tape",
        "room",
        "top",
        "depth",
        "status",
        "which",
        "range",
        "max",
        "len",
        "float",
        "int",
        "abs",
        "njit",
        "cfunc",
        "carray",
        "tape_get",
        "tape_get_int",
        "tape_put",
        "tape_put_int",
        "assume",
        "tape_begin",
        "tape_grow",
        "tape_free",
        "out",
        "outdot",
        "unused_bar",
        "function",
        "FAILURES",
        "REQUIREMENTS",
        "requirements",
        "LAYOUT",
        "special",
        "vec_block",
        "vec_maximum",
        "vec_minimum",
        *(f"vec_{entry.name}" for entry in CATALOGUE.values()),
    ]
)


class Names:
    """One distinct, readable name for each variable."""

    def __init__(self) -> None:
        self.given: dict[Value, str] = {}
        self.used = set(_TAKEN)
        self.count: dict[str, int] = {}

    def of(self, value: Value) -> str:
        """Name of a value, made up on first use."""
        name = self.given.get(value)
        if name is None:
            name = self.given[value] = self.fresh(value.name)
        return name

    def share(self, value: Value, variable: Value) -> None:
        """Let a value live in the variable of another."""
        self.given[value] = self.of(variable)

    def fresh(self, base: str) -> str:
        """Make up a name that has not been used."""
        base = "".join(c if c.isalnum() or c == "_" else "_" for c in base).strip("_") or "v"
        if base[0].isdigit() or keyword.iskeyword(base):
            base = f"v{base}"
        number = self.count.get(base, 0)
        while True:
            number += 1
            name = base if number == 1 and base != "v" else f"{base}{number}"
            if name not in self.used:
                self.count[base] = number
                self.used.add(name)
                return name


def coalesce(
    region: Region,
    variables: tuple[Value, ...],
    readers: dict[Value, int],
    loop: Loop | None = None,
) -> dict[Value, Value]:
    """Find yielded values that can be computed right into the variable they are assigned to.

    The value must be the result of an operation of this very region with no other reader. In a
    loop, the variable's old state must not be read once it has been overwritten. Reads are counted
    by node; a pure operation may be written later, inside its reader's expression, so only a
    variable whose readers all stand before the definition, or are the defining node itself, is
    taken - and every pure reader is required to be read before it as well.
    """
    position = {id(n): k for k, n in enumerate(region.nodes)}
    producers = {n.out: n for n in region.nodes if isinstance(n, Op) and len(n.outs) == 1}
    found: dict[Value, Value] = {}
    for variable, result in zip(variables, region.results, strict=True):
        node = producers.get(result) if isinstance(result, Value) else None
        if node is None or node.code == "alloc" or readers.get(result) != 1 or result in found:
            continue
        if loop is None or not _read_late(region, loop, variable, position[id(node)]):
            found[result] = variable
    return found


def _read_late(region: Region, loop: Loop, variable: Value, defined_at: int) -> bool:
    if variable in region.results or loop.until is variable:
        return True
    late = _last_effective_read(region, variable)
    return late > defined_at


def _last_effective_read(region: Region, variable: Value) -> int:
    """Position of the last statement that may contain a read of `variable` after inlining."""
    position = {id(n): k for k, n in enumerate(region.nodes)}
    last = -1
    front: list[Value] = [variable]
    seen: set[Value] = set()
    while front:
        value = front.pop()
        for node in region.nodes:
            if not _mentions(node, value):
                continue
            last = max(last, position[id(node)])
            if not isinstance(node, Op) or node.code in ("load", "pop", "invoke") or not node.outs:
                continue
            if node.out not in seen:
                seen.add(node.out)
                if _readers(region, node.out) == 1:
                    front.append(node.out)
    return last


def _readers(region: Region, value: Value) -> int:
    return sum(_mentions(n, value) for n in region.nodes)


def _mentions(node: Node, value: Operand) -> bool:
    if value in operands(node):
        return True
    if isinstance(node, Op):
        return False
    regions = (node.then, node.orelse) if isinstance(node, If) else (node.body,)
    return any(value in operands(n) for r in regions for n in walk(r))

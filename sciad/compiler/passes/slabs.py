"""Which elements of a buffer belong to one iteration of a loop, and which are written to once.

Arrays are flat here: `out[i, j]` is the element `i * m + j`. Iterations of the loop over i use
elements of their own if what is added to `i * m` is in 0, ..., m - 1 for certain. That is proven
term by term: `j` runs over `range(m)`; of `j * p + k` with `m = q * p`, j runs over `range(q)` and
k is below p; constants are below constants. (A factor that may be zero proves nothing.)
"""

from __future__ import annotations

from collections.abc import Sequence

from sciad.compiler.ir import Const, Loop, Op, Operand, Value, const, defined, walk
from sciad.compiler.passes.analysis import Places
from sciad.compiler.passes.replay import regions

__all__ = ["separate", "written_once"]

_ONE = const(1)
#: One summand of an index: (value or None, its factor); (None, c) is a constant.
_Term = tuple[Value | None, Operand]


def separate(places: Places, loop: Loop, indices: Sequence[Operand]) -> bool:
    """Tell whether iterations of a loop over a range use different elements of a buffer.

    Parameters
    ----------
    places : Places
        Of the program.
    loop : Loop
        A loop with index i.
    indices : sequence of Operand
        All indices with which its body uses the buffer.
    """
    slabs = _Slabs(places, loop)
    for apart in (False, True):
        keys = {slabs.key(index, apart) for index in indices}
        if len(keys) == 1 and None not in keys:
            return True
    return False


def written_once(places: Places, buffer: Value) -> bool:
    """Tell whether no element of a buffer that the program makes is ever written to twice."""
    if buffer not in places.producer:
        return False
    ops = [n for n in walk(places.top) if isinstance(n, Op) and buffer in n.args]
    stores = [n for n in ops if n.code == "store"]
    if len(stores) != 1 or any(n.code not in ("load", "store") for n in ops):
        return False
    (store,) = stores
    home = next(r for r in regions(places.top) if store in r.nodes)
    around = places.loops(home)
    inside = around[: len(around) - len(places.loops(places.home[buffer]))]
    return all(separate(places, loop, [store.args[1]]) for loop in inside)


class _Slabs:
    def __init__(self, places: Places, loop: Loop):
        self.places = places
        self.index = loop.index
        inner = {v for n in walk(loop.body) for v in defined(n)}
        loops = [n for n in walk(loop.body) if isinstance(n, Loop)]
        self.changing = inner.union({loop.index}, *({n.index, *n.params} for n in (loop, *loops)))

    def key(self, index: Operand, apart: bool) -> object | None:
        """Find m and an offset, if an index is `i * m` + offset + something in 0, ..., m - 1.

        Constants belong to the offset if they are set `apart`, else to the rest.
        """
        terms = self.terms(index)
        offset = [t for t in terms if (apart if t[0] is None else t[0] not in self.changing)]
        if any(isinstance(f, Value) and f in self.changing for _, f in terms):
            return None
        rest = [t for t in terms if t not in offset]
        mine = [factor for value, factor in rest if value is self.index]
        rest = [t for t in rest if t[0] is not self.index]
        if len(mine) != 1 or not self.below(rest, mine[0]):
            return None
        return mine[0], tuple(sorted(map(repr, offset)))

    def terms(self, operand: Operand) -> list[_Term]:
        """Take a sum apart."""
        node = None if isinstance(operand, Const) else self.places.producer.get(operand)
        if isinstance(operand, Const):
            return [] if operand.value == 0 else [(None, operand)]
        if isinstance(node, Op) and node.code == "add":
            return [t for a in node.args for t in self.terms(a)]
        if isinstance(node, Op) and node.code == "mul":
            x, y = node.args
            if self.is_index(x):
                return [(x, y)]
            if self.is_index(y):
                return [(y, x)]
        return [(operand, _ONE)]

    def is_index(self, operand: Operand) -> bool:
        """Whether a value is the index of a loop."""
        node = None if isinstance(operand, Const) else self.places.producer.get(operand)
        return isinstance(node, Loop) and node.index is operand

    def below(self, terms: list[_Term], limit: Operand) -> bool:
        """Whether a sum is certainly in 0, ..., limit - 1."""
        if all(value is None for value, _ in terms):
            total = sum(c.value for _, c in terms)
            return isinstance(limit, Const) and bool(0 <= total < limit.value)
        for k, (value, factor) in enumerate(terms):
            rest = terms[:k] + terms[k + 1 :]
            if value is not None and self.fits(value, factor, limit):
                return self.below(rest, factor)
        return False

    def fits(self, index: Value, factor: Operand, limit: Operand) -> bool:
        """Whether ``index * factor`` is at most ``limit - factor``, and not negative."""
        node = self.places.producer.get(index)
        if not isinstance(node, Loop) or node.index is not index or node.kind != "range":
            return False
        begins = isinstance(node.start, Const) and node.start.value >= 0
        if not begins or not isinstance(node.step, Const) or node.step.value <= 0:
            return False
        return any(self.product(n, factor, limit) for n in self.at_least(node.stop))

    def at_least(self, stop: Operand) -> list[Operand]:
        """Values that are no smaller than a bound: itself, n for n - 1."""
        node = None if isinstance(stop, Const) else self.places.producer.get(stop)
        found = [stop]
        if isinstance(node, Op) and node.code in ("add", "sub"):
            x, y = node.args
            sign = 1 if node.code == "add" else -1
            if isinstance(y, Const) and sign * y.value <= 0:
                found += self.at_least(x)
        return found

    def product(self, n: Operand, factor: Operand, limit: Operand) -> bool:
        """Whether ``n * factor == limit`` by construction (or at most, for constants)."""
        if all(isinstance(x, Const) for x in (n, factor, limit)):
            return bool(0 <= n.value * factor.value <= limit.value)
        if factor == _ONE:
            return bool(n == limit)
        node = None if isinstance(limit, Const) else self.places.producer.get(limit)
        return isinstance(node, Op) and node.code == "mul" and set(node.args) == {n, factor}

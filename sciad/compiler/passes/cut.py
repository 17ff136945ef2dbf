"""What to store and what to compute again: a minimum cut.

Every value the reversed code needs is either stored, which costs a slot of the tape, or computed
again, which costs its operation and needs its operands: those are stored or computed again in
turn. With a(v) for "v is needed" and r(v) for "v is computed again" the cost

    sum_v slot(v) [a(v) and not r(v)] + cost(v) [r(v)],    r(v) implies a(u) for all operands u,

is a minimum cut between "yes" and "no" (all its terms are of the form [x and not y]), hence the
best choice is found exactly, by maximal flows (Dinic 1970). What things cost is in `costs`.

References
----------
E. A. Dinic, Algorithm for solution of a problem of maximum flow in networks with power estimation,
Soviet Math. Doklady 11 (1970) 1277-1280.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from sciad.compiler.passes.costs import SLOT

__all__ = ["stored"]


_V = TypeVar("_V", bound=Hashable)


def stored(
    wanted: Iterable[_V],
    recipes: Mapping[_V, tuple[Sequence[_V], int] | None],
    weights: Mapping[_V, int],
) -> set[_V]:
    """Values to store such that the wanted ones are stored or computed again at the least cost.

    Parameters
    ----------
    wanted : iterable
        Values that are needed.
    recipes : mapping
        For every value that may come into question: the values it is computed from (those that
        cost nothing left out) and the time that takes; None if it cannot be computed again.
    weights : mapping
        How often a value is stored or computed, relative to the others.

    Returns
    -------
    set
        All other values that are needed are computed again.
    """
    names = list(recipes)
    need = {v: 2 + 2 * k for k, v in enumerate(names)}
    net = _Network(2 + 2 * len(names))
    forever = 1 + sum(SLOT * weights[v] for v in names)
    for v in wanted:
        net.edge(0, need[v], forever)
    for v, recipe in recipes.items():
        slot = SLOT * weights[v]
        if recipe is None:
            net.edge(need[v], 1, slot)
            continue
        operands, cost = recipe
        again = need[v] + 1
        net.edge(need[v], again, slot)
        net.edge(again, 1, cost * weights[v])
        for u in operands:
            net.edge(again, need[u], forever)
    yes = net.separate()
    return {v for v in names if need[v] in yes and (recipes[v] is None or need[v] + 1 not in yes)}


class _Network:
    """A network with source 0 and sink 1."""

    def __init__(self, size: int):
        self.heads: list[list[int]] = [[] for _ in range(size)]
        self.target: list[int] = []
        self.room: list[int] = []

    def edge(self, a: int, b: int, room: int) -> None:
        for here, there, most in ((a, b, room), (b, a, 0)):
            self.heads[here].append(len(self.target))
            self.target.append(there)
            self.room.append(most)

    def separate(self) -> set[int]:
        """Fill the network; the nodes that can still be reached from the source."""
        while True:
            level = self.levels()
            if 1 not in level:
                return set(level)
            self.fill(level)

    def levels(self) -> dict[int, int]:
        level, front = {0: 0}, deque([0])
        while front:
            node = front.popleft()
            for e in self.heads[node]:
                if self.room[e] and self.target[e] not in level:
                    level[self.target[e]] = level[node] + 1
                    front.append(self.target[e])
        return level

    def fill(self, level: dict[int, int]) -> None:
        """Send flow along shortest paths until each of them has a full edge."""
        place = [0] * len(self.heads)
        path: list[int] = []
        node = 0
        while True:
            if node == 1:
                flow = min(self.room[e] for e in path)
                for e in path:
                    self.room[e] -= flow
                    self.room[e ^ 1] += flow
                path, node = [], 0
            edge = self.next_edge(node, place, level)
            if edge is not None:
                path.append(edge)
                node = self.target[edge]
            elif path:
                node = self.target[path.pop() ^ 1]
                place[node] += 1
            else:
                return

    def next_edge(self, node: int, place: list[int], level: dict[int, int]) -> int | None:
        heads = self.heads[node]
        while place[node] < len(heads):
            e = heads[place[node]]
            if self.room[e] and level.get(self.target[e]) == level[node] + 1:
                return e
            place[node] += 1
        return None

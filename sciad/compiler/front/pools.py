"""Names of arrays in memory that a loop rebinds: `u = u + f(u)`, `u, new = new, u`.

The arrays that such names may stand for are placed in one buffer, the *pool* of the loop, in slots
of equal length; the name itself becomes an integer, the offset of its slot. What the names stand
for before the loop is moved into the pool in front of it. A new array that an iteration hands to
the next one is moved at the end of the iteration into a slot that no name refers to then: a pool
has as many slots as there are references at that time. Only names that are read again are kept
(see `Missing.demand`).

An array is moved together with all references to it, hence writes through any of its names mean
what they mean in Python. All references are known for an array that the running activation of the
function has made, since a loop is a statement: no expression holds a reference while it begins.
Arrays of the caller are copied instead, and neither is written to from then on.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sciad.compiler.front.merge import layout, same
from sciad.compiler.front.moving import (
    SHARED,
    Environment,
    aliases,
    alike,
    copy_elements,
    count_of,
    demand_of,
    dense,
    erased,
    held_lists,
    hoisted,
    memories,
    now,
    read_only,
    redirect,
    room_for,
    spilled,
    standard,
)
from sciad.compiler.front.values import Abstract, ListOf, Memory, Missing
from sciad.compiler.ir import FLOAT, FLOAT32, Const, Operand, Value, const
from sciad.compiler.vocabulary import arrays

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["Group", "Pools", "check_frozen"]

_ZERO, _ONE = const(0), const(1)
_LONGER = 2  # how often the slots of a pool are made longer


@dataclass(eq=False)
class Group:
    """Arrays of one pool: those made before the loop (`members`) and the keys that hold them."""

    members: list[Value]
    slots: int = 1
    demand: object = None
    buffer: Value | None = None
    length: Operand = _ONE
    lengths: list[Operand] = field(default_factory=list)  # of arrays made in the loop
    ours: bool = True  # the pool belongs to this loop, not to one around it


class Pools:
    """The pools of one loop while it is lowered again and again."""

    def __init__(self, low: Lowering, node: ast.AST):
        self.low = low
        self.node = node
        self.groups: list[Group] = []
        self.keys: dict[Any, None] = {}  # whose arrays are in pools
        self.readonly: dict[Any, None] = {}
        self.held: dict[Any, list[Operand]] = {}  # key that only leaves the loop -> lengths
        self.spare: dict[Any, list[Value]] = {}  # the buffers these get
        self.spill: dict[Any, None] = {}
        self.start = self.mark = now()
        self.problem: str | None = None

    def wanted(self, key: Any) -> bool:
        """Whether the value of a key is read after it was rebound."""
        return demand_of(self.low, self.node, key) in self.low.in_memory

    def missing(self, key: Any, reason: str) -> Missing:
        """Make the value of a key that nobody has read so far."""
        return Missing(reason, demand_of(self.low, self.node, key))

    # -- before the loop -------------------------------------------------------------------------
    def prepare(self, base: Environment) -> Environment:
        """Move arrays into their pools in front of the loop."""
        if not (self.groups or self.held or self.readonly or self.spill):
            return base
        env = dict(base)
        for key in self.spill:
            env[key] = spilled(self.low, env[key], env, self.node)
        for key in self.readonly:
            read_only(env, key)
        for group in self.groups:
            self.place(group, env)
        for key, lengths in self.held.items():
            self.spare[key] = [self.room(n) for n in lengths]
        return env

    def finished(self) -> None:
        """Refuse what turned out to be impossible when nothing changed any more."""
        if self.problem is not None:
            hint = "make an array of the greatest length before the loop"
            self.low.refuse(self.problem, self.node, hint)

    def room(self, n: Operand) -> Value:
        """Make the buffer for an array that leaves the loop."""
        size = hoisted(self.low, n, self.start)
        return self.low.b.alloc(const(0) if size is None else size, "empty", "a")

    def own(self, buffer: Value) -> bool:
        """Whether the running activation has made a buffer."""
        return buffer.serial > self.low.frame.mark and buffer in self.low.b.sizes

    def place(self, group: Group, env: Environment) -> None:
        """Make the pool of a group, or take the one that its only member is in already."""
        low = self.low
        (first, *more) = group.members
        if not more and self.own(first) and first in low.pools:
            group.buffer, group.ours = first, False
            group.length, group.slots, group.demand = low.pools[first]
            return
        jobs = [job for buffer in group.members for job in self.jobs(buffer, env)]
        length: Operand = _ONE
        for n in (*(n for _, _, n in jobs), *group.lengths):
            known = hoisted(low, n, self.start)
            length = low.b.maximum(length, n if known is None else known)
        group.demand = ("slots", demand_of(low, self.node, (0, f"#{self.groups.index(group)}")))
        asked = [d[2] for d in low.in_memory if d[:2] == group.demand]
        group.slots = max(group.slots, len(jobs), *asked, 1)
        size = arrays.times(low, length, const(group.slots))
        kind = FLOAT32 if first.type.element is FLOAT32 else FLOAT
        group.buffer, group.length = low.b.alloc(size, "empty", "pool", kind), length
        low.pools[group.buffer] = (length, group.slots, group.demand)
        for k, (view, whole, _) in enumerate(jobs):
            self.enter(group, env, view, whole, arrays.times(low, length, const(k)))

    def jobs(self, buffer: Value, env: Environment) -> list[tuple[Memory, bool, Operand]]:
        """List what has to be copied of a member: (view, whether all of the buffer, length)."""
        low = self.low
        keys = env if self.own(buffer) else self.keys
        views = _distinct([m for key in keys for m in self.of(env, key) if m.buffer is buffer])
        if self.own(buffer) and not (len(views) == 1 and dense(low, views[0])):
            n = low.b.sizes[buffer]
            return [(Memory(buffer, _ZERO, (n,), (_ONE,), True), True, n)]
        return [(view, False, count_of(low, view)) for view in views]

    def of(self, env: Environment, key: Any) -> list[Memory]:
        """List the arrays under a key; a list that no pool takes has entries of its own."""
        value = env[key]
        if isinstance(value, ListOf) and key not in self.keys:
            return []
        return memories(value, env)

    def enter(self, group: Group, env: Environment, view: Memory, whole: bool, at: Operand) -> None:
        """Copy a member into its slot; its references follow, or it is frozen."""
        low, buffer, pool = self.low, view.buffer, group.buffer
        assert pool is not None
        strides = standard(low, view.shape)
        copy_elements(low, view, Memory(pool, at, view.shape, strides, True))
        mine = self.own(buffer)
        still = buffer in low.b.frozen
        if not mine:
            low.b.frozen[buffer] = SHARED

        def change(m: Memory) -> Memory:
            if m.buffer is not buffer or not (whole or _one(m, view)):
                return m
            offset = low.b.add(at, m.offset) if whole else at
            steps = m.strides if whole else strides
            writable = m.writable and mine and not still
            return replace(m, buffer=pool, offset=offset, strides=steps, writable=writable)

        redirect(env, change, env if mine else self.keys)

    # -- at the end of an iteration --------------------------------------------------------------
    def settle(self, base: Environment, before: Environment, after: Environment, lost: set) -> bool:
        """Bring what the iteration leaves into the pools; whether the plan had to be changed."""
        self.problem = None
        changed = False
        for key in sorted(after, key=lambda k: not isinstance(k[1], str)):
            value, old = after[key], base.get(key)
            if not isinstance(key[1], str) and old is None:
                if memories(value, after) and key[0] not in held_lists(after):
                    after[key] = Missing("it is not kept")
            elif key in lost:
                after[key] = Missing("it is not kept")
            elif old is None or isinstance(old, Missing):
                changed |= self.leaving(key, old, value, base, after)
            elif not same(before[key], value):
                changed |= self.carried(key, old, value, base, after)
        if changed:
            return True
        return any(self.gather(group, base, after) for group in self.groups)

    def leaving(self, key, old, value, base, after) -> bool:
        """Deal with a value that does not enter the next iteration: keep it if it is read later."""
        held = memories(value, after)
        pools = {g.buffer for g in self.groups}
        inner = [m for m in held if m.buffer.serial > self.mark]
        if not inner and not any(m.buffer in pools for m in held):
            return False
        if not self.wanted(key):
            after[key] = self.missing(key, "it is an array made inside a loop")
            return False
        if len(inner) == len(self.held.get(key, ())):
            self.hand_out(key, inner, after)
            return False
        found = [room_for(self.low, m, self.start) for m in inner]
        if None in found:
            self.low.refuse(
                "an array that a loop hands out has a length that the loop computes",
                self.node,
                "make the array before the loop and overwrite its elements",
            )
        self.held[key] = found
        return True

    def hand_out(self, key, inner: list[Memory], after: Environment) -> None:
        """Copy arrays made in the iteration to buffers that exist after the loop."""
        low = self.low
        moved: dict[int, Memory] = {}
        for m, buffer in zip(inner, self.spare.get(key, ()), strict=True):
            strides = standard(low, m.shape)
            alone = len(aliases(after, m.buffer)) == 1 and m.buffer not in low.b.frozen
            target = Memory(buffer, _ZERO, m.shape, strides, alone and m.writable, m.is_list)
            self.check_room(low.b.sizes[buffer], m, False)
            buffer.type = m.buffer.type
            copy_elements(low, m, target)
            moved[id(m)] = target
            if not alone:
                low.b.frozen.update({g.buffer: SHARED for g in self.groups if g.buffer})
        redirect(after, lambda m: moved.get(id(m), m), [key])

    def carried(self, key, old, value, base, after) -> bool:
        """Find the arrays that a rebound name has to share a pool with."""
        if layout(old, base) == layout(value, after):
            return self.weaken(key, memories(old, base), memories(value, after))
        if isinstance(value, Missing) or erased(old, base) != erased(value, after):
            return False
        if not (memories(old, base) or memories(value, after)):
            return False
        if not self.wanted(key):
            after[key] = self.missing(key, "it stands for different arrays on different paths")
            return False
        if _has_variables(old, base) and key not in self.spill:
            self.spill[key] = None
            return True
        after[key] = spilled(self.low, value, after, self.node)
        ours, others = memories(old, base), memories(after[key], after)
        if [m.buffer.type for m in ours] != [m.buffer.type for m in others]:
            return False
        changed = key not in self.keys
        self.keys[key] = None
        for mine, theirs in zip(ours, others, strict=True):
            changed |= self.weaken(key, [mine], [theirs]) or self.paired(mine, theirs)
        return changed

    def weaken(self, key: Any, old: list[Memory], new: list[Memory]) -> bool:
        """Forbid writes through a name that may get an array that must not be written to."""
        worse = any(a.writable and not b.writable for a, b in zip(old, new, strict=True))
        if worse and key not in self.readonly:
            self.readonly[key] = None
            return True
        return False

    def paired(self, old: Memory, new: Memory) -> bool:
        """Let two arrays share a pool; whether the plan had to be changed."""
        if old.buffer is new.buffer:
            return False
        group = self.group(old.buffer)
        if new.buffer.serial > self.mark or not self.own(new.buffer):
            return group.buffer is not old.buffer
        other = self.group(new.buffer)
        if other is not group:
            group.members += other.members
            group.slots = max(group.slots, other.slots)
            self.groups.remove(other)
            return True
        return False

    def group(self, buffer: Value) -> Group:
        """Find the group of a buffer made before the loop, or begin one."""
        for group in self.groups:
            if buffer is group.buffer or buffer in group.members:
                return group
        self.groups.append(Group([buffer]))
        return self.groups[-1]

    def gather(self, group: Group, base: Environment, after: Environment) -> bool:
        """Move new arrays of the group's names into free slots."""
        low = self.low
        assert group.buffer is not None
        jobs: list[tuple[Memory, Memory]] = []
        kept: list[Operand] = []
        for key in self.keys:
            if isinstance(after[key], Missing):
                continue
            for mine, m in zip(memories(base[key], base), memories(after[key], after), strict=True):
                if mine.buffer is group.buffer and m.buffer is not group.buffer:
                    jobs.append((m, mine))
        todo = self.sources(jobs, after)
        for _, m in aliases(after, group.buffer):
            if not any(m.offset == offset for offset in kept):
                kept.append(m.offset)
        if len(kept) + len(todo) > group.slots:
            return self.grow(group, len(kept) + len(todo))
        longer = [self.lengthen(group, view) for view, _, fits in todo if not fits]
        if any(longer):
            return True
        slots = [self.slot(group, offset) for offset in kept]
        for view, whole, fits in todo:
            slots.append(_unused(low, slots, group.slots))
            self.check_room(group.length, view, fits)
            self.follow(group, after, view, whole, arrays.times(low, slots[-1], group.length))
        return False

    def sources(self, jobs: list[tuple[Memory, Memory]], after: Environment) -> list[tuple]:
        """List (view, whether all of its buffer, whether it fits) of the arrays to be moved."""
        low = self.low
        found: list[tuple[Memory, bool, bool]] = []
        for m, mine in jobs:
            fits = all(alike(low, a, b) for a, b in zip(m.shape, mine.shape, strict=True))
            views = _distinct([v for _, v in aliases(after, m.buffer)] or [m])
            fresh = m.buffer.serial > self.mark
            if fresh and not (len(views) == 1 and dense(low, views[0])):
                n = low.b.sizes[m.buffer]
                m, fits = Memory(m.buffer, _ZERO, (n,), (_ONE,), True), False
                if any(whole and v.buffer is m.buffer for v, whole, _ in found):
                    continue
                found.append((m, True, fits))
            elif not any(_one(m, v) for v, _, _ in found):
                found.append((m, False, fits))
        return found

    def follow(self, group: Group, after: Environment, view: Memory, whole: bool, at) -> None:
        """Copy an array into a slot at the end of an iteration; its references follow."""
        low, pool = self.low, group.buffer
        assert pool is not None
        strides = standard(low, view.shape)
        copy_elements(low, view, Memory(pool, at, view.shape, strides, True))
        fresh = view.buffer.serial > self.mark
        still = view.buffer in low.b.frozen
        if not fresh:
            low.b.frozen[view.buffer] = SHARED

        def change(m: Memory) -> Memory:
            if m.buffer is not view.buffer or not (whole or _one(m, view)):
                return m
            offset = low.b.add(at, m.offset) if whole else at
            steps = m.strides if whole else strides
            writable = m.writable and fresh and not still
            return replace(m, buffer=pool, offset=offset, strides=steps, writable=writable)

        redirect(after, change, after if fresh else self.keys)

    def grow(self, group: Group, slots: int) -> bool:
        """Ask for more slots: of this loop, or of the one around it that owns the pool."""
        if group.ours:
            group.slots = slots
            return True
        from sciad.compiler.front.lower import Restart

        raise Restart((*group.demand, slots))  # type: ignore[misc]

    def lengthen(self, group: Group, view: Memory) -> bool:
        """Make slots long enough for an array if its length is known before the loop."""
        low = self.low
        n = room_for(low, view, self.start)
        if not group.ours or n is None or alike(low, n, group.length):
            return False
        if len(group.lengths) == _LONGER or any(alike(low, n, known) for known in group.lengths):
            return False
        group.lengths.append(n)
        return True

    def slot(self, group: Group, offset: Operand) -> Operand:
        """Give the number of the slot that an offset lies in."""
        if group.slots == 1:
            return _ZERO
        known = self.low.b.made.get(offset) if isinstance(offset, Value) else None
        if known is not None and known.code == "mul" and group.length in known.args:
            return known.args[known.args[0] is group.length]
        return self.low.b.pure("floordiv", offset, group.length)

    def check_room(self, room: Operand, view: Memory, fits: bool) -> None:
        """Check that an array fits into its slot."""
        low = self.low
        count = count_of(low, view)
        if fits or alike(low, count, room):
            return
        if isinstance(count, Const) and isinstance(room, Const) and count.value <= room.value:
            return
        message = "an array that a loop carries gets longer in the loop"
        test = low.b.compare("le", count, room)
        if isinstance(test, Const):
            self.problem = message
            return
        low.check(test, "ValueError", message, self.node)


def _unused(low: Lowering, used: list[Operand], slots: int) -> Operand:
    """First slot that is not in use; the last one is left if all others are."""
    choice: Operand = const(slots - 1)
    for k in reversed(range(slots - 1)):
        taken: Operand = const(False)
        for u in used:
            taken = low.b.pure("or", taken, low.b.compare("eq", u, const(k)))
        choice = low.b.pure("select", taken, choice, const(k))
    return choice


def _one(a: Memory, b: Memory) -> bool:
    return a.buffer is b.buffer and (a.offset, a.shape, a.strides) == (b.offset, b.shape, b.strides)


def _distinct(views: list[Memory]) -> list[Memory]:
    found: list[Memory] = []
    for view in views:
        if not any(_one(view, other) for other in found):
            found.append(view)
    return found


def _has_variables(value: Abstract, env: Environment) -> bool:
    return "'array'" in repr(layout(value, env))


def check_frozen(low: Lowering, since: int, mark: int, known: set[Value], node: ast.AST) -> None:
    """Refuse a loop that writes to an array and, later in its body, lets two names share it."""
    for buffer in low.b.written[since:]:
        if buffer in low.b.frozen and buffer not in known and buffer.serial < mark:
            low.refuse(
                f"the loop writes to an array that {low.b.frozen[buffer]}",
                node,
                "work on a copy (x = x.copy()), made before the paths part",
            )

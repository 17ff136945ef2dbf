"""The tape of emitted code: a growing stack of 8-byte slots behind a raw pointer.

Emitted code holds the tape in three local integers: `tape` (address), `room` (slots it has) and
`top` (slots in use); nothing is shared, so any number of threads may run the same function. A
pointer beats a NumPy array by a factor of 4 to 17 here, because there is no array header to keep
alive and no bounds to carry. A short tape lies on the function's stack and costs nothing; one that
grows moves to the heap. The function frees the tape before each of its exits; emitted code leaves
with a status instead of raising, so there is no exit it could miss.
"""

from __future__ import annotations

import llvmlite.ir as llvm
from numba import types
from numba.extending import intrinsic

from sciad.compiler.back.cached import njit
from sciad.compiler.back.scopes import TAPE_SCOPE, scopes_of
from sciad.compiler.tapes import TAPE_ROOM

__all__ = [
    "tape_begin",
    "tape_free",
    "tape_free_grown",
    "tape_get",
    "tape_get_int",
    "tape_grow",
    "tape_grow_exactly",
    "tape_put",
    "tape_put_int",
]

# Numba looks at this file alone to see whether what it has cached is up to date: the number has to
# stand here, too.
_ROOM = 256
assert _ROOM == TAPE_ROOM, "the tape on the stack has another size than emitted code believes"

_realloc = types.ExternalFunction("realloc", types.intp(types.intp, types.intp))
_free = types.ExternalFunction("free", types.void(types.intp))


def _slot(builder, address, index, kind):
    pointer = builder.inttoptr(address, kind.as_pointer())
    return builder.gep(pointer, [index])


def _marked(builder, access):
    """Say that an access touches the tape only."""
    access.set_metadata("alias.scope", scopes_of(builder.module, [TAPE_SCOPE]))
    return access


@intrinsic
def tape_get(typingctx, tape, index):
    """Float in a slot."""

    def generate(context, builder, signature, args):
        return _marked(builder, builder.load(_slot(builder, args[0], args[1], llvm.DoubleType())))

    return types.float64(types.int64, types.int64), generate


@intrinsic
def tape_get_int(typingctx, tape, index):
    """Integer in a slot."""

    def generate(context, builder, signature, args):
        return _marked(builder, builder.load(_slot(builder, args[0], args[1], llvm.IntType(64))))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def tape_put(typingctx, tape, index, value):
    """Write a float into a slot."""

    def generate(context, builder, signature, args):
        _marked(
            builder, builder.store(args[2], _slot(builder, args[0], args[1], llvm.DoubleType()))
        )
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float64), generate


@intrinsic
def tape_put_int(typingctx, tape, index, value):
    """Write an integer into a slot."""

    def generate(context, builder, signature, args):
        _marked(builder, builder.store(args[2], _slot(builder, args[0], args[1], llvm.IntType(64))))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def tape_begin(typingctx):
    """Address of an empty tape of `TAPE_ROOM` slots on the stack of the function."""

    def generate(context, builder, signature, args):
        with builder.goto_entry_block():  # cgutils.alloca_once would fill it with zeros
            slots = builder.alloca(llvm.ArrayType(llvm.IntType(64), _ROOM))
        return builder.ptrtoint(slots, llvm.IntType(64))

    return types.int64(), generate


@njit()
def tape_grow(tape, room, need):
    """Give the tape at least `need` slots; returns (tape, room), tape 0 if memory ran out."""
    slots = max(2 * room, need)
    begins = room == _ROOM
    grown = _realloc(0 if begins else tape, 8 * slots)
    if grown == 0:
        tape_free(tape, room)
        return 0, 0
    if begins:
        for k in range(room):
            tape_put_int(grown, k, tape_get_int(tape, k))
    return grown, slots


@njit()
def tape_free(tape, room):
    """Give the memory back, if the tape has grown."""
    if room > _ROOM:
        _free(tape)


@njit()
def tape_grow_exactly(tape, room, need):
    """Give a tape that began with no room `need` slots: its room says what was needed at most."""
    grown = _realloc(tape, 8 * need)
    if grown == 0:
        _free(tape)
        return 0, 0
    return grown, need


@njit()
def tape_free_grown(tape, room):
    """Give the memory of such a tape back."""
    _free(tape)

"""What becomes of values where paths meet: behind an if, and around a loop.

A value is a layout with scalars in it. Two values of one layout are joined scalar by scalar, with
promotion, into a new value; since arrays and lists lose their identity by that, all three may no
longer be written to. Views of one buffer differ in integers (offset, lengths, strides), whose join
is exact. Values of different layouts have no common value: reading it is an error, unless they are
arrays in memory (see `pools` and `joins`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.precision import refuse
from sciad.compiler.front.values import (
    Abstract,
    Cells,
    Choice,
    ComplexOf,
    ListOf,
    Memory,
    Missing,
    Object,
    StaticArray,
    Structure,
    TupleOf,
    Unsure,
    complex_of,
)
from sciad.compiler.ir import BOOL, FLOAT, FLOAT32, INT, BufferType, Const, Operand, Value, const

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = [
    "DIFFERENT",
    "FROZEN",
    "MIXED",
    "UNSET",
    "as_complex",
    "filler",
    "is_scalar",
    "layout",
    "leaves",
    "rebuild",
    "same",
    "storages",
]

Environment = dict[Any, Abstract]
#: The value of a function that has not returned yet; joins with anything.
UNSET = Missing("the function may end without returning")
DIFFERENT = Missing("it stands for different things on different paths")
#: A copy of their promoted join would keep fractions that an array of ints cuts off.
MIXED = Missing("it stands for arrays of different types on different paths")
FROZEN = "was joined with another one where two paths meet"
_FILLERS = {
    FLOAT: const(0.0),
    INT: const(0),
    BOOL: const(False),
    FLOAT32: Const(0.0, FLOAT32),
}


def is_scalar(value: Abstract) -> bool:
    """Whether an abstract value is a scalar operand."""
    return isinstance(value, Const) or (
        isinstance(value, Value) and not isinstance(value.type, BufferType)
    )


def as_complex(low: Lowering, operand: Operand) -> ComplexOf:
    """Take a real number as a complex one."""
    if operand.type is FLOAT32:
        hint = "convert it: np.float64(x)"
        refuse(low.b, "a float32 and a complex number meet", hint)
    return complex_of(low.b.cast(operand, FLOAT), const(0.0))


def filler(operand: Operand) -> Const:
    """Give a literal of the same type, for paths on which nobody reads the value."""
    return _FILLERS[operand.type]


def same(a: Abstract, b: Abstract) -> bool:
    """Whether two paths agree on a value, so that nothing needs to be joined."""
    if a is b:
        return True
    if type(a) is not type(b):  # literals of Python and of NumPy differ in that
        return False
    if isinstance(a, Const):
        return a == b and getattr(a, "origin", "") == getattr(b, "origin", "")
    if isinstance(a, Object):
        return _identity(a) == _identity(b)
    if isinstance(a, StaticArray):
        return a.cells is b.cells and np.array_equal(a.index, b.index)
    if isinstance(a, ListOf):
        return a.cells is b.cells
    if isinstance(a, TupleOf):
        sorts = ((t.kind, t.fields, t.made_by, len(t.items)) for t in (a, b))
        pairs = zip(a.items, b.items, strict=False)
        return len(set(sorts)) == 1 and all(same(x, y) for x, y in pairs)
    if isinstance(a, Unsure):
        return a.defined == b.defined and same(a.value, b.value)
    if isinstance(a, Memory):
        parts = lambda m: (m.offset, m.shape, m.strides, m.writable, m.is_list)
        return a.buffer is b.buffer and parts(a) == parts(b)
    return isinstance(a, Missing)


def _identity(thing: Object) -> object:
    return thing.value if isinstance(thing.value, str) else id(thing.value)


def layout(value: Abstract, env: Environment) -> object:
    """Everything about a value but its scalars; hashable."""
    if is_scalar(value):
        return "scalar"
    if isinstance(value, Unsure):
        return ("unsure", layout(value.value, env))
    if isinstance(value, TupleOf):
        parts = tuple(layout(item, env) for item in value.items)
        return ("tuple", value.kind, value.fields, value.made_by, parts)
    if isinstance(value, Structure):
        parts = tuple(layout(item, env) for item in value.items.values())
        return ("structure", value.is_dict, tuple(value.items), value.made_by, parts)
    if isinstance(value, StaticArray):
        return ("array", value.shape)
    if isinstance(value, ListOf):
        return ("list", tuple(layout(env[(value.cells, k)], env) for k in _range(value)))
    if isinstance(value, Object):
        return ("object", _identity(value))
    if isinstance(value, Choice):
        return ("choice", tuple(layout(f, env) for f in value.functions))
    if isinstance(value, Memory):
        return ("memory", id(value.buffer), len(value.shape), value.is_list)
    return ("other", id(value))


def _range(value: ListOf) -> range:
    return range(value.cells.size)


def leaves(low: Lowering, value: Abstract, env: Environment) -> list[Operand]:
    """List the scalars of a value, in a fixed order."""
    if isinstance(value, Const | Value):
        return [value] if is_scalar(value) else []
    if isinstance(value, Unsure):
        return [value.defined, *leaves(low, value.value, env)]
    if isinstance(value, TupleOf):
        return [leaf for item in value.items for leaf in leaves(low, item, env)]
    if isinstance(value, Structure):
        return [leaf for item in value.items.values() for leaf in leaves(low, item, env)]
    if isinstance(value, StaticArray):
        return [low.cell(value.cells, int(k), env) for k in value.index.ravel()]
    if isinstance(value, ListOf):
        items = [env[(value.cells, k)] for k in _range(value)]
        return [leaf for item in items for leaf in leaves(low, item, env)]
    if isinstance(value, Choice):
        return [value.number]
    if isinstance(value, Memory):
        return [value.offset, *value.shape, *value.strides]
    return []


def storages(value: Abstract, env: Environment) -> list[Cells]:
    """List the arrays and lists a value consists of."""
    if isinstance(value, StaticArray):
        return [value.cells]
    if isinstance(value, ListOf):
        inner = [storages(env[(value.cells, k)], env) for k in _range(value)]
        return [value.cells, *(cells for part in inner for cells in part)]
    if isinstance(value, Unsure):
        return storages(value.value, env)
    if isinstance(value, TupleOf | Structure):
        items = value.items if isinstance(value, TupleOf) else value.items.values()
        return [cells for item in items for cells in storages(item, env)]
    return []


def rebuild(
    model: Abstract, model_env: Environment, scalars: Iterator[Operand], env: Environment
) -> Abstract:
    """Make a value with the layout of `model`; its storage may not be written to."""
    if is_scalar(model):
        return next(scalars)
    if isinstance(model, Unsure):
        defined = next(scalars)
        return Unsure(rebuild(model.value, model_env, scalars, env), defined)
    if isinstance(model, TupleOf):
        items = tuple(rebuild(item, model_env, scalars, env) for item in model.items)
        return replace(model, items=items)
    if isinstance(model, Structure):
        parts = {k: rebuild(v, model_env, scalars, env) for k, v in model.items.items()}
        return replace(model, items=parts)
    if isinstance(model, StaticArray):
        cells = _frozen(model.index.size, model.cells.site)
        made = [next(scalars) for _ in range(cells.size)]
        env.update({(cells, k): x for k, x in enumerate(made)})
        kinds = [x.type for x in made] or [model.cells.element]
        cells.element = max(kinds, key=lambda kind: kind.rank)
        return StaticArray(cells, np.arange(cells.size).reshape(model.shape))
    if isinstance(model, ListOf):
        cells = _frozen(model.cells.size, model.cells.site)
        for k in range(cells.size):
            env[(cells, k)] = rebuild(model_env[(model.cells, k)], model_env, scalars, env)
        return ListOf(cells)
    if isinstance(model, Choice):
        return replace(model, number=next(scalars))
    if isinstance(model, Memory):
        n = len(model.shape)
        offset, *rest = (next(scalars) for _ in range(1 + 2 * n))
        return replace(model, offset=offset, shape=tuple(rest[:n]), strides=tuple(rest[n:]))
    return model


def _frozen(size: int, site: object) -> Cells:
    cells = Cells(size, site)
    cells.frozen = FROZEN
    return cells

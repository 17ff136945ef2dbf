"""Float32 in derivatives inside compiled functions.

The passes that make derivatives know one float, so a program that is differentiated is rounded
(`front.rounding`) as soon as it has been lowered. The numbers and buffers of float32 around it keep
their type: until the derivative is written they have stand-ins. What comes back is converted to the
type that it has in the interpreter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sciad.compiler.front import precision, singles
from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.rounding import rounded
from sciad.compiler.front.values import Abstract, ListOf, Memory, StaticArray, Structure, TupleOf
from sciad.compiler.inner.leafwise import is_narrow, narrowed, raw
from sciad.compiler.ir import FLOAT, FLOAT32, BufferType, Function, Operand, Value
from sciad.compiler.passes.recall import substitute

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["Narrow"]


class Narrow:
    """What is float32 in a program that is differentiated."""

    def __init__(self) -> None:
        self.given: dict[Value, Value] = {}  # stand-in -> what it stands for
        self.made: dict[Operand, str] = {}  # what may come back -> where such numbers come from

    def begin(self, low: Lowering, function: Function, free: list[Value]) -> Function:
        """Round a program whose last parameters are the `free` ones."""
        self.made = {x: _origin(low, x) for x in function.body.results}
        stands = {v: Value(v.name, _wide(v)) for v in free if is_narrow(v)}
        self.given = {stand: v for v, stand in stands.items()}
        substitute(function.body, dict(stands))
        params = tuple(stands.get(p, p) for p in function.params)
        return rounded(Function(function.name, params, function.body))

    def end(self, function: Function) -> None:
        """Put back what the stand-ins stand for."""
        substitute(function.body, dict(self.given))

    def typed(self, low: Lowering, value: Abstract, like: Abstract) -> Abstract:
        """Give what came back the types of `like`, which the program was lowered with."""
        if is_scalar(value):
            origin = self.made.get(like, "")
            if origin == _SINGLE:
                return low.b.cast(value, FLOAT32)
            return singles.mark(low, value, origin) if origin and value.type is FLOAT else value
        if isinstance(value, Memory):
            narrow = self.made.get(like.buffer) == _SINGLE
            return narrowed(low, value) if narrow and not is_narrow(value.buffer) else value
        if isinstance(value, StaticArray | ListOf):
            for k, source in zip(_places(value), _places(like), strict=True):
                inner = raw(low, like.cells, source)
                low.env[(value.cells, k)] = self.typed(low, low.env[(value.cells, k)], inner)
            return value
        again = lambda pair: self.typed(low, *pair)
        if isinstance(value, TupleOf):
            items = zip(value.items, like.items, strict=True)
            return replace(value, items=tuple(map(again, items)))
        if isinstance(value, Structure):
            parts = {k: self.typed(low, v, like.items[k]) for k, v in value.items.items()}
            return replace(value, items=parts)
        return value


_SINGLE = "single"


def _places(value: Any) -> list[int]:
    if isinstance(value, StaticArray):
        return [int(k) for k in value.index.ravel()]
    return list(range(value.cells.size))


def _origin(low: Lowering, operand: Operand) -> str:
    if isinstance(operand, Value) and is_narrow(operand):
        return _SINGLE
    scalar = not isinstance(operand.type, BufferType) and isinstance(operand, Value)
    return precision.origin_of(low.b, operand) if scalar else ""


def _wide(value: Value) -> Any:
    return BufferType(FLOAT) if isinstance(value.type, BufferType) else FLOAT

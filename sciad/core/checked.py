"""Products that users write for their rules: followed, checked, transposed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.buffer import operand
from sciad.core.entries import run as run_followed
from sciad.core.errors import InputError
from sciad.core.sweep import sweep
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import dtype_of, shape_of

__all__ = ["Checked", "Transposed", "function_name"]


class Checked:
    """A product of a user's rule: followed, and what it returns is checked.

    Parameters
    ----------
    key : callable
        The function the rule is about.
    kind : {"vjp", "jvp", "transpose"}
        For messages.
    argnum : int
        The argument it is about.
    product : callable
        What the user wrote.
    like : int or None
        Place of the argument that the result must be like; -1: `argnum` without an output before
        the arguments; ``None``: like the output.
    """

    def __init__(
        self, key: Any, kind: str, argnum: int, product: Callable[..., Any], like: int | None
    ) -> None:
        self.key, self.kind, self.argnum, self.product = key, kind, argnum, product
        self.like = like

    def __call__(self, given: Any, *rest: Any, **kwargs: Any) -> Any:
        """Call the product, and check what it returns."""
        found = run_followed(self.product, given, *rest, **kwargs)
        if self.like is None:
            model = rest[0]
        else:
            model = rest[self.argnum] if self.like < 0 else rest[self.argnum + 1]
        if found is None or isinstance(found, tuple | list | dict | str):
            raise self._error(f"returned a {type(found).__name__}, not a number or an array")
        if shape_of(found) != shape_of(model):
            raise self._error(
                f"returned the shape {shape_of(found)}, but the"
                f" {'output' if self.like is None else 'argument'} has {shape_of(model)}"
            )
        if dtype_of(found).kind == "c" and dtype_of(model).kind != "c":
            what = "output" if self.like is None else "argument"
            raise self._error(f"returned complex numbers for a real {what}")
        return found

    def _error(self, what: str) -> InputError:
        where = getattr(self.product, "__code__", None)
        return InputError(
            f"the {self.kind} for argument {self.argnum} in the rule of"
            f" {function_name(self.key)} {what}",
            where=where and f"{where.co_filename}:{where.co_firstlineno}",
        )


class Transposed:
    """The vjp of a rule that has a jvp only: linear in the tangent, it is transposed."""

    def __init__(self, argnum: int, product: Callable[..., Any]) -> None:
        self.argnum, self.product = argnum, product

    def __call__(self, cotangent: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply the adjoint of the forward product."""
        trace, x = ReverseTrace(), args[self.argnum]
        zero = np.zeros(shape_of(x), dtype_of(x))[()]
        try:
            pushed = self.product(trace.input(zero), out, *args, **kwargs)
            node = operand(pushed, trace)[1]
        finally:
            entries = trace.entries
            trace.close()
        return zero if node is None else zero + sweep(entries, [(node, cotangent)]).slots[0]


def function_name(key: Any) -> str:
    """Name of a function with its module, for messages."""
    if isinstance(key, str):
        return key
    module, name = getattr(key, "__module__", None), getattr(key, "__qualname__", None)
    name = name or getattr(key, "__name__", None) or repr(key)
    return f"{module}.{name}" if module and module != "builtins" else name

"""Functions as values: which outlive the activation they were made in, which of several is called.

Where two paths meet with different functions under one name, the name stands for a `Choice`: a
number, joined like any other, says at run time which of them is called.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn

from sciad.compiler.front.merge import is_scalar
from sciad.compiler.front.values import (
    Abstract,
    Choice,
    Closure,
    ListOf,
    Missing,
    Object,
    Partial,
    Pythonic,
    Structure,
    TupleOf,
)
from sciad.compiler.ir import Const, const
from sciad.core.errors import CompileError

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Lowering

__all__ = ["call_chosen", "chosen", "outlive", "refuse_ruled"]

_serial = count(1)


def outlive(low: Lowering, value: Abstract) -> bool:
    """Whether a result holds inner functions, which go on reading the names around them."""
    if isinstance(value, Closure | Choice):
        return True
    if isinstance(value, Partial):
        return any(outlive(low, v) for v in (value.target, *value.args, *value.named.values()))
    if isinstance(value, TupleOf):
        return any(outlive(low, v) for v in value.items)
    if isinstance(value, Structure):
        return any(outlive(low, v) for v in value.items.values())
    if isinstance(value, ListOf):
        items = (low.env.get((value.cells, k)) for k in range(value.cells.size))
        return any(outlive(low, v) for v in items)
    function = getattr(value, "function", None)  # of a derivative
    return isinstance(function, Closure | Choice | Partial) and outlive(low, function)


def refuse_ruled(low: Lowering, target: Pythonic, node: ast.AST) -> NoReturn:
    """Refuse a function whose derivative the user has defined: its body does not say it."""
    what = f"{target.function.__qualname__} has a rule of its own, which compiled code cannot apply"
    hint = "call it outside of the compiled function, or give the rule to the compiled function"
    if low.frames:
        low.refuse(what, node, hint)
    code = target.function.__code__
    raise CompileError(what, where=f"{code.co_filename}:{code.co_firstlineno}", hint=hint)


def chosen(a: Abstract, b: Abstract) -> tuple[Abstract, Abstract]:
    """Make two functions, one from each path, members of one choice; others stay as they are."""
    options: list[Abstract] = []
    for value in sorted((a, b), key=lambda v: not isinstance(v, Choice)):  # their numbers stay
        for option in value.functions if isinstance(value, Choice) else (value,):
            if not _is_option(option):
                return a, b
            if not any(_same(option, known) for known in options):
                options.append(option)
    if len(options) < 2:
        return a, b
    return _numbered(a, options), _numbered(b, options)


def _is_option(value: Abstract) -> bool:
    """Whether a function may be one of a choice: nothing that a path computed is inside it."""
    if isinstance(value, Closure):
        return all(isinstance(d, Const) for d in (*value.defaults, *value.keywords.values()))
    if isinstance(value, Object):
        return callable(value.value) and not isinstance(value.value, type)
    return isinstance(value, Pythonic)


def _same(a: Abstract, b: Abstract) -> bool:
    if isinstance(a, Object) and isinstance(b, Object):
        return a.value is b.value
    return a is b


def _numbered(value: Abstract, options: list[Abstract]) -> Choice:
    place = lambda f: next(k for k, known in enumerate(options) if _same(f, known))
    if not isinstance(value, Choice):
        return Choice(const(place(value)), tuple(options))
    if list(map(place, value.functions)) == list(range(len(value.functions))):
        return Choice(value.number, tuple(options))
    return Choice(const(-1), (value, *options))  # numbers would have to change: no common value


def call_chosen(
    low: Lowering, target: Choice, args: list, named: dict[str, Abstract], node: ast.Call
) -> Abstract:
    """Call the function that a number stands for."""
    from sciad.compiler.front.calls import call
    from sciad.compiler.front.statements import branch
    from sciad.compiler.vocabulary.arrays import settled

    key = (low.frame.serial, f".called{next(_serial)}")

    def run(function: Abstract) -> Callable[[], None]:
        def thunk() -> None:
            low.env[key] = settled(low, call(low, function, args, dict(named), node), node)

        return thunk

    def among(k: int) -> Callable[[], None]:
        if k == len(target.functions) - 1:
            return run(target.functions[k])
        test = low.b.compare("eq", target.number, const(k))
        return lambda: branch(low, test, run(target.functions[k]), among(k + 1), node)

    among(0)()
    value: Any = low.env.pop(key, None)
    if low.dead or value is None:
        return const(0.0)
    if isinstance(value, Missing):
        low.demand(value)
        low.refuse(
            f"{ast.unparse(node)} has no single value: {value.reason}",
            node,
            "let all functions that may be called here return numbers, or arrays of one shape",
        )
    return value if is_scalar(value) else settled(low, value, node)

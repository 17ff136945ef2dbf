"""Numba's functions (`@njit`, `@vectorize`) where differentiated code calls them.

Each is compiled as by `sciad.jit` and becomes one node. What the compiler cannot do is left to the
eager engine, which follows the Python function: then the answer is NotImplemented.
"""

from __future__ import annotations

import types
import weakref
from typing import Any

import numpy as np

from sciad.compiler.levels import levels
from sciad.core.accelerated import is_elementwise
from sciad.core.errors import CompileError, user_location
from sciad.core.tracer import dtype_of, is_wrapped

__all__ = ["applied", "call_dispatcher"]

_LEVELS = 2  # derivatives that exist as compiled code
_known: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_checked: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()


def applied(function: Any) -> types.FunctionType:
    """Make the Python function that applies a ufunc of Numba's to its arguments."""
    takes = [
        lambda x: function(x),
        lambda x, y: function(x, y),
        lambda x, y, z: function(x, y, z),
        lambda x, y, z, w: function(x, y, z, w),
    ]
    if not 1 <= function.nin <= len(takes):
        raise CompileError(
            f"a vectorized function of {function.nin} arguments",
            where=user_location(),
            hint="call it in a Python function of fewer arguments, and give that to sciad.jit",
        )
    return takes[function.nin - 1]


def call_dispatcher(function: Any, args: tuple, kwargs: dict) -> Any:
    """Call a function of Numba's with traced arguments; NotImplemented if it is not compiled."""
    if is_elementwise(function) and (kwargs or len(levels(list(args))) > _LEVELS):
        return NotImplemented
    if not all(map(_is_plain, (*args, *kwargs.values()))):
        return NotImplemented
    try:
        jitted = _jitted(function)
        program, _, _ = jitted._program(args, kwargs)
        if not _usable(program):
            return NotImplemented
    except CompileError:
        return NotImplemented
    return jitted(*args, **kwargs)


def _is_plain(value: Any) -> bool:
    """Whether compiled code gives for a value what the Python function gives, dtypes included."""
    if is_wrapped(value) or isinstance(value, np.ndarray | np.generic):
        return dtype_of(value) == np.float64
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return isinstance(value, int | float | str | type(None))


def _jitted(function: Any) -> Any:
    if function not in _known:
        from sciad.compiler.jit import JitFunction

        _known[function] = JitFunction(function)
    return _known[function]


def _usable(program: Any) -> bool:
    """Whether derivatives exist, and no result is a view of an argument (compiled code copies)."""
    if program not in _checked:
        try:
            program.path("vjp")
            _checked[program] = not _shares(program.layout)
        except CompileError:
            _checked[program] = False
    return _checked[program]


def _shares(layout: Any) -> bool:
    if layout[0] == "dict":
        return any(_shares(item) for _, item in layout[1])
    if "copied" in layout:
        return True
    parts = layout[1] if len(layout) > 1 else ()
    return isinstance(parts, list) and any(map(_shares, parts))

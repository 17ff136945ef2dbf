"""Compiled functions, and Numba's, as the eager engine meets them.

Numba's functions in followed code are one compiled node where the compiler can, else followed.

The compiler is a floor above and imports numba; it is loaded when such a function is first met.
"""

import types
from collections.abc import Callable
from typing import Any

__all__ = [
    "call_compiled",
    "compiled_derivative",
    "install_compiler",
    "is_elementwise",
    "python_of",
]

_loader: list[Callable[[], Callable[..., Any]]] = []


def install_compiler(load: Callable[[], Callable[..., Any]]) -> None:
    """Register what gives ``call(function, args, kwargs)``, which may return NotImplemented."""
    _loader[:] = [load]


def call_compiled(function: Any, args: tuple, kwargs: dict) -> Any:
    """Call a function of Numba's as compiled code, or give NotImplemented."""
    if not _loader:
        return NotImplemented
    return _loader[0]()(function, args, kwargs)


def compiled_derivative(function: Any) -> Callable[..., Any] | None:
    """Find what gives derivatives of a compiled function at plain numbers and arrays.

    It is called as ``derivative("gradient" | "jacobian" | "hessian", args, *request)`` and may give
    NotImplemented.
    """
    if not type(function).__module__.startswith("sciad."):
        return None
    found = getattr(function, "_derivative", None)
    return found if callable(found) else None


def is_elementwise(function: Any) -> bool:
    """Whether a function was made by ``numba.vectorize``."""
    kind = type(function)
    return kind.__name__ == "DUFunc" and kind.__module__.startswith("numba.")


def python_of(function: Any) -> types.FunctionType | None:
    """Find the Python function that a function of Numba's was made from."""
    name = "__wrapped__" if is_elementwise(function) else "py_func"
    python = getattr(function, name, None)
    return python if type(python) is types.FunctionType else None

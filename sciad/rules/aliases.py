"""The C functions behind NumPy's public names, which NumPy's own code calls directly."""

import types

from sciad.core.rules import BY_CALLABLE, register

__all__ = ["register_implementations"]


def register_implementations() -> None:
    """Give every C implementation the rule of its public function."""
    for function, rule in list(BY_CALLABLE.items()):
        inner = getattr(function, "__wrapped__", None)
        if type(inner) is types.BuiltinFunctionType and inner not in BY_CALLABLE:
            register(inner, rule)

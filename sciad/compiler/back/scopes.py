"""Alias scopes of LLVM: which memory an access touches, and which it leaves alone."""

from __future__ import annotations

from typing import Any

__all__ = ["TAPE_SCOPE", "scopes_of"]

_DOMAIN = "sciad"
TAPE_SCOPE = "sciad tape"


def scopes_of(module: Any, names: list[str]) -> Any:
    """Metadata that lists alias scopes."""
    domain = module.add_metadata([_DOMAIN])
    return module.add_metadata([module.add_metadata([name, domain]) for name in names])

"""Where sparse derivatives come from: a room of a higher floor, which says so here."""

from collections.abc import Callable
from typing import Any

from sciad.core.errors import InputError

__all__ = ["check_plain", "provide", "sparse_maker"]

_makers: dict[str, Callable[..., Any]] = {}


def provide(what: str, maker: Callable[..., Any]) -> None:
    """Register what makes sparse derivatives: ``maker(fun, argnums)``."""
    _makers[what] = maker


def sparse_maker(what: str) -> Callable[..., Any]:
    """Look up what makes sparse derivatives."""
    return _makers[what]


def check_plain(what: str, **options: Any) -> None:
    """Refuse options that sparse derivatives do not have."""
    for name, value in options.items():
        if value:
            raise InputError(
                f"{what}: {name} and sparse=True do not go together",
                hint=f"leave out {name}, or sparse=True",
            )

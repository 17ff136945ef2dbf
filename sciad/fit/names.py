"""Names given by the user: close matches for error messages, duplicates."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["duplicates", "suggestion"]


def suggestion(name: object, known: Iterable[str]) -> str:
    """Help with an unknown name: close matches first, else everything there is."""
    known = list(known)
    close = get_close_matches(str(name), known, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(match) for match in close) + "?"
    return "known names: " + (", ".join(repr(match) for match in known) or "none")


def duplicates(names: Iterable[str]) -> list[str]:
    """List the names that occur more than once, each of them once."""
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for name in names:
        if name in seen:
            twice[name] = None
        seen.add(name)
    return list(twice)

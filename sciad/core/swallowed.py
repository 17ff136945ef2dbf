"""Errors of sciad's that a program catches by a clause made for other errors.

``try: n = float(x) except TypeError: n = 0.0`` goes another way than the plain program if sciad
cannot follow ``float(x)``, and its result is silently wrong. So while a transformation runs, an
error that the plain program would not have raised stays open until it has left the transformation
or was accepted by a clause that names a class of sciad's, ``except sciad.TracingError``:

- the handlers of followed code take nothing else while an error is open (`caught`, which the
  rewriter puts around what a clause names);
- whatever code has swallowed it (``finally: return``, ``__exit__``, code that is not followed),
  the transformation raises it at its end.
"""

import sys
from collections.abc import Iterator
from typing import Any

from sciad.core.errors import OPEN, SciadError

__all__ = ["HANDLERS", "NOTHING_SWALLOWED", "caught", "is_open", "settled"]

_NOTE = (
    "The program caught this error and went on, on another way than it takes without derivatives."
    " A clause that names a class of sciad's, 'except sciad.TracingError', accepts such an error."
)


def caught(kinds: Any) -> Any:
    """Give what an ``except`` clause may catch, of what it names."""
    if not OPEN.errors:
        return kinds
    named = tuple(kind for kind in _flat(kinds) if issubclass(kind, SciadError))
    error = sys.exc_info()[1]
    if isinstance(error, BaseExceptionGroup):
        error = error.subgroup(named) if named else None
    if isinstance(error, (*named, BaseExceptionGroup)):
        settled(error)
    return named


def settled(error: BaseException | None) -> None:
    """Note that an error was dealt with, and those it came from or that came before it there."""
    if OPEN.errors:
        gone = list(_behind(error))
        places = {getattr(part, "where", None) for part in gone} - {None}
        OPEN.errors[:] = [
            e for e in OPEN.errors if e.where not in places and not any(e is g for g in gone)
        ]


def is_open(error: BaseException) -> bool:
    """Whether an error is one that the plain program would not have raised."""
    return any(error is e for e in OPEN.errors or ())


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and those it came from."""
    front, seen = [error], set()
    while front:
        part = front.pop()
        if part is not None and id(part) not in seen:
            seen.add(id(part))
            yield part
            front += [part.__cause__, part.__context__, *getattr(part, "exceptions", ())]


def _flat(kinds: Any) -> Iterator[type]:
    if isinstance(kinds, tuple):
        for kind in kinds:
            yield from _flat(kind)
    elif isinstance(kinds, type):
        yield kinds


class _NothingSwallowed:
    """Context of a transformation: raises at the end what was swallowed inside."""

    def __enter__(self) -> None:
        if OPEN.errors is None:
            OPEN.errors = []
        OPEN.starts.append(len(OPEN.errors))

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        start = OPEN.starts.pop()
        found = (OPEN.errors or [])[start:]
        if not OPEN.starts:  # else an outer transformation has to do with it
            OPEN.errors = None
        if not found or any(error is e for e in found):
            return
        if error is None or isinstance(error, Exception):
            first = found[0]
            for later in found:  # it may have been made a clearer one
                if later.where == first.where or any(first is part for part in _behind(later)):
                    first = later
            first.add_note(_NOTE)
            raise first


NOTHING_SWALLOWED = _NothingSwallowed()

#: What rewritten ``except`` clauses use, as attributes of the dispatcher.
HANDLERS = {"caught": caught, "anything": BaseException}

"""One exception tree: every message says what happened, where in the user's code, and what to do.

The classes also derive from the built-in exception a caller would expect (``ValueError`` for bad
input, ``TypeError`` for things that cannot be traced), so that existing ``except`` clauses work.
"""

import os
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import numpy

__all__ = [
    "CompileError",
    "InputError",
    "IntegrationError",
    "LostDerivativeError",
    "NotDifferentiableError",
    "SciadError",
    "SciadWarning",
    "SourceError",
    "TracingError",
    "is_library",
    "library_call",
    "user_location",
]


class SciadError(Exception):
    r"""Root of all errors raised by sciad.

    Parameters
    ----------
    what : str
        What happened, in one sentence.
    where : str, optional
        Place in the user's code, as ``"file:line"``.
    hint : str, optional
        A way out that works.

    Examples
    --------
    >>> str(SciadError("no source", where="model.py:3", hint="define it in a file"))
    'no source\n  where: model.py:3\n  hint: define it in a file'
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        lines = [what]
        if where is not None:
            lines.append(f"  where: {where}")
        if hint is not None:
            lines.append(f"  hint: {hint}")
        super().__init__("\n".join(lines))


class InputError(SciadError, ValueError):
    """An argument of a sciad function is not what it must be."""


class _Open(threading.local):
    """Errors that a running transformation has not got over yet (`sciad.core.swallowed`)."""

    def __init__(self) -> None:
        self.errors: list[SciadError] | None = None  # none while no transformation runs
        self.starts: list[int] = []


OPEN = _Open()


class _Deviation(SciadError, TypeError):
    """An error that the plain program would not have raised."""

    deviates = True

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, where=where, hint=hint)
        if self.deviates and OPEN.errors is not None:
            OPEN.errors.append(self)


class TracingError(_Deviation):
    """A traced value was used in a way that cannot be followed."""


class SourceError(TracingError):
    """The source of a function cannot be read: it may be run as it is."""

    deviates = False


class LostDerivativeError(TracingError):
    """Going on would drop a derivative silently; sciad stops instead."""


class NotDifferentiableError(_Deviation):
    """The function has no derivative that could be given."""


class CompileError(SciadError, TypeError):
    """The function uses something that cannot be compiled."""


class IntegrationError(SciadError, RuntimeError):
    """An integration could not be carried to its end."""


class SciadWarning(UserWarning):
    """Root of the warnings about derivatives."""


def package_directory(name: str) -> str | None:
    """Directory of a top-level package that is already imported, with a final separator."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    return os.path.dirname(file) + os.sep if file else None


SCIAD_DIRECTORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
NUMPY_DIRECTORY = os.path.dirname(numpy.__file__) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep


def user_location() -> str:
    """Where the user's code is now.

    Returns
    -------
    str
        ``"file:line"`` of the innermost frame outside sciad, the standard library and installed
        packages; if there is none, of the innermost one outside sciad, NumPy and SciPy; or
        ``"<unknown>"``.

    Examples
    --------
    >>> ":" in user_location()
    True
    """
    skipped = tuple(
        directory
        for directory in (SCIAD_DIRECTORY, NUMPY_DIRECTORY, package_directory("scipy"))
        if directory is not None
    )
    fallback = "<unknown>"
    for frame in _frames(sys._getframe(1)):
        filename = frame.f_code.co_filename
        if filename.startswith((*skipped, "<frozen")):
            continue
        place = f"{filename}:{frame.f_lineno}"
        if not is_library(filename):
            return place
        if fallback == "<unknown>":
            fallback = place
    return fallback


def library_call() -> str | None:
    """Name of the library function in which the user's code is now, as the user would write it."""
    called = None
    for frame in _frames(sys._getframe(1)):
        filename = frame.f_code.co_filename
        if filename.startswith((SCIAD_DIRECTORY, "<frozen")):
            continue
        if not is_library(filename):
            break
        if "<locals>" not in frame.f_code.co_qualname:  # decorators name their wrappers so
            called = frame
    return None if called is None else _public_name(called)


def _public_name(frame: FrameType) -> str:
    module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname
    parts = module.split(".")
    while len(parts) > 1 and parts[-1].startswith("_"):
        parts.pop()
    short = ".".join(parts)
    return f"{short if hasattr(sys.modules.get(short), name) else module}.{name}"


def is_library(filename: str) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    installed = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
    return filename.startswith(_LIBRARY) or any(part in filename for part in installed)


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back

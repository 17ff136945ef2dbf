"""Warnings and log records: they show plain numbers, and name the line of the user's code."""

import sys
import warnings

from sciad.core.errors import SCIAD_DIRECTORY
from sciad.core.rules import substitute
from sciad.core.tracer import is_wrapped, primal_of

__all__: list[str] = []


def _level(wanted):
    """Stack level, seen from the caller, of the frame that is at `wanted` without sciad's own."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None:
        if not frame.f_code.co_filename.startswith(SCIAD_DIRECTORY):
            wanted -= 1
            if wanted <= 0:
                break
        frame, level = frame.f_back, level + 1
    return level


@substitute(warnings.warn, always=True)
def warn(message, category=None, stacklevel=1, source=None, **options):
    """``warnings.warn``."""
    return warnings.warn(message, category, _level(stacklevel), source, **options)


def _shown(value):
    """Plain numbers in what a record is formatted with, which happens in code not followed."""
    if is_wrapped(value):
        return primal_of(value)
    if type(value) is dict:
        return {key: _shown(part) for key, part in value.items()}
    return type(value)(map(_shown, value)) if type(value) in (list, tuple) else value


def _logging(name):
    @substitute(f"logging.{name}", always=True)
    def log(*args, stacklevel=1, **kwargs):
        function = sys.modules["logging"]
        for part in name.split("."):
            function = getattr(function, part)
        return function(*map(_shown, args), stacklevel=_level(stacklevel), **kwargs)


for _call in ("debug", "info", "warning", "error", "exception", "critical", "log"):
    for _owner in ("", "Logger.", "LoggerAdapter."):
        _logging(_owner + _call)

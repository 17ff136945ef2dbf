"""Warnings of the integration room, shown at the user's line."""

import sys
import warnings

from sciad.core.errors import SCIAD_DIRECTORY

__all__ = ["SlowModelWarning", "warn_user"]


class SlowModelWarning(UserWarning):
    """A model could not be compiled; every evaluation runs in Python."""


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, pointing at the innermost line outside sciad."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(SCIAD_DIRECTORY):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)

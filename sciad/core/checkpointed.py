"""Marks loops that compiled code reverses with few stored states."""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from sciad.core.errors import InputError, user_location

__all__ = ["checkpointed"]

_T = TypeVar("_T")


def checkpointed(iterable: Iterable[_T], snapshots: int | None = None) -> Iterable[_T]:
    """Ask for binomial checkpointing of a loop in a function compiled by `sciad.jit`.

    In compiled reverse mode the loop stores at most `snapshots` states of what one step hands to
    the next (numbers, and arrays that are read and overwritten) and runs the steps between them
    again, with the fewest repetitions that this allows; memory does not grow with the number of
    steps. In the plain program, and in the eager engine (see `checkpoint_loop` there), it is the
    iterable itself.

    Parameters
    ----------
    iterable : iterable
        In compiled code a ``range``; the loop must not be left by ``break`` or ``return`` and has
        to stand at the outermost level of the program or in a loop, not in a branch.
    snapshots : int, optional
        States that may be stored, the initial one included; a literal in compiled code. By default
        the fewest with which no step is repeated more than twice, about ``sqrt(2 n)``.

    Returns
    -------
    iterable
        The same.

    Raises
    ------
    InputError
        If `snapshots` is not a positive whole number.

    References
    ----------
    A. Griewank, A. Walther, Algorithm 799: Revolve, ACM TOMS 26 (2000) 19-45.

    Examples
    --------
    >>> import sciad
    >>> def decay(x):
    ...     for _ in sciad.checkpointed(range(1000), snapshots=10):
    ...         x = x - 0.001 * x * x
    ...     return x
    >>> round(decay(1.0), 3)
    0.5
    """
    whole = isinstance(snapshots, int | np.integer) and not isinstance(snapshots, bool)
    if snapshots is not None and not (whole and snapshots >= 1):
        raise InputError(
            f"checkpointed: snapshots must be a whole number of at least 1, not {snapshots!r}",
            where=user_location(),
        )
    return iterable

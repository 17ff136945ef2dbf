"""`numba.njit` for sciad's own kernels: cached on disk where that is possible, else in memory only.

Numba writes beside the source file or into the user's cache directory, and raises if it can do
neither (a read-only installation without a home). Such kernels are then compiled in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["njit"]


def njit(*signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile as ``numba.njit(*signature, cache=True, **options)`` does, if need be without cache.

    Parameters
    ----------
    *signature : object
        Types, if the function is to be compiled at once.
    **options : object
        Further options of `numba.njit`.

    Returns
    -------
    callable
        A decorator.
    """
    jitted: Any = numba.njit

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return jitted(*signature, cache=True, **options)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return jitted(*signature, **options)(function)

    return decorate

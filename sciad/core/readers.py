"""Functions and methods of NumPy that read plain arrays and give new ones, or numbers.

They keep none of their arguments, write into none, and what they give shares no memory with any.
"""

import builtins
import types
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["CREATORS", "FRESH", "KEYWORDS", "NUMBER", "VIEW", "kind_of_call", "kind_of_method"]

#: What an expression gives: a number (or a tuple of them), a new array, memory of something else.
NUMBER, FRESH, VIEW = "number", "fresh", "view"

_MAKERS: tuple[Any, ...] = (
    *(np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.array, np.copy),
    *(np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.arange, np.linspace),
    *(np.logspace, np.geomspace, np.concatenate, np.stack, np.vstack, np.hstack, np.tile),
)
#: They make arrays, whatever they get.
CREATORS: frozenset[Any] = frozenset(_MAKERS)
#: With one argument and no axis they give a number.
_REDUCTIONS: frozenset[Any] = frozenset(
    {
        *(np.sum, np.prod, np.mean, np.std, np.var, np.max, np.min, np.any, np.all),
        *(np.argmax, np.argmin, np.count_nonzero, np.median, np.ptp, np.linalg.norm),
    }
)
_OTHERS: frozenset[Any] = frozenset(
    {
        *(np.where, np.clip, np.round, np.cumsum, np.cumprod, np.sort, np.argsort, np.dot),
        *(np.inner, np.outer, np.tensordot, np.kron, np.cross, np.repeat, np.roll, np.interp),
        *(np.convolve, np.correlate, np.trapezoid),
        *(np.linalg.solve, np.linalg.inv, np.linalg.det, np.tri, np.tril, np.triu, np.polyval),
        *(np.searchsorted, np.average, np.quantile, np.percentile, np.pad, np.vdot),
        *(np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft),
    }
)
#: With one argument only: with more they may give what they got.
_OF_ONE: frozenset[Any] = frozenset({np.diff, np.nan_to_num})
_BUILTIN_NUMBERS: frozenset[Any] = frozenset({len, float, int, bool})
#: Keyword arguments that make no function write, or give away its argument.
KEYWORDS = frozenset(
    {
        *("axis", "keepdims", "dtype", "ord", "ddof", "initial", "where", "mode", "side"),
        *("decimals", "endpoint", "num", "k", "shape", "fill_value", "left", "right", "x", "dx"),
    }
)
_MOST: dict[Any, int] = {
    **dict.fromkeys((np.array, np.linalg.inv, np.linalg.det), 1),
    **dict.fromkeys((np.where, np.clip, np.interp, np.tensordot, np.convolve, np.correlate), 3),
    **dict.fromkeys((np.pad, np.roll, np.repeat, np.linspace, np.logspace, np.geomspace), 3),
    **dict.fromkeys((np.arange, np.full, np.tri), 3),
}
_NUMBER_METHODS = frozenset(
    {"sum", "prod", "mean", "std", "var", "max", "min", "any", "all", "argmax", "argmin"}
)
_FRESH_METHODS = frozenset(
    {"copy", "dot", "cumsum", "cumprod", "clip", "round", "repeat", "argsort", "flatten"}
)


def kind_of_call(function: Any, count: int, keywords: list[str]) -> str | None:
    """Tell what a call gives; None for functions that are not known.

    Parameters
    ----------
    function : object
        What is called.
    count : int
        Number of positional arguments.
    keywords : list of str
        Names of the others.
    """
    if not KEYWORDS.issuperset(keywords):
        return None
    kind = type(function)
    if kind is np.ufunc:
        own = getattr(np, function.__name__, None) is function  # others may run code of the user
        known = own and function.nout == 1 and not keywords and count == function.nin
        return FRESH if known else None
    if not isinstance(function, Callable) or kind is types.MethodType:  # type: ignore[arg-type]
        return None
    try:
        return _kind_of_function(function, count, keywords)
    except TypeError:  # no hash
        return None


def _kind_of_function(function: Any, count: int, keywords: list[str]) -> str | None:
    if function in _BUILTIN_NUMBERS or _is_of_math(function):
        return NUMBER if count > 0 and not keywords else None
    if function is builtins.abs:
        return FRESH
    if function in _REDUCTIONS:
        if count > 2:  # the third is where the result goes
            return None
        alone = count == 1 and {"axis", "keepdims"}.isdisjoint(keywords)
        return NUMBER if alone else FRESH
    if function in _OF_ONE:
        return FRESH if count == 1 else None
    if function in CREATORS:
        return FRESH if count <= _most(function) else None
    return FRESH if function in _OTHERS and count <= _most(function) else None


def _is_of_math(function: Any) -> bool:
    return type(function) is types.BuiltinFunctionType and function.__module__ == "math"


def _most(function: Any) -> int:
    """How many positional arguments a function may get; a further one may be where it writes to."""
    return _MOST.get(function, 2)


def kind_of_method(name: str, count: int, keywords: list[str]) -> str | None:
    """Tell what a method of a plain array gives; None for methods that are not known."""
    if not KEYWORDS.issuperset(keywords):
        return None
    if name in _NUMBER_METHODS and count == 0:
        return NUMBER if {"axis", "keepdims"}.isdisjoint(keywords) else FRESH
    most = 2 if name == "clip" else 1
    return FRESH if name in _FRESH_METHODS and count <= most else None

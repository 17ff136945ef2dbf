"""Calls of code that is not followed: C functions, and Python of libraries that do not compute.

Constant arrays of traced code are given to it as plain ones. If it meets a traced value and cannot
take it, the error names the function and the user's line.
"""

import re
import sys
from typing import Any

import numpy as np

from sciad.core.adoption import adopt_parts, is_whole
from sciad.core.apply import apply
from sciad.core.buffer import constant, prepare_write
from sciad.core.errors import (
    LostDerivativeError,
    SciadError,
    TracingError,
    library_call,
    user_location,
)
from sciad.core.rules import lookup
from sciad.core.swallowed import settled
from sciad.core.text import WRITTEN, is_text, keep_text
from sciad.core.tracer import Array, Scalar, as_array, primal_of, trace_of, unwrap_constants, window
from sciad.core.tree import flatten, unflatten

__all__ = ["call_foreign", "call_unfollowed", "fresh", "reads_numbers"]

#: Homes of built-in code that stores or hands on its arguments, as ``list.append`` does.
_KEEPERS = frozenset(
    {
        None,
        "builtins",
        "_collections",
        "collections",
        "itertools",
        "_functools",
        "_operator",
        "_heapq",
        "_bisect",
        "types",
    }
)
#: They read numbers from text.
_READERS = frozenset(
    {
        *(("builtins", name) for name in ("float", "int", "complex", "float.fromhex")),
        *(("numpy", name) for name in ("float64", "float32", "longdouble", "array", "asarray")),
        *(("numpy", name) for name in ("fromstring", "loadtxt", "genfromtxt", "fromregex")),
        ("ast", "literal_eval"),
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
        ("json", "loads"),
        ("json", "load"),
    }
)


_NO_PARTS = frozenset({float, int, str, bool, complex, type(None), np.float64, Scalar, Array})


def fresh(function: Any, args: tuple, kwargs: dict) -> Any:
    """Call as it is; a new array that nobody else holds becomes one that can be written."""
    try:
        result = function(*args, **kwargs)
    except ValueError as error:
        rule = lookup(function)
        if rule is None or "__array__ method not producing" not in str(error):
            raise
        settled(error)
        return apply(rule, function, [_array_of(a) for a in args], kwargs)
    except TypeError as error:  # an object has given a traced value
        if "returned non-" not in str(error) or not _comes_from_boxes(error):
            raise
        raise _lost(function) from error
    if type(result) is np.ndarray and sys.getrefcount(result) == 2 and is_whole(result):
        return constant(result)
    return result


def _array_of(value: Any) -> Any:
    """Array that an object stands for, as ``np.poly1d`` does for its coefficients."""
    return as_array(value) if hasattr(type(value), "__array__") else value


def call_unfollowed(function: Any, args: tuple, kwargs: dict, boxed: bool) -> Any:
    """Call a Python function as it is."""
    try:
        result = function(*args, **kwargs)
    except Exception as error:
        if not boxed or not _comes_from_boxes(error):
            raise
        raise _lost(function) from error
    if sys.getrefcount(result) != 2:
        return result
    if type(result) is np.ndarray:
        return constant(result) if is_whole(result) else result
    return result if type(result) in _NO_PARTS else adopt_parts(result)


def call_foreign(function: Any, args: tuple, kwargs: dict, boxed: bool) -> Any:
    """Call a C function; boxed values are among the arguments, or not."""
    if not boxed:
        result = fresh(function, args, kwargs)
        if type(result) is str and WRITTEN.any and _has_text(function, args, kwargs):
            return keep_text(result)
        return result
    plain = []
    if not _keeps(function):
        _prepare((*args, *kwargs.values()))
        opened, named = tuple(_open(a) for a in args), {k: _open(v) for k, v in kwargs.items()}
        pairs = [
            *zip(opened, args, strict=True),
            *zip(named.values(), kwargs.values(), strict=True),
        ]
        plain = [(o, a) for o, a in pairs if o is not a]
        args, kwargs = opened, named
    try:
        result = function(*args, **kwargs)
    except LostDerivativeError as error:
        raise _named(error, function) from None
    except Exception as error:
        if not _comes_from_boxes(error):
            raise
        raise _lost(function) from error
    if type(result) is str:
        return keep_text(result)
    return _without_alias(function, result, plain) if type(result) is np.ndarray else result


def _has_text(function: Any, args: tuple, kwargs: dict) -> bool:
    """Whether a C function has made its text from text of a traced value."""
    values = (getattr(function, "__self__", None), *args, *kwargs.values())
    unseen = any(hasattr(value, "__next__") for value in args)  # what an iterator has given
    return unseen or is_text(values)


def reads_numbers(function: Any) -> bool:
    """Whether a function reads numbers from text."""
    home = getattr(function, "__module__", None)
    return (home, getattr(function, "__qualname__", None)) in _READERS


def _without_alias(function: Any, result: np.ndarray, opened: list) -> Any:
    """Raise where a C function gives a view of an array of traced code: it would not see writes."""
    for array, boxed in opened:
        if result is array:
            return boxed  # the function has filled it
        if type(array) is np.ndarray and np.may_share_memory(result, array):
            name = getattr(function, "__qualname__", None) or type(function).__name__
            raise TracingError(
                f"{name} gives a view of an array of differentiated code, which sciad cannot"
                " follow",
                where=user_location(),
                hint="use slices, reshape or transpose for views, or give it a copy",
            )
    return result


def _keeps(function: Any) -> bool:
    """Whether built-in code stores or hands on its arguments as they are."""
    if isinstance(function, type) and issubclass(function, tuple | list | dict):
        return True  # named tuples, whose module is that of their maker's caller
    return getattr(function, "__module__", None) in _KEEPERS


def _prepare(values: tuple) -> None:
    """Make the memory of arrays without trace ready for a C function that may fill or keep it."""
    arrays = [v for v in values if type(v) is Array and trace_of(v) is None]
    roots = {id(root): root for root in (a if a.owner is None else a.owner for a in arrays)}
    for root in roots.values():
        prepare_write(root)
        root.version += 1  # views read again
        root.saved = True


def _open(value: Any) -> Any:
    """Constant arrays of traced code as plain ones, after `_prepare`."""
    if type(value) is Array and trace_of(value) is None:
        memory = primal_of(value)
        return window(value, memory, memory.flags.writeable)
    plain = unwrap_constants(value)
    if plain is value:
        return value
    leaves, treedef = flatten(value)  # what keeps a part must not miss later writes
    return unflatten(treedef, [_open(leaf) for leaf in leaves])


def _named(error: LostDerivativeError, function: Any) -> LostDerivativeError:
    """Give the error the name of the function that was called."""
    if "has no differentiation rule" in error.what:
        return error
    settled(error)
    return _lost(function)


def _lost(function: Any) -> LostDerivativeError:
    name = getattr(function, "__qualname__", None) or type(function).__name__
    if name == "fortran":
        name = function.__name__.rpartition(" ")[2]  # "function dgetrf"
    module = getattr(function, "__module__", None)
    full = f"{module}.{name}" if module and module != "builtins" else name
    outer = library_call()
    if outer is None:
        hint = "register one with sciad.rule"
    else:
        full = f"{full} (in {outer})"
        hint = f"register one for {outer} with sciad.rule"
    return LostDerivativeError(
        f"{full} is called with a traced value and has no differentiation rule",
        where=user_location(),
        hint=f"{hint}, or pass sciad.stop_gradient(x) if the derivative is not wanted",
    )


#: What Python says where a number can never stand.
_NO_NUMBERS = (
    "'Scalar' object is not iterable",
    "'Scalar' object is not an iterator",
    "'Scalar' object is not callable",
    "'Scalar' object is not subscriptable",
    "cannot convert 'Scalar' object to bytes",
    "expected str instance, Scalar found",
)
#: What Cython, SciPy's filters and MINPACK say of arguments that are no plain arrays.
_COMPLAINTS = ("No matching signature", "to a common type", "not a proper array of floats")


def _comes_from_boxes(error: Exception) -> bool:
    """Whether code that knows nothing of traced values has met one and complained."""
    text = str(error)
    if isinstance(error, SciadError):
        return False
    if type(error) is TypeError and any(words in text for words in _NO_NUMBERS):
        error.args = (text.replace("Scalar", "float"),)  # as it is of the plain number
        return False
    return (
        re.search(r"\b(Scalar|Array)\b", text) is not None
        or type(error).__module__ == "struct"
        or "Object of type float" in text  # the json module
        or "Iterator operand" in text  # np.nditer
        or type(error) is SystemError  # C code went on after a callback had raised
        or any(words in text for words in _COMPLAINTS)
    )

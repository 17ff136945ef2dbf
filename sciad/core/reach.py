"""What values lead to: boxed values among arguments, classes of objects, names of functions.

Looks are of two kinds: `holds_boxes` at every call, into containers only, and those through
attributes, closures and globals, which are rare and stop after a number of values.
"""

import collections
import contextlib
import functools
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from sciad.core.source import nested_codes
from sciad.core.tracer import Array, Scalar

__all__ = [
    "BOXES",
    "CONTAINERS",
    "FUNCTIONS",
    "LEAVES",
    "PLAIN",
    "arrays_of",
    "boxes_of",
    "holds_boxes",
    "kinds_near",
    "kinds_of",
    "reach_boxes",
    "worth_following",
]

#: Modules of the standard library that compute; the others are called as they are.
_FOLLOWED_LIBRARY = frozenset(
    {
        "bisect",
        "contextlib",
        "copy",
        "dataclasses",
        "fractions",
        "functools",
        "heapq",
        "random",
        "statistics",
    }
)

_NEVER = frozenset({"sciad", "numba", "matplotlib", "llvmlite", "tqdm"})


@functools.lru_cache(maxsize=4096)
def worth_following(module: Any) -> bool:
    """Whether functions of a module are followed."""
    top = module.partition(".")[0] if isinstance(module, str) else ""
    if top in _NEVER:
        return False
    return top not in sys.stdlib_module_names or top in _FOLLOWED_LIBRARY or top == "__main__"


# At every call ------------------------------------------------------------------------------------

BOXES = frozenset({Scalar, Array})
CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
#: Types whose values lead to no traced value.
PLAIN = frozenset(
    {
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        type(None),
        range,
        slice,
        type(Ellipsis),
        np.ndarray,
        np.float64,
        np.float32,
        np.complex128,
        np.complex64,
        np.int64,
        np.int32,
        np.bool_,
        types.ModuleType,
        types.BuiltinFunctionType,
        np.ufunc,
        type,
        *CONTAINERS,
    }
)
FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)


def holds_boxes(values: Any) -> bool:
    """Whether some values, or containers among them, are or hold boxed values."""
    for value in values:
        kind = type(value)
        if kind is Scalar or kind is Array:
            return True
        if kind in CONTAINERS and value:
            if kind is dict:
                value = value.values()
            kinds = set(map(type, value))
            if not BOXES.isdisjoint(kinds):
                return True
            if not CONTAINERS.isdisjoint(kinds) and holds_boxes(value):
                return True
    return False


# Now and then -------------------------------------------------------------------------------------

_BUDGET = 400  # values looked at
_DEPTH = 5
_LIBRARIES = frozenset({"numpy", "scipy", "builtins"})
_CACHED = type(functools.lru_cache(lambda: None))
_ATOMS: frozenset[type] = frozenset({float, int, str, bool, complex, bytes, type(None)})
LEAVES: frozenset[type] = _ATOMS | {np.ndarray, np.float64, Scalar, Array}


def kinds_near(function: types.FunctionType, args: Iterable[Any]) -> list[type]:
    """Classes whose objects a function can reach: arguments, closure, globals it names.

    Parameters
    ----------
    function : FunctionType
        The function.
    args : iterable
        Its arguments.

    Returns
    -------
    list of type
        Classes worth following, each once.
    """
    return kinds_of([function, *args])


def kinds_of(values: Iterable[Any]) -> list[type]:
    """Give the classes of some objects, and of what they lead to."""
    found: dict[int, type] = {}
    for value in _walk(values):
        kind = value if isinstance(value, type) else type(value)
        if _is_users(kind.__module__) and not isinstance(value, types.FunctionType):
            found[id(kind)] = kind
    return list(found.values())


def reach_boxes(values: Iterable[Any]) -> bool:
    """Whether objects hold boxed values; yes if they hold too much to look at."""
    met = [type(value) for value in _walk(values, frozenset())]
    return Scalar in met or Array in met or len(met) >= _BUDGET


def arrays_of(values: Iterable[Any]) -> list[np.ndarray]:
    """Give the plain arrays that some values lead to."""
    return [value for value in _walk(values, frozenset()) if type(value) is np.ndarray]


def boxes_of(values: Iterable[Any]) -> list[Any]:
    """Give the boxed values that some values lead to."""
    return [value for value in _walk(values, frozenset()) if type(value) in BOXES]


def _walk(values: Iterable[Any], skipped: frozenset[type] = LEAVES) -> Iterator[Any]:
    """Give some values and what they lead to, each once."""
    seen: set[int] = set()
    front: list[tuple[Any, int]] = [(value, 0) for value in values]
    while front and len(seen) < _BUDGET:
        value, depth = front.pop()
        if id(value) in seen or type(value) in skipped:
            continue
        seen.add(id(value))
        yield value
        if depth < _DEPTH and type(value) not in LEAVES:
            front.extend((v, depth + 1) for v in _near(value) if type(v) not in skipped)


def _is_users(module: Any) -> bool:
    top = module.partition(".")[0] if isinstance(module, str) else ""
    return top not in _LIBRARIES and worth_following(module)


def _near(value: Any) -> Iterable[Any]:
    """Give what a value leads to in one step."""
    if isinstance(value, types.FunctionType):
        return _named(value) if _is_users(value.__module__) else ()
    if isinstance(value, types.MethodType):
        return (value.__self__, value.__func__)
    if isinstance(value, functools.partial):
        return (value.func, *value.args, *value.keywords.values())
    if type(value) in (list, tuple, set, frozenset, collections.deque):
        return list(value)[:_BUDGET]
    if type(value) is dict:
        return list(value.values())[:_BUDGET]
    if isinstance(value, type):
        if not _is_users(value.__module__):
            return ()
        return [v for v in list(vars(value).values()) if not isinstance(v, types.FunctionType)]
    if isinstance(value, _CACHED):
        return (value.__wrapped__,)
    return _members(value)


def _members(value: Any) -> list[Any]:
    if not _is_users(type(value).__module__):
        return []
    found = [part for kind in type(value).__mro__ for part in _slots(value, kind)]
    try:
        return [*found, *object.__getattribute__(value, "__dict__").values()][:_BUDGET]
    except AttributeError:  # nothing but slots
        return found


def _slots(value: Any, kind: type) -> Iterator[Any]:
    if "__slots__" in vars(kind):
        for member in list(vars(kind).values()):
            if isinstance(member, types.MemberDescriptorType):
                with contextlib.suppress(AttributeError):  # not set
                    yield member.__get__(value)


def _named(function: types.FunctionType) -> Iterator[Any]:
    """Values of the names a function looks up outside itself."""
    scope = function.__globals__
    for code in nested_codes(function.__code__):
        for name in code.co_names:
            value = scope.get(name)
            if isinstance(value, types.ModuleType) and _is_users(value.__name__):
                inside = vars(value)
                yield from (inside[n] for n in code.co_names if n in inside)
            elif value is not None:
                yield value
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not bound yet
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()

"""What a function reaches besides its arguments: traced values and arrays, found and replaced.

A function that is computed again later needs the values it saw the first time. They are looked for
in its closure and default values, in partial applications, in containers, and in the attributes of
objects of the user's classes; functions found there are searched as well.
"""

import functools
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sciad.core.adjoints import contents
from sciad.core.errors import TracingError, user_location
from sciad.core.reach import worth_following
from sciad.core.tracer import Array, is_wrapped
from sciad.core.tree import split_node

__all__ = ["Captured", "Rebuilt"]

_ATOMS = frozenset(
    {float, int, bool, complex, str, bytes, type(None), type, types.ModuleType, np.ufunc}
    | {types.BuiltinFunctionType, np.float64, np.int64, range, slice, np.dtype, type(Ellipsis)}
)


class Captured:
    """The leaves below a tree of arguments and functions.

    Parameters
    ----------
    root : object
        For instance ``(function, args, kwargs)``.

    Attributes
    ----------
    leaves : list
        Traced values, and arrays of floating-point numbers; each once.
    """

    def __init__(self, root: Any) -> None:
        self.root = root
        self.leaves: list[Any] = []
        self.places: dict[int, int] = {}
        self.seen: dict[int, Any] = {}  # what things held when they were captured
        self.holders = _holders(self._graph(root))

    def _graph(self, root: Any) -> dict[int, tuple[Any, list[int], int]]:
        """By id: the object, ids of what it holds, and whether it must be made anew."""
        graph: dict[int, tuple[Any, list[int], int]] = {}
        front = [root]
        while front:
            value = front.pop()
            if type(value) in _ATOMS or id(value) in graph:
                continue
            if _is_leaf(value):
                graph[id(value)] = (value, [], _TRACED if is_wrapped(value) else _ANEW)
                self.places[id(value)] = len(self.leaves)
                self.leaves.append(value)
                continue
            seen = _contents(value)
            self.seen[id(value)] = seen
            held = list(_held(value, seen))
            # a variable of a closure may be bound to something else later
            anew = _ANEW if isinstance(value, types.FunctionType) and value.__closure__ else 0
            graph[id(value)] = (value, [id(v) for v in held], anew)
            front.extend(held)
        self.kept_alive = [entry[0] for entry in graph.values()]
        return graph

    def rebuilt(self, leaves: Sequence[Any]) -> "Rebuilt":
        """Make the tree with other leaves."""
        return Rebuilt(self, leaves)


#: What must be made anew for other leaves: for traced values all that leads to them; for plain
#: arrays, and variables of closures, not the objects of the user's classes.
_ANEW, _TRACED = 1, 2


def _is_leaf(value: Any) -> bool:
    return is_wrapped(value) or (type(value) is np.ndarray and value.dtype.kind in "fc")


_UNBOUND = object()


def _contents(value: Any) -> Any:
    """Take down what a value holds now, besides what it can never exchange."""
    if type(value) is types.FunctionType:
        return [_content(cell) for cell in value.__closure__ or ()]
    parts = split_node(value)
    if parts is not None:
        return list(parts[0]), parts[1]
    return _attributes(value) if _is_object(value) else {}


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return _UNBOUND


def _held(value: Any, seen: Any) -> Iterator[Any]:
    """Give what a value leads to."""
    kind = type(value)
    if kind is types.FunctionType:
        yield from seen
        yield from value.__defaults__ or ()
        yield from (value.__kwdefaults__ or {}).values()
    elif kind is types.MethodType:
        yield value.__self__
        yield value.__func__
    elif kind is functools.partial:
        yield value.func
        yield from value.args
        yield from value.keywords.values()
    else:
        parts = seen[0] if type(seen) is tuple else list(seen.values())
        if not _ATOMS.issuperset(map(type, parts)):
            yield from parts


def _is_object(value: Any) -> bool:
    """Whether a value is an instance of a class of the user."""
    return not isinstance(value, type | types.ModuleType) and worth_following(
        type(value).__module__
    )


def _attributes(value: Any) -> dict[str, Any]:
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    return found


def _holders(graph: dict[int, tuple[Any, list[int], int]]) -> set[int]:
    """Ids of all that must be made anew."""
    above: dict[int, list[int]] = {}
    for key, (_, held, _) in graph.items():
        for part in held:
            above.setdefault(part, []).append(key)
    found: set[int] = set()
    for reason in (_TRACED, _ANEW):
        front = [key for key, (_, _, anew) in graph.items() if anew == reason]
        while front:
            key = front.pop()
            if key in found:
                continue
            found.add(key)
            front.extend(
                k for k in above.get(key, ()) if reason == _TRACED or not _is_plain_object(graph[k])
            )
    return found


def _is_plain_object(entry: tuple[Any, list[int], int]) -> bool:
    value = entry[0]
    kinds = types.FunctionType | types.MethodType | functools.partial
    return not isinstance(value, kinds) and split_node(value) is None


class Rebuilt:
    """A tree with other leaves, which can tell afterwards whether somebody has written into it.

    Parameters
    ----------
    captured : Captured
        The tree.
    leaves : sequence
        What takes the place of its leaves.
    """

    def __init__(self, captured: Captured, leaves: Sequence[Any]) -> None:
        self.captured, self.leaves = captured, leaves
        self.made: dict[int, Any] = {}
        self.checks: list[Callable[[], str | None]] = []
        self.before = [_state(leaf) for leaf in leaves]
        self.tree = self._build(captured.root)

    def verify(self, name: str) -> None:
        """Raise `TracingError` if something was changed in place."""
        found = next((message for check in self.checks if (message := check())), None)
        for leaf, before in zip(self.leaves, self.before, strict=True):
            if _state(leaf) != before:
                found = "an array"
        if found is not None:
            raise TracingError(
                f"{name} is computed again for its derivative, but it changes {found} that it was"
                " given or closes over",
                where=user_location(),
                hint="let it work on a copy and return the result",
            )

    def _build(self, value: Any) -> Any:
        if type(value) in _ATOMS or id(value) not in self.captured.holders:
            return value
        place = self.captured.places.get(id(value))
        if place is not None:
            return self.leaves[place]
        if id(value) not in self.made:
            self.made[id(value)] = None  # a container inside itself would be seen here
            self.made[id(value)] = self._make(value)
        return self.made[id(value)]

    def _make(self, value: Any) -> Any:
        kind = type(value)
        if kind is types.FunctionType:
            return self._function(value)
        if kind is types.MethodType:
            return types.MethodType(self._build(value.__func__), self._build(value.__self__))
        if kind is functools.partial:
            named = {key: self._build(v) for key, v in value.keywords.items()}
            return kind(self._build(value.func), *map(self._build, value.args), **named)
        seen = self.captured.seen[id(value)]
        if type(seen) is not tuple:
            return self._object(value, seen)
        children, build = seen
        put = [self._build(child) for child in children]
        made = build(put)

        def check() -> str | None:
            now = split_node(made)
            assert now is not None
            return None if _same(put, now[0]) else f"a {kind.__name__}"

        self.checks.append(check)
        return made

    def _function(self, function: types.FunctionType) -> types.FunctionType:
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        defaults = function.__defaults__
        made = types.FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            defaults and tuple(map(self._build, defaults)),
            cells or None,
        )
        self.made[id(function)] = made  # it may close over itself
        made.__qualname__, made.__module__ = function.__qualname__, function.__module__
        made.__dict__.update(function.__dict__)
        if function.__kwdefaults__:
            made.__kwdefaults__ = {k: self._build(v) for k, v in function.__kwdefaults__.items()}
        names = function.__code__.co_freevars
        for name, old, new in zip(names, self.captured.seen[id(function)], cells, strict=True):
            if old is _UNBOUND:
                continue
            content = new.cell_contents = self._build(old)

            def check(name: str = name, cell: Any = new, content: Any = content) -> str | None:
                return None if _content(cell) is content else f"the variable {name!r}"

            self.checks.append(check)
        return made

    def _object(self, value: Any, seen: dict[str, Any]) -> Any:
        try:
            made = object.__new__(type(value))
        except TypeError:
            raise TracingError(
                f"a {type(value).__name__}, which holds a traced value, cannot be copied for a"
                " function that is computed again",
                where=user_location(),
                hint="pass the value as an argument",
            ) from None
        self.made[id(value)] = made
        put = {name: self._build(part) for name, part in seen.items()}
        for name, part in put.items():
            object.__setattr__(made, name, part)

        def check() -> str | None:
            now = _attributes(made)
            same = list(now) == list(put) and _same(list(put.values()), list(now.values()))
            return None if same else f"an attribute of a {type(value).__name__}"

        self.checks.append(check)
        return made


def _same(before: Sequence[Any], now: Sequence[Any]) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))


def _state(leaf: Any) -> Any:
    """Something that changes when an array is written."""
    if type(leaf) is np.ndarray:
        return contents(leaf)
    if type(leaf) is Array:
        return (leaf if leaf.owner is None else leaf.owner).version
    return None

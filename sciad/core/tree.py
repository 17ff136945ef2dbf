"""Trees of parameters: nested containers seen as a list of numbers and a structure.

A *leaf* is what can be differentiated: a float or complex number, an inexact array, a traced
value. Containers are dict, list, tuple (and subclasses), namedtuple, dataclass (frozen and slots
too), attrs classes and registered types. Everything else (ints, strings, functions, ``None``...) is
a constant and is kept inside the structure, which is hashable and comparable.
"""

import collections
import dataclasses
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sciad.core.errors import InputError
from sciad.core.swallowed import settled

__all__ = [
    "MOST_COMPARED",
    "Constant",
    "TreeDef",
    "flatten",
    "gradient_tree",
    "is_leaf",
    "rebuild",
    "register_container",
    "register_leaf",
    "split_node",
    "tree_map",
    "unflatten",
]

#: (children, meta) of an object; the object from its type, meta and children.
Splitter = Callable[[Any], tuple[Sequence[Any], Any]]
Builder = Callable[[type, Any, list[Any]], Any]


#: Arrays of at most that many integers in a structure are compared by content.
MOST_COMPARED = 16384


class Constant:
    """A value inside a structure that is not differentiated; compared by value, else identity."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        if type(value) is np.ndarray and value.dtype.kind in "iub" and value.size <= MOST_COMPARED:
            # by content as it is now: such an array may be part of a compiled program
            self.key: Any = (np.ndarray, value.dtype.str, value.shape, value.tobytes())
            return
        try:
            hash(value)
            self.key = (type(value), value)
        except Exception as error:  # unhashable, or a user's __hash__ that refuses
            settled(error)  # identity decides
            self.key = (type(value), id(value))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        if type(other) is not Constant:
            return False
        if self.value is other.value and type(self.value) is not np.ndarray:
            return True
        try:
            return bool(self.key == other.key)
        except Exception as error:  # an __eq__ that does not answer yes or no
            settled(error)
            return False

    def __repr__(self) -> str:
        return repr(self.value)


class TreeDef:
    """Structure of a tree: what remains when the leaves are taken out.

    Attributes
    ----------
    kind : type or None
        Type of the container; ``None`` for a leaf.
    meta : object
        What the container needs besides its children (keys, field names).
    children : tuple of TreeDef or Constant
    num_leaves : int
        Number of leaves below.
    names : tuple of str or None
        The keys of a plain dict whose values are all leaves.
    """

    __slots__ = ("_hash", "children", "kind", "meta", "names", "num_leaves")

    num_leaves: int

    def __init__(
        self,
        kind: type | None,
        meta: Any,
        children: tuple[Any, ...],
        names: tuple[str, ...] | None = None,
    ) -> None:
        self.kind = kind
        self.names = names
        self.meta = meta
        self.children = children
        self.num_leaves = (
            1 if kind is None else sum(c.num_leaves for c in children if type(c) is TreeDef)
        )
        self._hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.kind, self.meta, self.children))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            type(other) is TreeDef
            and self.kind is other.kind
            and self.meta == other.meta
            and self.children == other.children
        )

    def __repr__(self) -> str:
        if self.kind is None:
            return "*"
        inner = ", ".join(map(repr, self.children))
        return f"{self.kind.__name__}({inner})"

    def paths(self, prefix: str = "") -> Iterator[str]:
        """Names of the leaves as the user would write them, such as ``['rates'][0]``."""
        if self.kind is None:
            yield prefix
            return
        for label, child in zip(self.labels(), self.children, strict=True):
            if type(child) is TreeDef:
                yield from child.paths(prefix + label)

    def constants(self) -> Iterator[Any]:
        """Give the values in the structure that are no leaves."""
        for child in () if self.names is not None else self.children:
            if type(child) is TreeDef:
                yield from child.constants()
            else:
                yield child.value

    def labels(self) -> list[str]:
        """How the user would write the way to each child, such as ``['rates']`` or ``.a``."""
        assert self.kind is not None
        if issubclass(self.kind, dict):
            return [f"[{constant.value!r}]" for constant in self.meta[0]]
        named = isinstance(self.meta, tuple) and not issubclass(self.kind, list)
        if named and len(self.meta) == len(self.children):
            return [f".{name}" for name in self.meta]
        return [f"[{k}]" for k in range(len(self.children))]


LEAF = TreeDef(None, None, ())
_STRINGS = frozenset({str})

_leaf_types: set[type] = {float, complex}
_containers: dict[type, tuple[Splitter, Builder] | None] = {}
_lock = threading.Lock()


def register_leaf(kind: type) -> None:
    """Declare that all values of a type are leaves (traced values do so)."""
    with _lock:
        _leaf_types.add(kind)


def register_container(
    kind: type, split: Callable[[Any], tuple[Sequence[Any], Any]], build: Callable[[Any, list], Any]
) -> None:
    """Make a type of the user a container.

    Parameters
    ----------
    kind : type
        The class (its subclasses are not included).
    split : callable
        ``split(obj) -> (children, meta)``; `meta` must be hashable.
    build : callable
        ``build(meta, children) -> obj``, which must accept ``None`` and traced children.

    Examples
    --------
    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register_container(Pair, lambda p: ((p.a, p.b), None), lambda meta, c: Pair(*c))
    >>> flatten(Pair(1.0, 2.0))[0]
    [1.0, 2.0]
    """
    with _lock:
        _containers[kind] = (split, lambda _kind, meta, children: build(meta, children))


def is_leaf(value: Any) -> bool:
    """Whether a value can be differentiated: inexact number or array, or a traced value."""
    kind = type(value)
    if kind in _leaf_types:
        return True
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fc"
    return issubclass(kind, (np.inexact, float, complex))


def flatten(tree: Any) -> tuple[list[Any], TreeDef]:
    """Take a tree apart.

    Parameters
    ----------
    tree : object
        Nested containers of leaves and constants, or a single leaf.

    Returns
    -------
    leaves : list
        The leaves, from left to right (a dict in the order of its keys).
    treedef : TreeDef
        The structure, hashable, with the constants in it.

    Raises
    ------
    InputError
        If a container contains itself.

    Examples
    --------
    >>> leaves, treedef = flatten({"k": 1.5, "n": 3, "w": [2.0, "name"]})
    >>> leaves
    [1.5, 2.0]
    >>> unflatten(treedef, [0.0, 1.0])
    {'k': 0.0, 'n': 3, 'w': [1.0, 'name']}
    """
    leaves: list[Any] = []
    node = _flatten(tree, leaves, [])
    if isinstance(node, Constant):
        node = TreeDef(tuple, "constant", (node,))
    return leaves, node


def _flatten(tree: Any, leaves: list[Any], parents: list[int]) -> "TreeDef | Constant":
    kind = type(tree)
    if kind in _leaf_types or is_leaf(tree):
        leaves.append(tree)
        return LEAF
    if kind is dict and _leaf_types.issuperset(map(type, tree.values())):
        named = _named_leaves(tuple(tree))
        if named is not None:
            leaves.extend(tree.values())
            return named
    handlers = _handlers(kind)
    if handlers is None:
        return Constant(tree)
    if id(tree) in parents:
        raise InputError(
            f"a {kind.__name__} contains itself and cannot be used as a tree of parameters"
        )
    parents.append(id(tree))
    children, meta = handlers[0](tree)
    nodes = tuple(_flatten(child, leaves, parents) for child in children)
    parents.pop()
    if type(meta) is _Attributed:
        _refuse_hidden(kind, meta, nodes)
    return TreeDef(kind, meta, nodes)


_MOST_NAMED = 4096
_named: dict[tuple[str, ...], TreeDef] = {}


def _named_leaves(names: tuple[Any, ...]) -> TreeDef | None:
    """Structure of a dict of leaves with strings as keys, the commonest tree: made once."""
    if not _STRINGS.issuperset(map(type, names)):
        return None
    found = _named.get(names)
    if found is None:
        meta = (tuple(Constant(name) for name in names), None)
        found = TreeDef(dict, meta, (LEAF,) * len(names), names)
        with _lock:
            if len(_named) >= _MOST_NAMED:
                _named.clear()
            _named[names] = found
    return found


def unflatten(treedef: TreeDef, leaves: Sequence[Any]) -> Any:
    """Put a tree together again.

    Parameters
    ----------
    treedef : TreeDef
        Structure, from `flatten`.
    leaves : sequence
        As many leaves as the structure has.

    Returns
    -------
    object
        New containers; constants are the same objects as in the original tree.

    Raises
    ------
    InputError
        If the number of leaves is not that of the structure.

    Examples
    --------
    >>> unflatten(flatten((1.0, None))[1], [2.0])
    (2.0, None)
    """
    return rebuild(treedef, leaves, lambda constant: constant.value)


def gradient_tree(treedef: TreeDef, leaves: Sequence[Any]) -> Any:
    """Like `unflatten`, with ``None`` in the place of every constant.

    Examples
    --------
    >>> gradient_tree(flatten({"k": 1.5, "n": 3})[1], [7.0])
    {'k': 7.0, 'n': None}
    """
    return rebuild(treedef, leaves, lambda constant: None)


def rebuild(treedef: TreeDef, leaves: Sequence[Any], constant: Callable[[Constant], Any]) -> Any:
    """Like `unflatten`, with a function that says what takes the place of every constant."""
    if len(leaves) != treedef.num_leaves:
        raise InputError(f"the tree has {treedef.num_leaves} leaves, {len(leaves)} were given")
    if treedef.kind is None:
        return leaves[0]
    if treedef.names is not None:
        return dict(zip(treedef.names, leaves, strict=True))
    remaining = iter(leaves)
    if treedef.kind is tuple and treedef.meta == "constant":
        return constant(treedef.children[0])
    return _build(treedef, remaining, constant)


def _build(node: Any, leaves: Iterator[Any], constant: Callable[[Constant], Any]) -> Any:
    if type(node) is Constant:
        return constant(node)
    if node.kind is None:
        return next(leaves)
    if node.names is not None:
        return dict(zip(node.names, leaves, strict=False))  # takes as many as there are names
    children = [_build(child, leaves, constant) for child in node.children]
    handlers = _handlers(node.kind)
    assert handlers is not None
    return handlers[1](node.kind, node.meta, children)


def tree_map(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply a function to every leaf of a tree (and the leaves of equally shaped trees).

    Parameters
    ----------
    function : callable
        Called with one leaf of each tree.
    tree, *rest : object
        Trees with the same structure of leaves.

    Returns
    -------
    object
        A tree like the first one.

    Raises
    ------
    InputError
        If the trees have different numbers of leaves.

    Examples
    --------
    >>> tree_map(lambda a, b: a + b, {"x": 1.0, "n": 2}, {"x": 3.0, "n": 2})
    {'x': 4.0, 'n': 2}
    """
    leaves, treedef = flatten(tree)
    columns = [leaves]
    for other in rest:
        column = flatten(other)[0]
        if len(column) != len(leaves):
            raise InputError(f"trees with {len(leaves)} and {len(column)} leaves do not match")
        columns.append(column)
    return unflatten(treedef, [function(*row) for row in zip(*columns, strict=True)])


def split_node(tree: Any) -> tuple[Sequence[Any], Callable[[list[Any]], Any]] | None:
    """Children of a container and the way back from (other) children; ``None`` if it is none.

    Examples
    --------
    >>> children, build = split_node((1.0, [2]))
    >>> children, build(["a", "b"])
    ((1.0, [2]), ('a', 'b'))
    """
    kind = type(tree)
    handlers = None if kind in _leaf_types else _handlers(kind)
    if handlers is None:
        return None
    children, meta = handlers[0](tree)
    return children, lambda others: handlers[1](kind, meta, others)


def _handlers(kind: type) -> tuple[Splitter, Builder] | None:
    try:
        return _containers[kind]
    except KeyError:
        handlers = _find_handlers(kind)
        with _lock:
            return _containers.setdefault(kind, handlers)


def _find_handlers(kind: type) -> tuple[Splitter, Builder] | None:
    if issubclass(kind, dict):
        return _split_dict, _build_dict
    if issubclass(kind, tuple) and hasattr(kind, "_fields") and hasattr(kind, "_make"):
        return _split_namedtuple, lambda k, meta, children: k._make(children)
    if kind is list or kind is tuple:
        return lambda tree: (tree, None), lambda k, meta, children: k(children)
    if issubclass(kind, list | tuple) and not hasattr(kind, "n_sequence_fields"):  # os.stat_result
        return _split_sequence, _build_sequence
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return _field_splitter(names), _build_fields
    attributes = getattr(kind, "__attrs_attrs__", None)
    if attributes is not None:
        return _field_splitter(tuple(a.name for a in attributes)), _build_fields
    return None


class _Attributed(tuple):
    """What a container needs besides its children, where the object has other attributes, too."""

    others: int

    def __new__(cls, parts: tuple, others: int = 0) -> "_Attributed":
        """Take the parts; the last names are those of so many `others`."""
        made = super().__new__(cls, parts)
        made.others = others
        return made


def _refuse_hidden(kind: type, meta: _Attributed, nodes: tuple) -> None:
    """Raise where an attribute holds numbers: they may have been computed from the parts."""
    others: list[tuple[str, Any]]
    if issubclass(kind, dict | list | tuple):
        held = meta[2] if issubclass(kind, dict) else meta
        others = [(name, flatten(constant.value)[0]) for name, constant in held]
    else:
        first = len(nodes) - meta.others
        others = [(meta[k], getattr(nodes[k], "num_leaves", 0)) for k in range(first, len(nodes))]
    for name, found in others:
        if found:
            raise InputError(
                f"a {kind.__name__} is used as a tree of parameters, and has numbers in its"
                f" attribute {name!r}, which is no part of it: nobody knows whether they depend on"
                " the others",
                hint="make it a field or a property, or tell sciad.register_container what the"
                " object is made of",
            )


def _split_dict(tree: dict) -> tuple[list[Any], Any]:
    factory = Constant(tree.default_factory) if isinstance(tree, collections.defaultdict) else None
    keys = tuple(Constant(key) for key in tree)
    attributes = getattr(tree, "__dict__", None)  # of a class of the user
    if not attributes:
        return list(tree.values()), (keys, factory)
    if attributes is tree:  # the entries are the attributes
        return list(tree.values()), (keys, factory, None)
    held = tuple((name, Constant(value)) for name, value in attributes.items())
    return list(tree.values()), _Attributed((keys, factory, held))


def _build_dict(kind: type, meta: Any, children: list[Any]) -> Any:
    keys, factory, *held = meta
    made: Any = kind.__new__(kind)  # type: ignore[call-overload]
    if factory is not None:
        made.default_factory = factory.value
    if held == [None]:
        made.__dict__ = made
    for name, constant in (held and held[0]) or ():
        made.__dict__[name] = constant.value
    base: Any = collections.OrderedDict if issubclass(kind, collections.OrderedDict) else dict
    for key, child in zip(keys, children, strict=True):
        base.__setitem__(made, key.value, child)  # that of the user may refuse None
    return made


def _split_sequence(tree: Any) -> tuple[list[Any], Any]:
    base: Any = list if isinstance(tree, list) else tuple
    attributes = getattr(tree, "__dict__", None)
    held = tuple((name, Constant(value)) for name, value in (attributes or {}).items())
    return list(base.__iter__(tree)), _Attributed(held) if held else None


def _build_sequence(kind: Any, held: Any, children: list[Any]) -> Any:
    if issubclass(kind, tuple):
        made = tuple.__new__(kind, children)
    else:
        made = kind.__new__(kind)
        list.extend(made, children)
    for name, constant in held or ():
        made.__dict__[name] = constant.value
    return made


def _split_namedtuple(tree: Any) -> tuple[Sequence[Any], Any]:
    return tree, tree._fields


def _field_splitter(names: tuple[str, ...]) -> Splitter:
    fields = frozenset(names)

    def split(tree: Any) -> tuple[list[Any], tuple[str, ...]]:
        present = tuple(name for name in names if hasattr(tree, name))
        attributes = getattr(tree, "__dict__", None)
        if not attributes or fields.issuperset(attributes):
            return [getattr(tree, name) for name in present], present
        more = tuple(n for n in attributes if n not in fields and not _is_cache(type(tree), n))
        values = [getattr(tree, name) for name in present]
        return values + [attributes[name] for name in more], _Attributed(present + more, len(more))

    return split


def _is_cache(kind: type, name: str) -> bool:
    """Whether an attribute is computed from the others when it is asked for."""
    member = inspect.getattr_static(kind, name, None)
    return hasattr(member, "__get__") and not hasattr(member, "__set__") and not callable(member)


def _build_fields(kind: type, names: tuple[str, ...], children: list[Any]) -> Any:
    # No __init__ and no __post_init__: a validated class must also hold None and traced values.
    made: Any = object.__new__(kind)
    for name, child in zip(names, children, strict=True):
        object.__setattr__(made, name, child)
    return made

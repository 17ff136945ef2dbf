"""Runs of a function on traced values, in reverse and in forward mode, and their arguments."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sciad.core.adjoints import Kept, contents
from sciad.core.buffer import detach, operand
from sciad.core.debugging import Watch, watching
from sciad.core.dual import ForwardTrace
from sciad.core.entries import run
from sciad.core.errors import InputError, TracingError, user_location
from sciad.core.reach import FUNCTIONS, PLAIN, arrays_of, boxes_of
from sciad.core.sweep import sweep
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import Array, current, dtype_of, is_wrapped, primal_of, trace_of
from sciad.core.tree import TreeDef, flatten, gradient_tree, unflatten

__all__ = [
    "ArgNums",
    "Arguments",
    "ForwardRun",
    "ReverseRun",
    "check_request",
    "described",
    "finished",
    "lasting",
    "memory_of",
    "name_of",
    "overlapping",
    "unrecorded",
]

ArgNums = int | Sequence[int]


def _input_value(leaf: Any) -> Any:
    """Take a leaf as an input one level down: later writes to it do not count."""
    if type(leaf) is Array:
        return detach(leaf)
    return leaf


def overlapping(leaves: Sequence[Any], others: Sequence[Any] = ()) -> frozenset[int]:
    """Numbers of the leaves that share memory with another leaf, or with one of some others.

    Boxed, each becomes an array of its own: a write into one would not be seen in the other.
    """
    if len(leaves) + len(others) < 2:
        return frozenset()
    arrays = [
        (k, memory) for k, leaf in enumerate(leaves) if (memory := memory_of(leaf)) is not None
    ]
    rest = [memory for other in others if (memory := memory_of(other)) is not None]
    if len(arrays) + len(rest) < 2 or not arrays:
        return frozenset()
    memories = [*rest, *(array for _, array in arrays)]
    if all(m.base is None for m in memories) and len(set(map(id, memories))) == len(memories):
        return frozenset()  # each has memory of its own
    return frozenset(
        k
        for k, array in arrays
        if any(np.may_share_memory(array, other) for j, other in arrays if j != k)
        or any(np.may_share_memory(array, other) for other in rest)
    )


def memory_of(value: Any) -> np.ndarray | None:
    """Plain array in which the numbers of a value are, traced or not."""
    while type(value) is Array:
        value = current(value)
    return value if type(value) is np.ndarray else None


class _Inputs:
    """The caller's arrays, which are not to be written under one name and read under another.

    The traced program writes into copies of them. Another name for the same memory (a global
    variable, a closure, a part of a held argument) leads to the array itself.

    Parameters
    ----------
    leaves : sequence
        The inputs.
    others : sequence
        The function, and its held arguments.
    """

    def __init__(self, leaves: Sequence[Any], others: Sequence[Any]) -> None:
        self.others = others
        arrays = [(k, leaf) for k, leaf in enumerate(leaves) if type(leaf) is np.ndarray]
        self.before = [(k, array, contents(array)) for k, array in arrays]

    def verify(self, boxed: list, what: str, name: str) -> None:
        """Raise `TracingError` if an array was written by another name, or may be read by one."""
        changed = any(contents(array) != before for _, array, before in self.before)
        written = [array for k, array, _ in self.before if _is_written(boxed[k])]
        if not changed and written:
            reached = arrays_of(self.others)
            changed = any(np.may_share_memory(a, b) for a in written for b in reached)
        if changed:
            raise TracingError(
                f"{what}: {name} writes into an array that is differentiated, and there is another"
                " name for its memory (a global variable, a closure, another argument)",
                where=user_location(),
                hint="pass a copy: x.copy()",
            )


def _is_written(box: Any) -> bool:
    return type(box) is Array and bool(box.version or box.elements)


def lasting(value: Any) -> Any:
    """Make a result the user's own: what he writes into it does not reach a tape."""
    if type(value) is np.ndarray:
        return value.copy("K")
    if type(value) is not Array:
        return value
    if trace_of(value) is None:
        return np.copy(primal_of(value))
    return detach(value)


def _lowered(tree: Any, trace: Any) -> Any:
    """Values one level down: what outer transformations follow in them stays."""
    leaves, treedef = flatten(tree)
    if not leaves:
        return tree
    return unflatten(treedef, [lasting(operand(leaf, trace)[0]) for leaf in leaves])


def _parted(result: Any, name: str, what: str) -> tuple[Any, Any]:
    if not (isinstance(result, tuple) and len(result) == 2):
        raise InputError(
            f"{what}: has_aux=True, but {name} returned no pair",
            hint="return (value, extra), or leave has_aux out",
        )
    return result[0], result[1]


def _refuse_hidden(treedef: TreeDef, trace: Any, what: str, name: str) -> None:
    """Raise if a result holds traced values, or will, and is not known as a container."""
    for value in treedef.constants():
        if type(value) in PLAIN or isinstance(value, FUNCTIONS):
            continue
        if hasattr(type(value), "__next__") or hasattr(type(value), "__await__"):
            raise InputError(
                f"{what}: {name} returned a {type(value).__name__}, which has not computed anything"
                " yet",
                where=user_location(),
                hint="return what it gives, for instance list(...)",
            )
        if any(trace_of(box) is trace for box in boxes_of([value])):
            raise InputError(
                f"{what}: {name} returned a {type(value).__name__} with traced values in it, whose"
                " parts are not known",
                where=user_location(),
                hint="return a dict, list, tuple or dataclass, or tell sciad.register_container"
                " what the object is made of",
            )


class ReverseRun:
    """One run of a function in reverse mode: value, and products from the left.

    Parameters
    ----------
    function : callable
        Takes the list of boxed leaves.
    leaves : list
        Inputs.
    shared : frozenset of int
        See `overlapping`.
    has_aux : bool
        The function returns a pair; the second part is handed through (`extra`).
    what, name : str
        The transformation and the function, for messages.
    paths : callable, optional
        Gives the names of the leaves, for messages.
    given : list, optional
        The caller's arrays, where `leaves` are copies of them.
    others : sequence
        What may lead to the memory of the inputs: the function, and held arguments.
    """

    def __init__(
        self,
        function: Callable[[list], Any],
        leaves: list,
        shared: frozenset[int] = frozenset(),
        *,
        has_aux: bool = False,
        what: str = "vjp",
        name: str = "the function",
        paths: Callable[[], list[str]] | None = None,
        given: list | None = None,
        others: Sequence[Any] = (),
    ) -> None:
        trace = ReverseTrace()
        self.leaves, self.extra = leaves, None
        inputs = _Inputs(leaves if given is None else given, others)
        self.watch: Watch | None = watching(trace, what, name, paths)
        self.entries, self.kept = trace.entries, trace.kept
        try:
            boxed = [trace.input(_input_value(leaf)) for leaf in leaves]
            for k in shared:
                boxed[k].shared = True
            result = function(boxed)
            if has_aux:
                result, extra = _parted(result, name, what)
                self.extra = _lowered(extra, trace)
            outputs, self.treedef = flatten(result)
            _refuse_hidden(self.treedef, trace, what, name)
            pairs = [operand(out, trace) for out in outputs]
        finally:
            if self.watch is not None:
                self.watch.end()
            trace.close()
        inputs.verify(boxed, what, name)
        self.values = [value for value, _ in pairs]
        self.nodes = [node for _, node in pairs]

    def value(self) -> Any:
        """Give what the function returned, one level down."""
        return unflatten(self.treedef, [lasting(value) for value in self.values])

    def pull(self, cotangents: Sequence[Any]) -> list[Any]:
        """Cotangents of the input leaves."""
        self.kept.verify()
        pairs = zip(self.nodes, cotangents, strict=True)
        seeds = [(node, ct) for node, ct in pairs if node is not None]
        if self.watch is None:
            adjoints = sweep(self.entries, seeds)
            if self.kept.selects and any(map(_is_nan, adjoints.slots[: len(self.leaves)])):
                adjoints = sweep(self.entries, seeds, careful=True)
        else:
            adjoints = self.watch.sweep(self.entries, seeds, self)
        return [
            finished(adjoints.slots[k], leaf, k in adjoints.owned)
            for k, leaf in enumerate(self.leaves)
        ]


def _is_nan(cotangent: Any) -> bool:
    """Whether there is a NaN in a plain cotangent."""
    if type(cotangent) is np.ndarray:
        return bool(np.isnan(np.add.reduce(cotangent, axis=None)))
    return not is_wrapped(cotangent) and bool(np.isnan(cotangent))


class _Nothing(list):
    """A tape that keeps nothing."""

    def append(self, entry: Any) -> None:
        """Let go of an entry."""


class _NothingKept(Kept):
    """Arrays are not kept either."""

    def add(self, array: np.ndarray) -> np.ndarray:
        """Give back the array."""
        return array


def unrecorded(function: Callable[[list], Any], leaves: list) -> tuple[list[Any], TreeDef]:
    """Leaves and structure of what a function returns, without a tape.

    The inputs are boxed all the same: a value that leaves the function by another way than its
    result raises when it is used, instead of being a constant.
    """
    trace = ReverseTrace()
    trace.entries, trace.kept = _Nothing(), _NothingKept()
    boxed = [trace.input(_input_value(leaf)) for leaf in leaves]
    for k in overlapping(leaves):
        boxed[k].shared = True
    try:
        outputs, treedef = flatten(function(boxed))
        return [operand(out, trace)[0] for out in outputs], treedef
    finally:
        trace.close()


def finished(cotangent: Any, leaf: Any, owned: bool) -> Any:
    """Give a cotangent the shape and type of its leaf, and memory of its own."""
    if (
        type(cotangent) is type(leaf) is np.ndarray
        and cotangent.dtype is leaf.dtype
        and cotangent.shape == leaf.shape
    ):
        return cotangent if owned else cotangent.copy()
    if type(cotangent) is Array and trace_of(cotangent) is None:
        cotangent = primal_of(cotangent)  # a rule has made it in followed code
    if is_wrapped(cotangent):
        if dtype_of(leaf).kind == "c" and dtype_of(cotangent).kind != "c":
            return cotangent + dtype_of(leaf).type(0.0)
        return cotangent
    if type(cotangent) is float and type(leaf) is float:
        return cotangent
    plain = primal_of(leaf) if is_wrapped(leaf) else leaf
    if np.iscomplexobj(cotangent) and not np.iscomplexobj(plain):
        raise InputError(
            "a real argument got a complex derivative: a rule gave complex numbers for a function"
            " of real numbers",
            hint="check the rule with sciad.check_grads",
        )
    if type(plain) is float:
        return float(cotangent) if np.ndim(cotangent) == 0 else cotangent
    if not isinstance(plain, np.ndarray):
        return type(plain)(cotangent)
    if type(cotangent) is np.ndarray and cotangent.shape == plain.shape:
        if owned and cotangent.dtype == plain.dtype:
            return cotangent
    elif type(cotangent) is float:
        return np.full(plain.shape, cotangent, plain.dtype)
    elif np.shape(cotangent) != plain.shape:
        cotangent = np.broadcast_to(cotangent, plain.shape)
    return np.array(cotangent, plain.dtype)


class ForwardRun:
    """One run of a function in forward mode: values and tangents.

    Parameters
    ----------
    function : callable
        Takes the list of boxed leaves.
    leaves : list
        Inputs.
    tangents : list
        One array for each leaf with a leading axis of directions, or ``None`` for none.
    directions : int
        Number of directions.
    shared, has_aux, what, name, others
        As for `ReverseRun`.

    Attributes
    ----------
    treedef : TreeDef
        Structure of what the function returned.
    values, tangents : list
        Its leaves and their tangents (``None`` where an output does not depend on the inputs).
    """

    def __init__(
        self,
        function: Callable[[list], Any],
        leaves: list,
        tangents: list,
        directions: int,
        shared: frozenset[int] = frozenset(),
        *,
        has_aux: bool = False,
        what: str = "jvp",
        name: str = "the function",
        others: Sequence[Any] = (),
    ) -> None:
        trace = ForwardTrace(directions)
        self.extra = None
        inputs = _Inputs(leaves, others)
        watch = watching(trace, what, name, None)
        try:
            boxed = [
                leaf if t is None else trace.input(_input_value(leaf), t)
                for leaf, t in zip(leaves, tangents, strict=True)
            ]
            for k in shared:
                if tangents[k] is not None:
                    boxed[k].shared = True
            result = function(boxed)
            if has_aux:
                result, extra = _parted(result, name, what)
                self.extra = _lowered(extra, trace)
            outputs, self.treedef = flatten(result)
            _refuse_hidden(self.treedef, trace, what, name)
            pairs = [operand(out, trace) for out in outputs]
            self.written = any(getattr(box, "version", 0) for box in boxed)
        finally:
            if watch is not None:
                watch.end()
            trace.close()
        inputs.verify(boxed, what, name)
        self.values = [value for value, _ in pairs]
        self.tangents = [t for _, t in pairs]
        if watch is not None:
            watch.check_outputs(self.tangents, self.treedef)

    def value(self) -> Any:
        """Give what the function returned, one level down."""
        return unflatten(self.treedef, [lasting(value) for value in self.values])


class Arguments:
    """The differentiated arguments of a call, as leaves, and the way back to a call."""

    def __init__(self, fun: Any, args: tuple, kwargs: dict, argnums: ArgNums, what: str) -> None:
        self.fun, self.args, self.kwargs, self.what = fun, args, kwargs, what
        self.single = isinstance(argnums, int | np.integer)
        self.argnums = _checked_argnums(argnums, len(args), what)
        trees = [flatten(args[k]) for k in self.argnums]
        self.treedefs = [treedef for _, treedef in trees]
        self.leaves = [leaf for leaves, _ in trees for leaf in leaves]
        held = [a for k, a in enumerate(args) if k not in self.argnums]
        self.shared = overlapping(self.leaves, [*held, *kwargs.values()])
        self.others = [fun, *held, *kwargs.values()]
        for k, (leaves, _) in zip(self.argnums, trees, strict=True):
            if not leaves:
                raise InputError(
                    f"{what}: argument {k} of {name_of(fun)} is {described(args[k])} and has"
                    " nothing to differentiate",
                    hint="pass floats (1.0 instead of 1) or arrays of floats",
                )

    def run(self, leaves: list) -> Any:
        """Call the function with other leaves in its differentiated arguments."""
        args = list(self.args)
        for k, part, treedef in zip(self.argnums, self.split(leaves), self.treedefs, strict=True):
            args[k] = unflatten(treedef, part)
        return run(self.fun, *args, **self.kwargs)

    def reverse(self, has_aux: bool = False) -> ReverseRun:
        """Run in reverse mode."""
        return ReverseRun(
            self.run,
            self.leaves,
            self.shared,
            has_aux=has_aux,
            what=self.what,
            name=name_of(self.fun),
            paths=self.paths,
            others=self.others,
        )

    def paths(self) -> list[str]:
        """Names of the leaves as the user would write them: ``p['k']``."""
        names = _parameter_names(self.fun, len(self.args))
        trees = zip(self.argnums, self.treedefs, strict=True)
        return [path for k, treedef in trees for path in treedef.paths(names[k])]

    def split(self, leaves: list) -> list[list]:
        """Sort a list of leaves by argument."""
        parts, start = [], 0
        for treedef in self.treedefs:
            parts.append(leaves[start : start + treedef.num_leaves])
            start += treedef.num_leaves
        return parts

    def gradient(self, leaves: list) -> Any:
        """Gradient of one argument, or a tuple for several."""
        parts = zip(self.treedefs, self.split(leaves), strict=True)
        trees = tuple(gradient_tree(treedef, part) for treedef, part in parts)
        return trees[0] if self.single else trees


_USE = "write sciad.grad(f)(x): the function first, its arguments after"


def check_request(fun: Any, argnums: ArgNums, what: str) -> None:
    """Raise `InputError` where a transformation is asked for something that it cannot do."""
    if not callable(fun):
        raise InputError(
            f"{what}: a function is expected, not something {described(fun)}",
            hint=_USE if what != "hvp" else "write sciad.hvp(f, x, v)",
        )
    _numbers(argnums, what)


def _numbers(argnums: Any, what: str) -> Sequence[int]:
    numbers: Any = argnums
    if isinstance(numbers, int | np.integer) and not isinstance(numbers, bool):
        numbers = (numbers,)
    if not isinstance(numbers, Sequence) or not all(
        isinstance(k, int | np.integer) and not isinstance(k, bool) for k in numbers
    ):
        raise InputError(
            f"{what}: argnums must be an int or a sequence of ints, not {argnums!r}",
            hint=_USE if what != "hvp" else None,
        )
    if not numbers:
        raise InputError(f"{what}: argnums is empty: nothing to differentiate")
    return numbers


def _checked_argnums(argnums: ArgNums, count: int, what: str) -> tuple[int, ...]:
    numbers = _numbers(argnums, what)
    for k in numbers:
        if not -count <= k < count:
            raise InputError(
                f"{what}: argnums = {argnums}, but {count} positional arguments given",
                hint="arguments given by name are held; pass what is differentiated by position",
            )
    found = tuple(int(k) % count for k in numbers)
    if len(set(found)) < len(found):
        raise InputError(f"{what}: argnums = {argnums} names an argument twice")
    return found


def _parameter_names(fun: Any, count: int) -> list[str]:
    """Names of the positional parameters, ``args[k]`` where they have none."""
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [named[k] if k < len(named) else f"args[{k}]" for k in range(count)]


def name_of(fun: Any) -> str:
    """Name of a function for messages."""
    return getattr(fun, "__qualname__", None) or repr(fun)


def described(value: Any) -> str:
    """Type of a value for messages."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    return f"of type {type(value).__name__}"

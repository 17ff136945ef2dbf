"""Traced values: a light class for real scalars, one for everything else, and their levels.

Every transformation has a `Trace` with a globally unique level. A traced value holds the value one
level down (a plain number or array, or a value traced by an outer transformation), its trace and
its node: a slot number on a tape (reverse mode) or the tangents (forward mode, with a leading axis
of directions). A rule sees the highest level only, which keeps perturbations apart (Siskind and
Pearlmutter, "Perturbation confusion and referential transparency", 2005).

An `Array` without a trace is a plain array created in traced code: traced values may be written
into it later (`sciad.core.buffer`).
"""

import functools
import itertools
import weakref
from typing import Any, ClassVar, NoReturn

import numpy as np

from sciad.core.errors import LostDerivativeError, TracingError, library_call, user_location
from sciad.core.text import text_of
from sciad.core.tree import flatten, register_leaf, tree_map, unflatten

__all__ = [
    "FLOAT64",
    "Array",
    "DeadTrace",
    "Scalar",
    "Trace",
    "any_traced",
    "as_array",
    "boxed",
    "current",
    "dtype_of",
    "is_traced",
    "is_wrapped",
    "level_of",
    "primal_of",
    "shape_of",
    "tape_for",
    "top_trace",
    "trace_of",
    "unwrap_constants",
    "window",
    "wrap",
]

FLOAT64 = np.dtype(np.float64)
#: Types of the elements of plain numbers.
_DTYPES: dict[type, np.dtype] = {
    **{kind: np.dtype(kind) for kind in (float, complex, int, bool)},
    **{np.dtype(code).type: np.dtype(code) for code in "?bhilqBHILQefdgFDG"},
}
_ATOMS = frozenset({*_DTYPES, str, type(None), np.ndarray})
_levels = itertools.count(1)  # next() on it is atomic: levels are unique over threads


class Trace:
    """One running transformation; `close` makes its values unusable."""

    level: int
    entries: Any = None  # of reverse mode
    running: "Trace"  # the trace itself: what takes it from here raises once it has ended

    def __init__(self) -> None:
        self.level = next(_levels)
        self.running = self

    def close(self) -> None:
        """End the transformation: values that escaped it raise from now on."""
        level = self.level
        self.__dict__.clear()
        self.level = level
        self.__class__ = DeadTrace  # costs nothing while the trace is alive


class DeadTrace(Trace):
    """A transformation that has ended."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TracingError(
            "a traced value was used after the transformation that made it had ended",
            where=user_location(),
            hint="return the value from the differentiated function instead of storing it",
        )


def _refuse(action: str, hint: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        outer = library_call() if hint.startswith(_UNSEEN) else None
        raise LostDerivativeError(
            f"{action} of a traced value would drop its derivative"
            + (f" (in {outer})" if outer else ""),
            where=user_location(),
            hint=f"give {outer} a rule with sciad.rule, or pass sciad.stop_gradient(x) if the"
            " derivative is not wanted"
            if outer
            else hint,
        )

    return method


_UNSEEN = (
    "the call was made by code that sciad does not rewrite (C, or Python without source): make a"
    " list of numbers an array with np.array, or take sciad.stop_gradient(x) for a plain number"
)


class Scalar:
    """A traced real number.

    Attributes
    ----------
    value
        The value one level down.
    slot, factor
        Its derivative is that of `slot` (a place on the tape, or tangents) times a plain number:
        chains of functions of one variable multiply the factor and record nothing.
    """

    __slots__ = ("_trace", "factor", "slot", "value")

    def __init__(self, value: Any, trace: Any, slot: Any, factor: float = 1.0) -> None:
        self.value = value
        self._trace = trace
        self.slot = slot
        self.factor = factor

    @property
    def node(self) -> Any:
        """The place of this very value: its factor is worked off."""
        if self.factor != 1.0:
            self.slot = self._trace.scaled(self.slot, self.factor)
            self.factor = 1.0
        return self.slot

    __array_priority__: ClassVar[float] = 1e6
    __float__ = _refuse("float()", _UNSEEN)
    __int__ = _refuse("int()", _UNSEEN)
    __index__ = _refuse("use as an index", "use int(sciad.stop_gradient(x))")
    __complex__ = _refuse("complex()", _UNSEEN)
    __array__ = _refuse("conversion to a plain array", _UNSEEN)
    __hash__ = _refuse("hashing", "traced values cannot be keys: use sciad.stop_gradient(x)")
    __reduce_ex__ = _refuse("pickling", "use sciad.stop_gradient(x)")

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # isinstance(x, float) holds as in the plain program
        return type(primal_of(self))

    def __repr__(self) -> str:
        return text_of(repr(primal_of(self)))

    def __str__(self) -> str:
        return text_of(str(primal_of(self)))

    def __format__(self, spec: str) -> str:
        return text_of(format(primal_of(self), spec))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __copy__(self) -> "Scalar":
        return self

    def __deepcopy__(self, memo: Any) -> "Scalar":
        return self


class Array:
    """A traced array (or complex number), or an array created in traced code (no trace).

    Attributes
    ----------
    value
        The value one level down.
    trace, node
        The transformation and the place in it; both ``None`` for a constant.
    owner, ops
        For a view: the array that owns the memory and the steps from there to here.
    index : slice or None
        The only step, if that is a slice.
    version : int
        Of an owner: number of writes. Of a view: the owner's version its `node` stands for.
    saved : bool
        Someone keeps `value` for later: a write must copy first.
    owned : bool
        The memory of `value` belongs to this array (user data never does).
    shared : bool
        An input whose memory is also that of another argument: a write raises.
    hot : bool
        The array is being written: reads of its views take copies.
    tape : list or None
        The entries of its trace, for an array of plain float64 numbers with axes that is followed
        in reverse mode, is no view and was never written: the quick ways are open to it.
    readonly : bool
        The program has said so (``x.flags.writeable = False``).
    elements, rank
        Numbers that were written one by one (`sciad.core.elements`); `owner` is then the array
        itself.
    blank : bool
        Nothing traced (at this level) has been written but what is in `elements`.
    windows : tuple
        What code that is not followed may hold of the memory, see `window`.
    """

    # no ``__init__``: it costs a twentieth of an operation, see `boxed`
    value: Any
    _trace: Any = None
    node: Any = None
    tape: Any = None
    # most arrays are never written and are no views: these stay on the class
    owner: "Array | None" = None
    index: slice | None = None
    live: Any = None
    version = 0
    saved = False
    owned = False
    hot = False
    readonly = False
    elements: Any = None
    ops: tuple = ()
    shared = False
    rank = 0
    blank = False
    windows: tuple = ()

    __array_priority__: ClassVar[float] = 1e6
    __hash__ = None  # type: ignore[assignment]
    __reduce_ex__ = _refuse("pickling", "use sciad.stop_gradient(x)")

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(primal_of(self))

    def __repr__(self) -> str:
        return self._text(repr(primal_of(self)))

    def __str__(self) -> str:
        return self._text(str(primal_of(self)))

    def __format__(self, spec: str) -> str:
        return self._text(format(primal_of(self), spec))

    def _text(self, text: str) -> str:
        return text if trace_of(self) is None else text_of(text)

    def __bool__(self) -> bool:
        return bool(primal_of(self))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if level_of(self):
            _refuse("conversion to a plain array", _UNSEEN)(self)
        value = exposed(self)
        if copy:
            return np.array(value, dtype=dtype)
        return np.asarray(value, dtype=dtype)


# CPython keeps the names of attributes once for all instances, if they come before many instances
# are made; an instance that gets another name later is four times slower to make
_NAMES = "value _trace node tape saved owner index live version ops hot owned shared readonly"
_first = Array()
for _name in (*_NAMES.split(), "elements", "rank", "blank", "windows"):
    setattr(_first, _name, None)


def boxed(value: Any, trace: Any = None, node: Any = None, tape: Any = None) -> Array:
    """Make an array."""
    made = Array()
    made.value = value
    made._trace = trace
    made.node = node
    made.tape = tape
    return made


def current(array: Array) -> Any:
    """Value one level down as it is now (a view follows its owner). Not a snapshot."""
    root = array.owner
    if root is None:
        return array.value
    # the view is made again when the owner has got other memory; same memory, same view
    if array.live is None or array.live[0] is not root.value:
        value = root.value
        for op in array.ops:
            value = op.apply(value)
        array.live = (root.value, value)
    return array.live[1]


def lent(array: Array) -> Any:
    """Plain value of an array without trace, for code that may keep it: later writes copy first."""
    owner = array if array.owner is None else array.owner
    owner.saved = True
    return primal_of(array)


def exposed(array: Array) -> Any:
    """Plain value of an array without trace, for code that might write into it: read-only.

    A write that sciad does not see would leave views and kept operands behind.
    """
    value = lent(array)
    return window(array, value, writeable=False) if type(value) is np.ndarray else value


def window(array: Array, value: np.ndarray, writeable: bool) -> np.ndarray:
    """Give the memory of an array to code that sciad does not follow.

    Whatever that code keeps holds on to the array that is returned here: NumPy makes it the base of
    further views, since its own base is no array. While it lives, a write to the owner raises.
    """
    memory = value.data
    made = np.asarray(memory if writeable else memory.toreadonly())
    owner = array if array.owner is None else array.owner
    alive = [w for w in owner.windows if w() is not None]
    owner.windows = (*alive, weakref.ref(made))
    return made


def tape_for(trace: Any, value: np.ndarray) -> Any:
    """Give `Array.tape` of a new array."""
    return trace.entries if value.dtype is FLOAT64 and value.ndim else None


def wrap(value: Any, trace: Any, node: Any) -> Any:
    """Box a value one level down."""
    kind: Any = type(value)
    if kind is np.ndarray:
        return boxed(value, trace, node, tape_for(trace, value))
    if kind is float or kind is Scalar or issubclass(kind, np.floating):
        return Scalar(value, trace, node)
    if issubclass(kind, np.ndarray) and _computes_otherwise(kind):
        raise TracingError(
            f"arrays of the class {kind.__module__}.{kind.__qualname__} cannot be differentiated:"
            " it computes otherwise than plain arrays do",
            where=user_location(),
            hint="take np.asarray(x); for a masked array, multiply by its mask or select with it",
        )
    return boxed(value, trace, node)


_OWN = frozenset(
    f"__{kind}{name}__"
    for name in ("add", "sub", "mul", "truediv", "pow", "matmul")
    for kind in ("", "r", "i")
) | {"__array_ufunc__", "__array_function__", "sum", "prod", "mean", "dot"}


@functools.lru_cache(maxsize=1024)
def _computes_otherwise(kind: Any) -> bool:
    """Whether a class of arrays has operations of its own, as matrices and masked arrays have."""
    own = kind.__mro__[: kind.__mro__.index(np.ndarray)]
    return any(not _OWN.isdisjoint(vars(part)) for part in own)


def shape_of(x: Any) -> tuple[int, ...]:
    """Shape of a value, traced or not (cheaper than ``np.shape``)."""
    kind = type(x)
    if kind is np.ndarray:
        return x.shape
    if kind is float or kind is Scalar or kind in _DTYPES:
        return ()
    x = primal_of(x)
    if type(x) is np.ndarray:
        return x.shape
    return () if type(x) in _DTYPES else np.shape(x)


def dtype_of(x: Any) -> np.dtype:
    """Type of the elements of a value, traced or not."""
    kind = type(x)
    if kind is np.ndarray:
        return x.dtype
    if kind is float or kind is np.float64:
        return FLOAT64
    x = primal_of(x)
    return getattr(x, "dtype", None) or _DTYPES.get(type(x)) or np.result_type(type(x))


def as_array(x: Any) -> Any:
    """``np.asarray`` that lets boxed values pass, also in sequences."""
    kind = type(x)
    if kind is Array or kind is Scalar or kind is np.ndarray:
        return x
    if kind is list or kind is tuple:
        parts = [as_array(v) for v in x]
        if any(map(is_wrapped, parts)):
            return np.stack(parts)
    convert = getattr(x, "__sciad_array__", None)  # something that stands for a boxed array
    if convert is not None:
        return convert()
    if hasattr(kind, "__array__") and not issubclass(kind, np.ndarray | np.generic):
        made = x.__array__()  # of an object that may hold boxed values, as np.poly1d does
        if is_wrapped(made):
            return made
    return np.asarray(x)


def is_wrapped(x: Any) -> bool:
    """Whether a value is one of sciad's boxes (traced or a constant array of traced code)."""
    kind = type(x)
    return kind is Scalar or kind is Array


def trace_of(x: Any) -> Any:
    """Trace of a single value, or None."""
    kind = type(x)
    if kind is Scalar:
        return x._trace
    if kind is Array:
        root = x.owner
        if root is None:
            return x._trace
        return root._trace
    return None


def is_traced(x: Any) -> bool:
    """Whether a single value carries a derivative.

    Examples
    --------
    >>> is_traced(1.0)
    False
    """
    return trace_of(x) is not None


def any_traced(leaves: Any) -> bool:
    """Whether any of some leaves is traced."""
    for leaf in leaves:
        kind = type(leaf)
        if (kind is Scalar or kind is Array) and trace_of(leaf) is not None:
            return True
    return False


def level_of(x: Any) -> int:
    """Level of the innermost transformation a value belongs to; 0 for a plain value."""
    trace = trace_of(x)
    return 0 if trace is None else trace.level


def top_trace(values: Any) -> Any:
    """Find the trace with the highest level among some values, or None."""
    best = None
    for value in values:
        kind = type(value)
        if kind is Scalar:
            trace = value._trace
        elif kind is Array:
            trace = trace_of(value)
        else:
            continue
        if trace is not best and trace is not None and (best is None or trace.level > best.level):
            best = trace
    return best


def primal_of(x: Any) -> Any:
    """Strip all levels.

    Parameters
    ----------
    x : object
        A single value, or a tree of values.

    Returns
    -------
    object
        Plain numbers and arrays.

    Examples
    --------
    >>> primal_of([1.0, "a"])
    [1.0, 'a']
    """
    kind = type(x)
    if kind is Scalar or kind is Array:
        while True:
            if kind is Scalar:
                x = x.value
            elif kind is Array:
                x = current(x)
            else:
                return x
            kind = type(x)
    if kind in _ATOMS:
        return x
    if kind in (list, tuple, dict) or flatten(x)[0]:
        return tree_map(_primal_leaf, x)
    return x


def _primal_leaf(x: Any) -> Any:
    return primal_of(x) if is_wrapped(x) else x


_ATOMS_OR_SCALAR = _ATOMS | {Scalar}


def _holds_no_array(values: Any) -> bool:
    """Whether a glance shows no boxed array among some values and in the dicts among them."""
    for value in values:
        kind = type(value)
        if kind is dict:
            if not _ATOMS_OR_SCALAR.issuperset(map(type, value.values())):
                return False
        elif kind not in _ATOMS_OR_SCALAR:
            return False
    return True


register_leaf(Scalar)
register_leaf(Array)


def unwrap_constants(tree: Any) -> Any:
    """Replace constant arrays of traced code by plain arrays; the same object if there are none."""
    kind = type(tree)
    if kind is Array:
        return lent(tree) if level_of(tree) == 0 else tree
    if kind is Scalar or kind not in (list, tuple, dict):
        return tree
    if _holds_no_array(tree.values() if kind is dict else tree):
        return tree
    leaves, treedef = flatten(tree)
    if not any(type(leaf) is Array and level_of(leaf) == 0 for leaf in leaves):
        return tree
    return unflatten(treedef, [unwrap_constants(leaf) for leaf in leaves])

"""Kinds of differentiation rules and the registry callable -> rule. Knows no mathematics.

A rule belongs to a callable (``np.sin``, ``math.sin``) or to a name (``"scipy.special.gamma"``), so
that the library it is about need not be imported. Rules are written in plain NumPy calls: applied
to traced values they are differentiated themselves, which gives all higher derivatives.
"""

import contextlib
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sciad.core.errors import InputError
from sciad.core.swallowed import settled

__all__ = [
    "BY_CALLABLE",
    "BY_NAME",
    "READY",
    "READY_FUNCTIONS",
    "RULED",
    "VERSION",
    "Elementwise",
    "Linear",
    "Nondifferentiable",
    "Rule",
    "Substitute",
    "Vjp",
    "elementwise",
    "linear",
    "lookup",
    "named",
    "nondifferentiable",
    "register",
    "registered",
    "restore",
    "substitute",
    "temporary",
    "unregister",
    "when_imported",
]

Key = Callable[..., Any] | str


@dataclass(frozen=True, eq=False)
class Elementwise:
    """A function that acts on each element (with broadcasting), with one partial per argument.

    Parameters
    ----------
    function : callable
        For instance ``np.sin``.
    partials : tuple
        ``partials[i](*args, out)`` is the derivative to argument ``i``; ``None`` if it is zero.
        Small lambdas of NumPy scalar functions, arithmetic, comparisons and ``np.where``: the
        compiler reads their source.
    aliases : tuple of callables
        Other functions with the same mathematics, such as ``math.sin``.
    otherwise : callable, optional
        Called instead if the number of arguments is not that of the partials (``math.log(x, 2)``).
    on_complex : callable, optional
        Called instead for complex arguments, if the function is not holomorphic (``abs``).
    selects : bool
        The function takes one of its arguments (``where``, ``maximum``): where a partial
        derivative is zero, that argument does not count, not even if its derivative is infinite.
    trusted : bool
        That the function returns memory of its own, and does not write into its arguments, need not
        be checked.
    """

    function: Callable[..., Any]
    partials: tuple[Callable[..., Any] | None, ...]
    aliases: tuple[Callable[..., Any], ...] = ()
    otherwise: Callable[..., Any] | None = None
    on_complex: Callable[..., Any] | None = None
    selects: bool = False
    trusted: bool = True
    # worked out from the partials by the engine, on first use
    needed: frozenset[int] | None = field(default=None, init=False, repr=False)
    reads: Any = field(default=None, init=False, repr=False)  # like `needed`, for each partial
    scalar_partials: tuple[Any, ...] | None = field(default=None, init=False, repr=False)
    of_float: Any = field(default=None, init=False, repr=False)
    of_array: Any = field(default=None, init=False, repr=False)


@dataclass(frozen=True, eq=False)
class Linear:
    """A function that is linear in each of some arguments while the others are held.

    Parameters
    ----------
    function : callable
        For instance ``np.transpose``.
    argnums : tuple of int
        The arguments it is linear in.
    transpose : tuple of callables
        One per entry of `argnums`: ``transpose(cotangent, *args, **kwargs)`` applies the adjoint of
        the map (conjugate transpose). Of the argument itself it may use shape and dtype only; the
        values of the other arguments are there.
    batched : callable, optional
        ``batched(tangent, *args, **kwargs)``: the map (of its only linear argument) applied along a
        leading direction axis. Without it directions are taken one by one.
    trusted : bool
        That the function does not write into its arguments need not be checked.
    """

    function: Callable[..., Any]
    argnums: tuple[int, ...]
    transpose: tuple[Callable[..., Any], ...]
    batched: Callable[..., Any] | None = None
    trusted: bool = True
    shortcut: Any = field(default=None, init=False, repr=False)


@dataclass(frozen=True, eq=False)
class Vjp:
    """A function with explicit vector-Jacobian products.

    Parameters
    ----------
    function : callable
        The function.
    vjp : tuple of callables or None
        One per positional argument: ``vjp[i](cotangent, out, *args, **kwargs)`` is the cotangent of
        argument ``i``; ``None`` where an argument cannot be differentiated.
    jvp : tuple of callables or None, optional
        ``jvp[i](tangent, out, *args, **kwargs)``: part of the output's tangent that comes from
        argument ``i``, for one direction. Without it, the vjp (linear in the cotangent) is
        transposed.
    trusted : bool
        That the function does not write into its arguments need not be checked.
    """

    function: Callable[..., Any]
    vjp: tuple[Callable[..., Any] | None, ...]
    jvp: tuple[Callable[..., Any] | None, ...] | None = None
    trusted: bool = True


@dataclass(frozen=True, eq=False)
class Nondifferentiable:
    """A function whose derivative is zero wherever it exists (``floor``, ``argmax``, ``sign``...).

    It is called with plain numbers and gives plain numbers.
    """

    function: Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Substitute:
    """A function that is replaced by another one under differentiation.

    Parameters
    ----------
    function : callable or str
        The function, or its name ``"module.qualname"``.
    target : callable or str
        What is called instead; a string ``"module:name"`` is imported on first use.
    always : bool
        It is called also where no traced value is among the arguments.
    """

    function: Callable[..., Any] | str
    target: Callable[..., Any] | str
    always: bool = False
    shortcut: Any = field(default=None, init=False, repr=False)

    @cached_property
    def resolved(self) -> Callable[..., Any]:
        """The target itself, imported if need be."""
        if not isinstance(self.target, str):
            return self.target
        module, _, name = self.target.partition(":")
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found


#: Registered rules by callable; read without a lock by the dispatcher.
BY_CALLABLE: dict[Any, "Rule"] = {}
BY_NAME: dict[tuple[str, str], "Rule"] = {}
#: By id: code and classes that the dispatcher has looked at and whose functions are just called.
READY: set[int] = set()
#: Functions with such code that were called as methods, such classes; empty when nothing runs.
READY_FUNCTIONS: set[Any] = set()
#: By id: code of functions with a rule, never in `READY`.
RULED: set[int] = set()
#: Counts the changes of the tables.
VERSION = [0]

Rule = Elementwise | Linear | Vjp | Nondifferentiable | Substitute

#: Modules with rules about a library, by the library's name: imported when it has been imported.
_waiting: dict[str, str] = {}
_loading: set[str] = set()

_HEAP_TYPE = 1 << 9  # flag of classes made by a class statement

_lock = threading.RLock()


def lookup(function: Any) -> Rule | None:
    """Find the rule of a callable.

    Parameters
    ----------
    function : callable
        Anything that can be called.

    Returns
    -------
    Rule or None
        By identity first, then by name, then from the attribute ``__sciad_rule__`` of its type.

    Examples
    --------
    >>> lookup(len.__class__) is None
    True
    """
    try:
        found = BY_CALLABLE.get(function)
    except TypeError as error:  # unhashable callable
        settled(error)
        found = None
    if found is not None:
        return found
    if _waiting and load_waiting():
        return lookup(function)
    if getattr(function, "__qualname__", None) is not None:
        return named(function)
    return getattr(type(function), "__sciad_rule__", None)


def named(function: Any) -> Rule | None:
    """Find the rule that the name of a callable has.

    A wrapper bears the name of what it wraps (`functools.wraps`); it is known by the module in
    which it was written, which must belong to the same library.
    """
    module = getattr(function, "__module__", None) or ""
    found = BY_NAME.get((module, function.__qualname__))
    if found is None:
        return None
    kind = type(function)
    scope = getattr(function, "__globals__", None)
    if scope is not None:
        home = scope.get("__name__")
    elif kind.__flags__ & _HEAP_TYPE and not isinstance(function, type):
        home = kind.__module__  # an object with a ``__call__``
    else:
        return found
    return found if (home or "").partition(".")[0] == module.partition(".")[0] else None


def when_imported(library: str, rules: str) -> None:
    """Import a module with rules as soon as the library they are about is in use.

    Parameters
    ----------
    library : str
        Name of a module that sciad does not import by itself, such as ``"scipy.special"``.
    rules : str
        Module that registers rules for it.
    """
    _waiting[library] = rules


def load_waiting() -> bool:
    """Import rules about libraries that are imported by now; tells whether there were any."""
    with _lock:  # other threads wait for the one that loads
        ready = [key for key in _waiting if key in sys.modules and key not in _loading]
        for library in ready:
            _loading.add(library)
            importlib.import_module(_waiting[library])
            del _waiting[library]
    return bool(ready)


def _split_name(key: str) -> tuple[str, str]:
    """``"scipy.special._basic.gamma"`` -> module and qualified name (classes start upper case)."""
    parts = key.split(".")
    cut = len(parts) - 1
    while cut > 1 and parts[cut - 1][:1].isupper():
        cut -= 1
    if cut < 1:
        raise InputError(f"a rule's name must be 'module.qualname', not {key!r}")
    return ".".join(parts[:cut]), ".".join(parts[cut:])


def register(key: Key, new: Rule) -> None:
    """Give a callable (or a name ``"module.qualname"``) a rule; replaces an earlier one."""
    load_waiting()
    with _lock:
        VERSION[0] += 1
        if isinstance(key, str):
            BY_NAME[_split_name(key)] = new
        else:
            BY_CALLABLE[key] = new
        _look_again(key)


def _look_again(key: Key) -> None:
    """Have the dispatcher look at everything again, now that a callable has a rule."""
    code = getattr(getattr(key, "__func__", key), "__code__", None)
    if code is not None:
        RULED.add(id(code))
    READY.clear()
    READY_FUNCTIONS.clear()


def unregister(key: Key) -> None:
    """Take a rule away; raises `InputError` if there is none."""
    load_waiting()
    with _lock:
        table: dict[Any, Rule] = BY_NAME if isinstance(key, str) else BY_CALLABLE
        name = _split_name(key) if isinstance(key, str) else key
        if name not in table:
            raise InputError(f"{key!r} has no rule")
        VERSION[0] += 1
        del table[name]


def registered(key: Key) -> Rule | None:
    """Find the rule that a callable or a name has been given itself."""
    load_waiting()
    return BY_NAME.get(_split_name(key)) if isinstance(key, str) else BY_CALLABLE.get(key)


def restore(key: Key, before: Rule | None) -> None:
    """Give a callable or a name the rule it had earlier, or none."""
    if before is not None:
        register(key, before)
    elif registered(key) is not None:
        unregister(key)


@contextlib.contextmanager
def temporary(key: Key, new: Rule) -> Iterator[Rule]:
    """Use a rule inside a ``with`` block only; the earlier one comes back afterwards."""
    before = registered(key)
    register(key, new)
    try:
        yield new
    finally:
        restore(key, before)


def elementwise(
    function: Callable[..., Any],
    *aliases: Callable[..., Any],
    partials: tuple[Callable[..., Any] | None, ...],
    otherwise: Callable[..., Any] | None = None,
    on_complex: Callable[..., Any] | None = None,
    selects: bool = False,
) -> Elementwise:
    """Register an `Elementwise` rule for a function and its aliases."""
    made = Elementwise(function, partials, aliases, otherwise, on_complex, selects)
    for key in (function, *aliases):
        register(key, made)
    return made


def linear(
    function: Callable[..., Any],
    *,
    transpose: Callable[..., Any] | tuple[Callable[..., Any], ...],
    argnums: tuple[int, ...] = (0,),
    batched: Callable[..., Any] | None = None,
) -> Linear:
    """Register a `Linear` rule."""
    made = Linear(
        function, argnums, transpose if isinstance(transpose, tuple) else (transpose,), batched
    )
    register(function, made)
    return made


def nondifferentiable(*functions: Key) -> None:
    """Register functions whose derivative is zero wherever it exists."""
    for function in functions:
        register(function, Nondifferentiable(function))  # type: ignore[arg-type]


def substitute(
    *functions: Key, always: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function that stands in for others under differentiation."""

    def accept(target: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            register(function, Substitute(function, target, always))
        return target

    return accept

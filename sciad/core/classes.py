"""Methods of the user's classes are followed whoever calls them: operators, properties, C code.

``a + b``, ``disc.area``, ``for v in path`` and ``sorted(points)`` call methods without a call in
the source. While a transformation runs, the functions of the classes it meets run rewritten code:
``function.__code__`` is exchanged, so that nothing stands between an operator and its method. When
the outermost transformation ends, every function gets its own code back.

A method that Python calls by itself (an operator, a property) is rewritten when it is first called;
until then its code is a stub. One that is called by name runs rewritten code from its first call in
followed code on. Classes are met where
an object is made, and where a function that is followed for the first time mentions them or an
object of theirs. An object of a class that was not met runs its own code, in which C functions
raise when they get a traced value.
"""

import builtins
import functools
import inspect
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sciad.core.cached import RESULTS
from sciad.core.errors import SourceError
from sciad.core.reach import LEAVES, kinds_near, kinds_of, worth_following
from sciad.core.rewrite import CALL, builtin_names, is_rewritten, needs_no_rewriting, rewritten_code
from sciad.core.rules import BY_CALLABLE, READY, READY_FUNCTIONS, named
from sciad.core.sourceless import without_source
from sciad.core.text import WRITTEN

__all__ = [
    "FIRST",
    "RUNNING",
    "expect_unseen_calls",
    "first_call",
    "is_stub",
    "meet",
    "meet_objects",
    "settle",
    "stand_in",
]


#: Methods of libraries that no call in the source calls: (their code, what they run meanwhile).
STANDING: dict[types.FunctionType, tuple[types.CodeType, types.CodeType]] = {}


def stand_in(function: types.FunctionType) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function that a library's method runs while a transformation does.

    The decorated function gets the method as it was, and its arguments.
    """
    code = function.__code__
    own = types.FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )

    def accept(target: Callable[..., Any]) -> Callable[..., Any]:
        constants = list(_INSTEAD.co_consts)
        constants[constants.index("target")] = functools.partial(target, own)
        STANDING[function] = code, _INSTEAD.replace(co_consts=tuple(constants))
        return target

    return accept


def _instead(*args: Any, **kwargs: Any) -> Any:
    target: Any = "target"
    return target(*args, **kwargs)


_INSTEAD = _instead.__code__


class _Running:
    """The transformations that run now, of all threads, and the functions with exchanged code."""

    def __init__(self) -> None:
        self.depth = 0
        self.epoch = 0  # counts the times everything was given back
        self.met: dict[int, type] = {}
        self.originals: dict[types.FunctionType, types.CodeType] = {}
        self.waiting: set[types.FunctionType] = set()
        self.unseen = False  # whether code without source runs, whose calls are not seen
        self.lock = threading.RLock()

    def __enter__(self) -> None:
        with self.lock:
            self.depth += 1
            if self.depth == 1:
                for function, (_, code) in STANDING.items():
                    function.__code__ = code

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.depth -= 1
            if self.depth == 0:
                WRITTEN.clear()
                RESULTS.clear()
                READY_FUNCTIONS.clear()
            if self.depth == 0:
                for function, (code, _) in STANDING.items():
                    function.__code__ = code
            if self.depth == 0 and self.met:
                for function, code in self.originals.items():
                    function.__code__ = code
                self.originals.clear()
                self.waiting.clear()
                self.unseen = False
                READY.difference_update(self.met)  # another class may get the id
                self.met.clear()
                self.epoch += 1


RUNNING = _Running()
FIRST = "__sciad_first__"
#: By id of a method's own code: the code, the code that is run instead, classes it mentions.
#: No code stands for a method without source, which keeps its stub.
_known: dict[int, tuple[types.CodeType, types.CodeType | None, tuple[type, ...]]] = {}


def meet(kinds: Iterable[type]) -> None:
    """Exchange the code of the methods of some classes, until the transformation ends."""
    if not RUNNING.depth:
        return
    with RUNNING.lock:
        met = dict(RUNNING.met)
        front = [base for kind in kinds for base in _family(kind)]
        while front:
            base = front.pop()
            if id(base) not in met:
                met[id(base)] = base
                if worth_following(base.__module__):
                    front.extend(_meet_one(base))
        RUNNING.met.update(met)  # last: other threads rely on it


def _meet_one(kind: type) -> Iterator[type]:
    """Exchange the code of the methods of one class; gives the classes that belong to it."""
    for member in list(vars(kind).values()):
        if type(member) not in _SIMPLE:
            yield from _family(type(member))  # a descriptor of the user's
        for function, called_unseen in _functions(member):
            if not _is_generated(kind, function):
                for mentioned in _exchange(function, called_unseen):
                    yield from _family(mentioned)


def _family(kind: type) -> tuple[type, ...]:
    meta: type = type(kind)
    return kind.__mro__ + meta.__mro__


_SIMPLE = frozenset({types.FunctionType, property, classmethod, staticmethod, str, type(None), int})


#: One may ask for the signature of an object or a class: these have no stub.
_ASKED = frozenset({"__call__", "__init__", "__new__"})
_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE


def _functions(member: Any) -> Iterator[tuple[types.FunctionType, bool]]:
    """Python functions behind a member of a class, and whether Python calls them by itself."""
    if isinstance(member, types.FunctionType):
        if not member.__code__.co_flags & _ASYNC:
            yield member, member.__name__.startswith("__") and member.__name__.endswith("__")
    elif isinstance(member, staticmethod | classmethod):
        yield from _functions(member.__func__)
    elif isinstance(member, property):
        for part in (member.fget, member.fset, member.fdel):
            yield from ((function, True) for function, _ in _functions(part))
    elif isinstance(member, functools.cached_property):
        yield from ((function, True) for function, _ in _functions(member.func))
    elif isinstance(member, functools.partialmethod):
        yield from _functions(member.func)


def _is_generated(kind: type, function: types.FunctionType) -> bool:
    """Whether ``dataclass`` has written a method: it calls nothing but methods of the class."""
    code = function.__code__
    return (
        "__dataclass_fields__" in vars(kind)
        and code.co_filename == "<string>"
        and (hasattr(object, code.co_name) or code.co_name == "__replace__")
    )


def _exchange(function: types.FunctionType, called_unseen: bool) -> tuple[type, ...]:
    """Give a function the code that is followed, and return the classes it is known to mention.

    A method that is called by name waits for its first call in followed code (`settle`).
    """
    code = function.__code__
    if function in RUNNING.originals or is_rewritten(code) or function in BY_CALLABLE:
        return ()
    if function in STANDING:
        return ()
    if not worth_following(function.__module__) or _has_named_rule(function):
        return ()
    if FIRST not in builtin_names(function):
        return ()  # a namedtuple's: it has built-in names of its own
    known = _known.get(id(code))
    if known is None and needs_no_rewriting(code):
        known = _known[id(code)] = (code, code, tuple(kinds_near(function, ())))
    if known is None and not (called_unseen or RUNNING.unseen):
        RUNNING.waiting.add(function)
        return ()
    if known is None and code.co_name in _ASKED:
        known = _known[id(code)] = (code, *_rewrite(function, code))
    _, new, kinds = known or (code, None, ())
    if new is code:
        return kinds
    RUNNING.originals[function] = code
    function.__code__ = new or _stub(function)
    return kinds


def expect_unseen_calls() -> None:
    """Have all methods followed, for code without source that will call them."""
    if RUNNING.depth and not RUNNING.unseen:
        with RUNNING.lock:
            RUNNING.unseen = True
            for function in RUNNING.waiting:
                RUNNING.originals[function] = function.__code__
                function.__code__ = _stub(function)
            RUNNING.waiting.clear()


def settle(function: types.FunctionType, new: types.CodeType) -> None:
    """Have a method that waits for it run its rewritten code from now on."""
    with RUNNING.lock:
        if function in RUNNING.waiting:
            code = function.__code__
            _known[id(code)] = (code, new, tuple(kinds_near(function, ())))
            RUNNING.waiting.discard(function)
            RUNNING.originals[function] = code
            function.__code__ = new


def _has_named_rule(function: types.FunctionType) -> bool:
    return named(function) is not None


def _template(*args: Any, **kwargs: Any) -> Any:
    return __sciad_first__("function", args, kwargs)  # type: ignore[name-defined]  # noqa: F821


def _generator_template(*args: Any, **kwargs: Any) -> Iterator[Any]:
    first = __sciad_first__("function", args, kwargs)  # type: ignore[name-defined]  # noqa: F821
    return (yield from first)


_TEMPLATE, _GENERATOR = _template.__code__, _generator_template.__code__


def _stub(function: types.FunctionType) -> types.CodeType:
    """Code that has the function rewritten when it is first called."""
    code = function.__code__
    # Python wants code of the same kind: that of a generator for a generator
    template = _GENERATOR if code.co_flags & inspect.CO_GENERATOR else _TEMPLATE
    constants = list(template.co_consts)
    constants[constants.index("function")] = weakref.ref(function)
    return template.replace(
        co_consts=tuple(constants),
        co_freevars=code.co_freevars,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
    )


def is_stub(code: types.CodeType) -> bool:
    """Whether code stands for that of a method that was not called yet."""
    return code.co_code in (_TEMPLATE.co_code, _GENERATOR.co_code)


def first_call(reference: Callable[[], Any], args: tuple, kwargs: dict) -> Any:
    """Rewrite a method and call it: what a stub does."""
    function = reference()
    with RUNNING.lock:
        code = RUNNING.originals.get(function, function.__code__)
        known = _known.get(id(code))
    if known is None:
        known = _known[id(code)] = (code, *_rewrite(function, code))
    _, new, kinds = known
    with RUNNING.lock:
        met = function in RUNNING.originals
        if met and new is not None:
            function.__code__ = new
        meet(kinds)
    if not met:  # the transformation has ended meanwhile, in another thread
        return function(*args, **kwargs)
    if new is None:
        expect_unseen_calls()
        own = _with_own_code(function, code)
        function = without_source(own, getattr(builtins, CALL)) or own
    return function(*args, **kwargs)


def _with_own_code(function: types.FunctionType, code: types.CodeType) -> types.FunctionType:
    own = types.FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    own.__kwdefaults__ = function.__kwdefaults__
    return own


def _rewrite(
    function: types.FunctionType, code: types.CodeType
) -> tuple[types.CodeType | None, tuple[type, ...]]:
    """Code to run instead, none if there is no source; classes that it mentions."""
    own = _with_own_code(function, code)
    try:
        new = rewritten_code(own)
    except SourceError:
        new = None
    return new, tuple(kinds_near(own, ()))


def meet_objects(values: Iterable[Any]) -> None:
    """Meet the classes of some objects, and of what they hold."""
    if not LEAVES.issuperset(map(type, values)):
        meet(kinds_of(values))

"""The dispatcher: what happens at every call in followed code.

In this order: a rule of the called function; else its Python source is rewritten once and followed;
else it is called as it is, and if a traced value is about to be converted to a plain one there, an
error names the function. Functions that get no traced value, and can reach none, are called as
they are.
"""

import collections
import dataclasses
import functools
import inspect
import itertools
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.accelerated import call_compiled, python_of
from sciad.core.adoption import HELPERS, adopt_parts, is_whole
from sciad.core.apply import apply, elementwise
from sciad.core.buffer import constant, refuse_plain
from sciad.core.cached import forget, remembered
from sciad.core.classes import (
    RUNNING,
    expect_unseen_calls,
    is_stub,
    meet,
    meet_objects,
    settle,
)
from sciad.core.errors import (
    SCIAD_DIRECTORY,
    LostDerivativeError,
    SourceError,
    TracingError,
    user_location,
)
from sciad.core.foreign import call_foreign, call_unfollowed, fresh, reads_numbers
from sciad.core.infix import OPERATORS
from sciad.core.methods import METHODS, WRITERS
from sciad.core.operators import give
from sciad.core.reach import (
    BOXES,
    CONTAINERS,
    FUNCTIONS,
    PLAIN,
    holds_boxes,
    kinds_near,
    reach_boxes,
    worth_following,
)
from sciad.core.rewrite import (
    is_rewritten,
    needs_no_rewriting,
    rewritten_code,
    with_code,
    works_on_slices,
)
from sciad.core.rules import (
    BY_CALLABLE,
    BY_NAME,
    READY,
    RULED,
    Elementwise,
    Rule,
    Substitute,
    lookup,
    named,
)
from sciad.core.sourceless import Namespace, without_source
from sciad.core.swallowed import HANDLERS, settled
from sciad.core.text import WRITTEN, check_read
from sciad.core.tracer import (
    Array,
    Scalar,
    is_wrapped,
    primal_of,
    trace_of,
    unwrap_constants,
)
from sciad.core.ufuncs import call_method

__all__ = ["call", "is_apart"]


_HIGHER_ORDER = frozenset(
    map(
        id,
        (
            map,
            filter,
            sorted,
            min,
            max,
            functools.reduce,
            itertools.starmap,
            itertools.accumulate,
            itertools.groupby,
            itertools.takewhile,
            itertools.dropwhile,
            itertools.filterfalse,
            iter,
            functools.cmp_to_key,
            collections.defaultdict,
        ),
    )
)
_COMPARING = frozenset(map(id, (min, max, sorted)))
_HEAP_TYPE = 1 << 9  # flag of classes made by a class statement
_METHOD, _FUNCTION, _BUILTIN = types.MethodType, types.FunctionType, types.BuiltinFunctionType
_CACHED = type(functools.lru_cache(lambda: None))
_DISPATCHED = type(np.sum)
_MEMBERS = (types.MethodDescriptorType, types.ClassMethodDescriptorType)


def call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a function as followed code does.

    Parameters
    ----------
    function : callable
        What is called.
    *args, **kwargs
        Its arguments.

    Returns
    -------
    object
        What the function returns; a fresh plain array is boxed, so that it can be written.
    """
    kind = type(function)
    if kind is _METHOD:
        inner = function.__func__
        if type(inner) is _FUNCTION and id(inner.__code__) in READY:
            return function(*args, **kwargs)
    elif (kind is _FUNCTION and id(function.__code__) in READY) or (
        kind is type and id(function) in READY
    ):
        return function(*args, **kwargs)
    try:
        rule = BY_CALLABLE.get(function)
    except TypeError as error:
        settled(error)
        rule = None
    boxed = holds_boxes(args)
    if WRITTEN.any and reads_numbers(function):
        check_read([*args, *kwargs.values()])
    if kwargs and not boxed:
        boxed = holds_boxes(kwargs.values())
    if rule is None:
        handler = _HANDLERS.get(kind)
        if handler is not None:
            return handler(function, args, kwargs, boxed)
        rule = lookup(function)
        if rule is None:
            if isinstance(function, type):
                return _call_class(function, args, kwargs, boxed)
            return _call_object(function, args, kwargs, boxed)
    elif boxed and type(rule) is Elementwise and not kwargs:
        return elementwise(rule, function, args)
    return _by_rule(rule, function, args, kwargs, boxed)


def _by_rule(rule: Rule, function: Any, args: tuple, kwargs: dict, boxed: bool) -> Any:
    # a substitute may be given a function that reaches traced values, or stand for one
    if boxed or (
        type(rule) is Substitute
        and (
            rule.always
            or any(map(_may_reach_traced, args))
            or getattr(function, "__closure__", None)
        )
    ):
        result = apply(rule, function, args, kwargs)
        if type(result) is np.ndarray and sys.getrefcount(result) == 2 and is_whole(result):
            return constant(result)
        return result
    return fresh(function, args, kwargs)


def _may_reach_traced(value: Any) -> bool:
    kind = type(value)  # of iterators nobody knows what they give
    if isinstance(value, (*FUNCTIONS, threading.Thread)):
        return True
    return id(kind) in RUNNING.met or hasattr(kind, "__next__")


# Python functions --------------------------------------------------------------------------------


class _Plan:
    """How functions with one code object are called."""

    __slots__ = (
        "classes",
        "code",
        "epoch",
        "follow",
        "functions",
        "kinds",
        "last",
        "name",
        "names",
        "new_code",
        "ours",
        "reached",
        "ready",
        "sourceless",
    )

    def __init__(self, function: types.FunctionType) -> None:
        code = function.__code__
        self.code = code  # keeps the code object, and so its id, alive
        # a wrapper that took the name of what it wraps shares its code with other wrappers
        own = function.__qualname__ == code.co_qualname
        self.name = (function.__module__ or "", function.__qualname__) if own else None
        self.ours = code.co_filename.startswith(SCIAD_DIRECTORY)
        self.ready = is_rewritten(code) or is_stub(code)
        self.follow = not self.ours and worth_following(function.__module__)
        self.kinds: tuple[type, ...] = ()  # classes it may get to see
        self.epoch = -1  # when they were met
        self.reached: tuple[_Inner, ...] | None = None  # what it may call, if that is known
        self.sourceless = False
        self.new_code: types.CodeType | None = None
        self.last: tuple[Any, Any] = (None, None)  # a function and what was made of it
        scope = function.__globals__
        # globals that may hold a traced value: not functions, classes, modules
        self.names = tuple(
            name
            for name in code.co_names
            if name in scope
            and not isinstance(scope[name], (types.ModuleType, type, *FUNCTIONS, np.ufunc))
        )
        # those that it may call
        self.functions = tuple(
            name
            for name in code.co_names
            if type(scope.get(name)) is _FUNCTION and worth_following(scope[name].__module__)
        )
        self.classes = tuple(
            scope[name]
            for name in code.co_names
            if isinstance(scope.get(name), type) and worth_following(scope[name].__module__)
        )


_plans: dict[int, _Plan] = {}
#: A function that another may call: its module's names, its name there, itself, its code and plan.
_Inner = tuple[dict[str, Any], str, types.FunctionType, types.CodeType, _Plan]


def _call_function(function: types.FunctionType, args: tuple, kwargs: dict, boxed: bool) -> Any:
    code = function.__code__
    plan = _plans.get(id(code))
    if plan is None:
        plan = _plans[id(code)] = _Plan(function)
        clean = plan.follow and not plan.ready and needs_no_rewriting(code)
        if clean and not works_on_slices(code):
            plan.kinds = tuple(kinds_near(function, ()))
            meet_objects(args)
            plan.ready = True
    name = plan.name or (function.__module__ or "", function.__qualname__)
    if name in BY_NAME:
        rule = named(function)
        if rule is not None:
            return _by_rule(rule, function, args, kwargs, boxed)
    if plan.kinds and plan.epoch != RUNNING.epoch:
        epoch = RUNNING.epoch
        meet(plan.kinds)
        plan.epoch = epoch  # last: other threads rely on it
    if plan.ready:
        if not plan.kinds and id(code) not in RULED and type(plan.name) is tuple:
            READY.add(id(code))
        return function(*args, **kwargs)
    if plan.ours:
        args = tuple(unwrap_constants(a) for a in args)
        return function(*args, **{k: unwrap_constants(v) for k, v in kwargs.items()})
    if plan.follow and (boxed or _reaches_traced(function, plan, args, kwargs)):
        if plan.sourceless and type(function.__globals__) is Namespace:
            return function(*args, **kwargs)
        last, made = plan.last
        if last is function and made.__defaults__ is function.__defaults__:
            return made(*args, **kwargs)
        return _followed(function, plan, args)(*args, **kwargs)
    return call_unfollowed(function, args, kwargs, boxed)


def _followed(function: types.FunctionType, plan: _Plan, args: tuple) -> Callable[..., Any]:
    if plan.new_code is None and not plan.sourceless:
        epoch = RUNNING.epoch
        plan.kinds = tuple(kinds_near(function, args))
        meet(plan.kinds)
        plan.epoch = epoch
        if function.__code__ is not plan.code:
            return function  # its class was met just now: it has been given other code already
        try:
            plan.new_code = rewritten_code(function)  # last: other threads rely on it
        except SourceError:
            if needs_no_rewriting(plan.code):
                plan.ready = True
                return function
            plan.sourceless = True
    if plan.sourceless:
        expect_unseen_calls()
        return without_source(function, call) or _as_it_is(function, args)
    assert plan.new_code is not None
    if function in RUNNING.waiting:
        settle(function, plan.new_code)
        return function
    made = with_code(function, plan.new_code)
    # a closure would be kept alive by the plan; a method that runs other code will get its own back
    if not function.__closure__ and made is not function:
        plan.last = (function, made)
    return made


def _as_it_is(function: types.FunctionType, args: tuple) -> Callable[..., Any]:
    """Code without source that cannot be followed: C functions in it raise."""
    if any(type(arg) is Array for arg in args):  # it could keep a view, which no write reaches
        raise TracingError(
            f"{function.__qualname__} has no source, and gets an array of differentiated code",
            where=user_location(),
            hint="define the function in a file or a notebook cell",
        )
    return function


def _reaches_traced(function: types.FunctionType, plan: _Plan, args: tuple, kwargs: dict) -> bool:
    """Whether an unboxed argument, a closure cell or a global may lead to a traced value."""
    if not _harmless(args) or (kwargs and not _harmless(kwargs.values())):
        return True
    if (function.__closure__ or function.__defaults__) and not _harmless(_cell_values(function)):
        return True
    if plan.names:
        scope = function.__globals__
        if not _harmless([scope.get(name) for name in plan.names]):
            return True
    return any(holds_boxes(vars(kind).values()) for kind in plan.classes)


def is_apart(function: Any, code: types.CodeType) -> bool:
    """Whether a function with this code was called before, and can reach no traced value.

    What it calls runs as it is, too, and has to be apart as well.
    """
    if type(function) is not _FUNCTION or function.__code__ is not code:
        return False
    plan = _plans.get(id(code))
    if plan is None or not plan.follow or not _is_alone(function, plan):
        return False
    if not plan.functions:
        return True
    if plan.reached is None:
        plan.reached = _reached(function)
    for scope, name, inner, its_code, its_plan in plan.reached or ():
        if scope.get(name) is not inner or inner.__code__ is not its_code:
            plan.reached = None  # to be found again
            return False
        if not _is_alone(inner, its_plan):
            return False
    return plan.reached is not None


def _is_alone(function: types.FunctionType, plan: _Plan) -> bool:
    """Whether no default, closure, global or class leads a function to a traced value."""
    if function.__kwdefaults__ and not _harmless(function.__kwdefaults__.values()):
        return False
    if not (plan.names or plan.classes or function.__closure__ or function.__defaults__):
        return True
    return not _reaches_traced(function, plan, (), {})


def _reached(function: types.FunctionType) -> tuple[_Inner, ...] | None:
    """Find the functions that one may call, by names of its module; None if one is not known."""
    found: dict[tuple[int, str], _Inner] = {}
    waiting = [function]
    while waiting:
        outer = waiting.pop()
        scope = outer.__globals__
        for name in _plans[id(outer.__code__)].functions:
            inner: Any = scope.get(name)
            plan = _plans.get(id(inner.__code__)) if type(inner) is _FUNCTION else None
            if plan is None or not plan.follow:
                return None
            if (id(scope), name) not in found:
                waiting.append(inner)
                found[id(scope), name] = (scope, name, inner, inner.__code__, plan)
    return tuple(found.values())


def _harmless(values: Any) -> bool:
    """Whether no traced value can be reached from some values."""
    for value in values:
        kind = type(value)
        if kind in CONTAINERS:
            if value and not _harmless(value.values() if kind is dict else value):
                return False
        elif kind not in PLAIN:
            if kind not in BOXES and id(kind) not in RUNNING.met:
                meet((kind,))
            return False
    return True


def _cell_values(function: Any) -> list[Any]:
    """Values of the closure and the defaults of a function."""
    values = list(getattr(function, "__defaults__", None) or ())
    for cell in getattr(function, "__closure__", None) or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # not bound yet
            continue
    return values


def _call_method(function: types.MethodType, args: tuple, kwargs: dict, boxed: bool) -> Any:
    owner, inner = function.__self__, function.__func__
    if is_wrapped(owner):
        return function(*args, **kwargs)  # a method of a boxed value
    if type(inner) is types.FunctionType and inner not in BY_CALLABLE:
        return _call_function(inner, (owner, *args), kwargs, boxed)
    return call(inner, owner, *args, **kwargs)


# Built-in callables ------------------------------------------------------------------------------


def _call_builtin(function: Any, args: tuple, kwargs: dict, boxed: bool) -> Any:
    if type(getattr(function, "__self__", None)) in CONTAINERS and function.__name__ != "sort":
        return function(*args, **kwargs)  # list.append and its like
    if id(function) in _COMPARING and not kwargs:
        return function(*args)
    if id(function) in _HIGHER_ORDER or getattr(function, "__name__", "") == "sort":
        args = tuple(Following(a) if isinstance(a, FUNCTIONS) else a for a in args)
        key = kwargs.get("key")
        if key is not None:
            kwargs = {**kwargs, "key": Following(key)}
    if not boxed:
        if type(getattr(function, "__self__", None)) is _CACHED:
            forget(function.__self__)
        return call_foreign(function, args, kwargs, boxed)
    if getattr(function, "__objclass__", None) is np.ndarray and is_wrapped(args[0]):
        return getattr(args[0], function.__name__)(*args[1:], **kwargs)
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        if function.__name__ == "__call__":
            return call(owner, *args, **kwargs)
        return call_method(owner, function.__name__, args, kwargs)
    member = getattr(type(owner), getattr(function, "__name__", ""), None)
    rule = BY_CALLABLE.get(member) if type(member) in _MEMBERS else None
    if rule is not None:
        return _by_rule(rule, member, (owner, *args), kwargs, boxed)
    if type(owner) is np.ndarray:
        if function.__name__ in METHODS:
            return call(METHODS[function.__name__], owner, *args, **kwargs)
        if function.__name__ in WRITERS and any(trace_of(a) is not None for a in args):
            refuse_plain(owner)
    return call_foreign(function, args, kwargs, boxed)


class Following:
    """A function whose calls by built-in code (map, sorted...) are followed."""

    __slots__ = ("function",)

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return call(self.function, *args, **kwargs)


def _call_partial(function: functools.partial, args: tuple, kwargs: dict, boxed: bool) -> Any:
    return call(function.func, *function.args, *args, **{**function.keywords, **kwargs})


def _call_cached(function: Any, args: tuple, kwargs: dict, boxed: bool) -> Any:
    """Call without the function's own cache, which must not keep traced values."""
    if (
        boxed
        or reach_boxes([*args, *kwargs.values()])
        or not _harmless(_cell_values(function.__wrapped__))
    ):
        return remembered(function, args, kwargs, call)
    return function(*args, **kwargs)


def _call_dispatched(function: Any, args: tuple, kwargs: dict, boxed: bool) -> Any:
    """Follow the Python source of a NumPy function without a rule."""
    inner = getattr(function, "__wrapped__", None)
    if type(inner) is types.FunctionType and (boxed or any(map(_may_reach_traced, args))):
        return _call_function(inner, args, kwargs, boxed)
    return _call_builtin(function, args, kwargs, boxed)


def _call_class(kind: type, args: tuple, kwargs: dict, boxed: bool) -> Any:
    written_in_c = not kind.__flags__ & _HEAP_TYPE
    if written_in_c or id(kind) in _HIGHER_ORDER or not worth_following(kind.__module__):
        return _call_builtin(kind, args, kwargs, boxed)
    if id(kind) not in RUNNING.met:
        meet((kind,))
    if _has_factories(kind):
        return adopt_parts(kind(*args, **kwargs))
    if id(kind) in RUNNING.met and not reads_numbers(kind):
        READY.add(id(kind))
    return kind(*args, **kwargs)


def _has_factories(kind: type) -> bool:
    """Whether a dataclass makes default values by calls that are not in followed code."""
    fields = getattr(kind, "__dataclass_fields__", None)
    if not fields:
        return False
    return any(f.default_factory is not dataclasses.MISSING for f in fields.values())


def _call_object(function: Any, args: tuple, kwargs: dict, boxed: bool) -> Any:
    """Call an instance with ``__call__``, or a compiled function."""
    if type(function).__module__.startswith("sciad."):
        if type(function) is Following or getattr(function, "takes_boxes", False):
            return function(*args, **kwargs)
        args = tuple(unwrap_constants(a) for a in args)
        return function(*args, **{k: unwrap_constants(v) for k, v in kwargs.items()})
    python = python_of(function)
    if boxed and python is not None:
        found = call_compiled(function, args, kwargs)
        if found is not NotImplemented:
            return found
        if hasattr(function, "py_func") or not any(type(a) is Array for a in args):
            return call(python, *args, **kwargs)
    inner = inspect.getattr_static(type(function), "__call__", None)
    rule = BY_CALLABLE.get(inner)
    if rule is not None and boxed:
        return apply(rule, inner, (function, *args), kwargs)
    if type(inner) is types.FunctionType:
        return _call_function(inner, (function, *args), kwargs, boxed)
    return _call_builtin(function, args, kwargs, boxed)


_HANDLERS: dict[type, Callable[..., Any]] = {
    types.FunctionType: _call_function,
    types.MethodType: _call_method,
    types.BuiltinFunctionType: _call_builtin,
    types.MethodDescriptorType: _call_builtin,
    types.WrapperDescriptorType: _call_builtin,
    types.MethodWrapperType: _call_builtin,
    np.ufunc: _call_builtin,
    functools.partial: _call_partial,
    _CACHED: _call_cached,
    _DISPATCHED: _call_dispatched,
}


# NumPy's function protocol: calls from code that is not followed ----------------------------------


def _array_function(self: Any, function: Any, types_: Any, args: tuple, kwargs: dict) -> Any:
    rule = lookup(function)
    if rule is not None:
        return apply(rule, function, args, kwargs)
    inner = getattr(function, "__wrapped__", None)
    if type(inner) is types.FunctionType:
        return _call_function(inner, args, kwargs, True)
    if not _any_traced(args) and not _any_traced(kwargs.values()):
        plain = [primal_of(a) for a in args]
        return constant(function(*plain, **{k: primal_of(v) for k, v in kwargs.items()}))
    raise LostDerivativeError(
        f"numpy.{function.__name__} has no differentiation rule",
        where=user_location(),
        hint="register one with sciad.rule, or use sciad.stop_gradient on its arguments",
    )


def _any_traced(values: Any) -> bool:
    for value in values:
        if trace_of(value) is not None:
            return True
        if type(value) in (list, tuple) and _any_traced(value):
            return True
    return False


for _name, _part in {**OPERATORS, **HELPERS, **HANDLERS}.items():
    setattr(call, _name, _part)
give(Scalar, {"__array_function__": _array_function})
give(Array, {"__array_function__": _array_function})

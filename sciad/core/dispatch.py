"""The dispatcher: what happens at every call in followed code.

In this order: a rule of the called function; else its Python source is rewritten once and followed;
else it is called as it is, and if a traced value is about to be converted to a plain one there, an
error names the function. Functions that get no traced value, and can reach none, are called as
they are.
"""

import functools
import inspect
import itertools
import operator
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from sciad.core.apply import apply, elementwise, of_scalar
from sciad.core.buffer import constant, prepare_write
from sciad.core.construct import construct
from sciad.core.errors import (
    SCIAD_DIRECTORY,
    LostDerivativeError,
    TracingError,
    user_location,
)
from sciad.core.operators import give
from sciad.core.rewrite import is_rewritten, rewritten_code, with_code
from sciad.core.rules import BY_CALLABLE, BY_NAME, Elementwise, Rule, Substitute, lookup
from sciad.core.tracer import (
    Array,
    Scalar,
    current,
    is_wrapped,
    primal_of,
    trace_of,
    unwrap_constants,
)

__all__ = ["call"]

_BOXES = frozenset({Scalar, Array})
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_PLAIN = frozenset(
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
        *_CONTAINERS,
    }
)

#: Modules of the standard library that compute; the others are called as they are.
_FOLLOWED_LIBRARY = frozenset(
    {"statistics", "random", "functools", "heapq", "bisect", "contextlib", "copy", "dataclasses"}
)
_HIGHER_ORDER = frozenset(
    {
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
    }
)
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
    }
)
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
_CACHED = type(functools.lru_cache(lambda: None))
_DISPATCHED = type(np.sum)


def holds_boxes(values: Any) -> bool:
    """Whether some values, or containers among them, are or hold boxed values."""
    for value in values:
        kind = type(value)
        if kind is Scalar or kind is Array:
            return True
        if kind in _CONTAINERS and value:
            if kind is dict:
                value = value.values()
            kinds = set(map(type, value))
            if not _BOXES.isdisjoint(kinds):
                return True
            if not _CONTAINERS.isdisjoint(kinds) and holds_boxes(value):
                return True
    return False


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
    try:
        rule = BY_CALLABLE.get(function)
    except TypeError:
        rule = None
    if type(rule) is Elementwise and len(args) == 1 and type(args[0]) is Scalar and not kwargs:
        found = of_scalar(rule, function, args[0])
        if found is not None:
            return found
    boxed = holds_boxes(args)
    if kwargs and not boxed:
        boxed = holds_boxes(kwargs.values())
    if rule is None:
        handler = _HANDLERS.get(type(function))
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
    # a substitute may be given a function that reaches traced values
    if boxed or (type(rule) is Substitute and any(isinstance(a, _FUNCTIONS) for a in args)):
        return apply(rule, function, args, kwargs)
    return fresh(function, args, kwargs)


def fresh(function: Any, args: tuple, kwargs: dict) -> Any:
    """Call as it is; a new array that nobody else holds becomes one that can be written."""
    result = function(*args, **kwargs)
    if type(result) is np.ndarray and sys.getrefcount(result) == 2 and _is_whole(result):
        return constant(result)
    return result


def _is_whole(array: np.ndarray) -> bool:
    """Whether an array owns its memory, or is the only one that looks at the owner."""
    base = array.base
    if base is None:
        return True
    return type(base) is np.ndarray and base.base is None and sys.getrefcount(base) == 3


def attribute(owner: Any, name: str) -> Any:
    """``owner.name`` where a property of the user's class is followed."""
    for kind in type(owner).__mro__:
        if name in kind.__dict__:
            member = kind.__dict__[name]
            if type(member) is property and member.fget is not None:
                return call(member.fget, owner)
            if type(member) is functools.cached_property and name not in owner.__dict__:
                owner.__dict__[name] = call(member.func, owner)
            break
    return getattr(owner, name)


def matmul(left: Any, right: Any) -> Any:
    """``left @ right`` by the rule of ``operator.matmul``, for sparse matrices of SciPy too."""
    if is_wrapped(left) or is_wrapped(right):
        rule = BY_CALLABLE.get(operator.matmul)
        if rule is not None:
            return apply(rule, operator.matmul, (left, right), {})
    return left @ right


# Python functions --------------------------------------------------------------------------------


class _Plan:
    """How functions with one code object are called."""

    __slots__ = ("code", "follow", "function", "made", "name", "names", "new_code", "ours", "ready")

    def __init__(self, function: types.FunctionType) -> None:
        code = function.__code__
        self.code = code  # keeps the code object, and so its id, alive
        self.name = (function.__module__ or "", function.__qualname__)
        self.ours = code.co_filename.startswith(SCIAD_DIRECTORY)
        self.ready = is_rewritten(code)
        self.follow = not self.ours and _worth_following(function.__module__)
        self.new_code: types.CodeType | None = None
        self.function: Any = None
        self.made: Any = None
        scope = function.__globals__
        # globals that may hold a traced value: not functions, classes, modules
        self.names = tuple(
            name
            for name in code.co_names
            if name in scope
            and not isinstance(scope[name], (types.ModuleType, type, *_FUNCTIONS, np.ufunc))
        )


_plans: dict[int, _Plan] = {}


def _worth_following(module: str | None) -> bool:
    top = (module or "").partition(".")[0]
    if top in ("sciad", "numba", "matplotlib", "llvmlite", "tqdm"):
        return False
    return top not in sys.stdlib_module_names or top in _FOLLOWED_LIBRARY or top == "__main__"


def _call_function(function: types.FunctionType, args: tuple, kwargs: dict, boxed: bool) -> Any:
    code = function.__code__
    plan = _plans.get(id(code))
    if plan is None:
        plan = _plans[id(code)] = _Plan(function)
    if plan.name in BY_NAME:
        return _by_rule(BY_NAME[plan.name], function, args, kwargs, boxed)
    if plan.ready:
        return function(*args, **kwargs)
    if plan.ours:
        args = tuple(unwrap_constants(a) for a in args)
        return function(*args, **{k: unwrap_constants(v) for k, v in kwargs.items()})
    if plan.follow and (boxed or _reaches_traced(function, plan, args, kwargs)):
        if plan.function is function and plan.made.__defaults__ is function.__defaults__:
            return plan.made(*args, **kwargs)
        return _followed(function, plan)(*args, **kwargs)
    result = function(*args, **kwargs)
    if type(result) is np.ndarray and sys.getrefcount(result) == 2 and _is_whole(result):
        return constant(result)
    return result


def _followed(function: types.FunctionType, plan: _Plan) -> Callable[..., Any]:
    if plan.new_code is None:
        try:
            plan.new_code = rewritten_code(function)
        except TracingError:
            plan.follow = False  # no source: called as it is, C functions in it raise
            return function
    made = with_code(function, plan.new_code, call)
    if not function.__closure__:  # a closure would be kept alive by the plan
        plan.made, plan.function = made, function
    return made


def _reaches_traced(function: types.FunctionType, plan: _Plan, args: tuple, kwargs: dict) -> bool:
    """Whether an unboxed argument, a closure cell or a global may lead to a traced value."""
    if not _PLAIN.issuperset(map(type, args)):
        return True
    if kwargs and not _PLAIN.issuperset(map(type, kwargs.values())):
        return True
    if function.__closure__ and not _harmless(_cell_values(function)):
        return True
    if function.__defaults__ and not _harmless(function.__defaults__):
        return True
    if plan.names:
        scope = function.__globals__
        return not _harmless([scope.get(name) for name in plan.names])
    return False


def _harmless(values: Any) -> bool:
    return _PLAIN.issuperset(map(type, values)) and not holds_boxes(values)


def _cell_values(function: types.FunctionType) -> list[Any]:
    values = []
    for cell in function.__closure__ or ():
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
    if function in _HIGHER_ORDER or getattr(function, "__name__", "") == "sort":
        args = tuple(Following(a) if isinstance(a, _FUNCTIONS) else a for a in args)
        key = kwargs.get("key")
        if key is not None:
            kwargs = {**kwargs, "key": Following(key)}
    if not boxed:
        return fresh(function, args, kwargs)
    if getattr(function, "__objclass__", None) is np.ndarray and is_wrapped(args[0]):
        return getattr(args[0], function.__name__)(*args[1:], **kwargs)
    if getattr(function, "__module__", None) not in _KEEPERS:
        opened = tuple(_open(a) for a in args)
        plain = [(o, a) for o, a in zip(opened, args, strict=True) if o is not a]
        args = opened
    else:
        plain = []
    try:
        result = function(*args, **kwargs)
    except LostDerivativeError as error:
        raise _named(error, function) from None
    return _without_alias(function, result, plain) if type(result) is np.ndarray else result


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


def _open(value: Any) -> Any:
    """Constant arrays of traced code as plain ones, for a C function that may fill them."""
    if type(value) is Array and trace_of(value) is None:
        root = value if value.owner is None else value.owner
        prepare_write(root)
        plain = current(value)
        root.version += 1  # views read again
        root.saved = True  # the function may have kept it
        return primal_of(plain)
    return unwrap_constants(value)


def _named(error: LostDerivativeError, function: Any) -> LostDerivativeError:
    """Give the error the name of the function that was called."""
    name = getattr(function, "__qualname__", None) or type(function).__name__
    module = getattr(function, "__module__", None)
    full = f"{module}.{name}" if module and module != "builtins" else name
    if "has no differentiation rule" in error.what:
        return error
    return LostDerivativeError(
        f"{full} is called with a traced value and has no differentiation rule",
        where=user_location(),
        hint="register one with sciad.rule, or pass sciad.stop_gradient(x) if the derivative is"
        " not wanted",
    )


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
    """Call without the cache, which must not keep traced values."""
    return call(function.__wrapped__, *args, **kwargs) if boxed else function(*args, **kwargs)


def _call_dispatched(function: Any, args: tuple, kwargs: dict, boxed: bool) -> Any:
    """Follow the Python source of a NumPy function without a rule."""
    inner = getattr(function, "__wrapped__", None)
    if boxed and type(inner) is types.FunctionType:
        return _call_function(inner, args, kwargs, boxed)
    return _call_builtin(function, args, kwargs, boxed)


def _call_class(kind: type, args: tuple, kwargs: dict, boxed: bool) -> Any:
    if kind in _HIGHER_ORDER or not _worth_following(kind.__module__):
        return _call_builtin(kind, args, kwargs, boxed)
    return construct(kind, args, kwargs, call)


def _call_object(function: Any, args: tuple, kwargs: dict, boxed: bool) -> Any:
    """Call an instance with ``__call__``, or a compiled function."""
    if type(function).__module__.startswith("sciad."):
        if type(function) is Following:
            return function(*args, **kwargs)
        args = tuple(unwrap_constants(a) for a in args)
        return function(*args, **{k: unwrap_constants(v) for k, v in kwargs.items()})
    python = getattr(function, "py_func", None)  # numba's dispatchers
    if boxed and type(python) is types.FunctionType:
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


for _name, _part in {"matmul": matmul, "attribute": attribute}.items():
    setattr(call, _name, _part)
give(Scalar, {"__array_function__": _array_function})
give(Array, {"__array_function__": _array_function})

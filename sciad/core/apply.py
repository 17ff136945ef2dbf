"""Application of rules to traced values: strip the highest level, compute below, record above."""

import dis
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from sciad.core.buffer import Call, constant, operand, store, view
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.rules import Elementwise, Linear, Nondifferentiable, Rule, Substitute, Vjp
from sciad.core.scalars import scalar_partial_value, scalar_partials
from sciad.core.tape import ReverseTrace
from sciad.core.tracer import (
    Array,
    Scalar,
    as_array,
    current,
    dtype_of,
    is_wrapped,
    primal_of,
    shape_of,
    top_trace,
    trace_of,
    unwrap_constants,
)

__all__ = ["Primitive", "apply", "bind", "elementwise", "of_scalar", "write_out"]


class Primitive(Protocol):
    """An ad-hoc rule for `bind`."""

    name: str

    def value(self, *args: Any) -> Any:
        """Output array, or a tuple of arrays."""

    def vjp(self, cotangent: Any, out: Any, *args: Any) -> tuple:
        """Cotangents of the arguments, ``None`` for zero."""

    def jvp(self, tangents: tuple, out: Any, *args: Any) -> Any:
        """Tangents of the output; every one has a leading axis of directions."""


def bind(rule: Primitive, *args: Any) -> Any:
    """Apply an ad-hoc rule to arguments of which some are traced.

    Parameters
    ----------
    rule : Primitive
        Object with ``name``, ``value(*args)``, ``vjp(cotangent, out, *args)`` and
        ``jvp(tangents, out, *args)``. Its methods get the arguments one level down, where values of
        outer transformations may remain: they may call `bind` again. ``value`` returns new memory,
        never an argument or a view of one.
    *args : array or scalar
        Positional arguments; each may be traced.

    Returns
    -------
    array or tuple of arrays
        Traced if an argument is, else ``rule.value(*args)``.

    Examples
    --------
    >>> class Double:
    ...     name = "double"
    ...     def value(self, x):
    ...         return 2.0 * x
    ...     def vjp(self, g, out, x):
    ...         return (2.0 * g,)
    ...     def jvp(self, tangents, out, x):
    ...         return 2.0 * tangents[0]
    >>> bind(Double(), 3.0)
    6.0
    """
    trace = top_trace(args)
    if trace is None:
        return rule.value(*[unwrap_constants(a) for a in args])
    values, nodes = [], {}
    for k, arg in enumerate(args):
        value, node = operand(arg, trace)
        values.append(value)
        if node is not None:
            nodes[k] = node
        elif type(value) is np.ndarray:
            values[k] = trace.keep(value)
    out = rule.value(*values)
    return trace.primitive(rule, out, values, nodes)


def apply(rule: Rule, function: Callable[..., Any], args: Sequence, kwargs: dict) -> Any:
    """Apply a registered rule.

    Parameters
    ----------
    rule : Rule
        What `lookup` gave.
    function : callable
        The function that was called (one of several that share the rule).
    args, kwargs
        Its arguments, some of them boxed.
    """
    kind = type(rule)
    if kind is Elementwise:
        if kwargs:
            return _ufunc_with_options(rule, function, args, kwargs)  # type: ignore[arg-type]
        return elementwise(rule, function, args)  # type: ignore[arg-type]
    if kind is Substitute:
        return rule.resolved(*args, **kwargs)  # type: ignore[union-attr]
    if kind is Nondifferentiable:
        return _plain(function, args, kwargs)
    args, kwargs = _positional(function, args, kwargs)
    trace = top_trace(args)
    if trace is None:
        return _untraced(rule, function, args, kwargs)
    return _structured(rule, function, trace, args, kwargs)  # type: ignore[arg-type]


def elementwise(rule: Elementwise, function: Callable[..., Any], args: Sequence) -> Any:
    """Apply an elementwise rule without keyword arguments."""
    if len(args) == 1 and type(args[0]) is Scalar:
        found = of_scalar(rule, function, args[0])
        if found is not None:
            return found
    if len(args) != len(rule.partials):
        if isinstance(function, np.ufunc) and len(args) == len(rule.partials) + 1:
            return write_out(args[-1], elementwise(rule, function, args[:-1]))
        if rule.otherwise is None:
            raise TypeError(f"{_name(function)} takes {len(rule.partials)} arguments")
        return rule.otherwise(*args)
    if rule.on_complex is not None and any(dtype_of(a).kind == "c" for a in args):
        return rule.on_complex(*args)
    trace = None
    for arg in args:
        kind = type(arg)
        if kind is Scalar or (kind is Array and arg.owner is None):
            found = arg._trace
        elif kind is Array:
            found = arg.owner._trace
        else:
            continue
        if found is not None and (trace is None or found.level > trace.level):
            trace = found
    if trace is None:
        return _untraced(rule, function, args, {})
    return _elementwise_below(rule, function, args, trace)


def of_scalar(rule: Elementwise, function: Callable[..., Any], x: Scalar) -> Scalar | None:
    """Apply to one traced real number; None where the general way is needed."""
    value = x.value
    if type(value) is not float and type(value) is not np.float64:
        return None
    partials = rule.scalar_partials
    if partials is None:
        partials = scalar_partials(rule)
    if len(partials) != 1:
        return None
    out = function(value)
    if type(out) is not float and type(out) is not np.float64:
        return None
    try:
        p = partials[0](value, out)  # type: ignore[misc]
    except (ArithmeticError, ValueError, TypeError):
        p = scalar_partial_value(rule, 0, (value, out))
    trace = x._trace
    if type(trace) is ReverseTrace:
        entries = trace.entries
        entries.append((x.node, p))
        return Scalar(out, trace, len(entries) - 1)
    return trace.scalar1(out, x.node, p)


def _elementwise_below(rule: Elementwise, function: Any, args: Sequence, trace: Any) -> Any:
    values, nodes, nested = [], [], False
    needed = rule.needed
    if needed is None:
        needed = needed_arguments(rule)
    for k, arg in enumerate(args):
        kind = type(arg)
        node = None
        if kind is Array and arg.owner is None and arg._trace is trace:
            node = arg.node
            if k in needed or trace.shares_nodes:
                arg.saved = True
            arg = arg.value
            nested = nested or type(arg) is Array
        elif kind is Scalar or kind is Array:
            arg, node = operand(arg, trace)
            nested = nested or is_wrapped(arg)
        elif kind is list or kind is tuple:
            arg, node = operand(as_array(arg), trace)
            nested = nested or is_wrapped(arg)
        if node is None and type(arg) is np.ndarray and k in needed:
            arg = trace.keep(arg)
        values.append(arg)
        nodes.append(node)
    out = elementwise(rule, function, values) if nested else function(*values)
    inside = values
    if type(out) is complex or type(out) is Array:
        real = not any(dtype_of(v).kind == "c" for v in values)
        if real and dtype_of(out).kind == "c" and shape_of(out) == ():
            inside = [v + 0j for v in values]  # a root of a negative number
    return trace.elementwise(rule, out, values, nodes, inside)


def needed_arguments(rule: Elementwise) -> frozenset[int]:
    """Positions of the arguments (the output last) whose values the partials read."""
    names = [set(_read_arguments(p)) for p in rule.partials if p is not None]
    found = frozenset().union(*names)
    object.__setattr__(rule, "needed", found)
    return found


def _read_arguments(partial: Any) -> Iterator[int]:
    code = getattr(partial, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS or code.co_cellvars:
        yield from range(16)
        return
    for k, name in enumerate(code.co_varnames[: code.co_argcount]):
        if any(i.argval == name for i in dis.get_instructions(code) if "FAST" in i.opname):
            yield k


def _structured(rule: Linear | Vjp, function: Any, trace: Any, args: list, kwargs: dict) -> Any:
    values, nodes = list(args), {}
    for k, arg in enumerate(args):
        values[k], node = operand(arg, trace)
        if node is not None:
            nodes[k] = node
        elif type(values[k]) is np.ndarray:
            values[k] = trace.keep(values[k])
    _check_arguments(rule, function, nodes, kwargs)
    if any(is_wrapped(v) for v in values):
        out = apply(rule, function, values, kwargs)
    else:
        out = function(*values, **kwargs)
    if type(rule) is Vjp:
        return trace.vjp(rule, out, values, kwargs, nodes)
    assert isinstance(rule, Linear)
    (first,) = nodes if len(nodes) == 1 else (None,)
    if first == 0 and len(rule.argnums) == 1:
        if out is values[0]:
            return args[0]
        if _is_view(out, values[0]):
            op = Call(function, tuple(values[1:]), kwargs, rule.batched)
            live = op.apply(current(args[0]))
            return view(args[0], op, live)
    return trace.linear(rule, out, values, kwargs, nodes)


def _check_arguments(rule: Linear | Vjp, function: Any, nodes: dict, kwargs: dict) -> None:
    if type(rule) is Linear:
        refused = [k for k in nodes if k not in rule.argnums]
    else:
        assert isinstance(rule, Vjp)
        refused = [k for k in nodes if k >= len(rule.vjp) or rule.vjp[k] is None]
    names = [f"argument {k}" for k in refused]
    names += [f"argument {name!r}" for name, value in kwargs.items() if trace_of(value) is not None]
    if names:
        raise NotDifferentiableError(
            f"{_name(function)} has no derivative with respect to {' and '.join(names)}",
            where=user_location(),
            hint="use sciad.stop_gradient on it if the derivative is not wanted",
        )


def _is_view(out: Any, value: Any) -> bool:
    if type(out) is np.ndarray:
        return (
            out.base is not None and type(value) is np.ndarray and np.may_share_memory(out, value)
        )
    if type(out) is Array and type(value) is Array:
        root = value if value.owner is None else value.owner
        return out.owner is not None and out.owner is root
    return False


def _untraced(rule: Rule, function: Any, args: Sequence, kwargs: dict) -> Any:
    """Call with constant arrays of traced code: the result is one again."""
    out = function(
        *[unwrap_constants(a) for a in args], **{k: unwrap_constants(v) for k, v in kwargs.items()}
    )
    if type(out) is not np.ndarray:
        return out
    for arg in args:
        if type(arg) is Array:
            plain = primal_of(arg)
            if out is plain:
                return arg
            if out.base is not None and np.may_share_memory(out, plain):
                rest = tuple(unwrap_constants(a) for a in args[1:])
                together = getattr(rule, "batched", None)
                return view(arg, Call(function, rest, kwargs, together), out)
    return constant(out)


def _plain(function: Any, args: Sequence, kwargs: dict) -> Any:
    args, out = list(args), kwargs.get("out")
    if isinstance(function, np.ufunc) and len(args) > function.nin:
        out = args.pop()
    if out is None or out is Ellipsis:
        plain = [primal_of(a) for a in args]
        return constant(function(*plain, **{k: primal_of(v) for k, v in kwargs.items()}))
    rest = {k: v for k, v in kwargs.items() if k not in ("out", "where")}
    target = out[0] if type(out) is tuple else out
    result = _plain(function, args, rest)
    if kwargs.get("where", True) is not True:
        result = np.where(kwargs["where"], result, target)
    return write_out(target, result)


def _ufunc_with_options(rule: Elementwise, function: Any, args: Sequence, kwargs: dict) -> Any:
    """Elementwise call with ``out``, ``where``, ``dtype``, ``casting`` or named arguments."""
    options = dict(kwargs)
    out = options.pop("out", None)
    where = options.pop("where", True)
    dtype = options.pop("dtype", None)
    if options.pop("casting", "same_kind") is None or options.pop("subok", True) is None:
        raise TypeError("casting and subok must not be None")
    options.pop("order", None)
    if options:
        args, rest = _positional(function, args, options)
        if rest:
            raise NotDifferentiableError(
                f"{_name(function)}: the options {sorted(rest)} are not supported on traced values",
                where=user_location(),
            )
    result = elementwise(rule, function, args)
    if dtype is not None:
        result = result.astype(dtype)
    if type(out) is tuple:
        (out,) = out
    if out is None or out is Ellipsis:  # "..." asks NumPy for an array instead of a number
        if where is True:
            return result
        raise NotDifferentiableError(
            f"{_name(function)}: 'where' without 'out' leaves elements undefined",
            where=user_location(),
            hint="give out=, or use np.where",
        )
    if where is not True:
        result = np.where(where, result, out)
    return write_out(out, result)


def write_out(out: Any, result: Any) -> Any:
    """Store a result in the array the user gave as ``out``."""
    if type(out) is Array:
        store(out, Ellipsis, result)
    elif trace_of(result) is None:
        out[...] = primal_of(result)
    else:
        out[...] = result  # raises where the user's plain array would lose the derivative
    return out


def _positional(function: Any, args: Sequence, kwargs: dict) -> tuple[list, dict]:
    """Move boxed keyword arguments to their positions; drop unused ``None`` options."""
    if not any(is_wrapped(v) for v in kwargs.values()):
        return list(args), kwargs
    signature = _signature(function)
    if signature is None:
        return list(args), kwargs
    bound = signature.bind(*args, **kwargs)
    return list(bound.args), bound.kwargs


@functools.lru_cache(maxsize=512)
def _signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _name(function: Any) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__name__", None) or repr(function)
    return f"{module}.{name}" if module and module != "builtins" else name

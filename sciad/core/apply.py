"""Application of rules to traced values: strip the highest level, compute below, record above."""

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from sciad.core.adjoints import contents, in_precision
from sciad.core.adoption import is_whole
from sciad.core.buffer import constant, operand, view
from sciad.core.constants import computed, present
from sciad.core.debugging import note_cut
from sciad.core.errors import NotDifferentiableError, TracingError, user_location
from sciad.core.options import Options, write_out
from sciad.core.outsiders import by_methods, has_outsider, refuse_dtype, standing_for_arrays
from sciad.core.quick import binary, unary
from sciad.core.rules import Elementwise, Linear, Nondifferentiable, Rule, Substitute, Vjp
from sciad.core.scalars import needed_arguments, scalar_partial_value, single_partial
from sciad.core.steps import Call
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

__all__ = ["Primitive", "apply", "bind", "elementwise", "known_scalar", "of_scalar"]


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
            if isinstance(function, np.ufunc):
                return _with_options(rule, function, args, kwargs)
            if rule.otherwise is not None:  # type: ignore[union-attr]
                return rule.otherwise(*args, **kwargs)  # type: ignore[union-attr]
            args, kwargs = _all_positional(function, args, kwargs)
        return elementwise(rule, function, args)  # type: ignore[arg-type]
    if kind is Substitute and not (args and type(args[0]) is Array and args[0].tape is not None):
        result = computed(function, args, kwargs)  # type: ignore[arg-type]
        if result is not NotImplemented:
            return result
    if (kind is Substitute or kind is Linear) and rule.shortcut is not None:  # type: ignore[union-attr]
        found = rule.shortcut(*args, **kwargs)  # type: ignore[union-attr]
        if found is not None:
            return found
    if kind is Substitute:
        return rule.resolved(*args, **kwargs)  # type: ignore[union-attr]
    if kind is Nondifferentiable:
        return _plain(function, args, kwargs)
    if isinstance(function, np.ufunc) and (
        len(args) > function.nin or not _ARRAY.issuperset(kwargs)
    ):
        return _with_options(rule, function, args, kwargs)
    args, kwargs = _positional(function, args, kwargs)
    if kind is Linear:
        for k in rule.argnums:  # type: ignore[union-attr]
            if k < len(args) and type(args[k]) in (list, tuple):
                made = as_array(args[k])  # of traced values?
                if is_wrapped(made):
                    args = [*args[:k], made, *args[k + 1 :]]
    trace = top_trace(args)
    if trace is None:
        return _untraced(rule, function, args, kwargs)
    return _structured(rule, function, trace, args, kwargs)  # type: ignore[arg-type]


def elementwise(rule: Elementwise, function: Callable[..., Any], args: Sequence) -> Any:
    """Apply an elementwise rule without keyword arguments."""
    found: Any = None
    if not rule.trusted:
        pass
    elif len(args) == 2:
        if type(args[0]) is Array or type(args[1]) is Array:
            found = binary(rule, function, args[0], args[1])
    elif len(args) == 1:
        if type(args[0]) is Scalar:
            found = of_scalar(rule, function, args[0])
        elif type(args[0]) is Array:
            found = unary(rule, function, args[0])
    if found is not None:
        return found
    if len(args) != len(rule.partials):
        if isinstance(function, np.ufunc) and len(args) == len(rule.partials) + 1:
            return _with_options(rule, function, args, {})
        if rule.otherwise is not None:
            return rule.otherwise(*args)
        full = _with_defaults(function, args)
        if len(full) != len(rule.partials):
            raise TypeError(
                f"{_name(function)} is called with {len(full)} arguments, its rule is about"
                f" {len(rule.partials)}"
            )
        return elementwise(rule, function, full)
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
    outsider = has_outsider(args)
    if outsider and isinstance(function, np.ufunc):
        made = standing_for_arrays(args)
        if not has_outsider(made):
            return elementwise(rule, function, made)
    if trace is None:
        if any(type(a) in (list, tuple) for a in args):  # of traced values?
            made = [as_array(a) if type(a) in (list, tuple) else a for a in args]
            if any(map(is_wrapped, made)):
                return elementwise(rule, function, made)
        return _untraced(rule, function, args, {})
    if outsider:
        return by_methods(function, args)
    return _elementwise_below(rule, function, args, trace)


def of_scalar(rule: Elementwise, function: Callable[..., Any], x: Scalar) -> Scalar | None:
    """Apply to one traced real number; None where the general way is needed."""
    partial = rule.of_float
    if partial is None:
        partial = single_partial(rule)
    value = x.value
    if type(value) is not float:
        if type(value) is not np.float64:
            return None
        plain = float(value)
    else:
        plain = value
    if not partial:
        return None
    return known_scalar(rule, x, plain, function(value))


def known_scalar(rule: Elementwise, x: Scalar, plain: float, out: Any) -> Scalar | None:
    """Box `out`, a function of one traced real number; None where the general way is needed."""
    if type(out) is not float and type(out) is not np.float64:
        return None
    partial: Any = rule.of_float
    try:
        p = partial(plain, out if type(out) is float else float(out))
    except (ArithmeticError, ValueError, TypeError):
        p = scalar_partial_value(rule, 0, (x.value, out))
    if type(p) is not float:
        if np.iscomplexobj(p):
            return None  # a mistake in a rule, which is reported there
        p = float(p)
    return Scalar(out, x._trace.running, x.slot, x.factor * p)


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
    if nested:
        out = elementwise(rule, function, values)
    else:
        out = function(*values) if rule.trusted else _checked(function, values, {})
    inside = values
    if type(out) is complex or type(out) is Array:
        real = not any(dtype_of(v).kind == "c" for v in values)
        if real and dtype_of(out).kind == "c" and shape_of(out) == ():
            inside = [v + 0j for v in values]  # a root of a negative number
    dtype = dtype_of(out)
    if dtype.kind in "mMO":
        refuse_dtype(function, dtype)
    if dtype.kind in "fc" and any(getattr(v, "dtype", dtype) is not dtype for v in values):
        pairs = zip(inside, rule.partials, strict=True)
        inside = [v if p is None else in_precision(v, dtype) for v, p in pairs]
    result = trace.elementwise(rule, out, values, nodes, inside)
    if not rule.trusted:
        _tie(result, out, args, values)
    return result


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
    elif rule.trusted:
        out = function(*values, **kwargs)
    else:
        out = _checked(function, values, kwargs)
    if type(rule) is Vjp:
        result = trace.vjp(rule, out, values, kwargs, nodes)
        if not rule.trusted:
            _tie(result, out, args, values)
        return result
    assert isinstance(rule, Linear)
    (first,) = nodes if len(nodes) == 1 else (None,)
    if first == 0 and len(rule.argnums) == 1 and type(args[0]) is Array:
        if out is values[0]:
            return args[0]
        source = current(args[0])
        if values[0] is not source or _is_view(out, source):
            # the operand may be a copy with elements in another order: look at the memory itself
            op = Call(function, tuple(values[1:]), kwargs, rule.batched)
            live = op.apply(source)
            if _is_view(live, source):
                return view(args[0], op, live)
    return trace.linear(rule, out, values, kwargs, nodes)


def _checked(function: Any, values: Sequence, kwargs: dict) -> Any:
    """Call a function of the user with plain values, into which it must not write."""
    before = [contents(v) if type(v) is np.ndarray else None for v in values]
    out = function(*values, **kwargs)
    for k, (value, known) in enumerate(zip(values, before, strict=True)):
        if known is not None and contents(value) != known:
            raise TracingError(
                f"{_name(function)} has a differentiation rule and writes into its argument {k},"
                " which a rule cannot describe",
                where=user_location(),
                hint="give the rule to a function that works on a copy and returns it",
            )
    held = type(out) is np.ndarray and (sys.getrefcount(out) > 2 or not is_whole(out))
    if held and not any(type(v) is np.ndarray and np.may_share_memory(out, v) for v in values):
        return out.copy("K")  # the function has kept it, and may write into it again
    return out


def _tie(result: Any, out: Any, args: Sequence, values: Sequence) -> None:
    """Let writes raise if a result has the memory of an argument: they would not reach it."""
    out, values = primal_of(out), [primal_of(v) for v in values]
    if type(out) is not np.ndarray:
        return
    for arg, value in zip(args, values, strict=True):
        if type(value) is np.ndarray and np.may_share_memory(out, value):
            for box in (result, arg):
                if type(box) is Array:
                    root = box if box.owner is None else box.owner
                    root.shared, root.owned = True, False


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
    if type(rule) is Elementwise or type(rule) is Linear:  # they keep nothing
        plain = [present(a) if type(a) is Array else unwrap_constants(a) for a in args]
    else:
        plain = [unwrap_constants(a) for a in args]
    plain_options = {k: unwrap_constants(v) for k, v in kwargs.items()}
    if getattr(rule, "trusted", True):
        out = function(*plain, **plain_options)
    else:
        out = _checked(function, plain, plain_options)
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
    if getattr(function, "__module__", None) == "_operator" and has_outsider(args):
        return by_methods(function, args)
    note_cut(function, args)
    args, kwargs = _out_by_name(function, list(args), kwargs)
    out = kwargs.get("out")
    if out is None or out is Ellipsis:
        plain = [primal_of(a) for a in args]
        return constant(function(*plain, **{k: primal_of(v) for k, v in kwargs.items()}))
    masked = isinstance(function, np.ufunc) and kwargs.get("where", True) is not True
    rest = {k: v for k, v in kwargs.items() if k != "out" and not (masked and k == "where")}
    target = out[0] if type(out) is tuple else out
    result = _plain(function, args, rest)
    if masked:
        result = np.where(kwargs["where"], result, target)
    return write_out(target, result)


def _out_by_name(function: Any, args: list, kwargs: dict) -> tuple[list, dict]:
    """Name the arguments from ``out`` on, as in ``np.round(x, 0, out)``."""
    if isinstance(function, np.ufunc):
        return (
            (args[:-1], {**kwargs, "out": args[-1]}) if len(args) > function.nin else (args, kwargs)
        )
    signature = _signature(function) if len(args) > 1 else None
    names = [] if signature is None else list(signature.parameters)
    if "out" not in names[: len(args)]:
        return args, kwargs
    place = names.index("out")
    return args[:place], {**kwargs, **dict(zip(names[place:], args[place:], strict=False))}


def _with_options(rule: Rule, function: Any, args: Sequence, kwargs: dict) -> Any:
    """Apply a rule of a ufunc called with ``out``, ``where``, ``dtype``, ... ."""
    options = Options(function, args, kwargs)
    if type(rule) is not Elementwise:
        return options.finish(apply(rule, function, options.args, options.rest))
    if options.rest:
        raise TypeError(
            f"{function.__name__}() got an unexpected keyword argument '{next(iter(options.rest))}'"
        )
    return options.finish(elementwise(rule, function, options.args))


#: Options of generalised ufuncs that say where the vectors are; rules of these know them.
_ARRAY = frozenset({"axis", "axes", "keepdims"})


def _all_positional(function: Any, args: Sequence, kwargs: dict) -> tuple[list, dict]:
    """Move all keyword arguments of an elementwise function to their positions."""
    signature = _signature(function)
    if signature is not None:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if not bound.kwargs:
            return list(bound.args), {}
    raise NotDifferentiableError(
        f"{_name(function)}: the options {sorted(kwargs)} are not supported on traced values",
        where=user_location(),
        hint="pass its arguments by position",
    )


def _with_defaults(function: Any, args: Sequence) -> Sequence:
    """Give the arguments, followed by the default values of those that are left out."""
    signature = None if isinstance(function, np.ufunc) else _signature(function)
    if signature is None:
        return args
    bound = signature.bind(*args)
    bound.apply_defaults()
    return bound.args


def _positional(function: Any, args: Sequence, kwargs: dict) -> tuple[list, dict]:
    """Move boxed keyword arguments, and lists of boxed values, to their positions."""
    if not any(
        is_wrapped(v) or (type(v) is list and is_wrapped(as_array(v))) for v in kwargs.values()
    ):
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

"""The options of a ufunc: ``out``, ``where``, ``dtype``, ``casting``, ``order``, ``signature``.

They are taken apart before the rule of the function is applied, and done afterwards to what it
gave: a rule knows the function only.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sciad.core.buffer import constant, refuse_plain, store
from sciad.core.tracer import (
    Array,
    Scalar,
    as_array,
    dtype_of,
    is_wrapped,
    primal_of,
    shape_of,
    top_trace,
    trace_of,
)

__all__ = ["Options", "check_casting", "write_out"]

_WEAK = (float, int, complex)


class Options:
    """A call of a ufunc, its options read.

    Parameters
    ----------
    ufunc : numpy.ufunc
        What is called.
    args : sequence
        Its arguments; outputs may follow the inputs.
    kwargs : dict
        Its options.

    Attributes
    ----------
    args : list
        Inputs to call the rule with: of the types that were asked for, and only where ``where``
        says so (then arrays with one axis).
    rest : dict
        Options that are left for the rule (``axes``, ``axis``, ``keepdims``).
    """

    def __init__(self, ufunc: np.ufunc, args: Sequence, kwargs: dict) -> None:
        rest = dict(kwargs)
        self.ufunc = ufunc
        self.args = list(args[: ufunc.nin])
        self.outs = _outputs(ufunc, args, rest.pop("out", None))
        if any(type(out) is np.ndarray for out in self.outs):
            self._refuse_plain()
        self.casting = rest.pop("casting", "same_kind")
        self.order = rest.pop("order", "K")
        self._check(args, kwargs)
        rest.pop("subok", None)
        where = primal_of(rest.pop("where", True))
        types = [rest.pop(name) for name in ("signature", "sig", "dtype") if name in rest]
        self.types = [t for t in types if t is not None]
        self.rest = rest
        self.dtypes: tuple | None = self._resolved() if self.types else None
        self.layout = [flags for a in self.args if (flags := _flags(a)) is not None]
        self.mask: np.ndarray | None = None
        if where is not True:
            self._select(np.asarray(where, bool))

    def _refuse_plain(self) -> None:
        """Raise before anything is computed where a plain array would get a traced value."""
        if top_trace(self.args) is not None:
            for out in self.outs:
                if type(out) is np.ndarray:
                    refuse_plain(out)

    def _check(self, args: Sequence, kwargs: dict) -> None:
        """Let NumPy raise what it raises, on nothing."""
        nin, plain = self.ufunc.nin, {k: v for k, v in kwargs.items() if k in _HARMLESS}
        if (
            len(args) < nin
            or None in plain.values()
            or self.casting not in _CASTINGS
            or self.order not in _ORDERS
        ):
            self.ufunc(*[primal_of(a) for a in args], **plain)

    def _resolved(self) -> tuple:
        """Types of inputs and outputs of the loop that NumPy would choose."""
        kinds = [type(primal_of(a)) for a in self.args]  # numbers of Python are weak
        given = [
            kind if kind in _WEAK else dtype_of(as_array(a))
            for kind, a in zip(kinds, self.args, strict=True)
        ]
        (asked,) = self.types
        if not isinstance(asked, str | tuple) or (isinstance(asked, str) and "->" not in asked):
            asked = (None,) * self.ufunc.nin + (np.dtype(asked),) * self.ufunc.nout
        blank = (None,) * self.ufunc.nout
        found = self.ufunc.resolve_dtypes((*given, *blank), signature=asked, casting=self.casting)
        self.args = [
            _converted(a, t) for a, t in zip(self.args, found[: self.ufunc.nin], strict=True)
        ]
        return found

    def _select(self, where: np.ndarray) -> None:
        shapes = [shape_of(a) for a in self.args] + [shape_of(o) for o in self.outs if _is_given(o)]
        full = np.broadcast_shapes(where.shape, *shapes)
        mask = self.mask = np.broadcast_to(where, full)
        self.args = [
            a if not shape_of(as_array(a)) else np.broadcast_to(as_array(a), full)[mask]
            for a in self.args
        ]

    def finish(self, result: Any) -> Any:
        """Give a result, or the tuple of them, as the options say."""
        if self.ufunc.nout == 1:
            return self._finish_one(result, self.outs[0], 0)
        return tuple(
            self._finish_one(r, out, k)
            for k, (r, out) in enumerate(zip(result, self.outs, strict=True))
        )

    def _finish_one(self, result: Any, out: Any, k: int) -> Any:
        if self.dtypes is not None and dtype_of(result) != self.dtypes[self.ufunc.nin + k]:
            result = result.astype(self.dtypes[self.ufunc.nin + k])
        if _is_given(out):
            check_casting(self.ufunc, result, out, self.casting)
        if self.mask is not None:
            return self._masked(result, out, self.mask)
        if not _is_given(out):
            return self._in_order(result)
        return write_out(out, result)

    def _masked(self, result: Any, out: Any, mask: np.ndarray) -> Any:
        """Write where the mask says so; without ``out`` the other elements mean nothing."""
        if not _is_given(out):
            out = constant(np.zeros(mask.shape, dtype_of(result)))
        if shape_of(out) != mask.shape:
            _refuse_shape(shape_of(out), mask.shape)
        if mask.any():
            _put(out, mask if mask.ndim else Ellipsis, result)
        return out if shape_of(out) or not is_wrapped(out) else out[()]

    def _in_order(self, result: Any) -> Any:
        order = self.order
        if order == "K" or len(shape_of(result)) < 2:
            return result
        if order == "A":
            order = "F" if self.layout and all(f.fnc for f in self.layout) else "C"
        flags = _flags(result)
        if flags is None or (flags.c_contiguous if order == "C" else flags.f_contiguous):
            return result
        return np.copy(result, order=order)


_CASTINGS = frozenset({"no", "equiv", "safe", "same_kind", "unsafe", "same_value"})
_ORDERS = frozenset("CFAKcfak")
_HARMLESS = frozenset({"casting", "order", "subok"})


def _flags(a: Any) -> Any:
    return getattr(primal_of(a), "flags", None) if type(a) not in _WEAK else None


def _is_given(out: Any) -> bool:
    """Whether an output array was given ("..." asks for an array instead of a number)."""
    return out is not None and out is not Ellipsis


def _outputs(ufunc: np.ufunc, args: Sequence, out: Any) -> tuple:
    """Output arrays, one entry for each output of the ufunc."""
    positional = tuple(args[ufunc.nin :])
    if positional and out is not None:
        raise TypeError("cannot specify 'out' as both a positional and keyword argument")
    if len(positional) > ufunc.nout:
        raise TypeError(
            f"{ufunc.__name__}() takes from {ufunc.nin} to {ufunc.nargs} positional arguments but"
            f" {len(args)} were given"
        )
    if type(out) is tuple:
        if len(out) != ufunc.nout:
            raise ValueError("The 'out' tuple must have exactly one entry per ufunc output")
        return out
    if out is not None and ufunc.nout > 1 and out is not Ellipsis:
        raise TypeError("'out' must be a tuple of arrays")
    given = positional if positional else (out,)
    return given + ((given[0] if out is Ellipsis else None),) * (ufunc.nout - len(given))


def _converted(a: Any, dtype: np.dtype) -> Any:
    a = as_array(a)
    if dtype_of(a) == dtype:
        return a
    return a.astype(dtype)


def _refuse_shape(given: tuple, needed: tuple) -> None:
    raise ValueError(
        f"non-broadcastable output operand with shape {given} doesn't match the broadcast shape"
        f" {needed}"
    )


def check_casting(ufunc: Any, result: Any, out: Any, casting: Any = "same_kind") -> None:
    """Raise as NumPy does where an output array cannot take a result."""
    if not np.can_cast(dtype_of(result), dtype_of(out), casting):
        sample = np.zeros((), dtype_of(result))
        np.positive(sample, out=np.zeros((), dtype_of(out)), casting=casting)
        raise TypeError(f"cannot cast the result of {ufunc} to {dtype_of(out)}")


def _put(out: Any, index: Any, result: Any) -> None:
    if type(out) is Array:
        store(out, index, result)
    elif trace_of(result) is None:
        out[index] = primal_of(result)
    else:
        out[index] = result  # raises where the user's plain array would lose the derivative


def write_out(out: Any, result: Any) -> Any:
    """Store a result in the array the user gave as ``out``."""
    if type(out) is Scalar:
        raise TypeError("return arrays must be of ArrayType")
    given, needed = shape_of(out), shape_of(result)
    if given != needed and np.broadcast_shapes(given, needed) != given:
        _refuse_shape(given, needed)
    _put(out, Ellipsis, result)
    return out

"""Cotangents in which some elements are zero because a selection dropped them.

``np.where(x > 0, np.log(x), 0)`` does not depend on ``log(x)`` where ``x`` is not positive,
whatever the slope of the logarithm is there: zero times an infinite slope is zero at these
elements, and nowhere else. A sweep that ends in NaN is repeated with cotangents that know which
elements these are. They know it through elementwise functions and sums over axes.
"""

from typing import Any

import numpy as np

from sciad.core.adjoints import ZERO
from sciad.core.tracer import is_wrapped, primal_of

__all__ = ["Masked", "dead", "selected"]

_PRODUCTS = frozenset({np.multiply, np.divide, np.negative, np.conjugate, np.positive})


class Masked(np.ndarray):
    """An array with elements that stay zero under multiplication (`mask`)."""

    mask: Any

    def __array_finalize__(self, source: Any) -> None:
        self.mask = None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [np.asarray(x) if type(x) is Masked else x for x in inputs]
        out = kwargs.get("out")
        if out is not None:
            kwargs["out"] = tuple(np.asarray(x) if type(x) is Masked else x for x in out)
        result = getattr(ufunc, method)(*plain, **kwargs)
        mask = None if out is not None else _mask_after(ufunc, method, inputs, kwargs)
        return result if mask is None else masked(np.asarray(result), mask)


def masked(values: np.ndarray, mask: Any) -> Any:
    """Array that is zero, and stays so, where `mask` says."""
    mask = np.broadcast_to(mask, values.shape)
    made = np.where(mask, 0.0, values).astype(values.dtype).view(Masked)
    made.mask = mask
    return made


def _mask_after(ufunc: Any, method: str, inputs: tuple, kwargs: dict) -> Any:
    """Which elements of a result are dead; None if that is not known."""
    masks: list[Any] = [x.mask if type(x) is Masked else None for x in inputs]
    if method == "__call__" and ufunc in _PRODUCTS:
        present = [m for m in masks if m is not None]
        return np.logical_or.reduce(np.broadcast_arrays(*present)) if present else None
    if ufunc is np.add and any(x is ZERO for x in inputs):  # the first of the cotangents
        return next(m for m, x in zip(masks, inputs, strict=True) if x is not ZERO)
    if any(m is None for m in masks):
        return None
    if method == "__call__" and ufunc in (np.add, np.subtract):
        return np.logical_and(*masks)
    if method == "reduce" and ufunc is np.add:
        options = {k: v for k, v in kwargs.items() if k in ("axis", "keepdims")}
        return np.logical_and.reduce(masks[0], **options)
    return None


def dead(cotangent: Any, dropped: Any) -> Any:
    """Cotangent that is zero where its argument is dropped."""
    if cotangent is None or dropped is None:
        return cotangent
    if is_wrapped(cotangent):
        return np.where(dropped, 0.0, cotangent)
    return masked(np.asarray(cotangent), dropped)


def selected(g: Any, partial: Any) -> Any:
    """Cotangent of an argument of a selection; its partial derivative is 0 where it is dropped."""
    return dead(g * partial, primal_of(partial) == 0)

"""Piecewise linear interpolation."""

import numpy as np

from sciad.core.apply import bind
from sciad.core.rules import substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of, trace_of
from sciad.rules.shape import put

__all__: list[str] = []


class Interpolation:
    """``np.interp`` with the values on both sides given.

    In a cell, out = f0 + w (f1 - f0) with w = (x - x0) / (x1 - x0).
    """

    name = "interp"

    def __init__(self, wanted):
        self.wanted = wanted  # which arguments are traced

    def value(self, x, xp, fp, left, right):
        args = (x, xp, fp, left, right)
        return bind(self, *args) if any(map(is_wrapped, args)) else np.interp(*args)

    @staticmethod
    def _cell(x, xp, fp):
        """Find the ends of the cells, whether a point is inside the table, weight and slope."""
        plain, points = primal_of(x), primal_of(xp)
        last = shape_of(xp)[0] - 1
        start = np.clip(np.searchsorted(points, plain, side="right") - 1, 0, max(last - 1, 0))
        end = np.minimum(start + 1, last)
        inside = (plain >= points[0]) & (plain <= points[-1])
        empty = points[end] == points[start]  # one point, or the last given twice
        width = np.where(empty, 1.0, xp[end] - xp[start])
        w = np.where(empty, 1.0, (x - xp[start]) / width)
        slope = np.where(empty, 0.0, (fp[end] - fp[start]) / width)
        return start, end, inside, w, slope

    def jvp(self, tangents, out, x, xp, fp, left, right):
        start, end, inside, w, slope = self._cell(x, xp, fp)
        rows = next(len(t) for t in tangents if t is not None)
        t, tp, tf, tl, tr = (np.zeros(rows) if s is None else s for s in tangents)
        tl, tr, t = (
            np.reshape(s, (rows, *(1,) * len(shape_of(x)))) if shape_of(s) == (rows,) else s
            for s in (tl, tr, t)
        )
        total = slope * t + np.zeros((rows, *shape_of(x)))
        if tangents[1] is not None:
            total = total - slope * ((1.0 - w) * tp[:, start] + w * tp[:, end])
        if tangents[2] is not None:
            total = total + (1.0 - w) * tf[:, start] + w * tf[:, end]
        below = primal_of(x) < primal_of(xp)[0]
        return np.where(inside, total, np.where(below, tl, tr))

    def vjp(self, g, out, x, xp, fp, left, right):
        start, end, inside, w, slope = self._cell(x, xp, fp)
        g_in = np.where(inside, g, 0.0)
        gx = np.real(np.conjugate(slope) * g_in)
        of_xp = of_fp = None
        below = primal_of(x) < primal_of(xp)[0]
        above = primal_of(x) > primal_of(xp)[-1]
        shape = shape_of(xp)
        if self.wanted[1]:
            of_xp = put(shape, start, (w - 1.0) * gx) + put(shape, end, -w * gx)
        if self.wanted[2]:
            of_fp = put(shape, start, (1.0 - w) * g_in) + put(shape, end, w * g_in)
        return (
            gx,
            of_xp,
            of_fp,
            np.sum(np.where(below, g, 0.0)),
            np.sum(np.where(above, g, 0.0)),
        )


@substitute(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    """``np.interp``: piecewise linear in `x`, differentiable in all that is no integer."""
    x, xp, fp = np.real(_double(x)), np.real(_double(xp)), _double(fp)
    if period is not None:
        if primal_of(period) == 0:
            raise ValueError("period must be a non-zero value")
        period, left, right = np.abs(period), None, None
        x, xp = x % period, xp % period
        order = np.argsort(primal_of(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    if shape_of(xp) != shape_of(fp) or shape_of(xp) == (0,):
        return np.interp(primal_of(x), primal_of(xp), primal_of(fp))  # raises
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right
    args = (x, xp, fp, left, right)
    return bind(Interpolation([trace_of(a) is not None for a in args]), *args)


def _double(a):
    a = as_array(a)
    kind = np.complex128 if dtype_of(a).kind == "c" else np.float64
    return a if dtype_of(a) == kind else a.astype(kind)

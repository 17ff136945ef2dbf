r"""The accepted steps run again in Python, on any values.

The step sizes of an integration that has been done are kept, and every step is computed anew with
array operations: on values traced by any number of transformations in any order (Hessians, mixed
modes), or on complex values. The result is what the kernels compute, operation for operation.

The grid is frozen relative to the span: :math:`t_i = t_0 + \sigma_i (t_1 - t_0)` with fixed
:math:`\sigma_i`. Traced ends of the span therefore move the whole grid, and traced save times move
within their step; both derivatives are exact for the numerical solution.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sciad.core.dispatch import call

__all__ = ["Grid", "advance", "replay"]


class Grid:
    """Accepted steps of an integration, relative to the span.

    Parameters
    ----------
    starts, lengths : ndarray, shape (N,)
        Start times and lengths of the steps.
    t0, t1 : float
        The span.
    """

    def __init__(self, starts: np.ndarray, lengths: np.ndarray, t0: float, t1: float) -> None:
        self.starts, self.lengths = starts, lengths
        self.t0, self.t1 = t0, t1

    def times(self, t0: Any, t1: Any) -> tuple[list[Any], list[Any]]:
        """Return start times and lengths of the steps for (traced) ends of the span."""
        if type(t0) is float and type(t1) is float:
            return self.starts.tolist(), self.lengths.tolist()
        span, now = self.t1 - self.t0, t1 - t0
        starts = [t0 + float((start - self.t0) / span) * now for start in self.starts]
        return starts, [float(length / span) * now for length in self.lengths]

    def ends(self, t0: Any, t1: Any) -> list[Any]:
        """Return the start and the ends of all steps."""
        starts, _ = self.times(t0, t1)
        return [*starts, t1] if starts else [t0, t1]

    def segments(self, times: np.ndarray) -> list[int]:
        """Return the step in which each of the plain `times` lies; -1 for the start."""
        sign = 1.0 if self.t1 >= self.t0 else -1.0
        return (np.searchsorted(sign * self.starts, sign * times, side="left") - 1).tolist()


def replay(
    slope: Callable[[Any, Any], Any],
    y0: Any,
    grid: Grid,
    tableau: Any,
    plain_times: np.ndarray,
    times: Sequence[Any] | None = None,
    span: tuple[Any, Any] | None = None,
) -> Any:
    """Compute the states at the save times.

    Parameters
    ----------
    slope : callable
        ``slope(t, y)``, the model with its (traced, complex) parameters.
    y0 : array_like, shape (n,)
        Initial state; a traced or complex array, or a list of traced scalars.
    grid : Grid
        The accepted steps.
    tableau : ExplicitTableau
        The method.
    plain_times : ndarray, shape (m,)
        Save times without derivatives, sorted in the direction of integration.
    times : sequence, optional
        The same times, traced.
    span : tuple, optional
        Traced ends of the span.

    Returns
    -------
    ndarray or traced array, shape (n, m)
    """
    t0, t1 = span if span is not None else (grid.t0, grid.t1)
    starts, lengths = grid.times(t0, t1)
    wanted: dict[int, list[int]] = {}
    for column, segment in enumerate(grid.segments(plain_times)):
        wanted.setdefault(segment, []).append(column)
    exact = plain_times.tolist()
    targets = exact if times is None else list(times)
    moving = times is not None or span is not None
    columns: list[Any] = [None] * len(exact)
    y = call(np.array, y0) if isinstance(y0, list) else y0
    k = slope(t0, y)
    for column in wanted.get(-1, ()):
        # Before the first step only the start itself can be asked for.
        columns[column] = y + (targets[column] - t0) * k if moving else y
    for i, (t, h) in enumerate(zip(starts, lengths, strict=True)):
        end = starts[i + 1] if i + 1 < len(starts) else t1
        plain_end = grid.starts[i + 1] if i + 1 < len(starts) else grid.t1
        slopes, y_new = advance(slope, t, h, end, y, k, tableau)
        for column in wanted.get(i, ()):
            if exact[column] == plain_end and not moving:
                columns[column] = y_new
            else:
                theta = (targets[column] - t) / h
                columns[column] = y + h * _combine(_dense_weights(tableau, theta), slopes)
        y, k = y_new, slopes[-1]
    return call(np.stack, columns, 1) if columns else np.zeros((len(y), 0))


def advance(
    slope: Callable[[Any, Any], Any], t: Any, h: Any, end: Any, y: Any, first: Any, tableau: Any
) -> tuple[list[Any], Any]:
    """Compute one step from (t, y) to `end`; return its slopes and the new state.

    `first` is the slope at the start if it is known, else None.
    """
    slopes, w = [slope(t, y) if first is None else first], y
    for j in range(1, tableau.stages):
        w = y + h * _combine(tableau.a[j, :j].tolist(), slopes)
        slopes.append(slope(end if tableau.c[j] == 1.0 else t + float(tableau.c[j]) * h, w))
    return slopes, w


def _combine(weights: Sequence[Any], slopes: Sequence[Any]) -> Any:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        total = total + weight * slope
    return total


def _dense_weights(tableau: Any, theta: Any) -> list[Any]:
    weights = []
    for row in tableau.dense.tolist():
        value = row[-1]
        for coefficient in reversed(row[:-1]):
            value = value * theta + coefficient
        weights.append(value * theta)
    return weights

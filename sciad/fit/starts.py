"""Start points of a multi-start fit."""

import numpy as np

from sciad.core.errors import InputError
from sciad.fit.parameters import Parameters

__all__ = ["draw_starts"]

SPARES = 5  # spare points for each start wanted, in the place of starts that cannot be evaluated


def draw_starts(
    params: Parameters, n_starts: int, seed: int | np.random.Generator | None
) -> np.ndarray:
    """Start points on the optimisation axes; the first is the table's, the last are spare ones.

    Returns
    -------
    ndarray, shape (1, n_free) or (n_starts * (1 + SPARES), n_free)
        Latin hypercubes between the bounds, uniform on each axis.

    Raises
    ------
    sciad.InputError
        If several starts are wanted and a free parameter lacks a finite bound on its axis.
    """
    first = params.axis_values()[None, :]
    if n_starts == 1:
        return first
    lower, upper = params.axis_bounds()
    for name, low, high in zip(params.free, lower, upper, strict=True):
        if not (np.isfinite(low) and np.isfinite(high)):
            row = params[name]
            raise InputError(
                f"n_starts = {n_starts} draws starts between the bounds, but parameter {name!r} "
                f"has bounds [{row.min:g}, {row.max:g}] on a {row.scale} scale",
                hint="give it finite bounds (min > 0 on a logarithmic scale)",
            )
    from scipy.stats import qmc  # takes a while to import, and is needed only here

    try:
        generator = np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise InputError(
            f"seed must be an integer, 0 or more, or a numpy Generator, got {seed!r}"
        ) from None
    sampler = qmc.LatinHypercube(d=len(params.free), seed=generator)
    drawn = [qmc.scale(sampler.random(n_starts), lower, upper) for _ in range(1 + SPARES)]
    return np.concatenate([first, *drawn])[: n_starts * (1 + SPARES)]

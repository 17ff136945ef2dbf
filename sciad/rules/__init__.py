"""The mathematics: differentiation rules, one file for each area of NumPy.

Importing this package registers the rules. Choices at points without a derivative:

- ``abs`` at 0: 0; ``max`` and ``min`` (also elementwise) at a tie: shared equally;
- ``sqrt`` at 0, and ``x**p`` with ``p < 1`` at 0: infinite; ``x**0``: 0; ``0**p`` to ``p``: 0;
- a 2-norm, a standard deviation, ``hypot`` at 0: 0; ``clip`` at a bound: that of the element;
- a running extremum at a tie: that of the element that reached it first;
- ``sort`` and ``unique``: of equal elements each keeps its own place, the first is the unique one;
- a quantile to its level: that to the right; ``where``, ``nan_to_num`` and functions that leave
  out NaN: 0 for what is not taken, whatever its own derivative is.
"""

import importlib

from sciad.rules import (
    builtin,
    concatenator,
    constructors,
    contexts,
    contract,
    copies,
    covariance,
    decompositions,
    deferred,
    einsum,
    elementwise,
    extrema,
    fft,
    functional,
    index,
    integrate,
    interpolate,
    joining,
    linalg,
    messages,
    nondiff,
    norms,
    optimize,
    order,
    parts,
    quantiles,
    random,
    reduce,
    refused,
    samples,
    shape,
    signal,
    standard,
    statistics,
    threads,
    ufunc_methods,
    windows,
    writes,
)
from sciad.rules.aliases import register_implementations

__all__ = [
    "builtin",
    "concatenator",
    "constructors",
    "contexts",
    "contract",
    "copies",
    "covariance",
    "decompositions",
    "deferred",
    "einsum",
    "elementwise",
    "extrema",
    "fft",
    "functional",
    "index",
    "integrate",
    "interpolate",
    "joining",
    "linalg",
    "messages",
    "nondiff",
    "norms",
    "optimize",
    "order",
    "parts",
    "quantiles",
    "random",
    "reduce",
    "refused",
    "samples",
    "shape",
    "signal",
    "standard",
    "statistics",
    "threads",
    "ufunc_methods",
    "windows",
    "writes",
]

importlib.import_module("sciad.rules.shortcuts")  # shortcuts of rules that are there by now
register_implementations()

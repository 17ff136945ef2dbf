"""The mathematics: differentiation rules, one file for each area of NumPy.

Importing this package registers the rules. Choices at points without a derivative:

- ``abs`` at 0: 0; ``max`` and ``min`` (also elementwise) at a tie: shared equally;
- ``sqrt`` at 0, and ``x**p`` with ``p < 1`` at 0: infinite; ``x**0``: 0; ``0**p`` to ``p``: 0;
- a 2-norm, a standard deviation, ``hypot`` at 0: 0; ``clip`` at a bound: that of the element.
"""

from sciad.rules import (
    builtin,
    constructors,
    contract,
    elementwise,
    index,
    integrate,
    linalg,
    nondiff,
    reduce,
    shape,
)
from sciad.rules.aliases import register_implementations

__all__ = [
    "builtin",
    "constructors",
    "contract",
    "elementwise",
    "index",
    "integrate",
    "linalg",
    "nondiff",
    "reduce",
    "shape",
]

register_implementations()

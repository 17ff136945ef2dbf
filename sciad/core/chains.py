"""Arrays of an expression that is being written out, and how their derivatives are written.

A chain is what several operations have made of one array on the tape: numbers in its derivative
that meet are multiplied when the function is written, all else when the tape is swept.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from sciad.core.formulas import UnfitError

__all__ = ["Chain", "Factor"]

_TINY = 1e-100
#: Code for the sweep, and the names in it.
Factor = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Chain:
    """An array, and its derivative by the array that has a slot.

    Attributes
    ----------
    code : str
        Its value.
    slot : str
        Slot of the other array.
    shape : object
        Equal for arrays that are known to have one shape.
    number : float
        The derivative is this number, which a cotangent meets first but for its sign...
    factors : tuple of float or (code, names)
        times these, the last one first: code for the sweep, and the names of what it reads.
    leaf : int or None
        The parameter that it is.
    """

    code: str
    slot: str
    shape: Any
    number: float = 1.0
    factors: tuple[float | Factor, ...] = ()
    leaf: int | None = None

    def times(self, number: float, *factors: Factor) -> "Chain":
        """Add factors to the derivative.

        Numbers meet each other, but no other factor: what overflows would depend on the order.
        """
        product = self.number * number
        if not _TINY < abs(product) < 1.0 / _TINY:
            raise UnfitError
        if not factors or abs(product) == 1.0:
            return replace(self, number=product, factors=(*self.factors, *factors))
        inner = (*self.factors, abs(product), *factors)
        return replace(self, number=math.copysign(1.0, product), factors=inner)

    def codes(self) -> list[Factor]:
        """Give the factors that are no numbers."""
        return [factor for factor in self.factors if not isinstance(factor, float)]

    def ready(self) -> str | None:
        """Name of the derivative, if it has one."""
        if len(self.factors) != 1 or self.number != 1.0:
            return None
        (factor,) = self.factors
        return None if isinstance(factor, float) or factor[1] != factor[:1] else factor[0]

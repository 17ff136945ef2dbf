"""Arrays of an expression that is being written out, and how their derivatives are written.

A chain is what several operations have made of one array on the tape: the numbers in its derivative
are multiplied when the function is written, the other factors when the tape is swept.
"""

from dataclasses import dataclass, replace
from typing import Any

from sciad.core.formulas import UnfitError

__all__ = ["Chain"]

_TINY = 1e-100


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
        The derivative is this number...
    factors : tuple of (code, names)
        times these: code for the sweep, and the names of what it reads.
    leaf : int or None
        The parameter that it is.
    """

    code: str
    slot: str
    shape: Any
    number: float = 1.0
    factors: tuple[tuple[str, tuple[str, ...]], ...] = ()
    leaf: int | None = None

    def times(self, number: float, *factors: tuple[str, tuple[str, ...]]) -> "Chain":
        """Add factors to the derivative."""
        product = self.number * number
        if not _TINY < abs(product) < 1.0 / _TINY:
            raise UnfitError  # whether something overflows may depend on the order of the factors
        return replace(self, number=product, factors=(*self.factors, *factors))

    def ready(self) -> str | None:
        """Name of the derivative, if it has one."""
        if len(self.factors) != 1 or self.number != 1.0:
            return None
        ((code, names),) = self.factors
        return code if names == (code,) else None

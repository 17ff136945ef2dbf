"""Whether a derivative of a complex function is a complex number: the Cauchy-Riemann equations."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sciad.core.errors import InputError
from sciad.core.tracer import dtype_of, primal_of

__all__ = ["check_complex", "check_holomorphic", "satisfies_cauchy_riemann"]


def check_complex(leaves: Sequence[Any], paths: Sequence[str], what: str, role: str) -> None:
    """Raise `InputError` where ``holomorphic=True`` meets real numbers."""
    for leaf, path in zip(leaves, paths, strict=True):
        if dtype_of(leaf).kind != "c":
            raise InputError(
                f"{what}: holomorphic=True needs complex numbers, but {role} {path} is"
                f" {dtype_of(leaf)}",
                hint="convert it to complex, or leave holomorphic out",
            )


def satisfies_cauchy_riemann(along_one: Any, along_i: Any) -> bool:
    """Whether a derivative along the imaginary axis is i times that along the real axis."""
    one, turned = np.asarray(primal_of(along_one)), np.asarray(primal_of(along_i))
    with np.errstate(all="ignore"):
        difference = np.abs(turned - 1j * one)
        limit = 1e4 * np.finfo(one.dtype).eps * np.max(np.abs(one) + np.abs(turned), initial=0.0)
        return not np.any(difference > limit)


def check_holomorphic(along_one: Sequence[Any], along_i: Sequence[Any], what: str) -> None:
    """Raise `InputError` if some derivatives do not satisfy the Cauchy-Riemann equations."""
    for one, turned in zip(along_one, along_i, strict=True):
        if not satisfies_cauchy_riemann(one, turned):
            raise InputError(
                f"{what} is not holomorphic at this point: its derivative depends on the direction",
                hint="return a real number such as abs(z)**2 and take its gradient, or use"
                " sciad.jvp and sciad.vjp, which hold for any function of complex numbers",
            )

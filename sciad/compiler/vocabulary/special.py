"""Functions of scipy.special that have a compiled form.

SciPy is not imported for them: a function of `scipy.special` can only be met once somebody else has
done that.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

__all__ = ["MODULE", "callables_of", "name_of"]

#: What emitted code calls the module of the functions that neither math nor NumPy has.
MODULE = "special"

_NAMES = {
    "expit": (MODULE, "expit"),
    "log_expit": (MODULE, "log_expit"),
    "erf": ("math", "erf"),
    "erfc": ("math", "erfc"),
    "expm1": ("math", "expm1"),
    "log1p": ("math", "log1p"),
    "exp2": ("np", "exp2"),
}


def name_of(function: Any) -> tuple[str, str] | None:
    """Name in compiled code of a function of scipy.special, None if it has none."""
    module = sys.modules.get("scipy.special")
    if module is None or not isinstance(function, np.ufunc):
        return None
    name = _NAMES.get(function.__name__)
    return name if getattr(module, function.__name__, None) is function else None


def callables_of(name: tuple[str, str]) -> tuple[Any, ...]:
    """List the functions that a name in compiled code stands for."""
    return (getattr(importlib.import_module("scipy.special"), name[1]),)

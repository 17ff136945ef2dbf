"""Exact derivatives of NumPy/SciPy programs, at the speed of compiled code."""

import importlib
from typing import Any

import sciad.rules as _rules  # registers the rules
from sciad.core.apply import bind
from sciad.core.errors import (
    CompileError,
    InputError,
    IntegrationError,
    LostDerivativeError,
    NotDifferentiableError,
    SciadError,
    TracingError,
)
from sciad.core.rules import rule
from sciad.core.testing import check_grads
from sciad.core.tracer import is_traced
from sciad.core.transforms import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from sciad.version import __version__

__all__ = [
    "CompileError",
    "InputError",
    "IntegrationError",
    "LostDerivativeError",
    "NotDifferentiableError",
    "SciadError",
    "TracingError",
    "__version__",
    "bind",
    "check_grads",
    "fit",
    "grad",
    "hessian",
    "hvp",
    "is_traced",
    "jacobian",
    "jit",
    "jvp",
    "ode",
    "rule",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

_SUBPACKAGES = ("ode", "fit")
_REGISTERED = _rules.__all__


def __getattr__(name: str) -> Any:
    """Load the parts that import numba or SciPy when they are first used."""
    if name in _SUBPACKAGES:
        return importlib.import_module(f"sciad.{name}")
    if name == "jit":
        return importlib.import_module("sciad.compiler").jit
    raise AttributeError(f"module 'sciad' has no attribute {name!r}")

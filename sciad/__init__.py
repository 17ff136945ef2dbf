"""Exact derivatives of NumPy/SciPy programs, at the speed of compiled code."""

import importlib
from typing import Any

import sciad.rules as _rules  # registers the rules
from sciad.core.accelerated import install_compiler
from sciad.core.apply import bind
from sciad.core.authoring import rule
from sciad.core.checkpoint import checkpoint
from sciad.core.checkpointed import checkpointed
from sciad.core.debugging import DependencyWarning, NonFiniteWarning, debugging
from sciad.core.errors import (
    CompileError,
    InputError,
    IntegrationError,
    LostDerivativeError,
    NotDifferentiableError,
    SciadError,
    SciadWarning,
    TracingError,
)
from sciad.core.loop import CheckpointReport, checkpoint_loop
from sciad.core.mixed import forward_mode
from sciad.core.products import jvp, linearize, vjp
from sciad.core.sparse import provide as _provide
from sciad.core.testing import check_grads
from sciad.core.tracer import is_traced
from sciad.core.transforms import grad, hessian, hvp, jacobian, stop_gradient, value_and_grad
from sciad.core.tree import register_container
from sciad.version import __version__

__all__ = [
    "CheckpointReport",
    "CompileError",
    "DependencyWarning",
    "InputError",
    "IntegrationError",
    "LostDerivativeError",
    "NonFiniteWarning",
    "NotDifferentiableError",
    "SciadError",
    "SciadWarning",
    "TracingError",
    "__version__",
    "bind",
    "cache_clear",
    "check_grads",
    "checkpoint",
    "checkpoint_loop",
    "checkpointed",
    "debugging",
    "fit",
    "forward_mode",
    "grad",
    "hessian",
    "hvp",
    "is_traced",
    "jacobian",
    "jit",
    "jvp",
    "linearize",
    "ode",
    "register_container",
    "rule",
    "sparsity",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

install_compiler(
    lambda: importlib.import_module("sciad.compiler.front.dispatchers").call_dispatcher
)

_SUBPACKAGES = ("ode", "fit")
_COMPILER = ("cache_clear", "jit", "sparsity")
_REGISTERED = _rules.__all__


def _sparse(what: str) -> Any:
    """Make sparse derivatives with the compiler, which is loaded when it is asked for."""
    name = f"sparse_{what}"
    return lambda *args: getattr(importlib.import_module("sciad.compiler.patterns.sparse"), name)(
        *args
    )


for _what in ("jacobian", "hessian"):
    _provide(_what, _sparse(_what))


def __getattr__(name: str) -> Any:
    """Load the parts that import numba or SciPy when they are first used."""
    if name in _SUBPACKAGES:
        return importlib.import_module(f"sciad.{name}")
    if name in _COMPILER:
        return getattr(importlib.import_module("sciad.compiler"), name)
    raise AttributeError(f"module 'sciad' has no attribute {name!r}")

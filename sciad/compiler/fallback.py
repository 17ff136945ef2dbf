"""`jit(fallback=True)`: what cannot be compiled runs eagerly, with one warning."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from sciad.compiler.front.given import inputs_of
from sciad.compiler.levels import levels
from sciad.core.errors import SCIAD_DIRECTORY, CompileError, SciadWarning
from sciad.core.tracer import primal_of
from sciad.core.tree import flatten

if TYPE_CHECKING:
    from sciad.compiler.jit import JitFunction
    from sciad.compiler.program import Program

__all__ = ["Fallback", "FallbackWarning"]


class FallbackWarning(SciadWarning):
    """A jitted function could not be compiled and runs eagerly."""


class Fallback:
    """Knows for which arguments a function has to run eagerly."""

    def __init__(self) -> None:
        self.code: Any = None
        self.decided: dict[Any, bool] = {}  # (structure of the arguments, order) -> eagerly
        self.warned = False

    def needed(self, function: JitFunction, args: tuple, kwargs: dict) -> bool:
        """Whether a call has to run eagerly; warns when that is found out first."""
        if self.code is not function.__wrapped__.__code__:
            self.code = function.__wrapped__.__code__
            self.decided.clear()
            self.warned = False
        key = _key(function, args, kwargs)
        if key not in self.decided:
            try:
                program, _, _ = function._program(args, kwargs)
                _try_derivatives(program, key[-1])
                self.decided[key] = False
            except CompileError as error:
                self.decided[key] = True
                self.warn(function, error)
        return self.decided[key]

    def warn(self, function: JitFunction, error: CompileError) -> None:
        """Name the obstacle, once for a function."""
        if self.warned:
            return
        self.warned = True
        frame, level = sys._getframe(1), 2
        while frame.f_back is not None and frame.f_code.co_filename.startswith(SCIAD_DIRECTORY):
            frame, level = frame.f_back, level + 1
        message = f"{function.__qualname__} is not compiled and runs eagerly: {error}"
        warnings.warn(message, FallbackWarning, stacklevel=level)


def _key(function: JitFunction, args: tuple, kwargs: dict) -> Any:
    """Structure of all inputs, kinds of the leaves, and the number of derivatives asked for."""
    leaves, treedef = flatten((kwargs, inputs_of(function.__wrapped__, args)[1:]))
    primals = [np.asarray(primal_of(leaf)) for leaf in leaves]
    return treedef, tuple((p.dtype, p.ndim) for p in primals), len(levels(leaves))


def _try_derivatives(program: Program, order: int) -> None:
    """Write the derivatives that a traced call may ask for; what has none is refused here."""
    kinds = ("jvp", "vjp", "hvp", "second")
    for kind in kinds[: 2 * order]:
        program.path(kind)

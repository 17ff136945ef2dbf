"""Functions of single numbers that neither math nor NumPy has for compiled code."""

from __future__ import annotations

from numba import njit

from sciad.compiler.vecmath import exponential, logarithm

__all__ = ["expit", "log_expit"]


@njit(error_model="numpy")
def expit(x):
    """1 / (1 + exp(-x)), the logistic function."""
    return exponential.expit(x)


@njit(error_model="numpy")
def log_expit(x):
    """Logarithm of the logistic function."""
    return logarithm.log_expit(x)

"""Which elementwise functions of the IR have a vectorised loop."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BLOCK", "CATALOGUE", "EXTREMA", "Entry"]

#: Elements that one call of a loop takes at most; a multiple of every vector length.
BLOCK = 256


@dataclass(frozen=True)
class Entry:
    """A vectorised function.

    Attributes
    ----------
    name, module : str
        Where in `sciad.compiler.vecmath` it is.
    arity : int
        Number of arguments.
    scalar : str or None
        Expression in x (and y) of the C library's function for the elements whose vectorised
        result is nan; None if the function covers everything itself.
    """

    name: str
    module: str
    arity: int = 1
    scalar: str | None = None


_MATH = {
    "exp": Entry("exp", "exponential"),
    "expm1": Entry("expm1", "exponential"),
    "tanh": Entry("tanh", "exponential"),
    "sinh": Entry("sinh", "exponential"),
    "cosh": Entry("cosh", "exponential"),
    "log": Entry("log", "logarithm"),
    "log1p": Entry("log1p", "logarithm"),
    "asinh": Entry("asinh", "logarithm"),
    "acosh": Entry("acosh", "logarithm"),
    "atanh": Entry("atanh", "logarithm"),
    "sin": Entry("sin", "trigonometric", 1, "math.sin(x)"),
    "cos": Entry("cos", "trigonometric", 1, "math.cos(x)"),
    "tan": Entry("tan", "trigonometric", 1, "math.tan(x)"),
    "erf": Entry("erf", "error"),
    "hypot": Entry("hypot", "power", 2),
}
_OTHER: dict[object, Entry] = {
    ("np", "exp2"): Entry("exp2", "exponential"),
    ("np", "logaddexp"): Entry("logaddexp", "logarithm", 2),
    ("special", "expit"): Entry("expit", "exponential"),
    ("special", "log_expit"): Entry("log_expit", "logarithm"),
    ("np", "softplus"): Entry("softplus", "logarithm"),
    "pow": Entry("power", "power", 2, "x**y"),
}

#: Name of a call in the IR (or the operation "pow") -> its vectorised function.
CATALOGUE: dict[object, Entry] = {**{("math", k): v for k, v in _MATH.items()}, **_OTHER}

#: Calls that are written with an LLVM intrinsic, which has vector instructions, instead of a ufunc.
EXTREMA = (("np", "maximum"), ("np", "minimum"))

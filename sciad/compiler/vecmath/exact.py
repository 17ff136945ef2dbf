"""Steps below the elementary functions: fused multiply-add, error-free sums and products, bits.

Everything here is inlined and has no branches, so that LLVM can turn a loop over it into vector
instructions. The error-free transformations are those of Knuth (1969) and Dekker (1971); see
Muller et al., Handbook of Floating-Point Arithmetic (2018), chapter 4.

A fused multiply-add is used where the processor has one. Elsewhere LLVM would call a function of
the C library for it, which is slow: there `madd` rounds twice and `two_product` splits operands.
Numba keeps machine code by processor and features, so what is decided here is decided for it.
"""

from __future__ import annotations

import platform
from typing import Any

import llvmlite.binding as binding
import llvmlite.ir as llvm
from numba import njit, types
from numba.core import config
from numba.extending import intrinsic

__all__ = [
    "HAS_FMA",
    "bits",
    "copysign",
    "fast_two_sum",
    "floats",
    "inlined",
    "integer_as_float",
    "madd",
    "polynomial",
    "power_of_two",
    "residual",
    "rounded",
    "two_product",
    "two_sum",
]

inlined = njit(forceinline=True, error_model="numpy")


def _has_fma() -> bool:
    """Whether Numba compiles for a processor with a fused multiply-add."""
    asked = vars(config)  # NUMBA_CPU_NAME and NUMBA_CPU_FEATURES
    if asked["CPU_FEATURES"] is not None:
        return "+fma" in asked["CPU_FEATURES"].split(",")
    if asked["CPU_NAME"] not in (None, "host"):
        return False  # its features are not known here
    if platform.machine().lower() in ("aarch64", "arm64", "ppc64le"):
        return True
    return bool(binding.get_host_cpu_features().get("fma", False))


HAS_FMA = _has_fma()
MAGIC = (
    6755399441055744.0  # 1.5 * 2**52: the last bits of x + MAGIC are those of the integer near x
)
_MAGIC_BITS = 0x4338000000000000
_ONE_BITS = 0x3FF0000000000000
_SPLITTER = 134217729.0  # 2**27 + 1


@intrinsic
def bits(typingctx, x):
    """Bits of a float as an integer."""

    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], llvm.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def floats(typingctx, i):
    """Float with the bits of an integer."""

    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], llvm.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def copysign(typingctx, x, sign):
    """|x| with the sign of another number."""

    def generate(context, builder, signature, args):
        double = llvm.DoubleType()
        kind = llvm.FunctionType(double, [double, double])
        function = builder.module.declare_intrinsic("llvm.copysign", [double], kind)
        return builder.call(function, args)

    return types.float64(types.float64, types.float64), generate


@intrinsic
def _fma(typingctx, x, y, z):
    def generate(context, builder, signature, args):
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), generate


if HAS_FMA:

    @inlined
    def madd(x, y, z):
        """Sum x y + z, rounded once."""
        return _fma(x, y, z)

    @inlined
    def two_product(x, y):
        """Product and its rounding error."""
        p = x * y
        return p, _fma(x, y, -p)

else:

    @inlined
    def madd(x, y, z):
        """Sum x y + z, rounded twice."""
        return x * y + z

    @inlined
    def two_product(x, y):
        """Product and its rounding error (no overflow below 1e300)."""
        p = x * y
        c = _SPLITTER * x
        x_high = c - (c - x)
        x_low = x - x_high
        c = _SPLITTER * y
        y_high = c - (c - y)
        y_low = y - y_high
        return p, x_low * y_low - (((p - x_high * y_high) - x_low * y_high) - x_high * y_low)


@inlined
def residual(n, q, d):
    """Difference n - q d for a quotient q of n and d, nearly without error."""
    p, e = two_product(q, d)
    return (n - p) - e


@inlined
def two_sum(x, y):
    """Sum and its rounding error."""
    s = x + y
    t = s - x
    return s, (x - (s - t)) + (y - t)


@inlined
def fast_two_sum(x, y):
    """Sum and its rounding error, for |x| >= |y| or x = 0."""
    s = x + y
    return s, y - (s - x)


def _step(builder: Any, value: Any, x: Any, c: Any) -> Any:
    if HAS_FMA:
        return builder.fma(value, x, c)
    return builder.fadd(builder.fmul(value, x), c)


def polynomial(coefficients: tuple[float, ...]) -> Any:
    """Make the function of x that evaluates a polynomial by Horner's scheme.

    Straight code: a loop over the coefficients would keep LLVM from vectorising the loop around.
    """

    def generate(context, builder, signature, args):
        (x,) = args
        first, *others = (llvm.Constant(llvm.DoubleType(), c) for c in coefficients)
        value = first
        for c in others:
            value = _step(builder, value, x, c)
        return value

    def typed(typingctx, x):
        return types.float64(types.float64), generate

    return intrinsic(typed)


@inlined
def rounded(x):
    """Integer nearest to x, as a float, for |x| < 2**51."""
    return (x + MAGIC) - MAGIC


@inlined
def integer_as_float(i):
    """Integer as a float, for |i| < 2**51 (a conversion that every processor vectorises)."""
    return floats(i + _MAGIC_BITS) - MAGIC


@inlined
def power_of_two(k):
    """2**k for a float k with an integer value from -1022 to 1023."""
    return floats((bits(k + MAGIC) << 52) + _ONE_BITS)

"""Loops of the vectorised functions over blocks, and how compiled programs call them.

A loop is a small module in the compiler's cache like any compiled program: it is compiled when
the first program asks for it and serves all of them. Programs call it by a symbol that is
registered here, so that its machine code is not made again inside each of them.

    from sciad.compiler.vecmath.kernels import vec_block, vec_exp

    a, b = vec_block(), vec_block()     # arrays of BLOCK floats on the stack
    vec_exp(b, a, n)            # b[:n] = exp(a[:n]); b[n:] is left with anything
"""

from __future__ import annotations

import functools
from typing import Any

import llvmlite.binding as binding
import llvmlite.ir as llvm
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from sciad.compiler.back import cache
from sciad.compiler.vecmath.catalogue import BLOCK, CATALOGUE, Entry

__all__ = ["loop_of", "vec_block", "vec_maximum", "vec_minimum"]

_BLOCK_TYPE = types.Array(types.float64, 1, "C")
_ENTRIES = {entry.name: entry for entry in CATALOGUE.values()}
_PREFIX = "vec_"
_HAS_EXTREMA = binding.llvm_version_info >= (18, 0, 0)


@intrinsic
def vec_block(typingctx):
    """Array of BLOCK floats in the frame of the calling function."""

    def generate(context, builder, signature, args):
        memory = cgutils.alloca_once(builder, llvm.ArrayType(llvm.DoubleType(), BLOCK))
        memory.align = 64
        array = make_array(_BLOCK_TYPE)(context, builder)
        populate_array(
            array,
            data=builder.bitcast(memory, llvm.DoubleType().as_pointer()),
            shape=[context.get_constant(types.intp, BLOCK)],
            strides=[context.get_constant(types.intp, 8)],
            itemsize=context.get_constant(types.intp, 8),
            meminfo=None,
        )
        return array._getvalue()

    return _BLOCK_TYPE(), generate


def _extremum(name: str) -> Any:
    """Make np.maximum or np.minimum of two floats: nan if either is.

    LLVM's own has vector instructions, also where it folds an array; x86 has it since version 17.
    """
    better = {"maximum": ">", "minimum": "<"}[name]

    def generate(context, builder, signature, args):
        double = llvm.DoubleType()
        if not _HAS_EXTREMA:
            x, y = args
            chosen = builder.select(builder.fcmp_ordered(better, x, y), x, y)
            return builder.select(builder.fcmp_unordered("uno", x, y), builder.fadd(x, y), chosen)
        kind = llvm.FunctionType(double, [double, double])
        function = builder.module.declare_intrinsic(f"llvm.{name}", [double], kind)
        return builder.call(function, args)

    def typed(typingctx, x, y):
        return types.float64(types.float64, types.float64), generate

    return intrinsic(typed)


vec_maximum = _extremum("maximum")
vec_minimum = _extremum("minimum")


@functools.cache
def loop_of(name: str) -> Any:
    """Compiled loop of a function: a cfunc of (arguments..., out, n) on blocks of memory.

    The loop runs to the next multiple of 8 elements, which needs no code for a rest.
    """
    return cache.load(cache.write(f"vec_{name}", _text(_ENTRIES[name]))).function


def _text(entry: Entry) -> str:
    names = ["x", "y"][: entry.arity]
    values = ", ".join(f"{v}[i]" for v in names)
    pointers = ["CPointer(float64)"] * (entry.arity + 1)
    lines = [
        f"# {entry.name} over a block",
        f"# compiler {cache.compiler_digest()}",
        "import math",
        "",
        "from numba import carray, cfunc",
        "",
        f"from sciad.compiler.vecmath.{entry.module} import {entry.name}",
        "",
        "",
        f'@cfunc("void({", ".join(pointers)}, int64)", cache=True, error_model="numpy")',
        f"def function({', '.join(f'{v}_' for v in names)}, out_, n):",
        *(f"    {v} = carray({v}_, {BLOCK})" for v in [*names, "out"]),
        "    far = 0",
        "    for i in range((n + 7) & -8):",
        f"        value = {entry.name}({values})",
        "        out[i] = value",
    ]
    if entry.scalar is not None:
        scalar = entry.scalar.replace("x", "x[i]").replace("y", "y[i]")
        lines += [
            "        far |= 1 if value != value else 0",
            "    if far:",
            "        for i in range(n):",
            "            if out[i] != out[i]:",
            f"                out[i] = {scalar}",
        ]
    lines += [f"assert math is not None  # {entry.name}", ""]
    return "\n".join(lines)


def _data(context: Any, builder: Any, array: Any) -> Any:
    return make_array(_BLOCK_TYPE)(context, builder, array).data


def _caller(name: str) -> Any:
    """Make an intrinsic that calls a loop by its symbol."""
    symbol = f"sciad_{name}_{cache.compiler_digest()}"
    binding.add_symbol(symbol, loop_of(name).address)

    def generate(context, builder, signature, args):
        out, *inputs, n = args
        pointers = [_data(context, builder, a) for a in (*inputs, out)]
        double = llvm.DoubleType().as_pointer()
        kind = llvm.FunctionType(llvm.VoidType(), [double] * len(pointers) + [llvm.IntType(64)])
        function = cgutils.get_or_insert_function(builder.module, kind, symbol)
        builder.call(function, [*pointers, n])
        return context.get_dummy_value()

    def unary(typingctx, out, x, n):
        return types.void(_BLOCK_TYPE, _BLOCK_TYPE, types.int64), generate

    def binary(typingctx, out, x, y, n):
        return types.void(_BLOCK_TYPE, _BLOCK_TYPE, _BLOCK_TYPE, types.int64), generate

    return intrinsic(unary if _ENTRIES[name].arity == 1 else binary)


@functools.cache
def _named(name: str) -> Any:
    return _caller(name.removeprefix(_PREFIX))


def __getattr__(name: str) -> Any:
    """`vec_exp` and its sisters, made when they are asked for."""
    if name.removeprefix(_PREFIX) in _ENTRIES and name.startswith(_PREFIX):
        return _named(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Calls of compiled models through their addresses: the interface between kernels and models.

A kernel never sees the function it integrates, only machine addresses, as SUNDIALS' C functions do:
one kernel is compiled once, lives in Numba's disk cache, and serves every model.

=========  ========================================================================
``value``  ``int32 (double t, double *y, double *p, double *out)``
``jvp``    ``int32 (double t, double *y, double *p, double tdot, double *ydot,
           double *pdot, double *out, double *outdot)``: value and derivative along a
           direction
``vjp``    ``int32 (double t, double *y, double *p, double *outbar, double *tbar, double *ybar,
           double *pbar)``: *adds* to the three last; ``outbar`` is left unchanged
=========  ========================================================================

Every function returns 0 when it succeeded.

Inside the kernels all numbers are reached through pointers (`pointer`, `shift`): indexing a NumPy
array costs a test for negative indices that keeps loops from being vectorised, and passing one to a
helper costs more than the helper's arithmetic at two components. Measured on the sums over stages
of Tsit5 with two components: 22 ns each with arrays, 5 ns with pointers.

A pointer does not keep its array alive, and Numba drops an array after its last mention: kernels
therefore make no arrays of their own. All memory, working space too, comes from the caller.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["call_jvp", "call_value", "call_vjp", "pointer", "shift"]

_doubles = types.CPointer(types.float64)
_DOUBLE, _STATUS = ir.DoubleType(), ir.IntType(32)
_POINTER = _DOUBLE.as_pointer()


def _indirect_call(kinds):
    """Return (signature, code generator) of a call with ``d`` doubles and ``*`` pointers."""
    numba_kinds = {"d": types.float64, "*": _doubles}
    llvm_kinds = {"d": _DOUBLE, "*": _POINTER}
    signature = types.int32(types.intp, *(numba_kinds[kind] for kind in kinds))
    function_type = ir.FunctionType(_STATUS, [llvm_kinds[kind] for kind in kinds])

    def generate(_context, builder, _signature, arguments):
        address, *values = arguments
        return builder.call(builder.inttoptr(address, function_type.as_pointer()), values)

    return signature, generate


@intrinsic
def pointer(typing_context, array):
    """Return the pointer to the first number of a contiguous float64 array."""

    def generate(context, builder, signature, arguments):
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return _doubles(array), generate


@intrinsic
def shift(typing_context, start, count):
    """Return the pointer `count` numbers after `start`."""

    def generate(_context, builder, _signature, arguments):
        return builder.gep(arguments[0], [arguments[1]])

    return _doubles(_doubles, types.int64), generate


@intrinsic
def call_value(typing_context, address, t, y, p, out):
    """Evaluate the model at ``address``."""
    return _indirect_call("d***")


@intrinsic
def call_jvp(typing_context, address, t, y, p, tdot, ydot, pdot, out, outdot):
    """Evaluate the model and its derivative along one direction."""
    return _indirect_call("d**d****")


@intrinsic
def call_vjp(typing_context, address, t, y, p, outbar, tbar, ybar, pbar):
    """Add the transposed derivative of the model applied to ``outbar``."""
    return _indirect_call("d******")

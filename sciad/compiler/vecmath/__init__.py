"""Elementary functions that LLVM turns into vector instructions.

At most 2 units in the last place over the whole range, infinities, nan, -0.0 and subnormal numbers
included. `catalogue` says which functions of the IR there are; `kernels` has their loops over
blocks of `BLOCK` elements, which compiled programs call; the other modules are the mathematics.
Only `catalogue` may be imported without Numba.
"""

from sciad.compiler.vecmath.catalogue import BLOCK, CATALOGUE, Entry

__all__ = ["BLOCK", "CATALOGUE", "Entry"]

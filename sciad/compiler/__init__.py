"""Compiler: Python functions, and their derivatives, as machine code.

The passes, in order: `fence` refuses what cannot be compiled, `normal` turns jumps into flags,
`lower` (with `statements`, `loops`, `merge`, `expressions`, `calls`, `arrays`, `whole`, and the
tables of `library`: `reductions`, `shaping`, `making`, `fancy`, `iteration`) executes the syntax
tree on abstract values and writes the typed, structured SSA of `ir`; `tangent` and `adjoint` (with
`analysis`, `recall`, `partials`) map programs to programs; `simplify` makes them small; `emit`
writes them as readable Python; `cache` keeps that on disk for Numba. `jit` and `native` are the two
doors.
"""

from sciad.compiler.cache import cache_clear, cache_directory
from sciad.compiler.jit import JitFunction, jit
from sciad.compiler.native import NativeFunction, native

__all__ = ["JitFunction", "NativeFunction", "cache_clear", "cache_directory", "jit", "native"]

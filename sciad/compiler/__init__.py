"""Compiler: Python functions, and their derivatives, as machine code.

The passes, in order: `fence` refuses what cannot be compiled, `normal` turns jumps into flags,
`lower` (with `statements`, `loops`, `merge`, `expressions`, `calls`, `arrays`, `whole`, `language`,
`members`, and the tables of `library`: `reductions`, `shaping`, `making`, `fancy`, `iteration`)
executes the syntax tree on abstract values and writes the typed, structured SSA of `ir`,
in which functions that call themselves are called (`recursion`, `invoke`) and all others inlined;
`pools` and `joins` (with `moving`) keep names that stand for several arrays, `writes` gives new
content to arrays of the caller; `hoist` takes index checks out of loops; `tangent` and `adjoint`
(with `analysis`, `recall`, `cut`, `replay`, `checkpointing`, `partials`) map programs to programs;
`simplify` makes them small; `blocks` lets elementary functions in loops use vector instructions;
`emit` writes them as readable Python; `cache` keeps that on disk for Numba, which `machine` teaches
what emitted code promises. `jit` and `native` are the two doors.
"""

from sciad.compiler.cache import cache_clear, cache_directory
from sciad.compiler.fallback import FallbackWarning
from sciad.compiler.jit import JitFunction, jit
from sciad.compiler.native import NativeFunction, native
from sciad.compiler.sparse import Sparsity, sparsity

__all__ = [
    "FallbackWarning",
    "JitFunction",
    "NativeFunction",
    "Sparsity",
    "cache_clear",
    "cache_directory",
    "jit",
    "native",
    "sparsity",
]

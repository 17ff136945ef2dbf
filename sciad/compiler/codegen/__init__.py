"""Emitted functions on a short way to LLVM.

Numba's own way is made for any Python: bytecode to blocks, blocks to single assignments, types by
iteration until nothing changes, lowering variable by variable. Emitted code is simpler. Its names
have one type each, defined before they are used, and it consists of a handful of statements. So
`reading` takes the function's syntax tree, `inference` gives each expression its type in one walk,
`lifetimes` says where arrays are given back, and `statements` and `expressions` write LLVM's code.
What an operation or a call means is still Numba's: its typing rules and its implementations are
used one by one. A function that goes beyond this raises `Unusual`, and Numba compiles it as usual.
"""

from sciad.compiler.codegen.passes import ShortWay

__all__ = ["ShortWay"]

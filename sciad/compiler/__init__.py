"""Compiler: Python functions, and their derivatives, as machine code.

A program goes through the rooms in this order; `ir` is what they hand to each other (`builder`,
`fold`, `invoke` and `tapes` belong to it).

- `front` executes a function's syntax tree on abstract values: `fence` refuses what cannot be
  compiled, `normal` turns jumps into flags, `lower` and its neighbours write typed, structured SSA.
  Functions that call themselves are called (`recursion`), all others inlined. float32 is a type of
  this room only (`precision`, `singles`, `rounding`).
- `vocabulary` is what it knows of NumPy: indices, whole arrays, reductions, shapes, `linalg`.
- `inner` makes `sciad.grad` and its sisters part of a program.
- `passes` map programs to programs: `hoist` and `simplify` make them small, `tangent` and `adjoint`
  differentiate them, with `recall`, `cut` and `replay` for what to keep and what to compute again,
  `fusion` and `searches` for loops that need neither.
- `loops` brings loops into the form that machines run best: functions in `blocks`, boundary tests
  apart, sums into neighbours by `rows`, moving cotangents (`shifts`), allocations before (`lift`).
- `back` writes programs as readable Python (`emit`), takes out what can be checked before
  (`requirements`), and keeps that on disk (`cache`); `codegen` turns it into machine code, or Numba
  does, which `machine` teaches what emitted code promises; `vecmath` holds elementary functions
  for vectors.
- `patterns` runs programs on sets to find which outputs depend on which inputs.

`jit` and `native` are the two doors; `program` is one function for one structure of arguments,
`nodes` and `direct` what a call of it does, `explain` and `decisions` what a user sees of all this.
"""

from sciad.compiler.back.cache import cache_clear, cache_directory
from sciad.compiler.fallback import FallbackWarning
from sciad.compiler.jit import JitFunction, jit
from sciad.compiler.native import NativeFunction, native
from sciad.compiler.patterns.sparse import Sparsity, sparsity

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

"""How Numba compiles emitted code: elements are read and written with nothing in between.

Emitted code keeps two promises that Numba cannot know of: an index is never negative and always
inside (see `indexing`), and two different buffers never overlap (see `ir`). So `a[i]` becomes one
load or store, without the arithmetic for indices counted from the end, and each carries LLVM's
alias scopes: an access to one buffer (or to the tape) leaves all others alone. Without that LLVM
must reload every element after each store, and cannot keep sums in registers or use vectors.

Variables that Numba copies into each other share a scope.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
from numba.core import ir, sigutils, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering
from numba.core.typing.templates import signature
from numba.extending import intrinsic

from sciad.compiler.back.scopes import TAPE_SCOPE, scopes_of
from sciad.compiler.codegen import ShortWay

__all__ = ["assume", "called", "cfunc", "njit"]

_PLAIN = (types.float64, types.int64)


@intrinsic
def assume(typingctx, condition):
    """Tell LLVM that a condition holds."""

    def generate(context, builder, signature, args):
        builder.assume(args[0])
        return context.get_dummy_value()

    return types.void(types.boolean), generate


class _Lower(Lower):
    """Lowers accesses to flat buffers."""

    def lower(self) -> None:
        self.find_buffers()
        super().lower()

    def find_buffers(self) -> None:
        """Give each array variable its buffer: variables that are copied share one."""
        parent: dict[str, str] = {}

        def root(name: str) -> str:
            while name in parent:
                name = parent[name]
            return name

        names = [n for n, kind in self.fndesc.typemap.items() if isinstance(kind, types.Array)]
        for block in self.blocks.values():
            for assign in block.find_insts(ir.Assign):
                if assign.target.name not in names:
                    continue
                for source in _copied(assign.value):
                    one, other = root(assign.target.name), root(source)
                    if one != other:
                        parent[one] = other
        self.buffers = {name: f"{self.fndesc.unique_name} {root(name)}" for name in names}
        self.marks: dict[str, tuple[Any, Any]] = {}
        self.scopes = sorted(set(self.buffers.values()))

    def element(self, array: Any, index: Any) -> Any:
        """Address of an element, None if the access is not of the simple kind."""
        kind, place = self.typeof(array.name), self.typeof(index.name)
        flat = isinstance(kind, types.Array) and kind.ndim == 1 and kind.layout == "C"
        if not flat or kind.dtype not in _PLAIN or not isinstance(place, types.Integer):
            return None  # bools are bytes in memory
        header = self.context.make_array(kind)(self.context, self.builder, self.loadvar(array.name))
        number = self.context.cast(self.builder, self.loadvar(index.name), place, types.intp)
        return self.builder.gep(header.data, [number], inbounds=True)

    def mark(self, access: Any, array: Any) -> None:
        """Say which memory an access touches and which it does not."""
        mine = self.buffers[array.name]
        if mine not in self.marks:
            others = [name for name in self.scopes if name != mine]
            both = scopes_of(self.module, [mine]), scopes_of(self.module, [*others, TAPE_SCOPE])
            self.marks[mine] = both
        here, elsewhere = self.marks[mine]
        access.set_metadata("alias.scope", here)
        access.set_metadata("noalias", elsewhere)

    def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
        address = self.element(value, index)
        if address is None:
            return super().lower_getitem(resty, expr, value, index, signature)
        kind = self.typeof(value.name).dtype
        found = self.builder.load(address)
        self.mark(found, value)
        return self.context.cast(self.builder, found, kind, resty)

    def lower_setitem(self, target_var: Any, index_var: Any, value_var: Any, signature: Any) -> Any:
        address = self.element(target_var, index_var)
        if address is None:
            return super().lower_setitem(target_var, index_var, value_var, signature)
        kind, given = self.typeof(target_var.name).dtype, self.typeof(value_var.name)
        value = self.context.cast(self.builder, self.loadvar(value_var.name), given, kind)
        self.mark(self.builder.store(value, address), target_var)
        return None


def _copied(value: Any) -> list[str]:
    """Variables that an assignment may take its value from unchanged."""
    if isinstance(value, ir.Var):
        return [value.name]
    if isinstance(value, ir.Expr) and value.op in ("phi", "cast", "exhaust_iter"):
        sources = value.incoming_values if value.op == "phi" else [value.value]
        return [v.name for v in sources if isinstance(v, ir.Var)]
    return []


@register_pass(mutates_CFG=True, analysis_only=False)
class _NativeLowering(NativeLowering):
    _name = "sciad_native_lowering"

    @property
    def lowering_class(self) -> Any:
        return _Lower


class _Compiler(CompilerBase):
    """Numba's pipeline with the lowering above."""

    def define_pipelines(self) -> list[PassManager]:
        usual = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes = PassManager("sciad")
        passes.add_pass(ShortWay, "emitted code on a short way")
        for kind, text in usual.passes:
            passes.add_pass(_NativeLowering if kind is NativeLowering else kind, text)
        passes.finalize()
        return [passes]


def called(declared: str, **options: Any) -> Any:
    """Decorate a function that others of its module call: it is compiled along with them.

    Parameters
    ----------
    declared : str
        Its signature.
    **options : object
        Options of `njit`.

    Returns
    -------
    callable
        A decorator.
    """

    def decorate(function: Any) -> Any:
        dispatcher: Any = njit(**options)(function)
        takes, gives = sigutils.normalize_signature(declared)
        dispatcher.declared = signature(gives, *takes)
        return dispatcher

    return decorate


njit = functools.partial(numba.njit, pipeline_class=_Compiler, no_cfunc_wrapper=True)
cfunc = functools.partial(numba.cfunc, pipeline_class=_Compiler)

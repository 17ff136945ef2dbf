"""The short way as a pass of Numba's compiler, before all others."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.compiler import _EarlyPipelineCompletion, compile_result
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.typing.templates import signature

from sciad.compiler.codegen.reading import Unusual
from sciad.compiler.codegen.unit import Unit

__all__ = ["ShortWay"]


@register_pass(mutates_CFG=True, analysis_only=False)
class ShortWay(LoweringPass):
    """Compiles an emitted function and ends the pipeline; leaves others to the usual passes."""

    _name = "sciad_short_way"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Compile, if the function is of the usual kind."""
        flags = state.flags
        if not (flags.debuginfo or flags.boundscheck or flags.enable_pyobject) and flags.nrt:
            try:
                result = _compiled(state)
            except (Unusual, NotImplementedError):
                state.library = None
            else:
                raise _EarlyPipelineCompletion(result)
        _compile_callees(state.func_id.func)
        return False


def _compile_callees(function: Any) -> None:
    """Compile the functions of a module that are compiled along otherwise: those before it."""
    for value in list(function.__globals__.values()):
        declared = getattr(value, "declared", None)
        if declared is not None and value.py_func is function:
            break
        if declared is not None:
            value.compile(declared)


def _compiled(state: Any) -> Any:
    unit = Unit(state)
    library = state.library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
    library.enable_object_caching()
    fndesc, env = unit.fndesc, unit.env
    with state.targetctx.push_code_library(library):
        unit.write(library)
        _wrap(state, unit, library)
    entry = state.targetctx.get_executable(library, fndesc, env)
    state.targetctx.insert_user_function(entry, fndesc, [library])
    state.reload_init.extend(getattr(library, "_reload_init", ()))  # 0.61 has none
    return compile_result(
        typing_context=state.typingctx,
        target_context=state.targetctx,
        entry_point=entry,
        typing_error=None,
        type_annotation="",
        library=library,
        call_helper=None,
        signature=signature(fndesc.restype, *state.args),
        objectmode=False,
        lifted=(),
        fndesc=fndesc,
        environment=env,
        metadata=state.metadata,
        reload_init=state.reload_init,
    )


def _wrap(state: Any, unit: Unit, library: Any) -> None:
    """Make what Python and C call."""
    flags, fndesc = state.flags, unit.fndesc
    if not flags.no_cpython_wrapper:
        unit.context.create_cpython_wrapper(
            library, fndesc, unit.env, unit.helper, release_gil=flags.release_gil
        )
    if not flags.no_cfunc_wrapper and not isinstance(fndesc.restype, types.Optional):
        unit.context.create_cfunc_wrapper(library, fndesc, unit.env, unit.helper)

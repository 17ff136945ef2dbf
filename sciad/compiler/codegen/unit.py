"""One LLVM module for an emitted function and for those of its module that it calls.

The latter are private: LLVM knows all of their callers, and they need no entry for Python.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from llvmlite.ir import IRBuilder
from numba.core.bytecode import FunctionIdentity
from numba.core.environment import Environment
from numba.core.errors import NumbaError
from numba.core.funcdesc import PythonFunctionDescriptor

from sciad.compiler.codegen.inference import Inference
from sciad.compiler.codegen.reading import Unusual, syntax
from sciad.compiler.codegen.statements import Statements

__all__ = ["Unit"]


class Unit:
    """Compiles the function that a pass of Numba's compiler is about.

    Parameters
    ----------
    state : object
        The state of Numba's compiler.
    """

    def __init__(self, state: Any):
        self.state = state
        identity = state.func_id
        self.inferred = self.infer(identity, tuple(state.args), state.return_type)
        if self.inferred.result is None:
            raise Unusual("a function without a result")
        self.fndesc = self.describe(identity, self.inferred)
        self.env = Environment.from_fndesc(self.fndesc)
        self.context = state.targetctx.subtarget(environment=self.env, fndesc=self.fndesc)
        self.known: dict[Any, Any] = {}
        self.waiting: list[tuple[Any, Inference]] = []
        self.helper: Any = None

    def infer(self, identity: Any, argtypes: tuple, declared: Any) -> Inference:
        """Find the types of a function."""
        typing = self.state.typingctx
        function = identity.func
        definition = syntax(function)
        try:
            return Inference(function, definition, typing, argtypes, declared)
        except NumbaError as error:
            raise Unusual(str(error)) from error

    def describe(self, identity: Any, inferred: Inference) -> Any:
        """Make Numba's description of a function."""
        names, flags = inferred.scopes.params, self.state.flags
        return PythonFunctionDescriptor.from_specialized_function(
            SimpleNamespace(func_id=identity, arg_names=names),
            {f"arg.{n}": kind for n, kind in zip(names, inferred.argtypes, strict=True)},
            inferred.result,
            {},
            mangler=self.state.targetctx.mangler,
            inline=flags.forceinline,
            noalias=flags.noalias,
            abi_tags=[flags.get_mangle_string()],
        )

    def described(self, dispatcher: Any) -> Any:
        """Give the description of a function that is called; it is compiled along."""
        function = dispatcher.py_func
        if function is self.state.func_id.func:
            return self.fndesc
        if function not in self.known:
            identity = FunctionIdentity.from_function(function)
            signature = dispatcher.declared
            inferred = self.infer(identity, signature.args, signature.return_type)
            self.known[function] = fndesc = self.describe(identity, inferred)
            self.waiting.append((fndesc, inferred))
        return self.known[function]

    def write(self, library: Any) -> None:
        """Put the functions into a library."""
        module = library.create_ir_module(self.fndesc.unique_name)
        self.context.declare_env_global(module, self.context.get_env_name(self.fndesc))
        self.helper = self.function(module, self.fndesc, self.inferred)
        while self.waiting:
            fndesc, inferred = self.waiting.pop()
            self.function(module, fndesc, inferred)
            module.get_global(fndesc.mangled_name).linkage = "internal"
        self.context.post_lowering(module, library)
        library.add_ir_module(module)

    def function(self, module: Any, fndesc: Any, inferred: Inference) -> Any:
        """Write one function; gives Numba's helper of its wrapper."""
        convention = self.context.call_conv
        function = self.context.declare_function(module, fndesc)
        builder = IRBuilder(function.append_basic_block("entry"))
        helper = convention.init_call_helper(builder)
        values = convention.decode_arguments(builder, fndesc.argtypes, function)
        Statements(self, builder, fndesc, inferred, values).run()
        return helper

"""Call interception: ``f(...)`` in the user's source becomes ``call(f, ...)``.

The function is compiled again from its syntax tree, with the file, lines and columns of the
original, so that tracebacks and debuggers show the user's source. Globals, closure cells, defaults
and attributes are the live ones. A code object is rewritten once.

The new ``def`` stands in a class inside a factory function, for its scope only: the factory's
parameters are the free names (and the dispatcher); a class body is invisible to the functions in
it, so the name of the function cannot hide a global; and the class carries the name that private
names (``self.__x``) are mangled with.
"""

import ast
import copy
import functools
import sys
import types
from collections.abc import Callable
from typing import Any

from sciad.core.source import FunctionSource, source_of

__all__ = ["is_rewritten", "rewritten", "rewritten_code", "with_code"]

CALL = "__sciad_call__"
_FACTORY = "__sciad_factory__"
_FUTURE_FLAGS = 0x1FE0000
#: These look at the frame they are called from.
_LEFT_ALONE = frozenset({"super", "locals", "globals", "vars", "eval", "exec", "dir", "breakpoint"})


def is_rewritten(code: types.CodeType) -> bool:
    """Whether calls in this code go through the dispatcher already."""
    return CALL in code.co_freevars


def rewritten(function: types.FunctionType, call: Callable[..., Any]) -> types.FunctionType:
    """Compile a function again with its calls intercepted.

    Parameters
    ----------
    function : FunctionType
        A function with source.
    call : callable
        The dispatcher, called as ``call(f, *args, **kwargs)``; ``call.matmul`` stands for ``@``.

    Returns
    -------
    FunctionType
        Shares globals, closure cells and defaults with the original.

    Raises
    ------
    TracingError
        If the function has no source.
    """
    return with_code(function, rewritten_code(function), call)


def rewritten_code(function: types.FunctionType) -> types.CodeType:
    """Code object of a function with its calls intercepted (the same for ``async`` functions)."""
    code = function.__code__
    return code if is_rewritten(code) else _compile(source_of(function))


def with_code(function: types.FunctionType, code: types.CodeType, call: Any) -> Any:
    """Make a function that runs other code on the globals, cells, defaults of `function`."""
    if code is function.__code__:
        return function
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells[CALL] = types.CellType(call)
    made = types.FunctionType(
        code,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple([cells[name] for name in code.co_freevars]),
    )
    if function.__kwdefaults__:
        made.__kwdefaults__ = function.__kwdefaults__
    return made


class _Interceptor(ast.NodeTransformer):
    """Wraps every call, every ``@``, and every read of an attribute that may be a property."""

    def __init__(self, properties: frozenset[str]) -> None:
        self.properties = properties

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr not in self.properties or not isinstance(node.ctx, ast.Load):
            return node
        read = ast.Attribute(ast.Name(CALL, ast.Load()), "attribute", ast.Load())
        name = ast.Constant(node.attr)
        made = ast.Call(read, [node.value, name], [])
        return ast.fix_missing_locations(ast.copy_location(made, node))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in _LEFT_ALONE:
            return node
        name = ast.copy_location(ast.Name(CALL, ast.Load()), node.func)
        return ast.copy_location(ast.Call(name, [node.func, *node.args], node.keywords), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.MatMult):
            return node
        name = ast.Name(CALL, ast.Load())
        product = ast.Attribute(name, "matmul", ast.Load())
        return ast.fix_missing_locations(
            ast.copy_location(ast.Call(product, [node.left, node.right], []), node)
        )


def _compile(source: FunctionSource) -> types.CodeType:
    original = source.function.__code__
    node: Any = copy.deepcopy(source.node)
    if isinstance(node, ast.AsyncFunctionDef):
        return original
    _strip_header(node)
    interceptor = _Interceptor(source.properties | _properties_of_globals(source.globals))
    if isinstance(node, ast.Lambda):
        node.body = interceptor.visit(node.body)
        statement: ast.stmt = ast.Assign([ast.Name("f", ast.Store())], node)
    else:
        node.body = [interceptor.visit(part) for part in node.body]
        statement = node
    prefix = "_" * 8
    scope = ast.ClassDef(prefix + (source.class_name or ""), [], [], [statement], [])
    parameters = [CALL, *(name for name in original.co_freevars if name != "__class__")]
    arguments = ast.arguments([], [ast.arg(name) for name in parameters], None, [], [], None, [])
    factory = ast.FunctionDef(_FACTORY, arguments, [scope], [], None)
    if hasattr(factory, "type_params"):
        factory.type_params, scope.type_params = [], []  # type: ignore[attr-defined]
    module = ast.fix_missing_locations(ast.Module([factory], []))
    flags = original.co_flags & _FUTURE_FLAGS
    compiled = compile(module, original.co_filename, "exec", flags=flags, dont_inherit=True)
    code = _inner(_inner(_inner(compiled)))
    code = _renamed(code, code.co_qualname, original.co_qualname)
    return code.replace(co_name=original.co_name, co_firstlineno=original.co_firstlineno)


def _properties_of_globals(scope: dict[str, Any]) -> frozenset[str]:
    """Names of the properties of the user's classes that a module has imported."""
    kinds = [v for v in list(scope.values()) if isinstance(v, type)]
    user = [k for k in kinds if k.__module__ not in ("builtins", scope.get("__name__"))]
    return frozenset(
        name
        for kind in user
        if kind.__module__.partition(".")[0] not in sys.stdlib_module_names
        for name, member in vars(kind).items()
        if isinstance(member, property | functools.cached_property)
    )


def _strip_header(node: Any) -> None:
    """Take out what was evaluated when the function was defined: decorators, defaults, types."""
    node.args.defaults = [ast.Constant(None) for _ in node.args.defaults]
    node.args.kw_defaults = [d and ast.Constant(None) for d in node.args.kw_defaults]
    stars = [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
    for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, *stars]:
        argument.annotation = None
    if not isinstance(node, ast.Lambda):
        node.decorator_list = []
        node.returns = None


def _inner(code: types.CodeType) -> types.CodeType:
    return next(c for c in code.co_consts if isinstance(c, types.CodeType))


def _renamed(code: types.CodeType, old: str, new: str) -> types.CodeType:
    """Qualified names as they were, also of the functions inside."""
    constants = tuple(
        _renamed(c, old, new) if isinstance(c, types.CodeType) else c for c in code.co_consts
    )
    name = code.co_qualname
    if name.startswith(old):
        name = new + name[len(old) :]
    return code.replace(co_consts=constants, co_qualname=name)

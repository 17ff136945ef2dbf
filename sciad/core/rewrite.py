"""Call interception: ``f(...)`` in the user's source becomes ``call(f, ...)``.

The function is compiled again from its syntax tree, with the file, lines and columns of the
original, so that tracebacks and debuggers show the user's source. Globals, closure cells, defaults
and attributes are the live ones. A code object is rewritten once.

The new ``def`` stands in a class inside a factory function, for its scope only: the factory's
parameters are the free names (and the dispatcher); a class body is invisible to the functions in
it, so the name of the function cannot hide a global; and the class carries the name that private
names (``self.__x``) are mangled with.

Rewritten code finds the dispatcher among the built-in names: it then has the free names of the
original, and can take the place of the original's code (`sciad.core.classes`).
"""

import ast
import builtins
import contextlib
import copy
import dis
import types
from collections.abc import Iterator
from typing import Any

from sciad.core.borrowed import borrowed_parameters
from sciad.core.errors import SourceError
from sciad.core.expressions import expression_of, has_arrays
from sciad.core.readings import scope_of
from sciad.core.sites import Site
from sciad.core.source import SYNTAX, FunctionSource, nested_codes, source_of
from sciad.core.stores import guard_stores
from sciad.core.versions import PLAIN, Versions

__all__ = [
    "ARRAY",
    "CALL",
    "ENTRIES",
    "SEEN",
    "TYPE",
    "builtin_names",
    "install",
    "is_rewritten",
    "needs_no_rewriting",
    "rewritten_code",
    "with_code",
    "works_on_slices",
]

CALL = "__sciad_call__"
#: Quicker ways for calls with so many positional arguments, and no others.
ENTRIES = ("__sciad_call0__", "__sciad_call1__", "__sciad_call2__", "__sciad_call3__")
#: The classes and functions that were looked at, and ``type``, whatever the user calls so.
SEEN, TYPE = "__sciad_seen__", "__sciad_type__"
#: The class of arrays of followed code.
ARRAY = "__sciad_array__"
_NAMES = frozenset({CALL, *ENTRIES, ARRAY, PLAIN})
_FACTORY = "__sciad_factory__"
_FUTURE_FLAGS = 0x1FE0000
#: These look at the frame they are called from.
_LEFT_ALONE = frozenset({"super", "locals", "globals", "vars", "eval", "exec", "dir", "breakpoint"})
#: So do these, of `sys` and `inspect`.
_FRAMES = frozenset({"_getframe", "currentframe"})
#: These neither compute nor call: they cannot drop a derivative.
_HARMLESS = frozenset({"range", "len", "isinstance", "issubclass", "enumerate", "zip", "id"})


def is_rewritten(code: types.CodeType) -> bool:
    """Whether calls in this code go through the dispatcher already."""
    return any(not _NAMES.isdisjoint(part.co_names) for part in nested_codes(code))


#: What is known of code, by its id; the code stays alive, and so its id.
_clean: dict[int, tuple[types.CodeType, bool]] = {}


def needs_no_rewriting(code: types.CodeType) -> bool:
    """Whether code, also that of the functions in it, has nothing to intercept."""
    known = _clean.get(id(code))
    if known is None:
        known = _clean[id(code)] = code, not any(map(_is_intercepted, _instructions(code)))
    return known[1]


def works_on_slices(code: types.CodeType) -> bool:
    """Whether code computes with slices: it gains by being rewritten, even without calls."""
    names = [i.opname for i in _instructions(code)]
    return names.count("BINARY_OP") > 1 and any("SLICE" in name for name in names)


def _instructions(code: types.CodeType) -> Iterator[dis.Instruction]:
    for part in nested_codes(code):
        yield from dis.get_instructions(part)


def _is_intercepted(instruction: dis.Instruction) -> bool:
    name = instruction.opname
    if name.startswith("BINARY_OP"):
        return instruction.argrepr[:1] in "@%" or instruction.argrepr.endswith("=")
    return name.startswith(("CALL", "CHECK_E", "STORE_SUBSCR", "STORE_SLICE", "BUILD_STRING"))


def install(name: str, entry: Any) -> None:
    """Make an entry of the dispatcher, or what it goes by, known to rewritten code."""
    setattr(builtins, name, entry)


def rewritten_code(function: types.FunctionType) -> types.CodeType:
    """Code object of a function with its calls intercepted (the same for ``async`` functions)."""
    code = function.__code__
    if is_rewritten(code):
        return code
    if CALL not in builtin_names(function):
        raise SourceError(f"{function.__qualname__} runs with built-in names of its own")
    return _compile(source_of(function))


def builtin_names(function: Any) -> dict[str, Any]:
    """Give the built-in names a function runs with."""
    return function.__builtins__


def with_code(function: types.FunctionType, code: types.CodeType) -> Any:
    """Make a function that runs other code on the globals, cells, defaults of `function`."""
    if code is function.__code__:
        return function
    made = types.FunctionType(
        code,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    if function.__kwdefaults__:
        made.__kwdefaults__ = function.__kwdefaults__
    return made


class _Interceptor(ast.NodeTransformer):
    """Wraps every call, every ``@``, what makes text, and what ``except`` clauses name."""

    def __init__(
        self, untouched: frozenset[str], guards: bool, code: types.CodeType | None = None
    ) -> None:
        self.untouched = untouched
        self.guards = guards  # whether its ``except`` clauses are guarded
        self.code = code  # whose expressions get sites
        self.module = "<unknown>"

    def visit_Call(self, node: ast.Call) -> ast.AST:
        made = self._at_once(node) if isinstance(node.func, ast.Attribute) else None
        if made is not None:
            return made
        short = all(map(_is_short, node.args))
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.untouched:
            if node.func.id in ("eval", "exec") and node.args:
                node.args[0] = _helped("readable", [node.args[0]], node.args[0])
            return node
        if isinstance(node.func, ast.Attribute) and node.func.attr in _FRAMES:
            return node
        simple = not node.keywords and not any(isinstance(a, ast.Starred) for a in node.args)
        entry = ENTRIES[len(node.args)] if simple and len(node.args) < len(ENTRIES) else CALL
        name = ast.copy_location(ast.Name(entry, ast.Load()), node.func)
        made = ast.copy_location(ast.Call(name, [node.func, *node.args], node.keywords), node)
        if entry == CALL or not _looks_like_class(node.func) or not short:
            return made
        known = ast.copy_location(_is_ready(node.func), node)
        return ast.fix_missing_locations(ast.copy_location(ast.IfExp(known, node, made), node))

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        last = node.body[-1]
        if not self.guards or (isinstance(last, ast.Raise) and last.exc is None):
            return node  # it tidies up, and lets the error go on
        kinds = node.type or ast.Attribute(ast.Name(CALL, ast.Load()), "anything", ast.Load())
        node.type = _helped("caught", [kinds], node.type or node)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        return self._at_once(node) or self.generic_visit(node)

    def _at_once(self, node: ast.expr) -> ast.expr | None:
        """Give an expression a second way, if it has parts that nobody sees."""
        expression = None if self.code is None else expression_of(node)
        if expression is None:
            return None
        assert self.code is not None
        general = _Interceptor(self.untouched, self.guards).visit(copy.deepcopy(node))
        site = Site(expression, node, self.code, self.module)
        tests: list[ast.expr] = [_is_array(name) for name in expression.tested()]
        test = tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), tests)
        names: list[ast.expr] = [ast.Name(name, ast.Load()) for name in expression.names]
        made: Any = ast.IfExp(test, ast.Call(ast.Name(site.name, ast.Load()), names, []), general)
        made.at_once = True
        return ast.fix_missing_locations(ast.copy_location(made, node))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        made = self._at_once(node)
        if made is not None:
            return made
        self.generic_visit(node)
        if isinstance(node.op, ast.MatMult):
            return _helped("matmul", [node.left, node.right], node)
        if isinstance(node.op, ast.Mod) and not (_is_number(node.left) or _is_number(node.right)):
            return _helped("modulo", [node.left, node.right], node)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        parts = [p if isinstance(p, ast.Constant) else ast.JoinedStr([p]) for p in node.values]
        return _helped("joined", parts, node) if len(parts) > 1 else node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        node.value = self.visit(node.value)
        if node.format_spec is not None:  # stays a literal of Python's, with what is in it visited
            self.generic_visit(node.format_spec)
        return node


def _looks_like_class(function: ast.expr) -> bool:
    """Whether a name is written as those of classes are; if it is none, that costs a few ns."""
    return isinstance(function, ast.Name) and function.id.lstrip("_")[:1].isupper()


def _is_short(argument: ast.expr) -> bool:
    """Whether an argument may be written twice."""
    parts = list(ast.walk(argument))
    return len(parts) < _SHORT and not any(
        isinstance(part, ast.expr) and not isinstance(part, _REPEATABLE) for part in parts
    )


_SHORT = 24
_REPEATABLE = (ast.Name, ast.Constant, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.Subscript)


def _is_ready(function: ast.expr) -> ast.expr:
    """Test for a class that was looked at before: it is called without the dispatcher."""
    kind = ast.Call(ast.Name(TYPE, ast.Load()), [function], [])
    is_class = ast.Compare(kind, [ast.Is()], [ast.Name(TYPE, ast.Load())])
    seen = ast.Compare(function, [ast.In()], [ast.Name(SEEN, ast.Load())])
    return ast.BoolOp(ast.And(), [is_class, seen])


def _is_array(name: str) -> ast.expr:
    """Test for an array of followed code."""
    kind = ast.Call(ast.Name(TYPE, ast.Load()), [ast.Name(name, ast.Load())], [])
    return ast.Compare(kind, [ast.Is()], [ast.Name(ARRAY, ast.Load())])


def _helped(helper: str, arguments: list[Any], node: ast.AST) -> ast.expr:
    """Call of a helper, an attribute of the dispatcher, in the place of a node."""
    function = ast.Attribute(ast.Name(CALL, ast.Load()), helper, ast.Load())
    made = ast.copy_location(ast.Call(function, arguments, []), node)
    return ast.fix_missing_locations(made)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _compile(source: FunctionSource) -> types.CodeType:
    original = source.function.__code__
    node: Any = copy.deepcopy(source.node)
    if isinstance(node, ast.AsyncFunctionDef):
        return original
    _strip_header(node)
    # contextlib passes errors on to all contexts that are open
    guards = original.co_filename != contextlib.__file__
    interceptor = _Interceptor(_untouched(source), guards, original if has_arrays(node) else None)
    interceptor.module = source.globals.get("__name__", interceptor.module)
    if isinstance(node, ast.Lambda):
        node.body = interceptor.visit(node.body)
        statement: ast.stmt = ast.Assign([ast.Name("f", ast.Store())], node)
    else:
        versions = Versions(node, scope_of(source.function, borrowed_parameters), install)
        node.body = [interceptor.visit(part) for part in node.body]
        versions.weave(node)
        guard_stores(node, CALL)
        statement = node
    prefix = "_" * 8
    scope = ast.ClassDef(prefix + (source.class_name or ""), [], [], [statement], [])
    parameters = [name for name in original.co_freevars if name != "__class__"]
    arguments = ast.arguments([], [ast.arg(name) for name in parameters], None, [], [], None, [])
    factory = ast.FunctionDef(_FACTORY, arguments, [scope], [], None)
    if hasattr(factory, "type_params"):
        factory.type_params, scope.type_params = [], []  # type: ignore[attr-defined]
    module = ast.fix_missing_locations(ast.Module([factory], []))
    flags = original.co_flags & _FUTURE_FLAGS
    with SYNTAX:
        compiled = compile(module, original.co_filename, "exec", flags=flags, dont_inherit=True)
    code = _inner(_inner(_inner(compiled)))
    if code.co_freevars != original.co_freevars:
        raise SourceError(
            f"the source of {original.co_qualname} does not match the running code",
            where=source.location(),
        )
    code = _renamed(code, code.co_qualname, original.co_qualname)
    return code.replace(co_name=original.co_name, co_firstlineno=original.co_firstlineno)


def _untouched(source: FunctionSource) -> frozenset[str]:
    """Names of functions whose calls stay as they are; of built-in ones only what nothing hides."""
    stored = {
        n.id
        for n in ast.walk(source.node)
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
    arguments = {n.arg for n in ast.walk(source.node) if isinstance(n, ast.arg)}
    hidden = stored | arguments | {*source.function.__code__.co_freevars, *source.globals}
    return _LEFT_ALONE | (_HARMLESS - hidden)


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

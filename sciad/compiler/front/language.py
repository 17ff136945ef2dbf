"""Parts of the language beside arithmetic and arrays: arguments of calls, names, jumps by errors.

What can be said with simpler syntax is rewritten (`desugared`); the rest are handlers that the
tables of `statements` and `expressions` name.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from sciad.compiler.front import singles
from sciad.compiler.front.values import (
    Abstract,
    ListOf,
    Memory,
    Missing,
    RangeOf,
    Rows,
    StaticArray,
    Structure,
    TupleOf,
    Unsure,
)
from sciad.compiler.ir import Const, Operand, const
from sciad.compiler.vocabulary import arrays, fancy, indexing, whole

if TYPE_CHECKING:
    from sciad.compiler.front.lower import Frame, Lowering
    from sciad.compiler.front.values import Pythonic

__all__ = [
    "arguments",
    "assign_starred",
    "assured",
    "check_nonlocal",
    "delete",
    "desugared",
    "element",
    "exception_of",
    "is_long",
    "is_mutable",
    "iteration",
    "keyword_defaults",
    "keywords",
    "named_defaults",
    "owner",
    "source",
    "starred",
    "text_of",
    "walrus",
    "zipped",
]

_LONGEST_UNROLLED = 100
_QUIET = ("ignore", "warn", "print", "log")
_serial = count(1)


# -- rewriting -----------------------------------------------------------------------------------
def desugared(tree: Any) -> Any:
    """Rewrite `with np.errstate(...)` and `match` in a function; made once for a tree."""
    known = getattr(tree, "_sciad_desugared", None)
    if known is None:
        known = tree
        if any(isinstance(node, ast.With | ast.Match) for node in ast.walk(tree)):
            known = ast.fix_missing_locations(_Desugar().visit(copy.deepcopy(tree)))
        tree._sciad_desugared = known
    return known


class _Desugar(ast.NodeTransformer):
    def visit_With(self, node: ast.With) -> Any:
        self.generic_visit(node)
        return node.body if all(_is_errstate(item) for item in node.items) else node

    def visit_Match(self, node: ast.Match) -> Any:
        self.generic_visit(node)
        name = f".match{next(_serial)}"
        chain: list[ast.stmt] = []
        for case in reversed(node.cases):
            made = _case(case, name, chain, node)
            if made is None:
                return node
            chain = made
        subject = ast.Assign([ast.Name(name, ast.Store())], node.subject)
        return [ast.copy_location(subject, node), *chain]


def _is_errstate(item: ast.withitem) -> bool:
    made = item.context_expr
    if not isinstance(made, ast.Call) or made.args or item.optional_vars is not None:
        return False
    base = made.func.value if isinstance(made.func, ast.Attribute) else None
    numpy = isinstance(base, ast.Name) and base.id in ("np", "numpy")
    name = made.func.attr if isinstance(made.func, ast.Attribute) and numpy else None
    modes = [k.value.value if isinstance(k.value, ast.Constant) else None for k in made.keywords]
    return name == "errstate" and all(mode in _QUIET for mode in modes)


def _case(case: ast.match_case, name: str, rest: list[ast.stmt], node: ast.Match) -> list | None:
    """Write one case as an if whose else is the rest; None for a pattern that is not supported."""
    subject = ast.Name(name, ast.Load())
    pattern, before = case.pattern, []
    test: ast.expr | None
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
        test = ast.Constant(True)
        if pattern.name is not None:
            before = [ast.Assign([ast.Name(pattern.name, ast.Store())], subject)]
    else:
        test = _test(pattern, name)
    if test is None:
        return None
    if case.guard is not None:
        test = ast.BoolOp(ast.And(), [test, case.guard])
    made = [*before, ast.If(test, case.body, rest)]
    return [ast.copy_location(statement, case.body[0]) for statement in made]


def _test(pattern: ast.pattern, name: str) -> ast.expr | None:
    subject = ast.Name(name, ast.Load())
    if isinstance(pattern, ast.MatchValue):
        return ast.Compare(subject, [ast.Eq()], [pattern.value])
    if isinstance(pattern, ast.MatchSingleton) and pattern.value is None:
        return ast.Compare(subject, [ast.Is()], [ast.Constant(None)])
    if isinstance(pattern, ast.MatchOr):
        tests = [_test(p, name) for p in pattern.patterns]
        return None if None in tests else ast.BoolOp(ast.Or(), tests)  # type: ignore[arg-type]
    return None


# -- names ---------------------------------------------------------------------------------------
def owner(frame: Frame, name: str) -> Frame:
    """Find the activation that a name which is assigned belongs to (`nonlocal`)."""
    scope: Any = frame
    while scope is not None and name not in scope.names and not name.startswith("."):
        scope = scope.outer
    return frame if scope is None else scope


def check_nonlocal(low: Lowering, node: ast.Nonlocal) -> None:
    """Refuse to assign names of functions that are not compiled: nobody would see it."""
    for name in node.names:
        scope = low.frame.outer
        while scope is not None and name not in scope.names:
            scope = scope.outer
        if scope is None:
            low.refuse(
                f"the nonlocal name {name!r} belongs to a function that is not compiled",
                node,
                "return the value, or define both functions inside the compiled one",
            )


def assured(low: Lowering, node: ast.Name, value: Unsure) -> Abstract:
    """Check at run time that a name has been assigned; after that it is."""
    message = f"cannot access local variable {node.id!r} where it is not associated with a value"
    low.check(value.defined, "UnboundLocalError", message, node)
    key = (low.frame.serial, node.id)
    if low.env.get(key) is value:
        low.env[key] = value.value
    return value.value


def delete(low: Lowering, node: ast.Delete) -> None:
    """Forget names."""
    for target in node.targets:
        if not isinstance(target, ast.Name):
            low.refuse("del of something other than a name cannot be compiled", node)
        low.read(ast.copy_location(ast.Name(target.id, ast.Load()), target))
        low.bind(target.id, Missing("it was deleted"))


def walrus(low: Lowering, node: ast.NamedExpr) -> Abstract:
    """Lower `name := value`."""
    value = arrays.settled(low, low.evaluate(node.value), node)
    low.bind(node.target.id, value)
    return value


def starred(target: ast.Tuple | ast.List) -> bool:
    """Whether a target takes what is left over."""
    return any(isinstance(element, ast.Starred) for element in target.elts)


def assign_starred(low: Lowering, target: ast.Tuple | ast.List, value: Abstract) -> None:
    """Lower `first, *rest = value`."""
    from sciad.compiler.front.expressions import make_list
    from sciad.compiler.front.statements import assign

    items = indexing.sequence(low, value, target)
    (place,) = (k for k, e in enumerate(target.elts) if isinstance(e, ast.Starred))
    after = len(target.elts) - place - 1
    if len(items) < place + after:
        low.refuse(f"{len(items)} values are unpacked into {len(target.elts)} names", target)
    end = len(items) - after
    middle: Any = target.elts[place]
    for element, item in zip(target.elts[:place], items[:place], strict=True):
        assign(low, element, item)
    assign(low, middle.value, make_list(low, items[place:end], target))
    for element, item in zip(target.elts[place + 1 :], items[end:], strict=True):
        assign(low, element, item)


# -- errors --------------------------------------------------------------------------------------
def exception_of(node: ast.Raise) -> tuple[str, str]:
    """Name of the exception that is raised and its message."""
    name, message = "RuntimeError", "the function raised an exception"
    made = node.exc
    if isinstance(made, ast.Call):
        message = text_of(made.args[0]) if made.args else ""
        made = made.func
    if isinstance(made, ast.Name):
        name = made.id
    elif isinstance(made, ast.Attribute):
        name = made.attr
    return name, message


def text_of(node: ast.expr) -> str:
    """Text of a message; what is known only at run time stands in it as its source."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            f"{{{ast.unparse(p.value)}}}" if isinstance(p, ast.FormattedValue) else text_of(p)
            for p in node.values
        )
    return ast.unparse(node)


# -- arguments -----------------------------------------------------------------------------------
def keyword_defaults(low: Lowering, target: Pythonic) -> dict[str, Abstract]:
    """Read the default values of keyword-only parameters."""
    names = target.function.__kwdefaults__ or {}
    return {name: low.resolve_global(target, f"__default__.{name}") for name in names}


def named_defaults(low: Lowering, node: ast.FunctionDef | ast.Lambda) -> dict[str, Abstract]:
    """Evaluate the default values of keyword-only parameters of an inner function."""
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return {a.arg: low.evaluate(d) for a, d in pairs if d is not None}


def keywords(low: Lowering, node: ast.Call) -> dict[str, Abstract]:
    """Evaluate the keyword arguments of a call."""
    named: dict[str, Abstract] = {}
    for keyword in node.keywords:
        value = arrays.settled(low, low.evaluate(keyword.value), node)
        if keyword.arg is not None:
            given = {keyword.arg: value}
        elif isinstance(value, Structure) and value.is_dict:
            given = value.items
        else:
            low.refuse("** of something other than a dict", node, "name the arguments")
        if not named.keys().isdisjoint(given) or not all(isinstance(k, str) for k in given):
            low.refuse(f"{ast.unparse(node.func)} gets an argument twice, or by a number", node)
        named.update(given)
    return named


def arguments(
    low: Lowering, tree: Any, args: list, named: dict[str, Abstract], defaults: tuple, node: ast.AST
) -> dict[str, Abstract]:
    """Bind the arguments of a call to the names of the parameters."""
    spec = tree.args
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    known = {*names, *(a.arg for a in spec.kwonlyargs)} - {a.arg for a in spec.posonlyargs}
    title = getattr(tree, "name", "<lambda>")
    values = dict(zip(names, args, strict=False))
    extra, more = args[len(names) :], {}
    if spec.vararg is not None:
        values[spec.vararg.arg] = TupleOf(tuple(extra))
    elif extra:
        low.refuse_call(f"{title} takes {len(names)} arguments, got {len(args)}", node)
    for name, value in named.items():
        if name in known and name not in values:
            values[name] = value
        elif spec.kwarg is not None and name not in known:
            more[name] = value
        else:
            low.refuse_call(f"{title} got an unexpected argument {name!r}", node)
    if spec.kwarg is not None:
        values[spec.kwarg.arg] = Structure(more, True)
    plain, only = defaults
    for name, value in zip(names[len(names) - len(plain) :], plain, strict=True):
        values.setdefault(name, value)
    for name, value in only.items():
        values.setdefault(name, value)
    missing = [name for name in (*names, *(a.arg for a in spec.kwonlyargs)) if name not in values]
    if missing:
        low.refuse_call(f"{title} lacks the argument {missing[0]!r}", node)
    return values


# -- iteration of a length known at run time -----------------------------------------------------
def is_long(value: Abstract) -> bool:
    """Whether an iterable has many elements, or a number of them known only at run time."""
    if isinstance(value, Rows):
        return any(map(is_long, value.sources))
    if isinstance(value, Memory):
        return bool(value.shape) and _many(value.shape[0])
    if isinstance(value, RangeOf):
        parts = (value.start, value.stop, value.step)
        if not all(isinstance(p, Const) for p in parts):
            return True
        return len(range(*(int(p.value) for p in parts))) > _LONGEST_UNROLLED
    return False


def _many(n: Operand) -> bool:
    return not isinstance(n, Const) or n.value > _LONGEST_UNROLLED


def is_mutable(value: Abstract) -> bool:
    """Whether the elements of an iterable may change while it is run through."""
    if isinstance(value, Rows):
        return any(map(is_mutable, value.sources))
    return isinstance(value, StaticArray | ListOf | Memory)


def zipped(
    low: Lowering,
    args: list[Abstract],
    start: Operand | None,
    node: ast.AST,
    strict: bool = False,
) -> Rows:
    """zip, or enumerate (from `start`), of what is long or may be written to on the way."""
    sources = tuple(args)
    if any(map(is_long, args)):
        sources = tuple(source(low, x, node) for x in args)
    if strict:
        first, *more = [iteration(low, x, node) for x in sources]
        for n in more:
            equal = low.b.compare("eq", first, n)
            low.check(equal, "ValueError", "zip() arguments have different lengths", node)
    return Rows(sources, start)


def source(low: Lowering, value: Abstract, node: ast.AST) -> Abstract:
    """Make something whose elements are found by a computed index.

    A loop may write to an array or list that it runs over, so no copy will do, unless it is frozen.
    """
    if isinstance(value, Memory | RangeOf | Rows):
        return value
    if isinstance(value, ListOf) and value.cells.frozen is None:
        from sciad.compiler.front.lower import Restart

        raise Restart(value.cells.site)
    listed = isinstance(value, TupleOf | ListOf)
    if listed:
        singles.expect_one_kind(low, value, node)
        value = whole.from_items(low, value, node)
    value = arrays.settled(low, value, node)
    if isinstance(value, StaticArray):
        frozen = value.cells.frozen is not None or value.cells.known is not None
        value = fancy.spilled(low, value) if frozen else arrays.as_memory(low, value, node)
    if low.single and listed and isinstance(value, Memory):
        return replace(value, is_list=True)  # its numbers are not NumPy's
    if not isinstance(value, Memory) or not value.shape:
        low.refuse(
            "arrays and something that is not a sequence of numbers are run through together",
            node,
            "make all of them arrays, or use indices",
        )
    return value


def iteration(low: Lowering, value: Abstract, node: ast.AST) -> Operand:
    """Give the number of elements of a long iterable."""
    if isinstance(value, Memory | StaticArray) and not value.shape:
        low.refuse("iteration over a 0-dimensional array", node)
    if not isinstance(value, Rows | RangeOf):
        return arrays.length(low, value, node)
    if isinstance(value, Rows):
        (n, *more) = [iteration(low, source, node) for source in value.sources]
        for other in more:
            n = n if other is n else low.b.minimum(n, other)
        return n
    if not isinstance(value.step, Const):
        low.refuse("a range with a computed step is run through here", node, "write a loop")
    step = int(value.step.value)
    span = low.b.add(low.b.sub(value.stop, value.start), const(step - (1 if step > 0 else -1)))
    return low.b.maximum(low.b.pure("floordiv", span, const(step)), const(0))


def element(low: Lowering, value: Abstract, index: Operand, node: ast.AST) -> Abstract:
    """Element of a long iterable at an index that is inside."""
    if isinstance(value, Memory):
        return indexing.item(low, value, (index,), node, inside=True)
    if isinstance(value, RangeOf):
        return arrays.plus(low, arrays.times(low, index, value.step), value.start)
    if not isinstance(value, Rows):
        return indexing.item(low, value, (index,), node)
    if value.flipped:
        (source,) = value.sources
        last = arrays.plus(low, iteration(low, source, node), const(-1))
        return element(low, source, low.b.sub(last, index), node)
    items = tuple(element(low, source, index, node) for source in value.sources)
    if value.first is None:
        return TupleOf(items)
    return TupleOf((arrays.plus(low, index, value.first), *items))

"""Assignments into plain arrays: ``buf[i] = v`` where `buf` may have to become a followed array.

``buf = data * 2`` makes a plain array without any call that sciad could intercept. A traced value
that is written into it raises `LostDerivativeError`; this pass catches it at the very statement and
asks `sciad.core.adoption` for a followed array in the place of the plain one::

    buf[i] = f(y)             value = f(y)
                              try:
                                  buf[i] = value
                              except lost:
                                  buf = adopt(buf)
                                  buf[i] = value

A value without calls is computed again instead of being named. Only names that belong to the
function itself are handled: what they hold was handed to this very call, and a rebound name is seen
by nobody else. A ``try`` that catches nothing costs nothing.
"""

import ast
import copy
from typing import Any

from sciad.core.expressions import is_at_once
from sciad.core.versions import is_as_it_stands

__all__ = ["guard_stores"]

_VALUE, _PART, _INDEX, _ITEM = (f"__sciad_{n}__" for n in ("value", "part", "index", "item"))
#: Attributes of an array that are views of it.
_VIEWS = frozenset({"T", "mT", "real", "imag", "flat"})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_IMPURE: tuple[type[ast.AST], ...] = (
    ast.Await,
    ast.Call,
    ast.DictComp,
    ast.GeneratorExp,
    ast.JoinedStr,
    ast.Lambda,
    ast.ListComp,
    ast.NamedExpr,
    ast.SetComp,
    ast.Yield,
    ast.YieldFrom,
)


def _bound(node: Any) -> tuple[frozenset[str], frozenset[str]]:
    """(names that a function binds for itself, names it declares as global or nonlocal)."""
    arguments = node.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    found = {a.arg for a in (*given, arguments.vararg, arguments.kwarg) if a is not None}
    elsewhere: set[str] = set()
    front = list(node.body) if isinstance(node.body, list) else []
    while front:
        part = front.pop()
        if isinstance(part, ast.Global | ast.Nonlocal):
            elsewhere.update(part.names)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        if not isinstance(part, _SCOPES):
            front.extend(ast.iter_child_nodes(part))
    return frozenset(found - elsewhere), frozenset(elsewhere)


def guard_stores(node: Any, dispatcher: str, around: frozenset[str] = frozenset()) -> None:
    """Guard the assignments of a function (and of those inside it), in place.

    Parameters
    ----------
    node : ast.FunctionDef
        The function; its calls are rewritten already.
    dispatcher : str
        Name whose attributes ``lost``, ``adopt``, ... are used.
    around : frozenset of str
        Names of the functions around it, as far as they are rewritten too.
    """
    own, declared = _bound(node)
    free = around - own - declared
    guard = _Guard(dispatcher, own, free, _shared_names(node) | free)
    node.body = guard.block(node.body)
    taken = sorted(guard.taken & free)
    if taken:  # a name of the function around is bound here
        node.body.insert(0, _located([ast.Nonlocal(taken)], node)[0])


def _shared_names(node: Any) -> frozenset[str]:
    """Names that functions inside a function read or bind."""
    inner = [part for part in ast.walk(node) if isinstance(part, _SCOPES) and part is not node]
    return frozenset(
        name.id for part in inner for name in ast.walk(part) if isinstance(name, ast.Name)
    )


class _Guard(ast.NodeTransformer):
    """Transformer of the statements of one function."""

    def __init__(
        self, dispatcher: str, own: frozenset[str], free: frozenset[str], shared: frozenset[str]
    ) -> None:
        self.dispatcher = dispatcher
        self.own = own
        self.names = own | free
        self.shared = shared
        self.taken: set[str] = set()  # names that an adopted array may be bound to

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for statement in statements:
            new = self.visit(statement)
            made += new if isinstance(new, list) else [new]
        return made

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        guard_stores(node, self.dispatcher, self.names)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                guard_stores(part, self.dispatcher, self.names)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr):
            return node  # statements are inside statements only
        return super().generic_visit(node)

    # Assignments

    def visit_Assign(self, node: ast.Assign) -> Any:
        if is_as_it_stands(node):
            return node
        targets = node.targets
        parts = [part for t in targets for part in _parts(t)]
        if not any(self._is_guarded(part) or _is_explained(part) for part in parts):
            return node
        if len(targets) == 1 and not isinstance(targets[0], ast.Tuple | ast.List):
            made = self._store(targets[0], node.value)
        else:
            made = self._several(targets, node.value)
        return _located(made, node)

    def _several(self, targets: list[ast.expr], value: ast.expr) -> list[ast.stmt]:
        """``a[0], b[1] = v`` and ``a[0] = b[1] = v``: the value first, then target by target."""
        made: list[ast.stmt] = [_let(_ITEM, value)]
        for target in targets:
            made += self._unpack(target, _name(_ITEM), _ITEM)
        return [*made, _let(_ITEM, ast.Constant(None))]

    def _unpack(self, target: ast.expr, value: ast.expr, prefix: str) -> list[ast.stmt]:
        if not isinstance(target, ast.Tuple | ast.List):
            return self._store(target, value)
        names, made = [], []
        for k, part in enumerate(target.elts):
            name = f"{prefix}{k}"
            starred = isinstance(part, ast.Starred)
            stored: ast.expr = _name(name, ast.Store())
            names.append(ast.Starred(stored, ast.Store()) if starred else stored)
            made += self._unpack(part.value if starred else part, _name(name), name)  # type: ignore[attr-defined]
            made.append(_let(name, ast.Constant(None)))
        return [ast.Assign([ast.Tuple(names, ast.Store())], value), *made]

    def _store(self, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
        if isinstance(value, ast.Constant):
            return [ast.Assign([target], value)]
        if not self._is_guarded(target):
            return self._explained(target, value)
        made: list[ast.stmt] = []
        if not _is_pure(value):
            made.append(_let(_VALUE, value))
            value = _name(_VALUE)
        after = [] if not made else [_let(_VALUE, ast.Constant(None))]
        mark = None
        if isinstance(target, ast.Subscript) and not _is_pure(target.slice):
            # Python reads the array first, then the index
            made += [_let(_PART, target.value), _let(_INDEX, target.slice)]
            made_target = ast.Subscript(_name(_PART), _name(_INDEX), ast.Store())
            again = ast.Subscript(target.value, _name(_INDEX), ast.Store())
            mark = [_let(_PART, self._helper("mark", _name(_PART)))]
            after += [_let(_PART, ast.Constant(None)), _let(_INDEX, ast.Constant(None))]
        else:
            made_target = again = target  # type: ignore[assignment]
        retry = [ast.Assign([copy.deepcopy(again)], copy.deepcopy(value))]
        handler = self._adoption(_root(target), mark)
        made.append(self._try([ast.Assign([made_target], value)], [*handler, *retry]))
        return [*made, *after]

    def _explained(self, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
        """Store into an array that cannot be taken over: an error that says so."""
        if not _is_explained(target):
            return [ast.Assign([target], value)]
        base: Any = copy.deepcopy(target)
        refuse = ast.Expr(self._helper("refuse", base.value))
        if _is_pure(value):
            return [self._try([ast.Assign([target], value)], [refuse])]
        attempt: list[ast.stmt] = [ast.Assign([target], _name(_VALUE))]
        clear = _let(_VALUE, ast.Constant(None))
        return [_let(_VALUE, value), self._try(attempt, [refuse]), clear]

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        target, value = node.target, node.value
        if isinstance(value, ast.Constant) or is_as_it_stands(node):
            return node
        if isinstance(target, ast.Name):
            rebound = target.id in self.shared and not _is_pure(value)
            if target.id not in self.own or rebound or _has_walrus(value):
                return node
            return _located(self._augment_name(node), node)
        if not isinstance(target, ast.Subscript) or not self._is_guarded(target):
            return node
        if not _is_pure(target) or _has_walrus(value):
            return node
        return _located(self._augment_part(node), node)

    def _augment_name(self, node: ast.AugAssign) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        value = node.value
        if not _is_pure(value):
            made.append(_let(_VALUE, value))
            value = _name(_VALUE)
        again = ast.AugAssign(copy.deepcopy(node.target), node.op, copy.deepcopy(value))
        handler = [*self._adoption(node.target, None), again]
        clear = [_let(_VALUE, ast.Constant(None))] if made else []
        attempt: list[ast.stmt] = [ast.AugAssign(node.target, node.op, value)]
        return [*made, self._try(attempt, handler), *clear]

    def _augment_part(self, node: ast.AugAssign) -> list[ast.stmt]:
        """``b[i] += v``: read the part, then the value, change the part, store it."""
        read, value = _as_read(node.target), node.value
        change = ast.AugAssign(_name(_PART, ast.Store()), node.op, _name(_VALUE))
        compared = self._helper("same", _name(_PART), copy.deepcopy(read))
        retry = [
            _let(_PART, self._helper("kept", _name(_PART))),
            *self._adoption(_root(node.target), None),
            _let(_PART, compared),
            copy.deepcopy(change),
        ]
        return [
            _let(_PART, read),
            _let(_VALUE, value),
            self._try([change], retry),
            *self._store(node.target, _name(_PART)),
            _let(_PART, ast.Constant(None)),
            _let(_VALUE, ast.Constant(None)),
        ]

    # Parts of the new statements

    def _is_guarded(self, target: ast.AST) -> bool:
        if not isinstance(target, ast.Subscript | ast.Attribute):
            return False
        if isinstance(target, ast.Attribute) and target.attr not in _VIEWS:
            return False
        root = _root(target)
        if not isinstance(root, ast.Name) or root.id not in self.names:
            return False
        return isinstance(target.value, ast.Name) or _is_pure(target)

    def _helper(self, name: str, *args: ast.expr) -> ast.expr:
        return ast.Call(ast.Attribute(_name(self.dispatcher), name, ast.Load()), list(args), [])

    def _adoption(self, root: Any, mark: list[ast.stmt] | None) -> list[ast.stmt]:
        self.taken.add(root.id)
        args: list[ast.expr] = [_name(root.id)]
        if mark is not None:
            args.append(_name(_PART))
        return [*(mark or []), _let(root.id, self._helper("adopt", *args))]

    def _try(self, body: list[ast.stmt], handler: list[ast.stmt]) -> ast.stmt:
        lost = ast.Attribute(_name(self.dispatcher), "lost", ast.Load())
        return ast.Try(body, [ast.ExceptHandler(lost, None, handler)], [], [])


def _parts(target: ast.expr) -> list[ast.expr]:
    """Targets in a (nested) tuple of them."""
    if isinstance(target, ast.Tuple | ast.List):
        return [part for t in target.elts for part in _parts(t)]
    return [target.value if isinstance(target, ast.Starred) else target]


def _is_explained(target: ast.AST) -> bool:
    return isinstance(target, ast.Subscript) and _is_pure(target)


def _root(target: ast.AST) -> ast.AST:
    """Name that ``m.T[0][i]`` starts from."""
    while isinstance(target, ast.Subscript) or (
        isinstance(target, ast.Attribute) and target.attr in _VIEWS
    ):
        target = target.value
    return target


def _is_pure(node: ast.AST) -> bool:
    """Whether an expression may be evaluated twice."""
    front = [node]
    while front:
        part = front.pop()
        if isinstance(part, _IMPURE):
            return False
        front += [part.orelse] if is_at_once(part) else ast.iter_child_nodes(part)
    return True


def _has_walrus(node: ast.AST) -> bool:
    return any(isinstance(part, ast.NamedExpr) for part in ast.walk(node))


def _as_read(target: ast.expr) -> Any:
    read: Any = copy.deepcopy(target)
    read.ctx = ast.Load()
    return read


def _name(name: str, context: ast.expr_context | None = None) -> ast.Name:
    return ast.Name(name, context or ast.Load())


def _let(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([_name(name, ast.Store())], value)


def _located(statements: list[ast.stmt], node: ast.stmt) -> list[ast.stmt]:
    """Give new statements the place of the old one."""
    for statement in statements:
        for part in ast.walk(statement):
            if not hasattr(part, "lineno"):
                ast.copy_location(part, node)
    return statements

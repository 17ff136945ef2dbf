"""Functions defined by an equation: the derivative comes from one linear solve.

With F(y, a) = 0 and dF = F_y dy + F_a da,

    forward   dy = -F_y^-1 F_a da
    reverse   a_bar = -F_a^T lambda   with   F_y^T lambda = y_bar

(A. Griewank, A. Walther, "Evaluating Derivatives", SIAM 2008, section 15). Numbers and arrays of y,
and those of F, are packed into one real vector each; complex ones as real and imaginary parts, so
that F need not be holomorphic. All of it is computed with values that outer transformations may
follow, which gives higher derivatives.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sciad.core.apply import bind
from sciad.core.captured import Captured
from sciad.core.checkpoint import own_memory, refuse_escaped, suspended
from sciad.core.entries import run as run_followed
from sciad.core.errors import InputError, NotDifferentiableError, user_location
from sciad.core.jacobian import jacobian
from sciad.core.products import jvp, vjp
from sciad.core.running import ForwardRun, name_of
from sciad.core.tracer import dtype_of, primal_of, shape_of, top_trace, trace_of
from sciad.core.tree import TreeDef, flatten, unflatten

__all__ = ["ImplicitFunction"]

Solve = Callable[[Callable[[Any], Any], Any], Any]


class ImplicitFunction:
    """Takes the place of a function whose result is the root of a residual.

    Parameters
    ----------
    function : callable
        Gives y; it is called with plain numbers.
    residual : callable
        ``residual(y, *args)``: zero at the result, with as many numbers as y.
    solve : callable, optional
        ``solve(matvec, b)`` solves a linear system with real vectors.
    tol : float or None
        Distance from the root, relative to y, that is accepted; ``None``: not checked.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        residual: Callable[..., Any],
        solve: Solve | None = None,
        tol: float | None = 1e-6,
    ) -> None:
        self.function, self.residual, self.solve, self.tol = function, residual, solve, tol
        self.name = name_of(function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; where an argument is traced, its derivative is that of the root."""
        captured = Captured((self.function, self.residual, args, kwargs))
        if top_trace(captured.leaves) is None:
            return self.function(*args, **kwargs)
        outputs, treedef = self.outputs(captured, captured.leaves, user_location())
        return unflatten(treedef, outputs)

    def outputs(
        self, captured: Captured, leaves: Sequence[Any], where: str
    ) -> tuple[list[Any], TreeDef]:
        """Leaves and structure of the result."""
        trace = top_trace(leaves)
        if trace is None:
            rebuilt = captured.rebuilt(leaves)
            function, _, args, kwargs = rebuilt.tree
            result, treedef = flatten(function(*args, **kwargs))
            rebuilt.verify(self.name)
            return own_memory(result, leaves), treedef
        rule = _Root(self, captured, trace, leaves, where)
        results = list(bind(rule, *leaves))
        assert rule.treedef is not None
        return results, rule.treedef


class _Root:
    """Rule of one call in one transformation."""

    def __init__(
        self, kind: ImplicitFunction, captured: Captured, trace: Any, leaves: Any, where: str
    ) -> None:
        self.kind, self.captured, self.trace = kind, captured, trace
        self.name, self.where = kind.name, where
        self.active = [k for k, leaf in enumerate(leaves) if trace_of(leaf) is trace]
        self.treedef: TreeDef | None = None

    def value(self, *leaves: Any) -> tuple:
        """Call the function."""
        with suspended(self.trace, self.name):
            outputs, self.treedef = self.kind.outputs(self.captured, leaves, self.where)
        refuse_escaped(outputs, self.trace, self.name)
        return tuple(outputs)

    def vjp(self, cotangents: tuple, out: tuple, *leaves: Any) -> tuple:
        """Solve with the transposed Jacobian."""
        system = _System(self, out, leaves)
        multiplier = system.solve(pack(cotangents, out), transposed=True)
        inputs = [leaves[k] for k in self.active]
        _, pullback = vjp(lambda *moving: system.residual(system.y, moving), *inputs)
        found: list[Any] = [None] * len(leaves)
        for k, cotangent in zip(self.active, pullback(-multiplier), strict=True):
            found[k] = cotangent
        return tuple(found)

    def jvp(self, tangents: tuple, out: tuple, *leaves: Any) -> tuple:
        """Solve with the Jacobian, for all directions."""
        system = _System(self, out, leaves)
        given = [tangents[k] for k in self.active]
        directions = shape_of(given[0])[0]
        run = ForwardRun(
            lambda moving: system.residual(system.y, moving),
            [leaves[k] for k in self.active],
            given,
            directions,
            name=self.name,
        )
        pushed = run.tangents[0]
        if pushed is None:
            return (None,) * len(out)
        rows = [system.solve(-pushed[d], transposed=False) for d in range(directions)]
        return tuple(unpack(np.stack(rows), out, directions))


class _System:
    """The linear system at a root."""

    def __init__(self, root: _Root, out: tuple, leaves: Sequence[Any]) -> None:
        self.root, self.out, self.leaves = root, out, list(leaves)
        self.y = pack(out, out)
        self.matrix: Any = None
        if root.kind.solve is None:
            self.matrix = jacobian(self.residual_of_y, mode="forward")(self.y)
        self._check()

    def residual_of_y(self, y: Any) -> Any:
        """Residual as a function of the root."""
        return self.residual(y, [self.leaves[k] for k in self.root.active])

    def residual(self, y: Any, moving: Sequence[Any]) -> Any:
        """Packed residual for other values of y and of the traced arguments."""
        full = list(self.leaves)
        for k, value in zip(self.root.active, moving, strict=True):
            full[k] = value
        rebuilt = self.root.captured.rebuilt(full)
        _, residual, args, kwargs = rebuilt.tree
        assert self.root.treedef is not None
        tree = unflatten(self.root.treedef, unpack(y, self.out))
        found = flatten(run_followed(residual, tree, *args, **kwargs))[0]
        packed = pack(found, found)
        if shape_of(packed) != shape_of(self.y):
            raise InputError(
                f"the residual of {self.root.name} has {shape_of(packed)[0]} real numbers, its"
                f" result {shape_of(self.y)[0]}",
                where=self.root.where,
            )
        return packed

    def solve(self, b: Any, transposed: bool) -> Any:
        """Solve with the Jacobian of the residual, or its transpose."""
        if self.matrix is not None:
            return np.linalg.solve(np.transpose(self.matrix) if transposed else self.matrix, b)
        solve = self.root.kind.solve
        assert solve is not None

        def product(x: Any, y: Any, moving: Sequence[Any]) -> Any:
            if transposed:
                return vjp(lambda v: self.residual(v, moving), y)[1](x)[0]
            return jvp(lambda v: self.residual(v, moving), (y,), (x,))[1]

        def solution(b: Any, y: Any, moving: Sequence[Any]) -> Any:
            return np.asarray(solve(lambda x: product(x, y, moving), b))

        def equation(x: Any, b: Any, y: Any, moving: Sequence[Any]) -> Any:
            return product(x, y, moving) - b

        moving = [self.leaves[k] for k in self.root.active]
        return ImplicitFunction(solution, equation, solve, tol=None)(b, self.y, moving)

    def _check(self) -> None:
        """Raise if the result is no root, or the Jacobian is singular there."""
        name, where, tol = self.root.name, self.root.where, self.root.kind.tol
        if self.matrix is not None:
            matrix = np.asarray(primal_of(self.matrix))
            if not np.all(np.isfinite(matrix)) or _is_singular(matrix):
                raise NotDifferentiableError(
                    f"{name}: the Jacobian of the residual is singular or not finite at the result",
                    where=where,
                    hint="the root is multiple, or the residual does not depend on a part of it:"
                    " there is no derivative",
                )
        if tol is None:
            return
        y = np.asarray(primal_of(self.y))
        residual = np.asarray(primal_of(self.residual_of_y(self.y)))
        step = np.asarray(primal_of(self.solve(residual, transposed=False)))
        distance = np.max(np.abs(step), initial=0.0)
        if not distance <= tol * max(np.max(np.abs(y), initial=0.0), 1e-3):
            raise InputError(
                f"{name}: the residual is not zero at the result: it is"
                f" {np.max(np.abs(residual), initial=0.0):.3g}, and the root is about"
                f" {distance:.3g} away",
                where=where,
                hint="check that the residual is that of this function, let it iterate longer, or"
                " give sciad.rule a larger tol",
            )


def _is_singular(matrix: np.ndarray) -> bool:
    """Whether a matrix is singular to rounding, whatever the units of rows and columns."""
    if not matrix.size:
        return False
    with np.errstate(all="ignore"):
        scaled = matrix / np.max(np.abs(matrix), axis=1, keepdims=True)
        scaled = scaled / np.max(np.abs(scaled), axis=0, keepdims=True)
    if not np.all(np.isfinite(scaled)):  # a row or a column of zeros
        return True
    try:
        inverse = np.linalg.inv(scaled)
    except np.linalg.LinAlgError:
        return True
    condition = np.linalg.norm(scaled, 1) * np.linalg.norm(inverse, 1)
    return not condition < 1.0 / np.finfo(float).eps


def pack(leaves: Sequence[Any], like: Sequence[Any]) -> Any:
    """One real vector of some numbers and arrays, with the types of others."""
    parts = []
    for leaf, model in zip(leaves, like, strict=True):
        flat = np.reshape(leaf, (-1,))
        if dtype_of(model).kind == "c":
            parts += [np.real(flat), np.imag(flat)]
        else:
            parts.append(flat)
    return np.concatenate(parts) if parts else np.zeros(0)


def unpack(vector: Any, like: Sequence[Any], directions: int | None = None) -> list[Any]:
    """Numbers and arrays from a vector, or from rows of them (one for each direction)."""
    front = () if directions is None else (directions,)
    found, start = [], 0
    for model in like:
        shape = shape_of(model)
        size = int(np.prod(shape))
        part = vector[..., start : start + size]
        start += size
        if dtype_of(model).kind == "c":
            part = part + 1j * vector[..., start : start + size]
            start += size
        found.append(np.reshape(part, front + shape) if front or shape else part[0])
    return found

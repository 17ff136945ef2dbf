"""The frame of an emitted module: imports, what it stands for, the user's lines beside it."""

from __future__ import annotations

import linecache
import re
import types
from pathlib import Path
from typing import Any

from sciad.compiler.back.cache import compiler_digest, discard, load
from sciad.compiler.back.emit import HELPERS, Emitted
from sciad.compiler.front.frontend import python_function
from sciad.compiler.invoke import reachable
from sciad.compiler.ir import Failure, Function, Op, walk
from sciad.compiler.vecmath.catalogue import CATALOGUE
from sciad.core.errors import CompileError

__all__ = ["annotated", "called", "failures", "header", "home_of", "machine_code"]

_RUNTIME = ", ".join(
    [
        "tape_begin",
        "tape_free",
        "tape_get",
        "tape_get_int",
        "tape_grow",
        "tape_put",
        "tape_put_int",
    ]
)

_VECTORISED = re.compile(r"\bvec_\w+(?=\()")
_KERNELS = {"vec_block", "vec_maximum", "vec_minimum"} | {
    f"vec_{entry.name}" for entry in CATALOGUE.values()
}
_OURS = ("called", "cfunc", "njit")


def header(function: Any, kind: str, emitted: Emitted, numba: list[str]) -> list[str]:
    """First lines of a module."""
    root = python_function(getattr(function, "__func__", function))
    code = root.__code__ if root is not None else None
    where = f"{code.co_filename}:{code.co_firstlineno}" if code is not None else "?"
    name = getattr(function, "__qualname__", "function")
    lines = [
        f"# {kind} of {name}, {where}",
        "# Comments give the line of that file a statement comes from.",
        f"# compiler {compiler_digest()}",
        "import math",
        "",
        "import numpy as np",
        *(f"from numba import {name}" for name in numba if name not in _OURS),
        "",
        f"from sciad.compiler.back.machine import {', '.join(n for n in numba if n in _OURS)}",
    ]
    if any(line.lstrip().startswith("assume(") for line in emitted.lines):
        lines += ["from sciad.compiler.back.machine import assume"]
    if emitted.uses_tape:
        lines += [f"from sciad.compiler.back.runtime import {_RUNTIME}"]
    written = "\n".join([*emitted.functions, *emitted.lines])
    names = sorted(_KERNELS.intersection(_VECTORISED.findall(written)))
    if "special." in written:
        lines += ["from sciad.compiler.vecmath import scalars as special"]
    if names:
        lines += [f"from sciad.compiler.vecmath.kernels import {', '.join(names)}"]
    helpers = [name for name in HELPERS if f"{name}(" in written]
    if helpers:
        lines += [f"from sciad.compiler.back.dense import {', '.join(helpers)}"]
    return [*lines, "", *failures("FAILURES", emitted), *emitted.tables, "", ""]


def failures(name: str, emitted: Emitted) -> list[str]:
    """Write a list of what the statuses of a function stand for."""
    meanings = [_failure(f) for f in emitted.failures]  # type: ignore[arg-type]
    return [f"{name} = [", *(f"    {meaning!r}," for meaning in meanings), "]"]


def home_of(function: Any) -> str:
    """File of a function."""
    root = python_function(getattr(function, "__func__", function))
    return "" if root is None else root.__code__.co_filename


def machine_code(path: Path, function: Any) -> types.ModuleType:
    """Import an emitted module; what Numba cannot compile is an error about the user's function."""
    from numba.core.errors import NumbaError

    try:
        return _as_declared(load(path), path, function)
    except NumbaError as error:
        root = python_function(getattr(function, "__func__", function))
        where = None if root is None else f"{home_of(function)}:{root.__code__.co_firstlineno}"
        raise CompileError(
            f"Numba cannot compile {path}: {str(error).splitlines()[0]}",
            where=where,
            hint="please report this program; follow it eagerly (without jit) until then",
        ) from error


def _as_declared(module: types.ModuleType, path: Path, function: Any) -> types.ModuleType:
    """Refuse a module in which Numba compiled a function for other types than it declares.

    Such a second version of a function that calls itself ends a process that loads it.
    """
    made = [value for value in vars(module).values() if hasattr(value, "overloads")]
    own = [value for value in made if value.__module__ == module.__name__]
    if all(len(value.overloads) <= 1 for value in own):
        return module
    discard(path)
    root = python_function(getattr(function, "__func__", function))
    raise CompileError(
        f"Numba finds other types in {path.stem} than the compiler",
        where=None if root is None else f"{home_of(function)}:{root.__code__.co_firstlineno}",
        hint="please report this program; follow it eagerly (without jit) until then",
    )


def _failure(failure: Failure) -> tuple[str, str, str | None]:
    place = None if failure.location is None else str(failure.location)
    return failure.exception, failure.message, place


def annotated(lines: list[str], function: Any) -> list[str]:
    """Body lines with the user's source line above the first statement that comes from it."""
    root = python_function(getattr(function, "__func__", function))
    if root is None:
        return lines
    filename = home_of(function)
    out: list[str] = []
    shown = ""
    for line in lines:
        _, mark, number = line.rpartition("  # ")
        if mark and number.isdigit() and number != shown:
            shown = number
            text = linecache.getline(filename, int(number)).strip()
            indent = line[: len(line) - len(line.lstrip())]
            if text and not line.lstrip().startswith(("else", "elif")):
                out.append(f"{indent}# {number}: {text}")
        out.append(line)
    return out


def called(program: Function) -> set[Any]:
    """Elementwise functions a program calls; their rules belong to what it depends on."""
    bodies = [program.body, *(c.function.body for c in reachable(program))]
    ops = [n for body in bodies for n in walk(body) if isinstance(n, Op)]
    return {n.attr if n.code == "call" else "pow" for n in ops if n.code in ("call", "pow")}

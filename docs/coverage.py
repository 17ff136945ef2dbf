"""Writes ``coverage.md``: what of NumPy, ``math``, ``cmath`` and ``scipy.special`` has derivatives.

Run it as ``python docs/coverage.py``. Nothing in the page is claimed by hand: that a function has a
rule is read from the registry, and that it works is seen by watching the table of test cases run
(`proven`). What a name without a rule is good for is written in `coverage_names`.
"""

import cmath
import contextlib
import importlib
import math
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special

import sciad
from sciad.core import dispatch, entries
from sciad.core.errors import LostDerivativeError, NotDifferentiableError
from sciad.core.rules import (
    Elementwise,
    Linear,
    Nondifferentiable,
    Substitute,
    Vjp,
    lookup,
)
from sciad.core.tracer import Array, is_traced

if __package__:
    from .coverage_names import WITHOUT_DERIVATIVE
else:
    from coverage_names import WITHOUT_DERIVATIVE

HERE = Path(__file__).resolve().parent
PAGE = HERE / "coverage.md"

#: Calls in followed code go to functions in these files: ``entry(function, *args)``.
ENTRIES = frozenset({dispatch.__file__, entries.__file__})

#: Full name of a function -> (reason, function that calls it, *args).
Refusals = dict[str, tuple]

#: What can be said of a name.
RULES = {
    Elementwise: "rule: partial derivatives",
    Linear: "rule: adjoint map",
    Vjp: "rule: products with the Jacobian",
    Substitute: "rule: a stand-in",
}
FOLLOWED = "followed"
ZERO = "zero derivative"
CONSTANT = "no derivative"
REFUSED = "refused"
UNKNOWN = "not tried"
SUPPORTED = "supported"
PROVEN = frozenset({*RULES.values(), FOLLOWED, SUPPORTED})
ORDER = (*RULES.values(), FOLLOWED, SUPPORTED, ZERO, CONSTANT, REFUSED, UNKNOWN)

ARRAYS = "methods and attributes of arrays"
UFUNCS = "methods of ufuncs"

POLYNOMIALS = ("polynomial", "chebyshev", "hermite", "hermite_e", "laguerre", "legendre")
NAMESPACES: dict[str, Any] = {
    "numpy": np,
    "numpy.linalg": np.linalg,
    "numpy.fft": np.fft,
    **{
        f"numpy.polynomial.{name}": importlib.import_module(f"numpy.polynomial.{name}")
        for name in POLYNOMIALS
    },
    "math": math,
    "cmath": cmath,
    "scipy.special": scipy.special,
}


@dataclass(frozen=True)
class Row:
    """A public name and what can be said of it."""

    name: str
    status: str
    note: str = ""


def names_of(namespace: Any) -> list[str]:
    """Public names of a namespace."""
    listed = getattr(namespace, "__all__", None) or dir(namespace)
    return sorted({n for n in listed if not n.startswith("_")})


# What runs on traced values -----------------------------------------------------------------------


def _holds_traced(values: Iterable[Any], depth: int = 3) -> bool:
    for value in values:
        if is_traced(value):
            return True
        if depth and isinstance(value, types.FunctionType):
            inside = [cell.cell_contents for cell in value.__closure__ or ()]
            if _holds_traced(inside, depth - 1):
                return True
        if depth and isinstance(value, dict) and _holds_traced(value.values(), depth - 1):
            return True
        if depth and isinstance(value, list | tuple) and _holds_traced(value, depth - 1):
            return True
    return False


def _is_entry(code: types.CodeType) -> bool:
    return code.co_filename in ENTRIES and code.co_varnames[:1] == ("function",)


def _seen_in(frame: types.FrameType, properties: dict[Any, str]) -> Iterator[Any]:
    """Functions and names of methods that a frame shows to be run on traced values."""
    if _is_entry(frame.f_code):
        function, args = frame.f_locals["function"], list(frame.f_locals.values())[1:]
        owner = getattr(function, "__self__", None)
        if type(owner) is not types.ModuleType and is_traced(owner):
            yield from (("ndarray", name) for name in _method_names(function))
        elif _holds_traced(args):
            method = isinstance(owner, np.ufunc)
            yield (owner.__name__, function.__name__) if method else _key(function)
            yield type(function)  # np.vectorize(f) is called, not np.vectorize
    elif frame.f_code in properties and _holds_traced(list(frame.f_locals.values())):
        inner = frame.f_locals.get("function")
        yield ("ndarray", inner.__name__ if inner else properties[frame.f_code])


def _method_names(method: Any) -> list[str]:
    inner = getattr(method, "__func__", None)
    found = [name for name, member in vars(Array).items() if member is inner]
    return found or [method.__name__]


def _key(function: Any) -> Any:
    try:
        hash(function)
    except TypeError:
        return id(function)
    return function


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide warnings: the tests of the cases look at them."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def proven(cases: Iterable[tuple[Callable[..., Any], tuple]]) -> set[Any]:
    """Functions that the cases call with traced arguments.

    Parameters
    ----------
    cases : iterable of (function, arguments)
        Each is differentiated once.

    Returns
    -------
    set
        Functions; ``("ndarray", name)`` for methods and attributes, ``("add", "reduce")`` for
        methods of ufuncs.
    """
    shown: set[Any] = set()
    seen: set[Any] = set()
    properties = {
        getattr(member.fget, "__code__", None) or member.fget.__init__.__code__: name
        for name, member in vars(Array).items()
        if isinstance(member, property)
    }

    elsewhere: dict[int, types.CodeType] = {}  # kept, so that no other code gets their numbers

    def watch(frame: types.FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event != "call" or id(code) in elsewhere:
            return
        if code in properties or _is_entry(code):
            seen.update(_seen_in(frame, properties))
        else:
            elsewhere[id(code)] = code

    before = sys.getprofile()
    for function, args in cases:
        seen.clear()
        sys.setprofile(watch)
        try:
            with _quiet():
                sciad.vjp(function, *args)
        except Exception:  # it shows nothing; the test of the case says why
            seen.clear()
        finally:
            sys.setprofile(before)
        shown |= seen
    return shown


# What can be said of a name -----------------------------------------------------------------------


def is_proven(function: Any, seen: set[Any]) -> bool:
    """Whether a case calls a function (or makes objects of a class) with traced arguments."""
    return _key(function) in seen


def _real_ufunc(function: np.ufunc) -> bool:
    """Whether a ufunc takes and gives inexact numbers."""
    ends = [kinds.partition("->") for kinds in function.types]
    return any(set("fdgFDG") & set(a) and set("fdgFDG") & set(b) for a, _, b in ends)


def _is_other_type(found: Any) -> bool:
    """Whether a class makes no real or complex numbers: integers, text, dates, errors..."""
    if not isinstance(found, type) or not issubclass(found, np.generic | BaseException):
        return False
    return lookup(found) is None or not issubclass(found, np.inexact)


def _refuses_everything(function: np.ufunc) -> bool:
    """Whether a function of scipy.special raises for a traced value in any of its arguments."""
    for k in range(function.nin):
        at = [0.5] * function.nin
        try:
            with _quiet():
                sciad.vjp(lambda v, k=k, at=at: function(*at[:k], v, *at[k + 1 :]), 0.5)
        except NotDifferentiableError:
            continue
        except Exception:  # it has a rule: the test of its cases says what happened
            return False
        return False
    return True


def classify(namespace: str, name: str, seen: set[Any], refused: Refusals) -> Row | None:
    """Say what is known of a public name; None if it is no callable."""
    found = getattr(NAMESPACES[namespace], name)
    if not callable(found):
        return None
    if f"{namespace}.{name}" in refused:
        return Row(name, REFUSED, refused[f"{namespace}.{name}"][0])
    if name in WITHOUT_DERIVATIVE.get(namespace, "").split() or _is_other_type(found):
        return Row(name, CONSTANT)
    rule = lookup(found)
    if isinstance(rule, Nondifferentiable):
        return Row(name, ZERO)
    if rule is not None:
        refuses = isinstance(found, np.ufunc) and _refuses_everything(found)
        return Row(name, REFUSED, "no rule") if refuses else Row(name, RULES[type(rule)])
    if is_proven(found, seen):
        return Row(name, FOLLOWED)
    if isinstance(found, np.ufunc):
        return Row(name, REFUSED, "no rule") if _real_ufunc(found) else Row(name, CONSTANT)
    return Row(name, UNKNOWN)


def method_rows(seen: set[Any], refused: Refusals) -> list[Row]:
    """Rows of the methods and attributes of arrays."""
    return [_method_row(name, seen, refused) for name in names_of(np.ndarray)]


def _method_row(name: str, seen: set[Any], refused: Refusals) -> Row:
    if name in WITHOUT_DERIVATIVE["ndarray"].split():
        return Row(name, CONSTANT)
    if ("ndarray", name) in seen:
        return Row(name, SUPPORTED)
    if f"ndarray.{name}" in refused:
        return Row(name, REFUSED, refused[f"ndarray.{name}"][0])
    return Row(name, REFUSED if _raises_on_traced(name) else UNKNOWN)


def _raises_on_traced(attribute: str) -> bool:
    try:
        sciad.vjp(lambda a: (getattr(a, attribute), a)[1], np.ones(2))
    except LostDerivativeError:
        return True
    return False


def ufunc_rows(seen: set[Any]) -> list[Row]:
    """Rows of the methods of ufuncs: those of which a case is differentiated."""
    rows = []
    for method in ("reduce", "accumulate", "outer", "at", "reduceat"):
        found = sorted(u for u, m in (k for k in seen if isinstance(k, tuple)) if m == method)
        rows += [Row(f"{name}.{method}", SUPPORTED) for name in found]
    return rows


def sections(seen: set[Any], refused: Refusals) -> dict[str, list[Row]]:
    """Every row of the page, by section; `seen` is what `proven` gives."""
    found = {}
    for namespace, module in NAMESPACES.items():
        rows = (classify(namespace, name, seen, refused) for name in names_of(module))
        found[namespace] = [row for row in rows if row is not None]
        if namespace == "numpy":
            found[ARRAYS] = method_rows(seen, refused)
            found[UFUNCS] = ufunc_rows(seen)
    return found


# The page ----------------------------------------------------------------------------------------

HEADING = """# What of NumPy is differentiated

This page is generated by `docs/coverage.py`: what has a rule is read from the registry, and what
works is seen by watching the test cases in `tests/rules/cases` run. Each case is checked at first
and second order, in forward and in reverse mode, and in single precision; the few exceptions are
named there with the reason.

- **rule**: sciad knows the derivative of the function itself. *Partial derivatives*: it acts on
  each element. *Adjoint map*: it is linear. *Products with the Jacobian*: both are written out.
  *A stand-in*: a function of sciad takes its place, made of functions that have rules, or with
  products written out.
- **followed**: NumPy (or SciPy) wrote it in Python; sciad runs that code on traced values.
- **zero derivative**: piecewise constant, or a question about a value. It gives plain numbers.
- **no derivative**: it takes or gives no real numbers (integers, text, files, types, settings).
- **refused**: on a traced value it raises an error that names it. Teach it with
  [`sciad.rule`](reference), or use `sciad.stop_gradient`.
- **not tried**: no case is known. Python code is followed as any other; C code raises an error.

A function that is in no list is followed if it is written in Python; a C function raises an error
rather than lose a derivative.
"""


def versions() -> str:
    """Versions that a page is about."""
    short = [".".join(m.__version__.split(".")[:2]) for m in (np, scipy)]
    python = ".".join(map(str, sys.version_info[:2]))
    return f"Python {python}, NumPy {short[0]}, SciPy {short[1]}"


def page(found: dict[str, list[Row]]) -> str:
    """Write the page."""
    parts = [HEADING, f"The lists are those of {versions()}.\n"]
    for section, rows in found.items():
        parts.append(f"## {section}\n")
        for status in ORDER:
            parts += _paragraph(status, [row for row in rows if row.status == status])
    return "\n".join(parts)


def _paragraph(status: str, rows: list[Row]) -> list[str]:
    if not rows:
        return []
    notes = sorted({row.note for row in rows})
    lines = []
    for note in notes:
        names = ", ".join(f"`{row.name}`" for row in rows if row.note == note)
        lines.append(f"**{status}**{f' ({note})' if note else ''}: {names}\n")
    return lines


def main() -> None:
    """Write the page to its file."""
    sys.path.insert(0, str(HERE.parent))
    from tests.rules.refusals import REFUSED as refusals
    from tests.rules.table import all_cases

    found = sections(proven((case.function, case.args) for case in all_cases()), refusals)
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"{PAGE}: {sum(map(len, found.values()))} names")


if __name__ == "__main__":
    main()

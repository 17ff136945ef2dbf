"""The table of cases: what the modules in ``cases`` say, collected.

A module of ``cases`` is a family of functions. Its ``CASES`` maps a name to ``(function, *args)``;
every argument is a real or complex number or array to differentiate, all else goes into a lambda::

    CASES = {
        "roll": (lambda m: np.roll(m, 2, axis=1) ** 2, M),
    }

That is all it takes: `test_rules` checks value, shape, type, derivatives and single precision of
each. A case that cannot pass one of the checks by its nature is named, with the reason, in one of

- ``ROUNDED``: the value may differ from the plain one in the last digits;
- ``DOUBLE_ONLY``: there is no version of it in single precision;
- ``FIRST_ORDER``: there is no second derivative to compare with;
- ``SINGLE_INSIDE``: it computes in single precision, derivatives are compared to few digits.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["OPT_OUTS", "Case", "all_cases", "families"]

FOLDER = Path(__file__).parent / "cases"
OPT_OUTS = ("ROUNDED", "DOUBLE_ONLY", "FIRST_ORDER", "SINGLE_INSIDE")


@dataclass(frozen=True)
class Case:
    """One line of the table, and the checks it is excused from."""

    family: str
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    excused: frozenset[str]

    def __str__(self):
        return f"{self.family}-{self.name}"


def families() -> dict[str, ModuleType]:
    """Modules with cases, by name."""
    package = f"{__package__}.cases" if __package__ else "cases"
    found = {p.stem: importlib.import_module(f"{package}.{p.stem}") for p in FOLDER.glob("*.py")}
    return {name: found[name] for name in sorted(found) if hasattr(found[name], "CASES")}


def all_cases() -> list[Case]:
    """Every case of every family."""
    return [
        Case(
            family,
            name,
            function,
            tuple(args),
            frozenset(kind for kind in OPT_OUTS if name in getattr(module, kind, ())),
        )
        for family, module in families().items()
        for name, (function, *args) in module.CASES.items()
    ]

"""docs/coverage.md says what is so: every public name has a place, and a case stands behind it."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import sciad
from sciad.core.errors import SciadError

from .rules.refusals import REFUSED
from .rules.table import all_cases

DOCS = Path(__file__).parent.parent / "docs"


def load_generator():
    """Import ``docs/coverage.py``, which is no part of a package."""
    sys.path.insert(0, str(DOCS))
    try:
        spec = importlib.util.spec_from_file_location("coverage_page", DOCS / "coverage.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(DOCS))


coverage = load_generator()
CASES = [(case.function, case.args) for case in all_cases()]


@pytest.fixture(scope="module")
def seen():
    """Return what the cases call with traced arguments."""
    return coverage.proven(CASES)


@pytest.fixture(scope="module")
def found(seen):
    """Return the rows of the page."""
    return coverage.sections(seen, REFUSED)


def test_every_public_name_has_a_place(found):
    for namespace, module in coverage.NAMESPACES.items():
        names = {name for name in coverage.names_of(module) if callable(getattr(module, name))}
        assert {row.name for row in found[namespace]} == names
    assert {row.name for row in found[coverage.ARRAYS]} == set(coverage.names_of(np.ndarray))


def test_every_rule_has_a_case(found, seen):
    missing = [
        f"{namespace}.{row.name}"
        for namespace, module in coverage.NAMESPACES.items()
        for row in found[namespace]
        if row.status in coverage.RULES.values()
        and not coverage.is_proven(getattr(module, row.name), seen)
    ]
    assert not missing, f"a rule without a case in tests/rules/cases: {missing}"


def test_every_name_is_known(found):
    unknown = [
        f"{section}.{row.name}"
        for section, rows in found.items()
        for row in rows
        if row.status == coverage.UNKNOWN
    ]
    if coverage.versions() in PAGE:  # another version of NumPy may have new names
        assert not unknown, f"no case, no refusal, not in docs/coverage_names.py: {unknown}"


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_listed_as_refused_raises(name):
    _, function, *args = REFUSED[name]
    with pytest.raises(SciadError, match=r"where: .*\.py:\d+"):
        sciad.vjp(function, *args)
    module, _, attribute = name.rpartition(".")
    assert hasattr({"ndarray": np.ndarray, **coverage.NAMESPACES}[module], attribute)


def test_names_without_derivative_exist():
    for namespace, names in coverage.WITHOUT_DERIVATIVE.items():
        module = np.ndarray if namespace == "ndarray" else coverage.NAMESPACES[namespace]
        listed = names.split()
        assert len(listed) == len(set(listed)), namespace
        if coverage.versions() in PAGE:
            assert [n for n in listed if not hasattr(module, n)] == []


PAGE = coverage.PAGE.read_text(encoding="utf-8")


def statuses(text):
    """(section, name) -> status with its note, as a page says."""
    said = {}
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        section, _, body = part.partition("\n")
        for status, names in re.findall(r"^\*\*(.+?)\*\*(?: \(.*?\))?: (.*)$", body, flags=re.M):
            said |= {(section, name): status for name in re.findall(r"`(.+?)`", names)}
    return said


def test_page_is_up_to_date(found):
    if coverage.versions() in PAGE:
        new, old = statuses(coverage.page(found)), statuses(PAGE)
        changed = sorted(k for k in new.keys() | old.keys() if new.get(k) != old.get(k))
        assert not changed, f"run python docs/coverage.py: {changed}"
        assert coverage.page(found) == PAGE


def test_watching_sees_traced_calls_only():
    def program(x):
        return np.exp(np.cos(2.0)) * np.sin(x) + np.add.reduce(np.stack([x, x.T]))

    names = coverage.proven([(program, (0.5,))])
    assert np.sin in names
    assert ("add", "reduce") in names
    assert ("ndarray", "T") in names
    assert np.cos not in names
    assert np.exp not in names
    assert not coverage.proven([(lambda x: np.sin(x) + float("no number"), (0.5,))])

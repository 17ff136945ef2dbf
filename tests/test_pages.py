"""Every Python block of the README and of the docs runs as it stands, and shows what it says."""

import contextlib
import io
import re
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def blocks(page):
    """Python blocks with the text block that follows each one directly (its output), if any."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.name)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("page")  # classes are found by their module
    monkeypatch.setitem(sys.modules, "page", module)
    namespace = vars(module)
    text = page.read_text(encoding="utf-8")
    for code, expected in blocks(page):
        line = text[: text.index(code)].count("\n")
        file = tmp_path / f"{page.stem}_{line}.py"  # functions need a source file to be read
        file.write_text("\n" * line + code, encoding="utf-8")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), namespace)
        if expected:
            assert printed.getvalue().split() == expected.split()


def test_there_are_pages_with_code():
    assert sum(bool(blocks(page)) for page in PAGES) >= 3

"""Integration kernels, one family a file: machine code that sees function addresses only.

Numba's disk cache follows a kernel's own file, not the helpers it calls from other files. When any
of them is newer than a cached kernel, the cached kernels are dropped here, before they are loaded.
"""

import contextlib
from pathlib import Path

__all__: list[str] = []

_here = Path(__file__).parent


def _drop_stale_kernels() -> None:
    sources = [*_here.glob("*.py"), _here.parent / "control.py"]
    newest = max(source.stat().st_mtime for source in sources)
    folders = (_here / "__pycache__", _here.parent / "__pycache__")
    indexes = [index for folder in folders for index in folder.glob("*.nbi")]
    if any(index.stat().st_mtime < newest for index in indexes):
        for index in indexes:
            index.unlink(missing_ok=True)


with contextlib.suppress(OSError):  # a read-only installation, or another process doing the same
    _drop_stale_kernels()

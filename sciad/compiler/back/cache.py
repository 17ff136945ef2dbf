"""Emitted modules on disk, and an index that finds them without lowering anything.

A module's name contains the hash of its text, so it is never stale; the text names the compiler's
own version, because Numba's cache does not notice changes in functions that are called. The index
maps (code, structure of the arguments) to a module, together with everything else the program
depends on: it is used only if all of that is still the same. Files appear by renaming, so that
processes may run at the same time; what cannot be read is made again; where nothing can be written
a temporary directory of the process takes the place of the cache.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sciad.version import __version__

__all__ = [
    "cache_clear",
    "cache_directory",
    "compiler_digest",
    "discard",
    "find",
    "load",
    "note",
    "on_clear",
    "write",
]

#: Objects between two collections while machine code is loaded or made.
_MANY = 50_000
_lock = threading.RLock()
_modules: dict[Path, types.ModuleType] = {}
_texts: dict[Path, str] = {}  # of modules that have not been loaded yet
_TRIES = 5
_fallback: list[Path] = []


def cache_directory() -> Path:
    """Where emitted modules live.

    Returns
    -------
    Path
        ``$SCIAD_CACHE_DIR``, or the user's cache directory of the platform, or, if neither can be
        written to, a temporary directory that goes away with the process.

    Examples
    --------
    >>> cache_directory().is_dir()
    True
    """
    chosen = os.environ.get("SCIAD_CACHE_DIR")
    if chosen is None:
        import platformdirs

        chosen = platformdirs.user_cache_dir("sciad")
    directory = Path(chosen) / f"compiled-{__version__}"
    return directory if _writable(directory) else _temporary()


@functools.lru_cache(maxsize=8)
def _writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


def _temporary() -> Path:
    with _lock:
        if not _fallback:
            made = Path(tempfile.mkdtemp(prefix="sciad-"))
            atexit.register(shutil.rmtree, made, ignore_errors=True)
            _fallback.append(made)
        return _fallback[0]


@functools.cache
def compiler_digest() -> str:
    """Hash of the compiler's own source and of the versions below it."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.parent.rglob("*.py")):
        digest.update(file.read_bytes())
    import numba

    for part in (platform.python_version(), np.__version__, numba.__version__):
        digest.update(part.encode())
    return digest.hexdigest()[:16]


def _replace(path: Path, text: str) -> None:
    """Write a file so that no other process ever sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)  # another process may have cleared the cache
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(name, path)


def write(stem: str, text: str) -> Path:
    """Put a module into the cache.

    Parameters
    ----------
    stem : str
        Readable beginning of the file's name.
    text : str
        The module.

    Returns
    -------
    Path
        ``<stem>_<hash of text>.py``; a file that is there but damaged is replaced.
    """
    stem = "".join(c if c.isalnum() and c.isascii() else "_" for c in stem)[:40]
    path = cache_directory() / f"{stem}_{_hash(text)}.py"
    if _text_of(path) != text:
        try:
            _replace(path, text)
        except OSError:  # the disk is full, or what could be written to can no longer be
            path = _temporary() / path.name
            _replace(path, text)
    _texts[path] = text
    return path


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def load(path: Path) -> types.ModuleType:
    """Import an emitted module; Numba finds its machine code beside it or compiles it.

    A damaged entry of Numba's cache is thrown away and made again, and so is what another process
    takes away meanwhile because it clears the cache.
    """
    with _lock, _few_collections():
        if path not in _modules:
            _modules[path] = _executed(path)
            _texts.pop(path, None)
        return _modules[path]


def _executed(path: Path) -> types.ModuleType:
    for _ in range(_TRIES):
        try:
            return _execute(path)
        except OSError:
            _restore(path)
        except Exception:
            break
    _without_machine_code(path)
    return _execute(path)


def _restore(path: Path) -> None:
    text = _texts.get(path)
    if text is not None and _text_of(path) != text:
        with contextlib.suppress(OSError):
            _replace(path, text)


def _without_machine_code(path: Path) -> None:
    for file in (path.parent / "__pycache__").glob(f"{path.stem}*"):
        file.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Remove a module that must not be loaded again."""
    with _lock:
        _modules.pop(path, None)
        _texts.pop(path, None)
        path.unlink(missing_ok=True)
        _without_machine_code(path)


@contextlib.contextmanager
def _few_collections() -> Iterator[None]:
    """Let Python look for garbage less often: Numba makes many objects that stay."""
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(max(before[0], _MANY), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _execute(path: Path) -> types.ModuleType:
    name = f"sciad_compiled.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


# -- index ---------------------------------------------------------------------------------------
def _entry(key: str) -> Path:
    return cache_directory() / f"{key}.json"


def note(key: str, path: Path, facts: Any) -> None:
    """Remember under `key` that a module serves as long as `facts` (JSON) hold."""
    entry = _entry(key)
    if entry.parent == path.parent:
        with contextlib.suppress(OSError):  # it is found again by lowering
            _replace(entry, json.dumps({"module": path.name, "facts": facts}))


def find(key: str) -> tuple[Path, Any] | None:
    """Look up the module and the facts noted under a key, if both are undamaged."""
    path = _entry(key)
    text = _text_of(path)
    if text is None:
        return None
    try:
        entry = json.loads(text)
        module, facts = path.parent / entry["module"], entry["facts"]
    except (ValueError, KeyError, TypeError):
        return None
    source = _text_of(module)
    if source is None or not module.stem.endswith(_hash(source)):
        return None
    _texts[module] = source
    return module, facts


def cache_clear() -> None:
    """Forget all compiled programs, in this process and on disk.

    Functions that are already in use keep working.
    """
    with _lock:
        _modules.clear()
        for directory in (cache_directory(), *_fallback):
            shutil.rmtree(directory, ignore_errors=True)
        _writable.cache_clear()
        _fallback.clear()
        for forget in _forgetters:
            forget()


_forgetters: list[Any] = []


def on_clear(forget: Any) -> Any:
    """Register (as a decorator) what else to empty."""
    _forgetters.append(forget)
    return forget

"""Text of traced values: it reads like any other, but is no number any more.

``float(str(x))`` would be a number without derivative. Text that is cut, joined or formatted in
followed code stays `Text`, which refuses to be a number; of text that went through a file or a
regular expression, the numbers in it are recognised when they are read back.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from sciad.core.errors import LostDerivativeError, user_location

__all__ = ["WRITTEN", "Text", "check_read", "is_text", "keep_text", "text_of"]

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class _Written:
    """Numbers in texts of traced values, while transformations run."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.numbers: set[str] = set()
        self.any = False

    def add(self, text: str) -> None:
        """Note a text; its numbers are looked for when text is read as a number."""
        self.texts.append(text)
        self.any = True

    def has_number_of(self, text: str) -> bool:
        """Whether a number in a text was written from a traced value."""
        while self.texts:
            self.numbers.update(_NUMBER.findall(self.texts.pop()))
        return not self.numbers.isdisjoint(_NUMBER.findall(text))

    def clear(self) -> None:
        """Forget all."""
        self.texts.clear()
        self.numbers.clear()
        self.any = False


WRITTEN = _Written()


def _refuse(*args: Any) -> Any:
    raise LostDerivativeError(
        "text of a traced value is read as a number, which would drop its derivative",
        where=user_location(),
        hint="use the value itself, or write the text of sciad.stop_gradient(x)",
    )


class Text(str):
    """Text that was made from a traced value."""

    __slots__ = ()
    __float__ = _refuse
    __int__ = _refuse
    __complex__ = _refuse

    def __str__(self) -> str:
        return self

    def __radd__(self, other: Any) -> Any:
        return Text(str.__add__(other, self)) if isinstance(other, str) else NotImplemented

    def __iter__(self) -> Any:
        return map(Text, str.__iter__(self))


def keep_text(result: Any) -> Any:
    """Make text, or the texts in a list or tuple, text of a traced value."""
    if type(result) is str:
        return Text(result)
    if type(result) in (list, tuple):
        return type(result)(keep_text(part) for part in result)
    return result


def _kept(name: str) -> Callable[..., Any]:
    plain = getattr(str, name)

    def method(self: Text, *args: Any, **kwargs: Any) -> Any:
        return keep_text(plain(self, *args, **kwargs))

    method.__name__ = name
    return method


_OPERATORS = ("add", "format", "getitem", "mod", "mul", "rmod", "rmul")
_OTHER_RESULTS = frozenset({"encode", "maketrans", "count", "find", "index", "rfind", "rindex"})
for _name in (*(f"__{name}__" for name in _OPERATORS), *vars(str)):
    if _name in vars(Text) or (_name.startswith("_") and _name[2:-2] not in _OPERATORS):
        continue
    if not _name.startswith(("is", "ends", "starts")) and _name not in _OTHER_RESULTS:
        setattr(Text, _name, _kept(_name))


def text_of(text: str) -> str:
    """Text of a traced value, from plain text."""
    WRITTEN.add(text)
    return Text(text)


def is_text(values: Iterable[Any]) -> bool:
    """Whether text of traced values is among some values or in lists among them."""
    for value in values:
        if type(value) is Text:
            return True
        if type(value) in (list, tuple, dict) and is_text(value):
            return True
    return False


def check_read(values: Iterable[Any]) -> None:
    """Raise if a text that is about to be read as numbers has numbers of traced values in it."""
    for value in values:
        if type(value) in (list, tuple):
            check_read(value)
        elif isinstance(value, bytes | bytearray):
            check_read((value.decode("latin-1"),))
        elif hasattr(value, "getvalue"):
            check_read((value.getvalue(),))
        elif type(value) is Text or (isinstance(value, str) and WRITTEN.has_number_of(value)):
            _refuse()

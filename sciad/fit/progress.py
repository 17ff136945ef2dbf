"""Progress of a running fit: a tqdm bar on a terminal, sparse lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from tqdm import tqdm

__all__ = ["Progress", "progress_display"]

LINE_INTERVAL = 5.0  # seconds between lines where there is no terminal


class Progress(Protocol):
    """What the optimiser's monitor tells the display."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def update(self, start: int, nfev: int, best: float) -> None:
        """One evaluation is done."""


class Silence:
    """No display at all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, start: int, nfev: int, best: float) -> None:
        """Nothing to show."""


class Bar(Silence):
    """A tqdm bar counting evaluations, with the best value and the start at its side."""

    def __init__(self, name: str, n_starts: int) -> None:
        self.n_starts = n_starts
        self.bar = tqdm(desc=f"fit {name}", unit=" evaluations", file=sys.stderr, leave=True)

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def update(self, start: int, nfev: int, best: float) -> None:
        """Advance the bar."""
        where = {} if self.n_starts == 1 else {"start": f"{start + 1}/{self.n_starts}"}
        self.bar.set_postfix(where | {"nllh": f"{best:.6g}"}, refresh=False)
        self.bar.update(1)


class Lines(Silence):
    """A line to standard error every few seconds, and one at the end."""

    def __init__(self, name: str, n_starts: int) -> None:
        self.name, self.n_starts = name, n_starts
        self.begin = self.last = time.perf_counter()
        self.state = (0, 0, float("inf"))

    def __exit__(self, *_: object) -> None:
        self._write()

    def update(self, start: int, nfev: int, best: float) -> None:
        """Write a line if the last one is old enough."""
        self.state = (start, nfev, best)
        if time.perf_counter() - self.last >= LINE_INTERVAL:
            self._write()

    def _write(self) -> None:
        start, nfev, best = self.state
        self.last = time.perf_counter()
        where = "" if self.n_starts == 1 else f"start {start + 1}/{self.n_starts}, "
        print(
            f"fit {self.name}: {where}{nfev} evaluations, best nllh {best:.6g}, "
            f"{self.last - self.begin:.1f} s",
            file=sys.stderr,
            flush=True,
        )


def progress_display(wanted: bool | None, name: str, n_starts: int) -> Progress:
    """Choose the display: ``False`` none, ``True`` a bar, ``None`` a bar only on a terminal."""
    if wanted is None:
        return Bar(name, n_starts) if sys.stderr.isatty() else Lines(name, n_starts)
    return Bar(name, n_starts) if wanted else Silence()

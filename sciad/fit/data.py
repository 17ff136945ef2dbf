"""Measurements: named observables, each a series of times and values."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciad.core.errors import InputError
from sciad.fit.names import suggestion

__all__ = ["Data", "Series"]

LONG_COLUMNS = ("observable", "time", "value", "noise")


@dataclass(frozen=True, slots=True)
class Series:
    """The measurements of one observable, in the order of time.

    Attributes
    ----------
    name : str
    time, value : ndarray, shape (n,)
    noise : ndarray, shape (n,), or None
        Standard deviation of each value as given with the data.
    """

    name: str
    time: np.ndarray
    value: np.ndarray
    noise: np.ndarray | None = None


class Data(Mapping[str, Series]):
    """Measured series by observable.

    Parameters
    ----------
    table : mapping or table (pandas or anything with ``columns`` and ``[]``)
        In one of three forms:

        - long: the columns ``observable``, ``time``, ``value`` and optionally ``noise`` (the
          standard deviation of each value), one row a measurement;
        - wide: a column ``time`` and one column an observable;
        - separate: ``{observable: (times, values)}``, each observable with its own times.
    units : mapping, optional
        Units of the observables, and of ``"time"``, for the report and the pictures.
    missing : {"raise", "drop"}, optional
        What a NaN among the values means: an error (default), or a measurement that was not made.
        A measurement that was not made may also simply have no row.

    Raises
    ------
    sciad.InputError
        For wrong shapes, NaN, infinite or unsorted entries, naming observable and row.

    Examples
    --------
    >>> data = Data({"time": [0, 1, 2], "hare": [30.0, 47.2, 70.2]}, units={"time": "year"})
    >>> data["hare"].value
    array([30. , 47.2, 70.2])
    >>> data.n_data
    3
    """

    __slots__ = ("_series", "units")

    def __init__(
        self, table: Any, *, units: Mapping[str, str] | None = None, missing: str = "raise"
    ) -> None:
        if missing not in ("raise", "drop"):
            raise InputError(f'missing must be "raise" or "drop", got {missing!r}')
        raw = _split(_columns(table))
        if not raw:
            raise InputError("the data hold no observable")
        self._series = {name: _checked(name, *rows, missing) for name, rows in raw.items()}
        self.units = dict(units or {})
        for name in self.units:
            if name != "time" and name not in self._series:
                raise InputError(
                    f"a unit is given for {name!r}, which is no observable of the data",
                    hint=suggestion(name, ["time", *self._series]),
                )

    def __getitem__(self, name: str) -> Series:
        return self._series[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def __len__(self) -> int:
        return len(self._series)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {series.time.size}" for name, series in self._series.items())
        return f"Data({sizes})"

    @property
    def n_data(self) -> int:
        """Number of measurements, all observables together."""
        return sum(series.time.size for series in self._series.values())

    def times(self) -> np.ndarray:
        """All distinct times, ascending."""
        return np.unique(np.concatenate([series.time for series in self._series.values()]))


def _columns(table: Any) -> dict[str, Any]:
    if isinstance(table, Mapping):
        return dict(table)
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        return {name: table[name] for name in table.columns}
    raise InputError(
        f"data must be a mapping of columns or a table, got {type(table).__name__}",
        hint='for example {"time": times, "hare": values}',
    )


Rows = tuple[Any, Any, Any, list[int] | None]  # times, values, noise, row numbers in a long table


def _split(columns: dict[str, Any]) -> dict[str, Rows]:
    """Sort the three forms of table into ``{observable: (times, values, noise, rows)}``."""
    if all(name in columns for name in LONG_COLUMNS[:3]):
        return _split_long(columns)
    if "time" in columns:
        times = columns.pop("time")
        return {str(name): (times, values, None, None) for name, values in columns.items()}
    separate: dict[str, Rows] = {}
    for name, pair in columns.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or np.ndim(pair[0]) != 1:
            raise InputError(
                f"the data have no column 'time', and {name!r} is not a pair (times, values)",
                hint=f"name the column of times 'time' (there are: {', '.join(map(str, columns))})",
            )
        separate[str(name)] = (pair[0], pair[1], None, None)
    return separate


def _split_long(columns: dict[str, Any]) -> dict[str, Rows]:
    for name in columns:
        if name not in LONG_COLUMNS:
            raise InputError(
                f"unknown column {name!r} in a long table of data",
                hint=suggestion(name, LONG_COLUMNS),
            )
    entries = {name: list(column) for name, column in columns.items()}
    sizes = {name: len(column) for name, column in entries.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"the columns of the data differ in length: {sizes}")
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(entries["observable"]):
        rows.setdefault(str(name), []).append(i)

    def pick(column: str, numbers: list[int]) -> list[Any] | None:
        return [entries[column][i] for i in numbers] if column in entries else None

    return {
        name: (pick("time", numbers), pick("value", numbers), pick("noise", numbers), numbers)
        for name, numbers in rows.items()
    }


def _checked(
    name: str, times: Any, values: Any, noise: Any, rows: list[int] | None, missing: str
) -> Series:
    time, value = _numbers(name, "time", times), _numbers(name, "value", values)
    sigma = None if noise is None else _numbers(name, "noise", noise)
    if time.size != value.size:
        raise InputError(f"observable {name!r}: {time.size} times but {value.size} values")

    def at(i: int) -> str:
        return f"row {i if rows is None else rows[i]} (counted from 0)"

    if missing == "drop":
        present = ~np.isnan(value)
        rows = [i if rows is None else rows[i] for i in np.flatnonzero(present).tolist()]
        time, value = time[present], value[present]
        sigma = None if sigma is None else sigma[present]
    for column, entries in (("time", time), ("value", value), ("noise", sigma)):
        if entries is None or np.all(np.isfinite(entries)):
            continue
        i = int(np.flatnonzero(~np.isfinite(entries))[0])
        raise InputError(
            f"observable {name!r}: {column} is {entries[i]} in {at(i)}",
            hint='if it was not measured, leave the row out or use Data(..., missing="drop")',
        )
    if value.size == 0:
        raise InputError(f"observable {name!r} has no values")
    back = np.flatnonzero(np.diff(time) < 0)
    if back.size:
        i = int(back[0]) + 1
        raise InputError(
            f"observable {name!r}: times are not sorted: {time[i]:g} in {at(i)} follows "
            f"{time[i - 1]:g}",
            hint="sort the rows by time; equal times (replicates) are fine",
        )
    if sigma is not None and np.any(sigma <= 0):
        i = int(np.flatnonzero(sigma <= 0)[0])
        raise InputError(f"observable {name!r}: noise must be positive, got {sigma[i]} in {at(i)}")
    return Series(name, time, value, sigma)


def _numbers(name: str, column: str, entries: Any) -> np.ndarray:
    try:
        array = np.array([math.nan if e is None else e for e in entries], dtype=float)
    except (TypeError, ValueError):
        raise InputError(
            f"observable {name!r}: column {column!r} must be a sequence of numbers, "
            f"got {entries!r:.80}"
        ) from None
    if array.ndim != 1:
        raise InputError(
            f"observable {name!r}: column {column!r} must have one dimension, got shape "
            f"{array.shape}"
        )
    return array

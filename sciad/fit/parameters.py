"""The table of named parameters and the axis on which each of them is optimised."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from sciad.core.errors import InputError
from sciad.fit.names import duplicates, suggestion

__all__ = ["SCALES", "Parameter", "Parameters", "Scale"]

LN10 = math.log(10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """An optimisation axis: how a natural value gets onto it and back.

    `to_natural` also receives traced values, so it is written in NumPy calls.
    `slope` is d(natural)/d(axis), as a function of the natural value.
    """

    to_axis: Callable[[float], float]
    to_natural: Callable[[Any], Any]
    slope: Callable[[float], float]
    positive: bool


SCALES: Mapping[str, Scale] = {
    "lin": Scale(lambda v: v, lambda x: x, lambda v: 1.0, positive=False),
    "log10": Scale(math.log10, lambda x: np.exp(LN10 * x), lambda v: LN10 * v, positive=True),
    "log": Scale(math.log, np.exp, lambda v: v, positive=True),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One named number: its start value, its bounds and the axis on which it is optimised.

    Parameters
    ----------
    name : str
        The key under which the model finds it: ``p[name]``.
    value : float
        Start value (in a result: the estimate), on the natural scale.
    min, max : float, optional
        Bounds on the natural scale; none by default. A logarithmic scale implies ``min >= 0``.
    vary : bool, optional
        ``False`` keeps the parameter fixed at `value`.
    scale : {"lin", "log10", "log"}, optional
        The axis of the optimiser. Positive parameters of unknown magnitude belong on ``"log10"``.
    unit, description : str, optional
        For the report and the pictures.
    stderr : float, optional
        Standard error on the natural scale, filled in by `sciad.fit.fit`. ``None``: not determined.
    init_value : float, optional
        The start value behind an estimate, filled in by `sciad.fit.fit`.

    Raises
    ------
    sciad.InputError
        If the value or the bounds contradict each other.

    Examples
    --------
    >>> Parameter("alpha", 0.5, min=0.01, max=10, scale="log10", unit="1/year").value
    0.5
    """

    name: str
    value: float
    min: float = -math.inf
    max: float = math.inf
    vary: bool = True
    scale: str = "lin"
    unit: str = ""
    description: str = ""
    stderr: float | None = None
    init_value: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"a parameter's name must be a non-empty string, got {self.name!r}")
        if self.scale not in SCALES:
            raise InputError(
                f"parameter {self.name!r}: unknown scale {self.scale!r}",
                hint=suggestion(self.scale, SCALES),
            )
        for field in ("value", "min", "max"):
            object.__setattr__(self, field, self._number(field))
        self._check_bounds()

    def _number(self, field: str) -> float:
        given = getattr(self, field)
        if given is None and field != "value":
            return -math.inf if field == "min" else math.inf
        try:
            number = float(given)
        except (TypeError, ValueError):
            raise InputError(
                f"parameter {self.name!r}: {field} must be a number, got {given!r}"
            ) from None
        if math.isnan(number) or (field == "value" and math.isinf(number)):
            raise InputError(f"parameter {self.name!r}: {field} is {number}")
        return number

    def _check_bounds(self) -> None:
        if self.min >= self.max:
            raise InputError(
                f"parameter {self.name!r}: min = {self.min:g} must lie below max = {self.max:g}",
                hint="to keep a parameter fixed, give vary=False",
            )
        if SCALES[self.scale].positive:
            self._check_positive()
        if not self.min <= self.value <= self.max:
            raise InputError(
                f"parameter {self.name!r}: value {self.value:g} lies outside its bounds "
                f"[{self.min:g}, {self.max:g}]"
            )

    def _check_positive(self) -> None:
        if self.min == -math.inf:
            object.__setattr__(self, "min", 0.0)
        for field, allowed in (("value", self.value > 0), ("min", self.min >= 0)):
            if not allowed:
                raise InputError(
                    f"parameter {self.name!r}: {field} = {getattr(self, field):g} cannot lie on a "
                    f"{self.scale} scale",
                    hint='give positive numbers, or scale="lin"',
                )

    @property
    def axis_value(self) -> float:
        """The value on the optimiser's axis."""
        return SCALES[self.scale].to_axis(self.value)

    @property
    def axis_bounds(self) -> tuple[float, float]:
        """Both bounds on the optimiser's axis."""
        return self._on_axis(self.min), self._on_axis(self.max)

    def _on_axis(self, bound: float) -> float:
        if math.isinf(bound):
            return bound
        if bound == 0.0 and SCALES[self.scale].positive:
            return -math.inf
        return SCALES[self.scale].to_axis(bound)


class Parameters(Mapping[str, Parameter]):
    """An immutable table of parameters, in the order given.

    Parameters
    ----------
    rows : iterable of Parameter or mapping, or a table with ``to_dict("records")``
        One row a parameter; a mapping (or a row of a pandas table) holds the arguments of
        `Parameter`.

    Raises
    ------
    sciad.InputError
        For duplicate names, unknown columns or contradictory rows.

    Examples
    --------
    >>> params = Parameters([
    ...     Parameter("rate", 0.1, min=1e-3, max=10, scale="log10", unit="1/s"),
    ...     {"name": "offset", "value": 2.0, "vary": False},
    ... ])
    >>> params.free
    ('rate',)
    >>> params["rate"].max
    10.0
    """

    __slots__ = ("_rows", "free")

    def __init__(self, rows: Iterable[Parameter | Mapping[str, Any]]) -> None:
        if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
            rows = rows.to_dict("records")
        elif isinstance(rows, Mapping):
            rows = rows.values()
        table = [row if isinstance(row, Parameter) else _from_mapping(row) for row in rows]
        repeated = duplicates(row.name for row in table)
        if repeated:
            raise InputError(f"duplicate parameter name {', '.join(map(repr, repeated))}")
        self._rows = {row.name: row for row in table}
        self.free = tuple(row.name for row in table if row.vary)

    def __getitem__(self, name: str) -> Parameter:
        try:
            return self._rows[name]
        except KeyError:
            raise KeyError(f"no parameter {name!r}; {suggestion(name, self._rows)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        lines = (f"    {row!r}," for row in self._rows.values())
        return "\n".join(["Parameters([", *lines, "])"])

    def valuesdict(self) -> dict[str, float]:
        """Name to value, natural scale, free and fixed."""
        return {name: row.value for name, row in self._rows.items()}

    def replace(self, name: str, **changes: Any) -> "Parameters":
        """Copy the table with fields of one row changed: ``params.replace("k", value=2.0)``."""
        changed = replace(self[name], **changes)
        return Parameters([changed if key == name else row for key, row in self._rows.items()])

    def to_records(self) -> list[dict[str, Any]]:
        """One dictionary a row, unbounded bounds as ``None``: ready for JSON or pandas."""
        return [
            {key: None if value in (math.inf, -math.inf) else value for key, value in row.items()}
            for row in map(asdict, self._rows.values())
        ]

    # The optimiser's view: the free parameters as a vector, each on its own axis.

    def axis_values(self) -> np.ndarray:
        """Values of the free parameters on their axes, shape ``(n_free,)``."""
        return np.array([self._rows[name].axis_value for name in self.free])

    def axis_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of the free parameters on their axes."""
        pairs = np.array([self._rows[name].axis_bounds for name in self.free]).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def natural(self, x: Any) -> dict[str, Any]:
        """Give every parameter's natural value, the free ones from the axis vector `x`."""
        values: dict[str, Any] = self.valuesdict()
        for i, name in enumerate(self.free):
            values[name] = SCALES[self._rows[name].scale].to_natural(x[i])
        return values

    def slopes(self, x: np.ndarray) -> np.ndarray:
        """d(natural)/d(axis) of the free parameters at `x`, shape ``(n_free,)``."""
        values = self.natural(x)
        return np.array([SCALES[self._rows[name].scale].slope(values[name]) for name in self.free])

    def at(self, x: np.ndarray, stderr: Mapping[str, float | None]) -> "Parameters":
        """Make the table of estimates: values from `x`, the present ones kept as `init_value`."""
        values = self.natural(x)
        return Parameters(
            [
                replace(
                    row,
                    # back from a logarithmic axis a bound may be missed by a rounding error
                    value=min(max(float(values[name]), row.min), row.max),
                    stderr=stderr.get(name),
                    init_value=row.value,
                )
                for name, row in self._rows.items()
            ]
        )


def _from_mapping(row: Any) -> Parameter:
    known = [field.name for field in fields(Parameter)]
    if not isinstance(row, Mapping):
        raise InputError(
            f"a row of the parameter table must be a Parameter or a mapping, got {row!r}"
        )
    for key in row:
        if key not in known:
            raise InputError(
                f"parameter {row.get('name')!r}: unknown column {key!r}",
                hint=suggestion(key, known),
            )
    for key in ("name", "value"):
        if key not in row:
            raise InputError(f"parameter row {dict(row)!r} has no {key!r}")
    return Parameter(**row)

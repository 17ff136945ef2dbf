"""What a solve depends on, as one vector: the initial state, then the packed parameters.

The user's initial state and parameters come as trees of scalars and arrays, some of them traced.
Kernels see two flat arrays. `Inputs` keeps the map between the two.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sciad.core.errors import InputError
from sciad.core.tracer import Array, Scalar, is_traced, primal_of

__all__ = ["Inputs", "Part"]


_NUMBERS = {float, np.float64}


@dataclass(frozen=True)
class Part:
    """Place of one scalar or array in the vector ``[y0, p]``."""

    start: int
    stop: int
    shape: tuple[int, ...]

    def read(self, vector: np.ndarray) -> Any:
        """Return the part of a vector in its own shape; a scalar as a float."""
        if self.shape == ():
            return float(vector[self.start])
        return vector[self.start : self.stop].reshape(self.shape)


class Inputs:
    """Initial state and parameters of one solve.

    Parameters
    ----------
    states : list
        Either one 1-D array or `n` scalars.
    leaves : list
        The float leaves of arguments and captured values, in the order of the packed parameters.
    """

    def __init__(self, states: list[Any], leaves: list[Any]) -> None:
        self.values = [*states, *leaves]
        self.n_states = len(states)
        self.active: list[int] = []
        self.plain: list[Any] = []
        for i, value in enumerate(self.values):
            kind = type(value)
            if kind is Scalar or kind is Array:
                if is_traced(value):
                    self.active.append(i)
                value = primal_of(value)
            self.plain.append(value)
        self.y0 = _pack(self.plain[: self.n_states])
        self.p = _pack(self.plain[self.n_states :])
        # All parameters are scalars: the place of each is its number.
        self._simple = self.p.size == len(leaves) and set(
            map(type, self.plain[self.n_states :])
        ) <= (_NUMBERS)

    @property
    def whole_state(self) -> bool:
        """Whether the initial state is one array rather than scalars."""
        return self.n_states == 1 and np.ndim(self.plain[0]) == 1

    @property
    def n(self) -> int:
        """Number of components of the state."""
        return self.y0.shape[0]

    @cached_property
    def parts(self) -> list[Part]:
        """Places of all values."""
        places, start = [], 0
        for value in self.plain:
            shape = np.shape(value)
            stop = start + math.prod(shape)
            places.append(Part(start, stop, shape))
            start = stop
        return places

    @property
    def traced_values(self) -> list[Any]:
        """The traced values, in order: the arguments of the primitive."""
        return [self.values[i] for i in self.active]

    def all_active(self) -> "Inputs":
        """Return the same inputs, every one to be differentiated."""
        made = object.__new__(Inputs)
        made.__dict__.update(self.__dict__)
        made.active = list(range(len(self.values)))
        return made

    def with_active(self, active_values: Any) -> tuple[list[Any], list[Any]]:
        """Return (states, leaves) with other values in the traced places and primals elsewhere."""
        values = list(self.plain)
        for i, value in enumerate(values):
            if type(value) is np.ndarray:  # as it was: the user may have written to it since
                part, n = self.parts[i], self.n
                vector, shift = (self.y0, 0) if part.start < n else (self.p, n)
                place = Part(part.start - shift, part.stop - shift, part.shape)
                values[i] = np.array(place.read(vector))
        for i, value in zip(self.active, active_values, strict=True):
            values[i] = value
        return values[: self.n_states], values[self.n_states :]

    def cotangents(self, y0_bar: np.ndarray, p_bar: np.ndarray) -> tuple[Any, ...]:
        """Split the cotangent of the vector among the traced values."""
        n, found = self.n, []
        if self._simple:
            numbers, shift = p_bar.tolist(), self.n_states
            whole = self.whole_state
            for i in self.active:
                if i >= shift:
                    found.append(numbers[i - shift])
                else:
                    found.append(y0_bar if whole else float(y0_bar[i]))
            return tuple(found)
        for i in self.active:
            part = self.parts[i]
            if part.start < n:
                found.append(part.read(y0_bar))
            else:
                found.append(Part(part.start - n, part.stop - n, part.shape).read(p_bar))
        return tuple(found)

    def directions(self, tangents: tuple[Any, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
        """Join tangents with a leading axis of `count` directions into those of y0 and of p."""
        joined = np.zeros((count, self.n + self.p.size))
        for i, tangent in zip(self.active, tangents, strict=True):
            if tangent is not None:
                part = self.parts[i]
                joined[:, part.start : part.stop] = np.reshape(tangent, (count, -1))
        return np.ascontiguousarray(joined[:, : self.n]), np.ascontiguousarray(joined[:, self.n :])

    def all_directions(self) -> tuple[np.ndarray, np.ndarray]:
        """One direction for every number in the traced values."""
        columns = np.concatenate(
            [np.arange(self.parts[i].start, self.parts[i].stop) for i in self.active]
        )
        joined = np.zeros((columns.size, self.n + self.p.size))
        joined[np.arange(columns.size), columns] = 1.0
        return np.ascontiguousarray(joined[:, : self.n]), np.ascontiguousarray(joined[:, self.n :])


def _pack(values: list[Any]) -> np.ndarray:
    """Copy scalars and arrays into one flat float64 array."""
    kinds = set(map(type, values))
    if kinds <= _NUMBERS:
        return np.array(values, dtype=float)
    if len(values) == 1 and type(values[0]) is np.ndarray and values[0].dtype == np.float64:
        return values[0].ravel().copy()
    for value in values:
        if isinstance(value, complex | np.complexfloating) or (
            isinstance(value, np.ndarray) and value.dtype.kind == "c"
        ):
            raise InputError(
                "complex states and parameters are not supported by sciad.ode",
                hint="write the system in real and imaginary parts",
            )
    return np.concatenate([np.ravel(value) for value in values]).astype(float, copy=False)

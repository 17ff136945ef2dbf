"""The sweep back over a tape.

The frequent operations are tuples, told apart by their length; a slot is ``None`` for an operand
that is constant:

- ``(i, p, j, q)``: real numbers, slots and partial derivatives; ``(i, factor)``: a multiple of one;
- ``(i, p, j, q, None)``: plain arrays of one shape, with the partial derivatives themselves;
- ``(i, p, shape, j, q, shape, None, None)``: the same for two shapes;
- ``(i, partial, x, out, None, None)``, ``(i, j, partial, partial, x, y, out)``: with functions;
- ``(i, index, shape)``: an element or a slice;
- ``(i, j, x, y, None, ...)`` of length 9: a product of vectors or matrices;
- ``(i, pull, saved, None, ...)`` of length 10: several operations, pulled back by a function.

An entry that is a function is called with its slot and the `Adjoints`; ``None`` does nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sciad.core.adjoints import FLOAT64, SMALL, ZERO, Adjoints, unbroadcast
from sciad.core.tracer import shape_of

__all__ = ["sweep"]


def _pull_product(entry: tuple, g: Any, adjoints: Adjoints) -> None:
    """Pull back through ``x @ y``; ndarray.dot is twice as quick as @ on small matrices."""
    i, j, x, y, _, _, _, _, _ = entry
    plain = type(g) is np.ndarray
    if i is not None:
        if plain and i < adjoints.inputs and x.ndim == 2 and g.size <= SMALL:
            adjoints.add_outer(i, g, y)
        else:
            if x.ndim == 1:
                ct = y @ g if y.ndim == 2 else g * y
            elif y.ndim == 1:
                ct = g[:, None] * y
            else:
                ct = g.dot(y.T) if plain else g @ y.T
            adjoints.add(i, ct)
    if j is not None:
        if y.ndim == 1:
            ct = g @ x if x.ndim == 2 else g * x
        elif x.ndim == 1:
            ct = x[:, None] * g
        else:
            ct = x.T.dot(g) if plain else x.T @ g
        if adjoints.slots[j] is ZERO:
            adjoints.slots[j] = ct
        else:
            adjoints.add(j, ct)


def _pull_broadcast(entry: tuple, g: Any, adjoints: Adjoints) -> None:
    """Pull back through a sum or product of arrays of different shapes."""
    i, p, x_shape, j, q, y_shape, _, _ = entry
    shape = g.shape if type(g) is np.ndarray else shape_of(g)
    ct = g if type(p) is float and p == 1.0 else g * p
    if x_shape != shape:
        _pull_stretched(i, ct, x_shape, adjoints)
    elif adjoints.slots[i] is ZERO:
        adjoints.slots[i] = ct
    else:
        adjoints.add(i, ct)
    ct = g if type(q) is float and q == 1.0 else g * q
    if y_shape != shape:
        _pull_stretched(j, ct, y_shape, adjoints)
    elif adjoints.slots[j] is ZERO:
        adjoints.slots[j] = ct
    else:
        adjoints.add(j, ct)


def _pull_stretched(slot: int, ct: Any, shape: tuple, adjoints: Adjoints) -> None:
    """Add to an operand of another shape than the result."""
    if slot < adjoints.inputs and type(ct) is np.ndarray and ct.size <= SMALL:
        key = slot, shape, ct.shape
        gathered = adjoints.stretched
        before = gathered.get(key)
        gathered[key] = ct if before is None else before + ct
    else:
        adjoints.add(slot, unbroadcast(ct, shape))


def sweep(entries: list, seeds: Sequence[tuple[int, Any]], careful: bool = False) -> Adjoints:
    """Run the entries backwards.

    Parameters
    ----------
    entries : list
        Entries of a `ReverseTrace`.
    seeds : sequence of (slot, cotangent)
        Cotangents of outputs.
    careful : bool
        See `sciad.core.masked`.

    Returns
    -------
    Adjoints
        With the cotangents of the inputs in their slots.
    """
    adjoints = Adjoints(entries, careful)
    slots, owned = adjoints.slots, adjoints.owned
    for slot, cotangent in seeds:
        adjoints.add(slot, cotangent)
    with np.errstate(all="ignore"):  # infinite partials are the function's business, not news
        for k in range(len(entries) - 1, -1, -1):
            entry = entries[k]
            if type(entry) is tuple:
                g = slots[k]
                if g is ZERO:
                    continue
                size = len(entry)
                if size == 4:
                    i, p, j, q = entry
                    slots[i] = slots[i] + g * p  # not +=: others may hold an array without axes
                    slots[j] = slots[j] + g * q
                    continue
                slots[k] = ZERO
                if size == 5:
                    i, p, j, q, _ = entry
                elif size == 6:
                    i, p, x, out, j, q = entry
                    p = p(x, out)
                elif size == 3:
                    i, index, _ = entry
                    buffer = slots[i]
                    if (
                        i in owned
                        and type(index) is slice
                        and (type(buffer) is type(g) is np.ndarray and g.dtype is FLOAT64)
                    ):
                        part = buffer[index]
                        part += g
                    else:
                        adjoints.add_part(entry, g)
                    continue
                elif size == 9:
                    _pull_product(entry, g, adjoints)
                    continue
                elif size == 7:
                    i, j, p, q, x, y, out = entry
                    p = i is not None and p(x, y, out)
                    q = j is not None and q(x, y, out)
                elif size == 10:
                    i, pull, saved, _, _, _, _, _, _, _ = entry
                    ct = pull(g, saved)
                    if slots[i] is ZERO:
                        slots[i] = ct
                    else:
                        adjoints.add(i, ct)
                    continue
                elif size == 2:
                    i, p = entry
                    slots[i] = slots[i] + g * p
                    continue
                else:
                    _pull_broadcast(entry, g, adjoints)
                    continue
                if i is not None:
                    if type(p) is float and (p == 1.0 or p == -1.0):
                        ct = g if p == 1.0 else -g
                    else:
                        ct = g * p
                    if slots[i] is ZERO:
                        slots[i] = ct
                    else:
                        adjoints.add(i, ct)
                if j is not None:
                    if type(q) is float and (q == 1.0 or q == -1.0):
                        ct = g if q == 1.0 else -g
                    else:
                        ct = g * q
                    if slots[j] is ZERO:
                        slots[j] = ct
                    else:
                        adjoints.add(j, ct)
            elif entry is not None:
                entry(k, adjoints)
        adjoints.finish()
    return adjoints

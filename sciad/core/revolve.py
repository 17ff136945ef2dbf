"""Binomial checkpointing: which states of a loop to store so that the fewest steps are repeated.

With s stored states and no step computed forward more than r times, a loop of at most

    beta(s, r) = (s + r)! / (s! r!)

steps can be run backwards; the fewest forward steps for l steps are

    t(l, s) = r l - beta(s + 1, r - 1),    beta(s, r - 1) < l <= beta(s, r).

A. Griewank, A. Walther, "Algorithm 799: Revolve", ACM TOMS 26 (2000) 19-45, section 2.
"""

import math

__all__ = ["beta", "fewest_snapshots", "fewest_steps", "split"]


def beta(snapshots: int, repeats: int) -> int:
    """Most steps that can be run backwards.

    Examples
    --------
    >>> beta(3, 2)
    10
    """
    if snapshots < 0 or repeats < 0:
        return 0
    return math.comb(snapshots + repeats, snapshots)


def _repeats(steps: int, snapshots: int) -> int:
    """Smallest r with ``steps <= beta(snapshots, r)``."""
    repeats = 0
    while beta(snapshots, repeats) < steps:
        repeats += 1
    return repeats


def fewest_steps(steps: int, snapshots: int) -> int:
    """Fewest forward steps, besides the one recorded for each step.

    Parameters
    ----------
    steps : int
        Length of the loop.
    snapshots : int
        States that may be stored, the initial one included.

    Examples
    --------
    >>> fewest_steps(10, 3)
    15
    """
    repeats = _repeats(steps, snapshots)
    return repeats * steps - beta(snapshots + 1, repeats - 1)


def split(steps: int, snapshots: int) -> int:
    """Where to store the next state on the way through `steps` steps, optimally.

    Parameters
    ----------
    steps : int
        At least 2.
    snapshots : int
        States that may be stored, that at the start included; at least 2.
    """
    # the parts m and steps - m have t(m, s) and t(steps - m, s - 1): with beta(s, r-2) <= m <=
    # beta(s, r-1) and beta(s-1, r-1) <= steps - m <= beta(s-1, r) no step needs r + 1 repeats
    repeats = _repeats(steps, snapshots)
    most = min(beta(snapshots, repeats - 1), steps - beta(snapshots - 1, repeats - 1))
    return max(1, most)


def fewest_snapshots(steps: int, repeats: int) -> int:
    """Fewest stored states with which no step is computed forward more than `repeats` times.

    Examples
    --------
    >>> fewest_snapshots(100, 2)
    13
    """
    snapshots = 1
    while beta(snapshots, repeats) < steps:
        snapshots += 1
    return snapshots

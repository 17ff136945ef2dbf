"""Pelts of snowshoe hare and Canada lynx collected by the Hudson Bay Company, 1900 to 1920."""

from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np

__all__ = ["LynxHare", "lynx_hare"]

SOURCE = (
    "Pelts collected by the Hudson Bay Company, 1900-1920 (Howard), as used by B. Carpenter, "
    '"Predator-Prey Population Dynamics: the Lotka-Volterra model in Stan", Stan case study, 2018; '
    "figures originally from C. Elton and M. Nicholson, "
    '"The ten-year cycle in numbers of the lynx in Canada", J. Animal Ecology 11 (1942) 215-244'
)


@dataclass(frozen=True)
class LynxHare:
    """Yearly numbers of pelts.

    Attributes
    ----------
    year : ndarray, shape (21,)
        1900.0 to 1920.0.
    hare, lynx : ndarray, shape (21,)
        Thousands of pelts.
    units : dict of str to str
        For the report and the pictures of a fit.
    source : str
        Where the numbers come from.
    published : dict of str to float
        Posterior means of a Lotka-Volterra fit with log-normal errors in the case study.
    """

    year: np.ndarray
    hare: np.ndarray
    lynx: np.ndarray
    units: dict[str, str] = field(
        default_factory=lambda: {
            "time": "year",
            "hare": "thousands of pelts",
            "lynx": "thousands of pelts",
        }
    )
    source: str = SOURCE
    published: dict[str, float] = field(
        default_factory=lambda: {
            "alpha": 0.55,
            "beta": 0.028,
            "gamma": 0.80,
            "delta": 0.024,
            "hare_0": 34.0,
            "lynx_0": 5.9,
            "sigma_hare": 0.25,
            "sigma_lynx": 0.25,
        }
    )


def lynx_hare() -> LynxHare:
    """Load the Hudson Bay series of hare and lynx.

    Returns
    -------
    LynxHare

    Examples
    --------
    >>> series = lynx_hare()
    >>> series.year[0], series.hare[0], series.lynx[0]
    (np.float64(1900.0), np.float64(30.0), np.float64(4.0))
    """
    text = files("sciad.datasets").joinpath("lynx_hare.csv").read_text(encoding="utf-8")
    table = np.loadtxt(text.splitlines(), delimiter=",", skiprows=1)
    year, hare, lynx = table.T.copy()
    return LynxHare(year, hare, lynx)

"""Fitting the parameters of ODE models to data, with exact derivatives."""

from sciad.fit.data import Data, Series
from sciad.fit.estimate import fit, make_problem
from sciad.fit.noise import LogNormal, NoiseModel, Normal
from sciad.fit.objective import Problem
from sciad.fit.parameters import Parameter, Parameters
from sciad.fit.result import FitResult
from sciad.fit.uncertainty import Band

__all__ = [
    "Band",
    "Data",
    "FitResult",
    "LogNormal",
    "NoiseModel",
    "Normal",
    "Parameter",
    "Parameters",
    "Problem",
    "Series",
    "fit",
    "make_problem",
]

"""SciPy's Python functions: distributions, quadrature, statistics, signals, test functions."""

import math

import numpy as np
from scipy import integrate, interpolate, optimize, signal, stats
from scipy.spatial import distance

from .inputs import P, Q, S, draw

V8 = np.array([1.0, 2.0, 0.5, -1.0, 3.0, 2.2, 0.3, 0.8])
GRID = np.array([0.0, 0.4, 1.0, 1.5])
Y = 0.4 * P


def _density(name, *shape):
    """Log-density of values, location and scale."""
    distribution = getattr(stats, name)
    return lambda v, a, b: distribution.logpdf(v, *shape, loc=a, scale=b)


def _shape(name, *fixed):
    """Log-density of the shape parameters."""
    distribution = getattr(stats, name)
    return lambda *shape: distribution.logpdf(Y, *shape, *fixed)


def _of(method, name, *shape):
    distribution = getattr(stats, name)
    return lambda v: getattr(distribution, method)(v, *shape)


DISTRIBUTIONS = {
    "norm": (),
    "expon": (),
    "gamma": (2.5,),
    "beta": (2.0, 3.0),
    "t": (4.0,),
    "weibull_min": (1.7,),
    "skewnorm": (2.0,),
    "truncnorm": (-1.0, 2.0),
}

CASES = {
    **{f"{n} logpdf": (_density(n, *s), Y, -0.05, 1.3) for n, s in DISTRIBUTIONS.items()},
    **{f"{n} shape": (_shape(n), *s) for n, s in DISTRIBUTIONS.items() if s},
    **{f"{n} pdf": (_of("pdf", n, *DISTRIBUTIONS[n]), Y) for n in ("norm", "beta")},
    **{f"{n} cdf": (_of("cdf", n, *DISTRIBUTIONS[n]), Y) for n in ("norm", "skewnorm")},
    **{f"{n} logsf": (_of("logsf", n, *DISTRIBUTIONS[n]), Y) for n in ("norm",)},
    **{f"{n} ppf": (_of("ppf", n, *DISTRIBUTIONS[n]), P / 2) for n in ("norm", "t")},
    "norm std entropy": (lambda b: stats.norm.std(scale=b) * stats.norm.entropy(scale=b), 1.3),
    "norm nnlf": (lambda a, b: stats.norm.nnlf((a, b), Y), 0.1, 1.3),
    "poisson logpmf": (lambda m: stats.poisson.logpmf(np.array([0, 2, 5]), m), 2.2),
    "poisson cdf": (lambda m: stats.poisson.cdf(np.array([0, 2, 5]), m), 2.2),
    "binom pmf": (lambda q: stats.binom.pmf(np.array([0, 2, 4]), 5, q), 0.3),
    "nbinom logpmf": (lambda n, q: stats.nbinom.logpmf(np.array([1, 2, 4]), n, q), 2.5, 0.3),
    "multivariate_normal": (
        lambda m, c: stats.multivariate_normal.logpdf(P, m, c @ c.T + np.eye(3)),
        Q,
        S,
    ),
    "multivariate_normal spherical": (
        lambda v, c: stats.multivariate_normal.logpdf(v, Q, c * np.eye(3)),
        P,
        0.7,
    ),
    "multivariate_normal triangle": (
        lambda c: stats.multivariate_normal.logpdf(P, Q, c),
        S @ S.T + np.eye(3),
    ),
    "dirichlet": (lambda a: stats.dirichlet.logpdf([0.2, 0.3, 0.5], a), P + 1),
    "zscore": (stats.zscore, P),
    "gmean": (stats.gmean, P),
    "skew kurtosis": (lambda v: stats.skew(v) * stats.kurtosis(v), V8),
    "pearsonr": (lambda v: stats.pearsonr(v, Q).statistic, P),
    "linregress": (lambda v: stats.linregress(v, Q).slope, P),
    "entropy": (lambda v: stats.entropy(v, Q), P),
    "boxcox": (lambda v: stats.boxcox(v, 0.3), P),
    "boxcox_llf": (lambda lam: stats.boxcox_llf(lam, P), 0.3),
    "trapezoid": (lambda v, t: integrate.trapezoid(v, t), draw(4), GRID),
    "simpson": (lambda v, t: integrate.simpson(v, x=t), draw(4), GRID),
    "simpson odd": (lambda v: integrate.simpson(v**2, dx=0.1), draw(5)),
    "cumulative_trapezoid": (
        lambda v, t: integrate.cumulative_trapezoid(v, t, initial=0),
        draw(4),
        GRID,
    ),
    "cumulative_simpson": (lambda v: integrate.cumulative_simpson(v**2, x=GRID), draw(4)),
    "romb": (lambda v: integrate.romb(v**2), draw(5)),
    "fixed_quad": (
        lambda a, b: integrate.fixed_quad(lambda t: np.sin(t * a), 0, b)[0],
        1.3,
        2.0,
    ),
    "convolve": (lambda v: signal.convolve(v, P) ** 2, V8),
    "fftconvolve": (lambda v: signal.fftconvolve(v, P) ** 2, V8),
    "correlate": (lambda v: signal.correlate(v, P, mode="same") ** 2, V8),
    "hilbert": (lambda v: np.abs(signal.hilbert(v)), V8),
    "periodogram": (lambda v: signal.periodogram(v)[1], V8),
    "resample": (lambda v: signal.resample(v, 12), V8),
    "freqz": (lambda b: signal.freqz(b, worN=4)[1], P),
    "gausspulse": (lambda v: signal.gausspulse(v, fc=0.5), P),
    "interp1d": (lambda v: interpolate.interp1d(np.arange(8.0), v)(P), V8),
    "krogh": (lambda v: interpolate.KroghInterpolator(GRID, v)(P), draw(4)),
    "rosen": (optimize.rosen, P),
    "rosen_der": (optimize.rosen_der, P),
    "newton": (lambda a: optimize.newton(lambda u: u * u - a, 1.0, lambda u: 2.0 * u), 2.0),
    "minkowski": (lambda v: distance.minkowski(v, Q, 3), P),
    "cosine": (lambda v: distance.cosine(v, Q), P),
    "math in scipy": (lambda a: stats.norm.logpdf(math.sin(a)) * a, 0.7),
}
#: Rounded in another order, or computed in double precision by SciPy.
ROUNDED = dict.fromkeys(("krogh", "cosine"), "sums are taken in another order")
DOUBLE_ONLY = dict.fromkeys(CASES, "SciPy computes in double precision whatever it is given")

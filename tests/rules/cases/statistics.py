"""Sums, products, extrema, means, variances, quantiles and counts, with all their options."""

import numpy as np

__all__ = ["CASES"]


def draw(*shape, low=0.3, high=1.2, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape)


A = draw(3, low=-0.9, high=0.9)
B = draw(5, low=-1, high=1, seed=8)
P, Q = draw(3), draw(3, seed=1)
M = draw(2, 3, low=-1, high=1)
T = draw(2, 3, 2, low=-1, high=1, seed=4)
Z = draw(3) + 1j * draw(3, low=-0.8, high=0.8, seed=5)
ZM = M + 1j * draw(2, 3, seed=6)
MASK = np.array([[True, False, True], [True, True, False]])
ROW = np.array([True, False, True])
HOLES = np.array([[np.nan, 0.4, -0.3], [0.7, np.nan, 1.1]])
HOLED = np.isnan(HOLES)
S0 = np.array(0.7)
WM = draw(2, 3, seed=11)


def holes(m):
    """Put NaN at some places of a differentiable matrix."""
    return np.where(HOLED, np.nan, m)


SUMS = {
    "sum": (np.sum, M),
    "sum of a product": (lambda m, t: np.sum(m[..., None] * t**2, axis=(0, -1)), M, T),
    "sum axes": (lambda t: np.sum(t**2, axis=(0, -1), keepdims=True), T),
    "sum no axes": (lambda m: np.sum(m**2, axis=()), M),
    "sum where": (lambda m: np.sum(m**2, where=MASK, axis=0), M),
    "sum where row": (lambda m: np.sum(m**2, where=ROW, axis=1, keepdims=True), M),
    "sum initial": (lambda m: np.sum(m**2, axis=0, initial=5.0), M),
    "sum traced initial": (lambda m, s: np.sum(m**2, initial=s**2), M, 0.4),
    "sum dtype": (lambda m: np.sum(m**2, axis=1, dtype=complex) * 1j, M),
    "sum out": (lambda m: np.sum(m**2, axis=1, out=np.empty(2)), M),
    "sum scalar": (lambda s: np.sum(s) * s, 0.7),
    "sum 0-d": (lambda s: np.sum(s) * s, S0),
    "sum of a list": (lambda a, b: np.sum([a * b, b, 1.0]), 0.7, 1.3),
    "sum complex": (lambda z: np.sum(z**2, axis=0), ZM),
    "sum method": (lambda m: (m**2).sum(1, keepdims=True, where=ROW), M),
    "mean": (lambda m: np.mean(m**2), M),
    "mean axes": (lambda t: np.mean(t**2, axis=(0, 1), keepdims=True), T),
    "mean where": (lambda m: np.mean(m**2, axis=1, where=MASK), M),
    "mean method": (lambda m: (m**2).mean(axis=-1, dtype=float), M),
    "methods": (lambda m: m.sum(axis=0) + m.mean() + m.max() * m.std() + m.prod(), M),
    "mean complex": (lambda z: np.mean(z**2), Z),
    "cumsum": (lambda m: np.cumsum(m**2), M),
    "cumsum axis": (lambda t: np.cumsum(t**2, axis=-2), T),
    "cumsum out": (lambda m: np.cumsum(m**2, axis=0, out=np.empty((2, 3))), M),
    "cumulative_sum": (lambda a: np.cumulative_sum(a**2), A),
    "cumulative_sum initial": (
        lambda m: np.cumulative_sum(m**2, axis=1, include_initial=True),
        M,
    ),
    "nansum": (lambda m: np.nansum(holes(m) ** 2), M),
    "nansum axis": (lambda m: np.nansum(holes(m) ** 2, axis=1, keepdims=True), M),
    "nansum where": (lambda m: np.nansum(holes(m), axis=0, where=ROW, initial=1.0) ** 2, M),
    "nancumsum": (lambda m: np.nancumsum(holes(m), axis=1) ** 2, M),
    "nancumsum flat": (lambda m: np.nancumsum(holes(m)) ** 2, M),
    "nanmean": (lambda m: np.nanmean(holes(m), axis=1) ** 2, M),
    "nanmean all": (lambda m: np.nanmean(holes(m), keepdims=True) ** 2, M),
    "nanmean where": (lambda m: np.nanmean(holes(m), where=ROW) ** 2, M),
    "nanmean without holes": (lambda m: np.nanmean(m) ** 2, M),
}

PRODUCTS = {
    "prod": (np.prod, P),
    "prod axes": (lambda t: np.prod(t, axis=(0, 2)), T),
    "prod keepdims": (lambda t: np.prod(t, axis=1, keepdims=True), T),
    "prod where": (lambda m: np.prod(m, axis=1, where=MASK), M),
    "prod initial": (lambda m: np.prod(m, axis=0, initial=2.0), M),
    "prod traced initial": (lambda m, s: np.prod(m, axis=0, initial=s), M, 0.7),
    "prod with a zero": (np.prod, np.array([0.5, 0.0, 2.0])),
    "prod with two zeros": (np.prod, np.array([0.5, 0.0, 0.0, 2.0])),
    "prod complex": (lambda z: np.prod(z, axis=0), ZM),
    "prod dtype": (lambda m: np.prod(m, axis=0, dtype=complex) * 1j, M),
    "prod scalar": (lambda s: np.prod(s) * s, 0.7),
    "prod method": (lambda m: m.prod(0, keepdims=True), M),
    "cumprod": (lambda m: np.cumprod(m), M),
    "cumprod axis": (lambda m: np.cumprod(m, axis=1), M),
    "cumprod with a zero": (np.cumprod, np.array([0.5, 0.0, 2.0])),
    "cumprod with two zeros": (np.cumprod, np.array([0.5, 0.0, 2.0, 0.0, 1.5])),
    "cumprod complex": (np.cumprod, Z),
    "cumprod method": (lambda m: m.cumprod(0), M),
    "cumulative_prod": (lambda a: np.cumulative_prod(a), A),
    "cumulative_prod initial": (
        lambda m: np.cumulative_prod(m, axis=0, include_initial=True),
        M,
    ),
    "nanprod": (lambda m: np.nanprod(holes(m), axis=0), M),
    "nancumprod": (lambda m: np.nancumprod(holes(m), axis=1), M),
}

EXTREMA = {
    "max": (lambda m: np.max(m**2), M),
    "max axis": (lambda m: np.max(m**2, axis=1, keepdims=True), M),
    "max axes": (lambda t: np.max(t**3, axis=(0, 2)), T),
    "max initial": (lambda m: np.max(m**3, axis=0, initial=0.1), M),
    "max traced initial": (lambda m, s: np.max(m**3, axis=0, initial=s**2), M, 0.4),
    "max where": (lambda m: np.max(m**3, axis=1, where=MASK, initial=-0.5), M),
    "max out": (lambda m: np.max(m**2, axis=0, out=np.empty(3)), M),
    "max scalar": (lambda s: np.max(s) * s, 0.7),
    "max complex": (lambda z: np.max(z**2), Z),
    "max method": (lambda m: (m**2).max(0), M),
    "amax amin": (lambda m: np.amax(m, 0) * np.amin(m, 0), M),
    "min": (lambda m: np.min(m**3, axis=0), M),
    "min where": (lambda m: np.min(m**3, where=MASK, initial=0.3), M),
    "ptp": (lambda m: np.ptp(m, axis=1, keepdims=True), M),
    "ptp all": (lambda m: np.ptp(m) ** 2, M),
    "nanmax": (lambda m: np.nanmax(holes(m), axis=1) ** 2, M),
    "nanmax all": (lambda m: np.nanmax(holes(m), keepdims=True) ** 2, M),
    "nanmax initial": (lambda m: np.nanmax(holes(m), axis=0, initial=0.1) ** 2, M),
    "nanmax where": (lambda m: np.nanmax(holes(m), where=MASK, initial=-1.0) ** 2, M),
    "nanmin": (lambda m: np.nanmin(holes(m), axis=0) ** 2, M),
}

SPREADS = {
    "average": (lambda a: np.average(a**2), A),
    "average weights": (lambda a, w: np.average(a, weights=w), P, Q),
    "average axis": (lambda m, w: np.average(m, axis=1, weights=w), M, P),
    "average axes": (lambda t, w: np.average(t, axis=(0, 1), weights=w), T, P[:2, None] * Q),
    "average keepdims": (lambda m: np.average(m**2, axis=0, keepdims=True), M),
    "average returned": (lambda m, w: np.average(m, axis=1, weights=w, returned=True), M, P),
    "average plain weights": (lambda m: np.average(m**2, axis=0, weights=[1, 3]), M),
    "average complex": (lambda z, w: np.average(z, weights=w), Z, P),
    "var": (lambda m: np.var(m, axis=1), M),
    "var ddof": (lambda m: np.var(m, ddof=1), M),
    "var axes": (lambda t: np.var(t, axis=(0, 2), keepdims=True), T),
    "var where": (lambda m: np.var(m, axis=1, where=ROW), M),
    "var where all": (lambda m: np.var(m, where=MASK, ddof=1), M),
    "var mean": (lambda m: np.var(m, axis=1, mean=np.mean(m, axis=1, keepdims=True)), M),
    "var other mean": (lambda m, a: np.var(m, axis=1, mean=a), M, draw(2, 1)),
    "var correction": (lambda m: np.var(m, axis=1, correction=1), M),
    "var complex": (lambda z: np.var(z, axis=1), ZM),
    "var method": (lambda m: m.var(axis=0, ddof=1) * m.std(axis=0), M),
    "std": (lambda m: np.std(m, axis=1, keepdims=True), M),
    "std where": (lambda m: np.std(m, where=MASK), M),
    "std mean": (lambda m: np.std(m, axis=1, mean=np.mean(m, axis=1, keepdims=True)), M),
    "nanvar": (lambda m: np.nanvar(holes(m), axis=1), M),
    "nanvar ddof": (lambda m: np.nanvar(holes(m), ddof=1, keepdims=True), M),
    "nanvar where": (lambda m: np.nanvar(holes(m), where=MASK), M),
    "nanstd": (lambda m: np.nanstd(holes(m**3), axis=1), M),
    "cov": (np.cov, draw(3, 4, seed=9)),
    "cov vector": (np.cov, B),
    "cov two": (lambda a, b: np.cov(a, b), A, Q),
    "cov columns": (lambda m: np.cov(m, rowvar=False, bias=True), draw(4, 2)),
    "cov ddof": (lambda m: np.cov(m, ddof=0), M),
    "cov weights": (lambda m, w: np.cov(m, aweights=w), M, P),
    "cov frequencies": (lambda m: np.cov(m, fweights=[1, 2, 3]), M),
    "cov both weights": (lambda m, w: np.cov(m, fweights=[1, 2, 3], aweights=w, ddof=1), M, P),
    "cov complex": (np.cov, ZM),
    "corrcoef": (np.corrcoef, draw(3, 4, seed=9)),
    "corrcoef two": (lambda a, b: np.corrcoef(a, b), A, Q),
    "corrcoef columns": (lambda m: np.corrcoef(m, rowvar=False), draw(4, 2)),
    "corrcoef complex": (np.corrcoef, ZM),
    "trapezoid": (lambda a: np.trapezoid(a**2), A),
    "trapezoid dx": (lambda m, h: np.trapezoid(m**2, dx=h, axis=0), M, 0.3),
    "trapezoid x": (lambda v, t: np.trapezoid(v, t), P, np.array([0.0, 0.5, 2.0])),
    "trapezoid x matrix": (lambda m, x: np.trapezoid(m**2, x, axis=1), M, np.cumsum(P + M**2, 1)),
    "trapezoid x along": (lambda t, x: np.trapezoid(t, x, axis=1), T, np.array([0.0, 0.5, 2.0])),
}

METHODS = [
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "linear",
    "median_unbiased",
    "normal_unbiased",
    "lower",
    "higher",
    "midpoint",
    "nearest",
]

QUANTILES = {
    "median": (lambda a: np.median(a**2), A),
    "median even": (lambda m: np.median(m**3, axis=0), draw(4, 3)),
    "median axes": (lambda t: np.median(t, axis=(0, -1), keepdims=True) ** 2, T),
    "median keepdims": (lambda t: np.median(t, keepdims=True) ** 2, T),
    "median out": (lambda m: np.median(m**2, axis=1, out=np.empty(2)), M),
    "median overwrite": (lambda m: np.median(m**2, axis=1, overwrite_input=True), M),
    "median of a list": (lambda s: np.median([s, s * s, 3.0, 4.0]) * s, 0.4),
    "quantile of a list": (lambda s: np.quantile([s, s * s, 3.0, 4.0], 0.1) * s, 0.4),
    "median scalar": (lambda s: np.median(s) * s, 0.7),
    "median complex": (lambda z: np.median(z) * z, Z),
    "nanmedian": (lambda m: np.nanmedian(holes(m)) ** 2, M),
    "nanmedian axis": (lambda m: np.nanmedian(holes(m), axis=1, keepdims=True) ** 2, M),
    "quantile": (lambda a: np.quantile(a**3, 0.3), B),
    "quantile q": (lambda a, q: np.quantile(a**3, q), B, 0.31),
    "quantile qs": (lambda m, q: np.quantile(m**3, q, axis=1), M, np.array([0.2, 0.7])),
    "quantile q matrix": (lambda m, q: np.quantile(m, q, axis=0), M, np.array([[0.2], [0.7]])),
    "quantile axes": (lambda t, q: np.quantile(t, q, axis=(0, 2), keepdims=True), T, P / 2),
    "quantile above the middle": (lambda a, q: np.quantile(a, q), B, 0.71),
    "quantile list": (lambda a: np.quantile(a**3, [0.0, 0.45, 1.0]), B),
    "quantile out": (lambda m: np.quantile(m, [0.2, 0.4], axis=1, out=np.empty((2, 2))) ** 2, M),
    "quantile weights": (
        lambda a: np.quantile(a**3, 0.4, weights=[1.0, 2.0, 0.5, 0.0, 1.0], method="inverted_cdf"),
        B,
    ),
    "quantile weights axis": (
        lambda m: np.quantile(m, [0.2, 0.8], axis=1, weights=P, method="inverted_cdf") ** 2,
        M,
    ),
    "percentile": (lambda a, q: np.percentile(a**3, q), B, 31.0),
    "percentile axis": (lambda m: np.percentile(m, [20, 70], axis=0, keepdims=True) ** 2, M),
    "percentile weights": (
        lambda m: np.percentile(m, 30, axis=1, weights=P, method="inverted_cdf") ** 2,
        M,
    ),
    "nanquantile": (lambda m, q: np.nanquantile(holes(m), q) ** 2, M, 0.3),
    "nanquantile axis": (lambda m, q: np.nanquantile(holes(m), q, axis=1), M, np.array([0.2, 0.7])),
    "nanquantile weights": (
        lambda m: np.nanquantile(holes(m), 0.4, axis=1, weights=WM, method="inverted_cdf") ** 2,
        M,
    ),
    "nanpercentile": (lambda m: np.nanpercentile(holes(m), [20, 70], axis=0, keepdims=True), M),
    **{
        f"quantile {method}": (
            lambda a, method=method: np.quantile(a**3, [0.13, 0.4, 0.83], method=method),
            B,
        )
        for method in METHODS
    },
    **{
        f"quantile {method} q": (
            lambda a, q, method=method: np.quantile(a, q, method=method),
            B,
            0.43,
        )
        for method in METHODS
    },
}

COUNTS = {
    "bincount": (lambda a: np.bincount([0, 2, 0], weights=a) ** 2, A),
    "bincount longer": (lambda a: np.bincount([0, 2, 0], a, minlength=5) ** 2, A),
    "histogram weights": (
        lambda w: np.histogram([0.1, 0.5, 0.6], 4, (0.0, 1.0), weights=w)[0] ** 2,
        P,
    ),
    "histogram density": (
        lambda w: np.histogram([0.1, 0.5, 0.6], [0.0, 0.3, 0.9, 1.0], weights=w, density=True)[0],
        P,
    ),
    "histogram edges": (lambda a: np.histogram(a, 3)[1] ** 2, A),
    "histogram both": (
        lambda a, w: np.histogram(a, 3, weights=w, density=True),
        B,
        draw(5),
    ),
    "histogram_bin_edges": (lambda a: np.histogram_bin_edges(a, 4) ** 2, A),
    "histogram edges given": (
        lambda e, w: np.histogram([0.35, 0.5, 1.0], e, weights=w, density=True),
        np.array([0.3, 0.45, 1.2]),
        P,
    ),
    "histogram complex weights": (
        lambda w: np.histogram([0.1, 0.5, 0.6], [0, 0.3, 1], weights=w)[0],
        Z,
    ),
    "histogram2d": (
        lambda w: np.histogram2d([0.1, 0.5, 0.6], [1, 2, 3], 2, weights=w)[0] ** 2,
        P,
    ),
    "histogramdd": (
        lambda w: np.histogramdd(np.array([[0.1, 1], [0.5, 2], [0.6, 3]]), 2, weights=w)[0] ** 2,
        P,
    ),
}

CASES = {**SUMS, **PRODUCTS, **EXTREMA, **SPREADS, **QUANTILES, **COUNTS}
if not hasattr(np, "unstack"):  # of NumPy 2.1
    LATER = ("cumulative_sum", "cumulative_prod")
    CASES = {name: case for name, case in CASES.items() if not name.startswith(LATER)}

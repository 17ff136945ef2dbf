"""The standard library's ``statistics``, which works with exact fractions.

Here are the same formulas with its values. What is not named is followed.
"""

import math

from sciad.core.apply import apply
from sciad.core.dispatch import call
from sciad.core.rules import Elementwise, substitute
from sciad.core.tracer import primal_of
from sciad.rules.valued import with_value

__all__: list[str] = []


def _plain(name, *args):
    """Value of the plain function; it raises what it raises."""
    import statistics  # not needed by others

    return getattr(statistics, name)(*[primal_of(a) for a in args])


def _total(values):
    return sum(values[1:], values[0])


def _root(square):
    """Square root whose derivative at 0 is 0."""
    return call(math.sqrt, square) if primal_of(square) > 0 else 0.0 * square


@substitute("statistics.mean")
def mean(data):
    """``statistics.mean``."""
    values = list(data)
    plain = _plain("mean", values)
    return with_value(_total(values) / len(values), plain, "statistics.mean")


@substitute("statistics.fmean")
def fmean(data, weights=None):
    """``statistics.fmean``."""
    values = list(data)
    if weights is None:
        plain = _plain("fmean", values)
        return with_value(_total(values) / len(values), plain, "statistics.fmean")
    weights = list(weights)
    plain = _plain("fmean", values, weights)
    weighted = [w * x for w, x in zip(weights, values, strict=True)]
    return with_value(_total(weighted) / _total(weights), plain, "statistics.fmean")


@substitute("statistics.harmonic_mean")
def harmonic_mean(data, weights=None):
    """``statistics.harmonic_mean``."""
    values = list(data)
    weights = [1.0] * len(values) if weights is None else list(weights)
    plain = _plain("harmonic_mean", values, weights)
    if plain == 0:  # one of the numbers is 0
        return 0.0 * _total(values)
    parts = [w / x for w, x in zip(weights, values, strict=True)]
    return with_value(_total(weights) / _total(parts), plain, "statistics.harmonic_mean")


def _spread(name, data, centre, freedom):
    """Mean square distance from a centre, that of the data if none is given."""
    values = list(data)
    plain = _plain(name, values, centre)
    middle = _total(values) / len(values) if centre is None else centre
    square = _total([(x - middle) ** 2 for x in values]) / (len(values) - freedom)
    square = square if name.endswith("variance") else _root(square)
    return with_value(square, plain, f"statistics.{name}")


@substitute("statistics.variance")
def variance(data, xbar=None):
    """``statistics.variance``."""
    return _spread("variance", data, xbar, 1)


@substitute("statistics.pvariance")
def pvariance(data, mu=None):
    """``statistics.pvariance``."""
    return _spread("pvariance", data, mu, 0)


@substitute("statistics.stdev")
def stdev(data, xbar=None):
    """``statistics.stdev``; the derivative at a deviation of 0 is 0."""
    return _spread("stdev", data, xbar, 1)


@substitute("statistics.pstdev")
def pstdev(data, mu=None):
    """``statistics.pstdev``; the derivative at a deviation of 0 is 0."""
    return _spread("pstdev", data, mu, 0)


@substitute("statistics.mode")
def mode(data):
    """``statistics.mode``: the first of the most frequent values."""
    values = list(data)
    plain = _plain("mode", values)
    return next(x for x in values if primal_of(x) == plain)


# Normal distribution -----------------------------------------------------------------------------


def _quantile(p):
    import statistics

    return statistics.NormalDist().inv_cdf(p)


QUANTILE = Elementwise(
    _quantile, (lambda p, out: math.sqrt(2.0 * math.pi) * call(math.exp, 0.5 * out * out),)
)


@substitute("statistics.NormalDist.inv_cdf")
def inv_cdf(distribution, p):
    """``statistics.NormalDist.inv_cdf``."""
    mu, sigma = distribution.mean, distribution.stdev
    kind = type(distribution)
    plain = kind(primal_of(mu), primal_of(sigma)).inv_cdf(primal_of(p))
    found = mu + sigma * apply(QUANTILE, _quantile, (p,), {})
    return with_value(found, plain, "statistics.NormalDist.inv_cdf")


@substitute("statistics.NormalDist.from_samples")
def from_samples(kind, data):
    """``statistics.NormalDist.from_samples``."""
    values = list(data)
    return call(kind, fmean(values), stdev(values))

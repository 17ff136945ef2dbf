"""``math``, ``cmath`` and ``statistics``: what `scalars` does not have."""

import cmath
import math
import statistics

from .inputs import x, y

z = 0.7 + 0.4j


def _of_three(function, *more):
    """A function of samples, of two numbers."""
    return lambda a, b: function([a, b, a * b, 3.0], *more)


def _normal(method, *args):
    return lambda a, b: getattr(statistics.NormalDist(a, b), method)(*args)


CASES = {
    "gamma": (math.gamma, x),
    "gamma negative": (math.gamma, -1.3),
    "lgamma": (math.lgamma, x),
    "lgamma negative": (math.lgamma, -1.3),
    "ldexp": (lambda v: math.ldexp(v, 3) ** 2, x),
    "frexp": (lambda v: math.frexp(v)[0] ** 2, 5.3),
    "nextafter": (lambda v: math.nextafter(v, 9.0) ** 2, x),
    "integers": (lambda v: v**2 * math.comb(5, 2) * math.isqrt(17) * math.perm(4, 2), x),
    "cmath.phase": (cmath.phase, z),
    "cmath.polar": (cmath.polar, z),
    "cmath.rect": (cmath.rect, x, y),
    **{
        f"cmath.{name}": (getattr(cmath, name), z)
        for name in (
            "acos",
            "acosh",
            "asin",
            "asinh",
            "atan",
            "atanh",
            "cos",
            "cosh",
            "exp",
            "log",
            "log10",
            "sin",
            "sinh",
            "sqrt",
            "tan",
            "tanh",
        )
    },
    "cmath.log base": (lambda v: cmath.log(v, 3.0), z),
    "mean": (_of_three(statistics.mean), x, y),
    "fmean": (_of_three(statistics.fmean), x, y),
    "fmean weights": (lambda a, b: statistics.fmean([a, b, a * b], [1.0, b, 2.0]), x, y),
    "median": (_of_three(statistics.median), x, y),
    "median_low": (_of_three(statistics.median_low), x, y),
    "variance": (_of_three(statistics.variance), x, y),
    "variance of a centre": (lambda a, b: statistics.variance([a, b, 3.0], a * b), x, y),
    "pvariance": (_of_three(statistics.pvariance), x, y),
    "stdev": (_of_three(statistics.stdev), x, y),
    "pstdev": (_of_three(statistics.pstdev), x, y),
    "geometric_mean": (_of_three(statistics.geometric_mean), x, y),
    "harmonic_mean": (_of_three(statistics.harmonic_mean), x, y),
    "harmonic_mean weights": (_of_three(statistics.harmonic_mean, [1.0, 2.0, 3.0, 1.0]), x, y),
    "quantiles": (lambda a, b: statistics.quantiles([a, b, a * b, 3.0]), x, y),
    "mode": (lambda a, b: statistics.mode([b, a, a]) ** 2, x, y),
    "covariance": (_of_three(statistics.covariance, [1.0, 2.5, 0.3, 1.0]), x, y),
    "correlation": (_of_three(statistics.correlation, [1.0, 2.5, 0.3, 1.0]), x, y),
    "linear_regression": (
        lambda a, b: tuple(statistics.linear_regression([a, b, a * b], [1.0, 2.0, b])),
        x,
        y,
    ),
    "NormalDist.pdf": (_normal("pdf", 0.3), x, y),
    "NormalDist.cdf": (_normal("cdf", 0.3), x, y),
    "NormalDist.inv_cdf": (_normal("inv_cdf", 0.3), x, y),
    "NormalDist.inv_cdf p": (lambda p: statistics.NormalDist(1.0, 2.0).inv_cdf(p), 0.2),
    "NormalDist.zscore": (_normal("zscore", 0.3), x, y),
    "NormalDist arithmetic": (
        lambda a, b: (statistics.NormalDist(a, b) * 2 + 1 + statistics.NormalDist(b, a)).stdev,
        x,
        y,
    ),
    "NormalDist.from_samples": (
        lambda a, b: statistics.NormalDist.from_samples([a, b, a * b]).variance,
        x,
        y,
    ),
}
if hasattr(math, "fma"):
    CASES["fma"] = (lambda a, b: math.fma(a, b, a) ** 2, x, y)
#: The plain function works with exact fractions or has another order of operations.
DOUBLE_ONLY = dict.fromkeys(CASES, "numbers of Python have double precision")

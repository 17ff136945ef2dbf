"""Functions of scipy.special as mpmath spells them, with points that cover their ranges.

A line is ``name: (function, argnums, point, point, ...)``.
"""

import mpmath as mp

__all__ = ["FIRST", "SECOND"]


def _points(*xs):
    return [(x,) for x in xs]


def _regularized(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def _huber(delta, r):
    return r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


def _voigt(x, sigma, gamma):
    z = (x + 1j * gamma) / (sigma * mp.sqrt(2))
    return mp.re(mp.exp(-z * z) * mp.erfc(-1j * z)) / (sigma * mp.sqrt(2 * mp.pi))


ERRORS = {
    "erf": (mp.erf, [0], *_points(-5.0, 0.0, 0.3, 5.0)),
    "erfc": (mp.erfc, [0], *_points(-5.0, 0.3, 20.0)),
    "erfcx": (
        lambda x: mp.exp(x * x) * mp.erfc(x),
        [0],
        *_points(-5.0, -1.0, 0.3, 5.0, 11.9, 12.1, 40.0, 1e3),
    ),
    "dawsn": (
        lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
        [0],
        *_points(-15.0, -1.0, 0.3, 5.0, 11.9, 12.1),
    ),
    "erfi": (mp.erfi, [0], *_points(-5.0, 0.0, 20.0)),
    "erfinv": (mp.erfinv, [0], *_points(-0.99, 0.01, 0.999999)),
    "ndtr": (mp.ncdf, [0], *_points(-30.0, -1.0, 5.0)),
    "log_ndtr": (
        lambda x: mp.log(mp.ncdf(x)),
        [0],
        *_points(-1000.0, -40.0, -1.0, 0.0, 5.0, 10.0),
    ),
    "voigt_profile": (_voigt, [0, 1, 2], (0.5, 1.0, 0.3), (3.0, 0.5, 0.2)),
}

ELEMENTARY = {
    "expit": (lambda x: 1 / (1 + mp.exp(-x)), [0], *_points(-700.0, -1.0, 0.0, 40.0)),
    "logit": (lambda p: mp.log(p / (1 - p)), [0], *_points(1e-9, 0.3, 1 - 1e-9)),
    "log_expit": (lambda x: -mp.log1p(mp.exp(-x)), [0], *_points(-700.0, 0.0, 40.0)),
    "exprel": (lambda x: mp.expm1(x) / x, [0], *_points(-99.0, -1.01, -0.99, 1e-5, 1.0, 30.0)),
    "xlogy": (lambda x, y: x * mp.log(y), [0, 1], (2.0, 3.0)),
    "xlog1py": (lambda x, y: x * mp.log1p(y), [0, 1], (1.0, -0.5)),
    "entr": (lambda x: -x * mp.log(x), [0], (2.0,)),
    "rel_entr": (lambda x, y: x * mp.log(x / y), [0, 1], (2.0, 3.0), (1.0, 1.0000001)),
    "kl_div": (lambda x, y: x * mp.log(x / y) - x + y, [0, 1], (2.0, 5.0), (1.0, 1.0000001)),
    "pseudo_huber": (
        lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1),
        [0, 1],
        (1.0, 2.0),
        (2.0, 1e-3),
        (0.1, 50.0),
    ),
    "huber": (_huber, [0, 1], (1.0, 2.0), (2.0, 1e-3), (0.1, -50.0)),
    "powm1": (lambda x, y: x**y - 1, [0, 1], (1.2, 3.0), (0.5, -2.0)),
    "boxcox": (lambda x, t: (x**t - 1) / t, [0, 1], (1.2, 3.0), (3.0, 1e-8), (3.0, 0.91)),
    "boxcox1p": (lambda x, t: ((1 + x) ** t - 1) / t, [0, 1], (0.5, -2.0), (3.0, 1e-8)),
    "inv_boxcox": (lambda y, t: (1 + t * y) ** (1 / t), [0, 1], (1.2, 3.0), (3.0, 1e-8)),
    "inv_boxcox1p": (lambda y, t: (1 + t * y) ** (1 / t) - 1, [0, 1], (0.5, -1.0), (0.3, 0.3)),
    "cosm1": (lambda x: mp.cos(x) - 1, [0], *_points(1.2, 1e-5)),
    "sindg": (lambda x: mp.sin(x * mp.pi / 180), [0], (30.0,)),
    "radian": (
        lambda d, m, s: (d + m / 60 + s / 3600) * mp.pi / 180,
        [0, 1, 2],
        (1.0, 2.0, 3.0),
    ),
}

GAMMAS = {
    "gamma": (mp.gamma, [0], *_points(-2.5, 1e-5, 0.3, 3.0, 50.0, 170.0)),
    "gammaln": (lambda x: mp.re(mp.loggamma(x)), [0], *_points(1e-5, 0.3, 3.0, 50.0)),
    "psi": (mp.digamma, [0], *_points(-20.3, -0.3, -1e-3, 1e-5, 0.3, 3.0, 50.0)),
    "rgamma": (mp.rgamma, [0], *_points(-3.0, -2.5, -2.0, 0.0, 0.3, 3.0, 50.0)),
    "beta": (mp.beta, [0, 1], (0.3, 0.5), (1e6, 1.0), (50.0, 0.1), (14.0, 16.0)),
    "betaln": (
        lambda a, b: mp.log(mp.beta(a, b)),
        [0, 1],
        (0.3, 0.5),
        (1e8, 1e-3),
        (14.0, 16.0),
        (100.0, 200.0),
    ),
    "poch": (mp.rf, [0, 1], (2.5, 3.0), (20.0, 0.5), (1e3, 2.2)),
    "binom": (mp.binomial, [0, 1], (10.3, 3.0), (5.5, 2.2)),
    "gammainc": (_regularized, [1], (0.5, 0.3), (2.0, 1e-5), (11.0, 8.0), (1e3, 990.0)),
    "gammaincc": (lambda a, x: 1 - _regularized(a, x), [1], (0.5, 0.3), (50.0, 60.0)),
    "betainc": (
        lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
        [2],
        (0.5, 0.3, 0.2),
        (20.0, 30.0, 0.4),
        (500.0, 600.0, 0.45),
        (11.0, 12.0, 1e-3),
        (3.0, 50.0, 0.1),
    ),
    "polygamma": (mp.polygamma, [1], (1, 0.5), (3, 10.0)),
    "zeta": (mp.zeta, [1], (2.0, 0.5), (3.5, 10.0)),
}

_ORDERS = [(0, 0.5), (1.5, 1e-3), (2, 30.0), (20, 1.0), (0.3, 5.0)]
_SCALED = [(0, 0.5), (2, 30.0), (2, 499.0), (2, 501.0), (0.3, 1e5)]
BESSEL = {
    "jv": (mp.besselj, [1], *_ORDERS),
    "yv": (mp.bessely, [1], *_ORDERS),
    "iv": (mp.besseli, [1], *_ORDERS),
    "kv": (mp.besselk, [1], *_ORDERS),
    "ive": (lambda v, x: mp.besseli(v, x) * mp.exp(-abs(x)), [1], *_SCALED),
    "kve": (lambda v, x: mp.besselk(v, x) * mp.exp(x), [1], *_SCALED),
    "j0": (lambda x: mp.besselj(0, x), [0], *_points(1e-5, 5.0)),
    "j1": (lambda x: mp.besselj(1, x), [0], *_points(1e-5, 5.0)),
    "y0": (lambda x: mp.bessely(0, x), [0], *_points(1e-5, 5.0)),
    "y1": (lambda x: mp.bessely(1, x), [0], *_points(1e-5, 5.0)),
    "i0": (lambda x: mp.besseli(0, x), [0], *_points(1e-5, 5.0)),
    "i1": (lambda x: mp.besseli(1, x), [0], *_points(1e-5, 5.0)),
    "k0": (lambda x: mp.besselk(0, x), [0], *_points(1e-5, 5.0)),
    "k1": (lambda x: mp.besselk(1, x), [0], *_points(1e-5, 5.0)),
    "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), [0], *_points(-200.0, -3.0, 5.0, 1e5)),
    "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), [0], *_points(-200.0, -3.0, 5.0, 1e5)),
    "k0e": (lambda x: mp.besselk(0, x) * mp.exp(x), [0], *_points(0.3, 50.0, 1e5)),
    "k1e": (lambda x: mp.besselk(1, x) * mp.exp(x), [0], *_points(0.3, 50.0, 1e5)),
    "struve": (mp.struveh, [1], (0.5, 0.3), (1.0, 5.0)),
    "modstruve": (mp.struvel, [1], (0.5, 0.3), (1.0, 5.0)),
    "ber": (lambda x: mp.ber(0, x), [0], (4.0,)),
    "bei": (lambda x: mp.bei(0, x), [0], (4.0,)),
    "ker": (lambda x: mp.ker(0, x), [0], (4.0,)),
    "kei": (lambda x: mp.kei(0, x), [0], (4.0,)),
}

_AMPLITUDES = [(0.5, 0.3), (1.0, 1e-9), (5.0, 0.4), (-2.0, -0.5)]
OTHERS = {
    "ellipk": (mp.ellipk, [0], *_points(-5.0, -0.04, 1e-9, 0.06, 0.5, 0.99)),
    "ellipkm1": (lambda p: mp.ellipk(1 - p), [0], *_points(1e-9, 0.06, 0.5, 0.96, 1.2)),
    "ellipe": (mp.ellipe, [0], *_points(-5.0, -0.04, 1e-9, 0.06, 0.5, 0.99)),
    "ellipkinc": (mp.ellipf, [0, 1], *_AMPLITUDES),
    "ellipeinc": (lambda phi, m: mp.ellipe(phi, m), [0, 1], *_AMPLITUDES),
    "elliprf": (mp.elliprf, [0, 1, 2], (1.0, 2.0, 3.0)),
    "elliprc": (mp.elliprc, [0, 1], (1.0, 2.0)),
    "exp1": (mp.e1, [0], *_points(1e-5, 5.0, 50.0)),
    "expi": (mp.ei, [0], *_points(-3.0, 0.3, 50.0)),
    "expn": (mp.expint, [1], (0, 0.3), (1, 2.0), (10, 20.0)),
    "spence": (lambda z: mp.polylog(2, 1 - z), [0], *_points(0.01, 0.85, 1.05, 1.9, 3.0)),
    "hyp2f1": (mp.hyp2f1, [3], (0.5, 1.2, 2.0, 0.3), (1.0, 2.0, 3.5, -2.0)),
    "hyp1f1": (mp.hyp1f1, [2], (0.5, 1.2, 0.3), (1.0, 2.5, -2.0)),
    "hyp0f1": (mp.hyp0f1, [1], (0.5, 0.3), (1.5, -2.0)),
    "hyperu": (mp.hyperu, [2], (0.5, 1.2, 0.3), (1.0, 2.5, 2.0)),
    "wrightomega": (lambda z: mp.lambertw(mp.exp(z)), [0], *_points(0.5, 4.0)),
}

_DEGREES = [(0, 0.3), (1, 0.5), (5, 0.3)]
_OF_PARAMETER = [(0, 1.0, 0.3), (1, 0.3, 0.5), (5, 2.0, 0.3)]
POLYNOMIALS = {
    "eval_legendre": (mp.legendre, [1], *_DEGREES, (2.5, 0.3), (7, 2.0)),
    "eval_chebyt": (mp.chebyt, [1], *_DEGREES, (2.5, 0.3)),
    "eval_chebyu": (mp.chebyu, [1], *_DEGREES),
    "eval_chebyc": (lambda n, x: 2 * mp.chebyt(n, x / 2), [1], *_DEGREES),
    "eval_chebys": (lambda n, x: mp.chebyu(n, x / 2), [1], *_DEGREES),
    "eval_hermite": (mp.hermite, [1], *_DEGREES),
    "eval_hermitenorm": (
        lambda n, x: mp.hermite(n, x / mp.sqrt(2)) / mp.sqrt(2) ** n,
        [1],
        *_DEGREES,
    ),
    "eval_laguerre": (lambda n, x: mp.laguerre(n, 0, x), [1], *_DEGREES, (2.5, 0.3)),
    "eval_genlaguerre": (mp.laguerre, [2], *_OF_PARAMETER),
    "eval_gegenbauer": (mp.gegenbauer, [2], *_OF_PARAMETER),
    "eval_jacobi": (mp.jacobi, [3], (0, 1.0, 0.5, 0.3), (5, 2.0, 1.5, 0.3)),
    "eval_sh_legendre": (lambda n, x: mp.legendre(n, 2 * x - 1), [1], *_DEGREES),
    "eval_sh_chebyt": (lambda n, x: mp.chebyt(n, 2 * x - 1), [1], *_DEGREES),
    "eval_sh_chebyu": (lambda n, x: mp.chebyu(n, 2 * x - 1), [1], *_DEGREES),
}

FIRST = {**ERRORS, **ELEMENTARY, **GAMMAS, **BESSEL, **OTHERS, **POLYNOMIALS}
SECOND = {
    "erfcx": (ERRORS["erfcx"][0], [0], *_points(0.3, 11.0, 13.0)),
    "dawsn": (ERRORS["dawsn"][0], [0], *_points(0.3, 11.0)),
    "log_ndtr": (ERRORS["log_ndtr"][0], [0], *_points(-40.0, -1.0, 5.0)),
    "expit": (ELEMENTARY["expit"][0], [0], *_points(-40.0, 1.0, 40.0)),
    "exprel": (ELEMENTARY["exprel"][0], [0], *_points(-0.9, 1.1)),
    "boxcox": (ELEMENTARY["boxcox"][0], [0, 1], (3.0, 1e-8), (3.0, 0.5)),
    "psi": (mp.digamma, [0], *_points(-2.3, 0.3, 50.0)),
    "rgamma": (mp.rgamma, [0], *_points(-2.0, -0.4, 3.0)),
    "gamma": (mp.gamma, [0], *_points(-2.5, 0.3, 50.0)),
    "betaln": (GAMMAS["betaln"][0], [0, 1], (0.3, 0.5), (14.0, 16.0), (100.0, 200.0)),
    "gammainc": (_regularized, [1], (0.5, 0.3), (11.0, 8.0)),
    "jv": (mp.besselj, [1], (0, 0.5), (1.5, 2.0)),
    "kve": (BESSEL["kve"][0], [1], (0, 0.5), (2, 501.0)),
    "ellipk": (mp.ellipk, [0], *_points(-5.0, 0.01, 0.06, 0.99)),
    "ellipe": (mp.ellipe, [0], *_points(0.01, 0.06, 0.9)),
    "spence": (OTHERS["spence"][0], [0], *_points(0.01, 1.05, 3.0)),
    "eval_legendre": (mp.legendre, [1], (1, 0.3), (5, 0.3)),
    "hyp2f1": (mp.hyp2f1, [3], (0.5, 1.2, 2.0, 0.3)),
}

"""scipy.special, what `test_special` does not compare with mpmath: complex arguments, arrays,
inverses, several outputs, functions of several arguments.
"""

import math

import numpy as np
from scipy import special

from .inputs import A, M, P, Q, W, Z, draw, x, y

PROBABILITY = draw(3, low=0.1, high=0.9, seed=3)


def _at(function, *held):
    """A function of its last argument, the others held."""
    return lambda v: function(*held, v)


def _spherical(name, n, derivative):
    """A spherical Bessel function of a degree."""
    function = getattr(special, name)
    return lambda v: function(n, v, derivative=derivative)


CASES = {
    # complex arguments
    **{
        f"{name} complex": (getattr(special, name), Z)
        for name in (
            "erf",
            "erfc",
            "erfcx",
            "erfi",
            "dawsn",
            "wofz",
            "gamma",
            "loggamma",
            "rgamma",
            "psi",
            "expm1",
            "log1p",
            "log_ndtr",
            "ndtr",
            "exp1",
            "expi",
            "spence",
            "wrightomega",
            "lambertw",
            "airy",
            "fresnel",
            "sici",
            "shichi",
        )
    },
    "wofz lower half": (special.wofz, np.conj(Z)),
    "psi left": (special.psi, -Z - 1.3),
    "rgamma left": (special.rgamma, -Z),
    "jv complex": (_at(special.jv, 1.5), Z),
    "yv complex": (_at(special.yv, 0.5), Z),
    "iv complex": (_at(special.iv, 0.5), Z),
    "kv complex": (_at(special.kv, 1), Z),
    "kve complex": (_at(special.kve, 1), Z),
    "hankel1": (_at(special.hankel1, 0.5), Z),
    "hankel1 of real": (_at(special.hankel1, 0.5), P),
    "hankel2e": (_at(special.hankel2e, 1.0), Z + 1),
    "hankel1e": (_at(special.hankel1e, 1.0), Z + 1),
    "spherical_jn complex": (_at(special.spherical_jn, 2), Z),
    "eval_legendre complex": (_at(special.eval_legendre, 3), Z),
    "hyp2f1 complex": (_at(special.hyp2f1, 0.5, 1.2, 2.0), 0.5 * Z),
    "xlogy complex": (special.xlogy, Z, W),
    "xlog1py complex": (special.xlog1py, Z, W),
    "logsumexp complex": (special.logsumexp, Z),
    "wofz of real": (special.wofz, A),
    "lambertw branch": (lambda v: special.lambertw(v, -1), -0.2 * P),
    # arrays, broadcasting, options
    "gamma": (special.gamma, M + 2),
    "broadcast": (special.beta, np.array([[0.5], [2.0]]), P),
    "betaln scalar and array": (special.betaln, x, P),
    "out": (lambda a: special.expit(a, out=np.zeros(3)), A),
    "where out": (lambda a: special.erf(a, out=np.zeros(3), where=A > 0), A),
    "list": (lambda a, b: special.xlogy([a, 1.0], [b, a]), x, y),
    "order array": (lambda a: special.jv(np.array([0, 1, 2]), a), P),
    # logistic, logarithmic, losses
    "expit": (special.expit, A),
    "logit": (special.logit, PROBABILITY),
    "log_expit": (special.log_expit, A),
    "softplus": (lambda a: np.logaddexp(0.0, a), A),
    "kl_div": (special.kl_div, P, Q),
    "rel_entr": (special.rel_entr, P, Q),
    "huber": (special.huber, P, np.array([0.1, 3.0, -2.0])),
    "pseudo_huber": (special.pseudo_huber, P, A),
    "cbrt": (special.cbrt, P),
    "exp2": (special.exp2, A),
    "exp10": (special.exp10, A),
    "tandg": (special.tandg, 30 * P),
    "cotdg": (special.cotdg, 30 * P),
    "cosdg": (special.cosdg, 30 * P),
    "diric": (lambda a: special.diric(a, 5), P),
    # normal distribution
    "ndtri": (special.ndtri, PROBABILITY),
    "ndtri_exp": (special.ndtri_exp, -P),
    "erfcinv": (special.erfcinv, PROBABILITY),
    "voigt_profile": (special.voigt_profile, A, P, Q),
    "nrdtrimn": (special.nrdtrimn, PROBABILITY, P, A),
    "nrdtrisd": (special.nrdtrisd, A, PROBABILITY, P),
    # incomplete functions and their inverses
    "gammaincinv": (_at(special.gammaincinv, 2.5), PROBABILITY),
    "gammaincinv large": (_at(special.gammaincinv, 25.0), PROBABILITY),
    "gammainccinv": (_at(special.gammainccinv, 2.5), PROBABILITY),
    "betaincinv": (_at(special.betaincinv, 2.5, 1.5), PROBABILITY),
    "betaincinv large": (_at(special.betaincinv, 25.0, 15.0), PROBABILITY),
    "gdtr": (lambda a, v: special.gdtr(a, 2.5, v), P, Q),
    "gdtrc": (lambda a, v: special.gdtrc(a, 2.5, v), P, Q),
    "gdtrix": (lambda a, p: special.gdtrix(a, 2.5, p), P, PROBABILITY),
    "gdtria": (lambda p, v: special.gdtria(p, 2.5, v), PROBABILITY, P),
    "chdtr": (_at(special.chdtr, 3.0), P),
    "chdtrc": (_at(special.chdtrc, 30.0), 20 * P),
    "chdtri": (_at(special.chdtri, 3.0), PROBABILITY),
    "pdtr": (_at(special.pdtr, 3), 3 * P),
    "pdtrc": (_at(special.pdtrc, 3), 3 * P),
    "pdtri": (_at(special.pdtri, 3), PROBABILITY),
    "bdtr": (_at(special.bdtr, 2, 5), PROBABILITY),
    "bdtrc": (_at(special.bdtrc, 2, 5), PROBABILITY),
    "bdtri": (_at(special.bdtri, 2, 5), PROBABILITY),
    "nbdtr": (_at(special.nbdtr, 2, 5), PROBABILITY),
    "nbdtrc": (_at(special.nbdtrc, 2, 5), PROBABILITY),
    "nbdtri": (_at(special.nbdtri, 2, 5), PROBABILITY),
    "fdtr": (_at(special.fdtr, 3.0, 5.0), P),
    "fdtrc": (_at(special.fdtrc, 3.0, 5.0), P),
    "fdtri": (_at(special.fdtri, 3.0, 5.0), PROBABILITY),
    "stdtr": (_at(special.stdtr, 3.0), A),
    "stdtrit": (_at(special.stdtrit, 3.0), PROBABILITY),
    # Bessel and kin
    "jn yn kn": (lambda a: special.jn(2, a) * special.yn(1, a) * special.kn(3, a), P),
    "hankel2": (_at(special.hankel2, 1), P),
    "jve yve": (lambda a: special.jve(0.5, a) * special.yve(1, a), P),
    **{
        f"{name} {n} {d}": (_spherical(name, n, d), P)
        for name in ("spherical_jn", "spherical_yn", "spherical_in", "spherical_kn")
        for n in (0, 3)
        for d in (False, True)
    },
    "airy": (special.airy, A),
    "itairy": (special.itairy, P),
    "berp": (special.berp, P),
    "beip": (special.beip, P),
    "kerp": (special.kerp, P),
    "keip": (special.keip, P),
    "pbdv": (_at(special.pbdv, 0.5), P),
    "pbwa": (_at(special.pbwa, 0.5), P),
    "jvp": (lambda a: special.jvp(1.5, a, 2) + special.ivp(1, a), P),
    # integrals
    "sici": (special.sici, A + 1),
    "shichi": (special.shichi, A + 1),
    "fresnel": (special.fresnel, A),
    "itj0y0": (special.itj0y0, P),
    "iti0k0": (special.iti0k0, P),
    "itstruve0": (special.itstruve0, P),
    "itmodstruve0": (special.itmodstruve0, P),
    "it2struve0": (special.it2struve0, P),
    # elliptic
    "ellipj": (lambda u, m: special.ellipj(u, m)[:2], 1.2, 0.4),
    "ellipj u": (lambda u: special.ellipj(u, np.array([0.1, 0.5, 0.8])), P),
    "ellipkinc phi": (lambda p: special.ellipkinc(p, 0.4), P),
    # polynomials
    "eval_sh_jacobi": (_at(special.eval_sh_jacobi, 3, 2.5, 1.5), P),
    "lpmv": (_at(special.lpmv, 1, 3), A),
    "lpmv zero": (_at(special.lpmv, 0, 2), A),
    "wright_bessel": (_at(special.wright_bessel, 0.5, 1.5), P),
    # functions written in Python
    "logsumexp": (special.logsumexp, A),
    "logsumexp axis": (lambda m: special.logsumexp(m, axis=1, keepdims=True), M),
    "logsumexp b": (lambda m, b: special.logsumexp(m, axis=0, b=b), M, P),
    "logsumexp sign": (lambda m, b: special.logsumexp(m, b=-b, return_sign=True)[0], M, P),
    "logsumexp axes": (lambda m: special.logsumexp(m, axis=(0, 1)), M),
    "softmax": (special.softmax, A),
    "softmax axis": (lambda m: special.softmax(m, axis=0), M),
    "log_softmax": (lambda m: special.log_softmax(m, axis=-1), M),
    "multigammaln": (lambda a: special.multigammaln(a, 3), 2.7),
    "factorial": (special.factorial, P),
    "comb": (lambda a: special.comb(a, 2), P + 4),
    "perm": (lambda a: special.perm(a, 2), P + 4),
    "polygamma": (lambda a: special.polygamma(2, a), P),
    "zeta": (lambda a: special.zeta(2.5, a), P),
    "sinc": (special.sinc, A),
    "legendre series": (lambda a: special.legendre(3)(a), P),
    # math of the standard library that needs these
    "math.gamma": (math.gamma, x),
    "math.lgamma": (math.lgamma, x),
}
#: SciPy computes these in double precision, or truncates a count given as a float there.
DOUBLE_ONLY = dict.fromkeys(
    (
        *("bdtr", "bdtrc", "bdtri", "polygamma"),
        *(name for name in CASES if name.startswith("spherical")),
    ),
    "SciPy's result in single precision has a type of its own",
)
#: The second derivative with respect to the parameter m has no closed form.
FIRST_ORDER = {"ellipj": "the slope to m is an integral that has no rule"}

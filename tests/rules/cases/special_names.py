"""The names of scipy.special one by one: arguments in the middle of the domain, orders held."""

from scipy import special

from .inputs import A, P, Q

HALF = 0.5 * P

#: name -> (arguments that are held, arguments to differentiate)
NAMES = {
    "bei": ((), P),
    "ber": ((), P),
    "kei": ((), P),
    "ker": ((), P),
    "cosm1": ((), P),
    "ellipe": ((), HALF),
    "ellipk": ((), HALF),
    "ellipkm1": ((), HALF),
    "ellipeinc": ((), A, HALF),
    "elliprc": ((), P, Q + 1),
    "elliprf": ((), P, Q, P + Q),
    "entr": ((), P),
    "erfinv": ((), A),
    "exprel": ((), A),
    "i0": ((), A),
    "i0e": ((), P),
    "i1": ((), A),
    "i1e": ((), P),
    "j0": ((), A),
    "j1": ((), A),
    "y0": ((), P),
    "y1": ((), P),
    "k0": ((), P),
    "k0e": ((), P),
    "k1": ((), P),
    "k1e": ((), P),
    "ive": ((1.5,), P),
    "struve": ((1.0,), P),
    "modstruve": ((1.0,), P),
    "expn": ((2,), P),
    "gammainc": ((1.5,), P),
    "gammaincc": ((1.5,), P),
    "betainc": ((1.5, 2.0), HALF),
    "betaincc": ((1.5, 2.0), HALF),
    "betainccinv": ((1.5, 2.0), HALF),
    "boxcox": ((), P, Q),
    "boxcox1p": ((), P, Q),
    "inv_boxcox": ((), P, Q),
    "inv_boxcox1p": ((), P, Q),
    "powm1": ((), P, A),
    "owens_t": ((), A, P),
    "radian": ((), P, A, Q),
    "sindg": ((), A),
    "hyp0f1": ((1.5,), P),
    "hyp1f1": ((1.5, 2.5), P),
    "hyperu": ((1.5, 2.5), P),
    "eval_chebyc": ((3,), P),
    "eval_chebys": ((3,), P),
    "eval_chebyt": ((3,), A),
    "eval_chebyu": ((3,), A),
    "eval_gegenbauer": ((3, 0.7), A),
    "eval_genlaguerre": ((3, 0.7), A),
    "eval_hermite": ((3,), A),
    "eval_hermitenorm": ((3,), A),
    "eval_jacobi": ((3, 0.7, 1.2), A),
    "eval_laguerre": ((3,), A),
    "eval_sh_chebyt": ((3,), HALF),
    "eval_sh_chebyu": ((3,), HALF),
    "eval_sh_legendre": ((3,), HALF),
    "h1vp": ((1,), P),
    "h2vp": ((1,), P),
    "kvp": ((1,), P),
    "yvp": ((1,), P),
    "softplus": ((), A),
}


def _with(function, held):
    return lambda *args: function(*held, *args)


CASES = {
    name: (_with(getattr(special, name), held), *args)
    for name, (held, *args) in NAMES.items()
    if hasattr(special, name)
}
FIRST_ORDER = {
    "ellipeinc": "the slope is an integral R_D, which has no rule",
    "elliprc": "the slope is an integral R_D, which has no rule",
    "elliprf": "the slope is an integral R_D, which has no rule",
}
CASES["assoc_laguerre"] = (lambda v: special.assoc_laguerre(v, 3, 1), A)

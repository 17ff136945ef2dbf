"""Functions of numbers that are refused: each call must raise, and the docs list why.

``REFUSED`` maps the full name of a function to ``(reason, function, *args)``; the function calls it
with traced arguments. It is the other half of the table of cases: a function that is in neither is
listed as not tried. (Functions of scipy.special with a rule that raises for every argument are
found without a line here.)
"""

import numpy as np
import scipy.special as special

from .cases.inputs import A, x

__all__ = ["REFUSED"]

MEMORY = "it works on the memory of an array"
MATRIX = "np.matrix is not supported"
ORTHOGONAL = "orthogonal polynomials of a traced parameter: only in scipy.special.eval_*"
NO_RULE = "its C code has no rule"

REFUSED = {
    "ndarray.resize": ("it changes an array in place", lambda a: a.resize((2,)), A),
    "numpy.frompyfunc": (
        "it makes arrays of objects; np.vectorize is followed",
        lambda a: np.frompyfunc(lambda t: t * t, 1, 1)(a),
        A,
    ),
    "numpy.ndarray": (MEMORY, lambda a: np.ndarray((3,), float, a), A),
    "numpy.nditer": (MEMORY, lambda a: [v * v for v in np.nditer(a)], A),
    "numpy.frombuffer": (MEMORY, lambda a: np.frombuffer(a), A),
    "numpy.matrix": (MATRIX, lambda a: np.matrix(a), A),
    "numpy.asmatrix": (MATRIX, lambda a: np.asmatrix(a), A),
    "numpy.bmat": (MATRIX, lambda a: np.bmat([[a]]), A),
    "scipy.special.ellip_harm": (NO_RULE, lambda v: special.ellip_harm(2.0, 3.0, 1, 1, v), x),
    "scipy.special.ellip_harm_2": (NO_RULE, lambda v: special.ellip_harm_2(2.0, 3, 1, 1, v), 4.0),
    "scipy.special.ellip_normal": (NO_RULE, lambda v: special.ellip_normal(v, 8.0, 1, 1), 5.0),
    "scipy.special.lmbda": (NO_RULE, lambda v: special.lmbda(1.5, v), x),
    "scipy.special.lqmn": (NO_RULE, lambda v: special.lqmn(1, 2, v), x),
    "scipy.special.lqn": (NO_RULE, lambda v: special.lqn(2, v), x),
    "scipy.special.mathieu_even_coef": (NO_RULE, lambda v: special.mathieu_even_coef(2, v), x),
    "scipy.special.mathieu_odd_coef": (NO_RULE, lambda v: special.mathieu_odd_coef(2, v), x),
    "scipy.special.obl_cv_seq": (NO_RULE, lambda v: special.obl_cv_seq(1, 3, v), x),
    "scipy.special.pro_cv_seq": (NO_RULE, lambda v: special.pro_cv_seq(1, 3, v), x),
    "scipy.special.pbdn_seq": (NO_RULE, lambda v: special.pbdn_seq(2, v), 0.7 + 0.1j),
    "scipy.special.pbdv_seq": (NO_RULE, lambda v: special.pbdv_seq(2, v), x),
    "scipy.special.pbvv_seq": (NO_RULE, lambda v: special.pbvv_seq(2, v), x),
    "scipy.special.riccati_jn": (NO_RULE, lambda v: special.riccati_jn(2, v), x),
    "scipy.special.riccati_yn": (NO_RULE, lambda v: special.riccati_yn(2, v), x),
    "scipy.special.gegenbauer": (ORTHOGONAL, lambda v: special.gegenbauer(2, v), x),
    "scipy.special.genlaguerre": (ORTHOGONAL, lambda v: special.genlaguerre(2, v), x),
    "scipy.special.jacobi": (ORTHOGONAL, lambda v: special.jacobi(2, v, 0.5), x),
    "scipy.special.sh_jacobi": (ORTHOGONAL, lambda v: special.sh_jacobi(2, 2.0, v), x),
    "scipy.special.cg_roots": (ORTHOGONAL, lambda v: special.cg_roots(2, v), x),
    "scipy.special.j_roots": (ORTHOGONAL, lambda v: special.j_roots(2, v, 0.5), x),
    "scipy.special.js_roots": (ORTHOGONAL, lambda v: special.js_roots(2, 2.0, v), x),
    "scipy.special.la_roots": (ORTHOGONAL, lambda v: special.la_roots(2, v), x),
    "scipy.special.roots_gegenbauer": (ORTHOGONAL, lambda v: special.roots_gegenbauer(2, v), x),
    "scipy.special.roots_genlaguerre": (ORTHOGONAL, lambda v: special.roots_genlaguerre(2, v), x),
    "scipy.special.roots_jacobi": (ORTHOGONAL, lambda v: special.roots_jacobi(2, v, 0.5), x),
    "scipy.special.roots_sh_jacobi": (ORTHOGONAL, lambda v: special.roots_sh_jacobi(2, 2.0, v), x),
}
for _name, _held in {
    "assoc_legendre_p": (2, 1),
    "assoc_legendre_p_all": (2, 1),
    "legendre_p": (2,),
    "legendre_p_all": (2,),
    "sph_legendre_p": (2, 1),
    "sph_legendre_p_all": (2, 1),
    "sph_harm_y": (2, 1, 0.3),
    "sph_harm_y_all": (2, 1, 0.3),
}.items():
    if hasattr(special, _name):  # since SciPy 1.15
        _call = lambda v, name=_name, held=_held: getattr(special, name)(*held, v)
        REFUSED[f"scipy.special.{_name}"] = (NO_RULE, _call, x)

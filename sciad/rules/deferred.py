"""Rules about SciPy, found by name: nothing of SciPy is imported before it is used.

Python functions are named here with what stands in for them; the ufuncs of scipy.special have no
module to their name, so their rules (`sciad.rules.special`) are imported once SciPy's are.
"""

from sciad.core.rules import Substitute, register, when_imported

__all__: list[str] = []

_REPLACED = {
    "scipy.special._logsumexp": {
        "logsumexp": "sums:logsumexp",
        "softmax": "sums:softmax",
        "log_softmax": "sums:log_softmax",
    },
    "scipy.special._basic": {
        "polygamma": "functions:polygamma",
        "zeta": "functions:zeta",
        "factorial": "functions:factorial",
    },
    "scipy.special._lambertw": {"lambertw": "functions:lambertw"},
    "scipy.special._spherical_bessel": {
        name: f"functions:{name}"
        for name in ("spherical_jn", "spherical_yn", "spherical_in", "spherical_kn")
    },
}

for _module, _functions in _REPLACED.items():
    for _name, _target in _functions.items():
        _key = f"{_module}.{_name}"
        register(_key, Substitute(_key, f"sciad.rules.special.{_target}"))

_SCIPY = {
    "linalg._basic": ("inv", "det", "solve", "solve_triangular", "solve_banded"),
    "linalg._decomp": ("eigvalsh",),
    "linalg._decomp_cholesky": ("cholesky", "cho_factor", "cho_solve"),
    "linalg._decomp_svd": ("svdvals",),
    "linalg._matfuncs": ("expm", "sqrtm"),
    "linalg._solvers": ("solve_sylvester",),
    "linalg._special_matrices": ("toeplitz", "hankel", "circulant"),
    "signal._signaltools": ("convolve", "convolve2d"),
}

for _module, _names in _SCIPY.items():
    for _name in _names:
        _key = f"scipy.{_module}.{_name}"
        _home = _module.partition(".")[0]
        register(_key, Substitute(_key, f"sciad.rules.scipy_{_home}:{_name}"))

when_imported("scipy.special", "sciad.rules.special")

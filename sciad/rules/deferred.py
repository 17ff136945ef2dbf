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

when_imported("scipy.special", "sciad.rules.special")

"""Methods of ufuncs: reduce, accumulate, outer, at, reduceat."""

import numpy as np

__all__ = ["CASES", "ROUNDED"]


def draw(*shape, low=0.3, high=1.2, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape)


A = draw(4, low=-0.9, high=0.9)
P = draw(4)
Q = draw(3, seed=1)
M = draw(2, 3, low=-1, high=1)
R = draw(2, 3)
T3 = draw(2, 3, 2, seed=4)
Z = draw(3) + 1j * draw(3, low=-0.8, high=0.8, seed=5)
YES = np.array([[True, False, True], [True, True, False]])

_TWO = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "logaddexp",
    "logaddexp2",
    "hypot",
]
_MORE = [*_TWO, "float_power"]


def _method(name, method, **options):
    ufunc = getattr(np, name)
    return lambda *args: getattr(ufunc, method)(*args, **options)


REDUCE = {
    **{f"{name}.reduce": (_method(name, "reduce"), P) for name in _MORE},
    **{f"{name}.reduce axis": (_method(name, "reduce", axis=1), R) for name in _MORE},
    **{
        f"{name}.reduce axes": (_method(name, "reduce", axis=(0, 2), keepdims=True), T3)
        for name in ("add", "multiply", "maximum", "minimum", "logaddexp", "hypot", "fmax")
    },
    **{
        f"{name}.reduce all": (_method(name, "reduce", axis=None), T3)
        for name in ("add", "multiply", "maximum", "minimum", "logaddexp", "hypot", "fmin")
    },
    **{
        f"{name}.reduce initial where": (
            _method(name, "reduce", axis=1, initial=0.7, where=YES),
            R,
        )
        for name in ("add", "multiply", "maximum", "minimum", "logaddexp", "hypot", "fmax")
    },
    "add.reduce where": (_method("add", "reduce", axis=0, where=YES), M),
    "multiply.reduce where": (_method("multiply", "reduce", axis=0, where=YES), M),
    "add.reduce traced initial": (lambda m, a: np.add.reduce(m, initial=a), R, 0.7),
    "subtract.reduce initial": (_method("subtract", "reduce", initial=0.3), R),
    "logaddexp.reduce traced initial": (lambda m, a: np.logaddexp.reduce(m, initial=a), R, 0.7),
    "add.reduce positional": (lambda m: np.add.reduce(m, 1, None, None, True) ** 2, M),
    "add.reduce out": (lambda m: np.add.reduce(m, axis=0, out=np.empty(3)) ** 2, M),
    "hypot.reduce out": (lambda m: np.hypot.reduce(m, axis=0, out=np.empty(3)) ** 2, M),
    "add.reduce dtype": (lambda m: np.add.reduce(m, dtype=complex) ** 2, M),
    "add.reduce complex": (_method("add", "reduce"), Z),
    "multiply.reduce complex": (_method("multiply", "reduce"), Z),
    "divide.reduce complex": (_method("divide", "reduce"), Z),
    "add.reduce of a list": (lambda a: np.add.reduce([a[0], a[1] * a[2], 3.0]), A),
    "maximum.reduce of a number": (lambda a: np.maximum.reduce(a[:1]) ** 2, A),
}

ACCUMULATE = {
    **{f"{name}.accumulate": (_method(name, "accumulate"), P) for name in _MORE},
    **{f"{name}.accumulate axis": (_method(name, "accumulate", axis=1), R) for name in _TWO},
    "power.accumulate": (_method("power", "accumulate"), P),
    "arctan2.accumulate": (_method("arctan2", "accumulate"), P),
    "add.accumulate complex": (_method("add", "accumulate"), Z),
    "add.accumulate axis in a tuple": (_method("add", "accumulate", axis=(1,)), R),
    "multiply.accumulate without axis": (_method("multiply", "accumulate", axis=None), P),
    "minimum.accumulate axis in a tuple": (_method("minimum", "accumulate", axis=(0,)), R),
    "divide.accumulate complex": (_method("divide", "accumulate"), Z),
    "maximum.accumulate with ups and downs": (
        lambda a: np.maximum.accumulate(a) ** 2,
        np.array([0.3, 0.1, 0.8, 0.5, 0.9]),
    ),
    "maximum.accumulate out": (
        lambda m: np.maximum.accumulate(m, axis=0, out=np.empty((2, 3))) ** 2,
        M,
    ),
    "multiply.accumulate dtype": (
        lambda m: np.multiply.accumulate(m, axis=-1, dtype=complex) ** 2,
        M,
    ),
    "add.accumulate of nothing": (lambda m: np.add.accumulate(m[:, :0], axis=1), M),
    "hypot.accumulate of nothing": (lambda m: np.hypot.accumulate(m[:, :0], axis=1), M),
}

OUTER = {
    **{f"{name}.outer": (_method(name, "outer"), P, Q) for name in _MORE},
    "power.outer": (np.power.outer, P, Q),
    "arctan2.outer": (np.arctan2.outer, P, Q),
    "subtract.outer of matrices": (np.subtract.outer, M, Q),
    "multiply.outer constant": (lambda a: np.multiply.outer([1.0, 2.0], a), A),
    "multiply.outer scalar": (lambda a, s: np.multiply.outer(a, s), A, 0.7),
    "multiply.outer complex": (np.multiply.outer, Z, Q),
    "multiply.outer out": (lambda a, q: np.multiply.outer(a, q, out=np.empty((4, 3))), A, Q),
    "greater.outer": (lambda a: np.greater.outer(a, Q - 1) * a[:, None], A),
}

REDUCEAT = {
    **{
        f"{name}.reduceat": (
            _method(name, "reduceat", indices=[0, 2, 1, 3]),
            P,
        )
        for name in _MORE
    },
    "add.reduceat axis": (lambda m: np.add.reduceat(m, [0, 2], axis=1) ** 2, M),
    "add.reduceat axis 0": (lambda m: np.add.reduceat(m, [0, 1, 0], axis=0) ** 2, M),
    "multiply.reduceat axis": (lambda m: np.multiply.reduceat(m, [0, 2], axis=-1) ** 2, M),
    "hypot.reduceat axis": (lambda m: np.hypot.reduceat(m, [1, 0], axis=-1) ** 2, M),
    "add.reduceat out": (
        lambda m: np.add.reduceat(m, [0, 2], axis=1, out=np.empty((2, 2))) ** 2,
        M,
    ),
}


def _at(name, index, *values):
    ufunc = getattr(np, name)

    def function(a, *b):
        made = a * 1.0
        ufunc.at(made, index, *(b or values))
        return made**2

    return function


AT = {
    "add.at": (_at("add", [0, 2, 0]), A, Q),
    "add.at scalar": (_at("add", [0, 2, 0], 0.3), A),
    "add.at slices": (_at("add", (slice(None), [0, 0])), M, M[:, :2] * 2),
    "add.at constants": (lambda b: _filled(np.add, b), Q),
    "subtract.at": (_at("subtract", [0, 2, 0]), A, Q),
    "multiply.at": (_at("multiply", [0, 2, 0]), A, Q),
    "multiply.at pairs": (_at("multiply", ([0, 1, 0], [1, 1, 1])), M, Q),
    "divide.at": (_at("divide", [0, 2, 0]), A, Q),
    "maximum.at": (_at("maximum", [0, 2, 0]), A, Q - 0.5),
    "minimum.at": (_at("minimum", [0, 2, 0]), A, Q - 0.5),
    "power.at": (_at("power", [0, 2, 0]), P, Q),
    "hypot.at": (_at("hypot", [0, 2, 0]), P, Q),
    "logaddexp.at": (_at("logaddexp", [0, 2, 0]), P, Q),
    "negative.at": (_at("negative", [0, 2, 0]), A),
    "exp.at": (_at("exp", [0, 2, 0]), A),
    "sin.at of a mask": (lambda a: _sin_at(a * 1.0), A),
}


def _filled(ufunc, b):
    made = np.zeros(4)
    ufunc.at(made, [1, 1, 3], b)
    return made**2


def _sin_at(a):
    np.sin.at(a, A > 0)
    return a


CASES = {**REDUCE, **ACCUMULATE, **OUTER, **REDUCEAT, **AT}

ROUNDED = {"power.accumulate": "powers of arrays and of numbers are rounded differently"}

"""Ufuncs: functions of one and two arguments, their options, several outputs, real and complex."""

import numpy as np

__all__ = ["CASES"]


def draw(*shape, low=0.3, high=1.2, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape)


A = draw(3, low=-0.9, high=0.9)
P = draw(3)
Q = draw(3, seed=1)
M = draw(2, 3, low=-1, high=1)
Z = draw(3) + 1j * draw(3, low=-0.8, high=0.8, seed=5)
W = draw(3, seed=6) - 1j * draw(3, seed=7)
YES = np.array([True, False, True])
x, y = 0.7, 1.3

REAL = {
    **{
        name: (getattr(np, name), A)
        for name in [
            "negative",
            "positive",
            "square",
            "exp",
            "exp2",
            "expm1",
            "sin",
            "cos",
            "tan",
            "arcsin",
            "arccos",
            "arctan",
            "sinh",
            "cosh",
            "tanh",
            "arcsinh",
            "arctanh",
            "deg2rad",
            "rad2deg",
            "degrees",
            "radians",
            "sinc",
            "fabs",
            "absolute",
            "abs",
            "cbrt",
            "i0",
            "conjugate",
            "conj",
            "real",
            "nan_to_num",
        ]
    },
    **{
        name: (getattr(np, name), P)
        for name in ["reciprocal", "sqrt", "log", "log2", "log10", "log1p", "real_if_close"]
    },
    "arccosh": (np.arccosh, P + 1.5),
    "array api names": (
        lambda a: (
            np.acos(a) + np.asin(a) + np.atan(a) + np.asinh(a) + np.atanh(a) + np.atan2(a, 2.0)
        ),
        A,
    ),
    "pow and acosh": (lambda a: np.pow(a, 2.5) + np.acosh(a + 2), P),
}

BINARY = {
    **{
        name: (getattr(np, name), A, P)
        for name in [
            "add",
            "subtract",
            "multiply",
            "divide",
            "true_divide",
            "arctan2",
            "hypot",
            "logaddexp",
            "logaddexp2",
        ]
    },
    **{name: (getattr(np, name), A, Q - 0.5) for name in ["maximum", "minimum", "fmax", "fmin"]},
    **{name: (getattr(np, name), 5 * A, Q) for name in ["remainder", "mod", "fmod"]},
    "power": (np.power, P, A),
    "float_power": (np.float_power, P, A),
    "float_power of integers": (lambda a: np.float_power(a, [1, 2, 3]), P),
    "power of integers": (lambda a: np.power(a, np.array([-1, 0, 3])), A),
    "power of a negative base": (lambda a: np.power(a, 3), -P),
    "integers to a traced power": (lambda a: np.power(np.array([1, 2, 3]), a), A),
    "copysign": (lambda a: np.copysign(a, -P), A),
    "copysign of traced signs": (lambda a: np.copysign(a, a * a - 0.3), A),
    "heaviside": (lambda h: np.heaviside([-1.0, 0.0, 2.0], h), P),
    "ldexp": (lambda a: np.ldexp(a, [1, 2, -3]), A),
    "frexp": (lambda a: np.frexp(5 * a)[0] ** 2, P),
    "modf": (lambda a: np.modf(5 * a)[0] ** 2, A),
    "divmod": (lambda a, b: np.divmod(5 * a, b)[1] ** 2, P, Q),
    "divmod of operators": (lambda a, b: divmod(5 * a, b)[1] + divmod(7.0, b)[1], P, Q),
    "floor_divide": (lambda a, b: np.floor_divide(a, b) * a, 5 * P, Q),
    "mod of integers": (lambda b: np.mod(np.array([7, 9, 11]), b), Q),
    "constants of other types": (lambda a: a * np.arange(3) + a * YES - np.float32(0.5), A),
    "scalars": (lambda a, b: np.hypot(a, b) + np.arctan2(a, b) + np.logaddexp(a, b), x, y),
    "broadcasting": (lambda m, a: np.hypot(m, a) + np.arctan2(m[:, :1], a), M, A + 2),
    "lists": (lambda a: np.multiply(a, [1.0, 2.0, 3.0]) + np.add((0.0, 1.0, 2.0), a), A),
    "nested list of traced": (lambda a, b: np.multiply([[a, b], [b, 2.0]], [a, b]), x, y),
}

OPTIONS = {
    "out": (lambda a: np.multiply(a, a, out=np.empty(3)), A),
    "out as a third argument": (lambda a: np.multiply(a, a, np.empty(3)), A),
    "out as a tuple": (lambda a: np.multiply(a, a, out=(np.empty(3),)), A),
    "out given is None": (lambda a: np.multiply(a, a, out=None) + np.exp(a, None), A),
    "out is the argument": (lambda a: _out_is_argument(+a), A),
    "out is a view": (lambda a: _out_is_view(a), A),
    "out of more axes": (lambda a: np.exp(a, out=np.zeros((2, 3))), A),
    "out of modf": (lambda a: _two_outs(np.modf, 3 * a), A),
    "out of modf in part": (lambda a: np.modf(3 * a, out=(np.empty(3), None))[0] ** 2, A),
    "out of divmod": (lambda a: _two_outs(np.divmod, 5 * a, P), A),
    "out of frexp": (lambda a: np.frexp(a, out=(np.empty(3), None))[0] ** 2, A),
    "where and out": (lambda a: np.exp(a, out=np.ones(3), where=YES), A),
    "where and traced out": (lambda a: np.exp(a, out=a * 2, where=YES), A),
    "where of more axes": (
        lambda a: np.exp(a, out=np.ones((2, 3)), where=np.array([[True], [False]])),
        A,
    ),
    "where true": (lambda a: np.exp(a, where=True), A),
    "dtype complex": (lambda a: np.sqrt(a, dtype=complex), A),
    "dtype complex of two": (lambda a, b: np.power(a, b, dtype=np.complex128), A, P),
    "dtype float": (lambda a: np.add(a, [1, 2, 3], dtype=float), A),
    "casting order subok": (
        lambda a: np.exp(a, casting="unsafe", order="C", subok=False, dtype=float),
        A,
    ),
    "order of elements": (lambda m: np.ravel(np.exp(m.T, order="C") ** 2, order="K"), M),
    "signature": (lambda a: np.add(a, a, signature="dd->d"), A),
    "sig of types": (lambda a: np.add(a, a, signature=(None, None, float)), A),
    "comparison and mask": (lambda a: a * np.greater(a, 0.0) + a * np.logical_not(a > 0), A),
    "integer functions": (
        lambda a: a * np.gcd([4, 6, 9], 2) * np.bitwise_and([1, 2, 3], 1) + a * np.invert(YES),
        A,
    ),
    "no derivative": (
        lambda a: a * (np.floor(a) + np.ceil(a) + np.trunc(a) + np.rint(a) + np.sign(a)),
        A,
    ),
    "spacing and nextafter": (lambda a: a * (1 + np.spacing(a)) + np.nextafter(a, 2.0) * a, A),
}


def _out_is_argument(a):
    np.multiply(a, a, out=a)
    np.sin(a, a)
    return a


def _out_is_view(a):
    made = np.zeros((2, 3))
    np.exp(a, out=made[1])
    np.sin(a, made[0, :])
    return made


def _two_outs(function, *args):
    first, second = np.empty(3), np.empty(3)
    found = function(*args, out=(first, second))
    return found[0] * args[0] + first + second * args[0]


COMPLEX = {
    **{
        f"complex {name}": (getattr(np, name), Z)
        for name in [
            "negative",
            "positive",
            "square",
            "reciprocal",
            "sqrt",
            "exp",
            "exp2",
            "expm1",
            "log",
            "log2",
            "log10",
            "log1p",
            "sin",
            "cos",
            "tan",
            "arcsin",
            "arccos",
            "arctan",
            "sinh",
            "cosh",
            "tanh",
            "arcsinh",
            "arccosh",
            "arctanh",
            "conjugate",
            "real",
            "imag",
            "absolute",
            "angle",
            "sign",
            "sinc",
            "nan_to_num",
        ]
    },
    **{
        f"complex {name}": (getattr(np, name), Z, W)
        for name in ["add", "subtract", "multiply", "divide", "power", "float_power"]
    },
    "real base, complex power": (np.power, P, Z),
    "complex base, real power": (np.power, Z, P),
    "complex base, whole power": (lambda z: z**3 + z**-2 + np.power(z, 0), Z),
    "negative base, complex type": (lambda a: (a + 0j) ** 0.5, -P),
    "root left of the branch cut": (np.sqrt, -P + 1e-3j),
    "logarithm left of the branch cut": (np.log, -P - 0.2j),
    "arcsin outside": (np.arcsin, Z + 2),
    "arctanh outside": (np.arctanh, Z + 2),
    "arccosh left": (np.arccosh, Z - 2),
    "angle in degrees": (lambda z: np.angle(z, deg=True), Z),
    "angle of a real": (lambda a: np.angle(a) + a, A),
    "real to complex to real": (lambda a: np.abs(np.exp(1j * a) + a) ** 2, A),
    "real times complex": (lambda a, z: a * z + a / z - z / a, P, Z),
    "complex to real and back": (lambda z: z.real * 1j + np.imag(z) ** 2 * z, Z),
    "modulus of a scalar": (lambda z: abs(z) * np.angle(z), 0.3 + 0.4j),
    "sign of a scalar": (np.sign, 0.3 + 0.4j),
    "complex out": (lambda a: np.multiply(a, 1j, out=np.empty(3, complex)), A),
    "real_if_close": (lambda a: np.real_if_close(a + 0j) ** 2, A),
    "unwrap of an angle": (lambda z: np.unwrap(np.angle(z**5)), Z),
    "where": (lambda z, a: np.where(YES, z, a) ** 2, Z, A),
    "clip": (lambda a: np.clip(a, -0.3, 0.4) + np.clip(a, None, np.array([0.1, 2.0, 3.0])), A),
    "divide with out and where": (
        lambda z, w: np.divide(z, w, out=np.zeros(3, complex), where=YES),
        Z,
        W,
    ),
}

PRODUCTS = {
    name: case
    for name, case in {
        "vecdot": (lambda a, b: np.vecdot(a, b), M, A),
        "vecdot complex": (lambda a, b: np.vecdot(a, b), Z, W),
        "vecdot axis": (lambda a, b: np.vecdot(a, b, axis=0), M, M * 2),
        "matvec": (lambda m, a: np.matvec(m, a), M, A),
        "vecmat": (lambda a, m: np.vecmat(a, m), M[:, 0], M),
        "vecmat complex": (lambda a, m: np.vecmat(a, m), Z[:2], M),
        "matvec stacks": (lambda m, a: np.matvec(m[None] * [[[1.0]], [[2.0]]], a), M, A),
    }.items()
    if hasattr(np, name.split()[0])
}

CASES = {**REAL, **BINARY, **OPTIONS, **COMPLEX, **PRODUCTS}

"""Every rule at first and second order: one table of cases (name, function, arguments)."""

import cmath
import math
import operator
import statistics

import numpy as np
import pytest
import scipy.sparse

import sciad
from sciad.core.testing import check_grads


def draw(*shape, low=0.3, high=1.2, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape)


A = draw(3, low=-0.9, high=0.9)
P = draw(3)
Q = draw(3, seed=1)
M = draw(2, 3, low=-1, high=1)
N = draw(3, 2, low=-1, high=1, seed=2)
S = draw(3, 3, low=-1, high=1, seed=3)
T3 = draw(2, 3, 2, low=-1, high=1, seed=4)
Z = draw(3) + 1j * draw(3, low=-0.8, high=0.8, seed=5)
W = draw(3, seed=6) - 1j * draw(3, seed=7)
SPARSE = scipy.sparse.csr_array(np.triu(S))
x, y = 0.7, 1.3

UNARY = {
    "negative": (np.negative, A),
    "positive": (np.positive, A),
    "reciprocal": (np.reciprocal, P),
    "square": (np.square, A),
    "sqrt": (np.sqrt, P),
    "cbrt": (np.cbrt, P),
    "exp": (np.exp, A),
    "exp2": (np.exp2, A),
    "expm1": (np.expm1, A),
    "log": (np.log, P),
    "log2": (np.log2, P),
    "log10": (np.log10, P),
    "log1p": (np.log1p, P),
    "sin": (np.sin, A),
    "cos": (np.cos, A),
    "tan": (np.tan, A),
    "arcsin": (np.arcsin, A),
    "arccos": (np.arccos, A),
    "arctan": (np.arctan, A),
    "sinh": (np.sinh, A),
    "cosh": (np.cosh, A),
    "tanh": (np.tanh, A),
    "arcsinh": (np.arcsinh, A),
    "arccosh": (np.arccosh, P + 1.5),
    "arctanh": (np.arctanh, A),
    "deg2rad": (np.deg2rad, A),
    "rad2deg": (np.rad2deg, A),
    "degrees": (np.degrees, A),
    "radians": (np.radians, A),
    "sinc": (np.sinc, A),
    "fabs": (np.fabs, A),
    "absolute": (np.absolute, A),
    "nan_to_num": (np.nan_to_num, A),
    "modf": (lambda v: np.modf(v)[0], A + 2),
}

SCALARS = {
    "math.sqrt": (math.sqrt, x),
    "math.exp": (math.exp, x),
    "math.exp2": (math.exp2, x),
    "math.expm1": (math.expm1, x),
    "math.log": (math.log, x),
    "math.log base": (lambda v: math.log(v, 3.0), x),
    "math.log both": (lambda v, b: math.log(v, b), x, y),
    "math.log2": (math.log2, x),
    "math.log10": (math.log10, x),
    "math.log1p": (math.log1p, x),
    "math.sin": (math.sin, x),
    "math.cos": (math.cos, x),
    "math.tan": (math.tan, x),
    "math.asin": (math.asin, x),
    "math.acos": (math.acos, x),
    "math.atan": (math.atan, x),
    "math.atan2": (math.atan2, x, y),
    "math.sinh": (math.sinh, x),
    "math.cosh": (math.cosh, x),
    "math.tanh": (math.tanh, x),
    "math.asinh": (math.asinh, x),
    "math.acosh": (math.acosh, y),
    "math.atanh": (math.atanh, x),
    "math.pow": (math.pow, x, y),
    "math.cbrt": (math.cbrt, x),
    "math.hypot": (math.hypot, x, y),
    "math.hypot of three": (lambda a, b: math.hypot(a, b, a * b), x, y),
    "math.dist": (lambda a, b: math.dist((a, b), (b, 2.0)), x, y),
    "math.fmod": (math.fmod, 5 * x, y),
    "math.remainder": (math.remainder, 5 * x, y),
    "math.modf": (lambda v: math.modf(v)[0], 5 * x),
    "math.copysign": (lambda v: math.copysign(v, -2.0), x),
    "math.degrees": (math.degrees, x),
    "math.radians": (math.radians, x),
    "math.fabs": (math.fabs, -x),
    "math.erf": (math.erf, x),
    "math.erfc": (math.erfc, x),
    "math.fsum": (lambda a, b: math.fsum([a * b, a, 3.0]), x, y),
    "math.prod": (lambda a, b: math.prod([a, b, a]), x, y),
    "statistics.mean": (lambda a, b: statistics.mean([a * b, a]), x, y),
    "abs": (abs, -x),
    "pow": (pow, x, y),
    "divmod": (lambda a, b: divmod(a, b)[1], 5 * x, y),
    "float": (lambda v: float(v) ** 2, x),
    "sum": (lambda a, b: sum([a * a, b, a * b]), x, y),
    "min max": (lambda a, b: min(a, b) * max(a * a, b, 0.1), x, y),
    "int power": (lambda v: v**3 + v**-2 + v**0, x),
    "rpow": (lambda v: 2.0**v, x),
    "rtruediv": (lambda v: 2.0 / v, x),
    "rsub": (lambda v: (2.0 - v) ** 2, x),
    "np on floats": (lambda v: np.sin(v) * np.exp(v), x),
}

BINARY = {
    "add": (np.add, A, P),
    "subtract": (np.subtract, A, P),
    "multiply": (np.multiply, A, P),
    "divide": (np.divide, A, P),
    "power": (np.power, P, A),
    "float_power": (np.float_power, P, A),
    "remainder": (np.remainder, 5 * P, Q),
    "mod negative": (np.mod, -5 * P, Q),
    "fmod": (np.fmod, -5 * P, Q),
    "arctan2": (np.arctan2, A, P),
    "hypot": (np.hypot, A, P),
    "logaddexp": (np.logaddexp, A, P),
    "logaddexp2": (np.logaddexp2, A, P),
    "maximum": (np.maximum, A, Q - 0.5),
    "minimum": (np.minimum, A, Q - 0.5),
    "fmax": (np.fmax, A, Q - 0.5),
    "fmin": (np.fmin, A, Q - 0.5),
    "copysign": (lambda v: np.copysign(v, -P), A),
    "where": (lambda a, b: np.where(A > 0, a, b), A, P),
    "clip": (lambda v: np.clip(v, -0.3, 0.4), A),
    "clip bounds": (lambda v, lo: np.clip(v, lo, 0.9), A, Q - 0.8),
    "operators": (lambda a, b: (a + b) * a - b / a + a**b + (2 - b) ** 2 + -a, P, Q),
    "reflected": (lambda a: 2.0 - a + 3.0 / a + 2.0**a + 1.5 * a, P),
    "mod operator": (lambda a, b: a % b + 7.0 % b, 5 * P, Q),
    "matrix and row": (lambda a, b: a * b + a / (2 + b), M, A),
    "column and row": (lambda a, b: a * b - b, draw(3, 1), A),
    "scalar and array": (lambda s, a: s * a + a / s + s**2, 0.7, A),
    "array and list": (lambda a: a * [1.0, 2.0, 3.0] + (0.0, 1.0, 2.0), A),
    "out": (lambda a: np.multiply(a, a, out=np.empty(3)), A),
    "where out": (lambda a: np.exp(a, out=np.zeros(3), where=np.array([True, False, True])), A),
}

REDUCTIONS = {
    "sum": (np.sum, M),
    "sum axis": (lambda m: np.sum(m**2, axis=1), M),
    "sum axes": (lambda m: np.sum(m**2, axis=(0, -1), keepdims=True), T3),
    "sum where": (lambda m: np.sum(m**2, where=M > 0), M),
    "sum initial": (lambda m: np.sum(m**2, initial=5.0), M),
    "mean": (lambda m: np.mean(m**2, axis=0), M),
    "mean where": (lambda m: np.mean(m**2, where=M > 0), M),
    "average": (lambda m, w: np.average(m, weights=w), P, Q),
    "average axis": (lambda m, w: np.average(m, axis=1, weights=w), M, P),
    "var": (lambda m: np.var(m, axis=1), M),
    "var ddof": (lambda m: np.var(m, ddof=1), M),
    "std": (lambda m: np.std(m, axis=0, keepdims=True), M),
    "prod": (np.prod, P),
    "prod axis": (lambda m: np.prod(m, axis=(0, 2)), T3),
    "prod with a zero": (np.prod, np.array([0.5, 0.0, 2.0])),
    "prod with two zeros": (np.prod, np.array([0.5, 0.0, 0.0, 2.0])),
    "cumsum": (lambda m: np.cumsum(m**2), M),
    "cumsum axis": (lambda m: np.cumsum(m**2, axis=0), M),
    "cumprod": (lambda m: np.cumprod(m, axis=1), M),
    "cumprod with a zero": (np.cumprod, np.array([0.5, 0.0, 2.0])),
    "max": (np.max, M),
    "max axis": (lambda m: np.max(m**2, axis=1, keepdims=True), M),
    "min axis": (lambda m: np.min(m**3, axis=0), M),
    "ptp": (np.ptp, A),
    "diff": (lambda a: np.diff(a**2, n=2), draw(5)),
    "diff axis": (lambda m: np.diff(m**2, axis=0, prepend=1.0), M),
    "trapezoid": (np.trapezoid, P),
    "trapezoid x": (lambda v, t: np.trapezoid(v, t), P, np.array([0.0, 0.5, 2.0])),
    "median odd": (np.median, A),
    "median axis": (lambda m: np.median(m, axis=0), draw(4, 3)),
    "sort": (lambda a: np.sort(a**2), A),
    "norm": (np.linalg.norm, A),
    "methods": (lambda m: m.sum(axis=0) + m.mean() + m.max() * m.std() + m.prod(), M),
    "ufunc reduce": (lambda m: np.add.reduce(m**2, axis=1), M),
    "ufunc outer": (lambda a, b: np.multiply.outer(a, b), A, P),
}

SHAPES = {
    "reshape": (lambda m: np.reshape(m**2, (3, 2)), M),
    "reshape method": (lambda m: (m**2).reshape(-1, 2), M),
    "reshape F": (lambda m: (m**2).reshape((3, 2), order="F"), M),
    "ravel": (lambda m: np.ravel(m**2), M),
    "ravel F": (lambda m: np.ravel(m**2, order="F"), M),
    "flatten": (lambda m: m.flatten() ** 2, M),
    "transpose": (lambda m: np.transpose(m, (2, 0, 1)) ** 2, T3),
    "T": (lambda m: m.T**2, M),
    "swapaxes": (lambda m: np.swapaxes(m, 0, -1) ** 2, T3),
    "moveaxis": (lambda m: np.moveaxis(m, 0, -1) ** 2, T3),
    "squeeze": (lambda m: np.squeeze(m[None, :, None]) ** 2, A),
    "expand_dims": (lambda a: np.expand_dims(a, 1) ** 2, A),
    "atleast": (lambda a: np.atleast_2d(a) ** 2 + np.atleast_1d(a[0]), A),
    "flip": (lambda m: np.flip(m, 1) ** 2, M),
    "rot90": (lambda m: np.rot90(m) ** 2, M),
    "roll": (lambda m: np.roll(m, 2, axis=1) ** 2, M),
    "roll all": (lambda m: np.roll(m, 1) ** 2, M),
    "copy": (lambda m: np.copy(m) ** 2, M),
    "broadcast_to": (lambda a: np.broadcast_to(a, (2, 3)) ** 2, A),
    "broadcast_arrays": (lambda a, b: np.multiply(*np.broadcast_arrays(a, b)), M, A),
    "repeat": (lambda a: np.repeat(a, 2) ** 2, A),
    "repeat counts": (lambda m: np.repeat(m, [1, 0, 3], axis=1) ** 2, M),
    "repeat flat": (lambda m: np.repeat(m, 2) ** 2, M),
    "tile": (lambda m: np.tile(m, (2, 1)) ** 2, M),
    "tile more": (lambda a: np.tile(a, (2, 2)) ** 2, A),
    "tril triu": (lambda s: np.tril(s) ** 2 + np.triu(s, 1) ** 3, S),
    "diagonal": (lambda s: np.diagonal(s, 1) ** 2, S),
    "diagonal of stack": (lambda t: np.diagonal(t, 0, 0, 2) ** 2, T3),
    "diag build": (lambda a: np.diag(a**2, 1), A),
    "diag read": (lambda s: np.diag(s) ** 2, S),
    "trace": (lambda s: np.trace(s**2), S),
    "concatenate": (lambda a, m: np.concatenate([m, a[None]]) ** 2, A, M),
    "concatenate flat": (lambda a, m: np.concatenate([m, a[None]], axis=None) ** 2, A, M),
    "concatenate constant": (lambda a: np.concatenate([a, np.ones(2), a]) ** 2, A),
    "stack": (lambda a, b: np.stack([a, b, a], axis=1) ** 2, A, P),
    "vstack": (lambda a, b: np.vstack([a, b]) ** 2, A, P),
    "hstack": (lambda a, b: np.hstack([a, b]) ** 2, A, P),
    "dstack": (lambda a, b: np.dstack([a, b]) ** 2, A, P),
    "column_stack": (lambda a, b: np.column_stack([a, b]) ** 2, A, P),
    "append": (lambda a: np.append(a, a[0]) ** 2, A),
    "split": (lambda a: np.split(a**2, [1])[1] * np.array_split(a, 2)[0], A),
    "meshgrid": (lambda a, b: np.meshgrid(a, b)[0] * np.meshgrid(a, b)[1], A, P[:2]),
    "array literal": (lambda a, b: np.array([[a, 1.0], [b * a, b]]) ** 2, x, y),
    "array of arrays": (lambda a, b: np.array([a, b, [1.0, 2.0, 3.0]]) ** 2, A, P),
    "array copy": (lambda a: np.array(a, copy=True) * np.asarray(a), A),
    "full": (lambda a: np.full((2, 2), a**2), x),
    "full_like": (lambda a, m: np.full_like(m, a) * m, x, M),
    "linspace": (lambda a, b: np.linspace(a, b, 4) ** 2, x, y),
    "linspace step": (lambda a, b: np.linspace(a, b, 4, retstep=True)[1] ** 2, x, y),
    "arange": (lambda a: np.arange(a, 4.0, 0.7) ** 2, x),
    "logspace": (lambda a, b: np.logspace(a, b, 3), x, y),
    "vander": (lambda a: np.vander(a), P),
    "astype": (lambda a: a.astype(np.float64) ** 2, A),
    "tolist": (lambda a: np.array(a.tolist()) ** 2, A),
    "item": (lambda a: a[:1].item() * a.item(2), A),
    "iterate": (lambda m: [row * k for k, row in enumerate(m)], M),
}

INDEXING = {
    "int": (lambda m: m[1, 2] ** 2 * m[-1, 0], M),
    "row": (lambda m: m[1] ** 2, M),
    "slice": (lambda m: m[:, ::2] ** 2, M),
    "negative step": (lambda a: a[::-1] * a, A),
    "newaxis": (lambda a: a[:, None] * a[None, :], A),
    "ellipsis": (lambda t: t[..., 0] ** 2, T3),
    "fancy": (lambda a: a[[0, 2, 0]] ** 2, A),
    "fancy array": (lambda m: m[np.array([0, 1, 0]), np.array([2, 2, 1])] ** 2, M),
    "fancy and slice": (lambda t: t[:, [0, 0, 2]] ** 2, T3),
    "split fancy": (lambda t: t[[0, 1], :, [0, 1]] ** 2, T3),
    "int and fancy": (lambda t: t[0, :, [0, 1, 1]] ** 2, T3),
    "mask": (lambda a: a[A > 0] ** 2, A),
    "mask 2d": (lambda m: m[M > 0] ** 2, M),
    "view of view": (lambda m: m[1:][:, 1:].T ** 2, M),
    "take": (lambda m: np.take(m, [0, 2, 2], axis=1) ** 2, M),
    "take flat": (lambda m: np.take(m, [[0, 5], [1, 1]]) ** 2, M),
    "take_along_axis": (lambda m: np.take_along_axis(m, np.argsort(M, 1), 1) ** 2, M),
    "compress": (lambda m: np.compress([True, False, True], m, axis=1) ** 2, M),
    "extract": (lambda a: np.extract(A > 0, a) ** 2, A),
    "select": (lambda a: np.select([A > 0.5, A > 0], [a**2, a**3], 0.0), A),
    "getitem": (lambda a: operator.getitem(a, 1) ** 2, A),
    "interp": (lambda t, f: np.interp(t, [0.0, 0.5, 2.0], f), P, Q),
    "interp xp": (lambda t, xp: np.interp(t, xp, [1.0, 2.0, 0.5]), 0.7, np.array([0.0, 0.5, 2.0])),
}

CONTRACTIONS = {
    "matmul": (np.matmul, M, N),
    "matmul vectors": (lambda a, b: a @ b, A, P),
    "matmul mv": (lambda m, a: m @ a, M, A),
    "matmul vm": (lambda a, n: a @ n, A, N),
    "matmul stacks": (lambda t, n: t @ n, T3, draw(2, 2)),
    "matmul broadcast": (lambda m, t: m @ t, S, T3),
    "matmul vector stack": (lambda a, t: a @ t, A, T3),
    "matmul constant": (lambda a: S @ a, A),
    "dot": (np.dot, M, N),
    "dot vectors": (np.dot, A, P),
    "dot scalar": (lambda s, a: np.dot(s, a), x, A),
    "dot nd": (lambda m, t: np.dot(m, t), M, T3),
    "dot method": (lambda m, n: m.dot(n), M, N),
    "vdot": (np.vdot, A, P),
    "inner": (np.inner, M, S),
    "inner vectors": (np.inner, A, P),
    "outer": (np.outer, A, P),
    "tensordot": (lambda t, m: np.tensordot(t, m, ([1, 0], [1, 0])), T3, M),
    "tensordot one": (lambda t, s: np.tensordot(t, s, ([1], [0])), T3, S),
    "kron": (np.kron, M, N),
    "cross": (np.cross, A, P),
    "einsum": (lambda m, n: np.einsum("ij,jk->ik", m, n), M, N),
    "einsum implicit": (lambda m, n: np.einsum("ij,jk", m, n), M, N),
    "einsum trace": (lambda s: np.einsum("ii", s), S),
    "einsum diagonal": (lambda s: np.einsum("ii->i", s) ** 2, S),
    "einsum sum": (lambda m: np.einsum("ij->j", m) ** 2, M),
    "einsum all": (lambda m: np.einsum("ij->", m) ** 2, M),
    "einsum ellipsis": (lambda t, s: np.einsum("...ij,jk->...ik", np.swapaxes(t, 1, 2), s), T3, S),
    "einsum three": (lambda a, s, b: np.einsum("i,ij,j->", a, s, b), A, S, P),
    "einsum lists": (lambda m, n: np.einsum(m, [0, 1], n, [1, 2], [0, 2]), M, N),
    "einsum outer": (lambda a, b: np.einsum("i,j->ji", a, b), A, P),
}

ALGEBRA = {
    "inv": (np.linalg.inv, S + 2 * np.eye(3)),
    "solve": (np.linalg.solve, S + 2 * np.eye(3), N),
    "solve vector": (np.linalg.solve, S + 2 * np.eye(3), A),
    "det": (np.linalg.det, S),
    "slogdet": (lambda s: np.linalg.slogdet(s)[1], S),
    "matrix_power": (lambda s: np.linalg.matrix_power(s, 3), S),
    "norm axis": (lambda m: np.linalg.norm(m, axis=1, keepdims=True), M),
    "norm frobenius": (lambda m: np.linalg.norm(m, "fro"), M),
    "norm one": (lambda a: np.linalg.norm(a, 1), A),
    "norm inf": (lambda a: np.linalg.norm(a, np.inf), A),
    "norm of complex": (np.linalg.norm, Z),
    "inv complex": (np.linalg.inv, S + 2 * np.eye(3) + 0.3j * S.T),
    "solve complex": (np.linalg.solve, S + 2 * np.eye(3) + 0.3j * S.T, Z),
    "det complex": (np.linalg.det, S + 0.3j * S.T),
    "sparse matmul": (lambda a: SPARSE @ a, A),
    "matmul sparse": (lambda m: m @ SPARSE, M),
    "vector matmul sparse": (lambda a: a @ SPARSE, A),
}

FOLLOWED = {
    "gradient": (lambda a: np.gradient(a**2), draw(5)),
    "cov": (lambda m: np.cov(m), M),
    "polyval": (lambda c, t: np.polyval(c, t), A, 0.7),
    "pad": (lambda a: np.pad(a, 1) ** 2, A),
    "piecewise": (lambda a: np.piecewise(a, [A < 0, A >= 0], [lambda t: -t, lambda t: t**3]), A),
    "vectorize": (lambda a: np.vectorize(lambda t: math.sin(t) * t)(a), M),
    "vectorize two": (lambda a, s: np.vectorize(lambda t, u: t * u * u)(a, s), A, 0.7),
    "block": (lambda m: np.block([[m, m * m], [m * 2, m]]), M),
    "bincount": (lambda a: np.bincount([0, 2, 0], weights=a) ** 2, A),
    "nansum": (lambda a: np.nansum(a**2), A),
    "unwrap": (np.unwrap, A),
    "fromfunction": (lambda a: np.fromfunction(lambda i, j: i * a[0] + j * a[1], (2, 2)) ** 2, A),
    "multi_dot": (lambda m, n, a: np.linalg.multi_dot([m, n, m, a]), M, N, A),
}

COMPLEX = {
    "multiply": (np.multiply, Z, W),
    "divide": (np.divide, Z, W),
    "power": (lambda z: z**3, Z),
    "power complex": (np.power, Z, W),
    "exp": (np.exp, Z),
    "log": (np.log, Z),
    "sqrt": (np.sqrt, Z),
    "sin": (np.sin, Z),
    "tanh": (np.tanh, Z),
    "conj": (lambda z: np.conj(z) * z, Z),
    "real": (lambda z: z.real**2, Z),
    "imag": (lambda z: np.imag(z) ** 2, Z),
    "abs": (np.abs, Z),
    "abs squared": (lambda z: abs(z) ** 2, Z),
    "angle": (np.angle, Z),
    "real times complex": (lambda a, z: a * z, A, Z),
    "real to complex": (lambda a: np.exp(1j * a), A),
    "scalar to complex": (lambda s: abs(s * (1 + 2j) + 1j) ** 2, x),
    "complex()": (lambda a, b: complex(a, b) ** 2, x, y),
    "cmath.exp": (lambda a: cmath.exp(1j * a) * a, x),
    "complex scalar in": (lambda z: z * z + cmath.sin(z), 0.3 + 0.4j),
    "matmul": (lambda m, z: m @ z, S + 1j * S.T, Z),
    "matmul real": (lambda s, z: s @ z, S, Z),
    "vdot": (np.vdot, Z, W),
    "outer": (np.outer, Z, W),
    "einsum": (lambda z, w: np.einsum("i,i->", z, w), Z, W),
    "sum": (lambda z: np.sum(z**2), Z),
    "prod": (np.prod, Z),
    "cumprod": (np.cumprod, Z),
    "var": (np.var, Z),
    "index": (lambda z: z[1] * z[0:2], Z),
    "stack": (lambda z, a: np.stack([z, a]) ** 2, Z, A),
    "where": (lambda z, a: np.where(A > 0, z, a) ** 2, Z, A),
    "astype": (lambda a: a.astype(complex) * 1j, A),
    "array of real and complex": (lambda a, z: np.array([a, z]) ** 2, x, 0.3 + 0.4j),
}

TABLES = {
    "unary": UNARY,
    "scalars": SCALARS,
    "binary": BINARY,
    "reductions": REDUCTIONS,
    "shapes": SHAPES,
    "indexing": INDEXING,
    "contractions": CONTRACTIONS,
    "algebra": ALGEBRA,
    "followed": FOLLOWED,
    "complex": COMPLEX,
}
CASES = [
    pytest.param(function, args, id=f"{table}-{name}")
    for table, cases in TABLES.items()
    for name, (function, *args) in cases.items()
]


@pytest.mark.parametrize(("function", "args"), CASES)
def test_derivatives(function, args):
    check_grads(function, args, order=2)


@pytest.mark.parametrize(("function", "args"), CASES)
def test_value_is_that_of_numpy(function, args):
    value, _ = sciad.vjp(function, *args)
    expected = function(*args)
    np.testing.assert_array_equal(np.asarray(value), np.asarray(expected))
    assert np.asarray(value).dtype == np.asarray(expected).dtype


X5 = [0.1, 0.2, 0.3, 1e-17, 2.1]
SUMS = {
    "sum": lambda *x: sum(x),
    "sum with start": lambda *x: sum([x[0] * x[1], 2, x[4]], 1.5),
    "sum of a generator": lambda *x: sum(v * v for v in x),
    "fsum": lambda *x: math.fsum(x) * math.fsum([x[0], 2]),
}
if hasattr(math, "sumprod"):
    SUMS["sumprod"] = lambda *x: math.sumprod([1, 2.0, x[0]], [x[4], x[1], x[2]])


@pytest.mark.parametrize("name", SUMS)
def test_sums_round_as_in_the_plain_program(name):
    value, _ = sciad.vjp(SUMS[name], *X5)
    assert value == SUMS[name](*X5)
    check_grads(SUMS[name], tuple(X5), order=2)

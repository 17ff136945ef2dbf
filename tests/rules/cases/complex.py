"""Complex numbers in and out."""

import cmath

import numpy as np

from .inputs import A, P, S, W, Z, x, y

z = 0.3 + 0.4j

CASES = {
    "multiply": (np.multiply, Z, W),
    "divide": (np.divide, Z, W),
    "power": (lambda z: z**3, Z),
    "power complex": (np.power, Z, W),
    "power of negative numbers": (lambda a, w: np.power(-a, w), P, W),
    "power of a negative number": (lambda v, c: (-v) ** c, x, 1.2 - 0.7j),
    "float_power of negative numbers": (lambda w: np.float_power(-P, w), W),
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
    "cmath.acos": (cmath.acos, z),
    "cmath.acosh": (cmath.acosh, z),
    "cmath.asin": (cmath.asin, z),
    "cmath.asinh": (cmath.asinh, z),
    "cmath.atan": (cmath.atan, z),
    "cmath.atanh": (cmath.atanh, z),
    "cmath.cos": (cmath.cos, z),
    "cmath.cosh": (cmath.cosh, z),
    "cmath.log": (cmath.log, z),
    "cmath.log base": (lambda v: cmath.log(v, 3.0), z),
    "cmath.log10": (cmath.log10, z),
    "cmath.sinh": (cmath.sinh, z),
    "cmath.sqrt": (cmath.sqrt, z),
    "cmath.tan": (cmath.tan, z),
    "cmath.tanh": (cmath.tanh, z),
    "cmath of a float": (lambda v: cmath.sqrt(v) * cmath.exp(v), x),
    "cmath.sqrt of a negative float": (lambda v: cmath.sqrt(v), -x),
    "np.complex128": (lambda a: np.complex128(a) * 1j, A),
    "np.cdouble": (lambda a: np.cdouble(a) * 1j, x),
    "np.complex64": (lambda a: np.complex64(a), x),
}

ROUNDED = {"cmath.log base": "Python and NumPy divide complex numbers in different orders"}
SINGLE_INSIDE = {"np.complex64": "a conversion to single precision"}

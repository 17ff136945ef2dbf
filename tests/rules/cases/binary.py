"""Elementwise functions of several arguments, operators, broadcasting."""

import numpy as np

from .inputs import A, M, P, Q, draw

CASES = {
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

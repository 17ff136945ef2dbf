"""Arrays written as lists of numbers, and conversions of their type."""

import numpy as np

from .inputs import A, P, x, y

CASES = {
    "array literal": (lambda a, b: np.array([[a, 1.0], [b * a, b]]) ** 2, x, y),
    "array of arrays": (lambda a, b: np.array([a, b, [1.0, 2.0, 3.0]]) ** 2, A, P),
    "float64": (lambda a: np.float64(a) ** 2, x),
    "float32": (lambda a: np.float32(a) * 2, x),
    "single": (lambda a: np.single(a) * 2, A),
    "astype single": (lambda a: a.astype(np.float32) * 2, A),
}

SINGLE_INSIDE = {
    "float32": "a conversion to single precision",
    "single": "a conversion to single precision",
    "astype single": "a conversion to single precision",
}

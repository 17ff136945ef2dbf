"""Elementwise functions of one argument."""

import numpy as np

from .inputs import A, P

CASES = {
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

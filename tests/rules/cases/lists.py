"""Nested lists of traced numbers in the place of arrays, by position and by name."""

import numpy as np

from .inputs import P, S

FUNCTIONS = {
    "swapaxes": lambda m: np.swapaxes(m, 0, 1),
    "moveaxis": lambda m: np.moveaxis(m, 0, -1),
    "transpose": np.transpose,
    "reshape": lambda m: np.reshape(m, (-1,)),
    "squeeze": lambda m: np.squeeze([m], 0),
    "expand_dims": lambda m: np.expand_dims(m, 1),
    "broadcast_to": lambda m: np.broadcast_to(m, (2, 3, 3)),
    "flip": lambda m: np.flip(m, 1),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "rot90": np.rot90,
    "roll": lambda m: np.roll(m, 1, 0),
    "repeat": lambda m: np.repeat(m, 2, 1),
    "tile": lambda m: np.tile(m, 2),
    "diagonal": np.diagonal,
    "trace": np.trace,
    "tril": np.tril,
    "triu": np.triu,
    "ptp": lambda m: np.ptp(m, 0),
    "compress": lambda m: np.compress([True, False, True], m, 0),
    "vdot": lambda m: np.vdot(m, m),
    "copy": np.copy,
    "real": np.real,
    "imag": lambda m: np.imag([[1j * v for v in row] for row in m]),
    "matmul": lambda m: np.matmul(m, m),
    "matmul of list and array": lambda m: np.matmul(m, np.array(m)),
    "std": lambda m: np.std(m, 0),
    "nanstd": lambda m: np.nanstd(m, 0),
    "transpose by name": lambda m: np.transpose(a=m),
    "flip by name": lambda m: np.flip(m=m, axis=0),
}


def _nested(x):
    return [_nested(row) for row in x] if np.ndim(x) else x


CASES = {
    f"{name} of lists": (lambda s, function=function: function(_nested(s)), S)
    for name, function in FUNCTIONS.items()
}
CASES["swapaxes by name"] = (lambda s, p: np.swapaxes(s * p, axis1=0, axis2=1), S, P)

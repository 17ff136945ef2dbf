"""A program on large arrays, and its adjoint written by hand in NumPy."""

import numpy as np

__all__ = ["large_program", "large_program_with_adjoint"]


def large_program(x, w):
    y = np.tanh(x * w + 0.5)
    z = np.exp(-y) * x + np.sin(y)
    return np.sum(z * z / (1.0 + y * y))


def large_program_with_adjoint(x, w):
    """Value and the gradients to `x` and `w`."""
    y = np.tanh(x * w + 0.5)
    e = np.exp(-y)
    z = e * x + np.sin(y)
    d = 1.0 + y * y
    zz = z * z
    value = np.sum(zz / d)
    to_z = 2.0 * z / d
    to_x = to_z * e
    to_y = zz / (d * d)
    to_y *= -2.0 * y
    to_y -= to_z * x * e
    to_y += to_z * np.cos(y)
    to_t = to_y * (1.0 - y * y)
    to_x += to_t * w
    return value, (to_x, to_t * x)
